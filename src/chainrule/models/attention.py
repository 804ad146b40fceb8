"""What attentions share: who may see whom, and the weights when somebody asks for them."""

from __future__ import annotations

from typing import Any

from ..nn import functional as F
from ..platform import finfo
from ..tensors import Tensor, arange, where, zeros
from .cache import Cache

__all__ = ["added", "attend", "may_see", "no_padding"]


def no_padding(mask: Tensor | None) -> Tensor | None:
    """Who may be seen where all look everywhere, (B, S) → (B, 1, 1, S): 0 is padding; None: there is none."""
    return None if mask is None else (mask != 0)[:, None, None]


def may_see(
    steps: int, padding: Tensor | None, cache: Cache | None, window: int | None = None
) -> Tensor | None:
    """Which of S positions each of T steps may look at: those before it and itself.

    Args:
        steps: T.
        padding: (B, S), 0 where there is padding, or None; with a cache it may end with the steps that are read now.
        cache: of what was read before; S is its length, or T without one.
        window: how many positions back, itself included; None: all.

    Returns:
        bool, broadcast to (B, 1, T, S).
    """
    if cache is None:
        here, there = arange(steps).unsqueeze(1), arange(steps)
        seen = there <= here  # (T, S)
    else:
        here, there = cache.places(steps).unsqueeze(1), arange(cache.longest)
        seen = cache.seen(steps)
    if window is not None:
        seen = seen & (there > here - window)
    if padding is not None and padding.shape[1] < seen.shape[1]:
        padding = F.pad(padding, (0, seen.shape[1] - padding.shape[1]))  # what nobody sees yet
    if padding is None:
        return seen.unsqueeze(0).unsqueeze(0)
    return seen & (padding != 0).unsqueeze(1).unsqueeze(1)  # (B, 1, T, S)


def added(seen: Tensor, dtype: Any) -> Tensor:
    """Who may be seen as a number added to scores: 0, and for others the least there is: whoever sees nothing then looks at all alike."""
    return zeros(seen.shape, dtype=dtype).masked_fill(seen.logical_not(), finfo(dtype).min)


def attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None,
    scale: float,
    dropout: float = 0.0,
    shares: list[Tensor] | None = None,
    cap: float | None = None,
) -> Tensor:
    """softmax(q kᵀ · scale + mask) v.

    Args:
        q: (B, H, T, D).
        k, v: (B, H, S, D), or with fewer heads, each of which serves a run of those of q.
        mask: bool who may be seen, or a number added, broadcast to (B, H, T, S).
        scale: of the scores.
        dropout: probability with which a weight is zeroed.
        shares: where the weights (B, H, T, S) are written down, if somebody asks for them.
        cap: which scores do not exceed, cap · tanh(score / cap); None: they may be anything.
    """
    few = k.shape[1] != q.shape[1]
    if shares is None and cap is None:
        return F.scaled_dot_product_attention(q, k, v, mask, dropout, scale=scale, enable_gqa=few)
    if few:
        k, v = [x.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for x in (k, v)]
    scores = q @ k.transpose(-2, -1) * scale  # (B, H, T, S)
    if cap is not None:
        scores = (scores / cap).tanh() * cap
    if mask is None or mask.dtype.is_floating_point:
        each = F.softmax(scores if mask is None else scores + mask, dim=-1)
    else:  # who sees nobody has shares of 0
        each = F.softmax(where(mask, scores, finfo(scores.dtype).min), dim=-1)
        each = where(mask, each, 0.0)
    if shares is not None:
        shares.append(each)
    return F.dropout(each, dropout) @ v
