"""The arithmetic under every network: dot product, norm, matrix product, written out.

A network does little else than multiply matrices, and a matrix product is little else than dot
products. Each function here is the definition as a loop; NumPy's `@` computes the same numbers.

The picture to keep in mind: a·b = |a| |b| cos φ. The dot product is large when two vectors point the
same way, 0 when they are at right angles, negative when they point apart. A neuron's weighted sum
w·x therefore asks how much of its own direction w there is in x; a matrix asks it of all its rows.

The lesson at the end is the one that makes NumPy, and every framework, fast: a loop over neurons
over examples, one line of products over all of them, the same numbers.
"""

from __future__ import annotations

import math

import numpy as np

__all__ = [
    "angle",
    "dense_batched",
    "dense_loops",
    "dot",
    "matmul",
    "matvec",
    "norm",
    "outer",
    "project",
    "transpose",
]


def numbers(x: np.ndarray, name: str) -> np.ndarray:
    """The argument as a float64 array."""
    try:
        return np.asarray(x, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must hold real numbers, in rows of one length, and is {x!r}"
        ) from None


def vector(x: np.ndarray, name: str) -> np.ndarray:
    """The argument as a float64 array of one axis."""
    x = numbers(x, name)
    if x.ndim != 1:
        raise ValueError(f"{name} must be a vector (one axis), and has shape {x.shape}")
    return x


def matrix(x: np.ndarray, name: str) -> np.ndarray:
    """The argument as a float64 array of two axes, rows first."""
    x = numbers(x, name)
    if x.ndim != 2:
        raise ValueError(f"{name} must be a matrix (two axes), and has shape {x.shape}")
    return x


def dot(a: np.ndarray, b: np.ndarray) -> float:
    """a·b = Σᵢ aᵢ bᵢ.

    >>> dot([1, 2, 3], [4, -5, 6])          # 4 − 10 + 18
    12.0
    """
    a, b = vector(a, "a"), vector(b, "b")
    if len(a) != len(b):
        raise ValueError(f"dot(a, b): a and b must be equally long, and are {len(a)} and {len(b)}")
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return float(total)


def norm(a: np.ndarray) -> float:
    """|a| = √(a·a), the length of the arrow (Pythagoras).

    >>> norm([3, 4])
    5.0
    """
    return math.sqrt(dot(a, a))


def angle(a: np.ndarray, b: np.ndarray) -> float:
    """φ with cos φ = a·b / (|a| |b|), in radians from 0 to π.

    >>> round(math.degrees(angle([1, 0], [1, 1])), 6)
    45.0
    """
    lengths = norm(a) * norm(b)
    if lengths == 0:
        raise ValueError("angle(a, b): a and b must not be 0, a point has no direction")
    return math.acos(max(-1.0, min(1.0, dot(a, b) / lengths)))  # rounding may leave [−1, 1]


def project(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The shadow of a on the line through b,  (a·b / b·b) b; what is left is at right angles to b.

    >>> project([2, 3], [1, 0]).tolist()
    [2.0, 0.0]
    """
    square = dot(b, b)
    if square == 0:
        raise ValueError("project(a, b): b must not be 0, a point has no direction")
    return dot(a, b) / square * vector(b, "b")


def outer(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Every product of an entry of a and an entry of b,  Cᵢⱼ = aᵢ bⱼ, shape (len(a), len(b)).

    The gradient of a layer's weights for one example is one of these: how wrong each output was, times
    how large each input was.
    """
    a, b = vector(a, "a"), vector(b, "b")
    product = np.empty((len(a), len(b)))
    for i in range(len(a)):
        for j in range(len(b)):
            product[i, j] = a[i] * b[j]
    return product


def transpose(a: np.ndarray) -> np.ndarray:
    """Rows become columns,  Bⱼᵢ = Aᵢⱼ."""
    a = matrix(a, "a")
    turned = np.empty((a.shape[1], a.shape[0]))
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            turned[j, i] = a[i, j]
    return turned


def matvec(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A x: the dot product of each row of A with x. Also: the columns of A, x₁ of the first plus x₂ of
    the second and so on.

    >>> matvec([[0, -1], [1, 0]], [2, 1]).tolist()          # a quarter turn to the left
    [-1.0, 2.0]
    """
    a, x = matrix(a, "a"), vector(x, "x")
    if a.shape[1] != len(x):
        raise ValueError(
            f"matvec(a, x): x must have as many entries as a has columns, {a.shape[1]}, and has {len(x)}"
        )
    return np.array([dot(row, x) for row in a])


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """A B, first B then A as maps:  Cᵢⱼ = Σₖ Aᵢₖ Bₖⱼ, row i of A with column j of B.

    Args: a (m, k), b (k, n). Returns (m, n).

    >>> matmul([[1, 2], [3, 4]], [[0, 1], [1, 0]]).tolist()
    [[2.0, 1.0], [4.0, 3.0]]
    """
    a, b = matrix(a, "a"), matrix(b, "b")
    if a.shape[1] != b.shape[0]:
        raise ValueError(
            f"matmul(a, b): a must have as many columns as b has rows: a is {a.shape}, b is {b.shape}"
        )
    (m, k), n = a.shape, b.shape[1]
    product = np.zeros((m, n))
    for i in range(m):
        for j in range(n):
            for p in range(k):
                product[i, j] += a[i, p] * b[p, j]
    return product


# -------------------------------------------------------------------------------------- the lesson: loop = batch


def dense_loops(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """A layer of neurons as it is first explained: for each example, for each neuron, a weighted sum.

    Args: x (examples, inputs), weight (neurons, inputs), bias (neurons). Returns (examples, neurons).
    """
    x, weight, bias = _dense(x, weight, bias)
    y = np.empty((len(x), len(weight)))
    for n in range(len(x)):
        for k in range(len(weight)):
            y[n, k] = bias[k]
            for i in range(x.shape[1]):
                y[n, k] += weight[k, i] * x[n, i]
    return y


def dense_batched(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """The same numbers in one line: every loop has moved into the product."""
    x, weight, bias = _dense(x, weight, bias)
    return x @ weight.T + bias


def _dense(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, ...]:
    x, weight, bias = matrix(x, "x"), matrix(weight, "weight"), vector(bias, "bias")
    if x.shape[1] != weight.shape[1] or len(bias) != len(weight):
        raise ValueError(
            "a layer expects x (examples, inputs), weight (neurons, inputs), bias (neurons), and got "
            f"{x.shape}, {weight.shape}, {bias.shape}"
        )
    return x, weight, bias
