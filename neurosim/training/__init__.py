"""Training: the loop, the hooks into it, and what is kept of a run."""

from .callbacks import Callback, EarlyStopping, GradientNorms
from .checkpoint import Checkpoint
from .history import History
from .loop import fit
from .settings import Settings

__all__ = ["Callback", "Checkpoint", "EarlyStopping", "GradientNorms", "History", "Settings", "fit"]
