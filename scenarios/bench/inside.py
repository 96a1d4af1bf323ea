"""Measurements of neurosim alone: the cost of looking, the cost of each variant, and the parts of a step."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from neurosim.activations import ACTIVATIONS
from neurosim.errors import NeurosimError
from neurosim.losses import LOSSES
from neurosim.network import Network
from neurosim.optimizers import OPTIMIZERS
from neurosim.processors import computes
from neurosim.text import percent, thousands
from neurosim.training import Callback
from neurosim.training.batches import Batches
from neurosim.training.callbacks import TrainingRun
from neurosim.training.settings import Settings

from .cases import CASES, SMALL
from .peers import Products

CASE = CASES[SMALL[0]]  # 784-128-64-10, batch 64
BASE = "SGD, ReLU, cross-entropy"
TRACE_EVERY = 100  # steps
LOOKING_STEPS = 200  # per pass: short, so that a ratio compares two neighbouring moments
LOOKING_REPEATS = 5  # passes per round
VARIANT_STEPS = 100

Tick = Callable[[], None]


# -- the cost of looking ---------------------------------------------------------------------------------------------


class CallEvery(Callback):
    """Call a function after every `every` steps."""

    def __init__(self, function: Callable[[], object], every: int = 1) -> None:
        self.function, self.every, self.step = function, every, 0

    def on_step(self, run: TrainingRun) -> None:
        self.step += 1
        if self.step % self.every == 0:
            self.function()


def ways_of_looking(network: Network, images: Any, labels: Any) -> dict[str, list[Callback]]:
    """Return what to look at -> the callbacks that do."""
    one = network[1][17]
    ten = [*(network[1][j] for j in range(0, 120, 20)), *(network[2][j] for j in range(0, 60, 15))]

    def read(neurons: Iterable[Any]) -> list[tuple[Any, ...]]:
        return [(neuron.weights, neuron.weight_gradient, neuron.z, neuron.a, neuron.delta) for neuron in neurons]

    return {
        "nothing": [],
        "one neuron": [CallEvery(lambda: read([one]))],
        "ten neurons": [CallEvery(lambda: read(ten))],
        "mean activation of every layer": [CallEvery(lambda: [layer.a.mean() for layer in network])],
        "mean activation of every neuron": [CallEvery(lambda: [layer.a.mean(axis=0) for layer in network])],
        f"a trace every {TRACE_EVERY} steps": [CallEvery(lambda: network.trace(images[0], labels[0]), TRACE_EVERY)],
    }


def cost_of_looking(
    images: Any,
    labels: Any,
    rounds: int,
    rows: list[dict[str, Any]],
    tick: Tick = lambda: None,
    steps: int = LOOKING_STEPS,
) -> Iterator[str]:
    """Train one network again and again, each time looking at something else; fill ``rows``.

    Each row has kind, what, round, seconds.

    Yields:
        The kind, when it is done.
    """
    network = _settings().network(images.shape[1:], 10)
    rows_of_pass = slice(0, min(steps * CASE.batch_size, len(images)))
    x, y = images[rows_of_pass], labels[rows_of_pass]

    def training(callbacks: list[Callback]) -> Callable[[], object]:
        return lambda: network.fit(x, y, 1, CASE.batch_size, verbose=False, callbacks=callbacks)

    passes = {name: training(callbacks) for name, callbacks in ways_of_looking(network, images, labels).items()}
    take_turns(passes, -(-len(x) // CASE.batch_size), rounds * LOOKING_REPEATS, rows, tick, kind="looking at")
    yield "looking at"


def take_turns(
    passes: dict[str, Callable[[], object]],
    steps: int,
    rounds: int,
    rows: list[dict[str, Any]],
    tick: Tick,
    **columns: Any,
) -> None:
    """Time the passes in turn, `rounds` times after one to warm up; another one begins each time."""
    names = list(passes)
    for number in range(-1, rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            began = time.perf_counter()
            passes[name]()
            seconds = (time.perf_counter() - began) / steps
            if number >= 0:
                rows.append(columns | {"what": name, "round": number, "seconds": seconds})
        if number >= 0:
            tick()


# -- the cost of every variant ---------------------------------------------------------------------------------------


def _settings(**changes: Any) -> Settings:
    """Return the settings that everything here is compared with."""
    return Settings(hidden=CASE.widths[1:-1], optimizer="sgd", learning_rate=0.01).change(**changes)


def variants() -> dict[str, dict[str, Settings]]:
    """Return kind -> name -> settings: every optimizer, activation and loss, each beside the step of SGD."""
    return {
        "optimizer": {BASE: _settings()}
        | {name: _settings(optimizer=name, learning_rate=None) for name in OPTIMIZERS if name != "sgd"},
        "activation": {BASE: _settings()}
        | {name: _settings(activation=name) for name in ACTIVATIONS if name not in ("relu", "softmax")},
        "loss": {BASE: _settings()} | {name: _settings(loss=name) for name in LOSSES if name != "cross_entropy"},
    }


def cost_of_variants(
    images: Any,
    labels: Any,
    rounds: int,
    rows: list[dict[str, Any]],
    tick: Tick = lambda: None,
    steps: int = VARIANT_STEPS,
) -> Iterator[str]:
    """Time a step of every variant; ``rows`` get kind, what, round, seconds.

    Yields:
        Each kind, when it is done.
    """
    x, y = images[: steps * CASE.batch_size], labels[: steps * CASE.batch_size]

    def training(settings: Settings) -> Callable[[], object]:
        network = settings.network(images.shape[1:], 10)

        def train() -> None:
            history = network.fit(x, y, 1, CASE.batch_size, verbose=False)
            if history.stopped == "diverged":  # then later passes would end early
                network.reset()

        return train

    for kind, choices in variants().items():
        passes = {name: training(settings) for name, settings in choices.items()}
        take_turns(passes, -(-len(x) // CASE.batch_size), rounds, rows, tick, kind=kind)
        yield kind


# -- where a step's time goes ----------------------------------------------------------------------------------------

PARTS = {
    "gather": "the batch's rows and targets",
    "forward": "z and a of every layer",
    "loss": "its value",
    "backward": "delta, dW, db of every layer",
    "update": "the optimizer",
    "rest": "the loop: accuracy, history …",
}


@computes
def profile_step(
    network: Network, x: Any, y: Any, batch_size: int | None = 64, steps: int = 300, chunks: int = 6
) -> tuple[pd.DataFrame, str]:
    """Measure where the time of a training step goes, beside the matrix products that every step needs.

    A copy of the network is trained: one half of the time by `fit`, the other half piece by piece, with a clock between
    the same pieces. What `fit` takes beyond the pieces is the *rest*.

    Args:
        network: what to profile; it does not change.
        x: (N, …) samples.
        y: (N,) class indices, or (N, n_out) rows.
        batch_size: samples per step; ``None``: all.
        steps: how many to time, at least `chunks`.
        chunks: into how many parts to divide them; medians are taken over the means of these.

    Returns:
        A DataFrame with one row per part and a last one for the step: part, seconds, share (of the step), floor
        (seconds of the matrix products alone; NaN if the part has none); and the same as a table of text.

    Example:
        >>> frame, text = profile_step(net, train.images, train.labels, 64)
    """
    network = deepcopy(network)
    rows = network.input.as_rows(x)
    B = len(rows) if batch_size is None else min(batch_size, len(rows))
    per_chunk = max(1, min(steps // chunks, len(rows) // B))
    if len(rows) == 0:
        raise NeurosimError("profile: expected at least one sample, received none")
    x, y = rows[: per_chunk * B], np.asarray(y)[: per_chunk * B]
    batches = Batches(network, x, y, B)
    weighted = [layer for layer in network if layer.weight_name]
    pairs = [(layer.views[layer.weight_name].size // layer.neuron_count, layer.neuron_count) for layer in weighted]
    products = Products(pairs, B, network.dtype, [layer.places for layer in weighted])

    pieces: list[Any] = []
    whole: list[float] = []
    floor: list[tuple[int, int]] = []
    network.fit(x[:B], y[:B], 1, B, verbose=False)  # makes the workspaces
    for _ in range(chunks):
        history = network.fit(x, y, 1, B, verbose=False)
        whole.append(history["seconds"][-1] / per_chunk)
        batches.begin_epoch()
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            pieces.append(np.mean([_time_pieces(batches) for _ in range(per_chunk)], axis=0))
        floor += [_time_products(products) for _ in range(per_chunk)]
    return _profile_frame(
        np.median(pieces, axis=0) / 1e9, float(np.median(whole)), np.median(floor, axis=0) / 1e9, network, B
    )


def _time_pieces(batches: Batches) -> list[int]:
    """Return nanoseconds of gather, forward, loss, backward and update in one step, on the network's engine."""
    clock = time.perf_counter_ns
    pieces = batches.pieces()
    times = [clock()]
    for piece in pieces.values():
        piece()
        times.append(clock())
    batches.steps += 1
    return [after - before for before, after in pairwise(times)]


def _time_products(products: Products) -> tuple[int, int]:
    """Return nanoseconds of the matrix products of a forward and a backward pass."""
    clock = time.perf_counter_ns
    began = clock()
    products.forward()
    between = clock()
    products.backward()
    return between - began, clock() - between


def _profile_frame(pieces: Any, whole: float, floor: Any, network: Network, B: int) -> tuple[pd.DataFrame, str]:
    """Return the measurements as a table of figures and one of text."""
    seconds = [*map(float, pieces), max(whole - float(np.sum(pieces)), 0.0)]
    total = sum(seconds)
    floors = {"forward": float(floor[0]), "backward": float(floor[1]), "step": float(np.sum(floor))}
    frame = pd.DataFrame(
        [
            {"part": part, "seconds": value, "share": value / total, "floor": floors.get(part, float("nan"))}
            for part, value in zip([*PARTS, "step"], [*seconds, total], strict=True)
        ]
    )
    return frame, profile_text(frame, f"a step of {network!r}, batch {B}")


def profile_text(frame: pd.DataFrame, title: str) -> str:
    """Return the table of `profile_step` as text."""
    head = f"{'part':<10}{'µs':>9}{'share':>8}{'products alone':>16}   what"
    lines = [*textwrap.wrap(title, 79), "", head, "-" * 79]
    for row in frame.itertuples():
        if row.part == "step":
            lines.append("-" * 79)
        floor = thousands(1e6 * row.floor, 1) if np.isfinite(row.floor) else ""
        lines.append(
            f"{row.part:<10}{thousands(1e6 * row.seconds, 1):>9}{percent(row.share):>8}{floor:>16}   "
            f"{PARTS.get(row.part, '')}".rstrip()
        )
    step = frame.iloc[-1]
    text = f"the matrix products alone take {percent(step.floor / step.seconds, 0)} of the step"
    if step.floor > step.seconds:
        text += ", which skips numbers that are 0"
    lines.append(text)
    return "\n".join(lines)
