"""The processor that machine code is made for."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from pathlib import Path

from ..base.errors import ChainruleError
from . import kept, toolchain
from .code import Type

__all__ = ["LINE", "PAGE", "WAYS", "Target"]

LINE, PAGE, WAYS = 64, 4096, 8
"""Bytes of a cache line; the distance at which addresses meet in the same set of the cache next to
the arithmetic (L1), and how many lines a set holds."""

LEVELS = {
    # name of the level: LLVM's name of the processor, bytes of a vector register, how many there are
    "baseline": ("x86-64", 16, 16),
    "avx2": ("x86-64-v3", 32, 16),
    "avx512": ("x86-64-v4", 64, 32),
}
"""Lesser targets that can be asked for by name, to test what other machines would run."""


@dataclasses.dataclass(frozen=True)
class Target:
    """What kernels are shaped by: LLVM's processor name and features, the size and number of
    its vector registers."""

    cpu: str
    features: str
    vector_bytes: int
    vector_registers: int

    def lanes(self, type: Type) -> int:
        """How many elements of a type fill a vector register."""
        return self.vector_bytes // type.bytes

    @staticmethod
    @functools.cache
    def host() -> Target:
        """This machine."""
        cpu, features = _processor()
        has = {name[1:] for name in features.split(",") if name.startswith("+")}
        if {"avx512f", "avx512vl", "avx512bw"} <= has:
            size, count = 64, 32
        elif {"avx2", "fma"} <= has:
            size, count = 32, 16
        elif "neon" in has:
            size, count = 16, 32
        else:
            size, count = 16, 16
        return Target(cpu, features, size, count)

    @staticmethod
    def level(name: str) -> Target:
        """A lesser target by name: baseline, avx2, avx512."""
        if name not in LEVELS:
            raise ChainruleError(f"no target {name!r}; there are {', '.join(LEVELS)}")
        cpu, size, count = LEVELS[name]
        return Target(cpu, "", size, count)


def _processor() -> tuple[str, str]:
    """LLVM's name of this machine's processor and the features it has. LLVM is asked once; its
    answer is kept under what the system says of the processor.
    """
    try:
        first, _, _ = Path("/proc/cpuinfo").read_text().partition("\n\n")
    except OSError:
        return toolchain.host()
    telling = ("vendor_id", "cpu family", "model", "stepping", "flags")
    said = [line for line in first.splitlines() if line.startswith(telling)]
    parts = [kept.FORMAT, "processor", toolchain.version(), *said]
    name = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    known = kept.recall(name)
    if known is None:
        cpu, features = toolchain.host()
        kept.remember(name, f"{cpu}\n{features}".encode())
        return cpu, features
    cpu, features = known.decode().split("\n")
    return cpu, features
