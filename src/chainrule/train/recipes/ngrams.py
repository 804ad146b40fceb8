"""What a table of n characters says of a text: the baseline that a language model has to beat.

    p(w | h) = (c(h w) − D) / c(h)  +  D̄(h) · p(w | h without its first)          interpolated Kneser-Ney

Legend: h the n − 1 tokens before, w the next, c counts, D what is taken off each count (of 1, of 2, of 3 and more another),
D̄(h) all that was taken off after h, divided by c(h); V tokens. Below the longest n, c does not count how often h w stands in
the text but after how many different tokens it does: what follows everything is likely where nothing is known. The last table
is that of no tokens, 1 / V.

Source: Kneser & Ney 1995; Chen & Goodman 1998, section 3 (three discounts, and how they follow from how many n-grams occur
once, twice, …, so that nothing is tuned).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...base.errors import ShapeError

__all__ = ["NGrams"]


@dataclass(frozen=True, eq=False)
class _Table:
    """One n. `grams` are the n-grams h w as numbers in base V, rising; `shares` (c − D) / c(h) of each; `histories` the
    different h, rising; `left` D̄ of each.
    """

    grams: np.ndarray
    shares: np.ndarray
    histories: np.ndarray
    left: np.ndarray


class NGrams:
    """Tables of 1 to n tokens, counted in a text.

    Args:
        tokens: integers from 0 to `vocabulary` − 1, (N,), N ≥ n.
        n: of the longest; a table of pairs has 2.
        vocabulary: V; Vⁿ must fit into 63 bits.

    Raises:
        ShapeError: fewer than n tokens, or tables that have no numbers.

    >>> table = NGrams(np.array([0, 1, 0, 1, 0, 2]), n=2, vocabulary=3)
    >>> table.nats(np.array([0, 1])).round(3).tolist()
    [1.099, 0.492]
    """

    def __init__(self, tokens: np.ndarray, n: int, vocabulary: int):
        tokens = np.asarray(tokens, np.int64)
        if n < 1 or len(tokens) < n:
            raise ShapeError(
                f"NGrams: {n}-grams need at least {max(n, 1)} tokens, found {len(tokens)}"
            )
        if n * np.log2(max(vocabulary, 2)) >= 63:
            raise ShapeError(
                f"NGrams: {n}-grams of {vocabulary} tokens are too many to be numbered"
            )
        self.n, self.vocabulary = n, vocabulary
        longer = _numbered(tokens, n, vocabulary)
        tables = []
        for k in range(n, 0, -1):
            # without its first token each different (k + 1)-gram counts its k-gram once
            grams, counts = np.unique(longer, return_counts=True)
            tables.append(_table(grams, counts, vocabulary))
            longer = grams % vocabulary ** (k - 1)
        self.tables = tables[::-1]

    def nats(self, tokens: np.ndarray) -> np.ndarray:
        """−ln p of every token after those before it, (N,); the first have shorter histories."""
        tokens, V = np.asarray(tokens, np.int64), self.vocabulary
        p = np.full(len(tokens), 1 / V)
        for k, table in enumerate(self.tables, 1):
            if len(tokens) < k:
                break
            grams = _numbered(tokens, k, V)
            place, known = _find(table.histories, grams // V)
            gram, counted = _find(table.grams, grams)
            shorter = p[k - 1 :]
            longer = np.where(counted, table.shares[gram], 0) + table.left[place] * shorter
            p[k - 1 :] = np.where(known, longer, shorter)
        return -np.log(p)


def _numbered(tokens: np.ndarray, n: int, vocabulary: int) -> np.ndarray:
    """The n-grams of a text as numbers, (N − n + 1,)."""
    numbers = np.zeros(len(tokens) - n + 1, np.int64)
    for k in range(n):
        numbers = numbers * vocabulary + tokens[k : k + len(numbers)]
    return numbers


def _table(grams: np.ndarray, counts: np.ndarray, vocabulary: int) -> _Table:
    discounts = _discounts(counts)[np.minimum(counts, 3)]
    histories, starts = np.unique(grams // vocabulary, return_index=True)
    totals = np.add.reduceat(counts, starts)
    lengths = np.diff([*starts, len(grams)])
    shares = (counts - discounts) / np.repeat(totals, lengths)
    return _Table(grams, shares, histories, np.add.reduceat(discounts, starts) / totals)


def _discounts(counts: np.ndarray) -> np.ndarray:
    """What is taken off counts of 0, 1, 2, and 3 or more: Chen & Goodman's, or a half where the text has too few n-grams to
    say (single characters are all common).
    """
    once, twice, thrice, four = [int((counts == k).sum()) for k in (1, 2, 3, 4)]
    if not (once and twice and thrice and four):
        return np.array([0, 0.5, 0.5, 0.5])
    y = once / (once + 2 * twice)
    found = [1 - 2 * y * twice / once, 2 - 3 * y * thrice / twice, 3 - 4 * y * four / thrice]
    return np.array([0, *np.clip(found, 0, (1, 2, 3))])


def _find(sorted_numbers: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each number stands, and whether it is there at all."""
    place = np.minimum(np.searchsorted(sorted_numbers, wanted), len(sorted_numbers) - 1)
    return place, sorted_numbers[place] == wanted
