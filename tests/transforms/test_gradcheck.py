"""The checks of derivatives catch wrong ones, and say where."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd import Function, gradcheck, gradgradcheck
from chainrule.base.errors import ArgumentError, DTypeError, GradError
from chainrule.transforms import directional_errors


def rule(backward):
    """x³ with a derivative as given."""

    class Cube(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

    Cube.backward = staticmethod(backward)
    return Cube.apply


def right(ctx, g):
    return g * 3 * ctx.saved_tensors[0] ** 2


def wrong_in_one_element(ctx, g):
    factor = cr.ones(3, dtype=cr.float64)
    factor[1] = 1.01
    return g * 3 * ctx.saved_tensors[0] ** 2 * factor


def wrong_second(ctx, g):
    x = ctx.saved_variables[0]  # the older name
    return g * 3 * (x * x.detach())


X = cr.tensor([0.7, -1.1, 1.9], dtype=cr.float64, requires_grad=True)


def test_right_rules_pass():
    assert gradcheck(rule(right), (X,)) and gradgradcheck(rule(right), (X,))
    assert gradcheck(rule(right), X)
    assert gradcheck(lambda x, k: x * k, (X, 3.0)) and gradcheck(lambda x: (x * 2, x.sum()), X)


def test_a_wrong_element_is_named():
    with pytest.raises(GradError) as caught:
        gradcheck(rule(wrong_in_one_element), (X,))
    assert str(caught.value).startswith(
        "gradcheck: the derivative of output 0, element 1, by input 0, element 1, is 3.66"
    )
    assert "by backward and 3.63" in str(caught.value) and "(1 of 9 elements disagree)" in str(
        caught.value
    )
    assert gradcheck(rule(wrong_in_one_element), (X,), raise_exception=False) is False


def test_a_wrong_second_derivative_is_caught():
    assert gradcheck(rule(wrong_second), (X,))
    with pytest.raises(GradError, match="disagree"):
        gradgradcheck(rule(wrong_second), (X,))
    assert gradgradcheck(rule(wrong_second), (X,), raise_exception=False) is False


def test_a_cut_graph_is_caught():
    with pytest.raises(GradError, match="is 0 by backward"):
        gradcheck(lambda x: x.detach() * 2, (X,))


def test_what_cannot_be_checked():
    with pytest.raises(GradError, match="needs an input that requires a gradient"):
        gradcheck(lambda x: x, (cr.ones(2, dtype=cr.float64),))
    with pytest.raises(DTypeError, match="derivatives are checked in float64; input 0 is float32"):
        gradcheck(lambda x: x, (cr.ones(2, requires_grad=True),))


def test_directional_errors_are_small_for_right_rules_and_large_for_wrong_ones():
    first, second = directional_errors(rule(right), (X,))[:2]
    assert first < 1e-7 and second < 1e-7
    first, second = directional_errors(rule(wrong_in_one_element), (X,))[:2]
    assert first > 1e-4
    first, second = directional_errors(rule(wrong_second), (X,))[:2]
    assert first < 1e-7 and second > 1e-2


def test_inputs_are_left_alone():
    before = X.detach().numpy().copy()
    gradgradcheck(lambda x: (x * x).sum(), (X,))
    np.testing.assert_array_equal(X.detach().numpy(), before)
    assert X.grad is None and cr.is_grad_enabled()


def test_backward_passes_that_differ_are_found():
    """A derivative that is drawn anew each time: its noise is allowed only by name."""
    noise = iter([1.0, 1.0, 1.001, 1.001] * 10)

    class Noisy(cr.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g * next(noise)

    x = cr.tensor([2.0, 3.0], dtype=cr.float64, requires_grad=True)
    with pytest.raises(
        GradError, match="two backward passes .* differ by 0.001, more than nondet_tol=0.0"
    ):
        cr.autograd.gradcheck(Noisy.apply, x, atol=0.1)
    assert cr.autograd.gradcheck(Noisy.apply, x, atol=0.1, nondet_tol=0.01, fast_mode=True)


def test_forward_and_batched_derivatives_are_checked():
    """What jvp and batched gradients give is compared too: a rule that is wrong in its second derivative alone is wrong there."""
    both = {
        "check_forward_ad": True,
        "check_batched_grad": True,
        "check_batched_forward_grad": True,
    }
    assert gradcheck(lambda x: (x.sin() * x, x.sum()), (X,), **both)
    assert gradcheck(rule(right), (X,), check_forward_ad=True, check_backward_ad=False)
    again = {"check_fwd_over_rev": True, "check_batched_grad": True}
    assert gradgradcheck(rule(right), (X,), gen_non_contig_grad_outputs=True, **again)
    with pytest.raises(GradError, match="by forward and .* by differences"):
        gradcheck(rule(wrong_in_one_element), (X,), check_forward_ad=True, check_backward_ad=False)
    with pytest.raises(GradError, match="disagree"):
        gradgradcheck(rule(wrong_second), (X,), check_fwd_over_rev=True, check_rev_over_rev=False)


def test_checks_that_check_nothing_are_refused():
    with pytest.raises(ArgumentError, match="one of check_forward_ad and check_backward_ad must"):
        gradcheck(rule(right), (X,), check_backward_ad=False)
    with pytest.raises(ArgumentError, match="check_batched_grad=True needs check_backward_ad=True"):
        gradcheck(rule(right), (X,), check_backward_ad=False, check_forward_ad=True, check_batched_grad=True)  # fmt: skip
    with pytest.raises(ArgumentError, match="check_batched_forward_grad=True needs"):
        gradcheck(rule(right), (X,), check_batched_forward_grad=True)
    with pytest.raises(ArgumentError, match="one of check_fwd_over_rev and check_rev_over_rev"):
        gradgradcheck(rule(right), (X,), check_rev_over_rev=False)
