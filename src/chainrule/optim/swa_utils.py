"""PyTorch's `torch.optim.swa_utils`: a module whose weights are the average of another's.

The average itself and the schedule know numbers alone (`averaging`, `lr_scheduler.swa`); this file is
the only one of `optim` that knows modules.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..base.loading import shown
from ..base.modes import modes
from ..nn import BatchNorm1d, BatchNorm2d, BatchNorm3d, Module
from ..tape.modes import no_grad
from ..tensors import Tensor, int64, tensor, where
from .averaging import (
    get_ema_avg_fn,
    get_ema_multi_avg_fn,
    get_swa_avg_fn,
    get_swa_multi_avg_fn,
)
from .lr_scheduler.swa import SWALR

__all__ = [
    "SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn",
    "get_swa_multi_avg_fn", "update_bn",
]  # fmt: skip

__dir__ = shown(__name__)


class AveragedModel(Module):
    """A copy of a model whose weights are averages of the model's.   Source: Izmailov et al. 2018,
    algorithm 1.

    The first ``update_parameters`` copies the weights; each later one calls an averaging function, by
    default that of the plain mean. ``optim.EMA`` averages parameters without a copy of the model.

    Args:
        model: the model; it is copied.
        device: where the copy lives; only the CPU.
        avg_fn: (average, weight, number averaged) ↦ new average.
        multi_avg_fn: the same for lists of tensors, in place.
        use_buffers: average the buffers too. Without it they are copied from the model.

    Raises:
        ValueError: both functions are given.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> averaged = AveragedModel(model)
        >>> for value in (1.0, 2.0, 6.0):
        ...     _ = nn.init.constant_(model.weight, value)
        ...     averaged.update_parameters(model)
        >>> averaged(cr.ones(1))
        tensor([3.], grad_fn=<linear>)
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable[[Tensor, Tensor, Any], Tensor] | None = None,
        multi_avg_fn: Callable[[list[Tensor], list[Tensor], Any], None] | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ValueError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=int64))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model makes of the arguments."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the weights of ``model`` into the average.

        Within a trace the averaging function is called also for the first time, and what it makes
        is then not taken: whether it is the first is known only when the program runs.
        """
        traced = modes.trace is not None
        with no_grad():
            averages = [a.detach() for a in _members(self.module, self.use_buffers)]
            weights = [w.detach() for w in _members(model, self.use_buffers)]
            first = self.n_averaged == 0
            if not traced and first:
                for a, w in zip(averages, weights, strict=True):
                    a.copy_(w)
            elif self.multi_avg_fn is not None:
                self.multi_avg_fn(averages, weights, self.n_averaged)
            else:
                average = self.avg_fn or get_swa_avg_fn()
                for a, w in zip(averages, weights, strict=True):
                    a.copy_(average(a, w, self.n_averaged).to(a.dtype))
            if traced:
                for a, w in zip(averages, weights, strict=True):
                    a.copy_(where(first, w.to(a.dtype), a))
            if not self.use_buffers:
                for a, w in zip(self.module.buffers(), model.buffers(), strict=True):
                    a.copy_(w)
            self.n_averaged += 1


def _members(module: Module, buffers: bool) -> Iterator[Tensor]:
    more = module.buffers() if buffers else ()
    return itertools.chain(module.parameters(), more)


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Set the running statistics of every batch norm to those of the data, which averaged weights
    have no statistics of.

    Args:
        loader: batches: tensors, or lists or tuples whose first element is one.
        model: called on each batch, in training mode.
        device: where batches go first; only the CPU.
    """
    norms = [m for m in model.modules() if isinstance(m, (BatchNorm1d, BatchNorm2d, BatchNorm3d))]
    if not norms:
        return
    momenta = [m.momentum for m in norms]
    was_training = model.training
    model.train()
    try:
        for m in norms:
            m.reset_running_stats()
            m.momentum = None  # the plain mean over all batches
        for batch in loader:
            x = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(x if device is None else x.to(device))
    finally:
        for m, momentum in zip(norms, momenta, strict=True):
            m.momentum = momentum
        model.train(was_training)
