"""A model's configuration: what its `config.json` says, checked."""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
import os
import re
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

from ..base.errors import FormatError
from ..files import write_whole
from ..files.json_objects import json_object, read_bytes
from .activations import activation

__all__ = ["Config", "Labelled", "configuration", "is_size", "read_json"]

T = TypeVar("T")
COUNTED, MANY = re.compile(r"(.*_)?(layers?|groups?|group_num|experts)"), 1 << 14
"""Settings that say how often a part is made, and how often at most: a damaged file must not keep anybody waiting."""
UNKNOWN = {"quantization_config": None}
"""Settings that no model here has: weights that are packed are not weights."""


@dataclass_transform(kw_only_default=True)
def configuration(cls: type[T]) -> type[T]:
    """Decorator: a dataclass that says in what it differs. A value without a type is another default of a field of its base.

    >>> @configuration
    ... class WideConfig(models.GPT2Config):
    ...     n_embd = 1600
    >>> WideConfig(n_head=25).n_embd
    1600
    """
    bases = [base for base in reversed(cls.__mro__[1:]) if dataclasses.is_dataclass(base)]
    before = {f.name: f.type for base in bases for f in dataclasses.fields(base)}
    told = {name: kind for name, kind in before.items() if name in vars(cls)}
    cls.__annotations__ = {**told, **inspect.get_annotations(cls)}
    return dataclasses.dataclass(kw_only=True)(cls)


@configuration
class Config:
    """Base of the configurations, whose fields have the names and defaults of Hugging Face's.

    `others` are the settings of a file that the model does not read (names of labels, defaults of generation):
    they are kept and written back, and can be read as attributes. `output_attentions` and `output_hidden_states` are what calls
    ask for that do not say so themselves. A setting may be changed; it is checked as one given at first is.
    What a model has read when it was made, as its sizes, stays as it was.

    >>> config = models.GPT2Config(n_embd=12, n_head=3)
    >>> config.pad_token_id = 7
    >>> config.hidden_size
    12
    """

    model_type: ClassVar[str]
    fixed: ClassVar[dict[str, Any]] = {}
    """Settings that would change the model if they were anything else, which is refused."""
    aliases: ClassVar[dict[str, str]] = {}
    """Names that all models share, as far as the fields here are called otherwise."""

    others: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False, compare=False)
    output_attentions: bool = False
    output_hidden_states: bool = False

    def __post_init__(self) -> None:
        self.check()
        self.__dict__["_whole"] = True

    def __setattr__(self, name: str, value: Any) -> None:
        """Another value of a setting; the old one stays if the new one does not fit.

        Raises:
            AttributeError: there is no such setting.
            FormatError: as when a configuration is made.
        """
        name = self.aliases.get(name, name)
        if "_whole" not in self.__dict__:
            return super().__setattr__(name, value)
        if name in self.others:
            self.others[name] = value
            return None
        if name not in {f.name for f in dataclasses.fields(self)}:
            raise AttributeError(
                f"{type(self).__name__} has no setting {name!r} that the model reads"
            )
        before = dict(self.__dict__)
        super().__setattr__(name, value)
        try:
            self.__post_init__()
        except FormatError:
            self.__dict__.update(before)
            raise
        return None

    def __getattr__(self, name: str) -> Any:
        """A setting by the name that all models share, or one that the model does not read."""
        if name in self.aliases:
            return getattr(self, self.aliases[name])
        try:
            return self.__dict__["others"][name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no setting {name!r}") from None

    def check(self) -> None:
        """Refuse sizes that do not fit each other.

        Raises:
            FormatError: the field, what it is and what it must be.
        """

    def need(self, holds: bool, words: str) -> None:
        """Raise unless something holds that a configuration must fulfil."""
        if not holds:
            raise FormatError(f"{type(self).__name__}: {words}")

    def need_positive(self, *names: str) -> None:
        """Refuse sizes that are not above 0, and more layers, groups or experts than can be made one by one."""
        for name in names:
            value = getattr(self, name)
            self.need(value > 0, f"{name} must be positive, found {value}")
            many = value >= MANY and COUNTED.fullmatch(name) is not None
            self.need(not many, f"{name} must be below {MANY}, found {value}")

    def need_activation(self, name: str) -> None:
        """Refuse the name of an activation that is not known."""
        activation(name)

    @classmethod
    def from_dict(cls, given: dict[str, Any], source: Any = "a dict") -> Self:
        """A configuration of a file's settings.

        Raises:
            FormatError: a value of the wrong type, or a setting that this model does not have.
        """
        for name, only in {**UNKNOWN, **cls.fixed}.items():
            if given.get(name, only) != only:
                raise FormatError(
                    f"{source}: key {name!r}: {cls.model_type} models are built with {only!r} alone, found {given[name]!r}"
                )
        known = {f.name: f for f in dataclasses.fields(cls) if f.name != "others"}
        given = {cls.aliases.get(name, name): value for name, value in given.items()}
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

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str]) -> Self:
        """What the `config.json` of a folder says.

        Raises:
            FormatError: as of `from_dict`; or no JSON.
            OSError: no such file.
        """
        path = Path(folder) / "config.json"
        return cls.from_dict(read_json(path), path)

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write the `config.json` of a folder, which is made if it is not there."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.save(folder / "config.json")

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file."""
        write_whole(path, (json.dumps(self.to_dict(), indent=2, sort_keys=True) + "\n").encode())


@configuration
class Labelled(Config):
    """A configuration of models that may classify: how many classes there are, and what they are called.

    Args:
        num_labels: how many classes; those of `id2label`, where that has names of its own.
        id2label: their names by their numbers; LABEL_0, LABEL_1, … if None.
        problem_type: which loss a head has, see `classification_loss`; by the labels if None.

    >>> Labelled(num_labels=3).id2label
    {0: 'LABEL_0', 1: 'LABEL_1', 2: 'LABEL_2'}
    """

    num_labels: int | None = None
    id2label: dict | None = None
    problem_type: str | None = None

    def __post_init__(self) -> None:
        names, count = self.id2label, self.num_labels
        if names is not None:
            numbers = {str(k) for k in range(len(names))}
            self.need(
                {str(k) for k in names} == numbers,
                f"id2label must name the classes 0, 1, …, found {names!r:.80}",
            )
            names = {int(k): v for k, v in names.items()}  # texts, in a file
        if names is None or names == _numbered(len(names)):
            names = _numbered(count if count is not None else 2 if names is None else len(names))
        self.__dict__.update(id2label=names, num_labels=len(names))
        known = (None, "regression", "single_label_classification", "multi_label_classification")
        self.need(
            self.problem_type in known,
            f"problem_type is one of {', '.join(map(str, known))}, found {self.problem_type!r:.60}",
        )
        super().__post_init__()

    @property
    def label2id(self) -> dict[str, int]:
        """The numbers of the classes by their names."""
        return {name: number for number, name in (self.id2label or {}).items()}

    def to_dict(self) -> dict[str, Any]:
        """As of `Config`; the number of labels is that of their names."""
        return {k: v for k, v in super().to_dict().items() if k != "num_labels"}


def _numbered(count: int) -> dict[int, str]:
    return {k: f"LABEL_{k}" for k in range(count)}


def is_size(value: Any) -> bool:
    """Whether a size is one positive number, or two: height and width."""
    both = value if isinstance(value, tuple) else (value, value)
    return len(both) == 2 and all(type(n) is int and 0 < n < 2**20 for n in both)


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
    return json_object(path, read_bytes(path))
