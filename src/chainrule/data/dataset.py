"""Map-style data sets: something with a length, and a sample for every index below it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..base.errors import ShapeError

__all__ = ["Augmented", "Dataset", "Subset", "TensorDataset"]


class Dataset:
    """What a `DataLoader` draws from: subclasses define `__len__` and `__getitem__`.

    A data set whose samples change from epoch to epoch overrides `set_epoch`; the loader calls it
    before it takes samples. A sample must depend only on the index and that epoch, never on which
    samples were taken before: then an epoch can be resumed in its middle.
    """

    def __len__(self) -> int:
        raise TypeError(f"{type(self).__name__} does not define __len__, which a Dataset must")

    def __getitem__(self, index: int) -> Any:
        raise TypeError(f"{type(self).__name__} does not define __getitem__, which a Dataset must")

    def set_epoch(self, epoch: int) -> None:
        """Told which epoch (from 0) the next samples are for; the default does not care."""


class TensorDataset(Dataset):
    """Sample i is element i of each of several tensors (or NumPy arrays).

    Args:
        tensors: one or more, all with the same size N of axis 0.

    Raises:
        ShapeError: no tensor, a 0-d one, or sizes of axis 0 that differ.

    >>> import numpy as np
    >>> data = TensorDataset(np.arange(6.0).reshape(3, 2), np.array([4, 5, 6]))
    >>> len(data), data[1]
    (3, (array([2., 3.]), np.int64(5)))
    """

    def __init__(self, *tensors: Any):
        if not tensors:
            raise ShapeError("TensorDataset(*tensors) needs at least one tensor")
        for k, t in enumerate(tensors):
            if len(t.shape) == 0 or t.shape[0] != tensors[0].shape[0]:
                listed = "\n".join(
                    f"  tensors[{j}]  {tuple(u.shape)}" for j, u in enumerate(tensors)
                )
                raise ShapeError(
                    "TensorDataset(*tensors): all must have the same size of axis 0, the number "
                    "of samples; "
                    f"tensors[{k}] does not\n{listed}"
                )
        self.tensors = tensors

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return tuple(t[index] for t in self.tensors)


class Subset(Dataset):
    """The samples of `dataset` at `indices`, in that order.

    Raises:
        IndexError: an index that `dataset` does not have.

    >>> Subset("abcdef", [4, 0])[0]
    'e'
    """

    def __init__(self, dataset: Any, indices: Sequence[int]):
        n = len(dataset)
        for k, i in enumerate(indices):
            if not 0 <= i < n:
                raise IndexError(
                    f"Subset: indices[{k}] is {i}, but the data set has {n} samples (0 to {n - 1})"
                )
        self.dataset, self.indices = dataset, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[self.indices[index]]

    def set_epoch(self, epoch: int) -> None:
        """Pass the epoch on to the data set below."""
        if hasattr(self.dataset, "set_epoch"):
            self.dataset.set_epoch(epoch)


class Augmented(Dataset):
    """A data set whose samples begin with `transform(element, epoch, index)` of another's.

    The epoch and the index are all that the transform may draw its randomness from, see
    `transforms`.

    >>> data = Augmented([("a", 0), ("b", 1)], lambda x, epoch, index: f"{x}{epoch}{index}")
    >>> data.set_epoch(7)
    >>> data[1]
    ('b71', 1)
    """

    def __init__(self, dataset: Any, transform: Callable[[Any, int, int], Any]):
        self.dataset, self.transform, self.epoch = dataset, transform, 0

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        x, *rest = self.dataset[index]
        return (self.transform(x, self.epoch, index), *rest)

    def set_epoch(self, epoch: int) -> None:
        """From now on transform for this epoch."""
        self.epoch = epoch
        if hasattr(self.dataset, "set_epoch"):
            self.dataset.set_epoch(epoch)
