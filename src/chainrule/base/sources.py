"""Which source is running: a hash of chainrule's own files.

What is kept between runs and depends on decisions made in the source is kept under it.
"""

from __future__ import annotations

import functools
import hashlib
import os
import time
from collections.abc import Iterator, Sequence

__all__ = ["digest"]

_began = time.time()  # this file is among the first of the package to be imported


@functools.cache
def digest(rooms: Sequence[str]) -> str | None:
    """The hash of all files of some rooms. None if it cannot be told what is running: there are no
    files, or one is newer than the import of the package by this process."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    found = hashlib.sha256()
    try:
        for room in rooms:
            paths = list(_files(os.path.join(package, room)))
            if not paths:
                return None
            for path in paths:
                with open(path, "rb", buffering=0) as file:
                    if os.fstat(file.fileno()).st_mtime > _began:
                        return None
                    content = file.readall()
                found.update(f"{os.path.relpath(path, package)}\0{len(content)}\0".encode())
                found.update(content)
    except OSError:
        return None
    return found.hexdigest()


def _files(folder: str) -> Iterator[str]:
    """The Python files under a folder, always in the same order."""
    for place, inside, names in os.walk(folder):
        inside.sort()
        for name in sorted(names):
            if name.endswith(".py"):
                yield os.path.join(place, name)
