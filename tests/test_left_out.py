"""What is left out is told, and nothing else is missing."""

from __future__ import annotations

import importlib.util
import types
from pathlib import Path

import pytest

import chainrule as cr
from chainrule.base.left_out import LEFT_OUT, why, words_for

ROOT = Path(__file__).parent.parent


def at(root, name):
    """The object at a dotted name, or None."""
    for part in name.split("."):
        if part == "Tensor":
            root = cr.Tensor
            continue
        root = getattr(root, part, None)
        if root is None:
            return None
    return root


def test_what_is_left_out_is_not_there():
    there = [name for reason in LEFT_OUT for name in reason.names if at(cr, name) is not None]
    assert there == []


def test_no_name_is_left_out_for_two_reasons():
    names = [name for reason in LEFT_OUT for name in reason.names]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "module", [cr, cr.nn, cr.nn.functional, cr.linalg, cr.special, cr.autograd, cr.func]
)
def test_a_module_says_what_it_lacks(module):
    match = f"module '{module.__name__}' has no attribute 'no_such_name'"
    with pytest.raises(AttributeError, match=match) as told:
        module.no_such_name  # noqa: B018
    assert told.value.obj is module  # Python looks for the nearest name there
    with pytest.raises(
        AttributeError, match="sparse tensors are left out.*\n  hint: dense tensors"
    ):
        cr.ones(3).to_sparse()
    assert not hasattr(module, "no_such_name")


def test_the_page_has_the_table():
    path = ROOT / "scripts" / "make_torch_page.py"
    spec = importlib.util.spec_from_file_location("make_torch_page", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    text = script.PAGE.read_text(encoding="utf-8")
    assert text == script.page(text), "python scripts/make_torch_page.py"


INTERNAL = ("_", "cudnn_", "miopen_", "mkldnn_", "fbgemm_", "sym_", "Sym", "Script", "autocast_")
"""Beginnings of names that are PyTorch's own affair."""


def public(module):
    """The functions and classes that a module of PyTorch documents."""
    names = getattr(module, "__all__", None) or dir(module)
    for name in names:
        value = getattr(module, name, None)
        if (
            name != "Tensor"
            and not name.startswith(INTERNAL)
            and not isinstance(value, types.ModuleType)
            and value is not None
        ):
            yield name


PLACES = (
    "nn",
    "nn.functional",
    "nn.init",
    "nn.utils.rnn",
    "optim",
    "optim.lr_scheduler",
    "utils.data",
    "distributions",
    "distributions.constraints",
    "autograd",
    "func",
    "linalg",
)


@pytest.mark.parametrize("place", PLACES)
def test_what_pytorch_documents_is_there_or_left_out(torch, place):
    theirs, ours = torch, cr
    for part in place.split("."):
        theirs, ours = getattr(theirs, part), getattr(ours, part)
    lacking = [
        name for name in public(theirs)
        if getattr(theirs, name).__class__ is not type(pytest) and not hasattr(ours, name) and why(f"{place}.{name}") is None
        and str(getattr(getattr(theirs, name), "__module__", "")).startswith("torch")
    ]  # fmt: skip
    assert lacking == []


def test_every_method_of_a_tensor_is_there_or_left_out(torch):
    names = [n for n in dir(torch.Tensor) if not n.startswith("_")]
    assert [n for n in names if not hasattr(cr.Tensor, n) and why(f"Tensor.{n}") is None] == []


def test_words_for_what_nobody_knows():
    assert words_for("no_such_thing") == "there is no torch.no_such_thing here"
