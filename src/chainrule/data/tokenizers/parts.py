"""The parts of a `tokenizer.json`, read with suspicion: every complaint names the file and the key."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ...base.errors import FormatError
from ...files.json_objects import json_object, read_bytes

__all__ = ["MOST_ID", "Part", "read_object", "read_utf8"]

MOST_ID = 1 << 24  # an embedding of so many rows would not fit into any memory
_REQUIRED = object()
_NAMES = {dict: "an object", list: "a list", str: "a string", int: "a whole number", bool: "a boolean",
          float: "a number", type(None): "null"}  # fmt: skip


def read_utf8(path: str | os.PathLike[str]) -> str:
    """The text of a file.

    Raises:
        FormatError: no file, larger than 256 MiB, or no UTF-8.
    """
    content = _content(path)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as e:
        raise FormatError(
            f"{path}: offset {e.start}: expected UTF-8 text, found the byte 0x{content[e.start]:02x}"
        ) from None


def _content(path: str | os.PathLike[str]) -> bytes:
    if not Path(path).is_file():
        raise FormatError(f"{path}: expected a file of a tokenizer, found none")
    return read_bytes(path)


def read_object(path: str | os.PathLike[str]) -> Part:
    """The object in a JSON file.

    Raises:
        FormatError: no JSON, a key that stands twice, a string that is no text, or no object.
    """

    return Part(json_object(path, _content(path), finite=True), path, "")


class Part:
    """An object within a file, and where it stands.

    Args:
        value: its keys and values.
        path: the path of the file, for messages.
        key: the key of the object, dotted.

    >>> part = Part({"a": {"b": 3}}, "tokenizer.json")
    >>> part.part("a").index("b")
    3
    >>> part.part("a").take("b", str)
    Traceback (most recent call last):
        ...
    chainrule.base.errors.FormatError: tokenizer.json: key 'a.b': expected a string, found 3
    """

    def __init__(
        self, value: dict[str, Any], path: str | os.PathLike[str] = "a dict", key: str = ""
    ):
        self.value, self.path, self.key = value, path, key

    def under(self, name: str) -> str:
        """The dotted key of something in this object."""
        return f"{self.key}.{name}" if self.key else name

    def error(self, name: str, words: str) -> FormatError:
        """The error that something in this object is."""
        return FormatError(f"{self.path}: key {self.under(name)[:120]!r}: {words}")

    def take(self, name: str, *kinds: type, default: Any = _REQUIRED) -> Any:
        """The value of a key, of one of some types; a bool is no int, a whole number is a float.

        Raises:
            FormatError: it is not there and has no default, or is of another type.
        """
        if name not in self.value:
            if default is not _REQUIRED:
                return default
            raise self.error(name, f"expected {self._named(kinds)}, found no such key")
        value = self.value[name]
        if value is None and default is None:
            return None
        if type(value) in kinds:
            return value
        if float in kinds and type(value) is int:
            return float(value)
        raise self.error(name, f"expected {self._named(kinds)}, found {value!r:.80}")

    def part(self, name: str) -> Part:
        """The object under a key."""
        return Part(self.take(name, dict), self.path, self.under(name))

    def optional(self, name: str) -> Part | None:
        """The object under a key that may be null or missing."""
        return None if self.value.get(name) is None else self.part(name)

    def parts(self, name: str) -> list[Part]:
        """The objects of a list."""
        found = []
        for k, value in enumerate(self.take(name, list)):
            if type(value) is not dict:
                raise self.error(f"{name}.{k}", f"expected an object, found {value!r:.80}")
            found.append(Part(value, self.path, self.under(f"{name}.{k}")))
        return found

    def choice(self, name: str, among: Any, **default: Any) -> Any:
        """A string that is one of some.

        Raises:
            FormatError: it is another; those that are known are named.
        """
        value = self.take(name, str, **default)
        if value not in among:
            raise self.error(name, f"expected one of {', '.join(among)}, found {value!r:.80}")
        return value

    def index(self, name: str) -> int:
        """An id: a whole number, not negative and not huge."""
        value = self.take(name, int)
        if not 0 <= value < MOST_ID:
            raise self.error(name, f"expected an id from 0 to {MOST_ID - 1}, found {value!r:.40}")
        return value

    def vocabulary(self, name: str) -> dict[str, int]:
        """An object that gives each token its id, no two the same."""
        part = self.part(name)
        owners: dict[int, str] = {}
        for token in part.value:
            i = part.index(token)
            if i in owners:
                raise part.error(
                    token, f"expected an id of its own, found {i}, that of {owners[i]!r:.40}"
                )
            owners[i] = token
        return dict(part.value)

    @staticmethod
    def _named(kinds: tuple[type, ...]) -> str:
        return " or ".join(_NAMES[kind] for kind in kinds)
