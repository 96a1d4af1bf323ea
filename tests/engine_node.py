"""The page's engine in Node, for the tests: requests and answers are JSON."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neurosim.data import Dataset
from neurosim.page.manifest import Limits, Run, contents

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="no Node: install it (apt-get install nodejs) for these tests")
JS = Path(__file__).parents[1] / "neurosim" / "page" / "js"
DRIVER = Path(__file__).with_name("page") / "engine_driver.mjs"


@dataclass
class Engine:
    """The modules, copied to a folder where Node reads them as modules."""

    folder: Path
    count: int = 0

    def ask(self, *requests: dict[str, Any]) -> list[Any]:
        """Return the answers of one run of Node; an error in one of them fails the test."""
        found = self.ask_all(*requests)
        for each in found:
            assert not (isinstance(each, dict) and "error" in each), each["error"]
        return found

    def ask_all(self, *requests: dict[str, Any]) -> list[Any]:
        """Return the answers; a failed one is {"error": its text}."""
        path, out = self.folder / "requests.json", self.folder / "answers.json"
        path.write_text(json.dumps(requests), "utf-8")
        subprocess.run([NODE, self.folder / "driver.mjs", path, out], check=True, timeout=600)
        return json.loads(out.read_text("utf-8"))

    def page(self, network, train, test=None, samples=10_000, run=None):
        """Write the contents of a page of this network, and return the path."""
        held = contents(network, train, test or train, run or Run(), Limits(10**9, samples))
        self.count += 1
        path = self.folder / f"page{self.count}.json"
        path.write_text(json.dumps({"manifest": held.manifest, "blobs": held.blobs}, allow_nan=False), "utf-8")
        return str(path)


def engine_in(folder):
    shutil.copytree(JS, folder, dirs_exist_ok=True)
    shutil.copy(DRIVER, folder / "driver.mjs")
    shutil.copy(DRIVER.with_name("web_worker.mjs"), folder)
    (folder / "package.json").write_text('{"type": "module"}')
    return Engine(folder)


def made_data(rng, count, n_in, classes, kind="pixels", shape=None):
    """Return random samples and labels: pixels, numbers, or numbers with names and units."""
    if kind == "pixels":
        x = (rng.integers(0, 256, size=(count, n_in)) * (rng.random((count, n_in)) < 0.6)).astype(np.uint8)
        x[0, 0] = 255
    else:
        x = rng.normal(size=(count, n_in)) * (1.0 if kind == "numbers" else 10.0 ** rng.integers(-2, 3, size=n_in))
    y = rng.integers(0, classes, size=count)
    y[:classes] = np.arange(classes)  # each occurs
    names = tuple(str(k) if kind == "pixels" else f"kind {k}" for k in range(classes))
    features = tuple(f"feature-number-{i}" for i in range(n_in)) if kind == "features" else ()
    scaling = "standardize" if kind == "features" else "auto"
    x = x.reshape(count, *(shape or (n_in,)))
    return Dataset(x, y, "made up", "test", "a test", names, feature_names=features, scaling=scaling)
