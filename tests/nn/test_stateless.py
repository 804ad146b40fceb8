"""A module called with other parameters than its own, and derivatives by nests of tensors."""

from __future__ import annotations

import pytest

import chainrule as cr
from chainrule import nn
from chainrule.base.errors import ShapeError, StateDictError
from chainrule.func import (
    functional_call,
    grad,
    grad_and_value,
    replace_all_batch_norm_modules_,
    stack_module_state,
    vmap,
)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.register_buffer("scale", cr.ones(3))

    def forward(self, x, twice=False):
        y = self.second(self.first(x)) * self.scale
        return y * 2 if twice else y


def test_tensors_stand_in_and_go_again():
    model, x = Tied(), cr.randn(5, 3)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    other = {"first.weight": cr.eye(3), "first.bias": cr.zeros(3), "second.bias": cr.ones(3)}
    y = functional_call(model, (other, {"scale": cr.full((3,), 2.0)}), (x,), {"twice": True})
    assert cr.allclose(y, (x + 1) * 4)
    untied = functional_call(model, other, x, tie_weights=False)
    assert cr.allclose(untied, x @ model.second.weight.T + 1)
    assert all(cr.equal(v, before[k]) for k, v in model.state_dict().items())
    assert model.second.weight is model.first.weight


def test_the_module_is_as_it_was_after_an_error():
    model = Tied()
    weight = model.first.weight
    with pytest.raises(ShapeError):
        functional_call(model, {"first.weight": cr.ones(7, 7)}, cr.ones(5, 3))
    assert model.first.weight is weight and model.second.weight is weight


def test_names_that_do_not_fit():
    model = Tied()
    with pytest.raises(StateDictError, match=r"unexpected \['first.wait'\]"):
        functional_call(model, {"first.wait": cr.ones(3, 3)}, cr.ones(3))
    with pytest.raises(StateDictError, match=r"missing \['scale', 'first.bias', 'second.bias'\]"):
        functional_call(model, {"first.weight": cr.ones(3, 3)}, cr.ones(3), strict=True)
    with pytest.raises(StateDictError, match="given twice"):
        functional_call(model, ({"scale": cr.ones(3)}, {"scale": cr.ones(3)}), cr.ones(3))


def test_gradients_of_a_dict_of_parameters():
    model, x = nn.Linear(3, 2), cr.randn(5, 3)
    weights = {k: v.detach() for k, v in model.named_parameters()}

    def loss(w, scale):
        return (functional_call(model, w, x) ** 2).sum() * scale

    found, value = grad_and_value(loss)(weights, cr.tensor(2.0))
    (2 * (model(x) ** 2).sum()).backward()
    assert value.item() == pytest.approx(2 * (model(x) ** 2).sum().item(), rel=1e-5)
    assert list(found) == ["weight", "bias"]
    assert all(cr.allclose(found[k], p.grad, rtol=1e-4) for k, p in model.named_parameters())
    both = grad(loss, argnums=(0, 1))(weights, cr.tensor(2.0))
    assert cr.allclose(both[0]["bias"], found["bias"]) and both[1].shape == ()


def test_an_ensemble():
    models = [nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5)).eval() for _ in range(7)]
    parameters, buffers = stack_module_state(models)
    x = cr.randn(2, 3)
    found = vmap(lambda p, b: functional_call(models[0], (p, b), x))(parameters, buffers)
    assert cr.allclose(found, cr.stack([m(x) for m in models]), atol=1e-6)
    with pytest.raises(ShapeError, match="one class and in one mode"):
        stack_module_state([models[0], models[1].train()])


def test_batch_norms_without_a_memory():
    """Their running statistics would be written from within vmap: as they are, that is refused."""
    net = nn.Sequential(nn.Linear(3, 5), nn.Sequential(nn.BatchNorm1d(5)))
    x = cr.randn(2, 7, 3)
    with pytest.raises(cr.base.errors.TraceError, match="writes into a tensor around it"):
        vmap(net)(x)
    assert replace_all_batch_norm_modules_(net) is net
    assert cr.allclose(vmap(net)(x), cr.stack([net(v) for v in x]), atol=1e-6)
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.0.weight", "1.0.bias"]
    assert "track_running_stats=False" in repr(net)
