"""``inspect``: the report card of a saved network, and one neuron of it."""

import pandas as pd
import pytest

import neurosim as ns
from neurosim.analysis.report_card import COLUMNS


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A network for the digits, trained for an epoch and saved."""
    train, _ = ns.data.load("digits")
    net = ns.Network([ns.Input((28, 28)), ns.Dense(8, "relu"), ns.Dense(10, "softmax")], seed=0)
    net.fit(train.images[:300], train.labels[:300], epochs=1, verbose=False)
    return str(net.save(tmp_path_factory.mktemp("model") / "net.npz"))


def test_inspect_prints_a_report_card(model, cli, tmp_path):
    result = cli("inspect", model, "--data", "digits")
    assert result.code == 0, result.err
    assert "18 neurons; the 8 hidden ones without which most accuracy is lost" in result.out
    assert max(map(len, result.out.splitlines()[:-1])) <= 80
    card = pd.read_csv(tmp_path / "results/inspect/neurons.csv")
    assert len(card) == 18 and list(card.columns[:2]) == ["layer", "neuron"]
    lines = result.out.splitlines()
    assert lines[3] == "layer" and lines[4] == "|  neuron"
    start = next(k for k, line in enumerate(lines) if line.endswith("  most_similar"))
    shown = [line.split() for line in lines[start + 1 : start + 9]]
    hidden = card[card["layer"] == 1].set_index("neuron")
    assert sorted(int(words[1]) for words in shown) == list(range(8))
    assert [float(words[8].rstrip("%")) for words in shown] == sorted(
        (round(100 * lost, 2) for lost in hidden["accuracy_lost"]), reverse=True
    )
    names = [line.split()[-1] for line in lines[3 : start + 1]]  # each above the right edge of its column
    assert set(names) <= set(card.columns) and len(names) == len(shown[0])
    for name, line in zip(names, lines[3 : start + 1], strict=True):
        edge = line.index(name)
        assert all(row[edge] != " " and row[edge + 1 : edge + 2] in ("", " ") for row in lines[start + 1 : start + 9])
    for words in shown:
        row = hidden.loc[int(words[1])]
        assert float(words[2]) == pytest.approx(row["mean_activation"], rel=5e-3)
        assert float(words[7]) == pytest.approx(row["weight_norm"], abs=5e-3)


@pytest.mark.parametrize(("words", "count", "kind"), [(["--layer", "2"], 10, ""), (["--rows", "3"], 3, "hidden ones ")])
def test_inspect_prints_a_part_of_it(words, count, kind, model, cli):
    result = cli("inspect", model, "--data", "digits", *words)
    assert result.code == 0 and f"the {count} {kind}without which" in result.out


def test_every_column_has_one_name_and_is_explained(model, cli, tmp_path):
    lines = cli("inspect", model, "--data", "digits").out.splitlines()
    card = pd.read_csv(tmp_path / "results/inspect/neurons.csv")
    assert list(card.columns) == list(COLUMNS) == list(ns.Network.load(model).report(ns.data.load("digits")[1]).columns)
    for name, meaning in COLUMNS.items():
        assert f"  {name:<20}{meaning}" in lines


def test_inspect_draws_one_neuron(model, cli, tmp_path):
    result = cli("inspect", model, "--data", "digits", "--layer", "1", "--neuron", "5", "--out", "one")
    assert result.code == 0, result.err
    for kind in ("by_class", "top_samples", "maximizing_input", "weights"):
        assert (tmp_path / f"one/layer1-neuron5-{kind}.png").exists()
        assert f"layer1-neuron5-{kind}.png" in result.out
    assert "neuron              5" in result.out
    card = pd.read_csv(tmp_path / "one/neurons.csv")
    for name, meaning in COLUMNS.items():
        (line,) = [line for line in result.out.splitlines() if line.startswith(f"{name} ")]
        assert line.endswith(meaning) and len(line) <= 80
    own = card[(card["layer"] == 1) & (card["neuron"] == 5)].iloc[0]
    assert f"{'dead_fraction':<20}{own['dead_fraction']:.4g} " in result.out


def test_a_layer_without_weights_has_no_report_card(cli, tmp_path):
    layers = [ns.Input((28, 28)), ns.Dense(4), ns.BatchNorm("relu"), ns.Dense(10, "softmax")]
    ns.Network(layers).save(tmp_path / "net.npz")
    result = cli("inspect", "net.npz", "--data", "digits", "--layer", "2")
    assert result.code == 2 and "--layer: expected a layer with weights (1, 3), received 2, BatchNorm" in result.err


def test_train_and_inspect_go_together(cli):
    assert cli("train", "--data", "digits", "--epochs", "1", "--train-size", "300", "--hidden", "8").code == 0
    assert "18 neurons" in cli("inspect", "runs/latest/net.npz").out
