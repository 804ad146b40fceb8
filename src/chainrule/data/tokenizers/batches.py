"""Texts as a model reads them: cut off and padded to one length, with what says which token is padding, or of which text.

tokenizer(["a text", "another one"], padding=True, return_tensors="cr")  →  input_ids (B, T), attention_mask (B, T), …
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from ...base.errors import FormatError, ShapeError
from ...tensors import Tensor, from_numpy
from .template import Template
from .truncation import cut_off

__all__ = ["Batch", "MakesBatches"]


class Batch(dict):
    """What a tokenizer returns: values by their names, which are attributes too.

    >>> Batch(input_ids=[[1, 2]]).input_ids
    [[1, 2]]
    """

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise AttributeError(
            f"this batch has no {name!r}; it has {', '.join(self)}\n"
            "  hint: model(**batch) hands them over by their names"
        )

    def to(self, *given: Any, **settings: Any) -> Self:
        """The batch with every tensor's `to`: a device, say."""
        moved = {
            k: v.to(*given, **settings) if isinstance(v, Tensor) else v for k, v in self.items()
        }
        return type(self)(moved)


class MakesBatches:
    """A tokenizer that is called. Besides `ids` and `places` it has a template, sides, and the names of what a model reads."""

    ids: Callable[[str], list[int]]
    places: Callable[[str], list[tuple[int, int]]]
    template: Template
    inputs: Sequence[str]
    model_max_length: int | None
    padding_side: str
    truncation_side: str
    pad_token_id: int | None

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
        return_offsets_mapping: bool = False,
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
            return_offsets_mapping: whether to return where in its text each token is, `offset_mapping`: (start, end) in characters, of
                special tokens and padding (0, 0); see `places`.
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

        room, cut = length if truncation else None, str(truncation)
        rows = [
            self._row(text, second, room, cut, add_special_tokens, return_offsets_mapping)
            for text, second in zip(firsts, seconds, strict=True)
        ]
        target = 0
        if padding == "max_length":
            assert length is not None
            target = length
        elif padding and rows:
            target = max(len(row.ids) for row in rows)
        if padding and pad_to_multiple_of:
            target = -(-target // pad_to_multiple_of) * pad_to_multiple_of
        asked = {
            "token_type_ids": return_token_type_ids, "attention_mask": return_attention_mask,
            "special_tokens_mask": return_special_tokens_mask, "offset_mapping": return_offsets_mapping, "length": return_length,
        }  # fmt: skip
        names = [n for n in self.inputs if asked.get(n) is not False]
        names += [n for n, wish in asked.items() if wish and n not in names]
        batch = self._padded(rows, names, target)
        if return_tensors is not None:
            arrays = _as_arrays(batch)
            tensors = return_tensors in ("cr", "pt")
            return Batch({n: from_numpy(a) if tensors else a for n, a in arrays.items()})
        if single:
            return Batch({n: rows if n == "length" else rows[0] for n, rows in batch.items()})
        return Batch(batch)

    def _row(
        self,
        text: str,
        second: str | None,
        length: int | None,
        cut: str,
        special_tokens: bool,
        places: bool,
    ) -> _Row:
        """A text, or a pair of them, between the template's special tokens; cut off to `length`, if there is one."""
        a, b = self.ids(text), None if second is None else self.ids(second)
        where: tuple[list, list | None] = [], None
        if places:
            where = self.places(text), None if second is None else self.places(second)
        if length is not None:
            room = length - (self.template.added(b is not None) if special_tokens else 0)
            left = self.truncation_side == "left"
            if room < 0:
                raise ShapeError(
                    f"Tokenizer: max_length {length} has no room for the special tokens"
                )
            a, b = cut_off(a, b, room, cut, left)
            where = cut_off(*where, room, cut, left)
        ids, segments = self.template.around(a, b, special_tokens)
        marks = self.template.marks(len(a), None if b is None else len(b), special_tokens)
        spans = self.template.around(*where, special_tokens)[0]
        # special tokens have none
        spans = [x if isinstance(x, tuple) else (0, 0) for x in spans]
        return _Row(ids, segments, marks, spans)

    def _padded(self, rows: Sequence[_Row], names: Sequence[str], target: int) -> dict[str, list]:
        """What a batch has under these names, a list for each row, of `target` tokens at least."""
        batch: dict[str, list] = {n: [] for n in names}
        for row in rows:
            lacking = max(target - len(row.ids), 0)
            if lacking and self.pad_token_id is None:
                raise FormatError(
                    'Tokenizer: padding needs a pad_token; tokenizer.set_role("pad_token", …) names one'
                )
            for name, values, fill in (
                ("input_ids", row.ids, self.pad_token_id),
                ("token_type_ids", row.segments, 0),
                ("attention_mask", [1] * len(row.ids), 0),
                ("special_tokens_mask", row.marks, 1),
                ("offset_mapping", row.spans, (0, 0)),
            ):
                if name in batch:
                    pad: list[Any] = [fill] * lacking
                    batch[name].append(
                        pad + values if self.padding_side == "left" else values + pad
                    )
            if "length" in batch:
                batch["length"].append(len(row.ids) + lacking)
        return batch


class _Row(NamedTuple):
    """A text's tokens: ids, which text each is of, which are special (1), and where they are in the text."""

    ids: list[int]
    segments: list[int]
    marks: list[int]
    spans: list[tuple[int, int]]


def _as_arrays(batch: dict[str, list]) -> dict[str, np.ndarray]:
    """int64 arrays, (rows, tokens) each; of a text's length (rows,), of places (rows, tokens, 2)."""
    count = len(batch["input_ids"])
    lengths = {len(row) for row in batch["input_ids"]}
    if len(lengths) > 1:
        raise ShapeError(
            f"Tokenizer: texts of {min(lengths)} to {max(lengths)} tokens are no array; pass padding=True"
        )
    shapes = {"length": (-1,), "offset_mapping": (count, -1, 2)}
    return {
        n: np.array(rows, np.int64).reshape(shapes.get(n, (count, -1))) for n, rows in batch.items()
    }


def _one_of(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if not any(value is a or (isinstance(a, str) and value == a) for a in allowed):
        known = ", ".join(map(repr, allowed))
        raise ValueError(f"Tokenizer: {name} is one of {known}, found {value!r:.80}")
