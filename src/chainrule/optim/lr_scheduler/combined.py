"""Schedules made of schedules: one after another, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from ...tape.modes import effect
from ..hyper import change
from ..optimizer import Optimizer
from .base import LRScheduler
from .plateau import ReduceLROnPlateau

__all__ = ["ChainedScheduler", "SequentialLR"]


class SequentialLR(LRScheduler):
    """One schedule after another; each begins at its own step 0.

    Differs from PyTorch: a sequence within a sequence keeps its milestones; there it changes over a
    step too early.

    Args:
        optimizer: whose rates are set.
        schedulers: the schedules, all of this optimizer.
        milestones: the step at which each but the first begins.
        last_epoch: the number of the last step made.

    Raises:
        ValueError: no schedules, a schedule of another optimizer, one that looks at a metric, or not
            one milestone less than schedules.
        TypeError: something that is no schedule.
    """

    _not_saved = ("optimizer", "_schedulers")

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        _check_schedules("SequentialLR", optimizer, schedulers)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more than "
                f"the number of milestone points, but got number of schedulers {len(schedulers)} and the "
                f"number of milestones to be equal to {len(milestones)}"
            )
        self.optimizer = optimizer
        self._schedulers = list(schedulers)
        self._milestones = list(milestones)
        self.last_epoch = last_epoch + 1
        self._step_count = 1
        # Each schedule set the rate of its own step 0 when it was made: take that back, and let the
        # first set its again.
        for group in optimizer.param_groups:
            change(group, "lr", group["initial_lr"])
        self._unbegin()
        self._rebegin()

    def _unbegin(self) -> None:
        for scheduler in self._schedulers:
            if isinstance(scheduler, SequentialLR):
                scheduler._unbegin()
            else:
                scheduler.last_epoch -= 1

    def _rebegin(self) -> None:
        first = self._schedulers[bisect_right(self._milestones, 0)]
        if isinstance(first, SequentialLR):
            first._rebegin()
        else:
            first._begin()
        self._last_lr = first.get_last_lr()

    def _advance(self) -> None:
        self._step_count += 1
        self.last_epoch += 1
        k = bisect_right(self._milestones, self.last_epoch)
        if k > 0 and self._milestones[k - 1] == self.last_epoch:
            self._schedulers[k]._restart()
        else:
            self._schedulers[k]._advance()
        self._last_lr = self._schedulers[k].get_last_lr()

    def state_dict(self) -> dict[str, Any]:
        """Its own state, and those of its schedules."""
        return _with_schedules(super().state_dict(), self._schedulers)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over its own state, and those of its schedules."""
        super().load_state_dict(_loaded_schedules(state_dict, self._schedulers))


class ChainedScheduler(LRScheduler):
    """Several schedules at once: each changes what the one before it left.

    Args:
        schedulers: the schedules.
        optimizer: whose rates are set; by default that of the first schedule.

    Raises:
        ValueError: no schedules, a schedule of another optimizer, or one that looks at a metric.
        TypeError: something that is no schedule.

    Example:
        >>> optimizer = optim.SGD([nn.Parameter(ones(1))], lr=1.0)
        >>> chain = optim.lr_scheduler.ChainedScheduler([
        ...     optim.lr_scheduler.ConstantLR(optimizer, factor=0.5, total_iters=3),
        ...     optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)])
        >>> optimizer.step()
        >>> chain.step()
        >>> chain.get_last_lr()
        [0.25]
    """

    _not_saved = ("optimizer", "_schedulers")

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        if optimizer is None and len(schedulers) > 0:
            optimizer = getattr(schedulers[0], "optimizer", None)
        _check_schedules("ChainedScheduler", optimizer, schedulers)
        self.optimizer = optimizer
        self._schedulers = list(schedulers)
        self._last_lr = self._current()

    def step(self) -> None:
        """Step every schedule, in order."""
        for scheduler in self._schedulers:
            scheduler.step()
        effect(self._look)

    def _advance(self) -> None:
        for scheduler in self._schedulers:
            scheduler._advance()
        self._look()

    def _look(self) -> None:
        self._last_lr = self._current()

    def state_dict(self) -> dict[str, Any]:
        """Its own state, and those of its schedules."""
        return _with_schedules(super().state_dict(), self._schedulers)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over its own state, and those of its schedules."""
        super().load_state_dict(_loaded_schedules(state_dict, self._schedulers))


def _check_schedules(
    what: str, optimizer: Optimizer | None, schedulers: Sequence[LRScheduler]
) -> None:
    if len(schedulers) < 1:
        raise ValueError(f"{what} expects at least one scheduler, but got no scheduler.")
    for k, scheduler in enumerate(schedulers):
        name = type(scheduler).__name__
        if not hasattr(scheduler, "optimizer"):
            raise TypeError(f"{what} at index {k} should have `optimizer` as its attribute: {name}")
        if isinstance(scheduler, ReduceLROnPlateau):
            raise ValueError(
                f"{what} does not support ReduceLROnPlateau, which has to be given a metric at each "
                f"step, but got one at index {k}"
            )
        if scheduler.optimizer is not optimizer:
            raise ValueError(
                f"{what} expects all schedulers to belong to the same optimizer, but "
                f"{name} at index {k} belongs to another"
            )


def _with_schedules(state: dict[str, Any], schedulers: list[LRScheduler]) -> dict[str, Any]:
    return {**state, "_schedulers": [s.state_dict() for s in schedulers]}


def _loaded_schedules(state: dict[str, Any], schedulers: list[LRScheduler]) -> dict[str, Any]:
    """Load the schedules; what is left of the state."""
    for scheduler, saved in zip(schedulers, state["_schedulers"], strict=True):
        scheduler.load_state_dict(saved)
    return {name: value for name, value in state.items() if name != "_schedulers"}
