"""Random numbers by counting: each is a pure function of (seed, stream, epoch, index), and of
nothing else.

There is no state to save, to advance or to share: a shuffle or a shift can be drawn again at any
time, in any order, by any number of workers, and comes out the same on every machine and with every
version of NumPy. Splits, shuffles and augmentation use it. It is the Philox generator of the ops
(`randn`, `dropout`), read in regions that no program reaches by drawing: a stream starts at word
2⁶⁰ · stream, an epoch at every 2³³ words of it.
"""

from __future__ import annotations

import functools

import numpy as np

from ..backends import xp

__all__ = [
    "AUGMENT",
    "CHOICE",
    "DRAW",
    "FETCH",
    "SHIFT",
    "SHUFFLE",
    "SPLIT",
    "few",
    "permutation",
    "uniform",
    "word",
    "words",
]

# streams: what a number is for, so that no two uses share theirs
SPLIT, SHUFFLE, SHIFT, CHOICE, AUGMENT, FETCH, DRAW = 1, 2, 3, 4, 5, 6, 7
EPOCH_WORDS = 1 << 33
EPOCHS = (1 << 60) // EPOCH_WORDS
BLOCK = 1024  # words that `word` computes at once, because one costs as much


def words(seed: int, stream: int, epoch: int, first: int, count: int) -> np.ndarray:
    """The random words `first`, `first` + 1, … of one epoch of one stream.

    Args:
        seed: its lowest 64 bits count.
        stream: what the numbers are for: `SPLIT`, `SHUFFLE` or `SHIFT`.
        epoch: how often the data have been gone through before, below 2²⁷.
        first, count: which words, below 2³³ in all.

    Returns:
        uint32, shape (count,).

    >>> words(0, SHUFFLE, epoch=0, first=0, count=3).tolist()
    [2579844480, 327140687, 2060847092]
    """
    return xp.philox(seed & 0xFFFFFFFFFFFFFFFF, _offset(stream, epoch, first, count), count)


def _offset(stream: int, epoch: int, first: int, count: int) -> int:
    if not (0 <= epoch < EPOCHS and 0 <= first and first + count <= EPOCH_WORDS):
        raise ValueError(
            f"an epoch is from 0 to {EPOCHS - 1} and has {EPOCH_WORDS} random words, "
            f"found words {first} to {first + count} of epoch {epoch}"
        )
    return (stream * EPOCHS + epoch) * EPOCH_WORDS + first


def few(seed: int, stream: int, epoch: int, first: int, count: int) -> list[int]:
    """As `words`, for a handful of them: in Python's integers, where NumPy's calls would cost thirty
    times as much as the arithmetic.

    >>> few(0, SHUFFLE, epoch=0, first=0, count=3)
    [2579844480, 327140687, 2060847092]

    Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", Philox-4×32-10.
    """
    offset = _offset(stream, epoch, first, count)
    start, found = offset // 4, []
    for c in range(start, (offset + count + 3) // 4):
        a, b = seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF
        x0, x1, x2, x3 = c & 0xFFFFFFFF, c >> 32, 0, 0
        for _ in range(10):
            p0, p1 = x0 * 0xD2511F53, x2 * 0xCD9E8D57
            x0, x1 = (p1 >> 32) ^ x1 ^ a, p1 & 0xFFFFFFFF
            x2, x3 = (p0 >> 32) ^ x3 ^ b, p0 & 0xFFFFFFFF
            a, b = (a + 0x9E3779B9) & 0xFFFFFFFF, (b + 0xBB67AE85) & 0xFFFFFFFF
        found += [x0, x1, x2, x3]
    return found[offset - 4 * start :][:count]


@functools.lru_cache(maxsize=1024)
def _block(seed: int, stream: int, epoch: int, block: int) -> list[int]:
    return words(seed, stream, epoch, block * BLOCK, BLOCK).tolist()


def word(seed: int, stream: int, epoch: int, index: int) -> int:
    """The one random word of this index, 0 to 2³² − 1.

    >>> word(0, SHUFFLE, epoch=0, index=2) in words(0, SHUFFLE, epoch=0, first=2, count=1)
    True
    """
    return _block(seed, stream, epoch, index // BLOCK)[index % BLOCK]


def permutation(count: int, seed: int, stream: int, epoch: int = 0, first: int = 0) -> np.ndarray:
    """The numbers 0 to `count` − 1 in random order: sorted by 64 random bits of each, which begin
    at word `first`.

    Returns:
        int64, shape (count,).

    >>> permutation(5, seed=0, stream=SHUFFLE).tolist()
    [4, 1, 0, 3, 2]
    """
    pairs = words(seed, stream, epoch, first, 2 * count).reshape(count, 2).astype(np.uint64)
    bits = (pairs[:, 0] << np.uint64(32)) | pairs[:, 1]
    return np.argsort(bits, kind="stable")


def uniform(count: int, seed: int, stream: int, epoch: int = 0, first: int = 0) -> np.ndarray:
    """Random numbers u with 0 ≤ u < 1, of 53 bits each, which begin at word `first`.

    Returns:
        float64, shape (count,).

    >>> uniform(2, seed=0, stream=CHOICE).round(3).tolist()
    [0.069, 0.619]
    """
    pairs = words(seed, stream, epoch, first, 2 * count).reshape(count, 2).astype(np.uint64)
    bits = ((pairs[:, 0] << np.uint64(32)) | pairs[:, 1]) >> np.uint64(11)
    return bits * 2.0**-53
