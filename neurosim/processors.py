"""The number of processors, and the number of threads with which neurosim computes.

The linear algebra library behind NumPy uses as many threads as there are processors. Each thread keeps its processor
busy while it waits. If another program runs too, a product of matrices can take thirty times as long. So neurosim
computes with one thread by default. With two threads, the last bit of a product can differ.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ctypes import PyDLL, c_void_p, cast
from dataclasses import dataclass
from functools import cache, wraps
from itertools import product
from pathlib import Path
from threading import Lock, get_ident
from typing import Any, NamedTuple, ParamSpec, TypeVar

from .errors import NeurosimError
from .text import counted

P = ParamSpec("P")
R = TypeVar("R")

VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def core_count() -> int:
    """Return the number of processors that this program may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cores_from_here() -> list[int]:
    """Return the processors that this thread may use, its own first; an empty list if they cannot be known."""
    here = _here()
    if here is None:
        return []
    allowed, at = sorted(os.sched_getaffinity(0)), here()
    return [core for core in allowed if core >= at] + [core for core in allowed if core < at]


def stay_on(cores: list[int]) -> None:
    """Run this thread only on these processors. An empty list leaves it free."""
    if cores:
        os.sched_setaffinity(0, cores)


@cache
def _here() -> Callable[[], int] | None:
    """Return the function that tells a thread's processor; None if threads cannot be bound to processors here."""
    return getattr(PyDLL(None), "sched_getcpu", None) if hasattr(os, "sched_setaffinity") else None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """In this block, let NumPy make no pool of threads when it is imported, because neurosim would not use it."""
    before = {name: os.environ.get(name) for name in VARIABLES}
    os.environ.update(dict.fromkeys(VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


# -- the requested number of threads ---------------------------------------------------------------------------------


@dataclass(eq=False)
class _Asked:
    """A requested number of threads: the first one is for the whole program, each other one for a block."""

    count: int


_asked = [_Asked(1)]  # the last one counts


class threads:
    """Set the number of threads with which neurosim computes. The default is 1.

        ns.threads(2)            # from now on, in the whole program
        with ns.threads(2):      # until the block ends, in the whole program
            net.fit(x, y)
        ns.threads()             # shows the number

    The number is in force while neurosim computes, also in callbacks of `fit`. It replaces OPENBLAS_NUM_THREADS and
    similar variables. Between calls of neurosim, NumPy has its own number again, also after an exception or Ctrl-C.
    Other linear algebra libraries keep their number, unless they are the same library as NumPy's. If several Python
    threads compute at the same time, NumPy has its own number again when the last of them has ended.

    Args:
        count: from 1 to the number of processors; ``None``: do not change it.

    Attributes:
        count: the requested number.

    Raises:
        NeurosimError: `count` is not a whole number, or is larger than the number of processors.

    Example:
        >>> ns.threads()
        1 thread
    """

    def __init__(self, count: int | None = None) -> None:
        self._around = _asked[-1]
        self.count = self._before = self._around.count
        if count is not None:
            from .checks import check_count  # imports NumPy; --help does not wait for it

            self.count = check_count("threads", count)
            if self.count > core_count():
                raise NeurosimError(
                    f"threads: expected at most {core_count()}, the number of processors that this program may use, "
                    f"received {count}"
                )
            self._around.count = self.count
            _set_anew()

    def __enter__(self) -> threads:
        self._around.count = self._before  # the new number is in force only in the block
        self._own = _Asked(self.count)
        _asked.append(self._own)
        _set_anew()
        return self

    def __exit__(self, *_: object) -> None:
        _asked.remove(self._own)  # a block of another Python thread may have begun in between, and continues
        _set_anew()

    def __repr__(self) -> str:
        found = _in_force()
        asked = "" if found == self.count else f" ({self.count} requested)"
        return (counted(found, "thread") if found else "a number of threads that NumPy's library chooses") + asked


# -- while neurosim computes -----------------------------------------------------------------------------------------


class _Library(NamedTuple):
    """The linear algebra library behind NumPy."""

    get: Callable[[], int]  # returns its number of threads; 0 if that cannot be set
    set: Callable[[int], object]
    is_per_thread: bool  # whether every Python thread has its own number
    name: str = "an unknown library"  # with the kind of processor, because others may round differently
    path: str = ""  # the path of its file


_lock = Lock()
_inside: set[int] = set()  # the Python threads that compute for neurosim
_before: dict[int, int] = {}  # the library's own number: per Python thread, or under 0 for all of them
_alone: list[int] = []  # the Python threads, or 0 for all, whose number is 1 at this moment; once for each `alone`


def computes(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function compute with neurosim's `threads`. Inside another such function, this changes nothing.

    It adds 1 microsecond to a step of a small network, which takes 50. So the code is written out here.
    """

    @wraps(function)
    def limited(*arguments: P.args, **named: P.kwargs) -> R:
        me = get_ident()
        if me in _inside:
            return function(*arguments, **named)
        get, set_to, is_per_thread, _, _ = _library()
        whose = me if is_per_thread else 0
        try:
            with _lock:
                _inside.add(me)
                if whose not in _before:
                    _before[whose] = get()
                    set_to(_asked[-1].count)
            return function(*arguments, **named)
        finally:
            _inside.discard(me)  # first: wherever Ctrl-C comes, the next call starts again and ends properly
            with _lock:
                if whose in _before and (whose or not _inside):  # the last thread restores a number that all share
                    set_to(_before[whose])
                    del _before[whose]

    return limited


def _set_anew() -> None:
    """If a function computes at this moment, let it continue with the number that is requested now."""
    with _lock:
        whose = get_ident() if _library().is_per_thread else 0
        if whose in _before and whose not in _alone:
            _library().set(_asked[-1].count)


@cache
def _library() -> _Library:
    """Find the library behind NumPy, if threadpoolctl knows it. The search takes a millisecond, so it is done once."""
    import numpy  # loads it

    package = Path(numpy.__file__).resolve().parent
    its_wheels = (package / ".dylibs", package.with_name("numpy.libs"))

    def distance(controller: Any) -> int:
        """Rank a library: NumPy's wheel may bring its own; otherwise NumPy uses the system's, never another wheel's."""
        folder = Path(controller.filepath).parent
        return 0 if folder in its_wheels else 2 if folder.name.endswith((".libs", ".dylibs")) else 1

    with suppress(Exception):  # any failure, e.g. a path that is not UTF-8: neurosim works without the library
        from threadpoolctl import ThreadpoolController

        found = ThreadpoolController().select(user_api="blas").lib_controllers
        return _access(min((each for each in found if each.num_threads), key=distance))
    return _Library(lambda: 0, lambda count: None, False)


def _access(controller: Any) -> _Library:
    """Return the functions that get and set a library's number of threads.

    The functions of OpenBLAS take a tenth of a microsecond, and work for every Python thread. Those of threadpoolctl
    take ten times as long. Since its version 3.8, they do nothing for a second Python thread.
    """
    layer, processor = getattr(controller, "threading_layer", ""), getattr(controller, "architecture", None)
    name = f"{controller.internal_api} {controller.version} for {processor or 'this processor'}"
    if controller.internal_api == "openblas" and layer != "openmp":
        symbol = next(each for each in controller.check_symbols if hasattr(controller.dynlib, each))
        library = PyDLL(controller.filepath)
        return _Library(
            getattr(library, symbol), getattr(library, symbol.replace("_get_", "_set_")), False, name, library._name
        )
    is_per_thread = controller.internal_api == "mkl" or layer == "openmp"
    return _Library(controller.get_num_threads, controller.set_num_threads, is_per_thread, name, controller.filepath)


def arithmetic() -> str:
    """Name the library that multiplies matrices here. With another one, products can differ in their last bit."""
    from numpy import __version__

    return f"NumPy {__version__} with {_library().name}"


@cache
def product_of_matrices(kind: str) -> tuple[int, int]:
    """Find the machine code of the library's matrix product, ``cblas_sgemm`` or ``cblas_dgemm``.

    Args:
        kind: "s" for float32, "d" for float64.

    Returns:
        Its address, or 0 if it is not known; and the number of bits of its integer arguments.
    """
    path = _library().path
    for prefix, (suffix, bits) in product(("scipy_", ""), (("64_", 64), ("", 32))):
        function = getattr(PyDLL(path), f"{prefix}cblas_{kind}gemm{suffix}", None) if path else None
        if function is not None:
            return cast(function, c_void_p).value or 0, bits
    return 0, 0


def thread_count() -> int:
    """Return the requested number of threads."""
    return _asked[-1].count


@contextmanager
def alone(threads: int) -> Iterator[None]:
    """In this block, let NumPy's library use one thread for each of several threads that call it.

    Args:
        threads: the number of threads that call it. For one, the library has the right number already.
    """
    if threads < 2:
        yield
        return
    library = _library()
    whose = get_ident() if library.is_per_thread else 0
    _alone.append(whose)
    try:
        with _lock:
            library.set(1)
        yield
    finally:
        with _lock:
            _alone.remove(whose)
            if whose not in _alone:  # the last block restores a number that all share
                library.set(_asked[-1].count)


@computes
def _in_force() -> int:
    """Return the number of threads with which neurosim computes; 0 if it is not known."""
    return _library().get()


def _after_fork() -> None:
    """Reset the state in a forked process. Only the Python thread that forked is left to restore anything."""
    global _lock
    _lock = Lock()
    _alone.clear()
    _inside.intersection_update({get_ident()})
    for whose in set(_before) - {get_ident()} if not _inside else ():
        if whose == 0:
            _library().set(_before[whose])
        del _before[whose]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
