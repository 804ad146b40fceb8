"""PyTorch's files of layers, `torch.nn.modules.conv` and its like: the layers, and what model files that were begun as a copy of
such a file import from it besides: its base classes, its small functions, and the names that it imports itself.

>>> from chainrule.redirect.surroundings.layer_files import Conv2d, Optional, _get_clones, _pair, _size_2_t
>>> _get_clones(Conv2d(3, 5, 1), 2)
ModuleList(
  (0-1): 2 x Conv2d(3, 5, kernel_size=(1, 1), stride=(1, 1))
)
"""

from __future__ import annotations

import collections
import copy
import importlib
import itertools
import math
import numbers
import typing
import warnings
from typing import Any

from ... import nn, tensors
from ...nn import functional, init, modules
from ...nn.modules import utils
from . import types

__all__: list[str] = []

OURS = {
    "LazyModuleMixin": "lazy._Lazy",
    "NonDynamicallyQuantizableLinear": "linear.NonDynamicallyQuantizableLinear",
    "UninitializedParameter": "lazy.UninitializedParameter",
    "_ConstantPadNd": "padding._ConstantPad",
    "_IncompatibleKeys": "saving.IncompatibleKeys",
    "_MaxUnpoolNd": "pooling._MaxUnpool",
    "_ReflectionPadNd": "padding._Pad",
    "_ReplicationPadNd": "padding._Pad",
    "_get_activation_fn": "transformer._activation",
    "_get_clones": "transformer._copies",
}
"""Private names of PyTorch's, and where in the room `nn` the same thing stands under a name of ours."""

IMPORTS = {
    "Device": tensors.Device,
    "F": functional,
    "OrderedDict": collections.OrderedDict,
    "Size": tensors.Size,
    "Tensor": tensors.Tensor,
    "abc": collections.abc,
    "chain": itertools.chain,
    "copy": copy,
    "functional": functional,
    "init": init,
    "islice": itertools.islice,
    "math": math,
    "nn": nn,
    "numbers": numbers,
    "warnings": warnings,
}
"""What PyTorch's files have imported."""


def _addindent(text: str, spaces: int) -> str:
    """All lines but the first moved to the right."""
    return text.replace("\n", "\n" + " " * spaces)


def apply_permutation(tensor: tensors.Tensor, permutation: tensors.Tensor, dim: int = 1) -> Any:
    """The entries of an axis in another order."""
    return tensor.index_select(dim, permutation)


_shape_t = int | list[int] | tensors.Size


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if name in OURS:
        place, _, last = OURS[name].rpartition(".")
        return getattr(importlib.import_module(f"chainrule.nn.{place}"), last)
    if name in IMPORTS:
        return IMPORTS[name]
    for there in (modules, utils, types, typing):
        if hasattr(there, name):
            return getattr(there, name)
    raise AttributeError(f"module 'torch.nn.modules' has no attribute {name!r}", name=name)
