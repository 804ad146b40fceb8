"""Generators: where random ops get their state from.

A generator is a Philox stream (a seed) and a place in it (an offset). Drawing n elements advances
the offset by the words they take, so the state is two integers, which checkpoints save and a traced
program takes as an input.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import ops
from ..base import shapes
from ..base.errors import FormatError
from ..ops.random import WORDS
from ..tape.modes import modes

__all__ = [
    "Generator",
    "default_generator",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]


class Generator:
    """A stream of random numbers: `Generator().manual_seed(7)`."""

    def __init__(self, device: Any = "cpu"):
        # PyTorch's default seed; any constant would do
        self._seed, self._offset = (
            67280421310721,
            0,
        )

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream that this seed names, from its beginning."""
        if modes.trace is not None:
            modes.trace.refuse(
                "seeding inside a traced function would happen only once", "seed before calling it"
            )
        self._seed, self._offset = int(seed) % 2**63, 0
        return self

    def seed(self) -> int:
        """Seed from the operating system's randomness; returns the seed."""
        self.manual_seed(secrets.randbits(62))
        return self._seed

    def initial_seed(self) -> int:
        """The seed in use."""
        return self._seed

    def get_state(self) -> Any:
        """(seed, offset) as an int64 tensor."""
        from .core import Tensor

        return Tensor(np.array([self._seed, self._offset], np.int64))

    def set_state(self, state: Any) -> Generator:
        """Go to a state that get_state gave."""
        values = np.asarray(state)
        if values.shape != (2,) or values.dtype != np.int64 or (values < 0).any():
            raise FormatError(
                f"a generator state is two non-negative int64 numbers (seed, offset), found {values.dtype} {values.shape}"
            )
        self._seed, self._offset = int(values[0]), int(values[1])
        return self

    def state(self) -> np.ndarray:
        """(seed, offset) as the raw array that random ops take."""
        return np.array([self._seed, self._offset], np.int64)

    def advance(self, words: int) -> None:
        """Move on by as many 32-bit words."""
        self._offset += words

    def mark(self) -> Any:
        """A place to come back to with `rewound`."""
        return (self._seed, self._offset) if modes.trace is None else modes.trace.random_mark(self)

    @contextlib.contextmanager
    def rewound(self, mark: Any) -> Iterator[None]:
        """A block that draws again from a mark on; afterwards the generator is where it was.
        Nothing changes if the mark is None.
        """
        if mark is None:
            yield
        elif modes.trace is not None:
            with modes.trace.random_rewound(self, mark):
                yield
        else:
            before = self._seed, self._offset
            self._seed, self._offset = mark
            try:
                yield
            finally:
                self._seed, self._offset = before

    def take(self, words: int) -> tuple[Any, int]:
        """(state, skip) for a random op that draws this many words, which are then given away."""
        if modes.trace is not None:
            return modes.trace.random(self, words)
        state = self.state()
        self.advance(words)
        return state, 0

    def draw(self, op: ops.Op, shape: tuple, **attrs: Any) -> Any:
        """A raw value of a random op, and the offset moved on by what it took."""
        state, skip = self.take(WORDS[op.name] * shapes.size(shape))
        return op(state, shape=shape, skip=skip, **attrs)


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Seed the default generator, from which everything random is drawn unless a generator is
    named.
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Seed the default generator from the operating system's randomness; returns the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """The default generator's seed."""
    return default_generator.initial_seed()


def get_rng_state() -> Any:
    """The default generator's state."""
    return default_generator.get_state()


def set_rng_state(state: Any) -> None:
    """Set the default generator's state."""
    default_generator.set_state(state)
