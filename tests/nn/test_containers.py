"""Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict."""

from collections import OrderedDict

import pytest

import chainrule as cr
from chainrule import nn


def names(module):
    return [name for name, _ in module.named_parameters()]


def test_sequential_is_a_list():
    a, b, c = nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)
    net = nn.Sequential(a, b)
    assert net.append(c) is net and len(net) == 3
    assert net[0] is a and net[-1] is c and list(net) == [a, b, c]
    assert net(cr.zeros(7, 3)).shape == (7, 2)
    assert list(net[1:]._modules) == ["1", "2"]
    net[1] = nn.Tanh()
    assert isinstance(net[1], nn.Tanh)
    net.insert(1, nn.Identity())
    assert [type(m).__name__ for m in net] == ["Linear", "Identity", "Tanh", "Linear"]
    del net[1:3]
    assert list(net._modules) == ["0", "1"] and net[1] is c
    assert net.pop(1) is c and len(net) == 1
    net.extend([b]).extend(nn.Sequential(c))
    assert list(net._modules) == ["0", "1", "2"]
    net += nn.Sequential(b)
    assert len(net) == 4


def test_sequential_sums_and_products():
    a, b = nn.Linear(3, 3), nn.ReLU()
    net = nn.Sequential(a) + nn.Sequential(b)
    assert list(net) == [a, b]
    assert list(net * 2) == [a, b, a, b] == list(2 * net)
    net *= 3
    assert len(net) == 6
    assert len(list(net.parameters())) == 2
    with pytest.raises(ValueError, match="repeated 1 or more times, not 0"):
        net * 0
    with pytest.raises(TypeError):
        net + [a]


def test_sequential_with_names():
    net = nn.Sequential(OrderedDict(first=nn.Linear(2, 3), second=nn.ReLU()))
    assert names(net) == ["first.weight", "first.bias"]
    assert isinstance(net[:1].first, nn.Linear)


def test_module_list():
    layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    assert names(layers)[2:4] == ["1.weight", "1.bias"]
    assert isinstance(layers[1:], nn.ModuleList) and len(layers[1:]) == 2
    layers.insert(0, nn.ReLU())
    assert isinstance(layers[0], nn.ReLU) and len(layers) == 4
    layers += [nn.Tanh()]
    assert len(layers + [nn.ReLU()]) == 6
    del layers[0]
    assert list(layers._modules) == ["0", "1", "2", "3"]
    for act, error, text in [
        (lambda: layers[9], IndexError, "index 9 is out of range for 4 modules"),
        (lambda: layers.extend(3), TypeError, "should be called with an iterable, but got int"),
        (lambda: layers.insert(9, nn.ReLU()), IndexError, "index 9 is out of range"),
        (lambda: layers.insert(0, 3), TypeError, "int is not a Module subclass"),
        (lambda: layers(1), NotImplementedError, "forward"),
    ]:
        with pytest.raises(error, match=text):
            act()


def test_module_dict():
    d = nn.ModuleDict({"a": nn.Linear(2, 3)})
    d["b"] = nn.ReLU()
    d.update([("c", nn.Tanh())])
    assert list(d) == ["a", "b", "c"] == list(d.keys()) and "b" in d and len(d) == 3
    assert [type(m).__name__ for m in d.values()] == ["Linear", "ReLU", "Tanh"]
    assert isinstance(d.pop("c"), nn.Tanh)
    del d["b"]
    assert [k for k, _ in d.items()] == ["a"]
    for bad, error, text in [
        (3, TypeError, "iterable of key/value pairs"),
        ([3], TypeError, "#0 should be a pair"),
        ([(1, 2, 3)], ValueError, "#0 has length 3"),
    ]:
        with pytest.raises(error, match=text):
            d.update(bad)
    d.clear()
    assert len(d) == 0


def test_parameter_list():
    ps = nn.ParameterList([cr.zeros(2), nn.Parameter(cr.zeros(3)), "note"])
    assert names(ps) == ["0", "1"] and ps[2] == "note" and len(ps) == 3
    assert all(isinstance(p, nn.Parameter) for p in ps.parameters())
    ps.append(cr.ones(5))
    ps += [cr.ones(7)]
    assert ps[-1].shape == (7,) and [p.shape[0] for p in ps[3:]] == [5, 7]
    ps[0] = cr.ones(11)
    assert ps[0].shape == (11,)
    for act, error, text in [
        (lambda: ps[9], IndexError, "index 9 is out of range for 5 values"),
        (
            lambda: ps.extend(cr.zeros(2)),
            TypeError,
            "should be called with an iterable, but got Tensor",
        ),
        (lambda: ps(1), RuntimeError, "should not be called"),
    ]:
        with pytest.raises(error, match=text):
            act()


def test_parameter_dict():
    ps = nn.ParameterDict({"b": cr.zeros(2), "a": cr.zeros(3)})
    assert names(ps) == ["a", "b"]  # a plain mapping in the order of its keys
    ps["c"] = cr.ones(5)
    assert "c" in ps and ps.get("z") is None and ps.setdefault("z", 3) == 3
    assert list(ps.copy()) == list(ps) == ["a", "b", "c", "z"] and list(reversed(ps))[0] == "z"
    assert ps.popitem() == ("z", 3)
    assert ps.pop("c").shape == (5,)
    assert [k for k, _ in ps.items()] == ["a", "b"] and len(list(ps.values())) == 2
    with pytest.raises(TypeError, match="keys of a ParameterDict are strings, got int"):
        ps[3] = cr.zeros(1)
    with pytest.raises(KeyError):
        ps["training"]
    with pytest.raises(RuntimeError, match="should not be called"):
        ps()
    ps.clear()
    assert len(ps) == 0


@pytest.mark.parametrize(
    ("wrong", "hint"), [([nn.ReLU()], "*layers hands"), (cr.relu, "nn.ReLU()")]
)
def test_what_is_no_layer_is_told_what_to_do(wrong, hint):
    with pytest.raises(TypeError) as told:
        nn.Sequential(wrong)
    assert "is not a Module subclass\n  hint: " in str(told.value) and hint in str(told.value)
