"""Every method of the containers, called on the same ones of both libraries (`same_trees`)."""

from collections import OrderedDict

import pytest
from nn.same_trees import compare, filled, other

import chainrule as cr


def sequential(T):
    return filled(T, T.nn.Sequential(T.nn.Linear(3, 5), T.nn.ReLU(), T.nn.Linear(5, 2)))


def named(T):
    return filled(T, T.nn.Sequential(OrderedDict(a=T.nn.Linear(3, 5), b=T.nn.ReLU())))


def module_list(T):
    return filled(
        T, T.nn.ModuleList([T.nn.Linear(3, 5), T.nn.ReLU(), T.nn.ReLU(), T.nn.Linear(5, 2)])
    )


def module_dict(T):
    return filled(T, T.nn.ModuleDict({"b": T.nn.Linear(3, 5), "a": T.nn.ReLU()}))


def parameter_list(T):
    return T.nn.ParameterList([T.ones(2), T.nn.Parameter(T.zeros(1, 3)), 7])


def parameter_dict(T):
    return T.nn.ParameterDict({"b": T.ones(2), "a": T.nn.Parameter(T.zeros(1, 3)), "c": "text"})


def changed(change):
    """A scenario that changes the tree, which is then compared."""
    return lambda T, m: [change(T, m), None][1]


def set_at(key, value):
    return changed(lambda T, m: m.__setitem__(key, value(T)))


def delete_at(key):
    return changed(lambda T, m: m.__delitem__(key))


def relu(T):
    return T.nn.ReLU()


def iadd(T, m, more):
    m += more
    return m


def ior(T, m, more):
    m |= more
    return m


LISTS = [
    *[
        lambda T, m, k=k: m[k]
        for k in (0, -1, 1, 7, -9, slice(1, None), slice(None, None, -1), slice(0, 2))
    ],
    *[set_at(k, relu) for k in (0, -1, 7)],
    set_at(0, lambda T: 3),
    *[delete_at(k) for k in (0, -1, slice(0, 2), slice(None, None, 2), 9)],
    lambda T, m: len(m),
    lambda T, m: list(m),
    lambda T, m: relu(T) in m,
    lambda T, m: m[0] in m,
    lambda T, m: m.append(relu(T)),
    lambda T, m: m.append(3),
    lambda T, m: m.extend([relu(T), T.nn.LeakyReLU(0.5)])[-2],
    lambda T, m: m.extend(3),
    lambda T, m: m.extend(relu(T)),
    lambda T, m: m.insert(1, relu(T)) and None,
    lambda T, m: m.pop(0),
    lambda T, m: m.pop(-1),
    lambda T, m: m.pop(99),
    lambda T, m: m + type(m)(*([[relu(T)]] if type(m) is T.nn.ModuleList else [relu(T)])),
    lambda T, m: sorted(n for n in dir(m) if n[0].isdigit() or n in "ab"),
    lambda T, m: iadd(T, m, type(m)(*([[relu(T)]] if type(m) is T.nn.ModuleList else [relu(T)]))),
    lambda T, m: m.state_dict(),
]
PAIRS = [
    *[lambda T, m, k=k: m[k] for k in ("a", "missing")],
    delete_at("a"),
    delete_at("missing"),
    lambda T, m: len(m),
    lambda T, m: list(m),
    lambda T, m: "a" in m,
    lambda T, m: m.keys(),
    lambda T, m: list(m.values()),
    lambda T, m: list(m.items()),
    changed(lambda T, m: m.clear()),
    lambda T, m: m.pop("a"),
    lambda T, m: m.pop("missing"),
    lambda T, m: m.update(3),
    lambda T, m: m.update([("z", 1, 2)]),
    lambda T, m: m.update([3]),
    lambda T, m: m.state_dict(),
]
CONTAINERS = {
    "Sequential": (
        sequential,
        [
            *LISTS,
            lambda T, m: m(T.ones(2, 3)),
            lambda T, m: m * 2,
            lambda T, m: 2 * m,
            lambda T, m: m * 0,
            lambda T, m: m * "a",
            lambda T, m: m + 3,
        ],
    ),
    "Sequential of names": (
        named,
        [
            lambda T, m: m[1:],
            lambda T, m: m.append(relu(T)),
            delete_at(0),
            lambda T, m: m.a,
            lambda T, m: m[-1],
            set_at(1, relu),
            lambda T, m: m.state_dict(),
        ],
    ),
    "ModuleList": (module_list, [*LISTS, lambda T, m: m(T.ones(1))]),
    "ModuleDict": (
        module_dict,
        [
            *PAIRS,
            set_at("z", relu),
            set_at("a", relu),
            set_at("keys", relu),
            set_at(3, relu),
            set_at("z", lambda T: 3),
            lambda T, m: m(T.ones(1)),
            changed(lambda T, m: m.update({"z": relu(T), "b": relu(T)})),
            changed(lambda T, m: m.update(module_dict(T))),
            changed(lambda T, m: m.update([["z", relu(T)]])),
        ],
    ),
    "ParameterList": (
        parameter_list,
        [
            *[lambda T, m, k=k: m[k] for k in (0, -1, 7, slice(0, 2))],
            set_at(0, lambda T: T.zeros(3)),
            set_at(-1, lambda T: "x"),
            set_at(9, lambda T: 3),
            lambda T, m: len(m),
            lambda T, m: list(m),
            lambda T, m: m.append(T.ones(1)),
            lambda T, m: m.append(None),
            lambda T, m: m.extend([T.ones(1), 3]),
            lambda T, m: m.extend(T.ones(3)),
            lambda T, m: m.extend(3),
            lambda T, m: iadd(T, m, [T.ones(1)]),
            lambda T, m: m(1),
            lambda T, m: m.state_dict(),
            lambda T, m: m.load_state_dict(other(T, m)) and None,
        ],
    ),
    "ParameterDict": (
        parameter_dict,
        [
            *PAIRS,
            set_at("z", lambda T: T.ones(1)),
            set_at("a", lambda T: 3),
            lambda T, m: list(reversed(m)),
            lambda T, m: m.copy(),
            lambda T, m: m.get("a"),
            lambda T, m: m.get("x", 3),
            lambda T, m: m.setdefault("a"),
            lambda T, m: m.setdefault("x", T.ones(1)),
            lambda T, m: m.popitem(),
            lambda T, m: m.fromkeys(["x", "y"], 3),
            lambda T, m: m.fromkeys("xy"),
            lambda T, m: m | T.nn.ParameterDict({"z": T.ones(1)}),
            lambda T, m: ior(T, m, T.nn.ParameterDict({"z": T.ones(1)})),
            lambda T, m: m | 3,
            changed(lambda T, m: m.update({"z": T.ones(1), "y": 3})),
            changed(lambda T, m: m.update(OrderedDict(z=T.ones(1), y=3))),
            changed(lambda T, m: m.update([("z", 3)])),
            lambda T, m: m(1),
            lambda T, m: m.load_state_dict(other(T, m)) and None,
        ],
    ),
}


@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "k"),
    [(name, k) for name, (_, several) in CONTAINERS.items() for k in range(len(several))],
)
def test_container(torch, name, k):
    make, scenarios = CONTAINERS[name]
    compare(torch, make, scenarios[k])


@pytest.mark.torch
def test_no_method_of_a_container_is_missing(torch):
    for name in ("Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"):
        theirs = vars(getattr(torch.nn, name))
        own = {n for n in theirs if callable(theirs[n]) and (n.startswith("__") or n[0] != "_")}
        missing = {n for n in own if not hasattr(getattr(cr.nn, name), n)}
        assert missing <= {"__setstate__"}, name
