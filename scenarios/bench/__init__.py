"""The speed of neurosim: the same work, done by neurosim and by the packages that a user would use instead.

- `cases`: the networks, and the computer
- `peers`: the competitors, each its own program; read this one if you wrote one of them
- `measure`: rounds, rests, calibration
- `store`: finished cases that are kept
- `inside`: measurements of neurosim alone: the cost of looking, of every variant, and the parts of a step
- `tables`: medians, quartiles, geometric means, and tables as text
- `command`: the command ``bench``
"""

from .inside import profile_step

__all__ = ["profile_step"]
