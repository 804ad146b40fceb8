"""eager = compiled, bit for bit, in both ways of writing a step; and gradients that flow out of a compiled function."""

import copy
import weakref

import numpy as np
import pytest
from compiled_functions import BIG, arrays, compiled, equal, small_net

import chainrule as cr
from chainrule import nn, optim
from chainrule.base.modes import modes
from chainrule.compiler import contractions
from chainrule.compiler.native import Native
from chainrule.graph import TracedFunction
from chainrule.nn import functional as F
from chainrule.tensors.core import wrap

HERE = "test_compiled.py"

RNG = np.random.default_rng(0)
ROWS = RNG.standard_normal((7, 4, 5)).astype(np.float32)
LABELS = RNG.integers(0, 3, (7, 4))


def state_of(net):
    return arrays([*net.parameters(), *net.buffers(), *[p.grad for p in net.parameters()]])


def grads_of(*tensors):
    return arrays([t.grad for t in tensors])


def whole_step(way):
    net = small_net()
    opt = optim.AdamW(net.parameters(), lr=0.05, weight_decay=0.1)
    schedule = optim.lr_scheduler.CosineAnnealingLR(opt, 5)

    def step(x, y):
        opt.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(net.parameters(), 0.3)
        opt.step()
        schedule.step()
        return loss, norm

    return way(step), lambda: state_of(net)


def average_of_weights(way):
    net = nn.Linear(5, 3)
    mean = copy.deepcopy(net)
    opt = optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

    def step(x, y):
        opt.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        opt.step()
        with cr.no_grad():
            for m, p in zip(mean.parameters(), net.parameters(), strict=True):
                m.mul_(0.9).add_(0.1 * p)
        return loss

    return way(step), lambda: state_of(net) + state_of(mean)


def backward_outside(way):
    net = small_net()
    run, opt = way(net), optim.SGD(net.parameters(), lr=0.1)

    def step(x, y):
        opt.zero_grad()
        loss = F.cross_entropy(run(x), y)
        loss.backward()
        opt.step()
        return loss

    return step, lambda: state_of(net)


def loss_inside_backward_outside(way):
    net = small_net()
    opt = optim.AdamW(net.parameters(), lr=0.1)
    loss_of = way(lambda x, y: F.cross_entropy(net(x), y))

    def step(x, y):
        loss = loss_of(x, y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        return loss

    return step, lambda: state_of(net)


def two_forwards_before_a_backward(way):
    net = nn.Sequential(nn.Linear(5, 5), nn.Tanh())
    run = way(net)

    def step(x, y):
        a = run(x)
        b = run(a * 2)  # its argument has a history
        c = run(x)
        (a.sum() * 3 + (b * c).sum()).backward()
        return a, b

    return step, lambda: state_of(net)


def batch_norm_and_accumulation(way):
    net = nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.ReLU())
    run = way(net)

    def step(x, y):
        loss = (run(x) ** 2).mean()
        loss.backward()  # `.grad` grows from call to call
        return loss

    return step, lambda: state_of(net)


def inference(way):
    net = nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.Softmax(-1)).eval()
    run = way(cr.no_grad()(lambda x, y: net(x).argmax(-1)))
    return run, lambda: state_of(net)


def tied_weights_and_gradients_of_arguments(way):
    first, second = nn.Linear(5, 5, bias=False), nn.Linear(5, 5)
    second.weight = first.weight
    run = way(lambda x: second(first(x).sin()))
    kept = []

    def step(x, y):
        x = x.clone().requires_grad_()
        kept[:] = [x]
        run(x).sum().backward()
        return x.grad

    return step, lambda: state_of(first) + state_of(second)


VARIANTS = [
    whole_step, average_of_weights, backward_outside, loss_inside_backward_outside, two_forwards_before_a_backward,
    batch_norm_and_accumulation, inference, tied_weights_and_gradients_of_arguments,
]  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.__name__)
def test_as_eager_bit_for_bit(variant):
    found = []
    for way in (lambda f: f, compiled):
        cr.manual_seed(3)
        step, look = variant(way)
        history = []
        for x, y in zip(ROWS, LABELS, strict=True):
            out = step(cr.tensor(x), cr.tensor(y))
            history += arrays(out if isinstance(out, tuple) else (out,)) + look()
        history.append(np.array(cr.get_rng_state().tolist()))
        found.append(history)
    equal(*found)


# ------------------------------------------------------------------------------------------------ gradients that flow out


def test_a_result_is_one_node_of_the_tape():
    w = nn.Parameter(cr.ones(3))
    f = compiled(lambda x: (x * w).exp().sum())
    y = f(cr.zeros(3))
    assert y.requires_grad and not y.is_leaf and "grad_fn" in repr(y)
    y.backward()
    assert w.grad.tolist() == [0, 0, 0]
    with pytest.raises(
        cr.GradError, match=r"freed by an earlier backward pass\n  hint: pass retain"
    ):
        y.backward()
    y = f(cr.ones(3))
    y.backward(retain_graph=True)
    y.backward()
    assert len(f.programs) == 2


def test_gradients_reach_captured_tensors_and_arguments_with_a_history():
    """Of two that depend on each other, each gets its own part only."""
    found = []
    for way in (lambda f: f, compiled):
        w = cr.tensor([1.0, 2.0], requires_grad=True)
        a = w * 2
        b = a.sin()
        c = w.exp()
        f = way(lambda x, a=a, b=b, w=w: (a * x + b * w) * x.view(2, 1))
        (f(c) * f(c * 1)).sum().backward()
        found.append(grads_of(w))
    equal(*found)


def test_gradients_of_a_history_that_is_used_more_than_once():
    found = []
    for way in (lambda f: f, compiled):
        u = cr.tensor([1.0, 2.0], requires_grad=True)
        low, high = (u * 3).sort()[0], (u * 2).exp()
        f = way(lambda x, low=low, high=high: (x * low + low.sin()) * high + high * low * x)
        f(high * 1).sum().backward()
        found.append(grads_of(u))
    equal(*found)


def test_hooks_run_as_eagerly():
    found = []
    for way in (lambda f: f, compiled):
        w = nn.Parameter(cr.ones(3))
        w.register_hook(lambda g: g * 3)
        x = cr.arange(3.0).requires_grad_()
        h = x * 1
        seen = []
        h.register_hook(seen.append)
        y = way(lambda h, w=w: (h * w).sin())(h)
        y.register_hook(lambda g: g + 1)
        y.sum().backward()
        found.append(grads_of(w, x) + arrays(seen))
    equal(*found)


def test_a_hook_registered_later_is_noticed():
    w = nn.Parameter(cr.ones(2))

    @compiled
    def f(x):
        w.grad = None
        (w * x).sum().backward()

    f(cr.ones(2))
    handle = w.register_hook(lambda g: g * 5)
    f(cr.ones(2))
    assert w.grad.tolist() == [5, 5]
    handle.remove()
    f(cr.ones(2))
    assert w.grad.tolist() == [1, 1]


@pytest.mark.parametrize("what", ["parameter", "argument", "result"])
def test_what_is_overwritten_between_forward_and_backward_is_an_error(what):
    w, x = nn.Parameter(cr.ones(3)), cr.full((3,), 2.0, requires_grad=True)
    f = compiled(lambda x: (x * w).exp())
    y = f(x)
    with cr.no_grad():
        {"parameter": w, "argument": x, "result": y}[what].mul_(2)  # overwritten here
    with pytest.raises(
        cr.GradError,
        match=rf"needs was overwritten in place\n  needed since  .*{HERE}.*\n  overwritten   .*{HERE}.*# overwritten here",
    ):
        y.sum().backward()


def test_a_result_that_backward_does_not_read_may_be_written():
    w = nn.Parameter(cr.ones(3))
    y = compiled(lambda x: x * w)(cr.full((3,), 2.0))
    y.mul_(5)
    y[0] = 0.0
    y.sum().backward()
    assert w.grad.tolist() == [0, 10, 10]


def test_memory_that_the_forward_pass_writes_is_kept_as_it_was():
    state, w = cr.ones(3), nn.Parameter(cr.ones(3))

    def f(x):
        y = state * w * x
        with cr.no_grad():
            state.detach().add_(1)
        return y

    with pytest.raises(cr.GradError, match="overwritten in place"):
        f(cr.ones(3)).sum().backward()  # eager refuses: the product kept `state` itself

    def g(x):
        y = (state * 1) * w * x
        state.add_(1)
        return y

    run = compiled(g)
    for k in (2, 3, 4):
        w.grad = None
        run(cr.ones(3)).sum().backward()
        assert w.grad.tolist() == [k] * 3 and state.tolist() == [k + 1] * 3


def test_a_value_kept_from_below_the_tensors_is_that_on_entry():
    state, w = cr.ones(3), nn.Parameter(cr.ones(3))

    class Scale(cr.autograd.Function):
        @staticmethod
        def forward(ctx, w):
            ctx.raw = state.read()
            return w * 1

        @staticmethod
        def backward(ctx, g):
            return wrap(g.read() * ctx.raw, None)

    def f():
        y = Scale.apply(w)
        state.add_(1)
        return y

    run = compiled(f)
    for k in (1, 2):
        w.grad = None
        y = run()
        state.add_(5)
        y.sum().backward()
        state.sub_(5)
        assert w.grad.tolist() == [k] * 3


def test_gradients_that_do_not_arrive_are_not_zeros():
    """The derivative of log at 0 is infinite; eager never visits it if its result is not used."""
    w = nn.Parameter(cr.zeros(3))
    f = compiled(lambda x: (w.log(), w * x, (w + 1) * x))
    x = cr.full((3,), 2.0)
    for use, expected in (((1,), 2), ((2,), 2), ((1, 2), 4)):
        w.grad = None
        out = f(x)
        sum([out[k].sum() for k in use]).backward()
        assert w.grad.tolist() == [expected] * 3
    u = nn.Parameter(cr.ones(3))
    g = compiled(lambda x: (u * 2, x * 3))
    x.requires_grad_()
    g(x)[0].sum().backward()
    assert u.grad.tolist() == [2] * 3 and x.grad is None


def test_no_grad_keeps_nothing():
    w = nn.Parameter(cr.ones(3))
    f = compiled(lambda x: (x * w).exp())
    with cr.no_grad():
        y = f(cr.ones(3))
    assert not y.requires_grad and f.programs[0].outputs[1:] == ()
    assert f(cr.ones(3)).requires_grad and len(f.programs) == 2


def test_what_is_kept_is_dropped_by_the_backward_pass_and_with_the_result():
    w = nn.Parameter(cr.ones(BIG))
    f = compiled(lambda x: (x * w).exp().sin())
    y = f(cr.ones(BIG))
    kept = [weakref.ref(v) for v in y.grad_fn.kept if v is not w._value]
    node = weakref.ref(y.grad_fn)
    y.sum().backward()
    assert y.grad_fn.kept is None
    del y
    assert node() is None and kept


def test_views_and_constants_are_made_again_instead_of_kept():
    w = nn.Parameter(cr.ones(3))
    f = compiled(lambda x: (w.view(3, 1).expand(3, 5) * x.exp().view(1, 5) * cr.ones(3, 5)).sum())
    x = cr.zeros(5, requires_grad=True)
    f(x).backward()
    assert x.grad.tolist() == [3] * 5 and w.grad.tolist() == [5] * 3
    program, back = f.programs
    kept = [v.spec.shape for v in program.outputs[1:]]
    assert kept == [(5,)] and [v.spec.shape for v in back.inputs] == [(5,), (3,), ()]
    g = compiled(lambda x: (w[:2] * x).sum())
    x = cr.zeros(2, requires_grad=True)
    g(x).backward()
    assert x.grad.tolist() == [1, 1] and len(g.programs[0].outputs) == 1


def test_a_second_derivative_is_refused_with_what_to_do():
    w = nn.Parameter(cr.ones(3))
    y = compiled(lambda x: (x * w).exp().sum())(cr.ones(3))
    with pytest.raises(cr.GradError, match=r"derivative of the derivative .*\n  hint: take both"):
        cr.grad(y, w, create_graph=True)

    @compiled
    def inside(x):
        (g,) = cr.grad((x * w).exp().sum(), w, create_graph=True)
        return (g * g).sum()

    inside(cr.ones(3)).backward()
    np.testing.assert_allclose(w.grad.numpy(), 2 * np.exp(2.0), rtol=1e-6)


def test_a_loss_that_the_step_went_backward_from_is_used_up_as_eagerly():
    w = nn.Parameter(cr.ones(3))

    def step(x):
        w.grad = None
        loss = (x * w).sum()
        loss.backward()
        return loss

    words = []
    for f in (step, compiled(step)):
        loss = f(cr.ones(3))
        assert loss.requires_grad and loss.item() == 3
        with pytest.raises(cr.GradError, match="freed by an earlier backward pass") as caught:
            loss.backward()
        words.append(str(caught.value))
    assert words[0] == words[1]


def test_a_leaf_that_is_made_inside_is_handed_out_as_one():
    @compiled
    def f(x):
        z = x.detach().requires_grad_()
        return z, (z * z).sum()

    z, y = f(cr.arange(3.0))
    y.backward()
    assert z.is_leaf and z.grad.tolist() == [0, 2, 4]


def test_a_history_that_would_be_lost_is_refused():
    state, w = cr.zeros(3), nn.Parameter(cr.ones(3))

    def f(x):
        state.copy_(x * w)
        return x + 1

    with pytest.raises(cr.TraceError, match="written in place with a value that has a history"):
        compiled(f)(cr.ones(3))
    with pytest.raises(cr.TraceError, match="written in place with a value that has a history"):
        compiled(lambda h: h.mul_(2))(w * 1)

    def used_up(x):
        w.grad = None
        state.copy_(x * w)
        state.sum().backward()

    run = compiled(used_up)
    for _ in range(2):
        run(cr.full((3,), 2.0))
        assert w.grad.tolist() == [2, 2, 2] == state.tolist() and not state.requires_grad


def test_backward_inside_another_trace_is_refused():
    w = nn.Parameter(cr.ones(3))
    y = compiled(lambda x: (x * w).sum())(cr.ones(3))

    def g(x):
        y.backward()
        return x

    with pytest.raises(cr.TraceError, match="made outside of the function that is being traced"):
        compiled(g)(cr.ones(3))
    y.backward()
    assert w.grad.tolist() == [1, 1, 1] and modes.trace is None


def test_measuring_kernels_trains_nothing_and_needs_no_array_of_a_call():
    model = cr.nn.Linear(7, 5)
    optimizer = cr.optim.SGD(model.parameters(), lr=0.1)

    @cr.compile
    def step(x):
        optimizer.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    x = cr.ones(3, 7)
    losses = [step(x).item(), step(x).item()]
    before = model.weight.detach().clone()
    text = step.last.executor.explain(measure=True)  # the loss of the last call is gone
    assert " ms " in text and "of peak" in text
    assert model.weight.tolist() == before.tolist()
    assert step(x).item() < losses[1] < losses[0]


def test_equal_products_are_written_once(monkeypatch):
    made, make = [], contractions.product.product
    monkeypatch.setattr(
        contractions.product, "product", lambda *a, **k: made.append(a) or make(*a, **k)
    )
    f = TracedFunction(lambda x, v, w, u: (x @ v, x @ w, x @ u), Native)
    x, v, w, u = [cr.randn(s) for s in ((31, 37), (37, 41), (37, 41), (37, 43))]
    for found, other in zip(f(x, v, w, u), (v, w, u), strict=True):
        np.testing.assert_allclose(found.numpy(), (x @ other).numpy(), rtol=1e-5, atol=1e-5)
    steps = f.last.executor.steps
    assert len(made) == 2
    assert len([s for s in steps if not s.packs]) == 3
    assert len({s.name for s in steps if not s.packs}) == 2
