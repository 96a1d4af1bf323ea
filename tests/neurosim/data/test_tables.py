"""Tables as spreadsheets, statistics packages and data collections write them, and small ones that once failed."""

import io
import re

import numpy as np
import pytest

from neurosim import data
from neurosim.data.columns import Reading
from neurosim.data.tables import read_csv
from neurosim.errors import DataError

N = 30
RNG = np.random.default_rng(0)
X = np.round(RNG.normal(5, 1, (N, 3)), 1)
X[0, 0] = 5.5  # a fraction in every case
THREE = np.arange(N) % 3
TWO = np.arange(N) % 2
KINDS = np.array(["setosa", "versicolor", "virginica"])[THREE]


def table(*columns, header="", separator=",", end="\n"):
    lines = [header] if header else []
    lines += [separator.join(map(str, row)) for row in zip(*columns, strict=True)]
    return end.join(lines) + end


def by_label(part):
    """Return the samples and their class names, in an order that does not depend on the held-out samples."""
    return sorted((part.class_names[k], tuple(x.ravel().tolist())) for k, x in zip(part.labels, part.x, strict=True))


def loaded(path, **options):
    train, test = data.load(path, **options)
    return train, sorted(by_label(train) + by_label(test))


def saved(array, **options):
    stream = io.BytesIO()
    np.savetxt(stream, array, **options)
    return stream.getvalue().decode()


A, B, C = (column.tolist() for column in X.T)
COMMA = [[str(value).replace(".", ",") for value in column] for column in (A, B, C)]
QUOTED = [f'"{kind}"' for kind in KINDS]
COUNTER = list(range(1, N + 1))
IDS = [1000 + 7919 * k % 1009 for k in range(N)]

# name: text or bytes, the columns of x, their names, the labels, words of the note
DIALECTS = {
    "Excel, German": (
        table(*COMMA, KINDS, header="l;b;h;species", separator=";", end="\r\n").encode("cp1252"),
        "abc",
        ("l", "b", "h"),
        KINDS,
        "commas in the numbers are read as decimal points",
    ),
    "Excel with its first line": (
        table(A, B, KINDS, header="sep=;\nl;b;species", separator=";", end="\r\n"),
        "ab",
        ("l", "b"),
        KINDS,
        "semicolons",
    ),
    "Excel as Unicode text": (
        table(A, B, KINDS, header="l\tb\tspecies", separator="\t").encode("utf-16"),
        "ab",
        ("l", "b"),
        KINDS,
        "tabs",
    ),
    "Excel with empty rows at its end": (
        table(A, B, KINDS, header="l,b,species") + ",,\n,,\n\n",
        "ab",
        ("l", "b"),
        KINDS,
        "found by its name",
    ),
    "a blank line first": (
        "\n,,\n" + table(A, B, KINDS, header="l,b,species"),
        "ab",
        ("l", "b"),
        KINDS,
        "found by its name",
    ),
    "Windows-1252 in a name": (
        table(A, B, KINDS, header="L\xe4nge,b,species").encode("cp1252"),
        "ab",
        ("Länge", "b"),
        KINDS,
        "Windows-1252",
    ),
    "Windows-1252 in a label": (
        table(A, np.array(["gr\xf6\xdfer", "klein"])[TWO], header="l,size").encode("cp1252"),
        "a",
        ("l",),
        np.array(["größer", "klein"])[TWO],
        "not in UTF-8",
    ),
    "write.table of R": (
        table([f'"{k}"' for k in COUNTER], A, B, QUOTED, header='"l" "b" "species"', separator=" "),
        "ab",
        ("l", "b"),
        KINDS,
        "column 1 only identifies the rows and is left out",
    ),
    "write.csv of R": (
        table([f'"{k}"' for k in COUNTER], A, B, QUOTED, header='"","l","b","Species"'),
        "ab",
        ("l", "b"),
        KINDS,
        "identifies the rows",
    ),
    "write.csv2 of R": (
        table([f'"{k}"' for k in COUNTER], *COMMA[:2], QUOTED, header='"l";"b";"Species"', separator=";"),
        "ab",
        ("l", "b"),
        KINDS,
        "decimal points",
    ),
    "rownames": (
        table(COUNTER, A, B, KINDS, header="rownames,l,b,Species"),
        "ab",
        ("l", "b"),
        KINDS,
        "(rownames) only",
    ),
    "Id": (
        table(COUNTER, A, B, KINDS, header="Id,l,b,Species"),
        "ab",
        ("l", "b"),
        KINDS,
        "column 1 (Id) only identifies",
    ),
    "Id in any order": (
        table(IDS, A, B, KINDS, header="Id,l,b,Species"),
        "ab",
        ("l", "b"),
        KINDS,
        "(Id) only identifies",
    ),
    "a counter without name": (table(COUNTER, A, B, KINDS), "ab", (), KINDS, "column 1 only identifies the rows"),
    "iris.data": (table(A, B, C, KINDS) + "\n\n", "abc", (), KINDS, "the only column of text"),
    "wine.data": (
        table(THREE + 1, A, B),
        "ab",
        (),
        (THREE + 1).astype(str),
        "4 classes, but no sample has the label 0",
    ),
    "breast-cancer": (
        table(IDS, A, B, 2 + 2 * TWO),
        "iab",
        (),
        (2 + 2 * TWO).astype(str),
        "a different whole number in every",
    ),
    "numpy.c_": (saved(np.c_[X, TWO]), "abc", (), TWO.astype(str), "the last one"),
    "numpy.savetxt": (
        saved(np.c_[X, TWO], header="l b h label"),
        "abc",
        ("l", "b", "h"),
        TWO.astype(str),
        "found by its name",
    ),
    "numpy.savetxt with commas": (
        saved(np.c_[X, TWO], header="l,b,h,label", delimiter=","),
        "abc",
        ("l", "b", "h"),
        TWO.astype(str),
        "found by its name",
    ),
    "aligned": (
        table([f"{a:10}" for a in A], [f"{b:7}" for b in B], THREE, header="    l       b   label", separator="  "),
        "ab",
        ("l", "b"),
        THREE.astype(str),
        "separated by blanks",
    ),
    "vertical bars": (
        table(A, B, KINDS, header="l|b|species", separator="|"),
        "ab",
        ("l", "b"),
        KINDS,
        "vertical bars",
    ),
    "comma and blank": (
        table(A, B, THREE, header="l, b, label", separator=", "),
        "ab",
        ("l", "b"),
        THREE.astype(str),
        "",
    ),
    "remarks": (
        "# measured by hand; 2020\n# in cm\n" + table(A, B, KINDS, header="l,b,species"),
        "ab",
        ("l", "b"),
        KINDS,
        "the first 2 lines are comments",
    ),
    "old Macintosh": (table(A, B, KINDS, header="l,b,species", end="\r"), "ab", ("l", "b"), KINDS, "found by its name"),
    "yes and no": (
        table(A, B, np.array(["Yes", "No"])[TWO], header="l,b,ill"),
        "ab",
        ("l", "b"),
        np.array(["Yes", "No"])[TWO],
        "text",
    ),
    "true and false": (
        table(A, B, TWO == 1, header="l,b,ill"),
        "ab",
        ("l", "b"),
        (TWO == 1).astype(str),
        "the only column of text",
    ),
    "plus and minus one": (
        table(A, B, np.array(["-1", "+1"])[TWO]),
        "ab",
        (),
        np.array(["-1", "1"])[TWO],
        "the last one",
    ),
    "blanks behind labels": (
        table(A, B, [f"{kind}  " for kind in KINDS], header="l,b,kind"),
        "ab",
        ("l", "b"),
        KINDS,
        "text",
    ),
    "a label in the middle": (table(A, KINDS, B, header="l,species,b"), "ab", ("l", "b"), KINDS, "column 2 (species)"),
    "everything in quotes": (table([f'"{a}"' for a in A], QUOTED), "a", (), KINDS, "the only column of text"),
    "a comma in a label": (
        table(A, [f'"{kind}, dry"' for kind in KINDS]),
        "a",
        (),
        [f"{k}, dry" for k in KINDS],
        "text",
    ),
    "points with x and y": (table(A, B, THREE, header="x,y,class"), "ab", ("x", "y"), THREE.astype(str), "(class)"),
    "a column without name": (
        table(A, B, THREE, header="l,,class"),
        "ab",
        ("l", "column 2"),
        THREE.astype(str),
        "(class)",
    ),
    "two without name": (
        table(A, B, C, THREE, header="l,,,class"),
        "abc",
        ("l", "column 2", "column 3"),
        THREE.astype(str),
        "",
    ),
    "a survey, no picture": (
        table(THREE, TWO, THREE, TWO, KINDS, header="q1_1,q1_2,q2_1,q2_2,species"),
        "3232",
        ("q1_1", "q1_2", "q2_1", "q2_2"),
        KINDS,
        "standardized",
    ),
}
COLUMNS = {"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "i": np.array(IDS), "3": THREE, "2": TWO}


@pytest.mark.parametrize("name", DIALECTS)
def test_every_way_of_writing_a_table(tmp_path, name):
    content, columns, names, labels, words = DIALECTS[name]
    path = tmp_path / "own.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    train, rows = loaded(path)
    x = np.column_stack([COLUMNS[letter] for letter in columns])
    assert rows == sorted((str(label), tuple(row)) for label, row in zip(labels, x.astype(float).tolist(), strict=True))
    assert train.feature_names == names
    assert train.kind == "table" and words in train.note


REFUSED = {
    "a column of units": (
        table(A, B, THREE, header="l,b,label\ncm,cm,"),
        "line 2, column 1 (l): expected a number, received 'cm'",
    ),
    "a remark at the end": (
        table(A, B, KINDS, header="l,b,species") + "# end\n",
        "line 32: expected 3 columns as before",
    ),
    "thousands": (
        table([f"{k},200" for k in COUNTER], THREE, separator=";"),
        "1,200. The comma may be a decimal comma",
    ),
    "thousands in quotes": (
        table([f'"{k},200"' for k in COUNTER], THREE, header="l,label"),
        "text such as '1,200' in column 1 (l)",
    ),
    "percent": (
        table([f"{k} %" for k in COUNTER], THREE, header="l,label"),
        "such as '1 %' in column 1 (l). Write numbers",
    ),
    "money": (table([f"${k}.00" for k in COUNTER], THREE, header="l,label"), "such as '$1.00' in column 1 (l)"),
    "dates": (table([f"2020-01-{k % 9 + 1}" for k in COUNTER], A), "such as '2020-01-9'"),
    "times": (table([f"12:0{k % 9}" for k in COUNTER], A), "different texts such as '12:08'"),
    "names of rows": (table([f"town {k}" for k in COUNTER], A), "with 30 different texts such as 'town 9'"),
    "two labels": (
        table(A, KINDS, THREE, header="l,species,target"),
        "column 3: expected one column of labels, received",
    ),
    "two texts": (
        table(KINDS, A, KINDS),
        "received text in column 1 and column 3. Choose the labels with --label-column",
    ),
    "two ends": (
        table(THREE, A, TWO),
        "could be column 1, with 3 different whole numbers from 0 to 2, or column 3",
    ),
    "a pixel for a label": (table(TWO, TWO, TWO), "Choose them with --label-column"),
    "letters and digits": (
        table(list("0123456789ABCDE" * 2), A, B),
        "column 1: expected a number, received 'A'; correct it, or",
    ),
    "no label": (table(A, B, C, header="l,b,h"), "To predict numbers, use --target NAME --loss mse"),
    "amounts as labels": (
        table(A, [k * 3 for k in IDS], header="l,target"),
        "received 30 different numbers in 30 rows",
    ),
    "fractions as labels": (table(A, np.array([0.5, 1.5])[TWO], header="l,y"), "received fractions such as 0.5"),
    "an empty column": (
        table(A, [""] * N, THREE, header="l,b,label"),
        "column 2 (b): expected a number, received an empty cell (one of 30)",
    ),
    "one label": (table(A, ["x"] * N, header="l,species"), "received the label x for all samples"),
    "one row": ("l,b,label\n1,2,0\n", "received the label 0 for all samples"),
    "LIBSVM": (table(2 * TWO - 1, [f"1:{a}" for a in A], separator=" "), "a LIBSVM file (index:value)"),
    "Weka": (
        "% made by hand\n@relation x\n@attribute l numeric\n",
        "line 2: expected rows of numbers, received a file of Weka",
    ),
    "a name twice": (
        table(A, B, THREE, header="# made\nl,l,label"),
        "line 2, column 2: expected a different name for each column",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_table_of_numbers_is_refused_with_a_remedy(tmp_path, name):
    content, words = REFUSED[name]
    path = tmp_path / "own.csv"
    path.write_text(content)
    with pytest.raises(DataError) as caught:
        data.load(path)
    assert words in str(caught.value) and str(path) in str(caught.value)


def test_classes_that_differ_in_capitals_are_remarked(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(table(A, np.array(["Setosa", "setosa", "other"])[THREE]))
    assert "Setosa and setosa are two classes that differ only in capital letters" in data.load(path)[0].note
    path.write_text(table(A, np.array(["a", "A", "b"])[THREE]))
    assert "capitals" not in data.load(path)[0].note
    path.write_text(table(A[:24], list("bDcAaBdC" * 3)))
    assert "".join(data.load(path)[0].class_names) == "AaBbCcDd"  # not by chance


def test_few_numbers_with_gaps_are_names(tmp_path):
    path = tmp_path / "own.csv"
    for labels, names in (
        ([3, 8], ("3", "8")),
        ([10, 20], ("10", "20")),
        ([-5, 2], ("-5", "2")),
        ([0, 300], ("0", "300")),
    ):
        path.write_text(table(A, np.array(labels)[TWO], header="l,label"))
        assert data.load(path)[0].class_names == names


def test_an_alphabet_of_one_sample_each_says_what_was_held_out(tmp_path):
    letters = [chr(97 + k) for k in range(26)]
    (tmp_path / "train.csv").write_text(table(letters, A[:26], B[:26], header="letter,l,b"))
    train, test = data.load(tmp_path / "train.csv")
    lacking = set(range(26)) - set(train.labels.tolist())
    assert len(lacking) == len(test) == 4
    assert f"has rows of {train.class_names[min(lacking)]}" in train.note
    (tmp_path / "test.csv").write_text(table(letters, B[:26], A[:26], header="letter,l,b"))
    train, test = data.load(tmp_path)
    assert train.labels.tolist() == test.labels.tolist() == list(range(26)) and "set has none" not in train.note


# --- what the user says ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "at"), [("first", 0), ("last", 2), ("2", 1), ("3", 2)])
def test_a_label_column_by_its_place(tmp_path, asked, at):
    path = tmp_path / "own.csv"
    path.write_text(table(THREE, TWO, THREE[::-1]))
    read = read_csv(path, Reading(label_column=asked))
    columns = [THREE, TWO, THREE[::-1]]
    assert read.labels.tolist() == columns.pop(at).tolist()
    assert np.array_equal(read.x, np.column_stack(columns))


def test_targets_are_numbers_and_may_be_several(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(table(A, B, C, TWO, header="l,b,h,k"))
    for target, columns in ((("b",), [1]), (("h", "l"), [2, 0]), (("k",), None)):
        read = read_csv(path, Reading(target=target))
        wanted = TWO.astype(float) if columns is None else X[:, columns]
        assert read.labels.dtype == np.float64 and np.array_equal(read.labels.reshape(wanted.shape), wanted)
        train, _ = data.load(path, target=target)
        assert train.class_names == () and train.outputs == len(target)
    path.write_text(table(A, B, KINDS, header="l,b,k"))
    with pytest.raises(DataError, match=r"line 2, column 3 \(k\): expected a number, received 'setosa'"):
        data.load(path, target=("k",))


def test_a_counter_is_a_feature_where_it_is_called_or_all_there_is(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(table(range(N), [2 * k + 1 for k in range(N)], header="x,y"))
    assert np.array_equal(read_csv(path, Reading(target=("y",))).x[:, 0], range(N))
    path.write_text(table(range(N), [2 * k + 1 for k in range(N)]))
    assert np.array_equal(read_csv(path, Reading(target=("last",))).x[:, 0], range(N))


def test_missing_cells_are_filled_with_the_mean_of_the_training_rows(tmp_path):
    for part, cells in (("train", [1, "", 3, 8] * 5), ("test", [100, "NA", "?", 100] * 5)):
        (tmp_path / f"{part}.csv").write_text(table(cells, A[:20], TWO[:20], header="l,b,label"))
    train, test = data.load(tmp_path, missing="mean")
    assert train.x[:, 0].tolist() == [1, 4, 3, 8] * 5
    assert test.x[:, 0].tolist() == [100, 4, 4, 100] * 5
    assert "15 empty cells are filled with the mean of the column in the training rows" in train.note
    train, test = data.load(tmp_path, missing="drop")
    assert train.x[:, 0].tolist() == [1, 3, 8] * 5 and test.x[:, 0].tolist() == [100, 100] * 5
    assert np.array_equal(test.x[:, 1], np.array(A)[:20].reshape(5, 4)[:, [0, 3]].ravel())
    assert "5 rows with empty cells are left out" in train.note and "test.csv: 10 rows with empty cells" in train.note
    with pytest.raises(
        DataError, match=r"train\.csv, line 3, column 1 \(l\): expected a number, received an empty cell"
    ):
        data.load(tmp_path)


def test_an_empty_cell_is_found_beside_a_one_hot_column_of_text(tmp_path):
    sizes, colours, kinds = [1, 2, "", 4, 5, 6, 7], ["red", "blue"] * 3 + ["red"], list("abababa")
    (tmp_path / "t.csv").write_text(table(sizes, colours, kinds, header="size,colour,kind"))
    with pytest.raises(DataError) as error:
        data.load(tmp_path / "t.csv", one_hot=["colour"])
    where = r"t\.csv, line 4, column 1 \(size\): expected a number, received an empty cell\. Use --missing mean"
    assert re.search(where, str(error.value))
    train, _ = data.load(tmp_path / "t.csv", one_hot=["colour"], missing="drop")
    assert "1 row with an empty cell is left out" in train.note
    assert "the only column of text that is not in one_hot" in train.note


def test_a_column_without_a_number_has_no_mean(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(table(A, ["NA"] * N, THREE, header="l,b,label"))
    with pytest.raises(DataError, match=r"received none for feature 2 \(b\); remove the column from the file"):
        data.load(path, missing="mean")


def test_one_hot_of_text_and_numbers(tmp_path):
    colours = np.array(["red", "blue", "10 m"])[THREE]
    (tmp_path / "train.csv").write_text(table(colours, A, TWO * 7, KINDS, header="colour,l,kind,species"))
    (tmp_path / "test.csv").write_text(table(colours[::-1], A, TWO, KINDS, header="colour,l,kind,species"))
    with pytest.raises(DataError, match=r"test\.csv, line 3, column 3 \(kind\): expected one of 0 and 7, as in the"):
        data.load(tmp_path, one_hot=("colour", "kind"))
    train, test = data.load(tmp_path, one_hot=("colour",))
    assert train.feature_names == ("colour=10 m", "colour=blue", "colour=red", "l", "kind")
    assert np.array_equal(train.x[:, :3], np.eye(3)[[2, 1, 0]][THREE])
    assert np.array_equal(test.x[:, :3], np.eye(3)[[2, 1, 0]][THREE[::-1]])


# --- training and test file ------------------------------------------------------------------------------------------


def both(folder, train, test):
    (folder / "train.csv").write_text(train)
    (folder / "test.csv").write_text(test)
    return folder


@pytest.mark.parametrize("header", ["species,b,l", "b,species,l", "b,l,species", "l,b,species"])
def test_columns_are_matched_by_their_names(tmp_path, header):
    cells = {"l": A, "b": B, "species": KINDS}
    test = table(*(cells[name][::-1] for name in header.split(",")), header=header)
    train, test = data.load(both(tmp_path, table(A, B, KINDS, header="l,b,species"), test))
    assert np.array_equal(train.x, X[:, :2]) and np.array_equal(test.x, X[::-1, :2])
    assert np.array_equal(train.labels, THREE) and np.array_equal(test.labels, THREE[::-1])
    assert ("are in another order" in train.note) == (header.replace(",species", "").replace("species,", "") != "l,b")


def test_a_test_file_with_more_columns_or_fewer(tmp_path):
    train = table(A, B, KINDS, header="l,b,species")
    more = table(A, C, B, KINDS, header="l,h,b,species")
    read, test = data.load(both(tmp_path, train, more))
    assert np.array_equal(test.x, X[:, :2]) and "h is not in the training file and is left out" in read.note
    with pytest.raises(DataError, match=r"test\.csv: expected the columns of the training file, received without b"):
        data.load(both(tmp_path, train, table(A, KINDS, header="l,species")))
    with pytest.raises(DataError, match=r"test\.csv: expected the names of the columns in the first line"):
        data.load(both(tmp_path, train, table(A, B, KINDS)))
    with pytest.raises(DataError, match=r"test\.csv: expected 3 columns, as the training file has, received 5 columns"):
        data.load(both(tmp_path, table(A, B, KINDS), table(A, B, C, C, KINDS)))


@pytest.mark.parametrize("first", [True, False])
def test_a_test_file_without_labels_is_no_test_set(tmp_path, first):
    columns = [KINDS, A, B] if first else [A, B, KINDS]
    for header in ("", "species,l,b" if first else "l,b,species"):
        test = table(A, B, header="l,b" if header else "")
        train, rest = data.load(both(tmp_path, table(*columns, header=header), test))
        assert (len(train), len(rest)) == (25, 5) and "are held out as the test set" in train.note
        plan = read_csv(tmp_path / "train.csv").plan
        read = read_csv(tmp_path / "test.csv", like=plan)
        assert read.labels is None and np.array_equal(read.x, X[:, :2])


def test_names_in_the_test_file_alone(tmp_path):
    train, test = data.load(both(tmp_path, table(A, B, KINDS), table(A, B, KINDS, header="l,b,species")))
    assert np.array_equal(test.x, train.x) and "names of its columns are ignored" in train.note
    with pytest.raises(DataError, match=r"test\.csv: expected no names of columns, as in the training file"):
        data.load(both(tmp_path, table(A, B, KINDS), table(KINDS, A, B, header="species,l,b")))


# --- like the files that once failed ---------------------------------------------------------------------------------

INK = RNG.integers(1, 256, (60, 49)) * (RNG.random((60, 49)) < 0.5)
INK[:, [0, 6, 42, 48]] = 0  # the corners are empty, as in images
TEN = np.arange(60) % 10
P = [f"p{k}" for k in range(49)]
FONT = RNG.integers(0, 2, (60, 35))


def rows(*parts, header=()):
    lines = np.column_stack(parts).tolist()
    return "\n".join([*([",".join(header)] if header else []), *(",".join(map(str, line)) for line in lines)]) + "\n"


ONCE = {
    "called character": (rows(TEN, INK, header=["character", *P]), INK, TEN, (7, 7)),
    "called digit, behind row numbers": (rows(range(1, 61), TEN, INK, header=["id", "digit", *P]), INK, TEN, (7, 7)),
    "called species, 9 features": (
        rows(INK[:, 8:17], TEN % 3, header=[*"abcdefghi", "species"]),
        INK[:, 8:17],
        TEN % 3,
        (9,),
    ),
    "called class, 16 features": (
        rows(TEN % 3, INK[:, 8:24], header=["class", *"abcdefghijklmnop"]),
        INK[:, 8:24],
        TEN % 3,
        (16,),
    ),
    "5 x 7 letters, label first": (rows(TEN, FONT), FONT, TEN, (35,)),
    "5 x 7 letters, label last": (rows(FONT, TEN), FONT, TEN, (35,)),
    "5 x 7 letters with one column more": (rows(TEN, FONT, FONT[:, 0] * 3), np.c_[FONT, FONT[:, 0] * 3], TEN, (36,)),
    "pendigits": (rows(INK[:, 8:24] % 101, TEN), INK[:, 8:24] % 101, TEN, (16,)),
    "pixels of 0 and 1": (rows(TEN, INK % 2), INK % 2, TEN, (7, 7)),
    "pixels of 0 to 16": (rows(INK % 17, TEN), INK % 17, TEN, (7, 7)),
    "classes from 1": (rows(TEN + 1, INK), INK, TEN + 1, (7, 7)),
    "one-hot first": (rows(np.eye(10, dtype=int)[TEN], INK), INK, TEN, (7, 7)),
    "numpy.c_ of pixels": (rows(INK.astype(float), TEN.astype(float)), INK, TEN, (7, 7)),
    "pixels from 1": (rows(TEN, INK, header=["label", *(f"pixel{k}" for k in range(1, 50))]), INK, TEN, (7, 7)),
    "pixels with a mark": (rows(TEN, INK, header=["y", *(f"Pixel_{k:02}" for k in range(49))]), INK, TEN, (7, 7)),
    "pixels by row and column": (
        rows(
            INK.reshape(60, 7, 7).transpose(0, 2, 1).reshape(60, 49),
            TEN,
            header=[*(f"px{j}_{i}" for i in range(7) for j in range(7)), "y"],
        ),
        INK,
        TEN,
        (7, 7),
    ),
}


@pytest.mark.parametrize("name", ONCE)
def test_small_files_like_those_that_once_failed(tmp_path, name):
    content, x, labels, sample = ONCE[name]
    path = tmp_path / "own.csv"
    path.write_text(content)
    train, read = loaded(path)
    assert train.sample_shape == sample
    assert read == sorted((str(label), tuple(row)) for label, row in zip(labels.tolist(), x.tolist(), strict=True))


@pytest.mark.full
def test_a_table_of_300_000_rows(tmp_path):
    count = 300_000
    x = np.arange(count * 3).reshape(count, 3) % 997 / 8
    labels = np.array(["a", "b"])[np.arange(count) % 2]
    path = tmp_path / "own.csv"
    path.write_text(table(*(column.tolist() for column in x.T), labels))
    read = read_csv(path)
    assert np.array_equal(read.x, x) and np.array_equal(read.labels, labels)
