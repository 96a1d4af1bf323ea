"""What convolution sums up, as instructions on whole vectors: several sums at once, which stay in registers.

A vector holds numbers that lie side by side: filters of one place, or channels of pixels in one row.  Every sum is a
vector; every term is a vector times one number.
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
        context, builder: numba's.
        real: the type of a number.
        lanes: how many there are in a vector.
    """

    def __init__(self, context: Any, builder: Any, like: Any, lanes: int) -> None:
        self.builder, self.real, self.lanes = builder, context.get_value_type(like.dtype), lanes
        self.vector = ir.VectorType(self.real, lanes)

    def array(self, address: Any) -> Any:
        """The numbers from an address on."""
        return self.builder.inttoptr(address, self.real.as_pointer())

    def at(self, array: Any, *steps: Any) -> Any:
        """The numbers from so many on."""
        for step in steps:
            array = self.builder.gep(array, [LONG(step) if isinstance(step, int) else step])
        return array

    def load(self, array: Any) -> Any:
        """A vector."""
        return self.builder.load(self.builder.bitcast(array, self.vector.as_pointer()), align=4)

    def store(self, vector: Any, array: Any) -> None:
        """Write a vector."""
        self.builder.store(vector, self.builder.bitcast(array, self.vector.as_pointer()), align=4)

    def spread(self, array: Any) -> Any:
        """A vector of the first number, again and again."""
        nothing = ir.Constant(self.vector, ir.Undefined)
        one = self.builder.insert_element(nothing, self.builder.load(array), INT(0))
        return self.builder.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(INT, self.lanes), [0] * self.lanes))

    def sums(self, count: int, start: Any = None) -> list[Any]:
        """So many vectors, which begin with 0, or with `start`."""
        kept = [cgutils.alloca_once(self.builder, self.vector) for _ in range(count)]
        for each in kept:
            self.builder.store(ir.Constant(self.vector, [0.0] * self.lanes) if start is None else start, each)
        return kept

    def add(self, total: Any, vector: Any, by: Any = None) -> None:
        """Total += vector, or vector times `by`."""
        term = vector if by is None else self.builder.fmul(vector, by, flags=FAST)
        self.builder.store(self.builder.fadd(term, self.builder.load(total), flags=FAST), total)

    @contextmanager
    def loop(self, count: Any) -> Iterator[Any]:
        """For each number below `count`."""
        with cgutils.for_range(self.builder, count, intp=LONG) as loop:
            yield loop.index


@cache
def patches(lanes: int, places: int, step: int) -> Any:
    """For some places side by side, some filters: the sum over the patch.

    Args:
        lanes: filters.
        places: how many places.
        step: numbers from a patch to the next.
    """

    @intrinsic
    def sum_patches(typing: Any, x: Any, rows: Any, pitch: Any, run: Any, W: Any, width: Any, b: Any, z: Any,
                    like: Any) -> Any:  # fmt: skip
        """z = b + Σ x W over `rows` rows of the patch, `pitch` numbers apart, and `run` numbers of each.

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
def places(lanes: int, terms: int, total: bool) -> Any:
    """For some weights side by side in a patch, of some filters: the sum over samples and places.

    Args:
        lanes: filters.
        terms: weights.
        total: whether the sum of delta is wanted, too.
    """

    @intrinsic
    def sum_places(typing: Any, x: Any, samples: Any, size: Any, rows: Any, down: Any, columns: Any, across: Any,
                   delta: Any, width: Any, dW: Any, db: Any, like: Any) -> Any:  # fmt: skip
        """dW = Σ x delta over samples, `size` numbers apart, `rows` of places, `down`, and `columns`, `across`.

        Rows of delta and dW are `width` long.
        """

        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            on = _Builder(context, builder, like, lanes)
            x, samples, size, rows, down, columns, across, delta, width, dW, db, _ = arguments
            x, delta, dW, db = map(on.array, (x, delta, dW, db))
            sums = on.sums(terms + total)
            with on.loop(samples) as s, on.loop(rows) as r, on.loop(columns) as c:
                place = builder.add(builder.mul(builder.add(builder.mul(s, rows), r), columns), c)
                slope = on.load(on.at(delta, builder.mul(place, width)))
                seen = on.at(x, builder.mul(s, size), builder.mul(r, down), builder.mul(c, across))
                for term in range(terms):
                    on.add(sums[term], slope, on.spread(on.at(seen, term)))
                if total:
                    on.add(sums[terms], slope)
            for term in range(terms):
                on.store(builder.load(sums[term]), on.at(dW, builder.mul(LONG(term), width)))
            if total:
                on.store(builder.load(sums[terms]), db)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 11, like), build

    return sum_places


@cache
def pixels(lanes: int, rows: int, step: int) -> Any:
    """For some places below each other, what goes back to some numbers of one row of their patches.

    Args:
        lanes: numbers of the row.
        rows: how many places.
        step: numbers from the delta of a place to that of the next.
    """

    @intrinsic
    def add_to_pixels(typing: Any, delta: Any, filters: Any, W: Any, run: Any, dx: Any, down: Any, like: Any) -> Any:
        """dx += Σ delta W over the filters; the rows of W are `run` long, those of dx `down` numbers apart."""

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
