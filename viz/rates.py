"""How sensitive a variant is to its learning rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from neurosim.errors import NeurosimError

from .frames import NO_VARIANT, as_frame, quantity, seeds_text, with_variants, without_diverged, zoom
from .style import MUTED, RIM, beside, heading, new_axes, styled, styles_for


@styled
def rate_sensitivity(
    frame: pd.DataFrame,
    ax: Axes | None = None,
    title: str | None = None,
    styles: Mapping[str, Mapping[str, Any]] | None = None,
    metric: str = "val_accuracy",
) -> Axes:
    """Draw accuracy against learning rate, one line a variant, the chosen rate in a ring.

    A line breaks off where every seed diverged; a cross at the foot of that rate says of which variants, or
    of how many.

    Args:
        frame: columns `learning_rate` (> 0) and the metric (0..1; NaN: diverged), and, if there are any,
            `variant`, `seed`, `chosen` (bool).
        ax: where to draw; a new figure if left out.
        title: instead of the usual one.
        styles: from `variant_style`.
        metric: the column on y.

    Returns:
        The Axes; x is logarithmic.

    Raises:
        NeurosimError: if a column is missing or a rate is not positive.
    """
    frame = with_variants(as_frame(frame, ["learning_rate", metric], "frame"))
    if not (frame["learning_rate"] > 0).all():
        raise NeurosimError(f"learning_rate: expected positive numbers; received {frame['learning_rate'].min():g}.")
    kind = quantity(metric)
    frame["value"] = without_diverged(frame, metric) * kind.factor
    names = list(dict.fromkeys(frame["variant"]))
    styles = styles_for(names, styles)
    ax = new_axes(ax, height=max(4.4, 1.5 + 0.24 * len(names)))
    tables = {
        name: frame[frame["variant"] == name].groupby("learning_rate")["value"].agg(["mean", "std"]) for name in names
    }
    means = np.concatenate([table["mean"].to_numpy() for table in tables.values()])
    low, high = zoom(means, percent=kind.percent, cut=0.3)
    lost: dict[float, list[str]] = {}
    for name, table in tables.items():
        rates, mean, sd = table.index.to_numpy(float), table["mean"].to_numpy(), table["std"].to_numpy()
        rows = frame[frame["variant"] == name]
        chosen = sorted(rows.loc[rows["chosen"].astype(bool), "learning_rate"].unique()) if "chosen" in rows else []
        label = name + (f"  (chosen: {', '.join(f'{rate:g}' for rate in chosen)})" if chosen else "")
        style = styles[name]
        ax.plot(rates, mean, label=label, **RIM, **style)
        if np.isfinite(sd).any():
            ax.fill_between(rates, mean - sd, mean + sd, color=style["color"], alpha=0.12, linewidth=0)
        picked = np.isin(rates, chosen) & np.isfinite(mean)
        ring = {"color": style["color"], "markersize": 12, "markeredgewidth": 1.6, "fillstyle": "none"}
        ax.plot(rates[picked], mean[picked], "o", label="_chosen", **ring)
        for rate in rates[~np.isfinite(mean)]:
            lost.setdefault(float(rate), []).append(name)
    ax.set_xscale("log")
    ax.set_ylim(low - _mark_diverged(ax, lost, len(names)) * (high - low), high)
    ax.set_xlabel("learning rate, logarithmic scale")
    ax.set_ylabel(kind.axis)
    notes = [seeds_text(int(frame.groupby("variant")["seed"].nunique().max()))]
    notes += ["ring: chosen rate"] if "chosen" in frame else []
    notes += ["×: diverged"] if lost else []
    notes += ["lower values lie below the axis"] if np.nanmin(means, initial=np.inf) < low else []
    heading(ax, title or f"{kind.label.capitalize()} against learning rate", "; ".join(notes))
    if names != [NO_VARIANT]:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), borderaxespad=0, handlelength=3)
    return ax


def _mark_diverged(ax: Axes, lost: Mapping[float, list[str]], variants: int) -> float:
    """Mark the rates at which variants diverged; return the room to leave below, as a share of the axis."""
    if not lost:
        return 0.0
    foot = ax.get_xaxis_transform()
    for rate, names in lost.items():
        words = f"{len(names)} of {variants}\ndiverged" if len(names) > 3 else "\n".join(names)
        words = words if variants > 1 else "diverged"
        beside(ax, words, (rate, 0), (0, 13), foot, ha="center", va="bottom", fontsize=7, color=MUTED)
    cross = {"color": "black", "markersize": 6, "markeredgewidth": 1.5}
    ax.plot(list(lost), [0.025] * len(lost), "x", transform=foot, label="_diverged", **cross)
    return 0.07 + 0.035 * max(min(len(names), 3) for names in lost.values())
