"""Moving an image by whole pixels."""

from __future__ import annotations

import numpy as np

from ...base.errors import ShapeError
from ..counter import SHIFT, word
from .compose import Transform
from .stream import RandomStream

__all__ = ["RandomShift"]


class RandomShift(Transform):
    """Move an image by up to `pixels` vertically and horizontally; zeros move in.

    Each of the (2 · pixels + 1)² places is equally likely.

    Args:
        pixels: the largest distance, ≥ 0.
        seed: with the epoch and the index it decides the distances; in a `Compose` its seed does.

    >>> import numpy as np
    >>> shift = RandomShift(1, seed=0)
    >>> shift(np.arange(1, 10).reshape(3, 3), epoch=0, index=4)
    array([[0, 4, 5],
           [0, 7, 8],
           [0, 0, 0]])
    """

    def __init__(self, pixels: int, seed: int = 0):
        if pixels < 0:
            raise ValueError(f"RandomShift(pixels) must be at least 0, found {pixels}")
        self.pixels, self.seed = pixels, seed

    def __call__(self, image: np.ndarray, epoch: int = 0, index: int = 0) -> np.ndarray:
        """A new array: the image, shape (..., H, W) with H and W above `pixels`, moved."""
        self._check(image)
        return self._moved(image, word(self.seed, SHIFT, epoch, index))

    def apply(self, image: np.ndarray, stream: RandomStream) -> np.ndarray:
        """As a call, with the stream's random bits."""
        self._check(image)
        return self._moved(image, stream.word())

    def _check(self, image: np.ndarray) -> None:
        if image.ndim < 2 or min(image.shape[-2:]) <= self.pixels:
            raise ShapeError(
                f"RandomShift({self.pixels}) takes images (..., H, W) with H and W above {self.pixels}, found {image.shape}"
            )

    def _moved(self, image: np.ndarray, bits: int) -> np.ndarray:
        choices = 2 * self.pixels + 1
        down = (bits >> 16) % choices - self.pixels
        right = (bits & 0xFFFF) % choices - self.pixels
        return _shifted(image, down, right)


def _shifted(image: np.ndarray, down: int, right: int) -> np.ndarray:
    H, W = image.shape[-2:]
    out = np.zeros_like(image)
    source = image[..., max(-down, 0) : H - max(down, 0), max(-right, 0) : W - max(right, 0)]
    out[..., max(down, 0) : H - max(-down, 0), max(right, 0) : W - max(-right, 0)] = source
    return out
