"""Layers: the equations of the forward and the backward pass, and the workspaces that keep what flows through.

A layer reads the activations of the layer below and writes its own; going back it finds dL/da in its buffer ``da``,
turns it into ``delta`` = dL/dz and its parameters' gradients, and writes dL/da of the layer below.  So a layer has
just two verbs, `forward_` and `backward_`, and everything a neuron can be asked for is in its buffers:

    x      (B, n_in)    what comes in: the activations of the layer below
    z      (B, n_out)   pre-activation
    a      (B, n_out)   activation
    da     (B, n_out)   dL/da, L the mean loss over the batch
    delta  (B, n_out)   dL/dz

Buffers belong to the last batch: they are overwritten by the next one.  They are made once for the largest batch and
cut to [:B] for a smaller one, so that a training step allocates nothing.

Keys: input, dense, dropout, batch_norm.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

from .activations import ACTIVATIONS, Activation
from .errors import NeurosimError, OutOfRangeError, ShapeError
from .initializers import INITIALIZERS, Initializer
from .interventions import Interventions, Pace
from .neuron import Neuron
from .optimizers import Optimizer
from .parameters import Array, FlatParameters, aligned_zeros
from .registry import Configurable, Registry, check_count, check_number
from .regularizers import L2, REGULARIZERS, Regularizer, limit_norms_


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


class Layer(Configurable, ABC):
    """What all layers have in common.

    Attributes:
        index: its place in the network; the input is layer 0.
        n_in: the width of the layer below.
        n_out: its own width, which is its number of neurons.
        views: name -> live view of a parameter or gradient array.
        z, a, da, delta: (B, n_out) the last batch, see the module's docstring; (0, n_out) before the first. Live.
    """

    state_names: ClassVar[tuple[str, ...]] = ()  # arrays that are kept with the weights but not trained

    index: int = -1
    is_output: bool = False
    n_in: int = 0
    n_out: int = 0
    batch_size: int = 0
    views: Mapping[str, Array] = MappingProxyType({})  # none outside a network
    _full: dict[str, Array] | MappingProxyType[str, Array] = MappingProxyType({})
    z: Array
    a: Array
    da: Array
    delta: Array

    def connect(self, index: int, previous: Layer | None, dtype: DTypeLike) -> None:
        """Take a place in a network, which has made sure that it had none."""
        self.index = index
        self.previous = previous
        self.dtype = np.dtype(dtype)
        self.n_in = 0 if previous is None else previous.n_out
        self.n_out = self.n_out or self.n_in
        self.views: dict[str, Array] = {}
        self.parameters: FlatParameters | None = None
        self.optimizer: Optimizer | None = None
        self.reserve(0)

    # -- parameters ------------------------------------------------------------------------------------------------

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name -> shape of each parameter array, e.g. ``{"W": (784, 128), "b": (128,)}``."""
        return {}

    def attach(self, parameters: FlatParameters) -> None:
        """Take this layer's views of the network's flat vectors."""
        self.parameters = parameters
        self.views = {}
        for name in self.parameter_shapes():
            self.views[name] = parameters[f"{name}{self.index}"]
            self.views["d" + name] = parameters.gradient(f"{name}{self.index}")

    def initialize_(self, rng: np.random.Generator) -> None:
        """Fill the parameters afresh, and forget any running statistics."""

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
        self.use(capacity)

    def use(self, batch_size: int) -> None:
        """Cut the buffers to `batch_size` rows."""
        self.batch_size = batch_size
        for name, full in self._full.items():
            setattr(self, name, full[:batch_size])

    def __getstate__(self) -> dict[str, Any]:
        # views and buffers are left out: copied one by one, they would be views no longer.  So is everything that
        # begins with an underscore: it is derived from the rest, and made again
        left_out = {"views", "batch_size", "scratch", "function", *self._full}
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

    @abstractmethod
    def backward_(self) -> None:
        """From da to delta, the parameters' gradients, and da of the layer below."""

    holds_back: bool = False  # whether anything has to be done before or after an update

    def before_update_(self) -> None:
        """Before the optimizer moves the parameters."""

    def after_update_(self) -> None:
        """After it."""

    @property
    def wanted_below(self) -> Array | None:
        """Da of the layer below, if anyone wants it."""
        below = self.previous
        return None if below is None or (isinstance(below, Input) and not below.wants_gradient) else below.da

    # -- neurons ---------------------------------------------------------------------------------------------------

    def _repr_html_(self) -> str:
        from .html import layer_html

        return layer_html(self)

    def __len__(self) -> int:
        return self.n_out

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, j: int) -> Neuron:
        """Neuron j, from 0; negative numbers count from the end.

        Raises:
            OutOfRangeError: there is no such neuron.
        """
        try:
            whole = int(j)
        except (TypeError, ValueError, OverflowError):
            whole = self.n_out
        if not -self.n_out <= whole < self.n_out or whole != j:
            raise OutOfRangeError(f"layer {self.index} has neurons 0 to {self.n_out - 1}, received {j!r}")
        return Neuron(self, whole % self.n_out)

    def __iter__(self) -> Iterator[Neuron]:
        return (Neuron(self, j) for j in range(self.n_out))


LAYERS: Registry[Layer] = Registry("layer", Layer)  # type: ignore[type-abstract]


@LAYERS.register("input")
class Input(Layer):
    """Layer 0: takes images or rows of numbers, scales integers, and passes them on as a.

    Args:
        size: how many numbers a sample has, or its shape, e.g. ``(28, 28)``.
        scale: what integers are multiplied by; 1/255 maps pixels to [0, 1]. Floats are taken as they are.
    """

    def __init__(self, size: int | tuple[int, ...], scale: float = 1.0 / 255.0) -> None:
        shape = size if isinstance(size, (tuple, list)) else (size,)
        sides = tuple(check_count("Input size", side) for side in shape)
        self.size: int | tuple[int, ...] = sides if isinstance(size, (tuple, list)) else sides[0]
        self.n_out = math.prod(sides)
        self.scale = check_number("scale", scale, 0.0, math.inf, open_low=True, open_high=True)
        self.wants_gradient = False  # whether the backward pass goes on to dL/dx of the network's input

    def buffers(self) -> dict[str, int]:
        return dict.fromkeys(("a", "da") if self.wants_gradient else ("a",), self.n_out)

    def use(self, batch_size: int) -> None:
        super().use(batch_size)
        self._scale = np.array(self.scale, self.dtype)[()]  # a scalar of its own dtype keeps the product in it
        self._raw = np.empty((0, self.n_out), np.uint8)  # a batch in the data's own dtype

    def forward_(self, training: bool) -> None:
        """Nothing to do: `take` or `gather` has filled a."""

    def backward_(self) -> None:
        """Nothing lies below."""

    def check(self, x: Any) -> Array:
        """`x` as rows (N, n_out), not copied where it is an array already; one sample becomes one row.

        Raises:
            ShapeError: a sample has another size.
            NeurosimError: not numbers.
        """
        try:
            array = np.asarray(x)
        except ValueError:
            raise ShapeError(
                f"expected samples of {self.n_out} numbers each, received rows of different lengths"
            ) from None
        if array.dtype.kind not in "buif":
            raise NeurosimError(f"expected numbers as input, received an array of {array.dtype}")
        if array.ndim > 1 and math.prod(array.shape[1:]) == self.n_out:
            return array.reshape(len(array), self.n_out)
        if array.size == self.n_out and array.ndim in (1, len(np.atleast_1d(self.size)), 2):
            return array.reshape(1, self.n_out)
        raise ShapeError(
            f"expected samples of {self.n_out} numbers, shape (N, {self.n_out}), received an array of "
            f"shape {array.shape}; make the Input layer as large as one sample"
        )

    def take(self, rows: Array) -> None:
        """Fill a with consecutive rows (B, n_out)."""
        if rows.dtype.kind in "ui":
            np.copyto(self.a, rows, "unsafe")  # to convert and then scale is quicker than both at once
            np.multiply(self.a, self._scale, self.a)
        else:
            np.copyto(self.a, rows, casting="same_kind" if rows.dtype.kind == "f" else "unsafe")

    def gather(self, rows: Array, indices: Array) -> None:
        """Fill a with the rows (N, n_out) that have these indices (B,)."""
        if rows.dtype == self.dtype:
            rows.take(indices, 0, self.a, "clip")  # any other mode would buffer the whole batch
            return
        raw = self._raw
        if raw.dtype != rows.dtype or len(raw) != len(indices):
            raw = self._raw = np.empty((len(indices), self.n_out), rows.dtype)
        rows.take(indices, 0, raw, "clip")
        self.take(raw)

    @property
    def z(self) -> Array:  # type: ignore[override]
        """The same as a: nothing is summed in the input layer. Live."""
        return self.a

    @property
    def delta(self) -> Array:  # type: ignore[override]
        """Not defined for the input.

        Raises:
            NeurosimError: always.
        """
        raise NeurosimError("the input layer has no delta: expected a layer from 1 on")


class _Activated(Layer):
    """A layer that computes z in some way and then a = f(z)."""

    function: Activation  # what is run: the activation, unless single neurons have another
    scratch: Sequence[Array]  # (B, n_out) each: what the activation keeps between forward and backward

    @property
    def activation(self) -> Activation:
        """Of the layer's neurons. Another may be assigned to a hidden layer, by name or as an instance."""
        activation: Activation = vars(self)["activation"]
        return activation

    @activation.setter
    def activation(self, activation: str | Activation | dict[str, Any]) -> None:
        if self.is_output:
            raise NeurosimError(
                f"layer {self.index} is the output layer: its activation belongs to the loss; make a "
                "new Network for another"
            )
        vars(self)["activation"] = ACTIVATIONS.create(activation)
        self.choose_function()

    def use(self, batch_size: int) -> None:
        super().use(batch_size)
        self.scratch = [full[:batch_size] for full in self._full_scratch]

    def reserve(self, capacity: int) -> None:
        self.reserve_scratch(capacity)
        super().reserve(capacity)

    def reserve_scratch(self, capacity: int) -> None:
        """Choose what to run, and make the buffers that it needs."""
        self.function = self.wanted_function()
        self._full_scratch = self.function.make_scratch(capacity, self.n_out, self.dtype)

    def choose_function(self) -> None:
        """Run another function from now on; the activations of the last batch stay where they are."""
        if self._full:
            self.reserve_scratch(len(self._full["z"]))
            self.use(self.batch_size)

    def wanted_function(self) -> Activation:
        """What has to be run for all neurons."""
        return self.activation

    def activate_(self) -> None:
        """a = f(z)."""
        self.function.forward_(self.z, self.a, self.scratch)

    def backward_(self) -> None:
        self.function.backward_(self.da, self.z, self.a, self.delta, self.scratch)
        self.backward_from_delta_()

    @abstractmethod
    def backward_from_delta_(self) -> None:
        """From delta to the parameters' gradients and da of the layer below."""


@LAYERS.register("dense")
class Dense(_Activated):
    """Every neuron sees every activation of the layer below: z = x W + b, a = f(z).

    Args:
        units: how many neurons.
        activation: by name or as an instance.
        initializer: of W; ``None``: the one that suits the activation (He for ReLU and its kin, LeCun for SELU,
            otherwise Glorot). Biases start at zero.
        use_bias: whether there is a b.
        regularizer: a penalty on W; ``None``: the network's.
        max_norm: the largest Euclidean norm of one neuron's incoming weights; ``None``: the network's.

    Attributes:
        W: (n_in, n_out) weights; column j belongs to neuron j. Live; assigning copies.
        b: (n_out,) biases. Live.
        dW, db: their gradients of the mean batch loss. Live.
    """

    W = ParameterView()
    b = ParameterView()
    dW = ParameterView()
    db = ParameterView()
    _full_ones: Array = np.ones(0)

    def __init__(
        self,
        units: int,
        activation: str | Activation | dict[str, Any] = "linear",
        initializer: str | Initializer | dict[str, Any] | None = None,
        use_bias: bool = True,
        regularizer: str | Regularizer | dict[str, Any] | None = None,
        max_norm: float | None = None,
    ) -> None:
        self.units = self.n_out = check_count("units", units)
        self.activation = activation
        self.initializer = None if initializer is None else INITIALIZERS.create(initializer)
        self.use_bias = bool(use_bias)
        self.regularizer = None if regularizer is None else REGULARIZERS.create(regularizer)
        self.max_norm = (
            None
            if max_norm is None
            else check_number("max_norm", max_norm, 0.0, math.inf, open_low=True, open_high=True)
        )
        self.interventions = Interventions()
        self._pace: Pace | None = None

    def attach(self, parameters: FlatParameters) -> None:
        super().attach(parameters)
        views = self.views
        self._W, self._W_transposed, self._dW = views["W"], views["W"].T, views["dW"]
        self._b, self._db = views.get("b"), views.get("db")
        self.intervene(self.interventions)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        W: dict[str, tuple[int, ...]] = {"W": (self.n_in, self.n_out)}
        return W | {"b": (self.n_out,)} if self.use_bias else W

    def initialize_(self, rng: np.random.Generator) -> None:
        initializer = self.initializer or INITIALIZERS.create(self.activation.initializer)
        self.W = initializer((self.n_in, self.n_out), rng)
        if self.use_bias:
            self.b = 0.0

    def use(self, batch_size: int) -> None:
        super().use(batch_size)
        # the views that a step needs, made once: to look them up again at every step would cost more than the step of
        # a small network
        if len(self._full_ones) < batch_size:
            self._full_ones = np.ones(batch_size, self.dtype)
        self._ones = self._full_ones[:batch_size]
        self._x = self.x
        self._x_transposed = self.x.T
        self._below = self.wanted_below

    def forward_(self, training: bool) -> None:
        z = self.z
        self._x.dot(self._W, z)  # (B, n_out) z = x W
        if self._b is not None:
            np.add(z, self._b, z)  # z = x W + b
        self.activate_()

    def backward_from_delta_(self) -> None:
        delta = self.delta
        np.dot(self._x_transposed, delta, self._dW)  # (n_in, n_out) dW = xᵀ delta
        if self._db is not None:
            self._ones.dot(delta, self._db)  # (n_out,) db = the sum of delta over the batch
        if self._below is not None:
            np.dot(delta, self._W_transposed, self._below)  # (B, n_in) dL/dx = delta Wᵀ

    def add_penalty_gradient_(self) -> None:
        """dW ← dW + dR/dW, if there is a regularizer."""
        if self.regularizer is not None:
            self.regularizer.add_gradient_(self._W, self._dW, self._weight_scratch)
        if self.interventions.l2:
            columns, strengths = list(self.interventions.l2), list(self.interventions.l2.values())
            self._dW[:, columns] += np.array(strengths, self.dtype) * self._W[:, columns]

    def penalty(self) -> float:
        """What its regularizer, and those of single neurons, add to the loss."""
        penalty = 0.0 if self.regularizer is None else self.regularizer(self.W)
        return penalty + sum(L2(strength)(self.W[:, j]) for j, strength in self.interventions.l2.items())

    @property
    def holds_back(self) -> bool:  # type: ignore[override]
        return self.max_norm is not None or self._pace is not None

    @property
    def penalized(self) -> bool:
        """Whether a penalty has to be added to the gradient."""
        return self.regularizer is not None or bool(self.interventions.l2)

    def before_update_(self) -> None:
        if self._pace is not None:
            self._pace.before_()

    def after_update_(self) -> None:
        """After it: hold back the neurons that are to be held back, and bring weight norms within `max_norm`."""
        if self._pace is not None:
            self._pace.after_()
        if self.max_norm is not None:
            limit_norms_(self.W, self.max_norm, self._weight_scratch)
            if self._pace is not None:
                self._pace.hold_()

    # -- interventions on single neurons ---------------------------------------------------------------------------

    def wanted_function(self) -> Activation:
        return self.interventions.activation(self.activation)

    def intervene(self, interventions: Interventions) -> None:
        """Replace the interventions on this layer's neurons.

        Raises:
            NeurosimError: an output of the output layer is to be changed; what it gives out belongs to the loss.
        """
        if self.is_output and (interventions.activations or interventions.values):
            raise NeurosimError(
                f"layer {self.index} is the output layer: the activation of its neurons belongs to the "
                "loss and cannot be forced or exchanged; choose a neuron of a hidden layer"
            )
        self.interventions = interventions
        self._pace = Pace(interventions, self.views) if interventions.frozen or interventions.factors else None
        self.choose_function()

    @property
    def _weight_scratch(self) -> Array:
        """(n_in, n_out) made once, and only where it is needed."""
        if self._full_weight_scratch is None:
            self._full_weight_scratch = np.empty_like(self.W)
        return self._full_weight_scratch

    _full_weight_scratch: Array | None = None

    def __repr__(self) -> str:
        wiring = f" <- {self.n_in}" if self.index >= 0 else ""
        return f"Dense({self.units}, {self.activation.key!r}){wiring}"


@LAYERS.register("dropout")
class Dropout(Layer):
    """In training, each activation is set to 0 with probability `rate` and the others are divided by 1 - rate.

    So the expected activation stays what it was (*inverted* dropout), and in evaluation nothing has to be done.

    Args:
        rate: in [0, 1).

    Attributes:
        mask: (B, n_out) of the last training batch: 0 or 1 / (1 - rate). Live.
        rng: the stream of random numbers; the network gives it.

    Reference: Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting.
    """

    mask: Array

    def __init__(self, rate: float = 0.5) -> None:
        self.rate = check_number("rate", rate, 0.0, 1.0, open_high=True)
        self.rng = np.random.default_rng(0)

    def buffers(self) -> dict[str, int]:
        return super().buffers() | {"mask": self.n_out}

    def forward_(self, training: bool) -> None:
        np.copyto(self.z, self.x)
        if training and self.rate > 0.0:
            mask = self.mask
            self.rng.random(out=mask, dtype=self.dtype.name)  # type: ignore[call-overload]
            np.greater_equal(mask, self.rate, out=mask, casting="unsafe")  # 1 with probability 1 - rate
            mask *= 1.0 / (1.0 - self.rate)
            np.multiply(self.x, mask, out=self.a)
        else:
            self.mask.fill(1.0)
            np.copyto(self.a, self.x)

    def backward_(self) -> None:
        np.multiply(self.da, self.mask, out=self.delta)
        below = self.wanted_below
        if below is not None:
            np.copyto(below, self.delta)


@LAYERS.register("batch_norm")
class BatchNorm(_Activated):
    """z = γ x̂ + β with x̂ = (x - mean) / √(variance + ε), then a = f(z).

    In training mean and variance are those of the batch, in evaluation running averages of them (the running
    variance is that of the unbiased estimate).  Put it behind a linear layer and give it the activation:
    ``Dense(128, use_bias=False), BatchNorm("relu")``.

    Args:
        activation: by name or as an instance.
        momentum: the weight of the new batch in the running averages, in (0, 1].
        epsilon: ε, above 0.

    Attributes:
        gamma, beta: (n_out,) scale and shift. Live; assigning copies.
        dgamma, dbeta: their gradients. Live.
        running_mean, running_variance: (n_out,) what evaluation uses. Live.
        x_hat: (B, n_out) the normalized input of the last batch. Live.

    Reference: Ioffe and Szegedy (2015), Batch normalization, algorithms 1 and 2; defaults and the meaning of
    `momentum` are PyTorch's.
    """

    state_names = ("running_mean", "running_variance")
    gamma = ParameterView()
    beta = ParameterView()
    dgamma = ParameterView()
    dbeta = ParameterView()
    x_hat: Array
    _work: Array

    def __init__(
        self, activation: str | Activation | dict[str, Any] = "linear", momentum: float = 0.1, epsilon: float = 1e-5
    ) -> None:
        self.activation = activation
        self.momentum = check_number("momentum", momentum, 0.0, 1.0, open_low=True)
        self.epsilon = check_number("epsilon", epsilon, 0.0, math.inf, open_low=True)

    def connect(self, index: int, previous: Layer | None, dtype: DTypeLike) -> None:
        super().connect(index, previous, dtype)
        self.running_mean = np.zeros(self.n_out, self.dtype)
        self.running_variance = np.ones(self.n_out, self.dtype)

    def reserve(self, capacity: int) -> None:
        super().reserve(capacity)
        self._mean, self._variance, self._inverse = (np.zeros(self.n_out, self.dtype) for _ in range(3))
        self._trained = False  # whether the last forward pass was one of training

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"gamma": (self.n_out,), "beta": (self.n_out,)}

    def initialize_(self, rng: np.random.Generator) -> None:
        self.gamma, self.beta = 1.0, 0.0
        self.running_mean[...], self.running_variance[...] = 0.0, 1.0

    def buffers(self) -> dict[str, int]:
        return super().buffers() | {"x_hat": self.n_out, "_work": self.n_out}

    def forward_(self, training: bool) -> None:
        x, x_hat, z = self.x, self.x_hat, self.z
        self._trained = training
        if training:
            mean, variance = self._mean, self._variance
            np.mean(x, axis=0, out=mean)
            np.subtract(x, mean, out=x_hat)
            np.multiply(x_hat, x_hat, out=z)
            np.mean(z, axis=0, out=variance)
        else:
            mean, variance = self.running_mean, self.running_variance
            np.subtract(x, mean, out=x_hat)
        inverse = self._inverse
        np.add(variance, self.epsilon, out=inverse)
        np.sqrt(inverse, out=inverse)
        np.reciprocal(inverse, out=inverse)  # 1 / √(variance + ε)
        x_hat *= inverse
        np.multiply(x_hat, self.gamma, out=z)
        z += self.beta
        self.activate_()

    @property
    def holds_back(self) -> bool:  # type: ignore[override]
        return self._trained

    def after_update_(self) -> None:
        """Move the running averages towards mean and variance of the batch."""
        B = self.batch_size
        self.running_mean *= 1.0 - self.momentum
        self.running_mean += self.momentum * self._mean
        if B > 1:  # a single sample has no variance
            self.running_variance *= 1.0 - self.momentum
            self.running_variance += self.momentum * B / (B - 1) * self._variance

    def backward_from_delta_(self) -> None:
        delta, x_hat, work = self.delta, self.x_hat, self._work
        np.multiply(delta, x_hat, out=work)
        np.add.reduce(work, axis=0, out=self.dgamma)
        np.add.reduce(delta, axis=0, out=self.dbeta)
        below = self.wanted_below
        if below is None:
            return
        if self._trained:
            # dL/dx = γ/√(variance + ε) (delta - mean(delta) - x̂ mean(delta x̂)): mean and variance depend on x too
            B = len(delta)
            np.multiply(x_hat, self.dgamma, out=work)
            work += self.dbeta
            work *= 1.0 / B
            np.subtract(delta, work, out=below)
            below *= self.gamma
        else:
            np.multiply(delta, self.gamma, out=below)
        below *= self._inverse
