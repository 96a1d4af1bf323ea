"""Names from outside are drawn as text, whatever they contain, by every function of viz."""

import inspect
import itertools
import re
import warnings

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

import neurosim as ns
import viz
from viz.style import HAIR, root_figure

HOSTILE = [
    "$x_$", r"$\frac{", "_a_", "a\nb", r"a\nb", "x" * 3000, "x" * 2999 + "y", "😀", "\u202eabc", "\x1b[31mred",
    "\x07bell", "nul\x00l", "<b>bold</b>", "a|b", "`tick`", "[x](javascript:y)", "caf\udce9", "\ud800", "$",
]  # fmt: skip
CLASSES = HOSTILE[:8]  # a boundary has eight at most
"""Among them two that differ only where they are cut, and bytes of a file's name that are no UTF-8."""
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
N = len(HOSTILE)
rng = np.random.default_rng(0)
LABELS = np.arange(4 * N) % N
IMAGES = rng.integers(0, 256, (4 * N, 6, 5)).astype(np.uint8)
POINTS = rng.normal(size=(80, 2))
KINDS = np.arange(80) % 8
SHARES = rng.dirichlet(np.ones(8), 480)
TITLE = "".join(HOSTILE[:5] + HOSTILE[8:])


def table(*, by="variant", some=HOSTILE, seeds=(0, 1), **columns):
    """A row for each name, seed and value of the columns."""
    rows = itertools.product(some, seeds, *columns.values())
    frame = pd.DataFrame(rows, columns=[by, "seed", *columns])
    others = (
        "loss accuracy val_accuracy val_loss test_accuracy norm std dead saturated seconds "
        "ratio probability delta value"
    )
    for k, name in enumerate([*others.split(), "rate" if "learning_rate" in columns else "learning_rate"]):
        frame[name] = 0.2 + 0.01 * k + 0.3 * rng.random(len(frame))
    return frame


def percentiles():
    frame = table(some=HOSTILE[:6], seeds=(0,), layer=(1,), step=(0, 1, 2)).drop(columns="seed")
    return frame.assign(p5=0.0, p25=0.1, p50=0.2, p75=0.3, p95=0.4)


def trace():
    """A neuron of a network whose data, classes and features have such names."""
    x, y = rng.normal(size=(60, N)), np.arange(60) % N
    data = ns.data.Dataset(
        x, y, TITLE, "train", TITLE, tuple(f"{k}{name}" for k, name in enumerate(HOSTILE)),
        feature_names=tuple(f"{k}{name}" for k, name in enumerate(HOSTILE)), scaling="standardize",
    )  # fmt: skip
    net = ns.Network([ns.Input(N), ns.Dense(5, "tanh"), ns.Dense(N, "softmax")], seed=0)
    net.fit(data, epochs=1, batch_size=8, verbose=False)
    return net.trace(x[0], data.class_names[0])[1][2]


def cost():
    frame = table(by="case", seeds=(0,), competitor=("neurosim", "torch", *HOSTILE))
    return frame.assign(ratio_low=frame["ratio"] * 0.9, ratio_high=frame["ratio"] * 1.1)


def step_cost():
    return table(by="variant", seeds=(0,)).assign(kind="$k_$", what="$w_$", ratio_low=0.1, ratio_high=0.9)


def sweep():
    return pd.DataFrame([
        {"sweep": sweep, "competitor": who, "optimizer": name, "parameters": 10**k, "batch_size": 2**k,
         "seconds": 0.1 * k, "memory": 1e6 * k}
        for sweep in ("parameters", "batch_size") for who in ("neurosim", "floor") for name in ("sgd", "adam")
        for k in (1, 2, 3)
    ])  # fmt: skip


def heat():
    frame = table(by="depth", width=HOSTILE)
    return {"data": frame, "x": "width", "y": "depth"}


FILM = {"note": TITLE}
DRAWN = {
    "speed_comparison": lambda f: viz.speed_comparison(cost(), title=TITLE),
    "step_cost": lambda f: viz.step_cost(step_cost(), HOSTILE[0], title=TITLE),
    "scaling": lambda f: viz.scaling(sweep(), title=TITLE),
    "step_profile": lambda f: viz.step_profile(
        pd.DataFrame({"part": [*HOSTILE, "step"], "seconds": 1e-5, "share": 0.1, "floor": 1e-6}), title=TITLE
    ),
    "boundary_film": lambda f: viz.boundary_film(
        [SHARES] * 2, HOSTILE[:2], POINTS, KINDS, f / "b.gif", class_names=CLASSES, axis_names=HOSTILE[:2], **FILM
    ),
    "decision_boundaries": lambda f: viz.decision_boundaries(
        dict.fromkeys(HOSTILE[:4], SHARES), POINTS, KINDS, class_names=CLASSES, axis_names=HOSTILE[2:4], title=TITLE
    ),
    "decision_boundary": lambda f: viz.decision_boundary(
        lambda x: rng.dirichlet(np.ones(8), len(x)), POINTS, KINDS, class_names=CLASSES, resolution=20,
        axis_names=HOSTILE[9:11], title=TITLE,
    ),
    "places_around": None,  # draws nothing
    "confusion_matrix": lambda f: viz.confusion_matrix(rng.integers(0, 9, (N, N)), HOSTILE, title=TITLE),
    "curves_apart": lambda f: viz.curves_apart(
        table(epoch=(1, 2)), dict(zip(HOSTILE, HOSTILE, strict=True)), title=TITLE
    ),
    "history_curves": lambda f: viz.history_curves(
        table(some=HOSTILE[:1], seeds=(0,), epoch=(1, 2, 3)).drop(columns=["variant", "seed"]), title=TITLE
    ),
    "learning_curves": lambda f: viz.learning_curves(table(epoch=(1, 2, 3)), title=TITLE),
    "comparison": lambda f: viz.comparison(table(epoch=(1, 2)), title=TITLE),
    "predicted_and_true": lambda f: viz.predicted_and_true(
        rng.normal(size=(9, N)), rng.normal(size=(9, N)), HOSTILE, title=TITLE
    ),
    "weight_table": lambda f: viz.weight_table(rng.normal(size=(N, 4)), HOSTILE, title=TITLE, unit=TITLE),
    "neuron_film": lambda f: viz.neuron_film(trace(), f / "n.gif", **FILM),
    "weight_film": lambda f: viz.weight_film(
        rng.normal(size=(2, 30)), [0, 1], f / "w.gif", shape=(6, 5), title=TITLE, **FILM
    ),
    "gradient_flow": lambda f: viz.gradient_flow(table(layer=(1, 2), step=(0, 1)), title=TITLE),
    "spread_by_layer": lambda f: viz.spread_by_layer(
        table(layer=(1, 2))[["variant", "seed", "layer", "std"]], "std", label=TITLE, title=TITLE
    ),
    "unit_health": lambda f: viz.unit_health(table(epoch=(1, 2)), title=TITLE),
    "activation_curves": lambda f: viz.activation_curves(
        dict.fromkeys(HOSTILE, (np.tanh, np.cos)), title=TITLE
    ),
    "delta_against_error": lambda f: viz.delta_against_error(
        table(by="loss_name", seeds=(0, 1, 2)).assign(loss=lambda t: t["loss_name"]),
        title=TITLE, ylabel=TITLE,
    ),
    "contact_sheet": lambda f: viz.contact_sheet(IMAGES, LABELS, class_names=HOSTILE, title=TITLE, kind=TITLE),
    "filmstrip": lambda f: viz.filmstrip(rng.normal(size=(2, 30)), [0, 1], shape=(6, 5), title=TITLE),
    "mistakes": lambda f: viz.mistakes(
        IMAGES, LABELS, (LABELS + 1) % N, np.full(4 * N, 0.5), HOSTILE, title=TITLE
    ),
    "weight_grid": lambda f: viz.weight_grid(rng.normal(size=(30, N)), (6, 5), titles=HOSTILE, title=TITLE),
    "loss_surface": lambda f: viz.loss_surface(
        np.linspace(-1, 1, 5), np.linspace(-1, 1, 5), 1 + rng.random((5, 5)), title=TITLE
    ),
    "feature_maps": lambda f: viz.feature_maps(
        IMAGES[0], dict.fromkeys(HOSTILE, rng.normal(size=(6, 5, 3))), title=TITLE
    ),
    "kernel_grid": lambda f: viz.kernel_grid(rng.normal(size=(2, 2, N, 3)), channels=HOSTILE, title=TITLE),
    "patch_products": lambda f: viz.patch_products(
        rng.random((2, 2, N)), rng.normal(size=(2, 2, N)), channels=HOSTILE, title=TITLE
    ),
    "receptive_field": lambda f: viz.receptive_field(
        IMAGES[0], dict.fromkeys(HOSTILE, (slice(1, 3), slice(0, 2))), title=TITLE
    ),
    "top_patches": lambda f: viz.top_patches(
        IMAGES, [ns.Patch(k, 1, 2, 0.5, slice(1, 3), slice(0, 2)) for k in range(N)], LABELS, HOSTILE, title=TITLE
    ),
    "heatmap": lambda f: viz.heatmap(**heat(), title=TITLE, note=TITLE),
    "neuron_story": lambda f: viz.neuron_story(trace(), title=TITLE),
    "histogram_over_time": lambda f: viz.histogram_over_time(percentiles(), label=TITLE, title=TITLE),
    "neurons_together": lambda f: viz.neurons_together(
        table(some=HOSTILE[:4], seeds=(0,), neuron=(0, 1), weight=(0, 1), step=(0, 1)), title=TITLE, label=TITLE
    ),
    "timeline": lambda f: viz.timeline(
        pd.DataFrame({"neuron": [0, 0, 1, 1], "step": [0, 1, 0, 1], "active": [0.1, 0.0, 0.5, 0.6]}), title=TITLE
    ),
    "frontier": lambda f: viz.frontier(table(epoch=(1, 2)).assign(parameters=100), title=TITLE),
    "range_test": lambda f: viz.range_test(table(seeds=(0,), learning_rate=(0.01, 0.1, 1.0)), title=TITLE),
    "rate_sensitivity": lambda f: viz.rate_sensitivity(
        table(learning_rate=(0.01, 0.1, 1.0)).assign(chosen=lambda t: t["learning_rate"] == 0.1), title=TITLE
    ),
    "schedule_and_loss": lambda f: viz.schedule_and_loss(
        table(some=HOSTILE[:4], seeds=(0,), step=(0, 1, 2)), title=TITLE
    ),
    "readings": lambda f: viz.readings(
        list(IMAGES[:N]), list(IMAGES[:N]), rng.dirichlet(np.ones(N), N), HOSTILE, HOSTILE, title=TITLE
    ),
    "readings_below": lambda f: viz.readings_below(
        IMAGES[:N], HOSTILE, dict.fromkeys(HOSTILE[:4], range(N)), 2, HOSTILE, title=TITLE
    ),
    "activation_by_class": lambda f: viz.activation_by_class(rng.random(4 * N), LABELS, HOSTILE, title=TITLE),
    "maximizing_input": lambda f: viz.maximizing_input(rng.random((6, 5)), 1.0, title=TITLE),
    "top_samples": lambda f: viz.top_samples(IMAGES, rng.random(4 * N), LABELS, HOSTILE, title=TITLE),
    "new_axes": None,
    "new_figure": None,
    "save": None,  # is called for all others
    "variant_style": None,
}  # fmt: skip


def test_every_function_is_drawn():
    assert set(DRAWN) == set(viz.__all__)


@pytest.mark.quick_every(9)
@pytest.mark.parametrize("name", [name for name, draw in DRAWN.items() if draw])
def test_hostile_names_are_drawn_as_text(name, tmp_path, monkeypatch):
    figures = []
    real = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *a, **k: (figures.append(written(self)), real(self, *a, **k))[1]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a font does not have every letter of the world
        drawn = DRAWN[name](tmp_path)
        if not hasattr(drawn, "suffix"):  # a film has been written
            figures.append(written(root_figure(drawn)))
            assert viz.save(drawn, tmp_path / "drawn.png", TITLE, dpi=80).stat().st_size > 0
    for text, formulas in [each for figure in figures for each in figure]:
        assert not RAW.search(text), ascii(text)
        assert not formulas or "$" not in text, ascii(text)
        assert "mathdefault" not in text, text  # a number that matplotlib wrote as a formula
        assert max(map(len, text.split("\n"))) <= 300


def written(figure):
    """Every text of a figure that is seen, and whether it would be read as a formula."""
    figure.draw_without_rendering()
    return [(each.get_text(), each.get_parse_math()) for each in figure.findobj(Text) if each.get_visible()]


def test_names_of_variants_stay_apart_and_stand_in_legends():
    ax = viz.rate_sensitivity(table(learning_rate=(0.01, 0.1)).assign(chosen=lambda t: t["learning_rate"] == 0.1))
    said = [each.get_text() for each in ax.get_legend().get_texts()]
    assert len({each.partition("  (")[0] for each in said}) == len([each for each in HOSTILE if each])
    assert any(each.startswith(f"{HAIR}_a_") for each in said) and any(each.startswith("$x_$") for each in said)


def test_in_given_axes_names_are_text_and_formulas_of_the_user_stay():
    ax = matplotlib.figure.Figure().subplots()
    own = ax.text(0, 0, "$x^2$")
    viz.activation_by_class(rng.random(4 * N), LABELS, HOSTILE, ax=ax, title="$x_$")
    ax.figure.draw_without_rendering()
    assert own.get_parse_math() and not ax._left_title.get_parse_math()
    assert not any(each.get_parse_math() for each in ax.get_yticklabels() if "$" in each.get_text())


@pytest.mark.parametrize("wrong", ["a network", None, object()], ids=["network", "None", "object"])
@pytest.mark.parametrize(
    "name", ["activation_by_class", "confusion_matrix", "kernel_grid", "places_around", "weight_grid"]
)
def test_a_network_or_none_instead_of_an_array_is_refused(name, wrong):
    net = ns.Network([ns.Input(4), ns.Dense(3, "relu"), ns.Dense(2, "softmax")])
    draw = getattr(viz, name)
    needed = [each for each in inspect.signature(draw).parameters.values() if each.default is each.empty]
    with pytest.raises(ns.NeurosimError, match=r"expected .*received"):
        draw(net if wrong == "a network" else wrong, *[1] * (len(needed) - 1))
