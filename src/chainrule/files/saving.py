"""`chainrule.save` and `chainrule.load`. Each format's chapter is imported when it is used."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from ..base.errors import ChainruleError, DeviceError, DTypeError, FormatError
from ..tape.modes import modes
from ..tensors import Tensor, from_numpy
from ..tensors.device import device_of, placing
from .reading import open_file

__all__ = ["load", "save"]

TORCH = (".pt", ".pth", ".bin", ".ckpt")
KNOWN = ".safetensors, .npz, .pt, .pth, .bin"


def save(
    obj: Any,
    f: str | os.PathLike[str] | BinaryIO,
    pickle_module: Any = None,
    pickle_protocol: int = 2,
    _use_new_zipfile_serialization: bool = True,
) -> None:
    """Write an object to a file, in the format that its name says.

    `.safetensors` and `.npz` hold tensors by name (a state dict), `.pt`, `.pth` and `.bin` trees
    of dictionaries, lists, tuples, numbers, strings and tensors, as PyTorch reads them with
    `torch.load`. A file is there whole or not at all, whatever happens.

    Args:
        obj: what to write.
        f: a path, or a file open for writing in bytes, which gets PyTorch's format.
        pickle_module: None; nothing is pickled by anyone else.
        pickle_protocol: 2.
        _use_new_zipfile_serialization: True.

    Raises:
        DTypeError: something that the format cannot hold; its place is named, nothing is written.
        ValueError: a name that says no format, or one of the last three arguments.
        SaveError: the system refused (disk full, no permission, no folder).

    >>> import tempfile
    >>> file = tempfile.mkdtemp() + "/model.pt"
    >>> cr.save({"step": 7, "weights": [cr.ones(2), cr.zeros(1)]}, file)
    >>> cr.load(file)
    {'step': 7, 'weights': [tensor([1., 1.]), tensor([0.])]}
    """
    if pickle_module is not None or pickle_protocol != 2 or not _use_new_zipfile_serialization:
        raise ValueError(
            "save writes PyTorch's zip format with pickle protocol 2, in code of its own; "
            "leave out pickle_module, pickle_protocol and _use_new_zipfile_serialization"
        )
    from .torch_writer import write_torch

    if not isinstance(f, (str, os.PathLike)):
        write_torch(obj, f)
        return
    suffix = _suffix(f)
    if suffix in TORCH:
        write_torch(obj, f)
    elif suffix not in (".safetensors", ".npz"):
        raise ValueError(f"save: {f}: expected a name that ends in one of {KNOWN}")
    elif not isinstance(obj, Mapping):
        raise DTypeError(
            f"save: {f}: a {suffix} file holds tensors by name, found a {type(obj).__name__}; "
            ".pt files hold trees"
        )
    elif suffix == ".safetensors":
        from .safetensors import write_safetensors

        write_safetensors(f, obj)
    else:
        from .npz import write_npz

        write_npz(f, {key: _array(f, key, value) for key, value in obj.items()})


def _suffix(path: str | os.PathLike[str]) -> str:
    return os.path.splitext(path)[1]


def _array(path: str | os.PathLike[str], key: Any, value: Any) -> np.ndarray:
    """A tensor as NumPy stores it."""
    if isinstance(value, Tensor) and isinstance(key, str):
        if value.dtype.name == "bfloat16":
            raise DTypeError(
                f"save: {path}: {key!r} is bfloat16, which NumPy lacks; "
                "write .safetensors or .pt, or save float() of it"
            )
        return value.detach()._concrete("save")
    if isinstance(value, np.ndarray) and isinstance(key, str):
        return value
    raise DTypeError(
        f"save: {path}: an .npz file holds tensors by name, found {key!r:.100}: a "
        f"{type(value).__name__}; .pt files hold trees"
    )


class _Loaded:
    """What a `map_location` function is given in the place of a storage: memory of the CPU."""

    def cpu(self) -> _Loaded:
        """Itself."""
        return self

    def cuda(self, device: Any = None, **options: Any) -> None:
        """Refused: there is no such device."""
        device_of("cuda")


def _need_cpu(map_location: Any) -> None:
    """Refuse a function or a dict that puts tensors elsewhere."""
    if callable(map_location):
        storage = _Loaded()
        place = map_location(storage, "cpu")
        if place is not None and place is not storage:
            raise DeviceError(
                f"load: map_location put a storage to {place!r}; tensors live on 'cpu'\n"
                "  hint: a function returns the storage that it was given"
            )
    else:
        if any([_is_meta(place) for place in map_location.values()]):
            raise DeviceError(
                "load: map_location has places of tensors, found 'meta'\n"
                "  hint: map_location='meta' makes outlines of all"
            )


def _is_meta(place: Any) -> bool:
    return place is not None and device_of(place).type == "meta"


def load(
    f: str | os.PathLike[str] | BinaryIO,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
) -> Any:
    """What a file of tensors holds: a `.safetensors` or an `.npz` a dictionary of tensors, a file
    of PyTorch's the tree that was saved.

    Which of them it is, its content says. Nothing in a file is ever run: a name that is not one of
    the few that tensors need is refused, and told.

    Args:
        f: a path, or a file open for reading in bytes (PyTorch's format only).
        map_location: where tensors go: None or "cpu", a dict of places by places, as {"cuda:0": "cpu"}, or a
            function of a storage and the place that it was saved from, as `lambda storage, place: storage`. There
            is no other device but "meta", for which shapes and dtypes alone are taken from the file.
        pickle_module: None; nothing is unpickled.
        weights_only: whether a file may not have code run. It never may here; False, which permits it in PyTorch,
            changes nothing.
        mmap: let the file be the tensors' memory (not of `.npz`): nothing is read before it is
            used; writing to a tensor changes memory, never the file.

    Raises:
        FormatError: no file but a pipe or a device, a file of another format, a damaged one, or one that asks for code to be run.
        DeviceError: a `map_location` other than the CPU and "meta".
        ValueError: a `pickle_module`.
        OSError: it cannot be read.
    """
    if pickle_module is not None:
        raise ValueError(
            "load: a pickle_module would run whatever the file says; only tensors and plain objects are read"
        )
    from .safetensors import read_safetensors
    from .torch_reader import read_torch

    if callable(map_location) or isinstance(map_location, Mapping):
        _need_cpu(map_location)
    elif _is_meta(map_location):
        is_path = isinstance(f, (str, os.PathLike)) and _suffix(f) != ".npz"
        with placing(map_location):
            return load(f, mmap=is_path)
    if not isinstance(f, (str, os.PathLike)):
        return read_torch(f, mmap=bool(mmap))
    with open_file(f) as file:
        start = file.read(9)
    if start[8:9] == b"{":  # after the size of the header its first brace
        return read_safetensors(f, mmap=bool(mmap))[0]
    if _suffix(f) == ".npz":
        return _tensors(f)
    if start[:2] == b"PK" or start[:1] == b"\x80":
        return read_torch(f, mmap=bool(mmap))
    raise FormatError(
        f"{f}: expected a file of the formats {KNOWN}, found one that begins with {start!r}"
    )


def _tensors(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    from .npz import read_npz

    found = {}
    for key, array in read_npz(path).items():
        try:
            tensor = from_numpy(array)
            found[key] = tensor if modes.meta is None else tensor.to("meta")
        except ChainruleError as e:  # uint16, which has no dtype here
            raise FormatError(f"{path}: member {key!r}: {e}") from e
    return found
