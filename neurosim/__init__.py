"""neurosim: an object-oriented, neuron-level, educational simulator of neural networks on NumPy.

    import neurosim as ns

    train, test = ns.data.load("auto")
    net = ns.Network([ns.Input(784), ns.Dense(128, "relu"), ns.Dense(10, "softmax")], seed=0)
    net.fit(train.images, train.labels, epochs=5)
    net[1][17].weights  # one neuron of the first hidden layer, live

Every activation, loss, initializer, optimizer, schedule, regularizer and layer is a class here, and has a name in its
registry: ``ns.Adam`` is ``ns.OPTIMIZERS["adam"]``.  The stub beside this file lists all names; each is imported when it
is first asked for, so that importing neurosim is quick.
"""

import ast
from importlib import import_module
from pathlib import Path
from typing import Any

__version__ = "0.1.0"


def _public_names() -> dict[str, str]:
    """Name -> the module that it comes from, as the stub has it."""
    tree = ast.parse(Path(__file__).with_suffix(".pyi").read_text("utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return {each.name: node.module or "" for node in imports for each in node.names}


_MODULE_OF = _public_names()
__all__ = sorted(name for name, module in _MODULE_OF.items() if module or name == "data")


def __getattr__(name: str) -> Any:
    """Import a name, or a module of neurosim, at its first use."""
    module = _MODULE_OF.get(name)
    if module == "":
        return import_module(f".{name}", __name__)
    if module is not None:
        value = globals()[name] = getattr(import_module(f".{module}", __name__), name)
        return value
    from .registry import did_you_mean

    raise AttributeError(f"module 'neurosim' has no attribute {name!r}{did_you_mean(name, __all__)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
