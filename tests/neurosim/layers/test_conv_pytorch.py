"""Layers of images against PyTorch: forward, every gradient, 50 steps of training, evaluation."""

import numpy as np
import pytest

import neurosim as ns

torch = pytest.importorskip("torch")
F = torch.nn.functional
pytestmark = pytest.mark.torch

from torch_names import ACTIVATE  # noqa: E402

STEPS = 50
TOLERANCE = 1e-10
OPTIMIZERS = {
    "sgd": (lambda: ns.SGD(0.02), lambda p: torch.optim.SGD(p, lr=0.02)),
    "momentum": (lambda: ns.Momentum(0.005), lambda p: torch.optim.SGD(p, lr=0.005, momentum=0.9)),
    "adam": (lambda: ns.Adam(0.002), lambda p: torch.optim.Adam(p, lr=0.002)),
}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


class Twin:
    """The same network in PyTorch, channels first within, channels last outside."""

    def __init__(self, net):
        self.net = net
        self.parameters = {
            name: torch.tensor(net.parameters[name].copy(), requires_grad=True) for name in net.parameters
        }
        self.running = {
            layer.index: (torch.zeros(len(layer), dtype=torch.float64), torch.ones(len(layer), dtype=torch.float64))
            for layer in net
            if isinstance(layer, ns.BatchNorm)
        }

    def __call__(self, x, training):
        """The input as a tensor, and z and a of every layer, channels last."""
        given = torch.tensor(np.asarray(x, np.float64), requires_grad=True)
        flow, a = [], given if given.ndim != 3 else given[..., None]
        for layer in self.net.layers[1:]:
            z = self.z(layer, a, training)
            z.retain_grad()
            a = z
            if layer.activation is not None:
                key = layer.activation.key
                a = torch.softmax(z, dim=-1) if key == "softmax" else ACTIVATE[key](z)
            flow.append((layer, z, a))
        return given, flow

    def z(self, layer, a, training):
        def own(name):
            return self.parameters.get(f"{name}{layer.index}")

        if isinstance(layer, ns.Dense):
            z = a.flatten(1) @ own("W")
            return z if own("b") is None else z + own("b")
        if isinstance(layer, ns.Flatten):
            return a.flatten(1)
        first = a.movedim(-1, 1)
        if isinstance(layer, ns.Conv2D):
            if layer.padding == "same":  # PyTorch has none with a stride: Keras's, by hand
                pads = []
                for side in (first.shape[3], first.shape[2]):
                    zeros = max(0, (-(-side // layer.stride) - 1) * layer.stride + layer.kernel_size - side)
                    pads += [zeros // 2, zeros - zeros // 2]
                first = F.pad(first, pads)
            z = F.conv2d(first, own("W").permute(3, 2, 0, 1).contiguous(), own("b"), layer.stride)
        elif isinstance(layer, ns.BatchNorm):
            mean, variance = self.running[layer.index]
            z = F.batch_norm(first, mean, variance, own("gamma"), own("beta"), training, layer.momentum, layer.epsilon)
        else:
            pool = F.max_pool2d if isinstance(layer, ns.MaxPool2D) else F.avg_pool2d
            z = pool(first, layer.size, layer.stride)
        return z.movedim(1, -1)


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
    """But for dropout, which draws its own random numbers."""
    layers = [ns.LAYERS.create(layer.config()) for layer in image_net() if not isinstance(layer, ns.Dropout)]
    net = ns.Network(layers, dtype="float64", seed=1)
    compare_training(net, *images, optimizer)


def random_network(seed):
    """A network of any of these layers that fit, a batch for it, and the name of an optimizer."""
    rng = np.random.default_rng([7, seed])
    sides, channels = rng.integers(5, 13, 2).tolist(), int(rng.integers(1, 5))
    shape = (*sides, channels) if channels > 1 or rng.random() < 0.5 else tuple(sides)
    # Where a filter is linear for the whole batch, batch normalization further up takes away its shift: the gradient of
    # that is 0 but for rounding, of which Adam makes steps. So there are no such activations below one
    with_norm = rng.random() < 0.5
    activations = ["tanh", "sigmoid"] if with_norm else ["relu", "tanh", "elu", "sigmoid"]
    layers = []
    for _ in range(int(rng.integers(1, 4))):
        padding, stride, kernel_size = (
            str(rng.choice(["valid", "same"])),
            int(rng.integers(1, 4)),
            int(rng.integers(1, 6)),
        )
        if padding == "valid" and kernel_size > min(sides):
            kernel_size = min(sides)
        activation = str(rng.choice(activations))
        normed = with_norm and rng.random() < 0.7
        conv = ns.Conv2D(
            int(rng.integers(1, 5)),
            kernel_size,
            "linear" if normed else activation,
            stride,
            padding,
            use_bias=not normed and rng.random() < 0.8,  # in front of batch normalization its gradient is 0
        )
        layers += [conv, ns.BatchNorm(activation)] if normed else [conv]
        sides = [-(-side // stride) if padding == "same" else (side - kernel_size) // stride + 1 for side in sides]
        if rng.random() < 0.6:
            size, stride = int(rng.integers(1, min(3, *sides) + 1)), int(rng.integers(1, 4))
            layers.append((ns.MaxPool2D, ns.AveragePool2D)[rng.integers(2)](size, stride))
            sides = [(side - size) // stride + 1 for side in sides]
    if rng.random() < 0.5:
        layers.append(ns.Flatten())
    if rng.random() < 0.5:
        layers.append(ns.Dense(5, "tanh"))
    net = ns.Network([ns.Input(shape), *layers, ns.Dense(3, "softmax")], dtype="float64", seed=seed)
    x, y = rng.normal(size=(8, *shape)), rng.integers(0, 3, 8)
    return net, x, y, str(rng.choice(list(OPTIMIZERS)))


@pytest.mark.quick_every(10)
@pytest.mark.parametrize("seed", range(200))
def test_random_networks_are_pytorchs(seed):
    net, x, y, optimizer = random_network(seed)
    compare_pass(net, x, y)
    compare_training(net, x, y, optimizer)
