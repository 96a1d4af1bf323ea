"""The look of variants: each has its colour, marker and dash in every picture of a run.  Needs no matplotlib."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from neurosim.errors import NeurosimError

from .colours import PALETTE

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "<", ">", "d", "h", "*", "8", "H")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.6)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))

Style = dict[str, Any]


def variant_style(names: Iterable[str]) -> dict[str, Style]:
    """Return colour, marker and line style for each name, by its place in `names`.

    Compute the styles once from all variants of a run, and pass them as `styles=` to every picture.  Then each variant
    looks the same in all pictures, also in those that show only some variants.  The first 15 differ in marker, the
    first 120 in the combination.

    Args:
        names: the variants in their order; a repeated name keeps its first place.

    Returns:
        `{name: {"color": ..., "marker": ..., "linestyle": ...}}`, ready for `ax.plot(..., **style)`.

    Example:
        >>> variant_style(["relu", "tanh"])["tanh"]["marker"]
        's'
    """
    if isinstance(names, str):
        raise NeurosimError(f"names: expected several names, received the one string {names!r}; write [{names!r}]")
    if not isinstance(names, Iterable):
        raise NeurosimError(f"names: expected a list of names, received {names!r}")
    return {
        name: {
            "color": PALETTE[i % len(PALETTE)],
            "marker": MARKERS[i % len(MARKERS)],
            "linestyle": DASHES[i // len(PALETTE) % len(DASHES)],
        }
        for i, name in enumerate(dict.fromkeys(str(n) for n in names))
    }


def styles_for(names: Iterable[str], styles: Mapping[str, Mapping[str, Any]] | None) -> dict[str, Style]:
    """Return the style of each name: from `styles` if given, otherwise by order of appearance."""
    names = list(names)
    if styles is None:
        return variant_style(names)
    missing = [name for name in names if name not in styles]
    if missing:
        raise NeurosimError(
            f"styles: expected one for each of {', '.join(names)}, received none for {', '.join(missing)}; "
            "build it with variant_style(all names of the run)"
        )
    return {name: dict(styles[name]) for name in names}
