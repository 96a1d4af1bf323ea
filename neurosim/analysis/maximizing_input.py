"""The image that excites a neuron most, found by gradient ascent on the pixels.

The network is run in evaluation mode and left unchanged. Only the layers' buffers hold another sample afterwards.
"""

from __future__ import annotations

import math

import numpy as np

from ..checks import check_count, check_number
from ..errors import NeurosimError, OutOfRangeError
from ..layers import Layer
from ..network import Network
from ..parameters import Array
from ..processors import computes


@computes
def maximizing_input(
    network: Network,
    layer: int,
    neuron: int,
    *,
    steps: int = 200,
    rate: float = 0.05,
    l2: float = 1.0,
    smooth: float = 2.0,
    seed: int = 0,
) -> tuple[Array, float]:
    """Find the image that excites a neuron most, by gradient ascent on the pixels.

    The image starts as faint noise.  Each step raises the neuron's z, and two penalties keep the image faint and
    smooth:

        g = dz_j/dx,   ĝ = g / √mean(g²)
        x ← x + rate (ĝ - l2 x + smooth ∇²x),   cut to [0, 1]

    ∇²x is the sum of the differences to the four neighbouring pixels; it smooths the image.  The ascent raises z, not
    a. Most activation functions rise with z, so both have the same maximum, and z still has a slope if a ReLU is off or
    a softmax is certain.  In a softmax layer a also rises if the z of the *other* neurons fall.  The image would then
    show what lowers the others (Simonyan et al., section 2).

    Args:
        network: left unchanged.
        layer: its place in the network, 1 or more, or a negative number from the end.
        neuron: its place in the layer.
        steps: the number of steps.
        rate: the size of a step, in units of brightness: the change of a typical pixel.
        l2: the strength that draws pixels to 0, at least 0. Background that does not matter then becomes black.
        smooth: the strength that makes neighbouring pixels alike, at least 0. It is used only if the input is an image:
            a size (height, width), or a square number of pixels.
        seed: the seed of the noise at the start.

    Returns:
        The image, and the activation a_j of the neuron on it.  The image is a new array of the input's shape and the
        network's dtype, with values in [0, 1].  For a filter, its mean over all places is raised and returned.

    Raises:
        OutOfRangeError: there is no such layer or neuron, or it is the input layer.
        NeurosimError: a setting is out of range, or the penalties would make the image oscillate at this rate.

    Reference:
        For the ascent: Erhan, Bengio, Courville and Vincent (2009), Visualizing higher-layer features of a deep
            network.
        For the L2 penalty and the score before softmax: Simonyan, Vedaldi and Zisserman (2014), Deep inside
        convolutional networks, section 2.
        For smoothing: Yosinski et al. (2015), Understanding neural networks through deep visualization.

    Example:
        >>> image, a = maximizing_input(net, 1, 17)
    """
    steps = check_count("steps", steps)
    rate = check_number("rate", rate, 0.0, math.inf, open_low=True, open_high=True)
    l2 = check_number("l2", l2, 0.0, math.inf, open_high=True)
    smooth = check_number("smooth", smooth, 0.0, math.inf, open_high=True)
    if rate * (l2 + 8.0 * smooth) > 1.0:
        raise NeurosimError(
            f"rate: expected at most 1 / (l2 + 8 smooth) = {1.0 / (l2 + 8.0 * smooth):.3g}, received {rate:g}; "
            "with a larger rate the image oscillates"
        )
    target = network[layer]
    if target.index == 0:
        raise OutOfRangeError(
            f"maximizing_input: expected a layer above the input, received layer {layer!r}; "
            "the neurons of the input are the pixels themselves"
        )
    j = target[neuron].index
    picture = network.input.image_shape
    x = np.random.default_rng(seed).uniform(0.0, 0.1, network.input.n_out)  # (n_0,) float64
    for _ in range(steps):
        g = _input_gradient(network, target, j, x)
        steepness = math.sqrt(float(np.mean(g**2)))
        if not 0.0 < steepness < math.inf:
            break  # there is no way up: every path goes through a neuron that is off
        direction = g / steepness - l2 * x
        if picture is not None and smooth > 0.0:
            direction += smooth * _laplacian(x.reshape(picture)).ravel()
        x = np.clip(x + rate * direction, 0.0, 1.0)
    _forward_to(network, target, x)
    return x.astype(network.dtype).reshape(network.input.out_shape), float(target[j].a[0].mean())


def _forward_to(network: Network, target: Layer, x: Array) -> None:
    """Run one sample x (n_0,) up to and including a layer, in evaluation mode."""
    network.set_batch_size(1)
    network.input.fill(x[None, :])
    for layer in network.layers[1 : target.index + 1]:
        layer.forward_(training=False)


def _input_gradient(network: Network, target: Layer, j: int, x: Array) -> Array:
    """Return dz_j/dx, (n_0,), of neuron j of a layer at one sample x (n_0,), by the chain rule in its readable form."""
    _forward_to(network, target, x)
    g = np.zeros((1, target.n_out))  # dz_j/dz of the layer
    target.by_neuron(g)[:, j] = 1.0 / target.places
    for layer in network.layers[target.index : 0 : -1]:
        if layer is not target:
            g = layer.delta_for(g)  # dz_j/da -> dz_j/dz
        below = np.empty((1, layer.n_in))
        layer.input_gradient_(g, below)  # -> dz_j/da of the layer below
        g = below
    gradient: Array = g[0]
    return gradient


def _laplacian(image: Array) -> Array:
    """Return the sum of the differences to the four neighbours; a neighbour beyond the edge repeats the edge."""
    padded = np.pad(image, 1, mode="edge")
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    difference: Array = around - 4.0 * image
    return difference
