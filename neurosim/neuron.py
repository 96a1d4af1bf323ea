"""One neuron: a live view of one column of a layer.

A `Neuron` stores no numbers.  Each property reads the layer's arrays at the moment it is asked, so that it can never
be out of date and costs nothing until someone looks; writing to it changes the network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import NeurosimError, ShapeError
from .parameters import Array

if TYPE_CHECKING:
    from .layers import Layer


class Neuron:
    """Neuron j of a layer: ``net[1][17]``.

    Example:
        >>> neuron = net[1][17]
        >>> neuron.weights[3] = 0.2                    # changes what net.predict says
        >>> neuron.weights.reshape(28, 28)             # the same memory, as a picture
    """

    __slots__ = ("index", "layer")

    def __init__(self, layer: Layer, index: int) -> None:
        self.layer = layer
        self.index = index

    def _column(self, name: str) -> Array:
        """Column j of a parameter or gradient matrix of the layer."""
        try:
            view: Array = self.layer.views[name][..., self.index]
        except KeyError:
            raise NeurosimError(f"the neurons of {self.layer!r} (layer {self.layer.index}) have no {name}: "
                                f"it has {', '.join(self.layer.views) or 'no parameters'}") from None
        return view

    @property
    def weights(self) -> Array:
        """(n_in,) the incoming weights, column j of W. Live; assigning copies."""
        return self._column("W")

    @weights.setter
    def weights(self, value: Any) -> None:
        weights = self._column("W")
        array = np.asarray(value, weights.dtype)
        if array.shape not in ((), weights.shape, self.image_shape):
            raise ShapeError(f"weights of {self}: expected shape {weights.shape}, received {array.shape}")
        weights[...] = array.reshape(weights.shape) if array.ndim else array

    @property
    def image_shape(self) -> tuple[int, ...]:
        """The shape of one input sample, where this neuron looks at the input directly; else (n_in,)."""
        size = getattr(self.layer.previous, "size", None)
        return size if isinstance(size, tuple) else (self.layer.n_in,)

    @property
    def bias(self) -> float:
        """The bias b_j. Assigning writes it."""
        return float(self._column("b"))

    @bias.setter
    def bias(self, value: float) -> None:
        self._column("b")[...] = value

    @property
    def weight_gradient(self) -> Array:
        """(n_in,) dL/dw of the last batch, column j of dW. Live."""
        return self._column("dW")

    @property
    def bias_gradient(self) -> float:
        """dL/db_j of the last batch."""
        return float(self._column("db"))

    @property
    def z(self) -> Array:
        """(B,) the pre-activations for the last batch. Live, until the next one."""
        return self.layer.z[:, self.index]

    @property
    def a(self) -> Array:
        """(B,) the activations for the last batch. Live, until the next one."""
        return self.layer.a[:, self.index]

    @property
    def delta(self) -> Array:
        """(B,) dL/dz for the last batch that was trained on. Live, until the next one."""
        return self.layer.delta[:, self.index]

    def optimizer_state(self) -> dict[str, Array]:
        """What the optimizer remembers of this neuron, by name: of its weights (n_in,), and of its bias.

        For Adam ``{"m": …, "v": …, "m_bias": …, "v_bias": …}``; nothing before the first step. Live views.
        """
        optimizer, layer = self.layer.optimizer, self.layer
        found = {}
        if optimizer is not None:
            for suffix, parameter in (("", "W"), ("_bias", "b")):
                if parameter in layer.views:
                    for name, vector in optimizer.state.items():
                        found[name + suffix] = layer.flat_view(vector, parameter)[..., self.index]
        return found

    def __repr__(self) -> str:
        layer = self.layer
        parts = [f"Neuron {self.index} of layer {layer.index}, {layer!r}"]
        if "W" in layer.views:
            weights = self.weights
            parts.append(f"{weights.size} weights in [{weights.min():.3g}, {weights.max():.3g}]")
        if "b" in layer.views:
            parts.append(f"bias {self.bias:.3g}")
        if layer.batch_size:
            parts.append(f"mean activation {float(self.a.mean()):.3g} over the last {layer.batch_size}")
        return ": ".join((parts[0], ", ".join(parts[1:]))) if parts[1:] else parts[0]
