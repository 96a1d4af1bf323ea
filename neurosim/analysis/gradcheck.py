"""Gradient checking: backpropagation compared with central differences, in float64.

    dL/dθ_i ≈ (L(θ + h e_i) - L(θ - h e_i)) / 2h,   with an error that falls as h²

A function with a kink (ReLU at 0) has no derivative at the kink.  A difference taken across it says nothing about
either side.  So the check watches on which side of every kink each z lies.  If a side changes, the entry is left out
and counted.

Reference: Goodfellow et al. (2016), Deep learning, section 11.5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..activations import ACTIVATIONS
from ..checks import check_count, check_number
from ..errors import NeurosimError
from ..layers import AveragePool2D, BatchNorm, Conv2D, Dense, Dropout, Flatten, Input, Layer, MaxPool2D
from ..layers.conv import PADDINGS
from ..losses import LOSSES
from ..network import Network
from ..parameters import Array
from ..processors import computes
from ..regularizers import REGULARIZERS

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class GradientCheck:
    """The agreement of the gradient of each parameter array with central differences.

    Attributes:
        errors: name -> ‖backprop - difference‖ / (‖backprop‖ + ‖difference‖), 0 if both are zero.
        checked: the number of entries that were compared.
        skipped: the number of entries left out, because a kink lay within the difference.
        tolerance: the largest error that counts as agreement.
    """

    errors: dict[str, float]
    checked: int
    skipped: int
    tolerance: float

    @property
    def max_relative_error(self) -> float:
        """Return the largest of the errors."""
        return float(np.max([*self.errors.values(), 0.0]))  # NaN, if one of them is

    @property
    def passed(self) -> bool:
        """Return whether all arrays agree, and most entries could be compared."""
        return self.max_relative_error <= self.tolerance and self.checked > self.skipped

    def __str__(self) -> str:
        """Return whether they agree, in a sentence, with the arrays that do not."""
        if self.passed:
            what = f"agree: largest relative error {self.max_relative_error:.1e} in {self.checked:,} parameters"
        elif wrong := {name: error for name, error in self.errors.items() if not error <= self.tolerance}:
            what = f"DISAGREE: relative error {', '.join(f'{error:.1e} in {name}' for name, error in wrong.items())}"
        else:
            what = f"say little: {self.skipped:,} of {self.checked + self.skipped:,} parameters are at a kink"
        return f"central differences {what} (tolerance {self.tolerance:g})"

    def to_frame(self) -> pd.DataFrame:
        """Return a new DataFrame with one row per parameter array."""
        import pandas as pd

        return pd.DataFrame({"array": list(self.errors), "relative_error": list(self.errors.values())})


RESOLUTION = 1e-9  # a difference over 1e-5 of a loss near 1 cannot tell a smaller gradient from zero


def relative_error(one: Array, other: Array) -> float:
    """Return ‖one - other‖ / (‖one‖ + ‖other‖), between 0 and 1.

    It is 0 if both are zero to within `RESOLUTION`, and NaN if either holds NaN or infinity.
    """
    one = np.asarray(one, np.float64)  # the norm of a float32 vector would be rounded to that
    size = float(np.linalg.norm(one) + np.linalg.norm(other))
    return 0.0 if size <= RESOLUTION else float(np.linalg.norm(one - other)) / size  # NaN if there is one


@computes
def check_gradients(
    network: Network,
    x: Any,
    y: Any,
    *,
    step: float = 1e-5,
    tolerance: float = 1e-6,
    training: bool = True,
    entries: int | None = None,
    seed: int = 0,
) -> GradientCheck:
    """Compare every gradient of the mean batch loss (penalties included) with central differences.

    Args:
        network: in float64. Its parameters are moved, then restored bit for bit.
        x: (B, …) samples.
        y: (B,) class indices or (B, n_out) rows.
        step: h.
        tolerance: the largest relative error that counts as agreement.
        training: whether dropout and batch normalization behave as in training. Dropout draws the same mask each time.
        entries: the number of entries of each parameter array to compare, chosen at random; ``None``: all.
        seed: the seed of that choice.

    Raises:
        NeurosimError: the network is not in float64, or a setting is out of bounds.
    """
    if network.dtype != np.float64:
        raise NeurosimError(
            f"gradient check: expected a network with dtype='float64', received {network.dtype}; "
            "float32 has too few digits for differences of 1e-5"
        )
    step = check_number("step", step, 0.0, 1.0, open_low=True)
    entries = None if entries is None else check_count("entries", entries)
    before = network.snapshot()
    theta = network.parameters.theta
    rng = np.random.default_rng(seed)

    def run() -> tuple[float, Array]:
        for purpose, state in before["streams"].items():
            network.streams[purpose].bit_generator.state = state
        return objective(network, training)

    network.load_batch(x, y)
    run()
    network.backward_()
    backprop = network.parameters.grad.copy()
    errors: dict[str, float] = {}
    checked = skipped = 0
    for name, (where, _) in network.parameters.slots.items():
        chosen = np.arange(where.start, where.stop)
        if entries is not None and entries < len(chosen):
            chosen = rng.choice(chosen, entries, replace=False)
        compared, numeric = central_differences(theta, chosen, step, run)
        checked += len(compared)
        skipped += len(chosen) - len(compared)
        errors[name] = relative_error(backprop[compared], numeric)
    network.restore(before)
    network.parameters.grad[...] = backprop
    return GradientCheck(errors, checked, skipped, tolerance)


def central_differences(
    array: Array,
    entries: Array,
    step: float,
    run: Callable[[], tuple[float, Array]],
) -> tuple[Array, Array]:
    """Return (L(θ + h e_i) - L(θ - h e_i)) / 2h for each entry that is not next to a kink.

    Args:
        array: θ, of any shape. It is changed, then restored bit for bit.
        entries: the indices of its numbers, counted row by row.
        step: h.
        run: returns L, and the side of each kink on which each value lies, as `objective` does.

    Returns:
        (k,) the entries that could be compared, and (k,) their differences.
    """
    compared, differences = [], []
    flat = array.flat  # live, whatever the shape
    for i in entries:
        kept = flat[i]
        flat[i] = kept + step
        above, sides_above = run()
        flat[i] = kept - step
        below, sides_below = run()
        flat[i] = kept
        if np.array_equal(sides_above, sides_below):
            compared.append(i)
            differences.append((above - below) / (2.0 * step))
    return np.array(compared, np.intp), np.array(differences)


def objective(network: Network, training: bool = False) -> tuple[float, Array]:
    """Return the loss of the loaded batch with its penalties, and the side of each kink on which each value lies."""
    network.forward_(training)
    loss = network.loss.value_(network.output, network.targets) + network.penalty()
    sides = [side.ravel() for layer in network for side in layer.kink_sides()]
    of_the_loss = network.loss.kink_arguments(network.output.a, network.targets) > 0.0
    return loss, np.concatenate([*sides, of_the_loss.ravel()])


def check_everything(seed: int = 0) -> Iterator[tuple[str, str, GradientCheck]]:
    """Check every activation, every loss with every output activation it accepts, and every kind of layer.

    Yields:
        (kind, name, result): e.g. ``("activation", "relu", …)``, ``("loss", "mse on sigmoid", …)``.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(6, 7))
    y = rng.integers(0, 4, size=6)
    images = np.random.default_rng(seed + 2).normal(size=(6, 6, 5, 2))

    def check(*layers: Layer, x: Array = x, **settings: Any) -> GradientCheck:
        network = Network([Input(x.shape[1:]), *layers], seed=seed + 1, dtype="float64", **settings)
        for layer in network:
            if layer.bias_name in layer.views:  # zeros would hide a wrong bias
                bias = layer.views[layer.bias_name]
                bias[...] = rng.normal(scale=0.3, size=bias.shape)
        return check_gradients(network, x, y)

    for key in ACTIVATIONS:
        yield "activation", key, check(Dense(6, key), Dense(5, key), Dense(4, "softmax"))
    for key in LOSSES:
        for output in ACTIVATIONS:
            if LOSSES[key]().accepts(ACTIVATIONS[output]()):
                hidden = Dense(6, "tanh"), Dense(5, "tanh")
                yield "loss", f"{key} on {output}", check(*hidden, Dense(4, output), loss=key)
    yield "layer", "dense", check(Dense(6, "tanh"), Dense(4, "softmax"))
    yield "layer", "dense without bias", check(Dense(6, "tanh", use_bias=False), Dense(4, "softmax"))
    yield "layer", "dropout", check(Dense(8, "tanh"), Dropout(0.4), Dense(4, "softmax"))
    yield "layer", "batch_norm", check(Dense(6), BatchNorm("tanh"), Dense(4), BatchNorm("softmax"))
    of_images: list[tuple[str, list[Layer]]] = [
        ("batch_norm of images", [Conv2D(3, 2, use_bias=False), BatchNorm("tanh")]),
        ("flatten", [Flatten()]),
    ]
    for padding in PADDINGS:
        of_images.append((f"conv2d {padding}", [Conv2D(3, 3, "tanh", 1, padding), Conv2D(2, 2, "tanh", 2, padding)]))
    for pool in (MaxPool2D, AveragePool2D):
        for stride in (2, 1):
            of_images.append((f"{pool.key} stride {stride}", [Conv2D(3, 2, "tanh"), pool(2, stride)]))
    for name, layers in of_images:
        yield "layer", name, check(*layers, Dense(4, "softmax"), x=images)
    for key in REGULARIZERS:
        penalty = REGULARIZERS[key](strength=0.01)
        yield "regularizer", key, check(Dense(6, "tanh"), Dense(4, "softmax"), regularizer=penalty)
