"""Snapshots: bit-identical parameters at their steps, after every interruption, resume or stop."""

import numpy as np
import pytest
from small_problem import X, Y, network

import neurosim as ns
from neurosim.training.snapshots import moments


class Recorder(ns.Callback):
    """A callback that copies all parameters after every step."""

    def on_start(self, run):
        self.thetas = [run.network.parameters.theta.copy()]

    def on_step(self, run):
        self.thetas.append(run.network.parameters.theta.copy())


class Interruption(ns.Callback):
    """A callback that sends Ctrl-C after a number of steps."""

    def __init__(self, step):
        self.at = step

    def on_step(self, run):
        if run.step == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("last", "count", "expected"),
    [
        (64, 8, [0, 1, 2, 4, 8, 16, 32, 64]),
        (1000, 5, [0, 1, 10, 100, 1000]),
        (3, 16, [0, 1, 2, 3]),
        (500, 2, [0, 500]),
        (500, 3, [0, 1, 500]),
        (1, 9, [0, 1]),
        (0, 9, [0]),
    ],
)
def test_they_lie_ever_further_apart(last, count, expected):
    assert moments(last, count) == expected


def test_they_are_the_parameters_after_these_steps():
    net, recorder, snapshots = network(), Recorder(), ns.Snapshots(6)
    net.fit(X, Y, epochs=3, batch_size=10, callbacks=[snapshots, recorder], verbose=False)
    assert snapshots.steps == moments(60, 6) and len(snapshots) == len(snapshots.steps) == 6
    assert snapshots.epochs[-1] == 3 and snapshots.epochs[1] == 1 / 20
    assert (snapshots.steps_per_epoch, snapshots.batch_size) == (20, 10)
    for step, theta in zip(snapshots.steps, snapshots.thetas, strict=True):
        assert np.array_equal(theta, recorder.thetas[step])
        assert not np.shares_memory(theta, net.parameters.theta)


def test_a_second_run_begins_anew():
    net, snapshots = network(), ns.Snapshots(4)
    net.fit(X, Y, epochs=1, callbacks=[snapshots], verbose=False)
    before = net.parameters.theta.copy()
    net.fit(X, Y, epochs=1, callbacks=[snapshots], verbose=False)
    assert snapshots.steps[0] == 0 and np.array_equal(snapshots.thetas[0], before)


def test_an_interrupted_run_ends_with_what_the_network_is():
    net, snapshots = network(), ns.Snapshots(5)
    history = net.fit(X, Y, epochs=9, batch_size=10, callbacks=[snapshots, Interruption(37)], verbose=False)
    assert history.stopped == "interrupted" and snapshots.steps == [*(k for k in moments(180, 5) if k < 37), 37]
    assert np.array_equal(snapshots.thetas[-1], net.parameters.theta)


def test_what_early_stopping_takes_back_is_dropped():
    net, recorder, snapshots = network(optimizer=ns.SGD(3.0)), Recorder(), ns.Snapshots(40)
    stopping = ns.EarlyStopping(patience=3)
    history = net.fit(
        X, Y, epochs=60, batch_size=20, validation_data=(X[:40], (Y[:40] + 1) % 3), verbose=False,
        callbacks=[stopping, snapshots, recorder],
    )  # fmt: skip
    last = 10 * stopping.best_epoch
    assert history.stopped == "early stopping" and 0 < last < len(recorder.thetas) - 1
    assert snapshots.steps[-1] == last and sorted(set(snapshots.steps)) == snapshots.steps
    for step, theta in zip(snapshots.steps, snapshots.thetas, strict=True):
        assert np.array_equal(theta, recorder.thetas[step])
    assert np.array_equal(snapshots.thetas[-1], net.parameters.theta)


@pytest.mark.parametrize("at", [1, 29, 30, 43])
def test_a_run_that_is_taken_up_has_those_of_one_that_never_ended(at, tmp_path):
    def fit(*callbacks, resume=False):
        layers = [ns.Input(4), ns.Dense(5, use_bias=False), ns.BatchNorm("relu"), ns.Dense(3, "softmax")]
        net, snapshots = ns.Network(layers, seed=0), ns.Snapshots(7)
        checkpoint = ns.Checkpoint(tmp_path / str(len(callbacks)), every=10, resume=resume)
        net.fit(X, Y, epochs=3, batch_size=10, callbacks=[snapshots, *callbacks, checkpoint], verbose=False)
        return snapshots

    whole = fit()
    fit(Interruption(at))
    again = fit(Interruption(10**6), resume=True)
    assert again.steps == whole.steps
    for one, other in zip(again.thetas, whole.thetas, strict=True):
        assert np.array_equal(one, other)
    for one, other in zip(again.arrays, whole.arrays, strict=True):
        assert one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def test_what_is_wrong_is_said(refused):
    with refused("count: expected a whole number of at least 2"):
        ns.Snapshots(1)
    with refused("snapshots: expected early stopping first"):
        network().fit(X, Y, callbacks=[ns.Snapshots(), ns.EarlyStopping("loss")], verbose=False)
