"""Pictures, as arrays. Pillow decodes them, and is imported when the first one is read."""

from __future__ import annotations

import contextlib
import os
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ...base.errors import FormatError
from ...files.reading import open_file

__all__ = ["MOST_PIXELS", "SUFFIXES", "opened", "read_image"]

SUFFIXES = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".bmp": "BMP", ".gif": "GIF", ".webp": "WEBP",
    ".ppm": "PPM", ".pgm": "PPM", ".pbm": "PPM",
}  # fmt: skip
MODES = {"L": 1, "RGB": 3, "RGBA": 4}
MOST_PIXELS = 1 << 26  # 67 megapixels; a few bytes of a file can claim billions
MOST_BYTES_OF_A_PIXEL, SPARE = (
    8,
    1 << 20,
)  # in a file; what a decoder would read of a longer one is not looked at
MOST_UNPACKED = 1032  # bytes of which deflate makes one, at best
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of the kinds of colour in a PNG's head
SIGNATURES = {
    b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"BM": "BMP", b"GIF8": "GIF", b"RIFF": "WEBP",
    b"P": "PPM",
}  # fmt: skip

DAMAGE = (
    OSError,
    SyntaxError,  # Pillow's word for a broken PNG
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    EOFError,
    OverflowError,
    MemoryError,
    NotImplementedError,
    AssertionError,
    struct.error,
)
"""What Pillow raises on pictures that are none."""


def read_image(
    path: str | os.PathLike[str], mode: str = "RGB", most_pixels: int = MOST_PIXELS
) -> np.ndarray:
    """A picture as an array: uint8 (C, H, W).

    Args:
        path: the path of a .png, .jpg, .bmp, .gif (its first picture), .webp or .ppm file.
        mode: "L" (grey), "RGB" or "RGBA", to which it is converted; of elements of 16 bits the upper 8
            are taken.
        most_pixels: that it may have; checked before it is decoded.

    Raises:
        FormatError: no such picture, a damaged one, another format than its name says, too many
            pixels.
        OSError: it cannot be read.
        ModuleNotFoundError: Pillow is not installed.

    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "dot.ppm"
    >>> _ = file.write_bytes(b"P6 2 1 255 " + bytes([255, 0, 0, 0, 0, 9]))
    >>> read_image(file).tolist()
    [[[255, 0]], [[0, 0]], [[0, 9]]]
    """
    if mode not in MODES:
        raise ValueError(f"read_image: mode is one of {', '.join(MODES)}, found {mode!r}")
    path = Path(path)
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None:
        known = ", ".join(SUFFIXES)
        raise FormatError(f"{path}: expected a picture ({known}), found the name {path.name!r}")
    with open_file(path) as f:
        start = f.read(8)
        found = next((k for s, k in SIGNATURES.items() if start.startswith(s)), None)
        if found != kind:
            raise FormatError(
                f"{path}: expected {kind}, as its name says, found "
                f"{found or f'bytes that begin with {start!r}'}"
            )
        with opened(f, path, kind, most_pixels) as image:
            if image.mode.startswith("I"):  # 16 bits, which Pillow would cut off at 255
                from PIL import Image

                image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
            pixels = np.asarray(image.convert(mode))
    planes = pixels[:, :, None] if pixels.ndim == 2 else pixels  # (H, W, C)
    return np.ascontiguousarray(planes.transpose(2, 0, 1))  # (C, H, W)


@contextlib.contextmanager
def opened(
    f: BinaryIO,
    where: str | os.PathLike[str],
    kind: str | None = None,
    most_pixels: int = MOST_PIXELS,
) -> Iterator[Any]:
    """A block with a Pillow image, in which whatever Pillow says of a damaged one is told as a `FormatError`.

    Args:
        f: the file, which can be read again from its beginning.
        where: its path, or what else it is called in errors.
        kind: Pillow's name of the format that it must have; None: any.
        most_pixels: that it may have; checked before it is decoded.

    Raises:
        FormatError: no such picture, a damaged one, or too many pixels.
        ModuleNotFoundError: Pillow is not installed.
    """
    from PIL import Image

    size = f.seek(0, os.SEEK_END)
    if size > most_pixels * MOST_BYTES_OF_A_PIXEL + SPARE:
        raise FormatError(
            f"{where}: expected a picture of at most {most_pixels} pixels, found a file of {size} bytes"
        )
    f.seek(0)
    if f.read(4) == b"\x89PNG":
        _check_png(f, where, size)
    f.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is checked here, or told as an error
            with Image.open(f, formats=None if kind is None else [kind]) as image:
                W, H = image.size
                if not 0 < W * H <= most_pixels:
                    raise FormatError(
                        f"{where}: expected at most {most_pixels} pixels, found {W}×{H}"
                    )
                yield image
    except FormatError:
        raise
    except Image.UnidentifiedImageError as e:
        raise FormatError(f"{where}: not a picture that Pillow reads: {e}") from e
    except (Image.DecompressionBombError, *DAMAGE) as e:
        what = "a" if kind is None else f"a {kind}"
        raise FormatError(f"{where}: expected {what} picture, found a damaged one: {e}") from e


def _check_png(f: BinaryIO, path: str | os.PathLike[str], size: int) -> None:
    """Compare the checksums of the parts that hold pixels: that of the last one Pillow does not look at; and whether they can hold as
    many as the head claims, before memory is taken for them.
    """
    at, claimed, packed = 8, 0, 0  # behind the signature
    while at + 12 <= size:
        f.seek(at)
        length, kind = struct.unpack(">I4s", f.read(8))
        if kind == b"IEND":
            break
        if at + 12 + length > size:
            raise FormatError(
                f"{path}: expected a PNG picture, found a damaged one: the {length} bytes of its part {kind!r} at offset {at} go "
                "beyond the end of the file"
            )
        if kind == b"IHDR" and length >= 13 and not claimed:
            W, H, depth, colour = struct.unpack(">IIBB", f.read(10))
            claimed = H * ((W * depth * CHANNELS.get(colour, 1) + 7) // 8)
        if kind == b"IDAT":
            packed += length
            content = f.read(length)
            [told] = struct.unpack(">I", f.read(4))
            found = zlib.crc32(content, zlib.crc32(kind))
            if found != told:
                raise FormatError(
                    f"{path}: expected a PNG picture, found a damaged one: the checksum of its pixels is {found:08x}, not {told:08x} "
                    f"(the part at offset {at})"
                )
        at += 12 + length
    if claimed > MOST_UNPACKED * packed:
        raise FormatError(
            f"{path}: expected a PNG picture, found a damaged one: its head claims {claimed} bytes of pixels, which cannot be packed into "
            f"{packed}"
        )
