"""Where the files of a data set are on this machine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...base.configuration import data_folder
from ...base.errors import DataNotFoundError, FormatError
from ..readers import digest_of
from .form import File, Layout, Record
from .records import RECORDS

__all__ = ["Found", "algorithm", "digest", "find", "folder_of", "verify"]

SPARE = 1 << 20
"""Bytes that a small file may be larger than it should be, and still be looked at."""


@dataclass(frozen=True)
class Found:
    """A data set that is there: the layout and, by role, the path of each of its files."""

    record: Record
    layout: Layout
    paths: Mapping[str, Path]


def folder_of(data_dir: str | os.PathLike[str] | None) -> Path:
    """The data folder: `data_dir`, else CHAINRULE_DATA, else one in the cache."""
    return data_folder() if data_dir is None else Path(os.path.expanduser(data_dir))


def find(record: Record, data_dir: str | os.PathLike[str] | None = None) -> Found:
    """The files of a data set, in the first layout and folder that has all of them.

    Raises:
        DataNotFoundError: no folder has; the message says where it was looked, what is missing
            and which command fetches it.
    """
    top = folder_of(data_dir)
    for layout in record.layouts:
        for folder in _candidates(top, layout):
            paths = _present(folder, layout)
            if len(paths) == len(layout.files):
                return Found(record, layout, paths)
    raise DataNotFoundError(_not_found(record, top))


def _candidates(top: Path, layout: Layout) -> Iterator[Path]:
    for name in layout.folders:
        yield top / name
    yield top


def _present(folder: Path, layout: Layout) -> dict[str, Path]:
    """Role -> path, of the files of a layout that a folder has."""
    paths = {}
    for file in layout.files:
        for name in file.names:
            if (folder / name).is_file():
                paths[file.role] = folder / name
                break
    return paths


def _not_found(record: Record, top: Path) -> str:
    lines = [f"the data set {record.name} was not found; it was looked for in"]
    lines += [f"  {folder}" for folder in _looked(record, top)]
    for layout in record.layouts:
        for folder in _candidates(top, layout):
            paths = _present(folder, layout)
            if paths:
                missing = [file.name for file in layout.files if file.role not in paths]
                lines.append(
                    f"{folder} has {len(paths)} of {len(layout.files)} files; "
                    f"missing: {', '.join(missing)}"
                )
    for name, why in record.unreadable:
        for folder in _looked(record, top):
            if (folder / name).exists():
                lines.append(f"{folder / name} is there, but {why}")
    if record.fetched is None:
        lines.append(f"it cannot be fetched: {record.source}")
    else:
        where = "" if top == data_folder() else f" --data-dir {top}"
        lines.append(f"fetch it with: chainrule data get {record.name}{where}")
    lines.append("or name the folder that has it with data_dir=… or CHAINRULE_DATA")
    return "\n".join(lines)


def _looked(record: Record, top: Path) -> list[Path]:
    """Every folder that is looked in, once."""
    return list(dict.fromkeys(f for layout in record.layouts for f in _candidates(top, layout)))


def verify(found: Found) -> str:
    """Compare every file with its published checksum.

    Returns:
        One sha256 for all of them, the same whichever names they have and compressed or not.

    Raises:
        FormatError: a file that is not the published one.
    """
    together = hashlib.sha256()
    for file in found.layout.files:
        path = found.paths[file.role]
        expected = file.names[path.name]
        _need_size(path, 16 * file.bytes + SPARE)  # decompressed, it may be larger
        digest = digest_of(path, algorithm(expected))
        if digest != expected:
            raise FormatError(_not_the_published(found.record, file, path, digest))
        together.update(file.checksum.encode())
    return together.hexdigest()


def digest(found: Found) -> str:
    """One sha256 for all the files as they are."""
    together = hashlib.sha256()
    for file in found.layout.files:
        together.update(digest_of(found.paths[file.role]).encode())
    return together.hexdigest()


def _need_size(path: Path, most: int) -> None:
    """Refuse a file that would be read for hours to find that it is another."""
    size = path.stat().st_size
    if size > most:
        raise FormatError(f"{path}: expected at most {most} bytes, found {size}")


def algorithm(checksum: str) -> str:
    """Which kind of checksum it is, by its length."""
    return "md5" if len(checksum) == 32 else "sha256"


def _not_the_published(record: Record, file: File, path: Path, digest: str) -> str:
    size = path.stat().st_size
    text = (
        f"{path}: expected the {file.role} of {record.name}, {algorithm(digest)} "
        f"{file.names[path.name]}, found {size} bytes with {algorithm(digest)} {digest}"
    )
    for other in RECORDS.values():
        for layout in other.layouts:
            for each in layout.files:
                if digest in each.names.values():
                    return f"{text}: these are the {each.role} of {other.name}"
    if path.name == file.name and size < file.bytes:
        text += f"; it should have {file.bytes} bytes, so it was probably cut off in a download"
    return text + "; verify_files=False reads a file that is not the published one"
