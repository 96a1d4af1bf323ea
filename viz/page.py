"""A page of framed cells: the places of axes and text in inches, and the stage that draws each of them.

Text that would leave its cell gets a smaller font.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from matplotlib.textpath import text_to_path
from matplotlib.ticker import MaxNLocator

from neurosim.text import cut, short, signed_short, visible

from .colours import AXIS, FAINT, INK_COLOUR, MUTED, PALETTE, RULE
from .style import DIVERGING, INK, NAME, WIDTH, AnyFigure, Drawable, beside

POSITIVE, NEGATIVE = DIVERGING(0.86), DIVERGING(0.14)
ACCENT = PALETTE[1]
MARGIN, GAP, ROW_GAP = 0.1, 0.2, 0.12
CELL_WIDTH = (WIDTH - 2 * MARGIN - 3 * GAP) / 4
CELL_HEIGHT = 2.2
HEAD = 0.58
"""The part of a cell's height, in inches, for the header and its two lines of numbers."""
NAMES_SHARE = 0.5
"""The largest share of a cell's width for the names of bars."""
SMALLEST = 5.0
"""The smallest font size in points that can be read."""
TOP, FOOT = 0.62, 0.26
HEIGHT = TOP + 3 * CELL_HEIGHT + 2 * ROW_GAP + FOOT
Box = tuple[float, float, float, float]
"""Left, bottom, width and height, in inches from the lower left corner."""


@dataclass
class Cell:
    """One panel: its frame and header, the stages that fill it, and the drawings of each stage."""

    box: Box
    stages: tuple[int, ...]
    frame: Rectangle
    header: Text
    drawn: dict[int, list[Artist]] = field(default_factory=dict)

    def show(self, stage: int) -> None:
        """Show the cell as it is at a stage (from 1): hide later drawings, and frame the cell of the stage."""
        for number, artists in self.drawn.items():
            for artist in artists:
                artist.set_visible(number <= stage)
        now, later = stage in self.stages, stage < min(self.stages)
        self.header.set_color(RULE if later else ACCENT if now else INK_COLOUR)
        self.frame.set(edgecolor=ACCENT if now else FAINT, linewidth=2.4 if now else 0.8)


class Page:
    """A figure of any size with axes and text placed by inches; it remembers which stage drew them."""

    def __init__(self, fig: AnyFigure, height: float) -> None:
        self.fig = fig
        self.height = height
        self.cells: list[Cell] = []
        self.to_fit: list[tuple[Text, float]] = []

    def heading(self, title: str, subtitle: str) -> None:
        """Write the title of the page, and below it a grey line that explains how to read it."""
        room = WIDTH - 2 * MARGIN
        self._text(MARGIN, self.height - 0.1, title, room, 11.5).set(fontweight="bold", va="top")
        self._text(MARGIN, self.height - 0.35, subtitle, room, 8.5).set(color=MUTED, va="top")

    def cell(self, row: int, column: int, stages: Sequence[int], title: str, span: int = 1) -> Cell:
        """Draw the frame and the header of a cell."""
        left = MARGIN + column * (CELL_WIDTH + GAP)
        bottom = self.height - TOP - (row + 1) * CELL_HEIGHT - row * ROW_GAP
        box = (left, bottom, span * CELL_WIDTH + (span - 1) * GAP, CELL_HEIGHT)
        x, y, w, h = self._fractions(box)
        place = self.fig.transSubfigure
        frame = Rectangle((x, y), w, h, transform=place, facecolor="none", edgecolor=FAINT, linewidth=0.8, zorder=-1)
        self.fig.add_artist(frame)
        numbers = ", ".join(map(str, stages))
        header = self._text(left + 0.07, bottom + CELL_HEIGHT - 0.06, f"{numbers}  {title}", box[2] - 0.12, 8.5)
        header.set(fontweight="bold", va="top")
        cell = Cell(box, tuple(stages), frame, header)
        self.cells.append(cell)
        return cell

    def caption(self, cell: Cell, line: int, text: str, stage: int | None = None, color: str = MUTED) -> None:
        """Write line 0 or 1 of the numbers under the header."""
        left, bottom, width, height = cell.box
        top = bottom + height - 0.25 - 0.15 * line
        artist = self._text(left + 0.07, top, text, width - 0.12, 7.5)
        artist.set(color=color, va="top")
        self.keep(cell, stage, artist)

    def axes(self, cell: Cell, inset: Box, stage: int | None = None) -> Axes:
        """Return axes in the body of a cell; `inset` is the left, bottom, right and top margin in inches."""
        left, bottom, width, height = cell.box
        west, south, east, north = inset
        box = (left + west, bottom + south, width - west - east, height - HEAD - south - north)
        ax = self.fig.add_axes(self._fractions(box))
        self.keep(cell, stage, ax)
        return ax

    def line(
        self,
        cell: Cell,
        down: float,
        columns: Iterable[tuple[float, str, str]],
        size: float = 8.0,
        **look: Any,
    ) -> None:
        """Write a line of a card, `down` inches below the head.

        Columns: (x in fractions of the cell, text, alignment).
        """
        left, bottom, width, height = cell.box
        columns = [column for column in columns if column[1]]
        for x, text, side in columns:
            share = {1: 0.98, 2: 0.62}.get(len(columns), 0.36 if x == 0 else 0.21)
            room = (width - 0.14) * share
            place = left + 0.07 + x * (width - 0.14)
            artist = self._text(place, bottom + height - HEAD - down, text, room, size)
            artist.set(ha=side, va="top", **look)
            self.keep(cell, None, artist)

    def sign(self, cell: Cell, text: str, stage: int) -> None:
        """Write a sign in the gap to the right of a cell."""
        left, bottom, width, height = cell.box
        artist = self._text(left + width + GAP / 2, bottom + height / 2, text, GAP, 11)
        artist.set(ha="center", va="center", color=MUTED)
        self.keep(cell, stage, artist)

    def fit(self) -> None:
        """Make text smaller that is wider than its place; shorten text that would become too small to read."""
        scale = self.fig.bbox.width / WIDTH  # pixels per inch of the design
        for text, room in self.to_fit:
            for _ in range(3):  # widths go in steps, as letters sit on pixels
                wide = text.get_window_extent().width
                if wide > room * scale:
                    text.set_fontsize(max(SMALLEST, float(text.get_fontsize()) * room * scale / wide * 0.99))
            while text.get_window_extent().width > room * scale and len(text.get_text()) > 2:
                text.set_text(f"{text.get_text()[:-2].rstrip()}\u2026")

    def _text(self, x: float, y: float, text: str, room: float, size: float) -> Text:
        left, bottom, _, _ = self._fractions((x, y, 0, 0))
        place = self.fig.transSubfigure
        artist = self.fig.text(left, bottom, Drawable()(text), fontsize=size, transform=place, in_layout=False)
        self.to_fit.append((artist, room))
        return artist

    def _fractions(self, box: Box) -> Box:
        left, bottom, width, height = box
        return left / WIDTH, bottom / self.height, width / WIDTH, height / self.height

    def keep(self, cell: Cell, stage: int | None, artist: Artist) -> None:
        cell.drawn.setdefault(min(cell.stages) if stage is None else stage, []).append(artist)


def largest_size(values: np.ndarray) -> float:
    """Return the largest size among the finite values, or 1 if all are zero."""
    sizes = np.abs(values[np.isfinite(values)])
    return float(sizes.max(initial=0.0)) or 1.0


def draw_image(
    page: Page, cell: Cell, picture: np.ndarray, *, ink: bool = False, half: int | None = None, scale: bool = True
) -> Axes:
    """Draw numbers (height, width) as an image, with its scale below.

    Args:
        page: the page of the cell.
        cell: where to draw.
        picture: the numbers; NaN in the gaps between them.
        ink: whether to draw ink on paper, if no number is below zero.
        half: 0 or 1, to draw only in the left or the right half of the cell.
        scale: whether to draw the scale.

    Returns:
        The Axes, which hold one image.
    """
    rows, columns = picture.shape
    whole, height = cell.box[2] - 0.2, CELL_HEIGHT - HEAD - 0.4
    width, start = (whole, 0.1) if half is None else (whole / 2 - 0.04, 0.1 + half * (whole / 2 + 0.04))
    ratio = float(np.clip(columns / rows, 0.08, 12.0))  # thin strips get some thickness
    wide, high = min(width, height * ratio), min(height, width / ratio)
    left, above = start + (width - wide) / 2, (height - high) / 2
    ax = page.axes(cell, (left, 0.36 + above, cell.box[2] - left - wide, 0.04 + above))
    limit = largest_size(picture)
    low, high_value = (0.0, max(1.0, float(np.nanmax(picture, initial=0.0)))) if ink else (-limit, limit)
    if ink and np.nanmin(picture, initial=0.0) < 0:  # standardized inputs have a sign
        ink, low, high_value = False, -limit, limit
    ax.set_facecolor(FAINT)
    drawn = ax.imshow(
        picture,
        cmap=INK if ink else DIVERGING,
        vmin=low,
        vmax=high_value,
        interpolation="nearest",
        aspect="auto",
    )
    ax.grid(False)
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set(visible=True, color=FAINT)
    if not scale:
        return ax
    inset = 0.26 if half is None else 0.18
    place = (start + inset, 0.24, cell.box[2] - start - width + inset, CELL_HEIGHT - HEAD - 0.31)
    strip = page.axes(cell, place)
    ax.figure.colorbar(drawn, cax=strip, orientation="horizontal")
    strip.set_xticks([low, high_value] if ink else [low, 0, high_value])
    strip.set_xticklabels([short(tick, 2) for tick in strip.get_xticks()])
    if half is not None and not ink:  # no room for three numbers
        strip.set_xticks([0], labels=[f"\u00b1{short(high_value, 2)}"])
    strip.tick_params(labelsize=7 if half is None else 6, length=2, pad=1.5)
    strip.grid(False)
    for spine in strip.spines.values():
        spine.set_visible(False)
    return ax


def draw_bars(
    page: Page,
    cell: Cell,
    names: Sequence[str],
    values: Sequence[float] | np.ndarray,
    *,
    foot: float = 0.06,
    sign: bool = True,
    least: int = 6,
) -> Axes:
    """Draw one bar per row, from zero at the centre, with its name at the left and its number at the right.

    Args:
        page: the page of the cell.
        cell: where to draw.
        names: the names of the rows, from the top.
        values: the values of the bars; NaN leaves a row empty.
        foot: inches left free below.
        sign: False for quantities without a sign: grey bars from the left.
        least: the smallest number of rows to leave room for.

    Returns:
        The Axes; row i stands at y = i.
    """
    numbers = np.asarray(values, dtype=float)
    rows = max(len(numbers), least)
    size = 7.0 if rows <= 10 else 6.0
    written = [(signed_short(value) if sign else short(value)) if np.isfinite(value) else "" for value in numbers]
    letter = 0.0092 * size  # inches
    names, name_size, room = fitting(names, size, NAMES_SHARE * cell.box[2] - 0.15)
    left = 0.15 + room
    right = 0.12 + letter * max(map(len, written), default=0)
    ax = page.axes(cell, (left, foot, right, 0.0))
    where = np.arange(len(numbers))
    limit = largest_size(numbers)
    known = np.isfinite(numbers)
    colours = [(PALETTE[7] if not sign else POSITIVE) if value >= 0 else NEGATIVE for value in numbers[known]]
    ax.barh(where[known], numbers[known], height=0.68, color=colours)
    ax.axvline(0, color=AXIS, linewidth=0.8)
    ax.set_xlim(-1.04 * limit if sign else 0.0, 1.04 * limit)
    ax.set_ylim(rows - 0.4, -0.6)
    ax.set_yticks(where, labels=names, fontsize=name_size)
    ax.set_xticks([])
    ax.tick_params(length=0, pad=3)
    ax.grid(False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    for y, text in enumerate(written):
        if text:
            beside(ax, text, (1, y), (3, 0), ax.get_yaxis_transform(), fontsize=size, va="center_baseline")
    return ax


def fitting(names: Sequence[str], size: float, room: float) -> tuple[list[str], float, float]:
    """Return names made smaller or shortened to fit into `room` inches, their font size, and their width in inches."""
    names = [cut(" ".join(visible(name).split()), NAME) for name in names]  # on one line
    wide = max(map(_width, names), default=0.0)
    size = float(np.clip(room / max(wide, 1e-9), SMALLEST, size))
    shortened = []
    for name in names:
        text = name
        while _width(text) * size > room and len(text) > 2:
            text = f"{text[:-2].rstrip()}\u2026"
        shortened.append(text)
    return shortened, size, size * max(map(_width, shortened), default=0.0)


@cache
def _width(text: str) -> float:
    """Return the width of a text in inches per point of its font size."""
    return float(text_to_path.get_text_width_height_descent(text, FontProperties(size=72), False)[0]) / 72**2


def few_ticks(ax: Axes, y: bool = False) -> None:
    """Write at most four short numbers along the axis, or both axes."""
    for axis in (ax.xaxis, ax.yaxis) if y else (ax.xaxis,):
        axis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(lambda value, _: short(value, 2))
    ax.tick_params(labelsize=7, length=2.5, pad=2)
