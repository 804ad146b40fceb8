"""JSON that somebody wrote: one object, or an error that says where it is none."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ..base.errors import FormatError
from .reading import need_file

__all__ = ["MOST_BYTES", "json_object", "read_bytes"]

MOST_BYTES = 1 << 28
"""Of a file of settings, or of a vocabulary; those of large tokenizers have 20 million."""

MOST_DIGITS = 40  # what transformers says of a length that is not known has 31


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The content of a file that is read whole.

    Raises:
        FormatError: larger than 256 MiB, or no file but a pipe or a device.
        OSError: it cannot be read.
    """
    path = Path(path)
    need_file(path)
    if path.stat().st_size > MOST_BYTES:
        raise FormatError(f"{path}: expected at most {MOST_BYTES} bytes, found more")
    return path.read_bytes()


def json_object(
    path: str | os.PathLike[str],
    content: bytes,
    *,
    at: int = 0,
    what: str = "a JSON object",
    finite: bool = False,
) -> dict[str, Any]:
    """The object that a text in JSON is.

    Args:
        path: the path of the file, for messages.
        content: the text, in UTF-8.
        at: where in the file it begins.
        what: it is, for messages.
        finite: whether NaN and infinities, which JSON does not have and Python writes, are refused.

    Raises:
        FormatError: no UTF-8, no JSON, nested too deeply, a key that stands twice, a number of more than 40
            digits, half of a character, or no object; path and offset are told.

    >>> json_object("a.json", b'{"a": [1, 2]}')
    {'a': [1, 2]}
    >>> json_object("a.json", b'{"a": [1, 2}')
    Traceback (most recent call last):
        ...
    chainrule.base.errors.FormatError: a.json: offset 11 (line 1): expected a JSON object, found '}' where it goes on
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    raise ValueError(f"key {key!r:.80} stands twice in one object")
                seen.add(key)
        return found

    def no_number(name: str) -> Any:
        raise ValueError(f"{name} is not a number")

    def whole(digits: str) -> int:
        if len(digits) > MOST_DIGITS:
            raise ValueError(f"{digits:.40}… is not a number of anything here")
        return int(digits)

    refused = f"{path}: offset {at}: expected {what}, found"
    constant = no_number if finite else float  # as Python reads them
    try:
        text = content.decode("utf-8")
        found = json.loads(text, object_pairs_hook=unique, parse_int=whole, parse_constant=constant)
        if "\\u" in text:  # an escape can name half of a character, which no UTF-8 has
            json.dumps(found, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as e:
        byte = content[e.start]
        raise FormatError(
            f"{path}: offset {at + e.start}: expected {what}, found the byte 0x{byte:02x}, which is no UTF-8"
        ) from None
    except UnicodeEncodeError:
        raise FormatError(f"{refused} half of a character, as an escape") from None
    except json.JSONDecodeError as e:
        place = at + len(text[: e.pos].encode("utf-8"))
        rest = text[e.pos : e.pos + 20]
        raise FormatError(
            f"{path}: offset {place} (line {e.lineno}): expected {what}, found "
            + (f"{rest!r} where it goes on" if rest else "the end")
        ) from None
    except RecursionError:
        raise FormatError(f"{refused} one that is nested too deeply") from None
    except ValueError as e:
        raise FormatError(f"{path}: offset {at}: expected {what}: {e}") from None
    if not isinstance(found, dict):
        kind = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
        raise FormatError(f"{refused} {kind.get(type(found), 'a number')}")
    return found
