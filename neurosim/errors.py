"""The errors that neurosim raises on purpose.

Each message says what was expected, what was received and what to do.  The command line prints
them as one line and exits with status 2; anything else that escapes is a defect of neurosim.
"""


class NeurosimError(ValueError):
    """A wrong name, number, shape or combination of settings."""


class NeurosimWarning(UserWarning):
    """Something that is done as asked, but is probably not what was meant."""


class DataError(NeurosimError):
    """A data set that cannot be found, read, trusted or used."""


class WriteError(NeurosimError):
    """A file that cannot be written, as on a full disk."""


class ShapeError(NeurosimError):
    """An array whose shape does not fit where it was put."""


class OutOfRangeError(NeurosimError, IndexError):
    """A layer or a neuron that does not exist."""


class ArgumentError(NeurosimError, TypeError):
    """An argument that a function does not have."""
