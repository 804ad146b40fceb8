"""The random numbers of splits, shuffles and shifts: the same for ever, and different for every
purpose.
"""

import numpy as np
import pytest

from chainrule.data import counter


def test_words_never_change():
    # Recorded once: another NumPy, machine or refactoring must draw the same numbers, or the split would change.
    assert counter.words(7, counter.SHUFFLE, epoch=3, first=2, count=3).tolist() == [
        974537457,
        3426999951,
        679701135,
    ]


def test_a_word_does_not_depend_on_its_neighbours():
    whole = counter.words(5, counter.SHIFT, epoch=2, first=0, count=2311)
    assert (
        counter.words(5, counter.SHIFT, epoch=2, first=1009, count=13).tolist()
        == whole[1009:1022].tolist()
    )
    for index in (0, 1023, 1024, 2310):
        assert counter.word(5, counter.SHIFT, 2, index) == whole[index]


@pytest.mark.parametrize("change", ["seed", "stream", "epoch"])
def test_every_field_of_the_counter_counts(change):
    fields = {"seed": 3, "stream": counter.SHUFFLE, "epoch": 5}
    other = {**fields, change: 1}
    assert not np.isin(
        counter.words(**fields, first=0, count=101), counter.words(**other, first=0, count=101)
    ).any()


def test_streams_are_apart_from_what_ops_draw():
    from chainrule.backends import xp

    assert not np.isin(counter.words(3, 1, 0, 0, 101), xp.philox(3, 0, 101)).any()


def test_negative_and_large_seeds_are_their_lowest_64_bits():
    assert (
        counter.word(-1, 1, 0, 0)
        == counter.word(2**64 - 1, 1, 0, 0)
        == counter.word(2**65 - 1, 1, 0, 0)
    )


def test_permutation_has_every_number_once():
    order = counter.permutation(1013, seed=2, stream=counter.SHUFFLE)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(1013))
    assert order.tolist() != list(range(1013))


def test_permutations_are_fair():
    # each of the 6 orders of 3 things in 6000 epochs: about 1000 times, standard deviation 29
    orders = [tuple(counter.permutation(3, 11, counter.SHUFFLE, e).tolist()) for e in range(6000)]
    counts = [orders.count(order) for order in sorted(set(orders))]
    assert len(counts) == 6
    assert all(abs(n - 1000) < 150 for n in counts)


@pytest.mark.parametrize(
    ("epoch", "first", "count"), [(-1, 0, 1), (2**27, 0, 1), (0, -1, 1), (0, 2**33 - 1, 2)]
)
def test_outside_of_an_epoch_is_refused(epoch, first, count):
    with pytest.raises(
        ValueError, match="an epoch is from 0 to 134217727 and has 8589934592 random words"
    ):
        counter.words(0, 1, epoch, first, count)
