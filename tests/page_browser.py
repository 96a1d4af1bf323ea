"""Pages in Chromium, opened like a reader does: from a file, offline, with checks of the screen."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

HOW = "apt-get install chromium firefox-esr && pip install -e '.[browser]'"
FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDTHS = {390: 844, 768: 1024, 1280: 800, 1920: 1080}

TEXTS_THAT_OVERLAP = """
() => {
  const shown = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.textContent.trim()) continue;
    const parent = node.parentElement;
    if (!parent.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) continue;
    if (parent.closest(".visually-hidden, option, script")) continue;
    if (innerWidth < 700 && parent.closest("#timeline")) continue;  // fixed above what scrolls
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      let { left, right, top, bottom } = box;
      for (let above = parent; above && above !== document.body; above = above.parentElement) {
        const style = getComputedStyle(above);
        if (style.overflow === "visible" || above instanceof SVGElement) continue;
        const clip = above.getBoundingClientRect();
        [left, right] = [Math.max(left, clip.left), Math.min(right, clip.right)];
        [top, bottom] = [Math.max(top, clip.top), Math.min(bottom, clip.bottom)];
      }
      const slack = (box.bottom - box.top) * 0.15;  // lines are taller than their letters
      if (right - left <= 2 || bottom - top <= 2 * slack + 1) continue;
      const text = node.textContent.trim().slice(0, 30);
      shown.push({ text, left, right, top: top + slack, bottom: bottom - slack, node });
    }
  }
  const found = [];
  for (let i = 0; i < shown.length; i++) for (let j = i + 1; j < shown.length; j++) {
    const [one, other] = [shown[i], shown[j]];
    const wide = Math.min(one.right, other.right) - Math.max(one.left, other.left);
    const tall = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
    if (one.node !== other.node && wide > 1.5 && tall > 1.5) found.push(`${one.text} | ${other.text}`);
  }
  const { scrollWidth } = document.documentElement;
  if (scrollWidth > innerWidth) found.push(`wider than the window: ${scrollWidth}`);
  for (const box of document.querySelectorAll("button, .formula, .said, .why, figcaption, h2, h3, #stage td")) {
    if (!box.checkVisibility() || getComputedStyle(box).textOverflow === "ellipsis") continue;
    if (box.scrollWidth > box.clientWidth + 1 && box.clientWidth) found.push(`cut: ${box.textContent.slice(0, 40)}`);
  }
  return found;
}
"""


def axe():
    """Return the program that finds barriers for screen readers, or skip with the command that installs it."""
    for place in (os.environ.get("NODE_PATH", ""), "node_modules"):
        file = Path(place) / "axe-core" / "axe.min.js"
        if file.exists():
            return file.read_text("utf-8")
    return pytest.skip("needs axe-core: npm install --prefix DIR axe-core, and NODE_PATH=DIR/node_modules")


def need_chromium():
    """Return the path of Chromium, or skip with the command that installs it."""
    pytest.importorskip("playwright.sync_api", reason=f"needs playwright: {HOW}")
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip(f"needs Chromium: {HOW}")
    return path


@contextmanager
def chromium():
    """Open a browser."""
    path = need_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class Tab:
    """A page in the browser, opened from its file and offline; it records errors and requests."""

    def __init__(self, browser, file, width=1280, height=None, hash="", **options):
        height = height or WIDTHS.get(width, 800)
        self.context = browser.new_context(viewport={"width": width, "height": height}, offline=True, **options)
        self.page = self.context.new_page()
        self.errors, self.requests = [], []
        self.page.on(
            "console", lambda message: message.type in ("error", "warning") and self.errors.append(message.text)
        )
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri() + hash)
        self.page.evaluate("neurosim.ready.then(() => true)")
        self.settle()

    def settle(self):
        """Wait until everything is drawn."""
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))")

    def button(self, name):
        return self.page.get_by_role("button", name=name, exact=True)

    def text(self, selector):
        return self.page.inner_text(selector)

    def state(self):
        return self.page.evaluate("neurosim.state()")

    def goto(self, **place):
        self.page.evaluate("(place) => neurosim.goto(place)", place)
        self.settle()

    def no_hints(self):
        self.button("No more hints").click()

    def overlaps(self):
        return self.page.evaluate(TEXTS_THAT_OVERLAP)

    def stumbles(self):
        """Return the barriers for a screen reader, after `axe` was evaluated: {rule: nodes}."""
        found = self.page.evaluate("axe.run()")["violations"]
        serious = [each for each in found if each["impact"] in ("serious", "critical")]
        return {each["id"]: [node["html"][:120] for node in each["nodes"]] for each in serious}

    def check(self):
        """Check that there were no errors, and no requests except for the file and the worker's Blob."""
        assert self.errors == []
        assert [url for url in self.requests if not url.startswith(("file:", "blob:", "data:"))] == []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()
