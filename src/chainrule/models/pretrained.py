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

from ..base import dtypes
from ..base.errors import FormatError, StateDictError
from ..files import write_whole
from ..nn import Embedding, Module, init
from ..tensors import Tensor, equal, float32
from ..tensors.functions.face import face_methods
from .config import Config, read_json
from .reading import Layers
from .vocabulary import resized
from .weights import WEIGHTS, read_weights, write_weights

__all__ = ["ARCHITECTURES", "PreTrained", "architecture", "from_pretrained"]

ARCHITECTURES: dict[str, type[PreTrained]] = {}
"""The classes by the names that Hugging Face gives them."""

CONFIG, GENERATION = "config.json", "generation_config.json"


def architecture(cls: type[PreTrained]) -> type[PreTrained]:
    """Decorator: a class that `from_pretrained` finds by its name."""
    ARCHITECTURES[cls.__name__] = cls
    return cls


class PreTrained(Module):
    """Base of the models that have checkpoints.

    A subclass says which `config_class` it takes; under which name the model without head is an attribute of those
    with one (`base_model_prefix`); which parameters are others' (`tied`, key → key of the one that is saved); which
    keys of older files mean nothing (`left_over`) or were called otherwise (`renamed`, pattern and what replaces it); and which
    some checkpoints of this architecture have and others do not (`may_lack`). Where there are words, it says what the embeddings of
    them are called in the model without head (`words_in`), and the layer that tells one (`words_out`).
    """

    config_class: ClassVar[type[Config]]
    base_model_prefix: ClassVar[str] = ""
    tied: ClassVar[Mapping[str, str]] = {}
    left_over: ClassVar[str | None] = None
    renamed: ClassVar[tuple[tuple[str, str], ...]] = ()
    may_lack: ClassVar[str | None] = None
    words_in: ClassVar[str | None] = None
    words_out: ClassVar[str | None] = None
    tells: ClassVar[tuple[str, ...]] = ("output_attentions", "output_hidden_states")
    """What may be asked of it besides its results."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "forward" in vars(cls) and cls.__module__.startswith(f"{__package__}."):
            face_methods(cls, "forward")  # a text where tokens are asked for is told by its name

    def __init__(self, config: Config):
        super().__init__()
        for name in ("output_attentions", "output_hidden_states"):
            config.need(
                name in self.tells or not getattr(config, name),
                f"{name}: a {type(self).__name__} has none to return",
            )
        self.config = config
        self.generation: dict[str, Any] = {}  # what the folder says of writing

    def ties(self) -> Mapping[str, str]:
        """The parameters that are others', with this configuration."""
        return self.tied if getattr(self.config, "tie_word_embeddings", True) else {}

    def __call__(self, *given: Any, **settings: Any) -> Any:
        """As of `Module`; what the configuration says that calls ask for, they do, unless they say otherwise."""
        for name in self.tells:
            if getattr(self.config, name):
                settings.setdefault(name, True)
        return super().__call__(*given, **settings)

    @property
    def dtype(self) -> Any:
        """Of the parameters."""
        return next(self.parameters()).dtype

    @property
    def device(self) -> Any:
        """Of the parameters."""
        return next(self.parameters()).device

    @classmethod
    def from_pretrained(
        cls,
        folder: str | os.PathLike[str],
        *,
        dtype: Any = None,
        torch_dtype: Any = None,
        ignore_mismatched_sizes: bool = False,
        **settings: Any,
    ) -> Self:
        """The model of a folder, in evaluation mode.

        A folder of this class must have every weight, and no other. Of a folder of another class (say, of the model without head, or
        with another one) what both have is loaded; parts that it does not have begin anew, of which a warning tells.

        Args:
            folder: see above.
            dtype: the dtype of the parameters, also as a text ("bfloat16"); "auto": what the file has; None: that too, but
                half floats become float32, in which processors compute (`transformers` 5 leaves them as they are).
            torch_dtype: the older name of `dtype`.
            ignore_mismatched_sizes: whether parameters whose shape is not the file's begin anew, of which a warning tells: another number
                of classes, say.
            settings: of the configuration, other than the file's: `num_labels=3`.

        Raises:
            FormatError: a file that is not what it should be; the key is named.
            StateDictError: every key that is missing, unexpected or of another shape.
            TypeError: a setting that the configuration does not have.
            OSError: a file that cannot be read.
        """
        folder = Path(folder)
        path = folder / CONFIG
        dtype = _dtype(dtype if dtype is not None else torch_dtype)
        described = _described(path)
        config = cls.config_class.from_dict(_changed(described, cls.config_class, settings), path)
        state = read_weights(folder)
        try:
            with init.skipped():
                model = cls(config)
        except (ValueError, MemoryError) as e:  # NumPy has no array of such a size
            raise FormatError(f"{path}: no model of these sizes can be built: {e}") from None
        try:
            model._take(state, dtype, described.get("architectures"), ignore_mismatched_sizes)
        except StateDictError as e:
            kind, own = described.get("model_type", "other"), cls.config_class.model_type
            other = "" if kind == own else f"a {kind!r} model, where {cls.__name__} is of {own!r}\n"
            raise StateDictError(f"{folder}: {other}{e}") from None
        if (folder / GENERATION).is_file():
            model.generation = read_json(folder / GENERATION)
        return model.eval()

    def _take(self, state: dict[str, Tensor], dtype: Any, named: Any, any_size: bool) -> None:
        """Make a checkpoint's tensors the parameters.

        Args:
            state: the tensors by their keys.
            dtype: see `from_pretrained`.
            named: the classes that the folder names.
            any_size: whether what has another shape begins anew.
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
        told = f"the folder does not have {', '.join(new)}"
        if any_size:
            other = {k: own[k] for k, v in state.items() if k in own and v.shape != own[k].shape}
            state = {k: v for k, v in state.items() if k not in other}
            told = (
                f"{f'{told}, and' if new else 'the folder'} has in another shape {', '.join(other)}"
                if other
                else told
            )
            new |= other
        self.load_state_dict({**state, **new}, assign=True)
        if new:  # only now is it sure that all the others fit
            begun = type(self)(self.config).state_dict()
            like = next(iter(state.values())).dtype
            self.load_state_dict({**state, **{k: begun[k].to(like) for k in new}}, assign=True)
            warnings.warn(
                f"{type(self).__name__}: {told}; these have initial weights, to be trained",
                stacklevel=4,
            )
        self._tie(ties)

    def _tie(self, ties: Mapping[str, str]) -> None:
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

    def save_pretrained(
        self, folder: str | os.PathLike[str], *, max_shard_size: int | str = "50GB"
    ) -> None:
        """Write `config.json` and `model.safetensors`, each whole or not at all, and what was said of writing.

        Args:
            folder: made if it is not there.
            max_shard_size: bytes of a file at most, or a text such as "5GB"; larger models are written in several, with an index.

        Raises:
            RangeError: no such size.
            SaveError: the system refused.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        own = dict(self.named_parameters(remove_duplicate=False))
        shared = {k for k, source in self.ties().items() if own[k] is own[source]}
        state = {k: v for k, v in self.state_dict().items() if k not in shared}
        write_weights(folder, state, max_shard_size)
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

    def tie_weights(self) -> None:
        """Make the parameters that are others', as the configuration says, one with these again."""
        self._tie(self.ties())

    def num_parameters(self, only_trainable: bool = False, exclude_embeddings: bool = False) -> int:
        """How many numbers the parameters are; one that is shared counts once."""
        left = [m.weight for m in self.modules() if exclude_embeddings and isinstance(m, Embedding)]
        return sum(
            p.numel()
            for p in self.parameters()
            if (p.requires_grad or not only_trainable) and not any(p is w for w in left)
        )

    def get_input_embeddings(self) -> Embedding:
        """The embeddings of words.

        Raises:
            TypeError: a model that has none.
        """
        if self.words_in is None:
            raise TypeError(f"{type(self).__name__} has no embeddings of words")
        body = getattr(self, self.base_model_prefix, self) if self.base_model_prefix else self
        return body.get_submodule(self.words_in)

    def get_output_embeddings(self) -> Module | None:
        """The layer that tells words; None where none are told."""
        return None if self.words_out is None else self.get_submodule(self.words_out)

    def resize_token_embeddings(
        self,
        new_num_tokens: int | None = None,
        pad_to_multiple_of: int | None = None,
        mean_resizing: bool = True,
    ) -> Embedding:
        """Make the vocabulary larger or smaller, at its end: the embeddings, the layer that tells words, and the configuration.

        Args:
            new_num_tokens: how many tokens there are then; None: as many as now.
            pad_to_multiple_of: the number is made one that this divides.
            mean_resizing: new tokens begin as the mean of those there are; else with initial weights.

        Returns:
            The embeddings.

        Raises:
            TypeError: a model without words.
            RangeError: less than one token.
        """
        return resized(self, new_num_tokens, pad_to_multiple_of or 1, mean_resizing)

    def gradient_checkpointing_enable(self, gradient_checkpointing_kwargs: Any = None) -> None:
        """From now on a layer that is trained keeps its input alone, and is run again when the backward pass comes to it; see `Layers`.

        Args:
            gradient_checkpointing_kwargs: None, or {"use_reentrant": …}, without effect: there is one way.

        Raises:
            TypeError: a model whose layers are not alike (ResNet, LSTM).
        """
        if set(gradient_checkpointing_kwargs or ()) - {"use_reentrant"}:
            raise TypeError(
                f"gradient_checkpointing_enable knows use_reentrant, found {gradient_checkpointing_kwargs}"
            )
        if not self._checkpoints(True):
            raise TypeError(
                f"{type(self).__name__} has no stack of layers to run again; chainrule.utils.checkpoint does it for any function"
            )

    def gradient_checkpointing_disable(self) -> None:
        """Layers keep what their backward pass reads."""
        self._checkpoints(False)

    @property
    def is_gradient_checkpointing(self) -> bool:
        """Whether layers are run again."""
        return any(m.checkpointing for m in self.modules() if isinstance(m, Layers))

    def _checkpoints(self, again: bool) -> int:
        stacks = [m for m in self.modules() if isinstance(m, Layers)]
        for stack in stacks:
            stack.checkpointing = again
        return len(stacks)


def from_pretrained(folder: str | os.PathLike[str], **settings: Any) -> PreTrained:
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
    return ARCHITECTURES[named[0]].from_pretrained(folder, **settings)


def _dtype(given: Any) -> Any:
    """A dtype, which may be told by its name."""
    if not isinstance(given, str) or given == "auto":
        return given
    found = getattr(dtypes, given.removeprefix("torch."), None)
    if not isinstance(found, dtypes.DType) or not found.is_floating_point:
        raise TypeError(
            f'from_pretrained: dtype is one of floats, its name, "auto" or None, found {given!r:.40}'
        )
    return found


def _described(path: Path) -> dict[str, Any]:
    if not path.is_file():
        found = f"no {CONFIG}"
        if path.parent.is_file():
            found = f"a file\n  hint: its folder is {path.parent.parent}"
        elif not path.parent.is_dir():
            found = (
                "no such folder, and nothing is downloaded\n"
                "  hint: hf download OWNER/NAME --local-dir FOLDER fetches one (huggingface_hub)"
            )
        raise FormatError(
            f"{path.parent}: expected a folder with {CONFIG} and {WEIGHTS}, found {found}"
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
