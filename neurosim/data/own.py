"""Your own data: a path becomes a training set and a test set, with notes about everything unusual."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..labels import in_order
from ..text import counted, listing, thousands
from .catalog import CATALOG, PARTS
from .columns import LABEL_COLUMN, MOST_CLASSES, TO_PREDICT_NUMBERS, Reading
from .dataset import Dataset
from .picture_folders import find_classes, read_classes
from .sources import Source, is_published, own_source, read_source
from .tables import Samples, read_csv

HELD_OUT = 1 / 6  # share of the test samples, for data without a test set; MNIST's share is 1/7
COPIES = 0.2  # share of test samples that are also in the training set; from this share on, a note names them
ONE_BYTE = 255
SHOWN = 6  # classes shown in a note
AS_STORED = "--transpose no, in Python transpose=False,"

Array = NDArray[Any]


def read_own(
    where: Path, reading: Reading, scale: str | float | None, taken: tuple[str, ...]
) -> tuple[Dataset, Dataset]:
    """Read a user's own file or folder.

    Args:
        where: The file or folder.
        reading: What the user says about the data.
        scale: How `Input` scales the samples; "auto" depends on their kind.
        taken: Names that the user's data cannot have.

    Raises:
        DataError: There is nothing that can be read, or the role of its parts is unclear.
    """
    if where.is_dir() and not _has_tables(where):
        train, test = find_classes(where)
        if train:
            _refuse(reading, f"folders of pictures in {where}")
            return _of_pictures(where, train, test, reading, scale, taken)
    source = own_source(where)
    if source.kind == "CSV":
        train_samples = read_csv(source.files[PARTS[0]], reading)
        test_file = source.files.get(PARTS[2])
        test_samples = None if test_file is None else read_csv(test_file, reading, train_samples.plan)
    else:
        _refuse(reading, f"{source.kind} files in {source.folder}")
        train_samples, test_samples = _from_arrays(source, reading)
    return _datasets(where, source, train_samples, test_samples, reading, scale, taken)


def _has_tables(folder: Path) -> bool:
    """Return whether a folder itself contains files of samples. They are preferred to folders of pictures."""
    return any(
        each.is_file() and re.search(r"idx\d-(ubyte|int)|\.(csv|tsv|npz)(\.gz)?$", each.name.lower())
        for each in folder.iterdir()
    )


def _refuse(reading: Reading, received: str) -> None:
    for option, given in (
        ("label_column", reading.label_column), ("target", reading.target), ("one_hot", reading.one_hot),
        ("missing", reading.missing),
    ):  # fmt: skip
        if given:
            raise DataError(f"{option}: expected a table (.csv) with this option, received {received}")


# -- pictures and arrays ----------------------------------------------------------------------------------------------


def _of_pictures(
    where: Path,
    train: dict[str, list[Path]],
    test: dict[str, list[Path]],
    reading: Reading,
    scale: str | float | None,
    taken: tuple[str, ...],
) -> tuple[Dataset, Dataset]:
    """Read folders of pictures as data sets."""
    if len(train) < 2:
        raise DataError(
            f"{where}: expected at least two folders of pictures, one for each class, received {len(train)}"
        )
    notes: list[str] = []
    names = tuple(train)
    for name in test:
        if name not in train:
            raise DataError(f"{where}: expected only classes of train in test, received {name!r}")
    images, labels, size = read_classes(train, names, None, notes)
    parts = [Samples(images, labels, class_names=names)]
    if test:
        images, labels, _ = read_classes(test, names, size, notes)
        parts.append(Samples(images, labels, class_names=names))
    _turn_light(parts, notes)
    parts[0].notes += notes
    return _finish(own_name(where, taken), (str(where), str(where)), parts, scale, reading)


def _turn_light(parts: list[Samples], notes: list[str]) -> None:
    """Make grey images light on dark, as in MNIST, if most of them are dark on light."""
    if parts[0].x.ndim > 3:
        return
    x = parts[0].x
    border = np.concatenate([x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1]], axis=1)
    if np.median(np.median(border, axis=1)) > 127:
        for part in parts:
            part.x = 255 - part.x
        notes.append("the images are dark on light. They are inverted to light on dark, as in MNIST")


def _from_arrays(source: Source, reading: Reading) -> tuple[Samples, Samples | None]:
    """Read IDX or npz files as samples."""
    arrays = read_source(source)
    train = Samples(arrays[PARTS[0]], arrays[PARTS[1]])
    return train, Samples(arrays[PARTS[2]], arrays[PARTS[3]]) if PARTS[3] in arrays else None


def _turned(parts: list[Samples], source: Source, reading: Reading) -> None:
    """Turn images upright if they are stored with rows and columns exchanged, as in all of EMNIST."""
    family = source.family or next(iter(re.findall(r"emnist-[a-z]+", source.files[PARTS[0]].name.lower())), "")
    emnist = family.startswith("emnist")
    pictures = parts[0].x.ndim > 2
    if reading.transpose and not pictures:
        raise DataError("transpose: expected images with this option, received a table")
    if pictures and (emnist if reading.transpose is None else reading.transpose):
        for part in parts:
            part.x = np.ascontiguousarray(part.x.swapaxes(1, 2))
        stored = f"because {family} stores images on their side ({AS_STORED} keeps them so)"
        why = stored if emnist else "as requested"
        parts[0].notes.append(f"the rows and columns of the images are exchanged, {why}")
    if emnist and (letters := _letters(source.folder, family)):
        for part in parts:
            if (
                part.labels is not None
                and part.labels.dtype.kind in "uif"
                and set(part.labels.tolist()) <= set(letters)
            ):
                part.labels = np.array([letters[int(label)] for label in part.labels.tolist()])


def _letters(folder: Path, family: str) -> dict[int, str]:
    """Return the meaning of the labels of a part of EMNIST, from its mapping file or as published."""
    path = folder / f"{family}-mapping.txt"
    if path.is_file():
        lines = [line.split() for line in path.read_text("utf-8", errors="replace").splitlines()[:100]]
        if all(len(line) > 1 and all(cell.isdecimal() for cell in line) for line in lines if line):
            return {int(line[0]): chr(int(line[1])) for line in lines if line}
    capitals, digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
    known = {
        "emnist-letters": dict(enumerate(capitals, 1)),
        "emnist-digits": dict(enumerate(digits)),
        "emnist-mnist": dict(enumerate(digits)),
        "emnist-balanced": dict(enumerate(digits + capitals + "abdefghnqrt")),
        "emnist-bymerge": dict(enumerate(digits + capitals + "abdefghnqrt")),
        "emnist-byclass": dict(enumerate(digits + capitals + capitals.lower())),
    }
    return known.get(family, {})


# -- samples to data sets ---------------------------------------------------------------------------------------------


def _datasets(
    where: Path, source: Source, train: Samples, test: Samples | None, reading: Reading, scale: str | float | None,
    taken: tuple[str, ...],
) -> tuple[Dataset, Dataset]:  # fmt: skip
    if train.labels is None:
        raise DataError(f"{source.files[PARTS[0]]}: expected a column of labels, received none")
    parts = [train]
    if test is not None and test.labels is not None:
        parts.append(test)
    elif test is not None:
        train.notes += test.notes
    names: tuple[str, ...] = ()
    name = published_name(source, parts)
    if name:
        names = CATALOG[name].class_names
        for part in parts:
            part.notes = []
    else:
        _turned(parts, source, reading)
        name = own_name(where, taken)
    for part in parts:
        part.class_names = part.class_names or names
    return _finish(name, _origins(source), parts, scale, reading)


def from_samples(
    name: str, source: Source, parts: list[Samples], notes: list[str], class_names: tuple[str, ...] = (),
    taken: tuple[str, ...] = (),
) -> tuple[Dataset, Dataset]:  # fmt: skip
    """Make data sets of samples from files with a published set's names. Without a `name`, they are the user's own."""
    if not name:
        name = published_name(source, parts)
        class_names = CATALOG[name].class_names if name else ()
        name = name or own_name(source.folder, taken)
    for part in parts:
        part.class_names = class_names
    parts[0].notes = [*notes]
    return _finish(name, _origins(source), parts, "auto", Reading(), published=name in CATALOG)


def _origins(source: Source) -> tuple[str, str]:
    paths = {str(path) for path in source.files.values()}
    origin = paths.pop() if len(paths) == 1 else str(source.folder)
    return origin, origin


def published_name(source: Source, parts: list[Samples]) -> str:
    """Return the name of the published set that these samples are, or an empty text."""
    arrays: dict[str, Array] = {}
    for at, part in enumerate(parts):
        if part.x.dtype != np.uint8 or part.x.ndim != 3 or part.labels is None or part.labels.dtype != np.uint8:
            return ""
        arrays |= {PARTS[2 * at]: part.x, PARTS[2 * at + 1]: part.labels}
    for published in CATALOG.values():
        if all(is_published(published, part, array, source.files[part]) for part, array in arrays.items()):
            return published.name
    return ""


def own_name(where: Path, taken: tuple[str, ...]) -> str:
    """Return a name for the user's data: that of the file, but never that of another data set."""
    stem = re.sub(
        r"\.(csv|tsv|txt|data|npz|zip)$", "", re.sub(r"\.gz$", "", where.resolve().name, flags=re.I), flags=re.I
    )
    if stem.lower() in CATALOG:
        return f"{stem} (unverified)"
    if stem.lower() in taken:
        return where.name if where.name != stem else f"own {stem}"
    return stem


def _finish(
    name: str, origins: tuple[str, str], parts: list[Samples], scale: str | float | None, reading: Reading,
    published: bool = False,
) -> tuple[Dataset, Dataset]:  # fmt: skip
    """Make data sets: name the classes, hold out a test set, fill empty cells, and note everything unusual."""
    notes = list(dict.fromkeys(note for part in parts for note in part.notes))
    kind = "image" if parts[0].x.ndim > 2 else "table"
    noun = "image" if kind == "image" else "row"
    raw = [np.asarray(part.labels) for part in parts]
    labels, class_names = (raw, ()) if reading.target else _classes(origins[0], parts, notes, reading)
    if scale == "auto" and kind == "table":
        scale = "standardize"
        notes.append(
            "features are standardized: minus their mean, divided by their standard deviation (of the training rows)"
        )

    def made(at: int, split: str) -> Dataset:
        names = parts[0].feature_names
        return Dataset(
            parts[at].x, labels[at], name, split, origins[at], class_names,
            kind=kind, feature_names=names, scaling=scale,
        )  # fmt: skip

    train = made(0, "train")
    if len(parts) > 1:
        test = made(1, "test")
        notes += [] if published else _copies(train, test)
    else:
        count = max(1, round(HELD_OUT * len(train)))
        train, test = train.hold_out(count, np.random.default_rng(reading.split_seed))
        test = replace(test, split="test")
        are = "is" if len(test) == 1 else "are"
        notes.append(
            f"there is no labelled test set, so {len(test):,} of the training {noun}s {are} held out as the test set"
        )
    if class_names and (strange := np.setdiff1d(test.labels, train.labels)).size:
        few = listing([class_names[k] for k in strange.tolist()[:SHOWN]])
        notes.append(f"the test set has {noun}s of {few}, but the training set has none".replace(";", ","))
    if reading.missing == "mean" and train.x.dtype.kind == "f":
        train, test = _filled(train, test, notes)
    note = "; ".join(notes)
    return replace(train, note=note), replace(test, note=note)


def _classes(
    where: str, parts: list[Samples], notes: list[str], reading: Reading
) -> tuple[list[Array], tuple[str, ...]]:
    """Return the labels as class indices, and the names of the classes.

    Raises:
        DataError: They are not class labels, or there is only one class.
    """
    raw = [np.asarray(part.labels) for part in parts]
    train = np.unique(raw[0])
    if len(train) < 2:
        raise DataError(
            f"{where}: expected samples of at least two classes, received the label {_plain(train[0].item())} for all "
            f"samples. If the labels are in another column, use {LABEL_COLUMN}"
        )
    if raw[0].dtype.kind != "U":
        _check_many(where, raw[0], train)
    if parts[0].class_names:
        return raw, parts[0].class_names
    if any(each.dtype.kind == "U" for each in raw):
        labels, names = _by_name(raw, key=in_order)
        notes += _nearly_the_same(names)
        return labels, names
    both = np.concatenate(raw)
    if not (both == np.floor(both)).all():
        raise DataError(
            f"{where}: expected class labels, received fractions such as "
            f"{float(both[both != np.floor(both)][0]):g}. {TO_PREDICT_NUMBERS}"
        )
    if both.min() < 0 or len(np.unique(both)) <= both.max() / 2:  # more than half of the classes would be empty
        return _by_name(raw, key=lambda name: (float(name), name))
    names = tuple(map(str, range(int(both.max()) + 1)))
    empty = [str(k) for k in range(len(names)) if not (both == k).any()]
    if empty:
        few = listing(empty) if len(empty) <= SHOWN else f"{listing(empty[:SHOWN])} and {len(empty) - SHOWN} others"
        plural = "labels" if len(empty) > 1 else "label"
        notes.append(f"there are {len(names)} classes, but no sample has the {plural} {few}")
        if reading.transpose is None and int(both.min()) == 1 and parts[0].x.shape[1:] == (28, 28):
            notes.append(
                "labels from 1 may be those of EMNIST's letters. Their images lie on their side: use --transpose yes "
                "(in Python: transpose=True)"
            )
    return [each.astype(np.uint8 if len(names) <= ONE_BYTE + 1 else np.int64) for each in raw], names


def _check_many(where: str, labels: Array, different: Array) -> None:
    """Refuse labels that are numbers and hardly repeat: they are amounts."""
    gaps = different[-1] - different[0] >= len(different)
    if (len(labels) >= 10 and len(different) > len(labels) / 2) or (gaps and len(different) > MOST_CLASSES):
        raise DataError(
            f"{where}: expected class labels, received {thousands(len(different))} different numbers in "
            f"{thousands(len(labels))} rows. If the labels are in another column, use {LABEL_COLUMN}. "
            f"{TO_PREDICT_NUMBERS}"
        )


def _nearly_the_same(names: tuple[str, ...]) -> list[str]:
    """Return a note if the names of two classes differ only in capital letters: they may be one class."""
    first: dict[str, str] = {}
    for name in names:
        if len(name) > 1 and first.setdefault(name.lower(), name) != name:
            return [f"{first[name.lower()]} and {name} are two classes that differ only in capital letters"]
    return []


def _plain(label: Any) -> str:
    return f"{label:.15g}" if isinstance(label, float) else str(label)


def _by_name(raw: list[Array], key: Callable[[str], Any]) -> tuple[list[Array], tuple[str, ...]]:
    texts = [[_plain(label) for label in each.tolist()] for each in raw]
    # sorted twice: "a" and "A" are equal to `key`, but always have the same order
    names = tuple(sorted(sorted({text for each in texts for text in each}), key=key))
    index = {name: k for k, name in enumerate(names)}
    return [np.array([index[text] for text in each], np.int64) for each in texts], names


def _copies(train: Dataset, test: Dataset) -> list[str]:
    """Return a note if many test samples are also training samples."""
    seen = {row.tobytes() for row in train.x}
    count = sum(row.tobytes() in seen for row in test.x)
    if count == len(test):
        return [f"every test {test.noun} is also a training {test.noun}, so the test says nothing about new ones"]
    if count >= COPIES * len(test):
        return [f"{thousands(count)} of {thousands(len(test))} test {test.noun}s are also training {test.noun}s"]
    return []


def _filled(train: Dataset, test: Dataset, notes: list[str]) -> tuple[Dataset, Dataset]:
    """Fill empty cells with the mean of their column in the training rows."""
    holes = [np.isnan(part.x) for part in (train, test)]
    count = int(sum(each.sum() for each in holes))
    if not count:
        return train, test
    if (empty := holes[0].all(axis=0)).any():
        k = int(np.argmax(empty))
        name = f" ({train.feature_names[k]})" if train.feature_names else ""
        raise DataError(
            f"{train.source}: expected numbers in each column, received none for feature {k + 1}{name}; remove the "
            "column from the file"
        )
    means = np.nanmean(train.x, axis=0)
    is_or_are = "is" if count == 1 else "are"
    notes.append(f"{counted(count, 'empty cell')} {is_or_are} filled with the mean of the column in the training rows")
    return (
        replace(train, x=np.where(holes[0], means, train.x)),
        replace(test, x=np.where(holes[1], means, test.x)),
    )
