"""``inspect``: the report card of a saved network, and one neuron of it."""

import numpy as np
import pandas as pd
import pytest
from figure_checks import assert_legible, words as words_of

import neurosim as ns
import viz
from neurosim.analysis.report_card import COLUMNS
from neurosim.cli.filters import draw_filter, draw_layers
from neurosim.cli.inspect import draw_neuron
from neurosim.text import short


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
    assert "18 neurons; these 8 hidden ones matter most (by the accuracy lost without each):" in result.out
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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--layer", "2"], "10 neurons, sorted by the accuracy lost without each:"),
        (["--rows", "3"], "18 neurons; these 3 hidden ones matter most (by the accuracy lost without each):"),
        (["--rows", "1"], "18 neurons; this hidden one matters most (accuracy lost without it):"),
    ],
)
def test_inspect_prints_a_part_of_it(words, said, model, cli):
    result = cli("inspect", model, "--data", "digits", *words)
    assert result.code == 0 and said in result.out


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


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A convolutional network for the digits, trained for an epoch and saved."""
    train, _ = ns.data.load("digits")
    layers = [ns.Conv2D(3, 5, "relu"), ns.MaxPool2D(4), ns.Conv2D(2, 3, "relu"), ns.BatchNorm()]
    net = ns.Network([ns.Input((28, 28)), *layers, ns.Dense(10, "softmax")], seed=0)
    net.fit(train.images[:300], train.labels[:300], epochs=1, verbose=False)
    return str(net.save(tmp_path_factory.mktemp("images") / "net.npz"))


@pytest.mark.full
def test_inspect_draws_the_kernels_and_the_feature_maps_of_samples(images, cli, tmp_path):
    result = cli("inspect", images, "--data", "digits", "--samples", "3", "7", "3", "--rows", "2")
    assert result.code == 0, result.err
    drawn = sorted(path.name for path in (tmp_path / "results/inspect").glob("*.png"))
    kernels = ["layer1-kernels.png", "layer3-kernels.png"]
    assert drawn == [*kernels, "sample3-feature_maps.png", "sample7-feature_maps.png"]
    assert all(f"results/inspect/{name}" in result.out for name in drawn)
    assert max(map(len, result.out.splitlines()[:-6])) <= 80
    cli("inspect", images, "--data", "digits", "--layer", "3", "--out", "one")
    assert sorted(path.name for path in (tmp_path / "one").glob("*.png")) == [kernels[1], "sample0-feature_maps.png"]


def test_pictures_of_layers_of_another_run_are_taken_out_of_the_folder(images, tmp_path):
    net, (_, test) = ns.Network.load(images), ns.data.load("digits")
    mine, old = ("layer1-kernels.svg", "layer1-my-kernels.png"), ("layer9-kernels.png", "sample12-feature_maps.png")
    for name in (*mine, *old):
        (tmp_path / name).touch()
    draw_layers(net, 3, [], test, tmp_path, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted((*mine, "layer3-kernels.png"))
    dense = ns.Network([ns.Input((28, 28)), ns.Dense(10, "softmax")])
    assert draw_layers(dense, None, [0], test, tmp_path, "") == []
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(mine)


@pytest.mark.full
def test_the_input_that_a_filter_likes_is_that_of_its_mean(images, tmp_path, monkeypatch):
    net, (_, test) = ns.Network.load(images), ns.data.load("digits")
    drawn = []
    monkeypatch.setattr(viz, "save", lambda picture, path, note: drawn.append((path.name, picture)) or path)
    draw_neuron(net, 1, 2, test, tmp_path, "")
    picture = next(picture for name, picture in drawn if name.endswith("maximizing_input.png"))
    assert_legible(picture)
    image, mean = ns.maximizing_input(net, 1, 2)
    net.predict(image.reshape(1, 28, 28))
    assert net[1][2].a.mean() == pytest.approx(mean, rel=1e-4) and f"mean a = {short(mean)};" in words_of(picture)


@pytest.mark.full
def test_inspect_draws_one_filter(images, cli, tmp_path):
    result = cli("inspect", images, "--data", "digits", "--layer", "3", "--neuron", "1", "--out", "one")
    assert result.code == 0, result.err
    kinds = ["by_class", "maps", "maximizing_input", "products", "top_patches", "weights"]
    assert sorted(path.name for path in (tmp_path / "one").glob("*.png")) == [
        f"layer3-neuron1-{kind}.png" for kind in kinds
    ]


def test_what_inspect_draws_of_a_filter_is_what_it_says(images):
    net, (_, test) = ns.Network.load(images), ns.data.load("digits")
    drawn = draw_filter(net, 3, 1, test, "Filter 1 of layer 3")
    best = ns.top_patches(net, test, 3, 1)[0]
    net.predict(test.x[best.sample][None])
    unit = net[3][1].at(best.row, best.column)
    said = words_of(drawn["products"])
    assert f"row {best.row}, column {best.column} of test sample {best.sample}" in said
    assert f"= {ns.text.short(float(unit.z[0]), 4)}" in said
    sample, *layers = drawn["maps"].axes
    assert np.array_equal(sample.images[0].get_array(), test.x[best.sample])
    outlines = [[each for each in ax.patches if each.get_gid() == "field"] for ax in (sample, *layers[:3])]
    assert [len(each) for each in outlines] == [1, 3, 3, 1]
    rows, columns = unit.receptive_field
    assert outlines[0][0].get_bbox().bounds == pytest.approx(
        (columns.start - 0.5, rows.start - 0.5, columns.stop - columns.start, rows.stop - rows.start)
    )
    channel = draw_filter(net, 4, 0, test, "Channel 0 of layer 4")  # it has no kernel
    assert list(channel) == ["top_patches"]


def test_samples_that_have_no_maps_are_refused(images, model, cli):
    _, test = ns.data.load("digits")
    for arguments, said in (
        ([images, "--samples", str(len(test))], f"--samples: expected test samples 0 to {len(test) - 1}"),
        (
            [model, "--samples", "0"],
            "--samples: expected a network with convolutional or pooling layers, and no --neuron",
        ),
        ([images, "--samples", "0", "--layer", "1", "--neuron", "0"], "and no --neuron"),
    ):
        result = cli("inspect", *arguments, "--data", "digits")
        assert result.code == 2 and said in result.err


@pytest.mark.full
def test_a_convolutional_training_draws_its_kernels(cli, tmp_path):
    settings = ("--data", "digits", "--epochs", "1", "--train-size", "200", "--hidden", "8")
    for conv in ("3x5,pool4", "pool4,2x3"):
        result = cli("train", *settings, "--conv", conv)
        assert result.code == 0, result.err
        assert (tmp_path / "runs/latest/weights.png").exists() and (tmp_path / "runs/latest/mistakes.png").exists()
