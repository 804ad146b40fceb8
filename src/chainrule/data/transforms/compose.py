"""What a transform is, and several one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...base.errors import DTypeError, ShapeError
from .stream import LANES, RandomStream

__all__ = ["Compose", "Transform", "need_image"]


class Transform:
    """A pure function of an image and a random stream: subclasses define `apply`.

    Called with (image, epoch, index), as `Augmented` does, it makes the stream from its `seed`.
    """

    seed = 0

    def apply(self, image: np.ndarray, stream: RandomStream) -> Any:
        """A new image."""
        raise TypeError(f"{type(self).__name__} does not define apply, which a Transform must")

    def __call__(self, image: np.ndarray, epoch: int = 0, index: int = 0) -> Any:
        return self.apply(image, RandomStream(self.seed, epoch, index))


class Compose(Transform):
    """Several transforms, one after the other; each has random numbers of its own.

    Args:
        transforms: transforms, or functions of the image alone.
        seed: decides, with epoch and index, all that is random.

    >>> from chainrule.data.transforms import RandomHorizontalFlip
    >>> change = Compose([RandomHorizontalFlip(), lambda image: image + 1], seed=1)
    >>> [change(np.arange(3)[None], epoch=0, index=i).tolist() for i in range(3)]
    [[[3, 2, 1]], [[1, 2, 3]], [[1, 2, 3]]]
    """

    def __init__(self, transforms: Sequence[Transform | Callable[[Any], Any]], seed: int = 0):
        self.transforms, self.seed = list(transforms), seed
        if len(self.transforms) >= LANES:
            raise ValueError(f"Compose takes fewer than {LANES} transforms")
        for each in self.transforms:
            if not callable(each):
                raise DTypeError(f"Compose takes transforms, found a {type(each).__name__}")

    def apply(self, image: np.ndarray, stream: RandomStream) -> Any:
        """The image after all of them."""
        for k, each in enumerate(self.transforms):
            if isinstance(each, Transform):
                image = each.apply(image, stream.lane(k + 1))
            else:
                image = each(image)
        return image


def need_image(name: str, image: np.ndarray, channels: bool = False) -> tuple[int, int]:
    """H and W of an image (..., H, W), or with channels (C, H, W).

    Raises:
        ShapeError: something else.
    """
    fits = image.ndim == 3 if channels else image.ndim >= 2
    if not fits or 0 in image.shape:
        expected = "(C, H, W)" if channels else "(..., H, W)"
        raise ShapeError(f"{name} takes images {expected}, found {tuple(image.shape)}")
    return image.shape[-2], image.shape[-1]
