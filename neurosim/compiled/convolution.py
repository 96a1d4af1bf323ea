"""The kernels of layers of images, written for the sizes of one layer: convolution and pooling.

Each function here returns the source text of a kernel, with REAL in the place of the elements' type.  Convolution needs
no patches written out: for each place the numbers of its patch are taken where they lie, and multiply a vector of
filters.  All kernels are cut by the samples of the batch.
"""

from __future__ import annotations

from typing import Any

from ..layers.windows import Windows
from .instructions import VECTOR

HEAD = '''"""Written by neurosim for {what}."""

from numpy import REAL as real

from neurosim.compiled.machine import matrix, own_rows, share
from neurosim.compiled.registers import patches, pixels, places

{sizes}
'''
AT_ONCE = 12  # sums that stay in registers


def _head(what: str, **sizes: int) -> str:
    return HEAD.format(what=what, sizes="\n".join(f"{name} = {value}" for name, value in sizes.items()))


def _balanced(count: int, most: int) -> int:
    """How long pieces of `count` things have to be, if they are as few as can be and have at most `most`."""
    return -(-count // -(-count // most))


def _sizes(windows: Windows, filters: int, size: int) -> dict[str, int]:
    """What the kernels of a convolution have in common; `size` is the bytes of a number."""
    (height, width, channels), (rows, columns) = windows.padded, windows.places
    return {
        "SIZE": size,
        "FILTERS": filters,
        "LANES": min(filters, VECTOR // size),  # filters in a vector; the last vector may overlap with that before it
        "ROWS": rows,
        "COLUMNS": columns,
        "KERNEL": windows.size,
        "RUN": windows.size * channels,  # numbers side by side in a row of a patch
        "PITCH": width * channels,  # numbers from a row of the image to the next
        "IMAGE": height * width * channels,
        "DOWN": windows.stride * width * channels,  # numbers from a patch to the one below
        "ACROSS": windows.stride * channels,  # and to the one beside it
    }


def _borders(windows: Windows) -> dict[str, int]:
    """Where an image lies within the zeros around it."""
    (height, width, channels), (_, columns, _), (top, left) = windows.shape, windows.padded, windows.before
    return {"HEIGHT": height, "WIDTH": width * channels, "CORNER": (top * columns + left) * channels}


def forward_source(windows: Windows, filters: int, size: int) -> str:
    """z = patches W + b. Arguments: x, W, b, z; where there is padding the images with it, whose zeros stay."""
    block = _balanced(windows.places[1], AT_ONCE)
    padded = windows.padded != windows.shape
    head = _head("a convolution: z = patches W + b", **_sizes(windows, filters, size), BLOCK=block, **_borders(windows))
    return (
        head
        + "sum_patches = patches(LANES, BLOCK, ACROSS)\n\n\n"
        + "def convolve(p, like, me, of):\n"
        + "    first, last = share(p[1], me, of)\n"
        + ("    images, inner = matrix(p, 4, like), matrix(p, 0, like)\n" if padded else "")
        + "    for s in range(first, last):\n"
        + (
            "        image, inner_s = images[s], inner[s]\n"
            "        for row in range(HEIGHT):\n"
            "            to = image[CORNER + row * PITCH : CORNER + row * PITCH + WIDTH]\n"
            "            come = inner_s[row * WIDTH : row * WIDTH + WIDTH]\n"
            "            for k in range(WIDTH):\n"
            "                to[k] = come[k]\n"
            if padded
            else ""
        )
        + f"        x, z = p[{12 if padded else 0}] + SIZE * IMAGE * s, p[9] + SIZE * ROWS * COLUMNS * FILTERS * s\n"
        + "        for r in range(ROWS):\n"
        + "            for block in range(0, COLUMNS, BLOCK):\n"
        + "                c = min(block, COLUMNS - BLOCK)\n"
        + "                for group in range(0, FILTERS, LANES):\n"
        + "                    f = min(group, FILTERS - LANES)\n"
        + "                    sum_patches(x + SIZE * (DOWN * r + ACROSS * c), KERNEL, PITCH, RUN, p[3] + SIZE * f,\n"
        + "                                FILTERS, p[6] + SIZE * f, z + SIZE * (FILTERS * (COLUMNS * r + c) + f), like)\n"
    )


def gradients_source(windows: Windows, filters: int, size: int) -> str:
    """dW = patchesᵀ delta, db = Σ delta, each part's for itself. Arguments: x (with padding), delta, parts of dW, of db."""
    sizes = _sizes(windows, filters, size)
    terms = _balanced(sizes["RUN"], AT_ONCE)
    return (
        _head("a convolution: dW = patchesᵀ delta, db = Σ delta", **sizes, TERMS=terms)
        + "sum_places, sum_places_and_delta = places(LANES, TERMS, False), places(LANES, TERMS, True)\n\n\n"
        + "def gradients(p, like, me, of):\n"
        + "    first, last = share(p[1], me, of)\n"
        + "    delta = p[3] + SIZE * ROWS * COLUMNS * FILTERS * first\n"
        + "    dW, db = p[6] + SIZE * p[8] * me, p[9] + SIZE * p[11] * me\n"
        + "    for i in range(KERNEL):\n"
        + "        for block in range(0, RUN, TERMS):\n"
        + "            q = min(block, RUN - TERMS)\n"
        + "            x, to = p[0] + SIZE * (IMAGE * first + PITCH * i + q), dW + SIZE * FILTERS * (RUN * i + q)\n"
        + "            for group in range(0, FILTERS, LANES):\n"
        + "                f = min(group, FILTERS - LANES)\n"
        + "                if i + q == 0:\n"
        + _sum_places("sum_places_and_delta")
        + "                else:\n"
        + _sum_places("sum_places")
    )


def _sum_places(name: str) -> str:
    start = " " * 20 + f"{name}("
    return (
        f"{start}x, last - first, IMAGE, ROWS, DOWN, COLUMNS, ACROSS, delta + SIZE * f, FILTERS,\n"
        + " " * len(start)
        + "to + SIZE * f, db + SIZE * f, like)\n"
    )


def backward_source(windows: Windows, filters: int, size: int) -> str:
    """dL/dx: each pixel sums over the patches that it is in. Arguments: delta, W, dx, room for each part's turned W.

    Where there is padding: room for each part's image with it.
    """
    sizes = _sizes(windows, filters, size)
    padded = windows.padded != windows.shape
    lanes = min(sizes["RUN"], VECTOR // size)
    vectors = [
        (lanes, range(0, sizes["RUN"] - lanes + 1, lanes)),
        (sizes["RUN"] % lanes, (sizes["RUN"] // lanes * lanes,)),
    ]
    blocks = [(AT_ONCE, windows.places[0] // AT_ONCE * AT_ONCE), (windows.places[0] % AT_ONCE, windows.places[0])]
    names, calls, start = [], [], 0
    for rows, end in blocks:
        for width, at in vectors:
            if rows and width and end > start:
                name = f"add_{rows}_rows_of_{width}"
                names.append(f"{name} = pixels({width}, {rows}, COLUMNS * FILTERS)\n")
                calls += [
                    f"            for r in range({start}, {end}, {rows}):\n",
                    "                for c in range(COLUMNS):\n",
                    *(
                        [f"                    for q in range({at.start}, {at.stop}, {width}):\n"]
                        if isinstance(at, range)
                        else [f"                    for q in range({at[0]}, RUN, {width}):\n"]
                    ),
                    f"                        {name}(delta + SIZE * FILTERS * (COLUMNS * r + c), FILTERS,\n",
                    f"                        {' ' * len(name)} W + SIZE * (RUN * FILTERS * i + q), RUN,\n",
                    f"                        {' ' * len(name)} to + SIZE * (DOWN * r + PITCH * i + ACROSS * c + q), DOWN, like)\n",
                ]
        start = end
    return (
        _head("a convolution: dL/dx", **sizes, **_borders(windows))
        + "".join(names)
        + "\n\ndef backward(p, like, me, of):\n"
        + "    weights, turned, dx = matrix(p, 1, like), matrix(p, 3, like)[me], matrix(p, 2, like)\n"
        + "    for i in range(KERNEL):\n"
        + "        for q in range(RUN):\n"
        + "            for f in range(FILTERS):\n"
        + "                turned[(i * FILTERS + f) * RUN + q] = weights[i * RUN + q, f]\n"
        + "    first, last = share(p[1], me, of)\n"
        + "    W = p[9] + SIZE * p[11] * me\n"
        + "    for s in range(first, last):\n"
        + f"        image = {'matrix(p, 4, like)[me]' if padded else 'dx[s]'}\n"
        + "        for k in range(IMAGE):\n"
        + "            image[k] = real(0)\n"
        + f"        to = {'p[12] + SIZE * IMAGE * me' if padded else 'p[6] + SIZE * IMAGE * s'}\n"
        + "        delta = p[0] + SIZE * ROWS * COLUMNS * FILTERS * s\n"
        + "        for i in range(KERNEL):\n"
        + "".join(calls)
        + (
            "        for row in range(HEIGHT):\n"
            "            to_s = dx[s][row * WIDTH : row * WIDTH + WIDTH]\n"
            "            come = image[CORNER + row * PITCH : CORNER + row * PITCH + WIDTH]\n"
            "            for k in range(WIDTH):\n"
            "                to_s[k] = come[k]\n"
            if padded
            else ""
        )
    )


# -- pooling -----------------------------------------------------------------------------------------------------------


def _pooling(what: str, windows: Windows) -> str:
    (_, width, channels), (rows, columns) = windows.shape, windows.places
    return _head(
        what, ROWS=rows, COLUMNS=columns, CHANNELS=channels, WINDOW=windows.size,
        PITCH=width * channels, DOWN=windows.stride * width * channels, ACROSS=windows.stride * channels,
    )  # fmt: skip


OVER_WINDOWS = """    for s in range(x.shape[0]):
{rows}
        for r in range(ROWS):
            for c in range(COLUMNS):
                start, place = DOWN * r + ACROSS * c, CHANNELS * (COLUMNS * r + c)
                for ch in range(CHANNELS):
{body}"""


def max_pool_source(windows: Windows) -> str:
    """The largest number of each window. Arguments: x, z, a."""
    return (
        _pooling("max pooling", windows)
        + "\n\ndef pool(p, like, me, of):\n"
        + "    x, z, a = own_rows(p, 0, like, me, of), own_rows(p, 1, like, me, of), own_rows(p, 2, like, me, of)\n"
        + OVER_WINDOWS.format(
            rows="        x_s, z_s, a_s = x[s], z[s], a[s]",
            body="""                    largest = x_s[start + ch]
                    for i in range(WINDOW):
                        for j in range(WINDOW):
                            number = x_s[start + PITCH * i + CHANNELS * j + ch]
                            largest = largest if number <= largest or largest != largest else number  # NaN stays
                    z_s[place + ch] = largest
                    a_s[place + ch] = largest
""",
        )
    )


def max_pool_backward_source(windows: Windows) -> str:
    """delta = da, which goes to the first of the largest. Arguments: da, delta, x, z, dx."""
    return (
        _pooling("max pooling: dL/dx", windows)
        + "\n\ndef backward(p, like, me, of):\n"
        + "    da, delta, x = own_rows(p, 0, like, me, of), own_rows(p, 1, like, me, of), own_rows(p, 2, like, me, of)\n"
        + "    z, dx = own_rows(p, 3, like, me, of), own_rows(p, 4, like, me, of)\n"
        + OVER_WINDOWS.format(
            rows="""        da_s, delta_s, x_s, z_s, dx_s = da[s], delta[s], x[s], z[s], dx[s]
        for k in range(dx_s.shape[0]):
            dx_s[k] = real(0)""",
            body="""                    left, largest = da_s[place + ch], z_s[place + ch]
                    delta_s[place + ch] = left
                    for i in range(WINDOW):
                        for j in range(WINDOW):
                            k = start + PITCH * i + CHANNELS * j + ch
                            won = x_s[k] == largest
                            dx_s[k] += left if won else real(0)
                            left = real(0) if won else left  # none for those after it
""",
        )
    )


def average_pool_source(windows: Windows) -> str:
    """The mean of each window. Arguments: x, z, a."""
    return (
        _pooling("average pooling", windows)
        + f"SHARE = real({1.0 / windows.size**2!r})\n"
        + "\n\ndef pool(p, like, me, of):\n"
        + "    x, z, a = own_rows(p, 0, like, me, of), own_rows(p, 1, like, me, of), own_rows(p, 2, like, me, of)\n"
        + OVER_WINDOWS.format(
            rows="        x_s, z_s, a_s = x[s], z[s], a[s]",
            body="""                    total = real(0)
                    for i in range(WINDOW):
                        for j in range(WINDOW):
                            total += x_s[start + PITCH * i + CHANNELS * j + ch]
                    z_s[place + ch] = total * SHARE
                    a_s[place + ch] = total * SHARE
""",
        )
    )


def average_pool_backward_source(windows: Windows) -> str:
    """delta = da, of which each number gets its share. Arguments: da, delta, dx."""
    return (
        _pooling("average pooling: dL/dx", windows)
        + f"SHARE = real({1.0 / windows.size**2!r})\n"
        + "\n\ndef backward(p, like, me, of):\n"
        + "    x, delta, dx = own_rows(p, 0, like, me, of), own_rows(p, 1, like, me, of), own_rows(p, 2, like, me, of)\n"
        + OVER_WINDOWS.format(
            rows="""        da_s, delta_s, dx_s = x[s], delta[s], dx[s]
        for k in range(dx_s.shape[0]):
            dx_s[k] = real(0)""",
            body="""                    delta_s[place + ch] = da_s[place + ch]
                    for i in range(WINDOW):
                        for j in range(WINDOW):
                            dx_s[start + PITCH * i + CHANNELS * j + ch] += da_s[place + ch] * SHARE
""",
        )
    )
