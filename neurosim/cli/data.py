"""``data``: show which data were found, where, and with which checksum."""

from __future__ import annotations

import argparse

from .. import data as datasets
from ..data.catalog import CATALOG
from ..errors import NeurosimError
from ..files.atomic import writable_folder
from ..text import thousands
from .figures import images_of
from .options import DATA, add_data_options, place, reading
from .session import figure_note
from .terminal import makes_files, wrapped

INDENT = 11  # characters before the text of a line of a description


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `data`."""
    add_data_options(parser)
    parser.add_argument(
        "--preview", action="store_true", help="save one picture that shows the first images of each class"
    )
    parser.add_argument(
        "--out", type=place, default="results", metavar="DIR", help="folder for the picture [%(default)s]"
    )


def run(arguments: argparse.Namespace) -> None:
    """Show which data were found, where, and with which checksum."""
    if arguments.preview:
        makes_files()
    folder = writable_folder(arguments.out) if arguments.preview else None
    name = "mnist" if arguments.data == DATA else arguments.data
    if name in CATALOG:
        print_sources(name)
    train, test = datasets.load(arguments.data, offline=arguments.offline, **reading(arguments))
    for part in (train, test):
        for line in part.describe().splitlines():
            print(wrapped(line, indent=INDENT))
    if folder is not None:
        import viz  # only here: without a picture the command does not wait for matplotlib

        images = images_of(train)
        if images is None:
            raise NeurosimError(f"--preview: expected pictures, received {train.noun}s")
        sheet = viz.contact_sheet(images, train.labels, class_names=train.class_names)
        print(f"preview: {viz.save(sheet, folder / f'{train.name}.png', figure_note(train))}")


def print_sources(name: str) -> None:
    """Print the folders in which a published data set is searched, and the files that were found."""
    print(f"searching for {name} in")
    for folder in datasets.search_path():
        print(f"  {folder}")
    found = datasets.inspect_sources(name)
    if not found:
        print("found no file of it there")
    for each in found:
        state = {True: "verified", False: "NOT the published file", None: "no checksum known"}[each.verified]
        print(f"{each.path}\n  {each.part}, {thousands(each.size)} bytes, {each.problem or state}")
        if each.sha256:
            print(f"  sha256 {each.sha256}")
    print()
