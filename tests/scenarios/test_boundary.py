"""Comparisons on points: what is recorded and drawn of the boundary; what samples are called in those of any data."""

import json

import numpy as np
import pandas as pd
import pytest
from cli_runner import run_cli
from figure_checks import words
from PIL import Image

import neurosim as ns
import viz
from neurosim.training.settings import Settings
from scenarios import SCENARIOS, Scenario, Variant, redraw, run_scenario
from scenarios.protocol.boundary import FINEST, Boundary, answers_of, packed, title, unpacked
from scenarios.report.boundaries import MOST_FILMED, film_frames
from scenarios.report.figures import common_pictures
from scenarios.report.listed import Listed
from scenarios.report.nouns import in_nouns


@pytest.fixture(scope="module")
def moons():
    return ns.data.load("moons")


def scenario(*names, **settings):
    variants = tuple(Variant(name, {"hidden": (k + 1,)}) for k, name in enumerate(names))
    return Scenario(
        "widths", "Which image?", "Watch.", variants, names[0], Settings(**{"epochs": 3, "batch_size": 32} | settings)
    )


@pytest.fixture(scope="module")
def results(moons):
    return run_scenario(scenario("one", "two"), *moons, seeds=2, progress=False)


# -- what is recorded ------------------------------------------------------------------------------------------------


def trained(data, epochs, seed=0, frames=3, **settings):
    """A network trained as a run of the scenario is, and what watched its boundary."""
    settings = Settings(**{"hidden": (2,), "epochs": epochs, "batch_size": 32} | settings)
    net, watch = settings.network_for(data[0], seed), Boundary(data[1], epochs, resolution=9, frames=frames)
    net.fit(
        data[0], None, epochs, 32, callbacks=[*settings.callbacks(), watch], validation_data=data[1],
        drop_last=True, verbose=False,
    )  # fmt: skip
    return net, watch


@pytest.mark.parametrize(("epochs", "looks"), [(1, [0, 1]), (3, [0, 1, 2, 3]), (7, [0, 3, 6, 7]), (10, [0, 4, 8, 10])])
def test_the_looks_go_from_before_training_to_its_end(epochs, looks, moons):
    net, watch = trained(moons, epochs)
    assert watch.epochs == looks and watch.titles() == ["Before training", *(f"After epoch {k}" for k in looks[1:])]
    places = np.vstack([viz.places_around(moons[1].x, 9)[2], moons[1].x])
    untrained = Settings(hidden=(2,)).network_for(moons[0], 0)
    for found, of in ((watch.answers[0], untrained), (watch.answers[-1], net)):
        assert np.allclose(found, of.predict_proba(places.astype(np.float32)), atol=1e-6)


def test_the_last_look_is_at_the_weights_that_are_kept(moons):
    net, watch = trained(moons, 40, frames=40, early_stopping=2, monitor="val_loss", learning_rate=0.3)
    assert len(watch.epochs) > 2 and watch.epochs[-1] < watch.epochs[-2]  # else this would prove nothing
    assert watch.titles()[-1] == f"Weights of epoch {watch.epochs[-1]}, which are kept"
    assert np.allclose(watch.answers[-1], net.predict_proba(watch.places), atol=1e-6)
    assert title(3, 3) == "After epoch 3" and title(0, 0) == "Before training"


def test_nothing_is_kept_of_a_network_that_gives_out_nan(moons):
    with np.errstate(all="ignore"):
        _, watch = trained(
            moons, 4, optimizer="sgd", learning_rate=1e30, loss="mse", output="linear", activation="relu"
        )
    assert all(np.isfinite(each).all() for each in watch.answers) and watch.epochs[0] == 0


def test_what_it_has_seen_goes_into_a_checkpoint(moons):
    _, watch = trained(moons, 3)
    other = Boundary(moons[1], 3, resolution=9, frames=3)
    other.restore(watch.state())
    assert other.epochs == watch.epochs and all(map(np.array_equal, other.answers, watch.answers))
    pd.testing.assert_frame_equal(other.to_frame(), watch.to_frame())
    fresh = Boundary(moons[1], 3)
    fresh.restore(Boundary(moons[1], 3).state())
    assert fresh.epochs == fresh.answers == []


@pytest.mark.parametrize("shape", [(1,), (7, 3), (56 * 56, 2), (0,)])
def test_packed_numbers_come_back(shape):
    values = np.random.default_rng(0).integers(0, FINEST + 1, shape)
    text = packed(values)
    assert np.array_equal(unpacked(text, *shape), values) and set(text) <= set(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
    )


@pytest.mark.parametrize(("loss", "output", "n_out"), [
    ("cross_entropy", "softmax", 2), ("binary_cross_entropy", "sigmoid", 1), ("hinge", "linear", 2), ("mse", "tanh", 1),
])  # fmt: skip
def test_answers_name_the_class_that_the_network_names(loss, output, n_out, moons):
    train, test = moons
    net = ns.Network([ns.Input(2), ns.Dense(6, "tanh"), ns.Dense(n_out, output)], loss=loss, seed=1)
    labels = train.labels if n_out == 2 else train.labels[:, None].astype(float) * (2 if output == "tanh" else 1)
    net.fit(train.x, labels - 1 if output == "tanh" else labels, epochs=2, verbose=False)
    answers = answers_of(net, test.x)
    assert answers.shape == (400, 2) and answers.min() >= 0 and np.allclose(answers.sum(axis=1), 1)
    assert np.array_equal(answers.argmax(axis=1), net.decide(net.predict_proba(test.x)))
    if n_out == 2 and output == "softmax":
        assert np.allclose(answers, net.predict_proba(test.x))


# -- what is drawn ---------------------------------------------------------------------------------------------------


def test_the_tables_hold_the_points_and_one_seed(results, moons):
    boundary, points = results.table("boundary"), results.table("points")
    assert set(boundary["seed"]) == {0} and boundary.groupby("variant")["epoch"].apply(list).to_dict() == {
        "one": [0, 1, 2, 3], "two": [0, 1, 2, 3]
    }  # fmt: skip
    assert np.allclose(points[["x1", "x2"]], moons[1].x) and points["label"].tolist() == moons[1].labels.tolist()
    assert points["class"].tolist() == [moons[1].class_names[k] for k in moons[1].labels]
    assert results.noun == "point"


def test_each_panel_is_the_network_at_the_end_of_its_first_seed(results, moons):
    (picture,) = [each for each in common_pictures(results) if each.name == "boundary"]
    figure = picture.draw()
    final = results.final()
    assert [ax.get_title(loc="left").replace("\u00a0", " ") for ax in figure.axes] == [
        f"{name}: {100 * final[name][0]:.2f} %" for name in ("one", "two")
    ]
    for k, ax in enumerate(figure.axes):
        net = Settings(hidden=(k + 1,), epochs=3, batch_size=32).network_for(moons[0], 0)
        net.fit(moons[0], None, 3, 32, drop_last=True, verbose=False)
        wrong = moons[1].x[net.predict(moons[1].x) != moons[1].labels]
        drawn = np.vstack([each.get_xydata() for each in ax.lines if each.get_label().startswith("_wrong")])
        assert np.allclose(sorted(map(tuple, drawn)), sorted(map(tuple, wrong.astype(float))), atol=1e-6)
    assert "seed 0" in picture.reading and "400 test points" in picture.reading and picture.film is not None


@pytest.mark.full
def test_a_report_on_points_has_the_boundary_its_film_and_speaks_of_points(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run_cli(
        "compare", "--vary", "hidden=none,2", "--data", "moons", "--epochs", "2", "--seeds", "1", "--jobs", "1"
    )
    assert result.code == 0, result.err
    assert "(400 training points" in result.out and "image" not in result.out
    folder = tmp_path / "results/compare-hidden"
    for name in ("boundary.png", "boundary.gif"):
        assert f"results/compare-hidden/figures/{name}" in result.out and (folder / "figures" / name).is_file()
    with Image.open(folder / "figures/boundary.gif") as film:
        assert film.n_frames == 3
    report = (folder / "report.md").read_text()
    assert "![Chart: boundary of" in report and "(figures/boundary.gif)" in report
    text = report.partition("These they share")[0]
    assert "image" not in text and "400 points of moons" in text and "test points" in text
    assert "passes over the training samples" in report
    assert (folder / "report.html").read_text().count("data:image/gif;base64") == 1
    assert json.loads((folder / "run.json").read_text())["data"]["train"]["noun"] == "point"
    before = {path.name: path.read_bytes() for path in (folder / "figures").iterdir()}
    paths = redraw(SCENARIOS, folder)
    assert {path.name for path in paths} == set(before)
    assert {path.name: path.read_bytes() for path in (folder / "figures").iterdir()} == before
    assert (folder / "report.md").read_text() == report
    assert run_cli("compare", "--vary", "hidden=none,2", "--data", "digits", "--train-size", "60", "--epochs", "1",
                   "--seeds", "1", "--jobs", "1").code == 0  # fmt: skip
    assert not list((folder / "figures").glob("boundary.*"))  # that of the run before


def test_a_run_that_diverged_has_no_panel_and_is_told_of(moons):
    variants = (Variant("calm"), Variant("wild", {"learning_rate": 1e30, "optimizer": "sgd"}))
    base = Settings(hidden=(4,), epochs=2, loss="mse", output="linear")
    with np.errstate(all="ignore"):
        found = run_scenario(Scenario("rates", "?", "!", variants, "calm", base), *moons, seeds=1, progress=False)
    (picture,) = [each for each in common_pictures(found) if each.name == "boundary"]
    assert [ax.get_title(loc="left").partition(":")[0] for ax in picture.draw().axes] == ["calm"]
    assert "A run that diverged has no panel." in picture.reading


def test_many_panels_have_no_film(moons):
    names = [f"v{k}" for k in range(MOST_FILMED + 1)]
    found = run_scenario(scenario(*names, epochs=1), *moons, seeds=1, progress=False)
    (picture,) = [each for each in common_pictures(found) if each.name == "boundary"]
    assert picture.film is None and len(picture.draw().axes) == MOST_FILMED + 1


def test_frames_of_runs_of_other_lengths():
    """A run that has ended stays as it ended; what is kept in the end comes last."""
    a, b, c, d, e = (np.full((2, 2), value) for value in range(5))
    frames, titles = film_frames({"short": [(0, a), (2, b)], "long": [(0, c), (2, d), (4, e)]})
    assert titles == ["Before training", "After epoch 2", "After epoch 4"]
    assert [frame["short"][0, 0] for frame in frames] == [0, 1, 1] and [frame["long"][0, 0] for frame in frames] == [
        2,
        3,
        4,
    ]
    frames, titles = film_frames({"stopped": [(0, a), (2, b), (4, c), (2, b)], "whole": [(0, d), (4, e)]})
    assert titles == ["Before training", "After epoch 2", "After epoch 4", "Weights that are kept"]
    assert [frame["stopped"][0, 0] for frame in frames] == [0, 1, 2, 1]
    assert [frame["whole"][0, 0] for frame in frames] == [3, 3, 4, 4]


# -- what samples are called -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("noun", "says"), [
    ("image", "An image of the images: imaged."), ("row", "A row of the rows: imaged."),
    ("point", "A point of the points: imaged."),
])  # fmt: skip
def test_nouns(noun, says):
    assert in_nouns("An image of the images: imaged.", noun) == says
    listed = in_nouns(Listed("Per image", ("variant", "images"), [("image a", "1")], "No image."), noun)
    assert isinstance(listed, Listed) and listed.lead == f"Per {noun}" and listed.header == ("variant", f"{noun}s")
    assert listed.rows == [("image a", "1")] and listed.end == f"No {noun}."


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_scenario_speaks_of_images_where_there_are_rows(name):
    each = SCENARIOS[name]
    for text in (each.question, each.what_to_watch):
        told = in_nouns(text, "row")
        assert "image" not in told and "an row" not in told
        assert len(told.split()) == len(text.split())


# -- what a comparison has no answer for -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["neuron-life", "augmentation", "convolution", "filters"])
def test_a_scenario_of_images_refuses_points_and_colours(name, moons, refused):
    with refused(name, "expected grey images", "moons, points"):
        run_scenario(SCENARIOS[name], *moons, seeds=1, progress=False)
    x, labels = np.zeros((20, 6, 6, 3), np.uint8), (np.arange(20) % 2).astype(np.uint8)
    colours = ns.data.Dataset(x, labels, "flags", "train", "drawn in a test", ("a", "b"))
    with refused("flags, colour images"):
        run_scenario(SCENARIOS[name], colours, colours, seeds=1, progress=False)


def test_numbers_to_predict_are_refused(refused, tmp_path, monkeypatch):
    x = np.random.default_rng(0).normal(size=(40, 2))
    data = ns.data.Dataset(x, x[:, 0] * 2, "prices", "train", "drawn in a test", kind="table")
    with refused("widths: expected classes", "prices", "use train for them"):
        run_scenario(scenario("one", "two", loss="mse"), data, data, seeds=1, progress=False)
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"a": x[:, 0], "price": x[:, 1]}).to_csv("prices.csv", index=False)
    result = run_cli("compare", "--vary", "l2=0,1e-3", "--data", "prices.csv", "--target", "price", "--loss", "mse")
    assert result.code == 2 and "expected classes" in result.err and len(result.err.splitlines()) == 1


def test_what_does_not_fit_is_left_out_of_several(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    chosen = []

    def run_experiments(experiments, *_, **__):
        chosen.extend(each.scenario.name for each in experiments)
        yield from ()

    monkeypatch.setattr("neurosim.cli.experiment.run_experiments", run_experiments)
    result = run_cli("scenario", "neuron-life", "symmetry", "augmentation", "--data", "moons")
    assert result.code == 0 and chosen == ["symmetry"], result.err
    for name in ("neuron-life", "augmentation"):
        assert f"left out: {name}: expected grey images" in result.out
    assert run_cli("scenario", "neuron-life", "--data", "moons").code == 2


@pytest.mark.full
def test_a_table_is_spoken_of_in_rows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    pd.DataFrame({"a": rng.normal(size=60), "b": rng.normal(size=60), "kind": ["x", "y"] * 30}).to_csv(
        "t.csv", index=False
    )
    result = run_cli("scenario", "dead-neurons", "--data", "t.csv", "--quick", "--epochs", "1", "--jobs", "1")
    assert result.code == 0, result.err
    told = result.out.partition("figures:")[0]
    assert "image" not in told and "(50 training rows" in told and "answer to no row" in " ".join(told.split())
    report = (tmp_path / "results/dead-neurons/report.md").read_text().partition("## Settings")[0]
    assert "image" not in report and "row" in report
    assert "Hidden neurons that answer to no row" in words(
        next(
            each for each in common_pictures(read_back(tmp_path / "results/dead-neurons")) if each.name == "silent"
        ).draw()
    )


def read_back(folder):
    """The results of a scenario from its files, as `plot` has them."""
    from scenarios.protocol.results import Results

    record = json.loads((folder / "run.json").read_text())
    return Results.read(
        SCENARIOS[record["scenario"]], folder, "", {}, record["tables"], record["data"]["train"]["noun"]
    )
