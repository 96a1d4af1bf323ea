"""A report card for every neuron: how active, how alive, how selective, how needed.

The network is run in evaluation mode (dropout off, batch normalization with its running statistics); parameters,
gradients, optimizer and random streams are left as they were, only the layers' buffers hold other samples after.
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
    "neuron": "which neuron of it",
    "mean_activation": "mean of its activation over the samples",
    "variance": "variance of its activation over the samples",
    "dead_fraction": "for so many samples it is off and learns nothing",
    "saturated_fraction": "for so many its activation is flat, but not off",
    "strongest_class": "the class that excites it most, in the mean",
    "weakest_class": "the class that excites it least, in the mean",
    "selectivity": "0: answers all classes alike, 1: one class only",
    "weight_norm": "length of the vector of its incoming weights",
    "gradient_norm": "length of the gradient of these weights",
    "accuracy_lost": "by how much accuracy falls without it",
    "most_similar": "the neuron of its layer that is most like it",
    "correlation": "how alike these two are, from -1 to 1",
}
"""The columns of a report card, in their order, each in a few words; `report_card` says it exactly."""
FLAT = 0.01  # an activation function is flat where |f'(z)| is below this share of its maximum


@computes
def report_card(network: Network, x: Any, y: Any = None) -> pd.DataFrame:
    """One row for each neuron of every layer with weights: what it does on these data, and how much depends on it.

    The ablation of neuron j subtracts its share from the sums of the layer above, z - a_j w_jᵀ, a product of rank
    one, and runs only what lies above; so the cost of all ablations is that of a few evaluations of the network.
    The ablation of a filter runs the layer above, too.

    The neuron of a layer of images is a filter. What is said of activation is then over all samples and all places.

    Args:
        network: as it is; it is run in evaluation mode and left unchanged.
        x: a `Dataset`, or samples (N, …), at least one; integers are scaled by the `Input`.
        y: (N,) class indices or (N, n_out) rows, where x are samples.

    Returns:
        A new DataFrame with the columns

        - ``layer``, ``neuron``: the place; ``network[layer][neuron]``.  Where a linear layer is followed by batch
          normalization, what follows about activation is that of the neuron behind the normalization.
        - ``mean_activation``, ``variance``: of a_j over the N samples (the variance with 1/N).
        - ``dead_fraction``, in [0, 1]: the share of samples for which the neuron is off and learns nothing.  Defined
          for rectifiers: activations without an upper bound, or with a kink at 0.  There it is the share of z ≤ 0
          with |f'(z)| < 1 % of the largest |f'|.  For ReLU and ReLU6 that is a = 0, for GELU, SiLU, Mish, softplus,
          ELU and SELU the far left; leaky ReLU and linear are never off.  A neuron whose output is forced to a
          constant is off for all samples.  0 for all others.
        - ``saturated_fraction``, in [0, 1]: the share of samples with |f'(z)| < 1 % of the largest |f'| that are not
          counted as off: both ends of sigmoid, tanh, softsign and hard tanh, the upper end of ReLU6.  For softmax
          f' = a (1 - a), so there it is the share of samples for which the neuron is all but certain, yes or no.
        - ``strongest_class``, ``weakest_class``: with the largest and the smallest mean activation of the classes
          that occur; missing where all are equal, or the labels are no classes.
        - ``selectivity``, in [0, 1]: (μ_max - μ_rest) / (μ_max + μ_rest), with μ_max the mean activation for the
          strongest class and μ_rest the mean of the other classes' means; 0 where all are equal, 1 where only one
          class excites it.  Activation is counted from 0 or, for a neuron that goes below, from its smallest value
          in these data, so that the index means the same for tanh as for ReLU.
        - ``weight_norm``: Euclidean norm of its incoming weights.
        - ``gradient_norm``: Euclidean norm of dL/dw of them, L the mean loss over the data without penalties.
        - ``accuracy_lost``, in [-1, 1]: what its ablation costs: accuracy as it is, minus accuracy with its output
          forced to 0 (also where batch normalization, which then sees a constant, comes next); for a neuron of the
          output layer, with its class never chosen.  Negative where the network does better without it.
        - ``most_similar``, ``correlation``: the neuron of the same layer whose activations correlate most with its
          own, and Pearson's correlation of the two, in [-1, 1]; missing for a constant neuron and for one alone.

    Raises:
        ShapeError: samples or labels do not fit the network, or there are none.
        NeurosimError: labels that are no classes of this network.

    Reference:
        Morcos, Barrett, Rabinowitz and Botvinick (2018), On the importance of single directions for generalization,
        for the selectivity index and for ablation to 0.

    Example:
        >>> card = report_card(net, test.images, test.labels)
        >>> card.sort_values("accuracy_lost").tail(5)      # the five neurons that are missed most
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
    """One batch forward and backward in evaluation mode: activations in the layers, gradients without penalties."""
    network.set_batch_size(len(rows))
    network.input.fill(rows)
    np.copyto(network.targets, targets)
    network.forward_(training=False)
    network.backward_(penalties=False)


def _activations_of(layer: Layer) -> Iterator[tuple[Activation, Array]]:
    """The activations in use in a layer, and for each the indices of its neurons."""
    if layer.activation is None:
        yield Linear(), np.arange(len(layer))
        return
    groups: dict[str, tuple[Activation, list[int]]] = {}
    for neuron in layer:
        groups.setdefault(repr(neuron.activation), (neuron.activation, []))[1].append(neuron.index)
    for activation, neurons in groups.values():
        yield activation, np.array(neurons, np.intp)


def speaking_layer(network: Network, layer: Layer) -> Layer:
    """The layer that has the activation of this one's neurons.

    That is the layer itself; for a linear one under batch normalization, it is that normalization.
    """
    above = next((each for each in network.layers[layer.index + 1 :] if not each.passes_through), layer)
    linear = layer.activation is None or layer.activation.key == "linear"
    activates = above.neuron_by_neuron and above.activation is not None and not above.weight_name
    return above if linear and activates else layer


def steepest(activation: Activation) -> float:
    """The largest |f'(z)| of an activation, to three digits: found on a grid from -10 to 10."""
    z = np.linspace(-10.0, 10.0, 2001)
    rows = np.stack((z, np.zeros_like(z)), axis=1)  # two neurons: softmax needs a row
    return float(np.abs(activation.derivative(rows)[:, 0]).max())


def is_rectifier(activation: Activation) -> bool:
    """Whether an activation has an off side: it has no upper bound, or it has a kink at 0."""
    return math.isinf(activation.range[1]) or 0.0 in activation.kinks


def off_and_saturated(activation: Activation, z: Array, limit: float) -> tuple[Array, Array]:
    """For which z (B, n) a neuron with this activation is off, and for which it is saturated; (B, n) bool each.

    Args:
        activation: f.
        z: pre-activations.
        limit: f is flat where |f'(z)| is below it: `FLAT` times `steepest` of f.
    """
    flat = np.abs(activation.derivative(z)) < limit
    off = flat & (z <= 0.0) if is_rectifier(activation) else np.zeros_like(flat)
    return off, flat & ~off


class _LayerCard:
    """What is added up for one layer, batch by batch, in float64: memory does not grow with the number of samples.

    Args:
        network: the network.
        layer: one of its layers with weights, with n neurons.
        n_classes: K; 0 where the labels are no classes.
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
        # dropout passes everything on in evaluation, so the neurons' weights are those of the layer behind it
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
        """Take account of z and a of the batch in the layer's buffers."""
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
        """Take account of dW of the batch, the gradient of its mean loss."""
        self.gradient += self.layer.views[f"d{self.layer.weight_name}"] * float(self.layer.batch_size)

    def add_ablations(self, classes: Array, right: int) -> None:
        """Silence each neuron in turn for the batch; only the buffers of the layers above are overwritten.

        Args:
            classes: (B,) the right classes.
            right: how many of them the network names with all its neurons.
        """
        if not self.above:
            for j in range(self.layer.neuron_count):
                self.hits_lost[j] += right - np.count_nonzero(self._decisions_without(j) == classes)
            return
        a = self.layer.by_neuron(self.layer.a)
        for j in range(self.layer.neuron_count):
            if not a[:, j].any():
                continue  # it is silent as it is
            self._run_above_without(j)
            for layer in self.rest:
                layer.forward_(training=False)
            self.hits_lost[j] += right - np.count_nonzero(self.network.decide(self.network.output.a) == classes)

    def _run_above_without(self, j: int) -> None:
        """Run the layer above as if neuron j, or filter j at all places, gave out 0."""
        above = self.above[0]
        if self.layer.places == 1:
            above.forward_without_(j, self.sums)
            return
        everywhere = self.layer.by_neuron(above.x)[:, j]
        kept = everywhere.copy()
        everywhere[...] = 0.0
        above.forward_(training=False)
        everywhere[...] = kept

    def _decisions_without(self, j: int) -> Array:
        """The classes that the outputs of the batch name where class j can never be chosen, (B,)."""
        a = self.network.output.a.copy()
        a[:, j] = -np.inf
        return self.network.decide(a)

    def columns(self) -> dict[str, Any]:
        """The finished columns of the report card, by name."""
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
        """The strongest and the weakest class of each neuron, and its selectivity. Each (n,)."""
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
        """The most similar other neuron of each, and the correlation with it. Each (n,)."""
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
    """A column of whole numbers, some of which are missing."""
    import pandas as pd

    return pd.array(values, dtype="Int64")


def _norms(weights: Array) -> Array:
    """The Euclidean norm of each neuron's part of `weights` (…, n), (n,)."""
    norms: Array = np.linalg.norm(weights.reshape(-1, weights.shape[-1]), axis=0)
    return norms
