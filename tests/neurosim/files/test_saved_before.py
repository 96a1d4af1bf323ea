"""Networks and checkpoints of the first version (tests/fixtures/first) are still read correctly."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import neurosim as ns
from neurosim.training.checkpoint import read_checkpoint

FIRST = Path(__file__).parents[2] / "fixtures" / "first"
BEFORE, AFTER = [0.3742242, 0.2766421, 0.3491337], [0.3136784, 0.3211253, 0.3651963]
rng = np.random.default_rng(5)
IMAGES, LABELS = rng.integers(0, 256, (120, 6, 6), dtype=np.uint8), np.arange(120) % 3


class Stop(ns.Callback):
    """The class that interrupted the saved run; this one does nothing."""


@pytest.mark.parametrize(("name", "layers"), [("network", 6), ("flat", 3), ("norm", 6)])
def test_a_network_that_was_saved_before_is_the_same(name, layers):
    net = ns.Network.load(FIRST / f"{name}.npz")
    with np.load(FIRST / f"{name}.npz") as file:
        kept = {key: file[key] for key in file.files if key != "config"}
    assert len(net) == layers and net.arrays().keys() == kept.keys()
    for key, array in net.arrays().items():
        assert array.tobytes() == kept[key].tobytes()


def test_its_interventions_are_there_and_it_can_be_trained_on():
    net = ns.Network.load(FIRST / "network.npz")
    assert net[4][1].frozen and net[4][2].clamped == 0.5 and net[4][3].rate_factor == 0.5
    assert net[1][0].l2 == 1e-3 and net[4][4].activation.key == "relu"
    before, t = net[4][1].weights.copy(), net.optimizer.t
    net.fit(IMAGES, LABELS, epochs=1, batch_size=16, verbose=False)
    assert np.array_equal(net[4][1].weights, before) and net.optimizer.t == t + 8


def test_batch_normalization_right_behind_images_is_that_of_each_number():
    """The files are from the version before channels; the numbers are the results of that version."""
    images, labels = np.random.default_rng(5).integers(0, 256, (60, 3, 4, 2), dtype=np.uint8), np.arange(60) % 3
    net = ns.Network.load(FIRST / "norm.npz")
    assert net[1].gamma.shape == net[3].gamma.shape == (24,) and len(net[1]) == 24
    np.testing.assert_allclose(net.predict_proba(images[0]), [BEFORE], atol=1e-6)
    net.fit(images, labels, epochs=2, batch_size=16, verbose=False)
    np.testing.assert_allclose(net.predict_proba(images[0]), [AFTER], atol=1e-6)


def test_a_run_that_was_interrupted_before_ends_as_one_that_never_was(tmp_path):
    def train(*callbacks):
        layers = [ns.Input((6, 6)), ns.Dense(8), ns.BatchNorm("relu"), ns.Dropout(0.2), ns.Dense(6, "tanh")]
        net = ns.Network([*layers, ns.Dense(3, "softmax")], seed=4, optimizer="adam", regularizer="l2", max_norm=3.0)
        norms = ns.GradientNorms(3)
        history = net.fit(
            IMAGES,
            LABELS,
            epochs=4,
            batch_size=16,
            verbose=False,
            validation_data=(IMAGES[:30], LABELS[:30]),
            callbacks=[Stop(), norms, ns.EarlyStopping(patience=3), *callbacks],
        )
        return net, history, norms.rows

    shutil.copytree(FIRST / "run", tmp_path / "run")
    resumed, history, rows = train(ns.Checkpoint(tmp_path / "run", resume=True))
    whole, expected, all_rows = train()
    saved = list(read_checkpoint(FIRST / "run")[1]["history"]["batch_losses"])
    if saved == expected.batch_losses[: len(saved)]:  # a processor of the same kind: the same bits
        assert history.batch_losses == expected.batch_losses and rows == all_rows
        for name, array in whole.arrays().items():
            assert resumed.arrays()[name].tobytes() == array.tobytes()
    # a processor of another kind rounds sums differently in the last bits
    np.testing.assert_allclose(history.batch_losses, expected.batch_losses, rtol=1e-4)
    assert history.stopped == expected.stopped and len(rows) == len(all_rows) > 0
    np.testing.assert_allclose([row["norm"] for row in rows], [row["norm"] for row in all_rows], rtol=1e-3)
    np.testing.assert_allclose(resumed.predict_proba(IMAGES), whole.predict_proba(IMAGES), atol=5e-3)
