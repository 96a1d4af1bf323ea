"""Convolutional layers in the page, compared with Python's: passes, gradients, steps of training, and errors."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from engine_cases import image_case, in_float64
from engine_node import engine_in, made_data, needs_node

import neurosim as ns
from neurosim.page.joiner import join

pytestmark = needs_node

MANY = range(300)
SETS = [
    pytest.param("float64", 1e-12, range(5), id="some"),
    pytest.param("float64", 1e-12, MANY, id="many", marks=pytest.mark.full),
    pytest.param("float32", 3e-5, MANY, id="many in float32", marks=pytest.mark.full),
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    return engine_in(tmp_path_factory.mktemp("engine"))


def close(found, expected, tolerance, words, besides=0.0):
    """Check that the difference is within a share of the expected norm."""
    atol = tolerance * max(np.linalg.norm(expected), 1e-3) + besides
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol, err_msg=words)


@pytest.mark.parametrize(("dtype", "tolerance", "seeds"), SETS)
def test_passes_and_gradients_of_a_batch(engine, dtype, tolerance, seeds):
    cases = [image_case(seed, dtype) for seed in seeds]
    pages = [engine.page(case.network, case.data) for case in cases]
    rows = list(range(3, 12))
    asked = [{"do": "gradients", "page": page, "rows": rows} for page in pages]
    predicted = engine.ask(*({"do": "predict", "page": page} for page in pages))
    for case, mine, found in zip(cases, engine.ask(*asked), predicted, strict=True):
        close(found["rows"], case.network.predict_proba(case.data.x[found["numbers"]]), tolerance, case.words)
        if any(layer.key == "dropout" for layer in case.network):
            continue  # random masks are other ones in the page
        order, exact = kept_rows(case.data)[rows], in_float64(case.network)
        for network in (case.network, exact):
            loss = network.gradients(case.data.x[order], case.data.labels[order], training=True)
        assert mine["loss"] == pytest.approx(loss, rel=10 * tolerance), case.words
        # Python's own float32 may be less exact, as where a batch normalization divides by next to nothing
        own = np.abs(case.network.parameters.grad - exact.parameters.grad).max()
        close(mine["grad"], exact.parameters.grad, tolerance, case.words, own)


def kept_rows(data):
    """Return the indices of the page's samples in order: all of them."""
    return np.sort(data.places(len(data), 0))


def convolutional(optimizer="adam", dtype="float64", pool=ns.MaxPool2D, **more):
    layers = [ns.Input((10, 10)), ns.Conv2D(4, 3, padding="same", use_bias=False), ns.BatchNorm("relu"), pool(3, 2)]
    layers += [ns.Conv2D(5, 2, "tanh", 2), ns.Flatten(), ns.Dense(8, "relu"), ns.Dense(4, "softmax")]
    return ns.Network(layers, optimizer=optimizer, seed=3, dtype=dtype, **more)


RUNS = {
    "sgd": ("sgd", "float64", 1e-9),
    "momentum": ("momentum", "float64", 1e-9),
    "adam": ("adam", "float64", 1e-9),
    "rmsprop": ("rmsprop", "float64", 1e-9),
    "schedule": (
        {"name": "adamw", "learning_rate": {"name": "cosine", "rate": 0.01}, "clip_norm": 0.5},
        "float64",
        1e-9,
    ),
    "float32": ("momentum", "float32", 1e-4),
}


@pytest.mark.parametrize("pool", [ns.MaxPool2D, pytest.param(ns.AveragePool2D, marks=pytest.mark.full)])
def test_20_steps_in_a_fixed_order(engine, pool):
    bounds = {"regularizer": {"name": "l2", "strength": 0.01}, "max_norm": 1.5}
    networks = [convolutional(optimizer, dtype, pool, **bounds) for optimizer, dtype, _ in RUNS.values()]
    compare_steps(engine, networks, [tolerance for _, _, tolerance in RUNS.values()])


def compare_steps(engine, networks, tolerances, shape=(10, 10)):
    rng = np.random.default_rng(7)
    data = made_data(rng, 60, 100, 4, "pixels", shape)
    batches, order, asked = [rng.permutation(60)[:16] for _ in range(20)], kept_rows(data), []
    for network in networks:
        network.learn(data)
        if hasattr(network.optimizer.learning_rate, "begin"):
            network.optimizer.learning_rate.begin(0, 20)
        page = engine.page(network, data)
        asked.append({"do": "steps", "page": page, "batches": [batch.tolist() for batch in batches]})
    for network, answer, tolerance in zip(networks, engine.ask(*asked), tolerances, strict=True):
        losses = [network.train_batch(data.x[order[batch]], data.labels[order[batch]]) for batch in batches]
        assert np.abs(np.array(answer["theta"]) - network.parameters.theta).max() <= tolerance
        np.testing.assert_allclose(answer["losses"], losses, rtol=1e-3 if tolerance > 1e-6 else 1e-7, atol=tolerance)
        for name, vector in network.optimizer.state.items():
            assert np.abs(np.array(answer["state"][name]) - vector).max() <= tolerance
        for name in (name for name in network.arrays() if name.startswith("running")):
            np.testing.assert_allclose(answer["running"][name], network.arrays()[name], atol=10 * tolerance)


def test_20_steps_with_every_intervention_on_filters(engine):
    network = convolutional()
    network[1][0].freeze()
    network[1][1].rate_factor = 0.3
    network[4][0].clamp(0.4)
    network[4][1].ablate()
    network[4][2].activation = "softplus"
    network[4][3].l2 = 0.05
    frozen = network[1][0].weights.copy()
    compare_steps(engine, [network], [1e-9])
    assert (network[1][0].weights == frozen).all()


def test_20_steps_of_normalization_right_behind_images_which_is_of_each_number(engine):
    layers = [ns.Input((5, 10, 2)), ns.BatchNorm(), ns.BatchNorm("relu"), ns.Conv2D(3, 2), ns.BatchNorm("tanh")]
    network = ns.Network([*layers, ns.Dense(4, "softmax")], dtype="float64", seed=2)
    assert [layer.neuron_count for layer in network] == [100, 100, 100, 3, 3, 4]
    compare_steps(engine, [network], [1e-9], (5, 10, 2))


@pytest.mark.full
def test_initial_weights_of_filters_use_the_fan_in_of_a_patch(engine):
    data = made_data(np.random.default_rng(1), 60, 300, 4, "pixels", (10, 10, 3))
    layers = [ns.Input((10, 10, 3)), ns.Conv2D(200, 5, "relu"), ns.MaxPool2D(6), ns.Dense(4, "softmax")]
    network = ns.Network(layers)
    network.learn(data)
    ask = {"do": "training", "page": engine.page(network, data), "batchSize": 8, "steps": 0, "reinitialize": True}
    (found,) = engine.ask(ask)
    kernels = np.array(found["theta"])[: network[1].W.size]
    assert kernels.std() == pytest.approx(network[1].W.std(), rel=0.03)


CARD = {"mean": "mean_activation", "dead": "dead_fraction", "saturated": "saturated_fraction", "norm": "weight_norm"}
CARD |= {"selectivity": "selectivity", "lost": "accuracy_lost", "correlation": "correlation"}
NAMED = {"layer": "layer", "neuron": "neuron", "strongest": "strongest_class", "similar": "most_similar"}


@pytest.mark.parametrize("pool", [ns.MaxPool2D, pytest.param(ns.AveragePool2D, marks=pytest.mark.full)])
def test_a_filter_has_the_report_card_that_python_gives_it(engine, pool):
    network, data = convolutional(pool=pool), made_data(np.random.default_rng(5), 60, 100, 4, "pixels", (10, 10))
    network.fit(data, epochs=3, batch_size=10, verbose=False)
    network[4][1].clamp(0.3)
    network[4][2].activation = "relu6"
    (found,) = engine.ask({"do": "cards", "page": engine.page(network, data)})
    expected = network.report(data)
    assert len(found) == len(expected)
    for mine, (_, theirs) in zip(found, expected.iterrows(), strict=True):
        assert {name: mine[name] for name in NAMED} == {
            name: None if theirs[column] is pd.NA else theirs[column] for name, column in NAMED.items()
        }
        for name, column in CARD.items():
            wanted = theirs[column]
            same = mine[name] is None if pd.isna(wanted) else mine[name] == pytest.approx(wanted, rel=1e-9, abs=1e-12)
            assert same, (name, mine, theirs)


def test_weights_that_the_page_saved_come_into_python(engine):
    data = made_data(np.random.default_rng(6), 60, 100, 4, "pixels", (10, 10))
    network = convolutional()
    network.learn(data)
    network[4][1].freeze()
    page, order = engine.page(network, data), list(range(60))
    saved, trained, moments = engine.ask(
        {"do": "weights", "page": page, "batchSize": 60, "steps": 3},
        {"do": "training", "page": page, "batchSize": 60, "steps": 3, "order": order},
        {"do": "moments", "page": page},
    )
    back = ns.Network.from_config(saved["config"])
    for name, values in saved["arrays"].items():
        back.arrays()[name][...] = values
    assert saved["arrays"].keys() == {name for name in back.arrays() if not name.startswith("optimizer.")}
    np.testing.assert_allclose(back.parameters.theta, trained["theta"], atol=1e-9)  # all samples at once: in any order
    assert back[4][1].frozen and (back[4][1].weights == network[4][1].weights).all()
    np.testing.assert_array_equal(moments[-1]["theta"], network.parameters.theta)
    assert [str(layer) for layer in back] == [str(layer) for layer in network]


def test_other_widths_and_activations_leave_the_layers_for_images(engine):
    data, network = made_data(np.random.default_rng(6), 60, 100, 4, "pixels", (10, 10)), convolutional()
    network.learn(data)
    page, config = engine.page(network, data), json.loads(json.dumps(network.config()["layers"]))
    wider, other, none = engine.ask(
        {"do": "remade", "page": page, "hidden": [7, 6]},
        {"do": "remade", "page": page, "activation": "elu"},
        {"do": "remade", "page": page, "hidden": []},
    )
    back = ns.Network.from_config(network.config() | {"layers": wider["layers"]})
    assert [each.title for each in back][:6] == [each.title for each in network][:6]
    assert [(each.key, each.n_out) for each in back][6:] == [("dense", 7), ("dense", 6), ("dense", 4)]
    assert none["layers"] == [*config[:-2], config[-1]] and none["output"] == 4
    bent = {each["name"]: each["activation"]["name"] for each in other["layers"][:-1] if "activation" in each}
    assert bent == {"conv2d": "elu", "batch_norm": "elu", "dense": "elu"}
    assert (
        other["layers"][1] == config[1] and np.std(other["theta"]) > 0.1
    )  # the linear one, in front of the normalization


@pytest.mark.parametrize("worker", [False, pytest.param(True, marks=pytest.mark.full)])
def test_the_worker_trains_filters(engine, worker):
    data, network = (
        made_data(np.random.default_rng(10), 60, 100, 4, "pixels", (10, 10)),
        convolutional("adam", "float32"),
    )
    network.learn(data)
    network[1][2].freeze()
    order, script = np.random.default_rng(10).permutation(60).tolist(), engine.folder / "worker_script.js"
    script.write_text(join(engine.folder, "worker.js"), "utf-8")
    how = {"page": engine.page(network, data), "batchSize": 20, "steps": 40, "order": order}
    loop, trainer = engine.ask({"do": "training"} | how, {"do": "trainer", "worker": worker and str(script)} | how)
    assert trainer["theta"] == loop["theta"]
    assert (trainer["done"], trainer["stopped"], trainer["t"]) == (40, "finished", 40)
    network.parameters.theta[...] = trainer["theta"]
    assert (network[1][2].weights == convolutional(dtype="float32")[1][2].weights).all()


@pytest.mark.full
def test_a_page_is_called_by_its_layers(tmp_path):
    data, network = made_data(np.random.default_rng(6), 60, 100, 4, "pixels", (10, 10)), convolutional()
    page = ns.explore(network, data, data, tmp_path / "page.html")
    assert "<title>made up 100-4x3-pool3-5x2-8-4 · neurosim</title>" in page.html


@pytest.mark.full
def test_the_page_learns_with_convolutions(engine):
    train, test = (each.subset(count) for each, count in zip(ns.data.load("digits"), (600, 300), strict=True))
    layers = [ns.Input((28, 28)), ns.Conv2D(4, 5, "relu"), ns.MaxPool2D(2), ns.Conv2D(8, 5, "relu"), ns.MaxPool2D(2)]
    network = ns.Network([*layers, ns.Dense(10, "softmax")], optimizer="adam", seed=0)
    ask = {"do": "training", "page": engine.page(network, train, test), "batchSize": 32, "steps": 95, "seed": 1}
    (found,) = engine.ask(ask | {"reinitialize": True})
    network.fit(train, epochs=5, batch_size=32, verbose=False)
    assert found["accuracy"] > network.evaluate(test)["accuracy"] - 0.05


def test_a_window_that_does_not_fit_the_image_is_refused(engine):
    data = made_data(np.random.default_rng(1), 60, 100, 4, "pixels", (10, 10))
    network = ns.Network([ns.Input((10, 10)), ns.Conv2D(3, 3, "relu"), ns.MaxPool2D(2), ns.Dense(4, "softmax")])
    network.learn(data)
    asked, path = [], Path(engine.page(network, data))
    for layer, change in ((1, {"kernel_size": 11}), (2, {"size": 12, "stride": 12})):
        held = json.loads(path.read_text("utf-8"))
        held["manifest"]["network"]["layers"][layer].update(change)
        asked.append({"do": "refused", "page": str(path.with_name(f"{layer}.json"))})
        Path(asked[-1]["page"]).write_text(json.dumps(held), "utf-8")
    first, second = engine.ask(*asked)
    assert first == "Conv2D 3x11 relu: expected images of at least 11 x 11 pixels, received 10 x 10."
    assert second == "MaxPool2D 12: expected images of at least 12 x 12 pixels, received 8 x 8."
