"""Files made to do harm: they must not run code, use more memory than their size allows, or crash."""

import bz2
import gc
import gzip
import io
import json
import os
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from data_files import csv_text, idx_bytes, small_set, write_idx

import neurosim as ns
from neurosim.data.arrays import read_npz
from neurosim.data.catalog import CATALOG
from neurosim.data.columns import Reading
from neurosim.data.idx import read_idx
from neurosim.data.tables import read_csv
from neurosim.files import npz as archive
from neurosim.files.npz import read_arrays

RNG = np.random.default_rng(0)


def peak_of(call, *args):
    """Return the result of a call and its peak of new memory in bytes: the least over several calls.

    Memory that a process needs only once does not belong to the call: an import, a cache, a table of all interned names
    that grows.  It grows with the number of modules that other tests have imported.
    """
    peaks = []
    for _ in range(3):
        call_result = None
        gc.disable()  # finalizers of objects from earlier tests, e.g. in the frames of a failed one
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        try:
            call_result = call(*args)
        except ns.DataError as error:
            call_result = error
        finally:
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
            tracemalloc.stop()
            gc.enable()
    return call_result, min(peaks)


def test_the_measure_counts_what_every_call_holds_and_nothing_that_happens_once():
    def once_more(size, kept=[]):  # noqa: B006
        if not kept:
            kept.append(bytes(2**22))
        return len(bytes(size))

    class Cycle:
        def __init__(self):
            self.own = self

        def __del__(self):
            freed.append(bytes(2**22))

    freed = []
    Cycle()
    result, peak = peak_of(once_more, 2**21)
    assert result == 2**21 and 2**21 <= peak < 2**21 + 2**16
    result, peak = peak_of(lambda: [[] for _ in range(10_000)])  # Python searches for cycles after a thousand
    assert len(result) == 10_000 and peak < 2**21
    gc.collect()
    assert freed


# --- memory: honest files --------------------------------------------------------------------------------------------

BIG = RNG.integers(0, 256, (4000, 28, 28), np.uint8)  # 3 MB, random, so they cannot be compressed
SLACK = 2**20  # one block of reading, and Python's own needs


def big_files(tmp_path):
    labels = (np.arange(len(BIG)) % 10).astype(np.uint8)
    (tmp_path / "a.idx").write_bytes(idx_bytes(BIG))
    (tmp_path / "a.gz").write_bytes(gzip.compress(idx_bytes(BIG), 1))
    plain = csv_text(BIG, labels)
    (tmp_path / "a.csv").write_text(plain)
    (tmp_path / "b.csv").write_text("\n".join("abcdefghij"[int(row[0])] + row[1:] for row in plain.split()))
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress(plain.replace(",", ";").encode("utf-16"), 1))
    np.savez(tmp_path / "a.npz", x_train=BIG, y_train=labels)
    np.savez_compressed(tmp_path / "b.npz", x_train=BIG, y_train=labels)
    return {
        "a.idx": (read_idx, 3),
        "a.gz": (read_idx, 3),
        "a.csv": (read_csv,),
        "b.csv": (read_csv,),
        "c.csv.gz": (read_csv,),
        "a.npz": (read_npz,),
        "b.npz": (read_npz,),
    }


@pytest.mark.full
def test_reading_takes_at_most_twice_the_memory_of_the_data(tmp_path):
    for name, (read, *rest) in big_files(tmp_path).items():
        result, peak = peak_of(read, tmp_path / name, *rest)
        images = result["x_train"] if isinstance(result, dict) else getattr(result, "x", result)
        assert np.array_equal(images, BIG), name
        assert peak < 2 * BIG.nbytes + SLACK, f"{name}: {peak / BIG.nbytes:.2f} times the data"


# --- npz: what can be wrong with the archive -------------------------------------------------------------------------


def npy(array, **header):
    """Return an npy file as `numpy.save` writes it, or with another header or text."""
    stream = io.BytesIO()
    if header:
        text = header.get("text") or repr(
            {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape} | header
        )
        raw = text.encode("latin1") + b"\n"
        stream.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(raw)) + raw + array.tobytes())
    else:
        np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def write_zip(path, members, method=zipfile.ZIP_STORED):
    """Write a zip archive of (name, bytes) pairs."""
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members:
            file.writestr(name, content)
    return path


ONES = np.ones(6, np.float32)

BAD_MEMBERS = {
    "no npy file": (b"hello", "does not begin like an npy file"),
    "empty": (b"", "does not begin like an npy file"),
    "magic alone": (b"\x93NUMPY", "does not begin like an npy file"),
    "version 9": (b"\x93NUMPY\x09\x00" + npy(ONES)[8:], "does not begin like an npy file"),
    "version 1.1": (b"\x93NUMPY\x01\x01" + npy(ONES)[8:], "does not begin like an npy file"),
    "header not in ASCII": (npy(ONES).replace(b" \n", b"\xa0\n"), "invalid header"),
    "header cut off": (npy(ONES)[:40], "invalid header"),
    "header of 60,000": (b"\x93NUMPY\x01\x00" + struct.pack("<H", 60_000) + b" " * 60_000, "header of 60,000 bytes"),
    "header of 4 GB": (b"\x93NUMPY\x02\x00" + b"\xff" * 4 + b" " * 60, "header of 4,294,967,295 bytes"),
    "header that is a call": (npy(ONES, text="__import__('os').mkdir('harm')"), "invalid header"),
    "header that is nested": (npy(ONES, text="(" * 1000 + ")" * 1000), "invalid header"),
    "header that is negated": (npy(ONES, text="-" * 2000 + "1"), "invalid header"),
    "header that is a list": (npy(ONES, text="[1, 2]"), "invalid header"),
    "header with more": (npy(ONES, extra=1), "invalid header"),
    "more declared": (npy(ONES, shape=(7,)), "which needs 28 bytes, in 24"),
    "less declared": (npy(ONES, shape=(5,)), "which needs 20 bytes, in 24"),
    "terabytes declared": (npy(ONES, shape=(10**6, 10**6)), "bytes, in 24"),
    "beyond 64 bits": (npy(ONES, shape=(10**30,)), "invalid shape"),
    "negative": (npy(ONES, shape=(-1, -6)), "invalid shape"),
    "fractional": (npy(ONES, shape=(6.0,)), "invalid shape"),
    "bool": (npy(ONES, shape=(True, 6)), "invalid shape"),
    "list": (npy(ONES, shape=[6]), "invalid shape"),
    "33 dimensions": (npy(ONES, shape=(1,) * 32 + (6,)), "invalid shape"),
    "objects": (npy(np.array([{}], object)), "neither numbers nor text"),
    "records": (npy(np.zeros(2, [("a", "f4")])), "neither numbers nor text"),
    "records as text": (npy(ONES, descr="f4,f4", shape=(3,)), "neither numbers nor text"),
    "dates": (npy(np.zeros(3, "M8[s]")), "neither numbers nor text"),
    "raw bytes": (npy(ONES, descr="|V4"), "neither numbers nor text"),
    "endless text": (npy(ONES, descr="<U9999999999"), "neither numbers nor text"),
    "text of no length": (npy(ONES, descr="<U0", shape=(10**9,)), "neither numbers nor text"),
}


@pytest.mark.parametrize("name", BAD_MEMBERS)
def test_a_member_that_is_no_plain_array_is_refused(name, tmp_path, monkeypatch, refused):
    monkeypatch.chdir(tmp_path)
    content, words = BAD_MEMBERS[name]
    path = write_zip(tmp_path / "bad.npz", [("x.npy", content)])
    with refused(str(path), "x.npy", words, error=ns.DataError):
        read_arrays(path)
    assert os.listdir(tmp_path) == ["bad.npz"]


class Harm:
    """An object that makes a folder when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("harm",)


def test_nothing_is_unpickled(tmp_path, monkeypatch, refused):
    monkeypatch.chdir(tmp_path)
    pickled = pickle.dumps(Harm())
    objects = npy(np.array([Harm()], object))
    for content in (pickled, objects, npy(np.zeros(1, np.uint8), descr="|O") + pickled):
        for name in ("config", "x_train"):
            path = write_zip(tmp_path / "bad.npz", [(f"{name}.npy", content), ("y_train.npy", content)])
            for read in (read_arrays, ns.Network.load, read_npz, ns.data.load):
                with refused(str(path), error=ns.DataError):
                    read(path)
    assert not (tmp_path / "harm").exists()
    with pytest.raises(FileExistsError):  # so the file can do harm
        for _ in range(2):
            pickle.loads(pickled)


def test_arrays_of_every_plain_type_order_and_shape_are_read(tmp_path):
    numbers = np.arange(24).reshape(2, 3, 4)
    arrays = {kind: numbers.astype(kind) for kind in ("u1", "i1", "<u2", ">i4", "<i8", "<f2", ">f4", "<f8", "?")}
    arrays |= {
        "fortran": np.asfortranarray(numbers),
        "none": np.zeros((0, 3)),
        "scalar": np.array(3.0),
        "text": np.array("grüße 😀"),
        "words": np.array([["a", "bcd"]]),
    }
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **arrays)
        received = read_arrays(tmp_path / "a.npz")
        assert list(received) == list(arrays)
        for name, array in arrays.items():
            assert received[name].dtype == array.dtype and np.array_equal(received[name], array), name
    assert list(read_arrays(tmp_path / "a.npz", ("text", "u1", "absent"))) == ["text", "u1"]


def test_npy_versions_2_and_3_are_read(tmp_path):
    for version in ((1, 0), (2, 0), (3, 0)):
        stream = io.BytesIO()
        np.lib.format.write_array(stream, ONES, version)
        path = write_zip(tmp_path / "a.npz", [("x.npy", stream.getvalue())])
        assert np.array_equal(read_arrays(path)["x"], ONES)


def overlapping(path, count=200, size=20_000):
    """Write an archive whose members all share the bytes of the first."""
    content = npy(RNG.integers(0, 256, size, np.uint8))
    write_zip(path, [("a.npy", content)])
    with zipfile.ZipFile(path, "a") as file:
        first = file.infolist()[0]
        for _ in range(count):
            file.filelist.append(first)
        file._didModify = True
    return path


def crafted_archives(tmp_path):
    """Return name -> (path, words) of archives that are not npz files."""
    zeros = npy(np.zeros(2**24, np.uint8))
    good = npy(ONES)
    made = {
        "bomb": (write_zip(tmp_path / "bomb", [("x.npy", zeros)], zipfile.ZIP_DEFLATED), "packed into"),
        "bzip2": (write_zip(tmp_path / "bzip2", [("x.npy", good)], zipfile.ZIP_BZIP2), "compressed in an unusual way"),
        "lzma": (write_zip(tmp_path / "lzma", [("x.npy", good)], zipfile.ZIP_LZMA), "compressed in an unusual way"),
        "other": (
            write_zip(tmp_path / "other", [("x.npy", good), ("run.sh", b"rm -r")]),
            "'run.sh' that is not an npy",
        ),
        "overlap": (overlapping(tmp_path / "overlap"), "two members called"),
    }
    with pytest.warns(UserWarning, match="Duplicate name"):
        made["twice"] = (write_zip(tmp_path / "twice", [("x.npy", good), ("x.npy", good)]), "members called 'x.npy'")
    raw = bytearray(write_zip(tmp_path / "encrypted", [("x.npy", good)]).read_bytes())
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "encrypted").write_bytes(raw)
    made["encrypted"] = (tmp_path / "encrypted", "encrypted")
    raw = bytearray(write_zip(tmp_path / "larger", [("x.npy", good)]).read_bytes())
    at = raw.index(b"PK\x01\x02")
    raw[at + 24 : at + 28] = struct.pack("<I", 2**31)  # the size in the directory
    (tmp_path / "larger").write_bytes(raw)
    made["larger"] = (tmp_path / "larger", "packed into")
    raw = bytearray(write_zip(tmp_path / "checksum", [("x.npy", good)]).read_bytes())
    raw[raw.index(ONES.tobytes())] ^= 1
    (tmp_path / "checksum").write_bytes(raw)
    made["checksum"] = (tmp_path / "checksum", "CRC")
    for name, content, words in (
        ("empty", b"", "an empty file"),
        ("text", b"hello", "another kind of file"),
        ("npy", good, "another kind of file"),
        ("bz2", bz2.compress(good), "another kind of file"),
    ):
        (tmp_path / name).write_bytes(content)
        made[name] = (tmp_path / name, words)
    return made


def test_crafted_archives_are_refused_within_their_own_memory(tmp_path, refused):
    for name, (path, words) in crafted_archives(tmp_path).items():
        refusal, peak = peak_of(read_arrays, path)
        assert isinstance(refusal, ns.DataError) and words in str(refusal), f"{name}: {refusal}"
        assert str(path) in str(refusal) and "\n" not in str(refusal)
        assert peak < SLACK, f"{name}: {peak:,} bytes"


def test_members_that_share_bytes_under_different_names_are_bounded(tmp_path, monkeypatch, refused):
    """A zip bomb without a suspicious ratio: many members share one piece of data."""
    monkeypatch.setattr(archive, "MAX_RATIO", 5)
    path = write_zip(tmp_path / "a", [(f"{k:03}.npy", npy(np.zeros(1000, np.uint8))) for k in range(100)])
    assert len(read_arrays(path)) == 100
    raw = path.read_bytes()
    start, one = raw.index(b"PK\x01\x02"), raw.index(b"PK\x03\x04", 4)
    directory = bytearray(raw[start:])
    at = 0
    while directory[at : at + 4] == b"PK\x01\x02":
        directory[at + 42 : at + 46] = struct.pack("<I", 0)  # every entry points at the first member
        at += 46 + len("000.npy")
    directory[at + 16 : at + 20] = struct.pack("<I", one)
    path.write_bytes(raw[:one] + directory)
    with refused("packed into", error=ns.DataError):
        read_arrays(path)


@pytest.mark.parametrize(
    "read",
    [read_arrays, read_npz, ns.Network.load, read_csv, lambda path: read_idx(path, 3)],
    ids=["arrays", "npz", "network", "csv", "idx"],
)
def test_what_is_no_file_is_not_opened(read, tmp_path, refused):
    with refused("received a folder", error=ns.DataError):
        read(tmp_path)
    with refused("No such file", error=ns.DataError):
        read(tmp_path / "none")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        for path in (tmp_path / "pipe", type(tmp_path)("/dev/zero")):
            with refused("a device or pipe", error=ns.DataError):
                read(path)


# --- networks --------------------------------------------------------------------------------------------------------


@pytest.fixture
def tampered(full_net, blobs, tmp_path):
    """Return a function that saves a trained network with a changed config or arrays, and returns the path."""
    net = full_net()
    net.neuron(1, 2).rate_factor = 0.5
    net.neuron(1, 3).clamp(0.25)
    net.fit(*blobs, epochs=1, batch_size=16, verbose=False)
    source = net.save(tmp_path / "good.npz")

    def tamper(change):
        with np.load(source) as file:
            arrays = dict(file)
        config = json.loads(str(arrays.pop("config")))
        change(config, arrays)
        text = config if isinstance(config, str) else json.dumps(config)
        np.savez(tmp_path / "bad.npz", config=np.array(text), **arrays)
        return tmp_path / "bad.npz"

    return tamper


def setting(where, value):
    """Return a change that puts a value at a path of keys into the config."""

    def change(config, arrays):
        for key in where[:-1]:
            config = config[key]
        config[where[-1]] = value

    return change


def filling(name, value):
    """Return a change that puts a value into an array."""

    def change(config, arrays):
        arrays[name].flat[1] = value

    return change


NETWORK = ("network",)
LAYER = (*NETWORK, "layers", 1)
TAMPERED = {
    "a billion neurons": setting((*LAYER, "units"), 10**9),
    "a billion inputs": setting((*NETWORK, "layers", 0, "size"), 10**9),
    "10^300 inputs": setting((*NETWORK, "layers", 0, "size"), 10**300),
    "inputs of many sides": setting((*NETWORK, "layers", 0, "size"), [10] * 4000),
    "no layers": setting((*NETWORK, "layers"), []),
    "layers that are a number": setting((*NETWORK, "layers"), 3),
    "layers that are numbers": setting((*NETWORK, "layers"), [3, 4]),
    "layers that are nothing": setting((*NETWORK, "layers"), None),
    "a layer that is the base class": setting((*LAYER, "name"), "Layer"),
    "a layer called a list": setting((*LAYER, "name"), ["dense"]),
    "another optimizer": setting((*NETWORK, "optimizer"), {"name": "sgd"}),
    "an optimizer of no name": setting((*NETWORK, "optimizer"), 5),
    "no such loss": setting((*NETWORK, "loss"), "mean"),
    "half precision": setting((*NETWORK, "dtype"), "float16"),
    "a type that is a list": setting((*NETWORK, "dtype"), []),
    "a type that is text": setting((*NETWORK, "dtype"), "U9"),
    "another precision": setting((*NETWORK, "dtype"), "float64"),
    "a negative seed": setting((*NETWORK, "seed"), -1),
    "a network that is a list": setting(NETWORK, [1]),
    "no network": lambda config, arrays: config.pop("network"),
    "no format": lambda config, arrays: config.pop("format"),
    "no streams": lambda config, arrays: config["streams"].clear(),
    "streams that are a list": setting(("streams",), [1, 2]),
    "a stream of another generator": setting(("streams", "weights", "bit_generator"), "MT19937"),
    "a stream without state": setting(("streams", "weights", "state"), {}),
    "a stream of text": setting(("streams", "weights", "state", "state"), "x"),
    "a negative stream": setting(("streams", "weights", "state", "state"), -5),
    "no scalars": setting(("scalars",), {}),
    "scalars that are a list": setting(("scalars",), [0]),
    "a negative step": setting(("scalars", "t"), -1),
    "half a step": setting(("scalars", "t"), 0.5),
    "a step that is text": setting(("scalars", "t"), "1"),
    "a step of 400 digits": setting(("scalars", "t"), 10**400),
    "a scalar that is NaN": setting(("scalars", "mu_product"), float("nan")),
    "a schedule that hides a method": setting(("scalars", "schedule", "_rate"), 1),
    "a schedule's state that is text": setting(("scalars", "schedule", "_first"), "x"),
    "a schedule's state that is a list": setting(("scalars", "schedule"), [1]),
    "an intervention on no neuron": setting((*NETWORK, "interventions", "1", "factors"), {"800": 0.5}),
    "an intervention on neuron -1": setting((*NETWORK, "interventions", "1", "frozen"), [-1]),
    "an intervention on no layer": setting((*NETWORK, "interventions"), {"17": {}}),
    "an intervention on the input": setting((*NETWORK, "interventions"), {"0": {}}),
    "an intervention that is NaN": setting((*NETWORK, "interventions", "1", "values", "3"), float("nan")),
    "a pace that is negative": setting((*NETWORK, "interventions", "1", "factors", "2"), -1.0),
    "an intervention of no kind": setting((*NETWORK, "interventions", "1", "extra"), {}),
    "a setting that becomes another": setting((*LAYER, "use_bias"), "no"),
    "a stream with more": setting(("streams", "weights", "extra"), 1),
    "an intervention that is nothing": setting((*NETWORK, "interventions"), None),
    "text instead of a config": lambda config, arrays: arrays.update(W1=np.array("x")),
    "NaN among the weights": filling("W1", np.nan),
    "infinity among the biases": filling("b1", np.inf),
    "NaN among the moments": filling("optimizer.m", np.nan),
    "infinity in the running variance": filling("running_variance2", np.inf),
    "no weights": lambda config, arrays: arrays.pop("W1"),
    "no moments": lambda config, arrays: arrays.pop("optimizer.v"),
    "an array too many": lambda config, arrays: arrays.update(W17=ONES),
    "a moment too many": lambda config, arrays: arrays.update({"optimizer.u": arrays["optimizer.v"]}),
    "weights turned round": lambda config, arrays: arrays.update(W1=arrays["W1"].T),
    "weights in a row": lambda config, arrays: arrays.update(W1=arrays["W1"].ravel()),
    "weights that are whole": lambda config, arrays: arrays.update(W1=arrays["W1"].astype(np.int32)),
    "weights in double precision": lambda config, arrays: arrays.update(W1=arrays["W1"].astype(np.float64)),
    "biases that are one number": lambda config, arrays: arrays.update(b1=np.float32(0)),
}


@pytest.mark.quick_every(4)
@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampered_network_is_refused_before_it_is_built(name, tampered, refused):
    path = tampered(TAMPERED[name])
    refusal, peak = peak_of(ns.Network.load, path)
    assert isinstance(refusal, ns.DataError), refusal
    assert str(path) in str(refusal) and "\n" not in str(refusal) and len(str(refusal)) < 500
    assert peak < SLACK


def test_the_untampered_network_is_accepted(tampered):
    assert isinstance(ns.Network.load(tampered(lambda config, arrays: None)), ns.Network)
    swapped = ns.Network.load(tampered(lambda config, arrays: arrays.update(W1=arrays["W1"].astype(">f4"))))
    assert swapped[1].W.dtype == np.float32 and swapped[1].W.dtype.isnative


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "5",
        "null",
        '"text"',
        "[" * 100_000,
        "9" * 10_000,
        '{"format": 1}',
        "\ud800",
        "{}" + " " * archive.MAX_CONFIG,
    ],
)
def test_a_config_that_is_no_config_is_refused(text, tmp_path, refused):
    np.savez(
        tmp_path / "bad.npz",
        config=np.frombuffer(text.encode("utf-32-le", "surrogatepass"), f"<U{len(text)}")[0] if text else np.array(""),
    )
    with refused("bad.npz", error=ns.DataError):
        ns.Network.load(tmp_path / "bad.npz")


@pytest.mark.parametrize("config", [np.array(["{}"]), np.array(5), np.zeros(0), np.array(b"{}")])
def test_a_config_that_is_no_text_is_refused(config, tmp_path, refused):
    np.savez(tmp_path / "bad.npz", config=config)
    with refused("bad.npz", error=ns.DataError):
        ns.Network.load(tmp_path / "bad.npz")


# --- tables and published sets ---------------------------------------------------------------------------------------

BAD_CSV = {
    "a name twice": (b"label,p0,p0,p1\n1,2,3,4\n", "line 1, column 3: expected a different name"),
    "two columns of labels": (b"label,p0,class\n1,2,3\n", "column 3: expected one column of labels"),
    "the header again": (b"label,p0\n1,2\nlabel,p0\n", "line 3, column 2 (p0): expected a number, received the header"),
    "one endless line": (b"1," * 2**20, "line 1: expected one sample per line, received a line of more than 1,048,576"),
    "an endless line later": (b"1,2\n" + b"1," * 2**20, "line 2: expected one sample per line"),
    "an endless line packed": (gzip.compress(b"1,2\n" + b"1," * 2**24), "line 2: expected one sample per line"),
    "an endless number": (b"1,2\n1," + b"9" * 10**6 + b"\n", "line 2, column 2: expected a number or a name"),
    "a number beyond floats": (b"1,2\n1," + b"9" * 180 + b"e200\n", "line 2, column 2: expected a number, received '9"),
    "an endless name": (b"label,a\n1,2\n" + b"x" * 10**6 + b",3\n", "line 3, column 1: expected a number or a name"),
    "UTF-16 without mark": ("1,2\n3,4\n".encode("utf-16-le"), "line 1: expected text as UTF-8, or as UTF-16 with"),
    "NUL": (b"1,2\n1,\0\n", "line 2: expected text as UTF-8, or as UTF-16 with its byte-order mark, received a"),
    "NUL behind a number": (b"label,a\n1,2\n1,3\0\n", "line 3: expected text"),
    "a quotation mark left open": (b'1,2\n"1,2\n3,4\n', "line 2: expected each quotation mark to be closed"),
    "a quotation over lines": (b'label,a\n1,"2\n3",4\n', "line 2: expected each quotation mark to be closed"),
    "an endless quotation": (b'label,a\n1,"' + b"9" * 140_000 + b'"\n', "line 2"),
    "a quotation that goes on": (b'label,a\n1,"2"3\n', "line 2: expected each quotation mark to be closed at the end"),
    "a quotation in the header": (b'label,"a\n1,2\n', "line 1: expected each quotation mark to be closed at the end"),
    "true and false": (b"1,2\n1,True\n", "line 2, column 2: expected a number, received 'True'"),
    "NaN": (b"1,2\n1,nan\n", "line 2, column 2: expected a number, received 'nan', which means an empty cell"),
    "infinity": (b"1,2\n1,inf\n", "line 2, column 2: expected a number, received 'inf'"),
    "underscores": (b"1,2\n1,1_0\n", "line 2, column 2: expected a number, received '1_0'"),
    "hexadecimal": (b"1,2\n1,0x10\n", "line 2, column 2: expected a number, received '0x10'"),
    "other scripts": ("1,2\n1,\u0663\n".encode(), "line 2, column 2: expected a number, received '\u0663'"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_CSV)
def test_a_bad_table_is_refused_with_its_place(name, tmp_path, refused):
    content, words = BAD_CSV[name]
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with refused(str(path), words, error=ns.DataError):
        read_csv(path)
    assert peak_of(read_csv, path)[1] < 32 * 2**20


@pytest.mark.parametrize(
    "content",
    [
        "1,2\n3,4\n".encode("utf-16"),
        b"1,2\n3,4e0\n",
        b"\xef\xbb\xbf1;2\r\n3;4\r\n",
        gzip.compress(b"1 2\n3 4", mtime=0),
        b"1\t2,0\n3\t4,0\n",
    ],
)
def test_what_was_refused_and_is_a_table_is_read(content, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    read = read_csv(path, Reading(label_column="first"))
    assert read.x.tolist() == [[2], [4]] and read.labels.tolist() == [1, 3]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x_train": np.array(["a"]), "y_train": np.zeros(1, int)}, "an array of <U1 of shape (1,)"),
        ({"x_train": np.array(3), "y_train": np.zeros(1, int)}, "shape ()"),
        ({"x_train": np.full((1, 2, 2), 2**63, np.uint64), "y_train": np.zeros(1, int)}, "from 9.2234e+18 to 9.22"),
        ({"x_train": np.full((1, 2, 2), -(2**62)), "y_train": np.zeros(1, int)}, "up to 9.0072e+15, received"),
        ({"x_train": np.full((1, 2), 1e39), "y_train": np.zeros(1, int)}, "up to 3.4028e+38, received some from 1e+39"),
        ({"x_train": np.full((1, 2, 2), np.nan), "y_train": np.zeros(1, int)}, "x_train: expected finite numbers"),
        ({"x_train": np.full((1, 2), -np.inf), "y_train": np.zeros(1, int)}, "x_train: expected finite numbers"),
        ({"x_train": np.zeros((1, 2, 2), int), "y_train": np.array([np.nan])}, "y_train: expected a label for"),
        ({"x_train": np.zeros((1, 2, 2), int), "y_train": np.array([[1.0, np.nan]])}, "y_train: expected labels (N,)"),
    ],
)  # fmt: skip
def test_bad_arrays_of_a_data_set(arrays, words, tmp_path, refused):
    np.savez(tmp_path / "a.npz", **arrays)
    with refused("a.npz", words, error=ns.DataError):
        read_npz(tmp_path / "a.npz")


def test_labels_beyond_a_published_sets_classes_name_the_place(tmp_path, monkeypatch, refused):
    monkeypatch.setenv("NEUROSIM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NEUROSIM_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    arrays = small_set()
    arrays["train-labels"][7] = len(CATALOG["kmnist"].class_names)
    folder = write_idx(tmp_path / "kmnist", arrays)
    with refused(str(folder), "expected labels from 0 to 9, received 10", error=ns.DataError):
        ns.data.load("kmnist", folder=folder)
