"""Where pixels stand: other sizes, parts, edges, mirrors, turns, and rectangles that are overwritten."""

from __future__ import annotations

import enum
import math
import numbers
from typing import Any

import numpy as np

import chainrule

from ....base.errors import DTypeError, ShapeError
from ....nn import functional as F
from ....tensors import Tensor
from .transform import Transform, draw, draw_integer, pair, size_of

__all__ = [
    "CenterCrop", "InterpolationMode", "Pad", "RandomCrop", "RandomErasing", "RandomHorizontalFlip", "RandomResizedCrop",
    "RandomRotation", "RandomVerticalFlip", "Resize", "center_crop", "crop", "erase", "hflip", "pad", "resize", "resized_crop", "rotate",
    "vflip",
]  # fmt: skip


class InterpolationMode(enum.Enum):
    """How pixels between pixels are found."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"

    @property
    def pillow(self) -> Any:
        """Pillow's name for it."""
        from PIL import Image

        return Image.Resampling[self.name.removesuffix("_EXACT")]


# ------------------------------------------------------------------------------------------------------------- sizes


def resize(
    img: Any,
    size: Any,
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """An image in another size.

    Args:
        img: the image.
        size: (height, width), or one number for the shorter side.
        interpolation: an `InterpolationMode`.
        max_size: of the longer side, where size is one number.
        antialias: whether pixels are averaged when a tensor becomes smaller, as Pillow always does.
    """
    h, w = _wanted(size, max_size, *size_of(img))
    if not isinstance(img, Tensor):
        return img.resize((w, h), interpolation.pillow)
    x = img if img.ndim == 4 else img.unsqueeze(0)
    smooth = interpolation in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC)
    floats = x if x.dtype.is_floating_point else x.to(chainrule.float32)
    y = F.interpolate(
        floats, (h, w), mode=interpolation.value, antialias=smooth and bool(antialias)
    )
    if y.dtype is not x.dtype:
        y = y.round().clamp(0, chainrule.iinfo(x.dtype).max).to(x.dtype)
    return y if img.ndim == 4 else y.squeeze(0)


def _wanted(size: Any, max_size: int | None, h: int, w: int) -> tuple[int, int]:
    """(height, width) of the result, of an image of height h and width w."""
    if not isinstance(size, int) and len(size) == 2:
        return tuple(size)
    short = size if isinstance(size, int) else size[0]
    long = int(short * max(h, w) / min(h, w))
    if max_size is not None and long > max_size:
        short, long = int(max_size * short / long), max_size
    return (short, long) if h <= w else (long, short)


class Resize(Transform):
    """`resize`."""

    def __init__(
        self,
        size: Any,
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ):
        self.size, self.interpolation = size, interpolation
        self.max_size, self.antialias = max_size, antialias

    def __call__(self, image: Any) -> Any:
        return resize(image, self.size, self.interpolation, self.max_size, self.antialias)


def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    """Pixels added around an image.

    Args:
        img: the image.
        padding: one number for all sides, (left and right, top and bottom), or (left, top, right, bottom).
        fill: what they are, where the mode is "constant".
        padding_mode: "constant", "edge", "reflect", or for Pillow images "symmetric".
    """
    left, top, right, bottom = _four(padding)
    if isinstance(img, Tensor):
        sides = [left, right, top, bottom]
        if padding_mode == "constant":
            return F.pad(img, sides, value=fill)
        name = {"edge": "replicate", "reflect": "reflect"}.get(padding_mode)
        if name is None:
            raise ValueError(
                f"padding_mode is 'constant', 'edge' or 'reflect' for tensors, found {padding_mode!r}"
            )
        x = img if img.ndim == 4 else img.unsqueeze(0)
        y = F.pad(x, sides, mode=name)
        return y if img.ndim == 4 else y.squeeze(0)
    from PIL import Image, ImageOps

    if padding_mode == "constant":
        bands = len(img.getbands())
        colour = (fill,) * bands if isinstance(fill, numbers.Number) and bands > 1 else fill
        return ImageOps.expand(img, (left, top, right, bottom), fill=colour)
    if padding_mode not in ("edge", "reflect", "symmetric"):
        raise ValueError(
            f"padding_mode is 'constant', 'edge', 'reflect' or 'symmetric', found {padding_mode!r}"
        )
    widths = [(top, bottom), (left, right)] + [(0, 0)] * (len(img.getbands()) > 1)
    return Image.fromarray(np.pad(np.asarray(img), widths, padding_mode))


def _four(padding: Any) -> tuple[int, int, int, int]:
    """(left, top, right, bottom)."""
    if isinstance(padding, numbers.Number):
        return (int(padding),) * 4
    padding = tuple(padding)
    if len(padding) == 1:
        return padding * 4
    return padding if len(padding) == 4 else (*padding, *padding)


class Pad(Transform):
    """`pad`."""

    def __init__(self, padding: Any, fill: Any = 0, padding_mode: str = "constant"):
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def __call__(self, image: Any) -> Any:
        return pad(image, self.padding, self.fill, self.padding_mode)


# ------------------------------------------------------------------------------------------------------------- parts


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """A part of an image; what lies outside of it is 0."""
    h, w = size_of(img)
    outside = [max(0, -left), max(0, -top), max(0, left + width - w), max(0, top + height - h)]
    if any(outside):
        img = pad(img, outside)
    left, top = left + outside[0], top + outside[1]
    if isinstance(img, Tensor):
        return img[..., top : top + height, left : left + width]
    return img.crop((left, top, left + width, top + height))


def center_crop(img: Any, output_size: Any) -> Any:
    """The middle of an image, (height, width); smaller images are padded with 0."""
    (h, w), (height, width) = size_of(img), pair(output_size)
    if h < height or w < width:
        dy, dx = max(height - h, 0), max(width - w, 0)
        img = pad(img, (dx // 2, dy // 2, (dx + 1) // 2, (dy + 1) // 2))
        h, w = size_of(img)
    return crop(img, round((h - height) / 2), round((w - width) / 2), height, width)


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


class CenterCrop(Transform):
    """`center_crop`."""

    def __init__(self, size: Any):
        self.size = pair(size)

    def __call__(self, image: Any) -> Any:
        return center_crop(image, self.size)


class RandomCrop(Transform):
    """A part at a random place.

    Args:
        size: (height, width).
        padding: pixels added around first.
        pad_if_needed: whether smaller images are padded as far as needed.
        fill, padding_mode: see `pad`.
    """

    def __init__(
        self,
        size: Any,
        padding: Any = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ):
        self.size, self.padding, self.pad_if_needed = pair(size), padding, pad_if_needed
        self.fill, self.padding_mode = fill, padding_mode

    def __call__(self, image: Any) -> Any:
        if self.padding is not None:
            image = pad(image, self.padding, self.fill, self.padding_mode)
        if self.pad_if_needed:
            (h, w), (height, width) = size_of(image), self.size
            dy, dx = max(height - h, 0), max(width - w, 0)
            image = pad(image, (dx, dy), self.fill, self.padding_mode)
        return crop(image, *self.get_params(image, self.size))

    @staticmethod
    def get_params(img: Any, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """(top, left, height, width) of a part at a random place.

        Raises:
            ShapeError: the image is smaller.
        """
        (h, w), (height, width) = size_of(img), output_size
        if h < height or w < width:
            raise ShapeError(
                f"RandomCrop: a crop of {output_size} does not fit into an image of {(h, w)}"
            )
        return draw_integer(0, h - height), draw_integer(0, w - width), height, width


class RandomResizedCrop(Transform):
    """A part of random size and shape at a random place, brought to one size.

    Args:
        size: (height, width) of the result.
        scale: bounds of the part's share of the area.
        ratio: bounds of its width over its height.
        interpolation, antialias: see `resize`.
    """

    def __init__(
        self,
        size: Any,
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ):
        self.size, self.scale, self.ratio = pair(size), scale, ratio
        self.interpolation, self.antialias = interpolation, antialias

    def __call__(self, image: Any) -> Any:
        part = self.get_params(image, self.scale, self.ratio)
        return resized_crop(image, *part, self.size, self.interpolation, self.antialias)

    @staticmethod
    def get_params(
        img: Any, scale: tuple[float, float], ratio: tuple[float, float]
    ) -> tuple[int, int, int, int]:
        """(top, left, height, width) of such a part."""
        height, width = size_of(img)
        for _ in range(10):
            area = height * width * draw(*scale)
            shape = math.exp(draw(math.log(ratio[0]), math.log(ratio[1])))
            w, h = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if 0 < w <= width and 0 < h <= height:
                return draw_integer(0, height - h), draw_integer(0, width - w), h, w
        h = min(height, round(width / ratio[0]))  # the largest part of an allowed shape
        w = min(width, round(h * ratio[1]))
        return (height - h) // 2, (width - w) // 2, h, w


# ------------------------------------------------------------------------------------------------- mirrors and turns


def hflip(img: Any) -> Any:
    """Left and right exchanged."""
    if isinstance(img, Tensor):
        return img.flip(-1)
    from PIL import ImageOps

    return ImageOps.mirror(img)


def vflip(img: Any) -> Any:
    """Top and bottom exchanged."""
    if isinstance(img, Tensor):
        return img.flip(-2)
    from PIL import ImageOps

    return ImageOps.flip(img)


def rotate(
    img: Any,
    angle: float,
    interpolation: InterpolationMode = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Any = None,
    fill: Any = 0,
) -> Any:
    """A Pillow image turned by an angle, in degrees, counter-clockwise.

    Args:
        img: the image.
        angle: by which it is turned.
        interpolation: an `InterpolationMode`.
        expand: whether the result is as large as the turned image.
        center: the point that stays where it is, (x, y); the middle if None.
        fill: what the corners become that the turned image does not reach.

    Raises:
        DTypeError: a tensor.
    """
    if isinstance(img, Tensor):
        raise DTypeError(
            f"images are turned by Pillow, found a tensor {tuple(img.shape)}\n"
            "  hint: put it before ToTensor"
        )
    return img.rotate(angle, interpolation.pillow, expand, center, fillcolor=fill)


class RandomHorizontalFlip(Transform):
    """Left and right exchanged, with probability p."""

    def __init__(self, p: float = 0.5):
        self.p = p

    def __call__(self, image: Any) -> Any:
        return hflip(image) if draw() < self.p else image


class RandomVerticalFlip(Transform):
    """Top and bottom exchanged, with probability p."""

    def __init__(self, p: float = 0.5):
        self.p = p

    def __call__(self, image: Any) -> Any:
        return vflip(image) if draw() < self.p else image


class RandomRotation(Transform):
    """A Pillow image turned by a random angle.

    Args:
        degrees: bounds of the angle; one number means −number to number.
        interpolation, expand, center, fill: see `rotate`.
    """

    def __init__(
        self,
        degrees: Any,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Any = None,
        fill: Any = 0,
    ):
        one = isinstance(degrees, numbers.Number)
        self.degrees = (-degrees, degrees) if one else tuple(degrees)
        self.interpolation, self.expand = interpolation, expand
        self.center, self.fill = center, fill

    def __call__(self, image: Any) -> Any:
        angle = draw(*self.degrees)
        return rotate(image, angle, self.interpolation, self.expand, self.center, self.fill)


# --------------------------------------------------------------------------------------------------------- rectangles


def erase(img: Tensor, i: int, j: int, h: int, w: int, v: Tensor, inplace: bool = False) -> Tensor:
    """A tensor (…, C, H, W) whose rectangle of height h and width w, from row i and column j on, is v."""
    out = img if inplace else img.clone()
    out[..., i : i + h, j : j + w] = v
    return out


class RandomErasing(Transform):
    """A rectangle of a tensor overwritten, with probability p.

    Args:
        p: how often.
        scale: bounds of its share of the area.
        ratio: bounds of its height over its width.
        value: what it is filled with: a number, one for each channel, or "random".
        inplace: whether the tensor itself is written.
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: tuple[float, float] = (0.02, 0.33),
        ratio: tuple[float, float] = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
    ):
        self.p, self.scale, self.ratio, self.value, self.inplace = p, scale, ratio, value, inplace

    def __call__(self, image: Tensor) -> Tensor:
        if draw() >= self.p:
            return image
        c, height, width = image.shape
        for _ in range(10):
            area = height * width * draw(*self.scale)
            shape = math.exp(draw(math.log(self.ratio[0]), math.log(self.ratio[1])))
            h, w = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if h < height and w < width:
                i, j = draw_integer(0, height - h), draw_integer(0, width - w)
                if self.value == "random":
                    filling = chainrule.randn(c, h, w, dtype=image.dtype)
                else:
                    filling = chainrule.as_tensor(self.value, dtype=image.dtype).reshape(-1, 1, 1)
                return erase(image, i, j, h, w, filling, self.inplace)
        return image
