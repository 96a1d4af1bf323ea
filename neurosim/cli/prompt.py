"""The prompt of ``python main.py step``: a debugger's manners for a `Stepper`.

Commands may be shortened as far as they stay unique; an empty line repeats the last one; Tab completes; history is kept
where the terminal has readline.
"""

from __future__ import annotations

import cmd
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ..errors import NeurosimError
from ..registry import did_you_mean
from ..schedules import Schedule
from ..text import column
from ..walk.stepper import STAGES, Stepper

SHORT = {
    "n": "next",
    "b": "back",
    "w": "weights",
    "i": "inputs",
    "g": "gradient",
    "c": "check",
    "u": "undo",
    "s": "sample",
    "t": "top",
    "p": "plot",
    "h": "help",
    "?": "help",
    "q": "quit",
    "l": "here",
    "EOF": "quit",
}


class Prompt(cmd.Cmd):
    """Reads commands, drives a stepper, prints.

    Args:
        stepper: what to drive.
        top: how many terms of each sum to show.
        plot: draws the present neuron's figure into a folder and returns its path; ``None``: no pictures here.
        echo: whether to print the commands, for input that nobody types.
        stdin, stdout: where to read and write.
    """

    prompt = "(step) "

    def __init__(
        self,
        stepper: Stepper,
        *,
        top: int = 5,
        plot: Callable[[Stepper, Path], Path] | None = None,
        echo: bool = False,
        stdin: TextIO | None = None,
        stdout: TextIO | None = None,
    ) -> None:
        super().__init__(stdin=stdin, stdout=stdout)
        self.stepper = stepper
        self.top = top
        self.plot = plot
        self.echo = echo
        self.shown_prompt = self.prompt
        if echo:
            self.prompt = ""
        self.errors = 0
        self.use_rawinput = stdin is None

    def say(self, text: str) -> None:
        """Print."""
        print(text, file=self.stdout, flush=True)

    def begin(self) -> None:
        """Say where the walk starts, and why there."""
        stepper = self.stepper
        self.say(str(stepper.neuron_trace))
        if stepper.why != "as asked for":
            self.say(textwrap.fill(f"chosen: {stepper.why}", 79))
        schedule = stepper.network.optimizer.learning_rate
        if isinstance(schedule, Schedule) and schedule.stretches:
            self.say(
                textwrap.fill(
                    f"schedule: {schedule.key} stretches anew over each epoch from here, up to "
                    f"{schedule.rate:g} at most; set rate X makes the rate constant",
                    79,
                )
            )
        self.show()

    def show(self) -> None:
        """Print the present stage."""
        stage = self.stepper.stage(self.top)
        self.say(f"{self.stepper.position + 1}/{len(STAGES)} {stage.title}\n{stage.text}")

    # -- the machinery ---------------------------------------------------------------------------------------------

    def commands(self) -> list[str]:
        """The names of all commands."""
        return sorted(name[3:] for name in self.get_names() if name.startswith("do_"))

    def parseline(self, line: str) -> tuple[str | None, str | None, str]:
        """Split a line into a command and the rest; short forms become whole."""
        word, _, rest = line.strip().partition(" ")
        word = SHORT.get(word, word)
        matches = [name for name in self.commands() if name.startswith(word)]
        if word not in matches and len(matches) == 1:
            word = matches[0]
        return (word or None, rest.strip(), f"{word} {rest}".strip())

    def onecmd(self, line: str) -> bool:
        """Run one line; a mistake is said and changes nothing."""
        if self.echo and line.strip() not in ("", "EOF"):
            self.say(f"{self.shown_prompt}{line}")
        try:
            name, rest, _ = self.parseline(line)
            usage = (getattr(self, f"do_{name}", self.onecmd).__doc__ or "").partition(":")[0]
            if rest and usage == name:
                raise NeurosimError(f"{name}: expected nothing after it, received {rest!r}")
            return bool(super().onecmd(line))
        except NeurosimError as error:
            self.errors += 1
            self.say(f"error: {error}")
        except KeyboardInterrupt:
            self.say("\ninterrupted; the network is as it was before the command")
        return False

    def emptyline(self) -> bool:
        """Enter repeats the last command; an empty line of a script is nothing."""
        return False if self.echo else bool(super().emptyline())

    def default(self, line: str) -> None:
        """An unknown or ambiguous command."""
        word = line.split()[0]
        matches = [name for name in self.commands() if name.startswith(word)]
        if matches:
            raise NeurosimError(f"'{word}' could be {', '.join(matches)}")
        raise NeurosimError(f"unknown command '{word}'{did_you_mean(word, self.commands())} (help lists them)")

    def run(self) -> None:
        """Read and run commands until quit, Ctrl-D or Ctrl-C."""
        try:
            self.cmdloop()
        except KeyboardInterrupt:
            self.say("")

    def complete_goto(self, text: str, *_: Any) -> list[str]:
        """Stage names for Tab."""
        return [name for name in STAGES if name.startswith(text)]

    # -- walking ---------------------------------------------------------------------------------------------------

    def do_next(self, rest: str) -> None:
        """next: go to the next stage (short: n)."""
        self.stepper.next()
        self.show()

    def do_back(self, rest: str) -> None:
        """back: go to the stage before (short: b)."""
        self.stepper.back()
        self.show()

    def do_goto(self, rest: str) -> None:
        """goto STAGE: go to a stage, by name or number; without one, list them."""
        if not rest:
            self.say("\n".join(f"{k:>3} {name}" for k, name in enumerate(STAGES, start=1)))
            return
        matches = [name for name in STAGES if name.startswith(rest)]
        if len(matches) > 1 and rest not in matches:
            raise NeurosimError(f"stage '{rest}' could be {', '.join(matches)}")
        self.stepper.goto(matches[0] if len(matches) == 1 else rest)
        self.show()

    def do_here(self, rest: str) -> None:
        """here: show where you are, and the present stage again (short: l)."""
        self.say(str(self.stepper.neuron_trace))
        self.show()

    def do_walk(self, rest: str) -> None:
        """walk: show all stages at once."""
        self.say(self.stepper.neuron_trace.explain(self.top))

    def do_neuron(self, rest: str) -> None:
        """neuron L J: go to neuron J of layer L; neuron J: of this layer."""
        words = self._numbers("neuron L J", rest, 1, 2)
        self.stepper.go_to_neuron(*((self.stepper.layer, words[0]) if len(words) == 1 else (words[0], words[1])))
        self.do_here("")

    def do_sample(self, rest: str) -> None:
        """sample I: look at sample I, from 0 (short: s)."""
        self.stepper.go_to_sample(self._numbers("sample I", rest, 1, 1)[0])
        self.do_here("")

    def do_top(self, rest: str) -> None:
        """top K: show the K largest terms of each sum (short: t)."""
        top = self._numbers("top K", rest, 1, 1)[0]
        if top < 1:
            raise NeurosimError(f"top: expected a number of at least 1, received {top}")
        self.top = top
        self.show()

    # -- looking ---------------------------------------------------------------------------------------------------

    def _largest(self, values: Any, what: str) -> None:
        here = self.stepper.neuron_trace
        order = np.argsort(-np.abs(values), kind="stable")[: self.top]
        lines = [f"  {i:>5}  {here._name(int(i)):<14}{column(values[i])}" for i in order]
        self.say("\n".join([f"{what}: {len(values):,} in all, the {len(order)} largest, by number:", *lines]))

    def do_weights(self, rest: str) -> None:
        """weights: the largest incoming weights (short: w)."""
        self._largest(self.stepper.neuron_trace.weights, "weights")
        self.say(f"  bias {column(self.stepper.neuron_trace.bias).strip()}")

    def do_inputs(self, rest: str) -> None:
        """inputs: the largest inputs (short: i)."""
        self._largest(self.stepper.neuron_trace.inputs, "inputs")

    def do_gradient(self, rest: str) -> None:
        """gradient: the largest dL/dw of this sample (short: g)."""
        self._largest(self.stepper.neuron_trace.dL_dW, "dL/dw")
        self.say(f"  dL/db {column(self.stepper.neuron_trace.dL_db).strip()}")

    def do_check(self, rest: str) -> None:
        """check: compare this neuron's gradient with central differences (short: c)."""
        self.say(str(self.stepper.check()))

    def do_status(self, rest: str) -> None:
        """status: the network, what was changed, what is done to this neuron."""
        stepper = self.stepper
        optimizer = stepper.network.optimizer
        schedule = optimizer.learning_rate
        scheduled = f"\nschedule {schedule!r}" if isinstance(schedule, Schedule) else ""
        done = stepper.live_neuron.interventions
        self.say(
            f"{stepper.network!r}\n"
            f"optimizer {optimizer.key}, learning rate {optimizer.rate:g}, step {optimizer.t}{scheduled}\n"
            f"{stepper.live_neuron!r}\nthis neuron: {', '.join(done) or 'nothing done to it'}\n"
            f"to undo: {', '.join(stepper.changes[-5:]) or 'nothing'}"
        )

    def do_plot(self, rest: str) -> None:
        """plot [DIR]: draw this neuron's story into a folder (short: p)."""
        if self.plot is None:
            raise NeurosimError("no pictures here; start it with python main.py step")
        try:
            self.say(f"wrote {self.plot(self.stepper, Path(rest or 'results'))}")
        except OSError as error:
            raise NeurosimError(f"plot: cannot write to {rest or 'results'}: {error.strerror or error}") from None

    # -- changing --------------------------------------------------------------------------------------------------

    def do_update(self, rest: str) -> None:
        """update: apply the update that the walk shows."""
        before = self.stepper.trace.loss
        after = self.stepper.update()
        self.say(f"updated on sample {self.stepper.sample} alone: loss {before:.6g} -> {after:.6g}")

    def do_batch(self, rest: str) -> None:
        """batch [N]: train on the next N batches, each of which can be undone."""
        count = self._numbers("batch [N]", rest, 0, 1)
        losses = self.stepper.batch(*count)
        self.say(
            f"{len(losses)} batch{'es' if len(losses) > 1 else ''} of {self.stepper.batch_size}: loss "
            f"{losses[0]:.4g}{f' to {losses[-1]:.4g}' if len(losses) > 1 else ''}"
        )

    def do_epoch(self, rest: str) -> None:
        """epoch [N]: train to the end of the epoch, N times; one undo takes one of them back."""
        for _ in range(*(self._numbers("epoch [N]", rest, 0, 1) or [1])):
            losses = self.stepper.epoch()
            self.say(
                f"{len(losses)} batches, mean loss {np.mean(losses):.4g}; sample {self.stepper.sample} now has "
                f"loss {self.stepper.trace.loss:.4g}"
            )

    def do_undo(self, rest: str) -> None:
        """undo [N]: take back the last change, or the last N of them, exactly (short: u)."""
        for _ in range(*(self._numbers("undo [N]", rest, 0, 1) or [1])):
            self.say(f"undone: {self.stepper.undo()}")

    def do_set(self, rest: str) -> None:
        """set weight I X | bias X | rate X | activation NAME (none: the layer's): change it."""
        words = rest.split()
        kind = words[0] if words else ""
        if kind == "weight" and len(words) == 3:
            self.stepper.set_weight(self._numbers("set weight I VALUE", words[1], 1, 1)[0], words[2])  # type: ignore[arg-type]
        elif kind in ("bias", "rate") and len(words) == 2:
            (self.stepper.set_bias if kind == "bias" else self.stepper.set_rate)(words[1])  # type: ignore[arg-type]
        elif kind == "activation" and len(words) == 2:
            self.stepper.set_activation(None if words[1] == "none" else words[1])
        else:
            raise NeurosimError(
                f"set: expected weight I VALUE, bias VALUE, rate VALUE or activation NAME, received {rest!r}"
            )
        self._after_change(f"set {rest}")

    def do_freeze(self, rest: str) -> None:
        """freeze: keep this neuron's weights as they are while others are trained."""
        self.stepper.freeze()
        self._after_change("frozen")

    def do_unfreeze(self, rest: str) -> None:
        """unfreeze: let it be trained again."""
        self.stepper.unfreeze()
        self._after_change("free again")

    def do_ablate(self, rest: str) -> None:
        """ablate [mean]: silence this neuron, or hold it at its mean."""
        if rest not in ("", "mean"):
            raise NeurosimError(
                f"ablate: expected nothing or mean, received {rest!r}; clamp VALUE forces another output"
            )
        self.stepper.ablate(rest or 0.0)
        self._after_change("silenced" if not rest else "held at its mean")

    def do_clamp(self, rest: str) -> None:
        """clamp VALUE: force this neuron's output."""
        self.stepper.clamp(rest)  # type: ignore[arg-type]
        self._after_change(f"clamped to {rest}")

    def do_restore(self, rest: str) -> None:
        """restore: end ablate or clamp."""
        if self.stepper.live_neuron.clamped is None:
            raise NeurosimError("restore: nothing to end, this neuron's output is not forced")
        self.stepper.release()
        self._after_change("restored")

    def _after_change(self, what: str) -> None:
        trace = self.stepper.trace
        read = "" if trace.label is None else f" is read as {trace.prediction},"
        self.say(f"{what}: sample {self.stepper.sample}{read} loss {trace.loss:.6g}")

    # -- leaving ---------------------------------------------------------------------------------------------------

    def do_help(self, rest: str) -> None:
        """help [COMMAND]: what there is."""
        names = [self.parseline(rest)[0]] if rest else self.commands()
        if rest and names[0] not in self.commands():
            self.default(rest)
        for name in names:
            self.say(f"  {(getattr(self, f'do_{name}').__doc__ or '').strip().splitlines()[0]}")
        if not rest:
            self.say("  Enter repeats the last command; names may be shortened.")

    def do_quit(self, rest: str) -> bool:
        """quit: leave (short: q, or Ctrl-D)."""
        if sys.stdin.isatty() and not self.echo:
            self.say("")
        return True

    def _numbers(self, usage: str, rest: str, low: int, high: int) -> list[int]:
        """Whole numbers from what follows a command.

        Raises:
            NeurosimError: too few, too many, or not whole.
        """
        words = rest.split()
        try:
            numbers = [int(word) for word in words]
        except ValueError:
            numbers = []
        if not low <= len(numbers) <= high or len(numbers) != len(words):
            raise NeurosimError(f"expected {usage}, received {rest!r}")
        return numbers
