"""One neuron in a trace: every term that passes through it, forward, backward and through the update."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import html
from ..activations import Activation, Linear
from ..errors import NeurosimError
from ..layers import Layer
from ..layers.neuron import Unit
from ..parameters import Array
from . import filters, stages, words
from .check import Check, check_neuron
from .downstream import downstream, fed_by
from .formula import fill, value_of
from .places import kernel_name, number_name, rows_and_columns
from .rows import Row
from .sample import SampleRun, through_softmax
from .stages import Stage
from .update import Move, Step, causes, update

if TYPE_CHECKING:
    import pandas as pd

NO_LABEL = "the sample has no label: expected one, net.trace(x, y), for gradients, their check and an update"
BACKWARD = ("da_dz", "downstream", "dL_da", "delta", "dL_dW", "dL_db", "loss", "update", "loss_after")


def strongest_place(trace: SampleRun, layer: Layer, index: int) -> tuple[int, int]:
    """Row and column where the |delta| of a filter is largest; without one, its |a|."""
    strength = np.abs(strength_of(trace, layer, index)[1])
    row, column = np.unravel_index(int(strength.argmax()), strength.shape)
    return int(row), int(column)


def strength_of(trace: SampleRun, layer: Layer, index: int) -> tuple[str, Array]:
    """What says where a filter is worth a look: "delta" or "a", and (H', W') that of all its places."""
    flow = trace.flows[layer.index]
    name = "a" if trace.forward_only or not layer.neuron_values(flow["delta"][None], index).any() else "delta"
    return name, layer.neuron_values(flow[name][None], index)[0]


class NeuronTrace:
    """One neuron, one sample: every term, forward, backward and through the update. Of a filter, at one place.

    Args:
        trace: of the sample.
        layer: the neuron's.
        index: which of its neurons.
        place: row and column of a filter; ``None``: where its |delta| is largest; without a label, or where delta is 0
            everywhere, its |a|.

    Attributes:
        layer, index: which neuron.
        row, column: the place of a filter, None for other neurons; `unit`: the neuron's number in its layer's buffers.
        sources: (n_in,) which numbers of the layer below the inputs are; -1: outside of the image, where they are 0.
        patch_shape: (k, k, C) of a filter, whose n_in is k k C; None for other neurons.
        inputs: (n_in,) x.
        weights: (n_in,) w before the update.
        products: (n_in,) w x, term by term.
        bias, z, a: as in the forward pass; z = Σ products + bias.
        da_dz: f'(z); for softmax its diagonal entry.
        downstream_neurons, downstream_weights, downstream_deltas, downstream_products: (k,) the neurons above that this
            one feeds, the weight of each connection, their deltas, and the products, whose sum is dL/da. Empty for an
            output neuron.
        dL_da, delta: dL/da and dL/dz.
        dL_dW: (n_in,) dL/dw, penalties included; dL_db: dL/db. Of a filter they are sums over all its places.
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
        nothing = np.empty(0, self.weights.dtype)
        self._fed = None if self.is_output else fed_by(trace, layer.index, self.unit)
        self.downstream_neurons, self.downstream_weights, self.downstream_deltas, self.downstream_products = (
            (np.empty(0, np.intp), nothing, nothing, nothing) if self._fed is None else self._fed[2:]
        )
        self.dL_da = float(trace.output_da[self.unit] if self.is_output else flow["da"][self.unit])
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

    # -- a filter, and its places ------------------------------------------------------------------------------------

    def at(self, row: int, column: int) -> NeuronTrace:
        """The same filter at another place, from 0; negative numbers count from the end.

        Raises:
            NeurosimError: this is a neuron without places.
            OutOfRangeError: there is no such place.
        """
        where = self._layer[self.index].at(row, column)
        return NeuronTrace(self.trace, self._layer, self.index, (where.row, where.column))

    @property
    def _unit(self) -> Unit:
        """This neuron at its place, in the trace's network."""
        if self.row is None or self.column is None:
            raise NeurosimError(f"expected a filter, received neuron {self.index} of layer {self.layer}: it has no place")
        return self._layer[self.index].at(self.row, self.column)

    @property
    def field(self) -> tuple[slice, slice]:
        """The rows and the columns that a filter sees at its place, of the image that comes into its layer."""
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
        """(H' W', n_in) what the filter sees at each place."""
        windows, x = self._layer.windows, self.trace.flows[self.layer - 1]["a"]
        if windows is None:
            return self.inputs[None]
        return windows.over(windows.with_zeros(x.reshape(1, *windows.shape))).reshape(-1, len(self.inputs))

    def place_terms(self, i: int) -> Array:
        """(H' W',) delta x of weight i, place by place: they sum to dL/dw, but for a penalty."""
        terms: Array = self.place_deltas.ravel() * self.patches[:, i]
        return terms

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

    def penalty_of(self, i: int) -> float:
        """What a penalty adds to the gradient of weight i: by its equation, or what there is beside delta x."""
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
        """Input i as a reader finds it: a pixel by row and column, a feature by name, another input by number."""
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
        """Weight i as a reader finds it: by its input; of a filter, which looks at many, by its place in the kernel."""
        below = self._layer.source
        if self.patch_shape is None or below is None:
            return self.input_name(i)
        return kernel_name(self.patch_shape[1], self.patch_shape[2], i, below)

    @property
    def _feature_names(self) -> tuple[str, ...]:
        learned = self.trace.network.input.learned
        return () if learned is None else learned.feature_names

    def downstream_name(self, i: int) -> str:
        """Number i of the neurons above that this one feeds, as a reader finds it."""
        return "" if self._fed is None else self._fed.name(i)

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
        return self._together("z")

    def _together(self, name: str) -> Array:
        """(neurons,) what the neurons of the layer have in a buffer, filters at this place: what softmax looks at."""
        place = self.unit // self._layer.neuron_count
        return self._layer.by_neuron(self.trace.flows[self.layer][name][None])[place]

    @property
    def delta_rule(self) -> tuple[str, str, dict[str, float]]:
        """How delta follows: the row of `words.ROWS` that tells it, a key of `words.RULES`, and the numbers in it."""
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
            if layer.interventions:  # some of its neurons have no part in it
                rule, columns = "unknown", {}
        return kind, rule, {name: values[self.index].item() for name, values in columns.items()}

    def _part(self, flat: Array, name: str) -> Array:
        """This neuron's part of a vector laid out as all parameters are."""
        return self._layer.neuron_part(self._layer.flat_view(flat, name), self.index)

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
        state = [trace.state_before[each] for each in optimizer.state_names]
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
        """Compare this neuron's gradient with central differences of the loss, in float64.

        Raises:
            NeurosimError: the sample has no label, so that there is no gradient.
        """
        if self.trace.forward_only:
            raise NeurosimError(NO_LABEL)
        x, dL_db = self.trace.flows[0]["a"], self.dL_db if self.has_bias else None
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
                "classes": trace.classes,
                "probabilities": trace.probabilities.tolist(),
            },
            "layer": self.layer,
            "neuron": self.index,
            **self._place_as_dict(),
            "activation": self.activation.key,
            "inputs": self.inputs.tolist(),
            "weights": self.weights.tolist(),
            "bias": self.bias,
            "z": self.z,
            "a": self.a,
            "da_dz": self.da_dz,
            "downstream": [
                {"neuron": int(k), "weight": float(w), "delta": float(delta), "product": float(product)}
                | ({} if self.row is None else {"name": self.downstream_name(i)})
                for i, (k, w, delta, product) in enumerate(
                    zip(
                        self.downstream_neurons,
                        self.downstream_weights,
                        self.downstream_deltas,
                        self.downstream_products,
                        strict=True,
                    )
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
        if trace.forward_only:
            document = {name: value for name, value in document.items() if name not in BACKWARD}
        document["stages"] = [stage.to_dict() for stage in self.stages(top)]
        if check and not trace.forward_only:
            document["check"] = {"max_relative_error": self.check().max_relative_error}
        try:
            json.dumps(document, allow_nan=False)
        except ValueError:
            raise NeurosimError(
                "json: the network holds NaN or infinity, which JSON has no numbers for; "
                "train it with a smaller learning rate"
            ) from None
        return document

    def _place_as_dict(self) -> dict[str, Any]:
        """Where a filter is looked at, ready for JSON; nothing for other neurons."""
        if self.patch_shape is None:
            return {}
        field, seen = (
            [[part.start, part.stop - 1] for part in field] for field in (self.field, self.receptive_field)
        )
        found = {
            "row": self.row,
            "column": self.column,
            "unit": self.unit,
            "patch_shape": list(self.patch_shape),
            "sources": self.sources.tolist(),
            "field": {"rows": field[0], "columns": field[1]},
            "receptive_field": {"rows": seen[0], "columns": seen[1]},
        }
        return found if self.trace.forward_only else found | {"place_deltas": self.place_deltas.tolist()}

    # -- what there is to say ---------------------------------------------------------------------------------------

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")  # a diverged network shows what it has
    def stages(self, top: int = 5) -> list[Stage]:
        """The stages of the walk: forward, backward, update; with the `top` largest terms of each sum.

        Without a label only those forward.
        """
        trace, layer, network = self.trace, self._layer, self.trace.network
        key, bias = self.activation.key, self.bias if self.has_bias else None
        above = [(each.index, trace.flows[each.index]["a"]) for each in network.layers[self.layer + 1 :]]
        forward = [
            self._inputs_stage(top),
            stages.weighted_sum(self.input_name, self.weights, self.inputs, self.products, bias, self.z, top),
            stages.activation(key, self.z, self.a, self.forced, None if self.activation.elementwise else self._layer_z),
        ]
        if trace.forward_only:
            return [*forward, stages.reading(above, trace.probabilities, trace.classes, trace.verdict)]
        rule, factors = trace.output_rule
        return [
            *forward,
            stages.output(
                above,
                trace.probabilities,
                trace.classes,
                trace.targets,
                trace.aim,
                trace.verdict,
                network.loss,
                trace.loss,
                top,
            ),
            stages.output_delta(
                network.loss,
                network.output.activation.key,
                rule,
                factors,
                trace.classes,
                trace.aim,
                trace.flows[-1]["delta"],
                top,
            ),
            self._downstream_stage(top),
            stages.derivative(key, self.z, self.a, self.da_dz, self.forced is not None, self.activation.elementwise),
            stages.delta(
                *self.delta_rule,
                self.delta,
                self.dL_da,
                self.da_dz,
                self.forced is not None,
                {"activation": layer.activation.key if layer.activation else key, "dtype": str(network.dtype)},
                self._layer.places > 1,
            ),
            self._gradients_stage(top),
            self._update_stage(),
            stages.loss_after(trace.loss, trace.loss_after),
        ]

    def _inputs_stage(self, top: int) -> Stage:
        if self.patch_shape is not None:
            below = self.trace.network[self.source_layer]
            field, seen = rows_and_columns(self.field), rows_and_columns(self.receptive_field)
            outside = int(np.count_nonzero(self.sources < 0))
            patch = filters.Patch(self.patch_shape[0], self.source_layer, below.title, field, seen, outside)
            return filters.inputs(patch, self.inputs)
        standardized = None if self.source_layer else self.trace.standardized
        if standardized is not None:
            raw, mean, deviation = (values[self.sources] for values in standardized)
            standardized = raw, mean, deviation
        return stages.inputs(self.input_name, self.inputs, self.source_layer, standardized, top)

    def _downstream_stage(self, top: int) -> Stage:
        trace = self.trace
        if self._fed is not None:
            return downstream(trace, self._fed, self.dL_da, top)
        return stages.downstream_of_output(trace.network.loss, trace.probabilities, trace.aim, self.unit, self.dL_da)

    def _gradients_stage(self, top: int) -> Stage:
        dL_db = self.dL_db if self.has_bias else None
        if self.patch_shape is None:
            penalty = self.penalty_of if self.penalized else None
            return stages.gradients(self.input_name, self.delta, self.inputs, self.dL_dW, penalty, dL_db, top)
        largest = self._sum_over_places(int(np.abs(self.dL_dW).argmax()))
        columns = self._layer.out_shape[1]
        return filters.gradients(self.input_name, self.delta, self.inputs, largest, columns, self.dL_dW, dL_db, top)

    def _sum_over_places(self, i: int) -> filters.Sum:
        """dL/dw of weight i of a filter as the sum that it is."""
        return filters.Sum(
            self.weight_name(i),
            float(self.dL_dW[i]),
            self.penalty_of(i) if self.penalized else None,
            self.place_deltas.ravel(),
            self.patches[:, i],
            self.place_terms(i),
        )
    def _update_stage(self) -> Stage:
        trace, layer, optimizer = self.trace, self._layer, self.trace.optimizer
        neuron = layer[self.index]
        change = self.weights_after - self.weights
        i = int(np.abs(change).argmax())
        weight = self._move("w", fill(words.NAMES["weight"], {"name": self.weight_name(i)}), layer.weight_name, i)
        bias = self._move("b", "bias", layer.bias_name, 0) if self.has_bias else None
        steps = {name: each["weights"] for name, each in self.update_terms.items()}
        factor = neuron.rate_factor if neuron.is_trainable else 0.0
        would_be = self.weights - factor * steps["step"].astype(np.float64)
        unasked = (change != 0) & (self.dL_dW == 0)
        by_memory, by_decay = causes(optimizer, steps)
        counts = {
            "count": len(change),
            "moved": int(np.count_nonzero(change)),
            "most": float(np.abs(change[i])),
            "memory and decay": int(np.count_nonzero(unasked & by_memory & by_decay)),
            "memory": int(np.count_nonzero(unasked & by_memory)),
            "decay": int(np.count_nonzero(unasked & by_decay)),
            "norm": int(np.count_nonzero(unasked & ~by_memory & ~by_decay)),
        }
        if counts["memory and decay"]:
            counts["memory and decay"] = int(np.count_nonzero(unasked & (by_memory | by_decay)))
        step = Step(
            optimizer,
            trace.network.optimizer,
            self.learning_rate,
            float(np.linalg.norm(trace.network.parameters.grad.astype(np.float64))),
            factor,
            layer.max_norm if neuron.is_trainable else None,
            float(np.linalg.norm(would_be)),
            neuron.interventions,
        )
        return update(step, weight, bias, counts)

    def _move(self, symbol: str, name: str, parameter: str, i: int) -> Move:
        """How the update moves number i of this neuron's part of a parameter."""
        trace, of_bias = self.trace, symbol == "b"
        penalty = None
        vectors = (trace.network.parameters.theta, trace.theta_after, trace.grad, *trace.state_before.values())
        before, after, seen, *state = (float(self._part(vector, parameter).ravel()[i]) for vector in vectors)
        if of_bias:
            gradient = Row("update.gradient of bias", "g", self.dL_db)
        else:
            gradient = self._gradient_row(i)
            equation, strengths = self._layer.explain_penalty(self.index) if self.penalized else ("", {})
            if equation:
                factors = strengths | {"w": before}
                penalty = Row("update.penalty", "penalty", self.penalty_of(i), factors, template=equation)
        terms = {
            term: each["bias"] if of_bias else float(each["weights"][i]) for term, each in self.update_terms.items()
        }
        remembered = dict(zip(trace.state_before, state, strict=True))
        return Move(symbol, name, before, after, gradient, seen, remembered, terms, penalty)

    def _gradient_row(self, i: int) -> Row:
        """How the gradient of weight i follows, for its update."""
        if self.patch_shape is not None:
            return self._sum_over_places(i)._replace(name="g").row(
                "update.gradient of filter", {"places": self._layer.places}
            )
        numbers = {"delta": self.delta, "x": float(self.inputs[i])}
        if not self.penalized:
            return Row("update.gradient", "g", float(self.dL_dW[i]), numbers)
        numbers["penalty"] = self.penalty_of(i)
        return Row("update.gradient with penalty", "g", float(self.dL_dW[i]), numbers)

    def explain(self, top: int = 5) -> str:
        """The whole walk as text, with the numbers plugged in and the `top` largest terms of each sum."""
        told = enumerate(self.stages(top), start=1)
        return "\n\n".join([str(self), *(f"{place}. {stage.heading}\n{stage.text}" for place, stage in told)])

    def __str__(self) -> str:
        return fill(
            words.NAMES["neuron of layer" if self.row is None else "filter of layer"],
            {
                "layer": str(self.layer),
                "neuron": str(self.index),
                "row": str(self.row),
                "column": str(self.column),
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
