"""Many steps in one call compared with single steps and with NumPy's engine: numbers, bits, and Ctrl-C."""

import copy
import hashlib
import math
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import neurosim as ns
from neurosim import processors
from neurosim.processors import core_count
from neurosim.training.batches import Batches

pytest.importorskip("numba")
pytestmark = [pytest.mark.full, pytest.mark.usefixtures("home")]
ROOT = Path(__file__).parents[3]
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(300, 20)), RNG.integers(0, 4, 300)
PIXELS = (RNG.integers(0, 256, (300, 20)) * (RNG.random((300, 20)) < 0.2)).astype(np.uint8)
ORDER = RNG.permutation(300)


class Look(ns.Callback):
    """A callback at every step, so that each step is a separate call."""

    def on_step(self, run):
        pass


def made(
    engine="compiled", optimizer="sgd", *, norm=False, rate=0.0, out=(4, "softmax"), loss="cross_entropy", **options
):
    layers = [ns.Input(20), ns.Dense(16, "relu"), *([ns.BatchNorm("relu")] if norm else [])]
    layers += [ns.Dropout(rate)] if rate else []
    options = {"dtype": "float64", "seed": 1} | options
    return ns.Network([*layers, ns.Dense(*out)], loss, optimizer=optimizer, engine=engine, **options)


def trained(net, x=X, y=Y, epochs=3, batch_size=32, **options):
    history = net.fit(x, y, epochs, batch_size, **({"verbose": False} | options))
    return net, history


def bits(net):
    """Return everything that training continues from."""
    arrays = {name: array.tobytes() for name, array in net.arrays().items()}
    state = {name: vector.tobytes() for name, vector in net.optimizer.state.items()}
    return arrays, state, net.optimizer.scalars(), net.optimizer.last_rate


def flat(scalars):
    """The numbers of an optimizer and its schedule, by name."""
    return {
        k: v for k, v in ({"schedule": None} | scalars | (scalars["schedule"] or {})).items() if type(v) in (int, float)
    }


def compare(options, fitting, data=(X, Y), tolerance=1e-9):
    """Train with both engines: histories, parameters and the optimizer have to agree."""
    numpys, expected = trained(made("numpy", **options), *data, **fitting)
    compiled, received = trained(made("compiled", **options), *data, **fitting)
    assert compiled.engine == "compiled", compiled.summary()
    np.testing.assert_allclose(received.batch_losses, expected.batch_losses, rtol=tolerance, atol=tolerance)
    assert (received.stopped, received.message) == (expected.stopped, expected.message)
    for one, other in zip(received.rows, expected.rows, strict=True):
        assert one.keys() == other.keys()
        for name in one.keys() - {"seconds"}:
            assert one[name] == pytest.approx(other[name], rel=tolerance, abs=tolerance, nan_ok=True), name
    for name, array in numpys.arrays().items():
        np.testing.assert_allclose(compiled.arrays()[name], array, rtol=tolerance, atol=tolerance, err_msg=name)
    assert flat(compiled.optimizer.scalars()) == pytest.approx(flat(numpys.optimizer.scalars()), rel=1e-9)
    assert compiled.optimizer.last_rate == pytest.approx(numpys.optimizer.last_rate, rel=1e-12)
    return compiled, received


# -- the same numbers as NumPy's engine --------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "nadam", {"name": "adam", "clip_norm": 0.05}], ids=str)
@pytest.mark.parametrize(
    "fitting",
    [
        {},
        {"drop_last": True},
        {"batch_size": 1, "epochs": 1},
        {"batch_size": None},
        {"shuffle": False},
        {"batch_size": 150},
    ],
    ids=str,
)
def test_every_way_to_cut_an_epoch_into_batches(optimizer, fitting, threads):
    compare({"optimizer": optimizer}, fitting)


@pytest.mark.parametrize(
    "schedule",
    [
        ns.OneCycle(0.05),
        ns.StepDecay(0.05, every=7, factor=0.5),
        ns.ReduceOnPlateau(0.5, patience=1, monitor="loss", threshold=0.9),
    ],
    ids=lambda each: type(each).__name__,
)
@pytest.mark.parametrize("optimizer", ["sgd", "nadam"])
def test_every_step_has_its_own_rate(schedule, optimizer):
    _, history = compare({"optimizer": {"name": optimizer, "learning_rate": schedule}}, {"epochs": 6})
    assert len(set(history["learning_rate"])) > 1


@pytest.mark.parametrize(
    ("options", "y"),
    [
        ({"out": (1, "sigmoid"), "loss": "binary_cross_entropy"}, (X[:, 0] > 0) * 1.0),
        ({"out": (1, "tanh"), "loss": "mse"}, np.where(X[:, 0] > 0, 1.0, -1.0)),
        ({"out": (4, "tanh"), "loss": "mse"}, np.where(np.arange(4) == Y[:, None], 1.0, -1.0)),
        ({"out": (2, "linear"), "loss": "mse"}, X[:, :2] ** 2),
    ],
    ids=["sigmoid", "-1 and 1", "rows of -1 and 1", "regression"],
)
def test_right_predictions_are_counted_where_there_are_classes(options, y, threads):
    y = y if y.ndim == 2 else y[:, None]
    _, history = compare(options, {}, (X, y))
    accuracies = np.array(history["accuracy"])
    assert np.isnan(accuracies).all() if options["out"][0] == 2 else (accuracies > 0.0).all()


@pytest.mark.parametrize(
    "x",
    [PIXELS, PIXELS.astype(np.int64), X.astype(np.float32), np.asfortranarray(X), np.repeat(X, 2, 0)[::2], X[:, ::-1]],
    ids=["uint8", "int64", "float32", "by columns", "every second row", "backwards"],
)
def test_every_form_of_samples(x):
    assert len({array.tobytes() for array in (x, x.copy())}) == 1
    compare({}, {}, (x, Y))


@pytest.mark.parametrize("scale", ["standardize", None, 0.5])
def test_every_scale_of_pixels(scale):
    nets = []
    for engine in ("numpy", "compiled"):
        layers = [ns.Input(20, scale), ns.Dense(16, "tanh"), ns.Dense(4, "softmax")]
        net = ns.Network(layers, optimizer=ns.SGD(0.001), dtype="float64", seed=1, engine=engine)
        nets.append(trained(net, PIXELS)[0].parameters.theta)
    np.testing.assert_allclose(*nets, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("options", [{"norm": True}, {"rate": 0.3}, {"norm": True, "rate": 0.3}], ids=str)
def test_evaluation_beside_training(options, threads):
    fitting = {"validation_data": (X[:77], Y[:77]), "evaluate_train": True, "epochs": 4}
    compiled, _ = compare(options, fitting)
    numpys, _ = trained(made("numpy", **options), epochs=4)
    for x in (X, X[:1], np.vstack([X, X])):  # more than a batch of evaluation, and what is left of it
        np.testing.assert_allclose(compiled.predict_proba(x), numpys.predict_proba(x), atol=1e-9)
        np.testing.assert_array_equal(compiled.predict(x), numpys.predict(x))
    assert compiled.evaluate(X, Y) == pytest.approx(numpys.evaluate(X, Y), abs=1e-9)
    unwatched, _ = trained(made(**options), epochs=4)
    assert bits(unwatched)[:3] == bits(compiled)[:3]


def test_at_the_end_of_the_data_there_is_no_step(threads):
    batches = Batches(made(), X, Y, 32)
    while not batches.epoch_is_done:
        batches.advance(4, [])
    assert batches.steps == 10 and not batches._run(3, [], None)


def test_a_network_without_a_compiled_step_is_asked_once_an_epoch(monkeypatch):
    asked, real = [], Batches._run
    monkeypatch.setattr(Batches, "_run", lambda self, *given: asked.append(self) or real(self, *given))
    trained(made("numpy"), epochs=3)
    assert len(asked) == 3


def test_one_slow_call_does_not_make_all_that_follow_short(monkeypatch):
    asked, real = [], Batches.advance

    def advance(self, most, losses, look):
        asked.append(most)
        real(self, most, losses, look)
        time.sleep(0.3 if len(asked) == 2 else 0.0)

    trained(made(), batch_size=1, epochs=1)
    monkeypatch.setattr(Batches, "advance", advance)
    trained(made(), batch_size=1, epochs=4)
    first, second, after_a_slow_one, *others = asked
    assert first == 1 and second > 1 and max(others) > after_a_slow_one


# -- the same bits, however many steps a call does ---------------------------------------------------------------------


WAYS = {
    "plain": {},
    "nadam": {"optimizer": {"name": "nadam", "learning_rate": ns.OneCycle(0.02)}},
    "norm": {"norm": True},
    "dropout": {"rate": 0.3},
    "penalty": {"regularizer": "l2"},
    "bound": {"max_norm": 0.7},
    "clipped": {"optimizer": {"name": "adam", "clip_norm": 0.05}},
    "float32": {"dtype": "float32"},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("x", [X, PIXELS], ids=["numbers", "pixels"])
def test_the_same_bits_in_one_call_in_many_and_in_pieces(way, x, threads):
    x = x.astype(np.float32) if way == "float32" and x is X else x
    at_once, history = trained(made(**WAYS[way]), x)
    one_by_one, watched = trained(made(**WAYS[way]), x, callbacks=[Look()])
    assert at_once.engine == "compiled" and history.batch_losses == watched.batch_losses
    assert bits(at_once) == bits(one_by_one)
    if way == "nadam":  # its rate knows how long the run is
        return
    in_pieces, losses = made(**WAYS[way]), []
    for _ in range(3):
        losses += trained(in_pieces, x, epochs=1)[1].batch_losses
    assert bits(at_once) == bits(in_pieces) and losses == history.batch_losses
    walked = made(**WAYS[way])
    stepper = ns.Stepper(walked, x, Y, batch_size=32)
    for _ in range(30):
        stepper.batch()
    assert bits(at_once)[:2] == bits(walked)[:2] and stepper.losses == history.batch_losses


def test_frozen_and_slowed_neurons_are_the_same_bits(threads):
    nets = [made(), made()]
    for net, callbacks in zip(nets, ([], [Look()]), strict=True):
        net[1][2].freeze()
        net[1][5].rate_factor = 0.1
        trained(net, callbacks=callbacks)
    assert bits(nets[0]) == bits(nets[1]) and nets[0].engine == "compiled"


def test_the_same_bits_for_every_number_of_steps(threads):
    found = []
    for most in (1, 2, 3, 7, 1000):
        net, losses = made(optimizer="nadam"), []
        batches = Batches(net, PIXELS, Y, 32)
        for _ in range(3):
            while not batches.epoch_is_done:
                batches.advance(most, losses)
            batches.begin_epoch()
        found.append((bits(net), losses))
    assert all(each == found[0] for each in found)


def test_the_same_bits_where_no_thread_can_be_had(threads, monkeypatch):
    expected, history = trained(made())
    began = []

    def refuse(self):
        began.append(self)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("neurosim.compiled.table.Thread.start", refuse)
    received, alone = trained(made())
    assert bits(received) == bits(expected) and alone.batch_losses == history.batch_losses
    assert bool(began) == (threads > 1)


TRAINED = """
import sys
sys.path.insert(0, "tests/neurosim/compiled")
import neurosim as ns, test_many_steps as tests
with ns.threads(int(sys.argv[1])):
    print(tests.digest(tests.trained(tests.made("compiled", "nadam"), tests.PIXELS)[0]))
"""


def digest(net):
    return hashlib.sha256(net.parameters.theta.tobytes()).hexdigest()


def test_the_same_bits_in_another_process(threads):
    result = subprocess.run([sys.executable, "-c", TRAINED, str(threads)], cwd=ROOT, capture_output=True, text=True)
    assert result.stdout.strip() == digest(trained(made("compiled", "nadam"), PIXELS)[0]), result.stderr


def _child(queue):
    queue.put(digest(trained(made("compiled", "nadam"), PIXELS)[0]))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process")
def test_a_process_that_is_forked_trains_too(threads):
    expected = digest(trained(made("compiled", "nadam"), PIXELS)[0])
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    children = [context.Process(target=_child, args=(queue,)) for _ in range(2)]
    for child in children:
        child.start()
    assert [queue.get(timeout=60) for _ in children] == [expected, expected]
    for child in children:
        child.join(60)
    queue.close()
    queue.join_thread()


def test_two_networks_are_trained_at_once(threads):
    """Each in a Python thread of its own."""
    x, y = RNG.normal(size=(4000, 20)), RNG.integers(0, 4, 4000)
    expected = bits(trained(made(), x, y, epochs=4)[0])
    found = []
    both = [threading.Thread(target=lambda: found.append(bits(trained(made(), x, y, epochs=4)[0]))) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert found == [expected, expected]


@pytest.mark.skipif(core_count() < 2, reason="needs two processors")
def test_the_run_that_ends_first_leaves_the_other_alone():
    """NumPy's threads, next to the engine's, would change bits, and the threads would wait for each other."""
    get, _, is_per_thread, *_ = processors._library()
    if is_per_thread or not get():
        return
    with ns.threads(2):
        first, second = processors.alone(2), processors.alone(2)
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert get() == 1
        second.__exit__(None, None, None)
        assert get() == 2
    processors._library().set(1)


def test_copies_of_a_network_in_training_go_on_alike(threads):
    copies = []

    class Copy(ns.Callback):
        def on_epoch(self, run):
            if run.epoch == 1:
                copies.extend([copy.deepcopy(run.network), pickle.loads(pickle.dumps(run.network))])

    net, _ = trained(made(optimizer="nadam", rate=0.2), epochs=3, callbacks=[Copy()])
    for each in copies:
        assert bits(trained(each, epochs=2)[0]) == bits(net)


# -- a loss that is not finite -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "optimizer",
    [
        ("sgd", 1e200),
        ("sgd", ns.StepDecay(1e40, every=3, factor=0.9)),
        ("nadam", ns.StepDecay(1e80, every=3, factor=0.9)),
    ],
    ids=["sgd", "schedule", "nadam"],
)
def test_a_run_that_diverges_ends_at_the_same_step(optimizer, threads):
    name, rate = optimizer
    options = {"out": (2, "linear"), "loss": "mse", "optimizer": {"name": name, "learning_rate": rate}}
    with np.errstate(all="ignore"):
        numpys, expected = trained(made("numpy", **options), X, X[:, :2])
        compiled, received = trained(made("compiled", **options), X, X[:, :2])
    assert compiled.engine == "compiled" and expected.stopped == received.stopped == "diverged"
    assert len(received.batch_losses) == len(expected.batch_losses) > 1
    np.testing.assert_allclose(received.batch_losses, expected.batch_losses, rtol=1e-9)
    for key in ("epoch", "step", "found", "value", "phase", "layer", "quantity", "step_of_origin", "learning_rate"):
        assert received.divergence[key] == expected.divergence[key], key
    assert compiled.optimizer.scalars() == numpys.optimizer.scalars()
    assert compiled.optimizer.last_rate == numpys.optimizer.last_rate


@pytest.mark.parametrize("at", [0, 32, 5 * 32 + 3, 299])
@pytest.mark.parametrize("rate", [0.01, ns.OneCycle(0.01)], ids=str)
def test_a_sample_that_is_not_finite_ends_it_where_it_comes(at, rate, threads):
    """NaN cannot come through `fit`, which checks all samples, so it is put into the rows afterwards."""
    found = []
    for engine in ("numpy", "compiled"):
        net, losses = made(engine, ns.Nadam(rate), norm=True), []
        if not isinstance(rate, float):
            net.optimizer.learning_rate.begin(0, 30)
        batches = Batches(net, X.copy(), Y, 32, shuffle=False)
        batches.rows[at, 3] = np.nan
        while not losses or math.isfinite(losses[-1]):
            batches.advance(1000, losses)
        optimizer = net.optimizer
        found.append((losses, batches.place[1:], optimizer.scalars(), optimizer.last_rate, net.arrays()))
    (losses, place, *exact, arrays), (its_losses, its_place, *its_exact, its_arrays) = found
    assert len(its_losses) == len(losses) == at // 32 + 1 and math.isnan(its_losses[-1]) and its_exact == exact
    np.testing.assert_allclose(its_losses, losses, rtol=1e-9)
    np.testing.assert_allclose(its_place, place, rtol=1e-9)
    for name, array in arrays.items():
        np.testing.assert_allclose(its_arrays[name], array, rtol=1e-9, atol=1e-12, err_msg=name)


# -- Ctrl-C ------------------------------------------------------------------------------------------------------------


class Ended(ns.Callback):
    """The state of a run at its end."""

    def on_end(self, run):
        self.steps, self.step, self.t = run.batches.steps, run.step, run.network.optimizer.t
        self.counted = len(run.history) * run.batches.steps_per_epoch + run.batches.steps


@pytest.fixture
def ctrl_c():
    """A callback that presses Ctrl-C `seconds` after a training begins, if it has not ended by then."""

    class CtrlC(ns.Callback):
        def __init__(self, seconds):
            self.seconds = seconds

        def on_start(self, run):
            signal.setitimer(signal.ITIMER_REAL, self.seconds)

        def on_end(self, run):
            signal.setitimer(signal.ITIMER_REAL, 0.0)

    before = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    yield CtrlC
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    signal.signal(signal.SIGALRM, before)


needs_alarm = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs an alarm")


def test_an_order_of_another_type_is_read_as_it_is(threads):
    nets = [made(), made()]
    for net, kind in zip(nets, (np.int64, np.int32), strict=True):
        batches = Batches(net, X, Y, 32)
        batches.place = ORDER.astype(kind), 0, 0.0, 0.0
        batches.advance(5, losses := [])
        assert len(losses) == 5
    np.testing.assert_array_equal(nets[0].parameters.theta, nets[1].parameters.theta)


class Meddle(ns.Callback):
    """A callback that changes settings at some steps, like a teacher at the prompt."""

    def __init__(self, change):
        self.change, self.seen = change, []

    def on_step(self, run):
        net = run.network
        self.seen.append((run.step, len(run.history.batch_losses), run.batches.steps, net.optimizer.t))
        if run.step in (5, 12):
            self.change(net, run.step)


def freeze(net, step):
    net[1][2].freeze()


def own_rate(net, step):
    net.optimizer.learning_rate = 0.3 / step


def other_optimizer(net, step):
    net.optimizer = ns.Nadam(0.01) if step == 5 else ns.Momentum(0.1)


def other_activation(net, step):
    net[1].activation = "tanh" if step == 5 else "gelu"


def evaluate(net, step):
    net.evaluate(X, Y)


def smooth(net, step):
    net.loss.label_smoothing = 0.02 * step


def weights(net, step):
    net[1].W *= 0.5


@pytest.mark.parametrize(
    "change", [freeze, own_rate, other_optimizer, other_activation, evaluate, smooth, weights], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("optimizer", ["adam", "nadam"])
def test_what_a_callback_changes_counts_from_the_next_step_on(change, optimizer, threads):
    nets = {}
    for engine in ("numpy", "compiled"):
        net = nets[engine] = made(engine, optimizer)
        meddle = Meddle(change)
        net.fit(X, Y, 3, 32, verbose=False, callbacks=[meddle])
        assert meddle.seen == [(k, k, (k - 1) % 10 + 1, t) for k, (*_, t) in enumerate(meddle.seen, 1)]
        nets[engine + " t"] = [t for *_, t in meddle.seen]
    assert nets["numpy t"] == nets["compiled t"]
    np.testing.assert_allclose(nets["compiled"].parameters.theta, nets["numpy"].parameters.theta, atol=1e-9)
    assert nets["compiled"].optimizer.scalars() == nets["numpy"].optimizer.scalars()


class Fail(ns.Callback):
    def on_step(self, run):
        if run.step == 13:
            raise ValueError("at step 13")


def test_what_a_callback_raises_comes_out_with_every_step_counted(threads):
    net = made("compiled", "nadam")
    history = []
    keep = type("Keep", (ns.Callback,), {"on_step": lambda self, run: history.append(run)})()
    with pytest.raises(ValueError, match="at step 13"):
        net.fit(X, Y, 3, 32, verbose=False, callbacks=[keep, Fail()])
    assert net.optimizer.t == 13 and len(history[0].history.batch_losses) == 13
    twin = made("compiled", "nadam")
    twin.fit(X, Y, 1, 32, verbose=False)
    assert net.optimizer.mu_product != twin.optimizer.mu_product


@needs_alarm
def test_ctrl_c_finds_every_step_counted(threads, ctrl_c):
    net = made(optimizer=ns.Nadam(ns.StepDecay(0.001, every=50, factor=0.99)))
    trained(net, epochs=1, batch_size=2)
    interrupted = 0
    for k in range(30):
        ended, t = Ended(), net.optimizer.t
        alarm = ctrl_c(0.002 + 0.004 * (k % 10) + float(RNG.random()) * 0.004)
        _, history = trained(net, epochs=10**6, batch_size=2, callbacks=[alarm, ended])
        interrupted += history.stopped == "interrupted"
        assert ended.t - t == ended.step == len(history.batch_losses)
        assert threading.active_count() == 1
    assert interrupted == 30
    handler = signal.getsignal(signal.SIGINT)
    assert handler is signal.default_int_handler


@needs_alarm
def test_ctrl_c_at_any_moment_leaves_what_a_twin_has_after_as_many_steps(threads, ctrl_c):
    for k in range(6):
        ended = Ended()
        net = made(optimizer="nadam")
        trained(net, PIXELS, epochs=0)
        trained(net, PIXELS, epochs=10**6, batch_size=4, callbacks=[ctrl_c(0.003 + 0.01 * k), ended])
        twin = made(optimizer="nadam")
        batches = Batches(twin, PIXELS, Y, 4)
        for _ in range(ended.step):
            if batches.epoch_is_done:
                batches.begin_epoch()
            batches.step()
        assert bits(twin)[:3] == bits(net)[:3]


@needs_alarm
def test_an_interrupted_run_goes_on_to_the_same_bits(threads, ctrl_c, tmp_path):
    whole, _ = trained(made(optimizer="nadam"), epochs=20, callbacks=[ns.Checkpoint(tmp_path / "whole")])
    for k in range(4):
        folder = tmp_path / str(k)
        alarm = ctrl_c(0.03 + 0.01 * k)
        trained(made(optimizer="nadam"), epochs=20, callbacks=[alarm, ns.Checkpoint(folder)])
        net, history = trained(
            made(optimizer="nadam"), epochs=20, callbacks=[ctrl_c(60.0), ns.Checkpoint(folder, resume=True)]
        )
        assert history.stopped == "finished" and bits(net) == bits(whole)


def test_ctrl_c_while_threads_begin_leaves_none(monkeypatch):
    """The worst moment: one thread exists, and the others do not yet."""
    real = threading.Thread.start

    def start(self):
        real(self)
        raise KeyboardInterrupt

    before = threading.active_count()
    net = made(optimizer="nadam")
    with ns.threads(min(2, core_count())):
        trained(net, epochs=1)
        monkeypatch.setattr("neurosim.compiled.table.Thread.start", start)
        t = net.optimizer.t
        ended = Ended()
        _, history = trained(net, epochs=3, callbacks=[ended])
    if core_count() > 1:
        assert history.stopped == "interrupted"
        assert net.optimizer.t - t == ended.step == ended.counted == len(history.batch_losses)
    deadline = time.monotonic() + 5.0
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_a_signal_waits_for_the_end_of_what_is_done_wholly():
    from neurosim.signals import signals_wait

    done = []
    with pytest.raises(KeyboardInterrupt):
        with signals_wait():
            os.kill(os.getpid(), signal.SIGINT)
            done.append("first")
            done.append("second")
        done.append("never")
    assert done == ["first", "second"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler
