"""The gradient modes: as blocks, as decorators, in threads, and after exceptions."""

import threading

import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import GradError
from chainrule.base.modes import modes

W = cr.ones(2, requires_grad=True)


def recorded():
    return (W * 2).requires_grad


def test_blocks_nest_and_restore():
    assert recorded() and cr.is_grad_enabled()
    with cr.no_grad():
        assert not recorded()
        with cr.enable_grad():
            assert recorded()
            with cr.no_grad():
                assert not recorded()
            assert recorded()
        assert not recorded() and not cr.is_grad_enabled()
    assert recorded()


@pytest.mark.parametrize(
    ("decorate", "on"),
    [(cr.no_grad(), False), (cr.no_grad, False), (cr.enable_grad(), True), (cr.enable_grad, True), (cr.inference_mode(), False),
     (lambda f: cr.set_grad_enabled(False)(f), False), (lambda f: cr.set_grad_enabled(True)(f), True)],
)  # fmt: skip
def test_decorators(decorate, on):
    """Bare and called; the mode holds in the function only, and the function keeps its name."""
    assert cr.is_grad_enabled()

    @decorate
    def named(a, *, b):
        """Doc."""
        return recorded(), a, b

    assert named.__name__ == "named" and named.__doc__ == "Doc."
    assert named(1, b=2) == (on, 1, 2) and recorded()
    with cr.no_grad():
        assert named(1, b=2)[0] is on and not recorded()


def test_a_decorated_method_and_recursion():
    class Net:
        @cr.no_grad()
        def forward(self, n):
            return self.forward(n - 1) if n else recorded()

    assert Net().forward(3) is False and recorded()


def test_a_decorated_generator_runs_with_the_mode():
    @cr.no_grad()
    def numbers():
        yield recorded()
        yield recorded()

    found = []
    for r in numbers():
        found.append(r)
        assert recorded()  # between the steps the caller's mode holds
    assert found == [False, False]


def test_set_grad_enabled_acts_at_once_and_restores_as_a_block():
    before = cr.set_grad_enabled(False)
    assert not recorded()
    cr.set_grad_enabled(True)
    assert recorded()
    with cr.set_grad_enabled(False):
        assert not recorded()
    assert recorded()
    with cr.no_grad():
        with cr.set_grad_enabled(True):
            assert recorded()
        assert not recorded()
    assert before is not None


def test_inference_mode():
    assert not cr.is_inference_mode_enabled()
    with cr.inference_mode():
        assert cr.is_inference_mode_enabled() and not recorded()
        with cr.inference_mode(False):
            assert recorded() and not cr.is_inference_mode_enabled()
        assert cr.is_inference_mode_enabled() and not recorded()
    assert not cr.is_inference_mode_enabled() and recorded()


@pytest.mark.parametrize(
    "block", [cr.no_grad, cr.inference_mode, lambda: cr.set_grad_enabled(False)]
)
def test_an_exception_leaves_the_mode_as_it_was(block):
    with pytest.raises(ZeroDivisionError), block():
        _ = 1 / 0
    assert cr.is_grad_enabled() and not cr.is_inference_mode_enabled()


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize("grad", [False, True])
def test_an_exception_inside_backward_leaves_the_mode_as_it_was(create, grad):
    x = cr.ones(2, requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: 1 / 0)
    z = (y * y).sum()
    with cr.set_grad_enabled(grad):
        with pytest.raises(ZeroDivisionError):
            z.backward(create_graph=create)
        assert cr.is_grad_enabled() is grad
    assert modes.trace is None
    z = (x * 3).sum()
    z.backward()  # and the tape still works
    assert x.grad.tolist() == [3, 3]


def test_a_wrong_hook_leaves_the_mode_as_it_was():
    x = cr.ones(2, requires_grad=True)
    x.register_hook(lambda g: cr.ones(3))
    with pytest.raises(GradError, match=r"a hook returns None or a gradient of shape \(2,\)"):
        (x * 2).sum().backward()
    assert cr.is_grad_enabled() and x.grad is None


def test_backward_under_no_grad_works():
    x = cr.ones(2, requires_grad=True)
    y = (x * x).sum()
    with cr.no_grad():
        y.backward()
        assert not cr.is_grad_enabled()
    assert x.grad.tolist() == [2, 2] and not x.grad.requires_grad


def test_threads_have_modes_of_their_own():
    """A data loader's thread starts with gradients on, whatever the main thread does, and cannot turn them off for it."""
    found = {}
    inside, done = threading.Event(), threading.Event()

    def work():
        found["start"] = recorded()
        with cr.no_grad():
            inside.set()
            done.wait(10)
            found["inside"] = recorded()

    with cr.no_grad():
        thread = threading.Thread(target=work)
        thread.start()
        inside.wait(10)
    assert recorded()
    done.set()
    thread.join()
    assert found == {"start": True, "inside": False}


def test_threads_have_backward_passes_of_their_own():
    def work(k):
        x = cr.full((101,), float(k), requires_grad=True)
        for _ in range(30):
            y = (x * x).sum()
            x.grad = None
            y.backward()
        results[k] = x.grad.numpy().copy()

    results = {}
    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for k in range(4):
        np.testing.assert_array_equal(results[k], np.full(101, 2.0 * k))


def test_floating_point_settings_of_the_caller_are_kept():
    """log(0) is −inf without a warning, and NumPy outside still warns as the user set it."""
    with np.errstate(all="raise"):
        y = cr.zeros(2, requires_grad=True)
        (y.log().sum() + (1 / y).sum()).backward()
        assert not np.isfinite(y.grad.numpy()).any()
        with pytest.raises(FloatingPointError):
            _ = np.ones(1) / np.zeros(1)
