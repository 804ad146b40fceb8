"""Where things are in an image: its size, padding, cutting, turning over, turning."""

from __future__ import annotations

import math

import numpy as np

from ...base.errors import DTypeError, ShapeError
from ...functional import resize_smoothly
from .compose import Transform, need_image
from .stream import RandomStream

__all__ = [
    "CenterCrop",
    "Pad",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
]

MODES = ("constant", "reflect", "edge")


def _pair(name: str, size: int | tuple[int, int], least: int) -> tuple[int, int]:
    """(height, width) of a number or a pair."""
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < least:
        raise ValueError(f"{name} must be at least {least}, found {size}")
    return height, width


class Resize(Transform):
    """The whole image with other pixels, each the weighted mean of those it covers: what is too fine to be seen at the new size
    vanishes.

    Args:
        size: (height, width), into which the image is stretched; or one number, to which its shorter side is brought,
            the longer in proportion, so that `CenterCrop` of the same number makes a square of it.

    >>> Resize((1, 2))(np.array([[0.0, 2.0, 4.0, 6.0]])).round(2).tolist()
    [[1.43, 4.57]]
    >>> Resize(8)(np.zeros((3, 40, 20))).shape
    (3, 16, 8)
    """

    def __init__(self, size: int | tuple[int, int]):
        _pair("Resize(size)", size, 1)
        self.size = size

    def apply(self, image: np.ndarray, stream: RandomStream | None = None) -> np.ndarray:
        """The image of the new size, (..., height, width)."""
        H, W = need_image("Resize", image)
        if image.dtype.kind != "f":
            raise DTypeError(
                f"Resize takes images of floats, of which means can be taken, found {image.dtype}"
            )
        if isinstance(self.size, int):
            longer = self.size * max(H, W) // min(H, W)
            height, width = (self.size, longer) if H <= W else (longer, self.size)
        else:
            height, width = self.size
        for axis, before, wanted in ((-1, W, width), (-2, H, height)):
            if before != wanted:
                image = resize_smoothly(image, dim=axis, size=wanted, mode="linear")
        return image.copy() if (H, W) == (height, width) else image


class Pad(Transform):
    """An edge around an image.

    Args:
        padding: pixels at each side, or (above and below, left and right).
        value: the value of the new pixels.
        mode: "constant" (the value), "reflect" (mirrored at the outermost pixel) or "edge" (the
            outermost pixel repeated).

    >>> Pad(1)(np.array([[7]])).tolist()
    [[0, 0, 0], [0, 7, 0], [0, 0, 0]]
    """

    def __init__(self, padding: int | tuple[int, int], value: float = 0, mode: str = "constant"):
        self.padding, self.value, self.mode = _pair("Pad(padding)", padding, 0), value, mode
        if mode not in MODES:
            raise ValueError(f"Pad: mode is one of {', '.join(MODES)}, found {mode!r}")

    def apply(self, image: np.ndarray, stream: RandomStream | None = None) -> np.ndarray:
        """The larger image, (..., H + 2·vertical, W + 2·horizontal)."""
        H, W = need_image("Pad", image)
        vertical, horizontal = self.padding
        if self.mode == "reflect" and (vertical >= H or horizontal >= W):
            raise ShapeError(
                f"Pad({self.padding}, mode='reflect') takes images larger than the padding, "
                f"found {tuple(image.shape)}"
            )
        widths = [(0, 0)] * (image.ndim - 2) + [(vertical,) * 2, (horizontal,) * 2]
        if self.mode == "constant":
            return np.pad(image, widths, constant_values=self.value)
        return np.pad(image, widths, mode=self.mode)  # type: ignore[call-overload]


class RandomCrop(Transform):
    """A part of this size, anywhere in the image with the same probability.

    Args:
        size: the size of the part, or (height, width).
        padding, value, mode: as of `Pad`, which is done before.

    >>> RandomCrop(2)(np.arange(9).reshape(3, 3), index=1).shape
    (2, 2)
    """

    def __init__(
        self,
        size: int | tuple[int, int],
        padding: int | tuple[int, int] = 0,
        value: float = 0,
        mode: str = "constant",
    ):
        self.size, self.pad = _pair("RandomCrop(size)", size, 1), Pad(padding, value, mode)

    def apply(self, image: np.ndarray, stream: RandomStream) -> np.ndarray:
        """The part, (..., height, width)."""
        image = self.pad.apply(image) if any(self.pad.padding) else image
        H, W = need_image("RandomCrop", image)
        height, width = self.size
        if height > H or width > W:
            raise ShapeError(
                f"RandomCrop({self.size}) takes images at least as large, found {(H, W)} with padding"
            )
        top, left = stream.integer(H - height + 1), stream.integer(W - width + 1)
        return image[..., top : top + height, left : left + width].copy()


class CenterCrop(Transform):
    """The part of this size in the middle of the image; of an odd rest the larger half is below and
    on the right.

    >>> CenterCrop(1)(np.arange(9).reshape(3, 3)).tolist()
    [[4]]
    """

    def __init__(self, size: int | tuple[int, int]):
        self.size = _pair("CenterCrop(size)", size, 1)

    def apply(self, image: np.ndarray, stream: RandomStream | None = None) -> np.ndarray:
        """The part, (..., height, width)."""
        H, W = need_image("CenterCrop", image)
        height, width = self.size
        if height > H or width > W:
            raise ShapeError(
                f"CenterCrop({self.size}) takes images at least as large, found {(H, W)}"
            )
        top, left = (H - height) // 2, (W - width) // 2
        return image[..., top : top + height, left : left + width].copy()


class _Flip(Transform):
    """The image mirrored along an axis, or as it was."""

    axis = 0

    def __init__(self, p: float = 0.5):
        if not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}(p) is a probability, found {p}")
        self.p = p

    def apply(self, image: np.ndarray, stream: RandomStream) -> np.ndarray:
        """A new image of the same shape."""
        need_image(type(self).__name__, image)
        if stream.uniform() < self.p:
            return np.ascontiguousarray(np.flip(image, self.axis))
        return image.copy()


class RandomHorizontalFlip(_Flip):
    """With probability `p`, left and right changed over.

    >>> RandomHorizontalFlip(p=1)(np.array([[1, 2, 3]])).tolist()
    [[3, 2, 1]]
    """

    axis = -1


class RandomVerticalFlip(_Flip):
    """With probability `p`, above and below changed over.

    >>> RandomVerticalFlip(p=1)(np.array([[1], [2]])).tolist()
    [[2], [1]]
    """

    axis = -2


class RandomRotation(Transform):
    """Turned about the middle, by an angle all of which are alike from −degrees to degrees.

    A pixel of the result is the mean of the four around the place it comes from, by how near they
    are (bilinear); outside of the image is `value`.

    Args:
        degrees: the largest angle, counter-clockwise as one sees the image.
        value: what the corners become that the turned image does not reach.
    """

    def __init__(self, degrees: float, value: float = 0.0):
        if not 0 <= degrees <= 180:
            raise ValueError(f"RandomRotation(degrees) lies from 0 to 180, found {degrees}")
        self.degrees, self.value = degrees, value

    def apply(self, image: np.ndarray, stream: RandomStream) -> np.ndarray:
        """A new float image of the same shape."""
        need_image("RandomRotation", image)
        return rotated(image, stream.uniform(-self.degrees, self.degrees), self.value)


def rotated(image: np.ndarray, degrees: float, value: float = 0.0) -> np.ndarray:
    """An image (..., H, W) turned counter-clockwise about its middle; see `RandomRotation`.

    >>> rotated(np.array([[1.0, 2.0], [3.0, 4.0]]), 90).round(6).tolist()
    [[2.0, 4.0], [1.0, 3.0]]
    """
    H, W = image.shape[-2:]
    kind = image.dtype if image.dtype.kind == "f" else np.dtype(np.float32)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    y, x = np.mgrid[:H, :W].astype(np.float64)
    y, x = y - (H - 1) / 2, x - (W - 1) / 2
    from_y = sin * x + cos * y + (H - 1) / 2  # (H, W): where each pixel of the result comes from
    from_x = cos * x - sin * y + (W - 1) / 2
    top, left = np.floor(from_y).astype(int), np.floor(from_x).astype(int)
    down, right = from_y - top, from_x - left  # 0 to 1
    out = np.zeros(image.shape, np.float64)
    for rows, share_y in ((top, 1 - down), (top + 1, down)):
        for columns, share_x in ((left, 1 - right), (left + 1, right)):
            inside = (rows >= 0) & (rows < H) & (columns >= 0) & (columns < W)
            there = image[..., np.clip(rows, 0, H - 1), np.clip(columns, 0, W - 1)]
            out += share_y * share_x * np.where(inside, there, value)
    return out.astype(kind)
