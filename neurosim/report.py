"""Looking back on a network: a report card for every neuron, before against after, and what a neuron likes to see.

    report_card       one row a neuron: how active, how alive, how selective, how needed
    compare           what an intervention, or more training, has changed in the predictions
    maximizing_input  the image that excites a neuron most, by gradient ascent on the pixels

All three run the network in evaluation mode (dropout off, batch normalization with its running statistics) and leave
parameters, gradients, optimizer and random streams as they were; only the layers' buffers hold other samples after.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .activations import Activation
from .errors import NeurosimError, OutOfRangeError, ShapeError
from .layers import BatchNorm, Dense, Dropout, Layer, _Activated
from .network import EVALUATION_BATCH, Network, class_indices, decisions
from .parameters import Array
from .registry import check_count, check_number

if TYPE_CHECKING:
    import pandas as pd

FLAT = 0.01  # an activation function is flat where |f'(z)| is below this share of its maximum


# --- the report card -----------------------------------------------------------------------------------------------


def report_card(network: Network, images: Any, labels: Any) -> pd.DataFrame:
    """One row for each neuron of every `Dense` layer: what it does on these data, and how much depends on it.

    The ablation of neuron j subtracts its share from the sums of the layer above, z - a_j w_jᵀ, a product of rank
    one, and runs only what lies above; so the cost of all ablations is that of a few evaluations of the network.

    Args:
        network: as it is; it is run in evaluation mode and left unchanged.
        images: (N, …) samples, at least one; integers are scaled by the `Input`.
        labels: (N,) class indices or (N, n_out) rows.

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

    rows = network.input.check(images)
    targets = network.check_targets(labels, len(rows))
    if len(rows) == 0:
        raise ShapeError("a report card: expected at least one sample, received none")
    classes = class_indices(targets)
    n_classes = 0 if classes is None else max(2, network.output.n_out)
    cards = [_LayerCard(network, layer, n_classes) for layer in network.layers if isinstance(layer, Dense)]
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
                    right = int(np.count_nonzero(decisions(network.output.a) == of_batch))
                    for card in reversed(cards):  # from the top: an ablation overwrites what lies above
                        card.add_ablations(of_batch, right)
            frames = [pd.DataFrame(card.columns()) for card in cards]
    finally:
        network.parameters.grad[...] = kept
    return pd.concat(frames, ignore_index=True)


def _run(network: Network, rows: Array, targets: Array) -> None:
    """One batch forward and backward in evaluation mode: activations in the layers, gradients without penalties."""
    network.use(len(rows))
    network.input.take(rows)
    np.copyto(network.targets, targets)
    network.forward_(training=False)
    network.loss.delta_(network.output, network.targets)
    network.output.backward_from_delta_()
    for layer in network.layers[-2:0:-1]:
        layer.backward_()


def _activations_of(layer: _Activated) -> Iterator[tuple[Activation, Array]]:
    """The activations in use in a layer, and for each the indices of its neurons."""
    groups: dict[str, tuple[Activation, list[int]]] = {}
    for neuron in layer:
        groups.setdefault(repr(neuron.activation), (neuron.activation, []))[1].append(neuron.index)
    for activation, neurons in groups.values():
        yield activation, np.array(neurons, np.intp)


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
        layer: one of its `Dense` layers, with n neurons.
        n_classes: K; 0 where the labels are no classes.
    """

    def __init__(self, network: Network, layer: Dense, n_classes: int) -> None:
        n = layer.n_out
        self.layer, self.output, self.n_classes = layer, network.output, n_classes
        self.count = 0
        self.mean = np.zeros(n)
        self.products = np.zeros((n, n))  # Σ (a_i - mean_i)(a_j - mean_j) over the samples
        self.lowest = np.full(n, np.inf)
        self.off, self.saturated = np.zeros(n), np.zeros(n)
        self.class_counts, self.class_sums = np.zeros(n_classes), np.zeros((n_classes, n))
        self.gradient = np.zeros(layer.W.shape)
        self.hits_lost = np.full(n, np.nan if n_classes == 0 else 0.0)
        # dropout passes everything on in evaluation, so the neurons' weights are those of the layer behind it
        place = layer.index + 1
        while place < len(network) and isinstance(network.layers[place], Dropout):
            place += 1
        self.above = network.layers[place : place + 1]
        # a linear layer under batch normalization has its activation there: that is what its neurons give out
        behind = self.above[0] if self.above else layer
        self.speaking = behind if isinstance(behind, BatchNorm) and layer.activation.key == "linear" else layer
        self.functions = [
            (activation, columns, FLAT * steepest(activation)) for activation, columns in _activations_of(self.speaking)
        ]
        self.rest = network.layers[place + 1 :]
        self.outgoing = np.empty((n, 0)) if layer is network.output else weights_in_evaluation(self.above[0])
        self.sums = np.empty((0, 0), layer.dtype)  # (B, n_above) z of the layer above, with all neurons

    def add_activations(self, classes: Array | None) -> None:
        """Take account of z and a of the batch in the layer's buffers."""
        layer = self.speaking
        a = layer.a.astype(np.float64)  # (B, n)
        B = len(a)
        # mean and co-moments of the batch, joined with those so far (Chan, Golub and LeVeque, 1983)
        mean = a.mean(axis=0)
        centred = a - mean
        shift, total = mean - self.mean, self.count + B
        self.products += centred.T @ centred + np.outer(shift, shift) * (self.count * B / total)
        self.mean += shift * (B / total)
        self.count = total
        np.minimum(self.lowest, a.min(axis=0), out=self.lowest)
        for activation, columns, limit in self.functions:
            off, saturated = off_and_saturated(activation, layer.z, limit)
            self.off[columns] += off[:, columns].sum(axis=0)
            self.saturated[columns] += saturated[:, columns].sum(axis=0)
        if classes is not None:
            one_hot = np.eye(self.n_classes)[classes]  # (B, K)
            self.class_counts += one_hot.sum(axis=0)
            self.class_sums += one_hot.T @ a
        self.sums = self.above[0].z.copy() if self.above else self.sums

    def add_gradient(self) -> None:
        """Take account of dW of the batch, the gradient of its mean loss."""
        self.gradient += self.layer.dW * float(self.layer.batch_size)

    def add_ablations(self, classes: Array, right: int) -> None:
        """Silence each neuron in turn for the batch; only the buffers of the layers above are overwritten.

        Args:
            classes: (B,) the right classes.
            right: how many of them the network names with all its neurons.
        """
        if not self.above:
            for j in range(self.layer.n_out):
                self.hits_lost[j] += right - np.count_nonzero(_decisions_without(self.output.a, j) == classes)
            return
        above = self.above[0]
        assert isinstance(above, _Activated)
        for j in range(self.layer.n_out):
            a_j = self.layer.a[:, j, None]  # (B, 1)
            if not a_j.any():
                continue  # it is silent as it is
            np.multiply(a_j, self.outgoing[j], out=above.z)
            np.subtract(self.sums, above.z, out=above.z)  # (B, n_above)
            above.activate_()
            for layer in self.rest:
                layer.forward_(training=False)
            self.hits_lost[j] += right - np.count_nonzero(decisions(self.output.a) == classes)

    def columns(self) -> dict[str, Any]:
        """The finished columns of the report card, by name."""
        layer, n = self.layer, self.layer.n_out
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
            "weight_norm": np.linalg.norm(layer.W.astype(np.float64), axis=0),
            "gradient_norm": np.linalg.norm(self.gradient, axis=0) / self.count,
            "accuracy_lost": self.hits_lost / self.count,
            "most_similar": similar,
            "correlation": correlation,
        }

    def _class_figures(self) -> tuple[Any, Any, Array]:
        """The strongest and the weakest class of each neuron, and its selectivity. Each (n,)."""
        present = np.flatnonzero(self.class_counts)
        n = self.layer.n_out
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
        n = self.layer.n_out
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


def weights_in_evaluation(layer: Layer) -> Array:
    """What a layer multiplies its input with in evaluation, (n_in, n_out), so that z = x W + a constant.

    For `Dense` that is W (live), for batch normalization the diagonal matrix of γ / √(running variance + ε).
    """
    if isinstance(layer, Dense):
        weights: Array = layer.W
        return weights
    if isinstance(layer, BatchNorm):
        return np.diag(layer.gamma / np.sqrt(layer.running_variance + layer.epsilon))
    raise NeurosimError(f"expected a Dense or BatchNorm layer, whose sums are linear in its input, received {layer!r}")


def _decisions_without(a: Array, j: int) -> Array:
    """The classes that the output activations a (B, n) name where class j can never be chosen, (B,)."""
    a = a.copy()
    a[:, j] = -np.inf
    return decisions(a)


# --- before and after ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """What became of a network's predictions; made by `compare`.

    Attributes:
        count: N, the number of samples.
        class_counts: (K,) how many of them are of each class.
        changed: how many samples are put into another class after than before.
        losses: mean loss before, after, and later where there is a later network.
        accuracies: the same of the accuracy.
        class_accuracies: (2 or 3, K) the same for each class; NaN for a class that does not occur.
    """

    count: int
    class_counts: Array
    changed: int
    losses: tuple[float, ...]
    accuracies: tuple[float, ...]
    class_accuracies: Array

    @property
    def change(self) -> float:
        """Accuracy after minus accuracy before, in [-1, 1]."""
        return self.accuracies[1] - self.accuracies[0]

    @property
    def recovery(self) -> float:
        """The share of the accuracy lost that has been won back later.

        (accuracy later - accuracy after) / (accuracy before - accuracy after): 0 nothing, 1 all of it, above 1 more
        than was lost, below 0 it has become worse still.  NaN where there is no later network, or nothing was lost.
        """
        if len(self.accuracies) < 3 or self.change >= 0.0:
            return math.nan
        return (self.accuracies[2] - self.accuracies[1]) / -self.change

    def to_frame(self) -> pd.DataFrame:
        """A new DataFrame: a row a class and one for "all"; samples, accuracy before, after, change, and later."""
        import pandas as pd

        names = ("before", "after", "later")
        both = np.column_stack((self.class_accuracies, self.accuracies))  # (2 or 3, K + 1)
        columns = dict(zip(names, both, strict=False))
        data: dict[str, Any] = {
            "samples": [*self.class_counts.astype(int).tolist(), self.count],
            "before": columns["before"],
            "after": columns["after"],
            "change": columns["after"] - columns["before"],
        }
        if "later" in columns:
            data["later"] = columns["later"]
        return pd.DataFrame(data, index=pd.Index([*range(len(self.class_counts)), "all"], name="class"))

    def __repr__(self) -> str:
        """Read as a short report."""
        frame = self.to_frame()
        shares = ["before", "after", "later"][: len(self.accuracies)]
        table = frame.to_string(formatters=dict.fromkeys(shares, "{:.2%}".format) | {"change": "{:+.2%}".format})
        loss = " -> ".join(f"{value:.4g}" for value in self.losses)
        lines = [
            f"accuracy {' -> '.join(f'{value:.2%}' for value in self.accuracies)} ({self.change:+.2%} after), "
            f"loss {loss}",
            f"{self.changed:,} of {self.count:,} samples are put into another class after than before",
        ]
        if len(self.accuracies) > 2:
            lines.append(
                "nothing was lost, so there is nothing to recover"
                if math.isnan(self.recovery)
                else f"{self.recovery:.0%} of the accuracy lost was won back later"
            )
        return "\n".join([*lines, "", table])


def compare(before: Network, after: Network, images: Any, labels: Any, later: Network | None = None) -> Comparison:
    """What an intervention, or more training, has changed: overall, class by class, and what was won back later.

    Args:
        before: the network as it was, usually a copy (``copy.deepcopy``) made in time.
        after: the network as it is.
        images: (N, …) samples, at least one.
        labels: (N,) class indices or one-hot rows.
        later: the network after it was trained on, for `Comparison.recovery`.

    Raises:
        ShapeError: samples or labels do not fit the networks, or there are none.
        NeurosimError: one network is given twice, or the labels are no classes.

    Example:
        >>> before = copy.deepcopy(net)
        >>> net[1][17].ablate()
        >>> after = copy.deepcopy(net)
        >>> net.fit(train.images, train.labels, epochs=1)
        >>> print(compare(before, after, test.images, test.labels, later=net))
    """
    networks = [before, after] if later is None else [before, after, later]
    if len({id(network) for network in networks}) < len(networks):
        raise NeurosimError(
            "compare: expected different networks, received one of them twice; make a copy before you "
            "change it: before = copy.deepcopy(net)"
        )
    rows = before.input.check(images)
    if len(rows) == 0:
        raise ShapeError("compare: expected at least one sample, received none")
    classes = class_indices(before.check_targets(labels, len(rows)))
    if classes is None:
        raise NeurosimError(
            "compare: expected class indices or one-hot rows as labels, received rows that are no "
            "classes; accuracy has no meaning for them"
        )
    predictions = [network.predict(rows) for network in networks]  # (N,) each
    losses = [network.evaluate(rows, labels)["loss"] for network in networks]
    K = max(2, *(network.output.n_out for network in networks))
    hits = np.array([predicted == classes for predicted in predictions])  # (2 or 3, N)
    counts = np.bincount(classes, minlength=K)
    with np.errstate(invalid="ignore"):
        by_class = np.array([np.bincount(classes, weights=row, minlength=K) for row in hits]) / counts
    return Comparison(
        len(rows),
        counts,
        int(np.count_nonzero(predictions[0] != predictions[1])),
        tuple(losses),
        tuple(float(row.mean()) for row in hits),
        by_class,
    )


# --- what a neuron likes to see ------------------------------------------------------------------------------------


def maximizing_input(
    network: Network,
    layer: int,
    neuron: int,
    *,
    steps: int = 200,
    rate: float = 0.05,
    l2: float = 1.0,
    smooth: float = 2.0,
    seed: int = 0,
) -> tuple[Array, float]:
    """The image that excites a neuron most, by gradient ascent on the pixels.

    From faint noise, the image goes up the gradient of the neuron's z, and the penalties hold it back:

        g = dz_j/dx,   ĝ = g / √mean(g²)
        x ← x + rate (ĝ - l2 x + smooth ∇²x),   cut to [0, 1]

    with ∇²x the sum of the differences to the four neighbouring pixels, which evens out what is not needed.  It
    is z that is climbed, not a: f rises wherever that matters, so the summit is the same, and z has a slope where a
    ReLU is off or a softmax is certain.  For a neuron of a softmax layer, raising a could moreover be done by lowering
    the *other* neurons' z, and show what those dislike (Simonyan et al., section 2).

    Args:
        network: left unchanged.
        layer: its place in the network, 1 or more, or a negative number from the end.
        neuron: its place in the layer.
        steps: how many steps up.
        rate: the size of a step, in units of brightness: by so much does a typical pixel change.
        l2: how strongly pixels are drawn to 0, at least 0; so background that does not matter becomes black.
        smooth: how strongly neighbouring pixels are drawn together, at least 0. Only for inputs that are images: a
            size (height, width), or a square number of pixels.
        seed: of the noise to start from.

    Returns:
        The image, of the input's shape and the network's dtype, with values in [0, 1], a new array; and the activation
        a_j that the neuron reaches on it.

    Raises:
        OutOfRangeError: there is no such layer or neuron, or it is the input layer.
        NeurosimError: a setting out of range, or steps so large that the penalties would make the image oscillate.

    Reference:
        Erhan, Bengio, Courville and Vincent (2009), Visualizing higher-layer features of a deep network, for the
        ascent; Simonyan, Vedaldi and Zisserman (2014), Deep inside convolutional networks, section 2, for the L2
        penalty and the score before softmax; Yosinski et al. (2015), Understanding neural networks through deep
        visualization, for smoothing.

    Example:
        >>> image, a = maximizing_input(net, 1, 17)
    """
    steps = check_count("steps", steps)
    rate = check_number("rate", rate, 0.0, math.inf, open_low=True, open_high=True)
    l2 = check_number("l2", l2, 0.0, math.inf, open_high=True)
    smooth = check_number("smooth", smooth, 0.0, math.inf, open_high=True)
    if rate * (l2 + 8.0 * smooth) > 1.0:
        raise NeurosimError(
            f"rate: expected at most 1 / (l2 + 8 smooth) = {1.0 / (l2 + 8.0 * smooth):.3g}, or the "
            f"image oscillates, received {rate:g}"
        )
    target = network[layer]
    if target.index == 0:
        raise OutOfRangeError(
            "maximizing_input: expected a layer above the input (layer 0), whose neurons are the "
            f"pixels themselves, received layer {layer!r}"
        )
    j = target[neuron].index
    size = network.input.size
    picture = image_shape(size)
    x = np.random.default_rng(seed).uniform(0.0, 0.1, network.input.n_out)  # (n_0,) float64
    for _ in range(steps):
        g = _input_gradient(network, target, j, x)
        steepness = math.sqrt(float(np.mean(g**2)))
        if not 0.0 < steepness < math.inf:
            break  # all ways up are closed: every path goes through a neuron that is off
        direction = g / steepness - l2 * x
        if picture is not None and smooth > 0.0:
            direction += smooth * _laplacian(x.reshape(picture)).ravel()
        x = np.clip(x + rate * direction, 0.0, 1.0)
    _forward_to(network, target, x)
    return x.astype(network.dtype).reshape(size), float(target.a[0, j])


def image_shape(size: int | tuple[int, ...]) -> tuple[int, int] | None:
    """Height and width of an input of that size, if it can be seen as an image: two-dimensional, or a square."""
    if isinstance(size, tuple):
        sides = tuple(side for side in size if side > 1)
        if len(sides) == 2:
            return sides[0], sides[1]
        size = math.prod(size) if len(sides) == 1 else 0
    side = math.isqrt(size)
    return (side, side) if side > 1 and side * side == size else None


def _forward_to(network: Network, target: Layer, x: Array) -> None:
    """Run one sample x (n_0,) up to and including a layer, in evaluation mode."""
    network.use(1)
    network.input.take(x[None, :])
    for layer in network.layers[1 : target.index + 1]:
        layer.forward_(training=False)


def _input_gradient(network: Network, target: Layer, j: int, x: Array) -> Array:
    """dz_j/dx of neuron j of a layer at one sample x (n_0,), by the chain rule in its readable form. (n_0,)."""
    _forward_to(network, target, x)
    g = np.zeros((1, target.n_out))  # dz_j/dz of the layer
    g[0, j] = 1.0
    for layer in network.layers[target.index : 0 : -1]:
        if layer is not target and isinstance(layer, _Activated):
            g = layer.function.vjp(layer.z, g)  # dz_j/da -> dz_j/dz
        if not isinstance(layer, Dropout):  # which passes everything on in evaluation
            g = g @ weights_in_evaluation(layer).T  # -> dz_j/da of the layer below
    gradient: Array = g[0].astype(np.float64)
    return gradient


def _laplacian(image: Array) -> Array:
    """The sum of the differences to the four neighbours; beyond the edge the image goes on as it is at the edge."""
    padded = np.pad(image, 1, mode="edge")
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    difference: Array = around - 4.0 * image
    return difference
