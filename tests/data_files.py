"""Small data sets as files, for the tests of `neurosim.data`."""

import gzip
import struct
from dataclasses import replace

import numpy as np

from neurosim.data.catalog import CATALOG, PARTS, file_stem
from neurosim.data.idx import idx_sha256


def small_set(train=60, test=20, side=8, seed=0):
    """Return four arrays as in a published set, with every class equally often."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for prefix, count in (("train", train), ("t10k", test)):
        arrays[f"{prefix}-images"] = rng.integers(0, 256, (count, side, side), dtype=np.uint8)
        arrays[f"{prefix}-labels"] = rng.permutation(np.arange(count) % 10).astype(np.uint8)
    return arrays


def idx_bytes(array):
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx(folder, arrays, name="{stem}", compress=False):
    folder.mkdir(parents=True, exist_ok=True)
    for part, array in arrays.items():
        path = folder / name.format(stem=file_stem(part))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(idx_bytes(array)) if compress else idx_bytes(array))
    return folder


def csv_text(images, labels=None, header=False):
    pixels = images.reshape(len(images), -1)
    rows = pixels if labels is None else np.column_stack([labels, pixels])
    names = ([] if labels is None else ["label"]) + [f"pixel{i}" for i in range(pixels.shape[1])]
    lines = [",".join(names)] if header else []
    return "\n".join(lines + [",".join(map(str, row)) for row in rows.tolist()]) + "\n"


def publish(monkeypatch, arrays, name="mnist"):
    """Register these arrays in the catalogue as the published set of this name."""
    digests = {part: idx_sha256(arrays[part]) for part in PARTS}
    monkeypatch.setitem(CATALOG, name, replace(CATALOG[name], checksums=digests, checksum_of="idx"))
