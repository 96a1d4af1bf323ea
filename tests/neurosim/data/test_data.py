import gzip
import io
import os
import pickle
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from data_files import csv_text, idx_bytes, publish, small_set, write_idx

from neurosim import data
from neurosim.data.arrays import read_npz
from neurosim.data.catalog import CATALOG, PARTS
from neurosim.data.columns import Reading
from neurosim.data.idx import idx_sha256, read_idx
from neurosim.data.tables import read_csv
from neurosim.errors import DataError, NeurosimError

REAL_MNIST = os.environ.get("NEUROSIM_DATA", "")


@pytest.fixture(autouse=True)
def nothing_but_tmp(tmp_path, monkeypatch):
    """Hide this machine's data, cache, proxy and internet from every test."""
    for name in ("NEUROSIM_DATA", "NEUROSIM_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NEUROSIM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NEUROSIM_OFFLINE", "1")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def mnist(monkeypatch):
    arrays = small_set()
    publish(monkeypatch, arrays)
    return arrays


def same(train, test, arrays):
    return all(
        np.array_equal(received, arrays[part])
        for part, received in zip(PARTS, (train.images, train.labels, test.images, test.labels), strict=True)
    )


def error_of(function, *args, **kwargs):
    with pytest.raises(DataError) as caught:
        function(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


# --- IDX -----------------------------------------------------------------------------------------

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
GOOD = idx_bytes(IMAGES)


@pytest.mark.parametrize("compress", [False, True])
def test_idx_round_trip(tmp_path, compress):
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(GOOD) if compress else GOOD)
    array = read_idx(path, 3)
    assert array.dtype == np.uint8
    assert np.array_equal(array, IMAGES)
    assert type(array) is np.ndarray


def header(*lengths, type_code=8, magic=b"\0\0"):
    return magic + bytes([type_code, len(lengths)]) + struct.pack(f">{len(lengths)}I", *lengths)


BAD_IDX = {
    "empty": (b"", "empty file"),
    "short magic": (b"\0\0\x08", "byte 0"),
    "short header": (GOOD[:10], "byte 10: the file ends inside its header"),
    "truncated": (GOOD[:-1], "2 x 3 x 4 = 24 values, received 23"),
    "no values": (GOOD[:16], "24 values, received 0"),
    "padded": (GOOD + b"\0", "24 values, received"),
    "wrong magic": (b"\x01" + GOOD[1:], "starting with 00 00, received 01 00 08 03"),
    "little-endian": (struct.pack("<4I", 2051, 2, 3, 4) + IMAGES.tobytes(), "received 03 08 00 00"),
    "float32": (header(2, 3, 4, type_code=0x0D) + bytes(96), "0x08 (uint8), received 0x0d (float32)"),
    "unknown type": (header(2, 3, 4, type_code=7) + bytes(24), "0x07 (not an IDX type)"),
    "labels": (idx_bytes(np.zeros(30, np.uint8)), "received 1: these are labels"),
    "four dimensions": (header(2, 3, 2, 2) + bytes(24), "3 dimension(s), received 4"),
    "no images": (header(0, 28, 28), "received 0 x 28 x 28"),
    "too many": (header(2**32 - 1, 28, 28) + bytes(24), "byte 4: expected 1 to"),
    "more than there are": (header(2**20, 28, 28) + bytes(24), "values, received 24"),
    "web page": (b"<!DOCTYPE html><html>...</html>", "web page"),
    "zip": (b"PK\x03\x04" + bytes(40), "zip archive"),
    "lfs pointer": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
}


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("name", BAD_IDX)
def test_bad_idx(tmp_path, name, compress):
    content, expected = BAD_IDX[name]
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(content) if compress else content)
    message = error_of(read_idx, path, 3)
    assert str(path) in message
    if not (compress and name in ("padded", "more than there are")):
        assert expected in message


@pytest.mark.parametrize("damage", ["cut", "bits", "crc", "two bytes", "junk after"])
def test_damaged_gzip(tmp_path, damage):
    packed = bytearray(gzip.compress(idx_bytes(np.random.default_rng(0).integers(0, 256, (50, 4, 4), np.uint8))))
    if damage == "cut":
        packed = packed[: len(packed) // 2]
    elif damage == "two bytes":
        packed = packed[:2]
    elif damage == "junk after":
        packed += b"junk"
    else:
        packed[-6 if damage == "crc" else 100] ^= 0xFF
    (tmp_path / "images.gz").write_bytes(packed)
    assert "images.gz" in error_of(read_idx, tmp_path / "images.gz", 3)


def test_gzip_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(GOOD)
        for _ in range(200):
            file.write(bytes(2**20))
    started = time.perf_counter()
    assert "24 values, received more" in error_of(read_idx, path, 3)
    assert time.perf_counter() - started < 0.2
    path.write_bytes(gzip.compress(header(2**20, 28, 28) + bytes(1000)))  # promises 800 MB, in 50 bytes
    assert "cannot contain so much" in error_of(read_idx, path, 3)


def test_idx_is_not_a_file(tmp_path):
    assert "received a folder" in error_of(read_idx, tmp_path, 3)
    assert "No such file" in error_of(read_idx, tmp_path / "none", 3)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        assert "device or pipe" in error_of(read_idx, tmp_path / "pipe", 3)


def test_checksum_is_that_of_the_published_file():
    import hashlib

    assert idx_sha256(IMAGES) == hashlib.sha256(GOOD).hexdigest()
    assert idx_sha256(IMAGES[:, ::2]) == hashlib.sha256(idx_bytes(IMAGES[:, ::2].copy())).hexdigest()


# --- CSV and npz ---------------------------------------------------------------------------------


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("with_header", [False, True])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_csv_in_its_dialects(tmp_path, line_end, with_header, mark):
    arrays = small_set()
    images, labels = arrays["train-images"], arrays["train-labels"]
    path = tmp_path / "a.csv"
    path.write_text(mark + csv_text(images, labels, with_header).replace("\n", line_end), "utf-8", newline="")
    received = read_csv(path)
    assert np.array_equal(received.x, images)
    assert np.array_equal(received.labels, labels)
    assert received.x.dtype == received.labels.dtype == np.uint8


BITS = ",".join("01" * 24 + "0")  # 49 numbers that are not labels


@pytest.mark.parametrize(
    ("text", "asked", "x", "labels"),
    [
        ("label,p0,p1,p2,p3\n3,1,2,3,4\n5,1,2,3,4\n", "", [[[1, 2], [3, 4]]] * 2, [3, 5]),
        ("3,1,2,3,4\n5,1,2,3,4\n", "first", [[1, 2, 3, 4]] * 2, [3, 5]),
        ("1,2,3,4\n5,6,7,8\n", "last", [[1, 2, 3], [5, 6, 7]], [4, 8]),
        ("p1,p2,p3,p4,class\n1,2,3,4,9\n", "", [[[1, 2], [3, 4]]], [9]),
        ("7,1,2,3\n", "first", [[1, 2, 3]], [7]),
        ("7,1,2\n", "2", [[7, 2]], [1]),
        ('"label","a"\n"7","255"\n', "", [[255]], [7]),
        ("\n7, 1 ,2,3,4\n\n", "first", [[1, 2, 3, 4]], [7]),
        ("Label,a,b,c,d\n7,1,2,3,4", "", [[1, 2, 3, 4]], [7]),
        ("a,b\n1,2\n", "b", [[1]], [2]),
        ("1;2\n3;4\n", "last", [[1], [3]], [2, 4]),
        ("1 2.5\n-3 4\n", "first", [[2.5], [4]], [1, -3]),
        ("1\t1e1\n3\t4\n", "first", [[10], [4]], [1, 3]),
        ("1,-1\n3,256\n", "first", [[-1], [256]], [1, 3]),
        ("1,99999999999999999999\n3,2\n", "first", [[1e20], [2]], [1, 3]),
        (f"4,{BITS}\n6,{BITS}\n", "first", [np.array(BITS.split(","), int).reshape(7, 7)] * 2, [4, 6]),
    ],
)
def test_csv_columns(tmp_path, text, asked, x, labels):
    path = tmp_path / "a.csv"
    path.write_text(text)
    read = read_csv(path, Reading(label_column=asked))
    assert np.array_equal(read.x, x)
    assert read.labels.tolist() == labels


BAD_CSV = {
    "empty": (b"", "a.csv: expected rows of numbers, received an empty file"),
    "blank": (b"\n\n", "no data"),
    "header only": (b"label,pixel0\n", "no data"),
    "word": (b"1,2,3,4,5\n1,2,x,4,5\n", "line 2, column 3: expected a number, received 'x'"),
    "word after header": (b"label,a\n1,2\n\n3,x\n", "line 4, column 2 (a): expected a number, received 'x'"),
    "negative": (b"label,pixel0,pixel1,pixel2,pixel3\n1,2,3,4,5\n1,-9,3,4,5\n", "at least two classes"),
    "huge": (b"label,a\n1,2\n1,1e999\n", "line 3, column 2 (a): expected a number, received '1e999'"),
    "missing": (b"1,2\n1,\n", "column 2: expected a number, received an empty cell. Use --missing mean (in Python"),
    "question mark": (b"label,a\n1,2\n0,?\n1,?\n", "line 3, column 2 (a): expected a number, received '?', which"),
    "no label": (b"label,a\n1,2\nNA,3\n", "line 3, column 1 (label): expected a label, received 'NA', which means"),
    "too few": (b"1,2,3\n1,2\n", "line 2: expected 3 columns as before, received 2"),
    "too many": (b"1,2\n1,2\n1,2,3\n", "line 3: expected 2 columns as before, received 3"),
    "not as header": (b"label,a,b\n1,2\n", "line 2: expected 3 columns as in the header, received 2"),
    "a name too few": (b"label,a\n3,1,2\n3,1,2\n4,5,6\n", "line 2: expected 2 columns as in the header, received 3"),
    "a header with a gap": (b",label,a\n1,7,2,4\n", "line 2: expected 3 columns as in the header, received 4"),
    "semicolons": (b"1;2\n3;x\n", "line 2, column 2: expected a number, received 'x'"),
    "two separators": (b"1,2\n3;4\n", "line 2: expected 2 columns as before, received 1"),
    "unclear": (b"1;2\n3;4\n", "2 columns and 2 rows. The labels could be column 1, with 2 different whole numbers"),
    "bytes": (b"1,2\n\xff\xfe,3\n", "line 2, column 1: expected a number, received"),
    "zeros": (bytes(50), "line 1: expected text as UTF-8"),
    "label only": (b"label\n3\n", "at least one pixel"),
    "pixels only": (b"pixel0,pixel1,pixel2,pixel3\n1,2,3,4\n", "received only pixels, from pixel0 to pixel3"),
    "pixels by place": (b"1x1,1x2,2x1,2x2\n0,1,1,0\n1,0,0,1\n", "received only pixels, from 1x1 to 2x2"),
    "web page": (b"<html>\n<body>\n", "line 1: expected rows of numbers, received a web page: download"),
    "Weka": (b"@RELATION iris\n@DATA\n1,2\n", "line 1: expected rows of numbers, received a file of Weka"),
    "JSON": (b'[{"a": 1}]\n', "line 1: expected rows of numbers, received JSON"),
    "workbook": (b"\xd0\xcf\x11\xe0" + bytes(50), "an Excel workbook: save it as CSV"),
    "a fraction or thousands": (b"a;label\n1,234;0\n2,345;1\n", "column 1: expected a number, received 1,234. The"),
    "both": (b"a;b;label\n1,5;1.234;0\n2,5;1.5;1\n", "line 2, column 2: expected a decimal comma as in other cells"),
    "a novel": (b"label,a\n1," + b"x" * 201 + b"\n", "column 2: expected a number or a name, received a text of 201"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_CSV)
def test_bad_csv(tmp_path, name):
    content, expected = BAD_CSV[name]
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    message = error_of(read_csv if name != "negative" else data.load, path)
    assert str(path) in message
    assert expected in message


def test_npz(tmp_path):
    arrays = small_set()
    stored = {
        "x_train": arrays["train-images"].reshape(60, 64).astype(np.int64),
        "y_train": arrays["train-labels"],
    }
    np.savez(tmp_path / "own.npz", **stored)
    read = read_npz(tmp_path / "own.npz")
    assert np.array_equal(read["x_train"], arrays["train-images"])
    assert read["x_train"].dtype == np.uint8
    for half in ({}, {"x_test": arrays["t10k-images"]}, {"y_test": arrays["t10k-labels"]}):
        np.savez(tmp_path / "own.npz", **stored, **half)
        train, test = data.load(tmp_path / "own.npz")
        assert (len(train), len(test)) == (50, 10)


SIX = np.arange(24).reshape(6, 2, 2)
TWO = np.arange(6) % 2


@pytest.mark.parametrize(
    ("x", "y", "read_x", "dtype", "read_y", "names"),
    [
        (SIX / 24, TWO, SIX / 24, "float64", TWO, "01"),
        (SIX * 300, TWO, SIX * 300, "int64", TWO, "01"),
        (SIX - 9, TWO, SIX - 9, "int64", TWO, "01"),
        (SIX % 2 == 0, TWO, SIX % 2 == 0, "uint8", TWO, "01"),
        (np.ones((6, 2, 2, 3), int) * 7, TWO, np.ones((6, 2, 2, 3)) * 7, "uint8", TWO, "01"),
        (SIX.reshape(6, 4), TWO, SIX.reshape(6, 4), "int64", TWO, "01"),
        (SIX, TWO[:, None], SIX, "uint8", TWO, "01"),
        (SIX, np.eye(2)[TWO], SIX, "uint8", TWO, "01"),
        (SIX, TWO.astype(float), SIX, "uint8", TWO, "01"),
        (SIX, TWO == 1, SIX, "uint8", TWO, "01"),
        (SIX, 2 * TWO - 1, SIX, "uint8", TWO, ("-1", "1")),
        (SIX, TWO + 2**53, SIX, "uint8", TWO, ("9007199254740992", "9007199254740993")),
        (SIX, np.array(["yes", "no"])[TWO], SIX, "uint8", 1 - TWO, ("no", "yes")),
        (SIX, TWO * 5 + 3, SIX, "uint8", TWO, "38"),
        (SIX, TWO + 1, SIX, "uint8", TWO + 1, "012"),
    ],
)
def test_npz_of_every_type(tmp_path, x, y, read_x, dtype, read_y, names):
    np.savez(tmp_path / "own.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    for part in data.load(tmp_path / "own.npz"):
        assert np.array_equal(part.x, read_x) and part.x.dtype == dtype
        assert part.labels.tolist() == np.asarray(read_y).tolist()
        assert part.class_names == tuple(names)


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"x": np.zeros(3)}, "x_train and y_train, received x"),
        ({"x_train": np.zeros(2), "y_train": np.zeros(2, int)}, "x_train: expected images (N, height, width) or rows"),
        ({"x_train": np.zeros((2, 2, 2, 3, 1)), "y_train": np.zeros(2, int)}, "shape (2, 2, 2, 3, 1)"),
        ({"x_train": np.zeros((2, 2, 2), complex), "y_train": np.zeros(2, int)}, "neither numbers nor text"),
        ({"x_train": np.zeros((2, 2, 2), int), "y_train": np.zeros((2, 2), int)}, "y_train: expected labels (N,)"),
        ({"x_train": np.zeros((2, 2, 2), int), "y_train": np.array([0, np.nan])}, "y_train: expected a label for each"),
        ({"x_train": np.zeros((2, 2, 2), int), "y_train": np.array(["a", " "])}, "received an empty text"),
        (
            {"x_train": np.zeros((2, 2, 2), int), "y_train": np.array([97, 2**31], np.uint32).view("U1")},
            "received invalid characters",
        ),
        ({"x_train": np.zeros((0, 2, 2), int), "y_train": np.zeros(0, int)}, "received nothing"),
        ({"x_train": np.array([None]), "y_train": np.zeros(2, int)}, "plain arrays"),
    ],
)  # fmt: skip
def test_bad_npz(tmp_path, arrays, expected):
    np.savez(tmp_path / "own.npz", **arrays)
    assert expected in error_of(read_npz, tmp_path / "own.npz")


def test_npz_that_is_none(tmp_path):
    for content in (b"", b"PK\x03\x04junk", b"hello"):
        (tmp_path / "own.npz").write_bytes(content)
        assert "own.npz" in error_of(read_npz, tmp_path / "own.npz")


# --- Dataset -------------------------------------------------------------------------------------


def dataset(labels, **kwargs):
    labels = np.asarray(labels, np.uint8)
    images = np.arange(len(labels) * 4, dtype=np.uint32).astype(np.uint8).reshape(-1, 2, 2)
    names = tuple(str(i) for i in range(10))
    return data.Dataset(images, labels, "own", "train", "nowhere", names, **kwargs)


def test_dataset_says_what_it_is():
    small = dataset([0, 1, 1], note="be careful")
    assert len(small) == 3
    assert repr(small) == "<Dataset own train: 3 images of 2x2, 10 classes>"
    for words in (
        "own, train: 3 images of 2 x 2",
        "0 to 2 images each",
        small.sha256,
        "nowhere",
        "be careful",
    ):
        assert words in small.describe()
    assert small.sha256 == idx_sha256(small.images, small.labels)


def test_dataset_is_read_only_and_leaves_the_given_array_alone():
    images = np.zeros((1, 2, 2), np.uint8)
    small = data.Dataset(images, np.zeros(1, np.uint8), "own", "train", "nowhere", ("0",))
    with pytest.raises(ValueError, match="read-only"):
        small.images[0] = 1
    images[0] = 1
    assert np.array_equal(pickle.loads(pickle.dumps(small)).images, small.images)


@pytest.mark.parametrize(
    ("images", "labels", "expected"),
    [
        (np.full((2, 2, 2), "a"), np.zeros(2, np.uint8), "expected images (N, height, width)"),
        (np.zeros(2), np.zeros(2, np.uint8), "or rows (N, features), of numbers, received float64 of shape (2,)"),
        (np.zeros((2, 2, 2, 2, 2)), np.zeros(2, np.uint8), "received float64 of shape (2, 2, 2, 2, 2)"),
        (np.zeros((2, 2, 2), np.uint8), np.zeros(2), "labels: expected integer labels (N,)"),
        (np.zeros((2, 2, 2), np.uint8), np.zeros((2, 3, 1), int), "labels: expected integer labels (N,)"),
        (np.zeros((2, 2, 2), np.uint8), np.zeros(3, np.uint8), "received 2 samples and 3 labels"),
        (np.zeros((0, 2, 2), np.uint8), np.zeros(0, np.uint8), "received 0 samples"),
        (np.zeros((2, 2, 2), np.uint8), np.full(2, -1), "labels from 0 to 2, received -1"),
        (np.zeros((2, 2, 2), np.uint8), np.full(2, 3, np.uint8), "labels from 0 to 2, received 3"),
    ],
)
def test_dataset_refuses(images, labels, expected):
    assert expected in error_of(data.Dataset, images, labels, "own", "train", "nowhere", ("a", "b", "c"))


@pytest.mark.parametrize("seed", [None, 3])
def test_subset_is_stratified_nested_and_deterministic(seed):
    full = dataset(np.repeat([0, 1, 2], [600, 300, 100]))
    sizes = [10, 50, 500, 1000]
    parts = [full.subset(count, seed=seed) for count in sizes]
    for part, count in zip(parts, sizes, strict=True):
        assert len(part) == count
        assert np.abs(np.bincount(part.labels, minlength=3) - np.array([0.6, 0.3, 0.1]) * count).max() <= 1
        assert part.sha256 == full.subset(count, seed=seed).sha256
    small, large = (
        {bytes(image) + bytes([label]) for image, label in zip(part.images, part.labels, strict=True)}
        for part in parts[1:3]
    )
    assert small <= large
    assert parts[-1].sha256 == full.sha256


def test_subset_with_another_seed_is_another():
    full = dataset(np.arange(200) % 10)
    assert len({full.subset(50, seed=seed).sha256 for seed in (None, 0, 1)}) == 3


@pytest.mark.parametrize("size", [20, 0.1])
@pytest.mark.parametrize("rng", [None, 5])
def test_hold_out(size, rng):
    full = dataset(np.arange(200) % 10)
    rest, held = full.hold_out(size, rng and np.random.default_rng(rng))
    assert (len(rest), len(held)) == (180, 20)
    assert (rest.split, held.split) == ("train", "validation")
    assert np.bincount(held.labels).tolist() == [2] * 10
    rows = np.concatenate([rest.images, held.images]).reshape(200, -1)
    assert np.array_equal(np.sort(rows, axis=0), np.sort(full.images.reshape(200, -1), axis=0))


@pytest.mark.parametrize("count", [0, -1, 201])
def test_impossible_parts(count):
    full = dataset(np.arange(200) % 10)
    assert "1 to 200 samples" in error_of(full.subset, count)
    assert "200 samples" in error_of(full.hold_out, count or 200)


# --- load: digits, names -------------------------------------------------------------------------


def test_digits():
    train, test = data.load("digits")
    assert (len(train), len(test)) == (10_000, 2_000)
    assert train.images.shape[1:] == (28, 28)
    assert train.source == "drawn by neurosim, seed 0"
    assert (train.split, test.split, train.note) == ("train", "test", "")
    images, labels = data.draw_digits(12_000, seed=0)
    assert np.array_equal(test.images, images[10_000:])
    assert np.array_equal(train.labels, labels[:10_000])


@pytest.mark.parametrize("name", ["minst", "MNIST", "fashion_mnist", "digit", "./nowhere", "", "no\0where"])
def test_unknown_name(name):
    message = error_of(data.load, name)
    assert all(choice in message for choice in data.NAMES)
    assert ("did you mean" in message) == (name not in ("./nowhere", "", "no\0where"))
    assert f"there is no file or folder {name!r}" in message
    assert issubclass(DataError, NeurosimError)


def test_a_number_is_no_name():
    assert error_of(data.load, 3) == "expected the name or the path of a data set, received an object of type int"


def test_unknown_folder():
    assert "nowhere" in error_of(data.load, "mnist", folder="nowhere")


def test_auto_falls_back_and_says_so():
    train, test = data.load("auto")
    assert train.name == "digits"
    assert train.note == test.note
    assert train.note.startswith("NOT MNIST")
    assert "downloads are off" in train.note
    assert data.load("digits")[0].note == ""


def test_mnist_offline_says_where_it_looked(tmp_path):
    message = error_of(data.load, "mnist")
    assert str(tmp_path / "here" / "data") in message
    assert str(tmp_path / "home") in message


# --- load: where and in which form ---------------------------------------------------------------

SPELLINGS = {
    "plain": "{stem}",
    "nested": "{stem}/{stem}",
    "gz": "{stem}.gz",
    "subfolder": "mnist/{stem}",
    "torchvision": "MNIST/raw/{stem}",
}


@pytest.mark.parametrize("dots", [False, True])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_mnist_is_found_in_every_spelling(mnist, spelling, dots):
    for part, array in mnist.items():
        name = SPELLINGS[spelling]
        stem = f"{part}{'.' if dots else '-'}idx{array.ndim}-ubyte"
        path = data.search_path()[0] / name.format(stem=stem)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(idx_bytes(array)) if spelling == "gz" else idx_bytes(array))
    for name in ("mnist", "auto"):
        train, test = data.load(name)
        assert same(train, test, mnist)
        assert (train.name, train.note, len(train.class_names)) == ("mnist", "", 10)


@pytest.mark.parametrize("with_header", [False, True])
def test_mnist_as_csv_and_npz(mnist, tmp_path, with_header):
    folder = tmp_path / "here"
    (folder / "mnist_train.csv").write_text(csv_text(mnist["train-images"], mnist["train-labels"], with_header))
    (folder / "mnist_test.csv").write_text(csv_text(mnist["t10k-images"], mnist["t10k-labels"], with_header))
    train, test = data.load("mnist")
    assert same(train, test, mnist)
    assert train.sha256 == idx_sha256(mnist["train-images"], mnist["train-labels"])
    names = ("x_train", "y_train", "x_test", "y_test")
    np.savez(folder / "mnist.npz", **dict(zip(names, (mnist[part] for part in PARTS), strict=True)))
    assert data.load("mnist")[0].source.endswith("mnist.npz")


def kaggle(folder, arrays):
    folder.mkdir(exist_ok=True)
    (folder / "train.csv").write_text(csv_text(arrays["train-images"], arrays["train-labels"], header=True))
    (folder / "test.csv").write_text(csv_text(arrays["t10k-images"], header=True))
    (folder / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")


def test_kaggle_competition(mnist, tmp_path):
    kaggle(tmp_path / "here" / "data", small_set(seed=7))  # Kaggle's images are another choice, with another checksum
    for name in ("mnist", tmp_path / "here" / "data"):
        train, test = data.load(name)
        assert (len(train), len(test)) == (50, 10)
        assert test.split == "test"
        assert "10 of the training images are held out" in train.note
        assert np.bincount(test.labels).tolist() == [1] * 10
        assert data.load(name)[1].sha256 == test.sha256
    assert data.load("mnist")[0].name == "mnist"
    assert data.load(tmp_path / "here" / "data")[0].name == "data"
    assert [found.verified for found in data.inspect_sources()] == [None, None, False, False]


def test_another_competitions_train_csv_is_passed_over(tmp_path):
    (tmp_path / "here" / "train.csv").write_text("PassengerId,Survived,Name\n1,0,Braund\n")
    assert data.load("auto")[0].name == "digits"
    assert data.inspect_sources() == []


def test_search_order(mnist, tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROSIM_DATA", str(tmp_path / "env"))
    folders = [tmp_path / name for name in ("given", "env", "here/data", "here", "home")]
    given = tmp_path / "given"
    given.mkdir()
    assert data.search_path(given) == folders
    for folder in reversed(folders):
        write_idx(folder, mnist)
        assert data.load("mnist", folder=given)[0].source == str(folder)


def test_offline_argument_and_variable(monkeypatch):
    monkeypatch.delenv("NEUROSIM_OFFLINE")
    assert "downloads are off" in error_of(data.load, "mnist", offline=True)
    monkeypatch.setenv("NEUROSIM_OFFLINE", "1")
    assert "downloads are off" in error_of(data.load, "mnist")


# --- load: is it what it claims to be? -----------------------------------------------------------


def test_a_wrong_mnist_is_passed_over_and_named(mnist, tmp_path):
    impostor = small_set(seed=9)
    write_idx(tmp_path / "here" / "data", impostor)
    assert "its checksum differs" in error_of(data.load, "mnist")
    assert "its checksum differs" in data.load("auto")[0].note
    write_idx(tmp_path / "home" / "mnist", mnist, "{stem}.gz", compress=True)
    train, test = data.load("mnist")
    assert same(train, test, mnist)
    assert "skipped" in train.note
    assert str(tmp_path / "here" / "data") in train.note


def test_a_chosen_folder_is_taken_as_own_data(mnist, tmp_path):
    impostor = small_set(seed=9)
    folder = write_idx(tmp_path / "letters", impostor)
    train, test = data.load("mnist", folder=folder)
    assert same(train, test, impostor)
    assert train.name == "letters"
    assert "its checksum differs" in train.note
    folder = write_idx(tmp_path / "mnist", impostor)
    assert data.load(folder)[0].name == "mnist (unverified)"


def test_own_folder_that_is_mnist_is_called_so(mnist, tmp_path):
    train, test = data.load(write_idx(tmp_path / "mine", mnist))
    assert (train.name, train.note) == ("mnist", "")
    assert same(train, test, mnist)


def test_a_damaged_file_is_passed_over_unless_chosen(mnist, tmp_path):
    folder = write_idx(tmp_path / "here" / "data", mnist)
    (folder / "t10k-labels-idx1-ubyte").write_bytes(b"")
    assert "empty file" in error_of(data.load, "mnist")
    assert "empty file" in data.load("auto")[0].note
    assert "empty file" in error_of(data.load, "auto", folder=folder)
    (folder / "t10k-labels-idx1-ubyte").unlink()
    assert "the t10k files are missing" in error_of(data.load, "mnist")
    assert "the t10k files are missing" in data.load("auto")[0].note


FASHION = small_set(seed=5)


@pytest.mark.parametrize("folder", ["fashion-mnist", "fashion", "FashionMNIST/raw"])
def test_fashion_is_found_only_in_folders_called_so(mnist, tmp_path, monkeypatch, folder):
    write_idx(tmp_path / "here", FASHION)
    assert "was not found" in error_of(data.load, "fashion-mnist")
    write_idx(tmp_path / "here" / "data" / folder, FASHION)
    train, test = data.load("fashion-mnist")
    assert same(train, test, FASHION)
    assert train.class_names[9] == "ankle boot"
    assert "was not found" in error_of(data.load, "kmnist")
    monkeypatch.setenv("NEUROSIM_DATA", str(write_idx(tmp_path / "elsewhere" / folder, FASHION)))
    assert str(tmp_path / "elsewhere") in data.load("fashion-mnist")[0].source
    assert data.load("fashion-mnist", folder=tmp_path / "here")[0].source == str(tmp_path / "here")


def test_mnist_in_fashions_folder_is_not_fashion(mnist, tmp_path):
    write_idx(tmp_path / "here" / "fashion", mnist)
    assert "its checksum differs" in error_of(data.load, "fashion-mnist")
    train, _ = data.load("fashion-mnist", folder=tmp_path / "here" / "fashion")
    assert train.name == "mnist"
    assert "not the train-images of fashion-mnist" in train.note


def test_published_gz_is_recognised_by_its_own_checksum(tmp_path, monkeypatch):
    import hashlib
    from dataclasses import replace

    folder = write_idx(tmp_path / "any", FASHION, "{stem}.gz", compress=True)
    files = dict(zip(PARTS, (next(folder.glob(f"{part}*")) for part in PARTS), strict=True))
    digests = {part: hashlib.sha256(file.read_bytes()).hexdigest() for part, file in files.items()}
    monkeypatch.setitem(CATALOG, "kmnist", replace(CATALOG["kmnist"], checksums=digests))
    assert data.load(folder)[0].name == "kmnist"
    assert [found.verified for found in data.inspect_sources("kmnist", folder)] == [True] * 4
    assert [found.verified for found in data.inspect_sources("fashion-mnist", folder)] == [None] * 4


# --- load: a user's own files --------------------------------------------------------------------


def test_own_csv_file(tmp_path):
    arrays = small_set(train=36, side=8)
    path = tmp_path / "letters.csv"
    path.write_text(csv_text(arrays["train-images"], arrays["train-labels"] + 3))
    train, test = data.load(str(path))
    assert (len(train), len(test)) == (30, 6)
    assert (train.name, train.source, len(train.class_names)) == ("letters", str(path), 13)
    assert "6 of the training images are held out" in train.note


def test_own_folder_with_labelled_test_csv(tmp_path):
    arrays = small_set()
    (tmp_path / "my_train.csv").write_text(csv_text(arrays["train-images"], arrays["train-labels"]))
    (tmp_path / "my_test.csv").write_text(csv_text(arrays["t10k-images"], arrays["t10k-labels"], header=True))
    assert same(*data.load(tmp_path), arrays)


def test_own_idx_without_test_part(tmp_path):
    arrays = {part: array for part, array in small_set().items() if part.startswith("train")}
    train, test = data.load(write_idx(tmp_path / "mine", arrays))
    assert (len(train), len(test)) == (50, 10)


def test_own_files_that_cannot_be_used(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    assert "a folder with nothing" in error_of(data.load, folder)
    (folder / "a.png").write_bytes(b"")
    assert "a folder with a.png" in error_of(data.load, folder)
    assert "a .csv file, an .npz file or a folder" in error_of(data.load, folder / "a.png")
    (folder / "a.csv").write_text("1,2,3,4\n")
    assert "column that looks like labels" in error_of(data.load, folder)
    (folder / "b.csv").write_text("1,2\n")
    assert "a folder with a.csv, a.png, b.csv" in error_of(data.load, folder)
    arrays = small_set()
    write_idx(folder, arrays | {"t10k-labels": arrays["t10k-labels"][1:]})
    assert "expected 20 labels, one for each image of" in error_of(data.load, folder)
    write_idx(folder, arrays | {"t10k-images": arrays["t10k-images"][:, 1:]})
    assert "expected images of 8 x 8 as in train-images-idx3-ubyte, received 7 x 8" in error_of(data.load, folder)
    (folder / "one.csv").write_text("1,2\n")
    assert "2 columns and 1 row" in error_of(data.load, folder / "one.csv")
    assert "the label 1 for all samples" in error_of(data.load, folder / "one.csv", label_column="first")
    (folder / "two.csv").write_text("1,2\n0,3\n")
    train, test = data.load(folder / "two.csv", label_column="first")
    assert (len(train), len(test)) == (1, 1)
    assert "but the training set has none" in train.note


# --- the report, the real thing, and the import ---------------------------------------------------


def test_inspect_sources(mnist, tmp_path):
    write_idx(tmp_path / "here" / "data", {part: mnist[part] for part in PARTS[:2]})
    write_idx(tmp_path / "home" / "mnist", mnist | {"t10k-labels": mnist["t10k-labels"] * 0}, "{stem}.gz", True)
    found = data.inspect_sources("mnist")
    assert [(entry.part, entry.verified) for entry in found] == [
        *zip(PARTS, (True, True, False, False), strict=True),
        *zip(PARTS, (True, True, True, False), strict=True),
    ]
    assert found[0].sha256 == idx_sha256(mnist["train-images"])
    assert found[0].size == found[0].path.stat().st_size
    assert "missing" in found[2].problem
    assert "checksum" in found[7].problem
    assert "expected one of mnist" in error_of(data.inspect_sources, "nothing")


@pytest.mark.skipif(not REAL_MNIST, reason="set NEUROSIM_DATA to a folder with MNIST")
def test_real_mnist(monkeypatch):
    monkeypatch.setenv("NEUROSIM_DATA", REAL_MNIST)
    train, test = data.load("mnist")
    assert (train.images.shape, test.images.shape) == ((60_000, 28, 28), (10_000, 28, 28))
    assert train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert [found.verified for found in data.inspect_sources()] == [True] * 4
    assert data.load(REAL_MNIST)[0].name == "mnist"


def test_import_is_light():
    code = "import sys, neurosim.data; print(*sys.modules)"
    root = Path(__file__).parents[3]
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    loaded = run.stdout.split()
    assert not {"pandas", "tqdm", "urllib.request", "matplotlib"} & set(loaded)


def test_describe_prints_on_any_console():
    for part in data.load("digits"):
        io.TextIOWrapper(io.BytesIO(), encoding="ascii").write(part.describe())


@pytest.mark.parametrize("size", [1.5, 2.7, np.nan])
def test_half_a_sample_cannot_be_held_out(size):
    train, _ = data.load("digits")
    with pytest.raises(DataError):
        train.hold_out(size)
    with pytest.raises(DataError):
        train.subset(size)
