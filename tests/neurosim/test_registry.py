import json
import math
import sys

import numpy as np
import pytest
from small_problem import X, Y, network

import neurosim as ns
from neurosim.checks import check_count, check_number
from neurosim.registry import Configurable, Registry, did_you_mean

REGISTRIES = {
    "activation": ns.ACTIVATIONS,
    "loss": ns.LOSSES,
    "initializer": ns.INITIALIZERS,
    "optimizer": ns.OPTIMIZERS,
    "schedule": ns.SCHEDULES,
    "regularizer": ns.REGULARIZERS,
    "layer": ns.LAYERS,
}
NEEDED = {
    "input": {"size": 4},
    "dense": {"units": 3},
    "conv2d": {"filters": 3, "kernel_size": 2},
}  # the constructors that cannot do without
EVERY = [(kind, key) for kind, registry in REGISTRIES.items() for key in registry]


def other(value):
    """Another value of the type that a default has."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, float):
        return 0.9 * value or 0.37
    return value + 4 if isinstance(value, int) else value


def make(kind, key):
    return REGISTRIES[kind].create({"name": key} | NEEDED.get(key, {}))


def test_a_registry_prints_its_keys():
    assert repr(ns.REGULARIZERS) == f"Registry(regularizer: {', '.join(ns.REGULARIZERS)})"


def test_the_keys_are_those_of_the_documentation():
    assert list(ns.OPTIMIZERS) == [
        "sgd",
        "momentum",
        "nesterov",
        "adagrad",
        "rmsprop",
        "adadelta",
        "adam",
        "amsgrad",
        "adamax",
        "nadam",
        "adamw",
        "lion",
    ]
    for registry in REGISTRIES.values():
        modules = {cls.__module__ for cls in (registry.base, *(registry[key] for key in registry))}
        (text,) = [text for module in modules if "Keys: " in (text := sys.modules[module].__doc__)]
        listed = text.split("Keys: ")[1].split(".")[0]
        assert [key.strip() for key in listed.replace("\n", " ").split(",")] == list(registry)


@pytest.mark.parametrize(("kind", "key"), EVERY)
def test_every_class_is_public_documented_and_knows_its_key(kind, key):
    cls = REGISTRIES[kind][key]
    assert cls.key == key and getattr(ns, cls.__name__) is cls
    assert key in REGISTRIES[kind] and cls.__doc__ and cls.__doc__ != cls.__mro__[1].__doc__
    assert key == key.lower() and " " not in key and "-" not in key


@pytest.mark.parametrize(("kind", "key"), EVERY)
def test_config_goes_through_json_and_back(kind, key):
    thing = make(kind, key)
    config = json.loads(json.dumps(thing.config()))
    twin = REGISTRIES[kind].create(config)
    assert type(twin) is type(thing) and twin is not thing
    assert twin.config() == thing.config() and repr(twin) == repr(thing)
    assert config["name"] == key


@pytest.mark.parametrize(("kind", "key"), EVERY)
def test_config_keeps_settings_that_are_not_the_defaults(kind, key):
    config = make(kind, key).config()
    changed = {name: other(value) for name, value in config.items() if name != "name"}
    thing = REGISTRIES[kind].create({"name": key} | changed)
    assert thing.config() == {"name": key} | changed


@pytest.mark.parametrize(("kind", "key"), [pair for pair in EVERY if pair[0] != "layer"])
def test_repr_is_the_call_that_makes_it(kind, key):
    thing = make(kind, key)
    if type(thing).__repr__ is Configurable.__repr__:
        assert eval(repr(thing), {name: getattr(ns, name) for name in ns.__all__}).config() == thing.config()


@pytest.mark.parametrize(("kind", "key"), [pair for pair in EVERY if pair[1] not in NEEDED])
def test_a_name_makes_a_new_instance_and_an_instance_passes_through(kind, key):
    registry = REGISTRIES[kind]
    one = registry.create(key)
    assert type(one) is registry[key] and registry.create(key) is not one and registry.create(one) is one


@pytest.mark.parametrize("kind", REGISTRIES)
def test_an_unknown_name_lists_the_choices(kind, refused):
    registry = REGISTRIES[kind]
    for what in ("qqqqqq", "", {"name": "qqqqqq"}, {}):
        with refused(f"unknown {kind}", *registry):
            registry.create(what)
    with refused(f"unknown {kind}", *registry):
        registry["qqqqqq"]
    assert "qqqqqq" not in registry


@pytest.mark.parametrize(
    ("kind", "wrong", "right"),
    [
        ("activation", "rleu", "relu"),
        ("activation", "ReLU", "relu"),
        ("activation", "leaky-relu", "leaky_relu"),
        ("optimizer", "Adam", "adam"),
        ("optimizer", "rms_prop", "rmsprop"),
        ("loss", "crossentropy", "cross_entropy"),
        ("initializer", "he", "he_normal"),
        ("schedule", "onecycle", "one_cycle"),
        ("layer", "batchnorm", "batch_norm"),
        ("initializer", "xavier_uniform", "he_uniform"),
    ],
)
def test_a_misspelt_name_gets_the_nearest_one(kind, wrong, right, refused):
    if (wrong, right) in (("he", "he_normal"), ("xavier_uniform", "he_uniform")):
        with refused("unknown initializer", "choose from"):
            REGISTRIES[kind].create(wrong)
    else:
        with refused(f"did you mean '{right}'?"):
            REGISTRIES[kind].create(wrong)


def test_a_number_or_an_unlike_word_gets_no_hint():
    assert did_you_mean("foo", ["goto"]) == did_you_mean(11, ["1"]) == did_you_mean("-1.5", ["1"]) == ""
    assert did_you_mean("nxet", ["next"]) == "; did you mean 'next'?"


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("leaky_relu:negative_slope=0.2", {"name": "leaky_relu", "negative_slope": 0.2}),
        ("leaky_relu: negative_slope = 0.2", {"name": "leaky_relu", "negative_slope": 0.2}),
        ("leaky_relu", {"name": "leaky_relu", "negative_slope": 0.01}),
        ("elu:alpha=2", {"name": "elu", "alpha": 2.0}),
        ("elu:alpha=1e-1", {"name": "elu", "alpha": 0.1}),
    ],
)
def test_a_name_may_carry_settings(text, config):
    assert ns.ACTIVATIONS.create(text).config() == config


def test_a_name_may_carry_several_settings_and_names_within():
    adam = ns.OPTIMIZERS.create("adam:learning_rate=0.5,beta1=0.8")
    assert (adam.learning_rate, adam.beta1, adam.beta2) == (0.5, 0.8, 0.999)
    adam = ns.OPTIMIZERS.create("adam:learning_rate=cosine")
    assert isinstance(adam.learning_rate, ns.Cosine)
    plateau = ns.SCHEDULES.create("reduce_on_plateau:monitor=val_accuracy,patience=4")
    assert (plateau.monitor, plateau.patience) == ("val_accuracy", 4)
    assert isinstance(ns.SCHEDULES.create("warm_up:after=cosine,warmup=0.3").after, ns.Cosine)
    assert ns.OPTIMIZERS.create("sgd:clip_norm=null").clip_norm is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("leaky_relu:slope=0.2", ("unknown setting of leaky_relu", "'slope'", "negative_slope")),
        ("leaky_relu:negative_slop=0.2", ("did you mean 'negative_slope'",)),
        ("leaky_relu:0.2", ("leaky_relu:setting=value", "received 'leaky_relu:0.2'")),
        ("leaky_relu:negative_slope=abc", ("negative_slope", "'abc'")),
        ("leaky_relu:negative_slope=", ("negative_slope", "''")),
        ("leaky_relu:negative_slope=NaN", ("negative_slope", "nan")),
        ("leaky_relu:negative_slope=true", ("negative_slope", "True")),
        ("relu:negative_slope=0.2", ("unknown setting of relu",)),
    ],
)
def test_settings_that_do_not_exist_or_do_not_fit_are_refused(text, words, refused):
    with refused(*words):
        ns.ACTIVATIONS.create(text)


@pytest.mark.parametrize("what", [3, None, ["relu"], 0.5, ns.Adam, object])
def test_other_types_are_refused(what, refused):
    with refused("activation: expected a name such as", "or an instance of Activation", "received"):
        ns.ACTIVATIONS.create(what)


def test_a_class_instead_of_an_instance_gets_a_hint(refused):
    with refused("make an instance of it: ReLU()"):
        ns.ACTIVATIONS.create(ns.ReLU)


def test_a_layer_by_name_without_its_size_is_refused_in_one_line(refused):
    with refused("dense", "units"):
        ns.LAYERS.create("dense")


def test_a_key_can_be_registered_once(refused):
    registry = Registry("thing", Configurable)

    @registry.register("one")
    class One(Configurable):
        def __init__(self, size=3):
            self.size = size

    assert list(registry) == ["one"] and len(registry) == 1 and One.key == "one"
    assert registry.create("one:size=5").config() == {"name": "one", "size": 5}
    with refused("'one' is registered already"):
        registry.register("one")(One)


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        (0.0, True),
        (1, True),
        (0.5, True),
        (np.float32(0.25), True),
        (-0.1, False),
        (1.1, False),
        (math.nan, False),
        (math.inf, False),
        ("0.5", False),
        (True, False),
        (None, False),
        ([0.5], False),
        (1j, False),
    ],
)
def test_check_number(value, fits, refused):
    if fits:
        number = check_number("x", value, 0.0, 1.0)
        assert type(number) is float and number == value
    else:
        with refused("x: expected a number from 0 to 1, received", repr(value)):
            check_number("x", value, 0.0, 1.0)


def test_check_number_at_open_ends(refused):
    both = {"open_low": True, "open_high": True}
    for bounds, high, value, expected in (
        ({"open_low": True}, 1.0, 0.0, "number above 0 and at most 1"),
        ({"open_high": True}, 1.0, 1.0, "number of at least 0 and below 1"),
        (both, 1.0, 0.0, "number above 0 and below 1"),
        ({}, math.inf, -1.0, "number of at least 0"),
        ({"open_low": True}, math.inf, 0.0, "number above 0"),
        ({"open_high": True}, math.inf, math.inf, "finite number of at least 0"),
        (both, math.inf, math.inf, "finite number above 0"),
    ):
        with refused(f"x: expected a {expected}, received {value}"):
            check_number("x", value, 0.0, high, **bounds)


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        (1, True),
        (10**6, True),
        (np.int64(3), True),
        (2.0, True),
        (0, False),
        (-1, False),
        (1.5, False),
        (math.inf, False),
        (math.nan, False),
        ("1", False),
        (True, False),
        (None, False),
        ([1], False),
    ],
)
def test_check_count(value, fits, refused):
    if fits:
        assert type(check_count("n", value)) is int
    else:
        with refused("n: expected a whole number of at least 1, received", repr(value)):
            check_count("n", value)


def test_everything_registered_is_exported_under_its_class_name():
    import neurosim as ns

    for registry in (
        ns.ACTIVATIONS,
        ns.LOSSES,
        ns.INITIALIZERS,
        ns.OPTIMIZERS,
        ns.SCHEDULES,
        ns.REGULARIZERS,
        ns.LAYERS,
    ):
        for key in registry:
            assert getattr(ns, registry[key].__name__) is registry[key]
    assert all(getattr(ns, name) is not None for name in ns.__all__)
    with pytest.raises(AttributeError, match="did you mean 'Adam'"):
        ns.Adm  # noqa: B018


def test_a_users_classes_work_and_need_a_key_only_to_be_saved(refused):
    class Constant(ns.Cosine):
        def _rate(self, step):
            return 123.0

    class Fixed(ns.Schedule):
        def __init__(self, rate=1.0):
            self.rate = rate

        def _rate(self, step):
            return self.rate

    assert network(optimizer=ns.SGD(Constant(1e-3))).optimizer.rate == 123.0
    net = network(optimizer=ns.SGD(Fixed(0.5)))
    net.fit(X, Y, epochs=1, verbose=False)
    assert net.optimizer.last_rate == 0.5
    with refused("Fixed has no key", "register"):
        net.config()
