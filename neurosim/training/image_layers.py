"""The image layers of a setting: the text "8x5,pool2,16x5,pool2" becomes layers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..activations import ACTIVATIONS
from ..errors import NeurosimError, ShapeError
from ..layers import AveragePool2D, BatchNorm, Conv2D, Flatten, Layer, MaxPool2D
from ..parameters import Shape

GRAMMAR = (
    "FILTERSxKERNEL (8x5), poolSIZE or avgpoolSIZE (pool2), in order. 8x5same adds zeros around the image. 8x5s2 and "
    "pool3s2 have a stride of 2"
)
NUMBER = "([1-9][0-9]{0,5})"
CONVOLUTION = re.compile(rf"{NUMBER}x{NUMBER}(?:s{NUMBER})?(same)?")
POOLING = re.compile(rf"(pool|avgpool){NUMBER}(?:s{NUMBER})?")


def read_conv(name: str, value: Any) -> tuple[str, ...]:
    """Split a setting into the texts of its layers; "none" has no layers.

    Raises:
        NeurosimError: one of the texts is not an image layer.
    """
    if isinstance(value, str):
        value = [] if value.strip() in ("none", "") else value.split(",")
    try:
        layers = tuple(each.strip().lower() for each in value)
        wrong = [each for each in layers if not (CONVOLUTION.fullmatch(each) or POOLING.fullmatch(each))]
    except (AttributeError, TypeError):
        layers, wrong = (), [value]
    if wrong:
        raise NeurosimError(
            f"{name}: expected layers, e.g. 8x5,pool2,16x5,pool2, or none, received {wrong[0]!r}. Layers are {GRAMMAR}"
        )
    return layers


def image_layers(
    conv: Sequence[str], shape: Shape, activation: str, initializer: str | None, batch_norm: bool
) -> list[Layer]:
    """Make image layers, with a `Flatten` after them. An empty setting makes no layers.

    Args:
        conv: the text of each layer.
        shape: the shape of a sample.
        activation: the activation function of the convolutions.
        initializer: the initializer of their kernels; None: it depends on the activation.
        batch_norm: whether batch normalization comes between each convolution and its activation.

    Raises:
        NeurosimError: the samples are not images, or a layer does not fit into the layer below.
    """
    if conv and len(shape) not in (2, 3):
        size = " x ".join(map(str, shape))
        raise NeurosimError(
            f"conv: expected images, height x width or height x width x channels, received samples of {size} numbers. "
            "Leave out conv for these data"
        )
    made: list[Layer] = []
    left: list[tuple[str, str]] = []  # each layer, and height and width of its output
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
        # the kernels are initialized for the activation that BatchNorm applies after them
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
    """Return the message for a layer that is larger than its input, with all sizes, layer by layer."""
    steps = "".join(f"{each} leaves {sides}, " for each, sides in left) + ("and " if left else "")
    other = f", or {text}same, which adds zeros around the image" if CONVOLUTION.fullmatch(text) else ""
    return (
        f"conv: expected layers that fit into images of {_sides(start)} pixels, received {','.join(conv)}: "
        f"{steps}{text} does not fit into {_sides(shape)}. Use smaller kernels or less pooling{other}"
    )


def _sides(shape: Shape) -> str:
    return f"{shape[0]} x {shape[1]}"
