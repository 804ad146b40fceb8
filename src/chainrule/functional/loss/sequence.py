"""Connectionist temporal classification: what a labelling costs that does not say where in time its
labels stand.

    T time   N batch   S labels   L = 2S + 1 states

The labels of a sequence, a blank before, between and after them, are the states of an automaton. At
each step it stays, goes on by one state, or by two where that skips a blank between different
labels. The probability of the labelling is that of all paths that end in one of the last two
states, and is summed by the forward recursion in logarithms.   Source: Graves et al. 2006,
section 4.1.

What stands here is one step of the recursion, and what becomes of the losses. `nn.functional` puts
the steps together with `scan`.
"""

from __future__ import annotations

import math

from ...backends import xp
from ...ops import cast, exp, log, maximum, pad, slice_, sum, where, zeros_like
from ...ops.explain import refuse
from ...ops.kinds import concat, reduce
from ...ops.record import composite
from ...ops.samples import B, F, I, S
from .reduction import check_reduction, count


def _later(x, by, skips=None):
    """x moved to later states, −inf before it and where there is no skip."""
    if x.shape[-1] <= by:
        return zeros_like(x) - math.inf
    pads = (*((0, 0),) * (x.ndim - 1), (by, 0))
    moved = pad(
        slice_(x, dim=x.ndim - 1, start=0, stop=x.shape[-1] - by), pads=pads, value=-math.inf
    )
    return moved if skips is None else where(skips, moved, -math.inf)


def _earlier(x, by):
    """x moved to earlier states, zeros behind it."""
    if x.shape[-1] <= by:
        return zeros_like(x)
    pads = (*((0, 0),) * (x.ndim - 1), (0, by))
    return pad(slice_(x, dim=x.ndim - 1, start=by, stop=x.shape[-1]), pads=pads, value=0.0)


def _reach_law(args, attrs):
    before, skips = args
    if before.ndim == 0 or tuple(skips.shape) != tuple(before.shape):
        raise refuse("skips must say for each state whether it is reached from two before it")
    return attrs


@composite(
    concat,
    types="floating",
    promotes=("before",),
    normalize=_reach_law,
    samples=(S(F(5, 7), B(5, 7)), S(F(3), B(3)), S(F(2, 1), B(2, 1))),
)
def ctc_reach(before, skips, /):
    """ln(e^a(s) + e^a(s−1) + [skips(s)] e^a(s−2))  along the last axis: the logarithm of the
    probability of reaching each state. A state that is reached by no path has −inf, and no
    derivative.
    """
    one, two = _later(before, 1), _later(before, 2, skips)
    top = maximum(before, maximum(one, two))
    top = where(top == -math.inf, 0.0, top)
    return log(exp(before - top) + exp(one - top) + exp(two - top)) + top


def _moved(x, skips):
    """`_later` by one and by two, of arrays."""
    one, two = xp.full(x.shape, -math.inf, x.dtype), xp.full(x.shape, -math.inf, x.dtype)
    one[..., 1:] = x[..., :-1]
    xp.copyto(two[..., 2:], x[..., :-2], where=skips[..., 2:])
    return one, two


@ctc_reach.fast
def _ctc_reach(before, skips):
    one, two = _moved(before, skips)
    top = xp.maximum(before, xp.maximum(one, two))
    top[top == -math.inf] = 0
    return xp.log(xp.exp(before - top) + xp.exp(one - top) + xp.exp(two - top)) + top


def _back_law(args, attrs):
    g, before, skips, y = args
    if not tuple(g.shape) == tuple(before.shape) == tuple(y.shape):
        raise refuse("g, before and y must have one shape")
    return _reach_law((before, skips), attrs)


@composite(
    concat,
    types="floating",
    promotes=("g", "before", "y"),
    normalize=_back_law,
    samples=(S(F(5, 7), F(5, 7), B(5, 7), F(5, 7)), S(F(2, 1), F(2, 1), B(2, 1), F(2, 1))),
)
def ctc_reach_backward(g, before, skips, y, /):
    """What reaches a through  y = ctc_reach(a):  each state's g, in the shares e^(a − y) that the three before
    it have in it.
    """
    reached = y > -math.inf
    y = where(reached, y, 0.0)
    one, two = _later(before, 1), _later(before, 2, skips)
    g = where(reached, g, 0.0)
    return g * exp(before - y) + _earlier(g * exp(one - y), 1) + _earlier(g * exp(two - y), 2)


@ctc_reach_backward.fast
def _ctc_reach_backward(g, before, skips, y):
    unreached = ~(y > -math.inf)
    y, g = xp.where(unreached, 0, y), xp.where(unreached, 0, g)
    one, two = _moved(before, skips)
    out = g * xp.exp(before - y)
    out[..., :-1] += (g * xp.exp(one - y))[..., 1:]
    out[..., :-2] += (g * xp.exp(two - y))[..., 2:]
    return out


ctc_reach.vjp(before=lambda g, before, skips, y: ctc_reach_backward(g, before, skips, y))


def _reduced_law(args, attrs):
    if tuple(args[0].shape) != tuple(args[1].shape):
        raise refuse("there must be one length for each loss")
    return check_reduction(args, attrs)


@composite(
    reduce,
    types="floating",
    promotes=("loss",),
    normalize=_reduced_law,
    samples=(
        S(F(5), I(5, high=4), reduction="mean", zero_infinity=True),
        S(F(5), I(5, high=4), reduction="sum", zero_infinity=False),
        S(F(), I(high=4), reduction="none", zero_infinity=False),
    ),
)
def ctc_reduced(loss, lengths, /, *, reduction="mean", zero_infinity=False):
    """The losses of sequences; their sum; or the mean of loss / length, in which no labels count
    as one. With `zero_infinity`, a labelling that does not fit into the time costs nothing.
    """
    loss = where(loss == math.inf, 0.0 if zero_infinity else math.inf, loss)
    if reduction == "mean":
        return sum(loss / cast(maximum(lengths, 1), dtype=loss.dtype)) / count(loss.shape)
    return sum(loss) if reduction == "sum" else loss
