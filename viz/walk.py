"""What there is to say about one neuron and one sample: its numbers, checked, and the words for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from neurosim.errors import NeurosimError, ShapeError
from neurosim.text import counted, plus, probability, short, short_pair, span

STAGES = (
    "inputs",
    "weighted sum",
    "activation",
    "output and loss",
    "output delta",
    "downstream sum",
    "local derivative",
    "delta",
    "weight gradients",
    "update",
    "the loss again",
)
"""The stages of the walk, in the order of `Stepper`; the numbers on the panels count them from 1."""


@dataclass
class Facts:
    """What the picture needs of a NeuronTrace, checked, as float64 copies."""

    layer: int
    index: int
    activation: Any
    inputs: np.ndarray
    weights: np.ndarray
    products: np.ndarray
    bias: float
    z: float
    a: float
    da_dz: float
    downstream_neurons: np.ndarray
    downstream_weights: np.ndarray
    downstream_deltas: np.ndarray
    downstream_products: np.ndarray
    dL_da: float
    delta: float
    dL_dW: np.ndarray
    dL_db: float
    weights_after: np.ndarray
    bias_after: float
    input_shape: tuple[int, int] | None
    loss: float
    loss_after: float
    optimizer: str
    learning_rate: float
    label: int | None
    prediction: int
    sample: int | None

    @classmethod
    def of(cls, trace: Any) -> Facts:
        """Read and check the attributes of `trace`."""
        names = cls.__dataclass_fields__
        missing = [name for name in names if not hasattr(trace, name)]
        if missing:
            raise NeurosimError(
                "trace: expected a NeuronTrace, such as net.trace(x, y)[1][5]; "
                f"received {type(trace).__name__} without {', '.join(missing[:4])}"
                f"{', …' if len(missing) > 4 else ''}."
            )
        facts = cls(**{name: getattr(trace, name) for name in names})
        shapes = dict.fromkeys(("inputs", "weights", "products", "dL_dW", "weights_after"), facts.inputs)
        shapes |= {name: facts.downstream_neurons for name in names if name.startswith("downstream")}
        for name, model in shapes.items():
            array = np.array(getattr(facts, name), dtype=int if name == "downstream_neurons" else float)
            if array.shape != (np.size(model),) or (name == "inputs" and array.size == 0):
                raise ShapeError(
                    f"trace.{name}: expected one number a term, shape ({np.size(model) or 'n_in'},); "
                    f"received {array.shape}."
                )
            setattr(facts, name, array)
        for name in (
            "bias",
            "z",
            "a",
            "da_dz",
            "dL_da",
            "delta",
            "dL_db",
            "bias_after",
            "loss",
            "loss_after",
        ):
            value = getattr(facts, name)
            setattr(facts, name, 0.0 if value is None else float(value))
        facts.input_shape = _image_shape(facts.input_shape, facts.inputs.size)
        return facts

    @property
    def is_output(self) -> bool:
        """Whether nothing lies downstream."""
        return self.downstream_neurons.size == 0

    @property
    def elementwise(self) -> bool:
        """Whether a depends on this neuron's z alone (softmax: no)."""
        return bool(getattr(self.activation, "elementwise", True))

    @property
    def key(self) -> str:
        """The activation's name."""
        return str(getattr(self.activation, "key", None) or type(self.activation).__name__.lower())

    @property
    def target(self) -> float | None:
        """What the output should have been, y, where delta = a - y holds with a y of 0 or 1; else None."""
        if self.is_output:
            for y in (0.0, 1.0):
                if abs(self.delta - (self.a - y)) <= 1e-6:
                    return y
        return None

    @property
    def penalized(self) -> bool:
        """Whether the gradient holds more than delta times the input: a regularizer's share."""
        size = max(float(np.max(np.abs(self.dL_dW), initial=0.0)), 1e-30)
        return not np.allclose(self.dL_dW, self.delta * self.inputs, rtol=1e-3, atol=1e-4 * size)

    def input_name(self, i: int) -> str:
        """Say where input i comes from."""
        if self.input_shape is not None:
            row, column = divmod(int(i), self.input_shape[1])
            return f"pixel ({row}, {column})"
        return f"neuron {i}" if self.layer > 1 else f"input {i}"

    def curve(self, z: np.ndarray) -> np.ndarray:
        """Return f at each z, shape (n,).

        Softmax with the other neurons held still: a(z) = e^z / (e^z + rest), a sigmoid moved along z.
        """
        if self.elementwise:
            return np.array(self.activation(z.copy()), dtype=float)
        return 1.0 / (1.0 + np.exp(np.clip(self.middle - z, -700, 700)))

    @property
    def middle(self) -> float:
        """The z at which a softmax output would be one half."""
        a = min(max(self.a, 1e-12), 1 - 1e-12)
        return self.z - float(np.log(a / (1 - a)))


def loss_words(facts: Facts) -> str:
    """Say what the step did to the loss of the sample."""
    before, after = facts.loss, facts.loss_after
    if not np.isfinite([before, after]).all():
        return "The loss is no longer a number."
    if before == after:
        return "The step leaves the loss of this sample as it was."
    size = abs(after - before) / abs(before) if before else np.inf
    verb = "lowers" if after < before else "raises"
    share = "" if size >= 10 else " by more than 99 %" if 0.99 < size < 1 else f" by {short(100 * size, 2)} %"
    return f"The step {verb} the loss of this sample{share}."


def stage_caption(facts: Facts, stage: int) -> str:
    """Return the line of one stage (from 1), with the numbers plugged in."""
    n, lit = facts.inputs.size, int(np.count_nonzero(facts.inputs))
    slope = "f'(z)" if facts.elementwise else "da/dz"
    label = "" if facts.label is None else f", the label is {facts.label}"
    if facts.is_output and facts.target is not None:
        down = "an output neuron: nothing lies downstream, the loss itself says how a should change"
        delta = f"δ = a − y = {probability(facts.a)} − {short(facts.target)} = {short(facts.delta)}"
    elif facts.is_output:
        down = f"an output neuron: dL/da = {short(facts.dL_da)} comes straight from the loss"
        delta = f"δ = dL/dz = {short(facts.delta)}"
    else:
        count = len(facts.downstream_neurons)
        above = f"{counted(count, 'neuron')} of layer {facts.layer + 1}"
        down = f"dL/da = Σ δₖ·wⱼₖ over {above} = {short(facts.dL_da)}"
        delta = f"δ = dL/da · f'(z) = {short(facts.dL_da)} × {short(facts.da_dz)} = {short(facts.delta)}"
    change = facts.weights_after - facts.weights
    before, after = short_pair(facts.loss, facts.loss_after)
    return (
        f"x: {counted(n, 'input')}, {lit} of them not zero, {span(facts.inputs)}",
        f"z = Σ w·x + b = {short(facts.products.sum())} {plus(facts.bias)} = {short(facts.z)}",
        f"a = {facts.key}({short(facts.z)}) = {short(facts.a)}",
        f"the network reads it as {facts.prediction}{label}; loss L = {short(facts.loss)}",
        "the way back starts at the output: its δ = dL/dz comes from the loss",
        down,
        f"{slope} = {short(facts.da_dz)}: the slope of the tangent at z = {short(facts.z)}",
        delta,
        f"dL/dw = δ·x{' + penalty' if facts.penalized else ''}: {span(facts.dL_dW)}; dL/db = {short(facts.dL_db)}",
        f"{facts.optimizer}: {int(np.count_nonzero(change))} of {n} weights move, "
        f"by up to {short(np.max(np.abs(change)))}",
        f"with all neurons updated: loss {before} → {after}",
    )[stage - 1]


def _image_shape(shape: Any, pixels: int) -> tuple[int, int] | None:
    """Return height and width of the inputs as a grey image; None where they are none."""
    if shape is None:
        return None
    sizes = tuple(int(n) for n in np.atleast_1d(shape))
    if int(np.prod(sizes)) != pixels:
        raise ShapeError(f"trace.input_shape: expected {pixels} pixels, one an input; received {sizes}.")
    if len(sizes) == 3 and sizes[2] == 1:
        sizes = sizes[:2]
    return (sizes[0], sizes[1]) if len(sizes) == 2 else None
