"""Data sets, samplers, collation and the loader."""

from collections import namedtuple

import numpy as np
import pytest

import chainrule as cr
from chainrule.base.errors import DTypeError, FormatError, ShapeError
from chainrule.data import (
    Augmented,
    BatchSampler,
    DataLoader,
    Dataset,
    RandomSampler,
    RandomShift,
    Sampler,
    SequentialSampler,
    Subset,
    TensorDataset,
    default_collate,
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
    assert text == ["a", "a"]


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
        ({"num_workers": 2}, r"DataLoader\(num_workers=2\): worker processes are not supported"),
        ({"num_workers": -1}, "worker processes are not supported"),
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
    with pytest.raises(
        DTypeError, match="found a generator without; iterable-style data sets are not supported"
    ):
        DataLoader(i for i in range(3))
