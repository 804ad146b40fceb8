"""The random numbers of one sample."""

from __future__ import annotations

import math

import numpy as np

from ..counter import AUGMENT, DRAW, few, uniform

__all__ = ["RandomStream"]

LANES = 64  # streams of one sample that know nothing of each other


class RandomStream:
    """Random numbers that depend on (seed, epoch, index) and on how many were drawn before.

    Args:
        seed, epoch, index: of the sample.
        lane: which of the 64 streams of the sample.

    >>> stream = RandomStream(seed=3, epoch=0, index=7)
    >>> first = stream.uniform(), stream.integer(10)
    >>> again = RandomStream(3, 0, 7)
    >>> first == (again.uniform(), again.integer(10))
    True
    """

    def __init__(self, seed: int, epoch: int = 0, index: int = 0, lane: int = 0):
        if not 0 <= lane < LANES:
            raise ValueError(f"a sample has the random streams 0 to {LANES - 1}, found {lane}")
        self.seed, self.epoch, self.index = seed, epoch, index
        high, low = few(seed, AUGMENT, epoch, 2 * (index * LANES + lane), 2)
        self._key, self._drawn = high << 32 | low, 0
        self._block, self._words = -1, [0]  # the generator gives four words at once

    def lane(self, number: int) -> RandomStream:
        """Another stream of the same sample."""
        return RandomStream(self.seed, self.epoch, self.index, number)

    def word(self) -> int:
        """32 random bits: 0 to 2³² − 1."""
        block, place = divmod(self._drawn, 4)
        if block != self._block:
            self._block, self._words = block, few(self._key, DRAW, 0, 4 * block, 4)
        self._drawn += 1
        return self._words[place]

    def integer(self, count: int) -> int:
        """One of 0 to `count` − 1, all alike."""
        return (self.word() * count) >> 32

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """A number u with low ≤ u < high."""
        return low + (high - low) * (self.word() / 2**32)

    def uniforms(self, count: int) -> np.ndarray:
        """Numbers u with 0 ≤ u < 1: float64 (count,)."""
        found = uniform(count, self._key, DRAW, 0, self._drawn)
        self._drawn += 2 * count
        return found

    def normals(self, count: int) -> np.ndarray:
        """Numbers of the normal distribution with mean 0 and deviation 1: float64 (count,).

        Source: Box and Muller 1958.
        """
        pairs = (count + 1) // 2
        u, v = self.uniforms(2 * pairs).reshape(2, pairs)
        radius = np.sqrt(-2 * np.log1p(-u))  # 1 − u is above 0
        both = np.concatenate([radius * np.cos(2 * np.pi * v), radius * np.sin(2 * np.pi * v)])
        return both[:count]

    def gamma(self, shape: float) -> float:
        """A number of the gamma distribution with this shape, scale 1.

        Source: Marsaglia and Tsang 2000, "A simple method for generating gamma variables".
        """
        if shape < 1:  # a power of u brings the shape down by one
            return self.gamma(shape + 1) * (1 - self.uniform()) ** (1 / shape)
        d = shape - 1 / 3
        c = 1 / math.sqrt(9 * d)
        while True:
            [x] = self.normals(1).tolist()
            v = (1 + c * x) ** 3
            if v > 0 and math.log1p(-self.uniform()) < x * x / 2 + d * (1 - v + math.log(v)):
                return d * v

    def beta(self, a: float, b: float) -> float:
        """A number of the beta distribution: from 0 to 1."""
        x, y = self.gamma(a), self.gamma(b)
        return x / (x + y) if x + y > 0 else float(self.uniform() < a / (a + b))
