"""The walk in the page, compared with Python's for networks of all kinds: the same numbers and the same words."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from engine_cases import image_case, in_float64, random_case
from engine_node import JS, engine_in, made_data, needs_node

import neurosim as ns
from neurosim.layers.interventions import SAID
from neurosim.metrics import confusion_matrix
from neurosim.page.stripping import tokens
from neurosim.walk import words

pytestmark = needs_node

ALL = 200
QUICK_OF_IMAGES = [0, 13, 23, 40, 57, 72]
QUICK = [0, 9, 20, 43, 63, 71, 84, 126]
SETS = [
    pytest.param(random_case, QUICK, id="a few"),
    pytest.param(random_case, range(ALL), id="all", marks=pytest.mark.full),
    pytest.param(image_case, range(ALL), id="all of images", marks=pytest.mark.full),
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    return engine_in(tmp_path_factory.mktemp("engine"))


def request(engine, case, **more):
    page, (row, column) = engine.page(case.network, case.data), case.place or (None, None)
    more = {"row": row, "column": column} | more
    return {"do": "trace", "page": page, "layer": case.layer, "neuron": case.neuron, "number": case.number} | more


def trace_of(case, network=None):
    x, y = case.data.x[case.number], case.data.labels[case.number]
    here = (network or case.network).trace(x, y, sample=case.number)[case.layer][case.neuron]
    return here if case.place is None else here.at(*case.place)


def numbers_in(value):
    """Return all numbers of a document, in order."""
    if isinstance(value, dict):
        return [each for part in value.values() for each in numbers_in(part)]
    if isinstance(value, list):
        return [each for part in value for each in numbers_in(part)]
    return [float(value)] if isinstance(value, (int, float)) and not isinstance(value, bool) else []


def keys_in(value):
    """Return the keys of a document, in order; for lists those of each item."""
    if isinstance(value, dict):
        return [(key, keys_in(part)) for key, part in value.items()]
    return [keys_in(part) for part in value if isinstance(part, (dict, list))] if isinstance(value, list) else []


def without_extras(document):
    """Return the page's document without the keys that Python's does not have."""

    def row(each):
        return each and {key: value for key, value in each.items() if key not in ("kind", "line")}

    stages = [
        {key: value for key, value in stage.items() if key not in ("heading", "text")}
        | {"rows": [row(each) for each in stage["rows"]], "rest": row(stage["rest"]), "result": row(stage["result"])}
        for stage in document["stages"]
    ]
    return document | {"stages": stages}


def worst(one, other):
    """Return the largest difference, as a share of the largest number of its kind."""
    one, other = np.array(numbers_in(one)), np.array(numbers_in(other))
    assert one.shape == other.shape
    largest = np.abs(one).max(initial=0.0)
    return float(np.abs(one - other).max(initial=0.0) / (largest or 1.0))


@pytest.mark.parametrize(("made", "seeds"), [*SETS, pytest.param(image_case, QUICK_OF_IMAGES, id="a few of images")])
def test_float64_networks_give_the_same_document_and_the_same_text(engine, made, seeds):
    cases = [made(seed) for seed in seeds]
    answers = engine.ask(*(request(engine, case) for case in cases))
    for case, answer in zip(cases, answers, strict=True):
        here, found = trace_of(case), without_extras(answer["document"])
        expected = here.to_dict(check=False)
        assert keys_in(found) == keys_in(expected), case.words
        for kind in expected.keys() - {"stages"}:
            assert worst(expected[kind], found[kind]) <= 1e-9, (case.words, kind)
        assert {key: found["sample"][key] for key in ("index", "label", "prediction", "classes")} == {
            key: expected["sample"][key] for key in ("index", "label", "prediction", "classes")
        }
        assert answer["text"] == here.explain(), case.words
        for mine, theirs, stage in zip(found["stages"], expected["stages"], here.stages(), strict=True):
            assert worst(theirs["rows"], mine["rows"]) <= 1e-9
            rows = [*theirs["rows"], theirs["rest"], theirs["result"]]
            for one, other in zip([*mine["rows"], mine["rest"], mine["result"]], rows, strict=True):
                assert one is other is None or (one["substituted"], one["role"]) == (
                    other["substituted"],
                    other["role"],
                )
            assert (mine["title"], mine["why"]) == (stage.title, stage.why)


@pytest.mark.parametrize(("made", "seeds"), SETS)
def test_float32_networks_are_as_exact_as_in_python(engine, made, seeds):
    cases = [made(seed, "float32") for seed in seeds]
    answers = engine.ask(*(request(engine, case) for case in cases))
    of_python, of_page = {}, {}
    for case, answer in zip(cases, answers, strict=True):
        document, exact = (
            trace_of(case).to_dict(check=False),
            trace_of(case, in_float64(case.network)).to_dict(check=False),
        )
        for kind in exact.keys() - {"stages", "sample", "layer", "neuron", "activation"}:
            of_python.setdefault(kind, []).append(worst(exact[kind], document[kind]))
            of_page.setdefault(kind, []).append(worst(exact[kind], answer["document"][kind]))
    for kind, errors in of_python.items():
        # Python's float32 may be right by luck: nine times of ten it is no more exact than this
        usual = np.maximum(np.quantile(errors, 0.9), 2.0**-24)
        within = np.array(of_page[kind]) <= 4 * np.maximum(errors, usual)
        assert within.mean() >= 0.99, (kind, of_page[kind])
        assert np.median(of_page[kind]) <= np.median(errors) + 2.0**-24, kind
        assert np.max(of_page[kind]) <= 4 * np.maximum(np.max(errors), 2.0**-24), kind


DONE = {
    "frozen": lambda neuron: neuron.freeze(),
    "learning rate times 0.25": lambda neuron: setattr(neuron, "rate_factor", 0.25),
    "ablated": lambda neuron: neuron.ablate(),
    "clamped to -0.1234": lambda neuron: neuron.clamp(-0.1234),
    "its own activation softplus": lambda neuron: setattr(neuron, "activation", "softplus"),
    "its own L2 0.007": lambda neuron: setattr(neuron, "l2", 0.007),
}


@pytest.mark.parametrize("done", [[each] for each in DONE] + [["frozen", "clamped to -0.1234"]])
def test_interventions_on_a_neuron_have_pythons_words(engine, done):
    data = made_data(np.random.default_rng(4), 30, 6, 4, "numbers")
    network = ns.Network([ns.Input(6), ns.Dense(5, "tanh"), ns.Dense(4, "softmax")], optimizer="adam", dtype="float64")
    network.fit(data, epochs=1, verbose=False)
    for each in done:
        DONE[each](network[1][2])
    page = engine.page(network, data)
    (answer,) = engine.ask({"do": "trace", "page": page, "layer": 1, "neuron": 2, "number": 7})
    assert answer["text"] == network.trace(data.x[7], data.labels[7], sample=7)[1][2].explain()
    assert network[1][2].interventions == done
    assert all(f"this neuron: {each}" in answer["text"] for each in done)


@pytest.mark.quick_every(3)
@pytest.mark.parametrize("done", DONE)
def test_interventions_on_a_filter_have_pythons_words(engine, done):
    data = made_data(np.random.default_rng(4), 30, 36, 4, "pixels", (6, 6))
    layers = [ns.Input((6, 6)), ns.Conv2D(3, 3, "relu", padding="same"), ns.MaxPool2D(2), ns.Dense(4, "softmax")]
    network = ns.Network(layers, optimizer="adam", dtype="float64")
    network.fit(data, epochs=1, verbose=False)
    DONE[done](network[1][2])
    page = engine.page(network, data)
    (answer,) = engine.ask({"do": "trace", "page": page, "layer": 1, "neuron": 2, "number": 7})
    assert answer["text"] == network.trace(data.x[7], data.labels[7], sample=7)[1][2].explain()
    assert f"this neuron: {done}" in answer["text"]


@pytest.mark.full
def test_filters_where_others_stand_seldom(engine):
    """Cases: filters as the output at one place, with a softmax over the filters, above normalized pixels."""
    data, asked, expected = made_data(np.random.default_rng(6), 60, 100, 4, "pixels", (10, 10)), [], []
    stacks = [
        [ns.Conv2D(6, 3, "relu"), ns.MaxPool2D(2), ns.Conv2D(4, 4, "softmax")],
        [
            ns.MaxPool2D(2),
            ns.Conv2D(3, 3, "softmax"),
            ns.AveragePool2D(2, 1),
            ns.MaxPool2D(2, 1),
            ns.Dense(4, "softmax"),
        ],
        [ns.BatchNorm("linear"), ns.Conv2D(3, 3), ns.BatchNorm("softmax"), ns.Dense(4, "softmax")],
    ]
    for layers in stacks:
        network = ns.Network([ns.Input((10, 10)), *layers], optimizer="adam", dtype="float64")
        network.fit(data, epochs=1, batch_size=20, verbose=False)
        page, trace = engine.page(network, data), network.trace(data.x[7], data.labels[7], sample=7)
        for index in (layer.index for layer in network if layer.weight_name):
            asked.append({"do": "trace", "page": page, "layer": index, "neuron": 2, "number": 7})
            expected.append(trace[index][2].explain())
    assert [answer["text"] for answer in engine.ask(*asked)] == expected and len(expected) == 6


def test_one_number_is_no_numbers(engine):
    data = made_data(np.random.default_rng(6), 60, 100, 4, "pixels", (10, 10))
    layers = [ns.Conv2D(1, 1, "relu"), ns.Conv2D(2, 10), ns.Dense(1, "tanh"), ns.Dense(4, "softmax")]
    network = ns.Network([ns.Input((10, 10)), *layers], dtype="float64", seed=0)
    page, trace = engine.page(network, data), network.trace(data.x[7], data.labels[7], sample=7)
    places = [(1, 0), (2, 1), (3, 0), (4, 2)]
    answers = engine.ask(*({"do": "trace", "page": page, "layer": i, "neuron": j, "number": 7} for i, j in places))
    texts = [trace[i][j].explain() for i, j in places]
    assert [answer["text"] for answer in answers] == texts
    assert "one number, " in texts[0] and "one number from layer 3, " in texts[3]
    assert not re.search(r"(?<![\d.,])1 (numbers|places)", "".join(texts))
    assert not re.search(
        r"(?<![\d.,])1 (numbers|places|filters|neurons)", trace.interesting()[2] + trace[2][1].why_here
    )


def test_no_sentence_of_the_walk_stands_in_the_page_too():
    texts = [text for table in (words.ROWS, words.STAGES) for row in table.values() for text in row.values()]
    texts += [*words.WHY.values(), *words.NAMES.values(), *SAID.values()]
    parts = {part.strip() for text in texts for part in re.split(r"\{[^{}]*\}|\n", text)}
    sentences = [part for part in parts if len(re.findall(r"[A-Za-z]{2,}", part)) > 3]
    assert len(sentences) > 70
    for path in (JS / "engine").rglob("*.js"):
        read = tokens(path.name, path.read_text("utf-8"))
        said = " ".join(each.text for each in read if each.kind in ("text", "template"))
        assert not [part for part in sentences if part in said], path.name


@pytest.mark.parametrize("case", [random_case(43), image_case(57)], ids=["dense", "filter"])
def test_without_a_label_it_walks_forward_only(engine, case):
    (answer,) = engine.ask(request(engine, case, label=False))
    here = case.network.trace(case.data.x[case.number], sample=case.number)[case.layer][case.neuron]
    assert keys_in(without_extras(answer["document"])) == keys_in(here.to_dict())
    assert answer["text"] == here.explain()


def test_targets_that_are_not_classes(engine):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 5)), rng.normal(size=(30, 3))
    data = ns.data.Dataset(x, y, "targets", "test", "a test")
    network = ns.Network(
        [ns.Input(5), ns.Dense(6, "tanh"), ns.Dense(3)], loss="mse", optimizer="momentum", dtype="float64"
    )
    network.fit(data, epochs=1, verbose=False)
    page = engine.page(network, data)
    (answer,) = engine.ask({"do": "trace", "page": page, "layer": 1, "neuron": 2, "number": 7})
    assert answer["text"] == network.trace(x[7], y[7], sample=7)[1][2].explain()


def test_one_output(engine):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 2)), rng.integers(0, 2, size=30)
    data = ns.data.Dataset(x, y, "two", "test", "a test", ("no", "yes"), kind="points")
    layers = [ns.Input(2), ns.Dense(4, "tanh"), ns.Dense(1, "sigmoid")]
    network = ns.Network(layers, loss="binary_cross_entropy", optimizer="adam", dtype="float64")
    network.fit(data, epochs=2, verbose=False)
    page = engine.page(network, data)
    place = {"do": "trace", "page": page, "number": 7}
    one, two, predicted = engine.ask(
        place | {"layer": 1, "neuron": 2}, place | {"layer": 2, "neuron": 0}, {"do": "predict", "page": page}
    )
    trace = network.trace(x[7], y[7], sample=7)
    assert (one["text"], two["text"]) == (trace[1][2].explain(), trace[2][0].explain())
    assert predicted["evaluated"]["predictions"] == {
        str(k): int(each) for k, each in enumerate(network.predict(x[predicted["numbers"]]))
    }


def test_a_diverged_network_shows_what_it_has(engine):
    case = random_case(0)
    case.network[1].W[0, :] = np.inf
    (answer,) = engine.ask(request(engine, case))
    with np.errstate(all="ignore"):
        here = trace_of(case)
    assert [stage["title"] for stage in answer["document"]["stages"]] == [stage.title for stage in here.stages()]


def test_the_gradient_agrees_with_differences(engine):
    cases = [*map(random_case, [0, 9, 43, 84]), *map(image_case, [0, 13, 40])]
    answers = engine.ask(*(request(engine, case, check=True) for case in cases))
    for case, answer in zip(cases, answers, strict=True):
        python = trace_of(case).check().max_relative_error
        assert answer["document"]["check"]["max_relative_error"] <= max(1e-6, 10 * python)


def test_a_neuron_that_is_not_there_is_refused(engine):
    page = engine.page(random_case(9).network, random_case(9).data)
    place = {"do": "trace", "page": page, "number": 0}
    first, second = engine.ask_all(place | {"layer": 0, "neuron": 0}, place | {"layer": 1, "neuron": 99})
    assert "has no neurons with weights" in first["error"] and "received 99" in second["error"]
    case = image_case(57)
    path = request(engine, case)
    filter_, place = engine.ask_all(path | {"neuron": 99}, path | {"row": 0, "column": 50})
    assert "received 99" in filter_["error"] and "received 0, 50" in place["error"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda network: network["layers"][1].update(name="conv"), 'layers of the kind "conv"'),
        (lambda network: network["layers"][1].update(activation={"name": "sine"}), 'the activation "sine"'),
        (lambda network: network["loss"].update(name="focal"), 'the loss "focal"'),
        (lambda network: network["optimizer"].update(name="signum"), 'the optimizer "signum"'),
    ],
)
def test_an_unknown_part_is_an_error_with_its_name(engine, change, words):
    case = random_case(9)
    path = Path(engine.page(case.network, case.data))
    held = json.loads(path.read_text("utf-8"))
    change(held["manifest"]["network"])
    path.write_text(json.dumps(held), "utf-8")
    assert words in engine.ask({"do": "refused", "page": str(path)})[0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_predictions_of_all_kept_samples(engine, dtype):
    rng = np.random.default_rng(3)
    data = made_data(rng, 300, 64, 10, "pixels", (8, 8))
    network = ns.Network([ns.Input((8, 8)), ns.Dense(16, "relu"), ns.Dense(10, "softmax")], dtype=dtype)
    network.fit(data, epochs=3, verbose=False)
    (answer,) = engine.ask({"do": "predict", "page": engine.page(network, data)})
    expected = network.predict_proba(data.x[answer["numbers"]])
    np.testing.assert_allclose(answer["rows"], expected, atol=1e-5 if dtype == "float32" else 1e-12)
    assert (np.argmax(answer["rows"], axis=1) == expected.argmax(axis=1)).all()
    evaluated, theirs = answer["evaluated"], network.evaluate(data)
    assert evaluated["accuracy"] == pytest.approx(theirs["accuracy"])
    assert math.isclose(evaluated["loss"], theirs["loss"], rel_tol=1e-5)
    assert evaluated["confusion"] == confusion_matrix(data.labels, network.predict(data)).tolist()
