"""Arrays as text: joined to blobs, compressed if that saves enough, and written in base64."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..parameters import Array

ALIGNMENT = 8  # bytes: an array of any type can begin there
PAYS = 0.9  # of the uncompressed size: above it, unpacking is not worth the time


@dataclass
class Blobs:
    """Arrays in blobs.

    Attributes:
        arrays: name -> {"dtype", "shape", "blob", "offset"}.
        about: for each blob {"encoding", "bytes"}.
        texts: each blob in base64.
    """

    arrays: dict[str, dict[str, Any]] = field(default_factory=dict)
    about: list[dict[str, Any]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def add(self, arrays: Mapping[str, Array]) -> None:
        """Add a blob with these arrays."""
        parts: list[bytes] = []
        size = 0
        for name, array in arrays.items():
            data = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
            place = {"dtype": array.dtype.name, "shape": list(array.shape), "blob": len(self.texts), "offset": size}
            self.arrays[name] = place
            parts += [data, bytes(-len(data) % ALIGNMENT)]
            size += len(data) + -len(data) % ALIGNMENT
        encoding, text = as_text(b"".join(parts))
        self.about.append({"encoding": encoding, "bytes": size})
        self.texts.append(text)

    def point(self, name: str, to: str) -> None:
        """Give an array a second name."""
        self.arrays[name] = self.arrays[to]

    def __len__(self) -> int:
        """Return the number of characters of all blobs."""
        return sum(map(len, self.texts))


def as_text(data: bytes) -> tuple[str, str]:
    """Return the encoding, and bytes in base64, compressed with gzip first if that saves enough."""
    packed = gzip.compress(data, 6, mtime=0)
    encoding, data = ("gzip+base64", packed) if len(packed) < PAYS * len(data) else ("base64", data)
    return encoding, base64.b64encode(data).decode("ascii")


def size_of(arrays: Mapping[str, Array]) -> int:
    """Return the number of characters that arrays take in their own blob."""
    blobs = Blobs()
    blobs.add(arrays)
    return len(blobs)
