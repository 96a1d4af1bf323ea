"""What layers make a network: one `Input`, first, and an output with an activation, last."""

from __future__ import annotations

from typing import Any

from ..errors import NeurosimError
from .base import LAYERS, Layer
from .input import Input


def checked_layers(layers: Any) -> list[Layer]:
    """The layers of a network to be, if one can be made of them.

    Raises:
        NeurosimError: it cannot.
    """
    if not isinstance(layers, (list, tuple)):
        raise NeurosimError(f"layers: expected a list of layers, received {layers!r}")
    shape: tuple[int, ...] = ()
    for k, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            raise NeurosimError(f"layers: expected {', '.join(_layer_names())}, received {layer!r}")
        if isinstance(layer, Input) != (k == 0):
            raise NeurosimError(f"layers: expected one Input, in the first place, received {layer!r} in place {k}")
        if layer.index >= 0:
            raise NeurosimError(f"{layer!r} is in a network already, as layer {layer.index}: make a new one")
        if any(layer is other for other in layers[:k]):
            raise NeurosimError(f"{layer!r} is in this network twice: make a new one for each place")
        shape = layer.output_shape(shape)
    if len(layers) < 2 or layers[-1].activation is None:
        raise NeurosimError(
            "layers: expected an Input and at least one layer after it, the last of them a Dense "
            f"or BatchNorm, received {layers!r}"
        )
    return list(layers)


def _layer_names() -> list[str]:
    """The names of all layer classes."""
    return [LAYERS[key].__name__ for key in LAYERS]
