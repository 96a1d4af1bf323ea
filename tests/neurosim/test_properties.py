"""Properties that hold for every input, tested on generated inputs."""

import gzip
import math
import tempfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from data_files import csv_text, idx_bytes
from hypothesis import HealthCheck, assume, given, settings, strategies as st
from hypothesis.extra import numpy as nps

import neurosim as ns
from neurosim.augment import AUGMENTATIONS
from neurosim.cli.main import parse
from neurosim.cli.options import given_settings
from neurosim.data.idx import read_idx
from neurosim.data.tables import read_csv
from neurosim.errors import NeurosimError
from neurosim.training.settings import Settings

settings.register_profile(
    "neurosim",
    deadline=None,
    max_examples=60,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("neurosim")


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


# --- files: what was written is read ---------------------------------------------------------------------------------

IMAGES = nps.arrays(np.uint8, st.tuples(*[st.integers(1, 6)] * 3))
LABELS = nps.arrays(np.uint8, st.tuples(st.integers(1, 50)))


@given(array=st.one_of(IMAGES, LABELS), packed=st.booleans())
def test_idx_is_there_and_back(array, packed, folder):
    content = idx_bytes(array)
    (folder / "a").write_bytes(gzip.compress(content) if packed else content)
    received = read_idx(folder / "a", array.ndim)
    assert received.dtype == np.uint8 and np.array_equal(received, array)


@given(array=IMAGES, cut=st.integers(1, 10), packed=st.booleans())
def test_idx_of_another_length_is_refused(array, cut, packed, folder):
    whole = idx_bytes(array)
    for content in (whole[:-cut], whole + bytes(cut)):
        (folder / "a").write_bytes(gzip.compress(content) if packed else content)
        with pytest.raises(ns.DataError):
            read_idx(folder / "a", array.ndim)


@given(
    images=nps.arrays(np.uint8, st.builds(lambda N, side: (N, side, side), st.integers(1, 8), st.integers(2, 5))),
    labelled=st.booleans(),
    mark=st.sampled_from(["", "\ufeff"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    separator=st.sampled_from([",", ";", "\t", "  "]),
    form=st.sampled_from(["{}", "{}.0", "{:e}", '"{}"']),
    seed=st.integers(0, 9),
)
def test_csv_is_there_and_back(images, labelled, mark, end, separator, form, seed, folder):
    labels = np.random.default_rng(seed).integers(0, 256, len(images), np.uint8)
    (folder / "train.csv").write_text(csv_text(images, labels, header=True))
    plan = read_csv(folder / "train.csv").plan
    names, *rows = csv_text(images, labels if labelled else None, header=True).splitlines()
    cells = [names.split(","), *([form.format(int(cell)) for cell in row.split(",")] for row in rows)]
    text = "".join(separator.join(row) + end for row in cells)
    (folder / "a.csv").write_bytes((mark + text).encode())
    received = read_csv(folder / "a.csv", like=plan)
    assert received.x.dtype == np.uint8 and np.array_equal(received.x, images)
    assert received.labels is None if not labelled else np.array_equal(received.labels, labels)


@given(
    x=nps.arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(1, 5)), elements=st.floats(-1e300, 1e300)),
    separator=st.sampled_from([",", ";", "\t", " "]),
    comma=st.booleans(),
    at=st.integers(0, 5),
)
def test_a_table_is_there_and_back(x, separator, comma, at, folder):
    at = min(at, x.shape[1])
    rows = [list(map(repr, row)) for row in x.tolist()]
    if comma and separator != ",":  # every cell with a decimal comma of one digit, which cannot mean thousands
        x = np.round(np.clip(x, -1e6, 1e6), 1)
        rows = [[f"{cell:.1f}".replace(".", ",") for cell in row] for row in x.tolist()]
    for k, row in enumerate(rows):
        row.insert(at, "ab"[k % 2])
    names = [f"f{k}" for k in range(x.shape[1])]
    names.insert(at, "class")
    (folder / "a.csv").write_text("".join(separator.join(row) + "\n" for row in [names, *rows]))
    received = read_csv(folder / "a.csv")
    assert np.array_equal(received.x, x)
    assert received.labels.tolist() == ["ab"[k % 2] for k in range(len(x))]
    assert received.feature_names == tuple(name for name in names if name != "class")


# --- networks: what was saved is loaded ------------------------------------------------------------------------------


@st.composite
def networks(draw):
    """Draw a network with arbitrary hidden layers, optimizer and schedule."""
    layers = [ns.Input(4)]
    for _ in range(draw(st.integers(0, 3))):
        layers.append(
            ns.Dense(
                draw(st.integers(1, 5)),
                draw(st.sampled_from(list(ns.ACTIVATIONS))),
                draw(st.sampled_from([None, *ns.INITIALIZERS])),
                use_bias=draw(st.booleans()),
                max_norm=draw(st.sampled_from([None, 1.0])),
            )
        )
        after = draw(st.sampled_from([None, "dropout", "batch_norm"]))
        if after is not None:
            layers.append(ns.LAYERS.create(after))
    optimizer = ns.OPTIMIZERS.create(draw(st.sampled_from(list(ns.OPTIMIZERS))))
    schedule = draw(st.sampled_from([None, *ns.SCHEDULES]))
    if schedule is not None:
        optimizer.learning_rate = schedule
    return ns.Network(
        [*layers, ns.Dense(3, "softmax")],
        optimizer=optimizer,
        regularizer=draw(st.sampled_from([None, "l1", "l2"])),
        seed=draw(st.integers(0, 2**64)),
        dtype=draw(st.sampled_from(["float32", "float64"])),
    )


@given(net=networks(), epochs=st.integers(0, 2))
def test_a_network_is_there_and_back(net, epochs, folder):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 4)), rng.integers(0, 3, 12)
    net.fit(x, y, epochs=epochs, batch_size=5, verbose=False)
    twin = ns.Network.load(net.save(folder / "net.npz"))
    assert twin.config() == net.config() and twin.optimizer.scalars() == net.optimizer.scalars()
    losses = [each.fit(x, y, epochs=1, batch_size=5, verbose=False).batch_losses for each in (net, twin)]
    assert losses[0] == losses[1]
    ours, theirs = net.arrays(), twin.arrays()
    assert list(ours) == list(theirs) and all(np.array_equal(ours[name], theirs[name]) for name in ours)


# --- settings: each goes through its option --------------------------------------------------------------------------


def reals(low, high=1e6, **bounds):
    return st.floats(low, high, **bounds)


def or_none(strategy):
    return st.one_of(st.none(), strategy)


def names(registry):
    return st.sampled_from(list(registry))


PARTS = st.one_of(
    st.from_regex(r"[1-9][0-9]?x[1-9](s[2-9])?(same)?", fullmatch=True),
    st.from_regex(r"(avg)?pool[2-9](s[1-9])?", fullmatch=True),
)

VALUES = {
    "conv": st.lists(PARTS, max_size=4).map(tuple),
    "hidden": st.lists(st.integers(1, 500), max_size=4).map(tuple),
    "activation": names(ns.ACTIVATIONS),
    "output": or_none(names(ns.ACTIVATIONS)),
    "loss": names(ns.LOSSES),
    "optimizer": names(ns.OPTIMIZERS),
    "learning_rate": or_none(reals(0.0)),
    "schedule": or_none(names(ns.SCHEDULES)),
    "initializer": or_none(names(ns.INITIALIZERS)),
    "epochs": st.integers(0, 10**6),
    "batch_size": or_none(st.integers(1, 10**6)),
    "dropout": reals(0.0, 1.0, exclude_max=True),
    "input_dropout": reals(0.0, 1.0, exclude_max=True),
    "batch_norm": st.booleans(),
    "l1": reals(0.0),
    "l2": reals(0.0),
    "max_norm": or_none(reals(0.0, exclude_min=True)),
    "clip_norm": or_none(reals(0.0, math.inf, exclude_min=True)),
    "label_smoothing": reals(0.0, 1.0, exclude_max=True),
    "augment": or_none(names(AUGMENTATIONS)),
    "early_stopping": st.integers(0, 10**6),
    "monitor": st.sampled_from(["val_loss", "val_accuracy", "loss", "accuracy"]),
    "dtype": st.sampled_from(["float32", "float64"]),
}


def words(name, value):
    """A setting as a user would write it on the command line."""
    if value is None:
        text = "full" if name == "batch_size" else "none"
    elif isinstance(value, tuple):
        text = ",".join(map(str, value)) or "none"
    else:
        text = {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
    return ["--" + name.replace("_", "-"), text]


def read_back(*argv):
    return given_settings(parse(list(argv)))


def test_every_setting_is_tried():
    assert set(VALUES) == {each.name for each in fields(Settings)}


@pytest.mark.parametrize("name", VALUES)
@given(draws=st.data())
@settings(max_examples=25)
def test_every_setting_goes_through_its_option(name, draws):
    value = draws.draw(VALUES[name])
    for command in ("train", "step"):
        received = read_back(command, *words(name, value))
        assert received == {name: value} and type(received[name]) is type(value)


@given(values=st.fixed_dictionaries({name: strategy for name, strategy in VALUES.items() if name != "augment"}))
def test_all_settings_go_through_their_options_together(values):
    if values["l1"]:
        values["l2"] = 0.0
    if values["loss"] != "cross_entropy":
        values["label_smoothing"] = 0.0
    try:
        expected = Settings(**values)
    except NeurosimError:
        values["output"] = None
        expected = Settings(**values)
    argv = [word for name, value in values.items() for word in words(name, value)]
    assert Settings(**read_back("train", *argv)) == expected


# --- gradients: identities -------------------------------------------------------------------------------------------

SMOOTH = ("tanh", "sigmoid", "softplus", "gelu", "silu", "softsign", "elu")
PAIRS = (("cross_entropy", "softmax"), ("mse", "linear"), ("mse", "sigmoid"), ("binary_cross_entropy", "sigmoid"))


@st.composite
def problems(draw, fewest=0):
    """A small float64 network, with samples (N, 4) and target rows (N, 3) in [0, 1] that sum to 1."""
    loss, output = draw(st.sampled_from(PAIRS))
    widths = [draw(st.integers(1, 5)) for _ in range(draw(st.integers(fewest, 3)))]
    layers = [ns.Dense(width, draw(st.sampled_from(SMOOTH))) for width in widths]
    net = ns.Network([ns.Input(4), *layers, ns.Dense(3, output)], loss, seed=draw(st.integers(0, 99)), dtype="float64")
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    N = draw(st.integers(1, 7))
    net.parameters.theta[...] = rng.normal(size=net.parameters.size)
    return net, rng.normal(size=(N, 4)), rng.dirichlet(np.ones(3), N), rng


def gradient(net, x, y):
    """The loss and a copy of the whole gradient."""
    return net.gradients(x, y), net.parameters.grad.copy()


def close(one, other):
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


@given(problem=problems())
def test_the_gradient_of_a_batch_is_the_mean_of_its_samples_gradients(problem):
    net, x, y, _ = problem
    loss, grad = gradient(net, x, y)
    single = [gradient(net, x[k : k + 1], y[k : k + 1]) for k in range(len(x))]
    close(loss, np.mean([each for each, _ in single]))
    close(grad, np.mean([each for _, each in single], axis=0))


@given(problem=problems())
def test_the_gradient_does_not_depend_on_the_order_of_the_samples(problem):
    net, x, y, rng = problem
    order = rng.permutation(len(x))
    for one, other in zip(gradient(net, x, y), gradient(net, x[order], y[order]), strict=True):
        close(one, other)


@given(problem=problems(), share=st.floats(0.0, 1.0))
def test_the_gradient_of_a_mixture_of_losses_is_the_mixture_of_gradients(problem, share):
    """These losses are affine in the targets, up to terms without weights: their gradients mix as the targets do."""
    net, x, y, rng = problem
    other = rng.dirichlet(np.ones(3), len(x))
    mixed = gradient(net, x, share * y + (1 - share) * other)[1]
    close(mixed, share * gradient(net, x, y)[1] + (1 - share) * gradient(net, x, other)[1])


@given(problem=problems(), repeats=st.integers(2, 4))
def test_repeating_the_batch_changes_no_gradient(problem, repeats):
    net, x, y, _ = problem
    for one, other in zip(
        gradient(net, x, y), gradient(net, np.tile(x, (repeats, 1)), np.tile(y, (repeats, 1))), strict=True
    ):
        close(one, other)


@given(problem=problems(fewest=1), draws=st.data())
def test_permuting_hidden_neurons_permutes_their_gradients(problem, draws):
    net, x, y, rng = problem
    layer = draws.draw(st.integers(1, len(net) - 2))
    order = rng.permutation(net[layer].n_out)
    assume(len(order) == 1 or not np.array_equal(order, np.arange(len(order))))
    loss, _ = gradient(net, x, y)
    before = {(k, name): getattr(net[k], name).copy() for k in range(1, len(net)) for name in ("dW", "db")}
    here, above = net[layer], net[layer + 1]
    here.W, here.b, above.W = here.W[:, order].copy(), here.b[order].copy(), above.W[order].copy()
    close(gradient(net, x, y)[0], loss)
    for (k, name), old in before.items():
        new = getattr(net[k], name)
        if k == layer:
            close(new, old[..., order])
        elif (k, name) == (layer + 1, "dW"):
            close(new, old[order])
        else:
            close(new, old)
