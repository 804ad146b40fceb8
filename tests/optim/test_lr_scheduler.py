"""Schedules without a reference: their points, their states, their errors."""

import json
import math

import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.optim import lr_scheduler as schedules


def optimizer(lr=1.0, **options):
    return optim.SGD([nn.Parameter(cr.ones(1))], lr=lr, **options)


def curve(schedule, steps):
    rates = []
    for _ in range(steps):
        rates.append(schedule.optimizer.param_groups[0]["lr"])
        schedule.optimizer.step()
        schedule.step()
    return rates


MAKERS = {
    "lambda": lambda o: schedules.LambdaLR(o, lambda n: 1 / (n + 1)),
    "step": lambda o: schedules.StepLR(o, 3, gamma=0.5),
    "multistep": lambda o: schedules.MultiStepLR(o, [2, 5, 5], gamma=0.5),
    "constant": lambda o: schedules.ConstantLR(o, 0.25, 4),
    "linear": lambda o: schedules.LinearLR(o, 0.2, 0.8, 6),
    "exponential": lambda o: schedules.ExponentialLR(o, 0.9),
    "cosine": lambda o: schedules.CosineAnnealingLR(o, 5, eta_min=0.1),
    "warmup": lambda o: schedules.WarmupCosineLR(o, 3, 10, min_lr=0.1),
    "onecycle": lambda o: schedules.OneCycleLR(o, 2.0, total_steps=20, cycle_momentum=False),
    "sequential": lambda o: schedules.SequentialLR(
        o, [schedules.LinearLR(o, 0.2, 1.0, 3), schedules.CosineAnnealingLR(o, 7)], [3]
    ),
}


@pytest.mark.parametrize("name", [n for n in MAKERS if n not in ("onecycle", "sequential")])
def test_step_by_step_and_closed_form_agree(name):
    """The chained form multiplies from step to step; the closed form knows each point."""
    schedule = MAKERS[name](optimizer())
    for _ in range(12):
        assert schedule.get_last_lr() == pytest.approx(schedule.closed_form(), rel=1e-12, abs=1e-15)
        schedule.optimizer.step()
        schedule.step()


def test_warmup_then_cosine():
    rates = curve(MAKERS["warmup"](optimizer()), 14)
    assert rates[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert rates[7] == pytest.approx(0.1 + 0.9 * (1 + math.cos(math.pi * 4 / 7)) / 2)
    assert rates[10:] == pytest.approx([0.1] * 4)
    assert min(rates) == pytest.approx(0.1)


def test_sequential_begins_each_schedule_at_its_own_start():
    rates = curve(MAKERS["sequential"](optimizer()), 8)
    assert rates[:3] == pytest.approx([0.2, 0.2 + 0.8 / 3, 0.2 + 1.6 / 3])
    assert rates[3] == pytest.approx(1.0)
    assert rates[4] == pytest.approx((1 + math.cos(math.pi / 7)) / 2)


@pytest.mark.parametrize("name", MAKERS)
def test_saved_and_loaded_goes_on_the_same(name):
    a, b = MAKERS[name](optimizer()), MAKERS[name](optimizer())
    curve(a, 5)
    b.load_state_dict(json.loads(json.dumps(a.state_dict())))
    b.optimizer.load_state_dict(a.optimizer.state_dict())
    assert curve(a, 6) == curve(b, 6)
    assert a.last_epoch == b.last_epoch


def test_each_group_has_its_own_rate():
    p, q = nn.Parameter(cr.ones(1)), nn.Parameter(cr.ones(1))
    o = optim.SGD([{"params": p}, {"params": q, "lr": 4.0}], lr=1.0)
    s = schedules.LambdaLR(o, [lambda n: 1.0, lambda n: 0.5**n])
    o.step()
    s.step()
    assert s.get_last_lr() == [1.0, 2.0]
    assert [g["initial_lr"] for g in o.param_groups] == [1.0, 4.0]


def test_one_cycle_moves_the_momentum_the_other_way():
    o = optimizer(momentum=0.9)
    s = schedules.OneCycleLR(o, 1.0, epochs=2, steps_per_epoch=10, anneal_strategy="linear")
    seen = [(g["lr"], g["momentum"]) for g in o.param_groups]
    for _ in range(19):
        o.step()
        s.step()
        seen.append((o.param_groups[0]["lr"], o.param_groups[0]["momentum"]))
    assert seen[0] == pytest.approx((0.04, 0.95))
    assert seen[5] == pytest.approx((1.0, 0.85))
    assert seen[-1] == pytest.approx((4e-6, 0.95))
    with pytest.raises(
        ValueError, match=r"Tried to step 21 times. The specified number of total steps is 20"
    ):
        for _ in range(2):
            s.step()
    a = optim.AdamW([nn.Parameter(cr.ones(1))])
    schedules.OneCycleLR(a, 1.0, total_steps=5)
    assert a.param_groups[0]["betas"] == (0.95, 0.999)


def test_stepping_the_schedule_first_is_reported():
    s = MAKERS["step"](optimizer())
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        s.step()


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda o: schedules.LRScheduler(o), NotImplementedError, "must define get_lr"),
        (lambda o: schedules.StepLR(3, 1), TypeError, "int is not an Optimizer"),
        (lambda o: schedules.StepLR(o, 1, last_epoch=3), KeyError, "'initial_lr' is not specified"),
        (
            lambda o: schedules.LambdaLR(o, [abs, abs]),
            ValueError,
            "Expected 1 lr_lambdas, but got 2",
        ),
        (lambda o: schedules.ConstantLR(o, 1.5), ValueError, "between 0 and 1"),
        (lambda o: schedules.LinearLR(o, 0.0), ValueError, "greater than 0"),
        (lambda o: schedules.LinearLR(o, 0.5, 1.5), ValueError, "Ending multiplicative factor"),
        (
            lambda o: schedules.WarmupCosineLR(o, 5, 5),
            ValueError,
            r"warmup_steps must be in \[0, total_steps\)",
        ),
        (lambda o: schedules.SequentialLR(o, [], []), ValueError, "at least one scheduler"),
        (
            lambda o: schedules.SequentialLR(o, [schedules.StepLR(optimizer(), 1)], []),
            ValueError,
            "belong to the same optimizer",
        ),
        (
            lambda o: schedules.SequentialLR(o, [schedules.StepLR(o, 1)], [1]),
            ValueError,
            "one more than the",
        ),
        (lambda o: schedules.OneCycleLR(3, 1.0), TypeError, "int is not an Optimizer"),
        (lambda o: schedules.OneCycleLR(o, 1.0), ValueError, "either total_steps OR"),
        (
            lambda o: schedules.OneCycleLR(o, 1.0, total_steps=-1),
            ValueError,
            "Expected positive integer total_steps",
        ),
        (
            lambda o: schedules.OneCycleLR(o, 1.0, total_steps=5, pct_start=2.0),
            ValueError,
            "pct_start",
        ),
        (
            lambda o: schedules.OneCycleLR(o, 1.0, total_steps=5, anneal_strategy="x"),
            ValueError,
            "'cos' or 'linear'",
        ),
        (
            lambda o: schedules.OneCycleLR(o, [1.0, 2.0], total_steps=5),
            ValueError,
            "max_lr must have the length",
        ),
    ],
)
def test_errors(make, error, text):
    with pytest.raises(error, match=text):
        make(optimizer())
