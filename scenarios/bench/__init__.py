"""How fast neurosim is: the same work, done by neurosim and by what a user would take instead.

- `cases`: what is trained, and on which computer
- `peers`: the competitors, each a program of its own; read this one if you wrote one of them
- `measure`: rounds, rests, calibration
- `store`: what is kept of finished cases
- `inside`: measurements of neurosim alone: the cost of looking, of every variant, and the parts of a step
- `tables`: medians, quartiles, geometric means, and tables as text
- `command`: what the command ``bench`` does
"""

from .inside import profile_step

__all__ = ["profile_step"]
