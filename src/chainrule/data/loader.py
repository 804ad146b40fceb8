"""From a data set to batches: `DataLoader` picks indices, fetches the samples and collates them
into tensors.

Epochs are numbered: the first `iter(loader)` is epoch 0, the second epoch 1. The order of an epoch
depends only on the seed and that number, and a loader can be put anywhere in any epoch
(`load_state_dict`) without fetching the samples before.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from ..base.errors import DTypeError, FormatError, ShapeError
from ..tensors import Generator, Tensor, from_numpy, stack, tensor
from .sampler import BatchSampler, RandomSampler, SequentialSampler

__all__ = ["DataLoader", "default_collate"]


def default_collate(batch: list[Any]) -> Any:
    """Join the samples of a batch along a new first axis.

    Tensors and NumPy arrays are stacked, numbers become a 1-d tensor (Python floats float64, as in
    PyTorch), strings stay a list; tuples, lists, named tuples and mappings are joined element by
    element.

    Args:
        batch: B ≥ 1 samples of the same structure.

    Raises:
        ShapeError: arrays of different shapes, or structures of different lengths.
        DTypeError: samples of different types, or of one that cannot become a tensor.

    >>> import numpy as np
    >>> x, y = default_collate([(np.ones(3), 5), (np.zeros(3), 7)])
    >>> x.shape, y.tolist()
    (chainrule.Size([2, 3]), [5, 7])
    """
    first = batch[0]
    for k, sample in enumerate(batch):
        if type(sample) is not type(first):
            raise DTypeError(
                f"cannot collate samples of different types: sample 0 of the batch is a {type(first).__name__}, "
                f"sample {k} a {type(sample).__name__}"
            )
    if isinstance(first, Tensor):
        _check_equal("shape", [tuple(t.shape) for t in batch])
        return stack(batch)
    if isinstance(first, np.ndarray):
        _check_equal("shape", [a.shape for a in batch])
        return from_numpy(np.stack(batch))
    if isinstance(first, np.generic):
        return from_numpy(np.array(batch))
    if isinstance(first, float):
        return from_numpy(np.array(batch, dtype=np.float64))
    if isinstance(first, (bool, int)):
        return tensor(batch)
    if isinstance(first, (str, bytes)):
        return list(batch)
    if isinstance(first, Mapping):
        _check_equal("set of keys", [sorted(map(str, sample)) for sample in batch])
        return {key: default_collate([sample[key] for sample in batch]) for key in first}
    if isinstance(first, (tuple, list)):
        _check_equal("length", [len(sample) for sample in batch])
        columns = [default_collate(list(column)) for column in zip(*batch, strict=True)]
        if hasattr(first, "_fields"):
            return type(first)(*columns)
        return type(first)(columns)
    raise DTypeError(
        f"cannot collate samples of type {type(first).__name__}: expected tensors, arrays, numbers, strings, "
        "or tuples, lists and mappings of them; give the loader a collate_fn"
    )


def _check_equal(what: str, found: list[Any]) -> None:
    for k, value in enumerate(found):
        if value != found[0]:
            raise ShapeError(
                f"cannot collate: every sample of a batch must have the same {what}, but sample 0 has {found[0]} "
                f"and sample {k} has {value}"
            )


class DataLoader:
    """Iterates over a data set in batches; each `iter()` is the next epoch.

    Args:
        dataset: has `__len__` and `__getitem__`.
        batch_size: samples per batch.
        shuffle: a new random order every epoch (`RandomSampler`).
        sampler: yields the indices instead; excludes `shuffle`.
        batch_sampler: yields lists of indices instead; excludes the four other ways of choosing.
        num_workers: 0 only: samples are fetched in this process.
        collate_fn: turns a list of samples into a batch; None means `default_collate`.
        pin_memory: accepted as in PyTorch and without effect: there is no other memory to pin to.
        drop_last: leave out the last batch if it is short.
        generator: whose seed decides the order of `shuffle`; None: the default one, which
            `manual_seed` seeds. Without `shuffle` there is nothing for it to decide.

    Raises:
        ValueError: arguments that exclude each other, a bad `batch_size`, `num_workers` not 0.

    >>> import numpy as np
    >>> [batch.tolist() for batch in DataLoader(np.arange(5), batch_size=2)]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        *,
        generator: Generator | None = None,
    ):
        if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
            raise DTypeError(
                "DataLoader takes a data set with __len__ and __getitem__, "
                f"found a {type(dataset).__name__} without; "
                "iterable-style data sets are not supported"
            )
        if num_workers != 0:
            raise ValueError(
                f"DataLoader(num_workers={num_workers}): worker processes are not supported, "
                "samples are fetched in this process; use num_workers=0 (the order is the same)"
            )
        if sampler is not None and shuffle:
            raise ValueError(
                "DataLoader: a sampler decides the order, so shuffle=True cannot be given with it"
            )
        if batch_sampler is not None and (
            batch_size != 1 or shuffle or sampler is not None or drop_last
        ):
            raise ValueError(
                "DataLoader: a batch_sampler decides the batches, so batch_size, shuffle, sampler "
                "and drop_last cannot be given with it"
            )
        if sampler is None:
            sampler = (
                RandomSampler(dataset, generator=generator)
                if shuffle
                else SequentialSampler(dataset)
            )
        if batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.dataset, self.batch_sampler = dataset, batch_sampler
        self.collate_fn = default_collate if collate_fn is None else collate_fn
        self._epoch = -1  # the epoch last begun
        self._delivered = 0  # batches delivered in it
        # the epoch to begin next, and how many of its batches to leave out
        self._next, self._skip = 0, 0

    def __len__(self) -> int:
        """The number of batches in a whole epoch."""
        return len(self.batch_sampler)

    def __iter__(self) -> Iterator[Any]:
        epoch, skip = self._next, self._skip
        self._epoch, self._delivered = epoch, skip
        self._next, self._skip = epoch + 1, 0
        if hasattr(self.batch_sampler, "set_epoch"):
            self.batch_sampler.set_epoch(epoch)
        return self._batches(epoch, itertools.islice(iter(self.batch_sampler), skip, None))

    def _batches(self, epoch: int, index_lists: Iterator[list[int]]) -> Iterator[Any]:
        for indices in index_lists:
            if hasattr(
                self.dataset, "set_epoch"
            ):  # each time: another iterator may be in another epoch
                self.dataset.set_epoch(epoch)
            batch = self.collate_fn([self.dataset[i] for i in indices])
            if epoch == self._epoch:
                self._delivered += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """Where the loader stands: `epoch`, and how many of its `batches` were delivered."""
        if self._epoch < 0 or self._delivered >= len(self):
            return {"epoch": self._next, "batches": self._skip}
        return {"epoch": self._epoch, "batches": self._delivered}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Make the next `iter()` go on where `state_dict` was taken.

        Raises:
            FormatError: a state that is not two such counts, or points behind the end of an epoch.
        """
        epoch, batches = state.get("epoch", -1), state.get("batches", -1)
        if not (_is_count(epoch) and _is_count(batches) and batches <= len(self)):
            raise FormatError(
                f"loader state: expected the counts epoch and batches, with batches at most {len(self)}, found {dict(state)}"
            )
        self._epoch, self._delivered = -1, 0
        self._next, self._skip = epoch, batches


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
