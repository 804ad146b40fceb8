"""The gamma function's kin as machine code: as `backends.special` has them, which has tests of its own."""

import numpy as np
import pytest
from compiler.test_elementary import DTYPES, compiled

from chainrule.backends import special

REFERENCE = {
    "lgamma": special.lgamma,
    "digamma": special.digamma,
    "trigamma": lambda x: special.zeta(np.full_like(x, 2.0), x),
}
MOST = {"lgamma": 8, "digamma": 24, "trigamma": 24}
"""Units in the last place of a double; near a zero, of 1."""


def numbers(dtype):
    """Both sides of each change of formula, of the zeros and of the poles, and every size."""
    random = np.random.default_rng(5)
    parts = [
        random.uniform(-12, 30, 2000),
        np.geomspace(1e-18, 1e18, 211),
        *[at + sign * np.geomspace(1e-7, 0.1, 53) for at in (1, 2, 0.5, 1.5, 2.5, 10) for sign in (-1, 1)],
        [0.25, -0.25, -0.75, -7.5, 1.461632144968362],
    ]  # fmt: skip
    return np.concatenate(parts).astype(dtype)


@pytest.mark.parametrize("base", DTYPES)
@pytest.mark.parametrize("name", REFERENCE)
def test_the_values_are_those_of_eager(name, base):
    x = numbers(DTYPES[base])
    y, true = compiled(name, base)(x), REFERENCE[name](x.astype(np.float64))
    if base == "float":  # computed in double: the nearest float, but for halves between two
        assert (y == true.astype(np.float32)).mean() > 0.999
        np.testing.assert_allclose(y, true, rtol=2e-7)
        return
    error = np.abs(y - true) / np.spacing(np.maximum(np.abs(true), 1.0))
    assert error.max() <= MOST[name], f"{x[error.argmax()]}: {error.max()} ulp"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lgamma", [np.inf, np.inf, np.inf, np.inf, np.inf, np.inf, np.nan, 0.0, 0.0]),
        ("digamma", [-np.inf, np.inf, np.nan, np.nan, np.inf, np.nan, np.nan, -0.5772157, 0.42278433]),
        ("trigamma", [np.inf, np.inf, np.inf, np.inf, 0.0, np.nan, np.nan, 1.644934, 0.644934]),
    ],
)  # fmt: skip
def test_poles_and_ends(name, expected):
    x = np.array([0.0, -0.0, -1.0, -1e30, np.inf, -np.inf, np.nan, 1.0, 2.0], np.float32)
    np.testing.assert_allclose(compiled(name, "float")(x), np.float32(expected), rtol=1e-6)
