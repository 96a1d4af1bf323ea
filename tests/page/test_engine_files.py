"""The page's JavaScript files: Node can read them, they can be joined, and they are short and separate."""

import re
import subprocess

import pytest
from engine_node import JS, NODE, needs_node

from neurosim.page.joiner import Module, join
from neurosim.page.stripping import tokens

MODULES = sorted(path.relative_to(JS).as_posix() for path in JS.rglob("*.js"))
IN_THE_ENGINE = [name for name in MODULES if name.startswith("engine/")]


def code_of(name):
    """Return the code of a module without its comments, texts and patterns."""
    read = tokens(name, (JS / name).read_text("utf-8"))
    return "".join(each.text if each.kind in ("space", "name", "number", "mark") else " " for each in read)


@needs_node
def test_every_module_is_javascript():
    read = "process.argv.slice(1).map((path) => new vm.SourceTextModule(fs.readFileSync(path, 'utf-8')).status).join()"
    asked = [NODE, "--experimental-vm-modules", "--no-warnings", "-p", read, *(JS / name for name in MODULES)]
    result = subprocess.run(asked, check=True, timeout=60, capture_output=True, text=True)
    assert result.stdout.strip().split(",") == ["unlinked"] * len(MODULES)  # read, and none was run


@needs_node
@pytest.mark.parametrize("entry", ["worker.js", "hook.js", "model.js"])
def test_joined_it_is_javascript_too(tmp_path, entry):
    path = tmp_path / "joined.cjs"
    path.write_text(join(JS, entry), "utf-8")
    subprocess.run([NODE, "--check", path], check=True, timeout=60)


@pytest.mark.parametrize("name", MODULES)
def test_no_module_is_too_long_or_without_a_word_on_what_it_is(name):
    text = (JS / name).read_text("utf-8")
    assert len(text.splitlines()) <= 400
    assert text.startswith(("//", "/*"))


@pytest.mark.parametrize("name", IN_THE_ENGINE)
def test_the_engine_knows_no_document(name):
    assert not re.search(r"\b(?:document|window|self|localStorage|fetch|setTimeout)\b", code_of(name))
    assert all(other.startswith("engine/") for other in Module(name, (JS / name).read_text("utf-8")).needs)


@pytest.mark.parametrize("name", MODULES)
def test_nothing_of_the_policy_is_broken(name):
    code = code_of(name)
    assert not re.search(r"\b(?:eval|Function|importScripts|XMLHttpRequest|WebSocket|EventSource|fetch)\s*\(", code)
    assert not re.search(r"\.(?:innerHTML|insertAdjacentHTML)\b", code)
