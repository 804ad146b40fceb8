"""Mixed precision for what is put together of several ops: in which dtype autocast has its operands
(see `ops.precision` for the ops themselves). Without autocast operands stay as they are.
"""

from __future__ import annotations

from typing import Any

from ... import ops
from ...base import dtypes
from ...base.modes import modes

__all__ = ["beside", "in_float32"]


def beside(x: Any, product: Any) -> Any:
    """What is added to a product that autocast has lowered: in its dtype."""
    lowered = modes.autocast is not None and product.dtype is modes.autocast
    return ops.cast(x, dtype=product.dtype) if lowered else x


def in_float32(*xs: Any) -> tuple:
    """Operands of what autocast computes in float32: half floats are converted."""
    if modes.autocast is None:
        return xs
    halves = (dtypes.bfloat16, dtypes.float16)
    return tuple([ops.cast(x, dtype=dtypes.float32) if x.dtype in halves else x for x in xs])
