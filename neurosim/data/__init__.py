"""Data sets: `load` gives MNIST and its relatives, the built-in digits, or a user's own files.

Only NumPy is imported here; what downloading and unpacking need is imported where it is used.
"""

from .dataset import Dataset
from .digits import draw_digits
from .loading import NAMES, load
from .sources import Found, cache_folder, inspect_sources, search_path

__all__ = [
    "NAMES",
    "Dataset",
    "Found",
    "cache_folder",
    "draw_digits",
    "inspect_sources",
    "load",
    "search_path",
]
