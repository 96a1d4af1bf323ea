"""Functions of one number for kernels. For float32 they have forms that process several numbers at once.

NaN in gives NaN out, so a diverging run stays visible.

References for the float32 forms: Moshier (1992), Cephes mathematical library, expf and logf (coefficients); Sun's
fdlibm, tanh by expm1. Each is within four units of the last place of the exact value.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from .machine import OPTIONS, jitable

f32 = np.float32
LOG2E, LN2_HIGH, LN2_LOW = f32(1.44269504), f32(0.693359375), f32(-2.12194440e-4)
E0, E1, E2 = f32(5.0000001201e-1), f32(1.6666665459e-1), f32(4.1665795894e-2)
E3, E4, E5 = f32(8.3334519073e-3), f32(1.3981999507e-3), f32(1.9875691500e-4)
LARGEST, SMALLEST = f32(89.0), f32(-87.33)  # e^x is infinite above, less than the smallest normal number below
L0, L1, L2 = f32(3.3333331174e-1), f32(-2.4999993993e-1), f32(2.0000714765e-1)
L3, L4, L5 = f32(-1.6668057665e-1), f32(1.4249322787e-1), f32(-1.2420140846e-1)
L6, L7, L8 = f32(1.1676998740e-1), f32(-1.1514610310e-1), f32(7.0376836292e-2)
ROOT = f32(0.70710678)
TINY_float32, TINY_float64 = np.finfo(np.float32).tiny, np.finfo(np.float64).tiny  # the smallest normal numbers
exp_float64, expm1_float64, log_float64, log1p_float64 = math.exp, math.expm1, math.log, math.log1p
tanh_float64, sqrt = math.tanh, math.sqrt
ZERO, ONE, TWO, HALF = f32(0), f32(1), f32(2), f32(0.5)


@intrinsic
def float_of_bits(typing: Any, bits: Any) -> Any:
    """Return the float32 with these 32 bits."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), build


@intrinsic
def bits_of_float(typing: Any, number: Any) -> Any:
    """Return the 32 bits of a float32."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(types.float32), build


@jitable
def power_and_rest(x: Any) -> Any:
    """Return (n, r) with e^x = 2^n + 2^n r. Beyond `SMALLEST` or `LARGEST`, x is replaced by that bound."""
    x = x if x <= LARGEST else LARGEST
    x = x if x >= SMALLEST else SMALLEST
    n = np.floor(x * LOG2E + HALF)
    x = x - n * LN2_HIGH - n * LN2_LOW
    rest = (((((E5 * x + E4) * x + E3) * x + E2) * x + E1) * x + E0) * x * x + x
    return np.int32(n), rest


@jitable
def power_of_two(n: Any) -> Any:
    """Return 2^n, for n from -126 to 127."""
    return float_of_bits((n + np.int32(127)) << np.int32(23))


@jitable
def exp_float32(x: Any) -> Any:
    """Return e^x."""
    n, rest = power_and_rest(x)
    half = n >> np.int32(1)  # in two steps: 2^128 is not a float32, but e^x may still be one
    value = (ONE + rest) * power_of_two(half) * power_of_two(n - half)
    value = value if x >= SMALLEST else ZERO
    return value if x == x else x


@jitable
def expm1_float32(x: Any) -> Any:
    """Return e^x - 1, exact to the last places near 0 as well."""
    n, rest = power_and_rest(x)
    half = n >> np.int32(1)  # as in e^x
    power, other = power_of_two(half), power_of_two(n - half)
    value = (power * rest + (power - power_of_two(half - n))) * other
    return value if x == x else x


@jitable
def tanh_float32(x: Any) -> Any:
    """Return tanh x, as -t / (t + 2) with t = e^-2x - 1 for x > 0."""
    t = expm1_float32(-TWO * abs(x))
    value = -t / (t + TWO)
    return value if x > ZERO else -value


@jitable
def log_float32(x: Any) -> Any:
    """Return ln x, for normal x above 0; -inf at 0, NaN below."""
    bits = bits_of_float(x)
    exponent = f32((bits >> np.int32(23)) - np.int32(126))
    m = float_of_bits((bits & np.int32(0x007FFFFF)) | np.int32(0x3F000000))  # from 1/2 to 1
    small = m < ROOT
    exponent = exponent - ONE if small else exponent
    m = m + m - ONE if small else m - ONE
    square = m * m
    value = ((((((((L8 * m + L7) * m + L6) * m + L5) * m + L4) * m + L3) * m + L2) * m + L1) * m + L0) * m * square
    value = value + LN2_LOW * exponent - HALF * square
    value = m + value + LN2_HIGH * exponent
    value = value if x > ZERO else (f32(-np.inf) if x == ZERO else f32(np.nan))
    return value if x < f32(np.inf) else x


@jitable
def log1p_float32(x: Any) -> Any:
    """Return ln(1 + x), corrected for the rounding of 1 + x."""
    one_plus = ONE + x
    value = log_float32(one_plus) - ((one_plus - ONE) - x) / one_plus
    return value if one_plus < f32(np.inf) else one_plus


@jitable
def maximum(x: Any, y: Any) -> Any:
    """Return the larger of two numbers."""
    return x if (x >= y) | (x != x) else y


@jitable
def logaddexp_float32(x: Any, y: Any) -> Any:
    """Return ln(e^x + e^y), without overflow."""
    return maximum(x, y) + log1p_float32(exp_float32(-abs(x - y)))


@jitable
def logaddexp_float64(x: Any, y: Any) -> Any:
    """Return ln(e^x + e^y), without overflow."""
    return maximum(x, y) + log1p_float64(exp_float64(-abs(x - y)))


@jitable
def minimum(x: Any, y: Any) -> Any:
    """Return the smaller of two numbers."""
    return x if (x <= y) | (x != x) else y


@jitable
def sign(x: Any) -> Any:
    """Return -1, 0 or 1, the sign of x."""
    zero = x - x  # 0 in the type of x; NaN for NaN
    return zero + (x > 0) - (x < 0)


def exp(x: Any) -> Any:
    """Return e^x, for both types."""


@overload(exp, jit_options=OPTIONS, strict=False)
def _exp(x: Any) -> Any:
    function = exp_float32 if x == types.float32 else exp_float64
    return lambda x: function(x)
