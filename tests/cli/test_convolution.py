"""Networks with convolutions on the command line: every command that takes one, and that what it says is true."""

import json

import numpy as np
import pandas as pd
import pytest

import neurosim as ns
from neurosim.training.batches import Batches

SMALL = ("--data", "digits", "--train-size", "200", "--epochs", "1", "--batch-size", "50")
CONV = ("--conv", "4x5,pool4,3x3", "--hidden", "8")


def names(network):
    return [type(layer).__name__ for layer in network]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A convolutional network that has seen the digits for an epoch, saved."""
    train, _ = ns.data.load("digits")
    layers = [ns.Conv2D(4, 5, "relu"), ns.MaxPool2D(4), ns.Flatten(), ns.Dense(10, "softmax")]
    net = ns.Network([ns.Input((28, 28)), *layers], seed=0)
    net.fit(train.images[:300], train.labels[:300], epochs=1, verbose=False)
    return str(net.save(tmp_path_factory.mktemp("model") / "net.npz"))


@pytest.mark.full
def test_train_saves_the_network_that_it_shows(cli, tmp_path):
    result = cli("train", *SMALL, *CONV, "--out", "run", "--quiet")
    assert result.code == 0, result.err
    for line in (
        "1 Conv2D 4x5 relu  (B, 24, 24, 4)         104",
        "2 MaxPool2D 4      (B, 6, 6, 4)             0",
        "3 Conv2D 3x3 relu  (B, 4, 4, 3)           111",
        "4 Flatten          (B, 48)                  0",
    ):
        assert line in result.out
    net = ns.Network.load(tmp_path / "run/net.npz")
    assert names(net) == ["Input", "Conv2D", "MaxPool2D", "Conv2D", "Flatten", "Dense", "Dense"]
    test = ns.data.load("digits")[1]
    assert f"test accuracy {100 * net.evaluate(test)['accuracy']:.2f} %" in result.out
    assert (tmp_path / "run/weights.png").stat().st_size > 5_000
    assert repr(net).startswith("Network(784 -> 24x24x4 -> 6x6x4 -> 4x4x3 -> 8 -> 10: ")


@pytest.mark.full
def test_a_run_that_was_interrupted_goes_on_bit_for_bit(cli, tmp_path, monkeypatch):
    words = ("train", *SMALL, *CONV, "--epochs", "2", "--batch-norm", "--dropout", "0.2", "--checkpoint-every", "3")
    assert cli(*words, "--out", "whole", "--quiet").code == 0
    advance, done = Batches.advance, []

    def stop(self, *arguments):
        if len(done) == 5:
            raise KeyboardInterrupt
        done.append(1)
        return advance(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Batches, "advance", stop)
        assert cli(*words, "--out", "run", "--quiet").code == 130
    refused = cli("train", "--resume", "run", "--conv", "4x5")
    assert refused.code == 2 and "has 4x5,pool4,3x3, received 4x5;" in refused.err
    assert cli("train", "--resume", "run", "--conv", "4x5,pool4,3x3", "--quiet").code == 0
    one, other = (np.load(tmp_path / name / "net.npz") for name in ("run", "whole"))
    assert one.files == other.files and all(np.array_equal(one[name], other[name]) for name in one.files)


def test_colour_images_come_in(cli, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (60, 9, 8, 3), dtype=np.uint8)
    np.savez(tmp_path / "colours.npz", x_train=x, y_train=np.arange(60) % 3, x_test=x[:9], y_test=np.arange(9) % 3)
    result = cli("train", "--data", "colours.npz", "--conv", "4x3,avgpool2", "--hidden", "none", "--epochs", "1")
    assert result.code == 0, result.err
    assert ns.Network.load(tmp_path / "runs/latest/net.npz")[1].W.shape == (3, 3, 3, 4)
    refused = cli("train", "--data", "colours.npz", "--conv", "4x9")
    assert refused.code == 2 and "4x9 does not fit into 9 x 8" in refused.err


@pytest.mark.full
def test_the_products_alone_are_those_of_all_patches(cli, monkeypatch):
    from scenarios.bench import inside

    made, products = [], inside.Products
    monkeypatch.setattr(inside, "Products", lambda *given: made.append(products(*given)) or made[-1])
    result = cli("train", *SMALL, *CONV, "--batch-norm", "--profile")
    assert result.code == 0, result.err
    shapes = [(x.shape, W.shape) for x, W, _ in made[0].forward_products]
    convolutions = [((50 * 24 * 24, 25), (25, 4)), ((50 * 4 * 4, 36), (36, 3))]
    assert shapes == [*convolutions, ((50, 48), (48, 8)), ((50, 8), (8, 10))]
    assert len(made[0].backward_products) == 2 * 4 - 1


def test_a_report_card_says_what_its_figures_mean_of_filters(model, cli, tmp_path):
    result = cli("inspect", model, "--data", "digits")
    assert result.code == 0, result.err
    said = " ".join(result.out.split())
    assert "14 neurons; these 4 hidden ones matter most (by the accuracy lost without each):" in said
    over = "are filters: their activation is measured over all samples and all places."
    assert f"The neurons of layer 1 {over}" in said
    assert max(map(len, result.out.partition("all neurons, with")[0].splitlines())) <= 80
    card, test = pd.read_csv(tmp_path / "results/inspect/neurons.csv"), ns.data.load("digits")[1]
    a = ns.Network.load(model).activations(test, 1, 2)
    row = card[(card["layer"] == 1) & (card["neuron"] == 2)].iloc[0]
    assert row["mean_activation"] == pytest.approx(a.mean(), rel=1e-5)
    assert row["dead_fraction"] == pytest.approx((a == 0.0).mean())


@pytest.mark.full
def test_a_report_card_of_a_part_says_so_of_filters_alone(model, cli):
    over = "are filters: their activation is measured over all samples and all places."
    alone = cli("inspect", model, "--data", "digits", "--layer", "1").out
    assert "4 filters, sorted by the accuracy lost without each:" in alone and over in " ".join(alone.split())
    assert over not in " ".join(cli("inspect", model, "--data", "digits", "--layer", "4").out.split())
    assert over in " ".join(cli("inspect", model, "--data", "digits", "--layer", "1", "--neuron", "2").out.split())


def test_a_picture_is_read(model, cli):
    from PIL import Image

    image = ns.data.load("digits")[1].images[0]
    Image.fromarray(image).save("one.png")
    result = cli("predict", model, "one.png", "--as-is", "--invert", "no")
    expected = ns.Network.load(model).predict(image[None])[0]
    assert result.code == 0 and result.out.splitlines()[-11].split()[1] == str(expected)


@pytest.mark.full
def test_layers_of_images_are_compared(cli, tmp_path):
    few = ("--data", "digits", "--train-size", "60", "--epochs", "1", "--seeds", "1", "--jobs", "1", "--hidden", "4")
    result = cli("compare", "--vary", "conv=none;2x5,pool4;2x5s3", *few)
    assert result.code == 0, result.err
    record = json.loads((tmp_path / "results/compare-conv/run.json").read_text())
    settings = {name: each["conv"] for name, each in record["settings"].items()}
    assert settings == {"conv none": [], "conv 2x5,pool4": ["2x5", "pool4"], "conv 2x5s3": ["2x5s3"]}
    refused = cli("compare", "--vary", "conv=2x5,pool4;2x5,pool4", *few)
    assert refused.code == 2 and "received 2x5,pool4 twice" in refused.err


@pytest.mark.full
def test_a_scenario_takes_them_and_says_where_it_does_not(cli):
    few = ("--data", "digits", "--train-size", "60", "--epochs", "1", "--seeds", "1", "--jobs", "1")
    result = cli("scenario", "losses", "symmetry", *few, "--conv", "2x5,pool4", "--hidden", "none")
    assert result.code == 0, result.err
    assert "left out: symmetry: expected no --conv" in " ".join(result.out.split())
