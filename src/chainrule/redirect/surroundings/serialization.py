"""PyTorch's `torch.serialization`: files, and which classes may be in them: here those of tensors alone, always."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ...files.saving import load, save

__all__ = [
    "DEFAULT_PROTOCOL",
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "load",
    "safe_globals",
    "save",
]

DEFAULT_PROTOCOL = 2
"""The version of Python's pickle format that `save` writes."""


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Without effect: no class that a file names is ever called."""


def get_safe_globals() -> list[Any]:
    """None."""
    return []


def clear_safe_globals() -> None:
    """Without effect: there are none."""


@contextlib.contextmanager
def safe_globals(safe_globals: list[Any]) -> Iterator[None]:
    """Without effect: no class that a file names is ever called."""
    yield
