"""A report card for every neuron: how active, how alive, how selective, how needed.

The network is run in evaluation mode: dropout off, batch normalization with its running statistics.  Parameters,
gradients, optimizer and random streams are left unchanged.  Only the layers' buffers hold other samples afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..activations import Activation, Linear
from ..checks import samples_and_labels
from ..errors import ShapeError
from ..layers import Layer
from ..metrics import class_indices
from ..network import EVALUATION_BATCH, Network
from ..parameters import Array
from ..processors import computes

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    "layer": "which layer",
    "neuron": "which neuron of that layer",
    "mean_activation": "mean of its activation over the samples",
    "variance": "variance of its activation over the samples",
    "dead_fraction": "share of samples where it is off: gradient 0",
    "saturated_fraction": "share of samples with f'(z) near 0, but not off",
    "strongest_class": "the class with its largest mean activation",
    "weakest_class": "the class with its smallest mean activation",
    "selectivity": "0: excited by all classes alike, 1: by one class",
    "weight_norm": "Euclidean norm of its incoming weights",
    "gradient_norm": "Euclidean norm of the gradient of these weights",
    "accuracy_lost": "how much the accuracy falls without it",
    "most_similar": "the neuron of its layer that is most like it",
    "correlation": "correlation of these two neurons, from -1 to 1",
}
"""The columns of a report card in their order, each explained in a few words; `report_card` defines them exactly."""
FLAT = 0.01  # an activation function is flat where |f'(z)| is below this share of its maximum


@computes
def report_card(network: Network, x: Any, y: Any = None) -> pd.DataFrame:
    """Return one row for each neuron of every layer with weights: how it behaves on these data, and how needed it is.

    The ablation of neuron j subtracts its share from the sums of the layer above: z - a_j w_jᵀ, a product of rank
    one.  Then only the layers further up run, so all ablations together cost as much as a few evaluations.  The
    ablation of a filter runs the layer above, too.

    In a convolutional layer a neuron is a filter. Its activations are then those of all samples and all places.

    Args:
        network: it is run in evaluation mode and left unchanged.
        x: a `Dataset`, or samples (N, …), at least one; integers are scaled by the `Input`.
        y: (N,) class indices or (N, n_out) rows, if x are samples.

    Returns:
        A new DataFrame with the columns

        - ``layer``, ``neuron``: the place; ``network[layer][neuron]``.  If batch normalization follows a linear layer,
          the columns about activation describe the neuron after the normalization.
        - ``mean_activation``, ``variance``: of a_j over the N samples (the variance with 1/N).
        - ``dead_fraction``, in [0, 1]: the share of samples for which the neuron is off and learns nothing.  It is
          defined for rectifiers: activations without an upper bound, or with a kink at 0.  They are off if z ≤ 0 and
          |f'(z)| < 1 % of the largest |f'|.  For ReLU and ReLU6 that means a = 0.  For GELU, SiLU, Mish, softplus, ELU
          and SELU it means the far left.  Leaky ReLU and linear are never off.  A neuron whose output is forced to a
          constant is off for all samples.  For all other activations the share is 0.
        - ``saturated_fraction``, in [0, 1]: the share of samples with |f'(z)| < 1 % of the largest |f'| that are not
          counted as off.  These are both ends of sigmoid, tanh, softsign and hard tanh, and the upper end of ReLU6.
          For softmax f' = a (1 - a), so it is the share of samples for which the neuron is almost certain, yes or no.
        - ``strongest_class``, ``weakest_class``: the classes with the largest and the smallest mean activation,
          among those that occur.  Both are missing if all means are equal, or if the labels are not class labels.
        - ``selectivity``, in [0, 1]: (μ_max - μ_rest) / (μ_max + μ_rest), with μ_max the mean activation for the
          strongest class and μ_rest the mean of the other classes' means.  It is 0 if all are equal, and 1 if only one
          class excites the neuron.  Activation is counted from 0.  For a neuron with negative activations it is counted
          from its smallest value in these data, so that the index means the same for tanh and for ReLU.
        - ``weight_norm``: the Euclidean norm of its incoming weights.
        - ``gradient_norm``: the Euclidean norm of their dL/dw, with L the mean loss over the data, without penalties.
        - ``accuracy_lost``, in [-1, 1]: the cost of its ablation: the accuracy, minus the accuracy with the neuron's
          output forced to 0.  If batch normalization comes next, it then receives a constant.  For a neuron of the
          output layer, its class is never chosen instead.  The cost is negative if the network is better without it.
        - ``most_similar``, ``correlation``: the neuron of the same layer whose activations correlate most with its
          own, and Pearson's correlation of the two, in [-1, 1].  Both are missing for a constant neuron, and if the
          layer has only one neuron.

    Raises:
        ShapeError: samples or labels do not fit the network, or there are none.
        NeurosimError: labels are not classes of this network.

    Reference:
        Morcos, Barrett, Rabinowitz and Botvinick (2018), On the importance of single directions for generalization,
        for the selectivity index and for ablation to 0.

    Example:
        >>> card = report_card(net, test.images, test.labels)
        >>> card.sort_values("accuracy_lost").tail(5)      # the five neurons that are needed most
    """
    import pandas as pd

    x, y = samples_and_labels(x, y)
    rows = network.input.as_rows(x)
    targets = network.as_targets(y, len(rows))
    if len(rows) == 0:
        raise ShapeError("a report card: expected at least one sample, received none")
    classes = class_indices(targets)
    n_classes = 0 if classes is None else max(2, network.output.n_out)
    cards = [_LayerCard(network, layer, n_classes) for layer in network if layer.weight_name]
    kept = network.parameters.grad.copy()
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # a diverged network has a report card, too
            for start in range(0, len(rows), EVALUATION_BATCH):
                part = slice(start, start + EVALUATION_BATCH)
                _run(network, rows[part], targets[part])
                of_batch = None if classes is None else classes[part]
                for card in cards:
                    card.add_activations(of_batch)
                    card.add_gradient()
                if of_batch is not None:
                    right = int(np.count_nonzero(network.decide(network.output.a) == of_batch))
                    for card in reversed(cards):  # from the top: an ablation overwrites what lies above
                        card.add_ablations(of_batch, right)
            frames = [pd.DataFrame(card.columns()) for card in cards]
    finally:
        network.parameters.grad[...] = kept
    return pd.concat(frames, ignore_index=True)


def _run(network: Network, rows: Array, targets: Array) -> None:
    """Run one batch forward and backward in evaluation mode, without penalties, into the layers' buffers."""
    network.set_batch_size(len(rows))
    network.input.fill(rows)
    np.copyto(network.targets, targets)
    network.forward_(training=False)
    network.backward_(penalties=False)


def _activations_of(layer: Layer) -> Iterator[tuple[Activation, Array]]:
    """Yield each activation in use in a layer, and the indices of its neurons."""
    if layer.activation is None:
        yield Linear(), np.arange(len(layer))
        return
    groups: dict[str, tuple[Activation, list[int]]] = {}
    for neuron in layer:
        groups.setdefault(repr(neuron.activation), (neuron.activation, []))[1].append(neuron.index)
    for activation, neurons in groups.values():
        yield activation, np.array(neurons, np.intp)


def speaking_layer(network: Network, layer: Layer) -> Layer:
    """Return the layer that has the activation of this layer's neurons.

    That is the layer itself. For a linear layer under batch normalization, it is that normalization.
    """
    above = next((each for each in network.layers[layer.index + 1 :] if not each.passes_through), layer)
    linear = layer.activation is None or layer.activation.key == "linear"
    activates = above.neuron_by_neuron and above.activation is not None and not above.weight_name
    return above if linear and activates else layer


def steepest(activation: Activation) -> float:
    """Return the largest |f'(z)| of an activation, to three digits, found on a grid from -10 to 10."""
    z = np.linspace(-10.0, 10.0, 2001)
    rows = np.stack((z, np.zeros_like(z)), axis=1)  # two neurons: softmax needs a row
    return float(np.abs(activation.derivative(rows)[:, 0]).max())


def is_rectifier(activation: Activation) -> bool:
    """Return whether an activation has an off side: it has no upper bound, or it has a kink at 0."""
    return math.isinf(activation.range[1]) or 0.0 in activation.kinks


def off_and_saturated(activation: Activation, z: Array, limit: float) -> tuple[Array, Array]:
    """Return for which z (B, n) a neuron with this activation is off, and for which saturated; (B, n) bool each.

    Args:
        activation: f.
        z: pre-activations.
        limit: f is flat if |f'(z)| is below it: `FLAT` times `steepest` of f.
    """
    flat = np.abs(activation.derivative(z)) < limit
    off = flat & (z <= 0.0) if is_rectifier(activation) else np.zeros_like(flat)
    return off, flat & ~off


class _LayerCard:
    """Sums for one layer, added up batch by batch in float64; memory does not grow with the number of samples.

    Args:
        network: the network.
        layer: one of its layers with weights, with n neurons.
        n_classes: K; 0 if the labels are not class labels.
    """

    def __init__(self, network: Network, layer: Layer, n_classes: int) -> None:
        n = layer.neuron_count
        self.network, self.layer, self.n_classes = network, layer, n_classes
        self.count = 0
        self.mean = np.zeros(n)
        self.products = np.zeros((n, n))  # Σ (a_i - mean_i)(a_j - mean_j) over the samples
        self.lowest = np.full(n, np.inf)
        self.off, self.saturated = np.zeros(n), np.zeros(n)
        self.class_counts, self.class_sums = np.zeros(n_classes), np.zeros((n_classes, n))
        self.gradient = np.zeros(layer.views[layer.weight_name].shape)
        self.hits_lost = np.full(n, np.nan if n_classes == 0 else 0.0)
        # dropout changes nothing in evaluation, so the neurons' outgoing weights are those of the layer after it
        place = layer.index + 1
        while place < len(network) and network[place].passes_through:
            place += 1
        self.above = network.layers[place : place + 1]
        self.speaking = speaking_layer(network, layer)
        self.functions = [
            (activation, columns, FLAT * steepest(activation)) for activation, columns in _activations_of(self.speaking)
        ]
        self.rest = network.layers[place + 1 :]
        self.sums = np.empty((0, 0), layer.dtype)  # (B, n_above) z of the layer above, with all neurons

    def add_activations(self, classes: Array | None) -> None:
        """Add z and a of the batch in the layer's buffers."""
        layer = self.speaking
        a = layer.by_neuron(layer.a).astype(np.float64)  # (B, n), of filters (B · places, n)
        z, B = layer.by_neuron(layer.z), len(a)
        # mean and co-moments of the batch, joined with those so far (Chan, Golub and LeVeque, 1983)
        mean = a.mean(axis=0)
        centred = a - mean
        shift, total = mean - self.mean, self.count + B
        self.products += centred.T @ centred + np.outer(shift, shift) * (self.count * B / total)
        self.mean += shift * (B / total)
        self.count = total
        np.minimum(self.lowest, a.min(axis=0), out=self.lowest)
        for activation, columns, limit in self.functions:
            off, saturated = off_and_saturated(activation, z, limit)
            self.off[columns] += off[:, columns].sum(axis=0)
            self.saturated[columns] += saturated[:, columns].sum(axis=0)
        if classes is not None:
            one_hot = np.eye(self.n_classes)[classes].repeat(layer.places, axis=0)  # (B, K)
            self.class_counts += one_hot.sum(axis=0)
            self.class_sums += one_hot.T @ a
        self.sums = self.above[0].z.copy() if self.above else self.sums

    def add_gradient(self) -> None:
        """Add dW of the batch, the gradient of its mean loss."""
        self.gradient += self.layer.views[f"d{self.layer.weight_name}"] * float(self.layer.batch_size)

    def add_ablations(self, classes: Array, right: int) -> None:
        """Ablate each neuron in turn for the batch; only the buffers of the layers above are overwritten.

        Args:
            classes: (B,) the true classes.
            right: the number of samples that the whole network predicts correctly.
        """
        if not self.above:
            for j in range(self.layer.neuron_count):
                self.hits_lost[j] += right - np.count_nonzero(self._decisions_without(j) == classes)
            return
        a, n = self.layer.by_neuron(self.layer.a), self.layer.neuron_count
        for j in range(n):
            if not a[:, j].any():
                continue  # its output is 0 anyway
            self.above[0].forward_without_(j if self.layer.places == 1 else slice(j, None, n), self.sums)
            for layer in self.rest:
                layer.forward_(training=False)
            self.hits_lost[j] += right - np.count_nonzero(self.network.decide(self.network.output.a) == classes)

    def _decisions_without(self, j: int) -> Array:
        """Return the predictions for the batch, (B,), if class j can never be chosen."""
        a = self.network.output.a.copy()
        a[:, j] = -np.inf
        return self.network.decide(a)

    def columns(self) -> dict[str, Any]:
        """Return the finished columns of the report card, by name."""
        layer, n = self.layer, self.layer.neuron_count
        samples = self.count / layer.places
        forced = list(layer.interventions.values)
        self.off[forced], self.saturated[forced] = self.count, 0.0
        strongest, weakest, selectivity = self._class_figures()
        similar, correlation = self._most_similar()
        return {
            "layer": np.full(n, layer.index),
            "neuron": np.arange(n),
            "mean_activation": self.mean,
            "variance": np.diag(self.products) / self.count,
            "dead_fraction": self.off / self.count,
            "saturated_fraction": self.saturated / self.count,
            "strongest_class": strongest,
            "weakest_class": weakest,
            "selectivity": selectivity,
            "weight_norm": _norms(layer.views[layer.weight_name].astype(np.float64)),
            "gradient_norm": _norms(self.gradient) / samples,
            "accuracy_lost": self.hits_lost / samples,
            "most_similar": similar,
            "correlation": correlation,
        }

    def _class_figures(self) -> tuple[Any, Any, Array]:
        """Return the strongest and the weakest class of each neuron, and its selectivity, each (n,)."""
        present = np.flatnonzero(self.class_counts)
        n = self.layer.neuron_count
        if len(present) == 0:
            return _whole_numbers([None] * n), _whole_numbers([None] * n), np.full(n, np.nan)
        means = self.class_sums[present] / self.class_counts[present, None]  # (classes that occur, n)
        highest, lowest = means.max(axis=0), means.min(axis=0)
        differ = highest - lowest > 1e-12 * np.abs(means).max(axis=0)  # more than rounding; False for NaN
        strongest = [int(present[k]) if yes else None for k, yes in zip(means.argmax(axis=0), differ, strict=True)]
        weakest = [int(present[k]) if yes else None for k, yes in zip(means.argmin(axis=0), differ, strict=True)]
        rest = (means.sum(axis=0) - highest) / max(len(present) - 1, 1)
        floor = np.minimum(self.lowest, 0.0)
        selectivity = np.zeros(n)
        np.divide(highest - rest, highest + rest - 2.0 * floor, out=selectivity, where=differ)
        selectivity[~np.isfinite(means).all(axis=0)] = np.nan
        return _whole_numbers(strongest), _whole_numbers(weakest), selectivity

    def _most_similar(self) -> tuple[Any, Array]:
        """Return the most similar other neuron of each neuron, and the correlation with it, each (n,)."""
        n = self.layer.neuron_count
        deviation = np.sqrt(np.diag(self.products))
        varies = deviation > 1e-12 * np.sqrt(self.count) * np.abs(self.mean)  # more than rounding; False for NaN
        scale = np.where(varies, deviation, np.nan)
        correlation = self.products / scale[:, None] / scale  # (n, n)
        np.fill_diagonal(correlation, np.nan)
        known = np.isfinite(correlation)
        nearest = np.where(known, correlation, -np.inf).argmax(axis=1)
        found = known[np.arange(n), nearest]
        best = np.where(found, np.clip(correlation[np.arange(n), nearest], -1.0, 1.0), np.nan)
        return _whole_numbers([int(k) if yes else None for k, yes in zip(nearest, found, strict=True)]), best


def _whole_numbers(values: list[int | None]) -> Any:
    """Return a column of whole numbers, of which some may be missing."""
    import pandas as pd

    return pd.array(values, dtype="Int64")


def _norms(weights: Array) -> Array:
    """Return the Euclidean norm, (n,), of each neuron's part of `weights` (…, n)."""
    norms: Array = np.linalg.norm(weights.reshape(-1, weights.shape[-1]), axis=0)
    return norms
