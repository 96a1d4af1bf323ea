"""The training loop.

`fit` walks over shuffled mini-batches: gather, forward, loss, backward, update.  What else should happen during a
run is a `Callback`.  Training ends after the last epoch, when a callback says so, on Ctrl-C, or when it diverges: at
the step whose loss is no longer finite, or after the epoch at whose end the network is not; in every case the history
so far is returned and says why.
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

AT_ONCE = 25  # steps between two looks at the progress
LOOK_EVERY = 0.05  # seconds that a call may take: so long Ctrl-C and the progress have to wait
MANY = 50  # epochs: a line for each would fill more than a screen


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
    """Train a network by mini-batch gradient descent.

    Args:
        network: what to train. Calling `fit` again goes on, with the optimizer's state as it is.
        x: a `Dataset`, or (N, …) samples. The first training decides how the `Input` layer scales them, and the network
            remembers that: see `neurosim.samples`. No NaN, no infinity.
        y: (N,) class indices or the names of the classes, or (N, n_out) rows; None where x is a `Dataset`.
        epochs: passes over the data, at least 0.
        batch_size: samples per step: 1 is single-sample descent, ``None`` full-batch. The last batch may be smaller.
        validation_data: ``(x, y)``, or a `Dataset`, to evaluate on after each epoch.
        verbose: a progress bar and a line per epoch, on standard error; of more than 50 epochs every 25th part.
        callbacks: hooks, called in their order.
        shuffle: whether each epoch goes through the samples in a new random order.
        drop_last: whether each epoch leaves out the samples that do not fill its last batch. With them that batch
            weighs each of its samples more, and a large rate steps far on the word of a few.
        evaluate_train: whether to evaluate on the training data too after each epoch (columns train_loss,
            train_accuracy): unlike loss and accuracy, which are averages over an epoch of changing weights, these
            are of the same weights as the validation figures.
        augment: what is done to each batch of uint8 images before it is scaled, e.g. "affine"; see `neurosim.augment`.
        class_weight: what the samples of each class count, by index or name, or "balanced".
        sample_weight: (N,) what each sample counts. The loss of a batch is Σ w L / Σ w, as PyTorch's; figures of an
            evaluation count all samples alike.

    Returns:
        The `History` of this run; ``history.stopped`` says how it ended.

    Raises:
        NeurosimError: data or settings that do not fit; nothing has been changed then.

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
    # a diverging run overflows before its loss does: the loss is checked at every step, warnings would only repeat it
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
    """The callbacks as a list; a single one will do.

    Raises:
        NeurosimError: one of them is something else.
    """
    found = list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
    for each in found:
        if not isinstance(each, Callback):
            raise NeurosimError(f"callbacks: expected a list of Callback instances, received {each!r}")
    return found


def _as_validation(network: Network, data: Any) -> tuple[Array, Array] | None:
    """Validation data as rows and targets.

    Raises:
        NeurosimError: they are no pair, or do not fit the network.
    """
    if data is None:
        return None
    try:
        x, y = (data, None) if is_dataset(data) else data
    except (TypeError, ValueError):
        raise NeurosimError(
            f"validation_data: expected a pair (x, y), received something else: {type(data).__name__}"
        ) from None
    return as_data(network, x, y, "validation_data")


def _start(run: TrainingRun) -> None:
    """Check what is asked for, and start schedule and callbacks; where one fails, the schedule is as it was."""
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
    """Train for an epoch, or for what is left of it, and record its figures. Returns whether to go on after it."""
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
    """The steps of an epoch, or what is left of them. Returns whether every loss was finite."""
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
    """End a run that has diverged, and say why; `what` and `value` gave it away. Returns False: it cannot go on."""
    history = run.history
    history.divergence = find_divergence(run.network, run.epoch, run.step, what, value)
    history.stopped, history.message = "diverged", explain_divergence(history.divergence)
    return False


def _bar(run: TrainingRun) -> Any:
    """The progress of an epoch, or nothing."""
    batches, what = run.batches, f"epoch {run.epoch}/{run.epochs}"
    return progress_bar(batches.steps_per_epoch, what, "steps", done=batches.steps, shown=run.verbose)


def _lines_every(epochs: int) -> int:
    """After how many epochs there is a line: after each, unless they are more than a screen holds."""
    return 1 if epochs <= MANY else math.ceil(epochs / (MANY // 2))


def _line(row: dict[str, float], epochs: int) -> str:
    """An epoch's figures as a line that a terminal of 80 columns holds."""
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
