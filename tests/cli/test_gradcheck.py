"""``gradcheck``: every gradient, by name."""

import pytest

import neurosim as ns
from neurosim.analysis.gradcheck import GradientCheck


@pytest.mark.full
def test_gradcheck_covers_every_activation_and_loss_and_passes(cli):
    result = cli("gradcheck")
    assert result.code == 0, result.out
    for key in (*ns.ACTIVATIONS, *ns.LOSSES, "batch_norm", "dropout", "l1", "l2"):
        assert key in result.out
    assert "WRONG" not in result.out


def test_a_wrong_gradient_is_named_and_ends_with_status_1(cli, monkeypatch):
    def check_everything(seed):
        for name, error in (("relu", 1e-9), ("tanh", 1e-3)):
            yield "activation", name, GradientCheck({"W1": error}, 10, 0, 1e-6)

    monkeypatch.setattr("neurosim.cli.gradcheck.check_everything", check_everything)
    result = cli("gradcheck")
    assert result.code == 1 and result.out.count("WRONG") == 1 and "activation tanh" in result.out
    assert "1 of 2 agree" in result.out
