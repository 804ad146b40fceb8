"""PyTorch's `torch.ops`: the functions that `torch.library` has registered, as `torch.ops.namespace.name`; in `aten`, the
operators that PyTorch's own functions are written in, each of which is the function of the same name here; and in
`torchvision` those of `torchvision.ops`.
"""

from __future__ import annotations

import functools
from typing import Any

import chainrule

from ...base.errors import ChainruleError
from ...tensors import Tensor
from .library import known


class Operator:
    """An operator of PyTorch's, or with a dot in its name one form of it, `aten.add.Tensor`: a key of tables that say what
    a class does for it, and if there is a function or a method of its name, that.
    """

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, form: str) -> Operator:
        if form.startswith("__") or "." in self._name:
            raise AttributeError(form)
        return operator(f"{self._name}.{form}")

    def __call__(self, *args: Any, **options: Any) -> Any:
        name = self._name.partition(".")[0]
        found = getattr(chainrule, name, None) or getattr(Tensor, name, None)
        if not callable(found):
            raise ChainruleError(
                f"there is no torch.ops.aten.{self._name} here: no function and no method of a tensor has its name\n"
                "  hint: the function that PyTorch documents"
            )
        return found(*args, **options)

    def __repr__(self) -> str:
        return f"<aten.{self._name}>"


@functools.cache
def operator(name: str) -> Operator:
    """The operator of a name, always the same."""
    return Operator(name)


@functools.cache
def _of_torchvision(name: str) -> Any:
    """A function of `torchvision.ops` with the arguments of its operator, in which sizes stand one by one."""
    from ..torchvision import ops

    def roi_align(
        input: Tensor, rois: Tensor, spatial_scale: float, pooled_height: int, pooled_width: int,
        sampling_ratio: int, aligned: bool,
    ) -> Tensor:  # fmt: skip
        size = pooled_height, pooled_width
        return ops.roi_align(input, rois, size, spatial_scale, sampling_ratio, aligned)

    def deform_conv2d(
        input: Tensor, weight: Tensor, offset: Tensor, mask: Tensor, bias: Tensor, stride_h: int, stride_w: int,
        pad_h: int, pad_w: int, dilation_h: int, dilation_w: int, groups: int, offset_groups: int, use_mask: bool,
    ) -> Tensor:  # fmt: skip
        stride, padding, dilation = (stride_h, stride_w), (pad_h, pad_w), (dilation_h, dilation_w)
        modulation = mask if use_mask else None
        return ops.deform_conv2d(input, offset, weight, bias, stride, padding, dilation, modulation)

    functions = {"nms": ops.nms, "roi_align": roi_align, "deform_conv2d": deform_conv2d}
    if name not in functions:
        raise AttributeError(
            f"there is no torch.ops.torchvision.{name} here; there are {', '.join(functions)}, and all of torchvision.ops"
        )
    return functions[name]


class _Namespace:
    """What was registered under one namespace."""

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, name: str) -> Any:
        found = known.get(f"{self._name}::{name}")
        if found is None and self._name == "aten" and not name.startswith("__"):
            return operator(name)
        if found is None and self._name == "torchvision" and not name.startswith("__"):
            return _of_torchvision(name)
        if found is None:
            raise AttributeError(f"no function was registered as {self._name}::{name}")
        return found


def __getattr__(name: str) -> Any:
    """A namespace; one in which nothing is registered, too."""
    if name.startswith("__"):
        raise AttributeError(name)
    return _Namespace(name)
