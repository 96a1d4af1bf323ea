"""Users' images: sets with other names or types, or on their side; one folder of pictures per class."""

import gzip
import pickle
import struct

import numpy as np
import pytest
from data_files import csv_text, idx_bytes, small_set, write_idx
from PIL import Image

from neurosim import data
from neurosim.errors import DataError

RNG = np.random.default_rng(0)
LETTERS = np.arange(60) % 26 + 1
LYING = RNG.integers(0, 256, (60, 28, 28), np.uint8)


@pytest.fixture(autouse=True)
def nothing_but_tmp(tmp_path, monkeypatch):
    monkeypatch.delenv("NEUROSIM_DATA", raising=False)
    monkeypatch.setenv("NEUROSIM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NEUROSIM_OFFLINE", "1")


def wide_idx(array, code, dtype):
    """Return an IDX file of another integer type, big-endian as in the format."""
    return struct.pack(f">4B{array.ndim}I", 0, 0, code, array.ndim, *array.shape) + array.astype(dtype).tobytes()


def write_family(folder, family, images, labels, parts=("train", "test"), suffix=""):
    folder.mkdir(exist_ok=True)
    for part in parts:
        for what, array in (("images-idx3", images), ("labels-idx1", labels)):
            content = idx_bytes(array.astype(np.uint8))
            path = folder / f"{family}-{part}-{what}-ubyte{suffix}"
            path.write_bytes(gzip.compress(content) if suffix else content)
    return folder


# --- EMNIST and QMNIST -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize(
    ("family", "labels", "names"),
    [
        ("emnist-letters", LETTERS, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        ("emnist-digits", LETTERS % 10, "0123456789"),
        ("emnist-mnist", LETTERS % 10, "0123456789"),
        ("emnist-balanced", np.arange(60) % 47, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"),
        ("emnist-bymerge", np.arange(60) % 47, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"),
    ],
)
def test_emnist_is_put_upright_and_its_classes_have_their_letters(tmp_path, family, labels, names, suffix):
    folder = write_family(tmp_path / "mine", family, LYING, labels, suffix=suffix)
    shift = 1 if family == "emnist-letters" else 0
    for path in (folder, folder / f"{family}-train-images-idx3-ubyte{suffix}"):
        train, test = data.load(path)
        assert np.array_equal(train.x, LYING.transpose(0, 2, 1)) and np.array_equal(test.x, train.x)
        assert "".join(train.class_names[k] for k in train.labels) == "".join(names[k - shift] for k in labels)
        assert sorted(train.class_names) == sorted(set(names))
        assert (
            f"because {family} stores images on their side (--transpose no, in Python transpose=False, keeps them so)"
            in train.note
        )
    train, _ = data.load(folder, transpose=False)
    assert np.array_equal(train.x, LYING) and "exchanged" not in train.note


def test_emnist_by_class_tells_capitals_from_small_letters(tmp_path):
    folder = write_family(tmp_path / "mine", "emnist-byclass", np.repeat(LYING, 2, 0)[:62], np.arange(62))
    train, _ = data.load(folder)
    assert len(train.class_names) == 62
    assert [train.class_names[k] for k in train.labels[[0, 10, 36, 61]]] == ["0", "A", "a", "z"]
    assert "capitals" not in train.note


def test_a_mapping_file_names_the_classes(tmp_path):
    folder = write_family(tmp_path / "mine", "emnist-balanced", LYING, np.arange(60) % 3)
    (folder / "emnist-balanced-mapping.txt").write_text("0 120\n1 121\n2 122\n")
    assert data.load(folder)[0].class_names == ("x", "y", "z")


def test_emnist_as_csv_is_put_upright_too(tmp_path):
    rows = csv_text(LYING, LETTERS)
    (tmp_path / "emnist-letters-train.csv").write_text(rows)
    train, test = data.load(tmp_path / "emnist-letters-train.csv")
    whole = np.concatenate([train.x, test.x])
    wanted = LYING.transpose(0, 2, 1)
    assert sorted(map(bytes, whole)) == sorted(map(bytes, wanted))
    assert train.class_names == tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert "exchanged" in train.note


def test_letters_under_other_names_are_remarked_and_turned_when_asked(tmp_path):
    names = ("train-images", "train-labels", "t10k-images", "t10k-labels")
    folder = write_idx(tmp_path / "mine", dict(zip(names, [LYING, LETTERS.astype(np.uint8)] * 2, strict=True)))
    train, _ = data.load(folder)
    assert np.array_equal(train.x, LYING) and len(train.class_names) == 27
    assert "there are 27 classes, but no sample has the label 0" in train.note and "use --transpose yes" in train.note
    train, _ = data.load(folder, transpose=True)
    assert np.array_equal(train.x, LYING.transpose(0, 2, 1))
    assert "exchanged, as requested" in train.note and "use --transpose yes" not in train.note


def test_transpose_goes_with_pictures_only(tmp_path):
    (tmp_path / "a.csv").write_text("label,a,b\n" + "0,1,2\n1,3,4\n" * 9)
    with pytest.raises(DataError, match="transpose: expected images with this option, received a table"):
        data.load(tmp_path / "a.csv", transpose=True)


def test_two_families_in_one_folder(tmp_path):
    folder = write_family(tmp_path / "mine", "emnist-letters", LYING, LETTERS)
    write_family(folder, "emnist-digits", LYING, LETTERS % 10)
    with pytest.raises(DataError, match="received emnist-digits, emnist-letters; choose one by the path"):
        data.load(folder)
    train, _ = data.load(folder / "emnist-digits-test-labels-idx1-ubyte")
    assert train.class_names == tuple("0123456789")
    (folder / "emnist-letters-train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="expected emnist-letters-train-images and emnist-letters-train-labels"):
        data.load(folder / "emnist-letters-train-images-idx3-ubyte")


@pytest.mark.parametrize("dot", ["-", "."])
@pytest.mark.parametrize("packed", [False, True])
def test_qmnist_has_its_class_in_the_first_of_eight_numbers(tmp_path, packed, dot):
    rows = RNG.integers(300, 10**6, (60, 8))
    rows[:, 0] = np.arange(60) % 10
    files = {f"images{dot}idx3-ubyte": idx_bytes(LYING), f"labels{dot}idx2-int": wide_idx(rows, 0x0C, ">i4")}
    for part in ("train", "test"):
        for name, content in files.items():
            path = tmp_path / f"qmnist-{part}-{name}{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(content) if packed else content)
    train, test = data.load(tmp_path)
    assert np.array_equal(train.x, LYING) and "exchanged" not in train.note
    assert train.labels.tolist() == test.labels.tolist() == (np.arange(60) % 10).tolist()
    assert train.class_names == tuple("0123456789")


# --- IDX -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "dtype"), [(0x09, ">i1"), (0x0B, ">i2"), (0x0C, ">i4")])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("high", [9, -2, 3000])
def test_labels_of_any_integer_type(tmp_path, code, dtype, packed, high):
    if high == 3000 and code == 0x09:
        pytest.skip("does not fit a byte")
    arrays = small_set()
    folder = write_idx(tmp_path / "mine", arrays)
    for part in ("train-labels", "t10k-labels"):
        wide = np.where(arrays[part] == 9, high, arrays[part].astype(int))
        content = wide_idx(wide, code, dtype)
        path = folder / f"{part}-idx1-ubyte"
        path.write_bytes(gzip.compress(content) if packed else content)
    train, test = data.load(folder)
    for part, name in ((train, "train-labels"), (test, "t10k-labels")):
        wanted = np.where(arrays[name] == 9, high, arrays[name].astype(int))
        assert [int(part.class_names[k]) for k in part.labels] == wanted.tolist()


@pytest.mark.parametrize("spelling", ["test-images-idx3-ubyte", "test-images.idx3-ubyte", "test-images-idx3-ubyte.gz"])
def test_a_test_part_called_test(tmp_path, spelling):
    arrays = small_set()
    folder = write_idx(tmp_path / "mine", arrays)
    for part, digit in (("images", 3), ("labels", 1)):
        content = (folder / f"t10k-{part}-idx{digit}-ubyte").read_bytes()
        (folder / f"t10k-{part}-idx{digit}-ubyte").unlink()
        name = spelling.replace("images", part).replace("idx3", f"idx{digit}")
        (folder / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    train, test = data.load(folder)
    assert np.array_equal(test.x, arrays["t10k-images"]) and np.array_equal(train.x, arrays["train-images"])
    assert test.labels.tolist() == arrays["t10k-labels"].tolist()


def test_the_same_file_twice_is_remarked(tmp_path):
    arrays = small_set()
    arrays |= {"t10k-images": arrays["train-images"], "t10k-labels": arrays["train-labels"]}
    assert "every test image is also a training image" in data.load(write_idx(tmp_path / "mine", arrays))[0].note
    others = small_set(test=45, seed=4)["t10k-images"]
    arrays |= {"t10k-images": np.concatenate([arrays["train-images"][:15], others])}
    assert "15 of 60 test images are also training images" in data.load(write_idx(tmp_path / "some", arrays))[0].note


@pytest.mark.parametrize(
    "name", ["mnist.pkl.gz", "own.pickle", "own.pkl", "own.pt", "own.joblib", "own.data", "own.csv"]
)
def test_a_pickle_is_refused_whatever_it_is_called(tmp_path, name):
    content = pickle.dumps([1, 2])
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    with pytest.raises(DataError, match=r"can run code.*np\.savez"):
        data.load(tmp_path / name)


# --- folders of pictures ---------------------------------------------------------------------------------------------


def shape(k, side=8, ink=200, paper=10):
    """Draw class 0, a vertical bar; 1, a horizontal bar; 2, a dot."""
    pixels = np.full((side, side), paper, np.uint8)
    pixels[[slice(1, -1), slice(3, 5), slice(3, 5)][k], [slice(3, 5), slice(1, -1), slice(3, 5)][k]] = ink
    return pixels


KINDS = ("stands", "lies", "dot")


def write_pictures(folder, count=6, save=None, **look):
    for k, name in enumerate(KINDS):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            image = Image.fromarray(shape(k, **look) + np.uint8(i))
            (save or Image.Image.save)(image, folder / name / f"{i}.png")
    return folder


def whole(folder):
    train, test = data.load(folder)
    x, labels = np.concatenate([train.x, test.x]), np.concatenate([train.labels, test.labels])
    return train, x, [train.class_names[k] for k in labels]


def wanted(count=6, change=lambda image: image, **look):
    return sorted(
        (name, bytes(change(shape(k, **look) + np.uint8(i)))) for k, name in enumerate(KINDS) for i in range(count)
    )


def test_a_folder_of_pictures_for_each_class(tmp_path):
    train, x, names = whole(write_pictures(tmp_path / "mine"))
    assert sorted(zip(names, map(bytes, x), strict=True)) == wanted()
    assert train.kind == "image" and train.x.dtype == np.uint8 and train.class_names == ("dot", "lies", "stands")
    assert train.name == "mine" and "turned" not in train.note


@pytest.mark.parametrize(("first", "second"), [("train", "test"), ("Training", "Testing"), ("TRAIN", "test")])
def test_train_and_test_folders(tmp_path, first, second):
    write_pictures(tmp_path / first)
    write_pictures(tmp_path / second, count=2, ink=90)
    train, test = data.load(tmp_path)
    assert (len(train), len(test)) == (18, 6) and "held out" not in train.note
    assert sorted((test.class_names[k], bytes(x)) for k, x in zip(test.labels, test.x, strict=True)) == wanted(
        2, ink=90
    )


def test_a_class_that_only_the_test_folder_has(tmp_path):
    write_pictures(tmp_path / "train")
    write_pictures(tmp_path / "test")
    (tmp_path / "test" / "dot").rename(tmp_path / "test" / "ring")
    with pytest.raises(DataError, match="expected only classes of train in test, received 'ring'"):
        data.load(tmp_path)


def test_dark_on_light_is_turned_and_said(tmp_path):
    train, x, names = whole(write_pictures(tmp_path / "mine", ink=30, paper=240))
    assert sorted(zip(names, map(bytes, x), strict=True)) == wanted(change=lambda image: 255 - image, ink=30, paper=240)
    assert "dark on light" in train.note


def as_mode(mode):
    def save(image, path):
        if mode == "1":
            image = image.point(lambda level: 255 * (level > 99)).convert("1")
        elif mode == "P":
            image = image.convert("P")
        elif mode == "I;16":
            image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
        elif mode == "RGBA":
            image.putalpha(255)
        elif mode == "RGB":
            image = image.convert("RGB")
        image.save(path)

    return save


@pytest.mark.parametrize("mode", ["L", "1", "P", "I;16", "RGBA", "RGB"])
def test_grey_pictures_of_every_mode(tmp_path, mode):
    _, x, names = whole(write_pictures(tmp_path / "mine", save=as_mode(mode)))
    change = (lambda image: 255 * (image > 99).astype(np.uint8)) if mode == "1" else (lambda image: image)
    assert sorted(zip(names, map(bytes, x), strict=True)) == wanted(change=change)


def test_a_picture_is_turned_as_its_camera_says(tmp_path):
    def save(image, path):
        exif = Image.Exif()
        exif[0x0112] = 6  # the camera says: turn it clockwise by a quarter
        image.save(path, exif=exif)

    _, x, names = whole(write_pictures(tmp_path / "mine", save=save))
    assert sorted(zip(names, map(bytes, x), strict=True)) == wanted(change=lambda image: np.rot90(image, -1).copy())


def test_colours_are_kept(tmp_path):
    for name, colour in (("red", (200, 0, 0)), ("green", (0, 200, 0)), ("blue", (0, 0, 200))):
        (tmp_path / name).mkdir()
        for i in range(4):
            Image.new("RGB", (5, 4), tuple(level + i for level in colour)).save(tmp_path / name / f"{i}.png")
    train, test = data.load(tmp_path)
    assert train.sample_shape == (4, 5, 3) and train.kind == "image"
    for part in (train, test):
        for x, label in zip(part.x, part.labels, strict=True):
            assert part.class_names[label] == ("red", "green", "blue")[int(x.mean((0, 1)).argmax())]


def test_pictures_of_different_size_come_to_one(tmp_path):
    write_pictures(tmp_path, count=4)
    for side in (16, 24):
        for k, name in enumerate(KINDS):
            Image.fromarray(shape(k, side=8)).resize((side, side), Image.Resampling.NEAREST).save(
                tmp_path / name / f"large{side}.png"
            )
    train, x, names = whole(tmp_path)
    assert train.sample_shape == (8, 8) and "have different sizes. All are scaled to 8 x 8 pixels" in train.note
    for image, name in zip(x, names, strict=True):
        assert np.abs(image.astype(int) - shape(KINDS.index(name))).max() <= 4


def test_large_pictures_become_smaller(tmp_path):
    write_pictures(tmp_path, side=200)
    train, _ = data.load(tmp_path)
    assert (
        train.sample_shape == (64, 64) and "sides of up to 200 pixels. All are scaled to 64 x 64 pixels" in train.note
    )


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + bytes(20), "cut"])
def test_a_broken_picture_is_named(tmp_path, content):
    write_pictures(tmp_path)
    good = (tmp_path / "lies" / "0.png").read_bytes()
    (tmp_path / "lies" / "broken.png").write_bytes(good[: len(good) // 2] if content == "cut" else content)
    with pytest.raises(DataError, match=r"lies/broken\.png: ") as caught:
        data.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_what_is_no_picture_in_the_folders_is_passed_over(tmp_path):
    write_pictures(tmp_path)
    (tmp_path / "lies" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "lies" / ".hidden.png").write_bytes(b"x")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "empty").mkdir()
    assert data.load(tmp_path)[0].class_names == ("dot", "lies", "stands")


def test_one_folder_of_pictures_is_no_two_classes(tmp_path):
    write_pictures(tmp_path)
    for name in KINDS[1:]:
        for file in (tmp_path / name).iterdir():
            file.unlink()
    with pytest.raises(DataError, match="at least two folders of pictures, one for each class, received 1"):
        data.load(tmp_path)


def test_options_of_tables_do_not_go_with_pictures(tmp_path):
    write_pictures(tmp_path / "pictures")
    folder = write_idx(tmp_path / "mine", small_set())
    for path in (folder, tmp_path / "pictures"):
        for options in ({"label_column": "a"}, {"target": ("a",)}, {"one_hot": ("a",)}, {"missing": "mean"}):
            with pytest.raises(DataError, match="expected a table"):
                data.load(path, **options)


# --- what own data are called ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("digits.csv", "digits.csv"),
        ("Digits.csv", "Digits.csv"),
        ("moons.csv.gz", "moons.csv.gz"),
        ("auto.npz", "auto.npz"),
        ("xor.zip", "xor.zip"),
        ("letters.csv", "letters"),
        ("letters.v2.csv", "letters.v2"),
        ("mnist.csv", "mnist (unverified)"),
        ("MNIST.npz", "MNIST (unverified)"),
        ("digits", "own digits"),
        ("moons", "own moons"),
        ("xor", "own xor"),
        ("mnist", "mnist (unverified)"),
        ("kmnist", "kmnist (unverified)"),
        ("shapes", "shapes"),
    ],
)
def test_own_data_never_have_the_name_of_a_built_in_set(tmp_path, path, name):
    arrays = small_set()
    where = tmp_path / path
    text = csv_text(arrays["train-images"], arrays["train-labels"], header=True)
    if path.endswith(".npz"):
        np.savez(where, x_train=arrays["train-images"], y_train=arrays["train-labels"])
    elif path.endswith(".zip"):
        import zipfile

        with zipfile.ZipFile(where, "w") as archive:
            archive.writestr("a.csv", text)
    elif path.endswith(".gz"):
        where.write_bytes(gzip.compress(text.encode()))
    elif path.endswith(".csv"):
        where.write_text(text)
    elif path == "shapes":
        write_pictures(where)
    else:
        write_idx(where, arrays)
    assert data.load(where)[0].name == name
    assert data.load(where)[0].name not in data.NAMES
