"""Changes of a sample that leave its label true, drawn from (seed, epoch, index) and nothing else.

    change = Compose([RandomCrop(32, padding=4), RandomHorizontalFlip(), Normalize(mean, std)], seed=3)
    data = Augmented(train, change)

A transform is a pure function of an image and a `RandomStream`: it returns a new array and changes
nothing. So a sample comes out the same in every worker, in every order, and when training is resumed.
Images are arrays (C, H, W), or (H, W) where no colour is asked for.

Reading order: `stream`, `compose`, `geometry`, `shift`, `values`, `mixing`.
"""

from ...base.loading import shown
from .compose import Compose, Transform
from .geometry import (
    CenterCrop,
    Pad,
    RandomCrop,
    RandomHorizontalFlip,
    RandomRotation,
    RandomVerticalFlip,
    RandomWarp,
    Resize,
)
from .mixing import mixup
from .shift import RandomShift
from .stream import RandomStream
from .values import ColorJitter, Cutout, GaussianNoise, Normalize, ToTensor

__all__ = [
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "Cutout",
    "GaussianNoise",
    "Normalize",
    "Pad",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomShift",
    "RandomStream",
    "RandomVerticalFlip",
    "RandomWarp",
    "Resize",
    "ToTensor",
    "Transform",
    "mixup",
]

__dir__ = shown(__name__)
