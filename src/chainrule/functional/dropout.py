"""Dropout: elements or whole channels that fall at random."""

from __future__ import annotations

import math

from ..backends import xp
from ..ops import uniform, where
from ..ops.kinds import random
from ..ops.record import composite
from ..ops.samples import F, S

_STATE = xp.asarray([7, 0])  # seed and offset


@composite(
    random,
    types="floating",
    promotes=("x",),
    hidden=("kept",),
    reference="torch.nn.functional.dropout",
    samples=(
        S(F(5, 3), _STATE, p=0.5),
        S(F(5, 3), _STATE, p=1.0),
        S(F(5, 3, 2), _STATE, p=0.3, channels=True),
    ),
)
def dropout(x, state, /, *, p=0.5, skip=0, channels=False):
    """Each element is 0 with probability p, else x / (1 − p), so that the mean stays.  Source:
    Srivastava et al. 2014.

    `state` and `skip` are those of a random op; with `channels` whole channels (the first two axes)
    fall together.
    """
    kept = _kept(x, state, p, skip, channels)
    return where(kept, x * (1 / (1 - p) if p < 1 else 0.0), 0.0), kept


dropout.vjp(x=lambda g, kept, p: where(kept, g * (1 / (1 - p) if p < 1 else 0.0), 0.0))


def _kept(x, state, p, skip, channels):
    """Which elements stay; with `channels`, which channels, shaped to broadcast."""
    shape = tuple(x.shape[:2]) + (1,) * (x.ndim - 2) if channels else tuple(x.shape)
    return uniform(state, shape=shape, skip=skip) >= p


SELU_FLOOR = -1.7580993408473766
"""What SELU tends to at −∞: −scale · α."""


@composite(
    random,
    types="floating",
    promotes=("x",),
    hidden=("kept",),
    samples=(
        S(F(5, 3), _STATE, p=0.5),
        S(F(5, 3, 2), _STATE, p=0.3, channels=True),
        S(F(5, 3), _STATE, p=1.0),
    ),
)
def alpha_dropout(x, state, /, *, p=0.5, skip=0, channels=False):
    """Dropout for SELU networks: each element becomes SELU's limit α′ = −1.758… with probability p;
    then an affine map, a·x + b, gives x its mean 0 and variance 1 back.

    a = 1 / √((α′²p + 1)(1 − p)),  b = −a·p·α′.  Source: Klambauer et al. 2017, section 3.
    """
    kept = _kept(x, state, p, skip, channels)
    factor = _alpha_factor(p)
    summand = -factor * p * SELU_FLOOR
    return where(kept, x * factor + summand, SELU_FLOOR * factor + summand), kept


def _alpha_factor(p):
    return 1 / math.sqrt((SELU_FLOOR * SELU_FLOOR * p + 1) * (1 - p)) if p < 1 else 0.0


alpha_dropout.vjp(x=lambda g, kept, p: where(kept, g * _alpha_factor(p), 0.0))
