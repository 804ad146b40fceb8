"""Optimizers without a reference: groups, states, errors, and what a step does by hand."""

import copy
import json
import math
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.base.errors import DTypeError, StateDictError
from chainrule.optim.optimizer import BLOCK

MAKERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.3),
    "nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam": lambda p: optim.Adam(p, lr=0.1, weight_decay=0.01),
    "amsgrad": lambda p: optim.Adam(p, lr=0.1, amsgrad=True),
    "adamw": lambda p: optim.AdamW(p, lr=0.1),
    "nadam": lambda p: optim.NAdam(p, lr=0.1),
    "radam": lambda p: optim.RAdam(p, lr=0.1, betas=(0.8, 0.9)),
    "adamax": lambda p: optim.Adamax(p, lr=0.1),
    "adagrad": lambda p: optim.Adagrad(p, lr=1.0),
    "adadelta": lambda p: optim.Adadelta(p, lr=10.0),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.1, momentum=0.3, centered=True, eps=0.1),
    "rprop": lambda p: optim.Rprop(p, lr=0.1),
    "asgd": lambda p: optim.ASGD(p, lr=0.1),
    "lion": lambda p: optim.Lion(p, lr=0.05),
    "lamb": lambda p: optim.LAMB(p, lr=0.02),
    "adafactor": lambda p: optim.Adafactor(p, lr=0.1),
}
WHOLE = ("lamb", "adafactor")


def leaf(*values, dtype=None):
    return nn.Parameter(cr.tensor(list(values), dtype=dtype))


def descend(optimizer, p, steps):
    """Minimise Σ (p − 3)²."""
    for _ in range(steps):
        optimizer.zero_grad()
        ((p - 3) ** 2).sum().backward()
        optimizer.step()


@pytest.mark.parametrize("name", MAKERS)
def test_every_method_reaches_the_minimum(name):
    p = leaf(0.0, 7.0)
    descend(MAKERS[name]([p]), p, 300)
    np.testing.assert_allclose(p.detach().numpy(), [3, 3], atol=0.15)


def test_one_step_by_hand():
    p = leaf(1.0, -2.0, dtype=cr.float64)
    p.grad = cr.tensor([0.5, 3.0], dtype=cr.float64)
    optim.SGD([p], lr=0.1, weight_decay=0.2).step()
    np.testing.assert_allclose(p.detach().numpy(), [1 - 0.1 * 0.7, -2 - 0.1 * 2.6], rtol=1e-15)
    p = leaf(1.0, -2.0, dtype=cr.float64)
    p.grad = cr.tensor([0.5, 3.0], dtype=cr.float64)
    optim.AdamW([p], lr=0.1, weight_decay=0.5).step()  # the first step of Adam is lr · sign(g)
    np.testing.assert_allclose(p.detach().numpy(), [0.95 - 0.1, -1.9 - 0.1], rtol=1e-7)


def test_momentum_ignores_dampening_at_the_first_step_of_each_parameter():
    a, b = leaf(0.0), leaf(0.0)
    optimizer = optim.SGD([a, b], lr=1.0, momentum=0.5, dampening=0.5)
    a.grad = cr.ones(1)
    optimizer.step()
    b.grad = cr.ones(1)
    optimizer.step()
    assert a.item() == -2.0  # 1, then 0.5·1 + 0.5·1
    assert b.item() == -1.0


def test_parameters_without_gradient_stay():
    a, b = leaf(1.0), leaf(1.0)
    optimizer = optim.AdamW([a, b])
    a.grad = cr.ones(1)
    optimizer.step()
    assert b.item() == 1.0 and a.item() != 1.0
    assert list(optimizer.state_dict()["state"]) == [0]


def test_groups_have_their_own_options():
    a, b = leaf(1.0), leaf(1.0)
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.1)
    for p in (a, b):
        p.grad = cr.ones(1)
    optimizer.step()
    np.testing.assert_allclose([a.item(), b.item()], [0.9, 0.5], rtol=1e-6)
    c = leaf(1.0)
    optimizer.add_param_group({"params": c, "lr": 0.0})
    assert [g["lr"] for g in optimizer.param_groups] == [0.1, 0.5, 0.0]
    named = optim.SGD(nn.Linear(2, 3).named_parameters(), lr=0.1)
    assert named.param_groups[0]["param_names"] == ["weight", "bias"]


def test_maximize_goes_up():
    for maker in (optim.SGD, optim.Adam, optim.AdamW):
        p = leaf(1.0)
        p.grad = cr.ones(1)
        maker([p], lr=0.1, maximize=True, weight_decay=0.0).step()
        assert p.item() > 1.0


def test_closure_runs_with_gradients_on():
    p = leaf(1.0)
    optimizer = optim.SGD([p], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with cr.no_grad():
        loss = optimizer.step(closure)
    assert loss.item() == 1.0
    np.testing.assert_allclose(p.item(), 0.8, rtol=1e-6)


def test_zero_grad():
    p = leaf(1.0)
    optimizer = optim.SGD([p], lr=0.1)
    p.grad = cr.ones(1)
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.item() == 0.0
    optimizer.zero_grad()
    assert p.grad is None


@pytest.mark.parametrize("name", [n for n in MAKERS if n not in WHOLE])
def test_large_parameters_in_blocks_give_the_same_bits(name):
    """Elements are updated a block at a time; a parameter cut in pieces by hand must end the same."""
    rng = np.random.default_rng(7)
    n = 2 * BLOCK + 13
    value, grads = rng.standard_normal(n).astype("f"), rng.standard_normal((3, n)).astype("f")
    whole = nn.Parameter(value)
    pieces = [nn.Parameter(value[k : k + 1000]) for k in range(0, n, 1000)]
    one, many = MAKERS[name]([whole]), MAKERS[name](pieces)
    for g in grads:
        whole.grad = cr.tensor(g)
        for k, p in enumerate(pieces):
            p.grad = cr.tensor(g[k * 1000 : (k + 1) * 1000])
        one.step()
        many.step()
    np.testing.assert_array_equal(
        whole.detach().numpy(), np.concatenate([p.detach().numpy() for p in pieces])
    )


def test_a_large_parameter_that_is_a_transposed_view_is_updated():
    n = 200
    base = cr.zeros(n, 2 * n)
    p = nn.Parameter(base.T)
    p.grad = cr.ones(2 * n, n)
    optim.SGD([p], lr=1.0).step()
    assert (base.numpy() == -1).all() and (p.detach().numpy() == -1).all()


def test_a_step_is_noticed_by_the_version_check():
    p = leaf(2.0)
    loss = (p * p).sum()
    p.grad = cr.ones(1)
    optim.SGD([p], lr=0.1).step()
    with pytest.raises(RuntimeError, match="overwritten in place"):
        loss.backward()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_low_precision_is_computed_in_float32(dtype):
    p = leaf(1.0, 2.0, dtype=getattr(cr, dtype))
    p.grad = cr.tensor([1e-3, 2e-3], dtype=getattr(cr, dtype))
    optimizer = optim.AdamW([p], lr=0.25, weight_decay=0.0)
    optimizer.step()  # in float16 ε and v would both be zero
    assert p.dtype is getattr(cr, dtype)
    np.testing.assert_allclose(p.detach().float().numpy(), [0.75, 1.75], rtol=1e-2)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda p: optim.SGD([], lr=0.1), ValueError, "empty parameter list"),
        (
            lambda p: optim.SGD(p, lr=0.1),
            TypeError,
            "iterable of Tensors or dicts, but got a Tensor",
        ),
        (
            lambda p: optim.SGD(nn.Linear(2, 3), lr=0.1),
            TypeError,
            "found a Linear\n  hint: model.parameters()",
        ),
        (
            lambda p: optim.SGD(nn.Linear(2, 3).parameters),
            TypeError,
            "found a method\n  hint: model",
        ),
        (lambda p: optim.SGD([p, 3], lr=0.1), TypeError, "one of the params is int"),
        (lambda p: optim.SGD([p * 2], lr=0.1), ValueError, "can't optimize a non-leaf Tensor"),
        (lambda p: optim.SGD([p, p], lr=0.1), ValueError, "more than once in a parameter group"),
        (
            lambda p: optim.SGD([{"params": p}, {"params": p}], lr=0.1),
            ValueError,
            "more than one parameter group",
        ),
        (lambda p: optim.SGD([{"params": {p}}], lr=0.1), TypeError, "ordered collections"),
        (
            lambda p: optim.SGD([("a", p), cr.ones(1)], lr=0.1),
            ValueError,
            "Some param names are missing",
        ),
        (lambda p: optim.SGD([p], lr=-1.0), ValueError, "Invalid learning rate: -1.0"),
        (lambda p: optim.SGD([p], momentum=-1.0), ValueError, "Invalid momentum value"),
        (lambda p: optim.SGD([p], nesterov=True), ValueError, "Nesterov momentum requires"),
        (
            lambda p: optim.SGD([p], differentiable=True),
            NotImplementedError,
            "differentiable=True is not built",
        ),
        (
            lambda p: optim.SGD([p], lr="0.1"),
            DTypeError,
            "learning rate must be a number, or a tensor of one, found str",
        ),
        (
            lambda p: optim.SGD([p], lr=cr.tensor([0.1, 0.2])),
            ValueError,
            r"learning rate: a tensor must have 1 element, found shape \(2,\)",
        ),
        (lambda p: optim.SGD([p], lr=cr.tensor(-0.5)), ValueError, "Invalid learning rate: -0.5"),
        (
            lambda p: optim.Adam([p], betas=(1.0, 0.9)),
            ValueError,
            "Invalid beta parameter at index 0: 1.0",
        ),
        (
            lambda p: optim.Adam([p], betas=(0.9, -0.1)),
            ValueError,
            "Invalid beta parameter at index 1",
        ),
        (lambda p: optim.Adam([p], eps=-1.0), ValueError, "Invalid epsilon value"),
        (
            lambda p: optim.AdamW([p], weight_decay=math.nan),
            ValueError,
            "Invalid weight_decay value",
        ),
        (lambda p: optim.SGD([p]).add_param_group([p]), TypeError, "param_group must be a dict"),
        (
            lambda p: optim.SGD([("a", p)]).add_param_group({"params": [leaf(1.0)]}),
            ValueError,
            "all optimizer param groups should be with/without names",
        ),
        (lambda p: optim.Optimizer([p], {}).rule({}, p), NotImplementedError, "must define rule"),
        (
            lambda p: optim.Optimizer([p], {}).hyper({}, int),
            NotImplementedError,
            "must define hyper",
        ),
    ],
)
def test_errors(make, error, text):
    with pytest.raises(error, match=text):
        make(leaf(1.0))


def test_a_misspelt_option_is_reported():
    with pytest.warns(
        UserWarning, match="SGD has no option 'weight_decays'; did you mean 'weight_decay'"
    ):
        optim.SGD([{"params": leaf(1.0), "weight_decays": 3}], lr=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optim.SGD([{"params": leaf(1.0), "name": "a key of one's own"}], lr=0.1)


@pytest.mark.parametrize("name", MAKERS)
def test_saved_and_loaded_training_goes_on_to_the_same_bits(name):
    p, q = leaf(0.0, 7.0), leaf(0.0, 7.0)
    a, b = MAKERS[name]([p]), MAKERS[name]([q])
    descend(a, p, 5)
    state = copy.deepcopy(a.state_dict())
    groups = json.loads(json.dumps(state["param_groups"]))  # as a checkpoint keeps them
    q.data = p.data.clone()
    b.load_state_dict({"state": state["state"], "param_groups": groups})
    descend(a, p, 5)
    descend(b, q, 5)
    np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())


def test_loading_keeps_the_state_tensors():
    p = leaf(0.0)
    optimizer = optim.AdamW([p])
    descend(optimizer, p, 3)
    kept = optimizer.state[p]["exp_avg"]
    state = copy.deepcopy(optimizer.state_dict())
    descend(optimizer, p, 3)
    optimizer.load_state_dict(state)
    assert optimizer.state[p]["exp_avg"] is kept
    np.testing.assert_array_equal(kept.numpy(), state["state"][0]["exp_avg"].numpy())
    assert optimizer.state[p]["step"] == 3
    optimizer.load_state_dict({**state, "state": {}})
    assert not optimizer.state_dict()["state"]


def test_loading_names_every_fault_and_changes_nothing():
    p, q = leaf(0.0), leaf(0.0, 1.0)
    optimizer = optim.AdamW([p, q])
    p.grad, q.grad = cr.ones(1), cr.ones(2)
    optimizer.step()
    state = copy.deepcopy(optimizer.state_dict())
    before = json.dumps(state["param_groups"])
    state["param_groups"][0]["lr"] = 7.0
    state["state"][0]["exp_avg"] = cr.zeros(5)
    state["state"][1]["exp_avg_sq"] = cr.zeros(3, 2)
    state["state"][9] = {}
    with pytest.raises(StateDictError) as e:
        optimizer.load_state_dict(state)
    for text in (
        "exp_avg of parameter 0: shape (5,), expected (1,)",
        "exp_avg_sq of parameter 1: shape (3, 2)",
        "parameter 9, which is in no group",
    ):
        assert text in str(e.value)
    assert json.dumps(optimizer.state_dict()["param_groups"]) == before
    with pytest.raises(StateDictError, match="has 2 parameter groups, the optimizer has 1"):
        optimizer.load_state_dict({**state, "param_groups": state["param_groups"] * 2})
    state["param_groups"][0]["params"] = [0]
    with pytest.raises(StateDictError, match="has 1 parameters in group 0, the optimizer has 2"):
        optimizer.load_state_dict(state)


def test_repr_lists_the_options():
    text = repr(optim.SGD([leaf(1.0)], lr=0.1))
    assert (
        text.startswith("SGD (\nParameter Group 0\n    dampening: 0\n") and "    lr: 0.1\n" in text
    )


def test_numpy_s_numbers_are_rates_as_python_s_are():
    """`lr=np.float32(…)` of a table of rates, `np.linspace` in a schedule of one's own."""
    steps = []
    for number in (float, np.float32, np.float64):
        w = nn.Parameter(cr.ones(3))
        rate, decay = number(0.25), number(0.5)
        method = optim.Adam([w], lr=rate, betas=(number(0.5), number(0.75)), weight_decay=decay)
        for _ in range(2):
            (w * w).sum().backward()
            method.step()
        assert w.dtype is cr.float32
        steps.append(w.tolist())
    assert steps[0] == steps[1] == steps[2]
    with pytest.raises(ValueError, match="Invalid learning rate"):
        optim.SGD([w], lr=np.float32(-1.0))
