"""Writing a file so that it is there whole or not at all, and the error that says why not."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..base.errors import ChainruleError

__all__ = [
    "SaveError",
    "append_bytes",
    "append_line",
    "refusals",
    "unfinished",
    "write_whole",
    "writing",
]


class SaveError(ChainruleError, OSError):
    """A file that the system refused to write: a full disk, no permission, no such folder.

    `errno` and `strerror` are the system's reason, `filename` is the path. What was saved before is
    untouched.
    """


@contextlib.contextmanager
def refusals(path: Path) -> Iterator[None]:
    """While the block runs, what the system refuses becomes a `SaveError` about `path`."""
    try:
        yield
    except SaveError:
        raise
    except OSError as e:
        raise SaveError(e.errno, e.strerror or str(e), str(path)) from e


@contextlib.contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A `with` block that writes the file `path`, which changes only when the block has ended well.

    What is written goes to a temporary file beside it, which is flushed to the disk and then
    renamed. A crash at any moment leaves the old file or the new one, never a part.

    Raises:
        SaveError: the system refused; the temporary file is removed, an old file at `path` stays.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "notes.txt"
    >>> with writing(path) as f:
    ...     _ = f.write(b"all of it")
    >>> path.read_bytes()
    b'all of it'
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with refusals(path):
        try:
            with open(temporary, "wb") as f:
                yield f
                f.flush()
                os.fsync(f.fileno())
            os.replace(temporary, path)
        except BaseException:  # a KeyboardInterrupt too must not leave the temporary file
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        _sync_folder(path.parent)


def unfinished(path: Path) -> bool:
    """Whether this is what `writing` left when it was killed: a file that nobody will miss.

    >>> unfinished(Path("run/.config.json.4711.tmp")), unfinished(Path("run/config.json"))
    (True, False)
    """
    return re.fullmatch(r"\..+\.\d+\.tmp", path.name) is not None


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Make `content` the file `path`, as `writing` does.

    Raises:
        SaveError: the system refused.
    """
    with writing(path) as f:
        f.write(content)


def _sync_folder(folder: Path) -> None:
    """On POSIX a rename is on the disk when its folder is. Windows cannot open folders, and does
    not need it.
    """
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def append_line(path: Path, line: str) -> None:
    """Add one line of text to a file, which is made if need be.

    Raises:
        SaveError: the system refused.
    """
    append_bytes(path, (line + "\n").encode())


def append_bytes(path: Path, content: bytes) -> None:
    """Add bytes to a file, which is made if need be.

    Raises:
        SaveError: the system refused.
    """
    with refusals(path), open(path, "ab") as f:
        f.write(content)
