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
import json
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import html
from ..activations import Activation, Linear
from ..errors import NeurosimError, OutOfRangeError
from ..layers import Layer
from ..metrics import class_indices, decisions
from ..network import Network
from ..parameters import Array
from ..processors import computes
from ..text import four_digits, number
from . import stages, words
from .check import Check, check_neuron
from .stages import Move, Stage, fill

if TYPE_CHECKING:
    import pandas as pd


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

    @computes
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
            which = "targets" if len(self.targets) <= 10 else "more targets"
            return fill(words.NAMES[which], {"items": ", ".join(number(y, 6) for y in self.targets[:10])})
        return fill(words.NAMES["verdict"], {"label": str(self.label), "prediction": str(self.prediction)})

    @cached_property
    def output_rule(self) -> tuple[str, dict[str, Array]]:
        """How delta of the output layer follows: a key of `words.RULES`, and name -> (n_out,) the numbers in it."""
        loss, output, a, y = self.network.loss, self.network.output, self.probabilities, self.targets
        y = loss.aim(y[None, :])[0].copy()
        numbers = {"a": a, "y": y}
        if loss.simplifies(output.activation):
            if loss.key == "cross_entropy":
                return "difference", numbers
            return "mean_difference", numbers | {"n": np.full(len(a), len(a))}
        if output.activation.elementwise:
            slope = output.derivative(self._flows[-1]["z"][None, :])[0]
            return "chain", numbers | {"dL/da": self._output_da, "f'(z)": slope}
        return _through_softmax(output.activation, a, self._output_da, numbers)

    def is_of(self, network: Network) -> bool:
        """Whether `network` is still as it was when this trace was taken of it."""
        mine = self.network
        try:
            same = mine.config() == network.config()
        except NeurosimError:  # a class without a key has no settings that could be compared
            return False
        pairs = zip(mine.arrays().values(), network.arrays().values(), strict=True) if same else ()
        return (
            same
            and mine.optimizer.scalars() == network.optimizer.scalars()
            and all(np.array_equal(one, other) for one, other in pairs)
        )

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
        numbers = {"count": str(layer.n_out), "layer": str(layer.index), "delta": number(delta[j], 3)}
        return layer.index, j, fill(words.NAMES["largest delta" if delta[j] else "no delta"], numbers)

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
            results = [stage.result for stage in self[layer][j].stages() if stage.key in stages.OF_ONE_NEURON]
            figures = [(each.name, four_digits(each.value)) for each in results if each and each.value is not None]
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
    def source_layer(self) -> int:
        """The layer that made the inputs; those that pass them on are looked through. 0: they are the sample's own."""
        source = self._layer.source
        return 0 if source is None else source.index

    @property
    def forced(self) -> float | None:
        """The value that a is held at, by `ablate` or `clamp`; None: it is free."""
        return self._layer.interventions.values.get(self.index)

    @property
    def penalized(self) -> bool:
        """Whether dL/dw holds the gradient of a penalty."""
        return self._layer.penalizes(self.index)

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

    @property
    def image_shape(self) -> tuple[int, int] | None:
        """Height and width of the sample where it is a grey image and the neuron looks at it directly; else None."""
        shape = self.input_shape or ()
        if len(shape) == 3 and shape[2] == 1:
            shape = shape[:2]
        return (shape[0], shape[1]) if len(shape) == 2 else None

    def input_name(self, i: int) -> str:
        """Input i as a reader finds it: a pixel by row and column, an input or a neuron by number."""
        i = int(self.sources[i])
        if self.source_layer:
            return fill(words.NAMES["neuron"], {"i": str(i)})
        if self.image_shape is None:
            return fill(words.NAMES["input"], {"i": str(i)})
        row, column = divmod(i, self.image_shape[1])
        return fill(words.NAMES["pixel"], {"row": str(row), "column": str(column)})

    def downstream_name(self, i: int) -> str:
        """Number i of the neurons above that this one feeds, as a reader finds it."""
        return fill(words.NAMES["neuron"], {"i": str(self.downstream_neurons[i])})

    def curve(self, z: Array) -> Array:
        """(n,) a for any z (n,) of this neuron, the other neurons of its layer held still."""
        if self.forced is not None:
            return np.full(len(z), self.forced)
        if self.activation.elementwise:
            return self.activation(np.array(z))
        rows = np.repeat(self._layer_z[None, :].astype(np.float64), len(z), axis=0)
        rows[:, self.index] = z
        return self.activation(rows)[:, self.index]

    @property
    def _layer_z(self) -> Array:
        return self.trace._flows[self.layer]["z"]

    @property
    def delta_rule(self) -> tuple[str, str, dict[str, float]]:
        """How delta follows: the row of `words.ROWS` that tells it, a key of `words.RULES`, and the numbers in it."""
        layer, shared = self._layer, self._layer.activation
        if self.is_output:
            rule, columns = self.trace.output_rule
            kind = "delta.output" if self.activation.elementwise else "delta.output of softmax"
        elif shared is None or shared.elementwise:
            return "delta.result", "chain", {"dL/da": self.dL_da, "f'(z)": self.da_dz}
        else:
            kind, flow = "delta.shared", self.trace._flows[self.layer]
            rule, columns = _through_softmax(shared, flow["a"], flow["da"], {})
            if layer.interventions:  # some of its neurons have no part in it
                rule, columns = "unknown", {}
        return kind, rule, {name: values[self.index].item() for name, values in columns.items()}

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

    def check(self) -> Check:
        """Compare this neuron's gradient with central differences of the loss, in float64."""
        x, dL_db = self.trace._flows[0]["a"], self.dL_db if self.has_bias else None
        return check_neuron(self._layer[self.index], self.trace.network, x, self.trace.targets, self.dL_dW, dL_db)

    def to_dict(self, check: bool = True, top: int = 5) -> dict[str, Any]:
        """Everything as plain numbers, texts and lists, ready for JSON; see `python main.py step --json`.

        Args:
            check: whether to compare the gradient with central differences, too.
            top: how many terms of each sum the stages show.

        Raises:
            NeurosimError: something is NaN or infinite, which JSON cannot say.
        """
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
        document["stages"] = [stage.to_dict() for stage in self.stages(top)]
        if check:
            document["check"] = {"max_relative_error": self.check().max_relative_error}
        try:
            json.dumps(document, allow_nan=False)
        except ValueError:
            raise NeurosimError(
                "json: the network holds NaN or infinity, which JSON has no numbers for; "
                "train it with a smaller learning rate"
            ) from None
        return document

    # -- what there is to say ---------------------------------------------------------------------------------------

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")  # a diverged network shows what it has
    def stages(self, top: int = 5) -> list[Stage]:
        """The stages of the walk: forward, backward, update; with the `top` largest terms of each sum."""
        trace, layer, network = self.trace, self._layer, self.trace.network
        key, bias = self.activation.key, self.bias if self.has_bias else None
        rule, factors = trace.output_rule
        above = [(each.index, trace._flows[each.index]["a"]) for each in network.layers[self.layer + 1 :]]
        return [
            stages.inputs(self.inputs, self.source_layer),
            stages.weighted_sum(self.input_name, self.weights, self.inputs, self.products, bias, self.z, top),
            stages.activation(key, self.z, self.a, self.forced, None if self.activation.elementwise else self._layer_z),
            stages.output(above, trace.probabilities, trace.verdict, network.loss.key, trace.loss),
            stages.output_delta(
                network.loss.key, network.output.activation.key, rule, factors, trace._flows[-1]["delta"], top
            ),
            self._downstream_stage(top),
            stages.derivative(key, self.z, self.a, self.da_dz, self.forced is not None, self.activation.elementwise),
            stages.delta(*self.delta_rule, self.delta, self.da_dz, layer.activation.key if layer.activation else key),
            stages.gradients(
                self.input_name,
                self.delta,
                self.inputs,
                self.dL_dW,
                self.penalized,
                self.dL_db if self.has_bias else None,
                top,
            ),
            self._update_stage(),
            stages.loss_after(trace.loss, trace.loss_after),
        ]

    def _downstream_stage(self, top: int) -> Stage:
        if self.is_output:
            return stages.downstream_of_output(self.dL_da)
        above = self.trace.network[self.layer + 1]
        return stages.downstream(
            above.index,
            repr(above),
            self.downstream_name,
            self.downstream_weights,
            self.downstream_deltas,
            self.downstream_products,
            self.dL_da,
            top,
        )

    def _update_stage(self) -> Stage:
        layer, optimizer = self._layer, self.trace.optimizer
        change = self.weights_after - self.weights
        i = int(np.abs(change).argmax())
        seen = self._part(self.trace.grad, layer.weight_name)
        terms = {name: float(each["weights"][i]) for name, each in self.update_terms.items()}
        before, after, gradient = (float(each[i]) for each in (self.weights, self.weights_after, self.dL_dW))
        weight = Move(before, after, gradient, float(seen.flat[i]), terms)
        bias = None
        if self.has_bias:
            terms = {name: each["bias"] for name, each in self.update_terms.items()}
            seen_bias = float(self._part(self.trace.grad, layer.bias_name))
            bias = Move(self.bias, self.bias_after, self.dL_db, seen_bias, terms)
        unasked = (change != 0) & (self.dL_dW == 0)
        stepping = self.update_terms["step"]["weights"] != 0
        counts = {
            "count": len(change),
            "moved": int(np.count_nonzero(change)),
            "most": float(np.abs(change[i])),
            "memory": int(np.count_nonzero(unasked & stepping)),
            "norm": int(np.count_nonzero(unasked & ~stepping)),
        }
        neuron = layer[self.index]
        max_norm = layer.max_norm if neuron.is_trainable else None
        return stages.update(
            optimizer, self.learning_rate, self.input_name(i), weight, bias, counts, max_norm, neuron.interventions
        )

    def explain(self, top: int = 5) -> str:
        """The whole walk as text, with the numbers plugged in and the `top` largest terms of each sum."""
        told = enumerate(self.stages(top), start=1)
        return "\n\n".join([str(self), *(f"{place}. {stage.heading}\n{stage.text}" for place, stage in told)])

    def __str__(self) -> str:
        return fill(
            words.NAMES["neuron of layer"],
            {
                "layer": str(self.layer),
                "neuron": str(self.index),
                "activation": self.activation.key,
                "sample": words.NAMES["some sample"]
                if self.sample is None
                else fill(words.NAMES["sample"], {"i": str(self.sample)}),
                "verdict": self.trace.verdict,
            },
        )

    def __repr__(self) -> str:
        return f"NeuronTrace({self}, z {self.z:.4g}, a {self.a:.4g}, delta {self.delta:.4g})"

    def _repr_html_(self) -> str:
        return html.block(html.title(str(self)), stages.as_html(self.stages()))


def _through_softmax(
    activation: Activation, a: Array, dL_da: Array, numbers: dict[str, Array]
) -> tuple[str, dict[str, Array]]:
    """The rule for delta_j = Σ_k dL/da_k da_k/dz_j = a_j (dL/da_j - Σ_k a_k dL/da_k), by the Jacobian of `Softmax`."""
    if activation.key != "softmax":
        return "unknown", numbers
    mean = np.full(len(a), a.astype(np.float64) @ dL_da)
    return "jacobian", numbers | {"a": a, "dL/da": dL_da, "Σ a dL/da": mean}
