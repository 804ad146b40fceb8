"""Fetching the files of a data set.

A file is collected under another name, checked, and only then given its own, so that what has the
right name is whole. What is collected stays when a download breaks off, and the next one goes on
from there (HTTP `Range`). Mirrors are tried in order; whatever goes wrong with all of them is told,
each with its reason.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ...base.errors import DataNotFoundError, FetchError
from ...files.whole import SaveError
from ..readers import digest_of
from .form import File, Record
from .places import algorithm, folder_of

__all__ = ["fetch"]

ATTEMPTS = 3  # at each mirror, as long as each brings something
CHUNK = 1 << 16
TIMEOUT = 30.0  # seconds without a byte


@functools.cache
def _unreachable() -> tuple[type[Exception], ...]:
    """What the library raises when a line is bad; it is imported when something is fetched."""
    import http.client
    import urllib.error

    return (urllib.error.URLError, http.client.HTTPException, OSError, ValueError)


Progress = Callable[[str, int, int], None]
"""Told the name of a file, how many of its bytes are there, and how many it has."""


def fetch(
    record: Record,
    data_dir: str | os.PathLike[str] | None = None,
    *,
    progress: Progress = lambda name, there, size: None,
    timeout: float = TIMEOUT,
) -> dict[str, Path]:
    """Fetch the files of a data set that are not there yet, and check each.

    Args:
        record: the record of the data set.
        data_dir: the folder of data sets; None: CHAINRULE_DATA, else one in the cache.
        progress: called as bytes arrive.
        timeout: seconds that a server may be silent.

    Returns:
        role -> path of each file.

    Raises:
        DataNotFoundError: the data set cannot be fetched from anywhere.
        FetchError: no mirror gave a file that is right; each with its reason.
        SaveError: the system refused to write (disk full, no permission).
    """
    if record.fetched is None:
        raise DataNotFoundError(
            f"{record.name} cannot be fetched from anywhere: {record.source}"
            + ("; it comes with the package" if record.name == "digits" else "")
        )
    layout = record.layout(record.fetched)
    folder = folder_of(data_dir) / layout.folders[0]
    with _disk(folder):
        folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for file in layout.files:
        path = folder / file.name
        if not (path.is_file() and digest_of(path, algorithm(file.checksum)) == file.checksum):
            _fetch_file(file, path, progress, timeout)
        progress(file.name, file.bytes, file.bytes)
        paths[file.role] = path
    return paths


def _fetch_file(file: File, path: Path, progress: Progress, timeout: float) -> None:
    part = path.with_name(f".{path.name}.part")
    reasons = []
    with _disk(part), open(part, "ab+") as f:
        _lock(f, part)
        for mirror in file.mirrors:
            try:
                for _ in _attempts(f):
                    if _collect(f, file, mirror, progress, timeout):
                        f.flush()
                        os.fsync(f.fileno())
                        os.replace(part, path)
                        return
                reasons.append(f"{mirror}: broke off after {f.tell()} of {file.bytes} bytes")
            except _Refused as e:
                reasons.append(f"{mirror}: {e}")
        empty = f.tell() == 0
    if empty:
        with contextlib.suppress(OSError):
            part.unlink()
    listed = "\n".join(f"  {reason}" for reason in reasons)
    raise FetchError(f"{file.name} could not be fetched; its mirrors:\n{listed}")


class _Refused(Exception):
    """Why a mirror is given up."""


def _attempts(f: BinaryIO) -> Iterator[int]:
    """Try again as long as something comes."""
    for k in range(ATTEMPTS):
        before = f.seek(0, 2)
        yield k
        if f.seek(0, 2) <= before:
            return


def _collect(f: BinaryIO, file: File, mirror: str, progress: Progress, timeout: float) -> bool:
    """Go on collecting a file from a mirror; whether it is whole and right.

    Raises:
        _Refused: the mirror does not have it, or has another.
    """
    import urllib.error
    import urllib.request

    have = f.seek(0, 2)
    if have > file.bytes:
        have = f.truncate(0)
    resumed = have
    if have < file.bytes:
        request = urllib.request.Request(mirror, headers={"User-Agent": "chainrule"})
        if have:
            request.add_header("Range", f"bytes={have}-")
        try:
            answer = urllib.request.urlopen(request, timeout=timeout)
        except urllib.error.HTTPError as e:
            with e:
                if e.code == 416 and have:  # what we have is not the beginning of what it has
                    f.truncate(0)
                    return _collect(f, file, mirror, progress, timeout)
                raise _Refused(f"answered {e.code} {e.reason}") from e
        except _unreachable() as e:
            raise _Refused(f"could not be reached: {getattr(e, 'reason', None) or e}") from e
        with contextlib.closing(answer):
            if answer.status == 206 and not _goes_on(answer, have):
                if not have:
                    raise _Refused("sent a part of the file without being asked for one")
                f.truncate(0)
                return _collect(f, file, mirror, progress, timeout)
            if answer.status != 206:  # it knows no Range, and sends everything
                have = resumed = f.truncate(0)
            for piece in _pieces(answer):
                have += len(piece)
                if have > file.bytes:
                    f.truncate(0)
                    raise _Refused(f"sent more than the {file.bytes} bytes that the file has")
                f.write(piece)
                progress(file.name, have, file.bytes)
        f.flush()
        if have < file.bytes:
            return False
    kind = algorithm(file.checksum)
    f.seek(0)
    found = hashlib.file_digest(f, kind).hexdigest()
    f.seek(0, 2)
    if found == file.checksum:
        return True
    f.truncate(0)
    f.seek(0)
    if resumed:  # what had been collected before may have been the fault
        return _collect(f, file, mirror, progress, timeout)
    raise _Refused(f"sent another file: expected {kind} {file.checksum}, found {found}")


def _goes_on(answer: Any, have: int) -> bool:
    """Whether a part of the file begins where we are."""
    return have > 0 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")


def _pieces(answer: Any) -> Iterator[bytes]:
    """What arrives, until the end or until the line breaks."""
    import http.client

    while True:
        try:
            piece = answer.read(CHUNK)
        except http.client.IncompleteRead as e:
            piece = e.partial
            if piece:
                yield piece
            return
        except _unreachable():
            return
        if not piece:
            return
        yield piece


def _lock(f: BinaryIO, part: Path) -> None:
    """No two processes collect the same file at a time."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        raise FetchError(f"{part}: another process is fetching this file") from e


@contextlib.contextmanager
def _disk(path: Path) -> Iterator[None]:
    """What the system refuses to write, as a SaveError."""
    try:
        yield
    except (SaveError, FetchError):
        raise
    except OSError as e:
        raise SaveError(e.errno, e.strerror or str(e), str(path)) from e
