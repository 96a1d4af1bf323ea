"""Streams of random numbers, one for each purpose."""

from __future__ import annotations

import numpy as np

PURPOSES = ("weights", "shuffling", "dropout", "augmentation")


def random_streams(seed: int) -> dict[str, np.random.Generator]:
    """One independent stream of random numbers for each purpose, so that using more of one changes no other."""
    return {
        purpose: np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(k,)))
        for k, purpose in enumerate(PURPOSES)
    }
