"""``bench``, but for its options: measures, prints, writes tables and a figure."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from neurosim.console import tell
from neurosim.data.dataset import Dataset
from neurosim.errors import NeurosimError
from neurosim.files.atomic import write_text
from neurosim.processors import core_count
from neurosim.progress import progress_bar
from neurosim.text import counted

from .cases import Case, machine

ROUNDS = 11
MODES = {
    "inspect": "what looking at neurons costs",
    "scale": "time and memory against parameters and batch size",
    "variants": "what every optimizer, activation and loss costs",
}
BUSY = 0.5  # processes waiting for a processor when the benchmark starts
PARAMETER_SWEEP = (10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000)
BATCH_SWEEP = (1, 4, 16, 64, 256, 1024, 4096)
PASS_SECONDS = 0.3  # about what one pass of a sweep should take


def measure(
    mode: str | None, cases: list[Case], peers: list[str], train: Dataset, rounds: int, folder: Path, command: str
) -> None:
    """Measure; print what comes out, and write its tables and figures.

    Args:
        mode: one of `MODES`; None: the comparison with the peers.
        cases: what the comparison trains.
        peers: with whom neurosim is compared.
        train: images to train on, 28 x 28 of 10 classes.
        rounds: how many, at least 1.
        folder: where to write.
        command: how this was asked for, for the record.

    Raises:
        NeurosimError: other images.
        KeyboardInterrupt: Ctrl-C; what there was so far is written.
    """
    if train.images[0].size != 784 or len(train.class_names) != 10:
        raise NeurosimError(f"--data: expected 28 x 28 images of 10 classes, as MNIST has, received {train.describe()}")
    here = machine()
    print(machine_text(here, f"{train.name}, {counted(len(train), 'image')}") + "\n", flush=True)
    record = {
        "machine": here,
        "data": {"name": train.name, "images": len(train), "sha256": train.sha256},
        "rounds_asked": rounds,
        "command": command,
    }
    note = f"{train.name}; {here['cpu']}, {here['cores']} cores; {here['date'][:10]}"
    report = Report(mode or "bench", folder, note, record)
    if mode is None:
        compare(cases, ["floor", "neurosim", *peers], train, rounds, report)
    elif mode == "scale":
        scale(sweeps(), train, rounds, report)
    else:
        look_inside(mode, train, rounds, report)
    if report.interrupted:
        raise KeyboardInterrupt


def machine_text(here: dict[str, Any], data: str) -> str:
    """The machine in a few lines."""
    blas = ", ".join(
        " ".join(str(each[key]) for key in ("library", "version") if each.get(key))
        + (f" ({each['threads']} threads)" if "threads" in each else "")
        for each in here["blas"]
    )
    versions = ", ".join(f"{name} {version}" for name, version in here["versions"].items())
    lines = [f"{here['cpu']}, {here['cores']} cores, {here['date'][:10]}", f"BLAS: {blas}", versions, f"data: {data}"]
    if here["load"] > BUSY:
        lines.append(f"The machine is not idle (load {here['load']}): take the figures as rough.")
    return "\n".join(textwrap.fill(line, 79, subsequent_indent="  ") for line in lines)


class Report:
    """Where a measurement leaves its tables and figures.

    Args:
        mode: names the files.
        folder: where they go.
        note: at the foot of each figure.
        record: what the JSON file says of how it was done.

    Attributes:
        interrupted: whether there is less than was asked for.
    """

    def __init__(self, mode: str, folder: Path, note: str, record: dict[str, Any]) -> None:
        self.mode, self.folder, self.note, self.record = mode, folder, note, record
        self.interrupted = False

    def write(
        self, summary: pd.DataFrame, rounds: pd.DataFrame, text: str, draw: Callable[[], Any], **more: Any
    ) -> None:
        """Print the text, and write the tables (medians; every round), the record and the figure."""
        import viz

        print(text + "\n")
        stem = self.folder / self.mode
        paths = [
            write_text(stem.with_suffix(".csv"), summary.to_csv(index=False)),
            write_text(self.folder / f"{self.mode}-rounds.csv", rounds.to_csv(index=False)),
            write_text(stem.with_suffix(".txt"), text + "\n"),
            write_text(stem.with_suffix(".json"), json.dumps(self.record | more, indent=1, default=str) + "\n"),
            viz.save(draw(), stem.with_suffix(".png"), self.note),
        ]
        for path in paths:
            print(f"  {path}")

    @contextmanager
    def interruptible(self, total: int) -> Iterator[Any]:
        """A progress bar of `total` ticks; Ctrl-C ends the block quietly, and what there is is reported."""
        with progress_bar(total, self.mode, "rounds") as bar:
            try:
                yield bar
            except KeyboardInterrupt:
                self.interrupted = True
                tell("interrupted: this is what there is so far")

    def nothing(self) -> BaseException:
        """What to raise where not even one round was done."""
        if self.interrupted:
            return KeyboardInterrupt()
        return NeurosimError(f"{self.mode}: ended before the first round was done")


def race_all(
    cases: list[Case], competitors: list[str], train: Any, rounds: int, report: Report, **options: Any
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run the races; returns every round, and the summary with settings, memory and loss beside the medians.

    Raises:
        NeurosimError: no competitor can be measured.
        KeyboardInterrupt: before the first round.
    """
    from .measure import Race, shared_data
    from .tables import summarize

    races: list[Race] = []
    with shared_data(train) as folder, report.interruptible(len(cases) * (rounds + 1)) as bar:
        for case in cases:
            bar.set_description(case.name)
            races.append(Race(case, competitors, folder, len(train), tell, **options))
            races[-1].run(rounds, bar.update)
    frame = pd.DataFrame([row for race in races for row in race.rows])
    if frame.empty:
        raise report.nothing()
    summary = summarize(frame)
    known = {race.case.name: race for race in races}
    for column in ("threads", "form"):
        summary[column] = [getattr(known[row.case].chosen[row.competitor], column) for row in summary.itertuples()]
    for column in ("memory", "loss"):
        summary[column] = [known[row.case].finals.get(row.competitor, {}).get(column) for row in summary.itertuples()]
        summary[column] = summary[column].astype(float)
    return frame, summary


def compare(
    cases: list[Case], competitors: list[str], train: Any, rounds: int, report: Report, **options: Any
) -> pd.DataFrame:
    """``bench``: every competitor on every case; returns the summary."""
    import viz

    from .tables import floor_shares, overall, race_text

    frame, summary = race_all(cases, competitors, train, rounds, report, **options)
    report.write(
        summary,
        frame,
        race_text(summary),
        lambda: viz.speed_comparison(summary),
        overall=overall(summary).to_dict("records"),
        floor_shares=floor_shares(summary),
    )
    return summary


def sweeps() -> list[tuple[str, Case]]:
    """``(what varies, case)``: one hidden layer that grows at batch 256; the usual network with larger batches."""
    found = []
    for optimizer in ("sgd", "adam"):
        shapes: list[tuple[str, tuple[int, ...], int]] = []
        shapes += [("parameters", (784, max(1, round((size - 10) / 795)), 10), 256) for size in PARAMETER_SWEEP]
        shapes += [("batch_size", (784, 128, 64, 10), batch_size) for batch_size in BATCH_SWEEP]
        for sweep, widths, batch_size in shapes:
            case = Case(widths, batch_size, optimizer, 1)
            guess = 6e-5 + 6 * batch_size * case.parameter_count / (3e10 * core_count())  # seconds a step, roughly
            found.append((sweep, case.with_steps(int(min(max(PASS_SECONDS / guess, 2), 3000)))))
    return sorted(found, key=lambda each: each[0] != "parameters")


def scale(swept: list[tuple[str, Case]], train: Any, rounds: int, report: Report, **options: Any) -> pd.DataFrame:
    """``bench --scale``: neurosim and the floor at every size; returns the summary."""
    import viz

    from .tables import scale_text

    frame, summary = race_all([case for _, case in swept], ["floor", "neurosim"], train, rounds, report, **options)
    known = {case.name: (sweep, case) for sweep, case in swept}
    summary["sweep"] = [known[name][0] for name in summary["case"]]
    for column, name in (("parameters", "parameter_count"), ("batch_size", "batch_size"), ("optimizer", "optimizer")):
        summary[column] = [getattr(known[case][1], name) for case in summary["case"]]
    report.write(summary, frame, scale_text(summary), lambda: viz.scaling(summary))
    return summary


def look_inside(mode: str, train: Any, rounds: int, report: Report, **options: Any) -> pd.DataFrame:
    """``bench --inspect`` and ``bench --variants``; returns the summary."""
    import viz

    from . import inside
    from .tables import cost_text, summarize

    measure, baseline, ticks = {
        "inspect": (inside.cost_of_looking, "nothing", inside.LOOKING_REPEATS),
        "variants": (inside.cost_of_variants, inside.BASE, len(inside.variants())),
    }[mode]
    rows: list[dict[str, Any]] = []
    with report.interruptible(rounds * ticks) as bar:
        measure(train.images, train.labels, rounds, rows, bar.update, **options)
    frame = pd.DataFrame(rows)
    if frame.empty:
        raise report.nothing()
    if mode == "inspect":
        frame.insert(0, "kind", "looking at")
    summary = summarize(frame, baseline, "kind", "what")
    text = "\n\n".join(cost_text(table, str(kind), baseline) for kind, table in summary.groupby("kind", sort=False))
    title = "What looking costs" if mode == "inspect" else "What every variant costs"
    report.write(
        summary,
        frame,
        f"784-128-64-10, batch {inside.CASE.batch_size}, SGD\n\n{text}",
        lambda: viz.step_cost(summary, baseline, title=title),
    )
    return summary
