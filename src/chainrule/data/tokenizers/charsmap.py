"""What SentencePiece makes of characters, as T5's files have it: a table of replacements, compiled into a trie.

    "normalizer": {"type": "Precompiled", "precompiled_charsmap": "ALQCAACEAAAA…"}

The bytes are the size of the trie (uint32), its units (uint32 each), and the replacements, each ended by a zero byte. A unit
has the byte that leads to it, where its children are, and whether one of them is a leaf, whose value is the place of a replacement. Units
are numbered so that the child for byte b of a node whose children are at n is unit n ⊕ b.

Replaced are characters, and what a reader takes for one: a letter and the marks upon it, if they are shorter than six bytes.

Source: the double array of Yata's Darts-clone; SentencePiece's `normalizer.cc`; `spm_precompiled` for which of several
replacements is taken.
"""

from __future__ import annotations

import base64
import binascii
import unicodedata

import numpy as np

from .parts import Part

__all__ = ["Charsmap"]

SHORT = 6  # bytes; longer clusters are replaced character by character
REMEMBERED = 1 << 16
# What is part of the character before, beside marks; and what is part of the one that follows.
_JOINED = (
    (0x0E33, 0x0E33),
    (0x0EB3, 0x0EB3),
    (0x200C, 0x200D),
    (0x1F3FB, 0x1F3FF),
    (0xFF9E, 0xFF9F),
    (0xE0020, 0xE007F),
)
_BEFORE = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2")

# Marks that stand for themselves, of Burmese, Tai Tham and Ahom.
_ALONE = frozenset(
    "\u102b\u102c\u1038\u1062\u1063\u1064\u1067\u1068\u1069\u106a\u106b\u106c\u106d\u1083\u1087\u1088\u1089\u108a\u108b"
    "\u108c\u108f\u109a\u109b\u109c\u1a61\u1a63\u1a64\uaa7b\uaa7d\U00011720\U00011721"
)


class Charsmap:
    """A table of replacements; calling it makes them.

    Args:
        part: of a `tokenizer.json`, of the type Precompiled.

    Raises:
        FormatError: no base64, or no trie of the size that is said.
    """

    def __init__(self, part: Part):
        self._part = part
        text = part.take("precompiled_charsmap", str)
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as e:
            raise self._error(f"expected base64: {e}") from None
        size = int.from_bytes(data[:4], "little")
        if len(data) < 4 or size % 4 or not 4 <= size <= len(data) - 4:
            raise self._error(
                f"expected a trie of {size} bytes and what follows, found {len(data)} bytes in all"
            )
        self._units = np.frombuffer(data, "<u4", size // 4, 4).tolist()
        self._texts = data[4 + size :]
        self._known: dict[str, str] = {}

    def _error(self, words: str) -> Exception:
        return self._part.error("precompiled_charsmap", words)

    def __call__(self, text: str) -> str:
        """The text with its replacements."""
        found, start = [], 0
        for k in range(1, len(text) + 1):
            if k == len(text) or not _together(text[k - 1], text[k]):
                found.append(self._cluster(text[start:k]))
                start = k
        return "".join(found)

    def _cluster(self, cluster: str) -> str:
        found = self._known.get(cluster)
        if found is None:
            whole = self._replacement(cluster) if len(cluster.encode("utf-8")) < SHORT else None
            if whole is None:
                each = [(c, self._replacement(c)) for c in cluster]
                whole = "".join([c if new is None else new for c, new in each])
            found = whole
            if len(self._known) < REMEMBERED:
                self._known[cluster] = found
        return found

    def _replacement(self, piece: str) -> str | None:
        """Of the shortest beginning that has one."""
        units = self._units
        try:
            place = _children(units[0])
            for byte in piece.encode("utf-8"):
                if byte == 0:
                    return None
                place ^= byte
                unit = units[place]
                if unit & 0x8000_00FF != byte:
                    return None
                place ^= _children(unit)
                if unit >> 8 & 1:
                    start = units[place] & 0x7FFF_FFFF
                    end = self._texts.find(b"\0", start)
                    return self._texts[start : end if end >= 0 else len(self._texts)].decode(
                        "utf-8"
                    )
        except (IndexError, UnicodeDecodeError):
            raise self._error(f"the trie leads out of itself at {piece!r}") from None
        return None


def _children(unit: int) -> int:
    """How far the children of a unit are."""
    return unit >> 10 << ((unit & 1 << 9) >> 6)


def _together(before: str, after: str) -> bool:
    """Whether two neighbours are one character to a reader: Unicode's grapheme clusters, as far as they can be short."""
    if after < "\x7f":
        return (before == "\r" and after == "\n") or before in _BEFORE
    if before in _BEFORE:
        return True
    if unicodedata.category(before) in ("Cc", "Cf", "Zl", "Zp") and not _joins(before):
        return False
    return _joins(after) or (unicodedata.category(after)[0] == "M" and after not in _ALONE)


def _joins(character: str) -> bool:
    return any(low <= ord(character) <= high for low, high in _JOINED)
