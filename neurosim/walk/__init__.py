"""The walk through one neuron: a trace of one sample, its stages, and the stepper that moves about in them."""

from .stages import STAGES, Row, Stage
from .stepper import Stepper
from .trace import NeuronTrace, Trace

__all__ = ["STAGES", "NeuronTrace", "Row", "Stage", "Stepper", "Trace"]
