"""Up in a line, then down: the usual schedule of language models, as a schedule and as functions for
``LambdaLR``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ..optimizer import Optimizer
from .base import LRScheduler

__all__ = ["WarmupCosineLR", "warmup_cosine", "warmup_linear"]


class WarmupCosineLR(LRScheduler):
    """Up in a straight line, then half a cosine down: the usual schedule of language models.

        n < warmup_steps    initial · (n + 1) / (warmup_steps + 1)
        n ≤ total_steps     min_lr + (initial − min_lr) · (1 + cos(π (n − warmup_steps) / (total_steps − warmup_steps))) / 2
        beyond              min_lr

    Args:
        optimizer: whose rates are set.
        warmup_steps: steps of the line.
        total_steps: the step at which the bottom is reached.
        min_lr: the rate there.
        last_epoch: the number of the last step made.

    Raises:
        ValueError: the warm-up is not shorter than the whole.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        warmup_steps: int,
        total_steps: int,
        min_lr: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        _check(warmup_steps, total_steps)
        self.warmup_steps = warmup_steps
        self.total_steps = total_steps
        self.min_lr = min_lr
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rate at n."""
        n, warmup = self.last_epoch, self.warmup_steps
        if n < warmup:
            return [lr * (n + 1) / (warmup + 1) for lr in self.base_lrs]
        progress = min(1.0, (n - warmup) / (self.total_steps - warmup))
        share = (1 + math.cos(math.pi * progress)) / 2
        return [self.min_lr + (lr - self.min_lr) * share for lr in self.base_lrs]


def warmup_cosine(
    warmup_steps: int, total_steps: int, lowest: float = 0.0
) -> Callable[[int], float]:
    """A function for ``LambdaLR``: up in a line from 0, then half a cosine down.

        n < warmup_steps    n / warmup_steps
        n ≤ total_steps     lowest + (1 − lowest) · (1 + cos(π (n − warmup_steps) / (total_steps − warmup_steps))) / 2
        beyond              lowest

    The first rate is 0, as in most libraries; that of ``WarmupCosineLR`` is not.

    Args:
        warmup_steps: steps of the line.
        total_steps: the step at which the bottom is reached.
        lowest: the factor there.

    Raises:
        ValueError: the warm-up is not shorter than the whole.

    Example:
        >>> factor = optim.lr_scheduler.warmup_cosine(10, 100, lowest=0.1)
        >>> [f"{factor(n):.2f}" for n in (0, 5, 10, 55, 100)]
        ['0.00', '0.50', '1.00', '0.55', '0.10']
    """
    _check(warmup_steps, total_steps)

    def factor(n: int) -> float:
        if n < warmup_steps:
            return n / warmup_steps
        share = min(1.0, (n - warmup_steps) / (total_steps - warmup_steps))
        return lowest + (1 - lowest) * (1 + math.cos(math.pi * share)) / 2

    return factor


def warmup_linear(
    warmup_steps: int, total_steps: int, lowest: float = 0.0
) -> Callable[[int], float]:
    """A function for ``LambdaLR``: up in a line from 0, then down in a line.

        n < warmup_steps    n / warmup_steps
        n ≤ total_steps     1 − (1 − lowest) · (n − warmup_steps) / (total_steps − warmup_steps)
        beyond              lowest

    Args:
        warmup_steps: steps of the line up.
        total_steps: the step at which the bottom is reached.
        lowest: the factor there.

    Raises:
        ValueError: the warm-up is not shorter than the whole.

    Example:
        >>> optimizer = optim.SGD([nn.Parameter(ones(1))], lr=2.0)
        >>> schedule = optim.lr_scheduler.LambdaLR(optimizer, optim.lr_scheduler.warmup_linear(2, 6))
        >>> for _ in range(4):
        ...     optimizer.step()
        ...     schedule.step()
        >>> schedule.get_last_lr()
        [1.0]
    """
    _check(warmup_steps, total_steps)

    def factor(n: int) -> float:
        if n < warmup_steps:
            return n / warmup_steps
        share = min(1.0, (n - warmup_steps) / (total_steps - warmup_steps))
        return 1 - (1 - lowest) * share

    return factor


def _check(warmup_steps: int, total_steps: int) -> None:
    if not 0 <= warmup_steps < total_steps:
        raise ValueError(
            f"warmup_steps must be in [0, total_steps), got {warmup_steps} of {total_steps}"
        )
