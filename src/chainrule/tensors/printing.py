"""How a tensor prints: as in PyTorch, with the op it came from."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base import dtypes
from ..base.errors import ArgumentError
from ..ops.outline import Outline

__all__ = ["numbers", "set_printoptions", "text"]


class Options:
    """How numbers are shown; see `set_printoptions`."""

    precision: int = 4
    threshold: int = 1000
    edgeitems: int = 3
    linewidth: int = 75
    sci_mode: bool | None = None


options = Options()
PROFILES = {"default": (4, 1000, 3), "short": (2, 1000, 2), "full": (4, 2**63 - 1, 3)}
"""(precision, threshold, edgeitems) by name."""


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Say how tensors print from now on; what is None stays as it is.

    Args:
        precision: decimals, 4 at first.
        threshold: how many elements are shown in full, 1000 at first; of larger tensors the edges.
        edgeitems: how many elements an edge has, 3 at first.
        linewidth: characters in a line.
        profile: "default", "short" or "full": several of these at once.
        sci_mode: whether numbers are written with powers of ten; None: where they would else be hidden.

    Raises:
        ArgumentError: an unknown profile.
    """
    if profile is not None:
        if profile not in PROFILES:
            raise ArgumentError(f"profile is one of {', '.join(PROFILES)}, found {profile!r}")
        options.precision, options.threshold, options.edgeitems = PROFILES[profile]
    if precision is not None:
        options.precision = precision
    if threshold is not None:
        options.threshold = int(min(threshold, 2**63 - 1))
    if edgeitems is not None:
        options.edgeitems = edgeitems
    if linewidth is not None:
        options.linewidth = linewidth
    options.sci_mode = sci_mode


def text(x: Any) -> str:
    """`tensor([...], dtype=…, requires_grad=True)`, or a derived class's name; the dtype is named where it is
    not the usual one.
    """
    v = x._value
    if v.__class__ is Outline:
        notes = ["device='meta'", f"size={tuple(x.shape)}"]
        return f"{x._called}(..., {', '.join([*notes, *_notes(x)])})"
    if not isinstance(v, np.ndarray):
        return f"tensor(<traced>, shape={tuple(x.shape)}, dtype={x.dtype!r})"
    notes = [f"size={tuple(x.shape)}"] if v.size == 0 and x.shape != (0,) else []
    return f"{x._called}({', '.join([numbers(v, f'{x._called}('), *notes, *_notes(x)])})"


def numbers(v: np.ndarray, before: str) -> str:
    """The elements of a raw array in brackets, of a large one the edges; lines are moved to the right by what stands before."""
    if v.dtype == dtypes.BF16_BITS:
        v = dtypes.float32_from_bits(v)
    if v.size == 0:
        return "[]"
    if v.dtype.kind != "f":
        return _array(v, None, before)
    one = _float_format(v)
    width = max([len(one(n)) for n in _shown(v)])
    return one(v.item()) if v.ndim == 0 else _array(v, lambda n: one(n).rjust(width), before)


def _notes(x: Any) -> list[str]:
    """What is said of a tensor beside its values."""
    notes = []
    seen = () if x.is_meta else (dtypes.int64, dtypes.bool_)  # the values show which it is
    if x.dtype not in (dtypes.default(), *seen):
        notes.append(f"dtype={x.dtype!r}")
    if x.grad_fn is not None:
        notes.append(f"grad_fn=<{x.grad_fn.name}>")
    elif x.requires_grad:
        notes.append("requires_grad=True")
    return notes


def _array(v: np.ndarray, one: Any, before: str) -> str:
    """Nested lists of the elements, or of the edges of a large array."""
    return np.array2string(
        v,
        max_line_width=options.linewidth,
        separator=", ",
        prefix=before,
        threshold=options.threshold,
        edgeitems=options.edgeitems,
        formatter=None if one is None else {"float_kind": one},
    )


def _shown(v: np.ndarray) -> list[float]:
    """The elements that will be printed, as floats: all of them, or the edges of a large tensor."""
    if v.size > options.threshold:
        edge = options.edgeitems
        for axis in range(v.ndim):
            if v.shape[axis] > 2 * edge:
                v = np.take(v, [*range(edge), *range(-edge, 0)], axis)
    return v.reshape(-1).tolist()


def _float_format(v: np.ndarray) -> Any:
    """PyTorch's choice: `1.` if all are whole, else some decimals, or scientific where those
    would hide something.
    """
    sizes = [abs(n) for n in _shown(v) if np.isfinite(n) and n != 0]
    whole = all([n == int(n) for n in sizes])
    wide = bool(sizes) and (
        max(sizes) / min(sizes) > 1000 or max(sizes) > 1e8 or (not whole and min(sizes) < 1e-4)
    )
    if options.sci_mode is not None:
        wide = options.sci_mode
    p = options.precision
    how = f"{{:.{p}e}}" if wide else "{:.0f}." if whole else f"{{:.{p}f}}"
    return lambda n: how.format(n) if np.isfinite(n) else str(n)
