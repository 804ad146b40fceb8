"""What the environment and the machine decide: how many threads, where machine code is kept, where
data sets are.

The only place where chainrule reads environment variables:

    CHAINRULE_THREADS   how many threads a compiled program runs on; without it, OMP_NUM_THREADS, which PyTorch
                        and NumPy's products read as well
    CHAINRULE_CACHE     the folder in which machine code is kept between runs
    CHAINRULE_DATA      the folder in which data sets are looked for, and to which they are fetched

and whether the allocator of the C library was given settings there (MALLOC_…, GLIBC_TUNABLES).
"""

from __future__ import annotations

import functools
import math
import os
import warnings
from typing import TYPE_CHECKING

from .errors import DeviceError, DTypeError

if TYPE_CHECKING:
    from pathlib import Path  # its import takes 5 ms: done where a path is needed

__all__ = [
    "allocator_is_settled",
    "cache_folder",
    "data_folder",
    "processors",
    "set_threads",
    "threads",
]


# ------------------------------------------------------------------------------------- threads


@functools.cache
def processors() -> int:
    """How many processors this process may use: those it is bound to, or fewer if its control
    group grants it less time than that.
    """
    from pathlib import Path

    if hasattr(os, "sched_getaffinity"):
        bound = len(os.sched_getaffinity(0))
    else:
        bound = os.cpu_count() or 1
    return max(1, int(min(bound, granted(Path("/")))))


def granted(root: Path) -> float:
    """The processors' worth of time that the control groups of this process grant (Linux).

    Args:
        root: the folder under which `proc` and `sys` lie.

    Returns:
        The least limit of all groups around the process, rounded up; infinity where there is none.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return math.inf
    least = math.inf
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if controllers == "":
            top = root / "sys/fs/cgroup"
        elif "cpu" in controllers.split(","):
            top = root / "sys/fs/cgroup" / controllers
        else:
            continue
        place = top / group.strip("/")
        for folder in (place, *place.parents):
            least = min(least, _quota(folder))
            if folder == top:
                break
    return least


def _quota(folder: Path) -> float:
    """The limit of one control group, as version 2 or version 1 writes it."""
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text()
            period = (folder / "cpu.cfs_period_us").read_text()
        return math.ceil(int(quota) / int(period)) if int(quota) > 0 else math.inf
    except (OSError, ValueError, ZeroDivisionError):
        return math.inf  # no such group, or "max"


_threads: int | None = None


def threads() -> int:
    """How many threads a compiled program runs on: what `set_threads` was given, else CHAINRULE_THREADS, else
    OMP_NUM_THREADS, else every processor there is.
    """
    global _threads
    if _threads is None:
        text = os.environ.get("CHAINRULE_THREADS", "").strip()
        if not text:
            # written for others too: "4,2" is a number for each level, and what is no number is not ours to refuse
            first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
            wanted = int(first) if first.isdecimal() else 0
            _threads = min(wanted or processors(), processors())
        elif not text.isdecimal():
            raise DeviceError(f"CHAINRULE_THREADS is a number of threads, found {text!r}")
        else:
            _threads = _allowed(int(text), "CHAINRULE_THREADS")
    return _threads


def set_threads(n: int) -> None:
    """Say how many threads compiled programs run on from now on.

    Raises:
        DTypeError: if `n` is not an int.
        DeviceError: if `n` is not positive. More than the machine has is a warning.
    """
    global _threads
    if not isinstance(n, int) or isinstance(n, bool):
        raise DTypeError(f"the number of threads is an int, found {type(n).__name__}")
    _threads = _allowed(n, "set_num_threads")


def _allowed(n: int, source: str) -> int:
    if n < 1:
        raise DeviceError(f"{source}: a program needs at least 1 thread, found {n}")
    if n > processors():
        text = f"{source}: {n} threads were asked for, this process may use {processors()}"
        warnings.warn(text, RuntimeWarning, stacklevel=3)
    return min(n, processors())


# --------------------------------------------------------------------------------------- cache


def cache_folder() -> Path:
    """Where machine code is kept: CHAINRULE_CACHE, else `~/.cache/chainrule`."""
    from pathlib import Path

    folder = os.environ.get("CHAINRULE_CACHE")
    return Path(folder) if folder else Path(os.path.expanduser("~/.cache/chainrule"))


# ---------------------------------------------------------------------------------------- data


def data_folder() -> Path:
    """Where data sets are: CHAINRULE_DATA, else the folder `data` of the cache."""
    from pathlib import Path

    folder = os.environ.get("CHAINRULE_DATA")
    return Path(os.path.expanduser(folder)) if folder else cache_folder() / "data"


# --------------------------------------------------------------------------------------- memory


def allocator_is_settled() -> bool:
    """Whether someone has told glibc's `malloc` what to keep: variables such as MALLOC_TRIM_THRESHOLD_, or GLIBC_TUNABLES."""
    return any(
        (name.startswith("MALLOC_") and name.endswith("_"))
        or (name == "GLIBC_TUNABLES" and "glibc.malloc" in value)
        for name, value in os.environ.items()
    )
