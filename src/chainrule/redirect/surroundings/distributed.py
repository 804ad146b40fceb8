"""PyTorch's `torch.distributed`, for programs that ask whether there are several processes: there is one."""

from __future__ import annotations

import enum
from typing import Any

from ...base.errors import ChainruleError
from .absent import absent_in

__all__ = [
    "ProcessGroup",
    "ReduceOp",
    "get_rank",
    "get_world_size",
    "init_process_group",
    "is_available",
    "is_initialized",
]


class ReduceOp(enum.Enum):
    """How numbers of several processes become one."""

    SUM, PRODUCT, MIN, MAX, BAND, BOR, BXOR, AVG, PREMUL_SUM = range(9)


class ProcessGroup:
    """Several processes, in annotations: there is none."""


class group:
    """The groups there are: none."""

    WORLD = None


def is_available() -> bool:
    """False."""
    return False


def is_initialized() -> bool:
    """False."""
    return False


is_nccl_available = is_gloo_available = is_mpi_available = is_torchelastic_launched = is_available


def _refuse(name: str) -> Any:
    raise ChainruleError(
        f"torch.distributed.{name}: there is one process, whose threads share the work, and no group of them\n"
        "  hint: ask is_initialized() first, which is False"
    )


def init_process_group(*args: Any, **kwargs: Any) -> None:
    """Refused: there is one process."""
    _refuse("init_process_group")


def get_rank(group: Any = None) -> int:
    """Refused, as in PyTorch where no group of processes has been made."""
    return _refuse("get_rank")


def get_world_size(group: Any = None) -> int:
    """Refused, as in PyTorch where no group of processes has been made."""
    return _refuse("get_world_size")


__getattr__ = absent_in("distributed")
