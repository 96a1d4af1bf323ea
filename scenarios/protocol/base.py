"""What all scenarios share: a question, its variants, and what can be said about the results.

A `Scenario` is a question with a fair experiment behind it.  Its `Results` are tables; everything that is said or
drawn about a run is computed from them, so that figures and findings can be made again without training.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from neurosim.data import Dataset
from neurosim.errors import DataError, NeurosimError
from neurosim.files.atomic import write_text
from neurosim.network import Network
from neurosim.text import listing, percent, signed
from neurosim.training.settings import Settings

from .recorders import Recorder

METRIC = "test_accuracy"
MANY = 5  # comparisons with one baseline, from which on it is told how many false alarms to expect

# 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom; any table of statistics has them
T_975 = (
    12.706,
    4.303,
    3.182,
    2.776,
    2.571,
    2.447,
    2.365,
    2.306,
    2.262,
    2.228,
    2.201,
    2.179,
    2.160,
    2.145,
    2.131,
    2.120,
    2.110,
    2.101,
    2.093,
    2.086,
    2.080,
    2.074,
    2.069,
    2.064,
    2.060,
    2.056,
    2.052,
    2.048,
    2.045,
    2.042,
)


@dataclass(frozen=True)
class Variant:
    """One of the things compared.

    Args:
        name: what it is called.
        settings: the few settings in which it differs from the base.
        train_size: trains on so many of the run's training images only; never on more than there are.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    train_size: int | None = None


@dataclass(frozen=True)
class Run:
    """One variant, one seed: all that is needed to train it anywhere."""

    variant: str
    seed: int
    settings: Settings
    train_size: int | None = None

    def network(self, train: Dataset) -> Network:
        """Its network before training."""
        return self.settings.network(train.images.shape[1:], len(train.class_names), self.seed)


class Picture(NamedTuple):
    """A figure of a report: its file's name, how to read it, how to draw it, and how to set it in motion."""

    name: str
    reading: str
    draw: Callable[[], Any]  # returns an Axes or a Figure
    film: Callable[[Path, str], Any] | None = None  # writes a GIF beside it, given its path and the note on the data
    note: str | None = None  # at its foot; None: that of the results; "": none, where it shows no data


@dataclass(frozen=True)
class Scenario:
    """A question, and the experiment that answers it.

    Args:
        name: what it is called on the command line.
        question: one sentence.
        what_to_watch: a few sentences for the learner, read before looking at the figures.
        variants: what is compared.
        baseline: the name of the variant that the others are compared with.
        base: the settings that all variants share.
        rate_factors: if given, every variant first searches its learning rate among these multiples of its
            optimizer's own, in a short search on images held out of the training set.
        pictures: the figures of its own, beside those that every scenario has. Like `findings` it works from the
            tables alone, so that both can be made again without training.
        findings: the findings of its own, likewise.
        train_size: how many training images it uses unless told otherwise; enough to tell variants apart in about
            a minute.
        recorders: makes new recorders for a run, given the run and its training images; each fills a table.
        measure: measures further tables, given the run, its training images and the test images, before the run and
            apart from it. Like `recorders` a function of a module, because it is sent to other processes.
        quick: the settings that --quick changes beside the number of seeds, images and epochs.

    Raises:
        NeurosimError: variants of one name, or a baseline that is none of them.

    Example:
        >>> from neurosim import data
        >>> from neurosim.training.settings import Settings
        >>> from scenarios import Scenario, Variant, run_scenario
        >>> widths = Scenario("widths", "Do more neurons help?", "Watch the gap between 16 and 64.",
        ...                   (Variant("16", {"hidden": (16,)}), Variant("64", {"hidden": (64,)})), baseline="16",
        ...                   base=Settings(epochs=2))
        >>> train, test = data.load("digits")
        >>> results = run_scenario(widths, train.subset(300), test, seeds=2, progress=False)
        >>> results.names
        ['16', '64']
    """

    name: str
    question: str
    what_to_watch: str
    variants: tuple[Variant, ...]
    baseline: str
    base: Settings = field(default_factory=lambda: Settings(epochs=4))
    rate_factors: tuple[float, ...] = ()
    pictures: Callable[[Results], Iterator[Picture]] | None = None
    findings: Callable[[Results], Iterator[str]] | None = None
    train_size: int = 10_000
    recorders: Callable[[Run, Dataset], list[Recorder]] | None = None
    measure: Callable[[Run, Dataset, Dataset], dict[str, pd.DataFrame]] | None = None
    quick: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [variant.name for variant in self.variants]
        if len(set(names)) != len(names):
            raise NeurosimError(f"scenario {self.name}: expected variants with different names, received {names}")
        if self.baseline not in names:
            raise NeurosimError(
                f"scenario {self.name}: expected its baseline to be one of {', '.join(names)}, "
                f"received {self.baseline!r}"
            )


@dataclass
class Results:
    """The tables of a run.

    Attributes:
        scenario: what was asked.
        epochs: tidy, one row per variant, seed and epoch: loss, accuracy (averages over the epoch), test_loss,
            test_accuracy (at its end), seconds, learning_rate, diverged, kept (whether the run ended with the weights
            of that epoch: its last, or the one that early stopping went back to). A run that diverged has NaN from
            there on.
        tables: every other table by name: those of the recorders and of `Scenario.measure` with variant and seed in
            front; "rates", the search for learning rates: variant, learning_rate, seed, epochs, val_accuracy,
            chosen.
        note: what must be said of the data wherever these results are shown.
        settings: the settings with which each variant was run.
    """

    scenario: Scenario
    epochs: pd.DataFrame
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    note: str = ""
    settings: dict[str, Settings] = field(default_factory=dict)

    @classmethod
    def read(
        cls, scenario: Scenario, folder: Path, note: str = "", settings: dict[str, Settings] | None = None
    ) -> Results:
        """The tables that a run wrote to `folder`.

        Raises:
            DataError: they are not there, or cannot be read.
        """
        tables: dict[str, pd.DataFrame] = {}
        for path in sorted(folder.glob("*.csv")):
            try:
                # a variant may be called "none"
                tables[path.stem] = pd.read_csv(path, dtype={"variant": str}, keep_default_na=False, na_values=[""])
            except (OSError, ValueError) as error:
                raise DataError(f"{path}: expected a table written by a scenario, received {error}") from None
        epochs = tables.pop("results", None)
        tables.pop("summary", None)  # it is computed from the others
        if epochs is None:
            raise DataError(f"{folder}: expected the results of a scenario there, found no results.csv")
        return cls(scenario, epochs, tables, note, settings or {})

    def table(self, name: str) -> pd.DataFrame:
        """A table by its name; an empty one where there is none."""
        return self.tables.get(name, pd.DataFrame())

    def rates(self) -> pd.DataFrame:
        """The search for learning rates, a row a variant and rate: variant, learning_rate, val_accuracy, chosen.

        val_accuracy is the mean over the seeds of the search; NaN where one of them diverged.
        """
        rates = self.table("rates")
        if rates.empty:
            return rates
        return rates.groupby(["variant", "learning_rate"], sort=False, as_index=False).agg(
            val_accuracy=("val_accuracy", lambda each: each.mean(skipna=False)), chosen=("chosen", "first")
        )

    def write(self, folder: Path) -> None:
        """Write all tables as CSV; `read` is the way back."""
        for name, table in {"results": self.epochs, **self.tables, "summary": self.summary()}.items():
            if len(table):
                write_csv(table, folder / f"{name}.csv")
            else:  # what an earlier run left there is not of this one
                (folder / f"{name}.csv").unlink(missing_ok=True)

    @property
    def names(self) -> list[str]:
        """The variants, in the order of the scenario."""
        present = set(self.epochs["variant"])
        return [variant.name for variant in self.scenario.variants if variant.name in present]

    def final(self, metric: str = METRIC) -> pd.DataFrame:
        """The metric at the end of each run: a row a seed, a column a variant; NaN where the run diverged."""
        ordered = self.epochs.sort_values("epoch")
        kept = ordered[ordered["kept"]] if "kept" in ordered else ordered
        last = kept.groupby(["variant", "seed"], as_index=False).tail(1)
        return last.pivot(index="seed", columns="variant", values=metric)[self.names]

    def ends(self, metric: str = METRIC) -> pd.DataFrame:
        """The same, tidy: columns seed, variant and the metric."""
        return self.final(metric).melt(ignore_index=False, value_name=metric).reset_index()

    def summary(self) -> pd.DataFrame:
        """One row a variant: mean and standard deviation over the seeds, and the paired difference from the baseline.

        Columns: variant, seeds, diverged (how many seeds), test_accuracy_mean, test_accuracy_sd, test_loss_mean,
        test_loss_sd, seconds_mean, difference (mean over the seeds of the variant minus the baseline, same seed, same
        initial weights and batches), low and high (its 95 % interval by Student's t), verdict.
        """
        accuracy, loss = self.final(), self.final("test_loss")
        seconds = self.epochs.groupby(["variant", "seed"])["seconds"].sum(min_count=1).groupby("variant").mean()
        rows = []
        for name in self.names:
            difference = Difference.between(accuracy[name], accuracy[self.scenario.baseline])
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
                    "verdict": "baseline" if name == self.scenario.baseline else difference.verdict,
                }
            )
        return pd.DataFrame(rows)

    def epochs_to(self, accuracy: float, name: str) -> float:
        """The first epoch at whose end a variant reached a test accuracy, on average; NaN where not all seeds did."""
        runs = self.epochs[self.epochs["variant"] == name]
        first = [run.loc[run[METRIC] >= accuracy, "epoch"].min() for _, run in runs.groupby("seed")]
        return float(np.mean(first))

    def all_findings(self) -> list[str]:
        """Sentences computed from the numbers: first what holds for every scenario, then those of this one."""
        own = self.scenario.findings(self) if self.scenario.findings else ()
        return [*general_findings(self), *own]


@dataclass(frozen=True)
class Difference:
    """A paired difference over seeds, with the 95 % interval of its mean."""

    mean: float
    low: float
    high: float

    @classmethod
    def between(cls, variant: pd.Series, baseline: pd.Series) -> Difference:
        """Of two columns with a value a seed; seeds in which either diverged are left out."""
        d = (variant - baseline).dropna().to_numpy(float)
        if len(d) == 0:
            return cls(math.nan, math.nan, math.nan)
        mean = float(d.mean())
        if len(d) == 1:
            return cls(mean, math.nan, math.nan)
        degrees = len(d) - 1
        t = T_975[degrees - 1] if degrees <= len(T_975) else 1.96 + 2.4 / degrees
        half = t * float(d.std(ddof=1)) / math.sqrt(len(d))
        return cls(mean, mean - half, mean + half)

    @property
    def verdict(self) -> str:
        """What the interval allows to say: "better", "worse", "within noise", "one seed" or "diverged"."""
        if math.isnan(self.mean):
            return "diverged"
        if math.isnan(self.low):
            return "one seed"
        return "better" if self.low > 0 else "worse" if self.high < 0 else "within noise"

    def text(self, unit: str = "points", factor: float = 100.0, decimals: int = 2) -> str:
        """In words, with what the seeds allow to say of it: "+1.20 points, beyond the noise"."""
        says = {
            "better": "beyond the noise",
            "worse": "beyond the noise",
            "within noise": "within the noise",
            "one seed": "one seed",
        }
        if self.verdict not in says:
            return "unknown, for lack of runs that did not diverge"
        return f"{signed(factor * self.mean, decimals)} {unit}".rstrip() + f", {says[self.verdict]}"


def write_csv(frame: pd.DataFrame, path: Path) -> Path:
    """Write a table, whole or not at all."""
    return write_text(path, frame.to_csv(index=False))


def general_findings(results: Results) -> Iterator[str]:
    """What can be said of any comparison: who is best, what differs from the baseline beyond noise, who diverged."""
    summary, baseline = results.summary(), results.scenario.baseline
    seeds = int(summary["seeds"].max())
    ranked = summary.dropna(subset=["test_accuracy_mean"]).sort_values("test_accuracy_mean", ascending=False)
    if len(ranked):
        first = ranked.iloc[0]
        spread = f" ± {percent(first.test_accuracy_sd, 2)}" if seeds > 1 else ""
        sentence = f"Highest mean test accuracy: {first.variant}, {percent(first.test_accuracy_mean, 2)}{spread}"
        if first.diverged:
            sentence += f" over the {seeds - first.diverged} of {seeds} seeds that did not diverge"
        base = summary[summary["variant"] == baseline].iloc[0]
        if first.variant != baseline and not math.isnan(base.test_accuracy_mean):
            sentence += f"; the baseline {baseline} has {percent(base.test_accuracy_mean, 2)}"
        yield sentence + "."
    final = results.final()
    pairs = final.sub(final[baseline], axis="index").count()  # seeds in which neither diverged
    whole = summary[summary["variant"].map(pairs) == seeds]
    for verdict, words in (
        ("better", "Better than {b} beyond the noise of {n} seeds: {v}."),
        ("worse", "Worse than {b} beyond the noise of {n} seeds: {v}."),
        ("within noise", "No difference from {b} that {n} seeds can show: {v}."),
        ("one seed", "One seed cannot tell a difference from noise; run more with --seeds 3."),
    ):
        group = whole[whole["verdict"] == verdict]
        if len(group):
            yield words.format(
                b=baseline,
                n=seeds,
                v=listing([f"{row.variant} ({signed(100 * row.difference)} points)" for row in group.itertuples()]),
            )
    for count in range(seeds - 1, 0, -1):
        each = [
            f"{name} {Difference.between(final[name], final[baseline]).text()}"
            for name in results.names
            if name != baseline and pairs[name] == count
        ]
        if each:
            yield (
                f"Against {baseline}, in the {count} of {seeds} seeds in which neither diverged: {'; '.join(each)}. "
                "Seeds that diverged are left out, which makes such a variant look better than it is."
            )
    yield from _false_alarms(summary, baseline)
    yield from _speed(results, ranked)
    yield from _rates_at_the_edge(results)
    broken = summary[summary["diverged"] > 0]
    for row in broken.itertuples():
        runs = results.epochs[(results.epochs["variant"] == row.variant) & results.epochs["diverged"]]
        when = sorted(set(runs.groupby("seed")["epoch"].min()))
        yield (
            f"{row.variant} diverged in {row.diverged} of {row.seeds} seeds, in epoch "
            f"{listing([str(int(epoch)) for epoch in when])}{_origins(results, row.variant)}."
        )


def _false_alarms(summary: pd.DataFrame, baseline: str) -> Iterator[str]:
    """How many differences are to be expected beyond the noise where there are none, if there are many comparisons."""
    compared = summary["verdict"].isin(("better", "worse", "within noise")).sum()
    found = summary["verdict"].isin(("better", "worse")).sum()
    if found and compared >= MANY:
        yield (
            f"These are {compared} comparisons with {baseline}, each at 5\u00a0%: if no variant differed from it, "
            f"about {0.05 * compared:.1f} of them would be beyond the noise all the same. {found} "
            f"{'are' if found > 1 else 'is'}."
        )


def _origins(results: Results, variant: str) -> str:
    """In which layers the first NaN or infinity of a variant's runs appeared."""
    table = results.table("divergences")
    if not len(table):
        return ""
    layers = table.loc[table["variant"] == variant, "layer"].dropna()
    if not len(layers):
        return ", in the loss itself"
    numbers = [str(int(layer)) for layer in sorted(set(layers))]
    return f": the first NaN or infinity appeared in layer {listing(numbers)}"


def _rates_at_the_edge(results: Results) -> Iterator[str]:
    """Whose chosen learning rate is the smallest or largest of those tried, so that a better one may lie beyond."""
    edges, rates = [], results.rates()
    for name, tried in rates.groupby("variant", sort=False) if len(rates) else ():
        rate = tried.loc[tried["chosen"], "learning_rate"].iloc[0]
        if len(tried) > 1 and rate in (tried["learning_rate"].min(), tried["learning_rate"].max()):
            edges.append(f"{name} ({rate:g})")
    if edges:
        yield f"The best learning rate lies at the edge of the range that was searched for {listing(edges)}."


def _speed(results: Results, ranked: pd.DataFrame) -> Iterator[str]:
    """Who comes near the best final accuracy first."""
    if len(ranked) < 2 or results.epochs["epoch"].max() < 2:
        return
    goal = math.floor(100 * 0.97 * ranked.iloc[0].test_accuracy_mean) / 100
    needed = {name: results.epochs_to(goal, name) for name in ranked["variant"]}
    arrived = {name: epochs for name, epochs in needed.items() if not math.isnan(epochs)}
    if not arrived:
        return
    quickest = min(arrived.values())
    first = [name for name, epochs in arrived.items() if epochs == quickest]
    late = [name for name in needed if name not in arrived]
    sentence = f"First to reach {percent(goal, 0)} test accuracy: {listing(first)}, "
    sentence += f"after {round(quickest, 1):g} epoch{'s' if quickest > 1 else ''}"
    seeds = results.epochs["seed"].nunique()
    sentence += f" ({f'the mean of {seeds} seeds' if seeds > 1 else 'one seed'}, in whole epochs, not tested for noise)"
    if late:
        sentence += f"; not there in every seed by the end: {listing(late)}"
    yield sentence + "."
