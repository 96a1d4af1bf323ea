"""The command line with the user's own data: tables, folders of pictures, points in the plane."""

import math
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

import neurosim as ns
from neurosim.cli.session import MOVED, SMALL, SMALL_BATCH, UPDATES, enough_updates
from neurosim.cli.train import no_better_than_a_guess
from neurosim.data.toys import TOYS
from neurosim.training.batches import Batches
from neurosim.training.settings import Settings

SPECIES = ("setosa", "versicolor", "virginica")
FEATURES = ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)")
MEANS = np.array([[5.0, 3.4, 1.5, 0.2], [5.9, 2.8, 4.3, 1.3], [6.6, 3.0, 5.6, 2.0]])
QUICK = ("--epochs", "3", "--hidden", "6", "--quiet")


def iris(seed=0, count=50):
    """Draw a table with the means of Fisher's irises."""
    rng = np.random.default_rng(seed)
    x = (np.repeat(MEANS, count, axis=0) + rng.normal(size=(3 * count, 4)) * (0.45, 0.33, 0.4, 0.2)).round(1)
    return pd.DataFrame(x.clip(0.1), columns=FEATURES).assign(species=np.repeat(SPECIES, count))


def houses(count=120, seed=1):
    rng = np.random.default_rng(seed)
    area, age = rng.uniform(40, 200, count).round(1), rng.integers(0, 90, count)
    price, rent = (2.0 * area - age + 50).round(1), (7.5 * area + 3 * age).round(1)
    return pd.DataFrame({"area": area, "age": age, "price": price, "rent": rent})


def draw_shapes(folder, count, seed=0):
    """Draw circles, squares and triangles on white paper, in many sizes and places."""
    rng = np.random.default_rng(seed)
    for name in ("circle", "square", "triangle"):
        (folder / name).mkdir(parents=True)
        for k in range(count):
            n = int(rng.integers(40, 100))
            size = rng.uniform(0.35, 0.6) * n
            x, y = rng.uniform(size / 2 + 1, n - size / 2 - 1, 2)
            image = Image.new("L", (n, n), 255)
            pen, box = ImageDraw.Draw(image), (x - size / 2, y - size / 2, x + size / 2, y + size / 2)
            if name == "triangle":
                pen.polygon([(x, box[1]), (box[0], box[3]), (box[2], box[3])], outline=0, width=n // 20)
            else:
                {"circle": pen.ellipse, "square": pen.rectangle}[name](box, outline=0, width=n // 20)
            image.save(folder / name / f"{k}.png")
    return folder


@pytest.fixture
def table(cli, tmp_path):
    iris().to_csv(tmp_path / "iris.csv", index=False)
    return tmp_path / "iris.csv"


@pytest.fixture
def prices(cli, tmp_path):
    houses().to_csv(tmp_path / "houses.csv", index=False)
    return tmp_path / "houses.csv"


def said(result):
    """Return the printed text as one line; check that no line is wider than a terminal."""
    assert result.code == 0, result.err
    for line in result.out.splitlines():
        assert len(line) < 80 or len(line.split()) == 1, line  # a path stays whole
    return " ".join(result.out.split())


def files(folder):
    return {path.name for path in folder.iterdir()}


def held_out(data, **reading):
    return ns.data.load(data, **reading)[1]


# -- train -----------------------------------------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.parametrize("name", TOYS)
def test_train_on_points_draws_their_boundary_and_its_film(name, cli, tmp_path):
    text = said(cli("train", "--data", name, *QUICK, "--out", "run"))
    assert "400 training and 400 test points" in text and "measured on the test points" in text and "image" not in text
    assert files(tmp_path / "run") == {
        *("net.npz", "history.csv", "predictions.csv"),
        *("learning_curves.png", "confusion_matrix.png", "boundary.png", "boundary.gif"),
    }
    with Image.open(tmp_path / "run/boundary.gif") as film:
        assert film.n_frames == 4  # before training, and after each epoch
    check_predictions(tmp_path / "run", held_out(name))


def check_predictions(run, test):
    """Check that predictions.csv has the saved network's prediction for each test sample."""
    net, written = ns.Network.load(run / "net.npz"), pd.read_csv(run / "predictions.csv", dtype={"label": str})
    proba = net.predict_proba(test.x)
    names = np.array(test.class_names)
    assert list(written.columns) == ["index", "label", "prediction", "probability"]
    assert written["index"].tolist() == list(range(len(test)))
    assert written["label"].tolist() == names[test.labels].tolist()
    assert written["prediction"].astype(str).tolist() == names[net.predict(test.x)].tolist()
    assert np.allclose(written["probability"], proba.max(axis=1), rtol=1e-5)
    return written


def test_train_on_a_table(table, cli, tmp_path):
    text = said(cli("train", "--data", "iris.csv", *QUICK, "--out", "run"))
    assert "125 training and 25 test rows" in text and "image" not in text and "species" in text
    assert files(tmp_path / "run") == {
        *("net.npz", "history.csv", "predictions.csv", "learning_curves.png", "confusion_matrix.png", "weights.png")
    }
    written = check_predictions(tmp_path / "run", held_out(table))
    assert set(written["label"]) == set(SPECIES)
    net = ns.Network.load(tmp_path / "run/net.npz")
    assert net.input.learned.feature_names == FEATURES and net.class_names == SPECIES
    right = (written["label"] == written["prediction"]).mean()
    assert f"test accuracy {100 * right:.2f} %" in text


def test_train_on_a_folder_of_pictures_by_its_defaults(cli, tmp_path):
    draw_shapes(tmp_path / "shapes", 12)
    text = said(cli("train", "--data", "shapes", "--hidden", "8", "--epochs", "4", "--quiet", "--out", "run"))
    assert "30 training and 6 test images" in text and "light on dark" in text
    assert "moved by up to" in text and "--augment" in text
    assert {"mistakes.png", "weights.png", "confusion_matrix.png"} <= files(tmp_path / "run")
    assert "boundary.png" not in files(tmp_path / "run")
    written = check_predictions(tmp_path / "run", held_out(tmp_path / "shapes"))
    assert set(written["label"]) == {"circle", "square", "triangle"}


@pytest.mark.parametrize("targets", ["price", "price,rent"])
def test_train_on_numbers_to_predict(targets, prices, cli, tmp_path):
    names = targets.split(",")
    text = said(cli("train", "--data", "houses.csv", "--target", targets, "--loss", "mse", *QUICK, "--out", "run"))
    test = held_out(prices, target=names)
    net, written = ns.Network.load(tmp_path / "run/net.npz"), pd.read_csv(tmp_path / "run/predictions.csv")
    outputs = net.predict_proba(test.x)
    assert list(written) == ["index", *(f"true {name}" for name in names), *(f"predicted {name}" for name in names)]
    assert "image" not in text and "accuracy" not in text
    for k, name in enumerate(names):
        true = test.labels.reshape(len(test), -1)[:, k]
        assert np.allclose(written[f"true {name}"], true)
        assert np.allclose(written[f"predicted {name}"], outputs[:, k], rtol=1e-5)
        missed, spread = np.sqrt(np.mean((outputs[:, k] - true) ** 2)), np.std(true)
        assert f"root mean square error of {name} {missed:.4g}, its standard deviation {spread:.4g}" in text
    assert "predictions.png" in files(tmp_path / "run") and "confusion_matrix.png" not in files(tmp_path / "run")


@pytest.mark.quick_for("words0-True")
@pytest.mark.parametrize(("words", "idle"), [(("--epochs", "1"), True), (("--epochs", "400", "--hidden", "32"), False)])
def test_predictions_no_better_than_the_mean_are_no_better_than_a_guess(words, idle, prices, cli):
    text = said(cli("train", "--data", "houses.csv", "--target", "price", "--loss", "mse", "--quiet", *words))
    assert ("no better than a guess" in text) == idle
    assert not idle or re.search("its error is (not|hardly) below the error of always answering the mean", text)


@pytest.mark.parametrize(
    ("losses", "error", "says"),
    [
        (
            [21243.0, 8083.0],
            1.08,
            "On the test rows, the network is no better than a guess: its error is not below the",
        ),
        ([21243.0, 8083.0], 0.97, "On the test rows, the network is no better than a guess: its error is hardly below"),
        ([21243.0, 21240.0], 1.08, "The network has learned nothing: its error is not below the error of always"),
        ([21243.0], 1.08, "The network is no better than a guess: its error is not below the error of always"),
        ([21243.0, 8083.0], 0.5, ""),
    ],
)
def test_a_network_has_learned_nothing_only_if_its_training_loss_did_not_fall(losses, error, says, prices):
    test = held_out(prices, target=["price"])
    outputs = test.labels + error * test.labels.std()
    told = no_better_than_a_guess(SimpleNamespace(test=test), math.nan, outputs, losses)
    assert told.startswith(says) and bool(told) == bool(says)
    assert ("Its training loss fell from 21,243 to 8,083." in told) == (says.startswith("On the"))


@pytest.mark.full
def test_outputs_that_are_no_probabilities_are_called_values(table, cli, tmp_path):
    said(cli("train", "--data", "iris.csv", *QUICK, "--loss", "hinge", "--out", "run"))
    written = pd.read_csv(tmp_path / "run/predictions.csv")
    outputs = ns.Network.load(tmp_path / "run/net.npz").predict_proba(held_out(table).x)
    assert list(written)[-1] == "value" and np.allclose(written["value"], outputs.max(axis=1), rtol=1e-5)


# -- validation ------------------------------------------------------------------------------------------------------


@pytest.mark.quick_for("more0")
@pytest.mark.parametrize("more", [(), ("--early-stopping", "2", "--epochs", "30")])
def test_a_share_is_held_out_for_validation_and_the_test_rows_are_not_looked_at(
    more, table, cli, tmp_path, monkeypatch
):
    looked = []
    evaluate = ns.Network.evaluate
    monkeypatch.setattr(ns.Network, "evaluate", lambda *given: looked.append(given[1:]) or evaluate(*given))
    text = said(cli("train", "--data", "iris.csv", *QUICK, *more, "--validation", "0.1", "--out", "run"))
    train, test = ns.data.load(table)
    kept, held = train.hold_out(0.1)  # the first of each class
    assert len(held) == 12 and "validation: 12 rows, kept out of the training set" in text
    assert "measured on the test" not in text
    assert [len(x) for x, *_ in looked[:-1]] == [12] * (len(looked) - 1)  # after each epoch
    assert looked[-1][0].split == "test" and len(looked[-1][0]) == len(test) == 25  # once, at the end
    history = pd.read_csv(tmp_path / "run/history.csv").set_index("epoch")
    epoch = history["val_loss"].idxmin() if more else history.index[-1]
    found = evaluate(ns.Network.load(tmp_path / "run/net.npz"), held)
    assert found["loss"] == pytest.approx(history["val_loss"][epoch], rel=1e-6)
    assert found["accuracy"] == pytest.approx(history["val_accuracy"][epoch])
    assert found["loss"] != pytest.approx(evaluate(ns.Network.load(tmp_path / "run/net.npz"), test)["loss"])
    learned = ns.Network.load(tmp_path / "run/net.npz").input.learned
    assert learned.mean == pytest.approx(kept.x.mean(axis=0))  # standardized only by its training samples


@pytest.mark.parametrize("share", ["0", "1", "-0.1", "1.5", "nan", "a tenth", ""])
def test_a_share_is_between_0_and_1(share, cli):
    result = cli("train", "--data", "moons", "--validation", share)
    assert result.code == 2 and "--validation" in result.err and "0.1" in result.err


def test_a_share_of_nothing_is_refused(table, cli):
    result = cli("train", "--data", "iris.csv", "--validation", "0.001")
    assert result.code == 2 and "0 samples" in result.err and len(result.err.splitlines()) == 1


# -- resume ----------------------------------------------------------------------------------------------------------


def interrupted_after(steps, monkeypatch):
    """End the next training after a number of steps, as Ctrl-C would."""
    advance, done = Batches.advance, []  # one step in NumPy's engine

    def stop(self, *arguments):
        if len(done) == steps:
            raise KeyboardInterrupt
        done.append(1)
        return advance(self, *arguments)

    monkeypatch.setattr(Batches, "advance", stop)


ROUGH = [
    ("--label-column", "kind"),
    ("--one-hot", "colour"),
    ("--missing", "mean"),
    ("--split-seed", "5"),
    ("--scale", "none"),
]


@pytest.fixture
def rough(cli, tmp_path):
    """Write a table that needs options."""
    frame = iris().rename(columns={"species": "kind"})
    frame.insert(1, "colour", np.where(np.arange(150) % 2, "red", "blue"))
    frame.loc[7, FEATURES[0]] = np.nan
    frame.to_csv(tmp_path / "rough.csv", index=False)
    return tmp_path / "rough.csv"


@pytest.mark.full
def test_resume_reads_the_data_as_the_run_did(rough, cli, tmp_path, monkeypatch):
    words = ("train", "--data", "rough.csv", *sum(ROUGH, ()), *QUICK, "--validation", "0.2", "--checkpoint-every", "4")
    assert cli(*words, "--out", "whole").code == 0
    with monkeypatch.context() as patch:
        interrupted_after(13, patch)
        stopped = cli(*words, "--out", "run")
    assert stopped.code == 130 and "python main.py train --resume run" in stopped.out
    result = cli("train", "--resume", "run", "--quiet")
    assert "resuming from" in said(result) and "validation: 25 rows, kept out" in " ".join(result.out.split())
    for name in ("predictions.csv",):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    one, other = (ns.Network.load(tmp_path / name / "net.npz") for name in ("run", "whole"))
    assert np.array_equal(one.parameters.theta, other.parameters.theta)
    assert one.input.learned == other.input.learned and "colour=red" in one.input.learned.feature_names
    for option, value in (
        *(("--split-seed", "6"), ("--missing", "drop"), ("--label-column", "last"), ("--scale", "standardize")),
        *(("--validation", "0.3"), ("--transpose", "yes"), ("--target", "petal")),
    ):
        refused = cli("train", "--resume", "run", option, value)
        assert refused.code == 2 and refused.err.startswith(f"error: {option}: the run in run has ")
        assert f"resume it without {option}" in refused.err
    refused = cli("train", "--resume", "run", "--hidden", "9,4", "--conv", "8x3,pool2")
    assert re.search(r": the run in run has [\w,]+, received (9,4|8x3,pool2); resume it without", refused.err)
    assert cli("train", "--resume", "run", "--missing", "mean", "--validation", "0.2").code == 0  # no contradiction


@pytest.mark.full
def test_the_film_of_a_run_that_went_on_is_that_of_the_whole_run(cli, tmp_path, monkeypatch):
    words = ("train", "--data", "moons", *QUICK, "--checkpoint-every", "5")
    assert cli(*words, "--out", "whole").code == 0
    with monkeypatch.context() as patch:
        interrupted_after(60, patch)
        assert cli(*words, "--out", "run").code == 130
    said(cli("train", "--resume", "run", "--quiet"))
    assert (tmp_path / "run/boundary.gif").read_bytes() == (tmp_path / "whole/boundary.gif").read_bytes()


# -- enough updates --------------------------------------------------------------------------------------------------


def dataset(count, kind="table", dtype=np.float32, classes=("a", "b")):
    shape = {"table": (3,), "points": (2,), "image": (28, 28), "letters": (5, 7), "colour": (8, 8, 3)}[kind]
    x, labels = np.ones((count, *shape), dtype), (np.arange(count) % 2).astype(np.uint8 if classes else np.float32)
    kind = kind if kind in ("table", "points") else "image"
    return ns.data.Dataset(x, labels, "own", "train", "here", classes, kind=kind)


@pytest.mark.parametrize("count", [10, 16, 125, 400, 1_999])
@pytest.mark.parametrize(("kind", "classes", "updates", "activation"), [
    ("points", ("a", "b"), 2_000, "relu"), ("table", ("a", "b"), 1_000, "tanh"), ("table", (), 1_000, "relu"),
])  # fmt: skip
def test_few_samples_get_enough_updates_and_are_told_so(count, kind, classes, updates, activation, capsys):
    data = dataset(count, kind, classes=classes)
    settings = enough_updates(Settings(), {}, data)
    steps = math.ceil(count / SMALL_BATCH)  # an epoch, as fit has it
    assert settings.batch_size == SMALL_BATCH and settings.augment is None and settings.activation == activation
    assert settings.epochs == max(Settings().epochs, math.ceil(updates / steps))
    text = " ".join(capsys.readouterr().out.split())
    assert f"few {data.noun}s: {settings.epochs:,} epochs with at most {SMALL_BATCH} {data.noun}s per batch" in text
    others = "(to change this: --batch-size and --epochs)"
    if activation == "tanh":
        others = "activation tanh (to change this: --batch-size, --epochs and --activation)"
    assert re.search(rf"{settings.epochs * steps:,} steps in all,? {re.escape(others)}", text)
    asked = enough_updates(Settings(activation="selu"), {"activation"}, data)
    assert asked.activation == "selu" and asked.epochs == settings.epochs


@pytest.mark.full
def test_a_small_table_counts_its_rows_and_steps_in_the_singular_too(cli, tmp_path):
    rows = "\n".join(f"{k},{k * k % 7},{'yes' if k > 2 else 'no'}" for k in range(1, 6))
    (tmp_path / "t.csv").write_text(f"size,weight,kind\n{rows}\n")
    text = said(cli("train", "--data", "t.csv", "--epochs", "1", "--quiet", "--out", "run"))
    assert "4 training rows and 1 test row" in text and "1 of the training rows is held out as the test set" in text
    assert "few rows: 1 epoch with at most 16 rows per batch, 1 step in all" in text
    assert (
        "All test rows are of one class, so the test accuracy cannot show whether the network has learned anything. "
        "Use more rows."
    ) in text and "has learned nothing" not in text


@pytest.mark.full
def test_what_is_said_is_what_is_done(table, cli, tmp_path):
    text = said(cli("train", "--data", "iris.csv", "--hidden", "4", "--quiet", "--out", "run"))
    told = re.search(r"few rows: (\S+) epochs with at most (\S+) rows per batch, (\S+) steps in all", text)
    epochs, size, updates = (int(each.replace(",", "")) for each in told.groups())
    net = ns.Network.load(tmp_path / "run/net.npz")
    assert net.optimizer.t == updates == epochs * math.ceil(125 / size)
    assert len(pd.read_csv(tmp_path / "run/history.csv")) == epochs


@pytest.mark.parametrize(("given", "epochs", "size"), [
    ({"epochs": 7}, 7, SMALL_BATCH), ({"batch_size": 50}, UPDATES // 2, 50), ({"batch_size": None}, UPDATES, None),
    ({"epochs": 2, "batch_size": 5}, 2, 5),
])  # fmt: skip
def test_what_the_user_gives_stays(given, epochs, size, capsys):
    settings = enough_updates(Settings(**given), given, dataset(100, "points"))
    assert (settings.epochs, settings.batch_size) == (epochs, size)
    text = capsys.readouterr().out
    assert all(f"--{name.replace('_', '-')}" not in text for name in given)
    assert bool(text) == (len(given) < 2)


@pytest.mark.parametrize("kind", ["table", "points", "image"])
def test_many_samples_are_trained_on_as_ever(kind, capsys):
    settings = Settings()
    assert enough_updates(settings, {}, dataset(SMALL, kind, np.uint8)) is settings and capsys.readouterr().out == ""


@pytest.mark.parametrize(("kind", "dtype", "pixels"), [
    ("image", np.uint8, 28 // MOVED), ("image", np.float32, 0), ("letters", np.uint8, 0), ("colour", np.uint8, 0),
    ("table", np.uint8, 0),
])  # fmt: skip
def test_grey_pictures_alone_are_moved_about(kind, dtype, pixels, capsys):
    data = dataset(100, kind, dtype)
    settings = enough_updates(Settings(), {}, data)
    assert settings.augment == (f"shift:pixels={pixels}" if pixels else None)
    told = f"each image moved by up to {pixels} pixels (to change this: --batch-size, --epochs and --augment)"
    assert (told in " ".join(capsys.readouterr().out.split())) == bool(pixels)
    assert enough_updates(Settings(augment="affine"), {"augment"}, data).augment == "affine"


@pytest.mark.quick_every(2)
@pytest.mark.parametrize("words", [("scenario", "activations"), ("compare", "--vary", "l2=0,1e-4")])
def test_a_scenario_that_wants_few_of_many_images_keeps_its_settings(words, cli, monkeypatch):
    chosen = []

    def run_experiments(experiments, *_, **__):
        chosen.extend(experiments)
        yield from ()

    monkeypatch.setattr("neurosim.cli.experiment.run_experiments", run_experiments)
    for more in (("--data", "digits", "--train-size", "300"), ("--data", "digits")):
        result = cli(*words, *more)
        assert result.code == 0 and "few images" not in result.out, result.err
    assert [each.overrides for each in chosen] == [{}, {}]


# -- options that do not go with the data ----------------------------------------------------------------------------


@pytest.mark.quick_every(4)
@pytest.mark.parametrize("name", ["digits", "moons", "mnist"])
@pytest.mark.parametrize(("option", "value"), [
    ("--label-column", "last"), ("--target", "a"), ("--one-hot", "a"), ("--missing", "mean"), ("--transpose", "yes"),
    ("--split-seed", "1"),
])  # fmt: skip
def test_how_to_read_files_is_no_question_of_built_in_data(name, option, value, cli):
    result = cli("train", "--data", name, option, value)
    assert result.code == 2 and name in result.err and len(result.err.splitlines()) == 1
    assert "your own table or images" in result.err


@pytest.mark.parametrize(("words", "expected"), [
    (("--missing", "median"), "missing: expected mean or drop"),
    (("--scale", "much"), "scale: expected auto, standardize, none"),
    (("--scale", "-1"), "scale"), (("--split-seed", "-1"), "--split-seed"),
    (("--transpose", "maybe"), "--transpose: expected yes or no"),
    (("--label-column", "specis"), "did you mean 'species'"), (("--target", "prize"), "prize"),
    (("--one-hot", "colour"), "colour"),
    (("--target", "petal width (cm)"), "--one-hot species"),
    (("--target", "petal width (cm)", "--one-hot", "species"), "loss: expected one for numbers"),
    (("--transpose", "yes"), "transpose: expected images with this option"),
])  # fmt: skip
def test_options_that_do_not_go_with_a_table_are_refused(words, expected, table, cli, tmp_path):
    result = cli("train", "--data", "iris.csv", *words)
    assert result.code == 2 and expected in result.err and len(result.err.splitlines()) == 1, result.err


# -- inspecting a network for your own data --------------------------------------------------------------------------


@pytest.fixture
def flowers(table, cli):
    """Train and save a network for the table of irises."""
    assert cli("train", "--data", "iris.csv", *QUICK, "--out", "flowers").code == 0
    return "flowers/net.npz"


@pytest.mark.full
def test_inspect_calls_classes_by_their_names(flowers, table, cli, tmp_path):
    text = said(cli("inspect", flowers, "--data", "iris.csv"))
    card = pd.read_csv(tmp_path / "results/inspect/neurons.csv")
    report = ns.Network.load(flowers).report(held_out(table))
    for name in ("strongest_class", "weakest_class"):
        assert card[name].tolist() == [SPECIES[k] for k in report[name]]
    assert (
        card["strongest_class"].iloc[0] in text
        and "hidden ones matter most (by the accuracy lost without each):" in text
    )
    text = said(cli("inspect", flowers, "--data", "iris.csv", "--layer", "1", "--neuron", "2"))
    assert f"strongest_class {SPECIES[report['strongest_class'].iloc[2]]} " in text
    assert {"layer1-neuron2-by_class.png", "layer1-neuron2-weights.png"} <= files(tmp_path / "results/inspect")


@pytest.mark.full
def test_a_class_with_a_long_name_fits_the_table_of_the_terminal(cli, tmp_path):
    frame = iris()
    frame["species"] = frame["species"].map(lambda name: f"Iris {name} of a very long name")
    frame.to_csv(tmp_path / "long.csv", index=False)
    assert cli("train", "--data", "long.csv", *QUICK, "--out", "run").code == 0
    said(cli("inspect", "run/net.npz", "--data", "long.csv"))
    assert pd.read_csv("results/inspect/neurons.csv")["strongest_class"].str.endswith("of a very long name").all()


def test_inspect_says_nothing_of_classes_where_there_are_none(prices, cli, tmp_path):
    (tmp_path / "results/inspect").mkdir(parents=True)
    (tmp_path / "results/inspect/layer1-neuron2-by_class.png").write_bytes(b"of another network")
    words = ("--data", "houses.csv", "--target", "price")
    assert cli("train", *words, "--loss", "mse", *QUICK, "--out", "run").code == 0
    text = said(cli("inspect", "run/net.npz", *words, "--rows", "3"))
    assert "these 3 hidden ones have the largest weights:" in text
    assert not re.search(r"nan|NA|class|accuracy", text.partition("7 neurons")[2])
    card = pd.read_csv(tmp_path / "results/inspect/neurons.csv")
    shown = card[card["layer"] == 1].sort_values("weight_norm", ascending=False)["neuron"][:3]
    rows = re.search(r"most_similar\n((?:.+\n){3})", cli("inspect", "run/net.npz", *words, "--rows", "3").out)[1]
    assert [int(row.split()[1]) for row in rows.splitlines()] == shown.tolist()
    said(cli("inspect", "run/net.npz", *words, "--layer", "1", "--neuron", "2"))
    assert files(tmp_path / "results/inspect") == {"neurons.csv", "layer1-neuron2-weights.png"}


@pytest.mark.quick_every(3)
@pytest.mark.parametrize("command", [("inspect",), ("step", "--model")])
@pytest.mark.parametrize(("data", "words"), [
    ("moons", "points of 2 numbers (moons)"),
    ("digits", "images of 28 x 28 (digits)"),
])  # fmt: skip
def test_data_of_another_size_are_refused_by_the_name_of_the_file(command, data, words, cli, tmp_path):
    ns.Network([ns.Input(4), ns.Dense(3, "softmax")]).save("four.npz")
    result = cli(*command, "four.npz", "--data", data)
    assert result.code == 2 and result.err.startswith(f"error: four.npz takes samples of 4 numbers, received {words}: ")


@pytest.mark.quick_every(3)
@pytest.mark.parametrize("words", [(), ("--missing", "drop"), ("--split-seed", "4")])
def test_step_at_a_table_says_what_changes_and_takes_it_back(words, table, cli):
    script = "clamp 0.5\nundo\nupdate\nundo\nclamp\n"
    result = cli("step", "--data", "iris.csv", "--hidden", "6", "--epochs", "20", *words, stdin=script)
    assert "image" not in result.out and "125 training and 25 test rows" in result.out
    out = " ".join(result.out.split())  # long lines are wrapped
    clamped = re.search(r"clamped to 0.5: sample (\d+) .*?loss (\S+) -> (\S+)", out)
    undone = re.search(r"undone: clamp 0.5; sample (\d+): loss (\S+) -> (\S+)", out)
    assert clamped[1] == undone[1]
    assert float(undone[2]) == pytest.approx(float(clamped[3]), rel=1e-3)
    assert float(undone[3]) == pytest.approx(float(clamped[2]), rel=1e-3)
    assert "error: clamp VALUE: expected a finite number, received nothing" in result.out and result.code == 2


@pytest.mark.full
def test_step_at_numbers_to_predict_draws_output_and_target(prices, cli, tmp_path):
    words = ("step", "--data", "houses.csv", "--target", "price", "--loss", "mse", "--hidden", "5", "--epochs", "3")
    result = cli(*words, "--plot", "story", stdin="clamp 0\nnext misread\n")
    assert re.search(r"clamped to 0: sample 0: loss \S+ -> \S+\n", result.out)
    assert "expected targets that are class labels" in result.out
    assert len(list((tmp_path / "story").glob("layer*.png"))) == 1


def test_data_are_described_in_eighty_columns(table, cli):
    text = said(cli("data", "--data", "iris.csv"))
    assert "features sepal length (cm), sepal width (cm), petal length (cm), petal width (cm)" in text
    assert "classes 3: setosa, versicolor, virginica" in text


def test_a_single_picture_cannot_train(cli, tmp_path):
    Image.new("L", (28, 28)).save(tmp_path / "two.png")
    result = cli("train", "--data", "two.png")
    assert (
        result.code == 2 and "received one picture. To train, give a folder with one folder of pictures" in result.err
    )
    assert "predict" in result.err
