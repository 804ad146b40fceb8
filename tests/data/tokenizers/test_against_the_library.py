"""Ids and texts are those of the `tokenizers` library, calls give what `transformers` gives."""

from __future__ import annotations

import logging
import random
import unicodedata
import warnings

import pytest
import tokenizer_samples as samples

from chainrule.base.errors import ShapeError
from chainrule.data import tokenizers

REAL = {"gpt2": samples.gpt2, "clip": samples.clip, "bert": samples.bert}
SMALL = {
    "t5": samples.t5, "trained": samples.trained, "character": samples.character, "bert": samples.small_bert,
    "clip": samples.small_clip, "llama2": samples.llama2, "llama3": samples.llama3,
}  # fmt: skip


@pytest.fixture
def library(torch):  # the full suite has it, beside torch
    """The reference."""
    import tokenizers as library

    return library


@pytest.fixture(scope="module")
def transformers(torch):
    """The reference for calls, whose warnings are not ours to test."""
    logging.disable(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import transformers
    yield transformers
    logging.disable(logging.NOTSET)


def same(tokenizer, reference, lines):
    """Ids, segments and decoded texts of all lines."""
    assert [tokenizer.encode(line) for line in lines] == [
        e.ids for e in reference.encode_batch(lines)
    ]
    few = lines[: len(lines) // 5]
    pairs = list(zip(few, reversed(few), strict=True))
    found = [reference.encode(*pair) for pair in pairs]
    assert [tokenizer.encode(*pair) for pair in pairs] == [e.ids for e in found]
    ours = [tokenizer.template.around(tokenizer.ids(a), tokenizer.ids(b))[1] for a, b in pairs]
    assert ours == [e.type_ids for e in found]
    suffix = getattr(tokenizer.model, "suffix", "")
    for skip in (False, True):
        for e in found:
            wanted = reference.decode(e.ids, skip_special_tokens=skip)
            wanted = wanted.replace(suffix, " ").strip() if suffix else wanted
            assert tokenizer.decode(e.ids, skip_special_tokens=skip) == wanted
    assert tokenizer.vocabulary == reference.get_vocab()


@pytest.mark.parametrize("name", REAL)
def test_ten_thousand_lines_with_real_vocabularies(name, library, outside_data, tmp_path):
    tokenizer = REAL[name](outside_data)
    tokenizer.save(tmp_path / "tokenizer.json")
    reference = library.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    same(tokenizer, reference, samples.mixed_lines(10_000))


@pytest.mark.parametrize("name", SMALL)
def test_small_vocabularies(name, library, tmp_path):
    tokenizer = SMALL[name]()
    tokenizer.save(tmp_path / "tokenizer.json")
    reference = library.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    same(tokenizer, reference, samples.mixed_lines(2_000, seed=1))


@pytest.mark.parametrize("name", SMALL)
def test_places_are_those_of_the_library(name, library, tmp_path):
    """But where a normaliser puts characters together or leaves some out: there several answers are right."""
    tokenizer = SMALL[name]()
    tokenizer.save(tmp_path / "tokenizer.json")
    reference = library.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    lines = ["Hello, world", "  two  spaces ", "naïve café £5", "日本語 text"]
    lines += [x for x in samples.mixed_lines(1_000, seed=5) if not any(map(_joins, x))]
    for line in lines:
        expected = reference.encode(line, add_special_tokens=False).offsets
        assert tokenizer.places(line) == expected, line


def _joins(c: str) -> bool:
    """Whether a character may be put together with its neighbours, or be left out."""
    return unicodedata.category(c) in ("Mn", "Mc", "Me", "Cc", "Cf", "Zs", "Zl", "Zp") and c != " "


@pytest.mark.parametrize("name", SMALL)
def test_what_the_library_writes_is_read(name, library, tmp_path):
    tokenizer = SMALL[name]()
    tokenizer.save(tmp_path / "ours.json")
    library.Tokenizer.from_file(str(tmp_path / "ours.json")).save(str(tmp_path / "theirs.json"))
    again = tokenizers.from_file(tmp_path / "theirs.json")
    assert again.to_dict() == tokenizer.to_dict()
    assert again.inputs == tokenizer.inputs


@pytest.mark.parametrize("pattern", tokenizers.characters.PATTERNS)
@pytest.mark.parametrize("behavior", ["isolated", "removed"])
def test_words_are_those_of_the_pattern(pattern, behavior, library):
    step = {
        "type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior.title(), "invert": behavior == "removed",
    }  # fmt: skip
    cut = tokenizers.split.splitter(tokenizers.parts.Part(step))
    theirs = library.pre_tokenizers.Split(library.Regex(pattern), behavior, behavior == "removed")
    for line in samples.mixed_lines(2_000, seed=2):
        assert cut([line], True) == [word for word, _ in theirs.pre_tokenize_str(line)]


@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize(
    "behavior", ["isolated", "removed", "contiguous", "merged_with_previous", "merged_with_next"]
)
def test_what_becomes_of_what_was_found(behavior, invert, library):
    name = "".join(part.title() for part in behavior.split("_"))
    for what in (" ", "na"):
        step = {"type": "Split", "pattern": {"String": what}, "behavior": name, "invert": invert}
        cut = tokenizers.split.splitter(tokenizers.parts.Part(step))
        theirs = library.pre_tokenizers.Split(what, behavior, invert)
        for line in ["", " ", "banana nana", "  a  b ", *samples.mixed_lines(200, seed=3)]:
            assert cut([line], True) == [word for word, _ in theirs.pre_tokenize_str(line) if word]


def test_the_skeleton_keeps_the_class_of_every_character(library):
    """All of Unicode: letters, numbers, white space, and what is neither; but for what was assigned since this Python's."""
    points = [chr(p) for p in range(0x110000) if samples.known(chr(p))]
    drawn = dict(zip(points, tokenizers.characters.skeleton("".join(points)), strict=True))
    for pattern, belongs in (
        (r"\p{L}", str.isalpha),
        (r"\p{N}", str.isdigit),
        (r"\s", lambda c: c in "\t\n\v\f\r "),
    ):
        removed = library.pre_tokenizers.Split(library.Regex(pattern), "removed")
        without = {c for word, _ in removed.pre_tokenize_str("".join(points)) for c in word}
        assert [c for c in points if belongs(drawn[c]) == (c in without)] == []


def test_training_finds_the_same_vocabulary(library):
    lines = samples.mixed_lines(1_500, seed=4) + [
        "the theme of then and there " * 3,
        "aaaa aaa aaaaaaa",
    ]
    ours = tokenizers.train(lines, 500, special_tokens=("<|endoftext|>", "<pad>"))
    reference = library.Tokenizer(library.models.BPE())
    reference.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = library.trainers.BpeTrainer(
        vocab_size=2 + 256 + 500,
        special_tokens=["<|endoftext|>", "<pad>"],
        initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
        limit_alphabet=256,
    )
    reference.train_from_iterator(lines, trainer)
    assert ours.vocabulary == reference.get_vocab()
    assert ours.added[1].content == "<pad>"


@pytest.mark.parametrize("name", SMALL)
def test_calls_give_what_transformers_gives(name, transformers, tmp_path):
    tokenizer = SMALL[name]()
    tokenizer.model_max_length = 23
    if tokenizer.pad_token is None:
        tokenizer.set_role("pad_token", tokenizer.id_to_token(0))
    tokenizer.save_pretrained(tmp_path)
    reference = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path)
    texts, seconds = samples.mixed_lines(7, seed=5), samples.mixed_lines(7, seed=6)
    for side in ("right", "left"):
        tokenizer.padding_side = reference.padding_side = side
        tokenizer.truncation_side = reference.truncation_side = side
        for settings in (
            {"padding": True},
            {"padding": "max_length", "max_length": 31, "truncation": True},
            {"truncation": True, "max_length": 5},
            {"truncation": "longest_first", "max_length": 10, "padding": "longest"},
            {"padding": "max_length", "truncation": True},
            {"add_special_tokens": False},
            {"padding": True, "pad_to_multiple_of": 8, "return_length": True},
            {"return_special_tokens_mask": True, "padding": "max_length", "max_length": 40},
            {"return_token_type_ids": True, "return_attention_mask": False},
        ):
            for pair in (None, seconds):
                wanted = dict(reference(texts, pair, **settings))
                assert tokenizer(texts, pair, **settings) == wanted, (side, settings, pair is None)
        assert tokenizer(texts[1], seconds[1]) == dict(reference(texts[1], seconds[1]))
    arrays = reference(texts, padding=True, return_tensors="np")
    for key, tensor in tokenizer(texts, padding=True, return_tensors="cr").items():
        assert tensor.dtype.name == "int64" and tensor.tolist() == arrays[key].tolist()


@pytest.mark.parametrize("name", ["bert", "trained", "llama2"])
def test_added_tokens_are_found_as_in_the_library(name, library, tmp_path):
    """White space that belongs to a token, tokens within words, after normalising, one the beginning of another."""
    marks = [
        {"lstrip": True}, {"rstrip": True}, {"lstrip": True, "rstrip": True}, {"single_word": True}, {"normalized": True},
        {"normalized": True, "single_word": True, "rstrip": True}, {},
    ]  # fmt: skip
    base = SMALL[name]()
    added = list(base.added)
    for k, mark in enumerate(marks):
        for j, content in enumerate((f"<X{k}>", f"<X{k}>Y", f"wOrd{k}")):
            added.append(
                tokenizers.AddedToken(content, len(base) + 3 * k + j, special=j == 0, **mark)
            )
    steps = {n: base.to_dict()[n] for n in ("normalizer", "pre_tokenizer", "decoder")}
    tokenizer = tokenizers.Tokenizer(base.model, template=base.template, added=added, **steps)
    tokenizer.save(tmp_path / "t.json")
    reference = library.Tokenizer.from_file(str(tmp_path / "t.json"))
    rng = random.Random(0)
    parts = (
        [t.content for t in added]
        + [t.content.lower() for t in added]
        + [" ", "  ", "\t", "a", "é", "_"]
    )
    lines = ["".join(rng.choices(parts, k=rng.randrange(1, 9))) for _ in range(3_000)]
    assert [tokenizer.encode(line) for line in lines] == [
        e.ids for e in reference.encode_batch(lines)
    ]


@pytest.mark.parametrize("scheme", ["always", "first", "never"])
@pytest.mark.parametrize("split", [True, False])
def test_spaces_of_t5(scheme, split, library, tmp_path):
    """Where ▁ is put before a text: at its beginning, after every special token, nowhere."""
    base = samples.t5()
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split}
    for before in ([], [{"type": "WhitespaceSplit"}]):
        steps = {"type": "Sequence", "pretokenizers": [*before, metaspace]}
        tokenizer = tokenizers.Tokenizer(
            base.model, pre_tokenizer=steps, decoder=dict(metaspace), added=base.added
        )
        tokenizer.save(tmp_path / "t.json")
        reference = library.Tokenizer.from_file(str(tmp_path / "t.json"))
        tokens = ["▁▁a▁b", "▁▁c", "d"]
        assert "".join(tokenizers.decode.decoder(tokenizers.parts.Part(metaspace))(tokens)) == (
            reference.decoder.decode(tokens)
        )
        lines = ["", " ", "the</s>of", "</s>the", " the  of</s> and", "▁the of"]
        same(tokenizer, reference, lines + samples.mixed_lines(300, seed=13))


CLASSES = {
    "GPT2Tokenizer": {"add_prefix_space": True}, "BertTokenizer": {}, "T5Tokenizer": {}, "CLIPTokenizer": {},
    "LlamaTokenizer": {"add_eos_token": True}, "Qwen2Tokenizer": {},
}  # fmt: skip


@pytest.mark.parametrize("name", CLASSES)
def test_a_folder_of_a_class_of_transformers(name, transformers, tmp_path):
    """Learnt, given more tokens and saved by it; read here, and what is saved here read by it again."""
    cls = getattr(transformers, name)
    texts = ["the quick brown fox, a box and an axe"] * 5
    reference = cls(**CLASSES[name]).train_new_from_iterator(texts, 300)
    marks = ({"lstrip": True}, {"rstrip": True, "normalized": False}, {"single_word": True}, {})
    for k, mark in enumerate(marks):
        reference.add_tokens([transformers.AddedToken(f"Mark{k}", **mark)])
    reference.add_special_tokens({"extra_special_tokens": ["<|im_start|>"]})
    reference.save_pretrained(tmp_path)
    assert "1000000000000000019884624838656" in (tmp_path / "tokenizer_config.json").read_text()
    tokenizer = tokenizers.from_folder(tmp_path)
    assert tokenizer.model_max_length is None and tokenizer.padding_side == reference.padding_side
    for role in tokenizers.tokenizer.ROLES:
        assert getattr(tokenizer, role) == getattr(reference, role), role
    rng = random.Random(0)
    parts = [
        "Mark0",
        "Mark1",
        "Mark2",
        "Mark3",
        "<|im_start|>",
        "</s>",
        " ",
        "  ",
        "the",
        "Fox",
        "é",
    ]
    lines = ["".join(rng.choices(parts, k=rng.randrange(1, 9))) for _ in range(500)]
    tokenizer.save_pretrained(tmp_path / "again")
    again = cls.from_pretrained(tmp_path / "again")
    for line in lines + samples.mixed_lines(200, seed=8):
        wanted = dict(reference(line))
        assert tokenizer(line) == wanted == dict(again(line))
        for skip in (False, True):
            said = reference.decode(wanted["input_ids"], skip_special_tokens=skip)
            assert tokenizer.decode(wanted["input_ids"], skip_special_tokens=skip) == said


@pytest.mark.parametrize("which", ["only_first", "only_second"])
@pytest.mark.parametrize("side", ["right", "left"])
def test_one_of_two_texts_is_shortened(which, side, transformers, tmp_path):
    tokenizer = SMALL["bert"]()
    tokenizer.save_pretrained(tmp_path)
    reference = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path)
    tokenizer.truncation_side = reference.truncation_side = side
    first, second = "the the of of", "of the of"
    refused = 0
    for length in range(3, 14):
        for pair in (None, second):
            given = {"truncation": which, "max_length": length}
            try:
                wanted = dict(reference(first, pair, **given))
            except Exception:  # the library has no class of its own for it
                refused += 1
                with pytest.raises(ShapeError, match="leaves nothing of that text"):
                    tokenizer(first, pair, **given)
            else:
                assert tokenizer(first, pair, **given) == wanted
    assert 0 < refused < 22
