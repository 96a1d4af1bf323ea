"""The base of every layer: its place in the network, its two passes, and the workspaces that keep the numbers.

A layer reads the activations of the layer below and writes its own.  In the backward pass it finds dL/da in its buffer
``da``.  From that it computes ``delta`` = dL/dz and its parameters' gradients, and writes dL/da of the layer below.
The buffers hold everything that a neuron can show:

    x      (B, n_in)    the input: the activations of the layer below
    z      (B, n_out)   weighted sum
    a      (B, n_out)   activation
    da     (B, n_out)   dL/da, L the mean loss over the batch
    delta  (B, n_out)   dL/dz

Buffers belong to the last batch; the next batch overwrites them.  They are made once for the largest batch and cut to
[:B] for a smaller batch, so a training step allocates nothing.

A new kind of layer defines how z follows from x (`Layer.forward_`) and how dL/dx follows from delta
(`Layer.input_gradient_`).  Everything else has a default: shapes, parameters and their gradients, random numbers,
penalties, the trace of a neuron, and the displays.

Keys: batch_norm, conv2d, dense, dropout, input, max_pool2d, average_pool2d, flatten.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from .. import html
from ..activations import ACTIVATIONS, Activation
from ..errors import NeurosimError, ShapeError
from ..optimizers import Optimizer
from ..parameters import Array, FlatParameters, Shape, aligned_zeros
from ..registry import Configurable, Registry
from ..regularizers import Regularizer
from ..text import four_digits
from .neuron import Neurons


class ParameterView:
    """A parameter or gradient array of a layer. Reading returns the live view; assigning copies into it."""

    def __init__(self, text: str = "A parameter or gradient array. Live.") -> None:
        self.__doc__ = text  # `help` shows it

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, layer: Layer | None, owner: type | None = None) -> Any:
        if layer is None:
            return self
        try:
            return layer.views[self.name]
        except KeyError:
            raise NeurosimError(f"{layer!r} has no {self.name}: build a Network with it first") from None

    def __set__(self, layer: Layer, value: Any) -> None:
        copy_into(self.__get__(layer), value, f"{self.name} of {layer!r}")


def copy_into(view: Array, value: Any, what: str) -> None:
    """Write `value` into a live view if its shape matches; a scalar fills the view.

    Raises:
        ShapeError: the shape differs, or `value` is not numeric.
    """
    try:
        value = np.asarray(value, view.dtype)
    except (TypeError, ValueError):
        raise ShapeError(f"{what}: expected numbers of shape {view.shape}, received {value!r}") from None
    if value.shape not in ((), view.shape):
        raise ShapeError(f"{what}: expected shape {view.shape}, received {value.shape}")
    view[...] = value


class Layer(Neurons, Configurable):
    """The base class of all layers.

    Attributes:
        index: its place in the network; the input is layer 0.
        in_shape: the shape of one sample that comes in, e.g. ``(784,)``; images are (height, width, channels).
        out_shape: the shape of one sample that the layer gives out.
        n_in: the number of inputs per sample: the product of `in_shape`.
        n_out: the number of outputs per sample.
        activation: f of a = f(z); None if a = z.
        interventions: the interventions on single neurons.
        views: name -> live view of a parameter or gradient array.
        z, a, da, delta: (B, n_out) the last batch, see the module's docstring; (0, n_out) before the first batch. Live.
    """

    # the kind of layer; the defaults suit a layer without parameters
    never_negative: ClassVar[tuple[str, ...]] = ()  # the arrays in state_names that are never below 0
    state_names: ClassVar[tuple[str, ...]] = ()  # arrays that are kept with the weights but not trained
    passes_through: ClassVar[bool] = False  # whether its output equals its input in evaluation
    least_batch: ClassVar[int] = 1  # the smallest batch from which it can learn
    neuron_by_neuron: ClassVar[bool] = False  # whether its neuron j sees only neuron j below
    hands_on: ClassVar[str] = ""  # how it reduces windows without weights: the walk's word
    reshapes: ClassVar[bool] = False  # whether it only changes the shape; the walk skips it
    wants_gradient: bool = True  # whether the backward pass has to reach it
    transient: ClassVar[frozenset[str]] = frozenset({"views", "batch_size"})  # attributes that are not copied

    is_output: bool = False
    previous: Layer | None = None
    _full: dict[str, Array] | MappingProxyType[str, Array] = MappingProxyType({})
    _below: Array | None  # the buffer for dL/da of the layer below; None if no gradient is needed there
    da: Array

    def connect(self, index: int, previous: Layer | None, dtype: DTypeLike) -> None:
        """Take a place in a network. The network has checked that the layer was free."""
        self.index = index
        self.dtype = np.dtype(dtype)
        self.take_shape(previous)
        self.views: dict[str, Array] = {}
        self.parameters: FlatParameters | None = None
        self.optimizer: Optimizer | None = None
        self.reserve(0)

    # -- shapes ----------------------------------------------------------------------------------------------------

    def output_shape(self, in_shape: Shape) -> Shape:
        """Return the shape of one output sample for the shape of one input sample.

        Raises:
            ShapeError: the layer cannot take samples of this shape.
        """
        return in_shape

    def take_shape(self, below: Layer | None) -> None:
        """Set the layer below (None for the input layer), `in_shape` and `out_shape`."""
        self.previous = below
        self.in_shape = () if below is None else below.out_shape
        self.out_shape = self.output_shape(self.in_shape)
        self.by_channel = len(self.out_shape) == 3 and below is not None

    @property
    def n_in(self) -> int:
        """The number of inputs per sample; 0 outside a network."""
        return math.prod(self.in_shape) if self.in_shape else 0

    @property
    def n_out(self) -> int:
        """The number of outputs per sample."""
        return math.prod(self.out_shape) if self.out_shape else 0

    # -- parameters ------------------------------------------------------------------------------------------------

    def parameter_shapes(self) -> dict[str, Shape]:
        """Return name -> shape of each parameter array, e.g. ``{"W": (784, 128), "b": (128,)}``."""
        return {}

    def state_shapes(self) -> dict[str, Shape]:
        """Return name -> shape of each array that is kept with the weights but not trained."""
        return dict.fromkeys(self.state_names, (self.n_out,))

    def attach(self, parameters: FlatParameters) -> None:
        """Take this layer's views of the network's flat vectors."""
        self.parameters = parameters
        self.views = {}
        for name in self.parameter_shapes():
            self.views[name] = parameters[f"{name}{self.index}"]
            self.views["d" + name] = parameters.gradient(f"{name}{self.index}")

    def initialize_(self, rng: np.random.Generator) -> None:
        """Fill the parameters anew, and clear any running statistics."""

    def use_streams(self, streams: Mapping[str, np.random.Generator]) -> None:
        """Take the random streams that the layer needs in training: purpose -> stream."""

    def flat_view(self, flat: Array, name: str) -> Array:
        """Return this layer's part, called `name`, of a vector laid out like the parameters. A live view."""
        assert self.parameters is not None
        return self.parameters.view(flat, f"{name}{self.index}")

    @property
    def parameter_count(self) -> int:
        """The number of trained parameters of this layer."""
        return sum(math.prod(shape) for shape in self.parameter_shapes().values())

    # -- workspaces ------------------------------------------------------------------------------------------------

    def buffers(self) -> dict[str, int]:
        """Return name -> width of each buffer with one row per sample."""
        return dict.fromkeys(("z", "a", "da", "delta"), self.n_out)

    def reserve(self, capacity: int) -> None:
        """Make buffers for batches of up to `capacity` samples."""
        self._full = {name: aligned_zeros((capacity, width), self.dtype) for name, width in self.buffers().items()}
        self.set_batch_size(capacity)

    def set_batch_size(self, batch_size: int) -> None:
        """Cut the buffers to `batch_size` rows."""
        self.batch_size = batch_size
        for name, full in self._full.items():
            setattr(self, name, full[:batch_size])
        # looked up once: doing it at every step would slow down small networks
        below = self.previous
        self._below = below.da if below is not None and below.wants_gradient else None

    def __getstate__(self) -> dict[str, Any]:
        # leave out views and buffers: copies of them would no longer be views.  Leave out every attribute that begins
        # with an underscore too: it is derived from the rest and made again
        left_out = {*self.transient, *self._full}
        return {name: value for name, value in vars(self).items() if name not in left_out and not name.startswith("_")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if self.index >= 0:
            self.views = {}
            if self.parameters is not None:
                self.attach(self.parameters)
            self.reserve(0)

    # -- the two passes --------------------------------------------------------------------------------------------

    @property
    def x(self) -> Array:
        """(B, n_in) the input: the activations of the layer below. Live."""
        if self.previous is None:
            raise NeurosimError("the input layer has no layer below")
        return self.previous.a

    @abstractmethod
    def forward_(self, training: bool) -> None:
        """Compute z and a from x."""

    def backward_(self) -> None:
        """Compute delta, the parameters' gradients, and da of the layer below from da."""
        self.delta_from_da_()
        self.backward_from_delta_()

    def delta_from_da_(self) -> None:
        """Compute delta from da. Without an activation a = z, and the two are equal."""
        np.copyto(self.delta, self.da)

    def backward_from_delta_(self) -> None:
        """Compute the parameters' gradients and da of the layer below from delta."""
        self.parameter_gradients_()
        if self._below is not None:
            self.input_gradient_(self.delta, self._below)

    def parameter_gradients_(self) -> None:
        """Compute the parameters' gradients from delta."""

    @abstractmethod
    def input_gradient_(self, delta: Array, dx: Array) -> None:
        """Write dL/dx (B, n_in) into `dx`, for any delta = dL/dz (B, n_out)."""

    def delta_for(self, da: Array) -> Array:
        """Return dL/dz for any dL/da (B, n_out), for the batch in the buffers. A new array, or `da` itself."""
        return da

    def derivative(self, z: Array) -> Array:
        """Return da/dz at any z (B, n_out), neuron by neuron: the diagonal of the Jacobian. A new array."""
        return np.ones_like(z)

    def forward_without_(self, j: int | slice, z: Array) -> None:
        """Compute z and a in evaluation mode as if x_j were 0.

        Args:
            j: the index of the input, or a slice of several inputs.
            z: (B, n_out) z with all of x.
        """
        kept = self.x[:, j].copy()
        self.x[:, j] = 0.0
        self.forward_(training=False)
        self.x[:, j] = kept

    # -- around an update ------------------------------------------------------------------------------------------

    def adopt(self, regularizer: Regularizer | None, max_norm: float | None) -> None:
        """Take the network's penalty and its bound on weight norms, if the layer has weights and none of its own."""

    max_norm: float | None = None  # the largest norm of one neuron's weights

    @property
    def penalized(self) -> bool:
        """Whether a penalty must be added to the gradient."""
        return False

    def penalty(self) -> float:
        """Return what the layer's penalty and those of its neurons add to the loss."""
        return 0.0

    def penalizes(self, j: int) -> bool:
        """Return whether the weights of neuron j have a penalty."""
        return False

    def explain_penalty(self, j: int) -> tuple[str, dict[str, float]]:
        """Return how the penalties change dL/dw of neuron j: an equation with names in braces, and their numbers.

        One of the names is w. The equation is empty if a penalty has no formula.
        """
        return "", {}

    def add_penalty_gradient_(self) -> None:
        """Add the gradient of the penalty to those of the parameters."""

    def before_update_(self) -> None:
        """Prepare for the optimizer's update."""

    def after_update_(self) -> None:
        """Correct the parameters after the optimizer's update."""

    # -- neurons ---------------------------------------------------------------------------------------------------

    def sources(self, j: int) -> Array:
        """Return (k,) the indices of the inputs x that the weights of z_j multiply, in the weights' order.

        For an image, an index is -1 if the weight lies outside it, on a padded 0.
        """
        return np.arange(self.n_in)

    def outgoing(self, j: int) -> tuple[Array, Array]:
        """Return the outputs that x_j feeds in evaluation: (k,) indices of z, and (k,) dz/dx_j of each. New arrays."""
        slopes = np.empty((self.n_out, self.n_in), self.dtype)
        self.input_gradient_(np.eye(self.n_out, dtype=self.dtype), slopes)
        fed = np.flatnonzero(slopes[:, j])
        return fed, slopes[fed, j]

    def contests(self, j: int) -> list[tuple[int, int, int]]:
        """Return the max-pooling windows that see x_j, for the walk; empty for other layers.

        Each entry holds the window's index in z, the index in x of its maximum, and how many numbers equal that
        maximum. All are for the first sample of the batch.
        """
        return []

    def explain_slope(self, j: int) -> tuple[str, dict[str, float]]:
        """Return how dz_j/dx_j follows in evaluation if neuron j sees only x_j, for the walk.

        The result is an equation with names in braces, and their numbers. It is empty if z_j = x_j.
        """
        return "", {}

    def kink_sides(self) -> Iterator[Array]:
        """Yield, for each kink, the side on which each argument lies. If a side changes, L has no derivative there."""
        return iter(())

    def compiled_for(self) -> list[tuple[Any, str]]:
        """Return the objects that a compiled form of this layer depends on, as pairs of owner and attribute name.

        If one of them is replaced, the layer must be compiled anew.
        """
        return [(self, "_full")]

    # -- describing it ---------------------------------------------------------------------------------------------

    @property
    def detail(self) -> str:
        """A word or two that distinguish it from other layers of its kind: its activation, its rate."""
        return ""

    @property
    def size_text(self) -> str:
        """The size of its output for one sample: 64, or 24x24x8 if a layer has made images."""
        return "x".join(map(str, self.out_shape)) if self.index and len(self.out_shape) == 3 else str(self.n_out)

    @property
    def title(self) -> str:
        """Its kind and its detail, e.g. ``Dense relu``."""
        return f"{type(self).__name__} {self.detail}".strip()

    @property
    def image_shape(self) -> tuple[int, int] | None:
        """Height and width of a sample that can be shown as an image; only the input layer knows it."""
        return None

    @property
    def weight_image_shape(self) -> tuple[int, int] | None:
        """Height and width of each neuron's weights as an image, if they see the whole input."""
        below = self.source
        shape = None if below is None else below.image_shape
        seen = bool(self.weight_name) and len(self.sources(0)) == self.n_in
        return shape if seen else None

    def _repr_html_(self) -> str:
        place = f"Layer {self.index}: " if self.index >= 0 else ""
        parts = [html.title(f"{place}{self!r}")]
        parameters = [(name, view) for name, view in self.views.items() if view.size]
        if parameters:
            head = ("", "Shape", "Smallest", "Mean", "Largest", "Norm")
            parts.append(
                html.table(
                    head,
                    [
                        (name, html.shape_of(view), *html.spread(view), four_digits(np.linalg.norm(view)))
                        for name, view in parameters
                    ],
                )
            )
        if self.batch_size:
            names = ("z", "a", "delta") if self.index > 0 else ("a",)
            rows = [(name, html.shape_of(getattr(self, name)), *html.spread(getattr(self, name))) for name in names]
            parts.append(html.table(("last batch", "Shape", "Smallest", "Mean", "Largest"), rows))
        if len(parts) == 1:
            parts.append(html.small("no parameters, and no batch so far"))
        changed = [
            f"neuron {neuron.index}: {', '.join(neuron.interventions)}" for neuron in self if neuron.interventions
        ]
        more = [f"and {len(changed) - 5} more"] if len(changed) > 5 else []
        parts += [f"<div>{html.small(text)}</div>" for text in changed[:5] + more]
        image = self.weight_image_shape
        if image is not None:
            parts.append(html.weight_sheet(self.views[self.weight_name], image))
        return html.block(*parts)

    @property
    def source(self) -> Layer | None:
        """The layer that made the input of this layer. Layers that do nothing in evaluation are skipped."""
        below = self.previous
        while below is not None and below.passes_through:
            below = below.previous
        return below


LAYERS: Registry[Layer] = Registry("layer", Layer)  # type: ignore[type-abstract]


class ActivationLayer(Layer):
    """A layer that computes z in its own way and then a = f(z)."""

    transient = Layer.transient | {"function", "scratch"}
    function: Activation  # the function to run: the activation, with exceptions for single neurons if there are any
    scratch: Sequence[Array]  # (B · places, neurons) each: the activation's memory between forward and backward

    @property
    def activation(self) -> Activation:
        """The activation function of the layer's neurons.

        In a hidden layer, assign another by name or as an instance.
        """
        return self.own_activation

    @activation.setter  # type: ignore[override]
    def activation(self, activation: str | Activation | dict[str, Any]) -> None:
        if self.is_output:
            raise NeurosimError(
                f"layer {self.index} is the output layer: its activation is tied to the loss; make a "
                "new Network for another activation"
            )
        self.own_activation: Activation = ACTIVATIONS.create(activation)
        self.choose_function()

    def set_batch_size(self, batch_size: int) -> None:
        super().set_batch_size(batch_size)
        self.scratch = [full[: batch_size * self.places] for full in self._full_scratch]
        # an activation sees one row per place of an image and one column per neuron: (B · places, neurons)
        self._z, self._a, self._da, self._delta = map(self.by_neuron, (self.z, self.a, self.da, self.delta))

    def reserve(self, capacity: int) -> None:
        self.reserve_scratch(capacity)
        super().reserve(capacity)

    def reserve_scratch(self, capacity: int) -> None:
        """Choose the function to run, and make its buffers."""
        self.function = self.wanted_function()
        self._full_scratch = self.function.make_scratch(capacity * self.places, self.neuron_count, self.dtype)

    def choose_function(self) -> None:
        """Choose again which function to run. The activations of the last batch are kept."""
        if self._full:
            self.reserve_scratch(len(self._full["z"]))
            self.set_batch_size(self.batch_size)

    def wanted_function(self) -> Activation:
        """Return the function to run for all neurons."""
        return self.activation

    def compiled_for(self) -> list[tuple[Any, str]]:
        settings = [(self.function, name) for name in vars(self.function)]
        return [*super().compiled_for(), (self, "_full_scratch"), (self, "function"), *settings]

    def activate_(self) -> None:
        """Compute a = f(z)."""
        self.function.forward_(self._z, self._a, self.scratch)

    def delta_from_da_(self) -> None:
        self.function.backward_(self._da, self._z, self._a, self._delta, self.scratch)

    def delta_for(self, da: Array) -> Array:
        return self.function.vjp(self._z, self.by_neuron(da)).reshape(da.shape)

    def derivative(self, z: Array) -> Array:
        return self.function.derivative(self.by_neuron(z)).reshape(z.shape)

    def kink_sides(self) -> Iterator[Array]:
        for kink in (*self.function.kinks, *self.function.curvature_jumps):
            yield self.z > kink

    @property
    def detail(self) -> str:
        return self.activation.key
