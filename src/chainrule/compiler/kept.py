"""The folder where machine code, plans, and what is known of this machine, are kept between runs.

An entry stands under a name that is a hash of all that it depends on. What is read from there is
going to be run, so nobody else may write there, and an entry that is not whole counts as none. The
folder is a convenience: whatever is wrong with it, programs run.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path

from ..base.configuration import cache_folder

__all__ = ["recall", "remember"]

FORMAT = "chainrule code 2"
"""Heads every entry: to be changed with the layout of entries and with how code is generated."""

LIMIT = 1 << 30
"""How many bytes the folder may hold. The least recently used entries go first."""

MOST_BYTES = 1 << 28
"""Of one entry; a larger one is none of ours."""

_warned: set[str] = set()
_written: dict[Path, int] = {}  # folder -> bytes written since its size was last looked at
_serial = itertools.count()


def recall(name: str) -> bytes | None:
    """The code kept under a name; None if there is none, or none that can be trusted."""
    try:
        with _opened(create=False) as folder:
            if folder is None:
                return None
            # a pipe in its place would be waited for
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
            with open(os.open(name, flags, dir_fd=folder), "rb") as file:
                info = os.fstat(file.fileno())
                if not stat.S_ISREG(info.st_mode) or _fault(info) or info.st_size > MOST_BYTES:
                    return None
                code = _checked(name, file.read())
                if code is not None:
                    _mark_used(file.fileno())
                return code
    except OSError:
        return None


def remember(name: str, code: bytes) -> None:
    """Keep code under a name. It appears whole or not at all, whenever the power fails."""
    try:
        with _opened(create=True) as folder:
            if folder is None:
                return
            passing = f".{name}.{os.getpid()}.{next(_serial)}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            try:
                with open(os.open(passing, flags, 0o600, dir_fd=folder), "wb") as file:
                    file.write(_head(name, code) + code)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(passing, name, src_dir_fd=folder, dst_dir_fd=folder)
            except OSError:
                with contextlib.suppress(OSError):
                    os.unlink(passing, dir_fd=folder)
                raise
            _grown(folder, len(code))
    except OSError as error:
        place, reason = cache_folder(), error.strerror or error
        _warn(f"machine code cannot be kept in {place}: {reason}; it is compiled each time")


def _head(name: str, code: bytes) -> bytes:
    """What stands before the code of an entry: the format, its name and a checksum."""
    return b"\n".join([
        FORMAT.encode(), name.encode(), hashlib.sha256(code).hexdigest().encode(), b""
    ])  # fmt: skip


def _checked(name: str, entry: bytes) -> bytes | None:
    """The code of an entry, if it is whole and stands under its own name."""
    code = entry[len(_head(name, b"")) :]
    return code if code and entry == _head(name, code) + code else None


def _mark_used(file: int) -> None:
    with contextlib.suppress(OSError):  # where nothing can be written, nothing is removed either
        os.utime(file)


@contextlib.contextmanager
def _opened(create: bool) -> Iterator[int | None]:
    """The folder, held open so that it stays the one that was looked at; None if it is not safe
    to use.
    """
    path = cache_folder()
    if os.name != "posix":  # owners and modes, by which it is judged, are not known elsewhere
        yield None
        return
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fault = _fault(os.fstat(folder))
        if fault:
            _warn(f"machine code is not kept in {path}: it {fault}, who could have it run anything")
        yield None if fault else folder
    finally:
        os.close(folder)


def _fault(info: os.stat_result) -> str | None:
    """Why what lies there cannot be trusted, if it cannot."""
    if info.st_uid != os.geteuid():
        return f"belongs to user {info.st_uid}"
    if info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"may be written by others (mode {stat.S_IMODE(info.st_mode):04o})"
    return None


def _grown(folder: int, size: int) -> None:
    """Look after the folder's size, now and then: the whole list costs more than one entry."""
    path = cache_folder()
    if path in _written and _written[path] + size < LIMIT // 16:
        _written[path] += size
        return
    _written[path] = 0
    entries = []
    with os.scandir(folder) as found:
        for item in found:
            with contextlib.suppress(FileNotFoundError):  # another process tidies up as well
                info = item.stat(follow_symlinks=False)
                entries.append((info.st_mtime_ns, info.st_size, item.name))
    total = sum([length for _, length, _ in entries])
    for _, length, name in sorted(entries):
        if total <= LIMIT:
            return
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=folder)
        total -= length


def _warn(text: str) -> None:
    if text not in _warned:
        _warned.add(text)
        warnings.warn(text, RuntimeWarning, stacklevel=2)
