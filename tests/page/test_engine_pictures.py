"""The page's reader of image files, compared with `neurosim.data.read_image` on the same pixels."""

import base64

import numpy as np
import pytest
from drawn_digits import LOOKS, draw, drawn_digit, strokes_of
from engine_node import engine_in, needs_node
from PIL import Image, ImageOps

import neurosim as ns

pytestmark = needs_node
OFF = 2  # grey levels by which roundings may differ


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    return engine_in(tmp_path_factory.mktemp("engine"))


def asked(image, shape):
    rgba = image.convert("RGBA")
    data = base64.b64encode(rgba.tobytes()).decode("ascii")
    return {"do": "picture", "data": data, "width": rgba.width, "height": rgba.height, "shape": list(shape)}


def differences(engine, images, shape, folder):
    """Return for each picture the largest difference from Python at a pixel."""
    found = engine.ask(*(asked(image, shape) for image in images))
    expected = []
    for k, image in enumerate(images):
        image.save(folder / f"{k}.png")
        expected.append(ns.data.read_image(folder / f"{k}.png", shape).astype(int))
    return [np.abs(np.reshape(one, other.shape) - other).max() for one, other in zip(found, expected, strict=True)]


def transparent(image):
    """Return the same drawing, black on a transparent background."""
    clear = Image.new("RGBA", image.size, (0, 0, 0, 0))
    clear.putalpha(ImageOps.invert(image.convert("L")))
    return clear


def coloured(image, ink, paper):
    return ImageOps.colorize(image.convert("L"), ink, paper)


@pytest.mark.full
@pytest.mark.parametrize("look", LOOKS)
def test_drawn_digits_are_read_alike(engine, tmp_path, look):
    rng = np.random.default_rng(5)
    images = [drawn_digit(digit, look, rng) for digit in range(10)]
    assert max(differences(engine, images, (28, 28), tmp_path)) <= OFF


@pytest.mark.full
def test_every_kind_of_paper_and_ink(engine, tmp_path):
    rng = np.random.default_rng(6)
    two = draw(strokes_of(2, rng), 130, 14)
    images = [
        two,
        ImageOps.invert(two),
        transparent(two),
        transparent(two).transpose(Image.Transpose.ROTATE_90),
        coloured(two, "yellow", "blue"),
        coloured(two, "#d00000", "#00a000"),
        two.resize((600, 450)),
        two.crop((30, 0, 120, 200)),
        two.resize((28, 28)),
        two.resize((9, 7)),
    ]
    assert max(differences(engine, images, (28, 28), tmp_path)) <= OFF


@pytest.mark.quick_for("shape3")
@pytest.mark.parametrize("shape", [(8, 8), (16, 24), (20, 12, 3), (32, 32, 3)])
def test_pictures_of_other_sizes_and_in_colour(engine, tmp_path, shape):
    rng = np.random.default_rng(7)
    five = draw(strokes_of(5, rng), 130, 14)
    images = [coloured(five, "#d00000", "#f0f0ff"), five.resize((300, 120)), five.resize((40, 90)), five]
    assert max(differences(engine, images, shape, tmp_path)) <= OFF


@pytest.mark.parametrize("size", [(1, 1), (40, 1), (50, 60)])
def test_a_picture_without_a_drawing_is_empty_in_both(engine, tmp_path, size):
    blank = Image.new("RGB", size, "beige")
    blank.save(tmp_path / "blank.png")
    with pytest.raises(ns.DataError, match="expected a drawing"):
        ns.data.read_image(tmp_path / "blank.png")
    assert engine.ask(asked(blank, (28, 28))) == [None]
