"""Finished tasks that are kept, so that an interrupted scenario goes on where it was.

There is one file per task (see `kept`).  Its numbers depend on settings, seed, images, recorders, and the code that
computes.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neurosim.errors import NeurosimError
from neurosim.network import Network
from neurosim.schema import count, hold, listed, optional, plain, record as record_of

from .kept import Kept, checksum, checksum_of, key_of
from .tables import RUN, TABLES, hold_table
from .task import Task

FORMAT = "neurosim run 1"
SIMULATOR = Path(inspect.getfile(Network)).parent
PROTOCOL = Path(__file__).parent
SHOWING = ("cli", "files", "html.py", "progress.py", "text.py", "walk")
"""Rooms of the simulator that decide no number of a run: they show, ask or write.  A new room counts."""
LENDING = ("analysis", "data")
"""Rooms of which only those files count that the protocol or a scenario names in its imports."""


class Store:
    """A folder of finished tasks.

    Args:
        folder: where they are; None keeps nothing.
        fresh: whether to delete what is there.
    """

    def __init__(self, folder: Path | None, fresh: bool = False) -> None:
        self.kept = Kept(folder, FORMAT, fresh)

    def read(self, task: Task) -> str | None:
        """Return the result of a task; None if it is not there, or the file is damaged or of something else."""
        result = self.kept.read(key(task))
        return result if result is not None and _possible(task, json.loads(result)) else None

    def write(self, task: Task, result: str) -> None:
        """Keep the result of a task."""
        self.kept.write(key(task), result, run=asdict(task.run))


RESULT = record_of(
    {
        "epochs": listed(record_of({"epoch": count(1)}, others=optional(plain)), least=1),
        "tables": record_of({}, others=record_of({}, others=listed(plain))),
    }
)
"""The rule for the result of any task."""


def _possible(task: Task, result: Any) -> bool:
    """Return whether a result holds what such a task can give."""
    own = {"variant": task.run.variant, "seed": task.run.seed}
    try:
        hold("result", RESULT, result)
        rows = pd.DataFrame([own | row for row in result["epochs"]])
        columns = dict.fromkeys((*RUN, *TABLES["results"].columns, *rows))  # one that diverged at once lacks some
        tables = {"results": rows.reindex(columns=list(columns))}
        for name, each in result["tables"].items():
            if any(each.values()):
                tables[name] = pd.DataFrame({**each, **own})
        for name, table in tables.items():
            hold_table("", name, table, [task.run.variant])
    except (NeurosimError, ValueError, TypeError):
        return False
    return len(tables["results"]) <= task.run.settings.epochs


def key(task: Task) -> str:
    """Return a checksum of everything that decides the numbers of a task."""
    functions = [each for each in (task.recorders, task.measure, task.measure_trained) if each is not None]
    parts = {
        "format": FORMAT,
        "run": asdict(task.run),
        "data": task.data,
        "search": task.search,
        "watched": task.watched,
        "hold_out": task.hold_out,
        "threads": task.threads,
        "functions": [f"{each.__module__}.{each.__qualname__}" for each in functions],
        "code": [_code(), *map(_code_of, functions)],
        "numpy": np.__version__,
    }
    return key_of(parts | ({} if task.engine == "numpy" else {"engine": task.engine}))


def simulator_files() -> list[Path]:
    """Return the files that compute for every scenario, without the rooms that count only in part."""
    return [
        path
        for path in sorted(SIMULATOR.rglob("*.py"))
        if path.relative_to(SIMULATOR).parts[0] not in (*SHOWING, *LENDING)
    ]


@cache
def _code() -> str:
    """Return a checksum of the code that trains and records for every scenario: new code gets new numbers."""
    protocol = sorted(PROTOCOL.glob("*.py"))
    return checksum_of([*simulator_files(), *protocol, *_lent_to(protocol)])


@cache
def _code_of(function: Callable[..., Any]) -> str:
    """Return a checksum of the module of a function; of the function alone if it is not from a file."""
    try:
        path = Path(inspect.getfile(function))
        return checksum_of([path, *_lent_to([path])])
    except (OSError, TypeError):
        code = function.__code__
        return checksum(repr((code.co_code, code.co_consts, code.co_names)))


def _lent_to(paths: Iterable[Path]) -> list[Path]:
    """Return the files of the `LENDING` rooms that these files import from: all of a room if they name no file."""
    found: set[Path] = set()
    for module in {module for path in paths for module in _imported(path)}:
        package, *rest = module.split(".")
        rooms = [rest] if rest else [[room] for room in LENDING]  # from the package itself comes any of its names
        for room in rooms:
            if package == SIMULATOR.name and room[0] in LENDING:
                place = SIMULATOR.joinpath(*room)
                found |= {*place.rglob("*.py")} if place.is_dir() else {place.with_suffix(".py")}
    return sorted(found)


def _imported(path: Path) -> Iterator[str]:
    """Return the modules that a file imports, by their full names."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            place = SIMULATOR.parent.joinpath(*node.module.split("."))
            for each in node.names:
                inner = (place / each.name).is_dir() or (place / f"{each.name}.py").is_file()
                yield f"{node.module}.{each.name}" if inner else node.module
