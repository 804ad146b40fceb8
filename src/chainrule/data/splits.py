"""Fixed splits: which sample is for fitting, which for deciding, which for the test.

All are functions of the data alone, drawn from the counter-based generator, so that they are the
same on every machine, for every seed and for ever.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from .counter import SPLIT, permutation

__all__ = ["grouped_split", "stratified_split"]


def stratified_split(labels: np.ndarray, sizes: Sequence[int]) -> list[np.ndarray]:
    """Parts of these sizes, and one of what is left, with the classes in proportion in each.

    Args:
        labels: integers from 0, shape (N,).
        sizes: the sizes of the parts but the last, in all at most N.

    Returns:
        len(sizes) + 1 arrays of indices, int64, each in rising order.

    >>> parts = stratified_split(np.array([0, 1] * 5), [4])
    >>> [part.tolist() for part in parts]
    [[0, 3, 4, 5], [1, 2, 6, 7, 8, 9]]
    """
    counts = np.bincount(labels)
    shares = [_shares(counts, size) for size in sizes]
    order = permutation(len(labels), seed=0, stream=SPLIT)
    parts: list[list[np.ndarray]] = [[] for _ in range(len(sizes) + 1)]
    for c in range(len(counts)):
        members = order[labels[order] == c]
        start = 0
        for part, share in zip(parts, shares, strict=False):
            part.append(members[start : start + share[c]])
            start += share[c]
        parts[-1].append(members[start:])
    return [np.sort(np.concatenate(part)) for part in parts]


def _shares(counts: np.ndarray, total: int) -> list[int]:
    """`total` in proportion to `counts`, in whole numbers: the largest remainders round up."""
    N = int(counts.sum())
    products = [int(n) * total for n in counts]
    shares = [p // N for p in products]
    by_remainder = sorted(range(len(counts)), key=lambda c: (-(products[c] % N), c))
    for c in by_remainder[: total - sum(shares)]:
        shares[c] += 1
    return shares


def grouped_split(keys: Sequence[Hashable], fractions: Sequence[float]) -> list[np.ndarray]:
    """Parts of about these fractions, and one of what is left; equal keys are in one part.

    Without this a name that stands in the file twice could be learned by heart and then be asked in
    the test.

    Returns:
        len(fractions) + 1 arrays of indices, int64, each in rising order.

    >>> [part.tolist() for part in grouped_split("abcacb", [0.5])]
    [[0, 1, 3, 5], [2, 4]]
    """
    places: dict[Hashable, list[int]] = {}
    for k, key in enumerate(keys):
        places.setdefault(key, []).append(k)
    groups = list(places.values())
    order = permutation(len(groups), seed=0, stream=SPLIT)
    parts = []
    start = 0
    for fraction in [*fractions, 1.0]:
        end = len(groups) if len(parts) == len(fractions) else start + round(fraction * len(groups))
        members = [k for g in order[start:end].tolist() for k in groups[g]]
        parts.append(np.sort(np.array(members, np.int64)))
        start = end
    return parts
