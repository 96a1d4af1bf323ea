"""Checkpoints: an interrupted or killed run resumes, and its results are bit-identical to an uninterrupted run.

    checkpoint = ns.Checkpoint("runs/long", every=1000)
    net.fit(x, y, epochs=50, callbacks=[checkpoint])

After the interruption, make the network, the data and the settings in the same way, and call

    checkpoint = ns.Checkpoint("runs/long", every=1000, resume=True)
    net.fit(x, y, epochs=50, callbacks=[checkpoint])

The results are bit-identical only with the same NumPy, the same kind of processor and the same number of `threads`.
The last bit of a matrix product can depend on the number of threads and on the processor.  A run that resumes with
other ones prints a note.

A checkpoint contains everything that the rest of the run depends on:

- parameters, running statistics, the optimizer and its schedule, interventions on neurons;
- all random streams, the order of the epoch and the place in it;
- the sums and the history up to now, and the state of the other callbacks;
- a checksum over all of this.

It is written completely or not at all, and the checkpoint before it is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ..checks import check_count
from ..console import tell
from ..errors import DataError, NeurosimError
from ..files.atomic import atomic_file, make_folder, sweep
from ..files.lock import FolderLock
from ..files.model import snapshot_rule
from ..files.npz import MALFORMED, read_configured, write_configured
from ..optimizers import OPTIMIZERS
from ..parameters import Array
from ..processors import arithmetic, threads
from ..schedules import Schedule
from ..schema import anything, array, brief, count, hold, listed, number, one_of, optional, plain, record, text
from ..signals import SIGNALS
from .callbacks import Callback, TrainingRun
from .history import ROWS

FORMAT, VERSION = "neurosim checkpoint", 1
KEPT = 2  # checkpoints: the newest, and one in case it is damaged
PREFIX, SUFFIX = "checkpoint-", ".npz"

_PLAIN, _BY_NAME = record({}, others=plain), record({}, others=anything)
STATE = record(
    {
        "about": _PLAIN,
        "run": record(
            {"network": _PLAIN, "fit": _PLAIN, "data": text, "callbacks": listed(text)},
            left_out={
                "threads": count(1),
                "arithmetic": text,
                "engine": one_of("numpy", "compiled"),
            },  # missing in files of earlier versions
        ),
        "network": _BY_NAME,
        "last_rate": number(0.0),
        "changed": record({"optimizer": _PLAIN, "interventions": _PLAIN}),
        "progress": record(
            {
                "epoch": count(1),
                "order": optional(array("iu", (None,))),
                "steps": count(),
                "loss": number(infinite=True),
                "right": number(0.0, nan=True),
                "seconds": number(0.0),
            }
        ),
        "history": record({"rows": ROWS, "batch_losses": array("f", (None,), dtype=np.float64), "stopped": text}),
        "callbacks": listed(_BY_NAME),
    }
)
"""The rule for a checkpoint of any run. Its own run is compared when it resumes."""


class Checkpoint(Callback):
    """Write a checkpoint every `every` steps, and resume from the last one.

    The first is written before the first step, the last after the end of the training. After Ctrl-C, the current step
    ends and one more is written. A second Ctrl-C ends the training at once. `Checkpoint` must be the last callback, so
    that it also saves the state of the others.

    Args:
        folder: the folder for the files ``checkpoint-….npz``. Those of an earlier run that has ended are deleted.
        every: the number of steps between two checkpoints, at least 1.
        resume: whether to resume from the newest undamaged checkpoint in `folder`.
        about: JSON-ready values to keep in the checkpoint, for making the run again; see `read_checkpoint`.

    Raises:
        NeurosimError: at the beginning of the training, in three cases. It is not the last callback. Another process
            trains in `folder`. Or, without `resume`, `folder` contains a run that has not ended. With `resume`, also if
            the run had another network, other data, other settings of `fit` or callbacks of other classes. The
            settings of the callbacks are not compared.
        DataError: at the beginning of the training: there is no undamaged checkpoint in `folder`.

    Example:
        >>> net.fit(x, y, callbacks=[ns.EarlyStopping(), ns.Checkpoint("runs/long", every=1000)])
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        every: int = 1000,
        resume: bool = False,
        about: dict[str, Any] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.every = check_count("every", every)
        self.resume = bool(resume)
        self.about = {} if about is None else dict(about)
        self._written: list[Path] = []
        self._finished, self._signal = False, 0
        self._handlers: dict[int, Any] = {}
        self._lock = FolderLock(self.folder)

    # -- the run -----------------------------------------------------------------------------------------------------

    def check(self, run: TrainingRun) -> None:
        if run.callbacks[-1] is not self:
            raise NeurosimError(
                "checkpoint: expected Checkpoint last among the callbacks, so that it saves their state, received "
                "another one after it"
            )

    def on_start(self, run: TrainingRun) -> None:
        self._written, self._finished, self._signal = [], False, 0
        if not self.resume:
            make_folder(self.folder)
        self._lock = take_folder(self.folder)
        try:
            self._begin(run)
        except BaseException:
            self._lock.release()
            raise
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if callable(signal.getsignal(number)):
                    self._handlers[number] = signal.signal(number, self._on_signal)

    def _begin(self, run: TrainingRun) -> None:
        """Resume from the last checkpoint, or write the first."""
        path, state = read_checkpoint(self.folder) if self.resume else (self.folder, {})
        if self.resume and run.network.wanted_engine == "auto":  # the engine that it had, unless another is requested
            run.network.engine = state["run"].get("engine", "numpy")
        self._run = json.loads(
            json.dumps(
                {
                    "network": run.network.config(),
                    "fit": run.plan,
                    "data": _sha256(run.data),
                    "callbacks": [type(each).__name__ for each in run.callbacks],
                    "threads": threads().count,
                    "arithmetic": arithmetic(),
                    "engine": run.network.engine,
                }
            )
        )
        if self.resume:
            difference = _difference(state["run"], self._run)
            if difference:
                raise NeurosimError(f"resume: expected the run of {path}, received another: {difference}")
            or_data_error(path, lambda: self._go_on(path, state, run))
            self._written = [path]
        else:
            delete_checkpoints(self.folder)
        sweep(self.folder)
        for path in self.folder.glob(
            f".{PREFIX}*"
        ):  # unfinished files of an earlier version; this process has the lock
            path.unlink(missing_ok=True)
        if not self.resume:
            self._write(run)

    def on_step(self, run: TrainingRun) -> None:
        if self._signal or run.step % self.every == 0:
            self._write(run)
        if self._signal:
            number, self._signal = self._signal, 0
            self._handlers[number](number, None)
            if number == signal.SIGINT:
                raise KeyboardInterrupt

    def on_end(self, run: TrainingRun) -> None:
        while self._handlers:
            signal.signal(*self._handlers.popitem())
        try:
            self._end(run)
        finally:
            self._lock.release()

    def _end(self, run: TrainingRun) -> None:
        """Write the last checkpoint, if the run has ended."""
        history = run.history
        if self._finished:
            history.message = f"This run had ended already ({history.stopped}): nothing was trained."
        elif history.stopped == "interrupted":
            history.message += f" Its last checkpoint is {self._written[-1]}."
        elif history.stopped != "running":
            self._write(run)

    def _on_signal(self, number: int, frame: Any) -> None:
        """Handle Ctrl-C or another signal with a handler: let the step end first, unless it is the second signal."""
        if self._signal:
            self._handlers[number](number, frame)
        self._signal = number

    # -- writing and going on ----------------------------------------------------------------------------------------

    def _write(self, run: TrainingRun) -> None:
        """Write a checkpoint of the current state, and delete the old ones."""
        network, history, config = run.network, run.history, run.network.config()
        order, steps, loss, right = run.batches.place
        state = {
            "about": self.about,
            "run": self._run,
            "network": network.snapshot(),
            "last_rate": network.optimizer.last_rate,
            "changed": {
                name: config[name] for name in ("optimizer", "interventions")
            },  # a callback may have changed them
            "progress": {
                "epoch": run.epoch,
                "order": order,
                "steps": steps,
                "loss": loss,
                "right": right,
                "seconds": run.seconds,
            },
            "history": {
                "rows": history.rows,
                "batch_losses": np.array(history.batch_losses, np.float64),
                "stopped": history.stopped,
            },
            "callbacks": [each.state() for each in run.callbacks],
        }
        path = self.folder / f"{PREFIX}{run.step:09d}{SUFFIX}"
        write_checkpoint(path, state)
        self._written = [*(each for each in self._written if each != path), path][-KEPT:]
        for each in checkpoints(self.folder):
            if each not in self._written:
                each.unlink()

    def _check(self, state: dict[str, Any], run: TrainingRun) -> None:
        """Check that a checkpoint describes a state that its run can reach.

        Raises:
            NeurosimError: the state is impossible.
        """
        progress, history = state["progress"], state["history"]
        epoch, steps, order = progress["epoch"], progress["steps"], progress["order"]
        batches, rows, losses = run.batches, history["rows"], history["batch_losses"]
        an_epoch, samples = batches.steps_per_epoch, len(batches.rows)
        done, running = len(rows), history["stopped"] == "running"
        in_order = batches.shuffle or order is None or np.array_equal(order, np.arange(samples))
        possible = {
            "epochs": [row["epoch"] for row in rows] == list(range(1, done + 1)) and done <= run.epochs,
            "columns": all(row.keys() >= {*run.columns} for row in rows),
            "epoch": epoch in ((done + 1,) if running else (max(done, 1), done + 1)) and epoch <= run.epochs + 1,
            "steps": steps <= an_epoch and (order is not None or steps == 0),
            "batch losses": (
                len(losses) == done * an_epoch + steps and bool(np.isfinite(losses).all())
                if running
                else done * an_epoch <= len(losses) <= min(done + 1, run.epochs) * an_epoch
            ),
            "order of the samples": order is None or (in_order and np.array_equal(np.sort(order), np.arange(samples))),
            "right": not progress["right"] > steps * batches.batch_size,  # NaN where there are no classes
        }
        for what, is_so in possible.items():
            if not is_so:
                raise NeurosimError(f"expected a state that its run can reach, received another at its {what}")
        changed = state["changed"]
        optimizer = OPTIMIZERS.create(changed["optimizer"])
        if changed["optimizer"] != _plain(optimizer.config()):
            raise NeurosimError("expected the settings of an optimizer, received others")
        if isinstance(optimizer.learning_rate, Schedule):
            optimizer.learning_rate.check(run.columns)
        hold("callbacks", listed(anything, len(run.callbacks), len(run.callbacks)), state["callbacks"])
        for each, its_state in zip(run.callbacks, state["callbacks"], strict=True):
            hold(f"state of {type(each).__name__}", each.state_rule(run), its_state)

    def _go_on(self, path: Path, state: dict[str, Any], run: TrainingRun) -> None:
        """Set everything to the state in a checkpoint."""
        network, history, progress = run.network, run.history, state["progress"]
        for what, was, now in (("threads", "were", "are"), ("arithmetic", "was", "is"), ("engine", "was", "is")):
            before, here = state["run"].get(what), self._run[what]  # none in files of earlier versions
            if before not in (None, here):
                tell(
                    f"resume: {what} {was} {brief(before)} and {now} {brief(here)}. Results may now differ in their "
                    "last bits from those of an uninterrupted run"
                )
        self._check(state, run)
        changed, order = state["changed"], progress["order"]
        if changed["optimizer"] != _plain(network.optimizer.config()):
            network.optimizer = changed["optimizer"]
        network.intervene(changed["interventions"])
        # NaN and infinity are allowed here: the run may be about to diverge
        hold("network", snapshot_rule(network), state["network"])
        network.restore(state["network"])
        network.optimizer.last_rate = float(state["last_rate"])
        history.rows = [dict(row) for row in state["history"]["rows"]]
        history.batch_losses = [float(loss) for loss in state["history"]["batch_losses"]]
        history.stopped = str(state["history"]["stopped"])
        run.epoch, run.seconds = int(progress["epoch"]), float(progress["seconds"])
        run.batches.place = order, int(progress["steps"]), float(progress["loss"]), float(progress["right"])
        for each, its_state in zip(run.callbacks, state["callbacks"], strict=True):
            each.restore(its_state)
        self._finished = history.stopped != "running"
        if self._finished:
            run.epoch = run.epochs + 1


def take_folder(folder: Path) -> FolderLock:
    """Lock a run's folder, and return the lock.

    Raises:
        NeurosimError: another process has the lock.
    """
    lock = FolderLock(folder)
    if not lock.take():
        raise NeurosimError(
            f"{folder}: another process is training in this folder; wait until it ends, or choose another folder"
        )
    return lock


def _plain(value: Any) -> Any:
    """Return a value as JSON would return it."""
    return json.loads(json.dumps(value))


def checkpoints(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the checkpoint files in a folder, the newest last."""
    with suppress(FileNotFoundError):  # another process may remove the folder at this moment
        return sorted(Path(folder).glob(f"{PREFIX}*{SUFFIX}"))
    return []


def delete_checkpoints(folder: str | os.PathLike[str]) -> None:
    """Delete the checkpoints of a run that has ended.

    Raises:
        NeurosimError: the run has not ended, so the user may want to resume it.
    """
    found = checkpoints(folder)
    for path in reversed(found):
        try:
            stopped = _read(path)["history"]["stopped"]
        except (DataError, LookupError, TypeError):
            continue  # damaged: the checkpoint before it knows
        if stopped == "running":
            raise NeurosimError(
                f"{folder}: this folder has the checkpoints of a run that has not ended. Resume it "
                f"(train --resume {folder}, or resume=True), choose another folder, or delete the checkpoints"
            )
        break
    for path in found:
        path.unlink()


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a state of dicts, lists, arrays and JSON-ready values, completely or not at all.

    Raises:
        NeurosimError: the file cannot be written.
    """
    arrays: dict[str, Array] = {}
    plain = _without_arrays(state, arrays)
    config = {"format": FORMAT, "version": VERSION, "sha256": _sha256(arrays.values(), plain), "state": plain}
    with atomic_file(path) as file:
        write_configured(file, config, arrays)


def read_checkpoint(folder: str | os.PathLike[str]) -> tuple[Path, dict[str, Any]]:
    """Read the newest undamaged checkpoint in a folder. A damaged one is named on standard error and skipped.

    Returns:
        Its path and its state; ``state["about"]`` is the argument `about` of `Checkpoint`.

    Raises:
        DataError: there is no undamaged checkpoint.
    """
    found = checkpoints(folder)
    if not found:
        raise DataError(
            f"{folder}: expected a run's folder with checkpoints, found none. They are written by "
            "train --checkpoint-every N (in Python: the callback Checkpoint)"
        )
    for path in reversed(found):
        try:
            return path, _read(path)
        except DataError as error:
            tell(f"skipped a damaged checkpoint: {brief(error)}")
    raise DataError(f"{folder}: expected an undamaged checkpoint, but all {len(found)} are damaged")


def _read(path: Path) -> dict[str, Any]:
    """Read the state in one file.

    Raises:
        DataError: the file is damaged, or is not a checkpoint.
    """
    config, arrays = read_configured(path, FORMAT, VERSION)
    if config.get("sha256") != _sha256([arrays[name] for name in sorted(arrays)], config.get("state")):
        raise DataError(f"{path}: its checksum does not match its contents")
    state: dict[str, Any] = or_data_error(path, lambda: _with_arrays(config["state"], arrays))
    or_data_error(path, lambda: hold("state", STATE, state))
    return state


def or_data_error(path: Path, do: Callable[[], Any]) -> Any:
    """Call `do`; turn any error caused by malformed file contents into a DataError.

    Raises:
        DataError: the contents are malformed.
    """
    try:
        return do()
    except DataError:
        raise
    except NeurosimError as error:
        raise DataError(f"{path}: {error}") from None
    except MALFORMED as error:
        raise DataError(
            f"{path}: expected a checkpoint, received something else ({type(error).__name__}: {brief(error)})"
        ) from None


def _without_arrays(value: Any, arrays: dict[str, Array]) -> Any:
    """Copy nested values with Python's own numbers, and move the arrays to `arrays`."""
    if isinstance(value, dict):
        return {name: _without_arrays(each, arrays) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_arrays(each, arrays) for each in value]
    if isinstance(value, np.ndarray):
        name = f"array{len(arrays):06d}"
        arrays[name] = value
        return {"array": name}
    return value.item() if isinstance(value, np.generic) else value


def _with_arrays(value: Any, arrays: dict[str, Array]) -> Any:
    """Undo `_without_arrays`."""
    if isinstance(value, dict):
        if value.keys() == {"array"}:
            return arrays[value["array"]]
        return {name: _with_arrays(each, arrays) for name, each in value.items()}
    return [_with_arrays(each, arrays) for each in value] if isinstance(value, list) else value


def _sha256(arrays: Any, plain: Any = None) -> str:
    """Return a checksum over JSON-ready values and over arrays in order, with their shapes and types."""
    digest = hashlib.sha256(json.dumps(plain).encode())
    for each in arrays:
        digest.update(f"{each.dtype.str} {each.shape}".encode())
        digest.update(np.ascontiguousarray(each).data)
    return digest.hexdigest()


def _difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Describe the first difference between two runs in a few words; return '' if there is none."""
    if before["data"] != now["data"]:
        return "other data"
    for part in ("fit", "network"):
        for name, value in now[part].items():
            if name in before[part] and before[part][name] != value:  # older runs have fewer settings
                return f"{name} was {brief(before[part][name])} and is {brief(value)}"
    if before["callbacks"] != now["callbacks"]:
        return f"callbacks were {', '.join(before['callbacks'])} and are {', '.join(now['callbacks'])}"
    return ""
