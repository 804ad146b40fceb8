"""PyTorch's `torch.utils.data.dataloader`: the names of `utils.data`, and its iterators, as which no iterator of a loader here is known.

>>> from chainrule.redirect.surroundings.loader import DataLoader, _SingleProcessDataLoaderIter
>>> isinstance(iter(DataLoader([1, 2])), _SingleProcessDataLoaderIter)
False
"""

from __future__ import annotations

from typing import Any

from ...utils import data
from .absent import absent

__all__: list[str] = []

ITERATORS = (
    "_BaseDataLoaderIter",
    "_MultiProcessingDataLoaderIter",
    "_SingleProcessDataLoaderIter",
)
"""PyTorch's classes of iterators: with workers, without, and what both have in common."""


def __getattr__(name: str) -> Any:
    if name in ITERATORS:
        return absent(f"utils.data.dataloader.{name}")
    return getattr(data, name)
