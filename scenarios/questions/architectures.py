"""Wide or deep: what the width and the depth of a network gain, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

import viz
from neurosim.data.dataset import Dataset
from neurosim.text import percent, thousands
from neurosim.training.settings import Settings

from ..protocol.results import METRIC, Results
from ..protocol.scenario import Picture, Run, Scenario, Variant
from ..protocol.statistics import Difference

WIDTHS = (8, 32, 128, 256)
DEPTHS = (1, 2, 4)


def name_of(depth: int, width: int) -> str:
    """Return the name of a network: hidden layers x neurons."""
    return f"{depth} x {width}"


def measure(run: Run, train: Dataset, test: Dataset) -> dict[str, pd.DataFrame]:
    """Measure the size of the network."""
    hidden = run.settings.hidden
    return {
        "networks": pd.DataFrame(
            [{"depth": len(hidden), "width": max(hidden), "parameters": run.network(train).parameters.size}]
        )
    }


def with_size(results: Results) -> pd.DataFrame:
    """Return the end of each run: variant, seed, test_accuracy, seconds, depth, width, parameters."""
    run = ["variant", "seed"]
    seconds = results.epochs.groupby(run, as_index=False)["seconds"].sum(min_count=1)
    return results.ends().merge(seconds, on=run).merge(results.table("networks"), on=run)


def pictures(results: Results) -> Iterator[Picture]:
    """Draw accuracy over width and depth, and its cost in parameters and in time."""
    if not len(results.table("networks")):
        return
    styles = viz.variant_style(results.names)
    ends = with_size(results)
    yield Picture(
        "width_and_depth",
        "Final test accuracy, the mean over the seeds: neurons per hidden layer to the right, hidden layers down. "
        "Read along a row, then down a column. Which kind of step changes more?",
        lambda: viz.heatmap(
            ends,
            "width",
            "depth",
            METRIC,
            title="Final test accuracy by width (neurons per layer) and depth (layers)",
        ),
    )
    yield Picture(
        "parameters",
        "Accuracy against the number of weights and biases, one point per network (layers x neurons). A network "
        "below the dashed line is beaten by a smaller one, on average over the seeds. A small distance may be noise.",
        lambda: viz.frontier(ends, "parameters", METRIC, styles=styles),
    )
    timed = ends[ends["seconds"] > 0]
    if len(timed):
        yield Picture(
            "time",
            "The same accuracy against the training time on this machine. Parameters are not time: small matrices "
            "leave the processor idle.",
            lambda: viz.frontier(timed, "seconds", METRIC, styles=styles),
        )


def findings(results: Results) -> Iterator[str]:
    """Compare widths and depths, and find the smallest network that is as good as the best."""
    if not len(results.table("networks")):
        return
    final = results.final()
    networks = results.table("networks").drop_duplicates("variant").set_index("variant")
    networks = networks[networks.index.isin(results.names)]
    yield from _steps(final, networks, "width", "depth", "neurons per layer", "hidden layers")
    yield from _steps(final, networks, "depth", "width", "hidden layers", "neurons per layer")
    means = final.mean().dropna()
    if len(means) < 2:
        return
    best = means.idxmax()
    verdicts = {name: Difference.between(final[name], final[best]).verdict for name in means.index}
    equal = [name for name in means.index if name == best or verdicts[name] == "within noise"]
    if not set(equal) <= set(networks.index):  # a table from another program
        return
    smallest = min(equal, key=lambda name: networks.loc[name, "parameters"])
    size, full = int(networks.loc[smallest, "parameters"]), int(networks.loc[best, "parameters"])
    if len(final) == 1:
        yield (
            f"The most accurate, {best}, has {thousands(full)} parameters. One seed cannot say which others are as "
            "good."
        )
    elif smallest == best:
        yield (
            f"No smaller network is within the noise of the most accurate, {best} ({thousands(full)} parameters). "
            "It was chosen by these same accuracies, so its lead may be a little too large."
        )
    else:
        yield (
            f"The most accurate network is {best}, with {thousands(full)} parameters and {percent(means[best], 2)}. "
            f"The smallest that {len(final)} seeds cannot tell from it is {smallest}, with {thousands(size)} "
            f"parameters and {percent(means[smallest], 2)}. The most accurate was chosen by these same accuracies, "
            "so its lead may be a little too large. A difference that is not seen may still exist."
        )


def _steps(
    final: pd.DataFrame, networks: pd.DataFrame, along: str, across: str, unit: str, other: str
) -> Iterator[str]:
    """Compare the most of one thing with the least of it, at the least and at the most of the other."""
    for fixed in sorted({networks[across].min(), networks[across].max()}):
        row = networks[networks[across] == fixed].sort_values(along)
        if len(row) < 2:
            continue
        low, high = row.index[0], row.index[-1]
        difference = Difference.between(final[high], final[low])
        yield (
            f"From {row[along].iloc[0]} to {row[along].iloc[-1]} {unit}, with "
            f"{fixed} {other if fixed > 1 else other.replace('layers', 'layer')}: {difference.text()}."
        )


SCENARIO = Scenario(
    name="architectures",
    question="Wide or deep: what do more neurons and more layers change, and what do they cost?",
    what_to_watch=(
        "Every network is called layers x neurons: 2 x 128 has two hidden layers of 128 neurons each. Look first "
        "at the map of width and depth, along a row and then down a column. A hidden layer of few neurons is a "
        "bottleneck. Later layers cannot regain what it loses, and more such layers do not help. Then look at what "
        "the accuracy costs. The points on the dashed line are those that no smaller network beats in the mean. "
        "From some size on, many more parameters gain very little. Only the seeds can tell whether they gain "
        "anything."
    ),
    variants=tuple(
        Variant(name_of(depth, width), {"hidden": (width,) * depth}) for depth in DEPTHS for width in WIDTHS
    ),
    baseline=name_of(2, 128),
    base=Settings(epochs=5),
    measure=measure,
    pictures=pictures,
    findings=findings,
)
