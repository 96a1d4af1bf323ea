"""The compiled engine: a network's training step as machine code, on the same live buffers as NumPy's.

It needs numba (``pip install neurosim[fast]``).  Activations, losses and update rules are not written again for it: the
readable rule of each is traced and becomes the body of a loop (`tracing`, `sources`); what goes along rows and columns
is in `blocks` and `sparse`; `machine` compiles each piece once and keeps it on the disk; `lines` puts the pieces of a
network into tables, which `program` has worked through, many steps in one call and by several threads (`table`).
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
VARIABLE = "NEUROSIM_ENGINE"  # what "auto" stands for, where it is set


@cache
def is_installed() -> bool:
    """Whether numba is there."""
    return find_spec("numba") is not None


def engine_in_force() -> str:
    """What "auto" stands for here: `NEUROSIM_ENGINE` if it is set, otherwise "compiled" where numba is installed."""
    named = os.environ.get(VARIABLE, "auto") or "auto"
    return named if named != "auto" else "compiled" if is_installed() else "numpy"


@contextmanager
def engine_is(name: str | None) -> Iterator[None]:
    """Within this, "auto" stands for `name`, in processes that are started, too; ``None``: for what it stood for."""
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
    """What runs a network's training steps.

    Args:
        wanted: "auto", "numpy" or "compiled".

    Attributes:
        wanted: the same.
        reason: why it is NumPy where a compiled step was wanted; "" otherwise.

    Raises:
        NeurosimError: another name, or "compiled" without numba.
    """

    def __init__(self, wanted: str) -> None:
        if wanted == "auto":
            wanted = os.environ.get(VARIABLE) or "auto"
        if wanted not in ENGINES:
            raise NeurosimError(f"engine, or {VARIABLE}: expected one of {', '.join(ENGINES)}, received {wanted!r}")
        if wanted == "compiled" and not is_installed():
            raise NeurosimError("engine: 'compiled' needs numba, which is missing; pip install neurosim[fast]")
        self.wanted = wanted
        self.reason = ""
        self._programs: dict[int, Program | None] = {}  # by batch size
        self._parts: Parts | None = None

    def program(self, network: Network) -> Program | None:
        """The compiled step for the batch that the workspaces are cut to; None where NumPy has to do it."""
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
        """Compile the step now, if it is one to be compiled, and not at the first batch."""
        if (program := self.program(network)) is not None:
            program.compile()

    def text(self, network: Network) -> str:
        """What runs the training steps, and why it is not what could be expected."""
        if self.program(network) is not None:
            return "compiled"
        return f"NumPy ({self.reason})" if self.reason else "NumPy"

    def _compile(self, network: Network) -> Program | None:
        try:
            with signals_wait():  # an import that Ctrl-C ends halfway cannot be begun again
                import numba  # noqa: F401  whether it can be: what is wrong in here is not for its being missing
        except (ImportError, OSError) as error:  # in surroundings that it cannot stand
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
