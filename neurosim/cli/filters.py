"""The pictures that ``inspect`` draws of convolutional and pooling layers: kernels, feature maps, and one filter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..analysis.top_patches import top_patches
from ..data import Dataset
from ..layers import Layer
from ..network import Network
from ..parameters import Array
from ..text import counted

COLOURS = ("red", "green", "blue")
DRAWN = re.compile(r"layer\d+-kernels\.png|sample\d+-feature_maps\.png")  # files that `draw_layers` writes
KINDS = ("top_patches", "products", "maps")  # pictures of a filter, beside the pictures of every neuron


def is_image(layer: Layer) -> bool:
    """Whether the output of a layer is images with channels."""
    return len(layer.out_shape) == 3


def kernels_of(layer: Layer) -> Array | None:
    """Return the kernels (k, k, C, filters) of a convolutional layer; None for other layers."""
    W = layer.views[layer.weight_name] if layer.weight_name else None
    return W if W is not None and W.ndim == 4 else None


def channels_of(layer: Layer) -> tuple[str, ...] | None:
    """Return the names of a layer's input channels if they are the colours of the sample; otherwise None."""
    source = layer.source
    return COLOURS if source is not None and source.index == 0 and source.out_shape[2:] == (3,) else None


def pictures_of(network: Network, data: Dataset) -> Array:
    """Return the samples as the network takes them: (N, H, W), or (N, H, W, C)."""
    return data.x.reshape(len(data), *network.input.out_shape)


def draw_layers(
    network: Network, layer: int | None, samples: list[int], test: Dataset, folder: Path, note: str
) -> list[Path]:
    """Draw the kernels of all convolutional layers, or of one, and the feature maps of test samples. Return the paths.

    A network without convolutional and pooling layers has no pictures. Pictures of an earlier run are deleted.
    """
    for path in list(folder.iterdir()):  # pictures of an earlier run
        if DRAWN.fullmatch(path.name):
            path.unlink()
    kernels = {each.index: kernels_of(each) for each in network if layer in (None, each.index)}
    if not any(is_image(each) for each in network.layers[1:]):
        return []
    import viz  # only here: a report card does not wait for matplotlib

    paths = []
    for index, W in kernels.items():
        if W is not None:
            title = f"Layer {index}: the kernels of {counted(W.shape[3], 'filter')}"
            picture = viz.kernel_grid(W, channels=channels_of(network[index]), title=title)
            paths.append(viz.save(picture, folder / f"layer{index}-kernels.png", note))
    for sample in samples:
        title = f"The feature maps of test sample {sample}{_read(network, test, sample)}"
        paths.append(
            viz.save(draw_maps(network, test, sample, title=title), folder / f"sample{sample}-feature_maps.png", note)
        )
    return paths


def _read(network: Network, test: Dataset, sample: int) -> str:
    """Return the class and the prediction of a test sample."""
    if not test.class_names:
        return ""
    read = int(network.predict(test.x[sample][None])[0])
    return f" (class {test.class_names[int(test.labels[sample])]}, read as {test.class_names[read]})"


def draw_maps(
    network: Network,
    test: Dataset,
    sample: int,
    title: str,
    upto: int | None = None,
    fields: Sequence[Any] = (),
) -> Any:
    """Draw the feature maps of a test sample, up to a layer, with an outline around the `fields` of each layer."""
    import viz

    network.predict(test.x[sample][None])
    layers = [each for each in network.layers[1:] if is_image(each) and (upto is None or each.index <= upto)]
    maps = {f"layer {each.index}, {each.title}": each.a[0].reshape(each.out_shape).copy() for each in layers}
    return viz.feature_maps(pictures_of(network, test)[sample], maps, fields, title=title)


def draw_filter(network: Network, layer: int, j: int, test: Dataset, who: str) -> dict[str, Any]:
    """Draw a filter or a channel: the patches that excite it most, and how it computes its value at the first.

    Args:
        network: the network.
        layer: the index of its layer.
        j: its number in that layer.
        test: the images.
        who: its name in the titles.
    """
    import viz

    one = network.neuron(layer, j)
    found = top_patches(network, test, layer, j)
    pictures: dict[str, Any] = {
        "top_patches": viz.top_patches(
            pictures_of(network, test),
            found,
            test.labels,
            test.class_names,
            title=f"{who}: the patches that excite it most",
        )
    }
    if found and kernels_of(network[layer]) is not None:
        best = found[0]
        unit = one.at(best.row, best.column)
        place = f"row {best.row}, column {best.column} of test sample {best.sample}"
        network.predict(test.x[best.sample][None])
        layers = [each for each in network.layers[1:layer] if is_image(each)]
        fields = [unit.depends_on(each.index) for each in (network.input, *layers)]
        pictures["products"] = viz.patch_products(
            unit.patch[0],
            one.weights,
            one.bias if network[layer].bias_name in network[layer].views else 0.0,
            channels_of(network[layer]),
            title=f"{who}: what it computes at {place}",
        )
        pictures["maps"] = draw_maps(
            network,
            test,
            best.sample,
            f"{who} at row {best.row}, column {best.column} of sample {best.sample}: what it depends on",
            layer,
            [*fields, (*unit.depends_on(layer), j)],
        )
    return pictures
