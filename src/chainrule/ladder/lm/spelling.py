"""Names as rows of numbers, and what is to be foretold at each place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

__all__ = ["EDGE", "NOTHING", "Alphabet"]

EDGE = 0  # the symbol before the first letter and behind the last
NOTHING = -1  # a target where nothing is to be foretold: behind the end of a short name


class Alphabet:
    """The letters that occur, numbered from 1; 0 is the edge of a name.

    One symbol for both edges is enough: a name begins where it is the symbol before, and ends where it is the
    symbol foretold.

    >>> alphabet = Alphabet(["ab", "c"])
    >>> tokens, targets = alphabet.encode(["ab", "c"])
    >>> tokens.tolist(), targets.tolist()
    ([[0, 1, 2], [0, 3, 0]], [[1, 2, 0], [3, 0, -1]])
    >>> alphabet.decode([2, 1])
    'ba'
    """

    def __init__(self, names: Iterable[str]):
        self.letters = sorted({letter for name in names for letter in name})
        if not self.letters:
            raise ValueError("Alphabet expects names with at least one letter among them")
        self.number = {letter: k for k, letter in enumerate(self.letters, 1)}

    @property
    def symbols(self) -> int:
        """V: the letters and the edge."""
        return len(self.letters) + 1

    def encode(self, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Tokens (B, T), the symbol read at each place, and targets (B, T), the one that follows it.

        T is one more than the longest name has letters. Behind its end a short name has the target `NOTHING`.
        """
        if not names:
            raise ValueError("encode expects at least one name")
        tokens = np.full((len(names), max(map(len, names)) + 1), EDGE)
        targets = np.full(tokens.shape, NOTHING)
        for row, name in enumerate(names):
            unknown = sorted({*name} - {*self.number})
            if unknown:
                raise ValueError(
                    f"{name!r} has letters that are not in the alphabet: {', '.join(map(repr, unknown))}"
                )
            numbers = [self.number[letter] for letter in name]
            tokens[row, 1 : 1 + len(name)] = numbers
            targets[row, : 1 + len(name)] = [*numbers, EDGE]
        return tokens, targets

    def decode(self, numbers: Iterable[int]) -> str:
        """The letters of numbers from 1 up."""
        return "".join(self.letters[k - 1] for k in numbers)
