"""The walk through one neuron: the trace of one sample, its stages, and the stepper that goes through them."""

from .neuron import NeuronTrace
from .rows import Row
from .stages import STAGES, Stage
from .stepper import Stepper
from .trace import Trace

__all__ = ["STAGES", "NeuronTrace", "Row", "Stage", "Stepper", "Trace"]
