"""Data sets: something with a length and a sample for every index below it (map-style), or something
that yields samples (iterable-style); and data sets made of others.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from ..base.dtypes import of_python
from ..base.errors import DTypeError, RangeError, ShapeError
from ..tensors import Generator, randperm

__all__ = [
    "Augmented",
    "ChainDataset",
    "ConcatDataset",
    "Dataset",
    "IterableDataset",
    "StackDataset",
    "Subset",
    "TensorDataset",
    "random_split",
]


Sample = TypeVar("Sample", covariant=True)
"""What a data set has: `class Words(Dataset[str])`."""


class Dataset(Generic[Sample]):
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

    def __add__(self, other: Any) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[Sample]):
    """What yields its samples in an order of its own: subclasses define `__iter__`.

    In a `DataLoader` with workers each worker has a copy and would yield everything; `__iter__` asks
    `get_worker_info()` which share is this worker's.

    >>> class Numbers(IterableDataset):
    ...     def __iter__(self):
    ...         info = get_worker_info()
    ...         start, step = (0, 1) if info is None else (info.id, info.num_workers)
    ...         return iter(range(start, 10, step))
    >>> from chainrule.data import get_worker_info
    >>> list(Numbers())
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(
            f"{type(self).__name__} does not define __iter__, which an IterableDataset must"
        )

    def __len__(self) -> int:
        raise TypeError(f"{type(self).__name__} does not define __len__, so its length is unknown")

    def __add__(self, other: Any) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


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


class Subset(Dataset[Sample]):
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

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        chosen = [self.indices[i] for i in indices]
        if hasattr(self.dataset, "__getitems__"):
            return self.dataset.__getitems__(chosen)
        return [self.dataset[i] for i in chosen]

    def set_epoch(self, epoch: int) -> None:
        """Pass the epoch on to the data set below."""
        _pass_on([self.dataset], epoch)


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
        _pass_on([self.dataset], epoch)


class ConcatDataset(Dataset[Sample]):
    """The samples of several data sets, one after the other.

    Raises:
        ShapeError: no data set.
        DTypeError: an iterable-style one; `ChainDataset` takes those.
        RangeError: an index that is not there.

    >>> both = ConcatDataset(["abc", "de"])
    >>> len(both), both[3], both[-1], both.cumulative_sizes
    (5, 'd', 'e', [3, 5])
    """

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = list(datasets)
        if not self.datasets:
            raise ShapeError("ConcatDataset(datasets) needs at least one data set")
        for each in self.datasets:
            if isinstance(each, IterableDataset):
                raise DTypeError(
                    f"ConcatDataset takes data sets with indices, found a {type(each).__name__}, "
                    "which is iterable-style; use ChainDataset"
                )
        self.cumulative_sizes = list(itertools.accumulate(len(each) for each in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        n = len(self)
        if not -n <= index < n:
            raise RangeError(f"ConcatDataset: index {index}, but there are {n} samples")
        index %= n
        k = bisect.bisect_right(self.cumulative_sizes, index)
        before = self.cumulative_sizes[k - 1] if k else 0
        return self.datasets[k][index - before]

    def set_epoch(self, epoch: int) -> None:
        """Pass the epoch on to the data sets below."""
        _pass_on(self.datasets, epoch)


class ChainDataset(IterableDataset[Sample]):
    """The samples of several iterable-style data sets, one after the other.

    >>> list(ChainDataset([ChainDataset([]), ChainDataset([])]))
    []
    """

    def __init__(self, datasets: Iterable[Any]):
        self.datasets = list(datasets)
        for each in self.datasets:
            if not isinstance(each, IterableDataset):
                raise DTypeError(
                    f"ChainDataset takes iterable-style data sets, found a {type(each).__name__}"
                )

    def __iter__(self) -> Iterator[Any]:
        return itertools.chain.from_iterable(self.datasets)

    def __len__(self) -> int:
        return sum(map(len, self.datasets))

    def set_epoch(self, epoch: int) -> None:
        """Pass the epoch on to the data sets below."""
        _pass_on(self.datasets, epoch)


class StackDataset(Dataset[Sample]):
    """Sample i is sample i of each of several data sets: a tuple, or with names a dictionary.

    Args:
        args: data sets of the same length; or none, and
        kwargs: data sets by name.

    Raises:
        ShapeError: none, or lengths that differ.
        ValueError: some with and some without a name.

    >>> StackDataset("abc", [1, 2, 3])[1]
    ('b', 2)
    >>> StackDataset(letter="abc", number=[1, 2, 3])[2]
    {'letter': 'c', 'number': 3}
    """

    def __init__(self, *args: Any, **kwargs: Any):
        if args and kwargs:
            raise ValueError("StackDataset takes data sets with names or without, not both")
        self.datasets: tuple[Any, ...] | dict[str, Any] = args or kwargs
        lengths = [len(each) for each in self._all()]
        if len(set(lengths)) != 1:
            raise ShapeError(
                f"StackDataset takes data sets of the same length, found {lengths or 'none'}"
            )
        self._length = lengths[0]

    def _all(self) -> list[Any]:
        return list(self.datasets.values() if isinstance(self.datasets, dict) else self.datasets)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Any:
        if isinstance(self.datasets, Mapping):
            return {name: each[index] for name, each in self.datasets.items()}
        return tuple(each[index] for each in self.datasets)

    def set_epoch(self, epoch: int) -> None:
        """Pass the epoch on to the data sets below."""
        _pass_on(self._all(), epoch)


def random_split(
    dataset: Any, lengths: Sequence[float], generator: Generator | None = None
) -> list[Subset]:
    """Subsets of these lengths, without a sample in common, drawn at random.

    Args:
        dataset: what is split.
        lengths: whole numbers that sum to its length; or fractions that sum to 1, of which what is
            left over after rounding down goes, one by one, to the first parts.
        generator: where the order is drawn from, and which is advanced; None: the default one.

    Raises:
        ShapeError: lengths that do not sum to the data set's.

    >>> [len(part) for part in random_split(range(10), [0.5, 0.3, 0.2])]
    [5, 3, 2]
    """
    n = len(dataset)
    sizes = [of_python(length) for length in lengths]
    total = sum(sizes)
    if math.isclose(total, 1) and total <= 1 + 1e-9 and n != 1:
        if not all(0 <= share <= 1 for share in sizes):
            raise ShapeError(f"random_split: fractions lie between 0 and 1, found {sizes}")
        sizes = [math.floor(n * share) for share in sizes]
        for k in range(n - sum(sizes)):
            sizes[k % len(sizes)] += 1
    if sum(sizes) != n or not all(isinstance(s, int) and s >= 0 for s in sizes):
        raise ShapeError(
            f"random_split: expected lengths that sum to the {n} samples of the data set, or "
            f"fractions that sum to 1, found {list(lengths)}"
        )
    order = randperm(n, generator=generator).tolist()
    ends = list(itertools.accumulate(sizes))
    return [Subset(dataset, order[end - size : end]) for size, end in zip(sizes, ends, strict=True)]


def _pass_on(datasets: Iterable[Any], epoch: int) -> None:
    for each in datasets:
        if hasattr(each, "set_epoch"):
            each.set_epoch(epoch)
