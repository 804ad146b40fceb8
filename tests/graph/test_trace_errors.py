"""What a program cannot contain is refused with the line and what to do; and afterwards everything is as before."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.base.errors import TraceError
from chainrule.base.modes import modes
from chainrule.graph import trace
from chainrule.tape.modes import cell

HERE = "test_trace_errors.py"
kept: list = []


class Keeps(nn.Module):
    def forward(self, x):
        self.last = x * 2  # module attribute
        return self.last


class Holder:
    last = None


def branch(x):
    if x.sum() > 0:  # branch
        return x
    return -x


def loop(x):
    while x.max() < 3:  # loop
        x = x + 1
    return x


def number(x):
    return x * x.sum().item()  # item


def as_float(x):
    return x * float(x.sum())  # float


def as_int(x):
    return x[int(x.sum())]  # int


def as_list(x):
    return x * x.tolist()[0]  # tolist


def as_array(x):
    return cr.tensor(np.asarray(x) * 2)  # asarray


def numpy_in(x):
    return x + cr.tensor(np.ones(3, np.float32))  # array


def from_numpy(x):
    return x + cr.from_numpy(np.ones(3, np.float32))  # from_numpy


def mask_read(x):
    return x[x > 0].sum()  # mask


def nonzero(x):
    return x.nonzero()  # nonzero


def module_attribute(x):
    return KEEPS(x)


def data_assigned(x):
    W.data = x * 2  # data
    return x


def seeded(x):
    cr.manual_seed(3)  # seed
    return x


def with_history(x):
    return x * H  # history


def printed(x):
    return f"{x.sum():.3f}"  # format


def compared(x):
    return x if x.allclose(x) else -x  # allclose


def membership(x):
    return x if 3.0 in x else -x  # in


def scan_body(x):
    return cr.scan(lambda c, s: ((c[0] + cr.rand(()),), ()), (x[0],), (x,))[0][0]  # drawn


def written_in_scan(x):
    def body(c, s):
        STATE.add_(1)  # written
        return c, ()

    return cr.scan(body, (x[0],), (x,))[0][0]


def sliced(x):
    return x[cr.ones((), dtype=cr.int64) * x.sum().long() :]  # slice


def branch_on_a_cell(x):
    return x if cell(lambda: 0.5) > 0 else -x  # cell branch


def function_of_a_cell(x):
    return x * math.sqrt(cell(lambda: 0.5))  # cell float


def numpy_of_a_cell(x):
    return x * np.asarray(cell(lambda: 0.5)).item()  # cell numpy


KEEPS, W, STATE = Keeps(), cr.ones(3), cr.zeros(3)
H = cr.ones(3, requires_grad=True) * 2

REFUSED = {
    branch: (r"a branch \(if, while, and, or, bool\(\)\) needs the value of a tensor", "branch"),
    loop: (r"a branch \(if, while, and, or, bool\(\)\) needs the value", "loop"),
    number: (
        r"item\(\) needs the value of a tensor, which a traced program has only when it runs",
        "item",
    ),
    as_float: ("needs the value of a tensor", "float"),
    as_int: ("needs the value of a tensor", "int"),
    as_list: (r"tolist\(\) needs the value of a tensor", "tolist"),
    as_array: (r"numpy\(\) needs the value of a tensor", "asarray"),
    numpy_in: (
        "a NumPy array was turned into a tensor inside a traced function: its values would be frozen",
        "array",
    ),
    from_numpy: (
        "a NumPy array was turned into a tensor inside a traced function: its values would be frozen",
        "from_numpy",
    ),
    mask_read: ("needs the value of a tensor", "mask"),
    nonzero: (r"nonzero\(\) needs the value of a tensor", "nonzero"),
    module_attribute: (
        "the attribute 'last' of a Keeps is set to a traced value",
        "module attribute",
    ),
    data_assigned: (r"assigning \.data replaces a tensor's memory", "data"),
    seeded: ("seeding inside a traced function would happen only once", "seed"),
    with_history: (
        r"a tensor of shape \(3,\) that was computed outside of the traced function, and has a history there",
        "history",
    ),
    printed: ("needs the value of a tensor", "format"),
    compared: ("needs the value of a tensor", "allclose"),
    membership: ("needs the value of a tensor", "in"),
    sliced: ("needs the value of a tensor", "slice"),
    branch_on_a_cell: ("a branch needs the value of a traced number", "cell branch"),
    function_of_a_cell: (r"float\(\) needs the value of a traced number", "cell float"),
    numpy_of_a_cell: ("NumPy needs the value of a traced tensor", "cell numpy"),
    scan_body: (
        "random numbers are drawn inside the body of a scan, which is traced once",
        "drawn",
    ),
    written_in_scan: ("the body of a scan writes in place into a tensor around it", ""),
}


def state_of_the_world():
    return (
        modes.trace,
        modes.grad,
        cr.get_rng_state().tolist(),
        W.tolist(),
        STATE.tolist(),
        W._storage.value.__class__,
        STATE._storage.value.__class__,
        W._edge,
        H._edge,
        W.grad,
        W.requires_grad,
        H.requires_grad,
        "last" in vars(KEEPS),
        KEEPS.training,
    )


@pytest.mark.parametrize("f", REFUSED, ids=lambda f: f.__name__)
def test_refused_with_the_line_and_a_hint(f):
    text, marker = REFUSED[f]
    before = state_of_the_world()
    x = cr.tensor([1.0, -2.0, 3.0])
    traced = trace(f)
    for _ in range(2):  # and again: nothing of the failed trace is kept
        with pytest.raises(TraceError, match=text) as caught:
            traced(x)
        message = str(caught.value)
        line = next((m for m in message.splitlines() if m.strip().startswith("at ")), "")
        assert HERE in line and (line.endswith(f"# {marker}") or not marker)
        assert "hint: " in message
    assert traced.programs == [] and state_of_the_world() == before
    assert x.tolist() == [1, -2, 3] and isinstance(x._storage.value, np.ndarray) and x.grad is None


# ------------------------------------------------------------------------------------------------------ what leaks


def in_a_list(x):
    kept.append(x * 2)  # leak
    return x


def in_an_object(x):
    Holder.last = x + 1  # leak
    return x


def in_a_closure():
    def f(x):
        def hook():
            return y

        y = x * 3  # leak
        kept.append(hook)
        return x

    return f


@pytest.mark.parametrize(
    "f", [in_a_list, in_an_object, in_a_closure()], ids=["list", "object", "closure"]
)
def test_tensors_kept_outside_are_refused(f):
    kept.clear()
    Holder.last = None
    with pytest.raises(
        TraceError, match="a tensor made inside the traced function is kept outside of it"
    ) as caught:
        trace(f)(cr.ones(3))
    assert (
        f"{HERE}:" in str(caught.value)
        and "# leak" in str(caught.value)
        and "copy_()" in str(caught.value)
    )
    leaked = kept[0] if kept and isinstance(kept[0], cr.Tensor) else Holder.last
    if leaked is not None:
        with pytest.raises(TraceError, match="has ended"):
            leaked + 1
        assert "traced" in repr(leaked)
    kept.clear()
    Holder.last = None
    assert trace(lambda x: x * 2)(cr.ones(1)).item() == 2


def test_what_only_a_cycle_holds_is_no_leak():
    def f(x):
        y = x * 2
        box = [y]
        box.append(box)
        return y + 1

    assert trace(f)(cr.ones(1)).item() == 3


# -------------------------------------------------------------------------------------------------------- arguments


def test_an_argument_with_a_history_is_refused():
    w = cr.ones(2, requires_grad=True)
    f = trace(lambda x: x * 2)
    with pytest.raises(
        TraceError, match=r"argument 0 of a traced function has a history"
    ) as caught:
        f(w * 2)
    assert "detach()" in str(caught.value)
    f((w * 2).detach())
    with pytest.raises(TraceError, match="has a history"):
        f(w * 2)  # also when a program for detached ones exists


def test_arrays_and_unhashable_arguments_are_refused():
    f = trace(lambda x: x)
    with pytest.raises(
        TraceError,
        match=r"a NumPy array is passed to a traced function.*\n.*\n  hint: pass a tensor",
    ):
        f(np.ones(2))
    with pytest.raises(
        TraceError, match="arguments of a traced function are tensors, hashable values"
    ):
        f({1, 2})


# ----------------------------------------------------------------------------------- after any exception, all is as before


def test_an_exception_half_way_through_a_training_step():
    """Weights, gradients, buffers, histories, the generator, and the optimizer's numbers are those from before; then eager goes on."""
    cr.manual_seed(3)
    net = nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    opt = cr.optim.AdamW(net.parameters(), lr=0.1)
    x = cr.rand(7, 5)
    net(x).sum().backward()
    opt.step()
    older = (net[0].weight * 2).sum()

    def look():
        return [t.detach().numpy().copy() for t in (*net.parameters(), *net.buffers(), *[p.grad for p in net.parameters()])] + [
            np.array(cr.get_rng_state().tolist()), np.array([s["step"] for s in opt.state.values()], float), x.numpy().copy()
        ]  # fmt: skip

    def step(x):
        opt.zero_grad()
        x.mul_(2)
        net(x).sum().backward()
        opt.step()
        net[0].weight.data.mul_(3)
        raise KeyError("half-way")

    before, grads = look(), [p.grad for p in net.parameters()]
    with pytest.raises(KeyError, match="half-way"):
        trace(step)(x)
    for a, b in zip(look(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert all(
        p.grad is g and p.is_leaf and p.requires_grad
        for p, g in zip(net.parameters(), grads, strict=True)
    )
    assert modes.trace is None and cr.is_grad_enabled()
    older.backward()  # the older graph does not mind: nothing was written
    net(x).sum().backward()
    opt.step()


def test_an_error_of_an_op_inside_a_trace_is_the_ops_own():
    with pytest.raises(cr.ShapeError, match="matmul"):
        trace(lambda x: x @ x)(cr.ones(2, 3))
    assert modes.trace is None
    with pytest.raises(cr.GradError, match="a leaf that requires a gradient cannot be written"):
        trace(lambda x: x.add_(1))(cr.ones(2, requires_grad=True))
    with pytest.raises(cr.ShapeError, match="share one place in memory"):
        trace(lambda x: x.expand(3, 2).add_(1))(cr.ones(2))


def test_the_version_check_works_inside_a_trace():
    def f(x):
        w = x.detach().requires_grad_()
        h = w * 1
        y = h.sin()
        h.add_(1)
        y.sum().backward()
        return w.grad

    with pytest.raises(cr.GradError, match=rf"needed since .*{HERE}.*\n.*overwritten .*{HERE}"):
        trace(f)(cr.ones(3))
