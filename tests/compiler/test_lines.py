"""Kernels that go along lines: running sums and their kin, and sorting, with ties, NaN and zeros of both signs."""

import numpy as np
import pytest
from compiler.both import Both
from compiler.programs import Large

import chainrule as cr
from chainrule import ops
from chainrule.compiler import execution
from chainrule.compiler.native import Native
from chainrule.compiler.runtime import Runtime
from chainrule.graph import Program
from chainrule.graph.traced import TracedFunction


@pytest.mark.parametrize(
    ("shape", "dim"),
    [
        ((5000,), 0),
        ((3, 4097), 1),
        ((4097, 3), 0),
        ((7, 300, 33), 1),
        ((2, 17, 5, 3), 1),
        ((64, 64), 0),
    ],
)
def test_running_sums(shape, dim):
    """The bits of NumPy, which adds in the same order."""
    b = Large(1)
    x = b.floats(shape)
    outs = [
        b.emit(ops.cumsum, x, dim=dim),
        b.emit(ops.cumsum, b.emit(ops.permute, x, dims=tuple(range(x.spec.ndim))[::-1]), dim=0),
    ]
    found = Native(Program(b.inputs, b.equations, outs)).run(b.feed, [None, None])
    np.testing.assert_array_equal(found[0], np.cumsum(b.feed[0], axis=dim))
    np.testing.assert_array_equal(found[1], np.cumsum(b.feed[0].T, axis=0))


def strange(shape, seed=0):
    """Numbers with many equals, both zeros, infinities and NaN among them."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-9, 9, shape).astype("float32")
    x[rng.random(shape) < 0.1] = -0.0
    for value in (np.inf, -np.inf, np.nan):
        x[rng.random(shape) < 0.05] = value
    return x


def compiled(f, *given):
    """The results of a function of tensors, which agree with the interpreter's; all of it is machine code."""
    traced = TracedFunction(f, Both)
    out = traced(*[cr.tensor(x) if isinstance(x, np.ndarray) else x for x in given])
    assert not traced.last.executor.native.left_to_numpy
    return out


@pytest.mark.parametrize("n", [1, 2, 3, 31, 32, 33, 64, 67, 1031])
def test_orders_are_stable_and_complete(n):
    x = strange((5, n), n)
    for descending in (False, True):
        values, indices = compiled(
            lambda x, d=descending: cr.sort(x, dim=1, descending=d, stable=True), x
        )
        expected = ops.sort(x, dim=1, descending=descending)
        np.testing.assert_array_equal(indices.numpy(), expected[1])
        assert values.numpy().tobytes() == expected[0].tobytes()
        places = compiled(
            lambda x, d=descending: cr.argsort(x, dim=1, descending=d, stable=True), x
        )
        np.testing.assert_array_equal(places.numpy(), expected[1])


@pytest.mark.parametrize(
    "dtype", ["float64", "float16", "bfloat16", "int64", "int32", "int8", "uint8", "bool"]
)
def test_orders_of_other_dtypes(dtype):
    x = cr.tensor(strange((3, 71))).nan_to_num(2.0, 3.0, -3.0).to(getattr(cr, dtype))
    for k in (2, 71):
        values, indices = compiled(lambda x, k=k: cr.topk(x, k, dim=1), x)
        expected = cr.topk(x, k, dim=1)
        assert (values == expected[0]).all() and (indices == expected[1]).all()
    values, indices = compiled(lambda x: cr.sort(x.T, dim=0, stable=True), x)
    expected = cr.sort(x.T, dim=0, stable=True)
    assert (values == expected[0]).all() and (indices == expected[1]).all()


def test_the_first_few_of_long_lines_on_any_number_of_threads(monkeypatch):
    x = strange((37, 5003))
    values, indices = ops.topk(x, k=7, dim=1, largest=True)
    b = Large(0)
    v = b.input(x)
    outs = b.emit(ops.topk, v, k=7, dim=1, largest=True), b.equations[-1].outputs[1]
    made = Native(Program(b.inputs, b.equations, list(outs)))
    (step,) = made.steps
    assert step.kernel.tasks > 1
    for count in (1, 2, 4):
        monkeypatch.setattr(execution, "runtime", Runtime(count))
        found = made.run(b.feed, [None, None])
        np.testing.assert_array_equal(found[1], indices)
        assert found[0].tobytes() == values.tobytes()


@pytest.mark.parametrize("dim", [0, 1])
def test_running_extremes_and_log_sums(dim):
    x = strange((67, 19))
    for op in (ops.cummax, ops.cummin):
        values, places = compiled(lambda x, op=op: op(x, dim=dim), x)
        expected = op(x, dim=dim)
        np.testing.assert_array_equal(values.numpy(), expected[0])
        np.testing.assert_array_equal(places.numpy(), expected[1])
    y = compiled(lambda x: cr.logcumsumexp(x, dim), np.where(x != x, -np.inf, x))
    assert not y.isnan().any()


def test_gradients_of_what_runs_along_lines():
    """Products with zeros among the factors, log-sums, the largest so far and sorted elements."""

    def step(x):
        x = x.detach().requires_grad_()
        y = cr.cumprod(x, 0).sum() + cr.logcumsumexp(x, 1).exp().sum() + cr.prod(x, 1).sum()
        y = y + (cr.cummax(x, 1)[0] * cr.sort(x, dim=0)[0]).sum()
        y.backward()
        return x.grad

    x = np.random.default_rng(0).uniform(-1.5, 1.5, (11, 13)).astype("float32")
    x[3, 5] = 0
    compiled(step, x)
