"""The pictures draw what the data says, nothing overlaps, and nothing is left behind."""

import itertools
import re
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from figure_checks import assert_legible, line, outside, overlapping, texts, title, words
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

import viz
from neurosim.errors import NeurosimError, ShapeError
from neurosim.text import plain
from viz.images import mosaic
from viz.labels import spread
from viz.style import figure_heading, heading, plain_log
from viz.tables import decades, quantity, zoom

OPTIMIZERS = ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta"]
OPTIMIZERS += ["adam", "adamax", "nadam", "adamw", "amsgrad", "lion"]
ACTIVATIONS = ["linear", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu"]
ACTIVATIONS += ["silu", "mish", "softplus", "softsign", "hard_tanh", "relu6", "swish"]


def run_table(names, seeds=3, epochs=3, top=0.978):
    """One row per variant, seed and epoch, close together at the end."""
    rng = np.random.default_rng(1)
    rows = []
    for i, (name, seed) in enumerate(itertools.product(names, range(seeds))):
        for epoch in range(1, epochs + 1):
            accuracy = top - 0.0007 * (i // seeds) - 0.05 * np.exp(-epoch) + rng.normal(0, 0.0005)
            rows.append(
                {
                    "variant": name, "seed": seed, "epoch": epoch, "loss": 1.1 - accuracy,
                    "accuracy": accuracy + 0.003, "val_loss": 1.2 - accuracy, "val_accuracy": accuracy,
                    "seconds": 1.0 + 0.1 * (i // seeds), "learning_rate": 0.01,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def diverge(frame, name, seeds=(0, 1, 2), epoch=2):
    """Lose these runs from an epoch on; the accuracy of a network full of NaN is a number all the same."""
    frame = frame.copy()
    lost = (frame["variant"] == name) & frame["seed"].isin(seeds) & (frame["epoch"] >= epoch)
    frame.loc[lost, ["loss", "val_loss"]] = np.nan
    frame.loc[lost, "val_accuracy"] = 0.098
    return frame


# -------- style


def test_fifteen_variants_can_be_told_apart_and_keep_their_looks():
    styles = viz.variant_style(ACTIVATIONS)
    assert len({style["marker"] for style in styles.values()}) == 15
    assert len({(style["color"], str(style["linestyle"])) for style in styles.values()}) == 15
    assert viz.variant_style([*ACTIVATIONS, "relu"]) == styles
    assert viz.variant_style(ACTIVATIONS[:3])["tanh"] == styles["tanh"]


def test_each_variant_looks_the_same_in_every_picture():
    frame = run_table(["a", "b", "c"])
    styles = viz.variant_style(["a", "b", "c"])
    some = frame[frame["variant"] != "a"]
    curves = viz.learning_curves(some, styles=styles)
    dots = viz.comparison(some, styles=styles)
    for name in ("b", "c"):
        for ax in (curves, dots):
            assert line(ax, name).get_color() == styles[name]["color"]
            assert line(ax, name).get_marker() == styles[name]["marker"]


def test_missing_style_says_how_to_build_one():
    with pytest.raises(NeurosimError, match="variant_style"):
        viz.learning_curves(run_table(["a", "b"]), styles=viz.variant_style(["a"]))
    with pytest.raises(NeurosimError, match="several names"):
        viz.variant_style("relu")
    with pytest.raises(NeurosimError, match="names: expected a list of names, received 3"):
        viz.variant_style(3)


def test_save_is_whole_or_nothing(tmp_path, monkeypatch):
    ax = viz.new_axes()
    path = viz.save(ax, tmp_path / "new" / "a.png", note="data: built-in digits, NOT MNIST")
    first = path.read_bytes()
    assert first[:8] == b"\x89PNG\r\n\x1a\n"
    assert list(path.parent.iterdir()) == [path]

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        viz.save(ax, path)
    assert path.read_bytes() == first
    assert list(path.parent.iterdir()) == [path]


def test_save_is_1200_pixels_wide_and_leaves_the_figure_as_it_was(tmp_path):
    ax = viz.learning_curves(run_table(["a", "b"]))
    figure, before = ax.figure, words(ax)
    plain = viz.save(ax, tmp_path / "plain.png").read_bytes()
    noted = viz.save(figure, tmp_path / "noted.png", note="data: digits").read_bytes()
    pixels = matplotlib.image.imread(tmp_path / "noted.png")
    assert pixels.shape[1] == 1200
    assert noted != plain
    assert words(ax) == before
    assert viz.save(ax, tmp_path / "again.png").read_bytes() == plain
    assert len(noted) < 150_000


def test_note_covers_nothing(tmp_path, monkeypatch):
    ax = viz.comparison(run_table(OPTIMIZERS))
    seen = []
    real = Figure.savefig

    def look(figure, *args, **kwargs):
        (note,) = [text for text in figure.texts if "NOT MNIST" in text.get_text()]
        seen.extend(overlapping([note, ax.xaxis.label, *ax.get_xticklabels()], figure))
        seen.extend(outside([note], figure))
        real(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", look)
    viz.save(ax, tmp_path / "a.png", note="data: built-in digits, NOT MNIST")
    assert seen == []


def test_an_empty_note_or_subtitle_leaves_nothing_behind(tmp_path):
    ax = viz.learning_curves(run_table(["a"]))
    plainly, empty = viz.save(ax, tmp_path / "a.png"), viz.save(ax, tmp_path / "b.png", note="")
    assert plainly.read_bytes() == empty.read_bytes() and ax.figure.texts == []
    bare, panels = viz.new_axes(), viz.new_figure()
    heading(bare, "title")
    figure_heading(panels, "title")
    assert not bare.texts and not panels.artists and panels._suptitle.get_text() == "title"


def test_save_refuses_what_is_no_png_figure_or_resolution(tmp_path):
    with pytest.raises(NeurosimError, match=r"\.png"):
        viz.save(viz.new_axes(), tmp_path / "a.svg")
    with pytest.raises(NeurosimError, match="Axes or a Figure"):
        viz.save("figure", tmp_path / "a.png")
    with pytest.raises(NeurosimError, match="path: expected a file name, received NoneType"):
        viz.save(viz.new_axes(), None)
    for dpi in (0, -5, 1e9, "150", None):
        with pytest.raises(NeurosimError, match="dpi: expected a number from 10 to 1200, received"):
            viz.save(viz.new_axes(), tmp_path / "a.png", dpi=dpi)


def test_no_global_state_and_no_pyplot_figure():
    before = dict(matplotlib.rcParams)
    viz.learning_curves(run_table(["a", "b"]))
    viz.activation_curves({"tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2)})
    assert dict(matplotlib.rcParams) == before
    if "matplotlib.pyplot" in sys.modules:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == []


def test_notebook_gets_a_png():
    assert viz.new_axes(width=2, height=1).figure._repr_png_().startswith(b"\x89PNG")


# -------- scales and labels


def test_spread_keeps_distance_order_and_bounds():
    targets = np.array([0.5, 0.5, 0.9, 0.52, 1.0])
    places = spread(targets, gap=0.1)
    ranked = places[np.argsort(targets, kind="stable")]
    assert np.all(np.diff(ranked) >= 0.1 - 1e-12)
    assert places.min() >= 0 and places.max() <= 1
    assert spread([0.2, 0.8], gap=0.1).tolist() == [0.2, 0.8]
    assert spread(np.full(20, 0.5), gap=0.1) == pytest.approx(np.linspace(0, 1, 20))
    assert spread([], gap=0.1).size == 0


def test_zoom_lets_one_outlier_go_but_shows_the_whole_of_a_rise():
    low, high = zoom([11.0, *np.linspace(97, 98, 11)], percent=True)
    assert 96.5 < low < 97 and 98 < high < 98.5
    assert zoom([90.0, 95.0, 97.0, 98.0], percent=True)[0] < 90
    assert zoom([100.0, 99.0], percent=True)[1] <= 100.1
    assert zoom([97.0], percent=True) == pytest.approx((96.5, 97.5))
    assert zoom([np.nan], percent=True) == (0, 100)


def test_numbers_are_written_plainly():
    values = [0.00001, 0.3, 1, 1500, 1_000_000, 123456, 0, 1e-9, 2.5e12, 0.1 + 0.2, -0.02]
    assert [plain(value) for value in values] == [
        "0.00001",
        "0.3",
        "1",
        "1,500",
        "1,000,000",
        "123,456",
        "0",
        "1e-09",
        "2.5e+12",
        "0.3",
        "-0.02",
    ]


@pytest.mark.parametrize(("low", "high", "labels"), [
    (0.013, 0.34, ["0.02", "0.1", "0.3"]),  # one power of ten alone says too little
    (0.013, 1.2, ["0.1", "1"]),
    (0.00001, 0.0009, ["0.00001", "0.0001"]),
    (0.09, 0.5, ["0.1", "0.2", "0.5"]),  # 0.09 would collide with 0.1
    (2.1, 8.7, ["3", "8"]),
])  # fmt: skip
def test_a_logarithmic_axis_has_at_least_two_labels_and_no_powers(low, high, labels):
    ax = viz.new_axes()
    ax.set_xscale("log")
    plain_log(ax.xaxis)
    ax.set_xlim(low, high)
    ax.figure.draw_without_rendering()
    found = [tick.label1 for tick in ax.xaxis._update_ticks() if tick.label1.get_text()]
    assert sorted((text.get_text() for text in found), key=lambda text: float(text)) == labels
    assert_legible(ax)


def test_decades_and_quantities():
    assert decades([0.01, 1.0, np.nan]) == pytest.approx(2)
    assert decades([0.0, 1.0]) == 0
    assert quantity("val_accuracy").axis == "validation accuracy (%)"
    assert quantity("seconds").axis == "training time (s)"
    assert quantity("val_loss").with_sd(0.0316, 0.00228) == "0.0316 ± 0.0023"


# -------- learning curves


def test_learning_curves_draw_means_and_bands():
    frame = run_table(["a", "b"])
    ax = viz.learning_curves(frame)
    table = frame[frame["variant"] == "b"].groupby("epoch")["val_accuracy"].agg(["mean", "std"]) * 100
    assert line(ax, "b").get_xdata().tolist() == [1, 2, 3]
    assert line(ax, "b").get_ydata() == pytest.approx(table["mean"].to_numpy())
    (band,) = [c for c in ax.collections if c.get_gid() == "band:b"]
    corners = band.get_paths()[0].vertices
    assert corners[:, 1].min() == pytest.approx((table["mean"] - table["std"]).min())
    assert corners[:, 1].max() == pytest.approx((table["mean"] + table["std"]).max())
    assert ax.get_xlabel() == "epoch" and ax.get_ylabel() == "validation accuracy (%)"
    assert "3 seeds" in words(ax) and "1 standard deviation" in words(ax)
    assert f"b  {table['mean'].iloc[-1]:.2f} %" in words(ax)


def test_the_number_of_a_variant_is_of_all_its_seeds_though_some_stopped_early():
    frame = run_table(["a", "b"])
    frame = frame[~((frame["variant"] == "b") & (frame["seed"] > 0) & (frame["epoch"] == 3))].copy()
    ends = {0: 0.90, 1: 0.94, 2: 0.95}
    last = frame["epoch"] == frame.groupby(["variant", "seed"])["epoch"].transform("max")
    frame.loc[last & (frame["variant"] == "b"), "val_accuracy"] = list(ends.values())
    ax = viz.learning_curves(frame)
    both = frame[(frame["variant"] == "b") & (frame["epoch"] == 2)]["val_accuracy"].mean()
    assert line(ax, "b").get_xdata().tolist() == [1, 2]  # there the first seed stops: on would be another mean
    assert line(ax, "b").get_ydata()[-1] == pytest.approx(100 * both) and "b  93.0" in words(ax)


@pytest.mark.parametrize("x", ["epoch", "seconds"])
def test_the_number_of_a_variant_is_that_of_the_weights_that_were_kept(x):
    frame = run_table(["a", "b"])
    frame["kept"] = frame["epoch"] == np.where(frame["variant"] == "b", 2 - frame["seed"] % 2, 3)
    at = {0: 0.9601, 1: 0.9602, 2: 0.9606}
    rows = frame["kept"] & (frame["variant"] == "b")
    frame.loc[rows, "val_accuracy"] = list(at.values())
    ax = viz.learning_curves(frame, x=x)
    assert "b  96.03 %" in words(ax) and "kept" in words(ax)
    rings = [each.get_xydata().tolist() for each in ax.lines if each.get_label() == "_kept"]
    unit = 1.0 if x == "epoch" else 1.1
    assert rings[0] == [] and np.array(rings[1]) == pytest.approx(
        np.array([[unit, 96.02], [2 * unit, 96.01], [2 * unit, 96.06]])
    )
    assert "kept" not in words(viz.learning_curves(frame[frame["variant"] == "a"]))
    assert_legible(ax)


def test_bands_of_a_share_end_at_0_and_100():
    for values, end in (([0.9, 1.0, 1.0], 100), ([0.0, 0.0, 0.1], 0)):
        frame = pd.DataFrame({"seed": [0, 1, 2] * 2, "epoch": [1] * 3 + [2] * 3, "accuracy": values * 2})
        ax = viz.learning_curves(frame, "accuracy")
        (band,) = [c for c in ax.collections if c.get_gid() == "band:run"]
        heights = band.get_paths()[0].vertices[:, 1]
        assert (heights.max() == 100.0) if end else (heights.min() == 0.0)


def test_learning_curves_against_cumulative_time():
    ax = viz.learning_curves(run_table(["a", "b"]), x="seconds")
    assert line(ax, "b").get_xdata() == pytest.approx([1.1, 2.2, 3.3])
    assert ax.get_xlabel().endswith("(s)")


@pytest.mark.parametrize("x", ["epoch", "seconds"])
@pytest.mark.parametrize("names", [OPTIMIZERS, ACTIVATIONS])
def test_crowded_learning_curves_are_legible(names, x):
    frame = diverge(run_table(names), names[-1])
    frame = diverge(frame, names[4], seeds=[1])
    frame.loc[frame["variant"] == names[5], "val_accuracy"] = 0.11
    ax = viz.learning_curves(frame, x=x)
    assert_legible(ax)
    for name in names:
        assert any(text.get_text().startswith(name + " ") for text in texts(ax))


def test_diverged_runs_are_named_not_averaged():
    frame = diverge(run_table(["a", "b", "c"]), "c")
    frame = diverge(frame, "b", seeds=[0])
    ax = viz.learning_curves(frame)
    assert line(ax, "c").get_xdata().tolist() == [1]
    assert line(ax, "_diverged").get_xdata().tolist() == [1]
    assert "c  diverged in epoch 2" in words(ax)
    assert "(1 of 3 diverged)" in words(ax)
    kept = frame[(frame["variant"] == "b") & (frame["seed"] > 0) & (frame["epoch"] == 3)]["val_accuracy"]
    assert line(ax, "b").get_ydata()[-1] == pytest.approx(100 * kept.mean())


def test_diverged_column_speaks_of_the_run():
    frame = run_table(["a", "b"])
    frame["diverged"] = frame["variant"] == "b"
    ax = viz.learning_curves(frame)
    assert line(ax, "b").get_xdata().tolist() == [1, 2]
    assert "b  diverged in epoch 3" in words(ax)
    assert "diverged (3 of 3 seeds)" in words(viz.comparison(frame))


def test_every_run_diverged():
    frame = diverge(run_table(["a", "b"]), "a", epoch=1)
    frame = diverge(frame, "b", epoch=1)
    ax = viz.learning_curves(frame)
    assert "every run diverged" in words(ax)
    assert_legible(ax)
    assert_legible(viz.comparison(frame))


@pytest.mark.parametrize(("seeds", "epochs"), [(1, 1), (3, 1), (1, 4)])
def test_few_seeds_and_epochs(seeds, epochs):
    ax = viz.learning_curves(run_table(["binary_cross_entropy", "hinge"], seeds, epochs))
    bands = [c for c in ax.collections if isinstance(c, PolyCollection)]
    says = "point: mean of 3 seeds; bar: ± 1 standard deviation"
    says = f"one seed: each {'point' if epochs == 1 else 'line'} is one run" if seeds == 1 else says
    assert bands == [] and says in words(ax)
    assert_legible(ax)


def test_the_subtitle_names_the_limit_below_which_values_are_cut_off():
    frame = run_table([f"v{i}" for i in range(11)] + ["low"])
    frame.loc[frame["variant"] == "low", "val_accuracy"] = 0.11
    ax = viz.learning_curves(frame)
    assert f"values below {round(ax.get_ylim()[0], 1):g} % are cut off" in words(ax)


def test_loss_gets_a_logarithmic_axis_where_it_spans_decades():
    frame = run_table(["a", "b"])
    assert viz.learning_curves(frame, "val_loss").get_yscale() == "linear"
    frame.loc[frame["variant"] == "b", "val_loss"] *= 0.001
    assert viz.learning_curves(frame, "val_loss").get_yscale() == "log"


def test_one_run_without_variant_or_seed():
    frame = run_table(["a"], seeds=1)[["epoch", "val_accuracy"]]
    ax = viz.learning_curves(frame)
    assert line(ax, "run").get_ydata() == pytest.approx(100 * frame["val_accuracy"].to_numpy())


def test_axes_and_title_can_be_given_and_bad_input_is_refused():
    figure = Figure()
    given = figure.subplots()
    ax = viz.learning_curves(run_table(["a"]), ax=given, title="Mine")
    assert ax is given and title(ax) == "Mine"
    with pytest.raises(NeurosimError, match="add epoch"):
        viz.learning_curves(pd.DataFrame({"val_accuracy": [0.5]}))
    with pytest.raises(NeurosimError, match=r"epoch.*seconds"):
        viz.learning_curves(run_table(["a"]), x="steps")
    with pytest.raises(NeurosimError, match="at least one row"):
        viz.learning_curves(run_table(["a"]).iloc[:0])
    with pytest.raises(NeurosimError, match="by: expected"):
        viz.learning_curves(run_table(["a"]), by="colour")
    with pytest.raises(NeurosimError, match="DataFrame"):
        viz.learning_curves(7)
    with pytest.raises(NeurosimError, match="Axes"):
        viz.learning_curves(run_table(["a"]), ax=figure)


# -------- one run


def test_history_curves_mark_the_best_epoch():
    frame = run_table(["a"], seeds=1, epochs=5).drop(columns=["variant", "seed", "epoch"])
    frame.loc[3, "val_accuracy"] = 0.99
    figure = viz.history_curves(frame)
    loss, accuracy = figure.axes
    assert line(loss, "training").get_ydata() == pytest.approx(frame["loss"].to_numpy())
    assert line(accuracy, "validation").get_ydata() == pytest.approx(100 * frame["val_accuracy"].to_numpy())
    assert line(loss, "best epoch").get_xdata()[0] == 4
    assert "best epoch: 4, with the highest validation accuracy, 99.00 %" in words(figure)
    assert "training: mean over the batches of an epoch, while the weights change; validation: " in words(figure)


def test_history_curves_take_a_history_and_a_loss_alone():
    class History:
        def to_frame(self):
            return pd.DataFrame({"loss": [1.0, 0.5, np.nan]})

    figure = viz.history_curves(History())
    assert len(figure.axes) == 1 and "best epoch: 2" in words(figure)
    assert "training: mean over the batches of an epoch" in words(figure) and "validation" not in words(figure)
    assert "one epoch" in words(viz.history_curves(pd.DataFrame({"loss": [1.0]})))
    by_epoch = pd.DataFrame({"loss": [1.0, 0.5]}, index=pd.Index([11, 12], name="epoch"))
    assert "best epoch: 12" in words(viz.history_curves(by_epoch))
    with pytest.raises(NeurosimError, match="loss"):
        viz.history_curves(pd.DataFrame({"accuracy": [1.0]}))


# -------- comparison


def test_comparison_sorts_and_marks():
    frame = run_table(["low", "high"])
    frame.loc[frame["variant"] == "high", "val_accuracy"] += 0.005
    ax = viz.comparison(frame, baseline="low")
    final = frame[frame["epoch"] == 3].groupby("variant")["val_accuracy"].agg(["mean", "std"]) * 100
    assert line(ax, "high").get_ydata()[0] == 0 and line(ax, "low").get_ydata()[0] == 1
    assert line(ax, "high").get_xdata()[0] == pytest.approx(final.loc["high", "mean"])
    assert line(ax, "baseline").get_xdata()[0] == pytest.approx(final.loc["low", "mean"])
    bar = next(each for each in ax.lines if each.get_label() == "_sd").get_xdata()
    assert (bar[1] - bar[0]) / 2 == pytest.approx(final.loc["high", "std"])
    assert [t.get_text() for t in ax.get_yticklabels()] == ["high", "low  (baseline)"]
    assert ax.get_xlim()[0] > 90
    with pytest.raises(NeurosimError, match="baseline"):
        viz.comparison(frame, baseline="middle")


def test_comparison_shows_the_weights_that_were_kept_and_no_deviation_as_zero():
    frame = pd.DataFrame(
        {
            "variant": ["a"] * 4 + ["b"] * 4,
            "seed": [0, 0, 1, 1] * 2,
            "epoch": [1, 2] * 4,
            "accuracy": [0.9, 0.5, 0.9006, 0.5, 0.7, 0.8, 0.6, 0.8],
        }
    )
    assert "50.0 ± 0.0 %" in words(viz.comparison(frame, "accuracy"))  # they are equal
    frame["kept"] = frame["epoch"] == [1] * 4 + [2] * 4
    ax = viz.comparison(frame, "accuracy")
    assert "90.03 ± 0.04 %" in words(ax) and "80.00 ± 0.00 %" in words(ax)
    frontier = viz.frontier(frame.assign(parameters=[10] * 4 + [20] * 4), "parameters", "accuracy")
    assert line(frontier, "a").get_ydata() == pytest.approx([90.03])
    assert quantity("seconds").with_sd(123.4, 0.3) == "123.4 ± 0.3"


def test_crowded_comparison_is_legible_and_hides_no_variant():
    frame = diverge(run_table([*OPTIMIZERS, "binary_cross_entropy"]), "lion")
    frame = diverge(frame, "sgd", seeds=[2])
    frame.loc[frame["variant"] == "adadelta", "val_accuracy"] = 0.11
    ax = viz.comparison(frame, baseline="adam")
    assert_legible(ax)
    assert ax.get_xlim()[0] > 90
    assert "11.00 ± 0.00 %" in words(ax) and "diverged (3 of 3 seeds)" in words(ax)
    assert "arrow: the value lies below the axis" in words(ax) and "arrow" not in words(
        viz.comparison(run_table(["a", "b"]))
    )
    assert "(1 of 3 seeds diverged)" in words(ax)
    assert [t.get_text() for t in ax.get_yticklabels()][-2:] == ["adadelta", "lion"]


def test_comparison_of_losses_times_and_summaries():
    frame = run_table(["a", "b"])
    assert line(viz.comparison(frame, "val_loss"), "a").get_ydata()[0] == 0  # the lowest on top
    assert line(viz.comparison(frame, "seconds"), "b").get_xdata()[0] == pytest.approx(3.3)
    summary = pd.DataFrame(
        {"variant": ["a", "b"], "val_accuracy_mean": [0.97, 0.98], "val_accuracy_sd": [0.001, 0.002]}
    )
    ax = viz.comparison(summary)
    assert line(ax, "b").get_ydata()[0] == 0 and "98.00 ± 0.20 %" in words(ax)
    with pytest.raises(NeurosimError, match="val_accuracy"):
        viz.comparison(frame[["variant", "seed"]])


# -------- functions


class Tanh:
    key = "tanh"

    def __call__(self, z):
        return np.tanh(z)

    def derivative(self, z):
        return 1 - np.tanh(z) ** 2


@pytest.mark.parametrize("count", [1, 2, 4, 7, 15])
def test_activation_curves_have_a_panel_each(count):
    tanh = Tanh()
    figure = viz.activation_curves(dict.fromkeys(ACTIVATIONS[:count], (tanh, tanh.derivative)))
    assert [title(ax) for ax in figure.axes] == ACTIVATIONS[:count]
    for ax in figure.axes:
        f, slope = line(ax, "f(z)"), line(ax, "f'(z)")
        assert f.get_ydata() == pytest.approx(np.tanh(f.get_xdata()))
        assert slope.get_linestyle() == "--" and f.get_linestyle() == "-"
        assert ax.get_xlim() == (-5, 5)
    lowest = {ax.get_position().x0: ax for ax in sorted(figure.axes, key=lambda ax: -ax.get_position().y0)}
    assert all(ax.get_xlabel() == "z" and ax.xaxis.get_tick_params().get("labelbottom", True) for ax in lowest.values())


def test_activation_curves_take_objects_and_refuse_others():
    class Softmax(Tanh):
        elementwise = False

    assert [title(ax) for ax in viz.activation_curves([Tanh(), Softmax()]).axes] == ["tanh"]
    for bad in ([], ["tanh"], {"tanh": np.tanh}, 3):
        with pytest.raises(NeurosimError, match="activations: expected"):
            viz.activation_curves(bad)
    with pytest.raises(ShapeError, match="shape of z"):
        viz.activation_curves({"sum": (np.sum, np.sum)})


@pytest.mark.full
def test_delta_against_error_runs_from_right_to_wrong():
    p = np.linspace(0.01, 0.99, 50)
    names = [
        "cross_entropy",
        "binary_cross_entropy",
        "mean_squared_error",
        "mean_absolute_error",
        "huber",
        "hinge",
        "focal",
    ]
    frame = pd.concat(
        [
            pd.DataFrame({"loss": name, "probability": p, "delta": -(1 - p) * p ** (i // 2)})
            for i, name in enumerate(names)
        ]
    )
    ax = viz.delta_against_error(frame)
    left, right = ax.get_xlim()
    assert left > right
    assert line(ax, "cross_entropy").get_ydata() == pytest.approx(0.01 + np.linspace(0, 0.98, 50))
    assert_legible(ax)
    with pytest.raises(NeurosimError, match=r"0\.\.1"):
        viz.delta_against_error(frame.assign(probability=2.0))


# -------- inside the network


def gradients(names, layers=3):
    return pd.DataFrame(
        [
            {"variant": name, "seed": seed, "step": step, "layer": layer, "norm": 10.0 ** (layer - 3 + seed)}
            for name in names
            for seed in range(2)
            for layer in range(1, layers + 1)
            for step in range(0, 50, 10)
        ]
    )


@pytest.mark.quick_for("1", "5")
@pytest.mark.parametrize("count", [1, 5, 15])
def test_gradient_flow_has_one_panel_per_variant_and_one_line_per_layer(count):
    figure = viz.gradient_flow(gradients(ACTIVATIONS[:count]))
    assert len(figure.axes) == count
    for ax in figure.axes:
        assert ax.get_yscale() == "log"
        assert [each.get_label() for each in ax.lines] == ["layer 1", "layer 2", "layer 3"]
        assert line(ax, "layer 2").get_ydata() == pytest.approx(np.full(5, 10**-0.5))
    assert "step" in words(figure) and "gradient norm" in words(figure)


@pytest.mark.parametrize(("factor", "labels"), [(1.0, {"0.2", "1"}), (1e-4, {"10⁰", "10⁻²"})])
def test_numbers_of_a_logarithmic_axis_can_be_read_however_far_it_goes(factor, labels):
    rows = [("a", layer, step, size) for layer, size in ((1, 0.2 * factor), (2, 1.3)) for step in (1, 2, 3)]
    figure = viz.gradient_flow(pd.DataFrame(rows, columns=["variant", "layer", "step", "norm"]))
    figure.draw_without_rendering()
    axis = figure.axes[0].yaxis
    assert labels <= {each.get_text() for each in axis.get_ticklabels(which="both")}


def test_gradient_flow_shows_zero_and_refuses_negatives():
    frame = gradients(["a"]).drop(columns=["variant", "seed"])
    frame.loc[frame["layer"] == 1, "norm"] = 0.0
    figure = viz.gradient_flow(frame)
    foot = line(figure.axes[0], "layer 1").get_ydata()
    assert (foot > figure.axes[0].get_ylim()[0]).all() and "zero is drawn at the foot" in words(figure)
    with pytest.raises(NeurosimError, match="at least 0"):
        viz.gradient_flow(frame.assign(norm=-1.0))
    with pytest.raises(NeurosimError, match="step"):
        viz.gradient_flow(frame.drop(columns="step"))


def test_unit_health_draws_shares_in_percent():
    frame = pd.DataFrame(
        [
            {"variant": name, "seed": seed, "epoch": epoch, "dead": 0.1 * epoch, "saturated": 0.0}
            for name in ACTIVATIONS
            for seed in range(2)
            for epoch in (1, 2, 3)
        ]
    )
    figure = viz.unit_health(frame)
    dead, saturated = figure.axes
    assert line(dead, "relu").get_ydata() == pytest.approx([10, 20, 30])
    assert not saturated.lines and [text.get_text() for text in texts(saturated)] == ["always 0: every variant"]
    assert saturated.get_ylabel() == "saturated neurons (%)"
    assert len(viz.unit_health(frame.drop(columns="saturated")).axes) == 1
    legend = figure.legends[0].get_texts()
    assert [text.get_text() for text in legend] == ACTIVATIONS
    figure.draw_without_rendering()
    assert overlapping(legend, figure) == [] and outside(legend, figure) == []
    with pytest.raises(NeurosimError, match=r"0\.\.1"):
        viz.unit_health(frame.assign(dead=30.0))
    with pytest.raises(NeurosimError, match="dead"):
        viz.unit_health(frame[["epoch"]])


def test_unit_health_names_variants_at_0_instead_of_drawing_them():
    rows = [
        {"variant": name, "epoch": epoch, "dead": 0.1 * (name == "relu") * epoch, "saturated": 0.2 * (i < 14)}
        for i, name in enumerate(ACTIVATIONS)
        for epoch in (1, 2)
    ]
    figure = viz.unit_health(pd.DataFrame(rows))
    dead, saturated = figure.axes
    assert [each.get_label() for each in dead.lines] == ["relu"] and texts(saturated) == []
    assert line(saturated, ACTIVATIONS[14]).get_ydata() == pytest.approx([0, 0])  # alone at 0, it hides no other line
    (text,) = texts(dead)
    named = " ".join(text.get_text().split()).removeprefix("always 0: ").split(", ")
    assert named == [name for name in ACTIVATIONS if name != "relu"]
    assert [each.get_text() for each in figure.legends[0].get_texts()] == ACTIVATIONS
    assert_legible(dead, saturated.yaxis.label)
    alone = viz.unit_health(pd.DataFrame(rows[-2:]).drop(columns="variant")).axes[0]
    assert line(alone, "run").get_ydata() == pytest.approx([0, 0])


def test_rate_sensitivity_marks_chosen_and_diverged():
    rates = [0.001, 0.01, 0.1, 1.0]
    frame = pd.DataFrame(
        [
            {
                "variant": name, "learning_rate": rate, "chosen": rate == 0.01,
                "val_accuracy": np.nan if rate > limit else 0.9 + 0.01 * np.log10(rate),
            }
            for name, limit in zip(OPTIMIZERS, [0.01] + [0.1] * 11, strict=True)
            for rate in rates
        ]
    )  # fmt: skip
    ax = viz.rate_sensitivity(frame)
    assert ax.get_xscale() == "log"
    rings = [each.get_xdata().tolist() for each in ax.lines if each.get_label() == "_chosen"]
    assert rings == [[0.01]] * 12
    assert sorted(line(ax, "_diverged").get_xdata()) == [0.1, 1.0]
    assert "12 of 12\ndiverged" in words(ax) and "sgd  (chosen: 0.01)" in words(ax)
    assert_legible(ax, *ax.get_legend().get_texts())
    with pytest.raises(NeurosimError, match="positive"):
        viz.rate_sensitivity(frame.assign(learning_rate=0.0))


# -------- images


def test_mosaic_puts_each_image_in_its_place():
    tiles = np.arange(3 * 4).reshape(3, 2, 2)
    sheet = mosaic(tiles, columns=2, gap=1, head=1)
    assert sheet.shape == (8, 6)
    assert sheet[1:3, 3:5].tolist() == tiles[1].tolist()
    assert sheet[5:7, 0:2].tolist() == tiles[2].tolist()
    assert np.isnan(sheet[0]).all() and np.isnan(sheet[:, 2]).all()


def test_weight_grid_is_centred_on_zero_and_shows_each_neuron():
    weights = np.random.default_rng(0).normal(0.1, 0.05, (784, 128)).astype(np.float32)
    ax = viz.weight_grid(weights)
    (image,) = ax.images
    low, high = image.get_clim()
    assert low == -high and 0 < high <= np.abs(weights).max()
    assert [text.get_text() for text in texts(ax)][:128] == [str(i) for i in range(128)]
    shown = np.ma.filled(image.get_array(), np.nan)
    assert np.sort(shown[np.isfinite(shown)]) == pytest.approx(np.sort(weights, axis=None))
    assert overlapping(texts(ax), ax.figure) == []
    assert len(ax.figure.axes) == 2 and "weight" in ax.figure.axes[1].get_ylabel()


def test_weight_grid_forms_and_faults():
    one = viz.weight_grid(np.ones(784))
    assert [text.get_text() for text in texts(one)] == ["red excites, blue inhibits"] and one.images[0].get_clim() == (
        -1,
        1,
    )
    assert viz.weight_grid(np.zeros((6, 2)), shape=(2, 3)).images[0].get_clim() == (-1, 1)
    named = viz.weight_grid(np.ones((784, 5)), count=2, titles=["zero", "one"])
    assert [text.get_text() for text in texts(named)][:2] == ["zero", "one"]
    with pytest.raises(ShapeError, match="transpose"):
        viz.weight_grid(np.ones((10, 784)))
    with pytest.raises(ShapeError, match="shape="):
        viz.weight_grid(np.ones((100, 10)))
    with pytest.raises(NeurosimError, match="titles"):
        viz.weight_grid(np.ones((784, 3)), titles=["a"])


def test_mistakes_come_in_order_of_confidence():
    images = np.zeros((6, 28, 28), np.uint8)
    images[:, 10:20, 10:20] = 200
    labels, predicted = np.array([4, 1, 2, 3, 4, 5]), np.array([9, 1, 7, 8, 4, 5])
    ax = viz.mistakes(images, labels, predicted, np.array([0.6, 0.99, 0.98, 0.8, 0.5, 0.5]), count=2)
    captions = [text.get_text().replace("\u00a0", " ") for text in texts(ax)]
    assert captions[:2] == ["true 2, read as 7\n#2 (98 %)", "true 3, read as 8\n#3 (80 %)"]
    assert "3 of 6 images were misread (50.00 %)" in captions[2]
    assert len(ax.images) == 1 and ax.images[0].get_clim() == (0, 255)


@pytest.mark.parametrize("count", [1, 25, 40])
def test_captions_of_mistakes_do_not_overlap(count):
    names = ["T-shirt/top", "Ankle boot"]
    images = np.ones((40, 784)) * 0.5
    for class_names in [None] if count > 25 else [None, names]:
        ax = viz.mistakes(images, np.zeros(40), np.ones(40), np.full(40, 0.9999), class_names, count=count)
        assert "> 99.9 %" in words(ax)
        assert_legible(ax)


def test_no_mistakes_is_said():
    ax = viz.mistakes(np.zeros((3, 28, 28)), [1, 2, 3], [1, 2, 3], [1.0, 1.0, 1.0])
    assert "nothing to show" in words(ax)
    with pytest.raises(ShapeError, match="labels"):
        viz.mistakes(np.zeros((3, 28, 28)), [1, 2], [1, 2, 3], [1.0, 1.0, 1.0])
    with pytest.raises(ShapeError, match="confidence"):
        viz.mistakes(np.zeros((3, 28, 28)), [1, 2, 3], [1, 2, 3], np.ones((3, 10)))
    with pytest.raises(ShapeError, match="images"):
        viz.mistakes(np.zeros(3), [1, 2, 3], [1, 2, 3], [1.0, 1.0, 1.0])


def test_contact_sheet_has_one_row_per_class():
    labels = np.arange(50) % 10
    images = np.broadcast_to((labels * 20)[:, None, None], (50, 28, 28)).astype(np.uint8)
    ax = viz.contact_sheet(images, labels, columns=3)
    sheet = ax.images[0].get_array()
    cell = sheet.shape[0] // 10
    for label in range(10):
        assert set(np.unique(sheet[label * cell : label * cell + 28])) <= {0, label * 20}
    assert [text.get_text() for text in texts(ax)][:4] == ["0", "5", "1", "5"]
    assert_legible(ax)
    assert "left: the kind," in words(viz.contact_sheet(images, labels, kind="kind"))
    with pytest.raises(ShapeError, match="labels"):
        viz.contact_sheet(images, labels[:3])
    with pytest.raises(NeurosimError, match="class_names"):
        viz.contact_sheet(images, labels, class_names=["a"])


# -------- confusion


def test_confusion_matrix_counts_and_colours_the_mistakes():
    matrix = np.diag([90, 80, 95])
    matrix[0, 1], matrix[1, 2], matrix[2, 0] = 10, 20, 5
    names = ["T-shirt/top", "Trouser", "Ankle boot"]
    ax = viz.confusion_matrix(matrix, names)
    share = ax.images[0].get_array()
    assert share[0, 1] == pytest.approx(10) and share[1, 2] == pytest.approx(20)
    assert np.ma.getmaskarray(np.ma.masked_invalid(share)).diagonal().all()
    assert "88.33 %" in title(ax)
    written = {text.get_text() for text in texts(ax)}
    assert {"90", "80", "95", "10", "20", "5"} <= written and "0" not in written
    assert ax.get_xlabel() == "predicted class" and ax.get_ylabel() == "true class"
    assert_legible(ax)
    assert_legible(viz.confusion_matrix(np.full((10, 10), 1000), names * 3 + ["Bag"]))


def test_confusion_matrix_faults():
    with pytest.raises(ShapeError, match="received"):
        viz.confusion_matrix(np.ones((2, 3)))
    with pytest.raises(NeurosimError, match="at least 0"):
        viz.confusion_matrix(-np.ones((2, 2)))
    with pytest.raises(NeurosimError, match="class_names"):
        viz.confusion_matrix(np.ones((2, 2)), ["a"])
    assert isinstance(viz.confusion_matrix(np.zeros((2, 2))), Axes)


# -------- the rule


@pytest.mark.full
def test_pictures_can_share_a_figure(tmp_path):
    figure = Figure(figsize=(12, 8), layout="constrained")
    left, right = figure.subfigures(1, 2)
    assert viz.gradient_flow(gradients(["a", "b"]), fig=left) is left
    ax = viz.learning_curves(run_table(["a", "b"]), ax=right.subplots())
    assert viz.save(left, tmp_path / "a.png", note="note").exists()
    assert viz.save(ax, tmp_path / "b.png").exists()
    with pytest.raises(NeurosimError, match="fig: expected"):
        viz.gradient_flow(gradients(["a"]), fig=ax)


def test_everything_exported_is_documented():
    for name in viz.__all__:
        assert getattr(viz, name).__doc__


def test_a_colour_has_its_name_in_one_file():
    """Whoever wants another grey opens colours.py and no other file."""
    root = Path(viz.__file__).parents[1]
    for path in [*(root / "viz").rglob("*.py"), *(root / "scenarios").rglob("*.py")]:
        assert path.name == "colours.py" or not re.findall(r"#[0-9a-fA-F]{6}\b", path.read_text("utf-8")), path
