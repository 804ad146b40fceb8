"""Fetching a batch: the one piece of code that runs in the main process and in workers alike, so that
a batch is the same wherever it was made.

A request says everything that a batch may depend on: epoch, seed, its number, and the indices. While
a batch is fetched chainrule's own random numbers (`chainrule.rand` and the like) come from a stream
that these name, and afterwards go on where they were; in a worker Python's `random` and `numpy.random`
are seeded in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..tensors import default_generator
from .counter import FETCH, few
from .dataset import IterableDataset

__all__ = ["Fetcher", "Request", "WorkerInfo", "get_worker_info"]


class WorkerInfo(NamedTuple):
    """Which worker this process is.

    Attributes:
        id: 0 to `num_workers` − 1.
        num_workers: how many there are.
        seed: the seed of this worker, different for each.
        dataset: this worker's copy.
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker process of a `DataLoader` what it is to know, elsewhere None.

    >>> get_worker_info() is None
    True
    """
    return _info


def become(info: WorkerInfo) -> None:
    """From now on this process is that worker."""
    global _info
    _info = info


class Request(NamedTuple):
    """One batch to be fetched: number `batch` of an epoch. `indices` is a list, one index where
    samples are not batched, or None for an iterable-style data set. `iteration` is another for each
    iterator of a loader.
    """

    epoch: int
    seed: int
    batch: int
    indices: Any
    iteration: int = 0


class Fetcher:
    """Makes batches of a data set.

    Args:
        dataset: map-style or iterable-style.
        collate: turns the samples of a batch into a batch (or a sample into what is delivered).
        batch_size: of an iterable-style data set; None: samples are delivered one by one.
        drop_last: leave out a batch that is short, of an iterable-style data set.
    """

    def __init__(
        self,
        dataset: Any,
        collate: Callable[[Any], Any],
        batch_size: int | None,
        drop_last: bool,
    ):
        self.dataset, self.collate = dataset, collate
        self.batch_size, self.drop_last = batch_size, drop_last
        self._iterator: Iterator[Any] | None = None
        self._iteration = -1

    def fetch(self, request: Request) -> Any:
        """The batch that was asked for.

        Raises:
            StopIteration: an iterable-style data set has no more.
        """
        epoch, seed, number, indices, iteration = request
        if hasattr(self.dataset, "set_epoch"):  # another iterator may be in another epoch
            self.dataset.set_epoch(epoch)
        draws = few(seed, FETCH, epoch, 8 * number, 6)
        if _info is not None:
            import random  # 3 ms, which only workers need

            random.seed(draws[2] << 32 | draws[3])
            np.random.seed(draws[4:6])
        with default_generator.rewound(default_generator.mark()):
            default_generator.manual_seed(draws[0] << 32 | draws[1])
            if isinstance(self.dataset, IterableDataset):
                return self._next(iteration)
            if self.batch_size is None:
                return self.collate(self.dataset[indices])
            if hasattr(self.dataset, "__getitems__"):
                return self.collate(self.dataset.__getitems__(indices))
            return self.collate([self.dataset[i] for i in indices])

    def _next(self, iteration: int) -> Any:
        """The next batch of an iterable-style data set, which begins anew with each iteration."""
        if self._iterator is None or iteration != self._iteration:
            self._iterator, self._iteration = iter(self.dataset), iteration
        if self.batch_size is None:
            return self.collate(next(self._iterator))
        samples = []
        for sample in self._iterator:
            samples.append(sample)
            if len(samples) == self.batch_size:
                return self.collate(samples)
        if not samples or self.drop_last:
            raise StopIteration
        return self.collate(samples)
