"""The common part of layers with weights: parameters, penalties, and interventions on single neurons."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..activations import Activation
from ..checks import check_max_norm
from ..errors import NeurosimError
from ..initializers import INITIALIZERS, Initializer
from ..parameters import Array, FlatParameters, Shape
from ..regularizers import L2, REGULARIZERS, Regularizer, limit_norms_
from .base import ActivationLayer, ParameterView
from .interventions import Interventions, UpdateScaling


class WeightedLayer(ActivationLayer):
    """A layer whose neurons have weights W and biases b. The last axis of W counts the neurons.

    Args:
        activation: by name or as an instance.
        initializer: of W; ``None``: the one that suits the activation (He for ReLU and its relatives, LeCun for SELU,
            otherwise Glorot). Biases start at zero.
        use_bias: whether the layer has biases b.
        regularizer: a penalty on W; ``None``: the network's.
        max_norm: the largest Euclidean norm of one neuron's incoming weights; ``None``: the network's.

    Attributes:
        W: (…, neurons) weights. Live; assigning copies.
        b: (neurons,) biases. Live.
        dW, db: their gradients of the mean batch loss. Live.
    """

    weight_name = "W"
    bias_name = "b"
    W = ParameterView("The weights; the last axis counts the neurons. Live; assigning copies.")
    b = ParameterView("The biases, one per neuron. Live; assigning copies.")
    dW = ParameterView("The gradient of the mean batch loss for W. Live.")
    db = ParameterView("The gradient of the mean batch loss for b. Live.")

    def __init__(
        self,
        activation: str | Activation | dict[str, Any],
        initializer: str | Initializer | dict[str, Any] | None,
        use_bias: bool,
        regularizer: str | Regularizer | dict[str, Any] | None,
        max_norm: float | None,
    ) -> None:
        self.activation = activation
        self.initializer = None if initializer is None else INITIALIZERS.create(initializer)
        self.use_bias = bool(use_bias)
        self.regularizer = None if regularizer is None else REGULARIZERS.create(regularizer)
        self.max_norm = check_max_norm(max_norm)
        self.interventions = Interventions()
        self._update_scaling: UpdateScaling | None = None

    # -- parameters ------------------------------------------------------------------------------------------------

    def weight_shape(self) -> Shape:
        """Return the shape of W; its last axis counts the neurons."""
        raise NotImplementedError

    def parameter_shapes(self) -> dict[str, Shape]:
        shape = self.weight_shape()
        W: dict[str, Shape] = {"W": shape}
        return W | {"b": shape[-1:]} if self.use_bias else W

    def attach(self, parameters: FlatParameters) -> None:
        super().attach(parameters)
        views = self.views
        self._W, self._dW = views["W"], views["dW"]
        self._b, self._db = views.get("b"), views.get("db")
        self.intervene(self.interventions)

    def initialize_(self, rng: np.random.Generator) -> None:
        initializer = self.initializer or INITIALIZERS.create(self.activation.initializer)
        shape = self.weight_shape()
        self.W = initializer((math.prod(shape[:-1]), shape[-1]), rng).reshape(shape)
        if self.use_bias:
            self.b = 0.0

    # -- penalties -------------------------------------------------------------------------------------------------

    def adopt(self, regularizer: Regularizer | None, max_norm: float | None) -> None:
        self.regularizer = self.regularizer or regularizer
        self.max_norm = self.max_norm or max_norm

    @property
    def penalized(self) -> bool:
        return self.regularizer is not None or bool(self.interventions.l2)

    def penalizes(self, j: int) -> bool:
        return self.regularizer is not None or j in self.interventions.l2

    def penalty(self) -> float:
        penalty = 0.0 if self.regularizer is None else self.regularizer(self.W)
        return penalty + sum(L2(strength)(self.W[..., j]) for j, strength in self.interventions.l2.items())

    def explain_penalty(self, j: int) -> tuple[str, dict[str, float]]:
        parts: dict[str, dict[str, float]] = {}
        if self.regularizer is not None:
            parts[self.regularizer.formula] = {"λ": self.regularizer.strength}
        if j in self.interventions.l2:
            parts["{own λ} * {w}"] = {"own λ": self.interventions.l2[j]}
        if not all(parts):
            return "", {}
        return " + ".join(parts), {name: value for each in parts.values() for name, value in each.items()}

    def add_penalty_gradient_(self) -> None:
        """Add dR/dW to dW for the layer's penalty and the penalties of single neurons."""
        if self.regularizer is not None:
            self.regularizer.add_gradient_(self._W, self._dW, self._weight_scratch)
        if self.interventions.l2:
            columns, strengths = list(self.interventions.l2), list(self.interventions.l2.values())
            self._dW[..., columns] += np.array(strengths, self.dtype) * self._W[..., columns]

    def kink_sides(self) -> Iterator[Array]:
        yield from super().kink_sides()
        if self.regularizer is not None and self.regularizer.has_kink:
            yield self.W > 0.0

    @property
    def _weight_scratch(self) -> Array:
        """A buffer in the shape of W, made once, when it is first needed."""
        if self._full_weight_scratch is None:
            self._full_weight_scratch = np.empty_like(self.W)
        return self._full_weight_scratch

    _full_weight_scratch: Array | None = None

    # -- around an update ------------------------------------------------------------------------------------------

    @property
    def follows_up(self) -> bool:
        """Whether `before_update_` or `after_update_` does anything."""
        return self._update_scaling is not None or self.max_norm is not None

    def before_update_(self) -> None:
        if self._update_scaling is not None:
            self._update_scaling.before_()

    def after_update_(self) -> None:
        """Undo the update of frozen neurons, scale it for slowed neurons, then limit weight norms to `max_norm`."""
        if self._update_scaling is not None:
            self._update_scaling.after_()
        if self.max_norm is not None:
            limit_norms_(self.W, self.max_norm, self._weight_scratch)
            if self._update_scaling is not None:
                self._update_scaling.hold_()

    # -- interventions on single neurons ---------------------------------------------------------------------------

    def wanted_function(self) -> Activation:
        return self.interventions.function_for(self.activation)

    def intervene(self, interventions: Interventions) -> None:
        """Replace the interventions on this layer's neurons.

        Raises:
            NeurosimError: an activation or a forced output is set for a neuron of the output layer.
        """
        if self.is_output and (interventions.activations or interventions.values):
            raise NeurosimError(
                f"layer {self.index} is the output layer: the loss needs its activation, which cannot be forced or "
                "replaced. Choose a neuron of a hidden layer"
            )
        self.interventions = interventions
        slowed = interventions.frozen or interventions.factors
        self._update_scaling = UpdateScaling(interventions, self.views) if slowed else None
        self.choose_function()
