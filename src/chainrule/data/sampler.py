"""In which order a loader goes through a data set: a sampler yields indices, a batch sampler lists
of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..tensors import Generator, default_generator
from . import counter

__all__ = ["BatchSampler", "RandomSampler", "Sampler", "SequentialSampler"]


class Sampler:
    """Yields the indices of one epoch. A sampler whose order changes from epoch to epoch overrides
    `set_epoch`.
    """

    def __iter__(self) -> Iterator[int]:
        raise TypeError(f"{type(self).__name__} does not define __iter__, which a Sampler must")

    def __len__(self) -> int:
        raise TypeError(f"{type(self).__name__} does not define __len__, which a Sampler must")

    def set_epoch(self, epoch: int) -> None:
        """Told which epoch (from 0) the next iteration is for."""


class SequentialSampler(Sampler):
    """0, 1, 2, … in order.

    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Any):
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler):
    """Every index once, in an order that depends only on the generator's seed and on the epoch.

    Differs from PyTorch: iterating draws nothing from the generator (its seed is read, its state
    stays), so neither dropout nor another loader changes the order, and epoch 5 can be had without
    going through epochs 0 to 4.

    Args:
        data_source: anything with a length.
        generator: whose `initial_seed()` counts; None: the default one, seeded by `manual_seed`.
    """

    def __init__(self, data_source: Any, *, generator: Generator | None = None):
        self.data_source, self.generator, self.epoch = data_source, generator, 0

    def __iter__(self) -> Iterator[int]:
        generator = default_generator if self.generator is None else self.generator
        seed = generator.initial_seed()
        order = counter.permutation(len(self.data_source), seed, counter.SHUFFLE, self.epoch)
        return iter(order.tolist())

    def __len__(self) -> int:
        return len(self.data_source)

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of this epoch for the next iteration."""
        self.epoch = epoch


class BatchSampler(Sampler):
    """Lists of `batch_size` indices of a sampler; the last is shorter, or dropped with `drop_last`.

    >>> list(BatchSampler(SequentialSampler("abcde"), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Any, batch_size: int, drop_last: bool):
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(f"batch_size must be an integer of at least 1, found {batch_size!r}")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list[int]]:  # type: ignore[override]
        batch: list[int] = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        n = len(self.sampler)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def set_epoch(self, epoch: int) -> None:
        """Pass the epoch on to the sampler below."""
        if hasattr(self.sampler, "set_epoch"):
            self.sampler.set_epoch(epoch)
