"""Your own pictures: read from files of every kind, separated from their paper, and placed as in MNIST."""

import io
import itertools
from collections import deque

import numpy as np
import pytest
from drawn_digits import draw, drawn_digit, photographed, strokes_of
from PIL import Image

import neurosim as ns
from neurosim.data.drawings import as_mnist, as_samples, connected, picture_shape, read_drawing
from neurosim.data.pictures import picture_files, read_picture
from neurosim.errors import DataError


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def two(rng):
    """Draw a 2, black on white, 200 x 200, with Pillow."""
    return draw(strokes_of(2, rng), 130, 12, centre=(90, 110))


@pytest.fixture
def file_of(tmp_path):
    """Return a function that saves a picture and returns its path."""

    def save(image, name="picture.png", **options):
        image.save(tmp_path / name, **options)
        return tmp_path / name

    return save


def alike(one, other, limit=0.97):
    """Return whether two pictures are equal except for grey rims, by their correlation."""
    return np.corrcoef(one.ravel(), other.ravel())[0, 1] > limit


# -- placed as MNIST's are ---------------------------------------------------------------------------------------------


@pytest.mark.quick_for("off centre", "photograph")
@pytest.mark.parametrize("look", ["thick", "off centre", "slanted", "photograph"])
def test_a_drawing_fills_a_box_of_20_and_its_centre_of_mass_is_in_the_middle(look, rng, file_of):
    """LeCun's description, measured as on MNIST, where the centre is always between 13.5 and 14.5."""
    for digit in range(10):
        x = ns.data.read_image(file_of(drawn_digit(digit, look, rng))).astype(float)
        assert x.shape == (28, 28) and x.max() == 255
        rows, columns = np.flatnonzero(x.any(axis=1)), np.flatnonzero(x.any(axis=0))
        assert max(np.ptp(rows), np.ptp(columns)) + 1 == 20
        index = np.arange(28)
        for centre in (x.sum(axis=1) @ index / x.sum(), x.sum(axis=0) @ index / x.sum()):
            assert 13.5 <= centre <= 14.5


def test_proportions_are_kept():
    for height, width in ((80, 20), (30, 90), (64, 64)):
        x = as_mnist(np.ones((height, width), np.float32))
        rows, columns = x.any(axis=1).sum(), x.any(axis=0).sum()
        assert max(rows, columns) == 20 and abs(rows / columns - height / width) < 0.15 * height / width


def test_grey_levels_are_means_over_the_area():
    """A drawing of 40 x 40 is halved: each pixel is the mean of four, except for the smooth filter at the edges."""
    ink = np.ones((40, 40), np.float32)
    ink[:, 20:] = np.tile([1.0, 0.0], 10)  # lines of one pixel become half grey
    ink[:, -1] = 1
    x = as_mnist(ink)
    inner = x[14, x[14] > 0]
    assert inner[2:8] == pytest.approx(1.0) and inner[12:17] == pytest.approx(0.5, abs=0.02)


@pytest.mark.quick_for("0")
@pytest.mark.parametrize("part", range(5))
def test_a_digit_of_mnists_kind_comes_back_as_it_was(part, file_of):
    images, _ = ns.data.draw_digits(50, seed=3)
    for k, image in enumerate(images[part::5]):
        large = Image.fromarray(255 - image).resize((280, 280), Image.Resampling.BICUBIC)
        x = ns.data.read_image(file_of(large))
        nearby = [np.roll(x, shift, (0, 1)) for shift in itertools.product((-1, 0, 1), repeat=2)]  # rounded otherwise
        assert any(alike(each, image, 0.9) for each in nearby), k


def test_where_it_lies_how_large_it_is_and_what_colour_it_has_makes_no_difference(rng, file_of):
    strokes = strokes_of(5, rng)
    usual = ns.data.read_image(file_of(draw(strokes, 130, 13)))
    moved = ns.data.read_image(file_of(draw(strokes, 65, 6.5, centre=(140, 50))))
    large = ns.data.read_image(file_of(draw(strokes, 900, 90, centre=(700, 600), side=1500)))
    wide = Image.new("L", (900, 200), 255)
    wide.paste(draw(strokes, 130, 13), (650, 0))
    assert alike(usual, moved, 0.95) and alike(usual, large) and alike(usual, ns.data.read_image(file_of(wide)))
    white = draw(strokes, 130, 13)
    inverted = Image.fromarray(255 - np.asarray(white))
    assert np.array_equal(ns.data.read_image(file_of(inverted)), usual)


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ((0, 0, 200), (255, 255, 255)),
        ((255, 230, 0), (255, 255, 255)),  # yellow on white hardly differs in brightness
        ((0, 0, 255), (0, 0, 0)),
        ((220, 40, 40), (40, 130, 40)),  # red on a green with the same brightness
        ((250, 250, 240), (20, 60, 40)),
    ],
)
def test_colours(ink, paper, two, file_of):
    share = np.asarray(two)[:, :, None] / 255.0
    coloured = np.rint(share * np.array(paper) + (1 - share) * np.array(ink)).astype(np.uint8)
    assert alike(ns.data.read_image(file_of(Image.fromarray(coloured))), ns.data.read_image(file_of(two, "grey.png")))


# -- black on white, or white on black ---------------------------------------------------------------------------------


def test_the_border_decides_and_it_is_said(two, file_of):
    dark = file_of(Image.fromarray(255 - np.asarray(two)), "dark.png")
    light = file_of(two, "light.png")
    assert read_drawing(light).said == "black on white, cropped and centred"
    assert read_drawing(dark).said == "white on black, cropped and centred"
    assert np.array_equal(ns.data.read_image(light), ns.data.read_image(light, invert=True))
    assert np.array_equal(ns.data.read_image(dark), ns.data.read_image(dark, invert=False))
    assert not alike(ns.data.read_image(light, invert=False, as_is=True), ns.data.read_image(light, as_is=True), 0)


def test_a_drawing_that_covers_most_of_the_picture(rng, file_of):
    thick = draw([stroke * (1.3, 1) for stroke in strokes_of(8, rng)], 125, 46)
    assert (np.asarray(thick) < 128).mean() > 0.33
    assert read_drawing(file_of(thick)).said == "black on white, cropped and centred"


def test_a_drawing_that_reaches_the_edge_is_said_to(rng, file_of):
    picture = draw([np.array([[-0.5, -0.5], [0.5, 0.5]])], 220, 12)
    assert read_drawing(file_of(picture)).said.endswith("the drawing touches the edge of the picture")


# -- light, noise, dust ------------------------------------------------------------------------------------------------


def in_light(image, light):
    """Draw on paper in this light (height, width): ink reflects a sixth of it."""
    return Image.fromarray(np.clip(light * (40 + 0.84 * np.asarray(image, float)), 0, 255).astype(np.uint8))


@pytest.mark.parametrize("kind", ["from the left", "a lamp", "a dark corner", "a shadow", "a soft shadow"])
def test_uneven_light(kind, two, file_of):
    y, x = np.mgrid[0:200, 0:200] / 200
    light = {
        "from the left": 1.0 - 0.7 * x,
        "a lamp": 1.1 - np.hypot(x - 0.2, y - 0.3),
        "a dark corner": 1.0 - 0.8 * np.exp(-6 * np.hypot(x - 1, y - 1) ** 2),
        "a shadow": np.where(x + 0.5 * y > 0.9, 0.6, 1.0),
        "a soft shadow": 1.0 - 0.5 / (1 + np.exp(-20 * (x + 0.4 * y - 0.7))),
    }[kind]
    plain = ns.data.read_image(file_of(two, "plain.png"))
    assert alike(ns.data.read_image(file_of(in_light(two, light))), plain, 0.94), kind


def test_dust_and_noise_are_left_out(two, rng, file_of):
    pixels = np.asarray(two).copy()
    for y, x in rng.integers(5, 195, (15, 2)):
        pixels[y : y + 2, x : x + 2] = 0
    plain = ns.data.read_image(file_of(two, "plain.png"))
    assert alike(ns.data.read_image(file_of(Image.fromarray(pixels))), plain, 0.96)
    noisy = np.clip(40 + 0.7 * np.asarray(two) + rng.normal(0, 12, pixels.shape), 0, 255).astype(np.uint8)
    assert alike(ns.data.read_image(file_of(Image.fromarray(noisy))), plain, 0.95)


def test_photographs_look_like_the_drawing(rng, file_of):
    for digit in range(10):
        drawing = draw(strokes_of(digit, rng), 120, 12)
        x = ns.data.read_image(file_of(photographed(drawing, rng)))
        assert x[[0, 1, 2, -1, -2], :].sum() < 500 and 30 < (x > 127).sum() < 160, digit


def test_a_table_beside_the_paper_is_left_out(two, rng, file_of):
    plain = ns.data.read_image(file_of(two, "plain.png"))
    pixels = np.asarray(two).copy()
    pixels[:, :14] = 60
    assert alike(ns.data.read_image(file_of(Image.fromarray(pixels))), plain)
    pixels[194:, :100] = 40
    drawing = read_drawing(file_of(Image.fromarray(pixels)))
    assert alike(drawing.pixels, plain) and drawing.said == "black on white, cropped and centred"


def test_a_picture_cut_out_around_a_drawing_of_two_strokes_loses_none(rng, file_of):
    strokes = [np.array([[-0.25, -0.35], [-0.3, 0.1], [0.3, 0.3], [-0.3, 0.5]]), np.array([[-0.1, -0.5], [0.4, -0.5]])]
    whole = draw(strokes, 130, 8)
    rows, columns = (np.flatnonzero((np.asarray(whole) < 128).any(axis=axis)) for axis in (1, 0))
    cut = whole.crop((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    assert alike(ns.data.read_image(file_of(cut)), ns.data.read_image(file_of(whole, "whole.png")))


@pytest.mark.parametrize("level", [0, 130, 255])
def test_an_empty_picture_is_refused(level, file_of, rng, refused):
    empty = file_of(Image.new("L", (200, 200), level))
    with refused("expected a drawing", "picture.png", error=DataError):
        ns.data.read_image(empty)
    noise = np.clip(130 + rng.normal(0, 5, (200, 200)), 0, 255).astype(np.uint8)
    with refused("expected a drawing", error=DataError):
        ns.data.read_image(file_of(Image.fromarray(noise)))


def test_connected_parts(rng):
    """Compared with a search by neighbours, pixel by pixel."""
    for _ in range(20):
        mask = rng.random((13, 17)) < 0.45
        expected, count = np.zeros(mask.shape, int), 0
        for start in zip(*np.nonzero(mask), strict=True):
            if expected[start]:
                continue
            count += 1
            waiting = deque([start])
            while waiting:
                y, x = waiting.popleft()
                if 0 <= y < 13 and 0 <= x < 17 and mask[y, x] and not expected[y, x]:
                    expected[y, x] = count
                    waiting += [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        parts, found = connected(mask)
        assert found == count and np.array_equal(parts > 0, mask)
        assert len(set(zip(parts[mask].tolist(), expected[mask].tolist(), strict=True))) == count


# -- files -------------------------------------------------------------------------------------------------------------


def on_nothing(two):
    """Return the ink alone, on a transparent background."""
    ink = np.zeros((200, 200, 4), np.uint8)
    ink[:, :, 3] = 255 - np.asarray(two)
    return ink


def test_every_kind_of_file(two, file_of):
    expected = ns.data.read_image(file_of(two, "expected.png"))
    grey = np.asarray(two)
    ink = on_nothing(two)
    white_ink = ink.copy()
    white_ink[:, :, :3] = 255
    framed = np.dstack([grey] * 3 + [np.full_like(grey, 255)])
    framed[:5, :, 3] = framed[:, :5, 3] = 0  # paper with transparent edges
    framed[:5, :, :3] = framed[:, :5, :3] = 0
    palette = two.quantize(8)
    clear = Image.fromarray(np.where(grey < 128, 1, 0).astype(np.uint8), "L").convert("P")
    clear.putpalette([255, 0, 255, 10, 10, 10])
    kinds = {
        "palette.png": (palette, {}),
        "palette.gif": (palette, {}),
        "transparent.gif": (clear, {"transparency": 0}),
        "bits.png": (two.convert("1"), {}),
        "bits.tif": (two.convert("1"), {}),
        "rgb.bmp": (two.convert("RGB"), {}),
        "rgb.jpg": (two.convert("RGB"), {}),
        "cmyk.jpg": (two.convert("CMYK"), {}),
        "rgb.webp": (two.convert("RGB"), {}),
        "grey.pgm": (two, {}),
        "ink.png": (Image.fromarray(ink), {}),
        "white_ink.png": (Image.fromarray(white_ink), {}),
        "framed.png": (Image.fromarray(framed), {}),
        "grey_alpha.png": (Image.fromarray(ink).convert("LA"), {}),
        "sixteen.png": (Image.fromarray(grey.astype(np.uint16) * 257), {}),
        "twelve.tif": (Image.fromarray(grey.astype(np.uint16) * 16), {}),
        "integers.tif": (Image.fromarray(grey.astype(np.int32) * 1000), {}),
        "floats.tif": (Image.fromarray(grey.astype(np.float32) / 255), {}),
    }
    for name, (image, options) in kinds.items():
        assert alike(ns.data.read_image(file_of(image, name, **options)), expected, 0.96), name


def test_the_camera_says_how_it_was_held(two, file_of):
    expected = ns.data.read_image(file_of(two, "expected.png"))
    for tag, turn in ((3, Image.Transpose.ROTATE_180), (6, Image.Transpose.ROTATE_90), (8, Image.Transpose.ROTATE_270)):
        exif = Image.Exif()
        exif[0x0112] = tag
        turned = two.convert("RGB").transpose(turn)
        assert alike(ns.data.read_image(file_of(turned, f"{tag}.jpg", exif=exif, quality=95)), expected)


def test_tiny_pictures(file_of):
    dot = np.full((5, 5), 255, np.uint8)
    dot[1:4, 2] = 0
    x = ns.data.read_image(file_of(Image.fromarray(dot)))
    assert (x > 127).any(axis=1).sum() == 20
    for size in ((1, 1), (2, 1), (1, 200)):
        with pytest.raises(DataError, match="expected a drawing"):
            ns.data.read_image(file_of(Image.new("L", size, 255), "tiny.png"))


@pytest.mark.full
def test_a_large_photograph_takes_no_long_time_and_little_memory(file_of, two, peak_memory):
    large = file_of(two.resize((6000, 4000)), "large.jpg")
    assert alike(ns.data.read_image(large), ns.data.read_image(file_of(two.resize((600, 400)), "small.png")), 0.95)
    assert peak_memory(lambda: ns.data.read_image(large), repeats=1) < 60e6


def test_what_is_no_picture_is_refused(tmp_path, two, refused):
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "iphone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    stream = io.BytesIO()
    two.save(stream, "PNG")
    (tmp_path / "half.png").write_bytes(stream.getvalue()[:300])
    (tmp_path / "folder").mkdir()
    for name, words in {
        "text.png": "expected a picture (PNG, JPEG",
        "empty.png": "received an empty file",
        "iphone.heic": "save it as PNG or JPEG",
        "half.png": "the picture is damaged",
        "nowhere.png": "No such file",
        "folder": "expected a file, received a folder",
    }.items():
        with refused(name, words, error=DataError):
            ns.data.read_image(tmp_path / name)


@pytest.mark.full
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, refused, monkeypatch):
    Image.new("1", (30_000, 30_000)).save(tmp_path / "bomb.png")
    with refused("bomb.png", "expected at most 200,000,000 pixels", error=DataError):
        read_picture(tmp_path / "bomb.png")


def test_folders_give_their_pictures_in_natural_order(tmp_path, two, refused):
    for name in ("b/2.png", "b/10.png", "a.JPG", ".hidden.png", "__MACOSX/x.png", "._a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        two.convert("RGB").save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    names = [str(path.relative_to(tmp_path)) for path in picture_files(tmp_path)]
    assert names == ["a.JPG", "b/2.png", "b/10.png"]
    assert picture_files(tmp_path / "a.JPG") == [tmp_path / "a.JPG"]
    (tmp_path / "none").mkdir()
    with refused("received a folder without any", error=DataError):
        picture_files(tmp_path / "none")


# -- for a network -----------------------------------------------------------------------------------------------------


def network(shape, x=None):
    net = ns.Network([ns.Input(shape), ns.Dense(3, "softmax")], seed=0)
    if x is not None:
        net.fit(x, np.arange(len(x)) % 3, epochs=1, verbose=False)
    return net


def test_the_shape_of_a_networks_pictures(refused):
    bytes_of = np.random.default_rng(0).integers(0, 256, (12, 8, 6), dtype=np.uint8)
    assert picture_shape(network((8, 6))) == picture_shape(network(48, bytes_of)) == (8, 6)
    assert picture_shape(network((8, 6, 1))) == (8, 6) and picture_shape(network((8, 6, 3))) == (8, 6, 3)
    assert picture_shape(network(784)) == (28, 28)
    with refused("takes 4 numbers", "ns.Input((28, 28))"):
        picture_shape(network(4))
    with refused("takes 48 numbers"):
        picture_shape(network(48, bytes_of.reshape(12, 48)))


def test_pictures_come_in_the_units_of_the_training_samples(two, file_of):
    """Bytes, 0..16, 0..1, -1..1: black is the lowest training number of a network, and white the highest."""
    path = file_of(two)
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 256, (12, 28, 28)).astype(np.uint8)
    levels[0, 0, :2] = (0, 255)
    drawing = read_drawing(path)
    for x, low, high in (
        (levels, 0.0, 1.0),
        (levels.astype(np.int64), 0.0, 1.0),
        (levels // 16 + (levels == 255), 0.0, 1.0),
        (levels / 255.0, 0.0, 1.0),
        (levels / 127.5 - 1, -1.0, 1.0),
    ):
        net = network((28, 28), x)
        net.predict(as_samples(net, [drawing]))
        a = net.input.a[0]
        assert a == pytest.approx(low + (high - low) * drawing.pixels.ravel() / 255.0, abs=1e-6)


def test_a_network_for_colours_takes_colours(two, file_of):
    red = Image.merge("RGB", (Image.new("L", (200, 200), 255), two, two))
    drawing = read_drawing(file_of(red), (20, 20, 3))
    assert drawing.pixels.shape == (20, 20, 3) and (drawing.pixels[:, :, 0] == 255).all()
    assert alike(drawing.pixels[:, :, 1], np.asarray(two.resize((20, 20), Image.Resampling.BOX)), 0.95)
    assert drawing.said == "in colour, as it is"
    assert read_drawing(file_of(two), (20, 20, 3)).pixels.shape == (20, 20, 3)


def test_as_is_scales_the_whole_picture_and_moves_nothing(rng, file_of):
    digit = ns.data.draw_digits(1, seed=5)[0][0]
    assert np.array_equal(ns.data.read_image(file_of(Image.fromarray(digit)), as_is=True), digit)
    assert np.array_equal(ns.data.read_image(file_of(Image.fromarray(255 - digit)), as_is=True), digit)
    corner = draw(strokes_of(3, rng), 60, 8, centre=(50, 50))
    x = ns.data.read_image(file_of(corner), as_is=True)
    assert x[14:, :].max() == 0 and x[:14, :14].max() > 200
    wide = ns.data.read_image(file_of(corner.crop((0, 0, 200, 100))), as_is=True)
    assert wide[:7].max() == 0 and wide[7:21].max() > 200  # its proportions are kept, on its own paper
