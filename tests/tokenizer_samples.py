"""What the tests of tokenizers share: mixed text, and the vocabularies of GPT-2, CLIP and BERT in the data folder."""

from __future__ import annotations

import gzip
import json
import random
import unicodedata
from functools import cache
from pathlib import Path

from chainrule.data import tokenizers
from chainrule.data.tokenizers.split import BYTE_TO_CHARACTER

# Scripts whose characters have been what they are since before Unicode 8, so that every library agrees on them.
RANGES = (
    (0x20, 0x7E), (0x20, 0x7E), (0x20, 0x7E), (0x20, 0x7E), (0xA0, 0x17F), (0x370, 0x3FF), (0x400, 0x45F), (0x5D0, 0x5EA),
    (0x621, 0x64A), (0x905, 0x939), (0xE01, 0xE3A), (0x3041, 0x3096), (0x30A1, 0x30FA), (0x4E00, 0x9FA5), (0x3400, 0x4DB5),
    (0xAC00, 0xD7A3), (0x300, 0x36F), (0x1F600, 0x1F64F), (0x2190, 0x21FF), (0x2000, 0x206F), (0x660, 0x669), (0x2160, 0x2188),
    (0x00, 0x1F), (0x7F, 0x9F), (0xE000, 0xE010), (0xFB00, 0xFB06), (0x20000, 0x20010), (0x1D400, 0x1D450), (0xFE00, 0xFE0F),
)  # fmt: skip
PIECES = (
    "  ", "   ", "\t", "\n", "\r\n", "\u3000", "'s", "'t", "'re", "'ve",
    "'m", "'ll", "'d", "'S", "don't", " it's", "…", "e\u0301", "Å",
    "İ", "ß", "ΟΔΟΣ", "ſ", "'ſ", "\ufffd", "\ufeff", "\u200d", "👩‍👩‍👧",
    "🏳️‍🌈", "👍🏽", "1234567", "3.14", "<|endoftext|>", "[MASK]", "[SEP]", "</s>",
    "<|startoftext|>", "unaffable", "Hello", "WORLD", " the", "naïve", "中文", "不客气",
    "한국어", "हिन्दी", "ไทย", "עברית", "العربية", "\x00", "\x1c",
    "http://x.y/z?a=b&c", "a" * 120, " notoneofthemerges", "!!!", "---",
    "_", "▁", "Ġ",
)  # fmt: skip
WORDS = "the of and to in is was he for it with as his on be at by had not are but from or have an they which".split()


def known(character: str) -> bool:
    """Assigned, in a version of Unicode that is old enough."""
    return unicodedata.category(character) not in ("Cn", "Cs")


def mixed_lines(count: int, seed: int = 0) -> list[str]:
    """Lines of words, pieces that have been trouble, and characters of many scripts."""
    rng = random.Random(seed)
    lines = []
    for _ in range(count):
        line = []
        for _ in range(rng.randrange(12)):
            match rng.randrange(4):
                case 0:
                    line.append(rng.choice(PIECES))
                case 1:
                    line.append(" " + rng.choice(WORDS))
                case _:
                    low, high = rng.choice(RANGES)
                    points = [chr(rng.randint(low, high)) for _ in range(rng.randrange(1, 7))]
                    line.append("".join(filter(known, points)))
        lines.append("".join(line))
    return lines


@cache
def gpt2(folder: Path) -> tokenizers.Tokenizer:
    """GPT-2's tokenizer."""
    vocabulary = json.loads((folder / "gpt2-bpe/encoder.json").read_text(encoding="utf-8"))
    merges = tokenizers.read_merges(folder / "gpt2-bpe/vocab.bpe")
    return tokenizers.byte_level_bpe(vocabulary, merges, model_max_length=1024)


@cache
def clip(folder: Path) -> tokenizers.Tokenizer:
    """CLIP's tokenizer, whose vocabulary follows from its merges."""
    with gzip.open(
        folder / "clip-bpe/bpe_simple_vocab_16e6.txt.gz", "rt", encoding="utf-8"
    ) as file:
        lines = file.read().split("\n")[1 : 49152 - 256 - 2 + 1]
    merges = [tuple(line.split()) for line in lines]
    alphabet = list(BYTE_TO_CHARACTER.values())
    tokens = [*alphabet, *(c + "</w>" for c in alphabet), *map("".join, merges)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return tokenizers.clip({token: i for i, token in enumerate(tokens)}, merges)


@cache
def bert(folder: Path) -> tokenizers.Tokenizer:
    """BERT's tokenizer."""
    return tokenizers.bert(tokenizers.read_vocabulary(folder / "bert-vocab/vocab.txt"))


@cache
def t5() -> tokenizers.Tokenizer:
    """A small T5's: the letters, and pieces of words, likelier ones with higher scores."""
    rng = random.Random(7)
    texts = " ".join(WORDS * 3 + ["unaffable", "naïve", "Hello", "WORLD", "ไทย"])
    pieces = {"▁": -2.0} | {
        c: round(-4.0 - rng.random(), 3) for c in sorted(set(texts)) if c != " "
    }
    for word in texts.split():
        for _ in range(5):
            start, stop = sorted(rng.sample(range(len(word) + 1), 2)) if len(word) > 1 else (0, 1)
            pieces.setdefault(
                ("▁" if start == 0 else "") + word[start:stop], round(-3.0 - 4 * rng.random(), 3)
            )
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *pieces.items()]
    return tokenizers.t5(vocabulary, extra_ids=5)


def llama2() -> tokenizers.Tokenizer:
    """As Llama 2's: no words, ▁ for a space, bytes for what is unknown."""
    merges = [
        ("▁", "t"),
        ("▁t", "h"),
        ("▁th", "e"),
        ("▁", "a"),
        ("▁a", "n"),
        ("o", "f"),
        ("▁", "▁"),
        ("t", "h"),
    ]
    letters = sorted(set("".join(WORDS)) | {"▁", "é", "中"})
    tokens = [
        "<unk>",
        "<s>",
        "</s>",
        *(f"<0x{b:02X}>" for b in range(256)),
        *letters,
        *map("".join, merges),
    ]
    ids = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    space = {"pattern": {"String": " "}, "content": "▁"}
    return tokenizers.Tokenizer(
        tokenizers.BPE(ids, merges, unknown="<unk>", fuse_unknown=True, byte_fallback=True),
        normalizer={
            "type": "Sequence",
            "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", **space}],
        },
        decoder={
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ],
        },
        template=tokenizers.Template(
            (((1,), 0), ("A", 0)), (((1,), 0), ("A", 0), ((1,), 1), ("B", 1))
        ),
        added=[tokenizers.AddedToken(t, ids[t]) for t in ("<unk>", "<s>", "</s>")],
        roles={"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"},
    )


def llama3() -> tokenizers.Tokenizer:
    """As Llama 3's: bytes, cut by its own pattern, words that are tokens taken whole."""
    base = trained()
    pattern = next(p for p in tokenizers.characters.PATTERNS if "{1,3}" in p)
    steps = [
        {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
    ]
    ids = base.model.vocabulary | {"Ġnotoneofthemerges": 500, "naÃ¯ve": 501}
    return tokenizers.Tokenizer(
        tokenizers.BPE(ids, base.model.merges, whole_first=True),
        pre_tokenizer={"type": "Sequence", "pretokenizers": steps},
        decoder=base.to_dict()["decoder"],
        added=base.added,
        roles=base.roles,
    )


def trained() -> tokenizers.Tokenizer:
    """A small byte-level one, of no outside data."""
    return tokenizers.train([" ".join(WORDS), *mixed_lines(200, seed=3)], 150)


def character() -> tokenizers.Tokenizer:
    """Of characters."""
    return tokenizers.character("".join(WORDS) + " \n", unk_token="<?>")


def small_bert() -> tokenizers.Tokenizer:
    """A small BERT's, of no outside data."""
    tokens = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *WORDS,
        "un",
        "##aff",
        "##able",
        *"abcdefgh'.,!?",
    ]
    return tokenizers.bert({t: i for i, t in enumerate(dict.fromkeys(tokens))}, model_max_length=23)


def small_clip() -> tokenizers.Tokenizer:
    """A small CLIP's."""
    alphabet = list(BYTE_TO_CHARACTER.values())
    merges = [("t", "h"), ("th", "e</w>"), ("o", "f</w>"), ("a", "n"), ("an", "d</w>")]
    tokens = [*alphabet, *(c + "</w>" for c in alphabet), *map("".join, merges)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return tokenizers.clip({token: i for i, token in enumerate(tokens)}, merges)
