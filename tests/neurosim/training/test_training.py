import hashlib
import io
import itertools
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from small_problem import RNG, X, Y, network

import neurosim as ns

ROOT = Path(__file__).resolve().parents[3]


def fingerprint(net):
    return hashlib.sha256(net.parameters.theta.tobytes()).hexdigest()


class StopAfter(ns.Callback):
    """A callback that raises an error, or stops, after a number of steps or epochs."""

    reason = "enough"

    def __init__(self, steps=None, epochs=None, error=None):
        self.steps, self.epochs, self.error = steps, epochs, error
        self.seen, self.ended = 0, 0

    def on_step(self, run):
        self.seen += 1
        if self.seen == self.steps:
            raise self.error

    def on_epoch(self, run):
        if len(run.history) == self.epochs:
            if self.error is not None:
                raise self.error
            return True
        return False

    def on_end(self, run):
        self.ended += 1


# --- it learns, and always the same way ----------------------------------------------------------------------------


def test_training_separates_three_clouds(make_net, blobs):
    net = make_net(optimizer=ns.Adam(0.02))
    history = net.fit(*blobs, epochs=30, batch_size=16, verbose=False)
    assert history["loss"][-1] < 0.1 * history["loss"][0]
    assert net.evaluate(*blobs)["accuracy"] > 0.97
    assert history.stopped == "finished" and history.message == ""


@pytest.mark.parametrize("loss", list(ns.LOSSES))
def test_every_loss_learns_the_clouds(loss, make_net, blobs):
    output = {"hinge": "linear", "squared_hinge": "linear"}.get(loss, ns.LOSSES[loss].natural_output)
    net = make_net(loss=loss, output=output, optimizer=ns.Adam(0.02))
    net.fit(*blobs, epochs=40, batch_size=16, verbose=False)
    assert net.evaluate(*blobs)["accuracy"] > 0.9


@pytest.mark.parametrize("optimizer", list(ns.OPTIMIZERS))
def test_every_optimizer_lowers_the_loss(optimizer, make_net, blobs):
    net = make_net(optimizer=optimizer)
    before = net.evaluate(*blobs)["loss"]
    net.fit(*blobs, epochs=5, batch_size=16, verbose=False)
    assert net.evaluate(*blobs)["loss"] < before


SCRIPT = """
import hashlib, numpy as np, neurosim as ns
rng = np.random.default_rng(0)
x, y = rng.integers(0, 256, (150, 40), dtype=np.uint8), rng.integers(0, 10, 150)
layers = [ns.Input(40), ns.Dense(32), ns.BatchNorm("relu"), ns.Dropout(0.3), ns.Dense(10, "softmax")]
net = ns.Network(layers, optimizer=ns.Adam("one_cycle", clip_norm=1.0), seed=7)
net.fit(x, y, epochs=3, batch_size=32, verbose=False)
print(hashlib.sha256(net.parameters.theta.tobytes()).hexdigest())
"""


def in_another_process():
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_same_seed_gives_the_same_weights_in_two_processes():
    first, second = in_another_process(), in_another_process()
    assert len(first) == 64 and first == second


def test_the_same_seed_gives_the_same_weights_twice_in_one_process(full_net, blobs):
    prints = []
    for seed in (1, 1, 2):
        net = full_net(seed=seed, optimizer="adam")
        net.fit(*blobs, epochs=2, batch_size=16, verbose=False)
        prints.append(fingerprint(net))
        np.random.default_rng().normal(size=100)  # other random numbers in between change nothing
    assert prints[0] == prints[1] != prints[2]


def test_reset_trains_to_the_same_weights_again(full_net, blobs):
    net = full_net()
    prints = []
    for _ in range(2):
        net.fit(*blobs, epochs=2, batch_size=16, verbose=False)
        prints.append(fingerprint(net))
        net.reset()
    assert prints[0] == prints[1]


def test_no_global_random_state_is_used_or_touched(full_net, blobs):
    before = np.random.get_state()  # noqa: NPY002
    full_net().fit(*blobs, epochs=1, verbose=False)
    after = np.random.get_state()  # noqa: NPY002
    assert np.array_equal(before[1], after[1]) and before[2:] == after[2:]


def test_evaluating_in_between_changes_nothing_in_the_training(full_net, blobs):
    prints = []
    for options in ({}, {"validation_data": blobs, "evaluate_train": True}):
        net = full_net()
        net.fit(*blobs, epochs=3, batch_size=16, verbose=False, **options)
        prints.append(fingerprint(net))
    assert prints[0] == prints[1]


def test_two_fits_are_one_fit(full_net, blobs):
    once, twice = full_net(), full_net()
    one = once.fit(*blobs, epochs=4, batch_size=16, verbose=False)
    parts = [twice.fit(*blobs, epochs=2, batch_size=16, verbose=False) for _ in range(2)]
    assert fingerprint(once) == fingerprint(twice)
    assert one.batch_losses == parts[0].batch_losses + parts[1].batch_losses
    assert one["loss"] == parts[0]["loss"] + parts[1]["loss"]
    assert twice.optimizer.t == once.optimizer.t == 4 * 6
    assert [row["epoch"] for row in parts[1].rows] == [1, 2]


def test_fit_is_train_batch_in_a_loop(make_net, blobs):
    x, y = blobs
    one, other = make_net(), make_net()
    history = one.fit(x, y, epochs=2, batch_size=20, shuffle=False, verbose=False)
    losses = [
        other.train_batch(x[start : start + 20], y[start : start + 20]) for _ in range(2) for start in range(0, 90, 20)
    ]
    assert history.batch_losses == losses
    assert fingerprint(one) == fingerprint(other)


def test_each_epoch_sees_every_sample_once_in_a_new_order(make_net):
    x = np.repeat(np.arange(23.0)[:, None], 5, axis=1)

    class Watch(ns.Callback):
        seen = []  # noqa: RUF012

        def on_step(self, run):
            self.seen.append(run.network.input.a[:, 0].astype(int).tolist())

    make_net().fit(x, np.zeros(23, int), epochs=2, batch_size=5, verbose=False, callbacks=[watch := Watch()])
    assert [len(batch) for batch in watch.seen] == [5, 5, 5, 5, 3] * 2
    first, second = (list(itertools.chain.from_iterable(part)) for part in (watch.seen[:5], watch.seen[5:]))
    assert sorted(first) == sorted(second) == list(range(23))
    assert first != second != list(range(23))


@pytest.mark.parametrize(("batch_size", "steps"), [(None, 1), (1, 90), (64, 2), (90, 1), (1000, 1), (7, 13)])
def test_batch_sizes(batch_size, steps, make_net, blobs):
    history = make_net(optimizer=ns.SGD(0.01)).fit(*blobs, epochs=1, batch_size=batch_size, verbose=False)
    assert len(history.batch_losses) == steps and history.stopped == "finished"


def test_loss_and_accuracy_of_an_epoch_weigh_every_sample_the_same(make_net, blobs):
    net = make_net(optimizer=ns.SGD(0.0))
    history = net.fit(*blobs, epochs=1, batch_size=64, verbose=False, evaluate_train=True)  # batches of 64 and 26
    row = history.rows[0]
    assert row["loss"] == pytest.approx(row["train_loss"], rel=1e-6)
    assert row["accuracy"] == pytest.approx(row["train_accuracy"], rel=1e-12)


def test_a_learning_rate_of_zero_changes_nothing(make_net, blobs):
    net = make_net(optimizer=ns.Adam(0.0))
    before = fingerprint(net)
    net.fit(*blobs, epochs=1, verbose=False)
    assert fingerprint(net) == before


def test_no_epochs_change_nothing(make_net, blobs):
    net = make_net()
    before = fingerprint(net)
    history = net.fit(*blobs, epochs=0, verbose=False)
    assert fingerprint(net) == before and len(history) == 0 and history.stopped == "finished"


def test_one_sample_is_enough(make_net, blobs):
    net = make_net(optimizer=ns.SGD(0.5))
    history = net.fit(blobs[0][:1], blobs[1][:1], epochs=30, verbose=False)
    assert history["loss"][-1] < history["loss"][0] and history["accuracy"][-1] == 1.0


# --- what may be given ---------------------------------------------------------------------------------------------


def test_uint8_images_are_floats_divided_by_255(make_net):
    images = np.random.default_rng(0).integers(0, 256, (60, 5), dtype=np.uint8)
    y = np.arange(60) % 3
    one, other = make_net(dtype="float64"), make_net(dtype="float64")
    one.fit(images, y, epochs=2, verbose=False)
    other.fit(images / 255.0, y, epochs=2, verbose=False)
    np.testing.assert_allclose(one.parameters.theta, other.parameters.theta, rtol=1e-9)


def test_one_hot_rows_are_class_indices(make_net, blobs):
    x, y = blobs
    rows = np.eye(3)[y]
    prints = set()
    for targets in (y, y.astype(np.uint8), y.astype(float), y.tolist(), rows, rows.astype(np.uint8), rows.astype(bool)):
        net = make_net()
        net.fit(x, targets, epochs=1, verbose=False)
        prints.add(fingerprint(net))
    assert len(prints) == 1
    assert make_net().evaluate(x, y) == make_net().evaluate(x, rows)


def test_lists_columns_and_other_layouts_of_memory_are_the_same(make_net, blobs):
    x, y = blobs
    prints = set()
    for data in (x, x.tolist(), np.asfortranarray(x), np.repeat(x, 2, axis=0)[::2]):
        net = make_net()
        net.fit(data, y, epochs=1, verbose=False)
        prints.add(fingerprint(net))
    assert len(prints) == 1


def test_training_leaves_the_data_alone(make_net, blobs):
    x, y = blobs[0].copy(), blobs[1].copy()
    make_net().fit(x, y, epochs=1, verbose=False)
    assert np.array_equal(x, blobs[0]) and np.array_equal(y, blobs[1])


def test_float64_is_kept_throughout(full_net, blobs):
    net = full_net(dtype="float64")
    net.fit(*blobs, epochs=1, verbose=False)
    assert all(array.dtype == np.float64 for array in net.arrays().values())
    assert net.predict_proba(blobs[0]).dtype == np.float64
    assert full_net().predict_proba(blobs[0]).dtype == np.float32


def test_regression_learns_a_line():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    y = x @ [1.0, -2.0, 0.5] + 3.0
    for targets in (y, y[:, None]):
        net = ns.Network([ns.Input(3), ns.Dense(1)], loss="mse", optimizer=ns.SGD(0.1))
        history = net.fit(x, targets, epochs=30, verbose=False)
        np.testing.assert_allclose(net[1].W[:, 0], [1.0, -2.0, 0.5], atol=1e-3)
        assert net[1].b[0] == pytest.approx(3.0, abs=1e-3)
        assert all(math.isnan(value) for value in history["accuracy"])
        assert math.isnan(net.evaluate(x, targets)["accuracy"])
    assert net.predict_proba(x).shape == (200, 1)


def test_a_single_sigmoid_output_is_a_binary_classifier(blobs):
    x, y = blobs[0], (blobs[1] == 1).astype(int)
    net = ns.Network(
        [ns.Input(5), ns.Dense(8, "tanh"), ns.Dense(1, "sigmoid")], loss="binary_cross_entropy", optimizer=ns.Adam(0.05)
    )
    net.fit(x, y, epochs=40, verbose=False)
    assert net.predict(x).shape == (90,) and set(net.predict(x)) == {0, 1}
    assert net.evaluate(x, y)["accuracy"] == np.mean(net.predict(x) == y) > 0.95


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (np.zeros((4, 6)), np.zeros(4, int), ("5 numbers", "(4, 6)")),
        (np.zeros((4, 5)), np.zeros(3, int), ("expected 4", "(3,)")),
        (np.zeros((4, 5)), [0, 1, 2, 3], ("0 to 2", "received 3 at position 3")),
        (np.zeros((4, 5)), [0, -1, 2, 1], ("0 to 2", "received -1 at position 1")),
        (np.zeros((4, 5)), [0, 1, 0.5, 1], ("whole numbers", "0.5 at position 2")),
        (np.zeros((4, 5)), [0, math.nan, 0, 1], ("received nan at position 1",)),
        (np.zeros((4, 5)), ["a", None, "c", "a"], ("a label for each sample", "missing")),
        (np.zeros((4, 5)), ["a", "b", "c", "d"], ("0 to 2", "received 3")),
        (np.zeros((4, 5)), np.zeros((4, 4)), ("rows of 3", "(4, 4)")),
        (np.zeros((4, 5)), np.zeros((4, 1)), ("rows of 3", "(4, 1)")),
        (np.zeros((4, 5)), np.full((4, 3), 0.5), ("sum to 1",)),
        (np.zeros((4, 5)), np.full((4, 3), math.nan), ("finite", "NaN")),
        (np.zeros((4, 5)), np.zeros((4, 3, 1)), ("expected 4", "(4, 3, 1)")),
        (np.zeros((0, 5)), np.zeros(0, int), ("at least one sample",)),
        (np.array([["a"] * 5] * 4), np.zeros(4, int), ("expected numbers",)),
    ],
    ids=range(15),
)
def test_data_that_does_not_fit_is_refused_before_anything_changes(x, y, words, make_net, refused, blobs):
    net = make_net()
    before = fingerprint(net)
    for call in (
        lambda: net.fit(x, y, epochs=1, verbose=False),
        lambda: net.train_batch(x, y),
        lambda: net.gradients(x, y),
    ):
        with refused(*words):
            call()
    if len(x):
        with refused(*words):
            net.fit(*blobs, epochs=1, verbose=False, validation_data=(x, y))
    assert fingerprint(net) == before and net.optimizer.t == 0


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"epochs": -1}, "epochs"),
        ({"epochs": 1.5}, "epochs"),
        ({"epochs": "3"}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 2.5}, "batch_size"),
        ({"batch_size": True}, "batch_size"),
    ],
)
def test_settings_of_fit_are_checked(options, word, make_net, blobs, refused):
    with refused(word, "expected a whole number", "received"):
        make_net().fit(*blobs, verbose=False, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"validation_data": (np.zeros((1, 5)),)},
        {"validation_data": 3},
        {"callbacks": ns.EarlyStopping()},
        {"callbacks": [ns.EarlyStopping]},
    ],
    ids=["one of two", "no pair", "no list", "a class"],
)
def test_wrong_kinds_of_options_are_refused_in_one_line(options, make_net, blobs, refused):
    with refused("expected", "received"):
        make_net().fit(*blobs, epochs=1, verbose=False, **options)


def test_fit_has_no_option_that_swallows_a_typo(make_net, blobs):
    with pytest.raises(TypeError, match="epoch_count"):
        make_net().fit(*blobs, epoch_count=3)


def test_no_samples_give_no_predictions_and_nan(make_net):
    net = make_net()
    assert net.predict(np.zeros((0, 5))).shape == (0,) and net.predict_proba(np.zeros((0, 5))).shape == (0, 3)
    assert all(math.isnan(value) for value in net.evaluate(np.zeros((0, 5)), []).values())


# --- evaluation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 255, 256, 257, 600])
def test_evaluation_in_parts_is_evaluation_at_once(count, make_net):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(count, 5)), rng.integers(0, 3, count)
    net = make_net(dtype="float64")
    a = np.concatenate([net.predict_proba(row[None]) for row in x])
    np.testing.assert_allclose(net.predict_proba(x), a, rtol=1e-12)
    assert np.array_equal(net.predict(x), a.argmax(axis=1))
    figures = net.evaluate(x, y)
    assert figures["loss"] == pytest.approx(-np.mean(np.log(a[np.arange(count), y])), rel=1e-12)
    assert figures["accuracy"] == np.mean(a.argmax(axis=1) == y)


def test_dropout_is_off_in_evaluation_and_keeps_the_expectation(blobs):
    net = ns.Network([ns.Input(5), ns.Dropout(0.4), ns.Dense(3)], loss="mse", dtype="float64", seed=0)
    x = blobs[0][:1]
    assert np.array_equal(net.predict_proba(x), net.predict_proba(x))
    many = np.repeat(x, 40_000, axis=0)
    net.set_batch_size(len(many))
    net.input.fill(many)
    mean = net.forward_(training=True).mean(axis=0)
    np.testing.assert_allclose(mean, net.predict_proba(x)[0], atol=0.06)


def test_validation_figures_are_evaluations_after_each_epoch(make_net, blobs):
    x, y = blobs

    class Watch(ns.Callback):
        figures = []  # noqa: RUF012

        def on_epoch(self, run):
            self.figures.append((run.network.evaluate(x[:30], y[:30]), run.network.evaluate(x[30:], y[30:])))

    history = make_net().fit(
        x[30:],
        y[30:],
        epochs=3,
        verbose=False,
        validation_data=(x[:30], y[:30]),
        evaluate_train=True,
        callbacks=[watch := Watch()],
    )
    assert history.columns == [
        "epoch",
        "loss",
        "accuracy",
        "train_loss",
        "train_accuracy",
        "val_loss",
        "val_accuracy",
        "seconds",
        "learning_rate",
    ]
    for row, (validation, training) in zip(history.rows, watch.figures, strict=True):
        assert (row["val_loss"], row["val_accuracy"]) == (validation["loss"], validation["accuracy"])
        assert (row["train_loss"], row["train_accuracy"]) == (training["loss"], training["accuracy"])
    assert [row["epoch"] for row in history.rows] == [1, 2, 3]
    assert all(seconds > 0 for seconds in history["seconds"])


def test_verbose_writes_to_standard_error_only(make_net, blobs, capsys):
    make_net().fit(*blobs, epochs=2, validation_data=blobs)
    printed = capsys.readouterr()
    assert printed.out == ""
    lines = [line for line in printed.err.replace("\r", "\n").splitlines() if line.startswith("epoch") and " s" in line]
    assert any(line.startswith("epoch 2/2") and "val loss" in line and "val acc" in line for line in lines)
    assert max(map(len, lines)) <= 80
    make_net().fit(*blobs, epochs=2, verbose=False)
    assert capsys.readouterr() == ("", "")


# --- how training ends ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", [{"steps": 8}, {"epochs": 2}])
def test_an_interrupt_ends_cleanly_with_what_was_recorded(where, make_net, blobs):
    stop = StopAfter(**where, error=KeyboardInterrupt())
    net = make_net()
    history = net.fit(*blobs, epochs=5, batch_size=16, verbose=False, callbacks=[stop])
    assert history.stopped == "interrupted" and history.message.startswith("Interrupted") and stop.ended == 1
    assert "epoch 2 of 5" in history.message or "epochs" in where
    assert len(history) == (1 if "steps" in where else 2)
    assert len(history.batch_losses) == net.optimizer.t == (8 if "steps" in where else 12)
    assert net.fit(*blobs, epochs=1, verbose=False).stopped == "finished"


def test_an_interrupt_after_the_last_epoch_names_no_epoch_beyond_it(make_net, blobs):
    stop = StopAfter(epochs=1, error=KeyboardInterrupt())
    history = make_net().fit(*blobs, epochs=1, verbose=False, callbacks=[stop])
    assert "epoch 2 of 1" not in history.message


def test_an_error_in_a_callback_comes_through_after_on_end(make_net, blobs):
    stop = StopAfter(steps=3, error=RuntimeError("mine"))
    with pytest.raises(RuntimeError, match="mine"):
        make_net().fit(*blobs, verbose=False, callbacks=[stop], batch_size=16)
    assert stop.ended == 1


def test_a_callback_can_end_the_training_and_gives_the_reason(make_net, blobs):
    history = make_net().fit(*blobs, epochs=9, verbose=False, callbacks=[StopAfter(epochs=3), ns.GradientNorms()])
    assert len(history) == 3 and history.stopped == "enough"
    assert history.message == "Stopped after epoch 3 of 9: enough."


def test_callbacks_are_called_in_order_and_all_of_them(make_net, blobs):
    calls = []

    class Note(ns.Callback):
        def __init__(self, name):
            self.name = name

        def on_start(self, run):
            calls.append((self.name, "start", run.history.stopped))

        def on_epoch(self, run):
            calls.append((self.name, "epoch"))
            return self.name == "a"

        def on_end(self, run):
            calls.append((self.name, "end", run.history.stopped))

    make_net().fit(*blobs, epochs=5, verbose=False, callbacks=iter([Note("a"), Note("b")]))
    assert calls == [
        ("a", "start", "running"),
        ("b", "start", "running"),
        ("a", "epoch"),
        ("b", "epoch"),
        ("a", "end", "callback"),
        ("b", "end", "callback"),
    ]


@pytest.mark.filterwarnings("error")
def test_divergence_is_reported_not_raised(make_net, blobs):
    net = ns.Network([ns.Input(5), ns.Dense(8), ns.Dense(3)], loss="mse", optimizer=ns.SGD(1e6), seed=0)
    history = net.fit(*blobs, epochs=50, batch_size=16, verbose=False)
    assert history.stopped == "diverged" and not math.isfinite(history.batch_losses[-1])
    assert "smaller learning rate" in history.message and f"step {len(history.batch_losses)}" in history.message
    assert len(history) == (len(history.batch_losses) - 1) // 6
    assert all(math.isfinite(loss) for loss in history.batch_losses[:-1])


@pytest.mark.filterwarnings("error")
def test_divergence_seen_first_in_an_evaluation_is_reported_not_warned_about(blobs):
    net = ns.Network([ns.Input(5), ns.Dense(4), ns.Dense(3)], loss="mse", optimizer=ns.SGD(1e15))
    history = net.fit(*blobs, epochs=3, batch_size=None, verbose=False, evaluate_train=True)
    assert history.stopped == "diverged"


class Best(ns.Callback):
    """A callback that keeps the weights of the epoch with the lowest val_loss, outside the simulator."""

    loss, theta, epoch = math.inf, None, 0

    def on_epoch(self, run):
        if run.history.rows[-1]["val_loss"] < self.loss:
            self.loss, self.theta = run.history.rows[-1]["val_loss"], run.network.parameters.theta.copy()
            self.epoch = len(run.history)


@pytest.mark.parametrize("ending", ["stopped", "all epochs run", "interrupted", "diverged"])
def test_early_stopping_restores_the_best_weights_however_training_ends(ending, make_net, blobs):
    x, y = blobs
    net = make_net(optimizer=ns.SGD(0.1))
    best, stopping = Best(), ns.EarlyStopping(patience=2 if ending == "stopped" else 50)

    class Spoil(ns.Callback):
        def on_epoch(self, run):
            if len(run.history) >= 3:
                run.network[3].W *= -30.0  # worse from the fourth epoch on
            if len(run.history) == 5 and ending == "interrupted":
                raise KeyboardInterrupt
            if len(run.history) == 5 and ending == "diverged":
                run.network[1].W = math.nan

    history = net.fit(
        x[30:],
        y[30:],
        epochs=6 if ending == "all epochs run" else 20,
        batch_size=16,
        verbose=False,
        validation_data=(x[:30], y[:30]),
        callbacks=[best, stopping, Spoil()],
    )
    assert history.stopped == {"stopped": "early stopping", "all epochs run": "finished"}.get(ending, ending)
    assert stopping.best_epoch == best.epoch < len(history)
    assert np.array_equal(net.parameters.theta, best.theta)
    assert net.evaluate(x[:30], y[:30])["loss"] == pytest.approx(min(history["val_loss"]), rel=1e-12)
    assert f"epoch {best.epoch}, the best by val_loss" in history.message


def test_early_stopping_restores_running_statistics_too(full_net, blobs):
    x, y = blobs
    net = full_net(optimizer=ns.SGD(0.5))
    history = net.fit(
        x[30:],
        y[30:],
        epochs=12,
        batch_size=16,
        verbose=False,
        validation_data=(x[:30], y[:30]),
        callbacks=[ns.EarlyStopping(patience=12)],
    )
    assert net.evaluate(x[:30], y[:30])["loss"] == pytest.approx(min(history["val_loss"]), rel=1e-12)


def test_early_stopping_waits_for_its_patience(make_net, blobs):
    for patience in (1, 3):
        history = make_net(optimizer=ns.SGD(0.0)).fit(
            *blobs, epochs=20, verbose=False, validation_data=blobs, callbacks=[ns.EarlyStopping(patience=patience)]
        )
        assert len(history) == 1 + patience


def test_early_stopping_wants_accuracy_to_rise_and_min_delta_to_be_passed(make_net, blobs):
    watch = ns.EarlyStopping("accuracy", patience=2, min_delta=0.05)
    history = ns.History()
    run = ns.TrainingRun(make_net(), ns.Batches(make_net(), *blobs, 10), history, [watch], 9)
    watch.on_start(run)
    stops = []
    for accuracy in (0.5, 0.6, 0.64, 0.70, 0.74, 0.745):
        history.rows.append({"accuracy": accuracy})
        stops.append(watch.on_epoch(run))
    assert stops == [False, False, False, False, False, True] and watch.best_epoch == 4


def test_early_stopping_can_be_used_for_a_second_fit(make_net, blobs):
    stopping, net = ns.EarlyStopping(patience=1), make_net(optimizer=ns.SGD(0.0))
    for _ in range(2):
        assert len(net.fit(*blobs, epochs=9, verbose=False, validation_data=blobs, callbacks=[stopping])) == 2


def test_early_stopping_on_what_is_not_recorded_lists_what_is(make_net, blobs, refused):
    with refused("early stopping", "loss, accuracy", "'val_loss'", "validation_data"):
        make_net().fit(*blobs, epochs=2, verbose=False, callbacks=[ns.EarlyStopping()])


def test_gradient_norms_are_those_of_the_layers(make_net, blobs):
    norms = ns.GradientNorms(every=2)

    class Watch(ns.Callback):
        rows = []  # noqa: RUF012

        def on_step(self, run):
            self.rows.append(
                [math.sqrt(sum(g * g for g in layer.dW.ravel().tolist())) for layer in list(run.network)[1:]]
            )

    make_net(dtype="float64").fit(*blobs, epochs=1, batch_size=16, verbose=False, callbacks=[norms, watch := Watch()])
    frame = norms.to_frame()
    assert frame["step"].tolist() == [1, 1, 1, 3, 3, 3, 5, 5, 5] and frame["layer"].tolist() == [1, 2, 3] * 3
    np.testing.assert_allclose(frame["norm"], np.ravel([watch.rows[k] for k in (0, 2, 4)]), rtol=1e-12)


def test_gradient_norms_go_by_the_networks_own_numbers_where_layers_make_images(image_net, images, blobs):
    norms, dense = ns.GradientNorms(every=1), ns.GradientNorms(every=1)
    net = image_net()
    net.fit(*images, epochs=1, batch_size=None, verbose=False, callbacks=[norms])
    assert norms.to_frame()["layer"].tolist() == [1, 5, 8] == [k for k, layer in enumerate(net) if layer.weight_name]
    for row in norms.to_frame().itertuples():
        assert row.norm == pytest.approx(np.linalg.norm(net[row.layer].dW), rel=1e-5)
    layers = [ns.Input(5), ns.Dense(4), ns.BatchNorm("relu"), ns.Dropout(0.1), ns.Dense(3, "softmax")]
    ns.Network(layers, seed=0).fit(*blobs, epochs=1, batch_size=None, verbose=False, callbacks=[dense])
    assert dense.to_frame()["layer"].tolist() == [1, 2]


# --- memory --------------------------------------------------------------------------------------------------------


def peak_of_a_step(width, B, optimizer="adam", loss="cross_entropy", output="softmax", extra=()):
    hidden = [ns.Dense(width, "relu"), *extra, ns.Dense(width, "gelu")]
    net = ns.Network([ns.Input(100), *hidden, ns.Dense(10, output)], optimizer=optimizer, loss=loss)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(B, 100)).astype(np.float32), np.eye(10, dtype=np.float32)[rng.integers(0, 10, B)]
    net.load_batch(x, y)
    net.step_()
    tracemalloc.start()
    net.step_()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    for _ in range(5):
        net.step_()
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak - before, after - before


@pytest.mark.parametrize("optimizer", ["sgd", "nadam"])
def test_a_training_step_allocates_nothing_that_grows_with_the_network_or_the_batch(optimizer):
    small, _ = peak_of_a_step(32, 16, optimizer)
    large, kept = peak_of_a_step(512, 256, optimizer)
    # a batch of activations would be 512 KiB here, a weight matrix 1 MiB; NumPy's own casting buffer is 64 KiB
    assert large < max(small, 70_000) + 8192 and kept < 4096


def test_dropout_and_batch_norm_allocate_vectors_at_most():
    large, kept = peak_of_a_step(512, 256, extra=(ns.BatchNorm("tanh"), ns.Dropout(0.5)))
    assert large < 80_000 and kept < 4096


def test_an_epoch_of_fit_allocates_no_copy_of_the_data(make_net):
    images = np.zeros((4000, 784), np.uint8)
    net = ns.Network([ns.Input(784), ns.Dense(16, "relu"), ns.Dense(10, "softmax")])
    y = np.zeros(4000, int)
    net.fit(images, y, epochs=1, verbose=False)
    tracemalloc.start()
    net.fit(images, y, epochs=1, verbose=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < images.nbytes / 2  # targets as rows: 160 kB; one batch of pixels: 50 kB


def test_gathering_a_batch_makes_no_second_one():
    """np.take(out=…) buffers the whole batch unless it has mode="clip"."""
    x = np.zeros((6000, 100), np.float32)
    net = ns.Network([ns.Input(100), ns.Dense(100)], loss="mse", optimizer="sgd")
    net.fit(x, x, epochs=1, batch_size=None, verbose=False)
    tracemalloc.start()
    net.fit(x, x, epochs=1, batch_size=None, verbose=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * x.nbytes  # the one copy is of the targets, for the whole run


# --- saving --------------------------------------------------------------------------------------------------------


def test_training_goes_on_bit_for_bit_after_loading(full_net, blobs, tmp_path):
    for optimizer in (
        "adam",
        ns.Nadam("one_cycle"),
        ns.AMSGrad(ns.ReduceOnPlateau(0.01, patience=0)),
        ns.Lion(ns.WarmUp(1e-3, after=ns.Cosine(1e-3, steps=60), steps=60), clip_norm=0.5),
    ):
        net = full_net(optimizer=optimizer)
        net.fit(*blobs, epochs=3, batch_size=16, verbose=False)
        twin = ns.Network.load(net.save(tmp_path / "net.npz"))
        first, second = (each.fit(*blobs, epochs=2, batch_size=16, verbose=False) for each in (net, twin))
        assert first.batch_losses == second.batch_losses
        assert first["learning_rate"] == second["learning_rate"]
        assert all(
            np.array_equal(one, other) for one, other in zip(net.arrays().values(), twin.arrays().values(), strict=True)
        )


def test_the_file_holds_named_arrays_and_json_and_no_pickle(full_net, blobs, tmp_path):
    net = full_net()
    net.train_batch(*blobs)
    path = net.save(tmp_path / "deep" / "folder" / "net.npz")
    with np.load(path, allow_pickle=False) as file:
        assert set(file.files) == {"config", *net.arrays()}
        assert {"W1", "gamma2", "running_mean2", "b5", "optimizer.m"} <= set(file.files)
        np.testing.assert_array_equal(file["W1"], net[1].W)
        config = json.loads(str(file["config"]))
    assert config["network"] == json.loads(json.dumps(net.config()))
    assert list(path.parent.iterdir()) == [path]


def test_saving_over_a_file_replaces_it_and_a_failure_leaves_it(make_net, blobs, tmp_path, monkeypatch, refused):
    net = make_net()
    path = net.save(tmp_path / "net.npz")
    before = path.read_bytes()
    net.train_batch(*blobs)
    with monkeypatch.context() as patch:
        patch.setattr(np.lib.format, "write_array", lambda *a, **k: (_ for _ in ()).throw(OSError(28, "No space left")))
        with refused("cannot write", "No space left"):
            net.save(path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    net.save(path)
    assert path.read_bytes() != before


def test_saving_where_nothing_can_be_written_is_one_line(make_net, tmp_path, refused):
    (tmp_path / "file").write_text("")
    with refused("cannot write"):
        make_net().save(tmp_path / "file" / "net.npz")


def write_npz(path, **arrays):
    np.savez(path, **arrays)
    return path


def changed(net, tmp_path, change):
    """Write the file of a network after a function has changed its arrays and its config."""
    with np.load(net.save(tmp_path / "good.npz")) as file:
        arrays = {name: file[name] for name in file.files}
    config = json.loads(str(arrays.pop("config")))
    change(arrays, config)
    return write_npz(tmp_path / "bad.npz", config=np.array(json.dumps(config)), **arrays)


def test_files_that_are_no_networks_are_refused(tmp_path, refused):
    text, empty, array = tmp_path / "text", tmp_path / "empty", tmp_path / "array.npy"
    text.write_text("hello\nworld\n")
    empty.write_bytes(b"")
    np.save(array, np.zeros(3))
    files = [
        tmp_path / "missing.npz",
        tmp_path,
        text,
        empty,
        array,
        write_npz(tmp_path / "a.npz", x=np.zeros(3)),
        write_npz(tmp_path / "b.npz", config=np.array("{}")),
        write_npz(tmp_path / "c.npz", config=np.array("[")),
        write_npz(tmp_path / "d.npz", config=np.array("[1]")),
        write_npz(tmp_path / "e.npz", config=np.array([{}], dtype=object)),
    ]
    for path in files:
        with refused(str(path), error=ns.DataError):
            ns.Network.load(path)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda arrays, config: config.update(version=99), "99"),
        (lambda arrays, config: config.update(format="something"), "something"),
        (lambda arrays, config: arrays.pop("W2"), "W2"),
        (lambda arrays, config: arrays.update(W9=np.zeros(3)), "W9"),
        (lambda arrays, config: arrays.update(W1=np.zeros((2, 2))), "W1"),
    ],
    ids=["version", "format", "missing", "unknown", "shape"],
)
def test_files_that_do_not_fit_together_are_refused(change, word, make_net, tmp_path, refused):
    path = changed(make_net(), tmp_path, change)
    with refused(str(path), word, error=ns.DataError):
        ns.Network.load(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays, config: config.pop("scalars"),
        lambda arrays, config: config["network"].pop("layers"),
        lambda arrays, config: config["network"].update(extra=1),
        lambda arrays, config: config["network"]["layers"][1].update(name="conv"),
        lambda arrays, config: config["network"]["layers"][1].pop("units"),
        lambda arrays, config: config.update(streams={"other": {}}),
    ],
    ids=["scalars", "layers", "extra", "unknown layer", "units", "streams"],
)
def test_files_with_a_broken_config_are_refused(change, make_net, tmp_path, refused):
    path = changed(make_net(), tmp_path, change)
    with refused(str(path), error=ns.DataError):
        ns.Network.load(path)


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[: len(data) // 2], lambda data: data[:300] + bytes([data[300] ^ 255]) + data[301:]],
    ids=["truncated", "one byte"],
)
def test_damaged_files_are_refused(damage, make_net, tmp_path, refused):
    path = make_net().save(tmp_path / "net.npz")
    path.write_bytes(damage(path.read_bytes()))
    with refused(str(path), error=ns.DataError):
        ns.Network.load(path)


def test_a_file_is_a_plain_zip_of_npy(make_net, tmp_path):
    path = make_net().save(tmp_path / "net.npz")
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as file:
        assert all(name.endswith(".npy") for name in file.namelist())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_setting_survives_saving(dtype, tmp_path):
    layers = [
        ns.Input((4, 3), scale=0.5),
        ns.Dense(6, ns.LeakyReLU(0.3), ns.Normal(0.2), regularizer=ns.L1(0.01), max_norm=2.0),
        ns.Dropout(0.25),
        ns.Dense(5, use_bias=False),
        ns.BatchNorm(ns.ELU(0.5), momentum=0.2, epsilon=1e-3),
        ns.Dense(3, "softmax"),
    ]
    net = ns.Network(
        layers,
        loss=ns.CrossEntropy(0.1),
        optimizer=ns.AdamW(ns.OneCycle(0.01, up=0.4), clip_norm=3.0),
        regularizer=ns.L2(0.02),
        max_norm=4.0,
        seed=11,
        dtype=dtype,
    )
    twin = ns.Network.load(net.save(tmp_path / "net.npz"))
    assert twin.config() == net.config() and repr(twin) == repr(net) and twin.dtype == net.dtype
    assert twin.input.size == (4, 3) and len(twin.summary()) == len(net.summary())
    assert twin[3].regularizer.strength == 0.02 and twin[1].regularizer.key == "l1"


def test_nothing_is_decided_by_an_accuracy_that_there_is_not(refused):
    y = (RNG.random((200, 3)) > 0.5).astype(float)
    net = ns.Network([ns.Input(4), ns.Dense(3, "sigmoid")], "binary_cross_entropy")
    with refused("val_loss", "received 'val_accuracy'"):
        net.fit(X, y, validation_data=(X, y), verbose=False, callbacks=[ns.EarlyStopping("val_accuracy")])
    net.optimizer = ns.SGD(ns.ReduceOnPlateau(0.1, monitor="accuracy"))
    with refused("received 'accuracy'"):
        net.fit(X, y, verbose=False)


def test_no_validation_samples_is_no_divergence(refused):
    with refused("validation_data", "received none"):
        network().fit(X, Y, validation_data=(X[:0], Y[:0]), verbose=False)


def test_a_hook_may_be_a_function_of_the_instance():
    seen = []
    callback = ns.Callback()
    callback.on_step = lambda run: seen.append(run.step)
    network().fit(X, Y, epochs=1, batch_size=100, verbose=False, callbacks=[callback])
    assert seen == [1, 2]


def test_a_run_that_cannot_begin_keeps_no_data_and_leaves_the_schedule(refused):
    net = network(optimizer=ns.SGD(ns.Cosine(0.1)))
    net.fit(X, Y, epochs=1, verbose=False)
    before = net.optimizer.learning_rate.state()
    callback = ns.Checkpoint(tempfile.mkdtemp(), resume=True)
    with refused("checkpoint"):
        net.fit(X, Y, epochs=7, verbose=False, callbacks=[callback])
    assert not hasattr(callback, "progress") and net.optimizer.learning_rate.state() == before


def test_drop_last_trains_on_full_batches_alone_and_leaves_out_others_each_epoch(tmp_path):
    net, twin = network(optimizer="sgd"), network(optimizer="sgd")
    history = net.fit(X[:10], Y[:10], epochs=3, batch_size=4, drop_last=True, verbose=False)
    losses, left_out = [], set()
    for _ in range(3):
        order = twin.streams["shuffling"].permutation(10)
        losses += [twin.train_batch(X[part], Y[part]) for part in (order[:4], order[4:8])]
        left_out |= set(order[8:].tolist())
    assert history.batch_losses == losses and np.array_equal(net.parameters.theta, twin.parameters.theta)
    assert history["loss"][0] == pytest.approx(np.mean(losses[:2])) and len(left_out) > 2
    assert len(network().fit(X[:3], Y[:3], epochs=1, drop_last=True, verbose=False).batch_losses) == 1


@pytest.mark.parametrize(
    ("epochs", "said"),
    [(1, [1]), (3, [1, 2, 3]), (50, [*range(1, 51)]), (51, [1, *range(3, 52, 3)]), (120, [1, *range(5, 121, 5)])],
)
def test_a_line_for_each_epoch_unless_they_are_many(epochs, said, capsys):
    network().fit(X[:20], Y[:20], epochs=epochs, batch_size=20)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("epoch")]
    assert [int(re.match(r"epoch +(\d+)/", line)[1]) for line in lines] == said
