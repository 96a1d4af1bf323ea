"""The runner: every variant with every seed, from the same initial weights, over the same batches.

For one seed all variants draw their initial weights and the order of their batches from streams of that seed alone,
so that where the shapes agree the weights do too, and a paired difference compares like with like.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from neurosim.data import Dataset
from neurosim.network import Network
from neurosim.optimizers import OPTIMIZERS
from neurosim.settings import Settings
from neurosim.training import GradientNorms

from .base import Results, Scenario, Variant

SEARCH_SEED = 1_000_003  # of the learning-rate search; far from any seed that the comparison uses
SEARCH_EPOCHS = 2
HELD_OUT = 1 / 6  # of the training images, for the search
COLUMNS = ("variant", "seed", "epoch", "loss", "accuracy", "test_loss", "test_accuracy", "seconds", "learning_rate",
           "diverged")


@dataclass(frozen=True)
class Run:
    """One variant, one seed: all that is needed to train it anywhere."""

    variant: str
    seed: int
    settings: Settings

    def network(self, train: Dataset) -> Network:
        """Its network before training."""
        return self.settings.network(train.images.shape[1:], len(train.class_names), self.seed)


def train_run(run: Run, train: Dataset, test: Dataset, gradients: bool) -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Train a run; returns its rows, one an epoch whether it diverged or not, and its gradient norms."""
    network = run.network(train)
    norms = GradientNorms(every=max(1, math.ceil(len(train) / (run.settings.batch_size or len(train))) // 20))
    history = network.fit(
        train.images, train.labels, run.settings.epochs, run.settings.batch_size, verbose=False,
        validation_data=(test.images, test.labels),
        callbacks=[*run.settings.callbacks(), *([norms] if gradients else [])])
    if history.stopped == "interrupted":
        raise KeyboardInterrupt
    rows = [{name.replace("val_", "test_"): value for name, value in row.items()} | {"diverged": False}
            for row in history.rows]
    if history.stopped == "diverged":
        rows += [{"epoch": epoch, "diverged": True} for epoch in range(len(rows) + 1, run.settings.epochs + 1)]
    key = {"variant": run.variant, "seed": run.seed}
    return [key | row for row in rows], norms.to_frame().assign(**key)


def run_scenario(scenario: Scenario, train: Dataset, test: Dataset, *, seeds: int = 3, first_seed: int = 0,
                 overrides: dict[str, Any] | None = None, note: str = "", progress: bool = True,
                 ) -> tuple[Results, dict[str, Settings]]:
    """Run every variant of a scenario with every seed.

    Args:
        scenario: what to run.
        train: the training images, as many as are to be used.
        test: what every variant is measured on after each epoch. Nothing is chosen by it.
        seeds: how many, at least 1: first_seed, first_seed + 1, …
        first_seed: the first of them.
        overrides: settings that replace the scenario's base.
        note: what must be said of the data.
        progress: whether to show a bar.

    Returns:
        The results, and the settings with which each variant was run.

    Raises:
        NeurosimError: settings that do not fit together.
        KeyboardInterrupt: Ctrl-C.
    """
    base = scenario.base.change(**(overrides or {}))
    settings = {variant.name: base.change(**variant.settings) for variant in scenario.variants}
    candidates = {variant.name: _candidates(scenario, variant, settings[variant.name])
                  for variant in scenario.variants}
    total = sum(len(rates) for rates in candidates.values()) + len(settings) * seeds
    rows: list[dict[str, Any]] = []
    norms: list[pd.DataFrame] = []
    searched: list[dict[str, Any]] = []
    with tqdm(total=total, desc=scenario.name, unit=" runs", ncols=79, disable=not progress) as bar:
        if scenario.rate_factors:
            kept, held_out = train.hold_out(HELD_OUT)
            for name, rates in candidates.items():
                found = search_rate(settings[name], rates, kept, held_out, bar)
                searched += [{"variant": name} | row for row in found]
                chosen = next(row["learning_rate"] for row in found if row["chosen"])
                settings[name] = settings[name].change(learning_rate=chosen)
        # seed by seed, so that the variants of a seed meet the same state of the machine and the times compare
        for seed in range(first_seed, first_seed + seeds):
            for name, its_settings in settings.items():
                run_rows, run_norms = train_run(Run(name, seed, its_settings), train, test, scenario.gradients)
                rows += run_rows
                norms.append(run_norms)
                bar.update()
    epochs = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    order = {variant.name: k for k, variant in enumerate(scenario.variants)}
    epochs = epochs.sort_values(["variant", "seed", "epoch"], key=lambda c: c.map(order) if c.name == "variant" else c)
    gradients = pd.concat(norms, ignore_index=True) if scenario.gradients else pd.DataFrame()
    return Results(scenario, epochs.reset_index(drop=True), gradients, pd.DataFrame(searched), note), settings


def _candidates(scenario: Scenario, variant: Variant, settings: Settings) -> list[float]:
    """The learning rates that a variant may choose from."""
    usual = OPTIMIZERS.create(settings.optimizer).rate
    return [float(f"{usual * factor:.3g}") for factor in scenario.rate_factors]


def search_rate(settings: Settings, rates: list[float], train: Dataset, held_out: Dataset,
                bar: Any) -> list[dict[str, Any]]:
    """Train once with each rate, and choose the one that reads the held-out images best.

    Returns:
        A row a rate: learning_rate, val_accuracy (NaN: diverged), chosen. Of equal ones the smaller rate is chosen.
    """
    rows: list[dict[str, Any]] = []
    for rate in rates:
        run = Run("search", SEARCH_SEED, settings.change(learning_rate=rate, epochs=SEARCH_EPOCHS, early_stopping=0))
        measured, _ = train_run(run, train, held_out, gradients=False)
        accuracy = measured[-1].get("test_accuracy", math.nan)
        rows.append({"learning_rate": rate, "val_accuracy": accuracy, "chosen": False})
        bar.update()
    accuracies = np.array([row["val_accuracy"] for row in rows])
    rows[int(np.nanargmax(accuracies)) if np.isfinite(accuracies).any() else 0]["chosen"] = True
    return rows
