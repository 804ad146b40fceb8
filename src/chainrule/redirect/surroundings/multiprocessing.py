"""PyTorch's `torch.multiprocessing`: Python's, whose processes hand tensors over as copies, not in shared memory."""

from __future__ import annotations

import multiprocessing as _python
from collections.abc import Callable
from typing import Any

from ...base.errors import ChainruleError

__all__ = ["get_all_sharing_strategies", "get_sharing_strategy", "set_sharing_strategy", "spawn"]


def spawn(
    fn: Callable,
    args: tuple = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> Any:
    """Run fn(k, *args) in `nprocs` processes, k from 0 on.

    Returns:
        None if they are waited for (`join`), else the processes.

    Raises:
        ChainruleError: one of them failed.
    """
    context = _python.get_context(start_method)
    processes = [context.Process(target=fn, args=(k, *args), daemon=daemon) for k in range(nprocs)]
    for p in processes:
        p.start()
    if not join:
        return processes
    for p in processes:
        p.join()
    failed = [(k, p.exitcode) for k, p in enumerate(processes) if p.exitcode]
    if failed:
        raise ChainruleError(
            f"spawn: process {failed[0][0]} of {nprocs} ended with the code {failed[0][1]}"
        )
    return None


def get_all_sharing_strategies() -> set[str]:
    """One: tensors are copied through files."""
    return {"file_system"}


def get_sharing_strategy() -> str:
    """The one there is."""
    return "file_system"


def set_sharing_strategy(new_strategy: str) -> None:
    """Without effect: tensors are copied, whatever the strategy."""


def __getattr__(name: str) -> Any:
    return getattr(_python, name)
