"""torchvision's transforms of images: Pillow images, or tensors (…, C, H, W).

What a transform does is a function with everything given; the class beside it keeps the settings, and draws what is random from
chainrule's default generator. Rotation is left to Pillow, and takes its images alone.

Reading order: `transform` (what all of them share), `compose` (one after another, or some of several), `values` (images, arrays and
tensors), `geometry`, `colour`, `functional` (the functions under torchvision's names), `newer` (and those that its
newer interface has besides).
"""

from . import functional
from .colour import ColorJitter, GaussianBlur, Grayscale, RandomGrayscale
from .compose import Compose, Lambda, RandomApply, RandomChoice, RandomOrder
from .geometry import (
    CenterCrop,
    InterpolationMode,
    Pad,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomRotation,
    RandomVerticalFlip,
    Resize,
)
from .values import ConvertImageDtype, Normalize, PILToTensor, ToPILImage, ToTensor

__all__ = [
    "CenterCrop", "ColorJitter", "Compose", "ConvertImageDtype", "GaussianBlur", "Grayscale", "InterpolationMode", "Lambda", "Normalize",
    "PILToTensor", "Pad", "RandomApply", "RandomChoice", "RandomCrop", "RandomErasing", "RandomGrayscale",
    "RandomHorizontalFlip", "RandomOrder", "RandomResizedCrop", "RandomRotation", "RandomVerticalFlip", "Resize",
    "ToPILImage", "ToTensor", "functional",
]  # fmt: skip
