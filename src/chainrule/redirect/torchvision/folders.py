"""Pictures, or other files, that lie in a folder for each class, and the base of all data sets of images."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from ...base.errors import ArgumentError, DataNotFoundError
from ...data import Dataset
from ...data.readers.images import MOST_PIXELS, opened
from ...files.reading import open_file

__all__ = [
    "IMG_EXTENSIONS",
    "DatasetFolder",
    "ImageFolder",
    "VisionDataset",
    "default_loader",
    "find_classes",
    "has_file_allowed_extension",
    "is_image_file",
    "make_dataset",
    "pil_loader",
]

PIXELS_OF_A_BYTE = 64
"""Of a file: photographs have about 10."""

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


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


def has_file_allowed_extension(filename: str, extensions: str | Sequence[str]) -> bool:
    """Whether a name ends like one of these, in letters of any size.

    >>> has_file_allowed_extension("cat.JPG", IMG_EXTENSIONS)
    True
    """
    ends = (extensions,) if isinstance(extensions, str) else tuple(extensions)
    return filename.lower().endswith(ends)


def is_image_file(filename: str) -> bool:
    """Whether a name ends like a picture's."""
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


def find_classes(directory: str | os.PathLike[str]) -> tuple[list[str], dict[str, int]]:
    """The folders in a folder in alphabetical order, and the number of each.

    Raises:
        DataNotFoundError: there is none.
    """
    classes = sorted([entry.name for entry in os.scandir(directory) if entry.is_dir()])
    if not classes:
        raise DataNotFoundError(f"{directory}: expected a folder for each class, found none")
    return classes, {name: k for k, name in enumerate(classes)}


def make_dataset(
    directory: str | os.PathLike[str],
    class_to_idx: dict[str, int] | None = None,
    extensions: str | Sequence[str] | None = None,
    is_valid_file: Callable[[str], bool] | None = None,
    allow_empty: bool = False,
) -> list[tuple[str, int]]:
    """(path, class number) of every file that counts, under the folders of the classes, in order.

    Args:
        directory: the folder of the classes' folders.
        class_to_idx: the number of each class; None: as `find_classes` says.
        extensions: how names of files that count end.
        is_valid_file: says of a path whether it counts; one of the two is given.
        allow_empty: whether a class may have no file.

    Raises:
        ArgumentError: both or neither of `extensions` and `is_valid_file` are given, or there are no classes.
        DataNotFoundError: a class has no file.
    """
    directory = os.path.expanduser(directory)
    if class_to_idx is None:
        _, class_to_idx = find_classes(directory)
    if not class_to_idx:
        raise ArgumentError("make_dataset: class_to_idx has at least one class, found none")
    if (extensions is None) == (is_valid_file is None):
        raise ArgumentError("make_dataset takes extensions or is_valid_file, and not both")
    found: list[tuple[str, int]] = []
    without = []
    for name in sorted(class_to_idx):
        before = len(found)
        for folder, _, files in sorted(os.walk(os.path.join(directory, name), followlinks=True)):
            for file in sorted(files):
                path = os.path.join(folder, file)
                if (
                    has_file_allowed_extension(path, extensions)
                    if extensions is not None
                    else is_valid_file is not None and is_valid_file(path)
                ):
                    found.append((path, class_to_idx[name]))
        if len(found) == before:
            without.append(name)
    if without and not allow_empty:
        ends = "" if extensions is None else f" that ends in {extensions}"
        raise DataNotFoundError(f"{directory}: {', '.join(without)}: there is no file{ends}")
    return found


def pil_loader(path: str | os.PathLike[str]) -> Any:
    """A Pillow image of three colours.

    Raises:
        FormatError: the file is no picture.
    """
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        with opened(file, path, most_pixels=pixels_of(size)) as image:
            return image.convert("RGB")


def pixels_of(size: int) -> int:
    """How many pixels a file of so many bytes may have: what it claims in a few bytes is not believed.

    >>> pixels_of(10**3), pixels_of(10**8)
    (67108864, 6400000000)
    """
    return max(MOST_PIXELS, PIXELS_OF_A_BYTE * size)


default_loader = pil_loader


class DatasetFolder(VisionDataset):
    """Files under a folder for each class: `root/cat/1.png`, `root/dog/old/7.png`.

    Args:
        root: the folder of the classes' folders.
        loader: makes a sample of a path.
        extensions, is_valid_file, allow_empty: which files count; see `make_dataset`.
        transform, target_transform: see `VisionDataset`.

    Attributes:
        classes: their names, in alphabetical order.
        class_to_idx: the number of each.
        samples: (path, class number) of each file.
        targets: the class numbers.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        loader: Callable[[str], Any],
        extensions: Sequence[str] | None = None,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ):
        super().__init__(root, None, transform, target_transform)
        self.loader, self.extensions = loader, extensions
        self.classes, self.class_to_idx = self.find_classes(root)
        self.samples = self.make_dataset(
            root, self.class_to_idx, extensions, is_valid_file, allow_empty
        )
        self.targets = [target for _, target in self.samples]

    @staticmethod
    def make_dataset(
        directory: str | os.PathLike[str],
        class_to_idx: dict[str, int],
        extensions: Sequence[str] | None = None,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ) -> list[tuple[str, int]]:
        """The samples; a class derived from this one may look for them elsewhere."""
        return make_dataset(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def find_classes(self, directory: str | os.PathLike[str]) -> tuple[list[str], dict[str, int]]:
        """The classes; a class derived from this one may name them otherwise."""
        return find_classes(directory)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self.transformed(self.loader(path), target)

    def __repr__(self) -> str:
        return (
            f"Dataset {type(self).__name__}\n    Number of datapoints: {len(self)}\n"
            f"    Root location: {self.root}"
        )


class ImageFolder(DatasetFolder):
    """Pictures under a folder for each class. Arguments as of `DatasetFolder`; `imgs` are its `samples`."""

    def __init__(
        self,
        root: str | os.PathLike[str],
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        loader: Callable[[str], Any] = default_loader,
        is_valid_file: Callable[[str], bool] | None = None,
        allow_empty: bool = False,
    ):
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        rest = (transform, target_transform, is_valid_file, allow_empty)
        super().__init__(root, loader, extensions, *rest)
        self.imgs = self.samples
