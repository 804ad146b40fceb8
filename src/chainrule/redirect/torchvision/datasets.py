"""torchvision's data sets that chainrule can read: samples are (Pillow image, class number) before the transforms. Pictures in a
folder for each class are read by `ImageFolder`, in `folders`; the other data sets can be imported, but not made.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

import chainrule

from ...base.errors import DataNotFoundError
from ...data.known.images import CLASSES, load_cifar10
from ...data.known.places import find
from ...data.known.records import record as record_of
from ...data.readers import read_idx
from ..surroundings.absent import DATASETS, absent
from .folders import DatasetFolder, ImageFolder, VisionDataset

__all__ = [
    "CIFAR10",
    "MNIST",
    "DatasetFolder",
    "FakeData",
    "FashionMNIST",
    "ImageFolder",
    "VisionDataset",
]


def __getattr__(name: str) -> Any:
    """A data set that is not here, which can be named."""
    if name in DATASETS:
        return absent(f"torchvision.datasets.{name}")
    raise AttributeError(f"there is no torchvision.datasets.{name} here")


def _found(name: str, root: Any, download: bool) -> Any:
    """Where the files of a data set lie: under the root, else in the data folder of chainrule; fetched if they are nowhere."""
    about = record_of(name)
    places = [root, None] if root is not None else [None]
    for place in places:
        try:
            return find(about, place)
        except DataNotFoundError:
            if place is places[-1] and not download:
                raise
    from ...data import fetch

    fetch(name, root)
    return find(about, root)


class MNIST(VisionDataset):
    """Handwritten digits: 60,000 for training and 10,000 to test, 28 × 28, grey.

    Args:
        root: the folder under which the files lie, in any layout that `chainrule data` understands; if they are not
            there, the data folder of chainrule is looked at too.
        train: whether the training images, else those to test.
        transform, target_transform: see `VisionDataset`.
        download: fetch the files if they are nowhere.

    Attributes:
        data: uint8 (N, 28, 28).
        targets: int64 (N,).
    """

    known: ClassVar[str] = "mnist"
    classes: ClassVar[list[str]] = [
        "0 - zero", "1 - one", "2 - two", "3 - three", "4 - four", "5 - five", "6 - six", "7 - seven", "8 - eight", "9 - nine",
    ]  # fmt: skip

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        train: bool = True,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ):
        super().__init__(root, None, transform, target_transform)
        self.train = train
        found = _found(self.known, root, download)
        part = "train" if train else "test"
        pixels = read_idx(found.paths[f"{part} images"], ("N", "H", "W"), np.uint8)
        labels = read_idx(found.paths[f"{part} labels"], (len(pixels),), np.uint8)
        self.data = chainrule.from_numpy(pixels)
        self.targets = chainrule.from_numpy(labels.astype(np.int64))

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class."""
        return {name: k for k, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from PIL import Image

        image = Image.fromarray(self.data[index].numpy())
        return self.transformed(image, int(self.targets[index]))

    def __repr__(self) -> str:
        split = "Train" if self.train else "Test"
        return f"Dataset {type(self).__name__}\n    Number of datapoints: {len(self)}\n    Split: {split}"


class FashionMNIST(MNIST):
    """Pictures of clothes, in the form of MNIST."""

    known: ClassVar[str] = "fashion_mnist"
    classes: ClassVar[list[str]] = list(CLASSES["fashion_mnist"])


class CIFAR10(VisionDataset):
    """Photographs of things and animals, 32 × 32, in colour, 10 classes: 50,000 for training and 10,000 to test.

    Args:
        root: the folder under which the files lie, in any layout that `chainrule data` understands: the binary version,
            since the one for Python is a pickle, which is not read; if they are not there, the data folder of chainrule is
            looked at too.
        train: whether the training images, else those to test.
        transform, target_transform: see `VisionDataset`.
        download: fetch the files if they are nowhere.

    Attributes:
        data: uint8 array (N, 32, 32, 3).
        targets: list of class numbers.
    """

    classes: ClassVar[list[str]] = list(CLASSES["cifar10"])

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        train: bool = True,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ):
        super().__init__(root, None, transform, target_transform)
        self.train = train
        training, validation, test = load_cifar10(_found("cifar10", root, download))
        parts = [training, validation] if train else [test]
        # the images in the order of the files
        order = np.argsort(np.concatenate([part.indices for part in parts]))
        pixels = np.concatenate([part.pixels for part in parts])[order]
        self.data = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
        self.targets = np.concatenate([part.labels for part in parts])[order].tolist()

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class."""
        return {name: k for k, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from PIL import Image

        return self.transformed(Image.fromarray(self.data[index]), self.targets[index])

    def __repr__(self) -> str:
        split = "Train" if self.train else "Test"
        return f"Dataset CIFAR10\n    Number of datapoints: {len(self)}\n    Split: {split}"


class FakeData(VisionDataset):
    """Random images with random labels, the same each time.

    Args:
        size: how many.
        image_size: (channels, height, width).
        num_classes: of the labels.
        transform, target_transform: see `VisionDataset`.
        random_offset: added to the index, which is the seed of an image.
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        random_offset: int = 0,
    ):
        super().__init__(None, None, transform, target_transform)
        self.size, self.image_size, self.num_classes = size, image_size, num_classes
        self.random_offset = random_offset

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        from PIL import Image

        if not 0 <= index < self.size:
            raise IndexError(f"{type(self).__name__} index out of range")
        rng = np.random.default_rng(index + self.random_offset)
        c, h, w = self.image_size
        pixels = rng.integers(0, 256, (h, w, c), np.uint8)
        image = Image.fromarray(pixels[..., 0] if c == 1 else pixels)
        return self.transformed(image, int(rng.integers(self.num_classes)))
