"""A network's training step, line by line, on the buffers of its layers.

Each layer, the loss and the optimizer add their lines.  A part without a compiled form raises `NotTraceable`, and NumPy
runs the network's steps.  A form is found by class: a subclass that redefines a method of it has none.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..activations import Activation, Softmax
from ..layers import BatchNorm, Dense, Dropout
from ..layers.base import ActivationLayer, Layer
from ..losses import BinaryCrossEntropy, ByOutput, CrossEntropy, Loss, Margin
from ..optimizers import Optimizer
from ..parameters import Array
from ..processors import product_of_matrices
from . import blocks, sparse
from .images import Images
from .instructions import VECTOR
from .machine import Kernel, kernel, kernel_of_source
from .parts import KINDS
from .sources import activation_source, backward_source, loss_source, slope_source, update_source
from .table import Table
from .tracing import NotTraceable

if TYPE_CHECKING:
    from .parts import Network

PRODUCT = '''"""Written by neurosim: products of matrices, by the library that NumPy has."""

from neurosim.compiled.instructions import gemm_BITS as gemm
from neurosim.compiled.machine import share, wholes
from neurosim.compiled.sparse import is_dense


def product(p, like, me, of):
    """Compute z = x y, cut by the rows of z. Arguments: x, y, z, the library's function, its settings: see `gemm`.

    If there are counts, they tell whether `sparse` does the work.
    """
    first, last = share(p[7], me, of)
    if first == last or (p[23] > 0 and not is_dense(wholes(p, 7))):
        return
    step = 1 if p[12] == 112 else p[2]
    x, z = p[0] + SIZE * first * step, p[6] + SIZE * first * p[8]
    gemm(p[9], p[12], p[15], last - first, p[8], p[18], x, p[2], p[3], p[5], z, p[8], like)
'''
AS_IT_IS, TRANSPOSED = 111, 112  # CblasNoTrans, CblasTrans
LARGEST_SPARSE = 1 << 20  # numbers in a batch: larger batches are not searched for zeros
SHARE_SPARSE, OVERHEAD = 0.55, 50.0  # see `_most`


def _most(n_in: int, n_out: int) -> int:
    """Return the largest count of nonzero numbers in a sample for which a sum over them pays off.

    Finding one costs about as much as summing it for 50 neurons. The full product takes about half the time per number.
    (Measured on an AMD EPYC.)
    """
    return int(n_in * SHARE_SPARSE * n_out / (n_out + OVERHEAD))


class _Sparse:
    """The nonzero numbers of a batch, by rows and by columns: see `sparse`."""

    def __init__(self, x: Array, n_out: int) -> None:
        B, n = x.shape
        self.most = _most(n, n_out)
        self.columns, self.rows = np.zeros((B, n), np.int32), np.zeros((n, B), np.int32)
        self.numbers, self.turned = np.zeros((B, n), x.dtype), np.zeros((n, B), x.dtype)
        self.counts, self.filled = np.zeros(B, np.int64), np.zeros(n, np.int64)
        self.words, self.blocks = np.zeros((B, -(-n // 64)), np.int64), np.zeros(64 * (os.cpu_count() or 1), np.int64)


def _has_form_of(cls: type, rule: str, fast: str, base: type) -> bool:
    """Return whether a class's fast form does only what its readable rule says."""
    owner = {name: next(each for each in cls.__mro__ if name in vars(each)) for name in (rule, fast)}
    return owner[fast] in (base, owner[rule])


class Lines:
    """The tables of a network's step, for the present batch size.

    All tables except `gradients` and `update` are cut by the rows of the batch. In them threads meet only if a layer
    works along its columns.

    Attributes:
        load: type of a data set's samples -> the lines that copy a batch into the input layer and the targets.
        forward: through all layers, as in training.
        loss: into ``result[0]``.
        evaluate: through all layers, as in evaluation.
        backward: back through all layers, to every delta.
        gradients: of all parameters.
        update: one step of the optimizer, with its `numbers`: rate, t, hyperparameters.
        count: right predictions, into ``result[1]``.
        source: the place of the data set: addresses of samples, targets, order, start; and N.
        scale: (1,) the factor for bytes.
        threshold: (1,) a single output above it means class 1.
        settings: numbers that kernels read, and the functions that compute them before each run.
        dense, norms, dropouts: the layers of each kind; dropout layers with a rate of 0 are left out.

    Raises:
        NotTraceable: a part of the network has no compiled form.
    """

    def __init__(self, network: Network) -> None:
        self.network, self.dtype = network, network.dtype
        self.result, self.source, self.threshold = np.zeros(2), np.zeros(5, np.int64), np.zeros(1)
        self.scale = np.ones(1, self.dtype)
        self.settings: list[tuple[Array, Callable[[], tuple[float, ...]]]] = []
        names = ("forward", "loss", "evaluate", "backward", "gradients", "update", "count")
        self.forward, self.loss, self.evaluate, self.backward, self.gradients, self.update, self.count = (
            Table(self.dtype) for _ in names
        )
        self.dense: list[Dense] = []
        self.images = Images(self)
        self.norms: list[BatchNorm] = []
        self.dropouts: list[Dropout] = []
        self._sparse: _Sparse | None = None
        self._add_load()
        for layer in network.layers[1:]:
            self._add_forward(layer)
        self._add_loss(network.loss, network.output)
        for layer in network.layers[:0:-1]:
            self._add_backward(layer)
        self._add_update(network.optimizer)
        a = network.output.a
        self.count.add(self.block(blocks.count_hits), a, network.targets, self.result, self.threshold)

    def block(self, function: Callable[..., Any]) -> Kernel:
        return kernel(function, self.dtype)

    def written(self, name: str, source: str) -> Kernel:
        return kernel_of_source(name, source, self.dtype)

    def _doubles(self, values: Callable[[], tuple[float, ...]]) -> Array:
        """Return numbers for a kernel that are read anew before each step."""
        numbers = np.array(values(), np.float64)
        self.settings.append((numbers, values))
        return numbers

    def _add_product(
        self, table: Table, x: Array, y: Array, z: Array, x_t: int = AS_IT_IS, y_t: int = AS_IT_IS,
        counts: Array | int = 0, wait: bool = False,
    ) -> None:  # fmt: skip
        """Add z = x y, with x or y transposed on request. With `counts`, it runs only if x is not mostly zeros."""
        address, bits = product_of_matrices("s" if self.dtype == np.float32 else "d")
        if not address:
            raise NotTraceable("the BLAS library of NumPy is unknown")
        inner = x.shape[0] if x_t == TRANSPOSED else x.shape[1]
        source = PRODUCT.replace("BITS", str(bits)).replace("SIZE", str(self.dtype.itemsize))
        table.add(self.written("product", source), x, y, z, address, x_t, y_t, inner, counts, wait=wait)

    def _found(self, layer: Layer) -> _Sparse | None:
        """Return the nonzero numbers that come into a layer, if they are searched for."""
        return self._sparse if layer.previous is self.network.layers[0] else None

    def _add_load(self) -> None:
        a, y = self.network.layers[0].a, self.network.targets
        tables = pixels, singles, doubles = [Table(self.dtype) for _ in range(3)]
        pixels.add(self.block(blocks.gather_pixels), a, y, self.source, self.scale)
        singles.add(self.block(blocks.gather_singles), a, y, self.source)
        doubles.add(self.block(blocks.gather_doubles), a, y, self.source)
        self.load = dict(zip(map(np.dtype, KINDS), tables, strict=True))

    def _add_forward(self, layer: Layer) -> None:
        kind = type(layer)
        if kind is Dense:
            self._add_dense(cast(Dense, layer))
        elif kind is BatchNorm:
            self._add_norm(cast(BatchNorm, layer))
        elif kind is Dropout:
            layer = cast(Dropout, layer)
            if layer.rate > 0.0:
                self.dropouts.append(layer)
                rate = self._doubles(lambda: (layer.rate,))
                self.forward.add(self.block(blocks.drop), layer.x, layer.mask, layer.z, layer.a, rate)
            for table in (self.evaluate,) if layer.rate > 0.0 else (self.forward, self.evaluate):
                table.add(self.block(blocks.fill), layer.mask, np.ones(1))
                table.add(self.block(blocks.copy), layer.x, layer.z)
                table.add(self.block(blocks.copy), layer.x, layer.a)
        elif not self.images.add_forward(layer):
            raise NotTraceable(f"{layer!r} has no compiled form")

    def _add_dense(self, layer: Dense) -> None:
        """Add z = x W + b; a = f(z)."""
        self.dense.append(layer)
        x, size = layer.x, self.dtype.itemsize
        first = layer.previous is self.network.layers[0]
        if first and layer.n_out * size >= VECTOR and x.size <= LARGEST_SPARSE:
            self._sparse = _Sparse(x, layer.n_out)
        found = self._found(layer)
        counts = 0 if found is None else found.counts
        for table in (self.forward, self.evaluate):
            if found is not None:
                table.add(self.block(sparse.find), x, found.words, found.columns, found.numbers, found.counts,
                          found.most, size)  # fmt: skip
                table.add(self.block(sparse.multiply), found.columns, found.numbers, found.counts, layer.W, layer.z,
                          found.counts, size, wait=True)  # fmt: skip
            self._add_product(table, x, layer.W, layer.z, counts=counts)
            self.add_activation(table, layer, layer.b if layer.use_bias else None)

    def _add_norm(self, layer: BatchNorm) -> None:
        """Add z = γ x̂ + β; a = f(z)."""
        self.norms.append(layer)
        epsilon = self._doubles(lambda: (layer.epsilon,))
        self.forward.add(self.block(blocks.measure), layer.x, layer._mean, layer._variance,
                         layer.neuron_count, wait=True)  # fmt: skip
        both = ((self.forward, layer._mean, layer._variance),
                (self.evaluate, layer.running_mean, layer.running_variance))  # fmt: skip
        for table, mean, variance in both:
            table.add(self.block(blocks.normalize), layer.x, layer.x_hat, layer.z, mean, variance, layer._inverse,
                      layer.gamma, layer.beta, epsilon, layer.neuron_count, wait=True)  # fmt: skip
            self.add_activation(table, layer, None)
        count = layer.batch_size * layer.places
        settings = self._doubles(lambda: (layer.momentum, count / (count - 1) if count > 1 else 0.0))
        self.update.add(self.block(blocks.follow), layer.running_mean, layer.running_variance, layer._mean,
                        layer._variance, settings)  # fmt: skip

    def add_activation(self, table: Table, layer: ActivationLayer, b: Array | None) -> None:
        """Add z ← z + b; a = f(z)."""
        function = layer.function
        cls = type(function)
        if cls.__call__ is Softmax.__call__ and cls.forward_ is Softmax.forward_:
            if layer.places > 1:
                raise NotTraceable(f"{layer!r}: softmax at each place has no compiled form")
            log_a = Softmax.log_probabilities(layer.scratch)
            table.add(self.block(blocks.softmax), layer.z, layer.a, log_a, 0 if b is None else b)
            return
        if not _has_form_of(cls, "__call__", "forward_", Activation):
            raise NotTraceable(f"{function!r}has its own fast form")
        source = activation_source(function, b is not None)
        table.add(self.written("forward", source), layer.z, layer.a, *(() if b is None else (b,)))

    def _add_activation_backward(self, layer: ActivationLayer) -> None:
        """Add delta = dL/dz, from da."""
        table, function = self.backward, layer.function
        cls = type(function)
        if cls.vjp is Softmax.vjp and cls.backward_ is Softmax.backward_:
            table.add(self.block(blocks.softmax_backward), layer.da, layer.a, layer.delta)
            return
        if not _has_form_of(cls, "derivative", "backward_", Activation):
            raise NotTraceable(f"{function!r}has its own fast form")
        table.add(self.written("backward", backward_source(function)), layer.da, layer.z, layer.delta)

    def _add_loss(self, loss: Loss, output: ActivationLayer) -> None:
        """Add the loss: L at the end of the forward pass, the output's delta at the start of the backward pass."""
        value, backward, result = self.loss, self.backward, self.result
        a, y, cls = output.a, self.network.targets, type(loss)
        if loss.simplifies(output.activation) and cls.delta_ is CrossEntropy.delta_:
            softened = cast(CrossEntropy, loss)
            smoothing = self._doubles(lambda: (softened.label_smoothing, 1.0 / max(1, len(y))))
            log_a = Softmax.log_probabilities(output.scratch)
            value.add(self.block(blocks.cross_entropy), log_a, y, result, smoothing, wait=True)
            backward.add(self.block(blocks.difference), a, y, output.delta, smoothing)
        elif loss.simplifies(output.activation) and cls.delta_ is BinaryCrossEntropy.delta_:
            value.add(self.block(blocks.binary_cross_entropy), output.z, y, result, wait=True)
            factor = np.array([0.0, 1.0 / max(1, y.size)])
            backward.add(self.block(blocks.difference), a, y, output.delta, factor)
        elif cls.delta_ is not Loss.delta_:
            raise NotTraceable(f"{loss!r}has its own fast form")
        else:
            self._add_loss_by_da(loss, output)
            self._add_activation_backward(output)

    def _add_loss_by_da(self, loss: Loss, output: ActivationLayer) -> None:
        """Add L into the result, and da of the output."""
        a, y, da, cls = output.a, self.network.targets, output.da, type(loss)
        if isinstance(loss, Margin) and cls.__call__ is Margin.__call__ and cls.gradient_ is Margin.gradient_:
            margin = self._doubles(lambda: (loss.margin,))
            self.loss.add(self.block(blocks.margin_loss), a, y, self.result, margin, loss._power, wait=True)
            self.backward.add(self.block(blocks.margin_gradient), a, y, da, margin, loss._power)
        elif isinstance(loss, ByOutput) and cls.gradient is ByOutput.gradient and cls.__call__ is ByOutput.__call__:
            if not (_has_form_of(cls, "term", "value_", Loss) and _has_form_of(cls, "slope", "gradient_", Loss)):
                raise NotTraceable(f"{loss!r}has its own fast form")
            self.loss.add(self.written("loss", loss_source(loss)), a, y, self.result, wait=True)
            self.backward.add(self.written("slope", slope_source(loss)), a, y, da)
        else:
            raise NotTraceable(f"{loss!r} has no compiled form")

    def _add_backward(self, layer: Layer) -> None:
        """Add the way from da (for the output layer, from delta) to the gradients and to da of the layer below."""
        table, below = self.backward, layer._below
        if layer.activation is not None and not layer.is_output:
            self._add_activation_backward(cast(ActivationLayer, layer))
        if layer in self.dense:
            if below is not None:
                self._add_product(table, layer.delta, layer.W, below, y_t=TRANSPOSED)
            self._add_gradients(layer)
        elif layer in self.norms:
            table.add(self.block(blocks.normalize_gradients), layer.delta, layer.x_hat, layer.dgamma, layer.dbeta,
                      layer.neuron_count, wait=True)  # fmt: skip
            if below is not None:
                table.add(self.block(blocks.normalize_backward), layer.delta, layer.x_hat, layer.dgamma, layer.dbeta,
                          layer.gamma, layer._inverse, below, layer.neuron_count, wait=True)  # fmt: skip
        elif not self.images.add_backward(layer):
            layer = cast(Dropout, layer)
            dx: Array | int = 0 if below is None else below
            table.add(self.block(blocks.drop_backward), layer.da, layer.mask, layer.delta, dx)

    def _add_gradients(self, layer: Dense) -> None:
        """Add dW = xᵀ delta, and db = the sum of delta over the batch. Cut by the rows of W, and by neurons."""
        table, found = self.gradients, self._found(layer)
        counts = 0 if found is None else found.counts
        first = not table.lines  # the first line: all threads need every delta
        if found is not None:
            table.add(self.block(sparse.turn), layer.x, found.words, found.counts, found.rows, found.turned,
                      found.filled, found.blocks)  # fmt: skip
            table.add(self.block(sparse.multiply), found.rows, found.turned, found.filled, layer.delta, layer.dW,
                      found.counts, self.dtype.itemsize, wait=True)  # fmt: skip
            first = False
        self._add_product(table, layer.x, layer.delta, layer.dW, x_t=TRANSPOSED, counts=counts, wait=first)
        if layer.use_bias:
            table.add(self.block(blocks.sum_rows), layer.delta, layer.db)

    def _add_update(self, optimizer: Optimizer) -> None:
        table, cls = self.update, type(optimizer)
        if cls.step is not Optimizer.step or not _has_form_of(cls, "rule", "update_", Optimizer):
            raise NotTraceable(f"{optimizer!r}has its own fast form")
        parameters = self.network.parameters
        if optimizer.clip_norm is not None:
            largest = self._doubles(lambda: (cast(float, optimizer.clip_norm),))
            table.add(self.block(blocks.clip), parameters.grad, largest, wait=True)
        self.numbers = np.zeros(2 + len(optimizer.hyper()))
        states = [optimizer.state[name] for name in optimizer.state_names]
        update = self.written("update", update_source(optimizer))
        table.add(update, self.numbers, parameters.theta, parameters.grad, *states, wait=True)
