"""The table of stages: its numbers can be recomputed, its words are data, and all that is shown of it agrees."""

import copy
import html
import json
import re
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.text import Text
from written_numbers import check_what_is_written

import neurosim as ns
import viz
import viz.film
from neurosim.activations import ACTIVATIONS, Activation
from neurosim.losses import Loss
from neurosim.optimizers import SGDTerms
from neurosim.text import number, probability, short, signed_short, typeset
from neurosim.walk import STAGES, Row, figure_words, filter_words, stages, words
from neurosim.walk.formula import fill
from neurosim.walk.rows import in_figure

X = np.random.default_rng(5).normal(size=(40, 12))
Y = np.random.default_rng(6).integers(0, 3, 40)
IMAGE = X[0].reshape(3, 4)


class Halve(ns.SGD):
    """θ ← θ / 2, an optimizer that has no formulas."""

    @staticmethod
    def rule(theta, grad, rate, t):
        return SGDTerms(step=0.5 * theta)


class Quartic(Loss):
    """A loss that does not say where it comes from."""

    key = "quartic"
    one_hot = False

    def __call__(self, a, y):
        return float(((a - y) ** 4).mean())

    def gradient(self, a, y):
        return 4 * (a - y) ** 3 / y.size


def network(*layers, n_in=12, output="softmax", steps=3, n_out=3, **settings):
    """A small float64 network, trained for some steps, with biases that are not zero."""
    layers = layers or (ns.Dense(8, "tanh"), ns.Dense(6, "tanh"))
    net = ns.Network([ns.Input(n_in), *layers, ns.Dense(n_out, output)], **{"dtype": "float64", "seed": 4} | settings)
    rng = np.random.default_rng(0)
    for layer in net:
        if layer.bias_name in layer.views:
            layer.views[layer.bias_name][...] = rng.normal(scale=0.2, size=len(layer))
    for step in range(steps):
        net.train_batch(X[10 * step : 10 * step + 10], Y[10 * step : 10 * step + 10] % n_out)
    return net


def changed(net, change):
    """The same network, with something done to neuron 2 of layer 1."""
    change(net[1][2])
    return net


def clamp(neuron):
    neuron.clamp(0.7)


def setting(name, value):
    return lambda neuron: setattr(neuron, name, value)


def table(n_in=12, layers=1):
    """A network that has learned a table with names, standardized."""
    names, labels = tuple(f"feature {i}" for i in range(n_in)), (Y % 3).astype(np.uint8)
    data = ns.data.Dataset(
        5 + 3 * X[:, :n_in], labels, "berries", "train", "drawn in a test", ("sweet", "sour", "2"),
        feature_names=names, scaling="standardize",
    )  # fmt: skip
    net = network(*(ns.Dense(8, "tanh") for _ in range(layers)), n_in=n_in, steps=0)
    net.fit(data, epochs=2, batch_size=10, verbose=False)
    return net


# name -> network, layer, neuron, sample, target
CASES = {
    "a table with names": lambda: (table(), 1, 2, 5 + 3 * X[0], 1),
    "a small table with names": lambda: (table(4, 2), 1, 2, 5 + 3 * X[0, :4], 0),
    "the output of a table": lambda: (table(), 2, 1, 5 + 3 * X[0], 2),
    "behind the input": lambda: (network(), 1, 2, X[0], 1),
    "behind a hidden layer": lambda: (network(), 2, 3, X[0], 1),
    "an image": lambda: (network(n_in=(3, 4)), 1, 2, IMAGE, 1),
    "an image with one channel": lambda: (network(n_in=(3, 4, 1)), 1, 2, IMAGE, 1),
    "behind dropout": lambda: (network(ns.Dense(8, "tanh"), ns.Dropout(0.5), ns.Dense(6, "relu")), 3, 1, X[0], 1),
    "dropout above": lambda: (network(ns.Dense(8, "tanh"), ns.Dropout(0.5), ns.Dense(6, "relu")), 1, 5, X[0], 1),
    "behind dropout of the image": lambda: (network(ns.Dropout(0.2), ns.Dense(6), n_in=(3, 4)), 2, 1, IMAGE, 1),
    "batch norm above": lambda: (
        network(ns.Dense(8, use_bias=False), ns.BatchNorm("relu"), ns.Dense(6)),
        1,
        4,
        X[0],
        1,
    ),
    "behind batch norm": lambda: (network(ns.Dense(8), ns.BatchNorm("tanh"), ns.Dense(6, "sigmoid")), 3, 4, X[0], 1),
    "softmax output": lambda: (network(), 3, 1, X[0], 1),
    "smoothed labels": lambda: (network(loss=ns.CrossEntropy(0.2)), 3, 0, X[0], 1),
    "mse output": lambda: (network(loss="mse", output="sigmoid"), 3, 1, X[0], 1),
    "mse on softmax": lambda: (network(loss="mse"), 3, 2, X[0], 1),
    "sigmoid output": lambda: (network(loss="binary_cross_entropy", output="sigmoid"), 3, 2, X[0], [1.0, 0.3, 1.0]),
    "one output": lambda: (network(loss="mse", output="linear", n_out=1), 3, 0, X[0], 0.4),
    "flat": lambda: (changed(network(ns.Dense(8, "relu")), setting("bias", -50.0)), 1, 2, X[0], 1),
    "clamped": lambda: (changed(network(), clamp), 1, 2, X[0], 1),
    "frozen": lambda: (changed(network(), lambda neuron: neuron.freeze()), 1, 2, X[0], 1),
    "slowed": lambda: (changed(network(), setting("rate_factor", 0.25)), 1, 2, X[0], 1),
    "activation of its own": lambda: (changed(network(), setting("activation", "gelu")), 1, 2, X[0], 1),
    "l1": lambda: (network(regularizer=ns.L1(0.05)), 1, 2, X[0], 1),
    "l2": lambda: (network(regularizer=ns.L2(0.05)), 2, 3, X[0], 1),
    "l2 of its own": lambda: (changed(network(), setting("l2", 0.3)), 1, 2, X[0], 1),
    "l2 without bias": lambda: (network(ns.Dense(8, "tanh", use_bias=False), regularizer="l2"), 1, 2, X[0], 1),
    "momentum": lambda: (network(optimizer=ns.Momentum(0.05)), 1, 2, X[0], 1),
    "adamw": lambda: (network(optimizer=ns.AdamW(0.05, weight_decay=0.3)), 1, 2, X[0], 1),
    "clipped": lambda: (network(optimizer=ns.SGD(0.1, clip_norm=0.01)), 1, 2, X[0], 1),
    "scheduled": lambda: (network(optimizer=ns.SGD(ns.Exponential(0.1, steps=9))), 1, 2, X[0], 1),
    "within the bound of the norm": lambda: (network(max_norm=40.0), 1, 2, X[0], 1),
    "bounded norm": lambda: (network(max_norm=0.4, steps=0), 1, 2, X[0] * (X[0] > 0), 1),
    "hidden softmax": lambda: (network(ns.Dense(8, "softmax"), ns.Dense(6, "tanh")), 1, 2, X[0], 1),
    "hidden softmax with a clamped neuron": lambda: (changed(network(ns.Dense(8, "softmax")), clamp), 1, 3, X[0], 1),
    "nothing comes in": lambda: (network(ns.Dense(8, "relu")), 1, 2, np.zeros(12), 1),
    "two inputs": lambda: (
        ns.Network([ns.Input(2), ns.Dense(3, "tanh"), ns.Dense(2, "softmax")], seed=1),
        1,
        0,
        X[0, :2],
        1,
    ),
    "a step too far": lambda: (network(loss="mse", output="linear", optimizer=ns.SGD(9.0), steps=0), 1, 2, X[0], 1),
    "a step to nothing": lambda: (network(optimizer=ns.SGD(0.0), steps=0), 1, 2, X[0], 1),
}


@cache
def case(name):
    return CASES[name]()


@pytest.fixture(params=CASES)
def neuron(request):
    net, layer, j, x, y = case(request.param)
    return net.trace(x[None], [y], sample=7)[layer][j]


def rows_of(neuron, top=5):
    return [row for stage in neuron.stages(top) for row in stage.lines]


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_what_is_written_out_comes_to_what_it_says(neuron):
    assert check_what_is_written(neuron) >= 7


def test_the_rows_and_the_rest_sum_to_the_result(neuron):
    for top in (1, 3, 99):
        for stage in neuron.stages(top):
            if stage.key not in ("weighted_sum", "downstream") or (stage.key == "downstream" and neuron.is_output):
                continue
            terms = [row for row in stage.rows if row.role == "term"]
            bias = sum(row.value for row in stage.rows if row.role == "bias")
            rest = 0.0 if stage.rest is None else stage.rest.value
            total = sum(row.value for row in terms) + rest + bias
            scale = sum(abs(row.value) for row in terms) + abs(rest) + 1e-3
            assert abs(total - stage.result.value) <= 1e-6 * scale
            n = len(neuron.products if stage.key == "weighted_sum" else neuron.downstream_products)
            assert len(terms) + (0 if stage.rest is None else stage.rest.factors["count"]) == n
            assert all(one.value != 0.0 for one in terms) and len(terms) <= top
            assert all(abs(one.value) >= abs(other.value) for one, other in pairwise(terms))


def test_the_numbers_of_the_table_are_those_of_the_trace(neuron):
    told = {stage.key: stage for stage in neuron.stages()}
    results = {key: told[key].result.value for key in stages.OF_ONE_NEURON}
    assert results == {
        "weighted_sum": neuron.z,
        "activation": neuron.a,
        "downstream": neuron.dL_da,
        "derivative": neuron.da_dz,
        "delta": neuron.delta,
    }
    assert told["output"].result.value == neuron.loss
    assert told["loss_after"].result.value == neuron.loss_after
    (change,) = [row for row in told["update"].rows if row.role == "change" and row.name != "bias"]
    i = int(np.abs(neuron.weights_after - neuron.weights).argmax())
    assert change.name == f"w of {neuron.input_name(i)}" and change.value == neuron.weights_after[i]
    step = neuron.update_terms["step"]["weights"][i]
    frozen = change.kind == "update.frozen"
    assert frozen or (change.factors["w"] == neuron.weights[i] and change.factors["change"] == -step)
    terms = [row for row in told["update"].rows if row.role == "optimizer"]
    assert {row.name: row.value for row in terms} == {
        name: float(each["weights"][i]) for name, each in neuron.update_terms.items()
    }
    for row in told["gradients"].rows:
        if row.role == "gradient":
            (i,) = [i for i in range(len(neuron.inputs)) if neuron.input_name(i) == row.name]
            assert row.value == neuron.dL_dW[i] and row.factors["x"] == neuron.inputs[i]


def test_the_change_of_a_weight_is_the_sum_that_it_is():
    for name, equation in (
        *dict.fromkeys(("behind the input", "momentum", "adamw", "clipped"), "w + change").items(),
        ("slowed", "w + factor * change"),
        ("bounded norm", "(w + change) * bound / norm"),
        ("frozen", ""),
    ):
        net, layer, j, x, y = case(name)
        rows = [row for row in net.trace(x[None], [y])[layer][j].stages()[9].rows if row.role == "change"]
        of_bias = {"slowed": "b + factor * change", "frozen": ""}.get(name, "b + change")
        assert [row.formula for row in rows] == [equation, of_bias], name
        for row in rows:
            assert row.formula or "unchanged: the neuron is frozen" in row.line()


# --- reasons ----------------------------------------------------------------------------------------------------------


def test_reasons_are_true_of_the_neuron_and_the_sample(neuron):
    told = {stage.key: stage for stage in neuron.stages()}
    why = told["delta"].why
    assert ("smaller z" in why) == (neuron.delta > 0) and ("larger z" in why) == (neuron.delta < 0)
    held = neuron.forced is not None
    assert ("slope is 0" in why) == (neuron.delta == 0 and neuron.da_dz == 0 and not held)
    assert ("output is forced" in why) == (neuron.delta == 0 and held)
    flat = told["derivative"].why
    assert ("flat" in flat) == (neuron.da_dz == 0 and neuron.forced is None)
    assert ("forced" in flat) == (neuron.forced is not None)
    assert ("lowers" in told["loss_after"].why) == (neuron.loss_after < neuron.loss)
    assert ("raises" in told["loss_after"].why) == (neuron.loss_after > neuron.loss)
    unasked = (neuron.weights_after != neuron.weights) & (neuron.dL_dW == 0)
    count = re.match(r"(\d+) weights? with zero gradient moves?, because", told["update"].why)
    assert (int(count[1]) if count else 0) == unasked.sum()


def test_a_larger_or_smaller_z_does_lower_the_loss():
    for name in ("behind the input", "behind a hidden layer", "hidden softmax", "behind batch norm"):
        net, layer, j, x, y = case(name)
        neuron = net.trace(x[None], [y])[layer][j]
        twin = copy.deepcopy(net)
        twin[layer][j].bias += 1e-4 if "larger" in neuron.stages()[7].why else -1e-4
        assert twin.evaluate(x[None], [y])["loss"] < neuron.loss


def test_what_moves_a_weight_without_a_gradient_is_named():
    net, layer, j, _, y = case("momentum")
    assert (
        net.trace(np.zeros((1, 12)), [y])[layer][j]
        .stages()[9]
        .why.endswith("move, because of momentum (kept in velocity).")
    )
    net, layer, j, x, y = case("bounded norm")
    neuron = net.trace(x[None], [y])[layer][j]
    assert (neuron.dL_dW == 0).any() and np.linalg.norm(neuron.weights) > 0.4
    net.optimizer = ns.SGD(0.1)  # has no memory: what moves them is the bound
    assert "because of the bound on the norm" in net.trace(x[None], [y])[layer][j].stages()[9].why


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (1.0, 0.9, "lowers the loss of this sample by 10 %."),
        (1.0, 0.001, "by more than 99 %."),
        (1.0, 0.0, "lowers the loss of this sample by 100 %."),
        (1.0, 1.5, "raises the loss of this sample by 50 %."),
        (1.0, 50.0, "raises the loss of this sample."),
        (0.0, 0.1, "raises the loss of this sample."),
        (0.5, 0.5, "does not change the loss of this sample."),
        (0.5, np.nan, "not a finite number"),
        (0.5, np.inf, "not a finite number"),
        (np.inf, 0.5, ""),
    ],
)
def test_what_the_step_did_to_the_loss(before, after, why):
    stage = stages.loss_after(before, after)
    assert stage.why.endswith(why) or why in stage.why
    word = "better" if after < before else "worse" if after > before else "the same"
    assert ("not a finite number" if not np.isfinite(after) else word) in stage.text


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "source", "first", "last"),
    [
        ("behind the input", "the sample", "input 0", "input 11"),
        ("an image", "the sample", "pixel 0,0", "pixel 2,3"),
        ("an image with one channel", "the sample", "pixel 0,0", "pixel 2,3"),
        ("behind dropout of the image", "the sample", "pixel 0,0", "pixel 2,3"),
        ("behind a hidden layer", "layer 1", "neuron 0", "neuron 7"),
        ("behind dropout", "layer 1", "neuron 0", "neuron 7"),
        ("behind batch norm", "layer 2", "neuron 0", "neuron 7"),
    ],
)
def test_an_input_has_one_name_whatever_passes_it_on(name, source, first, last):
    net, layer, j, x, y = case(name)
    neuron = net.trace(x[None], [y])[layer][j]
    assert neuron.input_name(0) == first and neuron.input_name(len(neuron.inputs) - 1) == last
    assert f" numbers from {source}, " in neuron.stages()[0].text
    assert (neuron.image_shape == (3, 4)) == first.startswith("pixel")


# --- words ------------------------------------------------------------------------------------------------------------

TABLES = {name: value for file in (words, figure_words) for name, value in vars(file).items() if name.isupper()}


def templates(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from templates(each)


def test_the_words_are_data_with_plain_places_to_fill_in():
    assert json.loads(json.dumps(TABLES)) == json.loads(json.dumps({**TABLES})) and len(TABLES) > 8
    found = [text for name in TABLES for text in templates(TABLES[name])]
    assert len(found) > 150
    for text in found:
        names = re.findall(r"\{([^{}]*)\}", text)
        assert all(name and not set(name) & set("!:[].%") for name in names), text
        assert not set(re.sub(r"\{[^{}]*\}", "", text)) & set("{}"), text
        assert fill(text, dict.fromkeys(names, "")) == re.sub(r"\{[^{}]*\}", "", text)


@pytest.fixture
def together():
    """An activation that looks at all neurons of the layer, and is not softmax; registered for one test."""
    known = dict(ACTIVATIONS._classes)

    @ACTIVATIONS.register("together")
    class Together(Activation):
        """Each a is its share of the squares of all z."""

        elementwise = False

        def __call__(self, z):
            return z**2 / (z**2).sum(axis=-1, keepdims=True)

        def derivative(self, z):
            a, total = self(z), (z**2).sum(axis=-1, keepdims=True)
            return 2 * z / total * (1 - a)

        def vjp(self, z, da):
            a, total = self(z), (z**2).sum(axis=-1, keepdims=True)
            return 2 * z / total * (da - (a * da).sum(axis=-1, keepdims=True))

        def forward_(self, z, a, scratch):
            a[...] = self(z)

        def backward_(self, da, z, a, delta, scratch):
            delta[...] = self.vjp(z, da)

    yield Together()
    ACTIVATIONS._classes.clear()
    ACTIVATIONS._classes.update(known)


def certain_behind_dropout(width):
    """A network so sure of its label that every delta is 0, with dropout above layer 1."""
    net = network(ns.Dense(8), ns.Dropout(0.5), ns.Dense(width), steps=0, dtype="float32")
    net[4].b = [-200.0, 200.0, 0.0]
    return net


def test_no_word_is_written_that_is_never_said(together):
    nets = [case(name) for name in CASES]
    nets.append((network(ns.Dense(8, together), ns.Dense(6, "tanh")), 1, 2, X[0], 1))
    kinds, rules, variants = set(), set(), set()
    for net, layer, j, x, y in nets:
        told = net.trace(x[None], [y])[layer][j]
        kinds |= {row.kind for row in rows_of(told, 11)} | {row.kind for row in rows_of(told)}
        rules |= {told.delta_rule[1], told.trace.output_rule[0], "gradient", "penalized gradient", "step"}
        variants |= {(stage.key, stage.variant) for stage in told.stages()}
        assert told.check().passed if told.trace.network.dtype == np.float64 and len(told.inputs) > 2 else True
    without_derivation = network(loss=Quartic(), output="sigmoid")
    certain = network(steps=0, dtype="float32")
    certain[3].b = [200.0, 0.0, 0.0]
    norms = network(ns.Dense(8), ns.BatchNorm("softmax"), ns.Dropout(0.5), ns.Dense(7))
    ends = ns.Network([ns.Input(12), ns.Dense(3), ns.BatchNorm("softmax")], seed=1)
    narrow = network(ns.Dense(8), ns.BatchNorm("tanh"), n_out=7)
    alone = ns.Network([ns.Input(1), ns.Dense(1), ns.Dense(3, "softmax")], seed=1).trace(X[:1, :1], [1])
    for told in (
        norms.trace(X[:1], [1])[1][1],
        ends.trace(X[:1], [1])[1][1],
        narrow.trace(X[:1], [1])[1][1],
        alone[1][0],
        alone[2][1],
        table(1).trace(5 + 3 * X[:1, :1], [1])[1][1],
        *(without_derivation.trace(X[:1], [1])[layer][1] for layer in (1, 3)),
        network(loss="mse", output=together).trace(X[:1], [1])[3][1],
        certain.trace(X[:1], [1])[1][0],
        *(certain_behind_dropout(width).trace(X[:1], [1])[1][0] for width in (1, 6)),
    ):
        kinds |= {row.kind for row in rows_of(told)}
        rules |= {told.trace.output_rule[0]}
        variants |= {(stage.key, stage.variant) for stage in told.stages()}
    unlabelled = network().trace(X[:1])[1][2].stages()
    kinds |= {row.kind for stage in unlabelled for row in stage.lines}
    variants |= {(stage.key, stage.variant) for stage in unlabelled}
    without_formulas = network(optimizer=Halve(0.1)).trace(X[:1], [1])[1][2]
    kinds |= {row.kind for row in without_formulas.stages()[9].lines}
    # `test_filters` looks for those of filters
    assert set(words.ROWS) - set(filter_words.ROWS) - kinds == {"loss_after.lost"}
    assert set(words.RULES) - set(filter_words.RULES) == rules
    wanted = {
        (key, name[7:])
        for key, each in words.STAGES.items()
        for name in each
        if name.startswith("formula") and not name.startswith("formula of filter")
    }
    assert variants == wanted


def test_a_whole_number_has_no_digits_and_a_count_has_commas():
    row = Row("update.rate", factors={"rate": 0.001, "t": 12345}, names={"optimizer": "adam"})
    assert row.line() == "learning rate η = 0.001, update number t = 12345"
    row = Row("output.layer", "layer 3", factors={"layer": 3, "count": 12345, "low": -0.0, "high": 1234.56})
    assert row.line() == "layer 3: 12,345 activations from 0 to 1235"


def test_typeset_changes_signs_and_nothing_else():
    assert typeset("delta = dL/da * f'(z) = -0.5 * 1e-05 - 2 -> -3") == "δ = dL/da × f'(z) = −0.5 × 1e−05 − 2 → −3"
    assert (
        typeset("Σ w_k delta_k over Dense(4) <- 12: the output_delta")
        == "Σ wₖ δₖ over Dense(4) <- 12: the output_delta"
    )
    assert typeset("3.2 + -0.5") == "3.2 − 0.5" and typeset("leaky_relu, v_max, m-n") == "leaky_relu, v_max, m-n"


# --- all that is shown of it ------------------------------------------------------------------------------------------


def shown_as_text(neuron):
    return neuron.explain()


def shown_as_html(neuron):
    source = neuron._repr_html_()
    return html.unescape(re.sub(r"<[^>]+>", " ", source))


def shown_in_the_film(neuron, monkeypatch):
    """What stands at the foot of each frame."""

    def written(figure):
        return " | ".join(each.get_text() for each in figure.findobj(Text) if each.get_visible())

    monkeypatch.setattr(viz.film, "film_pixels", written)
    return viz.film._frames(neuron, "a note")


@pytest.mark.quick_every(20)
def test_all_that_is_shown_has_the_same_titles_names_and_numbers(neuron, monkeypatch):
    told = neuron.stages()
    text, page, frames = shown_as_text(neuron), shown_as_html(neuron), shown_in_the_film(neuron, monkeypatch)
    document = json.loads(json.dumps(neuron.to_dict(check=False), allow_nan=False))["stages"]
    assert len(told) == len(frames) == len(document) == len(STAGES)
    sections = dict(zip(STAGES, re.split(r"^\d+\. ", text, flags=re.MULTILINE)[1:], strict=True))
    for place, (stage, frame, given) in enumerate(zip(told, frames, document, strict=True), start=1):
        section = sections[stage.key]
        assert stage.key == STAGES[place - 1] == given["key"]
        # titles
        assert section.startswith(f"{stage.heading}\n") and stage.title in stage.heading
        assert (
            f"{place}. {stage.title}" in page
            or f"{place}. {typeset(stage.heading)}" in page
            or (stage.heading.replace(stage.formula, typeset(stage.formula)) in page)
        )
        assert f"| {place}  {stage.title} |" in frame and f"stage {place} of 11" in frame
        assert (given["title"], given["formula"], given["why"]) == (stage.title, stage.formula, stage.why)
        # names and numbers
        rows = given["rows"] + [row for row in (given["rest"], given["result"]) if row is not None]
        mine = [*stage.rows, *(row for row in (stage.rest, stage.result) if row is not None)]
        assert [(row["name"], row["value"], row["role"]) for row in rows] == [
            (row.name, row.value, row.role) for row in mine
        ]
        for row in mine:
            if row.value is not None:
                assert typeset(row.name) in page and typeset(number(row.value)) in page
                digits = words.DIGITS.get("L" if row.name == "L" else "output" if row.role == "output" else "", 5)
                assert number(row.value, digits) in section, (row.kind, row.value)
            if row.role in ("term", "gradient", "output delta", "optimizer"):
                assert row.name in section
        if stage.result is not None and stage.result.value is not None:
            assert probability(stage.result.value) in frame


@pytest.mark.quick_every(20)
def test_the_figure_writes_the_names_and_the_numbers_of_the_table(neuron):
    figure = viz.neuron_story(neuron)
    figure.draw_without_rendering()
    seen = " | ".join(each.get_text() for each in figure.findobj(Text) if each.get_visible())
    told = {stage.key: stage for stage in neuron.stages()}
    for name, keys in (
        ("inputs x", ["inputs"]),
        ("weights w", ["weighted_sum"]),
        ("products w·x", ["weighted_sum"]),
        ("weighted sum z", ["weighted_sum"]),
        ("activation, slope", ["activation", "derivative"]),
        ("output and loss", ["output", "output_delta"]),
        ("downstream sum", ["downstream"]),
        ("delta", ["delta"]),
        ("weight gradients", ["gradients"]),
        ("change of weights", ["update"]),
        ("before and after", ["loss_after"]),
    ):
        numbers = ", ".join(str(STAGES.index(key) + 1) for key in keys)
        assert f"| {numbers}  {name} |" in seen
    assert "forward 1–4, backward 5–9, update 10–11" in seen
    for key in ("weighted_sum", "activation", "delta"):
        assert in_figure("", told[key].result.value) in seen
    assert typeset(told["gradients"].formula) in seen and f"slope da/dz = {short(neuron.da_dz)}" in seen
    assert " ".join(typeset(told["delta"].why).split()) in " ".join(seen.replace("\n", " ").split())
    assert typeset(told["loss_after"].why) in seen and typeset(told["update"].why) in seen
    moved = [row for row in told["update"].rows if row.kind == "update.weight"]
    if neuron.weights_after.tolist() != neuron.weights.tolist():
        assert moved[0].name in seen and signed_short(moved[0].value - moved[0].factors["w"]) in seen
    if neuron.is_output:
        assert f"n {neuron.index} is" in seen or "| y |" in seen or f"y ({neuron.index} is" in seen
    elif len(neuron.downstream_products) > 1:
        for row in told["downstream"].rows:
            assert row.role != "term" or (row.name in seen and signed_short(row.value) in seen)
    if neuron.image_shape is None:
        for row in told["weighted_sum"].rows:
            assert row.role != "term" or (row.name in seen and signed_short(row.value) in seen)


def test_the_slope_is_drawn_at_its_own_stage():
    net, layer, j, x, y = case("behind the input")
    _, page, _ = viz.neuron.draw_story(net.trace(x[None], [y])[layer][j], None, None, 8.0)
    (cell,) = [cell for cell in page.cells if "activation" in cell.header.get_text()]
    at = {stage: [getattr(each, "get_text", str)() for each in artists] for stage, artists in cell.drawn.items()}
    assert any("slope" in text for text in at[7]) and not any("slope" in text for text in at[3]) and set(at) == {3, 7}


def test_a_document_holds_plain_numbers_and_texts(neuron):
    document = json.loads(json.dumps(neuron.to_dict(), allow_nan=False))["stages"]
    for stage in document:
        assert list(stage) == ["key", "title", "formula", "rows", "rest", "result", "why"]
        for row in [*stage["rows"], stage["rest"], stage["result"]]:
            if row is not None:
                assert list(row) == ["name", "formula", "factors", "substituted", "value", "role"]
                assert all(isinstance(value, (int, float)) for value in row["factors"].values())
                assert row["value"] is None or isinstance(row["value"], float)
                assert row["substituted"] or row["value"] is not None or row["role"] == "result"
    assert [len(stage["rows"]) for stage in neuron.to_dict(top=1)["stages"]][1] <= 2


def test_what_json_cannot_say_is_refused_in_one_line(refused):
    net = network(steps=0)
    net[1].W[0, 0] = np.nan
    with refused("expected a network of finite numbers", "NaN or infinity", "smaller learning rate"):
        net.trace(X[:1], [1])[1][0].to_dict()


@pytest.mark.parametrize("key", list(ACTIVATIONS))
def test_the_curve_of_a_neuron_is_its_output_when_its_z_is_moved(key):
    net = network(ns.Dense(8, key), ns.Dense(6, "tanh"))
    neuron = net.trace(X[:1], [1])[1][2]
    for shift in (-0.7, 0.0, 0.4):
        twin = copy.deepcopy(net)
        twin[1][2].bias += shift
        twin.predict(X[:1])
        assert neuron.curve(np.array([neuron.z + shift]))[0] == pytest.approx(twin[1][2].a[0], abs=1e-12)
