"""A trace of 100 random units of random networks of images against PyTorch's autograd, in float64.

Numbers are held to the largest of their own kind in the layer: a sum that cancels has lost digits in any order.
"""

import numpy as np
import pytest

import neurosim as ns

torch = pytest.importorskip("torch")
F = torch.nn.functional
pytestmark = pytest.mark.torch

from torch_images import Twin, random_network  # noqa: E402

TOLERANCE = 1e-10


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def agree(ours, theirs, scale):
    """Within the tolerance of the largest number of `scale`."""
    theirs = theirs.detach().numpy() if isinstance(theirs, torch.Tensor) else np.asarray(theirs)
    ours = np.asarray(ours)
    assert ours.shape == theirs.shape
    bound = TOLERANCE * float(np.abs(scale.detach().numpy()).max(initial=0.0)) + 1e-14
    assert np.abs(ours - theirs).max(initial=0.0) <= bound


def unfolded(layer, a):
    """(H' W', k k C) the patches of a[0], by PyTorch, which has them as (C k k, H' W')."""
    first = a.detach().reshape(1, *layer.windows.shape).movedim(-1, 1)
    if layer.padding == "same":
        pads = []
        for side in (first.shape[3], first.shape[2]):
            zeros = max(0, (-(-side // layer.stride) - 1) * layer.stride + layer.kernel_size - side)
            pads += [zeros // 2, zeros - zeros // 2]
        first = F.pad(first, pads)
    k, channels = layer.kernel_size, first.shape[1]
    columns = F.unfold(first, k, stride=layer.stride)[0].T
    return columns.reshape(-1, channels, k, k).permute(0, 2, 3, 1).reshape(len(columns), -1)


def compare(net, x, y, unit, rng):
    """Everything that the trace of one unit says."""
    twin = Twin(net)
    for index, running in twin.running.items():
        for theirs, ours in zip(running, (net[index].running_mean, net[index].running_variance), strict=True):
            theirs.copy_(torch.tensor(ours))
    given, flow = twin(x[None], training=False)
    loss = F.cross_entropy(flow[-1][1], torch.tensor([y]))
    loss.backward()
    layer, filter_, row, column = unit
    trace = net.trace(x, y)
    here = trace[layer.index][filter_].at(row, column)
    z, a = next((z, a) for each, z, a in flow if each is layer)
    below = given if layer.index == 1 else flow[layer.index - 2][2]
    at = (0, row, column, filter_)
    agree(here.z, z[at], z)
    agree(here.a, a[at], a)
    agree(here.delta, z.grad[at], z.grad)
    agree(here.dL_da, a.grad[at], a.grad)
    agree(here.place_deltas, z.grad[0, ..., filter_], z.grad)
    agree(trace.loss, loss, loss)
    # the filter's gradients, and the terms that they are the sums of
    dW = twin.parameters[f"W{layer.index}"].grad
    agree(here.dL_dW, dW[..., filter_].reshape(-1), dW)
    if here.has_bias:
        db = twin.parameters[f"b{layer.index}"].grad
        agree(here.dL_db, db[filter_], db)
        agree(here.place_deltas.sum(), db[filter_], db)
    patches = unfolded(layer, below)
    agree(here.patches, patches, patches)
    agree(here.inputs, patches[row * layer.out_shape[1] + column], patches)
    flat = trace.flows[layer.index - 1]["a"]
    np.testing.assert_array_equal(here.inputs, np.where(here.sources < 0, 0.0, flat[here.sources]))
    for i in rng.choice(len(here.weights), min(5, len(here.weights)), replace=False):
        agree(here.place_terms(i).sum(), here.dL_dW[i], dW)
    # the terms of the sums
    agree(here.products.sum() + here.bias, z[at], z)
    agree(here.downstream_products.sum(), a.grad[at], a.grad)
    assert abs(trace[layer.index][filter_].delta) == np.abs(here.place_deltas).max()


@pytest.mark.quick_every(5)
@pytest.mark.parametrize("seed", range(100))
def test_a_random_unit_is_pytorchs(seed):
    net, x, y, _ = random_network(1000 + seed)
    rng = np.random.default_rng(seed)
    if seed % 3 == 0:  # of whole numbers many are equally large
        x = np.round(x)
    for layer in net:
        if layer.bias_name in layer.views:
            layer.views[layer.bias_name][...] = rng.normal(scale=0.3, size=layer.neuron_count)
        if isinstance(layer, ns.BatchNorm):
            layer.running_mean[...] = rng.normal(scale=0.3, size=len(layer))
            layer.running_variance[...] = rng.uniform(0.3, 2.0, len(layer))
            layer.gamma, layer.beta = rng.uniform(0.5, 2.0, len(layer)), rng.normal(size=len(layer))
    filters = [layer for layer in net if isinstance(layer, ns.Conv2D)]
    layer = filters[rng.integers(len(filters))]
    height, width, count = layer.out_shape
    place = int(rng.integers(height)), int(rng.integers(width))
    j = int(rng.integers(count))
    compare(net, x[0], int(y[0]), (layer, j, *place), rng)
    if seed % 2:  # where a change of z changes the loss most: never behind a window that it lost
        best = net.trace(x[0], int(y[0]))[layer.index][j]
        compare(net, x[0], int(y[0]), (layer, j, best.row, best.column), rng)
