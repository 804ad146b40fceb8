"""x[...] and x[...] = v against NumPy: any mixture of slices, integers, None, Ellipsis, integer tensors and masks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.base.errors import DTypeError, GradError, RangeError, ShapeError

SHAPE = (3, 5, 2, 7)


@st.composite
def slices(draw, n):
    start = draw(st.none() | st.integers(-n - 2, n + 2))
    stop = draw(st.none() | st.integers(-n - 2, n + 2))
    return slice(start, stop, draw(st.none() | st.integers(1, 4)))


@st.composite
def basic_index(draw):
    """Integers, slices, None, and at most one Ellipsis: what gives a view."""
    parts, d, dots = [], 0, False
    while d < len(SHAPE) and draw(st.integers(0, 5)):
        kind = draw(st.sampled_from(["int", "slice", "slice", "none", "dots"]))
        if kind == "none":
            parts.append(None)
            continue
        if kind == "dots":
            if dots:
                continue
            dots = True
            left = draw(st.integers(d, len(SHAPE)))
            parts.append(Ellipsis)
            d = left
            tail = SHAPE[d:]
            parts += [draw(slices(n)) for n in tail]
            break
        n = SHAPE[d]
        parts.append(draw(st.integers(-n, n - 1)) if kind == "int" else draw(slices(n)))
        d += 1
    return tuple(parts)


@st.composite
def advanced_index(draw):
    """One or two integer tensors (broadcast together) beside slices and None, or a mask beside slices.

    No plain integers: PyTorch takes them as views, NumPy broadcasts them with the tensors (see the test against torch).
    """
    places = sorted(draw(st.sets(st.integers(0, 3), min_size=1, max_size=2)))
    shapes = draw(
        st.sampled_from(
            [((), ()), ((4,), (4,)), ((4,), (1,)), ((3, 1), (2,)), ((0,), (1,)), ((2, 2), (2, 2))]
        )
    )
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    parts = []
    for d, n in enumerate(SHAPE):
        if d in places:
            parts.append(rng.integers(-n, n, shapes[places.index(d)]))
        else:
            parts.append(draw(slices(n)))
            if draw(st.booleans()) and not draw(st.booleans()):
                parts.insert(len(parts) - 1, None)
    return tuple(parts)


@st.composite
def mask_index(draw):
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    d = draw(st.integers(0, 3))
    width = draw(st.integers(1, 4 - d))
    parts = [draw(slices(SHAPE[k])) for k in range(d)]
    parts.append(rng.random(SHAPE[d : d + width]) < draw(st.sampled_from([0.0, 0.4, 1.0])))
    return tuple(parts)


def as_tensors(index):
    return tuple(cr.tensor(p) if isinstance(p, np.ndarray) else p for p in index)


def numbers(seed=0, shape=SHAPE):
    return np.random.default_rng(seed).standard_normal(shape)


@given(basic_index() | advanced_index() | mask_index())
def test_reading_is_numpys(index):
    a = numbers()
    x = cr.tensor(a)
    y = x[as_tensors(index)]
    expected = a[index]
    assert tuple(y.shape) == expected.shape
    np.testing.assert_array_equal(y.numpy(), expected)
    np.testing.assert_array_equal(x.numpy(), a)


@given(basic_index())
def test_a_basic_index_is_a_view(index):
    x = cr.tensor(numbers())
    y = x[index]
    assert y._storage is x._storage
    if y.numel():
        assert np.shares_memory(y.numpy(), x.numpy())


@given(
    basic_index() | advanced_index() | mask_index(),
    st.sampled_from(["scalar", "0-d", "last", "ones", "full"]),
)
def test_writing_is_numpys(index, form):
    a = numbers()
    x = cr.tensor(a)
    shape = a[index].shape
    shapes = {
        "scalar": None,
        "0-d": (),
        "last": shape[-1:],
        "ones": (1,) * len(shape),
        "full": shape,
    }
    value = 2.5 if form == "scalar" else numbers(1, shapes[form])
    if len(index) and any(isinstance(p, np.ndarray) and p.dtype != bool for p in index):
        value = (
            2.5 if form == "scalar" else numbers(1, ())
        )  # repeated places: which value wins is not defined
    a[index] = value
    x[as_tensors(index)] = value if form == "scalar" else cr.tensor(value)
    np.testing.assert_array_equal(x.numpy(), a)


@given(basic_index() | advanced_index() | mask_index())
def test_the_gradient_of_reading_lands_where_it_was_read(index):
    """Σ w · x[index] has the gradient that adds w at each place read; repeated places add up."""
    a = numbers()
    w = numbers(2, a[index].shape)
    x = cr.tensor(a, requires_grad=True)
    (x[as_tensors(index)] * cr.tensor(w)).sum().backward()
    expected = np.zeros_like(a)
    np.add.at(expected, index, w)
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-14, atol=1e-14)


@given(basic_index() | mask_index())
def test_the_gradient_of_writing(index):
    """Overwritten places get no gradient, the value gets the gradient of the places it went to."""
    a, w = numbers(), numbers(3)
    x = cr.tensor(a, requires_grad=True)
    v = cr.tensor(numbers(4, a[index].shape), requires_grad=True)
    y = x * 1
    y[as_tensors(index)] = v
    (y * cr.tensor(w)).sum().backward()
    expected = w.copy()
    expected[index] = 0
    np.testing.assert_array_equal(x.grad.numpy(), expected)
    np.testing.assert_array_equal(v.grad.numpy(), w[index])


@pytest.mark.parametrize(
    "index",
    [[0, 2], [], range(2), np.array([0, -1]), np.array([True, False, True]), True, False, np.bool_(True), np.int64(1)],
)  # fmt: skip
def test_lists_arrays_and_lone_bools(index):
    a = numbers()
    plain = np.array(index, int) if isinstance(index, (list, range)) else index
    expected = a[plain]
    np.testing.assert_array_equal(cr.tensor(a)[index].numpy(), expected)


@pytest.mark.parametrize(
    "index",
    [
        [slice(1, None), slice(None, -1)], [0, slice(None)], [..., 1], [None, 2], [[0, 1], [2, 0]], [slice(None), [0, 1]],
        [np.array([0, 2]), 1],
    ],
)  # fmt: skip
def test_a_list_that_holds_more_than_numbers_is_a_tuple(index):
    a = numbers()
    with pytest.warns(UserWarning, match=r"use x\[tuple\(list\)\]"):
        found = cr.tensor(a)[index]
    np.testing.assert_array_equal(found.numpy(), cr.tensor(a)[tuple(index)].numpy())
    x = cr.tensor(a)
    with pytest.warns(UserWarning, match="several axes"):
        x[index] = -7.0
    assert (x.numpy() == -7).sum() == found.numel()


def test_a_long_list_is_an_array():
    index = [[0, 1]] * 32
    assert cr.arange(3)[index].shape == (32, 2)


def test_a_0d_integer_tensor_is_an_integer():
    x = cr.arange(5)
    y = x[cr.tensor(2)]
    assert y.item() == 2
    x[cr.tensor(-1)] = 9
    assert x.tolist() == [0, 1, 2, 3, 9]


def test_integers_beside_tensors_count_as_views():
    """PyTorch's rule; NumPy would move the tensor's axes to the front of x[0, :, i]."""
    x = cr.tensor(numbers())
    i = cr.tensor([1, 0])
    assert tuple(x[0, :, i].shape) == (5, 2, 7)
    assert tuple(x[i, :, i].shape) == (
        2,
        5,
        7,
    )  # tensors apart from each other go to the front in both
    assert tuple(x[:, i, i].shape) == (3, 2, 7)


def test_repeated_places_add_up_and_the_last_write_wins():
    x = cr.ones(3, requires_grad=True)
    x[cr.tensor([1, 1, 1])].sum().backward()
    assert x.grad.tolist() == [0, 3, 0]
    y = cr.zeros(3)
    y[cr.tensor([1, 1])] = cr.tensor([5.0, 7.0])
    assert y.tolist() == [0, 7, 0]


@pytest.mark.parametrize(
    ("index", "error", "text"),
    [
        (5, RangeError, "5"),
        (-4, RangeError, "-4"),
        ((0, 0, 0, 0, 0), RangeError, "too many indices: 5 for a tensor with 4 axes"),
        ((..., ...), RangeError, "one Ellipsis"),
        (
            slice(None, None, -1),
            ShapeError,
            r"step of a slice must be positive, found -1\n  hint: x.flip\(dim\)",
        ),
        (1.5, DTypeError, "an index is made of .* found float"),
        ("a", DTypeError, "found str"),
        (cr.tensor([0.5]), DTypeError, "must hold integers or bools"),
        (cr.tensor([3]), RangeError, "3"),
        (
            cr.tensor([True, False]),
            ShapeError,
            "a mask must have the shape of the axes it selects from",
        ),
        ((cr.tensor([0, 1]), cr.tensor([0, 1, 2])), ShapeError, "2"),
    ],
)
def test_wrong_indices(index, error, text):
    x = cr.tensor(numbers())
    with pytest.raises(error, match=text):
        x[index]
    with pytest.raises(error, match=text):
        x[index] = 1.0
    np.testing.assert_array_equal(x.numpy(), numbers())


def test_values_that_do_not_fit():
    x = cr.zeros(3, 5)
    with pytest.raises(
        ShapeError, match=r"values of shape \(3,\) cannot be written into a tensor of shape \(5,\)"
    ):
        x[0] = cr.ones(3)
    with pytest.raises(ShapeError):
        x[cr.tensor([0, 1])] = cr.ones(3, 5)
    with pytest.raises(ShapeError):
        x[cr.ones(3, 5, dtype=cr.bool)] = cr.ones(2)
    with pytest.raises(
        DTypeError, match="float32 values cannot be written into a tensor of dtype int64"
    ):
        cr.zeros(3, dtype=cr.int64)[0] = 1.5
    for value in (cr.tensor([1.0, 2.5, 3.0]), np.array([1.0, 2.5, 3.0])):
        with pytest.raises(DTypeError, match=r"numbers that int64 does not .*: 2.5 would become 2"):
            cr.zeros(3, dtype=cr.int64)[:] = value
    with pytest.raises(DTypeError, match="numbers that bool does not .*: 3.0 would become True"):
        cr.zeros(3, dtype=cr.bool)[1] = cr.tensor(3)
    x[0] = cr.ones(1, 1, 5)  # surplus axes of size 1 in front are dropped, as in torch
    assert x[0].tolist() == [1] * 5
    x[[2, 0], [1, 3]] = cr.full((1, 1, 2), 4.0)
    assert x[[2, 0], [1, 3]].tolist() == [4, 4]
    with pytest.raises(ShapeError, match=r"values of shape \(2, 1\) do not broadcast"):
        x[[2], [1]] = cr.ones(2, 1)
    x[1] = np.arange(5.0)  # arrays and lists convert
    x[2] = [5, 4, 3, 2, 1]
    assert (
        x[1].tolist() == [0, 1, 2, 3, 4]
        and x[2].tolist() == [5, 4, 3, 2, 1]
        and x.dtype is cr.float32
    )


@pytest.mark.parametrize("index", [1, slice(0, 3), [2, 0, 1], cr.tensor([True, False, True])])
def test_whole_numbers_in_floats_can_be_written_into_integers(index):
    """Class labels beside boxes in one array of floats, as detectors keep them."""
    x, mask = cr.zeros(3, dtype=cr.int64), cr.zeros(3, dtype=cr.bool)
    x[index] = cr.tensor(7.0, requires_grad=True)
    mask[index] = cr.tensor(1.0)
    expected = np.zeros(3)
    expected[np.asarray(index) if isinstance(index, cr.Tensor) else index] = 7
    assert x.tolist() == expected.tolist()
    assert mask.tolist() == (expected > 0).tolist()
    assert not x.requires_grad
    x[:] = np.array([3.0, 5.0, 7.0])
    assert x.tolist() == [3, 5, 7]
    with pytest.raises(DTypeError, match="float32 values cannot be written"):
        cr.graph.trace(lambda y: x.__setitem__(index, y))(cr.tensor(2.0))


def test_a_leaf_cannot_be_written_by_index():
    w = cr.zeros(3, requires_grad=True)
    for index in (0, slice(1), cr.tensor([0]), cr.tensor([True, False, False])):
        with pytest.raises(
            GradError, match="a leaf that requires a gradient cannot be written in place"
        ):
            w[index] = 1.0
    assert w.tolist() == [0, 0, 0]


def test_overlapping_source_and_target():
    x = cr.arange(5)
    x[1:] = x[:-1]
    assert x.tolist() == [0, 0, 1, 2, 3]
    x = cr.arange(5)
    x[:-1] = x[1:].clone()
    assert x.tolist() == [1, 2, 3, 4, 4]
