"""NumPy's `.npz`: a zip archive of arrays, each a `.npy` member. Nothing in it is unpickled.

A `.npy` begins with a magic number, a version, the length of a header, and the header, which is the
text of a Python dictionary with three keys. We read that text with one pattern that admits plain
numeric arrays and nothing else, and compare the size it announces with the size of the member.

Source: NumPy Enhancement Proposal 1, "A Simple File Format for NumPy Arrays".
"""

from __future__ import annotations

import math
import os
import re
import zipfile
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from ..base.errors import DTypeError, FormatError
from .archive import Archive
from .reading import open_file
from .whole import writing

__all__ = ["read_npy", "read_npz", "write_npz"]

HEADER = re.compile(
    r"\{'descr': '(?P<descr>[^']{1,32})', 'fortran_order': (?P<order>True|False), "
    r"'shape': \((?P<shape>(?:\d{1,19},? ?){0,64})\),? ?\} *\n"
)
PLAIN = re.compile(r"\|b1|\|[iu]1|[<>=][iuf][248]")
# what arrays may take: so many times the file, and so many bytes besides
RATIO, SPARE = 64, 1 << 28
MOST_HEADER = 1 << 17  # bytes; what numpy writes of plain arrays has some hundreds
EPOCH = (1980, 1, 1, 0, 0, 0)  # zip knows no time before; the same arrays give the same bytes


def write_npz(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays by name, so that `numpy.load` and `read_npz` read them.

    Args:
        path: the path of the file.
        arrays: of numbers or booleans.

    Raises:
        DTypeError: an array of something else.
        SaveError: the system refused.
    """
    for key, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise DTypeError(
                f"{path}: {key!r} is an array of {array.dtype}; an .npz holds booleans, integers "
                "and real numbers here"
            )
    with writing(path) as f, zipfile.ZipFile(f, "w", zipfile.ZIP_STORED) as z:
        for key, array in arrays.items():
            info = zipfile.ZipInfo(f"{key}.npy", EPOCH)
            with z.open(info, "w", force_zip64=array.nbytes > 1 << 30) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def read_npz(
    file: str | os.PathLike[str] | BinaryIO, name: str | None = None, most: int | None = None
) -> dict[str, np.ndarray]:
    """The arrays of an `.npz`, by name.

    Args:
        file: a path, or a file open for reading.
        name: what errors call it; None: its path.
        most: bytes that all arrays may take together; None: 64 times the file and 256 MiB, which is
            more than numbers that mean something compress to.

    Raises:
        FormatError: no such archive, a damaged one, or a member that is not a plain array of
            numbers; the member is named.
        OSError: it cannot be read.

    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "two.npz"
    >>> write_npz(file, {"a": np.arange(3), "b": np.ones((2, 2), np.float32)})
    >>> {key: value.shape for key, value in read_npz(file).items()}
    {'a': (3,), 'b': (2, 2)}
    """
    if isinstance(file, (str, os.PathLike)):
        with open_file(file) as f:
            return read_npz(f, name or str(file), most)
    where = name or "the file"
    archive = Archive(file, where, compressed=True)
    total = sum(info.file_size for info in archive.members.values())
    limit = RATIO * archive.size + SPARE if most is None else most
    if total > limit:
        raise FormatError(
            f"{where}: a file of {archive.size} bytes that would take {total} bytes of memory; if it "
            f"is meant, read_npz(..., most={total}) reads it"
        )
    return {
        _key(where, member): _array(f"{where}: member {member!r:.120}", archive.array(member))
        for member in archive.members
    }


def _key(path: str, name: str) -> str:
    if not name.endswith(".npy"):
        raise FormatError(f"{path}: expected members that end in .npy, found {name!r:.120}")
    return name.removesuffix(".npy")


def read_npy(path: str | os.PathLike[str]) -> np.ndarray:
    """The array of an `.npy` file.

    Raises:
        FormatError: no such file, a damaged one, or one of something else than numbers.
        OSError: it cannot be read.

    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "one.npy"
    >>> np.save(file, np.arange(3))
    >>> read_npy(file)
    array([0, 1, 2])
    """
    with open_file(path) as f:
        size = f.seek(0, 2)
        f.seek(0)
        begin, dtype, shape, order = _header(str(path), f.read(MOST_HEADER), size)
        f.seek(0)
        return _shaped(np.fromfile(f, np.uint8)[begin:], dtype, shape, order)


def _array(where: str, content: np.ndarray) -> np.ndarray:
    begin, dtype, shape, order = _header(where, content[:MOST_HEADER].tobytes(), len(content))
    return _shaped(content[begin:], dtype, shape, order)


def _header(where: str, start: bytes, size: int) -> tuple[int, np.dtype, tuple[int, ...], str]:
    """Where the numbers begin, and what they are, of a file of `size` bytes that starts so."""
    if len(start) < 10 or not start.startswith(b"\x93NUMPY") or start[6] not in (1, 2, 3):
        raise FormatError(f"{where}: expected the magic number of a .npy, found {start[:8]!r}")
    first = 12 if start[6] > 1 else 10
    length = int.from_bytes(start[8:first], "little")
    begin = first + length
    header = start[first:begin]
    if len(header) != length:
        raise FormatError(f"{where}: expected a header of {length} bytes, found {len(header)}")
    match = HEADER.fullmatch(header.decode("latin1"))
    if match is None:
        raise FormatError(
            f"{where}: expected a header with descr, fortran_order and shape of a plain array, "
            f"found {header[:80]!r}"
        )
    if not PLAIN.fullmatch(match["descr"]):
        raise FormatError(
            f"{where}: expected booleans, integers or real numbers, found {match['descr']!r}; "
            "objects are pickles, which are not read"
        )
    dtype = np.dtype(match["descr"])
    shape = tuple(int(n) for n in re.findall(r"\d+", match["shape"]))
    expected = math.prod(shape) * dtype.itemsize
    if expected != size - begin:
        raise FormatError(
            f"{where}: expected {expected} bytes of data, of shape {shape} and dtype {dtype}, "
            f"found {size - begin}"
        )
    return begin, dtype, shape, "F" if match["order"] == "True" else "C"


def _shaped(data: np.ndarray, dtype: np.dtype, shape: tuple[int, ...], order: Any) -> np.ndarray:
    array = np.frombuffer(data.tobytes() if data.ctypes.data % 16 else data, dtype)
    array = array.astype(dtype.newbyteorder("="), copy=not array.flags.writeable)
    return array.reshape(shape, order=order)
