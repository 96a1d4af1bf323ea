"""One neuron's story for one sample: forward, backward and update, with the numbers on the panels.

Three rows of cells.  Each carries the number of the stage that fills it, so that the eye can follow the walk
and `neuron_film` can fill them one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from neurosim.errors import ShapeError
from neurosim.text import counted, plus, probability, short, short_pair, signed_short, span

from .page import ACCENT, HEIGHT, NEGATIVE, POSITIVE, Cell, Page, draw_bars, draw_image, few_ticks
from .style import INK_COLOUR, MUTED, PALETTE, AnyFigure, beside, new_figure, styled
from .walk import Facts, loss_words

ROWS = 9
"""Bars in a panel, before "the others"."""


@styled
def neuron_story(trace: Any, fig: AnyFigure | None = None, title: str | None = None) -> AnyFigure:
    """Draw what one neuron did with one sample: forward, backward and the update of its weights.

    The panels follow the walk and carry its numbers: inputs x, weights w, products w·x and their sum to z;
    the activation curve with the point (z, a) and the tangent of slope f'(z); the loss; the terms
    delta_k w_jk that come back from downstream; delta = dL/da f'(z); the gradient dL/dw = delta x; and what
    the optimizer makes of it.  Signed quantities are blue below zero and red above, on scales centred on
    zero.  Where the neuron does not look at an image, bars of the largest terms take the place of the images.

    Args:
        trace: a NeuronTrace, such as `net.trace(x, y)[1][5]`, or any object with its attributes.
        fig: a Figure or SubFigure to draw in, best 1200 pixels wide; a new one if left out.
        title: instead of the usual one.

    Returns:
        The Figure.

    Raises:
        NeurosimError: if the trace lacks an attribute.
        ShapeError: if its arrays do not fit together.

    Example:
        >>> fig = neuron_story(net.trace(x, y)[1][5])
        >>> viz.save(fig, "neuron.png")
    """
    fig, _, _ = draw_story(trace, fig, title, HEIGHT)
    return fig


def draw_story(trace: Any, fig: AnyFigure | None, title: str | None, height: float) -> tuple[AnyFigure, Page, Facts]:
    """Draw the story at the top of a page of `height` inches; return figure, cells and numbers."""
    facts = Facts.of(trace)
    fig = new_figure(fig, height=height)
    if isinstance(fig, Figure):
        fig.set_layout_engine("none")  # every place is fixed: the frames of a film must not move
    page = Page(fig, height)
    page.heading(title or _title(facts), _subtitle())
    _draw_terms(page, facts)
    _draw_sum(page, page.cell(0, 3, (2,), "weighted sum z"), facts)
    _draw_activation(page, page.cell(1, 0, (3, 7), "activation, slope"), facts)
    _draw_output(page, page.cell(1, 1, (4, 5), "output and loss"), facts)
    _draw_downstream(page, page.cell(1, 2, (6,), "from downstream"), facts)
    _draw_delta(page, page.cell(1, 3, (8,), "delta"), facts)
    _draw_gradient(page, page.cell(2, 0, (9,), "gradient dL/dw"), facts)
    _draw_change(page, page.cell(2, 1, (10,), "change of weights"), facts)
    _draw_outcome(page, page.cell(2, 2, (11,), "before and after", span=2), facts)
    page.fit()
    return fig, page, facts


def _title(facts: Facts) -> str:
    sample = "one sample" if facts.sample is None else f"sample {facts.sample}"
    return f"Neuron {facts.index} of layer {facts.layer} ({facts.key}): what it does with {sample}"


def _subtitle() -> str:
    return (
        "follow the numbers, those of the walk: forward 1–4, backward 5–9, update 10–11; "
        "red: above zero, blue: below zero, each scale centred on zero"
    )


def _draw_terms(page: Page, facts: Facts) -> None:
    """Draw inputs, weights and their products: images, or bars of the largest terms."""
    n = facts.inputs.size
    cells = [
        page.cell(0, 0, (1,), "inputs x"),
        page.cell(0, 1, (2,), "weights w"),
        page.cell(0, 2, (2,), "products w·x"),
    ]
    total = float(np.sum(facts.products))
    lit = int(np.count_nonzero(facts.inputs))
    page.caption(cells[0], 0, f"{n} input{'s' if n > 1 else ''}, {lit} not zero" if lit < n else counted(n, "input"))
    page.caption(cells[1], 0, f"{span(facts.weights)}")
    page.caption(cells[2], 0, f"sum {short(total)}")
    arrays = (facts.inputs, facts.weights, facts.products)
    if facts.input_shape is not None:
        page.caption(cells[0], 1, f"{span(facts.inputs)}")
        page.caption(cells[1], 1, "what it looks for")
        page.caption(cells[2], 1, "what it finds here")
        for cell, values in zip(cells, arrays, strict=True):
            draw_image(page, cell, values, facts.input_shape, ink=values is facts.inputs)
    else:
        top = largest(facts.products)
        rest = n - len(top)
        shown = f"{len(top)} largest products" if rest else "sorted by product"
        page.caption(cells[0], 1, f"of the {shown}" if rest else shown)
        page.caption(cells[1], 1, "in the same order")
        page.caption(cells[2], 1, f"{shown}" if rest else "largest first")
        others = f"{rest} others" if rest > 1 else "1 other"
        for cell, values in zip(cells, arrays, strict=True):
            names = [str(i) for i in top]
            numbers = list(values[top])
            if rest:
                names.append(others if values is facts.products else "")
                numbers.append(total - float(values[top].sum()) if values is facts.products else np.nan)
            draw_bars(page, cell, names, numbers, sign=values is not facts.inputs or bool((values < 0).any()))
    for cell, text in zip(cells, "×=Σ", strict=True):
        page.sign(cell, text, stage=2)


def _draw_sum(page: Page, cell: Cell, facts: Facts) -> None:
    """Draw the number line: positive terms, negative terms and the bias, end to end, up to z."""
    products = facts.products
    up, down = float(products[products > 0].sum()), float(products[products < 0].sum())
    total = float(products.sum())
    page.caption(cell, 0, f"Σ w·x + b = {short(total)} {plus(facts.bias)}")
    page.caption(cell, 1, f"z = {short(facts.z)}", color=INK_COLOUR)
    steps = [
        ("positive terms", 0.0, up),
        ("negative terms", up, down),
        ("bias b", up + down, facts.bias),
        ("z", 0.0, facts.z),
    ]
    ax = page.axes(cell, (0.08, 0.26, 0.08, 0.0))
    ends = np.array([0.0, up, up + down, facts.z])
    ends = ends[np.isfinite(ends)]
    low, high = float(ends.min()), float(ends.max())
    pad = 0.06 * (high - low) or 1.0
    for y, (name, start, length) in enumerate(steps):
        last = name == "z"
        colour = INK_COLOUR if last else POSITIVE if length >= 0 else NEGATIVE
        if np.isfinite(start + length):
            ax.barh(y + 0.22, length, left=start, height=0.26 if not last else 0.12, color=colour)
            if y:
                ax.plot([start, start], [y - 0.78, y + 0.22], color="#8c8c8c", linewidth=0.7, linestyle=":")
            if last:
                ax.plot(length, y + 0.22, "o", color=INK_COLOUR, markersize=5)
        paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
        row: dict[str, Any] = {
            "transform": ax.get_yaxis_transform(),
            "fontsize": 7.0,
            "va": "center_baseline",
            "bbox": paper,
        }
        ax.text(0.0, y - 0.17, name, **row)
        ax.text(1.0, y - 0.17, short(length) if last else signed_short(length), ha="right", **row)
    ax.axvline(0, color="#8c8c8c", linewidth=0.8, zorder=0.5)
    ax.set_xlim(low - pad, high + pad)
    ax.set_ylim(3.6, -0.4)
    ax.set_yticks([])
    ax.grid(False)
    ax.spines["left"].set_visible(False)
    few_ticks(ax)


def _draw_activation(page: Page, cell: Cell, facts: Facts) -> None:
    """Draw f around z with the point (z, a), and the tangent there."""
    call = facts.key if len(facts.key) <= 8 else "f"
    page.caption(cell, 0, f"a = {call}({short(facts.z)}) = {probability(facts.a)}", color=INK_COLOUR)
    name = "f'(z)" if facts.elementwise else "da/dz"
    page.caption(cell, 1, f"slope {name} = {short(facts.da_dz)}", stage=6, color=ACCENT)
    ax = page.axes(cell, (0.36, 0.38, 0.1, 0.1))
    known = bool(np.isfinite([facts.z, facts.a, facts.da_dz]).all())
    centre = facts.middle if not facts.elementwise and known else 0.0
    reach = 4.0
    low, high = centre - reach, centre + reach
    if known:
        low, high = min(low, facts.z - reach / 3), max(high, facts.z + reach / 3)
        margin = 0.12 * (high - low)
        low, high = min(low, facts.z - margin), max(high, facts.z + margin)
    z = np.linspace(low, high, 601)
    f = facts.curve(z)
    if f.shape != z.shape:
        raise ShapeError(f"trace.activation: expected a function of each element; {z.shape} became {f.shape}.")
    ax.axhline(0, color="#b0b0b0", linewidth=0.7, zorder=1)
    ax.axvline(0, color="#b0b0b0", linewidth=0.7, zorder=1)
    ax.plot(z, f, color=PALETTE[0], linewidth=1.7)
    bottom, top = float(np.nanmin(f)), float(np.nanmax(f))
    pad = 0.1 * (top - bottom) or 1.0
    ax.set_xlim(low, high)
    ax.set_ylim(bottom - pad, top + pad)
    if known:
        ax.plot([facts.z, facts.z], [0, facts.a], color="#8c8c8c", linewidth=0.8, linestyle=":", zorder=1.5)
        half = 0.2 * (high - low)
        ends = np.array([facts.z - half, facts.z + half])
        (tangent,) = ax.plot(
            ends,
            facts.a + facts.da_dz * (ends - facts.z),
            color=ACCENT,
            linewidth=1.6,
            linestyle=(0, (4, 1.5)),
            zorder=3,
            gid="tangent",
        )
        page.keep(cell, 6, tangent)
        ax.plot(facts.z, facts.a, "o", color=INK_COLOUR, markersize=5.5, zorder=4, gid="point")
    few_ticks(ax, y=True)
    ax.set_xlabel("z", fontsize=7.5, labelpad=1)
    beside(ax, "a", (0, 1), (-3, 1), "axes fraction", fontsize=7.5, ha="right", va="bottom")


def _draw_output(page: Page, cell: Cell, facts: Facts) -> None:
    """Write what the network made of the sample."""
    page.caption(cell, 0, "the whole network's answer")
    right = facts.label is not None and facts.label == facts.prediction
    verdict = "no label" if facts.label is None else "right" if right else "wrong"
    page.line(cell, 0.05, [(0, "prediction", "left"), (1, str(facts.prediction), "right")])
    page.line(cell, 0.27, [(0, "label", "left"), (1, "none" if facts.label is None else str(facts.label), "right")])
    colour = INK_COLOUR if facts.label is None else PALETTE[2] if right else ACCENT
    page.line(cell, 0.49, [(0, "so it is", "left"), (1, verdict, "right")], color=colour)
    page.line(cell, 0.85, [(0, "loss L", "left"), (1, short(facts.loss), "right")], fontweight="bold")
    page.line(cell, 1.17, [(0, "of this one sample;\nthe way back starts here", "left")], size=7.5, color=MUTED)


def _draw_downstream(page: Page, cell: Cell, facts: Facts) -> None:
    """Draw the terms delta_k w_jk by neuron k; for an output neuron say where delta comes from."""
    if facts.is_output:
        page.caption(cell, 0, "an output neuron: the last stop")
        page.line(cell, 0.05, [(0, "Its delta comes from the loss:", "left")])
        if facts.target is not None:
            page.line(cell, 0.35, [(0, "a", "left"), (1, probability(facts.a), "right")])
            own = f"{facts.index} {'is' if facts.target else 'is not'} the label"
            known = facts.label is not None and (facts.target == 1.0) == (facts.label == facts.index)
            page.line(cell, 0.55, [(0, f"y ({own})" if known else "y", "left"), (1, short(facts.target), "right")])
            page.line(cell, 0.83, [(0, "δ = a − y", "left"), (1, short(facts.delta), "right")], fontweight="bold")
        else:
            page.line(cell, 0.35, [(0, "dL/da", "left"), (1, short(facts.dL_da), "right")])
            page.line(cell, 0.63, [(0, "δ = dL/dz", "left"), (1, short(facts.delta), "right")], fontweight="bold")
        return
    terms = facts.downstream_products
    k = len(terms)
    page.caption(cell, 0, f"dL/da = Σ δₖ·wⱼₖ = {short(facts.dL_da)}", color=INK_COLOUR)
    page.caption(cell, 1, f"over {counted(k, 'neuron')} k of layer {facts.layer + 1}")
    if k <= ROWS + 2:
        draw_bars(page, cell, [f"k = {neuron}" for neuron in facts.downstream_neurons], terms)
    else:
        top = largest(terms)
        rest = k - len(top)
        names = [f"k = {facts.downstream_neurons[i]}" for i in top] + [f"{rest} others"]
        draw_bars(page, cell, names, [*terms[top], float(terms.sum() - terms[top].sum())])


def _draw_delta(page: Page, cell: Cell, facts: Facts) -> None:
    """Write delta = dL/da f'(z) with its numbers, and what it means."""
    page.caption(cell, 0, "δ = dL/dz: how z moves L")
    rows: list[tuple[str, str]]
    if facts.target is not None:
        rows = [("a", probability(facts.a)), ("− y", short(facts.target)), ("= δ", short(facts.delta))]
    elif facts.elementwise:
        rows = [("dL/da", short(facts.dL_da)), ("× f'(z)", short(facts.da_dz)), ("= δ", short(facts.delta))]
    else:  # softmax: every output depends on every z
        rows = [("all dL/da, through", ""), ("the whole softmax", ""), ("= δ", short(facts.delta))]
    for i, (name, value) in enumerate(rows):
        last: dict[str, Any] = {"fontweight": "bold"} if i == 2 else {}
        page.line(cell, 0.05 + 0.22 * i + 0.04 * (i == 2), [(0, name, "left"), (1, value, "right")], **last)
    if facts.delta == 0:
        words = "Nothing comes back: this sample\nteaches it nothing."
        if facts.da_dz == 0:
            words = "The slope is zero: nothing gets\nthrough, no weight hears of it."
    elif facts.delta > 0:
        words = "A smaller z would lower\nthe loss."
    elif facts.delta < 0:
        words = "A larger z would lower\nthe loss."
    else:
        words = "Not a number: the run\nhas diverged."
    page.line(cell, 1.0, [(0, words, "left")], size=7.5, color=MUTED)


def _draw_gradient(page: Page, cell: Cell, facts: Facts) -> None:
    """Draw dL/dw of every weight."""
    page.caption(cell, 0, "dL/dw = δ·x + penalty" if facts.penalized else "dL/dw = δ·x, dL/db = δ", color=INK_COLOUR)
    page.caption(cell, 1, span(facts.dL_dW))
    _weights_picture(page, cell, facts, facts.dL_dW, "Every gradient is zero.")


def _draw_change(page: Page, cell: Cell, facts: Facts) -> None:
    """Draw by how much each weight changes."""
    change = facts.weights_after - facts.weights
    page.caption(cell, 0, f"{facts.optimizer}, learning rate {short(facts.learning_rate)}")
    page.caption(cell, 1, f"{int(np.count_nonzero(change))} of {change.size} weights move")
    _weights_picture(page, cell, facts, change, "No weight moves.")


def _weights_picture(page: Page, cell: Cell, facts: Facts, values: np.ndarray, nothing: str) -> None:
    """Draw one number a weight: as an image, as bars of the largest, or in words where all are zero."""
    if not np.any(values):
        page.line(cell, 0.5, [(0.5, nothing, "center")], color=MUTED)
    elif facts.input_shape is not None:
        draw_image(page, cell, values, facts.input_shape)
    else:
        top = largest(values)
        rest = values.size - len(top)
        if rest:
            page.line(cell, 1.43, [(0, f"the {len(top)} largest of {values.size}", "left")], size=7.0, color=MUTED)
        draw_bars(page, cell, [str(i) for i in top], values[top], foot=0.22 if rest else 0.06)


def _draw_outcome(page: Page, cell: Cell, facts: Facts) -> None:
    """Write the largest changes, the bias and the loss, before and after."""
    change = facts.weights_after - facts.weights
    top = [i for i in largest(change, 3) if change[i] != 0]
    page.caption(cell, 0, "the weights that move most, the bias, and the loss of this sample")
    columns = ("", "before", "after", "change")
    page.line(cell, 0.0, _columns(columns), color=MUTED)
    rows = [(f"w of {facts.input_name(i)}", facts.weights[i], facts.weights_after[i]) for i in top]
    rows.append(("bias b", facts.bias, facts.bias_after))
    rows.append(("loss L", facts.loss, facts.loss_after))
    for i, (name, before, after) in enumerate(rows):
        last: dict[str, Any] = {"fontweight": "bold"} if name.startswith("loss") else {}
        texts = short_pair(before, after)
        page.line(cell, 0.2 + 0.19 * i, _columns((name, *texts, signed_short(after - before))), **last)
    words = loss_words(facts)
    unasked = int(np.count_nonzero((change != 0) & (facts.dL_dW == 0)))
    if unasked:
        words += f"\n{counted(unasked, 'weight')} with zero gradient moved: momentum or decay does that."
    page.line(cell, 0.2 + 0.19 * len(rows) + 0.08, [(0, words, "left")], size=7.5, color=MUTED)


def _columns(texts: Sequence[str]) -> list[tuple[float, str, str]]:
    return list(zip((0.0, 0.54, 0.78, 1.0), texts, ("left", "right", "right", "right"), strict=True))


def largest(values: np.ndarray, count: int = ROWS) -> np.ndarray:
    """Return the places of the largest sizes, largest first."""
    return np.argsort(-np.abs(np.nan_to_num(values)), kind="stable")[:count]
