"""`scan`: a loop along an axis that carries values from step to step. Recurrent layers are
written with it.
"""

from __future__ import annotations

from collections.abc import Callable

from ..base.errors import ShapeError
from ..tape.modes import modes
from . import functions
from .core import Tensor

__all__ = ["scan"]


def scan(
    body: Callable, carry: tuple[Tensor, ...], xs: tuple[Tensor, ...], *, reverse: bool = False
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Apply body(carry, x) → (carry, y) to each step of sequences.

    Args:
        body: a function of (tuple of carries, tuple of steps) that returns (tuple of carries, tuple
            of results). It may use tensors around it.
        carry: what the first step gets; every step returns as many, of the same shapes and dtypes.
        xs: sequences (T, …), at least one.
        reverse: go from the last step to the first; results stay where their step is.
    Returns:
        (the last carry, the results stacked as (T, …)).

    Eagerly this is a loop, which a debugger can walk through. In a traced program it is one
    equation, whose body is traced once.

    >>> from chainrule.tensors import arange
    >>> last, sums = scan(lambda c, x: ((c[0] + x[0],), (c[0] + x[0],)), (tensor(0),), (arange(4),))
    >>> sums[0]
    tensor([0, 1, 3, 6])
    """
    carry, xs = tuple(carry), tuple(xs)
    lengths = {x.shape[0] if x.ndim else None for x in xs}
    if len(lengths) != 1 or None in lengths:
        raise ShapeError(
            f"scan: all sequences must have the same number of steps on their first axis, found {[tuple(x.shape) for x in xs]}"
        )
    length = xs[0].shape[0]
    if length == 0:
        raise ShapeError("scan: the sequences have no steps")
    if modes.trace is not None:
        return modes.trace.scan(body, carry, xs, reverse)
    results = []
    for t in reversed(range(length)) if reverse else range(length):
        new, ys = body(carry, tuple([x[t] for x in xs]))
        check_carry(carry, new)
        carry = tuple(new)
        results.append(tuple(ys))
    if reverse:
        results.reverse()
    return carry, tuple([functions.stack(column) for column in zip(*results, strict=True)])


def check_carry(before: tuple, after: tuple) -> None:
    """Refuse a body that returns its carry in another shape or dtype: the loop could not go on
    with it.
    """
    if len(before) != len(after):
        raise ShapeError(f"scan: the body must return {len(before)} carries, found {len(after)}")
    for k, (a, b) in enumerate(zip(before, after, strict=True)):
        if tuple(a.shape) != tuple(b.shape) or a.dtype is not b.dtype:
            raise ShapeError(
                f"scan: the body must return carry {k} as it got it, {tuple(a.shape)} {a.dtype.name}, found {tuple(b.shape)} {b.dtype.name}"
            )
