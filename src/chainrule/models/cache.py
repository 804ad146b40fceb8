"""The keys and values of what a decoder has read, so that a new token looks at them without computing them again.

Memory is made once, for the longest sequence; the position is a tensor. So a decoding step has the same shapes every
time, and a compiled one is written once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..tensors import Tensor, arange, cat, int64, zeros

__all__ = ["ROOM", "Cache"]

ROOM = 64
"""Caches are made for a multiple of so many tokens."""


class Cache(NamedTuple):
    """`position` () int64, how many steps are filled; per layer `keys` and `values` (B, H, longest, D)."""

    position: Tensor
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]

    @staticmethod
    def empty(
        layers: int, batch: int, heads: int, longest: int, size: int, dtype: Any = None
    ) -> Cache:
        """A cache in which nothing is filled."""

        def memory() -> tuple[Tensor, ...]:
            return tuple([zeros(batch, heads, longest, size, dtype=dtype) for _ in range(layers)])

        return Cache(zeros((), dtype=int64), memory(), memory())

    @property
    def longest(self) -> int:
        """Steps there is memory for."""
        return self.keys[0].shape[2]

    def with_room(self, steps: int) -> Cache:
        """This one if so many more steps fit in, else a copy with more memory."""
        needed = int(self.position) + steps
        if needed <= self.longest:
            return self
        more = needed + ROOM - self.longest

        def longer(x: Tensor) -> Tensor:
            B, H, _, D = x.shape
            return cat([x, zeros(B, H, more, D, dtype=x.dtype)], dim=2)

        keys, values = [tuple([longer(x) for x in part]) for part in (self.keys, self.values)]
        return Cache(self.position.clone(), keys, values)

    def places(self, steps: int) -> Tensor:
        """Where the next steps go, (steps,)."""
        return self.position + arange(steps)

    def put(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write the next steps of a layer, (B, H, T, D); all of it, as (B, H, longest, D). The position stays: other
        layers have the same steps to write.
        """
        at = self.places(keys.shape[2])
        self.keys[layer].index_copy_(2, at, keys.detach())
        self.values[layer].index_copy_(2, at, values.detach())
        return self.keys[layer], self.values[layer]

    def seen(self, steps: int) -> Tensor:
        """Which steps the next ones may look at, bool (steps, longest): those before, and themselves."""
        return arange(self.longest) <= self.places(steps).unsqueeze(1)

    def choose(self, rows: Tensor) -> None:
        """Keep some sequences of the batch, in another order, a row may come twice (beam search)."""
        for memory in (*self.keys, *self.values):
            memory.copy_(memory.index_select(0, rows))
