"""Pictures of filters draw the numbers that they are given, where they are, on scales centred on zero."""

import numpy as np
import pytest
from figure_checks import assert_legible, outside, overlapping, texts, title, words
from matplotlib.text import Annotation

import neurosim as ns
import viz
from neurosim.errors import NeurosimError, ShapeError
from viz.filters import channel_sheet, enlarged, sheet_centre

rng = np.random.default_rng(0)
SAMPLE = rng.integers(0, 256, (28, 28)).astype(np.uint8)


def is_centred(image):
    low, high = image.get_clim()
    return low == -high


def outlines(ax, name="field"):
    """The outlines in a picture: (left, top, width, height) of each, in pixels from the edge of the first."""
    return [
        (each.get_x() + 0.5, each.get_y() + 0.5, each.get_width(), each.get_height())
        for each in ax.patches
        if each.get_gid() == name
    ]


def everything_apart(figure):
    """No two texts of a figure overlap, and none sticks out; its title, which keeps a line free below, is left out."""
    figure.draw_without_rendering()
    seen = []
    for ax in figure.axes:
        seen += [*texts(ax), ax._left_title]
        for axis in (ax.xaxis, ax.yaxis) if ax.axison else ():
            low, high = sorted(axis.get_view_interval())
            seen += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            seen += [tick.label2 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    seen += [each for each in figure.findobj(Annotation) if each.axes is None]  # the line below the title
    seen = [each for each in seen if each.get_text().strip() and each.get_visible()]
    assert overlapping(seen, figure) == [] and outside(seen, figure) == []


# --- kernels -------------------------------------------------------------------------------------------------------


@pytest.mark.quick_every(3)
@pytest.mark.parametrize(
    ("k", "channels", "filters"), [(5, 1, 8), (1, 1, 1), (3, 1, 64), (28, 1, 6), (5, 1, 1), (1, 1, 64)]
)
def test_a_kernel_of_one_channel_is_one_picture(k, channels, filters):
    W = rng.normal(size=(k, k, channels, filters))
    ax = viz.kernel_grid(W)
    (image,) = ax.images
    sheet = np.asarray(image.get_array().filled(np.nan))
    tiles = enlarged(W[:, :, 0].transpose(2, 0, 1))
    found = sheet[np.isfinite(sheet)]
    np.testing.assert_array_equal(np.sort(found), np.sort(tiles.ravel()))
    captions = [each for each in texts(ax) if each.get_text().isdigit()]
    assert [each.get_text() for each in captions] == ([str(f) for f in range(filters)] if filters > 1 else [])
    side = tiles.shape[1]
    for caption, tile in zip(captions, tiles, strict=False):  # below each number stands its kernel
        left, above = caption.get_position()
        x, y = round(left + 0.5), round(above + 1.2)
        np.testing.assert_array_equal(sheet[y : y + side, x : x + side], tile)
    assert is_centred(image) and words(ax).count("red excites, blue inhibits") == 1
    assert_legible(ax)


@pytest.mark.quick_every(3)
@pytest.mark.parametrize(("k", "channels", "filters"), [(5, 8, 16), (3, 3, 5), (1, 4, 7), (3, 2, 2), (3, 16, 2)])
def test_kernels_of_several_channels_are_a_table(k, channels, filters):
    W = rng.normal(size=(k, k, channels, filters))
    ax = viz.kernel_grid(W, channels=["red", "green", "blue"] if channels == 3 else None)
    (image,) = ax.images
    sheet, side = image.get_array(), len(enlarged(W[None, :, :, 0, 0])[0])
    pitch = side + (sheet.shape[1] - side * filters) // (filters - 1)
    for c in range(channels):
        for f in range(filters):
            tile = sheet[c * pitch : c * pitch + side, f * pitch : f * pitch + side]
            np.testing.assert_array_equal(tile, enlarged(W[None, :, :, c, f])[0])
    assert is_centred(image) and "one column per filter, one row per input channel" in words(ax)
    names = [each.get_text() for each in texts(ax)]
    assert [str(f) for f in range(filters)] == names[:filters]
    assert names[filters : filters + channels] == (
        ["red", "green", "blue"] if channels == 3 else [str(c) for c in range(channels)]
    )
    assert_legible(ax)


def test_of_many_filters_and_channels_the_largest_are_drawn_and_counted():
    W = rng.normal(size=(3, 3, 40, 64))
    W[..., 50] *= 10
    W[:, :, 33] *= 10
    ax = viz.kernel_grid(W)
    names = [each.get_text() for each in texts(ax)]
    assert "50" in names[:16] and "33" in names[16:32] and names[:16] == sorted(names[:16], key=int)
    assert title(ax) == "The kernels of 64 filters"
    assert "the 16 of 64 filters and 16 of 40 channels with the largest weights" in words(ax)
    assert_legible(ax)


def test_one_filter_has_a_picture_for_each_channel():
    net = ns.Network([ns.Input((9, 9, 3)), ns.Conv2D(4, 3, "relu"), ns.Dense(2, "softmax")], seed=0)
    ax = viz.kernel_grid(net[1][2].weights, [2], ["red", "green", "blue"])
    assert title(ax) == "The kernel of filter 2" and "one image per channel" in words(ax)
    assert [each.get_text() for each in texts(ax)][:3] == ["red", "green", "blue"]
    assert_legible(ax)


@pytest.mark.parametrize("W", [np.ones((3, 3)), np.ones((0, 0, 1, 2)), np.ones(4)])
def test_arrays_that_are_not_kernels_are_refused(W):
    with pytest.raises(ShapeError, match="expected kernels"):
        viz.kernel_grid(W)


def test_names_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="filters: expected 2 numbers"):
        viz.kernel_grid(np.ones((3, 3, 1, 2)), [1])
    with pytest.raises(NeurosimError, match="channels: expected 4 names"):
        viz.kernel_grid(np.ones((3, 3, 4, 2)), channels=["red"])


# --- feature maps --------------------------------------------------------------------------------------------------


@pytest.mark.quick_every(4)
@pytest.mark.parametrize("count", [1, 3, 8, 9, 64])
def test_feature_maps_are_those_of_each_layer(count):
    maps = {"layer 1, Conv2D": rng.normal(size=(24, 20, count)), "layer 2, MaxPool2D": rng.random((1, 1, count))}
    figure = viz.feature_maps(SAMPLE, maps)
    sample, first, second, *bars = figure.axes
    np.testing.assert_array_equal(sample.images[0].get_array(), SAMPLE)
    assert len(bars) == 2 and title(sample) == "the sample, 28 x 28"
    for ax, (name, a) in zip((first, second), maps.items(), strict=True):
        (image,) = ax.images
        assert is_centred(image) and image.get_clim()[1] == pytest.approx(np.abs(shown_of(ax, a)).max())
        assert title(ax).startswith(f"{name}: {count} map{'s' * (count > 1)} of {a.shape[0]} x {a.shape[1]}")
        assert title(ax).endswith("the 16 strongest" if count > 16 else str(a.shape[1]))
        shown_of(ax, a)
    everything_apart(figure)


def shown_of(ax, a):
    """The maps (n, H, W) that are drawn, each below its number."""
    sheet = np.asarray(ax.images[0].get_array().filled(np.nan))
    tiles = enlarged(a.transpose(2, 0, 1))
    numbers = [int(each.get_text()) for each in texts(ax)]
    assert numbers == sorted(np.argsort(-np.abs(a).mean((0, 1)), kind="stable")[:16])
    for each, number in zip(texts(ax), numbers, strict=True):
        x, y = (round(at + 0.5) for at in each.xy)
        np.testing.assert_array_equal(sheet[y : y + tiles.shape[1], x : x + tiles.shape[2]], tiles[number])
    return tiles[numbers]


def test_a_sample_in_colour_keeps_its_colours():
    image = rng.integers(0, 256, (6, 5, 3)).astype(np.uint8)
    figure = viz.feature_maps(image, {"layer 1": rng.normal(size=(6, 5, 2))})
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), image / 255)
    assert title(figure.axes[0]) == "the sample, 6 x 5 x 3"


def test_what_a_unit_depends_on_is_outlined_in_each_layer():
    net = ns.Network(
        [
            ns.Input((28, 28)),
            ns.Conv2D(20, 5, "relu"),
            ns.MaxPool2D(2),
            ns.Conv2D(20, 5, "relu"),
            ns.Dense(2, "softmax"),
        ],
        seed=0,
    )
    net.predict(SAMPLE[None])
    unit, weakest = net[3][0].at(2, 3), int(net[3].a[0].reshape(net[3].out_shape).mean((0, 1)).argmin())
    unit = net[3][weakest].at(2, 3)
    maps = {f"layer {each.index}": each.a[0].reshape(each.out_shape) for each in net.layers[1:4]}
    fields = [*(unit.depends_on(index) for index in range(3)), (*unit.depends_on(3), weakest)]
    figure = viz.feature_maps(SAMPLE, maps, fields)
    assert outlines(figure.axes[0]) == [(6, 4, 14, 14)]  # 2 · 3 and 2 · 2; 5 of pooled windows of 2, of patches of 5
    assert len(outlines(figure.axes[1])) == 16 and outlines(figure.axes[1])[0] == (6, 4, 10, 10)
    times = len(enlarged(np.zeros((1, 12, 12)))[0]) // 12
    assert outlines(figure.axes[2])[0] == (3 * times, 2 * times, 5 * times, 5 * times)
    assert len(outlines(figure.axes[3])) == 1 and str(weakest) in [each.get_text() for each in texts(figure.axes[3])]
    assert "outlined: the unit, and what it depends on" in words(figure)
    everything_apart(figure)


def test_few_maps_leave_room_for_the_heading():
    fields = [(slice(2, 5), slice(3, 6)), (slice(2, 3), slice(3, 4), 0)]
    title = "Filter 15 of layer 1 at row 12, column 14 of sample 1234: what it is made of"
    figure = viz.feature_maps(SAMPLE, {"layer 1, Conv2D relu": rng.normal(size=(26, 26, 1))}, fields, title=title)
    written = [figure._suptitle, *(each for each in figure.artists if isinstance(each, Annotation))]
    assert title in words(figure) and len(written) == 2 and outside(written, figure) == []


def test_arrays_that_are_not_maps_are_refused():
    with pytest.raises(ShapeError, match="layer 3: expected maps"):
        viz.feature_maps(SAMPLE, {"layer 3": np.ones(4)})
    with pytest.raises(NeurosimError, match="at least one layer"):
        viz.feature_maps(SAMPLE, {})


# --- receptive fields ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(28, 28), (12, 20, 3)])
def test_receptive_fields_are_drawn_where_they_are(shape):
    net = ns.Network(
        [
            ns.Input(shape),
            ns.Conv2D(2, 3, "relu", padding="same"),
            ns.MaxPool2D(2),
            ns.Conv2D(2, 3),
            ns.Dense(2, "softmax"),
        ]
    )
    units = {1: (5, 6), 2: (3, 4), 3: (0, 1)}
    fields = {f"layer {index}": net[index][1].at(*place).receptive_field for index, place in units.items()}
    ax = viz.receptive_field(rng.random(shape), fields)
    assert outlines(ax) == [(5, 4, 3, 3), (7, 5, 4, 4), (1, 0, 8, 7)]
    said = words(ax)
    assert "layer 1\n3 x 3 pixels: rows 4 to 6, columns 5 to 7" in said
    assert "layer 3\n7 x 8 pixels: rows 0 to 6, columns 1 to 8" in said
    assert_legible(ax)


# --- top patches ---------------------------------------------------------------------------------------------------


@pytest.mark.quick_every(4)
@pytest.mark.parametrize("colours", [(), (3,)])
@pytest.mark.parametrize("size", [1, 5, 28])
def test_top_patches_are_drawn_in_their_images_and_beside_them(colours, size):
    images = rng.random((20, 28, 28, *colours))
    far = 28 - size
    found = [
        ns.Patch(k, far, k % (far + 1), 3.0 - k / 10, slice(far, 28), slice(k % (far + 1), k % (far + 1) + size))
        for k in range(7)
    ]
    ax = viz.top_patches(images, found, np.arange(20) % 10)
    sheet = np.asarray(ax.images[0].get_array())
    wholes, parts = outlines(ax), outlines(ax, "part")
    for (left, top, width, height), (x, y, wide, high), each in zip(wholes, parts, found, strict=True):
        assert (width, height) == (size, size) and wide == high == size * (28 // size)
        part = images[each.sample][each.rows, each.columns]
        for x0, y0, times in ((left, top, 1), (x, y, 28 // size)):
            drawn = sheet[int(y0) : int(y0) + size * times : times, int(x0) : int(x0) + size * times : times]
            np.testing.assert_allclose(drawn, part)
    said = [each.get_text() for each in texts(ax)]
    assert said[2] == f"2  #2\nrow {far}, column {2 % (far + 1)}: a = 2.80"
    assert "one place per image, from 20 images" in words(ax)
    assert_legible(ax)


def test_if_nothing_excites_a_filter_the_picture_says_it():
    ax = viz.top_patches(np.zeros((2, 4, 4)), [], np.zeros(2, int))
    assert "nothing to show" in words(ax) and "the same at every place of every image" in words(ax)
    assert_legible(ax)


# --- patch, kernel, products ---------------------------------------------------------------------------------------


@pytest.mark.quick_every(4)
@pytest.mark.parametrize(("k", "channels"), [(5, 1), (1, 1), (28, 1), (5, 3), (3, 8), (1, 6), (3, 64)])
def test_a_patch_times_a_kernel_is_its_products(k, channels):
    x, w = rng.random((k, k, channels)), rng.normal(size=(k, k, channels))
    figure = viz.patch_products(x, w, -0.25)
    drawn = [ax.images[0] for ax in figure.axes[:3]]
    for image, values in zip(drawn, (x, w, w * x), strict=True):
        np.testing.assert_array_equal(image.get_array().filled(np.nan), channel_sheet(values))
        sheet, centres = channel_sheet(values), np.round(sheet_centre(values.shape) - 1e-9).astype(int)
        np.testing.assert_array_equal(sheet[centres[..., 1], centres[..., 0]], values)
    assert drawn[0].get_clim()[0] == 0.0 and is_centred(drawn[1]) and is_centred(drawn[2])
    numbers = [each for each in texts(figure.axes[2]) if each.get_text()]
    if (k, channels) in ((5, 1), (1, 1), (1, 6)):
        assert len(numbers) == x.size
        for each, value in zip(numbers, (w * x).ravel(), strict=True):
            assert float(each.get_text().replace("\u2212", "-")) == pytest.approx(value, rel=0.06)
    total = float((w * x).sum())
    said = words(figure)
    assert f"= {ns.text.short(total, 4)} \u2212 0.25 = {ns.text.short(total - 0.25, 4)}" in said
    everything_apart(figure)


def test_a_patch_of_another_shape_is_refused():
    with pytest.raises(ShapeError, match="patch: expected"):
        viz.patch_products(np.ones((3, 3, 1)), np.ones((3, 3, 2)))
