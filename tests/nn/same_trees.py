"""The same little trees of modules in both libraries, and how what is done to them is compared.

A scenario is a function of the library and a fresh tree. What it returns is described in words that know neither library; an error is
described by the builtin class that PyTorch's is of.
"""

import warnings
from collections import OrderedDict

import chainrule as cr


def described(T, x):
    """A value in words that know neither library."""
    if isinstance(x, T.Tensor):
        kind = "Parameter" if isinstance(x, T.nn.Parameter) else "Tensor"
        return (
            kind,
            str(x.dtype).split(".")[-1],
            tuple(x.shape),
            x.detach().tolist(),
            x.requires_grad,
        )
    if isinstance(x, T.nn.Module):
        return words(x), described(T, dict(x.named_parameters(remove_duplicate=False)))
    if isinstance(x, dict):
        return [(k, described(T, v)) for k, v in x.items()]
    if (
        isinstance(x, (list, tuple))
        or hasattr(x, "__next__")
        or type(x).__name__.startswith(("dict_", "odict_"))
    ):
        return [described(T, v) for v in x]
    assert x is None or isinstance(x, (int, float, str, bool, set)), type(x)
    return x


def words(module):
    """What a module prints; PyTorch names a dtype in two ways."""
    return (
        repr(module)
        .replace("torch.FloatTensor", "float32")
        .replace("torch.", "")
        .replace("chainrule.", "")
    )


def outcome(T, scenario, tree):
    """What a scenario returned, or the error it raised; and the tree afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = described(T, scenario(T, tree))
        except Exception as e:
            found = e
        return found, described(T, tree)


OTHER_ERRORS = {AttributeError: (KeyError,), ValueError: (TypeError,)}
"""What ours may be in place of PyTorch's: a missing key of a ParameterDict, a module that is none."""


def compare(torch, make, scenario):
    (a, tree_a), (b, tree_b) = (outcome(T, scenario, make(T)) for T in (cr, torch))
    if isinstance(b, Exception):
        kinds = (type(b), *OTHER_ERRORS.get(type(b), ()))
        assert isinstance(a, kinds), f"{a!r}, PyTorch: {b!r}"
    else:
        assert a == b
    assert tree_a == tree_b


def filled(T, module):
    """The module with parameters that are the same in both libraries: halves, so that sums are exact."""
    with T.no_grad():
        for k, p in enumerate(module.parameters()):
            p.copy_(((T.arange(p.numel()) + k) % 3 - 1.0).reshape(tuple(p.shape)) / 2)
    return module


def net(T):
    """A tree with a tied module, buffers of both kinds, an empty place of each kind, and a setting of its own."""

    class Net(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = T.nn.Linear(3, 5)
            self.body = T.nn.Sequential(T.nn.Linear(5, 5), T.nn.ReLU(), T.nn.Linear(5, 2))
            self.again = self.body[0]
            self.register_buffer("count", T.tensor([1, 2]))
            self.register_buffer("table", T.ones(2), persistent=False)
            self.register_buffer("nothing", None)
            self.register_parameter("gone", None)
            self.register_module("absent", None)
            self.width = 5

        def forward(self, x):
            return self.body(self.again(self.first(x)))

    return filled(T, Net())


def other(T, m):
    """A state dict that fits the tree, with other values."""
    return OrderedDict((k, v + 1) for k, v in m.state_dict().items())


def without(d, *keys):
    return OrderedDict((k, v) for k, v in d.items() if k not in keys)


def loaded(T, m, state, **options):
    found = m.load_state_dict(state, **options)
    return [*found, m.state_dict()]


def ran(T, m, x=None):
    """The result of a call, and the gradients of the input and of every parameter."""
    x = (T.arange(6.0).reshape(2, 3) / 4).requires_grad_() if x is None else x
    y = m(x)
    (y * y).sum().backward()
    return [y, x.grad, *[p.grad for p in m.parameters()]]
