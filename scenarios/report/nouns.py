"""The word for a sample: scenarios write "image", which becomes "row" for a table and "point" for data in the plane."""

from __future__ import annotations

import re

from .listed import Listed

IMAGE = "image"


def in_nouns(text: str, noun: str) -> str:
    """Return a text with the word for a sample in these data: "a row" for "an image". A finding keeps its table.

    Args:
        text: as a scenario writes it.
        noun: "image", "row" or "point".

    Example:
        >>> in_nouns('off for every one of the images', "row")
        'off for every one of the rows'
    """
    if noun == IMAGE:
        return text
    if isinstance(text, Listed):
        header = [in_nouns(each, noun) for each in text.header]
        return Listed(in_nouns(text.lead, noun), header, text.rows, in_nouns(text.end, noun))
    text = re.sub(r"\b([Aa])n image\b", rf"\1 {noun}", text)
    return re.sub(r"\bimage(s?)\b", rf"{noun}\1", text)
