"""``step``: walk through one neuron at a prompt, from a script, or as one document."""

from __future__ import annotations

import argparse
import io
import json
import os
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
from .figures import draw_boundary
from .options import (
    MIN_TRAIN_SIZE,
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
PATIENCE = 1.0  # seconds that a silent pipe has for its first command


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of `step`."""
    add_data_options(parser)
    add_settings(parser, SETTINGS)
    group = parser.add_argument_group("which network")
    group.add_argument(
        "--model", type=place, metavar="FILE", help="a network saved by train; without it one is trained now"
    )
    group.add_argument("--train-size", type=at_least(MIN_TRAIN_SIZE), metavar="N", help="training samples [all]")
    group.add_argument("--seed", type=at_least(0), metavar="N", help=f"of a network trained now [{SEED}]")
    group = parser.add_argument_group("where to look")
    group.add_argument("--layer", type=at_least(0), metavar="L", help="layer, 0 being the input [an interesting one]")
    group.add_argument(
        "--neuron", type=at_least(0), metavar="J", help="neuron of that layer, from 0 [an interesting one]"
    )
    group.add_argument(
        "--at", type=row_and_column, metavar="R,C", help="row and column of a filter [where its |delta| is largest]"
    )
    group.add_argument(
        "--sample",
        type=which_sample,
        metavar="I",
        help="test sample, from 0; misread: the first that is read wrongly; or a picture of your own, to walk through "
        "it forward [one that is read wrongly or barely]",
    )
    group.add_argument(
        "--top", type=at_least(1), default=5, metavar="K", help="terms of each sum to show [%(default)s]"
    )
    group.add_argument("--json", action="store_true", help="print everything as one JSON document")
    group.add_argument("--plot", type=place, metavar="DIR", help="draw the neuron's story into this folder")
    group.add_argument("--animate", action="store_true", help="with --plot: the walk as a GIF, too")


def which_sample(text: str) -> int | str | Path:
    """An argument type: the number of a sample, the word misread, or a file."""
    return Path(text) if os.path.isfile(text) else text if text == "misread" else at_least(0)(text)


def row_and_column(text: str) -> tuple[int, int]:
    """An argument type: a place of an image, two whole numbers from 0."""
    words = text.split(",")
    if len(words) != 2:
        raise argparse.ArgumentTypeError(f"expected a row and a column, such as 10,12, received {text!r}")
    return at_least(0)(words[0]), at_least(0)(words[1])


def run(arguments: argparse.Namespace) -> None:
    """Walk through one neuron: forward, backward and update, number by number."""
    if arguments.animate and not arguments.plot:
        raise NeurosimError("--animate: expected --plot DIR with it, to say where the GIF goes")
    if arguments.plot:
        makes_files()
    own = arguments.sample if isinstance(arguments.sample, Path) else None
    if own is not None:
        read_picture(own)  # before the work, not after it
        arguments.sample = None
        if arguments.plot:
            raise NeurosimError("--plot: expected --sample with a test sample: a picture without a label has no story")
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
    """Walk through a picture of one's own: forward, since it has no label."""
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
    print(here.explain(arguments.top))
    print()
    say(
        f"Another neuron: --layer L --neuron J. The way back and the update need a label, which {path.name} has not: "
        f"`{command_line('step')} --sample 0` walks through a test sample, with a prompt."
    )


def start(arguments: argparse.Namespace) -> Session:
    """The network asked for, trained now or loaded, with its data.

    Raises:
        NeurosimError: options that do not go together, or a place that does not exist.
    """
    if arguments.model is None:
        data, settings = load_with_settings(arguments, Settings(**SETTINGS | given_settings(arguments)))
        session = Session.new(settings, *data, SEED if arguments.seed is None else arguments.seed)
        session.check_place(arguments.layer, arguments.neuron, arguments.sample, arguments.at)
        if session.settings.epochs:
            history = session.fit(session.settings.callbacks())
            if asked_to_end():  # Ctrl-C ends the training alone: the walk goes on with what there is
                raise Ended
            print(session.trained_in(history))
        return session
    return load_for(arguments, [] if arguments.seed is None else ["seed"])


def walk(stepper: Stepper, top: int, note: str) -> None:
    """Walk at the prompt, or from the commands that stand on standard input; without either, print the whole walk."""
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
    """Standard input, if commands stand on it; None if it is empty, closed, or nobody writes to it."""
    if sys.stdin is None:
        return None
    try:
        kind = os.fstat(sys.stdin.fileno()).st_mode
        if os.name == "posix" and not stat.S_ISREG(kind) and not select.select([sys.stdin], [], [], PATIENCE)[0]:
            return None  # a pipe that is open, but silent: nobody is there
        text = sys.stdin.read()
    except (OSError, ValueError):
        return None
    return io.StringIO(text) if text.strip() else None


def draw(stepper: Stepper, folder: Path, note: str, animate: bool = False) -> list[Path]:
    """Draw the present neuron's story, and with `animate` the walk as a GIF; returns their paths."""
    import viz  # only here: a walk without pictures need not wait for matplotlib

    here = stepper.neuron_trace
    place = "" if here.row is None else f"-row{here.row}-column{here.column}"
    name = f"layer{here.layer}-neuron{here.index}{place}-sample{here.sample}"
    paths = [viz.save(viz.neuron_story(here), folder / f"{name}.png", note)]
    if animate:
        paths.append(viz.neuron_film(here, folder / f"{name}.gif", note=note))
    return paths
