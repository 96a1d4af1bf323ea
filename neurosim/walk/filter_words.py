"""The words of the walk that only filters and images need, as parts of the tables of `neurosim.walk.words`."""

from __future__ import annotations

RULES: dict[str, dict[str, str]] = {
    "gradient of filter": {"text": "Σ delta x"},
    "penalized gradient of filter": {"text": "Σ delta x + penalty"},
}
"""The rules by which the gradient of a filter is computed."""

ROWS: dict[str, dict[str, str]] = {
    "inputs.patch of sample": {
        "role": "note",
        "line": "a patch of {size} x {size} pixels of the sample: {field}",
    },
    "inputs.patch of layer": {
        "role": "note",
        "line": "a patch of {size} x {size} places of layer {layer}, {below}: {field}\n"
        "it depends on {seen} of the sample",
        "caption": "a patch of {size} x {size} places of layer {layer}, {below}: {field}",
    },
    "inputs.patch.one": {"role": "note", "line": "one number, {low}"},
    "inputs.patch.many": {
        "role": "note",
        "line": "{count} numbers, {zero} of them zero, from {low} to {high}",
    },
    "inputs.patch outside": {
        "role": "note",
        "line": "{count} numbers, {zero} of them zero, from {low} to {high};\n"
        "{outside} lie outside of the image and are 0",
    },
    "downstream.over windows": {
        "role": "note",
        "line": "sum over the windows of layer {layer}, {above}, that contain this place:",
    },
    "downstream.over filters.one": {
        "role": "note",
        "line": "sum over the filters of layer {layer}, {above}, at the one place whose patch contains it:",
    },
    "downstream.over filters.many": {
        "role": "note",
        "line": "sum over the filters of layer {layer}, {above}, at the {places} places whose patch contains it:",
    },
    "downstream.won": {
        "role": "note",
        "line": "{indent}{name} passes this place on: {own} is the largest of its {count} numbers",
    },
    "downstream.won first": {
        "role": "note",
        "line": "{indent}{name} passes this place on: it is the first of {ties} places with the largest number, {own}",
    },
    "downstream.lost": {
        "role": "note",
        "line": "{indent}{name} does not pass this place on: {winner} at row {row}, column {column} "
        "is larger than {own}",
    },
    "downstream.lost to the first": {
        "role": "note",
        "line": "{indent}{name} does not pass this place on: {own} at row {row}, column {column} is as large "
        "and comes first",
    },
    "downstream.one of them": {"role": "note", "line": "the largest of them, {name}:"},
    "downstream.largest": {
        "role": "slope above",
        "line": "w = {value}: layer {layer} passes on only the largest number of each window",
    },
    "downstream.mean": {
        "role": "slope above",
        "line": "w = {formula} = {substituted} = {value}: layer {layer} passes on the mean of each window",
    },
    "downstream.over windows above": {
        "role": "note",
        "line": "dL/da_k of layer {below} = Σ w delta over the windows of layer {layer}, {above}, that contain "
        "this place:",
    },
    "downstream.over filters above.one": {
        "role": "note",
        "line": "dL/da_k of layer {below} = Σ w delta over the filters of layer {layer}, {above}, at the one place "
        "whose patch contains it:",
    },
    "downstream.over filters above.many": {
        "role": "note",
        "line": "dL/da_k of layer {below} = Σ w delta over the filters of layer {layer}, {above}, at the {places} "
        "places whose patch contains it:",
    },
    "gradients.share": {"role": "note", "line": "what this place adds to dL/dw, delta * x:"},
    "gradients.share of one": {
        "role": "share",
        "formula": "{delta} * {x}",
        "line": "{name}  {substituted} = {value}",
    },
    "gradients.other shares.one": {"role": "rest of shares", "line": "and {count} other"},
    "gradients.other shares.many": {"role": "rest of shares", "line": "and {count} others, {zero} of them zero"},
    "gradients.sum": {
        "role": "note",
        "line": "dL/dw is the sum of delta * x over all {places} places\n"
        "the largest dL/dw is that of the weight at {name}:",
    },
    "gradients.sum over one": {
        "role": "note",
        "line": "there is no other place, so this is dL/dw; the largest is",
    },
    "gradients.sum of nothing.one": {
        "role": "note",
        "line": "dL/dw is the sum of delta * x over all {places} places, and it is 0",
    },
    "gradients.sum of nothing.many": {
        "role": "note",
        "line": "dL/dw is the sum of delta * x over all {places} places: all {count} sums are 0",
    },
    "gradients.only penalty": {
        "role": "note",
        "line": "the largest dL/dw is that of the weight at {name}: delta * x is 0 at every place",
    },
    "gradients.place": {
        "role": "place",
        "formula": "{delta} * {x}",
        "line": "{name}  {substituted} = {value}",
    },
    "gradients.other places.one": {"role": "rest of places", "line": "the other place adds {value}"},
    "gradients.other places.many": {"role": "rest of places", "line": "the other {count} places sum to {value}"},
    "gradients.of filter": {
        "role": "gradient of filter",
        "formula": "{Σ delta x}",
        "line": "dL/dw of {name} = {value}",
    },
    "gradients.of filter with penalty": {
        "role": "gradient of filter",
        "formula": "{Σ delta x} + {penalty}",
        "line": "dL/dw of {name} = {formula} = {substituted} = {value}",
    },
    "gradients.bias of filter": {
        "role": "bias",
        "line": "dL/db = {value}, the sum of delta over all {places} places",
    },
    "update.gradient of filter": {
        "role": "gradient of it",
        "formula": "{Σ delta x}",
        "line": "  g = dL/dw = Σ delta x over the {places} places = {value}",
    },
    "update.gradient of filter with penalty": {
        "role": "gradient of it",
        "formula": "{Σ delta x} + {penalty}",
        "line": "  g = dL/dw = Σ delta x + penalty = {substituted} = {value}",
    },
}
"""The rows of a filter."""

WHY: dict[str, str] = {
    "no term here": "Everything above that depends on it has delta 0: no gradient comes back.",
    "no win": "No window passes it on: no gradient comes back.",
    "not looked at": "Nothing above depends on it: no gradient comes back.",
    "delta is zero here": "dL/da is 0: no gradient comes back to this place.",
    "no gradient of filter": "Every gradient is 0, because delta is 0 at every place.",
    "only penalty of filter": "delta is 0 at every place: only the penalty is left in dL/dw.",
    "no share": "delta is 0 here: this place adds nothing to dL/dw, but others do.",
    "no input here": "Every input is 0 here: this place adds only to dL/db.",
    "no input here without bias": "Every input is 0 here: this place adds nothing.",
}
"""Reasons that are true of one place among many."""

NAMES: dict[str, str] = {
    "filter": "filter {i}",
    "channel": "channel {i}",
    "channel at": "{channel} at {row},{column}",
    "outside": "outside of the image",
    "place": "place {row},{column}",
    "window": "window {row},{column}",
    "kernel": "kernel {row},{column}",
    "kernel on": "{kernel} on {channel}",
    "row": "row {first}",
    "rows": "rows {first} to {last}",
    "column": "column {first}",
    "columns": "columns {first} to {last}",
    "filter of layer": "layer {layer}, filter {neuron} at row {row}, column {column} ({activation}), {sample}: "
    "{verdict}",
    "largest a of places.one": "for this sample, this filter has the largest |a| of the {count} in layer {layer} "
    "(one place each): {a}",
    "largest a of places.many": "for this sample, this filter has the largest |a| of the {count} in layer {layer} "
    "({places} places each): {a} here",
    "largest delta of places.one": "this filter has the largest |delta| of the {count} in layer {layer} "
    "(one place each): {delta}. The loss depends most on its z.",
    "largest delta of places.many": "this filter has the largest |delta| of the {count} in layer {layer} "
    "({places} places each): {delta} here. The loss depends most on its z here.",
    "no delta of places.one": "all {count} filters of layer {layer} have delta 0 for this sample",
    "no delta of places.many": "all {count} filters of layer {layer} have delta 0 at every place for this sample",
    "only neuron": "this is the only neuron of layer {layer}",
    "only filter": "this is the only filter of layer {layer}; {place}",
    "largest delta of layer at a place": "this filter has the largest |delta| in layer {layer} at row {row}, "
    "column {column}",
    "largest a of layer at a place": "this filter has the largest |a| in layer {layer} at row {row}, column {column}",
    "no delta of layer at a place": "all filters of layer {layer} have delta 0 at row {row}, column {column}",
    "only place": "this is its only place",
    "place of delta": "of its {places} places, this one has the largest |delta|, {delta}",
    "place of a": "of its {places} places, this one has the largest |a|, {a}",
    "place without delta, by a": "delta is 0 at all {places} places; |a| is largest here, {a}",
}
"""The names of images and their parts."""
