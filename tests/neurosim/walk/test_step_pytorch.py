"""``step --json`` against PyTorch: every number, for 100 random (layer, neuron, sample, activation, optimizer) cases.

PyTorch is given nothing but the saved file: it reads the weights, the optimizer's vectors and the settings from the
npz, runs autograd and one step of ``torch.optim`` on them, in the dtype of the file.

What *relative* means.  In float64 and in float32 alike, a number is held to the largest magnitude among its own kind:
z, a, da/dz, dL/da and delta to that of the layer's vector, downstream deltas to that of the layer above, dL/dW and the
weights to that of the layer's matrix, each update term to the largest of that term in the neuron's column and bias.
Elementwise would be the wrong question where a sum cancels: z = 1e-4 made of terms of size 1 has lost four of its
seven digits in any order of summation, PyTorch's included.  Losses are held to max(|L|, 1), because cross-entropy is a
difference of numbers of the size of z.  Lion, which PyTorch lacks, is held to `reference`.
"""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import reference

import neurosim as ns
from neurosim.activations import ACTIVATIONS
from neurosim.optimizers import OPTIMIZERS

torch = pytest.importorskip("torch")
from torch_names import ACTIVATE, LOSS, TORCH  # noqa: E402

pytestmark = pytest.mark.torch
ROOT = Path(__file__).resolve().parents[3]
BOUND = {"float64": 1e-10, "float32": 1e-5}
CASES = 100
OUTPUTS = [("cross_entropy", "softmax")] * 4 + [
    ("binary_cross_entropy", "sigmoid"),
    ("mse", "sigmoid"),
    ("mse", "linear"),
    ("mse", "softmax"),
    ("mae", "sigmoid"),
    ("huber", "tanh"),
    ("hinge", "linear"),
    ("squared_hinge", "linear"),
]
STATE = {  # ours -> theirs
    "momentum": {"velocity": "momentum_buffer"},
    "nesterov": {"velocity": "momentum_buffer"},
    "adagrad": {"square_sum": "sum"},
    "rmsprop": {"v": "square_avg"},
    "adadelta": {"v": "square_avg", "u": "acc_delta"},
    "adam": {"m": "exp_avg", "v": "exp_avg_sq"},
    "adamw": {"m": "exp_avg", "v": "exp_avg_sq"},
    "nadam": {"m": "exp_avg", "v": "exp_avg_sq"},
    "adamax": {"m": "exp_avg", "u": "exp_inf"},
    "amsgrad": {"m": "exp_avg", "v": "exp_avg_sq", "v_max": "max_exp_avg_sq"},
}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def digits():
    return ns.data.load("digits")


# --- the cases -----------------------------------------------------------------------------------------------------


def make_case(k):
    """Everything that case k is made of. Activations and optimizers go round, the rest is drawn."""
    rng = np.random.default_rng([7, k])
    activation = list(ACTIVATIONS)[k % len(ACTIVATIONS)]
    optimizer = list(OPTIMIZERS)[k % len(OPTIMIZERS)]
    hidden = rng.integers(5, 24, rng.integers(1, 4)).tolist()
    loss, output = OUTPUTS[rng.integers(len(OUTPUTS))]
    layer = int(rng.integers(1, len(hidden) + 1)) if rng.random() < 0.85 else len(hidden) + 1
    return {
        "activation": activation,
        "optimizer": optimizer,
        "hidden": hidden,
        "loss": loss,
        "output": output,
        "layer": layer,
        "neuron": int(rng.integers([*hidden, 10][layer - 1])),
        "sample": int(rng.integers(2000)),
        "steps": int(rng.integers(6)),
        "rate": float(10 ** rng.uniform(-1.5, -0.5)),
        "clip_norm": 0.5 if rng.random() < 0.2 else None,
        "regularizer": [None, None, None, "l2", "l1"][rng.integers(5)],
        "schedule": bool(rng.random() < 0.2),
    }


def make_net(case, k, dtype, train):
    """A network for a case, with some steps of training behind it, so that the optimizer remembers something."""
    settings = TORCH[case["optimizer"]][2] if case["optimizer"] in TORCH else {"weight_decay": 0.1}
    rate = case["rate"] * (TORCH[case["optimizer"]][1]["lr"] if case["optimizer"] in TORCH else 0.01)
    rate = ns.Exponential(rate, steps=50) if case["schedule"] else rate
    optimizer = OPTIMIZERS[case["optimizer"]](rate, clip_norm=case["clip_norm"], **settings)
    net = ns.Network(
        [ns.Input((28, 28)), *(ns.Dense(n, case["activation"]) for n in case["hidden"]), ns.Dense(10, case["output"])],
        loss=case["loss"],
        optimizer=optimizer,
        regularizer=case["regularizer"] and {"name": case["regularizer"], "strength": 1e-3},
        seed=k,
        dtype=dtype,
    )
    rng = np.random.default_rng(k)
    for layer in list(net)[1:]:
        layer.b = rng.normal(scale=0.1, size=len(layer))
    for step in range(case["steps"]):
        rows = slice(32 * step, 32 * step + 32)
        net.train_batch(train.images[rows], train.labels[rows])
    return net


def test_the_cases_cover_every_activation_and_every_optimizer():
    cases = [make_case(k) for k in range(CASES)]
    hidden = {case["activation"] for case in cases if case["layer"] <= len(case["hidden"])}
    assert hidden == set(ACTIVATIONS) and {case["optimizer"] for case in cases} == set(OPTIMIZERS)
    assert {case["loss"] for case in cases} == set(LOSS)
    assert sum(case["layer"] > len(case["hidden"]) for case in cases) >= 8
    assert len({(case["activation"], case["optimizer"]) for case in cases}) == 60
    for key in OPTIMIZERS:  # each one with something to remember, and (but for luck) from its first step
        assert max(case["steps"] for case in cases if case["optimizer"] == key) > 0


# --- the same by PyTorch -------------------------------------------------------------------------------------------


def exact(array):
    return torch.tensor(np.array(array))


def activate(key, z, config):
    return torch.nn.functional.leaky_relu(z, config["negative_slope"]) if key == "leaky_relu" else ACTIVATE[key](z)


class Theirs:
    """A forward pass, autograd and one optimizer step in PyTorch, from a saved file alone."""

    def __init__(self, path, image, label):
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        saved = json.loads(str(arrays.pop("config")))
        self.config, self.scalars = saved["network"], saved["scalars"]
        self.dense = self.config["layers"][1:]
        self.names = [f"{kind}{depth}" for kind in "Wb" for depth in range(1, len(self.dense) + 1)]  # [W1 … | b1 …]
        self.before = np.concatenate([arrays[name].ravel() for name in self.names])
        ends = np.cumsum([arrays[name].size for name in self.names])
        self.slots = {
            name: (slice(end - arrays[name].size, end), arrays[name].shape)
            for name, end in zip(self.names, ends, strict=True)
        }
        self.state = {name.removeprefix("optimizer."): array for name, array in arrays.items() if "." in name}
        self.theta = torch.nn.Parameter(exact(self.before))
        self.x = exact(np.asarray(image, self.before.dtype).reshape(1, -1) * self.before.dtype.type(1 / 255))
        self.y = torch.eye(10, dtype=self.theta.dtype)[label : label + 1]
        self.flow, self.loss = self.forward(self.theta)
        self.differentiate()
        self.update()
        with torch.no_grad():
            _, self.loss_after = self.forward(self.theta)

    def part(self, flat, name):
        where, shape = self.slots[name]
        return flat[where].reshape(shape)

    def forward(self, theta):
        a, flow = self.x, []
        for depth, layer in enumerate(self.dense, start=1):
            z = a @ self.part(theta, f"W{depth}") + self.part(theta, f"b{depth}")
            a = activate(layer["activation"]["name"], z, layer["activation"])
            flow.append((z, a))
        settings = {name: value for name, value in self.config["loss"].items() if name != "name"}
        return flow, LOSS[self.config["loss"]["name"]](z, a, self.y, **settings)

    def differentiate(self):
        """All gradients; dL/da of a softmax output, which cross_entropy goes past, from L = -Σ y ln a."""
        zs, activations = zip(*self.flow, strict=True)
        wanted = [self.theta, *zs, *activations[:-1]]
        found = torch.autograd.grad(self.loss, wanted, retain_graph=True)
        self.grad, self.delta, self.da = found[0], found[1 : len(zs) + 1], list(found[len(zs) + 1 :])
        through_a = self.loss
        if self.config["loss"]["name"] == "cross_entropy":
            through_a = -(self.y * torch.log(activations[-1])).sum()
        self.da.append(torch.autograd.grad(through_a, activations[-1], retain_graph=True)[0])
        self.slope = []
        for depth, z in enumerate(zs):
            key, config = self.dense[depth]["activation"]["name"], self.dense[depth]["activation"]
            if key == "softmax":
                self.slope.append(torch.autograd.functional.jacobian(lambda v: torch.softmax(v, 0), z[0]).diagonal())
            else:
                apart = z.detach().requires_grad_()
                self.slope.append(torch.autograd.grad(activate(key, apart, config).sum(), apart)[0][0])
        penalty = 0.0
        for depth, layer in enumerate(self.dense, start=1):
            if layer["regularizer"]:
                W = self.part(self.theta, f"W{depth}")
                measure = W.abs().sum() if layer["regularizer"]["name"] == "l1" else 0.5 * W.square().sum()
                penalty = penalty + layer["regularizer"]["strength"] * measure
        if not isinstance(penalty, float):
            self.grad = self.grad + torch.autograd.grad(penalty, self.theta)[0]

    def update(self):
        config = self.config["optimizer"]
        self.key, self.rate = config["name"], config["learning_rate"]
        if isinstance(self.rate, dict):
            self.rate = self.rate["rate"] * self.rate["factor"] ** (self.scalars["t"] / self.rate["steps"])
        clipped = torch.nn.Parameter(torch.zeros_like(self.theta))
        clipped.grad = self.grad.clone()
        if config["clip_norm"] is not None:
            torch.nn.utils.clip_grad_norm_([clipped], config["clip_norm"])
        if self.key == "lion":
            return self.lion(clipped.grad.double().numpy(), config)
        make, arguments, _ = TORCH[self.key]
        # from zero: θ_after is then the step itself, undisturbed by the rounding of θ
        zero = torch.nn.Parameter(torch.zeros_like(self.theta))
        for parameter in (self.theta, zero):
            optimizer = make([parameter], **arguments | {"lr": self.rate})
            optimizer.state[parameter] = {
                theirs: exact(self.state[ours]) for ours, theirs in STATE.get(self.key, {}).items()
            }
            if self.key not in ("sgd", "momentum", "nesterov"):
                optimizer.state[parameter]["step"] = torch.tensor(float(self.scalars["t"]))
            if self.key == "nadam":
                optimizer.state[parameter]["mu_product"] = torch.tensor(self.scalars["mu_product"], dtype=torch.float64)
            parameter.grad = clipped.grad.clone()
            optimizer.step()
        after, t = optimizer.state[zero], self.scalars["t"] + 1
        self.terms = {ours: after[theirs] for ours, theirs in STATE.get(self.key, {}).items()}
        defaults = optimizer.param_groups[0]
        step = -zero.detach()
        if self.key == "adamw":
            self.terms["decay"] = self.rate * defaults["weight_decay"] * exact(self.before)
            step = step + self.terms["decay"]
        if "betas" in defaults:
            first, second = (1.0 - beta**t for beta in defaults["betas"])
            if self.key != "nadam":
                self.terms["m_hat"] = self.terms["m"] / first
            if self.key != "adamax":
                self.terms["v_hat"] = self.terms.get("v_max", self.terms.get("v")) / second
        if self.key == "nadam":
            self.terms["m_ahead"] = step / self.rate * (self.terms["v_hat"].sqrt() + defaults["eps"])
        if self.key == "nesterov":
            self.terms["look_ahead"] = step / self.rate
        if self.key == "adadelta":
            self.terms["d"] = step / self.rate
        self.terms["step"] = step
        self.terms = {name: values.detach().numpy() for name, values in self.terms.items()}

    def lion(self, grad, config):
        rows = []
        for p, g, m in zip(self.before.tolist(), grad.tolist(), self.state["m"].tolist(), strict=True):
            memory = {"m": m}
            settings = {name: config[name] for name in ("beta1", "beta2", "weight_decay")}
            after = reference._lion(p, g, memory, self.scalars["t"] + 1, self.rate, **settings)
            direction = settings["beta1"] * m + (1.0 - settings["beta1"]) * g
            rows.append(
                (after, memory["m"], (direction > 0) - (direction < 0), self.rate * settings["weight_decay"] * p)
            )
        after, m, direction, decay = np.array(rows).T
        self.terms = {"m": m, "direction": direction, "decay": decay, "step": self.rate * direction + decay}
        with torch.no_grad():
            self.theta.copy_(torch.tensor(after))

    def pairs(self, document):
        """(name, ours, theirs, the array that says how large such numbers are) for every number of the document."""
        depth, j = document["layer"], document["neuron"]
        z, a = self.flow[depth - 1]
        below = self.x if depth == 1 else self.flow[depth - 2][1]
        column = {kind: self.part(self.theta, f"{kind}{depth}") for kind in "Wb"}
        start = {kind: self.part(exact(self.before), f"{kind}{depth}") for kind in "Wb"}
        grad = {kind: self.part(self.grad, f"{kind}{depth}") for kind in "Wb"}
        update = document["update"]
        yield "inputs", document["inputs"], below[0], below
        yield "weights", document["weights"], start["W"][:, j], start["W"]
        yield "bias", document["bias"], start["b"][j], start["b"]
        yield "z", document["z"], z[0, j], z
        yield "a", document["a"], a[0, j], a
        yield "da_dz", document["da_dz"], self.slope[depth - 1][j], self.slope[depth - 1]
        if depth < len(self.dense):
            W, delta = self.part(exact(self.before), f"W{depth + 1}"), self.delta[depth][0]
            terms = document["downstream"]
            assert [each["neuron"] for each in terms] == list(range(len(delta)))
            yield "downstream weight", [each["weight"] for each in terms], W[j], W
            yield "downstream delta", [each["delta"] for each in terms], delta, delta
            yield "downstream product", [each["product"] for each in terms], W[j] * delta, W[j] * delta
        else:
            assert document["downstream"] == []
        yield "dL_da", document["dL_da"], self.da[depth - 1][0, j], self.da[depth - 1]
        yield "delta", document["delta"], self.delta[depth - 1][0, j], self.delta[depth - 1]
        yield "dL_dW", document["dL_dW"], grad["W"][:, j], grad["W"]
        yield "dL_db", document["dL_db"], grad["b"][j], grad["b"]
        yield "loss", document["loss"], self.loss, torch.maximum(self.loss.detach().abs(), torch.ones(()))
        yield "probabilities", document["sample"]["probabilities"], self.flow[-1][1][0], self.flow[-1][1]
        yield "learning_rate", update["learning_rate"], self.rate, self.rate
        assert set(update["terms"]) == set(self.terms)
        for name, values in update["terms"].items():
            of_weights, of_bias = (self.part(self.terms[name], f"{kind}{depth}")[..., j] for kind in "Wb")
            theirs = np.append(of_weights, of_bias)
            yield f"{update['optimizer']} {name}", [*values["weights"], values["bias"]], theirs, theirs
        yield "weights_after", update["weights_after"], column["W"][:, j], column["W"]
        yield "bias_after", update["bias_after"], column["b"][j], column["b"]
        yield "loss_after", document["loss_after"], self.loss_after, torch.maximum(self.loss_after, torch.ones(()))


def numbers(values):
    return np.asarray(values.detach() if isinstance(values, torch.Tensor) else values, np.float64)


def errors(document, theirs):
    """Name -> (relative error as the module's docstring has it, and elementwise)."""
    found = {}
    for name, ours, other, scale in theirs.pairs(document):
        ours, other, scale = numbers(ours), numbers(other), np.abs(numbers(scale)).max()
        assert ours.shape == other.shape, name
        assert np.isfinite(ours).all() and np.isfinite(other).all(), name
        away = np.abs(ours - other)
        each = away / np.maximum(np.abs(other), np.finfo(np.float32).tiny)
        found[name] = (float(away.max() / scale) if scale else float(away.max()), float(each.max()))
    return found


KEYS = {
    "sample": {"index", "label", "prediction", "classes", "probabilities"},
    "update": {"optimizer", "settings", "learning_rate", "terms", "weights_after", "bias_after"},
    "": {
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
    },
}


def compare(document, path, test, dtype):
    sample = document["sample"]
    assert KEYS[""] <= set(document) and KEYS["sample"] == set(sample) and KEYS["update"] == set(document["update"])
    assert sample["label"] == test.labels[sample["index"]]
    theirs = Theirs(path, test.images[sample["index"]], sample["label"])
    assert sample["prediction"] == int(theirs.flow[-1][1].argmax())
    found = errors(document, theirs)
    too_far = {name: error for name, (error, _) in found.items() if not error <= BOUND[dtype]}
    assert not too_far
    return found


def in_process(k, dtype, digits, path):
    """The document of case k, made of the network that was saved and read again, as the command line does."""
    train, test = digits
    case = make_case(k)
    make_net(case, k, dtype, train).save(path)
    i = case["sample"]
    trace = ns.Trace(ns.Network.load(path), test.images[i : i + 1], test.labels[i : i + 1], sample=i)
    return json.loads(json.dumps(trace[case["layer"]][case["neuron"]].to_dict(check=False)))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("k", range(CASES))
def test_every_number_is_pytorchs(k, dtype, digits, tmp_path):
    path = tmp_path / "net.npz"
    compare(in_process(k, dtype, digits, path), path, digits[1], dtype)


@pytest.mark.parametrize(("k", "dtype"), [(6, "float32"), (9, "float64"), (11, "float32")])
def test_the_command_line_prints_these_numbers(k, dtype, digits, tmp_path):
    case, path = make_case(k), tmp_path / "net.npz"
    make_net(case, k, dtype, digits[0]).save(path)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("NEUROSIM") or name == "NEUROSIM_ENGINE"
    }
    environment |= {"NEUROSIM_HOME": str(tmp_path / "home"), "NEUROSIM_OFFLINE": "1"}
    words = (
        "step",
        "--model",
        path,
        "--data",
        "digits",
        "--layer",
        case["layer"],
        "--neuron",
        case["neuron"],
        "--sample",
        case["sample"],
        "--json",
    )
    result = subprocess.run(
        [sys.executable, ROOT / "main.py", *map(str, words)],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    document = json.loads(result.stdout)
    compare(document, path, digits[1], dtype)
    inside = in_process(k, dtype, digits, path)
    check = document.pop("check")
    assert set(check) == {"max_relative_error"} and check["max_relative_error"] < (1e-6 if dtype == "float64" else 1e-3)
    assert document == inside  # to the last bit


def test_a_wrong_gradient_would_be_noticed(digits, tmp_path):
    path = tmp_path / "net.npz"
    document = in_process(3, "float64", digits, path)
    document["dL_dW"][document["dL_dW"].index(max(document["dL_dW"], key=abs))] *= 1.0 + 1e-9
    document["update"]["weights_after"][0] *= 1.0 + 1e-8
    found = errors(document, Theirs(path, digits[1].images[document["sample"]["index"]], document["sample"]["label"]))
    assert found["dL_dW"][0] > 1e-10 and found["weights_after"][0] > 1e-10
    assert math.isfinite(found["z"][0]) and found["z"][0] <= 1e-10
