"""What single methods promise: the two that PyTorch lacks against their papers, L-BFGS, and options."""

import enum
import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.base.errors import StateDictError
from chainrule.optim.line_search import Point, cubic_minimum, strong_wolfe
from chainrule.optim.optimizer import required

SHAPES = [(5, 7), (7,), (7, 3), (3,)]


def values(seed):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in SHAPES]


def run(make, gradients):
    parameters = [nn.Parameter(v) for v in values(0)]
    optimizer = make(parameters)
    for step in gradients:
        for p, g in zip(parameters, step, strict=True):
            p.grad = cr.tensor(g)
        optimizer.step()
    return [p.detach().numpy() for p in parameters]


GRADIENTS = [values(seed) for seed in range(1, 51)]


def test_lion_is_the_paper_s():
    """Chen et al. 2023, algorithm 2, line by line."""
    theta, m = values(0), [np.zeros(s) for s in SHAPES]
    eta, beta1, beta2, lam = 0.01, 0.85, 0.97, 0.3
    for gradients in GRADIENTS:
        for k, g in enumerate(gradients):
            c = beta1 * m[k] + (1 - beta1) * g
            theta[k] = theta[k] - eta * (np.sign(c) + lam * theta[k])
            m[k] = beta2 * m[k] + (1 - beta2) * g
    found = run(lambda p: optim.Lion(p, lr=eta, betas=(beta1, beta2), weight_decay=lam), GRADIENTS)
    for a, b in zip(found, theta, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_lamb_is_the_paper_s():
    """You et al. 2020, algorithm 2, line by line, each parameter a layer."""
    x, m, v = values(0), [np.zeros(s) for s in SHAPES], [np.zeros(s) for s in SHAPES]
    eta, beta1, beta2, eps, lam = 0.01, 0.85, 0.97, 1e-4, 0.3
    for t, gradients in enumerate(GRADIENTS, 1):
        for k, g in enumerate(gradients):
            m[k] = beta1 * m[k] + (1 - beta1) * g
            v[k] = beta2 * v[k] + (1 - beta2) * g**2
            m_hat, v_hat = m[k] / (1 - beta1**t), v[k] / (1 - beta2**t)
            r = m_hat / (np.sqrt(v_hat) + eps)
            u = r + lam * x[k]
            x[k] = x[k] - eta * np.linalg.norm(x[k]) / np.linalg.norm(u) * u
    found = run(
        lambda p: optim.LAMB(p, lr=eta, betas=(beta1, beta2), eps=eps, weight_decay=lam), GRADIENTS
    )
    for a, b in zip(found, x, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11)


def test_lamb_leaves_zero_and_stays_where_nothing_pulls():
    zero, still = nn.Parameter(cr.zeros(3)), nn.Parameter(cr.ones(3))
    optimizer = optim.LAMB([zero, still], lr=0.1, weight_decay=0.0)
    zero.grad, still.grad = cr.ones(3), cr.zeros(3)
    optimizer.step()
    np.testing.assert_allclose(zero.detach().numpy(), -0.1, rtol=1e-5)
    np.testing.assert_array_equal(still.detach().numpy(), 1.0)


@pytest.mark.parametrize("name", ["Lion", "LAMB"])
def test_the_two_go_up_when_asked(name):
    p = nn.Parameter(cr.ones(2))
    p.grad = cr.ones(2)
    getattr(optim, name)([p], lr=0.1, weight_decay=0.0, maximize=True).step()
    assert (p.detach().numpy() > 1).all()


def test_a_step_of_muon_has_singular_values_near_one():
    rng = np.random.default_rng(0)
    for shape in ((5, 11), (11, 5)):
        p = nn.Parameter(np.zeros(shape))
        p.grad = cr.tensor(rng.standard_normal(shape))
        optim.Muon([p], lr=1.0, adjust_lr_fn="original").step()
        scale = math.sqrt(max(1, shape[0] / shape[1]))
        step = -p.detach().numpy() / scale
        u, _, vt = np.linalg.svd(p.grad.numpy(), full_matrices=False)
        assert np.all((np.linalg.svd(step)[1] > 0.6) & (np.linalg.svd(step)[1] < 1.3))
        assert np.linalg.norm(step - u @ vt) < 0.4 * np.linalg.norm(u @ vt)


def test_adafactor_keeps_a_row_and_a_column():
    p, b, t = nn.Parameter(cr.ones(5, 7)), nn.Parameter(cr.ones(3)), nn.Parameter(cr.ones(2, 3, 5))
    optimizer = optim.Adafactor([p, b, t])
    for x in (p, b, t):
        x.grad = cr.ones(*x.shape)
    optimizer.step()
    shapes = {
        k: {n: tuple(v.shape) for n, v in s.items()}
        for k, s in optimizer.state_dict()["state"].items()
    }
    assert shapes == {
        0: {"step": (), "row_var": (5, 1), "col_var": (1, 7)},
        1: {"step": (), "variance": (3,)},
        2: {"step": (), "row_var": (2, 3, 1), "col_var": (2, 1, 5)},
    }
    state = optimizer.state_dict()
    state["state"][0] = {**state["state"][0], "row_var": cr.ones(5, 7)}
    with pytest.raises(
        cr.StateDictError, match=r"row_var of parameter 0: shape \(5, 7\), expected \(5, 1\)"
    ):
        optimizer.load_state_dict(state)


def test_the_mean_of_asgd_begins_at_t0():
    p = nn.Parameter(cr.zeros(1, dtype=cr.float64))
    optimizer = optim.ASGD([p], lr=1.0, lambd=0.0, t0=2)
    seen = []
    for _ in range(7):
        p.grad = -cr.ones(1, dtype=cr.float64)
        optimizer.step()
        seen.append(p.item())
        if len(seen) <= 3:
            assert optimizer.state[p]["ax"].item() == seen[-1]
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    weights = [1.0, *(1 / max(1, t - 2) for t in range(1, 7))]
    mean = 0.0
    for x, mu in zip(seen, weights, strict=True):
        mean += np.float32(mu) * (x - mean)
    assert optimizer.state[p]["ax"].item() == pytest.approx(mean, rel=1e-6)


# ------------------------------------------------------------------------------------------------------------- L-BFGS


def rosenbrock(w):
    return ((1 - w[:-1]) ** 2 + 100 * (w[1:] - w[:-1] ** 2) ** 2).sum()


def test_lbfgs_finds_the_minimum_of_a_curved_valley():
    w = nn.Parameter(np.linspace(-1.5, 2.0, 7))
    optimizer = optim.LBFGS([w], line_search_fn="strong_wolfe", max_iter=200, history_size=5)

    def closure():
        optimizer.zero_grad()
        loss = rosenbrock(w)
        loss.backward()
        return loss

    first = optimizer.step(closure)
    assert first.item() > 100
    np.testing.assert_allclose(w.detach().numpy(), 1.0, atol=1e-4)
    assert len(optimizer.state[w]["old_dirs"]) == 5
    evaluations = optimizer.state[w]["func_evals"]
    optimizer.step(closure)  # already there: one look
    assert optimizer.state[w]["func_evals"] == evaluations + 1


def test_lbfgs_goes_on_from_a_saved_state():
    ends = []
    for saved in (False, True):
        w = nn.Parameter(np.array([-1.2, 1.0]))
        optimizer = optim.LBFGS([w], line_search_fn="strong_wolfe", max_iter=4)
        for k in range(4):
            if saved and k == 2:
                state = optimizer.state_dict()
                optimizer = optim.LBFGS([w], line_search_fn="strong_wolfe", max_iter=4)
                optimizer.load_state_dict(state)

            def closure(w=w, optimizer=optimizer):
                optimizer.zero_grad()
                loss = rosenbrock(w)
                loss.backward()
                return loss

            optimizer.step(closure)
        ends.append(w.detach().numpy())
    np.testing.assert_array_equal(*ends)


def test_strong_wolfe_meets_its_conditions():
    def evaluate(t):
        return Point(t, math.cos(3 * t) + t * t / 9, None, -3 * math.sin(3 * t) + 2 * t / 9)

    start = evaluate(1e-3)._replace(t=0.0)
    for first in (0.01, 0.3, 1.0, 20.0):
        point, count = strong_wolfe(evaluate, start, first, 1.0)
        assert point.f <= start.f + 1e-4 * point.t * start.slope, first
        assert abs(point.slope) <= 0.9 * abs(start.slope) and count <= 26


def test_a_cubic_without_minimum_is_halved():
    a, b = Point(0.0, 0.0, None, -1.0), Point(1.0, -1.0, None, -1.0)
    assert cubic_minimum(a, b, 2.0, 4.0) == 3.0
    assert cubic_minimum(a, b._replace(f=math.nan)) == 0.5


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda p: optim.LBFGS([p]).step(), TypeError, "LBFGS.step needs a closure"),
        (lambda p: optim.LBFGS([{"params": p}, {"params": p}]), ValueError, "parameter groups"),
        (lambda p: optim.LBFGS([p], line_search_fn="armijo"), ValueError, "only 'strong_wolfe'"),
        (lambda p: optim.SparseAdam([p]), NotImplementedError, "the gradient of an embedding is dense"),
        (lambda p: optim.Muon([p]), ValueError, r"only supports 2D .* size: \(3,\)\n.*AdamW"),
        (lambda p: optim.Muon([p], adjust_lr_fn="x"), ValueError, "adjust_lr_fn must be None"),
        (lambda p: optim.Muon([p], ns_steps=100), ValueError, "ns_steps must be less than 100"),
        (lambda p: optim.Muon([p], ns_coefficients=(1, 2)), ValueError, "must be three numbers"),
        (lambda p: optim.Rprop([p], etas=(1.2, 0.5)), ValueError, "Invalid eta values: 1.2, 0.5"),
        (lambda p: optim.Adadelta([p], rho=1.5), ValueError, "Invalid rho value: 1.5"),
        (lambda p: optim.Adagrad([p], lr_decay=-1.0), ValueError, "Invalid lr_decay value"),
        (lambda p: optim.NAdam([p], momentum_decay=-1.0), ValueError, "Invalid momentum_decay"),
        (lambda p: optim.Adafactor([p], beta2_decay=0.5), ValueError, "Invalid beta2_decay"),
        (lambda p: optim.Adafactor([p], d=0.5), ValueError, "Invalid clipping threshold d: 0.5"),
        (lambda p: optim.Adafactor([p], eps=(-1.0, 1e-3)), ValueError, "Invalid epsilon1 value"),
        (lambda p: optim.Lion([p], betas=(0.9, 1.0)), ValueError, "Invalid beta parameter at index 1"),
        (lambda p: optim.LAMB([p], eps=-1.0), ValueError, "Invalid epsilon value"),
        (lambda p: optim.RMSprop([p], alpha=-1.0), ValueError, "Invalid alpha value"),
        *[
            (lambda p, n=n: getattr(optim, n)([p], differentiable=True), NotImplementedError,
             "differentiable=True is not built")
            for n in ("Adam", "NAdam", "RAdam", "Adamax", "Adagrad", "Adadelta", "RMSprop", "Rprop", "ASGD")
        ],
    ],
)  # fmt: skip
def test_errors(make, error, text):
    with pytest.raises(error, match=text):
        make(nn.Parameter(cr.ones(3)))


def test_a_refused_group_is_not_added():
    optimizer = optim.Muon([nn.Parameter(cr.ones(2, 3))])
    with pytest.raises(ValueError, match="only supports 2D"):
        optimizer.add_param_group({"params": nn.Parameter(cr.ones(3))})
    assert len(optimizer.param_groups) == 1


def test_an_option_that_each_group_must_give():
    class Plain(optim.Optimizer):
        def __init__(self, params, lr=required):
            super().__init__(params, {"lr": lr})

    p = nn.Parameter(cr.ones(3))
    with pytest.raises(ValueError, match="didn't specify a value of required .* lr"):
        Plain([p])
    assert Plain([{"params": p, "lr": 0.5}]).param_groups[0]["lr"] == 0.5
    assert Plain([p], 0.1).param_groups[0]["lr"] == 0.1 and repr(required) == "<required parameter>"


def test_a_method_written_as_for_pytorch():
    """Its own ``step`` and state, nothing else."""

    class Heavy(optim.Optimizer):
        def __init__(self, params, lr=0.1, momentum=0.5):
            super().__init__(params, {"lr": lr, "momentum": momentum})

        @cr.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    state = self.state[p]
                    if len(state) == 0:
                        state["step"], state["velocity"] = 0, cr.zeros_like(p)
                    state["step"] += 1
                    state["velocity"].mul_(group["momentum"]).add_(p.grad)
                    p.add_(state["velocity"], alpha=-group["lr"])

    def descended(optimizer, p, steps):
        for _ in range(steps):
            optimizer.zero_grad()
            (p * p).sum().backward()
            optimizer.step()
        return p.detach().numpy()

    p, q = nn.Parameter(cr.ones(3)), nn.Parameter(cr.ones(3))
    a = Heavy([p])
    expected = optim.SGD([q], lr=0.1, momentum=0.5)
    np.testing.assert_array_equal(descended(a, p, 4), descended(expected, q, 4))
    r = nn.Parameter(p.detach().clone())
    b = Heavy([r])
    b.load_state_dict(a.state_dict())
    np.testing.assert_array_equal(descended(a, p, 3), descended(b, r, 3))
    assert b.state[r]["step"] == 7


class Averaging(enum.IntEnum):
    """An option that is no number of a file."""

    AUTO = 1


class Keeper(optim.Optimizer):
    """Keeps a count as a tensor, lists, and something for all parameters, as methods written for PyTorch do."""

    def __init__(self, params, lr=0.1, norm=Averaging.AUTO):
        super().__init__(params, {"lr": lr, "norm": norm})

    @cr.no_grad()
    def step(self, closure=None):
        self.state.setdefault("loss", cr.zeros(1))
        self.state["ema"] = {"short": 0.5, "both": (1, cr.ones(2))}
        for p in self.param_groups[0]["params"]:
            state = self.state[p]
            if len(state) == 0:
                state["step"], state["history"] = cr.tensor(0.0), []
                state["signs"] = cr.zeros(3, dtype=cr.int64)
            state["step"] += 1
            state["history"].append(p.grad.clone())
            p.sub_(self.param_groups[0]["lr"] * sum(state["history"]) / state["step"])


def test_the_state_of_a_method_written_as_for_pytorch_is_what_it_put_there():
    p, q = nn.Parameter(cr.ones(3)), nn.Parameter(cr.ones(3))
    a, b = Keeper(nn.ParameterList([p])), Keeper([q])
    for _ in range(2):
        p.grad = p.detach().clone()
        a.step()
    saved = a.state_dict()
    assert saved["state"][0]["step"] is a.state[p]["step"]
    assert saved["state"]["ema"]["short"] == 0.5
    b.load_state_dict(saved)
    state = b.state[q]
    assert state["step"].item() == 2 and state["step"] is not a.state[p]["step"]
    assert state["signs"].dtype is cr.float32  # as PyTorch converts it
    assert b.state["ema"]["both"][1].tolist() == [1, 1] and b.state["loss"].tolist() == [0]
    q.data = p.data.clone()
    kept = state["step"]
    for optimizer, x in ((a, p), (b, q)):
        x.grad = cr.ones(3)
        optimizer.step()
    assert p.tolist() == q.tolist() and len(b.state[q]["history"]) == 3
    b.load_state_dict(saved)
    assert b.state[q]["step"] is kept and kept.item() == 3
    with pytest.raises(StateDictError, match="a list of dictionaries"):
        b.load_state_dict({"state": [], "param_groups": saved["param_groups"]})
