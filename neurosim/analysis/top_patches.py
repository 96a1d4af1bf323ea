"""Which parts of which images excite a filter most.

The network is run in evaluation mode and left as it was; only the layers' buffers hold other samples after.
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
        rows, columns: what the filter depends on there, of the network's input.
    """

    sample: int
    row: int
    column: int
    a: float
    rows: slice
    columns: slice


@computes
def top_patches(network: Network, x: Any, layer: int, neuron: int, *, count: int = 9) -> list[Patch]:
    """The places that excite a filter most, the strongest first: of each sample its strongest place.

    One place a sample, since those beside a strong place see almost the same.  Of equal places it is the first, row by
    row; of equal samples the first.

    Args:
        network: left unchanged.
        x: a `Dataset`, or samples (N, …).
        layer: its place in the network; it makes images.
        neuron: the filter, or the channel.
        count: how many at most.

    Returns:
        The places, at most one for each sample; none of samples in which the filter nowhere gives out more than its
        smallest activation of all (that of a ReLU is off there), and none at all where it gives out NaN.

    Raises:
        OutOfRangeError: there is no such layer or neuron.
        NeurosimError: the layer makes no images, or `count` is below 1.

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
