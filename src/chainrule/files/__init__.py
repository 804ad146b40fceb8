"""Files of tensors: `save` and `load`, and the three formats they know. Nothing that is read is ever
run, and nothing that is written is ever there in part.

    .safetensors        tensors by name
    .npz                tensors by name, for NumPy
    .pt .pth .bin       PyTorch's: trees of dictionaries, lists, tuples, numbers, strings and tensors

Reading order: `whole` (a file is there whole or not at all), `reading` (a file, and no pipe), `archive` (zip, read with suspicion),
`json_objects`, `npz`, `safetensors`, `pickles` (the language PyTorch writes its trees in, interpreted by us),
`memory` (tensors on the memory of a file), `classes`, `torch_reader` with `torch_legacy`, `torch_writer`, `saving`. May import
`tensors` and what lies below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.loading import loaded_later, shown

if TYPE_CHECKING:
    from .npz import read_npz, write_npz
    from .safetensors import read_safetensors, write_safetensors
    from .saving import load, save
    from .torch_reader import read_torch
    from .torch_writer import write_torch
    from .whole import SaveError, append_line, write_whole, writing

__all__ = [
    "SaveError",
    "append_line",
    "load",
    "read_npz",
    "read_safetensors",
    "read_torch",
    "save",
    "write_npz",
    "write_safetensors",
    "write_torch",
    "write_whole",
    "writing",
]

_HOMES = {
    "SaveError": "whole", "append_line": "whole", "load": "saving", "read_npz": "npz",
    "read_safetensors": "safetensors", "read_torch": "torch_reader", "save": "saving",
    "write_npz": "npz", "write_safetensors": "safetensors", "write_torch": "torch_writer",
    "write_whole": "whole", "writing": "whole",
}  # fmt: skip

# Chapters, and the libraries they need.
__getattr__ = loaded_later(__name__, homes=_HOMES)
__dir__ = shown(__name__)
