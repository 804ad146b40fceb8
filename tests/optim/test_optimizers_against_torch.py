"""Optimizers and schedules against PyTorch: 50 steps on three problems, state dicts, and rates."""

import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim

STEPS = 50

METHODS = {
    "sgd": ("SGD", {"lr": 0.02}),
    "sgd_decay": ("SGD", {"lr": 0.02, "weight_decay": 0.1}),
    "momentum": ("SGD", {"lr": 0.01, "momentum": 0.9}),
    "dampening": ("SGD", {"lr": 0.02, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    "nesterov": ("SGD", {"lr": 0.01, "momentum": 0.9, "nesterov": True}),
    "adam": ("Adam", {"lr": 0.02}),
    "adam_decay": ("Adam", {"lr": 0.02, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}),
    "amsgrad": ("Adam", {"lr": 0.02, "amsgrad": True}),
    "adam_decoupled": ("Adam", {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    "adamw": ("AdamW", {"lr": 0.02}),
    "adamw_amsgrad": ("AdamW", {"lr": 0.02, "amsgrad": True, "weight_decay": 0.1}),
}


def rosenbrock(T, p, step):
    """A curved valley, from the usual start; one parameter."""
    x, y = p[0][0], p[0][1]
    return (1 - x) ** 2 + 5 * (y - x * x) ** 2


def regression(T, p, step):
    """A two-layer network on a fixed batch; four parameters."""
    rng = np.random.default_rng(3)
    x, y = T.tensor(rng.standard_normal((13, 5))), T.tensor(rng.standard_normal((13, 3)))
    h = (x @ p[0] + p[1]).tanh()
    return ((h @ p[2] + p[3] - y) ** 2).mean()


def noisy(T, p, step):
    """Another batch at every step, and a second parameter that gets a gradient at every third step only."""
    rng = np.random.default_rng(step)
    a, b = T.tensor(rng.standard_normal((11, 7))), T.tensor(rng.standard_normal(11))
    loss = ((a @ p[0] - b) ** 2).mean()
    return loss + (p[1] ** 2).sum() if step % 3 == 2 else loss


PROBLEMS = {
    "rosenbrock": (rosenbrock, [(2,)]),
    "regression": (regression, [(5, 7), (7,), (7, 3), (3,)]),
    "noisy": (noisy, [(7,), (3, 2)]),
}


def starts(shapes, dtype="float64"):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(s).astype(dtype) for s in shapes]


def trajectory(T, optimizer, parameters, loss_of):
    points = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss_of(T, parameters, step).backward()
        optimizer.step()
        points.append(np.concatenate([p.detach().numpy().ravel() for p in parameters]))
    return np.array(points)


@pytest.mark.torch
@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("method", METHODS)
def test_trajectories_are_those_of_torch(torch, method, problem):
    name, options = METHODS[method]
    loss_of, shapes = PROBLEMS[problem]
    ours = [nn.Parameter(v) for v in starts(shapes)]
    theirs = [torch.nn.Parameter(torch.tensor(v)) for v in starts(shapes)]
    a = trajectory(cr, getattr(optim, name)(ours, **options), ours, loss_of)
    b = trajectory(torch, getattr(torch.optim, name)(theirs, **options), theirs, loss_of)
    np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.torch
@pytest.mark.parametrize("method", METHODS)
def test_state_dicts_are_those_of_torch(torch, method):
    """Same keys and shapes, and torch's state loads into ours and goes on the same."""
    name, options = METHODS[method]
    loss_of, shapes = PROBLEMS["regression"]
    ours = [nn.Parameter(v) for v in starts(shapes)]
    theirs = [torch.nn.Parameter(torch.tensor(v)) for v in starts(shapes)]
    a, b = getattr(optim, name)(ours, **options), getattr(torch.optim, name)(theirs, **options)
    assert set(a.param_groups[0]) == set(b.param_groups[0])
    assert {k: v for k, v in a.param_groups[0].items() if k != "params"} == {
        k: v for k, v in b.param_groups[0].items() if k != "params"
    }
    trajectory(torch, b, theirs, loss_of)
    state = b.state_dict()
    trajectory(cr, a, ours, loss_of)
    mine = a.state_dict()
    assert mine["param_groups"][0]["params"] == state["param_groups"][0]["params"]
    assert set(mine["state"]) == set(state["state"])
    for k, slots in state["state"].items():
        assert set(mine["state"][k]) == {n for n, v in slots.items() if v is not None}
        for n, v in slots.items():
            if v is not None:
                np.testing.assert_allclose(
                    mine["state"][k][n].numpy(), v.numpy(), rtol=1e-8, atol=1e-12
                )
                assert str(mine["state"][k][n].dtype).split(".")[-1] == str(v.dtype).split(".")[-1]
    fresh = [nn.Parameter(p.detach().numpy()) for p in theirs]
    c = getattr(optim, name)(fresh, **options)
    as_arrays = {
        k: {n: v.numpy() for n, v in s.items() if v is not None} for k, s in state["state"].items()
    }
    c.load_state_dict({"state": as_arrays, "param_groups": state["param_groups"]})
    x, y = trajectory(cr, c, fresh, loss_of), trajectory(torch, b, theirs, loss_of)
    np.testing.assert_allclose(x, y, rtol=1e-8, atol=1e-10)


SCHEDULES = {
    "lambda": lambda s, o: s.LambdaLR(o, lambda n: 0.95**n),
    "step": lambda s, o: s.StepLR(o, 7, gamma=0.5),
    "multistep": lambda s, o: s.MultiStepLR(o, [3, 11, 11, 19], gamma=0.5),
    "constant": lambda s, o: s.ConstantLR(o, 0.3, 7),
    "linear": lambda s, o: s.LinearLR(o, 0.2, 0.7, 11),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.9),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 7, eta_min=0.01),
    "cosine_long": lambda s, o: s.CosineAnnealingLR(o, 40),
    "onecycle": lambda s, o: s.OneCycleLR(o, 0.5, total_steps=40),
    "onecycle_linear": lambda s, o: s.OneCycleLR(o, 0.5, epochs=4, steps_per_epoch=10, anneal_strategy="linear", three_phase=True),
    "onecycle_fixed": lambda s, o: s.OneCycleLR(o, 0.5, total_steps=40, cycle_momentum=False),
    "sequential": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, 1.0, 5), s.ConstantLR(o, 0.5, 3), s.CosineAnnealingLR(o, 20)], [5, 11]
    ),
    "sequential_from_two": lambda s, o: s.SequentialLR(o, [s.ExponentialLR(o, 0.8), s.StepLR(o, 4)], [6]),
}  # fmt: skip


def rates(schedule, optimizer):
    seen = []
    for _ in range(39):
        group = optimizer.param_groups[0]
        seen.append(
            (group["lr"], group["momentum"], schedule.get_last_lr()[0], schedule.last_epoch)
        )
        optimizer.step()
        schedule.step()
    return seen


@pytest.mark.torch
@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_are_those_of_torch(torch, name):
    a = optim.SGD([nn.Parameter(cr.ones(1))], lr=0.1, momentum=0.8)
    b = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1, momentum=0.8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = rates(SCHEDULES[name](torch.optim.lr_scheduler, b), b)
    ours = rates(SCHEDULES[name](optim.lr_scheduler, a), a)
    np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-17)


@pytest.mark.torch
def test_two_schedules_on_one_optimizer_multiply(torch):
    found = []
    for T, parameter in (
        (optim, nn.Parameter(cr.ones(1))),
        (torch.optim, torch.nn.Parameter(torch.ones(1))),
    ):
        o, s = T.SGD([parameter], lr=0.1), T.lr_scheduler
        both = s.ExponentialLR(o, 0.9), s.StepLR(o, 5, gamma=0.5)
        seen = []
        for _ in range(20):
            o.step()
            for schedule in both:
                schedule.step()
            seen.append(o.param_groups[0]["lr"])
        found.append(seen)
    assert found[0] == pytest.approx(found[1], rel=1e-14)
