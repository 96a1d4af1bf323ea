"""The prompt of ``python main.py step``: a debugger for a `Stepper`.

A command may be shortened if the short form is unique. An empty line repeats the last command. Tab completes a name.
The arrow keys bring back earlier lines if the terminal has readline.
"""

from __future__ import annotations

import cmd
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TextIO, TypeVar

import numpy as np

from ..checks import check_value
from ..errors import NeurosimError, OutOfRangeError
from ..glossary import GLOSSARY
from ..registry import did_you_mean
from ..schedules import Schedule
from ..text import column, command_line, counted, number, thousands
from ..walk.places import rows_and_columns
from ..walk.stages import STAGES
from ..walk.stepper import BY_THE_USER, Stepper
from .glossary import explained, terms_in
from .picture import has_blocks, picture
from .terminal import Ended, wrapped

SHORT = {
    "a": "ablate",
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
    "glossary": "word",
    "EOF": "quit",
}

COMMANDS: dict[str, tuple[str, str]] = {}
"""Name -> usage and purpose of each command. The command is a method ``do_name`` of `Prompt`."""

Method = TypeVar("Method", bound=Callable[..., bool | None])


def command(usage: str, purpose: str) -> Callable[[Method], Method]:
    """List a method as a command.

    Args:
        usage: its name, and what may follow it. A name alone means that nothing may follow.
        purpose: what it does, for `help`.
    """

    def mark(method: Method) -> Method:
        COMMANDS[usage.split()[0]] = (usage, purpose)
        return method

    return mark


def arrow(before: float | str, after: float | str, digits: int = 5) -> str:
    """Describe a change, "0.5 -> 0.7", or say that there was none, "0.5 (as before)"."""
    one, two = (each if isinstance(each, str) else number(each, digits) for each in (before, after))
    return f"{two} (as before)" if one == two else f"{one} -> {two}"


def picture_of(stepper: Stepper, stream: IO[str] | None = None) -> str:
    """Return the present sample as text if it is a grey image, otherwise ""."""
    input_ = stepper.network.input
    shape = input_.image_shape
    if shape is None:
        return ""
    return picture(stepper.trace.flows[0]["a"].reshape(shape), has_blocks(stream or sys.stdout))


class Prompt(cmd.Cmd):
    """A prompt that reads commands, runs them with a stepper, and prints the answers.

    Args:
        stepper: the stepper.
        top: how many terms of each sum to show.
        plot: draws the present neuron's figure into a folder and returns its path; ``None``: there are no pictures.
        echo: whether to print the commands, for input from a file or a pipe.
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
        self.told_of_undo = False
        self.use_rawinput = stdin is None

    def say(self, text: str) -> None:
        """Print."""
        print(text, file=self.stdout, flush=True)

    def begin(self) -> None:
        """Print where the walk starts, and why there."""
        stepper = self.stepper
        self.say(str(stepper.neuron_trace))
        for why in (stepper.why_sample, stepper.why, stepper.why_place):
            if why and why != BY_THE_USER:
                self.say(wrapped(f"chosen: {why}"))
        self.draw()
        schedule = stepper.network.optimizer.learning_rate
        if isinstance(schedule, Schedule) and schedule.stretches:
            self.say(
                wrapped(
                    f"schedule: from here, {schedule.key} starts again in each epoch, with a learning rate of at most "
                    f"{number(schedule.rate, 6)}. Use set rate VALUE for a constant rate."
                )
            )
        self.show()

    def draw(self) -> None:
        """Print the sample as a picture, if it is one."""
        drawn = picture_of(self.stepper, self.stdout)
        if drawn:
            self.say(drawn)

    def show(self) -> None:
        """Print the present stage."""
        stage = self.stepper.stage(self.top)
        self.say(f"{self.stepper.position + 1}/{len(STAGES)} {stage.heading}\n{stage.text}")

    # -- the machinery ---------------------------------------------------------------------------------------------

    def commands(self) -> list[str]:
        """Return the names of all commands."""
        return sorted(COMMANDS)

    def parseline(self, line: str) -> tuple[str | None, str | None, str]:
        """Split a line into a command and the rest. A short form becomes the whole name."""
        word, _, rest = line.strip().partition(" ")
        word = SHORT.get(word, word)
        matches = [name for name in self.commands() if name.startswith(word)]
        if word not in matches and len(matches) == 1:
            word = matches[0]
        return (word or None, rest.strip(), f"{word} {rest}".strip())

    def onecmd(self, line: str) -> bool:
        """Run one line. A mistake is reported and changes nothing."""
        if self.echo and line.strip() not in ("", "EOF"):
            self.say(f"{self.shown_prompt}{line}")
        before = self._done()
        try:
            name, rest, _ = self.parseline(line)
            usage, _ = COMMANDS.get(name or "", ("", ""))
            if rest and usage == name:
                raise NeurosimError(f"{name}: expected nothing after it, received {rest!r}")
            leave = bool(super().onecmd(line))
            self.tell_of_undo()
            return leave
        except NeurosimError as error:
            self.errors += 1
            self.say(wrapped(f"error: {error}"))
        except Ended:
            raise
        except KeyboardInterrupt:
            if not self.stepper.takes_back:
                left = "the network is as the training left it"
            elif self._done() != before:
                left = "what was finished before stays (see status)"
            else:
                left = "the network is as it was before the command"
            self.say(f"\ninterrupted; {left}")
        return False

    def _done(self) -> tuple[int, list[str]]:
        """Return what shows whether a command changed the network: the number of updates, and what can be undone."""
        return self.stepper.network.optimizer.t, self.stepper.changes

    def tell_of_undo(self) -> None:
        """Print, once, that the list of what can be undone is full."""
        ends = self.stepper.undo_ends
        if ends and not self.told_of_undo:
            self.say(wrapped(ends))
        self.told_of_undo = bool(ends)

    def emptyline(self) -> bool:
        """Repeat the last command; ignore an empty line of a script."""
        return False if self.echo else bool(super().emptyline())

    def default(self, line: str) -> None:
        """Refuse an unknown or ambiguous command."""
        word = line.split()[0]
        matches = [name for name in self.commands() if name.startswith(word)]
        if matches:
            raise NeurosimError(f"'{word}' could be {', '.join(matches)}")
        meant = did_you_mean({"release": "restore"}.get(word, word), self.commands())  # its name in Python
        raise NeurosimError(f"unknown command '{word}'{meant} (help lists all commands)")

    def run(self) -> None:
        """Read and run commands until quit, Ctrl-D or Ctrl-C."""
        try:
            self.cmdloop()
        except Ended:
            raise
        except KeyboardInterrupt:
            self.say("")

    def complete_goto(self, text: str, *_: Any) -> list[str]:
        """Return the names of stages that Tab can complete."""
        return [name for name in STAGES if name.startswith(text)]

    # -- walking ---------------------------------------------------------------------------------------------------

    @command("next [misread]", "go to the next stage (short: n); next misread: go to the next misread sample.")
    def do_next(self, rest: str) -> None:
        if rest == "misread":
            self.do_sample(rest)
        elif rest:
            hint = "; for another neuron use neuron L J" if rest[0].isdecimal() else ""
            raise NeurosimError(f"expected next, or next misread, received {f'next {rest}'!r}{hint}")
        else:
            self._move(self.stepper.next)

    @command("back", "go to the previous stage (short: b).")
    def do_back(self, rest: str) -> None:
        self._move(self.stepper.back)

    def _move(self, move: Callable[[], object]) -> None:
        """Go to the next or the previous stage. The end of the walk is not a mistake."""
        try:
            move()
        except OutOfRangeError as end:
            self.say(wrapped(str(end)))
        else:
            self.show()

    @command("goto STAGE", "go to a stage, given by its number, name or title; goto: list the stages.")
    def do_goto(self, rest: str) -> None:
        if not rest:
            self.say("\n".join(f"{k:>3} {name}" for k, name in enumerate(self.stepper.titles(), start=1)))
            return
        self.stepper.goto(rest)
        self.show()

    @command("here", "show where you are and the present stage (short: l).")
    def do_here(self, rest: str) -> None:
        self.say(str(self.stepper.neuron_trace))
        self.show()

    @command("walk", "show all stages at once.")
    def do_walk(self, rest: str) -> None:
        self.say(self.stepper.neuron_trace.explain(self.top))

    @command("neuron L J", "go to neuron J of layer L; neuron J: go to neuron J of this layer.")
    def do_neuron(self, rest: str) -> None:
        layer, last = self.stepper.layer, len(self.stepper.trace[self.stepper.layer]) - 1
        which = f"neurons 0 to {last}" if last else "only neuron 0"
        form = f"neuron L J, or neuron J of this layer ({layer}, with {which})"
        words = self._numbers(form, rest, 1, 2)
        self.stepper.go_to_neuron(*((self.stepper.layer, words[0]) if len(words) == 1 else (words[0], words[1])))
        self._arrive()

    @command("at R,C", "go to row R, column C of a filter; at: go to its largest |delta|.")
    def do_at(self, rest: str) -> None:
        if rest:
            row, column = self._numbers("at R,C, a row and a column", rest, 2, 2, rest.replace(",", " "))
            self.stepper.go_to_place(row, column)
        else:
            self.stepper.live_neuron.at(0, 0)  # refuses a neuron that is not a filter
            self.stepper.choose_place()
        self._arrive()

    def _arrive(self) -> None:
        """Print where the walk is now, and why at this place."""
        self.say(str(self.stepper.neuron_trace))
        if self.stepper.why_place:
            self.say(wrapped(f"chosen: {self.stepper.why_place}"))
        self.show()

    @command("sample I", "go to sample I, from 0 (short: s); sample misread: go to the next misread sample.")
    def do_sample(self, rest: str) -> None:
        if rest == "misread":
            self.stepper.go_to_sample(self.stepper.next_misread())
        else:
            self.stepper.go_to_sample(self._numbers("sample I, or sample misread", rest, 1, 1)[0])
        self.draw()
        self._arrive()

    @command("top K", "show the K largest terms of each sum (short: t).")
    def do_top(self, rest: str) -> None:
        top = self._numbers("top K", rest, 1, 1)[0]
        if top < 1:
            raise NeurosimError(f"top: expected a whole number of at least 1, received {top}")
        self.top = top
        self.show()

    # -- looking ---------------------------------------------------------------------------------------------------

    def _largest(self, values: Any, what: str, name: Callable[[int], str]) -> None:
        order = [int(i) for i in np.argsort(-np.abs(values), kind="stable")[: self.top]]
        width = max(14, *(len(name(i)) + 2 for i in order))
        lines = [f"  {i:>5}  {name(i):<{width}}{column(values[i])}" for i in order]
        first = f"{what}: {thousands(len(values))} in all; the {len(order)} largest in size (number, name, value):"
        self.say("\n".join([first, *lines]))

    @command("weights", "show the largest incoming weights (short: w).")
    def do_weights(self, rest: str) -> None:
        here = self.stepper.neuron_trace
        self._largest(here.weights, "weights", here.weight_name)
        self.say(f"  bias {number(self.stepper.neuron_trace.bias)}")

    @command("inputs", "show the largest inputs (short: i).")
    def do_inputs(self, rest: str) -> None:
        here = self.stepper.neuron_trace
        self._largest(here.inputs, "inputs", here.input_name)

    @command("gradient", "show the largest dL/dw of this sample (short: g).")
    def do_gradient(self, rest: str) -> None:
        here = self.stepper.neuron_trace
        self._largest(here.dL_dW, "dL/dw", here.weight_name)
        self.say(f"  dL/db {number(self.stepper.neuron_trace.dL_db)}")

    @command("check", "compare this neuron's gradient with central differences (short: c).")
    def do_check(self, rest: str) -> None:
        self.say(str(self.stepper.check()))

    @command("status", "show the network, what you changed, and what is done to this neuron.")
    def do_status(self, rest: str) -> None:
        stepper = self.stepper
        optimizer = stepper.network.optimizer
        schedule = optimizer.learning_rate
        scheduled = ""
        if isinstance(schedule, Schedule):
            scheduled = f"\nschedule {schedule.key}, learning rate at most {number(schedule.rate, 6)}"
        done = stepper.live_neuron.interventions
        self.say(
            f"{wrapped(repr(stepper.network))}\n"
            f"optimizer {optimizer.key}, learning rate {number(optimizer.rate, 6)}, updates so far: {optimizer.t}"
            f"{scheduled}\n"
            f"{wrapped(stepper.live_neuron.describe(batch=False))}\n"
            f"{self._place()}"
            f"this neuron: {', '.join(done) or 'not ablated, clamped or frozen'}\n"
            f"{wrapped(self._to_undo())}"
            f"{chr(10) if stepper.undo_ends else ''}{wrapped(stepper.undo_ends)}"
        )

    def _to_undo(self) -> str:
        """Return the last changes that can be undone, the latest first, and the number of earlier ones."""
        changes = self.stepper.changes
        earlier = f" (and {len(changes) - 5} earlier)" if len(changes) > 5 else ""
        return (
            f"to undo{', latest first' if len(changes) > 1 else ''}: {', '.join(changes[:-6:-1]) or 'nothing'}{earlier}"
        )

    def _place(self) -> str:
        """Return a line with the present place of a filter; "" for other neurons."""
        here = self.stepper.neuron_trace
        if here.row is None:
            return ""
        seen = rows_and_columns(here.receptive_field)
        return wrapped(f"row {here.row}, column {here.column} of it depends on {seen} of the sample") + "\n"

    @command("plot [DIR]", "draw this neuron's story into a folder (short: p).")
    def do_plot(self, rest: str) -> None:
        if self.plot is None:
            raise NeurosimError(f"plot: this prompt cannot draw; start it with {command_line('step')}")
        try:
            self.say(f"wrote {self.plot(self.stepper, Path(rest or 'results'))}")
        except OSError as error:
            raise NeurosimError(f"plot: cannot write to {rest or 'results'}: {error.strerror or error}") from None

    # -- changing --------------------------------------------------------------------------------------------------

    @command("update", "apply the update that the walk shows: one step on this sample alone.")
    def do_update(self, rest: str) -> None:
        before = self.stepper.trace.loss
        after = self.stepper.update()
        self.say(wrapped(f"updated on sample {self.stepper.sample} alone: loss {arrow(before, after, 6)}"))

    @command("batch [N]", "train on the next N batches; undo takes back one batch at a time.")
    def do_batch(self, rest: str) -> None:
        count = self._numbers("batch [N]", rest, 0, 1)
        before = self.stepper.trace.loss
        losses = self.stepper.batch(*count)
        last = f", of the last {number(losses[-1], 6)}" if len(losses) > 1 else ""
        told = (
            f"{counted(len(losses), 'batch', 'batches')} of {self.stepper.batch_size}: loss "
            f"{'of the first ' if last else ''}{number(losses[0], 6)}{last}"
        )
        self.say(wrapped(f"{told}; {self._of_the_sample(before)}"))

    @command("epoch [N]", "train to the end of the epoch, N times; undo takes back one epoch at a time.")
    def do_epoch(self, rest: str) -> None:
        for _ in range(self._count("epoch [N]", rest)):
            before = self.stepper.trace.loss
            losses = self.stepper.epoch(verbose=True)
            told = f"{counted(len(losses), 'batch', 'batches')}, mean loss {number(np.mean(losses), 6)}"
            self.say(wrapped(f"{told}; {self._of_the_sample(before)}"))

    def _of_the_sample(self, before: float) -> str:
        """Describe the loss of the present sample, before and after."""
        return f"sample {self.stepper.sample}: loss {arrow(before, self.stepper.trace.loss, 6)}"

    @command("undo [N]", "take back the last change, or the last N changes, exactly (short: u).")
    def do_undo(self, rest: str) -> None:
        count = self._count("undo [N]", rest)
        for done in range(count):
            if done and not self.stepper.changes:
                self.say(wrapped(f"{counted(done, 'change')} undone; there is nothing more to undo"))
                break
            before = self.stepper.trace.loss
            self.say(wrapped(f"undone: {self.stepper.undo()}; {self._of_the_sample(before)}"))

    @command(
        "set weight I VALUE | bias VALUE | rate VALUE | activation NAME",
        "change this neuron, or the learning rate of the network. I is the number in the first column of weights. "
        "set activation none: use the layer's own again.",
    )
    def do_set(self, rest: str) -> None:
        stepper, words = self.stepper, rest.split()
        kind = words[0] if words else ""
        if kind == "weight" and len(words) >= 3:
            index = self._input(" ".join(words[1:-1]))
            value = self._value("weight", words[-1])
            self._change(lambda: stepper.set_weight(index, value), "weight", lambda: float(self._weight(index)))
            if stepper.neuron_trace.inputs[index] == 0.0:
                self.say(f"  the input of this weight is 0 {self._here()}: it does not change z")
        elif kind == "bias" and len(words) == 2:
            value = self._value("bias", words[1])
            self._change(lambda: stepper.set_bias(value), "bias", lambda: stepper.live_neuron.bias)
        elif kind == "rate" and len(words) == 2:
            value = self._value("learning rate", words[1])
            before = stepper.network.optimizer.rate
            stepper.set_rate(value)
            self.say(f"rate {arrow(before, stepper.network.optimizer.rate)}")
        elif kind == "activation" and len(words) == 2:
            name = None if words[1] == "none" else words[1]
            self._change(lambda: stepper.set_activation(name), "activation", lambda: stepper.live_neuron.activation.key)
        else:
            raise NeurosimError(
                "set: expected weight I VALUE, bias VALUE, rate VALUE or activation NAME, "
                f"received {repr(rest) if rest else 'nothing'}"
            )

    def _input(self, text: str) -> int:
        """Return the index of the input that a text names: by its number, or as the walk prints it."""
        now = self.stepper.neuron_trace
        named = {now.weight_name(i): i for i in range(len(now.weights))}
        return named[text] if text in named else self._numbers("set weight I VALUE", text, 1, 1)[0]

    def _here(self) -> str:
        """Return where a number of this neuron is true: in the sample, or at one place of a filter."""
        return "in this sample" if self.stepper.neuron_trace.row is None else "at this place"

    def _weight(self, index: int) -> float:
        """Return a weight of the present neuron; NaN if the index is out of range."""
        weights = self.stepper.live_neuron.weights
        return float(weights.flat[index]) if 0 <= index < weights.size else math.nan

    @command("freeze", "keep this neuron's weights and bias as they are while the others are trained.")
    def do_freeze(self, rest: str) -> None:
        self.say(f"{self.stepper.freeze()}: this neuron's weights and bias stay as they are")

    @command("unfreeze", "end freeze: train this neuron again.")
    def do_unfreeze(self, rest: str) -> None:
        self.say(f"{self.stepper.unfreeze()}: this neuron is trained again")

    @command(
        "ablate [mean]",
        "set this neuron's output to 0; ablate mean: to its mean over the first 1,000 samples (short: a).",
    )
    def do_ablate(self, rest: str) -> None:
        if rest not in ("", "mean"):
            raise NeurosimError(
                f"ablate: expected nothing or mean, received {rest!r}; for another output use clamp VALUE"
            )
        self._change(lambda: self.stepper.ablate(rest or 0.0))

    @command("clamp VALUE", "fix this neuron's output at VALUE.")
    def do_clamp(self, rest: str) -> None:
        if not rest:
            raise NeurosimError("clamp VALUE: expected a finite number, received nothing")
        value = self._value("clamp VALUE", rest)
        self._change(lambda: self.stepper.clamp(value))

    @command("restore", "end ablate or clamp.")
    def do_restore(self, rest: str) -> None:
        self._change(self.stepper.release)

    def _change(self, change: Callable[[], str], name: str = "", value: Callable[[], float | str] = lambda: "") -> None:
        """Change the network. Print the effect on the named value, on the neuron and on the sample."""
        stepper = self.stepper
        was, old = stepper.trace, stepper.neuron_trace
        before = value()
        what = change()
        now, new = stepper.trace, stepper.neuron_trace
        read = ":"
        if now.label is not None:
            named = stepper.network.class_name
            again = " (as before)" if now.prediction == was.prediction else f" (before: {named(was.prediction)})"
            read = f" is read as {named(now.prediction)}{again},"
        self.say(wrapped(f"{what}: sample {stepper.sample}{read} loss {arrow(was.loss, now.loss, 6)}"))
        told = [f"{name} {arrow(before, value())}"] if name else []
        told += [f"{name} {arrow(one, two)}" for name, one, two in (("z", old.z, new.z), ("a", old.a, new.a))]
        self.say(wrapped(f"  {', '.join(told)}", indent=2))

    # -- help, and leaving -----------------------------------------------------------------------------------------

    @command("word [TERM]", "explain a word, such as delta; word: list the words that can be explained.")
    def do_word(self, rest: str) -> None:
        hint = "the command word lists all words"
        self.say(explained(terms_in([rest], hint)) if rest else wrapped(", ".join(GLOSSARY)))

    @command("help [COMMAND]", "explain a command; help: list all commands (short: h).")
    def do_help(self, rest: str) -> None:
        names = [self.parseline(rest)[0] or ""] if rest else self.commands()
        if names[0] not in COMMANDS:
            self.default(rest)
        for name in names:
            self.say(wrapped("  {}: {}".format(*COMMANDS[name]), indent=6))
        if not rest:
            self.say("  Enter repeats the last command. Commands may be shortened: up for update.")

    @command("quit", "leave (short: q, or Ctrl-D).")
    def do_quit(self, rest: str) -> bool:
        if sys.stdin.isatty() and not self.echo:
            self.say("")
        return True

    def _count(self, usage: str, rest: str) -> int:
        """Read how often to repeat a command: at least once."""
        count = (self._numbers(usage, rest, 0, 1) or [1])[0]
        if count < 1:
            raise NeurosimError(f"{usage.split()[0]}: expected a whole number of at least 1, received {count}")
        return count

    def _value(self, name: str, word: str) -> float:
        """Read a finite number. A whole number stays whole, so that it is printed as it was typed."""
        value = check_value(name, word)
        return int(word) if word.lstrip("+-").isdecimal() else value

    def _numbers(self, usage: str, rest: str, low: int, high: int, apart: str | None = None) -> list[int]:
        """Read whole numbers from the rest of a line; `apart` is the same text with spaces between them.

        Raises:
            NeurosimError: there are too few or too many numbers, or one is not whole.
        """
        words = (apart or rest).split()
        try:
            numbers = [int(word) for word in words]
        except ValueError:
            numbers = []
        if not low <= len(numbers) <= high or len(numbers) != len(words):
            raise NeurosimError(f"expected {usage}, received {repr(rest) if rest else 'nothing'}")
        return numbers
