"""The learner's pictures in the page, in Chromium: dropped, pasted or chosen, and read as Python reads them.

Also drawings in colour, and the accidents of a lesson: two fingers, a pen that leaves the pad, files without a picture.
"""

import base64
import time

import numpy as np
import pytest
from drawn_digits import draw, photographed, strokes_of
from page_browser import Tab
from PIL import Image, ImageOps

import neurosim as ns
from neurosim.data.drawings import as_samples, read_drawing

pytestmark = pytest.mark.browser
OFF = 2  # grey levels by which a picture on the screen may differ: roundings
SHOWN = """() => {
  const canvas = document.querySelector("#pad canvas");
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  return [...copy.getImageData(0, 0, canvas.width, canvas.height).data];
}"""


@pytest.fixture(scope="module")
def net():
    train, test = ns.data.load("digits")
    made = ns.Network([ns.Input((28, 28)), ns.Dense(32, "relu"), ns.Dense(10, "softmax")], seed=0)
    made.fit(train.subset(4000), epochs=3, verbose=False)
    made.kept = train.subset(500), test
    return made


@pytest.fixture(scope="module")
def file(net, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    ns.explore(net, *net.kept, path)
    return path


def squares(rng, count, side):
    """Return pictures in colour: a red or a blue square on nearly white paper."""
    labels = np.arange(count) % 2
    x = rng.integers(235, 250, (count, side, side, 3), dtype=np.uint8)
    for picture, label in zip(x, labels, strict=True):
        top, left = rng.integers(2, side // 2, 2)
        picture[top : top + side // 2, left : left + side // 2] = [(210, 30, 30), (30, 30, 210)][label]
    return x, labels


@pytest.fixture(scope="module")
def colour_net(tmp_path_factory):
    """A network for pictures in a folder, and its page."""
    folder = tmp_path_factory.mktemp("colour")
    x, labels = squares(np.random.default_rng(0), 120, 16)
    for k, (picture, label) in enumerate(zip(x, labels, strict=True)):
        place = folder / "pictures" / ("red", "blue")[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / f"{k}.png")
    train, test = ns.data.load(folder / "pictures")
    made = ns.Network([ns.Input(train.sample_shape), ns.Dense(12, "relu"), ns.Dense(2, "softmax")], seed=0)
    made.fit(train, epochs=30, batch_size=8, verbose=False)
    ns.explore(made, train, test, folder / "page.html")
    made.page = folder / "page.html"
    return made


def shown(tab, colour=False):
    """Return the picture on the pad: grey levels (n,), or red, green and blue (n, 3)."""
    pixels = np.reshape(tab.page.evaluate(SHOWN), (-1, 4)).astype(float)
    return pixels[:, :3] if colour else np.rint((255 - pixels[:, 0]) / 245 * 255)


def until(holds, seconds=8):
    """Wait until it holds, and return whether it does."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def shows(tab, picture):
    """Wait until the pad shows a picture, and return whether it does."""
    picture = picture.astype(float).reshape(-1, 3) if picture.ndim == 3 else picture.astype(float).ravel()
    return until(lambda: np.abs(shown(tab, picture.ndim == 2) - picture).max() <= OFF)


def says(tab, words):
    return until(lambda: words in tab.text("#notice"))


def choose(tab, path):
    tab.page.locator("#input input[type=file]").set_input_files(str(path))


def drop(tab, *paths, where="#pad"):
    """Drop files on the page, as from another window."""
    box = tab.page.locator(where).bounding_box()
    place = {"x": box["x"] + 0.5 * box["width"], "y": box["y"] + 0.5 * box["height"]}
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    session = tab.context.new_cdp_session(tab.page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})


def paste(tab, path):
    """Put the picture into the clipboard, and press the keys."""
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.page.evaluate(
        """async (text) => {
          const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
          const blob = new Blob([bytes], { type: "image/png" });
          await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
        }""",
        base64.b64encode(path.read_bytes()).decode("ascii"),
    )
    tab.page.keyboard.press("Control+v")


def seven():
    return draw(strokes_of(7, np.random.default_rng(1)), 130, 16)


def written(folder, kind):
    """Write a picture of a digit to a file."""
    rng = np.random.default_rng(2)
    three = draw(strokes_of(3, rng), 130, 14)
    if kind == "photograph":
        path = folder / "photograph.jpg"
        large = photographed(three, rng).resize((900, 1200), Image.Resampling.BICUBIC)
        exif = Image.Exif()
        exif[0x0112] = 6  # the camera was held upright: turn it by a quarter
        large.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
        return path
    if kind == "transparent":
        image = Image.new("RGBA", three.size, (0, 0, 0, 0))
        image.putalpha(ImageOps.invert(three))
    else:
        image = {
            "dark on white": three,
            "white on dark": ImageOps.invert(three),
            "in colour": ImageOps.colorize(three, "#a01010", "#f0e8c8"),
            "small": three.resize((28, 28)),
        }[kind]
    path = folder / f"{kind}.png"
    image.save(path)
    return path


KINDS = ["dark on white", "white on dark", "transparent", "photograph", "in colour", "small"]


@pytest.mark.quick_every(4)  # each way, and the kinds in turn
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", [choose, drop, paste])
def test_an_image_file_is_read_as_python_reads_it(tab, net, tmp_path, kind, way):
    if way is paste and kind == "photograph":
        pytest.skip("a clipboard holds PNG")
    path = written(tmp_path, kind)
    picture = ns.data.read_image(path)
    way(tab, path)
    if kind == "photograph":  # another decoder, another way to make it smaller
        assert until(lambda: np.abs(shown(tab) - picture.ravel()).mean() <= 3)
    else:
        assert shows(tab, picture)
    tab.settle()
    assert tab.text("#verdict").startswith(f"Read as {net.predict(picture[None])[0]}")
    assert tab.state()["sample"] is None and tab.state()["label"] is None and tab.text("#notice") == ""


def test_a_file_can_fall_anywhere_and_can_be_chosen_again(tab, tmp_path):
    path = written(tmp_path, "dark on white")
    picture = ns.data.read_image(path)
    drop(tab, path, where="#microscope")
    assert shows(tab, picture)
    for _ in range(2):
        tab.button("Clear").click()
        choose(tab, path)
        assert shows(tab, picture)
    tab.button("Move right").click()
    assert shows(tab, np.roll(picture, 1, axis=1))


def damaged(folder):
    path = folder / "damaged.png"
    path.write_bytes(written(folder, "dark on white").read_bytes()[:60])
    return path


def text(folder):
    path = folder / "homework.txt"
    path.write_text("no picture")
    return path


def drawn_by_lines(folder):
    path = folder / "lines.svg"
    path.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="90" height="90"><path d="M9 9h70L30 80"/></svg>')
    return path


def empty(folder):
    path = folder / "empty.png"
    path.touch()
    return path


@pytest.mark.quick_every(3)
@pytest.mark.parametrize("make", [damaged, text, drawn_by_lines, empty])
@pytest.mark.parametrize("way", [choose, drop])
def test_a_file_that_is_not_a_picture_is_an_error_and_nothing_is_lost(tab, tmp_path, make, way):
    path = make(tmp_path)
    stroke(tab)
    before = shown(tab), tab.state()
    way(tab, path)
    assert says(tab, f"{path.name}: expected a picture")
    assert "\n" not in tab.text("#notice").strip()
    assert np.array_equal(shown(tab), before[0]) and tab.state() == before[1]
    choose(tab, written(tmp_path, "dark on white"))
    assert until(lambda: tab.text("#notice") == "")


@pytest.mark.parametrize("size", [(1, 1), (200, 100)])
def test_a_picture_without_a_drawing_gives_a_notice(tab, tmp_path, size):
    Image.new("RGB", size, "white").save(tmp_path / "blank.png")
    stroke(tab)
    before = shown(tab)
    drop(tab, tmp_path / "blank.png")
    assert says(tab, "blank.png: expected a drawing. Nothing in this picture stands out clearly")
    assert np.array_equal(shown(tab), before)


def test_of_two_files_the_first_is_used_with_a_notice(tab, tmp_path):
    one, other = written(tmp_path, "dark on white"), text(tmp_path)
    drop(tab, one, other)
    assert says(tab, "Only dark on white.png was used") and shows(tab, ns.data.read_image(one))


def test_a_huge_picture_and_a_moving_one(tab, net, tmp_path):
    seven().resize((8000, 6000)).save(tmp_path / "huge.png")
    choose(tab, tmp_path / "huge.png")
    expected = ns.data.read_image(tmp_path / "huge.png")
    assert until(lambda: np.abs(shown(tab) - expected.ravel()).mean() <= 3, seconds=30)
    assert tab.text("#verdict").startswith(f"Read as {net.predict(expected[None])[0]}")
    three = Image.open(written(tmp_path, "dark on white"))
    three.save(tmp_path / "moving.gif", save_all=True, append_images=[seven(), three], duration=50)
    choose(tab, tmp_path / "moving.gif")
    assert shows(tab, ns.data.read_image(tmp_path / "moving.gif"))


def drop_text(tab, selector, words):
    """Drop a selected text on an element, and return whether the browser would handle it."""
    return tab.page.evaluate(
        """([selector, words]) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.setData("text/plain", words);
          const event = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
          return document.querySelector(selector).dispatchEvent(event);
        }""",
        [selector, words],
    )


def test_dropped_text_is_not_a_picture_and_opens_nothing(tab):
    before = shown(tab)
    for where in ("#pad", "body"):
        assert not drop_text(tab, where, "https://example.org")
        assert says(tab, "Expected a picture file")
    assert np.array_equal(shown(tab), before)
    tab.goto(layer=1, neuron=3)
    tab.page.locator(".tools summary").click()
    assert drop_text(tab, ".tools input[type=number]", "0.5")  # a number may fall into a field


def test_pasted_text_goes_to_the_field_with_the_cursor(tab):
    before = tab.state()
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.page.evaluate("navigator.clipboard.writeText('0.25')")
    tab.page.keyboard.press("Control+v")
    tab.settle()
    assert tab.state() == before and tab.text("#notice") == ""


def test_a_network_that_does_not_take_pictures_gives_a_notice_and_stays(browser, tmp_path):
    train, test = ns.data.load("moons")
    net = ns.Network([ns.Input(2), ns.Dense(4, "tanh"), ns.Dense(2, "softmax")], seed=0)
    net.fit(train, epochs=1, verbose=False)
    ns.explore(net, train, test, tmp_path / "page.html")
    with Tab(browser, tmp_path / "page.html") as tab:
        drop(tab, written(tmp_path, "dark on white"), where="#input")
        assert says(tab, "This network does not take pictures.")
        assert tab.page.url.split("#")[0].endswith("page.html")
        tab.check()


# -- the pen -----------------------------------------------------------------------------------------------------------


def at(tab, x, y):
    box = tab.page.locator("#pad").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def stroke(tab, *points, lift=True, steps=8):
    """Draw through points from 0 to 1, with `steps` moves each; without points, draw a slanted stroke."""
    if not points:
        tab.button("Clear").click()
        points = [(0.3, 0.2), (0.5, 0.5), (0.6, 0.8)]
    tab.page.mouse.move(*at(tab, *points[0]))
    tab.page.mouse.down()
    for point in points[1:]:
        tab.page.mouse.move(*at(tab, *point), steps=steps)
    if lift:
        tab.page.mouse.up()
    tab.settle()


def as_it_lies(tab):
    tab.button("Clear").click()
    tab.settle()  # an empty pad is to be centred
    tab.page.get_by_label("centre").uncheck()
    tab.settle()


def test_the_pen_may_leave_the_pad_and_come_back(tab):
    as_it_lies(tab)
    stroke(tab, (0.5, 0.5), (1.6, 0.5), (1.6, 0.9), (0.5, 0.9))
    picture = shown(tab).reshape(28, 28)
    assert picture[14, 14:].min() > 200 and picture[25, 15:].min() > 200 and picture[19:22].max() == 0
    before = picture.copy()
    tab.page.mouse.move(*at(tab, 0.2, 0.2))
    tab.settle()
    assert np.array_equal(shown(tab).reshape(28, 28), before)  # it is up


def send(tab, kind, x, y, pointer=1, buttons=1):
    tab.page.evaluate(
        """([kind, x, y, pointerId, buttons]) => {
          const pad = document.getElementById("pad");
          const box = pad.getBoundingClientRect();
          const [clientX, clientY] = [box.left + x * box.width, box.top + y * box.height];
          pad.setPointerCapture = () => {};
          pad.dispatchEvent(new PointerEvent(kind, { pointerId, bubbles: true, clientX, clientY, buttons }));
        }""",
        [kind, x, y, pointer, buttons],
    )


def test_a_second_finger_draws_no_line_to_the_first(browser, file):
    with Tab(browser, file, 390, has_touch=True) as tab:
        tab.no_hints()
        as_it_lies(tab)
        tab.page.locator("#pad").scroll_into_view_if_needed()
        session = tab.context.new_cdp_session(tab.page)

        def touch(kind, *places):
            points = [dict(zip(("x", "y"), at(tab, *place), strict=True), id=k) for k, place in enumerate(places)]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", (0.2, 0.2))
        touch("touchStart", (0.2, 0.2), (0.8, 0.8))
        for k in range(10):
            touch("touchMove", (0.2, 0.2 + 0.06 * k), (0.8, 0.8 - 0.06 * k))
        touch("touchEnd")
        tab.settle()
        picture = shown(tab).reshape(28, 28)
        assert picture[6:20, 5:7].min() > 100  # the first finger's stroke
        assert picture[:, 9:].max() == 0  # nothing between the fingers, and nothing of the second
        tab.check()


def test_a_pen_that_was_lifted_outside_stops_drawing(tab):
    as_it_lies(tab)
    send(tab, "pointerdown", 0.2, 0.2)
    send(tab, "pointermove", 0.4, 0.2)
    send(tab, "pointermove", 0.4, 0.8, buttons=0)  # over another window it went up
    send(tab, "pointermove", 0.9, 0.8, buttons=0)
    tab.settle()
    assert shown(tab).reshape(28, 28)[12:].max() == 0


def test_the_window_may_change_during_a_stroke(tab):
    as_it_lies(tab)
    stroke(tab, (0.2, 0.2), (0.5, 0.2), lift=False)
    tab.page.set_viewport_size({"width": 800, "height": 700})
    tab.settle()
    tab.page.mouse.move(*at(tab, 0.8, 0.2))  # where that is on the pad as it lies now
    tab.page.mouse.up()
    tab.settle()
    picture = shown(tab).reshape(28, 28)
    assert picture[5, 6:22].min() > 200 and picture[9:].max() == 0


def test_clearing_while_it_trains_and_while_the_pen_is_down(tab):
    tab.button("Play").click()
    tab.page.wait_for_timeout(200)
    stroke(tab)
    assert shown(tab).max() > 200
    tab.button("Clear").click()
    tab.settle()
    assert shown(tab).max() == 0 and tab.state()["training"]
    stroke(tab, (0.2, 0.2), (0.5, 0.2), lift=False)
    tab.page.keyboard.press("Delete")
    tab.settle()
    assert shown(tab).max() == 0
    tab.page.mouse.move(*at(tab, 0.5, 0.8), steps=4)
    tab.page.mouse.up()
    tab.settle()
    assert shown(tab).max() == 0  # the stroke was cleared away
    stroke(tab)
    assert tab.text("#verdict").startswith("Read as")
    tab.button("Pause").click()
    tab.page.wait_for_timeout(300)


def test_the_eraser_takes_away_what_it_passes(tab):
    as_it_lies(tab)
    stroke(tab, (0.1, 0.5), (0.9, 0.5))
    tab.button("Eraser").click()
    stroke(tab, (0.5, 0.1), (0.5, 0.9))
    picture = shown(tab).reshape(28, 28)
    assert picture[:, 13:15].max() == 0 and picture[14, 4:11].min() > 200 and picture[14, 17:24].min() > 200


# -- colour, and other units -------------------------------------------------------------------------------------------


def colour_of(tab, value):
    tab.page.get_by_label("pen", exact=True).fill(value)


def test_the_pen_has_a_colour_where_pictures_have(browser, colour_net, file):
    with Tab(browser, colour_net.page) as tab:
        tab.no_hints()
        assert tab.page.get_by_label("centre").count() == 0
        tab.button("Clear").click()
        tab.settle()
        paper = shown(tab, colour=True)
        assert (paper == paper[0]).all() and 235 <= paper[0].min() <= 250  # what most corners are like
        for value, name in (("#d21e1e", "red"), ("#1e1ed2", "blue")):
            tab.button("Clear").click()
            colour_of(tab, value)
            for k in range(9):
                stroke(tab, (0.25, 0.25 + 0.06 * k), (0.75, 0.25 + 0.06 * k), steps=2)
            picture = shown(tab, colour=True).reshape(16, 16, 3)
            assert np.abs(picture[8, 8] - [int(value[i : i + 2], 16) for i in (1, 3, 5)]).max() <= OFF
            assert np.array_equal(picture[0, 0], paper[0])
            x = picture.astype(np.uint8)[None]
            probabilities = colour_net.predict_proba(x)[0]
            assert tab.text("#verdict").startswith(f"Read as {name}")
            assert colour_net.class_names[int(probabilities.argmax())] == name
            told = tab.page.evaluate("x => neurosim.predict(x)", [float(each) for each in x.ravel()])
            assert told == pytest.approx(probabilities, abs=1e-5)
        tab.button("Eraser").click()
        for k in range(21):
            stroke(tab, (0.0, 0.05 * k), (1.0, 0.05 * k), steps=2)
        assert np.array_equal(shown(tab, colour=True), paper)
        colour_of(tab, "#00ff00")  # who takes a colour wants to draw
        stroke(tab, (0.45, 0.53), (0.6, 0.53))
        green = shown(tab, colour=True).reshape(16, 16, 3)
        assert green[8, 8, 1] > green[8, 8, [0, 2]].max() + 150
        tab.button("Move down").click()
        tab.settle()
        moved = shown(tab, colour=True).reshape(16, 16, 3)
        assert np.array_equal(moved[9], green[8]) and np.array_equal(moved[0, 0], paper[0])
        tab.check()
    with Tab(browser, file) as tab:
        assert tab.page.locator("input[type=color]").count() == 0


@pytest.mark.quick_for("drop")
@pytest.mark.parametrize("way", [choose, drop, paste])
def test_a_picture_in_colour_is_read_as_python_reads_it(browser, colour_net, tmp_path, way):
    picture, _ = squares(np.random.default_rng(4), 2, 40)
    for k, (height, width) in enumerate([(40, 40), (24, 40)]):
        path = tmp_path / f"{k}.png"
        Image.fromarray(picture[k][:height, :width]).save(path)
        expected = ns.data.read_image(path, (16, 16, 3))
        with Tab(browser, colour_net.page) as tab:
            way(tab, path)
            assert shows(tab, expected)
            name = colour_net.class_names[colour_net.predict(expected[None])[0]]
            tab.settle()
            assert tab.text("#verdict").startswith(f"Read as {name}")
            tab.check()


@pytest.mark.quick_for("-1 to 1")
@pytest.mark.parametrize("unit", ["0 to 16", "0 to 1", "-1 to 1"])
def test_pictures_in_other_units_are_drawn_in_those(browser, tmp_path, unit):
    train, test = ns.data.load("digits")
    small = [data.x[:1500].reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)) / 255 for data in (train, test)]
    x, x_test = (
        {"0 to 16": np.rint(16 * each).astype(np.uint8), "0 to 1": each, "-1 to 1": 2 * each - 1}[unit]
        for each in small
    )
    y, y_test = train.labels[:1500], test.labels[:1500]
    net = ns.Network([ns.Input((14, 14)), ns.Dense(32, "relu"), ns.Dense(10, "softmax")], seed=0)
    net.fit(x, y, epochs=6, verbose=False)
    ns.explore(net, (x, y), (x_test, y_test), tmp_path / "page.html")
    path = written(tmp_path, "dark on white")
    with Tab(browser, tmp_path / "page.html") as tab:
        tab.no_hints()
        row = tab.state()["sample"]
        given = 255 * small[1][row]
        assert np.abs(shown(tab) - given.ravel()).max() <= (9 if unit == "0 to 16" else OFF)
        drawing = read_drawing(path, (14, 14))
        choose(tab, path)
        assert until(lambda: tab.state()["sample"] is None)
        tab.settle()
        assert np.abs(shown(tab) - drawing.pixels.ravel()).max() <= (9 if unit == "0 to 16" else OFF)
        assert tab.text("#verdict").startswith(f"Read as {net.predict(as_samples(net, [drawing]))[0]}")
        tab.check()
