"""Schedules against PyTorch: every rate and momentum of 60 steps, of two groups, saved and resumed on the way."""

import inspect
import json
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim

STEPS = 60


class Halving:
    """A factor that is an object with a state."""

    def __init__(self, every):
        self.every = every

    def __call__(self, n):
        return 0.5 ** (n // self.every)


SCHEDULES = {
    "lambda": lambda s, o: s.LambdaLR(o, lambda n: 0.95**n),
    "lambda_each": lambda s, o: s.LambdaLR(o, [lambda n: 0.95**n, lambda n: 1 / (1 + n)]),
    "lambda_object": lambda s, o: s.LambdaLR(o, Halving(7)),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda n: 1 - 1 / (n + 3)),
    "step": lambda s, o: s.StepLR(o, 7, gamma=0.5),
    "multistep": lambda s, o: s.MultiStepLR(o, [3, 11, 11, 19, 53], gamma=0.5),
    "constant": lambda s, o: s.ConstantLR(o, 0.3, 7),
    "linear": lambda s, o: s.LinearLR(o, 0.2, 0.7, 11),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.9),
    "polynomial": lambda s, o: s.PolynomialLR(o, 41, power=1.7),
    "polynomial_short": lambda s, o: s.PolynomialLR(o),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 7, eta_min=0.01),
    "cosine_long": lambda s, o: s.CosineAnnealingLR(o, 100),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 7, eta_min=0.01),
    "restarts_longer": lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, T_mult=2),
    "onecycle": lambda s, o: s.OneCycleLR(o, 0.5, total_steps=61),
    "onecycle_linear": lambda s, o: s.OneCycleLR(o, [0.5, 0.3], epochs=7, steps_per_epoch=10, anneal_strategy="linear", three_phase=True),
    "onecycle_fixed": lambda s, o: s.OneCycleLR(o, 0.5, total_steps=61, pct_start=0.5, div_factor=7.0, cycle_momentum=False),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.1, 0.5, 7, 5),
    "cyclic_halving": lambda s, o: s.CyclicLR(o, [0.1, 0.2], [0.5, 0.3], 5, mode="triangular2", base_momentum=0.7, max_momentum=0.95),
    "cyclic_exponential": lambda s, o: s.CyclicLR(o, 0.1, 0.5, 5, mode="exp_range", gamma=0.97, cycle_momentum=False),
    "cyclic_own": lambda s, o: s.CyclicLR(o, 0.1, 0.5, 5, scale_fn=lambda x: 1 / x, scale_mode="cycle"),
    "cyclic_object": lambda s, o: s.CyclicLR(o, 0.1, 0.5, 5, scale_fn=Halving(11), scale_mode="iterations"),
    "sequential": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, 1.0, 5), s.ConstantLR(o, 0.5, 3), s.CosineAnnealingLR(o, 20)], [5, 11]
    ),
    "sequential_from_two": lambda s, o: s.SequentialLR(o, [s.ExponentialLR(o, 0.8), s.StepLR(o, 4)], [6]),
    "sequential_restarts": lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 0.1, 1.0, 5), s.CosineAnnealingWarmRestarts(o, 7)], [5]),
    "chained": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 7), s.ExponentialLR(o, 0.9)]),
    "chained_sequential": lambda s, o: s.ChainedScheduler(
        [s.SequentialLR(o, [s.ConstantLR(o, 0.1, 4), s.ExponentialLR(o, 0.9)], [9]), s.StepLR(o, 5)], o
    ),
}  # fmt: skip


def optimizer_of(T):
    zero = np.zeros(2)
    make = nn.Parameter if T is cr else lambda v: T.nn.Parameter(T.tensor(v))
    groups = [{"params": [make(zero)]}, {"params": [make(zero)], "lr": 0.02, "momentum": 0.3}]
    return T.optim.SGD(groups, lr=0.1, momentum=0.8)


def made(T, name):
    optimizer = optimizer_of(T)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's, of its own SequentialLR
        return SCHEDULES[name](T.optim.lr_scheduler, optimizer), optimizer


def rates(schedule, optimizer, steps):
    seen = []
    for _ in range(steps):
        groups = optimizer.param_groups
        seen.append([x for g in groups for x in (g["lr"], g["momentum"])] + schedule.get_last_lr())
        optimizer.step()
        schedule.step()
    return np.array(seen)


@pytest.mark.torch
@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_are_those_of_torch(torch, name):
    ours, theirs = rates(*made(cr, name), STEPS), rates(*made(torch, name), STEPS)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-16)


@pytest.mark.torch
@pytest.mark.parametrize("name", SCHEDULES)
def test_saved_as_json_in_the_middle_they_go_on_as_torch_does(torch, name):
    whole = rates(*made(torch, name), STEPS)
    schedule, optimizer = made(cr, name)
    first = rates(schedule, optimizer, 23)
    state = json.loads(
        json.dumps({"schedule": schedule.state_dict(), "optimizer": optimizer.state_dict()})
    )
    other, fresh = made(cr, name)
    other.load_state_dict(state["schedule"])
    fresh.load_state_dict(state["optimizer"])
    np.testing.assert_allclose(
        np.concatenate([first, rates(other, fresh, STEPS - 23)]), whole, rtol=1e-12, atol=1e-16
    )


RESUMED = {
    "lambda": lambda s, o, n: s.LambdaLR(o, lambda n: 0.95**n, last_epoch=n),
    "multiplicative": lambda s, o, n: s.MultiplicativeLR(o, lambda n: 0.9, last_epoch=n),
    "step": lambda s, o, n: s.StepLR(o, 7, gamma=0.5, last_epoch=n),
    "multistep": lambda s, o, n: s.MultiStepLR(o, [3, 19, 30], gamma=0.5, last_epoch=n),
    "constant": lambda s, o, n: s.ConstantLR(o, 0.3, 17, last_epoch=n),
    "linear": lambda s, o, n: s.LinearLR(o, 0.2, 0.7, 31, last_epoch=n),
    "exponential": lambda s, o, n: s.ExponentialLR(o, 0.9, last_epoch=n),
    "polynomial": lambda s, o, n: s.PolynomialLR(o, 41, last_epoch=n),
    "cosine": lambda s, o, n: s.CosineAnnealingLR(o, 37, last_epoch=n),
    "restarts": lambda s, o, n: s.CosineAnnealingWarmRestarts(o, 7, last_epoch=n),
    "onecycle": lambda s, o, n: s.OneCycleLR(o, 0.5, total_steps=61, last_epoch=n),
    "cyclic": lambda s, o, n: s.CyclicLR(o, 0.1, 0.5, 7, last_epoch=n),
}


@pytest.mark.torch
@pytest.mark.parametrize("name", RESUMED)
def test_made_anew_at_a_later_step_as_in_torch(torch, name):
    """``last_epoch``: the optimizer remembers, the schedule is made anew."""
    found = []
    for T in (cr, torch):
        optimizer = optimizer_of(T)
        schedules = T.optim.lr_scheduler
        seen = rates(RESUMED[name](schedules, optimizer, -1), optimizer, 13)
        found.append(
            np.concatenate([seen, rates(RESUMED[name](schedules, optimizer, 12), optimizer, 13)])
        )
    np.testing.assert_allclose(*found, rtol=1e-12, atol=1e-16)


PLATEAUS = {
    "default": {"patience": 3},
    "cooldown": {"patience": 2, "cooldown": 4, "factor": 0.5},
    "max": {"mode": "max", "patience": 1, "threshold": 0.1},
    "absolute": {"threshold_mode": "abs", "threshold": 0.05, "patience": 2},
    "max_absolute": {"mode": "max", "threshold_mode": "abs", "threshold": 0.3, "patience": 0},
    "lowest": {"patience": 0, "min_lr": [0.01, 0.005], "factor": 0.3},
    "small_changes": {"patience": 0, "eps": 1e-3, "factor": 0.5},
}


@pytest.mark.torch
@pytest.mark.parametrize("name", PLATEAUS)
def test_plateaus_are_those_of_torch(torch, name):
    metrics = np.random.default_rng(0).standard_normal(STEPS).cumsum() / 3
    found = []
    for T in (cr, torch):
        optimizer = optimizer_of(T)
        schedule = T.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **PLATEAUS[name])
        seen = []
        for k, metric in enumerate(metrics):
            schedule.step(T.tensor(metric) if k % 2 else metric)
            seen.append(
                [
                    *schedule.get_last_lr(),
                    schedule.best,
                    schedule.num_bad_epochs,
                    schedule.in_cooldown,
                ]
            )
            if k == 29 and T is cr:
                state = json.loads(json.dumps(schedule.state_dict()))
                schedule = T.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
                schedule.load_state_dict(state)
        found.append(np.array(seen, dtype=float))
    np.testing.assert_allclose(*found, rtol=1e-12)


@pytest.mark.torch
def test_two_schedules_on_one_optimizer_multiply(torch):
    found = []
    for T in (cr, torch):
        o, s = optimizer_of(T), T.optim.lr_scheduler
        both = s.ExponentialLR(o, 0.9), s.StepLR(o, 5, gamma=0.5)
        seen = []
        for _ in range(20):
            o.step()
            for schedule in both:
                schedule.step()
            seen.append(o.param_groups[0]["lr"])
        found.append(seen)
    assert found[0] == pytest.approx(found[1], rel=1e-14)


@pytest.mark.torch
@pytest.mark.parametrize("T_mult", [1, 2, 3])
def test_restarts_may_be_stepped_by_fractions(torch, T_mult):
    found = []
    for T in (cr, torch):
        o = optimizer_of(T)
        s = T.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 3, T_mult)
        o.step()
        seen = []
        for n in np.arange(0, 30, 0.37):
            s.step(float(n))
            seen.append([*s.get_last_lr(), s.T_cur, s.T_i, s.last_epoch])
        found.append(seen)
    np.testing.assert_allclose(*found, rtol=1e-12, atol=1e-15)


@pytest.mark.torch
def test_arguments_are_those_of_torch(torch):
    for name in optim.lr_scheduler.__all__:
        theirs = getattr(torch.optim.lr_scheduler, name, None)
        if theirs is not None:
            a, b = (
                inspect.signature(c).parameters.values()
                for c in (getattr(optim.lr_scheduler, name), theirs)
            )
            assert [(p.name, p.kind, p.default) for p in a] == [
                (p.name, p.kind, p.default) for p in b
            ], name
    assert set(torch.optim.lr_scheduler.__all__) <= set(optim.lr_scheduler.__all__)
