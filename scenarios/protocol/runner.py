"""The runner: every variant with every seed, from the same initial weights, over the same batches.

For one seed, all variants draw their initial weights and the order of their batches from streams of that seed alone.
So if the shapes agree, the weights do too, and a paired difference compares like with like.

The work is cut into tasks: one run each, or one seed of a rate in a search for a learning rate.  The results of
all tasks are put together into tables.
"""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from neurosim.checks import check_count
from neurosim.compiled import engine_in_force
from neurosim.console import tell
from neurosim.data.dataset import Dataset
from neurosim.optimizers import OPTIMIZERS
from neurosim.processors import threads
from neurosim.progress import progress_bar
from neurosim.training.settings import HELD_OUT

from .boundary import is_drawn, points_table
from .clock import Clock, Done, Work
from .executors import Executor, in_process, processes
from .results import Results
from .scenario import Run, Scenario, Variant
from .store import Store
from .task import Task

SEARCH_SEEDS = (1_000_003, 1_000_004)  # of the learning-rate search; far from any seed that the comparison uses
SEARCH_EPOCHS = 2
MIN_UPDATES = 30  # of a search: after two updates of a full batch every small rate looks too small
COLUMNS = (
    "variant",
    "seed",
    "epoch",
    "loss",
    "accuracy",
    "test_loss",
    "test_accuracy",
    "seconds",
    "learning_rate",
    "diverged",
    "kept",
)


# -- one scenario ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Experiment:
    """A scenario with everything needed to run it.

    Args:
        scenario: what to run.
        train: the training images, as many as are to be used.
        test: what every variant is measured on after each epoch. No setting and no epoch is chosen by it.
        seeds: how many, at least 1: first_seed, first_seed + 1, …
        first_seed: the first of them.
        overrides: settings that replace the scenario's base.
        note: what must be said of the data.
        folder: where finished tasks are kept, so that an interrupted experiment can resume; None: nowhere.
        drawings: returns the figures of its results. They are drawn where the runs are, before the results appear.
    """

    scenario: Scenario
    train: Dataset
    test: Dataset
    seeds: int = 3
    first_seed: int = 0
    overrides: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    folder: Path | None = None
    drawings: Callable[[Results], Sequence[Work]] = lambda results: ()


class Plan:
    """The tasks of an experiment, in their order, and their results so far.

    Args:
        experiment: the experiment to plan.

    Raises:
        NeurosimError: settings that do not fit together.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment, self.scenario = experiment, experiment.scenario
        self.scenario.check_data(experiment.train)
        base = self.scenario.base.change(**experiment.overrides)
        self.settings = {each.name: base.change(**each.settings) for each in self.scenario.variants}
        for settings in self.settings.values():
            self.scenario.check_settings(settings)
            check_count("epochs", settings.epochs)  # without one there is nothing to compare
            settings.make_layers(experiment.train.sample_shape, experiment.train.outputs)  # they have to fit the data
        # for all variants alike, so that all train on the same images
        self.hold_out = any(each.needs_validation for each in self.settings.values())
        self.threads, self.engine = threads().count, engine_in_force()
        self.data = f"{experiment.train.sha256}-{experiment.test.sha256}"
        self.done: dict[Task, dict[str, Any]] = {}
        self.searches = {
            each.name: [self._candidate(each, rate, seed) for rate in self._rates(each) for seed in SEARCH_SEEDS]
            for each in self.scenario.variants
        }
        self.total = sum(map(len, self.searches.values())) + len(self.settings) * experiment.seeds

    def _rates(self, variant: Variant) -> list[float]:
        """Return the learning rates that a variant may choose from."""
        usual = OPTIMIZERS.create(self.settings[variant.name].optimizer).rate
        return [float(f"{usual * factor:.3g}") for factor in self.scenario.rate_factors]

    def _candidate(self, variant: Variant, rate: float, seed: int) -> Task:
        settings = self.settings[variant.name].change(
            learning_rate=rate, epochs=self._search_epochs(variant), early_stopping=0
        )
        return Task(
            Run(variant.name, seed, settings, variant.train_size),
            self.data,
            search=True,
            threads=self.threads,
            engine=self.engine,
        )

    def _search_epochs(self, variant: Variant) -> int:
        """Return enough epochs for `MIN_UPDATES`, but no more than the scenario itself has."""
        settings, images = self.settings[variant.name], len(self.experiment.train)
        images = min(variant.train_size or images, images - round(HELD_OUT * images))
        steps = math.ceil(images / (settings.batch_size or images))  # an epoch
        return min(settings.epochs, max(SEARCH_EPOCHS, math.ceil(MIN_UPDATES / steps)))

    def _runs(self, variant: Variant) -> list[Task]:
        first = self.experiment.first_seed
        return [
            Task(
                Run(variant.name, seed, self.settings[variant.name], variant.train_size),
                self.data,
                watched=seed == first and is_drawn(self.experiment.test),  # that of one seed is drawn
                hold_out=self.hold_out,
                recorders=self.scenario.recorders,
                measure=self.scenario.measure,
                measure_trained=self.scenario.measure_trained,
                threads=self.threads,
                engine=self.engine,
            )
            for seed in range(first, first + self.experiment.seeds)
        ]

    def compile(self, store: Store) -> None:
        """Compile the training steps of what is not finished: here and once, not in each process that is started."""
        if self.engine != "compiled":
            return
        left = {task.run.variant: task.run for task in self.first_tasks() if store.read(task) is None}
        for run in left.values():
            run.network(self.experiment.train).prepare_(run.settings.batch_size or 1)

    def first_tasks(self) -> list[Task]:
        """Return the tasks that can be started first."""
        return [task for each in self.scenario.variants for task in self.searches[each.name] or self._runs(each)]

    def finish(self, task: Task, result: str) -> list[Task]:
        """Record the result of a task; return the tasks that can be started because of it."""
        self.done[task] = json.loads(result)
        name = task.run.variant
        if not task.search or not all(each in self.done for each in self.searches[name]):
            return []
        found = self.found(name)
        self.settings[name] = self.settings[name].change(
            learning_rate=next(row["learning_rate"] for row in found if row["chosen"])
        )
        return self._runs(next(each for each in self.scenario.variants if each.name == name))

    @property
    def is_done(self) -> bool:
        """Whether all tasks are finished."""
        return len(self.done) == self.total

    def found(self, name: str) -> list[dict[str, Any]]:
        """One row per rate and seed of a finished search: learning_rate, seed, epochs, val_accuracy, chosen.

        val_accuracy is NaN where it diverged. The rate is chosen that reads the held-out images best, in the mean over
        the seeds and without diverging in any; of equal ones, the smaller.
        """
        rows = [
            {
                "learning_rate": task.run.settings.learning_rate,
                "seed": task.run.seed,
                "epochs": task.run.settings.epochs,
                "val_accuracy": self.done[task]["epochs"][-1].get("test_accuracy", math.nan),
            }
            for task in self.searches[name]
        ]
        means = {
            row["learning_rate"]: np.mean(
                [each["val_accuracy"] for each in rows if each["learning_rate"] == row["learning_rate"]]
            )
            for row in rows
        }
        best = max(means, key=lambda rate: np.nan_to_num(means[rate], nan=-1.0))
        return [row | {"chosen": row["learning_rate"] == best} for row in rows]

    def order(self, task: Task) -> tuple[int, int, int]:
        """Return a task's rank: seed by seed, so that the variants of a seed meet the same state of the machine."""
        variants = [each.name for each in self.scenario.variants]
        return (0 if task.search else 1, task.run.seed, variants.index(task.run.variant))

    def results(self) -> Results:
        """Return the tables, once everything is done."""
        runs = [task for each in self.scenario.variants for task in self._runs(each)]
        keys = {task: {"variant": task.run.variant, "seed": task.run.seed} for task in runs}
        rows = [keys[task] | row for task in runs for row in self.done[task]["epochs"]]
        more = [name for name in ("val_loss", "val_accuracy") if any(name in row for row in rows)]
        tables: dict[str, list[pd.DataFrame]] = {}
        for task in runs:
            for name, columns in self.done[task]["tables"].items():
                own = {column: values for column, values in columns.items() if column not in keys[task]}
                tables.setdefault(name, []).append(pd.DataFrame({**keys[task], **own}))
        searched = [
            {"variant": name} | row for name, tasks in self.searches.items() if tasks for row in self.found(name)
        ]
        together = {
            name: pd.concat(frames, ignore_index=True) for name, frames in tables.items() if any(map(len, frames))
        }
        if "boundary" in together:
            together["points"] = points_table(self.experiment.test)
        if searched:
            together["rates"] = pd.DataFrame(searched)
        return Results(
            self.scenario,
            pd.DataFrame(rows, columns=[*COLUMNS, *more]),
            together,
            self.experiment.note,
            dict(self.settings),
            self.experiment.train.noun,
        )


# -- all together ----------------------------------------------------------------------------------------------------


def run_experiments(
    experiments: Sequence[Experiment],
    executor: Executor = in_process,
    *,
    fresh: bool = False,
    progress: bool = True,
    clock: Clock | None = None,
) -> Generator[Results, None, None]:
    """Run several scenarios, under one progress bar.

    Args:
        experiments: what to run.
        executor: where; see `scenarios.protocol.executors`. Processors of one kind give the same numbers.
        fresh: whether to begin from the start, even if an experiment's folder holds finished tasks.
        progress: whether to show a bar.
        clock: takes note of where the time goes.

    Yields:
        The results of each, as soon as it is done.

    Raises:
        NeurosimError: settings that do not fit together.
        KeyboardInterrupt: Ctrl-C; finished tasks are kept.
    """
    clock = clock or Clock()
    plans = [Plan(each) for each in experiments]
    stores = [Store(each.folder, fresh) for each in experiments]
    data = {plan.data: (plan.experiment.train, plan.experiment.test) for plan in plans}
    total = sum(plan.total for plan in plans)
    running: dict[Future[Done], tuple[int, Work]] = {}
    ended: dict[Future[Done], float] = {}
    for plan, store in zip(plans, stores, strict=True):
        plan.compile(store)
    with (
        executor(data) as pool,
        progress_bar(total, "runs", "runs", shown=progress, leave=True) as bar,
    ):
        queue = _Queue(plans, stores, bar)
        for number, plan in enumerate(plans):
            taken = queue.add(number, plan.first_tasks())
            if taken and progress:
                tell(f"{plan.scenario.name}: {taken} of {plan.total} runs were finished before and are reused")
            yield from queue.results(number)
        while queue.ready or running:
            while queue.ready and len(running) < pool.slots:
                number, work = queue.pop()
                future = pool.submit(work)
                running[future] = number, work
                future.add_done_callback(lambda done: ended.setdefault(done, perf_counter()))
            for future in sorted(wait(running, return_when=FIRST_COMPLETED).done, key=has_failed):
                number, work = running.pop(future)  # all that is finished is kept before a failure ends this
                clock.add(plans[number].scenario.name, work, future.result(), ended.pop(future))
                queue.finish(number, work, future.result().result)
                yield from queue.results(number)


class _Queue:
    """The work of several plans, the first plan's first, and the results so far."""

    def __init__(self, plans: Sequence[Plan], stores: Sequence[Store], bar: Any) -> None:
        self.plans, self.stores, self.bar = plans, stores, bar
        self.ready: list[tuple[Any, int, int, Work]] = []
        self._tickets = count()
        self._found: dict[int, Results] = {}  # of a plan whose runs are done
        self._drawings: dict[int, int] = {}  # how many of its drawings are not

    def add(self, number: int, tasks: Sequence[Task]) -> int:
        """Reuse what was finished before, and queue the rest; return how many were reused."""
        taken, plan = 0, self.plans[number]
        for task in tasks:
            kept = self.stores[number].read(task)
            if kept is None:
                self._push(number, plan.order(task), task)
            else:
                self.bar.update()
                taken += 1 + self.add(number, plan.finish(task, kept))
        if plan.is_done and number not in self._found:
            self._found[number] = plan.results()
            drawings = plan.experiment.drawings(self._found[number])
            self._drawings[number] = len(drawings)
            for place, drawing in enumerate(drawings):
                self._push(number, (2, 0, place), drawing)  # after the runs
        return taken

    def _push(self, number: int, order: tuple[int, int, int], work: Work) -> None:
        heapq.heappush(self.ready, ((number, *order), next(self._tickets), number, work))

    def pop(self) -> tuple[int, Work]:
        """Return the number of a plan, and its work that comes first."""
        *_, number, work = heapq.heappop(self.ready)
        return number, work

    def finish(self, number: int, work: Work, result: Any) -> None:
        """Keep the result of a piece of work, and queue what can be started because of it."""
        if isinstance(work, Task):
            self.stores[number].write(work, result)
            self.bar.update()
            self.add(number, self.plans[number].finish(work, result))
        else:
            self._drawings[number] -= 1

    def results(self, number: int) -> Generator[Results, None, None]:
        """Yield the results of a plan, once it is done and drawn."""
        if self._drawings.get(number) == 0:
            del self._drawings[number]
            yield self._found[number]


def has_failed(future: Future[Done]) -> bool:
    """Return whether a finished future has no result."""
    return future.cancelled() or future.exception() is not None


def run_scenario(
    scenario: Scenario,
    train: Dataset,
    test: Dataset,
    *,
    jobs: int = 1,
    fresh: bool = False,
    progress: bool = True,
    **experiment: Any,
) -> Results:
    """Run every variant of a scenario with every seed.

    Args:
        scenario: what to run.
        train: the training images, as many as are to be used.
        test: what every variant is measured on after each epoch.
        jobs: over how many processes to spread the runs; 1: in this one. With several, a script of your own has to
            stand under ``if __name__ == "__main__":``. The numbers do not depend on it.
        fresh: whether to begin from the start, even if the folder holds finished runs.
        progress: whether to show a bar.
        experiment: seeds, first_seed, overrides, note, folder; see `Experiment`.

    Raises:
        NeurosimError: settings that do not fit together.
        KeyboardInterrupt: Ctrl-C.
    """
    check_count("jobs", jobs)
    executor = in_process if jobs == 1 else partial(processes, jobs=jobs)
    with closing(
        run_experiments([Experiment(scenario, train, test, **experiment)], executor, fresh=fresh, progress=progress)
    ) as results:
        return next(results)
