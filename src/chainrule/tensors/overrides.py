"""Classes derived from Tensor, and what they have to say in ops: `__torch_function__`, as in PyTorch.

    class Named(Tensor):
        ...
    (x.as_subclass(Named) * 2).relu()      # a Named

What an op makes of tensors of a derived class is of that class, because the method that decides it, `Tensor.__torch_function__`, says so.
A class may have one of its own: it is called in place of the op, with the op, the classes, the operands and the attributes, and
calls `super().__torch_function__` for what the op does. Parameters have no say: what is computed with them is a plain Tensor.

Differs from PyTorch: what is called is the op, not the function or the method that the user wrote (`x.mean()` and `mean(x)` are both
`ops.mean`); only tensors are asked, not other objects that have such a method; and what takes no operand but a shape or a dtype
(`zeros_like`, `new_zeros`) makes plain tensors.

Dispatch does not look for such classes until there is one: the first that is derived changes what records ops.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..base.errors import ChainruleError, DTypeError

__all__ = ["disabled_torch_function", "handle_torch_function", "has_torch_function", "with_a_say"]


class _Plain(threading.local):
    on = False  # every tensor is a plain one: an op does what it does


_plain = _Plain()


@contextlib.contextmanager
def plain() -> Iterator[None]:
    """A block in which classes have no say."""
    before, _plain.on = _plain.on, True
    try:
        yield
    finally:
        _plain.on = before


def disabled_torch_function(
    func: Callable, types: Iterable[type], args: tuple = (), kwargs: dict | None = None
) -> Any:
    """The `__torch_function__` of a class without a say: what the function does."""
    with plain():
        return func(*args, **(kwargs or {}))


def keeping_the_class(cls: type, func: Callable, args: tuple, kwargs: dict | None) -> Any:
    """The `__torch_function__` of Tensor: what the function does, and its tensors of the class."""
    with plain():
        out = func(*args, **(kwargs or {}))
        return _of_class(out, cls, [id(a) for a in args])


def _of_class(out: Any, cls: Any, operands: list[int]) -> Any:
    if isinstance(out, tuple | list):
        parts = [_of_class(o, cls, operands) for o in out]
        return type(out)(*parts) if hasattr(out, "_fields") else type(out)(parts)
    from .core import Tensor

    if not isinstance(out, Tensor) or isinstance(out, cls):
        return out
    return as_subclass(out, cls)


def as_subclass(x: Any, cls: type) -> Any:
    """The same elements and history as a tensor of a derived class; a write through either is seen by both."""
    from .core import Tensor

    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise DTypeError(f"as_subclass takes a class derived from Tensor, found {cls!r}")
    with plain():
        out = x.view(x.shape)
    out.__class__ = cls
    return out


def detach_in_class(self: Any) -> Any:
    """The same memory without history, of the same class."""
    from .core import Tensor

    out = Tensor.detach(self)
    out.__class__ = type(self)
    return out


def with_a_say(values: Iterable[Any]) -> list:
    """The first value of each class that has a say, classes before those they are derived from."""
    from .core import Tensor

    first: dict[type, Any] = {}
    for v in values:
        own = getattr(type(v), "__torch_function__", None)
        if own is not None and own is not disabled_torch_function and type(v) is not Tensor:
            first.setdefault(type(v), v)
    found: list = []
    for cls, v in first.items():
        k = next((k for k, other in enumerate(found) if issubclass(cls, type(other))), len(found))
        found.insert(k, v)
    return found


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """Whether any of the values is of a class with a say."""
    return not _plain.on and bool(with_a_say(relevant_args))


def handle_torch_function(
    public_api: Callable, relevant_args: Iterable[Any], *args: Any, **kwargs: Any
) -> Any:
    """What the classes of the values say that a function gives: the first answer that is not NotImplemented.

    Raises:
        DTypeError: none of them has an answer.
    """
    asked = with_a_say(relevant_args)
    types = tuple([type(v) for v in asked])
    for v in asked:
        out = type(v).__torch_function__(public_api, types, args, kwargs)
        if out is not NotImplemented:
            return out
    name = getattr(public_api, "__name__", public_api)
    raise DTypeError(
        f"no __torch_function__ of {', '.join([t.__name__ for t in types])} has an answer for {name}"
    )


def asking(record: Callable) -> Callable:
    """What records ops, once there are classes with a say: they are asked first."""

    def asked(op: Any, args: tuple, attrs: dict) -> Any:
        if _plain.on or not has_torch_function(args):
            return record(op, args, attrs)
        return handle_torch_function(op, args, *args, **attrs)

    return asked


def make_subclass(cls: type, data: Any, require_grad: bool = False) -> Any:
    """A tensor of a derived class on the memory of `data`, without its history."""
    out = as_subclass(data.detach(), cls)
    return out.requires_grad_(require_grad)


def refuse_wrapper(cls: type, *args: Any, **kwargs: Any) -> Any:
    """Refused: a tensor is what lies in its memory."""
    raise ChainruleError(
        "Tensor._make_wrapper_subclass: a tensor without memory, whose ops are all computed by its class, is not there\n"
        "  hint: Tensor._make_subclass(cls, data) stands on the memory of data"
    )
