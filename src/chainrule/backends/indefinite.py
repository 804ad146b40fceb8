"""Symmetric matrices of any signs, taken apart into  P L D Lᵀ Pᵀ:  L with a diagonal of ones, D of blocks of one or two rows."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["ldl", "ldl_solve"]

BALANCE = (1 + math.sqrt(17)) / 8
"""How small a pivot may be beside the rest of its column: with this number elements grow as little over two steps as over a step that
takes two rows.
"""


def ldl(a: np.ndarray) -> tuple:
    """(L and D in one lower triangle, pivots, the first pivot that is 0 or 0) of a stack of matrices, of which the lower triangle
    is read.

    Pivots count from 1. Of a block of one row it is the row that it was exchanged with; of a block of two rows both pivots are the negative
    of the row that the second was exchanged with.  Source: Bunch & Kaufman 1977, algorithm A; the form is LAPACK's
    """
    *lead, n, _ = a.shape
    factors, pivots = np.zeros_like(a, order="C"), np.zeros((*lead, n), np.int32)
    info = np.zeros(lead, np.int32)
    for at in np.ndindex(*lead):
        rest = np.tril(a[at]) + np.tril(a[at], -1).T
        k = 0
        while k < n:
            p, size = _pivot(rest, k)
            last = k + size - 1
            rest[[last, p]] = rest[[p, last]]
            rest[:, [last, p]] = rest[:, [p, last]]
            factors[at][k : k + size, k : k + size] = np.tril(rest[k : k + size, k : k + size])
            pivots[at][k : k + size] = p + 1 if size == 1 else -(p + 1)
            below, block = rest[k + size :, k : k + size], rest[k : k + size, k : k + size]
            if size == 1 and block[0, 0] == 0:
                info[at] = info[at] or k + 1
                columns = below
            else:
                columns = np.linalg.solve(block, below.T).T
            factors[at][k + size :, k : k + size] = columns
            rest[k + size :, k + size :] -= columns @ below.T
            k += size
    return factors, pivots, info


def _pivot(rest: np.ndarray, k: int) -> tuple[int, int]:
    """Which row comes last in the block that begins at k, and how many rows that has."""
    size = np.abs(rest[k:, k:])
    if len(size) == 1 or not size[1:, 0].any():
        return k, 1
    row = 1 + int(np.argmax(size[1:, 0]))
    column = size[row, 0]
    if size[0, 0] >= BALANCE * column:
        return k, 1
    others = np.max(np.delete(size[row], row))
    if size[0, 0] >= BALANCE * column * (column / others):
        return k, 1
    return k + row, 1 if size[row, row] >= BALANCE * others else 2


def ldl_solve(factors: np.ndarray, pivots: np.ndarray, b: np.ndarray) -> np.ndarray:
    """x with  a x = b,  from what `ldl` gave for a; leading axes broadcast."""
    n, columns = b.shape[-2:]
    lead = np.broadcast_shapes(factors.shape[:-2], pivots.shape[:-1], b.shape[:-2])
    factors = np.broadcast_to(factors, (*lead, n, n))
    pivots = np.broadcast_to(pivots, (*lead, n))
    x = np.broadcast_to(b, (*lead, n, columns)).copy()
    for at in np.ndindex(*lead):
        low, p, y = factors[at], pivots[at], x[at]
        steps, k = [], 0
        while k < n:
            steps.append((k, 1 if p[k] > 0 else 2))
            k += steps[-1][1]
        for k, size in steps:  # L D
            last, other = k + size - 1, abs(int(p[k])) - 1
            y[[last, other]] = y[[other, last]]
            block = low[k : k + size, k : k + size]
            y[k + size :] -= low[k + size :, k : k + size] @ y[k : k + size]
            both = np.tril(block) + np.tril(block, -1).T
            y[k : k + size] = np.linalg.solve(both, y[k : k + size])
        for k, size in reversed(steps):  # Lᵀ
            last, other = k + size - 1, abs(int(p[k])) - 1
            y[k : k + size] -= low[k + size :, k : k + size].T @ y[k + size :]
            y[[last, other]] = y[[other, last]]
    return x
