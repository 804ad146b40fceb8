"""Special functions on wide grids: beside the samples of the battery, the far ends, where other formulas hold, and where one gives way
to the next.
"""

import math
from functools import reduce

import numpy as np
import pytest

from chainrule import ops
from chainrule.base.errors import ArgumentError, RangeError

WIDE = np.concatenate([
    np.linspace(-30, 30, 1201), np.linspace(-3, 3, 601), np.logspace(-300, 300, 121), -np.logspace(-30, 1.2, 61),
])  # fmt: skip
BETWEEN = np.concatenate([np.linspace(0, 1, 1001), np.logspace(-300, -1, 61)])
POSITIVE = np.concatenate([np.linspace(0.01, 40, 801), np.logspace(-9, 12, 61)])


def relative(found, expected):
    """The largest error relative to max(1e-300, |expected|) where both are finite; elsewhere they are equal."""
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(found[~finite], expected[~finite])
    error = np.abs(found[finite] - expected[finite])
    return float(np.max(error / np.maximum(np.abs(expected[finite]), 1e-300)))


@pytest.mark.parametrize(
    ("name", "grid", "limit"),
    [
        ("erfc", np.clip(WIDE, -30, 26), 1e-14),
        ("special.erfcx", WIDE, 1e-13),
        ("special.log_ndtr", np.clip(WIDE, -1e8, 30), 1e-13),
        ("special.ndtri", BETWEEN, 1e-11),  # torch's loses digits between its pieces
        ("erfinv", 2 * BETWEEN[:1001] - 1, 1e-11),
        ("special.i0e", WIDE, 1e-14),
        ("special.i1e", WIDE[np.abs(WIDE) > 1e-250], 1e-13),
        ("special.i0", np.clip(WIDE, -700, 700), 1e-13),
        ("special.i1", np.clip(WIDE[np.abs(WIDE) > 1e-250], -700, 700), 1e-13),
    ],
)
def test_as_torch_far_out(torch, name, grid, limit):
    theirs = reduce(getattr, name.split("."), torch)(torch.tensor(grid)).numpy()
    assert relative(getattr(ops, name.split(".")[-1])(grid), theirs) < limit


@pytest.mark.parametrize(
    ("dtype", "low", "limit"), [("float32", -87, 1e-6), ("float64", -700, 1e-14)]
)
def test_sigmoid_keeps_the_digits_of_small_values(dtype, low, limit):
    """The loss −ln σ(x) of a wrong answer that is sure of itself is −x, not what a clamp makes of ln 0."""
    x = np.linspace(low, 30, 1201).astype(dtype)
    e = np.exp(x.astype("float64"))
    assert relative(ops.sigmoid(x), e / (1 + e)) < limit
    np.testing.assert_array_equal(
        ops.sigmoid(np.array([-np.inf, -1e4, 1e4, np.nan], dtype)), [0, 0, 1, np.nan]
    )


def test_lgamma_as_python_has_it():
    """But near 1 and 2, where Python's loses digits."""
    grid = POSITIVE[(np.abs(POSITIVE - 1) > 0.05) & (np.abs(POSITIVE - 2) > 0.05)]
    assert relative(ops.lgamma(grid), np.array([math.lgamma(x) for x in grid])) < 1e-13
    negative = -grid[(grid < 30) & (grid != np.rint(grid))]
    expected = np.array([math.lgamma(x) for x in negative])
    error = np.abs(ops.lgamma(negative) - expected)
    assert np.max(error / np.maximum(1, np.abs(expected))) < 1e-12


def test_lgamma_near_its_zeros():
    """ln Γ(1 + z) = −γ z + ζ(2)/2 z² − …  and  ln Γ(2 + z) = ln Γ(1 + z) + ln(1 + z)."""
    x = 1 + np.array([-1e-3, -1e-7, 1e-12, 1e-6, 1e-3])
    z = x - 1
    series = -0.5772156649015329 * z + math.pi**2 / 12 * z**2 - 1.2020569031595942 / 3 * z**3
    np.testing.assert_allclose(ops.lgamma(x), series, rtol=1e-9)
    y = 2 + np.array([-1e-3, -1e-7, 1e-12, 1e-6, 1e-3])
    z = y - 2
    series = -0.5772156649015329 * z + math.pi**2 / 12 * z**2 - 1.2020569031595942 / 3 * z**3
    np.testing.assert_allclose(ops.lgamma(y), series + np.log1p(z), rtol=1e-8)


def test_gamma_at_its_poles_and_ends():
    poles = np.array([0.0, -1.0, -7.0])
    assert np.all(ops.lgamma(poles) == np.inf)
    assert np.isnan(ops.digamma(poles[1:])).all()
    np.testing.assert_array_equal(ops.digamma(np.array([0.0, -0.0])), [-np.inf, np.inf])
    ends = np.array([np.inf, np.nan])
    np.testing.assert_array_equal(ops.lgamma(ends), ends)
    np.testing.assert_array_equal(ops.digamma(ends), ends)


def test_digamma_is_the_sum_of_its_recurrence():
    """ψ(x + 1) = ψ(x) + 1/x, and ψ(1) = −γ."""
    x = np.linspace(-4.9, 30, 350)
    x = x[np.abs(x - np.rint(x)) > 1e-3]
    np.testing.assert_allclose(ops.digamma(x + 1), ops.digamma(x) + 1 / x, rtol=1e-12, atol=1e-12)
    assert ops.digamma(np.array(1.0)) == pytest.approx(-0.5772156649015329, rel=1e-15)


def test_zeta_known_values_and_its_recurrence():
    """ζ(2) = π²/6, ζ(4) = π⁴/90;  ζ(s, q) = ζ(s, q + 1) + q⁻ˢ, on both sides of 0."""
    one = np.array(1.0)
    assert ops.zeta(np.array(2.0), one) == pytest.approx(math.pi**2 / 6, rel=1e-15)
    assert ops.zeta(np.array(4.0), one) == pytest.approx(math.pi**4 / 90, rel=1e-15)
    s = np.array([2.0, 3.0, 7.0])[:, None]
    q = np.array([-2.7, -1.4, -0.3, 0.2, 1.0, 9.0])
    np.testing.assert_allclose(ops.zeta(s, q), ops.zeta(s, q + 1) + q**-s, rtol=1e-10)
    tiny = np.array([-1e-20, -1e-9, 1e-20])  # 1 + q is 1: the first term is all there is
    np.testing.assert_allclose(ops.zeta(s, tiny), tiny**-s, rtol=1e-14)


def test_incomplete_gamma_known_values_and_its_recurrence():
    """P(1, x) = 1 − e⁻ˣ;  P(½, x²) = erf x;  P(a + 1, x) = P(a, x) − xᵃ e⁻ˣ / Γ(a + 1); the two are 1 together."""
    x = np.concatenate([np.linspace(0.01, 30, 301), np.logspace(-9, 2.5, 47)])
    np.testing.assert_allclose(ops.igamma(np.array(1.0), x), -np.expm1(-x), rtol=1e-13)
    np.testing.assert_allclose(ops.igamma(np.array(0.5), x * x), ops.erf(x), rtol=1e-12)
    a = np.array([0.1, 0.9, 3.0, 20.0, 150.0])[:, None]
    step = np.exp(a * np.log(x) - x - ops.lgamma(a + 1))
    found = ops.igamma(a, x) - step
    np.testing.assert_allclose(ops.igamma(a + 1, x), found, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(ops.igammac(a, x), 1 - ops.igamma(a, x), rtol=0, atol=1e-15)
    assert ops.igammac(np.array(2.0), np.array(300.0)) == pytest.approx(301 * math.exp(-300))


def test_incomplete_gamma_of_large_numbers():
    """Step by step and by the expansion, on the two sides of 10⁴; further out the normal distribution is left."""
    a = np.array(9999.5)
    x = a + math.sqrt(a) * np.linspace(-7, 7, 29)
    step = np.exp(a * np.log(x) - x - ops.lgamma(a + 1))
    np.testing.assert_allclose(ops.igamma(a + 1, x), ops.igamma(a, x) - step, rtol=0, atol=1e-13)
    np.testing.assert_allclose(ops.igammac(a + 1, x), ops.igammac(a, x) + step, rtol=3e-11)
    z = np.array([-4.5, -1.0, 0.0, 2.0])
    normal = [0.5 * math.erfc(-v / math.sqrt(2)) for v in z]
    far = np.array(1e14)
    np.testing.assert_allclose(ops.igamma(far, far + z * 1e7), normal, rtol=0, atol=1e-7)
    huge = np.array(1e300)  # the series would never end
    assert ops.igamma(huge, huge) == 0.5 and ops.igammac(huge, huge * 1.1) == 0
    assert ops.igammac(np.array(1e-300), np.array(1e-300)) == 0


def test_incomplete_gamma_at_its_ends():
    a = np.array([0.0, 1.0, 1.0, np.inf, -1.0, 1.0, np.nan])
    x = np.array([1.0, 0.0, np.inf, 1.0, 1.0, -1.0, 1.0])
    np.testing.assert_array_equal(ops.igamma(a, x), [1, 0, 1, 0, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(ops.igammac(a, x), [0, 1, 0, 1, np.nan, np.nan, np.nan])


def test_polygamma_refuses_a_negative_order():
    with pytest.raises(IndexError, match="the order n cannot be negative, found -1"):
        ops.polygamma(np.ones(3), n=-1)


def test_float32_is_rounded_float64():
    """Special functions other than erf are computed in float64, so float32 is right to the last bit but one."""
    x = np.linspace(0.05, 0.95, 97).astype("float32")
    for name in ("erfc", "erfcx", "erfinv", "ndtri", "log_ndtr", "lgamma", "digamma", "i0", "i0e", "i1", "i1e"):  # fmt: skip
        f = getattr(ops, name)
        np.testing.assert_array_max_ulp(f(x), f(x.astype("float64")).astype("float32"), 1)


# ------------------------------------------------------------------------------------------------------ Bessel, Airy

RIGHT = np.concatenate([np.logspace(-6, 4, 401), np.linspace(0.5, 8, 301)])


def bessel(x, kind, order):
    return ops.bessel(x, kind=kind, order=order)


def test_bessel_functions_have_their_wronskians():
    """Everywhere, also where the series gives way to the integral; relative to the largest of the terms."""
    x = RIGHT
    j0, j1, y0, y1 = [bessel(x, kind, order) for kind in "jy" for order in (0, 1)]
    k0, k1 = [bessel(x, "ke", order) for order in (0, 1)]
    height = np.abs(j1 * y0) + np.abs(j0 * y1)
    assert np.max(np.abs(j1 * y0 - j0 * y1 - 2 / (math.pi * x)) / height) < 2e-15
    assert np.max(np.abs((ops.i0e(x) * k1 + ops.i1e(x) * k0) * x - 1)) < 4e-15


def test_bessel_functions_at_published_points():
    """Abramowitz & Stegun 1964, tables 9.1, 9.8 and 10.11, and the first zero of J₀."""
    ten = np.array([10.0])
    known = {("j", 0): -0.245935764451348, ("j", 1): 0.043472746168861, ("y", 0): 0.055671167283599,
             ("y", 1): 0.249015424206954, ("ke", 0): 0.391631934436599, ("ke", 1): 0.410766570595789}  # fmt: skip
    for (kind, order), value in known.items():
        assert bessel(ten, kind, order)[0] == pytest.approx(value, abs=1e-14), (kind, order)
    assert abs(bessel(np.array([2.404825557695773]), "j", 0)[0]) < 1e-15


def test_bessel_functions_at_the_ends():
    ends = np.array([0.0, -1.0, np.inf, np.nan])
    np.testing.assert_array_equal(bessel(ends, "y", 1), [-np.inf, np.nan, 0, np.nan])
    np.testing.assert_array_equal(bessel(ends, "k", 0), [np.inf, np.nan, 0, np.nan])
    np.testing.assert_array_equal(bessel(np.array([0.0, np.inf, np.nan]), "j", 0), [1, 0, np.nan])


def test_airy_solves_its_equation():
    """The battery checks  Ai″ = x Ai  of the rules; here are zeros
    and the values of Abramowitz & Stegun 1964, tables 10.11 and 10.13, on both sides of where the series ends.
    """
    ai = {-2.5: -0.112325067692966, -2.0: 0.227407428201686, 0.0: 0.355028053887817, 1.0: 0.135292416312881,
          2.0: 0.034924130423274, 5.0: 1.083444281360744e-4, 10.0: 1.104753255289869e-10}  # fmt: skip
    x = np.array(list(ai))
    np.testing.assert_allclose(ops.airy(x), list(ai.values()), rtol=3e-14)
    zeros = np.array([-2.338107410459767, -4.087949444130971, -12.828776752865757])
    assert np.max(np.abs(ops.airy(zeros))) < 2e-15
    assert np.isnan(ops.airy(np.array([np.inf, -np.inf, np.nan]))).all()


# ------------------------------------------------------------------------------------------ orthogonal polynomials


def test_polynomials_of_high_degree():
    theta = np.linspace(0.1, 3.0, 30)
    x, n = np.cos(theta), np.array(150.0)
    t = ops.orthogonal_polynomial(x, n, family="chebyshev_t")
    np.testing.assert_allclose(t, np.cos(150 * theta), atol=1e-12)
    p = ops.orthogonal_polynomial(np.array([1.0, -1.0]), np.array(151.0), family="legendre_p")
    np.testing.assert_allclose(p, [1, -1], rtol=1e-13)


def test_polynomials_refuse_what_they_do_not_know():
    one = np.ones(2)
    with pytest.raises(ArgumentError, match="the families are chebyshev_t"):
        ops.orthogonal_polynomial(one, one, family="jacobi")
    with pytest.raises(RangeError, match="the degree is at most 100000, found 1e\\+06"):
        ops.orthogonal_polynomial(one, 1e6 * one, family="legendre_p")
    with pytest.raises(ArgumentError, match="the kinds are j, y, k, ke and the orders 0 and 1"):
        ops.bessel(one, kind="j", order=2)


# --------------------------------------------------------------------------------------------- symmetric matrices


def test_ldl_takes_two_rows_where_one_will_not_do():
    a = np.array([[1e-3, 2, 3], [2, 1e-3, 5], [3, 5, 1e-3]])
    factors, pivots, info = ops.ldl(a)
    assert pivots.tolist() == [-3, -3, 3] and info == 0
    b = np.array([[1.0], [2.0], [3.0]])
    np.testing.assert_allclose(a @ ops.ldl_solve(factors, pivots, b), b, rtol=1e-13)
    assert ops.ldl(np.zeros((2, 2)))[2] == 1
