"""Byte-pair encoding: a word begins as its characters; the pair that was learnt first is merged, until none is left.

    merges  h e · l l · he ll · hell o        hello → h e l l o → he l l o → he ll o → hell o → hello

`BPE` applies merges, whatever the characters are: of bytes (GPT-2), with an end of word (CLIP), or none (a model of
characters has no merges). `learn` finds them.

Source: Sennrich, Haddow & Birch 2016, algorithm 1; on bytes: Radford et al. 2019.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Self

from ...base.errors import FormatError
from .parts import Part

__all__ = ["BPE", "learn"]

REMEMBERED = 1 << 16  # words, so that a text of endless new ones does not fill the memory


class BPE:
    """The model: a vocabulary and the merges, first learnt first.

    Args:
        vocabulary: token → id.
        merges: pairs of tokens.
        unknown: the token of a character that the vocabulary does not have; None: there is none, and the character is left out.
        fuse_unknown: whether neighbours that are unknown become one token.
        prefix, suffix: written before every piece of a word but the first, after the last.
        whole_first: whether a word that is a token is not put together by merges.
        byte_fallback: whether unknown characters become the tokens of their bytes, <0xE2>.

    >>> bpe = BPE({"l": 0, "o": 1, "w": 2, "lo": 3, "low": 4}, [("l", "o"), ("lo", "w")])
    >>> bpe.ids("lowlo")
    [4, 3]
    """

    kind = "BPE"

    def __init__(
        self,
        vocabulary: dict[str, int],
        merges: Sequence[tuple[str, str]],
        *,
        unknown: str | None = None,
        fuse_unknown: bool = False,
        prefix: str = "",
        suffix: str = "",
        whole_first: bool = False,
        byte_fallback: bool = False,
    ):
        self.vocabulary, self.merges, self.unknown = vocabulary, list(merges), unknown
        self.fuse_unknown, self.prefix, self.suffix = fuse_unknown, prefix, suffix
        self.whole_first, self.byte_fallback = whole_first, byte_fallback
        if unknown is not None and unknown not in vocabulary:
            raise FormatError(f"key 'model.unk_token': the vocabulary has no {unknown!r:.40}")
        # (left, right) → (rank, merged), all as ids
        self._merged: dict[tuple[int, int], tuple[int, int]] = {}
        for rank, (left, right) in enumerate(self.merges):
            joined = left + right.removeprefix(prefix)
            for token in (left, right, joined):
                if not token or token not in vocabulary:
                    raise FormatError(
                        f"key 'model.merges.{rank}': the vocabulary has no {token!r:.40}, "
                        f"of {left!r:.40} + {right!r:.40}"
                    )
            pair = vocabulary[left], vocabulary[right]
            if pair in self._merged:
                raise FormatError(
                    f"key 'model.merges.{rank}': {left!r:.40} + {right!r:.40} stands there twice"
                )
            self._merged[pair] = rank, vocabulary[joined]
        self._known: dict[str, list[int]] = {}

    @classmethod
    def from_part(cls, part: Part) -> Self:
        """What a `tokenizer.json` says."""
        vocabulary = part.vocabulary("vocab")
        merges = []
        for k, merge in enumerate(part.take("merges", list)):
            pair = merge.split(" ") if isinstance(merge, str) else merge
            if not (
                isinstance(pair, list) and len(pair) == 2 and all(type(x) is str for x in pair)
            ):
                raise part.error(f"merges.{k}", f"expected two tokens, found {merge!r:.80}")
            merges.append((pair[0], pair[1]))
        if part.take("dropout", float, default=None):
            raise part.error("dropout", "merges are never left out here; expected null")
        try:
            return cls(
                vocabulary,
                merges,
                unknown=part.take("unk_token", str, default=None),
                fuse_unknown=part.take("fuse_unk", bool, default=False),
                prefix=part.take("continuing_subword_prefix", str, default=None) or "",
                suffix=part.take("end_of_word_suffix", str, default=None) or "",
                whole_first=part.take("ignore_merges", bool, default=False),
                byte_fallback=part.take("byte_fallback", bool, default=False),
            )
        except FormatError as e:
            raise FormatError(f"{part.path}: {e}") from None

    def to_dict(self) -> dict[str, Any]:
        """The part of a `tokenizer.json`."""
        return {
            "type": "BPE",
            "dropout": None,
            "unk_token": self.unknown,
            "continuing_subword_prefix": self.prefix,
            "end_of_word_suffix": self.suffix,
            "fuse_unk": self.fuse_unknown,
            "byte_fallback": self.byte_fallback,
            "ignore_merges": self.whole_first,
            "vocab": self.vocabulary,
            "merges": [list(pair) for pair in self.merges],
        }

    def ids(self, word: str) -> list[int]:
        """The tokens of a word."""
        found = self._known.get(word)
        if found is None:
            whole = self.vocabulary.get(word) if self.whole_first else None
            found = [whole] if whole is not None else self._merge(self._characters(word))
            if len(self._known) < REMEMBERED and len(word) < 256:
                self._known[word] = found
        return list(found)

    def _characters(self, word: str) -> list[int]:
        ids: list[int] = []
        unknown_before = False
        last = len(word) - 1
        for k, c in enumerate(word):
            piece = (self.prefix if k else "") + c + (self.suffix if k == last else "")
            i = self.vocabulary.get(piece)
            if i is None and self.byte_fallback:
                each = [self.vocabulary.get(f"<0x{b:02X}>") for b in piece.encode("utf-8")]
                if None not in each:
                    ids += each  # type: ignore[arg-type]
                    unknown_before = False
                    continue
            if i is not None:
                ids.append(i)
            elif self.unknown is not None and not (self.fuse_unknown and unknown_before):
                ids.append(self.vocabulary[self.unknown])
            unknown_before = i is None
        return ids

    def _merge(self, ids: list[int]) -> list[int]:
        """All merges, the lowest rank first and among equal ones the leftmost. The pieces are a linked list: where a
        pair is merged its right piece is taken out, and the two new pairs join the queue.
        """
        n = len(ids)
        after, before = list(range(1, n + 1)), list(range(-1, n - 1))
        queue = []
        for k in range(n - 1):
            found = self._merged.get((ids[k], ids[k + 1]))
            if found is not None:
                queue.append((found[0], k, found[1]))
        heapq.heapify(queue)
        while queue:
            _, k, new = heapq.heappop(queue)
            right = after[k]
            if ids[k] < 0 or right >= n:
                continue
            found = self._merged.get((ids[k], ids[right]))
            if found is None or found[1] != new:
                continue  # one of the two has been merged with another since
            ids[k], ids[right], after[k] = new, -1, after[right]
            if after[k] < n:
                before[after[k]] = k
            for left, r in ((before[k], k), (k, after[k])):
                if left >= 0 and r < n:
                    found = self._merged.get((ids[left], ids[r]))
                    if found is not None:
                        heapq.heappush(queue, (found[0], left, found[1]))
        return [i for i in ids if i >= 0]


def learn(
    words: Counter[str], alphabet: Iterable[str], merges: int
) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """The vocabulary and the merges of a text: the pair of tokens that is seen most often is merged, again and again.

    Among pairs seen equally often the one of the lower ids is taken, which makes the result one and the same.

    Args:
        words: each word and how often it is seen.
        alphabet: the first tokens, with ids from 0.
        merges: how many to find; fewer if no pair is left.

    >>> learn(Counter({"low": 5, "lower": 2, "new": 6}), "elnorw", 3)[1]
    [('l', 'o'), ('lo', 'w'), ('e', 'w')]
    """
    vocabulary = {token: i for i, token in enumerate(alphabet)}
    tokens = list(vocabulary)
    split = [[vocabulary[c] for c in word] for word in words]
    times = list(words.values())
    counts: dict[tuple[int, int], int] = defaultdict(int)
    where: dict[tuple[int, int], set[int]] = defaultdict(set)  # pair → words that have it, or had
    for w, ids in enumerate(split):
        for pair in itertools.pairwise(ids):
            counts[pair] += times[w]
            where[pair].add(w)
    queue = [(-count, pair) for pair, count in counts.items()]
    heapq.heapify(queue)
    learnt: list[tuple[str, str]] = []
    while queue and len(learnt) < merges:
        count, pair = heapq.heappop(queue)
        if -count != counts[pair]:  # an old entry; the pair may be seen less often by now
            if counts[pair] > 0:
                heapq.heappush(queue, (-counts[pair], pair))
            continue
        left, right = pair
        token = tokens[left] + tokens[right]
        learnt.append((tokens[left], tokens[right]))
        new = vocabulary.setdefault(token, len(tokens))
        if new == len(tokens):
            tokens.append(token)
        raised: set[tuple[int, int]] = set()
        for w in where.pop(pair):
            ids, n = split[w], times[w]
            joined, k = [], 0
            while k < len(ids):
                if k + 1 < len(ids) and ids[k] == left and ids[k + 1] == right:
                    joined.append(new)
                    k += 2
                else:
                    joined.append(ids[k])
                    k += 1
            if len(joined) == len(ids):
                continue
            for old in itertools.pairwise(ids):
                counts[old] -= n
            for now in itertools.pairwise(joined):
                counts[now] += n
                if new in now:
                    where[now].add(w)
                    raised.add(now)
            split[w] = joined
        del counts[pair]
        for now in raised:
            heapq.heappush(queue, (-counts[now], now))
    return vocabulary, learnt
