"""``glossary``: every word with its definition, or the words that were given."""

import pytest

from neurosim.glossary import GLOSSARY


def test_without_a_word_every_term_is_explained(cli):
    result = cli("glossary")
    assert result.code == 0 and result.err == ""
    assert max(map(len, result.out.splitlines())) <= 79
    assert [line.split("  ")[0] for line in result.out.splitlines() if not line.startswith(" ")] == list(GLOSSARY)
    said = " ".join(result.out.split())
    assert all(f"{term} {' '.join(text.split())}" in said for term, text in GLOSSARY.items())


@pytest.mark.parametrize(
    ("words", "terms"),
    [
        (["delta"], ["delta"]),
        (["Delta", "EPOCHS"], ["delta", "epoch"]),
        (["learning", "rate"], ["learning rate"]),
        (["batch", "normalization", "batches"], ["batch normalization", "batch"]),
        (["dead neuron", "neuron"], ["dead neuron", "neuron"]),
        (["loss", "biases", "loss"], ["loss", "bias"]),
    ],
)
def test_given_words_are_explained(words, terms, cli):
    lines = cli("glossary", *words).out.splitlines()
    assert [line.split("  ")[0] for line in lines if not line.startswith(" ")] == terms


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["detla"], "'detla' is not in the glossary; did you mean 'delta'?"),
        (["delta", "learnig", "rate"], "'learnig' is not in the glossary; did you mean 'learning rate'?"),
        (["qqqqq"], "'qqqqq' is not in the glossary (without a word, all words are listed)"),
    ],
)
def test_an_unknown_word_is_refused_with_the_nearest_one(words, says, cli):
    result = cli("glossary", *words)
    assert result.code == 2 and result.out == "" and result.err.startswith(f"error: {says}")


def test_help_ends_with_the_way_to_the_glossary(cli):
    assert cli("--help").out.endswith("\n\nWhat does a word mean? python main.py glossary delta\n")
