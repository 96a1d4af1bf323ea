"""What a Python user expects of the objects: each of these did something else once."""

import copy
import tempfile

import numpy as np
import pytest

import neurosim as ns

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(200, 4)).astype(np.float32), RNG.integers(0, 3, 200)


def network(**settings):
    return ns.Network([ns.Input(4), ns.Dense(5, "relu"), ns.Dense(3, "softmax")], seed=0, **settings)


def test_a_bound_on_the_norm_holds_for_a_hurried_neuron_and_leaves_a_frozen_one_alone():
    net = network(optimizer=ns.SGD(1.0), max_norm=0.5)
    net[1][0].rate_factor = 3.0
    net[1][1].weights = 2.0
    net[1][1].freeze()
    for _ in range(5):
        net.train_batch(X, Y)
    norms = np.linalg.norm(net[1].W, axis=0)
    assert norms[0] <= 0.5 * (1 + 1e-6) and (net[1][1].weights == 2.0).all()
    trace = net.trace(X[0], Y[0])
    assert "within a norm" in trace[1][0].explain() and "within a norm" not in trace[1][1].explain()


def test_an_activation_that_is_assigned_is_run_at_once(refused):
    net = network()
    net.predict(X[:10])
    net[1].activation = "tanh"
    now = net.predict_proba(X[:10])
    twin = ns.Network([ns.Input(4), ns.Dense(5, "tanh"), ns.Dense(3, "softmax")], seed=0)
    twin.parameters.theta[...] = net.parameters.theta
    np.testing.assert_array_equal(now, twin.predict_proba(X[:10]))
    assert copy.deepcopy(net)[1].activation.key == "tanh"
    with refused("output layer", "new Network"):
        net[-1].activation = "sigmoid"


def test_a_loss_is_checked_when_it_is_assigned_and_what_the_layers_have_taken_over_is_said(refused):
    net = network()
    net.loss = ns.CrossEntropy(0.1)
    assert net.loss.label_smoothing == 0.1
    with refused("does not go with"):
        net.loss = "hinge"
    with refused("net[1].max_norm"):
        net.max_norm = 1.0
    with refused("net[1].regularizer"):
        net.regularizer = "l2"


@pytest.mark.parametrize("schedule", [ns.StepDecay(0.1, every=10), ns.Exponential(0.1, steps=30)])
def test_a_schedule_of_a_length_of_its_own_goes_on_from_fit_to_fit_and_in_a_stepper(schedule):
    whole, parts, walked = (network(optimizer=ns.SGD(schedule)) for _ in range(3))
    expected = whole.fit(X, Y, epochs=3, batch_size=10, verbose=False)["learning_rate"]
    assert [parts.fit(X, Y, epochs=1, batch_size=10, verbose=False)["learning_rate"][0] for _ in range(3)] == expected
    stepper = ns.Stepper(walked, X, Y, batch_size=10)
    rates = []
    for _ in range(3):
        stepper.epoch()
        rates.append(walked.optimizer.last_rate)
    assert rates == expected
    assert np.array_equal(walked.parameters.theta, whole.parameters.theta)


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


def test_a_rate_below_the_minimum_is_not_raised_to_it():
    schedule = ns.ReduceOnPlateau(1e-8, patience=0, monitor="loss", minimum=0.5)
    for _ in range(3):
        schedule.observe({"loss": 1.0})
    assert schedule(0) == 1e-8


def test_a_schedule_is_copied_into_an_optimizer():
    schedule = ns.ReduceOnPlateau(0.1, patience=0, threshold=0.9, monitor="loss")
    one, other = network(), network()
    one.optimizer, other.optimizer = ns.SGD(schedule), ns.SGD(schedule)
    one.fit(X, Y, epochs=4, verbose=False)
    assert one.optimizer.rate < 0.1 and other.optimizer.rate == 0.1


def test_a_blank_sample_on_a_fresh_network_stands_on_a_kink_and_that_is_said():
    check = network().trace([0.0] * 4, 1)[1][0].check()
    assert check.max_relative_error == 0.0 and check.skipped == 1 and "1 at a kink" in str(check)


def test_a_step_that_is_refused_leaves_the_running_averages_too():
    net = ns.Network([ns.Input(4), ns.Dense(5), ns.BatchNorm("relu"), ns.Dense(3, "softmax")], seed=0)
    net.train_batch(X[:8], Y[:8])
    before = {name: array.copy() for name, array in net.arrays().items()}
    broken = X[:8].copy()
    broken[0, 0] = np.nan
    assert np.isnan(net.train_batch(broken, Y[:8]))
    net.gradients(X[:8], Y[:8], training=True)
    for name, array in net.arrays().items():
        np.testing.assert_array_equal(array, before[name])


def test_copy_copies_the_whole_network():
    net = network()
    net.train_batch(X[:8], Y[:8])
    twin = copy.copy(net)
    twin.train_batch(X[:8], Y[:8])
    assert not np.shares_memory(twin.parameters.theta, net.parameters.theta)


def test_classes_of_ones_own_work_and_need_a_key_only_to_be_written(refused):
    class Constant(ns.Cosine):
        def _rate(self, step):
            return 123.0

    class Fixed(ns.Schedule):
        def __init__(self, rate=1.0):
            self.rate = rate

        def _rate(self, step):
            return self.rate

    assert network(optimizer=ns.SGD(Constant(1e-3))).optimizer.rate == 123.0
    net = network(optimizer=ns.SGD(Fixed(0.5)))
    net.fit(X, Y, epochs=1, verbose=False)
    assert net.optimizer.last_rate == 0.5
    with refused("Fixed has no key", "register"):
        net.config()


def test_numbers_of_numpy_can_be_saved_and_settings_are_checked_when_they_are_assigned(tmp_path, refused):
    net = ns.Network([ns.Input(np.prod((2, 2))), ns.Dense(3, "softmax")])
    net.optimizer.clip_norm = np.float32(1.0)
    assert ns.Network.load(net.save(tmp_path / "net.npz")).optimizer.clip_norm == 1.0
    assert type(ns.Input(16.0).size) is int
    with refused("clip_norm"):
        net.optimizer.clip_norm = -1.0


class Meddling(ns.Callback):
    def __init__(self, optimizer=None):
        self.optimizer = optimizer

    def on_epoch(self, run):
        if len(run.history) == 1:
            run.network[1][0].freeze()
            run.network[1][1].clamp(0.5)
            if self.optimizer:
                run.network.optimizer = self.optimizer


class Stop(ns.Callback):
    def __init__(self, at):
        self.at, self.steps = at, 0

    def on_step(self, run):
        self.steps += 1
        if self.steps == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("optimizer", [None, "sgd"])
def test_what_callbacks_do_to_neurons_and_optimizer_is_in_the_checkpoint(tmp_path, optimizer):
    def run(folder, at, resume=False):
        net = network()
        net.fit(
            X,
            Y,
            epochs=4,
            verbose=False,
            callbacks=[Meddling(optimizer), Stop(at), ns.Checkpoint(tmp_path / folder, every=1, resume=resume)],
        )
        return net

    for folder in ("whole", "cut"):
        (tmp_path / folder).mkdir()
    whole = run("whole", 0)
    run("cut", 9)
    resumed = run("cut", 0, resume=True)
    assert np.array_equal(whole.parameters.theta, resumed.parameters.theta)
    assert resumed[1][0].frozen and resumed[1][1].clamped == 0.5
    assert resumed.optimizer.key == whole.optimizer.key


def test_accuracy_does_not_depend_on_the_order_of_the_rows():
    y = np.r_[np.eye(2)[RNG.integers(0, 2, 1000)], np.full((200, 2), 0.5)]
    x = RNG.normal(size=(1200, 4))
    net = ns.Network([ns.Input(4), ns.Dense(2, "softmax")])
    assert np.isnan(net.evaluate(x, y)["accuracy"]) and np.isnan(net.evaluate(x[::-1], y[::-1])["accuracy"])


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


def test_a_trace_is_a_sequence_of_the_layers_that_compute(refused):
    trace = network().trace(X[0], Y[0])
    assert [each.layer.index for each in trace] == [1, 2]
    with refused("layers 0 (input) to 2"):
        trace[1:2]


def test_neurons_are_equal_where_they_are_the_same(refused):
    net, other = network(), network()
    assert net[1][3] == net[1][-2] and net[1][3] in net[1] and len({net[1][3], net[1][3], net[1][2]}) == 2
    assert net[1][3] != other[1][3]
    with refused("no activation"):
        net[0][0].activation  # noqa: B018
    with refused("in no network yet"):
        ns.Dense(4)[0].freeze()
    with refused("forced output"):
        net[1][0].clamp(1e39)
    with refused("bias of"):
        net[1][0].bias = 1e300


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


def test_a_network_that_cannot_be_built_leaves_its_layers_free(refused):
    optimizer = ns.Adam()
    network(optimizer=optimizer)
    layers = [ns.Input(4), ns.Dense(3, "softmax")]
    with refused("another network already"):
        ns.Network(layers, optimizer=optimizer)
    ns.Network(layers)


def test_a_snapshot_of_another_network_is_refused_before_anything_is_changed(refused):
    narrow = ns.Network([ns.Input(1), ns.Dense(3, "softmax")], optimizer="sgd")
    wide = ns.Network([ns.Input(4), ns.Dense(3, "softmax")], optimizer="sgd")
    narrow.train_batch(X[:, :1], Y)
    before = wide.parameters.theta.copy()
    with refused("W1 of shape (4, 3)", "received shape (1, 3)"):
        wide.restore(narrow.snapshot())
    assert wide.optimizer.t == 0 and np.array_equal(wide.parameters.theta, before)


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


def test_samples_without_labels_are_told_from_a_data_set(refused):
    with refused("samples and their labels", "ndarray"):
        network().report(X)


@pytest.mark.parametrize("setting", [{"step": 0.0}, {"entries": -1}])
def test_a_gradient_check_needs_a_step_and_something_to_check(refused, setting):
    with refused(*setting):
        ns.check_gradients(network(dtype="float64"), X[:3], Y[:3], **setting)


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


def test_a_gradient_that_is_no_number_never_passes_a_check():
    from neurosim.analysis.gradcheck import GradientCheck, relative_error

    for wrong in (np.nan, np.inf):
        assert np.isnan(relative_error(np.array([wrong, 1.0]), np.ones(2)))
    assert not GradientCheck({"W1": 0.0, "b1": np.nan, "W2": 0.0}, 10, 0, 1e-6).passed
    net = network()
    net[1].W = np.nan
    check = net.trace(X[0], Y[0])[2][0].check()
    assert not check.passed and "DISAGREE" in str(check)
    assert "differences agree" in str(network().trace(X[0], Y[0])[2][0].check())


def test_targets_that_are_no_class_are_not_called_one():
    net = ns.Network([ns.Input(4), ns.Dense(5, use_bias=False), ns.Dense(3, "sigmoid")], "binary_cross_entropy", seed=0)
    trace = net.trace(X[0], [1.0, 1.0, 0.0])
    assert trace.label is None and "targets 1, 1, 0" in repr(trace) and "read as" not in trace[1][0].explain()
    assert "prediction" not in trace._repr_html_()
    assert "bias" not in trace[1][0].stages()[1].text and "bias" in trace[2][0].stages()[1].text


def test_a_trace_shows_itself_where_no_layer_has_weights():
    net = ns.Network([ns.Input(3), ns.BatchNorm("softmax")])
    assert "Trace of one sample" in net.trace([0.1, 0.2, 0.3], 1)._repr_html_()


@pytest.mark.parametrize("size", [1.5, 2.7, np.nan])
def test_half_a_sample_cannot_be_held_out(size):
    train, _ = ns.data.load("digits")
    with pytest.raises(ns.DataError):
        train.hold_out(size)
    with pytest.raises(ns.DataError):
        train.subset(size)
