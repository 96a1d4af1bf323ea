"""The settings of a run: everything needed to make a network from a data set and to train it.

The options of the command line, the variants of a scenario and the reports all use `Settings`. It is a frozen record of
plain values that can be written to JSON, and it makes the network.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from ..activations import ACTIVATIONS
from ..augment import AUGMENTATIONS
from ..checks import check_count, check_number
from ..data import Dataset
from ..errors import NeurosimError
from ..initializers import INITIALIZERS
from ..layers import BatchNorm, Dense, Dropout, Input, Layer
from ..losses import LOSSES, CrossEntropy, check_pair
from ..network import BATCH_SIZE, EPOCHS, Network
from ..optimizers import OPTIMIZERS, Optimizer
from ..registry import Registry, explain_arguments, unknown
from ..regularizers import L1, L2, Regularizer
from ..schedules import SCHEDULES
from ..text import plain
from .callbacks import Callback, EarlyStopping
from .image_layers import GRAMMAR, image_layers, read_conv

MAX_WIDTH = 1_000_000  # neurons of a hidden layer
HELD_OUT, HELD_OUT_TEXT = 1 / 6, "a sixth"  # share of the training images in the validation set
CONSTANT = "constant"  # the schedule of a run without one
ALIASES = {"lr": "learning_rate", "bs": "batch_size", "batchnorm": "batch_norm"}  # names that other programs use
MONITORS = ("val_loss", "val_accuracy", "loss", "accuracy")  # figures of an epoch that early stopping can watch


def _setting(default: Any, read: Callable[[str, Any], Any], text: str, metavar: str = "X") -> Any:
    """Make a field with its check, its help text, and the name of its value in that text."""
    return field(default=default, metadata={"read": read, "help": text, "metavar": metavar})


def _count(low: int) -> Callable[[str, Any], Any]:
    def read(name: str, value: Any) -> int:
        return check_count(name, _number(value), low)

    return read


def _real(low: float, high: float, **bounds: bool) -> Callable[[str, Any], Any]:
    def read(name: str, value: Any) -> float:
        return check_number(name, _number(value), low, high, **bounds)

    return read


def _number(value: Any) -> Any:
    """Return text from the command line as a number, or unchanged if it is not a number."""
    if not isinstance(value, str):
        return value
    try:
        return int(value)
    except ValueError:
        try:
            return float(value)
        except ValueError:
            return value


def _optional(read: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    def read_optional(name: str, value: Any) -> Any:
        return None if value is None or value in ("none", "") else read(name, value)

    return read_optional


def _named(registry: Registry[Any]) -> Callable[[str, Any], Any]:
    def read(name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise NeurosimError(f"{name}: expected the name of a {registry.kind}, received {value!r}")
        registry.create(value)
        return value

    return read


def _flag(name: str, value: Any) -> bool:
    if value in (True, "true", "yes", "1"):
        return True
    if value in (False, "false", "no", "0"):
        return False
    raise NeurosimError(f"{name}: expected yes or no, received {value!r}")


def _widths(name: str, value: Any) -> tuple[int, ...]:
    parts = [part for part in value.split(",") if part.strip() != "none"] if isinstance(value, str) else value
    if isinstance(parts, int):
        parts = [parts]
    try:
        widths = tuple(check_count(name, _number(width)) for width in parts)
        if max(widths, default=0) > MAX_WIDTH:
            raise NeurosimError("too wide")
        return widths
    except (NeurosimError, TypeError):
        raise NeurosimError(
            f"{name}: expected widths of hidden layers such as 128,64 (or none), each of at most "
            f"{MAX_WIDTH:,}, received {value!r}"
        ) from None


def _one_of(*names: str) -> Callable[[str, Any], Any]:
    def read(name: str, value: Any) -> str:
        if value not in names:
            raise unknown(name, value, names)
        return str(value)

    return read


def _batch_size(name: str, value: Any) -> int | None:
    return None if value in (None, "full") else check_count(name, _number(value))


@dataclass(frozen=True)
class Settings:
    """How to make a network and train it. Every value is plain; a name may carry settings: "momentum:momentum=0.95".

    Raises:
        NeurosimError: a value is not valid, or the loss and the output activation do not fit together.

    Example:
        >>> Settings(hidden=(32,), activation="tanh").network(784, 10)
    """

    conv: tuple[str, ...] = _setting(
        (),
        read_conv,
        "convolutional and pooling layers before the hidden ones, e.g. 8x5,pool2,16x5,pool2. "
        f"Format: {GRAMMAR}. --dropout acts after the last of these layers [none]",
        "FxK,poolS",
    )
    hidden: tuple[int, ...] = _setting((128, 64), _widths, "widths of the hidden layers, e.g. 128,64, or none", "W,W")
    activation: str = _setting("relu", _named(ACTIVATIONS), "activation function of the hidden layers", "NAME")
    output: str | None = _setting(
        None, _optional(_named(ACTIVATIONS)), "activation function of the output layer [depends on the loss]", "NAME"
    )
    loss: str = _setting(
        "cross_entropy",
        _named(LOSSES),
        "loss function. Every loss except cross_entropy is a mean over the n outputs. Many books use the sum. "
        "For a learning rate from a book, multiply it by n/2 if the book uses half the sum of squares (mse with ten "
        "classes: 3.0 becomes 15). Multiply it by n for binary_cross_entropy (0.5 becomes 5)",
        "NAME",
    )
    optimizer: str = _setting("adam", _named(OPTIMIZERS), "optimizer", "NAME")
    learning_rate: float | None = _setting(
        None,
        _optional(_real(0.0, math.inf, open_high=True)),
        "learning rate; with a schedule, its largest value [the optimizer's default; twice that for one_cycle]",
    )
    schedule: str | None = _setting(None, _optional(_named(SCHEDULES)), "schedule of the learning rate", "NAME")
    initializer: str | None = _setting(
        None, _optional(_named(INITIALIZERS)), "initializer of the weights [depends on the activation]", "NAME"
    )
    epochs: int = _setting(EPOCHS, _count(0), "passes over the training samples", "N")
    batch_size: int | None = _setting(BATCH_SIZE, _batch_size, "samples per step, or full (all of them)", "N")
    dropout: float = _setting(
        0.0, _real(0.0, 1.0, open_high=True), "share of the hidden activations that each step drops (sets to 0)"
    )
    input_dropout: float = _setting(
        0.0, _real(0.0, 1.0, open_high=True), "share of the input features that each step drops (sets to 0)"
    )
    batch_norm: bool = _setting(False, _flag, "batch normalization in the hidden layers", "{yes,no}")
    l1: float = _setting(0.0, _real(0.0, math.inf, open_high=True), "strength of the L1 penalty")
    l2: float = _setting(0.0, _real(0.0, math.inf, open_high=True), "strength of the L2 penalty")
    max_norm: float | None = _setting(
        None,
        _optional(_real(0.0, math.inf, open_low=True, open_high=True)),
        "largest norm that a neuron's weights may have [no limit]",
    )
    clip_norm: float | None = _setting(
        None,
        _optional(_real(0.0, math.inf, open_low=True)),
        "largest norm of the gradient; a larger gradient is scaled down to it [no limit]",
    )
    label_smoothing: float = _setting(0.0, _real(0.0, 1.0, open_high=True), "label smoothing of cross_entropy")
    augment: str | None = _setting(
        None,
        _optional(_named(AUGMENTATIONS)),
        "random distortion of each training image: shift, affine, elastic or compose [none]",
        "NAME",
    )
    early_stopping: int = _setting(0, _count(0), "stop after N epochs without improvement; 0: never", "N")
    monitor: str = _setting(
        MONITORS[0],
        _one_of(*MONITORS),
        f"figure that early stopping watches: {', '.join(MONITORS[:-1])} or {MONITORS[-1]}",
        "NAME",
    )
    dtype: str = _setting("float32", _one_of("float32", "float64"), "type of the numbers: float32 or float64", "NAME")

    def __post_init__(self) -> None:
        for each in fields(self):
            object.__setattr__(self, each.name, each.metadata["read"](each.name, getattr(self, each.name)))
        check_pair(LOSSES.create(self.loss), ACTIVATIONS.create(self.output_activation))
        if self.l1 and self.l2:
            raise NeurosimError("l1, l2: expected one penalty, received both")
        if self.label_smoothing and not isinstance(LOSSES.create(self.loss), CrossEntropy):
            raise NeurosimError(f"label_smoothing: expected the loss cross_entropy with it, received loss {self.loss}")

    def change(self, **settings: Any) -> Settings:
        """Return a copy with some settings changed.

        Raises:
            NeurosimError: a setting is unknown, or its value is wrong.
        """
        known = [each.name for each in fields(self)]
        for name in settings:
            if name not in known:
                raise unknown("setting", name, known)
        return replace(self, **settings)

    @property
    def output_activation(self) -> str:
        """The key of the output activation: `output`, or the natural one of the loss."""
        return self.output or LOSSES.create(self.loss).natural_output

    @property
    def rate(self) -> float:
        """The learning rate, or the largest one of a schedule. By default, the optimizer's (see the help)."""
        if self.learning_rate is not None:
            return self.learning_rate
        own: float = OPTIMIZERS.create(self.optimizer).rate
        return own if self.schedule is None else own * SCHEDULES.create(self.schedule).usual_peak

    def used(self) -> dict[str, Any]:
        """Return the settings as plain values. A setting that is None has the value that is used for it."""
        activation = self.activation if self.hidden or self.conv else self.output_activation
        return asdict(self) | {
            "output": self.output_activation,
            "learning_rate": self.rate,
            "schedule": self.schedule or CONSTANT,
            "initializer": self.initializer or ACTIVATIONS.create(activation).initializer,
        }

    def rate_text(self) -> str:
        """Describe learning rate and schedule: "up to 0.002 (twice adam's default), schedule one_cycle"."""
        used, optimizer = self.used(), self.optimizer.partition(":")[0]
        text = f"{'up to ' if used['schedule'] != CONSTANT else ''}{plain(self.rate)}"
        if self.learning_rate is None and "learning_rate" not in self.optimizer:
            times = self.rate / OPTIMIZERS.create(self.optimizer).rate
            own = f"{optimizer}'s default"
            text += f" ({own if times == 1 else f'twice {own}' if times == 2 else f'{plain(times)} times {own}'})"
        return f"{text}, schedule {used['schedule']}"

    def make_layers(self, input_size: int | tuple[int, ...], classes: int) -> list[Layer]:
        """Make new layers: input, convolutional and pooling layers, hidden layers, output."""
        made: list[Layer] = [Input(input_size)]
        if self.input_dropout:
            made.append(Dropout(self.input_dropout))
        shape = input_size if isinstance(input_size, tuple) else (input_size,)
        made += image_layers(self.conv, shape, self.activation, self.initializer, self.batch_norm)
        if self.conv and self.dropout:
            made.append(Dropout(self.dropout))
        for width in self.hidden:
            if self.batch_norm:
                # the weights are initialized for the activation function that BatchNorm applies after them
                initializer = self.initializer or ACTIVATIONS.create(self.activation).initializer
                made += [Dense(width, initializer=initializer, use_bias=False), BatchNorm(self.activation)]
            else:
                made.append(Dense(width, self.activation, self.initializer))
            if self.dropout:
                made.append(Dropout(self.dropout))
        return [*made, Dense(classes, self.output_activation, self.initializer)]

    def make_optimizer(self) -> Optimizer:
        """Make a new optimizer with the learning rate or the schedule of these settings."""
        optimizer = OPTIMIZERS.create(self.optimizer)
        if self.clip_norm is not None:
            optimizer.clip_norm = self.clip_norm
        if self.schedule is None:
            optimizer.learning_rate = self.rate
        else:
            config = SCHEDULES.create(self.schedule).config() | {"rate": self.rate}
            if config.get("after"):
                config["after"] |= {"rate": self.rate}
            optimizer.learning_rate = SCHEDULES.create(config)
        return optimizer

    def network_for(self, train: Dataset, seed: int = 0) -> Network:
        """Make a network for a data set. It stores the scaling and the names of features and classes.

        Raises:
            NeurosimError: the loss needs classes, and the data have numbers to predict.
        """
        settings = self
        if not train.class_names:  # numbers may be of any size
            try:
                settings = self.change(output=self.output or "linear")
            except NeurosimError:
                raise NeurosimError(
                    f"loss: expected one for numbers, such as mse, because {train.name} has targets and no classes, "
                    f"received {self.loss}"
                ) from None
        network = settings.network(train.sample_shape, train.outputs, seed)
        network.learn(train)
        return network

    def network(self, input_size: int | tuple[int, ...], classes: int, seed: int = 0) -> Network:
        """Make a new network.

        Args:
            input_size: the number of features of a sample, or its shape.
            classes: the number of outputs.
            seed: the seed of all its random numbers.
        """
        penalty: Regularizer | None = L1(self.l1) if self.l1 else L2(self.l2) if self.l2 else None
        loss = LOSSES.create(self.loss)
        if self.label_smoothing:
            loss = CrossEntropy(self.label_smoothing)
        return Network(
            self.make_layers(input_size, classes),
            loss,
            self.make_optimizer(),
            regularizer=penalty,
            max_norm=self.max_norm,
            seed=seed,
            dtype=self.dtype,
        )

    @property
    def needs_validation(self) -> bool:
        """Whether training needs a validation set, to stop early or to change the learning rate."""
        stopping = self.early_stopping > 0 and self.monitor.startswith("val_")
        # the schedule may carry settings, or stand inside a warm_up
        return stopping or "reduce_on_plateau" in (self.schedule or "")

    def callbacks(self) -> list[Callback]:
        """Make the callbacks that these settings need."""
        return [EarlyStopping(self.monitor, self.early_stopping)] if self.early_stopping else []


Settings.__init__ = explain_arguments(Settings.__init__)  # type: ignore[method-assign]
