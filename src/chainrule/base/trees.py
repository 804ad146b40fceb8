"""Nested tuples, lists and dicts of anything, taken apart and put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["leaves", "mapped"]


def leaves(tree: Any) -> Iterator[Any]:
    """What stands in nested tuples, lists and dicts, in order.

    >>> list(leaves((1, {"a": [2, 3]}, None)))
    [1, 2, 3, None]
    """
    if isinstance(tree, dict):
        for v in tree.values():
            yield from leaves(v)
    elif isinstance(tree, (tuple, list)):
        for v in tree:
            yield from leaves(v)
    else:
        yield tree


def mapped(f: Callable, tree: Any) -> Any:
    """The same nesting with f of everything that stands in it.

    >>> mapped(str, (1, {"a": [2, 3]}))
    ('1', {'a': ['2', '3']})
    """
    if isinstance(tree, dict):
        return type(tree)((k, mapped(f, v)) for k, v in tree.items())
    if isinstance(tree, (tuple, list)):
        found = [mapped(f, v) for v in tree]
        return type(tree)(*found) if hasattr(tree, "_fields") else type(tree)(found)
    return f(tree)
