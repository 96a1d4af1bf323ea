"""Names of arguments: help shows them, and an error suggests the right one for a misspelt name."""

import inspect
import pydoc

import numpy as np
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


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: ns.Adam(lr=0.1),
            "Adam has no argument 'lr' (it takes learning_rate, beta1, beta2, epsilon, clip_norm)",
        ),
        (lambda: ns.SGD(0.1, momentum=0.9), "SGD has no argument 'momentum' (it takes learning_rate, clip_norm)"),
        (lambda: ns.Dense(3, act="relu"), "Dense has no argument 'act'"),
        (lambda: ns.Dense(), "Dense takes units, activation, "),
        (lambda: ns.Flatten(3), "Flatten takes no arguments, received other arguments"),
        (lambda: ns.Settings(epoch=3), "Settings has no argument 'epoch'; did you mean 'epochs'?"),
    ],
)
def test_a_constructor_explains_wrong_arguments(make, text):
    with pytest.raises(ns.ArgumentError) as error:
        make()
    assert text in str(error.value)


def test_an_own_constructor_keeps_its_errors_and_its_signature():
    class Mine(ns.ReLU):
        def __init__(self, size=1):
            len(size)

    assert list(inspect.signature(Mine).parameters) == ["size"]
    with pytest.raises(TypeError, match="has no len") as error:
        Mine(3)
    assert not isinstance(error.value, ns.ArgumentError)


def test_a_snapshot_is_checked_before_it_is_restored(make_net):
    net = make_net()
    for wrong, received in (({}, "a dict without 'arrays'"), (3, "an object of type int")):
        with pytest.raises(ns.NeurosimError) as error:
            net.restore(wrong)
        assert str(error.value) == f"snapshot: expected the result of `net.snapshot()`, received {received}"


def test_a_path_is_checked_before_a_network_is_loaded(tmp_path):
    with pytest.raises(ns.DataError, match=r"^expected the path of a file, received a NumPy array$"):
        ns.Network.load(np.zeros(3))
    with pytest.raises(
        ns.DataError, match=r"No such file or directory; expected a file written by `net.save` or `train`"
    ):
        ns.Network.load(tmp_path / "nothing.npz")
    with pytest.raises(ns.NeurosimError, match=r"layers: expected a list of layers \(.*\), received 2 as layer 0"):
        ns.Network([2])


def test_a_small_network_is_measured_in_bytes():
    net = ns.Network([ns.Input(3), ns.Dense(3, "relu"), ns.Dense(1, "sigmoid")], "binary_cross_entropy", engine="numpy")
    assert "16 parameters, float32 (64 bytes)" in str(net.summary())


def test_columns_may_be_given_by_their_numbers(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("a,b,kind\n" + "1,2,x\n3,4,y\n" * 10)
    by_name, _ = ns.data.load(table, label_column="kind")
    by_number, _ = ns.data.load(table, label_column=3)
    assert by_number.class_names == by_name.class_names == ("x", "y")
    assert ns.data.load(table, target=[1], one_hot=[3])[0].feature_names == ("b", "kind=x", "kind=y")
