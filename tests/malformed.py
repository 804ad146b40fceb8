"""A corpus of files that are wrong, each in one way: how it is made, what reads it, what is said.

    python tests/malformed.py FOLDER        writes them all, to be looked at

Each is small and made by a few lines here, so that what is wrong with it can be read.
"""

# ruff: noqa: E501 - a line for each file reads as a table
from __future__ import annotations

import gzip
import io
import struct
import sys
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chainrule.data import CSVDataset, ImageFolder, TextFile
from chainrule.data.readers import read_idx, read_image, read_lines, read_members, read_table
from chainrule.files import read_npz, read_safetensors, read_torch


class Malformed(NamedTuple):
    """A file (or a folder of files: `content` is then a dictionary), its reader, and the error."""

    name: str
    file: str
    content: Any
    read: Callable[[Path], Any]
    message: str

    def write(self, folder: Path) -> Path:
        """Put it into a folder; returns its path."""
        path = folder / self.file
        if isinstance(self.content, dict):
            path.mkdir(parents=True, exist_ok=True)
            for name, content in self.content.items():
                target = path / name
                target.parent.mkdir(parents=True, exist_ok=True)
                if content is None:
                    target.mkdir()
                else:
                    target.write_bytes(content)
        else:
            path.write_bytes(self.content)
        return path


# ---- the well-formed files that are then spoiled


def idx(
    code: int = 8, sizes: tuple[int, ...] = (3,), data: bytes = b"\1\2\3", zeros: bytes = b"\0\0"
) -> bytes:
    """An idx file; no two of its parts have to agree."""
    return zeros + bytes([code, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + data


def tar(*members: tuple[str, bytes], mode: str = "w:", kind: bytes = tarfile.REGTYPE) -> bytes:
    """A tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as t:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size, info.type = len(content) if kind == tarfile.REGTYPE else 0, kind
            info.linkname = "elsewhere"
            t.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as z:
        for name, content in members:
            z.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


def header(text: str, data: bytes = b"", size: int | None = None) -> bytes:
    """A .safetensors; its parts need not agree."""
    return (len(text) if size is None else size).to_bytes(8, "little") + text.encode() + data


def twice(name: str) -> bytes:
    """A zip archive with two members of one name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return zipped((name, b"x"), (name, b"y"))


def within(name: str) -> bytes:
    """A zip archive whose directory has a second member in the midst of the first."""
    content = bytearray(zipped((name, b"hello" * 9), ("b.bin", b"x"), method=0))
    content[content.rindex(b"PK\1\2") + 42] = 9  # where the header of the last begins
    return bytes(content)


def npy(
    descr: str = "<f4",
    shape: str = "(3,)",
    data: bytes = bytes(12),
    magic: bytes = b"\x93NUMPY\x01\x00",
) -> bytes:
    """A .npy; no two of its parts have to agree."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return magic + struct.pack("<H", len(header)) + header + data


def picture(kind: str, size: tuple[int, int] = (16, 16)) -> bytes:
    """A picture of noise."""
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def another_byte(content: bytes, at: int) -> bytes:
    """A file of which one byte is another."""
    changed = bytearray(content)
    changed[at] ^= 1
    return bytes(changed)


def claimed(width: int, height: int, there: int = 100) -> bytes:
    """A PNG of black and white that says it has this size, and has so many bytes of pixels, all black."""
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(bytes(there)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + body + chunk(b"IEND", b"")


# ---- readers


def labels(path: Path) -> Any:
    return read_idx(path, ("N",), np.uint8)


def members(path: Path) -> Any:
    return read_members(path, ["a.bin"], 10_000)


def kinds(path: Path) -> Any:
    return CSVDataset(path, "kind")


def first_picture(path: Path) -> Any:
    return ImageFolder(path)[0]


GZ = gzip.compress(idx(), mtime=0)
TGZ = gzip.compress(tar(("a.bin", b"hello")), mtime=0)
PNG, JPEG = picture("PNG"), picture("JPEG")

CORPUS = [
    # ---- idx
    Malformed("empty", "a-ubyte", b"", labels, "the file is cut off: expected 4 bytes of the magic number at offset 0, found 0"),
    Malformed("half a magic number", "a-ubyte", b"\0\0\x08", labels, "expected 4 bytes of the magic number at offset 0, found 3"),
    Malformed("no zeros", "a-ubyte", idx(zeros=b"\0\1"), labels, r"expected the magic number .*found 00 01 08"),
    Malformed("unknown type", "a-ubyte", idx(code=0x0A), labels, "expected the magic number .*found 00 00 0a"),
    Malformed("another type", "a-ubyte", idx(code=0x0C), labels, r"expected elements of type uint8, found int32 \(byte 0c at offset 2\)"),
    Malformed("no axis", "a-ubyte", idx(sizes=()), labels, "expected from 1 to 8 axes at offset 3, found 0"),
    Malformed("200 axes", "a-ubyte", b"\0\0\x08\xc8" + bytes(2000), read_idx, "expected from 1 to 8 axes at offset 3, found 200"),
    Malformed("half the sizes", "a-ubyte", idx(sizes=(3, 2, 2))[:10], read_idx, "expected 12 bytes of the sizes of the axes at offset 4, found 6"),
    Malformed("images instead of labels", "a-ubyte", idx(sizes=(3, 1, 1)), labels, r"expected shape \(N,\), found \(3, 1, 1\) at offset 4"),
    Malformed("no label", "a-ubyte", idx(sizes=(0,), data=b""), labels, r"expected shape \(N,\), found \(0,\)"),
    Malformed("one element too few", "a-ubyte", idx(sizes=(4,)), labels, "expected 4 bytes of 4 elements of type uint8 at offset 8, found 3"),
    Malformed("one element too many", "a-ubyte", idx(sizes=(2,)), labels, "expected the end of the elements at offset 10, found 1 bytes more"),
    Malformed("more than memory", "a-ubyte", idx(sizes=(2**32 - 1,)), labels, "expected 4294967295 bytes .*found 3"),
    Malformed("more than any memory", "a-ubyte", idx(sizes=(2**32 - 1,) * 8), read_idx, "at offset 36, found 3"),
    Malformed("nan", "a-float", idx(0x0D, (2,), struct.pack(">2f", 1, np.nan)), read_idx, "expected finite numbers, found nan at offset 12"),
    Malformed("infinity", "a-double", idx(0x0E, (2,), struct.pack(">2d", -np.inf, 1)), read_idx, "found -inf at offset 8"),
    Malformed("text", "a-ubyte", b"label\n3\n", labels, "expected the magic number of an idx file at offset 0 .*found 6c 61 62"),
    # ---- gzip
    Malformed("gz without gzip", "a.gz", idx(), labels, r"expected gzip \(bytes 1f 8b at offset 0\), found 00 00; if it has been decompressed"),
    Malformed("gzip without gz", "a-ubyte", GZ, labels, "expected an uncompressed file, found gzip .*add .gz to its name"),
    Malformed("empty gz", "a.gz", b"", labels, "expected gzip .*found an empty file"),
    Malformed("gz cut in its header", "a.gz", GZ[:6], labels, "the gzip stream is damaged or cut off after offset 0"),
    Malformed("gz cut in its data", "a.gz", GZ[:-9], labels, "the gzip stream is damaged or cut off"),
    Malformed("gz with another checksum", "a.gz", GZ[:-8] + b"\0\0\0\0" + GZ[-4:], labels, "the gzip stream is damaged .*CRC"),
    Malformed("gz of another method", "a.gz", GZ[:2] + b"\7" + GZ[3:], labels, "the gzip stream is damaged .*method"),
    Malformed("gz that claims more than it can hold", "a.gz", gzip.compress(idx(sizes=(2**31,)), mtime=0), labels, "expected 2147483648 bytes .*found at most"),
    Malformed("gz with something behind it", "a.gz", GZ + b"more", labels, "the gzip stream is damaged"),
    # ---- text
    Malformed("empty text", "a.txt", b"", read_lines, "expected text, found an empty file"),
    Malformed("latin1", "a.txt", "eins\nzw\xf6lf\n".encode("latin1"), read_lines, r"expected UTF-8 text, found the byte f6 at offset 7 \(line 2\)"),
    Malformed("zero byte", "a.txt", b"one\ntw\0o\n", TextFile, r"found a zero byte at offset 6 \(line 2\)"),
    Malformed("utf-16", "a.txt", "text".encode("utf-16"), read_lines, "expected UTF-8 text, found the byte ff at offset 0"),
    # ---- tables
    Malformed("a cell too few", "a.csv", b"x,y,kind\n1,2,a\n3,4\n", read_table, r"line 3: expected 3 cells \(x, y, kind\), found 2"),
    Malformed("a cell too many", "a.csv", b"x,kind\n1,a\n\n2,b\n", read_table, "line 3: expected 2 cells .*found an empty line"),
    Malformed("semicolons", "a.csv", b"x;kind\n1;a\n", kinds, "expected a column 'kind', found x;kind"),
    Malformed("empty lines alone", "a.csv", b"\n\n\n", read_table, "line 1: expected the names of the columns, found an empty line"),
    Malformed("spaces for tabs", "a.tsv", b"x\tkind\n1 a\n", read_table, "line 2: expected 2 cells .*found 1"),
    Malformed("header alone", "a.csv", b"x,kind\n", read_table, "expected at least one row after the header, found none"),
    Malformed("no column", "a.csv", b"x,label\n1,a\n", kinds, "expected a column 'kind', found x, label"),
    Malformed("two columns of a name", "a.csv", b"x,x,kind\n1,2,a\n", read_table, "line 1: two columns are named 'x'"),
    Malformed("a column without a name", "a.csv", b"x,,kind\n1,2,a\n", read_table, "line 1: column 2 has no name"),
    Malformed("missing value", "a.csv", b"x,kind\n1,a\n,b\n", kinds, r"line 3, column 'x': the value is missing \(found ''\)"),
    Malformed("NA", "a.csv", b"x,kind\n1,a\nNA,b\n", kinds, r"line 3, column 'x': the value is missing \(found 'NA'\)"),
    Malformed("missing class", "a.csv", b"x,kind\n1,a\n2,\n", kinds, "line 3, column 'kind': the value is missing"),
    Malformed("text for a number", "a.csv", b"x,kind\n1,a\ntwo,b\n", kinds, "line 3, column 'x': expected a number, found 'two'"),
    Malformed("infinite", "a.csv", b"x,kind\n1,a\n1e999,b\n", kinds, "line 3, column 'x': expected a finite float32, found '1e999'"),
    Malformed("too large for its type", "a.csv", b"x,kind\n1e39,a\n", kinds, "line 2, column 'x': expected a finite float32"),
    Malformed("quote left open", "a.csv", b'x,kind\n1,a\n2,"b\n3,c\n', read_table, "line 3: expected cells, quoted or not, found: unexpected end of data"),
    Malformed("text behind a quote", "a.csv", b'x,kind\n1,"a"b\n', read_table, "line 2: expected cells, quoted or not"),
    Malformed("nothing to learn from", "a.csv", b"kind\na\n", kinds, "expected at least one column to learn from"),
    # ---- pictures
    Malformed("jpeg named png", "a.png", JPEG, read_image, "expected PNG, as its name says, found JPEG"),
    Malformed("text named png", "a.png", b"not a picture", read_image, "expected PNG, .*found bytes that begin with b'not a pi'"),
    Malformed("empty png", "a.png", b"", read_image, "expected PNG, .*found bytes that begin with b''"),
    Malformed("png cut off", "a.png", PNG[:200], read_image, "expected a PNG picture, found a damaged one"),
    Malformed("png with other pixels", "a.png", another_byte(PNG, -17), read_image, "found a damaged one: the checksum of its pixels is"),
    Malformed("png that lacks pixels", "a.png", PNG[:-40] + PNG[-12:], read_image, "bytes of its part b'IDAT' at offset 33 go beyond the end"),
    Malformed("png cut in its header", "a.png", PNG[:20], read_image, "expected a PNG picture, found a damaged one"),
    Malformed("jpeg cut off", "a.jpg", JPEG[:300], read_image, "expected a JPEG picture, found a damaged one"),
    Malformed("png of four billion pixels", "a.png", claimed(65_000, 65_000), read_image, "its head claims 528125000 bytes of pixels, which cannot be packed into 12"),
    Malformed("no picture's name", "a.tiff", b"II*\0", read_image, "expected a picture .*found the name 'a.tiff'"),
    Malformed("png of a hundred million pixels", "a.png", claimed(10_000, 10_000, 12_510_000), read_image, "expected at most 67108864 pixels, found 10000×10000"),
    # ---- folders of pictures
    Malformed("empty folder", "data", {}, ImageFolder, "expected a folder for each class, with pictures in it, found none"),
    Malformed("pictures without a class", "data", {"a.png": PNG}, ImageFolder, "expected a folder for each class"),
    Malformed("class without a picture", "data", {"cat/a.png": PNG, "dog": None}, ImageFolder, "dog: expected pictures of this class, found none"),
    Malformed("notes among the pictures", "data", {"cat/a.png": PNG, "cat/read me.md": b"hi"}, ImageFolder, "read me.md: expected a picture .*found another file"),
    Malformed("damaged picture in a folder", "data", {"cat/a.png": PNG[:99]}, first_picture, "a.png: expected a PNG picture, found a damaged one"),
    # ---- archives
    Malformed("no tar", "a.tar", b"not a tar archive" * 100, members, "expected a tar archive, found a damaged one or none"),
    Malformed("empty tar", "a.tar", b"", members, "expected a tar archive, found a damaged one or none"),
    Malformed("tar without the member", "a.tar", tar(("b.bin", b"x")), members, "expected the members a.bin, found none of them"),
    Malformed("tar with the member twice", "a.tar", tar(("x/a.bin", b"x"), ("y/a.bin", b"y")), members, "two members are named 'a.bin'"),
    Malformed("tar with a link", "a.tar", tar(("a.bin", b""), kind=tarfile.SYMTYPE), members, "member 'a.bin': expected a file, found a link"),
    Malformed("tar cut off", "a.tar", tar(("a.bin", bytes(5000)))[:1500], members, "is cut off: expected 5000 bytes|damaged one"),
    Malformed("tar that is too large", "a.tar", tar(("b.bin", bytes(20_000)), ("a.bin", b"x")), members, "expected at most 10000 bytes in all members, found 20000"),
    Malformed("tar.gz cut off", "a.tar.gz", tar(("a.bin", bytes(5000)), mode="w:gz")[:-20], members, "expected a tar archive, found a damaged one or none"),
    Malformed("tar.gz with another checksum", "a.tar.gz", TGZ[:-8] + b"\0\0\0\0" + TGZ[-4:], members, "expected a tar archive, found a damaged one or none: CRC"),
    Malformed("tar.gz with something behind it", "a.tar.gz", TGZ + b"more", members, "expected a tar archive, found a damaged one or none"),
    Malformed("tar.gz cut in its header", "a.tar.gz", TGZ[:4], members, "expected a tar archive, found a damaged one or none"),
    Malformed("tar named tar.gz", "a.tar.gz", tar(("a.bin", b"x")), members, "expected a tar archive, found a damaged one or none"),
    Malformed("no zip", "a.zip", b"not a zip archive", members, "expected a zip archive, found a file that is not"),
    Malformed("zip bomb", "a.zip", zipped(("a.bin", bytes(10**6))), members, "expected at most 10000 bytes in all members, found 1000000"),
    Malformed("zip that leads outside", "a.zip", zipped(("../a.bin", b"x")), members, "member '../a.bin': expected a plain relative name"),
    Malformed("zip with a name without end", "a.zip", zipped(("a" * 9000 + "/../b", b"x")), members, "member 'aaaa.*expected a plain relative name"),
    Malformed("zip with a member twice", "a.zip", twice("a.bin"), members, "member 'a.bin' stands in the archive twice"),
    Malformed("zip with a member in a member", "a.zip", within("a.bin"), members, "which belong to another member|expected its header at offset"),
    Malformed("zip without an end", "a.zip", zipped(("a.bin", b"x"))[:-22], members, "expected a zip archive, found a file that is not"),
    Malformed("zip with a damaged member", "a.zip", zipped(("a.bin", b"hello"), method=0).replace(b"hello", b"hallo"), members, "member 'a.bin' is damaged: Bad CRC-32"),
    # ---- npz
    Malformed("npz of text", "a.npz", zipped(("a.txt", b"x")), read_npz, "expected members that end in .npy, found 'a.txt'"),
    Malformed("npz without magic", "a.npz", zipped(("a.npy", npy(magic=b"\x93NUMPX\x01\x00"))), read_npz, "expected the magic number of a .npy"),
    Malformed("npz cut in its header", "a.npz", zipped(("a.npy", npy()[:20])), read_npz, "expected a header of .* bytes, found 10"),
    Malformed("npz with code in its header", "a.npz", zipped(("a.npy", npy(shape="(__import__('os'),)"))), read_npz, "expected a header with descr, fortran_order and shape"),
    Malformed("npz of objects", "a.npz", zipped(("a.npy", npy(descr="|O"))), read_npz, r"found '\|O'; objects are pickles, which are not read"),
    Malformed("npz of complex numbers", "a.npz", zipped(("a.npy", npy(descr="<c8"))), read_npz, "expected booleans, integers or real numbers, found '<c8'"),
    Malformed("npz of another size", "a.npz", zipped(("a.npy", npy(shape="(4,)"))), read_npz, r"expected 16 bytes of data, of shape \(4,\) and dtype float32, found 12"),
    Malformed("npz of no possible size", "a.npz", zipped(("a.npy", npy(shape="(9999999999999999999, 99999999999)"))), read_npz, "found 12"),
    # ---- files of tensors
    Malformed("safetensors of text", "a.safetensors", b"not safetensors at all", read_safetensors, "offset 0: expected the size of a header"),
    Malformed("safetensors of nothing", "a.safetensors", b"", read_safetensors, "offset 0: expected the size of a header .*found b''"),
    Malformed("safetensors with a huge header", "a.safetensors", header("{}", size=2**63), read_safetensors, "expected the size of a header that fits"),
    Malformed("safetensors with half a header", "a.safetensors", header('{"a":'), read_safetensors, "expected a header in JSON, found the end"),
    Malformed("safetensors of a list", "a.safetensors", header("[]"), read_safetensors, "offset 8: expected a header in JSON, found a list"),
    Malformed("safetensors nested without end", "a.safetensors", header("[" * 100_000), read_safetensors, "offset 8: expected a header in JSON"),
    Malformed("safetensors with a key twice", "a.safetensors", header('{"a":1,"a":1}'), read_safetensors, "key 'a' stands twice"),
    Malformed("safetensors without a shape", "a.safetensors", header('{"a":{"dtype":"F32","data_offsets":[0,4]}}', bytes(4)), read_safetensors, "key 'a': expected dtype, shape and data_offsets"),
    Malformed("safetensors of a negative size", "a.safetensors", header('{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', bytes(4)), read_safetensors, "key 'a': expected dtype, shape and data_offsets"),
    Malformed("safetensors of a size that is true", "a.safetensors", header('{"a":{"dtype":"F32","shape":[true],"data_offsets":[0,4]}}', bytes(4)), read_safetensors, "key 'a': expected dtype, shape and data_offsets"),
    Malformed("safetensors of an unknown dtype", "a.safetensors", header('{"a":{"dtype":"F4","shape":[1],"data_offsets":[0,4]}}', bytes(4)), read_safetensors, "key 'a': expected one of BOOL, U8"),
    Malformed("safetensors of another size", "a.safetensors", header('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', bytes(4)), read_safetensors, r"shape \[2\] of float32 takes 8 bytes of the 4"),
    Malformed("safetensors with a gap", "a.safetensors", header('{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', bytes(8)), read_safetensors, "expected its bytes to begin at 0, where the last ones end, found 4"),
    Malformed("safetensors that overlap", "a.safetensors", header('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(4)), read_safetensors, "expected its bytes to begin at 4"),
    Malformed("safetensors with something behind it", "a.safetensors", header('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(9)), read_safetensors, "expected 4 bytes of tensors, found 9"),
    Malformed("safetensors with numbers for metadata", "a.safetensors", header('{"__metadata__":{"a":1}}'), read_safetensors, "key '__metadata__': expected strings by name"),
    Malformed("bare pickle", "a.pt", b"\x80\x04N.", read_torch, "expected PyTorch's zip format, found a bare pickle"),
    Malformed("pickle that runs something", "a.pt", zipped(("a/data.pkl", b"cos\nsystem\n(X\x04\0\0\0echotR."), method=0), read_torch, "asks for os.system, .*nothing was run"),
]  # fmt: skip


if __name__ == "__main__":
    for number, each in enumerate(CORPUS):
        folder = Path(sys.argv[1]) / f"{number:02d} {each.name}"
        folder.mkdir(parents=True)
        each.write(folder)
