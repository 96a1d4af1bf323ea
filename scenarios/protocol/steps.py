"""The steps of a run at which a recorder records: even, or closer at the beginning, where most happens."""

from __future__ import annotations

import numpy as np

from neurosim.data.dataset import Dataset

from .scenario import Run


def steps_per_epoch(run: Run, train: Dataset) -> int:
    """Return the number of updates in an epoch: a last batch that is not full is left out, see `train_run`."""
    return len(train) // min(run.settings.batch_size or len(train), len(train))


def total_steps(run: Run, train: Dataset) -> int:
    """Return the number of updates in a run if nothing ends it before."""
    return run.settings.epochs * steps_per_epoch(run, train)


def step_interval(run: Run, train: Dataset, per_epoch: int = 20) -> int:
    """Return the number of steps between records, to record about `per_epoch` times in each epoch."""
    return max(1, steps_per_epoch(run, train) // per_epoch)


def even_steps(run: Run, train: Dataset, count: int) -> list[int]:
    """Return about `count` steps at equal distances; the first, 0, is before training and the last at its end."""
    return sorted(set(np.linspace(0, total_steps(run, train), count).round().astype(int).tolist()))


def early_steps(run: Run, train: Dataset, count: int) -> list[int]:
    """Return about `count` steps from before training (0) to its end, closer together at the beginning."""
    last = total_steps(run, train)
    return sorted({0, *np.geomspace(max(1.0, last / 100), last, count - 1).round().astype(int)} if last else {0})
