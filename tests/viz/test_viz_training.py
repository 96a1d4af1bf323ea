"""The pictures of training, of toy networks and of their landscapes draw what the data say."""

import itertools
import math

import matplotlib
import numpy as np
import pandas as pd
import pytest
from figure_checks import assert_legible, line, outside, overlapping, texts, words
from matplotlib.collections import PolyCollection, QuadMesh
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

import neurosim as ns
import viz
from neurosim.errors import NeurosimError, ShapeError
from viz.boundary import line_in_box
from viz.pareto import pareto


def grid_table():
    """Accuracy over width and depth: two seeds a cell."""
    rows = [
        {"width": width, "depth": depth, "seed": seed, "test_accuracy": 0.5 + width / 400 - depth / 100 + seed / 50}
        for width, depth, seed in itertools.product([64, 8, 16], [1, 2], [0, 1])
    ]
    return pd.DataFrame(rows)


# -------- heatmap


def test_heatmap_writes_the_mean_of_each_cell_and_marks_the_lost():
    frame = grid_table()
    frame.loc[(frame["width"] == 8) & (frame["depth"] == 2), "test_accuracy"] = np.nan
    frame.loc[(frame["width"] == 16) & (frame["depth"] == 1) & (frame["seed"] == 1), "test_accuracy"] = np.nan
    frame = frame[~((frame["width"] == 64) & (frame["depth"] == 2))]
    ax = viz.heatmap(frame, "width", "depth", "test_accuracy")
    cells = {
        (round(text.get_position()[0]), round(text.get_position()[1])): text.get_text()
        for text in texts(ax)
        if text.get_transform() == ax.transData
    }
    assert cells[0, 0] == "52.0" and cells[0, 1] == "×"  # 0.5 + 8/400 - 1/100, seeds + 0 and + 2 %, mean + 1 %
    assert cells[1, 0] == "53.0\n1 of 2 ×" and (2, 1) not in cells
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["8", "16", "64"]
    assert len([patch for patch in ax.patches if isinstance(patch, Rectangle)]) == 1
    large = viz.heatmap(frame.assign(width=1500 * frame["width"]), "width", "depth", "test_accuracy")
    assert [tick.get_text() for tick in large.get_xticklabels()] == ["12,000", "24,000", "96,000"]
    assert "diverged" in words(ax) and "not run" in words(ax) and "mean of up to 2 runs per cell" in words(ax)
    assert "mean of 2 runs per cell" in words(viz.heatmap(grid_table(), "width", "depth", "test_accuracy"))
    assert_legible(ax)


def test_heatmap_of_a_matrix_and_every_number_can_be_read():
    values = np.linspace(0, 1, 30).reshape(5, 6)
    ax = viz.heatmap(values, "rate", "batch", "loss", x_labels=list("abcdef"))
    assert [float(text.get_text()) for text in texts(ax) if text.get_transform() == ax.transData] == pytest.approx(
        values.ravel(), abs=0.005
    )
    image = ax.images[0]
    assert image.colorbar.ax.get_ylim() == (0.0, 1.0)  # no colour for what no cell has
    for text in texts(ax):
        if text.get_transform() != ax.transData:
            continue
        column, row = map(round, text.get_position())
        paper = _luminance(image.cmap(image.norm(values[row, column]))[:3])
        ink = _luminance(matplotlib.colors.to_rgb(text.get_color()))
        assert (max(paper, ink) + 0.05) / (min(paper, ink) + 0.05) >= 3.0  # WCAG's bound for large print
    assert_legible(ax)


def _luminance(rgb):
    """Relative luminance of the WCAG."""
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def test_heatmap_takes_the_last_epoch_and_all_may_be_lost():
    frame = pd.DataFrame({"width": [4, 4], "depth": [1, 1], "epoch": [2, 1], "val_accuracy": [0.9, 0.1]})
    assert "90.00" in [text.get_text() for text in texts(viz.heatmap(frame))]
    assert "every run diverged" in words(viz.heatmap(np.full((2, 2), np.nan)))


# -------- distributions


def percentiles(variants=("a",), layers=(1,), scale=1.0):
    rng = np.random.default_rng(0)
    rows = []
    for variant, layer, step in itertools.product(variants, layers, range(0, 50, 10)):
        values = rng.normal(size=1000) * scale * layer
        row = dict(zip(("p5", "p25", "p50", "p75", "p95"), np.percentile(values, [5, 25, 50, 75, 95]), strict=True))
        rows.append({"variant": variant, "layer": layer, "step": step} | row)
    return pd.DataFrame(rows)


def test_bands_are_the_percentiles():
    frame = percentiles()
    ax = viz.histogram_over_time(frame).axes[0]
    assert line(ax, "median").get_ydata() == pytest.approx(frame["p50"].to_numpy())
    light, dark = [band for band in ax.collections if isinstance(band, PolyCollection)]
    for band, low, high in ((light, "p5", "p95"), (dark, "p25", "p75")):
        corners = band.get_paths()[0].vertices
        assert {*np.round(corners[:, 1], 9)} == {*np.round(frame[low], 9), *np.round(frame[high], 9)}


@pytest.mark.parametrize(("variants", "layers", "panels"), [
    (("a",), (1, 2, 3), 3), (("a", "b", "c", "d"), (1,), 4), (("a", "b"), (1, 2, 3), 6),
])  # fmt: skip
def test_one_panel_per_variant_and_layer_on_shared_axes(variants, layers, panels):
    figure = viz.histogram_over_time(percentiles(variants, layers))
    assert len(figure.axes) == panels
    assert len({ax.get_ylim() for ax in figure.axes}) == 1 and len({ax.get_xlim() for ax in figure.axes}) == 1
    for name in variants if len(variants) > 1 else ():
        assert name in words(figure).split(" | ")


def test_very_uneven_spreads_are_explained_in_the_subtitle():
    wide = pd.concat([percentiles(), percentiles(("b",)), percentiles(("c",), scale=1e9)])
    figure = viz.histogram_over_time(wide)
    assert figure.axes[0].get_yscale() == "symlog"
    assert "logarithmic beyond" in words(figure) and "larger values lie outside" in words(figure)
    figure.draw_without_rendering()
    ticks = figure.axes[0].get_yticklabels()
    assert overlapping(ticks, figure) == []
    assert viz.histogram_over_time(percentiles(("a", "b"))).axes[0].get_yscale() == "linear"


def test_falling_percentiles_are_refused(refused):
    frame = percentiles()
    frame.loc[2, "p25"] = 9.0
    with refused("p5 <= p25", "9"):
        viz.histogram_over_time(frame)
    with refused("p95"):
        viz.histogram_over_time(percentiles().drop(columns="p95"))
    with refused("step", "epoch"):
        viz.histogram_over_time(percentiles().drop(columns="step"))


# -------- spread by layer


def test_spread_is_the_geometric_mean_and_zero_lies_at_the_foot():
    frame = pd.DataFrame([
        {"variant": variant, "seed": seed, "layer": layer, "std": base * (1 + seed) * 0.1**layer}
        for variant, base in (("he", 1.0), ("zeros", 0.0)) for seed in (0, 1) for layer in (1, 2, 3)
    ])  # fmt: skip
    ax = viz.spread_by_layer(frame)
    assert ax.get_yscale() == "log"
    assert line(ax, "he").get_ydata() == pytest.approx([math.sqrt(2) * 0.1**layer for layer in (1, 2, 3)])
    zeros = line(ax, "zeros").get_ydata()
    assert (zeros > 0).all() and (zeros < frame.loc[frame["std"] > 0, "std"].min()).all()
    assert zeros.min() > ax.get_ylim()[0] and "zero is drawn at the foot" in words(ax)
    assert "zero" not in words(viz.spread_by_layer(frame[frame["variant"] == "he"]))
    assert_legible(ax)


def test_spread_refuses_negative_sizes_and_several_steps(refused):
    frame = pd.DataFrame({"layer": [1, 2], "std": [1.0, -0.5]})
    with refused("std", "-0.5"):
        viz.spread_by_layer(frame)
    with refused("several for layer 1", "step"):
        viz.spread_by_layer(pd.DataFrame({"layer": [1, 1], "std": [1.0, 0.5], "step": [0, 10]}))


# -------- films


def test_filmstrip_has_one_scale_and_the_steps():
    images = np.stack([np.full((3, 4), value) for value in (-0.5, 0.0, 2.0)])
    ax = viz.filmstrip(images, [0, 10, 200])
    (image,) = ax.images
    assert image.norm.vmin == -image.norm.vmax == -2.0
    assert [text.get_text() for text in texts(ax)][:3] == ["step 0", "step 10", "step 200"]
    rows = viz.filmstrip(images.reshape(3, 12), [0, 10, 200], shape=(3, 4))
    assert np.array_equal(rows.images[0].get_array().filled(9), image.get_array().filled(9))


def test_film_has_one_frame_per_step_and_only_the_picture_moves(tmp_path):
    images = np.stack([np.full((4, 4), value) for value in (-1.0, 0.0, 1.0)])
    path = viz.weight_film(images, [0, 5, 10], tmp_path / "new" / "a.gif", note="data: toy", seconds_per_frame=0.1)
    film = Image.open(path)
    frames, times = [], []
    for k in range(film.n_frames):
        film.seek(k)
        frames.append(np.asarray(film.convert("RGB")).astype(int))
        times.append(film.info["duration"])
    assert len(frames) == 3 and times == [100, 100, 200]
    blue, white, red = (frame[frame.shape[0] // 2, frame.shape[1] // 3] for frame in frames)
    assert blue[2] > blue[0] + 50 and red[0] > red[2] + 50 and white.min() > 230
    bar = frames[0].shape[1] * 85 // 100
    assert np.array_equal(frames[0][:, bar:], frames[2][:, bar:])  # the colour bar and its numbers


def test_a_filmstrip_of_several_neurons_has_a_row_each(tmp_path):
    images = np.arange(2 * 3 * 2 * 2, dtype=float).reshape(2, 3, 2, 2)  # two steps of three neurons
    ax = viz.filmstrip(images, [0, 1500], names=["a", "b", "c"])
    sheet = ax.images[0].get_array().filled(np.nan)
    assert np.array_equal(sheet[0:2, 0:2], images[0, 0]) and np.array_equal(sheet[0:2, 3:5], images[1, 0])
    assert np.array_equal(sheet[6:8, 3:5], images[1, 2])
    assert {"step 0", "1,500", "a", "b", "c"} <= {text.get_text() for text in texts(ax)}
    film = Image.open(viz.weight_film(images, [0, 1500], tmp_path / "a.gif"))
    assert film.n_frames == 2


def test_films_refuse_images_that_do_not_fit(tmp_path, refused):
    images = np.zeros((3, 16))
    with refused("steps: expected 3", error=ShapeError):
        viz.filmstrip(images, [0, 1], shape=(4, 4))
    with refused("shape=", error=ShapeError):
        viz.filmstrip(images, [0, 1, 2])
    with refused("n steps and one name per neuron", "1 steps", error=ShapeError):
        viz.filmstrip(np.zeros((2, 3, 4, 4)), [0])
    with refused(".gif"):
        viz.weight_film(images, [0, 1, 2], tmp_path / "a.png", shape=(4, 4))
    with refused("seconds_per_frame", "0"):
        viz.weight_film(images, [0, 1, 2], tmp_path / "a.gif", shape=(4, 4), seconds_per_frame=0)


# -------- timeline


def lives(column="active"):
    """Neuron 0 dies at step 20, neuron 1 lives, neuron 2 was never alive."""
    shares = {0: [0.4, 0.1, 0.0, 0.0], 1: [0.5, 0.6, 0.7, 0.001], 2: [0.0] * 4}
    rows = [
        {"neuron": neuron, "step": 10 * k, "active": share}
        for neuron, each in shares.items()
        for k, share in enumerate(each)
    ]
    frame = pd.DataFrame(rows)
    return frame if column == "active" else frame.assign(alive=frame.pop("active") > 0)


@pytest.mark.parametrize("column", ["active", "alive"])
def test_timeline_shows_exactly_the_dead_as_white(column):
    ax = viz.timeline(lives(column), sort=False)
    (mesh,) = [each for each in ax.collections if isinstance(each, QuadMesh)]
    ax.figure.draw_without_rendering()
    white = np.all(mesh.get_facecolor()[:, :3] == 1.0, axis=1).reshape(3, 4)
    assert white.tolist() == [[False, False, True, True], [False] * 4, [True] * 4]
    assert "2 of 3 neurons are dead at the end" in words(ax)
    assert {"dead"} <= {text.get_text() for text in ax.get_legend().get_texts()}
    assert_legible(ax)


def test_timeline_sorts_and_shows_gaps():
    frame = lives()
    ax = viz.timeline(frame[~((frame["neuron"] == 0) & (frame["step"] == 10))])
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["1", "0", "2"]
    assert "not recorded" in {text.get_text() for text in ax.get_legend().get_texts()}


def test_timeline_refuses_several_runs_and_shares_out_of_range(refused):
    with refused("expected one variant", "a, b"):
        viz.timeline(pd.concat([lives().assign(variant="a"), lives().assign(variant="b")]))
    with refused("0..1"):
        viz.timeline(lives().assign(active=2.0))
    with refused("active", "alive"):
        viz.timeline(lives().drop(columns="active"))


# -------- frontier


def test_pareto_agrees_with_a_comparison_of_every_pair():
    rng = np.random.default_rng(2)
    for _ in range(30):
        cost, worth = rng.integers(0, 6, 12).astype(float), rng.integers(0, 6, 12).astype(float)
        worth[rng.integers(12)] = np.nan
        expected = []
        for i in range(12):
            beaten = any(
                cost[j] <= cost[i] and worth[j] >= worth[i] and (cost[j] < cost[i] or worth[j] > worth[i])
                for j in range(12)
            )
            expected.append(not beaten and not math.isnan(worth[i]))
        assert pareto(cost, worth).tolist() == expected


def test_frontier_draws_the_best_and_names_every_variant():
    frame = pd.DataFrame({
        "variant": ["small", "bad", "large", "lost"], "parameters": [1000, 5000, 9000, 700],
        "test_accuracy": [0.8, 0.7, 0.9, np.nan],
    })  # fmt: skip
    ax = viz.frontier(frame)
    assert line(ax, "frontier").get_xydata().tolist() == [[1000, 80], [9000, 90]]
    assert ax.get_xscale() == "log" and "diverged: lost" in words(ax)
    assert {"small", "bad", "large"} <= {text.get_text() for text in texts(ax)}


def test_frontier_of_a_loss_goes_down_and_seconds_are_summed():
    frame = pd.DataFrame(
        {
            "variant": ["a", "a", "b", "b"],
            "epoch": [1, 2, 1, 2],
            "seconds": [1.0, 2.0, 3.0, 4.0],
            "val_loss": [0.9, 0.5, 0.8, 0.4],
        }
    )
    ax = viz.frontier(frame, "seconds", "val_loss")
    assert line(ax, "frontier").get_xydata() == pytest.approx(np.array([[3.0, 0.5], [7.0, 0.4]]))


def test_crowded_labels_do_not_overlap():
    rng = np.random.default_rng(4)
    names = [f"variant {k}" for k in range(14)]
    frame = pd.DataFrame(
        {"variant": names, "parameters": 10 ** rng.uniform(4.0, 4.3, 14), "test_accuracy": rng.uniform(0.95, 0.96, 14)}
    )
    ax = viz.frontier(frame)
    labels = [text for text in texts(ax) if text.get_text() in names]
    assert len(labels) == 14
    assert overlapping(labels, ax.figure) == [] and outside(labels, ax.figure) == []


def test_a_label_is_nearest_to_its_own_point_or_has_a_leader_that_ends_at_its_edge():
    frame = pd.DataFrame(
        {
            "variant": list("abcdefg"),
            "parameters": [800, 1000, 1080, 1160, 1250, 1400, 9000],
            "test_accuracy": [0.88, 0.883, 0.885, 0.883, 0.88, 0.884, 0.3],
        }
    )
    frame["variant"] = "variant " + frame["variant"]
    ax = viz.frontier(frame)
    ax.figure.draw_without_rendering()
    points = ax.transData.transform(frame[["parameters", "test_accuracy"]].to_numpy() * (1, 100))  # (7, 2)
    leaders = {leader.xy[0]: leader for leader in ax.texts if not leader.get_text()}
    assert leaders
    for text, place, point in zip(frame["variant"], frame["parameters"], points, strict=True):
        (label,) = [each for each in ax.texts if each.get_text() == text]
        box = label.get_window_extent()
        away = np.hypot(*np.maximum(np.maximum(box.min - points, points - box.max), 0).T)
        assert place in leaders or away.min() == np.hypot(*np.maximum(np.maximum(box.min - point, point - box.max), 0))
        if place in leaders:
            end = point + np.array(leaders[place].get_position()) * ax.figure.dpi / 72
            inside = (box.min + 1 < end) & (end < box.max - 1)
            assert not inside.all() and (box.min - 4 < end).all() and (end < box.max + 4).all()


def test_frontier_refuses_a_cost_of_zero(refused):
    with refused("parameters", "0"):
        viz.frontier(pd.DataFrame({"variant": ["a"], "parameters": [0], "test_accuracy": [0.5]}))


# -------- decision boundary


def step_classifier(points):
    """Class 1 to the right of x1 = 0.5, softly."""
    return 1 / (1 + np.exp(-20 * (points[:, 0] - 0.5)))


def test_boundary_lies_where_the_answer_changes_and_counts_the_wrong():
    x = np.array([[-1.0, -1.0], [1.0, 1.0], [0.0, 0.5], [0.9, -0.9]])
    ax = viz.decision_boundary(step_classifier, x, np.array([0, 1, 1, 1]))
    (contour,) = [each for each in ax.collections if isinstance(each, matplotlib.contour.ContourSet)]
    assert contour.get_paths()[0].vertices[:, 0] == pytest.approx(0.5, abs=0.01)
    assert "75.00 % on 4 points" in words(ax)
    assert line(ax, "_wrong 1").get_xydata().tolist() == [[0.0, 0.5]]
    pixels = ax.images[0].get_array()
    left, right = pixels[100, 5], pixels[100, -5]
    assert left[2] > left[0] + 0.2 and right[0] > right[2] + 0.2  # blue is class 0, vermilion class 1
    assert_legible(ax)


def test_three_classes_meet():
    angles = np.array([0, 2, 4]) * np.pi / 3
    centres = np.stack([np.cos(angles), np.sin(angles)], axis=1)

    def nearest(points):
        scores = np.exp(8 * points @ centres.T)
        return scores / scores.sum(axis=1, keepdims=True)

    ax = viz.decision_boundary(nearest, centres, np.arange(3), class_names=["a", "b", "c"])
    assert "100.00 % on 3 points" in words(ax) and "class c" in words(ax)
    contours = [each for each in ax.collections if isinstance(each, matplotlib.contour.ContourSet)]
    for contour in contours:
        for corner in contour.get_paths()[0].vertices:
            two = np.sort(nearest(corner[None])[0])[-2:]
            assert two[1] - two[0] < 0.15


@pytest.mark.parametrize(("w", "b"), [((1.0, 0.0), -0.5), ((0.0, 2.0), 1.0), ((1.0, 1.0), 0.0), ((-3.0, 0.2), 0.1)])
def test_a_line_in_a_box_solves_its_equation_at_both_ends_on_the_rim(w, b):
    ends = line_in_box(w, b, (-1.0, 2.0, -1.5, 1.0))
    for x1, x2 in ends:
        assert w[0] * x1 + w[1] * x2 + b == pytest.approx(0.0, abs=1e-12)
        assert min(abs(x1 + 1), abs(x1 - 2), abs(x2 + 1.5), abs(x2 - 1)) < 1e-12
    assert not np.allclose(*ends)
    assert line_in_box((0.0, 0.0), 1.0, (-1, 1, -1, 1)) is None and line_in_box((1.0, 0.0), 9.0, (-1, 1, -1, 1)) is None


def test_the_neurons_of_a_network_are_drawn_with_the_side_where_they_answer():
    weights, biases = np.array([[1.0, 0.0, 0.0], [0.0, -2.0, 1.0]]), np.array([0.25, 0.5, 50.0])
    x = np.array([[-1.0, -1.0], [1.0, 1.0]])
    ax = viz.decision_boundary(step_classifier, x, np.array([0, 1]), weights, biases)
    found = {each.get_gid(): each.get_xydata() for each in ax.lines if each.get_gid()}
    assert found["neuron 0"][:, 0] == pytest.approx(-0.25) and found["neuron 1"][:, 1] == pytest.approx(0.25)
    for j in (0, 1):
        assert found[f"side {j}"][1] @ weights[:, j] + biases[j] > 0.01
    assert "neuron 2" not in found and "no line on this map: neuron 2" in words(ax)


@pytest.mark.parametrize(("change", "word"), [
    ({"x": np.zeros((3, 3))}, "(N, 2)"), ({"y": np.zeros(3)}, "one class per point"),
    ({"weights": np.ones((2, 1))}, "expected both"),
    ({"weights": np.ones((3, 2)), "biases": np.ones(2)}, "(2, n)"), ({"predict": lambda p: p * 9}, "0..1"),
    ({"predict": lambda p: np.full(len(p), np.nan)}, "NaN"), ({"predict": lambda p: np.ones(3)}, "probabilities"),
    ({"resolution": 1}, "resolution"), ({"y": np.array([0, -1])}, "whole numbers"),
    ({"y": np.array([0.5, 1.0])}, "whole numbers"), ({"y": np.array(["a", "b"])}, "whole numbers"),
    ({"y": np.array([0.0, np.nan])}, "whole numbers"),
])  # fmt: skip
def test_boundary_refuses_what_does_not_fit(change, word, refused):
    given = {"predict": step_classifier, "x": np.array([[0.0, 0.0], [1.0, 1.0]]), "y": np.array([0, 1])} | change
    with refused(word):
        viz.decision_boundary(**given)


# -------- loss surface


def test_surface_contours_lie_at_their_level():
    places = np.linspace(-1, 1, 41)
    loss = 0.1 + places[None, :] ** 2 + 2 * places[:, None] ** 2  # rows: beta
    ax = viz.loss_surface(places, places, loss)
    lines = [each for each in ax.collections if isinstance(each, matplotlib.contour.ContourSet) and not each.filled]
    for level, path in zip(lines[0].levels, lines[0].get_paths(), strict=True):
        at = 0.1 + path.vertices[:, 0] ** 2 + 2 * path.vertices[:, 1] ** 2
        assert at == pytest.approx(level, rel=0.05)
    assert line(ax, "the network").get_xydata().tolist() == [[0, 0]]
    assert "logarithmic" in words(ax) and "grey" not in words(ax)
    assert_legible(ax)


def test_surface_shows_where_there_is_no_number_and_refuses_none_at_all(refused):
    loss = np.ones((3, 3))
    loss[0, 0] = np.inf
    assert "grey: the loss is not finite" in words(viz.loss_surface([0, 1, 2], [0, 1, 2], loss))
    with refused("finite"):
        viz.loss_surface([0, 1], [0, 1], np.full((2, 2), np.nan))
    with refused("(R, C)", error=ShapeError):
        viz.loss_surface([0, 1], [0, 1, 2], np.ones((2, 3)))
    with refused("rise"):
        viz.loss_surface([0, 1], [1, 0], np.ones((2, 2)))


# -------- rates


def test_range_test_suggests_a_tenth_of_the_best_rate():
    rates = np.geomspace(1e-4, 10, 51)
    losses = (np.log10(rates) + 1) ** 2 + 0.5  # lowest at 0.1
    frame = pd.DataFrame({"variant": "sgd", "learning_rate": rates, "loss": losses})
    ax = viz.range_test(frame)
    ring = line(ax, "_suggested").get_xydata()
    assert ring[0] == pytest.approx([0.01, 1.5], rel=0.02) and ax.get_xscale() == "log"
    assert "suggested: 0.01" in words(ax)
    frame["suggested"] = np.isclose(rates, 0.1)
    assert line(viz.range_test(frame), "_suggested").get_xdata()[0] == pytest.approx(0.1)


def test_range_test_says_what_lies_outside_and_where_it_diverged(refused):
    rates = np.geomspace(1e-4, 10, 51)
    losses = np.where(rates < 1, 2 - rates, 1e6)
    losses[-3:] = np.inf
    ax = viz.range_test(pd.DataFrame({"learning_rate": rates, "loss": losses}))
    assert ax.get_ylim()[1] < 10 and "above the axis" in words(ax) and "×: diverged" in words(ax)
    assert line(ax, "_diverged").get_ydata()[0] == ax.get_ylim()[1]  # on the edge, where it can be seen
    losses[20] = -3.0
    assert viz.range_test(pd.DataFrame({"learning_rate": rates, "loss": losses})).get_ylim()[0] < -3.0
    with refused("positive", "0"):
        viz.range_test(pd.DataFrame({"learning_rate": [0.0, 1.0], "loss": [1.0, 1.0]}))
    with refused("finite"):
        viz.range_test(pd.DataFrame({"learning_rate": [0.1], "loss": [np.nan]}))


def test_schedule_and_loss_stand_above_one_another_on_shared_axes():
    rows = [
        {"variant": variant, "step": k, "learning_rate": factor * (1 - k / 100), "loss": 1 / (1 + k)}
        for variant, factor in (("a", 0.1), ("b", 0.2))
        for k in range(100)
    ]
    figure = viz.schedule_and_loss(pd.DataFrame(rows))
    rate_a, rate_b, loss_a, loss_b = figure.axes
    assert rate_b.lines[0].get_ydata() == pytest.approx(0.2 * (1 - np.arange(100) / 100))
    assert rate_a.get_ylim() == rate_b.get_ylim() and loss_a.get_ylim() == loss_b.get_ylim()
    assert len({ax.get_xlim() for ax in figure.axes}) == 1
    assert line(loss_a, "_raw").get_ydata() == pytest.approx(1 / (1 + np.arange(100)))
    assert loss_a.get_yscale() == "log"
    assert [tick for tick in rate_a.get_yticks() if tick <= 0.2] == pytest.approx([0, 0.1, 0.2])


# -------- symmetry


def test_neurons_that_stay_equal_still_show():
    rows = [
        {"variant": variant, "neuron": j, "weight": w, "step": k, "value": w + k + j * part}
        for variant, part in (("together", 0.0), ("apart", 0.5))
        for j in (0, 1)
        for w in (0, 1)
        for k in range(5)
    ]
    figure = viz.neurons_together(pd.DataFrame(rows))
    together, apart = figure.axes
    first, second = line(together, "neuron 0"), line(together, "neuron 1")
    assert np.array_equal(first.get_ydata(), second.get_ydata())
    assert first.get_linewidth() > second.get_linewidth() + 1 and first.get_color() != second.get_color()
    assert line(apart, "neuron 1").get_ydata() == pytest.approx(np.arange(5) + 0.5)
    assert len([each for each in apart.lines if len(each.get_xdata()) == 5]) == 4


def test_neurons_together_refuses_a_crowd(refused):
    frame = pd.DataFrame({"neuron": range(9), "step": 0, "value": 0.0})
    with refused("at most 8", "9"):
        viz.neurons_together(frame)
    with refused("one seed"):
        viz.neurons_together(pd.DataFrame({"neuron": 0, "step": 0, "value": 0.0, "seed": [0, 1]}))


@pytest.mark.parametrize(("draw", "column"), [
    (lambda frame: viz.heatmap(frame, "step", "layer", "loss"), "loss"), (viz.histogram_over_time, "p25"),
    (viz.histogram_over_time, "step"), (viz.spread_by_layer, "std"), (viz.spread_by_layer, "layer"),
    (viz.timeline, "active"), (viz.timeline, "step"), (lambda frame: viz.frontier(frame, "std", "loss"), "std"),
    (lambda frame: viz.frontier(frame, "std", "loss"), "loss"), (viz.range_test, "learning_rate"),
    (viz.range_test, "loss"), (viz.schedule_and_loss, "learning_rate"), (viz.schedule_and_loss, "loss"),
    (viz.neurons_together, "value"), (viz.neurons_together, "step"),
])  # fmt: skip
def test_words_where_numbers_belong_are_one_clear_line(draw, column, refused):
    frame = pd.DataFrame(
        {
            "step": [1],
            "layer": [1],
            "neuron": [1],
            "std": [0.5],
            "active": [0.5],
            "value": [0.5],
            "learning_rate": [0.1],
            "loss": [0.5],
        }
    )
    frame = frame.assign(p5=1.0, p25=2.0, p50=3.0, p75=4.0, p95=5.0)
    draw(frame)
    with refused(column, "expected numbers", "much"):
        draw(frame.astype({column: object}).assign(**{column: "much"}))
    with refused(column):
        draw(frame.drop(columns=column))


def test_the_new_pictures_keep_the_rule():
    figure = Figure(figsize=(12, 8), layout="constrained")
    left, right = figure.subfigures(1, 2)
    assert viz.histogram_over_time(percentiles(), fig=left) is left
    ax = right.subplots()
    assert viz.timeline(lives(), ax=ax, title="Mine") is ax and ax.get_title(loc="left") == "Mine"
    with pytest.raises(NeurosimError, match="ax: expected"):
        viz.heatmap(np.ones((2, 2)), ax=figure)


def test_a_landscape_is_drawn_unchanged(blobs, make_net):
    found = ns.loss_landscape(make_net(), *blobs, resolution=5)
    whole, parts = viz.loss_surface(found), viz.loss_surface(*found)
    assert words(whole) == words(parts)
    levels = [ax.collections[0].levels for ax in (whole, parts)]
    assert np.array_equal(*levels) and found.loss.min() <= levels[0][1] and levels[0][-2] <= found.loss.max()
    with pytest.raises(ns.NeurosimError, match="a Landscape alone"):
        viz.loss_surface(found, found.beta, found.loss)
    with pytest.raises(ns.NeurosimError, match="alpha alone"):
        viz.loss_surface(found.alpha)


# -------- what has no value does not look as if it had one


def test_a_rate_that_diverged_stands_in_a_strip_beside_which_there_are_no_values():
    frame = pd.DataFrame(
        {"learning_rate": [0.01, 0.1, 1.0, 10.0], "val_accuracy": [0.8, 0.9, np.nan, np.nan], "variant": "a", "seed": 0}
    )
    ax = viz.rate_sensitivity(frame)
    (strip,) = [each for each in ax.patches if isinstance(each, Rectangle)]
    (crosses,) = [each for each in ax.lines if each.get_label() == "_diverged"]
    assert all(0 < y < strip.get_height() for y in crosses.get_ydata())  # both as shares of the axes
    low, high = ax.get_ylim()
    foot = low + strip.get_height() * (high - low)  # the top of the strip, as a value
    assert all(tick >= foot - 1e-9 for tick in ax.get_yticks()) and foot < 80
    assert "grey strip: diverged, no value" in words(ax)
    whole = viz.rate_sensitivity(frame[:2])
    assert not whole.patches and "strip" not in words(whole)
    assert_legible(ax)


def test_a_variant_that_diverged_has_a_grey_row_and_no_mark():
    frame = pd.DataFrame(
        {"variant": list("aabb"), "seed": [0, 1, 0, 1], "val_accuracy": [0.8, 0.9, np.nan, np.nan], "loss": 1.0}
    )
    ax = viz.comparison(frame)
    (text,) = [each for each in texts(ax) if "diverged" in each.get_text()]
    assert text.get_text() == "diverged (2 of 2 seeds)" and text.xy[0] == 1  # beside the axis, where values are written
    assert len(ax.patches) == 1 and "×" not in words(ax)
    assert {each.get_label() for each in ax.lines} == {"_sd", "_seeds", "a"}


def test_a_cross_on_a_curve_is_explained():
    rows = [("a", 1, 0.5), ("a", 2, 0.6), ("a", 3, np.nan), ("b", 1, 0.5), ("b", 2, 0.6), ("b", 3, 0.7)]
    frame = pd.DataFrame(rows, columns=["variant", "epoch", "val_accuracy"])
    assert "×: the last value before a run diverged" in words(viz.learning_curves(frame))
    assert "×" not in words(viz.learning_curves(frame[frame["variant"] == "b"]))


# -------- losses of different units


def test_losses_of_different_units_have_their_own_axes():
    rng = np.random.default_rng(0)
    scale = {"mse": 0.01, "mse fast": 0.02, "hinge": 50.0}
    rows = [
        {"variant": name, "seed": seed, "epoch": epoch, "loss": size / epoch * rng.uniform(0.9, 1.1)}
        for name, size in scale.items()
        for seed in range(3)
        for epoch in (1, 2, 3)
    ]
    frame = pd.DataFrame(rows)
    units = {"mse": "mse", "mse fast": "mse", "hinge": "hinge"}
    fig = viz.curves_apart(frame, units)
    one, other = fig.axes
    assert [one.get_title(loc="left"), other.get_title(loc="left")] == ["mse", "hinge"]
    assert not one.get_shared_y_axes().joined(one, other)
    for ax, names in ((one, ["mse", "mse fast"]), (other, ["hinge"])):
        for name in names:
            mean = [frame[(frame["variant"] == name) & (frame["epoch"] == k)]["loss"].mean() for k in (1, 2, 3)]
            assert line(ax, name).get_ydata() == pytest.approx(mean)
    assert one.get_ylim()[1] < 1 < other.get_ylim()[1]
    assert "cannot be compared" in words(fig)
    for ax in fig.axes:
        assert_legible(ax)
    with pytest.raises(NeurosimError, match="received none for hinge"):
        viz.curves_apart(frame, {"mse": "mse", "mse fast": "mse"})


def test_a_loss_that_diverged_at_once_is_named_in_its_panel():
    frame = pd.DataFrame({"variant": ["a", "b"], "seed": 0, "epoch": 1, "loss": [np.nan, 1.0]})
    fig = viz.curves_apart(frame, {"a": "mse", "b": "mae"})
    assert "diverged" in [text.get_text() for text in texts(fig.axes[0])] and len(fig.axes[0].get_yticks()) == 0


def test_a_map_of_differences_parts_at_zero():
    values = np.array([[0.5, -2.0], [-0.25, 0.0]])
    ax = viz.heatmap(values, "one", "other", "effect", centred=True, framed=values < 0, note="a note of its own")
    assert ax.images[0].get_clim() == (-2.0, 2.0)
    shown = [text.get_text() for text in texts(ax)]
    assert "+0.50" in shown and "-2.00" in shown and "a note of its own" in words(ax) and "one run" not in words(ax)
    frames = [patch for patch in ax.patches if not patch.get_fill()]
    assert sorted((round(each.get_y()), round(each.get_x())) for each in frames) == [(0, 0), (0, 1)] or len(frames) == 2
    assert_legible(ax)
