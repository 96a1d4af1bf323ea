"""Findings: sentences that are computed from the numbers, and that change when the numbers do."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pandas as pd

from neurosim.metrics import MARGIN_OVER_CHANCE
from neurosim.text import fixed, listing, percent, plain, points, signed

from ..protocol.results import METRIC, Results
from ..protocol.statistics import Difference, chance_of_a_false_alarm
from .grid import grid_findings
from .listed import AND, MANY, of_each, words
from .nouns import in_nouns

MANY_COMPARISONS = 5  # comparisons with one baseline, from which a finding tells how many false alarms to expect
TIMED = 4  # epochs of a variant, from which their median time means something
LONGEST_LIST = 18  # words that a list of names may have in a sentence


def all_findings(results: Results) -> list[str]:
    """Return all findings: first those that every scenario has, then the scenario's own."""
    own = results.scenario.findings(results) if results.scenario.findings else ()
    return [in_nouns(each, results.noun) for each in (*general_findings(results), *own)]


def general_findings(results: Results) -> Iterator[str]:
    """Yield the findings of any comparison: the best, differences from the baseline beyond noise, divergence."""
    summary, baseline = results.summary(), results.scenario.baseline
    seeds = int(summary["seeds"].max())
    ranked = results.ranked().dropna(subset=["test_accuracy_mean"])
    if len(ranked):
        first = ranked.iloc[0]
        as_high = ranked["test_accuracy_mean"] > first.test_accuracy_mean - 1e-9
        equal = list(ranked["variant"][as_high & (ranked["diverged"] == first.diverged)])
        spread = f" ± {percent(first.test_accuracy_sd, 2)}" if seeds > 1 and len(equal) == 1 else ""
        which = "Highest mean test accuracy" if seeds > 1 else "Highest test accuracy"
        sentence = f"{which}: {listing(equal)}, {percent(first.test_accuracy_mean, 2)}{spread}"
        if first.diverged:
            sentence += f" over the {seeds - first.diverged} of {seeds} seeds that did not diverge"
        base = summary.loc[summary["variant"] == baseline, "test_accuracy_mean"].dropna()
        if baseline not in equal and len(base):
            sentence += f". The baseline {baseline} has {percent(base.item(), 2)}"
        yield sentence + "."
    if results.scenario.grid:
        yield from grid_findings(results)
    if baseline:
        yield from _against_baseline(results, summary, ranked, baseline, seeds)
    yield from _speed(results, ranked)
    yield from _rates_at_the_edge(results)
    broken = summary[summary["diverged"] > 0]
    for row in broken.itertuples():
        runs = results.epochs[(results.epochs["variant"] == row.variant) & results.epochs["diverged"]]
        when = sorted(set(runs.groupby("seed")["epoch"].min()))
        yield (
            f"{row.variant} diverged in {row.diverged} of {row.seeds} seeds, in "
            f"{_numbered('epoch', when)}.{_origins(results, row.variant)}"
        )


def _against_baseline(
    results: Results, summary: pd.DataFrame, ranked: pd.DataFrame, baseline: str, seeds: int
) -> Iterator[str]:
    """State which variants differ from the baseline beyond the noise, and how many would by chance."""
    final = results.final()
    pairs = final.sub(final[baseline], axis="index").count()  # seeds in which neither diverged
    whole = ranked[ranked["variant"].map(pairs) == seeds]
    for verdict, lead in (
        ("better", f"Better than {baseline} beyond the noise of {seeds} seeds"),
        ("worse", f"Worse than {baseline} beyond the noise of {seeds} seeds"),
        ("within noise", f"{seeds} seeds cannot show a difference from {baseline} for"),
    ):
        rows = [(row.variant, signed(100 * row.difference)) for row in whole[whole["verdict"] == verdict].itertuples()]
        if rows:
            yield of_each(lead, ("variant", "points"), rows, "{} ({} points)", AND)
    if (whole["verdict"] == "one seed").any():
        yield "One seed cannot tell a difference from noise. Run more seeds with --seeds 3."
    for count in range(seeds - 1, 0, -1):
        rows = [
            (name, Difference.between(final[name], final[baseline]).text())
            for name in ranked["variant"]
            if name != baseline and pairs[name] == count
        ]
        if rows:
            yield of_each(
                f"Against {baseline}, in the {count} of {seeds} seeds in which neither diverged",
                ("variant", "difference"),
                rows,
                joint="; ",
                end="Seeds that diverged are left out. That makes such a variant look better than it is.",
            )
    yield from _false_alarms(summary, baseline, seeds)


def _false_alarms(summary: pd.DataFrame, baseline: str, seeds: int) -> Iterator[str]:
    """State how many false differences beyond the noise to expect, if there are many comparisons."""
    compared = summary["verdict"].isin(("better", "worse", "within noise")).sum()
    found = summary["verdict"].isin(("better", "worse")).sum()
    if found and compared >= MANY_COMPARISONS:
        yield (
            f"These are {compared} comparisons with {baseline}, each at {percent(0.05, 0)}. If no variant differed "
            f"from it, about {fixed(0.05 * compared, 1)} of them would still be beyond the noise. The chance of at "
            "least one such false alarm would be about "
            f"{percent(chance_of_a_false_alarm(int(compared), seeds), 0)}. Here {found} "
            f"{'are' if found > 1 else 'is'} beyond the noise."
        )


def _origins(results: Results, variant: str) -> str:
    """State in which layers the first NaN or infinity of a variant's runs appeared."""
    table = results.table("divergences")
    if not len(table):
        return ""
    layers = table.loc[table["variant"] == variant, "layer"].dropna()
    if not len(layers):
        return " The first NaN or infinity appeared in the loss itself."
    return f" The first NaN or infinity appeared in {_numbered('layer', sorted(set(layers)))}."


def _numbered(noun: str, numbers: Sequence[float]) -> str:
    """Write numbers after their noun: "epoch 1", "layers 2 and 3"."""
    return f"{noun}{'s' if len(numbers) > 1 else ''} {listing([str(int(each)) for each in numbers])}"


def _rates_at_the_edge(results: Results) -> Iterator[str]:
    """List the variants whose chosen learning rate is the smallest or largest tried: a better one may lie beyond."""
    edges, rates = [], results.rates()
    for name, tried in rates.groupby("variant", sort=False) if len(rates) else ():
        rate = tried.loc[tried["chosen"], "learning_rate"].min()
        if len(tried) > 1 and rate in (tried["learning_rate"].min(), tried["learning_rate"].max()):
            edges.append((str(name), plain(rate)))
    if edges:
        lead = "The best learning rate lies at the edge of the range that was searched"
        yield of_each(lead, ("variant", "learning rate"), edges, "{} ({})", AND)


def _speed(results: Results, ranked: pd.DataFrame) -> Iterator[str]:
    """State which variants come near the best final accuracy first."""
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
    seeds = results.epochs["seed"].nunique()
    after = f"after {plain(round(quickest, 1))} epoch{'s' if quickest > 1 else ''}"
    after += f" (mean over {seeds} seeds)" if seeds > 1 else ""
    reached = f"{percent(goal, 0)} test accuracy (97\u00a0% of the highest, rounded down)"
    text = f"First to reach {reached}, {after}: {_few_or_count(first)}. "
    text += "Accuracy is measured at the end of each epoch. Differences are not tested for noise."
    if late:
        missed = "At least one seed never reached it" if seeds > 1 else "Never reached it"
        others = f"the other {len(late)}" if len(late) == len(needed) - len(first) else f"{len(late)} others"
        text += f" {missed}: {listing(late) if len(late) < MANY else others}."
    yield text


def _few_or_count(names: list[str]) -> str:
    """List names, or count them if the list would be too long for a sentence."""
    text = listing(names)
    return text if words(text) <= LONGEST_LIST else f"{len(names)} variants, among them {names[0]}"


# -- what several scenarios say --------------------------------------------------------------------------------------


def learned_nothing(results: Results) -> Iterator[str]:
    """State which variants end no better than with one answer for all samples, or that none does."""
    chance = results.table("chance")
    if chance.empty:
        return
    share = float(chance["accuracy"].mean())
    final = results.final().dropna(how="all", axis="columns")
    if final.empty:
        return
    idle = {name: int((final[name] <= share + MARGIN_OVER_CHANCE).sum()) for name in final}
    rows = [(str(name), f"{count} of {final[name].count()}") for name, count in idle.items() if count]
    if rows:
        yield of_each(
            "Learned nothing",
            ("variant", "seeds"),
            rows,
            "{} ({} seeds)" if len(final) > 1 else "{}",
            AND,
            f"Always answering the most common class is right for {percent(share, 2)} of the test images. These runs "
            f"end no more than {points(MARGIN_OVER_CHANCE, 0)} point above that.",
        )
    else:
        low = final.mean().idxmin()
        yield (
            f"Every variant that did not diverge learned something. The lowest mean, that of {low}, is "
            f"{points(final[low].mean() - share, 1)} points above always answering the most common class."
        )


def seconds_per_epoch(results: Results) -> pd.Series:
    """Return the median time of an epoch of each variant that has at least `TIMED` epochs.

    With fewer, a slow first epoch would count too much.
    """
    groups = results.epochs.dropna(subset=["seconds"]).groupby("variant")["seconds"]
    return groups.median()[groups.count() >= TIMED]


def versus(results: Results, name: str, other: str, metric: str = METRIC) -> str:
    """Compare the ends of two variants, seed by seed; empty if one of them is missing.

    Example:
        >>> versus(results, "relu + batch norm", "relu")
        'relu + batch norm against relu: +1.20 points, within the noise'
    """
    if not {name, other} <= set(results.names):
        return ""
    final = results.final(metric)
    return f"{name} against {other}: {Difference.between(final[name], final[other]).text()}"
