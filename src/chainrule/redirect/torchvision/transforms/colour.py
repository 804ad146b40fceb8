"""What colour pixels have: grey, brightness, contrast, saturation, hue, and the mean of neighbours."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule

from ....base.errors import ShapeError
from ....nn import functional as F
from ....tensors import Tensor
from .transform import Transform, draw, pair
from .values import pil_to_tensor, to_pil_image

__all__ = [
    "ColorJitter", "GaussianBlur", "Grayscale", "RandomGrayscale", "adjust_brightness", "adjust_contrast", "adjust_hue",
    "adjust_saturation", "gaussian_blur", "rgb_to_grayscale",
]  # fmt: skip


# -------------------------------------------------------------------------------------------------------------- grey


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """An image in grey, with 1 or 3 equal channels."""
    if isinstance(img, Tensor):
        grey = _grey(img).to(img.dtype)
        return grey.expand(*img.shape[:-3], num_output_channels, *img.shape[-2:])
    grey = img.convert("L")
    return grey if num_output_channels == 1 else grey.convert("RGB")


def _grey(x: Tensor) -> Tensor:
    """The brightness (…, 1, H, W) of colours (…, 3, H, W):  0.2989 R + 0.587 G + 0.114 B;  of grey what it is."""
    if x.shape[-3] == 1:
        return x
    if x.shape[-3] != 3:
        raise ShapeError(f"colours have 3 channels, grey has 1, found the shape {tuple(x.shape)}")
    weights = chainrule.tensor([0.2989, 0.587, 0.114]).reshape(3, 1, 1)
    return (x * weights).sum(-3, keepdim=True)


class Grayscale(Transform):
    """`rgb_to_grayscale`."""

    def __init__(self, num_output_channels: int = 1):
        self.num_output_channels = num_output_channels

    def __call__(self, image: Any) -> Any:
        return rgb_to_grayscale(image, self.num_output_channels)


class RandomGrayscale(Transform):
    """An image in grey, with probability p; it keeps its number of channels."""

    def __init__(self, p: float = 0.1):
        self.p = p

    def __call__(self, image: Any) -> Any:
        channels = image.shape[-3] if isinstance(image, Tensor) else len(image.getbands())
        return rgb_to_grayscale(image, channels) if draw() < self.p else image


# ------------------------------------------------------------------------------------------------------------ colours


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """Every channel times a factor."""
    if isinstance(img, Tensor):
        return _changed(img, lambda x: brightness_factor * x)
    from PIL import ImageEnhance

    return ImageEnhance.Brightness(img).enhance(brightness_factor)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """Further from the mean brightness, or with a factor below 1 nearer to it."""
    if isinstance(img, Tensor):
        return _changed(
            img, lambda x: _between(contrast_factor, x, _grey(x).mean((-3, -2, -1), keepdim=True))
        )
    from PIL import ImageEnhance

    return ImageEnhance.Contrast(img).enhance(contrast_factor)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """Further from grey, or with a factor below 1 nearer to it."""
    if isinstance(img, Tensor):
        return _changed(img, lambda x: _between(saturation_factor, x, _grey(x)))
    from PIL import ImageEnhance

    return ImageEnhance.Color(img).enhance(saturation_factor)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """Colours turned on the circle of colours by a share of it, from −0.5 to 0.5; grey stays.

    Raises:
        ValueError: a share out of range.
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor must be within -0.5 and 0.5, found {hue_factor}")
    if isinstance(img, Tensor):
        return img if img.shape[-3] == 1 else _changed(img, lambda x: _turned(x, hue_factor))
    from PIL import Image

    if img.mode in ("L", "1", "I", "F"):
        return img
    h, s, v = img.convert("HSV").split()
    turned = (np.asarray(h).astype(np.int32) + round(hue_factor * 255)) % 256
    h = Image.fromarray(turned.astype(np.uint8))
    return Image.merge("HSV", (h, s, v)).convert(img.mode)


def _changed(img: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """What a change of colours from 0 to 1 makes of a tensor: integers are 0 to 255."""
    top = 1.0 if img.dtype.is_floating_point else 255.0
    return (change(img / top).clamp(0, 1) * top).to(img.dtype)


def _between(factor: float, x: Tensor, other: Tensor) -> Tensor:
    return factor * x + (1 - factor) * other


def _turned(x: Tensor, by: float) -> Tensor:
    """Colours (…, 3, H, W) from 0 to 1, turned on the circle of colours by a share of it; value and saturation stay.

    The hue h is where the largest channel stands, 0 for red, 2/6 for green, 4/6 for blue, moved by the difference of the two others.
    A channel n (5, 3, 1) is  v − v s · clamp(min(k, 4 − k), 0, 1),  k = n + 6 h mod 6.
    """
    red, green, blue = x.unbind(-3)
    value, low = x.amax(-3), x.amin(-3)
    span = value - low
    safe = span + (span == 0).to(x.dtype)
    far = chainrule.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe)
    hue = chainrule.where(value == red, (green - blue) / safe, far) / 6 + by
    channels = []
    for n in (5, 3, 1):
        k = (n + 6 * hue) % 6
        channels.append(value - span * chainrule.minimum(k, 4 - k).clamp(0, 1))
    return chainrule.stack(channels, -3)


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue of an image changed at random, in a random order.

    Args:
        brightness, contrast, saturation: a number d for factors from 1 − d to 1 + d, or (least, largest).
        hue: a number d ≤ 0.5 for a turn of the colour circle from −d to d, or (least, largest).
    """

    def __init__(self, brightness: Any = 0, contrast: Any = 0, saturation: Any = 0, hue: Any = 0):
        self.brightness, self.contrast = self._factors(brightness), self._factors(contrast)
        self.saturation = self._factors(saturation)
        self.hue = (-hue, hue) if isinstance(hue, numbers.Number) else tuple(hue)
        if not -0.5 <= self.hue[0] <= self.hue[1] <= 0.5:
            raise ValueError(f"hue must be within -0.5 and 0.5, found {hue}")

    @staticmethod
    def _factors(d: Any) -> tuple[float, float]:
        return (max(0.0, 1.0 - d), 1.0 + d) if isinstance(d, numbers.Number) else tuple(d)

    def __call__(self, image: Any) -> Any:
        changes = [
            (adjust_brightness, self.brightness, 1.0),
            (adjust_contrast, self.contrast, 1.0),
            (adjust_saturation, self.saturation, 1.0),
            (adjust_hue, self.hue, 0.0),
        ]
        for k in chainrule.randperm(4).tolist():
            adjust, bounds, nothing = changes[k]
            if bounds != (nothing, nothing):
                image = adjust(image, draw(*bounds))
        return image


# --------------------------------------------------------------------------------------------------------------- blur


def gaussian_blur(img: Any, kernel_size: Any, sigma: Any = None) -> Any:
    """Each pixel becomes the mean of its neighbours, with the weights  exp(−d² / (2 σ²));  beyond the edge the image is mirrored.

    Args:
        img: the image.
        kernel_size: how many pixels wide the neighbourhood is, or two numbers for width and height.
        sigma: σ, or two for width and height; None:  0.15 · kernel_size + 0.35.
    """
    if not isinstance(img, Tensor):
        return to_pil_image(gaussian_blur(pil_to_tensor(img), kernel_size, sigma), img.mode)
    sizes = pair(kernel_size)
    if sigma is None:
        sigma = [0.15 * k + 0.35 for k in sizes]
    widths = (sigma, sigma) if isinstance(sigma, numbers.Number) else (sigma[0], sigma[-1])
    floats = img if img.dtype.is_floating_point else img.to(chainrule.float32)
    rows = []
    for size, width in zip(sizes, widths, strict=True):
        away = chainrule.arange(size, dtype=floats.dtype) - (size - 1) / 2
        weights = (-0.5 * (away / width) ** 2).exp()
        rows.append(weights / weights.sum())
    kernel = rows[1][:, None] * rows[0][None, :]
    planes = floats.reshape(-1, 1, *img.shape[-2:])  # every channel by itself
    half_w, half_h = sizes[0] // 2, sizes[1] // 2
    padded = F.pad(planes, [half_w, half_w, half_h, half_h], mode="reflect")
    y = F.conv2d(padded, kernel[None, None]).reshape(img.shape)
    return y if y.dtype is img.dtype else y.round().to(img.dtype)


class GaussianBlur(Transform):
    """`gaussian_blur` with a random σ.

    Args:
        kernel_size: how many pixels wide the neighbourhood is, an odd number, or two for width and height.
        sigma: σ, or its bounds: each image draws its own between them.
    """

    def __init__(self, kernel_size: Any, sigma: Any = (0.1, 2.0)):
        self.kernel_size = pair(kernel_size)
        if not all(k > 0 and k % 2 for k in self.kernel_size):
            raise ValueError(f"GaussianBlur: kernel_size is odd and positive, found {kernel_size}")
        self.sigma = (sigma, sigma) if isinstance(sigma, numbers.Number) else tuple(sigma)
        if not 0 < self.sigma[0] <= self.sigma[1]:
            raise ValueError(
                f"GaussianBlur: sigma is positive, the lower bound first, found {sigma}"
            )

    def __call__(self, image: Any) -> Any:
        return gaussian_blur(image, self.kernel_size, draw(*self.sigma))
