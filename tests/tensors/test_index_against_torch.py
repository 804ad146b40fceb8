"""Indexing and assignment against torch, with integers beside tensors, values and gradients."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import chainrule as cr

SHAPE = (3, 5, 2, 7)


@st.composite
def mixed_index(draw):
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    shape = draw(st.sampled_from([(4,), (1,), (2, 3), ()]))
    parts, d = [], 0
    for _ in range(draw(st.integers(1, 5))):
        if d == len(SHAPE):
            break
        n = SHAPE[d]
        kind = draw(st.sampled_from(["int", "slice", "tensor", "tensor", "none", "mask"]))
        if kind == "none":
            parts.append(None)
            continue
        if kind == "int":
            parts.append(int(rng.integers(-n, n)))
        elif kind == "slice":
            parts.append(
                slice(
                    draw(st.none() | st.integers(-n, n)),
                    draw(st.none() | st.integers(-n, n)),
                    draw(st.none() | st.integers(1, 3)),
                )
            )
        elif kind == "tensor":
            parts.append(rng.integers(-n, n, shape))
        elif any(isinstance(p, np.ndarray) for p in parts):
            parts.append(slice(None))
        else:
            parts.append(rng.random(n) < 0.5)
            shape = (int(parts[-1].sum()),)  # tensors after a mask must broadcast with its count
        d += 1
    if draw(st.booleans()) and d < len(SHAPE):
        parts.append(Ellipsis)
    return tuple(parts)


def both(torch, index):
    ours = tuple(cr.tensor(p) if isinstance(p, np.ndarray) else p for p in index)
    theirs = tuple(torch.tensor(p) if isinstance(p, np.ndarray) else p for p in index)
    return ours, theirs


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(index=mixed_index())
def test_reading_and_its_gradient(torch, index):
    a = np.random.default_rng(0).standard_normal(SHAPE)
    ours, theirs = both(torch, index)
    x, t = cr.tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
    y, u = x[ours], t[theirs]
    assert tuple(y.shape) == tuple(u.shape)
    np.testing.assert_array_equal(y.detach().numpy(), u.detach().numpy())
    w = np.random.default_rng(1).standard_normal(tuple(u.shape))
    (y * cr.tensor(w)).sum().backward()
    (u * torch.tensor(w)).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), rtol=1e-12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(index=mixed_index(), whole=st.booleans())
def test_writing_and_its_gradient(torch, index, whole):
    a = np.random.default_rng(0).standard_normal(SHAPE)
    ours, theirs = both(torch, index)
    x, t = cr.tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
    shape = tuple(t[theirs].shape)
    v = np.random.default_rng(1).standard_normal(shape if whole else ())
    if whole and any(isinstance(p, np.ndarray) and p.dtype != bool for p in index):
        v = np.broadcast_to(
            v.ravel()[:1].reshape(()) if v.size else np.float64(0.0), shape
        ).copy()  # which repeat wins is not defined
    p, q = cr.tensor(v, requires_grad=True), torch.tensor(v, requires_grad=True)
    y, u = x * 1, t * 1
    y[ours] = p
    u[theirs] = q
    np.testing.assert_array_equal(y.detach().numpy(), u.detach().numpy())
    w = np.random.default_rng(2).standard_normal(SHAPE)
    (y * cr.tensor(w)).sum().backward()
    (u * torch.tensor(w)).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), rtol=1e-12)
    np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "name",
    [
        "index_add_",
        "index_copy_",
        "index_fill_",
        "scatter_",
        "scatter_add_",
        "masked_fill_",
        "fill_diagonal_",
    ],
)
def test_methods_that_write_at_indices(torch, name):
    a = np.random.default_rng(0).standard_normal((5, 7))
    b = np.random.default_rng(1).standard_normal((3, 7))
    i = np.array([4, 0, 2])
    j = np.random.default_rng(2).integers(0, 5, (3, 7))

    def run(lib, dim=0):
        x, src = lib.tensor(a, requires_grad=True), lib.tensor(b, requires_grad=True)
        y = x * 1
        arguments = {
            "index_add_": (0, lib.tensor(i), src), "index_copy_": (0, lib.tensor(i), src), "index_fill_": (1, lib.tensor(i), 2.5),
            "scatter_": (0, lib.tensor(np.argsort(j, 0)), src), "scatter_add_": (0, lib.tensor(j), src),
            "masked_fill_": (lib.tensor(a > 0), 3.0), "fill_diagonal_": (9.0,),
        }[name]  # fmt: skip
        assert getattr(y, name)(*arguments) is y
        (y * y).sum().backward()
        return [
            v.detach().numpy() for v in (y, x.grad, *([src.grad] if src.grad is not None else []))
        ]

    for mine, theirs in zip(run(cr), run(torch), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
