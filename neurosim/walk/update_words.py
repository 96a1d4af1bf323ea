"""The words of the walk about the update and the loss after it, as parts of the tables of `neurosim.walk.words`."""

from __future__ import annotations

ROWS: dict[str, dict[str, str]] = {
    "update.rate": {"role": "note", "line": "learning rate η = {rate}, update number t = {t}"},
    "update.rate of schedule": {
        "role": "note",
        "line": "learning rate η = {rate} (schedule {schedule}), update number t = {t}",
    },
    "update.setting": {"role": "setting", "line": "{name} = {value}"},
    "update.most": {"role": "note", "line": "the weight that moves most, {name}:"},
    "update.none": {"role": "note", "line": "no weight moves; an example, {name}:"},
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
        "line": "  the norm of the whole gradient is {norm}, above clip_norm = {c}:\n"
        "  g is scaled by clip_norm / (norm + 1e-06); 1e-06 avoids a division by 0\n"
        "  g = {substituted} = {value}",
    },
    "update.state": {"role": "state", "line": "{name} = {value}"},
    "update.state of bias": {"role": "state of bias", "line": "{name} = {value}"},
    "update.term": {"role": "optimizer", "line": "  {name} = {formula}\n    = {substituted} = {value}"},
    "update.term of bias": {"role": "optimizer of bias", "line": "  {name} = {substituted} = {value}"},
    "update.given": {"role": "optimizer", "line": "  {name} = {value}"},
    "update.given of bias": {"role": "optimizer of bias", "line": "  {name} = {value}"},
    "update.weight": {"role": "change", "line": "  w: {substituted} = {value}"},
    "update.frozen": {"role": "change", "line": "  w: {value}, unchanged: the neuron is frozen"},
    "update.unasked": {"role": "note", "line": "  its gradient is 0, but it moves: {cause}"},
    "update.max_norm": {
        "role": "note",
        "line": "its weights would have a norm of {norm}: the bound scales it down to {bound}",
    },
    "update.within max_norm": {"role": "note", "line": "its weights have a norm of {norm}, within the bound {bound}"},
    "update.intervention": {"role": "note", "line": "this neuron: {what}"},
    "update.the bias": {"role": "note", "line": "the bias in the same way:"},
    "update.bias": {"role": "change", "line": "  b: {substituted} = {value}"},
    "update.frozen of bias": {"role": "change", "line": "  b: {value}, unchanged: the neuron is frozen"},
    "update.result": {
        "role": "result",
        "line": "{moved} of {count} weights move",
        "caption": "{moved} of {count} weights move, by up to {most}",
    },
    "loss_after.better": {
        "role": "result",
        "formula": "{L} + {change}",
        "line": "L = {L} -> {L after} ({change}, better), after the update of the network",
    },
    "loss_after.worse": {
        "role": "result",
        "formula": "{L} + {change}",
        "line": "L = {L} -> {L after} ({change}, worse), after the update of the network",
    },
    "loss_after.same": {
        "role": "result",
        "formula": "{L} + {change}",
        "line": "L = {L} -> {L after} ({change}, the same), after the update of the network",
    },
    "loss_after.lost": {
        "role": "result",
        "line": "L = {L} -> {L after} (not a finite number), after the update of the network",
    },
}
"""The rows of the stages "update" and "loss_after"."""

WHY: dict[str, str] = {
    "memory.one": "{count} weight with zero gradient moves, because of momentum (kept in {state}).",
    "memory.many": "{count} weights with zero gradient move, because of momentum (kept in {state}).",
    "decay.one": "{count} weight with zero gradient moves, because of weight decay.",
    "decay.many": "{count} weights with zero gradient move, because of weight decay.",
    "memory and decay.one": "{count} weight with zero gradient moves, because of momentum (kept in {state}) and "
    "weight decay.",
    "memory and decay.many": "{count} weights with zero gradient move, because of momentum (kept in {state}) and "
    "weight decay.",
    "rule.one": "{count} weight with zero gradient moves, because of the update rule.",
    "rule.many": "{count} weights with zero gradient move, because of the update rule.",
    "moved by memory": "{state} still holds earlier gradients",
    "moved by decay": "weight decay shrinks every weight",
    "moved by rule": "the update rule moves it without a gradient",
    "moved by norm": "the bound on the norm scales every weight",
    "and": ", and ",
    "norm.one": "{count} weight with zero gradient moves, because of the bound on the norm.",
    "norm.many": "{count} weights with zero gradient move, because of the bound on the norm.",
    "loss is lost": "The loss is not a finite number.",
    "loss stays": "The update does not change the loss of this sample.",
    "loss falls": "The update lowers the loss of this sample by {percent} %.",
    "loss falls to almost nothing": "The update lowers the loss of this sample by more than 99 %.",
    "loss rises": "The update raises the loss of this sample by {percent} %.",
    "loss rises far": "The update raises the loss of this sample.",
}
"""Reasons why a weight moves without a gradient, and why the loss changes."""
