"""The page: one HTML file with a network, which any browser can open, show, walk through and train.

    page = ns.explore(net, train, test, "page.html", history)

It works from disk, without Python and without an internet connection: style, program, weights and samples are in it.
The files that it is made of are in this folder.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from ..checks import check_count
from ..errors import NeurosimError
from ..files.atomic import write_text
from ..layers import Layer
from ..network import Network
from ..processors import computes
from ..training import History, Snapshots
from .document import as_html, code_size
from .manifest import Limits, Run, contents
from .samples import as_dataset, check_fit as check_fit

LIMIT = 4_000_000  # bytes of a file, if the network is not too large
HEIGHT = 860  # of a page in a notebook, in pixels


class Page:
    """A network as an HTML document, which a notebook displays.

    Attributes:
        html: the document.
        manifest: its contents, without the arrays.
        path: the file it was written to; ``None`` if it was not written yet.
    """

    def __init__(self, html: str, manifest: dict[str, Any]) -> None:
        self.html = html
        self.manifest = manifest
        self.path: Path | None = None

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file, completely or not at all.

        Raises:
            NeurosimError: the file cannot be written.
        """
        self.path = write_text(path, self.html)
        return self.path

    @property
    def left_out(self) -> list[str]:
        """Sentences on the parts left out to keep the file small; empty if nothing is missing."""
        found: list[str] = self.manifest["left_out"]
        return found

    def __len__(self) -> int:
        """Return the size in bytes."""
        return len(self.html.encode())

    def __repr__(self) -> str:
        where = "not written yet" if self.path is None else str(self.path)
        return f"Page of {self.manifest['data']['name']}: {len(self) / 1e6:.1f} MB, {where}"

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{escape(self.html)}" title="neurosim" '
            f'style="width:100%;height:{HEIGHT}px;border:0"></iframe>'
        )


@computes
def explore(
    network: Network,
    train: Any,
    test: Any,
    path: str | os.PathLike[str] | None = None,
    history: History | None = None,
    *,
    snapshots: Snapshots | None = None,
    samples: int | None = None,
    all_snapshots: bool = False,
    settings: Mapping[str, Any] | None = None,
    batch_size: int | None = None,
    command: str = "",
) -> Page:
    """Make a page of a network: one HTML file that shows it, walks through it and trains it.

    The final weights are exact. `history` and `snapshots` tell the page about the training. If the file would have more
    than 4 MB, it holds fewer samples and snapshots.

    Args:
        network: the network; it is not changed.
        train: the training set, a `Dataset` or a pair (x, y). The page holds up to 2,000 of its samples.
        test: the test set. The page holds up to 500 of its samples, and some more that are misread.
        path: the file to write; ``None``: the page can be shown and saved later.
        history: the result of `fit`.
        snapshots: the callback that stored the parameters during training.
        samples: the number of test samples; the page holds four times as many training samples, whatever the size.
        all_snapshots: whether to store all snapshots, whatever the size.
        settings: the settings of the run to show, JSON-ready.
        batch_size: samples per step of further training.
        command: the command that made the page, to show.

    Returns:
        A `Page`.

    Raises:
        NeurosimError: the data do not fit the network, or the file cannot be written.

    Example:
        >>> snapshots = ns.Snapshots()
        >>> history = net.fit(train, callbacks=[snapshots])
        >>> ns.explore(net, train, test, "page.html", history, snapshots=snapshots)
    """
    if samples is not None:
        samples = check_count("samples", samples)
    if snapshots is not None and not isinstance(snapshots, Snapshots):
        raise NeurosimError(f"snapshots: expected the callback ns.Snapshots, received a {type(snapshots).__name__}")
    train, test = as_dataset(train, "train"), as_dataset(test, "test")
    limits = Limits(LIMIT - code_size(), samples, all_snapshots)
    run = Run(history, snapshots, settings, batch_size, command)
    held = contents(network, train, test, run, limits)
    shown = (layer for layer in network if not (layer.passes_through or (layer.neuron_by_neuron and layer.places > 1)))
    shape = "-".join(map(in_short, shown))
    page = Page(as_html(f"{test.name} {shape} · neurosim", held.manifest, held.blobs), held.manifest)
    if path is not None:
        page.save(path)
    return page


def in_short(layer: Layer) -> str:
    """Write a layer in short: its number of neurons, FILTERSxKERNEL, or poolSIZE."""
    if layer.windows is None:
        return str(layer.neuron_count)
    return f"{layer.neuron_count}x{layer.windows.size}" if layer.weight_name else f"pool{layer.windows.size}"
