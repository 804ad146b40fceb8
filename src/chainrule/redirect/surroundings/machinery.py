"""PyTorch's `torch._C`, `torch._C._functorch`, `torch._VF`, `torch.functional`, `torch._utils` and `torch._tensor`: what model files
take from its machinery.

Functions are found under their public names; classes that stand for PyTorch's own values can be imported and not made.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from ... import nn, tensors
from ...nn import functional
from ...tensors import Generator, Size, Tensor, cat
from ...tensors.overrides import disabled_torch_function
from . import kernels
from .absent import absent

__all__: list[str] = []

TensorBase = _TensorBase = Tensor
_disabled_torch_function_impl = disabled_torch_function
default_generator = tensors.default_generator
_nn = kernels
F = functional  # which `torch.functional` has as well, and programs import from there


def _log_api_usage_once(event: str) -> None:
    """Without effect: nothing is counted."""


def _get_tracing_state() -> None:
    """None: there is no trace of TorchScript's."""


def _jit_set_profiling_mode(on: bool) -> bool:
    """Without effect: there is no such compiler."""
    return False


_jit_set_profiling_executor = _jit_set_texpr_fuser_enabled = _jit_set_profiling_mode
_jit_override_can_fuse_on_cpu = _jit_override_can_fuse_on_gpu = _jit_set_profiling_mode


def _infer_size(one: Sequence[int], other: Sequence[int]) -> Size:
    """The shape to which both broadcast."""
    return tensors.broadcast_shapes(one, other)


def _flatten_dense_tensors(tensors: Sequence[Tensor]) -> Tensor:
    """The elements of all tensors, one after the other."""
    return cat([t.reshape(-1) for t in tensors])


def _unflatten_dense_tensors(flat: Tensor, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """A flat tensor cut into tensors of the sizes of others."""
    parts = flat.split([t.numel() for t in tensors])
    return tuple([part.view(t.shape) for part, t in zip(parts, tensors, strict=True)])


def _get_device_index(device: Any, optional: bool = False, allow_cpu: bool = False) -> int:
    """−1: the CPU has no number."""
    return -1


def is_gradtrackingtensor(tensor: Tensor) -> bool:
    """False: `func.grad` and its like put no other tensor around one."""
    return False


_functorch = sys.modules[__name__]


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    for there in (tensors, functional, nn):
        if hasattr(there, name):
            return getattr(there, name)
    return absent(f"_C.{name}")


__all__ += ["Generator"]
