"""The page: one HTML file that holds a network, to be opened, drawn on, walked through and trained in any browser.

    page = ns.explore(net, train, test, "page.html", history)

It works from disk, without Python and without a network: style, program, weights and samples are in it, and it asks
nobody for anything.  The files that it is made of lie beside this one.
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

LIMIT = 4_000_000  # bytes of a file, as far as that can be kept
HEIGHT = 860  # pixels of a page in a notebook


class Page:
    """A network as an HTML document. In a notebook it shows itself.

    Attributes:
        html: the document.
        manifest: what it holds, beside the arrays.
        path: where it was written; ``None``: nowhere so far.
    """

    def __init__(self, html: str, manifest: dict[str, Any]) -> None:
        self.html = html
        self.manifest = manifest
        self.path: Path | None = None

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it to a file, whole or not at all.

        Raises:
            NeurosimError: the file cannot be written.
        """
        self.path = write_text(path, self.html)
        return self.path

    @property
    def left_out(self) -> list[str]:
        """What had to be left out for the size, in sentences; none where all is there."""
        found: list[str] = self.manifest["left_out"]
        return found

    def __len__(self) -> int:
        """How many bytes it has."""
        return len(self.html.encode())

    def __repr__(self) -> str:
        where = "not written so far" if self.path is None else str(self.path)
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
    """Make a page of a network: one HTML file in which it can be opened, drawn on, walked through and trained.

    The final weights are exact. Of its training it knows what `history` and `snapshots` say. Where the file would have
    more than 4 MB, fewer samples and snapshots are in it.

    Args:
        network: it; is left as it is.
        train: the `Dataset`, or pair (x, y), that it was trained on. Up to 2,000 of them are in the page.
        test: those that it is looked at with. Up to 500 of them are in the page, and some that it misreads.
        path: where to write it; ``None``: nowhere, it can be shown and saved later.
        history: what `fit` gave.
        snapshots: the callback that kept the parameters during training.
        samples: how many test samples, and four times as many for training, are in it, whatever size that makes.
        all_snapshots: whether to keep all snapshots, whatever size that makes.
        settings: of the run, JSON-ready, to be shown.
        batch_size: samples per step of further training.
        command: what was typed to make it, to be shown.

    Returns:
        A `Page`.

    Raises:
        NeurosimError: data that do not fit the network, or a file that cannot be written.

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
    """A layer as one writes it: how many neurons, FILTERSxKERNEL, poolSIZE."""
    if layer.windows is None:
        return str(layer.neuron_count)
    return f"{layer.neuron_count}x{layer.windows.size}" if layer.weight_name else f"pool{layer.windows.size}"
