"""The convolutional layer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..activations import Activation
from ..checks import check_count
from ..errors import NeurosimError
from ..initializers import Initializer
from ..parameters import Array, FlatParameters, Shape, aligned_zeros
from ..regularizers import Regularizer
from .base import LAYERS, Layer
from .weighted import WeightedLayer
from .windows import Windows

PADDINGS = ("valid", "same")
MOST_NUMBERS = 1 << 22  # in the patches that are processed at once: 16 MiB of float32


@LAYERS.register("conv2d")
class Conv2D(WeightedLayer):
    """A layer whose filters are applied to every patch of the image below: z = patches W + b, a = f(z).

        z[r, c, f] = Σ_i Σ_j Σ_ch x[s r + i, s c + j, ch] W[i, j, ch, f] + b[f]    with s the stride

    As usual in deep learning this is a cross-correlation: the kernel is not flipped.  The patches are written out as
    rows, so one matrix product computes all places and filters.  A neuron of this layer is a filter: its z, a and delta
    are (B, H', W').

    Args:
        filters: the number of filters.
        kernel_size: k, the pixels along a side of a patch.
        activation: by name or as an instance.
        stride: pixels from one patch to the next.
        padding: "valid": patches lie within the image; "same": zeros around it, so that H' = ⌈H / stride⌉.
        initializer: of W as a matrix (k k C, filters), so the fan-in is that of one kernel; ``None``: the one that
            suits the activation. Biases start at zero.
        use_bias: whether the layer has biases b.
        regularizer: a penalty on W; ``None``: the network's.
        max_norm: the largest Euclidean norm of one filter's weights; ``None``: the network's.

    Attributes:
        W: (k, k, C, filters) weights; ``W[..., f]`` belongs to filter f. Live; assigning copies.
        b: (filters,) biases. Live.
        dW, db: their gradients of the mean batch loss: sums over all places. Live.
        windows: the places of the patches.

    Images are channels last, as in Keras: (B, H, W, C) comes in, (B, H', W', filters) goes out; (B, H, W) is one
    channel. The buffers hold them as rows (B, H' W' filters).

    Raises:
        ShapeError: the input is not images, or no patch fits into them.

    Reference: LeCun et al. (1998), Gradient-based learning applied to document recognition, section II.A; Chellapilla,
    Puri and Simard (2006), High performance convolutional neural networks for document processing (the product).
    """

    windows: Windows

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        activation: str | Activation | dict[str, Any] = "linear",
        stride: int = 1,
        padding: str = "valid",
        initializer: str | Initializer | dict[str, Any] | None = None,
        use_bias: bool = True,
        regularizer: str | Regularizer | dict[str, Any] | None = None,
        max_norm: float | None = None,
    ) -> None:
        self.filters = check_count("filters", filters)
        self.kernel_size = check_count("kernel_size", kernel_size)
        self.stride = check_count("stride", stride)
        if padding not in PADDINGS:
            raise NeurosimError(f"padding: expected 'valid' or 'same', received {padding!r}")
        self.padding = padding
        super().__init__(activation, initializer, use_bias, regularizer, max_norm)

    def output_shape(self, in_shape: Shape) -> Shape:
        windows = Windows(self, in_shape, self.kernel_size, self.stride, self.padding)
        return (*windows.places, self.filters)

    def take_shape(self, below: Layer | None) -> None:
        super().take_shape(below)
        self.windows = Windows(self, self.in_shape, self.kernel_size, self.stride, self.padding)

    def weight_shape(self) -> Shape:
        return (self.kernel_size, self.kernel_size, self.windows.shape[2], self.filters)

    def attach(self, parameters: FlatParameters) -> None:
        super().attach(parameters)
        self._W_matrix = self._W.reshape(-1, self.filters)  # (k k C, filters), live views
        self._dW_matrix = self._dW.reshape(-1, self.filters)

    # -- workspaces ------------------------------------------------------------------------------------------------

    def reserve(self, capacity: int) -> None:
        per_sample = self.places * math.prod(self.weight_shape()[:-1])
        self._at_once = max(1, min(capacity, MOST_NUMBERS // per_sample))  # samples
        # with a single channel, a row of a patch is a run of k numbers, which is too short for a fast copy
        by_columns = self.windows.shape[2] == 1
        try:
            self._forth = _Patches(self.windows, min(capacity, self._at_once), self.dtype, by_columns)
        except (MemoryError, ValueError):
            raise NeurosimError(f"{self!r}: its patches do not fit into memory: expected a smaller kernel") from None
        self._back: _Patches | None = None  # the same for the gradient; made when it is first needed
        self._full_ones = np.ones(capacity * self.places, self.dtype)
        self._part_of_dW: Array | None = None
        self._b_row = np.empty((self.windows.places[1], self.filters), self.dtype)
        super().reserve(capacity)

    def _parts(self, count: int) -> Iterator[tuple[slice, slice]]:
        """Yield `count` samples in parts: their rows in a buffer (B, n), and in one with a row per place."""
        for start in range(0, count, self._at_once):
            stop = min(start + self._at_once, count)
            yield slice(start, stop), slice(start * self.places, stop * self.places)

    # -- the two passes --------------------------------------------------------------------------------------------

    def forward_(self, training: bool) -> None:
        x, z = self.x, self._z
        for samples, rows in self._parts(len(x)):
            np.dot(self._forth.gather(x[samples]), self._W_matrix, z[rows])  # (B H' W', filters) z = patches W
        if self._b is not None:  # one row of places at a time: a loop over a few filters would cost more
            np.copyto(self._b_row, self._b)
            by_row = z.reshape(-1, self._b_row.size)
            np.add(by_row, self._b_row.reshape(-1), by_row)  # z = patches W + b
        self.activate_()

    def parameter_gradients_(self) -> None:
        x, delta, dW = self.x, self._delta, self._dW_matrix
        if len(x) <= self._at_once:  # the patches are still there
            np.dot(self._forth.patches(len(x)).T, delta, dW)  # (k k C, filters) dW = patchesᵀ delta
        else:
            if self._part_of_dW is None:
                self._part_of_dW = np.empty_like(dW)
            dW.fill(0.0)
            for samples, rows in self._parts(len(x)):
                np.dot(self._forth.gather(x[samples]).T, delta[rows], self._part_of_dW)
                dW += self._part_of_dW
        if self._db is not None:
            self._full_ones[: len(delta)].dot(delta, self._db)  # (filters,) db = the sum over samples and places

    def input_gradient_(self, delta: Array, dx: Array) -> None:
        if self._back is None or self._back.dtype != delta.dtype:
            self._back = _Patches(self.windows, max(1, self._at_once), delta.dtype)
        by_place = self.by_neuron(delta)
        for samples, rows in self._parts(len(delta)):
            part = dx[samples]
            # (B H' W', k k C) dL/dpatches = delta Wᵀ; each pixel sums over the patches that contain it
            np.dot(by_place[rows], self._W_matrix.T, self._back.patches(len(part)))
            self._back.scatter(part)

    # -- neurons ---------------------------------------------------------------------------------------------------

    def sources(self, j: int) -> Array:
        place = j // self.filters
        return self.windows.sources(*divmod(place, self.out_shape[1]))

    def outgoing(self, j: int) -> tuple[Array, Array]:
        _, width, channels = self.windows.shape
        pixel, channel = divmod(j, channels)
        places, own = self.windows.that_see(*divmod(pixel, width))
        fed = places[:, None] * self.filters + np.arange(self.filters)
        slopes = self._W_matrix.reshape(-1, channels, self.filters)[own, channel]  # (places, filters)
        return fed.ravel(), slopes.ravel()

    @property
    def weight_image_shape(self) -> tuple[int, int] | None:
        return (self.kernel_size, self.kernel_size) if self.in_shape and self.windows.shape[2] == 1 else None

    @property
    def detail(self) -> str:
        more = f" stride {self.stride}" if self.stride > 1 else ""
        more += f" {self.padding}" if self.padding != "valid" else ""
        return f"{self.filters}x{self.kernel_size}{more} {super().detail}"

    def __repr__(self) -> str:
        more = f", stride={self.stride}" if self.stride > 1 else ""
        more += f", padding={self.padding!r}" if self.padding != "valid" else ""
        wiring = f" <- {' x '.join(map(str, self.in_shape))}" if self.index >= 0 else ""
        return f"Conv2D({self.filters}, {self.kernel_size}, {self.activation.key!r}{more}){wiring}"


class _Patches:
    """The patches of a few images, one per row, in a workspace that is reused.

    Args:
        windows: the places of the patches.
        capacity: the number of images.
        dtype: the dtype of the numbers.
        by_columns: whether the memory layout is by columns instead of rows. Runs of W' numbers are then copied.
    """

    def __init__(self, windows: Windows, capacity: int, dtype: np.dtype[Any], by_columns: bool = False) -> None:
        self.windows, self.dtype = windows, dtype
        self.length = windows.size**2 * windows.shape[2]  # k k C
        self._per_sample = math.prod(windows.places) * self.length
        self._flat = aligned_zeros(capacity * self._per_sample, dtype)
        self._padded = aligned_zeros((capacity, *windows.padded), dtype)
        self._inside = windows.inside(self._padded)
        self._over = windows.over(self._padded)
        self._by_columns = by_columns

    def patches(self, count: int) -> Array:
        """Return the patches of the first images in the workspace, (count H' W', k k C). Live."""
        flat = self._flat[: count * self._per_sample]
        return flat.reshape(self.length, -1).T if self._by_columns else flat.reshape(-1, self.length)

    def gather(self, x: Array) -> Array:
        """Return the patches of images x (B, H W C), (B H' W', k k C). Live."""
        np.copyto(self._inside[: len(x)], x.reshape(len(x), *self.windows.shape))
        over, patches = self._over[: len(x)], self.patches(len(x))
        if self._by_columns:
            turned = over.transpose(3, 4, 5, 0, 1, 2)
            np.copyto(patches.T.reshape(turned.shape), turned)
        else:
            np.copyto(patches.reshape(over.shape), over)
        return patches

    def scatter(self, dx: Array) -> None:
        """Write into dx (B, H W C) the sum, for each pixel, over the patches that contain it. Not by columns."""
        over = self._over[: len(dx)]
        patches = self.patches(len(dx)).reshape(over.shape)
        self._padded[: len(dx)].fill(0.0)
        apart = -(-self.windows.size // self.windows.stride)  # patches this many columns apart share no pixel
        for column in range(min(apart, self.windows.places[1])):
            for row in range(self.windows.size):  # patches below each other have this row in different places
                pixels = over[:, :, column::apart, row]  # (B, H', …, k, C)
                pixels += patches[:, :, column::apart, row]
        np.copyto(dx.reshape(len(dx), *self.windows.shape), self._inside[: len(dx)])
