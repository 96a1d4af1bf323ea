"""The HTML file: a template whose marks are replaced with style, manifest, blobs and scripts."""

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
NO_LETTERS = re.compile("[\ud800-\udfff]+")  # bytes of a file name that are not UTF-8
MARKS = ("title", "style", "manifest", "blobs", "script", "loader")
FILES = {"template": "page.html", "style": "style.css", "loader": "js/loader.js"}  # the loader unpacks the program
PROGRAM, WORKER = "main.js", "worker.js"  # the first modules of the page and of its worker


@cache
def code() -> dict[str, str]:
    """Return the parts of the page that do not depend on a network, by name.

    They are the template, the style, the packed program and its loader. The program's source is `neurosim/page/js`.

    Raises:
        NeurosimError: a file is missing, or a module has a form that the joiner does not know.
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
    """Return the script of the page and of its worker, before it is packed."""
    return join(HERE / "js", PROGRAM, WORKER)


def code_size() -> int:
    """Return the size in bytes of a page without a network."""
    return sum(len(text.encode()) for text in code().values())


def as_html(title: str, manifest: dict[str, Any], blobs: Sequence[str]) -> str:
    """Return the whole page as HTML.

    Args:
        title: the title, as text.
        manifest: JSON-ready, without NaN.
        blobs: texts in base64, in order.
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
    """Write strict JSON for a script element: without NaN, and without any "<" that could end the element."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    text = NO_LETTERS.sub(lambda found: json.dumps(readable(found[0]), ensure_ascii=False)[1:-1], text)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
