"""Checkpoints in Hugging Face's form: a folder with `config.json` and `model.safetensors`, or shards with an index; older ones have
PyTorch's files, `pytorch_model.bin`.

    model = from_pretrained(folder)        the class that the configuration names, strictly loaded
    model = BertForSequenceClassification.from_pretrained(folder, num_labels=3)
                                           another class: what both have is loaded, a head that is missing is new
    model.save_pretrained(folder)          what `transformers` loads back

Modules here have Hugging Face's names, so a checkpoint's keys are a state dict's. Nothing in a folder is ever run.
A model that is loaded is built without memory; its parameters are then the file's, mapped, read when they are used.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from ..base.errors import FormatError, StateDictError
from ..files import read_safetensors, read_torch, write_safetensors, write_whole
from ..nn import Module, init
from ..tensors import Tensor, equal, float32
from .config import Config, read_json

__all__ = ["ARCHITECTURES", "PreTrained", "architecture", "from_pretrained"]

ARCHITECTURES: dict[str, type[PreTrained]] = {}
"""The classes by the names that Hugging Face gives them."""

CONFIG, GENERATION, WEIGHTS = "config.json", "generation_config.json", "model.safetensors"
FILES = (WEIGHTS, "pytorch_model.bin")
"""Where weights are, the first that is there; in pieces if it has an index."""
SHARD = re.compile(r"[\w.-]+\.(safetensors|bin)")


def architecture(cls: type[PreTrained]) -> type[PreTrained]:
    """Decorator: a class that `from_pretrained` finds by its name."""
    ARCHITECTURES[cls.__name__] = cls
    return cls


class PreTrained(Module):
    """Base of the models that have checkpoints.

    A subclass says which `config_class` it takes; under which name the model without head is an attribute of those
    with one (`base_model_prefix`); which parameters are others' (`tied`, key → key of the one that is saved); which
    keys of older files mean nothing (`left_over`) or were called otherwise (`renamed`, pattern and what replaces it); and which
    some checkpoints of this architecture have and others do not (`may_lack`).
    """

    config_class: ClassVar[type[Config]]
    base_model_prefix: ClassVar[str] = ""
    tied: ClassVar[Mapping[str, str]] = {}
    left_over: ClassVar[str | None] = None
    renamed: ClassVar[tuple[tuple[str, str], ...]] = ()
    may_lack: ClassVar[str | None] = None

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.generation: dict[str, Any] = {}  # what the folder says of writing

    def ties(self) -> Mapping[str, str]:
        """The parameters that are others', with this configuration."""
        return self.tied if getattr(self.config, "tie_word_embeddings", True) else {}

    @property
    def dtype(self) -> Any:
        """Of the parameters."""
        return next(self.parameters()).dtype

    @classmethod
    def from_pretrained(
        cls, folder: str | os.PathLike[str], *, dtype: Any = None, **settings: Any
    ) -> Self:
        """The model of a folder, in evaluation mode.

        A folder of this class must have every weight, and no other. Of a folder of another class (say, of the model without head, or
        with another one) what both have is loaded; parts that it does not have begin anew, of which a warning tells.

        Args:
            folder: see above.
            dtype: of the parameters; None: float32 for half floats, else what the file has; "auto": what the file has.
            settings: of the configuration, other than the file's: `num_labels=3`.

        Raises:
            FormatError: a file that is not what it should be; the key is named.
            StateDictError: every key that is missing, unexpected or of another shape.
            TypeError: a setting that the configuration does not have.
            OSError: a file that cannot be read.
        """
        folder = Path(folder)
        path = folder / CONFIG
        described = _described(path)
        config = cls.config_class.from_dict(_changed(described, cls.config_class, settings), path)
        state = _read_weights(folder)
        try:
            with init.skipped():
                model = cls(config)
        except (ValueError, MemoryError) as e:  # NumPy has no array of such a size
            raise FormatError(f"{path}: no model of these sizes can be built: {e}") from None
        try:
            model._take(state, dtype, described.get("architectures"))
        except StateDictError as e:
            raise StateDictError(f"{folder}: {e}") from None
        if (folder / GENERATION).is_file():
            model.generation = read_json(folder / GENERATION)
        return model.eval()

    def _take(self, state: dict[str, Tensor], dtype: Any, named: Any) -> None:
        """Make a checkpoint's tensors the parameters.

        Args:
            state: the tensors by their keys.
            dtype: see `from_pretrained`.
            named: the classes that the folder names.
        """
        own = self.state_dict()
        for pattern, replaced in self.renamed:
            state = {re.sub(pattern, replaced, k): v for k, v in state.items()}
        if self.left_over is not None:
            state = {k: v for k, v in state.items() if not re.fullmatch(self.left_over, k)}
        state = self._prefixed(state, own, named)
        ties = {}
        for key, source in self.ties().items():
            both = key in state and source in state
            if both and not equal(state[key], state[source]):
                continue  # they were trained apart, whatever the configuration says
            ties[key] = source
            if source not in state and key in state:
                state[source] = state[key]
            elif source in state:
                state[key] = state[source]
        if dtype is None:
            state = {
                k: v.to(float32) if v.dtype.itemsize == 2 and v.is_floating_point() else v
                for k, v in state.items()
            }
        elif dtype != "auto":
            state = {k: v.to(dtype) if v.is_floating_point() else v for k, v in state.items()}
        state, new = self._adapted(state, own, named == [type(self).__name__])
        self.load_state_dict({**state, **new}, assign=True)
        if new:  # only now is it sure that all the others fit
            begun = type(self)(self.config).state_dict()
            like = next(iter(state.values())).dtype
            self.load_state_dict({**state, **{k: begun[k].to(like) for k in new}}, assign=True)
            warnings.warn(
                f"{type(self).__name__}: the folder does not have {', '.join(new)}; these have initial weights, to be trained",
                stacklevel=4,
            )
        for key, source in ties.items():
            owner, _, name = key.rpartition(".")
            setattr(self.get_submodule(owner), name, self.get_parameter(source))

    def _prefixed(
        self, state: dict[str, Tensor], own: Mapping[str, Tensor], named: Any
    ) -> dict[str, Tensor]:
        """The keys of a model with a head for a file of one without, and the other way round."""
        if any(k in own for k in state):
            return state
        origin = ARCHITECTURES.get(named[0]) if isinstance(named, list) and named else None
        theirs = {self.base_model_prefix, getattr(origin, "base_model_prefix", "")} - {""}
        for prefix in [f"{p}." for p in sorted(theirs)]:
            bare = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            if bare:
                state = bare
                break
        added = f"{self.base_model_prefix}."
        return (
            {f"{added}{k}": v for k, v in state.items()}
            if any(f"{added}{k}" in own for k in state)
            else state
        )

    def _adapted(
        self, state: dict[str, Tensor], own: Mapping[str, Tensor], same: bool
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """What of a checkpoint is for this model, and what it lacks that may begin anew: the whole of a part that is not the model
        without head, if the checkpoint is another class's, and what checkpoints of this architecture may lack.
        """

        def part(key: str) -> str:
            return key.partition(".")[0]

        def free(key: str, others: set[str]) -> bool:
            known = self.may_lack is not None and re.fullmatch(self.may_lack, key) is not None
            return known or (not same and part(key) not in others)

        mine = {part(k) for k in own}
        kept = {k: v for k, v in state.items() if k in own or not free(k, mine)}
        given = {part(k) for k in kept} | {self.base_model_prefix}
        lacking = {k: own[k] for k in own if k not in kept and kept and free(k, given)}
        return kept, lacking

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write `config.json` and `model.safetensors`, each whole or not at all, and what was said of writing.

        Raises:
            SaveError: the system refused.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        own = dict(self.named_parameters(remove_duplicate=False))
        shared = {k for k, source in self.ties().items() if own[k] is own[source]}
        state = {k: v for k, v in self.state_dict().items() if k not in shared}
        write_safetensors(folder / WEIGHTS, state, {"format": "pt"})
        config = self.config.to_dict()
        config.pop("torch_dtype", None)  # as it was called before
        config |= {
            "architectures": [type(self).__name__],
            "dtype": str(self.dtype).rpartition(".")[2],
        }
        type(self.config).from_dict(config).save(folder / CONFIG)
        if self.generation:
            text = json.dumps(self.generation, indent=2, sort_keys=True) + "\n"
            write_whole(folder / GENERATION, text.encode())


def from_pretrained(
    folder: str | os.PathLike[str], *, dtype: Any = None, **settings: Any
) -> PreTrained:
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
    return ARCHITECTURES[named[0]].from_pretrained(folder, dtype=dtype, **settings)


def _described(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FormatError(
            f"{path.parent}: expected a folder with {CONFIG} and {WEIGHTS}, found no {CONFIG}"
        )
    return read_json(path)


def _changed(
    given: dict[str, Any], config_class: type[Config], settings: dict[str, Any]
) -> dict[str, Any]:
    """A file's settings with others in their place."""
    known = {f.name for f in dataclasses.fields(config_class)} - {"others"}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise TypeError(
            f"from_pretrained: {config_class.__name__} has no setting {', '.join(unknown)}"
        )
    if "num_labels" in settings:
        given = {k: v for k, v in given.items() if k not in ("id2label", "label2id")}
    return {**given, **settings}


def _read_weights(folder: Path) -> dict[str, Tensor]:
    """All tensors of a folder, mapped."""
    for name in FILES:
        if (folder / name).is_file():
            return _read_file(folder / name)
        index = folder / f"{name}.index.json"
        if index.is_file():
            return _read_shards(folder, index)
    names = " or ".join([*FILES, *[f"{name}.index.json" for name in FILES]])
    raise FormatError(f"{folder}: expected {names}, found none of them")


def _read_file(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        return read_safetensors(path, mmap=True)[0]
    state = read_torch(path, mmap=True)
    if not isinstance(state, dict) or not all(
        [isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()]
    ):
        raise FormatError(f"{path}: expected tensors by name, found something else")
    return dict(state)


def _read_shards(folder: Path, index: Path) -> dict[str, Tensor]:
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
        for key, tensor in _read_file(folder / name).items():
            if places.get(key) != name:
                raise FormatError(
                    f"{folder / name}: key {key!r:.80}: the index has it in {places.get(key)!r:.80}"
                )
            state[key] = tensor
    lacking = sorted(set(places) - set(state))
    if lacking:
        raise FormatError(f"{index}: key {lacking[0]!r:.80}: {places[lacking[0]]} does not have it")
    return state
