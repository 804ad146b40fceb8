"""Every method of Module, called on the same little trees of both libraries (`same_trees`). The last test asks that no method of
PyTorch's is left out.
"""

import copy
import pickle
from collections import OrderedDict

import numpy as np
import pytest
from nn.same_trees import compare, described, filled, loaded, net, other, ran, without

import chainrule as cr


def hooked(register, hook, **options):
    """A scenario that registers a hook, runs the tree twice, the second time without it."""

    def scenario(T, m):
        seen = []
        handle = getattr(m, register)(lambda *given: hook(T, seen, *given), **options)
        first = ran(T, m)
        handle.remove()
        m.zero_grad()
        return [first, seen, ran(T, m)]

    return scenario


def names(T, given):
    """What a hook was given, the modules by their class."""
    return [type(v).__name__ if isinstance(v, T.nn.Module) else v for v in given]


def noting(T, seen, *given):
    seen.append(described(T, names(T, given)))


def noting_detached(T, seen, module, *tensors):
    seen.append(
        described(T, [[None if t is None else t.detach().tolist() for t in ts] for ts in tensors])
    )


def state_hook(register):
    """A scenario with a hook of state dicts on a child."""

    def scenario(T, m):
        seen = []

        def hook(*given):
            seen.append([v for v in names(T, given) if isinstance(v, (str, bool))])

        handle = getattr(m.body, register)(hook)
        found = [m.state_dict(), loaded(T, m, other(T, m))]
        handle.remove()
        return [found, seen, m.state_dict(prefix="p."), seen]

    return scenario


def renaming(T, m):
    """A hook that reads an older name."""

    def hook(module, state, prefix, local, strict, missing, unexpected, errors):
        if prefix + "w" in state:
            state[prefix + "weight"] = state.pop(prefix + "w")

    m.first.register_load_state_dict_pre_hook(hook)
    state = other(T, m)
    state["first.w"] = state.pop("first.weight")
    return loaded(T, m, state)


def older(T, m):
    def hook(state, prefix, local, strict, missing, unexpected, errors):
        errors.append(f"{prefix} {strict} {local.get('version')}")

    m.first._register_load_state_dict_pre_hook(hook)
    return m.load_state_dict(m.state_dict())


def forgiving(T, m):
    """A hook that takes a missing key out of the list."""

    def hook(module, keys):
        keys.missing_keys.remove("first.bias")

    m.register_load_state_dict_post_hook(hook)
    return loaded(T, m, without(other(T, m), "first.bias"))


def replaced(T, m):
    m.body._register_state_dict_hook(lambda module, state, prefix, local: None)
    m._register_state_dict_hook(lambda module, state, prefix, local: OrderedDict(kept=len(state)))
    return m.state_dict()


def returning(T, m):
    m.register_state_dict_post_hook(lambda module, state, prefix, local: state)
    return m.state_dict()


def extra(T, m):
    class Counter(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.steps = 3

        def get_extra_state(self):
            return {"steps": self.steps}

        def set_extra_state(self, state):
            self.steps = state["steps"]

    m.counter = Counter()
    state = other_state = OrderedDict(m.state_dict())
    found = [state["counter._extra_state"]["steps"]]
    other_state["counter._extra_state"] = {"steps": 7}
    m.load_state_dict(other_state)
    missing = m.load_state_dict(without(other_state, "counter._extra_state"), strict=False)
    found += [m.counter.steps, list(missing.missing_keys)]
    unexpected = cr_free_load(T, OrderedDict(_extra_state=1))
    return [*found, unexpected]


def cr_free_load(T, state):
    return list(T.nn.ReLU().load_state_dict(state, strict=False).unexpected_keys)


def overridden(T, m):
    """A module that reads an older format by its own `_load_from_state_dict`, and writes one by `_save_to_state_dict`."""

    class Old(T.nn.Linear):
        _version = 2

        def _save_to_state_dict(self, destination, prefix, keep_vars):
            super()._save_to_state_dict(destination, prefix, keep_vars)
            destination[prefix + "extra"] = T.ones(1)

        def _load_from_state_dict(self, state, prefix, local, strict, missing, unexpected, errors):
            state.pop(prefix + "extra", None)
            self.read_version = local.get("version")
            super()._load_from_state_dict(state, prefix, local, strict, missing, unexpected, errors)

    m.old = Old(2, 2)
    filled(T, m)
    state = m.state_dict()
    return [state, loaded(T, m, state), m.old.read_version, dict(state._metadata)["old"]["version"]]


def tied(T, m):
    """Tied weights stay tied when they are assigned."""
    m.load_state_dict(m.state_dict(keep_vars=True), assign=True)
    return [m.again.weight is m.body[0].weight]


def copied(how):
    def scenario(T, m):
        m = m.body
        m.register_forward_hook(print_nothing)
        again = how(m)
        same = [a is b for a, b in zip(m.parameters(), again.parameters(), strict=True)]
        return [again, same, again.training, ran(T, again, T.ones(2, 5))[0]]

    return scenario


def print_nothing(*given):
    return None


def assigned(T, m):
    """A name that moves from one kind to another, and values that a kind does not take."""
    found = []
    for name, value in [
        ("first", None),
        ("count", T.ones(2)),
        ("width", T.nn.ReLU()),
        ("table", T.nn.Parameter(T.ones(3))),
        ("gone", T.nn.Parameter(T.ones(1))),
        ("body", 3),
        ("gone", T.ones(2)),
        ("first", T.nn.LeakyReLU(0.5)),
    ]:
        try:
            setattr(m, name, value)
        except TypeError:
            found.append(name)
    return [found, list(m._parameters), list(m._buffers), list(m._modules), m.state_dict()]


def converted(T, m):
    found = []
    for change in ("double", "half", "float", "bfloat16"):
        getattr(m, change)()
        found.append({k: str(v.dtype).split(".")[-1] for k, v in m.state_dict().items()})
    return found


def both_modes(T, m):
    found = [m.training, m.eval() is m, m.body.training, m.body[1].train(), m.training]
    m.train(True)
    return [*found[:3], m.body[1].training, all(x.training for x in m.modules())]


def zeroed(T, m):
    found = [ran(T, m), m.zero_grad(set_to_none=False), [p.grad for p in m.parameters()]]
    return [*found, m.zero_grad(), [p.grad for p in m.parameters()]]


def frozen(T, m):
    found = m.requires_grad_(False) is m, [p.requires_grad for p in m.parameters()]
    return [*found, m.body.requires_grad_(), [p.requires_grad for p in m.parameters()]]


def applied(T, m):
    seen = []
    return [m.apply(lambda x: seen.append(type(x).__name__)) is m, seen]


def call_super(T, m):
    class Mixin:
        def __init__(self, *args, **kwargs):
            self.given = [*args, *kwargs.values()]

    class Both(T.nn.Module, Mixin):
        call_super_init = True

        def __init__(self):
            super().__init__(3, name="x")

    return [Both().given, T.nn.Module.call_super_init]


def mistaken(attribute):
    """A scenario that gives Module's own constructor an argument."""

    class Wrong:
        pass

    def scenario(T, m):
        class Net(T.nn.Module):
            def __init__(self):
                super().__init__(**attribute)

        return Net()

    return scenario


def deleted(T, m):
    del m.first, m.count, m.gone, m.width
    return [sorted(m.state_dict()), hasattr(m, "first"), hasattr(m, "width")]


SCENARIOS = {
    "add_module": [
        lambda T, m: m.add_module("new", T.nn.ReLU()),
        lambda T, m: m.add_module("width", T.nn.ReLU()),
        lambda T, m: m.add_module("a.b", T.nn.ReLU()),
        lambda T, m: m.add_module("", T.nn.ReLU()),
        lambda T, m: m.add_module("x", 3),
        lambda T, m: m.add_module(3, T.nn.ReLU()),
        lambda T, m: m.add_module("first", None),
    ],
    "register_module": [lambda T, m: m.register_module("new", T.nn.LeakyReLU(0.5)) and None],
    "register_parameter": [
        lambda T, m: m.register_parameter("new", T.nn.Parameter(T.ones(2))),
        lambda T, m: m.register_parameter("first", None),
        lambda T, m: m.register_parameter("p", T.ones(2)),
        lambda T, m: m.register_parameter("a.b", None),
        lambda T, m: m.register_parameter("gone", T.nn.Parameter(T.ones(1))),
    ],
    "register_buffer": [
        lambda T, m: [
            m.register_buffer("new", T.ones(2), persistent=False),
            m.state_dict(),
            dict(m.named_buffers()),
        ],
        lambda T, m: m.register_buffer("first", None),
        lambda T, m: m.register_buffer("x", 3),
        lambda T, m: [m.register_buffer("table", T.zeros(1)), m.state_dict()],
    ],
    "named_parameters": [
        lambda T, m: m.named_parameters(),
        lambda T, m: m.named_parameters("p"),
        lambda T, m: m.named_parameters(recurse=False),
        lambda T, m: m.named_parameters(remove_duplicate=False),
    ],
    "parameters": [lambda T, m: m.parameters(), lambda T, m: m.first.parameters(False)],
    "named_buffers": [
        lambda T, m: m.named_buffers(),
        lambda T, m: m.named_buffers("p", recurse=False),
        lambda T, m: m.named_buffers(remove_duplicate=False),
    ],
    "buffers": [lambda T, m: m.buffers(), lambda T, m: m.buffers(False)],
    "named_modules": [
        lambda T, m: [n for n, _ in m.named_modules()],
        lambda T, m: [n for n, _ in m.named_modules(prefix="p", remove_duplicate=False)],
        lambda T, m: [n for n, _ in m.named_modules(memo={m.body})],
    ],
    "modules": [lambda T, m: list(m.modules())],
    "named_children": [lambda T, m: m.named_children()],
    "children": [lambda T, m: m.children()],
    "get_submodule": [
        lambda T, m: m.get_submodule("body.0"),
        lambda T, m: m.get_submodule("") is m,
        lambda T, m: m.get_submodule("body.7"),
        lambda T, m: m.get_submodule("width"),
    ],
    "set_submodule": [
        lambda T, m: m.set_submodule("body.0", T.nn.ReLU()),
        lambda T, m: m.set_submodule("body.new", T.nn.ReLU()),
        lambda T, m: m.set_submodule("body.new", T.nn.ReLU(), strict=True),
        lambda T, m: m.set_submodule("", T.nn.ReLU()),
        lambda T, m: m.set_submodule("width", T.nn.ReLU()),
        lambda T, m: m.set_submodule("x.y", T.nn.ReLU()),
    ],
    "get_parameter": [
        lambda T, m: m.get_parameter("first.weight"),
        lambda T, m: m.get_parameter("first.x"),
        lambda T, m: m.get_parameter("count"),
    ],
    "get_buffer": [
        lambda T, m: m.get_buffer("count"),
        lambda T, m: m.get_buffer("first.weight"),
        lambda T, m: m.get_buffer("x"),
    ],
    "get_extra_state": [extra],
    "set_extra_state": [lambda T, m: m.load_state_dict({**m.state_dict(), "body._extra_state": 1})],
    "apply": [applied],
    "train": [both_modes, lambda T, m: m.train("yes")],
    "eval": [lambda T, m: [x.training for x in m.eval().modules()]],
    "requires_grad_": [frozen],
    "zero_grad": [zeroed],
    "float": [converted],
    "double": [lambda T, m: m.double() is m],
    "half": [lambda T, m: m.half() is m],
    "bfloat16": [lambda T, m: m.bfloat16() is m],
    "type": [lambda T, m: m.type(T.float64), lambda T, m: m.type(T.float16)],
    "cpu": [lambda T, m: m.cpu() is m],
    "cuda": [lambda T, m: m.cuda() if T is cr else raise_(RuntimeError())],
    "xpu": [lambda T, m: m.xpu() if T is cr else raise_(RuntimeError())],
    "to": [
        lambda T, m: m.to(T.float64),
        lambda T, m: m.to("cpu", T.float16) is m,
        lambda T, m: m.to(T.int64),
        lambda T, m: m.to(T.ones(1, dtype=T.float64)),
        lambda T, m: m.to(device="cpu", dtype=T.float64, non_blocking=True),
        lambda T, m: m.to(what=3),
    ],
    "to_empty": [
        lambda T, m: (
            [tuple(p.shape) for p in m.body.to_empty(device="cpu").parameters()]
            and m.load_state_dict(net(T).state_dict())
            and None
        )
    ],
    "share_memory": [lambda T, m: m.body[1].share_memory() is m.body[1]],
    "forward": [lambda T, m: ran(T, m), lambda T, m: T.nn.Module()(T.ones(1))],
    "extra_repr": [lambda T, m: [x.extra_repr() for x in m.modules()], lambda T, m: str(m)],
    "compile": [lambda T, m: m.body.compile and None],
    "state_dict": [
        lambda T, m: m.state_dict(),
        lambda T, m: m.state_dict(prefix="p."),
        lambda T, m: m.state_dict(keep_vars=True),
        lambda T, m: m.state_dict(destination=OrderedDict(a=1)),
        lambda T, m: m.state_dict({}, "q.", True),
        lambda T, m: [sorted(m.state_dict()._metadata)],
        overridden,
        replaced,
    ],
    "load_state_dict": [
        lambda T, m: loaded(T, m, other(T, m)),
        lambda T, m: loaded(T, copy.deepcopy(m), without(other(T, m), "first.weight")),
        lambda T, m: loaded(T, m, without(other(T, m), "body.0.weight"), strict=False),
        lambda T, m: loaded(
            T, m, {"x": T.ones(1), "body.7.y": T.ones(1), "body.1.z": T.ones(1)}, strict=False
        ),
        lambda T, m: loaded(T, m, {"x": T.ones(1)}),
        lambda T, m: loaded(T, m, 3),
        lambda T, m: loaded(T, m, other(T, m), assign=True),
        tied,
        lambda T, m: copy.deepcopy(m.first).load_state_dict(
            {"weight": T.ones(1, 1), "bias": T.ones(5)}
        ),
    ],
    "register_state_dict_pre_hook": [state_hook("register_state_dict_pre_hook")],
    "register_state_dict_post_hook": [state_hook("register_state_dict_post_hook"), returning],
    "register_load_state_dict_pre_hook": [
        state_hook("register_load_state_dict_pre_hook"),
        renaming,
        older,
    ],
    "register_load_state_dict_post_hook": [
        state_hook("register_load_state_dict_post_hook"),
        forgiving,
    ],
    "register_forward_pre_hook": [
        hooked("register_forward_pre_hook", noting),
        hooked("register_forward_pre_hook", lambda T, seen, m, args: (args[0] * 2,)),
        hooked(
            "register_forward_pre_hook",
            lambda T, seen, m, args, kwargs: (args, kwargs),
            with_kwargs=True,
        ),
    ],
    "register_forward_hook": [
        hooked("register_forward_hook", lambda T, seen, m, args, y: y * 2),
        hooked("register_forward_hook", noting, prepend=True),
        hooked(
            "register_forward_hook",
            lambda T, seen, m, args, kwargs, y: y + 1,
            with_kwargs=True,
            always_call=True,
        ),
    ],
    "register_full_backward_hook": [
        hooked("register_full_backward_hook", noting_detached),
        hooked(
            "register_full_backward_hook", lambda T, seen, m, gx, gy: (gx[0] * 3,), prepend=True
        ),
    ],
    "register_full_backward_pre_hook": [
        hooked("register_full_backward_pre_hook", noting_detached),
        hooked("register_full_backward_pre_hook", lambda T, seen, m, gy: (gy[0] * 3,)),
    ],
    "call_super_init": [call_super, mistaken({"wrong": 1})],
    "copies": [
        copied(copy.deepcopy),
        copied(copy.copy),
        copied(lambda m: pickle.loads(pickle.dumps(m))),
    ],
    "attributes": [
        assigned,
        deleted,
        lambda T, m: [n for n in dir(m) if n in ("first", "count", "gone", "width", "body", "0")],
        lambda T, m: m.missing,
        lambda T, m: delattr(m, "missing"),
    ],
}


def raise_(error):
    raise error


NOT_COMPARED = {
    "T_destination": "a type variable",
    "dump_patches": "belongs to a format of files that is not read",
    "ipu": "a device that PyTorch itself hardly has",
    "mtia": "likewise",
    "register_backward_hook": "its gradients of inputs differ; see the two tests below",
}


@pytest.mark.torch
@pytest.mark.parametrize(
    ("name", "k"), [(name, k) for name, several in SCENARIOS.items() for k in range(len(several))]
)
def test_module(torch, name, k):
    compare(torch, net, SCENARIOS[name][k])


@pytest.mark.torch
def test_no_method_of_module_is_left_out(torch):
    theirs = {name for name in dir(torch.nn.Module) if not name.startswith("_")}
    theirs.discard("smart_apply")  # transformers puts it there when it is imported
    assert theirs - set(SCENARIOS) == set(NOT_COMPARED)


def test_the_trees_are_compared_with_their_values():
    """Guards the comparison: another value, or another name, is seen."""
    m = net(cr)
    before = described(cr, m)
    with cr.no_grad():
        m.first.bias[0] += 1
    assert described(cr, m) != before
    assert np.isfinite(m.first.bias.detach().numpy()).all()
