"""Storage: the memory that tensors share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..base import shapes
from ..base.lines import Place
from ..ops.outline import Outline

__all__ = ["Alias", "Size", "Storage", "UntypedStorage"]

KEPT = 32  # writes past the tape that a storage remembers
TRIES = 10_000  # steps of NumPy's search for an element of two arrays, which then counts as found


class Storage:
    """A value that tensors look at: `value` is a raw array, or a Tracer while a trace is active;
    `version` counts writes.

    `written` is the place of the last write, for the error that says who overwrote what.
    """

    version = 0
    written: Place | None = None
    parts: tuple[tuple[int, np.ndarray], ...] = ()
    """The last writes of some elements alone that went past the tape (`.data`): the version that each
    replaced, and the memory it wrote.
    """

    def __init__(self, value: Any):
        self.value = value

    def note(self, written: np.ndarray) -> None:
        """A write that goes past the tape, before it is counted."""
        # the oldest are forgotten: as if it were not known what they wrote
        whole = written.size >= self.value.size
        self.parts = () if whole else (*self.parts[1 - KEPT :], (self.version, written))

    def touched_since(self, version: int, saved: Iterable[Any]) -> bool:
        """Whether a write since then may have changed one of these arrays: any that the tape saw, or one past
        it to memory that an array has.
        """
        later = [part for replaced, part in self.parts if replaced >= version]
        if len(later) < self.version - version:
            return True
        arrays = [v for v in saved if isinstance(v, np.ndarray)]
        # NumPy takes any number of steps; its type stubs name two
        return any([np.may_share_memory(v, p, max_work=TRIES) for p in later for v in arrays])  # type: ignore[arg-type]


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


class UntypedStorage:
    """The bytes of a storage, as PyTorch shows them."""

    device = "cpu"

    def __init__(self, value: Any):
        self._value = value
        if value.__class__ is Outline:
            self.device = "meta"

    def data_ptr(self) -> int:
        """The address of the first byte; 0 on the device 'meta'."""
        if self._value.__class__ is Outline:
            return 0
        return self._value.__array_interface__["data"][0]

    @classmethod
    def from_file(cls, filename: str, shared: bool = False, nbytes: int = 0) -> UntypedStorage:
        """The first bytes of a file as memory, of which nothing is read before it is used. What is written goes to the file
        if `shared`, else it is seen by this process alone.
        """
        return cls(np.asarray(np.memmap(filename, np.uint8, "r+" if shared else "c", 0, (nbytes,))))

    def untyped(self) -> UntypedStorage:
        """Itself."""
        return self

    def __getitem__(self, index: slice) -> UntypedStorage:
        return UntypedStorage(self._value.reshape(-1).view(np.uint8)[index])

    @property
    def __array_interface__(self) -> dict[str, Any]:  # by which `asarray` makes a tensor on it
        return self._value.reshape(-1).view(np.uint8).__array_interface__

    def nbytes(self) -> int:
        """How many bytes."""
        return shapes.size(self._value.shape) * self._value.itemsize

    size = __len__ = nbytes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and hash(self) == hash(other)

    def __hash__(self) -> int:
        return hash((self.data_ptr(), self.nbytes()))


_at = tuple.__getitem__


class Size(tuple):
    """A shape: a tuple of ints with `numel()`. What is cut out of it, or put together with it, is one too.

    >>> Size((2, 3, 5))[1:].numel(), (7,) + Size((2, 3)), Size((2,)) * 2
    (15, chainrule.Size([7, 2, 3]), chainrule.Size([2, 2]))
    """

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        found = _at(self, key)
        return Size(found) if key.__class__ is slice else found

    def __add__(self, other: Any) -> Any:
        return Size(tuple.__add__(self, other))

    def __radd__(self, other: Any) -> Any:
        return Size((*other, *self)) if isinstance(other, tuple) else NotImplemented

    def __mul__(self, times: Any) -> Any:
        return Size(tuple.__mul__(self, times))

    __rmul__ = __mul__

    def numel(self) -> int:
        """The number of elements."""
        n = 1
        for s in self:
            n *= s
        return n

    def __repr__(self) -> str:
        return f"chainrule.Size({list(self)})"
