"""One style for every picture: colours, markers, fonts, layout and saving.

The colours are those of Okabe and Ito (2008), which colour-blind readers can tell apart.  A grey replaces their yellow,
which is too faint on white.  Variants differ in more than colour: each has its own marker and, from the ninth on,
another dash.  So a figure can be read in black and white.

This module does not use pyplot and leaves no setting behind.  Figures are plain `matplotlib.figure.Figure` objects, the
style is applied only while a function of `viz` draws, and no window opens.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from io import BytesIO
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import imsave
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Annotation, Text
from matplotlib.ticker import Formatter, FuncFormatter, NullFormatter

from neurosim.checks import check_number
from neurosim.errors import NeurosimError
from neurosim.files.atomic import atomic_file
from neurosim.network import Network
from neurosim.parameters import Array
from neurosim.registry import Configurable
from neurosim.text import cut, plain, visible

from .colours import AXIS, GRID, INK_COLOUR, MUTED, SHARES

WIDTH = 8.0
"""Width of a figure, in inches: 1200 pixels at `DPI`."""
DPI = 150

DIVERGING: Colormap = matplotlib.colormaps["RdBu_r"].resampled(63)
"""Signed quantities: blue below zero, white at zero, red above.

In greyscale the size can be read, the sign cannot.  63 shades look smooth, and keep the files of noisy weights
small."""
INK = "Greys"
"""Images of handwriting: black ink on white paper."""
SHARE: Colormap = LinearSegmentedColormap.from_list("share", SHARES)
"""Shares and counts: from white to dark orange, with falling lightness."""

RIM: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.5}
"""A thin rim that separates crowded markers."""

RC: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "text.color": INK_COLOUR,
    "text.parse_math": False,  # a dollar sign in the name of a file or a class is not a formula
    "figure.dpi": DPI,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": AXIS,
    "axes.linewidth": 0.8,
    "axes.labelcolor": INK_COLOUR,
    "axes.labelsize": 9.0,
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": AXIS,
    "ytick.color": AXIS,
    "xtick.labelcolor": INK_COLOUR,
    "ytick.labelcolor": INK_COLOUR,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.minor.pad": 5.0,  # so that labels of minor ticks have the height of the others
    "ytick.minor.pad": 5.0,
    "lines.linewidth": 1.6,
    "lines.markersize": 5.0,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "image.interpolation": "nearest",
}

NAME, TITLE, SENTENCE = 40, 80, 130
"""The largest number of characters per line of names, titles and sentences from outside."""
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
HAIR = "\u200a"  # a space before a name that begins with "_": matplotlib leaves such names out of legends

P = ParamSpec("P")
T = TypeVar("T")
AnyFigure = Figure | SubFigure
Point = tuple[float, float]


class Drawable:
    """A function that makes text from outside drawable: control characters are visible, and long text is cut.

    Names stay different: if two names are cut to the same text, the second one gets a number.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def name(self, text: str) -> str:
        """Return a name of a variant, a class or a feature, cut and different from all other names."""
        short, k = self._cut(text, NAME), 1
        while self._names.setdefault(short, text) != text:
            k += 1
            short = f"{self._cut(text, NAME - 4)} {k}"
        return f"{HAIR}{short}" if short.startswith("_") else short

    def _cut(self, text: str, longest: int) -> str:
        return cut(visible(text).replace("\t", " "), longest)

    def __call__(self, value: Any) -> Any:
        """Return an argument with drawable texts: a sentence, a list of names, a table, or a mapping with names."""
        if isinstance(value, str):
            return self._cut(value, SENTENCE)
        if isinstance(value, list | tuple) and any(isinstance(each, str) for each in value):
            return [self._name(each) for each in value]
        if isinstance(value, Mapping):
            return {self._name(key): self._name(each) for key, each in value.items()}
        if isinstance(value, pd.DataFrame):
            texts = [column for column in value if not pd.api.types.is_numeric_dtype(value[column])]
            return value.assign(**{column: self._column(value[column]) for column in texts}) if texts else value
        return value

    def _name(self, value: Any) -> Any:
        return self.name(value) if isinstance(value, str) else value

    def _column(self, column: pd.Series) -> pd.Series:
        """Return a column of a table with drawable names; it has few different texts, each in many rows."""
        names = {each: self.name(each) for each in dict.fromkeys(each for each in column if isinstance(each, str))}
        if all(name == each for each, name in names.items()):
            return column
        return column.map(self._name)


def styled(function: Callable[P, T]) -> Callable[P, T]:
    """Make a function draw in the style of this module, and make text from outside drawable.

    The user's own matplotlib settings are restored afterwards.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def decorated(*arguments: P.args, **named: P.kwargs) -> T:
        drawable = Drawable()
        try:
            bound = signature.bind(*arguments, **named)
        except TypeError:
            return function(*arguments, **named)  # raises the usual error
        for name, value in bound.arguments.items():
            if name != "path":
                bound.arguments[name] = drawable(value)
        with matplotlib.rc_context(cast(Any, RC)):
            try:
                return function(*bound.args, **bound.kwargs)
            except (TypeError, ValueError, AttributeError, IndexError) as error:
                if not isinstance(error, NeurosimError) and (
                    wrong := _of_wrong_type(signature, bound.arguments, function.__name__)
                ):
                    raise wrong from error
                raise

    return decorated


def _of_wrong_type(signature: inspect.Signature, given: Mapping[str, Any], called: str) -> NeurosimError | None:
    """Return the error for the first argument that cannot be drawn, such as a network; None if all could be."""
    for name, value in given.items():
        needed = signature.parameters[name].default is inspect.Parameter.empty
        if needed and (value is None or isinstance(value, Configurable | Network) or type(value) is object):
            received = "None" if value is None else f"an object of type {type(value).__name__}"
            return NeurosimError(f"{name}: expected what help(viz.{called}) describes, received {received}")
    return None


class Picture(Figure):
    """A figure that a notebook shows if it is the last line of a cell: `ax.figure`."""

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=100)
        return buffer.getvalue()


def new_figure(fig: AnyFigure | None = None, *, width: float = WIDTH, height: float = 4.5) -> AnyFigure:
    """Return `fig`, or a new figure that only the caller holds (pyplot does not manage it)."""
    if fig is None:
        layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06, wspace=0.03, hspace=0.03)
        return Picture(figsize=(width, height), dpi=DPI, layout=layout)
    if not isinstance(fig, (Figure, SubFigure)):
        raise NeurosimError(f"fig: expected a matplotlib Figure or SubFigure, received {type(fig).__name__}")
    return fig


def _no_formulas(ax: Axes) -> None:
    """Turn formulas off for the texts around axes of the user, except the texts that the user has drawn in them."""
    for text in ax.findobj(Text):
        if text not in ax.texts:
            text.set_parse_math(False)


def new_axes(ax: Axes | None = None, *, width: float = WIDTH, height: float = 4.5) -> Axes:
    """Return `ax`, or the axes of a new figure of this size in inches."""
    if ax is None:
        return new_figure(width=width, height=height).subplots()
    if not isinstance(ax, Axes):
        raise NeurosimError(
            f"ax: expected matplotlib Axes, received {type(ax).__name__}; pass one Axes, or leave it out"
        )
    _no_formulas(ax)
    return ax


def root_figure(target: Axes | AnyFigure) -> Figure:
    """Return the outermost figure that holds `target`."""
    figure: Any = target.figure if isinstance(target, Axes) else target
    while isinstance(figure, SubFigure):
        figure = figure.figure
    if not isinstance(figure, Figure):
        raise NeurosimError(f"expected an Axes or a Figure, received {type(target).__name__}")
    return figure


def axes_size(ax: Axes) -> tuple[float, float]:
    """Return width and height of the axes in points, after the layout has settled."""
    figure = root_figure(ax)
    figure.draw_without_rendering()
    box = ax.get_window_extent()
    return box.width * 72 / figure.dpi, box.height * 72 / figure.dpi


def depth_colours(count: int) -> list[Any]:
    """Return `count` colours from dark (first layer) to light (last), which also differ in greyscale."""
    return list(matplotlib.colormaps["viridis"](np.linspace(0.0, 0.85, max(count, 1))))


def text_on(colour: Any) -> str:
    """Return black or white, whichever reads better on a colour (red, green, blue, 0..1)."""
    return "white" if np.dot(colour[:3], (0.299, 0.587, 0.114)) < 0.5 else "black"


class _EndsFormatter(Formatter):
    """A formatter that labels the first and the last minor tick, if fewer than two major ticks are in view."""

    APART = 0.12
    """The least distance of a label from that of a major tick, as a share of the axis."""

    def __call__(self, value: float, pos: int | None = None) -> str:
        return plain(value)

    def format_ticks(self, values: Any) -> list[str]:
        axis: Any = self.axis
        low, high = np.sort(axis.get_view_interval()) * (1 - 1e-9, 1 + 1e-9)  # a tick at the edge is in view
        major = [value for value in axis.get_majorticklocs() if low <= value <= high]
        if low <= 0 or len(major) > 1:
            return [""] * len(values)
        gap = self.APART * np.log(high / low)
        free = [v for v in values if low <= v <= high and all(abs(np.log(v / each)) > gap for each in major)]
        ends = {min(free), max(free)} if free else set()
        return [plain(value) if value in ends else "" for value in values]


def plain_log(axis: Axis) -> None:
    """Write the numbers of a logarithmic axis in full: 0.01 and 10,000, not 10 to the -2.

    Powers of ten have labels.  If fewer than two are in view, the outermost minor ticks have labels too.
    """
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    axis.set_minor_formatter(_EndsFormatter())


def powers_log(axis: Axis) -> None:
    """Write the numbers of a logarithmic axis of many decades as powers of ten, in plain characters."""
    axis.set_major_formatter(FuncFormatter(_power))
    axis.set_minor_formatter(NullFormatter())


def _power(value: float, _: object) -> str:
    exponent = round(np.log10(value)) if value > 0 else 0
    return f"10{str(exponent).translate(RAISED)}" if np.isclose(value, 10.0**exponent, atol=0) else ""


def heading(ax: Axes, title: str, subtitle: str = "", free: float = 0.0) -> None:
    """Write a title at the left, and below it a grey line that explains how to read the picture.

    The first `free` points above the axes stay empty.
    """
    lines = subtitle.count("\n") + 1 if subtitle else 0
    ax.set_title(cut(title, TITLE), loc="left", pad=free + 8 + 12 * lines)
    if subtitle:
        beside(
            ax,
            cut(subtitle, SENTENCE),
            (0, 1),
            (0, free + 6),
            "axes fraction",
            color=MUTED,
            va="bottom",
            linespacing=1.15,
        ).set_in_layout(
            False  # the title keeps the height for it
        )


def beside(ax: Axes, text: str, point: Point, offset: Point, where: Any = "data", **look: Any) -> Annotation:
    """Write `text` at `offset` (points) from `point` (in coordinates `where`), also outside the axes."""
    look = {"fontsize": 8.5, "annotation_clip": False} | look
    return ax.annotate(text, point, offset, xycoords=where, textcoords="offset points", **look)


def figure_heading(fig: AnyFigure, title: str, subtitle: str = "") -> None:
    """Write the title of a figure of several panels, with a grey second line."""
    extra = "\n" * (subtitle.count("\n") + 1) if subtitle else ""
    text = fig.suptitle(cut(title, TITLE) + extra, x=0.01, ha="left", fontsize=11.5, fontweight="bold")
    if subtitle:  # follows the title when the layout moves it
        look: dict[str, Any] = {"fontsize": 8.5, "color": MUTED, "va": "bottom", "in_layout": False}
        line = Annotation(cut(subtitle, SENTENCE), (0, 0), (0, 2), xycoords=text, textcoords="offset points", **look)
        fig.add_artist(line)


def save(target: Axes | AnyFigure, path: str | os.PathLike[str], note: str = "", *, dpi: float = DPI) -> Path:
    """Write a figure as a PNG file, completely or not at all, and leave the figure unchanged.

    No one ever sees half a file, and if writing fails, the old picture stays.

    Args:
        target: a Figure, or any Axes in it.
        path: the file to write; ends in `.png`; missing folders are made.
        note: a small line at the foot, e.g. "data: built-in digits, NOT MNIST".
        dpi: pixels per inch, 10 to 1200; at 150 the usual 8 inches are 1200 pixels wide.

    Returns:
        The path written.

    Raises:
        NeurosimError: if the name does not end in `.png`, `dpi` lies outside 10 to 1200, or the file cannot be
            written.
    """
    if not isinstance(path, str | os.PathLike):
        raise NeurosimError(f"path: expected a file name, received {type(path).__name__}")
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise NeurosimError(f"path: expected a name that ends in .png, received {path.name!r}")
    dpi = check_number("dpi", dpi, 10, 1200)
    figure = root_figure(target)
    with noted(figure, note):
        pixels = _pixels(figure, dpi)
    with atomic_file(path) as file:
        imsave(file, pixels, format="png", dpi=dpi)
    return path


def _pixels(figure: Figure, dpi: float) -> Array:
    """Return the drawn figure, shape (height, width, 3), uint8.

    Each channel keeps its six upper bits: the difference cannot be seen, and the file is a third smaller.
    """
    raw = BytesIO()
    figure.savefig(raw, format="rgba", dpi=dpi)
    pixels = np.frombuffer(raw.getbuffer(), np.uint8).reshape(-1, int(figure.get_figwidth() * dpi), 4)[..., :3]
    return np.minimum((pixels.astype(np.uint16) + 2) // 4 * 4, 255).astype(np.uint8)


@contextmanager
def noted(figure: Figure, note: str) -> Iterator[None]:
    """Within this context, a figure has `note` at its foot in an empty strip; "": no note."""
    if not note:
        yield
        return
    width, height = figure.get_size_inches()
    strip = 0.2 / height
    place = 1 - 0.08 / width, 0.06 / height
    look: dict[str, Any] = {"ha": "right", "va": "bottom", "fontsize": 7, "color": MUTED, "in_layout": False}
    text = figure.text(*place, Drawable()(note), parse_math=False, **look)
    engine: Any = figure.get_layout_engine()
    before = engine.get().get("rect") if engine is not None else None
    if before is not None:
        left, bottom, right, top = before
        engine.set(rect=(left, bottom + strip, right, top - strip))
    try:
        yield
    finally:
        text.remove()
        if before is not None:
            engine.set(rect=before)
