"""A network's compiled training step, run step by step or many steps in one call."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..optimizers import Optimizer
from ..parameters import Array
from ..processors import computes, thread_count
from ..schedules import Schedule
from .lines import Lines
from .running import START
from .table import Table

if TYPE_CHECKING:
    from .parts import Feed, Network

Look = Callable[[int], None]
HAND_OVER = 20_000_000  # products in a pass; from here on, waking threads pays off even for a part of a step


class Program:
    """A network's training step, compiled for the present batch size.

    Raises:
        NotTraceable: a part of the network has no compiled form.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self._lines = lines = Lines(network)
        self._backward = Table(network.dtype, lines.backward, lines.gradients)
        self._steps = {
            kind: Table(network.dtype, load, lines.forward, lines.loss, self._backward, lines.update, lines.count)
            for kind, load in lines.load.items()
        }
        self._middle = 1 + len(lines.forward.lines) + len(lines.loss.lines)  # the line where the backward pass begins
        self._aimed: tuple[Any, Any] = (None, None)
        self._dropouts, self._norms = lines.dropouts, lines.norms
        self._weighted = [*lines.dense, *lines.images.convolutions]

    def compile(self) -> None:
        """Compile everything that is not compiled yet."""
        for table in self._steps.values():
            table.compile()

    # -- many steps ------------------------------------------------------------------------------------------------

    @computes
    def run_(self, feed: Feed, order: Array, start: int, done: Array, look: Look | None = None) -> bool:
        """Take several training steps on the batches of a data set. Stop after a loss that is not finite.

        Args:
            feed: the data set.
            order: (N,) int64, the order of the samples in the epoch.
            start: the place in `order` where the first batch begins.
            done: (steps, 2) NaN. Each completed step writes its loss and its number of right predictions. A step whose
                loss is not finite writes only the loss.
            look: it is called with the number of each completed step. The run ends if `look` raises an error or changes
                the network in a way that needs another program.

        Returns:
            Whether a change by `look` ended the run early.
        """
        lines, size = self._lines, self.network.layers[0].batch_size
        if self._stops_between:
            for step in range(len(done)):
                self._one_(feed, order, start + step * size, done[step])
                if math.isnan(done[step, 1]):
                    break
                if look is not None:
                    look(step)
                    return True
            return False
        if look is not None:
            return self._watched_(feed, order, start, done, look)
        table = self._ready(feed, order)
        optimizer = self.network.optimizer
        before, last_rate = optimizer.scalars(), optimizer.last_rate
        together = len(done) > 1 or self._is_large
        try:
            rates = self._moves(len(done))
            table.steps(self._middle, size, start, rates, lines.numbers, lines.result, done, thread_count(), together)
        finally:  # after Ctrl-C too, the count must equal the completed steps
            if math.isnan(done[-1, 1]):
                ended = int(np.count_nonzero(~np.isnan(done[:, 1])))
                optimizer.restore(before, optimizer.state)
                optimizer.last_rate = last_rate
                if ended:
                    self._moves(ended)
        return False

    def _watched_(self, feed: Feed, order: Array, start: int, done: Array, look: Look) -> bool:
        """Do the same as `run_`, with a `look` that may change settings: every step reads its numbers anew."""
        network, lines = self.network, self._lines
        table, rates = self._ready(feed, order), np.zeros((len(done), len(lines.numbers)))
        before: list[Any] = []  # the optimizer's scalars before the step in progress
        errors: list[BaseException] = []
        stopped = False

        def begin(step: int) -> None:
            optimizer = network.optimizer
            before[:] = optimizer.scalars(), optimizer.last_rate
            rates[step] = self._move()

        def after(step: int) -> int:
            nonlocal stopped
            before.clear()
            try:
                look(step)
                if step + 1 < len(done):
                    stopped = network.compiled() is not self or self._stops_between
                    if not stopped:
                        self._look_up()
                        begin(step + 1)
                        return 0
            except BaseException as error:
                errors.append(error)
            return 1

        begin(0)
        try:
            table.steps(self._middle, network.layers[0].batch_size, start, rates, lines.numbers, lines.result, done,
                        thread_count(), True, after)  # fmt: skip
        finally:
            if before:  # a step was begun and not completed
                network.optimizer.restore(before[0], network.optimizer.state)
                network.optimizer.last_rate = before[1]
        if errors:
            raise errors[0]
        return stopped

    def _ready(self, feed: Feed, order: Array) -> Table:
        """Return the table of whole steps on a data set, with its settings read."""
        table = self._steps[feed.rows.dtype]
        self._look_up()
        self._aim(table, feed, order)
        return table

    def _one_(self, feed: Feed, order: Array, start: int, done: Array) -> None:
        """Take one step in which Python has something to do."""
        self._load_(feed, order, start)
        done[0] = self.step_()
        if math.isfinite(done[0]):
            self._call(self._lines.count)
            done[1] = self._lines.result[1]

    def _load_(self, feed: Feed, order: Array, start: int) -> None:
        """Copy a batch of a data set into the workspaces."""
        load = self._lines.load[feed.rows.dtype]
        self._aim(load, feed, order)
        load.shared[START] = start
        self._call(load)

    def _aim(self, table: Table, feed: Feed, order: Array) -> None:
        """Make the kernels of a table take their batches from this data set."""
        lines, aim = self._lines, feed.aim
        if aim is not self._aimed or aim[0] is not table or aim[1] is not order:  # once per epoch
            feed.aim = self._aimed = table, order
            where = table.shared.ctypes.data + 8 * START
            lines.source[:] = feed.rows.ctypes.data, feed.targets.ctypes.data, order.ctypes.data, where, len(feed.rows)
        lines.threshold[0], lines.scale[0] = feed.threshold, self.network.layers[0]._scale  # type: ignore[attr-defined]

    @property
    def _stops_between(self) -> bool:
        """Whether Python does something within a step."""
        return bool(self._dropouts) or any(layer.penalized or layer.follows_up for layer in self._weighted)

    def _moves(self, steps: int) -> Array:
        """Advance the optimizer by several steps and return their numbers: rate, t, hyperparameters, (steps, k)."""
        optimizer = self.network.optimizer
        if steps == 1 or self._varies:
            return np.array([self._move() for _ in range(steps)], np.float64)
        rows = np.empty((steps, len(self._lines.numbers)))  # the same in each step, except t
        rows[:] = (optimizer.rate, 0.0, *optimizer.hyper().values())
        rows[:, 1] = np.arange(optimizer.t + 1, optimizer.t + steps + 1)
        optimizer.last_rate = optimizer.rate
        optimizer.t += steps
        return rows

    @property
    def _varies(self) -> bool:
        """Whether the optimizer's numbers, other than t, may differ from step to step."""
        optimizer = self.network.optimizer
        cls = type(optimizer)
        moves = cls.begin_step is not Optimizer.begin_step or cls.hyper is not Optimizer.hyper
        scheduled = isinstance(optimizer.learning_rate, Schedule)
        return moves or scheduled or any(hasattr(cls, name) for name in optimizer.hyper())

    def _move(self) -> tuple[float, ...]:
        """Advance the optimizer by one step and return its numbers."""
        optimizer = self.network.optimizer
        optimizer.last_rate = optimizer.rate
        optimizer.t += 1
        optimizer.begin_step()
        return (optimizer.last_rate, optimizer.t, *optimizer.hyper().values())

    # -- one step --------------------------------------------------------------------------------------------------

    def step_(self) -> float:
        """Take one training step and return the loss before the update. If it is not finite, there is no update."""
        self.forward_()
        loss = self.loss_()
        if math.isfinite(loss):
            self.backward_()
            self.update_()
        return loss

    def pieces(self, feed: Feed, order: Array, start: int) -> dict[str, Callable[[], object]]:
        """Return the parts of a step on a batch of a data set, by name, to be called in turn."""
        return {
            "gather": lambda: self._load_(feed, order, start),
            "forward": self.forward_,
            "loss": self.loss_,
            "backward": self.backward_,
            "update": self.update_,
        }

    def _call(self, table: Table) -> None:
        """Run the lines of one table."""
        table(thread_count(), self._is_large)

    @property
    def _is_large(self) -> bool:
        """Whether waking other threads pays off even for a part of a step."""
        layers = self.network.layers
        return sum(layer.parameter_count * layer.places for layer in layers) * layers[0].batch_size >= HAND_OVER

    def forward_(self) -> None:
        """Run the batch through all layers, as in training."""
        for layer in self._dropouts:
            layer.draw_()
        self._look_up()
        self._call(self._lines.forward)

    def loss_(self) -> float:
        """Return the loss of the batch."""
        self._call(self._lines.loss)
        return float(self._lines.result[0])

    def backward_(self) -> None:
        """Compute every gradient, from the output down."""
        self._call(self._backward)
        for layer in self._weighted:
            if layer.penalized:
                layer.add_penalty_gradient_()

    def update_(self) -> None:
        """Take one step of the optimizer."""
        for layer in self._weighted:
            layer.before_update_()
        self._lines.numbers[:] = self._moves(1)[0]
        self._call(self._lines.update)
        for layer in self._weighted:
            layer.after_update_()

    def evaluate_(self) -> None:
        """Run the batch through all layers, as in evaluation."""
        self._look_up(training=False)
        self._lines.evaluate(1)

    def _look_up(self, training: bool = True) -> None:
        """Read all settings anew, because they may have changed."""
        for norm in self._norms:
            norm._in_training = training
        for numbers, values in self._lines.settings:
            numbers[:] = values()
