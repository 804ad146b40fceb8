"""What people call on a tokenizer of `transformers`: roles that are set, tokens that are added, batches, texts cleaned up."""

from __future__ import annotations

import pytest

import chainrule as cr
from chainrule.base.errors import FormatError
from chainrule.data import tokenizers


@pytest.fixture
def tokenizer():
    return tokenizers.train("the cat and the hat and the bat", 5)


def test_a_role_that_is_set_is_the_role(tokenizer):
    assert tokenizer.pad_token is None and tokenizer.pad_token_id is None
    tokenizer.pad_token = tokenizer.eos_token
    assert tokenizer.pad_token_id == tokenizer.eos_token_id is not None
    batch = tokenizer(["the cat", "a"], padding=True, return_tensors="pt")
    assert batch.input_ids[1, 1:].tolist() == [tokenizer.pad_token_id] * 3
    assert batch.to("cpu").attention_mask.sum().item() == 5
    with pytest.raises(AttributeError, match="no 'labels'; it has input_ids, attention_mask"):
        _ = batch.labels
    with pytest.raises(FormatError, match="the vocabulary has no 'nothing'"):
        tokenizer.pad_token = "nothing"
    tokenizer.pad_token = None
    assert tokenizer.pad_token_id is None


def test_tokens_are_added_behind_the_others(tokenizer):
    before = len(tokenizer)
    assert tokenizer.add_special_tokens({"pad_token": "[PAD]", "eos_token": "the"}) == 1
    assert tokenizer.pad_token_id == before and len(tokenizer) == before + 1
    assert tokenizer.add_tokens(["cat", "[PAD]", "cat"]) == 1
    ids = tokenizer.encode("the cat[PAD]")
    assert ids[-2:] == [before + 1, before]
    assert tokenizer.decode(ids, skip_special_tokens=True) == "the cat"
    assert tokenizer.vocab_size == before and tokenizer.get_vocab()["cat"] == before + 1
    assert set(tokenizer.all_special_ids) >= {before, tokenizer.eos_token_id}
    with pytest.raises(FormatError, match="a role is one of bos_token"):
        tokenizer.add_special_tokens({"end": "x"})


def test_ids_and_tokens(tokenizer):
    the = tokenizer.convert_tokens_to_ids("the")
    assert tokenizer.convert_ids_to_tokens([the, 10_000]) == ["the", None]
    unknown = tokenizer.unk_token_id
    assert tokenizer.convert_tokens_to_ids(["the", "zebra"]) == [the, unknown]
    assert (
        tokenizer.encode("the cat", truncation=True, max_length=2) == tokenizer.ids("the cat")[:2]
    )
    assert tokenizer.encode("the cat", return_tensors="cr").shape == cr.Size([1, 4])


def test_a_text_cleaned_up(tokenizer):
    rows = tokenizer(["do n't , please .", "it 's"]).input_ids
    assert tokenizer.batch_decode(rows) == ["do n't , please .", "it 's"]
    cleaned = tokenizer.batch_decode(rows, clean_up_tokenization_spaces=True)
    assert cleaned == ["don't, please.", "it's"]


def test_templates_of_chats_are_refused(tokenizer):
    with pytest.raises(NotImplementedError, match="chat_template is a program"):
        tokenizer.apply_chat_template([{"role": "user", "content": "hello"}])


def test_where_tokens_are():
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ca", "##fe", "##s", "the", "!"]
    tokenizer = tokenizers.bert({token: k for k, token in enumerate(vocabulary)})
    texts = ["The  cafés!", "the x"]
    batch = tokenizer(texts, padding=True, return_offsets_mapping=True, return_tensors="cr")
    assert batch.offset_mapping.shape == cr.Size([2, 7, 2])
    found = [[texts[k][a:b] for a, b in row] for k, row in enumerate(batch.offset_mapping.tolist())]
    assert found == [["", "The", "ca", "fé", "s", "!", ""], ["", "the", "x", "", "", "", ""]]
    pair = tokenizer(
        "the cafe", "cafe!", return_offsets_mapping=True, truncation=True, max_length=7
    )
    assert pair.offset_mapping == [(0, 0), (0, 3), (4, 6), (0, 0), (0, 2), (2, 4), (0, 0)]
    assert len(pair.offset_mapping) == len(pair.input_ids)


def test_where_bytes_and_prefixes_are(tokenizer):
    text = "the naïve 🙂 cat"
    places = tokenizer.places(text)
    assert len(places) == len(tokenizer.ids(text)) and places[0] == (0, 3)
    assert [text[a:b] for a, b in places].count("🙂") == 4  # each of its bytes is all of it
    assert [text[a:b] for a, b in places].count("ï") == 2
