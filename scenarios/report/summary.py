"""The summary of a comparison in text: its cells, and the table for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from neurosim.text import interval, mean_and_sd, signed

from ..protocol.results import Results
from .grid import grid_table
from .listed import in_columns


def accuracy_text(row: Any) -> str:
    """Return mean ± standard deviation of the test accuracy, as far as they are known."""
    if math.isnan(row.test_accuracy_mean):
        return "diverged"
    return f"{mean_and_sd(100 * row.test_accuracy_mean, 100 * row.test_accuracy_sd)} %"


def difference_text(row: Any) -> str:
    """Return the difference from the baseline in points, with its interval."""
    if row.verdict in ("baseline", "diverged"):
        return "-"
    ends = "" if math.isnan(row.low) else f" {interval(100 * row.low, 100 * row.high)}"
    return signed(100 * row.difference) + ends


def _how_to_read(results: Results) -> Iterator[str]:
    """Yield the lines above the table: what its differences, ± and [ ] are."""
    baseline = results.scenario.baseline
    if baseline:
        yield f"baseline: {baseline}; differences in percentage points"
    if results.seeds > 1:
        intervals = "; [ ]: 95 % interval of the difference" if baseline and results.has_intervals else ""
        yield f"±: standard deviation over the seeds{intervals}"


def terminal_table(results: Results, columns: int = 80) -> str:
    """Return the summary as a table for a terminal, best first. If names are too long, each has its own line."""
    summary = results.ranked()
    baseline = results.scenario.baseline
    difference = "difference [95 %]" if results.has_intervals else "difference"
    rows: list[tuple[str, ...]] = [("variant", "test accuracy", difference, "verdict")]
    rows += [(row.variant, accuracy_text(row), difference_text(row), row.verdict) for row in summary.itertuples()]
    rows = rows if baseline else [row[:2] for row in rows]
    lines = in_columns(rows)
    if max(map(len, lines)) >= columns:
        figures = in_columns([row[1:] for row in rows])
        lines = [f"{name}\n  {line}" for (name, *_), line in zip(rows, figures, strict=True)]
    rule = "-" * max(len(part) for line in lines for part in line.split("\n"))
    text = "\n".join([*_how_to_read(results), lines[0], rule, *lines[1:]])
    if not results.scenario.grid:
        return text
    header, cells = grid_table(results)
    grid = in_columns([header, *cells])
    return text if max(map(len, grid)) >= columns else "\n".join(["test accuracy (%)", *grid, "", text])
