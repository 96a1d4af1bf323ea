"""A network as a file: everything in one npz archive, without pickles."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, NeurosimError
from ..layers import LAYERS, Layer
from ..network import Network
from ..optimizers import OPTIMIZERS
from ..schema import Rule, anything, array, brief, hold, number, record, text, unlike
from ..streams import STATE
from .atomic import atomic_file
from .npz import MALFORMED, check_arrays, first_mismatch, read_configured, write_configured

FORMAT, VERSION = "neurosim network", 1


def save_network(network: Network, path: str | os.PathLike[str]) -> Path:
    """Write a network to one npz file, completely or not at all.

    The file contains the arrays ``W1, b1, …``, running statistics, the optimizer's vectors, and a JSON text called
    "config". ``numpy.load`` reads it; it contains no pickles.

    Returns:
        The path of the file.

    Raises:
        NeurosimError: the file cannot be written.
    """
    path = Path(path)
    snapshot = network.snapshot()
    config = {
        "format": FORMAT,
        "version": VERSION,
        "network": network.config(),
        "scalars": snapshot["scalars"],
        "streams": snapshot["streams"],
    }
    with atomic_file(path) as file:
        write_configured(file, config, snapshot["arrays"])
    return path


def load_network(path: str | os.PathLike[str]) -> Network:
    """Load a network that `save_network` wrote: weights, optimizer state and random streams, ready for more training.

    Raises:
        DataError: the file does not exist, or is not a network of a version that this program knows.
    """
    try:
        config, arrays = read_configured(path, FORMAT, VERSION)
    except DataError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise DataError(f"{error}; expected a file written by `net.save` or `train`") from error.__cause__
        raise
    try:
        hold("config", CONFIG, config)
        settings, scalars, streams = config["network"], config["scalars"], config["streams"]
        # check this before anything is made, because the file declares the sizes
        check_arrays(path, arrays, _array_shapes(settings), np.dtype(settings["dtype"]))
        network = Network.from_config(settings)
        hold("class_names", unlike(text, max(2, network.output.n_out)), list(network.class_names))
        hold("threshold", number(), network.threshold)
        state = {"arrays": arrays, "scalars": scalars, "streams": streams}
        hold("config", snapshot_rule(network, finite=True), state)
        network.restore(state)
        made = {
            "network": network.config(),
            "scalars": network.optimizer.scalars(),
            "streams": {purpose: rng.bit_generator.state for purpose, rng in network.streams.items()},
        }
        if place := first_mismatch({name: config[name] for name in made}, made):
            raise NeurosimError(f"expected settings that a network can have, received another value at {brief(place)}")
    except DataError:
        raise
    except (NeurosimError, MemoryError, *MALFORMED) as error:  # a JSON text may contain anything
        reason = error if isinstance(error, NeurosimError) else f"{type(error).__name__}: {error}"
        raise DataError(f"{path}: expected the config of a network, received another ({brief(reason)})") from None
    return network


CONFIG = record(dict.fromkeys(("format", "version", "network", "scalars", "streams"), anything))


def array_rules(network: Network, finite: bool = False) -> dict[str, Rule]:
    """Return the rules for the arrays of `Network.arrays` in a file; with `finite`, NaN and infinity are refused."""
    layers = {f"{name}{layer.index}" for layer in network for name in layer.never_negative}
    low = layers | {f"optimizer.{name}" for name in network.optimizer.never_negative}
    return {
        name: array("f", each.shape, 0.0 if name in low else -math.inf, network.dtype, finite)
        for name, each in network.arrays().items()
    }


def snapshot_rule(network: Network, finite: bool = False) -> Rule:
    """Return the rule for a snapshot of this network in a file."""
    return record(
        {
            "arrays": record(array_rules(network, finite)),
            "scalars": record(network.optimizer.scalar_rules()),
            "streams": record(dict.fromkeys(network.streams, STATE)),
        }
    )


def _array_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return name -> shape of all arrays that `Network.arrays` would have for a config, without making them."""
    shapes: dict[str, tuple[int, ...]] = {}
    states: dict[str, tuple[int, ...]] = {}
    below: Layer | None = None
    for index, each in enumerate(config["layers"]):
        layer = LAYERS.create(each)
        layer.take_shape(below)
        below = layer
        shapes |= {f"{name}{index}": shape for name, shape in layer.parameter_shapes().items()}
        states |= {f"{name}{index}": shape for name, shape in layer.state_shapes().items()}
    size = sum(math.prod(shape) for shape in shapes.values())
    optimizer = OPTIMIZERS.create(config["optimizer"])
    return shapes | states | {f"optimizer.{name}": (size,) for name in optimizer.state_names}
