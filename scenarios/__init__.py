"""Experiments: one file a question. `SCENARIOS` maps their names to them, in the order of a course."""

from .protocol.base import Results, Run, Scenario, Variant
from .protocol.recorders import GradientNorms, Recorder, UnitHealth
from .protocol.runner import run_scenario
from .questions import (
    activations,
    architectures,
    augmentation,
    batch_sizes,
    dead_neurons,
    initializers,
    learning_rates,
    losses,
    neuron_life,
    normalization,
    optimizers,
    regularization,
    schedules,
    symmetry,
    vanishing_gradients,
)
from .report.report import redraw, write_report

SCENARIOS = {
    module.SCENARIO.name: module.SCENARIO
    for module in (
        activations,
        losses,
        optimizers,
        initializers,
        learning_rates,
        batch_sizes,
        architectures,
        regularization,
        normalization,
        vanishing_gradients,
        dead_neurons,
        schedules,
        augmentation,
        neuron_life,
        symmetry,
    )
}

__all__ = [
    "SCENARIOS",
    "GradientNorms",
    "Recorder",
    "Results",
    "Run",
    "Scenario",
    "UnitHealth",
    "Variant",
    "redraw",
    "run_scenario",
    "write_report",
]
