"""PyTorch's `torch.utils._pytree`: nested tuples, lists and dicts, taken apart and put together.

A tree is a leaf, or an object of a type that `SUPPORTED_NODES` knows: exactly that type, not what is derived from it, but for
named tuples. Libraries walk through trees by that table themselves, and make a `TreeSpec` of what they found.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...base.trees import register as _register

__all__ = [
    "LeafSpec",
    "PyTree",
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

PyTree = Any


class NodeDef(NamedTuple):
    """How an object of a type is taken apart, into its parts and what else is to be known of it, and put together again."""

    type: Any
    flatten_fn: Callable
    unflatten_fn: Callable


@dataclass(frozen=True, repr=False)
class TreeSpec:
    """How a tree is nested.

    >>> tree_structure({"a": [1, (2,)]})
    TreeSpec(dict, ['a'], [TreeSpec(list, None, [*, TreeSpec(tuple, None, [*])])])
    """

    type: Any
    context: Any
    children_specs: list[TreeSpec]

    @property
    def num_leaves(self) -> int:
        """How many leaves it has."""
        return 1 if self.is_leaf() else sum([c.num_leaves for c in self.children_specs])

    @property
    def num_children(self) -> int:
        """How many parts its root has."""
        return len(self.children_specs)

    def is_leaf(self) -> bool:
        """Whether the whole tree is a leaf."""
        return self.type is None

    def children(self) -> list[TreeSpec]:
        """How its parts are nested."""
        return list(self.children_specs)

    def child(self, index: int) -> TreeSpec:
        """How one part is nested."""
        return self.children_specs[index]

    def __repr__(self) -> str:
        if self.is_leaf():
            return "*"
        return f"TreeSpec({self.type.__name__}, {self.context}, {self.children_specs})"


class LeafSpec(TreeSpec):
    """The nesting of a leaf."""

    def __init__(self) -> None:
        super().__init__(None, None, [])


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


_NODES = (
    NodeDef(tuple, _tuple_flatten, _tuple_unflatten),
    NodeDef(list, _list_flatten, _list_unflatten),
    NodeDef(dict, _dict_flatten, _dict_unflatten),
    NodeDef(namedtuple, lambda t: (list(t), type(t)), lambda values, kind: kind(*values)),
    NodeDef(
        OrderedDict,
        _dict_flatten,
        lambda values, keys: OrderedDict(zip(keys, values, strict=True)),
    ),
    NodeDef(
        defaultdict,
        lambda d: (list(d.values()), [d.default_factory, list(d)]),
        lambda values, made: defaultdict(made[0], zip(made[1], values, strict=True)),
    ),
    NodeDef(deque, lambda d: (list(d), d.maxlen), deque),
)

SUPPORTED_NODES: dict[Any, NodeDef] = {node.type: node for node in _NODES}
"""The types of which trees are made; named tuples are all under `namedtuple`."""


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
    SUPPORTED_NODES[cls] = NodeDef(cls, flatten_fn, unflatten_fn)
    _register(cls, flatten_fn, unflatten_fn)


_register_pytree_node = register_pytree_node


def _get_node_type(tree: Any) -> Any:
    """The type under which `SUPPORTED_NODES` knows an object, or does not."""
    kind = type(tree)
    return namedtuple if issubclass(kind, tuple) and hasattr(kind, "_fields") else kind


def tree_flatten(
    tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> tuple[list[Any], TreeSpec]:
    """The leaves of a tree, and how it was nested; `is_leaf` may say of an object that it is not to be taken apart."""
    kind = _get_node_type(tree)
    if kind not in SUPPORTED_NODES or (is_leaf is not None and is_leaf(tree)):
        return [tree], LeafSpec()
    parts, context = SUPPORTED_NODES[kind].flatten_fn(tree)
    found = [tree_flatten(part, is_leaf) for part in parts]
    leaves = [leaf for leaves, _ in found for leaf in leaves]
    return leaves, TreeSpec(kind, context, [spec for _, spec in found])


def tree_leaves(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """What stands in a tree, in order."""
    return tree_flatten(tree, is_leaf)[0]


def tree_iter(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> Iterator[Any]:
    """The same, one after another."""
    return iter(tree_leaves(tree, is_leaf))


def tree_structure(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> TreeSpec:
    """How a tree is nested."""
    return tree_flatten(tree, is_leaf)[1]


def tree_unflatten(leaves: Any, treespec: TreeSpec) -> Any:
    """A tree of these leaves, nested as another one was.

    Raises:
        ValueError: another number of leaves than that tree has.
    """
    found = list(leaves)
    if len(found) != treespec.num_leaves:
        raise ValueError(f"tree_unflatten: {len(found)} leaves for a tree of {treespec.num_leaves}")
    return _together(iter(found), treespec)


def _together(leaves: Iterator[Any], spec: TreeSpec) -> Any:
    if spec.is_leaf():
        return next(leaves)
    parts = [_together(leaves, child) for child in spec.children_specs]
    return SUPPORTED_NODES[spec.type].unflatten_fn(parts, spec.context)


def tree_map(
    func: Callable, tree: Any, *rests: Any, is_leaf: Callable[[Any], bool] | None = None
) -> Any:
    """The same nesting with func of every leaf, and of what stands in its place in other trees.

    Raises:
        ValueError: another tree has not as many leaves.
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [tree_leaves(rest, is_leaf) for rest in rests]
    return tree_unflatten(map(func, leaves, *others), spec)


def tree_map_only(
    kind: Any, func: Callable, tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> Any:
    """The same nesting with func of every leaf of a type."""
    return tree_map(lambda x: func(x) if isinstance(x, kind) else x, tree, is_leaf=is_leaf)


def tree_any(pred: Callable, tree: Any) -> bool:
    """Whether it holds of any leaf."""
    return any(map(pred, tree_iter(tree)))


def tree_all(pred: Callable, tree: Any) -> bool:
    """Whether it holds of all leaves."""
    return all(map(pred, tree_iter(tree)))
