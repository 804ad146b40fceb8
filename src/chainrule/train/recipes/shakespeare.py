"""Recipes `shakespeare-…`: language models read nine tenths of a million characters of Shakespeare, and are to tell the rest.

`shakespeare-char`    GPT-2, a character at a time, at the setting that nanoGPT proposes for a processor
`shakespeare-llama`   the same size and budget, as a Llama: only the model differs

Legend: B batch, T time, C channels, V vocabulary. The loss is in nats per character. The first 90 % of the text are to learn
from, the next 5 % to decide, the last 5 % for the test. Every token of validation and test is asked once, in windows as long
as those of training. What has to be beaten is a table of the characters that follow each two; the card has longer tables too.

Source: nanoGPT (Karpathy 2022), the README's setting for a laptop's processor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ...data import DataLoader, load_dataset
from ...data.tokenizers import Tokenizer, character
from ...models import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
from ...models.generation import Generates
from ...optim import AdamW
from ...optim.lr_scheduler import WarmupCosineLR
from ..goal import Goal
from ..tasks import LanguageModel
from ..texts import Texts
from .config import ConfigError, RunConfig, option
from .experiment import Baseline, DataFacts, Experiment, Recipe, decayed
from .ngrams import NGrams
from .windows import Windows, in_order

__all__ = ["SHAKESPEARE_CHAR", "SHAKESPEARE_LLAMA", "ShakespeareConfig", "build", "gpt2", "llama"]

TABLES = (1, 2, 3, 4, 5)  # characters


@dataclass(frozen=True)
class ShakespeareConfig(RunConfig):
    """What `chainrule train shakespeare-char --set key=value` can change."""

    epochs: int = option(
        8, "parts of the training; after each the model is measured and writes", 1, 100_000
    )
    steps: int = option(2000, "of training, in all", 1)
    batch_size: int = option(12, "windows per step", 1)
    block: int = option(64, "tokens of a window: as far as the model can look back", 2)
    layers: int = option(4, "blocks of the model", 1)
    heads: int = option(4, "of attention, in each block", 1)
    width: int = option(128, "numbers that stand for a token", 1)
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


def gpt2(config: ShakespeareConfig, vocabulary: int) -> GPT2LMHeadModel:
    """A GPT-2 of the sizes that a configuration names."""
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=vocabulary, n_positions=config.block, n_embd=config.width, n_layer=config.layers,
            n_head=config.heads, resid_pdrop=config.dropout, embd_pdrop=config.dropout, attn_pdrop=config.dropout,
            bos_token_id=None, eos_token_id=None,
        )
    )  # fmt: skip


def llama(config: ShakespeareConfig, vocabulary: int) -> LlamaForCausalLM:
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


def build(
    config: ShakespeareConfig, network: Callable[[ShakespeareConfig, int], Generates]
) -> Experiment:
    """Data, network, optimizer and schedule of a configuration."""
    if config.steps < config.epochs:
        raise ConfigError(f"steps must be at least epochs, {config.epochs}, found {config.steps}")
    loaded = load_dataset("tinyshakespeare", config.data_dir or None)
    texts = {
        "train": loaded.train.text,
        "validation": loaded.validation.text,
        "test": loaded.test.text,
    }
    tokenizer = character("".join(texts.values()))
    tokens = {name: np.array(tokenizer.ids(text), np.int64) for name, text in texts.items()}
    model = network(config, len(tokenizer))

    per_epoch = -(-config.steps // config.epochs)
    train = Windows(tokens["train"], config.block, per_epoch * config.batch_size, config.seed)
    validation, test = [in_order(tokens[name], config.block) for name in ("validation", "test")]
    optimizer = AdamW(
        decayed(model, config.weight_decay), lr=config.learning_rate, betas=(0.9, config.beta2)
    )
    total = per_epoch * config.epochs
    warmup = min(config.warmup, total - 1)
    task = LanguageModel()
    tables = character_tables(tokenizer, texts)
    validation_loader = DataLoader(validation, batch_size=64)
    kind = Texts(
        model=model,
        tokenizer=tokenizer,
        context=config.block,
        passage=texts["validation"][: 2 * config.block],
        validation=validation_loader,
        task=task,
        tables=tables,
        length=config.sample,
    )
    return Experiment(
        model=model,
        optimizer=optimizer,
        scheduler=WarmupCosineLR(optimizer, warmup, total, config.final_rate),
        train_loader=DataLoader(train, config.batch_size),
        validation_loader=validation_loader,
        test_loader=DataLoader(test, batch_size=64),
        epochs=config.epochs,
        task=task,
        kind=kind,
        data=DataFacts(
            name=loaded.record.title,
            source=loaded.record.source,
            licence=loaded.record.licence,
            sha256=loaded.sha256,
            sizes={name: len(text) for name, text in texts.items()},
            split="of characters, in the order of the text, independent of the seed; the last tenth, validation and test "
            "together, is what nanoGPT calls validation",
            limits=loaded.record.limits,
        ),
        baseline=Baseline("a table of three characters", {"loss": tables[3]}),
        clip_norm=config.clip_norm,
        goal=Goal(task.headline),
        sample=kind.sample,
    )


def character_tables(tokenizer: Tokenizer, texts: dict[str, str]) -> dict[int, float]:
    """Nats per character of the test, all but its first, under tables of 1 to 5 characters."""
    train, test = [np.array(tokenizer.ids(texts[name])) for name in ("train", "test")]
    found = {}
    for n in TABLES:
        found[n] = float(NGrams(train, n, len(tokenizer)).nats(test)[1:].mean())
    return found


SHAKESPEARE_CHAR = Recipe(
    name="shakespeare-char",
    about="a GPT-2 of 0.8 million parameters on Shakespeare, a character at a time",
    config=ShakespeareConfig(),
    build=partial(build, network=gpt2),
)
SHAKESPEARE_LLAMA = Recipe(
    name="shakespeare-llama",
    about="a Llama of 0.8 million parameters on Shakespeare, a character at a time",
    config=ShakespeareConfig(),
    build=partial(build, network=llama),
)
