"""Freed memory stays with the process: what an eager step writes, the system need not clear again."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from chainrule.backends.memory import keep_freed

GLIBC = platform.libc_ver()[0] == "glibc"

FAULTS = """
import resource
import chainrule as cr

def faults(n):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(n):
        cr.ones(3, 2**20) + 1.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults(2)
print(faults(10))
"""


def faults(**settings: str) -> int:
    """Page faults of ten sums of 12 × 10⁶ bytes, in a process of its own."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", FAULTS],
        env=clean | settings,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return int(done.stdout)


def test_what_was_freed_is_given_out_again():
    if not GLIBC:  # another library's allocator is left as it is
        assert not keep_freed()
        return
    assert faults() < 100
    assert faults(MALLOC_TRIM_THRESHOLD_="131072", NUMPY_MADVISE_HUGEPAGE="0") > 10_000


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("MALLOC_MMAP_THRESHOLD_", "65536", False),
        ("GLIBC_TUNABLES", "glibc.malloc.trim_threshold=131072", False),
        ("GLIBC_TUNABLES", "glibc.rtld.nns=4", GLIBC),
        ("MALLOC", "of another program", GLIBC),
    ],
)
def test_settings_of_the_environment_are_left_in_peace(monkeypatch, name, value, kept):
    monkeypatch.setenv(name, value)
    assert keep_freed() is kept
