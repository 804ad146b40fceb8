"""The second step: a text is cut into words, within which the model's tokens lie.

    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}

Each kind has a function that reads its part of `tokenizer.json` and returns what it does: words → words. `first` says that
the first of the words begins the text.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

from .characters import GPT2, PATTERNS, WHITE_SPACE, is_punctuation, is_white, skeleton
from .parts import Part

__all__ = ["BYTE_TO_CHARACTER", "CHARACTER_TO_BYTE", "SPLITTERS", "splitter", "visible"]

Cut = Callable[[list[str], bool], list[str]]


def splitter(part: Part | None) -> Cut:
    """What a part of kind `type` does with words; nothing if there is none.

    >>> splitter(Part({"type": "BertPreTokenizer"}))(["it's new"], True)
    ['it', "'", 's', 'new']
    """
    if part is None:
        return lambda words, first: words
    return SPLITTERS[part.choice("type", SPLITTERS)](part)


# ---- bytes


def _alphabet() -> dict[int, str]:
    """GPT-2's: bytes that print are themselves, the others the characters from U+0100 on, so that no token has white
    space or control characters in it.
    """
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [b for b in range(256) if b not in shown]
    return {b: chr(b) for b in shown} | {b: chr(256 + k) for k, b in enumerate(hidden)}


BYTE_TO_CHARACTER = _alphabet()
CHARACTER_TO_BYTE = {c: b for b, c in BYTE_TO_CHARACTER.items()}


def visible(text: str) -> str:
    """The UTF-8 bytes of a text, each as a character that can be seen.

    >>> visible(" café")
    'ĠcafÃ©'
    """
    return text.encode("utf-8").decode("latin-1").translate(BYTE_TO_CHARACTER)


def _byte_level(part: Part) -> Cut:
    prefix = part.take("add_prefix_space", bool, default=True)
    cut_too = part.take("use_regex", bool, default=True)
    pattern = PATTERNS[GPT2]

    def cut(words: list[str], first: bool) -> list[str]:
        found: list[str] = []
        for word in words:
            if prefix and not word.startswith(" "):
                word = " " + word
            if cut_too:
                spans = pattern.finditer(skeleton(word))
                found += [visible(word[m.start() : m.end()]) for m in spans]
            else:
                found.append(visible(word))
        return found

    return cut


# ---- patterns


def _split(part: Part) -> Cut:
    what = part.part("pattern")
    join = JOINING[part.choice("behavior", JOINING)]
    # whether what is between counts as what the pattern finds, and the other way round
    turned = part.take("invert", bool, default=False)
    if "String" in what.value:
        string = what.take("String", str)
        if not string:
            raise what.error("String", "expected at least one character, found none")
        pattern, drawn = re.compile(re.escape(string)), False
    else:
        pattern, drawn = PATTERNS[what.choice("Regex", PATTERNS)], True

    def cut(words: list[str], first: bool) -> list[str]:
        found: list[str] = []
        for word in words:
            pieces, end = [], 0
            for m in pattern.finditer(skeleton(word) if drawn else word):
                pieces += [(word[end : m.start()], turned), (word[m.start() : m.end()], not turned)]
                end = m.end()
            pieces.append((word[end:], turned))
            found += join([(piece, hit) for piece, hit in pieces if piece])
        return found

    return cut


Pieces = list[tuple[str, bool]]
"""A word in pieces, and of each whether it is what a pattern found."""


def _merged(pieces: Pieces) -> list[str]:
    """What was found goes to what is before it; of several in a row the first does."""
    found: list[str] = []
    before = False
    for piece, hit in pieces:
        if hit and not before and found:
            found[-1] += piece
        else:
            found.append(piece)
        before = hit
    return found


def _merged_with_next(pieces: Pieces) -> list[str]:
    """The same read from the end."""
    turned = _merged([(piece[::-1], hit) for piece, hit in reversed(pieces)])
    return [piece[::-1] for piece in reversed(turned)]


def _contiguous(pieces: Pieces) -> list[str]:
    """What was found in a row is one piece."""
    runs = itertools.groupby(pieces, key=lambda each: each[1])
    return ["".join(piece for piece, _ in run) for _, run in runs]


JOINING: dict[str, Callable[[Pieces], list[str]]] = {
    "Contiguous": _contiguous,
    "Isolated": lambda pieces: [piece for piece, _ in pieces],
    "MergedWithNext": _merged_with_next,
    "MergedWithPrevious": _merged,
    "Removed": lambda pieces: [piece for piece, hit in pieces if not hit],
}
"""What becomes of what a pattern found, by the name of the behaviour."""


# ---- words and spaces


def _runs(word: str, alone: Callable[[str], bool]) -> list[str]:
    """Runs of characters without white space, and each that stands `alone` for itself."""
    found, start = [], 0
    for k, c in enumerate(word):
        if is_white(c) or alone(c):
            found += [word[start:k]] if start < k else []
            found += [c] if not is_white(c) else []
            start = k + 1
    return found + ([word[start:]] if start < len(word) else [])


def _bert(part: Part) -> Cut:
    return lambda words, first: [run for word in words for run in _runs(word, is_punctuation)]


def _white_space(part: Part) -> Cut:
    pattern = re.compile("[^" + "".join(sorted(WHITE_SPACE)) + "]+")
    return lambda words, first: [run for word in words for run in pattern.findall(word)]


def _metaspace(part: Part) -> Cut:
    mark = part.take("replacement", str, default="▁")
    if len(mark) != 1:
        raise part.error("replacement", f"expected one character, found {mark!r:.40}")
    scheme = part.choice("prepend_scheme", ("always", "first", "never"), default="always")
    if not part.take("add_prefix_space", bool, default=True):  # what older files say
        scheme = "never"
    cut_too = part.take("split", bool, default=True)

    def cut(words: list[str], first: bool) -> list[str]:
        found: list[str] = []
        for k, word in enumerate(words):
            word = word.replace(" ", mark)
            before = scheme == "always" or (scheme == "first" and first and k == 0)
            if before and not word.startswith(mark):
                word = mark + word
            if cut_too:
                head, *rest = word.split(mark)
                found += ([head] if head else []) + [mark + piece for piece in rest]
            else:
                found.append(word)
        return found

    return cut


def _sequence(part: Part) -> Cut:
    parts = part.parts("pretokenizers")
    steps = [(splitter(step), step.value["type"] in DROPPING) for step in parts]

    def cut(words: list[str], first: bool) -> list[str]:
        for step, drops in steps:
            before, words = words, step(words, first)
            if (
                drops and words and before
            ):  # what follows begins the text only if nothing was left out before it
                first = first and before[0].startswith(words[0])
        return words

    return cut


DROPPING = ("BertPreTokenizer", "Split", "WhitespaceSplit")  # these may leave characters out
SPLITTERS: dict[str, Callable[[Part], Cut]] = {
    "BertPreTokenizer": _bert,
    "ByteLevel": _byte_level,
    "Metaspace": _metaspace,
    "Sequence": _sequence,
    "Split": _split,
    "WhitespaceSplit": _white_space,
}
"""The kinds that are known."""
