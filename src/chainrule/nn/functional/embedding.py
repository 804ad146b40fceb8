"""Rows of a table, and the opposite: one-hot rows."""

from __future__ import annotations

from ... import ops
from ...tape.modes import no_grad
from ...tensors import Tensor, arange, bool_, int64, zeros
from .loss import check_classes

__all__ = [
    "embedding", "one_hot",
]  # fmt: skip


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Rows of a table,  y[…] = weight[x[…]].

    Args:
        input: x (*), integers in [0, V).
        weight: the table (V, C).
        padding_idx: a row that receives no gradient; negative counts from the end.
        max_norm: rows used that are longer are shortened to this first, in the table.
        norm_type: the p of that norm.
        scale_grad_by_freq: refused when true.
        sparse: refused when true.

    Raises:
        RangeError: an index outside the table.
        NotImplementedError: ``sparse`` or ``scale_grad_by_freq``.

    Example:
        >>> F.embedding(tensor([1, 1]), tensor([[1.0], [2.0]]))
        tensor([[2.],
                [2.]])
    """
    refuse_sparse(scale_grad_by_freq, sparse)
    if padding_idx is not None:
        rows = weight.shape[0]
        if not -rows <= padding_idx < rows:
            raise ValueError(
                f"padding_idx must be within num_embeddings: {padding_idx} is not in [{-rows}, {rows})"
            )
        padding_idx %= rows
    if max_norm is not None:
        _shorten_rows(weight, input, max_norm, norm_type)
    return ops.embedding(weight, input, padding=padding_idx)


def refuse_sparse(scale_grad_by_freq: bool, sparse: bool) -> None:
    """Refuse the options that only sparse gradients would need."""
    if sparse:
        raise NotImplementedError(
            "embedding: sparse=True is not built; the gradient is dense and deterministic"
        )
    if scale_grad_by_freq:
        raise NotImplementedError(
            "embedding: scale_grad_by_freq=True is not built; scale the gradient in a hook"
        )


def _shorten_rows(weight: Tensor, used: Tensor, max_norm: float, p: float) -> None:
    """Scale the rows of the table that are used and longer than ``max_norm`` down to it, in
    place.
    """
    with no_grad():
        length = weight.norm(p, dim=1)
        long = zeros(weight.shape[0], dtype=bool_)
        long[used] = True
        long = long & (length > max_norm)
        weight.mul_((max_norm / (length + 1e-7)).masked_fill(~long, 1.0).unsqueeze(1))


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """1 at the place each integer names, 0 elsewhere: (*) → (*, num_classes), int64.

    Args:
        tensor: integers in [0, num_classes).
        num_classes: −1 takes the largest integer plus one, which must look at the values.

    Raises:
        RangeError: an integer that is no class.

    Example:
        >>> F.one_hot(cr.tensor([0, 2]))
        tensor([[1, 0, 0],
                [0, 0, 1]])
    """
    if num_classes == -1:
        if tensor.numel() == 0:
            raise ValueError("Can not infer total number of classes from empty tensor.")
        num_classes = int(tensor.max().item()) + 1
    if num_classes < 1:
        raise ValueError(f"num_classes should be positive, got {num_classes}")
    check_classes("one_hot", tensor, num_classes)
    return (tensor.unsqueeze(-1) == arange(num_classes)).to(int64)
