"""Nested tuples, lists and dicts of anything, taken apart and put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["leaves", "mapped", "register"]

_kinds: dict[type, tuple[Callable, Callable]] = {}
"""Other types that are trees: how to take one apart, and how to put one together."""


def register(kind: type, apart: Callable, together: Callable) -> None:
    """Let objects of a type be taken apart too.

    Args:
        kind: the type itself, not what is derived from it.
        apart: makes of an object the list of what stands in it, and anything that `together` needs besides.
        together: makes an object of such a list and that.
    """
    _kinds[kind] = (apart, together)


def leaves(tree: Any) -> Iterator[Any]:
    """What stands in nested tuples, lists and dicts, in order.

    >>> list(leaves((1, {"a": [2, 3]}, None)))
    [1, 2, 3, None]
    """
    if type(tree) in _kinds:
        for v in _kinds[type(tree)][0](tree)[0]:
            yield from leaves(v)
    elif isinstance(tree, dict):
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
    if type(tree) in _kinds:
        apart, together = _kinds[type(tree)]
        parts, rest = apart(tree)
        return together([mapped(f, v) for v in parts], rest)
    if isinstance(tree, dict):
        return type(tree)((k, mapped(f, v)) for k, v in tree.items())
    if isinstance(tree, (tuple, list)):
        found = [mapped(f, v) for v in tree]
        return type(tree)(*found) if hasattr(tree, "_fields") else type(tree)(found)
    return f(tree)
