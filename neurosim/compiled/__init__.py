"""The compiled engine: a network's training step as machine code, on the same live buffers as NumPy's.

It needs numba (``pip install neurosim[fast]``).  A step becomes compiled code in four stages:

- `tracing` runs the readable rule of each activation, loss and optimizer once on symbols, and records its operations.
- `sources` writes each record as a *kernel*: a loop over the elements.  Kernels that work along rows and columns are
  written by hand (`blocks`, `sparse`); `windows` writes those of convolution and pooling.
- `machine` compiles each kernel once and keeps the machine code on the disk.
- `lines` puts the kernels of one network into tables, in the order of the step.  `program` runs these tables: many
  steps in one call, with several threads (`table`, `running`).

If a part of the network has no compiled form, NumPy runs the steps, and `Engine.reason` tells why.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ..errors import NeurosimError
from ..signals import signals_wait
from .parts import Feed, Parts

if TYPE_CHECKING:
    from .parts import Network
    from .program import Program

__all__ = ["ENGINES", "Engine", "Feed", "engine_in_force", "engine_is", "is_installed"]

ENGINES = ("auto", "numpy", "compiled")
MOST = 16  # batch sizes for which compiled steps are kept
VARIABLE = "NEUROSIM_ENGINE"  # the environment variable that sets the meaning of "auto"


@cache
def is_installed() -> bool:
    """Return whether numba is installed."""
    return find_spec("numba") is not None


def engine_in_force() -> str:
    """Return the engine that "auto" means here.

    It is `NEUROSIM_ENGINE` if that is set; otherwise "compiled" if numba is installed, else "numpy".
    """
    named = os.environ.get(VARIABLE, "auto") or "auto"
    return named if named != "auto" else "compiled" if is_installed() else "numpy"


@contextmanager
def engine_is(name: str | None) -> Iterator[None]:
    """Make "auto" mean `name` within this context, also in processes started there. None keeps its meaning."""
    before = os.environ.get(VARIABLE)
    if name is not None:
        os.environ[VARIABLE] = Engine(name).wanted
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before


class Engine:
    """The choice of what runs a network's training steps.

    Args:
        wanted: "auto", "numpy" or "compiled".

    Attributes:
        wanted: the same.
        reason: why NumPy runs the steps although compiled steps were wanted; "" otherwise.

    Raises:
        NeurosimError: the name is unknown, or it is "compiled" and numba is missing.
    """

    def __init__(self, wanted: str) -> None:
        if wanted == "auto":
            wanted = os.environ.get(VARIABLE) or "auto"
        if wanted not in ENGINES:
            raise NeurosimError(f"engine, or {VARIABLE}: expected one of {', '.join(ENGINES)}, received {wanted!r}")
        if wanted == "compiled" and not is_installed():
            raise NeurosimError("engine: 'compiled' needs numba, which is missing: pip install neurosim[fast]")
        self.wanted = wanted
        self.reason = ""
        self._programs: dict[int, Program | None] = {}  # by batch size
        self._parts: Parts | None = None

    def program(self, network: Network) -> Program | None:
        """Return the compiled step for the present batch size; None if NumPy runs the steps."""
        if self.wanted == "numpy" or not is_installed():
            return None
        batch_size = network.layers[0].batch_size
        if self._parts is None or not self._parts.are_the_same():
            self._parts, self._programs = Parts(network), {}
        if batch_size not in self._programs:
            if len(self._programs) >= MOST:
                self._programs.clear()
            self._programs[batch_size] = self._compile(network)
        return self._programs[batch_size]

    def compile(self, network: Network) -> None:
        """Compile the step now instead of at the first batch, if it can be compiled."""
        if (program := self.program(network)) is not None:
            program.compile()

    def text(self, network: Network) -> str:
        """Return what runs the training steps, with the reason if it is NumPy although compiled steps were wanted."""
        if self.program(network) is not None:
            return "compiled"
        return f"NumPy ({self.reason})" if self.reason else "NumPy"

    def _compile(self, network: Network) -> Program | None:
        try:
            with signals_wait():  # an import that Ctrl-C has interrupted cannot be repeated
                import numba  # noqa: F401  a test of the import: later errors have other causes
        except (ImportError, OSError) as error:  # numba is installed but does not work here
            self.reason = f"numba cannot be imported: {error}"
            return None
        with signals_wait():
            from .program import Program
            from .tracing import NotTraceable

        try:
            program = Program(network)
        except NotTraceable as error:
            self.reason = str(error)
            return None
        self.reason = ""
        return program

    def __getstate__(self) -> str:
        return self.wanted

    def __setstate__(self, wanted: str) -> None:
        self.__init__(wanted if is_installed() else "auto")  # type: ignore[misc]
