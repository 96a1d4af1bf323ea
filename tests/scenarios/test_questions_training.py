"""The scenarios on how to train: rates, batch sizes, architectures, regularization, schedules, augmentation."""

import math
from functools import cache

import numpy as np
import pandas as pd
import pytest
from made_up import made_up

import neurosim as ns
import viz
from neurosim.training.settings import Settings
from scenarios import SCENARIOS, Results, Run, run_scenario, write_report
from scenarios.protocol.recorders import GradientNoise, StepLosses, TrainFigures
from scenarios.protocol.statistics import Difference
from scenarios.questions import augmentation, batch_sizes, learning_rates, regularization
from scenarios.report.figures import common_pictures, draw

NAMES = ("learning-rates", "batch-sizes", "architectures", "regularization", "schedules", "augmentation")
SEEDS = 3


@pytest.fixture(scope="module")
def digits():
    train, test = ns.data.load("digits")
    return train.subset(240), test.subset(120)


@pytest.fixture
def start(digits):
    """A small untrained network and its training images."""
    train, _ = digits
    return Settings(hidden=(8,)).network(train.images.shape[1:], 10, seed=1), train


def own(results):
    """The findings of the scenario itself, as one text."""
    return " ".join(results.scenario.findings(results))


def steady(value, seeds=SEEDS):
    """A value for each seed, with a hair of noise."""
    return [value + 0.001 * seed for seed in range(seeds)]


# -- all of them -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny(digits):
    """A function that gives the results of one tiny epoch of a scenario, of one seed."""
    return cache(
        lambda name: run_scenario(
            SCENARIOS[name], *digits, seeds=1, overrides={"hidden": (8,), "epochs": 1}, progress=False
        )
    )


@pytest.mark.parametrize(
    ("name", "pictures"),
    {
        "learning-rates": ("accuracy_by_rate", "range_test"),
        "batch-sizes": ("accuracy_by_update", "accuracy_by_time", "gradient_noise", "learning_rates"),
        "architectures": ("width_and_depth", "parameters", "time"),
        "regularization": ("gap", "final_gap", "test_loss"),
        "schedules": ("schedule_and_loss",),
        "augmentation": ("examples", "accuracy_by_size", "gain"),
    }.items(),
)
def test_one_tiny_epoch_gives_its_pictures_and_claims_nothing_about_noise(name, pictures, tiny):
    results = tiny(name)
    assert results.names == [variant.name for variant in SCENARIOS[name].variants]
    assert tuple(picture.name for picture in SCENARIOS[name].pictures(results)) == pictures
    assert own(results)
    assert "beyond the noise" not in own(results) and "within the noise" not in own(results)


@pytest.mark.quick_every(4)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("missing", ["the baseline", "all but the baseline", "no run ended", "nothing but results"])
def test_findings_and_figures_bear_what_is_missing(name, missing, tiny):
    scenario, results = SCENARIOS[name], tiny(name)
    tables = {"epochs": results.epochs, **results.tables}
    if "baseline" in missing:
        for key, table in tables.items():
            is_baseline = table["variant"] == scenario.baseline
            tables[key] = table[~is_baseline if missing == "the baseline" else is_baseline]
    elif missing == "no run ended":
        numbers = ["loss", "accuracy", "test_loss", "test_accuracy", "seconds"]
        tables["epochs"] = results.epochs.assign(diverged=True, **dict.fromkeys(numbers, math.nan))
    else:
        tables = {"epochs": results.epochs}
    results = Results(scenario, tables.pop("epochs"), tables)
    assert "nan" not in own(results)
    for picture in scenario.pictures(results):
        picture.draw()


def test_a_difference_says_what_the_seeds_allow():
    def text(*values):
        return Difference.between(pd.Series(values), pd.Series([0.5] * len(values))).text()

    assert text(0.61, 0.62, 0.60) == "+11.00 points, beyond the noise"
    assert text(0.41, 0.42, 0.40) == "-9.00 points, beyond the noise"
    assert text(0.4, 0.6, 0.51).endswith("within the noise")
    assert text(0.6) == "+10.00 points, one seed"
    assert "diverge" in text(math.nan, math.nan)


# -- recorders -------------------------------------------------------------------------------------------------------


def test_step_losses_are_those_of_the_history_and_the_rates_those_of_the_schedule(digits):
    train, _ = digits
    settings = Settings(hidden=(8,), optimizer="sgd", schedule="cosine", learning_rate=0.2)
    network, recorder = settings.network(train.images.shape[1:], 10), StepLosses(every=3)
    history = network.fit(train.images, train.labels, 2, 50, verbose=False, callbacks=[recorder])
    table = recorder.to_frame()
    assert list(table["step"]) == [1, 4, 7, 10]
    assert list(table["loss"]) == [history.batch_losses[step - 1] for step in table["step"]]
    by_hand = [0.1 * (1 + math.cos(math.pi * (step - 1) / 10)) for step in table["step"]]  # 5 steps an epoch
    assert list(table["learning_rate"]) == pytest.approx(by_hand)


def test_train_figures_are_of_the_weights_at_the_end_of_the_epoch(start):
    network, train = start
    recorder = TrainFigures(train)
    network.fit(train.images, train.labels, 3, verbose=False, callbacks=[recorder])
    table = recorder.to_frame()
    assert list(table["epoch"]) == [1, 2, 3]
    right = [network.predict(image[None])[0] == label for image, label in zip(train.images, train.labels, strict=True)]
    losses = [
        -math.log(network.predict_proba(image[None])[0][label])
        for image, label in zip(train.images, train.labels, strict=True)
    ]
    assert table["train_accuracy"].iloc[-1] == pytest.approx(np.mean(right))
    assert table["train_loss"].iloc[-1] == pytest.approx(np.mean(losses), rel=1e-5)


def test_gradient_noise_is_that_of_gradients_taken_image_by_image(start):
    """The noise of single images is √(Σ|g_i - g|² / N) / |g|: here of each image once, there of many draws."""
    network, train = start
    small = train.subset(60)
    single = []
    for image, label in zip(small.images, small.labels, strict=True):
        network.gradients(image[None], [label])
        single.append(network.parameters.grad.astype(np.float64))
    mean = np.mean(single, axis=0)
    exact = np.sqrt(np.mean([np.sum((g - mean) ** 2) for g in single])) / np.linalg.norm(mean)
    assert GradientNoise(small, 1, draws=600).noise(network) == pytest.approx(exact, rel=0.1)
    # without replacement the variance of a batch's mean is (N - B) / (N - 1) / B of a single image's
    for B in (5, 30):
        expected = exact * math.sqrt((60 - B) / 59 / B)
        assert GradientNoise(small, B, draws=300).noise(network) == pytest.approx(expected, rel=0.1)


def test_gradient_noise_looks_before_training_and_after_each_epoch_and_changes_nothing(start):
    network, train = start
    other = Settings(hidden=(8,)).network(train.images.shape[1:], 10, seed=1)
    recorder = GradientNoise(train, 50)
    network.fit(train.images, train.labels, 2, 50, verbose=False, callbacks=[recorder])
    other.fit(train.images, train.labels, 2, 50, verbose=False)
    assert np.array_equal(network.parameters.theta, other.parameters.theta)
    table = recorder.to_frame()
    assert list(table["epoch"]) == [0, 1, 2] and list(table["updates"]) == [0, 5, 10]
    assert (table["batch_size"] == 50).all() and (table["gradient_noise"] > 0).all()
    full = GradientNoise(train, None)
    network.fit(train.images, train.labels, 1, None, verbose=False, callbacks=[full])
    assert list(full.to_frame()["gradient_noise"]) == [0.0, 0.0]
    assert list(full.to_frame()["batch_size"]) == [240, 240]


# -- learning rates --------------------------------------------------------------------------------------------------


def test_the_range_test_is_gradient_descent_whose_rate_rises_geometrically(digits):
    train, _ = digits
    run = Run("rate 0.1", 4, Settings(hidden=(8,), optimizer="sgd", dtype="float64", batch_size=len(train)))
    table = learning_rates.range_test(run, train)
    ratios = table["learning_rate"].to_numpy()[1:] / table["learning_rate"].to_numpy()[:-1]
    assert np.allclose(ratios, ratios[0])
    assert table["learning_rate"].iloc[[0, -1]].tolist() == pytest.approx([1e-4, 10.0])
    assert len(table) == learning_rates.TEST_STEPS  # more than one pass has
    network = run.network(train)  # by hand: with full batches their order does not matter
    for k in range(40):
        loss = network.gradients(train.images, train.labels)
        assert table["loss"].iloc[k] == pytest.approx(loss, rel=1e-9)
        network.parameters.theta[:] -= table["learning_rate"].iloc[k] * network.parameters.grad


def test_the_range_test_has_as_many_steps_as_a_pass_and_nan_after_divergence(digits):
    train, _ = digits
    table = learning_rates.range_test(
        Run("rate 0.1", 0, Settings(hidden=(8,), optimizer="momentum", activation="linear", batch_size=2)), train
    )
    assert len(table) == 120
    lost = table["loss"].isna().to_numpy()
    assert lost.any() and not lost[:60].any()
    assert lost[lost.argmax() :].all()


def test_findings_on_rates_turn_round_with_the_numbers():
    names = [variant.name for variant in SCENARIOS["learning-rates"].variants]
    rising = made_up("learning-rates", {name: steady(0.5 + 0.05 * k) for k, name in enumerate(names)})
    falling = made_up("learning-rates", {name: steady(0.9 - 0.05 * k) for k, name in enumerate(names)})
    assert f"best of the rates tried is {names[-1]}" in own(rising)
    assert "Too low" in own(rising) and "Too high" not in own(rising)
    assert f"best of the rates tried is {names[0]}" in own(falling)
    assert "Too high" in own(falling) and "Too low" not in own(falling)


def test_findings_on_rates_call_noise_noise_and_divergence_divergence():
    text = own(
        made_up(
            "learning-rates",
            {
                "rate 0.01": [0.80, 0.90, 0.85],
                "rate 0.1": [0.84, 0.86, 0.86],
                "rate 1": [math.nan, 0.9, 0.9],
                "rate 10": [math.nan] * 3,
            },
        )
    )
    assert "3 seeds cannot tell these from it: rate 0.01" in text
    assert "rate 1 (diverged in 1 of 3 seeds) and rate 10 (diverged in 3 of 3 seeds)" in text
    assert "Too high" in text and "Too low" not in text
    assert "all of them are too high" in own(made_up("learning-rates", {"rate 0.1": [math.nan] * 3}))


def test_a_rate_that_diverged_in_one_seed_is_drawn_as_diverged_and_no_other():
    results = made_up("learning-rates", {"rate 0.1": [0.8, 0.9], "rate 1": [0.7, math.nan]})
    picture = next(
        picture for picture in SCENARIOS["learning-rates"].pictures(results) if picture.name == "accuracy_by_rate"
    )
    ax = picture.draw()
    drawn = [line for line in ax.lines if line.get_label() == "run"]
    assert np.array(drawn[0].get_ydata()) == pytest.approx([85.0, math.nan], nan_ok=True)
    assert [list(line.get_xdata()) for line in ax.lines if line.get_label() == "_diverged"] == [[1.0]]


def test_the_suggestion_is_compared_with_the_best_rate():
    rates = np.geomspace(1e-4, 10, 101)
    losses = np.abs(np.log10(rates)) + 1.0  # lowest at 1, so that 0.1 is suggested
    table = pd.concat(
        [
            pd.DataFrame(
                {"variant": "rate 0.1", "seed": seed, "step": range(1, 102), "learning_rate": rates, "loss": losses}
            )
            for seed in range(2)
        ]
    )
    for best, words in (
        ("rate 0.1", "suggests 0.1, the same as rate 0.1."),
        ("rate 0.01", "suggests 0.1, 10.0 times larger than rate 0.01."),
        ("rate 1", "suggests 0.1, 10.0 times smaller than rate 1."),
    ):
        text = own(made_up("learning-rates", {best: steady(0.9, 2)}, {"range_test": table}))
        assert "The range test suggests 0.1, " in text and "This is a tenth of the rate" in text
        others = {name: steady(0.5, 2) for name in ("rate 0.01", "rate 0.1", "rate 1") if name != best}
        assert words in own(made_up("learning-rates", others | {best: steady(0.9, 2)}, {"range_test": table}))


# -- batch sizes -----------------------------------------------------------------------------------------------------


def noise_table(power, growth=2.0):
    """Noise that follows B^power exactly, and grows from epoch 0 to 2."""
    return pd.DataFrame(
        [
            {
                "variant": name,
                "seed": seed,
                "epoch": epoch,
                "updates": epoch * 1000 // B,
                "batch_size": B,
                "gradient_noise": 5.0 * B**power * growth ** (epoch / 2),
            }
            for name, B in (("batch 1", 1), ("batch 8", 8), ("batch 64", 64))
            for seed in range(2)
            for epoch in (0, 2)
        ]
    )


@pytest.mark.parametrize("power", [-0.5, -0.2, 0.3])
def test_the_power_law_of_the_noise_is_found(power):
    found, sizes = batch_sizes.law(noise_table(power, growth=1.0))
    assert found == pytest.approx(power)
    assert sizes.to_dict() == pytest.approx({B: 5.0 * B**power for B in (1, 8, 64)})


def test_findings_on_batch_sizes_follow_the_numbers():
    accuracies = {"batch 1": [0.9, 0.9], "batch 8": [0.95, 0.95], "batch 64": [0.5, 0.5]}
    rates = pd.DataFrame(
        [
            {"variant": name, "learning_rate": rate, "val_accuracy": 0.5, "chosen": chosen}
            for name, best in (("batch 1", 0.01), ("batch 8", 0.03), ("batch 64", 0.3))
            for rate, chosen in ((best, True), (best * 2, False))
        ]
    )
    text = own(made_up("batch-sizes", accuracies, {"gradient_noise": noise_table(-0.5), "rates": rates}))
    assert "batch 1 makes 2,000 updates and ends at 90.0" in text
    assert "64 makes 31 and ends at 50.0" in text
    assert "misses the full gradient by 5 times its length" in text and "to the power -0.50" in text
    assert "2.0 to 2.0 times what it was before training. The mean gradient has shrunk" in text
    assert "64-fold and its rate 30-fold" in text and "square-root rule 8-fold" in text
    text = own(made_up("batch-sizes", accuracies, {"gradient_noise": noise_table(-0.5, growth=0.5)}))
    assert "0.5 to 0.5 times what it was before training." in text and "shrunk" not in text


@pytest.mark.full
def test_the_report_says_how_long_the_search_was(digits, tmp_path):
    results = run_scenario(
        SCENARIOS["batch-sizes"], *digits, seeds=1, overrides={"hidden": (8,), "epochs": 9}, progress=False
    )
    write_report(results, *digits, tmp_path, {"seeds": [0], "command": "test"})
    # 200 of the 240 images are left: 200, 25, 4 and (of 512 and of all) one step per epoch
    report = (tmp_path / "report.md").read_text()
    assert "after 2, 8 or 9 epochs, averaged over 2 seeds." in report
    for name, settings in results.settings.items():  # each with the rate that was found for it
        assert f"| {name} | {settings.learning_rate:g} |" in report


def test_findings_on_time_turn_round_with_the_clock():
    accuracies = {"batch 1": steady(0.9, 2), "batch 64": steady(0.9, 2)}
    for slow, fast in (("batch 1", "batch 64"), ("batch 64", "batch 1")):
        text = own(made_up("batch-sizes", accuracies, seconds={slow: [4.0, 4.0], fast: [1.0, 1.0]}))
        assert f"4 s with {slow}, 1 s with {fast}. That is 4 times as fast" in text
        assert f"{fast} in 2 s, {slow} in 8 s" in text
    text = own(
        made_up(
            "batch-sizes",
            {"batch 1": [0.9], "batch 64": [0.9]},
            seconds={"batch 1": [4.0, 4.0], "batch 64": [1.0, 1.0]},
        )
    )
    assert "per epoch" not in text  # two epochs, the first of which may have been slow


# -- architectures ---------------------------------------------------------------------------------------------------


def networks(names):
    """The table of sizes: parameters grow with depth and width."""
    rows = []
    for name in names:
        depth, width = map(int, name.split(" x "))
        rows += [
            {"variant": name, "seed": seed, "depth": depth, "width": width, "parameters": 1000 * depth * width}
            for seed in range(SEEDS)
        ]
    return pd.DataFrame(rows)


def test_the_size_of_a_network_is_counted(digits):
    train, test = digits
    settings = Settings(hidden=(32, 32))
    row = SCENARIOS["architectures"].measure(Run("2 x 32", 0, settings), train, test)["networks"].iloc[0]
    assert (row["depth"], row["width"]) == (2, 32)
    assert row["parameters"] == 784 * 32 + 32 + 32 * 32 + 32 + 32 * 10 + 10


def test_findings_on_architectures_turn_round_with_the_numbers():
    names = ["1 x 8", "1 x 256", "4 x 8", "4 x 256"]
    table = {"networks": networks(names)}
    wide = made_up("architectures", dict(zip(names, map(steady, (0.5, 0.9, 0.4, 0.95)), strict=True)), table)
    assert "From 8 to 256 neurons per layer, with 1 hidden layer: +40.00 points, beyond" in own(wide)
    assert "From 1 to 4 hidden layers, with 8 neurons per layer: -10.00 points" in own(wide)
    assert "No smaller network is within the noise of the most accurate, 4 x 256" in own(wide)
    narrow = made_up("architectures", dict(zip(names, map(steady, (0.9, 0.5, 0.95, 0.4)), strict=True)), table)
    assert "From 8 to 256 neurons per layer, with 1 hidden layer: -40.00 points" in own(narrow)
    equal = made_up("architectures", {"1 x 8": [0.90, 0.91, 0.89], "4 x 256": [0.91, 0.89, 0.91]}, table)
    assert "is 1 x 8, with 8,000 parameters" in own(equal) and "chosen by these same accuracies" in own(equal)
    single = made_up("architectures", {"1 x 8": [0.90], "4 x 256": [0.91]}, table)
    assert "One seed cannot say which others are as good" in own(single)


# -- regularization --------------------------------------------------------------------------------------------------


def train_table(accuracies, losses):
    return pd.DataFrame(
        [
            {"variant": name, "seed": seed, "epoch": epoch, "train_loss": losses[name][seed], "train_accuracy": value}
            for name, values in accuracies.items()
            for seed, value in enumerate(values)
            for epoch in (1, 2)
        ]
    )


def test_gaps_are_differences_of_the_same_epoch_and_end_with_the_weights_that_were_kept():
    results = made_up(
        "regularization",
        {"none": [0.8], "l2": [0.9]},
        {"train": train_table({"none": [1.0], "l2": [0.95]}, {"none": [0.1], "l2": [0.3]})},
    )
    results.epochs["kept"] = results.epochs["epoch"] == np.where(results.epochs["variant"] == "l2", 1, 2)
    gap, loss_gap = (regularization.at_the_end(results).final(column) for column in ("gap", "loss_gap"))
    assert gap.loc[0].to_dict() == pytest.approx({"none": 20.0, "l2": 50.0})  # of l2 after its first epoch
    assert loss_gap.loc[0].to_dict() == pytest.approx({"none": 0.9, "l2": 0.7})


@pytest.mark.parametrize(
    ("train_loss", "test", "says", "says_not"),
    [
        (
            0.5,
            0.8,
            "Gap in loss narrower beyond the noise: l2. Of these, also a better test accuracy beyond the noise: l2.",
            "noise: none",
        ),
        (0.5, 0.6, "also a better test accuracy beyond the noise: none.", "accuracy beyond the noise: l2"),
        (0.01, 0.8, "l2 +0.09, beyond the noise", "narrower"),
    ],
)
def test_findings_on_gaps_turn_round_with_the_numbers(train_loss, test, says, says_not):
    text = own(
        made_up(
            "regularization",
            {"none": steady(0.7), "l2": steady(test)},
            {
                "train": train_table(
                    {"none": steady(0.99), "l2": steady(0.9)}, {"none": steady(0.1), "l2": steady(train_loss)}
                )
            },
        )
    )
    assert says in text and says_not not in text


def test_all_variants_hold_out_the_images_that_early_stopping_watches(tiny):
    assert tiny("regularization").epochs["val_loss"].notna().all()


# -- schedules -------------------------------------------------------------------------------------------------------


def test_findings_on_schedules_turn_round_with_the_numbers():
    def results(constant, low, cosine):
        return made_up(
            "schedules", {"constant": steady(constant), "constant at 0.03": steady(low), "cosine": steady(cosine)}
        )

    assert "constant rate, constant: cosine +10.00 points, beyond" in own(results(0.8, 0.7, 0.9))
    assert "constant rate, constant at 0.03: cosine -5.00 points" in own(results(0.8, 0.95, 0.9))
    assert "It was chosen by these same accuracies, so it may look a little too good." in own(results(0.8, 0.7, 0.9))
    assert "neighbours" not in own(results(0.8, 0.7, 0.9))  # two epochs


def test_restlessness_is_the_distance_from_the_neighbours_mean_and_no_progress():
    from scenarios.questions.schedules import roughness

    def found(epochs, **accuracies):
        rows = [
            {
                "variant": name,
                "seed": 0,
                "epoch": epoch,
                "test_accuracy": values[epoch - 1],
                "loss": 1.0,
                "diverged": False,
                "kept": epoch == epochs,
            }
            for name, values in accuracies.items()
            for epoch in range(1, epochs + 1)
        ]
        return roughness(Results(SCENARIOS["schedules"], pd.DataFrame(rows)))

    assert found(8, constant=(0.1, 0.9, 0.1, 0.9, 0.5, 0.7, 0.6, 0.7), step=(0, 0, 0, 0.1, 0.2, 0.3, 0.4, 0.5)) == (
        pytest.approx({"constant": (0.15 + 0.1) / 2, "step": 0.0})
    )
    assert found(4, constant=(0.1, 0.9, 0.1, 0.5)) == {}  # its second half has two epochs


# -- augmentation ----------------------------------------------------------------------------------------------------


def augmented(**accuracies):
    """Results of runs "kind_size"."""
    names = {key: "{} on {:,}".format(key.split("_")[0], int(key.split("_")[1])) for key in accuracies}
    sizes = pd.DataFrame(
        [
            {"variant": names[key], "seed": seed, "augmentation": key.split("_")[0], "images": int(key.split("_")[1])}
            for key in accuracies
            for seed in range(SEEDS)
        ]
    )
    return made_up("augmentation", {names[key]: steady(value) for key, value in accuracies.items()}, {"sizes": sizes})


def test_findings_on_augmentation_turn_round_with_the_numbers():
    text = own(augmented(none_500=0.7, shift_500=0.85, none_1500=0.8, shift_1500=0.9))
    assert "With 500 images, against none: shift +15.00 points, beyond the noise" in text
    assert (
        "500 images with shift reach 85.10\u00a0%. 1,500 images without augmentation, 3.0 times as many, reach 80.10"
        in text
    )
    assert ": +5.00 points, beyond the noise. Of 1 such pairs" in text
    text = own(augmented(none_500=0.7, shift_500=0.6, none_1500=0.8, shift_1500=0.75))
    assert "With 500 images, against none: shift -10.00 points, beyond the noise" in text
    assert "no augmentation made up" in text and "such pairs" not in text


def test_a_loss_within_the_noise_is_no_exchange():
    tables = {
        few: pd.DataFrame({"none": values, "shift": shifted})
        for few, values, shifted in (
            (500, [0.7, 0.7, 0.7], [0.80, 0.84, 0.88]),
            (1_500, [0.86, 0.85, 0.84], [0.9, 0.9, 0.9]),
        )
    }
    (text,) = augmentation._worth(tables)
    assert text == "In the mean of 3 seeds, no augmentation made up for the step to the next larger training set."


def test_examples_of_the_built_in_digits_are_not_signed_with_the_data_of_the_results(monkeypatch, tmp_path):
    results = made_up("augmentation", {"none on all": [0.9]})
    results.note = "data: mnist"
    notes = {}
    monkeypatch.setattr(viz, "save", lambda picture, path, note: notes.update({path.stem: note}) or path)
    draw(results, tmp_path)
    assert notes["examples"] == "built-in digits" and notes["accuracy"] == "data: mnist"


@pytest.mark.quick_for("losses-delta_against_error")
@pytest.mark.parametrize(("name", "figure"), [("activations", "functions"), ("losses", "delta_against_error")])
def test_figures_that_show_no_data_are_signed_with_none(name, figure, monkeypatch, tmp_path):
    results = made_up(
        name,
        {each.name: steady(0.8) for each in SCENARIOS[name].variants},
        {
            "gradients": pd.DataFrame(
                [
                    {"variant": each.name, "seed": 0, "step": 1, "layer": layer, "norm": 1.0}
                    for each in SCENARIOS[name].variants
                    for layer in (1, 2)
                ]
            ),
            "units": pd.DataFrame(
                [
                    {"variant": each.name, "seed": 0, "epoch": 0, "layer": 1, "dead": 0.0, "saturated": 0.0}
                    for each in SCENARIOS[name].variants
                ]
            ),
        },
    )
    results.note = "data: mnist"
    notes = {}
    monkeypatch.setattr(viz, "save", lambda picture, path, note: notes.update({path.stem: note}) or path)
    draw(results, tmp_path)
    assert notes[figure] == "" and notes["accuracy"] == "data: mnist"


def test_the_examples_are_the_same_digits_in_each_kind():
    images, kinds = augmentation.examples()
    assert images.shape == (48, 28, 28) and list(np.bincount(kinds)) == [12] * 4
    plain, shifted = images[:12], images[12:24]
    for before, after in zip(plain, shifted, strict=True):  # a shifted image is one of the 25 shifts of its original
        moved = [np.roll(before, (down, right), (0, 1)) for down in range(-2, 3) for right in range(-2, 3)]
        assert any(np.array_equal(after, each) for each in moved)
    assert all((images[k * 12 : k * 12 + 12] != plain).any() for k in (1, 2, 3))


def test_variants_train_on_as_many_images_as_there_are(tiny):
    results = tiny("augmentation")
    assert set(results.table("sizes")["images"]) == {240}
    assert "With 240 images" in own(results)


# -- curves against other columns ------------------------------------------------------------------------------------


def test_curves_against_a_column_that_grows_by_decades_are_logarithmic():
    frame = pd.DataFrame(
        {
            "variant": ["a"] * 3 + ["b"] * 3,
            "updates": [10, 100, 1000, 1, 2, 3],
            "test_accuracy": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
        }
    )
    ax = viz.learning_curves(frame, "test_accuracy", x="updates")
    lines = {each.get_label(): each for each in ax.lines}
    assert ax.get_xscale() == "log" and ax.get_xlabel() == "updates of the weights, logarithmic scale"
    assert list(lines["a"].get_xdata()) == [10, 100, 1000] and list(lines["a"].get_ydata()) == [10, 20, 30]
    near = viz.learning_curves(frame[frame["variant"] == "b"], "test_accuracy", x="updates")
    assert near.get_xscale() == "linear"


# -- losses ----------------------------------------------------------------------------------------------------------


def test_the_curves_of_the_deltas_leave_the_hinges_out_and_tell_all_that_are_alike():
    results = made_up("losses", {each.name: steady(0.8) for each in SCENARIOS["losses"].variants})
    (picture,) = SCENARIOS["losses"].pictures(results)
    labels = {line.get_label() for line in picture.draw().lines}
    assert {"cross_entropy", "mse", "huber"} <= labels and not labels & {"hinge", "squared_hinge"}
    told = " ".join(own(results).split())
    assert (
        "At an output of 1 % the delta is: cross_entropy and binary_cross_entropy 100 %, mse and huber 7 %, mae 4 %."
        in told
    )
    assert "largest" not in own(made_up("losses", {"hinge": steady(0.8), "squared_hinge": steady(0.8)}))


def test_huber_with_a_threshold_of_one_is_half_of_squared_error_on_probabilities():
    from neurosim.losses import LOSSES

    rng = np.random.default_rng(0)
    a, y = rng.random((7, 10)), np.eye(10)[rng.integers(0, 10, 7)]
    assert LOSSES.create("huber")(a, y) == pytest.approx(LOSSES.create("mse")(a, y) / 2)


def test_after_one_epoch_losses_are_compared_seed_by_seed():
    text = own(made_up("losses", {"cross_entropy": steady(0.8), "mse": steady(0.6), "mae": [0.6, 0.8, 1.0]}))
    assert (
        "after one epoch, against cross_entropy: mse -10.00 points, beyond the noise; "
        "mae -0.05 points, within the noise."
    ) in text  # after one epoch, half of the last


def test_the_beginning_of_squared_error_turns_round_with_the_numbers():
    slow = made_up("losses", {"cross_entropy": steady(0.8), "mse": steady(0.6)})
    fast = made_up("losses", {"cross_entropy": steady(0.6), "mse": steady(0.8)})
    assert "against cross_entropy on softmax: -20.00 points, beyond the noise" in own(slow)
    assert "against cross_entropy on softmax: +20.00 points, beyond the noise" in own(fast)
    assert "sigmoids" not in own(made_up("losses", {"cross_entropy": steady(0.8)}))


def test_what_all_scenarios_compare_is_the_accuracy_of_the_weights_that_were_kept():
    results = made_up("regularization", {"none": [0.8, 0.9], "l2": [0.6, 0.7]})  # after one epoch, half of it
    results.epochs["kept"] = results.epochs["epoch"] == np.where(results.epochs["variant"] == "none", 1, 2)
    picture = next(picture for picture in common_pictures(results) if picture.name == "comparison")
    dots = {line.get_label(): line.get_xdata() for line in picture.draw().lines}
    assert float(dots["none"][0]) == pytest.approx(42.5) and float(dots["l2"][0]) == pytest.approx(65.0)
