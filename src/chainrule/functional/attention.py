"""Scaled dot-product attention."""

from __future__ import annotations

import math

from ..backends import xp
from ..base import dtypes
from ..ops import full, matmul, sum, tril, where
from ..ops.explain import refuse
from ..ops.kinds import contract
from ..ops.promotion import spec_of
from ..ops.record import composite
from ..ops.samples import B, F, S
from .normalize import softmax


def _check(args, attrs):
    q, k, v, mask = args
    if min(q.ndim, k.ndim, v.ndim) < 2 or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise refuse("q is (…, T, D), k (…, S, D), v (…, S, E)")
    if mask is not None and attrs["causal"]:
        raise ValueError("attention: give a mask or causal=True, not both")
    return attrs | {
        "scale": 1 / math.sqrt(q.shape[-1]) if attrs["scale"] is None else attrs["scale"]
    }


_SAMPLES = (
    S(F(2, 3, 5, 4), F(2, 3, 7, 4), F(2, 3, 7, 2), None, causal=False, scale=None),
    S(F(2, 5, 3), F(2, 5, 3), F(2, 5, 3), None, causal=True, scale=0.7),
    S(F(2, 5, 3), F(2, 7, 3), F(2, 7, 3), F(5, 7), causal=False, scale=None),
    S(F(3, 5, 2), F(3, 7, 2), F(3, 7, 2), B(5, 7), causal=False, scale=None),
)


@composite(
    contract,
    types="floating",
    masks=("mask",),
    normalize=_check,
    hidden=("p",),
    reference="torch.nn.functional.scaled_dot_product_attention",
    samples=_SAMPLES,
)
def attention(q, k, v, mask=None, /, *, causal=False, scale=None):
    """y = softmax(q kᵀ · scale + mask) v.  q (…, T, D), k (…, S, D), v (…, S, E) → (…, T, E); scale
    is 1/√D unless given.

    A bool mask says who may be attended to, a floating one is added; causal lets position t see s ≤
    t. A row that may see nothing gives zeros (PyTorch: the same since 2.5).  Source: Vaswani et al.
    2017, eq. 1.
    """
    s = matmul(q, k.mT) * scale  # (…, T, S)
    if causal:
        allowed = tril(full(shape=(q.shape[-2], k.shape[-2]), value=True, dtype="bool"))
        s = where(allowed, s, -math.inf)
    elif mask is not None:
        s = where(mask, s, -math.inf) if spec_of(mask).dtype is dtypes.bool_ else s + mask
    p = softmax(s, dim=-1)
    if mask is not None and spec_of(mask).dtype is dtypes.bool_:
        p = where(mask, p, 0.0)
    return matmul(p, v), p


def _rule(g, q, k, v, mask, p, scale, needs):
    gv = p.mT @ g if needs[2] else None
    gq = gk = gm = None
    if needs[0] or needs[1] or needs[3]:
        gp = g @ v.mT
        gs = (gp - sum(gp * p, dim=-1, keepdim=True)) * p
        gm = gs
        gs = gs * scale
        gq = gs @ k if needs[0] else None
        gk = gs.mT @ q if needs[1] else None
    return gq, gk, gv, gm


attention.vjp(lambda g, q, k, v, mask, p, scale, needs: _rule(g, q, k, v, mask, p, scale, needs))


@attention.fast
def _attention(q, k, v, mask=None, *, causal, scale):
    s = xp.matmul(q, xp.swapaxes(k, -1, -2))
    s *= scale
    refused = None
    if causal:
        refused = ~xp.tril(xp.ones((q.shape[-2], k.shape[-2]), bool))
    elif mask is not None and mask.dtype == bool:
        refused = ~mask
    elif mask is not None:
        s = s + mask
    if refused is not None:
        s = xp.where(refused, xp.asarray(-math.inf, s.dtype), s)
    if s.shape[-1]:
        s -= xp.amax(s, axis=-1, keepdims=True)
    xp.exp(s, out=s)
    s /= xp.sum(s, axis=-1, keepdims=True)
    if refused is not None and not causal:
        s = xp.where(refused, xp.asarray(0, s.dtype), s)
    return xp.matmul(s, v), s
