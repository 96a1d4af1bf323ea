"""How numbers, settings, counts and lists are written: each against what a reader expects."""

import math

import pytest

from neurosim import text

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (text.rounded(0.12345), "0.123"),
        (text.rounded(12.345), "12.3"),
        (text.rounded(999.6), "1,000"),
        (text.rounded(1234.5), "1,234"),
        (text.rounded(-54321.0, 2), "-54,321"),
        (text.rounded(0.0123456, 2), "0.012"),
        (text.rounded(1.2345e8), "1.23e+08"),
        (text.rounded(1e-9, 2), "1e-09"),
        (text.rounded(NAN), "-"),
        (text.rounded(INF), "inf"),
        (text.fixed(0.3), "0.30"),
        (text.fixed(-0.001), "0.00"),
        (text.fixed(2.5, 0), "2"),
        (text.fixed(NAN), "nan"),
        (text.points(0.01234), "1.23"),
        (text.points(-0.5, 0), "-50"),
        (text.mean_and_sd(97.4, 0.123), "97.40 ± 0.12"),
        (text.mean_and_sd(97.4, NAN, 1), "97.4"),
        (text.interval(-0.35, 1.2), "[-0.35, +1.20]"),
        (text.percent_more(1.031), "+3.1"),
        (text.percent_more(0.5), "-50.0"),
        (text.percent_more(25.0), "+2,400"),
        (
            text.typeset("L = -ln(a) - (-y / a) * -2, dL = -Σ y_k, x-axis"),
            "L = −ln(a) − (−y / a) × −2, dL = −Σ yₖ, x-axis",
        ),
        (text.typeset("-w falls by 2.3 % to 1e-08 -> delta"), "−w falls by 2.3\u00a0% to 1e−08 → δ"),
        (text.thousands(60000), "60,000"),
        (text.thousands(1234.56, 1), "1,234.6"),
    ],
)
def test_numbers(written, expected):
    assert written == expected


@pytest.mark.parametrize(
    ("share", "cautious", "certain"),
    [
        (0.0, "0 %", "0 %"),
        (0.0001, "< 1 %", "< 0.1 %"),
        (0.001, "< 1 %", "0.1 %"),
        (0.0034, "< 1 %", "0.3 %"),
        (0.0141, "1 %", "1.4 %"),
        (0.0151, "2 %", "2 %"),
        (0.744, "74 %", "74 %"),
        (0.9876, "99 %", "98.8 %"),
        (0.9999, "> 99 %", "> 99.9 %"),
        (1.0, "100 %", "> 99.9 %"),
    ],
)
def test_shares_that_are_not_rounded_to_all_or_nothing(share, cautious, certain):
    assert text.cautious_percent(share) == cautious.replace(" %", f"{text.NARROW}%")
    assert text.certainty(share) == certain.replace(" %", f"{text.NARROW}%")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((128, 64), "128,64"),
        ((), "none"),
        ([32], "32"),
        (None, "-"),
        (True, "yes"),
        (False, "no"),
        (0.00001, "0.00001"),
        (1e-9, "1e-09"),
        (64, "64"),
        ("adam", "adam"),
    ],
)
def test_values_of_settings(value, expected):
    assert text.setting(value) == expected


def test_lists_take_another_last_word():
    assert text.listing(["2", "8", "9"], "or") == "2, 8 or 9"
    assert text.listing(["a"], "or") == "a" and text.listing(["a, b", "c"]) == "a, b; and c"
    assert text.listing(["a, b", "c", "d"]) == "a, b; c; and d"


def test_names_keep_their_digits():
    assert [text.name_of(each) for each in (3, 3.0, 1234, "layer")] == ["3", "3", "1234", "layer"]


def test_what_computed():
    assert text.computed_with(1, "compiled") == "1 thread and the compiled engine"
    assert text.computed_with(2, "numpy") == "2 threads and the NumPy engine"
    assert text.computed_with(2, None) == "2 threads"  # of a run that did not record it
