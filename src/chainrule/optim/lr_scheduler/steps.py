"""Schedules that multiply the rate by a given factor, or jump at given steps."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler

__all__ = ["ConstantLR", "LambdaLR", "MultiStepLR", "MultiplicativeLR", "StepLR"]


class LambdaLR(LRScheduler):
    """lr = initial · f(n).

    Args:
        optimizer: whose rates are set.
        lr_lambda: f, or a list with one for each group.
        last_epoch: the number of the last step made.

    Raises:
        ValueError: another number of functions than of groups.

    Example:
        >>> optimizer = optim.SGD([nn.Parameter(ones(1))], lr=0.5)
        >>> _ = optim.lr_scheduler.LambdaLR(optimizer, lambda n: 0.9 ** n)
        >>> optimizer.param_groups[0]["lr"]
        0.5
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        self.lr_lambdas = _functions(optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """As the base. Functions are not saved; of objects that can be called, their attributes."""
        return {**super().state_dict(), "lr_lambdas": [self._state_of(f) for f in self.lr_lambdas]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what ``state_dict`` returned."""
        functions = self.lr_lambdas
        super().load_state_dict({**state_dict, "lr_lambdas": functions})
        for f, saved in zip(functions, state_dict["lr_lambdas"], strict=True):
            if saved is not None:
                vars(f).update(saved)

    def get_lr(self) -> list[float]:
        """initial · f(n)."""
        return [
            lr * f(self.last_epoch) for f, lr in zip(self.lr_lambdas, self.base_lrs, strict=True)
        ]


def _functions(
    optimizer: Optimizer, given: Callable[[int], float] | list[Callable[[int], float]]
) -> list[Callable[[int], float]]:
    """A function for each group."""
    groups = len(optimizer.param_groups)
    functions = list(given) if isinstance(given, (list, tuple)) else [given] * groups
    if len(functions) != groups:
        raise ValueError(f"Expected {groups} lr_lambdas, but got {len(functions)}")
    for f in functions:
        if not callable(f):
            raise TypeError(f"lr_lambda should be a function, but got {type(f).__name__}")
    return functions


class MultiplicativeLR(LambdaLR):
    """lr ← lr · f(n).

    Args:
        optimizer: whose rates are set.
        lr_lambda: f, or a list with one for each group; asked from step 1 on.
        last_epoch: the number of the last step made.

    Raises:
        ValueError: another number of functions than of groups.
        TypeError: what is given is no function.

    Example:
        >>> optimizer = optim.SGD([nn.Parameter(ones(1))], lr=0.5)
        >>> schedule = optim.lr_scheduler.MultiplicativeLR(optimizer, lambda n: 0.5)
        >>> optimizer.step()
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.25]
    """

    def get_lr(self) -> list[float]:
        """f(n) times the rate."""
        if self._beginning:
            return self._current()
        pairs = zip(self.lr_lambdas, self._current(), strict=True)
        return [lr * f(self.last_epoch) for f, lr in pairs]


class StepLR(LRScheduler):
    """Multiply the rate by γ every ``step_size`` steps.

    Args:
        optimizer: whose rates are set.
        step_size: steps between changes.
        gamma: γ.
        last_epoch: the number of the last step made.
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """γ times the rate at multiples of step_size."""
        if self.last_epoch == 0 or self.last_epoch % self.step_size != 0:
            return self._current()
        return self._scaled(self.gamma)

    def closed_form(self) -> list[float]:
        """initial · γ^⌊n / step_size⌋."""
        times = self.last_epoch // self.step_size
        return [lr * self.gamma**times for lr in self.base_lrs]


class MultiStepLR(LRScheduler):
    """Multiply the rate by γ at each milestone.

    Args:
        optimizer: whose rates are set.
        milestones: numbers of steps; one named twice counts twice.
        gamma: γ.
        last_epoch: the number of the last step made.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones = Counter(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """γ times the rate at a milestone."""
        if self.last_epoch not in self.milestones:
            return self._current()
        return self._scaled(self.gamma ** self.milestones[self.last_epoch])

    def closed_form(self) -> list[float]:
        """initial · γ^(milestones up to n)."""
        passed = bisect_right(sorted(self.milestones.elements()), self.last_epoch)
        return [lr * self.gamma**passed for lr in self.base_lrs]

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As the base; JSON has made strings of the milestones."""
        super().load_state_dict(state_dict)
        self.milestones = Counter({int(n): times for n, times in self.milestones.items()})


class ConstantLR(LRScheduler):
    """factor · initial for the first ``total_iters`` steps, then initial.

    Args:
        optimizer: whose rates are set.
        factor: between 0 and 1.
        total_iters: for how many steps.
        last_epoch: the number of the last step made.

    Raises:
        ValueError: the factor is out of range.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 <= factor <= 1:
            raise ValueError("Constant multiplicative factor expected to be between 0 and 1.")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Down at the first step, up again at step total_iters."""
        if self.last_epoch == 0:
            return self._scaled(self.factor)
        if self.last_epoch != self.total_iters:
            return self._current()
        if self.factor == 0:  # from zero no factor leads back
            return list(self.base_lrs)
        return self._scaled(1.0 / self.factor)

    def closed_form(self) -> list[float]:
        """factor · initial before step total_iters, initial from then on."""
        factor = self.factor + (self.last_epoch >= self.total_iters) * (1 - self.factor)
        return [lr * factor for lr in self.base_lrs]
