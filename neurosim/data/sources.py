"""The search for data sets: the places, the files found there, and whether they are the published ones."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from os.path import isfile  # unlike Path.is_file, it returns False for a file in a forbidden folder
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..files.atomic import file_size, sha256_of
from ..places import cache_folder
from ..text import command_line
from .arrays import read_npz
from .catalog import CATALOG, PARTS, Published, file_stem
from .columns import Reading
from .delimited import read_header
from .idx import idx_sha256, read_idx
from .pictures import SUFFIXES
from .tables import read_csv

_TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
_OTHER_TABLES = (".txt", ".data", ".txt.gz", ".data.gz", ".zip")  # tables only if the user names them
_PICKLES = (".pkl", ".pickle", ".pkl.gz", ".joblib", ".pt", ".pth", ".pkl.bz2")
_FAMILY = re.compile(r"(emnist-[a-z]+|qmnist)-(train|test)-(images|labels)[-.]idx\d-(?:ubyte|int)(?:\.gz)?")
_ACCEPTED = "a .csv file, an .npz file or a folder with data"
_IN_A_FOLDER = (
    "The folder needs train.csv (and test.csv) or one folder of pictures per class. It can also have "
    "train-images-idx3-ubyte and train-labels-idx1-ubyte (or .gz; t10k-... for testing)"
)
_NPZ_NAMES = dict(zip(PARTS, ("x_train", "y_train", "x_test", "y_test"), strict=True))


@dataclass(frozen=True)
class Source:
    """The files of one data set in one folder.

    Args:
        kind: ``"IDX"``, ``"CSV"`` or ``"npz"``.
        folder: The folder of the files.
        files: The file of each existing part (of `PARTS`); one file may contain several parts.
        chosen: Whether the user named the folder. Its files are then used or refused, but not skipped.
        family: The name of a set of EMNIST or QMNIST: ``"emnist-letters"``, ``"qmnist"``.
    """

    kind: str
    folder: Path
    files: dict[str, Path]
    chosen: bool = False
    family: str = ""


@dataclass(frozen=True)
class Found:
    """One part of a data set that was found, for a report.

    Args:
        part: One of `PARTS`.
        path: The file that contains it.
        size: The size of the file in bytes.
        sha256: The checksum of the part as an uncompressed IDX file; empty if it could not be read.
        verified: True if it is the published part, False if not, None if no checksum can tell.
        problem: What is wrong with it, or empty.
    """

    part: str
    path: Path
    size: int
    sha256: str
    verified: bool | None
    problem: str = ""


def search_path(folder: str | os.PathLike[str] | None = None) -> list[Path]:
    """Return the folders that are searched for data sets, in this order, whether they exist or not."""
    named = [os.fspath(folder)] if folder else []
    named += [value] if (value := os.environ.get("NEUROSIM_DATA")) else []
    paths = [*(Path(os.path.expanduser(name)) for name in named), Path("data"), Path(), cache_folder()]
    return list(dict.fromkeys(path.absolute() for path in paths))


def find_sources(published: Published, folder: str | os.PathLike[str] | None = None) -> Iterator[Source]:
    """Yield every set of files with the names of a published data set, in the order of the search."""
    own_names = tuple(f"/{name}" for name in published.folders)
    for number, place in enumerate(search_path(folder)):
        chosen = folder is not None and number == 0
        # MNIST's relatives use MNIST's file names, so these count only in a folder with the set's name or a chosen one
        if published.name == "mnist" or chosen or place.as_posix().endswith(own_names):
            yield from _sources_in(place, published.csv, chosen)
        else:
            yield from _csv_sources(place, published.csv, chosen)
        for name in published.folders:
            yield from _sources_in(place / name, published.csv, chosen)


def own_source(path: Path) -> Source:
    """Return the source for the user's own folder or file.

    Raises:
        DataError: The path does not exist, or nothing there can be read.
    """
    lower = path.name.lower()
    if path.is_dir():
        return _own_folder(path)
    if match := _FAMILY.fullmatch(path.name):
        return _families(path.parent)[match[1]]
    if lower.endswith(_PICKLES):
        raise _pickled(path)
    file_size(path)
    if lower.endswith(".npz"):
        return Source("npz", path.parent, dict.fromkeys(PARTS, path), chosen=True)
    if lower.endswith(_TABLES + _OTHER_TABLES):
        return Source("CSV", path.parent, dict.fromkeys(PARTS[:2], path), chosen=True)
    if lower.endswith(SUFFIXES):
        raise DataError(
            f"{path}: expected {_ACCEPTED}, received one picture. To train, give a folder with one folder of pictures "
            f"per class. To read a picture with a trained network, use `{command_line('predict')}`"
        )
    raise DataError(
        f"{path}: expected {_ACCEPTED}, received another file. {_IN_A_FOLDER}. For IDX files, give the folder"
    )


def _own_folder(path: Path) -> Source:
    names = sorted(file.name for file in path.iterdir() if file.name.lower().endswith(_TABLES))
    test = [name for name in names if "test" in name.lower() and "train" not in name.lower()]
    rest = [name for name in names if name not in test]
    train = [name for name in rest if "train" in name.lower()] or rest
    pairs = ((train[0], test[0] if test else ""),) if len(train) == 1 and len(test) < 2 else ()
    for source in _sources_in(path, pairs, chosen=True):
        return source
    families = _families(path)
    if len(families) == 1:
        return next(iter(families.values()))
    if families:
        raise DataError(
            f"{path}: expected one data set, received {', '.join(families)}; choose one by the path of one of its files"
        )
    arrays = sorted(path.glob("*.npz"))
    if len(arrays) == 1:
        return Source("npz", path, dict.fromkeys(PARTS, arrays[0]), chosen=True)
    if pickles := sorted(file for file in path.iterdir() if file.name.lower().endswith(_PICKLES)):
        raise _pickled(pickles[0])
    listed = ", ".join(sorted(os.listdir(path))[:5]) or "nothing"
    raise DataError(f"{path}: expected {_ACCEPTED}, received a folder with {listed}. {_IN_A_FOLDER}")


def _families(folder: Path) -> dict[str, Source]:
    """Return the sets of EMNIST and QMNIST in a folder, by name."""
    files: dict[str, dict[str, Path]] = {}
    for file in sorted(folder.iterdir(), reverse=True):  # of two, the uncompressed file wins
        if match := _FAMILY.fullmatch(file.name):
            split = "train" if match[2] == "train" else "t10k"
            files.setdefault(match[1], {})[f"{split}-{match[3]}"] = file
    sources = {}
    for family, found in sorted(files.items()):
        if not found.keys() >= set(PARTS[:2]):
            raise DataError(f"{folder}: expected {family}-train-images and {family}-train-labels, received one of them")
        kept = found if found.keys() >= set(PARTS) else {part: found[part] for part in PARTS[:2]}
        sources[family] = Source("IDX", folder, kept, True, family)
    return sources


def _pickled(path: Path) -> DataError:
    return DataError(
        f"{path}: neurosim does not read pickles, because a pickle can run code. If you trust it, load it in a program "
        'and write np.savez("own.npz", x_train=..., y_train=..., x_test=..., y_test=...). Then load own.npz'
    )


def read_source(source: Source) -> dict[str, NDArray[Any]]:
    """Read the existing parts, and check that they belong together.

    Returns:
        An array for each part. The parts of the test set are missing if it has no labels.

    Raises:
        DataError: A file cannot be read, or its counts or image sizes do not match those of the other files.
    """
    arrays: dict[str, NDArray[Any]] = {}
    if source.kind == "npz":
        stored = read_npz(next(iter(source.files.values())))
        arrays = {part: stored[name] for part, name in _NPZ_NAMES.items() if name in stored}
        if len(arrays) < len(PARTS):
            arrays = {part: arrays[part] for part in PARTS[:2]}  # half a test set is useless
    plan = None
    for images_part, labels_part in (PARTS[:2], PARTS[2:]):
        if source.kind == "IDX" and images_part in source.files:
            arrays[images_part] = read_idx(source.files[images_part], 3)
            labels_file = source.files[labels_part]
            wide = "idx2" in labels_file.name  # QMNIST's: the class is the first of eight numbers
            arrays[labels_part] = read_idx(labels_file, 2)[:, 0] if wide else read_idx(labels_file, 1)
        elif source.kind == "CSV" and images_part in source.files:
            path = source.files[images_part]
            first = Reading() if read_header(path) else Reading(label_column="first")  # as it is published
            read = read_csv(path, first, plan)
            plan = plan or read.plan
            if read.labels is not None:
                arrays[images_part], arrays[labels_part] = read.x, read.labels
        images_read, labels_read = arrays.get(images_part), arrays.get(labels_part)
        if images_read is not None and labels_read is not None and len(images_read) != len(labels_read):
            raise DataError(
                f"{source.files[labels_part]}: expected {len(images_read):,} labels, one for each image of "
                f"{source.files[images_part].name}, received {len(labels_read):,}"
            )
    train, test = arrays["train-images"], arrays.get("t10k-images")
    what = "images" if train.ndim > 2 else "rows"
    if test is not None and test.shape[1:] != train.shape[1:]:
        raise DataError(
            f"{source.files['t10k-images']}: expected {what} of {_by(train)} as in "
            f"{source.files['train-images'].name}, received {_by(test)}"
        )
    return arrays


def _by(samples: NDArray[Any]) -> str:
    return " x ".join(map(str, samples.shape[1:]))


def is_published(published: Published, part: str, array: NDArray[Any], path: Path) -> bool | None:
    """Return whether an array read from `path` is this part of a published set; None if no checksum can tell."""
    if array.dtype != np.uint8:
        return False
    digest = idx_sha256(array)
    for other in CATALOG.values():
        if other.checksum_of == "idx" and digest in other.checksums.values():
            return other is published and other.checksums[part] == digest
    if published.checksum_of == "gz":
        # a different checksum proves nothing: the same images may have been compressed again, or unpacked
        return sha256_of(path) == published.checksums[part] or None
    # Kaggle's digit competition has its own 42,000 images of MNIST; we know no checksum of them
    return None if path.name == "train.csv" and _is_kaggle_digits(path) else False


def inspect_sources(name: str = "mnist", folder: str | os.PathLike[str] | None = None) -> list[Found]:
    """Return everything that `load(name, folder=folder)` would find, read and checked, best first.

    Args:
        name: A published data set.
        folder: The same as for `load`.

    Returns:
        One entry for each part of each set of files, with its checksum and what is wrong with it.
    """
    if name not in CATALOG:
        raise DataError(f"expected one of {', '.join(CATALOG)}, received {name!r}")
    published, found = CATALOG[name], []
    for source in find_sources(published, folder):
        try:
            arrays, problem = read_source(source), ""
        except DataError as error:
            arrays, problem = {}, str(error)
        for part in PARTS:
            path = source.files.get(part)
            if path is None:
                missing = source.folder / file_stem(part)
                found.append(Found(part, missing, 0, "", False, f"{missing.name} is missing"))
            elif part not in arrays:
                reason = problem or f"{path.name} contains no labelled test set"
                found.append(Found(part, path, path.stat().st_size, "", False, reason))
            else:
                verified, digest = is_published(published, part, arrays[part], path), idx_sha256(arrays[part])
                wrong = f"not the {part} of {name}: its checksum differs" if verified is False else ""
                found.append(Found(part, path, path.stat().st_size, digest, verified, wrong))
    return found


def _sources_in(folder: Path, csv: tuple[tuple[str, str], ...], chosen: bool) -> Iterator[Source]:
    files = {part: file for part in PARTS if (file := _idx_file(folder, part))}
    if files.keys() >= set(PARTS[:2]):
        if not files.keys() >= set(PARTS[2:]):
            files = {part: files[part] for part in PARTS[:2]}
        yield Source("IDX", folder, files, chosen)
    if isfile(npz := folder / "mnist.npz"):
        yield Source("npz", folder, dict.fromkeys(PARTS, npz), chosen)
    yield from _csv_sources(folder, csv, chosen)


def _csv_sources(folder: Path, csv: tuple[tuple[str, str], ...], chosen: bool) -> Iterator[Source]:
    for train, test in csv:
        if not isfile(folder / train):
            continue
        if train == "train.csv" and not chosen and not _is_kaggle_digits(folder / train):
            continue
        files = dict.fromkeys(PARTS[:2], folder / train)
        if test and isfile(folder / test):
            files |= dict.fromkeys(PARTS[2:], folder / test)
        yield Source("CSV", folder, files, chosen)


def _is_kaggle_digits(path: Path) -> bool:
    """Return whether a ``train.csv``, the usual name in competitions, has the columns of Kaggle's digits."""
    try:
        return read_header(path)[:2] == ["label", "pixel0"]
    except DataError:
        return False


def _idx_file(folder: Path, part: str) -> Path | None:
    """Return the IDX file of a part under any of its usual names, also inside a folder of that name (as at Kaggle)."""
    stem = file_stem(part)
    stems = [stem, stem.replace("t10k", "test")] if part.startswith("t10k") else [stem]
    names = [name for each in stems for name in (each, each.replace("-idx", ".idx"))]
    names += [name + ".gz" for name in names]
    for name in names:
        if isfile(folder / name):
            return folder / name
    for name in names:
        for nested in names:
            if isfile(folder / name / nested):
                return folder / name / nested
    return None
