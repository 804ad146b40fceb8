"""Where things are in an image: its size, padding, cutting, turning over, turning, stretching."""

from __future__ import annotations

import math
from functools import cache

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
    "RandomWarp",
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
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return resampled(image, ((cos, sin), (-sin, cos)), value)


class RandomWarp(Transform):
    """Stretched in height and in width, slanted and turned about the middle, and moved: another hand's way of writing the same.

    Of each all values are alike: the angle from −degrees to degrees, the slant (columns by which a row moves for each that it is
    above the middle) from −slant to slant, for height and width on their own the logarithm of the factor, from −log stretch to
    log stretch, and the distance from −shift to shift, not in whole pixels. Pixels are computed as in `RandomRotation`.

    Args:
        degrees: the largest angle, counter-clockwise as one sees the image.
        slant: the largest slant; 1 is 45°.
        stretch: the largest factor, at least 1; the smallest is 1 / stretch.
        shift: the largest distance down, up, right or left, pixels.
        p: the probability that anything is done.
        value: what lies outside of the image.
    """

    def __init__(
        self,
        degrees: float = 0,
        slant: float = 0,
        stretch: float = 1,
        shift: float = 0,
        p: float = 1.0,
        value: float = 0.0,
    ):
        if not 0 <= degrees <= 180:
            raise ValueError(f"RandomWarp(degrees) lies from 0 to 180, found {degrees}")
        if not slant >= 0:
            raise ValueError(f"RandomWarp(slant) must be at least 0, found {slant}")
        if not stretch >= 1:
            raise ValueError(f"RandomWarp(stretch) must be at least 1, found {stretch}")
        if not shift >= 0:
            raise ValueError(f"RandomWarp(shift) must be at least 0, found {shift}")
        if not 0 <= p <= 1:
            raise ValueError(f"RandomWarp(p) is a probability, found {p}")
        self.degrees, self.slant, self.stretch = degrees, slant, stretch
        self.shift, self.p, self.value = shift, p, value

    def apply(self, image: np.ndarray, stream: RandomStream) -> np.ndarray:
        """A new float image of the same shape."""
        need_image("RandomWarp", image)
        if stream.uniform() >= self.p:
            return image.astype(image.dtype if image.dtype.kind == "f" else np.float32)
        angle = math.radians(stream.uniform(-self.degrees, self.degrees))
        slant = stream.uniform(-self.slant, self.slant)
        height, width = (self.stretch ** stream.uniform(-1, 1) for _ in range(2))
        down, right = (stream.uniform(-self.shift, self.shift) for _ in range(2))
        cos, sin = math.cos(angle), math.sin(angle)
        # moved back, turned back, then straightened, then shrunk: from where a pixel of the result comes
        matrix = (
            (cos / height, sin / height),
            ((slant * cos - sin) / width, (slant * sin + cos) / width),
        )
        return resampled(image, matrix, self.value, (down, right))


def resampled(
    image: np.ndarray,
    matrix: tuple[tuple[float, float], ...],
    value: float,
    moved: tuple[float, float] = (0, 0),
) -> np.ndarray:
    """An image (..., H, W) whose pixel (y, x), counted from the middle, is what the given one has at matrix · ((y, x) − moved): the
    mean of the four pixels around, by how near they are (bilinear); outside of the image is `value`.
    """
    H, W = image.shape[-2:]
    kind = image.dtype if image.dtype.kind == "f" else np.dtype(np.float32)
    y, x, middle, end, around = _grid(H, W)
    of_y, of_x = np.array(matrix).T[
        :, :, None, None
    ]  # (2, 1, 1) each: of where it comes from, y and x
    y, x = y - moved[0], x - moved[1]
    place = np.minimum(np.maximum(of_y * y + of_x * x + middle, -1), end)  # (2, H, W)
    corner = np.floor(place)
    shares = np.empty((2, 2, H, W))  # of the pixel before and of the one behind, in y and in x
    shares[1] = place - corner
    shares[0] = 1 - shares[1]
    wide = np.full((*image.shape[:-2], H + 3, W + 3), value, np.float64)  # with an edge of `value`
    wide[..., 1 : H + 1, 1 : W + 1] = image
    top, left = corner.astype(np.int64)
    four = ((top + 1) * (W + 3) + left + 1) + around  # (4, H, W): the pixels around, in `wide`
    weights = (shares[:, None, 0] * shares[None, :, 1]).reshape(4, H, W)
    pixels = wide.reshape(*image.shape[:-2], -1).take(four, axis=-1)  # (..., 4, H, W)
    return (pixels * weights).sum(axis=-3).astype(kind)


@cache
def _grid(H: int, W: int) -> tuple[np.ndarray, ...]:
    """Of an image: y (H, 1) and x (1, W) from its middle, the middle, the first place behind it, and where in an image that is
    wider by 3 the four pixels around a place lie."""
    size = np.array([H, W]).reshape(2, 1, 1)
    y, x = np.arange(H)[:, None] - (H - 1) / 2, np.arange(W)[None] - (W - 1) / 2
    around = np.array([0, 1, W + 3, W + 4]).reshape(4, 1, 1)
    return y, x, (size - 1) / 2, size, around
