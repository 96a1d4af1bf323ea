"""The benchmark: that all competitors do the same work, that the statistics are right, and that every mode runs."""

import itertools
import json
import os
import re
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import neurosim as ns
import viz
from scenarios.bench import command, inside, measure, peers, profile_step
from scenarios.bench.cases import CASES, Case, choose_cases, choose_competitors, choose_peers, missing_modules
from scenarios.bench.measure import TRIALS, Race, Setting, TooSlow, Worker, WorkerError, shared_data
from scenarios.bench.peers import COMPETITORS, Products, initial_weights, mean_loss
from scenarios.bench.store import Store
from scenarios.bench.tables import (
    cost_text,
    floor_shares,
    overall,
    quartiles,
    race_rows,
    race_table,
    race_text,
    scale_text,
    summarize,
)
from scenarios.protocol import kept
from scenarios.protocol.statistics import geometric_mean

TINY = Case((784, 12, 10), 8, "sgd", 4)
TINY_CONV = Case((784, 12, 10), 8, "sgd", 4, ((3, 5), (2,), (4, 3), (2,)), "tiny")


OWN = ("floor", "neurosim", "neurosim numpy")


def has(peer):
    return peer in OWN or not missing_modules(peer)


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
    competitor = COMPETITORS[name](case, images, train.labels, initial_weights(case.widths, case.conv), form)
    competitor.begin(start=40, seed=3)
    competitor.train()
    return competitor


@pytest.mark.full
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


def by_hand_with_convolutions(case, images, labels, order):
    """Weights after the case's SGD steps, by neurosim in float64, which other tests compare with PyTorch."""
    kernels = [ns.Conv2D(*each, "relu") if len(each) == 2 else ns.MaxPool2D(*each) for each in case.conv]
    layers = [*kernels, *(ns.Dense(n, "relu") for n in case.widths[1:-1]), ns.Dense(case.widths[-1], "softmax")]
    optimizer = ns.SGD(case.learning_rate)
    net = ns.Network([ns.Input((28, 28)), *layers], "cross_entropy", optimizer, dtype="float64", engine="numpy")
    weighted = [layer for layer in layers if layer.weight_name]
    for layer, (W, b) in zip(weighted, initial_weights(case.widths, case.conv), strict=True):
        layer.W, layer.b = W, b
    for rows in order.reshape(-1, case.batch_size):
        net.train_batch(images[rows], labels[rows])
    return [(layer.W, layer.b) for layer in weighted]


@pytest.mark.full
@pytest.mark.parametrize(
    ("name", "form"),
    [(name, form) for name, kind in COMPETITORS.items() if name != "floor" for form in kind.conv_forms],
)
def test_all_competitors_take_the_same_steps_with_convolutions(name, form, train):
    if not has(name):
        pytest.skip(f"{name} is not installed")
    images = train.images.reshape(len(train), -1)
    order = 40 + np.random.default_rng(3).permutation(TINY_CONV.steps * TINY_CONV.batch_size)
    competitor = trained(name, form, TINY_CONV, train)
    right = by_hand_with_convolutions(TINY_CONV, images, train.labels, order)
    for mine, expected in zip(competitor.weights(), right, strict=True):
        for a, b in zip(mine, expected, strict=True):
            assert a.dtype == np.float32
            np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)
    if name == "neurosim":
        loss = competitor.network.evaluate(images, train.labels)["loss"]
        assert mean_loss(competitor.weights(), images, train.labels, TINY_CONV.conv) == pytest.approx(loss, rel=1e-5)


def test_the_floor_of_a_convolution_multiplies_all_patches(train):
    case = choose_cases("conv")[0]
    assert [shape for shape, _ in peers.shapes(case.widths, case.conv)] == [
        *((5, 5, 1, 6), (5, 5, 6, 16)),
        *((256, 120), (120, 84), (84, 10)),
    ]
    floor = COMPETITORS["floor"](case, train.images, train.labels, initial_weights(case.widths, case.conv), "")
    found = [(x.shape, y.shape) for x, y, _ in floor.products.forward_products]
    assert found[:3] == [((64 * 24 * 24, 25), (25, 6)), ((64 * 8 * 8, 150), (150, 16)), ((64, 256), (256, 120))]
    assert len(floor.products.backward_products) == 2 * 5 - 1
    assert case.parameter_count == 156 + 2416 + 257 * 120 + 121 * 84 + 85 * 10


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


def test_neurosims_own_row_is_the_compiled_engine_where_there_is_one(train, monkeypatch):
    engines = []

    class WithEngines(ns.Network):
        def __init__(self, *arguments, engine="auto", **named):
            engines.append(engine)
            super().__init__(*arguments, **named)

    monkeypatch.setattr(ns, "Network", WithEngines)
    monkeypatch.setattr(peers, "find_spec", lambda name: name)
    assert choose_competitors(["torch"]) == ["floor", "neurosim", "neurosim numpy", "torch"]
    trained("neurosim", "", TINY, train)
    trained("neurosim numpy", "", TINY, train)
    assert engines == ["compiled", "numpy"]
    monkeypatch.setattr(peers, "find_spec", lambda name: None)  # without numba there is NumPy alone
    assert choose_competitors(["torch"]) == ["floor", "neurosim", "torch"]
    trained("neurosim", "", TINY, train)
    assert engines[2:] == ["auto"]


@pytest.mark.parametrize(("name", "form"), [(name, form) for name, kind in COMPETITORS.items() for form in kind.forms])
def test_making_ready_changes_no_weight(name, form, train):
    if not has(name) or name == "floor":
        pytest.skip(f"{name} is not installed, or trains nothing")
    images = train.images.reshape(len(train), -1).copy()
    competitor = COMPETITORS[name](TINY, images, train.labels, initial_weights(TINY.widths), form)
    for mine, right in zip(competitor.weights(), initial_weights(TINY.widths), strict=True):
        for a, b in zip(mine, right, strict=True):
            np.testing.assert_array_equal(a, b)
    x, y = competitor.prepare(images, train.labels)
    scaled = np.asarray(x) if np.asarray(x).dtype == np.float32 else np.asarray(x) / 255.0
    np.testing.assert_allclose(scaled, images / 255.0, rtol=1e-6)
    np.testing.assert_array_equal(np.asarray(y), train.labels)


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
    competitors = {"floor": 0.5, "neurosim": 1.0, "torch": 12.34, "sklearn": 23.45, "jax": 34.56, "neurosim numpy": 2}
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
    text = race_text(summary)
    assert narrow(text)
    for words in ("784-800-800-10/128/adam", "geometric mean", "worst against torch: 12.34", "50\u00a0%"):
        assert words in text
    text = race_table(summary.assign(memory=1234e6, prepare=0.25, threads=16, form="float32"))
    assert narrow(text)
    for words in (
        "784-800-800-10/128/adam\n",
        "  neurosim          10,000      1                0.25 1,234  float32 16 threads\n",
        "  torch            123,400  12.34  12.3 12.3     0.25 1,234  float32 16 threads\n",
    ):
        assert words in text


def test_a_row_says_nothing_of_what_is_not_known(rounds):
    summary = summarize(rounds[rounds["competitor"] != "neurosim"])
    text = race_rows(summary.iloc[:2].assign(memory=np.nan, prepare=np.nan, threads=1, form=""))
    assert text.splitlines()[1].split() == ["floor", "100", "-", "1", "thread"]


# -- choosing --------------------------------------------------------------------------------------------------------


def test_who_has_no_convolution_takes_no_part(tmp_path):
    race = Race(choose_cases("conv")[1], ["floor", "neurosim", "sklearn", "torch"], tmp_path, 6400)
    assert race.competitors == ["floor", "neurosim", "torch"]


@pytest.mark.full
def test_a_case_without_one_of_the_peers_leaves_its_cell_out(train, report, capsys):
    if not has("sklearn"):
        pytest.skip("sklearn is not installed")
    cases, who = [TINY, TINY_CONV.with_steps(2)], ["floor", "neurosim", "sklearn"]
    report.store = Store(report.folder / "cases", {}, train.sha256, 1)
    summary = command.compare(cases, who, train, 1, report, rest=0.0, choices=[1])
    assert summary[summary["case"] == "tiny/8/sgd"]["competitor"].tolist() == who[:2]
    assert re.search(r"^tiny/8/sgd +-$", capsys.readouterr().out, re.MULTILINE)
    again = command.compare(cases, who, train, 1, report, rest=0.0, choices=[1])
    assert "2 of 2 cases were finished before" in capsys.readouterr().err
    pd.testing.assert_frame_equal(summary, again)


def test_choices():
    names = ["lenet/64/sgd", "lenet/64/adam"]
    assert [case.name for case in choose_cases("conv")] == names
    assert [case.name for case in choose_cases("small,conv,lenet/64/sgd")][2:] == names
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


@pytest.mark.full
def test_a_race_of_every_peer(train, report, capsys):
    others = [name for name in ("sklearn",) if has(name)]  # torch and jax take seconds to start
    case = TINY.with_steps(3)
    summary = command.compare([case], ["floor", "neurosim", *others], train, 2, report, rest=0.0, choices=[1])
    assert list(summary["competitor"]) == ["floor", "neurosim", *others]
    assert (summary["rounds"] == 2).all() and (summary["seconds"] > 0).all() and (summary["threads"] == 1).all()
    trained = summary[summary["competitor"] != "floor"]
    assert (trained["memory"] > 0).all() and (trained["prepare"] > 0).all()
    assert summary["prepare"].isna().tolist() == (summary["competitor"] == "floor").tolist()
    assert trained["loss"].to_numpy() == pytest.approx(trained["loss"].iloc[0], rel=1e-3)
    assert narrow(capsys.readouterr().out.partition("\n  /")[0])
    names = {path.name for path in Path(report.folder).iterdir()}
    assert names == {"bench.csv", "bench-rounds.csv", "bench.json", "bench.txt", "bench.png"}
    record = json.loads((report.folder / "bench.json").read_text())
    assert record["machine"] == "here" and "floor_shares" in record
    assert pd.read_csv(report.folder / "bench.csv")["ratio"].notna().all()


@pytest.mark.full
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


@pytest.mark.quick_for("inspect")
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


@pytest.mark.full
def test_ctrl_c_leaves_what_there_is(train, report, monkeypatch, capsys):
    interrupt_in_the_second_round_of(TINY, monkeypatch)
    summary = command.compare([TINY], ["floor", "neurosim"], train, 3, report, rest=0.0, choices=[1])
    assert (summary["rounds"] == 1).all() and summary["memory"].isna().all()
    said = capsys.readouterr()
    assert "interrupted" in said.err and TINY.name in said.out


def interrupt_in_the_second_round_of(case, monkeypatch):
    real = Race._pass

    def interrupted(self, worker, number, limit=None):
        if self.case.name == case.name and number == TRIALS + 2:
            raise KeyboardInterrupt
        return real(self, worker, number, limit)

    monkeypatch.setattr(Race, "_pass", interrupted)


OTHER = Case((784, 12, 10), 8, "adam", 4)
HERE = {"cpu": "a", "date": "today", "load": 0.1}


class Brisk:
    """A worker without a process, which trains nothing; no two of its passes take the same time."""

    passes = itertools.count(1)

    def __init__(self, setting, case, folder):
        self.setting = setting

    def tell(self, begin):
        pass

    def ask(self, limit=None, train=False, finish=False):
        if finish:
            return {"memory": 10**8} | ({} if self.setting.name == "floor" else {"loss": 1.0, "prepare": 0.1})
        return {"seconds": 0.01 + 1e-6 * next(self.passes)} if train else {"ready": True}

    def close(self):
        pass


def race_two(
    train,
    folder,
    cases=(TINY, OTHER),
    names=("floor", "neurosim"),
    rounds=2,
    here=HERE,
    choices=(1,),
    worker=Brisk,
    **data,
):
    """The comparison as the command makes it, no process started; returns the summary, and what was measured."""
    report = command.Report("bench", folder, "note", {})
    report.store = Store(folder / "cases", here, data.get("data", train.sha256), rounds)
    measured, run = [], Race.run

    def noted(self, *arguments):
        measured.append(self.case.name)
        run(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Race, "run", noted)
        patch.setattr(measure, "Worker", worker)
        summary = command.compare(list(cases), list(names), train, rounds, report, rest=0.0, choices=list(choices))
    return summary, measured


def test_a_case_is_printed_and_written_when_it_is_finished(train, tmp_path, monkeypatch, capsys):
    real = Race.run
    said = ""

    def run(self, *arguments):
        nonlocal said
        if self.case.name == OTHER.name:
            said = capsys.readouterr().out
            assert list(pd.read_csv(tmp_path / "bench.csv")["case"].unique()) == [TINY.name]
            assert list(pd.read_csv(tmp_path / "bench-rounds.csv")["case"].unique()) == [TINY.name]
            assert json.loads((tmp_path / "bench.json").read_text())["floor_shares"].keys() == {"sgd"}
            assert TINY.name in (tmp_path / "bench.txt").read_text()
            assert not (tmp_path / "bench.png").exists()
        real(self, *arguments)

    monkeypatch.setattr(Race, "run", run)
    race_two(train, tmp_path)
    lines = said.splitlines()
    assert lines[-3] == TINY.name and [line.split()[0] for line in lines[-2:]] == ["floor", "neurosim"]
    out = capsys.readouterr().out
    assert out.count(f"{OTHER.name}\n  floor") == 1 and f"{TINY.name}\n" not in out
    assert (tmp_path / "bench.txt").read_text().startswith(said)  # the same table, whole at the end
    assert (tmp_path / "bench.png").exists()


def test_finished_cases_are_taken_over(train, tmp_path, monkeypatch, capsys):
    first, measured = race_two(train, tmp_path)
    assert measured == [TINY.name, OTHER.name]
    capsys.readouterr()
    again, measured = race_two(train, tmp_path, here={**HERE, "date": "tomorrow", "load": 9.0})
    said = capsys.readouterr()
    assert measured == [] and "bench: 2 of 2 cases were finished before and are reused" in said.err
    assert f"{TINY.name}\n  floor" in said.out and f"{OTHER.name}\n  floor" in said.out
    pd.testing.assert_frame_equal(first, again)
    third = Case((784, 12, 10), 16, "sgd", 2)
    real, found = Race.run, []

    def run(self, *arguments):
        found.extend(pd.read_csv(tmp_path / "bench.csv")["case"].unique())
        real(self, *arguments)

    monkeypatch.setattr(Race, "run", run)
    _, measured = race_two(train, tmp_path, cases=(TINY, third, OTHER))
    assert measured == [third.name] and found == [TINY.name, OTHER.name]  # of those, no file loses one on the way


@pytest.mark.quick_every(3)
@pytest.mark.parametrize(
    "change",
    [
        {"here": {**HERE, "cpu": "b"}},
        {"data": "other images"},
        {"rounds": 3},
        {"names": ("neurosim",)},
        {"cases": (TINY.with_steps(3),)},
        {"choices": (1, 2)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_decides_the_seconds_is_measured_anew(change, train, tmp_path):
    assert race_two(train, tmp_path, cases=(TINY,))[1] == [TINY.name]
    assert race_two(train, tmp_path, **{"cases": (TINY,), **change})[1] == [TINY.name]


@pytest.mark.full
def test_what_is_damaged_or_impossible_is_measured_anew(train, tmp_path):
    race_two(train, tmp_path, cases=(TINY,))
    (path,) = (tmp_path / "cases").iterdir()
    whole = path.read_text()
    record = json.loads(whole)
    record["result"]["rows"][0]["seconds"] = -1.0
    record["sha256"] = kept.checksum(json.dumps(record["result"]))
    for text in (whole[:-20], whole.replace('"round": 1', '"round": 0'), json.dumps(record), "[]"):
        path.write_text(text)
        assert race_two(train, tmp_path, cases=(TINY,))[1] == [TINY.name]
    path.write_text(whole)
    assert race_two(train, tmp_path, cases=(TINY,))[1] == []
    Store(tmp_path / "cases", HERE, train.sha256, 2, fresh=True)
    assert race_two(train, tmp_path, cases=(TINY,))[1] == [TINY.name]


def test_the_cases_before_an_interrupted_one_are_kept(train, tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        interrupt_in_the_second_round_of(OTHER, patch)
        summary, _ = race_two(train, tmp_path)
    assert summary.set_index(["case", "competitor"])["rounds"].tolist() == [2, 2, 1, 1]
    assert "interrupted: these are the results so far" in capsys.readouterr().err
    before = summary[summary["case"] == TINY.name]
    summary, measured = race_two(train, tmp_path)
    assert measured == [OTHER.name]
    pd.testing.assert_frame_equal(summary[summary["case"] == TINY.name], before)


def test_a_case_without_all_of_its_competitors_is_not_finished(train, tmp_path, monkeypatch):
    assert race_two(train, tmp_path, cases=(TINY,), worker=failing(Brisk, "floor"))[1] == [TINY.name]
    assert race_two(train, tmp_path, cases=(TINY,))[1] == [TINY.name]


@pytest.mark.full
def test_ctrl_c_at_any_moment_says_how_to_go_on_and_leaves_no_folder(train, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("scenarios.bench.measure.REST", 0.0)
    for place in ("_pass", "show", "write"):
        with monkeypatch.context() as patch:
            owner = {"_pass": Race, "show": command, "write": command.Report}[place]
            patch.setattr(owner, place, interrupt)
            with pytest.raises(KeyboardInterrupt):
                command.measure(None, [TINY], ["neurosim"], train, 1, tmp_path / "out", "bench", threads=1)
        assert capsys.readouterr().err.endswith("\nfinished cases are kept; the same command goes on from there\n")
        assert not list(tmp_path.glob("neurosim-bench-*"))
    command.measure(None, [TINY], ["neurosim"], train, 1, tmp_path / "out", "bench", threads=1)
    assert "1 of 1 cases were finished before" in capsys.readouterr().err


def interrupt(*arguments, **named):
    raise KeyboardInterrupt


def failing(kind, name):
    class Failing(kind):
        def ask(self, limit=None, **message):
            if self.setting.name == name:
                raise WorkerError(f"{name} failed: no memory")
            return super().ask(limit, **message)

    return Failing


class Pretender:
    """A worker whose passes take what stands here, and which notes of which setting one was asked for, and how long."""

    def __init_subclass__(cls, seconds):
        cls.seconds, cls.asked, cls.closed = seconds, [], []

    def __init__(self, setting, case, folder):
        self.setting = setting
        self.passes = iter(self.seconds[setting.form])

    def tell(self, begin):
        pass

    def ask(self, limit=None, train=False):
        if not train:
            return {"ready": True}
        self.asked.append((self.setting.form, limit))
        seconds = next(self.passes)
        if isinstance(seconds, Exception):
            raise seconds
        return {"seconds": seconds}

    def close(self):
        self.closed.append(self.setting.form)


def test_a_setting_that_is_clearly_slower_is_dropped_after_one_look(tmp_path, monkeypatch):
    class Five(
        Pretender,
        seconds={"a": [3.0], "b": [1.9], "c": [1.0, 1.0, 1.0], "d": [1.4, 0.8, 1.2], "e": [TooSlow("")]},
    ):
        pass

    monkeypatch.setattr(measure, "Worker", Five)
    race = Race(TINY, ["floor"], tmp_path, 100, rest=0.0)
    best = race._fastest([Setting("floor", 1, form) for form in "bcdea"])
    assert best.setting.form == "d"  # its shortest pass is the shortest of those that came near
    assert [form for form, _ in Five.asked] == [*"bcdea", *"cd", *"cd"]
    limits = [limit for _, limit in Five.asked]
    assert limits[:3] == [None, 1.5 * 1.9 + measure.PATIENCE, 1.5 + measure.PATIENCE]
    assert sorted(Five.closed) == [*"abce"]


@pytest.mark.full
def test_a_pass_that_takes_too_long_is_ended(train):
    long = Case((784, 800, 800, 10), 8, "adam", 25)
    with shared_data(train) as folder:
        worker = Worker(Setting("neurosim", 1, ""), long, folder)
        try:
            worker.ask()
            worker.tell(begin={"start": 0, "seed": 0})
            with pytest.raises(TooSlow, match="neurosim took longer"):
                worker.ask(0.01, train=True)
            assert worker.process.returncode is not None
        finally:
            worker.close()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads Linux's clocks")
@pytest.mark.full
@pytest.mark.parametrize("name", [name for name in COMPETITORS if name != "floor"])
def test_a_worker_that_waits_does_not_spin(name, train):
    if not has(name):
        pytest.skip(f"{name} is not installed")
    with shared_data(train) as folder:
        worker = Worker(Setting(name, 2, COMPETITORS[name].forms[0]), Case((784, 128, 64, 10), 64, "sgd", 3), folder)
        try:
            worker.ask()
            worker.tell(begin={"start": 0, "seed": 0})
            worker.ask(train=True)
            time.sleep(measure.REST)
            before, began = processor_seconds(worker.process.pid), time.monotonic()
            time.sleep(0.5)
            spent = processor_seconds(worker.process.pid) - before
            assert spent < 0.1 * (time.monotonic() - began)
        finally:
            worker.close()


def processor_seconds(pid):
    """What all threads of a process have computed so far."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def test_too_few_images(train, tmp_path, refused):
    with refused("at least 256 images", "received 200"):
        Race(CASES["784-128-64-10/256/sgd"], ["neurosim"], tmp_path, len(train))
