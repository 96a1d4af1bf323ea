"""The meaning of settings without a value, checked on the network that they make."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from neurosim.layers import AveragePool2D, BatchNorm, Conv2D, Dense, Dropout, Flatten, Input, MaxPool2D
from neurosim.network import Network
from neurosim.training.settings import Settings


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"schedule": "one_cycle"},
        {"schedule": "one_cycle:up=0.5", "optimizer": "sgd"},
        {"optimizer": "rmsprop", "schedule": "cosine"},
        {"learning_rate": 0.3, "schedule": "one_cycle"},
        {"activation": "tanh", "loss": "mse"},
        {"activation": "selu", "loss": "hinge", "initializer": "orthogonal"},
        {"hidden": (), "loss": "binary_cross_entropy"},
        {"optimizer": "adam:learning_rate=0.02"},
    ],
)
def test_what_is_left_open_is_named_as_it_is_used(given):
    settings = Settings(**given)
    used, network = settings.used(), settings.network(4, 3)
    rate = network.optimizer.learning_rate
    assert used["learning_rate"] == (rate if isinstance(rate, float) else rate.rate)
    assert used["schedule"].partition(":")[0] == (rate.key if not isinstance(rate, float) else "constant")
    assert used["output"] == network.output.activation.key
    first = next(layer for layer in network if layer.weight_name)
    own = first.initializer.key if first.initializer else first.activation.initializer
    assert used["initializer"].partition(":")[0] == own
    assert None not in (used["learning_rate"], used["schedule"], used["output"], used["initializer"])
    assert all(used[name] == value for name, value in given.items())


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "0.001 (adam's default), schedule constant"),
        ({"schedule": "constant"}, "0.001 (adam's default), schedule constant"),
        ({"schedule": "one_cycle"}, "up to 0.002 (twice adam's default), schedule one_cycle"),
        ({"optimizer": "momentum:momentum=0.95"}, "0.01 (momentum's default), schedule constant"),
        ({"learning_rate": 0.5}, "0.5, schedule constant"),
        ({"optimizer": "adam:learning_rate=0.02"}, "0.02, schedule constant"),
    ],
)
def test_the_rate_in_words(given, text):
    assert Settings(**given).rate_text() == text


def kinds(network):
    return [type(layer) for layer in network]


@pytest.mark.parametrize(
    ("conv", "layers", "shape"),
    [
        ("8x5", [Conv2D(8, 5, "relu")], (24, 24, 8)),
        ("8x5,pool2", [Conv2D(8, 5, "relu"), MaxPool2D(2)], (12, 12, 8)),
        ("4x3same,avgpool2", [Conv2D(4, 3, "relu", padding="same"), AveragePool2D(2)], (14, 14, 4)),
        ("4x3s2, pool3s2", [Conv2D(4, 3, "relu", stride=2), MaxPool2D(3, stride=2)], (6, 6, 4)),
        ("4x3s2same", [Conv2D(4, 3, "relu", stride=2, padding="same")], (14, 14, 4)),
        ("POOL4", [MaxPool2D(4)], (7, 7, 1)),
    ],
)
def test_layers_of_images_are_read_as_they_are_written(conv, layers, shape):
    network = Settings(conv=conv, hidden=(9,)).network((28, 28), 10)
    assert kinds(network) == [Input, *map(type, layers), Flatten, Dense, Dense]
    for made, expected in zip(network.layers[1:], layers, strict=False):
        assert repr(made).partition(" <-")[0] == repr(expected)
    assert network[len(layers)].out_shape == shape
    assert Settings(conv="none").network((28, 28), 10)[1].n_in == 784


def test_where_batch_normalization_and_dropout_stand_among_layers_of_images():
    made = Settings(conv="4x5,pool2", hidden=(9,), batch_norm=True, dropout=0.25, input_dropout=0.1)
    network = made.network((28, 28, 3), 10)
    before, behind = (
        [Input, Dropout, Conv2D, BatchNorm, MaxPool2D, Flatten, Dropout],
        [Dense, BatchNorm, Dropout, Dense],
    )
    assert kinds(network) == before + behind
    kernel = network[2]
    assert "b" not in kernel.views and kernel.activation.key == "linear" and network[3].activation.key == "relu"
    assert kernel.initializer.key == "he_uniform" and kernel.W.shape == (5, 5, 3, 4)
    alone = Settings(conv="4x5", hidden=(), dropout=0.25).network((28, 28), 10)
    assert kinds(alone) == [Input, Conv2D, Flatten, Dropout, Dense]


def test_layers_of_images_are_written_and_read_again():
    settings = Settings(conv="8x5,pool2", hidden=())
    assert Settings(**json.loads(json.dumps(asdict(settings)))) == settings
    assert settings.used()["initializer"] == settings.network((28, 28), 10)[1].activation.initializer


def test_without_layers_of_images_the_initial_weights_are_those_of_the_dense_layers_alone():
    theta = Settings(hidden=(3,)).network((2, 2), 2, seed=5).parameters.theta
    plain = Network([Input((2, 2)), Dense(3, "relu"), Dense(2, "softmax")], seed=5)
    assert np.array_equal(theta, plain.parameters.theta)
