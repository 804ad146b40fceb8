"""Recipes `clip-emoji` and `clip-emoji-random`: CLIP learns which caption belongs to which emoji.

Most emoji come in several variants, which differ in the tone of the skin or the hair. In the first recipe all
variants of an emoji are in one part, so that none of what is asked in the test was seen; in the second, beside
it, every picture went to a part by itself, and a near copy of most of what is asked was seen: the difference
between the two is what such a split would hide.

Half of what is asked is in words that no training caption has. So words come in as the vectors that
all-MiniLM-L6-v2 has for them, which know that a donkey is like a horse, and stay as they are; all else is
learnt here.

Legend: B batch, T tokens, N pictures, V vocabulary, C channels. Of each emoji one picture stands in the test, the first, for captions
of variants would be mistaken for each other. In training each is seen once an epoch, in a variant that is
drawn from the seed, the epoch and its number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...data import DataLoader, Dataset, TensorDataset, load_dataset
from ...data.counter import SPLIT, permutation
from ...data.known import CaptionPart
from ...data.tokenizers import Tokenizer
from ...data.transforms import (
    Compose,
    RandomHorizontalFlip,
    RandomRotation,
    RandomShift,
    RandomStream,
)
from ...models import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionConfig, minilm
from ...optim import AdamW
from ...optim.lr_scheduler import WarmupCosineLR
from ...tensors import Generator, from_numpy
from ..goal import Goal
from ..kinds.retrieval import LOOKED_AT, Contrastive, Pairs, recalls
from .config import ConfigError, RunConfig, option
from .experiment import Baseline, DataFacts, Experiment, Recipe, decayed

__all__ = ["CLIP_EMOJI", "CLIP_EMOJI_RANDOM", "EmojiConfig", "base", "build"]

END = "[SEP]"
SPREAD = 0.04
PEOPLE = {"man", "woman", "person", "men", "women", "people", "boy", "girl", "child"}


@dataclass(frozen=True)
class EmojiConfig(RunConfig):
    """What `chainrule train clip-emoji --set key=value` can change."""

    epochs: int = option(60, "how often all training emoji are seen", 1, 100_000)
    batch_size: int = option(128, "pairs per step; each picture's caption is among so many", 2)
    learning_rate: float = option(1e-3, "of AdamW; after a rise it falls along a cosine to 0", 0.0)
    warmup: float = option(0.1, "the share of the steps in which the rate rises", 0.0, 0.9)
    weight_decay: float = option(0.2, "of AdamW, on weights but not on biases", 0.0)
    clip_norm: float = option(1.0, "the norm to which larger gradients are scaled", 1e-6)
    split: str = option(
        "base", "base: all variants of an emoji in one part; random: each by itself"
    )
    longest: int = option(16, "tokens of a caption, the end counted; what is longer is cut off", 3)
    patch: int = option(8, "pixels of a patch, each way", 1, 32)
    width: int = option(128, "channels of both towers", 4)
    heads: int = option(4, "of the attention of both towers", 1)
    image_layers: int = option(3, "of the image tower", 1)
    text_layers: int = option(1, "of the text tower", 1)
    projection: int = option(128, "channels where the towers meet", 1)
    shift: int = option(3, "pixels by which training pictures move at most, each way", 0, 31)
    left_out: float = option(0.2, "the share of a caption's tokens left out, in training", 0.0, 0.9)
    rotation: float = option(15.0, "degrees by which training pictures are turned at most", 0, 180)
    checkpoint_every: int = option(10, "epochs from one checkpoint to the next", 1)
    data_dir: str = option("", "the folder of the data sets, instead of CHAINRULE_DATA")


def base(caption: str) -> str:
    """Of which emoji a caption names a variant.

    >>> base("waving hand: dark skin tone"), base("red apple")
    ('waving hand', 'red apple')
    """
    return caption.split(":")[0]


def without_people(caption: str) -> str:
    """A caption's emoji with any person in it: what men and women do is drawn almost alike.

    >>> without_people("woman farmer: medium skin tone") == without_people("man farmer")
    True
    """
    return " ".join("one" if word in PEOPLE else word for word in base(caption).split())


def on_white(pixels: np.ndarray) -> np.ndarray:
    """Pictures uint8 (N, 4, H, W), the last channel saying how opaque they are, on white ground: float32
    (N, 3, H, W) from 0 to 1.
    """
    x = pixels / np.float32(255)
    return x[:, :3] * x[:, 3:] + (1 - x[:, 3:])


class OneVariant(Dataset):
    """Of each emoji one variant, drawn from the seed, the epoch and its number, in words of which some
    are left out, so that every one of them has to say something: (picture, ids).

    Args:
        images: float32 (N, 3, H, W).
        ids: int64 (N, T).
        variants: for each emoji, the numbers of its pictures.
        change: of a picture, called with the epoch and the emoji's number.
        left_out: the probability with which a token is left out; one at least stays.
        end: the token that ends a caption and fills the rest.
        seed: the seed of the draws.
    """

    def __init__(
        self,
        images: np.ndarray,
        ids: np.ndarray,
        variants: Sequence[Sequence[int]],
        change: Compose,
        left_out: float,
        end: int,
        seed: int,
    ):
        self.images, self.ids, self.variants, self.change = images, ids, variants, change
        self.left_out, self.end, self.seed, self.epoch = left_out, end, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """From now on draw for this epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.variants)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        choices, stream = self.variants[index], RandomStream(self.seed, self.epoch, index)
        k = choices[stream.integer(len(choices))]
        row = self.ids[k]
        tokens = row[row != self.end]
        draws = stream.uniforms(len(tokens))
        ids = np.full_like(row, self.end)
        kept = tokens[(draws >= self.left_out) | (draws == draws.max())]
        ids[: len(kept)] = kept
        return self.change(self.images[k], self.epoch, index), ids


def token_ids(tokenizer: Tokenizer, captions: Sequence[str], longest: int) -> np.ndarray:
    """int64 (N, longest): of each caption, then the end, which fills the rest."""
    [end] = tokenizer.encode(END, add_special_tokens=False)
    rows = np.full((len(captions), longest), end, np.int64)
    for row, caption in zip(rows, captions, strict=True):
        ids = tokenizer.encode(caption, add_special_tokens=False)[: longest - 1]
        row[: len(ids)] = ids
    return rows


def word_vectors(table: np.ndarray, width: int) -> np.ndarray:
    """Vectors of words in fewer dimensions, those in which they differ most, with a deviation of `SPREAD`.

    Args:
        table: float (V, C).
        width: the width of the result, at most C.

    Returns:
        float32 (V, width).
    """
    centred = table - table.mean(axis=0, dtype=np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)  # (C, C), the least first
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(len(axes))])
    found = centred @ (axes * signs)[:, ::-1][:, :width]
    return (found * (SPREAD / found.std())).astype(np.float32)


def _variants(captions: Sequence[str], alone: bool) -> list[list[int]]:
    """The numbers of the pictures of each emoji; `alone`: each picture by itself."""
    if alone:
        return [[k] for k in range(len(captions))]
    found: dict[str, list[int]] = {}
    for k, caption in enumerate(captions):
        found.setdefault(base(caption), []).append(k)
    return list(found.values())


def _shuffled(parts: Sequence[CaptionPart], sizes: Sequence[int]) -> list[CaptionPart]:
    """All pictures of the parts anew: the first two of these sizes, each picture by itself."""
    pixels = np.concatenate([part.pixels for part in parts])
    captions = [caption for part in parts for caption in part.captions]
    groups = [group for part in parts for group in part.groups]
    indices = np.concatenate([part.indices for part in parts])
    order = np.argsort(indices)[permutation(len(indices), seed=0, stream=SPLIT)]
    ends = np.cumsum(sizes).tolist()
    found = []
    for chosen in np.split(order, ends):
        chosen = chosen[np.argsort(indices[chosen])]
        found.append(
            CaptionPart(
                pixels[chosen],
                tuple(captions[k] for k in chosen.tolist()),
                tuple(groups[k] for k in chosen.tolist()),
                indices[chosen],
            )
        )
    return found


def nearest_picture(
    train: np.ndarray, captions: Sequence[str], test: np.ndarray, asked: Sequence[str]
) -> np.ndarray:
    """Similarities (N, N) of test pictures to test captions without learning: the share of words that a
    caption has in common with that of the training picture whose pixels are nearest.
    """
    words = [set(base(caption).lower().split()) for caption in captions]
    there = [set(base(caption).lower().split()) for caption in asked]
    flat, squares = train.reshape(len(train), -1), (train**2).sum(axis=(1, 2, 3))
    nearest = (squares - 2 * test.reshape(len(test), -1) @ flat.T).argmin(axis=1).tolist()
    return np.array([[len(words[k] & w) / len(words[k] | w) for w in there] for k in nearest])


def _one_of_each(part: CaptionPart, alone: bool, most: int | None = None) -> CaptionPart:
    """The first picture of each emoji; `alone`: the first `most` pictures in a random order."""
    if alone:
        chosen = np.sort(permutation(len(part), seed=0, stream=SPLIT)[:most]).tolist()
    else:
        chosen = [places[0] for places in _variants(part.captions, False)]
    return CaptionPart(
        part.pixels[chosen],
        tuple(part.captions[k] for k in chosen),
        tuple(part.groups[k] for k in chosen),
        part.indices[chosen],
    )


class _Parts(NamedTuple):
    """What is learnt from; what is asked in decisions and in the test; and of every emoji one picture."""

    train: CaptionPart
    validation: CaptionPart
    test: CaptionPart
    known: tuple[CaptionPart, ...]


def _divided(published: Sequence[CaptionPart], alone: bool) -> _Parts:
    """The published test, validation and training parts as they are used; `alone`: of the same sizes, but every
    picture in a part by itself.
    """
    asked = [len(_variants(part.captions, False)) for part in published]
    parts = _shuffled(published, [len(part) for part in published[:2]]) if alone else published
    test, validation, train = parts
    return _Parts(
        train,
        _one_of_each(validation, alone, asked[1]),
        _one_of_each(test, alone, asked[0]),
        tuple(_one_of_each(part, False) for part in (train, validation, test)),
    )


class _Standardized:
    """Pictures from 0 to 1 as the model takes them: each colour less its mean in the training pictures (N, 3, H, W), over
    its deviation.
    """

    def __init__(self, train: np.ndarray):
        self.mean = train.mean(axis=(0, 2, 3), keepdims=True, dtype=np.float64)[0]
        self.std = train.std(axis=(0, 2, 3), keepdims=True, dtype=np.float64)[0]

    def __call__(self, pictures: np.ndarray | float) -> np.ndarray:
        return ((pictures - self.mean) / self.std).astype(np.float32)


def _changes(config: EmojiConfig, white: np.ndarray) -> Compose:
    """What is done to training pictures, whose ground has the colour `white`."""
    return Compose(
        [
            lambda image: image - white,  # what moves or turns in is 0
            RandomHorizontalFlip(),
            RandomRotation(config.rotation),
            RandomShift(config.shift),
            lambda image: image + white,
        ],
        config.seed,
    )


def _without_relatives(train: Sequence[str], test: Sequence[str]) -> np.ndarray:
    """Which test captions say of a person what no training caption says of another: int64."""
    there = {without_people(caption) for caption in train}
    return np.array([k for k, c in enumerate(test) if without_people(c) not in there], np.int64)


def _captions_by_group(train: CaptionPart, test: CaptionPart) -> dict[str, list[str]]:
    """A caption of each training emoji, by kind of thing; a kind that only the test has goes by its name."""
    found: dict[str, list[str]] = {}
    for places in _variants(train.captions, False):
        found.setdefault(train.groups[places[0]], []).append(train.captions[places[0]])
    for group in test.groups:
        found.setdefault(group, [group])
    return found


def build(config: EmojiConfig) -> Experiment:
    """Data, towers, optimizer and schedule of a configuration."""
    if config.split not in ("base", "random"):
        raise ConfigError(f"split must be base or random, found {config.split!r}")
    alone = config.split == "random"
    loaded = load_dataset("emoji_captions", config.data_dir or None)
    train, validation, test, known = _divided([loaded.test, loaded.validation, loaded.train], alone)
    pictures, asked = on_white(train.pixels), on_white(test.pixels)
    prepared = _Standardized(pictures)
    encoder = minilm()
    tokenizer = encoder.tokenizer
    [end] = tokenizer.encode(END, add_special_tokens=False)

    def ids(captions: Sequence[str]) -> np.ndarray:
        return token_ids(tokenizer, captions, config.longest)

    def whole(images: np.ndarray, part: CaptionPart) -> DataLoader:
        return DataLoader(TensorDataset(prepared(images), ids(part.captions)), batch_size=len(part))

    train_loader = DataLoader(
        OneVariant(
            prepared(pictures),
            ids(train.captions),
            _variants(train.captions, False),
            _changes(config, prepared(1.0)),
            config.left_out,
            end,
            config.seed,
        ),
        config.batch_size,
        shuffle=True,
        generator=Generator().manual_seed(config.seed),
        drop_last=True,
    )
    model = _towers(config, len(tokenizer), end, pictures.shape[-1])
    vectors = encoder.model.embeddings.word_embeddings.weight.detach().numpy()
    words = model.text_model.embeddings.token_embedding.weight
    words.requires_grad_(False)
    words.copy_(from_numpy(word_vectors(vectors, config.width)))
    optimizer = AdamW(decayed(model, config.weight_decay), lr=config.learning_rate)
    steps = config.epochs * len(train_loader)
    return Experiment(
        model=model,
        optimizer=optimizer,
        scheduler=WarmupCosineLR(optimizer, int(config.warmup * steps), steps),
        train_loader=train_loader,
        validation_loader=whole(on_white(validation.pixels), validation),
        test_loader=whole(asked, test),
        epochs=config.epochs,
        task=Contrastive(),
        kind=Pairs(
            model=model,
            ids=ids,
            prepared=prepared,
            test=asked,
            captions=test.captions,
            groups=test.groups,
            of_group=_captions_by_group(train, test),
            alone=_without_relatives(train.captions, test.captions),
            unlearnt=recalls(nearest_picture(pictures, train.captions, asked, test.captions)),
            relatives="of which no training caption says the same of another person",
            pictures_known=on_white(np.concatenate([part.pixels for part in known])),
            captions_known=tuple(c for part in known for c in part.captions),
        ),
        data=DataFacts.of(
            loaded,
            {"train": len(train), "validation": len(validation), "test": len(test)},
            "fixed, independent of the seed; "
            + (
                "every picture by itself, so that variants of what is asked were seen"
                if alone
                else "all variants of an emoji in one part, in the test and for decisions the first of each"
            ),
        ),
        baseline=Baseline(
            "captions in an order drawn at random",
            {f"R@{k}": min(1.0, k / len(test)) for k in LOOKED_AT},
        ),
        clip_norm=config.clip_norm,
        goal=Goal("R@10", "max"),
    )


def _towers(config: EmojiConfig, vocabulary: int, end: int, side: int) -> CLIPModel:
    """CLIP in the sizes of a configuration."""
    common: dict[str, Any] = {
        "hidden_size": config.width,
        "intermediate_size": 4 * config.width,
        "num_attention_heads": config.heads,
    }
    return CLIPModel(
        CLIPConfig(
            text_config=CLIPTextConfig(
                vocab_size=vocabulary,
                max_position_embeddings=config.longest,
                eos_token_id=end,
                num_hidden_layers=config.text_layers,
                **common,
            ),
            vision_config=CLIPVisionConfig(
                image_size=side,
                patch_size=config.patch,
                num_hidden_layers=config.image_layers,
                **common,
            ),
            projection_dim=config.projection,
        )
    )


CLIP_EMOJI = Recipe(
    name="clip-emoji",
    about="CLIP on 3,394 emoji and their captions; no variant of a test emoji is seen",
    config=EmojiConfig(),
    build=build,
)
CLIP_EMOJI_RANDOM = Recipe(
    name="clip-emoji-random",
    about="clip-emoji with a random split, in which variants of most test emoji are seen",
    config=EmojiConfig(split="random"),
    build=build,
)
