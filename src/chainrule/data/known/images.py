"""Data sets of images: digits, mnist, fashion_mnist, cifar10 and emoji_captions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...base.errors import FormatError
from .. import digits
from ..checks import check_labels
from ..readers import Source, read_idx, read_members, read_table
from ..splits import grouped_split, stratified_split
from .parts import CaptionPart, ImagePart
from .places import Found

__all__ = ["CLASSES", "load_cifar10", "load_digits", "load_emoji", "load_idx"]

CLASSES = {
    "digits": tuple("0123456789"),
    "mnist": tuple("0123456789"),
    "fashion_mnist": (
        "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
        "ankle boot",
    ),
    "cifar10": (
        "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
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


CIFAR_RECORD = 1 + 3 * 32 * 32  # bytes: a label, then 1024 red, 1024 green, 1024 blue
CIFAR_MOST = 200_000_000  # bytes of the whole archive, unpacked


def load_cifar10(found: Found) -> tuple[ImagePart, ImagePart, ImagePart]:
    """Train, validation and test of CIFAR-10, of its archive, its files, or a part of them."""
    if found.layout.name == "archive":
        path = found.paths["archive"]
        names = [f"data_batch_{k}.bin" for k in range(1, 6)] + ["test_batch.bin"]
        members = read_members(path, names, CIFAR_MOST)
        contents = [(f"{path}: {name}", members[name]) for name in names]
    else:
        contents = []
        for path in found.paths.values():
            with Source(path) as source:
                contents.append((str(path), source.rest(CIFAR_MOST, "images")))
    batches = [_cifar(where, content) for where, content in contents]
    pixels, labels = (np.concatenate(part) for part in zip(*batches[:-1], strict=True))
    chosen, rest = stratified_split(labels, [len(labels) // 10])
    test_pixels, test_labels = batches[-1]
    return (
        ImagePart(pixels[rest], labels[rest], rest),
        ImagePart(pixels[chosen], labels[chosen], chosen),
        ImagePart(test_pixels, test_labels, np.arange(len(test_labels))),
    )


def _cifar(where: str, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 3, 32, 32) uint8 and labels (N,) int64 of one file."""
    if not content or len(content) % CIFAR_RECORD:
        raise FormatError(
            f"{where}: expected records of {CIFAR_RECORD} bytes, found {len(content)} bytes: the "
            f"last would begin at offset {len(content) // CIFAR_RECORD * CIFAR_RECORD}"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, CIFAR_RECORD)
    check_labels(f"{where}: labels", records[:, 0], len(records), 10)
    return records[:, 1:].reshape(-1, 3, 32, 32).copy(), records[:, 0].astype(np.int64)


def load_emoji(found: Found) -> tuple[CaptionPart, CaptionPart, CaptionPart]:
    """Train, validation and test of the emoji; pictures that differ in the tone of skin alone are in
    one part.
    """
    path: Path = found.paths["captions"]
    table = read_table(path, quoted=False)
    captions, groups = table.column("name"), table.column("group")
    for caption, line in zip(captions, table.lines, strict=True):
        if not caption.strip():
            raise FormatError(f"{path}: line {line}, column 'name': the caption is missing")
    pixels = read_idx(found.paths["pictures"], (len(captions), "H", "W", 4), np.uint8)
    planes = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))  # (N, 4, H, W)
    test, validation, train = grouped_split([c.split(":")[0] for c in captions], [0.1, 0.1])

    def part(indices: np.ndarray) -> CaptionPart:
        chosen = indices.tolist()
        return CaptionPart(
            planes[indices],
            tuple(captions[k] for k in chosen),
            tuple(groups[k] for k in chosen),
            indices,
        )

    return part(train), part(validation), part(test)
