"""Data sets, samplers, collation and the loader."""

from collections import namedtuple

import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import DTypeError, FormatError, ShapeError
from chainrule.data import (
    Augmented,
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    RandomShift,
    Sampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    get_worker_info,
    random_split,
)


def seeded(seed):
    return cr.Generator().manual_seed(seed)


def order_of(loader):
    return [i for batch in loader for i in batch.tolist()]


class Squares(Dataset):
    def __len__(self):
        return 13

    def __getitem__(self, index):
        return np.float32(index**2), index


# ---- data sets


def test_tensor_dataset_takes_tensors_and_arrays_alike():
    x = cr.tensor(np.arange(15.0).reshape(5, 3))
    data = TensorDataset(x, np.arange(5))
    assert len(data) == 5
    assert data[2][0].tolist() == [6.0, 7.0, 8.0]
    assert data[2][1] == 2


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([], r"needs at least one tensor"),
        ([()], r"tensors\[0\] does not"),
        (
            [(5, 3), (7,)],
            r"same size of axis 0.*tensors\[1\] does not\n  tensors\[0\]  \(5, 3\)\n  tensors\[1\]  \(7,\)",
        ),
    ],
)
def test_tensor_dataset_refuses(shapes, message):
    with pytest.raises(ShapeError, match=message):
        TensorDataset(*[np.zeros(shape) for shape in shapes])


def test_dataset_says_what_it_lacks():
    with pytest.raises(TypeError, match="Dataset does not define __len__"):
        len(Dataset())
    with pytest.raises(TypeError, match="Dataset does not define __getitem__"):
        Dataset()[0]
    with pytest.raises(TypeError, match="Sampler does not define __iter__"):
        iter(Sampler())
    with pytest.raises(TypeError, match="Sampler does not define __len__"):
        len(Sampler())


def test_subset():
    data = Subset(Squares(), [11, 2, 3])
    assert len(data) == 3
    assert data[0] == (121, 11)


@pytest.mark.parametrize("index", [13, -1])
def test_subset_refuses_indices_that_are_not_there(index):
    with pytest.raises(
        IndexError, match=rf"indices\[1\] is {index}, but the data set has 13 samples"
    ):
        Subset(Squares(), [3, index])


def test_the_epoch_reaches_the_data_set_below():
    data = Subset(Augmented(Squares(), lambda x, epoch, index: (float(x), epoch, index)), [7])
    data.set_epoch(5)
    assert data[0] == ((49.0, 5, 7), 7)


# ---- the shift


def test_shift_depends_on_seed_epoch_and_index_only():
    image = np.arange(1, 36.0).reshape(5, 7)
    shift = RandomShift(2, seed=3)
    late = shift(image, 4, 11)
    for epoch in range(3):
        shift(image, epoch, 0)
    assert (shift(image, 4, 11) == late).all()
    assert (RandomShift(2, seed=3)(image, 4, 11) == late).all()


def test_shift_moves_by_every_distance_equally_often_and_zeros_move_in():
    image = np.zeros((7, 5))
    image[3, 2] = 1
    shift = RandomShift(1, seed=0)
    places = [tuple(np.argwhere(shift(image, 0, i))[0]) for i in range(4500)]
    counts = [places.count((3 + down, 2 + right)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    assert sum(counts) == 4500
    assert all(abs(n - 500) < 90 for n in counts)  # standard deviation 21
    assert image[3, 2] == 1


def test_shift_is_a_shift():
    image = np.arange(1, 2 * 5 * 7 + 1.0).reshape(2, 5, 7)
    for index in range(50):
        out = RandomShift(2, seed=1)(image, 0, index)
        padded = np.pad(image, ((0, 0), (2, 2), (2, 2)))
        windows = [padded[:, a : a + 5, b : b + 7] for a in range(5) for b in range(5)]
        assert sum((out == window).all() for window in windows) == 1


def test_shift_by_nothing_changes_nothing():
    image = np.arange(6.0).reshape(2, 3)
    assert (RandomShift(0, seed=0)(image, 0, 0) == image).all()


def test_shift_refuses():
    with pytest.raises(ValueError, match="must be at least 0, found -1"):
        RandomShift(-1, seed=0)
    with pytest.raises(
        ShapeError, match=r"images \(..., H, W\) with H and W above 2, found \(2, 7\)"
    ):
        RandomShift(2, seed=0)(np.zeros((2, 7)), 0, 0)


def test_data_sets_samplers_and_loaders_say_what_they_hold():
    """As typed programs write it; the classes are the same without."""

    class Words(Dataset[str]):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return "ab"[index]

    class Backwards(Sampler[int]):
        def __iter__(self):
            return iter([1, 0])

    loader: DataLoader[str] = DataLoader(Words(), sampler=Backwards())
    assert list(loader) == [["b"], ["a"]]
    for of in (Subset, ConcatDataset, IterableDataset, StackDataset, DistributedSampler):
        assert of[int].__origin__ is of
    assert DataLoader[int](Words(), 2).batch_size == 2


# ---- samplers


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


# ---- collation

Point = namedtuple("Point", "x y")


def test_collate_joins_structures():
    batch = default_collate([{"p": Point(1, 2.5), "t": (np.ones(3, np.float32), "a")}] * 2)
    assert isinstance(batch["p"], Point)
    assert batch["p"].x.dtype == cr.int64
    assert batch["p"].y.dtype == cr.float64
    array, text = batch["t"]
    assert array.shape == (2, 3)
    assert array.dtype == cr.float32
    assert text == ("a", "a")  # of a tuple, as PyTorch has it


@pytest.mark.parametrize(
    ("sample", "dtype", "shape"),
    [
        (cr.ones(3, 5), cr.float32, (2, 3, 5)),
        (np.zeros((3, 0), np.int8), cr.int8, (2, 3, 0)),
        (np.float64(2), cr.float64, (2,)),
        (np.int16(2), cr.int16, (2,)),
        (True, cr.bool, (2,)),
        (3, cr.int64, (2,)),
    ],
)
def test_collate_keeps_dtypes(sample, dtype, shape):
    batch = default_collate([sample, sample])
    assert batch.dtype == dtype
    assert batch.shape == shape


@pytest.mark.parametrize(
    ("samples", "error", "message"),
    [
        (
            [np.zeros((3, 5)), np.zeros((5, 3))],
            ShapeError,
            r"same shape, but sample 0 has \(3, 5\) and sample 1 has \(5, 3\)",
        ),
        (
            [cr.zeros(3), cr.zeros(5)],
            ShapeError,
            r"same shape, but sample 0 has \(3,\) and sample 1 has \(5,\)",
        ),
        ([(1, 2), (1,)], ShapeError, "same length, but sample 0 has 2 and sample 1 has 1"),
        (
            [{"a": 1}, {"b": 1}],
            ShapeError,
            r"same set of keys, but sample 0 has \['a'\] and sample 1 has \['b'\]",
        ),
        ([1, 2.0], DTypeError, "sample 0 of the batch is a int, sample 1 a float"),
        ([None, None], DTypeError, "cannot collate samples of type NoneType"),
    ],
)
def test_collate_refuses(samples, error, message):
    with pytest.raises(error, match=message):
        default_collate(samples)


# ---- the loader


def test_loader_yields_tensors_in_order():
    batches = list(DataLoader(Squares(), batch_size=5))
    assert [tuple(x.shape) for x, _ in batches] == [(5,), (5,), (3,)]
    assert batches[2][0].tolist() == [100, 121, 144]
    assert batches[2][1].tolist() == [10, 11, 12]


def test_loader_counts_batches():
    assert len(DataLoader(Squares(), 5)) == 3
    assert len(DataLoader(Squares(), 5, drop_last=True)) == 2
    assert len(list(DataLoader(Squares(), 5, drop_last=True))) == 2


def test_order_depends_on_seed_and_epoch_only():
    data = np.arange(101)
    loader = DataLoader(data, 7, shuffle=True, generator=seeded(3))
    first, second = order_of(loader), order_of(loader)
    assert sorted(first) == sorted(second) == list(range(101))
    assert first != second
    # another batch size, another use of the default generator, an epoch that was broken off: the same order
    again = DataLoader(data, 11, shuffle=True, generator=seeded(3))
    cr.randn(5)
    next(iter(again))
    assert order_of(again) == second
    assert order_of(DataLoader(data, 7, shuffle=True, generator=seeded(5))) != first


def test_loader_uses_the_functions_it_is_given():
    loader = DataLoader(
        Squares(), 2, sampler=[3, 1, 2], collate_fn=lambda samples: [i for _, i in samples]
    )
    assert list(loader) == [[3, 1], [2]]
    loader = DataLoader(
        Squares(), batch_sampler=[[3], [1, 2]], collate_fn=lambda samples: [i for _, i in samples]
    )
    assert list(loader) == [[3], [1, 2]]
    assert len(loader) == 2


def test_two_iterators_of_one_loader_do_not_disturb_each_other():
    data = Augmented(TensorDataset(np.arange(5)), lambda x, epoch, index: 10 * epoch + int(x))
    loader = DataLoader(data, 1)
    pairs = zip(loader, loader, strict=True)
    assert [(a[0].item(), b[0].item()) for a, b in pairs] == [(i, 10 + i) for i in range(5)]


def test_the_state_is_that_of_the_iterator_begun_last():
    loader = DataLoader(np.arange(11), 2)
    old, new = iter(loader), iter(loader)
    for iterator in (old, old, new, old):
        next(iterator)
    assert loader.state_dict() == {"epoch": 1, "batches": 1}


@pytest.mark.parametrize("delivered", [0, 1, 3, 8])
def test_a_loader_goes_on_where_its_state_was_taken(delivered):
    data = Augmented(TensorDataset(np.arange(41)), lambda x, epoch, index: 1000 * epoch + int(x))

    def loader():
        return DataLoader(data, 5, shuffle=True, generator=seeded(2))

    whole = loader()
    list(whole)
    expected = [batch[0].tolist() for batch in whole][delivered:] + [
        batch[0].tolist() for batch in whole
    ]

    stopped = loader()
    list(stopped)
    iterator = iter(stopped)
    for _ in range(delivered):
        next(iterator)
    state = stopped.state_dict()
    assert state == {"epoch": 1, "batches": delivered}
    resumed = loader()
    resumed.load_state_dict(state)
    assert resumed.state_dict() == state
    assert [b[0].tolist() for b in resumed] + [b[0].tolist() for b in resumed] == expected


def test_after_a_whole_epoch_the_next_one_is_due():
    loader = DataLoader(Squares(), 5)
    assert loader.state_dict() == {"epoch": 0, "batches": 0}
    list(loader)
    assert loader.state_dict() == {"epoch": 1, "batches": 0}


@pytest.mark.parametrize(
    "state",
    [{}, {"epoch": -1, "batches": 0}, {"epoch": 0, "batches": 4}, {"epoch": 0.0, "batches": 0}],
)
def test_loader_refuses_a_state_that_is_none(state):
    with pytest.raises(
        FormatError, match="expected the counts epoch and batches, with batches at most 3, found"
    ):
        DataLoader(Squares(), 5).load_state_dict(state)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_workers": -1}, "num_workers must be an integer of at least 0, found -1"),
        ({"num_workers": 1.0}, "num_workers must be an integer of at least 0, found 1.0"),
        (
            {"timeout": 1},
            r"DataLoader\(timeout=1\) is about worker processes: give num_workers too",
        ),
        ({"timeout": -1, "num_workers": 1}, "timeout must be a number of seconds from 0, found -1"),
        ({"prefetch_factor": 2}, r"DataLoader\(prefetch_factor=2\) is about worker processes"),
        (
            {"prefetch_factor": 0, "num_workers": 1},
            "prefetch_factor must be an integer of at least 1",
        ),
        ({"persistent_workers": True}, r"\(persistent_workers=True\) is about worker processes"),
        ({"multiprocessing_context": "fork"}, "'fork'\\) is about worker processes"),
        ({"in_order": False}, "would differ from run to run"),
        ({"batch_size": None, "drop_last": True}, "there is no last one to be dropped"),
        ({"shuffle": True, "sampler": [1]}, "shuffle=True cannot be given with it"),
        ({"batch_sampler": [[1]], "batch_size": 2}, "a batch_sampler decides the batches"),
        ({"batch_sampler": [[1]], "shuffle": True}, "a batch_sampler decides the batches"),
        ({"batch_sampler": [[1]], "drop_last": True}, "a batch_sampler decides the batches"),
        ({"batch_size": 0}, "batch_size must be"),
    ],
)
def test_loader_refuses_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        DataLoader(Squares(), **arguments)


def test_loader_refuses_what_is_not_a_data_set():
    with pytest.raises(DTypeError, match="or an IterableDataset, found a generator"):
        DataLoader(i for i in range(3))


def test_without_batches_samples_are_delivered_one_by_one():
    loader = DataLoader(Squares(), batch_size=None, sampler=[3, 5])
    assert len(loader) == 2
    assert [(x.item(), i) for x, i in loader] == [(9, 3), (25, 5)]
    assert list(DataLoader(["a", "b"], None)) == ["a", "b"]
    assert list(DataLoader(["a", "b"], None, collate_fn=str.upper)) == ["A", "B"]


def test_a_data_set_may_fetch_a_whole_batch():
    class Whole(Squares):
        def __getitems__(self, indices):
            return [100 * i for i in indices]

    assert order_of(DataLoader(Whole(), 3, sampler=[4, 2, 7, 1])) == [400, 200, 700, 100]
    assert order_of(DataLoader(Subset(Whole(), [5, 6]), 2)) == [500, 600]
    assert order_of(DataLoader(Subset([1, 2, 3], [2, 0]), 2)) == [3, 1]


def test_what_a_data_set_draws_depends_on_seed_epoch_and_batch_and_moves_nothing():
    class Noise(Dataset):
        def __len__(self):
            return 6

        def __getitem__(self, index):
            return cr.rand(2)

    def drawn(seed):
        return [
            [b.tolist() for b in loader]
            for loader in [DataLoader(Noise(), 2, generator=seeded(seed))]
            for _ in range(2)
        ]

    cr.manual_seed(7)
    expected = cr.rand(3).tolist()
    cr.manual_seed(7)
    first = drawn(3)
    assert cr.rand(3).tolist() == expected  # the program's own numbers go on as if nothing had been
    assert drawn(3) == first != drawn(4)
    flat = [tuple(row) for epoch in first for batch in epoch for row in batch]
    assert len(set(flat)) == len(flat) == 12


# ---- iterable-style data sets


class Counting(IterableDataset):
    """0 to n − 1, shared out among workers."""

    def __init__(self, n, sized=False):
        self.n = n
        self.epoch = -1
        if sized:
            self.__class__ = type("Sized", (Counting,), {"__len__": lambda self: self.n})

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __iter__(self):
        info = get_worker_info()
        start, step = (0, 1) if info is None else (info.id, info.num_workers)
        return iter([1000 * self.epoch + i for i in range(start, self.n, step)])


@pytest.mark.parametrize(("drop_last", "sizes"), [(False, [3, 3, 1]), (True, [3, 3])])
def test_iterable_data_sets(drop_last, sizes):
    loader = DataLoader(Counting(7), 3, drop_last=drop_last)
    assert [len(b) for b in loader] == sizes
    assert order_of(loader) == [1000 + i for i in range(sum(sizes))]
    with pytest.raises(TypeError, match="Counting does not define __len__"):
        len(loader)
    assert len(DataLoader(Counting(7, sized=True), 3, drop_last=drop_last)) == len(sizes)
    assert list(DataLoader(Counting(3), None)) == [0, 1, 2]


@pytest.mark.parametrize("sized", [False, True])
@pytest.mark.parametrize("delivered", [0, 1, 2, 3])
def test_iterable_data_sets_go_on_where_their_state_was_taken(delivered, sized):
    whole = [b.tolist() for b in DataLoader(Counting(8, sized), 3)]
    loader = DataLoader(Counting(8, sized), 3)
    iterator = iter(loader)
    for _ in range(delivered):
        next(iterator)
    state = loader.state_dict()
    again = DataLoader(Counting(8, sized), 3)
    again.load_state_dict(state)
    if sized and delivered == 3:
        assert state == {"epoch": 1, "batches": 0}
    else:
        assert [b.tolist() for b in again] == whole[delivered:]
        assert again.state_dict() == {"epoch": 1, "batches": 0}
    assert order_of(again) == [1000 + i for i in range(8)]


@pytest.mark.parametrize("name", ["shuffle", "sampler", "batch_sampler"])
def test_iterable_data_sets_decide_their_order_themselves(name):
    with pytest.raises(ValueError, match="an IterableDataset decides its order itself"):
        DataLoader(Counting(3), **{name: True})
    with pytest.raises(ValueError, match="batch_size must be an integer of at least 1, found 0"):
        DataLoader(Counting(3), 0)


# ---- data sets made of others


def test_data_sets_are_added():
    both = Squares() + Subset(Squares(), [2])
    assert len(both) == 14 and both[13] == (4, 2) and both[-14] == (0, 0)
    chained = Counting(2) + Counting(3)
    chained.set_epoch(0)
    assert list(chained) == [0, 1, 0, 1, 2]
    assert len(Counting(2, True) + Counting(3, True)) == 5


@pytest.mark.parametrize("index", [5, -6])
def test_concatenated_data_sets_refuse_indices_that_are_not_there(index):
    with pytest.raises(IndexError, match=f"index {index}, but there are 5 samples"):
        ConcatDataset(["abc", "de"])[index]


def test_data_sets_that_do_not_fit_together_are_refused():
    with pytest.raises(ShapeError, match="at least one data set"):
        ConcatDataset([])
    with pytest.raises(DTypeError, match="a Counting, which is iterable-style; use ChainDataset"):
        ConcatDataset([Counting(3)])
    with pytest.raises(DTypeError, match="takes iterable-style data sets, found a str"):
        ChainDataset(["abc"])
    with pytest.raises(ShapeError, match=r"of the same length, found \[2, 3\]"):
        StackDataset("ab", "abc")
    with pytest.raises(ShapeError, match="of the same length, found none"):
        StackDataset()
    with pytest.raises(ValueError, match="with names or without, not both"):
        StackDataset("ab", x="ab")
    with pytest.raises(TypeError, match="IterableDataset does not define __iter__"):
        iter(IterableDataset())


def test_the_epoch_reaches_every_data_set_below():
    def made():
        return Augmented(TensorDataset(np.arange(2)), lambda x, epoch, index: (epoch, int(x)))

    for both in (
        ConcatDataset([made(), made()]),
        StackDataset(made(), made()),
        StackDataset(a=made()),
    ):
        both.set_epoch(5)
        assert "5" in str(both[1])


@pytest.mark.parametrize(
    ("lengths", "sizes"),
    [([4, 0, 7], [4, 0, 7]), ([0.5, 0.5], [6, 5]), ([0.3, 0.3, 0.4], [4, 3, 4]), ([1.0], [11])],
)
def test_random_split(lengths, sizes):
    parts = random_split(range(11), lengths, seeded(3))
    assert [len(part) for part in parts] == sizes
    drawn = [part[k] for part in parts for k in range(len(part))]
    assert sorted(drawn) == list(range(11)) and drawn != list(range(11))
    again = random_split(range(11), lengths, seeded(3))
    assert [part.indices for part in again] == [part.indices for part in parts]


def test_random_split_advances_the_generator():
    generator = seeded(3)
    first, second = (random_split(range(11), [11], generator)[0].indices for _ in range(2))
    assert first != second


@pytest.mark.parametrize("lengths", [[4, 6], [0.5, 0.6], [1.5, -0.5], [12, -1], [5.5, 5.5]])
def test_random_split_refuses(lengths):
    with pytest.raises(ShapeError, match="random_split: .*found"):
        random_split(range(11), lengths)


# ---- more samplers


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


def test_the_loader_counts_epochs_for_a_sampler_that_nobody_tells_them():
    """And begins where a program that tells them does, or where its state says."""
    data = list(range(17))
    told = DistributedSampler(data, 2, 0)
    loader, other = (DataLoader(data, 9, sampler=s) for s in (DistributedSampler(data, 2, 0), told))
    for epoch in range(3):
        told.set_epoch(epoch)
        assert order_of(loader) == list(told) == order_of(other)
    again = DataLoader(data, 9, sampler=DistributedSampler(data, 2, 0))
    again.load_state_dict({"epoch": 2, "batches": 0})
    assert order_of(again) == list(told)


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


def test_default_convert_leaves_what_is_no_array():
    found = default_convert(
        {"a": (np.ones(2), 3), "p": Point(np.int8(1), "x"), "s": np.array(["x"])}
    )
    assert found["a"][0].tolist() == [1, 1] and found["a"][1] == 3
    assert isinstance(found["p"], Point) and found["p"].x.dtype == cr.int8
    assert found["s"].tolist() == ["x"]
