"""A filter in a walk, at one of its places: its numbers can be recomputed, its words are true."""

import html
import json
import re
from functools import cache

import numpy as np
import pytest
from written_numbers import check_what_is_written

import neurosim as ns
from neurosim.text import number, typeset
from neurosim.walk import STAGES, filter_words, stages, words
from neurosim.walk.stages import WIDTH

RNG = np.random.default_rng(3)
GREY, COLOURED = RNG.normal(size=(40, 8, 7)), RNG.normal(size=(40, 8, 7, 2))
WHOLE = np.round(RNG.normal(size=(40, 8, 7)))  # many are equally large
Y = RNG.integers(0, 3, 40)


def network(x, *layers, steps=3, **settings):
    """A small float64 network, trained for some steps, with biases that are not zero."""
    shape = x.shape[1:]
    net = ns.Network([ns.Input(shape), *layers, ns.Dense(3, "softmax")], **{"dtype": "float64", "seed": 4} | settings)
    rng = np.random.default_rng(0)
    for layer in net:
        if layer.bias_name in layer.views:
            layer.views[layer.bias_name][...] = rng.normal(scale=0.2, size=len(layer))
    for step in range(steps):
        net.train_batch(x[10 * step : 10 * step + 10], Y[10 * step : 10 * step + 10])
    return net


def changed(change, layer=1, **settings):
    """The same network, with something done to filter 2 of a layer."""
    net = network(GREY, ns.Conv2D(4, 3, "tanh"), ns.Conv2D(3, 2, "relu"), **settings)
    change(net[layer][2])
    return net


def setting(name, value):
    return lambda neuron: setattr(neuron, name, value)


def same(neuron):
    """Nothing is done to it."""


def linear(*layers, x=GREY, **settings):
    return network(x, ns.Conv2D(4, 3), *layers, **settings)


# name -> network, images, layer, filter, place; no place: the one that the trace begins with
CASES = {
    "grey": lambda: (linear(ns.MaxPool2D(2)), GREY, 1, 2, None),
    "coloured": lambda: (network(COLOURED, ns.Conv2D(4, 3, "tanh"), ns.MaxPool2D(2)), COLOURED, 1, 2, (1, 3)),
    "a corner of padding": lambda: (network(GREY, ns.Conv2D(4, 5, "tanh", padding="same")), GREY, 1, 2, (0, 6)),
    "one pixel": lambda: (network(COLOURED, ns.Conv2D(4, 1, "tanh", stride=2)), COLOURED, 1, 2, (1, 0)),
    "one place": lambda: (network(GREY[:, :7], ns.Conv2D(4, 7, "tanh")), GREY[:, :7], 1, 2, None),
    "two places": lambda: (network(GREY, ns.Conv2D(4, 7, "tanh"), ns.Conv2D(3, 1, "tanh")), GREY, 1, 2, None),
    "filters above": lambda: (network(GREY, ns.Conv2D(4, 3, "tanh"), ns.Conv2D(3, 2, "relu")), GREY, 1, 1, (2, 2)),
    "a filter above at one place": lambda: (
        network(GREY, ns.Conv2D(4, 3, "tanh"), ns.Conv2D(3, 2, "relu", stride=2)),
        GREY,
        1,
        1,
        (2, 2),
    ),
    "behind filters": lambda: (
        network(GREY, ns.Conv2D(4, 3, "tanh"), ns.MaxPool2D(2), ns.Conv2D(3, 2, "relu", padding="same"), ns.Dense(6)),
        GREY,
        3,
        1,
        (0, 1),
    ),
    "behind pooled channels": lambda: (network(COLOURED, ns.AveragePool2D(2), ns.Conv2D(3, 2)), COLOURED, 2, 1, None),
    "windows that overlap": lambda: (linear(ns.MaxPool2D(3, 1), ns.Conv2D(3, 2)), GREY, 1, 1, None),
    "a window that it lost": lambda: (linear(ns.MaxPool2D(2), ns.Conv2D(3, 2)), GREY, 1, 1, (1, 1)),
    "windows of equals": lambda: (
        network(WHOLE, ns.Conv2D(4, 1, use_bias=False), ns.MaxPool2D(3, 1), ns.Flatten(), ns.Dense(6, "tanh")),
        WHOLE,
        1,
        1,
        None,
    ),
    "the first of equals": lambda: (linear(ns.MaxPool2D(2), ns.Dense(5)), np.zeros_like(GREY), 1, 1, (2, 2)),
    "one weight without input": lambda: (network(GREY, ns.Conv2D(4, 1)), np.zeros_like(GREY), 1, 1, None),
    "mean of windows": lambda: (linear(ns.AveragePool2D(2), ns.Conv2D(3, 2)), GREY, 1, 1, (2, 2)),
    "mean of windows that overlap": lambda: (linear(ns.AveragePool2D(3, 1), ns.Flatten()), GREY, 1, 1, (2, 2)),
    "nothing looks at it": lambda: (linear(ns.MaxPool2D(2)), GREY, 1, 1, (0, 4)),
    "no patch looks at it": lambda: (linear(ns.Conv2D(3, 2, stride=3)), GREY, 1, 1, (2, 2)),
    "batch norm and max pooling above": lambda: (
        network(GREY, ns.Conv2D(4, 3), ns.BatchNorm("relu"), ns.Dropout(0.2), ns.MaxPool2D(2), ns.Flatten()),
        GREY,
        1,
        2,
        None,
    ),
    "batch norm and filters above": lambda: (linear(ns.BatchNorm("tanh"), ns.Conv2D(2, 2)), GREY, 1, 2, (1, 1)),
    "batch norm and one filter above": lambda: (
        linear(ns.BatchNorm("tanh"), ns.Conv2D(2, 2, stride=2)),
        GREY,
        1,
        2,
        (1, 1),
    ),
    "softmax of filters": lambda: (network(GREY, ns.Conv2D(4, 3, "softmax"), ns.Conv2D(3, 2)), GREY, 1, 2, (1, 2)),
    "an output": lambda: (
        ns.Network([ns.Input((8, 7)), ns.Conv2D(4, 4, "relu"), ns.MaxPool2D(4), ns.Conv2D(3, 1, "softmax")], seed=2),
        GREY,
        3,
        1,
        None,
    ),
    "flat": lambda: (changed(setting("bias", -50.0), layer=2), GREY, 2, 2, (1, 1)),
    "clamped": lambda: (changed(lambda neuron: neuron.clamp(0.7)), GREY, 1, 2, (1, 1)),
    "frozen": lambda: (changed(lambda neuron: neuron.freeze()), GREY, 1, 2, None),
    "slowed": lambda: (changed(setting("rate_factor", 0.25)), GREY, 1, 2, None),
    "activation of its own": lambda: (changed(setting("activation", "gelu")), GREY, 1, 2, None),
    "l1": lambda: (changed(same, regularizer=ns.L1(0.05)), GREY, 1, 2, (1, 1)),
    "l2 and its own": lambda: (changed(setting("l2", 0.3), regularizer=ns.L2(0.05)), GREY, 1, 2, None),
    "flat with a penalty": lambda: (changed(setting("bias", -50.0), 2, regularizer="l2"), GREY, 2, 2, None),
    "no bias": lambda: (network(GREY, ns.Conv2D(4, 3, "tanh", use_bias=False)), GREY, 1, 2, None),
    "no bias with a penalty": lambda: (
        network(GREY, ns.Conv2D(4, 3, "tanh", use_bias=False), regularizer="l2"),
        GREY,
        1,
        2,
        None,
    ),
    "momentum": lambda: (changed(same, optimizer=ns.Momentum(0.05)), GREY, 1, 2, None),
    "clipped": lambda: (changed(same, optimizer=ns.SGD(0.1, clip_norm=0.01)), GREY, 1, 2, None),
    "bounded norm": lambda: (changed(same, max_norm=0.4, steps=0), GREY, 1, 2, None),
    "nothing comes in": lambda: (changed(same), np.zeros_like(GREY), 1, 2, (1, 1)),
    "nothing comes in without a bias": lambda: (
        network(GREY, ns.Conv2D(4, 3, use_bias=False), ns.Conv2D(2, 2), steps=0),
        np.where(np.arange(8)[:, None] < 5, 0.0, GREY),
        1,
        2,
        (1, 1),
    ),
    "nothing above has a delta": lambda: (
        dead_above(),
        GREY,
        1,
        2,
        (1, 1),
    ),
    "float32": lambda: (
        network(GREY, ns.Conv2D(4, 3, "relu"), ns.MaxPool2D(2), ns.Conv2D(3, 2, "relu"), dtype="float32"),
        GREY,
        1,
        1,
        None,
    ),
}


def dead_above():
    """A network whose upper filters are all silent."""
    net = changed(same)
    net[2].b = -50.0
    return net


@cache
def case(name):
    net, x, layer, j, place = CASES[name]()
    here = net.trace(x[0], int(Y[0]), sample=7)[layer][j]
    return here if place is None else here.at(*place)


@pytest.fixture(params=CASES)
def neuron(request):
    return case(request.param)


def rows_of(neuron, top=5):
    return [row for stage in neuron.stages(top) for row in stage.lines]


# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.quick_every(4)
def test_what_is_written_out_comes_to_what_it_says(neuron):
    assert check_what_is_written(neuron) >= 5


def test_the_rows_and_the_rest_sum_to_the_result(neuron):
    for top in (1, 3, 999):
        told = {stage.key: stage for stage in neuron.stages(top)}
        for key, count in (("weighted_sum", len(neuron.products)), ("downstream", len(neuron.downstream_products))):
            if key == "downstream" and neuron.is_output:
                continue
            terms = [row for row in told[key].lines if row.role in ("term", "rest", "bias")]
            shown = [row for row in terms if row.role == "term"]
            total, scale = sum(row.value for row in terms), sum(abs(row.value) for row in terms) + 1e-3
            assert abs(total - told[key].result.value) <= 1e-6 * scale
            assert len(shown) + sum(row.factors["count"] for row in terms if row.role == "rest") == count
            assert len(shown) <= top and all(row.value for row in shown)
        # the gradient of a weight over all places
        rows = told["gradients"].rows
        whole = next((row for row in rows if row.role == "gradient of filter"), None)
        places = [row for row in rows if row.role in ("place", "rest of places")]
        none = not any(neuron.place_terms(int(np.abs(neuron.dL_dW).argmax())))
        kinds, many = [row.kind for row in rows], neuron.place_deltas.size > 1
        assert any("of nothing" in kind for kind in kinds) == (none and many and not neuron.penalized)
        assert ("gradients.only penalty" in kinds) == (none and many and neuron.penalized)
        assert (whole is None) == (none and many and not neuron.penalized)
        if neuron.place_deltas.size > 1 and not none:
            counted = sum(row.factors.get("count", 1) for row in places)
            assert counted == neuron.place_deltas.size
            total = sum(row.value for row in places) + whole.factors.get("penalty", 0.0)
            assert total == pytest.approx(whole.value, rel=1e-5, abs=1e-7)


def test_the_numbers_of_the_text_are_those_of_the_trace(neuron):
    told = {stage.key: stage for stage in neuron.stages()}
    assert {key: told[key].result.value for key in stages.OF_ONE_NEURON} == {
        "weighted_sum": neuron.z,
        "activation": neuron.a,
        "downstream": neuron.dL_da,
        "derivative": neuron.da_dz,
        "delta": neuron.delta,
    }
    rows = told["gradients"].rows
    names = [neuron.input_name(i) for i in range(len(neuron.inputs))]
    for row in rows:
        if row.role == "share":
            i = names.index(row.name)
            assert row.factors == {"delta": neuron.delta, "x": neuron.inputs[i]}
            assert row.value == (neuron.delta * neuron.inputs)[i]  # in the type of the inputs
    i = int(np.abs(neuron.dL_dW).argmax())
    for row in rows:
        if row.role == "gradient of filter":
            assert row.name == neuron.weight_name(i) and row.value == neuron.dL_dW[i]
    for row in rows:
        if row.role == "place":
            at = tuple(map(int, re.fullmatch(r"place (\d+),(\d+)", row.name).groups()))
            there = neuron.at(*at)
            assert row.factors == {"delta": there.delta, "x": there.inputs[i]}
    bias = [row for row in rows if row.role == "bias"]
    assert [row.value for row in bias] == ([neuron.dL_db] if neuron.has_bias else [])
    (change,) = [row for row in told["update"].rows if row.role == "change" and row.name != "bias"]
    i = int(np.abs(neuron.weights_after - neuron.weights).argmax())
    assert change.name == f"w of {neuron.weight_name(i)}" and change.value == neuron.weights_after[i]
    g = next(row for row in told["update"].rows if row.role == "gradient of it" and row.kind.startswith("update.grad"))
    assert g.value == neuron.dL_dW[i]
    for row in told["downstream"].rows:
        if row.role == "term":
            (k,) = [k for k in range(len(neuron.downstream_neurons)) if neuron.downstream_name(k) == row.name]
            assert row.factors == {"w": neuron.downstream_weights[k], "delta": neuron.downstream_deltas[k]}


@pytest.mark.quick_every(4)
def test_the_gradient_agrees_with_central_differences(neuron):
    if neuron.trace.network.dtype == np.float64:
        check = neuron.check()
        assert check.passed and check.max_relative_error < 1e-6
    assert neuron.check().passed


@pytest.mark.quick_every(4)
def test_the_update_is_the_one_that_the_network_makes(neuron):
    """Frozen, slowed, clamped, penalized, clipped or bounded."""
    name = next(key for key in CASES if case(key) is neuron)
    net, x, layer, j, _ = CASES[name]()
    net.gradients(x[:1], Y[:1])
    live = net[layer][j]
    assert (neuron.z, neuron.a, neuron.delta) == tuple(
        getattr(live.at(neuron.row, neuron.column), key)[0] for key in ("z", "a", "delta")
    )
    np.testing.assert_array_equal(neuron.place_deltas, live.delta[0])
    np.testing.assert_array_equal(neuron.dL_dW, live.weight_gradient.ravel())
    net.update_()
    np.testing.assert_array_equal(neuron.weights_after, live.weights.ravel())
    assert not neuron.has_bias or neuron.bias_after == live.bias


# --- places -----------------------------------------------------------------------------------------------------------


def test_a_trace_begins_where_delta_is_largest_and_goes_to_any_other_place():
    net, x, *_ = CASES["filters above"]()
    trace = net.trace(x[0], int(Y[0]))
    layer, j, why = trace.interesting()
    here = trace[layer][j]
    assert layer == 1 and abs(here.delta) == np.abs(trace.flows[1]["delta"]).max()
    assert why.startswith("this filter has the largest |delta| of the 4 in layer 1 (30 places each): ")
    assert here.why_here == f"of its 30 places, this one has the largest |delta|, {number(abs(here.delta), 3)}"
    for filter_ in trace[2]:
        assert abs(filter_.delta) == np.abs(filter_.place_deltas).max()
    assert len(trace[2]) == 3 and (here.at(-1, -2).row, here.at(-1, -2).column) == (5, 3)
    unit = here.at(2, 3)
    assert (unit.unit, unit.patch_shape, unit.field) == ((2 * 5 + 3) * 4 + j, (3, 3, 1), (slice(2, 5), slice(3, 6)))
    deeper = trace[2][0].at(0, 1)
    assert deeper.field == (slice(0, 2), slice(1, 3)) and deeper.receptive_field == (slice(0, 4), slice(1, 5))
    assert deeper.inputs.tolist() == [
        trace[1][k].at(row, column).a for row in (0, 1) for column in (1, 2) for k in range(4)
    ]
    assert repr(unit).startswith(f"NeuronTrace(layer 1, filter {j} at row 2, column 3 (tanh), the sample: label")
    assert f"filter {j} at row {here.row}, column {here.column} of layer 1" in trace._repr_html_()


def test_without_a_label_it_begins_where_a_is_largest():
    net, x, *_ = CASES["filters above"]()
    trace = net.trace(x[0])
    layer, j, why = trace.interesting()
    here = trace[layer][j]
    a = trace.flows[1]["a"]
    assert layer == 1 and abs(here.a) == np.abs(a).max() and why.endswith(" here") and "|a|" in here.why_here
    assert [stage.key for stage in here.stages()] == list(STAGES[:4]) and "a patch of 3 x 3 pixels" in here.explain()
    document = here.to_dict()
    assert document["row"] == here.row and "place_deltas" not in document and "delta" not in document
    json.dumps(document, allow_nan=False)


def test_the_only_filter_and_the_only_place_are_named_as_such():
    why = network(GREY, ns.Conv2D(1, 3)).trace(GREY[0], int(Y[0])).interesting()[2]
    assert re.fullmatch(
        r"this is the only filter of layer 1; of its 30 places, this one has the largest \|delta\|, \S+", why
    )
    trace = network(GREY[:, :5, :5], ns.Conv2D(4, 5)).trace(GREY[0, :5, :5], int(Y[0]))
    why = trace.interesting()[2]
    assert why.startswith("this filter has the largest |delta| of the 4 in layer 1 (one place each): ")
    assert trace[1][0].why_here == "this is its only place"
    why = network(GREY[:, :5, :5], ns.Conv2D(1, 5)).trace(GREY[0, :5, :5]).interesting()[2]
    assert why == "this is the only filter of layer 1; this is its only place"
    why = network(GREY, ns.Dense(1)).trace(GREY[0], int(Y[0])).interesting()[2]
    assert why == "this is the only neuron of layer 1"


def test_a_silent_filter_is_looked_at_where_a_is_largest():
    here = case("flat").trace[2][2]
    assert here.delta == 0.0 and here.why_here == "delta is 0 at all 20 places; |a| is largest here, 0"
    net = dead_above()
    trace = net.trace(GREY[0], int(Y[0]))
    assert trace.interesting()[2] == "all 4 filters of layer 1 have delta 0 at every place for this sample"
    here = trace[1][1]
    assert abs(here.a) == np.abs(trace.flows[1]["a"].reshape(6, 5, 4)[..., 1]).max() > 0.0


def test_what_has_no_places_is_refused(refused):
    net, x, *_ = CASES["grey"]()
    trace = net.trace(x[0], int(Y[0]))
    with refused("at: expected a filter, or a channel of a feature map", "no rows and columns"):
        trace[3][0].at(1, 1)
    with refused("layer 1 has rows 0 to 5, received 6"):
        trace[1][0].at(6, 0)
    with refused("layer 1 has columns 0 to 4, received 5"):
        trace[1][0].at(0, 5)
    with refused("its neurons have no weights to trace", "choose a Dense or a Conv2D layer"):
        _ = trace[2][0]
    with refused("neuron 0 of layer 3 has no place: expected a filter"):
        _ = trace[3][0].field
    with refused("weight: expected a number from 0 to 8, received 9", error=ns.OutOfRangeError):
        trace[1][0].place_terms(9)
    with refused("weight: expected a whole number of at least 0, received 'a'"):
        trace[1][0].place_terms("a")
    dense = trace[3][0]
    assert dense.row is dense.column is dense.patch_shape is None and dense.unit == 0 and dense.why_here == ""
    assert dense.input_name(17) == "filter 1 at 2,0" and dense.weight_name(17) == dense.input_name(17)


def test_a_filter_keeps_its_numbers_as_a_table_and_as_a_document():
    here = case("behind filters")
    frame = here.to_frame()
    assert len(frame) == 16 and frame["product"].abs().is_monotonic_decreasing
    assert frame["product"].sum() + here.bias == pytest.approx(here.z)
    document = json.loads(json.dumps(here.to_dict(), allow_nan=False))
    assert (document["row"], document["column"], document["unit"]) == (0, 1, here.unit)
    assert document["patch_shape"] == [2, 2, 4] and document["sources"] == here.sources.tolist()
    assert document["field"] == {"rows": [0, 1], "columns": [1, 1]}
    assert document["receptive_field"] == {"rows": [0, 5], "columns": [2, 5]}
    assert document["place_deltas"] == here.place_deltas.tolist() and document["check"]["max_relative_error"] < 1e-6
    assert [each["name"] for each in document["downstream"]] == [f"neuron {k}" for k in range(6)]
    dense = here.trace[4][0].to_dict()
    assert not {"row", "column", "unit", "patch_shape", "place_deltas"} & set(dense)
    assert all(set(each) == {"neuron", "weight", "delta", "product"} for each in dense["downstream"])


# --- words ------------------------------------------------------------------------------------------------------------


def section(name, key, top=5):
    return {stage.key: stage.text for stage in case(name).stages(top)}[key]


def test_the_curve_of_a_filter_is_that_of_its_place():
    for name in ("softmax of filters", "coloured", "clamped", "activation of its own"):
        here = case(name)
        assert here.curve(np.array([here.z]))[0] == pytest.approx(here.a, abs=1e-12)


def test_a_patch_is_said_where_it_lies():
    assert section("coloured", "inputs").startswith(
        "  a patch of 3 x 3 pixels of the sample: rows 1 to 3, columns 3 to 5"
    )
    assert "channel 1 at 2,3" in section("coloured", "weighted_sum", 99)
    padded = section("a corner of padding", "inputs")
    assert "rows 0 to 2, columns 4 to 6" in padded and "16 lie outside of the image and are 0" in padded
    assert "pixel 2,4" in section("a corner of padding", "weighted_sum", 99)
    corner = case("a corner of padding")
    assert corner.input_name(0) == "outside of the image" and corner.weight_name(0) == "kernel 0,0"
    assert section("one pixel", "inputs").startswith("  a patch of 1 x 1 pixels of the sample: row 2, column 0\n")
    deep = section("behind filters", "inputs")
    assert deep.startswith("  a patch of 2 x 2 places of layer 2, MaxPool2D 2: rows 0 to 1, column 1\n")
    assert "it depends on rows 0 to 5, columns 2 to 5 of the sample" in deep
    assert "8 lie outside of the image and are 0" in deep
    assert "filter 3 at 1,1" in section("behind filters", "weighted_sum", 99)
    assert case("behind filters").weight_name(5) == "kernel 0,1 on filter 1"
    channels = re.findall(r"channel (\d) at", section("behind pooled channels", "weighted_sum", 99))
    assert sorted(channels) == ["0"] * 4 + ["1"] * 4


def test_a_window_tells_which_number_it_passes_on():
    for name in CASES:
        neuron = case(name)
        above = neuron.trace.network[min(neuron.layer + 1, len(neuron.trace.network.layers) - 1)]
        if not isinstance(above, ns.MaxPool2D):
            continue
        a = neuron.trace.flows[neuron.layer]["a"].reshape(neuron._layer.out_shape)[..., neuron.index]
        won = {neuron.downstream_name(k) for k in range(len(neuron.downstream_neurons))}
        said = {
            row.name: row.line()
            for row in neuron.stages()[5].rows
            if row.value is None and row.kind.startswith(("downstream.won", "downstream.lost"))
        }
        looking = 0
        for row in range(above.out_shape[0]):
            for column in range(above.out_shape[1]):
                top, left = row * above.stride, column * above.stride
                window = a[top : top + above.size, left : left + above.size]
                if not (top <= neuron.row < top + above.size and left <= neuron.column < left + above.size):
                    assert f"window {row},{column}" not in said
                    continue
                looking += 1
                first = np.unravel_index(window.argmax(), window.shape)
                wins = (top + first[0], left + first[1]) == (neuron.row, neuron.column)
                assert (
                    ("passes this place on" in said[f"window {row},{column}"])
                    == wins
                    == (f"window {row},{column}" in won)
                )
                ties = int((window == window.max()).sum())
                assert (f"it is the first of {ties} places" in said[f"window {row},{column}"]) == (wins and ties > 1)
                if not wins:
                    text = said[f"window {row},{column}"]
                    assert "does not pass this place on" in text
                    assert f" at row {top + first[0]}, column {left + first[1]} is " in text
        assert len(said) == looking
    assert section("nothing looks at it", "downstream").endswith("Nothing above depends on it: no gradient comes back.")
    assert section("no patch looks at it", "downstream").endswith(
        "Nothing above depends on it: no gradient comes back."
    )
    assert section("a window that it lost", "downstream").endswith("No window passes it on: no gradient comes back.")
    assert "w = 1 / size² = 1 / 2² = 0.25: layer 2 passes on the mean of each window" in " ".join(
        section("mean of windows", "downstream").split()
    )


def test_reasons_are_true(neuron):
    told = {stage.key: stage.why for stage in neuron.stages()}
    assert ("smaller z" in told["delta"]) == (neuron.delta > 0) and ("larger z" in told["delta"]) == (neuron.delta < 0)
    many = neuron.place_deltas.size > 1
    if neuron.delta == 0.0 and neuron.da_dz and neuron.forced is None:
        assert ("to this place" in told["delta"]) == many
    assert ("at every place" in told["gradients"]) == (not neuron.place_deltas.any())
    assert ("delta is 0 here" in told["gradients"]) == (neuron.delta == 0.0 and neuron.place_deltas.any())
    assert ("Every input is 0 here" in told["gradients"]) == (neuron.delta != 0.0 and not neuron.inputs.any())
    nothing = told["downstream"] if not neuron.is_output and neuron.dL_da == 0.0 else ""
    assert ("delta 0" in nothing) == bool(
        nothing and len(neuron.downstream_deltas) and not neuron.downstream_deltas.any()
    )


def test_every_word_of_filters_is_said():
    kinds, whys, variants = set(), set(), set()
    for name in CASES:
        for top in (1, 5, 999):
            for stage in case(name).stages(top):
                kinds |= {row.kind for row in stage.lines}
                whys.add(stage.why)
                variants |= {(stage.key, stage.variant)}
    assert set(filter_words.ROWS) <= kinds
    assert {why for why in filter_words.WHY.values() if why not in whys} == set()
    of_filters = {name[7:] for name in words.STAGES["gradients"] if name.startswith("formula of filter")}
    assert {variant for key, variant in variants if key == "gradients"} == of_filters


@pytest.mark.quick_every(4)
def test_all_that_is_shown_has_the_same_titles_names_and_numbers(neuron):
    told, text = neuron.stages(), neuron.explain()
    page = html.unescape(re.sub(r"<[^>]+>", " ", neuron._repr_html_()))
    document = json.loads(json.dumps(neuron.to_dict(check=False), allow_nan=False))["stages"]
    assert max(map(len, text.splitlines()[1:])) <= WIDTH and "{" not in text and "nan" not in text
    sections = dict(zip(STAGES, re.split(r"^\d+\. ", text, flags=re.MULTILINE)[1:], strict=True))
    for stage, given in zip(told, document, strict=True):
        said = sections[stage.key]
        assert said.startswith(f"{stage.heading}\n")
        assert (given["key"], given["title"], given["formula"], given["why"]) == (
            stage.key,
            stage.title,
            stage.formula,
            stage.why,
        )
        rows = given["rows"] + [row for row in (given["rest"], given["result"]) if row is not None]
        mine = [*stage.rows, *(row for row in (stage.rest, stage.result) if row is not None)]
        assert [(row["name"], row["value"], row["role"]) for row in rows] == [
            (row.name, row.value, row.role) for row in mine
        ]
        for row in mine:
            assert all(isinstance(value, (int, float)) for value in row.factors.values())
            if row.value is not None:
                digits = words.DIGITS.get("L" if row.name == "L" else "output" if row.role == "output" else "", 5)
                assert number(row.value, digits) in said, (row.kind, row.value)
                assert typeset(row.name) in page and typeset(number(row.value)) in page
