"""Checkpoints: a JSON file that says everything in words, and a safetensors file of the numbers.

    checkpoint.json                      format, version, checksums, each tensor's shape and dtype,
                                         and the state as a tree
    checkpoint-1f9a….safetensors         the tensors, named by their place in that tree:
                                         "model/fc.weight", …

**Saving** is a promise: whatever happens (a full disk, a kill, a power cut), afterwards the folder
holds the old checkpoint or the new one, whole. The tensor file is written under a temporary name in
the same folder, flushed to the disk (`fsync`) and renamed to a name made from its checksum, so it
never replaces the file that the old JSON points to. Then the JSON is written in the same way; its
rename is the moment at which the new checkpoint replaces the old, because a rename within a folder
is atomic. Only then is the old tensor file removed.

**Loading** trusts nothing: the JSON carries its own sha256 and that of the tensor file, so a
flipped byte anywhere is found, and each tensor must have the shape and dtype that the JSON
announces. Nothing is ever unpickled.

The state is any tree of dictionaries, lists, tuples, numbers, strings, None, Tensors and NumPy
arrays, and comes back as it was. bfloat16 tensors are stored as BF16. Arrays that are not
contiguous are copied first (safetensors would write their memory as it lies).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..base import dtypes
from ..base.errors import DTypeError, FormatError
from ..files.json_objects import read_bytes
from ..files.reading import read_file
from ..tensors import Tensor, zeros
from .files import SaveError, write_whole

__all__ = ["VERSION", "load_checkpoint", "save_checkpoint"]

FORMAT = "chainrule-checkpoint"
VERSION = 1
NO_DIGEST = "0" * 64  # stands where the JSON's own sha256 will be while it is computed

_CODES = {  # dtype name -> safetensors code
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "int16": "I16",
    "int32": "I32",
    "int64": "I64",
    "float16": "F16",
    "bfloat16": "BF16",
    "float32": "F32",
    "float64": "F64",
}
_NAMES = {code: name for name, code in _CODES.items()}


def save_checkpoint(path: str | os.PathLike[str], state: Mapping[str, Any]) -> None:
    """Write `state` as the checkpoint `path`, replacing the one that is there only when the new one
    is whole and on the disk.

    Args:
        path: the path of the JSON file, ending in ".json"; the folder must exist.
        state: a tree, see the head of this file.

    Raises:
        SaveError: the system refused (disk full, no permission, no folder); the previous checkpoint
            is untouched.
        DTypeError: something in the tree that a checkpoint cannot hold; its place is named, nothing
            is written.

    >>> import tempfile, numpy as np
    >>> folder = tempfile.mkdtemp()
    >>> save_checkpoint(f"{folder}/best.json", {"step": 7, "weights": [np.ones(3), np.zeros(2)]})
    >>> load_checkpoint(f"{folder}/best.json")
    {'step': 7, 'weights': [array([1., 1., 1.]), array([0., 0.])]}
    """
    path = _json_path(path)
    arrays: dict[str, tuple[str, np.ndarray]] = {}
    tree = _encode(state, "", arrays)
    content = _safetensors(arrays)
    digest = hashlib.sha256(content).hexdigest()
    tensor_file = path.with_name(f"{path.stem}-{digest[:16]}.safetensors")
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "json_sha256": NO_DIGEST,
        "tensor_file": {"name": tensor_file.name, "bytes": len(content), "sha256": digest},
        "tensors": {k: {"dtype": name, "shape": list(a.shape)} for k, (name, a) in arrays.items()},
        "state": tree,
    }
    text = json.dumps(manifest, indent=1, allow_nan=False, ensure_ascii=True).encode() + b"\n"
    text = text.replace(NO_DIGEST.encode(), hashlib.sha256(text).hexdigest().encode(), 1)
    try:
        write_whole(tensor_file, content)
        write_whole(path, text)
    except SaveError as e:
        if not _points_to(path, tensor_file):
            with contextlib.suppress(OSError):
                tensor_file.unlink()  # on a full disk the space is needed
        kept = (
            "what was saved before is untouched"
            if path.exists()
            else "nothing had been saved before"
        )
        raise SaveError(e.errno, f"checkpoint not saved ({e.strerror}); {kept}", str(path)) from e
    _remove_leftovers(path, keep=tensor_file)


def load_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The state that `save_checkpoint` was given. Tensors come back as tensors of their dtype,
    arrays as NumPy arrays.

    Raises:
        FormatError: damage or a mismatch of any kind, with the path, what was found and what was
            expected.
        FileNotFoundError: there is no checkpoint at `path`.
    """
    path = _json_path(path)
    manifest = _read_manifest(path)
    arrays = _read_tensors(path, manifest)
    try:
        state = _decode(manifest["state"], arrays, path)
    except RecursionError as e:
        raise FormatError(
            f"{path}: expected the state as a tree, found one too deep to walk"
        ) from e
    if arrays:
        raise FormatError(
            f"{path}: tensors that the state does not mention: {', '.join(sorted(arrays)):.400}"
        )
    return state


def _json_path(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    if path.suffix != ".json":
        raise ValueError(
            f"a checkpoint is named by its JSON file: expected a path ending in .json, found {path}"
        )
    return path


# ---- the tree ---------------------------------------------------------------------------------------------------------------------
# JSON has no tuples, no integer keys, no NaN and no tensors: these are written as an object with
# one key that begins with "$".


def _encode(value: Any, place: str, arrays: dict[str, tuple[str, np.ndarray]]) -> Any:
    """The tree with its tensors taken out into `arrays`: place -> (dtype name, contiguous
    array).
    """
    if isinstance(value, Tensor):
        arrays[place] = value.dtype.name, _plain(value.detach().read())
        return {"$tensor": place}
    if isinstance(value, np.ndarray):
        if value.dtype.name not in _CODES:
            expected = ", ".join(_CODES)
            raise DTypeError(
                f"checkpoint: {place} is an array of {value.dtype}, expected one of {expected}"
            )
        arrays[place] = value.dtype.name, _plain(value)
        return {"$array": place}
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"$float": repr(value)}
    if isinstance(value, tuple):
        return {"$tuple": [_encode(v, f"{place}/{k}", arrays) for k, v in enumerate(value)]}
    if isinstance(value, list):
        return [
            _encode(v, f"{place}/{k}" if place else str(k), arrays) for k, v in enumerate(value)
        ]
    if isinstance(value, Mapping):
        inner = {
            k: _encode(v, f"{place}/{k}" if place else str(k), arrays) for k, v in value.items()
        }
        if all(type(k) is str and not k.startswith("$") and "/" not in k for k in inner):
            return inner
        if all(type(k) is int for k in inner):
            return {"$integers": {str(k): v for k, v in inner.items()}}
        raise DTypeError(
            f"checkpoint: the keys at {place or 'the top'} must be all strings (without '/', not beginning with '$') "
            f"or all integers, found {sorted(map(repr, inner))}"
        )
    raise DTypeError(
        f"checkpoint: {place or 'the top'} is a {type(value).__name__}, expected a tensor, an array, a number, a string, "
        "None, or a list, tuple or dictionary of these"
    )


def _plain(array: np.ndarray) -> np.ndarray:
    """The array as safetensors wants it: contiguous and little-endian; copied only if it is not."""
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return np.ascontiguousarray(little).reshape(array.shape)  # ascontiguousarray makes 0-d 1-d


def _decode(node: Any, arrays: dict[str, tuple[str, np.ndarray]], path: Path) -> Any:
    """The tree with its tensors put back; each is taken out of `arrays`."""
    if isinstance(node, list):
        return [_decode(v, arrays, path) for v in node]
    if not isinstance(node, dict):
        return node
    kind = next(iter(node), "")
    if not kind.startswith("$"):
        return {k: _decode(v, arrays, path) for k, v in node.items()}
    match node:
        case {"$tuple": list(inner)}:
            return tuple(_decode(v, arrays, path) for v in inner)
        case {"$integers": dict(inner)} if all(re.fullmatch(r"-?\d+", k) for k in inner):
            return {int(k): _decode(v, arrays, path) for k, v in inner.items()}
        case {"$float": "nan" | "inf" | "-inf" as inner}:
            return float(inner)
        case {"$tensor": str(place)} | {"$array": str(place)} if place in arrays:
            name, array = arrays.pop(place)
            return _tensor(name, array) if kind == "$tensor" else array
    raise FormatError(
        f"{path}: expected a tensor of the tensor file, a tuple, integers or a float, found {node!r:.120}"
    )


def _tensor(name: str, array: np.ndarray) -> Tensor:
    tensor = zeros(array.shape, dtype=dtypes.of(name))
    tensor.write(array)  # of bfloat16 the bits
    return tensor


# ---- the bytes --------------------------------------------------------------------------------------------------------------------


def _safetensors(arrays: Mapping[str, tuple[str, np.ndarray]]) -> bytes:
    """The safetensors file of contiguous little-endian arrays, which may be bfloat16 bits."""
    from safetensors import TensorSpec, serialize

    specs = {}
    for place, (name, array) in arrays.items():
        assert array.flags.c_contiguous and array.dtype.byteorder in "=|<", place
        specs[place] = TensorSpec(
            dtype=name, shape=array.shape, data_ptr=array.ctypes.data, data_len=array.nbytes
        )
    return bytes(serialize(specs, metadata={"format": FORMAT}))


def _points_to(path: Path, tensor_file: Path) -> bool:
    """Does the JSON that is at `path` now name this tensor file?"""
    try:
        return tensor_file.name.encode() in read_file(path)
    except (OSError, FormatError):
        return path.exists()  # unreadable but there: assume so, and remove nothing


def _remove_leftovers(path: Path, keep: Path) -> None:
    """Remove the tensor file of the checkpoint that was replaced, and what killed runs left
    behind.
    """
    stem = re.escape(path.stem)
    pattern = re.compile(
        rf"{stem}-[0-9a-f]{{16}}\.safetensors|\.{stem}(-[0-9a-f]{{16}}\.safetensors|\.json)\.\d+\.tmp"
    )
    for file in path.parent.iterdir():
        if pattern.fullmatch(file.name) and file != keep:
            # the new checkpoint is safe; a file too many harms nobody
            with contextlib.suppress(OSError):
                file.unlink()


def _read_manifest(path: Path) -> dict[str, Any]:
    """The JSON, after its own checksum has been verified."""
    content = read_bytes(path)
    try:
        manifest = json.loads(content.decode("utf-8"))
    except UnicodeDecodeError as e:
        raise FormatError(
            f"{path}: offset {e.start}: expected a checkpoint's JSON, found damaged or foreign text: the byte "
            f"0x{content[e.start]:02x} is no UTF-8"
        ) from None
    except (ValueError, RecursionError) as e:
        raise FormatError(
            f"{path}: expected a checkpoint's JSON, found damaged or foreign text: {e}"
        ) from e
    found = manifest.get("format") if isinstance(manifest, dict) else type(manifest).__name__
    if found != FORMAT:
        raise FormatError(f"{path}: expected the format {FORMAT!r}, found {found!r:.80}")
    if manifest.get("version") != VERSION:
        raise FormatError(
            f"{path}: expected version {VERSION}, found {manifest.get('version')!r:.80}"
        )
    stated = manifest.get("json_sha256")
    if not isinstance(stated, str) or not re.fullmatch("[0-9a-f]{64}", stated):
        raise FormatError(
            f"{path}: the key json_sha256 is missing or no sha256, found {stated!r:.80}"
        )
    actual = hashlib.sha256(content.replace(stated.encode(), NO_DIGEST.encode(), 1)).hexdigest()
    if actual != stated:
        raise FormatError(
            f"{path}: damaged or changed by hand: its sha256 should be {stated:.80}, found {actual}"
        )
    for key, kind in (("tensor_file", dict), ("tensors", dict), ("state", dict)):
        if not isinstance(manifest.get(key), kind):
            raise FormatError(f"{path}: the key {key} is missing or not an object")
    return manifest


def _read_tensors(path: Path, manifest: Mapping[str, Any]) -> dict[str, tuple[str, np.ndarray]]:
    """Place -> (dtype name, array) of the tensor file, after size, checksum, names, dtypes and
    shapes have been verified.
    """
    from safetensors import SafetensorError, deserialize

    about = manifest["tensor_file"]
    name = about.get("name")
    if (
        not isinstance(name, str)
        or name != Path(name).name
        or not name.isprintable()
        or len(name) > 200
    ):
        raise FormatError(
            f"{path}: tensor_file.name must be the name of a file beside it, found {name!r:.120}"
        )
    file = path.with_name(name)
    try:
        size = file.stat().st_size
        told = file.is_dir() or size == about.get("bytes")
        content = read_file(file) if told else b""  # one of another size is not read at all
    except (FileNotFoundError, IsADirectoryError) as e:
        raise FormatError(f"{path}: its tensor file {name:.120} is missing") from e
    if size != about.get("bytes"):
        raise FormatError(f"{file}: expected {about.get('bytes')!r:.80} bytes, found {size}")
    digest = hashlib.sha256(content).hexdigest()
    if digest != about.get("sha256"):
        raise FormatError(
            f"{file}: damaged: its sha256 should be {about.get('sha256')!s:.80}, found {digest}"
        )
    try:
        entries = dict(deserialize(content))
    except SafetensorError as e:
        raise FormatError(f"{file}: expected a safetensors file, found one that is not: {e}") from e

    expected = manifest["tensors"]
    for kind, names in (
        ("missing", expected.keys() - entries.keys()),
        ("unexpected", entries.keys() - expected.keys()),
    ):
        if names:
            raise FormatError(f"{file}: {kind} tensors: {', '.join(sorted(names)):.400}")
    arrays = {}
    for place, entry in entries.items():
        dtype = _NAMES.get(entry["dtype"], entry["dtype"])
        found = {"dtype": dtype, "shape": list(entry["shape"])}
        if found != expected[place] or dtype not in _CODES:
            raise FormatError(
                f"{file}: tensor {place}: expected {expected[place]!r:.120}, found {found}"
            )
        flat = np.frombuffer(entry["data"], dtype=dtypes.of(dtype).numpy.newbyteorder("<"))
        # an own, writable copy
        arrays[place] = (
            dtype,
            flat.astype(flat.dtype.newbyteorder("=")).reshape(entry["shape"]),
        )
    return arrays
