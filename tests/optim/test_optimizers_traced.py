"""A whole training step as a program: bit for bit what eager gives, and never traced again because a number changed."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.base.errors import TraceError
from chainrule.graph import trace

MAKERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1, weight_decay=0.01),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.3),
    "nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: optim.Adam(p, lr=0.1, weight_decay=0.01),
    "amsgrad": lambda p: optim.AdamW(p, lr=0.1, amsgrad=True),
    "adamw": lambda p: optim.AdamW(p, lr=0.1),
    "nadam": lambda p: optim.NAdam(p, lr=0.1, weight_decay=0.01),
    "radam": lambda p: optim.RAdam(p, lr=0.1, betas=(0.8, 0.5)),  # trusts v from the third step on
    "adamax": lambda p: optim.Adamax(p, lr=0.1),
    "adagrad": lambda p: optim.Adagrad(p, lr=0.1, lr_decay=0.1),
    "adadelta": lambda p: optim.Adadelta(p),
    "rmsprop": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.3, centered=True, eps=0.1),
    "rprop": lambda p: optim.Rprop(p, lr=0.1),
    "asgd": lambda p: optim.ASGD(p, lr=0.1, t0=3, lambd=0.1),
    "lion": lambda p: optim.Lion(p, lr=0.01),
    "lamb": lambda p: optim.LAMB(p, lr=0.1),
    "adafactor": lambda p: optim.Adafactor(p, lr=0.1),
    "muon": lambda p: optim.Muon([x for x in p if x.ndim == 2], lr=0.1),
}


def training(make, wrap, steps=7):
    """A small network trained with clipping and a schedule; the values after each step."""
    cr.manual_seed(3)
    net = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3))
    optimizer = make(net.parameters())
    schedule = optim.lr_scheduler.WarmupCosineLR(optimizer, 2, 5)

    def step(x, y):
        net.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        optimizer.step()
        schedule.step()
        return loss, norm

    run = wrap(step)
    seen = []
    for k in range(steps):
        rng = np.random.default_rng(k)
        x = cr.tensor(rng.standard_normal((11, 5)).astype("float32"))
        loss, norm = run(x, cr.tensor(rng.integers(0, 3, 11)))
        seen.append(
            [loss.item(), norm.item(), *nn.utils.parameters_to_vector(net.parameters()).tolist()]
        )
    return np.array(seen), run, optimizer, schedule


@pytest.mark.parametrize("name", MAKERS)
def test_traced_training_is_eager_training(name):
    eager, _, a, s = training(MAKERS[name], lambda f: f)
    traced, run, b, t = training(MAKERS[name], trace)
    np.testing.assert_array_equal(traced, eager)
    assert len(run.programs) == 1
    assert b.param_groups[0]["lr"] == a.param_groups[0]["lr"] and t.last_epoch == s.last_epoch == 7
    for p, q in zip(a.param_groups[0]["params"], b.param_groups[0]["params"], strict=True):
        assert a.state[p]["step"] == b.state[q]["step"] == 7


@pytest.mark.parametrize("name", MAKERS)
def test_compiled_training_is_eager_training(name):
    eager, _, a, _ = training(MAKERS[name], lambda f: f)
    compiled, run, b, _ = training(MAKERS[name], cr.compile)
    np.testing.assert_allclose(compiled, eager, rtol=2e-4, atol=2e-5)
    assert len(run.programs) == 1 and "NumPy" not in run.explain()
    for p, q in zip(a.param_groups[0]["params"], b.param_groups[0]["params"], strict=True):
        assert a.state[p]["step"] == b.state[q]["step"] == 7


def test_lbfgs_is_refused_in_a_trace():
    p = nn.Parameter(cr.ones(3))
    with pytest.raises(TraceError, match="LBFGS.step decides in Python how far to go"):
        trace(lambda: optim.LBFGS([p]).step(lambda: p.sum()))()


def one_parameter(make):
    p = nn.Parameter(cr.ones(3))
    optimizer = make([p])

    def step(x):
        optimizer.zero_grad()
        (p * x).sum().backward()
        optimizer.step()

    return p, optimizer, trace(step)


def test_numbers_are_read_anew_at_each_call():
    p, optimizer, step = one_parameter(lambda ps: optim.SGD(ps, lr=1, weight_decay=0))
    step(cr.ones(3))
    assert p[0].item() == 0.0
    optimizer.param_groups[0]["lr"] = 0.25
    step(cr.ones(3))
    assert p[0].item() == -0.25
    optimizer.param_groups[0]["weight_decay"] = 4.0
    step(cr.ones(3))  # g = 1 + 4 · −0.25 = 0
    assert p[0].item() == -0.25
    assert len(step.programs) == 1


@pytest.mark.parametrize(
    ("make", "option", "text"),
    [
        (lambda ps: optim.SGD(ps, lr=0.1), {"maximize": True}, "maximize=False, which is now True"),
        (
            lambda ps: optim.SGD(ps, lr=0.1),
            {"momentum": 0.9},
            "momentum != 0=False, which is now True",
        ),
        (lambda ps: optim.AdamW(ps, lr=0.1), {"amsgrad": True}, "amsgrad=False, which is now True"),
    ],
)
def test_a_change_of_structure_is_refused(make, option, text):
    p, optimizer, step = one_parameter(make)
    step(cr.ones(3))
    before = p.detach().numpy().copy()
    optimizer.param_groups[0].update(option)
    with pytest.raises(TraceError, match=text):
        step(cr.ones(3))
    np.testing.assert_array_equal(p.detach().numpy(), before)


def test_a_loaded_state_reaches_the_program():
    p, optimizer, step = one_parameter(lambda ps: optim.SGD(ps, lr=0.5, momentum=0.5))
    step(cr.ones(3))
    state = {0: {"momentum_buffer": cr.zeros(3)}}
    optimizer.load_state_dict(
        {"state": state, "param_groups": optimizer.state_dict()["param_groups"]}
    )
    before = p[0].item()
    step(cr.ones(3))
    assert p[0].item() == before - 0.5  # not 0.75: the velocity was loaded as zero
    assert len(step.programs) == 1


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_low_precision_in_a_program(dtype):
    found = []
    for wrap in (lambda f: f, trace):
        p = nn.Parameter(cr.tensor([1.0, 2.0], dtype=getattr(cr, dtype)))
        optimizer = optim.AdamW([p], lr=0.25)

        def step(x, p=p, optimizer=optimizer):
            optimizer.zero_grad()
            (p * x).sum().backward()
            optimizer.step()

        step = wrap(step)
        for _ in range(3):
            step(cr.tensor([1e-3, 2e-3], dtype=getattr(cr, dtype)))
        found.append(p.detach().float().numpy())
    np.testing.assert_array_equal(*found)


def test_gradients_of_two_batches_in_one_program():
    seen = []
    for wrap in (lambda f: f, trace):
        p = nn.Parameter(cr.ones(3))
        optimizer = optim.AdamW([p], lr=0.1)

        def step(a, b, p=p, optimizer=optimizer):
            optimizer.zero_grad()
            (p * a).sum().backward()
            (p * p * b).sum().backward()
            optimizer.step()

        step = wrap(step)
        for k in range(3):
            step(cr.full((3,), 1.0 + k), cr.full((3,), 2.0 + k))
        seen.append((p.detach().numpy(), p.grad.numpy()))
    np.testing.assert_array_equal(seen[0], seen[1])


OF_A_TENSOR = {
    "adam": lambda p, lr: optim.Adam(p, lr=lr),
    "asgd": lambda p, lr: optim.ASGD(p, lr=lr, t0=3, lambd=0.1),
    "rprop": lambda p, lr: optim.Rprop(p, lr=lr),
    "adafactor": lambda p, lr: optim.Adafactor(p, lr=lr),
    "muon": lambda p, lr: optim.Muon([x for x in p if x.ndim == 2], lr=lr),
}


@pytest.mark.parametrize("name", OF_A_TENSOR)
def test_a_rate_in_a_tensor_is_read_at_each_step(name):
    """The schedule writes into it, eager and traced, and nothing else takes its place."""
    rates = [cr.tensor(0.125) for _ in range(3)]
    makers = [lambda p, lr=lr: OF_A_TENSOR[name](p, lr) for lr in rates]
    eager, *_ = training(makers[0], lambda step: step)
    traced, run, optimizer, schedule = training(makers[1], trace)
    of_a_number, *_ = training(lambda p: OF_A_TENSOR[name](p, 0.125), lambda step: step)
    np.testing.assert_array_equal(traced, eager)
    np.testing.assert_allclose(
        eager, of_a_number, rtol=1e-3, atol=1e-5
    )  # the rate is rounded to float32
    assert len(run.programs) == 1
    assert optimizer.param_groups[0]["lr"] is rates[1]
    assert isinstance(schedule.get_last_lr()[0], cr.Tensor)
    assert rates[1].tolist() == rates[0].tolist() == schedule.get_last_lr()[0].item() < 0.125
