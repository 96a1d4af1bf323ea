"""The glossary of the page: where the terms of a text begin and end, and which words a search finds."""

import pytest
from engine_node import engine_in, needs_node

from neurosim.glossary import GLOSSARY

pytestmark = needs_node


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    return engine_in(tmp_path_factory.mktemp("engine"))


def ask(engine, words=GLOSSARY, **request):
    return engine.ask({"do": "glossary", "words": words, **request})[0]


def terms_of(parts):
    return [each["term"] for each in parts if "term" in each]


def test_a_text_is_cut_at_the_first_use_of_each_term_and_nothing_is_lost(engine):
    texts = [
        "Each step uses a batch. The next step uses other batches.",
        "2. Weighted sum",
        "steps",
        "No words here",
        "",
    ]
    parts = ask(engine, texts=texts)["parts"]
    assert ["".join(part["text"] for part in each) for each in parts] == texts
    assert list(map(terms_of, parts)) == [["step", "batch"], ["weighted sum"], ["step"], [], []]
    assert [part["text"] for part in parts[0]][1::2] == ["step", "batch"]


def test_the_longest_term_counts_and_parts_of_words_do_not(engine):
    texts = ["batch normalization", "a dead neuron", "unreasonable classification", "a one-hot label"]
    parts = ask(engine, texts=texts)["parts"]
    assert list(map(terms_of, parts)) == [["batch normalization"], ["dead neuron"], [], ["one-hot", "label"]]


def test_every_term_is_found_in_itself_and_has_its_meaning(engine):
    found = ask(engine, texts=list(GLOSSARY), terms=list(GLOSSARY), searches=["", *GLOSSARY])
    assert list(map(terms_of, found["parts"])) == [[term] for term in GLOSSARY]
    assert [text.replace("“", "`").replace("”", "`") for text in found["meanings"]] == list(GLOSSARY.values())
    assert found["found"][0] == list(GLOSSARY)
    assert all(term in each for term, each in zip(GLOSSARY, found["found"][1:], strict=True))


def test_a_search_ignores_case_and_puts_terms_before_meanings(engine):
    words = {"first": "It contains the word loss.", "loss": "A number.", "other": "Another one."}
    assert ask(engine, words, searches=[" LOSS ", "zzz"])["found"] == [["loss", "first"], []]


def test_an_older_page_without_a_glossary_marks_nothing(engine):
    found = ask(engine, {}, texts=["a step"], terms=["step"], searches=[""])
    assert found == {"parts": [[{"text": "a step"}]], "found": [[]], "meanings": [None], "empty": True}
