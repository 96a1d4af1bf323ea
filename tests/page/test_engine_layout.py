"""The layout of maps, kernels and dots: inside the sheet and without overlaps, for any network."""

import numpy as np
import pytest
from engine_node import engine_in, needs_node

pytestmark = needs_node
SHEETS = ((358, 460), (486, 460), (577, 280), (577, 360), (1100, 590))


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    return engine_in(tmp_path_factory.mktemp("engine"))


def maps(index, count, height=24, width=24, kernels=0):
    return {"index": index, "count": count, "maps": "filter", "shape": [height, width], "kernels": kernels}


def dense(index, count):
    return {"index": index, "count": count, "images": False, "longest": 2}


def some_network(rng):
    """Return the columns of a network: one to four layers of maps, their flattened row, and dense layers."""
    counts = [int(each) for each in rng.choice([1, 2, 3, 6, 8, 16, 32, 64], rng.integers(1, 5))]
    sides = [int(each) for each in rng.integers(1, 29, 2)]
    found = [
        maps(k + 1, each, *sides, kernels=int(rng.integers(0, 5)) if k == 0 else 0) for k, each in enumerate(counts)
    ]
    if rng.random() < 0.7:
        found.append({"index": len(found) + 1, "count": 0, "strip": True})
    hidden = [int(each) for each in rng.choice([4, 16, 64, 96], rng.integers(0, 3))]
    return found + [dense(len(found) + 1 + k, each) for k, each in enumerate([*hidden, 10])]


def inside(box, width, height):
    return (
        box["x"] >= 0
        and box["y"] >= 0
        and box["x"] + box["width"] <= width + 1
        and box["y"] + box["height"] <= height + 1
    )


def clash(one, other):
    wide = min(one["x"] + one["width"], other["x"] + other["width"]) - max(one["x"], other["x"])
    tall = min(one["y"] + one["height"], other["y"] + other["height"]) - max(one["y"], other["y"])
    return wide > 0.5 and tall > 0.5


def test_no_map_lies_over_another_or_outside(engine):
    rng = np.random.default_rng(0)
    asked = [(some_network(rng), sheet) for _ in range(12) for sheet in SHEETS]
    answers = engine.ask(*({"do": "layout", "layers": layers, "width": w, "height": h} for layers, (w, h) in asked))
    assert {answer["below"] for answer in answers} == {True, False}
    for (layers, (width, height)), answer in zip(asked, answers, strict=True):
        boxes = answer["boxes"]
        assert len(boxes) == sum(max(layer["count"], 1) for layer in layers)
        images = {f"{layer['index']}" for layer in layers if "maps" in layer}
        assert answer["height"] >= height or answer["below"]
        for key, box in boxes.items():
            assert inside(box, width, answer["height"]), (layers, width, key, box)
            if key.split("/")[0] in images:
                parts = [box["map"], *([box["kernel"]] if box["kernel"] else [])]
                assert min(box["map"]["width"], box["map"]["height"]) > 0
                assert len(parts) == 1 or not clash(*parts)
        drawn = [box for key, box in boxes.items() if key.split("/")[0] in images]
        assert not any(clash(one, other) for k, one in enumerate(drawn) for other in drawn[:k]), (layers, width)


def test_a_small_network_stands_side_by_side_on_a_screen_and_below_each_other_on_a_phone(engine):
    layers = [maps(1, 8, kernels=1), maps(2, 8), maps(3, 16), maps(4, 16), {"index": 5, "count": 0, "strip": True}]
    layers += [dense(6, 64), dense(7, 10)]
    wide, phone = engine.ask(
        *({"do": "layout", "layers": layers, "width": w, "height": h} for w, h in ((577, 300), (358, 460)))
    )
    assert not wide["below"] and min(box["map"]["width"] for box in wide["boxes"].values() if "map" in box) >= 22
    assert phone["below"] and phone["boxes"]["6/0"]["y"] > phone["boxes"]["4/15"]["y"]
