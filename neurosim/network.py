"""The network: it builds the layers, runs them forward and backward, updates them, predicts and evaluates."""

from __future__ import annotations

import copy
import math
import operator
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .checks import check_count, check_max_norm, check_names, check_snapshot, is_dataset, samples_and_labels
from .compiled import Engine
from .errors import NeurosimError, OutOfRangeError, ShapeError
from .labels import read_labels, target_rows
from .layers import LAYERS, ActivationLayer, Input, Interventions, Layer, Neuron
from .layers.stack import checked_layers, layers_as_html, layers_as_text, reserve
from .losses import LOSSES, Loss, check_pair
from .metrics import HitCounter, decisions, threshold_between
from .optimizers import OPTIMIZERS, Optimizer
from .parameters import Array, FlatParameters, aligned_zeros
from .processors import computes
from .regularizers import REGULARIZERS, Regularizer
from .samples import Learned
from .streams import random_streams
from .text import Text, size_in_memory

if TYPE_CHECKING:  # types of the methods at the end, which lead to other packages
    import pandas as pd

    from .augment import Augmentation
    from .compiled.program import Program
    from .training import Callback, History
    from .walk import Trace

EPOCHS = 5  # passes over the training data, by default
BATCH_SIZE = 64  # samples per step, by default
EVALUATION_BATCH = 256  # rows: the activations of a few hundred samples stay in the processor's cache


class Network:
    """A stack of layers, trained by backpropagation.

    Args:
        layers: an `Input`, then the other layers.
        loss: by name or as an instance. It must suit the activation of the last layer.
        optimizer: by name or as an instance.
        regularizer: a penalty on the weights of every `Dense` and `Conv2D` without its own.
        max_norm: the largest norm of each neuron's weights, for every `Dense` and `Conv2D` without its own.
        seed: the seed of all random numbers. Initial weights, shuffling, dropout and augmentation each have a stream.
        dtype: "float32" or "float64".
        engine: what runs training steps. "numpy" is NumPy. "compiled" needs numba and has the same live buffers. "auto"
            is compiled if numba is installed. NumPy runs the steps if a part has no compiled form, for example your own
            activation with an ``if``. The attribute `engine` tells which engine is used.

    Attributes:
        layers: the layers, the input first; ``net[l]`` is ``net.layers[l]``.
        least_batch: the smallest batch size that can be trained on.
        parameters: the flat vectors ``theta`` and ``grad`` that all layers share. Live.
        class_names: the names of the classes, taken from the labels of the first training; empty if they are numbers.
        threshold: a single output above it means class 1. It is 1/2, or 0 after training on targets -1 and 1.

    Raises:
        NeurosimError: the layers, the loss or the settings do not fit together.

    Example:
        >>> net = ns.Network([ns.Input(784), ns.Dense(32, "relu"), ns.Dense(10, "softmax")], seed=0)
    """

    @check_names
    def __init__(
        self,
        layers: Sequence[Layer],
        loss: str | Loss | dict[str, Any] = "cross_entropy",
        optimizer: str | Optimizer | dict[str, Any] = "adam",
        *,
        regularizer: str | Regularizer | dict[str, Any] | None = None,
        max_norm: float | None = None,
        seed: int = 0,
        dtype: str = "float32",
        engine: str = "auto",
    ) -> None:
        self.layers = checked_layers(layers)
        self._input, self._output = cast(Input, self.layers[0]), cast(ActivationLayer, self.layers[-1])
        if dtype not in ("float32", "float64"):
            raise NeurosimError(f"dtype: expected 'float32' or 'float64', received {dtype!r}")
        self.dtype = np.dtype(dtype)
        self.seed = check_count("seed", seed, 0)
        self._engine = Engine(engine)
        self._regularizer = None if regularizer is None else REGULARIZERS.create(regularizer)
        self._max_norm = check_max_norm(max_norm)
        # check everything before the layers are connected: after an error they can still be used elsewhere
        self._loss = LOSSES.create(loss)
        check_pair(self._loss, self.output.activation)
        optimizer = OPTIMIZERS.create(optimizer)
        optimizer.check_free()

        previous: Layer | None = None
        for k, layer in enumerate(self.layers):
            layer.connect(k, previous, self.dtype)
            layer.adopt(self._regularizer, self._max_norm)
            previous = layer
        shapes = {f"{name}{layer.index}": shape for layer in self for name, shape in layer.parameter_shapes().items()}
        self.parameters = FlatParameters(shapes, self.dtype)
        self.output.is_output = True
        self.least_batch = max(layer.least_batch for layer in self.layers)
        for layer in self.layers:
            layer.attach(self.parameters)
        self._with_parameters = [layer for layer in self.layers if layer.parameter_shapes()]
        self.class_names: tuple[str, ...] = ()
        self.threshold = 0.5
        self.targets: Array = aligned_zeros((0, self.output.n_out), self.dtype)
        self._full_targets = self.targets
        self.optimizer = optimizer
        self.reset()

    # -- its parts -------------------------------------------------------------------------------------------------

    @property
    def input(self) -> Input:
        """Layer 0."""
        return self._input

    @property
    def output(self) -> ActivationLayer:
        """The last layer."""
        return self._output

    @property
    def loss(self) -> Loss:
        """The loss that training minimizes. Assign another by name or as an instance; it must suit the output layer."""
        return self._loss

    @loss.setter
    def loss(self, loss: str | Loss | dict[str, Any]) -> None:
        loss = LOSSES.create(loss)
        check_pair(loss, self.output.activation)
        self._loss = loss

    @property
    def regularizer(self) -> Regularizer | None:
        """The penalty of each layer with weights, unless the layer has a setting of its own."""
        return self._regularizer

    @regularizer.setter
    def regularizer(self, regularizer: Any) -> None:
        raise NeurosimError(
            "regularizer: each layer has its own now; set it there, e.g. net[1].regularizer = ns.L2(1e-4)"
        )

    @property
    def max_norm(self) -> float | None:
        """The largest norm of a neuron's weights in each layer, unless the layer has a setting of its own."""
        return self._max_norm

    @max_norm.setter
    def max_norm(self, norm: Any) -> None:
        raise NeurosimError("max_norm: each layer has its own now; set it there, e.g. net[1].max_norm = 3.0")

    @property
    def optimizer(self) -> Optimizer:
        """The update rule. Assign another by name or as an instance to continue with it."""
        return self._optimizer

    @optimizer.setter
    def optimizer(self, optimizer: str | Optimizer | dict[str, Any]) -> None:
        optimizer = OPTIMIZERS.create(optimizer)
        optimizer.bind_to_network(self.parameters.theta, self.parameters.grad)
        self._optimizer = optimizer
        for layer in self.layers:
            layer.optimizer = optimizer

    @property
    def engine(self) -> str:
        """The engine that runs the training steps now: "numpy" or "compiled". Assign either, or "auto"."""
        return "numpy" if self.compiled() is None else "compiled"

    @engine.setter
    def engine(self, engine: str) -> None:
        self._engine = Engine(engine)

    @property
    def wanted_engine(self) -> str:
        """The requested engine: "auto", "numpy" or "compiled"."""
        return self._engine.wanted

    def __getitem__(self, index: int) -> Layer:
        """Return layer `index`. Layer 0 is the input; negative numbers count from the end.

        Raises:
            OutOfRangeError: there is no layer with this index.
        """
        try:
            layer: Layer = self.layers[operator.index(index)]
        except (IndexError, TypeError, OverflowError):
            raise OutOfRangeError(
                f"the network has layers 0 (input) to {len(self.layers) - 1}, received {index!r}"
            ) from None
        return layer

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def neuron(self, layer: int, index: int) -> Neuron:
        """Return neuron `index` of layer `layer`, the same as ``net[layer][index]``."""
        return self[layer][index]

    @computes
    def reset(self) -> None:
        """Go back to the initial weights and the first random numbers, and clear the optimizer's memory."""
        self.streams = random_streams(self.seed)
        for layer in self.layers:
            layer.initialize_(self.streams["weights"])
            layer.use_streams(self.streams)
        self._optimizer.forget()

    # -- batches ---------------------------------------------------------------------------------------------------

    def set_batch_size(self, batch_size: int) -> None:
        """Prepare the workspaces for a batch of this size."""
        if batch_size == self.input.batch_size:
            return
        if batch_size > len(self._full_targets):
            reserve(self.layers, batch_size)
            self._full_targets = aligned_zeros((batch_size, self.output.n_out), self.dtype)
        for layer in self.layers:
            layer.set_batch_size(batch_size)
        self.targets = self._full_targets[:batch_size]

    def prepare_(self, batch_size: int) -> None:
        """Make the workspaces and compile for batches of this size, before the first step."""
        self.set_batch_size(batch_size)
        self._engine.compile(self)

    def learn(self, x: Any, y: Any = None, whole: bool = True) -> None:
        """Remember facts about the first training data: the scale of samples, the class names and the threshold.

        Args:
            x: a `Dataset`, or (N, …) samples.
            y: the labels, if x are samples.
            whole: whether these are all samples, not one batch.
        """
        known, scaling = self.class_names, "auto"
        if y is None and is_dataset(x):
            known, scaling = known or x.class_names, x.scaling
        x, y = samples_and_labels(x, y)
        self.input.learn(x, scaling, whole)
        labels, names = read_labels(y, known)
        if names and not self.class_names and len(names) <= max(2, self.output.n_out):
            self.class_names = names
        if self.output.n_out == 1 and labels.size:
            self.threshold = threshold_between(labels.reshape(-1, 1))

    def class_name(self, k: int) -> str:
        """Return the name of class k, or its number if it has no name."""
        return self.class_names[k] if k < len(self.class_names) else str(k)

    @property
    def memory(self) -> dict[str, Any]:
        """Everything that the network remembers about its training data. To go back, assign an earlier value."""
        return {
            "scale": self.input.scale,
            "learned": self.input.learned,
            "class_names": self.class_names,
            "threshold": self.threshold,
        }

    @memory.setter
    def memory(self, memory: dict[str, Any]) -> None:
        self.input.scale = memory["scale"]
        self.input.remember(memory["learned"])
        self.class_names, self.threshold = memory["class_names"], memory["threshold"]

    @contextmanager
    def unless_refused(self) -> Iterator[None]:
        """If an error ends this block, forget what the network learned about the data in it."""
        memory = self.memory
        try:
            yield
        except BaseException:
            self.memory = memory
            raise

    def as_targets(self, y: Any, count: int) -> Array:
        """Return targets as rows (N, n_out): class indices become one-hot rows, rows are kept unchanged.

        Args:
            y: (N,) class indices or class names; or (N, n_out) rows. With one output, (N,) numbers are N rows.
            count: N, the number of samples.

        Raises:
            ShapeError: the number of targets differs from the number of samples, or the rows have a wrong width.
            NeurosimError: a label is not a class of this network, or the loss cannot use the rows.
        """
        rows = target_rows(y, count, self.output.n_out, self.class_names, self.dtype)
        hot = np.ndim(y) == 1 and self.output.n_out > 1
        if not hot and (refusal := self.loss.refuses(rows)):
            raise NeurosimError(f"labels: {self.loss.key} {refusal}")
        return rows

    # -- the training step -----------------------------------------------------------------------------------------

    @computes
    def forward_(self, training: bool = False) -> Array:
        """Run the batch in the input layer through all layers.

        Args:
            training: whether dropout and batch normalization behave as in training.

        Returns:
            (B, n_out) the activations of the output layer: a live buffer, valid until the next batch.
        """
        for layer in self.layers:
            layer.forward_(training)
        return self.output.a

    @computes
    def backward_(self, penalties: bool = True, weights: Array | None = None) -> None:
        """Compute delta and every gradient, from the output down, for the batch of the last forward pass.

        Args:
            penalties: whether to add the gradients of the penalties.
            weights: (B,) the weight of each sample; ``None``: all samples count the same.
        """
        output = self.output
        self.loss.delta_(output, self.targets)
        if weights is not None:  # L is a mean over the batch: the share of sample i was 1/B, and is w_i / Σ w
            output.delta *= (weights * (len(weights) / weights.sum()))[:, None]
        output.backward_from_delta_()
        for layer in self.layers[-2:0:-1]:
            layer.backward_()
        for layer in self._with_parameters:
            if penalties and layer.penalized:
                layer.add_penalty_gradient_()

    def compiled(self) -> Program | None:
        """Return the compiled step for the present batch size, or None if NumPy runs the steps."""
        return self._engine.program(self)

    @computes
    def step_(self, weights: Array | None = None) -> float:
        """Take one training step on the batch in the workspaces and return the loss before the update.

        If the loss is not finite, the parameters are not updated. The weights that led to it can then be inspected.

        Args:
            weights: (B,) the weight w of each sample: the loss is Σ w L / Σ w; ``None``: all samples count the same.
        """
        if weights is not None and not weights.any():
            return 0.0  # every sample has weight 0
        if weights is None and (program := self.compiled()) is not None:
            return program.step_()
        self.forward_(training=True)
        if weights is None:
            loss = self.loss.value_(self.output, self.targets)
        else:
            loss = float(np.average(self.loss.each(self.output.a, self.targets), weights=weights))
        if math.isfinite(loss):
            self.backward_(weights=weights)
            self.update_()
        return loss

    @computes
    def update_(self) -> None:
        """Update the parameters with the gradients of the last backward pass."""
        for layer in self._with_parameters:
            layer.before_update_()
        self._optimizer.step(self.parameters.theta, self.parameters.grad)
        for layer in self._with_parameters:
            layer.after_update_()

    def load_batch(self, x: Any, y: Any, finite: bool = True) -> None:
        """Copy samples and targets into the workspaces.

        Args:
            x: samples (B, …), scaled by the `Input`; a single sample is a batch of one.
            y: (B,) class indices or (B, n_out) rows.
            finite: whether to refuse NaN and infinity among the samples.

        Raises:
            ShapeError: there are no samples, or their shape is wrong.
        """
        rows = self.input.as_rows(x, finite=finite)
        targets = self.as_targets(y, len(rows))
        if len(rows) == 0:
            raise ShapeError("expected at least one sample, received none")
        self.set_batch_size(len(rows))
        self.input.fill(rows)
        np.copyto(self.targets, targets)

    def train_batch(self, x: Any, y: Any) -> float:
        """Take one training step on one batch.

        Args:
            x: samples (B, …); integers are scaled by the `Input`.
            y: (B,) class indices or (B, n_out) rows.

        Returns:
            The mean loss of the batch before the update. It is NaN or infinite if numbers overflowed or x holds NaN. No
            parameter has changed then, and the caller must stop, as `fit` does.

        Raises:
            ShapeError: the batch is empty, or it is too small for batch normalization.
        """
        if self.input.learned is None:
            with self.unless_refused():
                self.learn(x, y, whole=False)
                self.load_batch(x, y, finite=False)
        else:
            self.load_batch(x, y, finite=False)  # the loss shows if a number was not finite
        if self.input.batch_size < self.least_batch:
            raise ShapeError("batch normalization: expected a batch of at least 2 samples, received 1")
        return self.step_()

    @computes
    def gradients(self, x: Any, y: Any, training: bool = False) -> float:
        """Compute every gradient for one batch without an update, and return the loss.

        With `training`, dropout draws new masks at each call from its random stream.

        Args:
            x: samples (B, …).
            y: (B,) class indices or (B, n_out) rows.
            training: whether dropout and batch normalization behave as in training.
        """
        self.load_batch(x, y)
        self.forward_(training)
        loss = self.loss.value_(self.output, self.targets)
        self.backward_()
        return loss

    def penalty(self) -> float:
        """Return the sum of all penalties for the present weights."""
        return sum(layer.penalty() for layer in self.layers)

    # -- using it --------------------------------------------------------------------------------------------------

    def _outputs(self, rows: Array) -> Iterator[tuple[slice, Array]]:
        """Yield the output activations for all rows, batch by batch, as live buffers."""
        for start in range(0, len(rows), EVALUATION_BATCH):
            part = rows[start : start + EVALUATION_BATCH]
            self.set_batch_size(len(part))
            self.input.fill(part)
            program = self.compiled()
            self.forward_() if program is None else program.evaluate_()
            yield slice(start, start + len(part)), self.output.a

    @computes
    def activations(self, x: Any, layer: int, neuron: int) -> Array:
        """Return the activation of one neuron for each sample, as in evaluation: (N,), or (N, H', W') for a filter.

        Args:
            x: samples (N, …).
            layer: the index of the neuron's layer.
            neuron: the index of the neuron in its layer.
        """
        rows, one = self.input.as_rows(x), self[layer][neuron]
        result = np.empty((len(rows), *one.a.shape[1:]), self.dtype)
        for where, _ in self._outputs(rows):
            result[where] = one.a
        return result

    @computes
    def predict_proba(self, x: Any) -> Array:
        """Return the output activations (N, n_out), which are probabilities with softmax or sigmoid. A copy."""
        rows = self.input.as_rows(x)
        result = np.empty((len(rows), self.output.n_out), self.dtype)
        for where, a in self._outputs(rows):
            result[where] = a
        return result

    def predict(self, x: Any) -> Array:
        """Return the predicted class of each sample, (N,): the class with the largest output.

        With a single output, the class is 1 if the output is above `threshold`, else 0. `class_names` holds the names
        of the classes, if they have names.
        """
        return self.decide(self.predict_proba(x))

    def decide(self, a: Array) -> Array:
        """Return the predicted class (B,) for each row of outputs a (B, n_out)."""
        return decisions(a, self.threshold)

    @computes
    def evaluate(self, x: Any, y: Any = None) -> dict[str, float]:
        """Return the mean loss and the accuracy, ``{"loss": …, "accuracy": …}``, without penalties.

        The accuracy is NaN if the targets are not classes. If there are no samples, both are NaN.

        Args:
            x: a `Dataset`, or samples (N, …).
            y: (N,) class indices or names, or (N, n_out) rows, if x are samples.
        """
        x, y = samples_and_labels(x, y)
        rows = self.input.as_rows(x)
        targets = self.as_targets(y, len(rows))
        hits = HitCounter(targets, None if self.input.learned is None else self.threshold)
        loss, right = 0.0, 0.0
        for where, a in self._outputs(rows):
            loss += self.loss.value_(self.output, targets[where]) * len(a)
            right += hits(a, where)
        count = len(rows) or float("nan")
        return {"loss": loss / count, "accuracy": right / count}

    # -- describing it ---------------------------------------------------------------------------------------------

    def summary(self) -> Text:
        """Return a table of the layers: type, output shape, number of parameters. ``print`` shows it."""
        rules = f"{self._size}; loss {self.loss.key}, optimizer {self.optimizer.key}"
        return layers_as_text(self.layers, f"{rules}\ntraining steps: {self._engine.text(self)}")

    def __repr__(self) -> str:
        widths = " -> ".join(layer.size_text for layer in self.layers if not layer.passes_through)
        return f"Network({widths}: {self.parameters.size:,} parameters, {self.loss.key}, {self.optimizer.key})"

    def _repr_html_(self) -> str:
        total = f"{self._size} · loss {self.loss.key} · optimizer {self.optimizer!r}"
        return layers_as_html(self.layers, total)

    @property
    def _size(self) -> str:
        return f"{self.parameters.size:,} parameters, {self.dtype} ({size_in_memory(self.parameters.theta.nbytes)})"

    def config(self) -> dict[str, Any]:
        """Return all settings without the trained numbers, ready for JSON: layers, loss, optimizer, seed, dtype."""
        return {
            "layers": [layer.config() for layer in self.layers],
            "loss": self.loss.config(),
            "optimizer": self.optimizer.config(),
            "regularizer": None if self.regularizer is None else self.regularizer.config(),
            "max_norm": self.max_norm,
            "seed": self.seed,
            "dtype": str(self.dtype),
            "interventions": {
                str(layer.index): layer.interventions.config() for layer in self.layers if layer.interventions
            },
            "samples": None if self.input.learned is None else self.input.learned.config(),
            "class_names": list(self.class_names),
            "threshold": self.threshold,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Network:
        """Return a new network with initial weights, built from the settings that `config` returned."""
        settings = dict(config)
        samples = settings.pop("samples", None) if "samples" in settings else Learned.before(settings["layers"][0])
        interventions = settings.pop("interventions", {})
        class_names, threshold = tuple(settings.pop("class_names", ())), settings.pop("threshold", 0.5)
        network = cls(**settings | {"layers": [LAYERS.create(layer) for layer in settings["layers"]]})
        network.intervene(interventions)
        network.input.remember(None if samples is None else Learned.from_config(samples))
        network.class_names, network.threshold = class_names, threshold
        return network

    def intervene(self, config: dict[str, Any]) -> None:
        """Replace all interventions on neurons.

        Args:
            config: layer index -> the interventions on its neurons, as `config` returns them.

        Raises:
            NeurosimError: a layer or a neuron does not exist, or a value is not allowed.
        """
        for index in config:
            self[int(index)]  # raises an error if there is no such layer
        for layer in self.layers:
            own = config.get(str(layer.index))
            wanted = Interventions() if own is None else Interventions.from_config(own, len(layer), self.dtype)
            if wanted or layer.interventions:
                layer.intervene(wanted)

    # -- keeping it ------------------------------------------------------------------------------------------------

    def arrays(self) -> dict[str, Array]:
        """Return name -> array of everything that training changes. Live.

        These are the parameters, the running statistics and the optimizer's vectors.
        """
        found = {name: self.parameters[name] for name in self.parameters}
        for layer in self.layers:
            found |= {f"{name}{layer.index}": getattr(layer, name) for name in layer.state_names}
        return found | {f"optimizer.{name}": vector for name, vector in self.optimizer.state.items()}

    def snapshot(self, weights_only: bool = False) -> dict[str, Any]:
        """Return a copy of everything that training changes, for `restore`.

        It includes the random streams. With `weights_only` it has parameters and running statistics, but not the
        optimizer's vectors.
        """
        return {
            "arrays": {
                name: array.copy()
                for name, array in self.arrays().items()
                if not (weights_only and name.startswith("optimizer."))
            },
            "scalars": self.optimizer.scalars(),
            "streams": {purpose: rng.bit_generator.state for purpose, rng in self.streams.items()},
        }

    def restore(self, snapshot: dict[str, Any], weights_only: bool = False) -> None:
        """Go back to a `snapshot`, bit for bit.

        Args:
            snapshot: the result of `snapshot`.
            weights_only: whether to leave the optimizer and the random streams unchanged.

        Raises:
            NeurosimError: the snapshot is of another network or another optimizer. Nothing has changed then.
        """
        arrays = check_snapshot(snapshot, weights_only)["arrays"]
        for name, array in self.arrays().items():
            if not name.startswith("optimizer.") and (name not in arrays or arrays[name].shape != array.shape):
                raise NeurosimError(
                    f"restore: expected a snapshot with {name} of shape {array.shape}, received "
                    f"{f'shape {arrays[name].shape}' if name in arrays else 'one without it'}"
                )
        if not weights_only:
            prefix = "optimizer."
            names = {name.removeprefix(prefix) for name in arrays if name.startswith(prefix)}
            scalars = self.optimizer.scalars()
            if names != set(self.optimizer.state_names) or snapshot["scalars"].keys() != scalars.keys():
                raise NeurosimError(
                    f"restore: expected a snapshot taken with {self.optimizer.key}, received one of another "
                    "optimizer; use weights_only=True"
                )
            self.optimizer.restore(
                snapshot["scalars"],
                {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)},
            )
            for purpose, state in snapshot["streams"].items():
                self.streams[purpose].bit_generator.state = state
        for name, array in self.arrays().items():
            if not (weights_only and name.startswith("optimizer.")):
                array[...] = arrays[name]

    # -- shortcuts to functions of other packages -------------------------------------------------------------------

    @check_names
    def fit(
        self,
        x: Any,
        y: Any = None,
        epochs: int = EPOCHS,
        batch_size: int | None = BATCH_SIZE,
        *,
        validation_data: Any = None,
        verbose: bool = True,
        callbacks: Iterable[Callback] = (),
        shuffle: bool = True,
        drop_last: bool = False,
        evaluate_train: bool = False,
        augment: str | Augmentation | dict[str, Any] | None = None,
        class_weight: Any = None,
        sample_weight: Any = None,
    ) -> History:
        """Train by mini-batch gradient descent. `neurosim.training.fit` explains each argument in more detail.

        Args:
            x: a `Dataset`, or (N, …) samples.
            y: (N,) class indices or names, or (N, n_out) rows, if x are samples.
            epochs: passes over the samples, at least 0.
            batch_size: samples per step; ``None``: all.
            validation_data: ``(x, y)``, or a `Dataset`, to evaluate after each epoch.
            verbose: show the progress, and one line per epoch. With more than 50 epochs, print about 25
                lines, evenly spaced.
            callbacks: objects that are called during the run.
            shuffle: visit the samples in a new random order in each epoch.
            drop_last: leave out the last batch of an epoch if it is not full.
            evaluate_train: also evaluate the training samples after each epoch.
            augment: how to change each batch of uint8 images at random, e.g. "affine".
            class_weight: the weight of the samples of each class, or "balanced".
            sample_weight: (N,) the weight of each sample.

        Returns:
            The `History` of this run.

        Raises:
            NeurosimError: data or arguments do not fit. Nothing has changed then.
        """
        from .training import fit

        return fit(
            self,
            x,
            y,
            epochs,
            batch_size,
            validation_data=validation_data,
            verbose=verbose,
            callbacks=callbacks,
            shuffle=shuffle,
            drop_last=drop_last,
            evaluate_train=evaluate_train,
            augment=augment,
            class_weight=class_weight,
            sample_weight=sample_weight,
        )

    def trace(self, x: Any, y: Any = None, sample: int | None = None) -> Trace:
        """Return every quantity of every neuron for one sample. See `neurosim.walk.Trace`.

        Args:
            x: one sample; integers are scaled by the `Input`.
            y: its class (an index or a name), or a row of n_out targets; ``None``: the forward pass only.
            sample: its number in its data set; it is only displayed.

        Returns:
            A `Trace`. It holds copies, so further training does not change it. The network is unchanged.
        """
        from .walk import Trace

        return Trace(self, x, y, sample)

    def report(self, x: Any, y: Any = None) -> pd.DataFrame:
        """Return a report card with one row per neuron. See `neurosim.analysis.report_card`.

        Args:
            x: a `Dataset`, or samples (N, …).
            y: (N,) class indices, if x are samples.
        """
        from .analysis.report_card import report_card

        return report_card(self, x, y)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write everything to one npz file, completely or not at all. See `neurosim.files.model.save_network`."""
        from .files.model import save_network

        return save_network(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Network:
        """Return the network that `save` wrote, ready for more training. See `neurosim.files.model.load_network`."""
        from .files.model import load_network

        return load_network(path)

    def __copy__(self) -> Network:
        return copy.deepcopy(self)  # two networks cannot share layers

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("targets", "_full_targets")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.targets = self._full_targets = aligned_zeros((0, self.output.n_out), self.dtype)
