"""Two settings that are varied together: the effect of each, and whether it depends on the other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

import viz
from neurosim.parameters import Array
from neurosim.text import counted, fixed, mean_and_sd, percent

from ..protocol.results import METRIC, Results
from ..protocol.scenario import Picture
from ..protocol.statistics import Difference
from .listed import Listed, of_each

MEAN = "mean"


def names_of(results: Results) -> tuple[str, str, pd.DataFrame]:
    """Return the two settings, and the variant of each pair of their values: one row per value of the first."""
    (down, rows), (across, columns) = results.scenario.grid.items()
    names = np.array([each.name for each in results.scenario.variants]).reshape(len(rows), len(columns))
    return down, across, pd.DataFrame(names, index=pd.Index(rows), columns=pd.Index(columns))


def accuracies(results: Results) -> tuple[str, str, Array, pd.DataFrame]:
    """Return the two settings, the accuracies (seeds, values of the first, values of the second), and the names."""
    down, across, names = names_of(results)
    final = results.final().reindex(columns=names.to_numpy().ravel())
    return down, across, final.to_numpy(float).reshape(len(final), *names.shape), names


def interaction(accuracy: Array) -> Array:
    """Return what is left of each cell after its row and its column: a - row mean - column mean + mean.

    Args:
        accuracy: (seeds, rows, columns).

    Returns:
        (seeds without a diverged run, rows, columns): all 0 if the effects of rows and columns just add up.

    Reference: Fisher (1935), The design of experiments, on factorial experiments.
    """
    a = accuracy[np.isfinite(accuracy).all(axis=(1, 2))]
    rows, columns = a.mean(axis=2, keepdims=True), a.mean(axis=1, keepdims=True)
    residual: Array = a - rows - columns + a.mean(axis=(1, 2), keepdims=True)
    return residual


def differences(residual: Array) -> pd.DataFrame:
    """Return the interaction of each cell with its interval: a `Difference` for each row and column."""
    _, rows, columns = residual.shape
    zero = pd.Series(np.zeros(len(residual)))
    return pd.DataFrame(
        [[Difference.between(pd.Series(residual[:, i, j]), zero) for j in range(columns)] for i in range(rows)]
    )


def grid_table(results: Results) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return header and rows: mean ± standard deviation for each pair, and the means of rows and columns.

    A row or column in which a run diverged has no mean, because the mean would leave out the worst run.
    """
    down, across, a, names = accuracies(results)

    def cell(values: Array) -> str:
        found = 100 * values[np.isfinite(values)]
        if not found.size:
            return "diverged"
        lost = len(values) - found.size
        text = mean_and_sd(found.mean(), found.std(ddof=1) if found.size > 1 else np.nan)
        return text + (f" ({lost} of {len(values)} diverged)" if lost else "")

    def mean(values: Array) -> str:
        return fixed(100 * values.mean()) if np.isfinite(values).all() else "-"

    header = (f"{down} \\ {across}", *map(str, names.columns), MEAN)
    rows = [
        (str(value), *(cell(a[:, i, j]) for j in range(a.shape[2])), mean(a[:, i]))
        for i, value in enumerate(names.index)
    ]
    return header, [*rows, (MEAN, *(mean(a[:, :, j]) for j in range(a.shape[2])), mean(a))]


def grid_pictures(results: Results) -> Iterator[Picture]:
    """Draw the accuracies as a map, and the interaction as another."""
    down, across, a, names = accuracies(results)
    ends = results.ends().merge(
        names.rename_axis(down).reset_index().melt(down, var_name=across, value_name="variant"), on="variant"
    )
    yield Picture(
        "grid",
        f"Final test accuracy for each pair of {down} (down) and {across} (to the right)"
        f"{', the mean of the seeds' if results.seeds > 1 else ''}.",
        lambda: viz.heatmap(ends, across, down, METRIC, title=_title(f"Final test accuracy by {down} and {across}")),
    )
    residual = interaction(a)
    if not len(residual):
        return
    beyond = differences(residual).map(lambda each: each.verdict in ("better", "worse")).to_numpy(bool)
    yield Picture(
        "interaction",
        "Each pair's accuracy minus the accuracy that its row and its column alone predict, in points. If all are "
        "near 0, each setting has the same effect at every value of the other. Far from 0, the effect of one "
        f"depends on the other.{' A frame marks a value beyond the noise of the seeds.' if len(residual) > 1 else ''}",
        lambda: viz.heatmap(
            100 * residual.mean(axis=0),
            across,
            down,
            "interaction (points)",
            title=_title(f"Interaction of {down} and {across}"),
            x_labels=list(names.columns),
            y_labels=list(names.index),
            centred=True,
            framed=beyond,
            note="accuracy minus what row and column alone predict"
            f"{'; frame: beyond the noise' if beyond.any() else ''}",
        ),
    )


def _title(text: str) -> str:
    """Write the names of settings as words."""
    return text.replace("_", " ")


def grid_findings(results: Results) -> Iterator[str]:
    """State the average effect of each setting over the other, and whether they interact."""
    down, across, a, names = accuracies(results)
    whole = a[np.isfinite(a).all(axis=(1, 2))]
    if not len(whole):
        yield (
            f"In every seed some run diverged. So the average effects of {down} and {across}, and whether they "
            "interact, are unknown."
        )
        return
    seeds = counted(len(whole), "seed")
    for setting, other, axis, values in ((down, across, 2, names.index), (across, down, 1, names.columns)):
        means = whole.mean(axis=axis)  # (seeds, values of the setting)
        best = int(means.mean(axis=0).argmax())
        against = [
            (str(value), Difference.between(pd.Series(means[:, k]), pd.Series(means[:, best])))
            for k, value in enumerate(values)
            if k != best
        ]
        lead = (
            f"On average over {other}, the {setting} with the highest accuracy is {values[best]}: "
            f"{percent(means[:, best].mean(), 2)}."
        )
        end = f"{values[best]} was chosen by these same accuracies, so its lead may be a little too large."
        rows = [(value, each.text()) for value, each in against]
        listed = of_each(f"{lead} Against it", (setting, "difference"), rows, joint="; ", end=end)
        yield listed if isinstance(listed, Listed) else " ".join([lead, *(_lower(*each) for each in against), end])
    yield _interaction(interaction(a), names, down, across, seeds)


def _lower(value: str, difference: Difference) -> str:
    """Return a sentence on a value of a setting whose accuracy is not the highest.

    Example:
        >>> _lower("16", Difference(-0.1005, -0.11, -0.09))
        '16 is 10.05 points lower, beyond the noise.'
    """
    _, _, verdict = difference.text().partition(", ")
    noise = "but one seed cannot tell that from noise" if difference.verdict == "one seed" else verdict
    side = "higher" if difference.mean > 0 else "lower"
    return f"{value} is {fixed(abs(100 * difference.mean))} points {side}, {noise}."


def _interaction(residual: Array, names: pd.DataFrame, down: str, across: str, seeds: str) -> str:
    """State whether the effect of one setting depends on the other."""
    each = differences(residual)
    size = each.map(lambda difference: abs(difference.mean)).to_numpy(float)
    i, j = np.unravel_index(size.argmax(), size.shape)
    largest = each.iloc[i, j]
    where = f"{down} {names.index[i]} with {across} {names.columns[j]}"
    side = "higher" if largest.mean > 0 else "lower"
    points = fixed(abs(100 * largest.mean))
    apart = f"{where}: its accuracy is {points} points {side} than its two settings alone predict"
    if len(residual) == 1:
        return f"Interaction: the strongest pair is {apart}. One seed cannot tell that from noise."
    beyond = [difference.verdict != "within noise" for difference in each.to_numpy().ravel()]
    if not any(beyond):
        return f"No interaction of {down} and {across} that {seeds} can show. The strongest pair is {apart}."
    if residual[0].size == 4:  # all four are the same number, except for the sign
        return (
            f"{down} and {across} interact, beyond the noise of {seeds}: the effect of one depends on the other. "
            f"Each pair's accuracy is {points} points away from what its two settings alone predict. "
            f"For {where} it is {side}."
        )
    return (
        f"{down} and {across} interact in {sum(beyond)} of {len(beyond)} pairs, beyond the noise of {seeds}. By "
        f"noise alone about {fixed(0.05 * len(beyond), 1)} would. The strongest pair is {apart}."
    )
