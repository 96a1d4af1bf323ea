"""The walk through one neuron as a film: an animated GIF, one frame a stage."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.errors import NeurosimError
from neurosim.files import atomic_file

from .neuron import draw_story
from .page import ACCENT, HEIGHT, MARGIN
from .style import DPI, MUTED, WIDTH, root_figure, styled
from .walk import STAGES, stage_caption

STRIP = 0.5
"""Inches at the foot for the line of the stage."""


@styled
def neuron_film(
    trace: Any, path: str | os.PathLike[str], *, note: str = "", seconds_per_stage: float = 1.5
) -> Path:
    """Write the walk through one neuron as an animated GIF: the picture of `neuron_story`, filling up.

    Each stage of the walk is one frame: its panels are framed, those of later stages are still empty, and
    a line at the foot says what happens, with the numbers plugged in.  The last frame stands twice as long;
    then the film begins again.  The file is written whole or not at all.

    Args:
        trace: a NeuronTrace, such as `net.trace(x, y)[1][5]`, or any object with its attributes.
        path: where to; ends in `.gif`; missing folders are made.
        note: a small line at the foot, e.g. "data: built-in digits, NOT MNIST".
        seconds_per_stage: how long a frame stands, 0.02 to 60 seconds.

    Returns:
        The path written.

    Raises:
        NeurosimError: if the name does not end in `.gif`, the time is out of range, the trace lacks an
            attribute, or the file cannot be written.
        ShapeError: if the trace's arrays do not fit together.

    Example:
        >>> neuron_film(net.trace(x, y)[1][5], "walk.gif")
    """
    path = Path(path)
    if path.suffix.lower() != ".gif":
        raise NeurosimError(f"path: expected a name that ends in .gif, received {path.name!r}.")
    if not 0.02 <= seconds_per_stage <= 60:
        raise NeurosimError(f"seconds_per_stage: expected 0.02 to 60 seconds, received {seconds_per_stage}.")
    frames = _frames(trace, note)
    from PIL import Image

    images = []
    indices, palette = _indexed(frames)
    for picture in indices:
        images.append(Image.fromarray(picture))
        images[-1].putpalette(palette.tobytes())
    first, *others = images
    milliseconds = [round(1000 * seconds_per_stage)] * len(images)
    milliseconds[-1] *= 2
    with atomic_file(path) as file:
        first.save(
            file, "GIF", save_all=True, append_images=others, duration=milliseconds, loop=0, optimize=True
        )
    return path


def _frames(trace: Any, note: str) -> list[np.ndarray]:
    """Return the pixels of each stage, shape (height, width, 3), uint8."""
    _, page, facts = draw_story(trace, None, None, HEIGHT + STRIP)
    fig, height = root_figure(page.fig), HEIGHT + STRIP
    fig.text(1 - MARGIN / WIDTH, 0.05 / height, note, ha="right", va="bottom", fontsize=7, color=MUTED)
    name = fig.text(
        MARGIN / WIDTH, 0.55 / height, "", fontsize=10.5, fontweight="bold", color=ACCENT, va="center"
    )
    line = fig.text(MARGIN / WIDTH, 0.32 / height, "", fontsize=10, va="center")
    steps = fig.text(1 - MARGIN / WIDTH, 0.55 / height, "", fontsize=9, ha="right", va="center", color=MUTED)
    frames = []
    for stage, title in enumerate(STAGES, start=1):
        for cell in page.cells:
            cell.show(stage)
        name.set_text(f"{stage}  {title}")
        line.set_text(stage_caption(facts, stage))
        steps.set_text(f"stage {stage} of {len(STAGES)}")
        raw = BytesIO()
        fig.savefig(raw, format="rgba", dpi=DPI)
        pixels = np.frombuffer(raw.getbuffer(), np.uint8)
        frames.append(pixels.reshape(-1, int(fig.get_figwidth() * DPI), 4)[..., :3].copy())
    return frames


def _indexed(frames: list[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the frames as indices into one palette, shape (256, 3), all uint8.

    It holds the commonest colours, so that paper stays white.  A rarer colour becomes the nearest of
    them.  Six bits a channel are enough to tell colours apart.
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
