"""SentencePiece's table of replacements: a trie that is made here, read as the library reads it."""

from __future__ import annotations

import base64
import random

import pytest
import tokenizer_samples as samples

from chainrule.base.errors import FormatError
from chainrule.data.tokenizers import charsmap
from chainrule.data.tokenizers.parts import Part

TABLE = {
    "\x00\x01": "never", "ﬁ": "fi", "Å": "Å", "A\u030a": "Å", "e\u0301": "é", "e": "E", "\r": " ", "\u3000": " ",
    "…": "...", "\u200b": "", "ª": "a", "①": "1", "㌔": "キロ", "ａ": "a", "ｶﾞ": "ガ", "ſ": "s", "İ": "I\u0307",
    "\u0340": "\u0300", "n\u0303": "ñ", "n\u0303\u0301": "ñ!",
}  # fmt: skip


def compiled(table: dict[str, str]) -> bytes:
    """A table as SentencePiece compiles it: the size of the trie, its units, the replacements."""
    texts, places = bytearray(b"\0"), {}
    for key, value in table.items():
        places[key.encode()] = len(texts)
        texts += value.encode() + b"\0"
    units: dict[int, int] = {0: 0}
    bases: set[int] = set()

    def children(prefix: bytes, place: int) -> None:
        following = sorted({k[len(prefix)] for k in places if k.startswith(prefix) and k != prefix})
        leaf = prefix in places
        bytes_of = ([0] if leaf else []) + following
        base = next(
            n
            for n in range(1, 1 << 20)
            if n not in bases and all(n ^ b not in units for b in bytes_of)
        )
        bases.add(base)
        units[place] |= (place ^ base) << 10 | leaf << 8
        for b in bytes_of:
            units[base ^ b] = b
        if leaf:
            units[base] = 1 << 31 | places[prefix]
        for b in following:
            children(prefix + bytes([b]), base ^ b)

    children(b"", 0)
    trie = b"".join(
        units.get(k, 0).to_bytes(4, "little") for k in range(256 * (max(units) // 256 + 1))
    )
    return len(trie).to_bytes(4, "little") + trie + bytes(texts)


def normalizer(data: bytes) -> charsmap.Charsmap:
    """Of the bytes of a table."""
    text = base64.b64encode(data).decode()
    return charsmap.Charsmap(
        Part({"type": "Precompiled", "precompiled_charsmap": text}, "t.json", "normalizer")
    )


def test_replacements():
    change = normalizer(compiled(TABLE))
    assert (
        change("ﬁne …\r\n①") == "finE ... 1"
    )  # a line's two ends are one character, whose first has a replacement
    assert change("A\u030aE\u0301x") == "ÅE\u0301x"
    assert change("e\u0301") == "E"  # of two that fit the shorter is taken, for the whole
    assert change("e\u0301\u0302\u0303") == "E\u0301\u0302\u0303"  # seven bytes: each for itself
    assert change("") == "" and change("\x00") == "\x00"


def test_replacements_are_those_of_the_library(torch):
    from tokenizers import normalizers

    data = compiled(TABLE)
    change, reference = normalizer(data), normalizers.Precompiled(data)
    rng = random.Random(0)
    letters = [
        *"".join(TABLE),
        "\u200d",
        "\u0301",
        "\u0e33",
        "\u061c",
        "\u0600",
        "\n",
        "\u0903",
        "\U0001f3fb",
        "a",
    ]
    lines = ["".join(rng.choices(letters, k=rng.randrange(1, 9))) for _ in range(5_000)]
    lines = [line.replace("\x00", "") for line in lines] + samples.mixed_lines(1_000, seed=12)
    assert [change(line) for line in lines] == [reference.normalize_str(line) for line in lines]


WHOLE = compiled(TABLE)
BROKEN = {
    "no base64": ("!!", "expected base64"),
    "empty": (b"", "found 0 bytes in all"),
    "size alone": (b"\x04\0\0\0", "found 4 bytes in all"),
    "size of no units": (b"\x03\0\0\0" + bytes(9), "expected a trie of 3 bytes"),
    "size too large": (b"\xff\xff\xff\x7f" + WHOLE[4:], "expected a trie of 2147483647 bytes"),
    "no trie": (bytes(4) + WHOLE[4:], "expected a trie of 0 bytes"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_malformed_table(name):
    data, message = BROKEN[name]
    text = data if isinstance(data, str) else base64.b64encode(data).decode()
    part = Part({"precompiled_charsmap": text}, "t.json", "normalizer")
    with pytest.raises(FormatError, match=message) as caught:
        charsmap.Charsmap(part)
    assert str(caught.value).startswith("t.json: key 'normalizer.precompiled_charsmap': ")


def test_a_trie_that_leads_out_of_itself():
    with pytest.raises(
        FormatError,
        match=r"t.json: key 'normalizer.precompiled_charsmap': the trie leads out of itself at 'x'",
    ):
        normalizer(b"\x04\0\0\0" + (0x3FFFFF << 10).to_bytes(4, "little") + b"\0")("x")


def test_damage_gives_a_typed_error_or_a_text():
    rng = random.Random(1)
    refused = 0
    for _ in range(300):
        data = bytearray(WHOLE)
        for _ in range(rng.randrange(1, 200)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            normalizer(bytes(data))("".join(TABLE))
        except FormatError as error:
            assert str(error).startswith("t.json: key 'normalizer.precompiled_charsmap': ")
            refused += 1
    assert refused > 9
