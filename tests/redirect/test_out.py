"""`out=`: what PyTorch's functions write into a tensor that is given."""

import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule.redirect.surroundings.out import HAVE_OUT, into

A, B = [[3.0, -1.0, 2.0], [0.5, 4.0, -2.0]], [[1.0, 5.0, -3.0], [0.25, -4.0, 2.0]]

CALLS = {
    "max": lambda f, m, a, b: f(a, b, out=a),  # as optimizers keep the largest second moment
    "add": lambda f, m, a, b: f(a, b, alpha=0.5, out=m.empty(0)),
    "topk": lambda f, m, a, b: f(a, 2, out=(m.empty(0), m.empty(0, dtype=m.int64))),
    "sum": lambda f, m, a, b: f(a, 1, out=m.empty(2, dtype=m.float64)),
    "cat": lambda f, m, a, b: f([a, b], out=m.empty(4, 3)),
    "matmul": lambda f, m, a, b: f(a, b.T, out=m.empty(2, 2)),
    "eq": lambda f, m, a, b: f(a, 2.0, out=m.empty(2, 3)),
    "arange": lambda f, m, a, b: f(0, 5, 2, out=m.empty(0)),
    "zeros": lambda f, m, a, b: f(2, 3, out=a),
    "full": lambda f, m, a, b: f((3,), 7, out=m.empty(0)),
    "index_select": lambda f, m, a, b: f(a, 1, m.tensor([2, 0]), out=m.empty(2, 2)),
    "exp": lambda f, m, a, b: f(a, out=b.T[:, :2].new_empty(0)),
}


def function(m, name):
    return into(name) if m is cr else getattr(m, name)


@pytest.mark.parametrize("name", CALLS)
def test_results_are_written_as_pytorch_writes_them(torch, name):
    found = []
    for m in (cr, torch):
        y = CALLS[name](function(m, name), m, m.tensor(A), m.tensor(B))
        ys = y if isinstance(y, tuple) else (y,)
        found.append([(str(t.dtype).rpartition(".")[2], t.numpy()) for t in ys])
    for (dtype, mine), (known, theirs) in zip(*found, strict=True):
        assert dtype == known
        np.testing.assert_allclose(mine, theirs, rtol=1e-6)


def test_the_tensor_that_is_given_is_returned_and_seen_through_views():
    a, whole = cr.tensor(A), cr.zeros(3, 3)
    part = whole[1:]
    assert into("neg")(a, out=part) is part
    assert whole[0].sum() == 0 and whole[1:].tolist() == (-a).tolist()
    values, places = cr.empty(0), cr.empty(0, dtype=cr.int64)
    assert into("max")(a, 1, out=(values, places)).indices is places
    assert values.tolist() == [3.0, 4.0] and places.tolist() == [0, 1]


def test_another_shape_is_told():
    y = cr.zeros(3)
    with pytest.warns(UserWarning, match=r"exp\(out=…\): a tensor of shape \(3,\) was resized to"):
        into("exp")(cr.zeros(2), out=y)
    assert y.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda m, f: f(m.ones(2, requires_grad=True), 1, out=m.ones(2)),
            cr.GradError,
            "no gradient",
        ),
        (
            lambda m, f: f(m.ones(2), 1, out=m.ones(2, requires_grad=True)),
            cr.GradError,
            "no gradient",
        ),
        (
            lambda m, f: f(m.ones(2), 1, out=m.ones(2, dtype=m.int64)),
            cr.DTypeError,
            "the result is float32, which cannot be written into int64",
        ),
        (
            lambda m, f: f(m.ones(2, dtype=m.int64), 1, out=m.ones(2, dtype=m.bool)),
            cr.DTypeError,
            "the result is int64, which cannot be written into bool",
        ),
    ],
)
def test_what_pytorch_refuses_is_refused(torch, call, error, words):
    with pytest.raises(error, match=words):
        call(cr, into("add"))
    with pytest.raises(RuntimeError):
        call(torch, torch.add)


def test_without_gradients_parameters_are_written():
    """As target networks follow others."""
    target, source = cr.nn.Parameter(cr.zeros(3)), cr.nn.Parameter(cr.ones(3))
    with cr.no_grad():
        into("add")(target, source, alpha=0.25, out=target)
    assert target.tolist() == [0.25] * 3 and target.requires_grad


def test_functions_are_pickled_by_name_and_have_their_own():
    tanh = into("tanh")
    assert pickle.loads(pickle.dumps(tanh)) is tanh and tanh.__name__ == "tanh"
    assert tanh(cr.zeros(2)).tolist() == [0, 0]


def test_the_names_are_chainrules_and_pytorchs(torch):
    for name in HAVE_OUT:
        assert callable(getattr(cr, name)) and callable(getattr(torch, name))
