"""Why training diverged: where the first number that is not finite appeared, and what may help.

Nothing is watched during training but the loss.  Only when that is no finite number (or when, at the end of an epoch,
the parameters are not) the buffers are searched, in the order in which they were computed: the gradients and the
update of the step before, then the forward pass of this one.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..layers import BatchNorm, Layer
from ..network import Network
from ..parameters import Array

LINES, COLUMNS = 3, 80  # of a report
LARGE_INPUT = 100.0  # pixels in [0, 1] and standard scores are far below: input beyond this is hardly scaled


def is_finite(values: Array) -> bool:
    """Whether no number is NaN or infinite; makes no copy."""
    return values.size == 0 or bool(np.isfinite(values.min()) and np.isfinite(values.max()))


def all_finite(network: Network) -> bool:
    """Whether everything that `Network.save` would write is finite."""
    return all(map(is_finite, network.arrays().values()))


def find_divergence(network: Network, epoch: int, step: int, what: str, value: float) -> dict[str, Any]:
    """Search a network, as it stands right after training diverged.

    Args:
        network: its buffers are those of the last step.
        epoch: in which it happened, from 1.
        step: at which, from 1 at the beginning of the run.
        what: what gave it away: "loss", of this step; "network", what it holds at the end of the epoch; or a figure of
            the evaluation after it, e.g. "val_loss".
        value: of that, NaN or infinite.

    Returns:
        A JSON-ready record: epoch, step, found (`what`), value ("nan", "inf", …), phase ("start": before the run;
        "backward" or "update": of step_of_origin; "forward", "loss", "evaluation"), layer (its index, or None), title
        (its kind, in words), quantity ("z", "dW", "W", …), step_of_origin (found in the "network": that at the
        latest, for tanh makes 1 of infinity, and the loss stays finite), largest_weight and largest_gradient
        (absolute values of the finite ones; None where there are none), largest_input, learning_rate (of the last
        update; None before the first), suggestions (what to try, the likeliest first).
    """
    before = step - 1 if what == "loss" else step  # steps whose update has been made
    phase, layer, quantity = _origin(network, before > 0, what)
    record = {
        "epoch": epoch,
        "step": step,
        "found": what,
        "value": str(value),
        "phase": phase,
        "layer": None if layer is None else layer.index,
        "title": "" if layer is None else layer.title,
        "quantity": quantity,
        "step_of_origin": before if phase in ("backward", "update") else step,
        "largest_weight": _largest(network.parameters.theta),
        "largest_gradient": _largest(network.parameters.grad) if before else None,
        "largest_input": _largest(network.input.a),
        "learning_rate": network.optimizer.last_rate if before else None,
    }
    return record | {"suggestions": _suggestions(network, record)}


def _origin(network: Network, stepped: bool, what: str) -> tuple[str, Layer | None, str]:
    """Phase, layer and quantity of the first number that is not finite, in the order of computation."""
    layers = network.layers
    if stepped:
        for layer in reversed(layers[1:]):
            # the loss has used the output's delta as working space since
            names = ["delta"] if what == "network" or layer is not network.output else []
            for name in [*names, *(f"d{name}" for name in layer.parameter_shapes())]:
                if not is_finite(getattr(layer, name)):
                    return "backward", layer, name
    phase = "update" if stepped else "start"
    for layer in layers[1:]:
        for name, values in _updated(network, layer):
            if not is_finite(values):
                return phase, layer, name
    if what not in ("loss", "network"):
        return "evaluation", None, what
    for layer in layers:
        for name in ("z", "a", *layer.state_names):
            if not is_finite(getattr(layer, name)):
                return "forward", layer, name
    return "loss", None, "loss"


def _updated(network: Network, layer: Layer) -> Iterator[tuple[str, Array]]:
    """Name and values of what an update changes in a layer: parameters, then their optimizer vectors."""
    for name in layer.parameter_shapes():
        yield name, layer.views[name]
    for name, vector in network.optimizer.state.items():
        for parameter in layer.parameter_shapes():
            yield f"{network.optimizer.key}'s {name} of {parameter}", layer.flat_view(vector, parameter)


def _largest(values: Array) -> float | None:
    """The largest absolute value among the finite ones."""
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if finite.size else None


def _suggestions(network: Network, record: dict[str, Any]) -> list[str]:
    """What may help, the likeliest first; three at most."""
    if record["phase"] == "start":
        return ["network.reset()"]
    found: list[str] = []
    if record["layer"] == 0:
        return ["other input: check its values and the scale of Input"]
    if (record["largest_input"] or 0.0) > LARGE_INPUT:
        found.append(f"input near 1 (it reaches {record['largest_input']:.2g})")
    if record["learning_rate"]:
        found.append(f"a smaller learning rate ({_smaller_rate(network):.1g})")
        if network.optimizer.clip_norm is None:
            found.append("clip_norm=1")
    elif record["largest_weight"]:
        found.append("smaller initial weights")
    if len(network.layers) > 2 and not any(isinstance(layer, BatchNorm) for layer in network):
        found.append("BatchNorm")
    return found[:3]


def _smaller_rate(network: Network) -> float:
    """A tenth of the last rate, or the optimizer's own default where that is smaller still."""
    rates = [network.optimizer.last_rate / 10]
    usual = inspect.signature(type(network.optimizer)).parameters.get("learning_rate")
    if usual is not None and isinstance(usual.default, float):
        rates.append(usual.default)
    return min(rates)


def explain_divergence(record: dict[str, Any]) -> str:
    """A record of `find_divergence` in words: three lines of 80 columns, with as many suggestions as they hold."""
    layer = f" of layer {record['layer']} ({record['title']})"
    quantity, step = record["quantity"], record["step_of_origin"]
    what = (
        "NaN or infinity was found"
        if record["found"] == "network"
        else f"The {record['found'].replace('_', ' ')} became {record['value']}"
    )
    place = (
        {
            "start": f"{quantity}{layer} was not finite when training began",
            "backward": f"It began in the backward pass of step {step}, with {quantity}{layer}",
            "update": f"It began in the update of step {step}, with {quantity}{layer}",
            "forward": f"It began in the forward pass, with {quantity}{layer}",
            "loss": "It began in the loss itself: the outputs are finite",
            "evaluation": "The weights are finite, but too large for it",
        }[record["phase"]]
        if record["found"] != "network"
        else f"It is in {quantity}{layer}"
    )
    sizes = [
        f"{name} {record[key]:.2g}"
        for name, key in (("|weight|", "largest_weight"), ("|gradient|", "largest_gradient"))
        if record[key] is not None
    ]
    report = (
        f"{what} in epoch {record['epoch']}, at step {record['step']}. {place}"
        f"{'; largest ' if sizes else ''}{', '.join(sizes)}."
    )
    lines = textwrap.wrap(report, COLUMNS)
    for count in range(len(record["suggestions"]), 0, -1):
        *others, last = record["suggestions"][:count]
        with_them = textwrap.wrap(f"{report} Try {', '.join(others)}{' or ' if others else ''}{last}.", COLUMNS)
        if len(with_them) <= LINES:
            return "\n".join(with_them)
    return "\n".join(lines)
