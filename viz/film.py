"""Films, as animated GIFs: the walk through one neuron, one frame per stage, and its weights over training."""

from __future__ import annotations

import os
from collections.abc import Sequence
from io import BytesIO
from math import ceil, isqrt
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from neurosim.errors import NeurosimError
from neurosim.files.atomic import atomic_file
from neurosim.text import typeset
from neurosim.walk import NeuronTrace, Stage
from neurosim.walk.figure_words import FIGURE
from neurosim.walk.formula import fill
from neurosim.walk.rows import in_figure

from .colours import MUTED
from .images import film_tiles, mosaic, show_weights
from .neuron import draw_story
from .page import ACCENT, HEIGHT, MARGIN
from .style import DPI, WIDTH, Drawable, beside, heading, new_axes, root_figure, styled

STRIP = 0.5
"""The height in inches of the strip at the foot for the text of the stage."""


@styled
def neuron_film(
    trace: NeuronTrace, path: str | os.PathLike[str], *, note: str = "", seconds_per_stage: float = 1.5
) -> Path:
    """Write the walk through one neuron as an animated GIF: the picture of `neuron_story`, filled step by step.

    Each stage of the walk is one frame.  The panels of the stage have a frame; those of later stages are still empty.
    A line at the foot explains the stage, with the numbers filled in.  The last frame stays twice as long; then the
    film begins again.  The file is written completely or not at all.

    Args:
        trace: a neuron in a trace, such as `net.trace(x, y)[1][5]`.
        path: the file to write; ends in `.gif`; missing folders are made.
        note: a small line at the foot, e.g. "data: built-in digits, NOT MNIST".
        seconds_per_stage: how long a frame stays, 0.02 to 60 seconds.

    Returns:
        The path written.

    Raises:
        NeurosimError: if the name does not end in `.gif`, the time is out of range, the trace is not a
            NeuronTrace, or the file cannot be written.

    Example:
        >>> neuron_film(net.trace(x, y)[1][5], "walk.gif")
    """
    path = gif_path(path, seconds_per_stage, "seconds_per_stage")
    frames = _frames(trace, note)
    return write_gif(frames, path, seconds_per_stage)


@styled
def weight_film(
    images: np.ndarray,
    steps: Sequence[float],
    path: str | os.PathLike[str],
    *,
    shape: tuple[int, int] = (28, 28),
    title: str | None = None,
    note: str = "",
    seconds_per_frame: float = 0.25,
) -> Path:
    """Write the weights of a neuron, or of several, over training as an animated GIF: `filmstrip` as a film.

    All frames share one colour scale centred on zero.  With several neurons, the number of each stands above its image.
    The last frame stays twice as long; then the film begins again.  The file is written completely or not at all.

    Args:
        images: the neuron's weights at each step, shape (n, height, width) or (n, height x width); for several neurons
            (n, neurons, height, width).
        steps: the step of each image, n numbers.
        path: the file to write; ends in `.gif`; missing folders are made.
        shape: height and width of the input image, for weights in rows.
        title: replaces the usual title.
        note: a small line at the foot, e.g. "data: built-in digits, NOT MNIST".
        seconds_per_frame: how long a frame stays, 0.02 to 60 seconds.

    Returns:
        The path written.

    Raises:
        NeurosimError: if the name does not end in `.gif`, the time is out of range, or the file cannot be
            written.
        ShapeError: if images, steps and shape do not fit together.
    """
    path = gif_path(path, seconds_per_frame, "seconds_per_frame")
    several = np.ndim(images) == 4
    side = 3.6  # inches
    places: list[tuple[int, int]] = []  # of the neurons' numbers
    if several:
        _, count, high, wide = np.shape(images)
        columns = -(-count // max(1, isqrt(count)))
        head = ceil(0.14 * columns * (wide + 1) / side)  # pixels for a line of small print
        places = [(j % columns * (wide + 1), j // columns * (head + high + 1) + head) for j in range(count)]
        images = np.stack([mosaic(each, columns, 1, head) for each in images])
    tiles = film_tiles(images, steps, shape)
    height, width = tiles.shape[1:]
    ax = new_axes(width=side + 1.0, height=side * height / width + 1.0)
    figure = root_figure(ax)
    picture = show_weights(ax, tiles[0], tiles)
    for j, (left, top) in enumerate(places):
        beside(ax, str(j), (left - 0.5, top - 0.5), (0, 1.5), fontsize=7, color=MUTED, va="bottom", in_layout=False)
    text = beside(ax, f"step {steps[-1]:g}", (0, 0), (0, -4), "axes fraction", fontsize=10, va="top")
    if note:
        beside(
            ax, note, (1, 0), (0, -6), "axes fraction", fontsize=7, color=MUTED, ha="right", va="top", in_layout=False
        )
    heading(
        ax,
        title or f"Weights of {'several neurons' if several else 'one neuron'}",
        "red excites, blue inhibits; one scale for all frames",
    )
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the frames of a film must not move
    frames = []
    for tile, step in zip(tiles, steps, strict=True):
        picture.set_data(tile)
        text.set_text(f"step {step:g}")
        frames.append(film_pixels(figure))
    return write_gif(frames, path, seconds_per_frame)


def gif_path(path: str | os.PathLike[str], seconds: float, name: str) -> Path:
    """Return the path of a film, after checking its name and the time of a frame."""
    path = Path(path)
    if path.suffix.lower() != ".gif":
        raise NeurosimError(f"path: expected a name that ends in .gif, received {path.name!r}")
    if not 0.02 <= seconds <= 60:
        raise NeurosimError(f"{name}: expected 0.02 to 60 seconds, received {seconds}")
    return path


def write_gif(frames: list[np.ndarray], path: Path, seconds: float) -> Path:
    """Write frames (height, width, 3), uint8, each shown for `seconds`, the last one twice as long."""
    from PIL import Image

    images = []
    indices, palette = _indexed(frames)
    for picture in indices:
        images.append(Image.fromarray(picture))
        images[-1].putpalette(palette.tobytes())
    first, *others = images
    milliseconds = [round(1000 * seconds)] * len(images)
    milliseconds[-1] *= 2
    with atomic_file(path) as file:
        first.save(file, "GIF", save_all=True, append_images=others, duration=milliseconds, loop=0, optimize=True)
    return path


def film_pixels(fig: Figure) -> np.ndarray:
    """Return the drawn figure, shape (height, width, 3), uint8."""
    raw = BytesIO()
    fig.savefig(raw, format="rgba", dpi=DPI)
    pixels = np.frombuffer(raw.getbuffer(), np.uint8)
    return pixels.reshape(-1, int(fig.get_figwidth() * DPI), 4)[..., :3].copy()


def _frames(trace: NeuronTrace, note: str) -> list[np.ndarray]:
    """Return the pixels of each stage, shape (height, width, 3), uint8."""
    _, page, stages = draw_story(trace, None, None, HEIGHT + STRIP)
    fig, height = root_figure(page.fig), HEIGHT + STRIP
    fig.text(1 - MARGIN / WIDTH, 0.05 / height, note, ha="right", va="bottom", fontsize=7, color=MUTED)
    name = fig.text(MARGIN / WIDTH, 0.55 / height, "", fontsize=10.5, fontweight="bold", color=ACCENT, va="center")
    line = fig.text(MARGIN / WIDTH, 0.32 / height, "", fontsize=10, va="center")
    steps = fig.text(1 - MARGIN / WIDTH, 0.55 / height, "", fontsize=9, ha="right", va="center", color=MUTED)
    frames = []
    for place, stage in enumerate(stages, start=1):
        for cell in page.cells:
            cell.show(place)
        name.set_text(f"{place}  {stage.title}")
        line.set_text(Drawable()(stage_caption(stage)))
        steps.set_text(fill(FIGURE["stage of"], {"stage": str(place), "count": str(len(stages))}))
        frames.append(film_pixels(fig))
    return frames


def stage_caption(stage: Stage) -> str:
    """Return the text of one stage, with the numbers filled in."""
    return typeset(stage.caption(in_figure))


def _indexed(frames: list[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the frames as indices into one palette, shape (256, 3), all uint8.

    The palette holds the most common colours, so that paper stays white.  A rarer colour becomes the nearest of them.
    Six bits per channel are enough to tell colours apart.
    """
    weights = np.array([1 << 12, 1 << 6, 1])
    codes = [(frame.astype(np.int64) >> 2) @ weights for frame in frames]  # (height, width)
    counts = np.sum([np.bincount(code.ravel(), minlength=1 << 18) for code in codes], axis=0)
    found = np.flatnonzero(counts)
    found = found[np.argsort(-counts[found], kind="stable")]
    channels = np.stack([found >> 12, found >> 6 & 63, found & 63], axis=1)  # (n, 3)
    palette = np.zeros((256, 3), np.uint8)
    chosen = channels[:256]
    palette[: len(chosen)] = np.round(chosen * 255 / 63)
    nearest = [int(np.argmin(((chosen - colour) ** 2).sum(axis=1))) for colour in channels]
    table = np.zeros(1 << 18, np.uint8)
    table[found] = nearest
    return [table[code] for code in codes], palette
