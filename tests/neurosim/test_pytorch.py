"""The same numbers as PyTorch: gradients, batch normalization, optimizers, schedules, clipping."""

import math

import numpy as np
import pytest

import neurosim as ns
from neurosim.activations import ACTIVATIONS
from neurosim.losses import LOSSES
from neurosim.optimizer_base import clip_by_global_norm_
from neurosim.optimizers import OPTIMIZERS

torch = pytest.importorskip("torch")
F = torch.nn.functional
pytestmark = pytest.mark.torch

from torch_names import ACTIVATE, LOSS, TORCH  # noqa: E402

PAIRS = [(loss, output) for loss in LOSSES for output in ACTIVATIONS if LOSSES[loss]().accepts(ACTIVATIONS[output]())]


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_every_activation_and_loss_has_its_counterpart_here():
    assert set(ACTIVATE) == set(ACTIVATIONS) and set(LOSS) == set(LOSSES)


def agree(ours, theirs, tolerance=1e-10):
    """Compare norms of the difference and of the array: single entries may be tiny differences of large terms."""
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape
    assert np.linalg.norm(ours - theirs) <= tolerance * np.linalg.norm(theirs) + 1e-14


def compare(hidden, output, loss, **settings):
    rng = np.random.default_rng(0)
    net = ns.Network(
        [ns.Input(7), ns.Dense(9, hidden), ns.Dense(8, hidden), ns.Dense(4, output)],
        loss={"name": loss} | settings,
        dtype="float64",
        seed=3,
    )
    for layer in list(net)[1:]:
        layer.b = rng.normal(scale=0.3, size=len(layer))
    x = rng.normal(size=(12, 7))
    y = rng.integers(0, 4, 12) if LOSSES[loss].one_hot else rng.uniform(0.05, 0.95, size=(12, 4))
    value = net.gradients(x, y)

    a = torch.tensor(x)
    rows = torch.tensor(np.eye(4)[y] if y.ndim == 1 else y)
    parameters, z = [], None
    for layer in list(net)[1:]:
        W, b = (torch.tensor(array.copy(), requires_grad=True) for array in (layer.W, layer.b))
        z = a @ W + b
        z.retain_grad()
        a = ACTIVATE[layer.activation.key](z)
        parameters.append((layer, W, b, z))
    theirs = LOSS[loss](z, a, rows, **settings)
    theirs.backward()
    assert value == pytest.approx(theirs.item(), rel=1e-12)
    for layer, W, b, z in parameters:
        agree(layer.dW, W.grad)
        agree(layer.db, b.grad)
        agree(layer.delta, z.grad)


@pytest.mark.parametrize("hidden", list(ACTIVATE))
@pytest.mark.parametrize(("loss", "output"), PAIRS)
def test_gradients_are_autograds(hidden, loss, output):
    compare(hidden, output, loss)


@pytest.mark.parametrize(
    ("loss", "output", "settings"),
    [
        ("cross_entropy", "softmax", {"label_smoothing": 0.1}),
        ("huber", "linear", {"threshold": 0.2}),
        ("hinge", "sigmoid", {"margin": 0.5}),
        ("squared_hinge", "linear", {"margin": 2.0}),
    ],
)
def test_gradients_with_settings_are_autograds(loss, output, settings):
    compare("tanh", output, loss, **settings)


@pytest.mark.parametrize("key", [key for key in ACTIVATIONS if ACTIVATIONS[key].elementwise])
def test_slopes_at_the_kinks_are_pytorchs(key):
    f = ACTIVATIONS[key]()
    z = torch.tensor([[*f.kinks, 0.0, 1.0]], dtype=torch.float64, requires_grad=True)
    ACTIVATE[key](z).sum().backward()
    np.testing.assert_allclose(f.derivative(z.detach().numpy()), z.grad.numpy(), rtol=1e-12)


# --- batch normalization -------------------------------------------------------------------------------------------


def test_batch_norm_is_pytorchs_in_training_in_running_statistics_and_in_evaluation():
    rng = np.random.default_rng(0)
    net = ns.Network(
        [ns.Input(5), ns.BatchNorm("linear", momentum=0.3, epsilon=1e-3)],
        loss="mse",
        dtype="float64",
        optimizer=ns.SGD(0.0),
    )
    layer, theirs = net[1], torch.nn.BatchNorm1d(5, eps=1e-3, momentum=0.3, dtype=torch.float64)
    gamma, beta = rng.uniform(0.5, 2.0, 5), rng.normal(size=5)
    layer.gamma, layer.beta = gamma, beta
    with torch.no_grad():
        theirs.weight.copy_(torch.tensor(gamma))
        theirs.bias.copy_(torch.tensor(beta))
    net.input.wants_gradient = True
    net.input.reserve(0)
    for B in (16, 16, 3):
        x, y = rng.normal(2.0, 3.0, size=(B, 5)), rng.normal(size=(B, 5))
        theirs.zero_grad()
        given = torch.tensor(x, requires_grad=True)
        out = theirs(given)
        F.mse_loss(out, torch.tensor(y)).backward()
        net.train_batch(x, y)
        agree(layer.a, out)
        agree(layer.dgamma, theirs.weight.grad)
        agree(layer.dbeta, theirs.bias.grad)
        agree(net.input.da, given.grad)
        agree(layer.running_mean, theirs.running_mean)
        agree(layer.running_variance, theirs.running_var)
    theirs.eval()
    x = rng.normal(size=(7, 5))
    agree(net.predict_proba(x), theirs(torch.tensor(x)))
    agree(layer.running_mean, theirs.running_mean)


# --- optimizers ----------------------------------------------------------------------------------------------------


def test_every_optimizer_that_pytorch_has_is_compared():
    assert set(OPTIMIZERS) - set(TORCH) == {"lion"}


@pytest.mark.parametrize("clip_norm", [None, 0.5])
@pytest.mark.parametrize("key", list(TORCH))
def test_100_steps_are_pytorchs(key, clip_norm):
    make, arguments, settings = TORCH[key]
    rng = np.random.default_rng(0)
    X, y, start = rng.normal(size=(30, 8)), rng.normal(size=30), rng.normal(size=8)
    theta, grad = start.copy(), np.empty(8)
    ours = OPTIMIZERS[key](arguments["lr"], clip_norm=clip_norm, **settings)
    parameter = torch.nn.Parameter(torch.tensor(start))
    theirs = make([parameter], **arguments)
    for step in range(100):
        rows = slice(step % 3 * 10, step % 3 * 10 + 10)
        grad[...] = X[rows].T @ np.tanh(X[rows] @ theta - y[rows])
        parameter.grad = torch.tensor(X[rows].T @ np.tanh(X[rows] @ parameter.detach().numpy() - y[rows]))
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_([parameter], clip_norm)
        ours.step(theta, grad)
        theirs.step()
    np.testing.assert_allclose(theta, parameter.detach().numpy(), rtol=1e-9, atol=1e-9)
    assert np.linalg.norm(theta - start) > 0.05


@pytest.mark.parametrize("key", list(TORCH))
def test_defaults_are_pytorchs(key):
    make, _, _ = TORCH[key]
    same = OPTIMIZERS[key]().config()
    defaults = make([torch.nn.Parameter(torch.zeros(1))]).defaults
    if "beta1" in same:
        assert (same["beta1"], same["beta2"]) == defaults["betas"]
    if "epsilon" in same and key != "rmsprop":
        assert same["epsilon"] == defaults["eps"]
    if key == "adamw":
        assert same["weight_decay"] == defaults["weight_decay"]


@pytest.mark.parametrize("key", ["momentum", "adam"])
def test_a_whole_training_run_is_pytorchs(key):
    make, arguments, settings = TORCH[key]
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 6)), rng.integers(0, 3, 60)
    net = ns.Network(
        [ns.Input(6), ns.Dense(10, "relu"), ns.Dense(3, "softmax")],
        dtype="float64",
        optimizer=OPTIMIZERS[key](arguments["lr"], **settings),
        regularizer=ns.L2(0.01),
    )
    parameters = [torch.nn.Parameter(torch.tensor(net.parameters[name].copy())) for name in ("W1", "b1", "W2", "b2")]
    W1, b1, W2, b2 = parameters
    theirs = make(parameters, **arguments)
    history = net.fit(x, y, epochs=5, batch_size=16, shuffle=False, verbose=False)
    losses = []
    for _ in range(5):
        for start in range(0, 60, 16):
            rows = torch.tensor(x[start : start + 16])
            loss = F.cross_entropy(torch.relu(rows @ W1 + b1) @ W2 + b2, torch.tensor(y[start : start + 16]))
            losses.append(loss.item())
            theirs.zero_grad()
            (loss + 0.005 * (W1.square().sum() + W2.square().sum())).backward()
            theirs.step()
    np.testing.assert_allclose(history.batch_losses, losses, rtol=1e-8)
    for name, parameter in zip(("W1", "b1", "W2", "b2"), parameters, strict=True):
        np.testing.assert_allclose(net.parameters[name], parameter.detach().numpy(), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("max_norm", [0.1, 2.0, 100.0])
def test_clipping_is_pytorchs_over_several_arrays(max_norm):
    rng = np.random.default_rng(0)
    pieces = [rng.normal(size=(4, 5)), rng.normal(size=5)]
    flat = np.concatenate([piece.ravel() for piece in pieces])
    theirs = [torch.nn.Parameter(torch.zeros(piece.shape, dtype=torch.float64)) for piece in pieces]
    for parameter, piece in zip(theirs, pieces, strict=True):
        parameter.grad = torch.tensor(piece)
    torch.nn.utils.clip_grad_norm_(theirs, max_norm)
    clip_by_global_norm_(flat, max_norm)
    np.testing.assert_allclose(flat, np.concatenate([each.grad.numpy().ravel() for each in theirs]), rtol=1e-13)


# --- schedules -----------------------------------------------------------------------------------------------------


def rates_of(make, steps, rate=0.1):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)
    schedule = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


T = 50
lr = torch.optim.lr_scheduler
COUNTERPARTS = {
    "constant": (ns.ConstantRate(0.1), lambda o: lr.ConstantLR(o, factor=1.0)),
    "step": (ns.StepDecay(0.1, factor=0.5, every=7), lambda o: lr.StepLR(o, step_size=7, gamma=0.5)),
    "exponential": (ns.Exponential(0.1, factor=0.02), lambda o: lr.ExponentialLR(o, gamma=0.02 ** (1 / T))),
    "inverse_time": (ns.InverseTime(0.1, decay=4.0), lambda o: lr.LambdaLR(o, lambda t: 1 / (1 + 4 * t / T))),
    "cosine": (ns.Cosine(0.1, final=0.01), lambda o: lr.CosineAnnealingLR(o, T_max=T, eta_min=0.01)),
    "warm_up": (ns.WarmUp(0.1, warmup=0.2), lambda o: lr.LinearLR(o, start_factor=0.1, total_iters=9)),
    "one_cycle": (ns.OneCycle(0.1), lambda o: lr.OneCycleLR(o, max_lr=0.1, total_steps=T + 1)),
}


@pytest.mark.parametrize("key", [key for key in COUNTERPARTS if key != "one_cycle"])
def test_rates_are_pytorchs(key):
    ours, theirs = COUNTERPARTS[key]
    ours.begin(0, T)
    np.testing.assert_allclose([ours(t) for t in range(T)], rates_of(theirs, T), rtol=1e-10)


@pytest.mark.parametrize("settings", [{}, {"up": 0.5, "div": 10.0, "final_div": 100.0}])
def test_one_cycle_is_pytorchs(settings):
    theirs = {
        "pct_start": settings.get("up", 0.3),
        "div_factor": settings.get("div", 25.0),
        "final_div_factor": settings.get("final_div", 1e4),
    }
    ours = ns.OneCycle(0.1, **settings)
    ours.begin(0, T)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = lr.OneCycleLR(optimizer, max_lr=0.1, total_steps=T, **theirs)
    rates = []
    for t in range(T):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if t < T - 1:
            schedule.step()
    np.testing.assert_allclose([ours(t) for t in range(T)], rates, rtol=1e-10)


@pytest.mark.parametrize(("mode", "monitor"), [("min", "val_loss"), ("max", "val_accuracy")])
def test_reduce_on_plateau_is_pytorchs(mode, monitor):
    rng = np.random.default_rng(0)
    values = np.abs(1.0 / np.arange(1, 61) + 0.02 * rng.normal(size=60))
    values = 1.0 - values if mode == "max" else values
    ours = ns.ReduceOnPlateau(1.0, factor=0.5, patience=3, monitor=monitor, threshold=0.01, minimum=1e-3)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = lr.ReduceLROnPlateau(optimizer, mode=mode, factor=0.5, patience=3, threshold=0.01, min_lr=1e-3)
    for value in values.tolist():
        ours.observe({monitor: value})
        theirs.step(value)
        assert ours(0) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
    assert ours(0) < 0.5


def test_evaluation_loss_of_extreme_outputs_is_pytorchs():
    z = np.array([[1e4, -1e4, 3.0], [0.0, 88.0, -200.0]])
    net = ns.Network([ns.Input(3), ns.Dense(3, "softmax")], dtype="float64")
    net[1].W = np.eye(3)
    value = F.cross_entropy(torch.tensor(z), torch.tensor([1, 2])).item()
    assert net.evaluate(z, [1, 2])["loss"] == pytest.approx(value, rel=1e-13)
    assert math.isfinite(value)
