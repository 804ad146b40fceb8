"""Out of a tensor: numbers, lists, arrays, other dtypes, copies, pickles; and how it prints."""

import copy
import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import DeviceError, DTypeError, GradError, ShapeError

DTYPES = [
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "bfloat16",
    "float32",
    "float64",
]


@pytest.mark.parametrize("dtype", DTYPES)
def test_item_and_tolist_give_python_numbers(dtype):
    x = cr.tensor([[0.0, 1.0]], dtype=dtype)
    kind = bool if dtype == "bool" else float if "float" in dtype else int
    assert type(x[0, 1].item()) is kind and x[0, 1].item() == 1
    assert x.tolist() == [[kind(0), kind(1)]] and type(x.tolist()[0][0]) is kind
    assert type(cr.tensor(1, dtype=dtype).tolist()) is kind


def test_item_takes_one_element():
    assert cr.ones(1, 1, 1).item() == 1.0
    with pytest.raises(
        ShapeError, match=r"item\(\) takes a tensor with one element, found shape \(2,\)"
    ):
        cr.ones(2).item()


def test_python_numbers():
    assert (
        float(cr.tensor(2)) == 2.0 and int(cr.tensor(2.7)) == 2 and [10, 20, 30][cr.tensor(1)] == 20
    )
    assert bool(cr.tensor(0.5)) and not bool(cr.zeros(1))
    with pytest.raises(
        DTypeError, match="only integer tensors can be used as an index, found float32"
    ):
        [10][cr.tensor(0.0)]
    with pytest.raises(ShapeError, match="the truth of a tensor with shape .* is ambiguous"):
        bool(cr.ones(2))
    with pytest.raises(ShapeError, match="ambiguous"):
        bool(cr.ones(0))


def test_numpy_shares_memory_and_refuses_history():
    x = cr.zeros(3)
    x.numpy()[0] = 5
    assert x[0].item() == 5
    w = cr.zeros(3, requires_grad=True)
    with pytest.raises(GradError, match=r"hint: tensor\.detach\(\)\.numpy\(\)"):
        w.numpy()
    with pytest.raises(GradError, match="detach"):
        np.asarray(w)
    assert np.shares_memory(w.numpy(force=True), w.detach().numpy())
    assert cr.tensor([1.5], dtype=cr.bfloat16).numpy().dtype == np.float32


def test_the_array_protocol():
    x = cr.arange(3.0)
    assert np.shares_memory(np.asarray(x), x.numpy())
    assert not np.shares_memory(np.array(x), x.numpy())
    assert np.asarray(x, np.float64).dtype == np.float64
    assert np.asarray(x, dtype=np.int64).tolist() == [0, 1, 2]


def test_numpy_operators_leave_the_tensor_in_charge():
    """`array * tensor` would otherwise be an array of tensors, with the gradient lost."""
    w = cr.ones(3, requires_grad=True)
    y = np.arange(3.0) * w
    assert isinstance(y, cr.Tensor) and y.requires_grad
    y = np.float32(2) * w
    assert isinstance(y, cr.Tensor) and y.dtype is cr.float32
    assert isinstance(np.ones((2, 3)) @ w.double(), cr.Tensor)


@pytest.mark.parametrize("dtype", DTYPES)
def test_to(dtype):
    x = cr.tensor([0.0, 1.0, 3.7])
    y = x.to(dtype=dtype)
    assert y.dtype.name == dtype
    assert x.to(y).dtype is y.dtype
    expected = {
        "bool": [False, True, True],
        "float16": [0, 1, 3.69921875],
        "bfloat16": [0, 1, 3.703125],
        "float64": x.tolist(),
        "float32": x.tolist(),
    }
    assert y.tolist() == expected.get(dtype, [0, 1, 3])


def test_to_the_same_dtype_is_the_tensor_itself():
    x = cr.ones(2)
    assert x.to(cr.float32) is x and x.float() is x and x.to("cpu") is x
    assert x.to(cr.float32, copy=True) is not x
    for method, dtype in {
        "double": "float64",
        "half": "float16",
        "bfloat16": "bfloat16",
        "long": "int64",
        "int": "int32",
        "bool": "bool",
    }.items():
        assert getattr(x, method)().dtype.name == dtype
    assert (
        x.type() == "chainrule.FloatTensor"
        and x.type_as(cr.ones(1, dtype=cr.int8)).dtype is cr.int8
    )


def test_a_conversion_carries_the_gradient_back_in_the_dtype_of_the_leaf():
    w = cr.ones(3, requires_grad=True)
    (w.double() * 2).sum().backward()
    assert w.grad.dtype is cr.float32 and w.grad.tolist() == [2, 2, 2]
    assert not (w.long() * 2).requires_grad


# ------------------------------------------------------------------------------------------------- pickle and copy


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "int64"])
def test_pickle_keeps_values_dtype_and_flag(dtype):
    x = cr.tensor([1.0, 2.0], dtype=dtype, requires_grad=dtype != "int64")
    y = pickle.loads(pickle.dumps(x))
    assert y.dtype is x.dtype and y.tolist() == x.tolist() and y.requires_grad == x.requires_grad
    assert type(pickle.loads(pickle.dumps(cr.nn.Parameter(cr.ones(2))))) is cr.nn.Parameter


def test_a_pickled_view_holds_its_own_elements_only():
    big = cr.zeros(1009)
    assert len(pickle.dumps(big[:2])) < 1000


def test_deepcopy_is_independent_and_keeps_the_gradient():
    w = cr.ones(3, requires_grad=True)
    (w * 2).sum().backward()
    v = copy.deepcopy(w)
    with cr.no_grad():
        v.add_(1)
    v.grad.add_(1)
    assert (
        w.tolist() == [1, 1, 1] and w.grad.tolist() == [2, 2, 2] and v.requires_grad and v.is_leaf
    )
    a, b = copy.deepcopy((w, w))
    assert a is b  # tied stays tied


def test_only_leaves_are_copied():
    y = cr.ones(2, requires_grad=True) * 2
    with pytest.raises(GradError, match="only leaves can be deep-copied"):
        copy.deepcopy(y)


def test_what_had_a_history_is_pickled_as_a_leaf():
    y = pickle.loads(pickle.dumps(cr.ones(2, requires_grad=True) * 2))
    assert y.is_leaf
    assert y.requires_grad
    assert y.tolist() == [2.0, 2.0]


# -------------------------------------------------------------------------------------------------- size and shape


def test_size():
    x = cr.zeros(2, 3, 5)
    assert (
        x.size() == (2, 3, 5)
        and x.size(-1) == 5
        and isinstance(x.size(), cr.tensor(0).shape.__class__)
    )
    assert x.shape.numel() == 30 and x.numel() == x.nelement() == 30 and len(x) == 2
    assert repr(x.shape) == "chainrule.Size([2, 3, 5])" and x.shape[1:] == (3, 5)
    assert x.nbytes == 120 and x.element_size() == x.itemsize == 4
    with pytest.raises(TypeError, match="0-d"):
        len(cr.tensor(1))
    with pytest.raises(TypeError, match="0-d"):
        iter(cr.tensor(1))


def test_transposes():
    x = cr.arange(30).reshape(2, 3, 5)
    np.testing.assert_array_equal(x.T.numpy(), x.numpy().T)
    np.testing.assert_array_equal(x.mT.numpy(), x.numpy().swapaxes(1, 2))
    with pytest.raises(ShapeError, match="needs at least two axes"):
        _ = cr.ones(3).mT


# -------------------------------------------------------------------------------------------------------- printing


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: cr.tensor([1.0, 2.5]), "tensor([1.0000, 2.5000])"),
        (lambda: cr.tensor([1.0, 2.0]), "tensor([1., 2.])"),
        (lambda: cr.tensor([[1, 2], [3, 4]]), "tensor([[1, 2],\n        [3, 4]])"),
        (lambda: cr.tensor(3), "tensor(3)"),
        (lambda: cr.tensor(2.5), "tensor(2.5000)"),
        (lambda: cr.tensor(True), "tensor(True)"),
        (lambda: cr.tensor([]), "tensor([])"),
        (lambda: cr.zeros(2, 0), "tensor([], size=(2, 0))"),
        (lambda: cr.ones(2, dtype=cr.float64), "tensor([1., 1.], dtype=chainrule.float64)"),
        (lambda: cr.ones(2, dtype=cr.bfloat16), "tensor([1., 1.], dtype=chainrule.bfloat16)"),
        (lambda: cr.ones(1, requires_grad=True), "tensor([1.], requires_grad=True)"),
        (lambda: cr.ones(1, requires_grad=True).tanh(), "tensor([0.7616], grad_fn=<tanh>)"),
    ],
)
def test_repr(make, text):
    assert repr(make()) == text


def test_format():
    assert f"{cr.tensor(2.345):.1f}" == "2.3" and f"{cr.tensor([1, 2])}" == "tensor([1, 2])"


def test_hash_and_equality_of_tensors_as_keys():
    a, b = cr.ones(2), cr.ones(2)
    assert {a: 1, b: 2}[a] == 1 and a in {a} and (a == None) is False  # noqa: E711 - the comparison is the test


def test_old_names_of_types():
    x = cr.tensor([1.5, 2.5])
    assert x.type() == "chainrule.FloatTensor" and cr.typename(x) == "chainrule.FloatTensor"
    assert x.type("torch.LongTensor").tolist() == [1, 2]
    assert x.type(cr.DoubleTensor).dtype is cr.float64 and x.type(cr.float16).dtype is cr.float16
    with pytest.raises(DTypeError, match="there is no type 'torch.WideTensor'"):
        x.type("torch.WideTensor")
    assert cr.LongTensor(2, 3).shape == (2, 3) and cr.FloatTensor([1, 2]).dtype is cr.float32
    assert isinstance(x, cr.FloatTensor) and not isinstance(x, cr.LongTensor)
    assert cr.LongTensor(cr.ones(2, 3).shape).tolist() == [[0] * 3] * 2  # a shape is no data
    for name in ("FloatTensor", "LongTensor", "ByteTensor"):
        assert not isinstance(x, getattr(cr.cuda, name))
        with pytest.raises(DeviceError, match="there is no CUDA backend"):
            getattr(cr.cuda, name)(3)


def test_new_tensors_of_the_same_dtype():
    x = cr.ones(2, dtype=cr.float64)
    assert x.new(2, 3).tolist() == [[0] * 3] * 2 and x.new().shape == (0,)
    assert x.new(x.shape).shape == (2,) and x.new([1, 2]).tolist() == [1, 2]
    assert {y.dtype for y in (x.new(3), x.new([1]), x.new_tensor(1, device="cpu"))} == {cr.float64}
    assert cr.ones(1, dtype=cr.int64).new(np.array([1.0, 2.0])).dtype is cr.int64
    with pytest.raises(DeviceError):
        x.new(2, device="cuda")
    with pytest.raises(DeviceError):
        x.new_tensor(2, device="cuda")


def test_the_default_type_by_an_old_name():
    try:
        for t in (cr.DoubleTensor, "torch.DoubleTensor", "DoubleTensor"):
            cr.set_default_tensor_type(t)
            assert cr.tensor(1.5).dtype is cr.float64
            cr.set_default_tensor_type("torch.FloatTensor")
            assert cr.tensor(1.5).dtype is cr.float32
        with pytest.raises(DeviceError, match="torch.cuda.FloatTensor: there is no CUDA backend"):
            cr.set_default_tensor_type("torch.cuda.FloatTensor")
        with pytest.raises(DTypeError, match="there is no type 'torch.WideTensor'; there are BF"):
            cr.set_default_tensor_type("torch.WideTensor")
        with pytest.raises(DTypeError, match="takes a floating dtype"):
            cr.set_default_tensor_type(cr.LongTensor)
    finally:
        cr.set_default_dtype(cr.float32)


def test_a_variable_is_a_leaf_in_the_memory_of_its_data():
    """Code from before tensors had gradients cuts the graph by wrapping an output once more."""
    x = cr.ones(2, requires_grad=True)
    y = cr.autograd.Variable(3 * x)
    assert not y.requires_grad and y.tolist() == [3, 3]
    z = cr.autograd.Variable(x, requires_grad=True)
    assert z is not x and z.is_leaf and z.requires_grad and z.data_ptr() == x.data_ptr()
    assert isinstance(x, cr.autograd.Variable)
    assert not isinstance(np.ones(2), cr.autograd.Variable)
    assert cr.autograd.Variable().shape == (0,)
    with pytest.warns(UserWarning, match="volatile was removed"):
        cr.autograd.Variable(y, volatile=True)
    with pytest.raises(DTypeError, match="Variable takes a tensor, found ndarray"):
        cr.autograd.Variable(np.ones(2))


def test_python_functions_of_elements():
    x = cr.tensor([1.0, 2.0])
    assert x.apply_(lambda v: v * 10).tolist() == [10, 20]
    assert x.map_(cr.tensor([1.0]), lambda a, b: a + b).tolist() == [11, 21]
    with pytest.raises(GradError, match="no gradient"):
        cr.ones(2, requires_grad=True).apply_(abs)
    assert cr.frombuffer(bytearray(b"\x01\x00\x02\x00"), dtype=cr.int16, offset=2).tolist() == [2]
    assert cr.sin_(cr.zeros(2)).tolist() == [0, 0] and x.pin_memory() is x and not x.is_pinned()
