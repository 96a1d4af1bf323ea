"""Tables: kernels that are called one after the other, by one thread or by several.

Several threads run the same table side by side, each with its part of every kernel's work.  They meet where a line
needs the results of other threads.  Meanwhile each thread stays on its own processor: two threads that wait for each
other on one processor would alternate in turns of milliseconds.  A thread that waits for long rests in between, so that
other programs get the processor.  Threads that spin without end would starve them.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from threading import Event, Thread
from typing import Any

import numpy as np
from numba import types

from ..parameters import Array
from ..processors import alone, cores_from_here, stay_on
from . import running
from .machine import Kernel, compiled
from .running import ARRIVED, END, GIVE_WAY, NUMBERS

LONG, LONGS, REALS = types.int64, types.int64[::1], types.float64[::1]
LOOKS = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)
TABLE = (LONGS, LONGS, LONG, LONG)


@cache
def _steps() -> Any:
    return compiled(running, "steps", (*TABLE, LONG, LONG, types.float64[:, ::1], REALS, REALS,
                                       types.float64[:, ::1], LONGS, LONG, LONG))  # fmt: skip


@cache
def _once() -> Any:
    return compiled(running, "once", (*TABLE, LONGS, LONG, LONG))


@cache
def _give_way() -> int:
    """Return the address of a function that lets other threads run for some microseconds; 0 if it is unknown."""
    name = "SwitchToThread" if os.name == "nt" else "usleep"
    library = ctypes.WinDLL("kernel32") if os.name == "nt" else ctypes.CDLL(None)  # type: ignore[attr-defined]
    function = getattr(library, name, None)
    return ctypes.cast(function, ctypes.c_void_p).value or 0 if function is not None else 0


class Table:
    """Kernels to be called one after the other, with their arguments.

    Args:
        dtype: the dtype of the elements.
        others: tables whose lines come first.
    """

    def __init__(self, dtype: np.dtype[Any], *others: Table) -> None:
        self.lines: list[tuple[Kernel, list[int], bool]] = [line for other in others for line in other.lines]
        self._alive: list[Any] = [*others, np.zeros(1, dtype)]  # an array must live as long as its address is used
        self._like = self._alive[-1].ctypes.data
        self._arguments: tuple[Any, ...] = ()
        self.shared = np.zeros(6, np.int64)

    def add(self, kernel: Kernel, *arguments: Array | int, wait: bool = False) -> None:
        """Append a line.

        Args:
            kernel: the kernel to call.
            arguments: C-contiguous arrays of one or two dimensions, and whole numbers.
            wait: whether it needs, or overwrites, results of other threads from earlier lines.
        """
        numbers: list[int] = []
        for each in arguments:
            if isinstance(each, np.ndarray):
                assert each.flags.c_contiguous and each.ndim in (1, 2)
                numbers += [each.ctypes.data, *((1, *each.shape) if each.ndim == 1 else each.shape)]
                self._alive.append(each)
            else:
                numbers += [each, 0, 0]
        self.lines.append((kernel, numbers + [0] * (NUMBERS - len(numbers)), wait))

    def compile(self) -> None:
        """Compile the kernels, and put their addresses in a row."""
        if not self._arguments:
            kernels = np.array([kernel.address for kernel, _, _ in self.lines], np.int64)
            waits = np.array([wait for _, _, wait in self.lines], np.int64)
            numbers = np.array([numbers for _, numbers, _ in self.lines], np.int64).reshape(-1, NUMBERS)
            self._alive.append(numbers)
            self._arguments = kernels, waits, numbers.ctypes.data, self._like
            self.shared[GIVE_WAY] = _give_way()
            _once(), _steps()

    def __call__(self, parts: int, together: bool = False) -> None:
        """Call all kernels, with the work of each cut into `parts` parts.

        Args:
            parts: the number of parts.
            together: whether that many threads share the work, instead of this thread alone.
        """
        self.compile()
        self.shared[ARRIVED] = self.shared[END] = 0
        self._call(_once(), (*self._arguments, self.shared), parts, together)

    def steps(
        self, middle: int, size: int, start: int, rates: Array, now: Array, result: Array, done: Array, threads: int,
        together: bool, look: Callable[[int], int] | None = None,
    ) -> None:  # fmt: skip
        """Take several training steps.

        Args:
            middle: the line with which the backward pass begins.
            size: the batch size B.
            start: the place in the epoch where the first batch begins.
            rates: (steps, k) the numbers of each update.
            now: (k,) the place where the kernels read them.
            result: (2,) the place where the kernels leave the loss and the right predictions.
            done: (steps, 2) both for each step. A step whose loss is not finite writes only the loss.
            threads: the number of parts of the work.
            together: whether that many threads share the work, instead of this thread alone.
            look: it is called after each step with its number; if it returns 1, no more steps follow. It must not
                raise.
        """
        self.compile()
        called = None if look is None else LOOKS(look)
        address = 0 if called is None else ctypes.cast(called, ctypes.c_void_p).value or 0
        self.shared[:] = 0, self.shared[GIVE_WAY], 0, start, address, 0
        given = (*self._arguments, middle, size, rates, now, result, done, self.shared)
        self._call(_steps(), given, threads, together)

    def _call(self, function: Callable[..., None], given: tuple[Any, ...], threads: int, together: bool) -> None:
        """Call a function of `running`."""
        if threads == 1:
            function(*given, -1, 1)
            return
        with alone(threads):
            if together:
                self._side_by_side(function, given, threads)
            else:
                function(*given, -1, threads)

    def _side_by_side(self, function: Callable[..., None], given: tuple[Any, ...], threads: int) -> None:
        """Call the function in this thread and others; in this one alone if no more threads are available."""
        shared, ready, all_there = self.shared, Event(), False
        cores = cores_from_here()

        def help_with(me: int) -> None:
            stay_on(cores[me : me + 1])
            ready.wait()
            if all_there:
                function(*given, me, threads)

        helpers = [Thread(target=help_with, args=(me,), daemon=True) for me in range(1, threads)]
        ended = False
        try:
            with suppress(RuntimeError):  # no more threads are available
                for helper in helpers:
                    helper.start()
                all_there = True
                ready.set()
                stay_on(cores[:1])
                function(*given, 0, threads)
                ended = True
        finally:  # Ctrl-C acts before or after the call, never within it
            stay_on(cores)
            if not ended:
                shared[END] = 1
            ready.set()
            for helper in helpers:
                if helper.ident is not None:
                    helper.join()
        if shared[END]:
            shared[END] = 0
            function(*given, -1, threads)
