"""Options: what they read, and the defaults that help shows."""

import argparse
import inspect
import re

import pytest

import neurosim as ns
from neurosim.cli import scenario, step, train
from neurosim.cli.main import COMMANDS, parse
from neurosim.cli.options import at_least, default_text, given_settings
from neurosim.training.settings import Settings


def shown(cli, command, option):
    """The default that help shows for an option."""
    text = " ".join(cli(command, "--help").out.partition("options:")[2].split())
    return re.search(rf"{option} [A-Z].*?\[([^]]*)\]", text)[1]


@pytest.mark.parametrize(("text", "number"), [("3", 3), ("0", 0), (" 12 ", 12)])
def test_a_whole_number_is_read(text, number):
    assert at_least(0)(text) == number


@pytest.mark.parametrize("text", ["2", "-1", "3.5", "three", ""])
def test_a_text_that_is_not_a_number_or_too_small_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="at least 3"):
        at_least(3)(text)


@pytest.mark.parametrize(
    ("default", "text", "says"),
    [
        (64, "images", " [64]"),
        (0.5, "share", " [0.5]"),
        (0.0, "share", " [0]"),
        (False, "whether", " [no]"),
        ((128, 64), "widths", " [128,64]"),
        (None, "norm", ""),
        ("adam", "name [by the loss]", ""),
    ],
)
def test_a_default_as_help_shows_it(default, text, says):
    assert default_text(default, text) == says


@pytest.mark.parametrize(
    ("command", "option", "default"),
    [
        ("train", "--epochs", Settings().epochs),
        ("train", "--batch-size", Settings().batch_size),
        ("compare", "--epochs", Settings().epochs),
        ("train", "--schedule", "one_cycle"),
        ("train", "--out", "runs/latest"),
        ("train", "--seed", 0),
        ("train", "--data", "auto"),
        ("train", "--monitor", "val_loss"),
        ("step", "--hidden", "32,16"),
        ("step", "--epochs", 1),
        ("step", "--top", 5),
        ("step", "--seed", 0),
        ("compare", "--seeds", 3),
        ("compare", "--seed", 0),
        ("compare", "--out", "results"),
        ("inspect", "--rows", 20),
        ("bench", "--rounds", 11),
        ("gradcheck", "--seed", 0),
    ],
)
def test_help_shows_the_default(command, option, default, cli):
    assert shown(cli, command, option) == str(default)


@pytest.mark.parametrize(("module", "command"), [(train, "train"), (step, "step")])
def test_a_commands_own_defaults_are_shown_and_used(module, command, cli, monkeypatch):
    monkeypatch.setitem(module.SETTINGS, "epochs", 7)
    monkeypatch.setitem(module.SETTINGS, "hidden", (9, 4))
    assert (shown(cli, command, "--epochs"), shown(cli, command, "--hidden")) == ("7", "9,4")
    made = []
    monkeypatch.setattr("neurosim.cli.session.Session.new", lambda settings, *_, **__: made.append(settings) or stop())
    with pytest.raises(StopIteration):
        cli(command, "--data", "digits")
    assert (made[0].epochs, made[0].hidden) == (7, (9, 4))


def stop():
    raise StopIteration


def test_quick_is_described_by_what_it_is(cli, monkeypatch):
    assert "1 seed, 2,000 images, few epochs" in " ".join(cli("scenario", "--help").out.split())
    monkeypatch.setattr(scenario, "QUICK_SEEDS", 2)
    assert "2 seeds, 2,000 images" in " ".join(cli("scenario", "--help").out.split())


def test_one_number_is_the_default_of_epochs_and_one_of_the_batch_size():
    for name in ("epochs", "batch_size"):
        defaults = {inspect.signature(each).parameters[name].default for each in (ns.fit, ns.Network.fit, Settings)}
        assert len(defaults) == 1


@pytest.mark.parametrize("command", ["train", "step", "compare"])
def test_a_setting_that_is_not_given_is_not_set(command):
    arguments = parse([command, "--epochs", "3", "--batch-norm", "--monitor", "val_accuracy"])
    assert given_settings(arguments) == {"epochs": 3, "batch_norm": True, "monitor": "val_accuracy"}


def test_every_command_takes_the_same_word_for_data():
    for command in COMMANDS.keys() - {"gradcheck", "plot", "inspect", "predict", "glossary"}:
        assert parse([command, "--data", "digits", "--offline"]).data == "digits"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("train", "--hiden", "3"), "unknown option '--hiden'; did you mean '--hidden'?"),
        (("train", "--lr", "3"), "unknown option '--lr'; did you mean '--learning-rate'?"),
        (("step", "--bs=3"), "unknown option '--bs'; did you mean '--batch-size'?"),
        (("train", "mnist"), "unexpected word 'mnist'"),
        (("plot", "one", "two"), "unexpected word 'two'"),
    ],
)
def test_what_a_command_does_not_know_is_called_what_it_is(words, says, cli):
    result = cli(*words)
    assert result.code == 2 and result.err.startswith(f"error: {says} (see python main.py {words[0]} --help)")


@pytest.mark.quick_for("lr")
@pytest.mark.parametrize("short", ["lr", "bs", "batchnorm"])
def test_compare_varies_a_setting_by_the_name_of_other_programs(short, cli):
    values = {"lr": "0.1,0.01", "bs": "8,16", "batchnorm": "yes,no"}[short]
    name = {"lr": "learning_rate", "bs": "batch_size", "batchnorm": "batch_norm"}[short]
    words = ("--data", "digits", "--train-size", "50", "--epochs", "1", "--seeds", "1", "--jobs", "1", "--hidden", "4")
    result = cli("compare", "--vary", f"{short}={values}", *words)
    assert result.code == 0, result.err
    assert f"baseline: {name} {values.split(',')[0]}" in result.out
    both = cli("compare", "--vary", f"{short}={values}", f"--{name.replace('_', '-')}", values.split(",")[0])
    assert both.code == 2 and f"--vary {name}" in both.err
