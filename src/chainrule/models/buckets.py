"""Relative positions in buckets: a bias on the scores of attention, which depends on the distance of key and query alone.

    near distances have a bucket each; further ones share buckets that widen in powers, up to the last

Source: Raffel et al. 2020, section 2.1.
"""

from __future__ import annotations

import math

from ..tensors import Tensor, int64, where, zeros

__all__ = ["bucket"]


def bucket(distance: Tensor, two_sided: bool, buckets: int, most: int) -> Tensor:
    """Which bucket a distance (key − query) falls into: half of them for single steps, the others in powers up to `most`.

    >>> from chainrule import tensor
    >>> bucket(tensor([0, -1, -7, -8, -20, -500]), False, 16, 128)
    tensor([ 0,  1,  7,  8, 10, 15])
    """
    at = zeros(distance.shape, dtype=int64)
    if two_sided:
        buckets //= 2
        at = (distance > 0).to(int64) * buckets
        distance = distance.abs()
    else:
        distance = (-distance).clamp(min=0)
    near = buckets // 2
    far = (distance.clamp(min=1).float() / near).log() / math.log(most / near) * (buckets - near)
    far = (near + far.to(int64)).clamp(max=buckets - 1)
    return at + where(distance < near, distance, far)
