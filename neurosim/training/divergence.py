"""The reasons why training diverged: the place of the first number that is not finite, and possible remedies.

Training checks only the loss of each step, and the parameters at the end of each epoch.  If one of them is not finite,
the buffers are searched in the order of their computation.  The gradients and the update of the step before come first,
then the forward pass of this step.
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

LINES, COLUMNS = 3, 80  # the size of a report
LARGE_INPUT = 100.0  # scaled pixels and standardized features are far below, so larger input is probably not scaled


def is_finite(values: Array) -> bool:
    """Return whether no number is NaN or infinite, without a copy."""
    return values.size == 0 or bool(np.isfinite(values.min()) and np.isfinite(values.max()))


def all_finite(network: Network) -> bool:
    """Return whether everything that `Network.save` would write is finite."""
    return all(map(is_finite, network.arrays().values()))


def find_divergence(network: Network, epoch: int, step: int, what: str, value: float) -> dict[str, Any]:
    """Search a network right after its training diverged.

    Args:
        network: the network, with the buffers of the last step.
        epoch: the epoch of the divergence, from 1.
        step: the step of the divergence, from 1 at the beginning of the run.
        what: the name of the figure that is not finite. "loss" is that of this step, "network" means the arrays at the
            end of the epoch, and other names belong to the evaluation after it, e.g. "val_loss".
        value: its value, NaN or infinite.

    Returns:
        A JSON-ready record with these keys:

        - epoch, step, found (`what`) and value ("nan", "inf", …);
        - phase: "start" (before the run), "backward" or "update" (of step_of_origin), "forward", "loss", "evaluation";
        - layer (its index, or None), title (its kind, in words) and quantity ("z", "dW", "W", …);
        - step_of_origin; for "network" it is the latest possible step, because tanh turns infinity into 1 and the loss
          can stay finite;
        - largest_weight, largest_gradient and largest_input: the largest finite absolute values, or None;
        - learning_rate: of the last update; None before the first;
        - suggestions: remedies to try, the most likely first.
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
    """Return phase, layer and quantity of the first number that is not finite, in the order of computation."""
    layers = network.layers
    if stepped:
        for layer in reversed(layers[1:]):
            # the loss has since used the output's delta as working space
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
    """Yield name and values of everything that an update changes in a layer: parameters, then optimizer vectors."""
    for name in layer.parameter_shapes():
        yield name, layer.views[name]
    for name, vector in network.optimizer.state.items():
        for parameter in layer.parameter_shapes():
            yield f"{network.optimizer.key}'s {name} of {parameter}", layer.flat_view(vector, parameter)


def _largest(values: Array) -> float | None:
    """Return the largest finite absolute value; None if no value is finite."""
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if finite.size else None


def _suggestions(network: Network, record: dict[str, Any]) -> list[str]:
    """Return up to three remedies, the most likely first."""
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
    """Return a tenth of the last rate, or the optimizer's default if that is smaller."""
    rates = [network.optimizer.last_rate / 10]
    usual = inspect.signature(type(network.optimizer)).parameters.get("learning_rate")
    if usual is not None and isinstance(usual.default, float):
        rates.append(usual.default)
    return min(rates)


def explain_divergence(record: dict[str, Any]) -> str:
    """Describe a record of `find_divergence` in three lines of 80 columns, with as many suggestions as fit."""
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
            "evaluation": "The weights are finite, but too large for the evaluation",
        }[record["phase"]]
        if record["found"] != "network"
        else f"It is in {quantity}{layer}"
    )
    sizes = [
        f"{name} is {record[key]:.2g}"
        for name, key in (("|weight|", "largest_weight"), ("|gradient|", "largest_gradient"))
        if record[key] is not None
    ]
    report = (
        f"{what} in epoch {record['epoch']}, at step {record['step']}. {place}"
        f"{'. The largest ' if sizes else ''}{', the largest '.join(sizes)}."
    )
    lines = textwrap.wrap(report, COLUMNS)
    for count in range(len(record["suggestions"]), 0, -1):
        *others, last = record["suggestions"][:count]
        with_them = textwrap.wrap(f"{report} Try {', '.join(others)}{' or ' if others else ''}{last}.", COLUMNS)
        if len(with_them) <= LINES:
            return "\n".join(with_them)
    return "\n".join(lines)
