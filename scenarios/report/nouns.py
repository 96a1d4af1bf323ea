"""Texts of scenarios speak of images; of a table they say rows, of data in the plane points."""

from __future__ import annotations

import re

from .listed import Listed

IMAGE = "image"


def in_nouns(text: str, noun: str) -> str:
    """A text with what a sample is called in these data: "an image" as "a row"; a finding with a table stays one.

    Args:
        text: as a scenario writes it.
        noun: "image", "row" or "point".

    Example:
        >>> in_nouns("off for every one of the images", "row")
        'off for every one of the rows'
    """
    if noun == IMAGE:
        return text
    if isinstance(text, Listed):
        header = [in_nouns(each, noun) for each in text.header]
        return Listed(in_nouns(text.lead, noun), header, text.rows, in_nouns(text.end, noun))
    text = re.sub(r"\b([Aa])n image\b", rf"\1 {noun}", text)
    return re.sub(r"\bimage(s?)\b", rf"{noun}\1", text)
