"""The benchmark: that all competitors do the same work, that the statistics are right, and that every mode runs."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import neurosim as ns
import viz
from scenarios.bench import command, inside, profile_step
from scenarios.bench.cases import CASES, Case, choose_cases, choose_peers, missing_modules
from scenarios.bench.measure import Race, Setting, Worker, WorkerError, shared_data
from scenarios.bench.peers import COMPETITORS, Products, initial_weights, mean_loss
from scenarios.bench.tables import (
    cost_text,
    floor_shares,
    overall,
    quartiles,
    race_text,
    scale_text,
    summarize,
)
from scenarios.protocol.statistics import geometric_mean

TINY = Case((784, 12, 10), 8, "sgd", 4)


def has(peer):
    return peer in ("neurosim", "floor") or not missing_modules(peer)


@pytest.fixture(scope="module")
def train():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (200, 28, 28), dtype=np.uint8)
    return ns.data.Dataset(
        x=images,
        labels=(np.arange(200) % 10).astype(np.uint8),
        name="noise",
        split="train",
        source="test",
        class_names=tuple("0123456789"),
    )


@pytest.fixture
def report(tmp_path):
    return command.Report("bench", tmp_path, "note", {"machine": "here"})


def narrow(text):
    return max(map(len, text.splitlines())) <= 80


# -- the same work ---------------------------------------------------------------------------------------------------


def by_hand(case, images, labels, order):
    """Weights after the case's SGD steps, in float64."""
    weights = [(W.astype(float), b.astype(float)) for W, b in initial_weights(case.widths)]
    for rows in order.reshape(-1, case.batch_size):
        a = [images[rows] / 255.0]
        for k, (W, b) in enumerate(weights):
            z = a[-1] @ W + b
            a.append(z if k == len(weights) - 1 else np.maximum(z, 0))
        p = np.exp(a[-1] - a[-1].max(axis=1, keepdims=True))
        delta = (p / p.sum(axis=1, keepdims=True) - np.eye(10)[labels[rows]]) / case.batch_size
        new = []
        for k in range(len(weights) - 1, -1, -1):
            W, b = weights[k]
            new.append((W - case.learning_rate * a[k].T @ delta, b - case.learning_rate * delta.sum(axis=0)))
            delta = delta @ W.T * (a[k] > 0)
        weights = new[::-1]
    return weights


def trained(name, form, case, train):
    images = train.images.reshape(len(train), -1).copy()
    competitor = COMPETITORS[name](case, images, train.labels, initial_weights(case.widths), form)
    competitor.prepare(start=40, seed=3)
    competitor.train()
    return competitor


@pytest.mark.quick_every(3)
@pytest.mark.parametrize(
    ("name", "form"), [(name, form) for name, kind in COMPETITORS.items() if name != "floor" for form in kind.forms]
)
def test_all_competitors_take_the_same_steps(name, form, train):
    if not has(name):
        pytest.skip(f"{name} is not installed")
    images = train.images.reshape(len(train), -1)
    order = 40 + np.random.default_rng(3).permutation(TINY.steps * TINY.batch_size)
    competitor = trained(name, form, TINY, train)
    for mine, right in zip(competitor.weights(), by_hand(TINY, images, train.labels, order), strict=True):
        for a, b in zip(mine, right, strict=True):
            assert a.dtype == np.float32
            np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize(
    ("name", "form"), [(name, kind.forms[0]) for name, kind in COMPETITORS.items() if name not in ("floor", "neurosim")]
)
def test_adam_is_the_same_everywhere(name, form, train):
    if not has(name):
        pytest.skip(f"{name} is not installed")
    case = Case((784, 12, 10), 8, "adam", 4)
    ours, theirs = trained("neurosim", "", case, train).weights(), trained(name, form, case, train).weights()
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a[0], b[0], atol=1e-4)  # a step moves each weight by about 1e-3


def test_mean_loss_is_neurosims(train):
    images = train.images.reshape(len(train), -1)
    competitor = trained("neurosim", "", TINY, train)
    expected = competitor.network.evaluate(images, train.labels)["loss"]
    assert mean_loss(competitor.weights(), images, train.labels) == pytest.approx(expected, rel=1e-5)


def test_the_floor_multiplies_what_a_step_has_to():
    products = Products([(784, 128), (128, 64), (64, 10)], 32)
    shapes = [(x.shape, y.shape, out.shape) for x, y, out in products.forward_products]
    assert shapes == [
        ((32, 784), (784, 128), (32, 128)),
        ((32, 128), (128, 64), (32, 64)),
        ((32, 64), (64, 10), (32, 10)),
    ]
    shapes = [out.shape for _, _, out in products.backward_products]
    assert shapes == [(64, 10), (32, 64), (128, 64), (32, 128), (784, 128)]  # and no gradient of the input
    macs = 784 * 128 + 128 * 64 + 64 * 10
    assert products.flops == 2 * 32 * (3 * macs - 784 * 128)
    products.forward()
    products.backward()
    x, y, out = products.backward_products[-1]
    np.testing.assert_allclose(out, x @ y, rtol=1e-4, atol=1e-4)


# -- statistics and text ---------------------------------------------------------------------------------------------


def test_quartiles_and_geometric_mean_by_hand():
    assert quartiles([4, 1, 3, 2, 5]) == (3, 2, 4)
    assert np.isnan(quartiles([])).all()
    assert geometric_mean([2, 8, np.nan]) == pytest.approx(4)
    assert geometric_mean([3, 1 / 3]) == pytest.approx(1)


@pytest.fixture
def rounds():
    """Two cases, three rounds; torch takes 2, 3, 4 times as long in the first and 8 times in the second."""
    rows = []
    for case, factors in (("784-9-10/8/sgd", (2, 3, 4)), ("784-9-10/8/adam", (8, 8, 8))):
        for number, factor in enumerate(factors):
            slow = 1 + number  # a slow minute hits both and does not show in the ratio
            rows += [
                {"case": case, "round": number, "competitor": name, "seconds": seconds * slow * 1e-4}
                for name, seconds in (("floor", 0.5), ("neurosim", 1.0), ("torch", factor))
            ]
    return pd.DataFrame(rows)


def test_ratios_are_taken_within_rounds(rounds):
    summary = summarize(rounds).set_index(["case", "competitor"])
    row = summary.loc["784-9-10/8/sgd", "torch"]
    assert (row.ratio, row.ratio_low, row.ratio_high, row.rounds) == pytest.approx((3, 2.5, 3.5, 3))
    assert summary.loc["784-9-10/8/sgd", "neurosim"].seconds == pytest.approx(2e-4)
    assert (summary.loc[(slice(None), "floor"), "ratio"] == 0.5).all()


def test_an_unfinished_round_counts_where_it_can(rounds):
    summary = summarize(rounds.drop(index=4)).set_index(["case", "competitor"])  # without neurosim's second round
    row = summary.loc["784-9-10/8/sgd", "torch"]
    assert (row.ratio, row.rounds) == pytest.approx((3, 3))
    assert summary.loc["784-9-10/8/sgd", "neurosim"].rounds == 2


def test_what_holds_over_all_cases(rounds):
    summary = summarize(rounds)
    torch = overall(summary).set_index("competitor").loc["torch"]
    assert torch.geometric_mean == pytest.approx(np.sqrt(24))
    assert (torch.worst, torch.worst_case, torch.cases) == (pytest.approx(3), "784-9-10/8/sgd", 2)
    assert floor_shares(summary) == pytest.approx({"sgd": 0.5, "adam": 0.5})


def test_costs_fit_eighty_columns():
    names = ["nothing", "mean activation of every neuron", "tanh"]
    summary = pd.DataFrame(
        {
            "what": names,
            "seconds": [1e-4, 0.4, 1e-4],
            "ratio": [1, 4000, 1.031],
            "ratio_low": [1, 2.5, 0.99],
            "ratio_high": [1, 9000, 1.04],
        }
    )
    text = cost_text(summary, "looking at", "nothing")
    assert narrow(text)
    assert "+399,900 %" in text and "+150 +899,900" in text and "+3.1 %" in text and "-1.0 +4.0" in text


def test_tables_fit_eighty_columns():
    competitors = {"floor": 0.5, "neurosim": 1.0, "torch": 12.34, "sklearn": 23.45, "jax": 34.56}
    summary = summarize(
        pd.DataFrame(
            [
                {"case": case, "round": number, "competitor": name, "seconds": factor * 0.01}
                for case in CASES
                for number in range(2)
                for name, factor in competitors.items()
            ]
        )
    )
    text = race_text(summary.assign(memory=1234e6, threads=2, form="float32"))
    assert narrow(text)
    for words in ("784-800-800-10/128/adam", "geometric mean", "worst against torch: 12.34", "50\u00a0%"):
        assert words in text


# -- choosing --------------------------------------------------------------------------------------------------------


def test_choices():
    assert len(choose_cases("all")) == 10
    assert [case.name for case in choose_cases("small")] == ["784-128-64-10/64/sgd", "784-128-64-10/64/adam"]
    assert choose_cases("784-30-10/10/adam")[0].parameter_count == 785 * 30 + 31 * 10
    assert choose_peers("none") == []
    assert set(choose_peers(None)) == {name for name in ("sklearn", "torch", "jax") if has(name)}


def test_wrong_names_are_told(refused, monkeypatch):
    with refused("unknown case", "did you mean '784-30-10/10/sgd'"):
        choose_cases("784-30-10/10/sdg")
    with refused("unknown case"):
        choose_cases("")
    with refused("unknown peer", "did you mean 'torch'"):
        choose_peers("toch")
    monkeypatch.setattr("scenarios.bench.cases.find_spec", lambda name: None)
    with refused("jax is not installed", "pip install jax optax"):
        choose_peers("jax")
    assert choose_peers(None) == []


# -- running ---------------------------------------------------------------------------------------------------------


def test_a_race_of_every_peer(train, report, capsys):
    peers = [name for name in ("sklearn",) if has(name)]  # torch and jax take seconds to start
    case = TINY.with_steps(3)
    summary = command.compare([case], ["floor", "neurosim", *peers], train, 2, report, rest=0.0, choices=[1])
    assert list(summary["competitor"]) == ["floor", "neurosim", *peers]
    assert (summary["rounds"] == 2).all() and (summary["seconds"] > 0).all() and (summary["threads"] == 1).all()
    trained = summary[summary["competitor"] != "floor"]
    assert (trained["memory"] > 0).all()
    assert trained["loss"].to_numpy() == pytest.approx(trained["loss"].iloc[0], rel=1e-3)
    assert narrow(capsys.readouterr().out.partition("\n  /")[0])
    names = {path.name for path in Path(report.folder).iterdir()}
    assert names == {"bench.csv", "bench-rounds.csv", "bench.json", "bench.txt", "bench.png"}
    record = json.loads((report.folder / "bench.json").read_text())
    assert record["machine"] == "here" and "floor_shares" in record
    assert pd.read_csv(report.folder / "bench.csv")["ratio"].notna().all()


def test_scale(train, report, capsys):
    swept = [("parameters", TINY), ("batch_size", Case((784, 12, 10), 16, "sgd", 2))]
    summary = command.scale(swept, train, 1, report, rest=0.0, choices=[1])
    assert list(summary["sweep"]) == ["parameters"] * 2 + ["batch_size"] * 2
    assert (summary["parameters"] == 785 * 12 + 130).all()
    out = capsys.readouterr().out
    assert "9,550" in out and narrow(scale_text(summary))


def test_the_sweeps_reach_from_end_to_end():
    swept = command.sweeps()
    sizes = [case.parameter_count for sweep, case in swept if sweep == "parameters"]
    assert min(sizes) == pytest.approx(1e4, rel=0.05) and max(sizes) == pytest.approx(1e7, rel=0.01)
    assert {case.batch_size for sweep, case in swept if sweep == "batch_size"} >= {1, 4096}
    assert len({case.name for _, case in swept}) == len(swept)


@pytest.mark.parametrize("mode", ["inspect", "variants"])
def test_looking_inside(mode, train, report, capsys):
    summary = command.look_inside(mode, train, 1, report, steps=2)
    out = capsys.readouterr().out
    assert narrow(out.partition("\n  /")[0])
    if mode == "inspect":
        assert {"nothing", "one neuron", "ten neurons"} <= set(summary["what"])
    else:
        assert set(summary["kind"]) == {"optimizer", "activation", "loss"}
        assert {"lion", "gelu", "huber", inside.BASE} <= set(summary["what"])


def test_looking_reads_the_network(train):
    network = inside._settings().network((28, 28), 10)
    seen = []
    look = inside.CallEvery(lambda: seen.append(network[1][17].a.shape), every=2)
    network.fit(train.images, train.labels, 1, 50, verbose=False, callbacks=[look])
    assert seen == [(50,)] * 2
    for callbacks in inside.ways_of_looking(network, train.images, train.labels).values():
        network.fit(train.images, train.labels, 1, 2, verbose=False, callbacks=callbacks)


def test_profile(train):
    network = ns.Network([ns.Input(784), ns.Dense(20, "relu"), ns.Dropout(0.1), ns.Dense(10, "softmax")], seed=0)
    before = network.snapshot()
    frame, text = profile_step(network, train.images, train.labels, 16, steps=6, chunks=2)
    assert list(frame["part"]) == [*inside.PARTS, "step"]
    parts, step = frame.iloc[:-1], frame.iloc[-1]
    assert parts["seconds"].sum() == pytest.approx(step.seconds) and parts["share"].sum() == pytest.approx(1)
    assert step.floor == pytest.approx(parts["floor"].sum())
    assert frame.loc[frame["part"] == "update", "floor"].isna().all()
    assert narrow(text) and "backward" in text
    for name, array in network.arrays().items():
        np.testing.assert_array_equal(array, before["arrays"][name])
    assert len(viz.step_profile(frame).patches) == 12


def test_a_failing_peer_drops_out(train, tmp_path):
    notes = []
    with shared_data(train) as folder:
        race = Race(TINY, ["neurosim", "torch"], folder, len(train), notes.append, rest=0.0, choices=[1])
        race.case = Case((784, 12, 10), 8, "sgd", 2)
        (folder / "labels.npy").unlink()
        race.run(1)
        with pytest.raises(WorkerError, match="neurosim failed: FileNotFoundError"):
            worker = Worker(Setting("neurosim", 1, ""), TINY, folder)
            try:
                worker.ask()
            finally:
                worker.close()
    assert [note.partition(":")[0] for note in notes] == ["neurosim failed", "torch failed"]
    assert race.rows == []


def test_ctrl_c_leaves_what_there_is(train, report, monkeypatch, capsys):
    real = Race._pass

    def interrupted(self, worker, number):
        if number == 1:
            raise KeyboardInterrupt
        return real(self, worker, number)

    monkeypatch.setattr(Race, "_pass", interrupted)
    monkeypatch.setattr("scenarios.bench.measure.TRIALS", 1)
    summary = command.compare([TINY], ["floor", "neurosim"], train, 3, report, rest=0.0, choices=[1])
    assert (summary["rounds"] == 1).all() and summary["memory"].isna().all()
    assert "interrupted" in capsys.readouterr().err


def test_too_few_images(train, tmp_path, refused):
    with refused("at least 256 images", "received 200"):
        Race(CASES["784-128-64-10/256/sgd"], ["neurosim"], tmp_path, len(train))
