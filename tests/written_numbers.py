"""Numbers as a walk writes them: their values, and the largest effect of their rounding."""

import re

import numpy as np

NUMBER = r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"


def unit(text):
    """Return half a unit in the last digit of a written number."""
    digits, _, exponent = text.partition("e")
    decimals = len(digits.partition(".")[2])
    if not decimals and not exponent:  # only whole numbers of five or more digits may be rounded
        return 0.0 if len(digits.lstrip("-")) < 5 else 0.5
    return 0.5 * 10.0 ** (int(exponent or 0) - decimals)


def evaluated(text, names):
    """Return the value of an expression of written numbers, and the largest effect of their rounding."""
    text = re.sub(r"√(-?[\d.]+(?:e[+-]?\d+)?)", r"sqrt(\1)", text).replace("√(", "sqrt(").replace("e^", "exp")
    text = re.sub(r"\|([^|]+)\|", r"abs(\1)", text).replace("²", "**2").replace("^", "**")
    pieces = re.split(f"({NUMBER})", text)
    numbers = [float(piece) for piece in pieces[1::2]]

    def value(values):
        whole = "".join(
            f"({value!r})" if k % 2 else piece
            for k, (piece, value) in enumerate(zip(pieces, interleaved(values), strict=True))
        )
        return float(eval(whole, {"__builtins__": {}}, names))

    def interleaved(values):
        return [None if k % 2 == 0 else values[k // 2] for k in range(len(pieces))]

    centre = value(numbers)
    moved = 0.0
    for k, piece in enumerate(pieces[1::2]):
        shifted = list(numbers)
        shifted[k] += unit(piece)
        moved += abs(value(shifted) - centre)
    return centre, moved


def check_what_is_written(neuron):
    """Check that every equation of a walk gives its value from the written numbers. Return the number of equations."""
    f = neuron.activation
    names = {
        "exp": np.exp,
        "ln": np.log,
        "sqrt": np.sqrt,
        "sign": np.sign,
        "max": max,
        "abs": abs,
        f.key: lambda z: f(np.array([[z]]))[0, 0],
        "slope": lambda z: f.derivative(np.array([[z]]))[0, 0],
    }
    checked = 0
    for row in [row for stage in neuron.stages() for row in stage.lines]:
        if row.value is None or not row.factors or not row.formula:
            continue
        value, moved = evaluated(row.substituted.replace("f'", "slope"), names)
        last_digit = 0.5e-4 * abs(row.value) + 1e-12
        assert abs(value - row.value) <= 1.1 * moved + last_digit, (row.kind, row.substituted, row.value)
        checked += 1
    return checked
