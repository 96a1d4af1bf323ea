"""The joined script: it computes the same as its modules, serves the page and the worker, and is short."""

import re
import shutil
import subprocess

import numpy as np
import pytest
from engine_cases import random_case
from engine_node import JS, NODE, engine_in, made_data, needs_node

import neurosim as ns
from neurosim.page import document
from neurosim.page.joiner import Module, join

DRIVEN = re.compile(r'^import .* from "\./(.*\.js)";$', re.MULTILINE)


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    return engine_in(tmp_path_factory.mktemp("modules"))


@pytest.fixture(scope="module")
def joined(tmp_path_factory):
    """The engine of a joined script, which exports everything that the tests' driver imports."""
    folder = tmp_path_factory.mktemp("joined")
    engine = engine_in(folder)
    names = DRIVEN.findall((folder / "driver.mjs").read_text("utf-8"))
    lines = [f'import * as m{k} from "./{name}";' for k, name in enumerate(names)]
    held = ", ".join(f'"{name}": m{k}' for k, name in enumerate(names))
    (folder / "all.js").write_text("\n".join([*lines, f"globalThis.joined = {{ {held} }};"]), "utf-8")
    script = join(folder, "all.js")
    exports = {name: Module(name, (folder / name).read_text("utf-8")).exports for name in names}
    shutil.rmtree(folder / "engine")
    (folder / "script.js").write_text(script, "utf-8")
    for name, given in exports.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        up = "../" * name.count("/") or "./"
        taken = f"export const {{ {', '.join(given)} }} = globalThis.joined['{name}'];"
        path.write_text(f'import "{up}script.js";\n{taken}\n', "utf-8")
    return engine


@pytest.fixture(scope="module")
def script():
    return document.program()


@needs_node
@pytest.mark.full
def test_the_joined_engine_gives_the_numbers_of_the_modules(modules, joined):
    requests = []
    for case in map(random_case, range(24)):
        page = modules.page(case.network, case.data)
        where = {"layer": case.layer, "neuron": case.neuron, "number": case.number, "check": True}
        requests += [
            {"do": "trace", "page": page, **where},
            {"do": "predict", "page": page},
            {"do": "steps", "page": page, "batches": [[0, 3, 5], [1, 2, 7, 9]]},
            {"do": "training", "page": page, "batchSize": 8, "steps": 6, "seed": 2},
        ]
    assert not (joined.folder / "engine" / "network.js").exists()
    for request, one, other in zip(requests, modules.ask(*requests), joined.ask(*requests), strict=True):
        assert one == other, request


@needs_node
@pytest.mark.full
def test_the_pages_own_script_trains_in_a_worker(modules, script, tmp_path):
    rng = np.random.default_rng(4)
    data = made_data(rng, 40, 64, 10, "pixels", (8, 8))
    layers = [ns.Input((8, 8)), ns.Dense(16, "relu"), ns.Dense(10, "softmax")]
    network = ns.Network(layers, optimizer="adam", seed=3, dtype="float64")
    network.learn(data)
    page = modules.page(network, data)
    path = tmp_path / "script.js"
    path.write_text(script, "utf-8")
    order = rng.permutation(40)
    ask = {"do": "trainer", "page": page, "batchSize": 10, "steps": 8, "order": order.tolist(), "worker": str(path)}
    (answer,) = modules.ask(ask)
    kept = np.sort(data.places(len(data), 0))[order]
    for batch in np.split(kept, 4) * 2:
        network.train_batch(data.x[batch], data.labels[batch])
    assert (answer["done"], answer["stopped"]) == (8, "finished")
    np.testing.assert_allclose(answer["theta"], network.parameters.theta, atol=1e-10)


@pytest.mark.full
def test_every_module_is_in_the_script_once(script):
    files = {str(path.relative_to(JS)) for path in JS.rglob("*.js")} - {"loader.js"}  # it unpacks the script
    made = re.findall(r"^const (module_\w+) = \(\(\) => \{$", script, re.MULTILINE)
    assert sorted(made) == sorted({"module_" + re.sub(r"\W", "_", name[: -len(".js")]) for name in files})
    assert "{{worker}}" not in document.code()["template"]
    shared, _, rest = script.partition('if (typeof document === "undefined") {\n')
    worker, _, page = rest.partition("\n} else {\n")
    assert "class Network " in shared and "document." not in worker and "matchMedia" not in shared + worker
    assert "const module_main" in page and "class Network " not in worker + page


@needs_node
def test_the_script_is_lean_and_node_reads_it(script, tmp_path):
    path = tmp_path / "script.cjs"
    path.write_text(script, "utf-8")
    subprocess.run([NODE, "--check", path], check=True, timeout=60)
    assert "</script" not in script.lower() and "<!--" not in script
    style = document.code()["style"]
    assert "/*" not in style and not re.search(r"^\s|\s$|\n\n", style, re.MULTILINE)
    assert len(script) < 0.95 * sum(len(path.read_text("utf-8")) for path in JS.rglob("*.js"))


def write(folder, **files):
    for name, text in files.items():
        (folder / f"{name}.js").write_text(text, "utf-8")


@needs_node
def test_without_a_document_the_worker_begins(tmp_path):
    write(
        tmp_path,
        main='import { a } from "./a.js";\nimport { b } from "./b.js";\nconsole.log("page", a, b);',
        work='import { a } from "./a.js";\nconsole.log("worker", a);',
        a="export const a = 1;",
        b="export const b = document.b;",
    )
    script = join(tmp_path, "main.js", "work.js")
    for before, told in (("", "worker 1\n"), ("globalThis.document = { b: 2 };\n", "page 1 2\n")):
        asked = [NODE, "-e", before + script]
        assert subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60).stdout == told


@pytest.mark.parametrize(
    ("other", "files"),
    [
        ("main", {"main": "const a = 1;", "work": 'import "./main.js";'}),
        ("work", {"main": 'import "./b.js";', "b": 'import "./work.js";', "work": "const a = 1;"}),
    ],
)
def test_no_module_imports_the_first_one_of_a_program(tmp_path, refused, other, files):
    write(tmp_path, **files)
    with refused(f"expected no import of {other}.js"):
        join(tmp_path, "main.js", "work.js")


def test_a_style_that_would_end_its_element_is_refused(tmp_path, monkeypatch, refused):
    document.code.cache_clear()
    try:
        (tmp_path / "page.html").write_text("".join(f"{{{{{mark}}}}}" for mark in document.MARKS))
        (tmp_path / "style.css").write_text('a { content: "</style>" }')
        (tmp_path / "js").mkdir()
        (tmp_path / "js/loader.js").write_text("")
        monkeypatch.setattr(document, "HERE", tmp_path)
        with refused("style.css: expected no '</'"):
            document.code()
    finally:
        document.code.cache_clear()
