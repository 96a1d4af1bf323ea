"""The tables that a scenario leaves: everything that is said or drawn about a run is computed from them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from neurosim.errors import DataError, NeurosimError
from neurosim.files.atomic import write_text
from neurosim.schema import brief
from neurosim.training.settings import Settings

from .scenario import Scenario
from .statistics import Difference
from .tables import hold_boundary, hold_table

METRIC = "test_accuracy"
RENAMED = {("dead-neurons", "life"): "unit_life", ("neuron-life", "life"): "neuron_life"}
"""(scenario, table as earlier versions called it) -> what it is called today."""


def _hold(path: Path, rule: Callable[..., None], *arguments: Any) -> None:
    """Check what was read from a file with a rule.

    Raises:
        DataError: it breaks the rule; the message names the file.
    """
    try:
        rule(*arguments)
    except NeurosimError as error:
        raise DataError(f"{path}: {error}") from None


@dataclass
class Results:
    """The tables of a run.

    Attributes:
        scenario: what was asked.
        epochs: tidy, one row per variant, seed and epoch: loss, accuracy (averages over the epoch), test_loss,
            test_accuracy (at its end), seconds, learning_rate, diverged, kept (whether the run ended with the weights
            of that epoch: its last, or the one that early stopping went back to). A run that diverged has NaN from
            there on.
        tables: every other table by name: those of the recorders, of `Scenario.measure` and of `measure_trained` with
            variant and seed in front; "rates", the search for learning rates: variant, learning_rate, seed, epochs,
            val_accuracy, chosen.
        note: what must be said of the data wherever these results are shown.
        settings: the settings with which each variant was run.
        noun: what one sample of the data is called: "image", "row" or "point".
    """

    scenario: Scenario
    epochs: pd.DataFrame
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    note: str = ""
    settings: dict[str, Settings] = field(default_factory=dict)
    noun: str = "image"

    @classmethod
    def read(
        cls,
        scenario: Scenario,
        folder: Path,
        note: str = "",
        settings: dict[str, Settings] | None = None,
        tables: Collection[str] | None = None,
        noun: str = "image",
    ) -> Results:
        """Read the tables that a run wrote to `folder`.

        Args:
            scenario: what was asked.
            folder: where the tables are.
            note: what must be said of the data.
            settings: those of each variant.
            tables: which tables belong to the run, beside its results; None: all that are there.
            noun: what one of its samples is called.

        Raises:
            DataError: they are not there, or cannot be read.
        """
        found: dict[str, pd.DataFrame] = {}
        for path in sorted(folder.glob("*.csv")):
            name = path.stem
            if name == "summary" or (tables is not None and name not in {*tables, "results"}):
                continue  # the summary is computed from the others
            try:
                # a variant may be called "none"
                table = pd.read_csv(path, dtype={"variant": str}, keep_default_na=False, na_values=[""])
            except (OSError, ValueError) as error:
                raise DataError(f"{path}: expected a table written by a scenario, received {brief(error)}") from None
            name = RENAMED.get((scenario.name, name), name)
            _hold(path, hold_table, scenario.name, name, table, [each.name for each in scenario.variants])
            found[name] = table
        if "results" not in found:
            raise DataError(f"{folder}: expected results of scenario or compare there, found no results.csv")
        if "boundary" in found and "points" in found:
            _hold(folder / "boundary.csv", hold_boundary, found["boundary"], found["points"])
        return cls(scenario, found.pop("results"), found, note, settings or {}, noun)

    def table(self, name: str) -> pd.DataFrame:
        """Return a table by its name; an empty one if there is no such table."""
        return self.tables.get(name, pd.DataFrame())

    def rates(self) -> pd.DataFrame:
        """Return the search for learning rates, one row per variant and rate.

        Columns: variant, learning_rate, val_accuracy (the mean over the seeds of the search; NaN if one
        diverged), chosen.
        """
        rates = self.table("rates")
        if rates.empty:
            return rates
        return rates.groupby(["variant", "learning_rate"], sort=False, as_index=False).agg(
            val_accuracy=("val_accuracy", lambda each: each.mean(skipna=False)), chosen=("chosen", "first")
        )

    def search_curves(self) -> pd.DataFrame:
        """Return the search for learning rates for drawing: a rate that diverged in one seed is NaN in all of them."""
        rates = self.table("rates")
        means = rates.groupby(["variant", "learning_rate"])["val_accuracy"].transform(
            lambda each: each.mean(skipna=False)
        )
        return rates.assign(val_accuracy=rates["val_accuracy"].where(means.notna()))

    def write(self, folder: Path) -> None:
        """Write all tables as CSV; `read` is the way back."""
        for name, table in {"results": self.epochs, **self.tables, "summary": self.summary()}.items():
            if len(table):
                write_text(folder / f"{name}.csv", table.to_csv(index=False))
            else:  # what an earlier run left there is not of this one
                (folder / f"{name}.csv").unlink(missing_ok=True)

    @property
    def names(self) -> list[str]:
        """The variants, in the order of the scenario."""
        present = set(self.epochs["variant"])
        return [variant.name for variant in self.scenario.variants if variant.name in present]

    @property
    def seeds(self) -> int:
        """The number of seeds."""
        return int(self.epochs["seed"].nunique())

    @property
    def has_intervals(self) -> bool:
        """Whether a difference from the baseline has an interval: not without a baseline, nor with one seed."""
        return bool(self.summary()["low"].notna().any())

    def final(self, metric: str = METRIC) -> pd.DataFrame:
        """Return the metric at the end of each run, one row per seed, one column per variant; NaN if a run diverged."""
        kept = self.epochs[self.epochs["kept"]]  # one epoch of each run
        return kept.pivot(index="seed", columns="variant", values=metric)[self.names]

    def ends(self, metric: str = METRIC) -> pd.DataFrame:
        """Return the same as a tidy table: columns seed, variant and the metric."""
        return self.final(metric).melt(ignore_index=False, value_name=metric).reset_index()

    def summary(self) -> pd.DataFrame:
        """Return one row per variant: mean and standard deviation over the seeds, and the difference from the baseline.

        Columns: variant, seeds, diverged (how many seeds), test_accuracy_mean, test_accuracy_sd, test_loss_mean,
        test_loss_sd, seconds_mean, difference (mean over the seeds of the variant minus the baseline, same seed, same
        initial weights and batches), low and high (its 95 % interval by Student's t), verdict. Without a baseline the
        last four are empty.
        """
        accuracy, loss = self.final(), self.final("test_loss")
        seconds = self.epochs.groupby(["variant", "seed"])["seconds"].sum(min_count=1).groupby("variant").mean()
        baseline = accuracy.get(self.scenario.baseline, pd.Series(np.nan, accuracy.index))
        rows = []
        for name in self.names:
            difference = Difference.between(accuracy[name], baseline)
            rows.append(
                {
                    "variant": name,
                    "seeds": len(accuracy),
                    "diverged": int(accuracy[name].isna().sum()),
                    "test_accuracy_mean": accuracy[name].mean(),
                    "test_accuracy_sd": accuracy[name].std(),
                    "test_loss_mean": loss[name].mean(),
                    "test_loss_sd": loss[name].std(),
                    "seconds_mean": seconds[name],
                    "difference": difference.mean,
                    "low": difference.low,
                    "high": difference.high,
                    "verdict": "baseline"
                    if name == self.scenario.baseline
                    else difference.verdict
                    if self.scenario.baseline
                    else "",
                }
            )
        return pd.DataFrame(rows)

    def ranked(self) -> pd.DataFrame:
        """Return the summary, best first. Every ranked list of variants has this order."""
        return self.summary().sort_values(f"{METRIC}_mean", ascending=False, na_position="last", kind="stable")

    def epochs_to(self, accuracy: float, name: str) -> float:
        """Return the first epoch at whose end a variant reached a test accuracy, on average; NaN if a seed did not."""
        runs = self.epochs[self.epochs["variant"] == name]
        first = [run.loc[run[METRIC] >= accuracy, "epoch"].min() for _, run in runs.groupby("seed")]
        return float(np.mean(first))
