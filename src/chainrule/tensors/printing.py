"""How a tensor prints: as in PyTorch, with the op it came from."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base import dtypes

__all__ = ["text"]


def text(x: Any) -> str:
    """`tensor([...], dtype=…, requires_grad=True)`; the dtype is named where it is not the usual
    one.
    """
    v = x._value
    if not isinstance(v, np.ndarray):
        return f"tensor(<traced>, shape={tuple(x.shape)}, dtype={x.dtype!r})"
    if v.dtype == dtypes.BF16_BITS:
        v = dtypes.float32_from_bits(v)
    if v.dtype.kind == "f" and v.size:
        one = _float_format(v)
        width = max([len(one(n)) for n in _shown(v)])
        body = one(v.item()) if v.ndim == 0 else np.array2string(
            v, separator=", ", prefix="tensor(", threshold=1000, edgeitems=3, formatter={"float_kind": lambda n: one(n).rjust(width)}
        )  # fmt: skip
    else:
        body = (
            np.array2string(v, separator=", ", prefix="tensor(", threshold=1000, edgeitems=3)
            if v.size
            else "[]"
        )
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


def _shown(v: np.ndarray) -> list[float]:
    """The elements that will be printed, as floats: all of them, or the edges of a large tensor."""
    if v.size > 1000:
        for axis in range(v.ndim):
            if v.shape[axis] > 6:
                v = np.take(v, [0, 1, 2, -3, -2, -1], axis)
    return v.reshape(-1).tolist()


def _float_format(v: np.ndarray) -> Any:
    """PyTorch's choice: `1.` if all are whole, else four decimals, or scientific where those
    would hide something.
    """
    sizes = [abs(n) for n in _shown(v) if np.isfinite(n) and n != 0]
    whole = all([n == int(n) for n in sizes])
    wide = bool(sizes) and (
        max(sizes) / min(sizes) > 1000 or max(sizes) > 1e8 or (not whole and min(sizes) < 1e-4)
    )
    how = "{:.4e}" if wide else "{:.0f}." if whole else "{:.4f}"
    return lambda n: how.format(n) if np.isfinite(n) else str(n)
