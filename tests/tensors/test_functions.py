"""Errors of the torch-shaped functions, and their values where torch is not asked."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import DTypeError, GradError, RangeError, ShapeError

X = cr.tensor(np.arange(30.0).reshape(2, 3, 5))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: X.clamp(), ValueError, "clamp needs min or max"),
        (lambda: cr.where(X, X, X), DTypeError, "the condition of where must be bool, found float64"),
        (lambda: X.masked_fill(X, 1.0), DTypeError, "masked_fill takes a bool mask, found float64"),
        (lambda: cr.div(X, 2, rounding_mode="up"), ValueError, "rounding_mode is None, 'trunc' or 'floor', found 'up'"),
        (lambda: X.norm("max"), ValueError, "norm knows p = 'fro', 'nuc' and numbers, found 'max'"),
        (lambda: X.t(), ShapeError, "at most two axes, found 3\n  hint: .mT"),
        (lambda: X.movedim((0, 1), (0,)), ShapeError, "as many different sources as destinations"),
        (lambda: X.movedim((0, 0), (0, 1)), ShapeError, "as many different sources as destinations"),
        (lambda: X.flatten(2, 1), ShapeError, "start_dim 2 comes after end_dim 1"),
        (lambda: X.narrow(1, 2, 2), RangeError, "narrow: elements 2 to 4 of an axis of size 3"),
        (lambda: X.split([1, 1], 1), ShapeError, r"the sizes \[1, 1\] must add up to the size of the axis, 3"),
        (lambda: X.split(0, 1), ShapeError, "the size of a piece must be positive, found 0"),
        (lambda: X.chunk(0), ShapeError, "the number of pieces must be positive, found 0"),
        (lambda: X.diag(), ShapeError, "diag takes a vector or a matrix, found 3 axes"),
        (lambda: X.repeat(2, 2), ShapeError, "repeat needs a count for each of the 3 axes, found 2"),
        (lambda: X.index_select(0, cr.zeros(1, 1, dtype=cr.int64)), ShapeError, "takes a vector of indices, found 2 axes"),
        (lambda: cr.tensor(1.0) @ X, ShapeError, "both operands need at least one axis"),
        (lambda: X.mm(X), ShapeError, "mm: input must have 2 axes, found"),
        (lambda: cr.bmm(X, cr.zeros(3, 5, 2, dtype=cr.float64)), ShapeError, "the batches must be equal, found 2 and 3"),
        (lambda: cr.dot(X, X), ShapeError, "dot: input must have 1 axes"),
        (lambda: cr.einsum("ij,jk->ik", X), ShapeError, "names 2 operands, found 1"),
        (lambda: X.sum(3), RangeError, "dimension 3 is out of range: a 3-d tensor has dimensions -3 to 2"),
        (lambda: X.sum((0, 0)), ShapeError, "dimension 0 appears twice"),
        (lambda: X.view(7, -1), ShapeError, r"view\(x, shape=\(7, -1\)\): 30 elements cannot take the shape \(7, -1\)\n  x  "),
        (lambda: X.expand(2, 4, 5), ShapeError, "4"),
        (lambda: cr.zeros(-1), ShapeError, "sizes cannot be negative"),
        (lambda: cr.zeros(3.0), DTypeError, "sizes are integers, found 3.0"),
        (lambda: cr.nn.Linear(3.0, 5), DTypeError, "sizes are integers, found 3.0"),
        (lambda: cr.arange(3, 0), ShapeError, "from 3 to 0 by steps of 1 leads nowhere"),
        (lambda: cr.linspace(0, 1, -1), ShapeError, "the number of steps cannot be negative"),
        (lambda: cr.randint(3, 3, (2,)), ShapeError, "no integer from 3 up to, not including, 3"),
        (lambda: cr.randn(2, dtype=cr.int64), DTypeError, "randn draws floating numbers, found dtype int64"),
        (lambda: cr.normal(0.0, 1.0), ShapeError, "normal needs a size"),
        (lambda: cr.meshgrid(X[0, 0], indexing="no"), ValueError, "indexing is 'ij' or 'xy', found 'no'"),
        (lambda: cr.multinomial(cr.tensor([-1.0, 2.0]), 1), ShapeError, "finite, non-negative, and not all zero"),
        (lambda: cr.multinomial(cr.tensor([0.0, 2.0]), 2), ShapeError, "fewer than 2 outcomes have a probability above 0"),
        (lambda: cr.zeros_like(X, out=X), TypeError, "does not take out"),
        (lambda: cr.zeros(2, colour="red"), TypeError, "does not take colour"),
    ],
)  # fmt: skip
def test_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_no_method_changes_its_tensor():
    """A method that wrote into its own memory without an underscore in its name would corrupt everything upstream."""
    before = X.clone()
    for call in (
        lambda x: x.sort(1),
        lambda x: x.cumsum(0),
        lambda x: x.clamp(0, 1),
        lambda x: x.tril(),
        lambda x: x.masked_fill(x > 3, 0.0),
        lambda x: x.scatter(0, cr.zeros(1, 3, 5, dtype=cr.int64), 9.0),
        lambda x: x.roll(1, 1),
        lambda x: x.flip(0),
        lambda x: -x,
        lambda x: abs(x),
    ):
        call(X)
    np.testing.assert_array_equal(X.numpy(), before.numpy())


def test_statistics_of_too_few_elements():
    assert np.isnan(cr.ones(1).std().item()) and cr.ones(1).std(unbiased=False).item() == 0
    assert cr.ones(3, 1).var(1, correction=0).tolist() == [0, 0, 0]


def test_gradient_of_a_deviation_of_zero():
    """Where nothing spreads, the root of the variance has no slope; PyTorch takes 0."""
    x = cr.tensor([[2.0, 2.0, 2.0], [1.0, 2.0, 6.0]], requires_grad=True)
    (gradient,) = cr.autograd.grad(x.std(1).sum(), x, create_graph=True)
    near = np.array([-2, -1, 3]) / (2 * 7**0.5)  # (x − mean) / ((n − 1) · std)
    np.testing.assert_allclose(gradient.detach().numpy(), [[0, 0, 0], near], rtol=1e-6)
    (second,) = cr.autograd.grad(gradient.sum(), x)
    assert second.isfinite().all()


def test_two_numbers_make_a_tensor():
    """As `torch.div(length, 2, rounding_mode="floor")` stands in models."""
    halves = [cr.div(-7, 2, rounding_mode=how) for how in (None, "floor", "trunc")]
    assert [h.tolist() for h in halves] == [-3.5, -4, -3]
    assert [h.dtype for h in halves] == [cr.float32, cr.int64, cr.int64]
    others = cr.add(2, 3, alpha=5), cr.sub(2, 3.5), cr.mul(2.0, 3), cr.floor_divide(7, 2)
    assert [t.tolist() for t in others] == [17, -1.5, 6, 3]
    assert isinstance(cr.mul(np.ones(2), 3), np.ndarray)  # arrays stay arrays
    step = cr.compile(lambda x: x + cr.mul(2, 3))
    assert step(cr.ones(2)).tolist() == [7, 7]


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.maximum(2, 3), lambda m: m.tanh(0.5), lambda m: m.remainder(7, 2), lambda m: m.clamp(2.0, 0, 1),
        lambda m: m.where(True, 1, 2), lambda m: m.nn.functional.relu(1.0), lambda m: m.bitwise_left_shift(2, 3),
    ],
    ids=range(7),
)  # fmt: skip
def test_other_functions_of_numbers_alone_are_refused(call):
    """Nothing says whether an array or a tensor is meant: they gave arrays, on which `.item()` works and `.sum(dim=0)`
    does not. PyTorch refuses them too."""
    with pytest.raises(TypeError, match="must be a tensor or an array, found only numbers"):
        call(cr)


def test_a_quotient_that_is_rounded_has_a_derivative_of_zero():
    x, y = cr.tensor([1.0, -7.0], requires_grad=True), cr.tensor([0.0, 2.0], requires_grad=True)
    q = cr.div(x, y, rounding_mode="trunc")
    assert q.tolist() == [float("inf"), -3]
    q.sum().backward()
    assert x.grad.tolist() == y.grad.tolist() == [0, 0]  # by 0 as well


def test_area_of_no_points():
    for dtype in (cr.int64, cr.bool, cr.float64):
        area = cr.trapezoid(cr.zeros(3, 0, dtype=dtype))
        assert (area.dtype, area.tolist()) == (dtype, [0, 0, 0])


def test_iteration_unpacking_and_membership():
    a, b = cr.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    assert a.tolist() == [1, 2] and a.requires_grad
    assert 3.0 in b and 5.0 not in b
    assert [v.item() for v in cr.arange(3)] == [0, 1, 2]


def test_equal_and_allclose_give_python_bools():
    assert cr.equal(X, X.clone()) is True and cr.equal(X, X[0]) is False
    assert X.allclose(X + 1e-9) is True and X.allclose(X + 1) is False
    nan = cr.tensor([float("nan")])
    assert not nan.allclose(nan) and nan.allclose(nan, equal_nan=True)


def test_operands_by_pytorchs_names():
    """`input`, `other` and `exponent` name the operands of an op, in their places and once."""
    x, y = cr.tensor([1.0, 2.0]), cr.tensor([3.0, 5.0])
    assert cr.tanh(input=x).equal(cr.tanh(x))
    assert cr.maximum(input=x, other=y).equal(y) and x.mul(other=y).tolist() == [3, 10]
    assert cr.pow(x, exponent=2).tolist() == [1, 4]
    for wrong in (
        lambda: cr.tanh(x, input=x),
        lambda: cr.tanh(x, other=y),
        lambda: x.maximum(y, factor=2),
    ):
        with pytest.raises(TypeError, match="has no argument"):
            wrong()


def test_arguments_by_numpys_names():
    """PyTorch's functions take them too, and people who come from NumPy write them."""
    x = cr.arange(6.0).view(2, 3)
    assert x.sum(axis=1, keepdims=True).tolist() == x.sum(1, True).tolist() == [[3], [12]]
    assert cr.cat([x, x], axis=1).shape == (2, 6) and x.max(axis=0).values.tolist() == [3, 4, 5]
    assert cr.stack([x, x], axis=-1).shape == (2, 3, 2) and x.std(axis=1).shape == (2,)
    assert cr.exp(x=x).equal(x.exp()) and cr.maximum(x1=x, x2=2 * x).equal(2 * x)
    for call in (
        lambda: x.sum(axis=1, dim=1),
        lambda: x.flip(axis=0),
        lambda: cr.nn.functional.softmax(x, axis=1),
    ):
        with pytest.raises(TypeError, match="axis"):
            call()


def test_numbers_before_the_tensors_as_pytorchs_first_versions_had_them():
    x, y = cr.arange(6.0).view(2, 3), cr.ones(2, 3)
    m, old = cr.ones(2, 2), r"This overload of \w+ is deprecated"
    for call, today in (
        (lambda: x.clone().add_(-0.5, y), x - 0.5 * y),
        (lambda: x.sub(2, y), x - 2 * y),
        (lambda: x.clone().addcmul_(3, x, y), x + 3 * x * y),
        (lambda: cr.addcdiv(x, 3, x, y), x + 3 * x / y),
        (lambda: cr.addmm(2, m, 3, x, x.T), 2 * m + 3 * x @ x.T),
        (lambda: m.clone().addmm_(2, 3, x, x.T), 2 * m + 3 * x @ x.T),
        (lambda: m.addmm(2, x, x.T), 2 * m + x @ x.T),
    ):
        with pytest.warns(UserWarning, match=old):
            assert call().equal(today)
    with pytest.raises(TypeError, match="positional"):
        x.add(y, 2, 3)


def test_a_numpy_scalar_is_a_number_beside_a_tensor():
    """`torch.ones([]) * np.log(1 / 0.07)` is float32 in CLIP."""
    for scalar in (np.float64(2), np.float32(2), np.float16(2)):
        assert (cr.ones([]) * scalar).dtype is (scalar * cr.ones([])).dtype is cr.float32
        assert (cr.ones(2, dtype=cr.int32) * scalar).dtype is cr.float32
        assert cr.mul(cr.ones([], dtype=cr.float16), scalar).dtype is cr.float16
    assert (cr.ones([], dtype=cr.int32) * np.int64(2)).dtype is cr.int32
    assert (cr.ones([]) * np.array(2.0)).dtype is cr.float64  # an array has its dtype


def test_numpy_s_numbers_are_python_s_wherever_one_is_asked_for():
    """Programs compute sizes by `np.prod` and rates by `np.sqrt`, and hand them on as they are."""
    two, three, half = np.int64(2), np.int32(3), np.float64(0.5)
    x, F = cr.arange(30.0).reshape(2, 3, 5), cr.nn.functional
    images = cr.ones(1, 3, 8, 8)
    for call, shape in (
        (lambda: cr.linspace(0, 1, three), (3,)),
        (lambda: cr.full((two, three), np.float32(0.5)), (2, 3)),
        (lambda: cr.Tensor(two, three), (2, 3)),
        (lambda: cr.FloatTensor(two, three), (2, 3)),
        (lambda: cr.arange(0, 1, np.float32(0.5)), (2,)),
        (lambda: x.max(np.int64(1))[1], (2, 5)),
        (lambda: x.min(np.int64(1)).values, (2, 5)),
        (lambda: x.prod(np.int64(1)), (2, 5)),
        (lambda: x.roll(two, two), (2, 3, 5)),
        (lambda: x.repeat_interleave(two, np.int64(1)), (2, 6, 5)),
        (lambda: x.movedim(np.int64(0), two), (3, 5, 2)),
        (lambda: F.interpolate(images, size=three), (1, 3, 3, 3)),
        (lambda: F.interpolate(images, scale_factor=two), (1, 3, 16, 16)),
        (lambda: F.max_pool2d(images, two), (1, 3, 4, 4)),
        (lambda: F.conv2d(images, cr.ones(2, 3, 3, 3), stride=two, padding=[two, two]), (1, 2, 5, 5)),
        (lambda: cr.nn.Conv2d(np.int64(3), two, three, stride=two)(images), (1, 2, 3, 3)),
        (lambda: cr.nn.ZeroPad2d(two)(images), (1, 3, 12, 12)),
        (lambda: cr.nn.LayerNorm(np.int64(5))(x), (2, 3, 5)),
    ):  # fmt: skip
        assert call().shape == shape
    for y in (
        F.dropout(x, half), F.leaky_relu(x, half), cr.nn.Dropout(half)(x), F.elu(x, half),
        F.cross_entropy(x, cr.zeros(2, 5, dtype=cr.int64), label_smoothing=half),
    ):  # fmt: skip
        assert y.dtype is cr.float32
    lengths = [len(part) for part in cr.utils.data.random_split(range(5), np.array([2, 3]))]
    assert lengths == [2, 3]
    with pytest.raises(DTypeError, match="must be int, found str"):
        x.topk("2")


def test_tensors_of_one_integer_are_sizes_axes_and_counts():
    """Programs compute sizes as `lengths.max()`, and hand them on as they are."""
    two, one, x = cr.tensor(2), cr.tensor(1), cr.arange(60.0).reshape(2, 6, 5)
    F = cr.nn.functional
    for call, shape in (
        (lambda: x.repeat(1, 1, two), (2, 6, 10)),
        (lambda: x.expand(two, 6, 5), (2, 6, 5)),
        (lambda: x.tile(two), (2, 6, 10)),
        (lambda: x.view(two, -1), (2, 30)),
        (lambda: cr.zeros(two, 3), (2, 3)),
        (lambda: F.pad(x, (0, two)), (2, 6, 7)),
        (lambda: x.unfold(2, two, one), (2, 6, 4, 2)),
        (lambda: x.roll(two, one), (2, 6, 5)),
        (lambda: x.movedim(two, 0), (5, 2, 6)),
        (lambda: cr.linspace(0, 1, two), (2,)),
        (lambda: cr.randperm(two), (2,)),
        (lambda: cr.diag_embed(x[0], two), (6, 7, 7)),
        (lambda: F.avg_pool1d(x, two), (2, 6, 2)),
        (lambda: F.max_pool1d(x, cr.tensor([2])), (2, 6, 2)),
        (lambda: F.adaptive_avg_pool1d(x, two), (2, 6, 2)),
        (lambda: F.interpolate(x, size=[two]), (2, 6, 2)),
        (lambda: cr.nn.GroupNorm(two, 6)(x), (2, 6, 5)),
        (lambda: cr.FloatTensor(two, 3), (2, 3)),
        (lambda: cr.cat([x] * two), (4, 6, 5)),
    ):
        assert call().shape == shape
    assert cr.equal(x[0].triu(one), x[0].triu(1))
    weight = cr.ones(2, 3, requires_grad=True)
    count = cr.tensor(2)
    y = weight.repeat(1, count)
    count.fill_(5)  # the number was taken when the op was called
    y.sum().backward()
    assert weight.grad.tolist() == [[2.0] * 3] * 2
    with pytest.raises(
        DTypeError, match=r"diagonal is a number or the like, found a tensor of shape \(2,\)"
    ):
        x[0].triu(cr.tensor([1, 2]))
    with pytest.raises(
        DTypeError, match="shape is a number or the like, found a tensor with a gradient"
    ):
        x.repeat(1, 1, cr.tensor(2.0, requires_grad=True))
    with pytest.raises(DTypeError, match="expected a tensor, an array or a number, found list"):
        cr.ones(2) * [1.0, 2.0]


def test_what_numpy_s_functions_of_elements_make_of_a_tensor_is_one():
    x = cr.arange(3.0)
    for y in (np.exp(x), np.maximum(x, 1), np.arctan2(np.ones(3, np.float32), x)):
        assert isinstance(y, cr.Tensor) and y.dtype is cr.float32 and y.shape == (3,)
    assert np.isnan(x).dtype is cr.bool
    assert isinstance(np.stack([x, x]), np.ndarray)
    with pytest.raises(GradError, match="detach"):
        np.exp(cr.ones(2, requires_grad=True))


def test_bytes_are_masks_as_before_there_were_bools():
    x = cr.arange(6.0).view(2, 3)
    mask = (x > 2).byte()
    with pytest.warns(UserWarning, match="uint8 is now deprecated"):
        assert x[mask].tolist() == [3, 4, 5]
    with pytest.warns(UserWarning, match="uint8 is now deprecated"):
        x[mask] = 0
    with pytest.warns(UserWarning, match="uint8 condition"):
        assert cr.where(mask, x + 1, x).tolist() == [[0, 1, 2], [1, 1, 1]]
    assert cr.randint_like(x, high=2).max() < 2
