"""The common part of `scenario` and `compare`: the options of an experiment, its execution, and its report."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from scenarios import SCENARIOS, Results, Scenario, all_findings
from scenarios.protocol.clock import Clock
from scenarios.protocol.executors import MAX_PROCESSES, Executor, dask, in_process, processes
from scenarios.protocol.runner import Experiment, run_experiments
from scenarios.report import terminal_table, write_report
from scenarios.report.figures import drawings
from scenarios.report.nouns import in_nouns

from ..compiled import engine_in_force
from ..console import above_bars, tell
from ..data import Dataset
from ..errors import NeurosimError
from ..files.atomic import sweep, writable_folder
from ..processors import core_count, threads
from ..registry import unknown
from ..text import command_line, counted, thousands
from .options import MIN_TRAIN_SIZE, add_data_options, at_least, given_settings, place, reading
from .session import SMALL, enough_updates, figure_note, first_images, load_data
from .terminal import WIDTH, makes_files, say, wrapped

EXECUTORS = ("processes", "dask")


def add_experiment(parser: argparse.ArgumentParser, train_size: str) -> argparse._ArgumentGroup:
    """Add the options of a comparison of variants over seeds. Return their group, to which more can be added.

    Args:
        parser: the parser of the command.
        train_size: the default of --train-size, as the help shows it.
    """
    add_data_options(parser, classes_only=True)
    group = parser.add_argument_group("experiment")
    group.add_argument(
        "--seeds", type=at_least(1), metavar="N", help=f"runs per variant, one per seed [{Experiment.seeds}]"
    )
    group.add_argument(
        "--seed", type=at_least(0), default=Experiment.first_seed, metavar="N", help="the first seed [%(default)s]"
    )
    group.add_argument(
        "--train-size",
        type=at_least(MIN_TRAIN_SIZE),
        metavar="N",
        help=f"number of training samples [{train_size}]",
    )
    group.add_argument("--fresh", action="store_true", help="start all runs again, also those that are finished")
    group.add_argument("--out", type=place, default="results", metavar="DIR", help="folder to write to [%(default)s]")
    where = parser.add_argument_group("where to compute (processors of one kind give the same numbers)")
    where.add_argument(
        "--jobs", type=at_least(1), metavar="N", help="number of processes [number of processors / --threads]"
    )
    where.add_argument(
        "--executor",
        default=EXECUTORS[0],
        metavar="NAME",
        help="processes, or dask for a cluster of several computers [%(default)s]",
    )
    where.add_argument("--scheduler", metavar="ADDRESS", help="address of the Dask cluster, e.g. tcp://10.0.0.1:8786")
    return group


def choose_executor(arguments: argparse.Namespace) -> Executor:
    """Choose where to compute.

    Raises:
        NeurosimError: some options cannot be used together.
    """
    if arguments.executor not in EXECUTORS:
        raise unknown("executor", arguments.executor, EXECUTORS)
    if arguments.executor == "dask":
        if arguments.scheduler is None:
            raise NeurosimError("--executor dask: expected --scheduler ADDRESS too, the address of the cluster")
        if arguments.jobs is not None:
            raise NeurosimError("--jobs: expected no --executor dask with it; the cluster sets the number of workers")
        return partial(dask, scheduler=arguments.scheduler)
    if arguments.scheduler is not None:
        raise NeurosimError("--scheduler: expected --executor dask too")
    jobs = min(arguments.jobs or max(1, core_count() // threads().count), MAX_PROCESSES)
    return in_process if jobs == 1 else partial(processes, jobs=jobs)


def run_and_report(
    arguments: argparse.Namespace,
    scenarios: Sequence[tuple[Scenario, Mapping[str, Any]]],
    seeds: int = Experiment.seeds,
    train_size: int | None = None,
) -> None:
    """Run scenarios. Write and print the results.

    Args:
        arguments: the options of `add_experiment`.
        scenarios: each with the settings that replace those of its base.
        seeds: the number of seeds if --seeds is not given.
        train_size: the largest number of training samples if --train-size is not given; None: the scenario's own.
    """
    makes_files()
    clock = Clock(arguments.began)
    seeds = arguments.seeds or seeds
    executor = choose_executor(arguments)
    folder = writable_folder(arguments.out)
    with clock.phase("data"):
        train, test = load_data(arguments.data, arguments.offline, **reading(arguments))
    experiments = {}
    for each, overrides in fitting(scenarios, train):
        size = arguments.train_size or min(train_size or each.train_size, len(train))
        images, target = first_images(train, size), folder / each.name
        if arguments.train_size is None and len(images) == len(train):  # all samples, which may be few
            overrides = {**overrides, **small_changes(each, overrides, given_settings(arguments), train)}
        note = figure_note(train)
        if len(images) < len(train):
            note += f", {thousands(len(images))} training {train.noun}s"
        experiments[each.name] = Experiment(
            *(each, images, test, seeds, arguments.seed, overrides, note, target / "runs"),
            drawings=partial(drawings, folder=target),
        )
    record = {
        "seeds": list(range(arguments.seed, arguments.seed + seeds)),
        "command": command_line(*arguments.words),
        "threads": threads().count,
        "engine": engine_in_force(),
    }
    figures: list[Path] = []
    try:
        stream = run_experiments(list(experiments.values()), executor, fresh=arguments.fresh, clock=clock)
        with closing(stream):
            for results in stream:
                used = experiments[results.scenario.name].train
                target = folder / results.scenario.name
                figures += write_report(results, used, test, target, record, clock)
                print_results(results, used, target)
    except KeyboardInterrupt:
        tell("\nfinished runs are kept; the same command continues with the others")
        raise
    finally:
        for name in experiments:
            sweep(folder / name / "figures")  # removes files that ended workers had half written
    print("\nfigures:")
    for path in figures:
        print(f"  {path}")


def fitting(
    scenarios: Sequence[tuple[Scenario, Mapping[str, Any]]], train: Dataset
) -> list[tuple[Scenario, Mapping[str, Any]]]:
    """Return the scenarios that fit the data, each with its settings. Print which are left out.

    Raises:
        NeurosimError: no scenario fits.
    """
    kept = []
    for each, overrides in scenarios:
        try:
            each.check_data(train)
            each.check_settings(each.base.change(**overrides))
        except NeurosimError as error:
            if len(scenarios) == 1 or not train.class_names:
                raise
            say(f"left out: {error}")
        else:
            kept.append((each, overrides))
    return kept


def small_changes(
    scenario: Scenario, overrides: Mapping[str, Any], given: Mapping[str, Any], train: Dataset
) -> dict[str, Any]:
    """Return the changes of `enough_updates` for a small data set. Settings of the user and of the scenario stay.

    Args:
        scenario: the scenario; the settings that it varies stay.
        overrides: the settings that replace those of its base.
        given: the settings that the user has given.
        train: all training samples.
    """
    base = scenario.base.change(**overrides)
    varied = {name for variant in scenario.variants for name in variant.settings}
    own = {"augment"} if scenario.of_images or scenario.train_size < SMALL else set()
    if scenario.name in SCENARIOS:  # its question is about its own activation function
        own.add("activation")
    before, after = vars(base), vars(enough_updates(base, {*given, *varied, *own}, train))
    return {name: after[name] for name in after if after[name] != before[name]}


def print_results(results: Results, train: Dataset, folder: Path) -> None:
    """Print the table and the findings of a scenario, and the path of its report."""
    with above_bars():
        count = f"{sizes(results, len(train))} training {train.noun}s"
        print()
        say(f"{results.scenario.name} ({count}, {counted(threads().count, 'thread')} per run)")
        say(in_nouns(results.scenario.question, train.noun))
        print("\n" + terminal_table(results) + "\n")
        for finding in all_findings(results):
            print(bullet(finding))
        print(f"report: {folder / 'report.html'}", flush=True)


def bullet(finding: str) -> str:
    """Format a finding for the terminal: wrapped, except for the rows of a table."""
    lines = finding.split("\n")
    told = [line if line.startswith("  ") else wrapped(line, WIDTH - 2) for line in lines]
    return "* " + textwrap.indent("\n".join(told), "  ")[2:]


def sizes(results: Results, most: int) -> str:
    """Return the number of training samples of the variants: "200 to 1,000"."""
    found = [min(each.train_size or most, most) for each in results.scenario.variants]
    return thousands(min(found)) + (f" to {thousands(max(found))}" if max(found) > min(found) else "")
