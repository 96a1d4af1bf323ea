"""A kind of layer that only this file defines does everything that the built-in layers do."""

import copy
import json

import numpy as np
import pytest

import neurosim as ns
from neurosim.analysis.landscape import random_direction
from neurosim.registry import Registry


@pytest.fixture(scope="module")
def own():
    """The two kinds of layers, registered while this module's tests run."""
    known = dict(ns.LAYERS._classes)

    @ns.LAYERS.register("scale")
    class Scale(ns.Layer):
        """z_j = w_j x_j: one weight per neuron, and nothing else."""

        weight_name = "W"
        neuron_by_neuron = True
        W = ns.layers.ParameterView()
        dW = ns.layers.ParameterView()

        def __init__(self, start=1.0):
            self.start = start

        def parameter_shapes(self):
            return {"W": (self.n_out,)}

        def initialize_(self, rng):
            self.W = self.start + rng.normal(scale=0.1, size=self.n_out)

        def forward_(self, training):
            np.multiply(self.x, self.W, out=self.z)
            np.copyto(self.a, self.z)

        def parameter_gradients_(self):
            self.dW = (self.delta * self.x).sum(axis=0)

        def input_gradient_(self, delta, dx):
            np.multiply(delta, self.W, out=dx)

        def sources(self, j):
            return np.array([j])

    @ns.LAYERS.register("permute")
    class Permute(ns.Layer):
        """z = x in another order."""

        def __init__(self, seed=0):
            self.seed = seed

        def order(self):
            return np.random.default_rng(self.seed).permutation(self.n_in)

        def forward_(self, training):
            np.copyto(self.z, self.x[:, self.order()])
            np.copyto(self.a, self.z)

        def input_gradient_(self, delta, dx):
            dx[:, self.order()] = delta

    yield Scale, Permute
    ns.LAYERS._classes.clear()
    ns.LAYERS._classes.update(known)


@pytest.fixture
def make(own):
    """A function that makes a network with both of them."""
    Scale, Permute = own

    def made(**settings):
        layers = [ns.Input(5), Permute(3), ns.Dense(8, "tanh"), Scale(), Permute(1), ns.Dense(6, "relu"), Scale(0.8)]
        return ns.Network([*layers, ns.Dense(3, "softmax")], **{"seed": 2} | settings)

    return made


def test_it_trains(make, blobs):
    net = make(optimizer=ns.Adam(0.01))
    before = net[3].W.copy()
    history = net.fit(*blobs, epochs=30, batch_size=16, verbose=False)
    assert history["accuracy"][-1] > 0.95 and (before != net[3].W).all()


def test_its_gradients_agree_with_central_differences(make, blobs):
    check = ns.check_gradients(make(dtype="float64"), *blobs)
    assert check.passed and {"W3", "W6"} <= check.errors.keys()


def test_its_forward_pass_is_what_it_says(make, blobs):
    net = make(dtype="float64")
    x = blobs[0][:4]
    net.predict(x)
    np.testing.assert_array_equal(net[1].a, x[:, net[1].order()])
    np.testing.assert_allclose(net[3].z, net[2].a * net[3].W)
    assert net[1].out_shape == (5,) and net[3].in_shape == net[3].out_shape == (8,) and len(net[3]) == 8


def test_it_is_saved_and_loaded(make, blobs, tmp_path):
    net = make()
    net.fit(*blobs, epochs=2, verbose=False)
    again = ns.Network.load(net.save(tmp_path / "net.npz"))
    assert again.config() == net.config() and [type(layer) for layer in again] == [type(layer) for layer in net]
    assert again.predict_proba(blobs[0]).tobytes() == net.predict_proba(blobs[0]).tobytes()
    again.fit(*blobs, epochs=1, verbose=False)
    net.fit(*blobs, epochs=1, verbose=False)
    assert again.parameters.theta.tobytes() == net.parameters.theta.tobytes()
    twin = copy.deepcopy(net)
    twin[3].W[0] = 7.0
    assert net[3].W[0] != 7.0 and twin.parameters["W3"][0] == 7.0


def test_a_run_with_it_goes_on_from_a_checkpoint(make, blobs, tmp_path):
    class Stop(ns.Callback):
        at = 0

        def on_step(self, run):
            if run.step == self.at:
                raise KeyboardInterrupt

    stop = Stop()
    stop.at = 13
    interrupted = make()
    checkpoint = ns.Checkpoint(tmp_path / "run", every=4)
    interrupted.fit(*blobs, epochs=4, batch_size=16, verbose=False, callbacks=[stop, checkpoint])
    stop.at, resumed, whole = 0, make(), make()
    again = ns.Checkpoint(tmp_path / "run", every=4, resume=True)
    resumed.fit(*blobs, epochs=4, batch_size=16, verbose=False, callbacks=[stop, again])
    whole.fit(*blobs, epochs=4, batch_size=16, verbose=False, callbacks=[stop])
    assert resumed.parameters.theta.tobytes() == whole.parameters.theta.tobytes()


def test_it_stands_in_the_summary_and_in_notebooks(make, blobs):
    net = make()
    lines = str(net.summary()).splitlines()
    assert lines[5].split() == ["3", "Scale", "(B,", "8)", "8"] and lines[3].split() == [
        "1",
        "Permute",
        "(B,",
        "5)",
        "0",
    ]
    net.train_batch(*blobs)
    assert "Scale" in net._repr_html_() and "Permute" in net._repr_html_()
    for layer in net:
        assert "last batch" in layer._repr_html_()
    assert "weights" in net[3][2]._repr_html_() and "Scale" in repr(net[3][2])
    assert net[3][2].weights.shape == (1,) and net[3][2].weights[0] == net[3].W[2]
    net[3][2].weights[:] = 0.25
    assert net[3].W[2] == 0.25


def test_its_neurons_are_traced(make, blobs):
    net = make(dtype="float64", optimizer="adam")
    net.fit(*blobs, epochs=1, verbose=False)
    trace = net.trace(blobs[0][0], blobs[1][0])
    neuron = trace[3][4]
    a, W = trace.flows[2]["a"], net[3].W
    assert neuron.inputs.tolist() == [a[4]] and neuron.weights.tolist() == [W[4]]
    assert neuron.z == pytest.approx(a[4] * W[4]) and neuron.a == neuron.z and neuron.da_dz == 1.0
    (place,) = np.flatnonzero(net[4].order() == 4)  # where Permute puts its output
    assert neuron.downstream_neurons.tolist() == [place] and neuron.downstream_weights.tolist() == [1.0]
    assert neuron.dL_da == pytest.approx(neuron.downstream_products.sum()) and neuron.delta == neuron.dL_da
    assert neuron.dL_dW == pytest.approx([neuron.delta * a[4]]) and neuron.check().passed
    assert neuron.weights_after[0] == pytest.approx(W[4] - neuron.update_terms["step"]["weights"][0])
    text = neuron.explain()
    assert "neuron 4" in text and f"{float(neuron.z):.5g}" in text
    json.dumps(neuron.to_dict(), allow_nan=False)
    below = trace[2][4]  # the dense neuron that Scale looks at
    assert below.downstream_neurons.tolist() == [4] and below.downstream_weights == pytest.approx([W[4]])
    assert below.check().passed and trace[5][1].check().passed
    assert [layer.layer.index for layer in trace] == [1, 2, 3, 4, 5, 6, 7]


def test_it_has_a_report_card(make, blobs):
    net = make()
    net.fit(*blobs, epochs=3, verbose=False)
    card = net.report(*blobs)
    assert card.groupby("layer").size().to_dict() == {2: 8, 3: 8, 5: 6, 6: 6, 7: 3}
    of_scale = card[card["layer"] == 3].set_index("neuron")
    assert of_scale["weight_norm"].to_numpy() == pytest.approx(np.abs(net[3].W), rel=1e-6)
    net.gradients(*blobs)
    assert of_scale["gradient_norm"].to_numpy() == pytest.approx(np.abs(net[3].dW), rel=1e-4)
    right = net.predict(blobs[0]) == blobs[1]
    for j in range(8):  # by hand: what is right without the neuron
        without = copy.deepcopy(net)
        without[3].W[j] = 0.0
        lost = right.mean() - (without.predict(blobs[0]) == blobs[1]).mean()
        assert of_scale.loc[j, "accuracy_lost"] == pytest.approx(lost)
        assert card.set_index(["layer", "neuron"]).loc[(2, j), "accuracy_lost"] == pytest.approx(lost)


def test_it_is_in_the_loss_landscape(make, blobs):
    net = make()
    rng = np.random.default_rng(0)
    direction = random_direction(net, rng)
    assert np.abs(net[3].flat_view(direction, "W")) == pytest.approx(np.abs(net[3].W), rel=1e-6)
    loss = ns.loss_landscape(net, *blobs, resolution=3).loss
    assert np.isfinite(loss).all() and loss[1, 1] == pytest.approx(net.evaluate(*blobs)["loss"])


def test_images_flow_through_it_as_shapes(own, blobs):
    Scale, _ = own
    net = ns.Network([ns.Input((2, 3, 4)), Scale(), ns.Dropout(0.1), ns.Dense(3, "softmax")])
    assert [layer.out_shape for layer in net] == [(2, 3, 4), (2, 3, 4), (2, 3, 4), (3,)]
    net.predict(np.ones((5, 2, 3, 4)))
    assert net[1].n_out == 24 and len(net[1]) == 4 and net[1][3].z.shape == (5, 2, 3)
    np.testing.assert_array_equal(net[1][3].z, net[1].z.reshape(5, 2, 3, 4)[..., 3])


def test_it_maximizes_and_seeks_gradient_norms(make, blobs):
    net = make()
    norms = ns.GradientNorms(every=1)
    net.fit(*blobs, epochs=1, batch_size=90, verbose=False, callbacks=[norms])
    assert [row["layer"] for row in norms.rows] == [1, 2, 3, 4, 5]  # the layers with weights
    image, reached = ns.maximizing_input(net, 5, 2, steps=5)
    assert image.shape == (5,) and np.isfinite(reached)


def test_the_registry_is_open(own):
    assert isinstance(ns.LAYERS, Registry) and {"scale", "permute"} <= set(ns.LAYERS)
