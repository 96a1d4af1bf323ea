"""The training loop.

`fit` runs over shuffled batches: gather, forward, loss, backward, update.  A `Callback` adds other actions.  Training
ends after the last epoch, when a callback ends it, on Ctrl-C, or when it diverges.  It diverges at the first step whose
loss is not finite, or after the first epoch whose final network is not finite.  In every case `fit` returns the history
up to this point, with the reason.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..augment import Augmentation
from ..checks import check_count, check_names, is_dataset
from ..console import tell
from ..errors import NeurosimError
from ..network import BATCH_SIZE, EPOCHS, Network
from ..parameters import Array
from ..processors import computes
from ..progress import progress_bar
from ..schedules import Schedule
from .batches import Batches, as_data
from .callbacks import Callback, TrainingRun
from .divergence import all_finite, explain_divergence, find_divergence
from .history import History

AT_ONCE = 25  # steps between two updates of the progress bar
LOOK_EVERY = 0.05  # seconds that a call may take: Ctrl-C and the progress bar wait for it
MANY = 50  # epochs: one line per epoch would fill more than a screen


@check_names
@computes
def fit(
    network: Network,
    x: Any,
    y: Any = None,
    epochs: int = EPOCHS,
    batch_size: int | None = BATCH_SIZE,
    *,
    validation_data: Any = None,
    verbose: bool = True,
    callbacks: Iterable[Callback] = (),
    shuffle: bool = True,
    drop_last: bool = False,
    evaluate_train: bool = False,
    augment: str | Augmentation | dict[str, Any] | None = None,
    class_weight: Any = None,
    sample_weight: Any = None,
) -> History:
    """Train a network by gradient descent on batches.

    Args:
        network: the network to train. A second call of `fit` continues with the optimizer's state.
        x: a `Dataset`, or (N, …) samples without NaN and infinity. The first training decides how the `Input` layer
            scales them, and the network remembers the scale: see `neurosim.samples`.
        y: (N,) class indices or names of classes, or (N, n_out) rows; None if x is a `Dataset`.
        epochs: passes over the data, at least 0.
        batch_size: samples per step; 1 is single-sample descent, ``None`` is full-batch. The last batch may be smaller.
        validation_data: ``(x, y)``, or a `Dataset`, for an evaluation after each epoch.
        verbose: whether to print a progress bar and one line per epoch on standard error. With more than 50 epochs,
            print about 25 lines, evenly spaced.
        callbacks: the callbacks, called in their order.
        shuffle: whether each epoch uses the samples in a new random order.
        drop_last: whether each epoch leaves out the samples that do not fill its last batch. A small last batch gives
            more weight to each of its samples, so a large learning rate makes a noisy step.
        evaluate_train: whether to evaluate on the training data after each epoch (columns train_loss, train_accuracy).
            These figures use the same weights as the validation figures. loss and accuracy are means over the epoch,
            while the weights were changing.
        augment: the augmentation of each batch of uint8 images, e.g. "affine"; see `neurosim.augment`.
        class_weight: the weight of each class by index or name, or "balanced".
        sample_weight: (N,) the weight of each sample. The loss of a batch is Σ w L / Σ w, as in PyTorch. Evaluations
            give the same weight to all samples.

    Returns:
        The `History` of this run; ``history.stopped`` is the reason for its end.

    Raises:
        NeurosimError: the data or the settings do not fit. Nothing has changed then.

    Reference: Goodfellow et al. (2016), Deep learning, algorithm 8.1.
    """
    with network.unless_refused():
        batches = Batches(
            network,
            x,
            y,
            batch_size,
            shuffle=shuffle,
            drop_last=drop_last,
            augment=augment,
            class_weight=class_weight,
            sample_weight=sample_weight,
        )
        run = TrainingRun(
            network,
            batches,
            History(),
            _as_callbacks(callbacks),
            check_count("epochs", epochs, 0),
            bool(evaluate_train),
            _as_validation(network, validation_data),
            bool(verbose),
        )
        _start(run)
    history = run.history
    # a diverging run overflows before its loss does; the loss is checked at every step, so warnings are not needed
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        try:
            while run.epoch <= run.epochs and _epoch(run):
                run.end_epoch()
            if history.stopped == "running":
                history.stopped = "finished"
        except KeyboardInterrupt:
            history.stopped = "interrupted"
            per_epoch = run.batches.steps_per_epoch
            history.message = (
                f"Interrupted {'in' if run.step > len(history) * per_epoch else 'after'} epoch "
                f"{math.ceil(run.step / per_epoch)} of {run.epochs}, after {run.step} steps."
            )
        finally:
            for each in run.callbacks:
                each.on_end(run)
    if run.verbose and history.message:
        tell(history.message)
    return history


def _as_callbacks(callbacks: Any) -> list[Callback]:
    """Return the callbacks as a list; a single callback is allowed.

    Raises:
        NeurosimError: one of them is not a `Callback`.
    """
    found = list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
    for each in found:
        if not isinstance(each, Callback):
            raise NeurosimError(f"callbacks: expected a list of Callback instances, received {each!r}")
    return found


def _as_validation(network: Network, data: Any) -> tuple[Array, Array] | None:
    """Return validation data as rows and targets.

    Raises:
        NeurosimError: the data are not a pair, or do not fit the network.
    """
    if data is None:
        return None
    try:
        x, y = (data, None) if is_dataset(data) else data
    except (TypeError, ValueError):
        raise NeurosimError(
            f"validation_data: expected a pair (x, y) or a Dataset, received an object of type {type(data).__name__}"
        ) from None
    return as_data(network, x, y, "validation_data")


def _start(run: TrainingRun) -> None:
    """Check the settings, and start schedule and callbacks. If a start fails, the schedule is restored."""
    for each in run.callbacks:
        each.check(run)
    optimizer, before = run.network.optimizer, None
    schedule = optimizer.learning_rate
    if isinstance(schedule, Schedule):
        schedule.check(run.columns)
        before = schedule.state()
        schedule.begin(optimizer.t, run.batches.steps_per_epoch * run.epochs)
    try:
        for each in run.callbacks:
            each.on_start(run)
    except BaseException:
        if isinstance(schedule, Schedule) and before is not None:
            schedule.restore(before)
        raise


def _epoch(run: TrainingRun) -> bool:
    """Train for an epoch or its rest, and record its figures. Return whether training continues after it."""
    network, history, batches = run.network, run.history, run.batches
    if not _train(run):
        return _diverged(run, "loss", history.batch_losses[-1])
    if not all_finite(network):
        return _diverged(run, "network", math.nan)
    row: dict[str, float] = {"epoch": run.epoch, **batches.figures()}
    training = (batches.rows, batches.targets) if run.evaluate_train else None
    for name, data in (("train", training), ("val", run.validation)):
        if data is not None:
            row |= {f"{name}_{figure}": value for figure, value in network.evaluate(*data).items()}
    for name, value in row.items():
        if name.endswith("loss") and not math.isfinite(value):
            return _diverged(run, name, value)
    row |= {"seconds": run.seconds, "learning_rate": network.optimizer.last_rate}
    history.rows.append(row)
    if run.verbose and (run.epoch in (1, run.epochs) or run.epoch % _lines_every(run.epochs) == 0):
        tell(_line(row, run.epochs))
    if isinstance(network.optimizer.learning_rate, Schedule):
        network.optimizer.learning_rate.observe(row)
    stop = [each for each in run.callbacks if each.on_epoch(run)]
    if stop:
        history.stopped = stop[0].reason
        history.message = f"Stopped after epoch {run.epoch} of {run.epochs}: {stop[0].reason}."
    return not stop


def _train(run: TrainingRun) -> bool:
    """Run the steps of an epoch, or the rest of them. Return whether every loss was finite."""
    batches, losses = run.batches, run.history.batch_losses
    hooks = [each for each in run.callbacks if getattr(each.on_step, "__func__", None) is not Callback.on_step]
    run.network.prepare_(batches.batch_size)
    began = time.perf_counter() - run.seconds

    def look() -> None:
        run.seconds = time.perf_counter() - began
        for each in hooks:
            each.on_step(run)

    with _bar(run) as bar:
        while not batches.epoch_is_done:
            asked, before = time.perf_counter(), batches.steps
            batches.advance(run.at_once, losses, look if hooks else None)
            if not math.isfinite(losses[-1]):
                return False
            if batches.steps - bar.n >= AT_ONCE:
                bar.update(batches.steps - bar.n)
            if not batches.one_by_one:
                run.at_once = max(1, int((batches.steps - before) * LOOK_EVERY / (time.perf_counter() - asked)))
        bar.update(batches.steps - bar.n)
    run.seconds = time.perf_counter() - began
    return True


def _diverged(run: TrainingRun, what: str, value: float) -> bool:
    """End a run because the figure `what` has the `value`, which is not finite. Return False: training ends."""
    history = run.history
    history.divergence = find_divergence(run.network, run.epoch, run.step, what, value)
    history.stopped, history.message = "diverged", explain_divergence(history.divergence)
    return False


def _bar(run: TrainingRun) -> Any:
    """Return the progress bar of an epoch, which is hidden if the run is not verbose."""
    batches, what = run.batches, f"epoch {run.epoch}/{run.epochs}"
    return progress_bar(batches.steps_per_epoch, what, "steps", done=batches.steps, shown=run.verbose)


def _lines_every(epochs: int) -> int:
    """Return the number of epochs per printed line: 1, unless the lines would fill more than a screen."""
    return 1 if epochs <= MANY else math.ceil(epochs / (MANY // 2))


def _line(row: dict[str, float], epochs: int) -> str:
    """Return an epoch's figures as a line of at most 80 columns."""
    words = [f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}"]
    for name, title, form in (
        ("loss", "loss", "{:.4f}"),
        ("accuracy", "acc", "{:.2%}"),
        ("val_loss", "val loss", "{:.4f}"),
        ("val_accuracy", "val acc", "{:.2%}"),
    ):
        if name in row and not math.isnan(row[name]):
            words.append(f"{title} {form.format(row[name])}")
    return "  ".join([*words, f"{row['seconds']:.1f} s"])
