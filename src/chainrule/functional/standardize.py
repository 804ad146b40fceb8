"""What the norms share: values of mean 0 and variance 1, and their derivative. Both kernels read and write the whole
array as seldom as they can, which is what their time goes by.
"""

from __future__ import annotations

from ..backends import xp
from ..base import shapes
from ..ops import sum
from ..ops.explain import refuse
from ..ops.kinds import normalizing, reduced
from ..ops.record import composite
from ..ops.samples import F, S

__all__ = ["standardize_backward", "standardized"]


def _cut(shape, dim):
    """The shape (A, B, L) of an array whose statistics are taken over A and L, the axes `dim`: B are neighbours."""
    kept = [k for k in range(len(shape)) if k not in dim]
    first, behind = (kept[0], kept[-1] + 1) if kept else (0, 0)
    return tuple([shapes.size(v) for v in (shape[:first], shape[first:behind], shape[behind:])])


def _sums(a, b):
    """The sums of a · b (A, B, L) over A and L, as (1, B, 1)."""
    return xp.sum(xp.vecdot(a, b), axis=0, keepdims=True)[..., None]


def standardized(x, weight, bias, *, dim, eps):
    """(x − mean) / √(var + eps) · weight + bias, and the same without weight and bias, as (A, B, L);
    1 / √(var + eps), mean and var as (1, B, 1). Weight and bias are (1, B, 1), (1, 1, L) or None.
    """
    cut = _cut(x.shape, dim)
    x, n = x.reshape(cut), cut[0] * cut[2]
    mean = xp.sum(x, axis=(0, 2), keepdims=True) / n
    xhat = x - mean
    var = _sums(xhat, xhat) / n
    inverse = 1 / xp.sqrt(var + eps)
    xhat *= inverse
    y = xhat.copy() if weight is None else xhat * weight
    if bias is not None:
        y += bias
    return y, xhat, inverse, mean, var


def _standardized_law(args, attrs):
    g, xhat, inverse = args
    attrs = reduced(args, attrs)
    kept = [k for k in range(g.ndim) if k not in attrs["dim"]]
    if kept and kept != list(range(kept[0], kept[-1] + 1)):
        raise refuse(f"the axes that are not in dim must be neighbours, found {kept}")
    if tuple(xhat.shape) != tuple(g.shape):
        raise refuse("g and xhat must have one shape")
    if tuple(inverse.shape) != tuple([n if k in kept else 1 for k, n in enumerate(g.shape)]):
        raise refuse("inverse must have g's shape, with size 1 along dim")
    return attrs


@composite(
    normalizing,
    types="floating",
    normalize=_standardized_law,
    outputs=("gx", "total", "along"),
    samples=(
        S(F(5, 3), F(5, 3), F(1, 3), dim=(0,)),
        S(F(2, 3, 5), F(2, 3, 5), F(1, 3, 1), dim=(0, 2)),
        S(F(5, 2, 3), F(5, 2, 3), F(5, 1, 1), dim=(1, 2)),
        S(F(5, 3), F(5, 3), F(1, 1), dim=None),
    ),
)
def standardize_backward(g, xhat, inverse, /, *, dim):
    """What reaches x through  xhat = (x − mean) · inverse,  where mean and 1 / inverse² are mean and variance of
    the n elements along `dim`:  gx = (g − (Σ g + xhat · Σ g xhat) / n) · inverse.  Also the two sums.
    """
    n = shapes.size([g.shape[d] for d in dim])
    total = sum(g, dim=dim, keepdim=True)
    along = sum(g * xhat, dim=dim, keepdim=True)
    return (g - (total / n + xhat * (along / n))) * inverse, total, along


@standardize_backward.fast
def _standardize_backward(g, xhat, inverse, *, dim):
    shape, few, cut = g.shape, inverse.shape, _cut(g.shape, dim)
    g, xhat, n = g.reshape(cut), xhat.reshape(cut), cut[0] * cut[2]
    total, along = xp.sum(g, axis=(0, 2), keepdims=True), _sums(g, xhat)
    gx = xhat * (along / n)
    gx += total / n
    xp.subtract(g, gx, out=gx)
    gx *= inverse.reshape(1, cut[1], 1)
    return gx.reshape(shape), total.reshape(few), along.reshape(few)
