"""The main function: it reads a command line and calls the command. ``python main.py`` and ``neurosim`` start it.

To add a command, add a line to `COMMANDS` and a file of the same name to this folder. The file defines
``add_options(parser)`` and ``run(arguments)``. It is imported only when its command is called, so ``--help`` is quick.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from contextlib import nullcontext
from importlib import import_module
from types import ModuleType
from typing import NamedTuple

from .. import __version__
from ..compiled import engine_is
from ..console import tell
from ..errors import NeurosimError
from ..processors import one_blas_thread, threads
from ..registry import did_you_mean, unknown
from ..text import command_line, program
from .terminal import Parser, asked_to_end, fail, is_of_memory, safe_streams, signals_as_ctrl_c, warnings_as_prose


class Command(NamedTuple):
    """What the help needs to know of a command before its file is imported.

    Attributes:
        summary: what it does, in one line.
        example: an example of the words after its name.
        computes: whether it takes ``--threads``.
        trains: whether it takes ``--engine`` too.
    """

    summary: str
    example: str = ""
    computes: bool = True
    trains: bool = True


COMMANDS = {
    "scenario": Command("Run scenarios. Each one answers a question with a fair experiment.", "activations --seeds 5"),
    "compare": Command(
        "Compare settings of your choice: every combination, with several seeds.",
        "--vary optimizer=sgd,adam --vary learning_rate=0.1,0.01",
    ),
    "train": Command(
        "Train one network. Save it with its history and figures.",
        "--data mnist --hidden 128,64 --epochs 5 --out runs/first",
    ),
    "predict": Command(
        "Let a saved network read your own pictures: drawings, scans or photographs.",
        "runs/latest/net.npz two.png folder --out read",
        trains=False,
    ),
    "data": Command("Show which data were found, where, and with which checksum.", "--data mnist --preview", False),
    "explore": Command(
        "Make one HTML file that holds a network: draw, walk and train in the browser.",
        "--data mnist --hidden 32,16",
    ),
    "step": Command(
        "Walk through one neuron: forward, backward and update, number by number.", "--layer 1 --neuron 5 --sample 0"
    ),
    "inspect": Command(
        "Print a report card of a saved network's neurons, or draw one of them.",
        "runs/latest/net.npz --layer 1 --neuron 5",
        trains=False,
    ),
    "gradcheck": Command("Compare every gradient of backpropagation with central differences."),
    "bench": Command(
        "Measure the speed of neurosim and of other libraries on the same work.",
        "--cases small --peers torch,sklearn",
        False,
    ),
    "plot": Command(
        "Draw an earlier comparison again and write its reports, without training.", "results/activations", False
    ),
    "glossary": Command("Explain the words that neurosim uses, such as delta or epoch.", "delta epoch", False),
}
DESCRIPTION = "neurosim: train a neural network on handwritten digits. Look at every neuron."
EXAMPLES = (
    ("step", "walk through one neuron"),
    ("explore", "open a network in your browser"),
    ("train --data mnist", "train a network and save it"),
    ("train --conv 8x5,pool2", "with convolution and pooling"),
    ("train --data iris.csv", "on your own table or pictures"),
    ("predict net.npz two.png", "read your own picture of a digit"),
    ("inspect runs/latest/net.npz", "report card of every neuron"),
    ("scenario", "answer the first three questions"),
    ("scenario optimizers --seeds 5", ""),
    ('compare --vary hidden="16;64;128,64" --seeds 5', ""),
    ("data", "show the data that were found"),
    ("gradcheck", "check backpropagation"),
)
QUESTION = "What does a word mean?"  # the last line of the help answers it


def main(argv: list[str] | None = None) -> None:
    """Run a command line: `argv`, or the words that the program was started with."""
    argv = (sys.argv[1:] if argv is None else argv) or ["--help"]
    with safe_streams(), signals_as_ctrl_c():
        try:
            perform(argv)
        except NeurosimError as error:
            fail(str(error))
        except Exception as error:
            if not is_of_memory(error):
                raise
            fail(f"not enough memory for {command_line(*argv)} ({str(error) or 'none was left'})")
        except KeyboardInterrupt:
            tell("interrupted")
            sys.exit(128 + (asked_to_end() or signal.SIGINT))


def perform(argv: list[str]) -> None:
    """Read a command line, and run its command."""
    began = time.perf_counter()
    command = COMMANDS.get(command_of(argv) or "")
    # NumPy is not imported yet: it must not make a pool of threads that is never used. --threads sets their number
    with one_blas_thread() if command and command.computes else nullcontext():
        arguments = parse(argv)
        arguments.began = began
        engine = engine_is(getattr(arguments, "engine", None))
        with threads(getattr(arguments, "threads", None)), engine, warnings_as_prose():
            file_of(arguments.command).run(arguments)


def command_of(argv: list[str]) -> str | None:
    """Return the command that a command line names, or None."""
    return next((word for word in argv if not word.startswith("-")), None)


def file_of(command: str) -> ModuleType:
    """Return the module of a command. It is imported at its first use."""
    return import_module(f".{command}", __package__)


def parse(argv: list[str]) -> argparse.Namespace:
    """Read a command line. Only the command that it names is imported and adds its options.

    Returns:
        The command's options; its name, as `command`; the command line itself, as `words`.

    Raises:
        NeurosimError: the command or an option is unknown.
    """
    command = command_of(argv)
    if command is not None and command not in COMMANDS:
        raise unknown("command", command, COMMANDS)
    if command is None and (wrong := next((word for word in argv if word not in ("-h", "--help", "--version")), None)):
        raise NeurosimError(f"expected a command before {wrong!r} (choose from: {', '.join(COMMANDS)})")
    formatter = argparse.RawDescriptionHelpFormatter
    parser = Parser(prog=program(), description=DESCRIPTION, epilog=examples(), formatter_class=formatter)
    parser.add_argument("--version", action="version", version=f"neurosim {__version__}")
    parsers = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser, required=True)
    chosen, known = parser, list[str]()
    for name, (summary, example, computes, trains) in COMMANDS.items():
        sub = parsers.add_parser(
            name,
            help=summary,
            description=summary,
            epilog=f"example:\n  {command_line(name, *example.split())}",
            formatter_class=formatter,
            allow_abbrev=False,
        )
        if name == command:
            file_of(name).add_options(sub)
            if computes:
                from .options import add_computing  # imports NumPy, which the command has imported by now

                add_computing(sub, trains)
            chosen, known = sub, [option for action in sub._actions for option in action.option_strings]
    arguments, rest = parser.parse_known_args(argv)
    if rest:
        wrong = next((each for each in rest if each != "--"), "--").partition("=")[0]  # "--" ends the options
        if not wrong.startswith("-"):
            chosen.error(f"unexpected word {wrong!r}")
        chosen.error(f"unknown option {wrong!r}{did_you_mean(meant(wrong), known) if command else ''}")
    arguments.words = argv
    return arguments


def meant(option: str) -> str:
    """Return the name that an option has here, if other programs use another name for it."""
    from ..training.settings import ALIASES  # imports NumPy

    return "--" + ALIASES.get(option.removeprefix("--"), option.removeprefix("--")).replace("_", "-")


def examples() -> str:
    """Return the end of ``--help``: examples, each with its purpose, and the way to the glossary."""
    width = max(len(words) for words, does in EXAMPLES if does)
    lines = [f"  {program()} {words:<{width if does else 0}} {does}".rstrip() for words, does in EXAMPLES]
    return "\n".join(["examples:", *lines]) + f"\n\n{QUESTION} {command_line('glossary', 'delta')}\n"
