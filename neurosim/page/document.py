"""The HTML file: a template, in whose marks style, manifest, blobs and scripts are put."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from ..errors import NeurosimError
from ..text import readable
from .joiner import check_for_html, join
from .packing import as_text
from .stripping import stripped_script, stripped_style

HERE = Path(__file__).parent
MARK = re.compile(r"\{\{(\w+)\}\}")
NO_LETTERS = re.compile("[\ud800-\udfff]+")  # bytes of a file's name that are no UTF-8
MARKS = ("title", "style", "manifest", "blobs", "script", "loader")
FILES = {"template": "page.html", "style": "style.css", "loader": "js/loader.js"}  # the last unpacks the program
PROGRAM, WORKER = "main.js", "worker.js"  # the modules with which the page, and its worker, begin


@cache
def code() -> dict[str, str]:
    """The page without anything of a network: template, style, program and what unpacks it, by name.

    The program is packed, to a third of its size; its source is `neurosim/page/js`.

    Raises:
        NeurosimError: a file is missing, or a module holds what the joiner does not understand.
    """
    try:
        found = {name: (HERE / file).read_text("utf-8") for name, file in FILES.items()}
    except OSError as error:
        raise NeurosimError(f"page: expected its files in {HERE}, cannot read one: {error.strerror}") from None
    marks = MARK.findall(found["template"])
    if sorted(marks) != sorted(MARKS):
        raise NeurosimError(f"page.html: expected each of the marks {', '.join(MARKS)} once, received {marks}")
    style = stripped_style(FILES["style"], found["style"])
    if "</" in style:
        raise NeurosimError(f"{FILES['style']}: expected no '</', which has a meaning in a page")
    loader = stripped_script(FILES["loader"], found["loader"])
    check_for_html(FILES["loader"], loader)
    _, script = as_text(program().encode())
    return found | {"style": style, "loader": loader, "script": script}


def program() -> str:
    """The script of the page and of its worker, as it lies packed in the page."""
    return join(HERE / "js", PROGRAM, WORKER)


def code_size() -> int:
    """How many bytes the page has before it holds a network."""
    return sum(len(text.encode()) for text in code().values())


def as_html(title: str, manifest: dict[str, Any], blobs: Sequence[str]) -> str:
    """The whole page as HTML.

    Args:
        title: its name, as text.
        manifest: JSON-ready, without NaN.
        blobs: in base64, in their order.
    """
    parts = code()
    filled = {
        "title": escape(readable(title)),
        "style": parts["style"],
        "manifest": as_json(manifest),
        "blobs": "\n".join(
            f'<script type="application/octet-stream" id="blob-{k}">{text}</script>' for k, text in enumerate(blobs)
        ),
        "script": parts["script"],
        "loader": parts["loader"],
    }
    return MARK.sub(lambda mark: filled[mark[1]], parts["template"])


def as_json(value: Any) -> str:
    """Strict JSON that may stand in a script element: without NaN, and without any "<" that could end the element."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    text = NO_LETTERS.sub(lambda found: json.dumps(readable(found[0]), ensure_ascii=False)[1:-1], text)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
