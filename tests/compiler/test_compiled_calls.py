"""The ways to call `compile`, and what a compiled function says of itself."""

import copy
import pickle
import warnings

import pytest
from compiled_functions import arrays, compiled, counted, equal, small_net

import chainrule as cr
from chainrule import nn
from chainrule.compiler import compiled as front
from chainrule.graph.interpret import Interpreted


def test_function_decorator_and_decorator_with_arguments():
    def f(x):
        """Doubles."""
        return x * 2

    for g in (
        cr.compile(f, backend="eager"),
        cr.compile(backend="eager")(f),
        cr.compile(fullgraph=True, dynamic=False, mode="max-autotune", backend="eager")(f),
    ):
        assert g(cr.ones(1)).item() == 2 and g.__name__ == "f" and g.__doc__ == "Doubles."
        assert cr.compile(g) is g
    assert cr.compile(f, disable=True) is f


def test_a_method():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(cr.full((3,), 2.0))

        @cr.compile(backend="eager")
        def half(self, x):
            return x * self.weight * (1.0 if self.training else 0.5)

    a, b = Net(), Net()
    with cr.no_grad():
        b.weight.fill_(4.0)
    assert a.half(cr.ones(3)).tolist() == [2] * 3 and b.half(cr.ones(3)).tolist() == [4] * 3
    assert a.eval().half(cr.ones(3)).tolist() == [1] * 3


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"backend": "aot"}, "no backend 'aot'; there are 'native', 'eager'"),
        ({"mode": "fast"}, "no mode 'fast'; there are default, reduce-overhead"),
        (
            {"options": {"max_autotune": True}},
            r"options \['max_autotune'\] are those of PyTorch's compiler",
        ),
    ],
)
def test_arguments_that_mean_nothing_here_are_refused(options, text):
    with pytest.raises(cr.ChainruleError, match=text):
        cr.compile(lambda x: x, **options)


def test_what_is_no_function_is_refused():
    with pytest.raises(cr.DTypeError, match="compile takes a function or a module, found int"):
        cr.compile(3)
    with pytest.raises(TypeError, match="unexpected keyword"):
        cr.compile(lambda x: x, fast=True)


def test_a_compiled_module_is_the_module():
    net = small_net().eval()
    twin = compiled(net)
    assert isinstance(twin, nn.Sequential) and len(twin) == 4 and twin[0] is net[0]
    assert list(twin.state_dict()) == list(net.state_dict())
    assert all(a is b for a, b in zip(twin.parameters(), net.parameters(), strict=True))
    twin.train()
    assert net.training and net[2].training
    net.eval()
    twin.extra = 3
    assert net.extra == 3 and not twin.training and "CompiledSequential" in repr(twin)
    x = cr.ones(2, 5)
    equal(arrays([twin(x)]), arrays([net(x)]))
    assert len(twin.programs) == 1 and "Linear" not in twin.explain().splitlines()[0]
    outer = nn.Sequential(twin, nn.Tanh())
    equal(arrays([outer(x)]), arrays([net(x).tanh()]))
    assert len(list(outer.parameters())) == 4 and len(twin.programs) == 1


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_of_compiled_modules(again):
    x = cr.ones(2, 5)
    for kind in ("twin", "in place"):
        net = nn.Sequential(nn.Linear(5, 3))
        if kind == "twin":
            net = compiled(net)
        else:
            net.compile(backend="eager")
        before = arrays([net(x)])
        other = again(net)
        with cr.no_grad():
            for p in other.parameters():
                p.mul_(2)
        equal(arrays([net(x)]), before)
        equal(arrays([other(x)]), [before[0] * 2])
        assert len(again(other).state_dict()) == 2


def test_a_module_compiled_in_place():
    net = small_net().eval()
    x = cr.ones(2, 5)
    expected = arrays([net(x)])
    assert net.compile(backend="eager") is None
    net.compile(backend="eager")
    equal(arrays([net(x)]), expected)
    assert counted(net.forward) == 1 and list(net.state_dict())[0] == "0.weight"
    seen = []
    net.register_forward_hook(lambda m, a, y: seen.append(y.shape))
    net(x).sum().backward()
    assert len(seen) == 1 and net[0].weight.grad is not None
    net.train()
    net(x)
    assert counted(net.forward) == 3


def test_what_it_says_of_itself():
    class Cached(Interpreted):
        from_cache = True

        def explain(self):
            return "kernels: none"

    f = cr.compile(lambda x: x * 2, backend=Cached)
    assert "0 programs" in repr(f) and f.seconds == 0
    f(cr.ones(2))
    assert "1 program, from cache in " in repr(f) and f.from_cache and f.seconds > 0
    assert "kernels: none" in f.explain() and "program 1 of 1" in f.explain()


def test_without_llvmlite_calls_run_eagerly_which_is_said_once(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "llvmlite", None)
    monkeypatch.setitem(__import__("sys").modules, "llvmlite.binding", None)
    front._native.cache_clear()
    try:
        with pytest.warns(
            UserWarning, match="llvmlite is not installed.*\n  hint: pip install llvmlite"
        ):
            f = cr.compile(lambda x: x if x.sum() > 0 else -x)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            g = cr.compile(nn.Linear(3, 3))
        assert f(-cr.ones(2)).tolist() == [1, 1] and f.programs == [] and "runs eagerly" in repr(f)
        assert g(cr.ones(3)).shape == (3,) and g.programs == []
        assert copy.deepcopy(f)(-cr.ones(2)).tolist() == [1, 1]
    finally:
        front._native.cache_clear()
