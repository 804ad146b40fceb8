"""Classes derived from Tensor: what ops make of them, and what they have to say in ops."""

from __future__ import annotations

import copy
import functools
import pickle

import pytest

import chainrule as cr
from chainrule import nn
from chainrule.tensors.overrides import (
    disabled_torch_function,
    handle_torch_function,
    has_torch_function,
)


@pytest.fixture(autouse=True)
def _dispatch(monkeypatch):
    """Dispatch as it was before a class was derived, for the tests behind these."""
    from chainrule.ops.record import READERS
    from chainrule.tensors import operators

    monkeypatch.setattr(operators, "record", operators.record)
    before = dict(READERS)
    yield
    READERS.clear()
    READERS.update(before)


def test_what_ops_give_is_of_the_class():
    class Kept(cr.Tensor):
        pass

    class Further(Kept):
        pass

    x = cr.arange(6.0).view(2, 3)
    y = x.as_subclass(Kept)
    for made in (
        y * 2, 2 * y, x + y, y @ y.T, y[0], y.view(-1), y.sum(), y.max(0).values, y.unbind(0)[1], cr.cat([x, y]), y.detach(),
        y.double(), nn.functional.softmax(y, -1), nn.Linear(3, 5)(y),
    ):  # fmt: skip
        assert type(made) is Kept
    assert type(y + x.as_subclass(Further)) is Further
    assert type(x * 2) is cr.Tensor and type(x) is cr.Tensor
    y.add_(1)
    assert x[0, 0] == 1  # the same memory
    assert repr(y[0]) == "Kept([1., 2., 3.])"
    assert type(copy.deepcopy(y)) is Kept


def test_gradients_go_through_the_change_of_class():
    class Kept(cr.Tensor):
        pass

    w = cr.ones(3, requires_grad=True)
    y = w.as_subclass(Kept)
    (y * cr.tensor([2.0, 3.0, 5.0])).sum().backward()
    assert w.grad.tolist() == [2, 3, 5] and not y.is_leaf
    leaf = cr.Tensor._make_subclass(Kept, w, True)
    (leaf * 7).sum().backward()
    assert leaf.is_leaf and leaf.grad.tolist() == [7, 7, 7] and w.grad.tolist() == [2, 3, 5]


def test_a_class_may_have_a_say():
    seen = []

    class Watching(cr.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            seen.append((func.__name__, types))
            return super().__torch_function__(func, types, args, kwargs or {})

    class Silent(cr.Tensor):
        __torch_function__ = disabled_torch_function

    class Mute(cr.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return NotImplemented

    x = cr.ones(3)
    y = cr.exp(x.as_subclass(Watching)).softmax(0)  # a composite is asked for once
    assert type(y) is Watching and seen == [("exp", (Watching,)), ("softmax", (Watching,))]
    assert type(x.as_subclass(Silent) + 1) is cr.Tensor
    assert has_torch_function((x, y)) and not has_torch_function((x, nn.Parameter(x), 1, None))
    assert type(handle_torch_function(cr.add, (y,), y, y)) is Watching
    with pytest.raises(TypeError, match="no __torch_function__ of Mute has an answer for mul"):
        x.as_subclass(Mute) * 2


def test_classes_are_made_by_new():
    class Labelled(cr.Tensor):
        @staticmethod
        def __new__(cls, data, label, **options):
            return super().__new__(cls, data, **options)

        def __init__(self, data, label):
            self.label = label

    class Tagged(nn.Parameter):
        def __new__(cls, data=None, requires_grad=True, tag=None):
            new = cr.Tensor._make_subclass(cls, data, requires_grad)
            new.tag = tag
            return new

    x = Labelled([1.0, 2.0], "lengths")
    assert x.label == "lengths" and x.tolist() == [1, 2] and type(x + 1) is Labelled
    net = nn.Module()
    net.weight = Tagged(cr.ones(2), tag=3)
    assert [p.tag for p in net.parameters()] == [3] and type(net.weight * 2) is cr.Tensor


def test_what_is_no_derived_class_is_refused():
    with pytest.raises(TypeError, match="a class derived from Tensor, found <class 'int'>"):
        cr.ones(3).as_subclass(int)
    with pytest.raises(cr.ChainruleError, match="_make_subclass"):
        cr.Tensor._make_wrapper_subclass(cr.Tensor, (2, 3))


def test_the_dictionary_of_a_tensor_holds_what_was_hung_on_it():
    class Documented:  # whose own `__dict__` comes first
        @property
        def meta(self):
            return self.__dict__.setdefault("_meta", {})

    class Image(Documented, cr.Tensor):
        @functools.cached_property
        def pixels(self):
            return self.numel()

    x = cr.arange(6.0).view(2, 3).as_subclass(Image)
    assert vars(x) == {} and len(vars(x)) == 0
    x.spacing = 0.5
    x.meta["path"] = "scan"
    assert x.pixels == 6 and dict(vars(x)) == {
        "spacing": 0.5,
        "_meta": {"path": "scan"},
        "pixels": 6,
    }
    assert (
        "spacing" in dir(x) and "_value" not in vars(x) and repr(vars(x)).startswith("{'spacing'")
    )
    y = x[0] * 10
    assert vars(y) == {}  # what ops give has nothing hung on it
    y.other = 1
    y.__dict__.update(x.__dict__)  # as MONAI
    assert y.tolist() == [0, 10, 20] and y.spacing == 0.5 and y.other == 1
    y.__dict__ = x.__dict__  # as fastai
    assert y.tolist() == [0, 10, 20] and not hasattr(y, "other")
    del y.__dict__["spacing"]
    assert not hasattr(y, "spacing") and x.spacing == 0.5
    with pytest.raises(KeyError, match="part of what a tensor is"):
        vars(x)["_value"] = 3
    for forbidden in (lambda: vars(x)["_value"], lambda: vars(x).pop("_value")):
        with pytest.raises(KeyError):
            forbidden()


def test_copies_keep_what_was_hung_on_a_tensor():
    x, p = cr.tensor([2.0, 3.0]), nn.Parameter(cr.ones(2))
    x.names = p.names = ["a"]
    for made, same, shares in (
        (copy.copy(x), True, True), (copy.deepcopy(x), False, False), (pickle.loads(pickle.dumps(x)), False, False),
        (copy.copy(p), True, True),
    ):  # fmt: skip
        assert made.names == ["a"] and (made.names is x.names) == same
        whole = p if isinstance(made, nn.Parameter) else x
        assert type(made) is type(whole) and made.requires_grad == whole.requires_grad
        made.detach()[0] = 7
        assert (whole[0] == 7) == shares
        whole.detach()[0] = 2
    assert not hasattr(copy.deepcopy(p), "names")  # as in PyTorch
    assert copy.copy(vars(x)) == copy.deepcopy(vars(x)) == {"names": ["a"]}


def test_parameters_are_made_without_memory_as_accelerate_makes_them(monkeypatch):
    """Its `init_empty_weights` replaces register_parameter, and makes each parameter anew of what hangs on it."""
    register = cr.nn.Module.register_parameter

    def register_empty(module, name, param):
        register(module, name, param)
        if param is not None:
            kind, options = type(module._parameters[name]), module._parameters[name].__dict__
            options["requires_grad"] = param.requires_grad
            module._parameters[name] = kind(module._parameters[name].to("meta"), **options)

    monkeypatch.setattr(cr.nn.Module, "register_parameter", register_empty)
    layer = cr.nn.Linear(3, 5)
    frozen = cr.nn.Module()
    frozen.scale = cr.nn.Parameter(cr.ones(2), requires_grad=False)
    assert all(p.is_meta for p in (*layer.parameters(), *frozen.parameters()))
    assert [p.requires_grad for p in (layer.weight, frozen.scale)] == [True, False]
    monkeypatch.undo()
    layer.load_state_dict({"weight": cr.ones(5, 3), "bias": cr.ones(5)}, assign=True)
    assert layer(cr.ones(1, 3)).tolist() == [[4.0] * 5]
