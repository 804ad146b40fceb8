"""The reference backend: NumPy's own functions, and the few that NumPy lacks (erf, strided
views, bfloat16, Philox).
"""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from ..base.dtypes import convert
from .protocol import FUNCTIONS

__all__ = ["xp"]

# fdlibm's rational approximations of erf on |x| < 0.84375, < 1.25, < 1/0.35, < 6; error below 1 ulp
# in float64.
# Source: FreeBSD msun, s_erf.c (Sun Microsystems, 1993); highest power first.
_PP = (-2.37630166566501626084e-05, -5.77027029648944159157e-03, -2.84817495755985104766e-02, -3.25042107247001499370e-01,
       1.28379167095512558561e-01)  # fmt: skip
_QQ = (-3.96022827877536812320e-06, 1.32494738004321644526e-04, 5.08130628187576562776e-03, 6.50222499887672944485e-02,
       3.97917223959155352819e-01, 1.0)  # fmt: skip
_PA = (-2.16637559486879084300e-03, 3.54783043256182359371e-02, -1.10894694282396677476e-01, 3.18346619901161753674e-01,
       -3.72207876035701323847e-01, 4.14856118683748331666e-01, -2.36211856075265944077e-03)  # fmt: skip
_QA = (1.19844998467991074170e-02, 1.36370839120290507362e-02, 1.26171219808761642112e-01, 7.18286544141962662868e-02,
       5.40397917702171048937e-01, 1.06420880400844228286e-01, 1.0)  # fmt: skip
_RA = (-9.81432934416914548592e00, -8.12874355063065934246e01, -1.84605092906711035994e02, -1.62396669462573470355e02,
       -6.23753324503260060396e01, -1.05586262253232909814e01, -6.93858572707181764372e-01,
       -9.86494403484714822705e-03)  # fmt: skip
_SA = (-6.04244152148580987438e-02, 6.57024977031928170135e00, 1.08635005541779435134e02, 4.29008140027567833386e02,
       6.45387271733267880336e02, 4.34565877475229228821e02, 1.37657754143519042600e02, 1.96512716674392571292e01,
       1.0)  # fmt: skip
_RB = (-4.83519191608651397019e02, -1.02509513161107724954e03, -6.37566443368389627722e02, -1.60636384855821916062e02,
       -1.77579549177547519889e01, -7.99283237680523006574e-01, -9.86494292470009928597e-03)  # fmt: skip
_SB = (-2.24409524465858183362e01, 4.74528541206955367215e02, 2.55305040643316442583e03, 3.19985821950859553908e03,
       1.53672958608443695994e03, 3.25792512996573918826e02, 3.03380607434824582924e01, 1.0)  # fmt: skip
_ERX = 8.45062911510467529297e-01


def _ratio(p: tuple[float, ...], q: tuple[float, ...], x: np.ndarray) -> np.ndarray:
    top, bottom = np.full_like(x, p[0]), np.full_like(x, q[0])
    for c in p[1:]:
        top *= x
        top += c
    for c in q[1:]:
        bottom *= x
        bottom += c
    top /= bottom
    return top


def erf(x: np.ndarray) -> np.ndarray:
    """The error function, 2/√π ∫₀ˣ exp(−t²) dt, in the dtype of x (float16 through float32)."""
    dtype = x.dtype
    work = np.asarray(x, dtype=np.float64 if dtype == np.float64 else np.float32)
    a = np.abs(work)
    y = np.where(np.isnan(a), a, np.ones_like(a))  # |x| ≥ 6 is 1 to the last bit
    m = a < 0.84375
    t = a[m]
    y[m] = t + t * _ratio(_PP, _QQ, t * t)
    m = (a >= 0.84375) & (a < 1.25)
    if m.any():
        y[m] = _ERX + _ratio(_PA, _QA, a[m] - 1)
    for m, p, q in ((a >= 1.25) & (a < 1 / 0.35), _RA, _SA), ((a >= 1 / 0.35) & (a < 6), _RB, _SB):
        if m.any():
            t = a[m]
            y[m] = 1 - np.exp(-t * t - 0.5625 + _ratio(p, q, 1 / (t * t))) / t
    return np.copysign(y, work).astype(dtype, copy=False)


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
    "erf": erf,
    "restrided": restrided,
    "add_at": add_at,
    "multiply_at": np.multiply.at,
    "maximum_at": np.maximum.at,
    "minimum_at": np.minimum.at,
    "convert": convert,
    "philox": philox,
    "as_strided": np.lib.stride_tricks.as_strided,
    "add_reduceat": np.add.reduceat,
}

xp = types.SimpleNamespace(
    **{name: _OWN.get(name) or getattr(np, name) for name in sorted(FUNCTIONS)}
)
