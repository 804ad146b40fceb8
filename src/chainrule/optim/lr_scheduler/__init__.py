"""Schedules: the learning rate as a function of the number of steps (or epochs) made.

Reading order: `base`, `steps`, `curves`, `warmup`, `cycles`, `plateau`, `combined`, `swa`.
"""

from ...base.loading import shown
from .base import LRScheduler
from .combined import ChainedScheduler, SequentialLR
from .curves import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LinearLR,
    PolynomialLR,
)
from .cycles import CyclicLR, OneCycleLR
from .plateau import ReduceLROnPlateau
from .steps import ConstantLR, LambdaLR, MultiplicativeLR, MultiStepLR, StepLR
from .warmup import WarmupCosineLR, warmup_cosine, warmup_linear

_LRScheduler = LRScheduler  # the name that older code derives from

__all__ = [
    "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR",
    "ExponentialLR", "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR", "MultiplicativeLR",
    "OneCycleLR", "PolynomialLR", "ReduceLROnPlateau", "SequentialLR", "StepLR", "WarmupCosineLR",
    "warmup_cosine", "warmup_linear",
]  # fmt: skip

__dir__ = shown(__name__)
