"""Trains for a given time on endlessly augmented digits, and watches the memory of the process.

    python -m tests.soak --minutes 60

One network trains in laps.  A lap is an epoch with distorted images, batch normalization, dropout, a schedule and
callbacks.  Then follows everything else that makes and drops objects: evaluation, a trace, a report card, a copy, a
file saved and loaded.  Each lap drops its objects, so after the first laps the memory must not grow.
"""

import argparse
import copy
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import neurosim as ns

STATUS = Path("/proc/self/status")  # Linux
KEPT = 500  # laps at most, spread over the time: a list of all laps would grow by 2 MiB per hour
LIMIT = 8.0  # MiB: a leak of one activation buffer per lap exceeds it in a minute; the allocator's variation does not


class Lap(NamedTuple):
    """The state after a lap: minutes since the beginning, finished steps, MiB resident, mean loss."""

    minutes: float
    steps: int
    resident: float
    loss: float


def resident_memory():
    """Return the memory of this process in MiB."""
    for line in STATUS.read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise OSError(f"{STATUS} has no VmRSS")


def soak(minutes, tell=lambda lap: None):
    """Train for `minutes`; call `tell` with each lap, and return `KEPT` of them, spread over the time."""
    images, labels = ns.data.digits.draw_digits(1000, seed=0)
    network = ns.Network(
        [
            ns.Input((28, 28)),
            ns.Dense(64),
            ns.BatchNorm("relu"),
            ns.Dropout(0.2),
            ns.Dense(32, "gelu"),
            ns.Dense(10, "softmax"),
        ],
        optimizer=ns.Adam(ns.Exponential(1e-3, 0.999, 1000), clip_norm=5.0),
        regularizer="l2",
        max_norm=4.0,
        seed=0,
    )
    began, now, count, kept = time.perf_counter(), 0.0, 0, []
    with tempfile.TemporaryDirectory() as folder:
        while now < minutes:
            history = network.fit(
                images,
                labels,
                epochs=1,
                batch_size=(64, 37, 1000, 8)[count % 4],
                validation_data=(images[:200], labels[:200]),
                verbose=False,
                augment=("affine", "elastic")[count % 2],
                callbacks=[ns.EarlyStopping(), ns.GradientNorms(), ns.Checkpoint(folder, every=50)],
            )
            if history.stopped != "finished":
                raise RuntimeError(f"lap {count}: {history.message}")
            network.predict(images)
            network.trace(images[0], labels[0])[1][5].explain()
            network.report(images[:200], labels[:200])
            copy.deepcopy(network).train_batch(images[:16], labels[:16])
            ns.Network.load(network.save(Path(folder) / "net.npz")).evaluate(images[:50], labels[:50])
            count, now = count + 1, (time.perf_counter() - began) / 60
            lap = Lap(now, network.optimizer.t, resident_memory(), history["loss"][0])
            if not kept or now >= kept[-1].minutes + minutes / KEPT:
                kept.append(lap)
            tell(lap)
    return kept


def growth(laps):
    """Return the growth in MiB from the second quarter of the laps to the last, by medians; the first warms up."""
    quarter = len(laps) // 4
    return median(lap.resident for lap in laps[-quarter:]) - median(lap.resident for lap in laps[quarter : 2 * quarter])


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0, help="how long to train; 60")
    parser.add_argument("--every", type=float, default=60.0, help="seconds from one line to the next; 60")
    arguments = parser.parse_args()
    next_line = 0.0

    def tell(lap):
        nonlocal next_line
        if 60 * lap.minutes >= next_line:
            print(
                f"{lap.minutes:7.2f} min  {lap.steps:9,} steps  {lap.resident:8.2f} MiB  loss {lap.loss:.4f}",
                flush=True,
            )
            next_line = 60 * lap.minutes + arguments.every

    laps = soak(arguments.minutes, tell)
    grown = growth(laps)
    print(f"from the second quarter to the last {grown:+.2f} MiB ({'within' if grown < LIMIT else 'beyond'} {LIMIT:g})")
    return 0 if grown < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
