"""The walk: back is exactly back, undo is exactly undo, and batches are those of `fit`."""

import copy
import inspect
import sys
from contextlib import suppress

import numpy as np
import pytest
from small_problem import X, Y, network
from stepper_state import state

import neurosim as ns
from neurosim.optimizers import OPTIMIZERS, SGDTerms
from neurosim.schedules import SCHEDULES
from neurosim.walk import STAGES, Stepper, undo


def walk(stepper):
    return (stepper.layer, stepper.neuron, stepper.sample, stepper.position)


@pytest.fixture
def make(full_net, blobs):
    """A function that makes a stepper on a network of every kind of layer, with some training behind it."""

    def make(net=None, epochs=1, batch_size=16, place=True, **settings):
        net = full_net(**settings) if net is None else net
        net.fit(*blobs, epochs=epochs, batch_size=batch_size, verbose=False)
        return Stepper(net, *blobs, batch_size=batch_size, **({"layer": 1, "neuron": 2, "sample": 4} if place else {}))

    return make


# --- walking ---------------------------------------------------------------------------------------------------------


def test_next_to_the_end_and_back_to_the_beginning_changes_nothing(make):
    stepper = make()
    before, texts = state(stepper), [stepper.stage().text]
    place = walk(stepper)
    for _ in range(10):
        texts.append(stepper.next().text)
    assert stepper.position == 10 and repr(stepper) == "Stepper(layer 1, neuron 2, sample 4, stage 11 of 11)"
    for text in texts[-2::-1]:
        assert stepper.back().text == text
    assert walk(stepper) == place and state(stepper) == before and stepper.changes == []


def test_the_ends_are_ends(make, refused):
    stepper = make()
    with refused("first stage", "undo", error=ns.OutOfRangeError):
        stepper.back()
    stepper.goto(11)
    with refused("last stage", "update", error=ns.OutOfRangeError):
        stepper.next()
    assert stepper.position == 10


@pytest.mark.parametrize("stage", STAGES)
def test_goto_by_name_and_number(stage, make):
    stepper = make()
    number = STAGES.index(stage) + 1
    for way in (stage, number, str(number)):
        stepper.goto(1)
        assert stepper.goto(way).key == stage and stepper.position == number - 1
    assert stepper.stage() == stepper.neuron_trace.stages()[number - 1]


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        (0, "1 to 11"),
        (12, "1 to 11"),
        ("12", "1 to 11"),
        (-1, "1 to 11"),
        ("weighted-sum", "mean 'weighted sum'"),
        ("", "choose from"),
        ("-1", "choose from"),
        ("²", "choose from"),
        (None, "choose from"),
        (2.5, "choose from"),
    ],
)
def test_goto_nowhere_is_refused_and_stays(stage, words, make, refused):
    stepper = make()
    stepper.goto(4)
    with refused(words):
        stepper.goto(stage)
    assert stepper.position == 3


def test_stages_are_those_of_the_trace_with_the_given_number_of_terms(make):
    stepper = make()
    trace = stepper.network.trace(stepper.batches.rows[4], stepper.batches.targets[4])
    for top in (1, 3):
        mine = [stepper.goto(stage, top=top).text for stage in STAGES]
        assert mine == [stage.text for stage in trace[1][2].stages(top)]


def test_to_another_neuron_and_sample_at_the_same_stage(make):
    stepper = make()
    before = state(stepper)
    stepper.goto("delta")
    stepper.go_to_neuron(4, -1)
    assert walk(stepper) == (4, 5, 4, 7)
    stepper.go_to_sample(9)
    assert walk(stepper) == (4, 5, 9, 7) and stepper.neuron_trace.sample == 9 and stepper.live_neuron.index == 5
    stepper.go_to_sample(np.int64(3))
    assert stepper.sample == 3 and state(stepper) == before


def test_a_stage_or_neuron_or_sample_that_does_not_exist_is_refused(make, refused):
    stepper = make()
    place = walk(stepper)
    for layer, neuron, words in (
        (9, 0, "layers 0 (input) to 5"),
        (1, 8, "neurons 0 to 7"),
        (0, 0, "input"),
        (2, 0, "no weights"),
        (3, 0, "Dropout"),
        ("a", 0, "layers"),
        (1, "a", "neurons"),
    ):
        with refused(words):
            stepper.go_to_neuron(layer, neuron)
    for sample in (-1, 90, 0.5, "a", None):
        with refused("0 to 89", f"received {sample}", error=ns.OutOfRangeError):
            stepper.go_to_sample(sample)
    assert walk(stepper) == place


def test_it_begins_at_an_interesting_neuron_and_says_why(make, blobs):
    stepper = make(place=False)
    layer, j, why = stepper.trace.interesting()
    assert (stepper.layer, stepper.neuron, stepper.why) == (layer, j, why) and stepper.sample == 0
    other = Stepper(stepper.network, *blobs, layer=4)
    deltas = [abs(other.trace[4][k].delta) for k in range(6)]
    assert other.neuron == np.argmax(deltas) and "layer 4" in other.why
    assert Stepper(stepper.network, *blobs, layer=4, neuron=1).why == "by the user"
    assert Stepper(stepper.network, *blobs, neuron=3).layer == 1


def test_samples_may_come_from_other_data(make, blobs):
    net = make().network
    stepper = Stepper(net, *blobs, samples=(blobs[0][:7] * 2.0, blobs[1][:7]), sample=6, batch_size=16)
    np.testing.assert_allclose(stepper.trace[1][0].inputs, 2.0 * blobs[0][6], rtol=1e-6)
    assert len(stepper.epoch()) == 6  # of all 90


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"layer": 9}, "layers 0 (input) to 3"),
        ({"layer": 0}, "input"),
        ({"layer": 1, "neuron": 8}, "neurons 0 to 7"),
        ({"sample": 90}, "0 to 89"),
        ({"sample": -1}, "0 to 89"),
        ({"batch_size": 0}, "batch_size"),
        ({"samples": (np.zeros((0, 5)), np.zeros(0))}, "at least one sample"),
        ({"samples": (np.zeros((2, 4)), np.zeros(2))}, "samples of 5 numbers"),
    ],
)
def test_a_wrong_beginning_is_one_line(arguments, words, make_net, blobs, refused):
    with refused(words):
        Stepper(make_net(), *blobs, **arguments)


# --- undo ------------------------------------------------------------------------------------------------------------


def test_50_batches_and_50_undos_with_dropout_batch_norm_and_adam(make, blobs):
    stepper = make(optimizer=ns.Adam(ns.Cosine(0.01, steps=500)))
    stepper.batch(2)  # in the middle of an epoch
    before = [state(stepper)]
    for _ in range(50):
        stepper.batch()
        before.append(state(stepper))
    assert len({each["arrays"]["W1"] for each in before}) == 51
    after = before.pop()
    while len(before) > 0:
        assert stepper.undo() == "batch"
        assert state(stepper) == before.pop()
    twin = copy.deepcopy(stepper.network)
    assert len(stepper.batch(50)) == 50 and state(stepper) == after  # the batches that follow are the same
    assert twin.parameters.theta.tobytes() != stepper.network.parameters.theta.tobytes()
    for _ in range(52):
        stepper.undo()
    assert stepper.changes == [] and stepper.losses == []


@pytest.mark.parametrize("key", list(OPTIMIZERS))
def test_every_optimizer_is_undone_and_goes_on_as_before(key, make):
    stepper = make(optimizer=OPTIMIZERS[key](0.01))
    start = state(stepper)
    stepper.batch(4)
    stepper.update()
    stepper.epoch()
    there = state(stepper)
    for _ in range(6):
        stepper.undo()
    assert state(stepper) == start
    stepper.batch(4)
    stepper.update()
    stepper.epoch()
    assert state(stepper) == there


@pytest.mark.parametrize("key", list(SCHEDULES))
def test_every_schedule_is_undone(key, make):
    stepper = make(optimizer=ns.Momentum(SCHEDULES[key](0.01)), epochs=0)
    rate = stepper.network.optimizer.rate
    start = state(stepper)
    stepper.batch(5)
    assert stepper.network.optimizer.t == 5
    for _ in range(5):
        stepper.undo()
    assert state(stepper) == start and stepper.network.optimizer.rate == rate
    stepper.set_rate(0.5)
    assert stepper.network.optimizer.rate == 0.5
    stepper.undo()
    assert state(stepper) == start and stepper.network.optimizer.rate == rate


CHANGES = {
    "update": lambda s: s.update(),
    "batch": lambda s: s.batch(),
    "epoch": lambda s: s.epoch(),
    "set weight": lambda s: s.set_weight(3, 0.75),
    "set bias": lambda s: s.set_bias(-2.0),
    "set rate": lambda s: s.set_rate(0.25),
    "set activation": lambda s: s.set_activation("gelu"),
    "freeze": lambda s: s.freeze(),
    "unfreeze": lambda s: s.unfreeze(),
    "ablate": lambda s: s.ablate(),
    "ablate mean": lambda s: s.ablate("mean"),
    "clamp": lambda s: s.clamp(0.5),
    "restore": lambda s: s.release(),
}


def test_the_mean_of_an_ablated_neuron_is_that_before_the_ablation(make):
    one, two = make(), make()
    one.ablate("mean")
    two.ablate()
    two.ablate("mean")
    assert two.live_neuron.clamped == one.live_neuron.clamped != 0.0


@pytest.mark.parametrize("what", list(CHANGES))
def test_each_change_is_undone_exactly(what, make):
    stepper = make()
    stepper.clamp(0.1)  # so that restore and unfreeze have something to do
    stepper.set_activation("tanh") if what == "freeze" else stepper.freeze()
    before, text = state(stepper), stepper.neuron_trace.explain()
    outputs = stepper.network.predict_proba(stepper.batches.rows).tobytes()
    CHANGES[what](stepper)
    assert state(stepper) != before
    assert stepper.changes[-1].startswith(what.split()[0])
    assert stepper.undo().startswith(what.split()[0])
    assert state(stepper) == before and stepper.neuron_trace.explain() == text
    assert stepper.network.predict_proba(stepper.batches.rows).tobytes() == outputs
    assert stepper.network[1].function is not stepper.network[1].activation
    stepper.undo(), stepper.undo()
    assert stepper.network[1].function is stepper.network[1].activation and stepper.network[1]._update_scaling is None


def test_changes_are_undone_in_their_order_wherever_one_stands(make, refused):
    stepper = make()
    states, rng = [], np.random.default_rng(0)
    for k in range(60):
        before = state(stepper)
        with suppress(ns.NeurosimError):  # there was nothing to end
            list(CHANGES.values())[int(rng.integers(len(CHANGES)))](stepper)
            states.append(before)
        stepper.go_to_neuron(*[(1, k % 8), (4, k % 6)][k % 2])
        stepper.go_to_sample(k)
    assert 40 < len(stepper.changes) == len(states) < 60
    for each in reversed(states):
        stepper.undo()
        assert state(stepper) == each
    with refused("nothing to undo"):
        stepper.undo()


def test_what_is_set_is_what_the_network_and_the_walk_have(make):
    stepper = make()
    stepper.set_weight(3, 0.75)
    stepper.set_bias("-2")
    assert stepper.live_neuron.weights[3] == stepper.neuron_trace.weights[3] == 0.75
    assert stepper.live_neuron.bias == stepper.neuron_trace.bias == -2.0
    stepper.ablate("mean")
    activations = stepper.network[1].z[:, 2]
    assert stepper.live_neuron.clamped is not None and stepper.neuron_trace.a == pytest.approx(
        stepper.live_neuron.clamped
    )
    net = copy.deepcopy(stepper.network)
    net[1][2].release()
    net.predict(stepper.batches.rows)
    assert stepper.live_neuron.clamped == pytest.approx(float(net[1][2].a.mean()), rel=1e-5) and len(activations)
    stepper.release()
    stepper.set_activation("sigmoid")
    assert stepper.neuron_trace.activation.key == "sigmoid" and stepper.live_neuron.activation.key == "sigmoid"
    stepper.set_activation(None)
    assert stepper.neuron_trace.activation.key == "linear"
    stepper.freeze()
    kept = stepper.live_neuron.weights.copy()
    stepper.batch(3)
    np.testing.assert_array_equal(stepper.live_neuron.weights, kept)
    assert stepper.changes == [
        "set weight 3 0.75",
        "set bias -2",
        "ablate mean",
        "restore",
        "set activation sigmoid",
        "set activation none",
        "freeze",
        "batch",
        "batch",
        "batch",
    ]


@pytest.mark.parametrize(
    ("change", "done", "label"),
    [
        (lambda s: s.set_weight(3, 0.75), "set weight 3 0.75", "set weight 3 0.75"),
        (lambda s: s.set_weight(value=-2, index=1), "set weight 1 -2", "set weight 1 -2"),
        (lambda s: s.set_bias(1e-7), "set bias 1e-07", "set bias 1e-07"),
        (lambda s: s.set_rate(0.25), "set rate 0.25", "set rate 0.25"),
        (lambda s: s.set_activation("gelu"), "set activation gelu", "set activation gelu"),
        (lambda s: s.set_activation(None), "set activation none", "set activation none"),
        (lambda s: s.freeze(), "frozen", "freeze"),
        (lambda s: s.ablate(), "ablated", "ablate"),
        (lambda s: s.ablate("mean"), "ablated to its mean", "ablate mean"),
        (lambda s: s.ablate(to=0.5), "ablated to 0.5", "ablate 0.5"),
        (lambda s: s.clamp(0.4), "clamped to 0.4", "clamp 0.4"),
    ],
)
def test_a_change_returns_what_it_did_and_undo_names_it(change, done, label, make):
    stepper = make()
    assert change(stepper) == done
    assert stepper.changes == [label] and stepper.undo() == label


def test_only_what_is_done_to_a_neuron_can_be_ended_and_only_once(make, refused):
    stepper = make()
    for begin, done, end, ended, label in (
        (stepper.freeze, "frozen", stepper.unfreeze, "unfrozen", "unfreeze"),
        (stepper.ablate, "ablated", stepper.release, "restored", "restore"),
    ):
        with refused("received one that is n"):
            end()
        assert (begin(), end()) == (done, ended) and stepper.changes[-1] == label
        assert stepper.undo() == label and end() == ended
        with refused("received one that is n"):
            end()
    stepper.freeze()
    with refused("expected a neuron that is not frozen"):
        stepper.freeze()
    assert stepper.changes == ["freeze", "unfreeze", "ablate", "restore", "freeze"]


# --- training as fit does --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [2, 16, 45, 200])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_epoch_is_an_epoch_of_fit_bit_for_bit(batch_size, dtype, full_net, blobs):
    net, twin = full_net(dtype=dtype), full_net(dtype=dtype)
    stepper = Stepper(net, *blobs, batch_size=batch_size)
    for _ in range(2):
        losses = stepper.epoch()
        history = twin.fit(*blobs, epochs=1, batch_size=batch_size, verbose=False)
        assert losses == history.batch_losses
        assert net.snapshot()["streams"] == twin.snapshot()["streams"]
        for name, array in net.arrays().items():
            np.testing.assert_array_equal(array, twin.arrays()[name])
        assert net.optimizer.scalars() == twin.optimizer.scalars()


@pytest.mark.parametrize("key", list(SCHEDULES))
def test_an_epoch_with_a_schedule_over_the_run_is_one_of_fit(key, make_net, blobs):
    nets = [make_net(optimizer=ns.Adam(SCHEDULES[key]())) for _ in range(2)]
    stepper = Stepper(nets[0], *blobs, batch_size=16)
    stepper.epoch()
    nets[1].fit(*blobs, epochs=1, batch_size=16, verbose=False)
    assert nets[0].parameters.theta.tobytes() == nets[1].parameters.theta.tobytes()


def test_batches_make_up_an_epoch_and_epoch_goes_to_its_end(full_net, blobs):
    nets = [full_net() for _ in range(3)]
    one, two = (Stepper(net, *blobs, batch_size=16) for net in nets[:2])
    one.batch(12)  # two epochs of six
    two.batch(2)
    assert len(two.epoch()) == 4 and len(two.epoch()) == 6
    nets[2].fit(*blobs, epochs=2, batch_size=16, verbose=False)
    assert state(one) == state(two) and one.losses == two.losses
    assert one.network.parameters.theta.tobytes() == nets[2].parameters.theta.tobytes()


def test_a_batch_that_was_taken_back_does_not_change_the_epoch(full_net, blobs):
    nets = [full_net() for _ in range(2)]
    stepper = Stepper(nets[0], *blobs, batch_size=16)
    for k in range(6):
        stepper.batch()
        if k % 2:
            stepper.undo()
            stepper.batch()
    nets[1].fit(*blobs, epochs=1, batch_size=16, verbose=False)
    assert nets[0].parameters.theta.tobytes() == nets[1].parameters.theta.tobytes()


@pytest.mark.parametrize("key", list(OPTIMIZERS))
def test_the_update_is_the_one_that_the_walk_shows(key, make):
    stepper = make(optimizer=OPTIMIZERS[key](0.01), regularizer="l2", max_norm=2.0)
    trace = stepper.trace
    loss = stepper.update()
    assert loss == trace.loss_after == stepper.trace.loss
    assert stepper.network.parameters.theta.tobytes() == trace.theta_after.tobytes()
    np.testing.assert_array_equal(stepper.neuron_trace.weights, trace[1][2].weights_after)
    assert stepper.network.optimizer.t == trace.optimizer.t


def test_training_while_walking_shows_the_network_as_it_is_now(make):
    stepper = make()
    text = stepper.goto("weighted_sum").text
    stepper.batch()
    assert stepper.stage().text != text
    stepper.undo()
    assert stepper.stage().text == text
    assert stepper.check().max_relative_error < 1e-3


EDITS = {
    "a weight": lambda net: net[1].W.__setitem__((0, 0), 0.5),
    "a running mean": lambda net: net[2].running_mean.__setitem__(0, 3.0),
    "a setting of the optimizer": lambda net: setattr(net.optimizer, "beta1", 0.5),
    "a moment": lambda net: net.optimizer.state["m"].__setitem__(0, 1.0),
    "the step count": lambda net: setattr(net.optimizer, "t", 7),
    "the learning rate": lambda net: setattr(net.optimizer, "learning_rate", 0.125),
    "the loss": lambda net: setattr(net, "loss", ns.CrossEntropy(0.3)),
    "a penalty": lambda net: setattr(net[1].regularizer, "strength", 0.5),
    "an activation": lambda net: setattr(net[4], "activation", "relu"),
    "an intervention": lambda net: net[1][0].freeze(),
    "the optimizer": lambda net: setattr(net, "optimizer", "sgd"),
}


@pytest.mark.parametrize("what", EDITS)
def test_the_trace_is_kept_until_anything_of_the_network_is_changed_by_hand(what, make):
    stepper = make()
    trace = stepper.trace
    stepper.next(), stepper.go_to_neuron(4, 1)
    assert stepper.trace is trace
    EDITS[what](stepper.network)
    assert stepper.trace is not trace
    fresh = stepper.network.trace(stepper.batches.rows[4], stepper.batches.targets[4], sample=4)
    assert stepper.neuron_trace.explain() == fresh[4][1].explain()


def test_a_network_with_your_own_class_is_traced_too(make_net, blobs):
    class Unregistered(ns.SGD):
        @staticmethod
        def rule(theta, grad, rate, t):
            return SGDTerms(step=rate * theta)

    stepper = Stepper(make_net(optimizer=Unregistered(0.5)), *blobs, batch_size=16, layer=1, neuron=2)
    before = stepper.neuron_trace.weights
    stepper.batch()
    np.testing.assert_allclose(stepper.neuron_trace.weights, 0.5 * before, rtol=1e-6)


# --- what fails, changes nothing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.set_weight(5, 1.0), "0 to 4"),
        (lambda s: s.set_weight(-1, 1.0), "at least 0"),
        (lambda s: s.set_weight(0.5, 1.0), "whole number"),
        (lambda s: s.set_weight(0, "much"), "finite number"),
        (lambda s: s.set_weight(0, np.nan), "finite number"),
        (lambda s: s.set_weight(0, 1e39), "finite number"),
        (lambda s: s.set_bias(np.inf), "finite number"),
        (lambda s: s.set_bias(-1e39), "finite number"),
        (lambda s: s.set_rate(-1.0), "learning_rate"),
        (lambda s: s.set_rate("fast"), "learning rate"),
        (lambda s: s.set_activation("softmax"), "softmax"),
        (lambda s: s.set_activation("rellu"), "relu"),
        (lambda s: s.ablate("men"), "men"),
        (lambda s: s.clamp("x"), "finite number"),
        (lambda s: s.clamp(1e39), "finite number"),
        (lambda s: s.batch(0), "at least 1"),
        (lambda s: s.batch(1.5), "whole number"),
    ],
)
def test_a_change_that_is_refused_changes_nothing(change, words, make, refused, recwarn):
    stepper = make()
    stepper.batch()
    before = state(stepper)
    with refused(words):
        change(stepper)
    assert state(stepper) == before and stepper.changes == ["batch"] and not recwarn.list
    stepper.undo()


def test_an_output_neuron_refuses_what_belongs_to_the_loss(make, refused):
    stepper = make()
    stepper.go_to_neuron(5, 0)
    before = state(stepper)
    for change in (stepper.ablate, lambda: stepper.clamp(1.0), lambda: stepper.set_activation("relu")):
        with refused("output layer"):
            change()
    assert state(stepper) == before and stepper.changes == []
    stepper.freeze()
    assert stepper.live_neuron.frozen


@pytest.mark.parametrize(("how", "after"), [("batch", 0), ("batch", 3), ("epoch", 0), ("epoch", 3), ("update", 0)])
def test_ctrl_c_leaves_everything_as_it_was(how, after, make, monkeypatch):
    stepper = make()
    stepper.batch(2)
    before, twin = state(stepper), copy.deepcopy(stepper)
    real, calls = stepper.network.optimizer.update_, []

    def interrupted(*arguments):
        real(*arguments)
        calls.append(1)
        if len(calls) > after:
            raise KeyboardInterrupt

    monkeypatch.setattr(stepper.network.optimizer, "update_", interrupted)
    with pytest.raises(KeyboardInterrupt):
        {"batch": lambda: stepper.batch(10), "epoch": stepper.epoch, "update": stepper.update}[how]()
    monkeypatch.undo()
    assert state(stepper) == before and stepper.changes == ["batch", "batch"]
    for each in (stepper, twin):
        each.epoch()
    assert stepper.network.parameters.theta.tobytes() == twin.network.parameters.theta.tobytes()


def interrupt_at(line, files):
    """A trace function that presses Ctrl-C at the line-th line that runs in the files."""
    seen = 0

    def tracer(frame, event, _):
        nonlocal seen
        if frame.f_code.co_filename not in files:
            return None
        seen += event == "line"
        if event == "line" and seen == line:
            raise KeyboardInterrupt
        return tracer

    return tracer


@pytest.mark.parametrize("how", ["batch 1", "batch 3", "update", "freeze", "undo"])
def test_ctrl_c_between_any_two_lines_leaves_nothing_or_the_whole_change(how, make):
    stepper = make()
    stepper.batch(2)
    change = {
        "batch 1": stepper.batch,
        "batch 3": lambda: stepper.batch(3),
        "update": stepper.update,
        "freeze": stepper.freeze,
        "undo": stepper.undo,
    }[how]

    def everything():
        return state(stepper), stepper.changes, stepper._undo.held, stepper._undo._reserved

    before, tracing, line, finished = everything(), sys.gettrace(), 0, False
    while not finished:
        line += 1
        sys.settrace(interrupt_at(line, {inspect.getsourcefile(Stepper), undo.__file__}))
        try:
            change()
            finished = True
        except KeyboardInterrupt:
            sys.settrace(tracing)
            done = len(stepper.changes) - len(before[1])
            if how == "undo":  # said again, it does the whole; and the batch comes again as it was
                if not done:
                    stepper.undo()
                stepper.batch()
            else:  # at its last line, which hands the result over, a change is done
                assert done in (0, 3 if how == "batch 3" else 1), line
                for _ in range(done):
                    stepper.undo()
            assert everything() == before, line
        finally:
            sys.settrace(tracing)
    assert line > 15 and everything() != before


@pytest.mark.parametrize("how", ["batch", "epoch"])
def test_a_loss_that_is_not_finite_changes_nothing_and_is_reported(how, make_net, blobs, refused, recwarn):
    stepper = Stepper(make_net(activation="relu", optimizer=ns.SGD(0.1)), *blobs, batch_size=16)
    stepper.batch()
    stepper.set_rate(1e25)
    before = state(stepper)
    with refused("loss became", "nothing was changed", "smaller learning rate"):
        stepper.batch(50) if how == "batch" else stepper.epoch()
    assert state(stepper) == before and not recwarn.list and stepper.changes == ["batch", "set rate 1e+25"]


@pytest.fixture
def budget(monkeypatch):
    """Return a function that limits undo to a number of network states, small ones here, but not of edits."""
    monkeypatch.setattr(undo, "SMALL", 1)

    def budget(stepper, states):
        size = sum(array.nbytes for array in stepper.network.arrays().values())
        stepper._undo.budget = int(states * (size + undo.SMALL))
        return stepper._undo.budget

    return budget


def held(stepper):
    """Bytes of all different arrays that undo holds, found from outside."""
    arrays = {}

    def collect(value):
        if isinstance(value, np.ndarray):
            arrays[id(value)] = value.nbytes
        elif isinstance(value, dict):
            [collect(each) for each in value.values()]
        elif isinstance(value, (list, tuple)):
            [collect(each) for each in value]

    collect([before for _, before, _ in stepper._undo._entries])
    return sum(arrays.values())


def test_undo_stays_within_its_bytes_and_says_where_it_ends(make, refused, budget):
    stepper = make()
    most = budget(stepper, 5.5)
    copies = []
    for _ in range(9):
        copies.append(copy.deepcopy(stepper))
        stepper.batch()
        assert held(stepper) <= most + 8 * len(stepper.batches.rows)  # the order that an epoch shares is counted once
    reach = len(stepper.changes)
    assert 3 <= reach <= 5
    assert stepper.undo_ends == f"undo can take back {reach} changes; older ones were dropped to keep memory under 0 MB"
    for earlier in copies[::-1][:reach]:
        stepper.undo()
        assert state(stepper) == state(earlier)
    with refused("nothing to undo: undo can take back 0 changes; older ones were dropped"):
        stepper.undo()


def test_many_batches_at_once_stay_within_the_bytes_too(make, budget):
    stepper = make()
    most, peaks = budget(stepper, 5.5), []
    real = stepper.batches.step
    stepper.batches.step = lambda: (peaks.append(held(stepper)), real())[1]
    twin = make()
    stepper.batch(30)
    twin.batch(30)
    size = sum(array.nbytes for array in stepper.network.arrays().values())
    assert max(peaks) + size <= most  # with the state before all of them, for Ctrl-C
    assert state(stepper) == state(twin)
    twin.undo()
    assert stepper.undo() == "batch" and state(stepper) == state(twin)


def test_where_one_state_fits_many_batches_are_one_change(make, budget):
    stepper = make()
    budget(stepper, 1.8)
    stepper.freeze()
    before = copy.deepcopy(stepper)
    assert len(stepper.batch(7)) == 7
    assert stepper.changes[-1] == "7 batches" and stepper.undo() == "7 batches" and state(stepper) == state(before)


def test_a_network_too_large_to_keep_is_trained_and_edits_are_undone(make, refused, budget):
    stepper, twin = make(), make()
    budget(stepper, 0.9)
    for each in (stepper, twin):
        each.set_bias(0.5)
        assert len(each.batch(3)) == 3 and each.epoch() and each.update()
    assert state(stepper) == state(twin) and stepper.changes == [] and not stepper.takes_back
    assert stepper.undo_ends.startswith("training of a network of this size cannot be undone: ")
    with refused("nothing to undo: training of a network of this size"):
        stepper.undo()
    stepper.set_weight(3, 0.75), stepper.clamp(0.5)
    stepper.undo(), stepper.undo()
    assert state(stepper) == state(twin)


@pytest.mark.parametrize("what", [what for what in CHANGES if what not in ("batch", "epoch", "update")])
def test_an_edit_copies_no_more_than_the_neuron(what, make):
    stepper = make()
    stepper.clamp(0.1), what == "freeze" or stepper.freeze()
    before = held(stepper)
    CHANGES[what](stepper)
    order = 0 if stepper.batches.order is None else stepper.batches.order.nbytes
    assert held(stepper) - before <= stepper.live_neuron.weights.nbytes + 8 + order


def test_a_small_network_has_a_hundred_undos(make):
    stepper = make()
    start = state(stepper)
    stepper.batch(100)
    assert stepper.undo_ends == ""
    for _ in range(100):
        stepper.undo()
    assert state(stepper) == start


@pytest.mark.parametrize(("states", "how"), [(5.5, "batch"), (1.8, "batch"), (1.8, "epoch"), (1.8, "update")])
def test_ctrl_c_leaves_everything_as_it_was_within_the_bytes_too(states, how, make, budget, monkeypatch):
    stepper = make()
    budget(stepper, states)
    stepper.freeze()
    before = state(stepper)
    real, calls = stepper.network.optimizer.update_, []

    def interrupted(*arguments):
        real(*arguments)
        calls.append(1)
        if len(calls) > (0 if how == "update" else 3):
            raise KeyboardInterrupt

    monkeypatch.setattr(stepper.network.optimizer, "update_", interrupted)
    with pytest.raises(KeyboardInterrupt):
        {"batch": lambda: stepper.batch(10), "epoch": stepper.epoch, "update": stepper.update}[how]()
    assert state(stepper) == before


def test_a_stepper_shows_its_epochs_to_the_schedule_as_fit_does_and_undoes_that():
    def make():
        return network(optimizer=ns.SGD(ns.ReduceOnPlateau(0.1, patience=0, threshold=0.9, monitor="loss")))

    fitted, walked = make(), make()
    fitted.fit(X, Y, epochs=3, batch_size=30, verbose=False)
    stepper = ns.Stepper(walked, X, Y, batch_size=30)
    for _ in range(3):
        stepper.epoch()
    assert walked.optimizer.rate == fitted.optimizer.rate < 0.1
    assert np.array_equal(walked.parameters.theta, fitted.parameters.theta)
    while stepper.changes:
        stepper.undo()
    assert walked.optimizer.rate == 0.1


def test_a_stepper_sees_what_was_done_to_its_network(refused):
    net = network()
    stepper = ns.Stepper(net, X, Y, layer=-2, neuron=0)
    assert stepper.layer == 1
    stepper.neuron_trace  # noqa: B018
    stepper.live_neuron.clamp(5.0)
    assert stepper.neuron_trace.a == 5.0
    net.optimizer.learning_rate = 0.5
    assert stepper.neuron_trace.learning_rate == 0.5
    stepper.batch()
    net.optimizer = ns.SGD(0.25)
    assert stepper.neuron_trace.optimizer == "sgd"
    stepper.undo()
    assert net.optimizer.key == "adam" and net.optimizer.rate == 0.5
    net[2].W = np.nan
    with refused("nothing was changed"):
        stepper.update()
    assert stepper.changes == []


# --- samples worth a look ---------------------------------------------------------------------------------------------


def certain_network(classes):
    """A network that gives out class k for sample k, surest for the first."""
    net = ns.Network([ns.Input(3), ns.Dense(3, "softmax")], seed=0)
    net[1].W, net[1].b = np.diag([9.0, 5.0, 2.0]), 0.0
    return Stepper(net, np.eye(3), np.array(classes), sample=None, batch_size=1)


def test_the_default_sample_is_the_first_that_is_read_wrongly():
    stepper = certain_network([0, 2, 1])
    assert stepper.misread().tolist() == [1, 2] and stepper.sample == 1
    assert stepper.why_sample == "sample 1: the first misread sample; the network misreads 2 of 3"
    assert [stepper.next_misread(), stepper.next_misread(2), stepper.next_misread(-1)] == [2, 1, 1]


def test_where_all_are_right_it_is_the_one_that_is_read_most_barely(refused):
    stepper = certain_network([0, 1, 2])
    share = np.exp(2) / (np.exp(2) + 2)
    assert stepper.sample == 2
    assert (
        f"none of 3 samples is misread; this decision is the closest, 2 at {share:.3g} and 0 at {(1 - share) / 2:.3g}"
        in stepper.why_sample
    )
    with refused("misread", "misreads none of the 3 samples"):
        stepper.next_misread()


def test_one_output_and_targets_that_are_not_class_labels(refused):
    net = ns.Network([ns.Input(1), ns.Dense(1, "sigmoid")], "binary_cross_entropy", seed=0)
    net[1].W, net[1].b = 4.0, 0.0
    x = np.array([[-1.0], [0.1], [1.0]])
    assert Stepper(net, x, np.array([0, 1, 1]), sample=None, batch_size=1).sample == 1
    assert Stepper(net, x, np.array([0, 1, 0]), sample="misread", batch_size=1).sample == 2
    other = Stepper(net, x, np.array([0.2, 0.4, 0.9]), sample=None, batch_size=1)
    assert (other.sample, other.why_sample) == (0, "")
    with refused("misread", "class labels"):
        other.next_misread()
