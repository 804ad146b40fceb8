"""Arithmetic on shapes against NumPy, which has its own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.base import shapes
from chainrule.base.errors import DTypeError, RangeError, ShapeError

sizes = st.lists(st.sampled_from([0, 1, 2, 3, 5]), max_size=4).map(tuple)


@given(st.lists(sizes, min_size=1, max_size=3))
def test_broadcast_is_numpys(found):
    try:
        expected = np.broadcast_shapes(*found)
    except ValueError:
        with pytest.raises(ShapeError, match="do not broadcast"):
            shapes.broadcast(*found)
    else:
        assert shapes.broadcast(*found) == expected


@given(sizes)
def test_contiguous_strides_are_numpys(shape):
    x = np.zeros(shape, np.int8)
    if x.size:  # NumPy's strides of empty arrays are arbitrary
        assert shapes.contiguous_strides(shape) == x.strides
    assert shapes.size(shape) == x.size


@st.composite
def regrouped(draw):
    """A shape, and another of as many elements: its prime factors in another order, some multiplied together, some ones."""
    factors = draw(st.lists(st.sampled_from([1, 2, 3, 5]), min_size=1, max_size=4))
    other = list(draw(st.permutations(factors)))
    while len(other) > 1 and draw(st.booleans()):
        k = draw(st.integers(0, len(other) - 2))
        other[k : k + 2] = [other[k] * other[k + 1]]
    return tuple(factors), tuple(other)


@given(regrouped(), st.permutations(range(4)), st.booleans())
def test_restride_gives_the_same_elements_or_refuses_where_numpy_copies(pair, order, step):
    """A wrong stride would read other elements; a needless refusal would copy where torch gives a view."""
    shape, new = pair
    wide = (*shape[:-1], 2 * shape[-1]) if step else shape
    x = np.arange(shapes.size(wide)).reshape(wide)
    x = (x[..., ::2] if step else x).transpose([k for k in order if k < len(shape)])
    found = shapes.restride(x.shape, tuple(s // x.itemsize for s in x.strides), new)
    y = x.reshape(new)
    assert (found is not None) == np.shares_memory(x, y)
    if found is not None:
        seen = np.lib.stride_tricks.as_strided(x, new, [s * x.itemsize for s in found])
        np.testing.assert_array_equal(seen, y)


@pytest.mark.parametrize(
    ("shape", "count", "expected"),
    [((2, -1), 6, (2, 3)), ((-1,), 0, (0,)), ((), 1, ()), ((3, 0), 0, (3, 0))],
)
def test_resolve(shape, count, expected):
    assert shapes.resolve(shape, count) == expected


@pytest.mark.parametrize(
    ("shape", "count", "text"),
    [
        ((-1, -1), 6, "only one size of .* may be -1"),
        ((-2, 3), 6, "sizes cannot be negative"),
        ((4, -1), 6, "6 elements cannot take the shape"),
        ((0, -1), 0, "0 elements cannot take the shape"),
        ((2, 2), 6, r"6 elements cannot take the shape \(2, 2\), which has 4"),
    ],
)
def test_resolve_refuses(shape, count, text):
    with pytest.raises(ShapeError, match=text):
        shapes.resolve(shape, count)


def test_dimensions():
    assert (
        shapes.axis(-1, 0) == 0 and shapes.axis(0, 0) == 0
    )  # a 0-d tensor has the dimensions 0 and −1
    assert shapes.axes([], 2) == (0, 1)  # an empty list means all, as in torch
    assert shapes.axes((-1, 0), 3) == (0, 2)
    with pytest.raises(
        RangeError, match=r"dimension 2 is out of range: a 2-d tensor has dimensions -2 to 1"
    ):
        shapes.axis(2, 2)
    with pytest.raises(ShapeError, match="dimension 1 appears twice"):
        shapes.axes((1, -1), 2)
    with pytest.raises(DTypeError, match="a dimension is an int, found 1.5"):
        shapes.axis(1.5, 3)
