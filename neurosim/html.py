"""What notebooks show: small HTML tables, a neuron's weights as a picture, training as a pair of curves.

Each function returns a piece of HTML that stands alone: styles are inline, pictures are in the text, there is no
script.  Colours of text and lines come from the notebook, so that both its light and its dark theme can be read.
"""

from __future__ import annotations

import base64
import html
import math
import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .layers import BatchNorm, Dense, Dropout, Input, Layer
from .parameters import Array
from .report import image_shape

if TYPE_CHECKING:
    from .history import History
    from .network import Network
    from .neuron import Neuron

RULE = "1px solid rgba(128,128,128,0.45)"
CELL = f"padding:2px 10px;border:0;border-bottom:{RULE};background:transparent;color:inherit"
LINE_COLOURS = ("#3b8fd9", "#e07b39")  # training, validation: readable on white and on black
SHEET = 24  # weight images shown of a layer, at most
POINTS = 200  # of a curve, at most

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
SHADES = 31  # of each colour: they look smooth, and keep pictures of noisy weights small


# --- pictures ------------------------------------------------------------------------------------------------------


def png(pixels: Array) -> bytes:
    """An image as a PNG file.

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
    """Signed numbers as colours: blue below zero, white at zero, red above, grey for NaN.

    Args:
        values: any shape.
        limit: the size that gets the full colour, the same on both sides; ``None``: the largest size there is.

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
    """The weights (height x width,) of one neuron as an ``<img>``, `width` pixels wide, with a scale below."""
    limit = _largest(weights)
    colours = diverging(np.asarray(weights).reshape(shape))
    return (
        f'<div style="display:inline-block;vertical-align:top;text-align:center;font-size:85%">'
        f"{_img(colours, width, 'weights as an image')}<br>"
        f"{_small(f'blue {_number(-limit)} · white 0 · red {_number(limit, sign=True)}')}</div>"
    )


def _sheet(W: Array, shape: tuple[int, int]) -> str:
    """The first neurons of W (n_in, n) side by side, all in one scale."""
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
    caption = f"weights of {which}: blue {_number(-limit)} · white 0 · red {_number(limit, sign=True)}"
    return f'<div style="margin-top:6px">{_img(sheet, min(56 * across, 640), caption)}<br>{_small(caption)}</div>'


def _img(pixels: Array, width: int, alt: str) -> str:
    """Pixels (height, width, 3) as an ``<img>`` with the PNG in it."""
    data = base64.b64encode(png(pixels)).decode()
    return (
        f'<img src="data:image/png;base64,{data}" alt="{html.escape(alt)}" style="width:{width}px;height:auto;'
        f'image-rendering:pixelated;border:{RULE};margin:2px;display:inline-block">'
    )


def _largest(values: Array) -> float:
    """The largest finite |value|, 0 for none."""
    values = np.asarray(values)
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


def _seen_shape(layer: Layer) -> tuple[int, int] | None:
    """The shape of the image that a layer looks at, if it looks at the input and that can be seen as an image."""
    below = layer.previous
    while isinstance(below, Dropout):
        below = below.previous
    return image_shape(below.size) if isinstance(below, Input) and isinstance(layer, Dense) else None


# --- text ----------------------------------------------------------------------------------------------------------


def _number(value: Any, sign: bool = False) -> str:
    """A number to four digits; a true minus sign."""
    text = format(float(value), "+.4g" if sign else ".4g")
    return text.replace("-", "\u2212")


def _small(text: str) -> str:
    return f'<span style="font-size:85%;opacity:0.75">{html.escape(text)}</span>'


def _title(text: str) -> str:
    return f'<div style="font-weight:bold;margin-bottom:4px">{html.escape(text)}</div>'


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]], left: int = 1) -> str:
    """A table of texts, which are escaped; the first `left` columns begin on the left, the others end on the right."""

    def cells(row: Sequence[Any], tag: str, weight: str) -> str:
        return "".join(
            f'<{tag} style="{CELL};text-align:{"left" if k < left else "right"};font-weight:{weight}">'
            f"{html.escape(str(cell))}</{tag}>"
            for k, cell in enumerate(row)
        )

    lines = [f"<tr>{cells(head, 'th', 'bold')}</tr>"] if any(head) else []
    lines += [f'<tr style="background:transparent">{cells(row, "td", "normal")}</tr>' for row in rows]
    return (
        f'<table style="border-collapse:collapse;border:0;border-top:{RULE};margin:0 12px 4px 0;'
        f'display:inline-table;vertical-align:top;font-size:90%">{"".join(lines)}</table>'
    )


def _block(*parts: str) -> str:
    return f'<div style="line-height:1.45">{"".join(parts)}</div>'


# --- the five ------------------------------------------------------------------------------------------------------


def network_html(network: Network) -> str:
    """A network: its layers, their activations, shapes and parameters."""
    rows = [
        (layer.index, type(layer).__name__, _what(layer), f"(B, {layer.n_out:,})", f"{layer.parameter_count:,}")
        for layer in network.layers
    ]
    widths = " → ".join(f"{layer.n_out:,}" for layer in network.layers if not isinstance(layer, (Dropout, BatchNorm)))
    total = (
        f"{network.parameters.size:,} parameters, {network.dtype} "
        f"({network.parameters.theta.nbytes / 1024:,.0f} KiB) · loss {network.loss.key} · "
        f"optimizer {network.optimizer!r}"
    )
    return _block(
        _title(f"Network {widths}"),
        _table(("", "Layer", "", "Output", "Parameters"), rows, left=3),
        f"<div>{_small(total)}</div>",
    )


def _what(layer: Layer) -> str:
    """What a layer does, in a word or two."""
    if isinstance(layer, Input):
        return " × ".join(f"{side}" for side in layer.size) if isinstance(layer.size, tuple) else ""
    if isinstance(layer, Dropout):
        return f"rate {layer.rate:g}"
    activation = getattr(layer, "activation", None)
    changed = _interventions(layer)
    note = f", {len(changed)} neuron{'s' if len(changed) > 1 else ''} changed" if changed else ""
    return ("" if activation is None else activation.key) + note


def _interventions(layer: Layer) -> list[str]:
    """What is done to single neurons of a layer, a text a neuron."""
    if not getattr(layer, "interventions", None):
        return []
    return [f"neuron {neuron.index}: {', '.join(neuron.interventions)}" for neuron in layer if neuron.interventions]


def layer_html(layer: Layer) -> str:
    """A layer: its parameters, its last batch, and the weight images of its first neurons."""
    place = f"Layer {layer.index}: " if layer.index >= 0 else ""
    parts = [_title(f"{place}{layer!r}")]
    parameters = [(name, view) for name, view in getattr(layer, "views", {}).items() if view.size]
    if parameters:
        parts.append(
            _table(
                ("", "Shape", "Smallest", "Mean", "Largest", "Norm"),
                [(name, _shape(view), *_spread(view), _number(np.linalg.norm(view))) for name, view in parameters],
            )
        )
    if layer.batch_size:
        names = ("a",) if isinstance(layer, Input) else ("z", "a", "delta")
        rows = [(name, _shape(getattr(layer, name)), *_spread(getattr(layer, name))) for name in names]
        parts.append(_table(("last batch", "Shape", "Smallest", "Mean", "Largest"), rows))
    if len(parts) == 1:
        parts.append(_small("no parameters, and no batch so far"))
    changed = _interventions(layer)
    parts += [f"<div>{_small(text)}</div>" for text in changed[:5]]
    if len(changed) > 5:
        parts.append(f"<div>{_small(f'and {len(changed) - 5} more')}</div>")
    shape = _seen_shape(layer) if layer.index >= 0 else None
    if shape is not None:
        parts.append(_sheet(layer.views["W"], shape))
    return _block(*parts)


def _shape(array: Array) -> str:
    return " × ".join(f"{side:,}" for side in array.shape)


def _spread(array: Array) -> tuple[str, str, str]:
    return _number(array.min()), _number(array.mean(dtype=np.float64)), _number(array.max())


def neuron_html(neuron: Neuron) -> str:
    """A neuron: weights, bias, activation and its last batch; its weights as an image, or the largest of them."""
    layer = neuron.layer
    rows: list[tuple[str, str]] = []
    picture = ""
    activation = getattr(layer, "activation", None)
    if activation is not None:
        rows.append(("activation", neuron.activation.key))
    if "W" in layer.views:
        weights = neuron.weights
        rows += [
            ("weights", f"{weights.size:,}, from {_number(weights.min())} to {_number(weights.max())}"),
            ("their norm", _number(np.linalg.norm(weights))),
        ]
        shape = _seen_shape(layer)
        picture = _largest_weights(weights) if shape is None else weight_image(weights, shape)
    rows += [(name, _number(layer.views[name][neuron.index])) for name in ("b", "gamma", "beta") if name in layer.views]
    if layer.batch_size:
        rows += [
            ("last batch", f"{layer.batch_size:,} sample{'s' if layer.batch_size > 1 else ''}"),
            ("mean z", _number(neuron.z.mean(dtype=np.float64))),
            ("mean a", _number(neuron.a.mean(dtype=np.float64))),
        ]
        if not isinstance(layer, Input):
            rows.append(("mean |delta|", _number(np.abs(neuron.delta).mean(dtype=np.float64))))
    rows += [("changed", what) for what in neuron.interventions]
    return _block(_title(f"Neuron {neuron.index} of layer {layer.index}, {layer!r}"), _table(("", ""), rows), picture)


def _largest_weights(weights: Array, count: int = 6) -> str:
    """A table of the weights of the largest size."""
    order = np.argsort(-np.abs(weights), kind="stable")[:count]
    head = "from neuron (all)" if len(weights) <= count else f"from neuron (largest {count})"
    return _table((head, "weight"), [(int(i), _number(weights[i], sign=True)) for i in order])


def trace_html(trace: Any) -> str:
    """A trace: the sample, what the network made of it, and the neuron where the loss would change most.

    Args:
        trace: with attributes loss, label, prediction and probabilities; where it has loss_after, ``interesting()``
            and ``trace[l][j]``, they are shown too.
    """
    probabilities = np.asarray(trace.probabilities).ravel()
    right = trace.label == trace.prediction
    classes = [("label", trace.label), ("prediction", f"{trace.prediction} ({'right' if right else 'wrong'})")]
    rows = [*(classes if trace.label is not None else ()), ("loss", _number(trace.loss))]
    if getattr(trace, "loss_after", None) is not None:
        rows.append(("loss after the update", _number(trace.loss_after)))
    order = np.argsort(-probabilities, kind="stable")[:5]
    parts = [
        _title("Trace of one sample"),
        _table(("", ""), rows),
        _table(
            ("class" if len(probabilities) > 1 else "output", "output a"),
            [(int(k), _number(probabilities[k])) for k in order],
        ),
    ]
    if hasattr(trace, "interesting") and any(isinstance(layer, Dense) for layer in trace.network):
        layer, j, why = trace.interesting()
        neuron = trace[layer][j]
        figures = [
            (name, _number(getattr(neuron, name)))
            for name in ("z", "a", "da_dz", "dL_da", "delta")
            if hasattr(neuron, name)
        ]
        parts += [_table((f"neuron {j} of layer {layer}", ""), figures), f"<div>{_small(why)}</div>"]
    return _block(*parts)


def history_html(history: History) -> str:
    """A history: curves of loss and accuracy, and the last five epochs."""
    count = len(history)
    title = _title(f"{count} epoch{'' if count == 1 else 's'}, {history.stopped}")
    message = f"<div>{_small(history.message)}</div>" if history.message else ""
    if not count:
        return _block(title, message)
    curves = "".join(_curves(history, name) for name in ("loss", "accuracy"))
    columns = history.columns
    rows = [[_figure(name, row.get(name)) for name in columns] for row in history.rows[-5:]]
    last = f"<div>{_small('the last 5 epochs')}</div>" if count > 5 else ""
    return _block(
        title, message, f"<div>{curves}</div>", last, _table([name.replace("_", " ") for name in columns], rows, left=0)
    )


def _figure(name: str, value: float | None) -> str:
    """A figure of an epoch as text."""
    if value is None:
        return ""
    return f"{value:.0f}" if name == "epoch" else f"{value:.2%}" if "accuracy" in name else _number(value)


def _curves(history: History, name: str, width: int = 260, height: int = 90) -> str:
    """An inline SVG of a figure of the training data and the same of the validation data, epoch by epoch."""
    lines = [
        (text, colour, values)
        for (text, values), colour in zip(
            (("training", history[name]), ("validation", history[f"val_{name}"])), LINE_COLOURS, strict=True
        )
        if any(math.isfinite(value) for value in values)
    ]
    if not lines:
        return ""
    known = [value for _, _, values in lines for value in values if math.isfinite(value)]
    low, high = min(known), max(known)
    left, top, bottom = 52, 20, height - 6
    last = max(len(history) - 1, 1)

    def point(epoch: int, value: float) -> str:
        share = (value - low) / (high - low) if high > low else 0.5
        return f"{left + epoch / last * (width - left - 8):.1f},{bottom - share * (bottom - top - 6):.1f}"

    step = math.ceil(len(history) / POINTS)
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
    highest, lowest = _figure(name, high), _figure(name, low)
    label = 'fill="currentColor" font-size="10"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img" '
        f'style="margin-right:14px;color:inherit" font-family="sans-serif">'
        f'<text x="2" y="12" fill="currentColor" font-size="11" font-weight="bold">{name}'
        f'<tspan font-weight="normal" font-size="10">{legend}</tspan></text>'
        f'<text x="{left - 6}" y="{top + 10}" {label} text-anchor="end">{highest}</text>'
        f'<text x="{left - 6}" y="{bottom}" {label} text-anchor="end">{lowest}</text>'
        f'<line x1="{left}" y1="{top}" x2="{left}" y2="{bottom + 2}" stroke="currentColor" opacity="0.4"/>'
        f"{drawn}</svg>"
    )
