"""Special functions that NumPy lacks, on arrays of float32 and float64.

All but erf are computed in float64, whatever the dtype of x, so that float32 results are right to
the last bits. In float64 the error is some units in the last place, near a zero of the function
relative to 1.

Read in order: the error function and its kin, the gamma function and its kin.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = [
    "digamma", "erf", "erfc", "erfcx", "erfinv", "lgamma", "log_ndtr", "ndtri", "zeta",
]  # fmt: skip


def in_float64(f: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """Decorator: computed in float64 and rounded to the dtype of the first operand."""

    @functools.wraps(f)
    def rounded(x: np.ndarray, *others: Any) -> np.ndarray:
        y = f(*[np.asarray(v, np.float64) for v in (x, *others)])
        return np.asarray(y).astype(x.dtype, copy=False)

    return rounded


# --------------------------------------------------------------------------------------------- the error function

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


def polynomial(coefficients: Sequence[float], x: np.ndarray) -> np.ndarray:
    """A polynomial by Horner's rule, its highest power first."""
    y = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        y *= x
        y += c
    return y


def _ratio(p: Sequence[float], q: Sequence[float], x: np.ndarray) -> np.ndarray:
    return polynomial(p, x) / polynomial(q, x)


ERF_NEAR = (
    # erf(x) / x − 1 in powers of x², |x| ≤ 1, lowest first; error 2⁻²⁹
    0.12837916572690858, -0.37612625825083895, 0.11283585156353336, -0.026853812199618795,
    0.00518832806304418, -0.0008010195838794497, 7.853865267248881e-05,
)  # fmt: skip
ERF_FAR = (
    # −ln(1 − erf(x)) in powers of x − 1, 1 ≤ x ≤ 3.95; error of erf 2⁻²⁹
    1.8496055164787804, 2.6389668159928945, 0.843118336843845, 0.041500681834539865,
    -0.009890875150477003, 0.0018261481457000153, -0.00018556965696225707,
)  # fmt: skip
ERF_IS_ONE = 3.95
BLOCK = 1 << 15
"""Elements that a processor's nearest caches hold with all that is computed of them."""


def erf(x: np.ndarray) -> np.ndarray:
    """The error function, 2/√π ∫₀ˣ exp(−t²) dt, in the dtype of x (float16 through float32)."""
    if x.dtype == np.float64:
        return _erf_of_doubles(x)
    work = np.ascontiguousarray(x, np.float32)
    y = np.empty(work.shape, np.float32)
    whole, into = work.reshape(-1), y.reshape(-1)
    for k in range(0, whole.size, BLOCK):
        into[k : k + BLOCK] = _erf_of_floats(whole[k : k + BLOCK])
    return y.reshape(x.shape).astype(x.dtype, copy=False)


def _erf_of_floats(x: np.ndarray) -> np.ndarray:
    a = np.minimum(np.abs(x), np.float32(ERF_IS_ONE))
    near = polynomial(ERF_NEAR[::-1], a * a)
    near *= a
    near += a
    far = polynomial(ERF_FAR[::-1], a - 1)
    far = 1 - np.exp(np.negative(far, out=far), out=far)
    return np.copysign(np.where(a < 1, near, far), x)


def _erf_of_doubles(x: np.ndarray) -> np.ndarray:
    a = np.abs(x)
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
    return np.copysign(y, x)


def _scaled_tail(a: np.ndarray) -> np.ndarray:
    """erfc(a) · exp(a²) for a ≥ 1.25, from the approximations above; beyond 28 a continued
    fraction, of which six steps are enough there.
    """
    t = np.clip(a, 1.25, 28)
    s = 1 / (t * t)
    near = np.where(t < 1 / 0.35, _ratio(_RA, _SA, s), _ratio(_RB, _SB, s))
    y = np.exp(near - 0.5625) / t
    far = a
    for k in range(6, 0, -1):
        far = a + 0.5 * k / far
    return np.where(a < 28, y, 1 / (far * math.sqrt(math.pi)))


def _square_rest(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x² as a sum of a rounded square and what rounding left, so that exp(x²) is right for large x."""
    high = x.astype(np.float32).astype(np.float64)
    return high * high, (x - high) * (x + high)


@in_float64
def erfc(x: np.ndarray) -> np.ndarray:
    """1 − erf(x), without cancellation for large x."""
    a = np.maximum(x, 1.25)
    square, rest = _square_rest(np.minimum(a, 30.0))
    tail = _scaled_tail(a) * np.exp(-square) * np.exp(-rest)
    return np.where(x >= 1.25, tail, 1 - erf(np.minimum(x, 1.25)))


@in_float64
def erfcx(x: np.ndarray) -> np.ndarray:
    """erfc(x) · exp(x²), which does not underflow."""
    small = np.minimum(x, 1.25)
    square, rest = _square_rest(np.maximum(small, -27.0))
    grows = np.exp(square) * np.exp(rest) * (1 - erf(small))
    grows = np.where(x < -26.7, np.inf, grows)
    y = np.where(x >= 1.25, _scaled_tail(np.maximum(x, 1.25)), grows)
    return np.where(np.isnan(x), x, y)


@in_float64
def log_ndtr(x: np.ndarray) -> np.ndarray:
    """The logarithm of the standard normal distribution function."""
    s = x * math.sqrt(0.5)
    low = np.log(erfcx(-np.minimum(s, -0.7)) / 2) - s * s
    return np.where(x < -1, low, np.log1p(-erfc(np.maximum(s, -0.8)) / 2))


# Wichura's rational approximations of the normal quantile, to 1 part in 10¹⁶.
# Source: Wichura 1988, algorithm AS 241 (PPND16); highest power first.
_A = (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
      1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080)  # fmt: skip
_B = (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
      5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0)  # fmt: skip
_C = (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258,
      3.64784832476320460504, 5.76949722146069140550, 4.63033784615654529590, 1.42343711074968357734)  # fmt: skip
_D = (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
      6.89767334985100004550e-1, 1.67638483018380384940, 2.05319162663775882187, 1.0)  # fmt: skip
_E = (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
      2.96560571828504891230e-1, 1.78482653991729133580, 5.46378491116411436990, 6.65790464350110377720)  # fmt: skip
_F = (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
      1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0)  # fmt: skip


def _quantile(tail: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """The normal quantile of p, given min(p, 1 − p) and p − ½."""
    q = np.clip(centre, -0.425, 0.425)
    r = 0.180625 - q * q
    middle = q * _ratio(_A, _B, r)
    with np.errstate(divide="ignore"):
        r = np.sqrt(-np.log(np.minimum(tail, 0.5)))
    far = np.where(
        r <= 5, _ratio(_C, _D, np.minimum(r, 5) - 1.6), _ratio(_E, _F, np.clip(r, 5, 40) - 5)
    )
    far = np.where(np.isinf(r), np.inf, far)
    return np.where(np.abs(centre) <= 0.425, middle, np.copysign(far, centre))


@in_float64
def ndtri(p: np.ndarray) -> np.ndarray:
    """The argument at which the standard normal distribution function is p; NaN outside of [0, 1]."""
    return np.where((p >= 0) & (p <= 1), _quantile(np.minimum(p, 1 - p), p - 0.5), np.nan)


@in_float64
def erfinv(y: np.ndarray) -> np.ndarray:
    """The argument at which the error function is y; NaN outside of [−1, 1].

    The normal quantile of (1 + y) / 2 over √2, improved by a Newton step, which the rounding of
    1 + y makes necessary near 0.
    """
    a = np.abs(y)
    x = _quantile((1 - a) / 2, y / 2) * math.sqrt(0.5)
    inside = (a < 0.9) & (a > 0)
    t = np.where(inside, x, 0.0)
    step = (erf(t) - np.where(inside, y, 0.0)) * np.exp(t * t) * (math.sqrt(math.pi) / 2)
    return np.where(a <= 1, np.where(y == 0, y, x - step), np.nan)


# --------------------------------------------------------------------------------------------- the gamma function

_EULER = 0.5772156649015329


def _zeta_minus_1(k: int) -> float:
    """ζ(k) − 1 = Σ n⁻ᵏ over n ≥ 2: forty terms, and Euler and Maclaurin's formula for the rest."""
    n = 42.0
    rest = n ** (1 - k) / (k - 1) + n**-k / 2 + k * n ** (-k - 1) / 12
    rest -= math.prod(range(k, k + 3)) * n ** (-k - 3) / 720
    rest += math.prod(range(k, k + 5)) * n ** (-k - 5) / 30240
    return math.fsum([*[float(m) ** -k for m in range(2, 42)], rest])


# ln Γ(2 + z) = (1 − γ) z + Σ (ζ(k) − 1) (−z)ᵏ / k over k ≥ 2, for |z| ≤ ½.
# Source: Abramowitz & Stegun 1964, 6.1.33
LGAMMA_2 = (*[_zeta_minus_1(k) * (-1) ** k / k for k in range(28, 1, -1)], 1 - _EULER, 0.0)

# B₂ₖ / (2k (2k − 1)), of Stirling's series. Source: Abramowitz & Stegun 1964, 6.1.40
STIRLING = (-3617 / 122400, 1 / 156, -691 / 360360, 1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12)  # fmt: skip


def _lgamma_positive(x: np.ndarray) -> np.ndarray:
    """ln Γ for x > 0."""
    t = np.clip(x, 0.0, 10.0)
    tiny, low = t < 0.5, t < 1.5
    factor = np.ones_like(t)
    rest = np.where(low, 2.0, t)
    for _ in range(8):  # Γ(x) = (x − 1) Γ(x − 1)
        high = rest > 2.5
        rest = np.where(high, rest - 1, rest)
        factor = np.where(high, factor * rest, factor)
    # what is to be added to 2 is exact: near 1 and 2, where ln Γ is 0, no digit is lost
    z = np.where(tiny, t, np.where(low, t - 1, rest - 2))
    below = np.where(low, np.log(np.where(low, t, 1.0)), 0.0)  # Γ(x) = Γ(x + 1) / x
    below += np.where(tiny, np.log1p(np.where(tiny, t, 0.0)), 0.0)
    near = polynomial(LGAMMA_2, z) + np.log(factor) - below
    far = np.maximum(x, 10.0)
    with np.errstate(invalid="ignore"):
        series = polynomial(STIRLING, 1 / (far * far)) / far
        stirling = (far - 0.5) * np.log(far) - far + (math.log(2 * math.pi) / 2 + series)
    stirling = np.where(np.isinf(x), np.inf, stirling)
    return np.where(x <= 10, near, stirling)


def _sine_of_pi(x: np.ndarray) -> np.ndarray:
    """|sin πx|, exactly 0 at integers."""
    rest = np.abs(x - np.rint(x))
    return np.sin(math.pi * rest)


@in_float64
def lgamma(x: np.ndarray) -> np.ndarray:
    """ln |Γ(x)|; +∞ at 0 and the negative integers, and at both infinities."""
    negative = x < 0
    with np.errstate(divide="ignore"):
        y = _lgamma_positive(np.where(negative, 1 - x, x))
        finite = np.where(negative & np.isfinite(x), x, 0.5)
        reflected = math.log(math.pi) - np.log(_sine_of_pi(finite)) - y
    y = np.where(negative, reflected, y)
    return np.where(np.isnan(x), x, np.where(np.isinf(x), np.inf, y))


# B₂ₖ / 2k. Source: Abramowitz & Stegun 1964, 6.3.18
DIGAMMA = (-3617 / 8160, 1 / 12, -691 / 32760, 1 / 132, -1 / 240, 1 / 252, -1 / 120, 1 / 12)


@in_float64
def digamma(x: np.ndarray) -> np.ndarray:
    """The derivative of ln Γ; NaN at the negative integers, ∓∞ at ±0."""
    negative = x < 0
    t = np.where(negative, 1 - x, x)
    t = np.where(t == 0, 1.0, t)
    shift = np.zeros_like(t)
    for _ in range(10):  # ψ(x) = ψ(x + 1) − 1 / x
        low = t < 10
        shift = np.where(low, shift + 1 / t, shift)
        t = np.where(low, t + 1, t)
    inverse = 1 / (t * t)
    y = np.log(t) - 0.5 / t - polynomial(DIGAMMA, inverse) * inverse - shift
    rest = np.where(negative, x - np.rint(x), 0.25)
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.where(negative, y - math.pi / np.tan(math.pi * rest), y)
    y = np.where(negative & (rest == 0), np.nan, y)
    y = np.where(np.isinf(x), np.where(x > 0, np.inf, np.nan), y)
    return np.where(x == 0, np.copysign(np.inf, -x), y)


# B₂ₖ / (2k)!. Source: Abramowitz & Stegun 1964, 23.2
_BERNOULLI = (
    1 / 12,
    -1 / 720,
    1 / 30240,
    -1 / 1209600,
    1 / 47900160,
    -691 / 1307674368000,
    1 / 74724249600,
)


def _zeta_positive(s: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Hurwitz' zeta function for s > 1 and q > 0, by Euler and Maclaurin's formula."""
    total = np.zeros(np.broadcast_shapes(s.shape, q.shape))
    t = q + np.zeros_like(total)
    for _ in range(12):
        total += t**-s
        t = t + 1
    power = t**-s
    total += power * t / (s - 1) + power / 2
    term = s * power / t
    for k, b in enumerate(_BERNOULLI):
        total += b * term
        term = term * (s + 2 * k + 1) * (s + 2 * k + 2) / (t * t)
    return total


@in_float64
def zeta(s: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Hurwitz' zeta function,  Σ (k + q)⁻ˢ over k ≥ 0. +∞ at s = 1 and at q = 0, −1, …; NaN for s < 1
    and, where s is no integer, for q < 0.

    The terms with k + q < 0 are two sums of positive ones.
    """
    s, q = np.broadcast_arrays(s, q)
    whole = np.ceil(np.maximum(-q, 0.0))  # how many terms are negative
    usable = (s > 1) & np.isfinite(q) & (q != np.rint(q)) | (q > 0) & (s > 1) & np.isfinite(q)
    p, safe = np.where(usable, q + whole, 1.0), np.where(s > 1, s, 2.0)
    y = _zeta_positive(safe, p)
    below = usable & (whole > 0)
    if below.any():
        r = np.where(below, -q - (whole - 1), 1.0)  # 1 − p, where p has lost a tiny q
        sign = np.where(np.remainder(safe, 2) == 1, -1.0, 1.0)
        part = sign * (
            _zeta_positive(safe, r) - _zeta_positive(safe, r + np.where(below, whole, 1.0))
        )
        y = np.where(below, y + part, y)
    y = np.where((q <= 0) & (q == np.rint(q)), np.inf, y)
    y = np.where((q < 0) & (q != np.rint(q)) & (s != np.rint(s)), np.nan, y)
    y = np.where(np.isposinf(s), np.where(q < 1, np.inf, np.where(q == 1, 1.0, 0.0)), y)
    y = np.where((s < 1) | np.isnan(s) & (q > 0) | np.isnan(q) | np.isposinf(q), np.nan, y)
    return np.where(s == 1, np.inf, y)
