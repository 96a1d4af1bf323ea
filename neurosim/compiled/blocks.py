"""Kernels for what layers and losses do along rows and columns, beyond rules of one element.

The docstring of each kernel lists its arguments, in the order for `Table.add`. The work is cut by the rows of the batch
unless the docstring says otherwise.
"""

from __future__ import annotations

import math
from typing import Any

from numba import carray

from .functions import exp
from .instructions import (
    VECTOR,
    bytes_pointer,
    doubles_pointer,
    fetch,
    pointer,
    singles_pointer,
    wholes_pointer,
)
from .machine import doubles, jitable, matrix, own, own_rows, share, stretch, vector, wholes


def gather_pixels(p: Any, like: Any, me: Any, of: Any) -> None:
    """Load a batch of samples in bytes, and scale it. Arguments: a, y, source (see `Lines`), scale."""
    gather(bytes_pointer(wholes(p, 2)[0]), 1, p, like, me, of)
    a, scale = own(p, 0, like, me, of), vector(p, 3, like)[0]
    for k in range(a.shape[0]):
        a[k] *= scale


def gather_singles(p: Any, like: Any, me: Any, of: Any) -> None:
    """Load a batch of samples in float32. Arguments: a, y, source."""
    gather(singles_pointer(wholes(p, 2)[0]), 4, p, like, me, of)


def gather_doubles(p: Any, like: Any, me: Any, of: Any) -> None:
    """Load a batch of samples in float64. Arguments: a, y, source."""
    gather(doubles_pointer(wholes(p, 2)[0]), 8, p, like, me, of)


@jitable
def gather(rows: Any, size: Any, p: Any, like: Any, me: Any, of: Any) -> None:
    """Copy samples, from a pointer to numbers of `size` bytes, and their targets."""
    a, source, n = matrix(p, 0, like), wholes(p, 2), p[2]
    samples = carray(rows, (source[4], n))
    order, first, last = own_samples(p, me, of)
    for i in range(first, last):
        row, a_i = samples[order[i]], a[i]
        for k in range(n):
            a_i[k] = row[k]
    gather_targets(p, order, first, last, like)
    fetch_rows(source, order, p[1], n * size, first, last)


@jitable
def own_samples(p: Any, me: Any, of: Any) -> Any:
    """Return the order of the rest of the epoch, and which samples at its start are part `me` of the batch."""
    source = wholes(p, 2)
    start = wholes_pointer(source[3])[0]
    first, last = share(p[1], me, of)
    return carray(wholes_pointer(source[2]), (source[4],))[start:], first, last


@jitable
def gather_targets(p: Any, order: Any, first: Any, last: Any, like: Any) -> None:
    """Copy the targets of some samples of the batch. Argument 1: y."""
    y = matrix(p, 1, like)
    targets = carray(pointer(wholes(p, 2)[1], like), (wholes(p, 2)[4], y.shape[1]))
    for i in range(first, last):
        for j in range(y.shape[1]):
            y[i, j] = targets[order[i], j]


@jitable
def fetch_rows(source: Any, order: Any, B: Any, width: Any, first: Any, last: Any) -> None:
    """Bring these samples of the next batch into the cache, while this batch is being processed."""
    for i in range(B + first, min(B + last, order.shape[0])):
        for byte in range(0, width, VECTOR):
            fetch(source[0] + width * order[i] + byte)


def count_hits(p: Any, like: Any, me: Any, of: Any) -> None:
    """Count the rows of a that predict the class of y, into ``result[1]``. Arguments: a, y, result, threshold.

    Of several outputs, the first largest counts; of a single output, whether it is above the threshold.
    """
    if me > 0:
        return
    a, y, result, threshold = matrix(p, 0, like), matrix(p, 1, like), doubles(p, 2), doubles(p, 3)[0]
    hits = 0
    for i in range(a.shape[0]):
        if a.shape[1] == 1:
            hits += (a[i, 0] > threshold) == (y[i, 0] > threshold)
        else:
            named, a_i = 0, a[i]
            for j in range(1, a.shape[1]):
                named = j if a_i[j] > a_i[named] else named
            hits += y[i, named] == 1.0
    result[1] = hits


def softmax(p: Any, like: Any, me: Any, of: Any) -> None:
    """Compute z ← z + b; a = softmax of z; log_a = ln a. Arguments: z, a, log_a, b (0 if there is no bias)."""
    z, a, log_a = own_rows(p, 0, like, me, of), own_rows(p, 1, like, me, of), own_rows(p, 2, like, me, of)
    b, has_bias = vector(p, 3, like), p[3 * 3 + 2] > 0
    B, n = z.shape
    for i in range(B):
        z_i, log_i = z[i], log_a[i]
        if has_bias:
            for j in range(n):
                z_i[j] += b[j]
        largest = z_i[0]
        for j in range(1, n):
            largest = z_i[j] if z_i[j] > largest else largest
        for j in range(n):
            log_i[j] = z_i[j] - largest
    exponents, powers = own(p, 2, like, me, of), own(p, 1, like, me, of)
    for k in range(B * n):
        powers[k] = exp(exponents[k])
    for i in range(B):
        a_i, log_i, total = a[i], log_a[i], 0.0
        for j in range(n):
            total += a_i[j]
        inverse, log_total = 1.0 / total, math.log(total)
        for j in range(n):
            a_i[j] *= inverse
            log_i[j] -= log_total


def softmax_backward(p: Any, like: Any, me: Any, of: Any) -> None:
    """Compute delta = a (da - Σ a da). Arguments: da, a, delta."""
    da, a, delta = own_rows(p, 0, like, me, of), own_rows(p, 1, like, me, of), own_rows(p, 2, like, me, of)
    for i in range(a.shape[0]):
        total = 0.0
        for j in range(a.shape[1]):
            total += a[i, j] * da[i, j]
        for j in range(a.shape[1]):
            delta[i, j] = a[i, j] * (da[i, j] - total)


def cross_entropy(p: Any, like: Any, me: Any, of: Any) -> None:
    """Compute L into result: the mean of -Σ y ln a with the smoothed y. Arguments: log_a, y, result, smoothing."""
    if me > 0:
        return
    log_a, y, result, smoothing = matrix(p, 0, like), matrix(p, 1, like), doubles(p, 2), doubles(p, 3)[0]
    B, n = log_a.shape
    total = 0.0
    for i in range(B):
        for j in range(n):
            aim = y[i, j] * (1.0 - smoothing) + smoothing / n
            if aim != 0.0:  # 0 ln 0 = 0
                total += aim * log_a[i, j]
    result[0] = 0.0 - total / B


def difference(p: Any, like: Any, me: Any, of: Any) -> None:
    """Compute delta = (a - y) · factor with the smoothed y. Arguments: a, y, delta, settings.

    Settings are the smoothing and the factor, 1 / B or 1 / (B n).
    """
    a, y, delta = own(p, 0, like, me, of), own(p, 1, like, me, of), own(p, 2, like, me, of)
    smoothing, factor, n = doubles(p, 3)[0], doubles(p, 3)[1], p[2]
    for k in range(a.shape[0]):
        delta[k] = (a[k] - (y[k] * (1.0 - smoothing) + smoothing / n)) * factor


def binary_cross_entropy(p: Any, like: Any, me: Any, of: Any) -> None:
    """Compute L of a sigmoid of z into result. Arguments: z, y, result.

    Its terms are max(z, 0) - y z + ln(1 + e^-|z|), which cannot overflow.
    """
    if me > 0:
        return
    z, y, result = vector(p, 0, like), vector(p, 1, like), doubles(p, 2)
    total = 0.0
    for k in range(z.shape[0]):
        positive = z[k] if not z[k] <= 0.0 else z[k] - z[k]  # NaN stays
        total += positive - y[k] * z[k] + math.log1p(math.exp(-abs(z[k])))
    result[0] = total / z.shape[0]


def margin_loss(p: Any, like: Any, me: Any, of: Any) -> None:
    """Compute L = Σ_{j≠c} max(0, m - a_c + a_j)^p / (B n) into result. Arguments: a, y, result, margin, power."""
    if me > 0:
        return
    a, y, result, margin, power = matrix(p, 0, like), matrix(p, 1, like), doubles(p, 2), doubles(p, 3)[0], p[12]
    total = 0.0
    for i in range(a.shape[0]):
        right = label_of(y[i])
        for j in range(a.shape[1]):
            short = margin - a[i, right] + a[i, j]
            if j != right and not short <= 0.0:  # if short is NaN, L is NaN
                total += short if power == 1 else short * short
    result[0] = total / a.size


def margin_gradient(p: Any, like: Any, me: Any, of: Any) -> None:
    """Compute da = dL/da of the margin loss. Arguments: a, y, da, margin, power."""
    a, y, da, margin, power = matrix(p, 0, like), matrix(p, 1, like), matrix(p, 2, like), doubles(p, 3)[0], p[12]
    factor = 1.0 / a.size
    first, last = share(a.shape[0], me, of)
    for i in range(first, last):
        right, pull = label_of(y[i]), 0.0
        for j in range(a.shape[1]):
            short = margin - a[i, right] + a[i, j]
            slope = 0.0 if j == right or short <= 0.0 else (1.0 if power == 1 else 2.0 * short)
            da[i, j] = slope * factor
            pull += slope
        da[i, right] = -pull * factor


@jitable
def label_of(y: Any) -> Any:
    """Return the index of the 1 in a one-hot row."""
    right = 0
    for j in range(y.shape[0]):
        right = j if y[j] == 1.0 else right
    return right


def copy(p: Any, like: Any, me: Any, of: Any) -> None:
    """Copy x into y. Arguments: x, y."""
    x, y = own(p, 0, like, me, of), own(p, 1, like, me, of)
    for k in range(x.shape[0]):
        y[k] = x[k]


@jitable
def copy_rows(come: Any, pitch: Any, to: Any, onto: Any, rows: Any, width: Any) -> None:
    """Copy rows of an image into another; they are `pitch` numbers apart in the first, and `onto` in the second."""
    for row in range(rows):
        come_r, to_r = come[pitch * row :], to[onto * row :]
        for k in range(width):
            to_r[k] = come_r[k]


def fill(p: Any, like: Any, me: Any, of: Any) -> None:
    """Fill x with a value. Arguments: x, value."""
    x, value = own(p, 0, like, me, of), doubles(p, 1)[0]
    for k in range(x.shape[0]):
        x[k] = value


def drop(p: Any, like: Any, me: Any, of: Any) -> None:
    """Turn random numbers in mask into 0 or 1 / (1 - rate); z ← x; a ← x mask. Arguments: x, mask, z, a, rate."""
    x, mask = own(p, 0, like, me, of), own(p, 1, like, me, of)
    z, a, rate = own(p, 2, like, me, of), own(p, 3, like, me, of), doubles(p, 4)[0]
    kept = 1.0 / (1.0 - rate)
    for k in range(x.shape[0]):
        mask[k] = kept if mask[k] >= rate else 0.0
        z[k] = x[k]
        a[k] = x[k] * mask[k]


def drop_backward(p: Any, like: Any, me: Any, of: Any) -> None:
    """Compute delta = da mask, and the same into dx if its last number is not 0. Arguments: da, mask, delta, dx."""
    da, mask = own(p, 0, like, me, of), own(p, 1, like, me, of)
    delta, dx = own(p, 2, like, me, of), own(p, 3, like, me, of)
    for k in range(da.shape[0]):
        delta[k] = da[k] * mask[k]
    if p[3 * 3 + 2] > 0:
        for k in range(da.shape[0]):
            dx[k] = delta[k]


@jitable
def by_neuron(p: Any, k: Any, like: Any, n: Any) -> Any:
    """Return argument k, an array (B, places · n), as (B · places, n): one neuron per column."""
    return carray(pointer(p[3 * k], like), (p[3 * k + 1] * p[3 * k + 2] // n, n))


@jitable
def own_by_neuron(p: Any, k: Any, like: Any, me: Any, of: Any, n: Any) -> Any:
    """Return the same array for the samples of part `me`."""
    first, last = share(p[3 * k + 1], me, of)
    per_sample = p[3 * k + 2] // n
    return by_neuron(p, k, like, n)[first * per_sample : last * per_sample]


def measure(p: Any, like: Any, me: Any, of: Any) -> None:
    """Compute mean and variance of each neuron over batch and places. Cut by neurons.

    Arguments: x, mean, variance, neurons.
    """
    x, mean, variance = by_neuron(p, 0, like, p[9]), stretch(p, 1, like, me, of), stretch(p, 2, like, me, of)
    B = x.shape[0]
    first, last = share(x.shape[1], me, of)
    for j in range(last - first):
        mean[j] = 0.0
        variance[j] = 0.0
    for i in range(B):
        x_i = x[i][first:last]
        for j in range(last - first):
            mean[j] += x_i[j]
    for j in range(last - first):
        mean[j] /= B
    for i in range(B):
        x_i = x[i][first:last]
        for j in range(last - first):
            variance[j] += (x_i[j] - mean[j]) * (x_i[j] - mean[j])
    for j in range(last - first):
        variance[j] /= B


def normalize(p: Any, like: Any, me: Any, of: Any) -> None:
    """Compute z = γ x̂ + β with x̂ = (x - mean) / √(variance + ε).

    Arguments: x, x_hat, z, mean, variance, inverse, gamma, beta, epsilon, neurons.  Each thread computes the values
    that a column shares: it is little work, and all threads write the same numbers.
    """
    n = p[27]
    x, x_hat = own_by_neuron(p, 0, like, me, of, n), own_by_neuron(p, 1, like, me, of, n)
    z, mean, variance, inverse = (
        own_by_neuron(p, 2, like, me, of, n),
        vector(p, 3, like),
        vector(p, 4, like),
        vector(p, 5, like),
    )
    gamma, beta, epsilon = vector(p, 6, like), vector(p, 7, like), doubles(p, 8)[0]
    for j in range(n):
        inverse[j] = 1.0 / math.sqrt(variance[j] + epsilon)
    for i in range(x.shape[0]):
        for j in range(n):
            x_hat[i, j] = (x[i, j] - mean[j]) * inverse[j]
            z[i, j] = x_hat[i, j] * gamma[j] + beta[j]


def normalize_gradients(p: Any, like: Any, me: Any, of: Any) -> None:
    """Compute the sums of delta x̂ and of delta over batch and places. Cut by neurons.

    Arguments: delta, x_hat, dgamma, dbeta, neurons.
    """
    delta, x_hat = by_neuron(p, 0, like, p[12]), by_neuron(p, 1, like, p[12])
    dgamma, dbeta = stretch(p, 2, like, me, of), stretch(p, 3, like, me, of)
    first, last = share(delta.shape[1], me, of)
    for j in range(last - first):
        dgamma[j] = 0.0
        dbeta[j] = 0.0
    for i in range(delta.shape[0]):
        delta_i, x_hat_i = delta[i][first:last], x_hat[i][first:last]
        for j in range(last - first):
            dgamma[j] += delta_i[j] * x_hat_i[j]
            dbeta[j] += delta_i[j]


def normalize_backward(p: Any, like: Any, me: Any, of: Any) -> None:
    """Compute dL/dx = γ/√(variance + ε) (delta - mean(delta) - x̂ mean(delta x̂)).

    Arguments: delta, x_hat, dgamma, dbeta, gamma, inverse, dx, neurons.  Mean and variance depend on x too.
    """
    n = p[21]
    delta, x_hat = own_by_neuron(p, 0, like, me, of, n), own_by_neuron(p, 1, like, me, of, n)
    dx, dgamma, dbeta = own_by_neuron(p, 6, like, me, of, n), vector(p, 2, like), vector(p, 3, like)
    gamma, inverse = vector(p, 4, like), vector(p, 5, like)
    part = n / (p[1] * p[2])
    for i in range(delta.shape[0]):
        for j in range(n):
            along = (x_hat[i, j] * dgamma[j] + dbeta[j]) * part
            dx[i, j] = (delta[i, j] - along) * gamma[j] * inverse[j]


def follow(p: Any, like: Any, me: Any, of: Any) -> None:
    """Update the running averages after a step. Cut by columns.

    Arguments: running_mean, running_variance, mean, variance, settings. Settings are the momentum and the factor for
    the variance of a batch, B / (B - 1); it is 0 for one sample.
    """
    running_mean, running_variance = stretch(p, 0, like, me, of), stretch(p, 1, like, me, of)
    mean, variance = stretch(p, 2, like, me, of), stretch(p, 3, like, me, of)
    momentum, factor = doubles(p, 4)[0], doubles(p, 4)[1]
    for j in range(mean.shape[0]):
        running_mean[j] = running_mean[j] * (1.0 - momentum) + momentum * mean[j]
    if factor > 0.0:  # a single sample has no variance
        for j in range(mean.shape[0]):
            running_variance[j] = running_variance[j] * (1.0 - momentum) + momentum * factor * variance[j]


def clip(p: Any, like: Any, me: Any, of: Any) -> None:
    """Scale grad down to a norm of at most `largest`; see `clip_by_global_norm_`. Arguments: grad, largest."""
    if me > 0:
        return
    grad, largest = vector(p, 0, like), doubles(p, 1)[0]
    square = 0.0
    for k in range(grad.shape[0]):
        square += float(grad[k]) * float(grad[k])
    norm = math.sqrt(square)
    if norm + 1e-6 > largest:
        factor = largest / (norm + 1e-6)
        for k in range(grad.shape[0]):
            grad[k] *= factor


def sum_rows(p: Any, like: Any, me: Any, of: Any) -> None:
    """Compute db = the sum of delta over the batch. Cut by columns. Arguments: delta, db."""
    delta, db = matrix(p, 0, like), stretch(p, 1, like, me, of)
    first, last = share(delta.shape[1], me, of)
    for j in range(last - first):
        db[j] = 0
    for i in range(delta.shape[0]):
        delta_i = delta[i][first:last]
        for j in range(last - first):
            db[j] += delta_i[j]


def sum_parts(p: Any, like: Any, me: Any, of: Any) -> None:
    """Add up the sums of all threads. Cut by the numbers of the total. Arguments: parts, total."""
    parts, total = matrix(p, 0, like), stretch(p, 1, like, me, of)
    first, last = share(p[4] * p[5], me, of)
    for k in range(last - first):
        total[k] = 0
    for part in range(of):
        numbers = parts[part][first:last]
        for k in range(last - first):
            total[k] += numbers[k]
