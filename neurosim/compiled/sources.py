"""Kernels written from readable rules: activations, losses by output, updates of parameters.

Each function here returns the source text of a kernel. REAL stands for the elements' type.
"""

from __future__ import annotations

from collections.abc import Callable
from textwrap import indent
from typing import Any

from ..activations import Activation
from ..losses import ByOutput
from ..optimizers import Optimizer
from .tracing import NotTraceable, Trace, traced

HEAD = '''"""Written by neurosim {what}."""

from numpy import REAL as real

from neurosim.compiled.functions import TINY_REAL, exp_REAL as exp, expm1_REAL as expm1, log1p_REAL as log1p
from neurosim.compiled.functions import log_REAL as log, logaddexp_REAL as logaddexp, maximum, minimum, sign, sqrt
from neurosim.compiled.functions import tanh_REAL as tanh
from neurosim.compiled.machine import doubles, own, own_rows, stretch, vector


'''


def _lines(lines: list[str], depth: int) -> str:
    return indent("\n".join(lines), "    " * depth) + "\n" if lines else ""


def activation_source(activation: Activation, has_bias: bool) -> str:
    """Return the source of z ← z + b; a = f(z). Arguments: z, a, and b if there is one.

    Raises:
        NotTraceable: f cannot be compiled.
    """
    trace = Trace()
    a = traced(activation, trace, trace.element("z_ij"))
    return (
        HEAD.format(what=f"for {activation!r}: a = f(z)")
        + "def forward(p, like, me, of):\n"
        + "    z, a = own_rows(p, 0, like, me, of), own_rows(p, 1, like, me, of)\n"
        + ("    b = vector(p, 2, like)\n" if has_bias else "")
        + _lines(trace.before, 1)
        + "    for i in range(z.shape[0]):\n"
        + "        z_i, a_i = z[i], a[i]\n"
        + "        for j in range(z.shape[1]):\n"
        + (
            "            z_ij = z_i[j] + b[j]\n            z_i[j] = z_ij\n"
            if has_bias
            else "            z_ij = z_i[j]\n"
        )
        + _lines(trace.lines, 3)
        + f"            a_i[j] = {trace.text(a, True)}\n"
    )


def backward_source(activation: Activation) -> str:
    """Return the source of delta = da f'(z). Arguments: da, z, delta.

    Raises:
        NotTraceable: f' cannot be compiled, or it is not the whole Jacobian.
    """
    if type(activation).vjp is not Activation.vjp:
        raise NotTraceable("its neurons depend on each other")
    trace = Trace()
    slope = traced(activation.derivative, trace, trace.element("z_ij"))
    return (
        HEAD.format(what=f"for {activation!r}: delta = da f'(z)")
        + "def backward(p, like, me, of):\n"
        + "    da, z, delta = own(p, 0, like, me, of), own(p, 1, like, me, of), own(p, 2, like, me, of)\n"
        + _lines(trace.before, 1)
        + "    for k in range(z.shape[0]):\n"
        + "        z_ij = z[k]\n"
        + _lines(trace.lines, 2)
        + f"        delta[k] = da[k] * {trace.text(slope, True)}\n"
    )


def loss_source(loss: ByOutput) -> str:
    """Return the source of L into ``result[0]``. Arguments: a, y, result.

    Raises:
        NotTraceable: the loss cannot be compiled.
    """
    return (
        HEAD.format(what=f"for {loss!r}: L")
        + "def loss(p, like, me, of):\n"
        + "    if me > 0:\n        return\n"
        + "    a, y, result, total = vector(p, 0, like), vector(p, 1, like), doubles(p, 2), 0.0\n"
        + _over_outputs(loss.term, "total += {}")
        + "    result[0] = total / a.shape[0]\n"
    )


def slope_source(loss: ByOutput) -> str:
    """Return the source of da = dL/da. Arguments: a, y, da.

    Raises:
        NotTraceable: the loss cannot be compiled.
    """
    return (
        HEAD.format(what=f"for {loss!r}: dL/da")
        + "def slope(p, like, me, of):\n"
        + "    a, y, da = own(p, 0, like, me, of), own(p, 1, like, me, of), own(p, 2, like, me, of)\n"
        + "    factor = real(1.0 / (p[1] * p[2]))\n"
        + _over_outputs(loss.slope, "da[k] = {} * factor")
    )


def _over_outputs(rule: Callable[..., Any], line: str) -> str:
    """Return a loop over the outputs a that puts the rule's value for a and y into `line`."""
    trace = Trace()
    value = traced(rule, trace, trace.element("a_ij"), trace.element("y_ij"))
    text = trace.text(value, True)
    return (
        _lines(trace.before, 1)
        + "    for k in range(a.shape[0]):\n"
        + "        a_ij, y_ij = a[k], y[k]\n"
        + _lines([*trace.lines, line.format(text)], 2)
    )


def update_source(optimizer: Optimizer) -> str:
    """Return the source of one step of an optimizer.

    Arguments: numbers (rate, t, then its hyperparameters), θ, its gradient, its state.  State below the smallest normal
    number becomes 0: see `Optimizer`.

    Raises:
        NotTraceable: the rule cannot be compiled.
    """
    trace = Trace()
    states, hyper = optimizer.state_names, list(optimizer.hyper())
    elements = [trace.element(f"{name}_k") for name in ("theta", "grad", *states)]
    scalars = {name: trace.scalar(name) for name in ("rate", "t", *hyper)}
    terms = traced(optimizer.rule, trace, *elements, **scalars)
    arrays = ["theta", "grad", *states]
    new = {name: trace.text(getattr(terms, name), True) for name in states}
    step = trace.text(terms.step, True)
    tiny = "".join(f"        {name}_k = {text}\n        {name}[k] = {name}_k if abs({name}_k) >= tiny else zero\n"
                   for name, text in new.items())  # fmt: skip
    return (
        HEAD.format(what=f"for {type(optimizer).__name__}: one step")
        + "def update(p, like, me, of):\n"
        + "    numbers = doubles(p, 0)\n"
        + "".join(f"    {name} = numbers[{k}]\n" for k, name in enumerate(scalars))
        + "".join(f"    {name} = stretch(p, {k}, like, me, of)\n" for k, name in enumerate(arrays, 1))
        + "    tiny, zero = TINY_REAL, real(0)\n"
        + _lines(trace.before, 1)
        + "    for k in range(theta.shape[0]):\n"
        + "".join(f"        {name}_k = {name}[k]\n" for name in arrays)
        + _lines(trace.lines, 2)
        + f"        theta[k] = theta_k - {step}\n"
        + tiny
    )
