"""Random programs of views and in-place writes: values as on NumPy arrays, gradients as differences and as torch."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from view_programs import OnArrays, OnTensors, eager_steps, inputs, run, weights

import chainrule as cr


def on_arrays(program, x):
    pool = run(OnArrays(), program, x)
    return pool, sum(float((weights(k, t.shape) * t).sum()) for k, t in enumerate(pool))


def on_chainrule(program, x):
    leaf = cr.tensor(x, requires_grad=True)
    pool = run(OnTensors(), program, leaf)
    total = sum(
        [(cr.tensor(weights(k, t.shape)) * t).sum() for k, t in enumerate(pool)],
        cr.tensor(0.0, dtype=cr.float64),
    )
    total.backward()
    return pool, total, leaf.grad


@given(eager_steps)
def test_values_and_gradients(program):
    """A view that misses a write, or a history that follows the wrong path, changes a value or a derivative."""
    x = inputs()
    arrays, value = on_arrays(program, x)
    tensors, total, g = on_chainrule(program, x)
    assert len(arrays) == len(tensors)
    for a, t in zip(arrays, tensors, strict=True):
        np.testing.assert_allclose(t.detach().numpy(), a, rtol=1e-12, atol=1e-12)
        assert np.shares_memory(
            t.detach().numpy(), tensors[0].detach().numpy()
        ) == np.shares_memory(a, arrays[0])
    direction, h = np.random.default_rng(6).standard_normal(x.shape), 1e-5
    numeric = (
        on_arrays(program, x + h * direction)[1] - on_arrays(program, x - h * direction)[1]
    ) / (2 * h)
    assert abs(float((g.numpy() * direction).sum()) - numeric) <= 1e-6 * (1 + abs(numeric))
    assert abs(total.item() - value) <= 1e-10 * (1 + abs(value))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(program=eager_steps)
def test_against_torch(torch, program):
    x = inputs()
    tensors, _, g = on_chainrule(program, x)
    leaf = torch.tensor(x, requires_grad=True)
    pool = run(OnTensors(), program, leaf)
    sum((torch.tensor(weights(k, t.shape)) * t).sum() for k, t in enumerate(pool)).backward()
    for mine, theirs in zip(tensors, pool, strict=True):
        np.testing.assert_allclose(
            mine.detach().numpy(), theirs.detach().numpy(), rtol=1e-12, atol=1e-12
        )
        assert mine.requires_grad == theirs.requires_grad
        # how far an axis of size 1 steps is of no consequence
        strides = zip(mine.shape, mine.stride(), theirs.stride(), strict=True)
        assert all(a == b for n, a, b in strides if n > 1)
    np.testing.assert_allclose(g.numpy(), leaf.grad.numpy(), rtol=1e-11, atol=1e-12)
