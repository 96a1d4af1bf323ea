"""Random networks of all kinds, on which the page's engine is compared with Python."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from engine_node import made_data

import neurosim as ns
from neurosim.activations import ACTIVATIONS
from neurosim.losses import LOSSES
from neurosim.optimizers import OPTIMIZERS
from neurosim.schedules import SCHEDULES

HIDDEN = list(ACTIVATIONS)


@dataclass
class Case:
    """A slightly trained network, data, a neuron with its place, and a sample."""

    network: ns.Network
    data: Any
    layer: int
    neuron: int
    number: int
    words: str
    place: tuple[int, int] | None = None  # of a filter; None: that which a trace takes


def drawn(rng, choices):
    return choices[int(rng.integers(len(choices)))]


def random_case(seed, dtype="float64", steps=3):
    """Return a case. Some dozens of seeds cover every activation, loss and optimizer."""
    rng = np.random.default_rng(seed)
    kind = drawn(rng, ["pixels", "pixels", "numbers", "features"])
    shape = (4, 5) if kind == "pixels" and rng.random() < 0.7 else None
    n_in, classes = (20 if kind == "pixels" else 6), int(rng.integers(3, 7))  # of two, softmax would make ties
    data = made_data(rng, 40, n_in, classes, kind, shape)
    loss, output = compatible(rng, classes)
    layers = hidden_layers(rng)
    optimizer = random_optimizer(rng)
    extra = {}
    if rng.random() < 0.3:
        extra["regularizer"] = {"name": drawn(rng, ["l1", "l2"]), "strength": 0.01}
    if rng.random() < 0.2:
        extra["max_norm"] = float(rng.uniform(0.3, 2.0))
    network = ns.Network(
        [ns.Input(shape or n_in), *layers, ns.Dense(classes, output)],
        loss=loss,
        optimizer=optimizer,
        seed=seed,
        dtype=dtype,
        **extra,
    )
    for layer in network:
        if layer.bias_name in layer.views:
            layer.b = rng.normal(scale=0.3, size=layer.b.shape)
    intervene(rng, network)
    train(network, data, steps)
    weighted = [layer.index for layer in network if layer.weight_name]
    place = drawn(rng, weighted)
    neuron, number = int(rng.integers(len(network[place]))), int(rng.integers(len(data)))
    words = (
        f"seed {seed}: {[layer.title for layer in network]}, {loss}, {optimizer}, {extra}, {place}/{neuron}/{number}"
    )
    return Case(network, data, place, neuron, number, words)


def image_case(seed, dtype="float64", steps=3):
    """Return a case of images. Some dozens of seeds cover every kernel, stride, padding and pooling."""
    rng = np.random.default_rng(seed)
    side, channels, classes = int(rng.integers(7, 11)), int(rng.integers(1, 4)), int(rng.integers(3, 6))
    shape = (side, side + int(rng.integers(-1, 2)), channels)
    if channels == 1 and rng.random() < 0.5:
        shape = shape[:2]
    data = made_data(rng, 40, int(np.prod(shape)), classes, "pixels", shape)
    extra = {"regularizer": {"name": drawn(rng, ["l1", "l2"]), "strength": 0.01}} if rng.random() < 0.2 else {}
    if rng.random() < 0.2:
        extra["max_norm"] = float(rng.uniform(0.3, 2.0))
    network = ns.Network(
        [ns.Input(shape), *image_layers(rng, shape), *hidden_layers(rng)[:2], ns.Dense(classes, "softmax")],
        optimizer=random_optimizer(rng),
        seed=seed,
        dtype=dtype,
        **extra,
    )
    for layer in network:
        if layer.bias_name in layer.views:
            layer.b = rng.normal(scale=0.3, size=layer.b.shape)
    intervene(rng, network)
    train(network, data, steps)
    weighted = [layer for layer in network if layer.weight_name]
    place = drawn(rng, [layer.index for layer in weighted for _ in range(1 if layer.windows is None else 3)])
    neuron, number = int(rng.integers(len(network[place]))), int(rng.integers(len(data)))
    anywhere = network[place].windows is not None and rng.random() < 0.5
    at = tuple(int(rng.integers(side)) for side in network[place].out_shape[:2]) if anywhere else None
    words = f"seed {seed}: {list(network)}, {network.optimizer.config()}, {extra}, {place}/{neuron}/{at}/{number}"
    return Case(network, data, place, neuron, number, words, at)


def image_layers(rng, shape):
    """Return convolutions, with layers between and above them, as long as pixels are left."""
    layers, side = [], min(shape[:2])
    for _ in range(int(rng.integers(1, 3))):
        kernel, stride, padding = int(rng.integers(1, 6)), int(rng.integers(1, 4)), drawn(rng, ["valid", "same"])
        if padding == "valid" and kernel > side:
            continue
        normalized, activation = rng.random() < 0.3, drawn(rng, ["relu", "relu", *HIDDEN])
        filters, use_bias, own = int(rng.integers(1, 6)), rng.random() < 0.8, "linear" if normalized else activation
        layers.append(ns.Conv2D(filters, kernel, own, stride, padding, use_bias=use_bias))
        side = -(-side // stride) if padding == "same" else (side - kernel) // stride + 1
        if normalized:
            layers.append(ns.BatchNorm(activation))
        if rng.random() < 0.15:
            layers.append(ns.Dropout(0.3))
        if side >= 3 and rng.random() < 0.7:
            size, stride = int(rng.integers(2, 4)), drawn(rng, [None, 1, 2])
            layers.append(drawn(rng, [ns.MaxPool2D, ns.MaxPool2D, ns.AveragePool2D])(size, stride))
            side = (side - size) // (stride or size) + 1
    if not layers:
        layers.append(ns.Conv2D(3, 3, "relu"))
    return [*layers, ns.Flatten()] if rng.random() < 0.5 else layers


def compatible(rng, classes):
    """Return a loss and a matching output activation."""
    while True:
        loss = drawn(rng, list(LOSSES))
        config = {"name": loss}
        if loss == "cross_entropy" and rng.random() < 0.3:
            config["label_smoothing"] = 0.1
        if loss == "huber":
            config["threshold"] = float(rng.uniform(0.2, 1.0))
        output = drawn(rng, list(ACTIVATIONS))
        if LOSSES.create(config).accepts(ACTIVATIONS.create(output)):
            return config, output


def hidden_layers(rng):
    layers = []
    for _ in range(int(rng.integers(1, 3))):
        normalized = rng.random() < 0.25
        activation = drawn(rng, HIDDEN)
        dense = ns.Dense(int(rng.integers(3, 9)), "linear" if normalized else activation, use_bias=rng.random() < 0.8)
        layers.append(dense)
        if normalized:
            layers.append(ns.BatchNorm(activation))
        if rng.random() < 0.25:
            layers.append(ns.Dropout(0.3))
    return layers


def random_optimizer(rng):
    key = drawn(rng, list(OPTIMIZERS))
    config = {"name": key}
    if rng.random() < 0.3:
        config["clip_norm"] = float(rng.uniform(0.05, 1.0))
    if rng.random() < 0.25:
        config["learning_rate"] = {"name": drawn(rng, list(SCHEDULES))}
    if key in ("adamw", "lion") and rng.random() < 0.7:
        config["weight_decay"] = 0.05
    return config


def intervene(rng, network):
    if rng.random() < 0.6:
        return
    for layer in [layer for layer in network if layer.weight_name and not layer.is_output]:
        for neuron in layer:
            what = rng.random()
            if what < 0.1:
                neuron.freeze()
            elif what < 0.2:
                neuron.rate_factor = 0.5
            elif what < 0.3:
                neuron.clamp(drawn(rng, [0.0, 0.25]))
            elif what < 0.4:
                neuron.activation = drawn(rng, ["tanh", "leaky_relu:negative_slope=0.2"])
            elif what < 0.5:
                neuron.l2 = 0.02


def train(network, data, steps):
    """Train a few steps, so that the optimizer has a state and a schedule has a run."""
    network.learn(data)
    schedule = network.optimizer.learning_rate
    if hasattr(schedule, "begin"):
        schedule.begin(0, 10)
    for k in range(steps):
        network.train_batch(data.x[8 * k : 8 * k + 8], data.labels[8 * k : 8 * k + 8])


def in_float64(network):
    """Return the same numbers in a network of the other type."""
    twin = ns.Network.from_config(network.config() | {"dtype": "float64"})
    state = {name: vector.astype(np.float64) for name, vector in network.optimizer.state.items()}
    twin.optimizer.restore(network.optimizer.scalars(), state)
    for name, array in network.arrays().items():
        twin.arrays()[name][...] = array
    return twin
