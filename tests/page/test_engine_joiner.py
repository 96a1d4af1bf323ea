"""The joiner: joined modules do the same in Node as the modules; unknown forms are refused."""

import json
import re
import shutil
import subprocess

import pytest

from neurosim.errors import NeurosimError
from neurosim.page.joiner import join

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="no Node: install it (apt-get install nodejs) for these tests")


def write(folder, **files):
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".js")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def run_in_node(folder, script):
    path = folder / "joined.cjs"
    path.write_text(script, "utf-8")
    return json.loads(subprocess.run([NODE, path], capture_output=True, text=True, check=True, timeout=60).stdout)


TRICKY = r"""
// import { nothing } from "./nowhere.js";  a comment
/* export default 1; */
export const texts = ["// no comment", 'import { x } from "./y.js"', `
import { inner } from "./in_a_template.js";
export const ${[1, 2].map((k) => `inner ${k} }`).join("{")} // text
`, "it's", 'a "quote"', "back\\slash\"", `\`tick\``];
export const patterns = [/["'`]/g.source, /[/"]\//.source, "a/b".replace(/\//, "|"),
  String(8 / 2 / 2), String((6) / 3)];
export const object = { import: 1, export: 2 }.import;
export class Pair { constructor(a) { this.a = a; } get half() { return this.a /2; } }
export async function later() { return 1; }
export function* count() { yield 1; yield 2; }
const inside = 5, other = 6;
export { inside, other };
"""


@needs_node
def test_joined_modules_do_what_the_modules_do(tmp_path):
    main = """import { texts, patterns, object as found, Pair,
  count, inside } from "./lib/tricky.js";
import * as numbers from "./numbers.js";
import "./side.js";
const inside2 = inside;  // a name of its own
export { inside2 };
console.log(JSON.stringify({ texts, patterns, found, half: new Pair(3).half, count: [...count()], inside,
  sum: numbers.add(1, 2), side: globalThis.side }));
"""
    numbers = "import { zero } from './lib/zero.js';\nexport function add(a, b) { return a + b + zero; }\n"
    files = {
        "main": main,
        "lib__tricky": TRICKY,
        "numbers": numbers.replace("'", '"'),
        "lib__zero": "export const zero = 0;",
        "side": "globalThis.side = 'ran';",
    }
    write(tmp_path, **files)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    asked = [NODE, tmp_path / "main.js"]
    expected = json.loads(subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60).stdout)
    script = join(tmp_path, "main.js")
    assert run_in_node(tmp_path, script) == expected
    assert "a comment" not in script and "// no comment" in script
    assert script.index("zero = 0") < script.index("function add") < script.index("console.log")


@needs_node
def test_a_module_that_two_import_runs_once(tmp_path):
    write(
        tmp_path,
        main='import { a } from "./a.js";\nimport { b } from "./b.js";\nconsole.log(JSON.stringify([a, b]));',
        a='import { counted } from "./c.js";\nexport const a = counted();',
        b='import { counted } from "./c.js";\nexport const b = counted();',
        c="const state = { count: 0 };\nexport function counted() { state.count += 1; return state.count; }",
    )
    assert run_in_node(tmp_path, join(tmp_path, "main.js")) == [1, 2]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("export default 1;", "forms that the joiner knows"),
        ("export let a = 1;", "forms that the joiner knows"),
        ('export * from "./a.js";', "forms that the joiner knows"),
        ('export { a } from "./a.js";', "forms that the joiner knows"),
        ("export const { a } = b;", "a name after export"),
        ("export { a as b };", "plain names"),
        ('import a from "./a.js";', "forms that the joiner knows"),
        ("const a = await import('./a.js');", "forms that the joiner knows"),
        ("const here = import.meta.url;", "forms that the joiner knows"),
        ('  import { a } from "./a.js";', "forms that the joiner knows"),
        ('import { a } from "./a.js"; const b = 1;', "forms that the joiner knows"),
        ("import { a } from './a.js';", "forms that the joiner knows"),
        ('import { a } from "a";', "begins with ./"),
        ('import { a } from "../a.js";', "inside the folder"),
        ('import { a b } from "./a.js";', "names in an import"),
        ('import { a } from "./missing.js";', "there is none, imported by main.js"),
        ('import { gone } from "./a.js";', "to export gone"),
        ('import { c } from "./c.js";\nexport const d = 1;', "without a circle"),
        ('const a = "</SCRIPT>";', "meaning in a page"),
        ("// <!-- a comment", "meaning in a page"),
        ("const a = `open", "expected an end"),
        ('const a = "open\n";', "expected an end"),
        ("/* open", "expected an end"),
    ],
)
def test_an_unknown_form_is_refused(tmp_path, code, words):
    write(tmp_path, main=code, a="export const a = 1;", c='import { d } from "./main.js";\nexport const c = 2;')
    with pytest.raises(NeurosimError, match=re.escape(words)):
        join(tmp_path, "main.js")
