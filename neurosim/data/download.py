"""Downloads of published data sets into the cache, from any mirror, complete and verified or not at all."""

from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from ..console import standard_error
from ..errors import DataError
from ..files.atomic import made_folder
from .catalog import MIRRORS, PARTS, Published, file_stem
from .idx import read_idx
from .sources import is_published

_MAX_DOWNLOAD = 2**26  # bytes; the largest published file has 26 million
_SLOWEST = 10_000  # bytes per second; a slower mirror is given up
_ABANDONED = 3600  # seconds since the last byte; then the download is dead


def download(
    published: Published, folder: Path, *, timeout: float = 10.0, patient: bool = True, progress: bool = True
) -> None:
    """Download the four ``.gz`` files of a data set into `folder`; keep files that are already there and verified.

    Each file gets its name only when it is complete and verified. So an interrupted download, or two at the same
    time, leave no damaged files.

    Args:
        published: The data set.
        folder: The folder for the files; it is made if it does not exist.
        timeout: Seconds to wait for an answer.
        patient: False gives up at the first mirror that cannot be reached, for a caller with an alternative.
        progress: Whether to show a progress bar (only on a terminal).

    Raises:
        DataError: No mirror delivered the file; the message gives the reason for each.
    """
    mirrors = list(mirrors_of(published.name))
    if not patient and not _is_reachable(mirrors[0], timeout):
        raise DataError(f"{mirrors[0]} cannot be reached")
    with ExitStack() as stack:
        try:
            stack.enter_context(made_folder(folder))
        except OSError as error:
            raise DataError(
                f"{folder}: cannot be made ({error.strerror}); set NEUROSIM_HOME to a folder that you can write to"
            ) from error
        _sweep(folder)
        for part in PARTS:
            target = folder / f"{file_stem(part)}.gz"
            if _is_verified(published, part, target):
                continue
            failures = []
            for mirror in mirrors:
                try:
                    _fetch(f"{mirror.rstrip('/')}/{target.name}", target, published, part, timeout, progress)
                except _Failure as failure:
                    failures.append(str(failure))
                    if failure.unreachable and not patient:
                        raise DataError(str(failure)) from failure
                else:
                    mirrors.sort(key=mirror.__ne__)  # try this mirror first for the next file
                    break
            else:
                raise DataError(f"{target.name} cannot be downloaded: {'; '.join(failures)}")


def _sweep(folder: Path) -> None:
    """Remove the partial files of killed downloads. A download that still runs has written to its file recently."""
    for partial in folder.glob(".*.gz.*.part"):
        with suppress(OSError):  # another process was faster
            if time.time() - partial.stat().st_mtime > _ABANDONED:
                partial.unlink()


def mirrors_of(name: str) -> tuple[str, ...]:
    """Return the addresses to try in this order: ``$NEUROSIM_MIRROR/<name>/``, if set, then the public mirrors."""
    own = os.environ.get("NEUROSIM_MIRROR")
    return (*((f"{own.rstrip('/')}/{name}/",) if own else ()), *MIRRORS[name])


class _Failure(Exception):
    """An error: one mirror could not deliver one file."""

    def __init__(self, message: str, unreachable: bool = False) -> None:
        super().__init__(message)
        self.unreachable = unreachable


def _fetch(url: str, target: Path, published: Published, part: str, timeout: float, progress: bool) -> None:
    """Download one file beside its target and move it there once it is verified."""
    import secrets

    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        _receive(url, partial, timeout, progress)
        if not _is_verified(published, part, partial):
            raise _Failure(f"{url} did not send the published file (its checksum differs)")
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def _receive(url: str, path: Path, timeout: float, progress: bool) -> None:
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    from tqdm import tqdm

    started, received, stream = time.monotonic(), 0, standard_error()
    try:
        with urlopen(Request(url, headers={"User-Agent": "neurosim"}), timeout=timeout) as response:
            announced = int(response.headers.get("Content-Length") or 0)
            bar = tqdm(
                total=announced or None, desc=url.rsplit("/", 1)[-1], unit="B", unit_scale=True, leave=False,
                file=stream, disable=not (progress and stream.isatty()),
            )  # fmt: skip
            with bar, open(path, "xb") as file:
                while block := response.read1(2**16):  # read would wait for the whole file
                    if not received and block.lstrip().startswith(b"<"):
                        raise _Failure(f"{url} sent a web page (the log-in page of this network?)")
                    received += len(block)
                    if received > _MAX_DOWNLOAD:
                        raise _Failure(f"{url} sent more than {_MAX_DOWNLOAD:,} bytes")
                    if time.monotonic() - started > timeout + received / _SLOWEST:
                        raise _Failure(f"{url} is too slow ({received:,} bytes so far)", unreachable=True)
                    file.write(block)
                    bar.update(len(block))
    except HTTPError as error:
        raise _Failure(f"{url} answered {error.code} {' '.join(str(error.reason).split())}") from error
    except (OSError, HTTPException, ValueError) as error:
        reason = " ".join(str(getattr(error, "reason", None) or error).split())
        raise _Failure(f"{url} failed ({reason})", unreachable=True) from error
    if received < announced:
        raise _Failure(f"{url} stopped after {received:,} of {announced:,} bytes")


def _is_verified(published: Published, part: str, path: Path) -> bool:
    try:
        array = read_idx(path, 3 if part.endswith("images") else 1)
        return is_published(published, part, array, path) is True
    except DataError:
        return False


def _is_reachable(url: str, seconds: float) -> bool:
    """Return whether the host accepts a connection within this total time.

    urllib's time-out starts again for each address of a host, and does not include the name look-up.
    """
    import contextlib
    import socket
    from urllib.parse import urlsplit
    from urllib.request import getproxies

    parts = urlsplit(url)
    if not parts.hostname or parts.scheme in getproxies():
        return True  # no host, or a proxy that looks the name up: leave it to urllib
    host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    answers = []

    def connect() -> None:
        with contextlib.suppress(OSError):
            socket.create_connection((host, port), seconds).close()
            answers.append(True)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(seconds)
    return bool(answers)
