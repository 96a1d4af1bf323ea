"""The parts of images that excite a filter most.

The network is run in evaluation mode and left unchanged. Only the layers' buffers hold other samples afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import check_count
from ..network import Network
from ..processors import computes


@dataclass(frozen=True)
class Patch:
    """A place of a filter, in one sample.

    Attributes:
        sample: the number of the sample, from 0.
        row, column: the place in the filter's map.
        a: the filter's activation there.
        rows, columns: the part of the network's input that the filter depends on at this place.
    """

    sample: int
    row: int
    column: int
    a: float
    rows: slice
    columns: slice


@computes
def top_patches(network: Network, x: Any, layer: int, neuron: int, *, count: int = 9) -> list[Patch]:
    """Find the places that excite a filter most, the strongest first: the strongest place of each sample.

    There is one place per sample, because the places beside a strong place see almost the same.  If places are equal,
    the first one counts, row by row; if samples are equal, the first one comes first.

    Args:
        network: left unchanged.
        x: a `Dataset`, or samples (N, …).
        layer: the index of a layer whose output is images.
        neuron: the filter, or the channel.
        count: the largest number of places.

    Returns:
        The places, at most one for each sample.  A sample is left out if the filter's activation is at its smallest
        value everywhere in it (for a ReLU: off).  The list is empty if an activation is NaN.

    Raises:
        OutOfRangeError: there is no such layer or neuron.
        NeurosimError: the layer's output is not images, or `count` is below 1.

    Reference:
        Girshick, Donahue, Darrell and Malik (2014), Rich feature hierarchies for accurate object detection and semantic
        segmentation, section 3.1.

    Example:
        >>> for patch in top_patches(net, test, 1, 5):
        ...     test.images[patch.sample][patch.rows, patch.columns]
    """
    count = check_count("count", count)
    one = network.neuron(layer, neuron)
    across = one.at(0, 0).neuron.layer.out_shape[1]  # W'
    maps = network.activations(x, layer, neuron)  # (N, H', W')
    if not len(maps) or not np.isfinite(maps).all():
        return []
    maps = maps.reshape(len(maps), -1)
    where = maps.argmax(axis=1)
    largest = maps[np.arange(len(maps)), where]  # (N,)
    found = []
    for sample in np.argsort(-largest, kind="stable")[: min(count, np.count_nonzero(largest > maps.min()))]:
        row, column = divmod(int(where[sample]), across)
        rows, columns = one.at(row, column).receptive_field
        found.append(Patch(int(sample), row, column, float(largest[sample]), rows, columns))
    return found
