"""Pictures from files to tensors uint8 (C, H, W), and back, by Pillow. Videos are not here."""

from __future__ import annotations

import enum
import io
import os
from pathlib import Path
from typing import Any

import numpy as np

import chainrule

from ...base.errors import ArgumentError, DTypeError
from ...data.readers.images import opened
from ...files import reading
from ...tensors import Tensor
from ..surroundings.absent import VIDEO, absent
from .folders import pixels_of

__all__ = [
    "ImageReadMode",
    "decode_image",
    "decode_jpeg",
    "decode_png",
    "encode_jpeg",
    "encode_png",
    "read_file",
    "read_image",
    "write_file",
    "write_jpeg",
    "write_png",
]


class ImageReadMode(enum.Enum):
    """Which channels a picture is given: those of the file, grey, grey and opacity, colours, colours and opacity."""

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4

    @property
    def pillow(self) -> str | None:
        """Pillow's name for it."""
        return (None, "L", "LA", "RGB", "RGBA")[self.value]


def read_file(path: str | os.PathLike[str]) -> Tensor:
    """The bytes of a file, uint8 (N,)."""
    return chainrule.from_numpy(np.frombuffer(reading.read_file(path), np.uint8).copy())


def write_file(filename: str | os.PathLike[str], data: Tensor) -> None:
    """Write bytes, uint8 (N,), into a file."""
    Path(filename).write_bytes(_bytes(data))


def decode_image(
    input: Tensor | str | os.PathLike[str],
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """The picture that bytes, or the file of this path, hold.

    Args:
        input: uint8 (N,), or a path.
        mode: an `ImageReadMode`, or its name.
        apply_exif_orientation: turn it as the file says that the camera was held.

    Raises:
        FormatError: the bytes are no picture that Pillow reads.

    Returns:
        uint8 (C, H, W).
    """
    from PIL import ImageOps

    where = "these bytes" if isinstance(input, Tensor) else str(input)
    content = _bytes(input) if isinstance(input, Tensor) else reading.read_file(input)
    mode = ImageReadMode[mode.upper()] if isinstance(mode, str) else mode
    with opened(io.BytesIO(content), where, most_pixels=pixels_of(len(content))) as image:
        turned = ImageOps.exif_transpose(image) if apply_exif_orientation else image
        if mode.pillow is not None:
            turned = turned.convert(mode.pillow)
        elif turned.mode not in ("L", "LA", "RGB", "RGBA"):
            turned = turned.convert("RGBA" if "transparency" in turned.info else "RGB")
        pixels = np.array(turned)
    pixels = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return chainrule.from_numpy(np.ascontiguousarray(pixels))


def read_image(
    path: str | os.PathLike[str],
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    apply_exif_orientation: bool = False,
) -> Tensor:
    """`decode_image` of the file of this path."""
    return decode_image(Path(path), mode, apply_exif_orientation)


decode_png = decode_image


def decode_jpeg(
    input: Tensor,
    mode: ImageReadMode | str = ImageReadMode.UNCHANGED,
    device: Any = "cpu",
    apply_exif_orientation: bool = False,
) -> Tensor:
    """`decode_image`; the device is the CPU.

    Raises:
        DeviceError: another device.
    """
    chainrule.device(device)
    return decode_image(input, mode, apply_exif_orientation)


def encode_png(input: Tensor, compression_level: int = 6) -> Tensor:
    """The bytes of a PNG file, uint8 (N,), of a picture uint8 (1 or 3, H, W); compression from 0 to 9."""
    return _encoded(input, "PNG", compress_level=compression_level)


def encode_jpeg(input: Tensor, quality: int = 75) -> Tensor:
    """The bytes of a JPEG file, uint8 (N,), of a picture uint8 (1 or 3, H, W); quality from 1 to 100."""
    return _encoded(input, "JPEG", quality=quality)


def write_png(input: Tensor, filename: str | os.PathLike[str], compression_level: int = 6) -> None:
    """Write `encode_png` of a picture into a file."""
    write_file(filename, encode_png(input, compression_level))


def write_jpeg(input: Tensor, filename: str | os.PathLike[str], quality: int = 75) -> None:
    """Write `encode_jpeg` of a picture into a file."""
    write_file(filename, encode_jpeg(input, quality))


def _bytes(data: Tensor) -> bytes:
    if data.dtype is not chainrule.uint8 or data.ndim != 1:
        raise DTypeError(
            f"the bytes of a file are uint8 (N,), found {data.dtype} {tuple(data.shape)}"
        )
    return data.numpy().tobytes()


def _encoded(input: Tensor, kind: str, **how: int) -> Tensor:
    from PIL import Image

    if input.dtype is not chainrule.uint8 or input.ndim != 3 or input.shape[0] not in (1, 3):
        raise ArgumentError(
            f"a picture is uint8 (1 or 3, H, W), found {input.dtype} {tuple(input.shape)}"
        )
    pixels = input.numpy().transpose(1, 2, 0)
    image = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if len(input) == 1 else pixels))
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return chainrule.from_numpy(np.frombuffer(buffer.getvalue(), np.uint8).copy())


def __getattr__(name: str) -> Any:
    """What reads and writes videos, which can be imported, but not called."""
    if name in VIDEO:
        return absent(f"torchvision.io.{name}")
    raise AttributeError(f"there is no torchvision.io.{name} here")
