"""The pictures of viz/gallery: makes them again, each by the command that stands under it.

    python -m tests.gallery                     make all but bench.png, which takes an hour
    python -m tests.gallery first boundary      make these

MNIST is needed. For first.png and page.png so are Chromium and playwright, which `CONTRIBUTING.md` says how to install.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

sys.path.append(str(Path(__file__).parent))  # where pytest looks, too
from transcripts import README, ROOT, python_pieces, sections

GALLERY = ROOT / "viz" / "gallery"
SLOW = ("bench",)  # its figures hold for one machine
SAMPLE = 1194  # the image of page.png and first.png


class Picture(NamedTuple):
    """A picture of the gallery.

    Attributes:
        command: the words after ``python main.py`` that make it.
        file: where the command writes it.
    """

    command: str
    file: str


PICTURES = {
    "optimizers": Picture("scenario optimizers --data digits", "results/optimizers/figures/accuracy.png"),
    "gradient_flow": Picture(
        "scenario vanishing-gradients --data mnist", "results/vanishing-gradients/figures/gradient_flow.png"
    ),
    "shifts": Picture("scenario convolution --data mnist", "results/convolution/figures/shifts.png"),
    "neuron_life": Picture(
        "scenario neuron-life --data mnist", "results/neuron-life/figures/weights_usual_start_L2.png"
    ),
    "weights": Picture("train --data mnist --hidden 32", "runs/latest/weights.png"),
    "page": Picture("explore --data mnist", "results/page.html"),
    "story": Picture(
        f"step --data mnist --epochs 5 --layer 1 --neuron 26 --sample {SAMPLE} --plot results",
        f"results/layer1-neuron26-sample{SAMPLE}.png",
    ),
    "bench": Picture("bench --cases all --rounds 11", "results/bench/bench.png"),
}
"""Name -> the command that makes it. Two more are put together here: first.png of page and story, and boundary.png."""
NAMES = ("first", "boundary", *(name for name in PICTURES if name != "story"))


def made(name, folder):
    """Run the command of a picture in a folder; return the file that it writes."""
    command, file = PICTURES[name]
    if not (folder / file).exists():
        python(folder, ROOT / "main.py", *shlex.split(command), *(["--no-open"] if name == "page" else []))
    return folder / file


def python(folder, *words):
    """Run Python in a folder."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    ended = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"NEUROSIM_ENGINE": "numpy", "PYTHONPATH": paths},
    )
    if ended.returncode:
        raise SystemExit(f"{ended.stdout}\n{words} ended with {ended.returncode}")


def photograph(page, path):
    """Save what a browser shows of a page, with the image `SAMPLE` chosen."""
    from page_browser import Tab, chromium

    with chromium() as browser, Tab(browser, page, 1360, 850) as tab:
        tab.no_hints()
        tab.page.locator('#input label:has-text("misread") input').check()
        tab.settle()
        tab.page.locator(f'#input button[data-row][aria-label*=" {SAMPLE},"]').click()
        tab.settle()
        tab.page.mouse.move(0, 0)
        tab.page.screenshot(path=path)
    fewer_colours(path)


def side_by_side(left, right, path):
    """Put two pictures side by side, the right one as high as the left one."""
    from PIL import Image

    one, other = (Image.open(each).convert("RGB") for each in (left, right))
    other = other.resize((round(other.width * one.height / other.height), one.height), Image.Resampling.LANCZOS)
    both = Image.new("RGB", (one.width + 24 + other.width, one.height), "white")
    both.paste(one, (0, 0))
    both.paste(other, (one.width + 24, 0))
    both.save(path)
    fewer_colours(path)


def fewer_colours(path):
    """Save a picture again with 256 colours, which a third of the bytes hold."""
    from PIL import Image

    Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


def boundary(folder):
    """Run the lines of README.md that draw boundary.png."""
    for blocks in sections(README.read_text("utf-8")).values():
        for block in blocks:
            if block.lines[0].startswith(">>> ") and any('"boundary.png"' in line for line in block.lines):
                source = "\n".join(line[4:] for piece in python_pieces(block.lines) for line in piece.typed)
                python(folder, "-c", source)
    return folder / "boundary.png"


def make(name, folder):
    """Make one picture of the gallery."""
    target = GALLERY / f"{name}.png"
    if name == "page":
        photograph(made("page", folder), target)
    elif name == "first":
        photograph(made("page", folder), folder / "left.png")
        side_by_side(folder / "left.png", made("story", folder), target)
    else:
        source = boundary(folder) if name == "boundary" else made(name, folder)
        target.write_bytes(source.read_bytes())
    print(target)


def main(names):
    """Make pictures of the gallery."""
    if unknown := set(names) - set(NAMES):
        raise SystemExit(f"expected {', '.join(NAMES)}, received {', '.join(unknown)}")
    with tempfile.TemporaryDirectory() as folder:
        for name in names or [name for name in NAMES if name not in SLOW]:
            make(name, Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
