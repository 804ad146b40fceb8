"""torchvision's `transforms.functional`: what the classes do, with everything given."""

from __future__ import annotations

from typing import Any

from ....tensors import Tensor
from .colour import (
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    gaussian_blur,
    rgb_to_grayscale,
)
from .geometry import (
    InterpolationMode,
    center_crop,
    crop,
    erase,
    hflip,
    pad,
    resize,
    resized_crop,
    rotate,
    vflip,
)
from .transform import size_of
from .values import convert_image_dtype, normalize, pil_to_tensor, to_pil_image, to_tensor

__all__ = [
    "InterpolationMode", "adjust_brightness", "adjust_contrast", "adjust_hue", "adjust_saturation", "center_crop", "convert_image_dtype",
    "crop", "erase", "gaussian_blur", "get_dimensions", "get_image_size", "hflip", "normalize", "pad", "pil_to_tensor", "resize",
    "resized_crop", "rgb_to_grayscale", "rotate", "to_grayscale", "to_pil_image", "to_tensor", "vflip",
]  # fmt: skip

to_grayscale = rgb_to_grayscale


def get_image_size(img: Any) -> list[int]:
    """[width, height]."""
    h, w = size_of(img)
    return [w, h]


def get_dimensions(img: Any) -> list[int]:
    """[channels, height, width]."""
    if not isinstance(img, Tensor):
        return [len(img.getbands()), *size_of(img)]
    return [img.shape[-3] if img.ndim > 2 else 1, *size_of(img)]
