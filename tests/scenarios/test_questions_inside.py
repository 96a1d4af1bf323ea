"""The scenarios that look inside a network: initial weights, gradients, pre-activations, dead units, single neurons."""

import base64
import math
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import neurosim as ns
import viz
from neurosim.training.settings import Settings
from scenarios import SCENARIOS, Results, Run, all_findings, run_scenario, write_report
from scenarios.protocol import measures, recorders, steps
from scenarios.protocol.statistics import geometric_mean
from scenarios.report.findings import learned_nothing, versus

NAMES = ("initializers", "normalization", "vanishing-gradients", "dead-neurons", "neuron-life", "symmetry")
TINY = {"hidden": (8, 6), "epochs": 1}


@pytest.fixture(scope="module")
def digits():
    train, test = ns.data.load("digits")
    return train.subset(240), test.subset(120)


@pytest.fixture(scope="module")
def tiny(digits):
    """The results of one epoch of each scenario, with two seeds."""
    return {name: run_scenario(SCENARIOS[name], *digits, seeds=2, overrides=TINY, progress=False) for name in NAMES}


def of(name, final, tables=None, seeds=3):
    """Made-up results of a scenario: variant -> final test accuracy (NaN: diverged), with a hair of noise by seed."""
    rows = [
        {
            "variant": variant,
            "seed": seed,
            "epoch": epoch,
            "loss": 1.0,
            "accuracy": 0.5,
            "test_loss": 1.0,
            "test_accuracy": value + 0.001 * seed,
            "seconds": 1.0,
            "learning_rate": 0.1,
            "diverged": math.isnan(value),
            "kept": epoch == 2,
        }
        for variant, value in final.items()
        for seed in range(seeds)
        for epoch in (1, 2)
    ]
    return Results(SCENARIOS[name], pd.DataFrame(rows), tables or {})


def own(results):
    """The findings of the scenario itself, as one text."""
    return " ".join(results.scenario.findings(results))


def all_equal(name, value=0.5):
    """A final accuracy for every variant of a scenario."""
    return {variant.name: value for variant in SCENARIOS[name].variants}


# --- every scenario ------------------------------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.parametrize("name", NAMES)
def test_the_report_of_two_seeds_has_every_figure(name, tiny, digits, tmp_path):
    results = tiny[name]
    drawn = write_report(results, *digits, tmp_path, {"seeds": [0, 1], "command": "test"})
    pictures = list(results.scenario.pictures(results))
    assert pictures and {path.stem for path in drawn} >= {picture.name for picture in pictures}
    films = {picture.name for picture in pictures if picture.film}
    assert films == {path.stem for path in (tmp_path / "figures").glob("*.gif")}
    text, page = (tmp_path / "report.md").read_text(), (tmp_path / "report.html").read_text()
    for film in films:  # linked in one, inside the other
        assert f"[In motion](figures/{film}.gif)" in text
        assert base64.b64encode((tmp_path / f"figures/{film}.gif").read_bytes()).decode() in page
    assert page.count("data:image/gif") == len(films) == page.count("the same in motion")
    assert ".gif" not in re.sub(r'"data:[^"]*"', "", page)  # it names no file that is not in it
    assert all_findings(Results.read(results.scenario, tmp_path)) == all_findings(results)


@pytest.mark.quick_for("neuron-life")
@pytest.mark.parametrize("name", NAMES)
def test_figures_and_findings_do_without_any_variant_or_table(name, tiny):
    whole = tiny[name]
    for left_out in whole.names[1:]:
        keep = {key: table[table["variant"] != left_out] for key, table in whole.tables.items()}
        part = Results(whole.scenario, whole.epochs[whole.epochs["variant"] != left_out], keep)
        assert f"{left_out}:" not in own(part)
        assert all(picture.draw() for picture in whole.scenario.pictures(part))
    bare = Results(whole.scenario, whole.epochs)
    assert list(whole.scenario.pictures(bare)) == []
    assert "nan" not in own(bare).lower()


@pytest.mark.parametrize("name", NAMES)
def test_one_seed_claims_nothing_about_noise(name, tiny):
    whole = tiny[name]
    first = {key: table[table["seed"] == 0] for key, table in whole.tables.items()}
    text = own(Results(whole.scenario, whole.epochs[whole.epochs["seed"] == 0], first))
    assert "the noise" not in text and "nan" not in text.lower()


@pytest.mark.parametrize("name", NAMES)
def test_runs_that_diverged_are_drawn_and_told(name, digits):
    results = run_scenario(
        SCENARIOS[name], *digits, seeds=1, progress=False, overrides={**TINY, "optimizer": "sgd", "learning_rate": 1e30}
    )
    assert results.epochs["diverged"].any()
    assert all(picture.draw() for picture in results.scenario.pictures(results))
    text = own(results)
    assert not any(word in text for word in ("nan", "NaN", "inf "))


# --- what they share -----------------------------------------------------------------------------------------------


def test_who_learned_nothing_is_told_by_the_commonest_class(digits):
    train, test = digits
    chance = measures.commonest_class(None, train, test)["chance"]
    most = max(list(test.labels).count(label) for label in set(test.labels))
    assert chance["accuracy"].item() == most / len(test)

    table = {"chance": pd.DataFrame({"variant": "zeros", "seed": 0, "accuracy": [0.1135]})}
    idle = of("initializers", all_equal("initializers", 0.9) | {"zeros": 0.1135, "too large": math.nan}, table)
    (sentence,) = learned_nothing(idle)
    assert sentence.startswith("Learned nothing: zeros (3 of 3 seeds). ") and "11.35" in sentence
    (sentence,) = learned_nothing(of("initializers", all_equal("initializers", 0.9) | {"zeros": 0.1}, table, 1))
    assert sentence.startswith("Learned nothing: zeros. ")
    (sentence,) = learned_nothing(of("initializers", all_equal("initializers", 0.9) | {"zeros": 0.5}, table))
    assert sentence.startswith("Every variant that did not diverge learned something") and "zeros" in sentence
    assert not list(learned_nothing(of("initializers", all_equal("initializers", math.nan), table)))


def test_against_another_variant_the_words_follow_the_numbers():
    up = of("normalization", all_equal("normalization", 0.8) | {"relu + batch norm": 0.9})
    assert versus(up, "relu + batch norm", "relu") == "relu + batch norm against relu: +10.00 points, beyond the noise"
    assert "-10.00 points" in versus(up, "relu", "relu + batch norm")
    assert versus(up, "relu", "no variant") == ""


@pytest.mark.parametrize(("values", "mean"), [([1.0, 100.0], 10.0), ([0.0, 5.0], 0.0), ([math.nan, 2.0], 2.0)])
def test_the_geometric_mean(values, mean):
    assert geometric_mean(pd.Series(values)) == pytest.approx(mean)
    assert math.isnan(geometric_mean(pd.Series([math.nan])))


# --- initializers --------------------------------------------------------------------------------------------------


def test_the_signal_before_training_is_that_of_plain_loops(digits):
    train, test = digits
    settings = Settings(hidden=(5, 4), initializer="he_normal", dtype="float64")
    table = SCENARIOS["initializers"].measure(Run("He", 0, settings), train, test)["signal"]
    network = settings.network(train.images.shape[1:], 10, 0)
    x = train.images.reshape(len(train), -1) / 255.0
    a, W = [x], [layer.W.copy() for layer in network.layers[1:]]
    for k in range(3):
        z = a[k] @ W[k]
        a.append(np.maximum(z, 0.0) if k < 2 else np.exp(z) / np.exp(z).sum(axis=1, keepdims=True))
    delta = (a[3] - np.eye(10)[train.labels]) / len(train)
    deltas = {}
    for k in (2, 1):
        delta = (delta @ W[k].T) * (a[k] > 0)
        deltas[k] = delta.std()
    assert list(table["layer"]) == [1, 2]
    assert np.allclose(table["activation"], [a[1].std(), a[2].std()])
    assert np.allclose(table["delta"], [deltas[1], deltas[2]])


def signal(factors):
    """A table "signal" of three layers in which each variant multiplies by a factor a layer, either way."""
    return {
        "signal": pd.DataFrame(
            [
                {
                    "variant": name,
                    "seed": seed,
                    "layer": layer,
                    "activation": factor ** (layer - 1) if factor else 0.0,
                    "delta": factor ** (3 - layer) if factor else 0.0,
                }
                for name, factor in factors.items()
                for seed in range(3)
                for layer in (1, 2, 3)
            ]
        )
    }


def test_findings_of_initializers_turn_round():
    final = all_equal("initializers")
    text = own(of("initializers", final, signal({"zeros": 0, "too small": 0.1, "He": 1.0})))
    assert (
        "from layer 1 to layer 3 by a factor of: too small 0.01, He 1. With zeros there is no signal at the start."
        in text
    )
    assert "from layer 3 to layer 1 by a factor of: too small 0.01, He 1." in text
    assert "Changed by less than a factor of 10 forward: He." in text
    text = own(of("initializers", final, signal({"zeros": 1.0, "too small": 2.0, "He": 100.0})))
    assert "zeros 1, too small 4, He 10,000." in text and "no signal" not in text
    assert "Changed by less than a factor of 10 backward: zeros and too small." in text


def test_zeros_learn_nothing_and_pass_nothing_on(tiny):
    table = tiny["initializers"].table("signal")
    zeros = table[table["variant"] == "zeros"]
    assert (zeros[["activation", "delta"]] == 0.0).all(axis=None)
    assert (table[table["variant"] == "He"][["activation", "delta"]] > 0.0).all(axis=None)


# --- vanishing gradients -------------------------------------------------------------------------------------------


def gradients(first):
    """A table "gradients" of five layers: variant -> norm of layer 1 at the first step; the last has 1.

    Between them it grows fourfold from layer 2 to layer 4.
    """
    between = {2: 0.1, 3: 0.2, 4: 0.4, 5: 1.0}
    return {
        "gradients": pd.DataFrame(
            [
                {"variant": name, "seed": seed, "step": step, "layer": layer, "norm": between.get(layer, norm * step)}
                for name, norm in first.items()
                for seed in range(3)
                for step in (1, 21)
                for layer in range(1, 6)
            ]
        )
    }


def test_findings_of_vanishing_gradients_turn_round():
    final = all_equal("vanishing-gradients")
    text = own(of("vanishing-gradients", final, gradients({"sigmoid": 1e-4, "relu": 0.5, "tanh": math.nan})))
    assert "as a multiple of the output layer's: sigmoid 0.0001, relu 0.5." in text
    # of layers 2 to 4 alone: neither the 784 pixels of layer 1 nor the ten units of the output are in it
    assert "From layer 4 down to layer 2, each layer multiplies the gradient by: sigmoid 0.5, tanh 0.5, relu" in text
    assert "as a multiple of that with relu: sigmoid 0.0002." in text
    text = own(of("vanishing-gradients", final, gradients({"sigmoid": 5.0, "relu": 0.5})))
    assert "as a multiple of that with relu: sigmoid 10." in text


def test_the_gradient_of_a_deep_sigmoid_net_vanishes_and_that_of_relu_does_not(digits):
    train, _ = digits
    scenario = SCENARIOS["vanishing-gradients"]
    norm = {}
    for variant in scenario.variants:
        network = scenario.base.change(**variant.settings).network(train.images.shape[1:], 10, 0)
        network.gradients(train.images[:64], train.labels[:64])
        assert len(network.layers) == 11  # ten layers of weights
        norm[variant.name] = float(np.linalg.norm(network[1].dW))
    assert norm["sigmoid"] <= 1e-3 * norm["relu"]


# --- normalization -------------------------------------------------------------------------------------------------


def watched(settings, train, recorder, steps=1):
    """A network trained for some steps of 60 images with a recorder; returns it and the recorder's table."""
    network = settings.network(train.images.shape[1:], 10, 0)
    network.fit(
        train.images[: 60 * steps],
        train.labels[: 60 * steps],
        epochs=1,
        batch_size=60,
        verbose=False,
        callbacks=[recorder],
        shuffle=False,
    )
    return network, recorder.to_frame()


@pytest.mark.parametrize("batch_norm", [False, True])
def test_preactivations_are_those_of_the_batch(batch_norm, digits):
    train, _ = digits
    settings = Settings(hidden=(7, 6, 5, 4), batch_norm=batch_norm, dtype="float64")
    _, table = watched(settings, train, recorders.Preactivations({0, 1}))
    start = settings.network(train.images.shape[1:], 10, 0)
    a, z = train.images[:60].reshape(60, -1) / 255.0, []
    for layer in start.layers[1:-1]:
        if hasattr(layer, "W"):
            pre = a @ layer.W
            if batch_norm:
                pre = (pre - pre.mean(axis=0)) / np.sqrt(pre.var(axis=0) + 1e-5)
            z.append(pre)
            a = np.maximum(pre, 0.0)
    assert list(table["layer"]) == [1, 3, 4] and set(table["step"]) == {1}
    for row in table.itertuples():
        pre = np.sort(z[row.layer - 1].ravel())
        assert row.p50 == pytest.approx((pre[(len(pre) - 1) // 2] + pre[len(pre) // 2]) / 2)
        assert row.p5 == pytest.approx(np.interp(0.05 * (len(pre) - 1), range(len(pre)), pre))
        assert row.images == pytest.approx(np.mean([column.var() for column in z[row.layer - 1].T]) ** 0.5)


def test_findings_of_normalization_turn_round():
    spread = pd.DataFrame(
        [
            {"variant": name, "seed": seed, "step": step, "layer": 8, "images": value * step}
            for name, value in (("sigmoid", 1e-4), ("sigmoid + batch norm", 1.0))
            for seed in range(3)
            for step in (1, 5)
        ]
    )
    text = own(of("normalization", {"sigmoid": 0.2, "sigmoid + batch norm": 0.9}, {"preactivations": spread}))
    assert "sigmoid + batch norm against sigmoid: +70.00 points, beyond the noise" in text
    assert "hidden layer 8, at the first and the last step:" in text
    rows = [line.split() for line in text.splitlines()[-2:]]
    assert rows == [["sigmoid", "0.0001", "0.0005"], ["sigmoid", "+", "batch", "norm", "1", "5"]]
    text = own(of("normalization", {"sigmoid": 0.9, "sigmoid + batch norm": 0.2}))
    assert "sigmoid + batch norm against sigmoid: -70.00 points, beyond the noise" in text


# --- dead neurons --------------------------------------------------------------------------------------------------


def life(units):
    """A table "unit_life" of three steps: variant -> units, each active at the three steps; for three seeds."""
    return {
        "unit_life": pd.DataFrame(
            [
                {"variant": name, "seed": seed, "step": 10 * look, "layer": 1, "neuron": j, "active": value}
                for name, each in units.items()
                for seed in range(3)
                for j, values in enumerate(each)
                for look, value in enumerate(values)
            ]
        )
    }


# one unit dies, one comes back, one lives, one never did
DYING = [(0.5, 0.0, 0.0), (0.5, 0.0, 0.2), (0.3, 0.3, 0.3), (0.0, 0.0, 0.0)]


def test_findings_of_dead_neurons_turn_round():
    final = all_equal("dead-neurons")
    alive = [(0.5, 0.5, 0.5)] * 4
    text = own(of("dead-neurons", final, life({"large rate": DYING, "large rate + leaky": alive})))
    assert "large rate 25\u00a0% and 50\u00a0%, large rate + leaky 0\u00a0% and 0\u00a0%" in text
    assert "Silent neurons, large rate + leaky against large rate: -50 points, beyond the noise" in text
    assert "silent for a while, in all seeds together: large rate 3 of 9." in text
    text = own(of("dead-neurons", final, life({"large rate": alive, "large rate + leaky": DYING})))
    assert "Silent neurons, large rate + leaky against large rate: +50 points, beyond the noise" in text


def test_a_diverged_run_says_nothing_about_the_last_look():
    tables = life({"large rate": DYING, "healthy": DYING})
    table = tables["unit_life"]
    tables["unit_life"] = table[(table["variant"] == "healthy") | (table["step"] < 20)]
    assert "large rate" not in own(of("dead-neurons", all_equal("dead-neurons"), tables))


@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_life_of_units_is_that_of_a_slow_count_and_changes_nothing(batch_norm, digits):
    train, _ = digits
    settings = Settings(hidden=(6, 5), dropout=0.2, batch_norm=batch_norm, dtype="float64", learning_rate=0.05)
    images = train.images[:50]
    trained, table = watched(settings, train, recorders.UnitLife({0, 2}, images), steps=3)
    plain, _ = watched(settings, train, recorders.UnitLife({99}, images), steps=3)
    assert np.array_equal(trained.parameters.theta, plain.parameters.theta)  # looking draws no random numbers
    assert np.array_equal(trained.predict_proba(images), plain.predict_proba(images))
    assert set(table["step"]) == {0, 2} and len(table) == 2 * 11
    layer = settings.network(train.images.shape[1:], 10, 0).layers[1]
    for row in table[(table["step"] == 0) & (table["layer"] == 1)].itertuples():
        z = np.array(
            [
                sum(pixel / 255.0 * w for pixel, w in zip(image.ravel(), layer.W[:, row.neuron], strict=True))
                for image in images.astype(float)
            ]
        )
        bar = z.mean() if batch_norm else 0.0
        assert row.active == sum(value > bar for value in z) / 50


# --- the life of a neuron ------------------------------------------------------------------------------------------


def test_selectivity_is_eta_squared():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [5, 7, 9])
    a = np.column_stack([rng.normal(size=21) + labels, labels * 2.0, np.full(21, 3.0)])
    found = measures.selectivity(a, labels, 4)  # no sample is of class 3
    overall = sum(a[:, 0]) / 21
    total = sum((value - overall) ** 2 for value in a[:, 0])
    within = sum(
        (value - np.mean([b for b, other in zip(a[:, 0], labels, strict=True) if other == label])) ** 2
        for value, label in zip(a[:, 0], labels, strict=True)
    )
    assert found[0] == pytest.approx(1 - within / total)
    assert found[1] == pytest.approx(1.0) and math.isnan(found[2])
    assert np.isnan(measures.class_means(a, labels, 4)[3]).all()


def test_smoothness_is_morans_i():
    image = np.random.default_rng(1).normal(size=(4, 5))
    mean, pairs = image.mean(), []
    for i in range(4):
        for j in range(5):
            for k, m in ((i + 1, j), (i, j + 1)):
                if k < 4 and m < 5:
                    pairs.append((image[i, j] - mean) * (image[k, m] - mean))
    assert measures.smoothness(image) == pytest.approx(np.mean(pairs) / np.mean((image - mean) ** 2))
    board = np.indices((6, 6)).sum(axis=0) % 2
    assert measures.smoothness(board) == pytest.approx(-1.0)
    assert math.isnan(measures.smoothness(np.ones((3, 3))))


def test_the_neuron_shown_tells_the_classes_apart_best(digits):
    train, _ = digits
    settings = Settings(hidden=(6,), dtype="float64")
    network, table = watched(settings, train, recorders.NeuronLife({0, 2, 4}, train, 100), steps=4)
    images, labels = train.images[:100], train.labels[:100]
    scores = []
    for j in range(6):
        a = network.activations(images, 1, j)
        groups = [a[labels == c] for c in set(labels.tolist())]
        scores.append(sum(len(g) * (g.mean() - a.mean()) ** 2 for g in groups) / ((a - a.mean()) ** 2).sum())
    j = int(np.argmax(scores))
    last = table.iloc[-1]
    assert list(table["step"]) == [0, 2, 4] and set(table["neuron"]) == {j}
    assert last["selectivity"] == pytest.approx(scores[j])
    assert last["mean for 3"] == pytest.approx(network.activations(images, 1, j)[labels == 3].mean())
    assert np.allclose(last[[f"w{k}" for k in range(784)]].to_numpy(float), network[1].W[:, j], rtol=1e-3)
    start = settings.network(train.images.shape[1:], 10, 0)
    assert np.allclose(table.iloc[0][[f"w{k}" for k in range(784)]].to_numpy(float), start[1].W[:, j], rtol=1e-3)


def test_the_caption_of_the_answers_follows_the_numbers_and_owns_up_to_the_choice(tiny):
    results = tiny["neuron-life"]
    life = (
        results.table("neuron_life").query("variant == 'small start' and seed == 0").sort_values("step")["selectivity"]
    )
    (picture,) = [each for each in results.scenario.pictures(results) if each.name == "answers_small_start"]
    assert (
        f"accounts for {life.iloc[0]:.2f} of its variance before training, and for {life.iloc[-1]:.2f} at"
        in picture.reading
    )
    assert "chosen as the best of its layer" in picture.reading


def test_a_film_has_a_frame_a_look(tiny, tmp_path):
    results = tiny["neuron-life"]
    (picture,) = [each for each in results.scenario.pictures(results) if each.name == "weights_small_start"]
    picture.film(tmp_path / "film.gif", "a note")
    looks = results.table("neuron_life").query("variant == 'small start' and seed == 0")
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == len(looks) > 1
    assert ".gif" not in picture.reading  # the report links it or shows it


def test_findings_of_a_neurons_life_turn_round():
    def table(smooth):
        return {
            "neuron_life": pd.DataFrame(
                [
                    {
                        "variant": name,
                        "seed": seed,
                        "step": step,
                        "neuron": 1,
                        "smoothness": value * step + 0.001 * seed,
                        "selectivity": 0.5,
                        "mean for a": 1.0,
                        "mean for b": 2.0 * step,
                    }
                    for name, value in smooth.items()
                    for seed in range(3)
                    for step in (0, 1)
                ]
            )
        }

    final = all_equal("neuron-life")
    text = own(of("neuron-life", final, table({"usual start": 0.3, "small start": 0.8})))
    assert "usual start  0.00    0.30\n  small start  0.00    0.80" in text
    assert "against usual start: small start +0.50, beyond the noise." in text
    assert "answers to most, after training: usual start b, small start b." in text
    assert "usual start 0.00 and 0.00" in own(of("neuron-life", final, table({"usual start": -0.005})))  # not -0.00
    text = own(of("neuron-life", final, table({"usual start": 0.8, "small start": 0.3})))
    assert "against usual start: small start -0.50, beyond the noise." in text


# --- symmetry ------------------------------------------------------------------------------------------------------


def test_distances_and_distinct_neurons_by_slow_loops(digits):
    train, _ = digits
    settings = Settings(hidden=(5,), dtype="float64", optimizer="sgd", learning_rate=1e-30)
    network = settings.network(train.images.shape[1:], 10, 0)
    W = network[1].W
    W[:, 1] = W[:, 0]  # a copy
    W[:, 3] = W[:, 2] * 1.001  # nearly one
    recorder = recorders.DistinctNeurons({0})
    network.fit(train.images[:10], train.labels[:10], epochs=1, verbose=False, callbacks=[recorder])
    row = recorder.to_frame().iloc[0]
    pairs = [math.dist(W[:, i], W[:, j]) for i in range(5) for j in range(5)]
    assert row["distance"] == pytest.approx(max(pairs))
    assert row["neurons"] == 5 and row["distinct"] == pytest.approx(3 / 5)


def test_equal_neurons_stay_equal_and_noise_parts_them(tiny):
    table = tiny["symmetry"].table("parting")
    farthest = table.groupby("variant")["distance"].max()
    assert farthest["equal"] == 0.0 < farthest["noise 1e-6"] < farthest["noise 1e-3"] < farthest["random"]
    text = own(tiny["symmetry"])
    assert "Identical to the last bit all through training, in every seed: the neurons of equal." in text
    assert farthest["equal + dropout"] > 0.0


def test_findings_of_symmetry_turn_round():
    def table(shares):
        return {
            "parting": pd.DataFrame(
                [
                    {
                        "variant": name,
                        "seed": seed,
                        "step": 10 * look,
                        "neurons": 4,
                        "distance": share - 0.25,
                        "distinct": share,
                    }
                    for name, each in shares.items()
                    for seed in range(3)
                    for look, share in enumerate(each)
                ]
            )
        }

    final = all_equal("symmetry")
    text = own(of("symmetry", final, table({"random": (1.0, 1.0), "equal": (0.25, 0.25), "noise 1e-6": (0.25, 1.0)})))
    assert "of 4: random 4, equal 1, noise 1e-6 4." in text and "the neurons of equal." in text
    assert "distinct, in the slowest seed: noise 1e-6 at step 10." in text
    text = own(of("symmetry", final, table({"random": (0.25, 0.25), "equal": (0.25, 1.0)})))
    assert "the neurons of random." in text and "equal at step 10." in text


def test_weights_of_the_first_neurons_are_those_of_the_network(digits):
    train, _ = digits
    network, table = watched(Settings(hidden=(5,)), train, recorders.NeuronWeights({0, 2}, [300, 400], 3), steps=2)
    last = table[table["step"] == 2].set_index(["neuron", "weight"])["value"]
    assert len(table) == 2 * 3 * 2
    assert all(last[j, pixel] == network[1].W[pixel, j] for j in range(3) for pixel in (300, 400))


def test_shares_of_units_are_drawn_by_step():
    frame = pd.DataFrame({"variant": "a", "step": [0, 10], "silent": [0.25, 0.5]})
    (ax,) = viz.unit_health(frame, shares=("silent",)).axes
    assert ax.get_xlabel() == "step" and ax.get_ylabel() == "silent neurons (%)"
    assert ax.lines[0].get_xydata().tolist() == [[0.0, 25.0], [10.0, 50.0]]
    with pytest.raises(ns.NeurosimError, match='"dead" or "saturated"'):
        viz.unit_health(frame)


# --- when to look --------------------------------------------------------------------------------------------------


def test_looks_begin_before_training_and_end_with_it(digits):
    train, _ = digits
    run = Run("a", 0, Settings(epochs=3, batch_size=55))  # 240 images: 4 full batches an epoch
    assert steps.total_steps(run, train) == 12
    assert steps.even_steps(run, train, 4) == [0, 4, 8, 12]
    early = steps.early_steps(run, train, 5)
    assert early[0] == 0 and early[-1] == 12 and np.all(np.diff(np.diff(early)[1:]) >= 0)
    assert steps.total_steps(Run("a", 0, Settings(epochs=3, batch_size=None)), train) == 3
    assert steps.early_steps(Run("a", 0, Settings(epochs=0)), train, 5) == [0]
