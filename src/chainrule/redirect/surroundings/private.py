"""Names of PyTorch's that begin with an underscore and that model files use all the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...tensors import Tensor, tensor

__all__: list[str] = []


def _assert(condition: Any, message: str) -> None:
    """Refuse what does not hold."""
    if not condition:
        raise AssertionError(message)


def _assert_async(condition: Any, message: str = "") -> None:
    """The same; nothing is asynchronous here."""
    _assert(condition, message)


def _check(condition: Any, message: Callable[[], Any] | None = None) -> None:
    """Refuse what does not hold; the message is made when it is needed."""
    if not condition:
        raise RuntimeError(str(message()) if message is not None else "a check failed")


def _shape_as_tensor(x: Tensor) -> Tensor:
    """The sizes of a tensor, as one."""
    return tensor(list(x.shape)).long()


def foreach(name: str) -> Callable:
    """`_foreach_add_` and its like: a method of every tensor of a list, with the other lists' elements in its place."""
    method = name.removeprefix("_foreach_")

    def each(tensors: Sequence[Tensor], *others: Any, **options: Any) -> Any:
        found = []
        for k, x in enumerate(tensors):
            own = [o[k] if isinstance(o, list | tuple) else o for o in others]
            if method in ("maximum", "maximum_", "minimum", "minimum_"):
                low = method.startswith("max")
                bound = "min" if low else "max"
                out = x.clamp_ if method.endswith("_") else x.clamp
                found.append(out(**{bound: own[0]}))
            else:
                found.append(getattr(x, method)(*own, **options))
        return None if method.endswith("_") else tuple(found)

    each.__name__, each.__doc__ = name, f"`{method}` of every tensor of a list."
    return each
