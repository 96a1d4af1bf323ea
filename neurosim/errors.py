"""The errors that neurosim raises on purpose.

Each message says what was expected, what was received and what to do. The command line prints it as one line and exits
with status 2. Any other error that reaches the user is a defect of neurosim.
"""


class NeurosimError(ValueError):
    """A wrong name, number, shape or combination of settings."""


class NeurosimWarning(UserWarning):
    """Something that is allowed, but is probably a mistake of the user."""


class DataError(NeurosimError):
    """A data set that cannot be found, read, trusted or used."""


class WriteError(NeurosimError):
    """A file that cannot be written, as on a full disk."""


class ShapeError(NeurosimError):
    """An array whose shape does not fit its use."""


class OutOfRangeError(NeurosimError, IndexError):
    """A layer or a neuron that does not exist."""


class ArgumentError(NeurosimError, TypeError):
    """An argument that a function does not have."""
