"""Scaled dot-product attention."""

from __future__ import annotations

from ... import functional as fn
from ... import ops
from ...base.errors import ShapeError
from ...tensors import Tensor
from .dropout import dropout

__all__ = [
    "scaled_dot_product_attention",
]  # fmt: skip


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(q kᵀ · scale + mask) v.   Source: Vaswani et al. 2017, eq. 1.

    Args:
        query: q (…, H, T, D).
        key: k (…, H, S, D).
        value: v (…, H, S, E).
        attn_mask: broadcast to (…, T, S); bool says who may be attended to, floating is added.
        dropout_p: probability with which an attention weight is zeroed. There is no ``training``
            here: pass 0 in evaluation.
        is_causal: whether position t attends to positions up to t only.
        scale: 1/√D if None.
        enable_gqa: whether k and v may have fewer heads than q, each serving a run of query heads
            (Ainslie et al. 2023).

    Returns:
        (…, H, T, E).

    Raises:
        ValueError: a mask and ``is_causal`` together.
        ShapeError: sizes that do not fit.

    Example:
        >>> q = randn(2, 3, 5, 4)
        >>> F.scaled_dot_product_attention(q, q, q, is_causal=True).shape
        chainrule.Size([2, 3, 5, 4])
    """
    if enable_gqa:
        key, value = _per_query_head(query, key), _per_query_head(query, value)
    if dropout_p == 0.0:
        return fn.attention(query, key, value, attn_mask, causal=is_causal, scale=scale)
    # Attending to the rows of the identity gives the attention weights themselves.
    one = ops.eye(rows=key.shape[-2], columns=key.shape[-2], dtype=query.dtype)
    weights = fn.attention(query, key, one, attn_mask, causal=is_causal, scale=scale)
    return dropout(weights, dropout_p) @ value


def _per_query_head(query: Tensor, x: Tensor) -> Tensor:
    """Heads of keys or values (…, H_kv, S, D) repeated for the query heads they serve, (…, H, S,
    D).
    """
    if query.ndim < 3 or x.ndim < 3 or query.shape[-3] % x.shape[-3]:
        raise ShapeError(
            "scaled_dot_product_attention: with enable_gqa the heads of the query must be a "
            "multiple "
            f"of those of key and value, found {tuple(query.shape)} and {tuple(x.shape)}"
        )
    times = query.shape[-3] // x.shape[-3]
    shape = tuple(x.shape)
    repeated = x.unsqueeze(-3).expand(*shape[:-2], times, *shape[-2:])
    return repeated.reshape(*shape[:-3], query.shape[-3], *shape[-2:])
