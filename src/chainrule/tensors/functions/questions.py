"""What a tensor is, and what becomes of dtypes: questions that are answered without computing."""

from __future__ import annotations

from typing import Any

from ...base import dtypes
from ...base.errors import ShapeError
from ...ops.promotion import rank, spec_of

__all__ = [
    "can_cast", "is_complex", "is_conj", "is_floating_point", "is_neg", "is_nonzero",
    "is_same_size", "is_signed", "numel", "promote_types", "result_type",
]  # fmt: skip


def promote_types(type1: Any, type2: Any) -> dtypes.DType:
    """The smallest dtype that two others convert to.

    >>> cr.promote_types(cr.int32, cr.float16)
    chainrule.float16
    """
    return dtypes.join(dtypes.of(type1), dtypes.of(type2))


def result_type(tensor1: Any, tensor2: Any) -> dtypes.DType:
    """The dtype of an arithmetic result of two operands, tensors or numbers.

    >>> cr.result_type(cr.zeros(3, dtype=cr.int64), 1.5)
    chainrule.float32
    """
    found = [spec_of(v) for v in (tensor1, tensor2)]
    return dtypes.promote([(s.dtype, rank(s)) for s in found])


def can_cast(from_: Any, to: Any) -> bool:
    """Whether a result of one dtype may be written into a tensor of another: not from floating to
    integer, nor from numbers to bool.

    >>> cr.can_cast(cr.float64, cr.float16), cr.can_cast(cr.float32, cr.int64)
    (True, False)
    """
    return dtypes.of(from_).category <= dtypes.of(to).category


def is_floating_point(input: Any) -> bool:
    """Whether the elements are floating numbers."""
    return input.dtype.is_floating_point


def is_signed(input: Any) -> bool:
    """Whether the elements may be negative."""
    return input.dtype.is_signed


def is_complex(input: Any) -> bool:
    """False: there are no complex numbers."""
    return False


is_conj = is_neg = is_complex


def is_nonzero(input: Any) -> bool:
    """Whether the only element is not zero."""
    if numel(input) != 1:
        raise ShapeError(f"is_nonzero takes one element, found {numel(input)}")
    return bool(input.item())


def is_same_size(input: Any, other: Any) -> bool:
    """Whether two tensors have one shape."""
    return tuple(input.shape) == tuple(other.shape)


def numel(input: Any) -> int:
    """The number of elements."""
    return input.numel()
