"""Back to text: what is to be done with tokens before they stand side by side.

    "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true}

Each kind has a function that reads its part of `tokenizer.json` and returns what it does: tokens → tokens.
"""

from __future__ import annotations

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
            tokens = [tokens[0].removeprefix(mark), *tokens[1:]]
        return [token.replace(mark, " ") for token in tokens]

    return change


def _fuse(part: Part) -> Change:
    return lambda tokens: ["".join(tokens)]


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
    "ByteLevel": _byte_level,
    "Fuse": _fuse,
    "Metaspace": _metaspace,
    "Sequence": _sequence,
    "WordPiece": _word_piece,
}
"""The kinds that are known."""
