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

from ...base.errors import FormatError, RangeError, ShapeError
from ...tensors import Tensor, from_numpy
from .added import AddedToken, Finder
from .bpe import BPE
from .decode import decoder
from .known_names import ROLES, Batch, KnownNames, without_spaces
from .normalize import normalizer
from .parts import Part, read_object
from .split import splitter
from .template import Template
from .truncation import cut_off
from .unigram import Unigram
from .wordpiece import WordPiece

__all__ = ["ROLES", "Tokenizer"]

MODELS = {"BPE": BPE, "Unigram": Unigram, "WordPiece": WordPiece}
# The keys of a file that are read. `truncation` and `padding` are what calls say here, as in transformers.
KEYS = {
    "version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor",
    "decoder", "model",
}  # fmt: skip


class Tokenizer(KnownNames):
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

    def __call__(
        self,
        texts: str | Sequence[str],
        text_pair: str | Sequence[str] | None = None,
        *,
        padding: bool | str = False,
        truncation: bool | str = False,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        return_tensors: str | None = None,
        return_token_type_ids: bool | None = None,
        return_attention_mask: bool | None = None,
        return_special_tokens_mask: bool = False,
        return_length: bool = False,
        add_special_tokens: bool = True,
    ) -> Batch:
        """A batch for a model, a dict whose keys are attributes too: `input_ids`, `attention_mask` (1 is a token, 0 padding) and, where
        the model has segments, `token_type_ids`; lists, or int64 (B, T).

        Args:
            texts: a text or several.
            text_pair: as many second texts.
            padding: True or "longest": to the longest; "max_length"; False.
            truncation: True or "longest_first": to `max_length`, from a pair what is longest first; "only_first" or "only_second":
                from one of the two alone; False.
            max_length: tokens, special ones included; None: `model_max_length`.
            pad_to_multiple_of: what is padded gets a length that this divides.
            return_token_type_ids, return_attention_mask: whether these are returned; None: where the model reads them.
            return_special_tokens_mask: whether to return which tokens the template put there (1), and padding.
            return_length: whether to return the length of each row, padding included.
            return_tensors: "cr" or "pt" (Tensors), "np" (arrays) or None (lists; of one text not nested).
            add_special_tokens: whether the template's special tokens stand around them.

        Raises:
            ShapeError: texts of different lengths as a Tensor; another number of second texts; no room for a token, or in the one
                that is shortened nothing left to cut off.
            FormatError: padding without a `pad_token`; `max_length` not known.
            ValueError: another value of an argument than those above.

        Example:
            >>> from chainrule.data.tokenizers import bert
            >>> tokenizer = bert({"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "a": 5, "##b": 6})
            >>> tokenizer(["ab a", "A"], padding=True, return_tensors="np")["input_ids"]
            array([[2, 5, 6, 5, 3],
                   [2, 5, 3, 0, 0]])
        """
        _one_of("padding", padding, (False, True, "longest", "max_length"))
        _one_of(
            "truncation", truncation, (False, True, "longest_first", "only_first", "only_second")
        )
        _one_of("return_tensors", return_tensors, (None, "cr", "pt", "np"))
        single = isinstance(texts, str)
        firsts = [texts] if isinstance(texts, str) else list(texts)
        seconds: list[Any] = [None] * len(firsts)
        if text_pair is not None:
            seconds = [text_pair] if isinstance(text_pair, str) else list(text_pair)
        if len(seconds) != len(firsts):
            raise ShapeError(f"Tokenizer: {len(firsts)} texts, but {len(seconds)} second ones")
        length = max_length if max_length is not None else self.model_max_length
        if length is None and (truncation or padding == "max_length"):
            raise FormatError("Tokenizer: how long? model_max_length is not known; pass max_length")

        rows = []
        for text, second in zip(firsts, seconds, strict=True):
            a, b = self.ids(text), None if second is None else self.ids(second)
            special = self.template.added(b is not None) if add_special_tokens else 0
            if truncation:
                assert length is not None
                room = length - special
                if room < 0:
                    raise ShapeError(
                        f"Tokenizer: max_length {length} has no room for the special tokens"
                    )
                a, b = cut_off(a, b, room, str(truncation), self.truncation_side == "left")
            marks = self.template.marks(len(a), None if b is None else len(b), add_special_tokens)
            rows.append((*self.template.around(a, b, add_special_tokens), marks))
        target = 0
        if padding == "max_length":
            assert length is not None
            target = length
        elif padding and rows:
            target = max(len(ids) for ids, *_ in rows)
        if padding and pad_to_multiple_of:
            target = -(-target // pad_to_multiple_of) * pad_to_multiple_of
        asked = {
            "token_type_ids": return_token_type_ids, "attention_mask": return_attention_mask,
            "special_tokens_mask": return_special_tokens_mask, "length": return_length,
        }  # fmt: skip
        names = [n for n in self.inputs if asked.get(n) is not False]
        names += [n for n, wish in asked.items() if wish and n not in names]
        batch: dict[str, list[Any]] = {n: [] for n in names}
        for ids, segments, marks in rows:
            lacking = max(target - len(ids), 0)
            if lacking and self.pad_token_id is None:
                raise FormatError(
                    'Tokenizer: padding needs a pad_token; tokenizer.set_role("pad_token", …) names one'
                )
            for name, values, fill in (
                ("input_ids", ids, self.pad_token_id),
                ("token_type_ids", segments, 0),
                ("attention_mask", [1] * len(ids), 0),
                ("special_tokens_mask", marks, 1),
            ):
                if name in batch:
                    pad = [fill] * lacking
                    batch[name].append(
                        pad + values if self.padding_side == "left" else values + pad
                    )
            if return_length:
                batch["length"].append(len(ids) + lacking)
        if return_tensors is None:
            if single:
                return Batch({n: rows if n == "length" else rows[0] for n, rows in batch.items()})
            return Batch(batch)
        lengths = {len(row) for row in batch["input_ids"]}
        if len(lengths) > 1:
            raise ShapeError(
                f"Tokenizer: texts of {min(lengths)} to {max(lengths)} tokens are no array; pass padding=True"
            )
        arrays = {n: np.array(rows, np.int64) for n, rows in batch.items()}
        arrays = {n: a if n == "length" else a.reshape(len(firsts), -1) for n, a in arrays.items()}
        tensors = return_tensors in ("cr", "pt")
        return Batch({n: from_numpy(a) if tensors else a for n, a in arrays.items()})

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


def _one_of(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if not any(value is a or (isinstance(a, str) and value == a) for a in allowed):
        known = ", ".join(map(repr, allowed))
        raise ValueError(f"Tokenizer: {name} is one of {known}, found {value!r:.80}")


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as e:
        raise FormatError(f"Tokenizer: expected a text, found half of a character: {e}") from None
