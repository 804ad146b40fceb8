"""`out=`: a result is written into tensors that are there, or refused. That every function of PyTorch's list takes it,
and gives the same, is seen by `test_torch_own_samples.py`."""

import warnings

import pytest

import chainrule as cr
from chainrule.base.errors import DTypeError, GradError

X = cr.tensor([[1.0, 5.0, 3.0], [7.0, 2.0, 11.0]])


def test_a_function_an_op_and_several_results_write_and_return_what_they_are_given():
    y = cr.zeros(2, 3)
    assert cr.add(X, 1, out=y) is y
    assert cr.sin(X, out=y) is y
    assert cr.equal(y, cr.sin(X))
    values, indices = cr.empty(2), cr.empty(2, dtype=cr.int64)
    result = cr.max(X, 1, out=(values, indices))
    assert result.values is values
    assert result.indices is indices
    assert (values.tolist(), indices.tolist()) == ([5.0, 11.0], [1, 2])
    assert cr.linalg.inv(cr.eye(2) * 4, out=cr.empty(0)).tolist() == [[0.25, 0.0], [0.0, 0.25]]
    assert cr.nn.functional.gelu(X, out=y) is y


def test_none_is_as_if_it_were_not_there():
    assert cr.equal(cr.add(X, 1, out=None), X + 1)
    assert cr.equal(cr.sin(X, out=None), cr.sin(X))
    assert cr.equal(cr.isnan(X, out=None), cr.isnan(X))


def test_a_view_is_written_through():
    whole = cr.zeros(3, 3)
    cr.mul(X, 2, out=whole[1:])
    assert cr.equal(whole, cr.cat([cr.zeros(1, 3), 2 * X]))


def test_what_is_written_may_be_read_as_well():
    x = cr.arange(5.0)
    cr.cat([x[2:], x[:2]], out=x)
    assert x.tolist() == [2.0, 3.0, 4.0, 0.0, 1.0]


def test_another_shape_is_resized_with_a_warning_at_the_line_that_asked():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cr.exp(X, out=cr.empty(0)).shape == (2, 3)
    for call in (lambda y: cr.matmul(X, X.T, out=y), lambda y: cr.exp(X[:, :2], out=y)):
        with pytest.warns(UserWarning, match=r"out had shape \(5,\) and is resized to") as seen:
            y = cr.empty(5)
            assert call(y).shape == y.shape == (2, 2)
        assert seen[0].filename == __file__


def test_dtypes_a_sum_is_computed_in_that_of_out_other_results_are_converted_where_nothing_is_lost():
    assert cr.add(X.long(), 1, out=cr.empty(2, 3)).dtype is cr.float32
    wide = cr.sum(cr.full((3,), 1 / 3), out=cr.empty((), dtype=cr.float64))
    assert wide.item() == 3 * cr.full((3,), 1 / 3)[0].double().item()
    assert cr.zeros(2, out=cr.ones(2, dtype=cr.int64)).dtype is cr.int64


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: cr.add(X, X, out=cr.empty(2, 3, dtype=cr.int64)), DTypeError, "add.*float32 is not written into an out of int64"),
        (lambda: cr.sin(X, out=cr.empty(2, 3, dtype=cr.int64)), DTypeError, "sin.*float32 is not written into an out of int64"),
        (lambda: cr.abs(X, out=cr.empty(2, 3, dtype=cr.float64)), DTypeError, "float32 is not written into an out of float64"),
        (lambda: cr.matmul(X, X.T, out=cr.empty(2, 2, dtype=cr.float64)), DTypeError, "float32 is not written into an out of float64"),
        (lambda: cr.zeros(2, dtype=cr.float64, out=cr.empty(2)), DTypeError, "dtype is float64, out has float32"),
        (lambda: cr.add(X, X, out=3), DTypeError, r"add\(\): out must be a tensor, found int"),
        (lambda: cr.max(X, 1, out=cr.empty(2)), TypeError, r"max\(\): 2 results are written into 1 tensors"),
        (lambda: cr.isnan(X, out=cr.empty(2)), TypeError, "isnan.. has no argument out"),
        (lambda: cr.flatten(X, out=cr.empty(2)), TypeError, "unexpected keyword argument 'out'"),
        (lambda: cr.sin(X, out=cr.empty(2, 3), colour=1), TypeError, "has no argument colour"),
    ],
)  # fmt: skip
def test_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_there_is_no_derivative_through_out():
    x = cr.ones(2, requires_grad=True)
    for call in (lambda: cr.add(x, 1, out=cr.empty(2)), lambda: cr.exp(cr.ones(2), out=x)):
        with pytest.raises(GradError, match="with out=… there is no derivative"):
            call()
    with cr.no_grad():
        assert cr.add(x, 1, out=x) is x
    assert (x.tolist(), x.requires_grad) == ([2.0, 2.0], True)


def test_compiled_a_captured_tensor_is_written():
    total = cr.zeros(3)

    @cr.compile
    def step(x):
        cr.add(total, x, out=total)
        return cr.exp(x, out=cr.empty(3))

    y = step(cr.arange(3.0))
    step(cr.arange(3.0))
    assert total.tolist() == [0.0, 2.0, 4.0]
    assert cr.allclose(y, cr.exp(cr.arange(3.0)))
