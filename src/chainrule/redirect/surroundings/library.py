"""PyTorch's `torch.library`: functions of a program's own, registered under a name, with a gradient of their own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ...base.errors import ArgumentError
from ...transforms.function import Function
from .absent import absent_in

__all__ = ["CustomOpDef", "custom_op", "register_autograd", "register_fake", "register_kernel"]

known: dict[str, CustomOpDef] = {}
"""Name, as in "mine::twice" → the function."""


class CustomOpDef:
    """A function that was registered; called like the function.

    Its gradient is what `register_autograd` says, else that of its body. Its shapes are found by running it.
    """

    def __init__(self, name: str, function: Callable):
        self.name, self.function = name, function
        self.__name__, self.__doc__ = name.rpartition("::")[2], function.__doc__
        self._applied: Callable | None = None
        known[name] = self

    @property
    def default(self) -> CustomOpDef:
        """Itself: there is one form of it."""
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given = inspect.signature(self.function).bind(*args, **kwargs)
        given.apply_defaults()
        if self._applied is None:
            return self.function(*given.args, **given.kwargs)
        return self._applied(*given.arguments.values())

    def register_fake(self, fn: Callable, /) -> Callable:
        """Without effect: the function itself says what shapes it makes."""
        return fn

    def register_kernel(self, device_types: Any, fn: Callable | None = None, /) -> Any:
        """Let another function be run, if it is for the CPU or for all devices."""

        def take(function: Callable) -> Callable:
            if device_types is None or "cpu" in device_types:
                self.function = function
            return function

        return take if fn is None else take(fn)

    def register_autograd(
        self, backward: Callable, /, *, setup_context: Callable | None = None
    ) -> None:
        """Let `backward(ctx, *gradients)` make a gradient for each argument, or None, of what `setup_context(ctx, inputs, output)`
        has kept.
        """
        own = self

        class Registered(Function):
            @staticmethod
            def forward(*args: Any) -> Any:
                return own.function(*args)

            @staticmethod
            def setup_context(ctx: Any, inputs: tuple, output: Any) -> None:
                if setup_context is not None:
                    setup_context(ctx, inputs, output)

        Registered.backward = staticmethod(backward)  # type: ignore[method-assign]
        Registered.__name__ = self.__name__
        self._applied = Registered.apply

    def __repr__(self) -> str:
        return f"<CustomOpDef({self.name})>"


def custom_op(
    name: str,
    fn: Callable | None = None,
    /,
    *,
    mutates_args: Any = (),
    device_types: Any = None,
    schema: str | None = None,
    tags: Any = None,
) -> Any:
    """Register a function under a name, "namespace::name"; with one argument, the decorator that does.

    Args:
        name: it is found as `torch.ops.namespace.name`, too.
        fn: the function.
        mutates_args, device_types, schema, tags: tell PyTorch's compiler what the function does; here it is run, which shows.

    Raises:
        ArgumentError: the name has no namespace.
    """
    if name.count("::") != 1:
        raise ArgumentError(f"custom_op takes a name such as 'mine::twice', found {name!r}")
    return CustomOpDef(name, fn) if fn is not None else lambda f: CustomOpDef(name, f)


def _of(op: Any) -> CustomOpDef:
    if isinstance(op, CustomOpDef):
        return op
    if op not in known:
        raise ArgumentError(f"no function was registered as {op!r}")
    return known[op]


def register_fake(op: Any, func: Callable | None = None, /, **options: Any) -> Any:
    """Without effect: the function itself says what shapes it makes. Also a decorator."""
    return (lambda f: f) if func is None else func


impl_abstract = register_fake


def register_kernel(
    op: Any, device_types: Any, func: Callable | None = None, /, **options: Any
) -> Any:
    """`CustomOpDef.register_kernel` of a function, or of its name."""
    return _of(op).register_kernel(device_types, func)


def register_autograd(
    op: Any, backward: Callable, /, *, setup_context: Callable | None = None, lib: Any = None
) -> None:
    """`CustomOpDef.register_autograd` of a function, or of its name."""
    _of(op).register_autograd(backward, setup_context=setup_context)


__getattr__ = absent_in("library")
