"""The loss around a trained network, along two random directions.

A direction d has the shape of all parameters.  Each neuron's incoming weights in it are scaled to the norm of the
network's own (filter normalization), because a step of one length means little to large weights and much to small
ones; everything that is not a weight (biases, and the scale and shift of batch normalization) stays as it is:

    d[:, j] = g[:, j] ‖W[:, j]‖ / ‖g[:, j]‖    for neuron j of each layer, g ~ N(0, 1)
    loss(α, β) = L(θ + α d1 + β d2)

Reference: Li, Xu, Taylor, Studer, Goldstein (2018), Visualizing the loss landscape of neural nets, sections 3 and 4.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..checks import check_count, check_number
from ..parameters import Array
from ..processors import computes
from ..text import short, span

if TYPE_CHECKING:
    from ..network import Network


class Landscape(NamedTuple):
    """The loss on a square grid about a network.

    Attributes:
        alpha: (R,) places along the first direction, from -span to span; 0 is the network itself.
        beta: (R,) places along the second.
        loss: (R, R) float64: row i, column k at (alpha[k], beta[i]); infinite or NaN where the network overflows.
    """

    alpha: Array
    beta: Array
    loss: Array

    def __repr__(self) -> str:
        """Read as what was looked at, and what was found."""
        rows, columns = self.loss.shape
        here = self.loss[np.ix_(self.beta == 0.0, self.alpha == 0.0)]  # (1, 1), or nothing with an even resolution
        lost = np.count_nonzero(~np.isfinite(self.loss))
        return (
            f"Landscape({rows} x {columns} losses: {span(self.loss.ravel())}"
            + (f", {short(here.item())} at the network" if here.size else "")
            + (f", {lost} of them not finite" if lost else "")
            + f"; alpha {span(self.alpha)}, beta {span(self.beta)})"
        )


@computes
def loss_landscape(
    network: Network, x: Any, y: Any, span: float = 1.0, resolution: int = 25, seed: int = 0
) -> Landscape:
    """The mean loss, penalties not included, along two filter-normalized random directions.

    It takes resolution² evaluations; a few thousand samples show the shape.

    Args:
        network: left as it was, bit for bit (the layers' buffers hold the last batch, as after `predict`).
        x: (N, …) samples.
        y: (N,) class indices or (N, n_out) rows.
        span: how far to go in each direction, above 0; at 1 each neuron moves by the norm of its own weights.
        resolution: R, points along each direction, at least 2; with an odd number the middle is the network itself.
        seed: of the directions, at least 0.

    Returns:
        alpha, beta (R,) and loss (R, R), new arrays.

    Raises:
        NeurosimError: a number that is out of range, or samples that do not fit.

    Example:
        >>> landscape = ns.loss_landscape(net, test.images[:2000], test.labels[:2000])
        >>> ax = viz.loss_surface(landscape)
    """
    span = check_number("span", span, 0.0, math.inf, open_low=True, open_high=True)
    resolution = check_count("resolution", resolution, 2)
    rng = np.random.default_rng(check_count("seed", seed, 0))
    first, second = random_direction(network, rng), random_direction(network, rng)
    places = np.linspace(-span, span, resolution)
    theta = network.parameters.theta
    kept = theta.copy()
    loss = np.empty((resolution, resolution))
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # far out a network may overflow: that is its loss there
            for i, beta in enumerate(places):
                for k, alpha in enumerate(places):
                    theta[...] = kept + float(alpha) * first + float(beta) * second
                    loss[i, k] = network.evaluate(x, y)["loss"]
    finally:
        theta[...] = kept
    return Landscape(places, places.copy(), loss)


def random_direction(network: Network, rng: np.random.Generator) -> Array:
    """One random direction, laid out as theta is, (size,): weights filter-normalized, everything else 0."""
    direction = np.zeros(network.parameters.size, network.dtype)
    for layer in network:
        if layer.weight_name:
            W = layer.views[layer.weight_name]
            columns = W.reshape(-1, W.shape[-1])  # (n_in, n_out), column j = neuron j
            d = rng.standard_normal(columns.shape)
            d *= np.linalg.norm(columns, axis=0) / np.linalg.norm(d, axis=0)
            layer.flat_view(direction, layer.weight_name)[...] = d.reshape(W.shape)
    return direction
