"""Checks of every figure: its texts, and whether they overlap or leave the figure."""

import itertools

import matplotlib

from viz.style import root_figure


def line(ax, label):
    """Return the only line with this label."""
    (found,) = [each for each in ax.lines if each.get_label() == label]
    return found


def texts(ax):
    return [each for each in ax.texts if each.get_text()]


def words(target):
    """Return all texts of a figure, with normal spaces."""
    figure = root_figure(target)
    found = figure.findobj(matplotlib.text.Text)
    return " | ".join(each.get_text() for each in found if each.get_text()).replace("\u00a0", " ")


def title(ax):
    return ax.get_title(loc="left").replace("\u00a0", " ")


def overlapping(artists, figure):
    """Return pairs of texts whose boxes overlap by more than a tiny width."""
    figure.draw_without_rendering()
    boxes = [(each.get_text(), each.get_window_extent()) for each in artists]
    return [
        (a, b)
        for (a, box), (b, other) in itertools.combinations(boxes, 2)
        if min(box.x1, other.x1) - max(box.x0, other.x0) > 1 and min(box.y1, other.y1) - max(box.y0, other.y0) > 2
    ]


def outside(artists, figure):
    """Return the texts that leave the figure."""
    width, height = figure.bbox.width, figure.bbox.height
    boxes = [(each.get_text(), each.get_window_extent()) for each in artists]
    return [text for text, b in boxes if b.x0 < -1 or b.y0 < -1 or b.x1 > width + 1 or b.y1 > height + 1]


def assert_legible(ax, *more):
    """Check that no two texts of the axes overlap, and none leaves the figure."""
    figure = root_figure(ax)
    artists = [*texts(ax), ax._left_title, *more]
    if ax.axison:
        figure.draw_without_rendering()
        ticks = [*ax.xaxis._update_ticks(), *ax.yaxis._update_ticks()]  # the texts inside the limits
        artists += [ax.xaxis.label, ax.yaxis.label, *(tick.label1 for tick in ticks)]
    artists = [each for each in artists if each.get_text() and each.get_visible()]
    assert overlapping(artists, figure) == []
    assert outside(artists, figure) == []


def written(figure):
    """Return all texts in a figure."""
    return [each for each in figure.findobj(matplotlib.text.Text) if each.get_text().strip() and each.get_visible()]


def story_words(figure):
    return " | ".join(each.get_text() for each in written(figure))


def assert_story_legible(figure):
    """Check that no two texts overlap, none leaves the figure or is below five points; return them with boxes."""
    figure.draw_without_rendering()
    hidden = {
        label
        for ax in figure.axes
        for axis, limits in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim()))
        for tick in axis.get_major_ticks()
        for label in (tick.label1, tick.label2)
        if not ax.axison or not min(limits) - 1e-9 <= tick.get_loc() <= max(limits) + 1e-9
    }
    boxes = [(t.get_text(), t.get_window_extent()) for t in written(figure) if t not in hidden]
    for text, box in boxes:
        assert box.x0 > -1 and box.x1 < figure.bbox.width + 1 and box.y0 > -1, text
    for (a, box), (b, other) in itertools.combinations(boxes, 2):
        wide = min(box.x1, other.x1) - max(box.x0, other.x0)
        high = min(box.y1, other.y1) - max(box.y0, other.y0)
        assert wide <= 1 or high <= 2.5, (a, b, wide, high)
    assert min(t.get_fontsize() for t in written(figure)) >= 5
    return boxes
