"""What a neuron likes to see: the image that excites it most, by gradient ascent on the pixels.

The network is run in evaluation mode and left as it was; only the layers' buffers hold another sample after.
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
    """The image that excites a neuron most, by gradient ascent on the pixels.

    From faint noise, the image goes up the gradient of the neuron's z, and the penalties hold it back:

        g = dz_j/dx,   ĝ = g / √mean(g²)
        x ← x + rate (ĝ - l2 x + smooth ∇²x),   cut to [0, 1]

    with ∇²x the sum of the differences to the four neighbouring pixels, which evens out what is not needed.  It
    is z that is climbed, not a: f rises wherever that matters, so the summit is the same, and z has a slope where a
    ReLU is off or a softmax is certain.  For a neuron of a softmax layer, raising a could moreover be done by lowering
    the *other* neurons' z, and show what those dislike (Simonyan et al., section 2).

    Args:
        network: left unchanged.
        layer: its place in the network, 1 or more, or a negative number from the end.
        neuron: its place in the layer.
        steps: how many steps up.
        rate: the size of a step, in units of brightness: by so much does a typical pixel change.
        l2: how strongly pixels are drawn to 0, at least 0; so background that does not matter becomes black.
        smooth: how strongly neighbouring pixels are drawn together, at least 0. Only for inputs that are images: a
            size (height, width), or a square number of pixels.
        seed: of the noise to start from.

    Returns:
        The image, of the input's shape and the network's dtype, with values in [0, 1], a new array; and the activation
        a_j that the neuron reaches on it. Of a filter its mean over all places is climbed and returned.

    Raises:
        OutOfRangeError: there is no such layer or neuron, or it is the input layer.
        NeurosimError: a setting out of range, or steps so large that the penalties would make the image oscillate.

    Reference:
        Erhan, Bengio, Courville and Vincent (2009), Visualizing higher-layer features of a deep network, for the
        ascent; Simonyan, Vedaldi and Zisserman (2014), Deep inside convolutional networks, section 2, for the L2
        penalty and the score before softmax; Yosinski et al. (2015), Understanding neural networks through deep
        visualization, for smoothing.

    Example:
        >>> image, a = maximizing_input(net, 1, 17)
    """
    steps = check_count("steps", steps)
    rate = check_number("rate", rate, 0.0, math.inf, open_low=True, open_high=True)
    l2 = check_number("l2", l2, 0.0, math.inf, open_high=True)
    smooth = check_number("smooth", smooth, 0.0, math.inf, open_high=True)
    if rate * (l2 + 8.0 * smooth) > 1.0:
        raise NeurosimError(
            f"rate: expected at most 1 / (l2 + 8 smooth) = {1.0 / (l2 + 8.0 * smooth):.3g}, or the "
            f"image oscillates, received {rate:g}"
        )
    target = network[layer]
    if target.index == 0:
        raise OutOfRangeError(
            "maximizing_input: expected a layer above the input (layer 0), whose neurons are the "
            f"pixels themselves, received layer {layer!r}"
        )
    j = target[neuron].index
    picture = network.input.image_shape
    x = np.random.default_rng(seed).uniform(0.0, 0.1, network.input.n_out)  # (n_0,) float64
    for _ in range(steps):
        g = _input_gradient(network, target, j, x)
        steepness = math.sqrt(float(np.mean(g**2)))
        if not 0.0 < steepness < math.inf:
            break  # all ways up are closed: every path goes through a neuron that is off
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
    """dz_j/dx of neuron j of a layer at one sample x (n_0,), by the chain rule in its readable form. (n_0,)."""
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
    """The sum of the differences to the four neighbours; beyond the edge the image goes on as it is at the edge."""
    padded = np.pad(image, 1, mode="edge")
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    difference: Array = around - 4.0 * image
    return difference
