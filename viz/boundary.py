"""A network with two inputs: its predictions as a map, and its hidden neurons as lines."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from neurosim.errors import NeurosimError, ShapeError
from neurosim.parameters import Array
from neurosim.text import percent, thousands

from .colours import INK_COLOUR, PALETTE
from .film import film_pixels, gif_path, write_gif
from .panels import label_panels, name_panel, panel_shape
from .samples import names_of_classes
from .style import RIM, WIDTH, AnyFigure, figure_heading, heading, new_axes, new_figure, noted, root_figure, styled
from .variants import MARKERS

TINT = 0.55
"""The share of a class's colour if the network is certain of it; the rest is white."""


@styled
def decision_boundary(
    predict: Callable[[Array], Any],
    x: Any,
    y: Any,
    weights: Any = None,
    biases: Any = None,
    class_names: Sequence[str] | None = None,
    resolution: int = 200,
    ax: Axes | None = None,
    title: str | None = None,
    axis_names: Sequence[str] = ("x1", "x2"),
) -> Axes:
    """Draw the prediction of a classifier at every point of the plane, and the samples as points.

    The colour is the predicted class; the deeper the colour, the more certain the prediction.  A black line marks where
    the prediction changes.  Misread points have a black rim.  If the weights of the first hidden layer are given, each
    neuron is drawn as the line w·x + b = 0 with its number at one end.  A short bar points to the side where z > 0.

    Args:
        predict: (N, 2) float32 -> probabilities (N, k), or (N,) or (N, 1), that of class 1; such as
            `net.predict_proba`.
        x: points, shape (N, 2).
        y: their classes from 0, shape (N,).
        weights: of hidden neurons, one column per neuron, shape (2, n), such as `net[1].W`.
        biases: of the same neurons, shape (n,), such as `net[1].b`.
        class_names: a name for each class; its number if left out.
        resolution: the number of places in each direction, at least 2.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title, which gives the accuracy.
        axis_names: of the two coordinates.

    Returns:
        The Axes; the lines of neurons are labelled "neuron 0", "neuron 1", ...

    Raises:
        ShapeError: if arrays do not fit together.
        NeurosimError: if `predict` returns anything except finite numbers in 0..1.

    Example:
        >>> x, y = ns.data.xor(400)
        >>> ax = decision_boundary(net.predict_proba, x, y, net[1].W, net[1].b)
    """
    x, y = _points(x, y)
    if resolution < 2:
        raise NeurosimError(f"resolution: expected at least 2, received {resolution}")
    lines = _lines(weights, biases)
    across, up, places = places_around(x, resolution)
    share = _probabilities(predict(places), len(places))
    own = _probabilities(predict(x.astype(np.float32)), len(x))
    names = _names(share, y, class_names)

    ax = new_axes(ax, width=6.6, height=5.9)
    wrong = _draw_panel(ax, across, up, share, own, x, y, names)
    outside = _draw_lines(ax, lines, (across[0], across[-1], up[0], up[-1]))
    ax.set_xlabel(axis_names[0])
    ax.set_ylabel(axis_names[1])
    notes = [_reading(bool(wrong.any()))]
    if len(lines):
        notes.append("dashed, with a number at the end: z = 0 of a hidden neuron; its bar points to z > 0")
    if outside:
        notes.append(f"no line on this map: {', '.join(outside)}")
    heading(ax, title or f"Accuracy {_right(wrong)} on {thousands(len(x))} points", "\n".join(notes))
    ax.legend(loc="upper left", bbox_to_anchor=(1.03, 1.0), borderaxespad=0, handletextpad=0.3)
    return ax


@styled
def decision_boundaries(
    answers: Mapping[str, Array],
    x: Any,
    y: Any,
    fig: AnyFigure | None = None,
    class_names: Sequence[str] | None = None,
    axis_names: Sequence[str] = ("x1", "x2"),
    title: str | None = None,
) -> AnyFigure:
    """Draw the predictions of several classifiers side by side: small pictures like `decision_boundary` on shared axes.

    Args:
        answers: name of the classifier -> its probabilities, first at the places of `places_around`, then at the
            points. The shape is (places + N, k), or (places + N, 1) for the probability of class 1.
        x: points, shape (N, 2).
        y: their classes from 0, shape (N,).
        fig: a Figure or SubFigure to draw in; a new figure if left out.
        class_names: a name for each class; its number if left out.
        axis_names: of the two coordinates.
        title: replaces the usual title.

    Returns:
        The Figure: one panel per classifier, in their order, with its accuracy.

    Raises:
        ShapeError: if arrays do not fit together.
        NeurosimError: if answers are anything except finite numbers in 0..1, or there is no classifier.

    Example:
        >>> across, up, places = places_around(x, 60)
        >>> every = np.vstack([places, x])
        >>> fig = decision_boundaries({"small": small.predict_proba(every), "large": large.predict_proba(every)}, x, y)
    """
    if not answers:
        raise NeurosimError("answers: expected the answers of at least one classifier, received none")
    x, y = _points(x, y)
    shares = {str(name): _apart(each, x) for name, each in answers.items()}
    rows, columns = panel_shape(len(shares))
    fig = new_figure(fig, height=0.85 + rows * (WIDTH - 0.9) / max(columns, 2) * 1.02)
    grid = fig.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    names, any_wrong = [], False
    for ax, (name, (share, own)) in zip(grid.flat, shares.items(), strict=False):
        across, up, _ = places_around(x, math.isqrt(len(share)))
        wrong = _draw_panel(ax, across, up, share, own, x, y, _names(share, y, class_names), small=True)
        names.append(f"{name}: {_right(wrong)}")
        any_wrong = any_wrong or bool(wrong.any())
    label_panels(grid, names, axis_names[0], axis_names[1], steps=False)
    name_panel(grid.flat[0], names[0])  # one alone, too
    figure_heading(fig, title or "Decision boundaries and accuracies", _reading(any_wrong))
    fig.legend(
        *grid.flat[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=6,
        handletextpad=0.3,
        markerscale=1.6,
    )
    return fig


@styled
def boundary_film(
    answers: Sequence[Array | Mapping[str, Array]],
    titles: Sequence[str],
    x: Any,
    y: Any,
    path: str | os.PathLike[str],
    *,
    class_names: Sequence[str] | None = None,
    axis_names: Sequence[str] = ("x1", "x2"),
    note: str = "",
    seconds_per_frame: float = 0.3,
) -> Path:
    """Write the predictions of a classifier over training as an animated GIF, one `decision_boundary` per frame.

    The last frame stays twice as long; then the film begins again.  The file is written completely or not at all.

    Args:
        answers: for each frame the network's probabilities at the places of `places_around`, and after these at the
            points: (places + N, k) or (places + N, 1). For several networks a mapping from their names to these.
        titles: the title of each frame, such as "Before training".
        x: points, shape (N, 2).
        y: their classes from 0, shape (N,).
        path: the file to write; ends in `.gif`.
        class_names: a name for each class; its number if left out.
        axis_names: of the two coordinates.
        note: a small line at the foot.
        seconds_per_frame: how long a frame stays, 0.02 to 60 seconds.

    Returns:
        The path written.

    Raises:
        ShapeError: if arrays do not fit together.
        NeurosimError: if the path or the time is wrong, or there is no frame.
    """
    path = gif_path(path, seconds_per_frame, "seconds_per_frame")
    if not answers or len(answers) != len(titles):
        raise ShapeError(f"answers: expected one per title, {len(titles)}, received {len(answers)}")
    x, y = _points(x, y)
    look: dict[str, Any] = {"class_names": class_names, "axis_names": axis_names}
    frames = []
    for each, title in zip(answers, titles, strict=True):
        if isinstance(each, Mapping):
            figure = root_figure(decision_boundaries(each, x, y, title=title, **look))
        else:
            share, own = _apart(each, x)
            right = _right(own.argmax(axis=1) != y)
            told = f"{title}: accuracy {right} on {thousands(len(x))} points"
            answer = _in_turn(share, own)  # the first call is for the places, the second for the points
            figure = root_figure(decision_boundary(answer, x, y, resolution=math.isqrt(len(share)), title=told, **look))
        with noted(figure, note):
            frames.append(film_pixels(figure))
    return write_gif(frames, path, seconds_per_frame)


@styled
def places_around(x: Any, resolution: int) -> tuple[Array, Array, Array]:
    """Return a grid over the part of the plane in which points x (N, 2) lie, with some room around it.

    Returns:
        (resolution,) places to the right; (resolution,) upwards; (resolution², 2) all pairs of them, float32.
    """
    x = np.asarray(x, dtype=float)
    middle, half = (x.max(axis=0) + x.min(axis=0)) / 2, max(float(np.ptp(x, axis=0).max()) / 2 * 1.12, 1e-6)
    across, up = (np.linspace(centre - half, centre + half, resolution) for centre in middle)
    return across, up, np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2).astype(np.float32)


def _points(x: Any, y: Any) -> tuple[Array, Array]:
    """Return points (N, 2) and their classes (N,), checked."""
    x, y = np.asarray(x, dtype=float), np.asarray(y)
    if x.ndim != 2 or x.shape[1] != 2 or not len(x) or not np.isfinite(x).all():
        raise ShapeError(f"x: expected finite points in the plane, shape (N, 2), received shape {x.shape}")
    if y.shape != (len(x),):
        raise ShapeError(f"y: expected one class per point, shape ({len(x)},), received {y.shape}")
    if not np.issubdtype(y.dtype, np.number) or (y < 0).any() or (y != np.floor(y)).any():
        raise NeurosimError("y: expected class indices, whole numbers from 0, received other values")
    return x, y.astype(int)


def _in_turn(*answers: Array) -> Callable[[Array], Array]:
    """Return a classifier that returns these answers, one per call."""
    ready = iter(answers)
    return lambda _: next(ready)


def _names(share: Array, y: Array, class_names: Sequence[str] | None) -> list[str]:
    """Return the names of all classes, after checking that they have probabilities and colours."""
    classes = max(share.shape[1], int(y.max()) + 1)
    names = names_of_classes(class_names, classes)
    if classes > len(PALETTE):
        raise NeurosimError(f"y: expected at most {len(PALETTE)} classes, received {classes}")
    if share.shape[1] < classes:
        raise ShapeError(f"predict: expected {classes} probabilities per point, received {share.shape[1]}")
    return names


def _apart(answers: Array, x: Array) -> tuple[Array, Array]:
    """Split answers into those at the places of a grid, and those at the points x (N, 2), which come after them.

    Raises:
        ShapeError: the number of places is not a square.
    """
    count = len(answers) - len(x)
    if count < 4 or math.isqrt(count) ** 2 != count:
        raise ShapeError(
            f"answers: expected one per place of places_around and one per point ({len(x)}), received {len(answers)}"
        )
    both = _probabilities(answers, len(answers))
    return both[:count], both[count:]


def _reading(any_wrong: bool) -> str:
    """Return how to read the map."""
    rim = "; black rim: misread" if any_wrong else ""
    return f"deeper colour: more certain; black line: where the prediction changes{rim}"


def _right(wrong: Array) -> str:
    return percent(float(np.mean(~wrong)), 2)


def _draw_panel(
    ax: Axes, across: Array, up: Array, share: Array, own: Array, x: Array, y: Array, names: Sequence[str],
    small: bool = False,
) -> Array:  # fmt: skip
    """Draw the answers at the places of a grid, and the points; return which points are misread."""
    _draw_map(ax, across, up, share, 1.0 if small else 1.6)
    wrong: Array = own.argmax(axis=1) != y
    for k, name in enumerate(names):
        _draw_class(ax, k, name, x[y == k], wrong[y == k], 0.65 if small else 1.0)
    ax.set_xlim(across[0], across[-1])
    ax.set_ylim(up[0], up[-1])
    ax.grid(False)
    return wrong


def _draw_map(ax: Axes, across: Array, up: Array, share: Array, width: float) -> None:
    """Draw the answers (rows of probabilities) at the places of a grid, and lines where they change."""
    classes, size = share.shape[1], (len(up), len(across))
    colours = np.array([to_rgb(colour) for colour in PALETTE[:classes]])
    sure = np.clip((share * classes - 1) / (classes - 1), 0, 1)  # 0: a guess, 1: certain
    tint = 1 - TINT * sure @ (1 - colours)  # (places, 3)
    ax.imshow(
        np.clip(tint, 0, 1).reshape(*size, 3),
        extent=(across[0], across[-1], up[0], up[-1]),
        origin="lower",
        interpolation="bilinear",
        aspect="equal",
    )
    for k in range(classes if classes > 2 else 1):
        lead = share[:, k] - np.delete(share, k, axis=1).max(axis=1)
        if lead.min() < 0 < lead.max():
            ax.contour(across, up, lead.reshape(size), [0.0], colors="black", linewidths=width, linestyles="-")


def _draw_class(ax: Axes, k: int, name: str, points: Array, wrong: Array, size: float) -> None:
    """Draw the points of class k; misread points have a black rim and lie above the others."""
    look: dict[str, Any] = {"linestyle": "none", "marker": MARKERS[k], "color": PALETTE[k]}
    light: dict[str, Any] = RIM | {"markeredgewidth": RIM["markeredgewidth"] * size**2}
    ax.plot(*points[~wrong].T, markersize=4.4 * size, zorder=2.4, label=f"class {name}", **light, **look)
    rim: dict[str, Any] = {"markeredgecolor": "black", "markeredgewidth": 1.1 * size}
    ax.plot(*points[wrong].T, markersize=5.2 * size, zorder=2.6, label=f"_wrong {k}", **rim, **look)


def _probabilities(answer: Any, count: int) -> Array:
    """Return the result of `predict` as probabilities of each class, shape (count, k), k >= 2."""
    share = np.asarray(answer, dtype=float)
    share = share[:, None] if share.ndim == 1 else share
    if share.ndim != 2 or len(share) != count:
        raise ShapeError(f"predict: expected ({count}, k) probabilities for {count} points, received {share.shape}")
    if not ((share >= -1e-6) & (share <= 1 + 1e-6)).all():
        raise NeurosimError("predict: expected probabilities in 0..1, received other values or NaN; use predict_proba")
    return np.hstack([1 - share, share]) if share.shape[1] == 1 else share


def _lines(weights: Any, biases: Any) -> Array:
    """Return w1, w2, b of each neuron, shape (n, 3)."""
    if weights is None and biases is None:
        return np.empty((0, 3))
    if weights is None or biases is None:
        raise NeurosimError("weights, biases: expected both, received one of them")
    weights, biases = np.asarray(weights, dtype=float), np.asarray(biases, dtype=float)
    if weights.ndim != 2 or len(weights) != 2 or biases.shape != weights.shape[1:]:
        raise ShapeError(
            f"weights: expected (2, n), one column per neuron, with biases (n,), received {weights.shape} and "
            f"{biases.shape}"
        )
    return np.column_stack([weights.T, biases])


def line_in_box(w: Sequence[float], b: float, box: Sequence[float]) -> Array | None:
    """Return the two ends of the line w·x + b = 0 within a box.

    Args:
        w: two weights.
        b: the bias.
        box: left, right, bottom, top.

    Returns:
        Shape (2, 2), one point per row; None if the line misses the box or w is 0.
    """
    left, right, bottom, top = box
    ends = []
    if w[1] != 0:
        ends += [(x, -(b + w[0] * x) / w[1]) for x in (left, right)]
    if w[0] != 0:
        ends += [(-(b + w[1] * y) / w[0], y) for y in (bottom, top)]
    slack = 1e-9 * max(right - left, top - bottom)
    inside = [(x, y) for x, y in ends if left - slack <= x <= right + slack and bottom - slack <= y <= top + slack]
    if not inside:
        return None
    points = np.array(inside)
    far = int(np.argmax(((points - points[0]) ** 2).sum(axis=1)))
    return points[[0, far]]


def _draw_lines(ax: Axes, lines: Array, box: Sequence[float]) -> list[str]:
    """Draw each neuron's line, its number and the side of z > 0; return the names of those without a line."""
    missing: list[str] = []
    taken: list[Array] = []
    size = box[1] - box[0]
    for j, (w1, w2, b) in enumerate(lines):
        ends = line_in_box((w1, w2), b, box) if np.isfinite([w1, w2, b]).all() else None
        if ends is None:
            missing.append(f"neuron {j}")
            continue
        dashed: dict[str, Any] = {"linewidth": 1.3, "linestyle": (0, (4, 2)), "zorder": 3}
        ax.plot(*ends.T, color=INK_COLOUR, label=f"_neuron {j}", gid=f"neuron {j}", **dashed)
        normal = np.array([w1, w2]) / np.hypot(w1, w2)
        places = [ends[0] + t * (ends[1] - ends[0]) for t in (0.05, 0.95, 0.13, 0.87, 0.22, 0.78, 0.31, 0.69)]
        room = [min((np.hypot(*(place - other)) for other in taken), default=np.inf) for place in places]
        free = [place for place, gap in zip(places, room, strict=True) if gap > 0.06 * size]
        place = free[0] if free else places[int(np.argmax(room))]
        taken.append(place)
        side = np.array([place, place + 0.055 * size * normal])
        ax.plot(*side.T, color=INK_COLOUR, linewidth=2.2, zorder=3.1, label="_side", gid=f"side {j}")
        paper = {"boxstyle": "circle,pad=0.25", "fc": "white", "ec": INK_COLOUR, "lw": 0.9}
        ax.text(place[0], place[1], str(j), ha="center", va="center", fontsize=8, zorder=3.5, bbox=paper)
    return missing
