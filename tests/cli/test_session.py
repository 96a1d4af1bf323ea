"""Sessions: data, network and stepper from settings, without a command line."""

import dataclasses

import numpy as np
import pytest
from data_files import small_set, write_idx

import neurosim as ns
from neurosim.cli.session import Session, figure_note, first_images, hold_out, load_data
from neurosim.training.settings import Settings

SMALL = Settings(hidden=(6,), epochs=2, batch_size=16)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """120 training and 30 test images of 8 x 8 pixels."""
    return ns.data.load(write_idx(tmp_path_factory.mktemp("data"), small_set(train=120, test=30, side=8)))


def test_a_session_trains_as_the_program_would(data):
    train, test = data
    session = Session.new(SMALL, train, test, seed=3)
    history = session.fit([], verbose=False)
    classes = len(train.class_names)
    net = ns.Network([ns.Input((8, 8)), ns.Dense(6, "relu"), ns.Dense(classes, "softmax")], seed=3)
    expected = net.fit(train.images, train.labels, 2, 16, verbose=False)
    assert history.batch_losses == expected.batch_losses and "val_loss" not in history.columns
    assert np.array_equal(session.network.parameters.theta, net.parameters.theta)


@pytest.mark.parametrize(
    ("settings", "held_out"),
    [
        (SMALL, 0),
        (SMALL.change(early_stopping=2), 20),
        (SMALL.change(early_stopping=2, monitor="val_accuracy"), 20),
        (SMALL.change(early_stopping=2, monitor="loss"), 0),
        (SMALL.change(monitor="val_accuracy"), 0),
        (SMALL.change(schedule="reduce_on_plateau:patience=1"), 20),
        (SMALL.change(schedule="warm_up:after=reduce_on_plateau"), 20),
    ],
)
def test_images_are_held_out_where_something_is_decided_by_them(settings, held_out, data, capsys):
    train, validation = hold_out(settings, data[0])
    assert len(train) == 120 - held_out and (0 if validation is None else len(validation)) == held_out
    assert capsys.readouterr().out == (
        f"validation: {held_out} images, a sixth of the training set, kept out of it\n" * bool(held_out)
    )


def test_the_test_images_validate_only_where_nothing_is_decided_by_that(data, capsys):
    session = Session.new(SMALL, *data, always_validate=True)
    assert session.validation is session.test and "which do not influence" in " ".join(capsys.readouterr().out.split())
    session = Session.new(SMALL.change(early_stopping=1), *data, always_validate=True)
    assert len(session.validation) == 20 and "measured on" not in capsys.readouterr().out


def test_a_network_that_is_there_may_get_another_optimizer_and_rate(data):
    net = SMALL.network((8, 8), 10)
    session = Session.around(net, *data, {"optimizer": "momentum", "learning_rate": 0.25, "batch_size": None})
    assert session.network is net and net.optimizer.key == "momentum" and net.optimizer.learning_rate == 0.25
    assert session.stepper().batches.batch_size == 120
    before = net.optimizer
    assert Session.around(net, *data, {}).network.optimizer is before


def test_a_stepper_stands_where_it_is_asked_to(data):
    session = Session.new(SMALL, *data)
    stepper = session.stepper(1, 4, 29)
    assert (stepper.layer, stepper.neuron, stepper.sample) == (1, 4, 29)
    assert stepper.neuron_trace.inputs == pytest.approx(data[1].images[29].reshape(-1) / 255, rel=1e-6)
    assert stepper.batches.batch_size == 16 and len(stepper.batches.rows) == 120


@pytest.mark.parametrize(
    ("place", "words"), [((None, None, 30), "--sample"), ((3, None, 0), "layers 0"), ((1, 6, 0), "neurons 0 to 5")]
)
def test_a_place_that_does_not_exist_is_refused(place, words, data, refused):
    session = Session.new(SMALL, *data)
    with refused(words):
        session.check_place(*place)
    session.check_place(1, 5, 29)


def test_fewer_images_are_part_of_more_of_them(data, refused):
    few, more = first_images(data[0], 40), first_images(data[0], 80)
    rows = {image.tobytes() for image in more.images}
    assert (len(few), len(more)) == (40, 80) and all(image.tobytes() in rows for image in few.images)
    with refused("train size", "at most 120", "received 121"):
        first_images(data[0], 121)


def test_loading_says_which_data_they_are(cli, capsys):
    train, test = load_data("auto", train_size=50)  # where MNIST cannot be found
    out = capsys.readouterr().out
    assert (len(train), len(test)) == (50, 2_000)
    assert "NOT MNIST" in " ".join(out.split()) and out.endswith("data: digits, 50 training and 2,000 test images\n")
    assert figure_note(train) == "data: built-in digits, NOT MNIST"


def test_files_of_ones_own_are_not_called_built_in_whatever_their_name(data):
    own = dataclasses.replace(data[0], name="digits", source="/home/me/digits.csv")
    assert figure_note(own) == "data: digits"
    assert figure_note(ns.data.load("digits")[0]) == "data: built-in digits, NOT MNIST"
