"""Impossible values in a file are refused in one line with its name, even if its checksum is right."""

import io
import json
import math

import numpy as np
import pytest
from fuzzer import checkpoint_fit, checkpoint_seeds, npz_bytes, signed

import neurosim as ns
from neurosim.schema import array, count, hold, listed, number, one_of, record, text, unlike


@pytest.fixture(scope="module")
def seeds():
    return checkpoint_seeds()


def changed(content, change):
    """Change something in a checkpoint, and sign it again."""
    with np.load(io.BytesIO(content)) as file:
        arrays = {name: file[name].copy() for name in file.files}
    config = json.loads(str(arrays["config"]))
    change(config["state"], arrays)
    arrays["config"] = np.array(json.dumps(config))
    return signed(npz_bytes(arrays))


def put(*path, value):
    def change(state, arrays):
        for name in path[:-1]:
            state = state[name]
        state[path[-1]] = value

    return change


def negative_v(state, arrays):
    arrays[state["network"]["arrays"]["optimizer.v"]["array"]][:] = -1


def negative_best(state, arrays):
    arrays[state["callbacks"][0]["arrays"]["running_variance2"]["array"]][:] = -1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (put("progress", "steps", value=-1), "state/progress/steps"),
        (put("progress", "epoch", value=1e308), "state/progress/epoch"),
        (put("progress", "epoch", value=5), "its epoch"),
        (put("progress", "right", value=1e9), "its right"),
        (put("run", "data", value=5), "state/run/data"),
        (put("history", "rows", 0, "epoch", value=7), "its epochs"),
        (put("history", "rows", 0, "loss", value="x"), "state/history/rows/0/loss"),
        (put("history", "rows", 0, value={"epoch": 1}), "its columns"),
        (put("network", "scalars", "t", value=10**400), "network/scalars/t"),
        (put("network", "scalars", "mu_product", value=2.0), "network/scalars/mu_product"),
        (put("network", "scalars", "schedule", "_bad_epochs", value=-1), "_bad_epochs"),
        (put("network", "streams", "dropout", "state", "inc", value=2), "an odd number"),
        (put("changed", "optimizer", "beta1", value=1.5), "beta1"),
        (put("callbacks", 0, "best_epoch", value=-3), "best_epoch"),
        (negative_best, "EarlyStopping/arrays/running_variance2"),
        (put("changed", "optimizer", "learning_rate", "monitor", value="val_,loss"), "expected monitor"),
        (negative_v, "network/arrays/optimizer.v"),
    ],
)
def test_a_signed_checkpoint_with_an_impossible_value_is_refused_in_one_line(change, words, seeds, tmp_path):
    path = tmp_path / "checkpoint-000000001.npz"
    path.write_bytes(changed(seeds[2], change))
    with pytest.raises(ns.DataError) as caught:
        checkpoint_fit(tmp_path, resume=True)
    said = str(caught.value)
    assert "\n" not in said and str(tmp_path) in said and (words in said or "all 1 are damaged" in said)


def test_a_checkpoint_that_was_signed_anew_is_as_good_as_before(seeds, tmp_path):
    (tmp_path / "checkpoint-000000001.npz").write_bytes(changed(seeds[2], lambda *_: None))
    _, history = checkpoint_fit(tmp_path, resume=True)
    assert history.stopped in ("finished", "early stopping")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["network"].update(threshold="x"), "threshold"),
        (lambda c: c["network"].update(class_names=["a", "a"]), "class_names"),
        (lambda c: c["network"].update(class_names=["a", "\ud800"]), "class_names"),
        (lambda c: c["network"]["layers"][0].update(scale=1e308), "scale"),
        (lambda c: c["scalars"].update(t=1e308), "config/scalars/t"),
        (lambda c: c.update(more=1), "more"),
        (lambda c: c["network"]["samples"].update(deviation=[math.inf] * 2, mean=[0.0] * 2), "samples/deviation"),
        (lambda c: c["network"]["samples"].update(low=5.0, high=1.0), "low below high"),
        (lambda c: c["network"].update(interventions={"1": IMPOSSIBLE}), "forced output"),
    ],
)
def test_a_network_with_an_impossible_value_is_refused_in_one_line(change, words, tmp_path):
    net = ns.Network([ns.Input(2), ns.Dense(2, "softmax")], optimizer="adam")
    net.fit(np.eye(2), [0, 1], epochs=1, verbose=False)
    with np.load(net.save(tmp_path / "net.npz")) as file:
        arrays = {name: file[name] for name in file.files}
    config = json.loads(str(arrays["config"]))
    change(config)
    (tmp_path / "net.npz").write_bytes(npz_bytes(arrays | {"config": np.array(json.dumps(config))}))
    with pytest.raises(ns.DataError) as caught:
        ns.Network.load(tmp_path / "net.npz")
    assert "\n" not in str(caught.value) and "net.npz" in str(caught.value) and words in str(caught.value)


IMPOSSIBLE = {"activations": {}, "values": {"0": 1e308}, "factors": {}, "frozen": [], "l2": {}}


def test_a_letter_that_there_is_not_is_refused(tmp_path):
    net = ns.Network([ns.Input(2), ns.Dense(2, "softmax")])
    with np.load(net.save(tmp_path / "net.npz")) as file:
        arrays = {name: file[name] for name in file.files}
    codes = np.array([*map(ord, str(arrays["config"])), 0x110000], np.uint32)
    arrays["config"] = codes.view(f"<U{len(codes)}").reshape(())
    (tmp_path / "net.npz").write_bytes(npz_bytes(arrays))
    with pytest.raises(ns.DataError, match="invalid characters in config"):
        ns.Network.load(tmp_path / "net.npz")


@pytest.mark.parametrize("text_", ["[]", "{", '{"rows": 5}', '{"rows": [{"epoch": 1e308}]}', "[" * 100_000])
def test_a_history_of_something_else_is_refused(text_):
    with pytest.raises(ns.DataError, match="expected a history"):
        ns.History.from_json(text_)


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (number(0, 1), [0, 1, 0.5], [-0.1, 2, True, "1", None, math.nan, 10**400]),
        (number(infinite=True, nan=True), [math.inf, math.nan, -3], ["x", 1j]),
        (count(1, 9), [1, 9], [0, 10, 1.0, True, "1"]),
        (text, ["", "ä", "\udcff"], ["\ud800", 5, None, b"x"]),
        (one_of(0, None), [0, None], [False, 0.0, 1]),
        (listed(count(), 1, 2), [[1], [1, 2]], [[], [1, 2, 3], (1,), {"a": 1}, [-1]]),
        (unlike(text), [["a", "b"]], [["a", "a"]]),
        (record({"a": count()}, left_out={"b": text}), [{"a": 1}, {"a": 1, "b": ""}], [{}, {"a": 1, "c": 1}, []]),
        (array("f", (None, 2), 0.0), [np.ones((3, 2))], [np.ones(2), -np.ones((3, 2)), np.ones((3, 2), int), 1.0]),
    ],
)
def test_a_rule_takes_what_it_declares_and_nothing_else(rule, good, bad):
    for value in good:
        hold("here", rule, value)
    for value in bad:
        with pytest.raises(ns.NeurosimError, match="here"):
            hold("here", rule, value)
