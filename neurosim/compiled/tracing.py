"""Tracing: from a readable rule to the lines of a loop.

A rule works on each element alone and has no branches: ``rate * m_hat / (np.sqrt(v_hat) + epsilon)``.  It is run once
on symbols instead of arrays.  Each symbol records the operations on it, and these become the lines

    t1 = sqrt(v_hat)
    t2 = t1 + real(epsilon)
    …

of a loop over the elements, which is then compiled.  Values that do not depend on an element (1 - β₂, a bias
correction) are computed once, before the loop, in double precision.  Python does the same for NumPy.  Only then are
they converted to the elements' type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import NeurosimError

# NumPy's functions that a rule may use: name -> the text of the call, with the arguments in braces
FUNCTIONS = {
    "add": "({} + {})",
    "subtract": "({} - {})",
    "multiply": "({} * {})",
    "divide": "({} / {})",
    "true_divide": "({} / {})",
    "negative": "(-{})",
    "reciprocal": "({one} / {})",
    "absolute": "abs({})",
    "sqrt": "sqrt({})",
    "exp": "exp({})",
    "expm1": "expm1({})",
    "log": "log({})",
    "log1p": "log1p({})",
    "tanh": "tanh({})",
    "sign": "sign({})",
    "maximum": "maximum({}, {})",
    "minimum": "minimum({}, {})",
    "logaddexp": "logaddexp({}, {})",
    "greater": "({} > {})",
    "greater_equal": "({} >= {})",
    "less": "({} < {})",
    "less_equal": "({} <= {})",
    "bitwise_and": "({} & {})",
    "bitwise_or": "({} | {})",
}
LOGICAL = {"greater", "greater_equal", "less", "less_equal", "bitwise_and", "bitwise_or"}


class NotTraceable(NeurosimError):
    """A rule does something that cannot be written as a loop over elements."""


class Trace:
    """The recorded lines of one rule.

    Attributes:
        before: lines that are computed once, before the loop.
        lines: lines of the loop.
    """

    def __init__(self) -> None:
        self.before: list[str] = []
        self.lines: list[str] = []
        self._known: dict[str, Symbol] = {}

    def element(self, name: str) -> Symbol:
        """Return the symbol `name` of the loop: it has another value for each element."""
        return Symbol(self, name, is_element=True)

    def scalar(self, name: str) -> Symbol:
        """Return the symbol `name` before the loop: a number in double precision."""
        return Symbol(self, name, is_element=False)

    def apply(self, function: str, *arguments: Any) -> Symbol:
        """Record a call of one of `FUNCTIONS`; the same call is recorded only once."""
        if function not in FUNCTIONS:
            raise NotTraceable(f"np.{function} cannot be compiled")
        is_element = any(isinstance(each, Symbol) and each.is_element for each in arguments)
        texts = [self.text(each, is_element) for each in arguments]
        return self._named(FUNCTIONS[function].format(*texts, one="real(1)" if is_element else "1.0"), is_element,
                           function in LOGICAL)  # fmt: skip

    def choose(self, condition: Any, one: Any, other: Any) -> Symbol:
        """Record ``np.where``."""
        texts = [self.text(each, True) for each in (one, other)]
        return self._named(f"({texts[0]} if {self.text(condition, True)} else {texts[1]})", True, False)

    def text(self, value: Any, in_loop: bool) -> str:
        """Return the text of a value; in the loop, a scalar has the elements' type."""
        if isinstance(value, Symbol):
            if value.is_element or not in_loop:
                return value.name
            return self._named(f"real({value.name})", False, False).name
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
            raise NotTraceable(f"expected numbers, received {type(value).__name__}")
        return f"real({float(value)!r})" if in_loop else repr(float(value))

    def _named(self, text: str, is_element: bool, is_logical: bool) -> Symbol:
        if text not in self._known:
            lines = self.lines if is_element else self.before
            name = f"{'t' if is_element else 's'}{len(self._known)}"
            lines.append(f"{name} = {text}")
            self._known[text] = Symbol(self, name, is_element, is_logical)
        return self._known[text]


class Symbol(np.lib.mixins.NDArrayOperatorsMixin):
    """A number of a rule that has a name but no value. It records every operation on it.

    Attributes:
        trace: where operations are recorded.
        name: its name in the loop.
        is_element: whether it differs from element to element.
    """

    def __init__(self, trace: Trace, name: str, is_element: bool, is_logical: bool = False) -> None:
        self.trace, self.name, self.is_element, self.is_logical = trace, name, is_element, is_logical

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **named: Any) -> Any:
        out = named.pop("out", (None,))[0]
        if method != "__call__" or named:
            raise NotTraceable(f"np.{ufunc.__name__}.{method} is not an elementwise operation")
        name = ufunc.__name__
        result = self._power(*inputs) if name == "power" else self.trace.apply(name, *inputs)
        if out is None:
            return result
        if not isinstance(out, Symbol):
            raise NotTraceable("it writes into an array")
        out.name, out.is_element, out.is_logical = result.name, result.is_element, result.is_logical
        return out

    def _power(self, base: Any, exponent: Any) -> Any:
        """Return a product instead of a power, if the exponent is a small whole number."""
        if isinstance(exponent, Symbol) or exponent not in (1, 2, 3, 4):
            raise NotTraceable("expected a power from 1 to 4")
        result = base
        for _ in range(int(exponent) - 1):
            result = result * base
        return result

    def __array_function__(self, function: Any, types: Any, arguments: Any, named: Any) -> Any:
        if function is np.where and len(arguments) == 3:
            return self.trace.choose(*arguments)
        if function is np.clip and len(arguments) == 3 and not named:
            return self.trace.apply("minimum", self.trace.apply("maximum", *arguments[:2]), arguments[2])
        if function in (np.ones_like, np.zeros_like):
            value = 1.0 if function is np.ones_like else 0.0
            return self.trace._named(f"real({value})", True, False)
        raise NotTraceable(f"np.{function.__name__} cannot be compiled")

    @property
    def dtype(self) -> str:
        """A placeholder for an array's dtype, to be given to `astype`."""
        return "real"

    def astype(self, dtype: Any) -> Symbol:
        """Do what an array does: true and false become 1 and 0."""
        return self.trace.choose(self, 1.0, 0.0) if self.is_logical else self

    def copy(self) -> Symbol:
        """Do what an array does: return the same numbers."""
        return Symbol(self.trace, self.name, self.is_element, self.is_logical)

    def __bool__(self) -> bool:
        raise NotTraceable("it branches on an element")

    __float__ = __int__ = __bool__

    def __getitem__(self, *_: Any) -> Any:
        raise NotTraceable("it treats some neurons differently from others")

    __setitem__ = __len__ = __iter__ = __getitem__


def traced(rule: Callable[..., Any], trace: Trace, *arguments: Any, **named: Any) -> Any:
    """Return what a rule returns for symbols; its lines are in `trace` then.

    Raises:
        NotTraceable: it is not elementwise, it branches, or it uses a function that cannot be compiled.
    """
    try:
        return rule(*arguments, **named)
    except NotTraceable:
        raise
    except Exception as error:  # a user's rule may raise any error for a symbol
        raise NotTraceable(f"{type(error).__name__}: {error}") from error
