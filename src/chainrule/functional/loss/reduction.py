"""What the losses share: `reduction` is 'mean', 'sum' or 'none', and inputs and targets of
different shapes are refused, never broadcast.
"""

from __future__ import annotations

import math

from ...base.errors import ArgumentError
from ...ops import sum
from ...ops.explain import refuse


def check_reduction(args, attrs):
    """Normal form of a loss's attributes."""
    if attrs["reduction"] not in ("mean", "sum", "none"):
        raise ArgumentError(f"reduction is 'mean', 'sum' or 'none', found {attrs['reduction']!r}")
    return attrs


def same_shapes(args, attrs):
    """The check of losses that compare elementwise: PyTorch would broadcast (N,) against (N, 1)
    and average N² differences.
    """
    if tuple(args[0].shape) != tuple(args[1].shape):
        raise refuse(
            "input and target must have the same shape", hint="squeeze or unsqueeze one of them"
        )
    return check_reduction(args, attrs)


def reduce_loss(values, reduction):
    """The mean, the sum, or the values themselves."""
    if reduction == "none":
        return values
    total = sum(values)
    return total if reduction == "sum" else total / count(values.shape)


def count(shape):
    """The number of elements, NaN for none: a mean of nothing is NaN."""
    return math.prod(shape) or math.nan


def all_same_shapes(args, attrs):
    """The check of losses that compare several operands elementwise; one that is left out has any
    shape.
    """
    shapes = {tuple(a.shape) for a in args if a is not None}
    if len(shapes) > 1:
        raise refuse(
            "all of them must have the same shape", hint="squeeze or unsqueeze one of them"
        )
    return check_reduction(args, attrs)
