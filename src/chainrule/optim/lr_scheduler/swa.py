"""To a constant rate, at which weights are worth averaging."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..hyper import number_of
from ..optimizer import Optimizer
from .base import LRScheduler, per_group

__all__ = ["SWALR"]


class SWALR(LRScheduler):
    """From whatever the rate is to ``swa_lr``, along a line or half a cosine, and there it stays.   Source:
    Izmailov et al. 2018, section 3.

    lr = α · swa_lr + (1 − α) · initial,  with  α = s  or  (1 − cos π s) / 2,  s = min(1, n / anneal_epochs).

    Args:
        optimizer: whose rates are set.
        swa_lr: the rate to go to, a number or one for each group.
        anneal_epochs: steps on the way; with 0 it is there after one.
        anneal_strategy: "cos" or "linear".
        last_epoch: the number of the last step made.

    Raises:
        ValueError: an unknown strategy, a negative number of steps, or another number of rates than
            groups.

    Example:
        >>> optimizer = optim.SGD([nn.Parameter(ones(1))], lr=1.0)
        >>> schedule = SWALR(optimizer, swa_lr=0.5, anneal_epochs=4, anneal_strategy="linear")
        >>> for _ in range(2):
        ...     optimizer.step()
        ...     schedule.step()
        >>> schedule.get_last_lr()
        [0.75]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | Sequence[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        groups = optimizer.param_groups
        for group, lr in zip(groups, per_group("swa_lr", groups, swa_lr), strict=True):
            group["swa_lr"] = lr
        self.anneal_epochs = anneal_epochs
        self._anneal_strategy = anneal_strategy
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """One step further on the way, from the rate in force."""
        n = self._step_count - 1
        if self.anneal_epochs == 0:
            n = max(1, n)
        before, now = self._share(n - 1), self._share(n)
        rates = []
        for group in self.optimizer.param_groups:
            end = group["swa_lr"]
            start = end if before == 1 else (number_of(group["lr"]) - before * end) / (1 - before)
            rates.append(end * now + start * (1 - now))
        return rates

    def _share(self, n: int) -> float:
        s = max(0.0, min(1.0, n / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * s)) / 2 if self._anneal_strategy == "cos" else s
