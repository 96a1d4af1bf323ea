"""How the command line draws a sample."""

import io
import os
import warnings

import numpy as np
import pytest

from neurosim.cli.picture import has_blocks, picture
from neurosim.cli.terminal import speak_plainly, warnings_as_prose
from neurosim.errors import NeurosimWarning
from neurosim.walk import figure_words, words

SQUARE = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 9]])


def test_two_rows_of_pixels_are_one_line_of_half_blocks():
    assert picture(np.array([[0, 1, 0], [1, 1, 0], [0, 0, 0], [0, 0, 1]]), True) == "▄█\n  ▄"
    assert picture(np.array([[1, 0, 1]]), True) == "▀ ▀"


def test_plain_characters_grow_darker():
    said = picture(np.array([[0, 3, 6, 9], [0, 3, 6, 9]]), False)
    darkness = " .:-=+*#%@"
    assert [darkness.index(each) for each in said] == [0, 3, 6, 9] and said.isascii()


def test_empty_rows_above_and_below_are_left_out_and_the_shape_is_kept():
    blank = np.zeros((28, 28))
    blank[10:14, 5] = 1.0
    assert picture(blank, True) == "     █\n     █"


@pytest.mark.parametrize("image", [np.zeros((4, 4)), np.ones((4, 4)), np.eye(200)])
def test_nothing_is_drawn_of_an_even_or_a_wide_image(image):
    assert picture(image, True) == "" == picture(image, False)


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("utf-8", True), ("cp437", True), ("ascii", False), ("latin-1", False), ("cp1252", False)],
)
def test_half_blocks_only_where_they_can_be_written(encoding, expected):
    assert has_blocks(io.TextIOWrapper(io.BytesIO(), encoding=encoding)) == expected
    assert has_blocks(io.StringIO()) and has_blocks(None)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_the_walk_can_be_written_where_there_is_no_unicode(encoding):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    speak_plainly(stream)
    stream.write("z = Σ w x + b;  m = β₁ * m;  √v_hat + ε;  g²;  θ ← θ - step")
    stream.flush()
    square = "^2" if encoding == "ascii" else "²"
    expected = f"z = sum w x + b;  m = beta1 * m;  sqrtv_hat + epsilon;  g{square};  theta <- theta - step"
    assert raw.getvalue().decode(encoding) == expected


def test_every_character_of_the_walk_has_a_plain_form():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    speak_plainly(stream)
    said = str([value for file in (words, figure_words) for name, value in vars(file).items() if name.isupper()])
    stream.write(said.replace("?", ""))
    stream.flush()
    assert b"?" not in raw.getvalue()


def test_streams_that_can_write_everything_are_left_alone():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="utf-8")
    speak_plainly(stream, None, io.StringIO())
    said = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x11000)]))
    stream.write(said)
    stream.flush()
    assert raw.getvalue().decode() == said


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("utf-8", "caf\\xe9/ä"), ("ascii", "caf\\xe9/?"), ("cp1252", "caf\\xe9/ä"), ("cp932", "caf\\xe9/?")],
)
def test_bytes_of_a_name_that_are_no_text_are_written_out(encoding, expected):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    speak_plainly(stream)
    stream.write(os.fsdecode(b"caf\xe9/") + "ä")  # é in Latin-1
    stream.flush()
    assert raw.getvalue().decode(encoding) == expected


def test_a_warning_is_a_sentence_without_a_line_of_code(capsys):
    with warnings_as_prose():
        warnings.warn("x goes from 0 to 254.7: " + "training may not get far; " * 3, NeurosimWarning, stacklevel=1)
    err = capsys.readouterr().err
    assert " ".join(err.split()) == "warning: x goes from 0 to 254.7: " + " ".join(["training may not get far;"] * 3)
    assert max(map(len, err.split("\n"))) < 80
    with pytest.warns(UserWarning, match="another's"), warnings_as_prose():
        warnings.warn("another's", UserWarning, stacklevel=1)
