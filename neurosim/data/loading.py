"""`load` turns a name or a path into a training set and a test set."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..checks import check_count, check_number
from ..errors import DataError, NeurosimError
from ..places import cache_folder
from ..registry import did_you_mean
from .catalog import CATALOG, DIGIT_NAMES, PARTS, Published
from .columns import Reading
from .dataset import Dataset
from .digits import draw_digits
from .own import from_samples, read_own
from .sources import Source, find_sources, is_published, read_source, search_path
from .tables import Samples
from .toys import TOYS

NAMES = ("auto", *CATALOG, "digits", *TOYS)
"""The data sets that `load` knows by name; everything else is a path."""

NOT_MNIST = "NOT MNIST"
"""The beginning of the note if other digits replace MNIST."""

SCALES = ("auto", "standardize", "none")

_DIGITS = (10_000, 2_000)  # images drawn for training, and for testing
_POINTS = 400  # points of a toy set, for training and also for testing
_QUICK_TIMEOUT = 4.0  # seconds that "auto" waits for the internet before it draws digits


def load(
    name: str | os.PathLike[str] = "auto",
    *,
    folder: str | os.PathLike[str] | None = None,
    offline: bool = False,
    progress: bool = True,
    seed: int = 0,
    scale: str | float | None = "auto",
    label_column: str | int = "",
    target: Sequence[str | int] = (),
    one_hot: Sequence[str | int] = (),
    missing: str = "",
    transpose: bool | None = None,
    split_seed: int = 0,
) -> tuple[Dataset, Dataset]:
    """Load a data set by name, or your own data by their path.

    Args:
        name: A name or the path of a folder or a file. ``"mnist"``, ``"fashion-mnist"`` and ``"kmnist"`` are searched
            for on `search_path`, otherwise downloaded into the cache. ``"digits"`` is the built-in set. ``"auto"`` is
            MNIST, or the built-in digits if MNIST can neither be found nor downloaded. ``"moons"``, ``"circles"``,
            ``"spirals"``, ``"xor"`` and ``"blobs"`` are points in the plane.
        folder: The first folder to search for a published data set.
        offline: Whether downloads are forbidden, as ``NEUROSIM_OFFLINE=1`` does.
        progress: Whether a download shows a progress bar.
        seed: The seed of the built-in digits and the points.
        scale: How a network scales the samples: "standardize", a number to multiply by, or None. "auto" scales pixels
            as `neurosim.samples` describes, and standardizes features.
        label_column: For your own table: a name, a number from 1, "first" or "last"; empty: it is found from the data.
        target: For your own table: names (or numbers from 1) of columns of numbers to predict, instead of classes.
        one_hot: For your own table: names (or numbers from 1) of columns to encode as one-hot columns.
        missing: For your own table: "mean" fills empty cells, "drop" leaves out their rows; empty: they are refused.
        transpose: For your own images: whether to exchange rows and columns; None: exchanged only if the file's name is
            one of EMNIST's.
        split_seed: For your own data: the seed that draws the test samples if there is no test set.

    Returns:
        The training set and the test set. Their `note` describes everything unusual about them.

    Raises:
        DataError: The name is unknown, nothing was found, or the files cannot be read or have the wrong contents.
        NeurosimError: An argument has a wrong type or value.

    Example:
        >>> train, test = load("digits")
        >>> train.images.shape, test.images.shape
        ((10000, 28, 28), (2000, 28, 28))
    """
    if not isinstance(name, (str, os.PathLike)):
        raise DataError(
            f"expected the name or the path of a data set, received an object of type {type(name).__name__}"
        )
    _check_folder(folder)
    seed, split_seed = check_count("seed", seed, 0), check_count("split_seed", split_seed, 0)
    offline = bool(offline) or os.environ.get("NEUROSIM_OFFLINE", "0") not in ("", "0")
    scale = _scale(scale)
    reading = Reading(
        _column("label_column", "" if label_column is None else label_column),
        _columns("target", target),
        _columns("one_hot", one_hot),
        "" if missing is None else missing,
        transpose,
        split_seed,
    )
    if name not in NAMES:
        return _own(name, reading, scale)
    if reading != Reading():
        raise DataError(f"{name}: expected no options for reading files; they are for your own table or images")
    train, test = _named(str(name), folder, offline, progress, seed)
    return (train, test) if scale == "auto" else (replace(train, scaling=scale), replace(test, scaling=scale))


def _check_folder(folder: Any) -> None:
    """Refuse anything but an existing folder, or None.

    Raises:
        DataError: it is something else.
    """
    if folder is None:
        return
    if not isinstance(folder, (str, os.PathLike)):
        raise DataError(f"folder: expected the path of a folder, received an object of type {type(folder).__name__}")
    if not os.path.isdir(os.path.expanduser(folder)):
        raise DataError(f"folder: expected an existing folder to search in, received {os.fspath(folder)!r}")


def _column(option: str, column: Any) -> str:
    """Return the name or the number of a column as a text.

    Raises:
        DataError: it is neither.
    """
    if isinstance(column, str):
        return column
    if isinstance(column, (bool, np.bool_)) or not isinstance(column, (int, np.integer)):
        raise DataError(f"{option}: expected the name of a column, or its number from 1, received {column!r}")
    return str(column)


def _columns(option: str, columns: Any) -> tuple[str, ...]:
    """Return names or numbers of columns as texts.

    Raises:
        DataError: they are not names or numbers in a list.
    """
    if isinstance(columns, str):
        raise DataError(f"{option}: expected a list of column names, received {columns!r}. Write [{columns!r}]")
    if not isinstance(columns, (list, tuple)):
        raise DataError(
            f"{option}: expected a list of column names, received an object of type {type(columns).__name__}"
        )
    return tuple(_column(option, column) for column in columns)


def _scale(scale: str | float | None) -> str | float | None:
    """Return the setting for `Input` that the user's text or number means.

    Raises:
        DataError: it is not a valid setting.
    """
    if scale is None or (isinstance(scale, str) and scale == "none"):
        return None
    if isinstance(scale, str) and scale in SCALES:
        return scale
    try:
        number = float(scale) if isinstance(scale, str) else scale
        return check_number("scale", number, 0.0, math.inf, open_low=True, open_high=True)
    except (NeurosimError, ValueError):
        raise DataError(f"scale: expected {', '.join(SCALES)} or a number above 0, received {scale!r}") from None


def _named(
    name: str, folder: str | os.PathLike[str] | None, offline: bool, progress: bool, seed: int
) -> tuple[Dataset, Dataset]:
    """Load a data set that is known by its name."""
    if name in TOYS:
        return _points(name, seed)
    if name == "digits":
        return _drawn(seed)
    if name == "auto":
        try:
            return _published(CATALOG["mnist"], folder, offline, progress, patient=False)
        except _NotFound as error:
            note = f"{NOT_MNIST}: these digits are drawn by neurosim ({error})"
            train, test = _drawn(seed)
            return replace(train, note=note), replace(test, note=note)
    try:
        return _published(CATALOG[name], folder, offline, progress, patient=True)
    except _NotFound as error:
        places = ", ".join(str(place) for place in search_path(folder))
        raise DataError(
            f"{error}; searched in {places}. Put its files there, or load the built-in digits, "
            "which need no files: --data digits (in Python: load('digits'))"
        ) from error


class _NotFound(DataError):
    """The error for a published data set that is neither found nor downloaded. Only after it, `auto` draws digits."""


@lru_cache(maxsize=2)
def _drawn(seed: int) -> tuple[Dataset, Dataset]:
    images, labels = draw_digits(sum(_DIGITS), seed=seed)
    source, cut = f"drawn by neurosim, seed {seed}", _DIGITS[0]
    return (
        Dataset(images[:cut], labels[:cut], "digits", "train", source, DIGIT_NAMES),
        Dataset(images[cut:], labels[cut:], "digits", "test", source, DIGIT_NAMES),
    )


def _points(name: str, seed: int) -> tuple[Dataset, Dataset]:
    """Draw a toy set; the next seed draws its test points."""
    made = []
    for split, k in (("train", seed), ("test", seed + 1)):
        x, y = TOYS[name](_POINTS, seed=k)
        names = tuple(str(label) for label in range(int(y.max()) + 1))
        source = f"points drawn by neurosim, seed {k}"
        made.append(Dataset(x, y, name, split, source, names, kind="points", feature_names=("x1", "x2")))
    return made[0], made[1]


def _published(
    published: Published, folder: str | os.PathLike[str] | None, offline: bool, progress: bool, patient: bool
) -> tuple[Dataset, Dataset]:
    skipped: dict[Path, str] = {}
    for source in find_sources(published, folder):
        try:
            return _checked(published, source, notes=list(skipped.values()))
        except DataError as error:
            if source.chosen:
                raise
            skipped[source.folder] = f"skipped {error}"
    if offline:
        raise _NotFound("; ".join([f"{published.name} was not found, downloads are off", *skipped.values()]))
    from .download import download

    cached, timeout = cache_folder() / published.name, 10 if patient else _QUICK_TIMEOUT
    try:
        download(published, cached, timeout=timeout, patient=patient, progress=progress)
    except DataError as error:
        reasons = [f"{published.name} was not found and not downloaded: {error}", *skipped.values()]
        raise _NotFound("; ".join(reasons)) from error
    skipped.pop(cached.absolute(), None)  # the download has just replaced the bad files there
    for source in find_sources(published, cached):
        return _checked(published, source, notes=list(skipped.values()))
    raise _NotFound(f"{cached}: expected the files that were just downloaded, but they are gone")


def _checked(published: Published, source: Source, notes: list[str]) -> tuple[Dataset, Dataset]:
    """Read files with the names of a published set, and compare them with its checksums.

    If the user named the files, they may be different data. They are then called the user's own.
    """
    if source.kind == "IDX" and len(source.files) < len(PARTS) and not source.chosen:
        raise DataError(f"{source.folder}: the t10k files are missing")
    arrays = read_source(source)
    verified = {part: is_published(published, part, arrays[part], source.files[part]) for part in arrays}
    notes = [*notes]
    if False not in verified.values():
        names = published.class_names
        return from_samples(published.name, source, _samples(arrays), notes, names)
    wrong = next(part for part, answer in verified.items() if answer is False)
    message = f"{source.files[wrong]} is not the {wrong} of {published.name}: its checksum differs"
    if not source.chosen:
        raise DataError(message)
    return from_samples("", source, _samples(arrays), [*notes, message], taken=NAMES)


def _samples(arrays: dict[str, Any]) -> list[Samples]:
    return [Samples(arrays[images], arrays[labels]) for images, labels in (PARTS[:2], PARTS[2:]) if labels in arrays]


def _own(path: str | os.PathLike[str], reading: Reading, scale: str | float | None) -> tuple[Dataset, Dataset]:
    where = Path(os.path.expanduser(path)).absolute()
    if not os.fspath(path) or not os.path.exists(where):
        hint = did_you_mean(path, NAMES)
        raise DataError(
            f"there is no file or folder {str(path)!r}{hint} (expected a path, or one of {', '.join(NAMES)})"
        )
    try:
        return read_own(where, reading, scale, NAMES)
    except OSError as error:
        raise DataError(f"{where}: cannot be read ({error.strerror or error})") from error
