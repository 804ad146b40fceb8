"""Random numbers: pure functions of the generator's state.

The state is an int64 array (seed, offset) of a Philox stream; `skip` is how many of its words were
drawn before in the same program. Every element takes a fixed number of words, so the same seed
gives the same numbers eager and compiled, on any number of threads.
"""

from __future__ import annotations

from typing import Any

from ..backends import xp
from ..base import dtypes, shapes
from .kinds import random
from .promotion import Spec
from .record import Op, primitive
from .samples import S

WORDS = {"uniform": 1, "normal": 2, "random_integers": 2}
"""32-bit words drawn per element."""


def _words(state: Any, skip: int, count: int) -> Any:
    return xp.philox(int(state[0]) & 0xFFFFFFFFFFFFFFFF, int(state[1]) + skip, count)


def _random_law(
    op: Op, state: Spec, *, shape: tuple, dtype: dtypes.DType, skip: int, **attrs: Any
) -> Spec:
    """The shape and dtype asked for."""
    return Spec(tuple(shape), dtype)


def _typed(args: tuple, attrs: dict) -> dict:
    return attrs | {"dtype": dtypes.of_value(attrs["dtype"])}


_STATE = xp.asarray([7, 0])


@primitive(
    random,
    law=_random_law,
    normalize=_typed,
    samples=(S(_STATE, shape=(5, 3), dtype=dtypes.float64, skip=0),),
)
def uniform(state, /, *, shape, dtype=dtypes.float32, skip=0):
    """Uniform numbers in [0, 1): the upper 24 bits of a word over 2²⁴ (in float16 and bfloat16
    the upper 11 and 8).
    """
    bits = {"float16": 11, "bfloat16": 8}.get(dtype.name, 24)
    words = _words(state, skip, shapes.size(shape)) >> xp.asarray(32 - bits, "uint32")
    return xp.convert((words * xp.asarray(2.0**-bits, "float32")).reshape(shape), dtype)


@primitive(
    random,
    law=_random_law,
    normalize=_typed,
    samples=(S(_STATE, shape=(5, 3), dtype=dtypes.float64, skip=0),),
)
def normal(state, /, *, shape, dtype=dtypes.float32, skip=0):
    """Standard normal numbers,  √(−2 ln u₁) · cos(2π u₂)  of two words each.  Source: Box &
    Muller 1958.
    """
    n = shapes.size(shape)
    words = _words(state, skip, 2 * n).reshape(n, 2) >> xp.asarray(8, "uint32")
    kind = "float64" if dtype is dtypes.float64 else "float32"
    u = (xp.asarray(words, kind) + xp.asarray(0.5, kind)) * xp.asarray(2.0**-24, kind)
    y = xp.sqrt(-2 * xp.log(u[:, 0])) * xp.cos(xp.asarray(6.283185307179586, kind) * u[:, 1])
    return xp.convert(y.reshape(shape), dtype)


@primitive(
    random,
    law=_random_law,
    normalize=_typed,
    samples=(S(_STATE, low=-3, high=8, shape=(5, 3), dtype=dtypes.int64, skip=0),),
)
def random_integers(state, /, *, low, high, shape, dtype=dtypes.int64, skip=0):
    """Integers from low up to, not including, high: 64 random bits modulo the range."""
    n = shapes.size(shape)
    words = _words(state, skip, 2 * n).reshape(n, 2).astype("uint64")
    bits = (words[:, 0] << xp.asarray(32, "uint64")) | words[:, 1]
    return xp.convert(
        (bits % xp.asarray(high - low, "uint64")).astype("int64").reshape(shape) + low, dtype
    )
