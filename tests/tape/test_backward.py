"""The backward pass: accumulation, what `.grad` is, freed and retained graphs, chosen inputs, several roots and outputs."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import DTypeError, GradError, ShapeError


def leaf(*values):
    return cr.tensor(list(values), dtype=cr.float64, requires_grad=True)


def test_gradients_of_several_uses_add_up():
    x = leaf(3.0)
    y = x * x + x
    (y + x * y).sum().backward()
    assert x.grad.tolist() == [2 * 3 + 1 + 3 * 9 + 2 * 3]


def test_backward_passes_accumulate():
    x = leaf(2.0, 3.0)
    for k in range(1, 4):
        (x * x).sum().backward()
        assert x.grad.tolist() == [4 * k, 6 * k]
    x.grad = None
    (x * 5).sum().backward()
    assert x.grad.tolist() == [5, 5]


def test_a_chain_of_100000_ops():
    """Forward, backward, and the freeing of the graph at the end: none may recurse."""
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1e-5
    y.sum().backward()
    assert x.grad.tolist() == [1] and abs(y.item() - 2) < 1e-9
    del y
    y = x
    for _ in range(100_000):
        y = y * 1.0
    del y  # never pulled: freed from one end to the other


def test_a_chain_of_views_and_writes_does_not_recurse():
    x = leaf(1.0, 2.0)
    y = x * 1
    for _ in range(3000):
        y[0:1].mul_(1.0)
    (y * y).sum().backward()
    assert x.grad.tolist() == [2, 4]
    del y


def test_a_wide_graph_is_walked_once():
    """2⁶⁰ paths: a pass that follows paths instead of nodes would never end."""
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.sum().backward()
    assert x.grad.item() == 2.0**60


# --------------------------------------------------------------------------------------------- whose memory .grad is


def disjoint(*tensors):
    arrays = [t.detach().numpy() for t in tensors]
    return not any(np.shares_memory(a, b) for k, a in enumerate(arrays) for b in arrays[:k])


@pytest.mark.parametrize(
    "f",
    [
        lambda a, b: a + b,
        lambda a, b: (a + b) * 2,
        lambda a, b: a.view(-1) + b.view(-1),
        lambda a, b: cr.stack([a, b]),
        lambda a, b: cr.cat([a, b]),
        lambda a, b: a - (-b),
        lambda a, b: (a + b).T + 0,
        lambda a, b: (a + b).sum() + (a + b),
        lambda a, b: a.detach() + a + b.clone(),
    ],
)
def test_grads_are_never_one_array(f):
    """a + b hands one gradient to both: an optimizer that scales a.grad in place must not scale b.grad."""
    a, b = leaf(1.0, 2.0, 3.0), leaf(5.0, 7.0, 11.0)
    y = f(a, b)
    g = cr.ones(*y.shape, dtype=cr.float64)
    y.backward(g)
    assert disjoint(a.grad, b.grad, g)
    before = b.grad.tolist()
    a.grad.mul_(0)
    assert b.grad.tolist() == before and g.tolist() == cr.ones(*y.shape).tolist()


def test_the_gradient_of_sum_is_memory_of_its_own():
    x = leaf(1.0, 2.0, 3.0)
    x.sum().backward()
    x.grad[0] = 5.0  # not an expanded view of one number
    assert x.grad.tolist() == [5, 1, 1]


def test_a_gradient_that_was_given_is_copied():
    x, g = leaf(1.0, 2.0), cr.ones(2, dtype=cr.float64)
    (x + 0.0).backward(g)
    (x + 0.0).backward(g)
    assert x.grad.tolist() == [2, 2] and g.tolist() == [1, 1]
    y = leaf(1.0, 2.0)
    y.backward(g)
    y.grad.mul_(3)
    assert g.tolist() == [1, 1] and y.grad.tolist() == [3, 3]


def test_retained_gradients_are_memory_of_their_own():
    """h.grad and a.grad arrive as one array; the next pass adds to a.grad in place."""
    a, w = leaf(1.0, 2.0), leaf(3.0, 5.0)
    h = w * 1
    h.retain_grad()
    ((a + h) * 2).sum().backward()
    (a * 5).sum().backward()
    assert a.grad.tolist() == [7, 7] and h.grad.tolist() == [2, 2]


def test_a_gradient_that_a_hook_kept_does_not_change_later():
    a = leaf(1.0, 2.0)
    seen = []
    a.register_hook(seen.append)
    (a * 2).sum().backward()
    (a * 5).sum().backward()
    assert [g.tolist() for g in seen] == [[2, 2], [5, 5]] and a.grad.tolist() == [7, 7]


def test_results_of_grad_are_not_the_graphs_memory():
    x = leaf(1.0, 2.0)
    y = x.exp()
    (g,) = cr.grad(y, x, cr.ones(2, dtype=cr.float64), retain_graph=True)
    g.zero_()
    np.testing.assert_allclose(
        cr.grad(y, x, cr.ones(2, dtype=cr.float64))[0].numpy(), y.detach().numpy()
    )


def test_grad_accumulates_in_its_own_memory():
    """A `.grad` handed to someone stays the tensor that is accumulated into, as in torch."""
    x = leaf(1.0)
    (x * 2).sum().backward()
    kept = x.grad
    (x * 3).sum().backward()
    assert x.grad is kept and kept.tolist() == [5]


def test_grad_is_checked_when_set():
    x = leaf(1.0, 2.0)
    with pytest.raises(DTypeError, match=r"\.grad is a Tensor or None, found list"):
        x.grad = [1.0, 2.0]
    with pytest.raises(
        ShapeError, match=r"\.grad must be like the tensor, \(2,\) float64, found \(3,\) float64"
    ):
        x.grad = cr.zeros(3, dtype=cr.float64)
    with pytest.raises(ShapeError, match="found .* float32"):
        x.grad = cr.zeros(2)
    x.grad = cr.ones(2, dtype=cr.float64)
    (x * 2).sum().backward()
    assert x.grad.tolist() == [3, 3]
    del x.grad
    assert x.grad is None


# --------------------------------------------------------------------------------------------------- freed, retained


def test_a_freed_graph_says_which_op_and_line():
    x = leaf(1.0)
    y = (x * x).exp()  # freed below
    z = y.sum()
    z.backward()
    with pytest.raises(GradError) as caught:
        z.backward()
    text = str(caught.value)
    assert (
        "was freed by an earlier backward pass" in text
        and "retain_graph=True" in text
        and "state.detach()" in text
    )
    assert "test_backward.py" in text and "z = y.sum()" in text


def test_a_graph_shared_by_two_results_is_freed_by_the_first():
    x = leaf(1.0)
    h = x.exp()
    a, b = (h * 2).sum(), (h * h).sum()
    a.backward()
    with pytest.raises(GradError, match="the graph behind exp .* was freed"):
        b.backward()


def test_retained_graphs_run_again():
    x = leaf(2.0)
    y = (x**3).sum()
    for k in range(1, 4):
        y.backward(retain_graph=True)
        assert x.grad.tolist() == [12 * k]
    y.backward()
    with pytest.raises(GradError, match="freed"):
        y.backward()


def test_create_graph_to_third_order():
    x = leaf(2.0, 3.0)
    y = (x**4).sum()
    derivative = x
    for expected in ([32, 108], [48, 108], [48, 72], [24, 24]):
        (derivative,) = cr.grad(y, x, create_graph=True)
        np.testing.assert_allclose(derivative.detach().numpy(), expected)
        y = derivative.sum()
    with pytest.raises(GradError):
        cr.grad(derivative.detach().sum(), x)


def test_backward_with_create_graph_gives_grad_a_history():
    x = leaf(2.0)
    (x**3).sum().backward(create_graph=True)
    assert x.grad.requires_grad
    first, x.grad = x.grad, None
    first.sum().backward()
    assert x.grad.tolist() == [12]
    y = leaf(2.0)
    (y**3).sum().backward()
    assert not y.grad.requires_grad


# ----------------------------------------------------------------------------------------------- roots, inputs, grad


def test_backward_needs_a_history_and_one_element():
    with pytest.raises(
        GradError,
        match="backward needs a tensor that was computed from one that requires a gradient",
    ):
        cr.ones(1).backward()
    with pytest.raises(
        GradError, match=r"one element, found shape \(2,\)\n  hint: \.sum\(\) or \.mean\(\)"
    ):
        (leaf(1.0, 2.0) * 2).backward()
    with pytest.raises(
        ShapeError, match=r"the gradient must have the shape of the tensor, \(2,\), found \(3,\)"
    ):
        (leaf(1.0, 2.0) * 2).backward(cr.ones(3))
    x = leaf(1.0, 2.0)
    (x * 2).backward(cr.tensor([1.0, 10.0], dtype=cr.float64))
    assert x.grad.tolist() == [2, 20]
    one = leaf(3.0)
    one.backward()
    assert one.grad.tolist() == [1]


def test_inputs_limits_what_is_filled():
    a, b = leaf(2.0), leaf(3.0)
    h = a * b
    y = (h * h).sum()
    y.backward(inputs=[a, h], retain_graph=True)
    assert a.grad.tolist() == [36] and b.grad is None and h.grad.tolist() == [12]
    y.backward(inputs=b)
    assert b.grad.tolist() == [24]
    with pytest.raises(GradError, match="among the inputs does not require a gradient"):
        (leaf(1.0) * 2).backward(inputs=[cr.ones(1)])


def test_grad_does_not_accumulate():
    a, b = leaf(2.0), leaf(3.0)
    ga, gb = cr.grad((a * b).sum(), [a, b])
    assert (
        (ga.item(), gb.item()) == (3, 2)
        and a.grad is None
        and b.grad is None
        and not ga.requires_grad
    )


def test_grad_by_a_tensor_in_the_middle():
    x = leaf(2.0)
    h = x * x
    y = (h * h).sum()
    gh, gx = cr.grad(y, (h, x))
    assert gh.tolist() == [8] and gx.tolist() == [32]


def test_grad_by_an_unused_input():
    a, b = leaf(2.0), leaf(3.0)
    with pytest.raises(
        GradError, match=r"do not depend on the input of shape \(1,\)\n  hint: allow_unused=True"
    ):
        cr.grad((a * 2).sum(), [a, b])
    ga, gb = cr.grad((a * 2).sum(), [a, b], allow_unused=True)
    assert ga.tolist() == [2] and gb is None
    ga, gb = cr.grad((a * 2).sum(), [a, b], materialize_grads=True)
    assert gb.tolist() == [0] and gb.dtype is cr.float64


def test_several_outputs_with_their_own_gradients():
    x = leaf(1.0, 2.0)
    one = cr.ones(2, dtype=cr.float64)
    (g,) = cr.grad([x * 2, (x * x).sum(), x * 7], [x], [one, None, one * 10])
    assert g.tolist() == [2 + 2 + 70, 2 + 4 + 70]
    cr.autograd.backward([x * 2, (x * x).sum()], [one, None])
    assert x.grad.tolist() == [4, 6]


def test_only_one_output_of_an_op_gets_a_gradient():
    """The others' gradients are zeros made on the spot, in their own shape and dtype."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((3, 5))
    for pick, expected in ((0, None), (2, None)):
        x = cr.tensor(a, requires_grad=True)
        x.unbind(1)[pick].sum().backward()
        expected = np.zeros((3, 5))
        expected[:, pick] = 1
        np.testing.assert_array_equal(x.grad.numpy(), expected)
    x = cr.tensor(a, requires_grad=True)
    _, mean = cr.var_mean(x, 1)
    mean.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.full((3, 5), 1 / 5))
    x = cr.tensor(a, requires_grad=True)
    values, indices = x.topk(2, 1)
    assert not indices.requires_grad
    values[:, 0].sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), (a == a.max(1, keepdims=True)).astype(float))


def test_an_lstms_last_state_alone():
    """Three outputs of one layer, a gradient at one of them."""
    cr.manual_seed(3)
    net = cr.nn.LSTM(3, 2).double()
    x = cr.randn(5, 7, 3, dtype=cr.float64, requires_grad=True)
    out, (h, _) = net(x)
    (gh,) = cr.grad(h.sum(), x, retain_graph=True)
    (go,) = cr.grad(out[-1].sum(), x)
    np.testing.assert_allclose(gh.numpy(), go.numpy())


def test_leaves_of_other_dtypes_get_gradients_in_their_own():
    a = cr.ones(3, dtype=cr.float16, requires_grad=True)
    b = cr.ones(3, dtype=cr.bfloat16, requires_grad=True)
    (a.double() * 2 + b * 3).sum().backward()
    assert a.grad.dtype is cr.float16 and b.grad.dtype is cr.bfloat16
    assert a.grad.tolist() == [2, 2, 2] and b.grad.tolist() == [3, 3, 3]


def test_requires_grad_is_a_matter_of_leaves():
    x = cr.ones(2)
    y = x * 2
    assert not y.requires_grad and y.is_leaf and y.grad_fn is None
    x.requires_grad = True
    z = x * y
    assert z.requires_grad and not z.is_leaf and "mul" in repr(z.grad_fn)
    with pytest.raises(GradError, match="only a leaf can stop requiring a gradient"):
        z.requires_grad_(False)
    x.requires_grad_(False)
    assert not (x * 2).requires_grad


@pytest.mark.parametrize("half", [cr.bfloat16, cr.float16])
@pytest.mark.parametrize("f", [cr.mul, cr.div, cr.pow, lambda a, b: cr.cat([a * b, b * a])])
def test_half_floats_beside_float32(f, half):
    """Guards against the bits of a bfloat16 operand taken for numbers where the gradient is float32."""
    rng = np.random.default_rng(3)
    a, b = (cr.tensor(rng.uniform(1, 2, (3, 5)), dtype=cr.float32) for _ in range(2))
    a = a.to(half).float().requires_grad_()  # numbers that the half float has
    b.requires_grad_()
    expected = cr.grad(f(a, b).sum(), (a, b))
    for found in (
        cr.grad(f(a.to(half), b).sum(), (a, b)),
        cr.grad(f(a.to(half), b).sum(), (a, b), create_graph=True),
    ):
        for x, y in zip(found, expected, strict=True):
            np.testing.assert_allclose(x.detach().numpy(), y.numpy(), rtol=1e-2)


def test_gradients_of_a_batch_of_starts():
    x = cr.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x**2
    (rows,) = cr.autograd.grad(y, x, cr.eye(3), is_grads_batched=True, only_inputs=True)
    assert rows.tolist() == [[2, 0, 0], [0, 4, 0], [0, 0, 6]]
    with pytest.raises(GradError, match="only_inputs=False"):
        cr.autograd.grad((x**2).sum(), x, only_inputs=False)


def test_the_graph_can_be_walked_from_a_result_to_its_leaves():
    a, b = cr.ones(3, requires_grad=True), cr.ones(3)
    y = ((a * b).tanh() + a).sum()
    leaves, names, todo = [], [], [y.grad_fn]
    while todo:
        node = todo.pop()
        if hasattr(node, "variable"):
            leaves.append(node.variable)
        else:
            names.append(node.name)
        todo += [n for n, _ in node.next_functions if n is not None]
    assert names == ["sum", "add", "tanh", "mul"]
    assert [leaf is a for leaf in leaves] == [True, True]
