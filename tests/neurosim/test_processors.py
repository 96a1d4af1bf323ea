"""The threads that neurosim uses, as threadpoolctl counts them, inside and outside of neurosim."""

import copy
import json
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import neurosim as ns
from neurosim import processors
from neurosim.processors import computes, core_count
from neurosim.training.checkpoint import read_checkpoint

ROOT = Path(__file__).parents[2]
two_cores = pytest.mark.skipif(core_count() < 2, reason="needs two processors")


def numpys():
    """Return the threads of NumPy's linear algebra, as threadpoolctl finds them; this file imports no other library."""
    return next(each["num_threads"] for each in threadpool_info() if "numpy" in each["filepath"])


try:
    numpys()
except StopIteration:
    pytest.skip("threadpoolctl does not find NumPy's own library here", allow_module_level=True)


@pytest.fixture(autouse=True)
def three():
    """Give NumPy three threads outside of neurosim; restore everything afterwards."""
    with ns.threads(1), threadpool_limits(3, "blas"):
        yield
        assert numpys() == 3 and not processors._inside and not processors._before


class Look(ns.Callback):
    """What a callback sees."""

    def __init__(self, then=None):
        self.seen, self.then = [], then

    def on_step(self, run):
        self.seen.append(numpys())
        if self.then is not None:
            raise self.then


def of_images():
    return ns.Network([ns.Input((4, 4)), ns.Conv2D(2, 3), ns.Dense(2, "softmax")], seed=0)


def small(dtype="float32"):
    layers = [ns.Input(4), ns.Dense(3, "tanh"), ns.Dense(2, "softmax")]
    return ns.Network(layers, optimizer=ns.SGD(0.1), seed=0, dtype=dtype)


@pytest.fixture
def net():
    return small()


X, Y = np.random.default_rng(0).random((6, 4)), np.array([0, 1, 1, 0, 1, 0])


def fit(net, callback, epochs=1):
    return net.fit(X, Y, epochs=epochs, batch_size=3, verbose=False, callbacks=[callback])


def test_one_thread_by_default_and_outside_as_before(net):
    look = Look()
    fit(net, look)
    assert look.seen == [1, 1] and numpys() == 3


@two_cores
def test_the_requested_number_from_now_on_or_in_a_block(net):
    look = Look()
    with ns.threads(2) as two:
        fit(net, look)
        assert (two.count, ns.threads().count, repr(ns.threads())) == (2, 2, "2 threads")
        ns.threads(1)  # until this block ends
        fit(net, look)
        with ns.threads(2), ns.threads():
            fit(net, look)
        fit(net, look)
    fit(net, look)
    ns.threads(2)  # until the block of the fixture ends
    fit(net, look)
    assert look.seen == [2, 2, 1, 1, 2, 2, 1, 1, 1, 1, 2, 2]


@two_cores
def test_a_callbacks_request_takes_effect_at_once(net):
    class Asks(ns.Callback):
        def on_step(self, run):
            before = numpys()
            ns.threads(2)
            seen.append((before, numpys()))

    seen = []
    fit(net, Asks())
    assert seen == [(1, 2), (2, 2)] and numpys() == 3


def test_blocks_end_in_any_order():
    one, two = ns.threads(1), ns.threads(min(2, core_count()))
    one.__enter__()
    two.__enter__()
    one.__exit__()
    assert ns.threads().count == two.count
    two.__exit__()


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(3)])
def test_what_was_before_is_given_back_after_an_exception(net, error):
    look = Look(error)
    if isinstance(error, KeyboardInterrupt):  # ends a fit, whose history reports it
        assert fit(net, look).stopped == "interrupted"
    else:
        with pytest.raises(type(error)):
            fit(net, look)
    assert look.seen == [1] and numpys() == 3
    with pytest.raises(ns.ShapeError):
        net.predict(np.zeros((2, 3)))
    assert numpys() == 3


@pytest.mark.parametrize(
    "use",
    [
        lambda net: net.train_batch(X, Y),
        lambda net: net.gradients(X, Y),
        lambda net: net.predict(X),
        lambda net: net.evaluate(X, Y),
        lambda net: net.activations(X, 1, 0),
        lambda net: (net.load_batch(X, Y), net.forward_(), net.backward_(), net.update_()),
        lambda net: net.trace(X[0], Y[0]),
        lambda net: net.report(X, Y),
        lambda net: ns.check_gradients(small("float64"), X, Y),
        lambda net: ns.maximizing_input(net, 1, 0, steps=2),
        lambda net: ns.top_patches(of_images(), np.zeros((3, 4, 4)), 1, 0),
        lambda net: ns.compare(copy.deepcopy(net), net, X, Y),
        lambda net: ns.loss_landscape(net, X, Y, resolution=3),
        lambda net: ns.Stepper(net, X, Y, batch_size=3).epoch(),
    ],
)
def test_every_way_to_compute_has_one_thread_and_gives_back(net, use, monkeypatch):
    seen = []
    forward = ns.Dense.forward_
    monkeypatch.setattr(
        ns.Dense, "forward_", lambda self, training: (seen.append(numpys()), forward(self, training))[1]
    )
    use(net)
    assert set(seen) == {1} and numpys() == 3


def test_drawing_digits_and_distorting_them_have_one_thread(monkeypatch):
    seen = []
    for module, name in ((ns.data.digits, "_bend"), (ns.augment, "gaussian")):
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given, real=real: (seen.append(numpys()), real(*given))[1])
    images, _ = ns.data.draw_digits(4)
    assert seen == [1]
    ns.augment.Elastic()(images, np.random.default_rng(0))
    assert set(seen) == {1} and len(seen) > 1 and numpys() == 3


def test_a_computation_in_another_leaves_it_its_threads(net):
    @computes
    def outer():
        net.predict(X)
        return numpys()

    assert outer() == 1 and numpys() == 3


def test_in_several_python_threads_the_last_one_gives_back():
    inside, go = threading.Barrier(3), [threading.Event(), threading.Event()]

    @computes
    def work(which):
        inside.wait(20)
        assert go[which].wait(20)
        return numpys()

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.submit(work, 0), pool.submit(work, 1)
        inside.wait(20)
        assert numpys() == 1  # they share the library
        go[0].set()
        assert first.result(20) == 1
        assert numpys() == 1
        go[1].set()
        assert second.result(20) == 1
    assert numpys() == 3


def test_many_python_threads_at_once_give_back_in_the_end(net):
    nets = [ns.Network([ns.Input(4), ns.Dense(2, "softmax")], seed=k) for k in range(4)]

    def work(net):
        for _ in range(300):
            net.train_batch(X, Y)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, nets))
    assert numpys() == 3


def test_a_python_thread_may_compute_while_another_limits_numpy_itself(net):
    look = Look()
    with threadpool_limits(3, "blas"), ThreadPoolExecutor(1) as pool:  # from 3.8 on the main thread has the control
        pool.submit(fit, net, look).result(20)
    assert look.seen == [1, 1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_after_a_fork_inside_and_outside():
    code = """
import os, sys, threading
import numpy as np
from threadpoolctl import ThreadpoolController
import neurosim as ns
from neurosim.processors import computes
numpys = ThreadpoolController().lib_controllers[0]
numpys.set_num_threads(3)
net = ns.Network([ns.Input(4), ns.Dense(2, "softmax")])
def child(check):
    pid = os.fork()
    if pid == 0:
        try:
            check()
        except BaseException as error:
            print(repr(error), flush=True)
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
def outside():
    assert numpys.num_threads == 3, numpys.num_threads
    assert computes(lambda: numpys.num_threads)() == 1
    net.predict(np.zeros((2, 4)))
    assert numpys.num_threads == 3, numpys.num_threads
def inside():
    assert numpys.num_threads == 1
    net.predict(np.zeros((2, 4)))
    assert numpys.num_threads == 1
child(outside)
computes(child)(inside)
began, end = threading.Event(), threading.Event()
other = threading.Thread(target=computes(lambda: (began.set(), end.wait(20))))
other.start()
began.wait(20)
child(outside)
end.set()
other.join()
outside()
print("done")
"""
    result = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.stdout == "done\n", result.stdout + result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="loads a copy of NumPy's library")
@pytest.mark.parametrize("when", ["before", "after"])
def test_another_package_keeps_its_threads_wherever_it_is_imported(when, tmp_path):
    """A copy of NumPy's library stands for SciPy's: the same code with its own threads."""
    path = next(each["filepath"] for each in threadpool_info() if "numpy" in each["filepath"])
    (tmp_path / "scipy.libs").mkdir()
    shutil.copy(path, tmp_path / "scipy.libs")
    code = f"""
import ctypes
import numpy as np
import neurosim as ns
from neurosim.processors import computes
from threadpoolctl import threadpool_info, threadpool_limits
load = lambda: ctypes.CDLL({str(tmp_path / "scipy.libs" / Path(path).name)!r})
counts = lambda: {{each["filepath"].split("/")[-2]: each["num_threads"] for each in threadpool_info()}}
net = ns.Network([ns.Input(4), ns.Dense(2, "softmax")])
if {when == "after"}:
    net.predict(np.zeros((2, 4)))
library = load()
with threadpool_limits(3, "blas"):
    assert counts() == {{"numpy.libs": 3, "scipy.libs": 3}}, counts()
    assert computes(counts)() == {{"numpy.libs": 1, "scipy.libs": 3}}, computes(counts)()
    assert counts() == {{"numpy.libs": 3, "scipy.libs": 3}}, counts()
print("done")
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.stdout == "done\n", result.stdout + result.stderr


def test_where_the_library_is_not_known_neurosim_works_and_says_so(net, monkeypatch):
    unknown = processors._Library(lambda: 0, lambda count: None, False)
    monkeypatch.setattr(processors, "_library", lambda: unknown)
    look = Look()
    fit(net, look)
    assert look.seen == [3, 3]
    assert repr(ns.threads()) == "a number of threads that NumPy's library chooses (1 requested)"


def test_a_library_with_a_number_for_each_python_thread(monkeypatch):
    """Like MKL, and OpenBLAS with OpenMP: a setting of one Python thread is invisible to the others."""
    local = threading.local()
    library = processors._Library(lambda: getattr(local, "n", 3), lambda count: setattr(local, "n", count), True)
    monkeypatch.setattr(processors, "_library", lambda: library)
    inside, end = threading.Event(), threading.Event()

    @computes
    def work():
        inside.set()
        assert end.wait(20)
        return library.get()

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(lambda: (work(), library.get()))
        assert inside.wait(20)
        assert library.get() == 3 and computes(library.get)() == 1 and library.get() == 3
        end.set()
        assert other.result(20) == (1, 3)


def test_a_wrong_number_of_threads_is_refused(refused):
    for wrong in (0, -1, 1.5, "2", True, float("nan")):
        with refused("threads: expected a whole number of at least 1"):
            ns.threads(wrong)
    with refused(
        f"threads: expected at most {core_count()}, the number of processors that this program may use, received 10000"
    ):
        ns.threads(10_000)
    assert ns.threads().count == 1


# -- what is recorded, and that the numbers are the same ---------------------------------------------------------------

SAVED = """
import sys
import numpy as np
import neurosim as ns
from threadpoolctl import threadpool_info
rng = np.random.default_rng(0)
x, y = rng.random((600, 784), dtype=np.float32), rng.integers(0, 10, 600)
net = ns.Network([ns.Input(784), ns.Dense(300, "relu"), ns.Dense(10, "softmax")], optimizer="adam", seed=0)
net.fit(x, y, epochs=2, batch_size=200, verbose=False)
print([each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"])
net.save(sys.argv[1])
"""


@pytest.mark.full
def test_the_environment_changes_no_bit(tmp_path):
    files = []
    for count in ("1", "2", "4"):
        environment = os.environ | dict.fromkeys(processors.VARIABLES, count)
        path = tmp_path / f"{count}.npz"
        result = subprocess.run(
            [sys.executable, "-c", SAVED, path], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert result.stdout == f"[{min(int(count), core_count())}]\n"
        files.append(np.load(path))
    for other in files[1:]:
        assert all(np.array_equal(other[name], files[0][name]) for name in files[0].files)


@two_cores
def test_a_saved_network_does_not_hold_the_number(net, tmp_path):
    one = net.save(tmp_path / "one.npz")
    with ns.threads(2):
        two = net.save(tmp_path / "two.npz")
    assert one.read_bytes() == two.read_bytes() and "threads" not in json.dumps(net.config())


@two_cores
def test_a_checkpoint_says_when_a_run_goes_on_with_another_number(net, tmp_path, capsys):
    class Cut(ns.Callback):
        def on_step(self, run):
            if run.step == 1 and not resumed:
                raise KeyboardInterrupt

    def train(net, resume):
        resumed.append(1) if resume else resumed.clear()
        callbacks = [Cut(), ns.Checkpoint(tmp_path, resume=resume)]
        net.fit(X, Y, epochs=2, batch_size=3, verbose=False, callbacks=callbacks)
        return capsys.readouterr().err

    resumed = []
    assert "threads" not in train(net, False)
    assert read_checkpoint(tmp_path)[1]["run"]["threads"] == 1
    with ns.threads(2):
        twin = small()
        said = train(twin, True)
    assert "resume: threads were 1 and are 2. Results may now differ in their last bits" in said
    assert read_checkpoint(tmp_path)[1]["run"]["threads"] == 2
    assert "threads" not in train(small(), False) and "threads" not in train(small(), True)
    fit(net := small(), Look(), epochs=2)
    np.testing.assert_allclose(twin.parameters.theta, net.parameters.theta, rtol=1e-5)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="threads cannot be told where to run")
def test_a_thread_can_be_told_where_to_run():
    before = os.sched_getaffinity(0)
    cores = processors.cores_from_here()
    assert sorted(cores) == sorted(before)
    try:
        processors.stay_on(cores[-1:])
        assert processors.cores_from_here() == cores[-1:]
        processors.stay_on([])
        assert os.sched_getaffinity(0) == {cores[-1]}
    finally:
        processors.stay_on(cores)
    assert os.sched_getaffinity(0) == before
