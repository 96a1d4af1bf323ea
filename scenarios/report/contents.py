"""The contents of a report, block by block: the question, the findings, the figures, the numbers, and the method."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, fields
from itertools import groupby
from pathlib import Path
from typing import Any

from neurosim.text import counted, listing, rounded, setting, thousands
from neurosim.training.settings import HELD_OUT, HELD_OUT_TEXT, Settings

from ..protocol.results import Results
from ..protocol.scenario import Picture
from .document import Block, Bullets, Heading, Image, Paragraph, Table
from .figures import FILM, loss_units
from .findings import all_findings
from .grid import grid_table
from .listed import Listed
from .nouns import IMAGE, in_nouns
from .summary import accuracy_text, difference_text


def contents(results: Results, record: dict[str, Any], figures: list[tuple[Picture, Path]]) -> Iterator[Block]:
    """Yield the blocks of the report.

    Args:
        results: what came out.
        record: what run.json says.
        figures: what was drawn, and where it is.
    """
    scenario = results.scenario
    yield Heading(1, scenario.name)
    yield Paragraph(in_nouns(scenario.question, results.noun), "lead")
    yield Paragraph(in_nouns(scenario.what_to_watch, results.noun))
    if results.note:
        yield Paragraph(results.note, "note")
    yield Heading(2, "Findings")
    yield from _findings(all_findings(results))
    yield Heading(2, "Figures")
    for picture, path in figures:
        kind = "" if scenario.name.startswith("compare-") else "the scenario "
        alt = f"Chart: {picture.name.replace('_', ' ')} of {kind}{scenario.name}"
        yield Image(
            path, alt, in_nouns(picture.reading, results.noun), path.with_suffix(FILM) if picture.film else None
        )
    yield Heading(2, "Numbers")
    if scenario.grid:
        yield Paragraph("Test accuracy in %, with the means of rows and columns:")
        yield Table(*grid_table(results))
    difference = f"difference from {scenario.baseline} in points" + (", 95 % interval" if results.has_intervals else "")
    compared = (difference, "verdict") if scenario.baseline else ()
    yield Table(
        (
            "variant",
            "test accuracy",
            "test loss (different losses cannot be compared)" if loss_units(results) else "test loss",
            *compared,
            "training time, mean (s)",
        ),
        [
            (
                row.variant,
                accuracy_text(row),
                rounded(row.test_loss_mean),
                *((difference_text(row), row.verdict) if scenario.baseline else ()),
                rounded(row.seconds_mean),
            )
            for row in results.ranked().itertuples()
        ],
    )
    yield Heading(2, "How it was done")
    yield Bullets([in_nouns(each, results.noun) for each in how_it_was_done(results, record)])
    yield from _settings_tables(results)
    yield Paragraph(
        "All settings: `run.json`. All numbers: `results.csv`"
        + "".join(f", `{name}.csv`" for name in record["tables"])
        + "."
    )


def _findings(findings: list[str]) -> Iterator[Block]:
    """Yield findings as bullets; those with a table, as a table between them."""
    for _, group in groupby(findings, lambda each: isinstance(each, Listed)):
        texts = []
        for each in group:
            if isinstance(each, Listed):
                yield Paragraph(f"{each.lead}:")
                yield Table(each.header, each.rows)
                yield from [Paragraph(each.end)] if each.end else []
            else:
                texts.append(each)
        yield from [Bullets(texts)] if texts else []


def how_it_was_done(results: Results, record: dict[str, Any]) -> Iterator[str]:
    """Yield the protocol, item by item."""
    train, test = record["data"]["train"], record["data"]["test"]
    yield (
        f"Trained on {thousands(train['images'])} images of {train['name']} ({train['source']}), measured on "
        f"{thousands(test['images'])} test images after each epoch. No setting, rate or epoch of a run was chosen "
        "by the test images. But the test images decide which variant is called the best. So a small part "
        "of its lead may be luck."
    )
    yield (
        "Every batch has exactly batch_size images. The few images that remain at the end of an epoch are left out; "
        "they are different ones in each epoch."
    )
    sizes = {name: size for name, size in record["train_sizes"].items() if size is not None}
    held_out = any(each.needs_validation for each in results.settings.values())
    most = train["images"] - (round(HELD_OUT * train["images"]) if held_out else 0)
    for size in sorted({size for size in sizes.values() if size <= most}):
        yield (
            f"On {thousands(size)} of these images only, by design: "
            f"{listing([name for name in sizes if sizes[name] == size])}."
        )
    cut = [f"{name} on {thousands(most)} instead of {thousands(size)}" for name, size in sizes.items() if size > most]
    if cut:
        yield f"There were fewer images than some variants ask for: {listing(cut)}."
    if held_out:
        yield (
            f"{HELD_OUT_TEXT.capitalize()} of the training images was held out in all variants, for early stopping "
            "and the learning-rate schedule to watch. Accuracies are those of the epoch whose weights were kept."
        )
    if record["seeds"]:
        yield _seeds_text(results, record["seeds"])
    rates = results.table("rates")
    if len(rates):
        tried = rates.groupby("variant")["learning_rate"].nunique().max()
        epochs = listing([str(each) for each in sorted(set(rates["epochs"]))], "or")
        yield (
            f"Each learning rate is the best of {tried} in a search: after {epochs} epochs, averaged over "
            f"{rates['seed'].nunique()} seeds. The search measures on {HELD_OUT_TEXT} of the training images, which "
            "it does not train on. The rates are in the settings below."
        )
    else:
        found = {each.rate_text() for each in results.settings.values()}
        if len(found) == 1:
            yield f"Learning rate: {found.pop()}."
        elif found:
            yield "Learning rates and schedules: see the settings below."
    yield " ".join(_computed_with(record))
    if record["command"]:
        yield f"Made by `{record['command']}`."


def _seeds_text(results: Results, seeds: list[int]) -> str:
    """Return what the runs of one seed share, and how seeds are compared if there are several."""
    text = (
        f"Seed{'s' if len(seeds) > 1 else ''}: {', '.join(map(str, seeds))}. For one seed, all variants draw their "
        "weights and the order of their images from the same random numbers. So they start alike if layers and "
        "initializer agree, and see the same batches if images and batch size agree."
    )
    if results.has_intervals:
        return (
            f"{text} Differences are paired by seed; the interval is Student's t. Each interval alone covers 95 %. So "
            "of twenty variants that do not differ, one is expected to look as if it did."
        )
    if results.seeds > 1:
        return (
            f"{text} Differences are paired by seed. A difference is beyond the noise if its 95 % interval, by "
            "Student's t, does not contain 0."
        )
    return text


def _computed_with(record: dict[str, Any]) -> Iterator[str]:
    """Yield what the runs computed with. Only the wanted engine is recorded; a network may not be one for it."""
    # earlier versions had one thread, and did not record it
    yield f"Every run used {counted(record.get('threads') or 1, 'thread')}."
    if record.get("engine") == "numpy":
        yield "All training steps used NumPy."
    elif record.get("engine") == "compiled":
        yield "Training steps used the compiled engine, except in runs that it cannot compile. NumPy computed those."
    yield "The times depend on how many runs were computed at once; the other numbers do not."


def _settings_tables(results: Results) -> Iterator[Block]:
    """Yield the settings that all variants share, and those in which they differ, as they were used."""
    all_settings = {name: _in_use(results.settings[name]) for name in results.names if name in results.settings}
    if not all_settings:
        return
    values = {each.name: [settings[each.name] for settings in all_settings.values()] for each in fields(Settings)}
    differ = [name for name, each in values.items() if any(value != each[0] for value in each)]
    yield Heading(2, "Settings")
    if differ:
        yield Paragraph("The variants differ in these settings:")
        yield Table(
            ("variant", *differ),
            [(name, *(settings[each] for each in differ)) for name, settings in all_settings.items()],
        )
    yield Paragraph("All variants share these settings:")
    noun = "sample" if results.noun != IMAGE else IMAGE  # some of them are for images only
    yield Table(
        ("setting", "value", "meaning"),
        [  # the help without the default at its end: the table shows the value in use
            (each.name, values[each.name][0], in_nouns(each.metadata["help"].partition(" [")[0], noun))
            for each in fields(Settings)
            if each.name not in differ
        ],
    )


def _in_use(settings: Settings) -> dict[str, str]:
    """Return the settings of a variant in words; a setting left open shows the value that was chosen for it."""
    used, given = settings.used(), asdict(settings)
    others = {
        "output": "chosen by the loss",
        "learning_rate": "the optimizer's default",
        "initializer": "chosen by the activation",
    }
    if settings.schedule is not None:
        others["learning_rate"] = "the largest, by the optimizer and the schedule"
    return {
        name: "none"
        if value is None
        else setting(value) + (f" ({others[name]})" if given[name] is None and name in others else "")
        for name, value in used.items()
    }
