"""`load`: a name or a path in, a training set and a test set out."""

from __future__ import annotations

import difflib
import os
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from ..errors import DataError
from .catalog import CATALOG, DIGIT_NAMES, PARTS, Published
from .dataset import Dataset
from .digits import draw_digits
from .idx import Bytes
from .sources import Source, cache_folder, find_sources, is_published, own_source, read_source, search_path
from .toys import TOYS

NAMES = ("auto", *CATALOG, "digits")
"""What `load` knows by name; everything else is a path."""

_DIGITS = (10_000, 2_000)  # drawn for training, for testing
_HELD_OUT = 1 / 6  # of data without a test set; MNIST's share is 1/7
_QUICK_TIMEOUT = 4.0  # seconds that "auto" waits for a network before it draws digits


def load(
    name: str | os.PathLike[str] = "auto",
    *,
    folder: str | os.PathLike[str] | None = None,
    offline: bool = False,
    progress: bool = True,
    seed: int = 0,
) -> tuple[Dataset, Dataset]:
    """Load a data set by name, or a user's own by its path.

    Args:
        name: ``"mnist"``, ``"fashion-mnist"`` or ``"kmnist"``: looked for on `search_path`, otherwise
            downloaded into the cache; ``"digits"``: the built-in set; ``"auto"``: MNIST, or the built-in
            digits where it can neither be found nor downloaded; or the path of a folder or a file.
        folder: Where to look first for a published data set.
        offline: Never download; so does the environment variable ``NEUROSIM_OFFLINE=1``.
        progress: Whether a download shows a progress bar.
        seed: For drawing the built-in digits.

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
    if name == "digits":
        return _drawn(seed)
    if name == "auto":
        try:
            return _published(CATALOG["mnist"], folder, offline, progress, patient=False)
        except _NotFound as error:
            note = f"NOT MNIST: these digits are drawn by neurosim ({error})"
            train, test = _drawn(seed)
            return replace(train, note=note), replace(test, note=note)
    if isinstance(name, str) and name in CATALOG:
        try:
            return _published(CATALOG[name], folder, offline, progress, patient=True)
        except _NotFound as error:
            places = ", ".join(str(place) for place in search_path(folder))
            raise DataError(
                f"{error}; looked in {places}; put its files there, or use --data digits, which needs none"
            ) from error
    return _own(name)


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
    if False not in verified.values():
        return _pair(source, arrays, published.name, published.class_names, notes)
    wrong = next(part for part, answer in verified.items() if answer is False)
    message = f"{source.files[wrong]} is not the {wrong} of {published.name}: its checksum differs"
    if not source.chosen:
        raise DataError(message)
    return _pair(source, arrays, *_identity(source, arrays, source.folder.name), [*notes, message])


def _own(path: str | os.PathLike[str]) -> tuple[Dataset, Dataset]:
    where = Path(os.path.expanduser(path)).absolute()
    if not os.fspath(path) or not os.path.exists(where):
        if path in TOYS:
            raise DataError(
                f"{path}: expected a set of images, received points in the plane; x, y = ns.data.{path}() gives them"
            )
        near = difflib.get_close_matches(str(path).lower(), NAMES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise DataError(f"expected {', '.join(NAMES)}, or a folder or file, received {str(path)!r}{hint}")
    try:
        source = own_source(where)
    except OSError as error:
        raise DataError(f"{where}: cannot be read ({error.strerror or error})") from error
    arrays = read_source(source)
    return _pair(source, arrays, *_identity(source, arrays, where.resolve().stem), [])


def _identity(source: Source, arrays: dict[str, Bytes], name: str) -> tuple[str, tuple[str, ...]]:
    """The name and classes of a user's files: a published set's if they are that one, otherwise their own."""
    for published in CATALOG.values():
        if all(is_published(published, part, array, source.files[part]) for part, array in arrays.items()):
            return published.name, published.class_names
    largest = max(int(array.max()) for part, array in arrays.items() if part.endswith("labels"))
    own_name = f"{name} (unverified)" if name in NAMES else name
    return own_name, tuple(str(label) for label in range(largest + 1))


def _pair(
    source: Source, arrays: dict[str, Bytes], name: str, class_names: tuple[str, ...], notes: list[str]
) -> tuple[Dataset, Dataset]:
    where = {str(path) for path in source.files.values()}
    origin = where.pop() if len(where) == 1 else str(source.folder)
    train = Dataset(arrays["train-images"], arrays["train-labels"], name, "train", origin, class_names)
    if "t10k-labels" in arrays:
        test = Dataset(arrays["t10k-images"], arrays["t10k-labels"], name, "test", origin, class_names)
    else:
        train, test = train.hold_out(_HELD_OUT, np.random.default_rng(0))
        test = replace(test, split="test")
        held = f"{len(test):,} of the training images were held out as test set: there is none with labels"
        notes = [*notes, held]
    note = "; ".join(notes)
    return replace(train, note=note), replace(test, note=note)
