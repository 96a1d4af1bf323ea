"""The competitors: the same training, written the way its own documentation would write it.

All get the same initial weights, the same rows in the same order, float32 and plain cross-entropy of a softmax, and
make the same updates; a test compares their weights afterwards.  Each runs as a program of its own, so that
no library's threads or memory disturb another's; nothing but the training loop is timed.  Compiling and the first
passes are done before, and so is the *preparation*: the data are brought into a competitor's form, once per
data set. Its seconds have their own column.  What is better for a library in one place and worse in another is a
*form*: the benchmark tries all forms with one thread and with several, and lets the fastest compete.  The thread count
is set in the environment before the library starts, which all of them obey (JAX reads it only then), or are told to
(PyTorch, neurosim).

Run as ``python peers.py '{"competitor": …}'`` this file serves `measure.Worker`: a line of JSON in, a line out.
"""

from __future__ import annotations

import gc
import inspect
import json
import math
import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import deepcopy
from importlib.util import find_spec
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

Array = Any
Weights = list[tuple[Array, Array]]
SCALE = 1.0 / 255.0
CLASSES = np.arange(10)


class Competitor(ABC):
    """Something that trains the network of a case.

    Args:
        case: widths, conv, batch_size, optimizer, learning_rate, steps: see `cases.Case`.
        images: (N, n_0) uint8.
        labels: (N,) uint8.
        weights: the initial (W, b) of each layer, W: (n_in, n_out), of a convolution (k, k, C, filters).
        form: one of `forms_of` the case.
    """

    forms: ClassVar[tuple[str, ...]] = ("",)
    conv_forms: ClassVar[tuple[str, ...]] = ("",)  # where there are convolutions; none: it has no convolution

    @classmethod
    def forms_of(cls, case: Any) -> tuple[str, ...]:
        """The forms that it can train a case in."""
        return cls.conv_forms if case.conv else cls.forms

    def __init__(self, case: Any, images: Array, labels: Array, weights: Weights, form: str) -> None:
        self.case = case
        self.batch_size: int = case.batch_size
        self.form = form
        self.order = np.arange(0)
        self.build(weights)
        self.x, self.y = self.prepare(images, labels)
        self.warm_up()

    @abstractmethod
    def build(self, weights: Weights) -> None:
        """Make the network and the optimizer."""

    def prepare(self, images: Array, labels: Array) -> tuple[Any, Any]:
        """The data as this form keeps them: made once, its seconds are told apart from those of the training."""
        return images, labels

    def warm_up(self) -> None:  # noqa: B027  most compile nothing
        """Compile, without changing a weight."""

    def begin(self, start: int, seed: int) -> None:
        """Not timed: decide the rows of the next round and their order, (steps · B,)."""
        rows = self.case.steps * self.batch_size
        self.order = start + np.random.default_rng(seed).permutation(rows)

    @abstractmethod
    def train(self) -> None:
        """Timed: one update for each batch of ``self.order``."""

    @abstractmethod
    def weights(self) -> Weights:
        """The present (W, b) of each layer."""


class Neurosim(Competitor):
    """neurosim, through its public loop; shuffling, loss and accuracy of every batch are part of that.

    Its compiled engine, where there is one.
    """

    engine: ClassVar[str] = "compiled"

    def build(self, weights: Weights) -> None:
        import neurosim as ns

        ns.threads(int(os.environ.get("OMP_NUM_THREADS", 1)))
        engine: dict[str, Any] = {"engine": self.engine} if has_engines() else {}
        n_in, *hidden, n_out = self.case.widths
        optimizer = {"sgd": ns.SGD, "adam": ns.Adam}[self.case.optimizer]
        of_images = [
            ns.Conv2D(each[0], each[1], "relu") if len(each) == 2 else ns.MaxPool2D(each[0]) for each in self.case.conv
        ]
        size = (math.isqrt(n_in),) * 2 if of_images else n_in
        layers = [*of_images, *(ns.Dense(n, "relu") for n in hidden), ns.Dense(n_out, "softmax")]
        self.network = ns.Network(
            [ns.Input(size), *layers], "cross_entropy", optimizer(learning_rate=self.case.learning_rate), **engine
        )
        self.weighted = [layer for layer in layers if not isinstance(layer, ns.MaxPool2D)]
        for layer, (W, b) in zip(self.weighted, weights, strict=True):
            layer.W, layer.b = W, b

    def warm_up(self) -> None:
        deepcopy(self.network).fit(
            self.x[: self.batch_size], self.y[: self.batch_size], epochs=1, batch_size=self.batch_size, verbose=False
        )

    def begin(self, start: int, seed: int) -> None:
        self.rows = slice(start, start + self.case.steps * self.batch_size)
        self.network.streams["shuffling"] = np.random.default_rng(seed)  # from which `fit` draws the same order

    def train(self) -> None:
        self.network.fit(self.x[self.rows], self.y[self.rows], epochs=1, batch_size=self.batch_size, verbose=False)

    def weights(self) -> Weights:
        return [(layer.W.copy(), layer.b.copy()) for layer in self.weighted]


class NumPyEngine(Neurosim):
    """neurosim in pure NumPy, where its own row is the compiled engine."""

    engine = "numpy"


class Torch(Competitor):
    """PyTorch, eager, with its fused optimizers; images kept as float32, or as uint8 that each batch converts.

    With convolutions the channels are first or last in memory.
    """

    forms = ("float32", "uint8")
    conv_forms = ("NCHW", "NHWC")

    def build(self, weights: Weights) -> None:
        import torch
        from torch import nn

        self.torch = torch
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
        self.weighted: list[Any] = []
        for W, b in weights:
            of_image = W.ndim == 4
            layer = nn.Conv2d(W.shape[2], W.shape[3], W.shape[0]) if of_image else nn.Linear(*W.shape)
            with torch.no_grad():
                layer.weight.copy_(torch.from_numpy(W.transpose(3, 2, 0, 1) if of_image else W.T))
                layer.bias.copy_(torch.from_numpy(b))
            self.weighted.append(layer)
        left = iter(self.weighted)
        of_images = [
            layer
            for each in self.case.conv
            for layer in ((next(left), nn.ReLU()) if len(each) == 2 else (nn.MaxPool2d(*each),))
        ]
        dense = [layer for linear in left for layer in (linear, nn.ReLU())][:-1]
        self.of_images, self.model = nn.Sequential(*of_images), nn.Sequential(*of_images, *dense)
        if self.form == "NHWC":
            self.model = self.model.to(memory_format=torch.channels_last)
        self.dense = nn.Sequential(*dense)
        optimizer = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[self.case.optimizer]
        self.optimizer = optimizer(self.model.parameters(), lr=self.case.learning_rate, fused=True)

    def prepare(self, images: Array, labels: Array) -> tuple[Any, Any]:
        x = self.torch.from_numpy(images)
        return x if self.form == "uint8" else x.float().mul_(SCALE), self.torch.from_numpy(labels.astype(np.int64))

    def train(self) -> None:
        cross_entropy = self.torch.nn.functional.cross_entropy
        for rows in self.torch.from_numpy(self.order).split(self.batch_size):
            x = self.x.index_select(0, rows)
            if self.form == "uint8":
                x = x.float().mul_(SCALE)
            if self.case.conv:
                side = math.isqrt(x.shape[1])
                x = self.of_images(x.view(-1, 1, side, side)).permute(0, 2, 3, 1).flatten(1)  # in neurosim's order
            loss = cross_entropy(self.dense(x), self.y.index_select(0, rows))
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()

    def weights(self) -> Weights:
        parameters = [(each.weight.detach().numpy(), each.bias.detach().numpy()) for each in self.weighted]
        return [(W.transpose(2, 3, 1, 0) if W.ndim == 4 else W.T, b) for W, b in parameters]


class Sklearn(Competitor):
    """scikit-learn's MLPClassifier: one ``partial_fit`` for all rows of the round, or one for each batch."""

    forms = ("round", "batch")
    conv_forms = ()

    def build(self, weights: Weights) -> None:
        from sklearn.neural_network import MLPClassifier

        self.model = MLPClassifier(
            self.case.widths[1:-1],
            activation="relu",
            solver=self.case.optimizer,
            alpha=0.0,
            batch_size=self.batch_size,
            learning_rate_init=self.case.learning_rate,
            momentum=0.0,
            nesterovs_momentum=False,
            shuffle=False,
        )
        # the first call makes its arrays
        x = np.zeros((self.batch_size, self.case.widths[0]), np.float32)
        self.model.partial_fit(x, np.zeros(self.batch_size, np.uint8), classes=CLASSES)
        for k, (W, b) in enumerate(weights):
            self.model.coefs_[k][...], self.model.intercepts_[k][...] = W, b
        del self.model._optimizer  # made anew at the next call, without memory of the first

    def prepare(self, images: Array, labels: Array) -> tuple[Any, Any]:
        return np.multiply(images, SCALE, dtype=np.float32), labels

    def train(self) -> None:
        size = len(self.order) if self.form == "round" else self.batch_size
        for start in range(0, len(self.order), size):
            rows = self.order[start : start + size]
            self.model.partial_fit(self.x[rows], self.y[rows])

    def weights(self) -> Weights:
        return list(zip(self.model.coefs_, self.model.intercepts_, strict=True))


class Jax(Competitor):
    """JAX: all steps of the round compiled as one ``lax.scan``, its buffers donated; the optimizer is optax's.

    With convolutions it is called step by step, because XLA runs them much more slowly within the
    loop of a scan (77 ms instead of 8). Or they are written as products of patches, all in one scan.
    """

    forms = ("float32", "uint8")
    conv_forms = ("conv", "patches")

    def build(self, weights: Weights) -> None:
        import jax
        import optax

        optimizer = {"sgd": optax.sgd, "adam": optax.adam}[self.case.optimizer](self.case.learning_rate)
        params = [(jax.numpy.array(W), jax.numpy.array(b)) for W, b in weights]
        self.state = params, optimizer.init(params)
        self.numpy, self.wait = jax.numpy, jax.block_until_ready

        conv, kernels = self.case.conv, sum(len(each) == 2 for each in self.case.conv)

        def convolution(x: Any, W: Any) -> Any:
            if self.form == "conv":
                return jax.lax.conv_general_dilated(x, W, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
            k, down, across = len(W), x.shape[1] - len(W) + 1, x.shape[2] - len(W) + 1
            patches = [x[:, i : i + down, j : j + across] for i in range(k) for j in range(k)]
            return jax.numpy.concatenate(patches, axis=3) @ W.reshape(-1, W.shape[3])

        def of_images(params: Any, x: Any) -> Any:
            side, left = math.isqrt(x.shape[1]), iter(params)
            x = x.reshape(-1, side, side, 1)
            for each in conv:
                if len(each) == 2:
                    W, b = next(left)
                    x = jax.nn.relu(convolution(x, W) + b)
                else:  # windows that do not overlap: quicker than `reduce_window`
                    B, H, W, C = x.shape
                    x = x.reshape(B, H // each[0], each[0], W // each[0], each[0], C).max(axis=(2, 4))
            return x.reshape(len(x), -1)

        def loss(params: Any, x: Any, y: Any) -> Any:
            if conv:
                x, params = of_images(params[:kernels], x), params[kernels:]
            for W, b in params[:-1]:
                x = jax.nn.relu(x @ W + b)
            W, b = params[-1]
            return optax.softmax_cross_entropy_with_integer_labels(x @ W + b, y).mean()

        def step(state: Any, rows: Any, images: Any, labels: Any) -> Any:
            params, memory = state
            x = images[rows]
            if x.dtype == "uint8":
                x = x.astype("float32") * SCALE
            value, grads = jax.value_and_grad(loss)(params, x, labels[rows])
            updates, memory = optimizer.update(grads, memory, params)
            return (optax.apply_updates(params, updates), memory), value

        def epoch(state: Any, order: Any, images: Any, labels: Any) -> Any:
            return jax.lax.scan(lambda state, rows: step(state, rows, images, labels), state, order)

        self.by_step = self.form == "conv"
        self.function: Any = jax.jit(step if self.by_step else epoch, donate_argnums=0)

    def prepare(self, images: Array, labels: Array) -> tuple[Any, Any]:
        x = images if self.form == "uint8" else np.multiply(images, SCALE, dtype=np.float32)
        data: tuple[Any, Any] = self.wait((self.numpy.asarray(x), self.numpy.array(labels, dtype="int32")))
        return data

    def warm_up(self) -> None:
        order = np.zeros((self.case.steps, self.batch_size), np.int32)
        first = order[0] if self.by_step else order
        self.function = self.function.lower(self.state, first, self.x, self.y).compile()

    def train(self) -> None:
        order = self.order.astype(np.int32).reshape(-1, self.batch_size)
        for part in order if self.by_step else [order]:
            self.state, _ = self.function(self.state, part, self.x, self.y)
        self.wait(self.state)

    def weights(self) -> Weights:
        return [(np.array(W), np.array(b)) for W, b in self.state[0]]


class Products:
    """The matrix products of a step, on buffers made beforehand: what any such step has to do.

    Args:
        pairs: (n_in, n_out) of each layer with weights, the first layer first.
        batch_size: samples per step.
        dtype: of all matrices.
        places: at how many places of a sample each layer is; one for all but convolutions. These multiply their
            patches, a row each: (B · places, k k C) with (k k C, filters).
    """

    def __init__(
        self,
        pairs: Sequence[tuple[int, int]],
        batch_size: int,
        dtype: Any = np.float32,
        places: Sequence[int] | None = None,
    ) -> None:
        rows = [batch_size * each for each in places or [1] * len(pairs)]
        rng = np.random.default_rng(0)

        def matrix(*shape: int) -> Array:
            return rng.standard_normal(shape, np.float32).astype(dtype)

        a = [matrix(B, n_in) for B, (n_in, _) in zip(rows, pairs, strict=True)]
        W = [matrix(*pair) for pair in pairs]
        delta = [matrix(B, n_out) for B, (_, n_out) in zip(rows, pairs, strict=True)]
        z = [np.empty_like(each) for each in delta]
        dW = [np.empty_like(each) for each in W]
        below = [np.empty_like(each) for each in a]
        last = range(len(pairs) - 1, -1, -1)
        self.forward_products = [(a[k], W[k], z[k]) for k in range(len(pairs))]
        self.backward_products = [
            product for k in last for product in ((a[k].T, delta[k], dW[k]), (delta[k], W[k].T, below[k]))
        ][:-1]  # dL/dx of the input is not needed

    @property
    def flops(self) -> int:
        """Multiplications and additions of a step."""
        return sum(
            2 * x.shape[0] * x.shape[1] * y.shape[1] for x, y, _ in (*self.forward_products, *self.backward_products)
        )

    def forward(self) -> None:
        """Z = a W in every layer."""
        for x, y, out in self.forward_products:
            np.dot(x, y, out=out)

    def backward(self) -> None:
        """DW = aᵀ delta in every layer, delta Wᵀ in all but the first."""
        for x, y, out in self.backward_products:
            np.dot(x, y, out=out)


class Floor(Competitor):
    """No training at all: the matrix products alone, in NumPy."""

    def build(self, weights: Weights) -> None:
        matrices = [(W.size // W.shape[-1], W.shape[-1]) for W, _ in weights]
        places = [places for _, places in shapes(self.case.widths, self.case.conv)]
        self.products = Products(matrices, self.batch_size, places=places)

    def train(self) -> None:
        for _ in range(self.case.steps):
            self.products.forward()
            self.products.backward()

    def weights(self) -> Weights:
        return []


COMPETITORS: dict[str, type[Competitor]] = {
    "floor": Floor,
    "neurosim": Neurosim,
    "neurosim numpy": NumPyEngine,
    "torch": Torch,
    "sklearn": Sklearn,
    "jax": Jax,
}


def has_engines() -> bool:
    """Return whether neurosim has a compiled engine here, beside NumPy: it needs numba."""
    from neurosim import Network

    return find_spec("numba") is not None and "engine" in inspect.signature(Network).parameters


def shapes(widths: Sequence[int], conv: Sequence[Sequence[int]] = ()) -> list[tuple[tuple[int, ...], int]]:
    """Of each layer with weights their shape, and at how many places of a sample it is; see `cases.Case`."""
    side, channels, found = math.isqrt(widths[0]), 1, list[tuple[tuple[int, ...], int]]()
    for each in conv:
        if len(each) == 1:
            side //= each[0]
            continue
        filters, k = each
        side -= k - 1
        found.append(((k, k, channels, filters), side * side))
        channels = filters
    first = side * side * channels if conv else widths[0]
    return [*found, *((pair, 1) for pair in pairwise((first, *widths[1:])))]


def initial_weights(widths: Sequence[int], conv: Sequence[Sequence[int]] = (), seed: int = 0) -> Weights:
    """He's initial weights and zero biases, float32: the same for every competitor."""
    rng = np.random.default_rng(seed)
    return [
        (
            rng.standard_normal(shape, np.float32) * np.float32(np.sqrt(2.0 / math.prod(shape[:-1]))),
            np.zeros(shape[-1], np.float32),
        )
        for shape, _ in shapes(widths, conv)
    ]


def mean_loss(weights: Weights, images: Array, labels: Array, conv: Sequence[Sequence[int]] = ()) -> float:
    """The cross-entropy of these samples: that all competitors have done the same shows in it."""
    a, left = images * np.float32(SCALE), iter(weights[:-1])
    if conv:
        side = math.isqrt(a.shape[1])
        a = a.reshape(-1, side, side, 1)
    for each in conv:
        n = each[-1]  # of a kernel, or of a window
        stride = 1 if len(each) == 2 else n
        windows = np.lib.stride_tricks.sliding_window_view(a, (n, n), (1, 2))[:, ::stride, ::stride]  # (B, …, C, n, n)
        if len(each) == 2:
            W, b = next(left)
            a = np.maximum(np.einsum("bhwcij,ijcf->bhwf", windows, W, optimize=True) + b, 0.0)
        else:
            a = windows.max(axis=(4, 5))
    a = a.reshape(len(a), -1)
    for W, b in left:
        a = np.maximum(a @ W + b, 0.0)
    W, b = weights[-1]
    z = (a @ W + b).astype(np.float64)
    z -= z.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), labels]))


def environment(threads: int) -> dict[str, str]:
    """The environment in which NumPy, PyTorch, scikit-learn and JAX start with that many threads."""
    linear_algebra = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    settings = dict.fromkeys([*linear_algebra, "NUMBA_NUM_THREADS", "NPROC"], str(threads)) | {"JAX_PLATFORMS": "cpu"}
    if threads == 1:
        settings["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    return {**os.environ, **settings}


def peak_memory() -> int:
    """The most memory that this process has had at once, in bytes."""
    try:
        with open("/proc/self/status") as file:  # getrusage would count what the parent had before
            return 1024 * next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def serve(request: dict[str, Any]) -> None:
    """Build the competitor asked for, and do what each line of standard input says.

    - ``{"begin": {"start": …, "seed": …}}``: make a round ready; no answer
    - ``{"train": true}``: train it; answers its seconds
    - ``{"finish": true}``: answers how much memory that took, peak beyond the interpreter with NumPy, the loss reached,
      and the seconds of a preparation when no other program runs
    """
    from types import SimpleNamespace

    answer, sys.stdout = sys.stdout, sys.stderr
    before = peak_memory()

    def reply(**values: Any) -> None:
        print(json.dumps(values), file=answer, flush=True)

    def data() -> tuple[Array, Array]:
        images, labels = (np.load(os.path.join(request["folder"], f"{name}.npy")) for name in ("images", "labels"))
        return images, labels

    case = SimpleNamespace(**request["case"])
    images, labels = data()
    sample = images[:500].copy(), labels[:500].copy()
    kind = COMPETITORS[request["competitor"]]
    competitor = kind(case, images, labels, initial_weights(case.widths, case.conv), request["form"])
    del images, labels
    reply(ready=True)
    for line in sys.stdin:
        message = json.loads(line)
        if "begin" in message:
            competitor.begin(**message["begin"])
            gc.collect()
            continue
        if "finish" in message:
            memory, weights = peak_memory() - before, competitor.weights()
            images, labels = data()
            began = time.perf_counter()
            competitor.prepare(images, labels)
            prepare = time.perf_counter() - began
            trained = {"loss": mean_loss(weights, *sample, case.conv), "prepare": prepare} if weights else {}
            reply(memory=memory, **trained)
            continue
        began = time.perf_counter()
        competitor.train()
        reply(seconds=time.perf_counter() - began)


if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    serve(json.loads(sys.argv[1]))
