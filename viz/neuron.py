"""One neuron's story for one sample: forward, backward and update, with the numbers on the panels.

The picture has three rows of cells.  Each cell carries the number of the stage that fills it.  So the reader can follow
the walk, and `neuron_film` can fill one cell after the other.  The texts come from the stages of the walk, the drawings
from the arrays of the trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill as wrapped
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from neurosim.errors import NeurosimError
from neurosim.text import short, short_pair, signed_short, span, typeset
from neurosim.walk import STAGES, NeuronTrace, Row, Stage, words
from neurosim.walk.figure_words import FIGURE
from neurosim.walk.formula import fill
from neurosim.walk.places import rows_and_columns
from neurosim.walk.rows import in_figure, plural

from .colours import AXIS, INK_COLOUR, MUTED, PALETTE, RULE
from .filters import channel_sheet, outline
from .page import ACCENT, CELL_HEIGHT, HEAD, HEIGHT, NEGATIVE, POSITIVE, Cell, Page, draw_bars, draw_image, few_ticks
from .style import AnyFigure, beside, new_figure, styled

ROWS = 9
"""The number of bars in a panel, without the bar of the others."""

THROUGH_THE_LAYER = ("jacobian", "unknown")
"""The rules for a delta that depends on dL/da of the whole layer."""

CONTESTS = ("downstream.won", "downstream.lost")
"""The kinds of rows that say whether a pooling window passes a unit's activation on."""

Told = dict[str, Stage]
"""The stages by their keys."""


@styled
def neuron_story(trace: NeuronTrace, fig: AnyFigure | None = None, title: str | None = None) -> AnyFigure:
    """Draw what one neuron did with one sample: forward, backward and the update of its weights.

    The panels follow the walk and carry its numbers.  Forward: inputs x, weights w, products w·x and their sum z; the
    activation curve with the point (z, a) and the tangent of slope f'(z); the loss.  Backward: the terms w_k delta_k
    from the layer above; delta = dL/da f'(z); the gradient dL/dw = delta x.  Last: the change that the optimizer
    computes from it.  Signed quantities are blue below zero and red above, on scales centred on zero.  If the neuron's
    input is not an image, bars of the largest terms replace the images.

    Args:
        trace: a neuron in a trace, such as `net.trace(x, y)[1][5]`.
        fig: a Figure or SubFigure to draw in, 1200 pixels wide if possible; a new figure if left out.
        title: replaces the usual title.

    Returns:
        The Figure.

    Raises:
        NeurosimError: if it is not a NeuronTrace, or has no label.

    Example:
        >>> fig = neuron_story(net.trace(x, y)[1][5])
        >>> viz.save(fig, "neuron.png")
    """
    fig, _, _ = draw_story(trace, fig, title, HEIGHT)
    return fig


def draw_story(
    neuron: NeuronTrace, fig: AnyFigure | None, title: str | None, height: float
) -> tuple[AnyFigure, Page, list[Stage]]:
    """Draw the story at the top of a page of `height` inches; return figure, cells and stages."""
    if not isinstance(neuron, NeuronTrace):
        raise NeurosimError(
            "trace: expected a NeuronTrace, such as net.trace(x, y)[1][5], "
            f"received {type(neuron).__name__} {neuron!r:.60}"
        )
    if neuron.trace.forward_only:
        raise NeurosimError(
            "trace: expected the trace of a sample with a label, net.trace(x, y), received one without; "
            "there is no backward pass"
        )
    stages = neuron.stages()
    told = {stage.key: stage for stage in stages}
    fig = new_figure(fig, height=height)
    if isinstance(fig, Figure):
        fig.set_layout_engine("none")  # the frames of a film must not move
    page = Page(fig, height)
    page.heading(title or _title(neuron), _say("how to read it", **{phase: _places(phase) for phase in words.PHASES}))
    _draw_terms(page, neuron, told)
    _draw_sum(page, _cell(page, 0, 3, "weighted_sum"), neuron, told)
    _draw_activation(page, _cell(page, 1, 0, "activation", "derivative"), neuron, told)
    answer = _cell(page, 1, 1, "output", "output_delta")
    _draw_output(page, answer, neuron) if neuron.label is not None else _draw_targets(page, answer, neuron)
    _draw_downstream(page, _cell(page, 1, 2, "downstream"), neuron, told)
    _draw_delta(page, _cell(page, 1, 3, "delta"), neuron, told)
    _draw_gradient(page, _cell(page, 2, 0, "gradients"), neuron, told)
    _draw_change(page, _cell(page, 2, 1, "update"), neuron, told)
    _draw_outcome(page, _cell(page, 2, 2, "loss_after", span=2), neuron, told)
    page.fit()
    return fig, page, stages


def _place(key: str) -> int:
    """Return the number of a stage, from 1."""
    return STAGES.index(key) + 1


def _places(phase: str) -> str:
    """Return the numbers of the first and the last stage of a pass."""
    places = [_place(key) for key in STAGES if words.STAGES[key]["phase"] == phase]
    return f"{places[0]}–{places[-1]}"


def _say(key: str, **texts: str) -> str:
    """Return one of the texts of the figure, filled in."""
    return typeset(fill(FIGURE[key], texts))


def _of(row: Row | None, key: str) -> str:
    """Return one of the texts of the figure, filled with the numbers of a row."""
    assert row is not None
    return typeset(row.say(FIGURE[key], in_figure))


def _number(key: str, count: int, **texts: str) -> str:
    """Return one of the texts that differ between one thing and several."""
    return _say(plural(key, count), count=in_figure("count", count), **texts)


def _cell(page: Page, row: int, column: int, *keys: str, title: str | None = None, span: int = 1) -> Cell:
    """Add a cell with the numbers of its stages."""
    return page.cell(row, column, [_place(key) for key in keys], FIGURE[title or keys[0]], span)


def _title(neuron: NeuronTrace) -> str:
    sample = "one sample" if neuron.sample is None else fill(words.NAMES["sample"], {"i": str(neuron.sample)})
    told = {"neuron": str(neuron.index), "layer": str(neuron.layer), "activation": neuron.activation.key}
    if neuron.row is None:
        return _say("title", **told, sample=sample)
    return _say("title of filter", **told, row=str(neuron.row), column=str(neuron.column), sample=sample)


def _picture(neuron: NeuronTrace, values: np.ndarray) -> np.ndarray | None:
    """Return one number for each input as an image, if the inputs are a whole image or a patch."""
    if neuron.patch_shape is not None:
        height, width, channels = neuron.patch_shape
        return channel_sheet(values.reshape(height, width, channels))
    shape = neuron.image_shape
    return values.reshape(shape) if shape is not None and shape[0] * shape[1] == values.size else None


def _sample_picture(neuron: NeuronTrace) -> np.ndarray:
    """Return the sample as an image; of colours, their mean."""
    pixels = neuron.trace.flows[0]["a"].reshape(neuron.trace.network.input.out_shape)
    return pixels if pixels.ndim == 2 else pixels.mean(axis=2)


def _draw_terms(page: Page, neuron: NeuronTrace, told: Told) -> None:
    """Draw inputs, weights and their products: images, or bars of the largest terms."""
    n, patch = neuron.inputs.size, neuron.patch_shape is not None
    cells = [
        _cell(page, 0, 0, "inputs"),
        _cell(page, 0, 1, "weighted_sum", title="weights of filter" if patch else "weights"),
        _cell(page, 0, 2, "weighted_sum", title="products"),
    ]
    first = next(row for row in told["inputs"].rows if "zero" in row.factors)
    zero, count = first.factors["zero"], _number("count", n)
    if patch and neuron.source_layer:
        count = _say("of layer", inputs=count, layer=str(neuron.source_layer))
    total = float(np.sum(neuron.products, dtype=np.float64))
    if first.kind == "inputs.standardized":
        count = _say("standardized", inputs=count)
    elif zero:
        count = _say("count of which", inputs=count, nonzero=in_figure("count", n - int(zero)))
    page.caption(cells[0], 0, count)
    page.caption(cells[1], 0, span(neuron.weights))
    page.caption(cells[2], 0, _say("sum", value=short(total)))
    arrays = (neuron.inputs, neuron.weights, neuron.products)
    pictures = [picture for values in arrays if (picture := _picture(neuron, values)) is not None]
    if pictures:
        page.caption(cells[0], 1, rows_and_columns(neuron.field) if patch else span(neuron.inputs))
        page.caption(cells[1], 1, _say("what it looks for"))
        page.caption(cells[2], 1, _say("what it finds"))
        draw_image(page, cells[0], pictures[0], ink=True, half=1 if patch else None)
        if patch:
            outline(draw_image(page, cells[0], _sample_picture(neuron), ink=True, half=0), *neuron.receptive_field)
        for cell, picture in zip(cells[1:], pictures[1:], strict=True):
            draw_image(page, cell, picture)
    else:
        top = largest(neuron.products)
        rest = n - len(top)
        shown = in_figure("count", len(top))
        page.caption(cells[0], 1, _say("largest of inputs", count=shown) if rest else _say("all inputs"))
        page.caption(cells[1], 1, _say("largest of weights"))
        page.caption(cells[2], 1, _say("largest of products", count=shown) if rest else _say("all products"))
        for cell, values in zip(cells, arrays, strict=True):
            names = [neuron.input_name(i) for i in top]
            numbers = list(values[top])
            if rest:
                last = values is neuron.products
                names.append(_number("others", rest) if last else "")
                numbers.append(total - float(values[top].sum()) if last else np.nan)
            draw_bars(page, cell, names, numbers, sign=values is not neuron.inputs or bool((values < 0).any()))
    for cell, text in zip(cells, "×=Σ", strict=True):
        page.sign(cell, text, stage=_place("weighted_sum"))


def _draw_sum(page: Page, cell: Cell, neuron: NeuronTrace, told: Told) -> None:
    """Draw the number line: positive terms, negative terms and the bias, end to end, up to z."""
    products = neuron.products.astype(np.float64)
    up, down = float(products[products > 0].sum()), float(products[products < 0].sum())
    result = told["weighted_sum"].result
    page.caption(cell, 0, _of(result, "substituted"))
    page.caption(cell, 1, _of(result, "value"), color=INK_COLOUR)
    steps = [
        ("positive terms", 0.0, up),
        ("negative terms", up, down),
        *([("bias", up + down, neuron.bias)] if neuron.has_bias else []),
        ("z", 0.0, neuron.z),
    ]
    ax = page.axes(cell, (0.08, 0.26, 0.08, 0.0))
    ends = np.array([0.0, up, up + down, neuron.z])
    ends = ends[np.isfinite(ends)]
    low, high = float(ends.min()), float(ends.max())
    pad = 0.06 * (high - low) or 1.0
    for y, (name, start, length) in enumerate(steps):
        last = name == "z"
        colour = INK_COLOUR if last else POSITIVE if length >= 0 else NEGATIVE
        if np.isfinite(start + length):
            ax.barh(y + 0.22, length, left=start, height=0.26 if not last else 0.12, color=colour)
            if y:
                ax.plot([start, start], [y - 0.78, y + 0.22], color=AXIS, linewidth=0.7, linestyle=":")
            if last:
                ax.plot(length, y + 0.22, "o", color=INK_COLOUR, markersize=5)
        paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
        row: dict[str, Any] = {
            "transform": ax.get_yaxis_transform(),
            "fontsize": 7.0,
            "va": "center_baseline",
            "bbox": paper,
        }
        ax.text(0.0, y - 0.17, _say(name), **row)
        ax.text(1.0, y - 0.17, short(length) if last else signed_short(length), ha="right", **row)
    ax.axvline(0, color=AXIS, linewidth=0.8, zorder=0.5)
    ax.set_xlim(low - pad, high + pad)
    ax.set_ylim(3.6, -0.4)
    ax.set_yticks([])
    ax.grid(False)
    ax.spines["left"].set_visible(False)
    few_ticks(ax)


def _draw_activation(page: Page, cell: Cell, neuron: NeuronTrace, told: Told) -> None:
    """Draw f around z with the point (z, a), and the tangent there."""
    result = told["activation"].result
    assert result is not None
    equation = typeset(result.line(in_figure)) if neuron.forced is not None else _of(result, "equation")
    page.caption(cell, 0, equation, color=INK_COLOUR)
    slope = _place("derivative")
    page.caption(cell, 1, _of(told["derivative"].result, "slope"), stage=slope, color=ACCENT)
    ax = page.axes(cell, (0.36, 0.38, 0.1, 0.1))
    z, a = neuron.z, neuron.a
    known = bool(np.isfinite([z, a, neuron.da_dz]).all())
    centre = _middle(z, a) if not neuron.activation.elementwise and known else 0.0
    reach = 4.0
    low, high = centre - reach, centre + reach
    if known:
        low, high = min(low, z - reach / 3), max(high, z + reach / 3)
        margin = 0.12 * (high - low)
        low, high = min(low, z - margin), max(high, z + margin)
    line = np.linspace(low, high, 601)
    f = neuron.curve(line)
    ax.axhline(0, color=RULE, linewidth=0.7, zorder=1)
    ax.axvline(0, color=RULE, linewidth=0.7, zorder=1)
    ax.plot(line, f, color=PALETTE[0], linewidth=1.7)
    bottom, top = float(np.nanmin(f)), float(np.nanmax(f))
    pad = 0.1 * (top - bottom) or 1.0
    ax.set_xlim(low, high)
    ax.set_ylim(bottom - pad, top + pad)
    if known:
        ax.plot([z, z], [0, a], color=AXIS, linewidth=0.8, linestyle=":", zorder=1.5)
        half = 0.2 * (high - low)
        ends = np.array([z - half, z + half])
        (tangent,) = ax.plot(
            ends,
            a + neuron.da_dz * (ends - z),
            color=ACCENT,
            linewidth=1.6,
            linestyle=(0, (4, 1.5)),
            zorder=3,
            gid="tangent",
        )
        page.keep(cell, slope, tangent)
        ax.plot(z, a, "o", color=INK_COLOUR, markersize=5.5, zorder=4, gid="point")
    few_ticks(ax, y=True)
    ax.set_xlabel("z", fontsize=7.5, labelpad=1)
    beside(ax, "a", (0, 1), (-3, 1), "axes fraction", fontsize=7.5, ha="right", va="bottom")


def _middle(z: float, a: float) -> float:
    """Return the z at which a softmax output would be one half."""
    a = min(max(a, 1e-12), 1 - 1e-12)
    return z - float(np.log(a / (1 - a)))


def _draw_output(page: Page, cell: Cell, neuron: NeuronTrace) -> None:
    """Write the prediction, the label and the loss."""
    page.caption(cell, 0, _say("answer"))
    label, prediction = neuron.label, neuron.prediction
    right = label == prediction
    verdict, colour = ("right", PALETTE[2]) if right else ("wrong", ACCENT)
    named = neuron.trace.network.class_name
    page.line(cell, 0.05, [(0, _say("prediction"), "left"), (1, named(prediction), "right")])
    page.line(cell, 0.27, [(0, _say("label"), "left"), (1, named(label), "right")])
    page.line(cell, 0.49, [(0, _say("verdict"), "left"), (1, _say(verdict), "right")], color=colour)
    page.line(cell, 0.85, [(0, _say("loss"), "left"), (1, short(neuron.loss), "right")], fontweight="bold")
    page.line(cell, 1.17, [(0, _say("way back"), "left")], size=7.5, color=MUTED)


def _draw_targets(page: Page, cell: Cell, neuron: NeuronTrace) -> None:
    """Write the first outputs and their targets, for a sample whose targets are numbers, and the loss."""
    page.caption(cell, 0, _say("answer"))
    trace = neuron.trace
    pairs = list(zip(trace.probabilities, trace.targets, strict=True))[:3]
    page.line(cell, 0.05, [(0.6, _say("output a"), "right"), (1, _say("target y"), "right")], color=MUTED)
    for k, (a, y) in enumerate(pairs):
        number = [(0, str(k), "left")] if len(pairs) > 1 else []
        page.line(cell, 0.25 + 0.19 * k, [*number, (0.6, short(a), "right"), (1, short(y), "right")])
    page.line(cell, 0.85, [(0, _say("loss"), "left"), (1, short(neuron.loss), "right")], fontweight="bold")
    page.line(cell, 1.17, [(0, _say("way back"), "left")], size=7.5, color=MUTED)


def _draw_downstream(page: Page, cell: Cell, neuron: NeuronTrace, told: Told) -> None:
    """Draw the terms w_k delta_k by neuron k; for an output neuron write where delta comes from."""
    if neuron.is_output:
        _draw_last_stop(page, cell, neuron, told["delta"].result)
        return
    stage, terms = told["downstream"], neuron.downstream_products
    assert stage.result is not None
    count = len(terms)
    page.caption(cell, 0, typeset(f"{stage.formula} = {in_figure('dL/da', neuron.dL_da)}"), color=INK_COLOUR)
    page.caption(cell, 1, _of(stage.result, plural(f"over {neuron.downstream_kind}", count)))
    contests = [row.line(in_figure).strip() for row in stage.rows if row.kind.startswith(CONTESTS)][:2]
    if contests and count <= 2:
        text = "\n".join(wrapped(typeset(line), 30) for line in [*contests, stage.why] if line)
        page.line(cell, 0.1 + 0.21 * count, [(0, text, "left")], size=7.0, color=MUTED)
        if count:
            names = [neuron.downstream_name(i) for i in range(count)]
            draw_bars(page, cell, names, terms, foot=CELL_HEIGHT - HEAD - 0.21 * count, least=count)
    elif count <= ROWS + 2:
        draw_bars(page, cell, [neuron.downstream_name(i) for i in range(count)], terms)
    else:
        top = largest(terms)
        names = [neuron.downstream_name(i) for i in top] + [_number("others", count - len(top))]
        draw_bars(page, cell, names, [*terms[top], float(terms.sum() - terms[top].sum())])


def _draw_last_stop(page: Page, cell: Cell, neuron: NeuronTrace, delta: Row | None) -> None:
    """Write where the delta of an output neuron comes from."""
    assert delta is not None
    page.caption(cell, 0, _say("last stop"))
    page.line(cell, 0.05, [(0, _say("from the loss"), "left")])
    down = 0.35
    for name, value in delta.factors.items():
        if name == "y" and neuron.label is not None and value in (0.0, 1.0):
            name = _say("y of the label" if value else "y of another", neuron=str(neuron.index))
        page.line(cell, down, [(0, name, "left"), (1, in_figure(name, value), "right")])
        down += 0.2
    rule = _of(delta, "definition" if neuron.delta_rule[1] in THROUGH_THE_LAYER else "rule")
    page.line(cell, down + 0.08, [(0, rule, "left"), (1, short(neuron.delta), "right")], fontweight="bold")


def _draw_delta(page: Page, cell: Cell, neuron: NeuronTrace, told: Told) -> None:
    """Write the computation of delta with its numbers, and its meaning."""
    stage, result = told["delta"], told["delta"].result
    assert result is not None
    page.caption(cell, 0, _say("meaning of delta"))
    steps = result.steps(in_figure)
    if neuron.delta_rule[1] in THROUGH_THE_LAYER:
        page.caption(cell, 1, _of(result, "shared delta"))
    steps = [*(steps or [(_say("all of them"), "")]), (_of(result, "equals"), short(neuron.delta))]
    for i, (name, value) in enumerate(steps):
        last = i == len(steps) - 1
        look: dict[str, Any] = {"fontweight": "bold"} if last else {}
        page.line(cell, 0.05 + 0.22 * i + 0.04 * last, [(0, typeset(name), "left"), (1, value, "right")], **look)
    page.line(cell, 1.0, [(0, wrapped(typeset(stage.why), 25), "left")], size=7.5, color=MUTED)


def _draw_gradient(page: Page, cell: Cell, neuron: NeuronTrace, told: Told) -> None:
    """Draw dL/dw of every weight; for a filter also draw the deltas of all its places, over which dL/dw is a sum."""
    page.caption(cell, 0, typeset(told["gradients"].formula), color=INK_COLOUR)
    deltas = neuron.place_deltas
    if neuron.patch_shape is not None and deltas.size > 1:
        page.caption(cell, 1, _say("deltas and gradient", count=in_figure("count", deltas.size)))
        if not deltas.any():
            page.line(cell, 0.3, [(0, wrapped(told["gradients"].why, 27), "left")], color=MUTED)
            return
        ax = draw_image(page, cell, deltas, half=0)
        row, column = neuron.row or 0, neuron.column or 0
        outline(ax, slice(row, row + 1), slice(column, column + 1), width=0.8)
        _weights_picture(page, cell, neuron, neuron.dL_dW, "", half=1)
        return
    page.caption(cell, 1, span(neuron.dL_dW))
    nothing = _say("no gradient")
    if neuron.delta:  # delta is not zero, so the inputs are
        nothing = _say("no gradient, no bias")
        if neuron.has_bias:
            nothing = _say("no gradient of weights", value=short(neuron.dL_db))
    _weights_picture(page, cell, neuron, neuron.dL_dW, nothing)


def _draw_change(page: Page, cell: Cell, neuron: NeuronTrace, told: Told) -> None:
    """Draw the change of each weight."""
    stage = told["update"]
    assert stage.result is not None
    rate = next(row for row in stage.rows if "rate" in row.factors)
    page.caption(cell, 0, _of(rate, "rate"))
    page.caption(cell, 1, typeset(stage.result.line(in_figure)))
    _weights_picture(page, cell, neuron, neuron.weights_after - neuron.weights, _say("no change"))


def _weights_picture(
    page: Page, cell: Cell, neuron: NeuronTrace, values: np.ndarray, nothing: str, half: int | None = None
) -> None:
    """Draw one number per weight: as an image or bars of the largest; if all are zero, write a text."""
    picture = _picture(neuron, values)
    if not np.any(values):
        page.line(cell, 0.5, [(0.5, nothing, "center")], color=MUTED)
    elif picture is not None:
        draw_image(page, cell, picture, half=half)
    else:
        top = largest(values)
        rest = values.size - len(top)
        if rest:
            counts = {name: in_figure(name, count) for name, count in (("count", len(top)), ("all", values.size))}
            page.line(cell, 1.43, [(0, _say("largest", **counts), "left")], size=7.0, color=MUTED)
        draw_bars(page, cell, [neuron.weight_name(i) for i in top], values[top], foot=0.22 if rest else 0.06)


def _draw_outcome(page: Page, cell: Cell, neuron: NeuronTrace, told: Told) -> None:
    """Write the largest changes, the bias and the loss, before and after."""
    change = neuron.weights_after - neuron.weights
    top = [i for i in largest(change, 3) if change[i] != 0]
    page.caption(cell, 0, _say("outcome"))
    page.line(cell, 0.0, _columns(("", *map(_say, ("before", "after", "change")))), color=MUTED)
    rows = [
        (fill(words.NAMES["weight"], {"name": neuron.weight_name(i)}), neuron.weights[i], neuron.weights_after[i])
        for i in top
    ]
    if neuron.has_bias:
        rows.append((_say("bias"), neuron.bias, neuron.bias_after))
    rows.append((_say("loss"), neuron.loss, neuron.loss_after))
    for i, (name, before, after) in enumerate(rows):
        last: dict[str, Any] = {"fontweight": "bold"} if i == len(rows) - 1 else {}
        texts = short_pair(before, after)
        page.line(cell, 0.2 + 0.19 * i, _columns((name, *texts, signed_short(after - before))), **last)
    reasons = "\n".join(filter(None, (told["loss_after"].why, told["update"].why)))
    page.line(cell, 0.2 + 0.19 * len(rows) + 0.08, [(0, typeset(reasons), "left")], size=7.5, color=MUTED)


def _columns(texts: Sequence[str]) -> list[tuple[float, str, str]]:
    return list(zip((0.0, 0.54, 0.78, 1.0), texts, ("left", "right", "right", "right"), strict=True))


def largest(values: np.ndarray, count: int = ROWS) -> np.ndarray:
    """Return the indices of the largest sizes, largest first."""
    return np.argsort(-np.abs(np.nan_to_num(values)), kind="stable")[:count]
