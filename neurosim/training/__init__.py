"""Training: the loop, its callbacks, and the records of a run."""

from .batches import Batches
from .callbacks import Callback, EarlyStopping, GradientNorms, TrainingRun
from .checkpoint import Checkpoint
from .history import History
from .loop import fit
from .settings import Settings
from .snapshots import Snapshots

__all__ = [
    "Batches",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "GradientNorms",
    "History",
    "Settings",
    "Snapshots",
    "TrainingRun",
    "fit",
]
