"""From samples to a batch: `default_collate` joins them, `default_convert` only makes tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..base.errors import DTypeError, ShapeError
from ..tensors import Tensor, from_numpy, stack, tensor

__all__ = ["default_collate", "default_convert"]


def default_collate(batch: Sequence[Any]) -> Any:
    """Join the samples of a batch along a new first axis.

    Tensors and NumPy arrays are stacked, numbers become a 1-d tensor (Python floats float64, as in
    PyTorch), strings stay as they are; tuples, lists, named tuples and mappings are joined element by
    element (tuples become lists, as in PyTorch).

    Args:
        batch: B ≥ 1 samples of the same structure.

    Raises:
        ShapeError: arrays of different shapes, or structures of different lengths.
        DTypeError: samples of different types, or of one that cannot become a tensor.

    >>> import numpy as np
    >>> x, y = default_collate([(np.ones(3), 5), (np.zeros(3), 7)])
    >>> x.shape, y.tolist()
    (chainrule.Size([2, 3]), [5, 7])
    """
    first = batch[0]
    for k, sample in enumerate(batch):
        if type(sample) is not type(first):
            raise DTypeError(
                "cannot collate samples of different types: sample 0 of the batch is a "
                f"{type(first).__name__}, sample {k} a {type(sample).__name__}"
            )
    if isinstance(first, Tensor):
        _check_equal("shape", [tuple(t.shape) for t in batch])
        return stack(list(batch))
    if isinstance(first, np.ndarray):
        _check_equal("shape", [a.shape for a in batch])
        return from_numpy(np.stack(batch))
    if isinstance(first, np.generic) and not isinstance(first, np.str_ | np.bytes_):
        return from_numpy(np.array(batch))
    if isinstance(first, float):
        return from_numpy(np.array(batch, dtype=np.float64))
    if isinstance(first, bool | int):
        return tensor(list(batch))
    if isinstance(first, str | bytes):
        return batch
    if isinstance(first, Mapping):
        _check_equal("set of keys", [sorted(map(str, sample)) for sample in batch])
        return {key: default_collate([sample[key] for sample in batch]) for key in first}
    if isinstance(first, tuple | list):
        _check_equal("length", [len(sample) for sample in batch])
        columns = [default_collate(column) for column in zip(*batch, strict=True)]
        return type(first)(*columns) if hasattr(first, "_fields") else columns
    raise DTypeError(
        f"cannot collate samples of type {type(first).__name__}: expected tensors, arrays, numbers, "
        "strings, or tuples, lists and mappings of them; give the loader a collate_fn"
    )


def _check_equal(what: str, found: list[Any]) -> None:
    for k, value in enumerate(found):
        if value != found[0]:
            raise ShapeError(
                f"cannot collate: every sample of a batch must have the same {what}, but sample 0 "
                f"has {found[0]} and sample {k} has {value}"
            )


def default_convert(data: Any) -> Any:
    """Make tensors of the arrays in a structure, and leave everything else as it is.

    What a `DataLoader` with `batch_size=None` does to each sample.

    >>> default_convert({"a": np.arange(2), "b": ["text", 3]})
    {'a': tensor([0, 1]), 'b': ['text', 3]}
    """
    if isinstance(data, np.ndarray | np.generic) and data.dtype.kind in "biuf":
        return from_numpy(np.asarray(data))
    if isinstance(data, Mapping):
        return {key: default_convert(value) for key, value in data.items()}
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*map(default_convert, data))
    if isinstance(data, Sequence) and not isinstance(data, str | bytes | Tensor):
        return [default_convert(value) for value in data]
    return data
