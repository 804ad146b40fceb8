"""Configurations: frozen dataclasses whose fields say what they are and what they allow, and
overrides from text (`key=value`).
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Iterable
from typing import Any, TypeVar

from ...base.errors import ChainruleError

__all__ = ["ConfigError", "RunConfig", "nearest", "option", "options", "override", "spell"]

C = TypeVar("C")


class ConfigError(ChainruleError, ValueError):
    """A recipe or key that does not exist, or a value it cannot have; the message is one line."""


def option(default: Any, about: str, low: float | None = None, high: float | None = None) -> Any:
    """A field of a configuration: its default (whose type is the field's), what it is, and the
    range low ≤ value ≤ high.
    """
    return dataclasses.field(default=default, metadata={"about": about, "low": low, "high": high})


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """What every recipe can be told. A recipe's configuration adds its own fields, and may give
    these other defaults.
    """

    seed: int = option(0, "decides weights, order and augmentation, not the split", 0, 2**63 - 1)
    epochs: int = option(10, "how often all training samples are seen", 1, 100_000)
    batch_size: int = option(64, "samples per step", 1)
    blas_threads: int = option(
        1, "of NumPy's matrix products; more pay for larger networks", 1, 256
    )
    checkpoint_every: int = option(1, "epochs from one checkpoint to the next", 1)
    checkpoint_steps: int = option(0, "steps from one checkpoint to the next; 0: epochs only", 0)
    checkpoints: int = option(1, "how many of the newest checkpoints stay", 1)


def options(config: Any) -> list[tuple[str, Any, str]]:
    """(key, value, about) of every field of a configuration.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Config:
    ...     rate: float = option(0.5, "the learning rate", low=0)
    >>> options(Config())
    [('rate', 0.5, 'the learning rate')]
    """
    return [
        (f.name, getattr(config, f.name), f.metadata["about"]) for f in dataclasses.fields(config)
    ]


def override(config: C, settings: Iterable[str]) -> C:
    """A copy of `config` with every `key=value` of `settings` set.

    A value is read as the type of the key's value; several, as many, are separated by commas.

    Raises:
        ConfigError: no "=", a key that does not exist (the nearest is named) or is set twice, a
            value of another type or out of range.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Config:
    ...     rate: float = option(0.5, "the learning rate", low=0)
    ...     channels: tuple[int, int] = option((3, 5), "of the two convolutions", low=1)
    >>> override(Config(), ["rate=2e-3", "channels=7,11"])
    Config(rate=0.002, channels=(7, 11))
    >>> override(Config(), ["rat=2"])
    Traceback (most recent call last):
        ...
    chainrule.train.recipes.config.ConfigError: unknown key 'rat', the nearest is 'rate'
    """
    fields = {f.name: f for f in dataclasses.fields(config)}  # type: ignore[arg-type]
    changes: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise ConfigError(f"expected key=value, found {setting!r:.80}")
        if key in changes:
            raise ConfigError(f"{key} is set twice")
        if key not in fields:
            raise ConfigError(f"unknown key {key!r}, {nearest(key, fields)}")
        field = fields[key]
        changes[key] = value = _parse(key, text, getattr(config, key))
        for element in value if isinstance(value, tuple) else (value,):
            _check_range(key, element, field.metadata["low"], field.metadata["high"])
    return dataclasses.replace(config, **changes)  # type: ignore[type-var]


def spell(value: Any) -> str:
    """A value as `override` reads it.

    >>> spell((16, 32)), spell(True), spell(0.003)
    ('16,32', 'true', '0.003')
    """
    if isinstance(value, (tuple, list)):
        return ",".join(map(spell, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def nearest(name: str, known: Iterable[str]) -> str:
    """Says which of the `known` names is most like `name`, and lists them all when none is."""
    known = list(known)
    matches = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"the nearest is {matches[0]!r}" if matches else f"known are {', '.join(sorted(known))}"


def _parse(key: str, text: str, default: Any) -> Any:
    """The value that `text` spells, of the type of `default`."""
    if isinstance(default, tuple):
        parts = text.split(",")
        if len(parts) != len(default):
            raise ConfigError(
                f"{key} must be {len(default)} values separated by commas, found {text!r:.80}"
            )
        return tuple(_parse(key, part, d) for part, d in zip(parts, default, strict=True))
    if isinstance(default, str):
        return text
    if isinstance(default, bool):
        if text not in ("true", "false"):
            raise ConfigError(f"{key} must be true or false, found {text!r:.80}")
        return text == "true"
    kind, name = (int, "an integer") if isinstance(default, int) else (float, "a number")
    try:
        value = kind(text)
        float(value)
    except (ValueError, OverflowError):
        raise ConfigError(f"{key} must be {name}, found {text!r:.80}") from None
    if not math.isfinite(value):
        raise ConfigError(f"{key} must be finite, found {text!r:.80}")
    return value


def _check_range(key: str, value: Any, low: float | None, high: float | None) -> None:
    if low is not None and value < low:
        raise ConfigError(f"{key} must be at least {low}, found {value}")
    if high is not None and value > high:
        raise ConfigError(f"{key} must be at most {high}, found {value}")
