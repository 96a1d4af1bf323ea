import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

import neurosim as ns
from viz.tables import quantity


@pytest.fixture
def history():
    history = ns.History()
    history.rows = [
        {"epoch": 1, "loss": 1.5, "accuracy": 0.25},
        {"epoch": 2, "loss": 0.5, "accuracy": 0.75, "val_loss": 1.0},
    ]
    history.batch_losses = [2.0, 1.0, 0.75, 0.25]
    history.stopped, history.message = "finished", "All well."
    return history


def test_columns_and_rows(history, refused):
    assert len(history) == 2
    assert history["loss"] == [1.5, 0.5]
    assert history.columns == ["epoch", "loss", "accuracy", "val_loss"]
    assert math.isnan(history["val_loss"][0]) and history["val_loss"][1] == 1.0
    assert all(math.isnan(value) for value in history["val_accuracy"])
    assert "loss" in history and "val_accuracy" not in history and list(history) == history.rows
    with refused("did you mean 'val_loss'"):
        history["val_los"]


def test_frame_has_one_row_per_epoch_and_is_new(history):
    frame = history.to_frame()
    assert list(frame.columns) == history.columns and frame["loss"].tolist() == [1.5, 0.5]
    frame["loss"] = 0.0
    assert history["loss"] == [1.5, 0.5]
    empty = ns.History().to_frame()
    assert len(empty) == 0 and list(empty.columns) == ["epoch", "loss", "accuracy"]


def test_json_is_there_and_back(history):
    twin = ns.History.from_json(history.to_json())
    assert vars(twin) == vars(history)
    assert json.loads(history.to_json())["stopped"] == "finished"


def test_json_of_a_real_run_is_there_and_back(make_net, blobs):
    history = make_net().fit(*blobs, epochs=2, verbose=False, validation_data=blobs, evaluate_train=True)
    assert vars(ns.History.from_json(history.to_json())) == vars(history)


def test_json_of_a_diverged_run_is_strict_json(history):
    history.batch_losses.append(math.nan)
    history.rows[0]["accuracy"] = math.inf

    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    json.loads(history.to_json(), parse_constant=refuse)


def test_repr_is_readable(history):
    assert repr(history) == "History(2 epochs, finished: loss 0.5, accuracy 0.75, val_loss 1)"
    assert repr(ns.History()) == "History(0 epochs, running)"


# --- metrics -------------------------------------------------------------------------------------------------------

TRUE = [0, 0, 0, 1, 1, 2, 2, 2, 2, 4]
READ = [0, 0, 1, 1, 2, 2, 2, 0, 2, 4]


def test_accuracy_is_the_share_of_hits():
    assert ns.accuracy(TRUE, READ) == 0.7
    assert ns.accuracy(np.array(TRUE), np.array(TRUE)) == 1.0
    assert math.isnan(ns.accuracy([], []))


def test_confusion_matrix_counts_every_pair():
    matrix = ns.confusion_matrix(TRUE, READ)
    expected = np.zeros((5, 5), int)
    for t, p in zip(TRUE, READ, strict=True):
        expected[t, p] += 1
    np.testing.assert_array_equal(matrix, expected)
    assert ns.confusion_matrix(TRUE, READ, classes=7).shape == (7, 7)
    assert ns.confusion_matrix([], []).shape == (0, 0) and not ns.confusion_matrix([], [], classes=3).any()
    np.testing.assert_array_equal(ns.confusion_matrix(np.uint8([9, 9]), np.uint8([9, 0]), 10)[9], [1] + [0] * 8 + [1])


def test_confusion_matrix_of_many_uint8_labels_does_not_overflow():
    labels = np.random.default_rng(0).integers(0, 100, 5000).astype(np.uint8)
    np.testing.assert_array_equal(np.diag(ns.confusion_matrix(labels, labels)), np.bincount(labels))


def test_per_class_figures_are_their_definitions():
    figures = ns.per_class(ns.confusion_matrix(TRUE, READ))
    for c in range(5):
        hits = sum(t == p == c for t, p in zip(TRUE, READ, strict=True))
        read, there = READ.count(c), TRUE.count(c)
        precision, recall = hits / read if read else 0.0, hits / there if there else 0.0
        f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        got = [figures[name][c] for name in ("precision", "recall", "f1", "support")]
        assert got == pytest.approx([precision, recall, f1, there])


@pytest.mark.parametrize("function", [ns.accuracy, ns.confusion_matrix])
def test_vectors_that_do_not_match_are_refused(function, refused):
    for true, predicted in (([0, 1], [0]), ([[0, 1]], [[0, 1]]), (3, 3)):
        with refused("two vectors of class indices", "received", error=ns.ShapeError):
            function(true, predicted)


@pytest.mark.parametrize("arguments", [([0, 5], [0, 1], 3), ([0, -1], [0, 1]), ([0, 1], [0, 3], 3), ([0, 1.5], [0, 1])])
def test_labels_that_are_not_classes_are_refused(arguments, refused):
    with refused("received"):
        ns.confusion_matrix(*arguments)


def test_accuracy_and_evaluate_agree(make_net, blobs):
    net = make_net()
    assert net.evaluate(*blobs)["accuracy"] == ns.accuracy(blobs[1], net.predict(blobs[0]))


@pytest.mark.parametrize("figure", ["loss", "accuracy", "train_loss", "train_accuracy", "val_loss", "val_accuracy"])
def test_accuracies_should_rise_and_losses_fall(figure):
    better, worse = (0.9, 0.4) if "accuracy" in figure else (0.4, 0.9)
    assert ns.metrics.rises(figure) == (better > worse)
    run = SimpleNamespace(history=ns.History(), network=SimpleNamespace(snapshot=lambda **_: None))
    stopping, plateau = ns.EarlyStopping(figure, patience=1), ns.ReduceOnPlateau(1.0, patience=0, monitor=figure)
    stopping.on_start(run)
    for value, stop, rate in ((worse, False, 1.0), (better, False, 1.0), (worse, True, 0.1)):
        run.history.rows.append({figure: value})
        assert stopping.on_epoch(run) == stop
        plateau.observe(run.history.rows[-1])
        assert plateau(0) == pytest.approx(rate)
    assert stopping.best_epoch == 2 and quantity(figure).higher_is_better == (better > worse)
