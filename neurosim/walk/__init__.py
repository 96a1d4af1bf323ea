"""The walk through one neuron: a trace of one sample, its stages, and the stepper that moves about in them."""

from .stepper import STAGES, Stepper
from .trace import Trace

__all__ = ["STAGES", "Stepper", "Trace"]
