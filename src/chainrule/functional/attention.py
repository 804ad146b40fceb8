"""Scaled dot-product attention, and its backward pass as an op of its own.

The (…, T, S) matrix of weights is as large as all else together, and is not kept: the forward pass
hands the backward pass each row's maximum m and sum Σ, from which the weights p = e / Σ are computed
again. The sum divides what is small, the rows of g, rather than the scores:

    s = q kᵀ · scale + mask      e = exp(s − m)        y = e v / Σ
    h = g / Σ                    δ = Σ h ∘ y           of each row
    gs = e ∘ (h vᵀ − δ)          gv = eᵀ h
    gq = gs k · scale            gk = gsᵀ q · scale

Source of the backward pass: Dao et al. 2022, FlashAttention, appendix B, which keeps m + log Σ, one
number. Where m is large, as in a row whose mask is −10⁹ everywhere, the logarithm is lost in it.

Legend: T queries, S keys, D size of a head, E size of a value.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from ..backends import xp
from ..base import dtypes, shapes
from ..base.errors import ArgumentError
from ..ops import amax, exp, expand, full, matmul, sum, tril, view, where
from ..ops.explain import refuse
from ..ops.kinds import contract
from ..ops.promotion import spec_of
from ..ops.record import composite
from ..ops.samples import B, F, S

CACHED = 1 << 18
"""Scores that a kernel computes at a time: they should stay in the cache."""


def _check(args, attrs):
    q, k, v, mask = args
    if min(q.ndim, k.ndim, v.ndim) < 2 or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise refuse("q is (…, T, D), k (…, S, D), v (…, S, E)")
    if mask is not None:
        if attrs["causal"]:
            raise ArgumentError("attention: give a mask or causal=True, not both")
        scores = (q.shape[-2], k.shape[-2])
        if any(n not in (1, m) for n, m in zip(mask.shape[::-1], scores[::-1], strict=False)):
            raise refuse("mask broadcasts to the scores, (…, T, S)")
    return attrs | {
        "scale": 1 / math.sqrt(q.shape[-1] or 1) if attrs["scale"] is None else attrs["scale"]
    }


_SAMPLES = (
    S(F(2, 3, 5, 4), F(2, 3, 7, 4), F(2, 3, 7, 2), None, causal=False, scale=None),
    S(F(2, 5, 3), F(2, 5, 3), F(2, 5, 3), None, causal=True, scale=0.7),
    S(F(2, 5, 3), F(2, 7, 3), F(2, 7, 3), F(5, 7), causal=False, scale=None),
    S(F(3, 5, 2), F(3, 7, 2), F(3, 7, 2), B(5, 7), causal=False, scale=None),
    S(F(3, 1, 5, 2), F(2, 7, 2), F(7, 3), B(2, 1, 7), causal=False, scale=-0.5),
)


def _scores(q, k, mask, causal, scale):
    """q kᵀ · scale + mask, −inf where position t may not see s."""
    s = matmul(q, k.mT) * scale  # (…, T, S)
    if causal:
        allowed = tril(full(shape=(q.shape[-2], k.shape[-2]), value=True, dtype="bool"))
        return where(allowed, s, -math.inf)
    if mask is None:
        return s
    return where(mask, s, -math.inf) if spec_of(mask).dtype is dtypes.bool_ else s + mask


def _column(x):
    """One number a row, (…, T), to meet rows: (…, T, 1)."""
    return view(x, shape=(*x.shape, 1))


def _number(column):
    """One number a row again: (…, T, 1) as (…, T)."""
    return view(column, shape=column.shape[:-1])


@composite(
    contract,
    types="floating",
    masks=("mask",),
    normalize=_check,
    hidden=("most", "total"),
    unrounded=("most", "total"),
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
    s = _scores(q, k, mask, causal, scale)
    if s.shape[-1] == 0:
        y = matmul(s, v)
        nothing = expand(sum(s, dim=-1), shape=y.shape[:-1])
        return y, nothing, nothing + 1
    m = amax(s, dim=-1, keepdim=True)
    m = where(m == -math.inf, 0.0, m)  # a row that may see nothing: exp(−inf − 0) = 0
    e = exp(s - m)
    total = sum(e, dim=-1, keepdim=True)
    total = where(total == 0, 1.0, total)
    y = matmul(e / total, v)
    rows = y.shape[:-1]
    return y, expand(_number(m), shape=rows), expand(_number(total), shape=rows)


def _check_backward(args, attrs):
    g, q, k, v, mask, y, most, total = args
    attrs = _check((q, k, v, mask), attrs)
    rows = (*_batch(q, k, v, mask), q.shape[-2])
    if not tuple(most.shape) == tuple(total.shape) == rows:
        raise refuse("most and total are (…, T), with the batch axes of q, k, v and mask")
    if not tuple(g.shape) == tuple(y.shape) == (*rows, v.shape[-1]):
        raise refuse("g and y are (…, T, E), with the batch axes of q, k, v and mask")
    return attrs


def _batch(q, k, v, mask):
    """The axes before the last two, of all operands together."""
    given = [q, k, v] if mask is None else [q, k, v, mask]
    return shapes.broadcast(*[tuple(x.shape[:-2]) for x in given])


def _backward_sample(sample, *batch):
    q, k, v, mask = sample.operands
    T, E = q.shape[-2], v.shape[-1]
    g, y = F(*batch, T, E), F(*batch, T, E)
    most, total = F(*batch, T, low=1, high=3), F(*batch, T, low=1, high=3)
    return S(g, q, k, v, mask, y, most, total, **sample.attributes)


@composite(
    contract,
    types="floating",
    masks=("mask",),
    outputs=("gq", "gk", "gv"),
    normalize=_check_backward,
    samples=(
        _backward_sample(_SAMPLES[0], 2, 3),
        _backward_sample(_SAMPLES[1], 2),
        _backward_sample(_SAMPLES[2], 2),
        _backward_sample(_SAMPLES[3], 3),
        _backward_sample(_SAMPLES[4], 3, 2),
    ),
)
def attention_backward(g, q, k, v, mask, y, most, total, /, *, causal=False, scale=None):
    """The gradients of attention by q, k and v, given that of y, with the batch axes of y (…, T, E);
    most and total (…, T) are the maximum of each row's scores and the sum of exp(s − most).
    """
    e = exp(_scores(q, k, mask, causal, scale) - _column(most))
    h = g / _column(total)
    gs = _of_scores(h, v, y, e)
    return matmul(gs * scale, k), matmul(gs.mT * scale, q), matmul(e.mT, h)


def _of_scores(h, v, y, e):
    """The gradient of the scores: e ∘ (h vᵀ − δ)."""
    return (matmul(h, v.mT) - sum(h * y, dim=-1, keepdim=True)) * e


def _rule(g, q, k, v, mask, y, most, total, causal, scale, needs):
    attrs = {"causal": causal, "scale": scale}
    gq = gk = gv = gm = None
    if needs[0] or needs[1] or needs[2]:
        gq, gk, gv = attention_backward(g, q, k, v, mask, y, most, total, **attrs)
    if needs[3]:
        e = exp(_scores(q, k, mask, causal, scale) - _column(most))
        gm = _of_scores(g / _column(total), v, y, e)
    return tuple([x if need else None for x, need in zip((gq, gk, gv, gm), needs, strict=True)])


attention.vjp(
    lambda g, q, k, v, mask, y, most, total, causal, scale, needs: _rule(
        g, q, k, v, mask, y, most, total, causal, scale, needs
    )
)


# ------------------------------------------------------------------------------------------ kernels


class _Call:
    """A call on raw arrays, cut along the batch axes into parts whose scores stay in the cache."""

    def __init__(self, q, k, v, mask, causal, scale):
        self.T, self.S = q.shape[-2], k.shape[-2]
        self.batch = _batch(q, k, v, mask)
        self.q = self.spread(q * q.dtype.type(scale))  # fewer numbers than the scores
        self.k, self.v = self.spread(k), self.spread(v)
        self.added = self.refused = None
        if causal:
            self.refused = self.spread(~xp.tril(xp.ones((self.T, self.S), bool)))
        elif mask is not None:
            wide = xp.broadcast_to(mask, (*self.batch, self.T, self.S))
            if mask.dtype == bool:
                self.refused = ~wide
            else:
                self.added = wide

    def spread(self, x):
        """A matrix for each batch."""
        return xp.broadcast_to(x, (*self.batch, *x.shape[-2:]))

    def parts(self) -> Iterator[tuple]:
        """Where each stands in the batch axes: numbers, then a range, then all that remains."""
        axes, size = len(self.batch), max(self.T * self.S, 1)
        while axes and size * self.batch[axes - 1] <= CACHED:
            axes -= 1
            size *= max(self.batch[axes], 1)
        if axes == 0:
            return iter([()])
        *outer, n = self.batch[:axes]
        step = max(CACHED // size, 1)
        ranges = [slice(k, k + step) for k in range(0, n, step)]
        return itertools.product(*[range(m) for m in outer], ranges)

    def scores(self, at):
        """Those of a part, q kᵀ · scale + mask."""
        s = xp.matmul(self.q[at], xp.swapaxes(self.k[at], -1, -2))
        if self.added is not None:
            s += self.added[at]
        if self.refused is not None:
            xp.copyto(s, -math.inf, where=self.refused[at])
        return s


@attention.fast
def _attention(q, k, v, mask=None, *, causal, scale):
    call = _Call(q, k, v, mask, causal, scale)
    y = xp.empty((*call.batch, call.T, v.shape[-1]), q.dtype)
    most, sums = xp.zeros((*call.batch, call.T), q.dtype), xp.ones((*call.batch, call.T), q.dtype)
    if not call.S:
        y[...] = 0
        return y, most, sums
    for at in call.parts():
        e = call.scores(at)
        m = xp.amax(e, axis=-1, keepdims=True)
        xp.copyto(m, 0, where=m == -math.inf)
        e -= m
        xp.exp(e, out=e)
        total = xp.sum(e, axis=-1, keepdims=True)
        xp.copyto(total, 1, where=total == 0)
        xp.matmul(e, call.v[at], out=y[at])
        y[at] /= total
        most[at], sums[at] = m[..., 0], total[..., 0]
    return y, most, sums


@attention_backward.fast
def _attention_backward(g, q, k, v, mask, y, most, total, *, causal, scale):
    call = _Call(q, k, v, mask, causal, scale)
    most = xp.expand_dims(most, -1)
    h = g / xp.expand_dims(total, -1)
    delta = xp.sum(h * y, axis=-1, keepdims=True)
    gq, gk, gv = [xp.empty((*call.batch, *x.shape[-2:]), q.dtype) for x in (call.q, call.k, call.v)]
    for at in call.parts():
        e = call.scores(at)
        e -= most[at]
        xp.exp(e, out=e)
        xp.matmul(xp.swapaxes(e, -1, -2), h[at], out=gv[at])
        gs = xp.matmul(h[at], xp.swapaxes(call.v[at], -1, -2))
        gs -= delta[at]
        gs *= e
        xp.matmul(gs, call.k[at], out=gq[at])
        xp.matmul(xp.swapaxes(gs, -1, -2), call.q[at], out=gk[at])
    gq *= scale
    return gq, gk, gv
