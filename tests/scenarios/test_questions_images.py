"""The scenarios on convolution: accuracy on shifted images, and what becomes of random kernels."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_up import made_up

import neurosim as ns
from neurosim.data import Dataset
from neurosim.training.settings import Settings
from scenarios import SCENARIOS, Results, Run, run_scenario
from scenarios.protocol import measures, recorders
from scenarios.questions import convolution, filters

NAMES = ("convolution", "filters")
SCRATCH = {"conv": "3x3same,pool2", "hidden": (6,), "epochs": 1}


def small(count=60, side=8, seed=0):
    """Bright blobs of two classes, by where they are: images (count, side, side)."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 60, (count, side, side)).astype(np.uint8)
    labels = (np.arange(count) % 2).astype(np.uint8)
    x[labels == 1, 2:5, 2:4] = 250
    return Dataset(x, labels, "blobs", "train", "drawn in a test", ("dark", "bright"))


@pytest.fixture(scope="module")
def tiny():
    """The results of one epoch of each scenario on small images, with two seeds."""
    data = small()
    return {name: run_scenario(SCENARIOS[name], data, data, seeds=2, overrides={"epochs": 1}, progress=False)
            for name in NAMES}  # fmt: skip


def own(results):
    """The findings of the scenario itself, as one text."""
    return " ".join(results.scenario.findings(results))


# --- shifted images ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("down", "right"), [(0, 0), (1, 0), (-2, 0), (0, 3), (0, -1), (2, -3), (5, 0), (-9, 1), (0, 4)]
)
def test_a_shift_is_that_of_a_slow_loop(down, right):
    images = np.random.default_rng(1).integers(1, 255, (3, 5, 4)).astype(np.uint8)
    slow = np.zeros_like(images)
    for n in range(3):
        for r in range(5):
            for c in range(4):
                if 0 <= r - down < 5 and 0 <= c - right < 4:
                    slow[n, r, c] = images[n, r - down, c - right]
    before = images.copy()
    found = measures.shifted(images, down, right)
    assert found.dtype == images.dtype and np.array_equal(found, slow) and np.array_equal(images, before)


def conv_net(side=8, seed=0):
    """A convolutional network that is built by hand."""
    return ns.Network(
        [ns.Input((side, side)), ns.Conv2D(3, 3, "relu"), ns.MaxPool2D(2), ns.Flatten(), ns.Dense(2, "softmax")],
        seed=seed,
    )


def test_accuracy_at_a_shift_is_the_mean_of_four_directions_image_by_image():
    data, net = small(40), conv_net()
    net.fit(data, epochs=3, batch_size=8, verbose=False)
    for by in (0, 1, 3):
        right = count = 0
        for down, across in ((by, 0), (-by, 0), (0, by), (0, -by)):
            for image, label in zip(data.images, data.labels, strict=True):
                canvas = np.zeros((24, 24), np.uint8)
                canvas[8 + down : 16 + down, 8 + across : 16 + across] = image
                right += net.predict(canvas[8:16, 8:16][None])[0] == label
                count += 1
        assert convolution.accuracy_at(net, data, by) == pytest.approx(right / count)
    assert convolution.accuracy_at(net, data, 0) == net.evaluate(data)["accuracy"]


def test_images_are_moved_by_half_a_side_at_most():
    assert list(convolution.distances_of(np.zeros((2, 28, 28)))) == [*range(9)]
    assert list(convolution.distances_of(np.zeros((2, 8, 40)))) == [0, 1, 2, 3, 4]


def test_the_two_networks_have_about_the_same_number_of_parameters():
    scenario = SCENARIOS["convolution"]
    sizes = {
        each.name: scenario.base.change(**each.settings).network((28, 28), 10).parameters.size
        for each in scenario.variants
    }
    assert sizes["plain"] == sizes["plain + shifts"] and sizes["convolution"] == sizes["convolution + shifts"]
    assert sizes["plain"] == pytest.approx(sizes["convolution"], rel=0.02)


def test_shifted_accuracies_are_those_of_the_trained_network():
    train, test = small(60), replace(small(40, seed=5), split="test")
    run = Run("plain", 3, SCENARIOS["convolution"].base.change(**SCRATCH))
    results = run_scenario(
        replace(SCENARIOS["convolution"], variants=SCENARIOS["convolution"].variants[:1]),
        train, test, seeds=1, first_seed=3, overrides={"epochs": 1}, progress=False,
    )  # fmt: skip
    settings = results.settings["plain"]
    network = replace(run, settings=settings).network(train)
    network.fit(train, epochs=1, batch_size=settings.batch_size, verbose=False, drop_last=True)
    moved = test.subset(12, seed=0)  # a fifth of 60
    table = results.table("shifts")
    assert table["images"].unique().tolist() == [12] and table["shift"].tolist() == [0, 1, 2, 3, 4]
    assert table["shifted_accuracy"].tolist() == [convolution.accuracy_at(network, moved, by) for by in range(5)]
    names = [test.class_names[network.predict(measures.shifted(test.images[:1], 0, by))[0]] for by in range(5)]
    assert results.table("readings")["answer"].tolist() == names
    example = results.table("example").pivot(index="row", columns="column", values="value")
    assert np.array_equal(example, test.images[0])


def trained_for_test(run, network, train, test):
    """The accuracy of the network that a run ends with."""
    return {"ends": pd.DataFrame([{"end": network.evaluate(test)["accuracy"]}])}


def test_what_is_measured_of_a_trained_network_is_of_the_weights_that_are_kept():
    scenario = replace(
        SCENARIOS["symmetry"], variants=SCENARIOS["symmetry"].variants[:1], measure_trained=trained_for_test
    )
    data = small(80)
    stopping = {"early_stopping": 1, "monitor": "val_accuracy", "learning_rate": 0.5, "epochs": 6}
    results = run_scenario(scenario, data, data, seeds=3, overrides=stopping, progress=False)
    assert results.table("ends")["end"].tolist() == results.final().iloc[:, 0].tolist()
    lost = run_scenario(scenario, data, data, seeds=1, overrides={"learning_rate": 1e30, "epochs": 1}, progress=False)
    assert lost.epochs["diverged"].all() and not len(lost.table("ends"))


def shifts(accuracies, seeds=3):
    """A table "shifts": variant -> accuracy at 0, 4 and 8 pixels, with a hair of noise by seed."""
    return pd.DataFrame(
        [
            {"variant": name, "seed": seed, "shift": shift, "images": 100, "shifted_accuracy": value + 0.001 * seed}
            for name, values in accuracies.items()
            for seed in range(seeds)
            for shift, value in zip((0, 4, 8), values, strict=True)
        ]
    )


def test_findings_of_convolution_turn_round_with_the_numbers():
    names = [each.name for each in SCENARIOS["convolution"].variants]
    ends = {name: [0.9] * 3 for name in names}
    sizes = pd.DataFrame({"variant": names, "seed": 0, "parameters": [13_525, 13_354] * 2, "products": [9, 900] * 2})

    def text(plain, conv, sizes=sizes, seconds=2.0, fast=1.0):
        table = shifts({"plain": plain, "convolution": conv})
        results = made_up("convolution", ends, {"shifts": table, "networks": sizes})
        slow = results.epochs["variant"].str.startswith("convolution")
        results.epochs["seconds"] = np.where(slow, seconds, fast)
        return " ".join(own(results).split())

    told = text((0.95, 0.2, 0.1), (0.97, 0.6, 0.2))
    assert "convolution against plain +40.00 points" in told
    assert "plain 95.1 % 20.1 % 10.1 %" in told
    assert "plain 13,525, convolution 13,354." in told and "not about the same" not in told
    assert "No network is invariant to shifts. Change in accuracy at a shift of 4 pixels: plain -75.0" in told
    assert "plain 2.0 s, convolution 4.0 s, 2 times as long." in told
    assert "by a weight for one image: plain 9, convolution 900. A weight of a kernel is used at every place" in told
    assert "plain 0.060 s, convolution 2.400 s, 40 times as long." in text(
        (0.9,) * 3, (0.9,) * 3, seconds=1.2, fast=0.03
    )
    told = text((0.95, 0.6, 0.1), (0.97, 0.97, 0.2), sizes.assign(parameters=[9, 13, 9, 13]), 0.5)
    assert "convolution against plain +37.00 points" in told and "not about the same" in told
    assert "Change in accuracy at a shift of 4 pixels" in told and "invariant" not in told and "as long" not in told
    assert "convolution against plain -30.00 points" in text((0.95, 0.6, 0.1), (0.97, 0.3, 0.2))


def test_a_difference_at_a_shift_is_no_stronger_than_its_seeds():
    ends = {"plain": [0.9] * 2, "convolution": [0.9] * 2}
    table = shifts({"plain": (0.9, 0.5, 0.1), "convolution": (0.9, 0.5, 0.1)}, seeds=2)
    table["shifted_accuracy"] += 0.1 * ((table["variant"] == "convolution") & (table["seed"] == 1))
    assert "+5.00 points, within the noise" in own(made_up("convolution", ends, {"shifts": table}))
    first = made_up("convolution", {name: [0.9] for name in ends}, {"shifts": table[table["seed"] == 0]})
    assert "points, one seed" in own(first) and "the noise" not in own(first) and "invariant" not in own(first)


# --- kernels -------------------------------------------------------------------------------------------------------


def gaussian_slopes(side):
    """The slopes of a Gaussian across and up as rows, (2, side side), each of unit length."""
    sigma, rows = side / 4, []
    for along in "xy":
        values = []
        for i in range(side):
            for j in range(side):
                x, y = j - (side - 1) / 2, i - (side - 1) / 2
                values.append((x if along == "x" else y) * math.exp(-(x * x + y * y) / (2 * sigma * sigma)))
        rows.append(np.array(values) / np.linalg.norm(values))
    return np.array(rows)


@pytest.mark.parametrize("side", [3, 5, 7])
def test_what_an_edge_explains_is_the_projection_on_all_directions(side):
    """The slope in any direction is a sum of those across and up, so the best one is a projection onto these two."""
    kernels = np.random.default_rng(side).normal(size=(200, side, side))
    basis = gaussian_slopes(side)
    exact = ((kernels.reshape(200, -1) @ basis.T) ** 2).sum(axis=1) / (kernels**2).sum(axis=(1, 2))
    found = measures.explained(kernels, 1)
    assert (found <= exact + 1e-12).all() and (found >= exact * math.cos(math.radians(2.5)) ** 2 - 1e-12).all()
    assert found.mean() == pytest.approx(2 / side**2, rel=0.25)


def test_an_edge_is_an_edge_and_a_line_is_a_line():
    edge = gaussian_slopes(7)[0].reshape(7, 7)
    line = np.zeros((7, 7))
    for i in range(7):
        for j in range(7):
            u, v = (j - 3) / 1.75, (i - 3) / 1.75
            line[i, j] = (u * u - 1) * math.exp(-(u * u + v * v) / 2)
    line -= line.mean()
    kernels = np.stack([edge, -3.0 * edge, edge.T, line, line.T, np.ones((7, 7)), np.zeros((7, 7))])
    edges, lines = (measures.explained(kernels, order) for order in (1, 2))
    assert edges[:3] == pytest.approx(1.0) and (edges[3:6] < 1e-12).all() and math.isnan(edges[6])
    assert lines[3:5] == pytest.approx(1.0) and (lines[:3] < 1e-12).all() and lines[5] < 1e-12 and math.isnan(lines[6])
    assert measures.explained(np.ones((2, 1, 1)), 1).tolist() == [0.0, 0.0]  # one weight is no edge


def test_the_life_of_filters_is_that_of_slow_loops():
    data, net = small(30), conv_net(seed=2)
    net[1].W[..., 2], net[1].b[2] = 0.0, -1.0  # it never answers
    start = net[1].W.astype(float).copy()
    recorder = recorders.FilterLife({0, 3}, data, 20)
    net.fit(data, epochs=1, batch_size=10, verbose=False, shuffle=False, callbacks=[recorder])
    table = recorder.to_frame()
    assert table["step"].tolist() == [0, 0, 0, 3, 3, 3] and set(table["height"]) == set(table["width"]) == {3}
    first, last = table[table["step"] == 0], table[table["step"] == 3]
    assert first["moved"][:2].tolist() == [0.0, 0.0] and first["likeness"][:2].tolist() == pytest.approx([1.0, 1.0])
    assert math.isnan(first["likeness"][2]) and math.isnan(first["edge"][2])
    x = data.images[:20] / 255.0
    for row in last.itertuples():
        W, W0 = net[1].W[:, :, 0, row.filter].astype(float), start[:, :, 0, row.filter]
        assert [getattr(row, f"w{k}") for k in range(9)] == pytest.approx(W.ravel().tolist(), rel=1e-3)
        if row.filter < 2:
            assert row.moved == pytest.approx(np.linalg.norm(W - W0) / np.linalg.norm(W0))
            assert row.likeness == pytest.approx((W * W0).sum() / np.linalg.norm(W) / np.linalg.norm(W0))
        on = [
            (image[r : r + 3, c : c + 3] * W).sum() + net[1].b[row.filter] > 0.0
            for image in x for r in range(6) for c in range(6)
        ]  # fmt: skip
        assert row.active == pytest.approx(sum(on) / len(on), abs=2 / len(on))
        assert row.watched_accuracy == (net.predict(data.images[:20]) == data.labels[:20]).mean()
    assert last["active"].tolist()[2] == 0.0


def test_filters_are_counted_as_neurons_at_all_their_places():
    data, net = small(20), conv_net(seed=1)
    net[1].W[..., 0], net[1].b[0] = 0.0, -1.0
    health, life = recorders.UnitHealth(data.images), recorders.UnitLife({0}, data.images)
    net.fit(data, epochs=1, batch_size=20, verbose=False, callbacks=[health, life])
    assert health.to_frame()["dead"][0] == pytest.approx(1 / 3)
    table = life.to_frame()
    assert table["neuron"].tolist() == [0, 1, 2] and table["active"][0] == 0.0 and (table["active"][1:] > 0.0).all()


def test_tables_and_findings_go_by_the_networks_own_numbers_where_pooling_lies_between():
    data = small(40)
    change = {"conv": ("pool2", "4x3same", "pool2", "4x2same"), "hidden": (6, 5), "epochs": 1}
    found = {
        name: run_scenario(
            SCENARIOS[name],
            data,
            data,
            seeds=1,
            overrides=change,
            progress=False,
        )
        for name in ("vanishing-gradients", "initializers", "dead-neurons", "normalization")
    }
    layers = {
        name: found[name].table(table).groupby("variant", sort=False)["layer"].unique().iloc[0].tolist()
        for name, table in zip(found, ("gradients", "signal", "unit_life", "preactivations"), strict=True)
    }
    hidden = [2, 4, 6, 7]  # 0 input, 1 pool, 2 convolution, 3 pool, 4 convolution, 5 flatten, 6, 7 and 8 dense
    assert layers["vanishing-gradients"] == [*hidden, 8] and layers["initializers"] == hidden
    assert layers["dead-neurons"] == hidden and layers["normalization"] == [2, 6, 7]
    told = {name: " ".join(own(results).split()) for name, results in found.items()}
    assert "Gradient of layer 2 at the first step, as a multiple" in told["vanishing-gradients"]
    assert "change from layer 2 to layer 7 by" in told["initializers"]
    table = found["vanishing-gradients"].table("gradients").query("step == 1 and variant == 'relu'").set_index("layer")
    factor = (table["norm"][4] / table["norm"][7]) ** (1 / 2)  # two layers on the way
    assert f"relu {factor:.2g}" in told["vanishing-gradients"].split("each layer multiplies the gradient by")[1]
    timeline = next(each for each in SCENARIOS["dead-neurons"].pictures(found["dead-neurons"]) if "line" in each.name)
    assert "4 neurons of layer 2 are silent" in timeline.draw().get_title(loc="left")


def test_a_filter_answers_to_an_image_where_it_is_on_at_any_place():
    data, net = small(20), conv_net(seed=1)
    net.predict(data.images)
    net[1].b = -np.median(
        net[1].z.reshape(20, -1, 3).max(axis=1), axis=0
    )  # so that half of the images have such a place
    W, b, k = net[1].W[:, :, 0].astype(float), net[1].b.astype(float), len(net[1].W)
    life = recorders.UnitLife({0}, data.images)
    net.fit(data, epochs=1, batch_size=20, verbose=False, callbacks=[life])
    for row in life.to_frame()[lambda t: t["layer"] == 1].itertuples():
        rows, columns = np.array(data.images.shape[1:]) - k + 1
        on = [
            any(
                (image[r : r + k, c : c + k] / 255 * W[..., row.neuron]).sum() + b[row.neuron] > 0.0
                for r in range(rows) for c in range(columns)
            )
            for image in data.images
        ]  # fmt: skip
        assert row.active == sum(on) / len(on)
    assert (life.to_frame()["active"][:3] == 0.5).all()


def filter_life(edges, active=0.5, seeds=3):
    """A table "filter_life" of two filters at two steps: variant -> what an edge explains at each step."""
    return pd.DataFrame(
        [
            {"variant": name, "seed": seed, "step": 10 * look, "filter": j, "height": 3, "width": 3,
             "edge": edge + 0.01 * j + 0.001 * seed * look, "line": 0.1, "likeness": 1.0 - 0.5 * look,
             "moved": 1.0 * look, "active": active * j, "watched_accuracy": 0.5} | {f"w{k}": 0.1 * k for k in range(9)}
            for name, each in edges.items() for seed in range(seeds) for look, edge in enumerate(each) for j in (0, 1)
        ]
    )  # fmt: skip


def test_findings_of_filters_turn_round_with_the_numbers():
    ends = {each.name: [0.9] * 3 for each in SCENARIOS["filters"].variants}

    def text(edges):
        return " ".join(own(made_up("filters", ends, {"filter_life": filter_life(edges)})).split())

    told = text({"usual start": (0.1, 0.2), "small start": (0.1, 0.6)})
    assert "usual start 10.5 % 20.6 % 0 of 6" in told and "small start 10.5 % 60.6 % 6 of 6" in told
    assert "0.50 1.00 3 of 6" in told  # likeness, moved, and every first filter is dead
    assert "usual start +10.1 points, beyond the noise; small start +50.1 points, beyond the noise" in told
    assert "That share at the end, against usual start: small start +40.0 points, beyond" in told
    told = text({"usual start": (0.6, 0.2), "small start": (0.1, 0.1)})
    assert "usual start -39.9 points" in told and "small start -10.0 points" in told and "6 of 6" not in told


def test_random_kernels_are_not_edges():
    assert 0.15 < filters.of_random_kernels(7, 7) < 0.2 < filters.of_random_kernels(5, 5) < filters.IS_EDGE


# --- both ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "pictures", "films"),
    [
        ("convolution", ["shifts", "moving"], 0),
        ("filters", ["kernels_usual_start", "kernels_usual_start_L2", "kernels_small_start", "edge", "likeness",
                     "accuracy_by_step"], 3),
    ],
)  # fmt: skip
def test_small_images_will_do_and_every_figure_is_drawn_again_from_the_tables(name, pictures, films, tiny, tmp_path):
    results = tiny[name]
    assert results.names == [each.name for each in SCENARIOS[name].variants]
    results.write(tmp_path)
    again = Results.read(SCENARIOS[name], tmp_path)
    assert own(again) == own(results)
    drawn = list(SCENARIOS[name].pictures(again))
    assert [each.name for each in drawn] == pictures and sum(each.film is not None for each in drawn) == films
    assert all(each.draw() for each in drawn[-2:])
    first = {key: table[table["seed"] == 0] for key, table in results.tables.items()}
    text = own(Results(results.scenario, results.epochs[results.epochs["seed"] == 0], first))
    assert "the noise" not in text and "nan" not in text.lower()


@pytest.mark.full
@pytest.mark.parametrize("name", NAMES)
def test_figures_and_findings_do_without_any_variant_table_or_ending(name, tiny):
    whole = tiny[name]
    for left_out in whole.names:
        keep = {key: table[table["variant"] != left_out] for key, table in whole.tables.items()}
        part = Results(whole.scenario, whole.epochs[whole.epochs["variant"] != left_out], keep)
        assert "nan" not in own(part).lower() and all(picture.draw() for picture in whole.scenario.pictures(part))
    for table in whole.tables:
        part = Results(whole.scenario, whole.epochs, {**whole.tables, table: whole.tables[table].head(0)})
        assert "nan" not in own(part).lower() and all(picture.draw() for picture in whole.scenario.pictures(part))
    assert not list(whole.scenario.pictures(Results(whole.scenario, whole.epochs)))
    data, mad = small(), {"epochs": 1, "optimizer": "sgd", "learning_rate": 1e30}
    lost = run_scenario(SCENARIOS[name], data, data, seeds=1, overrides=mad, progress=False)
    assert lost.epochs["diverged"].any() and "nan" not in own(lost).lower()
    assert all(picture.draw() for picture in lost.scenario.pictures(lost))


def test_kernels_need_a_convolution(refused):
    data = small()
    with refused("filters: expected --conv with a convolution such as 8x5", "pool2"):
        run_scenario(SCENARIOS["filters"], data, data, seeds=1, overrides={"conv": "pool2"}, progress=False)
    assert Settings(conv="pool2,3x3").conv  # which would do
    SCENARIOS["filters"].check_settings(Settings(conv="pool2,3x3"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda table: table.drop(columns="w1"), "w0, w1"),
        (lambda table: table.assign(width=10**6), "w0, w1"),
        (lambda table: table.assign(w1="much"), "expected numbers in the columns of weights"),
    ],
)
def test_weights_that_do_not_fill_their_picture_are_refused(change, says, tiny, tmp_path, refused):
    results = tiny["filters"]
    results.write(tmp_path)
    change(results.table("filter_life")).to_csv(tmp_path / "filter_life.csv", index=False)
    with refused("filter_life.csv", says):
        Results.read(results.scenario, tmp_path)
