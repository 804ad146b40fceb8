"""Function: a derivative of one's own, as in PyTorch."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.autograd import Function, gradcheck, gradgradcheck
from chainrule.base.errors import GradError
from chainrule.transforms import once_differentiable


def leaf(*values):
    return cr.tensor(list(values), dtype=cr.float64, requires_grad=True)


class Exp(Function):
    """Saves its output, as torch's own example does."""

    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y


class Divide(Function):
    """Two outputs, an attribute, a constant output, and setup_context apart from forward."""

    @staticmethod
    def forward(a, b, scale):
        return a / b * scale, a % b, (a // b).long()

    @staticmethod
    def setup_context(ctx, inputs, output):
        a, b, ctx.scale = inputs
        ctx.save_for_backward(a, b)
        ctx.mark_non_differentiable(output[2])

    @staticmethod
    def backward(ctx, g, g_rest, _whole):
        a, b = ctx.saved_tensors
        seen.append(ctx.needs_input_grad)
        return (
            g / b * ctx.scale + g_rest,
            -g * a / (b * b) * ctx.scale - g_rest * (a / b).floor(),
            None,
        )


seen: list = []


def test_a_saved_output():
    x = leaf(0.5, 1.0)
    y = Exp.apply(x)
    assert y.requires_grad and y.grad_fn.name == "Exp" and "grad_fn=<Exp>" in repr(y)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp([0.5, 1.0]))
    assert gradcheck(Exp.apply, (leaf(0.3, 0.7),)) and gradgradcheck(Exp.apply, (leaf(0.3, 0.7),))


def test_several_outputs_attributes_and_needs():
    a, b = leaf(7.0, 5.0), leaf(2.0, 3.0)
    seen.clear()
    q, r, whole = Divide.apply(a, b, 10.0)
    assert (
        whole.tolist() == [3, 1] and not whole.requires_grad and q.requires_grad and r.requires_grad
    )
    (q.sum() + r.sum()).backward()
    np.testing.assert_allclose(a.grad.numpy(), 10 / np.array([2.0, 3.0]) + 1)
    np.testing.assert_allclose(b.grad.numpy(), -np.array([7 / 4, 5 / 9]) * 10 - [3, 1])
    assert seen == [(True, True, False)]
    Divide.apply(a, b.detach(), 1.0)[0].sum().backward()
    assert seen[-1] == (True, False, False)
    assert gradcheck(lambda a, b: Divide.apply(a, b, 3.0)[:2], (leaf(7.3, 5.2), leaf(2.1, 3.3)))
    assert gradgradcheck(lambda a, b: Divide.apply(a, b, 3.0)[:2], (leaf(7.3, 5.2), leaf(2.1, 3.3)))


def test_only_one_output_gets_a_gradient():
    a, b = leaf(7.0), leaf(2.0)
    Divide.apply(a, b, 10.0)[1].sum().backward()
    assert a.grad.tolist() == [1] and b.grad.tolist() == [-3]


def test_gradients_that_do_not_arrive_can_be_none():
    class Split(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, a, b):
            got.append((a is None, b is None))
            return (0 if a is None else a * 2) + (0 if b is None else b * 3)

    got = []
    x = leaf(1.0)
    Split.apply(x)[1].sum().backward()
    assert got == [(True, False)] and x.grad.tolist() == [3]


def test_forward_is_not_recorded_and_without_inputs_that_need_it_nothing_is():
    class Plain(Function):
        @staticmethod
        def forward(ctx, x):
            recorded.append(cr.is_grad_enabled())
            return x * 2

        @staticmethod
        def backward(ctx, g):
            raise AssertionError("not needed")

    recorded = []
    assert not Plain.apply(cr.ones(2)).requires_grad
    with cr.no_grad():
        assert not Plain.apply(leaf(1.0)).requires_grad
    assert recorded == [False, False]


def test_an_input_returned_as_it_is():
    class Reverse(Function):
        """The gradient-reversal layer: the identity, with −g."""

        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return -g

    x = leaf(1.0, 2.0)
    y = Reverse.apply(x)
    assert y is not x
    (y * 3).sum().backward()
    assert x.grad.tolist() == [-3, -3]


def test_a_straight_through_estimator_and_chains():
    class Round(Function):
        @staticmethod
        def forward(ctx, x):
            return x.round()

        @staticmethod
        def backward(ctx, g):
            return g

    x = leaf(0.4, 1.6)
    (Exp.apply(Round.apply(x * 2)) * x).sum().backward()
    r = np.round([0.8, 3.2])
    np.testing.assert_allclose(x.grad.numpy(), np.exp(r) + np.array([0.4, 1.6]) * np.exp(r) * 2)


def test_once_differentiable():
    class Once(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return cr.tensor(g.detach().numpy() * 2 * x.detach().numpy())

    x = leaf(3.0)
    Once.apply(x).sum().backward()
    assert x.grad.tolist() == [6]
    with pytest.raises(GradError, match="once_differentiable: it has no second derivative"):
        (g,) = cr.grad((Once.apply(x) * x).sum(), x, create_graph=True)
        cr.grad(g.sum(), x)


def test_saved_values_are_watched():
    x = leaf(1.0) * 1
    y = Divide.apply(x, leaf(2.0), 1.0)[0]
    x.add_(1)
    with pytest.raises(
        GradError, match=r"a tensor of shape \(1,\) that a Function saved was overwritten in place"
    ):
        y.sum().backward()
    y = Exp.apply(leaf(1.0))
    y.add_(1)
    with pytest.raises(GradError, match="overwritten in place"):
        y.sum().backward()


def test_a_freed_graph():
    y = Exp.apply(leaf(1.0))
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(
        GradError, match="the graph behind this Function was freed by an earlier backward pass"
    ):
        y.backward()


def test_wrong_backwards():
    class Few(Function):
        @staticmethod
        def forward(ctx, a, b):
            return a * b

        @staticmethod
        def backward(ctx, g):
            return g

    with pytest.raises(
        GradError,
        match=r"Few\.backward must return a gradient \(or None\) for each of the 2 inputs of forward, found 1",
    ):
        Few.apply(leaf(1.0), leaf(2.0)).sum().backward()

    class Nothing(Function):
        pass

    with pytest.raises(NotImplementedError, match="a Function needs a static method forward"):
        Nothing.apply(leaf(1.0))


def test_against_torch(torch):
    """The same class text on both libraries."""

    def cube(L):
        class Cube(L.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x**3, x * 2

            @staticmethod
            def backward(ctx, g, h):
                (x,) = ctx.saved_tensors
                return g * 3 * x**2 + h * 2

        x = L.tensor([1.5, -2.0], dtype=L.float64, requires_grad=True)
        y, z = Cube.apply(x)
        (g,) = L.autograd.grad((y * z).sum(), x, create_graph=True)
        (h,) = L.autograd.grad((g * g).sum(), x)
        return g.detach().numpy(), h.numpy()

    for a, b in zip(cube(cr), cube(torch), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
