"""Mixing the samples of a batch, and their labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...base.errors import ShapeError
from ...tensors import Tensor, from_numpy
from ..checks import check_labels
from ..counter import DRAW, permutation
from .stream import RandomStream

__all__ = ["mixup"]


def mixup(
    images: Any, labels: Any, classes: int, alpha: float, stream: RandomStream
) -> tuple[Tensor, Tensor]:
    """Each sample mixed with another of the batch, and its label in the same proportion.

        x ← λ·x + (1 − λ)·x[π]        y ← λ·onehot(y) + (1 − λ)·onehot(y[π])

    with one λ of Beta(alpha, alpha) and one random order π for the batch. The labels are
    probabilities, as `cross_entropy` takes them.

    Args:
        images: floats (B, …), a tensor or an array.
        labels: integers (B,) from 0 to `classes` − 1.
        classes: K.
        alpha: above 0; small: λ is mostly near 0 or 1.
        stream: `RandomStream(seed, epoch, batch)`.

    Returns:
        images (B, …) of the same dtype, and labels float32 (B, K).

    >>> x, y = mixup(np.eye(2, dtype=np.float32), [0, 1], 2, 1.0, RandomStream(0))
    >>> (x == y).all()
    tensor(True)

    Source: Zhang et al. 2018, "mixup: beyond empirical risk minimization", eq. 1.
    """
    if not alpha > 0:
        raise ValueError(f"mixup(alpha) must be above 0, found {alpha}")
    x, y = np.asarray(images), np.asarray(labels)
    if x.ndim < 1 or x.dtype.kind != "f":
        raise ShapeError(f"mixup takes float images (B, …), found {x.dtype} {x.shape}")
    check_labels("mixup: labels", y, len(x), classes)
    share = stream.beta(alpha, alpha)
    order = permutation(len(x), stream.word() << 32 | stream.word(), DRAW)
    certain = np.eye(classes, dtype=np.float32)[y]
    kind, one = x.dtype.type, np.float32
    mixed = kind(share) * x + kind(1 - share) * x[order]
    soft = one(share) * certain + one(1 - share) * certain[order]
    return from_numpy(mixed), from_numpy(soft)
