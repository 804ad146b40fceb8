"""PyTorch's `torch.utils._pytree`: nested tuples, lists and dicts, taken apart and put together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ...base.trees import leaves as _leaves
from ...base.trees import mapped
from ...base.trees import register as _register

__all__ = [
    "TreeSpec",
    "register_pytree_node",
    "tree_all",
    "tree_any",
    "tree_flatten",
    "tree_iter",
    "tree_leaves",
    "tree_map",
    "tree_map_only",
    "tree_structure",
    "tree_unflatten",
]


class TreeSpec(NamedTuple):
    """How a tree was nested: the same tree with its leaves numbered."""

    numbered: Any

    @property
    def num_leaves(self) -> int:
        """How many leaves it has."""
        return len(tree_leaves(self.numbered))


def register_pytree_node(
    cls: type,
    flatten_fn: Callable,
    unflatten_fn: Callable,
    *,
    serialized_type_name: str | None = None,
    to_dumpable_context: Callable | None = None,
    from_dumpable_context: Callable | None = None,
    flatten_with_keys_fn: Callable | None = None,
) -> None:
    """Let objects of a class be trees: `flatten_fn` makes of one the list of its parts and a context, `unflatten_fn` the other way.
    The other arguments say how PyTorch's exporter names the parts; nothing here does.
    """
    _register(cls, flatten_fn, unflatten_fn)


_register_pytree_node = register_pytree_node


def _dict_flatten(tree: dict) -> tuple[list[Any], list[Any]]:
    """A dictionary's values, and its keys."""
    return list(tree.values()), list(tree)


def _dict_unflatten(values: Any, keys: list[Any]) -> dict:
    """A dictionary of values and keys."""
    return dict(zip(keys, values, strict=True))


def _list_flatten(tree: list) -> tuple[list[Any], None]:
    """A list's elements; nothing else is to be known of it."""
    return tree, None


def _list_unflatten(values: Any, context: None) -> list:
    """A list of elements."""
    return list(values)


def _tuple_flatten(tree: tuple) -> tuple[list[Any], None]:
    """A tuple's elements; nothing else is to be known of it."""
    return list(tree), None


def _tuple_unflatten(values: Any, context: None) -> tuple:
    """A tuple of elements."""
    return tuple(values)


def _dict_flatten_with_keys(tree: dict) -> tuple[list[tuple[Any, Any]], list[Any]]:
    """A dictionary's items, and its keys."""
    return list(tree.items()), list(tree)


def tree_leaves(tree: Any) -> list[Any]:
    """What stands in a tree, in order."""
    return list(_leaves(tree))


def tree_iter(tree: Any) -> Any:
    """The same, one after another."""
    return _leaves(tree)


def tree_flatten(tree: Any) -> tuple[list[Any], TreeSpec]:
    """The leaves of a tree, and how it was nested."""
    return tree_leaves(tree), tree_structure(tree)


def tree_structure(tree: Any) -> TreeSpec:
    """How a tree is nested."""
    numbers = iter(range(len(tree_leaves(tree))))
    return TreeSpec(mapped(lambda _: next(numbers), tree))


def tree_unflatten(leaves: Any, treespec: TreeSpec) -> Any:
    """A tree of these leaves, nested as another one was."""
    found = list(leaves)
    return mapped(lambda k: found[k], treespec.numbered)


def tree_map(func: Callable, tree: Any, *rests: Any) -> Any:
    """The same nesting with func of every leaf, and of what stands in its place in other trees."""
    others = [tree_leaves(r) for r in rests]
    places = iter(range(len(tree_leaves(tree))))

    def one(x: Any) -> Any:
        k = next(places)
        return func(x, *[o[k] for o in others])

    return mapped(one, tree)


def tree_map_only(kind: Any, func: Callable, tree: Any) -> Any:
    """The same nesting with func of every leaf of a type."""
    return mapped(lambda x: func(x) if isinstance(x, kind) else x, tree)


def tree_any(pred: Callable, tree: Any) -> bool:
    """Whether it holds of any leaf."""
    return any(map(pred, _leaves(tree)))


def tree_all(pred: Callable, tree: Any) -> bool:
    """Whether it holds of all leaves."""
    return all(map(pred, _leaves(tree)))
