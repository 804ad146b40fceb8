"""What PyTorch's losses do with their arguments first: its older way to say what becomes of the losses of the elements, and
operands of several dtypes.
"""

from __future__ import annotations

import warnings
from typing import Any

from ....base import dtypes
from ....tensors import Tensor

__all__ = ["in_one_dtype", "reduction_of"]


def in_one_dtype(*operands: Any, integers: bool = False) -> list[Any]:
    """Floating tensors in the dtype that they promote to, and integers beside them if asked; anything else stays as it is."""

    def concerned(x: Any) -> bool:
        return isinstance(x, Tensor) and (integers or x.is_floating_point())

    found = [(x.dtype, dtypes.AXES if x.ndim else dtypes.ZERO_D) for x in operands if concerned(x)]
    if len({dtype for dtype, _ in found}) < 2:
        return list(operands)
    common = dtypes.promote(found)
    return [x.to(common) if concerned(x) else x for x in operands]


def reduction_of(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction that the deprecated ``size_average`` and ``reduce`` stand for where one of them
    is given: "none" if not ``reduce``, else "mean" or, if not ``size_average``, "sum".

    Raises:
        TypeError: one of them is neither a bool nor None: an argument stands in its place.
    """
    if size_average is None and reduce is None:
        return reduction
    for name, value in (("size_average", size_average), ("reduce", reduce)):
        if value is not None and not isinstance(value, bool):
            found = f"a tensor {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
            raise TypeError(
                f"{name} must be True, False or None, found {found}; it is deprecated and stands "
                "before other arguments, which are better given by name\n"
                "  hint: a loss of the layers is made first and then called: nn.MSELoss()(input, target)"
            )
    mean = size_average is None or size_average
    meant = "none" if reduce is False else "mean" if mean else "sum"
    warnings.warn(
        f"size_average and reduce are deprecated, write reduction={meant!r} instead", stacklevel=3
    )
    return meant
