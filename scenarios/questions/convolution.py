"""Shifted digits: how much accuracy a convolution keeps when a plain network of the same size loses it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

import viz
from neurosim.data.dataset import Dataset
from neurosim.network import Network
from neurosim.parameters import Array
from neurosim.text import counted, fixed, percent, plain, thousands
from neurosim.training.settings import Settings

from ..protocol.measures import shifted
from ..protocol.results import Results
from ..protocol.scenario import Picture, Run, Scenario, Variant
from ..protocol.statistics import Difference, geometric_mean
from ..report.listed import Listed, of_each

PLAIN, CONVOLUTION = "plain", "convolution"
AUGMENTED = " + shifts"
FARTHEST = 8  # pixels
MIDDLE = 4  # pixels: the farthest that augmentation moves an image, and where the findings compare
DIRECTIONS = ((-1, 0), (1, 0), (0, -1), (0, 1))  # up, down, left, right
PER_TEST_IMAGE = 5  # training images for each test image that is moved: it is read some thirty times
PAIRS = (
    (CONVOLUTION, PLAIN),
    (CONVOLUTION + AUGMENTED, PLAIN + AUGMENTED),
    (PLAIN + AUGMENTED, PLAIN),
    (CONVOLUTION + AUGMENTED, CONVOLUTION),
)
ALIKE = 1.1  # numbers of parameters are about the same up to this ratio
SHIFTED = "shifted_accuracy"


def measure(run: Run, train: Dataset, test: Dataset) -> dict[str, pd.DataFrame]:
    """Measure parameters and multiplications per image; for one variant, also return the test image that is shown."""
    network = run.network(train)
    products = sum(layer.views[layer.weight_name].size * layer.places for layer in network if layer.weight_name)
    tables = {"networks": pd.DataFrame([{"parameters": network.parameters.size, "products": products}])}
    if run.variant == PLAIN:
        image = test.images[0]
        row, column = np.indices(image.shape).reshape(2, -1)
        tables["example"] = pd.DataFrame({"row": row, "column": column, "value": image.ravel()})
    return tables


def distances_of(images: Array) -> range:
    """Return the distances by which images are moved: 0 to 8 pixels, but never more than half a side."""
    return range(min(FARTHEST, min(images.shape[1:]) // 2) + 1)


def measure_trained(run: Run, network: Network, train: Dataset, test: Dataset) -> dict[str, pd.DataFrame]:
    """Measure the accuracy on shifted test images, and the prediction for the first one, moved to the right."""
    moved = test.subset(max(1, min(len(test), len(train) // PER_TEST_IMAGE)), seed=0)
    names, first = test.class_names, test.images[:1]
    shifts = [
        {"shift": by, "images": len(moved), SHIFTED: accuracy_at(network, moved, by)}
        for by in distances_of(test.images)
    ]
    readings = [
        {"shift": by, "answer": names[network.predict(shifted(first, 0, by))[0]], "label": names[test.labels[0]]}
        for by in distances_of(test.images)
    ]
    return {"shifts": pd.DataFrame(shifts), "readings": pd.DataFrame(readings)}


def accuracy_at(network: Network, data: Dataset, by: int) -> float:
    """Return the accuracy when all images are moved by `by` pixels: the mean of four directions."""
    ways = DIRECTIONS if by else DIRECTIONS[:1]
    right = [network.predict(shifted(data.images, down * by, across * by)) == data.labels for down, across in ways]
    return float(np.mean(right))


def by_shift(results: Results) -> dict[int, pd.DataFrame]:
    """Return shift -> accuracy on images moved that far, one row per seed, one column per variant."""
    table = results.table("shifts")
    return {
        int(shift): rows.pivot(index="seed", columns="variant", values=SHIFTED).reindex(columns=results.names)
        for shift, rows in (table.groupby("shift") if len(table) else ())
    }


def pictures(results: Results) -> Iterator[Picture]:
    """Draw the curve, and the networks' predictions for one image that moves away."""
    styles = viz.variant_style(results.names)
    table = results.table("shifts")
    if len(table):
        count = int(table["images"].max())
        yield Picture(
            "shifts",
            f"The same networks on {counted(count, 'test image')}, moved by a number of pixels up, down, left and "
            "right: the mean of the four. The pixels that move in are background. The augmented networks saw "
            f"training images that were moved by up to {MIDDLE} pixels in both directions. A network to which a "
            "digit's place does not matter would have a level line.",
            lambda: viz.learning_curves(
                table, SHIFTED, x="shift", title="Accuracy on test images that are moved", styles=styles
            ),
        )
    example, readings = results.table("example"), results.table("readings")
    if len(example) and len(readings):
        yield Picture(
            "moving",
            "The first test image, moved to the right pixel by pixel, and each network's prediction, in the first "
            "seed. One image shows what a shift is. The curve shows how often it is misread.",
            lambda: _moving(example, readings, results.names),
        )


def _moving(example: pd.DataFrame, readings: pd.DataFrame, names: list[str]) -> object:
    """Draw the first test image at each shift, and below it the predictions of all variants."""
    first = example[example["seed"] == example["seed"].min()]
    image = first.pivot(index="row", columns="column", values="value").fillna(0.0).to_numpy(float)[None]
    rows = readings[readings["seed"] == readings["seed"].min()].sort_values("shift")
    label = str(rows["label"].iloc[0])
    classes = list(dict.fromkeys([label, *rows["answer"].astype(str)]))
    places = rows.assign(answer=rows["answer"].astype(str).map(classes.index))
    answers = places.pivot(index="variant", columns="shift", values="answer").fillna(-1).astype(int)
    distances = [int(by) for by in answers.columns]
    return viz.readings_below(
        np.concatenate([shifted(image, 0, by) for by in distances]),
        [f"{by} px" for by in distances],
        {name: answers.loc[name].tolist() for name in names if name in answers.index},
        0,
        classes,
        title="A test image that moves to the right, and what it is read as",
    )


def findings(results: Results) -> Iterator[str]:
    """Compare sizes, times, the accuracy at each shift, and what the networks lose by it."""
    yield from _sizes(results)
    tables = by_shift(results)
    if not tables:
        return
    zero, distance = tables[min(tables)], min(tables, key=lambda shift: abs(shift - MIDDLE))
    far, by = tables[distance], counted(distance, "pixel")
    names = [name for name in results.names if far[name].notna().any()]
    shown = [shift for shift in sorted(tables) if shift % 2 == 0]
    yield Listed(
        "Accuracy on test images, by the number of pixels that they are moved",
        ("variant", *map(str, shown)),
        [(name, *(_share(tables[shift][name].mean()) for shift in shown)) for name in names],
    )
    pairs = [(one, other) for one, other in PAIRS if {one, other} <= set(names)]
    if pairs:
        yield Listed(
            f"Accuracy compared at a shift of {by}",
            ("compared", "difference"),
            [(f"{one} against {other}", Difference.between(far[one], far[other]).text()) for one, other in pairs],
        )
    lost = {name: Difference.between(far[name], zero[name]) for name in names}
    of_all = bool(lost) and all(each.verdict == "worse" for each in lost.values())
    yield of_each(
        f"No network is invariant to shifts. Change in accuracy at a shift of {by}"
        if of_all
        else f"Change in accuracy at a shift of {by}",
        ("variant", "change"),
        [(name, difference.text(decimals=1)) for name, difference in lost.items()],
        joint="; ",
    )


def _share(value: float) -> str:
    """A share in percent; "-" where there is none."""
    return percent(value) if value == value else "-"


def _sizes(results: Results) -> Iterator[str]:
    """Compare the numbers of parameters, and the times."""
    networks = results.table("networks")
    if not len(networks):
        return
    sizes, both = networks.groupby("variant")[["parameters", "products"]].max(), [PLAIN, CONVOLUTION]
    if set(both) <= set(sizes.index):
        few, many = sorted(sizes.loc[both, "parameters"])
        sentence = f"Parameters: {', '.join(f'{name} {thousands(sizes.parameters[name])}' for name in both)}."
        if many > ALIKE * few:
            sentence += (
                " On images of this size, or with these settings, they are not about the same. So size may be part "
                "of every difference."
            )
        yield sentence
        yield (
            "Multiplications by a weight for one image: "
            f"{', '.join(f'{name} {thousands(sizes.products[name])}' for name in both)}. A weight of a kernel is "
            "used at every place, a weight of a dense layer once."
        )
    seconds = results.epochs.groupby(["seed", "variant"])["seconds"].sum(min_count=1).unstack("variant")
    if set(both) <= set(seconds) and (seconds[PLAIN] > 0).any():
        ratio = geometric_mean(seconds[CONVOLUTION] / seconds[PLAIN])
        means = seconds[both].mean()
        decimals = 1 if means.min() >= 1.0 else 3
        yield (
            f"Training time on this machine: {', '.join(f'{name} {fixed(means[name], decimals)} s' for name in both)}"
            + (f", {plain(float(f'{ratio:.2g}'))} times as long" if ratio > 1 else "")
            + "."
        )


SCENARIO = Scenario(
    name="convolution",
    question="What does a convolution do about digits that stand a few pixels to the side?",
    what_to_watch=(
        "Two networks have about the same number of parameters. One is plain. The first layers of the other apply "
        "the same small kernels to every patch of the image, and keep the largest activation of each "
        "neighbourhood. Dense layers read what is left. Both are also trained on images that were moved at random "
        "(+ shifts). Look first at the curve of accuracy against shift. The test images are the same at every "
        "shift, except for where they stand. See where each line begins to fall, and which falls more slowly. Then "
        "see what augmentation adds to each, and where that ends. Do not expect a level line: the pooled maps are "
        "still read by position. The cost is in the column of seconds."
    ),
    variants=(
        Variant(PLAIN, {"conv": (), "hidden": (17,)}),
        Variant(CONVOLUTION),
        Variant(PLAIN + AUGMENTED, {"conv": (), "hidden": (17,), "augment": f"shift:pixels={MIDDLE}"}),
        Variant(CONVOLUTION + AUGMENTED, {"augment": f"shift:pixels={MIDDLE}"}),
    ),
    baseline=PLAIN,
    # kernels of 5 x 5 with zeros around, so that images of 8 x 8 pixels will do
    base=Settings(conv=("8x5same", "pool2", "16x5same", "pool4"), hidden=(64,), epochs=5),
    of_images=True,
    measure=measure,
    measure_trained=measure_trained,
    pictures=pictures,
    findings=findings,
    quick={"epochs": 5},
)
