"""What a run leaves behind: tables, figures, the findings in words, and every setting."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd

import neurosim
import viz
from neurosim.data import Dataset
from neurosim.errors import DataError
from neurosim.files import write_text
from neurosim.settings import Settings

from .base import METRIC, Picture, Results, Scenario, write_csv as write_csv
from .runner import SEARCH_EPOCHS


def common_pictures(results: Results) -> Iterator[Picture]:
    """The figures of every scenario, then its own. Each variant keeps its colour and marker in all of them."""
    styles = viz.variant_style(results.names)
    yield Picture("accuracy", "Test accuracy at the end of each epoch: the mean over the seeds, in a band of one "
                  "standard deviation.", lambda: viz.learning_curves(results.epochs, METRIC, styles=styles))
    yield Picture("loss", "Training loss, averaged over each epoch.",
                  lambda: viz.learning_curves(results.epochs, "loss", styles=styles))
    yield Picture("comparison", "Test accuracy at the end of training, a dot a seed. Where the bars of two variants "
                  "overlap, do not believe their order.",
                  lambda: viz.comparison(results.epochs, METRIC, results.scenario.baseline, styles=styles))
    if results.scenario.pictures:
        yield from results.scenario.pictures(results)


def draw(results: Results, folder: Path) -> list[tuple[Picture, Path]]:
    """Draw all figures into ``folder/figures``."""
    return [(picture, viz.save(picture.draw(), folder / "figures" / f"{picture.name}.png", results.note))
            for picture in common_pictures(results)]


def write_report(results: Results, train: Dataset, test: Dataset, folder: Path, run: dict[str, Any]) -> list[Path]:
    """Write everything a run leaves behind.

    Args:
        results: what came out.
        train: what it was trained on.
        test: what it was measured on.
        folder: where to write; made if need be.
        run: what else to record, e.g. seeds and the command.

    Returns:
        The paths of the figures.
    """
    scenario, settings = results.scenario, results.settings
    results.write(folder)
    record = {
        "scenario": scenario.name, "question": scenario.question, "baseline": scenario.baseline, **run,
        "settings": {name: asdict(each) for name, each in settings.items()},
        "data": {part.split: {"name": part.name, "images": len(part), "source": part.source, "sha256": part.sha256}
                 for part in (train, test)},
        "note": results.note,
        "versions": {"neurosim": neurosim.__version__, "python": platform.python_version(), "numpy": np.__version__,
                     "pandas": pd.__version__, "matplotlib": matplotlib.__version__},
    }
    write_text(folder / "run.json", json.dumps(record, indent=1) + "\n")
    figures = draw(results, folder)
    write_text(folder / "report.md", markdown(results, settings, train, test, figures, run))
    return [path for _, path in figures]


def redraw(scenarios: dict[str, Scenario], folder: Path) -> list[Path]:
    """Draw the figures of an earlier run again, from its tables.

    Raises:
        DataError: `folder` holds no results.
    """
    try:
        record = json.loads((folder / "run.json").read_text())
        scenario, note = scenarios[record["scenario"]], record["note"]
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError(f"{folder}: expected the results of a scenario there, found no run.json that names one; "
                        "make them with: python main.py scenario") from None
    settings = {name: Settings(**each) for name, each in record["settings"].items()}
    return [path for _, path in draw(Results.read(scenario, folder, note, settings), folder)]


def markdown(results: Results, settings: dict[str, Settings], train: Dataset, test: Dataset,
             figures: list[tuple[Picture, Path]], run: dict[str, Any]) -> str:
    """The report as Markdown."""
    scenario, base = results.scenario, settings[results.scenario.baseline]
    lines = [f"# {scenario.name}", "", f"**{scenario.question}**", "", scenario.what_to_watch, ""]
    if results.note:
        lines += [f"> **{results.note}**", ""]
    lines += ["## Findings", "", *[f"- {finding}" for finding in results.all_findings()], ""]
    lines += ["## Figures", ""]
    for picture, _ in figures:
        lines += [f"![{picture.name}](figures/{picture.name}.png)", "", picture.reading, ""]
    lines += ["## Numbers", "",
              "| variant | test accuracy | test loss | difference from "
              f"{scenario.baseline}, 95 % interval | verdict | seconds |", "|-|-|-|-|-|-|"]
    for row in results.summary().itertuples():
        lines.append(f"| {row.variant} | {accuracy_text(row)} | {number(row.test_loss_mean)} | "
                     f"{difference_text(row)} | {row.verdict} | {number(row.seconds_mean)} |")
    lines += [
        "", "## How it was done", "",
        f"- Trained on {len(train):,} images of {train.name} ({train.source}), measured on {len(test):,} test images "
        "after each epoch. Nothing was chosen by the test images.",
        f"- Seeds {run.get('seeds')}: for one seed all variants start from the same weights, where shapes allow, and "
        "see the same batches in the same order. Differences are paired by seed; the interval is Student's t.",
        f"- The settings of {scenario.baseline}: " + ", ".join(
            f"{name} {value}" for name, value in asdict(base).items() if value is not None) + ".",
    ]
    rates = results.table("rates")
    if len(rates):
        lines.append("- Learning rates, each the best of "
                     f"{rates.groupby('variant').size().max()} on a sixth of the training images that was held "
                     f"out, after {SEARCH_EPOCHS} epochs: " + ", ".join(
                         f"{name} {each.learning_rate:g}" for name, each in settings.items()
                         if each.learning_rate is not None) + ".")
    lines += [f"- Made by `{run.get('command')}`. All settings: `run.json`; all numbers: `results.csv`.", ""]
    return "\n".join(lines)


def number(value: float) -> str:
    """Three digits, and a dash for NaN."""
    return "-" if value != value else f"{value:.3g}"


def accuracy_text(row: Any) -> str:
    """Mean ± sd of the test accuracy, as far as they are known."""
    if row.test_accuracy_mean != row.test_accuracy_mean:
        return "diverged"
    spread = f" ± {100 * row.test_accuracy_sd:.2f}" if row.test_accuracy_sd == row.test_accuracy_sd else ""
    return f"{100 * row.test_accuracy_mean:.2f}{spread} %"


def difference_text(row: Any) -> str:
    """The difference from the baseline in points, with its interval."""
    if row.verdict in ("baseline", "diverged"):
        return "-"
    interval = f" [{100 * row.low:+.2f}, {100 * row.high:+.2f}]" if row.low == row.low else ""
    return f"{100 * row.difference:+.2f}{interval}"


def terminal_table(results: Results) -> str:
    """The summary as a table for a terminal of 80 columns, best first."""
    summary = results.summary().sort_values("test_accuracy_mean", ascending=False, na_position="last")
    header = ("variant", "test accuracy", "points from it [95 %]", "verdict")
    rows = [(row.variant, accuracy_text(row), difference_text(row), row.verdict) for row in summary.itertuples()]
    widths = [max(len(row[k]) for row in [header, *rows]) for k in range(4)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
             for row in [header, *rows]]
    return "\n".join([f"baseline: {results.scenario.baseline}", lines[0], "-" * max(map(len, lines)), *lines[1:]])
