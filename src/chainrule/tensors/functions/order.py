"""Putting elements in order; results are PyTorch's named tuples."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

from ... import ops

__all__ = [
    "argsort", "sort", "topk",
]  # fmt: skip

sort_result = namedtuple("sort", ("values", "indices"))  # type: ignore[name-match]
topk_result = namedtuple("topk", ("values", "indices"))  # type: ignore[name-match]


def sort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """(values, indices) in order along an axis. Always stable, whether asked or not."""
    return sort_result(*ops.sort(input, dim=dim, descending=descending))


def argsort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """The indices that put an axis in order. Always stable, whether asked or not."""
    return ops.argsort(input, dim=dim, descending=descending)


def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The k largest or smallest elements: (values, indices). Always in order, whether asked or
    not.
    """
    return topk_result(*ops.topk(input, k=k, dim=dim, largest=largest))
