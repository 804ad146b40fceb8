"""Storage: the memory that tensors share."""

from __future__ import annotations

from typing import Any

from ..base.lines import Place

__all__ = ["Size", "Storage"]


class Storage:
    """A value that tensors look at: `value` is a raw array, or a Tracer while a trace is active;
    `version` counts writes.

    `written` is the place of the last write, for the error that says who overwrote what.
    """

    version = 0
    written: Place | None = None

    def __init__(self, value: Any):
        self.value = value


class Size(tuple):
    """A shape: a tuple of ints with `numel()`."""

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements."""
        n = 1
        for s in self:
            n *= s
        return n

    def __repr__(self) -> str:
        return f"chainrule.Size({list(self)})"
