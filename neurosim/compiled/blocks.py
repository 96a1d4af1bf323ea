"""The kernels that are no rule of one element: what layers and losses do along rows and columns.

The arguments of each are in its docstring, in their order; `Table.add` takes them so.
"""

from __future__ import annotations

import math
from typing import Any

from .machine import doubles, jitable, matrix, vector


def softmax(p: Any, like: Any) -> None:
    """Arguments z, a, log_a, b: z ← z + b; a = softmax of z; log_a = ln a. Without a bias 0 is in its place."""
    z, a, log_a = matrix(p, 0, like), matrix(p, 1, like), matrix(p, 2, like)
    b, has_bias = vector(p, 3, like), p[3 * 3 + 2] > 0
    n = z.shape[1]
    for i in range(z.shape[0]):
        z_i, a_i, log_i = z[i], a[i], log_a[i]
        if has_bias:
            for j in range(n):
                z_i[j] += b[j]
        largest = z_i[0]
        for j in range(1, n):
            largest = z_i[j] if z_i[j] > largest else largest
        total = 0.0
        for j in range(n):
            log_i[j] = z_i[j] - largest
            e = math.exp(log_i[j])
            a_i[j] = e
            total += e
        inverse, log_total = 1.0 / total, math.log(total)
        for j in range(n):
            a_i[j] *= inverse
            log_i[j] -= log_total


def softmax_backward(p: Any, like: Any) -> None:
    """da, a, delta, db: delta = a (da - Σ a da); db = the sum of delta over the batch. Without a bias: 0."""
    da, a, delta = matrix(p, 0, like), matrix(p, 1, like), matrix(p, 2, like)
    for i in range(a.shape[0]):
        total = 0.0
        for j in range(a.shape[1]):
            total += a[i, j] * da[i, j]
        for j in range(a.shape[1]):
            delta[i, j] = a[i, j] * (da[i, j] - total)
    sum_rows(delta, vector(p, 3, like), p[3 * 3 + 2])


def cross_entropy(p: Any, like: Any) -> None:
    """log_a, y, result, smoothing: L into result, the mean of -Σ y ln a with the smoothed y."""
    log_a, y, result, smoothing = matrix(p, 0, like), matrix(p, 1, like), doubles(p, 2), doubles(p, 3)[0]
    B, n = log_a.shape
    total = 0.0
    for i in range(B):
        for j in range(n):
            aim = y[i, j] * (1.0 - smoothing) + smoothing / n
            if aim != 0.0:  # 0 ln 0 = 0
                total += aim * log_a[i, j]
    result[0] = 0.0 - total / B


def difference(p: Any, like: Any) -> None:
    """a, y, delta, db, settings: delta = (a - y) · share with the smoothed y; db = its sum over the batch, or 0.

    Settings are the smoothing and the share, 1 / B or 1 / (B n).
    """
    a, y, delta, settings = matrix(p, 0, like), matrix(p, 1, like), matrix(p, 2, like), doubles(p, 4)
    smoothing, share = settings[0], settings[1]
    B, n = a.shape
    for i in range(B):
        for j in range(n):
            delta[i, j] = (a[i, j] - (y[i, j] * (1.0 - smoothing) + smoothing / n)) * share
    sum_rows(delta, vector(p, 3, like), p[3 * 3 + 2])


def binary_cross_entropy(p: Any, like: Any) -> None:
    """z, y, result: L of a sigmoid of z into result, max(z, 0) - y z + ln(1 + e^-|z|), which cannot overflow."""
    z, y, result = vector(p, 0, like), vector(p, 1, like), doubles(p, 2)
    total = 0.0
    for k in range(z.shape[0]):
        positive = z[k] if not z[k] <= 0.0 else z[k] - z[k]  # NaN stays
        total += positive - y[k] * z[k] + math.log1p(math.exp(-abs(z[k])))
    result[0] = total / z.shape[0]


def margin_loss(p: Any, like: Any) -> None:
    """a, y, result, margin, power: L = Σ_{j≠c} max(0, m - a_c + a_j)^p / (B n) into result."""
    a, y, result, margin, power = matrix(p, 0, like), matrix(p, 1, like), doubles(p, 2), doubles(p, 3)[0], p[12]
    total = 0.0
    for i in range(a.shape[0]):
        right = label_of(y[i])
        for j in range(a.shape[1]):
            short = margin - a[i, right] + a[i, j]
            if j != right and not short <= 0.0:  # where short is NaN, L is
                total += short if power == 1 else short * short
    result[0] = total / a.size


def margin_gradient(p: Any, like: Any) -> None:
    """a, y, da, margin, power: da = dL/da of the margin loss."""
    a, y, da, margin, power = matrix(p, 0, like), matrix(p, 1, like), matrix(p, 2, like), doubles(p, 3)[0], p[12]
    share = 1.0 / a.size
    for i in range(a.shape[0]):
        right, pull = label_of(y[i]), 0.0
        for j in range(a.shape[1]):
            short = margin - a[i, right] + a[i, j]
            slope = 0.0 if j == right or short <= 0.0 else (1.0 if power == 1 else 2.0 * short)
            da[i, j] = slope * share
            pull += slope
        da[i, right] = -pull * share


@jitable
def label_of(y: Any) -> Any:
    """Where a one-hot row is 1."""
    right = 0
    for j in range(y.shape[0]):
        right = j if y[j] == 1.0 else right
    return right


def copy(p: Any, like: Any) -> None:
    """x, y: y ← x."""
    x, y = vector(p, 0, like), vector(p, 1, like)
    for k in range(x.shape[0]):
        y[k] = x[k]


def fill(p: Any, like: Any) -> None:
    """x, value: x ← value."""
    x, value = vector(p, 0, like), doubles(p, 1)[0]
    for k in range(x.shape[0]):
        x[k] = value


def drop(p: Any, like: Any) -> None:
    """x, mask, z, a, rate: random numbers in mask become 0 or 1 / (1 - rate); z ← x; a ← x mask."""
    x, mask, z, a = vector(p, 0, like), vector(p, 1, like), vector(p, 2, like), vector(p, 3, like)
    rate = doubles(p, 4)[0]
    kept = mask[0] - mask[0] + 1.0 / (1.0 - rate)
    for k in range(x.shape[0]):
        mask[k] = kept if mask[k] >= rate else 0.0
        z[k] = x[k]
        a[k] = x[k] * mask[k]


def drop_backward(p: Any, like: Any) -> None:
    """da, mask, delta, dx: delta = da mask, and the same into dx if there is one (its last number is not 0)."""
    da, mask, delta, dx = vector(p, 0, like), vector(p, 1, like), vector(p, 2, like), vector(p, 3, like)
    for k in range(da.shape[0]):
        delta[k] = da[k] * mask[k]
    if p[3 * 3 + 2] > 0:
        for k in range(da.shape[0]):
            dx[k] = delta[k]


def normalize(p: Any, like: Any) -> None:
    """x, x_hat, z, mean, variance, inverse, gamma, beta, settings: z = γ x̂ + β, x̂ = (x - mean) / √(variance + ε).

    Settings are ε, and 1 in training: then mean and variance are those of the batch and are written.
    """
    x, x_hat, z = matrix(p, 0, like), matrix(p, 1, like), matrix(p, 2, like)
    mean, variance, inverse = vector(p, 3, like), vector(p, 4, like), vector(p, 5, like)
    gamma, beta, settings = vector(p, 6, like), vector(p, 7, like), doubles(p, 8)
    B, n = x.shape
    if settings[1] > 0.0:
        mean_over_batch(x, mean)
    for i in range(B):
        for j in range(n):
            x_hat[i, j] = x[i, j] - mean[j]
    if settings[1] > 0.0:
        for i in range(B):
            for j in range(n):
                z[i, j] = x_hat[i, j] * x_hat[i, j]
        mean_over_batch(z, variance)
    for j in range(n):
        inverse[j] = 1.0 / math.sqrt(variance[j] + settings[0])
    for i in range(B):
        for j in range(n):
            x_hat[i, j] *= inverse[j]
            z[i, j] = x_hat[i, j] * gamma[j] + beta[j]


def normalize_backward(p: Any, like: Any) -> None:
    """delta, x_hat, dgamma, dbeta, gamma, inverse, dx: the gradients, and dL/dx if dx is there.

    dL/dx = γ/√(variance + ε) (delta - mean(delta) - x̂ mean(delta x̂)): mean and variance depend on x too.
    """
    delta, x_hat = matrix(p, 0, like), matrix(p, 1, like)
    dgamma, dbeta, gamma, inverse = vector(p, 2, like), vector(p, 3, like), vector(p, 4, like), vector(p, 5, like)
    dx = matrix(p, 6, like)
    B, n = delta.shape
    for j in range(n):
        dgamma[j] = 0.0
        dbeta[j] = 0.0
    for i in range(B):
        for j in range(n):
            dgamma[j] += delta[i, j] * x_hat[i, j]
            dbeta[j] += delta[i, j]
    share = 1.0 / B
    for i in range(dx.shape[0]):
        for j in range(n):
            along = (x_hat[i, j] * dgamma[j] + dbeta[j]) * share
            dx[i, j] = (delta[i, j] - along) * gamma[j] * inverse[j]


def clip(p: Any, like: Any) -> None:
    """grad, largest: grad is scaled down to that norm; see `clip_by_global_norm_`."""
    grad, largest = vector(p, 0, like), doubles(p, 1)[0]
    square = 0.0
    for k in range(grad.shape[0]):
        square += float(grad[k]) * float(grad[k])
    norm = math.sqrt(square)
    if norm + 1e-6 > largest:
        factor = largest / (norm + 1e-6)
        for k in range(grad.shape[0]):
            grad[k] *= factor


@jitable
def mean_over_batch(x: Any, mean: Any) -> None:
    """The mean of each column."""
    for j in range(x.shape[1]):
        mean[j] = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            mean[j] += x[i, j]
    for j in range(x.shape[1]):
        mean[j] /= x.shape[0]


@jitable
def sum_rows(delta: Any, db: Any, columns: Any) -> None:
    """The sum of delta over the batch into db, where there are columns."""
    for j in range(columns):
        db[j] = 0
    if columns > 0:
        for i in range(delta.shape[0]):
            for j in range(columns):
                db[j] += delta[i, j]
