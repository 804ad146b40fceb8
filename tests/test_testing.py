"""chainrule.testing: tensors to try, and the older comparison."""

import math

import pytest

import chainrule as cr
from chainrule.testing import assert_allclose, make_tensor


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "int32", "uint8", "bool"])
def test_numbers_lie_between_their_ends(dtype):
    x = make_tensor((31, 17), dtype=getattr(cr, dtype))
    assert x.dtype.name == dtype and tuple(x.shape) == (31, 17)
    low, high = {"bool": (0, 1), "uint8": (0, 8)}.get(dtype, (-9, 9))
    assert low <= x.min().item() <= low + 1 and high - 1 <= x.max().item() <= high


def test_a_tensor_can_lie_apart_have_no_zeros_and_collect_gradients():
    x = make_tensor(5, 3, dtype=cr.float32, noncontiguous=True, requires_grad=True, device="cpu")
    assert x.stride() == (6, 2) and x.is_leaf and x.requires_grad
    assert make_tensor(101, dtype=cr.int64, low=0, high=2, exclude_zero=True).min() == 1
    with pytest.raises(ValueError, match="low must be below high, found 2 and 1"):
        make_tensor(3, dtype=cr.float32, low=2, high=1)
    with pytest.raises(TypeError, match="only floating tensors can require a gradient"):
        make_tensor(3, dtype=cr.int64, requires_grad=True)


def test_the_older_comparison_lets_dtypes_differ_and_nan_equal_nan():
    assert_allclose(cr.tensor([1.0, math.nan]), cr.tensor([1.0, math.nan], dtype=cr.float64))
    with pytest.raises(AssertionError, match="1 of 2 elements differ"):
        assert_allclose(cr.tensor([1.0, 2.0]), [1.0, 2.5])
