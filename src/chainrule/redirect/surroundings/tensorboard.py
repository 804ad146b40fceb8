"""PyTorch's `torch.utils.tensorboard`: scalars, written as TensorBoard reads them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from ...base.errors import ChainruleError
from ...train.tensorboard import TensorBoard, append_bytes, event_record

__all__ = ["SummaryWriter"]


class SummaryWriter:
    """Writes scalars into an event file.

    Args:
        log_dir: the folder of the file; by default a new one below `runs`, named by the time and by `comment`.
        comment: behind the name of such a folder.
        purge_step, max_queue, flush_secs, filename_suffix: without effect: every scalar is written at once.
    """

    def __init__(
        self,
        log_dir: str | Path | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ):
        name = f"{datetime.now():%b%d_%H-%M-%S}{comment}"
        self.log_dir = str(log_dir if log_dir is not None else Path("runs") / name)
        Path(self.log_dir).mkdir(parents=True, exist_ok=True)
        self._file = TensorBoard(Path(self.log_dir))

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """Write a number, or a tensor of one element."""
        self.add_scalars("", {tag: scalar_value}, global_step, walltime)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: Mapping[str, Any],
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Write several numbers of one step, each as `main_tag/tag`."""
        start = f"{main_tag}/" if main_tag else ""
        scalars = {f"{start}{tag}": float(x) for tag, x in tag_scalar_dict.items()}
        self._file._begin()
        when = time.time() if walltime is None else walltime
        append_bytes(self._file.file.path, event_record(when, global_step or 0, scalars))

    def flush(self) -> None:
        """Without effect: what was added is written."""

    def close(self) -> None:
        """Without effect: what was added is written."""

    def get_logdir(self) -> str:
        """The folder."""
        return self.log_dir

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("add_"):
            raise ChainruleError(
                f"SummaryWriter.{name}: only scalars are written here\n  hint: add_scalar, add_scalars"
            )
        raise AttributeError(name)
