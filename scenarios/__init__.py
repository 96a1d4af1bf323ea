"""Experiments, one file per question. `SCENARIOS` maps their names to them, in the order of a course."""

from .protocol.recorders import GradientNorms, UnitHealth
from .protocol.results import Results
from .protocol.runner import run_scenario
from .protocol.scenario import Picture, Recorder, Run, Scenario, Variant
from .questions import (
    activations,
    architectures,
    augmentation,
    batch_sizes,
    convolution,
    dead_neurons,
    filters,
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
from .report.files import redraw, write_report
from .report.findings import all_findings

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
        convolution,
        neuron_life,
        filters,
        symmetry,
    )
}

__all__ = [
    "SCENARIOS",
    "GradientNorms",
    "Picture",
    "Recorder",
    "Results",
    "Run",
    "Scenario",
    "UnitHealth",
    "Variant",
    "all_findings",
    "redraw",
    "run_scenario",
    "write_report",
]
