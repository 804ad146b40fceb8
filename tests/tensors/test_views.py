"""Views: one memory seen by several tensors, writes through any of them, and the gradients of all."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import GradError, ShapeError


def leaf(*shape, seed=0):
    return cr.tensor(np.random.default_rng(seed).standard_normal(shape), requires_grad=True)


def gradient(f, x, eps=1e-6):
    """The gradient of a number f(array) by central differences."""
    out = np.zeros_like(x)
    for k in np.ndindex(*x.shape):
        up, down = x.copy(), x.copy()
        up[k] += eps
        down[k] -= eps
        out[k] = (f(up) - f(down)) / (2 * eps)
    return out


def check(f, *shape):
    """f(leaf) → number with a history: its gradient is that of differences."""
    x = leaf(*shape)
    f(x).backward()
    expected = gradient(lambda v: f(cr.tensor(v, requires_grad=True)).item(), x.detach().numpy())
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-6, atol=1e-7)


def test_columns_assigned_one_by_one():
    """out[:, i] = f(x): every column keeps its own history, though all are one node's output in the end."""

    def f(x):
        out = cr.zeros(3, 5, dtype=cr.float64)
        for i in range(5):
            out[:, i] = (x * (i + 1)).sin()
        return (out * out).sum()

    check(f, 3)


def test_a_recurrence_written_into_its_own_memory():
    """out[:, t] reads out[:, t − 1], which was written just before through a sibling view."""

    def f(x):
        out = cr.zeros(3, 5, dtype=cr.float64)
        out[:, 0] = x
        for t in range(1, 5):
            out[:, t] = (out[:, t - 1] * 1.1).sin() + x
        return (out**2).sum()

    check(f, 3)


def test_multiplied_in_place():
    def f(x):
        y = x.sin()
        z = y * 3
        y.mul_(2)  # z was computed before and stays
        return (y * z).sum()

    check(f, 3, 5)


def test_a_write_through_a_flat_view_reaches_the_base():
    def f(x):
        y = x * 1
        flat = y.view(-1)
        flat += 1
        flat[::2] *= 3
        return (y * y).sum() + flat[1] * y[0, 2]

    check(f, 3, 5)


def test_siblings_and_chains_of_views_see_each_others_writes():
    def f(x):
        y = x * 1
        a = y[1:].transpose(0, 1)
        b = y.view(3, 5)[:, 2:]
        c = a[::2].unsqueeze(0)
        b.mul_(2)
        c.add_(x.sum())
        a[0] = x[0, 0]
        b[0, 0] = 7
        return (a * a).sum() + (b**3).sum() + c.sin().sum() + y.sum()

    check(f, 3, 5)


def test_a_write_to_the_base_reaches_views_taken_before():
    def f(x):
        y = x.cos()
        row = y[1]
        y.mul_(x)
        y[1, 0] = 2
        return (row * row).sum()

    check(f, 3, 5)


def test_a_view_of_a_tensor_without_history_that_gets_one():
    def f(x):
        out = cr.zeros(3, 5, dtype=cr.float64)
        row = out[0]
        assert not row.requires_grad
        out[:, 1:3] = x
        assert row.requires_grad and out.requires_grad and not out.is_leaf
        return (row * row).sum() + out[2].sum()

    check(f, 3, 2)


def test_values_written_are_broadcast_and_their_gradient_is_summed():
    def f(x):
        out = cr.ones(3, 5, dtype=cr.float64)
        out[1:] = x
        out[:, 3] = x[0] * x[1]
        return (out * cr.arange(15.0, dtype=cr.float64).view(3, 5)).sum()

    check(f, 5)


def test_a_write_of_something_computed_from_the_target():
    def f(x):
        y = x * 1
        y[0] = (y[1] * 1) * (y[2] * 1)
        y.add_(
            (y * 1).sin()
        )  # torch refuses y.sin() here too: its derivative needs what is overwritten
        return (y * y).sum()

    check(f, 3, 5)


def test_diagonal_and_narrow_and_split_are_views():
    def f(x):
        y = x * 1
        y.diagonal().mul_(3)
        y.narrow(1, 1, 2).add_(1)
        for piece in y.split(2, 1):
            piece.mul_(2)
        for row in y.unbind():
            row.sub_(0.5)
        return (y**2).sum()

    check(f, 3, 5)


def test_views_of_a_number():
    """A 0-d tensor seen as a vector, written there, and read as a number again."""
    x = cr.tensor(2.0, requires_grad=True)
    y = x * 1
    y.view(1).mul_(3)
    y.unsqueeze(0).add_(x)
    y[None][0] = y.detach().clone() * x
    y.backward()
    assert y.item() == 16 and x.grad.item() == 8


def test_empty_tensors_are_viewed_and_written():
    x = cr.zeros(0, 3, requires_grad=True)
    y = x * 1
    y[:, 1] = 2.0
    y.view(-1).add_(1)
    y.sum().backward()
    assert x.grad.shape == (0, 3)


def test_second_derivatives_through_a_write():
    x = leaf(3)
    y = x**3
    y.view(-1)[1:] *= 2
    (g,) = cr.grad(y.sum(), x, create_graph=True)
    (h,) = cr.grad(g.sum(), x)
    np.testing.assert_allclose(h.numpy(), 6 * x.detach().numpy() * [1, 2, 2])


def test_memory_is_shared_until_a_copy_is_asked_for():
    x = cr.arange(30).reshape(2, 3, 5)
    shared = [
        x.view(-1),
        x.reshape(6, 5),
        x.T,
        x.mT,
        x[0],
        x[..., 1:],
        x.unsqueeze(1),
        x.squeeze(),
        x.detach(),
        x.data,
        x.expand(7, 2, 3, 5),
        x.diagonal(),
        x.permute(2, 0, 1),
        x.flatten(1),
        x.unflatten(2, (1, 5)),
        x.movedim(0, 1),
        *x.split(1),
        *x.unbind(1),
    ]
    for y in shared:
        assert np.shares_memory(x.numpy(), y.numpy())
    for y in (
        x.clone(),
        x.T.reshape(-1),
        x.T.contiguous(),
        x.flip(0),
        x.to(cr.int32),
        x.repeat(1, 1, 1),
        x[cr.tensor([0])],
    ):
        assert not np.shares_memory(x.numpy(), y.numpy())
    with pytest.raises(
        ShapeError,
        match=r"view: the memory of a tensor with shape \(5, 3, 2\) and strides .*\n  hint: reshape",
    ):
        x.T.view(-1)


def test_expanded_tensors_cannot_be_written():
    y = cr.zeros(3, 1).expand(3, 5)
    with pytest.raises(
        ShapeError, match=r"several of its elements share one place in memory.*\n  hint: clone"
    ):
        y.add_(1)
    with pytest.raises(ShapeError, match="several of its elements share"):
        y[0, 0] = 1
    assert y.clone().add_(1).tolist() == [[1] * 5] * 3


# --------------------------------------------------------------------------------------------------- leaves and modes


@pytest.mark.parametrize(
    "view", [lambda w: w, lambda w: w.view(-1), lambda w: w[0], lambda w: w[1:].T]
)
def test_a_leaf_is_not_written_with_gradients_on(view):
    w = leaf(3, 5)
    before = w.detach().clone()
    for write in (
        lambda v: v.add_(1),
        lambda v: v.copy_(v * 2),
        lambda v: v.zero_(),
        lambda v: v.__setitem__(0, 1.0),
        lambda v: v.normal_(),
    ):
        with pytest.raises(
            GradError,
            match=r"a leaf that requires a gradient cannot be written in place\n  hint: under no_grad",
        ):
            write(view(w))
    np.testing.assert_array_equal(w.detach().numpy(), before.numpy())


def test_a_leaf_is_written_under_no_grad_and_stays_a_leaf():
    w = leaf(3)
    with cr.no_grad():
        w -= 0.5
        w[0] = 7
        w.view(-1).mul_(2)
    assert w.is_leaf and w.requires_grad and w[0].item() == 14
    (w * w).sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), 2 * w.detach().numpy())


def test_a_view_taken_under_no_grad():
    """It has no history, so writing it with gradients on would lose the gradient of its base."""
    w = leaf(3)
    y = w * 1
    with cr.no_grad():
        v = y[1:]
        v.mul_(2)
    assert not v.requires_grad
    (y * y).sum().backward()
    np.testing.assert_allclose(
        w.grad.numpy(), 2 * w.detach().numpy() * [1, 2, 2]
    )  # as torch: written under no_grad
    with pytest.raises(
        GradError, match=r"a view taken under no_grad cannot be written with gradients on\n  hint: "
    ):
        v.copy_(w[1:])


def test_a_view_of_a_leaf_follows_writes_under_no_grad():
    w = leaf(3)
    v = w[1:]
    with cr.no_grad():
        w.add_(1)
    v.sum().backward()
    assert w.grad.tolist() == [0, 1, 1]


# ------------------------------------------------------------------------------------------------ detach, data, ties


def test_detach_shares_memory_but_no_history():
    w = leaf(3)
    y = w * 1
    d = y.detach()
    d[0] = 5.0
    assert y[0].item() == 5 and not d.requires_grad and d.is_leaf and y.requires_grad
    (y * 2).sum().backward()
    assert w.grad.tolist() == [2, 2, 2]


def test_detach_in_place():
    w = leaf(3)
    y = w * 1
    assert y.detach_() is y and y.is_leaf and not y.requires_grad
    with pytest.raises(GradError, match="a view cannot be detached in place"):
        (w * 1)[0].detach_()


def test_data_is_written_past_the_leaf_check_but_not_past_the_version_check():
    w = leaf(3)
    w.data.mul_(2)
    w.data[0] = 1
    assert w[0].item() == 1 and w.is_leaf
    y = w * w
    w.data.add_(1)
    with pytest.raises(GradError, match="overwritten in place"):
        y.sum().backward()


def test_data_is_replaced():
    w = leaf(3)
    w.data = cr.ones(3, dtype=cr.float64)
    assert w.requires_grad and w.is_leaf and w.tolist() == [1, 1, 1]
    w.data = np.zeros((2, 2))
    (w * 3).sum().backward()
    assert w.grad.tolist() == [[3, 3], [3, 3]]
    other = cr.ones(2)
    w.data = other
    other.add_(1)
    assert w.tolist() == [2, 2]  # the memory is shared


def test_copy_converts_broadcasts_and_carries_the_gradient():
    w = cr.tensor([1.0, 2.0, 3.0], requires_grad=True)
    out = cr.zeros(2, 3, dtype=cr.float64)
    out.copy_(w * w)
    (out * cr.tensor([[1.0], [10.0]], dtype=cr.float64)).sum().backward()
    assert w.grad.tolist() == [22, 44, 66] and w.grad.dtype is cr.float32
    ints = cr.zeros(3, dtype=cr.int64).copy_(cr.tensor([1.7, -1.7, 0.0]))
    assert ints.tolist() == [1, -1, 0]


def test_tied_tensors_accumulate_into_one_gradient():
    w = leaf(3, 3)
    a, b = cr.nn.Linear(3, 3, bias=False).double(), cr.nn.Linear(3, 3, bias=False).double()
    a.weight = b.weight = cr.nn.Parameter(w.detach())
    x = cr.tensor(np.eye(3))
    (b(a(x)) * cr.tensor(np.arange(9.0).reshape(3, 3))).sum().backward()

    def f(v):
        return float((v.T @ v.T * np.arange(9.0).reshape(3, 3)).sum())

    np.testing.assert_allclose(a.weight.grad.numpy(), gradient(f, w.detach().numpy()), atol=1e-8)
    with cr.no_grad():
        a.weight.fill_(3.0)
    assert w.tolist() == [[3] * 3] * 3  # Parameter(w.detach()) stands on w's memory


def test_a_tensor_written_into_a_column_of_another_dtype():
    w = cr.ones(3, requires_grad=True)
    out = cr.zeros(3, 2, dtype=cr.float64)
    out[:, 1] = w * 2
    (out * out).sum().backward()
    assert w.grad.tolist() == [8, 8, 8]


def test_what_is_expanded_without_repeating_can_be_written():
    x = cr.arange(5)
    x.expand(1, -1).copy_(cr.ones(1, 5, dtype=cr.int64))
    assert x.tolist() == [1] * 5
    w = cr.ones(3, requires_grad=True)
    y = w * 2
    y.expand(1, 3).mul_(3.0)
    y.sum().backward()
    assert y.tolist() == [6.0] * 3 and w.grad.tolist() == [6.0] * 3
