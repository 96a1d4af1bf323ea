"""Compiled functions, their addresses, and a loop that calls one after the other.

A *kernel* is a function of a list of whole numbers: addresses of arrays, their shapes, small numbers.  All have the
same form, so that a training step is a table, a line a kernel: its address and its numbers.  One call from Python works
through a table.  Each kernel is compiled on its own, once for float32 and once for float64, and kept on the disk by
numba: the table of any network is put together from those that are there.

    def scale(p, like):
        x, factor = matrix(p, 0, like), doubles(p, 1)[0]
        …

`p` points to the numbers, three for each argument (address, rows, columns), and `like` to a number of the elements'
type.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.extending import intrinsic

from ..console import tell
from ..parameters import Array
from ..places import cache_folder

NUMBERS = 30  # of a line: three for each argument
# "contract" lets a product and a sum be one instruction, "arcp" lets a division by what is the same for all elements
# be a product with its inverse; neither changes the order of a sum.  Without error_model="numpy" every division would
# be checked for 0, one element at a time
OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract", "arcp"}, "nogil": True}
LIST = types.CPointer(types.int64)
TYPES = {np.dtype("float32"): types.float32, np.dtype("float64"): types.float64}


@intrinsic
def pointer(typing: Any, address: Any, like: Any) -> Any:
    """The pointer to numbers of the type of `like` that an address stands for."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(like))

    return like(types.int64, like), build


@intrinsic
def call(typing: Any, kernel: Any, numbers: Any, like: Any) -> Any:
    """Call the kernel at an address; the others are addresses, too."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointers = [ir.IntType(64).as_pointer(), ir.IntType(8).as_pointer()]
        form = ir.FunctionType(ir.VoidType(), pointers).as_pointer()
        passed = [builder.inttoptr(each, form) for each, form in zip(arguments[1:], pointers, strict=True)]
        builder.call(builder.inttoptr(arguments[0], form), passed)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), build


@intrinsic
def doubles_pointer(typing: Any, address: Any) -> Any:
    """The pointer to double precision numbers that an address stands for."""
    double = types.CPointer(types.float64)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(double))

    return double(types.int64), build


def _gemm(bits: int) -> Any:
    """C's ``cblas_?gemm`` for matrices in rows, by its address; its whole numbers have so many bits."""

    @intrinsic
    def gemm(typing: Any, address: Any, x_t: Any, y_t: Any, m: Any, n: Any, k: Any, x: Any, lda: Any, y: Any, ldb: Any,
             z: Any, ldc: Any, like: Any) -> Any:  # fmt: skip
        """z (m, n) = x y over k; x_t, y_t: 111 as it is, 112 transposed; lda, ldb, ldc: how long their rows are."""

        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            whole, enum = ir.IntType(bits), ir.IntType(32)
            real = context.get_value_type(like.dtype)
            array = real.as_pointer()
            form = [enum] * 3 + [whole] * 3 + [real, array, whole, array, whole, real, array, whole]
            at, x_t, y_t, m, n, k, x, lda, y, ldb, z, ldc, _ = arguments
            given = [enum(101), x_t, y_t, m, n, k, real(1.0), x, lda, y, ldb, real(0.0), z, ldc]
            passed = []
            for value, wanted in zip(given, form, strict=True):
                if value.type == wanted:
                    passed.append(value)
                elif wanted == array:
                    passed.append(builder.inttoptr(value, wanted))
                else:
                    passed.append(builder.trunc(value, wanted))
            function = builder.inttoptr(at, ir.FunctionType(ir.VoidType(), form).as_pointer())
            builder.call(function, passed)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 12, like), build

    return gemm


gemm_64, gemm_32 = _gemm(64), _gemm(32)


def jitable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function one that kernels may call."""
    return njit(**OPTIONS)(function)  # type: ignore[no-any-return]


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


class Kernel:
    """A kernel for one type of elements, compiled at its first use.

    Args:
        function: of (p, like).
        dtype: of the elements.
    """

    def __init__(self, function: Callable[..., Any], dtype: np.dtype[Any]) -> None:
        self._signature = (LIST, types.CPointer(TYPES[dtype]))
        self._compiler = _compiler(function)

    @cached_property
    def address(self) -> int:
        """Where its machine code is."""
        self._compiler.compile(self._signature)
        if self._compiler.stats.cache_misses:
            _say_once()
        compiled = self._compiler.overloads[self._signature]
        return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_cfunc_wrapper_name)  # type: ignore[no-any-return]


@cache
def _say_once() -> None:
    """Say that it takes a moment, once in a program."""
    tell("compiling the training step for networks of this kind: some seconds, once; it is kept on the disk")


def _compiler(function: Callable[..., Any]) -> Any:
    """What compiles a function; its code is kept on the disk, where a folder can be written."""
    try:
        return njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # no such folder
        return njit(**OPTIONS)(function)


@cache
def kernel(function: Callable[..., Any], dtype: np.dtype[Any]) -> Kernel:
    """The kernel of a function that is written out in a module."""
    return Kernel(function, dtype)


@cache
def kernel_of_source(name: str, source: str, dtype: np.dtype[Any]) -> Kernel:
    """The kernel `name` of a source text, which is kept as a file beside its machine code, for everybody to read."""
    source = source.replace("REAL", dtype.name)
    return Kernel(getattr(_module(name, source), name), dtype)


@cache
def _helpers() -> bytes:
    """What kernels call: where that changes, numba must not take their old machine code for good."""
    return b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))


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


# -- a table of kernels ------------------------------------------------------------------------------------------------


def _run(kernels: Any, numbers: Any, like: Any) -> None:
    """Call the kernels of a table."""
    for k in range(len(kernels)):
        call(kernels[k], numbers + k * NUMBERS * 8, like)


@cache
def runner() -> Any:
    """`_run`, compiled."""
    compiler = _compiler(_run)
    compiler.compile((types.int64[::1], types.int64, types.int64))
    compiler.disable_compile()
    return compiler


class Table:
    """Kernels to be called one after the other, with their arguments.

    Args:
        dtype: of the elements.
        others: tables whose lines it begins with.
    """

    def __init__(self, dtype: np.dtype[Any], *others: Table) -> None:
        self.lines: list[tuple[Kernel, list[int]]] = [line for other in others for line in other.lines]
        self._alive: list[Any] = [*others, np.zeros(1, dtype)]  # what an address stands for must live as long
        self._like = self._alive[-1].ctypes.data
        self._arguments: tuple[Any, ...] = ()

    def add(self, kernel: Kernel, *arguments: Array | int) -> None:
        """Append a line: C-contiguous arrays of one or two dimensions, and whole numbers."""
        numbers: list[int] = []
        for each in arguments:
            if isinstance(each, np.ndarray):
                assert each.flags.c_contiguous and each.ndim in (1, 2)
                numbers += [each.ctypes.data, *((1, *each.shape) if each.ndim == 1 else each.shape)]
                self._alive.append(each)
            else:
                numbers += [each, 0, 0]
        self.lines.append((kernel, numbers + [0] * (NUMBERS - len(numbers))))

    def compile(self) -> None:
        """Compile the kernels, and put their addresses in a row."""
        if not self._arguments:
            kernels = np.array([kernel.address for kernel, _ in self.lines], np.int64)
            numbers = np.array([numbers for _, numbers in self.lines], np.int64).reshape(-1, NUMBERS)
            self._alive.append(numbers)
            self._arguments = kernels, numbers.ctypes.data, self._like
            self._run = runner()

    def __call__(self) -> None:
        """Call them all."""
        if not self._arguments:
            self.compile()
        self._run(*self._arguments)
