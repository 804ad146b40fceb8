"""Recipe `bert-mlm`: a small BERT, from nothing, tells words that were hidden in paragraphs of Wikipedia.

Legend: B batch, T time, V vocabulary. Tokens are those of a byte-level tokenizer that is learnt from the training paragraphs.
Articles are in one part only. In training 40 % of the tokens, chosen anew each time, are to be told: of these 80 % are hidden,
10 % become any other and 10 % stay, so that the model cannot rely on what it sees. In validation and test the same 15 % are
hidden always. What has to be beaten is the commonest token; the card also says what the token before tells.

Source: Devlin et al. 2019, section 3.1, task 1, where 15 % are to be told in training too; that more teach a small model faster:
Wettig, Gao, Zhong & Chen 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...base.errors import FormatError
from ...data import DataLoader, Dataset, TensorDataset, load_dataset
from ...data.counter import CHOICE, DRAW, few, uniform
from ...data.tokenizers import Tokenizer, train
from ...models import BertConfig, BertForMaskedLM
from ...optim import AdamW
from ...optim.lr_scheduler import WarmupCosineLR
from ..goal import Goal
from ..kinds.blanks import Blanks
from ..tasks import MaskedLanguageModel
from .config import ConfigError, RunConfig, option
from .experiment import Baseline, DataFacts, Experiment, Recipe, decayed
from .windows import IGNORED

__all__ = ["BERT_MLM", "Hidden", "MaskedConfig", "build", "hidden_in_order"]

PAD, MASK = "[PAD]", "[MASK]"
TESTED = 0.15  # of the tokens, in validation and test
# of what is to be told: what draws a number below the first is hidden, below the second changed
HIDDEN, CHANGED = 0.8, 0.9


@dataclass(frozen=True)
class MaskedConfig(RunConfig):
    """What `chainrule train bert-mlm --set key=value` can change."""

    epochs: int = option(8, "parts of the training; after each the model is measured", 1, 100_000)
    steps: int = option(4000, "of training, in all", 1)
    batch_size: int = option(64, "windows per step", 1)
    block: int = option(32, "tokens of a window", 2)
    merges: int = option(1000, "of the tokenizer, learnt from the training paragraphs", 0)
    share: float = option(0.4, "of the tokens that are to be told, in training", 0.01, 0.99)
    layers: int = option(4, "blocks of the model", 1)
    heads: int = option(4, "of attention, in each block", 1)
    width: int = option(128, "numbers that stand for a token", 1)
    spread: float = option(0.05, "standard deviation of the initial weights", 1e-6)
    dropout: float = option(0.0, "in training", 0.0, 0.95)
    learning_rate: float = option(1e-3, "of AdamW; after a rise it falls along a cosine to 0", 0.0)
    warmup: int = option(200, "steps in which it rises", 0)
    weight_decay: float = option(0.05, "of AdamW, on weights but not on biases", 0.0)
    clip_norm: float = option(1.0, "the norm to which larger gradients are scaled", 1e-6)
    data_dir: str = option("", "the folder of the data sets, instead of CHAINRULE_DATA")


class Hidden(Dataset):
    """So many windows an epoch, each from a place and with tokens to be told that (seed, epoch, index) alone name.

    A sample is (tokens as the model sees them (T,), those that are to be told and `IGNORED` elsewhere (T,)).

    Args:
        tokens: int64 (N,), N ≥ T.
        length: T.
        count: windows of an epoch.
        share: of the tokens that are to be told.
        mask: the token that hides another.
        vocabulary: V; a changed token is any of these.
        seed: see above.

    Raises:
        FormatError: a text that is shorter than a window.
    """

    def __init__(
        self,
        tokens: np.ndarray,
        length: int,
        count: int,
        share: float,
        mask: int,
        vocabulary: int,
        seed: int,
    ):
        if len(tokens) < length:
            raise FormatError(
                f"windows of {length} tokens need a text as long, found {len(tokens)}"
            )
        self.tokens, self.length, self.count, self.share = tokens, length, count, share
        self.mask, self.vocabulary, self.seed, self.epoch = mask, vocabulary, seed, 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        T = self.length
        (word,) = few(self.seed, DRAW, self.epoch, index, 1)
        start = (word * (len(self.tokens) - T + 1)) >> 32
        seen = self.tokens[start : start + T].copy()
        drawn = uniform(3 * T, self.seed, CHOICE, self.epoch, 6 * T * index).reshape(3, T)
        told = drawn[0] < self.share
        targets = np.where(told, seen, IGNORED)
        seen[told & (drawn[1] < HIDDEN)] = self.mask
        changed = told & (drawn[1] >= HIDDEN) & (drawn[1] < CHANGED)
        seen[changed] = (drawn[2, changed] * self.vocabulary).astype(np.int64)
        return seen, targets

    def set_epoch(self, epoch: int) -> None:
        """From now on the windows of this epoch."""
        self.epoch = epoch


def hidden_in_order(tokens: np.ndarray, length: int, share: float, mask: int) -> TensorDataset:
    """The text in windows one after the other, what is left over at its end left out; the same tokens hidden always.

    >>> data = hidden_in_order(np.arange(7), length=3, share=0.4, mask=99)
    >>> [(seen.tolist(), targets.tolist()) for seen, targets in data]
    [([99, 1, 2], [0, -100, -100]), ([99, 99, 5], [3, 4, -100])]
    """
    windows = tokens[: len(tokens) // length * length].reshape(-1, length)
    told = uniform(windows.size, 0, CHOICE).reshape(windows.shape) < share
    return TensorDataset(np.where(told, mask, windows), np.where(told, windows, IGNORED))


def build(config: MaskedConfig) -> Experiment:
    """Data, network, optimizer and schedule of a configuration."""
    if config.steps < config.epochs:
        raise ConfigError(f"steps must be at least epochs, {config.epochs}, found {config.steps}")
    loaded = load_dataset("squad", config.data_dir or None)
    parts = {name: getattr(loaded, name).paragraphs for name in ("train", "validation", "test")}
    tokenizer = train(parts["train"], config.merges, special_tokens=(PAD, MASK))
    tokenizer.set_role("mask_token", MASK)
    tokens = {name: one_text(tokenizer, paragraphs) for name, paragraphs in parts.items()}
    mask = tokenizer.mask_token_id
    V = len(tokenizer)
    model = BertForMaskedLM(
        BertConfig(
            vocab_size=V, hidden_size=config.width, num_hidden_layers=config.layers, num_attention_heads=config.heads,
            intermediate_size=4 * config.width, hidden_dropout_prob=config.dropout,
            attention_probs_dropout_prob=config.dropout, max_position_embeddings=config.block, type_vocab_size=1,
            initializer_range=config.spread,
        )
    )  # fmt: skip
    per_epoch = -(-config.steps // config.epochs)
    learnt = Hidden(
        tokens["train"],
        config.block,
        per_epoch * config.batch_size,
        config.share,
        mask,
        V,
        config.seed,
    )
    validation, test = [
        hidden_in_order(tokens[name], config.block, TESTED, mask) for name in ("validation", "test")
    ]
    for name, part in (("validation", validation), ("test", test)):
        if not (part.tensors[1] != IGNORED).any():
            raise FormatError(
                f"the {name} paragraphs are too short: no token in them would be hidden"
            )
    optimizer = AdamW(decayed(model, config.weight_decay), lr=config.learning_rate)
    total = per_epoch * config.epochs
    answered = counted_answers(tokens["train"], *test.tensors, mask)
    kind = Blanks(
        model=model, tokenizer=tokenizer, context=config.block, passages=validation, others=answered
    )
    return Experiment(
        model=model,
        optimizer=optimizer,
        scheduler=WarmupCosineLR(optimizer, min(config.warmup, total - 1), total),
        train_loader=DataLoader(learnt, config.batch_size),
        validation_loader=DataLoader(validation, batch_size=64),
        test_loader=DataLoader(test, batch_size=64),
        epochs=config.epochs,
        task=MaskedLanguageModel(),
        kind=kind,
        data=DataFacts.of(
            loaded,
            {name: len(paragraphs) for name, paragraphs in parts.items()},
            "of paragraphs, fixed, independent of the seed; an article is in one part",
        ),
        baseline=Baseline(
            "always the commonest token", {"accuracy": answered["the commonest token"]}
        ),
        clip_norm=config.clip_norm,
        goal=Goal("accuracy", "max"),
        sample=kind.sample,
    )


def one_text(tokenizer: Tokenizer, paragraphs: Sequence[str]) -> np.ndarray:
    """The tokens of all paragraphs, a new line after each, int64 (N,)."""
    return np.array([i for text in paragraphs for i in tokenizer.ids(text + "\n")], np.int64)


def counted_answers(
    learnt: np.ndarray, seen: np.ndarray, targets: np.ndarray, mask: int
) -> dict[str, float]:
    """The share of hidden tokens that counting gets right: the commonest token of the training text; and the commonest after
    the token before (where that is hidden too, or there is none, the commonest of all).
    """
    commonest = int(np.bincount(learnt).argmax())
    V = int(max(learnt.max(), seen.max(), targets.max())) + 1
    pairs, counts = np.unique(learnt[:-1] * V + learnt[1:], return_counts=True)
    after = np.full(V, commonest)
    # the commonest pair of each first token is written last
    order = np.argsort(counts, kind="stable")
    after[pairs[order] // V] = pairs[order] % V
    after[mask] = commonest
    before = np.concatenate([np.full((len(seen), 1), mask), seen[:, :-1]], axis=1)
    told = targets != IGNORED
    return {
        "the commonest token": float((targets[told] == commonest).mean()),
        "the token before": float((targets[told] == after[before[told]]).mean()),
    }


BERT_MLM = Recipe(
    name="bert-mlm",
    about="a BERT of a million parameters on words hidden in paragraphs of Wikipedia",
    config=MaskedConfig(),
    build=build,
)
