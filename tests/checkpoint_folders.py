"""Small folders as Hugging Face has them, with random weights: what commands and pages about models are tried on."""

from __future__ import annotations

from pathlib import Path

import chainrule as cr
from chainrule import models
from chainrule.data.tokenizers import bert, character, clip

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "a",
    "cat",
    "dog",
    "sleeps",
    "falls",
    "the",
    "price",
]
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .,!?'\n"


def gpt2(folder: Path) -> Path:
    """A language model of characters."""
    cr.manual_seed(0)
    tokenizer = character(LETTERS)
    model = models.GPT2LMHeadModel(
        models.GPT2Config(
            vocab_size=len(tokenizer), n_positions=32, n_embd=12, n_layer=2, n_head=3,
            bos_token_id=None, eos_token_id=None, initializer_range=0.5,
        )
    )  # fmt: skip
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def t5(folder: Path) -> Path:
    """A T5 of characters."""
    cr.manual_seed(0)
    tokenizer = character(LETTERS)
    config = models.T5Config(
        vocab_size=len(tokenizer), d_model=12, d_kv=4, d_ff=17, num_layers=1, num_heads=3, eos_token_id=None,
    )  # fmt: skip
    models.T5ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def sentences(folder: Path) -> Path:
    """A BERT of sentences."""
    cr.manual_seed(0)
    model = models.BertModel(_bert_config(), add_pooling_layer=True)
    model.save_pretrained(folder)
    _bert_tokenizer().save_pretrained(folder)
    return folder


def opinions(folder: Path) -> Path:
    """A BERT that classifies texts."""
    cr.manual_seed(0)
    labels = {"0": "negative", "1": "positive"}
    models.BertForSequenceClassification(_bert_config(id2label=labels)).save_pretrained(folder)
    _bert_tokenizer().save_pretrained(folder)
    return folder


def vit(folder: Path) -> Path:
    """A ViT of three classes."""
    cr.manual_seed(0)
    labels = {"0": "cat", "1": "dog", "2": "pig"}
    config = models.ViTConfig(
        hidden_size=12, num_hidden_layers=1, num_attention_heads=3, intermediate_size=20, image_size=12, patch_size=4,
        id2label=labels, initializer_range=0.3,
    )  # fmt: skip
    models.ViTForImageClassification(config).save_pretrained(folder)
    models.ImageProcessor(size={"height": 12, "width": 12}).save_pretrained(folder)
    return folder


def pairs(folder: Path) -> Path:
    """A CLIP."""
    cr.manual_seed(0)
    letters = "abcdefghijklmnopqrstuvwxyz"
    vocabulary = {t: i for i, t in enumerate([*letters, *[c + "</w>" for c in letters]])}
    vocabulary |= {"<|startoftext|>": 52, "<|endoftext|>": 53}
    towers = {
        "hidden_size": 12,
        "intermediate_size": 20,
        "num_hidden_layers": 1,
        "num_attention_heads": 3,
    }
    config = models.CLIPConfig(
        projection_dim=8,
        text_config=models.CLIPTextConfig(
            vocab_size=54, max_position_embeddings=24, eos_token_id=53, **towers
        ),
        vision_config=models.CLIPVisionConfig(image_size=12, patch_size=4, **towers),
    )
    models.CLIPModel(config).save_pretrained(folder)
    clip(vocabulary, []).save_pretrained(folder)
    size = {"height": 12, "width": 12}
    models.ImageProcessor(kind="CLIP", size=size, crop_size=size).save_pretrained(folder)
    return folder


def picture(path: Path, shade: int) -> Path:
    """A small picture, a little brighter to the right."""
    import numpy as np
    from PIL import Image

    pixels = np.clip(np.arange(17)[None, :, None] * 4 + np.full((13, 17, 3), shade), 0, 255)
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


def _bert_config(**more) -> models.BertConfig:
    return models.BertConfig(
        vocab_size=len(WORDS), hidden_size=12, num_hidden_layers=1, num_attention_heads=3, intermediate_size=20,
        max_position_embeddings=40, initializer_range=0.3, **more,
    )  # fmt: skip


def _bert_tokenizer():
    return bert({word: i for i, word in enumerate(WORDS)})
