"""SparseAdam is not here; what to take instead."""

from __future__ import annotations

from typing import Any

__all__ = ["SparseAdam"]


class SparseAdam:
    """Refused by name: there are no sparse tensors here, and the gradient of an embedding is dense.

    Raises:
        NotImplementedError: always.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            "SparseAdam is not built: the gradient of an embedding is dense here\n"
            "  hint: optim.Adam moves the rows without gradient along their mean; "
            "optim.Adagrad or optim.SGD leave them alone"
        )
