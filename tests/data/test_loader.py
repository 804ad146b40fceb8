"""The loader: batches in order, the state from which it goes on, arguments that it refuses; iterable-style data sets."""

import numpy as np
import pytest
from data.small_sets import Counting, Squares, order_of, seeded

import chainrule as cr
from chainrule.base.errors import DTypeError, FormatError, TraceError
from chainrule.data import (
    Augmented,
    DataLoader,
    Dataset,
    DistributedSampler,
    Subset,
    TensorDataset,
)
from chainrule.graph import trace


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


def test_a_loop_inside_a_traced_function_is_refused():
    @trace
    def epoch():
        return [x for (x,) in DataLoader(TensorDataset(np.zeros(3)))]

    with pytest.raises(
        TraceError, match="(?s)a loop over a DataLoader.*hint: compile what is done"
    ):
        epoch()
