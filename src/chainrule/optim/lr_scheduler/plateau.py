"""The rate goes down when a measured number no longer gets better."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from ...base.errors import TraceError
from ...tape.modes import modes
from ..hyper import change, number_of
from ..optimizer import Optimizer
from .base import DEPRECATED_EPOCH, LRScheduler

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(LRScheduler):
    """Multiply the rate by ``factor`` when ``metrics`` has not become better for more than
    ``patience`` steps.

    Args:
        optimizer: whose rates are set.
        mode: whether small numbers are better ("min"), or large ones ("max").
        factor: below 1.
        patience: steps without improvement that are let pass.
        threshold: how much better than the best so far counts as better.
        threshold_mode: whether that is a share of the best ("rel"), or a difference ("abs").
        cooldown: steps after a change in which nothing is counted.
        min_lr: the lowest rate, a number or one for each group.
        eps: a smaller change is not made.

    Raises:
        ValueError: a factor of 1 or more, an unknown mode, or another number of rates than groups.
        TypeError: not an Optimizer.

    Example:
        >>> optimizer = optim.SGD([nn.Parameter(ones(1))], lr=1.0)
        >>> schedule = optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
        >>> for loss in (3.0, 2.0, 2.0, 2.0, 2.0):
        ...     schedule.step(loss)
        >>> schedule.get_last_lr()
        [0.1]
    """

    _may_be_none = ("default_min_lr",)  # where there is a rate for each group

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1.0:
            raise ValueError("Factor should be < 1.0.")
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        if mode not in ("min", "max"):
            raise ValueError(f"mode {mode} is unknown! It is 'min' or 'max'")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {threshold_mode} is unknown! It is 'rel' or 'abs'")
        groups = len(optimizer.param_groups)
        self.optimizer = optimizer
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self.factor, self.patience, self.cooldown, self.eps = factor, patience, cooldown, eps
        if isinstance(min_lr, (list, tuple)):
            if len(min_lr) != groups:
                raise ValueError(f"expected {groups} min_lrs, got {len(min_lr)}")
            self.default_min_lr: float | None = None
            self.min_lrs = list(min_lr)
        else:
            self.default_min_lr = min_lr  # type: ignore[assignment]
            self.min_lrs = [min_lr] * groups
        self.mode_worse = math.inf if mode == "min" else -math.inf
        self.best = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0
        self.last_epoch = 0
        self._last_lr = self._current()

    @property
    def in_cooldown(self) -> bool:
        """Whether steps are not counted at the moment."""
        return self.cooldown_counter > 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Look at a measured number, and lower the rates if it is time.

        Args:
            metrics: a number, or a tensor of one element.
            epoch: out of use, as in PyTorch: the number of this step.

        Raises:
            TraceError: within a trace, where there are no numbers to look at.
        """
        if modes.trace is not None:
            raise TraceError(
                "ReduceLROnPlateau.step looks at a number, and cannot be traced\n"
                "  hint: return the loss, and step the schedule outside"
            )
        if epoch is not None:
            warnings.warn(DEPRECATED_EPOCH, UserWarning, stacklevel=2)
        number = float(metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(number):
            self.best = number
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = self._current()

    def _is_better(self, number: float) -> bool:
        better = -self.threshold if self.mode == "min" else self.threshold
        bound = self.best * (1.0 + better) if self.threshold_mode == "rel" else self.best + better
        if math.isinf(self.best):  # whatever the first is; ∞ · 0 would be NaN
            bound = self.best
        return number < bound if self.mode == "min" else number > bound

    def _reduce(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise RuntimeError(
                    f"The number of param groups in the optimizer ({len(groups)}) differs from when "
                    f"ReduceLROnPlateau was made ({len(self.min_lrs)}): give its `min_lrs` a number "
                    "for each"
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, lowest in zip(groups, self.min_lrs, strict=True):
            now = number_of(group["lr"])
            lr = max(now * self.factor, lowest)
            if now - lr > self.eps:
                change(group, "lr", lr)
