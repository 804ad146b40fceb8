"""Memory that was freed stays with the process, to be given out again.

An eager step makes and frees the same arrays over and over. The C library of Linux (glibc) gives large freed blocks back to the
system at once, and the system hands out each page anew, cleared, when it is first written: 7,000 page faults in each step of a small
convolutional network, a fifth of its time. Two settings of its `malloc` keep the blocks:

    M_MMAP_THRESHOLD   blocks below it come from the heap, not from a mapping of their own that ends with them
    M_TRIM_THRESHOLD   the heap's free end goes back to the system only when it is longer than this

What the process takes at its peak stays the same; after the peak it keeps up to `KEPT` bytes that others could have. Whoever has
settled these things (MALLOC_TRIM_THRESHOLD_ and the like, or GLIBC_TUNABLES) is left in peace, and so is every other C library.

Source: mallopt(3).
"""

from __future__ import annotations

import ctypes  # NumPy has imported it
import sys

from ..base.configuration import allocator_is_settled

__all__ = ["keep_freed"]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT = 2**30  # bytes
LARGEST = 2**25  # bytes: more than this glibc refuses as M_MMAP_THRESHOLD on 64 bits


def keep_freed() -> bool:
    """Have `malloc` keep what is freed; whether it does so by our will."""
    if sys.platform != "linux" or allocator_is_settled():
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is None:
        return False
    return all([mallopt(M_MMAP_THRESHOLD, LARGEST), mallopt(M_TRIM_THRESHOLD, KEPT)])
