"""PyTorch's forms of neurosim's parts, by key. Import it only if PyTorch is installed."""

import torch
from torch.nn import functional as F

ACTIVATE = {
    "linear": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": lambda z: F.leaky_relu(z, 0.01),
    "elu": F.elu,
    "selu": F.selu,
    "gelu": lambda z: F.gelu(z, approximate="tanh"),
    "silu": F.silu,
    "mish": F.mish,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "hard_tanh": F.hardtanh,
    "relu6": F.relu6,
    "softmax": lambda z: torch.softmax(z, dim=1),
}

LOSS = {  # (z of the output, a, one-hot or rows y) -> L
    "cross_entropy": lambda z, a, y, label_smoothing=0.0: F.cross_entropy(z, y, label_smoothing=label_smoothing),
    "binary_cross_entropy": lambda z, a, y: F.binary_cross_entropy(a, y),
    "mse": lambda z, a, y: F.mse_loss(a, y),
    "mae": lambda z, a, y: F.l1_loss(a, y),
    "huber": lambda z, a, y, threshold=1.0: F.huber_loss(a, y, delta=threshold),
    "hinge": lambda z, a, y, margin=1.0: F.multi_margin_loss(a, y.argmax(1), p=1, margin=margin),
    "squared_hinge": lambda z, a, y, margin=1.0: F.multi_margin_loss(a, y.argmax(1), p=2, margin=margin),
}

TORCH = {  # key -> (torch's optimizer, its arguments, ours)
    "sgd": (torch.optim.SGD, {"lr": 0.1}, {}),
    "momentum": (torch.optim.SGD, {"lr": 0.02, "momentum": 0.8}, {"momentum": 0.8}),
    "nesterov": (torch.optim.SGD, {"lr": 0.02, "momentum": 0.8, "nesterov": True}, {"momentum": 0.8}),
    "adagrad": (torch.optim.Adagrad, {"lr": 0.1}, {}),
    "rmsprop": (torch.optim.RMSprop, {"lr": 0.01, "alpha": 0.9}, {"rho": 0.9}),
    "adadelta": (torch.optim.Adadelta, {"lr": 1.0}, {}),
    "adam": (torch.optim.Adam, {"lr": 0.05}, {}),
    "amsgrad": (torch.optim.Adam, {"lr": 0.05, "amsgrad": True, "betas": (0.9, 0.9)}, {"beta2": 0.9}),
    "adamax": (torch.optim.Adamax, {"lr": 0.05}, {}),
    "nadam": (torch.optim.NAdam, {"lr": 0.05}, {}),
    "adamw": (torch.optim.AdamW, {"lr": 0.05, "weight_decay": 0.1}, {"weight_decay": 0.1}),
}
