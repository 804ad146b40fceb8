"""Back to text: what is to be done with tokens before they stand side by side.

    "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true}

Each kind has a function that reads its part of `tokenizer.json` and returns what it does: tokens → tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from .parts import Part
from .split import CHARACTER_TO_BYTE

__all__ = ["DECODERS", "decoder"]

Change = Callable[[list[str]], list[str]]

# Spaces that English does not write; of one token at a time.
TIDIED = (
    (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
    (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
)  # fmt: skip


def decoder(part: Part | None) -> Change:
    """What a part of kind `type` does with tokens; spaces between them if there is none.

    >>> decoder(Part({"type": "WordPiece"}))(["un", "##real", "!"])
    ['un', 'real', '!']
    """
    if part is None:
        return lambda tokens: [" " + t if k else t for k, t in enumerate(tokens)]
    return DECODERS[part.choice("type", DECODERS)](part)


def _bytes_of(token: str) -> bytes:
    """Of a token of visible bytes; a token that is not, such as a special one, is its own text."""
    if all(c in CHARACTER_TO_BYTE for c in token):
        return bytes([CHARACTER_TO_BYTE[c] for c in token])
    return token.encode("utf-8")


def _byte_level(part: Part) -> Change:
    # Bytes that are no UTF-8, as when a character is not complete, become U+FFFD.
    return lambda tokens: [b"".join(map(_bytes_of, tokens)).decode("utf-8", errors="replace")]


def _word_piece(part: Part) -> Change:
    prefix = part.take("prefix", str, default="##")
    tidy = part.take("cleanup", bool, default=True)

    def change(tokens: list[str]) -> list[str]:
        found = []
        for k, token in enumerate(tokens):
            if k:
                token = token.removeprefix(prefix) if token.startswith(prefix) else " " + token
            for wide, close in TIDIED if tidy else ():
                token = token.replace(wide, close)
            found.append(token)
        return found

    return change


def _metaspace(part: Part) -> Change:
    mark = part.take("replacement", str, default="▁")
    scheme = part.choice("prepend_scheme", ("always", "first", "never"), default="always")

    def change(tokens: list[str]) -> list[str]:
        if tokens and scheme != "never":
            tokens = [tokens[0].replace(mark, ""), *tokens[1:]]  # all of them, as in the library
        return [token.replace(mark, " ") for token in tokens]

    return change


def _fuse(part: Part) -> Change:
    return lambda tokens: ["".join(tokens)]


def _replace(part: Part) -> Change:
    string, content = part.part("pattern").take("String", str), part.take("content", str)
    if not string:
        raise part.error("pattern.String", "expected at least one character, found none")
    return lambda tokens: [token.replace(string, content) for token in tokens]


_BYTE = re.compile("<0x([0-9A-Fa-f]{2})>")


def _byte_fallback(part: Part) -> Change:
    """Tokens of bytes that are a text become it; those that are not become U+FFFD each."""

    def text_of(run: list[int]) -> list[str]:
        try:
            return [bytes(run).decode("utf-8")] if run else []
        except UnicodeDecodeError:
            return ["\ufffd"] * len(run)

    def change(tokens: list[str]) -> list[str]:
        found: list[str] = []
        run: list[int] = []
        for token in tokens:
            m = _BYTE.fullmatch(token)
            if m:
                run.append(int(m[1], 16))
            else:
                found += [*text_of(run), token]
                run = []
        return found + text_of(run)

    return change


def _strip(part: Part) -> Change:
    content = part.take("content", str)
    start, stop = part.take("start", int), part.take("stop", int)
    if len(content) != 1:
        raise part.error("content", f"expected one character, found {content!r:.40}")
    if start < 0 or stop < 0:
        raise part.error("start" if start < 0 else "stop", "expected a number that is not negative")

    def change(tokens: list[str]) -> list[str]:
        found = []
        for token in tokens:
            left = min(len(token) - len(token.lstrip(content)), start)
            right = min(len(token) - len(token.rstrip(content)), stop)
            found.append(token[left : max(len(token) - right, left)])
        return found

    return change


def _sequence(part: Part) -> Change:
    steps = [decoder(step) for step in part.parts("decoders")]

    def change(tokens: list[str]) -> list[str]:
        for step in steps:
            tokens = step(tokens)
        return tokens

    return change


def _end_of_word(part: Part) -> Change:
    suffix = part.take("suffix", str, default="</w>")

    def change(tokens: list[str]) -> list[str]:
        last = len(tokens) - 1
        return [t.replace(suffix, "" if k == last else " ") for k, t in enumerate(tokens)]

    return change


DECODERS: dict[str, Callable[[Part], Change]] = {
    "BPEDecoder": _end_of_word,
    "ByteFallback": _byte_fallback,
    "ByteLevel": _byte_level,
    "Fuse": _fuse,
    "Metaspace": _metaspace,
    "Replace": _replace,
    "Sequence": _sequence,
    "Strip": _strip,
    "WordPiece": _word_piece,
}
"""The kinds that are known."""
