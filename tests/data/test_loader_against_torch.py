"""The same data sets and arguments in PyTorch's loader and in ours."""

from collections import namedtuple

import numpy as np
import pytest

import chainrule as cr
from chainrule.utils import data as ours

Point = namedtuple("Point", "x y")

SAMPLES = {
    "pairs": lambda m, i: (m.tensor([float(i), 2.0]), i),
    "dictionaries": lambda m, i: {"a": np.full((2, 3), i, np.float32), "b": [i, float(i)]},
    "named": lambda m, i: Point(np.int16(i), (str(i), b"x")),
    "numbers": lambda m, i: float(i),
    "booleans": lambda m, i: i % 2 == 0,
    "scalars": lambda m, i: np.float64(i),
    "nested": lambda m, i: [(i, {"z": (m.ones(1) * i,)})],
}


def plain(value):
    """Structure, dtypes and values, without the library."""
    if hasattr(value, "tolist"):
        return (
            type(value).__name__,
            str(value.dtype).rpartition(".")[2],
            tuple(value.shape),
            value.tolist(),
        )
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [type(value).__name__, *map(plain, value)]
    return value


class Listed:
    def __init__(self, module, kind, n=11):
        self.samples = [SAMPLES[kind](module, i) for i in range(n)]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index]


@pytest.mark.parametrize("kind", SAMPLES)
@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 4},
        {"batch_size": 4, "drop_last": True},
        {"batch_size": None},
        {"sampler": [3, 1, 7], "batch_size": 2},
        {"batch_sampler": [[0, 2], [5], [1, 1]]},
    ],
    ids=str,
)
def test_batches_are_those_of_pytorch(torch, kind, options):
    theirs = torch.utils.data.DataLoader(Listed(torch, kind), **options)
    mine = ours.DataLoader(Listed(cr, kind), **options)
    assert len(mine) == len(theirs)
    assert [plain(b) for b in mine] == [plain(b) for b in theirs]


def iterable(module):
    class Numbers(module.IterableDataset):
        def __iter__(self):
            info = module.get_worker_info()
            start, step = (0, 1) if info is None else (info.id, info.num_workers)
            return iter(range(start, 23, step))

    return Numbers()


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("drop_last", [False, True])
def test_iterable_data_sets_are_batched_in_the_order_of_pytorch(torch, workers, drop_last):
    found = [
        [b.tolist() for b in m.DataLoader(iterable(m), 3, num_workers=workers, drop_last=drop_last)]
        for m in (ours, torch.utils.data)
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "lengths", [[4, 7], [0.5, 0.5], [0.3, 0.3, 0.4], [0.33, 0.67], [11], [0.1] * 10]
)
def test_random_split_has_the_sizes_of_pytorch(torch, lengths):
    sizes = [[len(p) for p in m.random_split(range(11), lengths)] for m in (ours, torch.utils.data)]
    assert sizes[0] == sizes[1]


def test_data_sets_of_others_are_those_of_pytorch(torch):
    for m in (ours, torch.utils.data):
        both = m.ConcatDataset([range(3), range(10, 14)])
        assert [both[i] for i in (0, 3, -1, -7)] == [0, 10, 13, 0] and both.cumulative_sizes == [
            3,
            7,
        ]
        assert m.StackDataset(range(3), "abc")[1] == (1, "b")
        assert m.StackDataset(n=range(3), s="abc")[2] == {"n": 2, "s": "c"}
        assert m.Subset("abcdef", [4, 0])[0] == "e"
        assert list(m.BatchSampler(m.SequentialSampler(range(5)), 2, True)) == [[0, 1], [2, 3]]
        assert len(m.RandomSampler(range(5), num_samples=7)) == 7
        assert len(m.WeightedRandomSampler([1.0, 2.0], 5)) == 5


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(("n", "replicas"), [(0, 3), (2, 5), (13, 3), (15, 5), (700, 7)])
def test_the_shares_of_several_processes_are_those_of_pytorch(
    torch, n, replicas, shuffle, drop_last
):
    for rank in range(replicas):
        theirs, mine = (
            m.DistributedSampler(range(n), replicas, rank, shuffle, seed=11, drop_last=drop_last)
            for m in (torch.utils.data, ours)
        )
        for sampler in (theirs, mine):
            sampler.set_epoch(2)
        assert list(mine) == list(theirs)
        assert len(mine) == len(theirs) and mine.total_size == theirs.total_size


def test_a_program_that_tells_its_sampler_the_epoch_sees_the_batches_of_pytorch(torch):
    """Also one that goes on with epoch 5, and one whose sampler lies in a batch sampler."""

    def epochs(m, first, inside):
        sampler = m.DistributedSampler(range(13), 2, 1)
        batches = m.BatchSampler(sampler, 3, False)
        how = {"batch_sampler": batches} if inside else {"sampler": sampler, "batch_size": 3}
        loader = m.DataLoader(list(range(13)), **how)
        for epoch in range(first, first + 3):
            sampler.set_epoch(epoch)
            yield [batch.tolist() for batch in loader]

    for first in (0, 5):
        for inside in (False, True):
            mine = list(epochs(ours, first, inside))
            assert mine == list(epochs(torch.utils.data, first, inside))
            assert mine[0] != mine[1] != mine[2]
