"""What the pixels of an image are: scale, noise, holes, light and colour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...base.errors import DTypeError, ShapeError
from ...tensors import Tensor, from_numpy
from .compose import Transform, need_image
from .stream import RandomStream

__all__ = ["ColorJitter", "Cutout", "GaussianNoise", "Normalize", "ToTensor"]

GREY = np.array([0.299, 0.587, 0.114])  # how bright red, green and blue are; ITU-R BT.601


class ToTensor(Transform):
    """An array as a tensor: bytes become floats from 0 to 1, floats stay.

    Differs from torchvision: the axes stay as they are, (C, H, W).

    >>> ToTensor()(np.array([[0, 51]], np.uint8))
    tensor([[0.0000, 0.2000]])
    """

    def apply(self, image: np.ndarray, stream: RandomStream | None = None) -> Tensor:
        """A tensor of the same shape."""
        if image.dtype == np.uint8:
            return from_numpy(image / np.float32(255))
        return from_numpy(np.array(image))


class Normalize(Transform):
    """(x − mean) / std, for each channel.

    Args:
        mean, std: a number for each channel, or one for all.

    >>> Normalize([1.0], [2.0])(np.array([[[5.0]]])).tolist()
    [[[2.0]]]
    """

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float]):
        self.mean = np.asarray(mean, np.float64).reshape(-1, 1, 1)
        self.std = np.asarray(std, np.float64).reshape(-1, 1, 1)
        if not (self.std > 0).all():
            raise ValueError(f"Normalize(std) must be above 0, found {std}")

    def apply(self, image: np.ndarray, stream: RandomStream | None = None) -> np.ndarray:
        """A new image (C, H, W) of the same float dtype."""
        need_image("Normalize", image, channels=True)
        _need_floats("Normalize", image)
        for what, given in (("mean", self.mean), ("std", self.std)):
            if len(given) not in (1, len(image)):
                raise ShapeError(
                    f"Normalize: {len(given)} values of {what} for {len(image)} channels"
                )
        return (image - self.mean.astype(image.dtype)) / self.std.astype(image.dtype)


class GaussianNoise(Transform):
    """Normal noise of this standard deviation added to every pixel.

    >>> GaussianNoise(0.0)(np.ones((2, 2))).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """

    def __init__(self, std: float):
        if not std >= 0:
            raise ValueError(f"GaussianNoise(std) must be at least 0, found {std}")
        self.std = std

    def apply(self, image: np.ndarray, stream: RandomStream) -> np.ndarray:
        """A new image of the same float dtype."""
        _need_floats("GaussianNoise", image)
        noise = stream.normals(image.size).reshape(image.shape)
        return image + (self.std * noise).astype(image.dtype)


class Cutout(Transform):
    """A square hole, whose middle is anywhere in the image with the same probability; it may reach
    over the edge.

    Args:
        size: the size of the hole, pixels.
        value: in it.
        p: the probability of a hole.

    Source: DeVries and Taylor 2017, "Improved regularization of convolutional neural networks with
    cutout".
    """

    def __init__(self, size: int, value: float = 0.0, p: float = 1.0):
        if size < 1:
            raise ValueError(f"Cutout(size) must be at least 1, found {size}")
        if not 0 <= p <= 1:
            raise ValueError(f"Cutout(p) is a probability, found {p}")
        self.size, self.value, self.p = size, value, p

    def apply(self, image: np.ndarray, stream: RandomStream) -> np.ndarray:
        """A new image of the same dtype."""
        H, W = need_image("Cutout", image)
        top = stream.integer(H) - self.size // 2
        left = stream.integer(W) - self.size // 2
        out = image.copy()
        if stream.uniform() >= self.p:
            return out
        out[..., max(top, 0) : top + self.size, max(left, 0) : left + self.size] = self.value
        return out


class ColorJitter(Transform):
    """Brightness, contrast and saturation each multiplied by a random factor, in this order.

        brightness  x ← f · x
        contrast    x ← f · x + (1 − f) · mean of the grey image
        saturation  x ← f · x + (1 − f) · the grey image

    After each, pixels are brought back to 0 to 1. Differs from torchvision, where the order is random
    too.

    Args:
        brightness, contrast, saturation: r ≥ 0: the factor lies between max(0, 1 − r) and 1 + r.
    """

    def __init__(self, brightness: float = 0, contrast: float = 0, saturation: float = 0):
        self.ranges = (brightness, contrast, saturation)
        if not all(r >= 0 for r in self.ranges):
            raise ValueError(f"ColorJitter: ranges must be at least 0, found {self.ranges}")

    def apply(self, image: np.ndarray, stream: RandomStream) -> np.ndarray:
        """A new image (3, H, W), floats from 0 to 1, of the same dtype."""
        need_image("ColorJitter", image, channels=True)
        _need_floats("ColorJitter", image)
        if len(image) != 3:
            raise ShapeError(f"ColorJitter takes images (3, H, W), found {tuple(image.shape)}")
        brightness, contrast, saturation = (
            stream.uniform(max(0.0, 1 - r), 1 + r) for r in self.ranges
        )
        x = np.clip(brightness * image.astype(np.float64), 0, 1)
        x = np.clip(contrast * x + (1 - contrast) * _grey(x).mean(), 0, 1)
        x = np.clip(saturation * x + (1 - saturation) * _grey(x), 0, 1)
        return x.astype(image.dtype)


def _grey(image: np.ndarray) -> np.ndarray:
    return np.tensordot(GREY, image, 1)  # (H, W)


def _need_floats(name: str, image: np.ndarray) -> None:
    if image.dtype.kind != "f":
        raise DTypeError(f"{name} takes floats, found {image.dtype}; divide bytes by 255 before")
