"""PyTorch's `torch._tensor_str`: how tensors print, for programs that write them into texts of their own.

>>> import chainrule as cr
>>> print(_tensor_str(cr.ones(2, 3), indent=0))
[[1., 1., 1.],
 [1., 1., 1.]]
"""

from __future__ import annotations

from typing import Any

from ...tensors import Tensor
from ...tensors.printing import numbers, options, set_printoptions

__all__ = ["PRINT_OPTS", "set_printoptions"]

PRINT_OPTS = options


def _tensor_str(self: Tensor, indent: int) -> Any:
    """The numbers of a tensor in brackets, all lines but the first moved to the right."""
    return numbers(self.read(), " " * indent)
