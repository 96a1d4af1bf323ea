"""Products with a matrix most of whose numbers are 0, such as a batch of pixels: sums over those that are not.

Exact but for the order of the sums; and 0 times infinity is 0 here.  Each batch is looked at anew, so that nothing has
to be kept for a data set, and none can be out of date: to find the numbers costs a tenth of what is saved.  Where too
many of them are not 0, ``counts`` says so, and the lines of the usual product do the work.
"""

from __future__ import annotations

from typing import Any

from numba import carray

from .instructions import sum_of_four, sum_of_one, wholes_pointer
from .machine import jitable, matrix, places, share, wholes

LANES = 64  # bytes that are looked at, or summed up, at once


def find(p: Any, like: Any, me: Any, of: Any) -> None:
    """x, columns, numbers, counts, most: where in each row the numbers are that are not 0, these, and how many.

    `most` is how many of a row are worth it, in the mean; where there are more, the count is -1.
    """
    x, columns, numbers, counts, most = matrix(p, 0, like), places(p, 1), matrix(p, 2, like), wholes(p, 3), p[12]
    n, size = x.shape[1], p[15]
    group = LANES // (2 * size)  # numbers in four words of 64 bits
    first, last = share(x.shape[0], me, of)
    found = 0
    for i in range(first, last):
        x_i, columns_i, numbers_i, q = x[i], columns[i], numbers[i], 0
        words = carray(wholes_pointer(p[0] + size * n * i), (n * size // 8,))
        for g in range(n // group):
            if words[4 * g] | words[4 * g + 1] | words[4 * g + 2] | words[4 * g + 3]:
                for k in range(g * group, (g + 1) * group):
                    columns_i[q] = k  # without a branch: what was written for a 0 is written over
                    numbers_i[q] = x_i[k]
                    q += x_i[k] != 0.0
        for k in range(n // group * group, n):
            if x_i[k] != 0.0:
                columns_i[q] = k
                numbers_i[q] = x_i[k]
                q += 1
        counts[i] = q
        found += q
        if found > most * (i - first + 1) + (n if i < last - 1 else 0):  # a first row may be fuller than the others
            counts[first] = -1
            break


def turn(p: Any, like: Any, me: Any, of: Any) -> None:
    """columns, numbers, counts, rows, turned, filled: the same by columns: in which rows one is not 0, and how many."""
    columns, numbers, counts = places(p, 0), matrix(p, 1, like), wholes(p, 2)
    rows, turned, filled = places(p, 3), matrix(p, 4, like), wholes(p, 5)
    if is_dense(counts):
        return
    first, last = share(filled.shape[0], me, of)
    for k in range(first, last):
        filled[k] = 0
    for i in range(counts.shape[0]):
        columns_i, numbers_i, count = columns[i], numbers[i], counts[i]
        q = place_of(columns_i, count, first)
        while q < count and columns_i[q] < last:
            k = columns_i[q]
            t = filled[k]
            rows[k, t] = i
            turned[k, t] = numbers_i[q]
            filled[k] = t + 1
            q += 1


def multiply(p: Any, like: Any, me: Any, of: Any) -> None:
    """places, numbers, counts, y, z, dense: row i of z = Σ of numbers[i] times the rows of y at places[i].

    `dense` are the counts that say whether it is worth it.
    """
    if not is_dense(wholes(p, 5)):
        first, last = share(p[13], me, of)
        multiply_rows(p[0], p[3], wholes(p, 2), p[2], p[9], p[12], p[14], first, last, p[18], like)


@jitable
def multiply_rows(at: Any, weights: Any, counts: Any, width: Any, y: Any, z: Any, n: Any, first: Any, last: Any,
                  size: Any, like: Any) -> None:  # fmt: skip
    """Some rows of z, a few columns at a time: what these need of y, or of the rows' numbers, stays in the cache."""
    lanes = LANES // size
    j = 0
    while j < n:
        if j + 4 * lanes <= n:
            for i in range(first, last):
                sum_of_four(at + 4 * width * i, weights + size * width * i, counts[i], y + size * j, n,
                            z + size * (n * i + j), like)  # fmt: skip
            j += 4 * lanes
        else:
            j = min(j, n - lanes)  # the last ones overlap: a sum twice is cheaper than one number at a time
            for i in range(first, last):
                sum_of_one(at + 4 * width * i, weights + size * width * i, counts[i], y + size * j, n,
                           z + size * (n * i + j), like)  # fmt: skip
            j += lanes


@jitable
def is_dense(counts: Any) -> Any:
    """Whether somebody found too many numbers."""
    least = counts[0]
    for i in range(counts.shape[0]):
        least = min(least, counts[i])
    return least < 0


@jitable
def place_of(columns: Any, count: Any, k: Any) -> Any:
    """Where the first column from k on is, among `count` in order."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        if columns[middle] < k:
            low = middle + 1
        else:
            high = middle
    return low
