"""Finished cases that are kept, so that an interrupted benchmark goes on where it was.

There is one file per case (see `scenarios.protocol.kept`).  Its seconds depend on the machine and its packages, the
data, the case, the competitors and their threads, the number of rounds, and the code.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from neurosim.errors import NeurosimError
from neurosim.schema import count, hold, listed, number, one_of, record as record_of, text

from ..protocol.kept import Kept, checksum_of, key_of
from ..protocol.store import simulator_files
from .cases import Case

FORMAT = "neurosim bench 1"
MEASURING = ("cases.py", "measure.py", "peers.py")
TRANSIENT = ("date", "load")  # what a machine is does not depend on them


class Store:
    """A folder of finished cases.

    Args:
        folder: where they are; None keeps nothing.
        here: the machine; see `cases.machine`.
        data: the checksum of the images.
        rounds: how many.
        fresh: whether to delete what is there.
    """

    def __init__(
        self, folder: Path | None, here: dict[str, Any], data: str | None, rounds: int, fresh: bool = False
    ) -> None:
        self.kept, self.rounds = Kept(folder, FORMAT, fresh), rounds
        machine = {name: value for name, value in here.items() if name not in TRANSIENT}
        self.parts = {"format": FORMAT, "machine": machine, "data": data, "rounds": rounds, "code": _code()}

    def key(self, case: Case, competitors: Sequence[str], choices: Sequence[int]) -> str:
        """Return a checksum of everything that the seconds of a case depend on."""
        return key_of(self.parts | {"case": asdict(case), "competitors": [*competitors], "threads": [*choices]})

    def read(self, case: Case, competitors: Sequence[str], choices: Sequence[int]) -> str | None:
        """Return the result of a case; None if it is not there, or the file is damaged or of something else."""
        result = self.kept.read(self.key(case, competitors, choices))
        return result if result is not None and self._is_possible(result, case, competitors, choices) else None

    def write(self, case: Case, competitors: Sequence[str], choices: Sequence[int], result: str) -> None:
        """Keep the result of a case."""
        self.kept.write(self.key(case, competitors, choices), result, case=case.name)

    def _is_possible(self, result: str, case: Case, competitors: Sequence[str], choices: Sequence[int]) -> bool:
        """Return whether a result holds what such a race can give."""
        row = {
            "case": one_of(case.name),
            "competitor": one_of(*competitors),
            "round": one_of(*range(self.rounds)),
            "seconds": number(0),
        }
        setting = {"name": one_of(*competitors), "threads": one_of(*choices), "form": text}
        final = record_of({"memory": count()}, left_out={"loss": number(), "prepare": number(0)})
        size = len(competitors) * self.rounds
        rules = {
            "rows": listed(record_of(row), size, size),
            "chosen": record_of(dict.fromkeys(competitors, record_of(setting))),
            "finals": record_of(dict.fromkeys(competitors, final)),
        }
        try:
            hold("result", record_of(rules), json.loads(result))
        except NeurosimError:
            return False
        return True


@cache
def _code() -> str:
    """Return a checksum of the measured and the measuring code: new code gets new seconds."""
    return checksum_of([*simulator_files(), *(Path(__file__).with_name(name) for name in MEASURING)])
