"""The numbers of one neuron in a trace: every term, forward, backward and through the update."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ..activations import Activation, Linear
from ..checks import check_count
from ..errors import NeurosimError, OutOfRangeError
from ..layers import Layer
from ..layers.neuron import Unit
from ..parameters import Array
from ..text import number
from . import words
from .downstream import Fed, fed_by
from .formula import fill, value_of
from .places import kernel_name, number_name
from .sample import SampleRun, through_softmax


def strongest_place(trace: SampleRun, layer: Layer, index: int) -> tuple[int, int]:
    """Return row and column of a filter's largest |delta|, or of its largest |a| if there is no delta."""
    strength = np.abs(strength_of(trace, layer, index)[1])
    row, column = np.unravel_index(int(strength.argmax()), strength.shape)
    return int(row), int(column)


def strength_of(trace: SampleRun, layer: Layer, index: int) -> tuple[str, Array]:
    """Return the quantity that selects a filter's place, "delta" or "a", and its (H', W') values."""
    flow = trace.flows[layer.index]
    name = "a" if trace.forward_only or not layer.neuron_values(flow["delta"][None], index).any() else "delta"
    return name, layer.neuron_values(flow[name][None], index)[0]


class NeuronTerms:
    """One neuron and one sample: every number, forward, backward and through the update. A filter: at one place.

    Args:
        trace: the run of the sample.
        layer: the layer of the neuron.
        index: the number of the neuron in its layer.
        place: row and column of a filter; ``None``: the place of its largest |delta|. Without a label, or if delta is 0
            everywhere, it is the place of its largest |a|.

    Attributes:
        layer, index: the numbers of the layer and of the neuron.
        row, column: the place of a filter, None for other neurons; `unit`: the neuron's index in its layer's buffers.
        sources: (n_in,) indices of the inputs in the layer below; -1: outside of the image, where inputs are 0.
        patch_shape: (k, k, C) of a filter, whose n_in is k k C; None for other neurons.
        inputs: (n_in,) x.
        weights: (n_in,) w before the update.
        products: (n_in,) w x, term by term.
        bias, z, a: as in the forward pass; z = Σ products + bias.
        da_dz: f'(z); for softmax its diagonal entry.
        downstream_neurons, downstream_weights, downstream_deltas, downstream_products: (k,) the neurons above that
            depend on this one, the weight of each connection, their deltas, and the products. The products sum to
            dL/da. All are empty for an output neuron.
        dL_da, delta: dL/da and dL/dz.
        dL_dW: (n_in,) dL/dw, penalties included; dL_db: dL/db. For a filter they are sums over all its places.
        weights_after: (n_in,), bias_after: after the update.
    """

    def __init__(self, trace: SampleRun, layer: Layer, index: int, place: tuple[int, int] | None = None) -> None:
        self.trace = trace
        self._layer = layer
        self.layer = layer.index
        self.index = self.unit = index
        self.row: int | None = None
        self.column: int | None = None
        self.patch_shape: tuple[int, ...] | None = None
        flow = trace.flows[layer.index]
        neuron = layer[index]
        if layer.windows is not None:
            where = neuron.at(*(strongest_place(trace, layer, index) if place is None else place))
            self.row, self.column, self.unit = where.row, where.column, where.index
            self.patch_shape = neuron.weights.shape
        self.sources = layer.sources(self.unit)
        self.inputs = np.where(self.sources < 0, 0, trace.flows[layer.index - 1]["a"][self.sources])
        self.weights: Array = neuron.weights.ravel().copy()
        self.products: Array = self.inputs * self.weights
        self.has_bias = layer.bias_name in layer.views
        self.bias = neuron.bias if self.has_bias else 0.0
        self.z, self.a, self.delta = (float(flow[name][self.unit]) for name in ("z", "a", "delta"))
        self.da_dz = float(layer.derivative(flow["z"][None, :])[0, self.unit])
        self.is_output = layer.is_output
        self._fed = Fed.nothing(layer) if self.is_output else fed_by(trace, layer.index, self.unit)
        self.downstream_neurons = self._fed.numbers
        self.downstream_weights, self.downstream_deltas = self._fed.weights, self._fed.deltas
        self.downstream_products = self._fed.products
        self.dL_da = float(trace.output_da[self.unit] if self.is_output else flow["da"][self.unit])
        self.dL_dW: Array = neuron.weight_gradient.ravel().copy()
        self.dL_db = neuron.bias_gradient if self.has_bias else 0.0
        self.weights_after: Array = self._part(trace.theta_after, layer.weight_name).ravel().copy()
        self.bias_after = float(self._part(trace.theta_after, layer.bias_name)) if self.has_bias else 0.0

    # attributes of the sample, not of the neuron
    loss = property(lambda self: self.trace.loss)
    loss_after = property(lambda self: self.trace.loss_after)
    label = property(lambda self: self.trace.label)
    prediction = property(lambda self: self.trace.prediction)
    sample = property(lambda self: self.trace.sample)
    optimizer = property(lambda self: self.trace.optimizer.key)
    learning_rate = property(lambda self: self.trace.learning_rate)

    # -- a filter, and its places ------------------------------------------------------------------------------------

    @property
    def why_here(self) -> str:
        """The reason for the place of a filter's trace; empty for other neurons."""
        if self.patch_shape is None:
            return ""
        name, strength = strength_of(self.trace, self._layer, self.index)
        if strength.size == 1:
            return words.NAMES["only place"]
        key = "place of" if name == "delta" or self.trace.forward_only else "place without delta, by"
        largest = number(np.abs(strength).max(), 3)
        return fill(words.NAMES[f"{key} {name}"], {"places": str(strength.size), name: largest})

    @property
    def _unit(self) -> Unit:
        """This neuron at its place, in the trace's network."""
        if self.row is None or self.column is None:
            raise NeurosimError(f"neuron {self.index} of layer {self.layer} has no place: expected a filter")
        return self._layer[self.index].at(self.row, self.column)

    @property
    def field(self) -> tuple[slice, slice]:
        """The rows and the columns of a filter's patch, in the input image of its layer."""
        return self._unit.field

    @property
    def receptive_field(self) -> tuple[slice, slice]:
        """The rows and the columns of the sample that a filter depends on at its place."""
        return self._unit.receptive_field

    @property
    def place_deltas(self) -> Array:
        """(H', W') delta of the filter at all its places. A new array."""
        deltas = self._layer.by_neuron(self.trace.flows[self.layer]["delta"][None])[:, self.index]
        return deltas.reshape(self._layer.out_shape[:-1] or (1,)).copy()

    @cached_property
    def patches(self) -> Array:
        """(H' W', n_in) the inputs of the filter at each place."""
        windows, x = self._layer.windows, self.trace.flows[self.layer - 1]["a"]
        if windows is None:
            return self.inputs[None]
        seen: Array = windows.over(windows.with_zeros(x.reshape(1, *windows.shape))).reshape(-1, len(self.inputs))
        return seen

    def place_terms(self, i: int) -> Array:
        """Return (H' W',) delta x of weight i at each place; they sum to dL/dw without penalties.

        Raises:
            OutOfRangeError: there is no such weight.
        """
        if not check_count("weight", i, 0) < len(self.inputs):
            raise OutOfRangeError(f"weight: expected a number from 0 to {len(self.inputs) - 1}, received {i}")
        terms: Array = self.place_deltas.ravel() * self.patches[:, i]
        return terms

    @property
    def source_layer(self) -> int:
        """The layer that computed the inputs, not one that only passes them on; 0: they are numbers of the sample."""
        source = self._layer.source
        return 0 if source is None else source.index

    @property
    def forced(self) -> float | None:
        """The value to which `ablate` or `clamp` forces a; None if a is not forced."""
        return self._layer.interventions.values.get(self.index)

    @property
    def penalized(self) -> bool:
        """Whether dL/dw includes the gradient of a penalty."""
        return self._layer.penalizes(self.index)

    def penalty_of(self, i: int) -> float:
        """Return the part of penalties in the gradient of weight i: by their equation, or as dL/dw minus delta x."""
        equation, strengths = self._layer.explain_penalty(self.index)
        added = value_of(equation, strengths | {"w": float(self.weights[i])}) if equation else None
        if added is not None:
            return added
        if self.patch_shape is None:
            return float(self.dL_dW[i]) - self.delta * float(self.inputs[i])
        return float(self.dL_dW[i]) - float(self.place_terms(i).sum(dtype=np.float64))

    @property
    def activation(self) -> Activation:
        """The activation of this neuron."""
        return Linear() if self._layer.activation is None else self._layer[self.index].activation

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        """The shape of the sample, e.g. (28, 28), if the sample is the neuron's direct input; else None."""
        below = self._layer.source
        if below is None or below.index:
            return None
        return below.out_shape if len(below.out_shape) > 1 else below.image_shape

    @property
    def image_shape(self) -> tuple[int, int] | None:
        """Height and width of the sample if it is a grey image and the neuron's direct input; else None."""
        shape = self.input_shape or ()
        if len(shape) == 3 and shape[2] == 1:
            shape = shape[:2]
        return (shape[0], shape[1]) if len(shape) == 2 else None

    def input_name(self, i: int) -> str:
        """Return the name of input i: a pixel by row and column, a feature by name, another input by number."""
        i = int(self.sources[i])
        if i < 0:
            return words.NAMES["outside"]
        below = self._layer.source
        if below is not None and (below.index or (self.patch_shape is not None and self.patch_shape[2] > 1)):
            return number_name(below, i)
        if self.image_shape is None:
            names = self._feature_names
            return names[i] if names else fill(words.NAMES["input"], {"i": str(i)})
        row, column = divmod(i, self.image_shape[1])
        return fill(words.NAMES["pixel"], {"row": str(row), "column": str(column)})

    def weight_name(self, i: int) -> str:
        """Return the name of weight i: that of its input; for a filter, its place in the kernel."""
        below = self._layer.source
        if self.patch_shape is None or below is None:
            return self.input_name(i)
        return kernel_name(self.patch_shape[1], self.patch_shape[2], i, below)

    @property
    def _feature_names(self) -> tuple[str, ...]:
        learned = self.trace.network.input.learned
        return () if learned is None else learned.feature_names

    @property
    def downstream_kind(self) -> str:
        """The kind of the neurons above that depend on this one: "neurons", "windows" or "units" (of filters)."""
        return self._fed.kind

    def downstream_name(self, i: int) -> str:
        """Return the name of number i of the neurons above that depend on this one."""
        return self._fed.name(i)

    def curve(self, z: Array) -> Array:
        """Return (n,) a for any z (n,) of this neuron, with the other neurons of its layer unchanged."""
        if self.forced is not None:
            return np.full(len(z), self.forced)
        if self.activation.elementwise:
            return self.activation(np.array(z))
        rows = np.repeat(self._layer_z[None, :].astype(np.float64), len(z), axis=0)
        rows[:, self.index] = z
        return self.activation(rows)[:, self.index]

    @property
    def _layer_z(self) -> Array:
        return self._together("z")

    def _together(self, name: str) -> Array:
        """Return (neurons,) the values of the layer's neurons in a buffer, for filters at this place."""
        place = self.unit // self._layer.neuron_count
        beside: Array = self._layer.by_neuron(self.trace.flows[self.layer][name][None])[place]
        return beside

    @property
    def delta_rule(self) -> tuple[str, str, dict[str, float]]:
        """The rule for delta: its kind of row in `words.ROWS`, its key in `words.RULES`, and the numbers in it."""
        layer, shared = self._layer, self._layer.activation
        if self.is_output:
            rule, columns = self.trace.output_rule
            kind = "delta.output" if self.activation.elementwise else "delta.output of softmax"
            if rule == "unknown":
                kind = "delta.output given"
        elif shared is None or shared.elementwise:
            return "delta.result", "chain", {"dL/da": self.dL_da, "f'(z)": self.da_dz}
        else:
            kind = "delta.shared"
            rule, columns = through_softmax(shared, self._together("a"), self._together("da"), {})
            if layer.interventions:  # some of its neurons do not take part in the softmax
                rule, columns = "unknown", {}
        return kind, rule, {name: values[self.index].item() for name, values in columns.items()}

    def _part(self, flat: Array, name: str) -> Array:
        """Return this neuron's part of a flat vector of all parameters."""
        return self._layer.neuron_part(self._layer.flat_view(flat, name), self.index)

    @cached_property
    def update_terms(self) -> dict[str, dict[str, Any]]:
        """The optimizer's arithmetic: name -> {"weights": (n_in,), "bias": number}, in the order of its algorithm."""
        bias = self._terms(self._layer.bias_name) if self.has_bias else {}
        return {
            name: {"weights": values, "bias": float(bias[name][0]) if bias else 0.0}
            for name, values in self._terms(self._layer.weight_name).items()
        }

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")  # a diverged network has NaN and infinity
    def _terms(self, name: str) -> dict[str, Array]:
        """Return the terms of the optimizer's rule for this neuron's part (k,) of one parameter."""
        trace, optimizer = self.trace, self.trace.optimizer
        state = [trace.state_before[each] for each in optimizer.state_names]
        vectors = (trace.network.parameters.theta, trace.grad, *state)
        theta, grad, *state = (self._part(vector, name).ravel() for vector in vectors)
        terms = optimizer.rule(theta, grad, *state, trace.learning_rate, optimizer.t, **optimizer.hyper())
        return {term: np.full_like(theta, values) for term, values in terms._asdict().items()}
