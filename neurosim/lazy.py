"""Public names of a package, imported at their first use, so that importing the package is quick.

The stub beside a package's ``__init__.py`` is the only list of its names. Type checkers and this module read it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from .registry import did_you_mean

Lazy = tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]


def public_names(package: str, file: str) -> Lazy:
    """Make the ``__getattr__``, ``__dir__`` and ``__all__`` of a package from the names of its stub.

    A public name must not be the name of a module with another meaning: once imported, the module would hide it.

    Args:
        package: the package's ``__name__``.
        file: the package's ``__file__``; the stub is beside it.
    """
    tree = ast.parse(Path(file).with_suffix(".pyi").read_text("utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    module_of = {each.name: node.module or "" for node in imports for each in node.names}  # "": a module itself
    everything = sorted(module_of)

    def get(name: str) -> Any:
        """Import a name, or a module of the package, at its first use."""
        if name not in module_of:
            hint = did_you_mean(name, everything)
            raise AttributeError(f"module {package!r} has no attribute {name!r}{hint}")
        if not module_of[name]:
            return import_module(f".{name}", package)
        value = getattr(import_module(f".{module_of[name]}", package), name)
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: sorted({*vars(sys.modules[package]), *module_of}), everything
