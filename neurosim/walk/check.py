"""One neuron's gradient for one sample, compared with central differences of the loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..analysis.gradcheck import central_differences, objective, relative_error
from ..layers.neuron import Neuron
from ..network import Network
from ..parameters import Array
from ..processors import computes
from ..samples import as_rows

STEP = 1e-5  # of the central differences


@dataclass(frozen=True)
class Check:
    """How well the gradient of a neuron agrees with central differences, taken in float64.

    Attributes:
        weights: relative error of dL/dw, ‖backprop - difference‖ / (‖backprop‖ + ‖difference‖).
        bias: relative error of dL/db; ``None``: there is no bias.
        skipped: how many of these could not be compared, because a kink (ReLU at 0) lay within the difference.
        tolerance: what counts as agreement; backprop in float32 has lost some digits.
    """

    weights: float
    bias: float | None
    skipped: int = 0
    tolerance: float = 1e-5

    @property
    def max_relative_error(self) -> float:
        """The larger of the two."""
        return float(np.max([self.weights, 0.0 if self.bias is None else self.bias]))  # NaN, if one of them is

    @property
    def passed(self) -> bool:
        """Whether backprop and differences agree."""
        return self.max_relative_error <= self.tolerance

    def __str__(self) -> str:
        skipped = f"; {self.skipped:,} at a kink, left out" if self.skipped else ""
        verdict = "agree" if self.passed else "DISAGREE"
        bias = "" if self.bias is None else f", {self.bias:.1e} (bias)"
        return f"central differences {verdict}: relative error {self.weights:.1e} (weights){bias}{skipped}"


@computes
@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # a diverged network has differences of NaN
def check_neuron(
    neuron: Neuron, network: Network, x: Array, targets: Array, dL_dW: Array, dL_db: float | None
) -> Check:
    """Compare a neuron's gradient with central differences of the loss, taken in float64 on a copy of the network.

    Args:
        neuron: of the network.
        network: it is left as it was.
        x: (n,) one sample, as the input layer gives it out.
        targets: (n_out,) its targets.
        dL_dW: (k,) the gradient of the weights, penalties included.
        dL_db: that of the bias; ``None``: there is none.
    """
    twin = Network.from_config(network.config() | {"dtype": "float64"})
    for name, array in network.arrays().items():
        if name in twin.arrays():
            twin.arrays()[name][...] = array
    layer = twin[neuron.layer.index]
    twin.load_batch(as_rows(x[None, :].astype(np.float64)), targets[None, :])

    def compare(array: Array, backprop: Array) -> tuple[float, int]:
        """The relative error over the entries that no kink lies next to, and how many have one."""
        compared, numeric = central_differences(array, np.arange(array.size), STEP, lambda: objective(twin))
        return relative_error(backprop[compared], numeric), array.size - len(compared)

    tolerance = 1e-2 if network.dtype == np.float32 else Check.tolerance
    weights, skipped = compare(layer[neuron.index].weights, dL_dW)
    if dL_db is None:
        return Check(weights, None, skipped, tolerance)
    bias, at_kink = compare(layer.neuron_part(layer.views[layer.bias_name], neuron.index), np.array([dL_db]))
    return Check(weights, bias, skipped + at_kink, tolerance)
