"""Recipe `names-rnn`: a recurrent network learns how names are spelt, a letter at a time.

Legend: B batch, T time, E embedding, H hidden, V = 27 tokens: the edge of a name, 0, and a to z.

A name is read as edge, letters, edge; each is to be foretold from those before. The loss is in nats
per token (letters and the closing edge). What it has to beat is a table of pairs: how often each token
follows each other one in the training names, plus one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import nn
from ...base.errors import FormatError
from ...data import DataLoader, TensorDataset, load_dataset
from ...data.tokenizers import BPE, AddedToken, Template, Tokenizer
from ...models import Writer
from ...optim import AdamW
from ...optim.lr_scheduler import WarmupCosineLR
from ...tensors import Generator, Tensor, from_numpy
from ..evaluation import Evaluation
from ..goal import Goal
from ..tasks import LanguageModel
from .config import RunConfig, option
from .experiment import Baseline, DataFacts, Experiment, Recipe, decayed

__all__ = ["NAMES_RNN", "NamesConfig", "NamesNet", "Spelling", "build", "encode"]

EDGE, V = 0, 27
SIGN = "<edge>"
IGNORED = -100
LONGEST = 40  # letters of a name that is made up, at most


@dataclass(frozen=True)
class NamesConfig(RunConfig):
    """What `chainrule train names-rnn --set key=value` can change."""

    epochs: int = option(12, "how often all training names are seen", 1, 100_000)
    batch_size: int = option(64, "names per batch", 1)
    learning_rate: float = option(5e-3, "of AdamW; after a rise it falls along a cosine to 0", 0.0)
    warmup: float = option(0.05, "the share of the steps in which the rate rises", 0.0, 0.9)
    weight_decay: float = option(0.01, "of AdamW, on weights but not on biases", 0.0)
    clip_norm: float = option(1.0, "the norm to which larger gradients are scaled", 1e-6)
    embedding: int = option(32, "numbers that stand for a letter", 1)
    hidden: int = option(128, "of the recurrent layer", 1)
    dropout: float = option(0.2, "of what the recurrent layer gives, in training", 0.0, 0.95)
    patience: int = option(3, "epochs without improvement after which training ends", 1)
    data_dir: str = option("", "the folder of the data sets, instead of CHAINRULE_DATA")


class NamesNet(nn.Module):
    """Embedding, gated recurrent units, a linear layer: tokens (B, T) → logits (B, T, V)."""

    def __init__(self, embedding: int, hidden: int, dropout: float):
        super().__init__()
        self.embedding = nn.Embedding(V, embedding)
        self.recurrent = nn.GRU(embedding, hidden, batch_first=True)
        self.drop = nn.Dropout(dropout)
        self.out = nn.Linear(hidden, V)

    def forward(self, tokens: Tensor) -> Tensor:
        """Args: tokens, int64 (B, T). Returns logits (B, T, V) of the tokens that follow."""
        x, _ = self.recurrent(self.embedding(tokens))  # (B, T, H)
        return self.out(self.drop(x))


def encode(names: Sequence[str], length: int) -> tuple[np.ndarray, np.ndarray]:
    """Tokens (N, length + 1), and those that follow each, with `IGNORED` behind the end.

    >>> inputs, targets = encode(["ab"], 3)
    >>> inputs.tolist(), targets.tolist()
    ([[0, 1, 2, 0]], [[1, 2, 0, -100]])
    """
    inputs = np.full((len(names), length + 1), EDGE, np.int64)
    targets = np.full((len(names), length + 1), IGNORED, np.int64)
    for row, name in enumerate(names):
        letters = [ord(letter) - ord("a") + 1 for letter in name]
        inputs[row, 1 : 1 + len(name)] = letters
        targets[row, : 1 + len(name)] = [*letters, EDGE]
    return inputs, targets


def pair_table_loss(train: np.ndarray, following: np.ndarray, test: tuple) -> float:
    """Nats per token of the test under the table of pairs, each counted once more than it occurs."""
    counts = np.ones((V, V))
    kept = following != IGNORED
    np.add.at(counts, (train[kept], following[kept]), 1)
    logs = np.log(counts / counts.sum(axis=1, keepdims=True))
    inputs, targets = test
    kept = targets != IGNORED
    return float(-logs[inputs[kept], targets[kept]].mean())


@dataclass(frozen=True, eq=False)
class Spelling:
    """Names are text: a test has no pictures, and the model goes on with a beginning."""

    known: frozenset[str]

    def pictures(self, test: Evaluation) -> dict[str, bytes]:
        """None beside the curves."""
        return {}

    def card(self, test: Evaluation) -> str:
        """What the figures mean."""
        return (
            "The loss is in nats per letter, the closing edge of a name counted as one. "
            '`chainrule predict RUN ""` makes up names.'
        )

    def facts(self, test: Evaluation) -> dict[str, Any]:
        """Nothing further."""
        return {}

    def predict(self, model: nn.Module, inputs: Sequence[str], asked: Any) -> list[dict[str, Any]]:
        """`asked.count` names for each beginning, drawn at `asked.temperature` from `asked.seed`."""
        writer, generator = self.writer(model), Generator().manual_seed(asked.seed)
        answers = []
        for beginning in inputs:
            if not all("a" <= letter <= "z" for letter in beginning):
                raise FormatError(
                    f"expected a beginning of letters from a to z, found {beginning!r}"
                )
            start = from_numpy(np.repeat([writer.ids(beginning)], asked.count, axis=0))
            rows = writer.model.generate(
                start,
                max_new_tokens=max(LONGEST - len(beginning), 0),
                do_sample=True,
                temperature=asked.temperature,
                eos_token_id=EDGE,
                generator=generator,
            )
            for name in writer.tokenizer.batch_decode(rows, skip_special_tokens=True):
                new = name not in self.known
                answers.append({"input": beginning, "answer": name, "new": new})
        return answers

    def writer(self, model: nn.Module) -> Writer:
        """The model beside the letters; a text begins and ends at the edge of a name."""
        letters = {chr(ord("a") + k): k + 1 for k in range(V - 1)}
        tokenizer = Tokenizer(
            BPE({SIGN: EDGE, **letters}, []),
            decoder={"type": "Fuse"},
            template=Template(one=(((EDGE,), 0), ("A", 0))),
            added=[AddedToken(SIGN, EDGE)],
            roles={"bos_token": SIGN, "eos_token": SIGN},
        )
        return Writer(model, tokenizer)


def build(config: NamesConfig) -> Experiment:
    """Data, network, optimizer and schedule of a configuration."""
    loaded = load_dataset("names", config.data_dir or None)
    parts = {"train": loaded.train, "validation": loaded.validation, "test": loaded.test}
    longest = max(len(name) for part in parts.values() for name in part.lines)
    arrays = {name: encode(part.lines, longest) for name, part in parts.items()}
    train, validation, test = (TensorDataset(*arrays[name]) for name in parts)

    order = Generator().manual_seed(config.seed)
    train_loader = DataLoader(train, config.batch_size, shuffle=True, generator=order)
    model = NamesNet(config.embedding, config.hidden, config.dropout)
    optimizer = AdamW(decayed(model, config.weight_decay), lr=config.learning_rate)
    steps = config.epochs * len(train_loader)
    baseline = pair_table_loss(*arrays["train"], arrays["test"])
    return Experiment(
        model=model,
        optimizer=optimizer,
        scheduler=WarmupCosineLR(optimizer, int(config.warmup * steps), steps),
        train_loader=train_loader,
        validation_loader=DataLoader(validation, batch_size=256),
        test_loader=DataLoader(test, batch_size=256),
        epochs=config.epochs,
        task=LanguageModel(ignore_index=IGNORED),
        kind=Spelling(frozenset(loaded.train.lines)),
        data=DataFacts.of(
            loaded,
            {name: len(part) for name, part in parts.items()},
            "fixed, independent of the seed; equal names are in one part",
        ),
        baseline=Baseline("a table of pairs of letters", {"loss": baseline}),
        clip_norm=config.clip_norm,
        goal=Goal("loss"),
        patience=config.patience,
    )


NAMES_RNN = Recipe(
    name="names-rnn",
    about="a recurrent network on 32,033 first names, a letter at a time",
    config=NamesConfig(),
    build=build,
)
