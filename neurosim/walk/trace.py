"""One sample under the microscope: every term of every neuron, forward, backward and through the update.

A `Trace` runs one step of training on one sample in a copy of the network, with the same vectorized code that trains,
and keeps what passed through: nothing here is computed a second way but sums that are shown term by term.  Dropout is
off and batch normalization uses its running statistics, as in evaluation, so that a trace is a fact about the network
and not about chance.

    trace = net.trace(x, y)
    print(trace[1][17].explain())
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import html
from ..activations import Activation, Linear
from ..analysis.gradcheck import central_differences, objective, relative_error
from ..errors import NeurosimError, OutOfRangeError
from ..layers import Layer
from ..losses import CrossEntropy
from ..metrics import class_indices, decisions
from ..network import Network
from ..parameters import Array
from ..text import column, four_digits

if TYPE_CHECKING:
    import pandas as pd


CHECK_STEP = 1e-5  # of the central differences that a trace is checked with


class Stage(NamedTuple):
    """A stage of the walk through a neuron: its key, a title, and the text with the numbers plugged in."""

    key: str
    title: str
    text: str


@dataclass(frozen=True)
class Check:
    """How well the gradient of a neuron agrees with central differences, taken in float64.

    Attributes:
        weights: relative error of dL/dw, ‖backprop - difference‖ / (‖backprop‖ + ‖difference‖).
        bias: relative error of dL/db.
        skipped: how many of these could not be compared, because a kink (ReLU at 0) lay within the difference.
        tolerance: what counts as agreement; backprop in float32 has lost some digits.
    """

    weights: float
    bias: float
    skipped: int = 0
    tolerance: float = 1e-5

    @property
    def max_relative_error(self) -> float:
        """The larger of the two."""
        return float(np.max([self.weights, self.bias]))  # NaN, if one of them is

    @property
    def passed(self) -> bool:
        """Whether backprop and differences agree."""
        return self.max_relative_error <= self.tolerance

    def __str__(self) -> str:
        skipped = f"; {self.skipped:,} at a kink, left out" if self.skipped else ""
        verdict = "agree" if self.passed else "DISAGREE"
        return (
            f"central differences {verdict}: relative error {self.weights:.1e} (weights), {self.bias:.1e} (bias)"
            f"{skipped}"
        )


class Trace:
    """Everything that one sample does in a network, up to the update it would cause.

    Args:
        network: it is left as it was.
        x: one sample; integers are scaled by the `Input`.
        y: its class index, or a row of n_out targets.
        sample: the sample's number in its data set, if it has one; only to be shown.

    Attributes:
        network: a copy of the network before the update.
        loss: L before the update, penalties not included.
        loss_after: L of the same sample after the update.
        probabilities: (n_out,) the output's activations.
        prediction: the class that they say.
        label: the class that the targets say; ``None`` where they are no class.
        optimizer, learning_rate: of the update.

    Raises:
        NeurosimError: not exactly one sample, or a wrong target.
    """

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")  # a diverged network shows what it has
    def __init__(self, network: Network, x: Any, y: Any, sample: int | None = None) -> None:
        twin = copy.deepcopy(network)
        rows = twin.input.as_rows(x)
        if len(rows) != 1:
            raise NeurosimError(f"trace: expected one sample, received {len(rows)}")
        y = np.asarray(y)
        if y.ndim == 0 or (y.ndim == 1 and y.size == twin.output.n_out > 1):  # a class, or one row of targets
            y = y[None]
        self.sample = sample
        self.loss = twin.gradients(rows, y)
        self.network = copy.deepcopy(twin)  # parameters and gradients as they are before the update
        self._flows = [self._flow(layer) for layer in twin]
        self.targets = twin.targets[0].copy()
        self.probabilities = twin.output.a[0].copy()
        classes = class_indices(twin.targets)
        self.prediction = int(decisions(twin.output.a)[0])
        self.label = None if classes is None else int(classes[0])
        self._output_da = twin.loss.gradient(twin.output.a, twin.targets)[0]
        self.learning_rate = twin.optimizer.rate
        self._state_before = {name: vector.copy() for name, vector in twin.optimizer.state.items()}
        twin.update_()
        self.optimizer = twin.optimizer
        self.theta_after = twin.parameters.theta
        self.grad = twin.parameters.grad  # as the optimizer saw it: clipped, if it clips
        twin.forward_()
        self.loss_after = twin.loss.value_(twin.output, twin.targets) + 0.0  # makes -0 a plain 0

    @staticmethod
    def _flow(layer: Layer) -> dict[str, Array]:
        """What is in a layer's buffers for the one sample."""
        names = ("z", "a", "da", "delta") if layer.index else ("a",)
        return {name: getattr(layer, name)[0].copy() for name in names}

    @property
    def verdict(self) -> str:
        """The label and the prediction in words; where the targets are no class, only these."""
        if self.label is None:
            return f"targets {', '.join(f'{y:g}' for y in self.targets[:10])}{' …' if len(self.targets) > 10 else ''}"
        return f"label {self.label}, read as {self.prediction}"

    def __len__(self) -> int:
        return len(self._flows)

    def __getitem__(self, index: int) -> LayerTrace:
        """Layer `index`, counted as in the network; negative numbers count from the end.

        Raises:
            OutOfRangeError: there is no such layer, or it is the input, which has no neurons that compute.
        """
        layer = self.network[index]
        if layer.index == 0:
            raise OutOfRangeError(
                "layer 0 is the input: its neurons pass the sample on and compute nothing; "
                f"choose a layer from 1 to {len(self) - 1}"
            )
        return LayerTrace(self, layer)

    def __iter__(self) -> Iterator[LayerTrace]:
        """The layers that compute, from 1 on."""
        return (self[index] for index in range(1, len(self)))

    def interesting(self) -> tuple[int, int, str]:
        """A neuron worth looking at first: layer, neuron, and why.

        The one with the largest |delta| in the first layer that has weights: where the loss would change most.
        """
        layer = next((layer for layer in self.network if layer.weight_name), None)
        if layer is None:
            raise NeurosimError(
                "trace: expected a network with a Dense layer, received one without: it has no "
                "neurons with weights to look at"
            )
        delta = np.abs(self._flows[layer.index]["delta"])
        j = int(delta.argmax())
        if delta[j] == 0.0:
            return layer.index, j, f"all {layer.n_out} neurons of layer {layer.index} have delta 0 for this sample"
        return (
            layer.index,
            j,
            (
                f"of the {layer.n_out} neurons of layer {layer.index} it has the largest |delta|, "
                f"{delta[j]:.3g}: a change of its z would change the loss most"
            ),
        )

    def __repr__(self) -> str:
        which = "" if self.sample is None else f" {self.sample}"
        sure = float(self.probabilities.max())
        if len(self.probabilities) == 1 and self.prediction == 0:
            sure = 1.0 - sure
        a_share = self.label is not None and self.network.output.activation.range == (0.0, 1.0)
        share = f" with {100 * sure:.1f} %" if a_share else ""
        return (
            f"Trace of sample{which}: {self.verdict}{share}, loss {self.loss:.4g}, "
            f"after the update {self.loss_after:.4g}"
        )

    def _repr_html_(self) -> str:
        right = "right" if self.label == self.prediction else "wrong"
        classes = [("label", self.label), ("prediction", f"{self.prediction} ({right})")]
        rows = [
            *(classes if self.label is not None else ()),
            ("loss", four_digits(self.loss)),
            ("loss after the update", four_digits(self.loss_after)),
        ]
        order = np.argsort(-self.probabilities, kind="stable")[:5]
        outputs = [(int(k), four_digits(self.probabilities[k])) for k in order]
        parts = [
            html.title("Trace of one sample"),
            html.table(("", ""), rows),
            html.table(("class" if len(self.probabilities) > 1 else "output", "output a"), outputs),
        ]
        if any(layer.weight_name for layer in self.network):
            layer, j, why = self.interesting()
            neuron = self[layer][j]
            figures = [(name, four_digits(getattr(neuron, name))) for name in ("z", "a", "da_dz", "dL_da", "delta")]
            parts += [html.table((f"neuron {j} of layer {layer}", ""), figures), f"<div>{html.small(why)}</div>"]
        return html.block(*parts)


class LayerTrace:
    """The neurons of one layer in a trace: ``trace[1][17]``."""

    def __init__(self, trace: Trace, layer: Layer) -> None:
        self.trace = trace
        self.layer = layer

    def __len__(self) -> int:
        return self.layer.n_out

    def __getitem__(self, j: int) -> NeuronTrace:
        """Neuron j.

        Raises:
            OutOfRangeError: there is no such neuron.
            NeurosimError: the layer has no weights.
        """
        if not self.layer.weight_name:
            raise NeurosimError(
                f"layer {self.layer.index} is {self.layer!r}: its neurons have no weights to trace; "
                "choose a Dense layer"
            )
        return NeuronTrace(self.trace, self.layer, self.layer[j].index)

    def __iter__(self) -> Iterator[NeuronTrace]:
        return (self[j] for j in range(len(self)))

    def __repr__(self) -> str:
        return f"Layer {self.layer.index} of {self.trace!r}"


class NeuronTrace:
    """One neuron, one sample: every term, forward, backward and through the update.

    Attributes:
        layer, index: which neuron.
        inputs: (n_in,) x.
        weights: (n_in,) w before the update.
        products: (n_in,) w x, term by term.
        bias, z, a: as in the forward pass; z = Σ products + bias.
        da_dz: f'(z); for softmax its diagonal entry.
        downstream_neurons, downstream_weights, downstream_deltas, downstream_products: (k,) the neurons above that this
            one feeds, the weight of each connection, their deltas, and the products, whose sum is dL/da. Empty for an
            output neuron.
        dL_da, delta: dL/da and dL/dz.
        dL_dW: (n_in,) dL/dw, penalties included; dL_db: dL/db.
        weights_after: (n_in,), bias_after: after the update.
    """

    def __init__(self, trace: Trace, layer: Layer, index: int) -> None:
        self.trace = trace
        self._layer = layer
        self.layer = layer.index
        self.index = index
        flow = trace._flows[layer.index]
        neuron = layer[index]
        self.sources = layer.sources(index)
        self.inputs = trace._flows[layer.index - 1]["a"][self.sources]
        self.weights: Array = neuron.weights.ravel().copy()
        self.products: Array = self.inputs * self.weights
        self.has_bias = layer.bias_name in layer.views
        self.bias = neuron.bias if self.has_bias else 0.0
        self.z, self.a, self.delta = (float(flow[name][index]) for name in ("z", "a", "delta"))
        self.da_dz = float(layer.derivative(flow["z"][None, :])[0, index])
        self.downstream_neurons, self.downstream_weights, self.downstream_deltas = self._downstream()
        self.downstream_products = self.downstream_weights * self.downstream_deltas
        self.is_output = layer.is_output
        self.dL_da = float(trace._output_da[index] if self.is_output else flow["da"][index])
        self.dL_dW: Array = neuron.weight_gradient.ravel().copy()
        self.dL_db = neuron.bias_gradient if self.has_bias else 0.0
        self.weights_after: Array = self._part(trace.theta_after, layer.weight_name).ravel().copy()
        self.bias_after = float(self._part(trace.theta_after, layer.bias_name)) if self.has_bias else 0.0

    # what belongs to the sample, not to the neuron
    loss = property(lambda self: self.trace.loss)
    loss_after = property(lambda self: self.trace.loss_after)
    label = property(lambda self: self.trace.label)
    prediction = property(lambda self: self.trace.prediction)
    sample = property(lambda self: self.trace.sample)
    optimizer = property(lambda self: self.trace.optimizer.key)
    learning_rate = property(lambda self: self.trace.learning_rate)

    @property
    def activation(self) -> Activation:
        """The activation of this neuron."""
        return Linear() if self._layer.activation is None else self._layer[self.index].activation

    @property
    def input_shape(self) -> tuple[int, ...] | None:
        """The shape of the sample where the neuron looks at it directly, e.g. (28, 28); else None."""
        below = self._layer.source
        if below is None or below.index:
            return None
        return below.out_shape if len(below.out_shape) > 1 else below.image_shape

    def _part(self, flat: Array, name: str) -> Array:
        """This neuron's part of a vector laid out as all parameters are."""
        return self._layer.neuron_part(self._layer.flat_view(flat, name), self.index)

    def _downstream(self) -> tuple[Array, Array, Array]:
        """The neurons above that this one feeds, the weights to them, and their deltas."""
        trace, j = self.trace, self.index
        if self._layer.is_output:
            nothing = np.empty(0, self.weights.dtype)
            return np.empty(0, np.intp), nothing, nothing
        above = trace.network[self.layer + 1]
        fed, weights = above.outgoing(j)
        return fed, weights, trace._flows[above.index]["delta"][fed]

    @cached_property
    def update_terms(self) -> dict[str, dict[str, Any]]:
        """The optimizer's arithmetic: name -> {"weights": (n_in,), "bias": number}, in the order of its algorithm."""
        bias = self._terms(self._layer.bias_name) if self.has_bias else {}
        return {
            name: {"weights": values, "bias": float(bias[name][0]) if bias else 0.0}
            for name, values in self._terms(self._layer.weight_name).items()
        }

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")  # a diverged network shows what it has
    def _terms(self, name: str) -> dict[str, Array]:
        """The terms of the optimizer's rule for this neuron's part (k,) of one parameter."""
        trace, optimizer = self.trace, self.trace.optimizer
        state = [trace._state_before[each] for each in optimizer.state_names]
        vectors = (trace.network.parameters.theta, trace.grad, *state)
        theta, grad, *state = (self._part(vector, name).ravel() for vector in vectors)
        terms = optimizer.rule(theta, grad, *state, trace.learning_rate, optimizer.t, **optimizer.hyper())
        return {term: np.full_like(theta, values) for term, values in terms._asdict().items()}

    def to_frame(self) -> pd.DataFrame:
        """The terms, one row an input, the largest |w x| first.

        Columns: input, x, weight, product, dL_dw, each of the optimizer's terms, weight_after.
        """
        import pandas as pd

        frame = pd.DataFrame(
            {
                "input": np.arange(len(self.inputs)),
                "x": self.inputs,
                "weight": self.weights,
                "product": self.products,
                "dL_dw": self.dL_dW,
            }
            | {name: each["weights"] for name, each in self.update_terms.items()}
            | {"weight_after": self.weights_after}
        )
        return frame.iloc[np.argsort(-np.abs(self.products), kind="stable")].reset_index(drop=True)

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")  # a diverged network has differences of NaN
    def check(self) -> Check:
        """Compare this neuron's gradient with central differences of the loss, in float64."""
        network = self.trace.network
        twin = Network.from_config(network.config() | {"dtype": "float64"})
        for name, array in network.arrays().items():
            if name in twin.arrays():
                twin.arrays()[name][...] = array
        neuron, layer = twin[self.layer][self.index], twin[self.layer]
        twin.load_batch(self.trace._flows[0]["a"][None, :].astype(np.float64), self.trace.targets[None, :])

        def compare(array: Array, backprop: Array) -> tuple[float, int]:
            """The relative error over the entries that no kink lies next to, and how many have one."""
            compared, numeric = central_differences(array, np.arange(array.size), CHECK_STEP, lambda: objective(twin))
            return relative_error(backprop[compared], numeric), array.size - len(compared)

        tolerance = 1e-2 if network.dtype == np.float32 else Check.tolerance
        weights, skipped = compare(neuron.weights, self.dL_dW)
        if not self.has_bias:
            return Check(weights, 0.0, skipped, tolerance)
        bias, at_kink = compare(layer.neuron_part(layer.views[layer.bias_name], self.index), np.array([self.dL_db]))
        return Check(weights, bias, skipped + at_kink, tolerance)

    def to_dict(self, check: bool = True) -> dict[str, Any]:
        """Everything as plain numbers and lists, ready for JSON; see `python main.py step --json`."""
        trace = self.trace
        document: dict[str, Any] = {
            "sample": {
                "index": trace.sample,
                "label": trace.label,
                "prediction": trace.prediction,
                "probabilities": trace.probabilities.tolist(),
            },
            "layer": self.layer,
            "neuron": self.index,
            "activation": self.activation.key,
            "inputs": self.inputs.tolist(),
            "weights": self.weights.tolist(),
            "bias": self.bias,
            "z": self.z,
            "a": self.a,
            "da_dz": self.da_dz,
            "downstream": [
                {"neuron": int(k), "weight": float(w), "delta": float(delta), "product": float(product)}
                for k, w, delta, product in zip(
                    self.downstream_neurons,
                    self.downstream_weights,
                    self.downstream_deltas,
                    self.downstream_products,
                    strict=True,
                )
            ],
            "dL_da": self.dL_da,
            "delta": self.delta,
            "dL_dW": self.dL_dW.tolist(),
            "dL_db": self.dL_db,
            "loss": trace.loss,
            "update": {
                "optimizer": trace.optimizer.key,
                "settings": trace.optimizer.config(),
                "learning_rate": trace.learning_rate,
                "terms": {
                    name: {"weights": each["weights"].tolist(), "bias": each["bias"]}
                    for name, each in self.update_terms.items()
                },
                "weights_after": self.weights_after.tolist(),
                "bias_after": self.bias_after,
            },
            "loss_after": trace.loss_after,
        }
        if check:
            document["check"] = {"max_relative_error": self.check().max_relative_error}
        return document

    # -- in words --------------------------------------------------------------------------------------------------

    def explain(self, top: int = 5) -> str:
        """The whole walk as text, with the numbers plugged in and the `top` largest terms of each sum."""
        return "\n\n".join(
            [str(self), *(f"{k}. {stage.title}\n{stage.text}" for k, stage in enumerate(self.stages(top), start=1))]
        )

    def stages(self, top: int = 5) -> list[Stage]:
        """The stages of the walk, forward, backward and through the update, in their order."""
        texts: tuple[tuple[str, str, Callable[[int], str]], ...] = (
            ("inputs", "inputs", self._say_inputs),
            ("weighted_sum", "weighted sum: z = Σ w x + b", self._say_weighted_sum),
            ("activation", f"activation: a = {self.activation.key}(z)", self._say_activation),
            ("output", "through the layers above: output and loss", self._say_output),
            ("output_delta", "output delta: dL/dz of the output layer", self._say_output_delta),
            ("downstream", "downstream sum: dL/da = Σ w_k delta_k", self._say_downstream),
            ("derivative", "local derivative: da/dz = f'(z)", self._say_derivative),
            ("delta", "delta: dL/dz", self._say_delta),
            ("gradients", "weight gradients: dL/dw = delta x, dL/db = delta", self._say_gradients),
            ("update", f"update by {self.optimizer}", self._say_update),
            ("loss_after", "the loss again, after the update", self._say_loss_after),
        )
        return [Stage(key, title, text(top)) for key, title, text in texts]

    @property
    def _from_input(self) -> bool:
        """Whether the inputs are the sample's own numbers."""
        return self._layer.source is not None and self._layer.source.index == 0

    def _name(self, i: int) -> str:
        """Input i as a reader finds it: a pixel by row and column, a neuron by number."""
        shape, i = self.input_shape, int(self.sources[i])
        if shape is not None and len(shape) == 2:
            return f"pixel {i // shape[1]},{i % shape[1]}"
        return f"input {i}" if self._from_input else f"neuron {i}"

    def _sum(self, names: list[str], left: Array, right: Array, products: Array, top: int) -> list[str]:
        """The largest terms of a sum of products, and what the others come to."""
        order = np.argsort(-np.abs(products), kind="stable")
        shown = order[:top][np.abs(products[order[:top]]) > 0]
        width = max((len(names[i]) for i in shown), default=0)
        lines = [
            f"  {names[i]:<{width}}  {column(left[i])} * {column(right[i])} = {column(products[i])}" for i in shown
        ]
        rest = len(products) - len(shown)
        if rest:
            others = float(np.delete(products, shown).sum(dtype=np.float64))
            what = "terms sum" if rest > 1 else "term comes"
            lines.append(f"  the other {rest:,} {what} to {column(others).strip()}")
        return lines

    def _say_inputs(self, top: int) -> str:
        active = int(np.count_nonzero(self.inputs))
        source = "the sample" if self._from_input else f"layer {self.layer - 1}"
        return (
            f"  {len(self.inputs):,} numbers from {source}, {active:,} of them not zero, "
            f"from {self.inputs.min():.4g} to {self.inputs.max():.4g}"
        )

    def _say_weighted_sum(self, top: int) -> str:
        names = [self._name(i) for i in range(len(self.inputs))]
        lines = self._sum(names, self.weights, self.inputs, self.products, top)
        bias = [f"  bias {column(self.bias).strip()}"] if self.has_bias else []
        return "\n".join([*lines, *bias, f"  z = {column(self.z).strip()}"])

    def _say_activation(self, top: int) -> str:
        forced = self._layer.interventions.values.get(self.index)
        if forced is not None:
            return f"  a is forced to {forced:g}, whatever z is"
        if not self.activation.elementwise:  # softmax
            return (
                f"  a = e^z / Σ e^z_k over the {self._layer.n_out} neurons of the layer = "
                f"{column(self.a).strip()}, with z = {column(self.z).strip()}"
            )
        return f"  a = {self.activation.key}({column(self.z).strip()}) = {column(self.a).strip()}"

    def _say_output(self, top: int) -> str:
        trace = self.trace
        lines = [
            f"  layer {layer.index}: {layer.n_out} activations from {a.min():.4g} to {a.max():.4g}"
            for layer in trace.network.layers[self.layer + 1 :]
            for a in [trace._flows[layer.index]["a"]]
        ]
        best = np.argsort(-trace.probabilities, kind="stable")[:3]
        what = "class {} {:.4g}" if len(trace.probabilities) > 1 else "{1:.4g}"
        lines.append("  output: " + ", ".join(what.format(k, trace.probabilities[k]) for k in best))
        lines.append(f"  {trace.verdict}; L = {trace.network.loss.key} = {trace.loss:.6g}")
        return "\n".join(lines)

    def _say_output_delta(self, top: int) -> str:
        trace, network = self.trace, self.trace.network
        loss, output = network.loss, network.output
        delta, a, y = trace._flows[-1]["delta"], trace.probabilities, trace.targets
        if isinstance(loss, CrossEntropy):
            y = loss._smooth(y[None, :])[0]
        rule = "dL/da * f'(z)"
        if not output.activation.elementwise:
            rule = "Jᵀ dL/da, J the Jacobian of softmax"
        if loss.shortcut is not None and isinstance(output.activation, loss.shortcut):
            rule = "a - y" if loss.key == "cross_entropy" else "(a - y) / n"
        lines = [f"  delta = {rule}   ({loss.key} on {output.activation.key})"]
        for k in np.argsort(-np.abs(delta), kind="stable")[: min(top, 3)]:
            lines.append(f"  output {k}: a = {a[k]:.4g}, y = {y[k]:.4g}, delta = {column(delta[k]).strip()}")
        return "\n".join(lines)

    def _say_downstream(self, top: int) -> str:
        if self.is_output:
            return (
                f"  an output neuron: nothing lies above it, the loss itself gives dL/da = {column(self.dL_da).strip()}"
            )
        above = self.trace.network[self.layer + 1]
        names = [f"neuron {k}" for k in self.downstream_neurons]
        lines = self._sum(names, self.downstream_weights, self.downstream_deltas, self.downstream_products, top)
        return "\n".join(
            [
                f"  over the neurons of layer {above.index}, {above!r}:",
                *lines,
                f"  dL/da = {column(self.dL_da).strip()}",
            ]
        )

    def _say_derivative(self, top: int) -> str:
        if not self.activation.elementwise:
            return (
                f"  da/dz of the neuron itself = a (1 - a) = {column(self.da_dz).strip()}; but z of each neuron of "
                "the layer\n  moves a of all: what counts is their sum, Jᵀ dL/da"
            )
        text = f"  f'({column(self.z).strip()}) = {column(self.da_dz).strip()}"
        if self.da_dz == 0.0:
            text += "   (flat here: nothing passes back through this neuron)"
        return text

    def _say_delta(self, top: int) -> str:
        delta = column(self.delta).strip()
        if self.is_output:
            mixed = "" if self.activation.elementwise else ": Σ_k dL/da_k da_k/dz_j, not dL/da_j f'(z_j) alone"
            return f"  delta = {delta}, as above{mixed}"
        shared = self._layer.activation
        if shared is not None and not shared.elementwise:
            return f"  delta = {delta}, from dL/da of the whole layer: its neurons share one {shared.key}"
        return f"  delta = dL/da * f'(z) = {column(self.dL_da).strip()} * {column(self.da_dz).strip()} = {delta}"

    def _say_gradients(self, top: int) -> str:
        delta = np.full_like(self.inputs, self.delta)
        names = [f"dL/dw of {self._name(i)}" for i in range(len(self.inputs))]
        order = np.argsort(-np.abs(self.dL_dW), kind="stable")[:top]
        lines = []
        penalty = self.dL_dW - delta * self.inputs
        for i in order:
            extra = f" + {column(penalty[i])} (penalty)" if self._has_penalty else ""
            lines.append(
                f"  {names[i]} = {column(self.delta)} * {column(self.inputs[i])}{extra} = {column(self.dL_dW[i])}"
            )
        rest = len(self.dL_dW) - len(order)
        if rest:
            zero = int(np.count_nonzero(self.dL_dW[np.setdiff1d(np.arange(len(self.dL_dW)), order)] == 0.0))
            lines.append(f"  and {rest:,} other{'s' if rest > 1 else ''}, {zero:,} of them zero")
        if self.has_bias:
            lines.append(f"  dL/db = {column(self.dL_db).strip()}")
        return "\n".join(lines)

    @property
    def _has_penalty(self) -> bool:
        return self._layer.penalizes(self.index)

    def _say_update(self, top: int) -> str:
        optimizer = self.trace.optimizer
        lines = [
            f"  {next(iter((type(optimizer).__doc__ or '').splitlines()), '')}",
            f"  learning rate {self.learning_rate:g}, step {optimizer.t}",
        ]
        i = int(np.abs(self.weights_after - self.weights).argmax())
        terms = {name: each["weights"][i] for name, each in self.update_terms.items()}
        gradient = self._part(self.trace.grad, self._layer.weight_name).flat[i]
        clipped = f" (clipped from {column(self.dL_dW[i]).strip()})" if gradient != self.dL_dW[i] else ""
        lines.append(
            f"  the weight that moves most, of {self._name(i)}, with gradient {column(gradient).strip()}{clipped}:"
        )
        lines.append("    " + ",  ".join(f"{name} {column(value).strip()}" for name, value in terms.items()))
        lines.append(f"    w: {column(self.weights[i]).strip()} -> {column(self.weights_after[i]).strip()}")
        if self._layer.max_norm is not None and self._layer[self.index].is_trainable:
            lines.append(f"  after the step its weights are brought back within a norm of {self._layer.max_norm:g}")
        lines += [f"  this neuron: {words}" for words in self._layer[self.index].interventions]
        if self.has_bias:
            lines.append(f"  bias: {column(self.bias).strip()} -> {column(self.bias_after).strip()}")
        moved = int(np.count_nonzero(self.weights_after != self.weights))
        lines.append(f"  {moved:,} of {len(self.weights):,} weights move")
        return "\n".join(lines)

    def _say_loss_after(self, top: int) -> str:
        change = self.loss_after - self.loss
        word = "better" if change < 0 else "worse" if change > 0 else "the same"
        return f"  L = {self.loss:.6g} -> {self.loss_after:.6g} ({change:+.3g}, {word}), all neurons updated"

    def __str__(self) -> str:
        which = "the sample" if self.sample is None else f"sample {self.sample}"
        return f"layer {self.layer}, neuron {self.index} ({self.activation.key}), {which}: {self.trace.verdict}"

    def __repr__(self) -> str:
        return f"NeuronTrace({self}, z {self.z:.4g}, a {self.a:.4g}, delta {self.delta:.4g})"
