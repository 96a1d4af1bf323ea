"""``predict``: let a saved network read the user's own pictures."""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

from ..data.drawings import Drawing, as_samples, picture_shape, read_drawing
from ..data.pictures import picture_files
from ..errors import DataError
from ..files.atomic import writable_folder, write_text
from ..network import Network
from ..text import NARROW, certainty, counted, number, picture_size
from .options import place
from .picture import has_blocks, picture
from .terminal import WIDTH, complain, makes_files, say

SHOWN = 3  # pictures that are drawn in the terminal
SHEET = 60  # pictures on one sheet
WIDEST = 40  # pixels: a wider picture is not drawn in the terminal
LISTED = 14  # classes beside a picture
BAR = 20  # characters of a bar for a probability of 1


@dataclass(frozen=True)
class Reading:
    """The prediction of a network for a picture.

    Attributes:
        path: the path of the picture.
        drawing: the picture in the form that the network takes.
        outputs: (n,) the probability of each class, or the outputs if they are not probabilities.
        prediction: the name of the class; for a single output that is not a probability, its value.
        value: the probability of the prediction, or its output.
    """

    path: Path
    drawing: Drawing
    outputs: list[float]
    prediction: str
    value: float


@dataclass(frozen=True)
class Classes:
    """The meaning of a network's outputs.

    Attributes:
        names: the names of the classes, in their order.
        shares: whether the outputs are probabilities.
    """

    names: list[str]
    shares: bool

    @classmethod
    def of(cls, network: Network) -> Classes:
        """Find the classes of a network. A single output that is a probability stands for two classes."""
        shares, count = network.output.activation.range == (0.0, 1.0), network.output.n_out
        if count == 1 and not shares:
            return cls(["output"], False)
        return cls(list(network.class_names) or [str(k) for k in range(max(count, 2))], shares)

    def value(self, value: float) -> str:
        """Write a probability in percent, or an output that is not a probability as a number."""
        if not self.shares:
            return number(value, 3)
        return certainty(value).replace(NARROW, " ").replace("< ", "under ").replace("> ", "over ")

    def best(self, outputs: Sequence[float], count: int) -> list[int]:
        """Return the classes of the largest outputs, the largest first."""
        return sorted(range(len(outputs)), key=lambda k: -outputs[k])[:count]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `predict`."""
    parser.add_argument("model", type=place, metavar="FILE", help="a network saved by train, e.g. runs/latest/net.npz")
    parser.add_argument(
        "pictures",
        nargs="+",
        type=place,
        metavar="PICTURE",
        help="a picture of any size (PNG, JPEG, ...), or a folder of pictures",
    )
    parser.add_argument(
        "--invert",
        choices=("yes", "no"),
        help="yes: the picture is black on white; no: white on black, as in MNIST [chosen from each picture's border]",
    )
    parser.add_argument(
        "--as-is",
        action="store_true",
        help="only scale the pictures; without this option, they are also cropped and centred, as in MNIST",
    )
    parser.add_argument(
        "--out", type=place, metavar="DIR", help="write predictions.csv, pixels.csv and pictures.png into this folder"
    )


def run(arguments: argparse.Namespace) -> None:
    """Read pictures with a saved network, and print a line for each picture."""
    if arguments.out:
        makes_files()
    network = Network.load(arguments.model)
    shape = picture_shape(network)
    folder = writable_folder(arguments.out) if arguments.out else None
    invert = None if arguments.invert is None else arguments.invert == "yes"
    classes = Classes.of(network)
    files, failed = files_of(arguments.pictures)
    width, readings = max((len(str(file)) for file in files), default=0), []
    if files:
        say(explanation(shape, arguments.as_is))
    for file in files:
        try:
            drawing = read_drawing(file, shape, invert, arguments.as_is)
        except DataError as error:
            complain(str(error))
            failed += 1
            continue
        readings.append(reading_of(network, file, drawing, classes))
        print(line_of(readings[-1], classes, width), flush=True)
        if len(files) <= SHOWN:
            print("\n".join(shown(readings[-1], classes)), flush=True)
    if folder is not None and readings:
        for path in written(readings, classes, folder, f"network: {arguments.model}"):
            print(path)
    if failed:
        read = f"{counted(len(readings), 'picture')} read" if readings else "no picture was read"
        print(f"{read}; {counted(failed, 'error')}, see above")
        sys.exit(2)


def files_of(pictures: Sequence[str]) -> tuple[list[Path], int]:
    """Return the files that the command line names. Complain of each word that names none, and count these words."""
    files, failed = [], 0
    for each in pictures:
        try:
            files += picture_files(each)
        except DataError as error:
            complain(str(error))
            failed += 1
    return files, failed


def reading_of(network: Network, path: Path, drawing: Drawing, classes: Classes) -> Reading:
    """Return the prediction of a network for a drawing."""
    proba = network.predict_proba(as_samples(network, [drawing]))  # (1, n)
    k, outputs = int(network.decide(proba)[0]), proba[0].tolist()
    if len(outputs) < len(classes.names):
        outputs = [1.0 - outputs[0], outputs[0]]
    if len(classes.names) == 1:
        return Reading(path, drawing, outputs, number(outputs[0], 3), outputs[0])
    return Reading(path, drawing, outputs, classes.names[k], outputs[k])


def explanation(shape: tuple[int, ...], as_is: bool) -> str:
    """Describe in a sentence what is done to each picture."""
    size = picture_size(*shape[:2])
    if as_is or len(shape) == 3:
        return f"each picture is scaled to {size}, the size of the network's input, and not cropped or moved"
    box = f"{number(min(shape) * 20 / 28, 3)}"
    return (
        f"each drawing is cropped, scaled to {box} pixels and centred in {size} by its centre of mass, as in MNIST "
        "(--as-is: only scaled)"
    )


def line_of(reading: Reading, classes: Classes, width: int) -> str:
    """Return a picture's line: its name, the two likeliest classes, their probabilities, and how it was read.

    If that is too long for one line of the terminal, a second one says how it was read.
    """
    said = [reading.prediction]
    if len(classes.names) > 1:
        second = classes.best(reading.outputs, 2)[1]
        said = [f"{reading.prediction}: {classes.value(reading.value)}"]
        said.append(f"then {classes.names[second]}: {classes.value(reading.outputs[second])}")
    line, how = f"{reading.path!s:<{width}}  {', '.join(said)}", reading.drawing.said
    return f"{line}; {how}" if len(line) + len(how) + 2 <= WIDTH else f"{line}\n  {how}"


def shown(reading: Reading, classes: Classes) -> list[str]:
    """Return the picture as the network sees it, and beside it each class with its probability."""
    pixels = reading.drawing.pixels if reading.drawing.pixels.ndim == 2 else reading.drawing.pixels.mean(axis=2)
    blocks, width = has_blocks(sys.stdout), pixels.shape[1]
    left = picture(pixels, blocks).splitlines() if width <= WIDEST else []
    right = []
    listed = sorted(classes.best(reading.outputs, LISTED))  # sorted by class
    longest = max(len(classes.names[k]) for k in listed)
    for k in listed:
        a = reading.outputs[k]
        bar = ("█" if blocks else "#") * round(BAR * a) if classes.shares else ""
        right.append(f"{classes.names[k]:<{longest}} {classes.value(a):>11}  {bar}")
    return [f"  {a:<{width if left else 0}}  {b}".rstrip() for a, b in zip_longest(left, right, fillvalue="")]


def written(readings: Sequence[Reading], classes: Classes, folder: Path, note: str) -> list[Path]:
    """Write predictions, pixels and sheets of pictures. Return the paths."""
    import viz  # only here: a prediction does not wait for matplotlib

    header = ["file", "prediction", "probability" if classes.shares else "value", *classes.names]
    rows = [[each.path, each.prediction, f"{each.value:.6g}", *(f"{a:.6g}" for a in each.outputs)] for each in readings]
    pixels = [[each.path, *each.drawing.pixels.ravel().tolist()] for each in readings]
    numbers = [f"pixel{k}" for k in range(readings[0].drawing.pixels.size)]
    paths = [
        write_csv(folder / "predictions.csv", [header, *rows]),
        write_csv(folder / "pixels.csv", [["file", *numbers], *pixels]),
    ]
    for first in range(0, len(readings), SHEET):
        part = readings[first : first + SHEET]
        sheet = viz.readings(
            [each.drawing.original for each in part],
            [each.drawing.pixels for each in part],
            np.array([each.outputs for each in part]),
            classes.names,
            [str(each.path) for each in part],
            shares=classes.shares,
        )
        name = f"pictures-{first // SHEET + 1}.png" if first else "pictures.png"
        paths.append(viz.save(sheet, folder / name, note))
    return paths


def write_csv(path: Path, rows: Sequence[Sequence[object]]) -> Path:
    """Write rows as a CSV file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return write_text(path, text.getvalue())
