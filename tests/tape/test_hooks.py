"""Hooks on gradients, and `.grad` of tensors that are not leaves."""

import pytest

import chainrule as cr
from chainrule.base.errors import GradError


def leaf(*values):
    return cr.tensor(list(values), requires_grad=True)


def test_a_leafs_hook_sees_the_sum_once():
    """Called per use it would clip parts of a gradient instead of the gradient."""
    x, seen = leaf(1.0, 2.0), []
    x.register_hook(lambda g: seen.append(g.tolist()))
    (x * 2 + x * 3).sum().backward()
    assert seen == [[5, 5]]


def test_a_hook_replaces_the_gradient():
    x = leaf(1.0, 2.0)
    x.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    (x * 2).sum().backward()
    assert x.grad.tolist() == [21, 21]
    (x * 2).sum().backward()
    assert x.grad.tolist() == [42, 42]


def test_a_hook_in_the_middle():
    x = leaf(1.0, 2.0)
    h = x * 3
    seen = []
    h.register_hook(lambda g: seen.append(g.tolist()))
    h.register_hook(lambda g: g * 2)
    (h * h).sum().backward()
    assert seen == [[6, 12]] and x.grad.tolist() == [36, 72]


def test_a_hook_on_one_of_several_outputs():
    x = leaf(3.0, 1.0, 2.0)
    values, _ = x.sort()
    a, _ = x.topk(2)
    values.register_hook(lambda g: g * 0)
    (values.sum() + a.sum()).backward()
    assert x.grad.tolist() == [1, 0, 1]


def test_hooks_are_removed():
    x = leaf(1.0)
    h = x * 2
    seen = []
    handles = [t.register_hook(lambda g: seen.append(1)) for t in (x, h)]
    for handle in handles:
        handle.remove()
        handle.remove()  # twice is harmless
    h.sum().backward()
    assert seen == []


def test_one_function_registered_twice_runs_twice():
    x, seen = leaf(1.0), []

    def note(g):
        seen.append(1)

    first = x.register_hook(note)
    x.register_hook(note)
    (x * 2).sum().backward()
    first.remove()
    (x * 2).sum().backward()
    assert len(seen) == 3


def test_hooks_with_grad_and_create_graph():
    x = leaf(2.0)
    x.register_hook(lambda g: g * 3)
    h = x * x
    h.register_hook(lambda g: g * 5)
    (g,) = cr.grad((h * h).sum(), x, create_graph=True)
    assert g.tolist() == [4 * 8 * 15]
    assert x.grad is None
    (second,) = cr.grad(g.sum(), x)
    assert second.requires_grad is False and second.item() != 0


def test_hooks_on_a_tensor_that_was_asked_for():
    x = leaf(2.0)
    h = x * x
    h.register_hook(lambda g: g * 5)
    (g,) = cr.grad((h * 3).sum(), h)
    assert g.tolist() == [15]


def test_a_hook_sees_a_gradient_without_history():
    x = leaf(1.0)
    seen = []
    x.register_hook(lambda g: seen.append(g.requires_grad))
    (x * x).sum().backward()
    (x * x).sum().backward(create_graph=True)
    assert seen == [False, True]


def test_hooks_need_a_gradient():
    with pytest.raises(GradError, match="a hook needs a tensor that requires a gradient"):
        cr.ones(2).register_hook(print)
    with pytest.raises(GradError, match="retain_grad needs a tensor that requires a gradient"):
        cr.ones(2).retain_grad()


def test_what_is_retained_is_what_hooks_have_made(torch):
    """Also of hooks that came later, and of those alone that are still there."""

    def grads(L):
        x = L.ones(3, requires_grad=True)
        y = x * 2
        y.retain_grad()
        y.register_hook(lambda g: g * 5)
        y.register_hook(lambda g: g * 7).remove()
        y.register_hook(lambda g: g + 1)
        y.sum().backward()
        return y.grad.tolist(), x.grad.tolist()

    assert grads(cr) == grads(torch) == ([6.0] * 3, [12.0] * 3)


def test_retain_grad():
    x = leaf(1.0, 2.0)
    h = x * 3
    with pytest.warns(UserWarning, match=r"ops made is None, unless .* w -= lr \* w.grad"):
        assert h.grad is None and not h.retains_grad
    h.retain_grad()
    h.retain_grad()  # twice is once
    assert h.retains_grad
    (h * h).sum().backward(retain_graph=True)
    assert h.grad.tolist() == [6, 12] and x.grad.tolist() == [18, 36]
    (h * 0.5).sum().backward()
    assert h.grad.tolist() == [6.5, 12.5]
    x.retain_grad()  # a leaf keeps its gradient anyway
    assert not x.retains_grad


def test_retain_grad_sees_what_other_hooks_made_of_the_gradient():
    x = leaf(1.0)
    h = x * 3
    h.register_hook(lambda g: g * 2)
    h.retain_grad()
    h.sum().backward()
    assert h.grad.tolist() == [2] and x.grad.tolist() == [6]


def test_hooks_and_retained_gradients_of_a_tensor_written_afterwards():
    """As in torch: a hook stays with the value it was put on, `.grad` belongs to what the tensor is at the end."""
    x, seen = leaf(1.0, 2.0), []
    y = x * 1
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.retain_grad()
    y.mul_(3)
    y.sum().backward()
    assert seen == [[3, 3]] and y.grad.tolist() == [1, 1] and x.grad.tolist() == [3, 3]


def test_a_hook_after_accumulation():
    x = cr.tensor([1.0, 2.0], requires_grad=True)
    seen = []
    handle = x.register_post_accumulate_grad_hook(lambda t: seen.append((t is x, t.grad.tolist())))
    (x * 2).sum().backward()
    (x * 3).sum().backward()
    handle.remove()
    x.sum().backward()
    assert seen == [(True, [2, 2]), (True, [5, 5])]
    with pytest.raises(GradError, match="needs a leaf"):
        (x * 2).register_post_accumulate_grad_hook(print)


def test_a_nan_that_the_backward_pass_makes_is_an_error_when_asked():
    x = cr.tensor(0.0, requires_grad=True)
    cr.autograd.grad(x * 0 / x, x)
    with (
        cr.autograd.detect_anomaly(),
        pytest.raises(GradError, match=r"the gradient of div has a NaN[^\n]*\n  at  .*test_hooks"),
    ):
        (x * 0 / x).backward()
    cr.autograd.set_detect_anomaly(True)
    try:
        with pytest.raises(GradError, match="NaN"):
            cr.autograd.grad(x * 0 / x, x)
        cr.autograd.grad(x * 2, x)
    finally:
        cr.autograd.set_detect_anomaly(False)
    cr.autograd.grad(x * 0 / x, x)
