"""Small functions that PyTorch's `nn.functional` has for its own use: model files that began as a copy of its attention or its
norms import them.
"""

from __future__ import annotations

import math
import types
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

from ...base.errors import DTypeError, ShapeError
from ...tensors import Tensor, bool_, zeros_like
from ...tensors.overrides import handle_torch_function, has_torch_function
from ..modules.utils import _list_with_default, _pair, _single, _triple
from .linear import linear

__all__ = [
    "_Reduction", "_canonical_mask", "_get_softmax_dim", "_in_projection", "_in_projection_packed", "_list_with_default",
    "_none_or_dtype", "_pair", "_single", "_triple", "_verify_batch_size", "handle_torch_function", "has_torch_function",
    "has_torch_function_unary", "has_torch_function_variadic",
]  # fmt: skip


def has_torch_function_unary(value: Any) -> bool:
    """Whether one value is of a class with a say in what functions do."""
    return has_torch_function((value,))


def has_torch_function_variadic(*values: Any) -> bool:
    """Whether any of the values is of such a class."""
    return has_torch_function(values)


def _in_projection_packed(
    q: Tensor, k: Tensor, v: Tensor, w: Tensor, b: Tensor | None = None
) -> list[Tensor]:
    """Queries, keys and values by one matrix w (3E, E), whose thirds are the three projections.

    >>> x = ones(2, 3)
    >>> [y.shape for y in _in_projection_packed(x, x, x, ones(9, 3))]
    [chainrule.Size([2, 3]), chainrule.Size([2, 3]), chainrule.Size([2, 3])]
    """
    weights, biases = w.chunk(3), (None,) * 3 if b is None else b.chunk(3)
    return [linear(x, w, b) for x, w, b in zip((q, k, v), weights, biases, strict=True)]


def _in_projection(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    b_q: Tensor | None = None,
    b_k: Tensor | None = None,
    b_v: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values by a matrix (E, size of the input) each.

    Raises:
        ShapeError: a matrix does not fit.
    """
    return linear(q, w_q, b_q), linear(k, w_k, b_k), linear(v, w_v, b_v)


def _canonical_mask(
    mask: Tensor | None,
    mask_name: str,
    other_type: Any,
    other_name: str,
    target_type: Any,
    check_other: bool = True,
) -> Tensor | None:
    """A mask as numbers to add: −∞ where a boolean one is true. Floating masks, and None, are given back as they are.

    >>> _canonical_mask(tensor([True, False]), "mask", None, "", float32)
    tensor([-inf, 0.])
    """
    if mask is None:
        return None
    if mask.dtype != bool_ and not mask.dtype.is_floating_point:
        raise DTypeError(
            f"only bool and floating types of {mask_name} are supported, found {mask.dtype}"
        )
    if check_other and other_type not in (None, mask.dtype):
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for both instead.",
            stacklevel=2,
        )
    if mask.dtype.is_floating_point:
        return mask
    return zeros_like(mask, dtype=target_type).masked_fill_(mask, -math.inf)


def _none_or_dtype(input: Tensor | None) -> Any:
    """The dtype, None of None."""
    return None if input is None else input.dtype


def _verify_batch_size(size: Sequence[int]) -> None:
    """Refuse sizes (batch, channels, …) with one value per channel, whose variance says nothing."""
    if math.prod(size[:1]) * math.prod(size[2:]) == 1:
        raise ShapeError(
            f"Expected more than 1 value per channel when training, got input size {size}"
        )


def _get_softmax_dim(name: str, ndim: int, stacklevel: int) -> int:
    """The axis that PyTorch takes where none is given, with its warning."""
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if ndim in (0, 1, 3) else 1


class _Reduction(types.SimpleNamespace):
    """How PyTorch numbers what becomes of a loss's elements, and what its older two arguments mean."""

    @staticmethod
    def get_enum(reduction: str) -> int:
        """0 for "none", 1 for "mean", 2 for "sum"."""
        names: Iterable[str] = ("none", "mean", "sum")
        if reduction not in names:
            raise ValueError(f"{reduction} is not a valid value for reduction")
        return list(names).index(reduction)

    @staticmethod
    def legacy_get_string(
        size_average: bool | None, reduce: bool | None, emit_warning: bool = True
    ) -> str:
        """ "none" unless `reduce`; then "mean", or "sum" if not `size_average`. None stands for True."""
        name = "none" if reduce is False else "sum" if size_average is False else "mean"
        if emit_warning:
            warnings.warn(
                f"size_average and reduce args will be deprecated, please use reduction='{name}' instead.",
                stacklevel=2,
            )
        return name

    @classmethod
    def legacy_get_enum(
        cls, size_average: bool | None, reduce: bool | None, emit_warning: bool = True
    ) -> int:
        """The number of what the older two arguments mean."""
        return cls.get_enum(cls.legacy_get_string(size_average, reduce, emit_warning))
