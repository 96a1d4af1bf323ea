"""The command ``bench``, without its options: measure, print and write each finished case, and draw a figure."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from neurosim.console import above_bars, tell
from neurosim.data.dataset import Dataset
from neurosim.errors import NeurosimError
from neurosim.files.atomic import write_text
from neurosim.processors import core_count
from neurosim.progress import progress_bar
from neurosim.text import counted

from .cases import Case, machine, thread_counts
from .store import Store

if TYPE_CHECKING:
    from .measure import Race

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
    mode: str | None,
    cases: list[Case],
    competitors: list[str],
    train: Dataset,
    rounds: int,
    folder: Path,
    command: str,
    threads: int | None = None,
    fresh: bool = False,
) -> None:
    """Measure; print the results, and write the tables and figures.

    Args:
        mode: one of `MODES`; None: the comparison with the peers.
        cases: the cases of the comparison.
        competitors: their names.
        train: images to train on, 28 x 28 of 10 classes.
        rounds: how many, at least 1.
        folder: where to write.
        command: the command as it was typed, for the record.
        threads: of every competitor; None: each its best number.
        fresh: whether to measure finished cases again.

    Raises:
        NeurosimError: other images.
        KeyboardInterrupt: Ctrl-C; the results so far are written.
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
    choices = thread_counts() if threads is None else [threads]
    try:
        if mode in ("inspect", "variants"):  # a minute: nothing is kept
            look_inside(mode, train, rounds, report)
        else:
            report.store = Store(folder / "cases", here, train.sha256, rounds, fresh)
            if mode is None:
                compare(cases, competitors, train, rounds, report, choices=choices)
            else:
                scale(sweeps(), train, rounds, report, choices=choices)
        if report.interrupted:
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        if report.store.kept.folder is not None:
            tell("\nfinished cases are kept; the same command goes on from there")
        raise


def machine_text(here: dict[str, Any], data: str) -> str:
    """Describe the machine in a few lines."""
    blas = ", ".join(
        " ".join(str(each[key]) for key in ("library", "version") if each.get(key))
        + (f" ({each['threads']} threads)" if "threads" in each else "")
        for each in here["blas"]
    )
    versions = ", ".join(f"{name} {version}" for name, version in here["versions"].items())
    lines = [f"{here['cpu']}, {here['cores']} cores, {here['date'][:10]}", f"BLAS: {blas}", versions, f"data: {data}"]
    if here["load"] > BUSY:
        lines.append(f"The machine is not idle (load {here['load']}): the figures are rough.")
    return "\n".join(textwrap.fill(line, 79, subsequent_indent="  ") for line in lines)


class Report:
    """The folder of a measurement's tables and figures.

    Args:
        mode: names the files.
        folder: where they go.
        note: at the foot of each figure.
        record: how the measurement was done, for the JSON file.

    Attributes:
        store: the finished cases.
        interrupted: whether the measurement ended early.
    """

    def __init__(self, mode: str, folder: Path, note: str, record: dict[str, Any]) -> None:
        self.mode, self.folder, self.note, self.record = mode, folder, note, record
        self.store = Store(None, {}, None, 0)
        self.interrupted = False
        self.paths: list[Path] = []

    def write(self, summary: pd.DataFrame, rounds: pd.DataFrame, text: str, **more: Any) -> None:
        """Write the tables (medians; every round), the text and the record. They replace those of fewer cases."""
        stem = self.folder / self.mode
        self.paths = [
            write_text(stem.with_suffix(".csv"), summary.to_csv(index=False)),
            write_text(self.folder / f"{self.mode}-rounds.csv", rounds.to_csv(index=False)),
            write_text(stem.with_suffix(".txt"), text + "\n"),
            write_text(stem.with_suffix(".json"), json.dumps(self.record | more, indent=1, default=str) + "\n"),
        ]

    def end(self, draw: Callable[[], Any]) -> None:
        """Write the figure, and print where everything is."""
        import viz

        self.paths.append(viz.save(draw(), (self.folder / self.mode).with_suffix(".png"), self.note))
        for path in self.paths:
            print(f"  {path}")

    @contextmanager
    def interruptible(self, total: int) -> Iterator[Any]:
        """Show a progress bar of `total` ticks; Ctrl-C ends the block quietly, and the results so far are reported."""
        with progress_bar(total, self.mode, "rounds") as bar:
            try:
                yield bar
            except KeyboardInterrupt:
                self.interrupted = True
                tell("interrupted: these are the results so far")

    def nothing(self) -> BaseException:
        """Return the error to raise if not even one round was done."""
        if self.interrupted:
            return KeyboardInterrupt()
        return NeurosimError(f"{self.mode}: ended before the first round was done")


def show(text: str) -> None:
    """Print a text above the progress bar."""
    with above_bars():
        print(text, flush=True)


def race_all(
    cases: list[Case],
    competitors: list[str],
    train: Any,
    rounds: int,
    report: Report,
    choices: Sequence[int],
    **options: Any,
) -> Generator[tuple[str, pd.DataFrame, pd.DataFrame], None, None]:
    """Run the races, or reuse those that were finished before.

    Yields:
        After each case its name, and every round and the summary of all that are finished; at last of one that was
        interrupted.

    Raises:
        NeurosimError: no competitor can be measured.
        KeyboardInterrupt: before the first round.
    """
    from .measure import Race, shared_data

    shown: list[Race] = []
    with shared_data(train) as folder, report.interruptible(len(cases) * (rounds + 1)) as bar:
        races = [Race(case, competitors, folder, len(train), tell, choices=choices, **options) for case in cases]
        for race in races:
            if (result := report.store.read(race.case, race.competitors, choices)) is not None:
                race.take_over(result)
        if taken := sum(race.is_complete for race in races):
            tell(f"{report.mode}: {taken} of {len(cases)} cases were finished before and are reused")
        for race in races:
            bar.set_description(race.case.name)
            if race.is_complete:
                bar.update(rounds + 1)
            else:
                race.run(rounds, bar.update)
                if race.is_complete:
                    report.store.write(race.case, race.competitors, choices, race.to_json())
            if race.rows:
                shown.append(race)
                yield race.case.name, *tables_of(races)
    for race in races:
        if race.rows and race not in shown:
            shown.append(race)
            yield race.case.name, *tables_of(races)
    if not shown:
        raise report.nothing()


def tables_of(races: list[Race]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return every round, and the summary with settings, memory, loss and preparation beside the medians."""
    from .tables import summarize

    frame = pd.DataFrame([row for race in races for row in race.rows])
    summary = summarize(frame)
    known = {race.case.name: race for race in races}
    for column in ("threads", "form"):
        summary[column] = [getattr(known[row.case].chosen[row.competitor], column) for row in summary.itertuples()]
    for column in ("prepare", "memory", "loss"):
        summary[column] = [known[row.case].finals.get(row.competitor, {}).get(column) for row in summary.itertuples()]
        summary[column] = summary[column].astype(float)
    return frame, summary


def compare(
    cases: list[Case], competitors: list[str], train: Any, rounds: int, report: Report, **options: Any
) -> pd.DataFrame:
    """``bench``: every competitor on every case; returns the summary."""
    import viz

    from .tables import RACE_START, floor_shares, overall, race_rows, race_table, race_text

    print(RACE_START, flush=True)
    with closing(race_all(cases, competitors, train, rounds, report, **options)) as stream:
        for name, frame, summary in stream:
            show(race_rows(summary[summary["case"] == name]))
            text = f"{race_table(summary)}\n\n{race_text(summary)}"
            over = overall(summary).to_dict("records")
            report.write(summary, frame, text, overall=over, floor_shares=floor_shares(summary))
    print(f"\n{race_text(summary)}\n")
    report.end(lambda: viz.speed_comparison(summary))
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

    from .tables import scale_head, scale_row, scale_text

    sweep_of, known = {case.name: sweep for sweep, case in swept}, {case.name: case for _, case in swept}
    columns = {"parameters": "parameter_count", "batch_size": "batch_size", "optimizer": "optimizer"}
    begun: list[str] = []
    with closing(race_all([*known.values()], ["floor", "neurosim"], train, rounds, report, **options)) as stream:
        for name, frame, summary in stream:
            summary["sweep"] = [sweep_of[case] for case in summary["case"]]
            for column, attribute in columns.items():
                summary[column] = [getattr(known[case], attribute) for case in summary["case"]]
            if sweep_of[name] not in begun:
                show("\n" * bool(begun) + scale_head(sweep_of[name]))
                begun.append(sweep_of[name])
            show(scale_row(summary[summary["case"] == name]))
            report.write(summary, frame, scale_text(summary))
    print()
    report.end(lambda: viz.scaling(summary))
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
    title = f"784-128-64-10, batch {inside.CASE.batch_size}, SGD"
    print(title, flush=True)

    def report_kinds() -> pd.DataFrame:
        frame = pd.DataFrame(rows)
        summary = summarize(frame, baseline, "kind", "what")
        texts = [cost_text(table, str(kind), baseline) for kind, table in summary.groupby("kind", sort=False)]
        show(f"\n{texts[-1]}")
        report.write(summary, frame, "\n\n".join([title, *texts]))
        return summary

    shown = 0
    with report.interruptible(rounds * ticks) as bar:
        for _ in measure(train.images, train.labels, rounds, rows, bar.update, **options):
            summary, shown = report_kinds(), len(rows)
    if not rows:
        raise report.nothing()
    if len(rows) > shown:  # the kind that was interrupted
        summary = report_kinds()
    print()
    heading = "What looking at neurons costs" if mode == "inspect" else "What every variant costs"
    report.end(lambda: viz.step_cost(summary, baseline, title=heading))
    return summary
