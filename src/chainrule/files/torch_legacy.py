"""PyTorch's files from before version 1.6, which older checkpoints are: pickles, one behind the other, then memory.

    a number by which the format is known; the number of the protocol; a dictionary about the machine
    the tree; a tensor in it is a call of `_rebuild_tensor_v2`, with a storage that is named
    a list of the names of the storages
    for each of these, in this order: how many elements it has (int64), and these

A tree comes before the memory it looks at, and only its end tells where that lies. So it is read twice: first with storages of zeros,
which take no memory, then with those of the file.

Source: PyTorch 1.5, torch/serialization.py; the format, not the code.
"""

from __future__ import annotations

import sys
from typing import Any, BinaryIO

import numpy as np

from ..base.dtypes import DType
from ..base.errors import FormatError
from .memory import Memory
from .pickles import Named, interpret_from
from .torch_reader import LEGACY, Reader, why_not

__all__ = ["LegacyReader"]

PROTOCOL = 1001


def _content(file: BinaryIO, where: str) -> bytearray:
    """The whole file, behind the number that has been read."""
    at = file.tell()
    rest = file.seek(0, 2) - at
    file.seek(at)
    try:
        content = bytearray(len(LEGACY) + rest)
    except MemoryError:
        raise FormatError(
            f"{where}: expected a file that fits into memory, found {rest} bytes; mmap=True reads what is used of it"
        ) from None
    content[: len(LEGACY)] = LEGACY
    place = memoryview(content)[len(LEGACY) :]
    while len(place) and (done := file.readinto(place)):  # type: ignore[attr-defined]
        place = place[done:]
    return content


class LegacyReader(Reader):
    """One file while it is read, behind the number by which it is known."""

    def __init__(self, file: BinaryIO, where: str, mmap: bool):
        self.where = where
        self.swap = False
        self.map = self.mapped(file) if mmap else None
        self.data: Any = self.map if self.map is not None else _content(file, where)
        self.total = len(self.data)
        self.storages: dict[str, tuple[DType | None, Memory]] = {}
        self.program: Any = self.data
        self.copied = self.made = 0
        self.places: dict[str, tuple[int, int]] | None = None  # where storages lie, and their bytes

    def tree(self) -> Any:
        """What the pickle describes."""
        protocol, place = self.one(len(LEGACY))
        machine, start = self.one(place)
        if protocol != PROTOCOL or not isinstance(machine, dict):
            raise FormatError(
                f"{self.where}: expected protocol {PROTOCOL} of PyTorch's legacy format, found {protocol!r:.40}"
            )
        self.swap = machine.get("little_endian", True) is not (sys.byteorder == "little")
        if self.swap and self.map is not None:
            raise FormatError(
                f"{self.where}: written on a machine of other byte order, mmap=True cannot read it"
            )
        _, end = self.one(start)
        keys, place = self.one(end)
        self.places = self._places(keys, place)
        self.storages, self.copied, self.made = {}, 0, 0
        return self.one(start)[0]

    def one(self, place: int) -> tuple[Any, int]:
        """The object of a pickle, and where it ends."""
        return interpret_from(self.data, place, self.names(), self.storage, self.where, why_not)

    def storage(self, identity: Any) -> tuple[DType | None, Memory]:
        """As of `Reader`; an identity has a sixth part, which is None."""
        match identity:
            case ("storage", Named(), str(), str(), int(), None):
                return super().storage(identity[:5])
        raise FormatError(
            f"expected the identity of a storage (storage, type, key, place, size, None), found {identity!r:.200}"
        )

    def _places(self, keys: Any, place: int) -> dict[str, tuple[int, int]]:
        """Where each storage lies."""
        if not isinstance(keys, list) or set(map(str, keys)) != set(self.storages):
            raise FormatError(
                f"{self.where}: expected the names of the tree's storages behind it, found {keys!r:.80}"
            )
        places: dict[str, tuple[int, int]] = {}
        for key in map(str, keys):
            dtype, memory = self.storages[key]
            count = int.from_bytes(
                self.data[place : place + 8], "little" if not self.swap else "big"
            )
            size = len(memory.flat) * (dtype.itemsize if dtype else 1)
            if count != len(memory.flat) or place + 8 + size > self.total:
                raise FormatError(
                    f"{self.where}: offset {place}: storage {key!r}: expected {len(memory.flat)} elements, found {count}, "
                    f"and {max(self.total - place - 8, 0)} bytes for {size}"
                )
            places[key] = (place + 8, size)
            place += 8 + size
        return places

    def elements(self, key: str, dtype: DType | None, count: int) -> np.ndarray:
        """The elements of a storage; zeros while it is not known where they are."""
        stored = dtype.numpy if dtype else np.dtype(np.uint8)
        if not 0 <= count * stored.itemsize <= self.total:
            raise FormatError(
                f"storage {key!r}: {count} elements of {stored.itemsize} bytes are no part of a file of {self.total}"
            )
        if self.places is None:
            return np.zeros(count, stored)
        flat = np.frombuffer(self.data, stored, count, self.places[key][0])
        flat = flat if flat.flags.aligned and flat.flags.writeable else flat.copy()
        return flat.byteswap(inplace=True) if self.swap and dtype else flat
