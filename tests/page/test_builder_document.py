"""The file: one small document that loads nothing, for names of every kind; and a notebook that shows it."""

import json
import re
import subprocess
import sys
import zipfile
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from page_file import Elements, PageFile

import neurosim as ns
from neurosim.glossary import GLOSSARY
from neurosim.page import document

ROOT = Path(__file__).parents[2]
NAMESPACE = "http://www.w3.org/2000/svg"  # a name; it is never loaded
HOSTILE = (
    "</script><script>window.hacked = 1</script><!--<script>\"'&amp;\n{{script}}{{manifest}}\u2028"
    '<img src=x onerror="window.hacked = 1">'
)


@pytest.fixture(scope="module")
def small():
    """A small page of the built-in digits."""
    train, test = ns.data.load("digits")
    net = ns.Network([ns.Input(784), ns.Dense(32, "relu"), ns.Dense(16, "relu"), ns.Dense(10, "softmax")], seed=0)
    snapshots = ns.Snapshots()
    history = net.fit(train, epochs=1, callbacks=[snapshots], verbose=False)
    return ns.explore(net, train, test, history=history, snapshots=snapshots, command="made by a test")


@pytest.fixture(scope="module")
def hostile():
    """A page in which everything that has a name has a hostile one."""
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(60, 2)), rng.integers(0, 2, 60)
    parts = [
        ns.data.Dataset(
            x, labels, HOSTILE, split, HOSTILE, (HOSTILE, "b"), HOSTILE, "table", (HOSTILE, "y"), "standardize"
        )
        for split in ("train", "test")
    ]
    net = ns.Network([ns.Input(2), ns.Dense(2, "tanh"), ns.Dense(2, "softmax")], seed=0)
    history = net.fit(parts[0], epochs=1, verbose=False)
    history.message = HOSTILE
    return ns.explore(net, *parts, history=history, settings={HOSTILE: HOSTILE}, command=HOSTILE)


def without_data(html):
    """Return the page without blobs, because base64 can contain any text."""
    return re.sub(r'(id="blob-\d+">)[^<]*', r"\1", html)


def test_the_file_loads_nothing(small):
    html = without_data(small.html)
    assert re.findall(r"\bhttps?://[^\"'\s)]*", html.replace(NAMESPACE, "")) == []
    for attribute in ("src", "href", "srcset", "action", "data", "poster"):
        asking = [each for _, each in Elements(small.html).found if attribute in each]
        assert [each for each in asking if not re.match(r"#|data:", each[attribute])] == []
    assert not re.search(r"@import|url\((?!['\"]?(data:|#))", html)
    for asking in ("fetch(", "XMLHttpRequest", "WebSocket", "EventSource", "sendBeacon", "importScripts", "import("):
        assert asking not in html
    for unsafe in ("innerHTML", "outerHTML =", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert unsafe not in html


def test_a_policy_forbids_what_the_file_does_not_do(small):
    (policy,) = [each["content"] for tag, each in Elements(small.html).found if "http-equiv" in each]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == rules["connect-src"] == "'none'"
    for name in ("script-src", "worker-src", "style-src", "img-src"):
        assert set(rules.get(name, "").split()) <= {"'unsafe-inline'", "blob:", "data:"}
    tags = [tag for tag, _ in Elements(small.html).found]
    assert tags.index("meta") < tags.index("style") < tags.index("script")  # before anything that it is for


def test_ids_are_unique_and_what_they_label_is_there(small):
    found = Elements(small.html).found
    program = "".join(path.read_text("utf-8") for path in (ROOT / "neurosim/page/js").rglob("*.js"))
    ids = [each["id"] for _, each in found if "id" in each]
    assert len(ids) == len(set(ids)) and {"manifest", "blob-0", "program"} <= set(ids)
    for name in ("aria-labelledby", "aria-controls", "aria-describedby", "for"):
        used = {part for _, each in found for part in each.get(name, "").split()}
        made_later = {each for each in used if each in program or f"{each.partition('-')[0]}-${{" in program}
        assert used - made_later <= set(ids)
    assert ("html", {"lang": "en"}) in found and Elements(small.html).texts["title"].strip()


def test_the_default_file_is_small_and_its_code_too(small):
    assert len(small) == len(small.html.encode()) <= 4_000_000
    assert document.code_size() <= 200_000
    assert len(small.manifest["snapshots"]) == len(set(ns.training.snapshots.moments(157, 16)))


def test_the_manifest_is_strict_json_with_all_that_the_contract_names(small):
    manifest = PageFile(small.html).manifest  # refuses NaN and infinity
    assert (manifest["format"], manifest["version"]) == ("neurosim page", 1)
    assert manifest == json.loads(json.dumps(small.manifest))
    words = ns.walk.words
    for name in ("STAGES", "RULES", "ROWS", "JOINED", "WHY", "NAMES", "DIGITS", "SYMBOLS"):
        assert manifest["words"][name] == getattr(words, name)
    assert manifest["words"]["figure"] == ns.walk.figure_words.FIGURE
    assert manifest["glossary"] == GLOSSARY and small.html.count(GLOSSARY["epoch"]) == 1
    assert GLOSSARY["epoch"] not in document.program()  # the words come from Python alone
    assert manifest["formulas"]["optimizer"]["adam"] == ns.Adam.formulas
    assert manifest["formulas"]["loss"].keys() == set(ns.LOSSES)
    assert manifest["choices"]["optimizer"]["momentum"]["momentum"] == 0.9
    assert manifest["made"]["neurosim"] == ns.__version__ and manifest["made"]["command"] == "made by a test"


class Structure(HTMLParser):
    """The tags of a page, in their order."""

    def __init__(self, html):
        super().__init__()
        self.tags = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, tuple(name for name, _ in attributes)))


def test_hostile_names_are_text_and_nothing_else(hostile, small):
    page = PageFile(hostile.html)
    manifest = page.manifest
    for found in (
        manifest["data"]["name"], manifest["data"]["note"], manifest["data"]["source"], manifest["made"]["command"],
        manifest["class_names"][0], manifest["data"]["feature_names"][0], manifest["settings"][HOSTILE],
        manifest["network"]["samples"]["feature_names"][0], manifest["run"]["message"],
    ):  # fmt: skip
        assert found == HOSTILE
    assert page.texts["title"].startswith(HOSTILE)
    assert "<" not in page.texts["manifest"] and "\u2028" not in page.texts["manifest"]
    ours, theirs = (
        [each for each in Structure(html).tags if each != ("script", ("type", "id"))]
        for html in (small.html, hostile.html)
    )
    assert ours == theirs
    assert page.texts["program"] == PageFile(small.html).texts["program"]


def test_a_notebook_shows_it_in_a_frame(hostile):
    frame = hostile._repr_html_()
    (start,) = [each for tag, each in Elements(frame).found if tag == "iframe"]
    assert start["srcdoc"] == hostile.html and frame.endswith("></iframe>")
    assert "<" not in frame[1 : frame.index(">")] and unescape(frame).count(hostile.html) == 1


def test_it_is_written_to_the_given_path(small, tmp_path, refused):
    assert small.path is None and "not written yet" in repr(small)
    path = small.save(tmp_path / "new" / "page.html")
    assert path == small.path and path.read_text("utf-8") == small.html and str(path) in repr(small)
    (tmp_path / "file").write_text("")
    with refused("cannot write"):
        small.save(tmp_path / "file" / "page.html")


@pytest.mark.full
def test_making_a_page_needs_neither_matplotlib_nor_pandas():
    program = (
        "import sys, neurosim as ns\ntrain, test = ns.data.load('moons')\n"
        "net = ns.Network([ns.Input(2), ns.Dense(3), ns.Dense(2, 'softmax')])\n"
        "ns.explore(net, train, test)._repr_html_()\n"
        "bad = {'matplotlib', 'pandas', 'viz', 'scenarios', 'tqdm'} & set(sys.modules)\nassert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_a_template_without_its_marks_is_refused(tmp_path, monkeypatch, refused):
    document.code.cache_clear()
    try:
        (tmp_path / "page.html").write_text("<p>{{title}}</p>")
        (tmp_path / "style.css").write_text("")
        (tmp_path / "js").mkdir()
        (tmp_path / "js/loader.js").write_text("")
        monkeypatch.setattr(document, "HERE", tmp_path)
        with refused("page.html: expected each of the marks"):
            document.code()
        (tmp_path / "style.css").unlink()
        with refused("page: expected its files in"):
            document.code()
    finally:
        document.code.cache_clear()


@pytest.mark.slow
def test_a_wheel_holds_all_that_the_page_is_made_of(tmp_path):
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", tmp_path, ROOT], check=True)
    (wheel,) = tmp_path.glob("neurosim-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("neurosim/page/")}
        archive.extractall(tmp_path / "installed")
    folder = ROOT / "neurosim/page"
    files = [*folder.glob("*.py"), *folder.glob("*.html"), *folder.glob("*.css"), *folder.rglob("js/**/*.js")]
    assert held >= {str(path.relative_to(ROOT)) for path in files} and len(files) > 10
    program = (
        "import neurosim as ns\ntrain, test = ns.data.load('moons')\n"
        "net = ns.Network([ns.Input(2), ns.Dense(3), ns.Dense(2, 'softmax')])\n"
        "print(ns.__file__, len(ns.explore(net, train, test)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert told.startswith(str(tmp_path))
