"""Names of files, classes and features with anything in them: every command ends well, no control character is sent."""

import csv
import re

import numpy as np
import pytest
from cli_runner import run_cli
from PIL import Image

from neurosim.text import markdown, visible

BAD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
CLASSES = ["$x_$", "\x1b[31mred\x1b[0m", "<b>|`c`\u202e", r"$\frac{"]
FEATURES = ["_a_", "$f_$", "\x07bell", "[x](javascript:y)"]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A CSV of flowers with such names, in a file of such a name."""
    folder = tmp_path_factory.mktemp("data") / "$d_$\x1b[1m<i>_x_"
    folder.mkdir()
    path = folder / "a$b_$\x1b[31m\u202e<b>.csv"
    rng = np.random.default_rng(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow([*FEATURES, "kind"])
        for k in range(120):
            rows.writerow([*np.round(rng.normal(k % 4, 0.4, 4), 3), CLASSES[k % 4]])
    return path


def clean(result):
    """A command that ended well, and sent nothing to the terminal that moves or colours it."""
    assert result.code == 0, result.err[-500:]
    assert "Traceback" not in result.err and not BAD.search(result.out.replace("\r", "")), ascii(result.out)
    assert not BAD.search(result.err.replace("\r", "")), ascii(result.err)
    return result


@pytest.fixture(scope="module")
def trained(table, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "o$ut_$\x1b[31m"
    clean(run_cli("train", "--data", table, "--epochs", "2", "--hidden", "6", "--out", out))
    return out


def test_train_writes_everything(trained):
    made = {path.name for path in trained.iterdir()}
    assert {"net.npz", "confusion_matrix.png", "learning_curves.png", "weights.png"} <= made


@pytest.mark.quick_for("data", "inspect", "inspect --layer 1", "explore TABLE --out")
@pytest.mark.parametrize("words", [
    ["data", "--data", "TABLE"],
    ["inspect", "NET", "--data", "TABLE"],
    ["inspect", "NET", "--data", "TABLE", "--layer", "1", "--neuron", "2", "--out", "OUT"],
    ["step", "--model", "NET", "--data", "TABLE", "--plot", "OUT", "--animate"],
    ["explore", "--model", "NET", "--data", "TABLE", "--out", "OUT/page.html"],
], ids=lambda words: " ".join(words[:1] + words[4:6]))  # fmt: skip
def test_every_command_ends_well(words, table, trained, tmp_path):
    places = {"TABLE": str(table), "NET": str(trained / "net.npz"), "OUT": str(tmp_path / "o$_$\x1b[1m")}
    for name, path in places.items():
        words = [each.replace(name, path) for each in words]
    (tmp_path / "o$_$\x1b[1m").mkdir()
    clean(run_cli(*words))


@pytest.mark.full
def test_folders_of_pictures_too(tmp_path):
    rng = np.random.default_rng(0)
    for k, name in enumerate(["$x_$", "\x1b[31mred", "b|`c`\u202e"]):
        (tmp_path / "d$_$" / name).mkdir(parents=True)
        for i in range(12):
            pixels = np.full((12, 12), 255, np.uint8)
            pixels[2 + k : 9, 3 : 6 + k] = rng.integers(0, 60)
            Image.fromarray(pixels).save(tmp_path / "d$_$" / name / f"{i}$_\x07.png")
    data, out = tmp_path / "d$_$", tmp_path / "out"
    clean(run_cli("data", "--data", data, "--preview", "--out", out))
    clean(run_cli("train", "--data", data, "--epochs", "1", "--hidden", "4", "--out", out))
    clean(run_cli("predict", out / "net.npz", *data.glob("*/0*.png"), "--out", out / "read"))
    assert {"mistakes.png", "confusion_matrix.png"} <= {path.name for path in out.iterdir()}


def test_an_error_shows_the_name_it_speaks_of(tmp_path):
    result = run_cli("data", "--data", tmp_path / "no\x1b[31m\u202e.csv")
    assert result.code == 2 and not BAD.search(result.err) and r"no\x1b[31m\u202e.csv" in result.err


@pytest.mark.full
def test_a_report_holds_no_markup_of_names(table, tmp_path):
    clean(run_cli(
        "compare", "--vary", "optimizer=sgd,adam", "--data", table, "--epochs", "1", "--hidden", "4", "--seeds", "2",
        "--out", tmp_path / "r<b>$",
    ))  # fmt: skip
    (report,) = tmp_path.rglob("report.md")
    text = report.read_text(encoding="utf-8")
    outside = re.sub(r"`[^`\n]*`", "", text)
    assert not re.search(r"(?<!\\)<[a-z/]", outside) and not BAD.search(text)
    page = report.with_suffix(".html").read_text(encoding="utf-8")
    assert "<b>" not in page and not BAD.search(page)


@pytest.mark.parametrize(("name", "written"), [
    ("<b>x</b>", r"\<b\>x\</b\>"),
    ("a|b", r"a\|b"),
    ("[x](javascript:y)", r"\[x\](javascript:y)"),
    ("_a_ batch_size", r"\_a\_ batch_size"),
    ("$x$ `x|y` `", r"\$x\$ `x|y` \`"),
    ("a\n\n# b", "a # b"),
    ("# b", r"\# b"),
    ("1. b", r"1\. b"),
    ("-0.35", "-0.35"),
    ("\x1b[0m\u202e", r"\\x1b\[0m\u202e".replace("\\\\x", "\\x")),
])  # fmt: skip
def test_markdown_says_just_this(name, written):
    assert markdown(name) == written


def test_what_is_not_to_be_seen_is_an_escape():
    assert (
        visible("a\x00\x07\x1b\x7f\x9b\u202e\u2066\n\t\r😀é")
        == r"a\x00\x07\x1b\x7f\x9b\u202e\u2066" + "\n\t" + r"\r".replace(r"\r", r"\x0d") + "😀é"
    )
    assert visible("caf\udce9") == r"caf\xe9"
