"""The loss around a trained network, along two random directions.

A direction d has one number for each parameter.  For each neuron, the numbers of its incoming weights are scaled to the
norm of these weights (filter normalization).  The reason: the same step changes small weights more than large ones.
Biases, and the scale and shift of batch normalization, do not move:

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
        loss: (R, R) float64; row i, column k is the loss at (alpha[k], beta[i]), infinite or NaN if the network
            overflows.
    """

    alpha: Array
    beta: Array
    loss: Array

    def __repr__(self) -> str:
        """Return the size of the grid, and the range of the losses."""
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
    """Compute the mean loss, without penalties, along two filter-normalized random directions.

    This takes resolution² evaluations. A few thousand samples show the shape.

    Args:
        network: left unchanged, bit for bit. Only the layers' buffers hold the last batch, as after `predict`.
        x: (N, …) samples.
        y: (N,) class indices or (N, n_out) rows.
        span: the distance to go in each direction, above 0. At 1 each neuron moves by the norm of its own weights.
        resolution: R, the number of points along each direction, at least 2. If it is odd, the middle is the network.
        seed: the seed of the directions, at least 0.

    Returns:
        alpha, beta (R,) and loss (R, R), new arrays.

    Raises:
        NeurosimError: a number is out of range, or the samples do not fit.

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
        with np.errstate(over="ignore", invalid="ignore"):  # far out the loss may overflow
            for i, beta in enumerate(places):
                for k, alpha in enumerate(places):
                    theta[...] = kept + float(alpha) * first + float(beta) * second
                    loss[i, k] = network.evaluate(x, y)["loss"]
    finally:
        theta[...] = kept
    return Landscape(places, places.copy(), loss)


def random_direction(network: Network, rng: np.random.Generator) -> Array:
    """Return one random direction in the layout of theta, (size,): weights filter-normalized, all other entries 0."""
    direction = np.zeros(network.parameters.size, network.dtype)
    for layer in network:
        if layer.weight_name:
            W = layer.views[layer.weight_name]
            columns = W.reshape(-1, W.shape[-1])  # (n_in, n_out), column j = neuron j
            d = rng.standard_normal(columns.shape)
            d *= np.linalg.norm(columns, axis=0) / np.linalg.norm(d, axis=0)
            layer.flat_view(direction, layer.weight_name)[...] = d.reshape(W.shape)
    return direction
