"""The networks that the benchmark trains, and a description of the machine it runs on."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from importlib import metadata
from importlib.util import find_spec
from typing import Any

import numpy as np

from neurosim import __version__
from neurosim.errors import NeurosimError
from neurosim.processors import core_count
from neurosim.registry import unknown

from .peers import has_engines, shapes

LEARNING_RATES = {"sgd": 0.1, "adam": 1e-3}
PEERS = {"torch": ("torch",), "sklearn": ("sklearn",), "jax": ("jax", "optax")}  # name -> the modules it needs
PACKAGES = {"torch": "torch", "sklearn": "scikit-learn", "jax": "jax", "optax": "optax"}  # module -> what pip calls it


@dataclass(frozen=True)
class Case:
    """One network, trained in one way: ReLU in between, softmax and cross-entropy at the end, float32.

    Args:
        widths: of the input and all dense layers, e.g. (784, 128, 64, 10).
        batch_size: samples per step.
        optimizer: "sgd" (without momentum) or "adam".
        steps: updates in one round; each round goes on with other rows of the data.
        conv: layers before the dense ones: (filters, kernel size) of a convolution, (size,) of a max pooling.
        title: the name of the network; its widths if none is given.
    """

    widths: tuple[int, ...]
    batch_size: int
    optimizer: str
    steps: int
    conv: tuple[tuple[int, ...], ...] = ()
    title: str = ""

    @property
    def name(self) -> str:
        """Return its name: ``784-128-64-10/64/sgd``."""
        return f"{self.title or '-'.join(map(str, self.widths))}/{self.batch_size}/{self.optimizer}"

    @property
    def learning_rate(self) -> float:
        """Return the learning rate, the same for all competitors; it has no influence on the time."""
        return LEARNING_RATES[self.optimizer]

    @property
    def parameter_count(self) -> int:
        """Return the number of parameters."""
        return sum(math.prod(shape) + shape[-1] for shape, _ in shapes(self.widths, self.conv))

    def with_steps(self, steps: int) -> Case:
        """Return the same with another number of steps per round."""
        return replace(self, steps=steps)


LENET = ((6, 5), (2,), (16, 5), (2,))  # the kernels of LeNet-5, with max pooling, as it is written today
DENSE = {
    case.name: case
    for case in (
        Case(widths, batch_size, optimizer, steps)
        for widths, batch_size, steps in (
            ((784, 128, 64, 10), 64, 400),
            ((784, 128, 64, 10), 32, 600),
            ((784, 128, 64, 10), 256, 120),
            ((784, 30, 10), 10, 2000),
            ((784, 800, 800, 10), 128, 24),
        )
        for optimizer in ("sgd", "adam")
    )
}
CONVOLUTIONAL = {
    case.name: case for case in (Case((784, 120, 84, 10), 64, name, 100, LENET, "lenet") for name in LEARNING_RATES)
}
CASES = DENSE | CONVOLUTIONAL
SMALL = ("784-128-64-10/64/sgd", "784-128-64-10/64/adam")
GROUPS = {"all": tuple(DENSE), "small": SMALL, "conv": tuple(CONVOLUTIONAL)}


def choose_cases(text: str) -> list[Case]:
    """Return the cases that ``--cases`` names: names of `GROUPS` or of cases, with commas between them.

    Raises:
        NeurosimError: no such case.
    """
    words = [word for word in text.split(",") if word]
    for word in words or [text]:
        if word not in GROUPS and word not in CASES:
            raise unknown("case", word, [*GROUPS, *CASES])
    return [CASES[name] for name in dict.fromkeys(name for word in words for name in GROUPS.get(word, (word,)))]


def choose_peers(text: str | None) -> list[str]:
    """Return the peers that ``--peers`` names; if it names none (``None``), those that are installed.

    Raises:
        NeurosimError: no such peer, or one that is not installed.
    """
    if text is None:
        return [name for name in PEERS if not missing_modules(name)]
    names = [name for name in text.split(",") if name not in ("", "none")]
    for name in names:
        if name not in PEERS:
            raise unknown("peer", name, ["none", *PEERS])
        missing = [PACKAGES[module] for module in missing_modules(name)]
        if missing:
            raise NeurosimError(f"--peers: {name} is not installed; install it with: pip install {' '.join(missing)}")
    return list(dict.fromkeys(names))


def choose_competitors(peers: list[str]) -> list[str]:
    """Return the floor, neurosim, its NumPy engine if its own row is the compiled one, and the peers."""
    return ["floor", "neurosim", *(["neurosim numpy"] if has_engines() else []), *peers]


def missing_modules(peer: str) -> list[str]:
    """Return the modules that a peer needs and that are not installed."""
    return [module for module in PEERS[peer] if find_spec(module) is None]


def thread_counts() -> list[int]:
    """Return the thread counts to try for each competitor: one, two, all."""
    return sorted({1, min(2, core_count()), core_count()})


def machine() -> dict[str, Any]:
    """Return everything that speed depends on: this computer, and the packages on it. JSON-ready."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cpu": cpu_model(),
        "cores": core_count(),
        "system": platform.platform(),
        "load": round(load, 2),
        "blas": blas(),
        "versions": {
            "python": platform.python_version(),
            "neurosim": __version__,
            "numpy": np.__version__,
            **_versions([*PACKAGES.values(), "jaxlib", "threadpoolctl"]),
        },
    }


def _versions(packages: Iterable[str]) -> dict[str, str]:
    """Return package -> version, of those that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def cpu_model() -> str:
    """Return the processor's own name."""
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def blas() -> list[dict[str, Any]]:
    """Return the libraries that multiply NumPy's matrices, with their threads; only the name of an unknown one."""
    from threadpoolctl import threadpool_info

    config: Any = np.show_config(mode="dicts")
    library = config["Build Dependencies"]["blas"]
    return [
        {
            "library": each["internal_api"],
            "version": each["version"],
            "threads": each["num_threads"],
            "architecture": each.get("architecture"),
        }
        for each in threadpool_info()
        if each["user_api"] == "blas"
    ] or [{"library": library["name"], "version": library["version"]}]
