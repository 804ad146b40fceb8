"""The version check: a value that a derivative needs was overwritten. Caught whoever wrote it, naming both lines."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import GradError


def leaf(*shape):
    return cr.tensor(np.random.default_rng(3).standard_normal(shape), requires_grad=True)


def refused(y):
    """The error's text, with the lines of this file that it names."""
    with pytest.raises(GradError) as caught:
        y.sum().backward()
    return str(caught.value)


def test_both_lines_are_named():
    x = leaf(5) * 1
    y = x.sin()  # keeps x
    x.add_(1)  # overwrites x
    text = refused(y)
    assert text.startswith("a value that the derivative of sin needs was overwritten in place")
    first, second = [line for line in text.splitlines() if "test_versions.py" in line]
    assert first.split()[0] == "needed" and first.endswith("y = x.sin()  # keeps x")
    assert second.split()[0] == "overwritten" and second.endswith("x.add_(1)  # overwrites x")
    assert "hint: " in text


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.add_(1),
        lambda x: x.mul_(2),
        lambda x: x.copy_(x * 2),
        lambda x: x.zero_(),
        lambda x: x.view(-1).add_(1),  # through a view
        lambda x: x[1:].fill_(3),
        lambda x: x.detach().add_(1),  # past the history
        lambda x: x.data.add_(1),  # torch lets this slip
        lambda x: x.__setitem__(0, 1.0),
        lambda x: x.__setitem__(x > 0, 1.0),
        lambda x: x.normal_(),
        lambda x: x.relu_(),
        lambda x: x.unbind()[0].add_(1),
    ],
)
def test_every_way_of_writing_is_caught(write):
    x = leaf(3, 5) * 1
    y = x.sin()
    write(x)
    assert "overwritten" in refused(y)


@pytest.mark.parametrize(
    ("op", "read"),
    [
        ("mul", lambda x: x * x.detach().clone()),
        ("exp", lambda x: x.exp()),
        ("matmul", lambda x: x @ leaf(5, 2)),
        ("pow", lambda x: x**3),
        ("softmax", lambda x: x.softmax(-1)),
        ("view", lambda x: x.view(-1).sin()),
        ("cat", lambda x: cr.cat([x, x]).sin()),
        ("layer_norm", lambda x: cr.nn.functional.layer_norm(x, (5,))),
        ("gelu", lambda x: cr.nn.functional.gelu(x)),
    ],
)
def test_saved_operands_are_watched_exactly_where_the_rule_needs_them(op, read):
    """`x * c` keeps c, not x: writing x must be allowed. Ops that keep x, or values computed from it, must not give a wrong number."""
    x = leaf(3, 5)
    y = x * 1
    z = read(y)
    (z * 1).sum().backward(retain_graph=True)
    expected = x.grad.clone()
    x.grad = None
    y.add_(1)
    try:
        z.sum().backward()
    except GradError as e:
        assert "overwritten" in str(e)
    else:
        np.testing.assert_array_equal(x.grad.numpy(), expected.numpy())


@pytest.mark.parametrize("name", ["exp", "tanh", "sigmoid", "sqrt", "softmax"])
def test_a_saved_output_is_watched(name):
    x = cr.rand(5, dtype=cr.float64, requires_grad=True)
    y = x.softmax(0) if name == "softmax" else getattr(x, name)()
    y.add_(1)
    assert f"derivative of {name}" in refused(y)


def test_what_no_rule_needs_may_be_overwritten():
    x = leaf(5)
    y = x * 1
    z = y + 1
    w = y * 3
    y.mul_(2)
    (z + w + y).sum().backward()
    assert x.grad.tolist() == [6] * 5


def test_writes_under_no_grad_are_caught_by_an_older_graph():
    """An optimizer step between forward and backward would give gradients of neither the old nor the new weights."""
    w = leaf(3, 5)
    loss = (w * w).sum()
    with cr.no_grad():
        w.sub_(0.1)
    assert "overwritten" in refused(loss)


def test_an_index_that_a_gather_keeps_is_watched():
    x, i = leaf(5), cr.tensor([0, 3])
    y = x[i]
    i.add_(1)
    assert "overwritten" in refused(y)


def test_a_write_after_backward_is_no_ones_business():
    w = leaf(3)
    (w * w).sum().backward()
    with cr.no_grad():
        w.sub_(w.grad)
    (w * w).sum().backward()


def test_the_other_elements_of_the_storage_count_too():
    """One version per storage, as in torch: a write to y[0] is held against a value saved from y[1]."""
    y = leaf(3) * 1
    z = y[1].sin()
    y[0] = 1.0
    assert "overwritten" in refused(z)


def test_past_the_tape_only_what_is_needed_is_watched(torch):
    """`.data[…] = …` into places that no derivative needs, as solvers of differential equations fill the stages of a step."""

    def gradient(m):
        x = m.tensor([[0.3, -0.7], [1.1, 0.2], [0.5, -0.4]], requires_grad=True)
        stages = m.zeros(3, 5)
        w = m.tensor([1.5, -0.5], requires_grad=True)
        y = 0
        for k in range(5):
            stages.data[:, k] = (x.detach() * (k + 1)).sum(1)
            y = (
                y + (stages[:, : k + 1] * w.sum()).sum()
            )  # keeps the columns so far, with gaps between rows
        y.backward()
        return w.grad

    np.testing.assert_allclose(gradient(cr).numpy(), gradient(torch).numpy(), rtol=1e-5)


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.data[:, 1].add_(1),  # one of the saved elements
        lambda x: x.data.view(-1)[4:7].fill_(0),  # a view of a view
        lambda x: x[:, 4].add_(1),  # PyTorch's version check sees this too
        lambda x: x.data.add_(1),
    ],
)
def test_what_a_saved_part_of_a_tensor_needs_is_watched(write):
    x = leaf(3, 5).detach()
    w = leaf(2)
    y = x[:, :2] * w
    x.data[:, 3] = 7.0  # is not needed
    write(x)
    assert "overwritten" in refused(y)


def test_what_was_written_past_the_tape_long_ago_counts_as_needed():
    x, w = cr.zeros(2, 40), leaf(2)
    y = x[:, 0] * w
    for k in range(1, 40):
        x.data[:, k] = 1.0
    assert "overwritten" in refused(y)
