"""Checkpoints in Hugging Face's form: a folder with `config.json` and `model.safetensors`, or shards with an index.

    model = from_pretrained(folder)        the class that the configuration names, strictly loaded
    model.save_pretrained(folder)          what `transformers` loads back

Modules here have Hugging Face's names, so a checkpoint's keys are a state dict's. Nothing in a folder is ever run.
A model that is loaded is built without memory; its parameters are then the file's, mapped, read when they are used.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from ..base.errors import FormatError, StateDictError
from ..files import read_safetensors, write_safetensors
from ..nn import Module, init
from ..tensors import Tensor, float32
from .config import Config, read_json

__all__ = ["ARCHITECTURES", "PreTrained", "architecture", "from_pretrained"]

ARCHITECTURES: dict[str, type[PreTrained]] = {}
"""The classes by the names that Hugging Face gives them."""

WEIGHTS, INDEX, CONFIG = "model.safetensors", "model.safetensors.index.json", "config.json"
SHARD = re.compile(r"[\w.-]+\.safetensors")


def architecture(cls: type[PreTrained]) -> type[PreTrained]:
    """Decorator: a class that `from_pretrained` finds by its name."""
    ARCHITECTURES[cls.__name__] = cls
    return cls


class PreTrained(Module):
    """Base of the models that have checkpoints.

    A subclass says which `config_class` it takes; under which name the model without head is an attribute of those
    with one (`base_model_prefix`); which parameters are others' (`tied`, key → key of the one that is saved); and which
    keys of older files mean nothing (`left_over`).
    """

    config_class: ClassVar[type[Config]]
    base_model_prefix: ClassVar[str] = ""
    tied: ClassVar[Mapping[str, str]] = {}
    left_over: ClassVar[str | None] = None

    def __init__(self, config: Config):
        super().__init__()
        self.config = config

    def ties(self) -> Mapping[str, str]:
        """The parameters that are others', with this configuration."""
        return self.tied if getattr(self.config, "tie_word_embeddings", True) else {}

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str], *, dtype: Any = None) -> Self:
        """The model of a folder, in evaluation mode.

        Args:
            folder: see above.
            dtype: of the parameters; None: float32 for half floats, else what the file has; "auto": what the file has.

        Raises:
            FormatError: a file that is not what it should be; the key is named.
            StateDictError: every key that is missing, unexpected or of another shape.
            OSError: a file that cannot be read.
        """
        folder = Path(folder)
        path = folder / CONFIG
        config = cls.config_class.from_dict(_described(path), path)
        state = _read_weights(folder)
        try:
            with init.skipped():
                model = cls(config)
        except (ValueError, MemoryError) as e:  # NumPy has no array of such a size
            raise FormatError(f"{path}: no model of these sizes can be built: {e}") from None
        try:
            model._take(state, dtype)
        except StateDictError as e:
            raise StateDictError(f"{folder}: {e}") from None
        return model.eval()

    def _take(self, state: dict[str, Tensor], dtype: Any) -> None:
        """Make a checkpoint's tensors the parameters."""
        ties = self.ties()
        own = self.state_dict()
        if self.left_over is not None:
            state = {k: v for k, v in state.items() if not re.fullmatch(self.left_over, k)}
        state = self._prefixed(state, own)
        for key, source in ties.items():
            if key not in state and source in state:
                state[key] = state[source]
            elif source not in state and key in state:
                state[source] = state[key]
        if dtype is None:
            state = {
                k: v.to(float32) if v.dtype.itemsize == 2 and v.is_floating_point() else v
                for k, v in state.items()
            }
        elif dtype != "auto":
            state = {k: v.to(dtype) if v.is_floating_point() else v for k, v in state.items()}
        self.load_state_dict(state, assign=True)
        for key, source in ties.items():
            owner, _, name = key.rpartition(".")
            setattr(self.get_submodule(owner), name, self.get_parameter(source))

    def _prefixed(self, state: dict[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The keys of a model with a head for a file of one without, and the other way round."""
        prefix = f"{self.base_model_prefix}." if self.base_model_prefix else ""
        if not prefix or any(k in own for k in state):
            return state
        if any(f"{prefix}{k}" in own for k in state):
            return {f"{prefix}{k}": v for k, v in state.items()}
        return {
            k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)
        } or state

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write `config.json` and `model.safetensors`, each whole or not at all.

        Raises:
            SaveError: the system refused.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        ties = self.ties()
        state = {k: v for k, v in self.state_dict().items() if k not in ties}
        write_safetensors(folder / WEIGHTS, state, {"format": "pt"})
        settings = {**self.config.others, "architectures": [type(self).__name__]}
        type(self.config).from_dict({**self.config.to_dict(), **settings}).save(folder / CONFIG)


def from_pretrained(folder: str | os.PathLike[str], *, dtype: Any = None) -> PreTrained:
    """The model of a folder, of the class that its configuration names; see `PreTrained.from_pretrained`."""
    path = Path(folder) / CONFIG
    named = _described(path).get("architectures")
    if not (isinstance(named, list) and len(named) == 1 and isinstance(named[0], str)):
        raise FormatError(
            f"{path}: key 'architectures': expected the name of one class, found {named!r:.80}"
        )
    if named[0] not in ARCHITECTURES:
        raise FormatError(
            f"{path}: key 'architectures': there is no {named[0]!r:.80}; there are {', '.join(sorted(ARCHITECTURES))}"
        )
    return ARCHITECTURES[named[0]].from_pretrained(folder, dtype=dtype)


def _described(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FormatError(
            f"{path.parent}: expected a folder with {CONFIG} and {WEIGHTS}, found no {CONFIG}"
        )
    return read_json(path)


def _read_weights(folder: Path) -> dict[str, Tensor]:
    """All tensors of a folder, mapped."""
    if (folder / WEIGHTS).is_file():
        return read_safetensors(folder / WEIGHTS, mmap=True)[0]
    index = folder / INDEX
    if not index.is_file():
        raise FormatError(f"{folder}: expected {WEIGHTS} or {INDEX}, found neither")
    places = read_json(index).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise FormatError(
            f"{index}: key 'weight_map': expected the file of each tensor, found {places!r:.80}"
        )
    state: dict[str, Tensor] = {}
    for name in sorted({str(v) for v in places.values()}):
        if not SHARD.fullmatch(name):
            raise FormatError(
                f"{index}: key 'weight_map': expected names of files beside it, found {name!r:.80}"
            )
        if not (folder / name).is_file():
            raise FormatError(f"{index}: key 'weight_map': there is no file {name}")
        part, _ = read_safetensors(folder / name, mmap=True)
        for key, tensor in part.items():
            if places.get(key) != name:
                raise FormatError(
                    f"{folder / name}: key {key!r:.80}: the index has it in {places.get(key)!r:.80}"
                )
            state[key] = tensor
    lacking = sorted(set(places) - set(state))
    if lacking:
        raise FormatError(f"{index}: key {lacking[0]!r:.80}: {places[lacking[0]]} does not have it")
    return state
