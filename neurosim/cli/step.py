"""``step``: walk through one neuron at a prompt, from a script, or as one document."""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import select
import stat
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from ..data.drawings import as_samples, picture_shape, read_drawing
from ..data.pictures import read_picture
from ..errors import NeurosimError
from ..files.atomic import writable_folder
from ..network import Network
from ..text import command_line
from ..training.settings import Settings
from ..walk.stepper import BY_THE_USER, Stepper
from ..walk.words import NAMES
from .figures import draw_boundary
from .options import (
    MIN_TRAIN_SIZE,
    OF_A_MODEL,
    add_data_options,
    add_settings,
    at_least,
    given_settings,
    place,
)
from .picture import has_blocks, picture
from .prompt import Prompt, picture_of
from .session import Session, load_for, load_with_settings
from .terminal import Ended, asked_to_end, makes_files, say

SETTINGS: dict[str, Any] = {"hidden": (32, 16), "epochs": 1}  # small enough to follow, trained in a second
SEED = 0
PATIENCE = 1.0  # seconds to wait for the first command from a pipe


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `step`."""
    add_data_options(parser, OF_A_MODEL)
    add_settings(parser, SETTINGS)
    group = parser.add_argument_group("which network")
    group.add_argument("--model", type=place, metavar="FILE", help="a network saved by train [a new one is trained]")
    group.add_argument(
        "--train-size", type=at_least(MIN_TRAIN_SIZE), metavar="N", help="number of training samples [all]"
    )
    group.add_argument("--seed", type=at_least(0), metavar="N", help=f"seed of a new network [{SEED}]")
    group = parser.add_argument_group("where to look")
    group.add_argument("--layer", type=at_least(0), metavar="L", help="layer; the input is 0 [an interesting one]")
    group.add_argument(
        "--neuron", type=at_least(0), metavar="J", help="neuron of that layer, from 0 [an interesting one]"
    )
    group.add_argument(
        "--at",
        type=row_and_column,
        metavar="R,C",
        help="row and column at which to look at a filter [where its |delta| is largest]",
    )
    group.add_argument(
        "--sample",
        type=which_sample,
        metavar="I",
        help="test sample, from 0. misread: the first misread sample. FILE: your own picture, for the forward pass "
        "alone [a misread sample, or the least certain one]",
    )
    group.add_argument(
        "--top", type=at_least(1), default=5, metavar="K", help="how many terms of each sum to show [%(default)s]"
    )
    group.add_argument("--json", action="store_true", help="print everything as one JSON document")
    group.add_argument("--plot", type=place, metavar="DIR", help="draw the neuron's story into this folder")
    group.add_argument("--animate", action="store_true", help="with --plot: also draw the walk as a GIF")


def which_sample(text: str) -> int | str | Path:
    """Read the number of a sample, the word misread, or the name of a file. An argument type."""
    if os.path.isfile(text):
        return Path(text)
    if re.search(r"[./\\]", text):
        raise argparse.ArgumentTypeError(
            f"expected a whole number of at least 0 or the path of a picture; there is no file {text}"
        )
    return text if text == "misread" else at_least(0)(text)


def row_and_column(text: str) -> tuple[int, int]:
    """Read a place of an image: two whole numbers from 0. An argument type."""
    words = text.split(",")
    if len(words) != 2:
        raise argparse.ArgumentTypeError(f"expected a row and a column, such as 10,12, received {text!r}")
    return at_least(0)(words[0]), at_least(0)(words[1])


def run(arguments: argparse.Namespace) -> None:
    """Walk through one neuron: forward, backward and update, number by number."""
    if arguments.animate and not arguments.plot:
        raise NeurosimError("--animate: expected --plot DIR too, the folder for the GIF")
    if arguments.plot:
        makes_files()
    own = arguments.sample if isinstance(arguments.sample, Path) else None
    if own is not None:
        read_picture(own)  # an error comes before the work, not after it
        arguments.sample = None
        if arguments.plot:
            raise NeurosimError("--plot: expected a test sample for --sample; a picture without a label has no story")
    folder = writable_folder(arguments.plot, "--plot") if arguments.plot else None
    prose = sys.stderr if arguments.json else sys.stdout
    with redirect_stdout(prose):
        session = start(arguments)
    if own is not None:
        walk_forward(session.network, own, arguments)
        return
    stepper = session.stepper(arguments.layer, arguments.neuron, arguments.sample, arguments.at)
    if folder is not None:
        print(*draw(stepper, folder, session.note, animate=arguments.animate), sep="\n", file=prose)
        print(*draw_boundary(session, folder), sep="\n", end="\n" if session.test.kind == "points" else "", file=prose)
    if arguments.json:
        print(json.dumps(stepper.neuron_trace.to_dict(top=arguments.top)))
    else:
        walk(stepper, arguments.top, session.note)


def walk_forward(network: Network, path: Path, arguments: argparse.Namespace) -> None:
    """Walk through the user's own picture: the forward pass alone, because it has no label."""
    drawing = read_drawing(path, picture_shape(network))
    trace = network.trace(as_samples(network, [drawing]))
    layer, neuron, why = trace.interesting()
    if not (arguments.layer is arguments.neuron is arguments.at is None):
        layer, why = layer if arguments.layer is None else arguments.layer, ""
        neuron = trace[layer].strongest(arguments.at)[0] if arguments.neuron is None else arguments.neuron
    here = trace[layer][neuron] if arguments.at is None else trace[layer][neuron].at(*arguments.at)
    if arguments.json:
        print(json.dumps(here.to_dict(top=arguments.top)))
        return
    print(f"{path}: {drawing.said}")
    if drawing.pixels.ndim == 2:
        print(picture(drawing.pixels, has_blocks(sys.stdout)))
    if why:
        say(f"chosen: {why}")
    print(here.explain(arguments.top).replace(f", {NAMES['some sample']}: ", f", {path.name}: ", 1))
    print()
    say(
        f"For another neuron, use --layer L --neuron J. The backward pass and the update need a label, and {path.name} "
        f"has none. For a whole walk, at a prompt, use a test sample: `{command_line('step')} --sample 0`."
    )


def start(arguments: argparse.Namespace) -> Session:
    """Train a new network, or load the one of `--model`, with its data.

    Raises:
        NeurosimError: some options cannot be used together, or a place does not exist.
    """
    if arguments.model is None:
        data, settings = load_with_settings(arguments, Settings(**SETTINGS | given_settings(arguments)))
        session = Session.new(settings, *data, SEED if arguments.seed is None else arguments.seed)
        session.check_place(arguments.layer, arguments.neuron, arguments.sample, arguments.at)
        if session.settings.epochs:
            history = session.fit(session.settings.callbacks())
            if asked_to_end():  # Ctrl-C, in contrast, ends only the training: the walk uses the network as it is
                raise Ended
            print(session.trained_in(history))
        return session
    return load_for(arguments, [] if arguments.seed is None else ["seed"])


def walk(stepper: Stepper, top: int, note: str) -> None:
    """Walk at the prompt, or with the commands on standard input. Without either, print the whole walk."""
    at_terminal = sys.stdin is not None and sys.stdin.isatty()
    script = None if at_terminal else waiting_lines()
    if script is None and not at_terminal:
        whys = [stepper.why_sample, stepper.why, stepper.why_place]
        for why in [each for each in whys if each and each != BY_THE_USER] or [stepper.why]:
            say(f"chosen: {why}")
        drawn = picture_of(stepper)
        walk = stepper.neuron_trace.explain(top)
        print(f"{f'{drawn}{chr(10) * 2}' if drawn else ''}{walk}\n\n{stepper.check()}")
        return
    prompt = Prompt(
        stepper,
        top=top,
        plot=lambda here, folder: draw(here, folder, note)[0],
        echo=script is not None,
        stdin=script,
    )
    prompt.begin()
    prompt.run()
    if prompt.errors and script is not None:
        sys.exit(2)


def waiting_lines() -> io.StringIO | None:
    """Return standard input if it has commands; None if it is empty, closed, or a pipe that stays silent."""
    if sys.stdin is None:
        return None
    try:
        kind = os.fstat(sys.stdin.fileno()).st_mode
        if os.name == "posix" and not stat.S_ISREG(kind) and not select.select([sys.stdin], [], [], PATIENCE)[0]:
            return None  # a pipe that is open, but silent
        text = sys.stdin.read()
    except (OSError, ValueError):
        return None
    return io.StringIO(text) if text.strip() else None


def draw(stepper: Stepper, folder: Path, note: str, animate: bool = False) -> list[Path]:
    """Draw the present neuron's story, and with `animate` the walk as a GIF. Return the paths."""
    import viz  # only here: a walk without pictures does not wait for matplotlib

    here = stepper.neuron_trace
    place = "" if here.row is None else f"-row{here.row}-column{here.column}"
    name = f"layer{here.layer}-neuron{here.index}{place}-sample{here.sample}"
    paths = [viz.save(viz.neuron_story(here), folder / f"{name}.png", note)]
    if animate:
        paths.append(viz.neuron_film(here, folder / f"{name}.gif", note=note))
    return paths
