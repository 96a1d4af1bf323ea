"""Networks for images in PyTorch, and random networks to compare. Import it only if PyTorch is installed."""

import numpy as np
import torch
from torch.nn import functional as F
from torch_names import ACTIVATE

import neurosim as ns

OPTIMIZERS = ("sgd", "momentum", "adam")


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
                a.retain_grad()
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
            if layer.padding == "same":  # PyTorch has no padding with a stride: Keras's, by hand
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


def random_network(seed):
    """Draw a network of image layers that fit, a batch for it, and the name of an optimizer."""
    rng = np.random.default_rng([7, seed])
    sides, channels = rng.integers(5, 13, 2).tolist(), int(rng.integers(1, 5))
    shape = (*sides, channels) if channels > 1 or rng.random() < 0.5 else tuple(sides)
    # If a filter is linear for the whole batch, a later batch normalization removes its shift. Its gradient
    # is then only rounding, which Adam turns into steps. So batch normalization never comes after such activations
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
            use_bias=not normed and rng.random() < 0.8,  # before batch normalization its gradient is 0
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
    return net, x, y, str(rng.choice(OPTIMIZERS))
