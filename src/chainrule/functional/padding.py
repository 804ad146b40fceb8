"""Padding with the tensor's own elements: mirrored, repeated, or from the other end."""

from __future__ import annotations

from ..base import shapes
from ..ops import cat, expand, flip, slice_
from ..ops.explain import refuse
from ..ops.kinds import concat
from ..ops.record import composite
from ..ops.samples import F, S


def _edges(args, attrs):
    x, before, after, mode = args[0], attrs["before"], attrs["after"], attrs["mode"]
    dim = shapes.axis(attrs["dim"], x.ndim)
    n = x.shape[dim] if x.ndim else 0
    most = {"reflect": n - 1, "circular": n, "replicate": max(before, after)}.get(mode)
    if most is None:
        raise refuse(f"mode must be 'reflect', 'replicate' or 'circular', found {mode!r}")
    if max(before, after) > most:
        raise refuse(
            f"mode {mode!r} adds 0 to {max(most, 0)} elements to an axis of {n}, "
            f"found {(before, after)}"
        )
    if n + before + after < (1 if mode != "circular" else 0) or (mode == "replicate" and not n):
        raise refuse(f"{(before, after)} leaves nothing of an axis of {n}")
    return attrs | {"dim": dim}


_SAMPLES = tuple(
    [
        S(F(3, 5, 2), dim=1, before=before, after=after, mode=mode)
        for mode in ("reflect", "replicate", "circular")
        for before, after in ((2, 1), (0, 3), (-1, 2))
    ]
)


@composite(
    concat,
    normalize=_edges,
    samples=(*_SAMPLES, S(F(5), dim=0, before=-4, after=5, mode="replicate")),
)
def extend(x, /, *, dim, before, after, mode):
    """x with elements of its own added at both ends of an axis: "reflect" mirrors at the edge, which
    is not repeated, "replicate" repeats the edge, "circular" goes on at the other end. Negative
    amounts cut; "circular" cuts before it goes on, the others look at what was cut off.
    """
    if mode == "circular":
        x = slice_(x, dim=dim, start=max(-before, 0), stop=x.shape[dim] - max(-after, 0), step=1)
        before, after = max(before, 0), max(after, 0)
    n = x.shape[dim]
    start, stop = -before, n + after  # places of x that are wanted, beyond its ends too
    pieces = []
    if start < 0:
        pieces.append(_beyond(x, dim, start, min(stop, 0), mode))
    if max(start, 0) < min(stop, n):
        pieces.append(slice_(x, dim=dim, start=max(start, 0), stop=min(stop, n), step=1))
    if stop > n:
        pieces.append(_beyond(x, dim, max(start, n), stop, mode))
    return cat(*pieces, dim=dim)


def _beyond(x, dim, start, stop, mode):
    """What stands at places start … stop − 1, all before 0 or all from n on."""
    n, count = x.shape[dim], stop - start
    if mode == "circular":
        start = start % n
        return slice_(x, dim=dim, start=start, stop=start + count, step=1)
    if mode == "reflect":
        first = 1 - stop if start < 0 else 2 * n - 1 - stop
        return flip(slice_(x, dim=dim, start=first, stop=first + count, step=1), dims=(dim,))
    edge = 0 if start < 0 else n - 1
    one = slice_(x, dim=dim, start=edge, stop=edge + 1, step=1)
    return expand(one, shape=(*x.shape[:dim], count, *x.shape[dim + 1 :]))
