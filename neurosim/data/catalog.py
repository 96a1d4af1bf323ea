"""The published data sets: their names, their addresses and their checksums.

Checksums are SHA-256.  MNIST's are those of the uncompressed IDX files, so every compression and format passes.
For Fashion-MNIST and KMNIST we know only the checksums of the published ``.gz`` files (torchvision has the same).
These verify a download.  For unpacked files they can only show that the files are not MNIST's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PARTS = ("train-images", "train-labels", "t10k-images", "t10k-labels")
"""The four files of a data set, by the first words of their names."""

DIGIT_NAMES = tuple("0123456789")


@dataclass(frozen=True)
class Published:
    """A published data set.

    Args:
        name: Its name for `load`.
        folders: The names of subfolders in which other tools keep it.
        csv: Pairs of usual file names (train, test) of its CSV form.
        checksum_of: The form that the checksums belong to: the uncompressed file, or the published ``.gz``.
        checksums: SHA-256 of each of `PARTS`.
        class_names: The ten classes.
    """

    name: str
    folders: tuple[str, ...]
    csv: tuple[tuple[str, str], ...]
    checksum_of: Literal["idx", "gz"]
    checksums: dict[str, str]
    class_names: tuple[str, ...]


CATALOG = {
    published.name: published
    for published in (
        Published(
            name="mnist",
            folders=("mnist", "MNIST/raw", "MNIST"),
            csv=(("mnist_train.csv", "mnist_test.csv"), ("train.csv", "test.csv")),
            checksum_of="idx",
            checksums={
                "train-images": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "train-labels": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "t10k-images": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "t10k-labels": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            },
            class_names=DIGIT_NAMES,
        ),
        Published(
            name="fashion-mnist",
            folders=("fashion-mnist", "fashion_mnist", "fashion", "FashionMNIST/raw", "FashionMNIST"),
            csv=(("fashion-mnist_train.csv", "fashion-mnist_test.csv"),),
            checksum_of="gz",
            checksums={
                "train-images": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "train-labels": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                "t10k-images": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "t10k-labels": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            },
            class_names=(
                "T-shirt/top", "trouser", "pullover", "dress", "coat",
                "sandal", "shirt", "sneaker", "bag", "ankle boot",
            ),
        ),
        Published(
            name="kmnist",
            folders=("kmnist", "KMNIST/raw", "KMNIST"),
            csv=(),
            checksum_of="gz",
            checksums={
                "train-images": "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
                "train-labels": "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
                "t10k-images": "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
                "t10k-labels": "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
            },
            class_names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        ),
    )
}  # fmt: skip

MIRRORS: dict[str, tuple[str, ...]] = {
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
    "fashion-mnist": (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    "kmnist": ("https://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
}
"""The addresses to download each data set from, in this order; `$NEUROSIM_MIRROR` comes first."""


def file_stem(part: str) -> str:
    """Return the file name of a part: ``train-images`` -> ``train-images-idx3-ubyte``."""
    return f"{part}-idx{3 if part.endswith('images') else 1}-ubyte"
