"""Schedules in which the rate rises and falls, and the momentum the other way: once, or again and
again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..hyper import change
from ..optimizer import Optimizer
from .base import LRScheduler, per_group

__all__ = ["CyclicLR", "OneCycleLR"]


class OneCycleLR(LRScheduler):
    """One rise and fall of the rate, and (opposite to it) of the momentum.   Source: Smith & Topin
    2018.

    The rate goes from max_lr / div_factor up to max_lr in the share ``pct_start`` of the steps,
    then down to max_lr / (div_factor · final_div_factor); with ``three_phase`` first back to where
    it began, symmetrically.

    Args:
        optimizer: whose rates (and momenta) are set.
        max_lr: the highest rate, a number or one for each group.
        total_steps: number of steps; or give
        epochs: with
        steps_per_epoch: their product.
        pct_start: the share of the steps that rises.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: whether the momentum (or β₁) goes the other way.
        base_momentum: the lowest momentum, a number or one for each group.
        max_momentum: the highest.
        div_factor: max_lr over the first rate.
        final_div_factor: the first rate over the last.
        three_phase: whether there are three phases, not two.
        last_epoch: the number of the last step made.

    Raises:
        ValueError: a number out of range, no momentum to cycle, or a step beyond the last.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        if total_steps is None and (epochs is None or steps_per_epoch is None):
            raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
        for name, count in (
            ("total_steps", total_steps),
            ("epochs", epochs),
            ("steps_per_epoch", steps_per_epoch),
        ):
            if count is not None and (not isinstance(count, int) or count <= 0):
                raise ValueError(f"Expected positive integer {name}, but got {count}")
        if not isinstance(pct_start, float) or not 0 <= pct_start <= 1:
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        if total_steps is None:
            assert epochs is not None and steps_per_epoch is not None  # checked above
            total_steps = epochs * steps_per_epoch
        self.total_steps = total_steps
        self.anneal_strategy = anneal_strategy
        self.cycle_momentum = cycle_momentum
        self.phases = _phases(self.total_steps, pct_start, three_phase)
        groups = optimizer.param_groups
        if last_epoch == -1:
            for group, top in zip(groups, per_group("max_lr", groups, max_lr), strict=True):
                group["initial_lr"] = top / div_factor
                group["max_lr"] = top
                group["min_lr"] = group["initial_lr"] / final_div_factor
        if cycle_momentum:
            self.use_beta1 = uses_beta1(optimizer)
            lowest = per_group("base_momentum", groups, base_momentum)
            highest = per_group("max_momentum", groups, max_momentum)
            if last_epoch == -1:
                for group, low, high in zip(groups, lowest, highest, strict=True):
                    group["max_momentum"] = high
                    group["base_momentum"] = low
                    set_momentum(group, high, self.use_beta1)
        super().__init__(optimizer, last_epoch)

    def _between(self, group: dict[str, Any], names: Sequence[str], share: float) -> float:
        """The point at ``share`` of the way from the first to the second of two of the group's
        numbers.
        """
        start, end = group[names[0]], group[names[1]]
        if self.anneal_strategy == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)

    def get_lr(self) -> list[float]:
        """The rates at n; sets the momenta, too."""
        n = self.last_epoch
        if n > self.total_steps:
            raise ValueError(
                f"Tried to step {n} times. The specified number of total steps is {self.total_steps}: a schedule that is stepped "
                "after each batch counts batches, epochs * len(loader)"
            )
        begin = 0.0
        for phase in self.phases:
            end, rates, momenta = phase
            if n <= end or phase is self.phases[-1]:
                break
            begin = end
        share = (n - begin) / (end - begin)
        groups = self.optimizer.param_groups
        if self.cycle_momentum:
            for group in groups:
                set_momentum(group, self._between(group, momenta, share), self.use_beta1)
        return [self._between(group, rates, share) for group in groups]


def _phases(steps: int, pct_start: float, three: bool) -> list[list]:
    """For each phase its last step, and the names of what the rate and the momentum go between."""
    rise = [["initial_lr", "max_lr"], ["max_momentum", "base_momentum"]]
    if three:
        return [
            [float(pct_start * steps) - 1, *rise],
            [
                float(2 * pct_start * steps) - 2,
                ["max_lr", "initial_lr"],
                ["base_momentum", "max_momentum"],
            ],
            [steps - 1, ["initial_lr", "min_lr"], ["max_momentum", "max_momentum"]],
        ]
    return [
        [float(pct_start * steps) - 1, *rise],
        [steps - 1, ["max_lr", "min_lr"], ["base_momentum", "max_momentum"]],
    ]


class CyclicLR(LRScheduler):
    """The rate goes up and down between two bounds in straight lines, again and again.   Source: Smith
    2017.

        lr = base_lr + (max_lr − base_lr) · height · scale

    ``height`` rises from 0 to 1 in ``step_size_up`` steps, and falls back in ``step_size_down``;
    ``scale`` is 1 ("triangular"), halves with each cycle ("triangular2"), or is gammaⁿ
    ("exp_range"). The momentum goes the other way, from max_momentum to base_momentum.

    Args:
        optimizer: whose rates (and momenta) are set.
        base_lr: the lower bound, a number or one for each group.
        max_lr: the upper bound.
        step_size_up: steps from the lower to the upper.
        step_size_down: steps back; by default as many.
        mode: see above; ignored if ``scale_fn`` is given.
        gamma: of "exp_range".
        scale_fn: another scale, a function of what ``scale_mode`` says.
        scale_mode: whether that is the number of the cycle, from 1 ("cycle"), or of the step
            ("iterations").
        cycle_momentum: whether the momentum (or β₁) goes the other way.
        base_momentum: the lowest momentum, a number or one for each group.
        max_momentum: the highest.
        last_epoch: the number of the last step made.

    Raises:
        ValueError: an unknown mode, or no momentum to cycle.
        TypeError: not an Optimizer.

    Example:
        >>> optimizer = optim.SGD([nn.Parameter(ones(1))], lr=1.0, momentum=0.9)
        >>> schedule = optim.lr_scheduler.CyclicLR(optimizer, 1.0, 3.0, step_size_up=4)
        >>> optimizer.step()
        >>> schedule.step()
        >>> schedule.get_last_lr(), f"{optimizer.param_groups[0]['momentum']:.3f}"
        ([1.5], '0.875')
    """

    _not_saved = ("optimizer", "_scale_fn_custom")

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | Sequence[float],
        max_lr: float | Sequence[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.8,
        max_momentum: float | Sequence[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError("mode is invalid and scale_fn is None")
        groups = optimizer.param_groups
        base_lrs = per_group("base_lr", groups, base_lr)
        self.max_lrs = per_group("max_lr", groups, max_lr)
        if last_epoch == -1:
            for group, lr in zip(groups, base_lrs, strict=True):
                change(group, "lr", lr)
        down = step_size_up if step_size_down is None else step_size_down
        self.total_size = float(step_size_up + down)
        self.step_ratio = step_size_up / self.total_size
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        if scale_fn is None:
            scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.scale_mode = scale_mode
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = uses_beta1(optimizer)
            self.base_momentums = per_group("base_momentum", groups, base_momentum)
            self.max_momentums = per_group("max_momentum", groups, max_momentum)
            if last_epoch == -1:
                pairs = zip(groups, self.base_momentums, self.max_momentums, strict=True)
                for group, low, high in pairs:
                    group["max_momentum"] = high
                    group["base_momentum"] = low
                    set_momentum(group, high, self.use_beta1)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """The scale at a cycle or a step."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular2":
            return 1 / (2.0 ** (x - 1))
        return self.gamma**x if self.mode == "exp_range" else 1.0

    def get_lr(self) -> list[float]:
        """The rates at n; sets the momenta, too."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        rising = x <= self.step_ratio
        height = x / self.step_ratio if rising else (x - 1) / (self.step_ratio - 1)
        share = height * self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            groups = self.optimizer.param_groups
            pairs = zip(groups, self.base_momentums, self.max_momentums, strict=True)
            for group, low, high in pairs:
                set_momentum(group, high - (high - low) * share, self.use_beta1)
        pairs = zip(self.base_lrs, self.max_lrs, strict=True)
        return [low + (high - low) * share for low, high in pairs]

    def state_dict(self) -> dict[str, Any]:
        """As the base. Of a scale that is an object, its attributes are saved; a function is not."""
        scale = self._scale_fn_custom
        saved = None if scale is None else self._state_of(scale)
        return {**super().state_dict(), "_scale_fn_custom": saved}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what ``state_dict`` returned."""
        scale, saved = self._scale_fn_custom, state_dict["_scale_fn_custom"]
        super().load_state_dict({**state_dict, "_scale_fn_custom": scale})
        if saved is not None:
            vars(scale).update(saved)


def uses_beta1(optimizer: Optimizer) -> bool:
    """Whether what is cycled is β₁.

    Raises:
        ValueError: the optimizer has neither β₁ nor a momentum.
    """
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ValueError(
            "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
        )
    return "betas" in optimizer.defaults


def set_momentum(group: dict[str, Any], momentum: float, is_beta1: bool) -> None:
    """Give a group a momentum, or a β₁."""
    if is_beta1:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum
