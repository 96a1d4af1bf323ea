"""The prompt of ``step`` and its options on a network with filters: their places."""

import io
import json
import re

import pytest
from data_files import small_set, write_idx

import neurosim as ns
from neurosim.cli.prompt import Prompt
from neurosim.walk import Stepper

HIDDEN = [ns.Conv2D(4, 5, "relu"), ns.MaxPool2D(2), ns.Conv2D(3, 3, "relu", padding="same"), ns.Dense(8, "tanh")]
WIDE = 80


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Options for a saved network with filters and a few images of noise."""
    layers = [ns.LAYERS.create(layer.config()) for layer in HIDDEN]
    net = ns.Network([ns.Input((28, 28)), *layers, ns.Dense(10, "softmax")], seed=3)
    folder = write_idx(tmp_path_factory.mktemp("data"), small_set(train=200, test=30, side=28))
    model = str(net.save(tmp_path_factory.mktemp("model") / "net.npz"))
    return ("--model", model, "--data", str(folder), "--offline")


@pytest.fixture
def ask(image_net, images):
    """A prompt on a small network, as a function: a line -> what is said."""
    net = image_net(dtype="float64")
    net.fit(*images, epochs=1, verbose=False)
    stepper, out = Stepper(net, *images, batch_size=16, layer=5, neuron=1), io.StringIO()
    prompt = Prompt(stepper, stdin=io.StringIO(), stdout=out)

    def ask(line):
        out.seek(0)
        out.truncate()
        prompt.onecmd(line)
        return out.getvalue().rstrip("\n")

    ask.prompt, ask.stepper = prompt, stepper
    return ask


def test_at_goes_to_a_place_and_back_to_the_largest(ask):
    first = (ask.stepper.row, ask.stepper.column)
    for line in ("at 2,1", "at 2 1", "at 2, 1"):
        said = ask(line)
        assert (ask.stepper.row, ask.stepper.column) == (2, 1) and "chosen" not in said
        assert said.startswith("layer 5, filter 1 at row 2, column 1 (tanh), sample 0: label") and "1/11 inputs" in said
    said = ask("at")
    assert (
        ask.stepper.row,
        ask.stepper.column,
    ) == first and "chosen: of its 6 places, this one has the largest" in said
    assert "chosen: of its 6 places" in ask("neuron 2") and "chosen: of its 6 places" in ask("sample 3")
    ask("at 0,1")
    assert "chosen" not in ask("neuron 1") and ask.stepper.row == 0
    assert "filter 1 at row 0, column 1" in ask("here") and ask("walk").startswith(
        "layer 5, filter 1 at row 0, column 1"
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("at 3,0", "layer 5 has rows 0 to 2, received 3"),
        ("at 0,2", "layer 5 has columns 0 to 1, received 2"),
        ("at 1", "expected at R,C, a row and a column, received '1'"),
        ("at 1,2,3", "expected at R,C, a row and a column, received '1,2,3'"),
        ("at a,b", "expected at R,C, a row and a column, received 'a,b'"),
    ],
)
def test_a_place_that_is_none_is_refused_and_it_stays(line, words, ask):
    here = ask("here")
    assert ask(line).startswith(f"error: {words}") and ask("here") == here


def test_a_dense_neuron_has_no_places(ask):
    ask("neuron 8 1")
    for line in ("at 0,0", "at"):
        assert ask(line).startswith("error: at: expected a filter, or a channel of a feature map")


def test_the_status_and_the_weights_are_about_the_filter(ask):
    ask("at 2,1")
    status = " ".join(ask("status").split())
    assert "row 2, column 1 of it depends on rows 3 to 6, columns 1 to 5 of the sample" in status
    said = ask("weights")
    i, name, weight = re.findall(r"^ +(\d+)  (kernel \d,\d on filter \d) +(\S+)$", said, re.MULTILINE)[0]
    assert ask.stepper.live_neuron.weights.flat[int(i)] == pytest.approx(float(weight), abs=1e-4)
    assert ask(f"set weight {name} 0.5").startswith(f"set weight {i} 0.5")
    assert ask.stepper.live_neuron.weights.flat[int(i)] == 0.5
    assert re.search(r"kernel \d,\d on filter \d", ask("gradient")) and re.search(r"filter \d at \d,\d", ask("inputs"))
    assert ask("undo").startswith("undone: set weight") and (ask.stepper.row, ask.stepper.column) == (2, 1)
    assert ask("ablate").startswith("ablated") and ask("restore").startswith("restored")
    assert "agree" in ask("check")


def test_a_shortened_ablate_is_still_one(ask):
    assert ask("a").startswith("ablated") and ask("u").startswith("undone: ablate")


# --- the command -----------------------------------------------------------------------------------------------------


def test_step_at_a_place(cli, small):
    result = cli("step", *small, "--at", "10,12", "--layer", "1", "--neuron", "2", "--json")
    document = json.loads(result.out)
    assert (document["row"], document["column"], document["neuron"]) == (10, 12, 2)
    assert document["field"] == {"rows": [10, 14], "columns": [12, 16]}
    result = cli("step", *small, "--at", "3,4", stdin="goto 9\n")
    assert result.code == 0 and re.search(r"layer 1, filter \d at row 3, column 4 \(relu\)", result.out)
    assert (
        "this filter has the largest |delta| in layer 1 at row 3, column 4" in " ".join(result.out.split())
        and "9/11 weight grad" in result.out
    )
    result = cli("step", *small, "--layer", "3", "--neuron", "1")
    assert "chosen: of its 144 places, this one has" in result.out and "central differences agree" in result.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--at", "24,3"), "layer 1 has rows 0 to 23, received 24"),
        (("--at", "3,24"), "layer 1 has columns 0 to 23, received 24"),
        (("--at", "3,4", "--layer", "4"), "at: expected a filter, or a channel of a feature map, received neuron"),
        (("--at", "3"), "expected a row and a column, such as 10,12, received '3'"),
        (("--at", "3,x"), "expected a whole number of at least 0, received 'x'"),
        (("--at", "3,4,5"), "expected a row and a column, such as 10,12, received '3,4,5'"),
    ],
)
def test_a_wrong_place_is_refused(words, said, cli, small):
    result = cli("step", *small, *words)
    assert result.code == 2 and said in " ".join(result.err.split())


@pytest.mark.full
@pytest.mark.parametrize(
    ("place", "said"),
    [
        (("--at", "24,0"), "layer 1 has rows 0 to 23, received 24"),
        (("--layer", "2"), "layer 2 is MaxPool2D"),
        (("--layer", "0"), "layer 0 is the input"),
        (("--layer", "1", "--neuron", "2"), "layer 1 has neurons 0 to 1, received 2"),
    ],
)
def test_a_wrong_place_is_refused_before_a_training(place, said, cli):
    words = ("step", "--data", "digits", "--train-size", "300", "--conv", "2x5,pool2", *place)
    result = cli(*words)
    assert result.code == 2 and said in " ".join(result.err.split()) and "epoch" not in result.out


@pytest.mark.full
def test_a_place_of_a_dense_neuron_is_refused(cli):
    result = cli("step", "--data", "digits", "--train-size", "300", "--hidden", "4", "--at", "0,0")
    assert result.code == 2 and "expected a filter, or a channel of a feature map" in result.err


def test_a_walk_reads_well_at_a_terminal_of_80_columns(cli, small):
    lines = "\n".join(
        ["next"] * 10 + ["at 4,5", "neuron 3 1", "walk", "weights", "inputs", "help at", "sample 3", "status"]
    )
    result = cli("step", *small, stdin=lines)
    assert result.code == 0 and max(map(len, result.out.splitlines())) <= WIDE


def test_a_picture_of_ones_own_is_walked_through_at_a_place(cli, small, tmp_path):
    from PIL import Image

    path = tmp_path / "mine.png"
    picture = Image.new("L", (28, 28), 255)
    picture.paste(0, (10, 6, 18, 22))
    picture.save(path)
    result = cli("step", *small, "--sample", str(path))
    assert (
        result.code == 0
        and "this filter has the largest |a| of the" in " ".join(result.out.split())
        and "1. inputs" in result.out
    )
    result = cli("step", *small, "--sample", str(path), "--at", "3,4", "--layer", "3")
    assert result.code == 0 and re.search(r"layer 3, filter \d at row 3, column 4", result.out)
