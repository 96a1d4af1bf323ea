"""How many processors there are, and with how many threads neurosim computes on them.

The linear algebra behind NumPy takes as many threads as there are processors, and they wait for each other by spinning:
where another program runs as well, a product of matrices can take thirty times as long.  So neurosim computes with one
thread, unless it is asked for more.  A product can differ in its last bit between one thread and two.
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
    """How many processors this program may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cores_from_here() -> list[int]:
    """The processors that this thread may use, from the one on which it is; none where nobody can tell."""
    here = _here()
    if here is None:
        return []
    allowed, at = sorted(os.sched_getaffinity(0)), here()
    return [core for core in allowed if core >= at] + [core for core in allowed if core < at]


def stay_on(cores: list[int]) -> None:
    """Run this thread on no other processors than these; where there are none it stays free."""
    if cores:
        os.sched_setaffinity(0, cores)


@cache
def _here() -> Callable[[], int] | None:
    """What says on which processor a thread is, where it can be told to stay there."""
    return getattr(PyDLL(None), "sched_getcpu", None) if hasattr(os, "sched_setaffinity") else None


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Processes that are started in the block make no pool of threads when they import NumPy: nobody would use it."""
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


# -- what is asked for -----------------------------------------------------------------------------------------------


@dataclass(eq=False)
class _Asked:
    """How many threads are asked for: the first of these in the whole program, each other in a block."""

    count: int


_asked = [_Asked(1)]  # the last one counts


class threads:
    """How many threads neurosim computes with: one, unless more are asked for.

        ns.threads(2)            # from now on, in the whole program
        with ns.threads(2):      # until the block ends, in the whole program
            net.fit(x, y)
        ns.threads()             # says how many there are

    The number holds while neurosim computes, callbacks of `fit` included, whatever OPENBLAS_NUM_THREADS and its like
    say. Between its calls NumPy has its own number back, after an exception and Ctrl-C too. Other libraries' linear
    algebra keeps its number throughout, unless it is the same library as NumPy's. Where several Python threads compute
    at once, NumPy has its own number back when the last of them has ended.

    Args:
        count: from 1 to the number of processors; ``None``: as many as now.

    Attributes:
        count: how many were asked for.

    Raises:
        NeurosimError: no whole number, or more than there are processors: they would wait for each other.

    Example:
        >>> ns.threads()
        1 thread
    """

    def __init__(self, count: int | None = None) -> None:
        self._around = _asked[-1]
        self.count = self._before = self._around.count
        if count is not None:
            from .checks import check_count  # imports NumPy, for which --help need not wait

            self.count = check_count("threads", count)
            if self.count > core_count():
                raise NeurosimError(
                    f"threads: expected at most {core_count()}, the processors that this program may use, "
                    f"received {count}"
                )
            self._around.count = self.count
            _set_anew()

    def __enter__(self) -> threads:
        self._around.count = self._before  # what holds from now on holds in the block only
        self._own = _Asked(self.count)
        _asked.append(self._own)
        _set_anew()
        return self

    def __exit__(self, *_: object) -> None:
        _asked.remove(self._own)  # another Python thread's block may have begun since, and goes on
        _set_anew()

    def __repr__(self) -> str:
        found = _in_force()
        asked = "" if found == self.count else f" ({self.count} asked for)"
        return (counted(found, "thread") if found else "as many threads as NumPy's linear algebra likes") + asked


# -- while neurosim computes -----------------------------------------------------------------------------------------


class _Library(NamedTuple):
    """The linear algebra behind NumPy."""

    get: Callable[[], int]  # its number of threads; 0 where nobody can set that
    set: Callable[[int], object]
    is_per_thread: bool  # whether every Python thread has a number of its own
    name: str = "an unknown library"  # with the processor whose instructions it takes: other ones round otherwise
    path: str = ""  # of its file


_lock = Lock()
_inside: set[int] = set()  # the Python threads that compute for neurosim
_before: dict[int, int] = {}  # the library's own number: of each of them, or, under 0, of them all
_alone: list[int] = []  # whose number, of each or under 0, is 1 at this moment, once for each who needs it


def computes(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function one that computes with neurosim's `threads`; inside another such function it changes nothing.

    It adds a microsecond to the fifty of a small network's step, so it is written out here.
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
            _inside.discard(me)  # first of all: wherever Ctrl-C comes, the next call begins anew and ends properly
            with _lock:
                if whose in _before and (whose or not _inside):  # what all share is given back by the last of them
                    set_to(_before[whose])
                    del _before[whose]

    return limited


def _set_anew() -> None:
    """Where somebody computes at this moment, go on with what is asked for now."""
    with _lock:
        whose = get_ident() if _library().is_per_thread else 0
        if whose in _before and whose not in _alone:
            _library().set(_asked[-1].count)


@cache
def _library() -> _Library:
    """What NumPy computes with, if threadpoolctl knows it: looked for once, as that takes a millisecond."""
    import numpy  # loads it

    package = Path(numpy.__file__).resolve().parent
    its_wheels = (package / ".dylibs", package.with_name("numpy.libs"))

    def distance(controller: Any) -> int:
        """Of NumPy to a library: its wheel may bring one, otherwise it has the system's, never another wheel's."""
        folder = Path(controller.filepath).parent
        return 0 if folder in its_wheels else 2 if folder.name.endswith((".libs", ".dylibs")) else 1

    with suppress(Exception):  # whatever stands in its way, e.g. a path that is not UTF-8: neurosim works without
        from threadpoolctl import ThreadpoolController

        found = ThreadpoolController().select(user_api="blas").lib_controllers
        return _access(min((each for each in found if each.num_threads), key=distance))
    return _Library(lambda: 0, lambda count: None, False)


def _access(controller: Any) -> _Library:
    """The functions that ask a library for its number of threads and set it.

    OpenBLAS's own take a tenth of a microsecond, and serve every Python thread. Those of threadpoolctl take ten times
    as long, and from its version 3.8 on do nothing for a second Python thread.
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
    """What multiplies matrices here: where it is another, products can differ in their last bit."""
    from numpy import __version__

    return f"NumPy {__version__} with {_library().name}"


@cache
def product_of_matrices(kind: str) -> tuple[int, int]:
    """Where the machine code of the library's product is, ``cblas_sgemm`` or ``cblas_dgemm``.

    Args:
        kind: "s" for float32, "d" for float64.

    Returns:
        Its address, 0 where nobody knows; and how many bits the whole numbers have that it takes.
    """
    path = _library().path
    for prefix, (suffix, bits) in product(("scipy_", ""), (("64_", 64), ("", 32))):
        function = getattr(PyDLL(path), f"{prefix}cblas_{kind}gemm{suffix}", None) if path else None
        if function is not None:
            return cast(function, c_void_p).value or 0, bits
    return 0, 0


def thread_count() -> int:
    """How many threads are asked for."""
    return _asked[-1].count


@contextmanager
def alone(threads: int) -> Iterator[None]:
    """Within this, NumPy's linear algebra takes one thread in each of several that call it.

    Args:
        threads: how many these are; of one it has the right number already.
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
            if whose not in _alone:  # what all share is set by the last of them
                library.set(_asked[-1].count)


@computes
def _in_force() -> int:
    """With how many threads neurosim computes; 0 where nobody can tell."""
    return _library().get()


def _after_fork() -> None:
    """In a new process only the Python thread that forked lives on: no other frees the lock or gives anything back."""
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
