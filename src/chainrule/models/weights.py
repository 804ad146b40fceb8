"""The tensors of a checkpoint's folder: in one file, or in several with an index that says which tensor is where.

model.safetensors
model-00001-of-00002.safetensors, model-00002-of-00002.safetensors, model.safetensors.index.json
pytorch_model.bin, or the same in pieces: of older folders, read and not written
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from ..base.errors import FormatError, RangeError
from ..files import read_safetensors, read_torch, write_safetensors, write_whole
from ..tensors import Tensor
from .config import read_json

__all__ = ["WEIGHTS", "read_weights", "write_weights"]

WEIGHTS = "model.safetensors"
FILES = (WEIGHTS, "pytorch_model.bin")
"""Where weights are, the first that is there; in pieces if it has an index."""
SHARD = re.compile(r"[\w.-]+\.(safetensors|bin)")
OURS = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")
UNITS = {
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "B": 1,
    "": 1,
}


def write_weights(folder: Path, state: Mapping[str, Tensor], most: int | str) -> None:
    """Write tensors, in the order in which they come, into files of a size at most; a tensor that is larger has one of its own.

    Every file is there whole or not at all; pieces of an older save that are none of this one's are taken away at last.

    Args:
        folder: which is there.
        state: the tensors by their keys.
        most: bytes, or a text such as "5GB", "200MB".
    """
    limit = _bytes(most)
    pieces: list[dict[str, Tensor]] = [{}]
    room = limit
    for key, tensor in state.items():
        size = tensor.nbytes
        if size > room and pieces[-1]:
            pieces.append({})
            room = limit
        pieces[-1][key] = tensor
        room -= size
    index = folder / f"{WEIGHTS}.index.json"
    if len(pieces) == 1:
        write_safetensors(folder / WEIGHTS, state, {"format": "pt"})
        kept = {WEIGHTS}
    else:
        names = [f"model-{k:05}-of-{len(pieces):05}.safetensors" for k in range(1, len(pieces) + 1)]
        for name, piece in zip(names, pieces, strict=True):
            write_safetensors(folder / name, piece, {"format": "pt"})
        places = {key: name for name, piece in zip(names, pieces, strict=True) for key in piece}
        total = sum(tensor.nbytes for tensor in state.values())
        content = {"metadata": {"total_size": total}, "weight_map": dict(sorted(places.items()))}
        write_whole(index, (json.dumps(content, indent=2) + "\n").encode())
        kept = {*names, index.name}
    for path in folder.iterdir():
        ours = path.name in (WEIGHTS, index.name) or OURS.fullmatch(path.name)
        if ours and path.name not in kept:
            path.unlink()


def _bytes(size: int | str) -> int:
    """How many bytes "5GB" are.

    >>> _bytes("5GB"), _bytes("2KiB"), _bytes(7)
    (5000000000, 2048, 7)
    """
    found = re.fullmatch(r"\s*(\d+)\s*([A-Za-z]*)\s*", str(size))
    if found is None or found[2].upper() not in UNITS or int(found[1]) == 0:
        raise RangeError(
            f'max_shard_size is a number of bytes, or a text such as "5GB" or "200MB", found {size!r:.40}'
        )
    return int(found[1]) * UNITS[found[2].upper()]


def read_weights(folder: Path) -> dict[str, Tensor]:
    """All tensors of a folder, mapped."""
    for name in FILES:
        if (folder / name).is_file():
            return _read_file(folder / name)
        index = folder / f"{name}.index.json"
        if index.is_file():
            return _read_shards(folder, index)
    names = " or ".join([*FILES, *[f"{name}.index.json" for name in FILES]])
    raise FormatError(f"{folder}: expected {names}, found none of them")


def _read_file(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        return read_safetensors(path, mmap=True)[0]
    state = read_torch(path, mmap=True)
    if not isinstance(state, dict) or not all(
        [isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()]
    ):
        raise FormatError(f"{path}: expected tensors by name, found something else")
    return dict(state)


def _read_shards(folder: Path, index: Path) -> dict[str, Tensor]:
    places = read_json(index).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise FormatError(
            f"{index}: key 'weight_map': expected the file of each tensor, found {places!r:.80}"
        )
    state: dict[str, Tensor] = {}
    for name in sorted({str(v) for v in places.values()}):
        if not SHARD.fullmatch(name):
            raise FormatError(
                f"{index}: key 'weight_map': expected names of files beside it, found {name!r:.80}"
            )
        if not (folder / name).is_file():
            raise FormatError(f"{index}: key 'weight_map': there is no file {name}")
        for key, tensor in _read_file(folder / name).items():
            if places.get(key) != name:
                raise FormatError(
                    f"{folder / name}: key {key!r:.80}: the index has it in {places.get(key)!r:.80}"
                )
            state[key] = tensor
    lacking = sorted(set(places) - set(state))
    if lacking:
        raise FormatError(f"{index}: key {lacking[0]!r:.80}: {places[lacking[0]]} does not have it")
    return state
