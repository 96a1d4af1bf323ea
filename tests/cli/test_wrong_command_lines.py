"""Hundreds of wrong command lines, made from the options themselves: each one clear line, and status 2."""

import argparse
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from cli_runner import run_cli

import neurosim as ns
from neurosim.augment import AUGMENTATIONS
from neurosim.cli.main import COMMANDS, file_of
from neurosim.cli.options import option_of, place
from neurosim.cli.terminal import Parser
from neurosim.training.settings import Settings

ROOT = Path(__file__).parents[2]
REGISTRIES = {
    "activation": ns.ACTIVATIONS,
    "output": ns.ACTIVATIONS,
    "loss": ns.LOSSES,
    "optimizer": ns.OPTIMIZERS,
    "schedule": ns.SCHEDULES,
    "initializer": ns.INITIALIZERS,
    "augment": AUGMENTATIONS,
}
NEEDED = {  # what a command cannot do without
    "inspect": ["net.npz"],
    "plot": ["folder"],
    "predict": ["net.npz", "two.png"],
}


def actions(command):
    """The options and arguments of a command."""
    parser = Parser(prog=command)
    file_of(command).add_options(parser)
    return [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]


def mistyped(word):
    """A word with its middle letter typed twice."""
    middle = len(word) // 2
    return word[:middle] + word[middle] + word[middle:]


def made_from_the_parsers():
    """(words, what the message has to say) for every option of every command."""
    for command in COMMANDS:
        yield [mistyped(command)], f"did you mean '{command}'"
        yield [command, *NEEDED.get(command, []), "--nonsense"], "--nonsense"
        found = actions(command)
        if not any(action.nargs in ("*", "+") for action in found):
            yield [command, *NEEDED.get(command, []), "surplus"], "surplus"
        for action in found:
            if not action.option_strings:
                if action.nargs is None:
                    yield [command], action.metavar
                continue
            option = action.option_strings[-1]
            start = [command, *NEEDED.get(command, [])]
            yield [*start, mistyped(option), "1"], f"did you mean '{option}'"
            if action.nargs == 0:
                yield [*start, f"{option}=yes"], option
                continue
            if action.nargs is None:
                yield [*start, option], option
            if action.type is not None:
                for text in [""] if action.type is place else ["many", "-1", "1.5", "", "1e3"]:
                    yield [*start, option, text], option


def made_from_the_settings():
    """(words, what the message has to say) for every setting, in train and step."""
    for field in fields(Settings):
        option = option_of(field.name)
        kind = field.metadata["metavar"]
        wrong = {
            "N": ("many", "-1", "1.5", "nan"),
            "X": ("much", "-1", "nan", "1e", "1,5"),
            "{yes,no}": ("perhaps", "2"),
            "W,W": ("0", "1;2", "-3", "a,b", "2000000"),
            "FxK,poolS": ("8", "0x5", "8x5;pool2", "pool0", "8x5,maxpool2", "8x-5", "8x5x5", "pool2same", "2000000x5"),
            "NAME": ("nonsense", "5", ":"),
        }[kind]
        says = "choose from" if kind == "NAME" else option
        for text in wrong:
            yield ["train", option, text], says
        yield ["step", option, wrong[0]], says
        registry = REGISTRIES.get(field.name)
        for key in registry or ():
            if field.name != "output":
                yield ["train", option, mistyped(key)], f"did you mean '{key}'"
                yield ["train", option, f"{key}:nonsense=1"], "nonsense"
            for setting in registry[key].setting_names():
                yield ["train", option, f"{key}:{setting}"], "setting=value"


def made_by_hand():
    """What belongs together and is not, what is not there, what contradicts itself."""
    npz = ["--model", "net.npz"]
    return [
        (["train", "--l1", "0.1", "--l2", "0.1"], "l1"),
        (["train", "--label-smoothing", "0.1", "--loss", "mse"], "label_smoothing"),
        (["train", "--loss", "mse", "--output", "softplux"], "softplus"),
        (["train", "--activation", "rellu"], "did you mean 'relu'"),
        (["train", "--activation", "relu:slope=1"], "slope"),
        (["train", "--optimizer", "adma"], "did you mean 'adam'"),
        (["train", "--hidden", "128;64"], "128;64"),
        (["train", "--learning-rate", "fast"], "--learning-rate"),
        (["train", "--monitor", "val_acuracy"], "did you mean 'val_accuracy'"),
        (["train", "--epoch", "3"], "--epoch"),
        (["train", "--lr", "3"], "did you mean '--learning-rate'"),
        (["train", "--loss", "cross_entropy", "--output", "sigmoid"], "softmax"),
        (["train", "--loss", "binary_cross_entropy", "--output", "relu"], "sigmoid"),
        (["train", "--dropout", "1"], "--dropout"),
        (["train", "--dropout", "1.5"], "--dropout"),
        (["train", "--input-dropout", "1"], "--input-dropout"),
        (["train", "--max-norm", "0"], "--max-norm"),
        (["train", "--clip-norm", "0"], "--clip-norm"),
        (["train", "--learning-rate", "inf"], "--learning-rate"),
        (["train", "--batch-size", "0"], "--batch-size"),
        (["train", "--dtype", "float16"], "did you mean 'float"),
        (["train", "--optimizer", "adam:beta1=1"], "beta1"),
        (["train", "--optimizer", "adam:beta1=x"], "beta1"),
        (["train", "--optimizer", "momentum:momentum=-1"], "momentum"),
        (["train", "--optimizer", "sgd:learning_rate=fast"], "fast"),
        (["train", "--activation", "leaky_relu:negative_slope=steep"], "negative_slope"),
        (["train", "--schedule", "one_cycle:up=2"], "up"),
        (["train", "--schedule", "cosine:steps=0"], "steps"),
        (["train", "--schedule", "warm_up:after=cosin"], "did you mean 'cosine'"),
        (["train", "--schedule", "reduce_on_plateau:monitor=5"], "monitor"),
        (["train", "--initializer", "normal:standard_deviation=-1"], "standard_deviation"),
        (["train", "--augment", "shift:pixels=-1"], "pixels"),
        (["train", "--augment", "affine+elastik"], "elastic"),
        (["train", "--seed", "1", "--seed"], "--seed"),
        (["train", "--resume", "nowhere"], "nowhere"),
        (["train", "--resume", "net.npz"], "net.npz"),
        (["train", "--out", "net.npz"], "net.npz"),
        (["train", "--out", "/proc/nowhere"], "/proc/nowhere"),
        (["data", "--preview", "--out", "net.npz"], "net.npz"),
        (["scenari"], "did you mean 'scenario'"),
        (["scenario", "optimisers"], "did you mean 'optimizers'"),
        (["scenario", "--seeds", "0"], "--seeds"),
        (["scenario", "--all", "losses"], "--all"),
        (["scenario", "optimizers", "lossses"], "losses"),
        (["scenario", "--epochs", "many"], "--epochs"),
        (["scenario", "--epochs", "-1"], "--epochs"),
        (["scenario", "--batch-size", "0"], "--batch-size"),
        (["scenario", "--hidden", "0"], "--hidden"),
        (["scenario", "--conv", "8x"], "--conv"),
        (["scenario", "--out", "net.npz"], "net.npz"),
        (["scenario", "--executor", "proceses"], "'processes'"),
        (["scenario", "--executor", "dask"], "--scheduler"),
        (["scenario", "--scheduler", "tcp://x:1"], "--executor"),
        (["scenario", "--executor", "dask", "--scheduler", "tcp://x:1", "--jobs", "2"], "--jobs"),
        (["compare"], "--vary"),
        (["compare", "--vary", "optimizer"], "optimizer"),
        (["compare", "--vary", "="], "choose from"),
        (["compare", "--vary", "optimiser=sgd,adam"], "did you mean 'optimizer'"),
        (["compare", "--vary", "optimizer=sgd,adm"], "did you mean 'adam'"),
        (["compare", "--vary", "optimizer=sgd,adam", "--optimizer", "sgd"], "--optimizer"),
        (["compare", "--vary", "optimizer=sgd,adam", "--baseline", "optimizer lion"], "optimizer lion"),
        (["compare", "--vary", "train_size=50,100", "--train-size", "100"], "--train-size"),
        (["compare", "--vary", "dropout=0,2"], "dropout"),
        (["compare", "--vary", "epochs=-1,2"], "epochs"),
        (["gradcheck", "--seed", "x"], "--seed"),
        (["plot", "nowhere"], "nowhere"),
        (["plot", "net.npz"], "net.npz"),
        (["plot", "."], "."),
        (["inspect", "nowhere.npz"], "nowhere.npz"),
        (["inspect", "text.npz"], "text.npz"),
        (["inspect", "."], "folder"),
        (["inspect", "net.npz", "--neuron", "1"], "--layer"),
        (["inspect", "net.npz", "--layer", "9"], "layers 0"),
        (["inspect", "net.npz", "--layer", "1", "--neuron", "99"], "neurons 0 to"),
        (["inspect", "net.npz", "--out", "net.npz"], "net.npz"),
        (["predict", "net.npz", "two.png"], "takes pictures"),
        (["predict", "nowhere.npz", "two.png"], "nowhere.npz"),
        (["predict", "text.npz", "two.png"], "text.npz"),
        (["predict", "net.npz", "two.png", "--invert", "maybe"], "--invert"),
        (["step", "--model", "nowhere.npz"], "nowhere.npz"),
        (["step", "--model", "text.npz"], "text.npz"),
        *(
            (["step", *npz, option, text], option)
            for option, text in (
                ("--hidden", "8"),
                ("--conv", "8x5"),
                ("--activation", "relu"),
                ("--epochs", "2"),
                ("--dropout", "0.1"),
                ("--loss", "mse"),
                ("--schedule", "cosine"),
                ("--l2", "0.1"),
                ("--dtype", "float64"),
                ("--batch-norm", "yes"),
                ("--early-stopping", "1"),
                ("--seed", "0"),
            )
        ),
        (["step", "--animate"], "--plot"),
        (["step", "--plot", "net.npz"], "net.npz"),
        (["bench", "--cases", "smal"], "small"),
        (["bench", "--peers", "tensorflow"], "tensorflow"),
        (["bench", "--rounds", "0"], "--rounds"),
        (["bench", "--inspect", "--scale"], "--scale"),
        (["bench", "--out", "net.npz"], "net.npz"),
        (["--nonsense"], "--nonsense"),
        (["--", "train"], "train"),
        (["train", "--", "x"], "x"),
        ([""], "''"),
        (["trian"], "did you mean 'train'"),
        (["TRAIN"], "did you mean 'train'"),
        (["\0"], "x00"),
        (["train", "--hidden", "1" * 5000], "--hidden"),
        (["train", "--hidden", "9" * 400], "--hidden"),
        (["train", "--epochs", "9" * 5000], "--epochs"),
        (["train", "--seed", "9" * 5000], "--seed"),
        (["train", "--activation", "x" * 100_000], "softmax)"),
        (["train", "--activation", "relu\nx"], "activation"),
    ]


def about_the_data():
    """Wrong command lines that only the data can tell."""
    return [
        (["train", "--data", "mnits"], "did you mean 'mnist'"),
        (["train", "--data", "mnist"], "not found"),
        (["train", "--data", "/nowhere"], "/nowhere"),
        (["train", "--data", ""], "expected"),
        (["train", "--data", "text.npz"], "text.npz"),
        (["train", "--data", "few.csv"], "could be column 1"),  # two rows tell nothing of their columns
        (["train", "--data", "few.csv"], "NAME is first, last, the name of a column or its number"),
        (["train", "--data", "bad.csv"], "bad.csv, line 2, column 2: expected a number, received 'x'"),
        (["train", "--data", "bad.csv", "--label-column", "first"], "bad.csv, line 2, column 2: expected a number"),
        (["train", "--data", "typo.csv"], "typo.csv, line 7, column 3: expected a number, received 'x'"),
        (["train", "--data", "."], "or a folder with data, received a folder with"),
        (["data", "--data", "fashion"], "fashion-mnist"),
        (["train", "--data", "digits", "--train-size", "20000"], "10,000"),
        (["scenario", "--data", "digits", "--train-size", "20000"], "10,000"),
        (["step", "--data", "digits", "--train-size", "20000"], "10,000"),
        (["compare", "--data", "digits", "--vary", "train_size=50,20000"], "10,000"),
        (["train", "--data", "digits", "--hidden", "1000000,1000000"], "fit into memory"),
        (["train", "--data", "digits", "--conv", "999999x5"], "fit into memory"),
        (
            ["train", "--data", "digits", "--conv", "8x5,pool2,16x5,pool2,8x5"],
            "pool2 leaves 4 x 4, and 8x5 does not fit",
        ),
        (["step", "--data", "digits", "--conv", "8x5,pool2,pool13"], "8x5 leaves 24 x 24, pool2 leaves 12 x 12, and"),
        (["explore", "--data", "digits", "--conv", "8x29"], "8x29 does not fit into 28 x 28"),
        (["compare", "--data", "digits", "--vary", "conv=8x5;8x29"], "8x29 does not fit into 28 x 28"),
        (["scenario", "losses", "--data", "digits", "--conv", "8x29"], "8x29 does not fit into 28 x 28"),
        (["scenario", "symmetry", "--data", "digits", "--conv", "8x5"], "neurons that see whole samples; received 8x5"),
        (["train", "--data", "small.csv", "--conv", "8x5"], "samples of 4 numbers"),
        (["step", "--data", "digits", "--model", "net.npz"], "samples of 4"),
        (["bench", "--data", "small.csv"], "28 x 28"),
        (["inspect", "net.npz", "--data", "digits"], "samples of 4"),
    ]


GENERATED = [*made_from_the_parsers(), *made_from_the_settings(), *made_by_hand()]
ABOUT_DATA = about_the_data()


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with a network of another size than the data, and files that are not what they seem."""
    folder = tmp_path_factory.mktemp("wrong")
    ns.Network([ns.Input(4), ns.Dense(3, "relu"), ns.Dense(2, "softmax")]).save(folder / "net.npz")
    (folder / "text.npz").write_text("hello")
    (folder / "bad.csv").write_text("1,2\n1,x\n")
    (folder / "few.csv").write_text("1,2\n1,3\n")
    rows = [f"{k % 2},{3 * k % 7},{5 * k % 11}" for k in range(12)]
    (folder / "typo.csv").write_text("\n".join([*rows[:6], "0,4,x", *rows[7:]]))
    (folder / "small.csv").write_text("1,2,3,4,5\n0,2,3,4,5\n" * 10)
    return folder


@pytest.fixture
def refused(workplace, monkeypatch):
    """A function that runs a command line and returns what it printed as it refused it."""
    monkeypatch.chdir(workplace)
    for name in [name for name in os.environ if name.startswith("NEUROSIM") and name != "NEUROSIM_ENGINE"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NEUROSIM_HOME", str(workplace / "home"))
    monkeypatch.setenv("NEUROSIM_OFFLINE", "1")
    before = sorted(path for path in workplace.rglob("*") if path.is_file())

    def run(words):
        code, _, message = run_cli(*words)
        assert code == 2, message
        assert message.startswith("error: ") and len(message.splitlines()) == 1 and len(message) < 1500
        assert sorted(path for path in workplace.rglob("*") if path.is_file()) == before
        return message

    return run


def too_late(*_, **__):
    raise AssertionError("the command line was accepted")


def test_there_are_hundreds_of_them():
    assert len({tuple(words) for words, _ in GENERATED}) > 300
    assert {words[0] for words, _ in GENERATED} >= set(COMMANDS)


@pytest.mark.quick_every(8)
@pytest.mark.parametrize(("words", "expected"), GENERATED, ids=[" ".join(words)[:60] for words, _ in GENERATED])
def test_a_wrong_command_line_is_refused_before_any_work(words, expected, refused, monkeypatch):
    monkeypatch.setattr("neurosim.data.load", too_late)
    assert expected in refused(words)


@pytest.mark.parametrize(("words", "expected"), ABOUT_DATA, ids=[" ".join(words) for words, _ in ABOUT_DATA])
def test_what_does_not_go_with_the_data_is_refused(words, expected, refused):
    assert expected in refused(words)


@pytest.mark.quick_for("words0")
@pytest.mark.parametrize("words", [["trian"], ["train", "--epochs", "many"], ["plot", "nowhere"]])
def test_a_process_of_its_own_says_the_same(words, refused):
    message = refused(words)
    result = subprocess.run([sys.executable, str(ROOT / "main.py"), *words], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr, result.stdout) == (2, message, "")
