"""How much memory the process has held at most."""

from __future__ import annotations

import sys

__all__ = ["peak_memory_mb"]


def peak_memory_mb() -> float | None:
    """The largest resident size of this process so far, in 10⁶ bytes; None if unknown (Windows).

    Linux's VmHWM is preferred to getrusage, whose maximum a child process inherits from the parent
    that started it.
    """
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as f:
            for line in f:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass  # not Linux
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
