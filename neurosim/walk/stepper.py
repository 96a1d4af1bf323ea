"""The walk through a network, stage by stage, forwards and backwards, as an object without a terminal.

A `Stepper` stands at one stage of one neuron for one sample.  It can also train the network by a sample, a batch or an
epoch, and change it by hand.  Walking changes nothing.  Every change of the network can be undone exactly: parameters,
optimizer state, random streams, interventions and the place in the data are restored bit for bit.  The next batches are
therefore the same, too.

The prompt of ``python main.py step`` uses a `Stepper`; a notebook can use one, too.

    stepper = ns.Stepper(net, train.images, train.labels)
    print(stepper.next().text)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from copy import deepcopy
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

from ..augment import Augmentation
from ..checks import check_count, check_value
from ..errors import NeurosimError, OutOfRangeError
from ..layers.neuron import Neuron
from ..metrics import class_indices
from ..network import Network
from ..parameters import Array
from ..processors import computes
from ..progress import progress_bar
from ..registry import unknown
from ..schedules import Schedule
from ..text import number
from ..training.batches import Batches, as_data
from . import words
from .check import Check
from .formula import fill
from .neuron import NeuronTrace
from .stages import STAGES, Stage
from .trace import Trace
from .undo import Undo

BY_THE_USER = "by the user"
"""What `Stepper.why` says of a neuron that the caller chose."""

P = ParamSpec("P")
R = TypeVar("R")


def _undoable(label: str, changes: str = "settings") -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a method of `Stepper`: `undo` can take its change back, and a failed call changes nothing.

    Args:
        label: the name of the change in `undo` and `changes`, with the names of arguments in braces.
        changes: what the method may change, and so what is kept. "training": everything. "neuron": weights and bias of
            the present neuron. "settings": neither. Learning rate and interventions are always kept.
    """

    def decorate(method: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(method)

        def said(*arguments: P.args, **named: P.kwargs) -> str:
            bound = signature.bind(*arguments, **named)
            bound.apply_defaults()
            given = dict(bound.arguments)
            defaults = {name: each.default for name, each in signature.parameters.items()}
            typed = {name: "" if value == defaults[name] else str(value) for name, value in given.items()}
            return fill(label, {n: "none" if given[n] is None else text for n, text in typed.items()}).strip()

        @wraps(method)
        def changing(*arguments: P.args, **named: P.kwargs) -> R:
            stepper: Any = arguments[0]
            mark = stepper._undo.mark()
            before, size = stepper._before(changes)
            try:
                result = method(*arguments, **named)
                if before is None:
                    stepper._undo.forget()
                else:
                    stepper._undo.push(said(*arguments, **named), before, size)
                stepper._trace = None
                return result
            except BaseException:  # Ctrl-C can come between any two lines
                stepper._take_back(before, mark)
                raise

        return changing

    return decorate


class Stepper:
    """A place in a network, with methods to walk, to train and to change the network.

    Args:
        network: the network to walk through. It is trained and changed in place.
        x: (N, …) training samples, for `batch` and `epoch`.
        y: (N,) class indices, or (N, n_out) rows of targets.
        samples: ``(x, y)``, the set of the single samples; ``None``: the training samples.
        batch_size: samples per batch in `batch` and `epoch`.
        layer: index of the first layer to look at; ``None``: that of an interesting neuron.
        neuron: index of the first neuron to look at; ``None``: an interesting one.
        place: row and column of a filter; ``None``: the place of its largest |delta|.
        sample: number of a sample, from 0; "misread": the first misread one; ``None``: the first misread one, or if
            none is misread, the one with the closest decision.
        augment: how `batch` and `epoch` change the training images, as in ``fit``; single samples stay unchanged.

    Attributes:
        layer, neuron, sample: the present place; a filter also has `row` and `column`.
        why: the reason for the first neuron; `why_sample`: that for the first sample, empty if the caller chose it.
        why_place: the reason for the place of a filter; empty if the caller chose the place, or if `why` tells it.
        losses: the loss of every batch that was trained on and not undone.

    Raises:
        NeurosimError: no such sample, layer or neuron, or data that do not fit the network.

    Example:
        >>> stepper = Stepper(net, train.images, train.labels, layer=1, neuron=17)
        >>> stepper.next(); stepper.batch(10); stepper.undo()
    """

    def __init__(
        self,
        network: Network,
        x: Any,
        y: Any,
        *,
        samples: tuple[Any, Any] | None = None,
        batch_size: int = 64,
        layer: int | None = None,
        neuron: int | None = None,
        place: tuple[int, int] | None = None,
        sample: int | str | None = 0,
        augment: str | Augmentation | dict[str, Any] | None = None,
    ) -> None:
        self.network = network
        self.batches = Batches(network, x, y, batch_size, augment=augment)
        self._sample_rows, self._sample_targets = self.batches.rows, self.batches.targets
        if samples is not None:
            self._sample_rows, self._sample_targets = as_data(network, *samples)
        self.losses: list[float] = []
        self._undo = Undo()
        self._trace: Trace | None = None
        self._stage = 0
        self._place: tuple[int, int] | None = None  # of a filter
        self._place_is_asked, self.why_place = False, ""
        self._begin_schedule()
        self.why_sample = ""
        if sample is None:
            sample, self.why_sample = self._interesting_sample()
        self.sample = self.next_misread(-1) if sample == "misread" else self._check_sample(sample)
        best_layer, best, why = self.trace.interesting()
        self.layer = best_layer if layer is None else network[layer].index
        at_once = neuron is None and self.layer == best_layer and place is None
        if neuron is None and not at_once:
            best, why = self.trace[self.layer].strongest(place)
        self.neuron = best if neuron is None else neuron
        self.why = BY_THE_USER if neuron is not None else why
        self.neuron = self.trace[self.layer][self.neuron].index  # checks both
        self.choose_place()
        if at_once:
            self.why_place = ""  # `why` tells both
        if place is not None:
            self.go_to_place(*place)

    # -- the present place -----------------------------------------------------------------------------------------

    @property
    def trace(self) -> Trace:
        """The trace of the present sample in the present network."""
        if self._trace is None or not self._trace.is_of(self.network):
            one = slice(self.sample, self.sample + 1)
            rows, targets = self._sample_rows[one], self._sample_targets[one]
            self._trace = Trace(self.network, rows, targets, sample=self.sample)
        return self._trace

    @property
    def neuron_trace(self) -> NeuronTrace:
        """The present neuron in the present trace; a filter at the present place."""
        here = self.trace[self.layer][self.neuron]
        return here if self._place is None else here.at(*self._place)

    @property
    def row(self) -> int | None:
        """The row of the present place; None if the neuron is not a filter."""
        return self.neuron_trace.row

    @property
    def column(self) -> int | None:
        """The column of the present place; None if the neuron is not a filter."""
        return self.neuron_trace.column

    @property
    def live_neuron(self) -> Neuron:
        """The present neuron of the live network."""
        return self.network.neuron(self.layer, self.neuron)

    def __repr__(self) -> str:
        where = f"layer {self.layer}, neuron {self.neuron}, sample {self.sample}"
        return f"Stepper({where}, stage {self.position + 1} of {len(STAGES)})"

    def stage(self, top: int = 5) -> Stage:
        """Return the present stage, with the `top` largest terms of each sum."""
        return self.neuron_trace.stages(top)[self._stage]

    @property
    def batch_size(self) -> int:
        """The number of samples in a batch."""
        return self.batches.batch_size

    @property
    def position(self) -> int:
        """The number of the present stage, from 0."""
        return self._stage

    # -- walking: changes nothing ----------------------------------------------------------------------------------

    def next(self, top: int = 5) -> Stage:
        """Go to the next stage.

        Raises:
            OutOfRangeError: this was the last stage.
        """
        if self._stage == len(STAGES) - 1:
            raise OutOfRangeError(
                "this is the last stage. To train further: update, batch or epoch. To look elsewhere: neuron or "
                "sample. To start again: goto inputs"
            )
        self._stage += 1
        return self.stage(top)

    def back(self, top: int = 5) -> Stage:
        """Go to the previous stage.

        Raises:
            OutOfRangeError: this was the first stage.
        """
        if self._stage == 0:
            raise OutOfRangeError("this is the first stage; undo takes back changes of the network")
        self._stage -= 1
        return self.stage(top)

    def goto(self, stage: str | int, top: int = 5) -> Stage:
        """Go to a stage: by its number from 1, by its key, by its title, or by the beginning of one of these.

        Raises:
            NeurosimError: there is no such stage.
        """
        if isinstance(stage, str) and stage.isdecimal():
            stage = int(stage)
        if isinstance(stage, int):
            if not 1 <= stage <= len(STAGES):
                raise OutOfRangeError(f"stage: expected a number from 1 to {len(STAGES)}, received {stage}")
            self._stage = stage - 1
        elif isinstance(stage, str):
            self._stage = STAGES.index(self._stage_called(stage))
        else:
            raise unknown("stage", stage, self.titles())
        return self.stage(top)

    def titles(self) -> list[str]:
        """Return the titles of all stages, as they are printed."""
        return [stage.title for stage in self.neuron_trace.stages()]

    def _stage_called(self, name: str) -> str:
        """Return the key of the stage with this key or title, or of the only one that begins with `name`."""
        if name in STAGES:
            return name
        asked = " ".join(name.lower().split())
        titles = {
            stage.key: (stage.key, stage.key.replace("_", " "), stage.title, stage.heading)
            for stage in self.neuron_trace.stages()
        }
        exact = [key for key, names in titles.items() if asked in [each.lower() for each in names]]
        found = exact or [key for key, names in titles.items() if any(each.lower().startswith(asked) for each in names)]
        if len(found) > 1 and asked:
            raise NeurosimError(f"stage '{name}' could be {', '.join(found)}")
        if len(found) != 1:
            raise unknown("stage", name, self.titles())
        return found[0]

    def go_to_neuron(self, layer: int, neuron: int) -> None:
        """Go to another neuron, at the same stage.

        Raises:
            NeurosimError: there is no such neuron, or it has no weights.
        """
        found = self.trace[layer][neuron]
        elsewhere = found.layer != self.layer
        self.layer, self.neuron = found.layer, found.index
        if elsewhere or not self._place_is_asked:
            self.choose_place()

    def go_to_place(self, row: int, column: int) -> None:
        """Look at a filter at this place, and keep the place for other samples and other filters of its layer.

        Raises:
            NeurosimError: the present neuron is not a filter, or has no such place.
        """
        unit = self.live_neuron.at(row, column)
        self._place, self._place_is_asked, self.why_place = (unit.row, unit.column), True, ""

    def choose_place(self) -> None:
        """Look at a filter at the place of its largest |delta|, now and for each later sample and filter."""
        self._place, self._place_is_asked, self.why_place = None, False, ""
        if self.live_neuron.layer.windows is not None:
            here = self.trace[self.layer][self.neuron]
            assert here.row is not None and here.column is not None
            self._place, self.why_place = (here.row, here.column), here.why_here

    def go_to_sample(self, sample: int) -> None:
        """Look at another sample.

        Raises:
            OutOfRangeError: there is no such sample.
        """
        self.sample = self._check_sample(sample)
        self._trace = None
        if not self._place_is_asked:
            self.choose_place()

    def misread(self) -> Array:
        """Return the numbers of the samples that the present network misreads.

        Raises:
            NeurosimError: the targets are not class labels.
        """
        classes = class_indices(self._sample_targets)
        if classes is None:
            raise NeurosimError(
                "misread: expected targets that are class labels, received other targets, which cannot be misread"
            )
        return np.flatnonzero(self.network.predict(self._sample_rows) != classes)

    def next_misread(self, after: int | None = None) -> int:
        """Return the number of the next misread sample; after the last one comes the first.

        Args:
            after: the number of a sample; ``None``: the present one.

        Raises:
            NeurosimError: no sample is misread, or the targets are not class labels.
        """
        found = self.misread()
        if not len(found):
            raise NeurosimError(f"misread: the network misreads none of the {len(self._sample_rows):,} samples")
        later = found[found > (self.sample if after is None else after)]
        return int(later[0] if len(later) else found[0])

    def check(self) -> Check:
        """Compare the present neuron's gradient with central differences."""
        return self.neuron_trace.check()

    # -- changes of the network, which can be undone ---------------------------------------------------------------

    @_undoable("update", "training")
    def update(self) -> float:
        """Apply the update that the walk shows, one step on this sample alone, and return the loss after it."""
        i = self.sample
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            loss = self.network.gradients(self._sample_rows[i : i + 1], self._sample_targets[i : i + 1])
            if not np.isfinite(loss):
                raise NeurosimError(f"the loss is {loss}, so no update is possible; nothing was changed")
            self.network.update_()
        self._trace = None
        return self.trace.loss

    def batch(self, count: int = 1) -> list[float]:
        """Train on the next `count` batches exactly as `fit` does, and return their losses. Each can be undone."""
        count = check_count("batch", count)
        size = self._bytes_of_network()
        if count == 1:
            return [self._one_batch()]
        if not self._undo.fits(2 * size):  # keep only the state before all of them
            return self._batches(count)
        mark = self._undo.mark()
        before, _ = self._before("training")
        losses: list[float] = []
        try:
            with self._undo.reserving(size):
                for _ in range(count):
                    losses.append(self._one_batch())
            return losses
        except BaseException:  # all of them or none
            self._take_back(before, mark)
            raise

    @computes
    @_undoable("epoch", "training")
    def epoch(self, verbose: bool = False) -> list[float]:
        """Train to the end of the epoch and return the losses of its batches. `undo` takes back the whole epoch.

        Args:
            verbose: whether to show progress.
        """
        batches = self.batches
        with progress_bar(batches.steps_per_epoch, "epoch", "batches", done=batches.steps, shown=verbose) as bar:
            losses = [self._train()]
            while batches.order is not None:
                bar.update()
                losses.append(self._train())
        return losses

    @_undoable("batch", "training")
    def _one_batch(self) -> float:
        return self._train()

    @_undoable("{count} batches", "training")
    def _batches(self, count: int) -> list[float]:
        return [self._train() for _ in range(count)]

    def _train(self) -> float:
        """Train one step on the next batch and return its loss."""
        batches, schedule = self.batches, self.network.optimizer.learning_rate
        if batches.order is None:
            self._begin_schedule()
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # the loss shows it
            loss = batches.step()
        if not np.isfinite(loss):
            kept = "the steps before it stay" if not self.takes_back else "nothing was changed"
            raise NeurosimError(f"the loss became {loss}: {kept}; try a smaller learning rate")
        self.losses.append(loss)
        if batches.epoch_is_done:
            if isinstance(schedule, Schedule):
                schedule.observe(batches.figures())
            batches.begin_epoch()
        return loss

    @_undoable("set weight {index} {value}", "neuron")
    def set_weight(self, index: int, value: float) -> str:
        """Set one incoming weight of the present neuron. Return a text of the change, as the next methods do.

        Raises:
            NeurosimError: no such weight, or not a finite number.
        """
        weights = self.live_neuron.weights
        if not check_count("weight", index, 0) < weights.size:
            raise OutOfRangeError(f"weight: expected a number from 0 to {weights.size - 1}, received {index}")
        weights.flat[int(index)] = check_value("weight", value, self.network.dtype)
        return f"set weight {index} {value}"

    @_undoable("set bias {value}", "neuron")
    def set_bias(self, value: float) -> str:
        """Set the bias of the present neuron."""
        self.live_neuron.bias = value
        return f"set bias {value}"

    @_undoable("set rate {value}")
    def set_rate(self, value: float) -> str:
        """Give the optimizer a constant learning rate."""
        self.network.optimizer.learning_rate = check_value("learning rate", value)
        return f"set rate {value}"

    @_undoable("set activation {name}")
    def set_activation(self, name: str | None) -> str:
        """Give the present neuron its own activation; None restores that of its layer."""
        self.live_neuron.activation = name
        return f"set activation {'none' if name is None else name}"

    @_undoable("freeze")
    def freeze(self) -> str:
        """Freeze the present neuron, which must not be frozen."""
        if self.live_neuron.frozen:
            raise NeurosimError("expected a neuron that is not frozen, received one that is")
        self.live_neuron.freeze()
        return "frozen"

    @_undoable("unfreeze")
    def unfreeze(self) -> str:
        """End `freeze` of the present neuron, which must be frozen."""
        if not self.live_neuron.frozen:
            raise NeurosimError("expected a frozen neuron, received one that is not")
        self.live_neuron.unfreeze()
        return "unfrozen"

    @_undoable("ablate {to}")
    def ablate(self, to: float | str = 0.0) -> str:
        """Ablate the present neuron: set its output to 0, to a value, or to its "mean" over the first 1,000 samples."""
        mean = to == "mean"
        if mean:
            self.live_neuron.release()  # the mean is that of the output that is not forced
            a = self.network.activations(self._sample_rows[:1000], self.layer, self.neuron)
            to = float(a.mean(dtype=np.float64))
        self.live_neuron.ablate(to)
        return "ablated to its mean" if mean else f"ablated to {to}" if to else "ablated"

    @_undoable("clamp {value}")
    def clamp(self, value: float) -> str:
        """Clamp the present neuron: force its output to a value."""
        self.live_neuron.clamp(value)
        return f"clamped to {value}"

    @_undoable("restore")
    def release(self) -> str:
        """End `ablate` or `clamp` of the present neuron, which must be ablated or clamped."""
        if self.live_neuron.clamped is None:
            raise NeurosimError("expected an ablated or clamped neuron, received one that is neither")
        self.live_neuron.release()
        return "restored"

    def undo(self) -> str:
        """Take back the last change and return its name.

        Raises:
            NeurosimError: there is nothing to undo.
        """
        if not self._undo:
            raise NeurosimError(f"nothing to undo{': ' if self.undo_ends else ''}{self.undo_ends}")
        what, before = self._undo.last()
        self._restore(before)
        self._undo.pop()  # at the end: after an interrupt before it, undo can be repeated
        return what

    @property
    def changes(self) -> list[str]:
        """The names of the changes that can be undone, the latest at the end."""
        return self._undo.labels

    @property
    def undo_ends(self) -> str:
        """A sentence on the changes that `undo` cannot take back for lack of memory; empty if it can take back all."""
        return str(self._undo)

    @property
    def takes_back(self) -> bool:
        """Whether interrupted training leaves the network unchanged; it needs memory for a copy."""
        return not self._undo.too_large

    # -- helpers ---------------------------------------------------------------------------------------------------

    def _interesting_sample(self) -> tuple[int, str]:
        """Return the number of a sample that is misread, or else has the closest decision, and the reason."""
        classes, count = class_indices(self._sample_targets), len(self._sample_rows)
        if classes is None or not count:
            return 0, ""
        found, names = self.misread(), {"all": f"{count:,}"}
        if len(found):
            told = names | {"i": str(found[0]), "count": f"{len(found):,}"}
            return int(found[0]), fill(words.NAMES["first misread"], told)
        a = self.network.predict_proba(self._sample_rows)
        if a.shape[1] == 1:
            i = int(np.abs(a[:, 0] - 0.5).argmin())
            return i, fill(words.NAMES["read barely, one output"], names | {"i": str(i), "a": number(a[i, 0], 3)})
        ordered = np.sort(a, axis=1)
        i = int((ordered[:, -1] - ordered[:, -2]).argmin())
        best, second = np.argsort(-a[i], kind="stable")[:2]
        label, other = self.network.class_name(int(best)), self.network.class_name(int(second))
        told = {"i": str(i), "label": label, "a": number(a[i, best], 3), "other": other, "b": number(a[i, second], 3)}
        return i, fill(words.NAMES["read barely"], names | told)

    def _check_sample(self, sample: int | str) -> int:
        if not (isinstance(sample, (int, np.integer)) and 0 <= sample < len(self._sample_rows)):
            raise OutOfRangeError(
                f"sample: expected a number from 0 to {len(self._sample_rows) - 1}, received {sample}"
            )
        return int(sample)

    def _begin_schedule(self) -> None:
        """Let a schedule of a whole run span the next epoch, as ``fit(epochs=1)`` does."""
        schedule = self.network.optimizer.learning_rate
        if isinstance(schedule, Schedule):
            schedule.begin(self.network.optimizer.t, self.batches.steps_per_epoch)

    def _bytes_of_network(self) -> int:
        """Return the bytes of a copy of everything that training changes."""
        return sum(array.nbytes for array in self.network.arrays().values())

    def _before(self, changes: str) -> tuple[dict[str, Any] | None, int]:
        """Return what restores the present state after a change, and the bytes of its arrays.

        The first is None if it takes more memory than undo may use. For `changes` see `_undoable`.
        """
        network, place = self.network, self.batches.place
        order = (
            0 if place[0] is None or self._undo.last_place() is place[0] else place[0].nbytes
        )  # shared within an epoch
        size = self._bytes_of_network() + order if changes == "training" else 0
        if not self._undo.make_room(size):
            return None, 0
        return {
            "network": network.snapshot() if changes == "training" else None,
            "neuron": self._copy_of_neuron() if changes == "neuron" else None,
            "optimizer": network.optimizer,
            "rate": deepcopy(network.optimizer.learning_rate),
            "interventions": [layer.interventions for layer in network],
            "place": place,
            "losses": len(self.losses),
        }, size

    def _copy_of_neuron(self) -> tuple[int, int, dict[str, Array]]:
        """Return layer and index of the present neuron, with a copy of its weights and bias."""
        layer = self.live_neuron.layer
        names = [name for name in (layer.weight_name, layer.bias_name) if name in layer.views]
        parts = {name: layer.neuron_part(layer.views[name], self.neuron).copy() for name in names}
        return self.layer, self.neuron, parts

    def _take_back(self, before: dict[str, Any] | None, mark: object) -> None:
        """Restore the state before a failed change, if that state was kept, and the list of changes before it."""
        self._undo.back_to(mark)
        if before is None:
            self._undo.forget()
            self._trace = None
        else:
            self._restore(before)

    def _restore(self, snapshot: dict[str, Any]) -> None:
        if self.network.optimizer is not snapshot["optimizer"]:
            self.network.optimizer = snapshot["optimizer"]
        self.network.optimizer.learning_rate = snapshot["rate"]
        if snapshot["network"] is not None:
            self.network.restore(snapshot["network"])
        if snapshot["neuron"] is not None:
            index, neuron, parts = snapshot["neuron"]
            layer = self.network[index]
            for name, values in parts.items():
                layer.neuron_part(layer.views[name], neuron)[...] = values
        for layer, interventions in zip(self.network, snapshot["interventions"], strict=True):
            if layer.interventions is not interventions:
                layer.intervene(interventions)
        self.batches.place = snapshot["place"]
        del self.losses[snapshot["losses"] :]
        self._trace = None
