"""PyTorch's files (`.pt`, `.pth`, `.bin`), read without running anything in them.

Such a file is a zip archive, stored without compression:

    name/data.pkl      a pickle of the tree; a tensor in it is a call of `_rebuild_tensor_v2` with a
                       storage, an offset, a size and strides
    name/data/0, …     the bytes of each storage
    name/byteorder     "little" or "big"
    name/version       of the format

What PyTorch wrote before 1.6 is read by `torch_legacy`.

Everything a tensor says of itself is compared with the size of its storage before memory is looked
at. Each storage is read once, straight into the memory its tensors use, so reading takes about as
much memory as the file is large; with `mmap=True` the file itself is that memory.

Source: PyTorch 2.13, torch/serialization.py and torch/_utils.py; the format, not the code.
"""

from __future__ import annotations

import mmap as memory_map
import os
import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from ..base import dtypes
from ..base.dtypes import DType
from ..base.errors import ChainruleError, FormatError
from ..tensors import Size, Tensor
from ..tensors.device import Device
from . import classes
from .archive import Archive
from .memory import Memory, dense_strides
from .pickles import Named, interpret
from .reading import open_file

__all__ = ["read_torch"]

STORAGES = {
    "FloatStorage": dtypes.float32,
    "DoubleStorage": dtypes.float64,
    "HalfStorage": dtypes.float16,
    "BFloat16Storage": dtypes.bfloat16,
    "LongStorage": dtypes.int64,
    "IntStorage": dtypes.int32,
    "ShortStorage": dtypes.int16,
    "CharStorage": dtypes.int8,
    "ByteStorage": dtypes.uint8,
    "BoolStorage": dtypes.bool_,
}
LEGACY = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")
MOST_AXES = 64  # NumPy's
COPIES = 4  # times the file: how much may be copied of tensors whose strides leave gaps


def read_torch(file: str | os.PathLike[str] | BinaryIO, *, mmap: bool = False) -> Any:
    """The tree in a file that `torch.save` wrote: dictionaries, lists, tuples, numbers, strings,
    dtypes and devices as they were, tensors as tensors, parameters as parameters.

    Tensors that shared memory share it again. On whichever device they were, they are on the CPU now.

    Args:
        file: a path, or a file open for reading.
        mmap: let the file be the tensors' memory: nothing is read before it is used. Writing to
            such a tensor changes memory, never the file. Checksums of storages are then not checked.

    Raises:
        FormatError: no such file, a damaged one, or one that asks for something that is not a tree
            of tensors: the name is told with its offset in the pickle, and nothing was run.
        OSError: it cannot be read.
    """
    if isinstance(file, (str, os.PathLike)):
        with open_file(file) as f:
            return _read(f, str(file), mmap)
    return _read(file, getattr(file, "name", None) or "the file", mmap)


def _read(file: BinaryIO, where: str, mmap: bool) -> Any:
    start = file.read(len(LEGACY))
    if start == LEGACY:
        from .torch_legacy import LegacyReader

        return LegacyReader(file, where, mmap).tree()
    if start[:1] == b"\x80":
        raise FormatError(
            f"{where}: expected PyTorch's zip format, found a bare pickle (offset 0); "
            "load it with PyTorch 1.6 or later and torch.save it again"
        )
    return Reader(file, where, mmap).tree()


class Reader:
    """One file while it is read."""

    def __init__(self, file: BinaryIO, where: str, mmap: bool):
        self.where = where
        self.archive = Archive(file, where, compressed=False)
        self.total = self.archive.size
        self.prefix = self._prefix()
        self.swap = self._byteorder() != sys.byteorder
        self.map = self.mapped(file) if mmap else None
        self.storages: dict[str, tuple[DType | None, Memory]] = {}
        self.program = self.archive.read(f"{self.prefix}data.pkl")
        self.copied = 0  # bytes of tensors with gaps
        self.made = 0  # characters and elements that functions have copied

    def _prefix(self) -> str:
        """The folder of the archive that holds everything."""
        found = [n for n in self.archive.members if n.split("/")[-1] == "data.pkl"]
        tops = {name.split("/")[0] for name in self.archive.members}
        if any(n.split("/")[1:2] == ["constants.pkl"] for n in self.archive.members):
            raise FormatError(
                f"{self.where}: expected a file of torch.save, found a TorchScript program, which is "
                "code; save its state_dict() instead"
            )
        if len(found) != 1 or found[0].count("/") > 1:
            listed = ", ".join(sorted(tops)[:5]) or "nothing"
            raise FormatError(
                f"{self.where}: expected one data.pkl, as torch.save writes it, found {len(found)} "
                f"(the archive has {listed})"
            )
        return found[0].removesuffix("data.pkl")

    def _byteorder(self) -> str:
        """ "little" or "big"; files from before it was written are little."""
        name = f"{self.prefix}byteorder"
        if name not in self.archive.members:
            return "little"
        order = self.archive.read(name)
        if order not in (b"little", b"big"):
            raise FormatError(
                f"{self.where}: member {name!r}: expected little or big, found {order!r}"
            )
        return order.decode()

    def mapped(self, file: BinaryIO) -> memory_map.mmap:
        """The file as memory, to which writing changes no file."""
        if self.swap:
            raise FormatError(
                f"{self.where}: written on a machine of other byte order, mmap=True cannot read it"
            )
        try:
            return memory_map.mmap(file.fileno(), 0, access=memory_map.ACCESS_COPY)
        except (AttributeError, OSError, ValueError) as e:
            raise FormatError(f"{self.where}: mmap=True needs a file on the disk: {e}") from e

    def tree(self) -> Any:
        """What the pickle describes."""
        return interpret(
            self.program, self.names(), self.storage, f"{self.where}: data.pkl", why_not
        )

    # ------------------------------------------------------------------------------ the names

    def names(self) -> dict[str, Named]:
        """Every name that may stand in a file."""
        functions: dict[str, Callable[..., Any]] = {
            "collections.OrderedDict": lambda: OrderedDict(),
            "torch._utils._rebuild_tensor": self.tensor_plain,
            "torch._utils._rebuild_tensor_v2": self.tensor,
            "torch._utils._rebuild_tensor_v3": self.tensor_typed,
            "torch._utils._rebuild_parameter": self.parameter,
            "torch._tensor._rebuild_from_type_v2": self.from_type,
            "torch.Tensor": _no_call,
            "torch.nn.parameter.Parameter": _no_call,
            "torch.Size": self.size,
            "torch.device": _device,
            "_codecs.encode": self.encode,
            "builtins.set": self.set,
            "__builtin__.set": self.set,
            "torch.storage.UntypedStorage": _no_call,
            "torch.UntypedStorage": _no_call,
            **{f"torch.{name}": _no_call for name in STORAGES},
        }
        names = {name: Named(name, call) for name, call in functions.items()}
        for dtype in dtypes.ALL:
            names[f"torch.{dtype.name}"] = Named(f"torch.{dtype.name}", value=dtype)
        return names

    def spend(self, amount: int) -> None:
        """A file may let us copy what it holds once, not again and again."""
        self.made += amount
        if self.made > 2 * len(self.program):
            raise FormatError("the same text or list is copied more often than any file needs")

    def encode(self, text: Any, encoding: Any) -> bytes:
        """Bytes, which protocol 2 writes as text."""
        if not isinstance(text, str) or encoding != "latin1":
            raise FormatError("expected text to be encoded as latin1")
        self.spend(len(text))
        try:
            return text.encode("latin1")
        except UnicodeEncodeError as e:
            raise FormatError(f"expected characters of latin1, found {text[e.start]!r}") from e

    def set(self, items: Any = ()) -> set[Any]:
        """A set of scalars."""
        if not isinstance(items, (list, tuple)):
            raise FormatError(f"expected a list, found a {type(items).__name__}")
        self.spend(len(items))
        for item in items:
            if not isinstance(item, (str, int, float, bool, bytes, type(None))):
                raise FormatError(f"expected strings and numbers, found a {type(item).__name__}")
        return set(items)

    def size(self, sizes: Any = ()) -> Size:
        """A shape."""
        if not isinstance(sizes, (list, tuple)):
            raise FormatError(f"expected sizes, found a {type(sizes).__name__}")
        return Size(_integers(sizes, "sizes"))

    # ---------------------------------------------------------------------------- the tensors

    def storage(self, identity: Any) -> tuple[DType | None, Memory]:
        """The memory that a persistent identity names."""
        match identity:
            case ("storage", Named(name=kind), str(key), str(), int(count)):
                pass
            case _:
                raise FormatError(
                    f"expected the identity of a storage (storage, type, key, place, size), "
                    f"found {identity!r:.200}"
                )
        short = kind.rpartition(".")[2]
        dtype = STORAGES.get(short)
        if dtype is None and short != "UntypedStorage":
            raise FormatError(f"expected the type of a storage, found {kind}")
        if key in self.storages:
            found, memory = self.storages[key]
            if found is not dtype or (dtype is not None and len(memory.flat) != count):
                raise FormatError(f"storage {key!r} is described twice, and differently")
            return found, memory
        memory = Memory(self.elements(key, dtype, count))
        self.storages[key] = dtype, memory
        return dtype, memory

    def elements(self, key: str, dtype: DType | None, count: int) -> np.ndarray:
        """The elements of a storage; of one without type its bytes."""
        name = f"{self.prefix}data/{key}"
        if name not in self.archive.members:
            raise FormatError(f"storage {key!r}: the archive has no member {name!r}")
        start, size = self.archive.span(name)
        expected = count * (dtype.itemsize if dtype else 1)
        if size != expected:
            raise FormatError(
                f"storage {key!r}: {count} elements of {dtype.name if dtype else 'one byte'} are "
                f"{expected} bytes, but member {name!r} has {size}"
            )
        stored = dtype.numpy if dtype else np.dtype(np.uint8)
        if self.map is not None and size:
            flat = np.frombuffer(self.map, stored, size // stored.itemsize, start)
            return flat if flat.flags.aligned else flat.copy()
        flat = self.archive.array(name).view(stored)
        return flat.byteswap(inplace=True) if self.swap and dtype else flat

    def tensor_plain(self, storage: Any, offset: Any, size: Any, stride: Any) -> Tensor:
        """`torch._utils._rebuild_tensor`."""
        return self.tensor(storage, offset, size, stride, False, OrderedDict())

    def tensor_typed(
        self,
        storage: Any,
        offset: Any,
        size: Any,
        stride: Any,
        requires_grad: Any,
        hooks: Any,
        dtype: Any,
        metadata: Any = None,
    ) -> Tensor:
        """`torch._utils._rebuild_tensor_v3`: the storage has no type, the tensor has."""
        match storage:
            case (None, Memory(flat=flat)) if isinstance(dtype, DType):
                pass
            case _:
                raise FormatError("expected a storage without type and a dtype")
        if len(flat) % dtype.itemsize:
            raise FormatError(f"a storage of {len(flat)} bytes does not hold whole {dtype.name}")
        elements = flat.view(dtype.numpy)
        if self.swap:
            elements = elements.byteswap()
        typed = (dtype, Memory(elements))
        return self.tensor(typed, offset, size, stride, requires_grad, hooks, metadata)

    def tensor(
        self,
        storage: Any,
        offset: Any,
        size: Any,
        stride: Any,
        requires_grad: Any,
        hooks: Any,
        metadata: Any = None,
    ) -> Tensor:
        """`torch._utils._rebuild_tensor_v2`."""
        match storage:
            case (DType() as dtype, Memory() as memory):
                pass
            case _:
                raise FormatError(f"expected a storage, found a {type(storage).__name__}")
        size, stride = _integers(size, "sizes"), _integers(stride, "strides")
        [offset] = _integers((offset,), "an offset")
        if hooks or metadata:
            raise FormatError("the tensor has hooks or metadata, which are code or unknown")
        self._check(len(memory.flat), dtype, offset, size, stride)
        tensor = memory.tensor(offset, size, stride)
        if requires_grad is True:
            if not dtype.is_floating_point:
                raise FormatError(f"a tensor of {dtype.name} cannot require a gradient")
            tensor = tensor.detach().requires_grad_()
        return tensor

    def _check(
        self, count: int, dtype: DType, offset: int, size: tuple[int, ...], stride: tuple[int, ...]
    ) -> None:
        """Does a tensor lie inside of its storage?"""
        about = f"a tensor of size {size}, strides {stride}, offset {offset}"
        if len(size) != len(stride) or len(size) > MOST_AXES:
            raise FormatError(
                f"{about}: expected as many strides as sizes, and at most {MOST_AXES}"
            )
        numel = 1
        for n in size:
            numel *= max(n, 1)
        if numel * dtype.itemsize >= 1 << 62:
            raise FormatError(f"{about}: no memory has as many elements")
        if 0 in size:
            return
        last = offset + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
        if last >= count:
            raise FormatError(
                f"{about}: its last element would be number {last} of a storage of {count}"
            )
        kept = sorted((s, n) for n, s in zip(size, stride, strict=True) if n > 1 and s != 0)
        reach = 1
        for s, n in kept:
            if s < reach:
                raise FormatError(f"{about}: its elements overlap in memory, which is not read")
            reach = s * (n - 1) + reach
        shape = tuple(n for _, n in reversed(kept))
        if tuple(s for s, _ in reversed(kept)) != dense_strides(shape):
            self.copied += numel * dtype.itemsize
            if self.copied > COPIES * self.total:
                raise FormatError(
                    f"{about}: the tensors of this file would take more than {COPIES} times its size"
                )

    def parameter(self, data: Any, requires_grad: Any, hooks: Any) -> Tensor:
        """`torch._utils._rebuild_parameter`."""
        if not isinstance(data, Tensor) or hooks:
            raise FormatError("expected a tensor without hooks")
        try:
            return classes.PARAMETER(data, requires_grad=requires_grad is True)
        except ChainruleError as e:  # integers that require a gradient
            raise FormatError(str(e)) from e

    def from_type(self, function: Any, kind: Any, arguments: Any, state: Any) -> Any:
        """`torch._tensor._rebuild_from_type_v2`: a tensor with attributes, of which we take none."""
        known = ("torch.Tensor", "torch.nn.parameter.Parameter")
        if not isinstance(kind, Named) or kind.name not in known:
            name = kind.name if isinstance(kind, Named) else type(kind).__name__
            raise FormatError(f"expected a Tensor or a Parameter, found {name}")
        if state:
            raise FormatError("the tensor has attributes of its own, which are not read")
        if not isinstance(function, Named) or not function.name.startswith("torch._utils."):
            raise FormatError("expected a function that rebuilds a tensor")
        if not isinstance(arguments, tuple):
            raise FormatError("expected a tuple of arguments")
        return function.call(*arguments)  # type: ignore[misc]


def _integers(values: Any, what: str) -> tuple[int, ...]:
    if not isinstance(values, (tuple, list)) or not all(
        type(v) is int and 0 <= v < 1 << 62 for v in values
    ):
        raise FormatError(f"expected {what} that are whole numbers from 0, found {values!r:.200}")
    return tuple(values)


def _device(kind: Any = "cpu", index: Any = None) -> Device:
    if not isinstance(kind, str) or not (index is None or type(index) is int):
        raise FormatError(f"expected a device, found {kind!r:.100}")
    try:
        return Device(kind, index)
    except (ChainruleError, ValueError) as e:
        raise FormatError(f"expected a device, found {kind!r:.100}: {e}") from e


def _no_call(*arguments: Any) -> Any:
    raise FormatError("this is a type, and is not called")


def why_not(name: str) -> str:
    """What a person can do about a name that is refused."""
    if name.startswith(("torch.complex", "torch.Complex", "builtins.complex")):
        return "complex numbers are not supported"
    if name.startswith("torch.") and any(w in name for w in ("qtensor", "Q", "quant")):
        return "quantized tensors are not read; dequantize() before saving"
    if "sparse" in name:
        return "sparse tensors are not read; to_dense() before saving"
    if name.startswith(("numpy.", "torch._utils._rebuild_device_tensor_from_numpy")):
        return "save NumPy values as tensors or Python numbers"
    if name.startswith("torch.nn.") or "odule" in name:
        return "a whole module is code; save its state_dict() instead"
    if name.startswith("torch.uint"):
        return "there is no dtype for it"
    return "save tensors, numbers, strings and dictionaries, lists and tuples of them"
