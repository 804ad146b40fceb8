"""Storage: the memory that tensors share."""

from __future__ import annotations

from typing import Any

from ..base.lines import Place

__all__ = ["Alias", "Size", "Storage"]


class Storage:
    """A value that tensors look at: `value` is a raw array, or a Tracer while a trace is active;
    `version` counts writes.

    `written` is the place of the last write, for the error that says who overwrote what.
    """

    version = 0
    written: Place | None = None

    def __init__(self, value: Any):
        self.value = value


class Alias(Storage):
    """The memory of another storage under another dtype: the two are written together."""

    def __init__(self, value: Any, other: Storage):
        super().__init__(value)
        self.other = other

    @property
    def version(self) -> int:
        """The other's count of writes."""
        return self.other.version

    @version.setter
    def version(self, count: int) -> None:
        self.other.version = count

    @property
    def written(self) -> Place | None:
        """The place of the last write to either."""
        return self.other.written

    @written.setter
    def written(self, place: Place | None) -> None:
        self.other.written = place


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
