"""Picking and writing at indices, joining, cutting, products: what is refused and in which words, and what PyTorch leaves open."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import DTypeError, RangeError, ShapeError

X = cr.arange(6.0).reshape(2, 3)
I = cr.tensor([0, 1])  # noqa: E741 - an index
V = cr.ones(2)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: cr.gather(X, 0, I[None], sparse_grad=True), DTypeError, "there are no sparse tensors"),
        (lambda: cr.scatter(X, 0, I[None], X.double()), DTypeError, "must have the dtype of the tensor, float32"),
        (lambda: cr.scatter(X, 0, I[None]), TypeError, "takes src or value"),
        (lambda: cr.scatter(X, 0, I[None], 1.0, reduce="mean"), ValueError, "'add' and 'multiply'"),
        (lambda: cr.scatter_reduce(X, 0, I[None], X, "max"), ShapeError, "reduce must be one of sum, prod"),
        (lambda: cr.index_reduce(V, 0, I, V, "sum"), ValueError, "knows reduce = 'prod'"),
        (lambda: cr.index_reduce(V, 0, I, cr.ones(3), "prod"), ShapeError, "a slice for each of the 2"),
        (lambda: cr.index_add(V, 0, I, cr.ones(3)), ShapeError, "a slice for each of the 2"),
        (lambda: cr.index_add(I, 0, I, I, alpha=0.5), DTypeError, "alpha of integers"),
        (lambda: cr.index_add(V, 0, cr.tensor([[0]]), V), ShapeError, "takes a vector of indices"),
        (lambda: cr.index_select(X, 0, cr.tensor([2])), RangeError, "index 2 is out of range"),
        (lambda: cr.index_fill(X, 0, I, V), ShapeError, "a value to fill with is a number"),
        (lambda: cr.index_put(X, (I,), X.double()), DTypeError, "must have the dtype of the tensor"),
        (lambda: cr.masked_fill(X, X > 1, V), ShapeError, "takes a number, or a 0-d tensor"),
        (lambda: cr.masked_fill(X, X, 1), DTypeError, "takes a bool mask"),
        (lambda: cr.masked_select(X, I), DTypeError, "takes a bool mask"),
        (lambda: cr.masked_scatter(X, X > 1, cr.ones(2)), RangeError, "out of range"),
        (lambda: cr.masked_scatter(X, X > 1, X.double()), DTypeError, "one dtype"),
        (lambda: cr.take(X, I.int()), DTypeError, "index of dtype int64"),
        (lambda: cr.take(X, cr.tensor([6])), RangeError, "6"),
        (lambda: cr.put(X, I, cr.ones(3)), ShapeError, "as many elements"),
        (lambda: cr.take_along_dim(X, I, 0), ShapeError, "as many axes"),
        (lambda: X[np.ones(1, np.uint8)], DTypeError, "a mask in PyTorch and an index in NumPy"),
        (lambda: cr.repeat_interleave(V, cr.tensor([1, 2, 3])), ShapeError, "a count for each of the 2"),
        (lambda: cr.repeat_interleave(V, -1), ShapeError, "cannot be negative"),
        (lambda: cr.repeat_interleave(V, 2, output_size=3), ShapeError, "add up to 4, output_size says 3"),
        (lambda: cr.unravel_index(I, (1, 1)), RangeError, "out of range for 1 elements"),
        (lambda: cr.tensor_split(V, 0), ShapeError, "number of pieces must be positive"),
        (lambda: cr.hsplit(X, 2), ShapeError, "2 equal pieces of an axis of size 3"),
        (lambda: cr.vsplit(V, 2), ShapeError, "at least 2 axes, found 1"),
        (lambda: cr.split(V, [1, 2]), ShapeError, "must add up to the size of the axis, 2"),
        (lambda: cr.block_diag(cr.ones(1, 1, 1)), ShapeError, "block_diag takes matrices"),
        (lambda: cr.hstack([]), ShapeError, "nothing to join"),
        (lambda: cr.cat(V), DTypeError, "cat takes a list of tensors"),
        (lambda: cr.rot90(V), ShapeError, "rot90 turns in the plane of two axes"),
        (lambda: cr.diag_embed(V, dim1=0, dim2=0), ShapeError, "two different axes"),
        (lambda: V.unfold(0, 3, 1), ShapeError, "a window must fit on the axis of size 2, found size 3"),
        (lambda: V.unfold(0, 1, 0), ShapeError, "windows must be at least 1 apart"),
        (lambda: cr.select_scatter(X, V, 0, 1), ShapeError, "must have the shape of what it replaces"),
        (lambda: cr.broadcast_shapes((2,), (3,)), ShapeError, "do not broadcast"),
        (lambda: cr.addmm(X, X, cr.ones(3, 3).double()), DTypeError, "one dtype|same dtype"),
        (lambda: cr.addmv(cr.ones(3), X, cr.ones(3)), ShapeError, "do not broadcast|cannot be expanded"),
        (lambda: cr.addr(I, I, I, alpha=0.5), DTypeError, "alpha of integers"),
        (lambda: cr.tensordot(X, X, ([0], [1])), ShapeError, "axis 0 of a has size 2, axis 1 of b 3"),
        (lambda: cr.inner(V, cr.ones(3)), ShapeError, "the last axes must be equal"),
        (lambda: cr.cdist(X, X, p=-1), ValueError, "p cannot be negative"),
        (lambda: cr.cdist(X, X, compute_mode="fast"), ValueError, "compute_mode is one of"),
        (lambda: cr.einsum("ij,jk", X), ShapeError, "names 2 operands, found 1"),
        (lambda: cr.einsum("i1", X), ShapeError, "'1' in 'i1' is not a letter"),
        (lambda: cr.einsum("ijk", X), ShapeError, "names 3 axes of an operand of shape"),
        (lambda: cr.einsum("...i...", X), ShapeError, "may have one '...' at most"),
        (lambda: cr.einsum("ij,ji", X, X), ShapeError, "axis 'j' has size 3 and, in another operand, 2"),
        (lambda: cr.einsum(X, [0, 99]), ShapeError, "an axis is an int from 0 to 51"),
        (lambda: cr.einsum("ii", X), ShapeError, "axes of sizes 2 and 3 of one operand"),
    ],
)  # fmt: skip
def test_what_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_einsum_takes_lists_of_axes():
    a, b = np.arange(6.0).reshape(2, 3), np.arange(15.0).reshape(3, 5)
    x, y = cr.tensor(a), cr.tensor(b)
    for args in ((x, [0, 1], y, [1, 2], [2, 0]), (x, [7, 8], y, [8, 51], [51, 7])):
        np.testing.assert_array_equal(cr.einsum(*args).numpy(), (a @ b).T)
    np.testing.assert_array_equal(cr.einsum(x, [..., 1], [1, ...]).numpy(), a.T)
    np.testing.assert_array_equal(cr.einsum(x, [0, 1], y, [1, 2]).numpy(), a @ b)


def test_values_that_fall_on_one_place_count_once_in_index_fill():
    value = cr.tensor(2.0, requires_grad=True)
    cr.index_fill(cr.zeros(3), 0, cr.tensor([1, 1, 2]), value).sum().backward()
    assert value.grad.item() == 2.0


def test_a_product_of_zeros_has_the_gradient_of_the_others():
    """Of a product with one zero only the zero has a gradient; with two, none has."""
    x = cr.tensor([2.0, 3.0, 0.0], requires_grad=True)
    source = cr.tensor([0.0, 5.0, 0.0, 0.0, 7.0], requires_grad=True)
    at = cr.tensor([0, 0, 1, 1, 2])
    cr.scatter_reduce(x, 0, at, source, "prod").sum().backward()
    assert x.grad.tolist() == [0, 0, 7]
    assert source.grad.tolist() == [10, 0, 0, 0, 0]


def test_clone_copies_and_detach_shares():
    x = cr.ones(3, requires_grad=True)
    assert not cr.detach(x).requires_grad
    cr.clone(x).sum().backward()
    assert x.grad.tolist() == [1, 1, 1]
    cr.detach(x).zero_()
    assert x.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    "name", ["permute_copy", "t_copy", "expand_copy", "unbind_copy", "alias_copy"]
)
def test_copies_have_memory_of_their_own(name):
    x = X.clone()
    arguments = {"permute_copy": ((1, 0),), "expand_copy": ((2, 3),)}.get(name, ())
    found = getattr(cr, name)(x, *arguments)
    for y in found if isinstance(found, tuple) else (found,):
        y.zero_()
    assert x.tolist() == X.tolist()


def test_a_view_shares_and_a_narrowed_copy_does_not():
    x = cr.zeros(5)
    x.narrow(0, 1, 2).fill_(1)
    x.narrow_copy(0, 3, 2).fill_(1)
    for part in x.tensor_split((4,))[1:]:
        part.fill_(7)
    assert x.tolist() == [0, 1, 1, 0, 7]
