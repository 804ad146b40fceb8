"""nn.utils: clipping, and parameters as one vector."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.base.errors import ShapeError
from chainrule.nn import utils


def parameters(scale=1.0):
    rng = np.random.default_rng(3)
    found = []
    for shape in ((3, 5), (7,), ()):
        p = nn.Parameter(rng.standard_normal(shape))
        p.grad = cr.tensor(scale * rng.standard_normal(shape))
        found.append(p)
    return [*found, nn.Parameter(np.zeros(2))]  # the last has no gradient


def norm(ps, order=2):
    return np.linalg.norm(
        np.concatenate([p.grad.numpy().ravel() for p in ps if p.grad is not None]), order
    )


@pytest.mark.parametrize("order", [2.0, 1.0, 3.0, float("inf")])
def test_norms_above_the_limit_are_scaled_down(order):
    ps = parameters(10)
    before = norm(ps, order)
    kept = [p.grad for p in ps]
    found = utils.clip_grad_norm_(ps, 1.5, norm_type=order)
    assert found.shape == () and found.item() == pytest.approx(before, rel=1e-12)
    assert norm(ps, order) == pytest.approx(1.5, rel=1e-5)
    assert all(p.grad is g for p, g in zip(ps, kept, strict=True))


def test_norms_below_the_limit_stay():
    ps = parameters(0.01)
    before = [p.grad.numpy().copy() for p in ps[:3]]
    utils.clip_grad_norm_(iter(ps), 100.0)
    for p, g in zip(ps, before, strict=False):
        np.testing.assert_array_equal(p.grad.numpy(), g)


def test_one_parameter_and_none():
    p = parameters()[0]
    before = norm([p])
    assert utils.clip_grad_norm_(p, 0.1).item() == pytest.approx(before)
    assert utils.clip_grad_norm_([], 0.1).item() == 0.0
    assert utils.get_total_norm([]).item() == 0.0


def test_half_floats_do_not_overflow():
    p = nn.Parameter(cr.zeros(100, dtype=cr.float16))
    p.grad = cr.full((100,), 300.0, dtype=cr.float16)
    assert utils.clip_grad_norm_(p, 1.0).item() == pytest.approx(3000.0)
    assert p.grad.dtype is cr.float16
    np.testing.assert_allclose(p.grad.numpy(), 0.1, rtol=2e-3)


def test_infinite_norms():
    p = nn.Parameter(cr.zeros(2))
    p.grad = cr.tensor([1.0, float("inf")])
    with pytest.raises(RuntimeError, match=r"total norm of order 2.0 .* is non-finite"):
        utils.clip_grad_norm_(p, 1.0, error_if_nonfinite=True)
    assert p.grad.numpy()[0] == 1.0
    assert utils.clip_grad_norm_(p, 1.0).item() == float("inf")


def test_values():
    ps = parameters(10)
    before = [p.grad.numpy().copy() for p in ps[:3]]
    utils.clip_grad_value_(ps, 2)
    for p, g in zip(ps, before, strict=False):
        np.testing.assert_array_equal(p.grad.numpy(), np.clip(g, -2, 2))


def test_vector_and_back():
    ps = parameters()
    vector = utils.parameters_to_vector(ps)
    assert vector.shape == (15 + 7 + 1 + 2,)
    vector.sum().backward()
    assert ps[3].grad.numpy().tolist() == [1, 1]
    utils.vector_to_parameters(cr.arange(25.0, dtype=cr.float64), ps)
    np.testing.assert_array_equal(ps[1].detach().numpy(), np.arange(15.0, 22.0))
    assert ps[0].requires_grad
    with pytest.raises(ShapeError, match=r"have 25 elements together, vec has shape \(3,\)"):
        utils.vector_to_parameters(cr.zeros(3), ps)
    with pytest.raises(TypeError, match="expected a Tensor, but got: list"):
        utils.vector_to_parameters([1.0], ps)


@pytest.mark.torch
@pytest.mark.parametrize("order", [2.0, 1.0, 3.0, float("inf")])
def test_clipping_is_that_of_torch(torch, order):
    ours = parameters(10)
    theirs = []
    for p in ours:
        q = torch.nn.Parameter(torch.tensor(p.detach().numpy()))
        q.grad = None if p.grad is None else torch.tensor(p.grad.numpy())
        theirs.append(q)
    a = utils.clip_grad_norm_(ours, 1.5, norm_type=order)
    b = torch.nn.utils.clip_grad_norm_(theirs, 1.5, norm_type=order)
    assert a.item() == pytest.approx(b.item(), rel=1e-13)
    for p, q in zip(ours[:3], theirs[:3], strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-13)
