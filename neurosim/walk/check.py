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
    """The agreement of a neuron's gradient with central differences, computed in float64.

    Attributes:
        weights: relative error of dL/dw, ‖backprop - difference‖ / (‖backprop‖ + ‖difference‖).
        bias: relative error of dL/db; ``None``: there is no bias.
        skipped: the number of parameters left out because a kink (ReLU at 0) lies within the difference.
        tolerance: the largest relative error that counts as agreement; it is larger for float32.
    """

    weights: float
    bias: float | None
    skipped: int = 0
    tolerance: float = 1e-5

    @property
    def max_relative_error(self) -> float:
        """The larger of the two relative errors."""
        return float(np.max([self.weights, 0.0 if self.bias is None else self.bias]))  # NaN if one of them is NaN

    @property
    def passed(self) -> bool:
        """Whether backpropagation and central differences agree."""
        return self.max_relative_error <= self.tolerance

    def __str__(self) -> str:
        skipped = f"; {self.skipped:,} at a kink left out" if self.skipped else ""
        verdict = "agree" if self.passed else "DISAGREE"
        bias = "" if self.bias is None else f", {self.bias:.1e} (bias)"
        return f"central differences {verdict}: relative error {self.weights:.1e} (weights){bias}{skipped}"


@computes
@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # the differences of a diverged network are NaN
def check_neuron(
    neuron: Neuron, network: Network, x: Array, targets: Array, dL_dW: Array, dL_db: float | None
) -> Check:
    """Compare a neuron's gradient with central differences of the loss, computed in float64 on a copy of the network.

    Args:
        neuron: a neuron of the network.
        network: the network; it is not changed.
        x: (n,) one sample, the output of the input layer.
        targets: (n_out,) its targets.
        dL_dW: (k,) the gradient of the weights, penalties included.
        dL_db: the gradient of the bias; ``None``: there is no bias.
    """
    twin = Network.from_config(network.config() | {"dtype": "float64"})
    for name, array in network.arrays().items():
        if name in twin.arrays():
            twin.arrays()[name][...] = array
    layer = twin[neuron.layer.index]
    twin.load_batch(as_rows(x[None, :].astype(np.float64)), targets[None, :])

    def compare(array: Array, backprop: Array) -> tuple[float, int]:
        """Return the relative error over the parameters without a kink nearby, and the number of the others."""
        compared, numeric = central_differences(array, np.arange(array.size), STEP, lambda: objective(twin))
        return relative_error(backprop[compared], numeric), array.size - len(compared)

    tolerance = 1e-2 if network.dtype == np.float32 else Check.tolerance
    weights, skipped = compare(layer[neuron.index].weights, dL_dW)
    if dL_db is None:
        return Check(weights, None, skipped, tolerance)
    bias, at_kink = compare(layer.neuron_part(layer.views[layer.bias_name], neuron.index), np.array([dL_db]))
    return Check(weights, bias, skipped + at_kink, tolerance)
