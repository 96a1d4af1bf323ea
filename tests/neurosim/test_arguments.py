"""Names of arguments: help shows them, and an error suggests the right one for a misspelt name."""

import inspect
import pydoc

import pytest

import neurosim as ns
from neurosim import training


def test_help_on_fit_shows_every_argument_and_its_default(make_net):
    shown = pydoc.render_doc(make_net().fit, renderer=pydoc.plaintext)
    own = dict(inspect.signature(ns.Network.fit).parameters)
    full = dict(inspect.signature(training.fit).parameters)
    del own["self"], full["network"]
    assert [(each.name, each.kind, each.default) for each in own.values()] == [
        (each.name, each.kind, each.default) for each in full.values()
    ]
    for name, each in own.items():
        assert name in shown and f"            {name}: " in inspect.getsource(ns.Network.fit)
        if each.default is not inspect.Parameter.empty:
            assert f"= {each.default!r}" in shown or f"={each.default!r}" in shown


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("epoch", "epochs"),
        ("batchsize", "batch_size"),
        ("validation", "validation_data"),
        ("callback", "callbacks"),
        ("shufle", "shuffle"),
        ("verbos", "verbose"),
    ],
)
def test_a_misspelt_argument_of_fit_names_the_one_that_was_meant(wrong, meant, make_net, blobs):
    net = make_net()
    before = net.parameters.theta.copy()
    for call in (net.fit, lambda *x, **y: training.fit(net, *x, **y)):
        with pytest.raises(ns.ArgumentError, match=f"fit has no argument '{wrong}'; did you mean '{meant}'") as error:
            call(*blobs, **{wrong: 3})
        assert isinstance(error.value, TypeError)  # as Python's own
    assert (net.parameters.theta == before).all()


def test_what_resembles_nothing_gets_the_list(make_net, blobs):
    with pytest.raises(ns.ArgumentError, match=r"fit has no argument 'qqq' \(it takes x, y, epochs, batch_size, "):
        make_net().fit(*blobs, qqq=1)


def test_a_network_too_suggests_its_arguments():
    layers = [ns.Input(4), ns.Dense(3, "softmax")]
    with pytest.raises(ns.ArgumentError, match="Network has no argument 'optimiser'; did you mean 'optimizer'"):
        ns.Network(layers, optimiser="sgd")
    with pytest.raises(ns.ArgumentError, match="did you mean 'regularizer'"):
        ns.Network(layers, regulariser="l2")


def test_positional_arguments_are_counted_as_ever(make_net, blobs):
    with pytest.raises(TypeError):
        make_net().fit(*blobs, 1, 2, 3, 4)
    history = make_net().fit(*blobs, 1, 8, verbose=False)
    assert len(history) == 1
