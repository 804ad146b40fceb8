"""GradScaler against PyTorch's: scales, steps that are left out, states; and what is refused."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule import amp
from chainrule.base.errors import FormatError, TraceError
from chainrule.graph import trace
from chainrule.tape.modes import outside


def scaled_steps(T, factors, **options):
    """Steps of SGD under a scaler, the loss multiplied by each factor; all that is seen on the way."""
    w = T.tensor([1.0, -2.0, 3.0], requires_grad=True)
    opt = T.optim.SGD([w], lr=0.25, momentum=0.5)
    scaler = T.amp.GradScaler("cpu", **options)
    seen = []
    for k, factor in enumerate(factors):
        opt.zero_grad()
        scaler.scale((w * w).sum() * factor).backward()
        if k % 2:
            scaler.unscale_(opt)
        result = scaler.step(opt)
        scaler.update()
        state = scaler.state_dict()
        seen.append([*w.detach().tolist(), *w.grad.tolist(), *state.values(), result is None])
    return seen, list(state)


@pytest.mark.torch
def test_steps_and_scales_are_those_of_torch(torch):
    factors = [1.0, 0.5, 1.0, math.inf, 1.0, 1.0, math.nan, 0.25, 1.0, 1.0, 1.0]
    for options in (
        {"init_scale": 8.0, "growth_interval": 2},
        {"growth_factor": 3.0, "backoff_factor": 0.25, "growth_interval": 3},
        {"init_scale": 2.0**126, "growth_interval": 1, "growth_factor": 4.0},
    ):
        ours, names = scaled_steps(cr, factors, **options)
        theirs, names_ = scaled_steps(torch, factors, **options)
        assert names == names_
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_a_state_goes_on_where_it_was():
    w = cr.tensor([1.0], requires_grad=True)
    opt, scaler = cr.optim.SGD([w], lr=0.1), amp.GradScaler("cpu", 4.0, growth_interval=3)
    for _ in range(2):
        scaler.scale(w.sum()).backward()
        scaler.step(opt)
        scaler.update()
    fresh = amp.GradScaler("cpu")
    fresh.load_state_dict(scaler.state_dict())
    for again in (fresh, copy.deepcopy(scaler), pickle.loads(pickle.dumps(scaler))):
        assert again.state_dict() == scaler.state_dict() and again.is_enabled()
        again.scale(w.sum()).backward()
        again.step(opt)
        again.update()
        assert again.get_scale() == 8.0  # the third step without infinities
    with pytest.raises(FormatError, match="The source state dict is empty"):
        fresh.load_state_dict({})
    with pytest.raises(FormatError, match="lacks _growth_tracker, growth_factor"):
        fresh.load_state_dict({"scale": 2.0, "backoff_factor": 0.5, "growth_interval": 3})


def test_settings():
    scaler = amp.GradScaler("cpu", 2.0)
    for name, value in (("growth_factor", 3.0), ("backoff_factor", 0.1), ("growth_interval", 7)):
        getattr(scaler, f"set_{name}")(value)
        assert getattr(scaler, f"get_{name}")() == value == scaler.state_dict()[name]
    scaler.update(16.0)
    assert scaler.get_scale() == 16.0
    scaler.update(cr.tensor(32.0))
    assert scaler.get_scale() == 32.0
    for wrong in (math.inf, "8", cr.ones(2), cr.ones(1, requires_grad=True)):
        with pytest.raises(ValueError, match="new_scale should be a float or a 1-element tensor"):
            scaler.update(wrong)


def test_several_losses_are_scaled_as_they_stand():
    scaler = amp.GradScaler("cpu", 4.0)
    a, [b, (c,)] = scaler.scale((cr.ones(()), [cr.ones(2), (cr.ones(1),)]))
    assert a.item() == 4.0 and b.tolist() == [4.0, 4.0] and c.tolist() == [4.0]
    assert [t.item() for t in scaler.scale(iter([cr.ones(())]))] == [4.0]
    with pytest.raises(ValueError, match="outputs must be a Tensor or an iterable of Tensors"):
        scaler.scale(1.0)


def test_two_optimizers_step_on_their_own():
    v, w = cr.ones(1, requires_grad=True), cr.ones(1, requires_grad=True)
    scaler = amp.GradScaler("cpu", 4.0)
    first, second = cr.optim.SGD([v], lr=0.5), cr.optim.SGD([w], lr=0.5)
    scaler.scale(v.sum() + (w * math.inf).sum()).backward()
    scaler.step(first)
    scaler.step(second)
    scaler.update()
    assert v.tolist() == [0.5] and w.tolist() == [1.0] and scaler.get_scale() == 2.0


def test_without_a_device_a_loop_runs_as_without_a_scaler():
    for make in (lambda: amp.GradScaler(), lambda: cr.cuda.amp.GradScaler()):
        with pytest.warns(UserWarning, match="CUDA is not available. Disabling"):
            scaler = make()
        w = cr.ones(1, requires_grad=True)
        opt, loss = cr.optim.SGD([w], lr=0.5), w.sum()
        assert scaler.scale(loss) is loss and not scaler.is_enabled()
        loss.backward()
        scaler.unscale_(opt)
        scaler.step(opt)
        scaler.update()
        scaler.load_state_dict({})
        assert w.tolist() == [0.5] and scaler.get_scale() == 1.0 and scaler.state_dict() == {}
    assert not amp.GradScaler(enabled=False).is_enabled()


def test_the_order_of_calls():
    w = cr.ones(1, requires_grad=True)
    opt, scaler = cr.optim.SGD([w], lr=0.5), amp.GradScaler("cpu")
    with pytest.raises(RuntimeError, match="No inf checks were recorded prior to update"):
        scaler.update()
    scaler.scale(w.sum()).backward()
    scaler.unscale_(opt)
    with pytest.raises(RuntimeError, match=r"unscale_\(\) has already been called on this opt"):
        scaler.unscale_(opt)
    scaler.step(opt)
    with pytest.raises(RuntimeError, match=r"unscale_\(\) is being called after step"):
        scaler.unscale_(opt)
    with pytest.raises(RuntimeError, match=r"step\(\) has already been called since the last"):
        scaler.step(opt)
    with pytest.raises(RuntimeError, match="Closure use is not currently supported"):
        scaler.step(opt, closure=lambda: None)


def test_what_cannot_be_scaled():
    with pytest.raises(ValueError, match=r"The growth factor must be > 1\.0, got 1\.0"):
        amp.GradScaler("cpu", growth_factor=1.0)
    with pytest.raises(ValueError, match=r"The backoff factor must be < 1\.0, got 1\.0"):
        amp.GradScaler("cpu", backoff_factor=1.0)
    w = cr.ones(1, dtype=cr.float16).requires_grad_()
    scaler = amp.GradScaler("cpu", 2.0)
    scaler.scale(w.sum()).backward()
    with pytest.raises(ValueError, match="Attempting to unscale FP16 gradients"):
        scaler.step(cr.optim.SGD([w], lr=0.5))


def test_a_scale_is_read_anew_at_each_call():
    w = cr.ones(1, requires_grad=True)
    opt, scaler = cr.optim.SGD([w], lr=0.5), amp.GradScaler("cpu", 4.0)

    @trace
    def backward():
        opt.zero_grad()
        scaler.scale(w.sum()).backward()

    for scale in (4.0, 32.0):
        scaler.update(scale)
        backward()
        assert w.grad.tolist() == [scale]
    assert len(backward.programs) == 1


class Counting(cr.optim.Optimizer):
    """An optimizer as people write them: it writes in place, and counts in the state."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    def step(self, closure=None):
        with cr.no_grad():
            for p in self.param_groups[0]["params"]:
                state = self.state[p]
                if "sum" not in state:
                    with outside():
                        state["sum"] = cr.zeros_like(p)
                state["sum"][1:].add_(p.grad[1:])
                p.add_(state["sum"], alpha=-self.param_groups[0]["lr"])


OPTIMIZERS = {
    "SGD": lambda T, ps: T.optim.SGD(ps, lr=0.25, momentum=0.5),
    "AdamW": lambda T, ps: T.optim.AdamW(ps, lr=0.25),
    "NAdam": lambda T, ps: T.optim.NAdam(ps, lr=0.25),
    "Counting": lambda T, ps: Counting(ps, lr=0.25),
}


def steps_in_one_function(T, way, name, apart):
    """Steps of an optimizer, some of which have gradients that are not finite, and all that is seen; `apart`: the
    scaler is brought up to date outside of the function."""
    w = T.tensor([1.0, -2.0, 3.0], requires_grad=True)
    opt = OPTIMIZERS[name](T, [w])
    scaler = T.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)

    def step(factor):
        opt.zero_grad()
        scaler.scale((w * w).sum() * factor).backward()
        scaler.unscale_(opt)
        T.nn.utils.clip_grad_norm_([w], 2.0)
        scaler.step(opt)
        if not apart:
            scaler.update()

    step, seen = way(step), []
    for factor in (1.0, 0.5, math.inf, 1.0, math.nan, math.inf, 0.25, 1.0, 1.0):
        step(T.tensor(factor))
        if apart:
            scaler.update()
        numbers = [
            float(x) for x in opt.state[w].values() if not isinstance(x, T.Tensor) or not x.ndim
        ]
        seen.append([*w.detach().tolist(), *numbers, *scaler.state_dict().values()])
    return seen, step


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("apart", [False, True])
def test_a_whole_step_in_a_traced_function(name, apart):
    eager, _ = steps_in_one_function(cr, lambda f: f, name, apart)
    for way in (trace, cr.compile):
        found, step = steps_in_one_function(cr, way, name, apart)
        np.testing.assert_allclose(found, eager, rtol=1e-6, atol=1e-6)
        assert len(step.programs) == 1


@pytest.mark.torch
def test_a_compiled_step_is_that_of_torch(torch):
    for name in ("SGD", "AdamW", "NAdam"):
        ours, _ = steps_in_one_function(cr, cr.compile, name, False)
        theirs, _ = steps_in_one_function(torch, lambda f: f, name, False)
        np.testing.assert_allclose([x[:3] for x in ours], [x[:3] for x in theirs], rtol=1e-5)
        np.testing.assert_allclose([x[-5:] for x in ours], [x[-5:] for x in theirs])


def test_two_steps_of_an_optimizer_are_two_calls():
    w = cr.ones(1, requires_grad=True)
    opt, scaler = cr.optim.SGD([w], lr=0.5), amp.GradScaler("cpu", 4.0)

    def step():
        for _ in range(2):
            opt.zero_grad()
            scaler.scale(w.sum()).backward()
            scaler.step(opt)
            scaler.update()

    with pytest.raises(
        TraceError, match="makes a second step of an optimizer in a traced function"
    ):
        trace(step)()
