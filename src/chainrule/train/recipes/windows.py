"""Stretches of a long text, as a language model reads them: drawn anywhere to learn from, one after the other to be measured.

Legend: N tokens of the text, T of a window. A sample is (tokens (T,), the tokens that follow each (T,)).
"""

from __future__ import annotations

import numpy as np

from ...base.errors import FormatError
from ...data import Dataset, TensorDataset
from ...data.counter import DRAW, few

__all__ = ["IGNORED", "Windows", "in_order"]

IGNORED = -100


class Windows(Dataset):
    """So many windows an epoch, each from a place that (seed, epoch, index) alone names; so an epoch can be resumed anywhere.

    Args:
        tokens: int64 (N,).
        length: T, below N.
        count: windows of an epoch.
        seed: the seed of the places.

    Raises:
        FormatError: a text that is shorter than a window and the token that follows it.

    >>> data = Windows(np.arange(100), length=5, count=2, seed=0)
    >>> inputs, targets = data[0]
    >>> (targets - inputs).tolist()
    [1, 1, 1, 1, 1]
    """

    def __init__(self, tokens: np.ndarray, length: int, count: int, seed: int):
        if len(tokens) <= length:
            raise FormatError(
                f"windows of {length} tokens need a text of at least {length + 1}, found {len(tokens)}"
            )
        self.tokens, self.length, self.count, self.seed = tokens, length, count, seed
        self.epoch = 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        (word,) = few(self.seed, DRAW, self.epoch, index, 1)
        start = (word * (len(self.tokens) - self.length)) >> 32  # 0 to N − T − 1
        stretch = self.tokens[start : start + self.length + 1]
        return stretch[:-1], stretch[1:]

    def set_epoch(self, epoch: int) -> None:
        """From now on the places of this epoch."""
        self.epoch = epoch


def in_order(tokens: np.ndarray, length: int, context: int = 0) -> TensorDataset:
    """The whole text: every token but the first is the target of one window, and of one only.

    Args:
        tokens: int64 (N,), N ≥ 2.
        length: T.
        context: how many tokens at the beginning of a window (but the first) were asked before and are only read, so that no
            target has less before it; below T.

    >>> data = in_order(np.arange(8), length=4, context=2)
    >>> [(inputs.tolist(), targets.tolist()) for inputs, targets in data]  # doctest: +NORMALIZE_WHITESPACE
    [([0, 1, 2, 3], [1, 2, 3, 4]), ([2, 3, 4, 5], [-100, -100, 5, 6]), ([4, 5, 6, 7], [-100, -100, 7, -100])]
    """
    if len(tokens) < 2:
        raise FormatError(f"a text to be foretold has at least 2 tokens, found {len(tokens)}")
    step = length - context
    starts = np.arange(0, max(len(tokens) - 1 - context, 1), step)
    places = starts[:, None] + np.arange(length)  # (windows, T)
    inside = places + 1 < len(tokens)
    inputs = tokens[np.minimum(places, len(tokens) - 1)]
    targets = np.where(inside, tokens[np.minimum(places + 1, len(tokens) - 1)], IGNORED)
    targets[1:, :context] = IGNORED
    return TensorDataset(inputs, targets)
