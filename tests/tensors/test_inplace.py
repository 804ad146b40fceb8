"""The methods with a trailing underscore: values, gradients and errors are those of the form without, written into the tensor."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import DTypeError, ShapeError

CASES = {
    "abs_": (),
    "ceil_": (),
    "clamp_": (-0.5, 0.7),
    "cos_": (),
    "erf_": (),
    "exp_": (),
    "expm1_": (),
    "floor_": (),
    "neg_": (),
    "pow_": (2,),
    "reciprocal_": (),
    "round_": (),
    "sigmoid_": (),
    "sign_": (),
    "sin_": (),
    "square_": (),
    "tanh_": (),
    "trunc_": (),
    "relu_": (),
    "tril_": (),
    "triu_": (1,),
    "cumsum_": (1,),
    "lerp_": ("w", 0.3),
    "addcmul_": ("w", "w"),
    "addcdiv_": ("w", "p"),
    "add_": ("w",),
    "sub_": ("w",),
    "mul_": ("w",),
    "div_": ("p",),
    "remainder_": ("p",),
    "masked_fill_": ("mask", 0.25),
}
POSITIVE = {"log_": (), "log1p_": (), "rsqrt_": (), "sqrt_": (), "pow_": ("p",)}
ALL = [(n, a, False) for n, a in CASES.items()] + [(n, a, True) for n, a in POSITIVE.items()]


def result(name, arguments, positive, in_place, lib=cr):
    """The value, and the gradients of x and of the tensor argument."""
    rng = np.random.default_rng(7)
    a = rng.standard_normal((3, 5))
    x = lib.tensor(np.abs(a) + 0.5 if positive else a, requires_grad=True)
    named = {
        "w": lib.tensor(rng.standard_normal((3, 5)), requires_grad=True),
        "p": lib.tensor(rng.random((3, 5)) + 0.5, requires_grad=True),
        "mask": lib.tensor(rng.random((3, 5)) < 0.5),
    }
    given = [named.get(v, v) if isinstance(v, str) else v for v in arguments]
    y = x * 1
    if in_place:
        assert getattr(y, name)(*given) is y
    else:
        plain = {
            "lerp_": lambda y, e, w: y + w * (e - y), "addcmul_": lambda y, a, b: y + a * b, "addcdiv_": lambda y, a, b: y + a / b,
        }.get(name)  # fmt: skip
        y = plain(y, *given) if plain else getattr(y, name[:-1])(*given)
    (y * lib.tensor(np.arange(15.0).reshape(3, 5))).sum().backward()
    return [
        y.detach().numpy(),
        *[t.grad.numpy() for t in (x, named["w"], named["p"]) if t.grad is not None],
    ]


@pytest.mark.parametrize(("name", "arguments", "positive"), ALL)
def test_in_place_is_the_other_form_written_down(name, arguments, positive):
    """Where a rule needs the value that is overwritten, it has to be set aside: torch does, and so do we."""
    for a, b in zip(
        result(name, arguments, positive, True),
        result(name, arguments, positive, False),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("name", "arguments", "positive"), ALL)
def test_in_place_against_torch(torch, name, arguments, positive):
    for a, b in zip(
        result(name, arguments, positive, True),
        result(name, arguments, positive, True, torch),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_in_place_through_a_view_sets_aside_what_it_overwrites():
    x, w = cr.ones(2, 3, requires_grad=True), cr.full((6,), 2.0, requires_grad=True)
    y = x * 3
    y.view(-1).mul_(w)
    y[0].square_()
    y.sum().backward()
    assert w.grad.tolist() == [36, 36, 36, 3, 3, 3]
    assert x.grad.tolist() == [[72, 72, 72], [6, 6, 6]]


@pytest.mark.parametrize("symbol", ["+", "-", "*", "/", "//", "%", "**"])
def test_augmented_assignment_keeps_the_object(symbol):
    x = cr.tensor([5.0, 7.0])
    scope = {"x": x}
    exec(f"x {symbol}= 2", scope)
    assert scope["x"] is x and x.tolist() == eval(f"[5.0 {symbol} 2, 7.0 {symbol} 2]")


@pytest.mark.parametrize("symbol", ["&", "|", "^"])
def test_augmented_assignment_of_bits(symbol):
    x = cr.tensor([6, 3])
    scope = {"x": x}
    exec(f"x {symbol}= 5", scope)
    assert scope["x"] is x and x.tolist() == eval(f"[6 {symbol} 5, 3 {symbol} 5]")


def test_results_that_do_not_fit_are_refused_and_nothing_is_written():
    x = cr.zeros(3, dtype=cr.int64)
    with pytest.raises(
        DTypeError, match="float32 values cannot be written into a tensor of dtype int64"
    ):
        x.add_(0.5)
    with pytest.raises(DTypeError):
        x /= 2
    with pytest.raises(ShapeError):
        x.add_(cr.ones(5, 3, dtype=cr.int64))
    assert x.tolist() == [0, 0, 0]
    h = cr.zeros(3, dtype=cr.float16).add_(cr.ones(3, dtype=cr.float64))
    assert h.dtype is cr.float16 and h.tolist() == [1, 1, 1]


def test_random_fillings():
    cr.manual_seed(5)
    x = cr.empty(10007)
    assert (
        abs(x.uniform_(2, 4).mean().item() - 3) < 0.02
        and x.min().item() >= 2
        and x.max().item() < 4
    )
    assert abs(x.normal_(1, 2).std().item() - 2) < 0.05
    assert abs(x.bernoulli_(0.3).mean().item() - 0.3) < 0.02
    n = cr.empty(1009, dtype=cr.int64).random_(3, 7)
    assert set(n.tolist()) == {3, 4, 5, 6}
    assert x.fill_(3).sum().item() == 30021 and x.zero_().sum().item() == 0
    with pytest.raises(ShapeError, match="standard deviation -1 is negative"):
        x.normal_(0, -1)
    with pytest.raises(ShapeError, match="the upper bound 1 is below the lower 2"):
        x.uniform_(2, 1)


def test_in_place_on_empty_and_0d_tensors():
    assert cr.zeros(0).add_(1).tolist() == [] and cr.tensor(2.0).mul_(3).item() == 6


def test_constants_written_over_a_history_leave_a_gradient_of_zero():
    """As in PyTorch: what was there does not matter any more, and a backward pass goes through."""
    w = cr.tensor([2.0, 3.0, 5.0], requires_grad=True)
    x = w * 7
    x.zero_()
    assert x.requires_grad
    (x * w + x).sum().backward()
    assert w.grad.tolist() == [0.0, 0.0, 0.0]
    y = w * 7
    y[1:].fill_(11.0)
    y.fill_(13.0)
    (dw,) = cr.autograd.grad((y * w).sum(), w)
    assert dw.tolist() == [13.0, 13.0, 13.0]
    z = cr.tensor(2.0, requires_grad=True)
    u = z * 7
    u.zero_()
    (u * z + z).backward()
    assert z.grad == 1.0
