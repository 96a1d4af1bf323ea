"""The page in Firefox, driven by puppeteer-core: it is ready, follows the pen, trains, and asks nobody."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from page_browser import HOW

import neurosim as ns

pytestmark = pytest.mark.browser


def test_the_first_minute_in_firefox(tmp_path):
    firefox, node = shutil.which("firefox-esr") or shutil.which("firefox"), shutil.which("node")
    if firefox is None or node is None:
        pytest.skip(f"needs Firefox and Node: {HOW}")
    if not (Path(os.environ.get("NODE_PATH", "")) / "puppeteer-core").exists():
        pytest.skip("needs puppeteer-core: npm install --prefix DIR puppeteer-core, and NODE_PATH=DIR/node_modules")
    train, test = ns.data.load("digits")
    net = ns.Network([ns.Input((28, 28)), ns.Dense(32, "relu"), ns.Dense(16, "relu"), ns.Dense(10, "softmax")], seed=0)
    net.fit(train.subset(4000), epochs=3, verbose=False)
    ns.explore(net, train.subset(4000), test, tmp_path / "page.html")
    script = Path(__file__).with_name("firefox.mjs")
    done = subprocess.run(
        [node, script, tmp_path / "page.html", firefox], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["ready"] < 1500 and told["verdict"].startswith("Read as 7") and told["trained"] > 0
    assert "layer=2&neuron=3" in told["hash"] and told["errors"] == []
    assert [url for url in told["asked"] if not url.startswith(("file:", "blob:", "data:"))] == []
