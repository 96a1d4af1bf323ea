"""The words of the walk: every title, formula, name and sentence, once, as data.

A template holds ``{names}`` in braces and nothing else: no format codes and no logic.  Whoever fills it in decides how
a number looks; `neurosim.walk.stages` does it for the terminal, for notebooks and for figures, and a page in another
language may do it from the same tables, which are nothing but dictionaries of texts.  A line break in a reason is where
a long line may be broken.

A row of a stage is of a *kind*, an entry of `ROWS`:

    role     what the row is: a term of a sum, a bias, a result, a note …
    formula  the equation with names in braces; filled with the names it is read, filled with the numbers it is computed
    line     the row as a line of text; ``{name}``, ``{value}``, ``{formula}`` and ``{substituted}`` are the row's own
    caption  the same under a picture, where it differs
"""

from __future__ import annotations

from . import filter_words

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
        "heading": "through the layers above: {title}",
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
"""The stages in their order: the pass that they belong to, the title, the heading of the text, and the formula."""

PHASES = ("forward", "backward", "update")
"""The passes, in their order."""

RULES: Table = {
    "chain": {"text": "dL/da * f'(z)", "formula": "{dL/da} * {f'(z)}"},
    "difference": {"text": "a - y", "formula": "{a} - {y}"},
    "mean_difference": {"text": "(a - y) / n", "formula": "({a} - {y}) / {n}"},
    "jacobian": {
        "text": "Jᵀ dL/da, J the Jacobian of softmax",
        "formula": "{a} * ({dL/da} - {Σ a dL/da})",
    },
    "gradient": {"text": "delta x"},
    "penalized gradient": {"text": "delta x + penalty"},
    "step": {"text": "θ ← θ - step"},
    "unknown": {"text": "Jᵀ dL/da, J the Jacobian of the layer's function", "formula": ""},
} | filter_words.RULES
"""The ways in which a delta, or a gradient, follows."""

ROWS: Table = {
    "inputs.sample.one": {"role": "note", "line": "one number from the sample, {low}"},
    "inputs.sample.many": {
        "role": "note",
        "line": "{count} numbers from the sample, {nonzero} of them not zero, from {low} to {high}",
    },
    "inputs.layer.one": {"role": "note", "line": "one number from layer {layer}, {low}"},
    "inputs.layer.many": {
        "role": "note",
        "line": "{count} numbers from layer {layer}, {nonzero} of them not zero, from {low} to {high}",
    },
    "inputs.standardized.one": {"role": "note", "line": "one feature, standardized: x = (feature - mean) / deviation"},
    "inputs.standardized.many": {
        "role": "note",
        "line": "{count} features of the sample, standardized: x = (feature - mean) / deviation,\n"
        "with the feature's mean and standard deviation in the training samples",
    },
    "inputs.feature": {
        "role": "feature",
        "formula": "({feature} - {mean}) / {deviation}",
        "line": "{name}  {substituted} = {value}",
    },
    "inputs.rest": {"role": "note", "line": "likewise the rest"},
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
    "activation.softmax": {
        "role": "result",
        "formula": "e^({z} - {ln Σ e^z})",
        "line": "a = e^z / Σ e^z_k over the {count} neurons of the layer = {value}, with z = {z}",
        "caption": "a = {formula} = {substituted} = {value}",
    },
    "activation.together": {
        "role": "result",
        "line": "a = {activation}(z of all {count} neurons of the layer) = {value}, with z = {z}",
    },
    "activation.forced": {"role": "result", "line": "a is forced to {forced}, whatever z is"},
    "output.layer": {"role": "note", "line": "layer {layer}: {count} activations from {low} to {high}"},
    "output.class": {"role": "output", "line": "{name} {output}"},
    "output.number": {"role": "output", "line": "{output}"},
    "output.read": {"role": "note", "line": "{verdict}; without a label there is no loss, and no way back"},
    "output.loss": {"role": "note", "line": "{verdict}\nloss {loss}: L = {formula of L}"},
    "output.mean loss": {
        "role": "note",
        "line": "{verdict}\nloss {loss}: L = {formula of L}, the mean over the n = {n} outputs",
    },
    "output.smoothed": {
        "role": "note",
        "line": "label smoothing: it aims at y = {high} for the label, {low} for all others",
    },
    "output.term": {"role": "loss term", "formula": "", "line": "{name}: {substituted} = {value}"},
    "output.from z": {"role": "note", "line": "a is rounded to {dtype}: L was computed from z, where less is lost"},
    "output.result": {"role": "result", "line": "L = {L}", "caption": "{verdict}; L = {loss} = {L}"},
    "output.result without formula": {"role": "result", "line": "{verdict}; L = {loss} = {L}"},
    "output_delta.rule": {
        "role": "note",
        "line": "delta = {rule}   ({loss} on {activation})",
        "caption": "the way back starts at the output: delta = {rule} ({loss} on {activation})",
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
    "downstream.over": {"role": "note", "line": "over the neurons of layer {layer}, {above}:"},
    "downstream.term": {
        "role": "term",
        "formula": "{w} * {delta}",
        "line": "{name}  {substituted} = {value}",
    },
    "downstream.slope": {
        "role": "slope above",
        "line": "w = dz/dx of that neuron, by its running statistics:\nw = {formula} = {substituted} = {value}",
    },
    "downstream.handed on": {
        "role": "slope above",
        "line": "w = {value}: layer {layer} is off in a walk, and hands on what it gets",
    },
    "downstream.delta above": {
        "role": "delta above",
        "formula": "{dL/da} * {f'(z)}",
        "line": "its delta = dL/da * f'(z) = {substituted} = {value}, of layer {layer}",
    },
    "downstream.delta handed on": {"role": "delta above", "line": "its delta = dL/da = {value}, of layer {layer}"},
    "downstream.delta together": {
        "role": "delta above",
        "line": "its delta = {value}, from dL/da of the whole layer {layer}: its neurons share one {activation}",
    },
    "downstream.delta of the output": {
        "role": "delta above",
        "line": "its delta = {value}: layer {layer} is the output, see the output delta",
    },
    "downstream.over above": {
        "role": "note",
        "line": "its dL/da = Σ w_k delta_k over the neurons of layer {layer}, {above}:",
    },
    "downstream.term above": {
        "role": "term above",
        "formula": "{w} * {delta}",
        "line": "  {name}  {substituted} = {value}",
    },
    "downstream.rest above.one": {"role": "rest above", "line": "  the other {count} term comes to {value}"},
    "downstream.rest above.many": {"role": "rest above", "line": "  the other {count} terms sum to {value}"},
    "downstream.sum above": {"role": "sum above", "line": "  dL/da of layer {below} = {value}"},
    "downstream.result": {
        "role": "result",
        "line": "dL/da = {value}",
        "caption": "dL/da = Σ w_k delta_k over the {above} of layer {layer} = {value}",
    },
    "downstream.output": {
        "role": "result",
        "line": "an output neuron: nothing lies above it, the loss gives\ndL/da = {formula} = {substituted} = {value}",
        "caption": "an output neuron: nothing lies above it, the loss gives dL/da = {value}",
    },
    "downstream.output given": {
        "role": "result",
        "line": "an output neuron: nothing lies above it, the loss gives dL/da = {value}",
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
    "derivative.together": {
        "role": "result",
        "line": "da/dz of the neuron itself = {value}",
        "caption": "da/dz of the neuron itself = {value}",
    },
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
    "update.rate": {"role": "note", "line": "learning rate η = {rate}, update number t = {t}"},
    "update.rate of schedule": {
        "role": "note",
        "line": "learning rate η = {rate} (schedule {schedule}), update number t = {t}",
    },
    "update.setting": {"role": "setting", "line": "{name} = {value}"},
    "update.most": {"role": "note", "line": "the weight that moves most, {name}:"},
    "update.none": {"role": "note", "line": "no weight moves; one of them, {name}:"},
    "update.gradient": {
        "role": "gradient of it",
        "formula": "{delta} * {x}",
        "line": "  g = dL/dw = delta * x = {substituted} = {value}",
    },
    "update.gradient with penalty": {
        "role": "gradient of it",
        "formula": "{delta} * {x} + {penalty}",
        "line": "  g = dL/dw = delta * x + penalty = {substituted} = {value}",
    },
    "update.penalty": {"role": "gradient of it", "line": "  penalty = {formula} = {substituted} = {value}"},
    "update.gradient of bias": {"role": "gradient of it", "line": "  g = dL/db = {value}"},
    "update.clipped": {
        "role": "gradient of it",
        "formula": "{g} * {c} / ({norm} + 1e-06)",
        "line": "  the norm of the whole gradient is {norm}, above clip_norm = {c}:\n  g = {substituted} = {value}",
    },
    "update.state": {"role": "state", "line": "{name} = {value}"},
    "update.state of bias": {"role": "state of bias", "line": "{name} = {value}"},
    "update.term": {"role": "optimizer", "line": "  {name} = {formula}\n    = {substituted} = {value}"},
    "update.term of bias": {"role": "optimizer of bias", "line": "  {name} = {substituted} = {value}"},
    "update.given": {"role": "optimizer", "line": "  {name} = {value}"},
    "update.given of bias": {"role": "optimizer of bias", "line": "  {name} = {value}"},
    "update.weight": {"role": "change", "line": "  w: {substituted} = {value}"},
    "update.frozen": {"role": "change", "line": "  w: {value}, as before: the neuron is frozen"},
    "update.unasked": {"role": "note", "line": "  its gradient is 0, and yet it moves: {cause}"},
    "update.max_norm": {
        "role": "note",
        "line": "its weights would have a norm of {norm}: brought back to a norm of {bound}",
    },
    "update.within max_norm": {"role": "note", "line": "its weights have a norm of {norm}, within a norm of {bound}"},
    "update.intervention": {"role": "note", "line": "this neuron: {what}"},
    "update.the bias": {"role": "note", "line": "the bias likewise:"},
    "update.bias": {"role": "change", "line": "  b: {substituted} = {value}"},
    "update.frozen of bias": {"role": "change", "line": "  b: {value}, as before: the neuron is frozen"},
    "update.result": {
        "role": "result",
        "line": "{moved} of {count} weights move",
        "caption": "{moved} of {count} weights move, by up to {most}",
    },
    "loss_after.better": {
        "role": "result",
        "formula": "{L} + {change}",
        "line": "L = {L} -> {L after} ({change}, better), all neurons updated",
    },
    "loss_after.worse": {
        "role": "result",
        "formula": "{L} + {change}",
        "line": "L = {L} -> {L after} ({change}, worse), all neurons updated",
    },
    "loss_after.same": {
        "role": "result",
        "formula": "{L} + {change}",
        "line": "L = {L} -> {L after} ({change}, the same), all neurons updated",
    },
    "loss_after.lost": {
        "role": "result",
        "line": "L = {L} -> {L after} (no longer a number), all neurons updated",
    },
    "rest.one": {"role": "rest", "line": "the other {count} term comes to {value}"},
    "rest.many": {"role": "rest", "line": "the other {count} terms sum to {value}"},
    "rest.gradient.one": {"role": "rest", "line": "and {count} other, {zero} of them zero"},
    "rest.gradient.many": {"role": "rest", "line": "and {count} others, {zero} of them zero"},
} | filter_words.ROWS

JOINED: Table = {
    "output": {"line": "output: {items}", "between": ", "},
    "setting": {"line": "{items}", "between": ", "},
    "state": {"line": "  before: {items}", "between": ", "},
    "state of bias": {"line": "  before: {items}", "between": ", "},
}
"""Rows of these roles stand in one line."""

WHY: dict[str, str] = {
    "rule difference": "Why: dL/da_k = -y_k / a_k, and softmax has da_k/dz_j = a_k (1 - a_k) where k = j, "
    "else -a_k a_j. In Σ_k dL/da_k da_k/dz_j every a_k cancels, and Σ y_k = 1: a_j - y_j is left.",
    "rule mean_difference": "Why: dL/da = (a - y) / (a (1 - a)) / n, and sigmoid has da/dz = a (1 - a): it cancels.",
    "rule chain": "Why: the chain rule: L moves with a by dL/da, a moves with z by f'(z).",
    "rule jacobian": "Why: each z moves every a of softmax. Σ_k dL/da_k da_k/dz_j = a_j (dL/da_j - Σ_k a_k dL/da_k).",
    "rule unknown": "",
    "flat": "f is flat here: nothing passes back through this neuron.",
    "forced": "a is forced: nothing passes back through this neuron.",
    "together": "But z of each neuron of the layer\nmoves a of all: what counts is their sum, Jᵀ dL/da.",
    "no term": "Every neuron above has delta 0: nothing comes back.",
    "no weight": "Every weight to the layer above is 0: it hears nothing of this neuron.",
    "no product": "In every term the weight or the delta is 0.",
    "terms cancel": "The terms cancel.",
    "no slope of the loss": "The slope of the loss at this output is 0.",
    "delta is zero": "Nothing comes back: dL/da is 0. This sample teaches it nothing.",
    "delta is stopped": "The slope is zero: nothing gets through, no weight hears of it.",
    "delta is forced": "The output is forced, z has no say in it: nothing gets through, no weight hears of it.",
    "delta is too small": "The product is too small for a number of {dtype}: no weight hears of it.",
    "output is right": "The output is what it should be: this sample teaches it nothing.",
    "no gradient": "Every gradient is 0, because delta is 0.",
    "only penalty": "delta is 0: what is left of dL/dw is the penalty.",
    "no input": "Every dL/dw is 0, because every input is 0. A bias has no input: dL/db is delta.",
    "no input without bias": "Every dL/dw is 0, because every input is 0.",
    "some inputs": "dL/dw is 0 where the input is 0.",
    "delta is positive": "A smaller z would lower the loss.",
    "delta is negative": "A larger z would lower the loss.",
    "delta is lost": "Not a number: the run has diverged.",
    "memory.one": "{count} weight with zero gradient moved: momentum, kept in {state}.",
    "memory.many": "{count} weights with zero gradient moved: momentum, kept in {state}.",
    "decay.one": "{count} weight with zero gradient moved: weight decay does that.",
    "decay.many": "{count} weights with zero gradient moved: weight decay does that.",
    "memory and decay.one": "{count} weight with zero gradient moved: momentum, kept in {state}, and weight decay.",
    "memory and decay.many": "{count} weights with zero gradient moved: momentum, kept in {state}, and weight decay.",
    "rule.one": "{count} weight with zero gradient moved: the rule does that.",
    "rule.many": "{count} weights with zero gradient moved: the rule does that.",
    "moved by memory": "{state} still holds what earlier gradients left",
    "moved by decay": "weight decay takes a share of every weight",
    "moved by rule": "the rule moves it without one",
    "moved by norm": "the bound on the norm moves every weight",
    "and": ", and ",
    "norm.one": "{count} weight with zero gradient moved: the bound on the norm does that.",
    "norm.many": "{count} weights with zero gradient moved: the bound on the norm does that.",
    "loss is lost": "The loss is no longer a number.",
    "loss stays": "The update leaves the loss of this sample as it was.",
    "loss falls": "The update lowers the loss of this sample by {percent} %.",
    "loss falls to almost nothing": "The update lowers the loss of this sample by more than 99 %.",
    "loss rises": "The update raises the loss of this sample by {percent} %.",
    "loss rises far": "The update raises the loss of this sample.",
} | filter_words.WHY
"""Reasons, each true only where the numbers say so."""

NAMES: dict[str, str] = {
    "pixel": "pixel {row},{column}",
    "input": "input {i}",
    "neuron": "neuron {i}",
    "layer": "layer {layer}",
    "class": "class {i}",
    "output": "output {i}",
    "number": "number {i}",
    "output of class": "output {i} ({class})",
    "weight": "w of {name}",
    "others": "the others",
    "neuron of layer": "layer {layer}, neuron {neuron} ({activation}), {sample}: {verdict}",
    "sample": "sample {i}",
    "some sample": "the sample",
    "first misread": "sample {i}: of {all} samples the network reads {count} wrongly, this one first",
    "read barely": "sample {i}: the network reads all {all} right, this one most barely, {label} at {a} before {other} "
    "at {b}",
    "read barely, one output": "sample {i}: the network reads all {all} right, this one most barely, at {a}",
    "verdict": "label {label}, read as {prediction}",
    "read as": "read as {prediction}",
    "largest a": "of the {count} neurons of layer {layer} it has the largest |a|, {a}, for this sample",
    "targets": "targets {items}",
    "more targets": "targets {items} …",
    "largest delta": "of the {count} neurons of layer {layer} it has the largest |delta|, {delta}: a change of its z "
    "would change the loss most",
    "largest delta of layer": "of layer {layer} it has the largest |delta| for this sample",
    "largest a of layer": "of layer {layer} it has the largest |a| for this sample",
    "no delta": "all {count} neurons of layer {layer} have delta 0 for this sample",
    "no delta of layer": "all neurons of layer {layer} have delta 0 for this sample",
} | filter_words.NAMES

DIGITS: dict[str, int] = {
    "low": 4, "high": 4, "output": 4, "a": 4, "y": 4, "L": 6, "L after": 6, "change": 3, "forced": 6, "rate": 6,
    "norm": 6,
}  # fmt: skip
"""How many digits a number of that name gets in a text; the others get five."""

PLAIN = ("layer", "t")
"""Whole numbers that count nothing: no comma between thousands."""

SIGNED = ("change",)
"""Numbers with a sign, a plus too."""

IN_COLUMNS = ("term", "gradient", "term above", "share", "place")
"""Rows of these roles stand below each other: their numbers get ten columns and five digits."""

ALIGNED = ("term", "term above", "feature", "share", "place")
"""Rows of these roles begin with a name, and have their numbers below each other."""

SYMBOLS: dict[str, str] = {
    "theta": "θ", "grad": "g", "rate": "η", "beta1": "β₁", "beta2": "β₂", "epsilon": "ε", "rho": "ρ", "momentum": "μ",
    "weight_decay": "λ", "momentum_decay": "ψ",
}  # fmt: skip
"""The letters that stand in equations for what programs call by a name."""
