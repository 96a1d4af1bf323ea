"""Compiled functions, and the place of their machine code.

A *kernel* is a function of a list of whole numbers: addresses of arrays, their shapes, small numbers.  All kernels have
the same form, so a training step is a table of them (`table`).  Each is compiled separately, once for float32 and once
for float64.  Numba keeps it on the disk, so the table of any network is built from existing kernels.

    def scale(p, like, me, of):
        x, factor = own(p, 0, like, me, of), doubles(p, 1)[0]
        for k in range(x.shape[0]):
            x[k] *= factor

`p` points to the numbers, three for each argument (address, rows, columns).  `like` points to a number of the elements'
type. The work of a kernel is cut into `of` parts, and each call does part `me`.
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

# "contract" lets a product and a sum be one instruction.  "arcp" turns a division by a constant into a product with
# its inverse.  Neither changes the order of a sum.  Without error_model="numpy" every division would be checked for 0,
# one element at a time
OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract", "arcp"}, "nogil": True}
TYPES = {np.dtype("float32"): types.float32, np.dtype("float64"): types.float64}


def jitable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that kernels may call. It is inlined, because a call would prevent a loop over vectors."""
    return njit(forceinline=True, **OPTIONS)(function)  # type: ignore[no-any-return]


@jitable
def matrix(p: Any, k: Any, like: Any) -> Any:
    """Return argument k as an array (rows, columns)."""
    return carray(pointer(p[3 * k], like), (p[3 * k + 1], p[3 * k + 2]))


@jitable
def vector(p: Any, k: Any, like: Any) -> Any:
    """Return argument k as an array in one long row."""
    return carray(pointer(p[3 * k], like), (p[3 * k + 1] * p[3 * k + 2],))


@jitable
def doubles(p: Any, k: Any) -> Any:
    """Return argument k as numbers in double precision, for every type of the elements."""
    return carray(doubles_pointer(p[3 * k]), (p[3 * k + 2],))


@jitable
def wholes(p: Any, k: Any) -> Any:
    """Return argument k as whole numbers of 64 bits."""
    return carray(wholes_pointer(p[3 * k]), (p[3 * k + 2],))


@jitable
def places(p: Any, k: Any) -> Any:
    """Return argument k as an array (rows, columns) of whole numbers of 32 bits."""
    return carray(places_pointer(p[3 * k]), (p[3 * k + 1], p[3 * k + 2]))


@jitable
def share(n: Any, me: Any, of: Any) -> Any:
    """Return part `me` of n things: the index of the first, and the index after the last."""
    return n * me // of, n * (me + 1) // of


@jitable
def own_rows(p: Any, k: Any, like: Any, me: Any, of: Any) -> Any:
    """Return the rows of argument k in part `me`.

    It is a slice, because a loop over a slice from 0 needs no check of each index.
    """
    first, last = share(p[3 * k + 1], me, of)
    return matrix(p, k, like)[first:last]


@jitable
def own(p: Any, k: Any, like: Any, me: Any, of: Any) -> Any:
    """Return the rows of argument k in part `me`, as one long row."""
    first, last = share(p[3 * k + 1], me, of)
    return vector(p, k, like)[first * p[3 * k + 2] : last * p[3 * k + 2]]


@jitable
def stretch(p: Any, k: Any, like: Any, me: Any, of: Any) -> Any:
    """Return part `me` of all numbers of argument k, taken as one row."""
    first, last = share(p[3 * k + 1] * p[3 * k + 2], me, of)
    return vector(p, k, like)[first:last]


class Kernel:
    """A kernel for one type of elements, compiled at its first use.

    Args:
        function: a function of (p, like, me, of).
        dtype: the dtype of the elements.
    """

    def __init__(self, function: Callable[..., Any], dtype: np.dtype[Any]) -> None:
        self._signature = (LIST, types.CPointer(TYPES[dtype]), types.int64, types.int64)
        self._compiler = compiler_of(function)

    @cached_property
    def address(self) -> int:
        """The address of the machine code."""
        with signals_wait():  # Ctrl-C in numba's first imports would leave them incomplete for good
            self._compiler.compile(self._signature)
        if self._compiler.stats.cache_misses:
            _say_once()
        compiled = self._compiler.overloads[self._signature]
        return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cfunc_wrapper_name)  # type: ignore[no-any-return]


@cache
def _say_once() -> None:
    """Tell the user, once per process, that compiling takes a moment."""
    tell("compiling the training step for these settings: some seconds, then kept on disk")


def compiled(module: ModuleType, name: str, signature: tuple[Any, ...]) -> Any:
    """Return a function of this package, compiled for arguments of one kind, to be called from Python."""
    function = compiler_of(getattr(_module(module.__name__.rpartition(".")[2], _text_of(module)), name))
    with signals_wait():
        function.compile(signature)
    function.disable_compile()
    return function


def compiler_of(function: Callable[..., Any]) -> Any:
    """Return numba's compiler of a function. Its code is kept on the disk if the folder is writable."""
    try:
        return njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # there is no writable folder
        return njit(**OPTIONS)(function)


@cache
def kernel(function: Callable[..., Any], dtype: np.dtype[Any]) -> Kernel:
    """Return the kernel of a function that is written out in this package."""
    module = sys.modules[function.__module__]
    own = _module(module.__name__.rpartition(".")[2], _text_of(module))
    return Kernel(getattr(own, function.__name__), dtype)


@cache
def kernel_of_source(name: str, source: str, dtype: np.dtype[Any]) -> Kernel:
    """Return the kernel `name` of a source text.

    The text is kept as a file beside its machine code, so that users can read it.
    """
    source = source.replace("REAL", dtype.name)
    return Kernel(getattr(_module(name, source), name), dtype)


@cache
def _text_of(module: ModuleType) -> str:
    """Return the source text of a module of this package, to be kept with the machine code.

    Otherwise numba would not notice a change in the modules that it imports.
    """
    return inspect.getsource(module).replace("\nfrom .", f"\nfrom {__package__}.")


@cache
def _helpers() -> bytes:
    """Return the source of the functions that kernels call. If it changes, old machine code must not be used."""
    return b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))


@cache
def _module(name: str, source: str) -> ModuleType:
    """Return a source text as a module."""
    digest = hashlib.sha256(source.encode() + _helpers()).hexdigest()[:16]
    path = cache_folder() / "compiled" / f"{name}_{digest}.py"
    try:
        if not path.exists() or path.read_text("utf-8") != source:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}")
            part.write_text(source, "utf-8")
            part.replace(path)
    except OSError:  # the file cannot be kept: each process compiles anew
        module = ModuleType(path.stem)
        exec(compile(source, f"<{path.stem}>", "exec"), vars(module))
        return module
    spec = importlib.util.spec_from_file_location(f"{__package__}.written.{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
