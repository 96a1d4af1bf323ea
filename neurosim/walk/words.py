"""The words of the walk: every title, formula, name and sentence, once, as data.

The tables are plain dictionaries of templates.  A template holds text and ``{names}`` in braces: no format codes and no
logic.  The code that fills a template decides how a number is written.  `neurosim.walk.stages` fills them for the
terminal, for notebooks and for figures; the page fills the same tables in JavaScript.  A line break in a reason marks a
place where a long line may be broken.

Each row of a stage has a *kind*, an entry of `ROWS`:

- ``role``: the part of the row in its stage, such as a term of a sum, a bias, a result or a note.
- ``formula``: the equation with names in braces, to be shown with the names or computed with the numbers.
- ``line``: the row as a line of text, with the row's ``{name}``, ``{value}``, ``{formula}`` and ``{substituted}``.
- ``caption``: the row under a picture, if it differs from the line.
"""

from __future__ import annotations

from . import filter_words, update_words

Table = dict[str, dict[str, str]]

STAGES: Table = {
    "inputs": {"phase": "forward", "title": "inputs", "heading": "{title}", "formula": "x"},
    "weighted_sum": {
        "phase": "forward",
        "title": "weighted sum",
        "heading": "{title}: {formula}",
        "formula": "z = Σ w x + b",
        "formula without bias": "z = Σ w x",
    },
    "activation": {
        "phase": "forward",
        "title": "activation",
        "heading": "{title}: {formula}",
        "formula": "a = {activation}(z)",
    },
    "output": {
        "phase": "forward",
        "title": "output and loss",
        "heading": "{title} of the network",
        "formula": "L = {formula of L}",
        "formula unknown": "L = {loss}(a, y)",
        "formula of a": "a",
    },
    "output_delta": {
        "phase": "backward",
        "title": "output delta",
        "heading": "{title}: dL/dz of the output layer",
        "formula": "delta = {rule}",
    },
    "downstream": {
        "phase": "backward",
        "title": "downstream sum",
        "heading": "{title}: {formula}",
        "formula": "dL/da = Σ w_k delta_k",
        "formula of output": "dL/da = {formula of dL/da}",
        "formula of output given": "dL/da, from the loss",
    },
    "derivative": {
        "phase": "backward",
        "title": "local derivative",
        "heading": "{title}: {formula}",
        "formula": "da/dz = f'(z)",
    },
    "delta": {"phase": "backward", "title": "delta", "heading": "{title}: dL/dz", "formula": "delta = {rule}"},
    "gradients": {
        "phase": "backward",
        "title": "weight gradients",
        "heading": "{title}: {formula}",
        "formula": "dL/dw = delta x, dL/db = delta",
        "formula without bias": "dL/dw = delta x",
        "formula with penalty": "dL/dw = delta x + penalty, dL/db = delta",
        "formula with penalty without bias": "dL/dw = delta x + penalty",
        "formula of filter": "dL/dw = Σ delta x, dL/db = Σ delta",
        "formula of filter without bias": "dL/dw = Σ delta x",
        "formula of filter with penalty": "dL/dw = Σ delta x + penalty, dL/db = Σ delta",
        "formula of filter with penalty without bias": "dL/dw = Σ delta x + penalty",
    },
    "update": {
        "phase": "update",
        "title": "update by {optimizer}",
        "heading": "{title}: θ ← θ - step",
        "formula": "{rule}",
    },
    "loss_after": {
        "phase": "update",
        "title": "the loss again",
        "heading": "{title}, after the update",
        "formula": "L(θ) -> L(θ - step)",
    },
}
"""The stages in their order: the pass to which each belongs, its title, the heading of its text, and its formula."""

PHASES = ("forward", "backward", "update")
"""The passes, in their order."""

RULES: Table = {
    "chain": {"text": "dL/da * f'(z)", "formula": "{dL/da} * {f'(z)}"},
    "difference": {"text": "a - y", "formula": "{a} - {y}"},
    "mean_difference": {"text": "(a - y) / n", "formula": "({a} - {y}) / {n}"},
    "jacobian": {
        "text": "Σ_k dL/da_k da_k/dz_j",
        "formula": "{a} * ({dL/da} - {Σ a dL/da})",
    },
    "gradient": {"text": "delta x"},
    "penalized gradient": {"text": "delta x + penalty"},
    "step": {"text": "θ ← θ - step"},
    "unknown": {"text": "Σ_k dL/da_k da_k/dz_j", "formula": ""},
} | filter_words.RULES
"""The rules by which a delta, or a gradient, is computed."""

ROWS: Table = {
    "inputs.sample.one": {"role": "note", "line": "one number from the sample, {low}"},
    "inputs.sample.many": {
        "role": "note",
        "line": "{count} numbers from the sample, {zero} of them zero, from {low} to {high}",
    },
    "inputs.layer.one": {"role": "note", "line": "one number from layer {layer}, {low}"},
    "inputs.layer.many": {
        "role": "note",
        "line": "{count} numbers from layer {layer}, {zero} of them zero, from {low} to {high}",
    },
    "inputs.standardized.one": {"role": "note", "line": "one feature, standardized: x = (feature - mean) / deviation"},
    "inputs.standardized.many": {
        "role": "note",
        "line": "{count} features of the sample, standardized: x = (feature - mean) / deviation;\n"
        "mean and standard deviation come from the training samples",
    },
    "inputs.feature": {
        "role": "feature",
        "formula": "({feature} - {mean}) / {deviation}",
        "line": "{name}  {substituted} = {value}",
    },
    "inputs.rest": {"role": "note", "line": "the rest is computed in the same way"},
    "weighted_sum.term": {
        "role": "term",
        "formula": "{w} * {x}",
        "line": "{name}  {substituted} = {value}",
    },
    "weighted_sum.bias": {"role": "bias", "line": "bias {value}"},
    "weighted_sum.result": {
        "role": "result",
        "formula": "{Σ w x} + {b}",
        "line": "z = {value}",
        "caption": "z = {formula} = {substituted} = {value}",
    },
    "weighted_sum.result without bias": {
        "role": "result",
        "formula": "{Σ w x}",
        "line": "z = {value}",
        "caption": "z = {formula} = {value}",
    },
    "activation.result": {
        "role": "result",
        "formula": "{activation}({z})",
        "line": "a = {substituted} = {value}",
    },
    "activation.log of sum": {
        "role": "note",
        "line": "S = ln Σ e^(z_k) = {S}, over the {count} neurons of the layer",
    },
    "activation.softmax": {
        "role": "result",
        "formula": "e^({z} - {S})",
        "line": "a = {formula} = {substituted} = {value}",
    },
    "activation.together": {
        "role": "result",
        "line": "a = {activation}(z of all {count} neurons of the layer) = {value}, with z = {z}",
    },
    "activation.forced": {"role": "result", "line": "a is forced to {forced}, whatever z is"},
    "output.layer": {"role": "note", "line": "{name}: {count} activations from {low} to {high}"},
    "output.class": {"role": "output", "line": "{name}: {output}"},
    "output.number": {"role": "output", "line": "{output}"},
    "output.read": {"role": "note", "line": "{verdict}; without a label there is no loss and no backward pass"},
    "output.loss": {"role": "note", "line": "{verdict}\nloss {loss}: L = {formula of L}"},
    "output.mean loss": {
        "role": "note",
        "line": "{verdict}\nloss {loss}: L = {formula of L}, the mean over the n = {n} outputs",
    },
    "output.smoothed": {
        "role": "note",
        "line": "label smoothing: y is {high} for the label and {low} for all others",
    },
    "output.term": {"role": "loss term", "formula": "", "line": "{name}: {substituted} = {value}"},
    "output.from z": {"role": "note", "line": "a is rounded to {dtype}: L comes from z, which loses fewer digits"},
    "output.result": {"role": "result", "line": "L = {L}", "caption": "{verdict}; L = {loss} = {L}"},
    "output.result without formula": {"role": "result", "line": "{verdict}; L = {loss} = {L}"},
    "output_delta.rule": {
        "role": "note",
        "line": "delta = {rule}   ({loss} on {activation})",
        "caption": "the backward pass starts at the output: delta = {rule} ({loss} on {activation})",
    },
    "output_delta.gradient": {
        "role": "output gradient",
        "line": "{name}: dL/da = {formula} = {substituted} = {value}",
    },
    "output_delta.given gradient": {"role": "output gradient", "line": "{name}: dL/da = {value}, from the loss"},
    "output_delta.output": {
        "role": "output delta",
        "line": "{name}: delta = {formula} = {substituted} = {value}",
    },
    "output_delta.unknown": {"role": "output delta", "line": "{name}: delta = {value}"},
    "downstream.over": {"role": "note", "line": "sum over the neurons of layer {layer}, {above}:"},
    "downstream.term": {
        "role": "term",
        "formula": "{w} * {delta}",
        "line": "{name}  {substituted} = {value}",
    },
    "downstream.slope": {
        "role": "slope above",
        "line": "w = dz/dx of that neuron, from its running statistics:\nw = {formula} = {substituted} = {value}",
    },
    "downstream.handed on": {
        "role": "slope above",
        "line": "w = {value}: layer {layer} is off in a walk and passes its input on unchanged",
    },
    "downstream.delta above": {
        "role": "delta above",
        "formula": "{dL/da} * {f'(z)}",
        "line": "delta_k of layer {layer} = dL/da_k * f'(z_k) = {substituted} = {value}",
    },
    "downstream.delta handed on": {"role": "delta above", "line": "delta_k of layer {layer} = dL/da_k = {value}"},
    "downstream.delta together": {
        "role": "delta above",
        "line": "delta_k of layer {layer} = {value}, from dL/da of the whole layer: its neurons share one {activation}",
    },
    "downstream.delta of the output": {
        "role": "delta above",
        "line": "delta_k = {value}: layer {layer} is the output layer, see stage output delta",
    },
    "downstream.over above": {
        "role": "note",
        "line": "dL/da_k of layer {below} = Σ w delta over the neurons of layer {layer}, {above}:",
    },
    "downstream.term above": {
        "role": "term above",
        "formula": "{w} * {delta}",
        "line": "  {name}  {substituted} = {value}",
    },
    "downstream.rest above.one": {"role": "rest above", "line": "  the other term is {value}"},
    "downstream.rest above.many": {"role": "rest above", "line": "  the other {count} terms sum to {value}"},
    "downstream.rest zero above.one": {"role": "rest above", "line": "  the only term is 0"},
    "downstream.rest zero above.many": {"role": "rest above", "line": "  all {count} terms are 0"},
    "downstream.sum above": {"role": "sum above", "line": "  dL/da_k of layer {below} = {value}"},
    "downstream.result": {
        "role": "result",
        "line": "dL/da = {value}",
        "caption": "dL/da = Σ w_k delta_k over the {above} of layer {layer} = {value}",
    },
    "downstream.output": {
        "role": "result",
        "line": "an output neuron has no layer above it: the loss gives\ndL/da = {formula} = {substituted} = {value}",
        "caption": "an output neuron has no layer above it: the loss gives dL/da = {value}",
    },
    "downstream.output given": {
        "role": "result",
        "line": "an output neuron has no layer above it: the loss gives dL/da = {value}",
    },
    "derivative.result": {
        "role": "result",
        "formula": "f'({z})",
        "line": "{substituted} = {value}",
        "caption": "{substituted} = {value}: the slope of the tangent at z = {z}",
    },
    "derivative.flat": {"role": "result", "formula": "f'({z})", "line": "{substituted} = {value}"},
    "derivative.forced": {"role": "result", "line": "da/dz = {value}, whatever z is"},
    "derivative.softmax": {
        "role": "result",
        "formula": "{a} * (1 - {a})",
        "line": "da/dz of the neuron itself = a (1 - a) = {substituted} = {value}",
        "caption": "da/dz of the neuron itself = {formula} = {substituted} = {value}",
    },
    "derivative.together": {"role": "result", "line": "da/dz of the neuron itself = {value}"},
    "delta.result": {"role": "result", "line": "delta = {formula} = {substituted} = {value}"},
    "delta.output": {"role": "result", "line": "delta = {formula} = {substituted} = {value}"},
    "delta.output of softmax": {
        "role": "result",
        "line": "delta = {formula} = {substituted} = {value}\nit is Σ_k dL/da_k da_k/dz_j, not dL/da_j f'(z_j) alone",
        "caption": "delta = {formula} = {substituted} = {value}",
    },
    "delta.output given": {"role": "result", "line": "delta = {value}, which is Σ_k dL/da_k da_k/dz_j"},
    "delta.shared": {
        "role": "result",
        "line": "delta = {value}, from dL/da of the whole layer: its neurons share one {activation}",
    },
    "gradients.term": {
        "role": "gradient",
        "formula": "{delta} * {x}",
        "line": "dL/dw of {name} = {substituted} = {value}",
    },
    "gradients.term with penalty": {
        "role": "gradient",
        "formula": "{delta} * {x} + {penalty}",
        "line": "dL/dw of {name} = {substituted} = {value}",
    },
    "gradients.bias": {"role": "bias", "line": "dL/db = {value}"},
    "gradients.result": {
        "role": "result",
        "line": "",
        "caption": "dL/dw = {rule}: {low} to {high}; dL/db = {dL/db}",
    },
    "gradients.result without bias": {"role": "result", "line": "", "caption": "dL/dw = {rule}: {low} to {high}"},
    "rest.one": {"role": "rest", "line": "the other term is {value}"},
    "rest.many": {"role": "rest", "line": "the other {count} terms sum to {value}"},
    "rest.zero.one": {"role": "rest", "line": "the only term is 0"},
    "rest.zero.many": {"role": "rest", "line": "all {count} terms are 0"},
    "rest.gradient.one": {"role": "rest", "line": "and {count} other"},
    "rest.gradient.many": {"role": "rest", "line": "and {count} others, {zero} of them zero"},
    **update_words.ROWS,
    **filter_words.ROWS,
}

JOINED: Table = {
    "output": {"line": "output: {items}", "between": ", "},
    "setting": {"line": "{items}", "between": ", "},
    "state": {"line": "  before: {items}", "between": ", "},
    "state of bias": {"line": "  before: {items}", "between": ", "},
}
"""The roles of rows that are written in one line."""

WHY: dict[str, str] = {
    "rule difference": "Why: dL/da_k = -y_k / a_k. For softmax, da_k/dz_j = a_k (1 - a_k) if k = j, "
    "else -a_k a_j. In Σ_k dL/da_k da_k/dz_j every a_k cancels. Because Σ y_k = 1, a_j - y_j is left.",
    "rule mean_difference": "Why: dL/da = (a - y) / (a (1 - a)) / n. For sigmoid, da/dz = a (1 - a), which cancels.",
    "rule chain": "Why: the chain rule. L changes with a at the rate dL/da, and a changes with z at the rate f'(z).",
    "rule jacobian": "Why: each z changes every a of softmax. Σ_k dL/da_k da_k/dz_j = a_j (dL/da_j - Σ_k a_k dL/da_k).",
    "rule unknown": "",
    "flat": "f is flat here: no gradient passes back through this neuron.",
    "forced": "a is forced: no gradient passes back through this neuron.",
    "together": "But each z of the layer changes every a:\ndelta is the sum over all of them, Σ_k dL/da_k da_k/dz_j.",
    "no term": "Every neuron above has delta 0: no gradient comes back.",
    "no weight": "Every weight to the layer above is 0: that layer does not depend on this neuron.",
    "no product": "In every term the weight or the delta is 0.",
    "terms cancel": "The terms cancel.",
    "no slope of the loss": "The slope of the loss at this output is 0.",
    "no slope, but shared": "The slope of the loss at this output is 0. But z also changes the other outputs, "
    "through {activation}.",
    "not in the loss, but shared": "L does not contain this output, because its y is 0. But z also changes the other "
    "outputs, through {activation}.",
    "delta is zero": "dL/da is 0: no gradient comes back. The neuron learns nothing from this sample.",
    "delta is stopped": "The slope is 0: no gradient reaches the weights.",
    "delta is forced": "The output is forced, whatever z is: no gradient reaches the weights.",
    "delta is too small": "The product is too small for {dtype} and becomes 0: no gradient reaches the weights.",
    "output is right": "The output equals its target: the neuron learns nothing from this sample.",
    "no gradient": "Every gradient is 0, because delta is 0.",
    "only penalty": "delta is 0: only the penalty is left in dL/dw.",
    "no input": "Every dL/dw is 0, because every input is 0. A bias has no input: dL/db is delta.",
    "no input without bias": "Every dL/dw is 0, because every input is 0.",
    "some inputs": "dL/dw is 0 for each input that is 0.",
    "delta is positive": "A smaller z would lower the loss.",
    "delta is negative": "A larger z would lower the loss.",
    "delta is lost": "delta is not a number: the training has diverged.",
    **update_words.WHY,
    **filter_words.WHY,
}
"""Reasons. Each is shown only if it is true of the numbers."""

NAMES: dict[str, str] = {
    "pixel": "pixel {row},{column}",
    "input": "input {i}",
    "neuron": "neuron {i}",
    "layer": "layer {layer}",
    "layer of kind": "layer {layer}, {kind}",
    "through": "{above}, through layer {layer}, {kind}",
    "class": "class {i}",
    "output": "output {i}",
    "number": "number {i}",
    "output of class": "output {i} ({class})",
    "weight": "w of {name}",
    "others": "the others",
    "neuron of layer": "layer {layer}, neuron {neuron} ({activation}), {sample}: {verdict}",
    "sample": "sample {i}",
    "some sample": "the sample",
    "first misread": "sample {i}: the first misread sample; the network misreads {count} of {all}",
    "read barely": "sample {i}: none of {all} samples is misread; this decision is the closest, {label} at {a} and "
    "{other} at {b}",
    "read barely, one output": "sample {i}: none of {all} samples is misread; this decision is the closest, at {a}",
    "verdict": "label {label}, read as {prediction}",
    "read as": "read as {prediction}",
    "largest a": "for this sample, this neuron has the largest |a| of the {count} in layer {layer}: {a}",
    "targets": "targets {items}",
    "more targets": "targets {items} …",
    "largest delta": "this neuron has the largest |delta| of the {count} in layer {layer}, {delta}: "
    "the loss depends most on its z",
    "largest delta of layer": "this neuron has the largest |delta| in layer {layer} for this sample",
    "largest a of layer": "this neuron has the largest |a| in layer {layer} for this sample",
    "no delta": "all {count} neurons of layer {layer} have delta 0 for this sample",
    "no delta of layer": "all neurons of layer {layer} have delta 0 for this sample",
} | filter_words.NAMES

DIGITS: dict[str, int] = {
    "low": 4, "high": 4, "output": 4, "a": 4, "y": 4, "L": 6, "L after": 6, "change": 3, "forced": 6, "rate": 6,
    "norm": 6,
}  # fmt: skip
"""Digits that a number of that name gets in a text; all other numbers get five."""

PLAIN = ("layer", "t")
"""Whole numbers that are not counts: no comma between thousands."""

SIGNED = ("change",)
"""Numbers that are written with a sign, also with a plus."""

IN_COLUMNS = ("term", "gradient", "term above", "share", "place")
"""The roles of rows whose numbers are aligned below each other, in ten columns with five digits."""

ALIGNED = ("term", "term above", "feature", "gradient", "share", "place")
"""The roles of rows that name one number each; their numbers are aligned below each other."""

SYMBOLS: dict[str, str] = {
    "theta": "θ", "grad": "g", "rate": "η", "beta1": "β₁", "beta2": "β₂", "epsilon": "ε", "rho": "ρ", "momentum": "μ",
    "weight_decay": "λ", "momentum_decay": "ψ",
}  # fmt: skip
"""The letter that an equation shows for each name of the code."""
