"""The prompt of ``step``: recorded at a pseudo-terminal, fed from pipes and files, and driven inside the process."""

import contextlib
import io
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from data_files import small_set, write_idx

import main
import neurosim as ns
from neurosim.cli.prompt import COMMANDS as COMMANDS_TABLE, SHORT, Prompt
from neurosim.glossary import GLOSSARY
from neurosim.walk import STAGES, Stepper, undo

ROOT = Path(__file__).resolve().parents[2]
STEP = ("step", "--data", "digits", "--offline", "--hidden", "16", "--epochs", "1", "--train-size", "500")
COMMANDS = {
    "ablate",
    "at",
    "back",
    "batch",
    "check",
    "clamp",
    "epoch",
    "freeze",
    "goto",
    "gradient",
    "help",
    "here",
    "inputs",
    "neuron",
    "next",
    "plot",
    "quit",
    "restore",
    "sample",
    "set",
    "status",
    "top",
    "undo",
    "unfreeze",
    "update",
    "walk",
    "weights",
    "word",
}
DOCUMENT = {
    "sample",
    "layer",
    "neuron",
    "activation",
    "inputs",
    "weights",
    "bias",
    "z",
    "a",
    "da_dz",
    "downstream",
    "dL_da",
    "delta",
    "dL_dW",
    "dL_db",
    "loss",
    "update",
    "loss_after",
    "stages",
    "check",
}
posix = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals and select on pipes are POSIX")


def environment(folder):
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("NEUROSIM") or name == "NEUROSIM_ENGINE"
    }
    return kept | {"NEUROSIM_HOME": str(folder / "home"), "NEUROSIM_OFFLINE": "1", "TERM": "dumb", "MPLBACKEND": "agg"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A small network for the digits, saved."""
    net = ns.Network([ns.Input((28, 28)), ns.Dense(12, "tanh"), ns.Dense(10, "softmax")], seed=3)
    return str(net.save(tmp_path_factory.mktemp("model") / "net.npz"))


@pytest.fixture(scope="module")
def small(model, tmp_path_factory):
    """Options for the saved network and a few images of noise, which are read faster than digits are drawn."""
    folder = write_idx(tmp_path_factory.mktemp("data"), small_set(train=200, test=30, side=28))
    return ("--model", model, "--data", str(folder), "--offline")


@pytest.fixture
def run(tmp_path):
    """Run ``python main.py …`` in an empty folder; returns the finished process."""

    def run(*words, **options):
        options = {"capture_output": True, "text": True, "timeout": 60, "cwd": tmp_path} | options
        return subprocess.run([sys.executable, str(ROOT / "main.py"), *words], env=environment(tmp_path), **options)

    return run


# --- inside the process: each command --------------------------------------------------------------------------------


@pytest.fixture
def ask(blobs, make_net):
    """A prompt on a small network, as a function: a line -> what is said."""
    stepper = Stepper(make_net(dtype="float64"), *blobs, batch_size=16, layer=1, neuron=3)
    out = io.StringIO()
    prompt = Prompt(stepper, stdin=io.StringIO(), stdout=out)

    def ask(line):
        out.seek(0)
        out.truncate()
        ask.ended = prompt.onecmd(line) if line else prompt.emptyline()
        return out.getvalue().rstrip("\n")

    ask.prompt, ask.stepper = prompt, stepper
    return ask


def test_a_full_undo_list_is_told_once_and_in_the_status(ask):
    size = sum(array.nbytes for array in ask.stepper.network.arrays().values())
    ask.stepper._undo.budget = 4 * size + 10 * undo.SMALL
    said = [ask("batch 3"), ask("batch 30"), ask("batch 2"), ask("status")]
    assert ["undo can take back" in each for each in said] == [False, True, False, True]
    assert "older ones were dropped to keep memory under" in " ".join(said[1].split())


def test_the_commands_are_these_and_each_has_a_line_of_help(ask):
    assert set(ask.prompt.commands()) == COMMANDS
    lines = ask("help").splitlines()
    named = {found[1] for line in lines[:-1] if (found := re.match(r"  (\w+)", line))}
    assert named == COMMANDS and "Enter repeats" in lines[-1]
    assert max(map(len, lines)) <= 79
    for name in COMMANDS:
        assert ask(f"help {name}").strip().startswith(name)
    for short, name in SHORT.items():
        if short not in ("?", "EOF"):
            assert ask(f"help {short}") == ask(f"help {name}")


def test_short_forms_and_beginnings_are_the_whole_commands(ask):
    for short, name in (
        ("w", "weights"),
        ("weig", "weights"),
        ("i", "inputs"),
        ("g", "gradient"),
        ("c", "check"),
        ("l", "here"),
        ("h", "help"),
        ("?", "help"),
        ("st", "status"),
        ("wa", "walk"),
    ):
        assert ask(short) == ask(name)
    assert ask("n") != ask("n") and ask.stepper.position == 2
    assert ask("b") and ask.stepper.position == 1
    assert "neuron 5" in ask("neu 5") and ask.stepper.neuron == 5
    assert ask("s 2") and ask.stepper.sample == 2 and ask("t 2") and ask.prompt.top == 2
    ask("ep")
    assert ask("u").startswith("undone: epoch; sample 2: loss ")


def test_walking_says_each_stage_with_its_number(ask):
    assert ask("here").startswith("layer 1, neuron 3 (tanh), sample 0: label")
    for k, name in enumerate(STAGES[1:], start=2):
        text = ask("next")
        assert text.startswith(f"{k}/11 ") and ask.stepper.stage().text in text and STAGES[ask.stepper.position] == name
    assert ask("next").startswith("this is the last stage. To train further: update") and ask.prompt.errors == 0
    for k in range(10, 0, -1):
        assert ask("back").startswith(f"{k}/11 ")
    assert ask("back").startswith("this is the first stage") and ask.prompt.errors == 0
    assert ask("goto upd").startswith("10/11 ") and ask("goto 3").startswith("3/11 activation")
    assert ask("goto").split() == [
        word for k, name in enumerate(ask.stepper.titles(), 1) for word in f"{k} {name}".split()
    ]
    assert ask("walk").endswith(ask.stepper.neuron_trace.explain(5).splitlines()[-1])


def test_goto_takes_what_is_printed_as_the_title(ask):
    for k, stage in enumerate(ask.stepper.neuron_trace.stages()):
        for name in (stage.key, stage.title, stage.heading, stage.title.upper(), stage.key.replace("_", " ")):
            ask(f"goto {'inputs' if k else 'update'}")
            assert ask(f"goto {name}").startswith(f"{k + 1}/11 "), name
    assert ask("goto output and loss of").startswith("4/11") and ask("goto the loss").startswith("11/11")


def test_a_change_is_said_with_the_numbers_before_and_after(ask):
    """Compared with the network itself, evaluated before and after."""
    stepper = ask.stepper
    x, y = stepper.batches.rows[:1], stepper.batches.targets[:1]

    def numbers():
        stepper.network.predict(x)
        neuron = stepper.network.neuron(1, 3)
        z, a = float(neuron.z[0]), float(neuron.a[0])
        return {"z": z, "a": a, "loss": stepper.network.evaluate(x, y)["loss"], "bias": neuron.bias}

    for line, names in (
        ("set bias 0.75", {"bias", "z", "a", "loss"}),
        ("set weight 0 -2", {"z", "a", "loss"}),
        ("clamp 0.4", {"a", "loss"}),
        ("restore", {"a", "loss"}),
        ("ablate", {"a", "loss"}),
        ("set weight 1 0.5", {"z"}),  # its output is ablated
    ):
        before = numbers()
        said = ask(line)
        after = numbers()
        for name in ("z", "a", "loss"):
            one, two = (f"{each[name]:.{6 if name == 'loss' else 5}g}" for each in (before, after))
            assert (name in names) == (one != two), (line, name)
            assert f"{name} {one} -> {two}" in said if one != two else f"{name} {two} (as before)" in said
    assert ask("set rate 0.5") == "rate 0.001 -> 0.5"
    assert ask("freeze") == "frozen: this neuron's weights and bias stay as they are"
    assert ask("freeze") == "error: expected a neuron that is not frozen, received one that is"
    assert ask("unfreeze") == "unfrozen: this neuron is trained again"
    assert re.search(r"bias 0\.75 -> -1,", ask("set bias -1")) and "activation tanh -> relu" in ask(
        "set activation relu"
    )
    for line in ("batch 2", "epoch"):
        assert re.search(r"; sample 0: loss\s\S+ -> \S+$", ask(line))


def test_a_weight_of_an_input_of_zero_says_why_z_stays(capsys):
    net = ns.Network([ns.Input(5), ns.Dense(8, "tanh"), ns.Dense(3, "softmax")], seed=0)
    stepper = Stepper(net, np.array([[0.0, 1.0, 0.0, 2.0, 1.0]], "float32"), [1], sample=0, layer=1, neuron=0)
    prompt = Prompt(stepper)
    prompt.onecmd("set weight 0 0.5")
    said = capsys.readouterr().out
    assert "the input of this weight is 0 in this sample: it does not change z" in said
    prompt.onecmd("set weight 1 0.5")
    prompt.onecmd("status")
    said = capsys.readouterr().out
    assert "the input of this weight" not in said and "mean activation" not in said and "bias 0" in said


def test_the_next_misread_sample(ask):
    stepper = ask.stepper
    classes = stepper.batches.targets.argmax(1)
    wrong = np.flatnonzero(stepper.network.predict(stepper.batches.rows) != classes).tolist()
    assert len(wrong) > 2
    seen = []
    for line in ["next misread", "sample misread", "n misread"] * (len(wrong) // 3 + 1):
        assert "read as" in ask(line)
        seen.append(stepper.sample)
    start = 1 if wrong[0] == 0 else 0
    assert seen == [wrong[(start + k) % len(wrong)] for k in range(len(seen))]


def test_an_empty_line_repeats_the_last_command(ask):
    ask("next")
    assert ask("").startswith("3/11") and ask("").startswith("4/11")
    ask("batch")
    ask("")
    assert ask.stepper.changes == ["batch", "batch"]


def test_looking_gives_the_largest_by_number(ask):
    here = ask.stepper.neuron_trace
    for command, values, extra in (
        ("weights", here.weights, "bias"),
        ("inputs", here.inputs, ""),
        ("gradient", here.dL_dW, "dL/db"),
    ):
        lines = ask(command).splitlines()
        order = np.argsort(-np.abs(values), kind="stable")
        assert "5 in all" in lines[0]
        for line, i in zip(lines[1:6], order, strict=True):
            assert int(line.split()[0]) == i and float(line.split()[-1]) == pytest.approx(values[i], rel=1e-4)
        assert extra in lines[-1]
    ask("top 2")
    assert len(ask("inputs").splitlines()) == 3 and "the other 3 terms sum to" in ask("goto 2")
    assert re.search(r"relative error \d\.\de-\d\d \(weights\)", ask("check"))
    assert "not ablated, clamped or frozen" in ask("status") and "to undo: nothing" in ask("status")


def test_changing_says_what_came_of_it_and_undo_takes_it_back(ask):
    stepper = ask.stepper
    before = stepper.network.predict_proba(stepper.batches.rows).tobytes()
    for line, words in (
        ("set weight 2 0.5", "set weight 2 0.5: sample 0 is read as"),
        ("set bias -1", "set bias -1: sample 0"),
        ("set rate 0.01", "rate 0.001 -> 0.01"),
        ("set activation relu", "loss"),
        ("set activation none", "loss"),
        ("freeze", "frozen: this neuron"),
        ("unfreeze", "unfrozen"),
        ("ablate", "ablated"),
        ("ablate mean", "ablated to its mean"),
        ("clamp 0.4", "clamped to 0.4"),
        ("restore", "restored"),
        ("update", "updated on sample 0 alone: loss"),
        ("batch", "1 batch of 16: loss"),
        ("batch 3", "3 batches of 16: loss"),
        ("epoch", "2 batches, mean loss"),
    ):
        assert words in ask(line), line
    assert stepper.live_neuron.weights[2] != 0.5 and stepper.network.optimizer.rate == 0.01
    assert "to undo, latest first:" in ask("status") and "epoch" in ask("status")
    losses = [f"{stepper.trace.loss:.6g}"]
    said = []
    for _ in range(17):
        said.append(ask("undo"))
        losses.append(f"{stepper.trace.loss:.6g}")
    assert said[0].startswith("undone: epoch; ") and said[-1].startswith("undone: set weight 2 0.5; ")
    for line, old, new in zip(said, losses, losses[1:], strict=False):
        told = f"{old} (as before)" if old == new else f"{old} -> {new}"
        assert line.endswith(f"; sample 0: loss {told}"), line
    assert len(set(losses)) > 5
    assert ask("undo") == "error: nothing to undo"
    for line in ("ablate", "restore", "set activation none", *["freeze", "unfreeze"] * 2):
        ask(line)
    told = "to undo, latest first: unfreeze, freeze, unfreeze, freeze, set activation none (and 2 earlier)"
    assert told in " ".join(ask("status").split())
    said = ask("undo 99").splitlines()
    assert len(said) == 8 and said[-1] == "7 changes undone; there is nothing more to undo"
    assert stepper.network.predict_proba(stepper.batches.rows).tobytes() == before


@pytest.mark.parametrize(
    ("neuron", "name", "number"),
    [
        ("neuron 1 0", "weight in g", 2),
        ("neuron 1 1", "length", 0),
        ("neuron 2 1", "neuron 2", 2),
        ("neuron 1 1", "1", 1),
    ],
)
def test_a_weight_is_called_as_the_walk_calls_its_input(neuron, name, number, capsys):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 3)), rng.integers(0, 2, 30).astype(np.uint8)
    names = ("length", "width", "weight in g")
    data = ns.data.Dataset(x, y, "fruit", "train", "", ("apple", "pear"), feature_names=names)
    net = ns.Network([ns.Input(3), ns.Dense(3, "tanh"), ns.Dense(2, "softmax")], seed=0)
    net.fit(data, epochs=1, verbose=False)
    stepper = ns.Stepper(net, data, None)
    prompt = Prompt(stepper)
    prompt.onecmd(neuron)
    prompt.onecmd(f"set weight {name} 0.25")
    assert stepper.live_neuron.weights.flat[number] == 0.25
    assert f"set weight {number} 0.25: sample 0 is read as" in capsys.readouterr().out


def test_plot_says_where_or_why_not(ask, tmp_path):
    assert "error: plot: this prompt cannot draw" in ask("plot")
    ask.prompt.plot = lambda stepper, folder: folder / "neuron.png"
    assert ask("plot") == f"wrote {Path('results') / 'neuron.png'}"
    assert ask(f"plot {tmp_path}") == f"wrote {tmp_path / 'neuron.png'}"

    def full(stepper, folder):
        raise PermissionError(13, "Permission denied")

    ask.prompt.plot = full
    assert ask("plot /nowhere") == "error: plot: cannot write to /nowhere: Permission denied"


WRONG = [
    ("nxet", "unknown command 'nxet'; did you mean 'next'? (help lists all commands)"),
    ("frobnicate", "unknown command"),
    ("release", "did you mean 'restore'"),  # its name in Python
    ("unfreeze", "expected a frozen neuron, received one that is not"),
    ("ne", "'ne' could be neuron, next"),
    ("un", "'un' could be undo, unfreeze"),
    ("help nosuch", "unknown command"),
    ("help ne", "could be"),
    ("NEXT", "did you mean 'next'"),
    ("42", "unknown command '42'"),
    ("!ls", "unknown"),
    ("foo-bar baz", "unknown command 'foo-bar'"),
    ("neuron", "expected neuron L J, or neuron J of this layer (1, with neurons 0 to 7), received nothing"),
    ("neuron 1 2 3", "neuron L J"),
    ("neuron one", "received 'one'"),
    ("neuron 1.5", "received '1.5'"),
    ("neuron 9 0", "layers 0 (input) to 3"),
    ("neuron 1 8", "neurons 0 to 7"),
    ("neuron 0 0", "layer 0 is the input"),
    ("sample", "expected sample I"),
    ("sample 90", "from 0 to 89, received 90"),
    ("sample -1", "received -1"),
    ("sample x", "expected sample I"),
    ("top", "expected top K"),
    ("top 0", "at least 1, received 0"),
    ("top -2", "received -2"),
    ("next next", "expected next, or next misread, received 'next next'"),
    ("restore", "expected an ablated or clamped neuron"),
    ("epoch 0", "epoch: expected a whole number of at least 1, received 0"),
    ("epoch -1", "at least 1, received -1"),
    ("undo 0", "at least 1, received 0"),
    ("epoch 1 2", "expected epoch [N]"),
    ("goto nowhere", "unknown stage 'nowhere'"),
    ("goto 12", "from 1 to 11, received 12"),
    ("goto de", "could be derivative, delta"),
    ("goto d", "could be downstream, derivative, delta"),
    ("goto ²", "unknown stage"),
    ("set", "expected weight I VALUE"),
    ("set weight 3", "received 'weight 3'"),
    ("set weight x 1", "set weight I VALUE"),
    ("set weight 5 1", "from 0 to 4"),
    ("set weight -1 1", "at least 0"),
    ("set weight 0 much", "finite number, received 'much'"),
    ("set bias", "bias VALUE"),
    ("set bias nan", "finite"),
    ("set rate -1", "learning_rate"),
    ("set rate fast", "finite number"),
    ("set activation softmax", "softmax"),
    ("set activation rellu", "did you mean 'relu'"),
    ("set colour red", "received 'colour red'"),
    ("batch 0", "at least 1, received 0"),
    ("batch -1", "at least 1"),
    ("batch two", "expected batch [N]"),
    ("batch 1 2", "expected batch [N]"),
    ("ablate half", "clamp VALUE"),
    ("clamp", "clamp VALUE: expected a finite number, received nothing"),
    ("n 1 5", "expected next, or next misread, received 'next 1 5'; for another neuron use neuron L J"),
    ("next misreed", "or next misread, received 'next misreed'"),
    ("goto l", "could be derivative, loss_after"),
    ("clamp high", "finite number, received 'high'"),
    ("undo", "nothing to undo"),
    ("plot", "this prompt cannot draw"),
]


@pytest.mark.parametrize(("line", "words"), WRONG, ids=[line for line, _ in WRONG])
def test_a_wrong_command_is_answered_in_a_line_and_changes_nothing(line, words, ask):
    before = (
        ask.stepper.network.parameters.theta.tobytes(),
        ask.stepper.layer,
        ask.stepper.neuron,
        ask.stepper.sample,
        ask.stepper.position,
        ask.prompt.top,
    )
    answer = ask(line)
    assert answer.startswith("error: ") and max(map(len, answer.splitlines())) < 80
    assert words in " ".join(answer.split())
    assert not ask.ended and ask.prompt.errors == 1 and ask.stepper.changes == []
    assert before == (
        ask.stepper.network.parameters.theta.tobytes(),
        ask.stepper.layer,
        ask.stepper.neuron,
        ask.stepper.sample,
        ask.stepper.position,
        ask.prompt.top,
    )


def test_numbers_are_parsed_here_and_said_as_they_were_typed(ask, monkeypatch):
    handed = []
    monkeypatch.setattr(ask.stepper, "set_weight", lambda *given: handed.append(given) or "done")
    monkeypatch.setattr(ask.stepper, "clamp", lambda *given: handed.append(given) or "done")
    for line in ("set weight 2 0.5", "set weight 0 -3", "set weight 1 +1e-3", "clamp 2", "clamp .25"):
        assert ask(line).startswith("done: sample 0")
    assert handed == [(2, 0.5), (0, -3), (1, 0.001), (2,), (0.25,)]
    assert all(isinstance(value, (int, float)) for given in handed for value in given)
    for line in ("set bias 2", "set bias -1.5", "set rate 0.125"):
        assert ask(line).startswith("rate 0.001 -> 0.125" if "rate" in line else f"{line}: sample 0")
        assert re.fullmatch(rf"undone: {re.escape(line)}; sample 0: loss \S+( -> \S+| \(as before\))", ask("undo"))


def test_commands_are_data_and_not_what_their_docstrings_say():
    methods = {name[3:] for name in dir(Prompt) if name.startswith("do_")}
    assert set(COMMANDS_TABLE) == methods == COMMANDS
    for name, (usage, purpose) in COMMANDS_TABLE.items():
        assert usage.split()[0] == name and purpose.endswith(".")
        method = getattr(Prompt, f"do_{name}")
        assert method.__doc__ is None


def test_what_takes_nothing_refuses_what_follows(ask):
    for name, (usage, _) in COMMANDS_TABLE.items():
        if usage == name and name != "quit":  # next takes misread alone, which its own lines above hold
            assert ask(f"{name} more") == f"error: {name}: expected nothing after it, received 'more'"


def test_word_explains_a_word_or_lists_them_all(ask):
    assert " ".join(ask("word delta").split()) == f"delta {GLOSSARY['delta']}"
    assert ask("word Learning rates").startswith("learning rate  The factor")
    assert ask("word detla").startswith("error: 'detla' is not in the glossary; did you mean 'delta'?")
    listed = ask("word")
    assert " ".join(listed.split()) == ", ".join(GLOSSARY) and max(map(len, listed.splitlines())) <= 79


def test_spaces_around_a_command_do_not_matter(ask):
    assert ask("  next ") and ask.stepper.position == 1
    assert "neuron 2" in ask(" neuron   1   2 ") and ask.stepper.neuron == 2


def test_quit_and_the_end_of_input_leave(ask):
    for line in ("quit", "q", "EOF"):
        ask(line)
        assert ask.ended


def test_ctrl_c_in_a_command_says_what_became_of_it(ask, monkeypatch):
    real, calls = ask.stepper.network.step_, []

    def interrupted():
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real()

    before = ask.stepper.network.parameters.theta.tobytes()
    for line in ("batch 10", "epoch"):
        calls.clear()
        monkeypatch.setattr(ask.stepper.network, "step_", interrupted)
        assert "the network is as it was before the command" in ask(line) and not ask.ended
        assert ask.stepper.network.parameters.theta.tobytes() == before and ask.stepper.changes == []


def test_a_script_is_echoed_and_its_empty_lines_are_nothing(blobs, make_net):
    out = io.StringIO()
    stepper = Stepper(make_net(), *blobs, batch_size=16, layer=1, neuron=3)
    prompt = Prompt(stepper, echo=True, stdin=io.StringIO("next\n\n   \nbatch 2\n\nfoo\nundo"), stdout=out)
    prompt.run()
    assert [line for line in out.getvalue().splitlines() if line.startswith("(step)")] == [
        "(step) next",
        "(step) batch 2",
        "(step) foo",
        "(step) undo",
    ]
    assert stepper.position == 1 and stepper.changes == ["batch"] and prompt.errors == 1


def test_commands_and_stages_complete(ask):
    assert sorted(ask.prompt.completenames("un")) == ["undo", "unfreeze"]
    assert ask.prompt.complete_goto("de", "goto de", 5, 7) == ["derivative", "delta"]


# --- at a terminal ---------------------------------------------------------------------------------------------------


class Terminal:
    """A process at a pseudo-terminal of its own, read prompt by prompt."""

    def __init__(self, folder, *words):
        import fcntl
        import pty
        import struct
        import termios

        self.here, self.there = pty.openpty()
        fcntl.ioctl(self.there, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 300, 0, 0))
        self.settings = termios.tcgetattr(self.there)

        def take_the_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "main.py"), *words],
            cwd=folder,
            env=environment(folder),
            stdin=self.there,
            stdout=self.there,
            stderr=self.there,
            preexec_fn=take_the_terminal,
        )
        self.record = ""

    def read(self, until="(step) ", timeout=60):
        """What comes until the prompt stands there again, or the process has ended."""
        found, end = b"", time.monotonic() + timeout
        while time.monotonic() < end:
            if select.select([self.here], [], [], 0.01)[0]:
                try:
                    found += os.read(self.here, 65536)
                except OSError:  # the other side is closed
                    break
            elif (until and found.endswith(until.encode())) or self.process.poll() is not None:
                break
        else:
            raise AssertionError(f"no {until!r} within {timeout} s, but {found!r}")
        text = found.decode().replace("\r\n", "\n")
        self.record += text
        return text

    def send(self, keys, until="(step) "):
        os.write(self.here, keys.encode())
        return self.read(until)

    def ask(self, line):
        return self.send(line + "\n")

    def leave(self, keys):
        """Send the last keys; the exit status, and whether the terminal is as it was."""
        import termios

        text = self.send(keys, until=None)
        status = self.process.wait(20)
        return status, text, termios.tcgetattr(self.there) == self.settings

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for descriptor in (self.here, self.there):
            with contextlib.suppress(OSError):
                os.close(descriptor)


@pytest.fixture
def terminal(tmp_path):
    """A function (words) -> a Terminal at its first prompt."""
    opened = []

    def start(*words):
        opened.append(Terminal(tmp_path, *words))
        opened[-1].first = opened[-1].read()
        return opened[-1]

    yield start
    for each in opened:
        each.close()


SESSION = [  # line, what the answer has to hold
    ("help", r"ablate \[mean\]"),
    ("help batch", r"batch \[N\]"),
    ("next", "2/11 weighted sum"),
    ("", "3/11 activation"),
    ("n", "4/11"),
    ("b", "3/11"),
    ("back", "2/11"),
    ("goto", "11 the loss again"),
    ("goto update", "10/11 update by adam"),
    ("goto 1", "1/11 inputs"),
    ("goto nowhere", "error: unknown stage"),
    ("here", "layer 1, neuron"),
    ("walk", r"11\. the loss again"),
    ("neuron 1 5", "layer 1, neuron 5"),
    ("neuron 3", "layer 1, neuron 3"),
    ("neuron 2 99", "error: layer 2 has"),
    ("at 3,4", "error: at: expected a filter, or a channel of a feature map"),
    ("sample 7", "sample 7: label"),
    ("s 100000", "error: sample"),
    ("top 3", "1/11"),
    ("top x", "error: expected top"),
    ("weights", r"784 in all; the 3 largest in size \(number, name, value\):"),
    ("w", "bias"),
    ("inputs", "784 in all"),
    ("gradient", "dL/db"),
    ("check", "central differences"),
    ("status", "optimizer adam"),
    ("set weight 300 0.5", "is read as"),
    ("set bias 0.25", "is read as"),
    ("set rate 0.01", r"rate 0.001 -> 0\.01"),
    ("set activation tanh", "is read as"),
    ("set weight 784 1", "error: weight"),
    ("set nothing", "error: set: expected"),
    ("freeze", "frozen"),
    ("unfreeze", "unfrozen"),
    ("ablate", "ablated"),
    ("ablate mean", "ablated to its mean"),
    ("clamp 1.5", "clamped"),
    ("restore", "restored"),
    ("update", "updated on sample 7 alone"),
    ("batch", "1 batch of 64"),
    ("batch 5", "5 batches of 64"),
    ("batch x", "error: expected batch"),
    ("epoch", "mean loss"),
    ("undo", "undone: epoch"),
    ("u", "undone: batch"),
    ("", "undone: batch"),
    ("status", "to undo(, latest first)?: .*batch"),
    ("word delta", "dL/dz"),
    ("plot pictures", "wrote pictures"),
    ("plot /proc/nowhere", "error: .*cannot write"),
    ("nxet", "did you mean 'next'"),
    ("ne", "could be neuron, next"),
    ("\\", "error: unknown command"),
]


@posix
@pytest.mark.full
def test_a_session_at_the_prompt(terminal, tmp_path):
    session = terminal(*STEP)
    assert re.search(r"layer 1, neuron \d+ \(relu\), sample \d+: label (\d), read as (?!\1)\d\n", session.first)
    first = " ".join(session.first.split())  # the sentence is wrapped to the terminal
    assert "the first misread sample; the network misreads" in first and "▀" in session.first
    assert re.search(r"chosen: this neuron has the largest \|delta\|", first) and "1/11 inputs" in first
    for line, words in SESSION:
        answer = session.ask(line)
        assert re.search(words, answer), (line, answer)
        assert "Traceback" not in answer and answer.endswith("(step) ")
        assert ("error: " in answer) == words.startswith(("error", "did", "could")) or line == ""
    assert list((tmp_path / "pictures").glob("*.png"))
    used = {SHORT.get(line.split()[0], line.split()[0]) for line, _ in SESSION if line}
    assert COMMANDS - {"quit"} <= used
    status, _, as_before = session.leave("quit\n")
    assert status == 0 and as_before and "Traceback" not in session.record and "Warning" not in session.record


@posix
def test_the_places_of_a_filter_at_the_prompt(terminal, tmp_path, small):
    net = ns.Network([ns.Input((28, 28)), ns.Conv2D(3, 5, "relu"), ns.MaxPool2D(2), ns.Dense(10, "softmax")], seed=3)
    session = terminal("step", *small, "--model", str(net.save(tmp_path / "filters.npz")))
    assert re.search(r"layer 1, filter \d at row \d+, column \d+ \(relu\)", session.first)
    assert "at row 3, column 4" in session.ask("at 3,4") and "at row 3, column 4" in session.ask("neuron 1")
    assert "at row 5, column 6" in session.ask("a\tt 5,6")  # Tab: ablate, or at
    assert "chosen: of its 576 places," in session.ask("at") and "6/11 downstream sum" in session.ask("goto 6")
    assert "error: layer 1 has rows 0 to 23" in session.ask("at 99,0")
    assert session.leave("q\n")[0] == 0


@posix
@pytest.mark.quick_for("q")
@pytest.mark.parametrize("keys", ["\x04", "\x03", "q\n", "half a line\x03"], ids=["ctrl-d", "ctrl-c", "q", "typing"])
def test_leaving_is_clean(keys, terminal, small):
    session = terminal("step", *small)
    session.ask("next")
    status, text, as_before = session.leave(keys)
    assert status == 0 and as_before
    assert "Traceback" not in text and "error" not in text.lower() and text.endswith("\n")


@posix
@pytest.mark.full
def test_ctrl_c_in_a_long_command_comes_back_to_the_prompt_with_the_network_as_it_was(terminal, small):
    session = terminal("step", *small)
    before = session.ask("status").split("\n", 1)[1]
    os.write(session.here, b"batch 1000000\n")
    time.sleep(0.7)
    answer = session.send("\x03")
    assert "interrupted; the network is as it was" in answer and "Traceback" not in answer
    after = session.ask("status").split("\n", 1)[1]

    def facts(text):
        return [line for line in text.splitlines() if line.startswith(("optimizer", "to undo", "this neuron"))]

    assert facts(after) == facts(before) and "to undo: nothing" in after
    assert "error: nothing to undo" in session.ask("undo")
    assert session.leave("\x04")[0] == 0


@posix
@pytest.mark.full
def test_ctrl_c_in_a_command_of_many_changes_keeps_those_that_were_finished_and_says_so(terminal, small):
    session = terminal("step", *small)
    os.write(session.here, b"epoch 1000000\n")
    time.sleep(2.0)
    answer = session.send("\x03")
    assert "interrupted; what was finished before stays" in answer and "Traceback" not in answer
    assert re.search("to undo(, latest first)?: epoch", session.ask("status")) and "undone: epoch" in session.ask(
        "undo"
    )
    assert session.leave("\x04")[0] == 0


@posix
def test_tab_completes_and_earlier_lines_come_back(terminal, small):
    pytest.importorskip("readline")
    session = terminal("step", *small)
    assert "2/11 weighted sum" in session.send("nex\t\n")
    assert "10/11 update" in session.send("goto upd\t\n")
    answer = session.send("un\t\t", until="(step) un")
    assert "undo" in answer and "unfreeze" in answer
    assert "undone" not in session.send("freeze\n")  # completes to unfreeze
    assert "10/11 update" in session.send("\x10\x10\n")  # Ctrl-P, Ctrl-P: the goto of before
    assert session.leave("\x04")[0] == 0


# --- without a terminal ----------------------------------------------------------------------------------------------


def test_commands_on_standard_input(run, small):
    result = run(
        "step",
        *small,
        "--layer",
        "1",
        "--neuron",
        "5",
        input="next\nset bias 0.5\n\nbatch 2\nundo\nundo\nundo\nquit\nnever\n",
    )
    assert result.returncode == 0, result.stderr
    assert [line for line in result.stdout.splitlines() if line.startswith("(step) ")] == [
        "(step) next",
        "(step) set bias 0.5",
        "(step) batch 2",
        *["(step) undo"] * 3,
        "(step) quit",
    ]
    assert "layer 1, neuron 5 (tanh), sample 0" in result.stdout and "undone: set bias 0.5" in result.stdout
    assert result.stderr == ""


def test_a_wrong_command_in_a_script_ends_with_status_2_after_the_others(run, small):
    result = run("step", *small, input="nxet\nnext\nbatch zero\nstatus")
    assert result.returncode == 2 and "Traceback" not in result.stderr
    assert "did you mean 'next'" in result.stdout and "2/11 weighted sum" in result.stdout
    assert "error: expected batch [N]" in result.stdout and "optimizer adam" in result.stdout


def is_the_whole_walk(text):
    assert [int(k) for k in re.findall(r"^(\d+)\. ", text, re.MULTILINE)] == list(range(1, 12))
    return "chosen: " in text and "central differences agree" in text and "(step)" not in text


def test_without_terminal_and_without_commands_the_whole_walk(run, small, tmp_path):
    result = run(
        "step", *small, "--layer", "2", "--neuron", "3", "--sample", "11", "--top", "2", stdin=subprocess.DEVNULL
    )
    assert result.returncode == 0 and is_the_whole_walk(result.stdout), result.stderr
    assert "layer 2, neuron 3 (softmax), sample 11" in result.stdout and "the other 10 terms" in result.stdout
    (tmp_path / "empty").write_text("\n  \n")
    with open(tmp_path / "empty") as empty:
        assert is_the_whole_walk(run("step", *small, stdin=empty).stdout)


@pytest.mark.full
def test_a_network_trained_on_the_spot(run):
    result = run(*STEP, stdin=subprocess.DEVNULL)
    assert result.returncode == 0 and is_the_whole_walk(result.stdout), result.stderr
    assert "largest |delta|" in result.stdout and "Traceback" not in result.stderr


@pytest.mark.full
def test_a_fresh_network_with_a_schedule(run):
    result = run(
        "step",
        "--data",
        "digits",
        "--hidden",
        "8",
        "--epochs",
        "0",
        "--schedule",
        "cosine",
        "--learning-rate",
        "0.01",
        input="status\nepoch\n",
    )
    assert result.returncode == 0 and "learning rate 0.01, updates so far: 0" in result.stdout, result.stderr


@posix
def test_a_closed_standard_input_does_not_matter(run, small):
    result = run("step", *small, preexec_fn=lambda: os.close(0))
    assert result.returncode == 0 and is_the_whole_walk(result.stdout), result.stderr
    assert result.stderr == ""


@posix
@pytest.mark.full
def test_an_open_pipe_on_which_nobody_writes_does_not_hang(run, small):
    reading, writing = os.pipe()
    try:
        result = run("step", *small, stdin=reading, timeout=30)
    finally:
        os.close(reading), os.close(writing)
    assert result.returncode == 0 and is_the_whole_walk(result.stdout), result.stderr


@posix
def test_a_reader_that_has_seen_enough_ends_it_quietly(small, tmp_path):
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), "step", *small],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read().decode()
    process.wait(60), process.stderr.close()
    assert "Traceback" not in errors


@posix
@pytest.mark.full
def test_a_signal_while_it_works_is_one_word(model, tmp_path):
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), *STEP[:-2], "--epochs", "500"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors and "Interrupted" in errors  # training stops, the walk uses the network as it is
    assert is_the_whole_walk(out)


# --- --json ----------------------------------------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.parametrize("script", [None, "next\nfoo\n"])
def test_json_is_one_document_with_everything_in_it(script, run):
    given = {"stdin": subprocess.DEVNULL} if script is None else {"input": script}
    result = run(*STEP, "--layer", "1", "--neuron", "5", "--sample", "3", "--json", **given)
    assert result.returncode == 0 and result.stdout.count("\n") == 1, result.stderr
    document = json.loads(result.stdout)
    assert set(document) == DOCUMENT
    assert set(document["sample"]) == {"index", "label", "prediction", "classes", "probabilities"}
    assert (document["layer"], document["neuron"], document["sample"]["index"]) == (1, 5, 3)
    for name in ("inputs", "weights", "dL_dW"):
        assert len(document[name]) == 784
    assert len(document["update"]["weights_after"]) == 784 and len(document["downstream"]) == 10
    assert set(document["update"]["terms"]) == {"m", "v", "m_hat", "v_hat", "step"}
    assert set(document["check"]) == {"max_relative_error"} and document["check"]["max_relative_error"] < 1e-3


def test_json_refuses_what_it_has_no_numbers_for(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main.main([*STEP, "--learning-rate", "1e30", "--optimizer", "sgd", "--json"])
    said = capsys.readouterr()
    assert ended.value.code == 2 and said.out == ""
    assert "error: json: expected a network of finite numbers, received NaN or infinity" in said.err


def test_json_has_the_stages_that_the_walk_shows(model, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    where = ["step", "--model", model, "--data", "digits", "--offline", "--layer", "1", "--neuron", "5", "--top", "3"]
    main.main([*where, "--json"])
    document = json.loads(capsys.readouterr().out)
    assert [stage["key"] for stage in document["stages"]] == list(STAGES)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    main.main(where)
    text = capsys.readouterr().out
    for stage in document["stages"]:
        assert f". {stage['title']}" in text or f": {stage['title']}" in text
    terms = [row for row in document["stages"][1]["rows"] if row["role"] == "term"]
    assert len(terms) == 3
    for row in terms:
        assert re.search(rf"^  {row['name']} .*= +{row['value']:.5g}$", text, re.MULTILINE)
        assert row["value"] == pytest.approx(row["factors"]["w"] * row["factors"]["x"], rel=1e-6)
        assert row["substituted"] == f"{row['factors']['w']:.5g} * {row['factors']['x']:.5g}"
    assert document["stages"][1]["result"]["value"] == document["z"]


@pytest.mark.full
def test_json_stays_one_document_beside_a_film(model, capsys, tmp_path, monkeypatch):
    import viz

    monkeypatch.setattr(viz, "neuron_film", lambda here, path, note: path)
    main.main(
        ["step", "--model", model, "--data", "digits", "--offline", "--json", "--plot", str(tmp_path), "--animate"]
    )
    said = capsys.readouterr()
    assert set(json.loads(said.out)) == DOCUMENT and ".png" in said.err and ".gif" in said.err


@pytest.mark.slow
def test_json_stays_one_document_beside_pictures(run, small, tmp_path):
    result = run("step", *small, "--json", "--plot", "here", "--animate", stdin=subprocess.DEVNULL)
    assert result.returncode == 0, result.stderr
    assert set(json.loads(result.stdout)) == DOCUMENT
    assert {path.suffix for path in (tmp_path / "here").iterdir()} == {".png", ".gif"}


def test_model_takes_another_optimizer_and_rate(model, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main.main(
        [
            "step",
            "--model",
            model,
            "--data",
            "digits",
            "--offline",
            "--optimizer",
            "momentum",
            "--learning-rate",
            "0.05",
            "--json",
        ]
    )
    update = json.loads(capsys.readouterr().out)["update"]
    assert (update["optimizer"], update["learning_rate"]) == ("momentum", 0.05)
    assert set(update["terms"]) == {"velocity", "step"}


# --- wrong options ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--layer", "9"], "layers 0 (input) to 2, received 9"),
        (["--layer", "0"], "layer 0 is the input"),
        (["--layer", "1", "--neuron", "99"], "neurons 0 to 11, received 99"),
        (["--neuron", "-1"], "--neuron"),
        (["--sample", "99999"], "from 0 to 1999, received 99999"),
        (["--sample", "first"], "--sample"),
        (["--hidden", "8"], "--hidden"),
        (["--activation", "tanh"], "--activation"),
        (["--epochs", "2"], "--epochs"),
        (["--animate"], "--plot DIR"),
        (["--top", "0"], "--top"),
        (["--optimizer", "adma"], "did you mean 'adam'"),
        (["--learning-rate", "-1"], "--learning-rate"),
        (["--plot", "/proc/nowhere"], "/proc/nowhere"),
        (["--modle", "x"], "did you mean '--model'"),
        (["--data", "/nowhere"], "/nowhere"),
    ],
)
def test_a_wrong_option_gets_one_clear_line_and_status_2(words, expected, model, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEUROSIM_HOME", str(tmp_path / "home"))
    data = [] if "--data" in words else ["--data", "digits"]
    with pytest.raises(SystemExit) as ended:
        main.main(["step", "--model", model, "--offline", *data, *words])
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.err.startswith("error: ") and len(said.err.splitlines()) == 1 and expected in said.err
    assert "Traceback" not in said.err and not list(tmp_path.rglob("*.png"))


@pytest.mark.parametrize(("content", "expected"), [(None, "No such file"), (b"not a network", "npz file")])
def test_a_model_that_is_none_is_one_line(content, expected, run, tmp_path):
    if content is not None:
        (tmp_path / "net.npz").write_bytes(content)
    result = run("step", "--model", "net.npz", "--data", "digits", stdin=subprocess.DEVNULL)
    assert result.returncode == 2 and result.stdout == ""
    assert len(result.stderr.splitlines()) == 1 and "net.npz" in result.stderr and expected in result.stderr


@pytest.mark.full
def test_data_of_another_size_than_the_model_is_one_line(run, tmp_path):
    ns.Network([ns.Input(5), ns.Dense(3, "softmax")]).save(tmp_path / "net.npz")
    result = run("step", "--model", "net.npz", "--data", "digits", stdin=subprocess.DEVNULL)
    assert result.returncode == 2 and len(result.stderr.splitlines()) == 1 and "5 numbers" in result.stderr
