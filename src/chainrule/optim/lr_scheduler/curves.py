"""Schedules that follow a curve: a line, powers, half a cosine, cosines again and again."""

from __future__ import annotations

import math

from ...tape.modes import effect
from ..optimizer import Optimizer
from .base import LRScheduler

__all__ = [
    "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "ExponentialLR", "LinearLR", "PolynomialLR",
]  # fmt: skip


class LinearLR(LRScheduler):
    """From start_factor · initial in a straight line to end_factor · initial, over ``total_iters``
    steps.

    Args:
        optimizer: whose rates are set.
        start_factor: above 0, at most 1.
        end_factor: between 0 and 1.
        total_iters: how many steps the line takes.
        last_epoch: the number of the last step made.

    Raises:
        ValueError: a factor is out of range.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < start_factor <= 1:
            raise ValueError(
                "Starting multiplicative factor expected to be greater than 0 and less or equal "
                "to 1."
            )
        if not 0 <= end_factor <= 1:
            raise ValueError("Ending multiplicative factor expected to be between 0 and 1.")
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rate times the quotient of two neighbouring factors of the line."""
        n, rise = self.last_epoch, self.end_factor - self.start_factor
        if n == 0:
            return self._scaled(self.start_factor)
        if self._beginning or n > self.total_iters:
            return self._current()
        return self._scaled(1.0 + rise / (self.total_iters * self.start_factor + (n - 1) * rise))

    def closed_form(self) -> list[float]:
        """The point of the line at n."""
        rise = self.end_factor - self.start_factor
        factor = (
            self.start_factor + rise * min(self.total_iters, self.last_epoch) / self.total_iters
        )
        return [lr * factor for lr in self.base_lrs]


class ExponentialLR(LRScheduler):
    """lr = initial · γⁿ.

    Args:
        optimizer: whose rates are set.
        gamma: γ.
        last_epoch: the number of the last step made.
    """

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """γ times the rate."""
        return self._current() if self._beginning else self._scaled(self.gamma)

    def closed_form(self) -> list[float]:
        """initial · γⁿ."""
        return [lr * self.gamma**self.last_epoch for lr in self.base_lrs]


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from initial down to ``eta_min`` in ``T_max`` steps (and up again, if it goes
    on).

    lr = eta_min + (initial − eta_min) · (1 + cos(π n / T_max)) / 2.   Source: Loshchilov & Hutter
    2017, eq. 5, no restarts.

    Args:
        optimizer: whose rates are set.
        T_max: steps from top to bottom.
        eta_min: the lowest rate.
        last_epoch: the number of the last step made.
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The distance from eta_min times the quotient of two neighbouring factors of the
        cosine.
        """
        n = self.last_epoch
        if self._beginning:
            return self._current()
        if self._step_count == 1 and n > 0:
            return self.closed_form()
        if (n - 1 - self.T_max) % (2 * self.T_max) == 0:  # from the bottom no quotient leads up
            rise = (1 - math.cos(math.pi / self.T_max)) / 2
            pairs = zip(self._current(), self.base_lrs, strict=True)
            return [lr + (base - self.eta_min) * rise for lr, base in pairs]
        quotient = (1 + math.cos(math.pi * n / self.T_max)) / (
            1 + math.cos(math.pi * (n - 1) / self.T_max)
        )
        return [quotient * (lr - self.eta_min) + self.eta_min for lr in self._current()]

    def closed_form(self) -> list[float]:
        """The cosine at n."""
        share = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        return [self.eta_min + (lr - self.eta_min) * share for lr in self.base_lrs]


class PolynomialLR(LRScheduler):
    """lr = initial · (1 − n / total_iters)^power, and 0 from then on.

    Args:
        optimizer: whose rates are set.
        total_iters: steps from top to bottom.
        power: of the curve; 1 is a line.
        last_epoch: the number of the last step made.

    Example:
        >>> optimizer = optim.SGD([nn.Parameter(ones(1))], lr=1.0)
        >>> schedule = optim.lr_scheduler.PolynomialLR(optimizer, total_iters=4, power=2.0)
        >>> optimizer.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.5625]
    """

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rate times the quotient of two neighbouring points of the curve."""
        n, total = self.last_epoch, self.total_iters
        if self._beginning or n > total:
            return self._current()
        return self._scaled(((1.0 - n / total) / (1.0 - (n - 1) / total)) ** self.power)

    def closed_form(self) -> list[float]:
        """The point of the curve at n."""
        left = (1.0 - min(self.total_iters, self.last_epoch) / self.total_iters) ** self.power
        return [lr * left for lr in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine from initial down to ``eta_min``, then again from the top, each time ``T_mult``
    times as long.

    lr = eta_min + (initial − eta_min) · (1 + cos(π T_cur / T_i)) / 2.   Source: Loshchilov & Hutter
    2017, eq. 5.

    Args:
        optimizer: whose rates are set.
        T_0: steps until the first restart.
        T_mult: by which each run is longer than the one before.
        eta_min: the lowest rate.
        last_epoch: the number of the last step made.

    Attributes:
        T_cur: steps since the last restart.
        T_i: steps from the last restart to the next.

    Raises:
        ValueError: a number out of range.

    Example:
        >>> optimizer = optim.SGD([nn.Parameter(ones(1))], lr=1.0)
        >>> schedule = optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2, T_mult=2)
        >>> for _ in range(4):
        ...     optimizer.step()
        ...     schedule.step()
        >>> schedule.T_cur, schedule.T_i, f"{schedule.get_last_lr()[0]:.3f}"
        (2, 4, '0.500')
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(T_0, int) or T_0 <= 0:
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if not isinstance(T_mult, int) or T_mult < 1:
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, (int, float)):
            raise ValueError(
                f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}"
            )
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The point of the cosine."""
        share = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (lr - self.eta_min) * share for lr in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go on to the next step, or to any, a fraction too: ``epoch + batch / batches`` after each
        batch.

        Raises:
            ValueError: a negative epoch.
        """
        if epoch is None:
            super().step()
            return
        if epoch < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        effect(lambda: self._jump(epoch))

    def _advance(self) -> None:
        if self.last_epoch < 0:  # the first of all
            self._jump(0)
            return
        self.T_cur += 1
        if self.T_cur >= self.T_i:
            self.T_cur %= self.T_i
            self.T_i *= self.T_mult
        super()._advance()

    def _jump(self, epoch: float) -> None:
        """The place of a step since the restart before it."""
        if epoch < self.T_0:
            self.T_cur, self.T_i = epoch, self.T_0
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            runs = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            self.T_cur = epoch - self.T_0 * (self.T_mult**runs - 1) / (self.T_mult - 1)
            self.T_i = self.T_0 * self.T_mult**runs
        super()._jump(math.floor(epoch))
