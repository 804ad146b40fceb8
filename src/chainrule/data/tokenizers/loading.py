"""Tokenizers of files: `tokenizer.json`, or what came before it, `vocab.txt` (BERT) and `vocab.json` with `merges.txt` (GPT-2,
CLIP), beside `tokenizer_config.json` and `special_tokens_map.json`, which say what special tokens are for.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ...base.errors import FormatError
from .families import bert, byte_level_bpe, clip
from .parts import MOST_ID, Part, read_object, read_utf8
from .tokenizer import ROLES, Tokenizer

__all__ = ["from_file", "from_folder", "read_merges", "read_vocabulary"]

USUAL = {
    "WordPiece": {"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]",
                  "mask_token": "[MASK]"},
    "Unigram": {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"},
    "BPE": {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"},
    "CLIP": {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>",
             "pad_token": "<|endoftext|>"},
}  # fmt: skip
ON_THE_LEFT = ("CodeLlamaTokenizer", "GemmaTokenizer", "LlamaTokenizer")
"""Classes that pad on the left where nothing is said; also with Fast behind it."""
FOREVER = 10**9  # what transformers writes where no length is known is larger


def from_file(path: str | os.PathLike[str]) -> Tokenizer:
    """The tokenizer of one file: a `tokenizer.json`, or BERT's `vocab.txt`.

    Special tokens have the roles that they usually have in its kind of model.

    Raises:
        FormatError: it is not what it should be; path and key are named.
    """
    path = Path(path)
    if path.suffix == ".txt":
        return bert(read_vocabulary(path), model_max_length=None)
    return _usual(Tokenizer.from_file(path))


def from_folder(folder: str | os.PathLike[str]) -> Tokenizer:
    """The tokenizer of a folder as Hugging Face has it.

    Raises:
        FormatError: a file that is not what it should be, or none; path and key are named.
    """
    folder = Path(folder)
    config = _optional(folder / "tokenizer_config.json")
    if (folder / "tokenizer.json").is_file():
        tokenizer = _usual(Tokenizer.from_file(folder / "tokenizer.json"))
    elif (folder / "vocab.json").is_file():
        tokenizer = _of_merges(folder)
    elif (folder / "vocab.txt").is_file():
        tokenizer = bert(
            read_vocabulary(folder / "vocab.txt"),
            lowercase=config.take("do_lower_case", bool, default=True),
            strip_accents=config.take("strip_accents", bool, default=None),
            chinese_apart=config.take("tokenize_chinese_chars", bool, default=True),
            model_max_length=None,
        )
    else:
        found = "none" if folder.is_dir() else "no such folder, and nothing is downloaded"
        raise FormatError(
            f"{folder}: expected tokenizer.json, vocab.json with merges.txt, or vocab.txt, found {found}"
        )
    _configure(tokenizer, _optional(folder / "special_tokens_map.json"))
    _configure(tokenizer, config)
    read = {*ROLES, "model_max_length", "padding_side", "truncation_side", "model_input_names"}
    tokenizer.others = {k: v for k, v in config.value.items() if k not in read}
    return tokenizer


def _optional(path: Path) -> Part:
    return read_object(path) if path.is_file() else Part({}, path)


def _usual(tokenizer: Tokenizer) -> Tokenizer:
    """The roles that special tokens usually have, of those that are there."""
    ends_words = getattr(tokenizer.model, "suffix", "") == "</w>"
    usual = USUAL["CLIP" if ends_words else tokenizer.model.kind]
    for role, token in usual.items():
        if tokenizer.token_to_id(token) is not None:
            tokenizer.set_role(role, token)
    if tokenizer.model.kind == "WordPiece":
        tokenizer.inputs = ("input_ids", "token_type_ids", "attention_mask")
    return tokenizer


def _configure(tokenizer: Tokenizer, part: Part) -> None:
    """Roles, sides and lengths that a file of settings has."""
    for role in ROLES:
        value: Any = part.value.get(role)
        if isinstance(value, dict):
            value = part.part(role).take("content", str)
        if value is None:
            if role in part.value:  # said to be none, whatever is usual
                tokenizer.roles.pop(role, None)
            continue
        if type(value) is not str or tokenizer.token_to_id(value) is None:
            raise part.error(role, f"expected a token of the vocabulary, found {value!r:.80}")
        tokenizer.set_role(role, value)
    if str(part.value.get("tokenizer_class")).removesuffix("Fast") in ON_THE_LEFT:
        tokenizer.padding_side = "left"
    length = part.take("model_max_length", int, float, default=None)
    if length is not None:
        if not length >= 1:
            raise part.error("model_max_length", f"expected at least 1, found {length!r:.40}")
        tokenizer.model_max_length = int(length) if length < FOREVER else None
    for name in ("padding_side", "truncation_side"):
        if name in part.value:
            setattr(tokenizer, name, part.choice(name, ("right", "left")))
    if "model_input_names" in part.value:
        names = part.take("model_input_names", list)
        known = ("input_ids", "token_type_ids", "attention_mask")
        if "input_ids" not in names or any(name not in known for name in names):
            raise part.error(
                "model_input_names", f"expected names among {', '.join(known)}, found {names!r:.80}"
            )
        tokenizer.inputs = tuple(names)


def _of_merges(folder: Path) -> Tokenizer:
    path = folder / "vocab.json"
    found = read_object(path)
    vocabulary = Part({"vocab": found.value}, path).vocabulary("vocab")
    merges = read_merges(folder / "merges.txt")
    kind = clip if "<|startoftext|>" in vocabulary else byte_level_bpe
    if kind is clip and "<|endoftext|>" not in vocabulary:
        raise FormatError(f"{path}: key '<|endoftext|>': expected an id, found no such key")
    try:
        return kind(vocabulary, merges, model_max_length=None)
    except FormatError as e:
        raise FormatError(f"{folder / 'merges.txt'}: {e}") from None


def read_vocabulary(path: str | os.PathLike[str]) -> dict[str, int]:
    """BERT's `vocab.txt`: a token in each line, whose number, from 0, is the id.

    Raises:
        FormatError: no UTF-8, a token that stands there twice, an empty line, no [UNK].
    """
    lines = read_utf8(path).split("\n")
    if lines[-1] == "":
        lines.pop()
    vocabulary: dict[str, int] = {}
    for i, line in enumerate(lines):
        token = line.removesuffix("\r")
        if not token:
            raise FormatError(f"{path}: line {i + 1}: expected a token, found an empty line")
        if token in vocabulary:
            raise FormatError(
                f"{path}: line {i + 1}: {token!r:.40} stands in line {vocabulary[token] + 1} already"
            )
        vocabulary[token] = i
    if "[UNK]" not in vocabulary:
        raise FormatError(f"{path}: expected a line '[UNK]', found none")
    if len(vocabulary) > MOST_ID:
        raise FormatError(f"{path}: expected at most {MOST_ID} tokens")
    return vocabulary


def read_merges(path: str | os.PathLike[str]) -> list[tuple[str, str]]:
    """GPT-2's `merges.txt`: a pair of tokens in each line, after a line that begins with #version.

    Raises:
        FormatError: no UTF-8, or a line that is no pair.
    """
    found = []
    for k, line in enumerate(read_utf8(path).split("\n")):
        line = line.removesuffix("\r")
        if not line or (k == 0 and line.startswith("#version")):
            continue
        pair = line.split(" ")
        if len(pair) != 2 or not all(pair):
            raise FormatError(f"{path}: line {k + 1}: expected two tokens, found {line!r:.80}")
        found.append((pair[0], pair[1]))
    return found
