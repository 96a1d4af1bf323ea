"""Predictions of several networks for the same images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from neurosim.errors import ShapeError
from neurosim.parameters import Array
from neurosim.text import cut

from .colours import FAINT, INK_COLOUR, MUTED, PALETTE
from .images import mosaic, show_ink
from .samples import as_images, names_of_classes
from .style import WIDTH, beside, heading, new_axes, styled


@styled
def readings_below(
    images: Array,
    captions: Sequence[str],
    answers: Mapping[str, Sequence[int]],
    label: int,
    class_names: Sequence[str] | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw images side by side, and below each image the predictions of several networks; wrong ones are bold.

    Args:
        images: shape (n, height, width), or (n, height, width, 3) in colour; uint8, or floats in 0..1.
        captions: a line above each image.
        answers: network -> the class that it predicts for each image, from 0; -1 for none.
        label: the true class of all images.
        class_names: a name for each class; its number if left out.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.

    Returns:
        The Axes, which hold one image.

    Raises:
        ShapeError: if there are no images, or if an image has no caption or no answer.
    """
    images = as_images(images)
    n, height, width = images.shape[:3]
    classes = names_of_classes(class_names, max(label, *(max(each) for each in answers.values())) + 1)
    if not n or any(len(each) != n for each in (captions, *answers.values())):
        counts = ", ".join(str(len(each)) for each in answers.values())
        raise ShapeError(
            f"answers: expected one answer and one caption per image, received {n} images, {len(captions)} "
            f"captions and {counts} answers"
        )
    gap = max(1, round(width / 10))
    names = [cut(name, 24) for name in answers]
    margin = 0.25 + 0.075 * max(map(len, names), default=0)  # inches
    cell = min(1.0, (WIDTH - margin) / n)
    line = 0.2 / cell * (width + gap)  # of the axes, a line of text
    ax = new_axes(ax, width=WIDTH, height=0.9 + cell * height / width + 0.2 * (len(answers) + 1))
    show_ink(ax, mosaic(images, n, gap), images)
    ax.set(xlim=(-0.5, n * (width + gap) - 0.5), ylim=(height + line * len(answers), -line))
    for i, caption in enumerate(captions):
        middle = i * (width + gap) + (width - 1) / 2
        frame: dict[str, Any] = {"fill": False, "edgecolor": FAINT, "linewidth": 0.6}
        ax.add_patch(Rectangle((i * (width + gap) - 0.5, -0.5), width, height, **frame))
        ax.text(middle, -0.4 * line, caption, fontsize=7.5, color=MUTED, ha="center", va="center")
        for row, given in enumerate(answers.values()):
            wrong, said = given[i] != label, classes[given[i]] if given[i] >= 0 else "-"
            look: dict[str, Any] = {
                "color": PALETTE[1] if wrong else INK_COLOUR,
                "fontweight": "bold" if wrong else "normal",
            }
            text = cut(said, max(1, int(14 * cell)))
            ax.text(middle, height + (row + 0.5) * line, text, fontsize=8.5, ha="center", va="center", **look)
    for row, name in enumerate(names):
        beside(ax, name, (-1, height + (row + 0.5) * line), (-6, 0), ha="right", va="center", fontsize=8.5)
    told = f"true class: {classes[label]}; bold: misread"
    heading(ax, title or "What each network reads in each image", told)
    return ax
