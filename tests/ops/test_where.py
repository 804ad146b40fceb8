"""`where` on more elements than NumPy is asked for: put together from bits, it must be NumPy's to the last one."""

import math

import numpy as np
import pytest

from chainrule.backends import xp
from chainrule.backends.numpy import FEW

SHAPES = [
    ((41, 53), (41, 53), (41, 53)),
    ((53,), (), (41, 53)),
    ((41, 53), (41, 1), (13, 41, 1)),
    ((), (), (41, 53)),
]


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i8", "i1", "u2", "?"])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_arrays(shapes, dtype):
    rng = np.random.default_rng(2)
    a, b = [(rng.standard_normal(s) * 50).astype(dtype) for s in shapes[:2]]
    same(rng.random(shapes[2]) > 0.5, a, b)


@pytest.mark.parametrize("number", [0.0, -0.0, 1, 2.5, math.nan, math.inf, -math.inf])
def test_numbers(number):
    rng = np.random.default_rng(3)
    condition = rng.random((41, 53)) > 0.5
    across = rng.standard_normal((53, 41)).astype("f4").T  # not row-major
    across[0, :3] = math.nan, -0.0, math.inf
    same(condition, across, number)
    same(condition, number, across)


def same(condition, a, b):
    assert condition.size >= FEW
    found, expected = xp.where(condition, a, b), np.where(condition, a, b)
    assert found.dtype == expected.dtype and found.shape == expected.shape
    assert found.tobytes() == expected.tobytes()
