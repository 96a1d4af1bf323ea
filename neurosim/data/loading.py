"""`load`: a name or a path in, a training set and a test set out."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..checks import check_number
from ..errors import DataError, NeurosimError
from ..places import cache_folder
from .catalog import CATALOG, DIGIT_NAMES, PARTS, Published
from .columns import Reading
from .dataset import Dataset
from .digits import draw_digits
from .own import from_samples, read_own
from .sources import Source, find_sources, is_published, read_source, search_path
from .tables import Samples
from .toys import TOYS

NAMES = ("auto", *CATALOG, "digits", *TOYS)
"""What `load` knows by name; everything else is a path."""

NOT_MNIST = "NOT MNIST"
"""How the note of what stands in for MNIST begins."""

SCALES = ("auto", "standardize", "none")

_DIGITS = (10_000, 2_000)  # drawn for training, for testing
_POINTS = 400  # of a toy set, for training and for testing
_QUICK_TIMEOUT = 4.0  # seconds that "auto" waits for a network before it draws digits


def load(
    name: str | os.PathLike[str] = "auto",
    *,
    folder: str | os.PathLike[str] | None = None,
    offline: bool = False,
    progress: bool = True,
    seed: int = 0,
    scale: str | float | None = "auto",
    label_column: str = "",
    target: Sequence[str] = (),
    one_hot: Sequence[str] = (),
    missing: str = "",
    transpose: bool | None = None,
    split_seed: int = 0,
) -> tuple[Dataset, Dataset]:
    """Load a data set by name, or a user's own by its path.

    Args:
        name: ``"mnist"``, ``"fashion-mnist"`` or ``"kmnist"``: looked for on `search_path`, otherwise
            downloaded into the cache; ``"digits"``: the built-in set; ``"auto"``: MNIST, or the built-in
            digits where it can neither be found nor downloaded; ``"moons"``, ``"circles"``, ``"spirals"``, ``"xor"``
            or ``"blobs"``: points in the plane; or the path of a folder or a file.
        folder: Where to look first for a published data set.
        offline: Never download; so does the environment variable ``NEUROSIM_OFFLINE=1``.
        progress: Whether a download shows a progress bar.
        seed: For drawing the built-in digits and the points.
        scale: What a network shall do with the samples: "auto" (pixels as `neurosim.samples` has it, features
            standardized), "standardize", a number to multiply by, or None.
        label_column: Of an own table: a name, a number from 1, "first" or "last"; empty: found by evidence.
        target: Of an own table: names of columns of numbers to predict, instead of classes.
        one_hot: Of an own table: names of columns whose values become columns of 0 and 1.
        missing: Of an own table: "mean" fills empty cells, "drop" leaves out their rows; empty: they are refused.
        split_seed: Draws what is held out of own data for testing, where they have no test set.
        transpose: Of own pictures: whether rows and columns are exchanged; None: where their name says so (EMNIST).

    Returns:
        The training set and the test set; their `note` says whatever is unusual about them.

    Raises:
        DataError: No such name, nothing found, or files that cannot be read or are not what they should be.

    Example:
        >>> train, test = load("digits")
        >>> train.images.shape, test.images.shape
        ((10000, 28, 28), (2000, 28, 28))
    """
    if folder is not None and not os.path.isdir(os.path.expanduser(folder)):
        raise DataError(f"{os.fspath(folder)}: expected a folder to look in, there is none of that name")
    offline = offline or os.environ.get("NEUROSIM_OFFLINE", "0") not in ("", "0")
    scale = _scale(scale)
    reading = Reading(label_column, tuple(target), tuple(one_hot), missing, transpose, split_seed)
    if name not in NAMES:
        return _own(name, reading, scale)
    if reading != Reading():
        raise DataError(f"{name}: expected an own table or own pictures with options that say how to read them")
    train, test = _named(str(name), folder, offline, progress, seed)
    return (train, test) if scale == "auto" else (replace(train, scaling=scale), replace(test, scaling=scale))


def _scale(scale: str | float | None) -> str | float | None:
    """What `Input` shall do, out of what a user may write.

    Raises:
        DataError: it is nothing of that kind.
    """
    if scale is None or scale == "none":
        return None
    if scale in ("auto", "standardize"):
        return scale
    try:
        return check_number("scale", float(scale), 0.0, math.inf, open_low=True, open_high=True)
    except (NeurosimError, ValueError):
        raise DataError(f"--scale: expected {', '.join(SCALES)} or a number above 0, received {scale!r}") from None


def _named(
    name: str, folder: str | os.PathLike[str] | None, offline: bool, progress: bool, seed: int
) -> tuple[Dataset, Dataset]:
    """A data set that is known by its name."""
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
            f"{error}; looked in {places}; put its files there, or use --data digits, which needs none"
        ) from error


class _NotFound(DataError):
    """A published data set is neither here nor to be had; `auto` falls back on this, and on nothing else."""


@lru_cache(maxsize=2)
def _drawn(seed: int) -> tuple[Dataset, Dataset]:
    images, labels = draw_digits(sum(_DIGITS), seed=seed)
    source, cut = f"drawn by neurosim, seed {seed}", _DIGITS[0]
    return (
        Dataset(images[:cut], labels[:cut], "digits", "train", source, DIGIT_NAMES),
        Dataset(images[cut:], labels[cut:], "digits", "test", source, DIGIT_NAMES),
    )


def _points(name: str, seed: int) -> tuple[Dataset, Dataset]:
    """A toy set; its test points are those of the next seed."""
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
    skipped.pop(cached.absolute(), None)  # what was wrong there has just been put right
    for source in find_sources(published, cached):
        return _checked(published, source, notes=list(skipped.values()))
    raise _NotFound(f"{cached}: the files just downloaded have gone")


def _checked(published: Published, source: Source, notes: list[str]) -> tuple[Dataset, Dataset]:
    """Read files that have a published set's names, and hold them to its checksums.

    Files that the user pointed at may be something else, and are then called what they are: the user's own.
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
        near = difflib.get_close_matches(str(path).lower(), NAMES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise DataError(f"expected {', '.join(NAMES)}, or a folder or file, received {str(path)!r}{hint}")
    try:
        return read_own(where, reading, scale, NAMES)
    except OSError as error:
        raise DataError(f"{where}: cannot be read ({error.strerror or error})") from error
