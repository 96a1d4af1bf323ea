"""Curves over training: of many variants and seeds, or of one run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from neurosim.errors import NeurosimError
from neurosim.parameters import Array
from neurosim.text import plain

from .colours import MUTED, PALETTE
from .labels import LineEnd, label_ends
from .lines import draw_line, epoch_axis, marker_spacing
from .panels import label_panels, panel_grid
from .style import RIM, AnyFigure, figure_heading, heading, new_axes, new_figure, plain_log, styled
from .tables import (
    Quantity,
    as_frame,
    band,
    cut_text,
    decades,
    ended_with,
    finite,
    quantity,
    seeds_text,
    with_variants,
    without_diverged,
    zoom,
)
from .variants import styles_for

DASHED = 40  # epochs up to which the line of the validation set is dashed


@styled
def learning_curves(
    results: pd.DataFrame,
    metric: str = "val_accuracy",
    x: str = "epoch",
    by: str = "variant",
    ax: Axes | None = None,
    title: str | None = None,
    styles: Mapping[str, Mapping[str, Any]] | None = None,
) -> Axes:
    """Draw a quantity over training: one line per variant, the mean over its seeds with a band of ± 1 sd.

    A line ends where the first of its seeds stops.  The number beside it is the mean of the runs' last values.  If a
    run kept the weights of an earlier epoch, a ring marks that epoch.

    Columns that end in "accuracy" are shown in percent, zoomed to the range of most curves.  Losses that span more
    than one and a half decades get a logarithmic axis.  If the runs of a variant diverged, its line ends in a cross and
    its label says "diverged".

    Args:
        results: one row per variant, seed and epoch.  Columns: `epoch` (from 1), the metric, and optionally
            `variant`, `seed`, `seconds` (of that epoch), `loss`, `diverged`, `kept`.  `kept` is true if the run ended
            with the weights of that epoch; otherwise the last epoch counts.  NaN: no value.
        metric: the column to draw; accuracies in 0..1.
        x: "epoch", "seconds" or another column that grows, such as the updates so far.  "seconds" is drawn as the
            training time so far, the mean over the seeds.  Another column has a logarithmic axis if it spans a decade.
        by: the column with one value per line.
        ax: where to draw; a new figure if left out.
        title: replaces the usual title.
        styles: from `variant_style`, so that each variant looks the same in all pictures.

    Returns:
        The Axes.

    Raises:
        NeurosimError: if a column or a style is missing.

    Example:
        >>> ax = learning_curves(results, "val_loss", x="seconds")
    """
    time = "epoch" if x == "seconds" else x
    frame = with_variants(as_frame(results, [*dict.fromkeys([time, x]), metric], "results"), by)
    names = list(dict.fromkeys(frame[by]))
    styles = styles_for(names, styles)
    frame = frame.sort_values(time, kind="stable")
    kind = quantity(metric)
    frame["value"] = without_diverged(frame, metric, by) * kind.factor
    if x == "seconds":
        frame["time"] = finite(frame["seconds"]).groupby([frame[by], frame["seed"]]).cumsum()
    tables = {name: _means(frame[frame[by] == name], time, x == "seconds") for name in names}
    rings = _kept_early(frame, by)
    values = np.concatenate([rings["value"], *(table["mean"] for table in tables.values())])

    ax = new_axes(ax, height=max(4.5, 1.5 + 0.24 * len(names)))
    for i, (name, table) in enumerate(tables.items()):
        draw_line(ax, name, table, styles[name], percent=kind.percent, offset=i)
        own, ring = rings[rings[by] == name], {"color": styles[name]["color"], "markersize": 6, "fillstyle": "none"}
        ax.plot(own["time" if x == "seconds" else x], own["value"], "o", label="_kept", zorder=3, **ring)
    cut = _set_limits(ax, tables, values, kind)
    label = {"epoch": "epoch", "seconds": "training time so far (s)"}.get(x, quantity(x).axis)
    ax.set_ylabel(kind.axis)
    if x == "epoch":
        epoch_axis(ax, frame["epoch"])
    elif decades(frame[x]) >= 1 and x != "seconds":
        label += ", logarithmic scale"
        _log_axis(ax, frame[x])
    else:
        ax.set_xlim(left=0 if x == "seconds" else -0.02 * float(frame[x].max()))  # markers at 0 stay whole
    ax.set_xlabel(label)
    seeds = int(frame.groupby(by)["seed"].nunique().max())
    course = {"epoch": "by epoch", "seconds": "against training time"}.get(x, f"against {quantity(x).label}")
    mark = _mark(tables.values())
    note = seeds_text(seeds, mark, mark if by == "variant" else "point") + cut
    note += "; ring: epoch whose weights a run kept" if len(rings) else ""
    if any(each.get_label() == "_diverged" for each in ax.lines):
        note += "\n×: the last value before a run diverged"
    heading(ax, title or f"{kind.label[:1].upper()}{kind.label[1:]} {course}", note)
    low, high = ax.get_ylim()
    decimals = 2 if high - low < 6 else 1
    label_ends(ax, _ends(frame, by, tables, kind, decimals, time), styles)
    return ax


@styled
def curves_apart(
    results: pd.DataFrame,
    units: Mapping[str, str],
    metric: str = "loss",
    fig: AnyFigure | None = None,
    title: str | None = None,
    styles: Mapping[str, Mapping[str, Any]] | None = None,
) -> AnyFigure:
    """Draw a quantity over training if its unit differs between variants: one panel, with its own axis, per unit.

    Args:
        results: one row per `variant`, `seed` and `epoch`, as for `learning_curves`.
        units: variant -> the unit in which it is measured, such as the name of its loss.
        metric: the column to draw.
        fig: a Figure or SubFigure to draw in; a new figure if left out.
        title: replaces the usual title.
        styles: from `variant_style`.

    Returns:
        The Figure, one Axes per unit, in the order of the variants.

    Raises:
        NeurosimError: if a column or a style is missing, or a variant has no unit.
    """
    frame = with_variants(as_frame(results, ["epoch", metric], "results")).sort_values("epoch", kind="stable")
    names = list(dict.fromkeys(results["variant"]))
    if missing := [name for name in names if name not in units]:
        raise NeurosimError(f"units: expected one for each variant, received none for {', '.join(missing)}")
    styles = styles_for(names, styles)
    kind = quantity(metric)
    frame["value"] = without_diverged(frame, metric) * kind.factor
    panels = list(dict.fromkeys(units[name] for name in names))
    fig, grid = panel_grid(fig, panels, share_y=False)
    label_panels(grid, panels, "epoch", kind.axis)
    tables: dict[str, pd.DataFrame] = {}
    for panel, ax in zip(panels, grid.flat, strict=False):
        inside = [name for name in names if units[name] == panel]
        for i, name in enumerate(inside):
            rows = frame[frame["variant"] == name]
            tables[name] = _means(rows, "epoch", in_seconds=False)
            draw_line(ax, name, tables[name], styles[name], percent=kind.percent, offset=i)
            if rows["value"].isna().all():
                ax.text(0.5, 0.5, "diverged", transform=ax.transAxes, ha="center", color=MUTED)
                ax.set_yticks([])
        if len(inside) > 1:
            ax.legend(fontsize=7.5, handlelength=2.5)
        epoch_axis(ax, frame["epoch"])
    seeds = int(frame.groupby("variant")["seed"].nunique().max())
    mark = _mark(tables.values())
    note = (
        f"{seeds_text(seeds, mark, mark)}\n"
        "each panel has its own axis, because values of different losses cannot be compared"
    )
    figure_heading(fig, title or f"{kind.label[:1].upper()}{kind.label[1:]} by epoch", note)
    return fig


def _mark(tables: Iterable[pd.DataFrame]) -> str:
    """Return what shows the means: "point" if no table has a second one to draw a line to, otherwise "line"."""
    return "line" if any(table["mean"].count() > 1 for table in tables) else "point"


def _means(rows: pd.DataFrame, time: str, in_seconds: bool) -> pd.DataFrame:
    """Return columns x, mean, sd (NaN for one seed), one row per value of `time` until the first seed stops."""
    groups = rows[rows[time] <= rows.groupby("seed")[time].max().min()].groupby(time)
    table = groups["value"].agg(mean="mean", sd="std").reset_index()
    table["x"] = groups["time"].mean().to_numpy() if in_seconds else table[time].astype(float)
    return table


def _kept_early(frame: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return the rows whose weights a run kept although it trained on."""
    last = ~frame.duplicated([by, "seed"], keep="last")
    return frame[frame["kept"].eq(True) & ~last] if "kept" in frame else frame[:0]


def _set_limits(ax: Axes, tables: Mapping[str, pd.DataFrame], values: Array, kind: Quantity) -> str:
    """Choose scale and limits of y; return a text on them for the subtitle."""
    if not np.isfinite(values).any():
        ax.set_ylim(*((0, 100) if kind.percent else (0, 1)))
        ax.text(0.5, 0.5, "every run diverged", transform=ax.transAxes, ha="center", color=MUTED)
        return ""
    if kind.percent:
        sd = np.concatenate([table["sd"].fillna(0.0).to_numpy() for table in tables.values()])
        means = np.concatenate([table["mean"] for table in tables.values()])
        low, high = zoom(np.concatenate([values, *band(means, sd, True)]), percent=True)
        ax.set_ylim(low, high)
        return f"; {cut_text(low, True)}" if np.nanmin(values) < low else ""
    if decades(values) > 1.5:
        ax.set_yscale("log")
        lowest = np.nanmin(values)
        ax.set_ylim(lowest / 1.3, np.nanmax(values) * 1.3)
        plain_log(ax.yaxis)
        return "; logarithmic scale"
    return ""


def _log_axis(ax: Axes, values: pd.Series) -> None:
    """Make x logarithmic, with a tick at each value if there are few."""
    ax.set_xscale("log")
    ax.set_xlim(values.min() / 1.15, values.max() * 1.15)
    plain_log(ax.xaxis)
    few = sorted(values.unique())
    if len(few) <= 6:
        ax.set_xticks(few, [plain(each) for each in few])
        ax.minorticks_off()


def _ends(
    frame: pd.DataFrame, by: str, tables: Mapping[str, pd.DataFrame], kind: Quantity, decimals: int, time: str
) -> list[LineEnd]:
    """Return the end of each line and its label: name, mean of its last values, number of seeds that diverged."""
    ends = []
    for name, table in tables.items():
        rows = frame[frame[by] == name]
        final = ended_with(rows)["value"]
        lost, seeds = int(final.isna().sum()), int(rows["seed"].nunique())
        shown = table.dropna(subset=["mean"])
        if lost == seeds:
            first = table[time][table["mean"].notna()[::-1].cumsum() == 0].min()
            text = f"{name}  diverged" + (f" in epoch {plain(first)}" if time == "epoch" else "")
        else:  # the mean of all seeds, also of those that stopped early
            text = f"{name}  {kind.text(final.mean(), decimals)}" + (f"  ({lost} of {seeds} diverged)" if lost else "")
        x, y = (shown["x"].iloc[-1], shown["mean"].iloc[-1]) if len(shown) else (np.nan, np.nan)
        ends.append(LineEnd(name, float(x), float(y), text, leader=lost < seeds))
    return ends


@styled
def history_curves(
    history_frame: pd.DataFrame, fig: AnyFigure | None = None, title: str | None = None, kept: int | None = None
) -> AnyFigure:
    """Draw one run: loss and accuracy, training and validation, with the best epoch marked.

    The best epoch is `kept` if it is given.  Otherwise it is the epoch with the highest validation accuracy.  Without
    that column it is the lowest validation loss, then the highest training accuracy, then the lowest training loss.

    Args:
        history_frame: one row per epoch: `loss` and optionally `val_loss`, `accuracy`, `val_accuracy` (0..1), `epoch`
            (from 1; otherwise rows are counted); or a History.
        fig: a Figure or SubFigure to draw in; a new figure if left out.
        title: replaces the usual title.
        kept: the epoch whose weights the network has, if early stopping restored them.

    Returns:
        The Figure (two Axes, or one if there is no accuracy).

    Raises:
        NeurosimError: if there is no column `loss` or no row.
    """
    frame = as_frame(history_frame, ["loss"], "history_frame")
    frame = frame.reset_index(drop=frame.index.name != "epoch")
    epochs = frame["epoch"] if "epoch" in frame else pd.Series(np.arange(1, len(frame) + 1), index=frame.index)
    columns = {
        column: without_diverged(frame, column) * quantity(column).factor
        for column in ("val_accuracy", "val_loss", "accuracy", "loss")
        if column in frame and finite(frame[column]).notna().any()
    }
    best, best_text = (kept, f"the weights are those of epoch {kept}") if kept else _best_epoch(columns, epochs)
    panels = [("loss", "loss")] + (
        [("accuracy", "accuracy (%)")] if "accuracy" in columns or "val_accuracy" in columns else []
    )

    fig = new_figure(fig, height=3.9)
    axes = fig.subplots(1, len(panels), squeeze=False)[0]
    # the dashes of a line that jumps at each of many epochs would run into each other
    validation: dict[str, Any] = {"linestyle": (0, (5, 1.6))} if len(frame) <= DASHED else {"linewidth": 0.9}
    for ax, (panel, label) in zip(axes, panels, strict=True):
        for column, name, style in (
            (panel, "training", {"color": PALETTE[0], "linestyle": "-", "marker": "o"}),
            (f"val_{panel}", "validation", {"color": PALETTE[1], "marker": "s", **validation}),
        ):
            if column in columns:
                every = marker_spacing(len(frame))
                ax.plot(epochs, columns[column], label=name, markevery=every, **RIM, **style)
        drawn = np.concatenate([line.get_ydata() for line in ax.lines]) if ax.lines else np.array([])
        if panel == "accuracy":
            ax.set_ylim(*zoom(drawn, percent=True, cut=0.1))
        elif decades(drawn) > 1.5:
            ax.set_yscale("log")
            plain_log(ax.yaxis)
            label += ", logarithmic scale"
        if best is not None:
            ax.axvline(
                best, color=MUTED, linewidth=1, linestyle=":", zorder=1, label="weights kept" if kept else "best epoch"
            )
        epoch_axis(ax, epochs)
        ax.set_xlabel("epoch")
        ax.set_ylabel(label)
    note = f"{best_text}\ntraining: mean over the batches of an epoch, while the weights change"
    if any(column.startswith("val_") for column in columns):
        note += "; validation: weights at its end"
    figure_heading(fig, title or f"{'Loss and accuracy' if len(panels) == 2 else 'Loss'} by epoch", note)
    legend = {line.get_label(): line for ax in axes for line in ax.lines}
    fig.legend(legend.values(), legend.keys(), loc="upper right", ncols=len(legend))
    return fig


def _best_epoch(columns: Mapping[str, pd.Series], epochs: pd.Series) -> tuple[float | None, str]:
    """Return the best epoch, and a text that names it."""
    if len(epochs) == 1:
        return None, "one epoch"
    for column, values in columns.items():
        if values.notna().any():
            kind = quantity(column)
            row = values.idxmax() if kind.higher_is_better else values.idxmin()
            word = "highest" if kind.higher_is_better else "lowest"
            best = epochs.loc[row]
            return float(
                best
            ), f"best epoch: {plain(best)}, with the {word} {kind.label}, {kind.text(values.loc[row], 2)}"
    return None, "no epoch ended in finite numbers"
