"""What a setting that is left open stands for: held to the network that comes of it."""

import pytest

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
        ({}, "0.001 (adam's own), schedule constant"),
        ({"schedule": "one_cycle"}, "0.002 at most (twice adam's own), schedule one_cycle"),
        ({"optimizer": "momentum:momentum=0.95"}, "0.01 (momentum's own), schedule constant"),
        ({"learning_rate": 0.5}, "0.5, schedule constant"),
        ({"optimizer": "adam:learning_rate=0.02"}, "0.02, schedule constant"),
    ],
)
def test_the_rate_in_words(given, text):
    assert Settings(**given).rate_text() == text
