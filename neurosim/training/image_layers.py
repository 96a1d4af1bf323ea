"""The layers of images that a setting asks for: "8x5,pool2,16x5,pool2" as layers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..activations import ACTIVATIONS
from ..errors import NeurosimError, ShapeError
from ..layers import AveragePool2D, BatchNorm, Conv2D, Flatten, Layer, MaxPool2D
from ..parameters import Shape

GRAMMAR = (
    "FILTERSxKERNEL (8x5), poolSIZE or avgpoolSIZE (pool2), in order; 8x5same: zeros around the image, 8x5s2 or "
    "pool3s2: a stride of 2"
)
NUMBER = "([1-9][0-9]{0,5})"
CONVOLUTION = re.compile(rf"{NUMBER}x{NUMBER}(?:s{NUMBER})?(same)?")
POOLING = re.compile(rf"(pool|avgpool){NUMBER}(?:s{NUMBER})?")


def read_conv(name: str, value: Any) -> tuple[str, ...]:
    """The layers of images one by one, each as it is written; "none" has none.

    Raises:
        NeurosimError: one of them is none.
    """
    if isinstance(value, str):
        value = [] if value.strip() in ("none", "") else value.split(",")
    try:
        layers = tuple(each.strip().lower() for each in value)
        wrong = [each for each in layers if not (CONVOLUTION.fullmatch(each) or POOLING.fullmatch(each))]
    except (AttributeError, TypeError):
        layers, wrong = (), [value]
    if wrong:
        raise NeurosimError(f"{name}: expected {GRAMMAR}; received {wrong[0]!r}, e.g. 8x5,pool2,16x5,pool2 (or none)")
    return layers


def image_layers(
    conv: Sequence[str], shape: Shape, activation: str, initializer: str | None, batch_norm: bool
) -> list[Layer]:
    """New layers of images, and a `Flatten` after them; none where none are asked for.

    Args:
        conv: each as it is written.
        shape: of a sample.
        activation: of the convolutions.
        initializer: of their kernels; None: by the activation.
        batch_norm: whether batch normalization stands between each convolution and its activation.

    Raises:
        NeurosimError: the samples are no images, or no pixels are left.
    """
    if conv and len(shape) not in (2, 3):
        size = " x ".join(map(str, shape))
        raise NeurosimError(
            f"conv: expected images, height x width or height x width x channels, received samples of {size} numbers; "
            "leave it out for these data"
        )
    made: list[Layer] = []
    left: list[tuple[str, str]] = []  # each layer, and the sides of what it leaves
    start = shape
    for text in conv:
        layers = _layers_of(text, activation, initializer, batch_norm)
        try:
            shape = layers[0].output_shape(shape)
        except ShapeError:
            raise NeurosimError(_too_small(text, shape, left, conv, start)) from None
        left.append((text, _sides(shape)))
        made += layers
    return [*made, Flatten()] if made else []


def _layers_of(text: str, activation: str, initializer: str | None, batch_norm: bool) -> list[Layer]:
    if found := CONVOLUTION.fullmatch(text):
        filters, kernel_size, stride, same = found.groups()
        size, padding = (int(filters), int(kernel_size)), same or "valid"
        if not batch_norm:
            return [Conv2D(*size, activation, int(stride or 1), padding, initializer)]
        # the kernels are initialized for the activation that BatchNorm applies behind them
        initializer = initializer or ACTIVATIONS.create(activation).initializer
        return [
            Conv2D(*size, "linear", int(stride or 1), padding, initializer, use_bias=False),
            BatchNorm(activation),
        ]
    found = POOLING.fullmatch(text)
    assert found is not None
    kind, pooled, stride = found.groups()
    layer = MaxPool2D if kind == "pool" else AveragePool2D
    return [layer(int(pooled), int(stride) if stride else None)]


def _too_small(text: str, shape: Shape, left: Sequence[tuple[str, str]], conv: Sequence[str], start: Shape) -> str:
    """What to say where a layer does not fit into what those before it leave: all sizes, layer by layer."""
    steps = "".join(f"{each} leaves {sides}, " for each, sides in left) + ("and " if left else "")
    other = f", or {text}same, which puts zeros around" if CONVOLUTION.fullmatch(text) else ""
    return (
        f"conv: expected layers that images of {_sides(start)} pixels are large enough for, received {','.join(conv)}: "
        f"{steps}{text} does not fit into {_sides(shape)}; take smaller kernels or less pooling{other}"
    )


def _sides(shape: Shape) -> str:
    return f"{shape[0]} x {shape[1]}"
