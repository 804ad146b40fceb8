"""A model's configuration: what its `config.json` says, checked."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from pathlib import Path
from typing import Any, ClassVar, Self

from ..base.errors import FormatError
from ..files import write_whole
from .activations import activation

__all__ = ["Config", "read_json"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Base of the configurations, whose fields have the names and defaults of Hugging Face's.

    `others` are the settings of a file that the model does not read (names of labels, defaults of generation):
    they are kept and written back.
    """

    model_type: ClassVar[str]
    fixed: ClassVar[dict[str, Any]] = {}
    """Settings that would change the model if they were anything else, which is refused."""

    others: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Refuse sizes that do not fit each other.

        Raises:
            FormatError: the field, what it is and what it must be.
        """

    def need(self, holds: bool, words: str) -> None:
        """Raise unless something holds that a configuration must fulfil."""
        if not holds:
            raise FormatError(f"{type(self).__name__}: {words}")

    def need_activation(self, name: str) -> None:
        """Refuse the name of an activation that is not known."""
        activation(name)

    @classmethod
    def from_dict(cls, given: dict[str, Any], source: Any = "a dict") -> Self:
        """A configuration of a file's settings.

        Raises:
            FormatError: a value of the wrong type, or a setting that this model does not have.
        """
        for name, only in cls.fixed.items():
            if given.get(name, only) != only:
                raise FormatError(
                    f"{source}: key {name!r}: {cls.model_type} models are built with {only!r} alone, found {given[name]!r}"
                )
        known = {f.name: f for f in dataclasses.fields(cls) if f.name != "others"}
        values = {}
        for name, field in known.items():
            if name in given:
                values[name] = _typed(given[name], str(field.type), f"{source}: key {name!r}")
        others = {k: v for k, v in given.items() if k not in known}
        try:
            return cls(**values, others=others)
        except FormatError as e:
            raise FormatError(f"{source}: {e}") from None

    def to_dict(self) -> dict[str, Any]:
        """All settings, as a file has them."""
        own = {
            f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "others"
        }
        return {**self.others, **own, "model_type": self.model_type}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file."""
        write_whole(path, (json.dumps(self.to_dict(), indent=2, sort_keys=True) + "\n").encode())


def _typed(value: Any, wanted: str, where: str) -> Any:
    """A value of the type that a field is annotated with: int, float, bool, str, tuple; each may be `| None`."""
    kinds = wanted.replace(" ", "").split("|")
    if value is None and "None" in kinds:
        return None
    for kind in kinds:
        if kind == "int" and type(value) is int and abs(value) < 2**30:
            return value
        if kind == "float" and type(value) in (int, float) and math.isfinite(value):
            return float(value)
        if kind in ("bool", "str") and type(value).__name__ == kind:
            return value
        if kind.startswith("tuple") and isinstance(value, (list, tuple)):
            return tuple(value)
        if kind.startswith("dict") and isinstance(value, dict):
            return value
    raise FormatError(f"{where}: expected {wanted}, found {value!r:.80}")


def read_json(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        FormatError: no JSON, a key that stands twice, or no object.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key stands in it twice")
        return found

    try:
        found = json.loads(Path(path).read_bytes().decode("utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as e:
        raise FormatError(f"{path}: expected a JSON object: {e}") from None
    if not isinstance(found, dict):
        raise FormatError(f"{path}: expected a JSON object, found a {type(found).__name__}")
    return found
