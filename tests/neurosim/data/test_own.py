"""Users' files: every dialect is read correctly, or refused with the reason and a remedy."""

import gzip
import zipfile

import numpy as np
import pytest

from neurosim import data
from neurosim.errors import DataError, NeurosimError

RNG = np.random.default_rng(0)
LABELS = np.arange(300) % 10
PIXELS = np.where(RNG.random((300, 64)) < 0.5, 0, RNG.integers(1, 256, (300, 64)))
PIXELS[:, [0, 7, 56, 63]] = 0  # corners are empty, as in pictures


def text(labels, x, separator=",", header=None, end=""):
    rows = [[*np.atleast_1d(label), *row] for label, row in zip(labels, x, strict=True)]
    lines = ([header] if header else []) + [separator.join(map(str, row)) + end for row in rows]
    return "\n".join(lines) + "\n"


NAMES = [f"pixel{k}" for k in range(64)]
HEADER = ",".join(["label", *NAMES])
READ = {
    "comma": text(LABELS, PIXELS),
    "semicolons": text(LABELS, PIXELS, ";"),
    "tabs": text(LABELS, PIXELS, "\t"),
    "blanks": text(LABELS, PIXELS, "  "),
    "header": text(LABELS, PIXELS, header=HEADER),
    "numbered header": text(LABELS, PIXELS, header=",".join(map(str, range(65)))),
    "remark": text(LABELS, PIXELS, header="# label, pixels"),
    "remark with names": text(LABELS, PIXELS, header="# " + HEADER),
    "floats": text(LABELS.astype(float), PIXELS.astype(float)),
    "trailing commas": text(LABELS, PIXELS, end=","),
    "label last": "\n".join(",".join(map(str, [*row, label])) for row, label in zip(PIXELS, LABELS, strict=True)),
    "one-hot last": "\n".join(
        ",".join(map(str, [*row, *np.eye(10, dtype=int)[label]])) for row, label in zip(PIXELS, LABELS, strict=True)
    ),
    "row numbers": text(np.column_stack([np.arange(300), LABELS]), PIXELS, header="," + HEADER),
    "Unnamed: 0": text(np.column_stack([np.arange(300), LABELS]), PIXELS, header="Unnamed: 0," + HEADER),
    "id": text(np.column_stack([np.arange(1, 301), LABELS]), PIXELS, header="id," + HEADER),
    "shuffled columns": text(LABELS, PIXELS[:, ::-1], header=",".join(["label", *NAMES[::-1]])),
    "row and column": text(
        LABELS, PIXELS, header=",".join(["label", *(f"{k // 8 + 1}x{k % 8 + 1}" for k in range(64))])
    ),
}


def loaded(path, **options):
    train, test = data.load(path, **options)
    order = np.concatenate([train.x, test.x])
    return train, test, order, np.concatenate([train.labels, test.labels])


def as_sets(x, labels):
    return sorted(map(tuple, np.column_stack([labels, x.reshape(len(x), -1)]).tolist()))


@pytest.mark.parametrize("name", READ)
def test_every_dialect_of_pictures_in_rows(tmp_path, name):
    path = tmp_path / "own.csv"
    path.write_text(READ[name])
    train, _, x, labels = loaded(path)
    assert train.x.shape[1:] == (8, 8)
    assert train.x.dtype == np.uint8
    assert as_sets(x, labels) == as_sets(PIXELS, LABELS)
    assert "the labels are in" in train.note


@pytest.mark.parametrize("form", ["gz", "zip", "utf-16", "mark"])
def test_packed_and_coded_otherwise(tmp_path, form):
    plain = READ["comma"]
    path = tmp_path / {"gz": "own.csv.gz", "zip": "own.zip"}.get(form, "own.csv")
    if form == "gz":
        path.write_bytes(gzip.compress(plain.encode()))
    elif form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("own.csv", plain)
    else:
        path.write_text(plain, "utf-16" if form == "utf-16" else "utf-8-sig")
    _, _, x, labels = loaded(path)
    assert as_sets(x, labels) == as_sets(PIXELS, LABELS)


def test_floats_of_pixels(tmp_path):
    path = tmp_path / "own.csv"
    for low in (0.0, -1.0):
        x = np.round(low + (1 - low) * PIXELS / 255, 4)
        path.write_text(text(LABELS, x))
        train, _, read, _ = loaded(path)
        assert train.x.dtype == np.float32
        assert (read.min(), read.max()) == (0.0, 1.0)
        assert np.allclose(np.sort(read.ravel()), np.sort(PIXELS.ravel() / 255), atol=1e-4)
        assert ("-1 and 1" in train.note) == (low < 0)


def test_letters_are_classes_with_names(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(text(np.array(list("ABCDEFGHIJ"))[LABELS], PIXELS))
    train, _, x, labels = loaded(path)
    assert train.class_names == tuple("ABCDEFGHIJ")
    assert as_sets(x, labels) == as_sets(PIXELS, LABELS)


def test_an_empty_class_is_remarked(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(text(LABELS + 1, PIXELS))
    assert "there are 11 classes, but no sample has the label 0" in data.load(path)[0].note


def test_features_that_are_a_square_number_are_no_picture(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(
        "\n".join(",".join(map(str, [*row, label])) for row, label in zip(PIXELS[:, 20:36] % 101, LABELS, strict=True))
    )
    train, _, _, _ = loaded(path)
    assert (train.kind, train.sample_shape, train.scaling) == ("table", (16,), "standardize")


def test_test_file_in_another_order_is_matched_by_name(tmp_path):
    (tmp_path / "train.csv").write_text(text(LABELS, PIXELS[:, :4], header="label,a,b,c,d"))
    (tmp_path / "test.csv").write_text(text(LABELS, PIXELS[:, 3::-1], header="label,d,c,b,a"))
    train, test = data.load(tmp_path)
    assert np.array_equal(train.x, PIXELS[:, :4])
    assert np.array_equal(test.x, train.x)
    assert train.feature_names == ("a", "b", "c", "d")
    assert "matched by name" in train.note
    assert "every test row is also a training row" in train.note


FEW = PIXELS[:40, 20:23]
TWO = np.arange(40) % 2
REFUSED = {
    "two rows": (text(LABELS[:2], PIXELS[:2]), {}, "Choose them with --label-column"),
    "xor": ("0,0,0\n0,1,1\n1,0,1\n1,1,0\n", {}, "Choose them with --label-column"),
    "one class": (text(TWO * 0 + 7, FEW, header="label,a,b,c"), {}, "at least two classes"),
    "a label that is a number": (text(np.arange(40) * 3 % 41, FEW, header="label,a,b,c"), {}, "--target NAME"),
    "an empty cell": ("label,a,b\n" + "0,1,2\n1,,3\n" * 9, {}, "line 3, column 2 (a): expected a number, received an"),
    "a word": ("label,a,b\n" + "0,1,2\n1,4,3\n" * 9 + "1,x,3\n", {}, "line 20, column 2 (a): expected a nu"),
    "text as feature": ("label,a,colour\n" + "0,1,red\n1,4,blue\n" * 9, {}, "--one-hot colour"),
    "an unknown column": (text(TWO, FEW, header="label,a,b,c"), {"label_column": "lable"}, "did you mean 'label'"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_stays_unclear_is_refused_with_a_remedy(tmp_path, name):
    content, options, words = REFUSED[name]
    path = tmp_path / "own.csv"
    path.write_text(content)
    with pytest.raises(DataError) as caught:
        data.load(path, **options)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_pickle_is_never_opened(tmp_path):
    path = tmp_path / "mnist.pkl.gz"
    path.write_bytes(gzip.compress(b"\x80\x03"))
    for where in (path, tmp_path):
        with pytest.raises(DataError, match="a pickle can run code"):
            data.load(where)


def test_missing_one_hot_and_targets(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("label,a,colour\n" + "0,1,red\n1,,blue\n0,3,red\n" * 12)
    train, test = data.load(path, one_hot=("colour",), missing="mean")
    assert train.feature_names == ("a", "colour=blue", "colour=red")
    assert not np.isnan(train.x).any()
    known = train.x[train.labels == 0, 0]
    assert train.x[train.labels == 1, 0] == pytest.approx(known.mean())
    with pytest.raises(DataError, match="the label 0 for all samples"):  # every row of class 1 has an empty cell
        data.load(path, one_hot=("colour",), missing="drop")
    path.write_text("label,a\n" + "0,1\n1,\n1,3\n" * 12)
    train, test = data.load(path, missing="drop")
    assert sorted([*train.x.ravel(), *test.x.ravel()]) == [1] * 12 + [3] * 12
    path.write_text("a,b\n" + "".join(f"{3 * k % 41},{2 * (3 * k % 41) + 1}.5\n" for k in range(40)))
    train, test = data.load(path, target=("b",))
    assert train.class_names == ()
    assert np.allclose(train.labels, 2 * train.x[:, 0] + 1.5)
    assert np.allclose(test.labels, 2 * test.x[:, 0] + 1.5)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"one_hot": "colour"}, "one_hot: expected a list of column names, received 'colour'. Write \\['colour'\\]"),
        ({"target": "colour"}, "target: expected a list of column names, received 'colour'"),
        ({"target": 3}, "target: expected a list of column names, received an object of type int"),
        ({"label_column": 1.5}, "label_column: expected the name of a column, or its number from 1, received 1.5"),
        ({"missing": True}, "missing: expected mean or drop, received True"),
        ({"transpose": "yes"}, "transpose: expected True, False or None, received 'yes'"),
        ({"scale": [1]}, "scale: expected .* or a number above 0"),
        ({"folder": 5}, "folder: expected the path of a folder, received an object of type int"),
        ({"split_seed": -1}, "split_seed: expected"),
    ],
)
def test_arguments_of_a_wrong_kind_are_refused_by_their_name(given, words, tmp_path):
    (tmp_path / "t.csv").write_text("label,a\n" + "0,1\n1,2\n" * 12)
    with pytest.raises(NeurosimError, match=words):
        data.load(tmp_path / "t.csv", **given)


def test_own_files_never_have_a_built_in_name(tmp_path):
    for name in ("digits", "moons", "auto"):
        path = tmp_path / f"{name}.csv"
        path.write_text(READ["comma"])
        assert data.load(path)[0].name == f"{name}.csv"


@pytest.mark.parametrize("name", data.TOYS)
def test_points(name):
    train, test = data.load(name)
    x, y = data.TOYS[name](400, seed=0)
    assert np.array_equal(train.x, x)
    assert np.array_equal(train.labels, y)
    assert (train.kind, train.noun, train.feature_names) == ("points", "point", ("x1", "x2"))
    assert not np.array_equal(test.x, train.x)


def test_folders_of_pictures(tmp_path):
    from PIL import Image

    for k, name in enumerate(("black", "white", "grey10", "grey9")):
        (tmp_path / name).mkdir()
        for i in range(6):
            pixels = np.full((5, 7), 10, np.uint8)
            pixels[2, 1 + k] = 100 + i
            Image.fromarray(pixels).save(tmp_path / name / f"{i}.png")
    train, test = data.load(tmp_path)
    assert train.class_names == ("black", "grey9", "grey10", "white")
    assert (train.sample_shape, len(train), len(test)) == ((5, 7), 20, 4)
    assert np.bincount(test.labels).tolist() == [1] * 4
    for image, label in zip(train.x, train.labels, strict=True):
        assert np.argmax(image[2]) == 1 + {0: 0, 1: 3, 2: 2, 3: 1}[int(label)]
    (tmp_path / "white" / "6.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"6\.png"):
        data.load(tmp_path)
