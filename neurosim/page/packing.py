"""Arrays as text: put one behind the other in blobs, compressed where that pays, and written in base64."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..parameters import Array

ALIGNMENT = 8  # bytes: a typed array of any type may begin there
PAYS = 0.9  # compressed to uncompressed: above it the browser had better not unpack


@dataclass
class Blobs:
    """Arrays in blobs.

    Attributes:
        arrays: name -> {"dtype", "shape", "blob", "offset"}.
        about: of each blob {"encoding", "bytes"}.
        texts: each blob in base64.
    """

    arrays: dict[str, dict[str, Any]] = field(default_factory=dict)
    about: list[dict[str, Any]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def add(self, arrays: Mapping[str, Array]) -> None:
        """One more blob, with these arrays in it."""
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
        """Let one more name stand for an array that is there."""
        self.arrays[name] = self.arrays[to]

    def __len__(self) -> int:
        """How many characters it all takes."""
        return sum(map(len, self.texts))


def as_text(data: bytes) -> tuple[str, str]:
    """Bytes in base64, packed by gzip before where that pays; and which of the two it was."""
    packed = gzip.compress(data, 6, mtime=0)
    encoding, data = ("gzip+base64", packed) if len(packed) < PAYS * len(data) else ("base64", data)
    return encoding, base64.b64encode(data).decode("ascii")


def size_of(arrays: Mapping[str, Array]) -> int:
    """How many characters arrays take in a blob of their own."""
    blobs = Blobs()
    blobs.add(arrays)
    return len(blobs)
