"""README.md is true: its transcripts, examples, commands and pictures are those of the program as it is now.

`python -m tests.transcripts` renews the transcripts, `python -m tests.gallery` the pictures.
"""

import difflib
import re
import shlex

import pytest
from gallery import GALLERY, NAMES, PICTURES
from transcripts import (
    COMMAND,
    README,
    ROOT,
    alike,
    every_line,
    fits,
    folder_of_a_user,
    is_transcript,
    output_of,
    pieces_of,
    renewed,
    run,
    sections,
)

from neurosim.cli.main import COMMANDS, parse

TEXT = README.read_text("utf-8")
SECTIONS = sections(TEXT)
PAGES = {path: path.read_text("utf-8") for path in (README, GALLERY / "README.md", ROOT / "scenarios/bench/README.md")}
LONGEST = 10  # seconds of a command that the tests run, as README has it
INSTALL = ("pip install -e . && python main.py scenario", 'pip install -e ".[test]" && pytest')


def commands():
    """Every command of the README: its words, and its comment."""
    lines = [line for blocks in SECTIONS.values() for block in blocks for line in block.lines]
    found = [line.removeprefix("$ ") for line in lines if line.removeprefix("$ ").startswith("python main.py ")]
    prose = re.sub(r"^ {4}.*$", "", TEXT, flags=re.MULTILINE)
    found += [each for each in re.findall(r"`([^`]+)`", prose) if each.startswith("python main.py ")]
    return {shlex.join(shlex.split(each, comments=True)[2:]): each.partition("#")[2].strip() for each in found}


def titles():
    """The sections with a transcript."""
    return [title for title, blocks in SECTIONS.items() if any(is_transcript(block) for block in blocks)]


@pytest.mark.quick_for("First screen", "Step through a neuron", "Explore", "Program")
@pytest.mark.parametrize("title", titles())
def test_the_program_prints_what_the_readme_shows(title):
    names = {}
    with folder_of_a_user():
        for block in filter(is_transcript, SECTIONS[title]):
            now = output_of(block.lines, names)
            shown = pieces_of(block.lines)
            if not all(fits(one.shown, other.shown) for one, other in zip(shown, now, strict=True)):
                new = every_line(block.lines, now)
                pytest.fail("\n".join(difflib.unified_diff(block.lines, new, "README.md", "now", lineterm="")))


@pytest.mark.parametrize("words", commands())
def test_every_command_is_understood(words, monkeypatch):
    monkeypatch.setattr("sys.argv", ["main.py"])
    assert parse(shlex.split(words)).command in COMMANDS


def quick_commands():
    """The commands that take seconds, by their comments."""
    return [
        words for words, said in commands().items() if 0 < int((re.findall(r"^(\d+) s", said) or "0")[0]) <= LONGEST
    ]


@pytest.mark.quick_for("step")
@pytest.mark.parametrize("words", quick_commands())
def test_the_quick_commands_run(words):
    with folder_of_a_user():
        text, status = run(shlex.split(words))
    assert status == 0, text


def test_the_readme_is_short_and_has_the_two_lines_that_ci_runs():
    assert len(TEXT.splitlines()) <= 200
    script = (ROOT / ".ci/run").read_text("utf-8")
    for line in INSTALL:
        assert line in TEXT and line in script


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file_and_every_picture_has_its_command(page):
    for path in re.findall(r"(?:\]\(|src=\")([^)\"]+)", PAGES[page]):
        assert (page.parent / path).exists(), path
    for path, below in re.findall(r"(?:!\[[^]]*\]\(|<img src=\")([^)\"]+).*\n\n?((?:.+\n)*)", PAGES[page]):
        name = (page.parent / path).stem
        assert name in NAMES, path
        for each in {"first": ["page", "story"], "boundary": []}.get(name, [name]):
            assert f"`python main.py {PICTURES[each].command}`" in below, each
        assert name != "boundary" or "lines" in below
    assert sorted(path.stem for path in GALLERY.glob("*.png")) == sorted(NAMES)


# -- the comparison itself --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "now", "same"),
    [
        ("epoch 1/5  loss 0.4687  0.2 s", "epoch 1/5  loss 0.4690  13.5 s", True),
        ("test accuracy 96.95 %", "test accuracy 90.95 %", True),
        ("test accuracy 96.95 %", "test accuracy 9.95 %", False),
        ("relu  96.27 ± 0.21 %  -1.5 [-2.0, -1.0]  worse", "relu  96.3 ± 0.44 %  -1.4 [-1.8, -1.0]  worse", True),
        ("relu  96.27 ± 0.21 %  -1.5 [-2.0, -1.0]  worse", "relu  96.3 ± 0.44 %  -1.4 [-1.8, -1.0]  better", False),
        ("agree: relative error 1.3e-08", "agree: relative error 7e-07", True),
        ("2     97 %  ███████", "2     96 %  ██████", True),
        ("2     97 %  █", "3     97 %  █", False),
        ("trained", "learned", False),
    ],
)
def test_lines_are_compared_by_words_and_roughly_by_numbers(shown, now, same):
    assert alike(shown, now) is same


def test_three_dots_stand_for_any_lines():
    assert fits(["...", "b", "..."], ["a", "b"]) and fits(["a", "...", "c"], ["a", "b", "b", "c"])
    assert not fits(["a", "c"], ["a", "b", "c"]) and not fits(["...", "c"], ["a", "b"])


def test_a_renewed_transcript_keeps_its_cuts():
    now = ["data: digits", "layer 1, neuron 21", "why: it is the first", "one", "1/11 inputs", "  784 numbers"]
    shown = ["...", "layer 1, neuron 20", "chosen: it is the first", "...", "1/11 input", "..."]
    assert renewed(shown, now) == ["...", *now[1:3], "...", now[4], "..."]
    assert renewed(["data: digit", "..."], now) == [now[0], "..."] and renewed([], now) == now


def test_a_transcript_is_read_as_a_user_types_it():
    lines = [f"{COMMAND}step --top 1", "...", "(step) next", "2/11", "(step) quit"]
    assert [(each.typed, each.shown) for each in pieces_of(lines)] == [
        ([lines[0]], ["..."]),
        ([lines[2]], ["2/11"]),
        ([lines[4]], []),
    ]
    lines = [">>> for k in range(2):", "...     k", "0", "1", ">>> x = 3"]
    assert [(each.typed, each.shown) for each in pieces_of(lines)] == [(lines[:2], ["0", "1"]), ([lines[4]], [])]
