"""Training images moved at random: by what the seed, the epoch and the index say, and by nothing else."""

import numpy as np
import pytest

from chainrule.base.errors import ShapeError
from chainrule.data import RandomShift


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
