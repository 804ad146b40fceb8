"""Opening what is to be read, if it is a file.

A path may lead to a pipe, whose reader waits until somebody writes, perhaps for ever, or to a device that has no end. What is read
here is looked at before it is opened, so both are refused at once.
"""

from __future__ import annotations

import io
import os
import stat

from ..base.errors import FormatError

__all__ = ["need_file", "open_file", "read_file"]

OTHERS = {
    stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip


def need_file(path: str | os.PathLike[str]) -> None:
    """Refuse a path that leads to something else than a file or a folder, which opening refuses by itself.

    Raises:
        FormatError: a pipe, a socket or a device.
        OSError: there is nothing, or it may not be looked at.
    """
    other = OTHERS.get(stat.S_IFMT(os.stat(path).st_mode))
    if other is not None:
        raise FormatError(
            f"{path}: expected a file, found {other}: write what it gives to a file first"
        )


def open_file(path: str | os.PathLike[str]) -> io.BufferedReader:
    """A file, open for reading in bytes.

    Raises:
        FormatError: a pipe, a socket or a device.
        OSError: it cannot be read.

    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/pipe"
    >>> os.mkfifo(path)
    >>> open_file(path)
    Traceback (most recent call last):
        ...
    chainrule.base.errors.FormatError: ...pipe: expected a file, found a pipe: write what it gives to a file first
    """
    need_file(path)
    return open(path, "rb")


def read_file(path: str | os.PathLike[str]) -> bytes:
    """The content of a file.

    Raises:
        FormatError, OSError: as `open_file`.
    """
    with open_file(path) as f:
        return f.read()
