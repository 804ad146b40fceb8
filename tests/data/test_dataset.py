"""Data sets: of arrays, of parts of others, of several together, split at random."""

import numpy as np
import pytest
from data.small_sets import Counting, Squares, seeded

import chainrule as cr
from chainrule.base.errors import DTypeError, ShapeError
from chainrule.data import (
    Augmented,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    Sampler,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)


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
