"""One neuron in a trace: its numbers, and the stages of its walk."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import html
from ..errors import NeurosimError
from ..text import number
from . import filters, stages, words
from .check import Check, check_neuron
from .downstream import downstream
from .formula import fill
from .places import rows_and_columns
from .rows import Row
from .stages import Stage
from .terms import NeuronTerms
from .update import Move, Step, causes, update

if TYPE_CHECKING:
    import pandas as pd

NO_LABEL = "the sample has no label: gradients, their check and an update need net.trace(x, y)"
BACKWARD = ("da_dz", "downstream", "dL_da", "delta", "dL_dW", "dL_db", "loss", "update", "loss_after")


class NeuronTrace(NeuronTerms):
    """One neuron and one sample: every term, forward, backward and through the update. A filter: at one place.

    Its attributes are those of `NeuronTerms`.
    """

    def at(self, row: int, column: int) -> NeuronTrace:
        """Return the same filter at another place; row and column count from 0, negative numbers from the end.

        Raises:
            NeurosimError: this neuron is not a filter.
            OutOfRangeError: there is no such place.
        """
        where = self._layer[self.index].at(row, column)
        return NeuronTrace(self.trace, self._layer, self.index, (where.row, where.column))

    def to_frame(self) -> pd.DataFrame:
        """Return the terms as a table, one row per input, the largest |w x| first.

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
        """Compare this neuron's gradient with central differences of the loss, computed in float64.

        Raises:
            NeurosimError: the sample has no label, so there is no gradient.
        """
        if self.trace.forward_only:
            raise NeurosimError(NO_LABEL)
        x, dL_db = self.trace.flows[0]["a"], self.dL_db if self.has_bias else None
        return check_neuron(self._layer[self.index], self.trace.network, x, self.trace.targets, self.dL_dW, dL_db)

    def to_dict(self, check: bool = True, top: int = 5) -> dict[str, Any]:
        """Return everything as plain numbers, texts and lists, ready for JSON; see `python main.py step --json`.

        Args:
            check: whether to also compare the gradient with central differences.
            top: number of terms of each sum in the stages.

        Raises:
            NeurosimError: a number is NaN or infinite, which JSON cannot hold.
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
            "downstream": self._downstream_as_dicts(),
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
                "json: expected a network of finite numbers, received NaN or infinity; "
                "train it with a smaller learning rate"
            ) from None
        return document

    def _downstream_as_dicts(self) -> list[dict[str, Any]]:
        """Return the terms of the downstream sum, ready for JSON; for a filter with their names."""
        fed = zip(
            self.downstream_neurons,
            self.downstream_weights,
            self.downstream_deltas,
            self.downstream_products,
            strict=True,
        )
        return [
            {"neuron": int(k), "weight": float(w), "delta": float(delta), "product": float(product)}
            | ({} if self.row is None else {"name": self.downstream_name(i)})
            for i, (k, w, delta, product) in enumerate(fed)
        ]

    def _place_as_dict(self) -> dict[str, Any]:
        """Return the place of a filter, ready for JSON; empty for other neurons."""
        if self.patch_shape is None:
            return {}
        field, seen = ([[part.start, part.stop - 1] for part in field] for field in (self.field, self.receptive_field))
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

    # -- the stages of the walk --------------------------------------------------------------------------------------

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")  # a diverged network has NaN and infinity
    def stages(self, top: int = 5) -> list[Stage]:
        """Return the stages of the walk (forward, backward, update), with the `top` largest terms of each sum.

        Without a label, return only the forward stages.
        """
        trace, layer, network = self.trace, self._layer, self.trace.network
        key = self.activation.key
        above = [
            (each.index, "" if each.weight_name else each.title, trace.flows[each.index]["a"])
            for each in network.layers[self.layer + 1 :]
        ]
        forward = self._first_stages(top)
        if trace.forward_only:
            return [*forward, stages.reading(above, trace.probabilities, trace.classes, trace.verdict)]
        rule, factors = trace.output_rule
        a, classes, aim = trace.probabilities, trace.classes, trace.aim
        return [
            *forward,
            stages.output(above, a, classes, trace.targets, aim, trace.verdict, network.loss, trace.loss, top),
            stages.output_delta(
                network.loss,
                network.output.activation.key,
                rule,
                factors,
                classes,
                aim,
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

    def _first_stages(self, top: int) -> list[Stage]:
        """Return the stages from the inputs to a."""
        bias = self.bias if self.has_bias else None
        together = None if self.activation.elementwise else self._layer_z
        return [
            self._inputs_stage(top),
            stages.weighted_sum(self.input_name, self.weights, self.inputs, self.products, bias, self.z, top),
            stages.activation(self.activation.key, self.z, self.a, self.forced, together),
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
        if not self.is_output:
            return downstream(trace, self._fed, self.dL_da, top)
        shared = "" if self.activation.elementwise or self.forced is not None else self.activation.key
        a, aim = trace.probabilities, trace.aim
        return stages.downstream_of_output(trace.network.loss, a, aim, self.unit, self.dL_da, shared)

    def _gradients_stage(self, top: int) -> Stage:
        dL_db = self.dL_db if self.has_bias else None
        if self.patch_shape is None:
            penalty = self.penalty_of if self.penalized else None
            return stages.gradients(self.input_name, self.delta, self.inputs, self.dL_dW, penalty, dL_db, top)
        largest = self._sum_over_places(int(np.abs(self.dL_dW).argmax()))
        columns = self._layer.out_shape[1]
        return filters.gradients(self.input_name, self.delta, self.inputs, largest, columns, self.dL_dW, dL_db, top)

    def _sum_over_places(self, i: int) -> filters.Sum:
        """Return dL/dw of weight i of a filter, as a sum over places."""
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
        """Return how the update moves number i of this neuron's part of a parameter."""
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
        """Return the row that derives the gradient of weight i, for its update."""
        if self._layer.places > 1:
            of_weight = self._sum_over_places(i)._replace(name="g")
            return of_weight.row("update.gradient of filter", {"places": self._layer.places})
        numbers = {"delta": self.delta, "x": float(self.inputs[i])}
        if not self.penalized:
            return Row("update.gradient", "g", float(self.dL_dW[i]), numbers)
        numbers["penalty"] = self.penalty_of(i)
        return Row("update.gradient with penalty", "g", float(self.dL_dW[i]), numbers)

    def explain(self, top: int = 5) -> str:
        """Return the whole walk as text, with the numbers filled in and the `top` largest terms of each sum."""
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
        return f"NeuronTrace({self}, z {number(self.z, 4)}, a {number(self.a, 4)}, delta {number(self.delta, 4)})"

    def _repr_html_(self) -> str:
        return html.block(html.title(str(self)), stages.as_html(self.stages()))
