"""Whose memory results and gradients are; and what an error, an interrupt or another thread leaves behind."""

import gc
import threading
import time
import weakref

import numpy as np
import pytest
from compiled_functions import BIG, Checked, arrays, compiled, counted, equal

import chainrule as cr
from chainrule import nn
from chainrule.base.modes import modes
from chainrule.graph.interpret import Interpreted


def test_results_are_never_changed_by_a_later_call():
    f = compiled(lambda x: (x * 2, (x + 1).view(-1, 2), x.view(-1)))
    x = cr.ones(BIG)
    kept, expected = [], []
    for k in range(6):
        out = f(x * k)
        expected.append(arrays(out))
        kept.append((out[0].view(2, -1), out[1].detach(), out[2].numpy()[3:]))  # views only
    for (a, b, c), e in zip(kept, expected, strict=True):
        equal([a.numpy().reshape(-1), b.numpy(), c], [e[0], e[1], e[2][3:]])


def test_memory_that_nobody_holds_is_used_again():
    f = compiled(lambda x: x * 2)
    x = cr.ones(BIG)
    f(x)
    addresses = {f(x).data_ptr() for _ in range(5)}
    assert len(addresses) == 1
    held = f(x)
    assert f(x).data_ptr() != held.data_ptr()


def grad_step(w):
    @compiled
    def step(x):
        w.grad = None
        (w * x).sum().backward()

    return step


def test_grad_left_attached_is_memory_of_its_own_and_used_again_if_nobody_holds_it():
    w = nn.Parameter(cr.ones(3))
    step = grad_step(w)
    step(cr.full((3,), 2.0))
    address = w.grad.data_ptr()
    step(cr.full((3,), 3.0))
    assert w.grad.data_ptr() == address and w.grad.tolist() == [3] * 3
    for hold in (
        lambda: w.grad,
        lambda: w.grad.view(-1)[1:],
        lambda: w.grad.numpy(),
        lambda: w.grad.detach().numpy()[1:],
    ):
        held = hold()
        before = np.asarray(held).tolist()
        step(cr.full((3,), 7.0))
        step(cr.full((3,), 8.0))
        assert np.asarray(held).tolist() == before and w.grad.tolist() == [8] * 3
        step(cr.full((3,), 9.0))
    w.grad = None  # a step outside took it away
    step(cr.ones(3))
    assert w.grad.tolist() == [1] * 3


def test_machine_code_does_not_hold_what_it_wrote():
    w = nn.Parameter(cr.ones(BIG))

    @cr.compile
    def step(x):
        w.grad = None
        loss = (w * x).sum()
        loss.backward()
        return loss

    addresses = set()
    for k in range(4):
        step(cr.full((BIG,), float(k)))
        addresses.add(w.grad.data_ptr())
    assert len(addresses) == 1
    batch = cr.ones(BIG)
    alive = weakref.ref(batch.numpy())
    step(batch)
    del batch
    gc.collect()
    assert alive() is None


def test_grad_that_is_read_is_not_overwritten_first():
    w = nn.Parameter(cr.ones(3))

    @compiled
    def step(x):
        before = w.grad
        w.grad = None
        (w * x).sum().backward()
        if before is not None:
            w.grad.add_(before, alpha=10)

    for expected in (2, 22, 222):
        step(cr.full((3,), 2.0))
        assert w.grad.tolist() == [expected] * 3


def test_grad_that_is_a_part_of_other_memory():
    w = nn.Parameter(cr.ones(3))
    flat = cr.zeros(10)
    f = compiled(lambda x: (w * x).sum().backward())
    w.grad = flat[2:5]
    for k in (1, 2):
        f(cr.full((3,), 2.0))
        assert flat.tolist() == [0, 0, 2 * k, 2 * k, 2 * k, 0, 0, 0, 0, 0]
    w.grad = cr.zeros(3)
    f(cr.full((3,), 2.0))
    assert w.grad.tolist() == [2, 2, 2] and counted(f) == 2


def test_grad_of_an_argument_is_added_to_that_of_this_call():
    f = compiled(lambda w: (w * w).sum().backward())
    a, b = cr.ones(2, requires_grad=True), cr.full((2,), 3.0, requires_grad=True)
    for k in (1, 2, 3):
        f(a)
        f(b)
        assert a.grad.tolist() == [2 * k] * 2 and b.grad.tolist() == [6 * k] * 2
    assert counted(f) == 2


def test_captured_memory_is_written_where_it_is():
    state = cr.zeros(3)
    outside = state.numpy()
    f = compiled(lambda x: state.add_(x))
    f(cr.ones(3))
    f(cr.ones(3))
    assert outside.tolist() == [2, 2, 2] and f(cr.ones(3)) is state
    capture = next(f._all())
    assert list(capture.donated.values()) == [capture.sources.index(state._storage)]


def test_captured_memory_that_is_not_contiguous():
    base = np.zeros((2, 3), np.float32)
    state = cr.from_numpy(base.T)
    f = compiled(lambda x: state.add_(x).sum())
    assert [f(cr.ones(3, 2)).item(), f(cr.ones(3, 2)).item()] == [6, 12]
    assert base.tolist() == [[2, 2, 2]] * 2


def test_two_captured_tensors_exchange_their_values():
    a, b = cr.zeros(3), cr.ones(3)

    @compiled
    def swap():
        kept = a.clone()
        a.copy_(b)
        b.copy_(kept)

    swap()
    assert a.tolist() == [1] * 3 and b.tolist() == [0] * 3
    swap()
    assert a.tolist() == [0] * 3 and b.tolist() == [1] * 3


def test_two_captured_tensors_exchange_their_values_through_views():
    a, b = cr.arange(4.0).view(2, 2).clone(), cr.ones(2, 2)

    @compiled
    def swap():
        turned = a.T
        kept = turned.contiguous()
        a.copy_(b.T)
        b.copy_(kept)

    start = a.tolist()
    swap()
    assert a.tolist() == [[1, 1], [1, 1]] and b.T.tolist() == start
    swap()
    assert a.tolist() == start


def test_a_view_of_memory_that_is_written_as_well():
    a, b = cr.arange(4.0).view(2, 2).clone(), cr.zeros(2, 2)

    @compiled
    def f():
        more = a + 1
        b.copy_(a.T)
        a.copy_(more)

    f()
    assert a.tolist() == [[1, 2], [3, 4]] and b.tolist() == [[0, 2], [1, 3]]


def test_one_value_handed_out_twice_is_one_tensor_or_two_memories():
    def f(x):
        y = x * 2
        return y, y, y.detach()

    a, b, c = compiled(f)(cr.ones(3))
    assert a is b
    c.add_(1)
    assert a.tolist() == [2] * 3 and c.tolist() == [3] * 3


def test_memory_that_cannot_be_written_is_refused_before_anything_runs():
    frozen = np.zeros(3, np.float32)
    frozen.flags.writeable = False
    count = cr.zeros(())
    f = compiled(lambda x: (count.add_(1), x.add_(1)))
    f(cr.zeros(3))
    with pytest.raises(cr.ShapeError, match="read-only"):
        f(cr.from_numpy(frozen))
    assert count.item() == 1
    state = cr.from_numpy(frozen)
    with pytest.raises(cr.ShapeError, match="read-only"):
        compiled(lambda x: state.add_(x))(cr.ones(3))


# ---------------------------------------------------------------------------------------------------- errors and interrupts


class Failing(Interpreted):
    """An executor that is stopped in its second run."""

    error: type[BaseException] = KeyboardInterrupt
    runs = 0

    def run(self, values, into):
        self.runs += 1
        if self.runs == 2:
            raise self.error
        return super().run(values, into)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_a_call_that_is_stopped_changes_no_version_and_attaches_nothing(error):
    w, state = nn.Parameter(cr.ones(3)), cr.zeros(3)

    def step(x):
        w.grad = None
        (w * x).sum().backward()
        state.add_(cr.rand(3))
        return x * 2

    f = cr.compile(step, backend=type("Stops", (Failing,), {"error": error}))
    f(cr.ones(3))
    before = (state._storage.version, state.tolist(), cr.get_rng_state().tolist())
    w.grad = None
    with pytest.raises(error):
        f(cr.ones(3))
    assert (state._storage.version, state.tolist(), cr.get_rng_state().tolist()) == before
    assert w.grad is None and modes.trace is None
    f(cr.ones(3))
    assert w.grad.tolist() == [1] * 3 and state._storage.version == before[0] + 1


def test_an_interrupt_after_the_run_still_says_what_was_written(monkeypatch):
    state = cr.zeros(3)
    f = compiled(lambda x: state.add_(x) * 1)
    f(cr.ones(3))
    version, calls = state._storage.version, []
    real = f.last._say_written

    def interrupted(*args):
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(f.last, "_say_written", interrupted)
    with pytest.raises(KeyboardInterrupt):
        f(cr.ones(3))
    assert state._storage.version > version and state.tolist() == [2] * 3


def test_concurrent_callers_get_their_own_results():
    w = nn.Parameter(cr.ones(BIG))

    class Slow(Checked):
        def check(self, values, into):
            assert Checked.busy == 0
            Checked.busy += 1
            time.sleep(0.001)
            Checked.busy -= 1

    f = cr.compile(lambda x: (x * w).sum() + 0 * cr.zeros(BIG), backend=Slow)
    wrong = []

    def call(k):
        try:
            for _ in range(5):
                y = f(cr.full((BIG,), float(k)))
                g = cr.grad(y.sum(), w)[0]
                assert y[0].item() == k * BIG == g[0].item()
        except BaseException as e:
            wrong.append(e)

    threads = [threading.Thread(target=call, args=(k,)) for k in range(1, 5)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == [] and counted(f) == 1


def test_one_trace_at_a_time():
    w = cr.ones(3)
    inside, most = [], []

    def traced(x):
        inside.append(1)
        time.sleep(0.02)
        y = x * w
        most.append(len(inside))
        inside.pop()
        return y

    threads = [threading.Thread(target=compiled(traced), args=(cr.ones(3),)) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert most == [1, 1, 1]


def test_other_functions_run_while_one_is_traced():
    """A trace puts Tracers into the tensors it uses; a program that runs in another thread meanwhile must not see them."""
    w = cr.ones(3)
    f = compiled(lambda x: x * w)
    f(cr.ones(3))
    found = []

    def traced(x):
        y = x * w
        other = threading.Thread(target=lambda: found.append(f(cr.full((3,), 2.0)).tolist()))
        other.start()
        other.join()
        return y

    compiled(traced)(cr.ones(3))
    assert found == [[2, 2, 2]]


def test_inside_another_compiled_function_it_becomes_part_of_it():
    inner = compiled(lambda x: x * 2)
    outer = compiled(lambda x: inner(x) + 1)
    assert outer(cr.ones(2)).tolist() == [3, 3] and counted(inner) == 0 and counted(outer) == 1


def test_functions_results_and_arguments_are_let_go():
    w = nn.Parameter(cr.ones(3))
    f = compiled(lambda x: (x * w).exp())
    refs = []
    for _ in range(2):
        x = cr.ones(3)
        y = f(x)
        y.sum().backward()
        refs += [weakref.ref(x), weakref.ref(y), weakref.ref(y._storage)]
        del x, y
    assert [r() for r in refs] == [None] * 6
    gone = weakref.ref(f)
    del f
    gc.collect()
    assert gone() is None
