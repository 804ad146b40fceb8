"""Rotary positions: pairs of channels of queries and keys are turned by an angle proportional to the position, so that
their product depends on the distance alone.

    (x₁, x₂) → (x₁ cos θ − x₂ sin θ, x₂ cos θ + x₁ sin θ),   θ = position · base^(−2k / D),  k = 0 … D/2 − 1

Channel k is paired with k + D/2, as Hugging Face's checkpoints have it. To read longer texts than a model was trained
on, frequencies are changed; `frequencies` knows the ways.

Source: Su et al. 2021 (RoPE); Chen et al. 2023 (linear); Peng et al. 2023 (dynamic, YaRN); Llama 3 (llama3);
Ding et al. 2024 (longrope).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from ..base.errors import FormatError
from ..tensors import Tensor, cat, tensor
from .config import Labelled, configuration

__all__ = [
    "PartlyRotaryConfig", "RotaryConfig", "angles", "check_scaling", "frequencies", "parameters", "rotated", "turns",
]  # fmt: skip

NEEDED = {
    "default": (), "linear": ("factor",), "dynamic": ("factor",), "yarn": (),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor"), "longrope": ("short_factor", "long_factor"),
}  # fmt: skip
"""What a configuration must say for each way of scaling. How long texts were at first, `original_max_position_embeddings`, is the
model's `max_position_embeddings` if it is not said."""


NUMBERS = (
    "factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings", "attention_factor", "beta_fast",
    "beta_slow", "mscale", "mscale_all_dim",
)  # fmt: skip
"""What is a positive number, if it is said."""


def parameters(base: float, scaling: Mapping[str, Any]) -> dict[str, Any]:
    """Base and scaling as files have them, under the names of today: what was "type" is "rope_type".

    >>> parameters(300.0, {"type": "linear", "factor": 2.0})
    {'rope_type': 'linear', 'factor': 2.0, 'rope_theta': 300.0}
    """
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    rest = {key: value for key, value in scaling.items() if key not in ("type", "rope_type")}
    return {"rope_type": kind, **rest, "rope_theta": base}


def check_scaling(scaling: Mapping[str, Any], size: int, base: float, trained: int) -> None:
    """Refuse a way of scaling that is not known, or whose numbers are none.

    Args:
        scaling: of the configuration.
        size: D, the channels that are turned.
        base: of the geometric row of frequencies.
        trained: `max_position_embeddings`.

    Raises:
        FormatError: the key.
    """
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if not isinstance(kind, str) or kind not in NEEDED:
        raise FormatError(
            f"rotary positions are scaled by one of {', '.join(NEEDED)}, found {kind!r:.40}"
        )
    if not 1 < base < math.inf:
        raise FormatError(
            f"the base of rotary positions (rope_theta) must be above 1, found {base}"
        )

    def need(holds: bool, key: str, what: str) -> None:
        if not holds:
            raise FormatError(
                f"rotary positions of type {kind} need {key!r}, {what}, found {scaling.get(key)!r:.40}"
            )

    for key in ("short_factor", "long_factor"):
        value = scaling.get(key)
        if value is not None or key in NEEDED[kind]:
            each = isinstance(value, list) and all(map(_is_positive, value))
            need(each and len(value) == size // 2, key, f"{size // 2} positive numbers")
    for key in NUMBERS:
        if scaling.get(key) is not None or key in NEEDED[kind]:
            need(_is_positive(scaling.get(key)), key, "a positive number")
    if kind == "dynamic" and size < 4:
        raise FormatError(
            f"rotary positions of type dynamic need 4 channels that are turned, found {size}"
        )
    if kind == "llama3":
        higher = scaling["high_freq_factor"] > scaling["low_freq_factor"]
        need(higher, "high_freq_factor", "a positive number above low_freq_factor")
    if kind in ("yarn", "longrope"):
        key = "original_max_position_embeddings"
        need((scaling.get(key) or trained) > 1, key, "a positive number above 1")
    if kind == "yarn" and scaling.get("original_max_position_embeddings") is None:
        need(scaling.get("factor") is not None, "factor", "a positive number")


def _is_positive(value: Any) -> bool:
    return type(value) in (int, float) and 0 < value < 1e30


def frequencies(
    size: int, base: float, scaling: Mapping[str, Any], trained: int, length: int
) -> tuple[np.ndarray, float]:
    """The angle per position of each pair of channels (size / 2,) float32, and a factor on cosine and sine.

    Args:
        size: D, the channels that are turned.
        base: of the geometric row of frequencies.
        scaling: `rope_type` and its numbers, see `check_scaling`.
        trained: `max_position_embeddings`.
        length: the length of the sequence; dynamic and longrope depend on it.
    """
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    exponent = np.arange(0, size, 2, dtype=np.float32) / np.float32(size)
    factor = float(scaling.get("factor") or 1.0)
    original = scaling.get("original_max_position_embeddings") or trained
    if kind in ("yarn", "longrope") and scaling.get("factor") is None:
        factor = trained / original
    if kind == "dynamic" and length > trained:
        base *= (factor * length / trained - (factor - 1)) ** (size / (size - 2))
    plain = (1.0 / np.float32(base) ** exponent).astype(np.float32)
    if kind == "linear":
        return plain / np.float32(factor), 1.0
    if kind == "llama3":
        return _by_wavelength(plain, factor, scaling, original), 1.0
    if kind == "yarn":
        return _by_turns(plain, size, base, factor, scaling, original), _yarn_gain(factor, scaling)
    if kind == "longrope":
        each = np.float32(scaling["long_factor" if length > original else "short_factor"])
        gain = 1.0 if factor <= 1 else math.sqrt(1 + math.log(factor) / math.log(original))
        return plain / each, float(scaling.get("attention_factor") or gain)
    return plain, 1.0


def _by_wavelength(
    plain: np.ndarray, factor: float, scaling: Mapping[str, Any], original: int
) -> np.ndarray:
    """Long waves are stretched, short ones stay, those between are blended."""
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    turns = original * plain / np.float32(2 * math.pi)  # in the original context
    share = np.clip((turns - low) / (high - low), 0, 1)  # 1: stays as it is
    return (plain * share + plain / factor * (1 - share)).astype(np.float32)


def _by_turns(
    plain: np.ndarray,
    size: int,
    base: float,
    factor: float,
    scaling: Mapping[str, Any],
    original: int,
) -> np.ndarray:
    """YaRN: channels that turn rarely in the original context are stretched, those that turn often stay."""

    def channel(turns: float) -> float:
        return size * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(base))

    first, last = channel(scaling.get("beta_fast") or 32), channel(scaling.get("beta_slow") or 1)
    if scaling.get("truncate", True):
        first, last = math.floor(first), math.ceil(last)
    first, last = max(first, 0), min(last, size - 1)
    width = last - first if last != first else 0.001
    stretched = np.clip((np.arange(size // 2, dtype=np.float32) - first) / width, 0, 1)
    return (plain / factor * stretched + plain * (1 - stretched)).astype(np.float32)


def _yarn_gain(factor: float, scaling: Mapping[str, Any]) -> float:
    def gain(strength: float) -> float:
        return 1.0 if factor <= 1 else 0.1 * strength * math.log(factor) + 1.0

    given, over, under = (scaling.get(k) for k in ("attention_factor", "mscale", "mscale_all_dim"))
    if given is not None:
        return float(given)
    return gain(over) / gain(under) if over and under else gain(1.0)


def turns(positions: Tensor, each: np.ndarray, gain: float) -> tuple[Tensor, Tensor]:
    """(cosine, sine) of the angles at some positions (B, T), for `rotated`: (B, 1, T, D) each."""
    angles = positions.unsqueeze(-1).to(tensor(0.0).dtype) * tensor(each.tolist())  # (B, T, D/2)
    angles = cat([angles, angles], dim=-1).unsqueeze(1)
    return angles.cos() * gain, angles.sin() * gain


def rotated(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Every pair of channels of x (B, H, T, D) turned by its angle; channels for which there is none stay as they are."""
    size = cosine.shape[-1]
    if size < x.shape[-1]:
        return cat([rotated(x[..., :size], cosine, sine), x[..., size:]], dim=-1)
    first, second = x.chunk(2, dim=-1)
    return x * cosine + cat([-second, first], dim=-1) * sine


@configuration
class RotaryConfig(Labelled):
    """Settings of models whose positions are rotations."""

    max_position_embeddings: int = 2048
    rope_theta: float = 10000.0
    rope_scaling: dict | None = None

    @classmethod
    def from_dict(cls, given: dict[str, Any], source: Any = "a dict") -> Self:
        """As of `Config`; rotary positions may be told as `rope_parameters` or as `rope_theta` and `rope_scaling`."""
        rotary = given.get("rope_scaling") or given.get("rope_parameters")
        if isinstance(rotary, dict):
            told = ("rope_parameters", "rope_scaling")
            given = {k: v for k, v in given.items() if k not in told}
            trained = given.get("original_max_position_embeddings")  # where Phi's files have it
            if trained is not None:
                rotary = {**rotary, "original_max_position_embeddings": trained}
            given |= {"rope_scaling": rotary}
            if "rope_theta" in rotary:
                given.pop("rope_theta", None)  # what stands last counts, whatever it is called
                given |= {"rope_theta": rotary["rope_theta"]}
        return super().from_dict(given, source)

    def to_dict(self) -> dict[str, Any]:
        """As of `Config`, with rotary positions told both ways."""
        told = parameters(self.rope_theta, self.rope_scaling or {})
        return {**super().to_dict(), "rope_parameters": told}

    def check(self) -> None:
        """A head has an even size, and positions are scaled in a known way."""
        self.need(
            self.head_size > 0 and self.head_size % 2 == 0,
            f"a head must have an even size, found {self.head_size}",
        )
        for base, scaling in self.rotary().values():
            check_scaling(scaling, self.turned_size, base, self.max_position_embeddings)
            share = scaling.get("partial_rotary_factor", 1.0)
            self.need(
                self.turned_size < self.head_size or share == 1.0,
                f"partial_rotary_factor: {self.model_type} models turn all channels of a head, found {share!r:.40}",
            )

    @property
    def head_size(self) -> int:
        """D; a subclass says what it is."""
        raise NotImplementedError

    @property
    def turned_size(self) -> int:
        """How many channels of a head are turned by its position, the first ones."""
        return self.head_size

    def kind(self, layer: int) -> str:
        """Which of the ways of telling positions a layer has."""
        return "full_attention"

    def rotary(self) -> dict[str, tuple[float, dict[str, Any]]]:
        """The base of frequencies and their scaling, by the kind of a layer."""
        return {"full_attention": (self.rope_theta, self.rope_scaling or {})}


@configuration
class PartlyRotaryConfig(RotaryConfig):
    """Settings of models in which a part of a head's channels is turned, and the others stay."""

    partial_rotary_factor: float = 1.0

    @classmethod
    def from_dict(cls, given: dict[str, Any], source: Any = "a dict") -> Self:
        """As of `RotaryConfig`; the share of channels may be told among the `rope_parameters`."""
        rotary = given.get("rope_scaling") or given.get("rope_parameters")
        if isinstance(rotary, dict) and "partial_rotary_factor" in rotary:
            given = {k: v for k, v in given.items() if k != "partial_rotary_factor"}
            given |= {"partial_rotary_factor": rotary["partial_rotary_factor"]}
        return super().from_dict(given, source)

    def to_dict(self) -> dict[str, Any]:
        """As of `RotaryConfig`, with that share."""
        found = super().to_dict()
        share = {"partial_rotary_factor": self.partial_rotary_factor}
        return {**found, "rope_parameters": {**found["rope_parameters"], **share}}

    def check(self) -> None:
        """As of `RotaryConfig`; a part of the channels, of an even size, is turned."""
        share, size = self.partial_rotary_factor, self.turned_size
        self.need(
            0 < share <= 1 and size > 0 and size % 2 == 0,
            f"partial_rotary_factor must turn an even number of a head's {self.head_size} channels, found {share}",
        )
        super().check()

    @property
    def turned_size(self) -> int:
        """The first channels of a head."""
        return int(self.head_size * self.partial_rotary_factor)


def angles(config: RotaryConfig, positions: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """`turns` of some positions (B, T), by the kind of a layer."""
    found = {}
    for kind, (base, scaling) in config.rotary().items():
        by_length = scaling.get("rope_type", scaling.get("type")) in ("dynamic", "longrope")
        length = int(positions.max()) + 1 if by_length else 0
        size, trained = config.turned_size, config.max_position_embeddings
        found[kind] = turns(positions, *frequencies(size, base, scaling, trained, length))
    return found
