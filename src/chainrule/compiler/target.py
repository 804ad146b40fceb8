"""The processor that machine code is made for."""

from __future__ import annotations

import dataclasses
import functools

from ..base.errors import ChainruleError
from .code import Type

__all__ = ["Target"]

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
        import llvmlite.binding as llvm

        features = llvm.get_host_cpu_features()
        if features.get("avx512f") and features.get("avx512vl") and features.get("avx512bw"):
            size, count = 64, 32
        elif features.get("avx2") and features.get("fma"):
            size, count = 32, 16
        elif "neon" in features:
            size, count = 16, 32
        else:
            size, count = 16, 16
        return Target(llvm.get_host_cpu_name(), features.flatten(), size, count)

    @staticmethod
    def level(name: str) -> Target:
        """A lesser target by name: baseline, avx2, avx512."""
        if name not in LEVELS:
            raise ChainruleError(f"no target {name!r}; there are {', '.join(LEVELS)}")
        cpu, size, count = LEVELS[name]
        return Target(cpu, "", size, count)
