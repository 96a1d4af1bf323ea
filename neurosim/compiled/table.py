"""Kernels to be called one after the other, by one thread or by several.

Several go through the same table side by side, each with its part of every kernel's work, and meet where a line needs
what others have done.  While they do, each stays on a processor of its own: two that wait for each other on one would
get it in turns of milliseconds.  Who waits for long rests in between, so that whoever else wants the processor has it:
threads that spin without end starve what runs beside them.
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
    """Where the function is by which a thread lets others run for some microseconds; 0 where nobody knows."""
    name = "SwitchToThread" if os.name == "nt" else "usleep"
    library = ctypes.WinDLL("kernel32") if os.name == "nt" else ctypes.CDLL(None)  # type: ignore[attr-defined]
    function = getattr(library, name, None)
    return ctypes.cast(function, ctypes.c_void_p).value or 0 if function is not None else 0


class Table:
    """Kernels to be called one after the other, with their arguments.

    Args:
        dtype: of the elements.
        others: tables whose lines it begins with.
    """

    def __init__(self, dtype: np.dtype[Any], *others: Table) -> None:
        self.lines: list[tuple[Kernel, list[int], bool]] = [line for other in others for line in other.lines]
        self._alive: list[Any] = [*others, np.zeros(1, dtype)]  # what an address stands for must live as long
        self._like = self._alive[-1].ctypes.data
        self._arguments: tuple[Any, ...] = ()
        self.shared = np.zeros(6, np.int64)

    def add(self, kernel: Kernel, *arguments: Array | int, wait: bool = False) -> None:
        """Append a line.

        Args:
            kernel: what is called.
            arguments: C-contiguous arrays of one or two dimensions, and whole numbers.
            wait: whether it needs, or destroys, what other threads made in the lines before.
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
        """Call them all, the work of each in so many parts: by this thread, or by so many together."""
        self.compile()
        self.shared[ARRIVED] = self.shared[END] = 0
        self._call(_once(), (*self._arguments, self.shared), parts, together)

    def steps(
        self, middle: int, size: int, start: int, rates: Array, now: Array, result: Array, done: Array, threads: int,
        together: bool, look: Callable[[int], int] | None = None,
    ) -> None:  # fmt: skip
        """Several steps of training.

        Args:
            middle: the line with which the backward pass begins.
            size: B.
            start: where in the epoch the first batch begins.
            rates: (steps, k) what the update has to know, for each step.
            now: (k,) where the kernels look for it.
            result: (2,) where the kernels leave loss and right predictions.
            done: (steps, 2) where both are kept for each step; of one whose loss is not finite only that is written.
            threads: in how many parts the work is cut.
            together: whether so many threads do it, or this one alone.
            look: is called after each step with its number; 1: that was the last. It must not raise.
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
        """Call it in this thread and others; where they cannot be had, in this one alone."""
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
            with suppress(RuntimeError):  # no more threads
                for helper in helpers:
                    helper.start()
                all_there = True
                ready.set()
                stay_on(cores[:1])
                function(*given, 0, threads)
                ended = True
        finally:  # Ctrl-C comes before or after the call, never within
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
