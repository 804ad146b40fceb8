"""Machine code: LLVM IR text in, addresses of functions out.

A `Library` is one module of IR, compiled (`toolchain`) and brought into memory (`objects`). Compiled
code is kept between runs (`kept`), under a hash of all that it depends on: the text, the processor,
the version of LLVM and of the choices made here. A program whose code is found there never meets
LLVM.
"""

from __future__ import annotations

import hashlib
import struct

from ..base.errors import ChainruleError, FormatError
from . import kept, toolchain
from .objects import Image
from .target import Target

__all__ = ["Library"]


class Library:
    """One module of LLVM IR as machine code, which lives as long as this object.

    Args:
        text: the module, as `code.module` writes it.
        target: the processor to compile for; this machine's unless given.

    Raises:
        ChainruleError: if LLVM refuses the text, or a function it calls exists nowhere.
    """

    def __init__(self, text: str, target: Target | None = None):
        self.text, self.target = text, target or Target.host()
        self.name = entry_name(text, self.target)
        found = _found(self.name)
        self.from_cache = found is not None
        if found is None:
            objects = toolchain.objects(text, self.target.cpu, self.target.features)
            found = self._linked(objects)
            kept.remember(self.name, _joined(objects))
        self._settle(found)

    @classmethod
    def under(cls, name: str, target: Target) -> Library | None:
        """The code that is kept under the name of an earlier library; None if there is none that can
        be used. It has no text."""
        found = _found(name)
        if found is None:
            return None
        made = cls.__new__(cls)
        made.text, made.target, made.name, made.from_cache = "", target, name, True
        made._settle(found)
        return made

    def _settle(self, images: list[Image]) -> None:
        self._images = images
        self._addresses = {k: v for image in images for k, v in image.functions.items()}

    def address(self, name: str) -> int:
        """Where a function starts. Valid while the library lives."""
        if name not in self._addresses:
            has = ", ".join(self._addresses) or "none"
            raise ChainruleError(f"no function {name!r} in this library; it has {has}")
        return self._addresses[name]

    def assembly(self, name: str) -> str:
        """A function as assembly, for people to read: its text is compiled again."""
        self.address(name)
        lines = toolchain.assembly(self.text, self.target.cpu, self.target.features).splitlines()
        start = next(k for k, line in enumerate(lines) if line.startswith(f"{name}:"))
        stop = next(k for k in range(start, len(lines)) if lines[k].startswith(".Lfunc_end"))
        return "\n".join(lines[start:stop])

    def _linked(self, objects: list[bytes]) -> list[Image]:
        try:
            return [Image(each) for each in objects]
        except FormatError:
            raise
        except ChainruleError as error:
            message = f"this module cannot be linked for {self.target.cpu}: {error}"
            raise ChainruleError(message) from None


def _found(name: str) -> list[Image] | None:
    """The code kept under a name, in memory; None if there is none that can be used."""
    entry = kept.recall(name)
    try:
        return None if entry is None else [Image(each) for each in _parted(entry)]
    except FormatError:
        return None


def entry_name(text: str, target: Target) -> str:
    """The hash of all that machine code depends on."""
    parts = [kept.FORMAT, toolchain.version(), target.cpu, target.features, text]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _joined(objects: list[bytes]) -> bytes:
    """An entry: each object with its length before it."""
    return b"".join([struct.pack("<Q", len(each)) + each for each in objects])


def _parted(entry: bytes) -> list[bytes]:
    """The objects of an entry."""
    objects, at = [], 0
    while at < len(entry):
        if at + 8 > len(entry):
            raise FormatError(f"kept code: an object's length would end at byte {at + 8}")
        (size,) = struct.unpack_from("<Q", entry, at)
        objects.append(entry[at + 8 : at + 8 + size])
        at += 8 + size
    return objects
