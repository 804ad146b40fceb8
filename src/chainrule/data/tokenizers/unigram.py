"""The unigram model: every token has a probability, and a word is cut where the product of its tokens' is greatest.

    best(0) = 0,    best(j) = maxᵢ best(i) + log p(word[i:j])

found by Viterbi's algorithm, from the left, keeping for each position where its last token begins.

Source: Kudo 2018; as T5 and SentencePiece have it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

from ...base.errors import FormatError
from .parts import MOST_ID, Part

__all__ = ["Unigram"]

WORSE = 10.0  # nats by which an unknown character is less likely than the least likely token


class Unigram:
    """The model.

    Args:
        pieces: (token, log-probability in nats); their place is the id.
        unknown: the id of what is not known; None: there is none, which is an error when it is needed.
        byte_fallback: whether unknown characters become the tokens of their bytes, <0xE2>.

    >>> pieces = [("<unk>", 0.0), ("a", -1.0), ("b", -1.5), ("ab", -2.0), ("aba", -2.4)]
    >>> Unigram(pieces, unknown=0).ids("ababc")
    [4, 2, 0]
    """

    kind = "Unigram"

    def __init__(
        self,
        pieces: Sequence[tuple[str, float]],
        *,
        unknown: int | None = 0,
        byte_fallback: bool = False,
    ):
        self.pieces, self.unknown, self.byte_fallback = list(pieces), unknown, byte_fallback
        if not self.pieces:
            raise FormatError("key 'model.vocab': expected at least one token, found none")
        if len(self.pieces) > MOST_ID:
            raise FormatError(f"key 'model.vocab': expected at most {MOST_ID} tokens")
        if unknown is not None and not 0 <= unknown < len(self.pieces):
            raise FormatError(
                f"key 'model.unk_id': expected an id from 0 to {len(self.pieces) - 1}, found {unknown!r:.40}"
            )
        self.vocabulary: dict[str, int] = {}
        for i, (token, _) in enumerate(self.pieces):
            if token in self.vocabulary:
                raise FormatError(
                    f"key 'model.vocab.{i}': the token {token!r:.40} stands there twice"
                )
            self.vocabulary[token] = i
        self._scores = [score for _, score in self.pieces]
        self._unlikely = min(self._scores) - WORSE
        self._beginnings = {token[:k] for token, _ in self.pieces for k in range(1, len(token) + 1)}

    @classmethod
    def from_part(cls, part: Part) -> Self:
        """What a `tokenizer.json` says."""
        pieces: list[tuple[str, float]] = []
        for k, piece in enumerate(part.take("vocab", list)):
            fits = isinstance(piece, list) and len(piece) == 2 and type(piece[0]) is str
            if not fits or type(piece[1]) not in (int, float) or not math.isfinite(piece[1]):
                raise part.error(
                    f"vocab.{k}", f"expected a token and its log-probability, found {piece!r:.80}"
                )
            pieces.append((piece[0], float(piece[1])))
        try:
            return cls(
                pieces,
                unknown=part.take("unk_id", int, default=None),
                byte_fallback=part.take("byte_fallback", bool, default=False),
            )
        except FormatError as e:
            raise (
                e if str(e).startswith(str(part.path)) else FormatError(f"{part.path}: {e}")
            ) from None

    def to_dict(self) -> dict[str, Any]:
        """The part of a `tokenizer.json`."""
        return {
            "type": "Unigram",
            "unk_id": self.unknown,
            "vocab": [list(piece) for piece in self.pieces],
            "byte_fallback": self.byte_fallback,
        }

    def ids(self, word: str) -> list[int]:
        """The tokens of a word. Neighbours that are unknown become one."""
        found: list[int] = []
        for piece, i in self._best(word):
            if i != self.unknown or i == self.vocabulary.get(piece):
                found.append(i)  # type: ignore[arg-type]
                continue
            each = [self.vocabulary.get(f"<0x{b:02X}>") for b in piece.encode("utf-8")]
            found += each if self.byte_fallback and None not in each else [i]  # type: ignore[list-item]
        return found

    def _best(self, word: str) -> list[tuple[str, int | None]]:
        """The likeliest pieces and their ids."""
        n, known = len(word), self.vocabulary
        best = [0.0] + [-math.inf] * n
        # where the last piece begins; its id
        came: list[tuple[int, int | None]] = [(0, None)] * (n + 1)
        for start in range(n):
            alone = False
            for end in range(start + 1, n + 1):
                piece = word[start:end]
                if piece not in self._beginnings:
                    break
                i = known.get(piece)
                if i is None:
                    continue
                alone |= end == start + 1
                score = best[start] + self._scores[i]
                if score > best[end]:
                    best[end], came[end] = score, (start, i)
            if not alone:
                score = best[start] + self._unlikely
                if score > best[start + 1]:
                    if self.unknown is None:
                        raise FormatError(
                            f"Unigram: the vocabulary has neither {word[start]!r} nor an unknown token"
                        )
                    best[start + 1], came[start + 1] = score, (start, self.unknown)
        pieces: list[tuple[str, int | None]] = []
        end = n
        while end:
            start, i = came[end]
            if pieces and i == self.unknown and pieces[-1][1] == i and i is not None:
                pieces[-1] = (word[start:end] + pieces[-1][0], i)
            else:
                pieces.append((word[start:end], i))
            end = start
        return pieces[::-1]
