"""Compiled functions, and where their machine code is.

A *kernel* is a function of a list of whole numbers: addresses of arrays, their shapes, small numbers.  All have the
same form, so that a training step is a table of them (`table`).  Each is compiled on its own, once for float32 and once
for float64, and kept on the disk by numba: the table of any network is put together from those that are there.

    def scale(p, like, me, of):
        x, factor = own(p, 0, like, me, of), doubles(p, 1)[0]
        for k in range(x.shape[0]):
            x[k] *= factor

`p` points to the numbers, three for each argument (address, rows, columns), `like` to a number of the elements' type.
The work of a kernel is cut into `of` parts, and a call does part `me`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numba import carray, njit, types

from ..console import tell
from ..places import cache_folder
from ..signals import signals_wait
from .instructions import LIST, doubles_pointer, places_pointer, pointer, wholes_pointer

# "contract" lets a product and a sum be one instruction, "arcp" lets a division by what is the same for all elements
# be a product with its inverse; neither changes the order of a sum.  Without error_model="numpy" every division would
# be checked for 0, one element at a time
OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract", "arcp"}, "nogil": True}
TYPES = {np.dtype("float32"): types.float32, np.dtype("float64"): types.float64}


def jitable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function one that kernels may call; it is put in their place, for a call would end a loop over vectors."""
    return njit(forceinline=True, **OPTIONS)(function)  # type: ignore[no-any-return]


@jitable
def matrix(p: Any, k: Any, like: Any) -> Any:
    """Argument k: an array (rows, columns)."""
    return carray(pointer(p[3 * k], like), (p[3 * k + 1], p[3 * k + 2]))


@jitable
def vector(p: Any, k: Any, like: Any) -> Any:
    """Argument k: an array as one long row."""
    return carray(pointer(p[3 * k], like), (p[3 * k + 1] * p[3 * k + 2],))


@jitable
def doubles(p: Any, k: Any) -> Any:
    """Argument k: numbers in double precision, whatever the elements' type."""
    return carray(doubles_pointer(p[3 * k]), (p[3 * k + 2],))


@jitable
def wholes(p: Any, k: Any) -> Any:
    """Argument k: whole numbers of 64 bits."""
    return carray(wholes_pointer(p[3 * k]), (p[3 * k + 2],))


@jitable
def places(p: Any, k: Any) -> Any:
    """Argument k: an array (rows, columns) of whole numbers of 32 bits."""
    return carray(places_pointer(p[3 * k]), (p[3 * k + 1], p[3 * k + 2]))


@jitable
def share(n: Any, me: Any, of: Any) -> Any:
    """Part `me` of n things: the first, and the one after the last."""
    return n * me // of, n * (me + 1) // of


@jitable
def own_rows(p: Any, k: Any, like: Any, me: Any, of: Any) -> Any:
    """Argument k: the rows that are `me`'s.

    A loop over a slice is one over all of it, from 0 on: of another the compiler would check each index.
    """
    first, last = share(p[3 * k + 1], me, of)
    return matrix(p, k, like)[first:last]


@jitable
def own(p: Any, k: Any, like: Any, me: Any, of: Any) -> Any:
    """Argument k: the rows that are `me`'s, as one long row."""
    first, last = share(p[3 * k + 1], me, of)
    return vector(p, k, like)[first * p[3 * k + 2] : last * p[3 * k + 2]]


@jitable
def stretch(p: Any, k: Any, like: Any, me: Any, of: Any) -> Any:
    """Argument k: of all its numbers in a row, the stretch that is `me`'s."""
    first, last = share(p[3 * k + 1] * p[3 * k + 2], me, of)
    return vector(p, k, like)[first:last]


class Kernel:
    """A kernel for one type of elements, compiled at its first use.

    Args:
        function: of (p, like, me, of).
        dtype: of the elements.
    """

    def __init__(self, function: Callable[..., Any], dtype: np.dtype[Any]) -> None:
        self._signature = (LIST, types.CPointer(TYPES[dtype]), types.int64, types.int64)
        self._compiler = compiler_of(function)

    @cached_property
    def address(self) -> int:
        """Where its machine code is."""
        with signals_wait():  # Ctrl-C in numba's first imports would leave half of them, and no way to do them again
            self._compiler.compile(self._signature)
        if self._compiler.stats.cache_misses:
            _say_once()
        compiled = self._compiler.overloads[self._signature]
        return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cfunc_wrapper_name)  # type: ignore[no-any-return]


@cache
def _say_once() -> None:
    """Say that it takes a moment, once in a program."""
    tell("compiling the training step for networks of this kind: some seconds, once; it is kept on the disk")


def compiled(module: ModuleType, name: str, signature: tuple[Any, ...]) -> Any:
    """A function of one of our modules, compiled for arguments of one kind, to be called from Python."""
    function = compiler_of(getattr(_module(module.__name__.rpartition(".")[2], _text_of(module)), name))
    with signals_wait():
        function.compile(signature)
    function.disable_compile()
    return function


def compiler_of(function: Callable[..., Any]) -> Any:
    """What compiles a function; its code is kept on the disk, where a folder can be written."""
    try:
        return njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # no such folder
        return njit(**OPTIONS)(function)


@cache
def kernel(function: Callable[..., Any], dtype: np.dtype[Any]) -> Kernel:
    """The kernel of a function that is written out in one of our modules."""
    module = sys.modules[function.__module__]
    own = _module(module.__name__.rpartition(".")[2], _text_of(module))
    return Kernel(getattr(own, function.__name__), dtype)


@cache
def kernel_of_source(name: str, source: str, dtype: np.dtype[Any]) -> Kernel:
    """The kernel `name` of a source text, which is kept as a file beside its machine code, for everybody to read."""
    source = source.replace("REAL", dtype.name)
    return Kernel(getattr(_module(name, source), name), dtype)


@cache
def _text_of(module: ModuleType) -> str:
    """The text of a module of ours, to be kept with the rest: numba would not see that what it imports has changed."""
    return inspect.getsource(module).replace("\nfrom .", f"\nfrom {__package__}.")


@cache
def _helpers() -> bytes:
    """What kernels call: where that changes, numba must not take their old machine code for good."""
    return b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))


@cache
def _module(name: str, source: str) -> ModuleType:
    """A source text as a module."""
    digest = hashlib.sha256(source.encode() + _helpers()).hexdigest()[:16]
    path = cache_folder() / "compiled" / f"{name}_{digest}.py"
    try:
        if not path.exists() or path.read_text("utf-8") != source:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}")
            part.write_text(source, "utf-8")
            part.replace(path)
    except OSError:  # no place to keep it: it is compiled anew in each process
        module = ModuleType(path.stem)
        exec(compile(source, f"<{path.stem}>", "exec"), vars(module))
        return module
    spec = importlib.util.spec_from_file_location(f"{__package__}.written.{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
