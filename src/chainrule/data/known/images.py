"""Data sets of labelled images: digits, mnist and fashion_mnist."""

from __future__ import annotations

import numpy as np

from ...base.errors import FormatError
from .. import digits
from ..checks import check_labels
from ..readers import read_idx
from ..splits import stratified_split
from .parts import ImagePart
from .places import Found

__all__ = ["CLASSES", "load_digits", "load_idx"]

CLASSES = {
    "digits": tuple("0123456789"),
    "mnist": tuple("0123456789"),
    "fashion_mnist": (
        "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
        "ankle boot",
    ),
}  # fmt: skip
VALIDATION = 12  # one in twelve training images is for validation: 5,000 of 60,000


def load_digits(found: Found) -> tuple[ImagePart, ImagePart, ImagePart]:
    """Train, validation and test of the packaged digits, as the chapter `digits` splits them."""
    data = digits.load()

    def part(split: digits.Split) -> ImagePart:
        pixels = (split.images * digits.INK).astype(np.uint8)
        return ImagePart(pixels, split.labels, split.indices, top=digits.INK)

    return part(data.train), part(data.validation), part(data.test)


def load_idx(found: Found) -> tuple[ImagePart, ImagePart, ImagePart]:
    """Train, validation and test of an MNIST-like data set."""
    images, labels = _pair(found, "train")
    chosen, rest = stratified_split(labels, [len(labels) // VALIDATION])
    test_images, test_labels = _pair(found, "test")
    if test_images.shape[1:] != images.shape[1:]:
        raise FormatError(
            f"{found.paths['test images']}: expected images as large as those for training, "
            f"{images.shape[2:]}, found {test_images.shape[2:]}"
        )
    return (
        ImagePart(images[rest], labels[rest], rest),
        ImagePart(images[chosen], labels[chosen], chosen),
        ImagePart(test_images, test_labels, np.arange(len(test_labels))),
    )


def _pair(found: Found, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 1, H, W) uint8 and labels (N,) int64 of one part."""
    path = found.paths[f"{part} labels"]
    pixels = read_idx(found.paths[f"{part} images"], ("N", "H", "W"), np.uint8)
    labels = read_idx(path, (len(pixels),), np.uint8)
    check_labels(str(path), labels, len(pixels), len(CLASSES[found.record.name]))
    return pixels[:, None], labels.astype(np.int64)  # (N, 1, H, W)
