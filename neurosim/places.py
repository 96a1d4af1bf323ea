"""The folder in which neurosim keeps files that it may need again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder of downloads, compiled code and rescued files: `$NEUROSIM_HOME`, or ``~/.cache/neurosim``."""
    return Path(os.path.expanduser(os.environ.get("NEUROSIM_HOME") or "~/.cache/neurosim"))
