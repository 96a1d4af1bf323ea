"""The command line of neurosim: ``python main.py --help``."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import textwrap
from contextlib import nullcontext
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, NoReturn

from neurosim import __version__
from neurosim.errors import DataError, NeurosimError
from neurosim.registry import did_you_mean, unknown
from neurosim.threads import one_blas_thread

DESCRIPTION = "neurosim: train a neural network on handwritten digits, and look at every neuron of it."
EXAMPLES = """\
examples:
  python main.py scenario                    compare activations, losses, optimizers
  python main.py scenario optimizers --seeds 5
  python main.py compare --vary hidden="16;64;128,64" --seeds 5
  python main.py train --data mnist          train, and save the network and its figures
  python main.py step                        walk through one neuron
  python main.py inspect runs/latest/net.npz report card of every neuron
  python main.py data                        which data there are, and where
  python main.py gradcheck                   hold backprop to central differences
"""
LONGEST_ERROR = 1000  # characters
ALIASES = {"--lr": "--learning-rate", "--bs": "--batch-size", "--batchnorm": "--batch-norm"}  # of other programs


class Parser(argparse.ArgumentParser):
    """An argument parser that reports a wrong command line in one line and exits with status 2."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and where help is."""
        fail(f"{message} (see {self.prog} --help)")


def fail(message: str) -> NoReturn:
    """End with one line on standard error and status 2."""
    line = " ".join(str(message).split())
    if len(line) > LONGEST_ERROR:  # it repeats what it was given
        line = f"{line[: LONGEST_ERROR // 2]} ... {line[-LONGEST_ERROR // 2 :]}"
    print(f"error: {line}", file=sys.stderr)
    sys.exit(2)


def say(text: str = "") -> None:
    """Print prose, wrapped to the terminal's usual 80 columns."""
    print(textwrap.fill(text, 79) if text else "")


# -- options ---------------------------------------------------------------------------------------------------------


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Options that say which data to use."""
    from neurosim.data import NAMES

    group = parser.add_argument_group("data")
    group.add_argument(
        "--data", metavar="NAME", default="auto", help=f"{', '.join(NAMES)}, or the path of your own files [auto]"
    )
    group.add_argument("--offline", action="store_true", help="never download")


def add_settings(parser: argparse.ArgumentParser, **defaults: Any) -> None:
    """An option for every setting of a run; `defaults` are only shown, the command has to fill them in."""
    from neurosim.training.settings import Settings

    group = parser.add_argument_group("network and training")
    for each in fields(Settings):
        option = "--" + each.name.replace("_", "-")
        default = defaults.get(each.name, each.default)
        kind: dict[str, Any] = {"nargs": "?", "const": "yes"} if isinstance(default, bool) else {}
        group.add_argument(
            option,
            metavar=each.metadata["metavar"],
            **kind,
            help=each.metadata["help"] + default_text(default, each.metadata["help"]),
        )


def default_text(default: Any, help_text: str) -> str:
    """A default as help shows it: " [64]"; nothing where the help text says it already."""
    if "[" in help_text or default is None:
        return ""
    if isinstance(default, tuple):
        return f" [{','.join(map(str, default))}]"
    return f" [{'no' if default is False else f'{default:g}' if isinstance(default, float) else default}]"


def given_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings that the command line names, checked one by one so that a message can name its option."""
    from neurosim.training.settings import Settings

    given = {}
    for each in fields(Settings):
        value = getattr(arguments, each.name, None)
        if value is not None:
            given[each.name] = each.metadata["read"]("--" + each.name.replace("_", "-"), value)
    return given


def whole(low: int) -> Any:
    """An argument type: a whole number of at least `low`."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if number < low:
            raise argparse.ArgumentTypeError(f"expected a whole number of at least {low}, received {text!r}")
        return number

    return read


def load_data(arguments: argparse.Namespace, train_size: int | None = None) -> Any:
    """Load the data asked for, and say at once which they are."""
    from neurosim import data

    train, test = data.load(arguments.data, offline=arguments.offline)
    if train.note:
        print("!" * 79)
        say(train.note)
        print("!" * 79)
    if train_size is not None:
        train = take(arguments, train, train_size)
    print(f"data: {train.name}, {len(train):,} training and {len(test):,} test images", flush=True)
    return train, test


def take(arguments: argparse.Namespace, train: Any, size: int) -> Any:
    """So many of the training images; all where there are fewer, unless the user asks for more than there are."""
    if arguments.train_size is not None and size > len(train):
        raise NeurosimError(
            f"train size: expected at most {len(train):,}, all that {train.name} has, received {size:,}"
        )
    return train.subset(min(size, len(train)), seed=0)


def hold_out(settings: Any, train: Any) -> tuple[Any, Any]:
    """What to train on, and what early stopping or the schedule decides by: None where nothing is decided."""
    if not settings.decides:
        return train, None
    from scenarios.protocol.runner import HELD_OUT

    train, validation = train.hold_out(HELD_OUT)  # what decides must not be the test images
    print(f"validation: {len(validation):,} images held out of the training set")
    return train, validation


def figure_note(train: Any) -> str:
    """What a figure must say of its data."""
    return "data: built-in digits, NOT MNIST" if train.name == "digits" else f"data: {train.name}"


# -- commands --------------------------------------------------------------------------------------------------------


def add_experiment(parser: argparse.ArgumentParser) -> Any:
    """Options of whatever compares variants over seeds; returns their group, for more of them."""
    add_data_options(parser)
    group = parser.add_argument_group("experiment")
    group.add_argument("--seeds", type=whole(1), default=None, metavar="N", help="seeds a variant [3]")
    group.add_argument("--seed", type=whole(0), default=0, metavar="N", help="the first of them [0]")
    group.add_argument(
        "--train-size",
        type=whole(10),
        default=None,
        metavar="N",
        help="training images [the scenario's own, 10000 for most]",
    )
    group.add_argument("--fresh", action="store_true", help="begin anew, even if some of the runs are finished already")
    group.add_argument("--out", default="results", metavar="DIR", help="where to write [results]")
    where = parser.add_argument_group("where to compute (the numbers are the same everywhere)")
    where.add_argument("--jobs", type=whole(1), metavar="N", help="processes at once [as many as processors]")
    where.add_argument(
        "--executor",
        default="processes",
        metavar="NAME",
        help="processes, or dask: a cluster of several computers [processes]",
    )
    where.add_argument("--scheduler", metavar="ADDRESS", help="of the Dask cluster, e.g. tcp://10.0.0.1:8786")
    return group


def choose_executor(arguments: argparse.Namespace) -> Any:
    """Where to compute."""
    from functools import partial

    from scenarios.bench.cases import core_count
    from scenarios.protocol.executors import MOST, dask, in_process, processes

    if arguments.executor not in ("processes", "dask"):
        raise unknown("executor", arguments.executor, ("processes", "dask"))
    if arguments.executor == "dask":
        if arguments.scheduler is None:
            raise NeurosimError("--executor dask: expected --scheduler ADDRESS with it, to say where the cluster is")
        if arguments.jobs is not None:
            raise NeurosimError("--jobs: expected without --executor dask; the cluster has the workers that it has")
        return partial(dask, scheduler=arguments.scheduler)
    if arguments.scheduler is not None:
        raise NeurosimError("--scheduler: expected --executor dask with it")
    jobs = min(arguments.jobs or core_count(), MOST)
    return in_process if jobs == 1 else partial(processes, jobs=jobs)


def run_and_report(arguments: argparse.Namespace, scenarios: list[tuple[Any, dict[str, Any]]]) -> None:
    """Run scenarios, each with settings that replace those of its base; write and print what comes out."""
    from contextlib import closing

    from tqdm import tqdm

    from neurosim.files.atomic import writable_folder
    from scenarios.protocol.runner import Experiment, run_experiments
    from scenarios.report.report import terminal_table, write_report

    quick = getattr(arguments, "quick", False)
    seeds = arguments.seeds or (1 if quick else 3)
    executor = choose_executor(arguments)
    folder = writable_folder(arguments.out)
    train, test = load_data(arguments)
    experiments = {
        each.name: Experiment(
            each,
            take(arguments, train, arguments.train_size or (2_000 if quick else each.train_size)),
            test,
            seeds,
            arguments.seed,
            overrides,
            figure_note(train),
            folder / each.name / "runs",
        )
        for each, overrides in scenarios
    }
    run = {
        "seeds": list(range(arguments.seed, arguments.seed + seeds)),
        "command": shlex.join(["python", "main.py", *sys.argv[1:]]),
    }
    figures = []
    try:
        with closing(run_experiments(list(experiments.values()), executor, fresh=arguments.fresh)) as stream:
            for results in stream:
                name = results.scenario.name
                used = experiments[name].train
                drawn = write_report(results, used, test, folder / name, run)
                figures += drawn
                with tqdm.external_write_mode():
                    print(f"\n{name} ({how_many(results, len(used))} training images)")
                    say(results.scenario.question)
                    print("\n" + terminal_table(results) + "\n")
                    for finding in results.all_findings():
                        print(textwrap.fill(finding, 79, initial_indent="* ", subsequent_indent="  "))
                    print(f"report: {folder / name / 'report.html'}", flush=True)
    except KeyboardInterrupt:
        print("\nfinished runs are kept; the same command goes on from there", file=sys.stderr)
        raise
    print("\nfigures:")
    for path in figures:
        print(f"  {path}")


def how_many(results: Any, most: int) -> str:
    """How many training images the variants had: "200 to 1,000"."""
    sizes = [min(each.train_size or most, most) for each in results.scenario.variants]
    return f"{min(sizes):,}" + (f" to {max(sizes):,}" if max(sizes) > min(sizes) else "")


COURSE = ("activations", "losses", "optimizers")


def add_scenario(parser: argparse.ArgumentParser) -> None:
    """Options of `scenario`."""
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which scenarios [{' '.join(COURSE)}]")
    parser.add_argument("--all", action="store_true", help="all of them")
    parser.add_argument("--list", action="store_true", help="list the scenarios with their questions")
    group = add_experiment(parser)
    group.add_argument("--epochs", metavar="N", help="passes over them [the scenario's]")
    group.add_argument("--batch-size", metavar="N", help="images a step [the scenario's]")
    group.add_argument("--hidden", metavar="W,W", help="widths of the hidden layers [the scenario's]")
    group.add_argument("--quick", action="store_true", help="a small version: 1 seed, 2,000 images, few epochs")


def scenario(arguments: argparse.Namespace) -> None:
    """Run scenarios: a question, a fair experiment, tables, figures and findings."""
    from scenarios import SCENARIOS

    if arguments.list:
        width = max(map(len, SCENARIOS)) + 2
        for each in SCENARIOS.values():
            print(textwrap.fill(f"{each.name:<{width}}{each.question}", 79, subsequent_indent=" " * width))
        return
    for name in arguments.names:
        if name not in SCENARIOS:
            raise unknown("scenario", name, SCENARIOS)
    if arguments.all and arguments.names:
        raise NeurosimError(f"--all: expected without names, received {' '.join(arguments.names)}")
    names = SCENARIOS if arguments.all else dict.fromkeys(arguments.names or COURSE)
    given = given_settings(arguments)
    run_and_report(
        arguments,
        [
            (SCENARIOS[name], {"epochs": 2, **SCENARIOS[name].quick, **given} if arguments.quick else given)
            for name in names
        ],
    )


def add_compare(parser: argparse.ArgumentParser) -> None:
    """Options of `compare`."""
    parser.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="NAME=A,B",
        help="a setting and the values to compare, e.g. optimizer=sgd,adam; where values hold commas, "
        'semicolons stand between them: "hidden=128,64;32". Any option below, or train_size. Several '
        "--vary: every combination",
    )
    parser.add_argument(
        "--baseline",
        metavar="NAME",
        help='the variant that the others are compared with, e.g. "optimizer sgd" [the first]',
    )
    add_experiment(parser)
    add_settings(parser)


def compare(arguments: argparse.Namespace) -> None:
    """Compare any settings of your own: every combination, over several seeds."""
    from neurosim.training.settings import Settings
    from scenarios.comparison import SIZE, comparison

    given = given_settings(arguments)
    varied = [text.partition("=")[0].strip().replace("-", "_") for text in arguments.vary]
    both = [name for name in varied if name in given or (name == SIZE and arguments.train_size is not None)]
    if both:
        raise NeurosimError(f"--vary {both[0]}: expected without --{both[0].replace('_', '-')}, received both")
    own = comparison(arguments.vary, Settings(**given), arguments.baseline)
    if SIZE in varied:
        arguments.train_size = own.train_size
    run_and_report(arguments, [(own, {})])


def add_plot(parser: argparse.ArgumentParser) -> None:
    """Options of `plot`."""
    parser.add_argument("folder", metavar="DIR", help="what `scenario` or `compare` wrote, e.g. results/activations")


def plot(arguments: argparse.Namespace) -> None:
    """Draw an earlier comparison again, and write its reports, without training."""
    from scenarios import SCENARIOS, redraw

    for path in redraw(SCENARIOS, Path(arguments.folder)):
        print(path)
    for name in ("report.md", "report.html"):
        print(Path(arguments.folder) / name)


TRAIN_DEFAULTS: dict[str, Any] = {"schedule": "one_cycle"}
RUN_DEFAULTS: dict[str, Any] = {"data": "auto", "train_size": None, "seed": 0, "out": "runs/latest"}


def add_train(parser: argparse.ArgumentParser) -> None:
    """Options of `train`."""
    add_data_options(parser)
    add_settings(parser, **TRAIN_DEFAULTS)
    parser.set_defaults(data=None)  # filled in later: what is given must not contradict a run that goes on
    group = parser.add_argument_group("run")
    group.add_argument("--train-size", type=whole(10), metavar="N", help="training images [all]")
    group.add_argument("--seed", type=whole(0), metavar="N", help="of everything random [0]")
    group.add_argument("--out", metavar="DIR", help="where to write [runs/latest]")
    group.add_argument(
        "--checkpoint-every",
        type=whole(1),
        metavar="N",
        help="keep a checkpoint in --out every N steps, to go on from after an interruption",
    )
    group.add_argument("--resume", metavar="DIR", help="go on with the run in this folder, from its last checkpoint")
    group.add_argument("--quiet", action="store_true", help="no progress")
    group.add_argument("--profile", action="store_true", help="say where the time of a step goes, and stop")


def train(arguments: argparse.Namespace) -> None:
    """Train one network; save it with its history and figures."""
    import numpy as np

    import viz
    from neurosim import metrics
    from neurosim.files.atomic import writable_folder
    from neurosim.layers import Dense
    from neurosim.training import EarlyStopping
    from neurosim.training.checkpoint import Checkpoint, delete_checkpoints
    from neurosim.training.divergence import all_finite
    from neurosim.training.settings import Settings
    from scenarios.report.report import write_csv

    if arguments.resume:
        settings = take_up(arguments)
    else:
        settings = Settings(**TRAIN_DEFAULTS | given_settings(arguments))
        for name, default in RUN_DEFAULTS.items():
            if getattr(arguments, name) is None:
                setattr(arguments, name, default)
    if arguments.profile:
        for option, given in (
            ("--resume", arguments.resume),
            ("--augment", settings.augment),
            ("--checkpoint-every", arguments.checkpoint_every),
        ):
            if given:
                raise NeurosimError(f"--profile times the step itself: expected it without {option}")
    folder = Path(arguments.out) if arguments.profile else writable_folder(arguments.out)
    train, test = load_data(arguments, arguments.train_size)
    train, validation = hold_out(settings, train)
    if validation is None:
        print("validation: the test images; nothing is chosen by them")
        validation = test
    network = settings.network(train.images.shape[1:], len(train.class_names), arguments.seed)
    if not arguments.resume and not arguments.profile:
        delete_checkpoints(folder)  # what is written there now is of another run
    print(network.summary(), flush=True)
    if arguments.profile:
        from scenarios.bench import profile_step

        _, text = profile_step(network, train.images, train.labels, settings.batch_size)
        print("\n" + text)
        return
    callbacks = settings.callbacks()
    if arguments.checkpoint_every:
        about = {
            "settings": asdict(settings),
            "run": {name: getattr(arguments, name) for name in RUN_DEFAULTS},
            "checkpoint_every": arguments.checkpoint_every,
        }
        callbacks.append(Checkpoint(folder, arguments.checkpoint_every, bool(arguments.resume), about))
    history = network.fit(
        train.images,
        train.labels,
        settings.epochs,
        settings.batch_size,
        validation_data=(validation.images, validation.labels),
        verbose=not arguments.quiet,
        callbacks=callbacks,
        augment=settings.augment,
    )
    if arguments.quiet and arguments.resume and history.message:
        say(history.message)

    note = figure_note(train)
    network.save(folder / "net.npz")
    frame = history.to_frame()
    write_csv(frame, folder / "history.csv")
    with np.errstate(over="ignore", invalid="ignore"):  # a network that has diverged overflows here again
        probabilities, result = network.predict_proba(test.images), network.evaluate(test.images, test.labels)
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    matrix = metrics.confusion_matrix(test.labels, predicted, len(test.class_names))
    pictures = {
        "confusion_matrix": lambda: viz.confusion_matrix(matrix, test.class_names),
        "mistakes": lambda: viz.mistakes(
            test.images, test.labels, predicted, np.clip(confidence, 0, 1), test.class_names
        ),
    }
    sound = bool(np.isfinite(probabilities).all())
    if not sound:
        pictures = {}  # there is nothing to see in NaN
    if len(frame):
        kept = next((each.best_epoch for each in callbacks if isinstance(each, EarlyStopping)), None)
        pictures = {"learning_curves": lambda: viz.history_curves(frame, kept=kept)} | pictures
    first = next((layer for layer in network if isinstance(layer, Dense)), None)
    if first is not None and np.isfinite(first.W).all():
        shape = train.images.shape[1:]
        pictures["weights"] = lambda: viz.weight_grid(first.W, shape, min(first.n_out, 128))
    for name in ("learning_curves", "confusion_matrix", "mistakes", "weights"):
        (folder / f"{name}.png").unlink(missing_ok=True)  # those of an earlier run
    paths = [viz.save(draw(), folder / f"{name}.png", note) for name, draw in pictures.items()]

    seconds = sum(history["seconds"])
    if sound:
        print(
            f"\ntest accuracy {100 * result['accuracy']:.2f} %, test loss {result['loss']:.4f}, "
            f"trained in {seconds:.1f} s ({history.stopped})"
        )
    else:
        print(f"\nno test accuracy: the network gives out NaN (trained in {seconds:.1f} s, {history.stopped})")
    for path in (folder / "net.npz", folder / "history.csv", *paths):
        print(f"  {path}")
    if history.stopped == "interrupted":
        if arguments.checkpoint_every:
            print(f"to go on: {shlex.join(['python', 'main.py', 'train', '--resume', str(folder)])}")
        sys.exit(130)
    if history.stopped == "diverged":
        its_file = "can be loaded" if all_finite(network) else "cannot be loaded, it holds NaN or infinity"
        fail(
            f"{history.message if arguments.quiet else 'the run diverged, as said above:'} {folder / 'net.npz'} "
            f"{its_file}"
        )


def take_up(arguments: argparse.Namespace) -> Any:
    """Fill in the options of the run that `--resume` names, from its checkpoint; returns its settings.

    Raises:
        NeurosimError: another option contradicts them.
        DataError: there is no checkpoint, or none that `train` wrote.
    """
    from neurosim.training.checkpoint import read_checkpoint
    from neurosim.training.settings import Settings

    path, state = read_checkpoint(arguments.resume)
    try:
        settings = Settings(**state["about"]["settings"])
        options = {name: state["about"]["run"][name] for name in RUN_DEFAULTS} | {"out": arguments.resume}
        every = whole(1)(str(state["about"]["checkpoint_every"]))
        at, stopped = state["progress"], state["history"]["stopped"]
    except (KeyError, TypeError, argparse.ArgumentTypeError):
        raise DataError(
            f"--resume: the run in {arguments.resume} was not made by train; go on with "
            "ns.Checkpoint(…, resume=True) in the program that made it"
        ) from None
    given = {name: getattr(arguments, name) for name in options if getattr(arguments, name) is not None}
    if "out" in given and Path(given["out"]).absolute() == Path(arguments.resume).absolute():
        del given["out"]
    its_own = vars(settings) | options
    for name, value in (given | given_settings(arguments)).items():
        if value != its_own[name]:
            raise NeurosimError(
                f"--{name.replace('_', '-')}: the run in {arguments.resume} has {its_own[name]}, "
                f"received {value}; expected --resume without it"
            )
    vars(arguments).update(options)
    arguments.checkpoint_every = arguments.checkpoint_every or every
    if stopped == "running":
        print(f"going on with {path}: epoch {at['epoch']}, {at['steps']} steps of it done")
    return settings


def add_data(parser: argparse.ArgumentParser) -> None:
    """Options of `data`."""
    add_data_options(parser)
    parser.add_argument("--preview", action="store_true", help="save a contact sheet of the images")
    parser.add_argument("--out", default="results", metavar="DIR", help="where to save it [results]")


def data(arguments: argparse.Namespace) -> None:
    """Say which data were found, where, and with which checksum."""
    from neurosim import data as datasets
    from neurosim.files.atomic import writable_folder

    folder = writable_folder(arguments.out) if arguments.preview else None
    name = "mnist" if arguments.data == "auto" else arguments.data
    if name in datasets.NAMES and name != "digits":
        print(f"looking for {name} in")
        for place in datasets.search_path():
            print(f"  {place}")
        found = datasets.inspect_sources(name)
        if not found:
            print("found nothing there")
        for each in found:
            state = {True: "verified", False: "NOT what it should be", None: "no checksum known"}[each.verified]
            print(
                f"{each.path}\n  {each.part}, {each.size:,} bytes, {each.problem or state}"
                + (f"\n  sha256 {each.sha256}" if each.sha256 else "")
            )
        print()
    train, test = datasets.load(arguments.data, offline=arguments.offline)
    for part in (train, test):
        print(part.describe())
    if folder is not None:
        import viz

        sheet = viz.contact_sheet(train.images, train.labels, class_names=train.class_names)
        print(f"contact sheet: {viz.save(sheet, folder / f'{train.name}.png', figure_note(train))}")


MODEL_DEFAULTS: dict[str, Any] = {"hidden": (32, 16), "epochs": 1}  # small enough to follow, trained in a second


def add_model(parser: argparse.ArgumentParser) -> None:
    """Options that say which network to look at: a saved one, or one trained on the spot."""
    add_data_options(parser)
    add_settings(parser, **MODEL_DEFAULTS)
    group = parser.add_argument_group("which network")
    group.add_argument("--model", metavar="FILE", help="a network saved by train; without it one is trained now")
    group.add_argument("--train-size", type=whole(10), metavar="N", help="training images [all]")
    group.add_argument("--seed", type=whole(0), metavar="N", help="of a network trained now [0]")


def get_model(arguments: argparse.Namespace) -> tuple[Any, Any, Any, Any]:
    """The network asked for, its data, and its settings if it was trained now."""
    from neurosim.network import Network
    from neurosim.optimizers import OPTIMIZERS
    from neurosim.training.settings import Settings

    given = given_settings(arguments)
    if arguments.model is None:
        settings = Settings(**MODEL_DEFAULTS | given)
        train, test = load_data(arguments, arguments.train_size)
        train, validation = hold_out(settings, train)
        network = settings.network(train.images.shape[1:], len(train.class_names), arguments.seed or 0)
        check_place(arguments, network, test)
        if settings.epochs:
            network.fit(
                train.images,
                train.labels,
                settings.epochs,
                settings.batch_size,
                validation_data=None if validation is None else (validation.images, validation.labels),
                callbacks=settings.callbacks(),
                augment=settings.augment,
            )
        return network, train, test, settings
    of_training = [name for name in given if name not in ("optimizer", "learning_rate", "batch_size", "augment")]
    if arguments.seed is not None:
        of_training.append("seed")
    if of_training:
        raise NeurosimError(
            f"--{of_training[0].replace('_', '-')} is for a network that is trained now: expected it without --model"
        )
    network = Network.load(arguments.model)
    train, test = load_data(arguments, arguments.train_size)
    if "optimizer" in given:
        network.optimizer = OPTIMIZERS.create(given["optimizer"])
    if "learning_rate" in given:
        network.optimizer.learning_rate = given["learning_rate"]
    return network, train, test, Settings(**given)


def check_place(arguments: argparse.Namespace, network: Any, test: Any) -> None:
    """Refuse a layer, neuron or sample that there is not, before anything is trained."""
    if arguments.sample >= len(test):
        raise NeurosimError(f"--sample: expected a number from 0 to {len(test) - 1}, received {arguments.sample}")
    if arguments.layer is not None:
        layer = network[arguments.layer]
        if arguments.neuron is not None:
            layer[arguments.neuron]


def add_step(parser: argparse.ArgumentParser) -> None:
    """Options of `step`."""
    add_model(parser)
    group = parser.add_argument_group("where to look")
    group.add_argument("--layer", type=whole(0), metavar="L", help="layer, 0 being the input [an interesting one]")
    group.add_argument("--neuron", type=whole(0), metavar="J", help="neuron of that layer, from 0 [an interesting one]")
    group.add_argument("--sample", type=whole(0), default=0, metavar="I", help="test image, from 0 [0]")
    group.add_argument("--top", type=whole(1), default=5, metavar="K", help="terms of each sum to show [5]")
    group.add_argument("--json", action="store_true", help="print everything as one JSON document")
    group.add_argument("--plot", metavar="DIR", help="draw the neuron's story into this folder")
    group.add_argument("--animate", action="store_true", help="with --plot: the walk as a GIF, too")


def step(arguments: argparse.Namespace) -> None:
    """Walk through one neuron: forward, backward and update, number by number."""
    from contextlib import redirect_stdout

    from neurosim.cli.prompt import Prompt
    from neurosim.files.atomic import writable_folder
    from neurosim.walk.stepper import Stepper

    if arguments.animate and not arguments.plot:
        raise NeurosimError("--animate: expected --plot DIR with it, to say where the GIF goes")
    folder = writable_folder(arguments.plot, "--plot") if arguments.plot else None
    with redirect_stdout(sys.stderr if arguments.json else sys.stdout):
        network, train, test, settings = get_model(arguments)
    stepper = Stepper(
        network,
        train.images,
        train.labels,
        samples=(test.images, test.labels),
        batch_size=settings.batch_size or len(train),
        layer=arguments.layer,
        neuron=arguments.neuron,
        sample=arguments.sample,
        augment=settings.augment,
    )
    note = figure_note(train)
    if folder is not None:
        print(
            *plot_neuron(stepper, folder, note, animate=arguments.animate),
            sep="\n",
            file=sys.stderr if arguments.json else sys.stdout,
        )
    if arguments.json:
        import json

        print(json.dumps(stepper.neuron_trace.to_dict(top=arguments.top)))
        return
    at_terminal = sys.stdin is not None and sys.stdin.isatty()
    lines = None if at_terminal else waiting_lines()
    prompt = Prompt(
        stepper,
        top=arguments.top,
        plot=lambda here, where: plot_neuron(here, where, note)[0],
        echo=lines is not None,
        stdin=lines,
    )
    if lines is None and not at_terminal:
        say(f"chosen: {stepper.why}")
        print(f"{stepper.neuron_trace.explain(arguments.top)}\n\n{stepper.check()}")
        return
    prompt.begin()
    prompt.run()
    if prompt.errors and lines is not None:
        sys.exit(2)


def waiting_lines() -> Any:
    """Standard input, if commands stand on it; None if it is empty, closed, or nobody writes to it."""
    import io
    import select
    import stat

    if sys.stdin is None:
        return None
    try:
        kind = os.fstat(sys.stdin.fileno()).st_mode
        if os.name == "posix" and not stat.S_ISREG(kind) and not select.select([sys.stdin], [], [], 1.0)[0]:
            return None  # a pipe that is open, but silent: nobody is there
        text = sys.stdin.read()
    except (OSError, ValueError):
        return None
    return io.StringIO(text) if text.strip() else None


def plot_neuron(stepper: Any, folder: Path, note: str, animate: bool = False) -> list[Path]:
    """Draw the present neuron's story, and with `animate` the walk as a GIF; returns their paths."""
    import viz

    here = stepper.neuron_trace
    name = f"layer{here.layer}-neuron{here.index}-sample{here.sample}"
    paths = [viz.save(viz.neuron_story(here), folder / f"{name}.png", note)]
    if animate:
        paths.append(viz.neuron_film(here, folder / f"{name}.gif", note=note))
    return paths


def add_inspect(parser: argparse.ArgumentParser) -> None:
    """Options of `inspect`."""
    parser.add_argument("model", metavar="FILE", help="a network saved by train, e.g. runs/latest/net.npz")
    add_data_options(parser)
    parser.add_argument("--layer", type=whole(1), metavar="L", help="only this layer")
    parser.add_argument("--neuron", type=whole(0), metavar="J", help="one neuron of that layer, with figures")
    parser.add_argument("--rows", type=whole(1), default=20, metavar="N", help="how many neurons to print [20]")
    parser.add_argument("--out", default="results/inspect", metavar="DIR", help="where to write [results/inspect]")


def inspect(arguments: argparse.Namespace) -> None:
    """Print a report card of a saved network's neurons, or draw one of them."""
    from neurosim.analysis.maximizing_input import maximizing_input
    from neurosim.files.atomic import writable_folder
    from neurosim.layers import Dense
    from neurosim.network import Network
    from scenarios.report.report import write_csv

    if arguments.neuron is not None and arguments.layer is None:
        raise NeurosimError("--neuron: expected --layer L with it, to say of which layer")
    network = Network.load(arguments.model)
    neuron = network.neuron(arguments.layer, arguments.neuron) if arguments.neuron is not None else None
    if arguments.layer is not None and not isinstance(network[arguments.layer], Dense):
        dense = [str(layer.index) for layer in network if isinstance(layer, Dense)]
        raise NeurosimError(
            f"--layer: expected a Dense layer ({', '.join(dense)}), received {arguments.layer}, "
            f"{network[arguments.layer]!r}"
        )
    folder = writable_folder(arguments.out)
    train, test = load_data(arguments)
    card = network.report(test)
    path = write_csv(card, folder / "neurons.csv")
    if arguments.layer is not None:
        card = card[card["layer"] == arguments.layer]
    if neuron is None:
        hidden = card[card["layer"] != network.output.index]  # an output neuron is needed for its class, of course
        if hidden.empty:
            hidden = card
        shown = hidden.sort_values("accuracy_lost", ascending=False).head(arguments.rows)
        kind = "hidden ones " if len(hidden) < len(card) else ""
        print(f"{len(card)} neurons; the {len(shown)} {kind}without which most accuracy is lost:\n")
        print(card_table(shown))
        print()
        say(
            "off: share of images for which it gives out nothing and learns nothing; saturated: where its activation "
            "is flat; class: excites it most; selects: 0 all classes alike, 1 one alone; lost: accuracy without it; "
            "like: the most similar neuron of its layer."
        )
        print(f"all of them, every column: {path}")
        return
    import viz

    row = card[card["neuron"] == arguments.neuron]
    if len(row):
        for column in row:
            value = row[column].iloc[0]
            print(f"{column:<20}{value:.4g}" if isinstance(value, float) else f"{column:<20}{value}")
    a = network.activations(test.images, arguments.layer, arguments.neuron)
    image, reached = maximizing_input(network, arguments.layer, arguments.neuron)
    name = f"layer{arguments.layer}-neuron{arguments.neuron}"
    who = f"Neuron {arguments.neuron} of layer {arguments.layer}"
    pictures = {
        "by_class": viz.activation_by_class(
            a, test.labels, test.class_names, title=f"{who}: which classes it answers to"
        ),
        "top_samples": viz.top_samples(
            test.images, a, test.labels, test.class_names, title=f"{who}: the images that excite it most"
        ),
        "maximizing_input": viz.maximizing_input(image, reached, title=f"{who}: an input that excites it"),
    }
    if len(neuron.weights) == test.images[0].size:
        shape = test.images.shape[1:]
        pictures["weights"] = viz.weight_grid(neuron.weights, shape, titles=[""], title=f"{who}: its weights")
    for kind, picture in pictures.items():
        print(viz.save(picture, folder / f"{name}-{kind}.png", figure_note(train)))


def card_table(card: Any) -> str:
    """The columns of a report card that fit 80 columns."""
    header = ("layer", "neuron", "mean a", "off", "saturated", "class", "selects", "|w|", "lost", "like")
    lines = ["  ".join(header)]
    for row in card.itertuples():
        cells = (
            str(row.layer),
            str(row.neuron),
            f"{row.mean_activation:.3g}",
            f"{100 * row.dead_fraction:.0f}%",
            f"{100 * row.saturated_fraction:.0f}%",
            str(row.strongest_class),
            f"{row.selectivity:.2f}",
            f"{row.weight_norm:.2f}",
            f"{100 * row.accuracy_lost:.2f}%",
            str(row.most_similar),
        )
        lines.append("  ".join(f"{cell:>{len(title)}}" for cell, title in zip(cells, header, strict=True)))
    return "\n".join(lines)


def add_gradcheck(parser: argparse.ArgumentParser) -> None:
    """Options of `gradcheck`."""
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N", help="of weights and samples [0]")


def gradcheck(arguments: argparse.Namespace) -> None:
    """Hold the gradient of every activation, loss and layer to central differences."""
    from neurosim.analysis.gradcheck import check_everything

    print(f"{'what':<48}{'relative error':>15}{'entries':>9}\n{'-' * 79}")
    failed = count = 0
    for kind, name, result in check_everything(arguments.seed):
        verdict = "ok" if result.passed else "WRONG"
        print(f"{kind + ' ' + name:<48}{result.max_relative_error:>15.1e}{result.checked:>9}  {verdict}", flush=True)
        failed += not result.passed
        count += 1
    print("-" * 79)
    print(f"{count - failed} of {count} agree with central differences to {result.tolerance:g}")
    if failed:
        sys.exit(1)


def add_bench(parser: argparse.ArgumentParser) -> None:
    """Options of `bench`."""
    from scenarios.bench.command import add_options

    add_options(parser)


def bench(arguments: argparse.Namespace) -> None:
    """Measure how fast neurosim is, beside what a user would take instead."""
    from scenarios.bench.command import run

    run(arguments)


COMMANDS = {
    "scenario": (add_scenario, scenario, "python main.py scenario activations --seeds 5"),
    "compare": (add_compare, compare, "python main.py compare --vary optimizer=sgd,adam --vary learning_rate=0.1,0.01"),
    "train": (add_train, train, "python main.py train --data mnist --hidden 128,64 --epochs 5 --out runs/first"),
    "data": (add_data, data, "python main.py data --data mnist --preview"),
    "step": (add_step, step, "python main.py step --layer 1 --neuron 5 --sample 0"),
    "inspect": (add_inspect, inspect, "python main.py inspect runs/latest/net.npz --layer 1 --neuron 5"),
    "gradcheck": (add_gradcheck, gradcheck, "python main.py gradcheck"),
    "bench": (add_bench, bench, "python main.py bench --cases small --peers torch,sklearn"),
    "plot": (add_plot, plot, "python main.py plot results/activations"),
}


def command_of(argv: list[str]) -> str | None:
    """The command that a command line names, if it names one."""
    return next((word for word in argv if not word.startswith("-")), None)


def parse(argv: list[str]) -> argparse.Namespace:
    """Read a command line; the options of a command are only made when it is that one's turn.

    Raises:
        NeurosimError: an unknown command or option.
    """
    command = command_of(argv)
    if command is not None and command not in COMMANDS:
        raise unknown("command", command, COMMANDS)
    if command is None and (wrong := next((word for word in argv if word not in ("-h", "--help", "--version")), None)):
        raise NeurosimError(f"expected a command before {wrong!r} (choose from: {', '.join(COMMANDS)})")
    formatter = argparse.RawDescriptionHelpFormatter
    parser = Parser(prog="python main.py", description=DESCRIPTION, epilog=EXAMPLES, formatter_class=formatter)
    parser.add_argument("--version", action="version", version=f"neurosim {__version__}")
    parsers = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser, required=True)
    for name, (add_options, run, example) in COMMANDS.items():
        text = (run.__doc__ or "").strip()
        sub = parsers.add_parser(
            name,
            help=text,
            description=text,
            epilog=f"example:\n  {example}",
            formatter_class=formatter,
            allow_abbrev=False,
        )
        if name == command:
            add_options(sub)
            chosen = sub
            known = [option for action in sub._actions for option in action.option_strings]
    arguments, rest = parser.parse_known_args(argv)
    if rest:
        wrong = rest[0].partition("=")[0]
        hint = did_you_mean(ALIASES.get(wrong, wrong), known) if command and wrong.startswith("-") else ""
        (chosen if command else parser).error(f"expected no {wrong!r} here{hint}")
    return arguments


def main(argv: list[str] | None = None) -> None:
    """Run a command line."""
    argv = (sys.argv[1:] if argv is None else argv) or ["--help"]
    try:
        # what compares runs must get the same numbers however many run at once; nothing has imported NumPy so far
        with one_blas_thread() if command_of(argv) in ("scenario", "compare") else nullcontext():
            arguments = parse(argv)
            COMMANDS[arguments.command][1](arguments)
    except NeurosimError as error:
        fail(str(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # the reader, e.g. `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
