"""Zip archives, read with suspicion: by name and range of bytes, nothing extracted to the disk.

Before a member is read it is known that its name is plain, that it lies inside of the file and apart
from every other member, and that its size is one that its compressed bytes can have. So an archive
can neither name a place outside of itself nor blow up: all members together are at most 1032 times
the file (what deflate can do), and stored ones no larger than the file.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from typing import BinaryIO

import numpy as np

from ..base.errors import FormatError

__all__ = ["Archive"]

DEFLATE_RATIO = 1032
LOCAL_HEADER = struct.Struct("<4s5H3I2H")
CHUNK = 1 << 20
ENCRYPTED = 1
DAMAGE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    UnicodeError,
    ValueError,
)
"""What `zipfile` raises on archives that are none."""

SMALLEST = 22
"""Bytes of an archive without members: the record at its end."""


class Archive:
    """The members of a zip archive.

    Args:
        file: open for reading, seekable; not closed.
        name: the name of the file, for errors.
        compressed: whether members may be compressed.

    Raises:
        FormatError: no zip archive, or one that lies.
    """

    def __init__(self, file: BinaryIO, name: str, *, compressed: bool):
        self.file, self.name = file, name
        self.size = file.seek(0, 2)
        file.seek(0)
        none = f"{name}: expected a zip archive, found a file that is not"
        if self.size < SMALLEST:
            raise FormatError(f"{none}: it has {self.size} bytes")
        try:
            self._zip = zipfile.ZipFile(file)
            infos = self._zip.infolist()
        except UnicodeError as e:
            raise FormatError(f"{none}: the name of a member is no UTF-8") from e
        except DAMAGE as e:
            raise FormatError(f"{none}: {e}") from e
        self.members: dict[str, zipfile.ZipInfo] = {}
        self._starts: dict[str, int] = {}
        for info in infos:
            self._check(info, compressed)
            self.members[info.filename] = info
        self._check_apart()

    def _check(self, info: zipfile.ZipInfo, compressed: bool) -> None:
        where = f"{self.name}: member {info.filename!r:.120}"
        parts = info.filename.split("/")
        if (
            info.filename != info.orig_filename
            or "\\" in info.filename
            or any(part in ("", ".", "..") for part in parts)
        ):
            raise FormatError(
                f"{where}: expected a plain relative name, found {info.orig_filename!r:.120}"
            )
        if info.filename in self.members:
            raise FormatError(f"{where} stands in the archive twice")
        if info.flag_bits & ENCRYPTED:
            raise FormatError(f"{where} is encrypted, which is not read")
        if info.compress_type == zipfile.ZIP_STORED:
            if info.file_size != info.compress_size:
                raise FormatError(
                    f"{where}: stored without compression, so both its sizes must be equal, "
                    f"found {info.file_size} and {info.compress_size}"
                )
        elif info.compress_type != zipfile.ZIP_DEFLATED or not compressed:
            allowed = "stored or deflated" if compressed else "stored without compression"
            raise FormatError(
                f"{where}: expected it {allowed}, found compression method {info.compress_type}"
            )
        elif info.file_size > DEFLATE_RATIO * info.compress_size:
            raise FormatError(
                f"{where}: {info.compress_size} compressed bytes cannot become {info.file_size}"
            )
        self._starts[info.filename] = self._start(info, where)

    def _start(self, info: zipfile.ZipInfo, where: str) -> int:
        """Where the bytes of a member begin: after its local header, whose name must agree."""
        header = b""
        if 0 <= info.header_offset < self.size:  # `zipfile` takes what the directory says
            self.file.seek(info.header_offset)
            header = self.file.read(LOCAL_HEADER.size)
        if len(header) < LOCAL_HEADER.size or not header.startswith(b"PK\3\4"):
            raise FormatError(f"{where}: expected its header at offset {info.header_offset}")
        *_, name_size, extra_size = LOCAL_HEADER.unpack(header)
        encoding = "utf-8" if info.flag_bits & 0x800 else "cp437"
        if self.file.read(name_size) != info.orig_filename.encode(encoding, "replace"):
            raise FormatError(
                f"{where}: its header at offset {info.header_offset} has another name"
            )
        return info.header_offset + LOCAL_HEADER.size + name_size + extra_size

    def _check_apart(self) -> None:
        """No two members share bytes, and all end inside of the file."""
        spans = sorted(
            (info.header_offset, self._starts[name] + info.compress_size, name)
            for name, info in self.members.items()
        )
        before = 0
        for start, end, name in spans:
            if start < before or end > self.size:
                raise FormatError(
                    f"{self.name}: member {name!r:.120} lies at bytes {start} to {end}, which "
                    f"{'belong to another member' if start < before else 'the file does not have'}"
                )
            before = end

    def span(self, name: str) -> tuple[int, int]:
        """(offset, size) of the bytes of a stored member in the file."""
        return self._starts[name], self.members[name].file_size

    def read(self, name: str) -> bytes:
        """The content of a member, its checksum verified.

        Raises:
            FormatError: damaged.
        """
        return self.array(name).tobytes()

    def array(self, name: str) -> np.ndarray:
        """The content of a member as uint8, in memory of its own; its checksum is verified.

        Raises:
            FormatError: damaged.
        """
        info = self.members[name]
        out = np.empty(info.file_size, np.uint8)
        done = 0
        try:
            with self._zip.open(info) as f:
                while piece := f.read(CHUNK):
                    if done + len(piece) > len(out):
                        raise zipfile.BadZipFile("it is longer than its header says")
                    out[done : done + len(piece)] = np.frombuffer(piece, np.uint8)
                    done += len(piece)
        except DAMAGE as e:
            raise FormatError(f"{self.name}: member {name!r:.120} is damaged: {e}") from e
        if done != len(out):
            raise FormatError(
                f"{self.name}: member {name!r:.120}: expected {len(out)} bytes, found {done}"
            )
        return out
