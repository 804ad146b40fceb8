"""Between which numbers does what was computed lie, whatever the weights?"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...tensors import Tensor
from .look import Applied, Look, array

__all__ = ["PRODUCTS", "RANGES", "Range", "range_of"]

RANGES = {
    "sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "hardsigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "sin": (-1.0, 1.0),
    "cos": (-1.0, 1.0), "relu": (0.0, math.inf), "relu6": (0.0, 6.0), "softplus": (0.0, math.inf), "exp": (0.0, math.inf),
    "abs": (0.0, math.inf), "square": (0.0, math.inf), "gelu": (-0.17, math.inf), "silu": (-0.279, math.inf),
    "mish": (-0.309, math.inf), "cosine_similarity": (-1.0, 1.0), "hardswish": (-0.375, math.inf), "log_softmax": (-math.inf, 0.0),
}  # fmt: skip
"""What the ops can say that do not take any number to any number."""

PRODUCTS = ("matmul", "linear", "einsum")
"""Ops that sum products of two factors: of vectors of length 1 they are cosines."""

RISING: dict[str, Callable[[float], float]] = {
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)) if x > -700 else 0.0,
    "tanh": math.tanh,
    "exp": lambda x: math.exp(x) if x < 700 else math.inf,
    "relu": lambda x: max(x, 0.0),
}
"""Those that rise throughout: of a range they make the range between what they make of its ends."""

DEPTH = 6
"""Ops that are looked back through: sums with, and multiples by, numbers that do not learn."""


class Range(NamedTuple):
    """From where to where, and the op that keeps it there; None if none does."""

    low: float
    high: float
    op: Applied | None


ALL = Range(-math.inf, math.inf, None)


def range_of(look: Look, x: Any, depth: int = DEPTH) -> Range:
    """The range of a tensor that the model computed."""
    whole = look.meant.get(id(x))
    a = whole if whole is not None and whole.op in RANGES else look.maker(x) if depth else None
    if a is None:
        return ALL
    if a.op in RISING:
        of = range_of(look, a.args[0], depth - 1)
        return Range(RISING[a.op](of.low), RISING[a.op](of.high), a)
    if a.op in RANGES:
        return Range(*RANGES[a.op], a)
    if a.op == "hardtanh":
        return Range(float(a.attrs["min_val"]), float(a.attrs["max_val"]), a)
    if a.op == "clamp" and len(a.args) == 3:
        low, high = [float(e) if isinstance(e, (int, float)) else None for e in a.args[1:]]
        kept = range_of(look, a.args[0], depth - 1)
        return Range(
            kept.low if low is None else max(low, kept.low),
            kept.high if high is None else min(high, kept.high),
            a if (low, high) != (None, None) else kept.op,
        )
    if a.op == "neg":
        of = range_of(look, a.args[0], depth - 1)
        return Range(-of.high, -of.low, of.op)
    if a.op in PRODUCTS and _are_cosines(look, a):
        return Range(-1.0, 1.0, a)
    if a.op in ("add", "sub", "mul", "div") and len(a.args) == 2:
        return _of_a_number(look, a, depth)
    return ALL


def _are_cosines(look: Look, a: Applied) -> bool:
    """Whether a product is one of vectors that were all divided by their lengths."""
    factors = [x for x in a.args if isinstance(x, Tensor)]
    if len(factors) != 2 or min(x.ndim for x in factors) < 2:
        return False
    for x, over in zip(factors, _summed(a), strict=True):
        maker = look.maker(x)
        if maker is None or maker.op not in ("normalize", "div"):
            return False
        if not np.allclose((array(x) ** 2).sum(axis=over), 1, atol=1e-3):
            return False
    return True


def _summed(a: Applied) -> list[tuple[int, ...]]:
    """The axes of each of two factors over which a product sums."""
    if a.op != "einsum":
        return [(-1,), (-2,) if a.op == "matmul" else (-1,)]
    given, _, kept = a.attrs["equation"].partition("->")
    return [
        tuple(k for k, name in enumerate(names) if name not in kept) for names in given.split(",")
    ]


def _of_a_number(look: Look, a: Applied, depth: int) -> Range:
    """Of a sum, a difference, a multiple or a part, if one of both is a number that does not learn."""
    first, second = [_number(v) for v in a.args]
    if second is not None and (a.op != "div" or second):
        of = range_of(look, a.args[0], depth - 1)
        ends = [_together(a.op, end, second) for end in of[:2]]
    elif first is not None and a.op != "div":
        of = range_of(look, a.args[1], depth - 1)
        ends = [_together(a.op, first, end) for end in of[:2]]
    else:
        return ALL
    return Range(min(ends), max(ends), of.op) if not any(map(math.isnan, ends)) else ALL


def _together(op: str, x: float, y: float) -> float:
    return {"add": x + y, "sub": x - y, "mul": x * y, "div": x / y if y else math.nan}[op]


def _number(v: Any) -> float | None:
    if isinstance(v, (int, float)):
        return float(v)
    is_constant = isinstance(v, Tensor) and v.numel() == 1 and not v.requires_grad
    return float(v) if is_constant and v.is_floating_point() else None
