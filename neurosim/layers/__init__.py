"""The layers, one file per kind, and their neurons."""

from .base import LAYERS, ActivationLayer, Layer, ParameterView
from .batch_norm import BatchNorm
from .conv import Conv2D
from .dense import Dense
from .dropout import Dropout
from .input import Input
from .interventions import Interventions
from .neuron import Neuron, Unit
from .pooling import AveragePool2D, Flatten, MaxPool2D
from .weighted import WeightedLayer

__all__ = [
    "LAYERS",
    "ActivationLayer",
    "AveragePool2D",
    "BatchNorm",
    "Conv2D",
    "Dense",
    "Dropout",
    "Flatten",
    "Input",
    "Interventions",
    "Layer",
    "MaxPool2D",
    "Neuron",
    "ParameterView",
    "Unit",
    "WeightedLayer",
]
