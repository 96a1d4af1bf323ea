"""Operations on windows over images, as instructions on whole vectors that stay in registers.

A vector holds numbers that lie side by side: filters of one place, or channels of pixels in one row.  In a convolution
every sum is a vector, and every term is a vector times one number.  Several sums grow at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .instructions import INT, LONG

FAST = ("contract",)  # a product and a sum may be one instruction


class _Builder:
    """Loads, stores and sums of vectors, in the code of one function.

    Args:
        context: numba's context.
        builder: numba's builder.
        real: the type of a number.
        lanes: how many numbers a vector has.
    """

    def __init__(self, context: Any, builder: Any, like: Any, lanes: int) -> None:
        self.builder, self.real, self.lanes = builder, context.get_value_type(like.dtype), lanes
        self.vector = ir.VectorType(self.real, lanes)

    def array(self, address: Any) -> Any:
        """Return the array that begins at an address."""
        return self.builder.inttoptr(address, self.real.as_pointer())

    def at(self, array: Any, *steps: Any) -> Any:
        """Return the part of an array from an index on."""
        for step in steps:
            array = self.builder.gep(array, [LONG(step) if isinstance(step, int) else step])
        return array

    def load(self, array: Any) -> Any:
        """Return a vector, read from an array."""
        return self.builder.load(self.builder.bitcast(array, self.vector.as_pointer()), align=4)

    def store(self, vector: Any, array: Any) -> None:
        """Write a vector."""
        self.builder.store(vector, self.builder.bitcast(array, self.vector.as_pointer()), align=4)

    def spread(self, array: Any) -> Any:
        """Return a vector that repeats the first number."""
        nothing = ir.Constant(self.vector, ir.Undefined)
        one = self.builder.insert_element(nothing, self.builder.load(array), INT(0))
        return self.builder.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(INT, self.lanes), [0] * self.lanes))

    def sums(self, count: int, start: Any = None) -> list[Any]:
        """Return `count` vectors that begin with 0, or with `start`."""
        kept = [cgutils.alloca_once(self.builder, self.vector) for _ in range(count)]
        for each in kept:
            self.builder.store(ir.Constant(self.vector, [0.0] * self.lanes) if start is None else start, each)
        return kept

    def add(self, total: Any, vector: Any, by: Any = None) -> None:
        """Add a vector, or a vector times `by`, to `total`."""
        term = vector if by is None else self.builder.fmul(vector, by, flags=FAST)
        self.builder.store(self.builder.fadd(term, self.builder.load(total), flags=FAST), total)

    @contextmanager
    def loop(self, count: Any) -> Iterator[Any]:
        """Run the body for each number below `count`."""
        with cgutils.for_range(self.builder, count, intp=LONG) as loop:
            yield loop.index


@cache
def patches(lanes: int, places: int, step: int) -> Any:
    """Return an instruction for a few neighbouring places and filters: the sum over the patch.

    Args:
        lanes: the number of filters.
        places: the number of places.
        step: numbers from one patch to the next.
    """

    @intrinsic
    def sum_patches(typing: Any, x: Any, rows: Any, pitch: Any, run: Any, W: Any, width: Any, b: Any, z: Any,
                    like: Any) -> Any:  # fmt: skip
        """Compute z = b + Σ x W over `rows` rows of the patch, `pitch` numbers apart, and `run` numbers of each row.

        Rows of W and z are `width` long.
        """

        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            on = _Builder(context, builder, like, lanes)
            x, rows, pitch, run, W, width, b, z, _ = arguments
            x, W, b, z = map(on.array, (x, W, b, z))
            sums = on.sums(places, on.load(b))
            with on.loop(rows) as i:
                row, weights = on.at(x, builder.mul(i, pitch)), on.at(W, builder.mul(builder.mul(i, run), width))
                with on.loop(run) as q:
                    w = on.load(on.at(weights, builder.mul(q, width)))
                    for place, total in enumerate(sums):
                        on.add(total, w, on.spread(on.at(row, q, place * step)))
            for place, total in enumerate(sums):
                on.store(builder.load(total), on.at(z, builder.mul(LONG(place), width)))
            return context.get_dummy_value()

        return types.void(*[types.int64] * 8, like), build

    return sum_patches


@cache
def places(lanes: int, lines: int, terms: int) -> Any:
    """Return an instruction for a few weights of some filters: the sum over samples and places.

    The weights lie side by side in a few rows of the patch.

    Args:
        lanes: the number of filters.
        lines: rows of the patch.
        terms: weights in each row.
    """

    @intrinsic
    def sum_places(typing: Any, x: Any, samples: Any, size: Any, rows: Any, down: Any, columns: Any, across: Any,
                   pitch: Any, delta: Any, width: Any, dW: Any, apart: Any, db: Any, like: Any) -> Any:  # fmt: skip
        """Compute dW = Σ x delta and db = Σ delta, over samples and places.

        Samples are `size` numbers apart, the `rows` rows of places `down`, and the `columns` columns `across`. Rows of
        delta and of weights are `width` long. Rows of the patch are `pitch` numbers of x apart, and `apart` numbers of
        dW.
        """

        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            on = _Builder(context, builder, like, lanes)
            x, samples, size, rows, down, columns, across, pitch, delta, width, dW, apart, db, _ = arguments
            x, delta, dW, db = map(on.array, (x, delta, dW, db))
            sums, weights = on.sums(lines * terms + 1), [(i, q) for i in range(lines) for q in range(terms)]
            with on.loop(samples) as s, on.loop(rows) as r, on.loop(columns) as c:
                place = builder.add(builder.mul(builder.add(builder.mul(s, rows), r), columns), c)
                slope = on.load(on.at(delta, builder.mul(place, width)))
                seen = on.at(x, builder.mul(s, size), builder.mul(r, down), builder.mul(c, across))
                on.add(sums[-1], slope)
                for total, (i, q) in zip(sums, weights, strict=False):
                    on.add(total, slope, on.spread(on.at(seen, builder.mul(LONG(i), pitch), q)))
            on.store(builder.load(sums[-1]), db)
            for total, (i, q) in zip(sums, weights, strict=False):
                to = on.at(dW, builder.mul(LONG(i), apart), builder.mul(LONG(q), width))
                on.store(builder.load(total), to)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 13, like), build

    return sum_places


@cache
def pixels(lanes: int, rows: int, step: int) -> Any:
    """Return an instruction for a few places below each other: add to the gradient of one row of their patches.

    Args:
        lanes: numbers of the row.
        rows: the number of places.
        step: numbers from the delta of one place to that of the next.
    """

    @intrinsic
    def add_to_pixels(typing: Any, delta: Any, filters: Any, W: Any, run: Any, dx: Any, down: Any, like: Any) -> Any:
        """Add Σ delta W over the filters to dx; rows of W are `run` long, rows of dx `down` numbers apart."""

        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            on = _Builder(context, builder, like, lanes)
            delta, filters, W, run, dx, down, _ = arguments
            delta, W, dx = map(on.array, (delta, W, dx))
            sums = on.sums(rows)
            with on.loop(filters) as f:
                w = on.load(on.at(W, builder.mul(f, run)))
                for row, total in enumerate(sums):
                    on.add(total, w, on.spread(on.at(delta, f, row * step)))
            for row, total in enumerate(sums):
                pixel = on.at(dx, builder.mul(LONG(row), down))
                on.store(builder.fadd(on.load(pixel), builder.load(total)), pixel)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 6, like), build

    return add_to_pixels


@cache
def largest(lanes: int, window: int) -> Any:
    """Return an instruction for some channels of one window: the largest number, or NaN if there is one."""

    @intrinsic
    def largest_of_window(typing: Any, x: Any, pitch: Any, channels: Any, z: Any, a: Any, like: Any) -> Any:
        """Set z = a = max x; rows of x are `pitch` numbers apart, pixels `channels`."""

        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            on = _Builder(context, builder, like, lanes)
            x, pitch, channels, z, a, _ = arguments
            x, z, a = map(on.array, (x, z, a))
            (kept,) = on.sums(1, on.load(x))
            with on.loop(LONG(window)) as i, on.loop(LONG(window)) as j:
                number = on.load(on.at(x, builder.mul(i, pitch), builder.mul(j, channels)))
                found = builder.load(kept)
                less = builder.fcmp_ordered("<=", number, found)
                stays = builder.or_(less, builder.fcmp_unordered("uno", found, found))
                builder.store(builder.select(stays, found, number), kept)
            on.store(builder.load(kept), z)
            on.store(builder.load(kept), a)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 5, like), build

    return largest_of_window


@cache
def winner(lanes: int, window: int) -> Any:
    """Return an instruction for some channels of one window: pass the gradient back to the first largest number."""

    @intrinsic
    def back_to_winner(typing: Any, x: Any, pitch: Any, channels: Any, z: Any, da: Any, delta: Any, dx: Any,
                       like: Any) -> Any:  # fmt: skip
        """Set delta = da, and add delta to dx at the first x that equals z.

        Rows are `pitch` numbers apart, pixels `channels`.
        """

        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            on = _Builder(context, builder, like, lanes)
            x, pitch, channels, z, da, delta, dx, _ = arguments
            x, z, da, delta, dx = map(on.array, (x, z, da, delta, dx))
            nothing, most = ir.Constant(on.vector, [0.0] * lanes), on.load(z)
            (left,) = on.sums(1, on.load(da))
            on.store(builder.load(left), delta)
            with on.loop(LONG(window)) as i, on.loop(LONG(window)) as j:
                steps = builder.mul(i, pitch), builder.mul(j, channels)
                won = builder.fcmp_ordered("==", on.load(on.at(x, *steps)), most)
                share, pixel = builder.load(left), on.at(dx, *steps)
                on.store(builder.fadd(on.load(pixel), builder.select(won, share, nothing)), pixel)
                builder.store(builder.select(won, nothing, share), left)  # later equal numbers get nothing
            return context.get_dummy_value()

        return types.void(*[types.int64] * 7, like), build

    return back_to_winner
