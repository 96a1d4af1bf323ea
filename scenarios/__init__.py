"""Experiments: one file a question. `SCENARIOS` maps their names to them, in the order of a course."""

from . import activations, losses, optimizers
from .base import Results, Scenario, Variant
from .report import redraw, write_report
from .runner import run_scenario

SCENARIOS = {module.SCENARIO.name: module.SCENARIO for module in (activations, losses, optimizers)}

__all__ = ["SCENARIOS", "Results", "Scenario", "Variant", "redraw", "run_scenario", "write_report"]
