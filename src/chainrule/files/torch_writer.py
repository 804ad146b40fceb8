"""Trees of tensors as PyTorch writes them, for `torch.load(weights_only=True)`.

See `torch_reader` for the format. The pickle is written by a few lines of ours, which know only what
such a tree consists of; so nothing can get into a file that a reader would have to run.
"""

from __future__ import annotations

import os
import struct
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..base.dtypes import DType
from ..base.errors import DTypeError
from ..tensors import Size, Tensor
from ..tensors.device import Device
from . import classes
from .torch_reader import STORAGES
from .whole import writing

__all__ = ["write_torch"]

TYPES = {dtype.name: name for name, dtype in STORAGES.items()}
ALIGNMENT = 64  # so that a storage can be used where it lies in the file
ZIP64 = 1 << 30  # members above this get long sizes
EPOCH = (1980, 1, 1, 0, 0, 0)  # zip knows no time before; the same tree gives the same bytes
DEEPEST = 200


def write_torch(tree: Any, file: str | os.PathLike[str] | BinaryIO) -> None:
    """Write a tree to a file that `torch.load` reads without `weights_only=False`.

    Args:
        tree: dictionaries, lists, tuples, sets, strings, bytes, numbers, None, dtypes, devices,
            shapes, tensors and parameters. Tensors that share memory share it when they are read.
        file: a path, which is written whole or not at all, or a file open for writing.

    Raises:
        DTypeError: something else is in the tree; its place is named, and nothing is written.
        SaveError: the system refused.
    """
    pickled = _Pickled()
    pickled.add(tree, "")
    program = b"\x80\x02" + b"".join(pickled.pieces) + b"."
    if isinstance(file, (str, os.PathLike)):
        name = Path(file).stem or "archive"
        with writing(file) as f:
            _write(f, name, program, pickled.storages)
    else:
        _write(file, "archive", program, pickled.storages)


def _write(file: BinaryIO, name: str, program: bytes, storages: list[np.ndarray]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as z:
        _member(z, f"{name}/data.pkl", np.frombuffer(program, np.uint8))
        _member(z, f"{name}/byteorder", np.frombuffer(sys.byteorder.encode(), np.uint8))
        for k, flat in enumerate(storages):
            _member(z, f"{name}/data/{k}", flat.view(np.uint8))
        _member(z, f"{name}/version", np.frombuffer(b"3\n", np.uint8))


def _member(z: zipfile.ZipFile, name: str, content: np.ndarray) -> None:
    """Store bytes so that they begin at a multiple of `ALIGNMENT`."""
    info = zipfile.ZipInfo(name, EPOCH)
    long = content.nbytes > ZIP64
    assert z.fp is not None
    begin = z.fp.tell() + 30 + len(name.encode()) + (20 if long else 0) + 4
    padding = -begin % ALIGNMENT
    info.extra = struct.pack("<2sH", b"FB", padding) + b"Z" * padding
    with z.open(info, "w", force_zip64=long) as f:
        f.write(content.data)


class _Pickled:
    """The pickle of a tree, and the storages that its tensors lie in."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.storages: list[np.ndarray] = []
        self.keys: dict[int, int] = {}
        self.kept: list[Any] = []  # keeps the memory whose address is a key
        self.depth = 0

    def emit(self, *pieces: bytes) -> None:
        """Go on with these bytes."""
        self.pieces.extend(pieces)

    def name(self, module: str, name: str) -> None:
        """A name to be looked up by the reader."""
        self.emit(f"c{module}\n{name}\n".encode())

    def add(self, value: Any, place: str) -> None:
        """Any object; `place` says where in the tree it stands."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise DTypeError(f"save: {place[:200]} … is nested deeper than {DEEPEST}, or in itself")
        match value:
            case Tensor():
                self.tensor(value, place)
            case None:
                self.emit(b"N")
            case bool():
                self.emit(b"\x88" if value else b"\x89")
            case int() if type(value) is int:
                self.integer(value)
            case float() if type(value) is float:
                self.emit(b"G", struct.pack(">d", value))
            case str() if type(value) is str:
                self.text(value)
            case bytes():
                self.name("_codecs", "encode")
                self.text(value.decode("latin1"))
                self.text("latin1")
                self.emit(b"\x86R")
            case DType():
                self.name("torch", value.name)
            case Device():
                self.name("torch", "device")
                self.text(str(value))
                self.emit(b"\x85R")
            case Size():
                self.name("torch", "Size")
                self.numbers(value)
                self.emit(b"\x85R")
            case tuple() if type(value) is tuple:
                self.emit(b"(")
                for k, each in enumerate(value):
                    self.add(each, f"{place}[{k}]")
                self.emit(b"t")
            case list() if type(value) is list:
                self.emit(b"](")
                for k, each in enumerate(value):
                    self.add(each, f"{place}[{k}]")
                self.emit(b"e")
            case set():
                self.name("builtins", "set")
                self.add(sorted(value, key=repr), place)
                self.emit(b"\x85R")
            case Mapping():
                self.mapping(value, place)
            case _:
                hint = ""
                if isinstance(value, (np.ndarray, np.generic)):
                    hint = "; from_numpy() or item() makes a tensor or a number of it"
                elif hasattr(value, "state_dict"):
                    hint = "; save its state_dict()"
                raise DTypeError(
                    f"save: {place or 'the object'} is a {type(value).__name__}, expected a tensor, a "
                    "number, a string, None, or a dictionary, list, tuple or set of these" + hint
                )
        self.depth -= 1

    def mapping(self, value: Mapping[Any, Any], place: str) -> None:
        """A dictionary, ordered or not, with the `_metadata` of a state dict."""
        ordered = isinstance(value, OrderedDict)
        if ordered:
            self.name("collections", "OrderedDict")
            self.emit(b")R")
        else:
            self.emit(b"}")
        self.emit(b"(")
        for key, each in value.items():
            if type(key) not in (str, int, float, bool):
                raise DTypeError(
                    f"save: {place or 'the object'} has the key {key!r:.100}, expected "
                    "a string or a number"
                )
            self.add(key, place)
            self.add(each, f"{place}[{key!r}]")
        self.emit(b"u")
        if ordered and hasattr(value, "_metadata"):
            self.emit(b"}(")
            self.text("_metadata")
            self.add(value._metadata, f"{place}._metadata")
            self.emit(b"ub")

    def text(self, value: str) -> None:
        """A string."""
        encoded = value.encode("utf-8", "surrogatepass")
        self.emit(b"X", struct.pack("<I", len(encoded)), encoded)

    def integer(self, value: int) -> None:
        """A whole number of any size."""
        if -(1 << 31) <= value < 1 << 31:
            self.emit(b"J", struct.pack("<i", value))
            return
        size = value.bit_length() // 8 + 1
        if size > 255:
            raise DTypeError(
                f"save: an integer of {size} bytes is longer than a file may hold (255)"
            )
        self.emit(b"\x8a", bytes([size]), value.to_bytes(size, "little", signed=True))

    def numbers(self, values: Any) -> None:
        """A tuple of whole numbers."""
        self.emit(b"(")
        for value in values:
            self.integer(int(value))
        self.emit(b"t")

    def tensor(self, value: Tensor, place: str) -> None:
        """A tensor: a call that puts it on its storage. A history is not written: what it led to is read as a leaf, as in PyTorch."""
        parameter = isinstance(value, classes.PARAMETER)
        if parameter:
            self.name("torch._utils", "_rebuild_parameter")
            self.emit(b"(")
        key, offset, strides, count = self.storage(value)
        self.name("torch._utils", "_rebuild_tensor_v2")
        self.emit(b"((")
        self.text("storage")
        self.name("torch", TYPES[value.dtype.name])
        self.text(str(key))
        self.text("cpu")
        self.integer(count)
        self.emit(b"tQ")
        self.integer(offset)
        self.numbers(value.shape)
        self.numbers(strides)
        wants = b"\x88" if value.requires_grad else b"\x89"
        self.emit(b"\x89" if parameter else wants)
        self.name("collections", "OrderedDict")
        self.emit(b")RtR")
        if parameter:
            self.emit(wants)
            self.name("collections", "OrderedDict")
            self.emit(b")RtR")

    def storage(self, value: Tensor) -> tuple[int, int, tuple[int, ...], int]:
        """(key, offset, strides, size in elements) of the memory a tensor lies in."""
        array = value.detach()._concrete("save")
        whole = value._storage.value
        step = array.itemsize
        strides = tuple(s // step for s in array.strides)
        offset = (array.ctypes.data - whole.ctypes.data) // step if array.size else 0
        if not whole.flags.c_contiguous or min(strides, default=0) < 0 or offset < 0:
            whole, offset = np.ascontiguousarray(array), 0
            strides = tuple(s // step for s in whole.strides)
        if id(whole) not in self.keys:
            self.keys[id(whole)] = len(self.storages)
            self.kept.append(whole)
            self.storages.append(whole.reshape(-1))
        return self.keys[id(whole)], offset, strides, whole.size
