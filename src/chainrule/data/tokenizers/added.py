"""Tokens that stand for themselves: they are found in a text before anything else is done with it.

Special ones ([SEP], <|endoftext|>) mark what a text does not say. Some are looked for in the text as it is, some (`normalized`)
in what the first step has made of it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any

from .characters import WHITE_SPACE
from .parts import Part

__all__ = ["AddedToken", "Finder"]

_WHITE = "[" + "".join(sorted(WHITE_SPACE)) + "]*"
_BEFORE, _AFTER = re.compile(_WHITE + r"\Z"), re.compile(_WHITE)
_WORD = re.compile(r"\w")


@dataclasses.dataclass(frozen=True)
class AddedToken:
    """A token and how it is found.

    Attributes:
        content: what it is.
        id: its number.
        special: whether `decode` can leave it out.
        single_word: not within a word.
        lstrip, rstrip: white space before it, after it, is part of it.
        normalized: looked for after the text is normalised.
    """

    content: str
    id: int
    special: bool = True
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = False

    @classmethod
    def from_part(cls, part: Part) -> AddedToken:
        """What a `tokenizer.json` says."""
        content = part.take("content", str)
        if not content:
            raise part.error("content", "expected at least one character, found none")
        special = part.take("special", bool, default=False)
        marks = {
            name: part.take(name, bool, default=False)
            for name in ("single_word", "lstrip", "rstrip")
        }
        normalized = part.take("normalized", bool, default=not special)
        return cls(content, part.index("id"), special, normalized=normalized, **marks)

    def to_dict(self) -> dict[str, Any]:
        """The part of a `tokenizer.json`."""
        return dataclasses.asdict(self)


class Finder:
    """Finds some tokens in a text: at each place the longest.

    Args:
        tokens: to be found.
        change: what has been done with the text, and is to be done with what is looked for.

    >>> finder = Finder([AddedToken("<a>", 7, lstrip=True)])
    >>> finder.pieces("x <a>y")
    [('x', None), (' <a>', 7), ('y', None)]
    """

    def __init__(self, tokens: Sequence[AddedToken], change: Callable[[str], str] = str):
        self._tokens: dict[str, AddedToken] = {}
        for token in tokens:
            self._tokens.setdefault(change(token.content), token)
        self._tokens.pop("", None)
        longest_first = sorted(self._tokens, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if tokens else None

    def pieces(self, text: str) -> list[tuple[str, int | None]]:
        """The text in pieces, each with the id of the token it is."""
        if self._pattern is None or not self._tokens:
            return [(text, None)] if text else []
        found: list[tuple[str, int | None]] = []
        done = 0
        for m in self._pattern.finditer(text):
            token, (start, end) = self._tokens[m[0]], m.span()
            if start < done:
                continue  # the white space of the one before was part of it
            if token.single_word:
                inside = start > 0 and _WORD.match(text[start - 1])
                if inside or (end < len(text) and _WORD.match(text[end])):
                    continue
            if token.lstrip:
                white = _BEFORE.search(text, done, start)
                start = white.start() if white else start
            if token.rstrip:
                end = _AFTER.match(text, end).end()  # type: ignore[union-attr]
            if done < start:
                found.append((text[done:start], None))
            found.append((text[start:end], token.id))
            done = end
        if done < len(text):
            found.append((text[done:], None))
        return found
