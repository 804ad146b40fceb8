"""Methods that change a tensor's own shape, windows that overlap, memory under another dtype: who sees what, and the gradients."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import GradError, ShapeError, TraceError


@pytest.mark.parametrize(
    ("change", "shape"),
    [
        (lambda x: x.squeeze_(1), (5, 3)),
        (lambda x: x.unsqueeze_(0), (1, 5, 1, 3)),
        (lambda x: x.transpose_(0, 2), (3, 1, 5)),
        (lambda x: x.swapaxes_(0, 1), (1, 5, 3)),
        (lambda x: x.swapdims_(0, 1), (1, 5, 3)),
        (lambda x: x.as_strided_((2, 2), (1, 1)), (2, 2)),
        (lambda x: x.squeeze_(1).t_(), (3, 5)),
        (lambda x: x.resize_(3, 2), (3, 2)),
        (lambda x: x.resize_as_(cr.zeros(7)), (7,)),
    ],
)
def test_a_tensor_becomes_a_view_of_itself(change, shape):
    x = cr.arange(15.0).reshape(5, 1, 3)
    before = x[:, 0]
    assert change(x) is x
    assert tuple(x.shape) == shape
    x.zero_()
    assert before[0, 0].item() == 0  # the same memory
    assert before.shape == (5, 3)


def test_the_gradient_through_what_became_a_view():
    """A view that was taken before, the tensor itself and a later view all write and read one history."""
    w = cr.ones(2, 1, 3, requires_grad=True)
    x = w * 2
    early = x[1]
    x.squeeze_(1)
    x[0].mul_(3)
    late = x[:, 2]
    early.mul_(5)
    (x.sum() + early.sum() + late.sum()).backward()
    # x is 2·3 in row 0 and 2·5 in row 1; row 1 counts twice (early), column 2 once more (late)
    assert w.grad.tolist() == [[[6.0, 6.0, 12.0]], [[20.0, 20.0, 30.0]]]


def test_what_must_not_become_a_view():
    leaf = cr.ones(1, 3, requires_grad=True)
    with pytest.raises(GradError, match="a leaf that requires a gradient cannot become a view"):
        leaf.squeeze_()
    with pytest.raises(GradError, match="cannot be resized"):
        (leaf * 1).resize_(2)
    with pytest.raises(ShapeError, match="sizes cannot be negative"):
        cr.zeros(3).resize_(-1)

    def step(x):
        return (x * 1).squeeze_()

    with pytest.raises(TraceError, match="changed in place inside a traced function"):
        cr.graph.trace(step)(cr.ones(1, 3))


@pytest.mark.parametrize("dtype", [cr.float32, cr.bfloat16, cr.int64])
def test_resize_grows_with_zeros(dtype):
    x = cr.arange(1, 4).to(dtype)
    y = x[1:]
    x.resize_(2, 3)
    assert x.tolist() == [[1, 2, 3], [0, 0, 0]]
    assert x.dtype is dtype
    x.zero_()
    assert y.tolist() == [2, 3]  # the old memory


def test_fill_diagonal():
    x = cr.zeros(7, 2)
    x.fill_diagonal_(1.0, wrap=True)
    assert x.sum(1).tolist() == [1, 1, 0, 1, 1, 0, 1]
    assert cr.zeros(7, 2).fill_diagonal_(1.0).sum().item() == 2
    cube = cr.zeros(3, 3, 3).transpose(0, 2)
    assert cube.fill_diagonal_(2.0).nonzero().tolist() == [[0, 0, 0], [1, 1, 1], [2, 2, 2]]
    for shape in ((3,), (2, 3, 2)):
        with pytest.raises(ShapeError, match="fill_diagonal_ takes a matrix, or axes of one size"):
            cr.zeros(shape).fill_diagonal_(1.0)


# ---------------------------------------------------------------------------------------------- windows and strides


def test_windows_are_a_view_and_add_up():
    x = cr.arange(7.0, requires_grad=True)
    y = x * 1
    windows = y.unfold(0, 3, 2)
    assert windows._storage is y._storage
    assert windows.tolist() == [[0, 1, 2], [2, 3, 4], [4, 5, 6]]
    windows.sum().backward()
    assert x.grad.tolist() == [1, 1, 2, 1, 2, 1, 1]


def test_a_write_through_windows_that_do_not_overlap():
    x = cr.zeros(7)
    x.unfold(0, 2, 3)[:, 1] = 5.0
    assert x.tolist() == [0, 5, 0, 0, 5, 0, 0]


def test_as_strided_speaks_of_the_memory_of_the_base():
    x = cr.arange(12.0, requires_grad=True)
    part = (x * 1)[4:10]
    y = part.as_strided((3,), (2,), 1)  # beyond part, in what it is a view of
    assert y.tolist() == [1, 3, 5]
    assert part.storage_offset() == 4
    assert part.as_strided((2,), (1,)).tolist() == [4, 5]
    (y * y).sum().backward()
    assert x.grad.tolist() == [0, 2, 0, 6, 0, 10, 0, 0, 0, 0, 0, 0]
    with pytest.raises(ShapeError, match="reaches element 13 of 12"):
        part.as_strided((2,), (9,), 4)
    with cr.no_grad():  # where views know no base
        turned = cr.arange(15).reshape(3, 5).T[1:]
        y = turned.as_strided((2, 2), (1, 5))
    assert y.tolist() == [[1, 6], [2, 7]]
    y[0, 0] = 99
    assert turned[0, 0] == 99
    with pytest.raises(ShapeError, match="lies row-major"):
        cr.from_numpy(np.zeros((3, 5)).T).as_strided((2,), (1,))


def test_as_strided_of_a_leaf_that_is_a_view():
    """The memory around it has no history; the leaf's own elements have."""
    leaf = cr.arange(11.0)[1::2].detach().requires_grad_()  # 1, 3, 5, 7, 9
    y = leaf.as_strided((4,), (1,))
    assert y.tolist() == [1, 2, 3, 4]
    (y * cr.tensor([2.0, 3.0, 5.0, 7.0])).sum().backward()
    assert leaf.grad.tolist() == [2, 5, 0, 0, 0]
    with pytest.raises(GradError, match="cannot be written with gradients on"):
        y.mul_(2)
    part = cr.arange(11.0)[4:8].detach()
    assert part.as_strided((3,), (1,), 0).tolist() == [0, 1, 2]  # places in the memory, not in part
    assert part.requires_grad_()[1:3].as_strided((2,), (1,), 5).tolist() == [5, 6]


def test_as_strided_scatter_where_elements_lie_otherwise():
    turned = cr.arange(6.0).reshape(2, 3).T
    y = turned.as_strided_scatter(cr.tensor([-1.0, -2.0]), (2,), (1,), 1)
    assert y.tolist() == [[0, 3], [-1, 4], [-2, 5]]
    assert turned.tolist() == [[0, 3], [1, 4], [2, 5]]
    x, src = cr.ones(1, 2, requires_grad=True), cr.zeros(2, requires_grad=True)
    y = x.expand(3, 2).as_strided_scatter(src, (2,), (4,))
    (y * cr.tensor([[2.0, 3.0], [5.0, 7.0], [11.0, 13.0]])).sum().backward()
    assert (x.grad.tolist(), src.grad.tolist()) == ([[5, 23]], [2, 11])


# --------------------------------------------------------------------------------------------------- other dtypes


def test_bits_under_another_dtype():
    x = cr.tensor([1.0, -2.0])
    bits = x.view(cr.int32)
    assert bits.tolist() == np.array([1, -2], "f4").view("i4").tolist()
    assert x.view(cr.uint8).shape == (8,)
    assert x.view(cr.uint8).view(cr.float32).tolist() == [1, -2]
    bits[0] = 0
    assert x.tolist() == [0, -2]
    with pytest.raises(
        ShapeError, match="elements of 4 bytes .* cannot be read as elements of 8 bytes"
    ):
        cr.zeros(3).view(cr.int64)
    with pytest.raises(ShapeError, match="cannot be read as elements of 2 bytes"):
        cr.tensor(1.0).view(cr.float16)


def test_a_write_to_the_bits_is_a_write_to_the_tensor():
    x = cr.ones(3, requires_grad=True)
    y = x * 2
    z = y * y
    y.detach().view(cr.int32).zero_()
    with pytest.raises(GradError, match="written|overwritten|changed"):
        z.sum().backward()
