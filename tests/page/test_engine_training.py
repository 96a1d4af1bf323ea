"""Training in the page, compared with Python's: gradients, 200 steps in one order, the loop, the worker, the hook."""

import json
from pathlib import Path

import numpy as np
import pytest
from engine_cases import random_case
from engine_node import engine_in, made_data, needs_node

import neurosim as ns
from neurosim.initializers import INITIALIZERS
from neurosim.page.joiner import join
from neurosim.page.manifest import Run

pytestmark = needs_node

STEPS = 200


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("engine")
    engine = engine_in(folder)
    (folder / "worker_script.js").write_text(join(folder, "worker.js"), "utf-8")
    return engine


def without_dropout(case):
    """Return whether a network has no random masks: the page draws other masks, and so gets other gradients."""
    return not any(layer.key == "dropout" for layer in case.network)


def gradients_of(network, rows, data):
    loss = network.gradients(data.x[rows], data.labels[rows], training=True)
    return loss, network.parameters.grad.copy()


def test_gradients_of_a_batch(engine):
    cases = [case for case in map(random_case, range(60)) if without_dropout(case)]
    pages = [engine.page(case.network, case.data) for case in cases]
    rows = list(range(3, 14))
    answers = engine.ask(*({"do": "gradients", "page": page, "rows": rows} for page in pages))
    assert len(cases) > 25
    for case, answer in zip(cases, answers, strict=True):
        order = kept_rows(case.data)
        loss, grad = gradients_of(case.network, order[rows], case.data)
        assert answer["loss"] == pytest.approx(loss, rel=1e-12)
        np.testing.assert_allclose(answer["grad"], grad, atol=1e-12 * max(np.abs(grad).max(), 1e-3), err_msg=case.words)


def kept_rows(data):
    """Return the indices of the page's samples in order: all of them."""
    return np.sort(data.places(len(data), 0))


def small_network(optimizer, dtype, **more):
    layers = [ns.Input((8, 8)), ns.Dense(16, "relu"), ns.Dense(12, "tanh"), ns.Dense(10, "softmax")]
    return ns.Network(layers, optimizer=optimizer, seed=3, dtype=dtype, **more)


@pytest.mark.quick_every(3)
@pytest.mark.parametrize(
    ("optimizer", "dtype", "tolerance"),
    [
        ("sgd", "float64", 1e-8),
        ("momentum", "float64", 1e-8),
        ("adam", "float64", 1e-8),
        ("nadam", "float64", 1e-8),
        ({"name": "sgd", "learning_rate": {"name": "one_cycle", "rate": 0.2}, "clip_norm": 1.0}, "float64", 1e-8),
        ("sgd", "float32", 1e-4),
        ("momentum", "float32", 1e-4),
    ],
)
def test_200_steps_in_a_fixed_order(engine, optimizer, dtype, tolerance):
    rng = np.random.default_rng(7)
    data = made_data(rng, 320, 64, 10, "pixels", (8, 8))
    network = small_network(optimizer, dtype)
    compare_steps(engine, network, data, batches_of(rng, 320, 32), tolerance)


def batches_of(rng, count, size):
    return [rng.permutation(count)[:size] for _ in range(STEPS)]


def compare_steps(engine, network, data, batches, tolerance):
    network.learn(data)
    if hasattr(network.optimizer.learning_rate, "begin"):
        network.optimizer.learning_rate.begin(0, len(batches))
    page = engine.page(network, data)
    (answer,) = engine.ask({"do": "steps", "page": page, "batches": [batch.tolist() for batch in batches]})
    order = kept_rows(data)
    losses = [network.train_batch(data.x[order[batch]], data.labels[order[batch]]) for batch in batches]
    assert np.abs(np.array(answer["theta"]) - network.parameters.theta).max() <= tolerance
    np.testing.assert_allclose(answer["losses"], losses, rtol=1e-3 if tolerance > 1e-6 else 1e-7, atol=tolerance)
    for name, vector in network.optimizer.state.items():
        assert np.abs(np.array(answer["state"][name]) - vector).max() <= tolerance
    return answer


def test_200_steps_with_all_that_a_network_may_have(engine):
    rng = np.random.default_rng(8)
    data = made_data(rng, 200, 12, 4, "features")
    layers = [
        ns.Input(12),
        ns.Dense(9, use_bias=False),
        ns.BatchNorm("silu"),
        ns.Dense(8, "elu"),
        ns.Dense(4, "softmax"),
    ]
    settings = {"regularizer": {"name": "l2", "strength": 0.01}, "max_norm": 1.5}
    network = ns.Network(layers, optimizer="adamw", dtype="float64", **settings)
    network[1][0].freeze()
    network[3][1].rate_factor = 0.3
    network[3][2].clamp(0.4)
    network[3][3].activation = "tanh"
    network[3][4].l2 = 0.05
    answer = compare_steps(engine, network, data, batches_of(rng, 200, 17), 1e-8)
    for name in ("running_mean2", "running_variance2"):
        np.testing.assert_allclose(answer["running"][name], network.arrays()[name], atol=1e-8)


def test_the_loop_uses_the_batches_in_the_given_order(engine):
    rng = np.random.default_rng(9)
    data = made_data(rng, 50, 64, 10, "pixels", (8, 8))
    network = small_network("sgd", "float64")
    network.learn(data)
    order = rng.permutation(50)[:40]
    page = engine.page(network, data)
    (answer,) = engine.ask({"do": "training", "page": page, "batchSize": 16, "steps": 7, "order": order.tolist()})
    rows = kept_rows(data)[order]
    parts = [rows[:16], rows[16:32], rows[32:]]  # the last batch of a pass is a smaller one
    for batch in (parts * 3)[:7]:
        network.train_batch(data.x[batch], data.labels[batch])
    assert answer["steps"] == 7
    np.testing.assert_allclose(answer["theta"], network.parameters.theta, atol=1e-10)


@pytest.mark.full
def test_the_page_learns_with_dropout_and_from_its_own_weights(engine):
    train, test = (each.subset(count) for each, count in zip(ns.data.load("digits"), (1000, 300), strict=True))
    layers = [ns.Input((28, 28)), ns.Dense(32, "relu"), ns.Dropout(0.2), ns.Dense(10, "softmax")]
    network = ns.Network(layers, optimizer="adam", seed=0)
    page = engine.page(network, train, test)
    ask = {"do": "training", "page": page, "batchSize": 32, "steps": 310, "reinitialize": True}
    one, again, other = engine.ask(ask | {"seed": 1}, ask | {"seed": 1}, ask | {"seed": 2})
    network.fit(train, epochs=10, batch_size=32, verbose=False)
    accuracy = network.evaluate(test)["accuracy"]
    for each in (one, other):
        assert each["accuracy"] > accuracy - 0.05
    assert one["theta"] == again["theta"] != other["theta"] and one["before"] != other["before"]


@pytest.mark.quick_for("True")
@pytest.mark.parametrize("worker", [False, True])
def test_the_worker_does_what_the_loop_does(engine, worker):
    rng = np.random.default_rng(10)
    data = made_data(rng, 60, 64, 10, "pixels", (8, 8))
    network = small_network("adam", "float32")
    network.learn(data)
    page, order = engine.page(network, data), rng.permutation(60).tolist()
    how = {"page": page, "batchSize": 20, "steps": 500, "order": order}
    script = str(engine.folder / "worker_script.js") if worker else False
    loop, trainer = engine.ask({"do": "training"} | how, {"do": "trainer", "worker": script} | how)
    assert trainer["theta"] == loop["theta"]
    assert (trainer["done"], trainer["stopped"], trainer["t"]) == (500, "finished", 500)
    assert all(each["size"] == network.parameters.size for each in trainer["reports"])


@pytest.mark.quick_for("True")
@pytest.mark.parametrize("worker", [False, True])
def test_training_pauses_at_once_and_reports_no_faster_than_is_drawn(engine, worker):
    data = made_data(np.random.default_rng(11), 60, 64, 10, "pixels", (8, 8))
    network = small_network("sgd", "float32")
    script = str(engine.folder / "worker_script.js") if worker else False
    ask = {"do": "trainer", "page": engine.page(network, data), "batchSize": 20, "pauseAfter": 700, "worker": script}
    (found,) = engine.ask(ask)
    assert found["stopped"] == "paused" and 0 < found["done"] == found["t"]
    assert found["waited"] < 250  # 10 on an idle machine
    steps = [each["step"] for each in found["reports"]]
    assert steps == sorted(steps) and 1 <= len(steps) <= 700 / 33 + 1


def test_a_network_that_diverges_stops(engine):
    data = made_data(np.random.default_rng(12), 60, 64, 10, "pixels", (8, 8))
    network = ns.Network([ns.Input((8, 8)), ns.Dense(8), ns.Dense(10)], loss="mse", optimizer=ns.SGD(1e12))
    (found,) = engine.ask({"do": "trainer", "page": engine.page(network, data), "batchSize": 20})
    assert found["stopped"] == "diverged" and found["done"] < 50


PLATEAU = {"name": "reduce_on_plateau", "rate": 0.5, "factor": 0.5, "patience": 0, "threshold": 0.02}
WATCHED = [
    PLATEAU,
    PLATEAU | {"monitor": "val_accuracy"},
    PLATEAU | {"monitor": "loss", "minimum": 0.2},
    PLATEAU | {"monitor": "train_loss"},
    {"name": "warm_up", "steps": 8, "after": PLATEAU},
]


@pytest.mark.parametrize("schedule", WATCHED)
def test_a_plateau_lowers_the_rate_as_in_python(engine, schedule):
    data = made_data(np.random.default_rng(23), 50, 64, 10, "pixels", (8, 8))
    network = small_network({"name": "sgd", "learning_rate": schedule}, "float64")
    page, order = engine.page(network, data), kept_rows(data)
    ask = {"do": "rates", "page": page, "batchSize": 16, "steps": 48, "order": list(range(50))}
    (found,) = engine.ask(ask)
    rates = []

    class Rates(ns.Callback):
        def on_step(self, run):
            rates.append(run.network.optimizer.last_rate)

    settings = {"verbose": False, "shuffle": False, "evaluate_train": True, "callbacks": [Rates()]}
    network.fit(data.x[order], data.labels[order], 12, 16, **settings)
    np.testing.assert_allclose(found["rates"], rates, rtol=1e-12)
    state = network.optimizer.learning_rate.state()
    mine, theirs = (each.get("after") or each for each in (found["schedule"], state))
    assert theirs["_now"] < 0.5  # it did fall
    for name in ("_now", "_best", "_bad_epochs"):
        assert mine[name] == pytest.approx(theirs[name], rel=1e-9), name


def test_a_plateau_continues_the_run_and_names_its_figure(engine):
    data = made_data(np.random.default_rng(24), 50, 64, 10, "pixels", (8, 8))
    seen, fresh = [], (None, 0)
    for validation in (None, data):
        network = small_network({"name": "sgd", "learning_rate": PLATEAU}, "float64")
        history = network.fit(data, None, 5, 16, verbose=False, validation_data=validation)
        state = network.optimizer.learning_rate.state()
        page = engine.page(network, data, run=Run(history))
        rates, told = engine.ask(
            {"do": "rates", "page": page, "batchSize": 16, "steps": 0, "order": list(range(50))},
            {"do": "trainer", "page": page, "batchSize": 16, "steps": 2},
        )
        assert rates["schedule"]["_now"] == state["_now"]
        best = (state["_best"], state["_bad_epochs"]) if validation is None else fresh
        assert (rates["schedule"]["_best"], rates["schedule"]["_bad_epochs"]) == best
        seen.append(told["note"])
    assert seen[0] == seen[1] and "no validation set" in seen[0] and "training loss" in seen[0]


def test_a_schedule_that_has_ended_leaves_the_rate_to_the_optimizer(engine):
    data = made_data(np.random.default_rng(13), 60, 64, 10, "pixels", (8, 8))
    network = small_network({"name": "adam", "learning_rate": {"name": "one_cycle"}}, "float32")
    network.fit(data, epochs=2, batch_size=20, verbose=False)
    ask = {"do": "trainer", "page": engine.page(network, data), "batchSize": 20, "steps": 4}
    (found,) = engine.ask(ask)
    assert (
        found["note"]
        == "The schedule one_cycle has ended. Training continues with the default learning rate of adam, 0.001."
    )
    assert (found["rate"], found["t"]) == (0.001, 10)


def test_initial_weights_have_the_spread_that_python_gives_them(engine):
    shape = (300, 60)
    found = engine.ask(
        *({"do": "initializer", "config": {"name": key}, "shape": shape, "seed": 4} for key in INITIALIZERS)
    )
    for key, W in zip(INITIALIZERS, found, strict=True):
        mine, theirs = np.array(W).reshape(shape), INITIALIZERS[key]()(shape, np.random.default_rng(0))
        assert mine.std() == pytest.approx(theirs.std(), rel=0.03, abs=1e-12), key
        assert mine.mean() == pytest.approx(theirs.mean(), abs=0.01 + 0.0)
        assert np.abs(mine).max() == pytest.approx(np.abs(theirs).max(), rel=0.25), key  # uniform, or normal
    orthogonal = np.array(found[list(INITIALIZERS).index("orthogonal")]).reshape(shape)
    np.testing.assert_allclose(orthogonal.T @ orthogonal, np.eye(60), atol=1e-12)


def test_random_numbers_are_uniform_and_a_shuffle_keeps_all(engine):
    count = 20_000
    (found,) = engine.ask({"do": "random", "seed": 5, "count": count})
    numbers, order = np.array(found[0]), found[1]
    counts = np.histogram(numbers, bins=20, range=(0, 1))[0]
    assert ((counts - count / 20) ** 2 / (count / 20)).sum() < 43.8  # chi squared, 19 degrees of freedom: 0.1 %
    assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < 0.03
    assert sorted(order) == list(range(count)) and abs(np.corrcoef(order, range(count))[0, 1]) < 0.03


def test_the_hook_answers_programs(engine):
    rng = np.random.default_rng(14)
    data = made_data(rng, 60, 64, 10, "pixels", (8, 8))
    network = small_network("adam", "float64")
    network.fit(data, epochs=1, batch_size=20, verbose=False)
    number = int(kept_rows(data)[5])
    pixels, order = data.x[number].ravel(), rng.permutation(60)
    place = {"layer": 1, "neuron": 3}
    calls = [
        ["trace", place | {"sample": number}],
        ["trace", place],
        ["trace", place | {"pixels": pixels.tolist()}],
        ["trace", place | {"pixels": (pixels / 255).tolist(), "label": 4, "check": False}],
        ["predict", pixels.tolist()],
        ["accuracy"],
        ["trace", place | {"sample": 999}],
        ["predict", [1, 2, 3]],
        ["train", {"steps": 5, "order": order.tolist(), "batch_size": 12}],
        ["parameters"],
    ]
    page = engine.page(network, data)
    found = engine.ask({"do": "hook", "page": page, "calls": calls})[0]
    trace = network.trace(data.x[number], data.labels[number], sample=number)[1][3]
    assert found[0].keys() == trace.to_dict().keys() and found[0]["z"] == pytest.approx(trace.z, rel=1e-12)
    assert found[1]["sample"]["index"] == int(kept_rows(data)[0])
    assert "delta" not in found[2] and found[2]["sample"]["index"] is None and found[2]["a"] == pytest.approx(trace.a)
    assert "check" not in found[3] and found[3]["sample"]["label"] == 4
    np.testing.assert_allclose(found[4], network.predict_proba(data.x[number])[0], atol=1e-12)
    assert found[5] == pytest.approx(network.evaluate(data)["accuracy"])
    assert "999" in found[6]["refused"] and "64 numbers" in found[7]["refused"]
    for start in range(0, 60, 12):
        rows = kept_rows(data)[order[start : start + 12]]
        network.train_batch(data.x[rows], data.labels[rows])
    assert found[8] == {"step": network.optimizer.t}
    np.testing.assert_allclose(found[9], network.parameters.theta, atol=1e-10)


def test_moments_of_a_run_come_back_with_a_fresh_optimizer_the_last_with_its_own(engine):
    data = made_data(np.random.default_rng(15), 60, 64, 10, "pixels", (8, 8))
    layers = [ns.Input((8, 8)), ns.Dense(8), ns.BatchNorm("relu"), ns.Dense(10, "softmax")]
    network = ns.Network(layers, optimizer={"name": "adam", "learning_rate": {"name": "cosine", "rate": 0.01}})
    snapshots = ns.Snapshots(4)
    history = network.fit(data, epochs=4, batch_size=20, verbose=False, callbacks=[snapshots])
    (found,) = engine.ask({"do": "moments", "page": engine.page(network, data, run=Run(history, snapshots))})
    steps = [each["step"] for each in found]
    assert steps == snapshots.steps and steps[-1] == 12 and len(steps) >= 3
    twin = ns.Network.from_config(network.config())
    sample = data.x[kept_rows(data)[:1]]
    for each, theta, arrays in zip(found, snapshots.thetas, snapshots.arrays, strict=True):
        twin.parameters.theta[...] = theta
        for name, array in arrays.items():
            twin.arrays()[name][...] = array
        exact = 1e-6 if each["step"] == 12 else 1e-3  # those between may be rounded to half precision
        np.testing.assert_allclose(each["theta"], theta, atol=exact)
        np.testing.assert_allclose(each["output"], twin.predict_proba(sample)[0], atol=3 * exact)
    assert [each["memory"] for each in found] == [False] * (len(found) - 1) + [True]
    assert [each["t"] for each in found] == [0] * (len(found) - 1) + [12]
    assert found[0]["rate"] == 0.01 and found[-1]["rate"] == pytest.approx(0.0, abs=1e-12)


def test_a_page_of_another_version_is_refused(engine):
    data = made_data(np.random.default_rng(16), 30, 12, 3, "numbers")
    network = ns.Network([ns.Input(12), ns.Dense(3, "softmax")])
    path = Path(engine.page(network, data))
    held = json.loads(path.read_text("utf-8"))
    for change, words in (({"version": 2}, "version 2"), ({"format": "a poem"}, '"a poem"')):
        path.write_text(json.dumps(held | {"manifest": held["manifest"] | change}), "utf-8")
        assert words in engine.ask({"do": "refused", "page": str(path)})[0]


EDGES = {
    "one hidden neuron": ([1], 4, 40),
    "no hidden layer": ([], 4, 40),
    "12 hidden layers": ([7] * 12, 4, 40),
    "100 classes": ([9], 100, 200),
    "one sample of each class": ([5], 4, 4),
}


@pytest.mark.parametrize("edge", EDGES)
def test_networks_and_data_at_the_edge(engine, edge):
    hidden, classes, count = EDGES[edge]
    data = made_data(np.random.default_rng(30), count, 6, classes, "numbers")
    layers = [ns.Input(6), *(ns.Dense(n, "tanh") for n in hidden), ns.Dense(classes, "softmax")]
    network = ns.Network(layers, optimizer="adam", dtype="float64", seed=2)
    network.learn(data)
    page, order = engine.page(network, data), list(range(count))
    place = {"do": "trace", "page": page, "layer": 1, "neuron": 0, "number": int(kept_rows(data)[1])}
    how = {"do": "training", "page": page, "batchSize": 1000, "steps": 3}  # more than there are
    traced, trained, shuffled = engine.ask(place, how | {"order": order}, how)
    number = place["number"]
    here = network.trace(data.x[number], data.labels[number], sample=number)[1][0]
    assert traced["text"] == here.explain()
    for _ in range(3):
        network.train_batch(data.x[kept_rows(data)], data.labels[kept_rows(data)])
    np.testing.assert_allclose(trained["theta"], network.parameters.theta, atol=1e-9)
    assert shuffled["steps"] == 3 and np.isfinite(shuffled["theta"]).all()


def test_an_empty_drawing_is_read_like_any_other(engine):
    network, data = small_network("sgd", "float64"), made_data(np.random.default_rng(31), 60, 64, 10, "pixels", (8, 8))
    network.learn(data)
    page, nothing = engine.page(network, data), [0] * 64
    calls = [["predict", nothing], ["trace", {"layer": 1, "neuron": 3, "pixels": nothing, "label": 4}]]
    answer, traced = engine.ask({"do": "hook", "page": page, "calls": calls})[0]
    empty = np.zeros((1, 64), np.uint8)
    np.testing.assert_allclose(answer, network.predict_proba(empty)[0], atol=1e-12)
    assert traced["loss"] == pytest.approx(network.trace(empty[0], 4)[1][3].loss)
    assert set(traced["dL_dW"]) == {0}


def test_a_label_that_the_network_has_no_output_for_is_refused(engine):
    network, data = small_network("sgd", "float64"), made_data(np.random.default_rng(31), 60, 64, 10, "pixels", (8, 8))
    page, place = engine.page(network, data), {"layer": 1, "neuron": 3, "pixels": [0] * 64}
    calls = [["trace", place | {"label": label}] for label in (10, -1, 2.5)]
    for found in engine.ask({"do": "hook", "page": page, "calls": calls})[0]:
        assert "label" in found["refused"].lower() and "0 to 9" in found["refused"]
