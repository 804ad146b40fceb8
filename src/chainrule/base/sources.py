"""Which source is running: a hash of chainrule's own files.

What is kept between runs and depends on decisions made in the source is kept under it.
"""

from __future__ import annotations

import functools
import hashlib
import os
import time
from collections.abc import Sequence

__all__ = ["digest"]

_began = time.time()  # this file is among the first of the package to be imported


@functools.cache
def digest(rooms: Sequence[str]) -> str | None:
    """The hash of all files of some rooms; None if one of them is newer than this process's import
    of the package, for then another source is running than lies there."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    found = hashlib.sha256()
    for room in rooms:
        for folder, inside, files in os.walk(os.path.join(package, room)):
            inside.sort()
            for name in sorted([name for name in files if name.endswith(".py")]):
                with open(os.path.join(folder, name), "rb", buffering=0) as file:
                    if os.fstat(file.fileno()).st_mtime > _began:
                        return None
                    content = file.readall()
                place = os.path.relpath(os.path.join(folder, name), package)
                found.update(f"{place}\0{len(content)}\0".encode())
                found.update(content)
    return found.hexdigest()
