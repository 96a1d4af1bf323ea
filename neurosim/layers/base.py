"""What every layer is: a place in the network, two passes, and the workspaces that keep what flows through.

A layer reads the activations of the layer below and writes its own; going back it finds dL/da in its buffer ``da``,
turns it into ``delta`` = dL/dz and its parameters' gradients, and writes dL/da of the layer below.  Everything that a
neuron can be asked for is in its buffers:

    x      (B, n_in)    what comes in: the activations of the layer below
    z      (B, n_out)   pre-activation
    a      (B, n_out)   activation
    da     (B, n_out)   dL/da, L the mean loss over the batch
    delta  (B, n_out)   dL/dz

Buffers belong to the last batch: they are overwritten by the next one.  They are made once for the largest batch and
cut to [:B] for a smaller one, so that a training step allocates nothing.

A new kind of layer says what it makes of x (`Layer.forward_`) and how dL/dx follows from delta
(`Layer.input_gradient_`).  Everything else has a default: shapes, parameters and their gradients, random numbers,
penalties, how a neuron is traced, what is shown.

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
    """A parameter or gradient array of a layer: reading gives the live view, assigning copies into it."""

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
    """Write `value` into a live view, if the shape is right (a scalar fills it).

    Raises:
        ShapeError: another shape, or not numbers.
    """
    try:
        value = np.asarray(value, view.dtype)
    except (TypeError, ValueError):
        raise ShapeError(f"{what}: expected numbers of shape {view.shape}, received {value!r}") from None
    if value.shape not in ((), view.shape):
        raise ShapeError(f"{what}: expected shape {view.shape}, received {value.shape}")
    view[...] = value


class Layer(Neurons, Configurable):
    """What all layers have in common.

    Attributes:
        index: its place in the network; the input is layer 0.
        in_shape: the shape of one sample of what comes in, e.g. ``(784,)``; images are (height, width, channels).
        out_shape: the shape of one sample of what it gives out.
        n_in: how many numbers come in for a sample: the product of `in_shape`.
        n_out: how many it gives out.
        activation: f of a = f(z); None where a = z.
        interventions: what is done to single neurons.
        views: name -> live view of a parameter or gradient array.
        z, a, da, delta: (B, n_out) the last batch, see the module's docstring; (0, n_out) before the first. Live.
    """

    # what kind of layer it is; the defaults are those of a layer without parameters
    never_negative: ClassVar[tuple[str, ...]] = ()  # those of the next that are never below 0
    state_names: ClassVar[tuple[str, ...]] = ()  # arrays that are kept with the weights but not trained
    passes_through: ClassVar[bool] = False  # whether in evaluation it hands on number by number what comes in
    least_batch: ClassVar[int] = 1  # how many samples a batch must have for anything to be learned from it
    neuron_by_neuron: ClassVar[bool] = False  # whether its neuron j looks at neuron j of the layer below alone
    hands_on: ClassVar[str] = ""  # what it does with windows that it does not weigh, in a word that the walk knows
    reshapes: ClassVar[bool] = False  # whether it hands on all numbers in their order, so that the walk goes past it
    wants_gradient: bool = True  # whether the backward pass has to reach it
    transient: ClassVar[frozenset[str]] = frozenset({"views", "batch_size"})  # attributes that no copy may take over

    is_output: bool = False
    previous: Layer | None = None
    _full: dict[str, Array] | MappingProxyType[str, Array] = MappingProxyType({})
    _below: Array | None  # the buffer for dL/da of the layer below; None where no gradient is needed there
    da: Array

    def connect(self, index: int, previous: Layer | None, dtype: DTypeLike) -> None:
        """Take a place in a network, which has made sure that it had none."""
        self.index = index
        self.dtype = np.dtype(dtype)
        self.take_shape(previous)
        self.views: dict[str, Array] = {}
        self.parameters: FlatParameters | None = None
        self.optimizer: Optimizer | None = None
        self.reserve(0)

    # -- shapes ----------------------------------------------------------------------------------------------------

    def output_shape(self, in_shape: Shape) -> Shape:
        """The shape of one sample of what it gives out, for one of what comes in.

        Raises:
            ShapeError: it can make nothing of that.
        """
        return in_shape

    def take_shape(self, below: Layer | None) -> None:
        """Take the layer below, which the input has none of, and set `in_shape` and `out_shape`."""
        self.previous = below
        self.in_shape = () if below is None else below.out_shape
        self.out_shape = self.output_shape(self.in_shape)
        self.by_channel = len(self.out_shape) == 3 and below is not None

    @property
    def n_in(self) -> int:
        """How many numbers come in for a sample; 0 outside a network."""
        return math.prod(self.in_shape) if self.in_shape else 0

    @property
    def n_out(self) -> int:
        """How many numbers it gives out for a sample."""
        return math.prod(self.out_shape) if self.out_shape else 0

    # -- parameters ------------------------------------------------------------------------------------------------

    def parameter_shapes(self) -> dict[str, Shape]:
        """Name -> shape of each parameter array, e.g. ``{"W": (784, 128), "b": (128,)}``."""
        return {}

    def state_shapes(self) -> dict[str, Shape]:
        """Name -> shape of each array that is kept with the weights but not trained."""
        return dict.fromkeys(self.state_names, (self.n_out,))

    def attach(self, parameters: FlatParameters) -> None:
        """Take this layer's views of the network's flat vectors."""
        self.parameters = parameters
        self.views = {}
        for name in self.parameter_shapes():
            self.views[name] = parameters[f"{name}{self.index}"]
            self.views["d" + name] = parameters.gradient(f"{name}{self.index}")

    def initialize_(self, rng: np.random.Generator) -> None:
        """Fill the parameters afresh, and forget any running statistics."""

    def use_streams(self, streams: Mapping[str, np.random.Generator]) -> None:
        """Take the network's streams of random numbers, by purpose, if it draws any in training."""

    def flat_view(self, flat: Array, name: str) -> Array:
        """This layer's part, called `name`, of a vector that is laid out as all parameters are. A live view."""
        assert self.parameters is not None
        return self.parameters.view(flat, f"{name}{self.index}")

    @property
    def parameter_count(self) -> int:
        """How many numbers are trained in this layer."""
        return sum(math.prod(shape) for shape in self.parameter_shapes().values())

    # -- workspaces ------------------------------------------------------------------------------------------------

    def buffers(self) -> dict[str, int]:
        """Name -> width of each buffer that has a row a sample."""
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
        # looked up once: to do so at every step would cost what the step of a small network can feel
        below = self.previous
        self._below = below.da if below is not None and below.wants_gradient else None

    def __getstate__(self) -> dict[str, Any]:
        # views and buffers are left out: copied one by one, they would be views no longer.  So is everything that
        # begins with an underscore: it is derived from the rest, and made again
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
        """(B, n_in) what came in: the activations of the layer below. Live."""
        if self.previous is None:
            raise NeurosimError("the input layer has no layer below")
        return self.previous.a

    @abstractmethod
    def forward_(self, training: bool) -> None:
        """From x to z and a."""

    def backward_(self) -> None:
        """From da to delta, the parameters' gradients, and da of the layer below."""
        self.delta_from_da_()
        self.backward_from_delta_()

    def delta_from_da_(self) -> None:
        """From da to delta. Without an activation a = z, and they are the same."""
        np.copyto(self.delta, self.da)

    def backward_from_delta_(self) -> None:
        """From delta to the parameters' gradients and da of the layer below."""
        self.parameter_gradients_()
        if self._below is not None:
            self.input_gradient_(self.delta, self._below)

    def parameter_gradients_(self) -> None:
        """From delta to the parameters' gradients."""

    @abstractmethod
    def input_gradient_(self, delta: Array, dx: Array) -> None:
        """Write dL/dx (B, n_in) into `dx`, for any delta = dL/dz (B, n_out)."""

    def delta_for(self, da: Array) -> Array:
        """dL/dz for any dL/da (B, n_out), at the batch in the buffers. A new array, or `da` itself."""
        return da

    def derivative(self, z: Array) -> Array:
        """da/dz at any z (B, n_out), neuron by neuron: the diagonal of the Jacobian. A new array."""
        return np.ones_like(z)

    def forward_without_(self, j: int | slice, z: Array) -> None:
        """Compute z and a from x in evaluation mode, as if number j of x were 0.

        Args:
            j: the index of the number in x, or a slice of several.
            z: (B, n_out) z with all of x.
        """
        kept = self.x[:, j].copy()
        self.x[:, j] = 0.0
        self.forward_(training=False)
        self.x[:, j] = kept

    # -- around an update ------------------------------------------------------------------------------------------

    def adopt(self, regularizer: Regularizer | None, max_norm: float | None) -> None:
        """Take the network's penalty and bound on weight norms, where it has weights and none of its own."""

    max_norm: float | None = None  # the largest norm of one neuron's weights

    @property
    def penalized(self) -> bool:
        """Whether a penalty has to be added to the gradient."""
        return False

    def penalty(self) -> float:
        """What its regularizer, and those of single neurons, add to the loss."""
        return 0.0

    def penalizes(self, j: int) -> bool:
        """Whether there is a penalty on the weights of neuron j."""
        return False

    def explain_penalty(self, j: int) -> tuple[str, dict[str, float]]:
        """What the penalties add to dL/dw of neuron j: an equation with names in braces, w among them, and the others.

        No equation where a penalty does not say it.
        """
        return "", {}

    def add_penalty_gradient_(self) -> None:
        """Add the gradient of the penalty to those of the parameters."""

    def before_update_(self) -> None:
        """Prepare for the optimizer's moving the parameters."""

    def after_update_(self) -> None:
        """Follow up on the optimizer's having moved the parameters."""

    # -- neurons ---------------------------------------------------------------------------------------------------

    def sources(self, j: int) -> Array:
        """(k,) which numbers of x the weights multiply that make number j of z, in the weights' order.

        Of an image -1 where a weight lies outside of it, on a 0.
        """
        return np.arange(self.n_in)

    def outgoing(self, j: int) -> tuple[Array, Array]:
        """What number j of x feeds, in evaluation: (k,) numbers of z, and (k,) dz/dx_j of each. New arrays."""
        slopes = np.empty((self.n_out, self.n_in), self.dtype)
        self.input_gradient_(np.eye(self.n_out, dtype=self.dtype), slopes)
        fed = np.flatnonzero(slopes[:, j])
        return fed, slopes[fed, j]

    def contests(self, j: int) -> list[tuple[int, int, int]]:
        """Where only the largest number of a window is handed on: the windows that see number j of x, for the walk.

        Of each: which number of z it makes, which number of x won it for the first sample of the batch, and how many
        are as large.
        """
        return []

    def explain_slope(self, j: int) -> tuple[str, dict[str, float]]:
        """How dz_j/dx_j follows in evaluation, where neuron j looks at number j of x alone, for the walk.

        An equation with names in braces and their numbers; no equation where it hands x on.
        """
        return "", {}

    def kink_sides(self) -> Iterator[Array]:
        """For each kink, on which side of it each argument lies: where one changes, L has no derivative."""
        return iter(())

    def compiled_for(self) -> list[tuple[Any, str]]:
        """Of what a compiled form of this layer is made: owner and attribute of each.

        Where there is another object, it has to be made anew.
        """
        return [(self, "_full")]

    # -- describing it ---------------------------------------------------------------------------------------------

    @property
    def detail(self) -> str:
        """What distinguishes it from others of its kind, in a word or two: its activation, its rate."""
        return ""

    @property
    def size_text(self) -> str:
        """How much it gives out for a sample: 64, or 24x24x8 of an image that a layer has made."""
        return "x".join(map(str, self.out_shape)) if self.index and len(self.out_shape) == 3 else str(self.n_out)

    @property
    def title(self) -> str:
        """Its kind and its detail, e.g. ``Dense relu``."""
        return f"{type(self).__name__} {self.detail}".strip()

    @property
    def image_shape(self) -> tuple[int, int] | None:
        """Height and width of a sample that can be seen as an image; only the input layer knows."""
        return None

    @property
    def weight_image_shape(self) -> tuple[int, int] | None:
        """Height and width of each neuron's weights as an image, where they look at the whole input."""
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
        """The layer that made what comes in; layers that pass it on in evaluation are looked through."""
        below = self.previous
        while below is not None and below.passes_through:
            below = below.previous
        return below


LAYERS: Registry[Layer] = Registry("layer", Layer)  # type: ignore[type-abstract]


class ActivationLayer(Layer):
    """A layer that computes z in some way and then a = f(z)."""

    transient = Layer.transient | {"function", "scratch"}
    function: Activation  # what is run: the activation, unless single neurons have another
    scratch: Sequence[Array]  # (B · places, neurons) each: what the activation keeps between forward and backward

    @property
    def activation(self) -> Activation:
        """Of the layer's neurons. Another may be assigned to a hidden layer, by name or as an instance."""
        return self.own_activation

    @activation.setter  # type: ignore[override]
    def activation(self, activation: str | Activation | dict[str, Any]) -> None:
        if self.is_output:
            raise NeurosimError(
                f"layer {self.index} is the output layer: its activation belongs to the loss; make a "
                "new Network for another"
            )
        self.own_activation: Activation = ACTIVATIONS.create(activation)
        self.choose_function()

    def set_batch_size(self, batch_size: int) -> None:
        super().set_batch_size(batch_size)
        self.scratch = [full[: batch_size * self.places] for full in self._full_scratch]
        # an activation sees a row for each place of an image, a neuron along the columns: (B · places, neurons)
        self._z, self._a, self._da, self._delta = map(self.by_neuron, (self.z, self.a, self.da, self.delta))

    def reserve(self, capacity: int) -> None:
        self.reserve_scratch(capacity)
        super().reserve(capacity)

    def reserve_scratch(self, capacity: int) -> None:
        """Choose what to run, and make the buffers that it needs."""
        self.function = self.wanted_function()
        self._full_scratch = self.function.make_scratch(capacity * self.places, self.neuron_count, self.dtype)

    def choose_function(self) -> None:
        """Run another function from now on; the activations of the last batch stay where they are."""
        if self._full:
            self.reserve_scratch(len(self._full["z"]))
            self.set_batch_size(self.batch_size)

    def wanted_function(self) -> Activation:
        """What has to be run for all neurons."""
        return self.activation

    def compiled_for(self) -> list[tuple[Any, str]]:
        settings = [(self.function, name) for name in vars(self.function)]
        return [*super().compiled_for(), (self, "_full_scratch"), (self, "function"), *settings]

    def activate_(self) -> None:
        """a = f(z)."""
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
