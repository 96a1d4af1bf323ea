"""Streams of random numbers, one for each purpose."""

from __future__ import annotations

from typing import Any

import numpy as np

from .schema import count, one_of, record, refuse

PURPOSES = ("weights", "shuffling", "dropout", "augmentation")


def random_streams(seed: int) -> dict[str, np.random.Generator]:
    """Return one independent stream of random numbers per purpose.

    Drawing from one stream does not change the others.
    """
    return {
        purpose: np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(k,)))
        for k, purpose in enumerate(PURPOSES)
    }


def _odd(place: str, value: Any) -> None:
    """Check the increment of a PCG64 stream: it must be odd."""
    count(0, 2**128 - 1)(place, value)
    if value % 2 == 0:
        raise refuse(place, "an odd number", value)


STATE = record(
    {
        "bit_generator": one_of("PCG64"),
        "state": record({"state": count(0, 2**128 - 1), "inc": _odd}),
        "has_uint32": one_of(0, 1),
        "uinteger": count(0, 2**32 - 1),
    }
)
"""The rule for the state of one stream that is read from a file."""
