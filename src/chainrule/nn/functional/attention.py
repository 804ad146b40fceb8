"""Scaled dot-product attention, and attention in several heads with its projections.

T queries   S keys   B batch   E embedding   H heads   D = E / H size of a head
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence

from ... import functional as fn
from ... import ops
from ...base.errors import ArgumentError, DTypeError, ShapeError
from ...tensors import Tensor, bool_, cat, float32, where, zeros
from .dropout import dropout
from .linear import linear
from .padding import pad

__all__ = [
    "multi_head_attention_forward", "scaled_dot_product_attention",
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
        DTypeError: a mask of integers, or of another floating dtype than the query or float32.

    Example:
        >>> q = randn(2, 3, 5, 4)
        >>> F.scaled_dot_product_attention(q, q, q, is_causal=True).shape
        chainrule.Size([2, 3, 5, 4])
    """
    if enable_gqa:
        key, value = _per_query_head(query, key), _per_query_head(query, value)
    if attn_mask is not None and attn_mask.dtype is float32 is not query.dtype:
        attn_mask = attn_mask.to(query.dtype)
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
            "scaled_dot_product_attention: with enable_gqa the heads of the query must be a multiple "
            f"of those of key and value, found {tuple(query.shape)} and {tuple(x.shape)}"
        )
    times = query.shape[-3] // x.shape[-3]
    shape = tuple(x.shape)
    repeated = x.unsqueeze(-3).expand(*shape[:-2], times, *shape[-2:])
    return repeated.reshape(*shape[:-3], query.shape[-3], *shape[-2:])


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Project, attend in each head, put the heads side by side, project:  see
    ``nn.MultiheadAttention``.   Source: Vaswani et al. 2017, section 3.2.2.

    Args:
        query: (T, B, E), or (T, E) without a batch.
        key, value: (S, B, E) each, or of sizes of their own with ``use_separate_proj_weight``.
        embed_dim_to_check: E, which the query must have.
        num_heads: H.
        in_proj_weight: (3E, E): the projections of query, key and value, one below the other.
        in_proj_bias: (3E,) or None.
        bias_k, bias_v: (1, 1, E), a key and a value that are added to all sequences; both or none.
        add_zero_attn: whether a key and a value of zeros are added.
        dropout_p: probability with which an attention weight is zeroed in training.
        out_proj_weight, out_proj_bias: (E, E) and (E,), the projection of the result.
        training: whether weights are dropped.
        key_padding_mask: (B, S) or (S,): True, or what is added to a key's scores, −∞ say, leaves
            the key out.
        need_weights: whether the weights of attention are returned.
        attn_mask: (T, S) for all, or (B·H, T, S): True leaves a pair out; numbers are added.
        use_separate_proj_weight: whether ``q_proj_weight`` (E, E), ``k_proj_weight`` (E, size of a
            key) and ``v_proj_weight`` (E, size of a value) stand for ``in_proj_weight``.
        static_k, static_v: keys and values (B·H, S, D) in the place of the projected ones.
        average_attn_weights: whether the weights are averaged over the heads.
        is_causal: says that ``attn_mask`` is the causal mask, which must be given all the same.

    Returns:
        The result (T, B, E) or (T, E), and the weights (B, T, S), or (B, H, T, S) if they are not
        averaged, without B if there is no batch; None unless they are asked for. A query whose keys
        are all left out has weights NaN where they are asked for, and else a result of zero before
        the projection, as in PyTorch.

    Raises:
        ShapeError: sizes that do not fit.
        DTypeError: a mask of integers.
        ValueError: arguments that exclude each other.

    Example:
        >>> x, w = randn(5, 2, 6), randn(18, 6)
        >>> y, weights = F.multi_head_attention_forward(
        ...     x, x, x, 6, 3, w, None, None, None, False, 0.0, randn(6, 6), None)
        >>> y.shape, weights.shape
        (chainrule.Size([5, 2, 6]), chainrule.Size([2, 5, 5]))
    """
    batched = _check_axes(query, key, value, key_padding_mask, attn_mask)
    if not batched:
        query, key, value = each(lambda x: x.unsqueeze(1), query, key, value)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    T, B, E = query.shape
    D = E // num_heads
    _check_sizes(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    if is_causal and attn_mask is None:
        raise ArgumentError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
            "method `generate_square_subsequent_mask` to create this mask."
        )
    key_padding_mask = added_mask(key_padding_mask, "key_padding_mask", query.dtype, attn_mask)
    causal = is_causal and key_padding_mask is None and not need_weights
    mask = None if causal else added_mask(attn_mask, "attn_mask", query.dtype)
    if mask is not None:
        mask = _per_head(mask, (T, key.shape[0]), B * num_heads)  # (1 or B·H, T, S)

    if use_separate_proj_weight:
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
        q, k, v = _projected(query, key, value, weights, in_proj_bias)
    else:
        q, k, v = _projected(query, key, value, in_proj_weight, in_proj_bias)

    if (bias_k is None) != (bias_v is None):
        raise ArgumentError("multi_head_attention_forward: bias_k and bias_v come together")
    if bias_k is not None:
        if static_k is not None or static_v is not None:
            raise ArgumentError("bias cannot be added to static key or static value.")
        k, v = cat([k, bias_k.expand(1, B, E)]), cat([v, bias_v.expand(1, B, E)])
        mask, key_padding_mask = _one_more(mask), _one_more(key_padding_mask)
    q = _heads(q, num_heads)  # (B·H, T, D)
    k = _heads(k, num_heads) if static_k is None else _need_static("static_k", static_k, q)
    v = _heads(v, num_heads) if static_v is None else _need_static("static_v", static_v, q)
    if add_zero_attn:
        zero = zeros((B * num_heads, 1, D), dtype=k.dtype)
        k, v = cat([k, zero], dim=1), cat([v, zero], dim=1)
        mask, key_padding_mask = _one_more(mask), _one_more(key_padding_mask)
    S = k.shape[1]
    if key_padding_mask is not None:
        if tuple(key_padding_mask.shape) != (B, S):
            raise ShapeError(
                f"Expected key_padding_mask to have shape {(B, S)}, "
                f"but got {tuple(key_padding_mask.shape)}"
            )
        wide = key_padding_mask.view(B, 1, 1, S).expand(B, num_heads, 1, S)
        padding = wide.reshape(B * num_heads, 1, S)
        mask = padding if mask is None else mask + padding

    dropout_p = dropout_p if training else 0.0
    shown = None
    if need_weights:
        scores = q * (1 / math.sqrt(D)) @ k.mT
        p = fn.softmax(
            scores if mask is None else mask.to(scores.dtype) + scores, dim=-1
        )  # (B·H, T, S)
        p = dropout(p, dropout_p)
        y = p @ v
        shown = p.view(B, num_heads, T, S)
        if average_attn_weights:
            shown = shown.mean(dim=1)
        shown = shown if batched else shown.squeeze(0)
    else:
        q, k, v = [x.unflatten(0, (B, num_heads)) for x in (q, k, v)]
        if mask is not None:  # (1, 1, T, S) or (B, H, 1 or T, S)
            mask = mask.unsqueeze(0) if mask.shape[0] == 1 else mask.unflatten(0, (B, num_heads))
        y = scaled_dot_product_attention(q, k, v, mask, dropout_p, causal).flatten(0, 1)
    y = y.transpose(0, 1).reshape(T, B, E)  # the heads side by side
    y = linear(y, out_proj_weight, out_proj_bias)
    return (y if batched else y.squeeze(1)), shown


def each(f: Callable, query: Tensor, key: Tensor, value: Tensor) -> tuple:
    """f of each of them, computed once for one that stands in several places."""
    q = f(query)
    k = q if key is query else f(key)
    return q, k, k if value is key else q if value is query else f(value)


def added_mask(
    mask: Tensor | None, name: str, dtype: object, other: Tensor | None = None
) -> Tensor | None:
    """A mask as what is added to scores: −∞ where a bool mask says True.

    Raises:
        DTypeError: a mask of integers.
    """
    if mask is None:
        return None
    if mask.dtype is not bool_ and not mask.is_floating_point():
        raise DTypeError(
            f"only bool and floating types of {name} are supported, found {mask.dtype.name}"
        )
    if other is not None and other.dtype is not mask.dtype:
        warnings.warn(
            f"Support for mismatched {name} and attn_mask is deprecated. Use same type for both "
            "instead.",
            stacklevel=3,
        )
    if mask.dtype is not bool_:
        return mask
    return where(mask, -math.inf, ops.full(shape=(), value=0.0, dtype=dtype))


def _projected(
    query: Tensor, key: Tensor, value: Tensor, weights: Tensor | tuple | None, bias: Tensor | None
) -> Sequence[Tensor]:
    """Query, key and value by their projections: one weight (3E, E) for all, or three."""
    separate = isinstance(weights, tuple)
    if weights is None or (separate and any(w is None for w in weights)):
        raise ArgumentError(
            f"multi_head_attention_forward: use_separate_proj_weight={separate} needs "
            f"{'q_, k_ and v_proj_weight' if separate else 'in_proj_weight'}"
        )
    if query is key is value and not separate:
        return linear(query, weights, bias).chunk(3, dim=-1)
    parts = weights if separate else weights.chunk(3)
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    inputs = zip((query, key, value), parts, biases, strict=True)
    return [linear(x, w, b) for x, w, b in inputs]


def _check_axes(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor | None,
    attn_mask: Tensor | None,
) -> bool:
    """Whether there is a batch; the numbers of axes fit."""
    if query.ndim not in (2, 3):
        raise ShapeError(
            "query should be unbatched 2D or batched 3D tensor but received "
            f"{query.ndim}-D query tensor"
        )
    kind = "batched (3-D)" if query.ndim == 3 else "unbatched (2-D)"
    if key.ndim != query.ndim or value.ndim != query.ndim:
        raise ShapeError(
            f"For {kind} `query`, expected `key` and `value` to be {query.ndim}-D but found "
            f"{key.ndim}-D and {value.ndim}-D tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.ndim != query.ndim - 1:
        raise ShapeError(
            f"For {kind} `query`, expected `key_padding_mask` to be `None` or {query.ndim - 1}-D "
            f"but found {key_padding_mask.ndim}-D tensor instead"
        )
    if attn_mask is not None and attn_mask.ndim not in (2, 3):
        raise ShapeError(
            f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found "
            f"{attn_mask.ndim}-D tensor instead"
        )
    return query.ndim == 3


def _check_sizes(
    query: Tensor, key: Tensor, value: Tensor, embed_dim: int, num_heads: int, separate: bool
) -> None:
    E = query.shape[-1]
    if embed_dim != E:
        raise ShapeError(f"was expecting embedding dimension of {embed_dim}, but got {E}")
    if E % num_heads:
        raise ShapeError(f"embed_dim {E} not divisible by num_heads {num_heads}")
    common = 2 if separate else 3
    if key.shape[:common] != value.shape[:common]:
        raise ShapeError(
            f"key shape {tuple(key.shape)} does not match value shape {tuple(value.shape)}"
        )


def _per_head(mask: Tensor, scores: tuple[int, int], rows: int) -> Tensor:
    """A mask (T, S) or (B·H, T, S) as (1 or B·H, T, S), its size checked."""
    expected = scores if mask.ndim == 2 else (rows, *scores)
    if tuple(mask.shape) != expected:
        raise ShapeError(
            f"The shape of the {mask.ndim}D attn_mask is {tuple(mask.shape)}, but should be "
            f"{expected}."
        )
    return mask.unsqueeze(0) if mask.ndim == 2 else mask


def _one_more(mask: Tensor | None) -> Tensor | None:
    """A mask for one more key, which everybody may see."""
    return None if mask is None else pad(mask, (0, 1))


def _heads(x: Tensor, heads: int) -> Tensor:
    """(S, B, H·D) as (B·H, S, D)."""
    S, B, E = x.shape
    return x.reshape(S, B * heads, E // heads).transpose(0, 1)


def _need_static(name: str, x: Tensor, q: Tensor) -> Tensor:
    """A given key or value, if it has a sequence for each head."""
    if x.ndim != 3 or x.shape[0] != q.shape[0] or x.shape[2] != q.shape[2]:
        raise ShapeError(
            f"expecting {name} of shape ({q.shape[0]}, S, {q.shape[2]}), but got {tuple(x.shape)}"
        )
    return x
