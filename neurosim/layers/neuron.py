"""One neuron: a live view of one column of a layer; and the side of a layer that its neurons use.

A `Neuron` stores no numbers.  Each property reads the layer's arrays when it is used.  So it is never out of date and
costs nothing when it is not used.  Writing to a property changes the network.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from .. import html
from ..activations import Activation
from ..checks import check_number, check_value
from ..errors import NeurosimError, OutOfRangeError, ShapeError
from ..optimizers import Optimizer
from ..parameters import Array, Shape
from ..text import four_digits, number
from .interventions import Interventions, check_own_activation
from .windows import Windows


class Neuron:
    """Neuron j of a layer: ``net[1][17]``.

    Example:
        >>> neuron = net[1][17]
        >>> neuron.weights[3] = 0.2                    # changes what net.predict returns
        >>> neuron.weights.reshape(28, 28)             # the same memory, as an image
    """

    __slots__ = {  # with docstrings for `help`
        "index": "The neuron's place in its layer, from 0.",
        "layer": "The layer of the neuron.",
    }

    def __init__(self, layer: Neurons, index: int) -> None:
        self.layer = layer
        self.index = index

    def __eq__(self, other: object) -> bool:
        """Return whether `other` is the same neuron of the same network."""
        return isinstance(other, Neuron) and self.layer is other.layer and self.index == other.index

    def __hash__(self) -> int:
        return hash((id(self.layer), self.index))

    def _part(self, name: str) -> Array:
        """Return this neuron's part of a parameter or gradient array of the layer. A live view."""
        try:
            return self.layer.neuron_part(self.layer.views[name], self.index)
        except KeyError:
            raise NeurosimError(
                f"the neurons of {self.layer!r} (layer {self.layer.index}) have no {name}: "
                f"the layer has {', '.join(self.layer.views) or 'no parameters'}"
            ) from None

    def _name(self) -> str:
        """Return a short name for errors."""
        layer = self.layer
        return f"neuron {self.index} of {f'layer {layer.index}' if layer.index >= 0 else repr(layer)}"

    @property
    def weights(self) -> Array:
        """(n_in,) the incoming weights, column j of W; (k, k, C) for a filter. Live; assigning copies."""
        return _with_an_axis(self._part(self.layer.weight_name or "W"))

    @weights.setter
    def weights(self, value: Any) -> None:
        weights = self.weights
        try:
            array = np.asarray(value, weights.dtype)
        except (TypeError, ValueError):
            raise ShapeError(
                f"weights of {self._name()}: expected {weights.size} numbers, received {value!r}"
            ) from None
        whole = self.layer.in_shape if math.prod(self.layer.in_shape) == weights.size else ()
        if array.shape not in ((), weights.shape, whole):
            raise ShapeError(f"weights of {self._name()}: expected shape {weights.shape}, received {array.shape}")
        weights[...] = array.reshape(weights.shape) if array.ndim else array

    @property
    def bias(self) -> float:
        """The bias b_j. Assigning writes into b."""
        return float(self._part(self.layer.bias_name or "b"))

    @bias.setter
    def bias(self, value: float) -> None:
        view = self._part(self.layer.bias_name or "b")
        view[...] = check_value(f"bias of {self._name()}", value, view.dtype)

    @property
    def weight_gradient(self) -> Array:
        """(n_in,) dL/dw of the last batch, column j of dW; (k, k, C) for a filter. Live."""
        return _with_an_axis(self._part(f"d{self.layer.weight_name or 'W'}"))

    @property
    def bias_gradient(self) -> float:
        """dL/db_j of the last batch."""
        return float(self._part(f"d{self.layer.bias_name or 'b'}"))

    @property
    def z(self) -> Array:
        """(B,) the weighted sums z for the last batch; (B, H', W') for a filter. Live, until the next batch."""
        return self.layer.neuron_values(self.layer.z, self.index)

    @property
    def a(self) -> Array:
        """(B,) the activations for the last batch; (B, H', W') for a filter. Live, until the next batch."""
        return self.layer.neuron_values(self.layer.a, self.index)

    @property
    def delta(self) -> Array:
        """(B,) dL/dz for the last batch; (B, H', W') for a filter. Live.

        It is valid after a backward pass. Before that it holds old numbers.
        """
        return self.layer.neuron_values(self.layer.delta, self.index)

    def optimizer_state(self) -> dict[str, Array]:
        """Return this neuron's part of the optimizer's memory, by name: of its weights (n_in,) and of its bias.

        For Adam it is ``{"m": …, "v": …, "m_bias": …, "v_bias": …}``, all zeros before the first step. Live views.
        """
        optimizer, layer = self.layer.optimizer, self.layer
        found = {}
        if optimizer is not None:
            for suffix, parameter in (("", layer.weight_name), ("_bias", layer.bias_name)):
                if parameter in layer.views:
                    for name, vector in optimizer.state.items():
                        found[name + suffix] = layer.neuron_part(layer.flat_view(vector, parameter), self.index)
        return found

    def at(self, row: int, column: int) -> Unit:
        """Return this neuron at one place of the image that its layer gives out.

        Args:
            row: from 0; negative numbers count from the end.
            column: from 0; negative numbers count from the end.

        Raises:
            NeurosimError: the layer does not give out images.
            OutOfRangeError: the place is outside the image.
        """
        return Unit(self, row, column)

    # -- interventions: each has a counterpart that undoes it exactly --------------------------------------------------

    def _change(self, kind: str, value: Any) -> None:
        """Set one kind of intervention on this neuron; the value None removes it."""
        if self.layer.index < 0:
            raise NeurosimError(f"{self.layer!r} is in no network yet: build a Network with it first")
        interventions = deepcopy(self.layer.interventions)
        table = getattr(interventions, kind)
        if value is None:
            table.pop(self.index, None)
        else:
            table[self.index] = value
        self.layer.intervene(interventions)

    def _own(self, kind: str) -> Any:
        """Return the intervention of one kind on this neuron, or None."""
        return getattr(self.layer.interventions, kind).get(self.index)

    @property
    def interventions(self) -> list[str]:
        """The interventions on this neuron, in words; empty if there are none."""
        return self.layer.interventions.describe(self.index)

    def freeze(self) -> None:
        """Keep weights and bias unchanged, bit for bit, while other neurons are trained. `unfreeze` undoes it."""
        self._change("frozen", True)

    def unfreeze(self) -> None:
        """Let training change the neuron again."""
        self._change("frozen", None)

    @property
    def frozen(self) -> bool:
        """Whether the neuron is frozen."""
        return self._own("frozen") is not None

    @property
    def is_trainable(self) -> bool:
        """Whether training changes the neuron: it is not frozen, and its learning rate is not 0."""
        return not self.frozen and self.rate_factor != 0.0

    def clamp(self, value: float) -> None:
        """Force the output to `value` for every input, in a hidden layer only. `release` undoes it.

        Raises:
            NeurosimError: the neuron is in the output layer, or `value` is not a finite number of the layer's dtype.
        """
        self._change("values", check_value("value", value, self.layer.dtype))

    def ablate(self, to: float | str = 0.0) -> None:
        """Ablate the neuron: force its output to 0, or with ``"mean"`` to its mean over the last batch.

        The mean is that of the output before it was forced. It works in a hidden layer only. `release` undoes it.

        Raises:
            NeurosimError: there is no batch for the mean yet, or the neuron is in the output layer.
        """
        if to == "mean":
            if self.layer.batch_size == 0:
                raise NeurosimError(
                    "ablate to the mean: expected a batch for the mean, but none was run yet; call net.predict(x) first"
                )
            to = self._unforced_mean()
        self.clamp(to)  # type: ignore[arg-type]

    def _unforced_mean(self) -> float:
        """Return the mean of f(z) over the last batch: the mean output without `ablate` or `clamp`."""
        layer = self.layer
        if layer.activation is None:
            return float(self.a.mean())
        others = {j: value for j, value in layer.interventions.values.items() if j != self.index}
        function = replace(layer.interventions, values=others).function_for(layer.activation)
        return float(function(layer.by_neuron(layer.z))[:, self.index].mean())

    def release(self) -> None:
        """Undo `ablate` or `clamp`."""
        self._change("values", None)

    @property
    def clamped(self) -> float | None:
        """The value to which the output is forced; ``None`` if it is not forced."""
        value: float | None = self._own("values")
        return value

    @property
    def rate_factor(self) -> float:
        """The factor of this neuron's updates, 1 by default. With 0, training no longer changes the neuron."""
        factor = self._own("factors")
        return 1.0 if factor is None else factor

    @rate_factor.setter
    def rate_factor(self, factor: float) -> None:
        factor = check_number("rate_factor of a neuron", factor, 0.0, math.inf, open_high=True)
        self._change("factors", None if factor == 1.0 else factor)

    @property
    def activation(self) -> Activation:
        """The activation function of this neuron: its own if it has one, otherwise the layer's.

        Assigning None removes the neuron's own function.
        """
        if self.layer.activation is None:
            raise NeurosimError(f"the neurons of {self.layer!r} (layer {self.layer.index}) have no activation function")
        own: Activation | None = self._own("activations")
        return self.layer.activation if own is None else own

    @activation.setter
    def activation(self, activation: str | Activation | dict[str, Any] | None) -> None:
        self._change("activations", None if activation is None else check_own_activation(activation))

    @property
    def l2(self) -> float:
        """The strength of this neuron's own L2 penalty, which adds to its layer's; 0 by default."""
        return self._own("l2") or 0.0

    @l2.setter
    def l2(self, strength: float) -> None:
        strength = check_number("l2 of a neuron", strength, 0.0, math.inf, open_high=True)
        self._change("l2", strength or None)

    def _repr_html_(self) -> str:
        layer = self.layer
        rows = [] if layer.activation is None else [("activation", self.activation.key)]
        picture = ""
        if layer.weight_name in layer.views:
            weights, shape = self.weights, layer.weight_image_shape
            rows += [
                ("weights", f"{weights.size:,}, from {four_digits(weights.min())} to {four_digits(weights.max())}"),
                ("their norm", four_digits(np.linalg.norm(weights))),
            ]
            picture = html.largest_weights(weights.ravel()) if shape is None else html.weight_image(weights, shape)
        for name, view in layer.views.items():
            if name in layer.parameter_shapes() and name != layer.weight_name:
                rows.append((name, four_digits(layer.neuron_part(view, self.index))))
        if layer.batch_size:
            rows += [
                ("last batch", f"{layer.batch_size:,} sample{'s' if layer.batch_size > 1 else ''}"),
                ("mean z", four_digits(self.z.mean(dtype=np.float64))),
                ("mean a", four_digits(self.a.mean(dtype=np.float64))),
            ]
            if layer.index > 0:
                rows.append(("mean |delta|", four_digits(np.abs(self.delta).mean(dtype=np.float64))))
        rows += [("changed", what) for what in self.interventions]
        title = html.title(f"Neuron {self.index} of layer {layer.index}, {layer!r}")
        return html.block(title, html.table(("", ""), rows), picture)

    def __repr__(self) -> str:
        return self.describe()

    def describe(self, batch: bool = True) -> str:
        """Return the neuron in one line; `batch`: whether with its mean activation over the last batch."""
        layer = self.layer
        parts = [f"Neuron {self.index} of layer {layer.index}, {layer!r}"]
        if layer.weight_name in layer.views:
            weights = self.weights
            parts.append(f"{weights.size} weights in [{number(weights.min(), 3)}, {number(weights.max(), 3)}]")
        if layer.bias_name in layer.views:
            parts.append(f"bias {number(self.bias, 3)}")
        if batch and layer.batch_size and self.clamped is None:  # a clamp may be newer than the batch
            read = "one sample" if layer.batch_size == 1 else f"{layer.batch_size:,} samples"
            parts.append(f"mean activation {number(self.a.mean(), 3)} over the last batch of {read}")
        parts += self.interventions
        return ": ".join((parts[0], ", ".join(parts[1:]))) if parts[1:] else parts[0]


def _with_an_axis(weights: Array) -> Array:
    """Return the same live view; for a neuron with a single weight, as a vector of length 1."""
    return weights if weights.ndim else weights.reshape(1)


class Unit:
    """A neuron at one place of an image: ``net[1][5].at(10, 12)``. Like a `Neuron` it stores no numbers.

    Attributes:
        neuron: the filter or the channel.
        row, column: its place in the image that the layer gives out.
        index: its column in the layer's buffers (B, n_out).
    """

    __slots__ = ("column", "index", "neuron", "row")

    def __init__(self, neuron: Neuron, row: int, column: int) -> None:
        layer = neuron.layer
        if len(layer.out_shape) != 3 or layer.index == 0:
            why = "which has no rows and columns" if layer.index else "the input"
            raise NeurosimError(
                f"at: expected a filter, or a channel of a feature map, received {neuron._name()}, {why}"
            )
        self.neuron = neuron
        self.row, self.column = (
            _in_range(layer, name, at, count)
            for name, at, count in zip(("row", "column"), (row, column), layer.out_shape[:2], strict=True)
        )
        self.index: int = (self.row * layer.out_shape[1] + self.column) * layer.out_shape[2] + neuron.index

    @property
    def field(self) -> tuple[slice, slice]:
        """The rows and columns that it sees in the image that comes into its layer."""
        return self.depends_on(self.neuron.layer.index - 1)

    @property
    def receptive_field(self) -> tuple[slice, slice]:
        """The rows and columns of the network's input that it depends on."""
        return self.depends_on(0)

    def depends_on(self, index: int) -> tuple[slice, slice]:
        """Return the rows and columns that it depends on in the output of layer `index`."""
        rows, columns = slice(self.row, self.row + 1), slice(self.column, self.column + 1)
        layer: Neurons | None = self.neuron.layer
        while layer is not None and layer.index > index:
            if layer.windows is not None:
                rows, columns = layer.windows.field(rows, columns)
            layer = layer.previous
        return rows, columns

    @property
    def patch(self) -> Array:
        """Its patch of the last batch: (B, k, k, C) for a filter, (B, k, k) for a channel. A copy; padded with 0."""
        layer, j = self.neuron.layer, self.neuron.index
        if layer.windows is None:
            return layer.x[:, self.index].reshape(-1, 1, 1).copy()
        images = layer.x.reshape(-1, *layer.windows.shape)
        patch = layer.windows.patch(images, self.row, self.column)
        return patch if layer.weight_name in layer.views else patch[..., j]

    @property
    def z(self) -> Array:
        """(B,) the weighted sums z for the last batch. Live, until the next batch."""
        return self.neuron.layer.z[:, self.index]

    @property
    def a(self) -> Array:
        """(B,) the activations for the last batch. Live, until the next batch."""
        return self.neuron.layer.a[:, self.index]

    @property
    def delta(self) -> Array:
        """(B,) dL/dz for the last batch, valid after a backward pass. Live."""
        return self.neuron.layer.delta[:, self.index]

    def __repr__(self) -> str:
        (rows, columns), layer = self.receptive_field, self.neuron.layer
        return (
            f"Neuron {self.neuron.index} of layer {layer.index}, {layer!r}, at row {self.row}, column {self.column}: "
            f"sees rows {rows.start} to {rows.stop - 1}, columns {columns.start} to {columns.stop - 1} of the input"
        )


def _in_range(layer: Neurons, name: str, index: int, count: int) -> int:
    """Return `index` as a number from 0 to count - 1; negative numbers count from the end.

    Raises:
        OutOfRangeError: `index` is out of range, or not a whole number.
    """
    try:
        whole = int(index)
    except (TypeError, ValueError, OverflowError):
        whole = count
    if not -count <= whole < count or whole != index:
        if not count:
            raise OutOfRangeError(f"{layer!r} is in no network yet: build a Network with it first")
        which = f"{name}s 0 to {count - 1}" if count > 1 else f"only {name} 0"
        raise OutOfRangeError(f"layer {layer.index} has {which}, received {index!r}")
    return whole % count


class Neurons(ABC):
    """The side of a layer that its neurons use: everything that they show. `Layer` is the rest.

    Attributes: see `Layer`.
    """

    weight_name: ClassVar[str] = ""  # the parameter that holds the neurons' weights, one neuron per column
    bias_name: ClassVar[str] = ""  # the parameter that holds the neurons' biases

    index: int = -1
    previous: Neurons | None = None
    windows: Windows | None = None  # each neuron's patches; None: it sees the whole input, or its own place alone
    in_shape: Shape = ()
    out_shape: Shape = ()
    by_channel: bool = False  # whether each channel of an image is a neuron, instead of each number
    activation: Activation | None = None
    interventions: Interventions = Interventions()  # replaced as a whole, never changed in place
    batch_size: int = 0
    dtype: np.dtype[Any] = np.dtype(np.float64)  # until a network gives its own
    views: Mapping[str, Array] = MappingProxyType({})  # none outside a network
    optimizer: Optimizer | None = None
    z: Array
    a: Array
    delta: Array

    @property
    def neuron_count(self) -> int:
        """The number of neurons: one per channel of an image, otherwise one per number."""
        return self.out_shape[-1] if self.by_channel else math.prod(self.out_shape) if self.out_shape else 0

    @property
    def places(self) -> int:
        """The number of places of each neuron: height times width of an image, otherwise 1."""
        return math.prod(self.out_shape[:2]) if self.by_channel else 1

    def by_neuron(self, buffer: Array) -> Array:
        """Return a buffer (B, n_out) as (B · places, neurons), one neuron per column. A live view."""
        return buffer.reshape(len(buffer) * self.places, self.neuron_count)

    def neuron_part(self, array: Array, j: int) -> Array:
        """Return neuron j's part of a parameter, a gradient or an optimizer's vector, as the layer sees it. Live."""
        return array[..., j]

    def neuron_values(self, buffer: Array, j: int) -> Array:
        """Return neuron j's numbers in a buffer (B, n_out) such as z. A live view.

        Its shape is (B,), or (B, height, width) for an image.
        """
        if self.by_channel:
            return buffer.reshape(len(buffer), *self.out_shape)[..., j]
        return buffer[:, j]

    def intervene(self, interventions: Interventions) -> None:
        """Replace the interventions on this layer's neurons.

        Raises:
            NeurosimError: the layer allows no interventions, or not these.
        """
        raise NeurosimError(
            f"the neurons of {self!r} (layer {self.index}) allow no interventions: "
            "choose a neuron of a Dense or Conv2D layer"
        )

    @property
    @abstractmethod
    def x(self) -> Array:
        """(B, n_in) the input: the activations of the layer below. Live."""

    @abstractmethod
    def parameter_shapes(self) -> dict[str, Shape]:
        """Return name -> shape of each parameter array, e.g. ``{"W": (784, 128), "b": (128,)}``."""

    @abstractmethod
    def flat_view(self, flat: Array, name: str) -> Array:
        """Return the layer's part, called `name`, of a vector laid out like the parameters. A live view."""

    @property
    @abstractmethod
    def weight_image_shape(self) -> tuple[int, int] | None:
        """Height and width of each neuron's weights as an image; None if they are not an image."""

    def __len__(self) -> int:
        return self.neuron_count

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, j: int) -> Neuron:
        """Return neuron j, from 0; negative numbers count from the end.

        Raises:
            OutOfRangeError: there is no neuron with this index.
        """
        return Neuron(self, _in_range(self, "neuron", j, len(self)))

    def __iter__(self) -> Iterator[Neuron]:
        return (Neuron(self, j) for j in range(len(self)))
