"""From images and arrays to tensors and back, and the numbers that pixels are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import chainrule

from ....base.errors import DTypeError, ShapeError
from ....tensors import Tensor, float32
from .transform import Transform

__all__ = [
    "ConvertImageDtype", "Normalize", "PILToTensor", "ToPILImage", "ToTensor", "convert_image_dtype", "normalize", "pil_to_tensor",
    "to_pil_image", "to_tensor",
]  # fmt: skip


def pil_to_tensor(pic: Any) -> Tensor:
    """A Pillow image as a uint8 tensor (C, H, W)."""
    pixels = np.array(pic)
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8) * 255
    return _channels_first(pixels)


def to_tensor(pic: Any) -> Tensor:
    """A Pillow image or a uint8 array (H, W, C) as a float tensor (C, H, W) from 0 to 1; other arrays keep their numbers."""
    if isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ShapeError(
                f"ToTensor takes an array (H, W) or (H, W, C), found shape {pic.shape}"
            )
        x = _channels_first(pic)
    else:
        x = pil_to_tensor(pic)
    return x.to(chainrule.get_default_dtype()) / 255 if x.dtype is chainrule.uint8 else x


def _channels_first(pixels: np.ndarray) -> Tensor:
    """An array (H, W) or (H, W, C) as a tensor (C, H, W)."""
    planes = pixels[..., None] if pixels.ndim == 2 else pixels
    return chainrule.from_numpy(np.ascontiguousarray(planes.transpose(2, 0, 1)))


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor (C, H, W) or an array (H, W, C) as a Pillow image; floats are 0 to 1."""
    from PIL import Image

    if isinstance(pic, Tensor):
        if pic.dtype.is_floating_point:
            pic = (pic * 255).to(chainrule.uint8)
        pixels = pic.numpy()
        pixels = pixels if pixels.ndim == 2 else pixels.transpose(1, 2, 0)
    else:
        pixels = np.asarray(pic)
    pixels = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return image if mode is None else image.convert(mode)


def convert_image_dtype(image: Tensor, dtype: Any = float32) -> Tensor:
    """A tensor in another dtype, its values scaled: integers span their range, floats 0 to 1."""
    floats = image.dtype.is_floating_point, dtype.is_floating_point
    if floats == (False, True):
        return image.to(dtype) / chainrule.iinfo(image.dtype).max
    if floats == (True, False):
        return (image * (chainrule.iinfo(dtype).max + 1 - 1e-3)).to(dtype)
    if floats == (True, True) or image.dtype is dtype:
        return image.to(dtype)
    old, new = chainrule.iinfo(image.dtype).max, chainrule.iinfo(dtype).max
    wide = image.to(chainrule.int64)
    factor = (max(old, new) + 1) // (min(old, new) + 1)
    return (wide * factor if new > old else wide // factor).to(dtype)


def normalize(
    tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False
) -> Tensor:
    """(x − mean) / std, a number for each channel."""
    if not isinstance(tensor, Tensor) or not tensor.dtype.is_floating_point:
        raise DTypeError("Normalize takes a tensor of floats\n  hint: put it after ToTensor")
    middle = chainrule.as_tensor(mean, dtype=tensor.dtype).reshape(-1, 1, 1)
    spread = chainrule.as_tensor(std, dtype=tensor.dtype).reshape(-1, 1, 1)
    if not spread.all():
        raise ValueError("Normalize: std must not be zero")
    y = (tensor - middle) / spread
    return tensor.copy_(y) if inplace else y


class PILToTensor:
    """`pil_to_tensor`."""

    def __call__(self, image: Any) -> Tensor:
        return pil_to_tensor(image)

    def __repr__(self) -> str:
        return "PILToTensor()"


class ToTensor:
    """`to_tensor`."""

    def __call__(self, image: Any) -> Tensor:
        return to_tensor(image)

    def __repr__(self) -> str:
        return "ToTensor()"


class ToPILImage(Transform):
    """`to_pil_image`."""

    def __init__(self, mode: str | None = None):
        self.mode = mode

    def __call__(self, pic: Any) -> Any:
        return to_pil_image(pic, self.mode)


class ConvertImageDtype(Transform):
    """`convert_image_dtype`."""

    def __init__(self, dtype: Any):
        self.dtype = dtype

    def __call__(self, image: Tensor) -> Tensor:
        return convert_image_dtype(image, self.dtype)


class Normalize(Transform):
    """`normalize`."""

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False):
        self.mean, self.std, self.inplace = mean, std, inplace

    def __call__(self, tensor: Tensor) -> Tensor:
        return normalize(tensor, self.mean, self.std, self.inplace)
