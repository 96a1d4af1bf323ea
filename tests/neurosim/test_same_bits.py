"""What the README promises to be bit-identical, and what not: other processors, threads and jobs, and resumed runs.

With OPENBLAS_CORETYPE set, OpenBLAS computes as on another processor. One machine cannot test more.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import neurosim as ns
from neurosim.processors import arithmetic, core_count
from neurosim.training.settings import Settings
from scenarios import Scenario, Variant, run_scenario

ROOT = Path(__file__).parents[2]
PROCESSORS = ("Haswell", "SkylakeX", "Zen", "Prescott")  # the last one has no fused multiply-add
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("openblas" not in arithmetic(), reason="NumPy's linear algebra is another"),
]

TRAIN = """
import sys
import numpy as np
import neurosim as ns
from neurosim.processors import arithmetic
folder, threads, cut, resume = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "resume"

class Watch(ns.Callback):
    def on_step(self, run):
        if run.step == 1:
            order.append(run.batches.order.copy())
        if run.step == cut:
            raise KeyboardInterrupt

ns.threads(threads)
rng, order = np.random.default_rng(0), []
x = rng.random((600, 784), dtype=np.float32)
y = x[:, :10].argmax(1)
layers = [ns.Input(784), ns.Dense(300, "relu"), ns.Dropout(0.2), ns.Dense(10, "softmax")]
net = ns.Network(layers, optimizer="adam", seed=0)
first = net[1].W.copy()
callbacks = [Watch(), ns.Checkpoint(folder, resume=resume)]
history = net.fit(x, y, epochs=2, batch_size=100, verbose=False, callbacks=callbacks)
np.savez(f"{folder}/bits.npz", W=net[1].W, first=first, order=order[0] if order else [],
         random=[net.streams[name].random() for name in sorted(net.streams)], loss=history["loss"])
print(arithmetic())
"""


def train(folder, processor=None, threads=1, cut=0, resume=False):
    """Return (results, description of the arithmetic, output) of a training in its own process."""
    folder.mkdir(exist_ok=True)
    environment = os.environ | ({"OPENBLAS_CORETYPE": processor} if processor else {})
    command = [sys.executable, "-c", TRAIN, str(folder), str(threads), str(cut), "resume" if resume else "begin"]
    result = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    with np.load(folder / "bits.npz") as file:
        return dict(file), result.stdout.strip(), result.stderr


def same(a, b):
    return all(np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("threads", [1, 2] if core_count() > 1 else [1])
@pytest.mark.parametrize("processor", PROCESSORS)
def test_chance_is_the_same_on_any_processor_and_the_numbers_are_close(processor, threads, tmp_path):
    here, _, _ = train(tmp_path / "here")
    there, name, _ = train(tmp_path / "there", processor, threads)
    again, _, _ = train(tmp_path / "again", processor, threads)
    assert same(there, again), f"{name}, {threads} threads: not the same bits twice"
    for what in ("first", "order", "random"):
        assert np.array_equal(here[what], there[what]), what
    assert np.allclose(here["loss"], there["loss"], rtol=1e-3)
    assert np.abs(here["W"] - there["W"]).mean() < 1e-3 * np.abs(here["W"]).mean()


@pytest.mark.parametrize("there", ["Haswell", "SkylakeX"])
def test_a_run_resumed_on_another_processor_says_so_and_on_the_same_it_is_the_same_bits(there, tmp_path):
    whole, name, _ = train(tmp_path / "whole", "Haswell")
    train(tmp_path / "cut", "Haswell", cut=5)
    resumed, other, said = train(tmp_path / "cut", there, resume=True)
    assert ("arithmetic was" in said) == (name != other), said
    assert said.count("\n") == (name != other) and np.allclose(whole["loss"], resumed["loss"], rtol=1e-3)
    if name == other:
        assert np.array_equal(whole["W"], resumed["W"]) and np.array_equal(whole["loss"], resumed["loss"])
    else:
        assert name in said and other in said


def test_any_number_of_jobs_gives_the_same_bits():
    data, test = ns.data.load("digits")
    scenario = Scenario(
        "jobs", "?", ".", (Variant("sgd", {"optimizer": "sgd"}), Variant("adam", {"optimizer": "adam"})), "sgd",
        base=Settings(hidden=(64,), epochs=2),
    )  # fmt: skip
    tables = [
        run_scenario(scenario, data.subset(600), test.subset(300), seeds=2, jobs=jobs, progress=False).epochs
        for jobs in (1, 2, 4)
    ]
    for other in tables[1:]:
        pd.testing.assert_frame_equal(
            tables[0].drop(columns="seconds"), other.drop(columns="seconds"), check_exact=True
        )
