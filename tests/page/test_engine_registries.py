"""The page knows every key and setting of Python's registries. A new one fails here until the page has it."""

import numpy as np
import pytest
from engine_node import engine_in, made_data, needs_node

import neurosim as ns
from neurosim.activations import ACTIVATIONS
from neurosim.initializers import INITIALIZERS
from neurosim.layers.base import LAYERS
from neurosim.losses import LOSSES
from neurosim.optimizers import OPTIMIZERS
from neurosim.regularizers import REGULARIZERS
from neurosim.schedules import SCHEDULES

pytestmark = needs_node

REGISTRIES = {
    "ACTIVATIONS": ACTIVATIONS,
    "INITIALIZERS": INITIALIZERS,
    "LAYERS": LAYERS,
    "LOSSES": LOSSES,
    "OPTIMIZERS": OPTIMIZERS,
    "REGULARIZERS": REGULARIZERS,
    "SCHEDULES": SCHEDULES,
}
OTHER = {"every": 3, "steps": 9, "after": {"name": "cosine"}, "monitor": "loss", "patience": 1, "div": 7.0}
OTHER |= {"final_div": 30.0, "clip_norm": 0.4, "label_smoothing": 0.2, "mean": 0.3, "final": 1e-4, "minimum": 1e-4}
OTHER |= {"weight_decay": 0.3}


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    return engine_in(tmp_path_factory.mktemp("engine"))


def varied(registry):
    """Return for each setting of each class a config with a value that is not the default."""
    found = []
    for key in registry:
        config = registry.create(key).config()
        for setting in registry[key].setting_names():
            other = OTHER[setting] if setting in OTHER else 0.7 * number(config[setting])
            assert other != config[setting], (key, setting)
            found.append({"name": key, setting: other})
    return found


def number(value):
    assert isinstance(value, float) and value, f"give OTHER a value instead of {value!r}"
    return value


def test_the_page_knows_every_key_of_every_registry(engine):
    (found,) = engine.ask({"do": "registries"})
    assert {name: sorted(keys) for name, keys in found.items()} == {
        name: sorted(registry) for name, registry in REGISTRIES.items()
    }


@pytest.mark.parametrize(
    ("kind", "registry"),
    [
        ("activation", ACTIVATIONS),
        ("loss", LOSSES),
        ("optimizer", OPTIMIZERS),
        ("regularizer", REGULARIZERS),
        ("schedule", SCHEDULES),
    ],
)
def test_no_setting_is_lost(engine, kind, registry):
    configs = [{"name": key} for key in registry] + varied(registry)
    found = engine.ask(*({"do": "configured", "kind": kind, "config": each} for each in configs))
    for config, got in zip(configs, found, strict=True):
        expected = registry.create(config).config()
        assert {name: got.get(name) for name in expected} == expected | (  # of a nested rule Python gives all settings
            {"after": config["after"]} if config.get("after") else {}
        ), config


def test_every_setting_of_an_optimizer_does_what_it_does_in_python(engine):
    rng = np.random.default_rng(1)
    theta, grads = rng.normal(size=7), rng.normal(size=(6, 7))
    configs = varied(OPTIMIZERS)
    ask = {"do": "optimizer", "theta": theta.tolist(), "grads": grads.tolist()}
    for config, found in zip(configs, engine.ask(*(ask | {"config": each} for each in configs)), strict=True):
        ends = []
        for each in (config, config["name"]):
            optimizer, mine = OPTIMIZERS.create(each), theta.copy()
            for grad in grads:
                optimizer.step(mine, grad.copy())
            ends.append(mine)
        np.testing.assert_allclose(found, ends[0], rtol=1e-12, atol=1e-14, err_msg=str(config))
        assert (ends[0] != ends[1]).any(), config  # the setting matters here


def test_every_setting_of_an_activation_does_what_it_does_in_python(engine):
    z, configs = np.linspace(-3, 3, 25), varied(ACTIVATIONS)
    ask = {"do": "activations", "z": z.tolist(), "dtype": "float64"}
    for config, (a, _) in zip(configs, engine.ask(*(ask | {"config": each} for each in configs)), strict=True):
        f = ACTIVATIONS.create(config)
        np.testing.assert_allclose(a, f(z), rtol=1e-12, atol=1e-12)
        assert (f(z) != ACTIVATIONS.create(config["name"])(z)).any(), config


def test_every_setting_of_a_schedule_does_what_it_does_in_python(engine):
    steps, configs = list(range(40)), varied(SCHEDULES)
    rows = [
        {"loss": loss, "val_loss": 2 - loss} for loss in (1.0, 1.00001, 0.80, 0.9, 0.95, 0.99, 0.81, 0.85, 0.9, 1.0)
    ]
    ask = {"do": "observed", "begin": [5, 20], "steps": steps, "rows": rows}
    for config, found in zip(configs, engine.ask(*(ask | {"config": each} for each in configs)), strict=True):
        rates = []
        for each in (config, config["name"]):
            schedule = SCHEDULES.create(each)
            schedule.begin(5, 20)
            rates.append([])
            for row in rows:
                schedule.observe(row)
                rates[-1] += [schedule(step) for step in steps]
        np.testing.assert_allclose(found, rates[0], rtol=1e-13, err_msg=str(config))
        assert rates[0] != rates[1] or config.get("threshold"), config


def test_every_setting_of_a_loss_or_a_penalty_does_what_it_does_in_python(engine):
    data = made_data(np.random.default_rng(2), 30, 6, 4, "numbers")
    rows, made = list(range(9)), []
    for config in varied(LOSSES):
        output = "softmax" if config["name"] == "cross_entropy" else "linear"
        made.append(ns.Network([ns.Input(6), ns.Dense(4, output)], loss=config, dtype="float64", seed=1))
    for config in varied(REGULARIZERS):
        made.append(ns.Network([ns.Input(6), ns.Dense(4, "softmax")], regularizer=config, dtype="float64", seed=1))
    pages = [engine.page(network, data) for network in made]
    order = np.sort(data.places(len(data), 0))[rows]
    for network, found in zip(
        made, engine.ask(*({"do": "gradients", "page": page, "rows": rows} for page in pages)), strict=True
    ):
        loss = network.gradients(data.x[order], data.labels[order], training=True)
        assert found["loss"] == pytest.approx(loss, rel=1e-12)
        np.testing.assert_allclose(found["grad"], network.parameters.grad, atol=1e-12)


def test_every_setting_of_an_initializer_does_what_it_does_in_python(engine):
    shape, configs = (200, 60), varied(INITIALIZERS)
    ask = {"do": "initializer", "shape": shape, "seed": 4}
    for config, W in zip(configs, engine.ask(*(ask | {"config": each} for each in configs)), strict=True):
        theirs = INITIALIZERS.create(config)(shape, np.random.default_rng(0))
        assert np.std(W) == pytest.approx(theirs.std(), rel=0.03, abs=1e-12), config
        assert np.mean(W) == pytest.approx(theirs.mean(), abs=0.01), config
