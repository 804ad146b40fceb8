"""What tokenizers promise without a reference: text comes back, calls give what is asked for, errors teach."""

from __future__ import annotations

import itertools
import json

import hypothesis
import pytest
import tokenizer_samples as samples
from hypothesis import strategies

import chainrule as cr
from chainrule.base.errors import FormatError, RangeError, ShapeError
from chainrule.data import tokenizers

SMALL = {
    "t5": samples.t5, "trained": samples.trained, "character": samples.character, "bert": samples.small_bert,
    "clip": samples.small_clip, "llama2": samples.llama2, "llama3": samples.llama3,
}  # fmt: skip
TRAINED = samples.trained()
TEXT = strategies.text(strategies.characters(exclude_categories=["Cs"]))


@hypothesis.given(TEXT)
def test_bytes_come_back(text):
    assert TRAINED.decode(TRAINED.encode(text)) == text


def test_mixed_text_comes_back():
    text = "\n".join(samples.mixed_lines(300, seed=8))
    assert TRAINED.decode(TRAINED.encode(text)) == text


@hypothesis.given(strategies.text(alphabet="the oafnd \n"))
def test_characters_come_back(text):
    tokenizer = samples.character()
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert len(tokenizer.encode(text)) == len(text)


def test_real_vocabularies_without_a_reference(outside_data):
    """Ids that are known from the models' own documentation."""
    gpt2 = samples.gpt2(outside_data)
    assert gpt2.encode("Hello, world!") == [15496, 11, 995, 0] and len(gpt2) == 50257
    assert gpt2.encode("<|endoftext|>") == [50256] == [gpt2.eos_token_id]
    clip = samples.clip(outside_data)
    assert clip.encode("a photo of a cat") == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert clip.decode([49406, 320, 2368, 49407], skip_special_tokens=True) == "a cat"
    bert = samples.bert(outside_data)
    assert bert.encode("Hello, world!") == [101, 7592, 1010, 2088, 999, 102]
    text = "\n".join(samples.mixed_lines(500, seed=9))
    assert gpt2.decode(gpt2.encode(text)) == text


def test_two_thousand_merges_of_shakespeare_give_the_text_back(outside_data):
    text = (outside_data / "tinyshakespeare/input.txt").read_text(encoding="utf-8")
    tokenizer = tokenizers.train(text, 2_000)
    ids = tokenizer.encode(text)
    assert len(tokenizer) == 2_257 and tokenizer.decode(ids) == text
    assert len(text) / len(ids) > 2.5


def test_merges_of_a_long_word_without_spaces():
    """The queue takes what a search for the lowest rank, again and again, takes."""
    bpe = TRAINED.model
    word = "".join(c for c in tokenizers.split.visible("thethandofthat" * 30 + "anotherhis" * 9))
    pieces, rank = list(word), {pair: k for k, pair in enumerate(bpe.merges)}
    while True:
        found = [(rank[p], k) for k, p in enumerate(itertools.pairwise(pieces)) if p in rank]
        if not found:
            break
        _, k = min(found)
        pieces[k : k + 2] = [pieces[k] + pieces[k + 1]]
    assert [TRAINED.id_to_token(i) for i in bpe.ids(word)] == pieces
    assert len(pieces) < 2 * len(word) / 3


@pytest.mark.parametrize("name", SMALL)
def test_what_is_saved_is_read_again(name, tmp_path):
    tokenizer = SMALL[name]()
    tokenizer.padding_side = "left"
    tokenizer.save_pretrained(tmp_path)
    again = tokenizers.from_folder(tmp_path)
    assert again.to_dict() == tokenizer.to_dict() and again.roles == tokenizer.roles
    assert (again.inputs, again.padding_side, again.model_max_length) == (
        tokenizer.inputs, "left", tokenizer.model_max_length,
    )  # fmt: skip
    lines = samples.mixed_lines(50, seed=10)
    assert again(lines) == tokenizer(lines)


def test_the_older_files(tmp_path):
    bert = samples.small_bert()
    (tmp_path / "vocab.txt").write_text("\n".join(bert.model.vocabulary), encoding="utf-8")
    (tmp_path / "tokenizer_config.json").write_text(
        '{"do_lower_case": true, "model_max_length": 23}'
    )
    lines = samples.mixed_lines(50, seed=11)
    assert tokenizers.from_folder(tmp_path)(lines) == bert(lines)
    assert tokenizers.from_file(tmp_path / "vocab.txt")(lines) == bert(lines)
    for name, tokenizer in (("gpt2", TRAINED), ("clip", samples.small_clip())):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "vocab.json").write_text(json.dumps(tokenizer.model.vocabulary), encoding="utf-8")
        merges = "#version: 0.2\n" + "\n".join(map(" ".join, tokenizer.model.merges)) + "\n"
        (folder / "merges.txt").write_text(merges, encoding="utf-8")
        again = tokenizers.from_folder(folder)
        assert again(lines) == tokenizer(lines) and again.roles == tokenizer.roles


def test_special_tokens_map_gives_roles(tmp_path):
    TRAINED.save(tmp_path / "tokenizer.json")
    (tmp_path / "special_tokens_map.json").write_text('{"pad_token": {"content": "<|endoftext|>"}}')
    tokenizer = tokenizers.from_folder(tmp_path)
    assert tokenizer.pad_token == "<|endoftext|>" and tokenizer.pad_token_id == 0
    assert tokenizer.mask_token is None and tokenizer.mask_token_id is None
    with pytest.raises(AttributeError, match="Tokenizer has no attribute 'pad_tokens'"):
        tokenizer.pad_tokens  # noqa: B018


def test_calls():
    tokenizer = samples.small_bert()
    batch = tokenizer(["The of", "a"], padding=True, return_tensors="cr")
    assert list(batch) == ["input_ids", "token_type_ids", "attention_mask"]
    assert all(isinstance(t, cr.Tensor) and t.dtype == cr.int64 for t in batch.values())
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]
    assert tokenizer("a")["input_ids"] == tokenizer.encode("a")
    assert tokenizer([], padding=True) == {
        "input_ids": [],
        "token_type_ids": [],
        "attention_mask": [],
    }
    long = tokenizer("the " * 99, truncation=True)["input_ids"]
    assert len(long) == 23 and long[-1] == tokenizer.sep_token_id
    assert tokenizer.batch_decode([long[:3], long[-2:]], skip_special_tokens=True) == [
        "the the",
        "the",
    ]
    assert tokenizer.tokenize("Unaffable, the") == ["un", "##aff", "##able", ",", "the"]


def test_wrong_calls():
    tokenizer = samples.small_bert()
    with pytest.raises(ShapeError, match="texts of 3 to 4 tokens are no array; pass padding=True"):
        tokenizer(["the of", "a"], return_tensors="cr")
    with pytest.raises(ShapeError, match="2 texts, but 1 second ones"):
        tokenizer(["the", "of"], ["a"])
    with pytest.raises(ShapeError, match="max_length 1 has no room for the special tokens"):
        tokenizer("the", truncation=True, max_length=1)
    with pytest.raises(
        ValueError, match="padding is one of False, True, 'longest', 'max_length', found 'short'"
    ):
        tokenizer("the", padding="short")
    with pytest.raises(ValueError, match="truncation is one of"):
        tokenizer("the", truncation="only_one")
    with pytest.raises(
        ValueError, match="return_tensors is one of None, 'cr', 'pt', 'np', found 'tf'"
    ):
        tokenizer("the", return_tensors="tf")
    with pytest.raises(TypeError, match="expected a text, found int"):
        tokenizer([3])
    with pytest.raises(FormatError, match="half of a character"):
        tokenizer.encode("a\ud800")
    with pytest.raises(RangeError, match="no token has the id 999"):
        tokenizer.decode([3, 999])
    with pytest.raises(FormatError, match="pass max_length"):
        TRAINED("the", truncation=True)
    with pytest.raises(FormatError, match="padding needs a pad_token"):
        TRAINED(["the", "of them"], padding=True)
    with pytest.raises(FormatError, match="a role is one of"):
        tokenizer.set_role("start_token", "[CLS]")
    with pytest.raises(FormatError, match=r"pad_token: the vocabulary has no '<x>'"):
        tokenizer.set_role("pad_token", "<x>")
    with pytest.raises(ValueError, match="merges must not be negative, found -1"):
        tokenizers.train("a", -1)
    with pytest.raises(FormatError, match="has neither 'b' nor an unknown token"):
        tokenizers.Unigram([("a", -1.0)], unknown=None).ids("ab")


def test_what_is_unknown():
    assert tokenizers.character("ab").encode("abc") == [0, 1]
    assert tokenizers.character("ab", unk_token="?").encode("cbd") == [0, 2, 0]
    byte = {f"<0x{b:02X}>": b for b in range(256)} | {"a": 256}
    assert tokenizers.BPE(byte, [], byte_fallback=True).ids("aé") == [256, 0xC3, 0xA9]
    pieces = [(t, -1.0) for t in byte] + [("<unk>", 0.0)]
    assert tokenizers.Unigram(pieces, unknown=257, byte_fallback=True).ids("éa") == [
        0xC3,
        0xA9,
        256,
    ]


def test_of_pieces_that_are_equally_likely_the_longer_is_taken():
    assert tokenizers.Unigram([("<unk>", 0.0), ("a", -1.0), ("aa", -2.0)]).ids("aa") == [2]


def test_what_is_unknown_is_much_less_likely_than_what_is_not():
    pieces = [("<unk>", 0.0), ("ab", -6.0), ("c", -6.0), ("bc", -1.0)]
    assert tokenizers.Unigram(pieces).ids("abc") == [1, 2]  # −12, and −6 − 10 − 1 with an unknown a


def test_a_word_may_be_as_long_as_is_said():
    model = tokenizers.WordPiece({"[UNK]": 0, "a": 1, "##a": 2}, longest=3)
    assert model.ids("aaa") == [1, 2, 2] and model.ids("aaaa") == [0]
