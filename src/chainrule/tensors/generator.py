"""Generators: where random ops get their state from.

A generator has two streams, which one seed names:

- Random ops draw from a Philox stream and a place in it (an offset). Drawing n elements advances
  the offset by the words they take, so the state is two integers, which a traced program takes as
  an input; eager and compiled, on any number of threads, the same bits are drawn.
- Initial weights (`nn.init`, hence the layers) are drawn from a Mersenne Twister, as PyTorch draws
  them: the same seed gives a model PyTorch's own initial weights. This happens once, eagerly.

Neither moves the other. `get_state` describes the places in both.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import ops
from ..base import shapes
from ..base.errors import FormatError
from ..ops.random import WORDS
from ..tape.modes import modes
from .device import device_of, placing
from .twister import Twister

__all__ = [
    "Generator",
    "default_generator",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]


DEFAULT_SEED = 67280421310721  # PyTorch's


class Generator:
    """A source of random numbers: `Generator().manual_seed(7)`."""

    def __init__(self, device: Any = "cpu"):
        self.device = device_of(device)
        self._seed, self._offset = DEFAULT_SEED, 0
        self.weights = Twister(DEFAULT_SEED)
        """The stream of initial weights."""

    def manual_seed(self, seed: int) -> Generator:
        """Start the streams that this seed names, from their beginning."""
        if modes.trace is not None:
            modes.trace.refuse(
                "seeding inside a traced function would happen only once", "seed before calling it"
            )
        self._seed, self._offset = int(seed) % 2**63, 0
        self.weights = Twister(self._seed)
        return self

    def seed(self) -> int:
        """Seed from the operating system's randomness; returns the seed."""
        self.manual_seed(int.from_bytes(os.urandom(8), "little") >> 2)
        return self._seed

    def initial_seed(self) -> int:
        """The seed in use."""
        return self._seed

    def get_state(self) -> Any:
        """The places in both streams, as an int64 tensor of five numbers.

        (seed, offset, words drawn for initial weights, 1 if the second of a pair of normal numbers
        is left over from these, its float64 bits as an int64). The last two are 0 if none is.
        """
        from .making import made_of

        half = self.weights.half
        bits = 0 if half is None else int(np.float64(half).view(np.int64))
        place = [self._seed, self._offset, self.weights.drawn, int(half is not None), bits]
        with placing("cpu"):
            return made_of(np.array(place, np.int64))

    def set_state(self, state: Any) -> Generator:
        """Go to a state that get_state gave. Two numbers (seed, offset), as older versions saved
        them, begin the stream of initial weights anew.
        """
        values = np.asarray(state)
        if (
            values.shape not in ((2,), (5,))
            or values.dtype != np.int64
            or (values[:4] < 0).any()
            or (values[3:4] > 1).any()
        ):
            raise FormatError(
                "a generator state is five int64 numbers: seed, offset, words drawn for initial "
                "weights, 1 if a normal number is left over, its bits; none but the last negative\n"
                f"  found {values.dtype} {values.shape}"
                + (f": {values.tolist()}" if values.size <= 5 else "")
            )
        seed, offset, drawn, kept = [*values[:4].tolist(), 0, 0][:4]
        self._go(seed, offset, drawn, float(values[4].view(np.float64)) if kept else None)
        return self

    def _go(self, seed: int, offset: int, drawn: int, half: float | None) -> None:
        self._seed, self._offset = seed, offset
        if self.weights.seed != seed:
            self.weights = Twister(seed)
        self.weights.go(drawn, half)

    def state(self) -> np.ndarray:
        """(seed, offset): the raw array that random ops take."""
        return np.array([self._seed, self._offset], np.int64)

    def advance(self, words: int) -> None:
        """Move on by as many 32-bit words."""
        self._offset += words

    def mark(self) -> Any:
        """A place to come back to with `rewound`."""
        if modes.trace is not None:
            return modes.trace.random_mark(self)
        return self._seed, self._offset, self.weights.drawn, self.weights.half

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
            before = self.mark()
            self._go(*mark)
            try:
                yield
            finally:
                self._go(*before)

    def take(self, words: int, beside: Any = None) -> tuple[Any, int]:
        """(state, skip) for a random op that draws this many words, which are then given away. The op may work on
        a tensor: if that is on the device "meta", nothing is drawn.
        """
        if modes.meta is not None or (beside is not None and beside.is_meta):
            return self.state(), 0
        if modes.trace is not None:
            return modes.trace.random(self, words)
        state = self.state()
        self.advance(words)
        return state, 0

    def draw(self, op: ops.Op, shape: tuple, **attrs: Any) -> Any:
        """A raw value of a random op, and the offset moved on by what it took."""
        before = self._offset
        try:
            state, skip = self.take(WORDS[op.name] * shapes.size(shape))
            return op(state, shape=shape, skip=skip, **attrs)
        except Exception:
            self._offset = before  # nothing was drawn
            raise


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
