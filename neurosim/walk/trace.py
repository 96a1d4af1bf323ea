"""The trace of one sample: every term of every neuron, forward, backward and through the update.

A `Trace` runs one step of training on one sample in a copy of the network, and keeps every number.  It uses the same
vectorized code as training; only the terms of sums are computed again for display.  Dropout is off and batch
normalization uses its running statistics, as in evaluation.  A trace is therefore not random.

    trace = net.trace(x, y)
    print(trace[1][17].explain())
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .. import html
from ..errors import NeurosimError, OutOfRangeError
from ..layers import Layer
from ..network import Network
from ..text import four_digits, number, percent
from . import stages, words
from .formula import fill
from .neuron import NeuronTrace
from .rows import plural
from .sample import SampleRun


class Trace(SampleRun):
    """All numbers of one sample in a network, up to the update that it causes: ``net.trace(x, y)``.

    Its layers are `LayerTrace`s and their neurons `NeuronTrace`s.

    Args:
        network: the network; it is not changed.
        x: one sample; integers are scaled by the `Input`.
        y: its class index, or a row of n_out targets; ``None``: no label.
        sample: the number of the sample in its data set, only for display.

    Attributes:
        network: a copy of the network before the update.
        loss, loss_after: L of the sample before and after the update, without penalties.
        probabilities: (n_out,) the output's activations.
        prediction: the predicted class.
        label: the class of the targets; ``None`` if they are not class labels.
        forward_only: whether there are no targets.
        optimizer, learning_rate: those of the update.
    """

    def is_of(self, network: Network) -> bool:
        """Return whether `network` is unchanged since this trace was taken."""
        mine = self.network
        try:
            same = mine.config() == network.config()
        except NeurosimError:  # a class without a key has no settings to compare
            return False
        pairs = zip(mine.arrays().values(), network.arrays().values(), strict=True) if same else ()
        return (
            same
            and mine.optimizer.scalars() == network.optimizer.scalars()
            and all(np.array_equal(one, other) for one, other in pairs)
        )

    def __len__(self) -> int:
        return len(self.flows)

    def __getitem__(self, index: int) -> LayerTrace:
        """Return layer `index`, counted as in the network; negative numbers count from the end.

        Raises:
            OutOfRangeError: there is no such layer, or it is the input, which computes nothing.
        """
        return LayerTrace(self, traceable(self.network, index, weights=False))

    def __iter__(self) -> Iterator[LayerTrace]:
        """Yield the layers that compute, from layer 1."""
        return (self[index] for index in range(1, len(self)))

    def interesting(self) -> tuple[int, int, str]:
        """Return an interesting neuron: its layer, its number, and the reason.

        It has the largest |delta| of the first layer that can be traced: the loss depends most on its z.
        Without a label it has the largest |a|.  The trace of a filter begins at the place of this largest value.
        """
        layer = next((layer for layer in self.network if layer.weight_name), None)
        if layer is None:
            raise NeurosimError(
                "trace: expected a network with a Dense or a Conv2D layer, received one whose neurons have no weights"
            )
        if layer.neuron_count == 1:
            told = {"layer": str(layer.index), "place": self[layer.index][0].why_here}
            return layer.index, 0, fill(words.NAMES["only neuron" if layer.windows is None else "only filter"], told)
        name = "a" if self.forward_only else "delta"
        strength = np.abs(self.flows[layer.index][name])
        number_of_z = int(strength.argmax())
        largest = strength[number_of_z]
        key = f"largest {name}" if self.forward_only or largest else "no delta"
        told = {
            "count": str(layer.neuron_count),
            "layer": str(layer.index),
            "places": str(layer.places),
            name: number(largest, 3),
        }
        if layer.windows is not None:
            key = plural(f"{key} of places", layer.places)
        return layer.index, number_of_z % layer.neuron_count, fill(words.NAMES[key], told)

    def __repr__(self) -> str:
        which = "one sample" if self.sample is None else f"sample {self.sample}"
        sure = float(self.probabilities.max())
        if len(self.probabilities) == 1 and self.prediction == 0:
            sure = 1.0 - sure
        a_share = (self.forward_only or self.label is not None) and self.network.output.activation.range == (0.0, 1.0)
        share = f" with {percent(sure)}" if a_share else ""
        if self.forward_only:
            return f"Trace of {which}: {self.verdict}{share}, forward only: it has no label"
        loss, after = number(self.loss, 4), number(self.loss_after, 4)
        return f"Trace of {which}: {self.verdict}{share}, loss {loss}, after the update {after}"

    def _repr_html_(self) -> str:
        right = "right" if self.label == self.prediction else "wrong"
        prediction = self.network.class_name(self.prediction)
        label = "none" if self.label is None else self.network.class_name(self.label)
        classes = [("label", label), ("prediction", f"{prediction} ({right})")]
        rows: list[tuple[str, object]] = [("prediction", prediction), ("label", "none")]
        rows = (
            rows
            if self.forward_only
            else [
                *(classes if self.label is not None else ()),
                ("loss", four_digits(self.loss)),
                ("loss after the update", four_digits(self.loss_after)),
            ]
        )
        order = np.argsort(-self.probabilities, kind="stable")[:5]
        outputs = [(self.network.class_name(int(k)), four_digits(self.probabilities[k])) for k in order]
        parts = [
            html.title("Trace of one sample"),
            html.table(("", ""), rows),
            html.table(("class" if len(self.probabilities) > 1 else "output", "output a"), outputs),
        ]
        if any(layer.weight_name for layer in self.network):
            layer, j, why = self.interesting()
            here = self[layer][j]
            results = [stage.result for stage in here.stages() if stage.key in stages.OF_ONE_NEURON]
            figures = [(each.name, four_digits(each.value)) for each in results if each and each.value is not None]
            what = f"neuron {j}" if here.row is None else f"filter {j} at row {here.row}, column {here.column}"
            parts += [html.table((f"{what} of layer {layer}", ""), figures), f"<div>{html.small(why)}</div>"]
        return html.block(*parts)


def traceable(network: Network, index: int, weights: bool = True) -> Layer:
    """Return layer `index` of a network, if its neurons can be traced.

    Args:
        network: the network.
        index: counted as in the network; negative numbers count from the end.
        weights: whether the layer must have weights.

    Raises:
        OutOfRangeError: there is no such layer, or it is the input, which computes nothing.
        NeurosimError: the layer has no weights.
    """
    layer = network[index]
    if layer.index == 0:
        raise OutOfRangeError(
            "layer 0 is the input: its neurons pass the sample on and compute nothing; "
            f"choose a layer from 1 to {len(network) - 1}"
        )
    if weights and not layer.weight_name:
        raise NeurosimError(
            f"layer {layer.index} is {layer!r}: its neurons have no weights to trace; choose a Dense or a Conv2D layer"
        )
    return layer


class LayerTrace:
    """The neurons of one layer in a trace: ``trace[1][17]``."""

    def __init__(self, trace: Trace, layer: Layer) -> None:
        self.trace = trace
        self.layer = layer

    def __len__(self) -> int:
        return len(self.layer)

    def strongest(self, place: tuple[int, int] | None = None) -> tuple[int, str]:
        """Return the neuron with the largest |delta|, or |a| without a label, and the reason.

        Args:
            place: row and column of the filters; ``None``: compare all places.

        Raises:
            NeurosimError: the layer has no weights, or no such place.
        """
        layer = traceable(self.trace.network, self.layer.index)
        name = "a" if self.trace.forward_only else "delta"
        strength = np.abs(layer.by_neuron(self.trace.flows[layer.index][name][None]))  # (places, neurons)
        told, at = {"layer": str(layer.index)}, ""
        if place is not None:
            unit = layer[0].at(*place)
            strength = strength[unit.index // layer.neuron_count][None]
            told, at = told | {"row": str(unit.row), "column": str(unit.column)}, " at a place"
        best = int(strength.max(axis=0).argmax())
        reason = f"largest {name}" if self.trace.forward_only or strength[:, best].any() else "no delta"
        return best, fill(words.NAMES[f"{reason} of layer{at}"], told)

    def __getitem__(self, j: int) -> NeuronTrace:
        """Return neuron j; a filter at the place of its largest |delta|, see `NeuronTrace.at`.

        Raises:
            OutOfRangeError: there is no such neuron.
            NeurosimError: the layer has no weights.
        """
        traceable(self.trace.network, self.layer.index)
        return NeuronTrace(self.trace, self.layer, self.layer[j].index)

    def __iter__(self) -> Iterator[NeuronTrace]:
        return (self[j] for j in range(len(self)))

    def __repr__(self) -> str:
        return f"Layer {self.layer.index} of the {str(self.trace)[0].lower()}{str(self.trace)[1:]}"
