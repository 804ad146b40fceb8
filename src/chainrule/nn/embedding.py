"""Embedding: a table of vectors, looked up by integer, alone or in bags."""

from __future__ import annotations

from typing import Any, Self

from ..base.errors import ArgumentError, ShapeError
from ..tape.modes import no_grad
from ..tensors import Tensor, empty
from . import functional as F
from . import init
from .functional.embedding import refuse_sparse
from .module import Module
from .parameter import Parameter

__all__ = ["Embedding", "EmbeddingBag"]


class _Table(Module):
    """What both share: a table with one row per symbol, one of which may be padding."""

    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None

    def _make_table(
        self, weight: Tensor | None, requires_grad: bool, device: Any, dtype: Any
    ) -> None:
        """Take the weight that is given, or draw one."""
        shape = (self.num_embeddings, self.embedding_dim)
        if weight is not None and tuple(weight.shape) != shape:
            raise ShapeError(
                f"{type(self).__name__}: the table has shape {tuple(weight.shape)}, not {shape}"
            )
        table = empty(shape, device=device, dtype=dtype) if weight is None else weight
        self.weight = Parameter(table, requires_grad=requires_grad)
        if weight is None:
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the table anew; the padding row is zero."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)


def _row(padding_idx: int | None, num_embeddings: int) -> int | None:
    """The number of the padding row, counted from the start."""
    if padding_idx is None:
        return None
    if not -num_embeddings <= padding_idx < num_embeddings:
        raise ArgumentError(
            f"padding_idx must be within num_embeddings: {padding_idx} is not in "
            f"[{-num_embeddings}, {num_embeddings})"
        )
    return padding_idx % num_embeddings


class Embedding(_Table):
    """A table with one row per symbol,  y[…] = weight[x[…]].

    ``weight`` (num_embeddings, embedding_dim) begins normal, N(0, 1). Its gradient is dense, and
    the same bits every time.

    Args:
        num_embeddings: number of rows V.
        embedding_dim: size of a row.
        padding_idx: a row that begins at zero and receives no gradient; negative counts from the
            end.
        max_norm: before each look-up, rows used that are longer than this are shortened to it, in
            place.
        norm_type: the p of the norm for ``max_norm``.
        scale_grad_by_freq: whether the gradient of a row is divided by how often it was taken.
        sparse: refused when true: the gradient is dense.
        device: where the table lives; only the CPU.
        dtype: the dtype of the table; the default dtype if None.

    Shapes: x (*) integers in [0, V), y (*, embedding_dim).

    Raises:
        NotImplementedError: ``sparse``.
        ValueError: ``padding_idx`` lies outside the table.

    Example:
        >>> nn.Embedding(11, 3)(tensor([[0, 10], [5, 5]])).shape
        chainrule.Size([2, 2, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        refuse_sparse(sparse)
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = _row(padding_idx, num_embeddings)
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self._make_table(_weight, not _freeze, device, dtype)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Self:
        """An embedding with the given table (V, embedding_dim); frozen unless ``freeze`` is false.

        Raises:
            ShapeError: the table has not two dimensions.
        """
        if embeddings.ndim != 2:
            raise ShapeError(
                "Embedding.from_pretrained: the table must be 2-dimensional, "
                f"got shape {tuple(embeddings.shape)}"
            )
        rows, columns = embeddings.shape
        return cls(
            rows,
            columns,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight=embeddings,
            _freeze=freeze,
        )

    def forward(self, input: Tensor) -> Tensor:
        """The rows of the table."""
        return F.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
        )

    def extra_repr(self) -> str:
        """The sizes, and what differs from the defaults."""
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        if self.padding_idx is not None:
            parts.append(f"padding_idx={self.padding_idx}")
        if self.max_norm is not None:
            parts.append(f"max_norm={self.max_norm}")
        if self.norm_type != 2:
            parts.append(f"norm_type={self.norm_type}")
        if self.scale_grad_by_freq:
            parts.append(f"scale_grad_by_freq={self.scale_grad_by_freq}")
        return ", ".join(parts)


class EmbeddingBag(_Table):
    """Sums, means or maxima of the rows of a table over bags of indices, without the rows between.

    ``weight`` (num_embeddings, embedding_dim) begins normal, N(0, 1).

    Args:
        num_embeddings: number of rows V.
        embedding_dim: size of a row.
        max_norm: before each look-up, rows used that are longer than this are shortened to it, in
            place.
        norm_type: the p of the norm for ``max_norm``.
        scale_grad_by_freq: whether the gradient of a row is divided by how often it was taken.
        mode: "sum", "mean" or "max".
        sparse: refused when true: the gradient is dense.
        include_last_offset: whether offsets have one element more, the length of the input.
        padding_idx: a row that begins at zero and counts for nothing; negative counts from the end.
        device: where the table lives; only the CPU.
        dtype: the dtype of the table; the default dtype if None.

    Shapes: x (B, N), or (N,) with offsets (B,); y (B, embedding_dim).

    Example:
        >>> nn.EmbeddingBag(11, 3)(tensor([0, 10, 5, 5]), tensor([0, 1])).shape
        chainrule.Size([2, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        refuse_sparse(sparse)
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.max_norm, self.norm_type = max_norm, norm_type
        self.scale_grad_by_freq, self.mode = scale_grad_by_freq, mode
        self.include_last_offset = include_last_offset
        self.padding_idx = _row(padding_idx, num_embeddings)
        self._make_table(_weight, True, device, dtype)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> Self:
        """Bags over the given table (V, embedding_dim); frozen unless ``freeze`` is false.

        Raises:
            ShapeError: the table has not two dimensions.
        """
        if embeddings.ndim != 2:
            raise ShapeError(
                "EmbeddingBag.from_pretrained: the table must be 2-dimensional, "
                f"got shape {tuple(embeddings.shape)}"
            )
        rows, columns = embeddings.shape
        bag = cls(
            rows,
            columns,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            mode,
            sparse,
            embeddings,
            include_last_offset,
            padding_idx,
        )
        bag.weight.requires_grad_(not freeze)
        return bag

    def forward(
        self,
        input: Tensor,
        offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:
        """A vector for each bag; see ``F.embedding_bag``."""
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            per_sample_weights=per_sample_weights,
            include_last_offset=self.include_last_offset,
            padding_idx=self.padding_idx,
        )

    def extra_repr(self) -> str:
        """The sizes, the mode, and what differs from the defaults."""
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        if self.max_norm is not None:
            parts.append(f"max_norm={self.max_norm}")
        if self.norm_type != 2:
            parts.append(f"norm_type={self.norm_type}")
        if self.scale_grad_by_freq:
            parts.append(f"scale_grad_by_freq={self.scale_grad_by_freq}")
        parts.append(f"mode={self.mode!r}")
        if self.padding_idx is not None:
            parts.append(f"padding_idx={self.padding_idx}")
        return ", ".join(parts)
