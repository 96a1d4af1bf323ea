"""``predict``: the user's own pictures, read by a saved network."""

import csv
import json
import os
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from drawn_digits import LOOKS, draw, strokes_of, write_digits
from PIL import Image

import neurosim as ns
from neurosim.cli.picture import picture
from neurosim.cli.predict import Classes, Reading, explanation, line_of
from neurosim.data.drawings import Drawing

MNIST = os.environ.get("NEUROSIM_DATA", "")  # what the fixture `cli` takes away


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A network that reads the built-in digits, saved."""
    train, _ = ns.data.load("digits")
    net = ns.Network([ns.Input((28, 28)), ns.Dense(64, "relu"), ns.Dense(10, "softmax")], seed=0)
    net.fit(train, epochs=3, verbose=False)
    return str(net.save(tmp_path_factory.mktemp("model") / "net.npz"))


@pytest.fixture
def pictures(tmp_path):
    """two.png and a folder with 7.jpg and 10.png, and a file that is not a picture."""
    rng = np.random.default_rng(1)
    (tmp_path / "folder").mkdir()
    draw(strokes_of(2, rng), 130, 13).save(tmp_path / "two.png")
    draw(strokes_of(7, rng), 130, 13).save(tmp_path / "folder/7.jpg")
    Image.fromarray(255 - np.asarray(draw(strokes_of(0, rng), 130, 13))).save(tmp_path / "folder/10.png")
    (tmp_path / "folder/notes.txt").write_text("no picture")
    return tmp_path


def test_a_line_for_each_picture(model, pictures, cli):
    result = cli("predict", model, "two.png", "folder")
    assert result.code == 0, result.err
    lines = [line for line in result.out.splitlines() if ".png" in line or ".jpg" in line]
    assert [line.split()[:2] for line in lines] == [["two.png", "2:"], ["folder/7.jpg", "7:"], ["folder/10.png", "0:"]]
    text = " ".join(result.out.split())
    for line, told in zip(lines, ("black on white", "black on white", "white on black"), strict=True):
        assert re.search(rf"{re.escape(' '.join(line.partition(';')[0].split()))};? {told}, cropped and centred", text)
    assert all(len(line) <= 80 for line in result.out.splitlines())
    assert "cropped, scaled to 20 pixels and centred in 28 x 28 pixels by its" in text
    net = ns.Network.load(model)
    probabilities = net.predict_proba(ns.data.read_image("two.png")[None])[0]
    order = np.argsort(-probabilities)
    assert f"then {order[1]}: {100 * probabilities[order[1]]:.0f} %" in lines[0]


def test_the_picture_as_the_network_sees_it_beside_its_probabilities(model, pictures, cli):
    result = cli("predict", model, "two.png")
    block = result.out.splitlines()[3:]
    seen = ns.data.read_image("two.png")
    shown = [line[2:30].rstrip() for line in block]
    assert shown == picture(seen, blocks=True).splitlines() and len(block) >= 10
    probabilities = ns.Network.load(model).predict_proba(seen[None])[0]
    for k in range(10):
        words = block[k][32:].replace("over ", "").replace("under ", "").split()
        assert words[0] == str(k) and float(words[1]) == pytest.approx(100 * probabilities[k], abs=0.5)
        assert len(words[3] if len(words) > 3 else "") == round(20 * float(probabilities[k]))


def test_out_writes_predictions_pixels_and_a_contact_sheet(model, pictures, cli):
    result = cli("predict", model, "two.png", "folder", "--out", "read")
    assert result.code == 0 and result.out.endswith("read/predictions.csv\nread/pixels.csv\nread/pictures.png\n")
    with open("read/predictions.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["file", "prediction", "probability", *map(str, range(10))]
    x = np.stack([ns.data.read_image(row["file"]) for row in rows])
    expected = ns.Network.load(model).predict_proba(x)
    for row, p in zip(rows, expected, strict=True):
        assert [float(row[str(k)]) for k in range(10)] == pytest.approx(p.tolist(), abs=1e-5)
        assert row["prediction"] == str(p.argmax()) and float(row["probability"]) == pytest.approx(p.max(), abs=1e-5)
    with open("read/pixels.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert header[:2] == ["file", "pixel0"] and header[-1] == "pixel783"
    assert np.array_equal([[int(each) for each in row[1:]] for row in rows], x.reshape(3, 784))
    with Image.open("read/pictures.png") as sheet:
        assert sheet.width > 600 and len(sheet.convert("L").getcolors(256)) > 10


def test_what_cannot_be_read_is_one_line_each_and_the_others_are_predicted(model, pictures, cli):
    (pictures / "text.png").write_text("hello")
    (pictures / "blank.png").write_bytes(b"")
    Image.new("L", (50, 50), 255).save(pictures / "white.png")
    result = cli("predict", model, "text.png", "two.png", "nowhere.png", "blank.png", "white.png")
    assert result.code == 2
    errors = result.err.splitlines()
    assert len(errors) == 4 and all(line.startswith("error: ") for line in errors)
    for name, words in (
        ("nowhere.png", "No such file"),
        ("text.png", "expected a picture"),
        ("blank.png", "an empty file"),
        ("white.png", "expected a drawing"),
    ):
        assert any(name in line and words in line for line in errors), name
    assert "two.png    2: " in result.out and result.out.endswith("1 picture read; 4 errors, see above\n")


def test_predict_says_how_many_pictures_and_which_name_comes_first(model, pictures, cli):
    assert cli("predict", model, "nowhere.png").out.endswith("no picture was read; 1 error, see above\n")
    result = cli("predict", "two.png")
    said = "expected FILE PICTURE (first the saved network, then your pictures), received only one name"
    assert result.code == 2 and said in result.err


def test_probabilities_near_certainty_are_written_in_words():
    classes = Classes(["0", "1"], shares=True)
    assert [classes.value(a) for a in (0.99999, 0.00001, 0.5)] == ["over 99.9 %", "under 0.1 %", "50 %"]


def test_invert_and_as_is(model, pictures, cli):
    assert "; black on white, cropped" in cli("predict", model, "two.png", "--invert", "yes").out
    assert "; white on black" in cli("predict", model, "two.png", "--invert", "no", "--as-is").out
    result = cli("predict", model, "two.png", "--as-is")
    assert "; black on white, as it is" in result.out and "scaled to 28 x 28 pixels, the size" in result.out


def test_a_line_that_would_be_too_long_is_two():
    reading = Reading(
        Path("a.png"), Drawing(np.zeros((28, 28)), "black on white", np.zeros((9, 9))), [0.9999, 0.0001], "0", 0.9999
    )
    classes = Classes(["0", "1"], shares=True)
    line = "a.png  0: over 99.9 %, then 1: under 0.1 %"
    assert line_of(reading, classes, 5) == f"{line}; black on white"
    padded = line.replace("a.png", f"{'a.png':<40}")
    assert line_of(reading, classes, 40) == f"{padded}\n  black on white"


@pytest.mark.parametrize("shape", [(20, 20), (51, 64)])
def test_the_size_of_a_picture_names_its_sides_unless_it_is_square(shape):
    assert ("20 x 20 pixels" if shape[0] == 20 else "64 pixels wide and 51 high") in explanation(shape, True)


@pytest.mark.parametrize("output", ["sigmoid", "linear", "names", "colour", "one number"])
def test_networks_of_other_kinds(output, pictures, cli):
    n = 1 if output in ("sigmoid", "one number") else 3
    shape = (20, 20, 3) if output == "colour" else (12, 12)
    activation = {"sigmoid": "sigmoid", "linear": "linear", "one number": "linear"}.get(output, "softmax")
    loss = {"sigmoid": "binary_cross_entropy", "softmax": "cross_entropy"}.get(activation, "mse")
    net = ns.Network([ns.Input(shape), ns.Dense(n, activation)], loss, seed=0)
    if output == "names":
        x = np.random.default_rng(0).integers(0, 256, (9, 12, 12), dtype=np.uint8)
        net.fit(x, ["cat", "dog", "owl"] * 3, epochs=1, verbose=False)
    net.save("net.npz")
    result = cli("predict", "net.npz", "two.png", "--out", "read")
    assert result.code == 0, result.err
    line = next(line for line in result.out.splitlines() if line.startswith("two.png"))
    header, row = (pictures / "read/predictions.csv").read_text().splitlines()
    if output == "names":
        assert line.split()[1] in ("cat:", "dog:", "owl:") and header.endswith("probability,cat,dog,owl")
    elif output == "one number":
        assert header == "file,prediction,value,output" and float(line.split()[1].rstrip(";")) == float(
            row.split(",")[1]
        )
    elif output == "sigmoid":
        assert header.endswith("probability,0,1") and sum(map(float, row.split(",")[3:])) == pytest.approx(1)
    elif output == "linear":
        assert "%" not in line and header.startswith("file,prediction,value,")
    else:
        assert "in colour, as it is" in line


def test_step_walks_forward_through_a_picture(model, pictures, cli):
    result = cli("step", "--data", "digits", "--model", model, "--sample", "two.png")
    assert result.code == 0, result.err
    assert "two.png: black on white, cropped and centred" in result.out and "4. " in result.out
    assert ", two.png: read as 2\n" in result.out and "the sample: read as" not in result.out
    assert "read as 2; without a label there is no loss and no backward pass" in result.out and "nan" not in result.out
    assert (
        result.out.rstrip().endswith("`python main.py step --sample 0`.") and "use --layer L --neuron J." in result.out
    )
    assert (
        "label, and two.png has none. For a whole walk, at a prompt, use a test sample: `python main.py step"
        in " ".join(result.out.split())
    )
    result = cli("step", "--data", "digits", "--model", model, "--sample", "two.png", "--json", "--layer", "2")
    document = json.loads(result.out)
    assert document["layer"] == 2 and document["sample"]["prediction"] == 2
    for words, said in ((["nowhere.png"], "--sample"), (["two.png", "--plot", "story"], "--plot")):
        result = cli("step", "--data", "digits", "--model", model, "--sample", *words)
        assert result.code == 2 and said in result.err and len(result.err.splitlines()) == 1
    result = cli("step", "--data", "digits", "--model", model, "--sample", "nowhere.png")
    assert "or the path of a picture; there is no file nowhere.png" in result.err
    (pictures / "text.png").write_text("hello")
    assert "expected a picture" in cli("step", "--data", "digits", "--sample", "text.png").err


def rates(model, folder, cli, seed):
    """How many of the fifty drawn digits of a seed are read right from the command line, by look."""
    digits = write_digits(folder / f"seed{seed}", seed)
    result = cli("predict", model, f"seed{seed}", "--out", f"read{seed}")
    assert result.code == 0, result.err
    with open(folder / f"read{seed}/predictions.csv", newline="") as file:
        read = {folder / row["file"]: row["prediction"] for row in csv.DictReader(file)}
    assert len(read) == 50
    return Counter(look for path, (digit, look) in digits.items() if read[path] == str(digit))


@pytest.mark.full
def test_drawn_digits_with_the_built_in_set(model, cli, tmp_path):
    right = rates(model, tmp_path, cli, seed=0)
    assert sum(right.values()) >= 43 and min(right[look] for look in LOOKS) >= 7, right


@pytest.mark.full
@pytest.mark.skipif(not MNIST, reason="set NEUROSIM_DATA to a folder with MNIST")
def test_drawn_digits_with_a_network_trained_on_mnist(cli, tmp_path, monkeypatch):
    """Ten digits in five looks, in each of five hands: 45 of 50 or more."""
    monkeypatch.setenv("NEUROSIM_DATA", MNIST)
    assert cli("train", "--data", "mnist", "--out", "net").code == 0
    for seed in range(5):
        right = rates("net/net.npz", tmp_path, cli, seed)
        assert sum(right.values()) >= 45 and min(right[look] for look in LOOKS) >= 8, (seed, right)
