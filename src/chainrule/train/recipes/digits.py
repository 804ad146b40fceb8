"""Recipe `digits`: a small convolutional network learns to read 8×8 handwritten digits.

Legend: B batch, C channels. Sizes and rates were chosen on the validation set; how images are changed, so that digits of other
hands are read, on some of MNIST's training images, and one trial's result on the test set was known then. A run reads the test set
once, at its end.
"""

from __future__ import annotations

from dataclasses import dataclass

from ... import nn
from ...data import Augmented, Compose, DataLoader, TensorDataset, digits
from ...data.transforms import Cutout, RandomWarp
from ...nn import functional as F
from ...optim import AdamW
from ...optim.lr_scheduler import WarmupCosineLR
from ...tensors import Generator, Tensor
from ..kinds.images import Images
from ..tasks import Classification
from .config import RunConfig, option
from .experiment import DataFacts, Experiment, Recipe, commonest_class, decayed

__all__ = ["DIGITS", "DigitsConfig", "DigitsNet", "build"]


@dataclass(frozen=True)
class DigitsConfig(RunConfig):
    """What `chainrule train digits --set key=value` can change."""

    epochs: int = option(40, "how often all training images are seen", 1, 100_000)
    learning_rate: float = option(3e-3, "of AdamW; after a rise it falls along a cosine to 0", 0.0)
    warmup: float = option(0.125, "the share of the steps in which the rate rises", 0.0, 0.9)
    weight_decay: float = option(0.05, "of AdamW, on weights but not on biases", 0.0)
    shift: float = option(1.0, "pixels by which half of the images move at most, each way", 0, 7)
    degrees: float = option(15.0, "by which they are turned at most, each way", 0, 180)
    slant: float = option(0.3, "columns by which the row above stands aside at most", 0, 2)
    stretch: float = option(1.2, "how much higher or wider, lower or narrower they become", 1, 4)
    hole: int = option(3, "side of a square that is wiped out in half of the images, pixels", 0, 8)
    channels: tuple[int, int] = option((16, 32), "of the two convolutions", 1)
    hidden: int = option(64, "units of the hidden layer", 1)
    checkpoint_every: int = option(10, "epochs from one checkpoint to the next", 1)
    data: str = option("", "an .npz with images and labels, instead of the packaged one")


class DigitsNet(nn.Module):
    """Two 3×3 convolutions, a 2×2 maximum, two linear layers: images (B, 1, 8, 8) → logits (B,
    10).
    """

    def __init__(self, channels: tuple[int, int], hidden: int):
        super().__init__()
        first, second = channels
        self.conv1 = nn.Conv2d(1, first, 3, padding=1)
        self.conv2 = nn.Conv2d(first, second, 3, padding=1)
        self.hidden = nn.Linear(second * 4 * 4, hidden)
        self.out = nn.Linear(hidden, digits.CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Args: x, float (B, 1, 8, 8), 0 (paper) to 1 (ink). Returns logits (B, 10)."""
        B = x.shape[0]
        x = F.relu(self.conv1(x))  # (B, first, 8, 8)
        x = F.relu(self.conv2(x))  # (B, second, 8, 8)
        x = F.max_pool2d(x, 2)  # (B, second, 4, 4)
        x = F.relu(self.hidden(x.reshape(B, -1)))  # (B, hidden)
        return self.out(x)


def build(config: DigitsConfig) -> Experiment:
    """Data, network, optimizer and schedule of a configuration."""
    data = digits.load(config.data or None)
    train = Augmented(TensorDataset(data.train.images, data.train.labels), _hands(config))
    order = Generator().manual_seed(config.seed)
    train_loader = DataLoader(train, config.batch_size, shuffle=True, generator=order)

    model = DigitsNet(config.channels, config.hidden)
    optimizer = AdamW(decayed(model, config.weight_decay), lr=config.learning_rate)
    steps = config.epochs * len(train_loader)
    return Experiment(
        model=model,
        optimizer=optimizer,
        scheduler=WarmupCosineLR(optimizer, int(config.warmup * steps), steps),
        train_loader=train_loader,
        validation_loader=_in_order(data.validation),
        test_loader=_in_order(data.test),
        epochs=config.epochs,
        task=Classification(),
        kind=Images(
            classes=tuple(str(digit) for digit in range(digits.CLASSES)),
            size=(digits.SIDE, digits.SIDE),
            test=data.test.images,
            train=train,
            inner=digits.SIDE,  # a digit fills its image from top to bottom
        ),
        data=_facts(data, config),
        baseline=commonest_class(data.train.labels, data.test.labels),
    )


def _hands(config: DigitsConfig) -> Compose:
    """What makes of 13 people's digits those of others: leaning, wide, small, without a 7's bar."""
    warp = RandomWarp(config.degrees, config.slant, config.stretch, config.shift, p=0.5)
    hole = [Cutout(config.hole, p=0.5)] if config.hole else []
    return Compose([warp, *hole], config.seed)


def _in_order(split: digits.Split) -> DataLoader:
    return DataLoader(TensorDataset(split.images, split.labels), batch_size=256)


def _facts(data: digits.Digits, config: DigitsConfig) -> DataFacts:
    sizes = {"train": len(data.train), "validation": len(data.validation), "test": len(data.test)}
    split = "fixed, independent of the seed; every class in proportion; drawn from a counter-based generator"
    if config.data:
        return DataFacts(
            name=config.data,
            source="a file of the user's",
            licence="unknown to chainrule",
            sha256=data.sha256,
            sizes=sizes,
            split=split,
            limits=(
                "The data are the user's own: what they hold, and what they lack, is not known "
                "here.",
            ),
        )
    return DataFacts(
        name="Optical Recognition of Handwritten Digits (test part, 1,797 images of 8×8 pixels)",
        source="E. Alpaydin and C. Kaynak 1998, UCI Machine Learning Repository, https://doi.org/10.24432/C50P49",
        licence="CC BY 4.0",
        sha256=data.sha256,
        sizes=sizes,
        split=split,
        limits=(
            "13 people wrote all the images, and each of them may be in all three splits: the "
            "test accuracy tells how well "
            "*their* digits are read, not a stranger's.",
            "The images are upright, centred, cleaned, and 8×8; `chainrule predict --fit` brings "
            "photographs or scans to that form, of which many are misread.",
            "With 360 test images one mistake is 0.28 points, and the 95 % interval of an "
            "accuracy of 99 % is about ±1 point.",
            "The network always answers with a digit, also for what is none.",
        ),
    )


DIGITS = Recipe(
    name="digits",
    about="a small convolutional network on 1,797 handwritten digits, 8×8 pixels",
    config=DigitsConfig(),
    build=build,
)
