"""Convolutional and pooling layers compared with PyTorch: forward, every gradient, 50 steps of training, evaluation."""

import numpy as np
import pytest

import neurosim as ns

torch = pytest.importorskip("torch")
F = torch.nn.functional
pytestmark = pytest.mark.torch

from torch_images import OPTIMIZERS as NAMES, Twin, random_network  # noqa: E402
from torch_names import ACTIVATE  # noqa: E402

STEPS = 50
TOLERANCE = 1e-10
OPTIMIZERS = {
    "sgd": (lambda: ns.SGD(0.02), lambda p: torch.optim.SGD(p, lr=0.02)),
    "momentum": (lambda: ns.Momentum(0.005), lambda p: torch.optim.SGD(p, lr=0.005, momentum=0.9)),
    "adam": (lambda: ns.Adam(0.002), lambda p: torch.optim.Adam(p, lr=0.002)),
}
assert tuple(OPTIMIZERS) == NAMES


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def agree(ours, theirs):
    """Relative to the whole array, as a norm."""
    theirs = theirs.detach().numpy()
    ours = ours.reshape(theirs.shape)
    assert np.linalg.norm(ours - theirs) <= TOLERANCE * np.linalg.norm(theirs) + 1e-14


def compare_pass(net, x, y):
    """One pass forward and back: z, a, delta of every layer, every gradient, dL/dx."""
    net.input.wants_gradient = True
    net.input.reserve(0)
    twin = Twin(net)
    net.gradients(x, y, training=True)
    given, flow = twin(x, training=True)
    F.cross_entropy(flow[-1][1], torch.tensor(y)).backward()
    for layer, z, a in flow:
        agree(layer.z, z)
        agree(layer.a, a)
        agree(layer.delta, z.grad)
    for name, parameter in twin.parameters.items():
        agree(net.parameters.gradient(name), parameter.grad)
    agree(net.input.da, given.grad)


def compare_training(net, x, y, optimizer):
    """50 steps, then evaluation."""
    ours, theirs = OPTIMIZERS[optimizer]
    net.optimizer = ours()
    twin = Twin(net)
    step = theirs(list(twin.parameters.values()))
    for _ in range(STEPS):
        net.train_batch(x, y)
        step.zero_grad()
        F.cross_entropy(twin(x, training=True)[1][-1][1], torch.tensor(y)).backward()
        step.step()
    for name, parameter in twin.parameters.items():
        agree(net.parameters[name], parameter)
    for index, (mean, variance) in twin.running.items():
        agree(net[index].running_mean, mean)
        agree(net[index].running_variance, variance)
    agree(net.predict_proba(x), twin(x, training=False)[1][-1][2])


def made(shape, *layers):
    """A network of these layers, and a batch for it."""
    rng = np.random.default_rng(0)
    net = ns.Network([ns.Input(shape), *layers, ns.Dense(3, "softmax")], dtype="float64", seed=4)
    for layer in net:
        if "b" in layer.views:
            layer.b = rng.normal(scale=0.3, size=layer.b.shape)
    return net, rng.normal(size=(6, *shape)), rng.integers(0, 3, 6)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("shape", [(8, 7, 1), (5, 9, 3)])
def test_convolution_is_pytorchs(shape, kernel_size, stride, padding):
    first = ns.Conv2D(3, kernel_size, "tanh", stride, padding)
    compare_pass(*made(shape, first, ns.Conv2D(2, 2, "relu", padding="same")))
    first = ns.Conv2D(3, kernel_size, "tanh", stride, padding)
    compare_training(*made(shape, first, ns.Conv2D(2, 2, "relu", padding="same")), "momentum")


@pytest.mark.parametrize("kind", [ns.MaxPool2D, ns.AveragePool2D])
@pytest.mark.parametrize(("size", "stride"), [(1, 1), (2, None), (2, 1), (3, 2), (2, 3), (3, 1)])
@pytest.mark.parametrize("shape", [(6, 7), (7, 5, 4)])
def test_pooling_is_pytorchs(shape, size, stride, kind):
    net, x, y = made(shape, kind(size, stride))
    compare_pass(net, x, y)
    net, _, _ = made(shape, kind(size, stride))
    compare_pass(net, np.round(x), y)  # of small whole numbers many are equally large


@pytest.mark.parametrize("activation", sorted(set(ACTIVATE) - {"softmax"}))
def test_every_activation_of_filters_is_pytorchs(activation):
    compare_pass(*made((6, 5, 2), ns.Conv2D(4, 3, activation), ns.Conv2D(3, 2)))


def test_softmax_of_a_layer_of_filters_is_over_the_channels_of_each_place():
    compare_pass(*made((6, 5, 2), ns.Conv2D(4, 3, "softmax"), ns.Conv2D(3, 2)))


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
def test_training_a_network_of_every_kind_is_pytorchs(optimizer, image_net, images):
    """Except dropout, which draws its own random numbers."""
    layers = [ns.LAYERS.create(layer.config()) for layer in image_net() if not isinstance(layer, ns.Dropout)]
    net = ns.Network(layers, dtype="float64", seed=1)
    compare_training(net, *images, optimizer)


@pytest.mark.quick_every(10)
@pytest.mark.parametrize("seed", range(200))
def test_random_networks_are_pytorchs(seed):
    net, x, y, optimizer = random_network(seed)
    compare_pass(net, x, y)
    compare_training(net, x, y, optimizer)
