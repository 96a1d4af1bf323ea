"""The basis of a trace: one step of training on one sample, run in a copy of the network."""

from __future__ import annotations

import copy
import math
from functools import cached_property
from typing import Any

import numpy as np

from ..activations import Activation
from ..errors import NeurosimError
from ..layers import Layer
from ..metrics import class_indices
from ..network import Network
from ..parameters import Array
from ..processors import computes
from ..samples import as_rows
from ..text import number
from . import words
from .formula import fill


class SampleRun:
    """One step of training on one sample, run in a copy of a network, with all its numbers.

    Args:
        network: the network; it is not changed.
        x: one sample; integers are scaled by the `Input`.
        y: its class index, or a row of n_out targets; ``None``: no label, and all that depends on a label is NaN.
        sample: the number of the sample in its data set, only for display; ``None``: it has no number.

    Attributes:
        network: a copy of the network before the update, with the sample in its buffers.
        loss: L before the update, without penalties.
        loss_after: L of the same sample after the update.
        probabilities: (n_out,) the output's activations.
        prediction: the predicted class.
        label: the class of the targets; ``None`` if they are not class labels.
        forward_only: whether there are no targets.
        optimizer, learning_rate: those of the update.

    Raises:
        NeurosimError: not exactly one sample, or a wrong target.
    """

    @computes
    @np.errstate(over="ignore", invalid="ignore", divide="ignore")  # a diverged network has NaN and infinity
    def __init__(self, network: Network, x: Any, y: Any, sample: int | None = None) -> None:
        here = copy.deepcopy(network)
        rows = here.input.as_rows(x)
        if len(rows) != 1:
            raise NeurosimError(f"trace: expected one sample, received {len(rows)}")
        self.forward_only = y is None
        y = np.asarray(0 if self.forward_only else y)  # the forward pass is the same for any target
        if y.ndim == 0 or (y.ndim == 1 and y.size == here.output.n_out > 1):  # a class index, or one row of targets
            y = y[None]
        self.sample = sample
        self.loss = here.gradients(rows, y)
        self.network = here
        self.flows = [self._flow(layer) for layer in here]
        self.targets = here.targets[0].copy()
        self.probabilities = here.output.a[0].copy()
        classes = class_indices(here.targets)
        self.prediction = int(here.decide(here.output.a)[0])
        self.label = None if classes is None else int(classes[0])
        self.output_da = here.loss.gradient(here.output.a, here.targets)[0]
        self.learning_rate = here.optimizer.rate
        twin = copy.deepcopy(here)  # with the gradients, for the update
        twin.load_batch(as_rows(here.input.a), y)
        self.state_before = {name: vector.copy() for name, vector in twin.optimizer.state.items()}
        twin.update_()
        self.optimizer = twin.optimizer
        self.theta_after = twin.parameters.theta
        self.grad = twin.parameters.grad  # as the optimizer uses it: clipped if it clips
        twin.forward_()
        self.loss_after = twin.loss.value_(twin.output, twin.targets) + 0.0  # makes -0 a plain 0
        if self.forward_only:
            self._forget_the_way_back()

    def _forget_the_way_back(self) -> None:
        """Set everything that depends on the targets to NaN."""
        self.loss = self.loss_after = math.nan
        self.label, self.targets = None, self.targets[:0]
        backward = [flow[name] for flow in self.flows[1:] for name in ("da", "delta")]
        for array in (*backward, self.output_da, self.grad, self.network.parameters.grad, self.theta_after):
            array[...] = math.nan

    @staticmethod
    def _flow(layer: Layer) -> dict[str, Array]:
        """Return a copy of a layer's buffers for the one sample."""
        names = ("z", "a", "da", "delta") if layer.index else ("a",)
        return {name: getattr(layer, name)[0].copy() for name in names}

    @property
    def classes(self) -> list[str]:
        """(n_out,) the class name of each output; empty if the outputs do not stand for classes."""
        n = self.network.output.n_out
        of_classes = n > 1 and (self.forward_only or self.label is not None)
        return [self.network.class_name(k) for k in range(n)] if of_classes else []

    @property
    def standardized(self) -> tuple[Array, Array, Array] | None:
        """(n,) the raw features, and means and deviations of the training samples; None if x is not standardized."""
        learned = self.network.input.learned
        if learned is None or not learned.mean:
            return None
        mean, deviation = np.array(learned.mean), np.array(learned.deviation)
        return self.flows[0]["a"] * deviation + mean, mean, deviation

    @property
    def verdict(self) -> str:
        """The label and the prediction in words; only the targets if they are not class labels."""
        if self.forward_only:
            return fill(words.NAMES["read as"], {"prediction": self.network.class_name(self.prediction)})
        if self.label is None:
            which = "targets" if len(self.targets) <= 10 else "more targets"
            return fill(words.NAMES[which], {"items": ", ".join(number(y, 6) for y in self.targets[:10])})
        label, prediction = self.network.class_name(self.label), self.network.class_name(self.prediction)
        return fill(words.NAMES["verdict"], {"label": label, "prediction": prediction})

    @cached_property
    def aim(self) -> Array:
        """(n_out,) the targets that the loss uses: the given ones, or those with label smoothing."""
        aim: Array = self.network.loss.aim(self.targets[None, :])[0]
        return aim.copy()

    @cached_property
    def output_rule(self) -> tuple[str, dict[str, Array]]:
        """The rule for delta of the output layer: a key of `words.RULES`, and name -> (n_out,) the numbers in it."""
        loss, output, a, y = self.network.loss, self.network.output, self.probabilities, self.aim
        numbers = {"a": a, "y": y}
        if loss.simplifies(output.activation):
            if loss.key == "cross_entropy":
                return "difference", numbers
            return "mean_difference", numbers | {"n": np.full(len(a), len(a))}
        if output.activation.elementwise:
            slope = output.derivative(self.flows[-1]["z"][None, :])[0]
            return "chain", numbers | {"dL/da": self.output_da, "f'(z)": slope}
        return through_softmax(output.activation, a, self.output_da, numbers)


def through_softmax(
    activation: Activation, a: Array, dL_da: Array, numbers: dict[str, Array]
) -> tuple[str, dict[str, Array]]:
    """Return the rule for delta_j = Σ_k dL/da_k da_k/dz_j; for `Softmax` it is a_j (dL/da_j - Σ_k a_k dL/da_k)."""
    if activation.key != "softmax":
        return "unknown", numbers
    mean = np.full(len(a), a.astype(np.float64) @ dL_da)
    return "jacobian", numbers | {"a": a, "dL/da": dL_da, "Σ a dL/da": mean}
