"""The capture contract line by line: what writes a new program, what never does, what is refused; how many programs there are."""

import numpy as np
import pytest
from compiled_functions import arrays, compiled, counted, equal

import chainrule as cr
from chainrule import nn, optim
from chainrule.base.modes import modes
from chainrule.compiler import compiled as front
from chainrule.tape.modes import cell

HERE = "test_compiled_guards.py"


def test_guard_shapes():
    f = compiled(lambda x: x * 2)
    assert counted(f, *[lambda n=n: f(cr.ones(n)) for n in (2, 3, 2, 3)]) == 2


def test_guard_dtypes():
    f = compiled(lambda x: x * 2)
    for dtype in (cr.float32, cr.float64, cr.int64, cr.float32):
        assert f(cr.ones(2, dtype=dtype)).dtype is dtype
    assert counted(f) == 3


def test_guard_stride_class():
    f = compiled(lambda x: x.reshape(-1))
    x = cr.arange(6.0)
    assert f(x.view(2, 3)).tolist() == [0, 1, 2, 3, 4, 5]
    assert f(x.view(3, 2).T).tolist() == [0, 2, 4, 1, 3, 5] and counted(f) == 2
    assert f(cr.arange(12.0)[6:].view(2, 3)).tolist() == [6, 7, 8, 9, 10, 11] and counted(f) == 2


def test_guard_aliasing():
    f = compiled(lambda a, b: a + b * 10)
    one, two = cr.ones(2), cr.full((2,), 2.0)
    assert [f(one, one).tolist(), f(one, two).tolist(), f(two, one).tolist()] == [
        [11, 11],
        [21, 21],
        [12, 12],
    ]
    assert counted(f) == 2
    with pytest.raises(cr.TraceError, match="argument 0 and argument 1 share memory"):
        compiled(lambda a, b: a.add_(1) + b)(one, one)


def test_guard_gradient_mode_and_ties_to_the_tape():
    w = cr.ones(2)
    f = compiled(lambda x: x * w if (x * w).requires_grad else x - w)
    x = cr.full((2,), 3.0)
    assert f(x).tolist() == [2, 2]
    x.requires_grad_()
    assert f(x).tolist() == [3, 3] and f(x * 1).tolist() == [3, 3]
    with cr.no_grad():
        assert f(x).tolist() == [2, 2]
    w.requires_grad_()
    assert f(x.detach()).tolist() == [3, 3] and counted(f) == 5


def test_guard_a_captured_tensor_that_gets_a_history():
    h, w = cr.ones(3), nn.Parameter(cr.full((3,), 2.0))
    f = compiled(lambda x: x * h)
    assert not f(cr.ones(3)).requires_grad
    h.mul_(w)
    f(cr.ones(3)).sum().backward()
    assert w.grad.tolist() == [1, 1, 1] and counted(f) == 2


def test_guard_a_captured_view_whose_base_gets_a_history():
    base, w = cr.ones(4), nn.Parameter(cr.full((4,), 2.0))
    part = base[1:3]
    f = compiled(lambda x: x * part)
    assert not f(cr.ones(2)).requires_grad
    base.mul_(w)
    f(cr.ones(2)).sum().backward()
    assert w.grad.tolist() == [0, 1, 1, 0]


def test_guard_an_argument_that_is_a_captured_tensor():
    state = cr.ones(3)
    f = compiled(lambda x: state.add_(x) * 1)
    assert f(cr.ones(3)).tolist() == [2, 2, 2]
    with pytest.raises(cr.TraceError, match="argument 0 and a tensor that the function uses share"):
        f(state.view(3))
    assert state.tolist() == [2, 2, 2]


def test_guard_training_mode():
    net = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5))
    f = compiled(lambda x: net(x).detach())
    x = cr.ones(11, 3)
    train = f(x)
    net.eval()
    assert f(x).tolist() == net(x).detach().tolist() != train.tolist()
    net[1].train()
    f(x)
    net.eval()
    f(x)
    assert counted(f) == 3


def test_guard_default_dtype():
    f = compiled(lambda x: x + 0.5)
    i = cr.ones(2, dtype=cr.int64)
    cr.set_default_dtype(cr.float64)
    try:
        assert f(i).dtype is cr.float64
    finally:
        cr.set_default_dtype(cr.float32)
    assert f(i).dtype is cr.float32


CHANGES = {
    "a parameter replaced": lambda net: setattr(net[0], "weight", nn.Parameter(cr.ones(3, 3))),
    "a bias taken away": lambda net: setattr(net[0], "bias", None),
    "a layer replaced": lambda net: net.__setitem__(1, nn.Tanh()),
    "a layer added": lambda net: net.append(nn.Linear(3, 3)),
    "a layer inserted": lambda net: net.insert(0, nn.Tanh()),
    "a layer deleted": lambda net: net.__delitem__(1),
    "other memory": lambda net: setattr(net[0].weight, "data", cr.full((3, 3), 0.25)),
    "a parameter frozen": lambda net: net[0].weight.requires_grad_(False),
    "a buffer replaced": lambda net: setattr(net[2], "scale", cr.full((3,), 7.0)),
    "a plain tensor replaced": lambda net: setattr(net[2], "shift", cr.full((3,), 5.0)),
    "a parameter assigned by load_state_dict": lambda net: net.load_state_dict(
        {k: v * 2 for k, v in net.state_dict().items()}, assign=True
    ),
    "a forward hook": lambda net: net[0].register_forward_hook(lambda m, a, y: y * 2),
}


class Scaled(nn.Module):
    """Uses a buffer and a tensor in a plain attribute."""

    def __init__(self):
        super().__init__()
        self.register_buffer("scale", cr.full((3,), 2.0))
        self.shift = cr.ones(3)

    def forward(self, x):
        return x * self.scale + self.shift


@pytest.mark.parametrize("change", CHANGES)
def test_guard_structure_of_modules(change):
    net = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), Scaled())
    f = compiled(net)
    x = cr.tensor([[1.0, -2.0, 3.0]])
    f(x)
    CHANGES[change](net)
    equal(arrays([f(x)]), arrays([net(x)]))
    assert counted(f._compiled) == 2
    f(x)
    assert counted(f._compiled) == 2


def test_a_removed_hook_is_noticed():
    net = nn.Linear(3, 3)
    handle = net.register_forward_hook(lambda m, a, y: y * 2)
    f = compiled(net)
    x = cr.ones(3)
    assert f(x).tolist() == net(x).tolist()
    handle.remove()
    assert f(x).tolist() == net(x).tolist()


def test_changes_elsewhere_write_no_program():
    net, other = nn.Linear(3, 3), nn.Sequential(nn.Linear(3, 3))
    f = compiled(net)
    for _ in range(3):
        f(cr.ones(3))
        other.train(not other.training)
        other[0].weight = nn.Parameter(cr.ones(3, 3))
        net.load_state_dict({k: v * 2 for k, v in net.state_dict().items()})
        net.note = "text"
    assert counted(f._compiled) == 1


def test_cells_never_retrace():
    rate = [0.5]
    w = nn.Parameter(cr.ones(2))
    opt = optim.SGD([w], lr=1.0)

    @compiled
    def f(x):
        opt.zero_grad()
        (w * x).sum().backward()
        opt.step()
        return x * cell(lambda: rate[0])

    for r in (0.5, 0.25, 3.0):
        rate[0], opt.param_groups[0]["lr"] = r, r
        before = w.tolist()
        assert f(cr.ones(2)).tolist() == [r, r] and w.tolist() == [v - r for v in before]
    assert counted(f) == 1


def test_other_python_values_are_constants_that_explain_lists():
    scale = cr.ones(2, requires_grad=True)
    f = compiled(
        lambda x, k, *, flag=False: x * scale * k * cell(lambda: 0.75) + cr.tensor([1.0, 2.0])
    )
    assert f(cr.ones(2), 3, flag=True).tolist() == [3.25, 4.25]
    assert f(cr.ones(2), 3.0, flag=True).tolist() == [3.25, 4.25] and counted(f) == 2
    text = f.explain()
    assert (
        "constants among the arguments: 3, True" in text
        and "constants among the arguments: 3.0, True" in text
    )
    assert "read at each call (0.75 now)" in text and HERE in text
    assert "arrays fixed in the program:" in text and "constant float32[2]" in text
    assert "tensor argument 0" in text and "a captured tensor" in text and "mul(" in text
    net = nn.Sequential(nn.Linear(3, 3))
    g = compiled(net)
    g(cr.ones(3)).sum().backward()
    assert "Sequential.0.weight" in g.explain() and "keeps 0 values" in g.explain()


class Keeps(nn.Module):
    """Keeps a traced value."""

    def forward(self, x):
        self.last = x * 2  # attribute
        return x


def array_inside(x):
    return x + cr.tensor(np.ones(3))  # array


def branch(x):
    return x if x.sum() > 0 else -x  # branch


def item(x):
    return x * x.sum().item()  # item


def as_float(x):
    return x * float(x[0])  # float


def data_dependent_shape(x):
    return x[x > 0]  # mask


def where_true(x):
    return (x > 0).nonzero()  # nonzero


REFUSED = {
    "array": (array_inside, "a NumPy array was turned into a tensor inside a traced function"),
    "attribute": (Keeps(), "the attribute 'last' of a Keeps is set to a traced value"),
    "branch": (branch, r"a branch \(if, while, and, or, bool\(\)\) needs the value of a tensor"),
    "item": (item, r"item\(\) needs the value of a tensor"),
    "float": (as_float, "needs the value of a tensor"),
    "mask": (data_dependent_shape, "needs the value of a tensor"),
    "nonzero": (where_true, r"nonzero\(\) needs the value of a tensor"),
}


@pytest.mark.parametrize("marker", REFUSED)
def test_refused_with_the_line_and_what_to_do(marker):
    f, text = REFUSED[marker]
    run = compiled(f)
    for _ in range(2):
        with pytest.raises(cr.TraceError, match=text) as caught:
            run(cr.ones(3))
        line = next(row for row in str(caught.value).splitlines() if row.startswith("  at "))
        assert HERE in line and line.endswith(f"# {marker}") and "hint: " in str(caught.value)
    assert run.programs == [] and modes.trace is None


def test_a_number_that_is_read_anew_is_not_returned_as_a_constant():
    with pytest.raises(cr.TraceError, match="read anew at each call is returned"):
        compiled(lambda x: (x, cell(lambda: 0.5)))(cr.ones(1))


# ------------------------------------------------------------------------------------------------------- bounded variants


def test_a_last_partial_batch_is_one_more_program():
    net = nn.Linear(5, 3)
    opt = optim.SGD(net.parameters(), lr=0.1)

    @compiled
    def step(x):
        opt.zero_grad()
        loss = (net(x) ** 2).mean()
        loss.backward()
        opt.step()
        return loss

    for _ in range(3):
        for rows in (4, 4, 2):
            step(cr.ones(rows, 5))
    assert counted(step) == 2


def test_too_many_variants_are_said_once_and_run_eagerly():
    f = compiled(lambda x, k=1: x * k)
    for n in range(1, front.MOST_PROGRAMS + 1):
        f(cr.ones(n))
    with pytest.warns(
        UserWarning,
        match=r"8 programs.*\n  what changes: the shape of tensor argument 0 \(\(1,\), .*\(9,\)\)",
    ) as caught:
        assert f(cr.ones(9)).tolist() == [1] * 9
    assert len(caught) == 1 and caught[0].filename == __file__
    assert f(cr.ones(10)).tolist() == [1] * 10 and f(cr.ones(1)).tolist() == [1]
    assert counted(f) == front.MOST_PROGRAMS


def too_many(calls):
    """The warning of a function that is called in nine ways."""
    with pytest.warns(UserWarning, match="what changes: ") as caught:
        for c in calls:
            c()
    [warning] = caught
    return str(warning.message)


def test_what_keeps_changing_is_named():
    x = cr.ones(2)
    f = compiled(lambda x, k: x * k)
    text = too_many([lambda k=k: f(x, k / 10) for k in range(9)])
    assert "the value of an argument that is no tensor (0.0, 0.1," in text and "as tensors" in text
    holder = nn.Linear(2, 2)
    g = compiled(lambda x: holder(x))

    def replaced():
        holder.weight = nn.Parameter(cr.ones(2, 2))
        g(x)

    assert "Linear" in too_many([replaced] * 9) or "memory of a captured tensor" in too_many([])
