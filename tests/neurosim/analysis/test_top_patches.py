"""The parts of images that excite a filter most, against slow loops."""

import numpy as np
import pytest
import reference

import neurosim as ns
from neurosim.errors import NeurosimError, OutOfRangeError


def by_slow_loops(net, images, layer, j, count):
    """Sample, row, column and activation of the strongest place of each image, the strongest first."""
    one = net[layer]
    best = []
    for n, image in enumerate(images):
        if layer == 1:
            x = image[:, :, None].tolist()
            z = reference.convolve(x, one.W.tolist(), one.b.tolist(), one.stride, one.padding)
            a = {(row, column): max(0.0, z[row, column, j]) for row, column, f in z if f == j}
        else:
            net.predict(image[None])
            of_filter = one[j].a[0]
            a = {
                (row, column): float(of_filter[row, column])
                for row in range(of_filter.shape[0])
                for column in range(of_filter.shape[1])
            }
        place = None
        for row, column in sorted(a):
            if place is None or a[row, column] > a[place]:
                place = (row, column)
        best.append((n, *place, a[place]))
    found = []
    while best and len(found) < count:
        first = max(best, key=lambda each: (each[3], -each[0]))
        best.remove(first)
        if first[3] > 0.0:
            found.append(first)
    return found


@pytest.fixture(scope="module")
def net():
    layers = [
        ns.Input((9, 8)), ns.Conv2D(3, 3, "relu", 2, "same"), ns.MaxPool2D(2, 1), ns.Conv2D(2, 2, "relu"),
        ns.Dense(2, "softmax"),
    ]  # fmt: skip
    net = ns.Network(layers, seed=1, dtype="float64")
    net[1].b, net[3].b = -0.3, -0.1
    return net


IMAGES = np.random.default_rng(0).random((30, 9, 8))
IMAGES[4] = IMAGES[2]  # of equal samples the first
IMAGES[9] = 0.0  # nothing excites it here


@pytest.mark.parametrize("layer", [1, 3])
@pytest.mark.parametrize("count", [1, 9, 100])
def test_they_are_those_of_slow_loops(net, layer, count):
    for j in range(2):
        found = ns.top_patches(net, IMAGES, layer, j, count=count)
        told = [(each.sample, each.row, each.column, pytest.approx(each.a)) for each in found]
        assert by_slow_loops(net, IMAGES, layer, j, count) == told
        assert 9 not in [each.sample for each in found] and found


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_the_filter_depends_on_these_pixels_and_on_no_other(net, layer):
    for each in ns.top_patches(net, IMAGES, layer, 1, count=3):
        inside = np.zeros((9, 8), bool)
        inside[each.rows, each.columns] = True
        others = np.where(inside, IMAGES[each.sample], np.random.default_rng(1).random((9, 8)))
        assert net.activations(others[None], layer, 1)[0, each.row, each.column] == pytest.approx(each.a)
        assert net.activations(np.where(inside, 0.0, others)[None], layer, 1)[0, each.row, each.column] < each.a


def test_nothing_is_found_where_there_is_nothing(net):
    assert ns.top_patches(net, np.zeros((3, 9, 8)), 1, 0) == []
    assert ns.top_patches(net, IMAGES[:0], 1, 0) == []
    before = net[1].W.copy()
    net[1].W = np.nan
    assert ns.top_patches(net, IMAGES, 1, 0) == []
    net[1].W = before


def test_a_layer_without_images_is_refused(net):
    with pytest.raises(NeurosimError, match="expected a filter, or a channel of a feature map"):
        ns.top_patches(net, IMAGES, 4, 0)
    with pytest.raises(OutOfRangeError):
        ns.top_patches(net, IMAGES, 1, 3)
    with pytest.raises(NeurosimError, match="count"):
        ns.top_patches(net, IMAGES, 1, 0, count=0)
