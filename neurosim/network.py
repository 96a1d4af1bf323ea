"""The network: builds the layers, runs them forward and backward, updates, predicts and evaluates."""

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

from .checks import check_count, check_max_norm, check_names, is_dataset, samples_and_labels
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
from .text import Text

if TYPE_CHECKING:  # what goes through the doors
    import pandas as pd

    from .augment import Augmentation
    from .compiled.program import Program
    from .training import Callback, History
    from .walk import Trace

EPOCHS = 5  # passes over the training data, where nobody says how many
BATCH_SIZE = 64  # samples per step, likewise
EVALUATION_BATCH = 256  # rows: the activations of a few hundred samples stay in the processor's cache


class Network:
    """A stack of layers, trained by backpropagation.

    Args:
        layers: an `Input`, then the others.
        loss: by name or as an instance. It has to go with the activation of the last layer.
        optimizer: by name or as an instance.
        regularizer: a penalty on the weights of every `Dense` that has none of its own.
        max_norm: a bound on the norm of each neuron's weights, for every `Dense` that has none of its own.
        seed: of all random numbers: initial weights, shuffling, dropout, augmentation; a stream for each.
        dtype: "float32" or "float64".
        engine: what runs training steps: "numpy"; "compiled", which needs numba and has the same live buffers; "auto",
            compiled where numba is installed. Parts without a compiled form, such as an activation of one's own that
            branches, are left to NumPy: `engine` says which one it is.

    Attributes:
        layers: the layers, the input first; ``net[l]`` is ``net.layers[l]``.
        least_batch: how many samples a batch needs, for training to mean anything.
        parameters: the flat vectors ``theta`` and ``grad`` that all layers share. Live.
        class_names: how the classes are called; empty: by their numbers. The first training takes them from the labels.
        threshold: of a single output, above which it says yes: 1/2, or 0 where it was trained on -1 and 1.

    Raises:
        NeurosimError: layers, loss or settings that do not fit together.

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
        # everything is checked before the layers are taken: if anything is wrong, they are still free
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
        """What is minimized. Another may be assigned, by name or as an instance, if it accepts the output."""
        return self._loss

    @loss.setter
    def loss(self, loss: str | Loss | dict[str, Any]) -> None:
        loss = LOSSES.create(loss)
        check_pair(loss, self.output.activation)
        self._loss = loss

    @property
    def regularizer(self) -> Regularizer | None:
        """The penalty that the layers without one of their own were given."""
        return self._regularizer

    @regularizer.setter
    def regularizer(self, regularizer: Any) -> None:
        raise NeurosimError(
            "regularizer: the layers have taken it over; assign to theirs, e.g. net[1].regularizer = ns.L2(1e-4)"
        )

    @property
    def max_norm(self) -> float | None:
        """The bound on weight norms that the layers without one of their own were given."""
        return self._max_norm

    @max_norm.setter
    def max_norm(self, norm: Any) -> None:
        raise NeurosimError("max_norm: the layers have taken it over; assign to theirs, e.g. net[1].max_norm = 3.0")

    @property
    def optimizer(self) -> Optimizer:
        """The update rule. Assign another (by name or as an instance) to go on with that."""
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
        """What runs its training steps as it is now: "numpy" or "compiled". Another may be assigned, or "auto"."""
        return "numpy" if self.compiled() is None else "compiled"

    @engine.setter
    def engine(self, engine: str) -> None:
        self._engine = Engine(engine)

    @property
    def wanted_engine(self) -> str:
        """What was asked for: "auto", "numpy" or "compiled"."""
        return self._engine.wanted

    def __getitem__(self, index: int) -> Layer:
        """Layer `index`, 0 being the input; negative numbers count from the end.

        Raises:
            OutOfRangeError: there is no such layer.
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
        """Neuron `index` of layer `layer`; the same as ``net[layer][index]``."""
        return self[layer][index]

    @computes
    def reset(self) -> None:
        """Back to the initial weights, the first random numbers and an optimizer that remembers nothing."""
        self.streams = random_streams(self.seed)
        for layer in self.layers:
            layer.initialize_(self.streams["weights"])
            layer.use_streams(self.streams)
        self._optimizer.forget()

    # -- batches ---------------------------------------------------------------------------------------------------

    def set_batch_size(self, batch_size: int) -> None:
        """Make the workspaces ready for a batch of that size."""
        if batch_size == self.input.batch_size:
            return
        if batch_size > len(self._full_targets):
            reserve(self.layers, batch_size)
            self._full_targets = aligned_zeros((batch_size, self.output.n_out), self.dtype)
        for layer in self.layers:
            layer.set_batch_size(batch_size)
        self.targets = self._full_targets[:batch_size]

    def prepare_(self, batch_size: int) -> None:
        """Do what the first step on batches of that size would have to do besides: workspaces, compiling."""
        self.set_batch_size(batch_size)
        self._engine.compile(self)

    def learn(self, x: Any, y: Any = None, whole: bool = True) -> None:
        """Remember, at the first training, how samples are scaled, how the classes are called and where they part.

        Args:
            x: a `Dataset`, or (N, …) samples.
            y: their labels, where x are samples.
            whole: whether these are all the samples, and not a batch of them.
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
        """What class k is called: by its name, where it was given one, otherwise by its number."""
        return self.class_names[k] if k < len(self.class_names) else str(k)

    @property
    def memory(self) -> dict[str, Any]:
        """What it remembers of what it was trained on. May be assigned, to go back to it."""
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
        """Within this, what is remembered of data is forgotten again if they are refused."""
        memory = self.memory
        try:
            yield
        except BaseException:
            self.memory = memory
            raise

    def as_targets(self, y: Any, count: int) -> Array:
        """Targets as rows (N, n_out): class indices become one-hot rows, rows are taken as they are.

        Args:
            y: (N,) class indices, or the names of the classes; or (N, n_out) rows. With one output, (N,) numbers are
                N rows.
            count: N, how many samples there are.

        Raises:
            ShapeError: another number of targets than of samples, or rows of another width.
            NeurosimError: labels that are no class of this network, or rows that the loss cannot use.
        """
        rows = target_rows(y, count, self.output.n_out, self.class_names, self.dtype)
        hot = np.ndim(y) == 1 and self.output.n_out > 1
        if not hot and (refusal := self.loss.refuses(rows)):
            raise NeurosimError(f"labels: {self.loss.key} {refusal}")
        return rows

    # -- the training step -----------------------------------------------------------------------------------------

    @computes
    def forward_(self, training: bool = False) -> Array:
        """Run the batch that the input layer holds through all layers.

        Returns:
            (B, n_out) the output layer's activations: a live buffer, valid until the next batch.
        """
        for layer in self.layers:
            layer.forward_(training)
        return self.output.a

    @computes
    def backward_(self, penalties: bool = True, weights: Array | None = None) -> None:
        """From the output's delta down to every gradient, for the batch and the targets of the last forward pass.

        Args:
            penalties: whether those of the regularizers are added.
            weights: (B,) what each sample counts, where they count differently.
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
        """The compiled step for batches of the size that the workspaces have; None where NumPy takes the steps."""
        return self._engine.program(self)

    @computes
    def step_(self, weights: Array | None = None) -> float:
        """One step of training on the batch and the targets in the workspaces; returns the loss before the update.

        Where the loss is not finite there is no update, so that the weights that led to it can be looked at.

        Args:
            weights: (B,) what each sample counts: the loss is Σ w L / Σ w; ``None``: all the same.
        """
        if weights is not None and not weights.any():
            return 0.0  # nobody counts
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
        """Move the parameters along the last gradients."""
        for layer in self._with_parameters:
            layer.before_update_()
        self._optimizer.step(self.parameters.theta, self.parameters.grad)
        for layer in self._with_parameters:
            layer.after_update_()

    def load_batch(self, x: Any, y: Any, finite: bool = True) -> None:
        """Put samples and targets into the workspaces.

        Args:
            x: samples (B, …), scaled by the `Input`. A single sample will do.
            y: (B,) class indices or (B, n_out) rows.
            finite: whether to refuse NaN and infinity among the samples.
        """
        rows = self.input.as_rows(x, finite=finite)
        targets = self.as_targets(y, len(rows))
        if len(rows) == 0:
            raise ShapeError("expected at least one sample, received none")
        self.set_batch_size(len(rows))
        self.input.fill(rows)
        np.copyto(self.targets, targets)

    def train_batch(self, x: Any, y: Any) -> float:
        """One step of training on one batch.

        Args:
            x: samples (B, …); integers are scaled by the `Input`.
            y: (B,) class indices or (B, n_out) rows.

        Returns:
            The mean loss of the batch before the update. NaN or infinite, where numbers overflowed or x holds NaN:
            then no parameter has been changed, and it is for the caller to stop (`fit` does, and says why).
        """
        if self.input.learned is None:
            with self.unless_refused():
                self.learn(x, y, whole=False)
                self.load_batch(x, y, finite=False)
        else:
            self.load_batch(x, y, finite=False)  # the loss says it
        if self.input.batch_size < self.least_batch:
            raise ShapeError("expected a batch of at least 2 samples, for batch normalization, received one")
        return self.step_()

    @computes
    def gradients(self, x: Any, y: Any, training: bool = False) -> float:
        """Fill every gradient for one batch without updating anything; returns the loss.

        With `training` and dropout in the network, its stream of random numbers goes on: each call draws other masks.

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
        """What the regularizers add to the loss for the present weights."""
        return sum(layer.penalty() for layer in self.layers)

    # -- using it --------------------------------------------------------------------------------------------------

    def _outputs(self, rows: Array) -> Iterator[tuple[slice, Array]]:
        """The output activations for all rows, batch by batch: live buffers."""
        for start in range(0, len(rows), EVALUATION_BATCH):
            part = rows[start : start + EVALUATION_BATCH]
            self.set_batch_size(len(part))
            self.input.fill(part)
            program = self.compiled()
            self.forward_() if program is None else program.evaluate_()
            yield slice(start, start + len(part)), self.output.a

    @computes
    def activations(self, x: Any, layer: int, neuron: int) -> Array:
        """The activation of one neuron for each sample, as in evaluation: (N,), or (N, H', W') of a filter. A copy."""
        rows, one = self.input.as_rows(x), self[layer][neuron]
        result = np.empty((len(rows), *one.a.shape[1:]), self.dtype)
        for where, _ in self._outputs(rows):
            result[where] = one.a
        return result

    @computes
    def predict_proba(self, x: Any) -> Array:
        """The output activations, (N, n_out): with softmax or sigmoid, probabilities. A copy."""
        rows = self.input.as_rows(x)
        result = np.empty((len(rows), self.output.n_out), self.dtype)
        for where, a in self._outputs(rows):
            result[where] = a
        return result

    def predict(self, x: Any) -> Array:
        """The class of each sample, (N,): its largest output; with a single output, whether that is above `threshold`.

        `class_names` says how the classes are called, where they were given names.
        """
        return self.decide(self.predict_proba(x))

    def decide(self, a: Array) -> Array:
        """The class that each row of outputs a (B, n_out) names, (B,)."""
        return decisions(a, self.threshold)

    @computes
    def evaluate(self, x: Any, y: Any = None) -> dict[str, float]:
        """The mean loss and the share of right predictions, ``{"loss": …, "accuracy": …}``, penalties not included.

        Accuracy is NaN where the targets are not classes. For no samples at all both are NaN.

        Args:
            x: a `Dataset`, or samples (N, …).
            y: (N,) class indices or names, or (N, n_out) rows, where x are samples.
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
        """A table: layer, output shape, parameters. ``print`` it, or look at it at the prompt."""
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
        kibibytes = self.parameters.theta.nbytes / 1024
        return f"{self.parameters.size:,} parameters, {self.dtype} ({kibibytes:,.0f} KiB)"

    def config(self) -> dict[str, Any]:
        """Everything but the numbers, JSON-ready: layers, loss, optimizer, seed, dtype."""
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
        """A new network, with initial weights, from what `config` gave."""
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
        """Replace all interventions on neurons by those that `config` names: index of the layer -> its own.

        Raises:
            NeurosimError: a layer or a neuron that there is not, or a value that it cannot take.
        """
        for index in config:
            self[int(index)]  # raises, if there is none
        for layer in self.layers:
            own = config.get(str(layer.index))
            wanted = Interventions() if own is None else Interventions.from_config(own, len(layer), self.dtype)
            if wanted or layer.interventions:
                layer.intervene(wanted)

    # -- keeping it ------------------------------------------------------------------------------------------------

    def arrays(self) -> dict[str, Array]:
        """Name -> array of all that training changes: parameters, running statistics, optimizer vectors. Live."""
        found = {name: self.parameters[name] for name in self.parameters}
        for layer in self.layers:
            found |= {f"{name}{layer.index}": getattr(layer, name) for name in layer.state_names}
        return found | {f"optimizer.{name}": vector for name, vector in self.optimizer.state.items()}

    def snapshot(self, weights_only: bool = False) -> dict[str, Any]:
        """A copy of all that training changes, random streams included, for `restore`.

        With `weights_only`: parameters and running statistics, without the optimizer's vectors.
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
        """Go back to a `snapshot`, bit for bit; with `weights_only` leave optimizer and random streams as they are.

        Raises:
            NeurosimError: it is of another network, or of another optimizer; nothing has been changed then.
        """
        arrays = snapshot["arrays"]
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
                    f"restore: expected a snapshot taken with {self.optimizer.key}, received one of an "
                    "optimizer that remembers other things; use weights_only=True"
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

    # -- doors: what the rooms above do with a network, a line each -------------------------------------------------

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
        """Train by mini-batch gradient descent. `neurosim.training.fit` says more about each argument.

        Args:
            x: a `Dataset`, or (N, …) samples.
            y: (N,) class indices or names, or (N, n_out) rows, where x are samples.
            epochs: passes over the samples, at least 0.
            batch_size: samples per step; ``None``: all.
            validation_data: ``(x, y)``, or a `Dataset`, to evaluate on after each epoch.
            verbose: show progress, and a line after each epoch; of more than 50 after every 25th part.
            callbacks: what else is to happen during the run.
            shuffle: go through the samples in a new random order in each epoch.
            drop_last: leave out the samples that do not fill an epoch's last batch.
            evaluate_train: evaluate on the training samples, too, after each epoch.
            augment: what is done to each batch of uint8 images, e.g. "affine".
            class_weight: what the samples of each class count, or "balanced".
            sample_weight: (N,) what each sample counts.

        Returns:
            The `History` of this run.

        Raises:
            NeurosimError: data or arguments that do not fit; nothing has been changed then.
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
        """One sample under the microscope: every quantity of every neuron. See `neurosim.walk.Trace`.

        Args:
            x: one sample; integers are scaled by the `Input`.
            y: its class, an index or a name, or a row of n_out targets; ``None``: it is walked through forward only.
            sample: its number in its data set, only to be shown.

        Returns:
            A `Trace`; it holds copies and stays as it is when the network goes on. The network is left as it was.
        """
        from .walk import Trace

        return Trace(self, x, y, sample)

    def report(self, x: Any, y: Any = None) -> pd.DataFrame:
        """A report card, one row a neuron. See `neurosim.analysis.report_card`.

        Args:
            x: a `Dataset`, or samples (N, …).
            y: (N,) class indices, where x are samples.
        """
        from .analysis.report_card import report_card

        return report_card(self, x, y)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write everything to one npz file, whole or not at all. See `neurosim.files.model.save_network`."""
        from .files.model import save_network

        return save_network(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Network:
        """The network that `save` wrote, ready to train on. See `neurosim.files.model.load_network`."""
        from .files.model import load_network

        return load_network(path)

    def __copy__(self) -> Network:
        return copy.deepcopy(self)  # two networks cannot share layers

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("targets", "_full_targets")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.targets = self._full_targets = aligned_zeros((0, self.output.n_out), self.dtype)
