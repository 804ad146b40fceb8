"""In which order a loader goes through a data set: a sampler yields indices, a batch sampler lists
of them.

Those that are random draw nothing from a generator: its seed is read, its state stays. So neither
dropout nor another loader changes the order, and epoch 5 can be had without going through epochs 0
to 4. In this they differ from PyTorch, whose order only `DistributedSampler` has, to the index.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, TypeVar

import numpy as np

from ..base.errors import DTypeError, FormatError, RangeError, ShapeError
from ..tensors import Generator, default_generator
from ..tensors.twister import Twister
from . import counter

__all__ = [
    "BatchSampler",
    "DistributedSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]


Index = TypeVar("Index", covariant=True)
"""What a sampler yields: `class ByLength(Sampler[int])`."""


class Sampler(Generic[Index]):
    """Yields the indices of one epoch. A sampler whose order changes from epoch to epoch overrides
    `set_epoch`.
    """

    def __init__(self, data_source: Any = None):
        pass

    def __iter__(self) -> Iterator[Any]:
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


class _Seeded(Sampler):
    """What depends on a seed and an epoch."""

    generator: Generator | None
    epoch = 0

    def seed(self) -> int:
        """Of the generator, else of the default one, which `manual_seed` seeds."""
        generator = default_generator if self.generator is None else self.generator
        return generator.initial_seed()

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of this epoch for the next iteration."""
        self.epoch = epoch


class RandomSampler(_Seeded):
    """Indices in an order that depends only on the generator's seed and on the epoch.

    Args:
        data_source: anything with a length N.
        replacement: draw each index anew from all; False: every index once before any comes again.
        num_samples: how many; None: N.
        generator: whose `initial_seed()` counts; None: the default one, seeded by `manual_seed`.

    >>> sorted(RandomSampler("abc"))
    [0, 1, 2]
    >>> len(list(RandomSampler("abc", replacement=True, num_samples=7)))
    7
    """

    def __init__(
        self,
        data_source: Any,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ):
        if not isinstance(replacement, bool):
            raise DTypeError(f"replacement must be True or False, found {replacement!r}")
        if num_samples is not None:
            _check_count("num_samples", num_samples)
        self.data_source, self.replacement = data_source, replacement
        self._num_samples, self.generator = num_samples, generator

    @property
    def num_samples(self) -> int:
        """How many indices an epoch has."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        n, count, seed = len(self.data_source), self.num_samples, self.seed()
        if n == 0 or count == 0:
            return iter(())
        if self.replacement:
            chosen = counter.uniform(count, seed, counter.CHOICE, self.epoch) * n
            return iter(chosen.astype(np.int64).tolist())
        rounds = [
            counter.permutation(n, seed, counter.SHUFFLE, self.epoch, 2 * n * k)
            for k in range(-(-count // n))
        ]
        return iter(np.concatenate(rounds)[:count].tolist())

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(_Seeded):
    """These indices, each once, in random order.

    >>> sorted(SubsetRandomSampler([7, 2, 5]))
    [2, 5, 7]
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None):
        self.indices, self.generator = indices, generator

    def __iter__(self) -> Iterator[int]:
        order = counter.permutation(len(self.indices), self.seed(), counter.SHUFFLE, self.epoch)
        return iter([self.indices[k] for k in order.tolist()])

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(_Seeded):
    """Indices 0 to N − 1, each as often as its weight says.

    Args:
        weights: N numbers from 0, which need not sum to 1.
        num_samples: how many indices an epoch has.
        replacement: draw each anew; False: no index twice, the next one in proportion to the
            weights of those that are left.
        generator: whose `initial_seed()` counts; None: the default one.

    Raises:
        FormatError: a weight that is negative or not finite, or none above 0.
        RangeError: without replacement, more samples than weights above 0.

    >>> set(WeightedRandomSampler([0, 0.5, 0, 2], 50))
    {1, 3}

    Source: Efraimidis and Spirakis 2006, "Weighted random sampling with a reservoir", for the draw
    without replacement: the largest log(u)/w.
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ):
        if not isinstance(replacement, bool):
            raise DTypeError(f"replacement must be True or False, found {replacement!r}")
        _check_count("num_samples", num_samples)
        self.weights = np.asarray(weights, np.float64)
        if self.weights.ndim != 1:
            raise ShapeError(f"weights: expected shape (N,), found {self.weights.shape}")
        bad = np.flatnonzero(~(np.isfinite(self.weights) & (self.weights >= 0)))
        if len(bad) or not self.weights.sum() > 0:
            found = f"{self.weights[bad[0]]} at index {bad[0]}" if len(bad) else "none above 0"
            raise FormatError(f"weights: expected finite numbers from 0, found {found}")
        positive = int((self.weights > 0).sum())
        if not replacement and num_samples > positive:
            raise RangeError(
                f"WeightedRandomSampler: {num_samples} samples without replacement, but only "
                f"{positive} weights are above 0"
            )
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator

    def __iter__(self) -> Iterator[int]:
        seed, epoch = self.seed(), self.epoch
        if self.replacement:
            u = counter.uniform(self.num_samples, seed, counter.CHOICE, epoch)
            edges = np.cumsum(self.weights)
            return iter(np.searchsorted(edges, u * edges[-1], side="right").tolist())
        u = counter.uniform(len(self.weights), seed, counter.CHOICE, epoch)
        with np.errstate(divide="ignore"):
            keys = np.log1p(-u) / self.weights  # log(1 − u): u may be 0, 1 − u may not
        keys[self.weights == 0] = -np.inf
        return iter(np.argsort(-keys, kind="stable")[: self.num_samples].tolist())

    def __len__(self) -> int:
        return self.num_samples


class DistributedSampler(Sampler[Index]):
    """The share that one of several processes takes of a data set: every `num_replicas`-th index, from
    place `rank` on, of an order that is the same in all of them.

    With N samples and R processes each gets ⌈N / R⌉ indices, the last places filled from the beginning
    of the order again; with `drop_last` ⌊N / R⌋, and what is left over at the end is nobody's.

    Args:
        dataset: anything with a length N.
        num_replicas: R, how many processes there are.
        rank: which of them this is, from 0 to R − 1.
        shuffle: a random order, which the seed and the epoch give; False: 0, 1, 2, …
        seed: the same in all processes.
        drop_last: equal shares by leaving out samples, not by repeating some.

    Raises:
        ValueError: no `num_replicas` or no `rank`: PyTorch asks its group of processes, and there is none;
            or a rank that is not one of them.

    The order is PyTorch's, to the index: `randperm(N)` of a generator with the seed `seed + epoch`. In
    PyTorch a program that does not call `set_epoch` sees the same order in every epoch; here the loader
    counts epochs for such a program.

    >>> [list(DistributedSampler("abcde", 2, rank, shuffle=False)) for rank in (0, 1)]
    [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ):
        if num_replicas is None or rank is None:
            raise ValueError(
                "DistributedSampler: num_replicas and rank must be given, because there is no group of "
                f"processes to ask for them, found num_replicas={num_replicas} and rank={rank}\n"
                "  hint: num_replicas=1, rank=0 for a single process"
            )
        _check_count("num_replicas", num_replicas)
        if isinstance(rank, bool) or not isinstance(rank, int) or not 0 <= rank < num_replicas:
            raise ValueError(
                f"rank must be an integer from 0 to num_replicas - 1 = {num_replicas - 1}, found {rank!r}"
            )
        self.dataset, self.num_replicas, self.rank = dataset, num_replicas, rank
        self.shuffle, self.seed, self.drop_last, self.epoch = shuffle, seed, drop_last, 0
        n = len(dataset)
        self.num_samples = n // num_replicas if drop_last else -(-n // num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)
        order = Twister(self.seed + self.epoch).permutation(n) if self.shuffle else list(range(n))
        places = range(self.rank, self.total_size, self.num_replicas)
        return iter([order[place % n] for place in places])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of this epoch for the next iteration."""
        self.epoch = epoch


def _check_count(name: str, count: Any) -> None:
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"{name} must be an integer of at least 1, found {count!r}")


class BatchSampler(Sampler):
    """Lists of `batch_size` indices of a sampler; the last is shorter, or dropped with `drop_last`.

    >>> list(BatchSampler(SequentialSampler("abcde"), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Any, batch_size: int, drop_last: bool):
        _check_count("batch_size", batch_size)
        if not isinstance(drop_last, bool):
            raise DTypeError(f"drop_last must be True or False, found {drop_last!r}")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list[Any]]:
        batch: list[Any] = []
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
