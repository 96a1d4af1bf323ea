"""Products with a matrix that is mostly 0, such as a batch of pixels: sums over its nonzero numbers.

They are exact except for the order of the sums; 0 times infinity is 0 here.  Each batch is searched anew, so nothing is
kept for a data set, and nothing can be out of date.  The search costs a fifth of a step.  If too many numbers are not
0, ``counts`` shows it, and the lines of the usual product do the work.
"""

from __future__ import annotations

from typing import Any

from numba import carray

from .instructions import VECTOR, lowest, nonzero, sum_of_four, sum_of_one, wholes_pointer
from .machine import jitable, matrix, places, share, wholes


def find(p: Any, like: Any, me: Any, of: Any) -> None:
    """Find the nonzero numbers of each row: as bits, then their places, the numbers and their count.

    Arguments: x, words, columns, numbers, counts, most, size.  `most` is the mean count per row up to which sums pay
    off. If there are more, the count is -1.
    """
    x, words, columns, numbers = matrix(p, 0, like), words_of(p, 1), places(p, 2), matrix(p, 3, like)
    counts, most, size = wholes(p, 4), p[15], p[18]
    n, lanes = x.shape[1], VECTOR // size
    first, last = share(x.shape[0], me, of)
    found = 0
    for i in range(first, last):
        x_i, words_i, columns_i, numbers_i, q = x[i], words[i], columns[i], numbers[i], 0
        for w in range(words.shape[1]):
            word, k = 0, 64 * w
            while k < min(64 * w + 64, n - lanes + 1):
                word |= nonzero(p[0] + size * (n * i + k), like) << (k - 64 * w)
                k += lanes
            while k < min(64 * w + 64, n):
                word |= (x_i[k] != 0.0) << (k - 64 * w)
                k += 1
            words_i[w] = word
            while word != 0:
                k = 64 * w + lowest(word)
                word &= word - 1
                columns_i[q] = k
                numbers_i[q] = x_i[k]
                q += 1
        counts[i] = q
        found += q
        # the first rows may have more nonzero numbers than the others
        if found > most * (i - first + 1) + (n if i < last - 1 else 0):
            counts[first] = -1
            break


def turn(p: Any, like: Any, me: Any, of: Any) -> None:
    """List by columns: the rows in which a column is not 0, its numbers, and their count.

    Arguments: x, words, counts, rows, turned, filled.  Cut by words; each word stands for 64 columns.
    """
    x, words, counts = matrix(p, 0, like), words_of(p, 1), wholes(p, 2)
    rows, turned, filled = places(p, 3), matrix(p, 4, like), wholes(p, 5)
    block = wholes(p, 6)[64 * me : 64 * me + 64]
    if is_dense(counts):
        return
    B, n = x.shape
    first, last = share(words.shape[1], me, of)
    for w in range(first, last):
        end = min(64, n - 64 * w)
        for k in range(end):
            filled[64 * w + k] = 0
        for i in range(0, B, 64):
            for r in range(64):
                block[r] = words[i + r, w] if i + r < B else 0
            transpose(block)
            for k in range(end):
                word, column = block[k], 64 * w + k
                rows_k, turned_k, t = rows[column], turned[column], filled[column]
                while word != 0:
                    r = i + lowest(word)
                    word &= word - 1
                    rows_k[t] = r
                    turned_k[t] = x[r, column]
                    t += 1
                filled[column] = t


@jitable
def transpose(block: Any) -> None:
    """Transpose 64 words of 64 bits, so that bit i of word k is bit k of word i.

    Reference: Warren (2013), Hacker's delight, section 7-3.
    """
    width, mask = 32, 0x00000000FFFFFFFF
    while width != 0:
        for half in range(0, 64, 2 * width):
            for k in range(half, half + width):
                swapped = ((block[k] >> width) ^ block[k + width]) & mask
                block[k] ^= swapped << width
                block[k + width] ^= swapped
        width >>= 1
        mask ^= mask << width


@jitable
def words_of(p: Any, k: Any) -> Any:
    """Return argument k as an array (rows, columns) of words of 64 bits."""
    return carray(wholes_pointer(p[3 * k]), (p[3 * k + 1], p[3 * k + 2]))


def multiply(p: Any, like: Any, me: Any, of: Any) -> None:
    """Compute row i of z = Σ of numbers[i] times the rows of y at places[i].

    Arguments: places, numbers, counts, y, z, dense.  `dense` are the counts that tell whether sums pay off.
    """
    if not is_dense(wholes(p, 5)):
        first, last = share(p[13], me, of)
        multiply_rows(p[0], p[3], wholes(p, 2), p[2], p[9], p[12], p[14], first, last, p[18], like)


@jitable
def multiply_rows(at: Any, weights: Any, counts: Any, width: Any, y: Any, z: Any, n: Any, first: Any, last: Any,
                  size: Any, like: Any) -> None:  # fmt: skip
    """Compute some rows of z, a few columns at a time, so that the data stays in the cache."""
    lanes = VECTOR // size
    j = 0
    while j < n:
        if j + 4 * lanes <= n:
            for i in range(first, last):
                sum_of_four(at + 4 * width * i, weights + size * width * i, counts[i], y + size * j, n,
                            z + size * (n * i + j), like)  # fmt: skip
            j += 4 * lanes
        else:
            j = min(j, n - lanes)  # the last vectors overlap: summing twice is cheaper than one number at a time
            for i in range(first, last):
                sum_of_one(at + 4 * width * i, weights + size * width * i, counts[i], y + size * j, n,
                           z + size * (n * i + j), like)  # fmt: skip
            j += lanes


@jitable
def is_dense(counts: Any) -> Any:
    """Return whether any thread found too many nonzero numbers."""
    least = counts[0]
    for i in range(counts.shape[0]):
        least = min(least, counts[i])
    return least < 0
