"""The page of a session, and its description, for the commands that write one."""

from __future__ import annotations

from pathlib import Path

from ..page import Page, explore
from ..text import command_line, counted
from ..training import History, Snapshots
from .session import Session


def make_page(
    session: Session,
    path: Path,
    history: History | None,
    snapshots: Snapshots | None,
    words: list[str],
    samples: int | None = None,
    all_snapshots: bool = False,
) -> Page:
    """Write the page of a session.

    Args:
        session: the network and its data.
        path: where to write the page.
        history: the history of its training; ``None``: not known.
        snapshots: the snapshots of its training; ``None``: there are none.
        words: the command line.
        samples: how many test samples to keep; ``None``: as many as there is room for.
        all_snapshots: whether to keep all snapshots, even if the file gets large.
    """
    settings = session.settings.used() if history is not None else {}
    return explore(
        session.network,
        session.train,
        session.test,
        path,
        history,
        snapshots=snapshots,
        samples=samples,
        all_snapshots=all_snapshots,
        settings=settings,
        batch_size=session.settings.batch_size or len(session.train),
        command=command_line(*words),
    )


def described(page: Page) -> list[str]:
    """Describe in a sentence or two what a page holds."""
    manifest = page.manifest
    tests, trainings = manifest["samples"]["test"], manifest["samples"]["train"]
    noun = {"image": "image", "points": "point"}.get(manifest["data"]["kind"], "row")
    more = f", {tests['mistakes']} more that the network misreads" if tests["mistakes"] else ""
    held = (
        f"{counted(tests['count'], f'test {noun}')}{more}, {counted(trainings['count'], f'training {noun}')} and "
        f"{counted(len(manifest['snapshots']), 'snapshot')}"
    )
    diverged = ["The network has diverged. The page tells its reader."] if manifest["diverged"] else []
    return [f"page: {len(page) / 1e6:.1f} MB with {held}", *page.left_out, *diverged]
