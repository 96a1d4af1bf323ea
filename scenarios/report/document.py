"""A document in two forms: Markdown, and a web page that is a single file.

A document is a list of blocks.  In their text, `backticks` set code; everything else stands for itself, whatever the
names of files, classes and data contain.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from neurosim.text import markdown, visible
from viz.colours import DARK_PAGE, LIGHT_PAGE


def _variables(colours: Mapping[str, str]) -> str:
    """Return colours as CSS variables."""
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())


COLOURS = f"""\
:root {{ color-scheme: light dark; {_variables(LIGHT_PAGE)} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK_PAGE)} }} }}
"""
STYLE = """\
body { max-width: 52rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; color: var(--text);
  background: var(--back); }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.2rem; border-bottom: 1px solid var(--rule); padding-bottom: .2rem; }
.lead { font-size: 1.2rem; font-weight: 600; }
.note { border-left: .3rem solid var(--mark); padding: .3rem .8rem; background: var(--band); font-weight: 600; }
figure { margin: 1.5rem 0; break-inside: avoid; } figcaption { color: var(--soft); }
img { max-width: 100%; height: auto; background: #fff; border-radius: .3rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
code { font-size: .9em; background: var(--band); padding: .1em .25em; border-radius: .2em; overflow-wrap: anywhere; }
@media print { body { max-width: none; margin: 0; font-size: 10pt; } h2 { break-after: avoid; }
  .wide { overflow: visible; } tr { break-inside: avoid; } }
"""


@dataclass(frozen=True)
class Heading:
    """A heading of level 1 (the title) or 2."""

    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; `kind` is "" (plain), "lead" (the question) or "note" (what must not be overlooked)."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Bullets:
    """A list."""

    items: Sequence[str]


@dataclass(frozen=True)
class Table:
    """A table; the first cell of each row names it."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Image:
    """A PNG beside the document, what it shows in a few words, how to read it, and the same in motion, a GIF."""

    path: Path
    alt: str
    caption: str
    film: Path | None = None


Block = Heading | Paragraph | Bullets | Table | Image


def to_markdown(blocks: Iterable[Block], folder: Path) -> str:
    """Return the document as Markdown for `folder`, with links to its images."""
    return "\n\n".join(_markdown(block, folder) for block in blocks) + "\n"


def _markdown(block: Block, folder: Path) -> str:
    if isinstance(block, Heading):
        return f"{'#' * block.level} {markdown(block.text)}"
    if isinstance(block, Paragraph):
        return {"": "{}", "lead": "**{}**", "note": "> **{}**"}[block.kind].format(markdown(block.text))
    if isinstance(block, Bullets):
        return "\n".join(f"- {markdown(item)}" for item in block.items)
    if isinstance(block, Image):
        text = f"![{markdown(block.alt)}]({_link(block.path, folder)})\n\n{markdown(block.caption)}"
        return f"{text} [In motion]({_link(block.film, folder)})." if block.film else text
    rows = [[_cell(cell) for cell in row] for row in (block.header, *block.rows)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|-" * len(block.header) + "|", *lines[1:]])


def _link(path: Path, folder: Path) -> str:
    return quote(path.relative_to(folder).as_posix())


def _cell(text: str) -> str:
    """Escape text in a table, where a bar ends the cell even in code."""
    return re.sub(r"(?<!\\)\|", r"\|", markdown(text))


def to_html(blocks: Sequence[Block]) -> str:
    """Return the document as a page that needs no other file: images, style and all are in it."""
    title = next((block.text for block in blocks if isinstance(block, Heading)), "")
    body = "\n".join(_html(block) for block in blocks)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(visible(title))}</title>\n<style>\n{COLOURS}{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _html(block: Block) -> str:
    if isinstance(block, Heading):
        return f"<h{block.level}>{_inline(block.text)}</h{block.level}>"
    if isinstance(block, Paragraph):
        return f'<p class="{block.kind}">{_inline(block.text)}</p>' if block.kind else f"<p>{_inline(block.text)}</p>"
    if isinstance(block, Bullets):
        return "<ul>\n" + "\n".join(f"<li>{_inline(item)}</li>" for item in block.items) + "\n</ul>"
    if isinstance(block, Image):
        caption = block.caption
        images = [_img(block.path, block.alt)]
        if block.film:
            images.append(_img(block.film, f"{block.alt}, in motion"))
            caption += " The second picture shows the same in motion."
        return "\n".join(["<figure>", *images, f"<figcaption>{_inline(caption)}</figcaption>", "</figure>"])
    header = "".join(f'<th scope="col">{_inline(cell)}</th>' for cell in block.header)
    rows = [
        f'<tr><th scope="row">{_inline(first)}</th>{"".join(f"<td>{_inline(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in block.rows
    ]
    return "\n".join(
        [
            '<div class="wide">',
            "<table>",
            f"<thead><tr>{header}</tr></thead>",
            "<tbody>",
            *rows,
            "</tbody>",
            "</table>",
            "</div>",
        ]
    )


def _img(path: Path, alt: str) -> str:
    """Return a picture that is part of the page itself."""
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img src="data:image/{path.suffix[1:]};base64,{data}" alt="{html.escape(visible(alt))}">'


def _inline(text: str) -> str:
    """Return text as HTML, with code between backticks."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(visible(text)))
