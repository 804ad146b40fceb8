"""A tensor from numbers, lists, arrays and tensors: which dtype, whose memory, and what is refused."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import Tensor
from chainrule.base.errors import DeviceError, DTypeError, GradError, ShapeError


@pytest.mark.parametrize(
    ("data", "dtype", "shape"),
    [
        (3, "int64", ()),
        (2.5, "float32", ()),
        (True, "bool", ()),
        ([1, 2], "int64", (2,)),
        ([1, 2.5], "float32", (2,)),
        ([True, 2], "int64", (2,)),
        ([], "float32", (0,)),
        ([[], []], "float32", (2, 0)),
        (((1.0,), (2.0,), (3.0,)), "float32", (3, 1)),
        (np.arange(5.0), "float64", (5,)),
        (np.float16(1.5), "float16", ()),
        (np.zeros((2, 3), np.uint8), "uint8", (2, 3)),
        ([np.float64(1), np.float64(2)], "float64", (2,)),
        ([np.zeros(3, np.int32)] * 2, "int32", (2, 3)),
        (np.arange(6, dtype=">i4"), "int32", (6,)),  # foreign byte order becomes native
        (range(3), "int64", (3,)),
    ],
)
def test_dtype_and_shape(data, dtype, shape):
    x = cr.tensor(data)
    assert x.dtype.name == dtype and tuple(x.shape) == shape
    np.testing.assert_array_equal(x.numpy(), np.array(data).reshape(shape).astype(dtype))
    assert x.numpy().dtype.isnative


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [((), (0,)), ((3,), (3,)), ((3, 5), (3, 5)), ((cr.Size([2, 3]),), (2, 3)), (([3, 5],), (2,)), ((2.5,), ()),
     ((np.arange(5.0),), (5,)), (([[True], [False]],), (2, 1))],
)  # fmt: skip
def test_the_class_gives_the_default_dtype_as_in_pytorch(arguments, shape):
    x = Tensor(*arguments)
    assert x.dtype is cr.float32 and tuple(x.shape) == shape
    if arguments and not isinstance(arguments[0], int | tuple):
        np.testing.assert_array_equal(x.numpy(), np.array(arguments[0]).astype("float32"))
    assert Tensor(3, 5, dtype="int64").dtype is cr.int64
    assert Tensor(cr.arange(3)).dtype is cr.int64
    with pytest.raises(TypeError, match="found 2 arguments"):
        Tensor([1.0], [2.0])


def test_a_plain_array_is_taken_and_copied():
    a = np.arange(5.0)
    x = Tensor(a)
    a[0] = 7
    assert x.tolist() == [0, 1, 2, 3, 4]
    y = Tensor(x)
    y[1] = 9
    assert x[1].item() == 1


def test_a_noncontiguous_array_becomes_row_major():
    x = Tensor(np.arange(6.0).reshape(2, 3).T)
    assert x.is_contiguous() and x.stride() == (2, 1) and x[1].tolist() == [1.0, 4.0]


def test_tensors_in_lists_are_stacked():
    x = cr.tensor([cr.tensor(1.5), cr.tensor(2.5)])
    assert x.dtype is cr.float32 and x.tolist() == [1.5, 2.5]
    assert cr.tensor([[cr.tensor(1), cr.tensor(2)], [cr.tensor(3), cr.tensor(4)]]).tolist() == [
        [1, 2],
        [3, 4],
    ]
    assert cr.tensor([1, cr.tensor([2])]).tolist() == [1, 2]  # of one element it is a number
    assert cr.tensor([[cr.ones(1, 1)], [2]]).tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize(
    "numbers, dtype",
    [
        ([np.int64(2), 3.5], cr.float32),
        ([2.5, np.float64(2.5)], cr.float64),
        ([np.float32(2.5), np.int64(1)], cr.float32),
        ([[np.int32(2)], [1]], cr.int64),
        ([True, np.int32(2)], cr.int32),
        ([np.float16(2.5), 2], cr.float16),
        ([np.array([1, 2]), [3.5, 4]], cr.float32),
        ([np.uint8(3), np.int8(-2)], cr.int16),
    ],
)
def test_numpy_s_numbers_among_python_s_have_their_dtype(numbers, dtype):
    """No element is cut off: the dtype is the one that all of them promote to."""
    x = cr.tensor(numbers)
    assert x.dtype is dtype and np.array_equal(x.numpy(), np.array(numbers))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "float16", "bfloat16", "float64"])
def test_dtype_given(dtype):
    for data in (1.0, [0.0, 1.0, 3.0], np.array([0.0, 1.0, 3.0]), cr.tensor([0.0, 1.0, 3.0])):
        x = cr.tensor(data, dtype=dtype)
        assert x.dtype.name == dtype
        expected = np.asarray(data).astype(bool) if dtype == "bool" else np.asarray(data)
        np.testing.assert_array_equal(np.asarray(x.tolist()), expected)


def test_requires_grad_is_for_floats():
    assert cr.tensor([1.0], requires_grad=True).is_leaf
    with pytest.raises(
        DTypeError, match="only floating tensors can require a gradient, found int64"
    ):
        cr.tensor([1], requires_grad=True)


@pytest.mark.parametrize("data", [1j, [1j], np.zeros(2, np.complex64), [[1, 2j]]])
def test_complex_is_refused_by_name(data):
    with pytest.raises(DTypeError, match="complex numbers are not supported"):
        Tensor(data)


def test_complex_scalars_in_arithmetic_are_refused():
    with pytest.raises(DTypeError, match="complex"):
        cr.ones(2) * 1j


@pytest.mark.parametrize("data", ["text", ["a", "b"], [None], object(), {"a": 1}])
def test_what_is_not_numbers_is_refused(data):
    with pytest.raises(DTypeError, match="a tensor is made of numbers, found"):
        Tensor(data)


@pytest.mark.parametrize(
    ("data", "which"),
    [
        ([[1, 2], [3]], "[0] has 2 elements, [1] has 1"),
        ([[[1], [2]], [[3], 4]], "[1][0] has 1 element, [1][1] is no list"),
        ([1, [2]], "[0] is no list, [1] has 1 element"),
    ],
)
def test_ragged_lists_are_refused(data, which):
    with pytest.raises(ShapeError, match="nested lists of equal lengths") as caught:
        Tensor(data)
    assert which in str(caught.value)


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps", cr.device("cuda", 0)])
def test_other_devices_are_refused(device):
    with pytest.raises(DeviceError, match="there is no (cuda|mps) backend; tensors live on 'cpu'"):
        cr.zeros(2, device=device)
    with pytest.raises(DeviceError):
        cr.zeros(2).to(device)
    with pytest.raises(DeviceError, match="there is no CUDA backend"):
        cr.zeros(2).cuda()


def test_the_cpu_is_a_device():
    x = cr.zeros(2, device="cpu").to("cpu").cpu()
    assert x.device == cr.device("cpu") and str(x.device) == "cpu" and x.device.type == "cpu"
    with pytest.raises(DeviceError, match="'tpu' is not a device"):
        cr.device("tpu")


# ------------------------------------------------------------------------------------------------- sharing memory


def test_from_numpy_shares_memory_both_ways():
    a = np.arange(6.0).reshape(2, 3)
    x = cr.from_numpy(a)
    a[0, 0] = 7
    x[1, 2] = 9
    assert x[0, 0].item() == 7 and a[1, 2] == 9
    y = cr.from_numpy(a.T)
    assert y.stride() == (1, 3) and not y.is_contiguous()
    y.add_(1)
    assert a[0, 0] == 8


def test_from_numpy_refuses_what_is_no_array():
    with pytest.raises(DTypeError, match="from_numpy takes a NumPy array, found list"):
        cr.from_numpy([1.0])
    with pytest.raises(DTypeError, match="complex"):
        cr.from_numpy(np.zeros(2, complex))


def test_a_read_only_array_cannot_be_written_through_a_tensor():
    a = np.zeros(3)
    a.flags.writeable = False
    with pytest.raises(ShapeError, match="it is read-only"):
        cr.from_numpy(a).add_(1)
    assert (a == 0).all()


def test_as_tensor_shares_where_it_can():
    a = np.zeros(3)
    assert np.shares_memory(cr.as_tensor(a).numpy(), a)
    assert not np.shares_memory(cr.as_tensor(a, dtype=cr.float32).numpy(), a)
    x = cr.zeros(2)
    assert cr.as_tensor(x) is x and cr.as_tensor(x, dtype=cr.float64).dtype is cr.float64
    assert cr.as_tensor([1, 2]).dtype is cr.int64


def test_dlpack_shares_memory():
    a = np.arange(3.0)
    x = cr.from_dlpack(a)
    x[0] = 5
    assert a[0] == 5
    back = np.from_dlpack(x)
    assert np.shares_memory(back, a)


def test_dlpack_with_torch(torch):
    t = torch.arange(3.0)
    x = cr.from_dlpack(t)
    x[0] = 5
    assert t[0].item() == 5
    assert torch.from_dlpack(cr.ones(2, 3)).shape == (2, 3)


def test_dlpack_of_a_tensor_with_history_is_refused():
    with pytest.raises(GradError, match="detach"):
        np.from_dlpack(cr.ones(2, requires_grad=True))


@pytest.mark.parametrize("value", [0, 0.0, -0.0, False, 1, -1.5])
@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int64", "float16", "bfloat16", "float32", "float64"]
)
def test_one_value_everywhere_to_the_sign_of_a_zero(value, dtype):
    """Zeros come from the system as they are, but for −0."""
    if dtype == "uint8" and value < 0:
        value = 2
    found = cr.full((3, 5), value, dtype=getattr(cr, dtype))
    assert found.dtype is getattr(cr, dtype) and found.shape == (3, 5)
    expected = np.full((3, 5), value, found.numpy().dtype)
    assert found.numpy().tobytes() == expected.tobytes()


def test_a_tensor_without_axes_is_its_number_in_full():
    """As beam search fills a table with an end token that is a tensor."""
    for value, dtype in ((3, cr.int64), (2.5, cr.float32), (True, cr.bool)):
        found = cr.full((2, 3), cr.tensor(value))
        assert found.dtype is dtype and (found == value).all() and found.shape == (2, 3)
    assert cr.full((2,), cr.tensor(2.7, dtype=cr.float64), dtype=cr.int64).tolist() == [2, 2]
    x = cr.ones(3)
    assert x.new_full((2,), cr.tensor(5)).tolist() == [5.0, 5.0]
    assert cr.full_like(x, cr.tensor(5)).dtype is cr.float32
    filled = cr.graph.trace(lambda v: cr.full((2,), v.sum()) * 2)
    assert filled(x).tolist() == [6.0, 6.0] and filled(2 * x).tolist() == [12.0, 12.0]
    with pytest.raises(
        TypeError, match=r"value is a number or the like, found a tensor of shape \(1,\)"
    ):
        cr.full((2,), cr.ones(1))


def test_sizes_by_name():
    x = cr.ones(3)
    for made in (x.new_zeros(size=(2, 5)), x.new_ones(size=[2, 5]), x.new_empty(size=(2, 5))):
        assert made.shape == (2, 5)


def test_parts_of_a_shape_are_shapes():
    shape = cr.ones(2, 3, 5).shape
    assert shape[1:].numel() == 15 and (shape + (7,)).numel() == ((7,) + shape).numel() == 210
    for part in (shape[::2], shape[:0], shape + shape, (1,) + shape, shape * 2, 2 * shape):
        assert type(part) is cr.Size
    assert type(shape[0]) is int and (1,) + shape == (1, 2, 3, 5)
    with pytest.raises(TypeError):
        shape + [1]
    with pytest.raises(TypeError):
        [1] + shape
