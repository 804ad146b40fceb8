r"""What characters are, and how a text is cut into words by what they are.

The patterns that tokenizers cut text with are written in classes of Unicode, \p{L} (letters) and \p{N} (numbers), which
Python's `re` does not have. So the text is first drawn as a `skeleton`: every character becomes one of ASCII that is of
the same class, so that each position keeps its meaning and the pattern, written in ASCII, finds the same words.

    text       ça coûte 5 €, n'est-ce pas？
    skeleton   aa coate 5 !, n'est-ce pas!

Which class a character has is asked of `unicodedata`, that is, of the Unicode version of this Python. A library with a newer
one knows letters that were assigned since.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["PATTERNS", "WHITE_SPACE", "is_punctuation", "is_white", "skeleton"]

# Unicode's White_Space; str.isspace() has four control characters (U+001C to U+001F) more.
WHITE_SPACE = frozenset(
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


def is_white(character: str) -> bool:
    r"""Whether it is white space, as \s is in patterns of Unicode.

    >>> is_white("\u3000"), is_white("\x1f")
    (True, False)
    """
    return character in WHITE_SPACE


def is_punctuation(character: str) -> bool:
    """Whether BERT cuts at it: punctuation, and whatever of ASCII is neither letter, number nor control.

    >>> is_punctuation("¿"), is_punctuation("$"), is_punctuation("€")
    (True, True, False)
    """
    if character < "\x80":
        return character.isprintable() and not character.isalnum() and character != " "
    return unicodedata.category(character)[0] == "P"


class _Skeleton(dict):
    """For `str.translate`: characters by number, drawn when they are first met."""

    def __missing__(self, point: int) -> int:
        character = chr(point)
        kind = unicodedata.category(character)[0]
        if point < 128:
            drawn = character
        elif character == "ſ":
            drawn = "S"  # where case does not count, 'ſ is the contraction 's
        elif kind == "L":
            drawn = "a"
        elif kind == "N":
            drawn = "0"
        elif character in WHITE_SPACE:
            drawn = "\t"
        else:
            drawn = "!"
        self[point] = ord(drawn)
        return self[point]


_SKELETON = _Skeleton()


def skeleton(text: str) -> str:
    r"""The text drawn in ASCII: letters beyond it as a, numbers as 0, white space as \t, all else as !.

    >>> skeleton("ça coûte 5 €, n'est-ce pas？")
    "aa coate 5 !, n'est-ce pas!"
    """
    return text.translate(_SKELETON)


# Hugging Face's patterns, and the same for skeletons. Alternatives are tried from the left, as there.
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_CLIP = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN2 = _LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
_CLIP_OLD = r"<\|startoftext\|>|<\|endoftext\|>|" + _CLIP


def _for_skeletons(pattern: str) -> re.Pattern[str]:
    """A pattern with ASCII's classes for Unicode's; inside of brackets and out."""
    for kind, inside in (
        (r"\p{L}", "a-zA-Z"),
        (r"\p{N}", "0-9"),
        (r"\s", r"\t-\r "),
        (r"\S", None),
    ):
        if inside is None:
            pattern = pattern.replace(kind, r"[^\t-\r ]")
            continue
        # Within [...] the class stands bare; elsewhere it needs brackets of its own.
        pattern = re.sub(
            r"\[[^\]]*\]|" + re.escape(kind),
            lambda m, kind=kind, inside=inside: (
                f"[{inside}]" if m[0] == kind else m[0].replace(kind, inside)
            ),
            pattern,
        )
    return re.compile(pattern, re.ASCII)


PATTERNS = {p: _for_skeletons(p) for p in (_GPT2, _CLIP, _CLIP_OLD, _LLAMA3, _QWEN2)}
"""The patterns that are known, as `tokenizer.json` has them, and what finds the same words in a skeleton."""

GPT2, CLIP = _GPT2, _CLIP
