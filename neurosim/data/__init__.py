"""Data sets: `load` returns MNIST and its relatives, the built-in digits, or your own files; `TOYS` are 2-D points.

Only NumPy is imported here. The functions that download or unpack import what they need.
"""

from ..places import cache_folder
from .dataset import Dataset
from .digits import draw_digits
from .drawings import read_image
from .loading import NAMES, NOT_MNIST, load
from .sources import Found, inspect_sources, search_path
from .toys import TOYS, blobs, circles, moons, spirals, xor

__all__ = [
    "NAMES",
    "NOT_MNIST",
    "TOYS",
    "Dataset",
    "Found",
    "blobs",
    "cache_folder",
    "circles",
    "draw_digits",
    "inspect_sources",
    "load",
    "moons",
    "read_image",
    "search_path",
    "spirals",
    "xor",
]
