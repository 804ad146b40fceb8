"""Tuples of results whose elements have names too, PyTorch's `return_types`."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

__all__ = ["result_type"]


class Result(tuple):
    """Several tensors that one call returns, by place and by name."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def __new__(cls, *elements: Any) -> Result:
        return tuple.__new__(cls, elements)

    def __repr__(self) -> str:
        named = [f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True)]
        return f"{type(self).__name__}({', '.join(named)})"

    def __reduce__(self) -> tuple:
        return _again, (type(self).__name__, self._fields, tuple(self))


def result_type(name: str, *fields: str) -> type[Any]:
    """A type of results. (`collections.namedtuple` compiles a text for each, which takes ten times as
    long; there are thirty of them.)

    >>> result_type("extremes", "low", "high")(2, 7)
    extremes(low=2, high=7)
    """
    places = {field: property(itemgetter(k)) for k, field in enumerate(fields)}
    return type(name, (Result,), {"__slots__": (), "_fields": fields, **places})


def _again(name: str, fields: tuple[str, ...], elements: tuple) -> Any:
    """A result that was pickled or copied."""
    return result_type(name, *fields)(*elements)
