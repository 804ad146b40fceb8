"""The first step: a text is made plainer, the same for the same meaning.

    "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}]}

Each kind has a function that reads its part of `tokenizer.json` and returns what it does, str → str.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from .characters import WHITE_SPACE
from .charsmap import Charsmap
from .parts import Part

__all__ = ["NORMALIZERS", "lowercase", "normalizer", "steps"]

Change = Callable[[str], str]
_WHITE = "[" + "".join(sorted(WHITE_SPACE)) + "]"
_REPLACED = {
    r"\s+": re.compile(_WHITE + "+"),
    " {2,}": re.compile(" {2,}"),
    r"\s": re.compile(_WHITE),
}


def normalizer(part: Part | None) -> Change:
    """What a part of kind `type` does with a text; nothing if there is none.

    >>> normalizer(Part({"type": "NFKC"}))("ﬁne №5")
    'fine No5'
    """
    return (
        (lambda text: text) if part is None else NORMALIZERS[part.choice("type", NORMALIZERS)](part)
    )


def steps(part: Part | None) -> list[Change]:
    """What `normalizer` does, one after another."""
    if part is not None and part.choice("type", NORMALIZERS) == "Sequence":
        return [step for inner in part.parts("normalizers") for step in steps(inner)]
    return [normalizer(part)]


def lowercase(text: str) -> str:
    """Each character for itself: a sigma stays σ at the end of a word, which `str.lower` makes ς.

    >>> lowercase("ΟΔΟΣ"), "ΟΔΟΣ".lower()
    ('οδοσ', 'οδος')
    """
    return text.lower() if "Σ" not in text else "".join([c.lower() for c in text])


def _sequence(part: Part) -> Change:
    each = [normalizer(step) for step in part.parts("normalizers")]

    def change(text: str) -> str:
        for step in each:
            text = step(text)
        return text

    return change


def _form(name: str) -> Callable[[Part], Change]:
    return lambda part: lambda text: unicodedata.normalize(name, text)


def _lowercase(part: Part) -> Change:
    return lowercase


def _without_accents(text: str) -> str:
    return "".join([c for c in text if unicodedata.category(c) != "Mn"])


def _strip_accents(part: Part) -> Change:
    return _without_accents


def _strip(part: Part) -> Change:
    left, right = part.take("strip_left", bool), part.take("strip_right", bool)
    white = "".join(WHITE_SPACE)

    def change(text: str) -> str:
        text = text.lstrip(white) if left else text
        return text.rstrip(white) if right else text

    return change


def _prepend(part: Part) -> Change:
    before = part.take("prepend", str)
    return lambda text: before + text if text else text


def _replace(part: Part) -> Change:
    what, content = part.part("pattern"), part.take("content", str)
    if "String" in what.value:
        string = what.take("String", str)
        if not string:
            raise what.error("String", "expected at least one character, found none")
        return lambda text: text.replace(string, content)
    pattern = _REPLACED[what.choice("Regex", _REPLACED)]
    return lambda text: pattern.sub(lambda match: content, text)


def _bert(part: Part) -> Change:
    clean = part.take("clean_text", bool, default=True)
    apart = part.take("handle_chinese_chars", bool, default=True)
    lower = part.take("lowercase", bool, default=True)
    accents = part.take("strip_accents", bool, default=None)
    accents = lower if accents is None else accents

    def change(text: str) -> str:
        if clean:
            text = text.translate(_CLEAN)
        if apart:
            text = text.translate(_IDEOGRAPHS_APART)
        if accents:
            text = _without_accents(unicodedata.normalize("NFD", text))
        return lowercase(text) if lower else text

    return change


class _Clean(dict):
    """For `str.translate`: control, format and private characters vanish, white space becomes a space."""

    def __missing__(self, point: int) -> str | int | None:
        character = chr(point)
        if character in "\t\n\r":
            drawn: str | int | None = " "
        elif point in (0, 0xFFFD) or unicodedata.category(character) in ("Cc", "Cf", "Co"):
            drawn = None
        else:
            drawn = " " if character in WHITE_SPACE else point
        self[point] = drawn
        return drawn


class _IdeographsApart(dict):
    """For `str.translate`: a space on both sides of each Chinese character."""

    ranges = (
        (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
        (0x2B740, 0x2B81F), (0x2B920, 0x2CEAF), (0x2F800, 0x2FA1F),
    )  # fmt: skip

    def __missing__(self, point: int) -> str | int:
        inside = point >= 0x3400 and any(low <= point <= high for low, high in self.ranges)
        self[point] = f" {chr(point)} " if inside else point
        return self[point]


_CLEAN, _IDEOGRAPHS_APART = _Clean(), _IdeographsApart()

NORMALIZERS: dict[str, Callable[[Part], Change]] = {
    "BertNormalizer": _bert,
    "Lowercase": _lowercase,
    "NFC": _form("NFC"),
    "NFD": _form("NFD"),
    "NFKC": _form("NFKC"),
    "NFKD": _form("NFKD"),
    "Precompiled": Charsmap,
    "Prepend": _prepend,
    "Replace": _replace,
    "Sequence": _sequence,
    "Strip": _strip,
    "StripAccents": _strip_accents,
}
"""The kinds that are known."""
