"""The training loop, and the hooks into it.

`fit` walks over shuffled mini-batches: gather, forward, loss, backward, update.  What else should happen during a
run is a `Callback`.  Training ends after the last epoch, when a callback says so, on Ctrl-C, or when it diverges: at
the step whose loss is no longer finite, or after the epoch at whose end the network is not; in every case the history
so far is returned and says why.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import check_count
from ..errors import NeurosimError, ShapeError
from ..metrics import class_indices, hit_counter
from ..network import Network
from ..parameters import Array
from ..schedules import Schedule
from .callbacks import Callback, Progress
from .divergence import all_finite, explain_divergence, find_divergence
from .history import History

if TYPE_CHECKING:
    from ..augment import Augmentation


def fit(
    network: Network,
    x: Any,
    y: Any,
    epochs: int = 5,
    batch_size: int | None = 64,
    *,
    validation_data: tuple[Any, Any] | None = None,
    verbose: bool = True,
    callbacks: Iterable[Callback] = (),
    shuffle: bool = True,
    drop_last: bool = False,
    evaluate_train: bool = False,
    augment: str | Augmentation | dict[str, Any] | None = None,
) -> History:
    """Train a network by mini-batch gradient descent.

    Args:
        network: what to train. Calling `fit` again goes on, with the optimizer's state as it is.
        x: (N, …) samples; integers are scaled by the `Input` layer batch by batch, floats taken as they are. No NaN,
            no infinity.
        y: (N,) class indices, or (N, n_out) rows.
        epochs: passes over the data, at least 0.
        batch_size: samples a step: 1 is single-sample descent, ``None`` full-batch. The last batch may be smaller.
        validation_data: ``(x, y)`` to evaluate on after each epoch.
        verbose: a progress bar and a line an epoch, on standard error.
        callbacks: hooks, called in their order.
        shuffle: whether each epoch goes through the samples in a new random order.
        drop_last: whether each epoch leaves out the samples that do not fill its last batch. With them that batch
            weighs each of its samples more, and a large rate steps far on the word of a few.
        evaluate_train: whether to evaluate on the training data too after each epoch (columns train_loss,
            train_accuracy): unlike loss and accuracy, which are averages over an epoch of changing weights, these
            are of the same weights as the validation figures.
        augment: what is done to each batch of uint8 images before it is scaled, e.g. "affine"; see `neurosim.augment`.

    Returns:
        The `History` of this run; ``history.stopped`` says how it ended.

    Raises:
        NeurosimError: data or settings that do not fit; nothing has been changed then.

    Reference: Goodfellow et al. (2016), Deep learning, algorithm 8.1.
    """
    rows = _finite(network.input.as_rows(x), network.dtype, "x")
    targets = network.as_targets(y, len(rows))
    epochs = check_count("epochs", epochs, 0)
    if len(rows) == 0:
        raise ShapeError("expected at least one sample to train on, received none")
    B = len(rows) if batch_size is None else min(check_count("batch_size", batch_size), len(rows))
    data = [rows, targets]
    if validation_data is not None:
        try:
            x_val, y_val = validation_data
        except (TypeError, ValueError):
            raise NeurosimError(
                f"validation_data: expected a pair (x, y), received something else: {type(validation_data).__name__}"
            ) from None
        val_rows = _finite(network.input.as_rows(x_val), network.dtype, "validation_data")
        val_targets = network.as_targets(y_val, len(val_rows))
        if len(val_rows) == 0:
            raise ShapeError("validation_data: expected at least one sample, received none")
        data += [val_rows, val_targets]
    gather: Callable[[Array, Array], None] = network.input.gather
    if augment is not None:
        from ..augment import AUGMENTATIONS
        from .batches import gatherer

        augment = AUGMENTATIONS.create(augment)
        gather = gatherer(network, augment, x)
    callbacks = list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
    for each in callbacks:
        if not isinstance(each, Callback):
            raise NeurosimError(f"callbacks: expected a list of Callback instances, received {each!r}")
    step_callbacks = [each for each in callbacks if getattr(each.on_step, "__func__", None) is not Callback.on_step]
    figures = ["loss", "accuracy"] if class_indices(targets) is not None else ["loss"]  # what can be decided by
    columns = [
        "epoch",
        *figures,
        *(f"train_{name}" for name in figures if evaluate_train),
        *(f"val_{name}" for name in figures if validation_data is not None),
        "seconds",
        "learning_rate",
    ]
    progress = Progress(
        callbacks,
        {
            "epochs": epochs,
            "batch_size": B,
            "shuffle": bool(shuffle),
            "drop_last": bool(drop_last),
            "evaluate_train": bool(evaluate_train),
            "augment": None if augment is None else augment.config(),
        },
        data,
    )
    for each in callbacks:
        each.progress = progress
        each.check(columns)
    steps = len(rows) // B if drop_last else math.ceil(len(rows) / B)
    schedule = network.optimizer.learning_rate
    if isinstance(schedule, Schedule):
        schedule.check(columns)
        before = schedule.state()
        schedule.begin(network.optimizer.t, steps * epochs)

    history, hits = History(), hit_counter(targets)
    try:
        for each in callbacks:
            each.on_start(network, history)
    except BaseException:
        _let_go(callbacks)
        if isinstance(schedule, Schedule):
            schedule.restore(before)
        raise
    # a diverging run overflows before its loss does: the loss is checked at every step, warnings would only repeat it
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        try:
            while progress.epoch <= epochs:
                epoch = progress.epoch
                row = _epoch(
                    network,
                    rows,
                    targets,
                    hits,
                    B,
                    steps,
                    gather,
                    shuffle,
                    history,
                    step_callbacks,
                    progress,
                    f"epoch {epoch}/{epochs}" if verbose else "",
                )
                if row is None:
                    _diverged(network, history, epoch, "loss", history.batch_losses[-1])
                    break
                if not all_finite(network):
                    _diverged(network, history, epoch, "network", math.nan)
                    break
                row = {"epoch": epoch} | row
                if evaluate_train:
                    row |= {f"train_{name}": value for name, value in network.evaluate(rows, targets).items()}
                if validation_data is not None:
                    row |= {f"val_{name}": value for name, value in network.evaluate(val_rows, val_targets).items()}
                losses = [name for name in row if name.endswith("loss") and not math.isfinite(row[name])]
                if losses:
                    _diverged(network, history, epoch, losses[0], row[losses[0]])
                    break
                history.rows.append(_in_order(row))
                if verbose:
                    print(_line(row, epochs), file=sys.stderr)
                if isinstance(schedule, Schedule):
                    schedule.observe(row)
                stop = [each for each in callbacks if each.on_epoch(network, history)]
                if stop:
                    history.stopped = stop[0].reason
                    history.message = f"Stopped after epoch {epoch} of {epochs}: {stop[0].reason}."
                    break
                progress.end_epoch()
            else:
                if history.stopped == "running":  # a run that is taken up again may have ended before
                    history.stopped = "finished"
        except KeyboardInterrupt:
            history.stopped = "interrupted"
            done = len(history.batch_losses)
            history.message = (
                f"Interrupted {'in' if done > len(history) * steps else 'after'} epoch "
                f"{math.ceil(done / steps)} of {epochs}, after {done} steps."
            )
        finally:
            for each in callbacks:
                each.on_end(network, history)
            _let_go(callbacks)
    if verbose and history.message:
        print(history.message, file=sys.stderr)
    return history


def _let_go(callbacks: list[Callback]) -> None:
    """Take away from the callbacks what holds the data."""
    for each in callbacks:
        vars(each).pop("progress", None)


def _finite(rows: Array, dtype: np.dtype[Any], what: str) -> Array:
    """`rows`, if no number in them is NaN or infinite, or becomes so in `dtype`. Integers are not looked at.

    Raises:
        NeurosimError: one is.
    """
    if rows.size == 0 or rows.dtype.kind != "f":
        return rows
    largest = np.finfo(dtype).max
    if -largest <= rows.min() and rows.max() <= largest:  # false for NaN too
        return rows
    wrong = ~(np.abs(rows) <= largest)
    sample, position = np.unravel_index(int(np.argmax(wrong)), rows.shape)
    raise NeurosimError(
        f"{what}: expected finite numbers of at most {largest:.2g}, received "
        f"{rows[sample, position]} in sample {sample}, at position {position} of it; leave such "
        "samples out, or fill in a number"
    )


def _diverged(network: Network, history: History, epoch: int, what: str, value: float) -> None:
    """End a run that has diverged, and say why; `what` and `value` gave it away."""
    history.divergence = find_divergence(network, epoch, len(history.batch_losses), what, value)
    history.stopped, history.message = "diverged", explain_divergence(history.divergence)


def _epoch(
    network: Network,
    rows: Array,
    targets: Array,
    hits: Callable[[Array, Any], float],
    B: int,
    steps: int,
    gather: Callable[[Array, Array], None],
    shuffle: bool,
    history: History,
    callbacks: list[Callback],
    progress: Progress,
    title: str,
) -> dict[str, float] | None:
    """One pass over the data, or what is left of it. Returns its figures, or None where the loss is not finite."""
    if progress.order is None:
        progress.order = network.streams["shuffling"].permutation(len(rows)) if shuffle else np.arange(len(rows))
    N = min(steps * B, len(rows))  # samples of this epoch
    order = progress.order
    total, right, taken = progress.loss, progress.right, progress.steps
    began = time.perf_counter() - progress.seconds
    with _bar(title, steps, taken) as bar:
        for start in range(taken * B, N, B):
            indices = order[start : start + B]
            network.set_batch_size(len(indices))
            gather(rows, indices)
            targets.take(indices, 0, network.targets, "clip")
            loss = network.step_()
            history.batch_losses.append(loss)
            if not math.isfinite(loss):
                return None
            total += loss * len(indices)
            right += hits(network.output.a, indices)
            taken += 1
            if callbacks:
                progress.loss, progress.right, progress.steps = total, right, taken
                progress.seconds = time.perf_counter() - began
                for each in callbacks:
                    each.on_step(network, history)
            if taken % 25 == 0:
                bar.update(taken - bar.n)
        bar.update(taken - bar.n)
    return {
        "loss": total / N,
        "accuracy": right / N,
        "seconds": time.perf_counter() - began,
        "learning_rate": network.optimizer.last_rate,
    }


def _bar(title: str, steps: int, done: int) -> Any:
    """A progress bar for an epoch, or a silent one without a title."""
    from tqdm import tqdm

    return tqdm(
        total=steps,
        initial=done,
        desc=title,
        disable=not title,
        leave=False,
        unit=" steps",
        ncols=79,
        mininterval=0.2 if sys.stderr.isatty() else 5.0,
    )


def _in_order(row: dict[str, float]) -> dict[str, float]:
    """The columns as they are documented, time and rate last."""
    last = ("seconds", "learning_rate")
    return {name: row[name] for name in (*(name for name in row if name not in last), *last)}


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
