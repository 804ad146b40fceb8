"""Members of tar and zip archives, read into memory: nothing is extracted to the disk."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...base.errors import FormatError
from ...files.archive import Archive
from ...files.reading import need_file, open_file
from .source import check_padding

__all__ = ["read_members"]

MOST_MEMBERS = 100_000
CHUNK = 1 << 20


def read_members(path: str | os.PathLike[str], names: Sequence[str], most: int) -> dict[str, bytes]:
    """The content of the members of an archive that have these names, in whichever folder.

    Args:
        path: the path of a `.tar`, `.tar.gz`, `.tgz` or `.zip`.
        names: of files, without folder.
        most: bytes that all members of the archive may have together.

    Raises:
        FormatError: no such archive, a damaged one, a member that is missing, stands there twice or
            is no file, or more than `most` bytes.
        OSError: it cannot be read.

    >>> import pathlib, tempfile, zipfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "a.zip"
    >>> with zipfile.ZipFile(file, "w") as z:
    ...     z.writestr("folder/x.txt", "hello")
    >>> read_members(file, ["x.txt"], 100)
    {'x.txt': b'hello'}
    """
    path = Path(path)
    members = _of_zip(path, names, most) if path.suffix == ".zip" else _of_tar(path, names, most)
    found: dict[str, bytes] = {}
    for name, content in members:
        if name in found:
            raise FormatError(f"{path}: two members are named {name!r}")
        found[name] = content
    missing = [name for name in names if name not in found]
    if missing:
        raise FormatError(f"{path}: expected the members {', '.join(missing)}, found none of them")
    return {name: found[name] for name in names}


def _of_zip(path: Path, names: Sequence[str], most: int) -> Iterator[tuple[str, bytes]]:
    with open_file(path) as f:
        archive = Archive(f, str(path), compressed=True)
        _check_total(path, sum(info.file_size for info in archive.members.values()), most)
        for name in archive.members:
            short = name.split("/")[-1]
            if short in names:
                yield short, archive.read(name)


def _of_tar(path: Path, names: Sequence[str], most: int) -> Iterator[tuple[str, bytes]]:
    import tarfile

    # tarfile's own gzip does not compare checksums
    compressed = path.name.endswith((".gz", ".tgz"))
    need_file(path)
    opened = gzip.open if compressed else open
    if compressed:
        check_padding(path)
    total = 0
    try:
        with opened(path, "rb") as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            for count, info in enumerate(tar):
                total += info.size
                _check_total(path, total, most)
                if count > MOST_MEMBERS:
                    raise FormatError(
                        f"{path}: expected at most {MOST_MEMBERS} members, found more"
                    )
                short = info.name.split("/")[-1]
                if short not in names:
                    continue
                if not info.isreg():
                    raise FormatError(
                        f"{path}: member {info.name!r}: expected a file, found a link"
                    )
                member = tar.extractfile(info)
                content = b"" if member is None else member.read(info.size)
                if len(content) != info.size:
                    raise FormatError(
                        f"{path}: member {info.name!r} is cut off: expected {info.size} bytes, "
                        f"found {len(content)}"
                    )
                yield short, content
            while compressed and (rest := stream.read(CHUNK)):  # to the end, where the checksum is
                total += len(rest)
                _check_total(path, total, most)
    except FormatError:
        raise
    except (
        tarfile.TarError,
        EOFError,
        gzip.BadGzipFile,
        zlib.error,
        ValueError,
        OverflowError,
    ) as e:
        raise FormatError(
            f"{path}: expected a tar archive, found a damaged one or none: {e}"
        ) from e


def _check_total(path: Path, total: int, most: int) -> None:
    if total > most:
        raise FormatError(f"{path}: expected at most {most} bytes in all members, found {total}")
