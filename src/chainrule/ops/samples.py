"""What an op's record says of its own samples: operand shapes and ranges from which checks, tests
and docs draw.

    samples=(S(F(5, 3), dim=1), S(F(7), I(11, high=7), dim=0))

Sizes are distinct primes, so that a transposed or swapped axis cannot pass unseen.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .record import Op

__all__ = ["B", "Draw", "F", "I", "M", "P", "S", "Sample", "samples_of", "symmetric_call"]


class Draw(NamedTuple):
    """One operand to draw: `kind` f (uniform floats), i (integers), b (bools), or floats that are
    matrices: m (far from singular) and s (symmetric and positive definite; checks move them
    symmetrically too).
    """

    shape: tuple[int, ...]
    kind: str
    low: float
    high: float

    def array(self, rng: np.random.Generator, dtype: Any = np.float64) -> np.ndarray:
        """A sample; floats have the asked dtype, integers are int64."""
        if self.kind == "i":
            return rng.integers(int(self.low), int(self.high), self.shape)
        if self.kind == "b":
            return np.asarray(rng.random(self.shape) < 0.5)
        n = int(np.prod(self.shape))
        x = self.low + (self.high - self.low) * (
            rng.permutation(n) + rng.uniform(0.25, 0.75, n)
        ) / max(n, 1)
        # stratified: no two values closer than half a step, so order is stable
        return np.asarray(self._matrices(x.reshape(self.shape)), dtype)

    def _matrices(self, x: np.ndarray) -> np.ndarray:
        """Drawn floats as the matrices asked for, if they are square."""
        if self.kind not in "ms" or x.ndim < 2 or x.shape[-1] != x.shape[-2]:
            return x
        x, one = x / 3, np.eye(x.shape[-1])
        return x + len(one) * one if self.kind == "m" else x @ x.swapaxes(-1, -2) + one


class Sample(NamedTuple):
    """One call of an op: what to draw for each operand (None, numbers and arrays stand for
    themselves), and attributes.
    """

    operands: tuple
    attributes: dict

    def draw(self, seed: int = 0, dtype: Any = np.float64) -> list:
        """The operands, drawn."""
        rng = np.random.default_rng(seed)
        return [o.array(rng, dtype) if isinstance(o, Draw) else o for o in self.operands]


def F(*shape: int, low: float = -3.0, high: float = 3.0) -> Draw:
    """Floats between low and high."""
    return Draw(shape, "f", low, high)


def I(*shape: int, low: int = 0, high: int) -> Draw:  # noqa: E743 - stands beside F and B
    """Integers from low up to, not including, high."""
    return Draw(shape, "i", low, high)


def B(*shape: int) -> Draw:
    """Bools."""
    return Draw(shape, "b", 0, 1)


def M(*shape: int) -> Draw:
    """Matrices far from singular, if they are square."""
    return Draw(shape, "m", -3.0, 3.0)


def P(*shape: int) -> Draw:
    """Symmetric, positive definite matrices."""
    return Draw(shape, "s", -3.0, 3.0)


def symmetric_call(sample: Sample, call: Any) -> Any:
    """A call that takes the symmetric part of the operands that a sample draws symmetric (kind s): of
    those an op reads one triangle, and a check that moved the other would see nothing.
    """

    def run(*args: Any) -> Any:
        return call(*[
            (a + a.mT) * 0.5 if isinstance(o, Draw) and o.kind == "s" else a
            for o, a in zip(sample.operands, args, strict=True)
        ])  # fmt: skip

    return run


def S(*operands: Any, **attributes: Any) -> Sample:
    """A sample call."""
    return Sample(operands, attributes)


def samples_of(op: Op) -> tuple[Sample, ...]:
    """The samples of an op: its own, or for elementwise ops with none, plain, broadcast, 0-d and
    0-size calls over its domain.
    """
    if op.samples is not None:
        return tuple(op.samples)
    if op.kind.name != "elementwise":
        return ()
    low, high = op.domain
    n = len(op.operands)
    by_arity: dict[int, list] = {
        1: [((5, 3),), ((),), ((0, 3),)],
        2: [((5, 3), (5, 3)), ((5, 1), (3,)), ((), (7,)), ((0, 3), (3,))],
        3: [((5, 3),) * 3, ((5, 1), (3,), ())],
    }
    return tuple(
        [S(*[F(*s, low=low, high=high) for s in group], **op.defaults) for group in by_arity[n]]
    )
