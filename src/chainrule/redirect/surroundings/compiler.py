"""PyTorch's `torch.compiler`: marks and questions; what makes machine code is `chainrule.compile`."""

from __future__ import annotations

from typing import Any

from ...base.modes import modes
from .absent import marked

__all__ = [
    "allow_in_graph",
    "cudagraph_mark_step_begin",
    "disable",
    "is_compiling",
    "is_dynamo_compiling",
    "reset",
]

allow_in_graph = disable = marked
"""A function marked for a compiler is the function itself."""


def is_compiling() -> bool:
    """Whether this runs inside of a function that is being traced."""
    return modes.trace is not None


is_dynamo_compiling = is_exporting = is_compiling


def cudagraph_mark_step_begin() -> None:
    """Without effect: there are no graphs of CUDA."""


def reset() -> None:
    """Without effect: what was compiled stays."""


def set_stance(*args: Any, **kwargs: Any) -> None:
    """Without effect: a function is compiled where `compile` is called."""
