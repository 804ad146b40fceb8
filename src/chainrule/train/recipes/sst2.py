"""Recipes `bert-sst2` and `bert-sst2-scratch`: BERT says whether a sentence about a film is praise.

The first begins with the weights of all-MiniLM-L6-v2, which have read a great deal of text; the second,
beside it, with random ones: the difference is what was learnt before. Both are the same network.

Legend: B batch, T tokens. The published development set is the test, as everywhere where this data set
is used, and is read once; decisions are made on a tenth of the training sentences.

What is long costs time: batches are of sentences whose lengths round up to the same multiple of 16, so
that little is padded, and every such width is a program of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...data import DataLoader, Dataset, load_dataset
from ...data.counter import CHOICE, SHUFFLE, permutation
from ...data.sampler import Sampler
from ...data.splits import grouped_split
from ...models import BertForSequenceClassification, minilm
from ...optim import AdamW
from ...optim.lr_scheduler import WarmupCosineLR
from ..goal import Goal
from ..kinds.sentences import ClassifiedTexts
from ..tasks import Classification
from .config import RunConfig, option
from .experiment import DataFacts, Experiment, Recipe, commonest_class, decayed

__all__ = ["BERT_SST2", "BERT_SST2_SCRATCH", "Sst2Config", "build", "counted_words"]

WIDTH = 16  # tokens: widths are multiples of it


@dataclass(frozen=True)
class Sst2Config(RunConfig):
    """What `chainrule train bert-sst2 --set key=value` can change."""

    epochs: int = option(3, "how often all training sentences are seen", 1, 100_000)
    batch_size: int = option(32, "sentences per step", 1)
    learning_rate: float = option(1e-4, "of AdamW; after a rise it falls along a cosine to 0", 0.0)
    warmup: float = option(0.1, "the share of the steps in which the rate rises", 0.0, 0.9)
    weight_decay: float = option(0.01, "of AdamW, on weights but not on biases", 0.0)
    clip_norm: float = option(1.0, "the norm to which larger gradients are scaled", 1e-6)
    longest: int = option(64, "tokens of a sentence; what is longer is cut off", 3, 512)
    pretrained: bool = option(True, "whether to begin with the weights of all-MiniLM-L6-v2")
    data_dir: str = option("", "the folder of the data sets, instead of CHAINRULE_DATA")


class Sentences(Dataset):
    """Tokenised sentences: sample i is ({input_ids (T,), attention_mask (T,)}, label), where T is the
    sentence's length, rounded up to a multiple of `WIDTH`.

    Args:
        ids: of each sentence, at most `longest`.
        labels: int64 (N,).
        longest: the largest T.
        even: whether every T is the largest, for an evaluation in one width.
    """

    def __init__(
        self, ids: Sequence[Sequence[int]], labels: np.ndarray, longest: int, even: bool = False
    ):
        self.ids, self.labels = ids, labels
        self.widths = [
            longest if even else min(longest, -(-len(each) // WIDTH) * WIDTH) for each in ids
        ]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], Any]:
        row = np.zeros((2, self.widths[index]), np.int64)  # 0 pads both
        row[0, : len(self.ids[index])] = self.ids[index]
        row[1, : len(self.ids[index])] = 1
        return {"input_ids": row[0], "attention_mask": row[1]}, self.labels[index]


class EqualWidths(Sampler):
    """Batches of sentences of one width, in an order that depends on the seed and the epoch alone.
    Sentences that fill no batch wait for another epoch, in which they will be others.
    """

    def __init__(self, widths: Sequence[int], batch_size: int, seed: int):
        super().__init__()
        self.widths, self.batch_size, self.seed, self.epoch = (
            np.array(widths),
            batch_size,
            seed,
            0,
        )

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of this epoch for the next iteration."""
        self.epoch = epoch

    def __len__(self) -> int:
        _, counts = np.unique(self.widths, return_counts=True)
        return int((counts // self.batch_size).sum())

    def __iter__(self) -> Iterator[list[int]]:
        order = permutation(len(self.widths), self.seed, SHUFFLE, self.epoch)
        batches = []
        for width in np.unique(self.widths):
            chosen = order[self.widths[order] == width].tolist()
            for k in range(len(chosen) // self.batch_size):
                batches.append(chosen[k * self.batch_size : (k + 1) * self.batch_size])
        turns = permutation(len(batches), self.seed, CHOICE, self.epoch).tolist()
        return iter([batches[k] for k in turns])


def counted_words(
    train: Sequence[str], labels: np.ndarray, test: Sequence[str], truth: np.ndarray
) -> float:
    """The accuracy of naive Bayes: each word counted once more than it occurs in the sentences of
    either class.

    >>> counted_words(["good film", "bad film"], np.array([1, 0]), ["bad", "a good one"], np.array([0, 1]))
    1.0
    """
    known = {word: k for k, word in enumerate(sorted({w for text in train for w in text.split()}))}
    counts = np.ones((2, len(known)))
    for text, label in zip(train, labels.tolist(), strict=True):
        for word in text.split():
            counts[label, known[word]] += 1
    logs = np.log(counts / counts.sum(axis=1, keepdims=True))
    prior = np.log(np.bincount(labels, minlength=2) / len(labels))
    answers = []
    for text in test:
        places = [known[word] for word in text.split() if word in known]
        answers.append(int((prior + logs[:, places].sum(axis=1)).argmax()))
    return float((np.array(answers) == truth).mean())


def build(config: Sst2Config) -> Experiment:
    """Data, network, optimizer and schedule of a configuration."""
    loaded = load_dataset("sst2", config.data_dir or None)
    encoder = minilm()
    test, asked = loaded.validation, set(loaded.validation.sentences)
    published = loaded.train
    kept = [k for k, s in enumerate(published.sentences) if s not in asked]
    chosen, rest = grouped_split([published.sentences[k] for k in kept], [0.1])
    parts = {
        "train": ([published.sentences[kept[k]] for k in rest], published.labels[kept][rest]),
        "validation": (
            [published.sentences[kept[k]] for k in chosen],
            published.labels[kept][chosen],
        ),
        "test": (list(test.sentences), test.labels),
    }

    def tokenised(name: str) -> Sentences:
        sentences, labels = parts[name]
        ids = encoder.tokenizer(sentences, truncation=True, max_length=config.longest)["input_ids"]
        return Sentences(ids, labels, config.longest, even=name != "train")

    train = tokenised("train")
    order = EqualWidths(train.widths, config.batch_size, config.seed)
    train_loader = DataLoader(train, batch_sampler=order)
    model = BertForSequenceClassification(
        replace(encoder.model.config, id2label={str(k): c for k, c in enumerate(loaded.classes)})
    )
    if config.pretrained:
        model.bert.load_state_dict(encoder.model.state_dict())
    optimizer = AdamW(decayed(model, config.weight_decay), lr=config.learning_rate)
    steps = config.epochs * len(train_loader)
    bayes = counted_words(*parts["train"], *parts["test"])
    return Experiment(
        model=model,
        optimizer=optimizer,
        scheduler=WarmupCosineLR(optimizer, int(config.warmup * steps), steps),
        train_loader=train_loader,
        validation_loader=DataLoader(tokenised("validation"), batch_size=109),
        test_loader=DataLoader(tokenised("test"), batch_size=109),
        epochs=config.epochs,
        task=Classification(),
        kind=ClassifiedTexts(
            classes=loaded.classes,
            test=tuple(parts["test"][0]),
            tokenizer=encoder.tokenizer,
            longest=config.longest,
            others={"naive Bayes, of counted words": bayes},
        ),
        data=DataFacts.of(
            loaded,
            {name: len(sentences) for name, (sentences, _) in parts.items()},
            "fixed, independent of the seed; the test is the published development set, validation "
            "a tenth of the published training sentences, without those that stand in the test too",
        ),
        baseline=commonest_class(parts["train"][1], parts["test"][1]),
        clip_norm=config.clip_norm,
        goal=Goal("accuracy", "max"),
    )


BERT_SST2 = Recipe(
    name="bert-sst2",
    about="BERT with the weights of all-MiniLM-L6-v2, fine-tuned to tell praise from blame in sentences about films",
    config=Sst2Config(),
    build=build,
)
BERT_SST2_SCRATCH = Recipe(
    name="bert-sst2-scratch",
    about="the network of bert-sst2 with random weights, which has read nothing before",
    config=Sst2Config(epochs=6, learning_rate=2e-4, pretrained=False),
    build=build,
)
