"""From a data set to batches: `DataLoader` picks indices, fetches the samples and collates them
into tensors, in this process or ahead of time in others.

Epochs are numbered: the first `iter(loader)` is epoch 0, the second epoch 1. The order of an epoch
depends only on the seed and that number, and a loader can be put anywhere in any epoch
(`load_state_dict`) without fetching the samples before. The batches are the same whatever the number
of workers.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic

from ..base.errors import DTypeError, FormatError
from ..tape.modes import modes
from ..tensors import Generator, default_generator
from ..tensors.functions.face import naming
from .collate import default_collate, default_convert
from .dataset import IterableDataset, Sample
from .fetch import Fetcher, Request
from .sampler import BatchSampler, RandomSampler, SequentialSampler

if TYPE_CHECKING:
    from .workers import Pool  # with what it imports it loads when a loader has workers

__all__ = ["DataLoader"]

PREFETCH = 2  # batches ahead of each worker


class DataLoader(Generic[Sample]):
    """Iterates over a data set in batches; each `iter()` is the next epoch.

    Args:
        dataset: has `__getitem__` and `__len__`, or is an `IterableDataset`. A `__getitems__`, if it
            has one, is given the indices of a whole batch.
        batch_size: samples per batch; None: samples are delivered one by one, as tensors.
        shuffle: a new random order every epoch (`RandomSampler`).
        sampler: yields the indices instead; excludes `shuffle`.
        batch_sampler: yields lists of indices instead; excludes the four other ways of choosing.
        num_workers: processes that fetch; 0: samples are fetched in this one.
        collate_fn: turns a list of samples into a batch (with `batch_size=None` a sample into what
            is delivered); None: `default_collate` (`default_convert`).
        pin_memory: accepted as in PyTorch and without effect: there is no other memory to pin to.
        drop_last: leave out the last batch if it is short.
        timeout: seconds to wait for a worker's batch; 0: for ever.
        worker_init_fn: called with its number in each worker, before the first batch.
        multiprocessing_context: how workers are started, see `multiprocessing`: "fork", "spawn",
            "forkserver" or a context; None: "fork" on Linux, "spawn" elsewhere.
        generator: whose seed decides the order of `shuffle`; None: the default one, which
            `manual_seed` seeds. It is read, not advanced.
        prefetch_factor: batches that each worker is ahead; None: 2.
        persistent_workers: keep the workers from epoch to epoch; changes of the data set in this
            process are then not seen by them.
        pin_memory_device: without effect, as `pin_memory`.
        in_order: True only: otherwise the order would depend on timing.

    What a data set draws from chainrule's own random numbers comes from a stream of the seed, the
    epoch and the batch, here and in workers alike, and does not advance what the program draws. In
    workers `random` and `numpy.random` are seeded in the same way; in this process they are the
    program's own.

    Raises:
        ValueError: arguments that exclude each other, or a bad value.
        DTypeError: no data set.
        WorkerError: on iteration, a worker that died or did not answer in time. What a data set
            raises in a worker is raised here, with the worker's traceback as its cause.

    >>> import numpy as np
    >>> [batch.tolist() for batch in DataLoader(np.arange(5), batch_size=2)]
    [[0, 1], [2, 3], [4]]
    """

    @naming
    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ):
        _check_workers(
            num_workers, timeout, multiprocessing_context, prefetch_factor, persistent_workers
        )
        if not in_order:
            raise ValueError(
                "DataLoader(in_order=False): batches in the order in which they happen to be ready "
                "would differ from run to run"
            )
        _check_order(dataset, batch_size, shuffle, sampler, batch_sampler, drop_last)
        iterable = isinstance(dataset, IterableDataset)
        self.dataset, self.generator = dataset, generator
        self.num_workers, self.timeout, self.worker_init_fn = num_workers, timeout, worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.prefetch_factor = PREFETCH if num_workers and not prefetch_factor else prefetch_factor
        self.persistent_workers, self.pin_memory = persistent_workers, pin_memory
        self.batch_size = None if batch_sampler is not None else batch_size
        self.drop_last = drop_last
        if sampler is None and batch_sampler is None and not iterable:
            sampler = (
                RandomSampler(dataset, generator=generator)
                if shuffle
                else SequentialSampler(dataset)
            )
        batched = batch_sampler is not None or batch_size is not None
        if iterable and batch_size is not None:
            BatchSampler((), batch_size, drop_last)  # is it a size?
        elif batch_sampler is None and batched:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)  # type: ignore[arg-type]
        self.sampler, self.batch_sampler = sampler, batch_sampler
        if collate_fn is None:
            collate_fn = default_collate if batched else default_convert
        self.collate_fn = collate_fn
        self._iterable, self._batched = iterable, batched
        self._told = self._epoch_of_sampler()  # the epoch of the sampler when last looked at
        self._idle: list[Pool] = []  # of persistent workers, when no iterator uses them
        self._iteration = 0  # another number for each iterator
        self._epoch = -1  # the epoch last begun
        self._delivered = 0  # batches delivered in it
        self._over = False  # whether it is known to be at its end
        # the epoch to begin next, and how many of its batches to leave out
        self._next, self._skip = 0, 0

    def __len__(self) -> int:
        """The number of batches in a whole epoch.

        Raises:
            TypeError: an iterable-style data set that does not know its length.
        """
        if not self._iterable:
            return len(self._chooser)
        n = len(self.dataset)
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    @property
    def _chooser(self) -> Any:
        """What yields, for each batch, what belongs to it."""
        return self.batch_sampler if self.batch_sampler is not None else self.sampler

    def __iter__(self) -> Iterator[Any]:
        if modes.trace is not None:
            modes.trace.refuse(
                "a loop over a DataLoader in a traced function would be written down with the values of these batches",
                "compile what is done with one batch, and loop over the batches outside",
            )
        epoch, skip = self._next, self._skip
        self._epoch, self._delivered, self._over = epoch, skip, False
        self._next, self._skip = epoch + 1, 0
        self._iteration += 1
        generator = default_generator if self.generator is None else self.generator
        requests = self._requests(epoch, generator.initial_seed(), skip)
        batches = self._here(requests) if self.num_workers == 0 else self._ahead(requests)
        return self._counted(epoch, self._iteration, skip, batches)

    def _requests(self, epoch: int, seed: int, skip: int) -> Iterator[Request]:
        iteration = self._iteration
        if self._iterable:  # what is left out has to be fetched all the same
            return (Request(epoch, seed, k, None, iteration) for k in itertools.count())
        self._tell(epoch)
        chosen = itertools.islice(enumerate(iter(self._chooser)), skip, None)
        return (Request(epoch, seed, k, indices, iteration) for k, indices in chosen)

    def _tell(self, epoch: int) -> None:
        """Tell the sampler the epoch, if its order has epochs; but not one that the program has told another since this
        loader did last, as programs do that go on with epoch 5: `sampler.set_epoch(5)`, and a new loader.
        """
        if hasattr(self._chooser, "set_epoch") and self._epoch_of_sampler() == self._told:
            self._chooser.set_epoch(epoch)
        self._told = self._epoch_of_sampler()

    def _epoch_of_sampler(self) -> Any:
        """The epoch that the sampler, or that of the batch sampler, says it is in; None if it does not say."""
        sampler = getattr(self.batch_sampler, "sampler", self._chooser)
        return getattr(sampler, "epoch", None)

    def _counted(
        self, epoch: int, iteration: int, skip: int, batches: Iterator[Any]
    ) -> Iterator[Any]:
        """The batches, while it is noted how many were delivered."""
        if self._iterable:
            batches = itertools.islice(batches, skip, None)
        for batch in batches:
            if iteration == self._iteration and epoch == self._epoch:
                self._delivered += 1
            yield batch
        if iteration == self._iteration and epoch == self._epoch:
            self._over = True

    def _fetcher(self) -> Fetcher:
        size = None if not self._batched else (self.batch_size or 0)
        return Fetcher(self.dataset, self.collate_fn, size, self.drop_last)

    def _here(self, requests: Iterator[Request]) -> Iterator[Any]:
        """Batches fetched in this process."""
        fetcher = self._fetcher()
        for request in requests:
            try:
                batch = fetcher.fetch(request)
            except StopIteration:
                return
            yield batch

    def _ahead(self, requests: Iterator[Request]) -> Iterator[Any]:
        """Batches fetched by workers: each in turn, always in the same order."""
        from .workers import END

        pool = self._pool()
        workers: deque[int] = deque(range(pool.count))  # those that have more, the next one first
        asked: deque[int] = deque()  # who was asked, in the order in which answers are taken

        def ask() -> None:
            if workers:
                request = next(requests, None)
                if request is not None:
                    pool.ask(workers[0], request)
                    asked.append(workers[0])
                    workers.rotate(-1)

        try:
            for _ in range(pool.count * (self.prefetch_factor or PREFETCH)):
                ask()
            while asked:
                worker = asked.popleft()
                batch = pool.answer(worker)
                if batch is END:
                    if worker in workers:
                        workers.remove(worker)
                    continue
                ask()
                yield batch
            if self.persistent_workers:
                self._idle.append(pool)
        finally:
            if pool not in self._idle:
                pool.end()

    def _pool(self) -> Pool:
        from .workers import Pool

        while self._idle:
            pool = self._idle.pop()
            if pool.alive:
                return pool
        generator = default_generator if self.generator is None else self.generator
        return Pool(
            self._fetcher(),
            self.num_workers,
            self.multiprocessing_context,
            self.timeout,
            self.worker_init_fn,
            generator.initial_seed(),
        )

    def state_dict(self) -> dict[str, int]:
        """Where the loader stands: `epoch`, and how many of its `batches` were delivered. What
        workers have fetched ahead does not count.
        """
        if self._epoch < 0 or self._over or self._delivered >= (self._length() or float("inf")):
            return {"epoch": self._next, "batches": self._skip}
        return {"epoch": self._epoch, "batches": self._delivered}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Make the next `iter()` go on where `state_dict` was taken.

        Raises:
            FormatError: a state that is not two such counts, or points behind the end of an epoch.
        """
        epoch, batches = state.get("epoch", -1), state.get("batches", -1)
        most = self._length()
        if not (_is_count(epoch) and _is_count(batches)) or (most is not None and batches > most):
            limit = "" if most is None else f", with batches at most {most}"
            raise FormatError(
                f"loader state: expected the counts epoch and batches{limit}, found {dict(state)}"
            )
        self._epoch, self._delivered, self._over = -1, 0, False
        self._next, self._skip = epoch, batches

    def _length(self) -> int | None:
        """How many batches an epoch has; None if nobody knows before its end."""
        try:
            return len(self)
        except TypeError:
            return None


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _check_order(
    dataset: Any, batch_size: Any, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: Any
) -> None:
    """The arguments that decide which samples are in a batch: some exclude each other."""
    iterable = isinstance(dataset, IterableDataset)
    if not iterable and not hasattr(dataset, "__getitem__"):
        raise DTypeError(
            "DataLoader takes a data set with __len__ and __getitem__, or an IterableDataset, "
            f"found a {type(dataset).__name__}"
        )
    if iterable and (shuffle or sampler is not None or batch_sampler is not None):
        raise ValueError(
            "DataLoader: an IterableDataset decides its order itself, so shuffle, sampler and "
            "batch_sampler cannot be given with it"
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
    if batch_size is None and drop_last:
        raise ValueError(
            "DataLoader: without batches (batch_size=None) there is no last one to be dropped"
        )


def _check_workers(
    num_workers: Any, timeout: Any, context: Any, prefetch_factor: Any, persistent: Any
) -> None:
    """The arguments that are about workers."""
    if not _is_count(num_workers):
        raise ValueError(f"num_workers must be an integer of at least 0, found {num_workers!r}")
    if not isinstance(timeout, int | float) or not timeout >= 0:
        raise ValueError(f"timeout must be a number of seconds from 0, found {timeout!r}")
    if prefetch_factor is not None and not (_is_count(prefetch_factor) and prefetch_factor > 0):
        raise ValueError(
            f"prefetch_factor must be an integer of at least 1, found {prefetch_factor!r}"
        )
    if num_workers == 0:
        given = {
            "timeout": timeout,
            "prefetch_factor": prefetch_factor,
            "persistent_workers": persistent,
            "multiprocessing_context": context,
        }
        for name, value in given.items():
            if value:
                raise ValueError(
                    f"DataLoader({name}={value!r}) is about worker processes: give num_workers too"
                )
