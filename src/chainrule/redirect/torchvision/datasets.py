"""torchvision's data sets that chainrule can read: samples are (Pillow image, class number) before the transforms."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

import chainrule

from ...base.errors import DataNotFoundError
from ...data import Dataset
from ...data.known.images import CLASSES
from ...data.known.places import find
from ...data.known.records import record as record_of
from ...data.readers import read_idx
from ..surroundings.absent import absent

__all__ = ["MNIST", "DatasetFolder", "FakeData", "FashionMNIST", "ImageFolder", "VisionDataset"]


class VisionDataset(Dataset):
    """Base of data sets of images.

    Args:
        root: the folder of the data.
        transforms: of (image, target) together; excludes the two others.
        transform: of the image.
        target_transform: of the target.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        transforms: Callable | None = None,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
    ):
        if transforms is not None and (transform or target_transform):
            raise ValueError(
                "Only transforms or transform/target_transform can be passed as argument"
            )
        self.root = root
        self.transforms, self.transform, self.target_transform = (
            transforms,
            transform,
            target_transform,
        )

    def transformed(self, image: Any, target: Any) -> tuple[Any, Any]:
        """A sample after the transforms."""
        if self.transforms is not None:
            return self.transforms(image, target)
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target


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
        found = self._found(download)
        part = "train" if train else "test"
        pixels = read_idx(found.paths[f"{part} images"], ("N", "H", "W"), np.uint8)
        labels = read_idx(found.paths[f"{part} labels"], (len(pixels),), np.uint8)
        self.data = chainrule.from_numpy(pixels)
        self.targets = chainrule.from_numpy(labels.astype(np.int64))

    def _found(self, download: bool) -> Any:
        about = record_of(self.known)
        places = [self.root, None] if self.root is not None else [None]
        for place in places:
            try:
                return find(about, place)
            except DataNotFoundError:
                if place is places[-1] and not download:
                    raise
        from ...data import fetch

        fetch(self.known, self.root)
        return find(about, self.root)

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


class DatasetFolder(VisionDataset):
    """Files in one folder for each class, the classes in the order of their names.

    Args:
        root: the folder of the folders.
        loader: makes a sample of a file's path.
        extensions: how the files' names end.
        transform, target_transform: of the sample, and of its class number.
        is_valid_file: whether a path is a sample's, instead of `extensions`.
        allow_empty: whether a class may have no file.

    Raises:
        DataNotFoundError: there is no class, or one without a file.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        loader: Callable[[str], Any],
        extensions: tuple[str, ...] | str | None = None,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ):
        super().__init__(root, None, transform, target_transform)
        if (extensions is None) == (is_valid_file is None):
            raise ValueError("one of extensions and is_valid_file is to be given, and not both")
        ends = (extensions,) if isinstance(extensions, str) else extensions or ()
        valid = is_valid_file or (lambda path: path.lower().endswith(tuple(ends)))
        self.loader, self.extensions = loader, extensions
        self.classes = sorted([entry.name for entry in os.scandir(root) if entry.is_dir()])
        if not self.classes:
            raise DataNotFoundError(f"{root}: no folder of a class is in it")
        self.class_to_idx = {name: k for k, name in enumerate(self.classes)}
        self.samples: list[tuple[str, int]] = []
        for name, k in self.class_to_idx.items():
            before = len(self.samples)
            for folder, _, files in sorted(os.walk(os.path.join(root, name), followlinks=True)):
                paths = [os.path.join(folder, file) for file in sorted(files)]
                self.samples += [(path, k) for path in paths if valid(path)]
            if len(self.samples) == before and not allow_empty:
                raise DataNotFoundError(f"{root}: the class {name!r} has no file that is a sample")
        self.targets = [k for _, k in self.samples]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self.transformed(self.loader(path), target)


IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def default_loader(path: str) -> Any:
    """The image in a file, in colours."""
    from PIL import Image

    with open(path, "rb") as f:
        return Image.open(f).convert("RGB")


class ImageFolder(DatasetFolder):
    """Images in one folder for each class."""

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        loader: Callable[[str], Any] = default_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ):
        super().__init__(
            root, loader, None if is_valid_file else IMG_EXTENSIONS, transform, target_transform, is_valid_file, allow_empty
        )  # fmt: skip
        self.imgs = self.samples


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


def __getattr__(name: str) -> Any:
    if not name[0].isupper():
        raise AttributeError(name)
    return absent(f"torchvision.datasets.{name}")  # in annotations; to make one is refused
