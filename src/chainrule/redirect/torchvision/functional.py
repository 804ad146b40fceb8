"""torchvision's transforms as functions, `torchvision.transforms.functional`: what the classes do, with everything given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...tensors import Tensor, float32
from . import transforms as T
from .transforms import InterpolationMode

__all__ = [
    "InterpolationMode", "center_crop", "convert_image_dtype", "crop", "gaussian_blur", "get_dimensions", "get_image_size", "hflip",
    "normalize", "pad", "pil_to_tensor", "resize", "resized_crop", "rgb_to_grayscale", "to_grayscale", "to_pil_image", "to_tensor",
    "vflip",
]  # fmt: skip


def to_tensor(pic: Any) -> Tensor:
    """An image as a tensor (C, H, W) of floats between 0 and 1."""
    return T.ToTensor()(pic)


def pil_to_tensor(pic: Any) -> Tensor:
    """An image as a tensor (C, H, W) of its own numbers."""
    return T.PILToTensor()(pic)


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor (C, H, W) or an array (H, W, C) as a Pillow image."""
    return T.ToPILImage(mode)(pic)


def convert_image_dtype(image: Tensor, dtype: Any = float32) -> Tensor:
    """Another dtype, the range of brightness kept."""
    return T.ConvertImageDtype(dtype)(image)


def normalize(
    tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False
) -> Tensor:
    """(x − mean) / std, a number for each channel."""
    return T.Normalize(mean, std, inplace)(tensor)


def resize(
    img: Any,
    size: Any,
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """Another size: (height, width), or one number for the shorter side."""
    return T.Resize(size, interpolation, max_size, antialias)(img)


def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    """Pixels around: of all sides, of (left and right, top and bottom), or of (left, top, right, bottom)."""
    return T.Pad(padding, fill, padding_mode)(img)


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """A part of an image; what lies outside of it is 0."""
    h, w = T._size(img)
    sides = [max(0, -left), max(0, -top), max(0, left + width - w), max(0, top + height - h)]
    if any(sides):
        img = pad(img, sides)
    return T._crop(img, top + sides[1], left + sides[0], height, width)


def center_crop(img: Any, output_size: Any) -> Any:
    """The middle, (height, width)."""
    return T.CenterCrop(output_size)(img)


def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: Any,
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """A part of an image, in another size."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def hflip(img: Any) -> Any:
    """Left and right exchanged."""
    return T.RandomHorizontalFlip(1.0)(img)


def vflip(img: Any) -> Any:
    """Top and bottom exchanged."""
    return T.RandomVerticalFlip(1.0)(img)


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """Brightness alone, in one channel or in three equal ones."""
    return T.Grayscale(num_output_channels)(img)


rgb_to_grayscale = to_grayscale


def gaussian_blur(img: Any, kernel_size: Any, sigma: Any = None) -> Any:
    """A blurred image; without sigma,  σ = 0.15 · kernel_size + 0.35."""
    sizes = T._pair(kernel_size)
    if sigma is None:
        sigma = [0.15 * k + 0.35 for k in sizes]
    low, high = (sigma, sigma) if isinstance(sigma, int | float) else (sigma[0], sigma[-1])
    return T.blurred(img, sizes, (low, high))


def get_image_size(img: Any) -> list[int]:
    """[width, height]."""
    h, w = T._size(img)
    return [w, h]


def get_dimensions(img: Any) -> list[int]:
    """[channels, height, width]."""
    channels = img.shape[-3] if isinstance(img, Tensor) and img.ndim > 2 else 1
    return [channels if isinstance(img, Tensor) else len(img.getbands()), *T._size(img)]
