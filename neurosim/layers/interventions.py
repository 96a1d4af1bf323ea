"""Interventions: changes to single neurons of a layer, and the functions that the layer runs because of them.

A neuron may be frozen, slowed, ablated or clamped. It may have its own activation function or penalty.  A layer without
interventions runs no extra code.  With interventions the layer stays vectorized: neurons with the same intervention
form a group of columns.  Each group costs a few array operations, for any number of neurons.

Ablating and clamping are activations too: f(z) = value, with f'(z) = 0.  Freezing is a learning-rate factor of 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..activations import ACTIVATIONS, Activation, Scratch
from ..checks import check_number, check_value
from ..errors import NeurosimError
from ..parameters import Array, aligned_zeros

SAID = {
    "frozen": "frozen",
    "factor": "learning rate times {number}",
    "silenced": "ablated",
    "value": "clamped to {number}",
    "activation": "its own activation {name}",
    "l2": "its own L2 {number}",
}
"""The interventions on a neuron, in words. The page uses the same table."""


@dataclass
class Interventions:
    """The interventions on one layer, by neuron.

    Attributes:
        activations: neuron -> its own activation function.
        values: neuron -> the value to which its output is forced.
        factors: neuron -> the factor of its updates.
        frozen: neurons whose weights and bias do not change.
        l2: neuron -> the strength λ of its own penalty, λ/2 Σ w², on its incoming weights.
    """

    activations: dict[int, Activation] = field(default_factory=dict)
    values: dict[int, float] = field(default_factory=dict)
    factors: dict[int, float] = field(default_factory=dict)
    frozen: dict[int, bool] = field(default_factory=dict)
    l2: dict[int, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.activations or self.values or self.factors or self.frozen or self.l2)

    def config(self) -> dict[str, Any]:
        """Return the interventions as JSON-ready values; `from_config` reads them."""
        return {
            "activations": {str(j): activation.config() for j, activation in self.activations.items()},
            "values": {str(j): value for j, value in self.values.items()},
            "factors": {str(j): factor for j, factor in self.factors.items()},
            "frozen": sorted(self.frozen),
            "l2": {str(j): strength for j, strength in self.l2.items()},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], n_out: int, dtype: DTypeLike = np.float64) -> Interventions:
        """Return the interventions that `config` describes, for a layer of `n_out` neurons that computes in `dtype`.

        Raises:
            NeurosimError: the layer has no such neuron, or a value is not allowed.
        """

        def neuron(j: str) -> int:
            if not 0 <= int(j) < n_out:
                raise NeurosimError(f"interventions: expected neurons 0 to {n_out - 1}, received {j!r}")
            return int(j)

        def at_least_0(name: str, value: float) -> float:
            return check_number(f"{name} of a neuron", value, 0.0, math.inf, open_high=True)

        return cls(
            {neuron(j): check_own_activation(each) for j, each in config["activations"].items()},
            {neuron(j): check_value("forced output", value, dtype) for j, value in config["values"].items()},
            {neuron(j): at_least_0("rate_factor", factor) for j, factor in config["factors"].items()},
            {neuron(j): True for j in config["frozen"]},
            {neuron(j): at_least_0("l2", strength) for j, strength in config["l2"].items()},
        )

    def describe(self, j: int) -> list[str]:
        """Return the interventions on neuron j, in words."""
        said = [SAID["frozen"]] if j in self.frozen else []
        if j in self.factors:
            said.append(SAID["factor"].format(number=f"{self.factors[j]:g}"))
        if j in self.values:
            kind = "silenced" if self.values[j] == 0.0 else "value"
            said.append(SAID[kind].format(number=f"{self.values[j]:g}"))
        if j in self.activations:
            said.append(SAID["activation"].format(name=self.activations[j].key))
        if j in self.l2:
            said.append(SAID["l2"].format(number=f"{self.l2[j]:g}"))
        return said

    def function_for(self, base: Activation) -> Activation:
        """Return the function that the layer runs: `base`, or `base` with exceptions for single neurons."""
        if not (self.activations or self.values):
            return base
        groups: dict[str, tuple[Activation, list[int]]] = {}
        for j, activation in self.activations.items():
            groups.setdefault(repr(activation), (activation, []))[1].append(j)
        return PerNeuronActivation(base, list(groups.values()), self.values)


class PerNeuronActivation(Activation):
    """An activation function that differs between the neurons of a layer.

    Args:
        base: the function of most neurons.
        groups: pairs of an activation function and the neurons (columns) that have it.
        values: neuron -> its constant output for every z; it takes precedence over `groups`.
    """

    key = "mixed"
    elementwise = False

    def __init__(self, base: Activation, groups: list[tuple[Activation, list[int]]], values: dict[int, float]) -> None:
        self.base = base
        self.groups = [(activation, np.array(columns, np.intp)) for activation, columns in groups]
        self.values = values
        self._columns = np.array(list(values), np.intp)
        self._constants = np.array(list(values.values()))
        self._replaced = np.unique(np.concatenate([self._columns, *(columns for _, columns in self.groups)]))

    @property
    def kinks(self) -> tuple[float, ...]:  # type: ignore[override]
        """The kinks of all its parts."""
        return tuple({kink for activation, _ in [(self.base, None), *self.groups] for kink in activation.kinks})

    def __call__(self, z: Array) -> Array:
        a = self.base(z)
        for activation, columns in self.groups:
            a[..., columns] = activation(z[..., columns])
        a[..., self._columns] = self._constants
        return a

    def derivative(self, z: Array) -> Array:
        slope = self.base.derivative(z)
        for activation, columns in self.groups:
            slope[..., columns] = activation.derivative(z[..., columns])
        slope[..., self._columns] = 0.0
        return slope

    def vjp(self, z: Array, da: Array) -> Array:
        if self.base.elementwise:
            return super().vjp(z, da)
        da = da.copy()
        da[..., self._columns] = 0.0
        own = [(columns, activation.vjp(z[..., columns], da[..., columns])) for activation, columns in self.groups]
        da[..., self._replaced] = 0.0
        delta = self.base.vjp(z, da)  # through the other neurons
        for columns, its_delta in own:
            delta[..., columns] += its_delta
        return delta

    def make_scratch(self, capacity: int, width: int, dtype: DTypeLike) -> list[Array]:
        """Return the buffers of the base, then of each group.

        A group has z, a, da and delta of its columns, and its activation's own buffers.
        """
        made = self.base.make_scratch(capacity, width, dtype)
        for activation, columns in self.groups:
            made += [aligned_zeros((capacity, len(columns)), dtype) for _ in range(4)]
            made += activation.make_scratch(capacity, len(columns), dtype)
        return made

    def _parts(self, scratch: Scratch) -> Any:
        """Yield for each group: activation, columns, its four buffers, and its own scratch."""
        at = self.base.scratch_count
        for activation, columns in self.groups:
            end = at + 4 + activation.scratch_count
            yield activation, columns, scratch[at : at + 4], scratch[at + 4 : end]
            at = end

    def forward_(self, z: Array, a: Array, scratch: Scratch) -> None:
        self.base.forward_(z, a, scratch[: self.base.scratch_count])
        for activation, columns, (its_z, its_a, _, _), its_scratch in self._parts(scratch):
            np.take(z, columns, axis=1, out=its_z, mode="clip")
            activation.forward_(its_z, its_a, its_scratch)
            a[:, columns] = its_a
        if self.values:
            a[:, self._columns] = self._constants

    def backward_(self, da: Array, z: Array, a: Array, delta: Array, scratch: Scratch) -> None:
        mixing = not self.base.elementwise
        if mixing:  # the replaced outputs of softmax are not used, but their z count in its other outputs
            kept = da[:, self._replaced]
            da[:, self._columns] = 0.0
        for activation, columns, (its_z, its_a, its_da, its_delta), its_scratch in self._parts(scratch):
            np.take(da, columns, axis=1, out=its_da, mode="clip")
            activation.backward_(its_da, its_z, its_a, its_delta, its_scratch)
        if mixing:
            da[:, self._replaced] = 0.0
            a = self.base(z)
        self.base.backward_(da, z, a, delta, scratch[: self.base.scratch_count])
        for _, columns, (_, _, _, its_delta), _ in self._parts(scratch):
            delta[:, columns] = delta[:, columns] + its_delta if mixing else its_delta
        if mixing:
            da[:, self._replaced] = kept
        elif self.values:
            delta[:, self._columns] = 0.0


class UpdateScaling:
    """Scales the updates of some neurons: keeps their parameters before the update and mixes them in after it.

    new ← old + factor (new - old). A factor of 0 leaves weights and bias unchanged, bit for bit.

    Args:
        interventions: the interventions of the layer.
        views: the layer's parameter views.
    """

    def __init__(self, interventions: Interventions, views: Mapping[str, Array]) -> None:
        factors = interventions.factors | dict.fromkeys(interventions.frozen, 0.0)
        columns = sorted(factors)
        self._factors = np.array([factors[j] for j in columns], views["W"].dtype)
        self._moving = self._factors != 0.0
        parameters = [views[name] for name in ("W", "b") if name in views]
        self._kept = [np.empty((*array.shape[:-1], len(columns)), array.dtype) for array in parameters]
        # copy runs of neighbouring columns as slices, which are views: an index array would cost several times as much
        self._runs = []
        starts = [k for k, j in enumerate(columns) if k == 0 or j != columns[k - 1] + 1]
        for start, end in zip(starts, [*starts[1:], len(columns)], strict=True):
            first, last = columns[start], columns[end - 1]
            for array, kept in zip(parameters, self._kept, strict=True):
                self._runs.append((array[..., first : last + 1], kept[..., start:end], slice(start, end)))

    def before_(self) -> None:
        """Keep a copy of the parameters before the update."""
        for parameters, kept, _ in self._runs:
            np.copyto(kept, parameters)

    def after_(self) -> None:
        """Scale the update down."""
        for parameters, kept, run in self._runs:
            if self._moving[run].any():
                # a factor of 0 must leave the bits unchanged, even if the update was infinite
                moved = self._factors[run] * (parameters - kept)
                np.add(kept, moved, out=kept, where=self._moving[run])
            np.copyto(parameters, kept)

    def hold_(self) -> None:
        """Undo, after `after_`, all other changes of neurons with a factor of 0."""
        for parameters, kept, run in self._runs:
            np.copyto(parameters, kept, where=~self._moving[run])


def check_own_activation(activation: Any) -> Activation:
    """Return an activation function for a single neuron.

    Raises:
        NeurosimError: it is unknown, or it mixes neurons (softmax).
    """
    created = ACTIVATIONS.create(activation)
    if not created.elementwise:
        raise NeurosimError(
            f"activation of a single neuron: expected one that depends on its own z alone, received '{created.key}'"
        )
    return created
