"""A folder of finished work, so that what was interrupted goes on where it was.

There is one JSON file per piece of work, written whole or not at all.  It is named by a checksum of everything that
decides what comes of it.  So nothing old is ever taken for something new.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from neurosim.files.atomic import write_text


def checksum(text: str) -> str:
    """Return the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def key_of(parts: dict[str, Any]) -> str:
    """Return a checksum of everything that decides the result of a piece of work."""
    return checksum(json.dumps(parts, sort_keys=True))


def checksum_of(paths: Iterable[Path]) -> str:
    """Return a checksum of files and their names: new code gets new results."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.name}\n".encode() + path.read_bytes())  # as text it would depend on the locale
    return digest.hexdigest()


class Kept:
    """A folder of finished work.

    Args:
        folder: where it is; None keeps nothing.
        format: what the files are; those of another format are not read.
        fresh: whether to delete what is there.
    """

    def __init__(self, folder: Path | None, format: str, fresh: bool = False) -> None:
        self.folder, self.format = folder, format
        if folder is not None and fresh:
            for path in folder.glob("*.json"):
                path.unlink()

    def read(self, key: str) -> str | None:
        """Return the result, as JSON; None if it is not there, or the file is damaged or of something else."""
        if self.folder is None:
            return None
        try:
            record = json.loads(self._path(key).read_text())
            result = json.dumps(record["result"])
            intact = (record["format"], record["key"], record["sha256"]) == (self.format, key, checksum(result))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return result if intact else None

    def write(self, key: str, result: str, **about: Any) -> None:
        """Keep the result, as JSON, with notes for a reader of the file."""
        if self.folder is not None:
            # the checksum is that of the text which reading gives again
            values = json.loads(result)
            record = {"format": self.format, "key": key, **about, "sha256": checksum(json.dumps(values))}
            write_text(self._path(key), json.dumps(record | {"result": values}) + "\n")

    def _path(self, key: str) -> Path:
        assert self.folder is not None
        return self.folder / f"{key[:32]}.json"
