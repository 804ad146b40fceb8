"""In which order samples are taken: a function of the seed and the epoch, in the proportions that are asked for."""

import numpy as np
import pytest
from data.small_sets import seeded

import chainrule as cr
from chainrule.base.errors import DTypeError, FormatError, ShapeError
from chainrule.data import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)


def test_random_sampler_reads_the_seed_and_leaves_the_generator_alone():
    generator = seeded(5)
    before = generator.get_state().tolist()
    order = list(RandomSampler(range(13), generator=generator))
    assert sorted(order) == list(range(13))
    assert generator.get_state().tolist() == before
    assert list(RandomSampler(range(13), generator=seeded(5))) == order
    assert list(RandomSampler(range(13), generator=seeded(7))) != order


def test_random_sampler_without_a_generator_follows_manual_seed():
    cr.manual_seed(5)
    assert list(RandomSampler(range(13))) == list(RandomSampler(range(13), generator=seeded(5)))


@pytest.mark.parametrize(("drop_last", "sizes"), [(False, [5, 5, 3]), (True, [5, 5])])
def test_batch_sampler(drop_last, sizes):
    sampler = BatchSampler(SequentialSampler(range(13)), 5, drop_last)
    assert [len(batch) for batch in sampler] == sizes
    assert len(sampler) == len(sizes)


@pytest.mark.parametrize("size", [0, -3, 2.0, True, None])
def test_batch_size_must_be_a_positive_integer(size):
    with pytest.raises(
        ValueError, match=f"batch_size must be an integer of at least 1, found {size!r}"
    ):
        BatchSampler(SequentialSampler(range(13)), size, False)


def test_random_sampler_with_replacement_draws_all_alike():
    sampler = RandomSampler(range(5), replacement=True, num_samples=10_000, generator=seeded(1))
    counts = np.bincount(list(sampler))
    assert len(sampler) == 10_000 and (abs(counts - 2000) < 250).all()  # standard deviation 40
    first = list(sampler)
    sampler.set_epoch(1)
    assert list(sampler) != first


@pytest.mark.parametrize("count", [3, 5, 13])
def test_random_sampler_goes_round_before_an_index_comes_again(count):
    drawn = list(RandomSampler(range(5), num_samples=count, generator=seeded(1)))
    assert len(drawn) == count
    for k in range(0, count, 5):
        assert len(set(drawn[k : k + 5])) == len(drawn[k : k + 5])
    if count == 13:
        assert drawn[:5] != drawn[5:10]
    assert list(RandomSampler(range(5), num_samples=5, generator=seeded(1))) == list(
        RandomSampler(range(5), generator=seeded(1))
    )
    assert list(RandomSampler([])) == []


def test_weighted_sampler_draws_in_proportion():
    weights = [1, 0, 3, 4]
    drawn = list(WeightedRandomSampler(weights, 16_000, generator=seeded(2)))
    counts = np.bincount(drawn, minlength=4)
    assert counts[1] == 0 and (abs(counts - 2000 * np.array(weights)) < 300).all()  # deviation 63


def test_weighted_sampler_without_replacement():
    weights = [1, 0, 3, 4]
    first, pairs = [], []
    sampler = WeightedRandomSampler(weights, 2, replacement=False, generator=seeded(2))
    for epoch in range(4000):
        sampler.set_epoch(epoch)
        a, b = sampler
        assert a != b
        first.append(a)
        pairs.append((a, b))
    counts = np.bincount(first, minlength=4)
    assert counts[1] == 0 and (abs(counts - 500 * np.array(weights)) < 160).all()  # deviation 32
    after = [b for a, b in pairs if a == 3]
    assert abs(after.count(2) / len(after) - 3 / 4) < 0.05  # what is left, in proportion


def test_subset_random_sampler():
    sampler = SubsetRandomSampler([7, 2, 5, 11], generator=seeded(1))
    orders = set()
    for epoch in range(50):
        sampler.set_epoch(epoch)
        orders.add(tuple(sampler))
    assert (
        len(sampler) == 4 and all(sorted(o) == [2, 5, 7, 11] for o in orders) and len(orders) > 10
    )


def test_several_processes_share_an_epoch_and_agree_on_its_order():
    shares = [list(DistributedSampler(range(13), 3, rank, seed=7)) for rank in range(3)]
    assert [len(share) for share in shares] == [5, 5, 5]
    whole = [share[k] for k in range(5) for share in shares]
    assert sorted(whole[:13]) == list(range(13)) != whole[:13] and whole[13:] == whole[:2]
    dropped = [list(DistributedSampler(range(13), 3, r, seed=7, drop_last=True)) for r in range(3)]
    assert dropped == [share[:4] for share in shares]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: DistributedSampler("abc", rank=0),
            ValueError,
            r"found num_replicas=None and rank=0\n  hint: num_replicas=1, rank=0 for a single",
        ),
        (
            lambda: DistributedSampler("abc", 3, 3),
            ValueError,
            "from 0 to num_replicas - 1 = 2, found",
        ),
        (lambda: DistributedSampler("abc", 3, -1), ValueError, "found -1"),
        (lambda: DistributedSampler("abc", 0, 0), ValueError, "num_replicas must be an integer of"),
        (lambda: RandomSampler("ab", num_samples=0), ValueError, "num_samples must be an integer"),
        (lambda: RandomSampler("ab", 1), DTypeError, "replacement must be True or False, found 1"),
        (lambda: WeightedRandomSampler([1, -1], 1), FormatError, "from 0, found -1.0 at index 1"),
        (lambda: WeightedRandomSampler([1, np.nan], 1), FormatError, "found nan at index 1"),
        (lambda: WeightedRandomSampler([0, 0], 1), FormatError, "found none above 0"),
        (
            lambda: WeightedRandomSampler([[1]], 1),
            ShapeError,
            r"expected shape \(N,\), found \(1, 1\)",
        ),
        (lambda: WeightedRandomSampler([1, 0], 2, False), IndexError, "only 1 weights are above 0"),
        (lambda: WeightedRandomSampler([1], 1, 1), DTypeError, "replacement must be True or False"),
        (lambda: BatchSampler([1], 1, 1), DTypeError, "drop_last must be True or False, found 1"),
    ],
)
def test_samplers_refuse(make, error, message):
    with pytest.raises(error, match=message):
        make()
