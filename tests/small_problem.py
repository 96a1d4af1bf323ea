"""A small problem for several test modules: samples of four numbers in three classes, and a network."""

import numpy as np

import neurosim as ns

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(200, 4)).astype(np.float32), RNG.integers(0, 3, 200)


def network(**settings):
    """Make a new network for it: 4 -> 5 -> 3."""
    return ns.Network([ns.Input(4), ns.Dense(5, "relu"), ns.Dense(3, "softmax")], seed=0, **settings)
