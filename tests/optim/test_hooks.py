"""Functions hung on an optimizer: when they run, what they may replace, how they are taken off."""

import copy
import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim


def made(value=1.0, **options):
    p = nn.Parameter(cr.tensor([value]))
    return p, optim.SGD([p], **{"lr": 0.5, "momentum": 0.5, **options})


def stepped(optimizer, p, gradient=1.0):
    p.grad = cr.tensor([gradient])
    return optimizer.step()


def test_step_hooks_run_before_and_after_in_order():
    p, optimizer = made()
    seen = []
    first = optimizer.register_step_pre_hook(lambda o, a, k: seen.append(("before", p.item())))
    optimizer.register_step_pre_hook(lambda o, a, k: seen.append(("again", o is optimizer)))
    optimizer.register_step_post_hook(lambda o, a, k: seen.append(("after", p.item())))
    stepped(optimizer, p)
    assert seen == [("before", 1.0), ("again", True), ("after", 0.5)]
    first.remove()
    seen.clear()
    stepped(optimizer, p)
    assert [name for name, _ in seen] == ["again", "after"]


def test_a_pre_hook_may_replace_the_arguments():
    p, optimizer = made()
    with optimizer.register_step_pre_hook(lambda o, args, kwargs: ((lambda: 7,), {})):
        assert stepped(optimizer, p) == 7
    assert stepped(optimizer, p) is None
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(
        TypeError, match=r"None or a tuple of \(new_args, new_kwargs\), but .* returned 3"
    ):
        optimizer.step()


def test_hooks_run_once_around_a_step_that_calls_that_of_its_base():
    class Loud(optim.SGD):
        def step(self, closure=None):
            seen.append("mine")
            return super().step(closure)

    seen = []
    p = nn.Parameter(cr.ones(1))
    optimizer = Loud([p], lr=0.5)
    optimizer.register_step_pre_hook(lambda o, a, k: seen.append("before"))
    optimizer.register_step_post_hook(lambda o, a, k: seen.append("after"))
    stepped(optimizer, p)
    assert seen == ["before", "mine", "after"] and p.item() == 0.5
    with pytest.raises(ZeroDivisionError):
        optimizer.step(lambda: 1 / 0)
    seen.clear()
    stepped(optimizer, p)  # the failed step left nothing behind
    assert seen == ["before", "mine", "after"]


def test_state_dict_hooks():
    p, optimizer = made()
    stepped(optimizer, p)
    seen = []
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("b"))
    optimizer.register_state_dict_pre_hook(lambda o: seen.append("a"), prepend=True)
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "note": "kept"})
    optimizer.register_state_dict_post_hook(lambda o, state: state.update(more=1))
    state = optimizer.state_dict()
    assert seen == ["a", "b"] and state["note"] == "kept" and state["more"] == 1


def test_load_state_dict_hooks():
    p, optimizer = made()
    stepped(optimizer, p)
    state = optimizer.state_dict()
    renamed = {"weights": state["param_groups"], "state": state["state"]}
    seen = []

    def rename(o, found):
        found["param_groups"] = found.pop("weights")

    optimizer.register_load_state_dict_pre_hook(rename)
    optimizer.register_load_state_dict_pre_hook(lambda o, found: seen.append("first"), prepend=True)
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append("loaded"))
    optimizer.load_state_dict(renamed)
    assert seen == ["first", "loaded"]
    assert set(renamed) == {"weights", "state"}  # hooks get a copy
    optimizer.register_load_state_dict_pre_hook(
        lambda o, found: {**found, "param_groups": [{**found["param_groups"][0], "lr": 9.0}]}
    )
    optimizer.load_state_dict(renamed)
    assert optimizer.param_groups[0]["lr"] == 9.0


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_a_copy_has_the_state_and_not_the_hooks(copied):
    p, optimizer = made()
    seen = []
    optimizer.register_step_pre_hook(lambda o, a, k: seen.append("before"))
    stepped(optimizer, p)
    other = copied(optimizer)
    q = other.param_groups[0]["params"][0]
    assert q is not p
    stepped(other, q)
    stepped(optimizer, p)
    assert seen == ["before", "before"]
    np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())
