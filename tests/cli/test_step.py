"""``step``: which network it walks through. The walk itself is in test_prompt."""

import pytest


@pytest.mark.parametrize("option", [("--early-stopping", "2"), ("--schedule", "reduce_on_plateau")])
def test_step_holds_images_out_for_what_decides_in_the_training_of_its_network(cli, option):
    result = cli("step", "--data", "digits", "--train-size", "300", "--hidden", "4", *option)
    assert result.code == 0, result.err
    assert (
        "validation: 50 images, a sixth of the training set, kept out of it" in result.out and "1. inputs" in result.out
    )


def test_commands_on_standard_input_are_carried_out(cli):
    words = ("step", "--data", "digits", "--train-size", "300", "--hidden", "4", "--epochs", "0")
    result = cli(*words, stdin="next\nstatus\n")
    assert result.code == 0 and "(step) next" in result.out and "2/11 weighted sum" in result.out
    assert cli(*words, stdin="nxet\n").code == 2
