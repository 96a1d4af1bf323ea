import csv
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from small_problem import X, Y, network

import neurosim as ns
from neurosim.training import checkpoint as module
from neurosim.training.checkpoint import checkpoints, read_checkpoint, write_checkpoint

ROOT = Path(__file__).resolve().parents[3]


class Killed(Exception):
    """An error that means the end of the process."""


class Die(ns.Callback):
    """Ends the run after a number of steps like a kill: no other callback can write anything."""

    def __init__(self, after, error=Killed):
        self.after, self.error = after, error

    def on_step(self, run):
        if len(run.history.batch_losses) == self.after:
            raise self.error


def images(N=90, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (N, 6, 5), dtype=np.uint8), rng.integers(0, 4, N)


# name -> (network settings, fit settings, callbacks): each has something that a run could forget
RUNS = {
    "everything": (
        {
            "hidden": [ns.Dense(12, use_bias=False), ns.BatchNorm("relu"), ns.Dropout(0.3), ns.Dense(7, "tanh")],
            "optimizer": lambda: ns.Nadam(ns.OneCycle(0.02)),
        },
        {"augment": "compose", "evaluate_train": True},
        lambda: [ns.EarlyStopping(patience=50), ns.GradientNorms(3)],
    ),
    "plateau": ({"optimizer": lambda: ns.Momentum(ns.ReduceOnPlateau(0.1, patience=0, threshold=0.5))}, {}, lambda: []),
    "plateau after warm-up": (
        {"optimizer": lambda: ns.Adam(ns.WarmUp(0.1, 0.2, ns.ReduceOnPlateau(0.1, patience=0, threshold=0.5)))},
        {},
        lambda: [],
    ),
    "stops early": ({"optimizer": lambda: ns.Adam(0.05)}, {"epochs": 12}, lambda: [ns.EarlyStopping(patience=2)]),
    "full batch, in order": (
        {"optimizer": lambda: ns.AMSGrad(0.01)},
        {"batch_size": None, "shuffle": False},
        lambda: [],
    ),
    "no validation": (
        {"optimizer": lambda: ns.SGD(0.1, clip_norm=0.5)},
        {"validation_data": None},
        lambda: [ns.EarlyStopping("loss", patience=50)],
    ),
}


def run(name, folder=None, *, every=4, resume=False, die=None, **changes):
    """Train one of RUNS; return its network, its history and its callbacks."""
    net_settings, fit_settings, callbacks = RUNS[name]
    settings = dict(net_settings)
    hidden = [ns.LAYERS.create(layer.config()) for layer in settings.pop("hidden", [ns.Dense(9, "relu")])]
    network = ns.Network(
        [ns.Input((6, 5)), *hidden, ns.Dense(4, "softmax")],
        optimizer=settings["optimizer"](),
        seed=changes.pop("seed", 3),
    )
    x, y = images()
    options = {"epochs": 4, "batch_size": 16, "validation_data": images(30, 1), "verbose": False} | fit_settings
    own = callbacks()
    if folder is not None:
        # Die comes before the checkpoint, so none is written at this step
        own += [Die(-1 if die is None else die), ns.Checkpoint(folder, every, resume)]
    history = network.fit(x, y, **options | changes, callbacks=own)
    return network, history, own


def outcome(network, history, callbacks):
    """Return everything that may depend on an interruption: all except seconds."""
    rows = [{name: value for name, value in row.items() if name != "seconds"} for row in history.rows]
    norms = [each.rows for each in callbacks if isinstance(each, ns.GradientNorms)]
    best = [each.best_epoch for each in callbacks if isinstance(each, ns.EarlyStopping)]
    snapshot = network.snapshot()
    arrays = {key: hashlib.sha256(array.tobytes()).hexdigest() for key, array in snapshot.pop("arrays").items()}
    return {
        "rows": rows,
        "losses": history.batch_losses,
        "stopped": history.stopped,
        "norms": norms,
        "best": best,
        "arrays": arrays,
        "rest": snapshot,
    }


# --- going on --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(RUNS))
def test_a_run_that_goes_on_ends_as_if_it_had_never_been_interrupted(name, tmp_path):
    expected = outcome(*run(name))
    steps = len(expected["losses"])
    for die in sorted({1, 3, steps // 2, steps - 1, steps}):
        folder = tmp_path / str(die)
        with pytest.raises(Killed):
            run(name, folder, die=die)
        _, state = read_checkpoint(folder)
        assert len(state["history"]["batch_losses"]) == (die - 1) // 4 * 4  # so it must resume from there
        assert outcome(*run(name, folder, resume=True)) == expected, die


def test_a_run_may_be_interrupted_again_and_again(tmp_path):
    expected = outcome(*run("everything"))
    die, resume = 5, False
    while die < len(expected["losses"]):
        with pytest.raises(Killed):
            run("everything", tmp_path, die=die, resume=resume)
        die, resume = die + 5, True
    assert outcome(*run("everything", tmp_path, resume=True)) == expected


def test_checkpoints_change_nothing(tmp_path):
    expected = run("everything")
    network, history, callbacks = run("everything", tmp_path, every=1)
    assert outcome(network, history, callbacks) == outcome(*expected)


def test_the_learning_rate_that_a_callback_set_is_kept(tmp_path):
    class Halve(ns.Callback):
        def on_epoch(self, run):
            run.network.optimizer.learning_rate /= 2

    def train(*callbacks):
        network = ns.Network([ns.Input((6, 5)), ns.Dense(4, "softmax")], optimizer=ns.SGD(0.1), seed=0)
        network.fit(*images(), 4, 16, callbacks=[Halve(), *callbacks], verbose=False)
        return network.parameters.theta.copy()

    expected = train(Die(-1))
    with pytest.raises(Killed):
        train(Die(15), ns.Checkpoint(tmp_path, 4))
    assert np.array_equal(train(Die(-1), ns.Checkpoint(tmp_path, 4, resume=True)), expected)


def test_a_finished_run_says_so_and_gives_what_it_gave(tmp_path):
    for name in ("everything", "stops early"):
        first = run(name, tmp_path / name)
        again = run(name, tmp_path / name, resume=True)
        a, b = outcome(*first), outcome(*again)
        assert a == b and "had ended already" in again[1].message and first[1].stopped in again[1].message


def test_a_run_that_diverged_diverges_again(tmp_path):
    for resume in (False, True):
        network = ns.Network([ns.Input((6, 5)), ns.Dense(9, "relu"), ns.Dense(4, "linear")], "mse", ns.SGD(1e6), seed=0)
        history = network.fit(*images(), 4, 16, verbose=False, callbacks=[ns.Checkpoint(tmp_path, 1, resume)])
        assert history.stopped == "diverged" and len(history.batch_losses) < 24
    network = ns.Network([ns.Input((6, 5)), ns.Dense(4, "softmax")], seed=0)
    assert network.fit(*images(), 1, 16, verbose=False, callbacks=[ns.Checkpoint(tmp_path)]).stopped == "finished"


# --- the files -------------------------------------------------------------------------------------------------------


def test_the_last_two_are_kept_and_hold_what_they_say(tmp_path):
    (tmp_path / "checkpoint-000000999.npz").write_text("of an earlier run")
    (tmp_path / ".checkpoint-000000999.npz.ab12").write_text("half written when that was killed")
    with pytest.raises(Killed):
        run("plateau", tmp_path, die=1)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-000000000.npz"]
    with pytest.raises(ns.NeurosimError, match="a run that has not ended"):  # nothing is lost by mistake
        run("plateau", tmp_path)
    (tmp_path / "checkpoint-000000000.npz").unlink()
    with pytest.raises(Killed):
        run("plateau", tmp_path, die=14)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"checkpoint-{step:09d}.npz" for step in (8, 12)]
    with np.load(tmp_path / "checkpoint-000000012.npz", allow_pickle=False) as file:  # nothing is pickled
        assert all(file[name].dtype != object for name in file.files)
        state = json.loads(str(file["config"]))["state"]
    assert (state["progress"]["epoch"], state["progress"]["steps"]) == (2, 6)  # six steps per epoch


def damage(path, how):
    raw = path.read_bytes()
    if how == "cut":
        raw = raw[: len(raw) // 2]
    elif how == "empty":
        raw = b""
    elif how == "one bit":  # inside the numbers, with zip's own checksum corrected
        with zipfile.ZipFile(path) as archive:
            parts = {each.filename: archive.read(each) for each in archive.infolist()}
        largest = max(parts, key=lambda name: len(parts[name]) * (name != "config.npy"))
        parts[largest] = parts[largest][:-1] + bytes([parts[largest][-1] ^ 1])
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
        return
    elif how == "flip":
        raw = raw[:-2000] + bytes([raw[-2000] ^ 255]) + raw[-1999:]
    elif how == "a network":
        ns.Network([ns.Input(2), ns.Dense(1)], "mse", seed=0).save(path)
        return
    path.write_bytes(raw)


@pytest.mark.parametrize("how", ["cut", "empty", "one bit", "flip", "a network"])
def test_a_damaged_checkpoint_is_named_in_one_line_and_the_one_before_is_used(how, tmp_path, capsys):
    expected = outcome(*run("everything"))
    with pytest.raises(Killed):
        run("everything", tmp_path, die=14)
    damage(checkpoints(tmp_path)[-1], how)
    assert outcome(*run("everything", tmp_path, resume=True)) == expected
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and "checkpoint-000000012.npz" in lines[0] and "damaged" in lines[0]


def test_no_whole_checkpoint_is_an_error(tmp_path, refused, capsys):
    with refused("nowhere", "found none", error=ns.DataError):
        run("plateau", tmp_path / "nowhere", resume=True)
    with pytest.raises(Killed):
        run("plateau", tmp_path, die=14)
    for path in checkpoints(tmp_path):
        damage(path, "cut")
    with refused(str(tmp_path), "all 2 are damaged", error=ns.DataError):
        run("plateau", tmp_path, resume=True)


def test_another_run_is_refused_with_what_differs(tmp_path, refused):
    with pytest.raises(Killed):
        run("everything", tmp_path, die=14)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for changes, words in (
        ({"epochs": 5}, ["epochs was 4 and is 5"]),
        ({"batch_size": 8}, ["batch_size was 16 and is 8"]),
        ({"augment": None}, ["augment"]),
        ({"shuffle": False}, ["shuffle"]),
        ({"seed": 4}, ["seed was 3 and is 4"]),
        ({"validation_data": images(30, 2)}, ["other data"]),
    ):
        with refused("received another", *words):
            run("everything", tmp_path, resume=True, **changes)
    with refused("received another"):
        run("plateau", tmp_path, resume=True)
    x, y = images()
    network = ns.Network([ns.Input((6, 5)), ns.Dense(4, "softmax")], seed=3)
    theta = network.parameters.theta.copy()
    with refused("received another", "other data"):
        network.fit(x, y[::-1], 4, 16, callbacks=[ns.Checkpoint(tmp_path, 4, resume=True)], verbose=False)
    assert np.array_equal(network.parameters.theta, theta)
    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}  # none of them lost anything


def test_it_has_to_be_the_last_callback(tmp_path, refused):
    network = ns.Network([ns.Input((6, 5)), ns.Dense(4, "softmax")], seed=3)
    with refused("last among the callbacks"):
        network.fit(*images(), callbacks=[ns.Checkpoint(tmp_path), ns.GradientNorms()], verbose=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("network", "arrays"), {}),
        (("network", "streams"), {"shuffling": 3}),
        (("progress", "order"), np.zeros(90, int)),
        (("progress", "order"), "abc"),
        (("progress", "loss"), None),
        (("history", "rows"), 3),
        (("changed",), []),
        (("callbacks",), []),
        (("run",), None),
        (("history",), {"array": "array999999"}),
    ],
)
def test_a_state_that_is_none_is_refused_although_its_checksum_is_right(where, value, tmp_path):
    with pytest.raises(Killed):
        run("everything", tmp_path, die=14)
    for path in checkpoints(tmp_path):
        _, state = path, module._read(path)
        place = state
        for name in where[:-1]:
            place = place[name]
        place[where[-1]] = value
        write_checkpoint(path, state)
    with pytest.raises(ns.NeurosimError):
        run("everything", tmp_path, resume=True)


def test_what_was_told_about_it_is_kept(tmp_path):
    network = ns.Network([ns.Input((6, 5)), ns.Dense(4, "softmax")], seed=3)
    network.fit(
        *images(), 1, callbacks=[ns.Checkpoint(tmp_path, about={"data": "mnist", "sizes": [1, 2]})], verbose=False
    )
    path, state = read_checkpoint(tmp_path)
    assert state["about"] == {"data": "mnist", "sizes": [1, 2]} and path.name == "checkpoint-000000002.npz"


def test_a_full_disk_ends_the_run_with_a_message_and_leaves_the_last_checkpoint(tmp_path, refused, monkeypatch):
    def full():
        raise OSError(28, "No space left on device")

    real, count = module.write_configured, iter(range(100))
    monkeypatch.setattr(module, "write_configured", lambda *a: real(*a) if next(count) < 3 else full())
    before = signal.getsignal(signal.SIGINT)
    with refused("cannot write"):
        run("everything", tmp_path)
    assert signal.getsignal(signal.SIGINT) is before
    monkeypatch.undo()
    assert [path.name for path in sorted(tmp_path.iterdir())] == [f"checkpoint-{step:09d}.npz" for step in (4, 8)]
    assert outcome(*run("everything", tmp_path, resume=True))["losses"] == run("everything")[1].batch_losses


# --- Ctrl-C ----------------------------------------------------------------------------------------------------------


class PressCtrlC(ns.Callback):
    """Sends Ctrl-C at a step, and records whether the step ended."""

    def __init__(self, at, times=1):
        self.at, self.times, self.went_on = at, times, False

    def on_step(self, run):
        if len(run.history.batch_losses) == self.at:
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)
            self.went_on = True


@pytest.mark.parametrize("at", [1, 6, 7, 24])
def test_ctrl_c_writes_a_checkpoint_after_the_step_and_says_where(at, tmp_path):
    expected = outcome(*run("plateau"))
    handler = signal.getsignal(signal.SIGINT)

    def train(press, resume):
        network = ns.Network(
            [ns.Input((6, 5)), ns.Dense(9, "relu"), ns.Dense(4, "softmax")],
            optimizer=RUNS["plateau"][0]["optimizer"](),
            seed=3,
        )
        history = network.fit(
            *images(),
            4,
            16,
            validation_data=images(30, 1),
            verbose=False,
            callbacks=[press, ns.Checkpoint(tmp_path, 1000, resume)],
        )
        return network, history, [press]

    _, history, (press,) = train(PressCtrlC(at), False)
    assert history.stopped == "interrupted" and len(history.batch_losses) == at and press.went_on
    assert f"checkpoint-{at:09d}.npz" in history.message
    assert signal.getsignal(signal.SIGINT) is handler
    assert outcome(*train(PressCtrlC(-1), True)) == expected


def test_a_second_ctrl_c_ends_at_once(tmp_path):
    network = ns.Network([ns.Input((6, 5)), ns.Dense(4, "softmax")], seed=3)
    press = PressCtrlC(5, times=2)
    history = network.fit(*images(), 4, 16, callbacks=[press, ns.Checkpoint(tmp_path, 4)], verbose=False)
    assert history.stopped == "interrupted" and not press.went_on
    assert [path.name for path in checkpoints(tmp_path)] == [f"checkpoint-{step:09d}.npz" for step in (0, 4)]
    assert "checkpoint-000000004.npz" in history.message


def test_a_thread_that_is_not_the_main_one_can_train_with_checkpoints(tmp_path):
    result = []
    thread = threading.Thread(target=lambda: result.append(outcome(*run("everything", tmp_path))))
    thread.start()
    thread.join()
    assert result[0] == outcome(*run("everything"))


# --- the command line ------------------------------------------------------------------------------------------------

COMMAND = [
    "--data",
    "digits",
    "--train-size",
    "1500",
    "--hidden",
    "48,24",
    "--epochs",
    "12",
    "--batch-size",
    "8",
    "--dropout",
    "0.2",
    "--batch-norm",
    "--augment",
    "affine",
    "--early-stopping",
    "9",
    "--seed",
    "5",
]


def allow_ctrl_c():
    """Allow Ctrl-C in child processes: a process in the background may ignore it, and its children too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(arguments, folder):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, str(ROOT / "main.py"), "train", *arguments],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        preexec_fn=allow_ctrl_c if os.name == "posix" else None,
    )


def train(arguments, folder):
    process = start(arguments, folder)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def result(folder):
    """Return the SHA-256 of everything in the network, and the history without seconds."""
    network = ns.Network.load(folder / "net.npz")
    with open(folder / "history.csv", newline="") as file:
        rows = [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]
    return {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in network.arrays().items()} | {
        "theta": hashlib.sha256(network.parameters.theta.tobytes()).hexdigest(),
        "rows": rows,
    }


def assert_whole(folder):
    """Check that every file with its final name is complete; only a killed process may leave temporary files."""
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if path.suffix == ".npz" and path.name.startswith("checkpoint"):
            module._read(path)
        elif path.suffix == ".npz":
            ns.Network.load(path)
        elif path.suffix == ".png":
            assert path.read_bytes().endswith(b"IEND\xaeB`\x82"), path
        else:
            assert path.read_text().endswith("\n"), path


STEPS = 12 * -(-(1500 - 250) // 8)  # a sixth of the images is held out for early stopping


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Return the result of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    status, _, err = train([*COMMAND, "--out", "run"], folder)
    assert status == 0, err
    return result(folder / "run")


def test_a_folder_that_comes_and_goes_while_it_is_read_has_no_checkpoints(tmp_path):
    folder, over = tmp_path / "run", threading.Event()

    def come_and_go():  # as a training does when it checks whether its folder can be written to
        while not over.is_set():
            folder.mkdir()
            folder.rmdir()

    other = threading.Thread(target=come_and_go)
    other.start()
    try:
        assert not any(checkpoints(folder) for _ in range(3000))
    finally:
        over.set()
        other.join()


def wait_for_step(process, folder, step):
    """Wait for a checkpoint of this step or a later one."""
    while process.poll() is None:
        found = checkpoints(folder)
        if found and int(found[-1].stem.partition("-")[2]) >= step:
            return
        time.sleep(0.002)
    raise AssertionError("it ended before it was interrupted")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("number", range(int(os.environ.get("NEUROSIM_KILLS", "4"))))
def test_train_that_was_killed_or_interrupted_goes_on_to_the_same_bits(sent, number, tmp_path, uninterrupted):
    rng, folder = random.Random(number), tmp_path / "run"
    in_training = number % 4 != 3  # otherwise the figures are being drawn
    process = start([*COMMAND, "--out", "run", "--checkpoint-every", "100"], tmp_path)
    wait_for_step(process, folder, rng.randrange(STEPS * 2 // 3) if in_training else STEPS)
    time.sleep(rng.uniform(0.0, 0.05 if in_training else 0.5))
    process.send_signal(sent)
    out, err = process.communicate(timeout=300)
    assert "Traceback" not in err, err
    assert process.returncode == (-signal.SIGKILL if sent == signal.SIGKILL else 130), (out, err)
    assert_whole(folder)
    if sent == signal.SIGINT:
        assert ("to resume: python main.py train --resume run" in out) == in_training
        assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    state = read_checkpoint(folder)[1]
    at = state["progress"]
    assert state["history"]["stopped"] == ("running" if in_training else "finished")
    status, out, err = train(["--resume", "run"], tmp_path)
    assert status == 0, err
    assert (
        f"epoch {at['epoch']}, of which {at['steps']} steps are done" in out
        if in_training
        else "had ended already" in err
    )
    assert_whole(folder)
    assert not [path for path in folder.iterdir() if path.name.startswith(".checkpoint")]
    assert result(folder) == uninterrupted
    print(f"{sent.name}: went on from epoch {at['epoch']}, step {at['steps']}")


SMALL = ["--data", "digits", "--train-size", "200", "--hidden", "8", "--epochs", "2", "--quiet"]


@pytest.mark.full
def test_resume_takes_the_settings_from_the_run_and_refuses_others(tmp_path):
    status, _, err = train([*SMALL, "--out", "run", "--checkpoint-every", "3", "--optimizer", "sgd"], tmp_path)
    assert status == 0, err
    first = result(tmp_path / "run")
    (tmp_path / "run" / "net.npz").unlink()  # as if it had been killed before it wrote this file
    status, out, err = train(["--resume", "run", "--quiet", "--out", "./run", "--epochs", "2"], tmp_path)
    assert status == 0 and "had ended already (finished)" in out, err
    assert result(tmp_path / "run") == first
    for more, words in (
        (["--epochs", "3"], "--epochs: the run in run has 2, received 3"),
        (["--optimizer", "adam"], "--optimizer: the run in run has sgd, received adam"),
        (["--schedule", "none"], "--schedule: the run in run has one_cycle, received none"),
        (["--seed", "1"], "--seed: the run in run has 0, received 1"),
        (["--data", "mnist"], "--data: the run in run has digits, received mnist"),
        (["--out", "other"], "--out: the run in run has run, received other"),
        (["--train-size", "100"], "--train-size: the run in run has 200, received 100"),
        (["--profile"], "--profile"),
    ):
        status, out, err = train(["--resume", "run", *more], tmp_path)
        assert status == 2 and len(err.splitlines()) == 1 and words in err, err
    assert not (tmp_path / "other").exists()


@pytest.mark.full
def test_resume_says_in_one_line_that_there_is_nothing_to_go_on_with(tmp_path):
    (tmp_path / "empty").mkdir()
    network = ns.Network([ns.Input((6, 5)), ns.Dense(4, "softmax")], seed=3)
    network.fit(*images(), 1, callbacks=[ns.Checkpoint(tmp_path / "program")], verbose=False)
    for folder, words in (("empty", "found none"), ("nowhere", "found none"), ("program", "another program wrote")):
        status, _, err = train(["--resume", folder], tmp_path)
        assert status == 2 and len(err.splitlines()) == 1 and re.match(r"error: ", err) and words in err, err


class Meddling(ns.Callback):
    def __init__(self, optimizer=None):
        self.optimizer = optimizer

    def on_epoch(self, run):
        if len(run.history) == 1:
            run.network[1][0].freeze()
            run.network[1][1].clamp(0.5)
            if self.optimizer:
                run.network.optimizer = self.optimizer


class Stop(ns.Callback):
    def __init__(self, at):
        self.at, self.steps = at, 0

    def on_step(self, run):
        self.steps += 1
        if self.steps == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("optimizer", [None, "sgd"])
def test_what_callbacks_do_to_neurons_and_optimizer_is_in_the_checkpoint(tmp_path, optimizer):
    def run(folder, at, resume=False):
        net = network()
        net.fit(
            X,
            Y,
            epochs=4,
            verbose=False,
            callbacks=[Meddling(optimizer), Stop(at), ns.Checkpoint(tmp_path / folder, every=1, resume=resume)],
        )
        return net

    for folder in ("whole", "cut"):
        (tmp_path / folder).mkdir()
    whole = run("whole", 0)
    run("cut", 9)
    resumed = run("cut", 0, resume=True)
    assert np.array_equal(whole.parameters.theta, resumed.parameters.theta)
    assert resumed[1][0].frozen and resumed[1][1].clamped == 0.5
    assert resumed.optimizer.key == whole.optimizer.key
