"""Findings: sentences that are computed from the numbers, and that turn round when the numbers do."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from neurosim.metrics import MARGIN_OVER_CHANCE
from neurosim.text import fixed, listing, percent, plain, points, signed

from ..protocol.results import METRIC, Results
from ..protocol.statistics import Difference, chance_of_a_false_alarm
from .grid import grid_findings
from .listed import AND, MANY, of_each
from .nouns import in_nouns

MANY_COMPARISONS = 5  # comparisons with one baseline, from which on a finding tells how many false alarms to expect


def all_findings(results: Results) -> list[str]:
    """What can be said of the results: first what holds for every scenario, then what is its own."""
    own = results.scenario.findings(results) if results.scenario.findings else ()
    return [in_nouns(each, results.noun) for each in (*general_findings(results), *own)]


def general_findings(results: Results) -> Iterator[str]:
    """What can be said of any comparison: who is best, what differs from the baseline beyond noise, who diverged."""
    summary, baseline = results.summary(), results.scenario.baseline
    seeds = int(summary["seeds"].max())
    ranked = results.ranked().dropna(subset=["test_accuracy_mean"])
    if len(ranked):
        first = ranked.iloc[0]
        spread = f" ± {percent(first.test_accuracy_sd, 2)}" if seeds > 1 else ""
        which = "Highest mean test accuracy" if seeds > 1 else "Highest test accuracy"
        sentence = f"{which}: {first.variant}, {percent(first.test_accuracy_mean, 2)}{spread}"
        if first.diverged:
            sentence += f" over the {seeds - first.diverged} of {seeds} seeds that did not diverge"
        base = summary.loc[summary["variant"] == baseline, "test_accuracy_mean"].dropna()
        if first.variant != baseline and len(base):
            sentence += f"; the baseline {baseline} has {percent(base.item(), 2)}"
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
            f"{row.variant} diverged in {row.diverged} of {row.seeds} seeds, in epoch "
            f"{listing([str(int(epoch)) for epoch in when])}{_origins(results, row.variant)}."
        )


def _against_baseline(
    results: Results, summary: pd.DataFrame, ranked: pd.DataFrame, baseline: str, seeds: int
) -> Iterator[str]:
    """Which variants differ from the baseline beyond the noise, and how many would by chance."""
    final = results.final()
    pairs = final.sub(final[baseline], axis="index").count()  # seeds in which neither diverged
    whole = ranked[ranked["variant"].map(pairs) == seeds]
    for verdict, words in (
        ("better", f"Better than {baseline} beyond the noise of {seeds} seeds"),
        ("worse", f"Worse than {baseline} beyond the noise of {seeds} seeds"),
        ("within noise", f"No difference from {baseline} that {seeds} seeds can show"),
    ):
        rows = [(row.variant, signed(100 * row.difference)) for row in whole[whole["verdict"] == verdict].itertuples()]
        if rows:
            yield of_each(words, ("variant", "points"), rows, "{} ({} points)", AND)
    if (whole["verdict"] == "one seed").any():
        yield "One seed cannot tell a difference from noise; run more with --seeds 3."
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
                end="Seeds that diverged are left out, which makes such a variant look better than it is.",
            )
    yield from _false_alarms(summary, baseline, seeds)


def _false_alarms(summary: pd.DataFrame, baseline: str, seeds: int) -> Iterator[str]:
    """How many differences are to be expected beyond the noise where there are none, if there are many comparisons."""
    compared = summary["verdict"].isin(("better", "worse", "within noise")).sum()
    found = summary["verdict"].isin(("better", "worse")).sum()
    if found and compared >= MANY_COMPARISONS:
        yield (
            f"These are {compared} comparisons with {baseline}, each at {percent(0.05, 0)}: if no variant differed "
            f"from it, about {fixed(0.05 * compared, 1)} of them would be beyond the noise all the same, and the "
            f"chance that there is at least one such false alarm would be about "
            f"{percent(chance_of_a_false_alarm(int(compared), seeds), 0)}. Here {found} "
            f"{'are' if found > 1 else 'is'} beyond the noise."
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
        rate = tried.loc[tried["chosen"], "learning_rate"].min()
        if len(tried) > 1 and rate in (tried["learning_rate"].min(), tried["learning_rate"].max()):
            edges.append(f"{name} ({plain(rate)})")
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
    sentence += f"after {plain(round(quickest, 1))} epoch{'s' if quickest > 1 else ''}"
    seeds = results.epochs["seed"].nunique()
    sentence += f" ({f'the mean of {seeds} seeds' if seeds > 1 else 'one seed'}, in whole epochs, not tested for noise)"
    if late:
        missed = "not there in every seed by the end" if seeds > 1 else "not there by the end"
        others = f"the other {len(late)}" if len(late) == len(needed) - len(first) else f"{len(late)} others"
        sentence += f"; {missed}: {listing(late) if len(late) < MANY else others}"
    yield sentence + "."


# -- what several scenarios say --------------------------------------------------------------------------------------


def learned_nothing(results: Results) -> Iterator[str]:
    """Which variants end no better than if they answered one class every time; says so too where there is none."""
    chance = results.table("chance")
    if chance.empty:
        return
    share = float(chance["accuracy"].mean())
    final = results.final().dropna(how="all", axis="columns")
    if final.empty:
        return
    idle = {name: int((final[name] <= share + MARGIN_OVER_CHANCE).sum()) for name in final}
    names = [
        f"{name} ({count} of {final[name].count()} seeds)" if len(final) > 1 else name
        for name, count in idle.items()
        if count
    ]
    if names:
        yield (
            f"Learned nothing: {listing(names)}. To answer the commonest class every time is right for "
            f"{percent(share, 2)} of the test images, and these end no more than "
            f"{points(MARGIN_OVER_CHANCE, 0)} point above it."
        )
    else:
        low = final.mean().idxmin()
        yield (
            f"All that did not diverge learned something: the lowest mean, that of {low}, is "
            f"{points(final[low].mean() - share, 1)} points above answering the commonest class every time."
        )


def versus(results: Results, name: str, other: str, metric: str = METRIC) -> str:
    """How one variant ends against another, seed by seed; empty where one of them is missing.

    Example:
        >>> versus(results, "relu + batch norm", "relu")
        'relu + batch norm against relu: +1.20 points, within the noise'
    """
    if not {name, other} <= set(results.names):
        return ""
    final = results.final(metric)
    return f"{name} against {other}: {Difference.between(final[name], final[other]).text()}"
