"""The stream that initial weights are drawn from: a Mersenne Twister, read as PyTorch's CPU
generator reads its own.

The same seed therefore gives the same initial weights in both frameworks, and two runs can be
compared weight for weight. What is drawn is decided by the words of the twister (32 bits each) and
by three rules:

    uniform, float32   24 low bits of one word                · 2⁻²⁴ · (b − a) + a
    uniform, float64   53 low bits of two words, high first   · 2⁻⁵³ · (b − a) + a
    normal             Box–Muller on uniform numbers: in blocks of 16, or pair by pair

Source: Matsumoto & Nishimura 1998 (the twister, seeded by its `init_genrand`); Box & Muller 1958;
the order of the draws is that of PyTorch 2.13.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Twister"]

BLOCK = 16  # normal numbers made together
CHUNK = 2**16  # elements made at a time: what lies between words and numbers stays in the cache
SPLIT = 2.0**27 + 1  # cuts the 53 bits of a float64 in two halves (Dekker)


class Twister:
    """A Mersenne Twister and the place in it: words drawn, and a normal number left over.

    Args:
        seed: of which the lower 32 bits count.

    Example:
        >>> twister = Twister(0)
        >>> twister.uniform(3).tolist()  # torch.manual_seed(0); torch.rand(3)
        [0.49625658988952637, 0.7682217955589294, 0.08847743272781372]
        >>> twister.drawn
        3
    """

    def __init__(self, seed: int):
        self.seed = seed
        self.drawn = 0
        """How many words have been taken."""
        self.half: float | None = None
        """The second number of a pair whose first one was drawn."""
        self._stream: tuple[Any, Any] | None = None  # NumPy's; made at the first draw

    def go(self, drawn: int, half: float | None) -> None:
        """To the place behind so many words, with this number left over."""
        if drawn != self.drawn:
            self._stream = None
        self.drawn, self.half = drawn, half

    def words(self, n: int) -> np.ndarray:
        """The next n words, uint32."""
        if self._stream is None:
            bits = np.random.MT19937(0)
            state = np.random.RandomState(bits)
            state.seed(self.seed & 0xFFFFFFFF)
            bits.random_raw(self.drawn, output=False)
            self._stream = bits, state
        self.drawn += n
        return self._stream[1].randint(0, 2**32, n, np.uint32)

    def uniform(
        self, size: int, a: float = 0.0, b: float = 1.0, dtype: Any = np.float32
    ) -> np.ndarray:
        """So many numbers from U[a, b), in float32 or float64."""
        y = np.empty(size, dtype)
        for start in range(0, size, CHUNK):
            part = y[start : start + CHUNK]
            if y.dtype == np.float32:
                low, high = np.float32(a), np.float32(b)
                x = (self.words(part.size) & np.uint32(2**24 - 1)).astype(np.float32)
                part[:] = _fused(x * np.float32(2.0**-24), float(high - low), a)
            else:
                words = self.words(2 * part.size).astype(np.uint64)
                bits = (words[0::2] << np.uint64(32)) | words[1::2]
                x = (bits & np.uint64(2**53 - 1)) * 2.0**-53
                part[:] = _fused(x, float(b) - float(a), a)
        return y

    def normal(
        self,
        size: int,
        mean: float = 0.0,
        std: float = 1.0,
        dtype: Any = np.float32,
        *,
        redraw: bool = True,
    ) -> np.ndarray:
        """So many numbers from N(mean, std²), in float32 or float64, as a contiguous tensor is
        filled: in blocks, or pair by pair if there are fewer than one block.

        Args:
            size: how many.
            mean: of the distribution.
            std: its standard deviation.
            dtype: of the numbers, and of the arithmetic of a block.
            redraw: where a last block is not full, the last 16 numbers are made of 16 new uniform
                ones. With True those of the unfinished block are drawn before, for nothing (so are
                float32 and float64); with False they are not (so are half floats).
        """
        if size < BLOCK:
            return self.normal_pairs(size, mean, std, dtype)
        y = np.empty(size, dtype)
        rest = size % BLOCK
        for start in range(0, size - rest, CHUNK):
            part = y[start : min(start + CHUNK, size - rest)]
            part[:] = _blocks(self.uniform(part.size, dtype=dtype), mean, std)
        if rest:
            if redraw:
                self.uniform(rest, dtype=dtype)
            y[-BLOCK:] = _blocks(self.uniform(BLOCK, dtype=dtype), mean, std)
        return y

    def normal_pairs(
        self, size: int, mean: float = 0.0, std: float = 1.0, dtype: Any = np.float32
    ) -> np.ndarray:
        """So many numbers from N(mean, std²), as a tensor that is not contiguous is filled: pair by
        pair, in float64; the second of the last pair waits for the next call.
        """
        z = np.empty(size)
        found = 0
        if size and self.half is not None:
            z[0], self.half, found = self.half, None, 1
        u = self.uniform(2 * ((size - found + 1) // 2), dtype=np.float64)
        radius = np.sqrt(-2.0 * np.log1p(-u[1::2]))
        angle = 2.0 * np.pi * u[0::2]
        pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).reshape(-1)
        z[found:] = pairs[: size - found]
        if pairs.size > size - found:
            self.half = float(pairs[-1])
        return _fused(z, std, mean).astype(dtype)

    def permutation(self, n: int) -> list[int]:
        """0 to n − 1 in random order (Fisher–Yates, from the first place to the last)."""
        order = list(range(n))
        for i, word in enumerate(self.words(max(n - 1, 0)).tolist()):
            j = i + word % (n - i)
            order[i], order[j] = order[j], order[i]
        return order


def _blocks(u: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Box–Muller on blocks of 16: element j < 8 of a block gives the radius of numbers j and
    j + 8, element j + 8 their angle.
    """
    number = u.dtype.type
    block = u.reshape(-1, 2, BLOCK // 2)
    radius = np.sqrt(number(-2) * np.log(number(1) - block[:, 0]))
    angle = number(2 * np.pi) * block[:, 1]
    z = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    return _fused(z.reshape(-1), std, mean)


def _fused(x: np.ndarray, scale: float, shift: float) -> np.ndarray:
    """x · scale + shift, as if rounded once: PyTorch's kernels use the processor's fused
    instruction, and only so are the bits theirs.

    For float32 the sum is taken in float64. For float64 the errors of product and sum are computed
    exactly and added to it.   Source: Dekker 1971 (product), Knuth 1969 (sum).
    """
    if shift == 0:
        return x * x.dtype.type(scale)
    if x.dtype == np.float32:
        y = x.astype(np.float64) * float(np.float32(scale)) + float(np.float32(shift))
        return y.astype(np.float32)
    product = x * scale
    x_high = SPLIT * x - (SPLIT * x - x)
    scale_high = SPLIT * scale - (SPLIT * scale - scale)
    x_low, scale_low = x - x_high, scale - scale_high
    lost = (
        x_high * scale_high - product + x_high * scale_low + x_low * scale_high
    ) + x_low * scale_low
    total = product + shift
    part = total - product
    lost_by_sum = (product - (total - part)) + (shift - part)
    return total + (lost + lost_by_sum)
