"""WordPiece: a word is read from the left, each time as the longest token that fits.

    unaffable → un ##aff ##able

Source: Schuster & Nakajima 2012; as BERT has it, Devlin et al. 2019.
"""

from __future__ import annotations

from typing import Any, Self

from ...base.errors import FormatError
from .parts import Part

__all__ = ["WordPiece"]


class WordPiece:
    """The model.

    Args:
        vocabulary: token → id.
        unknown: the token of a word that cannot be put together.
        prefix: of tokens that do not begin a word.
        longest: characters of a word; a longer one is unknown.

    >>> WordPiece({"[UNK]": 0, "un": 1, "##aff": 2, "##able": 3}).ids("unaffable")
    [1, 2, 3]
    """

    kind = "WordPiece"

    def __init__(
        self,
        vocabulary: dict[str, int],
        *,
        unknown: str = "[UNK]",
        prefix: str = "##",
        longest: int = 100,
    ):
        self.vocabulary, self.unknown, self.prefix, self.longest = (
            vocabulary,
            unknown,
            prefix,
            longest,
        )
        if unknown not in vocabulary:
            raise FormatError(f"key 'model.unk_token': the vocabulary has no {unknown!r:.40}")
        self._most = max(map(len, vocabulary))

    @classmethod
    def from_part(cls, part: Part) -> Self:
        """What a `tokenizer.json` says."""
        longest = part.take("max_input_chars_per_word", int, default=100)
        if longest < 1:
            raise part.error("max_input_chars_per_word", f"expected at least 1, found {longest}")
        try:
            return cls(
                part.vocabulary("vocab"),
                unknown=part.take("unk_token", str, default="[UNK]"),
                prefix=part.take("continuing_subword_prefix", str, default="##"),
                longest=longest,
            )
        except FormatError as e:
            raise (
                e if str(e).startswith(str(part.path)) else FormatError(f"{part.path}: {e}")
            ) from None

    def to_dict(self) -> dict[str, Any]:
        """The part of a `tokenizer.json`."""
        return {
            "type": "WordPiece",
            "unk_token": self.unknown,
            "continuing_subword_prefix": self.prefix,
            "max_input_chars_per_word": self.longest,
            "vocab": self.vocabulary,
        }

    def ids(self, word: str) -> list[int]:
        """The tokens of a word."""
        if len(word) > self.longest:
            return [self.vocabulary[self.unknown]]
        found, start = [], 0
        while start < len(word):
            prefix = self.prefix if start else ""
            for end in range(min(len(word), start + self._most), start, -1):
                i = self.vocabulary.get(prefix + word[start:end])
                if i is not None:
                    found.append(i)
                    start = end
                    break
            else:
                return [self.vocabulary[self.unknown]]
        return found
