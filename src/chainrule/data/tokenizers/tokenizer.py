"""The tokenizer: text to ids and back, in the steps that the other chapters have.

text → added tokens → normalise → cut into words → the model's tokens → special tokens around them → ids
ids  → tokens → decode → text
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from ...base.errors import FormatError, RangeError
from ...tensors import Tensor
from .added import AddedToken, Finder
from .batches import MakesBatches
from .bpe import BPE
from .decode import decoder
from .known_names import ROLES, KnownNames, without_spaces
from .normalize import normalizer, steps
from .offsets import covered, normalised, within
from .parts import Part, read_object
from .split import splitter
from .template import Template
from .unigram import Unigram
from .wordpiece import WordPiece

__all__ = ["ROLES", "Tokenizer"]

MODELS = {"BPE": BPE, "Unigram": Unigram, "WordPiece": WordPiece}
# The keys of a file that are read. `truncation` and `padding` are what calls say here, as in transformers.
KEYS = {
    "version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
    "decoder", "model",
}  # fmt: skip


class Tokenizer(MakesBatches, KnownNames):
    """Text to ids and back.

    Args:
        model: `BPE`, `WordPiece` or `Unigram`.
        normalizer, pre_tokenizer, decoder: as `tokenizer.json` has them, dicts with a `type`.
        template: special tokens around texts.
        added: tokens that are found before the model is asked.
        roles: which token is which, such as `pad_token="[PAD]"`; the names are in `ROLES`.
        model_max_length: tokens that the model takes; None: not known.
        padding_side, truncation_side: "right" or "left".
        inputs: what a call returns: names among input_ids, token_type_ids, attention_mask.

    Example:
        >>> from chainrule.data.tokenizers import character
        >>> tokenizer = character("hello world")
        >>> tokenizer.encode("low")
        [4, 5, 7]
        >>> tokenizer.decode([4, 5, 7])
        'low'
    """

    def __init__(
        self,
        model: BPE | WordPiece | Unigram,
        *,
        normalizer: dict[str, Any] | None = None,
        pre_tokenizer: dict[str, Any] | None = None,
        decoder: dict[str, Any] | None = None,
        template: Template | None = None,
        added: Sequence[AddedToken] = (),
        roles: dict[str, str] | None = None,
        model_max_length: int | None = None,
        padding_side: str = "right",
        truncation_side: str = "right",
        inputs: Sequence[str] = ("input_ids", "attention_mask"),
    ):
        steps = {"normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "decoder": decoder}
        self._build(model, Part(steps), template or Template(), added)
        self.model_max_length, self.inputs = model_max_length, tuple(inputs)
        self.padding_side, self.truncation_side = padding_side, truncation_side
        self.others: dict[str, Any] = {}  # what a folder's settings say that is not read here
        self.roles: dict[str, str] = {}
        for role, token in (roles or {}).items():
            self.set_role(role, token)

    def _build(
        self, model: Any, part: Part, template: Template, added: Iterable[AddedToken]
    ) -> None:
        self.model, self.template, self.added = model, template, tuple(added)
        self._steps = {n: part.value.get(n) for n in ("normalizer", "pre_tokenizer", "decoder")}
        self._normalize = normalizer(part.optional("normalizer"))
        self._changes = steps(part.optional("normalizer"))
        self._cut = splitter(part.optional("pre_tokenizer"))
        self._decode = decoder(part.optional("decoder"))
        self._plain = Finder([t for t in self.added if not t.normalized])
        self._normalized = Finder([t for t in self.added if t.normalized], self._normalize)
        self._ids = dict(model.vocabulary)
        for k, token in enumerate(self.added):
            owner = self._ids.setdefault(token.content, token.id)
            if owner != token.id:
                raise part.error(
                    f"added_tokens.{k}",
                    f"{token.content!r:.40} has the id {owner} already, found {token.id}",
                )
        self._tokens = {i: token for token, i in self._ids.items()}
        if len(self._tokens) != len(self._ids):
            twice = next(t for t, i in self._ids.items() if self._tokens[i] != t)
            raise part.error(
                "added_tokens", f"two tokens have the id {self._ids[twice]}: {twice!r:.40}"
            )
        self._special = {t.id for t in self.added if t.special}
        # what is found after normalising is said as it was found
        said = {t.id: self._normalize(t.content) for t in self.added if t.normalized}
        self._said = {**self._tokens, **said}

    # ---- files

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """The tokenizer of a `tokenizer.json`.

        Raises:
            FormatError: it is not what it should be, or has a part that is not known here; the key is named.
        """
        return cls._from_part(read_object(Path(path)))

    @classmethod
    def _from_part(cls, part: Part) -> Self:
        for key in part.value:
            if key not in KEYS:
                raise part.error(key, f"expected one of {', '.join(sorted(KEYS))}")
        described = part.part("model")
        model = MODELS[described.choice("type", MODELS)].from_part(described)  # type: ignore[attr-defined]
        found = cls.__new__(cls)
        added = (
            [AddedToken.from_part(p) for p in part.parts("added_tokens")]
            if "added_tokens" in part.value
            else []
        )
        try:
            template = Template.from_part(part.optional("post_processor"))
            found._build(model, part, template, added)
        except RecursionError:
            raise FormatError(
                f"{part.path}: expected parts, found parts within parts without end"
            ) from None
        for what, _ in template.one + template.two:
            for i in what if isinstance(what, tuple) else ():
                if i not in found._tokens:
                    raise part.error("post_processor", f"no token has the id {i}")
        found.roles, found.model_max_length, found.others = {}, None, {}
        found.padding_side = found.truncation_side = "right"
        found.inputs = ("input_ids", "attention_mask")
        return found

    def to_dict(self) -> dict[str, Any]:
        """What `save` writes."""
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [t.to_dict() for t in sorted(self.added, key=lambda t: t.id)],
            "normalizer": self._steps["normalizer"],
            "pre_tokenizer": self._steps["pre_tokenizer"],
            "post_processor": self.template.to_dict(self._tokens),
            "decoder": self._steps["decoder"],
            "model": self.model.to_dict(),
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a `tokenizer.json`, which the `tokenizers` library reads too.

        Raises:
            OSError: it cannot be written.
        """
        text = json.dumps(self.to_dict(), ensure_ascii=False, indent=1)
        Path(path).write_text(text + "\n", encoding="utf-8")

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Write `tokenizer.json` and `tokenizer_config.json`, which `transformers` reads too."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.save(folder / "tokenizer.json")
        settings: dict[str, Any] = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            **self.others,
            **self.roles,
            "padding_side": self.padding_side,
            "truncation_side": self.truncation_side,
            "model_input_names": list(self.inputs),
        }
        if self.model_max_length is not None:
            settings["model_max_length"] = self.model_max_length
        text = json.dumps(settings, ensure_ascii=False, indent=1)
        (folder / "tokenizer_config.json").write_text(text + "\n", encoding="utf-8")

    # ---- the vocabulary

    def __len__(self) -> int:
        return len(self._ids)

    def __repr__(self) -> str:
        return f"Tokenizer({self.model.kind}, {len(self)} tokens)"

    @property
    def vocabulary(self) -> dict[str, int]:
        """Token → id, added tokens included."""
        return dict(self._ids)

    def token_to_id(self, token: str) -> int | None:
        """The id of a token, None if there is no such token."""
        return self._ids.get(token)

    def id_to_token(self, id: int) -> str | None:
        """The token of an id, None if there is no such id."""
        return self._tokens.get(int(id))

    def set_role(self, role: str, token: str) -> None:
        """Make a token of the vocabulary the one of a role, such as "pad_token".

        Raises:
            FormatError: no such role, or no such token.
        """
        if role not in ROLES:
            raise FormatError(f"Tokenizer: a role is one of {', '.join(ROLES)}, found {role!r}")
        if token not in self._ids:
            raise FormatError(f"Tokenizer: {role}: the vocabulary has no {token!r:.40}")
        self.roles[role] = token

    def __getattr__(self, name: str) -> Any:
        role = name.removesuffix("_id")
        if role in ROLES and "roles" in self.__dict__:
            token = self.roles.get(role)
            return token if name == role or token is None else self._ids[token]
        raise AttributeError(f"Tokenizer has no attribute {name!r}")

    # ---- encoding

    def ids(self, text: str) -> list[int]:
        """The tokens of a text without special ones around it."""
        if not isinstance(text, str):
            raise TypeError(f"Tokenizer: expected a text, found {type(text).__name__}")
        if not text.isascii():
            _check_text(text)
        found: list[int] = []
        first = True
        for piece, i in self._plain.pieces(text):
            if i is not None:
                found.append(i)
            else:
                for word, j in self._normalized.pieces(self._normalize(piece)):
                    if j is not None:
                        found.append(j)
                    else:
                        for w in self._cut([word], first):
                            found += self.model.ids(w)
                    first = False
            first = False
        return found

    def places(self, text: str) -> list[tuple[int, int]]:
        """Where in a text each of its `ids` is: (start, end), in characters.

        >>> from chainrule.data.tokenizers import character
        >>> character("hello world").places("low")
        [(0, 1), (1, 2), (2, 3)]
        """
        prefix, suffix = [getattr(self.model, name, "") or "" for name in ("prefix", "suffix")]
        found: list[tuple[int, int]] = []
        start, first = 0, True
        for piece, i in self._plain.pieces(text):
            end = start + len(piece)
            if i is not None:
                found.append((start, end))
            else:
                plain, origin = normalised(piece, self._changes, start)
                at = 0
                for word, j in self._normalized.pieces(plain):
                    here = origin[at : at + len(word)]
                    at += len(word)
                    if j is not None:
                        found.append(covered(here))
                    else:
                        words = self._cut([word], first)
                        tokens = [[self._tokens[i] for i in self.model.ids(w)] for w in words]
                        found += within(word, here, words, tokens, prefix, suffix)
                    first = False
            start, first = end, False
        return found

    def tokenize(self, text: str) -> list[str]:
        """The tokens of a text, as the vocabulary has them, without special ones around it."""
        return [self._tokens[i] for i in self.ids(text)]

    def encode(
        self,
        text: str,
        pair: str | None = None,
        *,
        add_special_tokens: bool = True,
        **settings: Any,
    ) -> Any:
        """The ids of a text, or of two.

        Args:
            text: to be encoded.
            pair: a second text.
            add_special_tokens: whether the template's special tokens stand around them.
            settings: those of a call: truncation, max_length, padding, return_tensors.

        Raises:
            TypeError: no text.
            FormatError: half of a surrogate pair, which is no character.
        """
        if settings:
            return self(text, pair, add_special_tokens=add_special_tokens, **settings)["input_ids"]
        second = None if pair is None else self.ids(pair)
        return self.template.around(self.ids(text), second, add_special_tokens)[0]

    # ---- decoding

    def decode(
        self,
        ids: Any,
        *,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
    ) -> str:
        """The text of ids.

        Args:
            ids: numbers, or a Tensor or array of them, (T,).
            skip_special_tokens: whether special tokens are left out.
            clean_up_tokenization_spaces: whether the spaces before English punctuation and endings (n't, 's) are left out; None: no.

        Raises:
            RangeError: an id that no token has.
        """
        tokens = []
        for i in np.asarray(ids.numpy() if isinstance(ids, Tensor) else ids).reshape(-1).tolist():
            token = self._said.get(i)
            if token is None:
                raise RangeError(f"Tokenizer: no token has the id {i!r:.40}; there are {len(self)}")
            if not (skip_special_tokens and i in self._special):
                tokens.append(token)
        text = "".join(self._decode(tokens))
        suffix = getattr(self.model, "suffix", "")
        text = text.replace(suffix, " ").strip() if suffix else text
        return without_spaces(text) if clean_up_tokenization_spaces else text

    def batch_decode(self, rows: Any, **settings: Any) -> list[str]:
        """The texts of several rows of ids; settings as of `decode`."""
        return [self.decode(row, **settings) for row in rows]


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as e:
        raise FormatError(f"Tokenizer: expected a text, found half of a character: {e}") from None
