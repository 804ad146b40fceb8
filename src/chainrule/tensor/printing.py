"""How a tensor prints: as in PyTorch, with the op it came from."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base import dtypes

__all__ = ["text"]


def text(x: Any) -> str:
    """`tensor([...], dtype=…, requires_grad=True)`; the dtype is named where it is not the usual one."""
    v = x._value
    if not isinstance(v, np.ndarray):
        return f"tensor(<traced>, shape={tuple(x.shape)}, dtype={x.dtype!r})"
    if v.dtype == dtypes.BF16_BITS:
        v = dtypes.float32_from_bits(v)
    body = np.array2string(v, separator=", ", prefix="tensor(", precision=4, threshold=1000, edgeitems=3, floatmode="maxprec_equal") if v.size else "[]"
    if v.ndim == 0:
        body = _scalar(v)
    notes = []
    if v.size == 0 and x.shape != (0,):
        notes.append(f"size={tuple(x.shape)}")
    if x.dtype not in (dtypes.default(), dtypes.int64, dtypes.bool_):
        notes.append(f"dtype={x.dtype!r}")
    if x.grad_fn is not None:
        notes.append(f"grad_fn=<{x.grad_fn.name}>")
    elif x.requires_grad:
        notes.append("requires_grad=True")
    return f"tensor({', '.join([body, *notes])})"


def _scalar(v: np.ndarray) -> str:
    if v.dtype.kind != "f":
        return str(v.item())
    one = np.array2string(v.reshape(1), precision=4, floatmode="maxprec_equal")
    return one.strip("[] ")
