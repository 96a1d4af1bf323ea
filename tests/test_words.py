"""Plain English: no retired words anywhere, and short sentences where a user reads.

python tests/test_words.py PATH ...     lists what is retired, and sentences over 20 words, in files of the project
"""

import argparse
import ast
import re
import sys
from pathlib import Path
from statistics import mean

import pytest

from neurosim.cli.main import COMMANDS, file_of
from neurosim.glossary import GLOSSARY

ROOT = Path(__file__).parents[1]
TEXTS = sorted(
    path
    for pattern in ("*.md", "*.toml", ".ci/*", *(f"{name}/**/*" for name in ("neurosim", "scenarios", "tests", "viz")))
    for path in ROOT.glob(pattern)
    if path.suffix in {"", ".md", ".toml", ".py", ".pyi", ".js", ".mjs", ".html", ".css"} and path.is_file()
    if path != Path(__file__) and "corpus" not in path.parts
)
LONGEST, MEAN = 28, 14  # words of a sentence

THINGS = "row|line|panel|bar|point|file|curve|column|figure|picture|block|map|film|page|dot|call|process|cell|entry"
NO = "class|classes|class labels|picture|pictures|image|images|number|numbers|file|folder|name|network|data|table"
RETIRED = {  # a pattern, and what to write instead
    r"what there (is|are)\b": "the thing itself: the images, the files",
    r"\bso many\b": "the first n, n of them",
    r"\bwho (is|are|gets|wins|learns|answers|stays|parts)\b": "which, that; a name",
    rf"\b(a|one|another) ({THINGS}) (a|an) (?!few|time\b)[a-z]+\b": "one row per seed",
    rf"(?<!there )(?<!There )\b(is|are) no ({NO})\b": "is not a number, are not class labels",
    r"\b(hold|holds|held|holding) (\w+ ){0,6}to (central|its own|their own|such a|slow)": "compare with, check against",
    r"\bh[eo]ld(s|ing)? back\b": "freeze, limit",
    r"\b(nothing|what) is asked for\b|\bas asked( for)?\b": "requested, given",
    r"\bsomebody\b|\bnobody\b": "the user, a program, no one",
    r"\banyone wants\b": "a layer needs",
    r"\bnothing to speak of\b": "nothing",
    r"\bone's own\b": "your own",
    r"\bsays? so\b": "the sentence that is said",
    r"\bin place of\b": "instead of",
    r"\blikewise\b": "the same words again",
    r"\blayers? of images\b": "convolutional layers, image layers",
    r"\bnumbers plugged in\b": "with the numbers filled in",
    r"\bby heart\b": "memorize, overfit",
    r"\btak(e|es|en) up again\b": "resumed",
    r"\bone's turn\b": "when it is needed",
    r"\b(at|of) (some|the last|every|each|a) look\b|\blooks at which\b": "when it was measured",
    r"largest, by number\b": "the largest ones",
    r"\bso it is\b[^.]*\bwrong\b": "which is wrong",
    r"\bothers each time\b": "different ones in each epoch",
    r"\bno copies any more\b|\bthat got there\b": "distinct; that reached it",
    r"expected no '--": "unknown option",
    r"\bnot so in what was made\b": "differs from",
    r"\bgo(es)? without\b": "do not use",
    r"\b(goes|went) by the\b": "uses, depends on",
    r"\bas (it|they) stands?\b": "unchanged",
    r"\b(Da|Dz|Dw|Db|Theta) (of|at|is)\b": "a parameter is never capitalised: da, dz, theta",
}


def flat(text):
    return " ".join(text.split())


def retired(text):
    """Every retired phrase of a text, with what to write instead."""
    text = flat(text)
    return [(match[0], instead) for pattern, instead in RETIRED.items() for match in re.finditer(pattern, text)]


def sentences(text):
    """The sentences of a text and items of its lists. What stands in backquotes counts as one word."""
    text = re.sub(r"`[^`\n]*`", "Code", text)
    parts = re.split(r"\n\s*\n|\n\s*(?:[-*|]|\d+\.)\s|(?<=[.!?])(?<!e\.g\.)[)\"']?\s+", text)
    return [flat(part) for part in parts if len(words(part)) > 3]


def words(sentence):
    return [word for word in sentence.split() if re.search(r"\w", word)]


def strings(path):
    """The strings of a Python file that are no docstrings; what an f-string fills in stands as one word."""
    tree = ast.parse(path.read_text("utf-8"))
    passed_over = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            passed_over |= {id(each) for each in node.values}
            yield node, "".join(each.value if isinstance(each, ast.Constant) else "{}" for each in node.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed_over:
            yield node, node.value


def python_files(*folders):
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def of_readme():
    prose = re.sub(r"```.*?```", "", (ROOT / "README.md").read_text("utf-8"), flags=re.DOTALL)
    prose = re.sub(r"^ {4}.*$", "", prose, flags=re.MULTILINE)
    return [re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", prose)]


def of_help():
    for name, command in COMMANDS.items():
        yield command.summary
        parser = argparse.ArgumentParser()
        file_of(name).add_options(parser)
        yield from (each.help for each in parser._actions if each.help and each.help != argparse.SUPPRESS)


def of_errors():
    for path in python_files("neurosim", "scenarios", "viz"):
        tree = ast.parse(path.read_text("utf-8"))
        raised = {id(each) for node in ast.walk(tree) if isinstance(node, ast.Raise) for each in ast.walk(node)}
        places = {(n.lineno, n.col_offset) for n in ast.walk(tree) if id(n) in raised and hasattr(n, "lineno")}
        yield from (text for node, text in strings(path) if (node.lineno, node.col_offset) in places)


def of_walk():
    for name in ("words", "filter_words", "update_words", "figure_words", "stepper", "update", "undo", "check"):
        yield from (text for _, text in strings(ROOT / f"neurosim/walk/{name}.py"))
    yield from (text for _, text in strings(ROOT / "neurosim/cli/prompt.py"))


def of_findings():
    for path in python_files("scenarios/questions", "scenarios/report"):
        yield from (text for _, text in strings(path) if "max-width" not in text)  # a style sheet


WHERE = {"README": of_readme, "help": of_help, "errors": of_errors, "walk": of_walk, "findings": of_findings}


@pytest.mark.quick_for("help", "walk", "findings")
@pytest.mark.parametrize("where", WHERE)
def test_sentences_that_users_read_are_short(where):
    lengths = {sentence: len(words(sentence)) for text in WHERE[where]() for sentence in sentences(text)}
    long = [sentence for sentence, length in lengths.items() if length > LONGEST]
    assert not long
    assert len(lengths) > 20 and mean(lengths.values()) <= MEAN, mean(lengths.values())


def test_no_retired_word():
    found = {str(path.relative_to(ROOT)): retired(path.read_text("utf-8")) for path in TEXTS}
    assert len(found) > 400 and {path: phrases for path, phrases in found.items() if phrases} == {}


def test_the_glossary_is_in_plain_words():
    assert len(GLOSSARY) >= 40 and list(GLOSSARY) == sorted(GLOSSARY)
    for term, meaning in GLOSSARY.items():
        assert meaning[0].isupper() and meaning.endswith("."), term
        assert all(len(words(sentence)) <= 20 for sentence in sentences(meaning)), term


@pytest.mark.parametrize(
    "phrase", ["a row a seed", "these are no classes", "so many images", "print what there is", "who is in front"]
)
def test_retired_words_are_found(phrase):
    assert retired(f"It may be that {phrase}.")


if __name__ == "__main__":
    for each in sys.argv[1:]:
        for file in [Path(each)] if Path(each).is_file() else sorted(Path(each).rglob("*.*")):
            if file.suffix not in {".py", ".md", ".js", ".html"}:
                continue
            for phrase, instead in retired(file.read_text("utf-8")):
                print(f"{file}: {phrase!r}: {instead}")
            texts = [text for _, text in strings(file)] if file.suffix == ".py" else [file.read_text("utf-8")]
            for sentence in (sentence for text in texts for sentence in sentences(text)):
                if len(words(sentence)) > 20:
                    print(f"{file}: {len(words(sentence))} words: {sentence}")
