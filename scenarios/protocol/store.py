"""What is kept of finished tasks, so that an interrupted scenario goes on where it was.

One JSON file a task, written whole or not at all, named by a checksum of everything that decides its numbers: settings,
seed, images, recorders, and the code itself.  So nothing old is ever taken for something new.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import neurosim
from neurosim.files.atomic import write_text

if TYPE_CHECKING:
    from .runner import Task

FORMAT = "neurosim run 1"


class Store:
    """A folder of finished tasks.

    Args:
        folder: where they are; None keeps nothing.
        fresh: whether to delete what is there.
    """

    def __init__(self, folder: Path | None, fresh: bool = False) -> None:
        self.folder = folder
        if folder is not None and fresh:
            for path in folder.glob("*.json"):
                path.unlink()

    def path(self, task: Task) -> Path:
        """The file of a task."""
        assert self.folder is not None
        return self.folder / f"{key(task)[:32]}.json"

    def read(self, task: Task) -> str | None:
        """What came of a task; None if it is not there, or the file is damaged or of something else."""
        if self.folder is None:
            return None
        try:
            record = json.loads(self.path(task).read_text())
            result = json.dumps(record["result"])
            intact = (record["format"], record["key"], record["sha256"]) == (FORMAT, key(task), _sha256(result))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return result if intact else None

    def write(self, task: Task, result: str) -> None:
        """Keep what came of a task."""
        if self.folder is not None:
            # the checksum is that of the text which reading gives again
            record = {
                "format": FORMAT,
                "key": key(task),
                "run": asdict(task.run),
                "sha256": _sha256(json.dumps(json.loads(result))),
                "result": json.loads(result),
            }
            write_text(self.path(task), json.dumps(record) + "\n")


def key(task: Task) -> str:
    """A checksum of everything that decides the numbers of a task."""
    functions = [each for each in (task.recorders, task.measure) if each is not None]
    parts = {
        "format": FORMAT,
        "run": asdict(task.run),
        "data": task.data,
        "search": task.search,
        "hold_out": task.hold_out,
        "functions": [f"{each.__module__}.{each.__qualname__}" for each in functions],
        "code": [_code(), *map(_code_of, functions)],
        "numpy": np.__version__,
    }
    return _sha256(json.dumps(parts, sort_keys=True))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def _code() -> str:
    """A checksum of neurosim and of what trains for a scenario: who changes the simulator gets new numbers."""
    here = Path(__file__).parent
    package = Path(neurosim.__file__).parent
    parts = ("runner.py", "recorders.py", "base.py", "common.py")  # base makes the networks, common measures
    return _of_files([*sorted(package.rglob("*.py")), *(here / name for name in parts)])


@cache
def _code_of(function: Callable[..., Any]) -> str:
    """A checksum of the module in which a function stands; of the function alone where that is no file."""
    try:
        return _of_files([Path(inspect.getfile(function))])
    except (OSError, TypeError):
        code = function.__code__
        return _sha256(repr((code.co_code, code.co_consts, code.co_names)))


def _of_files(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.name}\n".encode() + path.read_bytes())  # as text it would depend on the locale
    return digest.hexdigest()
