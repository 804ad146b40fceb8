"""Text files: UTF-8, and lines that end where a newline byte is and nowhere else."""

from __future__ import annotations

import os

from ...base.errors import FormatError
from .source import Source

__all__ = ["MOST_BYTES", "read_lines", "read_text"]

MOST_BYTES = 1 << 31  # of one text; a data set larger than this is read piece by piece


def read_text(path: str | os.PathLike[str], most: int = MOST_BYTES) -> str:
    """The text of a file, gzip-compressed if its name ends in `.gz`.

    Args:
        path: the path of the file.
        most: bytes that it may have at most.

    Raises:
        FormatError: not UTF-8 (with offset and line), empty, or larger than `most`.
        OSError: it cannot be read.
    """
    with Source(path) as source:
        content = source.rest(most, "text")
    if not content:
        raise FormatError(f"{path}: expected text, found an empty file")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as e:
        line = content.count(b"\n", 0, e.start) + 1
        raise FormatError(
            f"{path}: expected UTF-8 text, found the byte {content[e.start]:02x} "
            f"at offset {e.start} (line {line})"
        ) from e
    if "\0" in text:
        offset = content.index(b"\0")
        line = content.count(b"\n", 0, offset) + 1
        raise FormatError(
            f"{path}: expected text, found a zero byte at offset {offset} (line {line})"
        )
    return text


def read_lines(path: str | os.PathLike[str], most: int = MOST_BYTES) -> list[str]:
    r"""The lines of a text file, without their ends (`\n` or `\r\n`).

    Other characters that some libraries end lines at, such as U+0085, belong to the line.

    Raises:
        FormatError: as `read_text`.

    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "names.txt"
    >>> _ = file.write_bytes(b"emma\r\nolivia\x0b\nava")
    >>> read_lines(file)
    ['emma', 'olivia\x0b', 'ava']
    """
    text = read_text(path, most)
    lines = text.split("\n")
    if lines[-1] == "":  # the newline after the last line begins no other
        lines.pop()
    return [line.removesuffix("\r") for line in lines]
