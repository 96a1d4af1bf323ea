"""Pieces of HTML for notebooks: small tables, a neuron's weights as a picture, a pair of curves.

Each function returns a piece that works alone: styles are inline, pictures are in the text, and there is no script.
Colours of text and lines come from the notebook, so the pieces can be read in its light and in its dark theme.
"""

from __future__ import annotations

import base64
import html
import math
import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .parameters import Array
from .text import four_digits, visible

RULE = "1px solid rgba(128,128,128,0.45)"
CELL = f"padding:2px 10px;border:0;border-bottom:{RULE};background:transparent;color:inherit"
LINE_COLOURS = ("#3b8fd9", "#e07b39")  # training, validation: readable on white and on black
SHEET = 24  # the largest number of weight images of a layer
POINTS = 200  # the largest number of points of a curve

# ColorBrewer's RdBu, reversed: blue below zero, white at zero, red above
DIVERGING = np.array(
    [
        (5, 48, 97),
        (33, 102, 172),
        (67, 147, 195),
        (146, 197, 222),
        (209, 229, 240),
        (247, 247, 247),
        (253, 219, 199),
        (244, 165, 130),
        (214, 96, 77),
        (178, 24, 43),
        (103, 0, 31),
    ],
    np.float64,
)
UNKNOWN = (128, 128, 128)  # NaN
SHADES = 31  # of each colour: enough to look smooth, and few enough to keep pictures of noisy weights small


# --- pictures ------------------------------------------------------------------------------------------------------


def png(pixels: Array) -> bytes:
    """Return an image as a PNG file.

    Args:
        pixels: (height, width, 3) uint8, red, green, blue.

    Reference: ISO/IEC 15948, Portable Network Graphics: signature, and the chunks IHDR, IDAT, IEND.
    """
    height, width, _ = pixels.shape

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, colour, no interlacing
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # each row begins with its filter: none
    rows[:, 1:] = pixels.reshape(height, 3 * width)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows.tobytes(), 9))
        + chunk(b"IEND", b"")
    )


def diverging(values: Array, limit: float | None = None) -> Array:
    """Return signed numbers as colours: blue below zero, white at zero, red above, grey for NaN.

    Args:
        values: any shape.
        limit: the size with the full colour, the same on both sides; ``None``: the largest size.

    Returns:
        uint8, shape (*values.shape, 3).
    """
    values = np.asarray(values, np.float64)
    finite = np.isfinite(values)
    if limit is None:
        limit = float(np.abs(values[finite]).max(initial=0.0))
    place = np.clip(np.where(finite, values, 0.0) / (limit or 1.0), -1.0, 1.0)
    place = np.round(place * SHADES) / SHADES
    anchors = np.linspace(-1.0, 1.0, len(DIVERGING))
    colours = np.stack([np.interp(place, anchors, DIVERGING[:, k]) for k in range(3)], axis=-1)
    colours[~finite] = UNKNOWN
    return np.round(colours).astype(np.uint8)


def weight_image(weights: Array, shape: tuple[int, int], width: int = 140) -> str:
    """Return the weights (height x width,) of one neuron as an ``<img>``, `width` pixels wide, with a scale below."""
    limit = _largest(weights)
    colours = diverging(np.asarray(weights).reshape(shape))
    return (
        f'<div style="display:inline-block;vertical-align:top;text-align:center;font-size:85%">'
        f"{_img(colours, width, 'weights as an image')}<br>"
        f"{small(f'blue {four_digits(-limit)} · white 0 · red {four_digits(limit, sign=True)}')}</div>"
    )


def weight_sheet(W: Array, shape: tuple[int, int]) -> str:
    """Return the weights of the first neurons of W (…, n) as images side by side, all on one scale."""
    W = W.reshape(-1, W.shape[-1])
    count = min(W.shape[1], SHEET)
    across = min(count, 12)
    down = math.ceil(count / across)
    height, width = shape
    limit = _largest(W)
    sheet = np.full((down * (height + 1) - 1, across * (width + 1) - 1, 3), UNKNOWN, np.uint8)
    for j in range(count):
        top, left = j // across * (height + 1), j % across * (width + 1)
        sheet[top : top + height, left : left + width] = diverging(W[:, j].reshape(shape), limit)
    which = f"neuron{'s' if count > 1 else ''} 0{f' to {count - 1}' if count > 1 else ''} of {W.shape[1]}"
    caption = f"weights of {which}: blue {four_digits(-limit)} · white 0 · red {four_digits(limit, sign=True)}"
    return f'<div style="margin-top:6px">{_img(sheet, min(56 * across, 640), caption)}<br>{small(caption)}</div>'


def _img(pixels: Array, width: int, alt: str) -> str:
    """Return pixels (height, width, 3) as an ``<img>`` with the PNG in it."""
    data = base64.b64encode(png(pixels)).decode()
    return (
        f'<img src="data:image/png;base64,{data}" alt="{escape(alt)}" style="width:{width}px;height:auto;'
        f'image-rendering:pixelated;border:{RULE};margin:2px;display:inline-block">'
    )


def _largest(values: Array) -> float:
    """Return the largest finite |value|, 0 if there is none."""
    values = np.asarray(values)
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


# --- text ----------------------------------------------------------------------------------------------------------


def escape(text: str) -> str:
    """Return text from outside without tags, and with escapes for invisible characters."""
    return html.escape(visible(text))


def small(text: str) -> str:
    """Return text in small print."""
    return f'<span style="font-size:85%;opacity:0.75">{escape(text)}</span>'


def title(text: str) -> str:
    """Return a heading."""
    return f'<div style="font-weight:bold;margin-bottom:4px">{escape(text)}</div>'


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], left: int = 1) -> str:
    """Return a table of escaped texts; the first `left` columns are aligned left, the others right."""

    def cells(row: Sequence[Any], tag: str, weight: str) -> str:
        return "".join(
            f'<{tag} style="{CELL};text-align:{"left" if k < left else "right"};font-weight:{weight}">'
            f"{escape(str(cell))}</{tag}>"
            for k, cell in enumerate(row)
        )

    lines = [f"<tr>{cells(head, 'th', 'bold')}</tr>"] if any(head) else []
    lines += [f'<tr style="background:transparent">{cells(row, "td", "normal")}</tr>' for row in rows]
    return (
        f'<table style="border-collapse:collapse;border:0;border-top:{RULE};margin:0 12px 4px 0;'
        f'display:inline-table;vertical-align:top;font-size:90%">{"".join(lines)}</table>'
    )


def block(*parts: str) -> str:
    """Return pieces one below the other."""
    return f'<div style="line-height:1.45">{"".join(parts)}</div>'


def shape_of(array: Array) -> str:
    """Return the shape of an array as text: ``784 × 128``."""
    return " × ".join(f"{side:,}" for side in array.shape)


def spread(array: Array) -> tuple[str, str, str]:
    """Return the smallest number of an array, its mean and its largest number, as text."""
    return four_digits(array.min()), four_digits(array.mean(dtype=np.float64)), four_digits(array.max())


def largest_weights(weights: Array, count: int = 6) -> str:
    """Return a table of the weights with the largest size."""
    order = np.argsort(-np.abs(weights), kind="stable")[:count]
    head = "from neuron (all)" if len(weights) <= count else f"from neuron (largest {count})"
    return table((head, "weight"), [(int(i), four_digits(weights[i], sign=True)) for i in order])


def figure(name: str, value: float | None) -> str:
    """Return a figure of an epoch as text."""
    if value is None:
        return ""
    return f"{value:.0f}" if name == "epoch" else f"{value:.2%}" if "accuracy" in name else four_digits(value)


def curves(name: str, training: Sequence[float], validation: Sequence[float]) -> str:
    """Return an inline SVG of a figure by epoch: one curve of the training data, one of the validation data."""
    width, height = 260, 90
    lines = [
        (text, colour, values)
        for (text, values), colour in zip(
            (("training", training), ("validation", validation)), LINE_COLOURS, strict=True
        )
        if any(math.isfinite(value) for value in values)
    ]
    if not lines:
        return ""
    known = [value for _, _, values in lines for value in values if math.isfinite(value)]
    low, high = min(known), max(known)
    left, top, bottom = 52, 20, height - 6
    last = max(len(training) - 1, 1)

    def point(epoch: int, value: float) -> str:
        share = (value - low) / (high - low) if high > low else 0.5
        return f"{left + epoch / last * (width - left - 8):.1f},{bottom - share * (bottom - top - 6):.1f}"

    step = math.ceil(len(training) / POINTS)
    drawn, legend = "", ""
    for text, colour, values in lines:
        epochs = sorted({*range(0, len(values), step), len(values) - 1})
        points = [point(epoch, values[epoch]) for epoch in epochs if math.isfinite(values[epoch])]
        dash = ' stroke-dasharray="5 3"' if text == "validation" else ""
        drawn += (
            f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="1.8"{dash}/>'
            f'<circle cx="{points[-1].split(",")[0]}" cy="{points[-1].split(",")[1]}" r="2.5" fill="{colour}"/>'
        )
        legend += f'<tspan fill="{colour}" dx="8">{text}</tspan>'
    highest, lowest = figure(name, high), figure(name, low)
    label = 'fill="currentColor" font-size="10"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img" '
        f'style="margin-right:14px;color:inherit" font-family="sans-serif">'
        f'<text x="2" y="12" fill="currentColor" font-size="11" font-weight="bold">{escape(name)}'
        f'<tspan font-weight="normal" font-size="10">{legend}</tspan></text>'
        f'<text x="{left - 6}" y="{top + 10}" {label} text-anchor="end">{highest}</text>'
        f'<text x="{left - 6}" y="{bottom}" {label} text-anchor="end">{lowest}</text>'
        f'<line x1="{left}" y1="{top}" x2="{left}" y2="{bottom + 2}" stroke="currentColor" opacity="0.4"/>'
        f"{drawn}</svg>"
    )
