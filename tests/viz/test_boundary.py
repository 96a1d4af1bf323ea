"""Decision boundaries side by side and in motion draw what the classifiers answer."""

import matplotlib
import numpy as np
import pytest
from figure_checks import assert_legible, line, texts, title, words
from matplotlib.colors import to_rgb
from PIL import Image

import viz
from viz.boundary import TINT
from viz.colours import PALETTE

RNG = np.random.default_rng(5)
X = RNG.uniform((-1.0, 0.0), (3.0, 2.0), (60, 2))
Y = (X[:, 0] > 1.0).astype(int)
RESOLUTION = 40


def answers(edge, resolution=RESOLUTION, steep=25.0):
    """Of a classifier whose class 1 lies to the right of x1 = edge: at the places and at the points."""
    places = np.vstack([viz.places_around(X, resolution)[2], X])
    right = 1 / (1 + np.exp(-steep * (places[:, 0] - edge)))
    return np.column_stack([1 - right, right])


def boundary_of(ax):
    """Where the line runs, x1 of its corners."""
    (contour,) = [each for each in ax.collections if isinstance(each, matplotlib.contour.ContourSet)]
    return contour.get_paths()[0].vertices[:, 0]


# -- places ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resolution", [2, 7, 40])
def test_places_are_a_square_around_the_points_row_by_row(resolution):
    across, up, places = viz.places_around(X, resolution)
    assert across.shape == up.shape == (resolution,) and places.shape == (resolution**2, 2)
    assert places.dtype == np.float32
    for k in range(resolution**2):
        row, column = divmod(k, resolution)
        assert places[k] == pytest.approx((across[column], up[row]), rel=1e-6)
    width, height = np.ptp(X, axis=0)
    assert np.ptp(across) == pytest.approx(np.ptp(up)) == pytest.approx(1.12 * max(width, height))
    for coordinates, own in ((across, X[:, 0]), (up, X[:, 1])):
        assert coordinates.mean() == pytest.approx((own.min() + own.max()) / 2)
        assert coordinates[0] < own.min() and coordinates[-1] > own.max()


def test_places_around_a_single_point():
    across, up, _ = viz.places_around([[2.0, -3.0]], 3)
    assert across[1] == pytest.approx(2.0) and up[1] == pytest.approx(-3.0) and np.ptp(across) > 0


# -- side by side ----------------------------------------------------------------------------------------------------


@pytest.mark.full
def test_each_panel_has_its_own_boundary_on_shared_axes():
    edges = {"low": 0.2, "middle": 1.0, "high": 2.1}
    figure = viz.decision_boundaries({name: answers(edge) for name, edge in edges.items()}, X, Y, None, ["no", "yes"])
    panels = figure.axes
    assert len(panels) == 3 and len({(ax.get_xlim(), ax.get_ylim()) for ax in panels}) == 1
    across, up, _ = viz.places_around(X, RESOLUTION)
    for ax, (name, edge) in zip(panels, edges.items(), strict=True):
        assert boundary_of(ax) == pytest.approx(edge, abs=0.03)
        wrong = (X[:, 0] > edge) != (X[:, 0] > 1.0)
        assert title(ax) == f"{name}: {100 * np.mean(~wrong):.2f} %"
        for k in (0, 1):
            told = {tuple(point) for point in line(ax, f"_wrong {k}").get_xydata()}
            assert told == {tuple(point) for point in X[wrong & (k == Y)]}
        assert ax.get_xlim() == pytest.approx((across[0], across[-1])) and ax.get_ylim() == pytest.approx(
            (up[0], up[-1])
        )
        assert_legible(ax, *([figure._suptitle] if ax is panels[0] else []))
    assert "black rim: misread" in words(figure) and "no" in words(figure) and "class yes" in words(figure)


def test_a_place_has_the_colour_of_its_class_deeper_if_more_certain():
    given = answers(1.0)
    figure = viz.decision_boundaries({"one": given}, X, Y)
    assert title(figure.axes[0]).startswith("one: 100.00") and "black rim" not in words(figure)
    pixels = np.asarray(figure.axes[0].images[0].get_array())
    assert pixels.shape == (RESOLUTION, RESOLUTION, 3)
    for row, column in ((0, 0), (20, 19), (39, 39), (5, 21)):
        p = given[row * RESOLUTION + column, 1]
        sure, k = abs(2 * p - 1), int(p > 0.5)
        expected = 1 - TINT * sure * (1 - np.array(to_rgb(PALETTE[k])))
        assert pixels[row, column] == pytest.approx(expected, abs=1e-6)


@pytest.mark.quick_for("2")
@pytest.mark.parametrize("count", [2, 5, 14])
def test_many_panels_can_be_read(count):
    figure = viz.decision_boundaries({f"variant {k}": answers(k / 5, 12) for k in range(count)}, X, Y)
    assert len(figure.axes) == count
    for ax in figure.axes:
        assert_legible(ax)
    lowest = max(ax.get_position().y0 for ax in figure.axes[-1:])
    assert [each.get_window_extent().y1 < lowest * figure.bbox.height for each in figure.legends]


def test_a_column_alone_is_that_of_class_one():
    both, one = (viz.decision_boundaries({"a": each}, X, Y) for each in (answers(0.7), answers(0.7)[:, 1:]))
    assert title(one.axes[0]) == title(both.axes[0])
    assert np.allclose(one.axes[0].images[0].get_array(), both.axes[0].images[0].get_array())


@pytest.mark.parametrize(("given", "word"), [
    ({}, "at least one"), ({"a": answers(1.0)[:-1]}, "places_around"),
    ({"a": answers(1.0)[: len(X) + 3]}, "per point (60)"),
    ({"a": 2 * answers(1.0)}, "0..1"), ({"a": np.full((1660, 2), np.nan)}, "NaN"),
    ({"a": np.ones(1660)[:, None, None]}, "probabilities"),
])  # fmt: skip
def test_answers_that_do_not_fit_are_refused(given, word, refused):
    with refused(word):
        viz.decision_boundaries(given, X, Y)
    with refused(word) if given else refused("answers"):
        viz.boundary_film([given] if given else [], ["Before training"] if given else [], X, Y, "film.gif")


# -- in motion -------------------------------------------------------------------------------------------------------


@pytest.mark.full
def test_a_film_has_one_frame_per_measurement_and_begins_before_training(tmp_path, monkeypatch):
    drawn = []
    pixels = viz.boundary.film_pixels
    monkeypatch.setattr("viz.boundary.film_pixels", lambda figure: drawn.append(figure) or pixels(figure))
    edges = (2.6, 1.9, 1.0)
    titles = ["Before training", "After epoch 4", "After epoch 9"]
    path = viz.boundary_film(
        [answers(edge) for edge in edges],
        titles,
        X,
        Y,
        tmp_path / "new/film.gif",
        note="made up",
        axis_names=("u", "v"),
    )
    assert path == tmp_path / "new/film.gif" and list(path.parent.iterdir()) == [path]
    with Image.open(path) as film:
        assert film.n_frames == 3 and film.info["loop"] == 0
        durations = []
        for frame in range(3):
            film.seek(frame)
            durations.append(film.info["duration"])
    assert durations == [300, 300, 600]
    for figure, edge, told in zip(drawn, edges, titles, strict=True):
        ax = figure.axes[0]
        assert boundary_of(ax) == pytest.approx(edge, abs=0.03)
        right = np.mean((X[:, 0] > edge) == (X[:, 0] > 1.0))
        assert title(ax) == f"{told}: accuracy {100 * right:.2f} % on 60 points"
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("u", "v")
    boxes = np.array([figure.axes[0].get_window_extent().extents for figure in drawn])  # pixels
    assert np.ptp(boxes, axis=0).max() < 1.0  # nothing moves but the answer


def test_a_film_of_several(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "viz.boundary.film_pixels", lambda figure: drawn.append(figure) or np.zeros((4, 4, 3), np.uint8)
    )
    frames = [{"a": answers(2.0), "b": answers(0.1)}, {"a": answers(1.0), "b": answers(0.4)}]
    viz.boundary_film(frames, ["Before training", "After epoch 3"], X, Y, tmp_path / "film.gif", seconds_per_frame=0.1)
    for figure, edges, told in zip(drawn, ((2.0, 0.1), (1.0, 0.4)), ("Before training", "After epoch 3"), strict=True):
        assert told in words(figure)
        for ax, name, edge in zip(figure.axes, "ab", edges, strict=True):
            assert title(ax).startswith(f"{name}: ") and boundary_of(ax) == pytest.approx(edge, abs=0.03)


@pytest.mark.parametrize(("change", "word"), [
    ({"path": "film.png"}, "ends in .gif"), ({"path": "film"}, "ends in .gif"),
    ({"seconds_per_frame": 0}, "seconds_per_frame"), ({"titles": []}, "one per title, 0"),
    ({"titles": ["a", "b"]}, "one per title, 2"), ({"y": Y[:-1]}, "one class per point"),
])  # fmt: skip
def test_a_film_that_cannot_be_made_leaves_nothing(change, word, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"answers": [answers(1.0)], "titles": ["Before training"], "x": X, "y": Y, "path": "film.gif"} | change
    with refused(word):
        viz.boundary_film(**given)
    assert list(tmp_path.iterdir()) == []


def test_a_note_is_gone_after_a_figure_was_saved(tmp_path):
    figure = viz.decision_boundaries({"a": answers(1.0, 8)}, X, Y)
    before = len(figure.texts), figure.get_layout_engine().get()["rect"]
    viz.save(figure, tmp_path / "a.png", "made up")
    assert (len(figure.texts), figure.get_layout_engine().get()["rect"]) == before
    assert not [each for each in texts(figure.axes[0]) if each.get_text() == "made up"]
