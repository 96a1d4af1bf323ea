"""``glossary``: explain the words that neurosim uses."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ..errors import NeurosimError
from ..glossary import GLOSSARY
from ..registry import did_you_mean
from .terminal import wrapped


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `glossary`."""
    parser.add_argument("terms", nargs="*", metavar="TERM", help="words to explain [all of them]")


def run(arguments: argparse.Namespace) -> None:
    """Explain the words that neurosim uses, such as delta or epoch."""
    print(explained(terms_in(arguments.terms) or list(GLOSSARY)))


def explained(terms: Sequence[str]) -> str:
    """Return each term with its definition beside it, in 80 columns."""
    width = max(map(len, terms)) + 2
    return "\n".join(wrapped(f"{term:<{width}}{GLOSSARY[term]}", indent=width) for term in terms)


def terms_in(words: Sequence[str], help_: str = "without a word, all words are listed") -> list[str]:
    """Return the terms that some words name. A term may have several words, and may be in the plural.

    `help_` tells, in an error, how to list all terms.

    Raises:
        NeurosimError: a word is not in the glossary.
    """
    rest, found = [each for word in words for each in word.split()], list[str]()
    while rest:
        for count in range(len(rest), 0, -1):  # "learning rate" before "learning"
            term = term_of(" ".join(rest[:count]))
            if term is not None:
                break
        else:
            hint = did_you_mean(" ".join(rest), GLOSSARY) or did_you_mean(rest[0], GLOSSARY)
            raise NeurosimError(f"{rest[0]!r} is not in the glossary{hint} ({help_})")
        found.append(term)
        rest = rest[count:]
    return list(dict.fromkeys(found))


def term_of(text: str) -> str | None:
    """Return the term that a text is, in upper or lower case, in the singular or the plural; None if it is not one."""
    text = text.lower()
    return next((each for each in (text, text.removesuffix("s"), text.removesuffix("es")) if each in GLOSSARY), None)
