"""Where in a text its tokens are, for heads that mark places in it (answers, names).

    text ← normalised ← words ← tokens

Each step of encoding makes texts of texts and says nothing of places. So the way back is found by comparing what went in with what came
out: characters that were changed for themselves, or left out, or put in before a word, are seen to be so. A place is a span (start, end)
of characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher

from .split import visible

__all__ = ["covered", "normalised", "within"]

Span = tuple[int, int]
MARK = "▁"
BYTE = re.compile("<0x[0-9A-F]{2}>")


def normalised(
    text: str, steps: Sequence[Callable[[str], str]], start: int
) -> tuple[str, list[Span]]:
    """What the steps of a normaliser make of a text that begins at some place of another, and the span there of each character.

    >>> normalised("Né!", [str.lower, lambda text: text.replace("é", "e")], 10)
    ('ne!', [(10, 11), (11, 12), (12, 13)])
    """
    places = [(start + k, start + k + 1) for k in range(len(text))]
    for step in steps:
        after = step(text)
        if after != text:
            places = [covered(places[a:b]) for a, b in _changed(text, after, step)]
        text = after
    return text, places


def _changed(before: str, after: str, change: Callable[[str], str]) -> list[Span]:
    """A letter and its marks are changed together, and apart from their neighbours; where that does not explain the result, texts are
    matched as a whole.
    """
    places: list[Span] = []
    made = ""
    start = 0
    for end in range(1, len(before) + 1):
        if end < len(before) and unicodedata.combining(before[end]):
            continue
        whole = change(before[start:end])
        made += whole
        places += _cluster(before[start:end], whole, change, start)
        start = end
    return places if made == after else _matched(before, after)


def _cluster(before: str, after: str, change: Callable[[str], str], start: int) -> list[Span]:
    """A letter and its marks: each for itself, or put together, and then where the letter is."""
    each = [change(c) for c in before]
    if "".join(each) == after:
        return [(start + k, start + k + 1) for k, piece in enumerate(each) for _ in piece]
    gone = max(len(before) - len(after), 0)
    at = [min(k + (gone if k else 0), len(before) - 1) for k in range(len(after))]
    return [(start + k, start + k + 1) for k in at]


def _matched(before: str, after: str) -> list[Span]:
    places: list[Span] = []
    for kind, i, j, m, n in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "insert":  # what was put before a character is where that is
            places += [(min(i, len(before) - 1), min(i + 1, len(before)))] * (n - m)
        else:
            each = j - i == n - m
            places += [(i + k, i + k + 1) if each else (i, j) for k in range(n - m)]
    return places


def within(
    text: str,
    places: Sequence[Span],
    words: Sequence[str],
    tokens: Sequence[Sequence[str]],
    prefix: str,
    suffix: str,
) -> list[Span]:
    """The span of each token of a text.

    Args:
        text: normalised.
        places: the span of each of its characters.
        words: into which it was cut.
        tokens: the tokens of each word.
        prefix, suffix: of tokens within a word, and at its end.

    >>> within("a bus", [(k, k + 1) for k in range(5)], ["a", "bus"], [["a"], ["b", "##us"]], "##", "")
    [(0, 1), (2, 3), (3, 5)]
    """
    found: list[Span] = []
    for word, each, at in zip(words, tokens, _of_words(text, words), strict=True):
        for start, end in _of_tokens(word, each, prefix, suffix):
            found.append(covered([place for a, b in at[start:end] for place in places[a:b]]))
    return found


def _of_words(text: str, words: Sequence[str]) -> list[list[Span]]:
    """The span in a text of each character of the words into which it was cut, which may show bytes, or a mark for a space; characters of
    the text may have been left out, and others put before a word.

    >>> _of_words("a b", ["a", "Ġb"])
    [[(0, 1)], [(1, 2), (2, 3)]]
    >>> _of_words("\\nb", ["Ġ", "Ċ", "b"])
    [[(0, 1)], [(0, 1)], [(1, 2)]]
    """
    found: list[list[Span]] = []
    at = 0
    for n, word in enumerate(words):
        places: list[Span] = []
        k = 0
        while k < len(word):
            shown = visible(text[at]) if at < len(text) else ""
            if at == len(text):
                places.append((at, at))
                k += 1
            elif word.startswith(shown, k) or word.startswith(text[at], k):
                count = len(shown) if word.startswith(shown, k) else 1
                places += [(at, at + 1)] * count
                k, at = k + count, at + 1
            elif text[at] == " " and word[k] == MARK and _beyond(text, at) != MARK:
                after = at + text[at:].index(_beyond(text, at))  # the mark is where the word is
                places.append((after, after + 1))
                k, at = k + 1, at + 1
            elif k == 0 and "".join([word[1:], *words[n + 1 : n + 2]]).startswith(
                (shown, text[at])
            ):
                places.append((at, at + 1))  # what was put before the word, or is one of its own
                k = 1
            else:  # what was left out
                at += 1
        found.append(places)
    return found


def _beyond(text: str, at: int) -> str:
    """The character behind spaces, or the last space."""
    return text[at:].lstrip(" ")[:1] or " "


def _of_tokens(word: str, tokens: Sequence[str], prefix: str, suffix: str) -> list[Span]:
    """The span in a word of each of its tokens. Bytes are where their character is; a token that is unknown is what the others leave.

    >>> _of_tokens("cats", ["cat", "##s"], "##", "")
    [(0, 3), (3, 4)]
    """
    texts = [token.removeprefix(prefix) if k else token for k, token in enumerate(tokens)]
    if suffix and not word.endswith(suffix):
        texts = [text.removesuffix(suffix) for text in texts]
    found: list[Span] = []
    at = bytes_left = 0
    for k, text in enumerate(texts):
        if word.startswith(text, at) and not bytes_left:
            end = at + len(text)
        elif BYTE.fullmatch(text) and at < len(word):
            bytes_left = (bytes_left or len(word[at].encode())) - 1
            end = at + 1
        else:
            after = word.find(texts[k + 1], at + 1) if k + 1 < len(texts) else len(word)
            end = after if after > 0 else at + 1
        found.append((at, min(end, len(word))))
        at = at if bytes_left else end
    return found


def covered(places: Sequence[Span]) -> Span:
    """The span from the first to the last of some places; of none, (0, 0)."""
    some = [(a, b) for a, b in places if a < b]
    return (min(a for a, _ in some), max(b for _, b in some)) if some else (0, 0)
