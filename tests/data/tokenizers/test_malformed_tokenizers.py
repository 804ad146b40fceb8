"""Files of tokenizers that are wrong: one FormatError each, which names the file and the key."""

from __future__ import annotations

import copy
import json

import hypothesis
import numpy as np
import pytest
import tokenizer_samples as samples

from chainrule.base.errors import FormatError
from chainrule.data import tokenizers

WHOLE = {
    "bpe": samples.trained().to_dict(), "wordpiece": samples.small_bert().to_dict(), "unigram": samples.t5().to_dict(),
    "clip": samples.small_clip().to_dict(),
}  # fmt: skip


def at(kind, key, value):
    """A good file with one value changed; `...` takes it away."""
    whole = copy.deepcopy(WHOLE[kind])
    *way, last = key.split("/")
    place = whole
    for name in way:
        place = place[int(name) if isinstance(place, list) else name]
    last = int(last) if isinstance(place, list) else last
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return json.dumps(whole).encode()


def nested(depth):
    """Sequences in sequences."""
    return b'{"model": ' * depth + b"1" + b"}" * depth


SEQUENCE = {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Magic"}]}
SPLIT = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}
TEMPLATE = WHOLE["wordpiece"]["post_processor"]

BROKEN = {
    "empty": (b"", "expected a JSON object"),
    "no JSON": (b"{'model': 1}", "expected a JSON object"),
    "cut off": (at("bpe", "version", "1.0")[:-9], "expected a JSON object"),
    "a list": (b"[]", "expected a JSON object, found a list"),
    "no UTF-8": (b'{"version": "\xff"}', "offset 13: expected a JSON object, found the byte 0xff"),
    "half a character": (b'{"version": "\\ud800"}', "expected a JSON object"),
    "NaN": (b'{"version": NaN}', "NaN is not a number"),
    "digits without end": (b'{"version": ' + b"9" * 5000 + b"}", "is not a number of anything"),
    "deep": (nested(100_000), "expected a JSON object"),
    "key twice": (b'{"model": {}, "model": {}}', "key 'model' stands twice"),
    "token twice": (
        b'{"model": {"type": "BPE", "vocab": {"a": 1, "a": 2}}}',
        "key 'a' stands twice",
    ),
    "nothing": (b"{}", "key 'model': expected an object, found no such key"),
    "unknown key": (at("bpe", "script", "x"), "key 'script': expected one of added_tokens"),
    "no model": (at("bpe", "model", None), "key 'model': expected an object, found None"),
    "unknown model": (
        at("bpe", "model/type", "WordLevel"),
        "key 'model.type': expected one of BPE, Unigram, WordPiece, found 'WordLevel'",
    ),
    "model without type": (
        at("bpe", "model/type", ...),
        "key 'model.type': expected a string, found no such key",
    ),
    "vocab a list": (at("bpe", "model/vocab", ["a"]), "key 'model.vocab': expected an object"),
    "id a string": (
        at("bpe", "model/vocab/the", "7"),
        "key 'model.vocab.the': expected a whole number, found '7'",
    ),
    "id a float": (
        at("bpe", "model/vocab/the", 7.0),
        "key 'model.vocab.the': expected a whole number, found 7.0",
    ),
    "id true": (
        at("bpe", "model/vocab/the", True),
        "key 'model.vocab.the': expected a whole number, found True",
    ),
    "id null": (
        at("wordpiece", "model/vocab/the", None),
        "key 'model.vocab.the': expected a whole number",
    ),
    "id negative": (
        at("bpe", "model/vocab/the", -1),
        "key 'model.vocab.the': expected an id from 0 to",
    ),
    "id huge": (
        at("bpe", "model/vocab/the", 2**40),
        "key 'model.vocab.the': expected an id from 0 to",
    ),
    "id twice": (
        at("bpe", "model/vocab/the", 5),
        "key 'model.vocab.*': expected an id of its own, found 5",
    ),
    "merges missing": (
        at("bpe", "model/merges", ...),
        "key 'model.merges': expected a list, found no such key",
    ),
    "merge of three": (
        at("bpe", "model/merges/3", "a b c"),
        "key 'model.merges.3': expected two tokens, found 'a b c'",
    ),
    "merge of one": (
        at("bpe", "model/merges/3", ["a"]),
        "key 'model.merges.3': expected two tokens",
    ),
    "merge of numbers": (
        at("bpe", "model/merges/3", [1, 2]),
        "key 'model.merges.3': expected two tokens",
    ),
    "merge unknown left": (
        at("bpe", "model/merges/3", ["xyz", "a"]),
        "key 'model.merges.3': the vocabulary has no 'xyz'",
    ),
    "merge unknown right": (
        at("bpe", "model/merges/3", ["a", "xyz"]),
        "key 'model.merges.3': the vocabulary has no 'xyz'",
    ),
    "merge unknown result": (
        at("bpe", "model/merges/3", ["q", "q"]),
        "key 'model.merges.3': the vocabulary has no 'qq'",
    ),
    "merge into itself": (
        at("bpe", "model/merges/3", ["a", ""]),
        "key 'model.merges.3': the vocabulary has no ''",
    ),
    "merge twice": (
        at("bpe", "model/merges/3", WHOLE["bpe"]["model"]["merges"][0]),
        "key 'model.merges.3': .* stands there twice",
    ),
    "dropout": (at("bpe", "model/dropout", 0.1), "key 'model.dropout': merges are never left out"),
    "unknown unknown": (
        at("clip", "model/unk_token", "<x>"),
        "key 'model.unk_token': the vocabulary has no '<x>'",
    ),
    "suffix a number": (
        at("clip", "model/end_of_word_suffix", 3),
        "key 'model.end_of_word_suffix': expected a string",
    ),
    "piece without unknown": (
        at("wordpiece", "model/unk_token", "[X]"),
        r"key 'model.unk_token': the vocabulary has no '\[X\]'",
    ),
    "words of no length": (
        at("wordpiece", "model/max_input_chars_per_word", 0),
        "key 'model.max_input_chars_per_word': expected at least 1",
    ),
    "vocab empty": (
        at("wordpiece", "model/vocab", {}),
        r"key 'model.unk_token': the vocabulary has no '\[UNK\]'",
    ),
    "pieces an object": (at("unigram", "model/vocab", {}), "key 'model.vocab': expected a list"),
    "pieces empty": (
        at("unigram", "model/vocab", []),
        "key 'model.vocab': expected at least one token",
    ),
    "piece without score": (
        at("unigram", "model/vocab/5", ["a"]),
        "key 'model.vocab.5': expected a token and its log-prob",
    ),
    "piece with a text": (
        at("unigram", "model/vocab/5", ["a", "b"]),
        "key 'model.vocab.5': expected a token and its log-prob",
    ),
    "piece twice": (
        at("unigram", "model/vocab/5", ["▁", -1.0]),
        "key 'model.vocab.5': the token '▁' stands there twice",
    ),
    "piece infinite": (
        at("unigram", "model/vocab/5/1", 0).replace(b'"<pad>", 0.0', b'"<pad>", 1e999'),
        "key 'model.vocab.0': expected a token and its log-prob",
    ),
    "unknown id": (
        at("unigram", "model/unk_id", 10**6),
        "key 'model.unk_id': expected an id from 0 to",
    ),
    "unknown id negative": (
        at("unigram", "model/unk_id", -1),
        "key 'model.unk_id': expected an id from 0 to",
    ),
    "normalizer": (
        at("bpe", "normalizer", SEQUENCE),
        "key 'normalizer.normalizers.1.type': expected one of BertNormalizer",
    ),
    "precompiled": (
        at("unigram", "normalizer", {"type": "Precompiled", "precompiled_charsmap": "AAAA"}),
        "key 'normalizer.precompiled_charsmap': expected a trie of 0 bytes",
    ),
    "strip": (
        at("bpe", "decoder", {"type": "Strip", "content": " ", "start": -1, "stop": 0}),
        "key 'decoder.start': expected a number that is not negative",
    ),
    "normalizer a text": (
        at("bpe", "normalizer", "NFC"),
        "key 'normalizer': expected an object, found 'NFC'",
    ),
    "replace nothing": (
        at("bpe", "normalizer", {"type": "Replace", "pattern": {"String": ""}, "content": "x"}),
        "key 'normalizer.pattern.String': expected at least one",
    ),
    "pattern": (
        at("bpe", "pre_tokenizer", SPLIT),
        r"key 'pre_tokenizer.pattern.Regex': expected one of .* found '\(a\+\)\+\$'",
    ),
    "prefix a text": (
        at("bpe", "pre_tokenizer/add_prefix_space", "no"),
        "key 'pre_tokenizer.add_prefix_space': expected a boolean",
    ),
    "replacement": (
        at("unigram", "pre_tokenizer/pretokenizers/1/replacement", "__"),
        "key 'pre_tokenizer.pretokenizers.1.replacement': expected one character",
    ),
    "scheme": (
        at("unigram", "decoder/prepend_scheme", "last"),
        "key 'decoder.prepend_scheme': expected one of always, first, never",
    ),
    "decoder": (at("bpe", "decoder/type", "CTC"), "key 'decoder.type': expected one of BPEDecoder"),
    "added a text": (
        at("bpe", "added_tokens/0", "<x>"),
        "key 'added_tokens.0': expected an object",
    ),
    "added without id": (
        at("bpe", "added_tokens/0/id", ...),
        "key 'added_tokens.0.id': expected a whole number",
    ),
    "added huge": (
        at("bpe", "added_tokens/0/id", 10**9),
        "key 'added_tokens.0.id': expected an id",
    ),
    "added empty": (
        at("bpe", "added_tokens/0/content", ""),
        "key 'added_tokens.0.content': expected at least one",
    ),
    "added elsewhere": (
        at("bpe", "added_tokens/0/id", 7),
        "key 'added_tokens.0': .* has the id 0 already, found 7",
    ),
    "added on another": (
        at("bpe", "added_tokens/0/content", "<new>"),
        "key 'added_tokens': two tokens have the id 0",
    ),
    "template token": (
        at("wordpiece", "post_processor/single/0/SpecialToken/id", "[X]"),
        r"SpecialToken.id': special_tokens has no '\[X\]'",
    ),
    "template without text": (
        at("wordpiece", "post_processor/single/1", ...),
        "key 'post_processor.single': expected A, each once",
    ),
    "template segment": (
        at("wordpiece", "post_processor/single/1/Sequence/type_id", 2),
        "type_id': expected 0 or 1, found 2",
    ),
    "template text": (
        at("wordpiece", "post_processor/single/1/Sequence/id", "B"),
        "Sequence.id': expected A, found 'B'",
    ),
    "template ids": (
        at("wordpiece", "post_processor/special_tokens/[CLS]/ids", [-1]),
        r"special_tokens.\[CLS\].ids': expected ids from 0",
    ),
    "template lost id": (
        at("wordpiece", "post_processor/special_tokens/[CLS]/ids", [10**6]),
        "key 'post_processor': no token has the id 1000000",
    ),
    "processor": (
        at("wordpiece", "post_processor/type", "Script"),
        "key 'post_processor.type': expected one of BertProcessing",
    ),
    "roberta": (
        at("wordpiece", "post_processor", {"type": "RobertaProcessing", "cls": ["a", "b"]}),
        "key 'post_processor.cls': expected a token and its id",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_malformed_file_gives_one_error_that_names_it(name, tmp_path):
    content, message = BROKEN[name]
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=message) as caught:
        tokenizers.from_file(path)
    assert str(caught.value).startswith(str(path))


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FormatError, match="gpt2: expected .*, found no such folder, and nothing"):
        tokenizers.from_folder(tmp_path / "gpt2")


OLDER = {
    "nothing": (
        {},
        "",
        "expected tokenizer.json, vocab.json with merges.txt, or vocab.txt, found none",
    ),
    "token twice": (
        {"vocab.txt": b"[UNK]\na\na\n"},
        "vocab.txt",
        "line 3: 'a' stands in line 2 already",
    ),
    "empty line": (
        {"vocab.txt": b"[UNK]\n\na\n"},
        "vocab.txt",
        "line 2: expected a token, found an empty line",
    ),
    "no unknown": ({"vocab.txt": b"a\n"}, "vocab.txt", r"expected a line '\[UNK\]'"),
    "no text": ({"vocab.txt": b"[UNK]\n\xff\n"}, "vocab.txt", "expected UTF-8 text"),
    "no merges": (
        {"vocab.json": b'{"a": 0}'},
        "merges.txt",
        "expected a file of a tokenizer, found none",
    ),
    "three": (
        {"vocab.json": b'{"a": 0}', "merges.txt": b"a b c\n"},
        "merges.txt",
        "line 1: expected two tokens",
    ),
    "unknown": (
        {"vocab.json": b'{"a": 0}', "merges.txt": b"a b\n"},
        "merges.txt",
        "the vocabulary has no 'b'",
    ),
    "ids": (
        {"vocab.json": b'{"a": "0"}', "merges.txt": b""},
        "vocab.json",
        "key 'vocab.a': expected a whole number",
    ),
    "clip": (
        {"vocab.json": b'{"<|startoftext|>": 0}', "merges.txt": b""},
        "vocab.json",
        "key '<|endoftext|>'",
    ),
    "role": (
        {"vocab.txt": b"[UNK]\n", "tokenizer_config.json": b'{"pad_token": "[P]"}'},
        "tokenizer_config.json",
        "key 'pad_token': expected a token of the vocabulary",
    ),
    "role a number": (
        {"vocab.txt": b"[UNK]\n", "special_tokens_map.json": b'{"pad_token": 3}'},
        "special_tokens_map.json",
        "key 'pad_token': expected a token",
    ),
    "role an object": (
        {"vocab.txt": b"[UNK]\n", "special_tokens_map.json": b'{"pad_token": {}}'},
        "special_tokens_map.json",
        "key 'pad_token.content': expected a string",
    ),
    "length": (
        {"vocab.txt": b"[UNK]\n", "tokenizer_config.json": b'{"model_max_length": 0}'},
        "tokenizer_config.json",
        "key 'model_max_length': expected at least 1",
    ),
    "side": (
        {"vocab.txt": b"[UNK]\n", "tokenizer_config.json": b'{"padding_side": "top"}'},
        "tokenizer_config.json",
        "key 'padding_side': expected one of right, left",
    ),
    "inputs": (
        {"vocab.txt": b"[UNK]\n", "tokenizer_config.json": b'{"model_input_names": ["x"]}'},
        "tokenizer_config.json",
        "key 'model_input_names': expected names among",
    ),
    "lower": (
        {"vocab.txt": b"[UNK]\n", "tokenizer_config.json": b'{"do_lower_case": 1}'},
        "tokenizer_config.json",
        "key 'do_lower_case': expected a boolean",
    ),
}


@pytest.mark.parametrize("name", OLDER)
def test_a_malformed_folder_gives_one_error_that_names_the_file(name, tmp_path):
    contents, file, message = OLDER[name]
    for each, content in contents.items():
        (tmp_path / each).write_bytes(content)
    with pytest.raises(FormatError, match=message.replace("|", r"\|")) as caught:
        tokenizers.from_folder(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / file) if file else str(tmp_path))


def test_a_file_larger_than_any(tmp_path):
    path = tmp_path / "tokenizer.json"
    with path.open("wb") as file:
        file.truncate((1 << 28) + 1)  # a hole: no byte of it is on the disk
    with pytest.raises(FormatError, match="expected at most 268435456 bytes, found more"):
        tokenizers.from_file(path)


def changed(whole, rng):
    """A file with a value replaced, somewhere in it, by one that does not belong there."""
    whole = copy.deepcopy(whole)
    whole["model"]["vocab"] = (  # a short one, so that the other parts are met as often
        whole["model"]["vocab"][:40]
        if isinstance(whole["model"]["vocab"], list)
        else dict(list(whole["model"]["vocab"].items())[:40])
    )
    whole["model"]["merges"] = whole["model"].get("merges", [])[:0]
    places = []

    def walk(place):
        for key in place if isinstance(place, dict) else range(len(place)):
            places.append((place, key))
            if isinstance(place[key], (dict, list)):
                walk(place[key])

    walk(whole)
    junk = [
        None,
        True,
        -1,
        0,
        2**31,
        1.5,
        "",
        "x",
        "\x00",
        [],
        {},
        [[]],
        {"type": "Sequence"},
        "[CLS]",
        10**18 - 1,
    ]
    for _ in range(rng.integers(1, 4)):
        place, key = places[rng.integers(len(places))]
        try:
            place[key] = junk[rng.integers(len(junk))]
        except IndexError:  # it was in what has been replaced before
            continue
    return json.dumps(whole).encode()


@pytest.mark.parametrize("kind", WHOLE)
def test_damage_gives_a_typed_error_or_a_tokenizer(kind, tmp_path):
    path = tmp_path / "tokenizer.json"
    rng = np.random.default_rng(len(kind))
    whole = json.dumps(WHOLE[kind]).encode()
    refused = 0
    for k in range(4 * hypothesis.settings().max_examples):  # 100, in the full suite 600
        content = changed(WHOLE[kind], rng)
        if k % 8 == 0:  # bytes, not values
            content = bytearray(whole)
            for _ in range(rng.integers(1, 4)):
                content[rng.integers(len(content))] = rng.integers(256)
        path.write_bytes(content)
        try:
            tokenizer = tokenizers.from_file(path)
        except FormatError as error:
            refused += 1
            assert str(error).startswith(str(path))
            continue
        try:
            ids = tokenizer.encode("The unaffable <pad>é. [MASK]", "of\x00")
        except FormatError as error:
            assert "unknown token" in str(error)
            continue
        tokenizer.decode(ids)
        assert tokenizers.Tokenizer._from_part(tokenizers.parts.Part(tokenizer.to_dict()))
    assert refused > 9
