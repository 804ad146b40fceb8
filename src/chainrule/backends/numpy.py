"""The reference backend: NumPy's own functions, and the few that NumPy lacks (strided views,
bfloat16, Philox; the special functions stand in `special`, `incomplete_gamma`, `bessel` and `polynomials`).
"""

from __future__ import annotations

import functools
import types
from typing import Any

import numpy as np

from ..base.dtypes import convert
from . import bessel, incomplete_gamma, indefinite, linalg, polynomials, special
from .protocol import FUNCTIONS

__all__ = ["xp"]


def restrided(
    x: np.ndarray, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0
) -> np.ndarray:
    """A view of x's memory with a shape and strides counted in elements, starting `offset`
    elements after x's first.
    """
    reach = np.lib.stride_tricks.as_strided(x, (offset + 1,), (x.itemsize,))[offset:]
    return np.lib.stride_tricks.as_strided(reach, shape, tuple(s * x.itemsize for s in strides))


def add_at(x: np.ndarray, index: Any, values: np.ndarray) -> None:
    """x[index] += values, where an index that occurs twice adds twice, in the order of the
    index.
    """
    np.add.at(x, index, values)


_BITS = {size: np.dtype(f"i{size}") for size in (1, 2, 4, 8)}
FEW = 2**9  # elements at which the calls cost more than the choosing


def where(condition: Any, a: Any, b: Any) -> np.ndarray:
    """`numpy.where`, which chooses by jumps: a condition that nobody can foresee costs it many times what
    it takes to put the result together from bits, a where all bits of a mask are set, b where none is.
    """
    first = a if isinstance(a, np.ndarray) else b
    if (
        not isinstance(condition, np.ndarray)
        or not isinstance(first, np.ndarray)
        or condition.dtype != bool
        or condition.size < FEW
        or not (_fits(a, first.dtype) and _fits(b, first.dtype))
    ):
        return np.where(condition, a, b)
    bits = _BITS[first.dtype.itemsize]
    mask = np.negative(condition.view(np.int8)).astype(bits)
    a, b = [np.asarray(v, first.dtype).view(bits) for v in (a, b)]
    if not b.ndim and not b:
        return (mask & a).view(first.dtype)
    return (((a ^ b) & mask) ^ b).view(first.dtype)


def _fits(v: Any, dtype: np.dtype) -> bool:
    """Whether a value is of a dtype of numbers already, or a number that takes it on."""
    if isinstance(v, np.ndarray):
        return v.dtype == dtype and dtype.itemsize in _BITS
    return (type(v) is float and dtype.kind == "f") or (type(v) is int and dtype.kind in "if")


# Philox4x32-10: multipliers, Weyl constants of the key schedule. Source: Salmon, Moraes, Dror &
# Shaw 2011, section 3.3, table 2.
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = 0x9E3779B9, 0xBB67AE85
_LOW, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)


def philox(seed: int, offset: int, count: int) -> np.ndarray:
    """`count` random uint32 words: words `offset`, `offset + 1`, … of the stream that the seed
    names.

    Counter based: word k of the stream depends on seed and k alone, so any part can be computed
    anywhere, in any order.
    """
    first, last = offset // 4, (offset + count + 3) // 4
    k0, k1 = seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF
    words = np.empty((last - first, 4), np.uint32)
    for start in range(first, last, 8192):  # blocks that stay in cache
        c = np.arange(start, min(start + 8192, last), dtype=np.uint64)
        x0, x1 = c & _LOW, c >> _32
        x2, x3 = np.zeros_like(c), np.zeros_like(c)
        a, b = k0, k1
        for _ in range(10):
            p0, p1 = x0 * _M0, x2 * _M1
            x0, x1 = (p1 >> _32) ^ x1 ^ np.uint64(a), p1 & _LOW
            x2, x3 = (p0 >> _32) ^ x3 ^ np.uint64(b), p0 & _LOW
            a, b = (a + _W0) & 0xFFFFFFFF, (b + _W1) & 0xFFFFFFFF
        out = words[start - first : start - first + len(c)]
        out[:, 0], out[:, 1], out[:, 2], out[:, 3] = x0, x1, x2, x3
    return words.reshape(-1)[offset - 4 * first :][:count]


_OWN = {
    # NumPy's functions of these names are Python, and end here
    "sum": functools.partial(np.add.reduce, axis=None),
    "amax": functools.partial(np.maximum.reduce, axis=None),
    "amin": functools.partial(np.minimum.reduce, axis=None),
    **{
        name: getattr(chapter, name)
        for chapter in (special, incomplete_gamma, bessel, polynomials, linalg, indefinite)
        for name in chapter.__all__
    },
    "restrided": restrided,
    "add_at": add_at,
    "multiply_at": np.multiply.at,
    "maximum_at": np.maximum.at,
    "minimum_at": np.minimum.at,
    "convert": convert,
    "where": where,
    "philox": philox,
    "as_strided": np.lib.stride_tricks.as_strided,
    "maximum_accumulate": np.maximum.accumulate,
    "minimum_accumulate": np.minimum.accumulate,
    "logaddexp_accumulate": np.logaddexp.accumulate,
}

xp = types.SimpleNamespace(
    **{name: _OWN.get(name) or getattr(np, name) for name in sorted(FUNCTIONS)}
)
