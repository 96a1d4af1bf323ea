"""Instructions that numba's language lacks: arrays and functions by address, threads that meet, sums of vectors."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LIST = types.CPointer(types.int64)
VECTOR = 64  # bytes: the longest vectors of processors; several shorter vectors replace one
LONG, BYTE, INT = ir.IntType(64), ir.IntType(8), ir.IntType(32)


@intrinsic
def pointer(typing: Any, address: Any, like: Any) -> Any:
    """Return the pointer to numbers of the type of `like` at an address."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(like))

    return like(types.int64, like), build


def _pointer_to(kind: Any) -> Any:
    """Return the function that makes an address a pointer to numbers of one kind."""

    @intrinsic
    def to(typing: Any, address: Any) -> Any:
        pointer = types.CPointer(kind)

        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(pointer))

        return pointer(types.int64), build

    return to


bytes_pointer, singles_pointer, doubles_pointer = map(_pointer_to, (types.uint8, types.float32, types.float64))
wholes_pointer, places_pointer = _pointer_to(types.int64), _pointer_to(types.int32)


@intrinsic
def call(typing: Any, kernel: Any, numbers: Any, like: Any, me: Any, of: Any) -> Any:
    """Call the kernel at an address; `numbers` and `like` are addresses, too."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        taken = [LONG.as_pointer(), BYTE.as_pointer(), LONG, LONG]
        form = ir.FunctionType(ir.VoidType(), taken).as_pointer()
        pointers = [builder.inttoptr(each, kind) for each, kind in zip(arguments[1:3], taken, strict=False)]
        builder.call(builder.inttoptr(arguments[0], form), [*pointers, *arguments[3:]])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), build


# -- threads -----------------------------------------------------------------------------------------------------------


@intrinsic
def count_up(typing: Any, address: Any) -> Any:
    """Add 1 to the whole number at an address; other threads may do the same at the same time."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = builder.inttoptr(arguments[0], LONG.as_pointer())
        builder.atomic_rmw("add", number, LONG(1), "seq_cst")
        return context.get_dummy_value()

    return types.void(types.int64), build


@intrinsic
def look_at(typing: Any, address: Any) -> Any:
    """Return the whole number at an address, as other threads have left it."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(builder.inttoptr(arguments[0], LONG.as_pointer()), "acquire", 8)

    return types.int64(types.int64), build


@intrinsic
def call_with(typing: Any, address: Any, number: Any) -> Any:
    """Call a C function that takes a whole number and returns one."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        function = builder.inttoptr(arguments[0], ir.FunctionType(INT, [INT]).as_pointer())
        return builder.sext(builder.call(function, [builder.trunc(arguments[1], INT)]), LONG)

    return types.int64(types.int64, types.int64), build


# -- what is not zero --------------------------------------------------------------------------------------------------


@intrinsic
def nonzero(typing: Any, address: Any, like: Any) -> Any:
    """Return which numbers of one vector at an address are not 0: one bit each, the first in the lowest bit."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        real, lanes = context.get_value_type(like.dtype), VECTOR * 8 // like.dtype.bitwidth
        vector = ir.VectorType(real, lanes)
        numbers = builder.load(builder.inttoptr(arguments[0], vector.as_pointer()), align=4)
        bits = builder.fcmp_unordered("!=", numbers, ir.Constant(vector, [0.0] * lanes))  # NaN is not 0
        return builder.zext(builder.bitcast(bits, ir.IntType(lanes)), LONG)

    return types.int64(types.int64, like), build


@intrinsic
def lowest(typing: Any, word: Any) -> Any:
    """Return the index of the lowest bit that is set in a word; the word is not 0."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return types.int64(types.int64), build


@intrinsic
def fetch(typing: Any, address: Any) -> Any:
    """Bring the data at an address into the cache, because it will be needed soon."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = BYTE.as_pointer()
        form = ir.FunctionType(ir.VoidType(), [pointer, INT, INT, INT])
        function = builder.module.declare_intrinsic("llvm.prefetch", [pointer], form)
        builder.call(function, [builder.inttoptr(arguments[0], pointer), INT(0), INT(2), INT(1)])
        return context.get_dummy_value()

    return types.void(types.int64), build


# -- sums --------------------------------------------------------------------------------------------------------------


def _gemm(bits: int) -> Any:
    """Return a caller of C's ``cblas_?gemm``, by its address, for matrices stored by rows.

    Its whole numbers have `bits` bits.
    """

    @intrinsic
    def gemm(typing: Any, address: Any, x_t: Any, y_t: Any, m: Any, n: Any, k: Any, x: Any, lda: Any, y: Any, ldb: Any,
             z: Any, ldc: Any, like: Any) -> Any:  # fmt: skip
        """Compute z (m, n) = x y, summed over k.

        x_t, y_t: 111 for a matrix as stored, 112 for its transpose; lda, ldb, ldc: the lengths of the stored rows.
        """

        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            whole, enum = ir.IntType(bits), INT
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


def _weighted_sum(vectors: int) -> Any:
    """Return a weighted sum of rows of a matrix, for the columns of `vectors` vectors. It stays in registers."""

    @intrinsic
    def weighted_sum(typing: Any, places: Any, weights: Any, count: Any, matrix: Any, width: Any, total: Any,
                     like: Any) -> Any:  # fmt: skip
        """Compute total = Σ_q weights[q] · row places[q] of the matrix, over `count` of them.

        `matrix` is the address of the first wanted column in the first row, and `width` the length of its rows. Places
        are int32; all other arguments are addresses, too.
        """

        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            real = context.get_value_type(like.dtype)
            lanes = VECTOR * 8 // like.dtype.bitwidth
            vector = ir.VectorType(real, lanes)
            places, weights, count, matrix, width, total, _ = arguments
            places = builder.inttoptr(places, INT.as_pointer())
            weights, matrix, total = (builder.inttoptr(each, real.as_pointer()) for each in (weights, matrix, total))
            nothing, before = ir.Constant(vector, ir.Undefined), builder.block
            head, body, end = (builder.append_basic_block(name) for name in ("head", "body", "end"))

            def part(row: Any, k: int) -> Any:
                return builder.bitcast(builder.gep(row, [LONG(k * lanes)]), vector.as_pointer())

            builder.branch(head)
            builder.position_at_end(head)
            q, sums = builder.phi(LONG), [builder.phi(vector) for _ in range(vectors)]
            builder.cbranch(builder.icmp_signed("<", q, count), body, end)
            builder.position_at_end(body)
            place = builder.sext(builder.load(builder.gep(places, [q])), LONG)
            weight = builder.insert_element(nothing, builder.load(builder.gep(weights, [q])), INT(0))
            weight = builder.shuffle_vector(weight, nothing, ir.Constant(ir.VectorType(INT, lanes), [0] * lanes))
            row = builder.gep(matrix, [builder.mul(place, width)])
            fast = ["contract"]  # a product and a sum may be one instruction
            for k, each in enumerate(sums):
                product = builder.fmul(weight, builder.load(part(row, k), align=4), flags=fast)
                each.add_incoming(ir.Constant(vector, [0.0] * lanes), before)
                each.add_incoming(builder.fadd(product, each, flags=fast), body)
            q.add_incoming(LONG(0), before)
            q.add_incoming(builder.add(q, LONG(1)), body)
            builder.branch(head)
            builder.position_at_end(end)
            for k, each in enumerate(sums):
                builder.store(each, part(total, k), align=4)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 6, like), build

    return weighted_sum


sum_of_one, sum_of_four = _weighted_sum(1), _weighted_sum(4)
