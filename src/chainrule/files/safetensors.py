"""The safetensors format: tensors by name, nothing else.

    offset 0   the size H of the header, 8 bytes, least significant first
    offset 8   the header: JSON, name -> {"dtype", "shape", "data_offsets": [begin, end]}, and under
               "__metadata__" strings by name
    8 + H      the tensors' bytes, row-major, least significant byte first, without gaps

Source: Hugging Face, github huggingface/safetensors, README, section "Format".
"""

from __future__ import annotations

import json
import math
import mmap as memory_map
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..base import dtypes
from ..base.errors import DTypeError, FormatError
from ..tensors import Tensor
from ..tensors.creation import on_array
from .json_objects import json_object
from .reading import open_file
from .whole import writing

__all__ = ["read_safetensors", "write_safetensors"]

CODES = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64",
    "float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64",
}  # fmt: skip
DTYPES = {code: dtypes.of(name) for name, code in CODES.items()}
MOST_HEADER = 100_000_000  # bytes, as the format says
METADATA = "__metadata__"


def write_safetensors(
    path: str | os.PathLike[str],
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write tensors by name. Those that share memory are written each for itself.

    Raises:
        DTypeError: a name that is no string, or something that is no tensor.
        SaveError: the system refused.
    """
    header: dict[str, Any] = {METADATA: dict(metadata)} if metadata else {}
    arrays = []
    end = 0
    for name, tensor in tensors.items():
        if not isinstance(name, str) or name == METADATA or not isinstance(tensor, Tensor):
            raise DTypeError(
                f"{path}: a .safetensors file holds tensors by name, found {name!r:.100}: a "
                f"{type(tensor).__name__}; .pt files hold trees"
            )
        array = np.ascontiguousarray(tensor.detach()._concrete("save"))
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        begin, end = end, end + array.nbytes
        header[name] = {
            "dtype": CODES[tensor.dtype.name],
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
        arrays.append(little)
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the tensors begin at a multiple of 8
    with writing(path) as f:
        f.write(len(text).to_bytes(8, "little") + text)
        for array in arrays:
            f.write(array.reshape(-1).view(np.uint8).data)


def read_safetensors(
    path: str | os.PathLike[str], *, mmap: bool = False
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a file by name, and its metadata.

    Args:
        path: the path of the file.
        mmap: let the file be the tensors' memory: nothing is read before it is used. Writing to
            such a tensor changes memory, never the file.

    Raises:
        FormatError: not what the format says; the key or offset is named.
        OSError: it cannot be read.

    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "one.safetensors"
    >>> write_safetensors(file, {"w": cr.ones(2, 3)}, {"made": "by hand"})
    >>> read_safetensors(file)[1]
    {'made': 'by hand'}
    """
    with open_file(path) as f:
        size = f.seek(0, 2)
        f.seek(0)
        start = f.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or not 2 <= length <= min(MOST_HEADER, size - 8):
            raise FormatError(
                f"{path}: offset 0: expected the size of a header that fits into the file of "
                f"{size} bytes, found {length if len(start) == 8 else start!r}"
            )
        header = json_object(path, f.read(length), at=8, what="a header in JSON")
        metadata = header.pop(METADATA, {})
        if not isinstance(metadata, dict) or not all(type(v) is str for v in metadata.values()):
            raise FormatError(f"{path}: key {METADATA!r}: expected strings by name")
        spans = _spans(path, header, size - 8 - length)
        begin = 8 + length
        if mmap and size > begin:
            content = memory_map.mmap(f.fileno(), 0, access=memory_map.ACCESS_COPY)
        tensors = {}
        for name, (dtype, shape, first, last) in spans.items():
            little = dtype.numpy.newbyteorder("<")
            if mmap and last > first:
                flat = np.frombuffer(content, little, math.prod(shape), begin + first)
            else:
                flat = np.empty(math.prod(shape), little)
                f.seek(begin + first)
                if f.readinto(memoryview(flat.view(np.uint8))) != last - first:  # type: ignore[arg-type]
                    raise FormatError(f"{path}: key {name!r}: the file is cut off")
            own = flat.astype(dtype.numpy, copy=not flat.flags.aligned)
            tensors[name] = on_array(own.reshape(shape))
    return tensors, metadata


def _spans(
    path: str | os.PathLike[str], header: Mapping[str, Any], size: int
) -> dict[str, tuple[dtypes.DType, tuple[int, ...], int, int]]:
    """name -> (dtype, shape, begin, end), after all have been found to cover the data."""
    spans = {}
    for name, entry in header.items():
        where = f"{path}: key {name!r}"
        match entry:
            case {"dtype": str(code), "shape": list(shape), "data_offsets": [first, last]} if all(
                type(n) is int and 0 <= n < 1 << 62 for n in (*shape, first, last)
            ):
                pass
            case _:
                raise FormatError(
                    f"{where}: expected dtype, shape and data_offsets, found {entry!r:.200}"
                )
        if code not in DTYPES:
            raise FormatError(f"{where}: expected one of {', '.join(DTYPES)}, found {code!r:.50}")
        dtype = DTYPES[code]
        numel = math.prod([max(n, 1) for n in shape])
        if len(shape) > 64 or numel * dtype.itemsize >= 1 << 62:
            raise FormatError(f"{where}: no memory has the shape {shape!r:.200}")
        expected = math.prod(shape) * dtype.itemsize
        if last - first != expected or last > size:
            raise FormatError(
                f"{where}: shape {shape} of {dtype.name} takes {expected} bytes of the {size} "
                f"there are, found data_offsets {[first, last]}"
            )
        spans[name] = (dtype, tuple(shape), first, last)
    end = 0
    for name, (_, _, first, last) in sorted(spans.items(), key=lambda item: item[1][2:]):
        if first != end:
            raise FormatError(
                f"{path}: key {name!r}: expected its bytes to begin at {end}, where the last ones "
                f"end, found {first}"
            )
        end = last
    if end != size:
        raise FormatError(f"{path}: expected {end} bytes of tensors, found {size}")
    return spans
