"""From seconds to results: medians and quartiles of ratios, geometric means, and text of at most 80 columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from neurosim.text import counted, fixed, percent, percent_more, rounded, thousands

from ..protocol.statistics import geometric_mean

US = "neurosim"


def quartiles(values: Any) -> tuple[float, float, float]:
    """Return median, first and third quartile; NaN for no values."""
    values = np.asarray(values, float)
    if not values.size:
        return (float("nan"),) * 3
    low, median, high = np.percentile(values, (25, 50, 75))
    return float(median), float(low), float(high)


def summarize(rounds: pd.DataFrame, baseline: str = US, by: str = "case", who: str = "competitor") -> pd.DataFrame:
    """Return one row per case and competitor.

    Args:
        rounds: columns case, competitor, round, seconds (per step).
        baseline: the competitor whose time in the same round divides the others' times.
        by: the column to use instead of case.
        who: the column to use instead of competitor.

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
    """Return one row per competitor, over all cases: the geometric mean of its ratios, the smallest, and its case."""
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
    """Return optimizer -> the part of neurosim's time that its matrix products alone would take, geometric mean."""
    floor = summary[summary["competitor"] == "floor"]
    optimizers = floor["case"].str.split("/").str[-1]
    return {name: geometric_mean(table["ratio"]) for name, table in floor.groupby(optimizers, sort=False)}


RACE_HEAD = f"{'':<17}{'µs/step':>9}{'times':>7}{'quartiles':>11}{'prepare':>9}{'MB':>6}  setting"
RACE_NOTE = """times: how many times neurosim's time in the same round, median and quartiles
prepare: seconds to convert all data once, not part of the times
MB: peak memory of a process, beyond the interpreter with NumPy"""
RACE_START = f"{RACE_NOTE}\n\n{RACE_HEAD}\n{'-' * 79}"


def race_rows(summary: pd.DataFrame) -> str:
    """Return the rows of ``bench`` for one case: one line per competitor."""
    lines = [str(summary["case"].iloc[0])]
    for row in summary.itertuples():
        ratio, quartiles_text = "1" if row.competitor == US else "-", ""
        if np.isfinite(row.ratio) and row.competitor != US:
            ratio = fixed(row.ratio)
            decimals = 2 if row.ratio_high < 9.995 else 1
            quartiles_text = f"{fixed(row.ratio_low, decimals)} {fixed(row.ratio_high, decimals)}"
        prepare, memory = (
            write(value) if np.isfinite(value) else ""
            for write, value in ((fixed, row.prepare), (thousands, row.memory / 1e6))
        )
        setting = f"{row.form} {counted(row.threads, 'thread')}".strip()
        lines.append(
            f"  {row.competitor:<15}{rounded(1e6 * row.seconds):>9}{ratio:>7}{quartiles_text:>11}{prepare:>9}"
            f"{memory:>6}  {setting}"
        )
    return "\n".join(lines)


def race_table(summary: pd.DataFrame) -> str:
    """Return the rows of all cases, below the meaning of the columns."""
    return "\n".join([RACE_START, *(race_rows(table) for _, table in summary.groupby("case", sort=False))])


def race_text(summary: pd.DataFrame) -> str:
    """Return the results over all cases: every ratio in one table, geometric means, and the worst of each."""
    names = [name for name in dict.fromkeys(summary["competitor"]) if name not in (US, "floor")]
    shares = [
        f"the floor's share of neurosim's time with {name}: {percent(value, 0)} (geometric mean)"
        for name, value in floor_shares(summary).items()
    ]
    if not names:
        return "\n".join(shares)
    widths = {name: max(len(name) + 2, 9) for name in names}

    def line(title: str, ratios: Any) -> str:
        known = {name: fixed(ratio) for name, ratio in ratios.items() if np.isfinite(ratio)}
        return f"{title:<24}" + "".join(f"{known.get(name, '-'):>{width}}" for name, width in widths.items())

    head = f"{'case':<24}" + "".join(f"{name:>{width}}" for name, width in widths.items())
    table = summary.set_index(["case", "competitor"])["ratio"]
    over = overall(summary).set_index("competitor")
    over = over[over.index.isin(names)]
    return "\n".join(
        [
            "times as long as neurosim takes",
            "",
            head,
            "-" * len(head),
            *(line(case, table[case]) for case in dict.fromkeys(summary["case"])),
            line("geometric mean", over["geometric_mean"]),
            *(f"worst against {name}: {fixed(row.worst)} in {row.worst_case}" for name, row in over.iterrows()),
            *shares,
        ]
    )


def cost_text(summary: pd.DataFrame, title: str, baseline: str) -> str:
    """Return a table of costs beside a baseline: microseconds per step, percent more, and its quartiles."""
    lines = [f"{title:<34}{'µs per step':>12}{'more':>12}{'quartiles':>21}"]
    lines += ["-" * len(lines[0])]
    for row in summary.itertuples():
        name = row.what
        if name == baseline:
            lines.append(f"{name:<34}{rounded(1e6 * row.seconds):>12}{'-':>12}")
            continue
        more, low, high = (percent_more(ratio) for ratio in (row.ratio, row.ratio_low, row.ratio_high))
        lines.append(f"{name:<34}{rounded(1e6 * row.seconds):>12}{more + ' %':>12}{low + ' ' + high:>21}")
    return "\n".join(lines)


def scale_head(sweep: str) -> str:
    """Return the lines above the rows of a sweep of ``bench --scale``."""
    head = (
        f"{'parameters' if sweep == 'parameters' else 'batch size':>12}{'optimizer':>11}{'µs/sample':>13}"
        f"{'floor':>9}{'share':>8}{'MB':>8}{'µs/1e5 params':>15}"
    )
    return f"{head}\n{'-' * len(head)}"


def scale_row(table: pd.DataFrame) -> str:
    """Return a row of ``bench --scale``: time per sample, the floor's, and memory, of one case."""
    known = {row.competitor: row for row in table.itertuples()}
    if US not in known:
        return f"{table['case'].iloc[0]:>12}: -"
    row, floor = known[US], known.get("floor")
    sample = 1e6 / row.batch_size
    bottom, share = (rounded(sample * floor.seconds), percent(floor.ratio, 0)) if floor else ("-", "-")
    memory = rounded(row.memory / 1e6) if np.isfinite(row.memory) else "-"
    return (
        f"{thousands(getattr(row, row.sweep)):>12}{row.optimizer:>11}{rounded(sample * row.seconds):>13}"
        f"{bottom:>9}{share:>8}{memory:>8}{rounded(sample * row.seconds * 1e5 / row.parameters):>15}"
    )


def scale_text(summary: pd.DataFrame) -> str:
    """Return the tables of ``bench --scale``: time and memory against parameters, and against batch size."""
    return "\n\n".join(
        "\n".join([scale_head(str(sweep)), *(scale_row(case) for _, case in table.groupby("case", sort=False))])
        for sweep, table in summary.groupby("sweep", sort=False)
    )
