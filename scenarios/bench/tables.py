"""From seconds to results: medians and quartiles of ratios, geometric means, and text of at most 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from neurosim.text import fixed, percent, percent_more, rounded, thousands

from ..protocol.statistics import geometric_mean

US = "neurosim"
NAME_WIDTH = 24


def quartiles(values: Any) -> tuple[float, float, float]:
    """Median, first and third quartile; NaN for no values."""
    values = np.asarray(values, float)
    if not values.size:
        return (float("nan"),) * 3
    low, median, high = np.percentile(values, (25, 50, 75))
    return float(median), float(low), float(high)


def summarize(rounds: pd.DataFrame, baseline: str = US, by: str = "case", who: str = "competitor") -> pd.DataFrame:
    """One row per case and competitor.

    Args:
        rounds: columns case, competitor, round, seconds (a step).
        baseline: the competitor whose time in the same round the others' are divided by.
        by: the column in place of case.
        who: the column in place of competitor.

    Returns:
        Columns case, competitor, rounds, seconds, seconds_low, seconds_high, ratio, ratio_low, ratio_high: medians
        and quartiles. A round without the baseline counts for the seconds only.
    """
    columns = ["", "_low", "_high"]
    rows = []
    for case, table in rounds.groupby(by, sort=False):
        seconds = table.pivot(index="round", columns=who, values="seconds")
        for name in dict.fromkeys(table[who]):
            ratios = (seconds[name] / seconds[baseline]).dropna() if baseline in seconds else []
            taken = seconds[name].dropna()
            rows.append(
                {by: case, who: name, "rounds": len(taken)}
                | {f"seconds{end}": value for end, value in zip(columns, quartiles(taken), strict=True)}
                | {f"ratio{end}": value for end, value in zip(columns, quartiles(ratios), strict=True)}
            )
    return pd.DataFrame(rows)


def overall(summary: pd.DataFrame) -> pd.DataFrame:
    """Over all cases, one row per competitor: the geometric mean of its ratios, the smallest, and where that was."""
    rows = []
    for name, table in summary[summary["competitor"] != US].dropna(subset="ratio").groupby("competitor", sort=False):
        worst = table.loc[table["ratio"].idxmin()]
        rows.append(
            {
                "competitor": name,
                "cases": len(table),
                "geometric_mean": geometric_mean(table["ratio"]),
                "worst": worst["ratio"],
                "worst_case": worst["case"],
            }
        )
    return pd.DataFrame(rows, columns=["competitor", "cases", "geometric_mean", "worst", "worst_case"])


def floor_shares(summary: pd.DataFrame) -> dict[str, float]:
    """Optimizer -> the part of neurosim's time that its matrix products alone would take, geometric mean."""
    floor = summary[summary["competitor"] == "floor"]
    optimizers = floor["case"].str.rpartition("/")[2]
    return {name: geometric_mean(table["ratio"]) for name, table in floor.groupby(optimizers, sort=False)}


def _lines(title: str, names: Sequence[str], width: int, rows: dict[str, list[str]]) -> list[str]:
    """A table: the rows' names, then columns of one width."""
    head = f"{title:<{NAME_WIDTH}}" + "".join(f"{name:>{width}}" for name in names)
    body = [f"{name:<{NAME_WIDTH}}" + "".join(f"{cell:>{width}}" for cell in cells) for name, cells in rows.items()]
    return [head.rstrip(), "-" * len(head), *[line.rstrip() for line in body]]


def _cells(summary: pd.DataFrame, names: Sequence[str], text: Any) -> dict[str, list[str]]:
    """Case -> what `text` makes of each competitor's row; a dash where there is none."""
    found: dict[str, list[str]] = {}
    for case, table in summary.groupby("case", sort=False):
        known = {row.competitor: row for row in table.itertuples()}
        found[str(case)] = [text(known[name]) if name in known else "-" for name in names]
    return found


def with_spread(row: Any) -> str:
    """``2.77 [2.70 2.81]``, with one decimal where one of them is 10 or more."""
    if not np.isfinite(row.ratio):
        return "-"
    decimals = 2 if row.ratio_high < 9.995 else 1
    ratio, low, high = (fixed(each, decimals) for each in (row.ratio, row.ratio_low, row.ratio_high))
    return f"{ratio} [{low} {high}]"


def race_text(summary: pd.DataFrame) -> str:
    """The tables of ``bench``: microseconds a step, ratios with quartiles, what holds over all cases, memory."""
    names = list(dict.fromkeys(summary["competitor"]))
    peers = [name for name in names if name not in (US, "floor")]
    share = {row.case: percent(row.ratio, 0) for row in summary[summary["competitor"] == "floor"].itertuples()}
    micro = _cells(summary, names, lambda row: rounded(1e6 * row.seconds))
    for case, cells in micro.items():
        cells.append(share.get(case, "-"))
    lines = ["microseconds a step (layers/batch/optimizer)", "", *_lines("case", [*names, "floor's"], 9, micro)]
    if peers:
        lines += [
            "",
            "times as long as neurosim takes: median [quartiles] of the rounds",
            "",
            *_lines("case", peers, 18, _cells(summary, peers, with_spread)),
        ]
        means = [geometric_mean(summary.loc[summary["competitor"] == name, "ratio"]) for name in peers]
        lines.append(f"{'geometric mean':<{NAME_WIDTH}}" + "".join(f"{fixed(mean):>18}" for mean in means))
        lines += [
            f"worst against {row.competitor}: {fixed(row.worst)} in {row.worst_case}"
            for row in overall(summary).itertuples()
            if row.competitor in peers
        ]
    lines += [
        f"the floor's share of neurosim's time with {name}: {percent(value, 0)} (geometric mean)"
        for name, value in floor_shares(summary).items()
    ]
    if "memory" in summary and summary["memory"].notna().any():
        shown = [name for name in names if name != "floor"]
        lines += [
            "",
            "megabytes: the peak of a process beyond the interpreter with NumPy",
            "",
            *_lines("case", shown, 10, _cells(summary, shown, lambda row: rounded(row.memory / 1e6))),
        ]
    if "threads" in summary:
        lines += ["", "the fastest settings, which are the ones that competed:"]
        for name, table in summary.groupby("competitor", sort=False):
            used = (
                (
                    table["form"].astype(str)
                    + " "
                    + table["threads"].astype(str)
                    + " thread"
                    + table["threads"].map(lambda n: "" if n == 1 else "s")
                )
                .str.strip()
                .value_counts(sort=False)
            )
            lines.append(f"  {name}: " + ", ".join(f"{setting} ({n})" for setting, n in used.items()))
    return "\n".join(lines)


def cost_text(summary: pd.DataFrame, title: str, baseline: str) -> str:
    """A table of what things cost beside a baseline: microseconds a step, percent more, quartiles of it."""
    lines = [f"{title:<34}{'µs a step':>12}{'more':>12}{'quartiles':>21}"]
    lines += ["-" * len(lines[0])]
    for row in summary.itertuples():
        name = row.what
        if name == baseline:
            lines.append(f"{name:<34}{rounded(1e6 * row.seconds):>12}{'-':>12}")
            continue
        more, low, high = (percent_more(ratio) for ratio in (row.ratio, row.ratio_low, row.ratio_high))
        lines.append(f"{name:<34}{rounded(1e6 * row.seconds):>12}{more + ' %':>12}{low + ' ' + high:>21}")
    return "\n".join(lines)


def scale_text(summary: pd.DataFrame) -> str:
    """The table of ``bench --scale``: time a sample, the floor's, and memory, against parameters and batch size."""
    lines = []
    for sweep, table in summary.groupby("sweep", sort=False):
        head = (
            f"{'parameters' if sweep == 'parameters' else 'batch size':>12}{'optimizer':>11}{'µs a sample':>13}"
            f"{'floor':>9}{'share':>8}{'MB':>8}{'µs/1e5 params':>15}"
        )
        lines += ["", head, "-" * len(head)]
        for row in table[table["competitor"] == US].itertuples():
            floor = table[(table["case"] == row.case) & (table["competitor"] == "floor")]
            bottom = float(floor["seconds"].iloc[0]) if len(floor) else float("nan")
            share = percent(floor["ratio"].iloc[0], 0) if len(floor) else "-"
            sample = 1e6 / row.batch_size
            lines.append(
                f"{thousands(getattr(row, sweep)):>12}{row.optimizer:>11}{rounded(sample * row.seconds):>13}"
                f"{rounded(sample * bottom):>9}{share:>8}{rounded(row.memory / 1e6):>8}"
                f"{rounded(sample * row.seconds * 1e5 / row.parameters):>15}"
            )
    return "\n".join(lines).lstrip("\n")
