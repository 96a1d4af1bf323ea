"""The oracle: the textbook's formulas as slow, obvious loops over Python floats (float64).

Nothing here imports neurosim or NumPy; matrices are lists of rows. Each function copies a published formula, without
the rearrangements that make the simulator fast. So a mistake in one is not in the other.
"""

import math

# --- activations: f(z) and f'(z) for one neuron --------------------------------------------------------------------

SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def logistic(z):
    return 1.0 / (1.0 + math.exp(-z)) if z >= 0 else math.exp(z) / (1.0 + math.exp(z))


def ln_1_plus_exp(z):
    return math.log1p(math.exp(z)) if z < 0 else z + math.log1p(math.exp(-z))


def gelu(z):
    return 0.5 * z * (1.0 + math.tanh(math.sqrt(2.0 / math.pi) * (z + 0.044715 * z * z * z)))


def gelu_slope(z):
    c = math.sqrt(2.0 / math.pi)
    t = math.tanh(c * (z + 0.044715 * z * z * z))
    return 0.5 * (1.0 + t) + 0.5 * z * (1.0 - t * t) * c * (1.0 + 3.0 * 0.044715 * z * z)


def mish_slope(z):
    t = math.tanh(ln_1_plus_exp(z))
    return t + z * (1.0 - t * t) * logistic(z)


ACTIVATIONS = {  # key -> (f, f')
    "linear": (lambda z: z, lambda z: 1.0),
    "sigmoid": (logistic, lambda z: logistic(z) * (1.0 - logistic(z))),
    "tanh": (math.tanh, lambda z: 1.0 - math.tanh(z) ** 2),
    "relu": (lambda z: max(z, 0.0), lambda z: 1.0 if z > 0 else 0.0),
    "leaky_relu": (lambda z: z if z > 0 else 0.01 * z, lambda z: 1.0 if z > 0 else 0.01),
    "elu": (lambda z: z if z > 0 else math.exp(z) - 1.0, lambda z: 1.0 if z > 0 else math.exp(z)),
    "selu": (
        lambda z: SELU_SCALE * (z if z > 0 else SELU_ALPHA * (math.exp(z) - 1.0)),
        lambda z: SELU_SCALE * (1.0 if z > 0 else SELU_ALPHA * math.exp(z)),
    ),
    "gelu": (gelu, gelu_slope),
    "silu": (lambda z: z * logistic(z), lambda z: logistic(z) * (1.0 + z * (1.0 - logistic(z)))),
    "mish": (lambda z: z * math.tanh(ln_1_plus_exp(z)), mish_slope),
    "softplus": (ln_1_plus_exp, logistic),
    "softsign": (lambda z: z / (1.0 + abs(z)), lambda z: 1.0 / (1.0 + abs(z)) ** 2),
    "hard_tanh": (lambda z: max(-1.0, min(1.0, z)), lambda z: 1.0 if -1.0 < z < 1.0 else 0.0),
    "relu6": (lambda z: max(0.0, min(6.0, z)), lambda z: 1.0 if 0.0 < z < 6.0 else 0.0),
}


def softmax(row):
    top = max(row)
    e = [math.exp(z - top) for z in row]
    return [value / sum(e) for value in e]


def activate(key, row):
    """Return the activations of one layer for one sample."""
    return softmax(row) if key == "softmax" else [ACTIVATIONS[key][0](z) for z in row]


def pull_back(key, row, da):
    """Return dL/dz of one layer for one sample, from its z and dL/da: Σ_j dL/da_j da_j/dz_k."""
    if key != "softmax":
        return [g * ACTIVATIONS[key][1](z) for g, z in zip(da, row, strict=True)]
    a, n = softmax(row), len(row)
    return [sum(da[j] * a[j] * ((1.0 if j == k else 0.0) - a[k]) for j in range(n)) for k in range(n)]


# --- losses: L(a, y) over a batch, and dL/da -----------------------------------------------------------------------


def _smooth(y, label_smoothing):
    return [[(1.0 - label_smoothing) * t + label_smoothing / len(row) for t in row] for row in y]


def _cross_entropy(a, y, label_smoothing=0.0):
    y, B = _smooth(y, label_smoothing), len(y)
    value = -sum(t * math.log(p) for ps, ts in zip(a, y, strict=True) for p, t in zip(ps, ts, strict=True) if t) / B
    return value, [[-t / p / B if t else 0.0 for p, t in zip(ps, ts, strict=True)] for ps, ts in zip(a, y, strict=True)]


def _each_output(value, slope):
    """Return a loss that is the mean over samples and outputs of value(a, y)."""

    def loss(a, y, **settings):
        size = len(a) * len(a[0])
        pairs = [list(zip(p, t, strict=True)) for p, t in zip(a, y, strict=True)]
        return (
            sum(value(p, t, **settings) for row in pairs for p, t in row) / size,
            [[slope(p, t, **settings) / size for p, t in row] for row in pairs],
        )

    return loss


def _bce(p, t):
    return -(t * math.log(p) if t else 0.0) - ((1.0 - t) * math.log(1.0 - p) if t != 1.0 else 0.0)


def _huber(p, t, threshold=1.0):
    r = abs(p - t)
    return 0.5 * r * r if r <= threshold else threshold * (r - 0.5 * threshold)


def _huber_slope(p, t, threshold=1.0):
    return max(-threshold, min(threshold, p - t))


def _margin(power):
    def loss(a, y, margin=1.0):
        B, n = len(a), len(a[0])
        total, gradient = 0.0, [[0.0] * n for _ in range(B)]
        for i in range(B):
            c = max(range(n), key=lambda j: y[i][j])
            for j in range(n):
                short = margin - a[i][c] + a[i][j]
                if j != c and short > 0:
                    total += short**power
                    slope = power * short ** (power - 1)
                    gradient[i][j] += slope / (B * n)
                    gradient[i][c] -= slope / (B * n)
        return total / (B * n), gradient

    return loss


LOSSES = {  # key -> function (a, y, **settings) -> (L, dL/da)
    "cross_entropy": _cross_entropy,
    "binary_cross_entropy": _each_output(_bce, lambda p, t: (p - t) / (p * (1.0 - p))),
    "mse": _each_output(lambda p, t: (p - t) ** 2, lambda p, t: 2.0 * (p - t)),
    "mae": _each_output(lambda p, t: abs(p - t), lambda p, t: (p > t) - (p < t)),
    "huber": _each_output(_huber, _huber_slope),
    "hinge": _margin(1),
    "squared_hinge": _margin(2),
}


# --- a dense network: forward and backward, sample by sample, neuron by neuron, weight by weight -------------------


class DenseNet:
    """A network of `layers`: a list of (W, b, activation key), with W[i][j] from neuron i below to neuron j."""

    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        """Return z and a of every layer for one sample; a[0] is the input."""
        zs, activations = [], [list(x)]
        for W, b, key in self.layers:
            below = activations[-1]
            z = []
            for j in range(len(b)):
                total = b[j]
                for i in range(len(below)):
                    total += below[i] * W[i][j]
                z.append(total)
            zs.append(z)
            activations.append(activate(key, z))
        return zs, activations

    def gradients(self, x, y, loss, **settings):
        """Return L, and for each layer (dW, db, deltas of all samples)."""
        passes = [self.forward(row) for row in x]
        value, da = LOSSES[loss]([activations[-1] for _, activations in passes], y, **settings)
        result = [([[0.0] * len(b) for _ in W], [0.0] * len(b), []) for W, b, _ in self.layers]
        for (zs, activations), output_da in zip(passes, da, strict=True):
            below_da = output_da
            for k in range(len(self.layers) - 1, -1, -1):
                W, b, key = self.layers[k]
                delta = pull_back(key, zs[k], below_da)
                dW, db, deltas = result[k]
                for j in range(len(b)):
                    db[j] += delta[j]
                    for i in range(len(W)):
                        dW[i][j] += activations[k][i] * delta[j]
                deltas.append(delta)
                below_da = [sum(delta[j] * W[i][j] for j in range(len(b))) for i in range(len(W))]
        return value, result


# --- images: one sample, image[row][column][channel]; each place, filter and weight by itself -----------------------


def windows(height, width, size, stride, padding="valid"):
    """Return, for each place (r, c), the pixels of its window inside the image, as (i, j, row, column)."""

    def along(side):
        if padding == "valid":
            return (side - size) // stride + 1, 0
        count = math.ceil(side / stride)
        return count, max(0, (count - 1) * stride + size - side) // 2

    (down, top), (across, left) = along(height), along(width)
    found = {}
    for r in range(down):
        for c in range(across):
            found[r, c] = []
            for i in range(size):
                for j in range(size):
                    row, column = r * stride + i - top, c * stride + j - left
                    if 0 <= row < height and 0 <= column < width:
                        found[r, c].append((i, j, row, column))
    return found


def convolve(x, W, b, stride, padding):
    """Return {(r, c, f): z}, with W[i][j][channel][f]."""
    z = {}
    for (r, c), pixels in windows(len(x), len(x[0]), len(W), stride, padding).items():
        for f in range(len(b)):
            total = b[f]
            for i, j, row, column in pixels:
                for channel, value in enumerate(x[row][column]):
                    total += value * W[i][j][channel][f]
            z[r, c, f] = total
    return z


def convolve_back(x, W, delta, stride, padding):
    """Turn {(r, c, f): dL/dz} into {(row, column, channel): dL/dx}, {(i, j, channel, f): dL/dW} and {f: dL/db}."""
    dx, dW, db = {}, {}, {}
    for (r, c), pixels in windows(len(x), len(x[0]), len(W), stride, padding).items():
        for f in range(len(W[0][0][0])):
            d = delta[r, c, f]
            db[f] = db.get(f, 0.0) + d
            for i, j, row, column in pixels:
                for channel, value in enumerate(x[row][column]):
                    dW[i, j, channel, f] = dW.get((i, j, channel, f), 0.0) + value * d
                    dx[row, column, channel] = dx.get((row, column, channel), 0.0) + W[i][j][channel][f] * d
    return dx, dW, db


def pool(x, size, stride, kind):
    """Return {(r, c, channel): z} for kind "max" or "average", and {(r, c, channel): {(row, column): dz/dx}}."""
    z, slopes = {}, {}
    for (r, c), pixels in windows(len(x), len(x[0]), size, stride).items():
        for channel in range(len(x[0][0])):
            seen = {(row, column): x[row][column][channel] for _, _, row, column in pixels}
            if kind == "max":
                best = max(seen, key=seen.get)  # the first of equal pixels
                z[r, c, channel], slopes[r, c, channel] = seen[best], {best: 1.0}
            else:
                z[r, c, channel] = sum(seen.values()) / len(seen)
                slopes[r, c, channel] = dict.fromkeys(seen, 1.0 / len(seen))
    return z, slopes


# --- optimizers: each paper's loop, on a list of numbers -----------------------------------------------------------


def _loop(rule):
    """Return run(theta, gradient, rates, **settings) -> final theta; `rule` steps one parameter with its own memory."""

    def run(theta, gradient, rates, **settings):
        theta, memory = list(theta), [{} for _ in theta]
        for t, rate in enumerate(rates, start=1):
            g = gradient(theta)
            theta = [rule(p, g[i], memory[i], t, rate, **settings) for i, p in enumerate(theta)]
        return theta

    return run


def _sgd(p, g, s, t, rate):
    return p - rate * g


def _momentum(p, g, s, t, rate, momentum=0.9):
    s["v"] = momentum * s.get("v", 0.0) + g
    return p - rate * s["v"]


def _nesterov(p, g, s, t, rate, momentum=0.9):
    s["v"] = momentum * s.get("v", 0.0) + g
    return p - rate * (g + momentum * s["v"])


def _adagrad(p, g, s, t, rate, epsilon=1e-10):
    s["G"] = s.get("G", 0.0) + g * g
    return p - rate * g / (math.sqrt(s["G"]) + epsilon)


def _rmsprop(p, g, s, t, rate, rho=0.9, epsilon=1e-8):
    s["v"] = rho * s.get("v", 0.0) + (1.0 - rho) * g * g
    return p - rate * g / (math.sqrt(s["v"]) + epsilon)


def _adadelta(p, g, s, t, rate, rho=0.9, epsilon=1e-6):
    s["v"] = rho * s.get("v", 0.0) + (1.0 - rho) * g * g
    d = math.sqrt(s.get("u", 0.0) + epsilon) / math.sqrt(s["v"] + epsilon) * g
    s["u"] = rho * s.get("u", 0.0) + (1.0 - rho) * d * d
    return p - rate * d


def _moments(g, s, beta1, beta2):
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * g * g


def _adam(p, g, s, t, rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
    _moments(g, s, beta1, beta2)
    m_hat, v_hat = s["m"] / (1.0 - beta1**t), s["v"] / (1.0 - beta2**t)
    return p - rate * m_hat / (math.sqrt(v_hat) + epsilon)


def _amsgrad(p, g, s, t, rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
    _moments(g, s, beta1, beta2)
    s["top"] = max(s.get("top", 0.0), s["v"])
    return p - rate * s["m"] / (1.0 - beta1**t) / (math.sqrt(s["top"] / (1.0 - beta2**t)) + epsilon)


def _adamax(p, g, s, t, rate, beta1=0.9, beta2=0.999, epsilon=1e-8):
    s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    s["u"] = max(beta2 * s.get("u", 0.0), abs(g) + epsilon)
    return p - rate / (1.0 - beta1**t) * s["m"] / s["u"]


def _nadam(p, g, s, t, rate, beta1=0.9, beta2=0.999, epsilon=1e-8, momentum_decay=4e-3):
    def mu(step):
        return beta1 * (1.0 - 0.5 * 0.96 ** (step * momentum_decay))

    _moments(g, s, beta1, beta2)
    s["product"] = s.get("product", 1.0) * mu(t)
    m_bar = (1.0 - mu(t)) * g / (1.0 - s["product"]) + mu(t + 1) * s["m"] / (1.0 - s["product"] * mu(t + 1))
    return p - rate * m_bar / (math.sqrt(s["v"] / (1.0 - beta2**t)) + epsilon)


def _adamw(p, g, s, t, rate, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.01):
    decayed = p - rate * weight_decay * p
    return decayed + (_adam(p, g, s, t, rate, beta1, beta2, epsilon) - p)


def _lion(p, g, s, t, rate, beta1=0.9, beta2=0.99, weight_decay=0.0):
    c = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    s["m"] = beta2 * s.get("m", 0.0) + (1.0 - beta2) * g
    return p - rate * ((c > 0) - (c < 0) + weight_decay * p)


OPTIMIZERS = {
    "sgd": _loop(_sgd),
    "momentum": _loop(_momentum),
    "nesterov": _loop(_nesterov),
    "adagrad": _loop(_adagrad),
    "rmsprop": _loop(_rmsprop),
    "adadelta": _loop(_adadelta),
    "adam": _loop(_adam),
    "amsgrad": _loop(_amsgrad),
    "adamax": _loop(_adamax),
    "nadam": _loop(_nadam),
    "adamw": _loop(_adamw),
    "lion": _loop(_lion),
}


def clip_by_norm(g, max_norm):
    """Clip as in Pascanu et al., algorithm 1, with PyTorch's 1e-6."""
    norm = math.sqrt(sum(value * value for value in g))
    return [value * min(1.0, max_norm / (norm + 1e-6)) for value in g]


# --- schedules: η(t) for step t of T -------------------------------------------------------------------------------


def _warm_up(t, T, rate=1e-3, warmup=0.1):
    return rate * min(1.0, (t + 1) / max(warmup * T, 1.0))


def _one_cycle(t, T, rate=1e-2, up=0.3, div=25.0, final_div=1e4):
    """Return a piecewise cosine through (0, rate / div), (up T - 1, rate) and (T - 1, rate / div / final_div)."""
    peak, first = up * T - 1, rate / div
    if t <= peak:
        return rate + (first - rate) / 2.0 * (1.0 + math.cos(math.pi * t / peak))
    last = first / final_div
    return last + (rate - last) / 2.0 * (1.0 + math.cos(math.pi * (t - peak) / (T - 1 - peak)))


SCHEDULES = {
    "constant": lambda t, T, rate=1e-3: rate,
    "step": lambda t, T, rate=1e-3, factor=0.1, every=None: rate * factor ** (t // (every or math.ceil(T / 3))),
    "exponential": lambda t, T, rate=1e-3, factor=0.01: rate * math.exp(math.log(factor) * t / T),
    "inverse_time": lambda t, T, rate=1e-3, decay=9.0: rate / (1.0 + decay * t / T),
    "cosine": lambda t, T, rate=1e-3, final=0.0: final + 0.5 * (rate - final) * (1.0 + math.cos(math.pi * t / T)),
    "warm_up": _warm_up,
    "one_cycle": _one_cycle,
    "reduce_on_plateau": lambda t, T, rate=1e-3: rate,  # until the first epoch ends
}
