"""The walk through a filter: its place, and what is done to filters and undone, bit for bit."""

import copy

import numpy as np
import pytest
from stepper_state import state

import neurosim as ns
from neurosim.walk import STAGES, Stepper


@pytest.fixture
def make(image_net, images):
    """A function that makes a stepper on a network of every kind of layer that images have, with some training."""

    def make(place=True, **settings):
        net = image_net(**{"optimizer": ns.Nadam(ns.Cosine(0.01, steps=200)), "regularizer": "l2"} | settings)
        net.fit(*images, epochs=1, batch_size=16, verbose=False)
        return Stepper(net, *images, batch_size=16, **({"layer": 5, "neuron": 1, "sample": 4} if place else {}))

    return make


def where(stepper):
    return stepper.layer, stepper.neuron, stepper.row, stepper.column


def strongest(stepper):
    """Where the |delta| of the present filter is largest, by the whole trace."""
    delta = np.abs(stepper.trace.flows[stepper.layer]["delta"])
    delta = delta.reshape(stepper.network[stepper.layer].out_shape)[..., stepper.neuron]
    return tuple(int(each) for each in np.unravel_index(delta.argmax(), delta.shape))


# --- the place -------------------------------------------------------------------------------------------------------


def test_it_begins_at_the_interesting_unit_and_says_why_once(make):
    stepper = make(place=False)
    layer, j, why = stepper.trace.interesting()
    assert where(stepper) == (layer, j, *strongest(stepper)) and stepper.why == why and "here" in why
    assert stepper.why_place == ""
    delta = stepper.trace.flows[layer]["delta"]
    assert abs(stepper.neuron_trace.delta) == np.abs(delta).max()


def test_a_place_is_chosen_for_each_filter_and_sample_until_the_user_chooses_one(make):
    stepper = make()
    assert stepper.why == "by the user" and stepper.why_place.startswith("of its 6 places, this one has the largest |d")
    for layer, neuron, sample in ((5, 2, 4), (1, 3, 4), (1, 0, 9), (5, 0, 11)):
        stepper.go_to_neuron(layer, neuron)
        stepper.go_to_sample(sample)
        assert where(stepper) == (layer, neuron, *strongest(stepper)) and "largest |delta|" in stepper.why_place
    stepper.go_to_place(1, -1)
    assert where(stepper) == (5, 0, 1, 1) and stepper.why_place == ""
    stepper.go_to_sample(2)
    stepper.go_to_neuron(5, 2)
    assert where(stepper) == (5, 2, 1, 1)  # asked for, and kept
    stepper.go_to_neuron(1, 2)  # of another layer there are other places
    assert where(stepper) == (1, 2, *strongest(stepper))
    stepper.go_to_place(0, 0)
    stepper.choose_place()
    assert where(stepper) == (1, 2, *strongest(stepper)) and stepper.why_place
    stepper.go_to_neuron(8, 1)
    assert where(stepper) == (8, 1, None, None) and stepper.why_place == ""


def test_a_place_stays_while_the_network_changes(make):
    stepper = make()
    place = where(stepper)
    for change in (stepper.update, stepper.batch, stepper.epoch, stepper.ablate, stepper.undo, stepper.undo):
        change()
        assert where(stepper) == place


def test_the_caller_may_choose_the_first_place(make, images, refused):
    net = make().network
    stepper = Stepper(net, *images, layer=5, place=(1, 0), sample=3)
    assert (stepper.row, stepper.column) == (1, 0) and stepper.why_place == ""
    deltas = [abs(filter_.at(1, 0).delta) for filter_ in stepper.trace[5]]
    assert stepper.neuron == int(np.argmax(deltas)) and stepper.why.endswith("|delta| in layer 5 at row 1, column 0")
    stepper = Stepper(net, *images, layer=5, neuron=2, place=(1, 0), sample=3)
    assert where(stepper) == (5, 2, 1, 0) and stepper.why == "by the user"
    silent = copy.deepcopy(net)
    for filter_ in silent[5]:
        filter_.ablate()
    why = Stepper(silent, *images, layer=5, place=(0, 1)).why
    assert why == "all filters of layer 5 have delta 0 at row 0, column 1"
    assert Stepper(net, *images, layer=5).why == "this neuron has the largest |delta| in layer 5 for this sample"
    for layer, place, words in (
        (5, (3, 0), "layer 5 has rows 0 to 2, received 3"),
        (5, (0, 7), "layer 5 has columns 0 to 1, received 7"),
        (8, (0, 0), "expected a filter, or a channel of a feature map"),
        (3, (0, 0), "no weights"),
    ):
        with refused(words):
            Stepper(net, *images, layer=layer, place=place)


def test_a_place_that_does_not_exist_changes_nothing(make, refused):
    stepper = make()
    here = where(stepper)
    with refused("layer 5 has rows 0 to 2, received 3"):
        stepper.go_to_place(3, 0)
    with refused("no weights"):
        stepper.go_to_neuron(2, 0)
    assert where(stepper) == here
    stepper.go_to_neuron(8, 0)
    with refused("expected a filter, or a channel of a feature map"):
        stepper.go_to_place(0, 0)


def test_stages_are_those_of_the_trace_at_the_place(make, images):
    stepper = make()
    stepper.go_to_place(0, 1)
    trace = stepper.network.trace(images[0][4], images[1][4], sample=4)
    assert [stepper.goto(stage).text for stage in STAGES] == [stage.text for stage in trace[5][1].at(0, 1).stages()]
    assert stepper.check().passed


# --- changes, and the way back ---------------------------------------------------------------------------------------

CHANGES = {
    "update": lambda stepper: stepper.update(),
    "batch": lambda stepper: stepper.batch(3),
    "epoch": lambda stepper: stepper.epoch(),
    "weight": lambda stepper: stepper.set_weight(9, 0.5),
    "bias": lambda stepper: stepper.set_bias(0.25),
    "activation": lambda stepper: stepper.set_activation("relu"),
    "freeze": lambda stepper: stepper.freeze(),
    "ablate": lambda stepper: stepper.ablate(),
    "ablate to the mean": lambda stepper: stepper.ablate("mean"),
    "clamp": lambda stepper: stepper.clamp(0.7),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_a_filter_is_undone_bit_for_bit(name, make):
    stepper, undisturbed = make(), make()
    before = state(stepper)
    result = CHANGES[name](stepper)
    assert state(stepper) != before
    stepper.batch(2)
    for _ in range(2 + (3 if name == "batch" else 1)):
        stepper.undo()
    assert state(stepper) == before and result is not None
    assert stepper.batch(4) == undisturbed.batch(4) and state(stepper) == state(undisturbed)


def test_what_is_done_to_a_filter_is_done_at_all_its_places(make, images):
    stepper = make()
    net = stepper.network
    stepper.set_weight(9, 0.5)
    assert net[5].W[1, 0, 1, 1] == net[5].W.reshape(-1, 3)[9, 1] == np.float32(0.5)
    stepper.clamp(0.7)
    assert (net.activations(images[0], 5, 1) == np.float32(0.7)).all()
    stepper.undo()
    before = net.activations(images[0], 5, 1).mean(dtype=np.float64)
    stepper.ablate("mean")
    assert net[5][1].clamped == pytest.approx(before)
    stepper.undo()
    stepper.freeze()
    kept, other = net[5][1].weights.copy(), net[5][0].weights.copy()
    stepper.epoch()
    np.testing.assert_array_equal(net[5][1].weights, kept)
    assert (net[5][0].weights != other).all()


def test_batches_are_those_of_fit(make, images):
    stepper, other = make(), make()
    stepper.epoch()
    other.network.optimizer.learning_rate.begin(other.network.optimizer.t, 3)
    assert other.epoch() == stepper.losses
    assert state(stepper) == state(other)
