"""What a run leaves behind: tables, figures, the findings in words, and every setting."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd

import neurosim
import viz
from neurosim.data import Dataset
from neurosim.errors import DataError
from neurosim.files.atomic import write_text
from neurosim.text import command_line, listing, rounded, signed
from neurosim.training.settings import HELD_OUT, Settings

from ..protocol.base import METRIC, Picture, Results, Scenario, Variant, write_csv as write_csv
from .document import Block, Bullets, Heading, Image, Paragraph, Table, to_html, to_markdown


def common_pictures(results: Results) -> Iterator[Picture]:
    """The figures of every scenario, then its own. Each variant keeps its colour and marker in all of them."""
    styles = viz.variant_style(results.names)
    yield Picture(
        "accuracy",
        "Test accuracy at the end of each epoch: the mean over the seeds, in a band of one standard deviation.",
        lambda: viz.learning_curves(results.epochs, METRIC, styles=styles),
    )
    yield Picture(
        "loss",
        "Training loss, averaged over each epoch.",
        lambda: viz.learning_curves(results.epochs, "loss", styles=styles),
    )
    yield Picture(
        "comparison",
        "Test accuracy at the end of training, a dot a seed. The bars show how far the seeds "
        "spread, one standard deviation either way; they are no test. Variants are compared seed by seed, "
        "so what decides is the paired interval in the table, whether bars overlap or not.",
        lambda: viz.comparison(results.ends(), METRIC, results.scenario.baseline, styles=styles),
    )
    if results.scenario.pictures:
        yield from results.scenario.pictures(results)


def draw(results: Results, folder: Path) -> list[tuple[Picture, Path]]:
    """Draw all figures into ``folder/figures``, and beside them those that move."""
    drawn = []
    for picture in common_pictures(results):
        note = results.note if picture.note is None else picture.note
        path = viz.save(picture.draw(), folder / "figures" / f"{picture.name}.png", note)
        if picture.film:
            picture.film(path.with_suffix(".gif"), note)
        drawn.append((picture, path))
    return drawn


def write_report(results: Results, train: Dataset, test: Dataset, folder: Path, run: dict[str, Any]) -> list[Path]:
    """Write everything a run leaves behind: tables, figures, run.json, and the report in two forms.

    Args:
        results: what came out.
        train: what it was trained on.
        test: what it was measured on.
        folder: where to write; made if need be.
        run: what else to record: seeds (a list) and command (as it was typed).

    Returns:
        The paths of the figures.
    """
    scenario = results.scenario
    results.write(folder)
    record = {
        "scenario": scenario.name,
        "question": scenario.question,
        "what_to_watch": scenario.what_to_watch,
        "baseline": scenario.baseline,
        "seeds": None,
        "command": None,
        **run,
        "train_sizes": {each.name: each.train_size for each in scenario.variants},
        "settings": {name: asdict(each) for name, each in results.settings.items()},
        "data": {
            part.split: {"name": part.name, "images": len(part), "source": part.source, "sha256": part.sha256}
            for part in (train, test)
        },
        "note": results.note,
        "tables": list(results.tables),
        "versions": {
            "neurosim": neurosim.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "pandas": pd.__version__,
            "matplotlib": matplotlib.__version__,
        },
    }
    write_text(folder / "run.json", json.dumps(record, indent=1) + "\n")
    return _write_documents(results, record, folder)


def redraw(scenarios: dict[str, Scenario], folder: Path) -> list[Path]:
    """Draw the figures of an earlier run and write its reports again, from its files alone.

    A scenario that is not in `scenarios`, such as a comparison of a user's own, gets the figures and findings that
    all scenarios have.

    Raises:
        DataError: `folder` holds no results.
    """
    try:
        record = json.loads((folder / "run.json").read_text())
        settings = {name: Settings(**each) for name, each in record["settings"].items()}
        sizes = record["train_sizes"]
        told = {
            "question": record["question"],
            "what_to_watch": record["what_to_watch"],
            "variants": tuple(Variant(name, {}, sizes[name]) for name in settings),
            "baseline": record["baseline"],
        }
        name = record["scenario"]
        scenario = replace(scenarios[name], **told) if name in scenarios else Scenario(name, **told)
        results = Results.read(scenario, folder, record["note"], settings)
        # what an earlier run with other recorders left there does not belong to these results
        results.tables = {each: results.tables[each] for each in record["tables"] if each in results.tables}
    except (OSError, KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError):
        raise DataError(
            f"{folder}: expected the results of a scenario there, found no run.json that describes one; "
            f"make them with: {command_line('scenario')}"
        ) from None
    return _write_documents(results, record, folder)


def _write_documents(results: Results, record: dict[str, Any], folder: Path) -> list[Path]:
    """Draw the figures and write report.md and report.html; returns the paths of the figures."""
    figures = draw(results, folder)
    blocks = list(document(results, record, figures))
    write_text(folder / "report.md", to_markdown(blocks, folder))
    write_text(folder / "report.html", to_html(blocks))
    return [path for _, path in figures]


def document(results: Results, record: dict[str, Any], figures: list[tuple[Picture, Path]]) -> Iterator[Block]:
    """The report.

    Args:
        results: what came out.
        record: what run.json says.
        figures: what was drawn, and where it is.
    """
    scenario = results.scenario
    yield Heading(1, scenario.name)
    yield Paragraph(scenario.question, "lead")
    yield Paragraph(scenario.what_to_watch)
    if results.note:
        yield Paragraph(results.note, "note")
    yield Heading(2, "Findings")
    yield Bullets(results.all_findings())
    yield Heading(2, "Figures")
    for picture, path in figures:
        yield Image(path, f"Chart: {picture.name.replace('_', ' ')} of the scenario {scenario.name}", picture.reading)
    yield Heading(2, "Numbers")
    yield Table(
        (
            "variant",
            "test accuracy",
            "test loss",
            f"difference from {scenario.baseline}, 95 % interval",
            "verdict",
            "seconds",
        ),
        [
            (
                row.variant,
                accuracy_text(row),
                rounded(row.test_loss_mean),
                difference_text(row),
                row.verdict,
                rounded(row.seconds_mean),
            )
            for row in results.summary().itertuples()
        ],
    )
    yield Heading(2, "How it was done")
    yield Bullets(list(_how(results, record)))
    yield from _settings_tables(results)
    yield Paragraph(
        "All settings: `run.json`. All numbers: `results.csv`"
        + "".join(f", `{name}.csv`" for name in results.tables)
        + "."
    )


def _how(results: Results, record: dict[str, Any]) -> Iterator[str]:
    """The protocol, sentence by sentence."""
    train, test = record["data"]["train"], record["data"]["test"]
    yield (
        f"Trained on {train['images']:,} images of {train['name']} ({train['source']}), measured on "
        f"{test['images']:,} test images after each epoch. No setting, rate or epoch of a run was chosen by the "
        "test images. But which variant is called the best is: its lead over the others owes a little to the luck "
        "of these seeds and images."
    )
    yield "An epoch leaves out the images that do not fill its last batch, others each time."
    sizes = {name: size for name, size in record["train_sizes"].items() if size is not None}
    held_out = any(each.needs_validation for each in results.settings.values())
    most = train["images"] - (round(HELD_OUT * train["images"]) if held_out else 0)
    for size in sorted({size for size in sizes.values() if size <= most}):
        yield (
            f"On {size:,} of these images only, as they were meant to: "
            f"{listing([name for name in sizes if sizes[name] == size])}."
        )
    cut = [f"{name} on {most:,} in place of {size:,}" for name, size in sizes.items() if size > most]
    if cut:
        yield f"There were fewer images than some variants ask for: {listing(cut)}."
    if held_out:
        yield (
            "A sixth of the training images was held out for early stopping and the learning-rate schedule to "
            "watch, in all variants alike; accuracies are those at the epoch whose weights were kept."
        )
    if record["seeds"]:
        yield (
            f"Seeds {', '.join(map(str, record['seeds']))}: for one seed all variants draw their weights and the "
            "order of their images from the same random numbers, so that they start alike where layers and "
            "initializer agree, and see the same batches where images and batch size do. Differences are paired by "
            "seed; the interval is Student's t. Each is an interval at 95 % of its own: among twenty variants that "
            "do not differ, one is expected to look as if it did."
        )
    rates = results.table("rates")
    if len(rates):
        tried = rates.groupby("variant")["learning_rate"].nunique().max()
        how = ""
        if {"epochs", "seed"} <= set(rates):  # an older run did not note them
            epochs = listing([str(each) for each in sorted(set(rates["epochs"]))]).replace("and", "or")
            how = f", after {epochs} epochs, the mean of {rates['seed'].nunique()} seeds"
        yield (
            f"Learning rates, each the best of {tried} on a sixth of the training images that was held out{how}: "
            + ", ".join(f"{name} {each.learning_rate:g}" for name, each in results.settings.items())
            + "."
        )
    yield "Every run computed with one thread; its times, but no other numbers, depend on how many ran at once."
    if record["command"]:
        yield f"Made by `{record['command']}`."


def _settings_tables(results: Results) -> Iterator[Block]:
    """The settings that all variants share, and those in which they differ."""
    all_settings = {name: asdict(results.settings[name]) for name in results.names if name in results.settings}
    if not all_settings:
        return
    values = {each.name: [settings[each.name] for settings in all_settings.values()] for each in fields(Settings)}
    differ = [name for name, each in values.items() if any(value != each[0] for value in each)]
    yield Heading(2, "Settings")
    if differ:
        yield Paragraph("In these the variants differ:")
        yield Table(
            ("variant", *differ),
            [(name, *(setting_text(settings[each]) for each in differ)) for name, settings in all_settings.items()],
        )
    yield Paragraph("These they share:")
    yield Table(
        ("setting", "value", "meaning"),
        [
            (each.name, setting_text(values[each.name][0]), each.metadata["help"])
            for each in fields(Settings)
            if each.name not in differ
        ],
    )


def setting_text(value: Any) -> str:
    """A setting's value in a table."""
    if isinstance(value, tuple | list):
        return ",".join(map(str, value)) or "none"
    return (
        {None: "-", True: "yes", False: "no"}[value]
        if value is None or isinstance(value, bool)
        else (f"{value:g}" if isinstance(value, float) else str(value))
    )


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
    interval = f" [{signed(100 * row.low)}, {signed(100 * row.high)}]" if row.low == row.low else ""
    return f"{signed(100 * row.difference)}{interval}"


def terminal_table(results: Results, columns: int = 80) -> str:
    """The summary as a table for a terminal, best first; where names are too long for a column, each has its line."""
    summary = results.summary().sort_values("test_accuracy_mean", ascending=False, na_position="last")
    rows = [("variant", "test accuracy", "points from it [95 %]", "verdict")]
    rows += [(row.variant, accuracy_text(row), difference_text(row), row.verdict) for row in summary.itertuples()]
    lines = _in_columns(rows)
    if max(map(len, lines)) >= columns:
        figures = _in_columns([row[1:] for row in rows])
        lines = [f"{name}\n  {line}" for (name, *_), line in zip(rows, figures, strict=True)]
    rule = "-" * max(len(part) for line in lines for part in line.split("\n"))
    return "\n".join([f"baseline: {results.scenario.baseline}", lines[0], rule, *lines[1:]])


def _in_columns(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows as lines, their cells below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
