"""Public names of a package, imported when they are first asked for, so that importing the package is quick.

The stub beside a package's ``__init__.py`` is the one list of its names: type checkers read it, and so does this.
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
    """What a package needs to hand out the names of its stub: its ``__getattr__``, ``__dir__`` and ``__all__``.

    A name must not be that of a module that defines another thing: once imported, the module would hide it.

    Args:
        package: its ``__name__``.
        file: its ``__file__``; the stub lies beside it.
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
