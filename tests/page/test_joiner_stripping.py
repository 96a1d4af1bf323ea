"""Stripped JavaScript and CSS: Node computes the same, and code that could be misread is refused."""

import json
import re
import shutil
import subprocess

import pytest

from neurosim.page.stripping import stripped_script, stripped_style

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="no Node: install it (apt-get install nodejs) for these tests")

# what is written -> what stays of it
SCRIPTS = {
    "a comment": ("let a = 1; // one\nlet b; /* two */ // three", "let a = 1;\nlet b;"),
    "indentation": ("if (a) {\n    b();\t \n\n\n  }\n", "if (a) {\nb();\n}"),
    "a comment at the beginning": ("/* a\n * b\n */\nlet a;", "let a;"),
    "a comment between words": ("return/* */a", "return a"),
    "a comment in the place of a semicolon": ("a/* \n */b", "a\nb"),
    "a comment that would join marks": ("a +/**/+ b", "a + + b"),
    "texts": ('a = "//" + \'/*\' + "it\'s" + \'"\' + "\\\\" // c', 'a = "//" + \'/*\' + "it\'s" + \'"\' + "\\\\"'),
    "a text that goes on": ('a = "one\\\n   two";', 'a = "one\\\n   two";'),
    "a template text": ("a = `  //  \n\n   /* */ \\` `; // c", "a = `  //  \n\n   /* */ \\` `;"),
    "a template text in a template text": (
        'a = `${ /* c */ "`" }  ${`}  ${{ b: `{` }.b}`}  $ $$ {  }`  ;',
        'a = `${ "`" }  ${`}  ${{ b: `{` }.b}`}  $ $$ {  }` ;',
    ),
    "code in a template text": ("a = `  ${b\n    // c\n    + 1}  `", "a = `  ${b\n+ 1}  `"),
    "a division after a template text": ("a = `4` / b // /`", "a = `4` / b"),
    "a pattern": ("a = /[/*]/ ; // c", "a = /[/*]/ ;"),
    "a pattern with a slash": (r"a = /\/  [\]/'] \[/g.test(b) // c", r"a = /\/  [\]/'] \[/g.test(b)"),
    "a pattern as an argument": ('a(/"  /, /\'  /); // "', "a(/\"  /, /'  /);"),
    "a pattern that is returned": ("return /x  '/ // c", "return /x  '/"),
    "a pattern after a condition": ('if (a) /"  /.exec(b); // "', 'if (a) /"  /.exec(b);'),
    "a pattern in a template text": ("a = `${/`  }/.test(b)}`", "a = `${/`  }/.test(b)}`"),
    "a pattern after a comment": ("a = // c\n  /'  /;", "a =\n/'  /;"),
    "divisions": ("a  / b  / c // /d", "a / b / c"),
    "a division after brackets": ("(a)  /b['  '] / c[0]  / 'd'", "(a) /b['  '] / c[0] / 'd'"),
    "a division at the beginning of a line": ("a\n  / b\n  /= c", "a\n/ b\n/= c"),
    "a division after a member": ("a.return / '  ' / a?.if(b) / '  '", "a.return / '  ' / a?.if(b) / '  '"),
    "a division after a step": ("a++ / '  ' / b-- / '  '", "a++ / '  ' / b-- / '  '"),
    "a division after a number": ("1. / '  ' / .5e-3 / 0xfFn / '  '", "1. / '  ' / .5e-3 / 0xfFn / '  '"),
    "a question and a number": ("a?.5:a?.b?? c", "a?.5:a?.b?? c"),
    "a private name": ("this.#if / '  ' / #a  in b", "this.#if / '  ' / #a in b"),
    "letters": ("let  γ = { β:  1 }", "let γ = { β: 1 }"),
}


@pytest.mark.parametrize("case", SCRIPTS)
def test_scripts_lose_comments_and_blanks_alone(case):
    written, stays = SCRIPTS[case]
    assert stripped_script("a.js", written) == stays
    assert stripped_script("a.js", stays) == stays


NASTY = r"""
// each line adds what it says to the list
const said = [];
let a = 8, b = 2, c = 2, i = 4, g = 1;
said.push("//", '/* no comment */', "it's", 'a "quote"', "\\", "\"//"); // a comment
said.push(a / b / c, a /b/ c, (a) / b /g, [a][0] /b/ g, a/* */ / /* / */b);
said.push(/[/*]/.source, /[\]/"'`]/g.source, /\/\*/.test("/*"), "a//b".split(/\/\//));
said.push(`${"`"}`, `// no ${ /* yes */ `comment ${"}"} ${a / b} ` } /* no */`, `
      indented ${ [1, 2].map((k) => `<${ { k: `{${k}}` }.k }>`).join(" // ") }
`);
function pattern() { return /x "/ }
function nothing() {
  return /* a line ends here
  */ 5
}
said.push(pattern().source, String(nothing()));
if (a) /* c */ /"/.test("'") || said.push("after a condition");
const words = { return: 4, typeof: { in: 2 }, if(x) { return x } };
said.push(words.return / 2 / words.typeof.in, words.if(8) / 2 / 2); // "
said.push(i++ / 2, i-- /2/ 1, i);
said.push(typeof /a/ / 2, `4` / 2, "8" / 2, 0x10 / 4 / 2., .5 / .25, 1_0 / 5);
const later = a
  / b
  / c
said.push(later)
;[1].forEach((each) => said.push(each))
let stepped = 1
b
++stepped
said.push(b, stepped)
said.push(a +/**/+ b, a -/**/- b, a ? .5 : 1, a?.5:1, null?.x ?? 7)
class Of { #in = 6; get half() { return this.#in / 2 / 1 } static has(x) { return #in in x } }
said.push(new Of().half, Of.has(new Of()));
const γ = 3; said.push(γ / 3 / 1);
for (const x of [6, 9]) said.push(x / 3 / 1);
do said.push("once"); while (false) /x'/.test("");
said.push("<\/scrip" + "t>", "continued \
  line");
console.log(JSON.stringify(said));
"""


@needs_node
def test_node_computes_the_same(tmp_path):
    def told(script):
        path = tmp_path / "script.cjs"
        path.write_text(script, "utf-8")
        return json.loads(subprocess.run([NODE, path], capture_output=True, text=True, check=True, timeout=60).stdout)

    stripped = stripped_script("nasty.js", NASTY)
    assert told(stripped) == told(NASTY)
    assert "a comment" not in stripped and "yes" not in stripped and "/* no comment */" in stripped
    assert not re.search(r"^[ \t]*$|[ \t]$", stripped.replace("\n      indented", ""), re.MULTILINE)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("a = {}\n/b/.test(c)", "nothing says what a } means before '/b/.test(c)'"),
        ("for (const a of /b/) c()", "nothing says what of means"),
        ("yield / 2", "nothing says what yield means"),
        ("await / 2", "nothing says what await means"),
        ("a = `open ${b}", "an end to what begins with '}'"),
        ("a = `open ${b", "line 1: expected an end to what begins with '`open ${"),
        ("let b;\na = 'open", 'line 2: expected an end to what begins with "\'open"'),
        ("a = 'open\n'", "an end to what begins with"),
        ("a = /open\n/", "an end to what begins with '/open"),
        ("a = /[/", "an end to what begins with '/[/'"),
        ("/* open", "an end to what begins with '/* open'"),
        ("a(b]", "a [ that belongs to ']'"),
        ("a)", "a ( that belongs to ')'"),
        ("{ a(b }", "a { that belongs to '}'"),
        ("if (a) {", "an end to what begins with '{'"),
        ("a\n--> b", "nothing that begins with '--> b'"),
        ("#!/usr/bin/env node", "nothing that begins with '#!/usr"),
        ("@a class B {}", "nothing that begins with '@a"),
        (r"\u0061 = 1", "nothing that begins with"),
        ("3px", "nothing that begins with '3px'"),
        ("a\u00a0= 1", "nothing that begins with"),
        ("\ufefflet a", "nothing that begins with"),
        ("// a\u2028b()", "no line ends but"),
        ("a\rb", "no line ends but"),
    ],
)
def test_scripts_that_could_be_misread_are_refused(written, words, refused):
    with refused(words):
        stripped_script("a.js", written)


STYLES = {
    "rules": ("/* a */\n\n.a {\n  color : red; /* b */\n\n}\n", ".a {\ncolor : red;\n}"),
    "a comment among values": (".a { margin: 0 /* b */ 1px; }", ".a { margin: 0 1px; }"),
    "a comment of several lines": (".a,/* b\n  c */.d { }", ".a,.d { }"),
    "texts": (".a { content: \"/*  */\" '\\'  //' }", ".a { content: \"/*  */\" '\\'  //' }"),
    "addresses in quotes": (".a { b: url( \"data:,/*  */\" ) }", ".a { b: url( \"data:,/*  */\" ) }"),
    "marks": ("a > b:not(.c)  + d { e: calc(1px - 2 / -1em) }", "a > b:not(.c) + d { e: calc(1px - 2 / -1em) }"),
    "descendants": (".a .b\n  .c {}", ".a .b\n.c {}"),
}  # fmt: skip


@pytest.mark.parametrize("case", STYLES)
def test_styles_lose_comments_and_blanks_alone(case):
    written, stays = STYLES[case]
    assert stripped_style("a.css", written) == stays
    assert stripped_style("a.css", stays) == stays


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (".a/* b */.c {}", "a blank beside a comment '/* b */.c {}'"),
        (".a { b: url(data:,/*) }", "quotes around an address"),
        (".a { b: 'open }", "an end to what begins with"),
        ("/* open", "an end to what begins with"),
        (".a {\r}", "no line ends but"),
    ],
)
def test_styles_that_could_be_misread_are_refused(written, words, refused):
    with refused(words):
        stripped_style("a.css", written)
