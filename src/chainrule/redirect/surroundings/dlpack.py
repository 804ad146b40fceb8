"""PyTorch's `torch.utils.dlpack`: memory that libraries share."""

from __future__ import annotations

from ...tensors import Tensor, from_dlpack

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(tensor: Tensor) -> Tensor:
    """What another library's `from_dlpack` takes: the tensor itself, which knows the protocol. (PyTorch gives out
    a capsule, which can be used once.)

    >>> import numpy as np
    >>> np.from_dlpack(to_dlpack(Tensor([1.0, 2.0])))
    array([1., 2.], dtype=float32)
    """
    return tensor.detach()
