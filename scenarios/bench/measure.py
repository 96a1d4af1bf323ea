"""Rounds: every competitor in turn, with a rest between them, again and again.

The times of two competitors in the *same* round are compared, so that a slow minute of the machine hits both.  The
median of these ratios is the result, and their quartiles are its uncertainty.  The rests matter: threads that a library
keeps spinning for its next product slow down whoever comes next.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neurosim.data.dataset import Dataset
from neurosim.errors import NeurosimError
from neurosim.files.lock import scratch_folder

from .cases import Case, thread_counts
from .peers import COMPETITORS, environment

REST = 0.15  # seconds
TRIALS = 2  # passes that calibration compares, after a first one
SLOWER = 1.5  # times the fastest's first pass: a setting that takes longer is dropped
PATIENCE = (
    1.0  # seconds that a pass may take beyond that before it is ended: threads of a library can starve each other
)

Note = Callable[[str], None]


@dataclass(frozen=True)
class Setting:
    """A competitor in one form, with a number of threads."""

    name: str
    threads: int
    form: str


class WorkerError(NeurosimError):
    """A competitor's program ended with an error."""


class TooSlow(WorkerError):
    """A competitor's program took longer than the time limit."""


class Worker:
    """A competitor at work in a process of its own.

    Args:
        setting: which, and how.
        case: what it trains.
        folder: where `shared_data` put the data.
    """

    def __init__(self, setting: Setting, case: Case, folder: Path) -> None:
        self.setting = setting
        request = {
            "competitor": setting.name,
            "form": setting.form,
            "folder": str(folder),
            "case": asdict(case) | {"learning_rate": case.learning_rate},
        }
        program = Path(__file__).with_name("peers.py")
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115  its life is the worker's
        self.process = subprocess.Popen(
            [sys.executable, str(program), json.dumps(request)],
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=environment(setting.threads),
            start_new_session=True,
        )  # no Ctrl-C for it

    def tell(self, **message: Any) -> None:
        """Send a message."""
        with suppress(BrokenPipeError):  # `ask` finds out why
            print(json.dumps(message), file=self.process.stdin, flush=True)

    def ask(self, limit: float | None = None, **message: Any) -> dict[str, Any]:
        """Send a message, and return the answer.

        Args:
            limit: seconds; if the answer takes longer, the program is ended.
            message: nothing, to wait until it is ready.

        Raises:
            WorkerError: the program ended instead; `TooSlow`: it was ended.
        """
        late = threading.Event()

        def end() -> None:
            late.set()
            self.process.kill()

        timer = threading.Timer(limit or 0, end)
        if limit is not None:
            timer.start()
        if message:
            self.tell(**message)
        answer = self.process.stdout.readline()  # type: ignore[union-attr]
        timer.cancel()
        if not answer:
            self.process.wait()
            if late.is_set():
                raise TooSlow(f"{self.setting.name} took longer than {limit:.1f} s")
            self.log.seek(0)
            lines = self.log.read().strip().splitlines() or [f"exit status {self.process.returncode}"]
            raise WorkerError(f"{self.setting.name} failed: {lines[-1]}")
        reply: dict[str, Any] = json.loads(answer)
        return reply

    def close(self) -> None:
        """End the program: it has nothing to put away, which takes some libraries most of a second."""
        self.process.kill()
        for stream in (self.process.stdin, self.process.stdout):
            with suppress(BrokenPipeError):
                stream.close()  # type: ignore[union-attr]
        self.process.wait()
        self.log.close()


@contextmanager
def shared_data(train: Dataset) -> Iterator[Path]:
    """Make a folder with the images (N, 784) uint8 and their labels, for the workers to read."""
    with scratch_folder("neurosim-bench-") as folder:
        np.save(folder / "images.npy", np.ascontiguousarray(train.images.reshape(len(train), -1)))
        np.save(folder / "labels.npy", train.labels)
        yield folder


class Race:
    """All competitors on one case, each in its fastest setting.

    Args:
        case: what they train.
        competitors: their names; those who cannot train such a network take no part.
        folder: where `shared_data` put the data.
        count: how many samples there are.
        note: is told what goes wrong with a competitor, which then drops out.
        rest: seconds between two competitors.
        choices: thread counts to try.

    Attributes:
        rows: one dict per round and competitor: case, competitor, round, seconds (per step).
        chosen: competitor -> setting.
        finals: competitor -> its memory (bytes), its loss at the end, and the seconds to prepare the data.
    """

    def __init__(
        self,
        case: Case,
        competitors: Sequence[str],
        folder: Path,
        count: int,
        note: Note = print,
        rest: float = REST,
        choices: Sequence[int] = (),
    ) -> None:
        self.case = case.with_steps(min(case.steps, count // case.batch_size))
        if self.case.steps == 0:
            raise NeurosimError(f"case {case.name}: expected at least {case.batch_size} images, received {count}")
        self.competitors = [name for name in competitors if COMPETITORS[name].forms_of(case)]
        self.folder, self.count = folder, count
        self.note, self.rest, self.choices = note, rest, list(choices) or thread_counts()
        self.rows: list[dict[str, Any]] = []
        self.chosen: dict[str, Setting] = {}
        self.finals: dict[str, dict[str, Any]] = {}
        self._last: Worker | None = None

    @property
    def is_complete(self) -> bool:
        """Whether every competitor has come to the end."""
        return list(self.finals) == self.competitors

    def to_json(self) -> str:
        """Return the result."""
        chosen = {name: asdict(setting) for name, setting in self.chosen.items()}
        return json.dumps({"rows": self.rows, "chosen": chosen, "finals": self.finals})

    def take_over(self, text: str) -> None:
        """Load the result of a race that was finished before."""
        record = json.loads(text)
        self.rows, self.finals = record["rows"], record["finals"]
        self.chosen = {name: Setting(**setting) for name, setting in record["chosen"].items()}

    def run(self, rounds: int, tick: Callable[[], None] = lambda: None) -> None:
        """Calibrate, then run that many rounds; `tick` is called after each, and after the calibration."""
        with ExitStack() as stack:
            workers = self.calibrate(stack)
            tick()
            for number in range(rounds):
                turn = number % max(len(workers), 1)  # another one begins each time
                for worker in workers[turn:] + workers[:turn]:
                    seconds = self._pass(worker, TRIALS + 1 + number)
                    self.rows.append(
                        {
                            "case": self.case.name,
                            "competitor": worker.setting.name,
                            "round": number,
                            "seconds": seconds / self.case.steps,
                        }
                    )
                tick()
            time.sleep(self.rest)
            for worker in workers:
                self.finals[worker.setting.name] = worker.ask(finish=True)

    def calibrate(self, stack: ExitStack) -> list[Worker]:
        """Start every competitor in all its settings, and keep the fastest of each; the stack closes them."""
        fastest = []
        for name in self.competitors:
            settings = [
                Setting(name, threads, form)
                for form, threads in itertools.product(COMPETITORS[name].forms_of(self.case), self.choices)
            ]
            try:
                fastest.append(self._fastest(settings))
            except WorkerError as error:
                self.note(str(error))
                continue
            stack.callback(fastest[-1].close)
            self.chosen[name] = fastest[-1].setting
        return fastest

    def _fastest(self, settings: list[Setting]) -> Worker:
        """Return the worker with the shortest pass; close the others, the clearly slower ones after one pass."""
        with ExitStack() as stack:
            workers = [Worker(setting, self.case, self.folder) for setting in settings]
            closing = {worker.setting: stack.enter_context(ExitStack()) for worker in workers}
            for worker in workers:
                closing[worker.setting].callback(worker.close)
            for worker in workers:
                worker.ask()
            seconds: dict[Setting, float] = {}
            for worker in workers:
                limit = SLOWER * min(seconds.values()) + PATIENCE if seconds else None
                with suppress(TooSlow):
                    seconds[worker.setting] = self._pass(worker, 0, limit)
            near = [w for w in workers if seconds.get(w.setting, np.inf) <= SLOWER * min(seconds.values())]
            passes = [[self._pass(worker, trial) for worker in near] for trial in range(1, TRIALS + 1)]
            best = near[int(np.min(passes, axis=0).argmin())]
            closing[best.setting].pop_all()
        return best

    def _pass(self, worker: Worker, number: int, limit: float | None = None) -> float:
        """The seconds of one round of one competitor, after another's rest; each round has the next rows of the data.

        The worker makes its round ready in that time.
        """
        size = self.case.steps * self.case.batch_size
        places = self.count - size + 1
        worker.tell(begin={"start": number * size % places, "seed": number})
        if worker is not self._last:
            time.sleep(self.rest)
        self._last = worker
        return float(worker.ask(limit, train=True)["seconds"])
