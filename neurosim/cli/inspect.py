"""``inspect``: print a report card of a saved network's neurons, or draw one of them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis.maximizing_input import maximizing_input
from ..analysis.report_card import COLUMNS
from ..data import Dataset
from ..errors import NeurosimError
from ..files.atomic import writable_folder, write_text
from ..network import Network
from ..page.samples import check_fit
from ..text import counted, listing
from .figures import draw_weights, drawable, images_of
from .filters import KINDS as OF_FILTERS, channels_of, draw_filter, draw_layers, is_image, kernels_of
from .options import add_data_options, at_least, place, reading
from .session import figure_note, load_data, say_if_data_are_guessed
from .terminal import makes_files, say

if TYPE_CHECKING:
    import pandas as pd

TABLE = {  # columns of the report card that fit into 80 columns of a terminal -> the format of their values
    "layer": "{}",
    "neuron": "{}",
    "mean_activation": "{:.3g}",
    "dead_fraction": "{:.0%}",
    "saturated_fraction": "{:.0%}",
    "strongest_class": "{}",
    "selectivity": "{:.2f}",
    "weight_norm": "{:.2f}",
    "accuracy_lost": "{:.2%}",
    "most_similar": "{}",
}
OF_CLASSES = ("strongest_class", "weakest_class", "selectivity", "accuracy_lost")
KINDS = ("by_class", "top_samples", "maximizing_input", "weights", *OF_FILTERS)  # pictures of a neuron
LONGEST = 16  # characters of a cell
NAME = max(map(len, COLUMNS)) + 2  # characters


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `inspect`."""
    parser.add_argument("model", type=place, metavar="FILE", help="a network saved by train, e.g. runs/latest/net.npz")
    add_data_options(parser, "auto: mnist if found. Name the data that the network was trained on")
    parser.add_argument("--layer", type=at_least(1), metavar="L", help="show only this layer")
    parser.add_argument("--neuron", type=at_least(0), metavar="J", help="show and draw only this neuron of the layer")
    parser.add_argument(
        "--samples",
        type=at_least(0),
        nargs="+",
        metavar="I",
        help="test samples, from 0, whose feature maps are drawn, for a network with convolutional layers [0]",
    )
    parser.add_argument(
        "--rows", type=at_least(1), default=20, metavar="N", help="how many neurons to print [%(default)s]"
    )
    parser.add_argument(
        "--out", type=place, default="results/inspect", metavar="DIR", help="folder to write to [%(default)s]"
    )


def run(arguments: argparse.Namespace) -> None:
    """Print a report card of a saved network's neurons, or draw one of them."""
    if arguments.neuron is not None and arguments.layer is None:
        raise NeurosimError("--neuron: expected --layer L too, the layer of the neuron")
    makes_files()  # the table of all neurons, or figures of one neuron
    network = Network.load(arguments.model)
    check_place(network, arguments.layer, arguments.neuron)
    folder = writable_folder(arguments.out)
    say_if_data_are_guessed(arguments)
    train, test = load_data(arguments.data, arguments.offline, **reading(arguments))
    check_fit(network, test, arguments.model)
    samples = check_samples(network, arguments.samples, arguments.neuron, len(test))
    asked = network.layers if arguments.layer is None else [network[arguments.layer]]
    filters = [layer.index for layer in asked if kernels_of(layer) is not None]
    card = with_names(network.report(test), network.class_names or test.class_names)
    path = write_text(folder / "neurons.csv", card.to_csv(index=False))
    if arguments.layer is not None:
        card = card[card["layer"] == arguments.layer]
    if arguments.neuron is None:
        print_card(card, network.output.index, arguments.rows, filters)
        print(f"all neurons, with every column: {path}")
        drawn = draw_layers(network, arguments.layer, samples, test, folder, figure_note(train))
        print(*drawn, sep="\n", end="\n" if drawn else "")
    else:
        print_neuron(card[card["neuron"] == arguments.neuron])
        if filters:
            say(about_filters(filters))
        for picture in draw_neuron(network, arguments.layer, arguments.neuron, test, folder, figure_note(train)):
            print(picture)


def check_place(network: Network, layer: int | None, neuron: int | None) -> None:
    """Refuse a layer or a neuron that does not exist, or that has no weights.

    Raises:
        NeurosimError: the layer or the neuron does not exist, or has no weights.
    """
    if layer is None:
        return
    if neuron is not None:
        network.neuron(layer, neuron)
    if not network[layer].weight_name:
        weighted = [str(each.index) for each in network if each.weight_name]
        raise NeurosimError(
            f"--layer: expected a layer with weights ({', '.join(weighted)}), received {layer}, {network[layer]!r}"
        )


def check_samples(network: Network, samples: list[int] | None, neuron: int | None, count: int) -> list[int]:
    """Return the test samples whose feature maps are drawn: the given ones, or the first.

    Raises:
        NeurosimError: a sample does not exist, or the network has no feature maps.
    """
    if samples is None:
        return [0]
    if neuron is not None or not any(map(is_image, network.layers[1:])):
        raise NeurosimError("--samples: expected a network with convolutional or pooling layers, and no --neuron")
    wrong = [sample for sample in samples if sample >= count]
    if wrong:
        raise NeurosimError(f"--samples: expected test samples 0 to {count - 1}, received {wrong[0]}")
    return list(dict.fromkeys(samples))


def with_names(card: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return a report card with the names of the classes; if there are no classes, without the columns about them."""
    if not names:
        return card.drop(columns=list(OF_CLASSES))
    called = dict(enumerate(names))
    return card.assign(**{name: card[name].map(called) for name in ("strongest_class", "weakest_class")})


def about_filters(layers: Sequence[int]) -> str:
    """Explain the figures of the filters of these layers."""
    which = f"layer{'s' if len(layers) > 1 else ''} {listing([str(layer) for layer in layers])}"
    return f"The neurons of {which} are filters: their activation is measured over all samples and all places."


def print_card(card: pd.DataFrame, output: int, rows: int, filters: Sequence[int] = ()) -> None:
    """Print the most important neurons of a report card, and the meaning of its columns.

    These are the neurons without which most accuracy is lost; if there are no classes, those with the largest weights.

    Args:
        card: the report card.
        output: the index of the output layer.
        rows: the largest number of neurons.
        filters: the layers whose neurons are filters.
    """
    hidden = card[card["layer"] != output]  # an output neuron is always needed for its class
    if hidden.empty:
        hidden = card
    by = "accuracy_lost" if "accuracy_lost" in card else "weight_norm"
    shown = hidden.sort_values(by, ascending=False).head(rows)
    noun = "neuron" if set(card["layer"]) - {*filters} else "filter"
    print(f"{counted(len(card), noun)}{which_neurons(len(shown), len(hidden), len(card), by)}:\n")
    print(card_table(shown))
    print("\nthe columns, here and in the CSV file:")
    for name in card:
        print(f"  {name:<{NAME}}{COLUMNS[name]}")
    if filters:
        say(about_filters(filters))


def which_neurons(shown: int, hidden: int, every: int, by: str) -> str:
    """Describe the printed neurons: how many they are, and the column `by` which they were chosen or sorted."""
    lost = by == "accuracy_lost"
    if shown == every:
        return f", sorted by {'the accuracy lost without each' if lost else 'the norm of their weights'}" * (every > 1)
    kind = "hidden " if hidden < every else ""
    if shown == 1:
        return f"; this {kind}one " + ("matters most (accuracy lost without it)" if lost else "has the largest weights")
    which = f"; these {shown:,}{' hidden ones' if kind else ''} "
    return which + ("matter most (by the accuracy lost without each)" if lost else "have the largest weights")


def card_table(card: pd.DataFrame) -> str:
    """Return the columns of a report card that fit into 80 columns, as text.

    The names are longer than the values, so each name has its own line, above the right edge of its column.
    """
    table = {name: form for name, form in TABLE.items() if name in card}
    columns = [[written(value, form) for value in card[name]] for name, form in table.items()]
    widths = [max(map(len, cells)) for cells in columns]
    ends = np.cumsum([width + 2 for width in widths]) - 3  # where each column ends
    lines = []
    for k, name in enumerate(table):
        line = np.full(ends[k], " ")
        line[ends[:k]] = "|"
        lines.append("".join(line) + name)
    rows = zip(*columns, strict=True)
    return "\n".join([*lines, *("  ".join(map(str.rjust, row, widths)) for row in rows)])


def written(value: Any, form: str) -> str:
    """Format a value for the table; a long name of a class is cut."""
    text = figure(value, form)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3].rstrip()}..."


def figure(value: Any, form: str) -> str:
    """Return a value as text, "none" if it is missing."""
    import pandas as pd

    return "none" if pd.isna(value) else form.format(value)


def print_neuron(card: pd.DataFrame) -> None:
    """Print every column of the report card of one neuron, and its meaning."""
    for name in card:
        value, meaning = card[name].iloc[0], COLUMNS[name]
        text = figure(value, "{:.4g}" if isinstance(value, float) else "{}")
        print(f"{name:<{NAME}}{text:<11}{meaning}" if len(text) < 11 else f"{name:<{NAME}}{text}: {meaning}")


def draw_neuron(network: Network, layer: int, j: int, test: Dataset, folder: Path, note: str) -> list[Path]:
    """Draw what excites neuron `j` of a layer, and its weights. Return the paths."""
    import viz  # only here: a report card does not wait for matplotlib

    a, target = network.activations(test, layer, j), network[layer]
    who, names, excites, reaches = f"Neuron {j} of layer {layer}", test.class_names, "excites it", "a"
    pictures: dict[str, Any] = {}
    if a.ndim > 1:  # one activation per place
        a, excites, reaches = a.mean(axis=(1, 2)), "raises its mean", "mean a"
        who = f"{'Filter' if kernels_of(target) is not None else 'Channel'} {j} of layer {layer}"
        pictures = draw_filter(network, layer, j, test, who)
    if names:
        over = ", as the mean over all places" if is_image(target) else ""
        pictures["by_class"] = viz.activation_by_class(
            a, test.labels, names, title=f"{who}: its activation for each class{over}"
        )
    weights = network.neuron(layer, j).weights
    images = images_of(test)
    if images is not None:
        image, reached = maximizing_input(network, layer, j)
        if not is_image(target):
            pictures["top_samples"] = viz.top_samples(
                images, a, test.labels, names, title=f"{who}: the images that excite it most"
            )
        shown = drawable(image.reshape(1, *test.sample_shape))[0]
        title = f"{who}: an input that {excites}"
        pictures["maximizing_input"] = viz.maximizing_input(shown, reached, title=title, label=reaches)
    if kernels_of(target) is not None:
        pictures["weights"] = viz.kernel_grid(weights, [j], channels_of(target), title=f"{who}: its kernel")
    elif weights.size == test.x[0].size:
        pictures["weights"] = draw_weights(weights.reshape(-1, 1), test, f"{who}: its weights", j)
    paths = {kind: folder / f"layer{layer}-neuron{j}-{kind}.png" for kind in KINDS}
    for path in paths.values():  # pictures of another network
        path.unlink(missing_ok=True)
    return [viz.save(picture, paths[kind], note) for kind, picture in pictures.items()]
