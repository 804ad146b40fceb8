"""The last step of encoding: where special tokens stand around one text or two, and which segment each token is of.

one     [CLS] A [SEP]                    segments  0 … 0
two     [CLS] A [SEP] B [SEP]            segments  0 … 0 1 … 1
"""

from __future__ import annotations

import dataclasses
from typing import Any, Self

from ...base.errors import FormatError
from .parts import MOST_ID, Part

__all__ = ["Template"]

KINDS = ("BertProcessing", "ByteLevel", "RobertaProcessing", "Sequence", "TemplateProcessing")


@dataclasses.dataclass(frozen=True)
class Template:
    """How ids are put together: tuples of (what, segment), where what is "A", "B" or the ids of a special token.

    >>> Template(one=(((101,), 0), ("A", 0), ((102,), 0))).around([7, 8])
    ([101, 7, 8, 102], [0, 0, 0, 0])
    """

    one: tuple[tuple[Any, int], ...] = (("A", 0),)
    two: tuple[tuple[Any, int], ...] = (("A", 0), ("B", 1))

    def around(
        self, first: list[int], second: list[int] | None = None, special: bool = True
    ) -> tuple[list[int], list[int]]:
        """Ids and segments of one text, or two; without special tokens if `special` is False."""
        ids: list[int] = []
        segments: list[int] = []
        for what, segment in self.one if second is None else self.two:
            if what == "A":
                piece = first
            elif what == "B":
                piece = second or []
            else:
                piece = list(what) if special else []
            ids += piece
            segments += [segment] * len(piece)
        return ids, segments

    def marks(self, first: int, second: int | None, special: bool = True) -> list[int]:
        """1 for each special token around texts of so many tokens, 0 for each of theirs."""
        found: list[int] = []
        for what, _ in self.one if second is None else self.two:
            if isinstance(what, str):
                found += [0] * ((first if what == "A" else second) or 0)
            elif special:
                found += [1] * len(what)
        return found

    def added(self, two: bool) -> int:
        """How many special tokens there are."""
        return sum(
            len(what) for what, _ in (self.two if two else self.one) if what not in ("A", "B")
        )

    @classmethod
    def from_part(cls, part: Part | None) -> Self:
        """What a `tokenizer.json` says of `post_processor`.

        Raises:
            FormatError: an unknown kind; a special token without ids.
        """
        if part is None:
            return cls()
        kind = part.choice("type", KINDS)
        if kind == "TemplateProcessing":
            ids = cls._ids_of(part)
            return cls(cls._pieces(part, "single", ids, "A"), cls._pieces(part, "pair", ids, "AB"))
        if kind == "Sequence":
            steps = [s for s in part.parts("processors") if s.choice("type", KINDS) != "ByteLevel"]
            if len(steps) > 1:
                raise part.error("processors", "expected one that adds tokens, found several")
            return cls.from_part(steps[0] if steps else None)
        if kind == "ByteLevel":  # this one only moves offsets
            return cls()
        before, after = (((cls._pair(part, name),), 0) for name in ("cls", "sep"))
        if kind == "BertProcessing":
            return cls(
                (before, ("A", 0), after), (before, ("A", 0), after, ("B", 1), (after[0], 1))
            )
        return cls((before, ("A", 0), after), (before, ("A", 0), after, after, ("B", 0), after))

    @staticmethod
    def _pair(part: Part, name: str) -> int:
        found = part.take(name, list)
        if not (len(found) == 2 and type(found[0]) is str and type(found[1]) is int):
            raise part.error(name, f"expected a token and its id, found {found!r:.80}")
        if not 0 <= found[1] < MOST_ID:
            raise part.error(name, f"expected an id from 0 to {MOST_ID - 1}, found {found[1]}")
        return found[1]

    @staticmethod
    def _ids_of(part: Part) -> dict[str, tuple[int, ...]]:
        specials = part.part("special_tokens")
        found = {}
        for token in specials.value:
            ids = specials.part(token).take("ids", list)
            for i in ids:
                if type(i) is not int or not 0 <= i < MOST_ID:
                    raise specials.error(
                        f"{token}.ids", f"expected ids from 0 to {MOST_ID - 1}, found {i!r:.40}"
                    )
            found[token] = tuple(ids)
        return found

    @staticmethod
    def _pieces(
        part: Part, name: str, ids: dict[str, tuple[int, ...]], texts: str
    ) -> tuple[tuple[Any, int], ...]:
        found: list[tuple[Any, int]] = []
        for piece in part.parts(name):
            kind = next(iter(piece.value), "")
            if len(piece.value) != 1 or kind not in ("Sequence", "SpecialToken"):
                raise part.error(
                    name, f"expected Sequence or SpecialToken, found {piece.value!r:.80}"
                )
            what = piece.part(kind)
            token, segment = what.take("id", str), what.take("type_id", int, default=0)
            if segment not in (0, 1):
                raise what.error("type_id", f"expected 0 or 1, found {segment}")
            if kind == "Sequence" and token not in texts:
                raise what.error("id", f"expected {' or '.join(texts)}, found {token!r:.40}")
            if kind == "SpecialToken" and token not in ids:
                raise what.error("id", f"special_tokens has no {token!r:.40}")
            found.append((token if kind == "Sequence" else ids[token], segment))
        if sorted(w for w, _ in found if isinstance(w, str)) != list(texts):
            raise part.error(name, f"expected {' and '.join(texts)}, each once")
        return tuple(found)

    def to_dict(self, tokens: dict[int, str]) -> dict[str, Any] | None:
        """The part of a `tokenizer.json`; `tokens` are those of the ids."""
        if self == Template():
            return None
        names: dict[tuple[int, ...], str] = {}
        for what, _ in self.one + self.two:
            if isinstance(what, tuple):
                for i in what:
                    if i not in tokens:
                        raise FormatError(f"key 'post_processor': the vocabulary has no id {i}")
                names[what] = " ".join(tokens[i] for i in what)

        def piece(what: Any, segment: int) -> dict[str, Any]:
            if isinstance(what, str):
                return {"Sequence": {"id": what, "type_id": segment}}
            return {"SpecialToken": {"id": names[what], "type_id": segment}}

        return {
            "type": "TemplateProcessing",
            "single": [piece(*each) for each in self.one],
            "pair": [piece(*each) for each in self.two],
            "special_tokens": {
                name: {"id": name, "ids": list(ids), "tokens": [tokens[i] for i in ids]}
                for ids, name in names.items()
            },
        }
