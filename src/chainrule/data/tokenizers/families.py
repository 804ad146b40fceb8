"""The tokenizers of the great models, each in a few words: which steps, which model, which special tokens.

character          every character is a token
byte_level_bpe     GPT-2: merges of bytes; nothing is unknown, and decoding gives the text back
train              the same, learnt from a text
bert               lower case, punctuation apart, WordPiece
clip               lower case, merges that know where a word ends
t5                 ▁ for a space, the likeliest pieces
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from .added import AddedToken
from .bpe import BPE, learn
from .characters import CLIP
from .parts import Part
from .split import BYTE_TO_CHARACTER, splitter
from .template import Template
from .tokenizer import Tokenizer
from .unigram import Unigram
from .wordpiece import WordPiece

__all__ = ["bert", "byte_level_bpe", "character", "clip", "t5", "train"]


def character(text: str, *, unk_token: str | None = None) -> Tokenizer:
    """A tokenizer whose tokens are the characters of a text, in the order of their numbers.

    Args:
        text: that has every character there is.
        unk_token: what other characters become; None: they are left out.

    >>> character("banana").vocabulary
    {'a': 0, 'b': 1, 'n': 2}
    """
    tokens = ([unk_token] if unk_token is not None else []) + sorted(set(text))
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    added = [AddedToken(unk_token, 0)] if unk_token is not None else []
    roles = {"unk_token": unk_token} if unk_token is not None else {}
    model = BPE(vocabulary, [], unknown=unk_token)
    return Tokenizer(model, decoder={"type": "Fuse"}, added=added, roles=roles)


def byte_level_bpe(
    vocabulary: dict[str, int],
    merges: Sequence[tuple[str, str]],
    *,
    end_of_text: str | None = "<|endoftext|>",
    add_prefix_space: bool = False,
    model_max_length: int | None = None,
) -> Tokenizer:
    """GPT-2's.

    Args:
        vocabulary: token → id, the 256 bytes as `split.visible` writes them among them.
        merges: first learnt first.
        end_of_text: the special token that ends a text, begins one, and stands for what is unknown.
        add_prefix_space: whether a text is read as if a space stood before it.
        model_max_length: tokens that the model takes.
    """
    added, roles = [], {}
    if end_of_text is not None:
        i = vocabulary.get(end_of_text, max(vocabulary.values(), default=-1) + 1)
        added = [AddedToken(end_of_text, i)]
        roles = dict.fromkeys(("bos_token", "eos_token", "unk_token"), end_of_text)
    return Tokenizer(
        BPE(vocabulary, merges),
        pre_tokenizer=_bytes(add_prefix_space),
        decoder=_bytes(True),
        added=added,
        roles=roles,
        model_max_length=model_max_length,
    )


def _bytes(prefix: bool, cut: bool = True) -> dict[str, Any]:
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": cut}


def train(
    texts: str | Iterable[str], merges: int, *, special_tokens: Sequence[str] = ("<|endoftext|>",)
) -> Tokenizer:
    """A byte-level tokenizer learnt from texts: special tokens, the 256 bytes, and as many merges as are asked for.

    The vocabulary is the one that the `tokenizers` library's trainer finds.

    Args:
        texts: to learn from.
        merges: how many; fewer if the texts have no more pairs.
        special_tokens: get the first ids; the first of them ends a text.

    >>> tokenizer = train("low lower lowest slow", 3, special_tokens=())
    >>> tokenizer.tokenize("slow lower")
    ['s', 'low', 'Ġlow', 'e', 'r']
    """
    if merges < 0:
        raise ValueError(f"train: merges must not be negative, found {merges}")
    cut = splitter(Part(_bytes(False)))
    words: Counter[str] = Counter()
    for text in [texts] if isinstance(texts, str) else texts:
        words.update(cut([text], True))
    alphabet = [*special_tokens, *sorted(BYTE_TO_CHARACTER.values())]
    vocabulary, learnt = learn(words, alphabet, merges)
    end = special_tokens[0] if special_tokens else None
    tokenizer = byte_level_bpe(vocabulary, learnt, end_of_text=end)
    others = [AddedToken(token, vocabulary[token]) for token in special_tokens[1:]]
    if not others:
        return tokenizer
    return Tokenizer(
        tokenizer.model,
        pre_tokenizer=_bytes(False),
        decoder=_bytes(True),
        added=[*tokenizer.added, *others],
        roles=tokenizer.roles,
    )


def bert(
    vocabulary: dict[str, int],
    *,
    lowercase: bool = True,
    strip_accents: bool | None = None,
    chinese_apart: bool = True,
    model_max_length: int | None = 512,
) -> Tokenizer:
    """BERT's.

    Args:
        vocabulary: token → id, with [PAD], [UNK], [CLS], [SEP] and [MASK].
        lowercase: as the models called "uncased" need it.
        strip_accents: é becomes e; None: as `lowercase` says.
        chinese_apart: whether each Chinese character is a word.
        model_max_length: tokens that the model takes.
    """
    names = {"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]",
             "mask_token": "[MASK]"}  # fmt: skip
    roles = {role: token for role, token in names.items() if token in vocabulary}
    template = None
    if "[CLS]" in vocabulary and "[SEP]" in vocabulary:
        begin, end = (vocabulary["[CLS]"],), (vocabulary["[SEP]"],)
        one = ((begin, 0), ("A", 0), (end, 0))
        template = Template(one, (*one, ("B", 1), (end, 1)))
    return Tokenizer(
        WordPiece(vocabulary),
        normalizer={
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": chinese_apart,
            "strip_accents": strip_accents,
            "lowercase": lowercase,
        },
        pre_tokenizer={"type": "BertPreTokenizer"},
        decoder={"type": "WordPiece", "prefix": "##", "cleanup": True},
        template=template,
        added=[AddedToken(token, vocabulary[token]) for token in roles.values()],
        roles=roles,
        model_max_length=model_max_length,
        inputs=("input_ids", "token_type_ids", "attention_mask"),
    )


def clip(
    vocabulary: dict[str, int],
    merges: Sequence[tuple[str, str]],
    *,
    model_max_length: int | None = 77,
) -> Tokenizer:
    """CLIP's: `</w>` ends a word, and <|startoftext|> and <|endoftext|> stand around a text."""
    start, end = "<|startoftext|>", "<|endoftext|>"
    begin, finish = (vocabulary[start],), (vocabulary[end],)
    one = ((begin, 0), ("A", 0), (finish, 0))
    return Tokenizer(
        BPE(vocabulary, merges, unknown=end, suffix="</w>"),
        normalizer={
            "type": "Sequence",
            "normalizers": [
                {"type": "NFC"},
                {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
                {"type": "Lowercase"},
            ],
        },
        pre_tokenizer={
            "type": "Sequence",
            "pretokenizers": [
                {
                    "type": "Split",
                    "pattern": {"Regex": CLIP},
                    "behavior": "Removed",
                    "invert": True,
                },
                _bytes(False),
            ],
        },
        decoder=_bytes(True),
        template=Template(one, (*one, (finish, 0), ("B", 0), (finish, 0))),
        added=[AddedToken(start, begin[0]), AddedToken(end, finish[0])],
        roles={"bos_token": start, "eos_token": end, "unk_token": end, "pad_token": end},
        model_max_length=model_max_length,
    )


def t5(
    pieces: Sequence[tuple[str, float]], *, extra_ids: int = 0, model_max_length: int | None = 512
) -> Tokenizer:
    """T5's: a text ends with </s>.

    Args:
        pieces: (token, log-probability in nats), with <pad>, </s> and <unk>; their place is the id.
        extra_ids: of the sentinels <extra_id_0>, <extra_id_1>, … that stand for what is left out of a text, appended to the
            vocabulary, the last of them first.
        model_max_length: tokens that the model takes.
    """
    ids = {token: i for i, (token, _) in enumerate(pieces)}
    roles = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    sentinels = [f"<extra_id_{k}>" for k in reversed(range(extra_ids))]
    added = [AddedToken(token, ids[token]) for token in roles.values()]
    added += [AddedToken(token, len(pieces) + k) for k, token in enumerate(sentinels)]
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    end = ((ids["</s>"],), 0)
    return Tokenizer(
        Unigram(pieces, unknown=ids["<unk>"]),
        pre_tokenizer={
            "type": "Sequence",
            "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace],
        },
        decoder=dict(metaspace),
        template=Template((("A", 0), end), (("A", 0), end, ("B", 0), end)),
        added=added,
        roles=roles,
        model_max_length=model_max_length,
    )
