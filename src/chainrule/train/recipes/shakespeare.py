"""Recipes `shakespeare-…`: language models read nine tenths of a million characters of Shakespeare, and are to tell the rest.

`shakespeare-char`    GPT-2, a character at a time, at the setting that nanoGPT proposes for a processor
`shakespeare-llama`   the same size and budget, as a Llama: only the model differs
`shakespeare-lstm`    a recurrent network, a character at a time
`shakespeare-bpe`     a Llama on the tokens of a byte-level tokenizer that is learnt from the text

Legend: B batch, T time, C channels, V vocabulary. Losses are in nats per character, of `shakespeare-bpe` in bits per byte. The
first 90 % of the text are to learn from, the next 5 % to decide, the last 5 % for the test. Every token of validation and test
is asked once. What has to be beaten are tables of characters: the first two recipes, which train for minutes only, a table of
three, the others one of five; the cards have all of them.

Source: nanoGPT (Karpathy 2022), the README's setting for a laptop's processor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ...data import DataLoader, load_dataset
from ...data.tokenizers import Tokenizer, character, train
from ...models import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    RecurrentConfig,
    RecurrentLMHeadModel,
)
from ...models.generation import Generates
from ...optim import AdamW
from ...optim.lr_scheduler import WarmupCosineLR
from ..goal import Goal
from ..kinds.texts import Texts
from ..tasks import LanguageModel
from .config import ConfigError, RunConfig, option
from .experiment import Baseline, DataFacts, Experiment, Recipe, decayed
from .ngrams import NGrams
from .windows import Windows, in_order

__all__ = [
    "SHAKESPEARE_BPE", "SHAKESPEARE_CHAR", "SHAKESPEARE_LLAMA", "SHAKESPEARE_LSTM", "BytePairConfig", "RecurrentTextConfig",
    "TextConfig", "TransformerConfig", "build", "gpt2", "llama", "lstm",
]  # fmt: skip

TABLES = (1, 2, 3, 4, 5)  # characters


@dataclass(frozen=True)
class TextConfig(RunConfig):
    """What can be changed in all of them."""

    epochs: int = option(
        8, "parts of the training; after each the model is measured and writes", 1, 100_000
    )
    steps: int = option(2000, "of training, in all", 1)
    batch_size: int = option(12, "windows per step", 1)
    block: int = option(64, "tokens of a window", 2)
    read: int = option(0, "tokens before those that are asked, at least, in validation and test", 0)
    layers: int = option(4, "of the model", 1)
    width: int = option(128, "numbers that stand for a token within it", 1)
    dropout: float = option(0.0, "in training", 0.0, 0.95)
    learning_rate: float = option(1e-3, "of AdamW, at its highest", 0.0)
    final_rate: float = option(1e-4, "to which it falls along a cosine", 0.0)
    warmup: int = option(100, "steps in which it rises", 0)
    beta2: float = option(
        0.99, "of AdamW: how slowly the squares of gradients are forgotten", 0.0, 0.9999
    )
    weight_decay: float = option(0.1, "of AdamW, on weights but not on biases", 0.0)
    clip_norm: float = option(1.0, "the norm to which larger gradients are scaled", 1e-6)
    sample: int = option(300, "tokens of a text that is written", 1)
    data_dir: str = option("", "the folder of the data sets, instead of CHAINRULE_DATA")


@dataclass(frozen=True)
class TransformerConfig(TextConfig):
    """What `chainrule train shakespeare-char --set key=value` can change."""

    heads: int = option(4, "of attention, in each layer", 1)


@dataclass(frozen=True)
class BytePairConfig(TransformerConfig):
    """What `chainrule train shakespeare-bpe --set key=value` can change."""

    merges: int = option(750, "of the tokenizer, learnt from the training text", 0)


@dataclass(frozen=True)
class RecurrentTextConfig(TextConfig):
    """What `chainrule train shakespeare-lstm --set key=value` can change."""

    embedding: int = option(64, "numbers that stand for a character before it is read", 1)
    cell: str = option("lstm", "of the recurrent layers: lstm or gru")


# ---- what differs: the model, and the tokens


def gpt2(config: TransformerConfig, vocabulary: int) -> GPT2LMHeadModel:
    """A GPT-2 of the sizes that a configuration names."""
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=vocabulary, n_positions=config.block, n_embd=config.width, n_layer=config.layers,
            n_head=config.heads, resid_pdrop=config.dropout, embd_pdrop=config.dropout, attn_pdrop=config.dropout,
            bos_token_id=None, eos_token_id=None,
        )
    )  # fmt: skip


def llama(config: TransformerConfig, vocabulary: int) -> LlamaForCausalLM:
    """A Llama of as many parameters as `gpt2` has, but for less than one in a thousand: the gated network, which has a matrix
    more, is made narrower.
    """
    C = config.width
    # a block of GPT-2 has 12 C² + 13 C numbers, one of Llama 4 C² + 3 C inner + 2 C; GPT-2 alone has
    # positions, and a bias in its last norm
    inner = int((8 * C + 11 + (config.block + 1) / config.layers) / 3)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary, hidden_size=C, intermediate_size=inner,
            num_hidden_layers=config.layers, num_attention_heads=config.heads, max_position_embeddings=config.block,
            attention_dropout=config.dropout, tie_word_embeddings=True, bos_token_id=None, eos_token_id=None,
        )
    )  # fmt: skip


def lstm(config: RecurrentTextConfig, vocabulary: int) -> RecurrentLMHeadModel:
    """A recurrent network of the sizes that a configuration names."""
    if config.cell not in ("lstm", "gru"):
        raise ConfigError(f"cell must be lstm or gru, found {config.cell!r}")
    return RecurrentLMHeadModel(
        RecurrentConfig(
            vocab_size=vocabulary, embedding_size=config.embedding, hidden_size=config.width,
            num_layers=config.layers, cell=config.cell, dropout=config.dropout,
        )
    )  # fmt: skip


def characters(config: TextConfig, texts: dict[str, str]) -> tuple[Tokenizer, None]:
    """A token for each character."""
    return character("".join(texts.values())), None


def byte_pairs(config: BytePairConfig, texts: dict[str, str]) -> tuple[Tokenizer, np.ndarray]:
    """Tokens that the training text is made of, and of how many bytes each is."""
    tokenizer = train(texts["train"], config.merges, special_tokens=())
    tokens = sorted(tokenizer.vocabulary, key=tokenizer.vocabulary.__getitem__)
    return tokenizer, np.array([len(token) for token in tokens])  # a byte is written as one sign


# ---- what is the same


def build(
    config: Any,
    network: Callable[[Any, int], Generates],
    tokens_of: Callable[[Any, dict[str, str]], tuple[Tokenizer, np.ndarray | None]] = characters,
    to_beat: int = 5,
) -> Experiment:
    """Data, network, optimizer and schedule of a configuration.

    Args:
        config: the recipe's.
        network: makes the model of a vocabulary.
        tokens_of: makes the tokenizer, and says of how many bytes its tokens are.
        to_beat: characters of the table that has to be beaten.
    """
    if config.steps < config.epochs:
        raise ConfigError(f"steps must be at least epochs, {config.epochs}, found {config.steps}")
    loaded = load_dataset("tinyshakespeare", config.data_dir or None)
    texts = {name: getattr(loaded, name).text for name in ("train", "validation", "test")}
    tokenizer, token_bytes = tokens_of(config, texts)
    tokens = {name: np.array(tokenizer.ids(text), np.int64) for name, text in texts.items()}
    model = network(config, len(tokenizer))
    recurrent = isinstance(model, RecurrentLMHeadModel)
    if not recurrent and config.read >= config.block:
        raise ConfigError(f"read must be less than block, {config.block}, found {config.read}")
    # of what a transformer looks at, positions beyond those it was trained on mean nothing to it
    asked = config.block + config.read if recurrent else config.block

    per_epoch = -(-config.steps // config.epochs)
    windows = Windows(tokens["train"], config.block, per_epoch * config.batch_size, config.seed)
    validation, test = [
        in_order(tokens[name], asked, config.read) for name in ("validation", "test")
    ]
    validation_loader = DataLoader(validation, batch_size=64)
    optimizer = AdamW(
        decayed(model, config.weight_decay), lr=config.learning_rate, betas=(0.9, config.beta2)
    )
    total = per_epoch * config.epochs
    task = LanguageModel(token_bytes=token_bytes)
    first = len(tokenizer.decode(tokens["test"][:1]))
    tables = character_tables(texts, first, bits=token_bytes is not None)
    kind = Texts(
        model=model,
        tokenizer=tokenizer,
        context=None if recurrent else config.block,
        passage=texts["validation"][: 4 * config.block],
        validation=validation_loader,
        task=task,
        tables=tables,
        attends=not recurrent,
        length=config.sample,
    )
    return Experiment(
        model=model,
        optimizer=optimizer,
        scheduler=WarmupCosineLR(
            optimizer, min(config.warmup, total - 1), total, config.final_rate
        ),
        train_loader=DataLoader(windows, config.batch_size),
        validation_loader=validation_loader,
        test_loader=DataLoader(test, batch_size=64),
        epochs=config.epochs,
        task=task,
        kind=kind,
        data=DataFacts.of(
            loaded,
            {name: len(text) for name, text in texts.items()},
            "of characters, in the order of the text, independent of the seed; the last tenth, validation and test "
            "together, is what nanoGPT calls validation",
        ),
        baseline=Baseline(f"a table of {to_beat} characters", {task.headline: tables[to_beat]}),
        clip_norm=config.clip_norm,
        goal=Goal(task.headline),
        sample=kind.sample,
    )


def character_tables(texts: dict[str, str], first: int, bits: bool) -> dict[int, float]:
    """How good tables of 1 to 5 characters of the training text are at the test.

    Args:
        texts: the texts of the parts.
        first: how many characters of the test are given, because no model is asked for its first token.
        bits: in bits per byte; else in nats per character.
    """
    tokenizer = character("".join(texts.values()))
    train, test = [np.array(tokenizer.ids(texts[name])) for name in ("train", "test")]
    asked = texts["test"][first:]
    size = len(asked.encode()) * math.log(2) if bits else len(asked)
    return {
        n: float(NGrams(train, n, len(tokenizer)).nats(test)[first:].sum() / size) for n in TABLES
    }


SHAKESPEARE_CHAR = Recipe(
    name="shakespeare-char",
    about="a GPT-2 of 0.8 million parameters on Shakespeare, a character at a time",
    config=TransformerConfig(),
    build=partial(build, network=gpt2, to_beat=3),
)
SHAKESPEARE_LLAMA = Recipe(
    name="shakespeare-llama",
    about="a Llama of 0.8 million parameters on Shakespeare, a character at a time",
    config=TransformerConfig(),
    build=partial(build, network=llama, to_beat=3),
)
SHAKESPEARE_LSTM = Recipe(
    name="shakespeare-lstm",
    about="a recurrent network on Shakespeare, a character at a time",
    config=RecurrentTextConfig(
        steps=5000, batch_size=64, block=64, read=64, layers=1, width=384, learning_rate=3e-3, weight_decay=0.01,
        dropout=0.25,
    ),
    build=partial(build, network=lstm),
)  # fmt: skip
SHAKESPEARE_BPE = Recipe(
    name="shakespeare-bpe",
    about="a Llama on Shakespeare, in tokens of a byte-level tokenizer of its own",
    config=BytePairConfig(
        steps=3000, batch_size=16, block=128, read=64, learning_rate=2e-3, dropout=0.1
    ),
    build=partial(build, network=llama, tokens_of=byte_pairs),
)
