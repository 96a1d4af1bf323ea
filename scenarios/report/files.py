"""What a run leaves behind in its folder: tables, figures, every setting, and the report in two forms."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from neurosim import __version__
from neurosim.data.dataset import Dataset
from neurosim.errors import DataError, NeurosimError
from neurosim.files.atomic import write_text
from neurosim.schema import count, hold, listed, one_of, optional, plain, record as record_of, text
from neurosim.text import command_line
from neurosim.training.settings import Settings

from ..protocol.clock import Clock
from ..protocol.results import Results
from ..protocol.scenario import Scenario, Variant
from ..protocol.tables import NEEDED
from .contents import contents
from .document import to_html, to_markdown
from .figures import FILM, common_pictures, draw


def write_report(
    results: Results, train: Dataset, test: Dataset, folder: Path, run: dict[str, Any], clock: Clock | None = None
) -> list[Path]:
    """Write everything a run leaves behind: tables, figures, run.json, and the report in two forms.

    Args:
        results: what came out.
        train: what it was trained on.
        test: what it was measured on.
        folder: where to write; made if need be.
        run: what else to record: seeds (a list), command (as it was typed), threads and engine.
        clock: of the run, which has drawn the figures; None: they are drawn here.

    Returns:
        The paths of the figures and films.
    """
    scenario, clock, drawn = results.scenario, clock or Clock(), clock is not None
    record = {
        "scenario": scenario.name,
        "question": scenario.question,
        "what_to_watch": scenario.what_to_watch,
        "baseline": scenario.baseline,
        "grid": scenario.grid,
        "seeds": None,
        "command": None,
        "threads": None,
        "engine": None,
        **run,
        "train_sizes": {each.name: each.train_size for each in scenario.variants},
        "settings": {name: asdict(each) for name, each in results.settings.items()},
        "used": {name: each.used() for name, each in results.settings.items()},
        "data": {
            part.split: {
                "name": part.name,
                "noun": part.noun,
                "images": len(part),
                "source": part.source,
                "sha256": part.sha256,
            }
            for part in (train, test)
        },
        "note": results.note,
        "tables": list(results.tables),
        "versions": {
            "neurosim": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("numpy", "pandas", "matplotlib")},
        },
    }
    with clock.phase("report"):
        results.write(folder)
        if not drawn:
            draw(results, folder)
        figures = _write_documents(results, record, folder)
    record["seconds"] = clock.seconds(scenario.name)
    write_text(folder / "run.json", json.dumps(record, indent=1) + "\n")
    return figures


_DATA = record_of({"name": text, "images": count(1), "source": text}, others=plain, left_out={"noun": text})
RECORD = record_of(
    {
        "scenario": text,
        "question": text,
        "what_to_watch": text,
        "baseline": optional(text),
        "seeds": optional(listed(count())),
        "command": optional(text),
        "train_sizes": record_of({}, others=optional(count(1))),
        "settings": record_of({}, others=record_of({}, others=plain)),
        "data": record_of({"train": _DATA, "test": _DATA}),
        "note": text,
        "tables": listed(text),
    },
    others=plain,
    left_out={
        "threads": optional(count(1)),
        "engine": optional(one_of("numpy", "compiled")),
        "grid": record_of({}, others=listed(plain)),
    },
)
"""What run.json may contain."""


def redraw(scenarios: dict[str, Scenario], folder: Path) -> list[Path]:
    """Draw the figures of an earlier run and write its reports again, from its files alone.

    A scenario that is not in `scenarios`, such as a user's own comparison, gets the figures and findings that all
    scenarios have.

    Raises:
        DataError: `folder` holds no results.
    """
    try:
        record = json.loads((folder / "run.json").read_text())
        hold("run.json", RECORD, record)
        settings = {name: Settings(**each) for name, each in record["settings"].items()}
        sizes = record["train_sizes"]
        told = {
            "question": record["question"],
            "what_to_watch": record["what_to_watch"],
            "variants": tuple(Variant(name, {}, sizes[name]) for name in settings),
            "baseline": record["baseline"],
            "grid": {setting: tuple(values) for setting, values in record.get("grid", {}).items()},
        }
        name = record["scenario"]
        scenario = replace(scenarios[name], **told) if name in scenarios else Scenario(name, **told)
        # what an earlier run with other recorders left there does not belong to these results
        noun = record["data"]["train"].get("noun", "image")  # earlier versions knew images only
        results = Results.read(scenario, folder, record["note"], settings, record["tables"], noun)
        if missing := [each for each in NEEDED.get(name, ()) if results.table(each).empty]:
            raise DataError(f"{folder}: expected the table {missing[0]} of {name} there, found none")
        if set(sizes) != set(settings) or record["baseline"] not in ("", None, *settings):
            raise DataError(f"{folder / 'run.json'}: expected the same variants everywhere, received others")
    except DataError:
        raise
    except NeurosimError as error:
        raise DataError(f"{folder}: {error}") from None
    except (OSError, KeyError, TypeError, ValueError, RecursionError):
        raise DataError(
            f"{folder}: expected a folder with results of scenario or compare, found no run.json of either in it; make "
            f"them with: {command_line('scenario')}"
        ) from None
    draw(results, folder)
    return _write_documents(results, record, folder)


def _write_documents(results: Results, record: dict[str, Any], folder: Path) -> list[Path]:
    """Write report.md and report.html around the figures, and return the paths of the figures."""
    figures = [(each, folder / "figures" / f"{each.name}.png") for each in common_pictures(results)]
    blocks = list(contents(results, record, figures))
    write_text(folder / "report.md", to_markdown(blocks, folder))
    write_text(folder / "report.html", to_html(blocks))
    films = ({path: path.with_suffix(FILM)} if picture.film else {} for picture, path in figures)
    return [each for (_, path), film in zip(figures, films, strict=True) for each in (path, *film.values())]
