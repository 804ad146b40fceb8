"""Rows of a table, alone or taken together in bags, and the opposite: one-hot rows."""

from __future__ import annotations

from ... import functional as fn
from ... import ops
from ...base.errors import ArgumentError, ShapeError
from ...tape.modes import no_grad
from ...tensors import Tensor, arange, bool_, int64, zeros
from .loss import check_classes

__all__ = [
    "embedding", "embedding_bag", "one_hot",
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
        scale_grad_by_freq: whether the gradient of a row is divided by how often it was taken.
        sparse: refused when true: the gradient is dense.

    Raises:
        RangeError: an index outside the table.
        NotImplementedError: ``sparse``.

    Example:
        >>> F.embedding(tensor([1, 1]), tensor([[1.0], [2.0]]))
        tensor([[2.],
                [2.]])
    """
    refuse_sparse(sparse)
    padding_idx = _row(padding_idx, weight.shape[0])
    if max_norm is not None:
        _shorten_rows(weight, input, max_norm, norm_type)
    return ops.embedding(weight, input, padding=padding_idx, by_frequency=scale_grad_by_freq)


def _row(index: int | None, rows: int) -> int | None:
    """The index of a row counted from the front."""
    if index is None:
        return None
    if not -rows <= index < rows:
        raise ArgumentError(
            f"padding_idx must be within num_embeddings: {index} is not in [{-rows}, {rows})"
        )
    return index % rows


def refuse_sparse(sparse: bool) -> None:
    """Refuse gradients that hold the rows that were used and no others."""
    if sparse:
        raise NotImplementedError(
            "embedding: sparse=True is not built; the gradient is dense and deterministic"
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


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Rows of a table summed, averaged or maximised over bags of indices.

    Args:
        input: (B, N), a bag in each row; or (N,), bags one after another, which begin at ``offsets``.
        weight: the table (V, C).
        offsets: (B,), where each bag of a one-dimensional input begins; the first is 0.
        max_norm: rows used that are longer are shortened to this first, in the table.
        norm_type: the p of that norm.
        scale_grad_by_freq: whether the gradient of a row is divided by how often it was taken; not
            with "max".
        mode: "sum", "mean" or "max".
        sparse: refused when true: the gradient is dense.
        per_sample_weights: a factor for each index, in the shape of the input; with "sum" only.
        include_last_offset: whether ``offsets`` has one element more, the length of the input.
        padding_idx: a row that counts for nothing; negative counts from the end.

    Returns:
        (B, C); 0 for an empty bag.

    Example:
        >>> F.embedding_bag(tensor([0, 1, 1]), tensor([[1.0], [4.0]]), tensor([0, 2]), mode="sum")
        tensor([[5.],
                [4.]])
    """
    refuse_sparse(sparse)
    _check_bags(input, weight, offsets, mode, scale_grad_by_freq, per_sample_weights)
    padding_idx = _row(padding_idx, weight.shape[0])
    if max_norm is not None:
        _shorten_rows(weight, input, max_norm, norm_type)
    rows = ops.embedding(weight, input, padding=None, by_frequency=scale_grad_by_freq)
    kept = None if padding_idx is None else input != padding_idx
    if offsets is None:
        return fn.reduce_bags(rows, per_sample_weights, kept, mode=mode)
    starts = offsets[:-1] if include_last_offset else offsets
    if mode == "max":
        return fn.max_bags(rows, starts, kept)
    return fn.sum_bags(rows, starts, per_sample_weights, kept, mean=mode == "mean")


def _check_bags(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None,
    mode: str,
    scale_grad_by_freq: bool,
    per_sample_weights: Tensor | None,
) -> None:
    if weight.ndim != 2:
        raise ShapeError(f"embedding_bag: weight has to be 2-d, found shape {tuple(weight.shape)}")
    if input.ndim not in (1, 2):
        raise ShapeError(
            f"embedding_bag: input has to be 1-d or 2-d, found shape {tuple(input.shape)}"
        )
    if (offsets is None) == (input.ndim == 1) or (offsets is not None and offsets.ndim != 1):
        raise ShapeError(
            "embedding_bag: a 1-d input needs 1-d offsets, a 2-d input, whose rows are the bags, none"
        )
    if mode not in ("sum", "mean", "max"):
        raise ArgumentError(
            f"embedding_bag: mode has to be one of sum, mean or max, found {mode!r}"
        )
    if mode == "max" and scale_grad_by_freq:
        raise ArgumentError("max mode does not support scaling the gradient by the frequency")
    if per_sample_weights is not None:
        if mode != "sum":
            raise NotImplementedError(
                "embedding_bag: per_sample_weights is only supported for mode='sum' "
                f"(got mode={mode!r}); multiply the embeddings yourself"
            )
        if tuple(per_sample_weights.shape) != tuple(input.shape):
            raise ShapeError(
                "embedding_bag: per_sample_weights must have the shape of the input, "
                f"{tuple(input.shape)}, found {tuple(per_sample_weights.shape)}"
            )


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
            raise ArgumentError("Can not infer total number of classes from empty tensor.")
        num_classes = int(tensor.max().item()) + 1
    if num_classes < 1:
        raise ArgumentError(f"num_classes should be positive, got {num_classes}")
    check_classes("one_hot", tensor, num_classes)
    return (tensor.unsqueeze(-1) == arange(num_classes)).to(int64)
