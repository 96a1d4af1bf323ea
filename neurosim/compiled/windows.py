"""The kernels of convolution and pooling, written for the sizes of one layer.

Each function here returns the source text of a kernel. REAL stands for the elements' type.  A convolution does not
write out its patches: each number of a patch is read in place and multiplies a vector of filters.  All kernels are cut
by the samples of the batch.
"""

from __future__ import annotations

import math

from ..layers.windows import Windows
from .instructions import VECTOR

HEAD = '''"""Written by neurosim for {what}."""

from numpy import REAL as real

from neurosim.compiled.machine import jitable, matrix, own, own_rows, share
from neurosim.compiled.blocks import copy_rows
from neurosim.compiled.registers import largest, patches, pixels, places, winner

{sizes}
'''
AT_ONCE = 12  # sums that stay in registers


def _head(what: str, **sizes: int) -> str:
    return HEAD.format(what=what, sizes="\n".join(f"{name} = {value}" for name, value in sizes.items()))


def _balanced(count: int, most: int) -> int:
    """Return the length of pieces of `count` things: as few pieces as possible, nearly equal, at most `most` long."""
    return -(-count // -(-count // most))


def _sizes(windows: Windows, filters: int, size: int) -> dict[str, int]:
    """Return the constants that the kernels of a convolution share; `size` is the bytes of a number."""
    (height, width, channels), (rows, columns) = windows.padded, windows.places
    top, left = windows.before
    return {
        "SIZE": size,
        "FILTERS": filters,
        "LANES": min(filters, VECTOR // size),  # filters in a vector; the last vector may overlap with that before it
        "ROWS": rows,
        "COLUMNS": columns,
        "PLACES": rows * columns,
        "KERNEL": windows.size,
        "RUN": windows.size * channels,  # numbers side by side in a row of a patch
        "PITCH": width * channels,  # numbers from a row of the image to the next
        "IMAGE": height * width * channels,
        "HEIGHT": windows.shape[0],
        "WIDTH": windows.shape[1] * channels,  # numbers in a row of the image without padding
        "CORNER": (top * width + left) * channels,  # where the image begins in the padded image
        "DOWN": windows.stride * width * channels,  # numbers from a patch to the one below
        "ACROSS": windows.stride * channels,  # and to the one beside it
    }


def has_padding(windows: Windows) -> bool:
    """Return whether there are zeros around the images."""
    return windows.padded != windows.shape


def forward_source(windows: Windows, filters: int, size: int) -> str:
    """Return the source of z = patches W + b.

    Arguments: x, W, b, z; with padding also the padded images, whose zeros stay.
    """
    sizes = _sizes(windows, filters, size) | {"BLOCK": _balanced(windows.places[1], AT_ONCE)}
    padded = has_padding(windows)
    return (
        _head("a convolution: z = patches W + b", **sizes)
        + "sum_patches = patches(LANES, BLOCK, ACROSS)\n\n\n"
        + "def convolve(p, like, me, of):\n"
        + "    first, last = share(p[1], me, of)\n"
        + "    for s in range(first, last):\n"
        + (
            "        copy_rows(matrix(p, 0, like)[s], WIDTH, matrix(p, 4, like)[s][CORNER:], PITCH, HEIGHT, WIDTH)\n"
            if padded
            else ""
        )
        + f"        x, z = p[{12 if padded else 0}] + SIZE * IMAGE * s, p[9] + SIZE * PLACES * FILTERS * s\n"
        + "        for r in range(ROWS):\n"
        + "            for block in range(0, COLUMNS, BLOCK):\n"
        + "                c = min(block, COLUMNS - BLOCK)\n"
        + "                seen, to = x + SIZE * (DOWN * r + ACROSS * c), z + SIZE * FILTERS * (COLUMNS * r + c)\n"
        + "                for group in range(0, FILTERS, LANES):\n"
        + "                    f = SIZE * min(group, FILTERS - LANES)\n"
        + "                    sum_patches(seen, KERNEL, PITCH, RUN, p[3] + f, FILTERS, p[6] + f, to + f, like)\n"
    )


def gradients_source(windows: Windows, filters: int, size: int) -> str:
    """Return the source of dW = patchesᵀ delta and db = Σ delta, each part's separately.

    Arguments: x with padding, delta, parts of dW, parts of db.  Overlapping results are written twice: they are equal.
    """
    sizes = _sizes(windows, filters, size)
    terms = _balanced(sizes["RUN"], AT_ONCE)
    sizes |= {"TERMS": terms, "LINES": _balanced(windows.size, max(1, AT_ONCE // terms))}
    return (
        _head("a convolution: dW = patchesᵀ delta, db = Σ delta", **sizes)
        + "sum_places = places(LANES, LINES, TERMS)\n\n\n"
        + "def gradients(p, like, me, of):\n"
        + "    first, last = share(p[1], me, of)\n"
        + "    delta = p[3] + SIZE * PLACES * FILTERS * first\n"
        + "    dW, db = p[6] + SIZE * p[8] * me, p[9] + SIZE * p[11] * me\n"
        + "    for line in range(0, KERNEL, LINES):\n"
        + "        i = min(line, KERNEL - LINES)\n"
        + "        for block in range(0, RUN, TERMS):\n"
        + "            q = min(block, RUN - TERMS)\n"
        + "            x, to = p[0] + SIZE * (IMAGE * first + PITCH * i + q), dW + SIZE * FILTERS * (RUN * i + q)\n"
        + "            for group in range(0, FILTERS, LANES):\n"
        + "                f = SIZE * min(group, FILTERS - LANES)\n"
        + "                sum_places(x, last - first, IMAGE, ROWS, DOWN, COLUMNS, ACROSS, PITCH, delta + f, FILTERS,\n"
        + "                           to + f, RUN * FILTERS, db + f, like)\n"
    )


def backward_source(windows: Windows, filters: int, size: int) -> str:
    """Return the source of dL/dx: each pixel sums over the patches that contain it.

    Arguments: delta, W, dx, room for each part's transposed W; with padding also room for each part's padded image.
    """
    sizes, padded = _sizes(windows, filters, size), has_padding(windows)
    return (
        _head("a convolution: dL/dx", **sizes)
        + _pixels(windows.places[0], sizes["RUN"], VECTOR // size)
        + "\n\ndef backward(p, like, me, of):\n"
        + "    weights, turned, dx = matrix(p, 1, like), matrix(p, 3, like)[me], matrix(p, 2, like)\n"
        + "    for i in range(KERNEL):\n"
        + "        for q in range(RUN):\n"
        + "            for f in range(FILTERS):\n"
        + "                turned[(i * FILTERS + f) * RUN + q] = weights[i * RUN + q, f]\n"
        + "    first, last = share(p[1], me, of)\n"
        + "    for s in range(first, last):\n"
        + f"        image = {'matrix(p, 4, like)[me]' if padded else 'dx[s]'}\n"
        + f"        to = {'p[12] + SIZE * IMAGE * me' if padded else 'p[6] + SIZE * IMAGE * s'}\n"
        + "        for k in range(IMAGE):\n"
        + "            image[k] = real(0)\n"
        + "        add_patches(p[0] + SIZE * PLACES * FILTERS * s, p[9] + SIZE * p[11] * me, to, like)\n"
        + ("        copy_rows(image[CORNER:], PITCH, dx[s], WIDTH, HEIGHT, WIDTH)\n" if padded else "")
    )


def _pixels(rows: int, run: int, lanes: int) -> str:
    """Return the loops of `backward_source`: a few places below each other, and vectors of a row of the patch.

    The remainders of both have separate instructions, because each pixel must be added to exactly once.
    """
    names, loops = "", ""
    for first, end, block in _pieces(rows, AT_ONCE):
        for start, stop, width in _pieces(run, lanes):
            name = f"add_{block}_by_{width}"
            names += f"{name} = pixels({width}, {block}, COLUMNS * FILTERS)\n"
            loops += (
                f"        for r in range({first}, {end}, {block}):\n"
                "            for c in range(COLUMNS):\n"
                "                slopes = delta + SIZE * FILTERS * (COLUMNS * r + c)\n"
                "                pixel = to + SIZE * (DOWN * r + PITCH * i + ACROSS * c)\n"
                f"                for q in range({start}, {stop}, {width}):\n"
                f"                    {name}(slopes, FILTERS, W + SIZE * (RUN * FILTERS * i + q), RUN,\n"
                f"                    {' ' * len(name)} pixel + SIZE * q, DOWN, like)\n"
            )
    return f"{names}\n\n@jitable\ndef add_patches(delta, W, to, like):\n    for i in range(KERNEL):\n{loops}"


def _pieces(count: int, length: int) -> list[tuple[int, int, int]]:
    """Return the pieces of this length and the remainder: first, end and length of each kind."""
    whole = count // length * length
    kinds = [(0, whole, length), (whole, count, count - whole)]
    return [kind for kind in kinds if kind[0] < kind[1]]


# -- pooling -----------------------------------------------------------------------------------------------------------


def _pooling(what: str, windows: Windows, size: int) -> str:
    (_, width, channels), (rows, columns) = windows.shape, windows.places
    return _head(
        what, SIZE=size, ROWS=rows, COLUMNS=columns, CHANNELS=channels, WINDOW=windows.size,
        IMAGE=math.prod(windows.shape), PLACES=rows * columns, PITCH=width * channels,
        DOWN=windows.stride * width * channels, ACROSS=windows.stride * channels,
    )  # fmt: skip


OVER_WINDOWS = """    for s in range({of}.shape[0]):
{rows}
        for r in range(ROWS):
            for c in range(COLUMNS):
                start, place = DOWN * r + ACROSS * c, CHANNELS * (COLUMNS * r + c)
                for ch in range(CHANNELS):
{body}"""


def max_pool_source(windows: Windows, size: int) -> str:
    """Return the source of the largest number of each window. Arguments: x, z, a."""
    return (
        _pooling("max pooling", windows, size)
        + _over_channels(windows, size, "largest", "z + {k}, a + {k}")
        + (
            "\n\ndef pool(p, like, me, of):\n"
            "    first, last = share(p[1], me, of)\n"
            "    for s in range(first, last):\n"
            "        x, own = p[0] + SIZE * IMAGE * s, SIZE * PLACES * CHANNELS * s\n"
            "        over_windows(x, p[3] + own, p[6] + own, like)\n"
        )
    )


def max_pool_backward_source(windows: Windows, size: int) -> str:
    """Return the source of delta = da, which goes to the first largest number. Arguments: da, delta, x, z, dx."""
    calls = _over_channels(windows, size, "winner", "z + {k}, da + {k}, delta + {k}, dx + {seen}")
    return (
        _pooling("max pooling: dL/dx", windows, size)
        + calls
        + (
            "\n\ndef backward(p, like, me, of):\n"
            "    dx = own(p, 4, like, me, of)\n"
            "    for k in range(dx.shape[0]):\n"
            "        dx[k] = real(0)\n"
            "    first, last = share(p[1], me, of)\n"
            "    for s in range(first, last):\n"
            "        own_x, own_z = SIZE * IMAGE * s, SIZE * PLACES * CHANNELS * s\n"
            "        over_windows(p[6] + own_x, p[9] + own_z, p[0] + own_z, p[3] + own_z, p[12] + own_x, like)\n"
        )
    )


def _over_channels(windows: Windows, size: int, name: str, others: str) -> str:
    """Return a loop over places and vectors of channels, with an instruction on x and the other arguments."""
    names = calls = ""
    taken = ", ".join(part.split(" + ")[0] for part in others.split(", "))
    for start, stop, lanes in _pieces(windows.shape[2], VECTOR // size):
        names += f"{name}_{lanes} = {name}({lanes}, WINDOW)\n"
        given = others.format(k="place + SIZE * q", seen="seen + SIZE * q")
        calls += (
            f"            for q in range({start}, {stop}, {lanes}):\n"
            f"                {name}_{lanes}(x + seen + SIZE * q, PITCH, CHANNELS, {given}, like)\n"
        )
    return (
        f"{names}\n\n@jitable\ndef over_windows(x, {taken}, like):\n"
        "    for r in range(ROWS):\n"
        "        for c in range(COLUMNS):\n"
        "            seen, place = SIZE * (DOWN * r + ACROSS * c), SIZE * CHANNELS * (COLUMNS * r + c)\n" + calls
    )


def average_pool_source(windows: Windows, size: int) -> str:
    """Return the source of the mean of each window. Arguments: x, z, a."""
    return (
        _pooling("average pooling", windows, size)
        + f"SHARE = real({1.0 / windows.size**2!r})\n"
        + "\n\ndef pool(p, like, me, of):\n"
        + "    x, z, a = own_rows(p, 0, like, me, of), own_rows(p, 1, like, me, of), own_rows(p, 2, like, me, of)\n"
        + OVER_WINDOWS.format(
            of="x",
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


def average_pool_backward_source(windows: Windows, size: int) -> str:
    """Return the source of delta = da; each number gets an equal share. Arguments: da, delta, dx."""
    return (
        _pooling("average pooling: dL/dx", windows, size)
        + f"SHARE = real({1.0 / windows.size**2!r})\n"
        + "\n\ndef backward(p, like, me, of):\n"
        + "    da, delta = own_rows(p, 0, like, me, of), own_rows(p, 1, like, me, of)\n"
        + "    dx = own_rows(p, 2, like, me, of)\n"
        + OVER_WINDOWS.format(
            of="da",
            rows="""        da_s, delta_s, dx_s = da[s], delta[s], dx[s]
        for k in range(dx_s.shape[0]):
            dx_s[k] = real(0)""",
            body="""                    delta_s[place + ch] = da_s[place + ch]
                    for i in range(WINDOW):
                        for j in range(WINDOW):
                            dx_s[start + PITCH * i + CHANNELS * j + ch] += da_s[place + ch] * SHARE
""",
        )
    )
