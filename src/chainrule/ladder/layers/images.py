"""Layers that know where things are: convolution, twice, and max pooling.

A Dense layer on an image of 28 × 28 has a weight for every pixel, and has to learn anew in each corner what
an edge is. A convolution slides one small set of weights over the image: few weights, and what is learned in
one place holds in all. (What networks call a convolution does not flip the kernel; mathematics calls it a
cross-correlation.)
"""

from __future__ import annotations

import numpy as np

from .dense import Layer, sizes

__all__ = ["Conv2D", "MaxPool2D"]


def windows(x: np.ndarray, size: int, stride: int) -> np.ndarray:
    """Every size × size window of x (N, C, H, W), as (N, C, rows, columns, size, size), without copying."""
    return np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(2, 3))[
        :, :, ::stride, ::stride
    ]


class Conv2D(Layer):
    """Y[n, o, i, j] = b[o] + Σ_{c, p, q} W[o, c, p, q] · X[n, c, s·i + p, s·j + q], X padded with zeros.

    X (N, C, H, W), W (O, C, k, k), Y (N, O, H', W') with H' = (H + 2·padding − k) // s + 1.

    `method="loops"` is this formula, and its derivatives by the same reasoning as Dense: a weight gets
    g · x from every place where it met an x, an x gets g · w from every window it lay in.

    `method="im2col"` writes every window out as a row. Then the convolution *is* a Dense layer on rows
    (N·H'·W', C·k·k), with Dense's derivatives, and one matrix product does the work. A test shows the two equal.

    >>> Conv2D(1, 4, 3, padding=1).forward(np.ones((2, 1, 8, 8))).shape
    (2, 4, 8, 8)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        method: str = "im2col",
        seed: int = 0,
        dtype: type = np.float64,
    ):
        super().__init__()
        if method not in ("im2col", "loops"):
            raise ValueError(f"Conv2D: method must be 'im2col' or 'loops', and is {method!r}")
        if not sizes(in_channels, out_channels):
            raise ValueError(
                f"Conv2D: channels must be whole numbers from 1 up, and are {in_channels} and {out_channels}"
            )
        if not sizes(size, stride, padding + 1):
            raise ValueError(
                "Conv2D: size and stride must be whole numbers from 1 up and padding from 0 up, and are "
                f"{size}, {stride}, {padding}"
            )
        self.size, self.stride, self.padding, self.method = size, stride, padding, method
        rng = np.random.default_rng(seed)
        scale = np.sqrt(2 / (in_channels * size * size))  # He: each output sums this many terms
        weight: np.ndarray = rng.normal(0, scale, (out_channels, in_channels, size, size)).astype(
            dtype
        )
        self.parameters = {"weight": weight, "bias": np.zeros(out_channels, dtype)}

    def forward(self, x: np.ndarray) -> np.ndarray:
        """The convolution of x."""
        x, channels = self.read(x), self.parameters["weight"].shape[1]
        if x.ndim != 4 or x.shape[1] != channels:
            raise ValueError(f"Conv2D expects x of shape (N, {channels}, H, W), and got {x.shape}")
        p = self.padding
        padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        if min(padded.shape[2:]) < self.size:
            raise ValueError(
                f"Conv2D: the padded image must be at least {self.size} × {self.size}, and is "
                f"{padded.shape[2]} × {padded.shape[3]}"
            )
        y = (self._forward_loops if self.method == "loops" else self._forward_rows)(padded)
        self.shape = y.shape
        return y

    def backward(self, g: np.ndarray) -> np.ndarray:
        """The slope toward every pixel."""
        self.saved()
        g, by_loops = self.arrived(g, self.shape), self.method == "loops"
        padded = self._backward_loops(g) if by_loops else self._backward_rows(g)
        p = self.padding
        return padded[:, :, p : padded.shape[2] - p, p : padded.shape[3] - p]

    # The formula itself.

    def _forward_loops(self, x: np.ndarray) -> np.ndarray:
        weight, bias, s, k = *self.parameters.values(), self.stride, self.size
        rows, columns = (x.shape[2] - k) // s + 1, (x.shape[3] - k) // s + 1
        y = np.empty((len(x), len(weight), rows, columns), x.dtype)
        for n, o, i, j in np.ndindex(y.shape):
            window = x[n, :, s * i : s * i + k, s * j : s * j + k]  # (C, k, k)
            y[n, o, i, j] = (weight[o] * window).sum() + bias[o]
        self.kept = x
        return y

    def _backward_loops(self, g: np.ndarray) -> np.ndarray:
        x, weight, s, k = self.saved(), self.parameters["weight"], self.stride, self.size
        by_x, by_weight, by_bias = np.zeros_like(x), np.zeros_like(weight), np.zeros(len(weight))
        for n, o, i, j in np.ndindex(g.shape):
            here = np.s_[n, :, s * i : s * i + k, s * j : s * j + k]
            by_weight[o] += g[n, o, i, j] * x[here]
            by_x[here] += g[n, o, i, j] * weight[o]
            by_bias[o] += g[n, o, i, j]
        self.gradients = {"weight": by_weight, "bias": by_bias.astype(weight.dtype)}
        return by_x

    # The same as a Dense layer on windows written out as rows.

    def _forward_rows(self, x: np.ndarray) -> np.ndarray:
        weight, bias = self.parameters.values()
        found = windows(x, self.size, self.stride)  # (N, C, H', W', k, k)
        N, C, rows, columns, k, _ = found.shape
        flat = found.transpose(0, 2, 3, 1, 4, 5).reshape(-1, C * k * k)  # (N·H'·W', C·k·k)
        y = flat @ weight.reshape(len(weight), -1).T + bias  # (N·H'·W', O)
        self.kept = flat, x.shape
        return y.reshape(N, rows, columns, -1).transpose(0, 3, 1, 2)

    def _backward_rows(self, g: np.ndarray) -> np.ndarray:
        (flat, shape), weight, s, k = (
            self.saved(),
            self.parameters["weight"],
            self.stride,
            self.size,
        )
        N, outputs, rows, columns = g.shape
        g = g.transpose(0, 2, 3, 1).reshape(-1, outputs)  # (N·H'·W', O)
        self.gradients = {"weight": (g.T @ flat).reshape(weight.shape), "bias": g.sum(axis=0)}
        by_rows = (g @ weight.reshape(outputs, -1)).reshape(N, rows, columns, -1, k, k)
        # A pixel lies in up to k × k windows: for each place in the window, add that place of all windows at once.
        by_x = np.zeros(shape, g.dtype)
        for p in range(k):
            for q in range(k):
                part = by_rows[..., p, q].transpose(0, 3, 1, 2)  # (N, C, H', W')
                by_x[:, :, p : p + s * rows : s, q : q + s * columns : s] += part
        return by_x


class MaxPool2D(Layer):
    """The largest of each size × size window, side by side: where exactly a feature was is forgotten.

    Backward, all of g goes to the entry that was largest (to the first, if several were), nothing to the
    others: moving them a little would not change the result.
    """

    def __init__(self, size: int):
        super().__init__()
        if not sizes(size):
            raise ValueError(f"MaxPool2D: size must be a whole number from 1 up, and is {size}")
        self.size = size

    def forward(self, x: np.ndarray) -> np.ndarray:
        """The maxima; what is left over at the right and lower edge is not seen."""
        x = self.read(x)
        if x.ndim != 4 or min(x.shape[2:]) < self.size:
            raise ValueError(
                f"MaxPool2D expects x of shape (N, C, H, W) with H and W at least {self.size}, and got {x.shape}"
            )
        found = windows(x, self.size, self.size)
        flat = found.reshape(*found.shape[:4], -1)  # (N, C, H', W', size²)
        largest = flat.argmax(axis=-1)
        self.kept = largest, x.shape
        return np.take_along_axis(flat, largest[..., None], axis=-1)[..., 0]

    def backward(self, g: np.ndarray) -> np.ndarray:
        """g where the largest were."""
        (largest, shape), k = self.saved(), self.size
        g = self.arrived(g, largest.shape)
        rows, columns = g.shape[2:]
        by_x = np.zeros(shape, g.dtype)
        for place in range(k * k):
            p, q = divmod(place, k)
            by_x[:, :, p : k * rows : k, q : k * columns : k] = g * (largest == place)
        return by_x
