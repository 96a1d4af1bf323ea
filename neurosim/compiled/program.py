"""A network's training step as a table of kernels, on the buffers that its layers keep.

Each layer, the loss and the optimizer add their lines; what has no compiled form raises `NotTraceable`, and the network
goes on without.  Forms are found by class: a subclass that says something else anew has none.
"""

from __future__ import annotations

import math
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
from . import blocks
from .machine import Kernel, Table, kernel, kernel_of_source
from .sources import activation_source, backward_source, loss_source, slope_source, update_source
from .tracing import NotTraceable

if TYPE_CHECKING:
    from .parts import Network

PRODUCT = '''"""Written by neurosim: products of matrices, by the library that NumPy has."""

from neurosim.compiled.machine import gemm_BITS as gemm


def product(p, like):
    """x, y, z: z = x y; then the library's function, and what it needs to know: see `gemm`."""
    gemm(p[9], p[12], p[15], p[7], p[8], p[18], p[0], p[2], p[3], p[5], p[6], p[8], like)
'''
AS_IT_IS, TRANSPOSED = 111, 112  # CblasNoTrans, CblasTrans


def _has_form_of(cls: type, rule: str, fast: str, base: type) -> bool:
    """Whether a class says nothing anew by its fast form that its readable rule does not say."""
    owner = {name: next(each for each in cls.__mro__ if name in vars(each)) for name in (rule, fast)}
    return owner[fast] in (base, owner[rule])


class Program:
    """A network's step, compiled for the batch that its workspaces are cut to.

    Raises:
        NotTraceable: a part of the network has no compiled form.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.dtype = network.dtype
        self.result = np.zeros(1)
        self.settings: list[tuple[Array, Callable[[], tuple[float, ...]]]] = []  # read anew before each step
        self._forward, self._backward, self._update = (Table(self.dtype) for _ in range(3))
        for layer in network.layers[1:]:
            self._add_forward(layer)
        self._add_loss(network.loss, network.output)
        for layer in network.layers[:0:-1]:
            self._add_backward(layer)
        self._add_update(network.optimizer)
        self._backward_and_update = Table(self.dtype, self._backward, self._update)
        self._draw = [layer for layer in network.layers if isinstance(layer, Dropout) and layer.rate > 0.0]
        self._norms = [layer for layer in network.layers if isinstance(layer, BatchNorm)]
        self._with_parameters = [layer for layer in network.layers if layer.parameter_shapes()]

    # -- running it ------------------------------------------------------------------------------------------------

    def step_(self) -> float:
        """One step of training; returns the loss before the update. Where that is not finite there is none."""
        loss = self.forward_()
        if math.isfinite(loss):
            self.learn_()
        return loss

    def forward_(self) -> float:
        """The batch through all layers as in training; returns its loss."""
        for layer in self._draw:
            layer.draw_()
        for norm in self._norms:
            norm._in_training = True
        for numbers, values in self.settings:
            numbers[:] = values()
        self._forward()
        return float(self.result[0])

    def learn_(self) -> None:
        """Back through all layers, and one step of the optimizer."""
        layers, optimizer = self._with_parameters, self.network.optimizer
        penalized = [layer for layer in layers if layer.penalized]
        if penalized:
            self._backward()
            for layer in penalized:
                layer.add_penalty_gradient_()
        for layer in layers:
            layer.before_update_()
        optimizer.last_rate = optimizer.rate
        optimizer.t += 1
        optimizer.begin_step()
        self._numbers[:] = (optimizer.last_rate, optimizer.t, *optimizer.hyper().values())
        if penalized:
            self._update()
        else:
            self._backward_and_update()
        for layer in layers:
            layer.after_update_()

    def compile(self) -> None:
        """Compile what is not compiled yet."""
        for table in (self._forward, self._backward_and_update, self._backward, self._update):
            table.compile()

    # -- its lines -------------------------------------------------------------------------------------------------

    def _block(self, function: Callable[..., Any]) -> Kernel:
        return kernel(function, self.dtype)

    def _written(self, name: str, source: str) -> Kernel:
        return kernel_of_source(name, source, self.dtype)

    def _doubles(self, values: Callable[[], tuple[float, ...]]) -> Array:
        """Numbers that a kernel looks up, and that are read anew before each step."""
        numbers = np.array(values(), np.float64)
        self.settings.append((numbers, values))
        return numbers

    def _add_product(
        self, table: Table, x: Array, y: Array, z: Array, x_t: int = AS_IT_IS, y_t: int = AS_IT_IS
    ) -> None:
        """z = x y, either of them transposed if so asked."""
        address, bits = product_of_matrices("s" if self.dtype == np.float32 else "d")
        if not address:
            raise NotTraceable("the library behind NumPy is an unknown one")
        inner = x.shape[0] if x_t == TRANSPOSED else x.shape[1]
        table.add(self._written("product", PRODUCT.replace("BITS", str(bits))), x, y, z, address, x_t, y_t, inner)

    def _add_forward(self, layer: Layer) -> None:
        table, kind = self._forward, type(layer)
        if kind is Dense:
            layer = cast(Dense, layer)
            self._add_product(table, layer.x, layer.W, layer.z)
            self._add_activation(table, layer, layer.b if layer.use_bias else None)
        elif kind is BatchNorm:
            layer = norm = cast(BatchNorm, layer)
            settings = self._doubles(lambda: (norm.epsilon, 1.0))
            table.add(self._block(blocks.normalize), layer.x, layer.x_hat, layer.z, layer._mean, layer._variance,
                      layer._inverse, layer.gamma, layer.beta, settings)  # fmt: skip
            self._add_activation(table, layer, None)
        elif kind is Dropout:
            layer = cast(Dropout, layer)
            if layer.rate > 0.0:
                rate = self._doubles(lambda: (layer.rate,))
                table.add(self._block(blocks.drop), layer.x, layer.mask, layer.z, layer.a, rate)
            else:
                table.add(self._block(blocks.fill), layer.mask, np.ones(1))
                table.add(self._block(blocks.copy), layer.x, layer.z)
                table.add(self._block(blocks.copy), layer.x, layer.a)
        else:
            raise NotTraceable(f"{layer!r} has no compiled form")

    def _add_activation(self, table: Table, layer: ActivationLayer, b: Array | None) -> None:
        """z ← z + b; a = f(z)."""
        function = layer.function
        cls = type(function)
        if cls.__call__ is Softmax.__call__ and cls.forward_ is Softmax.forward_:
            log_a = Softmax.log_probabilities(layer.scratch)
            table.add(self._block(blocks.softmax), layer.z, layer.a, log_a, 0 if b is None else b)
            return
        if not _has_form_of(cls, "__call__", "forward_", Activation):
            raise NotTraceable(f"{function!r} has a form of its own")
        source = activation_source(function, b is not None)
        table.add(self._written("forward", source), layer.z, layer.a, *(() if b is None else (b,)))

    def _add_activation_backward(self, table: Table, layer: ActivationLayer, db: Array | None) -> None:
        """Delta = dL/dz from da, and db."""
        function = layer.function
        cls = type(function)
        if cls.vjp is Softmax.vjp and cls.backward_ is Softmax.backward_:
            table.add(self._block(blocks.softmax_backward), layer.da, layer.a, layer.delta, 0 if db is None else db)
            return
        if not _has_form_of(cls, "derivative", "backward_", Activation):
            raise NotTraceable(f"{function!r} has a form of its own")
        source = backward_source(function, db is not None)
        table.add(self._written("backward", source), layer.da, layer.z, layer.delta, *(() if db is None else (db,)))

    def _add_loss(self, loss: Loss, output: ActivationLayer) -> None:
        """L into the result at the end of the forward pass; the output's delta and db at the start of the backward."""
        forward, backward, result = self._forward, self._backward, self.result
        a, y, cls = output.a, self.network.targets, type(loss)
        db = output.db if isinstance(output, Dense) and output.use_bias else None
        no_db: Array | int = 0 if db is None else db
        if loss.simplifies(output.activation) and cls.delta_ is CrossEntropy.delta_:
            softened = cast(CrossEntropy, loss)
            smoothing = self._doubles(lambda: (softened.label_smoothing, 1.0 / max(1, len(y))))
            log_a = Softmax.log_probabilities(output.scratch)
            forward.add(self._block(blocks.cross_entropy), log_a, y, result, smoothing)
            backward.add(self._block(blocks.difference), a, y, output.delta, no_db, smoothing)
        elif loss.simplifies(output.activation) and cls.delta_ is BinaryCrossEntropy.delta_:
            forward.add(self._block(blocks.binary_cross_entropy), output.z, y, result)
            backward.add(
                self._block(blocks.difference), a, y, output.delta, no_db, np.array([0.0, 1.0 / max(1, y.size)])
            )
        elif cls.delta_ is not Loss.delta_:
            raise NotTraceable(f"{loss!r} has a form of its own")
        else:
            self._add_loss_by_da(loss, output)
            self._add_activation_backward(backward, output, db)

    def _add_loss_by_da(self, loss: Loss, output: ActivationLayer) -> None:
        """L into the result, and da of the output."""
        a, y, da, cls = output.a, self.network.targets, output.da, type(loss)
        if isinstance(loss, Margin) and cls.__call__ is Margin.__call__ and cls.gradient_ is Margin.gradient_:
            margin = self._doubles(lambda: (loss.margin,))
            self._forward.add(self._block(blocks.margin_loss), a, y, self.result, margin, loss._power)
            self._backward.add(self._block(blocks.margin_gradient), a, y, da, margin, loss._power)
        elif isinstance(loss, ByOutput) and cls.gradient is ByOutput.gradient and cls.__call__ is ByOutput.__call__:
            if not (_has_form_of(cls, "term", "value_", Loss) and _has_form_of(cls, "slope", "gradient_", Loss)):
                raise NotTraceable(f"{loss!r} has a form of its own")
            self._forward.add(self._written("loss", loss_source(loss)), a, y, self.result)
            self._backward.add(self._written("slope", slope_source(loss)), a, y, da)
        else:
            raise NotTraceable(f"{loss!r} has no compiled form")

    def _add_backward(self, layer: Layer) -> None:
        """From da (of the output: from delta) to the gradients, and da of the layer below."""
        table, below = self._backward, layer._below
        if isinstance(layer, Dense):
            if not layer.is_output:
                self._add_activation_backward(table, layer, layer.db if layer.use_bias else None)
            self._add_product(table, layer.x, layer.delta, layer.dW, x_t=TRANSPOSED)
            if below is not None:
                self._add_product(table, layer.delta, layer.W, below, y_t=TRANSPOSED)
        elif isinstance(layer, BatchNorm):
            if not layer.is_output:
                self._add_activation_backward(table, layer, None)
            table.add(self._block(blocks.normalize_backward), layer.delta, layer.x_hat, layer.dgamma, layer.dbeta,
                      layer.gamma, layer._inverse, 0 if below is None else below)  # fmt: skip
        else:
            layer = cast(Dropout, layer)
            dx: Array | int = 0 if below is None else below
            table.add(self._block(blocks.drop_backward), layer.da, layer.mask, layer.delta, dx)

    def _add_update(self, optimizer: Optimizer) -> None:
        table, cls = self._update, type(optimizer)
        if cls.step is not Optimizer.step or not _has_form_of(cls, "rule", "update_", Optimizer):
            raise NotTraceable(f"{optimizer!r} has a form of its own")
        parameters = self.network.parameters
        if optimizer.clip_norm is not None:
            largest = self._doubles(lambda: (cast(float, optimizer.clip_norm),))
            table.add(self._block(blocks.clip), parameters.grad, largest)
        self._numbers = np.zeros(2 + len(optimizer.hyper()))
        states = [optimizer.state[name] for name in optimizer.state_names]
        kernel = self._written("update", update_source(optimizer))
        table.add(kernel, self._numbers, parameters.theta, parameters.grad, *states)
