"""Pictures made of images in colour: they keep their colours, and the title fits its figure."""

import matplotlib
import numpy as np
import pandas as pd
import pytest

import viz

matplotlib.use("Agg")
LIGHT, DARK = (200, 180, 90), (30, 20, 60)


@pytest.fixture
def photographs():
    """Twelve photographs of a dark bar on a light ground, (12, 20, 30, 3), and their classes."""
    x = np.full((12, 20, 30, 3), LIGHT, np.uint8)
    x[:, 5:15, 12:16] = DARK
    return x, np.arange(12) % 3


@pytest.mark.parametrize("kind", ["mistakes", "contact_sheet", "top_samples"])
def test_images_in_colour_are_drawn_in_their_colours_on_white(kind, photographs):
    x, labels = photographs
    a = np.linspace(0.4, 0.9, 12)
    ax = {
        "mistakes": lambda: viz.mistakes(x, labels, (labels + 1) % 3, a),
        "contact_sheet": lambda: viz.contact_sheet(x, labels),
        "top_samples": lambda: viz.top_samples(x, a, labels),
    }[kind]()
    drawn = np.asarray(ax.images[0].get_array())
    assert drawn.ndim == 3
    colours = {tuple(each) for each in np.round(drawn.reshape(-1, 3) * 255).astype(int).tolist()}
    assert colours == {LIGHT, DARK, (255, 255, 255)}


def test_an_input_in_colour_is_drawn_in_its_colours(photographs):
    picture = photographs[0][0] / 255
    np.testing.assert_allclose(viz.maximizing_input(picture, 1.0).images[0].get_array(), picture, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_the_title_and_subtitle_of_predictions_fit_the_figure(count, photographs):
    x, _ = photographs
    ax = viz.readings(list(x[:count]), list(x[:count]), np.full((count, 3), 1 / 3))
    ax.figure.canvas.draw()
    right = ax.figure.bbox.width
    title = [each for each in (ax.title, ax._left_title) if each.get_text()]
    assert all(each.get_window_extent().x1 <= right for each in (*title, *ax.texts))


def test_the_axis_of_a_loss_says_that_it_is_logarithmic():
    frame = pd.DataFrame({"loss": [1.0, 0.1, 0.001], "val_loss": [1.0, 0.2, 0.01]})
    assert viz.history_curves(frame).axes[0].get_ylabel() == "loss, logarithmic scale"
    frame = pd.DataFrame({"loss": [1.0, 0.9, 0.8], "val_loss": [1.0, 0.9, 0.9]})
    assert viz.history_curves(frame).axes[0].get_ylabel() == "loss"


def test_rings_at_the_same_rate_have_different_sizes():
    rows = [("a", 0.01, 0.9, True), ("b", 0.01, 0.9, True), ("a", 0.1, 0.5, False), ("b", 0.1, 0.6, False)]
    frame = pd.DataFrame(rows, columns=["variant", "learning_rate", "val_accuracy", "chosen"])
    rings = [line for line in viz.rate_sensitivity(frame).lines if line.get_label() == "_chosen"]
    assert len({ring.get_markersize() for ring in rings}) == len(rings) == 2
