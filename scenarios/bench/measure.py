"""Rounds: every competitor in turn, with a rest between them, again and again.

What is compared is the time of two competitors in the *same* round, so that a slow minute of the machine hits both; the
median of these ratios is the result and their quartiles its uncertainty.  The rests matter: threads that a library
keeps spinning for its next product slow down whoever comes next.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
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
TRIALS = 4  # passes by which calibration decides, after one to warm up

Note = Callable[[str], None]


@dataclass(frozen=True)
class Setting:
    """A competitor in one form with so many threads."""

    name: str
    threads: int
    form: str


class WorkerError(NeurosimError):
    """A competitor's program ended with an error."""


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

    def ask(self, **message: Any) -> dict[str, Any]:
        """Send a message, and return the answer.

        Raises:
            WorkerError: the program ended instead.
        """
        try:
            if message:
                print(json.dumps(message), file=self.process.stdin, flush=True)
            answer = self.process.stdout.readline()  # type: ignore[union-attr]
        except BrokenPipeError:
            answer = ""
        if not answer:
            self.process.wait()
            self.log.seek(0)
            lines = self.log.read().strip().splitlines() or [f"exit status {self.process.returncode}"]
            raise WorkerError(f"{self.setting.name} failed: {lines[-1]}")
        reply: dict[str, Any] = json.loads(answer)
        return reply

    def close(self) -> None:
        """End the program."""
        for stream in (self.process.stdin, self.process.stdout):
            with suppress(BrokenPipeError):
                stream.close()  # type: ignore[union-attr]
        try:
            self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


@contextmanager
def shared_data(train: Dataset) -> Iterator[Path]:
    """A folder with the images (N, 784) uint8 and their labels, for the workers to read."""
    with scratch_folder("neurosim-bench-") as folder:
        np.save(folder / "images.npy", np.ascontiguousarray(train.images.reshape(len(train), -1)))
        np.save(folder / "labels.npy", train.labels)
        yield folder


class Race:
    """All competitors on one case, each in its fastest setting.

    Args:
        case: what they train.
        competitors: their names.
        folder: where `shared_data` put the data.
        count: how many samples there are.
        note: is told what goes wrong with a competitor, which then drops out.
        rest: seconds between two competitors.
        choices: thread counts to try.

    Attributes:
        rows: one dict a round and competitor: case, competitor, round, seconds (a step).
        chosen: competitor -> setting.
        finals: competitor -> its memory (bytes) and loss at the end.
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
        self.competitors, self.folder, self.count = list(competitors), folder, count
        self.note, self.rest, self.choices = note, rest, list(choices) or thread_counts()
        self.rows: list[dict[str, Any]] = []
        self.chosen: dict[str, Setting] = {}
        self.finals: dict[str, dict[str, Any]] = {}

    def run(self, rounds: int, tick: Callable[[], None] = lambda: None) -> None:
        """Calibrate, then run that many rounds; `tick` is called after each, and after the calibration."""
        with ExitStack() as stack:
            workers = self.calibrate(stack)
            tick()
            for number in range(rounds):
                turn = number % max(len(workers), 1)  # another one begins each time
                for worker in workers[turn:] + workers[:turn]:
                    seconds = self._pass(worker, number)
                    self.rows.append(
                        {
                            "case": self.case.name,
                            "competitor": worker.setting.name,
                            "round": number,
                            "seconds": seconds / self.case.steps,
                        }
                    )
                tick()
            for worker in workers:
                self.finals[worker.setting.name] = worker.ask(finish=True)

    def calibrate(self, stack: ExitStack) -> list[Worker]:
        """Start every competitor in all its settings, and keep the fastest of each; the stack closes them."""
        fastest = []
        for name in self.competitors:
            settings = [
                Setting(name, threads, form)
                for form, threads in itertools.product(COMPETITORS[name].forms, self.choices)
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
        """The worker with the shortest pass; the others are closed."""
        with ExitStack() as stack:
            workers = [Worker(setting, self.case, self.folder) for setting in settings]
            closing = {worker.setting: stack.enter_context(ExitStack()) for worker in workers}
            for worker in workers:
                closing[worker.setting].callback(worker.close)
            for worker in workers:
                worker.ask()
            passes = [[self._pass(worker, trial) for worker in workers] for trial in range(-1, TRIALS)]
            best = workers[int(np.min(passes[1:], axis=0).argmin())]
            closing[best.setting].pop_all()
        return best

    def _pass(self, worker: Worker, number: int) -> float:
        """The seconds of one round of one competitor, after a rest; each round has the next rows of the data."""
        time.sleep(self.rest)
        size = self.case.steps * self.case.batch_size
        places = self.count - size + 1
        return float(worker.ask(start=(number + 1) * size % places, seed=number + 1)["seconds"])
