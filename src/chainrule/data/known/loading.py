"""From a name to data: `load_dataset`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from .images import CLASSES, load_cifar10, load_digits, load_emoji, load_idx
from .parts import LoadedData
from .places import Found, digest, find, verify
from .records import record
from .series import load_series
from .texts import load_names, load_shakespeare, load_squad, load_sst2

__all__ = ["load_dataset"]

LOADERS: dict[str, Callable[[Found], tuple[Any, Any, Any]]] = {
    "digits": load_digits,
    "mnist": load_idx,
    "fashion_mnist": load_idx,
    "tinyshakespeare": load_shakespeare,
    "names": load_names,
    "cifar10": load_cifar10,
    "sst2": load_sst2,
    "squad": load_squad,
    "emoji_captions": load_emoji,
    "timeseries": load_series,
}


def load_dataset(
    name: str, data_dir: str | os.PathLike[str] | None = None, *, verify_files: bool = True
) -> LoadedData:
    """A data set that chainrule knows, checked and split in three.

    Args:
        name: one of `RECORDS`.
        data_dir: the folder that holds data sets (or this one's files); None: what the environment
            names as CHAINRULE_DATA, else a folder of the cache.
        verify_files: compare every file with its published sha256; False reads files of the same
            form with other content.

    Returns:
        A `LoadedData`: `train`, `validation` and `test` are parts that a `DataLoader` takes.

    Raises:
        DataNotFoundError: no such data set, or its files are not there; the message says where it
            was looked for and which command fetches it.
        FormatError: a file that is damaged, is not the published one, or holds what it may not.

    >>> data = load_dataset("digits")
    >>> data
    <digits: handwritten digits, 8×8 grey, 10 classes; comes with the package
      train <1,257 images (1, 8, 8) with labels>
      validation <180 images (1, 8, 8) with labels>
      test <360 images (1, 8, 8) with labels>
      licence: CC BY 4.0>
    >>> len(data.train), len(data.validation), len(data.test), data.train.shape
    (1257, 180, 360, (1, 8, 8))
    >>> image, label = data.train[0]
    >>> image.shape, label.item()
    ((1, 8, 8), 0)
    """
    about = record(name)
    found = find(about, data_dir)
    sha256 = verify(found) if verify_files else None
    train, validation, test = LOADERS[name](found)
    if sha256 is None:
        sha256 = digest(
            found
        )  # after they were found to be such files: others may be of any length
    return LoadedData(
        record=about,
        train=train,
        validation=validation,
        test=test,
        classes=("negative", "positive") if name == "sst2" else CLASSES.get(name, ()),
        sha256=sha256,
        layout=found.layout.name,
        files={role: str(path) for role, path in found.paths.items()},
    )
