"""PyTorch's `torch.utils.data._utils.collate`: samples become batches, and what programs that do it themselves ask for."""

from __future__ import annotations

import re

from ...data import default_collate, default_convert

__all__ = [
    "default_collate",
    "default_collate_err_msg_format",
    "default_convert",
    "np_str_obj_array_pattern",
]

np_str_obj_array_pattern = re.compile("[SaUO]")
"""Found in the names of NumPy's dtypes that no tensor has: strings and objects."""

default_collate_err_msg_format = (
    "a batch is made of tensors, arrays, numbers, dicts or lists, found {}"
)
"""What to say of a sample that is none of them."""
