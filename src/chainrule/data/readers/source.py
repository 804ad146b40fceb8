"""The bytes of a file, from the first to the last, whether it is compressed or not.

A `Source` gives exactly as many bytes as it is asked for, or a `FormatError` that says at which
offset they ended. It never allocates more than a file of that size can hold: gzip (deflate) makes at
most 1032 bytes of one, so a header that announces more is refused before a byte is read.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np

from ...base.errors import FormatError
from ...files.reading import open_file

__all__ = ["Source", "check_padding", "digest_of"]

GZIP = b"\x1f\x8b"
DEFLATE_RATIO = 1032  # the most bytes that one compressed byte can become
CHUNK = 1 << 20


class Source:
    """A file to be read once, in order.

    A name that ends in `.gz` means gzip, any other name plain bytes; a file whose content says
    otherwise is refused, with the name that it should have.

    Args:
        path: the path of the file.

    Raises:
        FormatError: the content does not fit the name, or is damaged.
        OSError: there is no such file, or it may not be read.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "seven.bin"
    >>> _ = file.write_bytes(b"1234567")
    >>> with Source(file) as source:
    ...     source.take(3, "a number"), source.take(5, "a number")
    Traceback (most recent call last):
        ...
    chainrule.base.errors.FormatError: ...seven.bin: the file is cut off: expected 5 bytes of a number at offset 3, found 4
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        self.offset = 0
        self.size = self.path.stat().st_size
        raw = open_file(self.path)
        self._raw = raw
        try:
            start = raw.read(len(GZIP))
            raw.seek(0)
            self.compressed = self.path.name.endswith(".gz")
            if self.compressed and start != GZIP:
                raise FormatError(
                    f"{self.path}: expected gzip (bytes 1f 8b at offset 0), "
                    f"found {start.hex(' ') or 'an empty file'}; "
                    "if it has been decompressed already, remove .gz from its name"
                )
            if self.compressed:
                check_padding(self.path)
            if not self.compressed and start == GZIP:
                raise FormatError(
                    f"{self.path}: expected an uncompressed file, found gzip "
                    "(bytes 1f 8b at offset 0); add .gz to its name"
                )
        except BaseException:
            raw.close()
            raise
        self._stream: BinaryIO = (
            io.BufferedReader(gzip.GzipFile(fileobj=raw, mode="rb"), CHUNK)  # type: ignore[arg-type]
            if self.compressed
            else raw
        )

    @property
    def most(self) -> int:
        """How many bytes there can be at most, all in all."""
        return self.size * DEFLATE_RATIO if self.compressed else self.size

    def take(self, count: int, what: str) -> bytes:
        """The next `count` bytes.

        Raises:
            FormatError: there are fewer; `what` they were to be is told.
        """
        return self.array(count, what).tobytes()

    def array(self, count: int, what: str) -> np.ndarray:
        """The next `count` bytes, as uint8 in memory of their own.

        Raises:
            FormatError: there are fewer; `what` they were to be is told.
        """
        possible = self.most - self.offset
        if count > possible:
            atmost = "at most " if self.compressed else ""
            raise self._cut_off(count, what, f"{atmost}{max(possible, 0)}")
        out = np.empty(count, np.uint8)
        done = 0
        while done < count:
            with self._damage():
                piece = self._stream.read(min(CHUNK, count - done))
            if not piece:
                raise self._cut_off(count, what, str(done))
            out[done : done + len(piece)] = np.frombuffer(piece, np.uint8)
            done += len(piece)
        self.offset += count
        return out

    def rest(self, most: int, what: str) -> bytes:
        """All bytes that are left, if they are at most `most`.

        Raises:
            FormatError: there are more.
        """
        pieces: list[bytes] = []
        total = 0
        too_many = FormatError(f"{self.path}: expected at most {most} bytes of {what}, found more")
        if not self.compressed and self.size - self.offset > most:
            raise too_many
        while True:
            with self._damage():
                piece = self._stream.read(CHUNK)
            if not piece:
                self.offset += total
                return b"".join(pieces)
            total += len(piece)
            if total > most:
                raise too_many
            pieces.append(piece)

    def end(self, what: str) -> None:
        """Make sure that nothing follows.

        Raises:
            FormatError: something does; it is not `what` it should be.
        """
        with self._damage():
            more = self._stream.read(CHUNK)
        if more:
            count = f"{len(more)} bytes" if len(more) < CHUNK else "more"
            raise FormatError(
                f"{self.path}: expected the end of {what} at offset {self.offset}, found {count} more"
            )

    def _cut_off(self, count: int, what: str, found: str) -> FormatError:
        return FormatError(
            f"{self.path}: the file is cut off: expected {count} bytes of {what} "
            f"at offset {self.offset}, found {found}"
        )

    @contextlib.contextmanager
    def _damage(self) -> Iterator[None]:
        """What the decompressor complains of, as a FormatError."""
        try:
            yield
        except (EOFError, gzip.BadGzipFile, zlib.error) as e:
            raise FormatError(
                f"{self.path}: the gzip stream is damaged or cut off "
                f"after offset {self.offset} of what it holds: {e}"
            ) from e

    def close(self) -> None:
        """Give the file back."""
        self._stream.close()
        self._raw.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def check_padding(path: Path) -> None:
    """Make sure that a gzip file does not end in a sea of zeros, as an interrupted download may leave one: `gzip` takes them for
    padding, and steps over them one at a time.

    Raises:
        FormatError: the last mebibyte is all zeros.
    """
    with open_file(path) as f:
        size = f.seek(0, os.SEEK_END)
        if size >= CHUNK:
            f.seek(size - CHUNK)
            if not f.read(CHUNK).strip(b"\0"):
                raise FormatError(
                    f"{path}: expected gzip to the end at offset {size}, found {CHUNK} zeros or more before it"
                )


def digest_of(path: str | os.PathLike[str], algorithm: str = "sha256") -> str:
    """The checksum of a file's bytes, in hexadecimal.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "empty"
    >>> _ = file.write_bytes(b"")
    >>> digest_of(file)[:16]
    'e3b0c44298fc1c14'
    """
    with open_file(path) as f:
        return hashlib.file_digest(f, algorithm).hexdigest()
