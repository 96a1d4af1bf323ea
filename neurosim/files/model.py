"""A network as a file: everything in one npz archive, nothing pickled."""

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
    """Write a network to one npz file, whole or not at all.

    The file holds the arrays ``W1, b1, …``, running statistics, the optimizer's vectors, and under "config" a JSON
    text. ``numpy.load`` reads it; nothing in it is pickled.

    Returns:
        The path written.

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
    """The network that `save_network` wrote: weights, optimizer state and random streams, ready to train on.

    Raises:
        DataError: no such file, or not a network of a version that this program knows.
    """
    config, arrays = read_configured(path, FORMAT, VERSION)
    try:
        hold("config", CONFIG, config)
        settings, scalars, streams = config["network"], config["scalars"], config["streams"]
        # before anything is made: its size is what the file declares
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
            raise NeurosimError(f"expected settings that a network can have, received another at {brief(place)}")
    except DataError:
        raise
    except (NeurosimError, MemoryError, *MALFORMED) as error:  # a JSON text may hold anything
        reason = error if isinstance(error, NeurosimError) else f"{type(error).__name__}: {error}"
        raise DataError(f"{path}: its config makes no network ({brief(reason)})") from None
    return network


CONFIG = record(dict.fromkeys(("format", "version", "network", "scalars", "streams"), anything))


def array_rules(network: Network, finite: bool = False) -> dict[str, Rule]:
    """What each of `Network.arrays` may be, read from a file; `finite`: without NaN and infinity."""
    layers = {f"{name}{layer.index}" for layer in network for name in layer.never_negative}
    low = layers | {f"optimizer.{name}" for name in network.optimizer.never_negative}
    return {
        name: array("f", each.shape, 0.0 if name in low else -math.inf, network.dtype, finite)
        for name, each in network.arrays().items()
    }


def snapshot_rule(network: Network, finite: bool = False) -> Rule:
    """What a snapshot of this network, read from a file, may be."""
    return record(
        {
            "arrays": record(array_rules(network, finite)),
            "scalars": record(network.optimizer.scalar_rules()),
            "streams": record(dict.fromkeys(network.streams, STATE)),
        }
    )


def _array_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name -> shape of all that `Network.arrays` would give for a config, without making any of them."""
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
