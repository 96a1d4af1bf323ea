"""Measurements of a network and of its weights: the numbers that recorders write down."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd

from neurosim.activations import Activation
from neurosim.data.dataset import Dataset
from neurosim.layers import Layer
from neurosim.metrics import commonest_share
from neurosim.network import EVALUATION_BATCH, Network
from neurosim.parameters import Array

from .scenario import Run


def hidden_layers(network: Network) -> list[tuple[Layer, Activation]]:
    """Return the hidden layers at the place where each applies its activation, and that activation.

    A layer in front of batch normalization is linear: its activation is applied behind the normalization.
    """
    return [
        (layer, layer.activation)
        for layer, above in pairwise(network.layers)
        if layer.activation is not None and not (above.neuron_by_neuron and above.activation is not None)
    ]


def weights_of(layer: Layer) -> Array:
    """Return a layer's incoming weights, (n_in, n), one column per neuron; of filters (k k C, n). Live."""
    return layer.views[layer.weight_name].reshape(-1, layer.neuron_count)


def layer_outputs(network: Network, layer: Layer, images: Array) -> Array:
    """Return the activations of a layer for images in evaluation mode, (N, n). A copy."""
    rows = network.input.as_rows(images)
    parts = []
    for start in range(0, len(rows), EVALUATION_BATCH):
        network.predict_proba(rows[start : start + EVALUATION_BATCH])
        parts.append(layer.a.copy())
    return np.concatenate(parts)


def class_means(a: Array, labels: Array, classes: int) -> Array:
    """Return the mean activation of each neuron in each class, (classes, n); NaN for a class without samples."""
    return np.array(
        [a[labels == c].mean(axis=0) if (labels == c).any() else np.full(a.shape[1], np.nan) for c in range(classes)]
    )


def selectivity(a: Array, labels: Array, classes: int) -> Array:
    """Measure how well each neuron's activation alone tells the classes apart: eta².

    eta² is the variance of the activation between the classes, divided by all of its variance.

    Args:
        a: (N, n) activations.
        labels: (N,) class indices.
        classes: the number of classes.

    Returns:
        (n,) 0: every class has the same mean, 1: the class alone determines the activation; NaN if it never changes.

    Reference: Pearson (1911), On a correction to be made to the correlation ratio η.
    """
    a = a.astype(np.float64)
    counts = np.bincount(labels, minlength=classes)
    between = np.nansum(counts[:, None] * (class_means(a, labels, classes) - a.mean(axis=0)) ** 2, axis=0)
    total = ((a - a.mean(axis=0)) ** 2).sum(axis=0)  # (n,)
    share: Array = np.divide(between, total, out=np.full_like(total, np.nan), where=total > 0.0)
    return share


def smoothness(image: Array) -> float:
    """Measure how alike the neighbours in an image are: their covariance over the variance of all pixels.

    Args:
        image: (height, width).

    Returns:
        About 0 if neighbours have nothing to do with each other, towards 1 for broad strokes; NaN for one colour.

    Reference: Moran (1950), Notes on continuous stochastic phenomena (his I, with neighbours that share an edge).
    """
    image = image.astype(np.float64)
    image -= image.mean()
    variance = float((image * image).mean())
    if variance == 0.0:
        return math.nan
    products = [image[1:] * image[:-1], image[:, 1:] * image[:, :-1]]
    pairs = sum(each.size for each in products)
    return sum(float(each.sum()) for each in products) / pairs / variance if pairs else math.nan


def shifted(images: Array, down: int, right: int) -> Array:
    """Move images (N, height, width) by whole pixels: new[r, c] = old[r - down, c - right], 0 if that is outside.

    Negative numbers move them up and to the left. Returns a new array.
    """
    moved = np.zeros_like(images)
    (to_rows, rows), (to_columns, columns) = (
        _staying(*each) for each in zip((down, right), images.shape[1:], strict=True)
    )
    moved[:, to_rows, to_columns] = images[:, rows, columns]
    return moved


def _staying(by: int, side: int) -> tuple[slice, slice]:
    """Return where the pixels of a side go that stay inside when all move, and where they come from."""
    left = max(0, side - abs(by))
    first = max(by, 0), max(-by, 0)
    return slice(first[0], first[0] + left), slice(first[1], first[1] + left)


def explained(kernels: Array, derivative: int) -> Array:
    """Return the share of each kernel's energy that the best oriented edge, or line, explains.

        share = max over θ of (k · t_θ)² / |k|²

    t_θ is the first or second derivative of a Gaussian in the direction θ, of unit length. The first is an edge (dark
    here, bright there), the second a line (bright between dark, or the other way round). The standard deviation is a
    quarter of the side.

    Args:
        kernels: (n, height, width).
        derivative: 1: edges, 2: lines.

    Returns:
        (n,) 0 … 1, where 1 is an edge, or a line; NaN for a kernel of zeros. Random numbers have about 2 / (height
        width) and a little more, the more the smaller they are: a share is to be compared with theirs.

    Reference: Freeman and Adelson (1991), The design and use of steerable filters, for t_θ.
    """
    k = kernels.reshape(len(kernels), -1).astype(np.float64)
    templates = _oriented(*kernels.shape[1:], derivative)
    energy = (k * k).sum(axis=1)  # (n,)
    best = np.square(k @ templates.T).max(axis=1)  # (n,)
    share = np.divide(best, energy, out=np.full_like(energy, np.nan), where=energy > 0.0)
    found: Array = np.minimum(share, 1.0)  # rounding aside it is no more
    return found


@cache
def _oriented(height: int, width: int, derivative: int, angles: int = 36) -> Array:
    """Return derivatives of a Gaussian in directions 5 degrees apart, (angles, height width), of unit length."""
    sigma = min(height, width) / 4
    y, x = np.mgrid[:height, :width] - np.array([height - 1, width - 1])[:, None, None] / 2
    theta = np.arange(angles)[:, None, None] * np.pi / angles
    u = (x * np.cos(theta) + y * np.sin(theta)) / sigma  # (angles, height, width)
    g = np.exp(-(x * x + y * y) / (2 * sigma**2))
    t = (u * g if derivative == 1 else (u * u - 1.0) * g).reshape(angles, -1)
    t -= t.mean(axis=1, keepdims=True)  # how bright a patch is does not matter
    length = np.linalg.norm(t, axis=1, keepdims=True)
    templates: Array = np.divide(t, length, out=np.zeros_like(t), where=length > 1e-9)  # a side of 1 has no edges
    templates.flags.writeable = False  # it is shared
    return templates


def distances(vectors: Array) -> Array:
    """Return the Euclidean distance between each two columns of vectors (d, n), (n, n), in float64."""
    vectors = vectors.astype(np.float64)
    return np.stack([np.sqrt(((vectors - column[:, None]) ** 2).sum(axis=0)) for column in vectors.T])


def commonest_class(run: Run, train: Dataset, test: Dataset) -> dict[str, pd.DataFrame]:
    """Measure the accuracy of always answering the most common class of the test images; table "chance"."""
    return {"chance": pd.DataFrame([{"accuracy": commonest_share(test.labels)}])}
