"""Optimizers against PyTorch: 50 steps on four problems, state dicts, arguments."""

import copy
import inspect

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
    "nadam": ("NAdam", {"lr": 0.02}),
    "nadam_decay": ("NAdam", {"lr": 0.02, "weight_decay": 0.1, "momentum_decay": 0.1}),
    "nadam_decoupled": ("NAdam", {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    "radam": ("RAdam", {"lr": 0.02}),
    "radam_decay": ("RAdam", {"lr": 0.02, "betas": (0.8, 0.9), "weight_decay": 0.1}),
    "radam_decoupled": ("RAdam", {"lr": 0.02, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    "adamax": ("Adamax", {"lr": 0.02}),
    "adamax_decay": ("Adamax", {"lr": 0.02, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    "adagrad": ("Adagrad", {"lr": 0.1}),
    "adagrad_decay": (
        "Adagrad",
        {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.3},
    ),
    "adadelta": ("Adadelta", {}),
    "adadelta_decay": ("Adadelta", {"lr": 0.5, "rho": 0.7, "eps": 1e-3, "weight_decay": 0.1}),
    "rmsprop": ("RMSprop", {"lr": 0.01}),
    "rmsprop_momentum": ("RMSprop", {"lr": 0.003, "momentum": 0.7, "weight_decay": 0.1}),
    "rmsprop_centered": ("RMSprop", {"lr": 0.01, "centered": True, "alpha": 0.9, "eps": 1e-3}),
    "rmsprop_both": ("RMSprop", {"lr": 0.003, "centered": True, "momentum": 0.5, "eps": 1e-3}),
    "rprop": ("Rprop", {"lr": 0.01}),
    "rprop_bounds": ("Rprop", {"lr": 0.01, "etas": (0.4, 1.3), "step_sizes": (0.003, 0.05)}),
    "asgd": ("ASGD", {"lr": 0.02}),
    "asgd_mean": ("ASGD", {"lr": 0.02, "lambd": 0.01, "alpha": 0.6, "t0": 7, "weight_decay": 0.1}),
    "adafactor": ("Adafactor", {"lr": 0.05}),
    "adafactor_decay": (
        "Adafactor",
        {"lr": 0.05, "eps": (1e-4, 0.1), "d": 1.5, "beta2_decay": -0.6, "weight_decay": 0.1},
    ),
}

MAXIMIZED = {
    **{
        name: {"lr": 1e-3}
        for name in (
            "SGD", "Adam", "AdamW", "NAdam", "RAdam", "Adamax", "Adagrad", "Adadelta", "RMSprop",
            "ASGD", "Adafactor",
        )
    },
    "Rprop": {"lr": 1e-4, "step_sizes": (1e-6, 1e-3)},
}  # fmt: skip


def rosenbrock(T, p, step):
    """A curved valley, from the usual start; one parameter."""
    x, y = p[0][0], p[0][1]
    return (1 - x) ** 2 + 5 * (y - x * x) ** 2


def regression(T, p, step):
    """A two-layer network on a fixed batch; four parameters."""
    rng = np.random.default_rng(3)
    x, y = T.tensor(rng.standard_normal((13, 5))), T.tensor(rng.standard_normal((13, 3)))
    x, y = x.to(p[0].dtype), y.to(p[0].dtype)
    h = (x @ p[0] + p[1]).tanh()
    return ((h @ p[2] + p[3] - y) ** 2).mean()


def noisy(T, p, step):
    """Another batch at every step, and a second parameter that gets a gradient at every third step only."""
    rng = np.random.default_rng(step)
    a, b = T.tensor(rng.standard_normal((11, 7))), T.tensor(rng.standard_normal(11))
    a, b = a.to(p[0].dtype), b.to(p[0].dtype)
    loss = ((a @ p[0] - b) ** 2).mean()
    return loss + (p[1] ** 2).sum() if step % 3 == 2 else loss


def words(T, p, step):
    """An embedding, of which a batch sees a few rows, and a linear layer: most gradients are zero."""
    rng = np.random.default_rng(step)
    seen, y = T.tensor(rng.integers(0, 11, 5)), T.tensor(rng.standard_normal((5, 2)))
    rows = T.nn.functional.embedding(seen, p[0])
    return ((rows.tanh() @ p[1] - y.to(p[0].dtype)) ** 2).mean()


PROBLEMS = {
    "rosenbrock": (rosenbrock, [(2,)]),
    "regression": (regression, [(5, 7), (7,), (7, 3), (3,)]),
    "noisy": (noisy, [(7,), (3, 2)]),
    "words": (words, [(11, 3), (3, 2)]),
}
TOLERANCES = {"float64": (1e-7, 1e-9), "float32": (2e-3, 2e-5)}


def starts(shapes, dtype="float64"):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(s).astype(dtype) for s in shapes]


def trajectory(T, optimizer, parameters, loss_of, steps=STEPS):
    points = []
    for step in range(steps):
        optimizer.zero_grad()
        loss_of(T, parameters, step).backward()
        optimizer.step()
        points.append(np.concatenate([p.detach().numpy().ravel() for p in parameters]))
    return np.array(points)


@pytest.mark.torch
@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("method", METHODS)
def test_trajectories_are_those_of_torch(torch, method, problem, dtype):
    name, options = METHODS[method]
    loss_of, shapes = PROBLEMS[problem]
    ours = [nn.Parameter(v) for v in starts(shapes, dtype)]
    theirs = [torch.nn.Parameter(torch.tensor(v)) for v in starts(shapes, dtype)]
    # gradients of a single precision turn signs on which some methods decide
    steps = STEPS if dtype == "float64" else 20
    a = trajectory(cr, getattr(optim, name)(ours, **options), ours, loss_of, steps)
    b = trajectory(torch, getattr(torch.optim, name)(theirs, **options), theirs, loss_of, steps)
    rtol, atol = TOLERANCES[dtype]
    assert ours[0].dtype is getattr(cr, dtype)
    np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)


@pytest.mark.torch
@pytest.mark.parametrize("name", MAXIMIZED)
def test_maximized_as_by_torch(torch, name):
    options = {**MAXIMIZED[name], "maximize": True}
    loss_of, shapes = PROBLEMS["words"]
    ours = [nn.Parameter(v) for v in starts(shapes)]
    theirs = [torch.nn.Parameter(torch.tensor(v)) for v in starts(shapes)]
    a = trajectory(cr, getattr(optim, name)(ours, **options), ours, loss_of)
    b = trajectory(torch, getattr(torch.optim, name)(theirs, **options), theirs, loss_of)
    np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.torch
@pytest.mark.parametrize("method", METHODS)
def test_state_dicts_are_those_of_torch(torch, method):
    """Same keys, order and shapes; each loads the other's state and goes on as the other does."""
    name, options = METHODS[method]
    loss_of, shapes = PROBLEMS["regression"]
    ours = [nn.Parameter(v) for v in starts(shapes)]
    theirs = [torch.nn.Parameter(torch.tensor(v)) for v in starts(shapes)]
    a, b = getattr(optim, name)(ours, **options), getattr(torch.optim, name)(theirs, **options)
    assert {k: v for k, v in a.param_groups[0].items() if k != "params"} == {
        k: v for k, v in b.param_groups[0].items() if k != "params"
    }
    assert_same_state(a.state_dict(), b.state_dict())
    trajectory(torch, b, theirs, loss_of)
    trajectory(cr, a, ours, loss_of)
    mine, state = a.state_dict(), b.state_dict()
    assert mine["param_groups"][0]["params"] == state["param_groups"][0]["params"]
    assert_same_state(mine, state)

    fresh = [nn.Parameter(p.detach().numpy()) for p in theirs]
    c = getattr(optim, name)(fresh, **options)
    c.load_state_dict(state)
    back = [torch.nn.Parameter(torch.tensor(p.detach().numpy())) for p in ours]
    d = getattr(torch.optim, name)(back, **options)
    d.load_state_dict(
        {**mine, "state": converted(mine["state"], lambda v: torch.tensor(v.numpy()))}
    )
    x, y = trajectory(cr, c, fresh, loss_of), trajectory(torch, b, theirs, loss_of)
    np.testing.assert_allclose(x, y, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(trajectory(torch, d, back, loss_of), y, rtol=1e-7, atol=1e-8)


def converted(state, convert):
    return {
        k: {n: convert(v) for n, v in slots.items() if v is not None} for k, slots in state.items()
    }


def assert_same_state(mine, theirs):
    assert set(mine["state"]) == set(theirs["state"])
    for k, slots in theirs["state"].items():
        assert list(mine["state"][k]) == [n for n, v in slots.items() if v is not None]
        for n, v in slots.items():
            if v is not None:
                found = mine["state"][k][n]
                np.testing.assert_allclose(found.numpy(), v.numpy(), rtol=1e-7, atol=1e-12)
                assert str(found.dtype).split(".")[-1] == str(v.dtype).split(".")[-1]


@pytest.mark.torch
def test_arguments_are_those_of_torch(torch):
    """Names, order, defaults, and which may be given by position."""
    for name in optim.__all__:
        cls = getattr(optim, name)
        theirs = getattr(torch.optim, name, None)
        if isinstance(cls, type) and theirs is not None and name not in ("Optimizer", "SparseAdam"):
            a, b = (inspect.signature(c).parameters.values() for c in (cls, theirs))
            assert [(p.name, p.kind, p.default) for p in a] == [
                (p.name, p.kind, p.default) for p in b
            ], name


MUON = {
    "muon": {"lr": 0.02},
    "muon_plain": {"lr": 0.02, "nesterov": False, "momentum": 0.8, "weight_decay": 0.0},
    "muon_rms": {"lr": 0.02, "adjust_lr_fn": "match_rms_adamw", "ns_steps": 3},
}


@pytest.mark.torch
@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("method", MUON)
def test_muon_is_that_of_torch(torch, method, rounded, monkeypatch):
    """To rounding if PyTorch computes the polynomial in float64; as it is, to that of bfloat16."""
    if not rounded:
        monkeypatch.setattr(torch.Tensor, "bfloat16", lambda self: self.clone())
    shapes = [(5, 7), (7, 3)]

    def loss_of(T, p, step):
        rng = np.random.default_rng(3)
        x, y = T.tensor(rng.standard_normal((13, 5))), T.tensor(rng.standard_normal((13, 3)))
        return (((x @ p[0]).tanh() @ p[1] - y) ** 2).mean()

    ours = [nn.Parameter(v) for v in starts(shapes)]
    theirs = [torch.nn.Parameter(torch.tensor(v)) for v in starts(shapes)]
    a, b = optim.Muon(ours, **MUON[method]), torch.optim.Muon(theirs, **MUON[method])
    steps = 5 if rounded else STEPS
    x, y = trajectory(cr, a, ours, loss_of, steps), trajectory(torch, b, theirs, loss_of, steps)
    np.testing.assert_allclose(x, y, rtol=1e-9, atol=0.02 * 0.02 * steps if rounded else 1e-11)
    keys = [list(v) for v in a.state_dict()["state"].values()]
    assert keys == [list(v) for v in b.state_dict()["state"].values()]


LBFGS = {
    "plain": {"lr": 0.1, "max_iter": 5},
    "wolfe": {"line_search_fn": "strong_wolfe", "max_iter": 7},
    "short_memory": {"line_search_fn": "strong_wolfe", "history_size": 2, "lr": 0.5},
    "few_evaluations": {"line_search_fn": "strong_wolfe", "max_eval": 4},
}


def minimised(T, optimizer, parameters, loss_of, steps):
    points = []
    for _ in range(steps):

        def closure():
            optimizer.zero_grad()
            loss = loss_of(T, parameters, 3)
            loss.backward()
            return loss

        first = optimizer.step(closure)
        points.append(
            np.concatenate([[first.item()], *(p.detach().numpy().ravel() for p in parameters)])
        )
    return np.array(points)


@pytest.mark.torch
@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("method", LBFGS)
def test_lbfgs_is_that_of_torch(torch, method, problem):
    loss_of, shapes = PROBLEMS[problem]
    ours = [nn.Parameter(v) for v in starts(shapes)]
    theirs = [torch.nn.Parameter(torch.tensor(v)) for v in starts(shapes)]
    a, b = optim.LBFGS(ours, **LBFGS[method]), torch.optim.LBFGS(theirs, **LBFGS[method])
    x, y = minimised(cr, a, ours, loss_of, 3), minimised(torch, b, theirs, loss_of, 3)
    np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-8)
    mine, state = a.state_dict()["state"][0], b.state_dict()["state"][0]
    assert set(mine) == set(state) - {"al"}
    assert (mine["func_evals"], mine["n_iter"]) == (state["func_evals"], state["n_iter"])
    # PyTorch's state into ours
    fresh = [nn.Parameter(p.detach().numpy()) for p in theirs]
    c = optim.LBFGS(fresh, **LBFGS[method])
    c.load_state_dict(b.state_dict())
    x, y = minimised(cr, c, fresh, loss_of, 1), minimised(torch, b, theirs, loss_of, 1)
    np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", ["SGD", "Adam", "ASGD", "Adafactor", "Rprop", "RMSprop"])
def test_a_rate_in_a_tensor(torch, name):
    """Written into by a schedule and by hand, saved with the state, and loaded into."""
    seen = []
    for m in (cr, torch):
        p = m.nn.Parameter(m.tensor([0.5, -1.5, 3.0], dtype=m.float64))
        lr = m.tensor(0.25)
        optimizer = getattr(m.optim, name)([p], lr=lr)
        schedule = m.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        numbers = []

        def closure(p=p, optimizer=optimizer):
            optimizer.zero_grad()
            loss = ((p - 0.25) ** 2).sum()
            loss.backward()
            return loss

        for _ in range(3):
            optimizer.step(closure)
            schedule.step()
            numbers += [*p.tolist(), lr.item(), schedule.get_last_lr()[0].item()]
        with m.no_grad():
            lr.fill_(0.75)
        saved = optimizer.state_dict()
        assert saved["param_groups"][0]["lr"].item() == 0.75
        assert isinstance(optimizer.param_groups[0]["lr"], m.Tensor)
        optimizer.step(closure)
        seen.append([*numbers, *p.tolist()])
    np.testing.assert_allclose(*seen, rtol=1e-6)


def test_a_saved_rate_is_written_into_the_tensor():
    p, lr = nn.Parameter(cr.ones(3)), cr.tensor(0.5)
    optimizer = optim.Adam([p], lr=lr)
    saved = copy.deepcopy(optimizer.state_dict())
    lr.fill_(2.0)
    optimizer.load_state_dict(saved)
    assert optimizer.param_groups[0]["lr"] is lr
    assert lr.item() == 0.5
    other = optim.Adam([p], lr=0.125)
    other.load_state_dict(saved)
    assert other.param_groups[0]["lr"].item() == 0.5
    assert other.param_groups[0]["lr"] is not saved["param_groups"][0]["lr"]
