"""The list of all files in CONTRIBUTING.md, each with the first sentence of the file itself.

python -m tests.first_lines          write the list anew
"""

import ast
import re
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
HEADING = "## Every file, in its own words\n"
FOLDERS = ("neurosim", "scenarios", "viz")


def first_sentence(path: Path) -> str:
    """Return the first sentence of a file: of its docstring, or of the comment at its top."""
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        top = ast.get_docstring(ast.parse(text)) or ""
    else:
        top = re.sub(r"^// ?", "", "".join(re.findall(r"\A((?://.*\n)+)", text)), flags=re.MULTILINE)
    paragraph = " ".join(top.partition("\n\n")[0].split())
    return re.split(r"(?<=[.:]) (?=[A-Z`0-9])|$", paragraph)[0].replace("``", "`").rstrip(".:")


def files() -> list[Path]:
    """Return every file of the program that says what it is, folder by folder."""
    found = (path for name in FOLDERS for end in ("py", "js") for path in (ROOT / name).rglob(f"*.{end}"))
    return sorted((path for path in found if path.name != "__init__.py"), key=lambda path: (path.parent, path.name))


def listed() -> str:
    """Return the section of CONTRIBUTING.md that lists the files."""
    lines = [HEADING, "`python -m tests.first_lines` writes this list from the first sentence of each file."]
    for folder, paths in groupby(files(), key=lambda path: path.parent):
        lines += ["", f"**`{folder.relative_to(ROOT).as_posix()}/`**", ""]
        lines += [f"- `{path.name}`: {first_sentence(path)}" for path in paths]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Replace the list, which is the last section of CONTRIBUTING.md."""
    text = CONTRIBUTING.read_text("utf-8").partition(HEADING)[0].rstrip("\n")
    CONTRIBUTING.write_text(f"{text}\n\n{listed()}", "utf-8")


if __name__ == "__main__":
    main()
