"""When a call gets a program that was written before, and when a new one."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.graph import trace


def test_a_program_for_each_shape_dtype_and_structure():
    f = trace(lambda x: x * 2)
    for shape in ((2,), (3,), (2,), (3,), (1, 2)):
        f(cr.ones(*shape))
    assert len(f.programs) == 3
    f(cr.ones(2, dtype=cr.float64))
    f(cr.ones(2, dtype=cr.int64))
    assert len(f.programs) == 5
    g = trace(lambda a: a[0] + a[1] if isinstance(a, (tuple, list)) else a["x"] + a["y"])
    one = cr.ones(2)
    for a in ((one, one + 1), (one, one * 5), [one, one + 1], {"x": one, "y": one + 1}):
        g(a)
    assert len(g.programs) == 3


def test_python_values_are_constants():
    f = trace(lambda x, k, *, flag=False: x * k + (1 if flag else 0))
    one = cr.ones(1)
    assert [f(one, 2).item(), f(one, 3).item(), f(one, 2, flag=True).item(), f(one, 2).item()] == [
        2,
        3,
        3,
        2,
    ]
    assert len(f.programs) == 3
    # 1, 1.0 and True are equal as dictionary keys, and are not the same argument
    g = trace(lambda x, k: x * k)
    x = cr.ones(1, dtype=cr.int64)
    assert [g(x, k).dtype.name for k in (1, 1.0, True)] == ["int64", "float32", "int64"]


def test_indices_that_follow_from_numbers_are_constants():
    """As DLRM picks the products of different features."""

    def pairs(x):
        rows, columns = cr.tril_indices(5, 5, -1)
        return x[:, rows, columns], cr.combinations(x[0, 0], 2), x[0][cr.triu_indices(3, 5)[1]]

    x = cr.arange(50).view(2, 5, 5)
    f = trace(pairs)
    for found, expected in zip(f(x), pairs(x), strict=True):
        assert found.equal(expected)


def test_the_gradient_mode():
    w = cr.ones(2, requires_grad=True)

    def f(x):
        y = x * w
        return cr.zeros(()) if y.requires_grad else y

    traced = trace(f)
    assert traced(cr.ones(2)).shape == ()
    with cr.no_grad():
        assert traced(cr.ones(2)).shape == (2,)
    assert len(traced.programs) == 2 and traced(cr.ones(2)).shape == ()


def test_requires_grad_of_arguments_and_captured_tensors():
    w = cr.ones(2)

    def f(x):
        y = x * w
        return (y * 0 if y.requires_grad else y).detach()

    traced = trace(f)
    assert traced(cr.ones(2)).tolist() == [1, 1]
    assert traced(cr.ones(2, requires_grad=True)).tolist() == [0, 0]
    w.requires_grad_()
    assert traced(cr.ones(2)).tolist() == [0, 0]
    w.requires_grad_(False)
    assert traced(cr.ones(2)).tolist() == [1, 1] and len(traced.programs) == 3


def test_training_mode_of_modules_deep_down():
    net = nn.Sequential(nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.9)))
    f = trace(lambda x: net(x))
    x = cr.ones(101, 3)
    f(x)
    net[0][1].eval()
    np.testing.assert_array_equal(f(x).detach().numpy(), net(x).detach().numpy())
    net.eval()
    f(x)
    net.train()
    f(x)
    assert len(f.programs) == 3


def test_replaced_parameters_and_modules():
    net = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    f = trace(net)
    x = cr.tensor([[1.0, -2.0, 3.0]])
    f(x)
    for change in (
        lambda: setattr(net[0], "weight", nn.Parameter(cr.ones(2, 3))),
        lambda: setattr(net[0], "bias", None),
        lambda: net.__setitem__(1, nn.Tanh()),
        lambda: setattr(net[0].weight, "data", cr.full((2, 3), 0.25)),
        lambda: net.append(nn.Linear(2, 2)),
        lambda: net[0].weight.requires_grad_(False),
    ):
        change()
        np.testing.assert_array_equal(f(x).detach().numpy(), net(x).detach().numpy())
    net.load_state_dict({k: v * 2 for k, v in net.state_dict().items()})
    n = len(f.programs)
    np.testing.assert_array_equal(f(x).detach().numpy(), net(x).detach().numpy())
    assert len(f.programs) == n  # values are inputs


def test_grad_present_or_absent():
    w = nn.Parameter(cr.ones(2))

    def f(x):
        (w * x).sum().backward()

    traced = trace(f)
    for expected in (3, 6, 9):
        traced(cr.full((2,), 3.0))
        assert w.grad.tolist() == [expected] * 2
    w.grad = None
    traced(cr.full((2,), 3.0))
    assert w.grad.tolist() == [3, 3] and len(traced.programs) == 2


def test_the_default_dtype():
    f = trace(lambda x: x + 0.5)
    i = cr.ones(2, dtype=cr.int64)
    assert f(i).dtype is cr.float32
    cr.set_default_dtype(cr.float64)
    try:
        assert f(i).dtype is cr.float64
    finally:
        cr.set_default_dtype(cr.float32)
    assert f(i).dtype is cr.float32


# --------------------------------------------------------------------------------------------- arguments that alias


def test_the_same_tensor_twice_and_then_two():
    f = trace(lambda a, b: a * 2 + b)
    one, two = cr.ones(2), cr.full((2,), 2.0)
    assert f(one, one).tolist() == [3, 3]
    assert (
        f(one, two).tolist() == [4, 4]
        and f(two, one).tolist() == [5, 5]
        and f(two, two).tolist() == [6, 6]
    )


@pytest.mark.parametrize("first", [0, 1])
def test_an_argument_that_is_a_captured_tensor(first):
    """Whichever call comes first, x must not be taken for w for ever, nor w for x."""
    w = cr.ones(2)
    f = trace(lambda x: x + w * 10)
    calls = [(w, [11, 11]), (cr.zeros(2), [10, 10])]
    for k in (first, 1 - first, first):
        x, expected = calls[k]
        assert f(x).tolist() == expected
    g = trace(lambda x: x + w * 10)
    assert g(w.view(2)).tolist() == [11, 11] and g(cr.zeros(2)).tolist() == [10, 10]


def test_writes_to_memory_seen_under_two_names():
    """Either the result is eager's, or the call is refused by name; never a silent other value."""
    w = cr.ones(2)

    def f(a, b):
        a.add_(1)
        return b * 10 + w

    traced = trace(f)
    assert traced(cr.zeros(2), cr.zeros(2)).tolist() == [1, 1]
    for make in (lambda x: (x, x), lambda x: (x, x.view(2)), lambda x: (w, x), lambda x: (x, w)):
        a, b = make(cr.zeros(2))
        before = w.tolist()
        try:
            found = traced(a, b).tolist()
        except cr.TraceError as e:
            assert "share memory" in str(e) and "clone()" in str(e)
            assert w.tolist() == before
        else:
            w.copy_(cr.tensor(before))
            a, b = make(cr.zeros(2))
            assert f(a, b).tolist() == found
            w.copy_(cr.tensor(before))


def test_transposed_arguments_are_another_program_or_another_layout():
    f = trace(lambda x: x.reshape(-1))
    x = cr.arange(6).reshape(2, 3)
    assert f(x).tolist() == [0, 1, 2, 3, 4, 5] and f(cr.arange(6).reshape(3, 2).T).tolist() == [
        0,
        2,
        4,
        1,
        3,
        5,
    ]


def test_a_traced_function_inside_another_becomes_part_of_it():
    inner = trace(lambda x: x * 2)
    outer = trace(lambda x: inner(x) + 1)
    assert (
        outer(cr.ones(2)).tolist() == [3, 3] and inner.programs == [] and len(outer.programs) == 1
    )


def test_traced_functions_keep_name_and_doc():
    @trace
    def named(x):
        """Doc."""
        return x

    assert named.__name__ == "named" and named.__doc__ == "Doc."


def test_results_may_be_any_structure():
    f = trace(lambda x: {"a": (x + 1, [x * 2, None, "text"]), "n": 3})
    for k in (1.0, 2.0):
        out = f(cr.tensor(k))
        assert (
            out["a"][0].item() == k + 1
            and out["a"][1][0].item() == 2 * k
            and out["a"][1][1:] == [None, "text"]
            and out["n"] == 3
        )
    top = trace(lambda x: x.topk(2))(cr.arange(3.0))
    assert top.values.tolist() == [2, 1]
