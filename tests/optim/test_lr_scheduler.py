"""Schedules without a reference: their points, their states, their errors."""

import json
import math

import pytest

import chainrule as cr
from chainrule import TraceError, nn, optim
from chainrule.graph import trace
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
    "polynomial": lambda o: schedules.PolynomialLR(o, 7, power=2.0),
    "multiplicative": lambda o: schedules.MultiplicativeLR(o, lambda n: 0.9),
    "restarts": lambda o: schedules.CosineAnnealingWarmRestarts(o, 3, T_mult=2),
    "cyclic": lambda o: schedules.CyclicLR(o, 0.1, 1.0, 3, cycle_momentum=False),
    "chained": lambda o: schedules.ChainedScheduler(
        [schedules.ConstantLR(o, 0.5, 3), schedules.ExponentialLR(o, 0.9)]
    ),
    "onecycle": lambda o: schedules.OneCycleLR(o, 2.0, total_steps=20, cycle_momentum=False),
    "sequential": lambda o: schedules.SequentialLR(
        o, [schedules.LinearLR(o, 0.2, 1.0, 3), schedules.CosineAnnealingLR(o, 7)], [3]
    ),
}


WITHOUT_CLOSED_FORM = ("onecycle", "sequential", "multiplicative", "chained")


@pytest.mark.parametrize("name", [n for n in MAKERS if n not in WITHOUT_CLOSED_FORM])
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


def test_a_sequence_within_a_sequence_keeps_its_milestones():
    o = optimizer()
    inner = schedules.SequentialLR(
        o, [schedules.ConstantLR(o, 0.5, 9), schedules.StepLR(o, 2, gamma=0.1)], [3]
    )
    rates = curve(schedules.SequentialLR(o, [inner, schedules.ConstantLR(o, 0.25, 9)], [6]), 8)
    assert rates == pytest.approx([0.5, 0.5, 0.5, 1, 1, 0.1, 0.25, 0.25])


@pytest.mark.parametrize("name", MAKERS)
def test_saved_and_loaded_goes_on_the_same(name):
    a, b = MAKERS[name](optimizer()), MAKERS[name](optimizer())
    curve(a, 5)
    b.load_state_dict(json.loads(json.dumps(a.state_dict())))
    b.optimizer.load_state_dict(a.optimizer.state_dict())
    assert curve(a, 6) == curve(b, 6)
    assert getattr(a, "last_epoch", None) == getattr(b, "last_epoch", None)


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
        (
            lambda o: schedules.MultiplicativeLR(o, 0.9),
            TypeError,
            "should be a function, but got float",
        ),
        (lambda o: schedules.CosineAnnealingWarmRestarts(o, 0), ValueError, "positive integer T_0"),
        (lambda o: schedules.CosineAnnealingWarmRestarts(o, 3, 0), ValueError, "T_mult >= 1"),
        (lambda o: schedules.CosineAnnealingWarmRestarts(o, 3, eta_min="0"), ValueError, "eta_min"),
        (
            lambda o: schedules.CosineAnnealingWarmRestarts(o, 3).step(-1),
            ValueError,
            "non-negative epoch",
        ),
        (lambda o: schedules.CyclicLR(o, 0.1, 1.0, mode="x"), ValueError, "mode is invalid"),
        (lambda o: schedules.CyclicLR(3, 0.1, 1.0), TypeError, "int is not an Optimizer"),
        (
            lambda o: schedules.CyclicLR(optim.Adagrad(o.param_groups[0]["params"]), 0.1, 1.0),
            ValueError,
            "must support momentum or beta1",
        ),
        (
            lambda o: schedules.CyclicLR(o, [0.1, 0.2], 1.0),
            ValueError,
            "base_lr must have the length",
        ),
        (
            lambda o: schedules.ReduceLROnPlateau(o, factor=1.0),
            ValueError,
            "Factor should be < 1.0",
        ),
        (lambda o: schedules.ReduceLROnPlateau(o, mode="x"), ValueError, "mode x is unknown"),
        (
            lambda o: schedules.ReduceLROnPlateau(o, threshold_mode="x"),
            ValueError,
            "threshold mode x",
        ),
        (
            lambda o: schedules.ReduceLROnPlateau(o, min_lr=[1, 2]),
            ValueError,
            "expected 1 min_lrs, got 2",
        ),
        (lambda o: schedules.ReduceLROnPlateau(3), TypeError, "int is not an Optimizer"),
        (lambda o: schedules.ChainedScheduler([]), ValueError, "at least one scheduler"),
        (lambda o: schedules.ChainedScheduler([3]), TypeError, "`optimizer` as its attribute: int"),
        (
            lambda o: schedules.ChainedScheduler([schedules.ReduceLROnPlateau(o)]),
            ValueError,
            "does not support ReduceLROnPlateau",
        ),
        (lambda o: schedules.warmup_cosine(5, 5), ValueError, "got 5 of 5"),
        (lambda o: schedules.warmup_linear(-1, 5), ValueError, "got -1 of 5"),
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


def test_a_rate_of_zero_comes_back():
    rates = curve(schedules.ConstantLR(optimizer(), factor=0, total_iters=3), 5)
    assert rates == [0, 0, 0, 1, 1]


def test_a_plateau_follows_the_number_of_groups():
    o = optimizer()
    one, listed = (
        schedules.ReduceLROnPlateau(o, patience=0),
        schedules.ReduceLROnPlateau(o, patience=0, min_lr=[0.1]),
    )
    o.add_param_group({"params": nn.Parameter(cr.ones(1)), "lr": 3.0})
    for _ in range(2):
        one.step(1.0)
    assert one.get_last_lr() == pytest.approx([0.1, 0.3])
    listed.step(1.0)
    with pytest.raises(RuntimeError, match=r"\(2\) differs from when .* \(1\)"):
        listed.step(1.0)


def test_a_plateau_cannot_be_traced():
    s = schedules.ReduceLROnPlateau(optimizer())
    with pytest.raises(TraceError, match="looks at a number"):
        trace(lambda x: s.step(x.sum()))(cr.ones(2))


def test_a_given_epoch_is_jumped_to_and_reported():
    s = MAKERS["cosine"](optimizer())
    s.optimizer.step()
    with pytest.warns(UserWarning, match="epoch parameter"):
        s.step(4)
    assert s.last_epoch == 4 and s.get_last_lr() == pytest.approx(s.closed_form())
    p = schedules.ReduceLROnPlateau(optimizer())
    with pytest.warns(UserWarning, match="epoch parameter"):
        p.step(1.0, 7)
    assert p.last_epoch == 7


@pytest.mark.parametrize("name", MAKERS)
def test_schedules_step_in_a_traced_function(name):
    found = []
    for wrap in (lambda f: f, trace):
        o = optimizer(momentum=0.5)
        p, s = o.param_groups[0]["params"][0], MAKERS[name](o)

        def step(x, p=p, o=o, s=s):
            o.zero_grad()
            (p * x).sum().backward()
            o.step()
            s.step()

        step = wrap(step)
        seen = []
        for _ in range(6):
            step(cr.ones(1))
            seen.append((p.item(), o.param_groups[0]["lr"]))
        found.append(seen)
    assert found[0] == found[1]
