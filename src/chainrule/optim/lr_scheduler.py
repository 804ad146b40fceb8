"""Schedules: the learning rate as a function of the number of steps (or epochs) made.

Step the schedule after the optimizer. Most schedules say how the *current* rate changes from one
step to the next, so several of them on one optimizer multiply; those that know the rate at step n
outright say that too (``closed_form``), which is what restarts them.

Everything here is plain Python on ``group["lr"]``. Stepped inside a traced function it runs again
at every call, before the next program reads its rate; nothing is traced anew.
"""

from __future__ import annotations

import math
import warnings
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..tape.modes import effect
from .optimizer import Optimizer

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "SequentialLR",
    "StepLR",
    "WarmupCosineLR",
]


class LRScheduler:
    """Base of the schedules. A subclass defines ``get_lr``, and ``closed_form`` if it can.

    Args:
        optimizer: whose rates are set; at once, to those of step 0.
        last_epoch: the number of the last step made, when training goes on from a checkpoint; −1
            begins.

    Attributes:
        last_epoch: the number of the current step, from 0.
        base_lrs: the rate each group began with (its ``"initial_lr"``).

    Raises:
        TypeError: not an Optimizer.
        KeyError: ``last_epoch`` is given, and the groups have no ``"initial_lr"``.
    """

    _not_saved: tuple[str, ...] = ("optimizer",)

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.optimizer = optimizer
        for k, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{k}] when resuming a "
                    "schedule with last_epoch >= 0: load the optimizer's state first"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._begin()

    def get_lr(self) -> list[float]:
        """The rate of each group at step ``last_epoch``, from those in force at the step before."""
        raise NotImplementedError(f"{type(self).__name__} must define get_lr")

    def closed_form(self) -> list[float]:
        """The rate of each group at step ``last_epoch``, whatever is in force."""
        return self.get_lr()

    def get_last_lr(self) -> list[float]:
        """The rates this schedule set last."""
        return self._last_lr

    def step(self) -> None:
        """Go on to the next step, and set its rates."""
        if self._step_count == 1 and not self.optimizer._stepped:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`: the first "
                "value of "
                "the schedule is skipped",
                stacklevel=2,
            )
        effect(self._advance)

    def _begin(self) -> None:
        """Set the rates of the first step."""
        self._step_count = 0
        self._beginning = True
        self._advance()
        self._beginning = False

    def _advance(self) -> None:
        self._step_count += 1
        self.last_epoch += 1
        self._set(self.get_lr())

    def _restart(self) -> None:
        """Set the rates of step 0."""
        self.last_epoch = 0
        self._set(self.closed_form())

    def _set(self, rates: Sequence[float]) -> None:
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = lr
        self._last_lr = self._current()

    def _current(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def _scaled(self, factor: float) -> list[float]:
        return [lr * factor for lr in self._current()]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer: numbers, lists and dicts."""
        return {name: value for name, value in vars(self).items() if name not in self._not_saved}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what ``state_dict`` returned. The rates themselves are in the optimizer's
        state.
        """
        vars(self).update(state_dict)


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

    _not_saved = ("optimizer", "lr_lambdas")

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        groups = len(optimizer.param_groups)
        lambdas = list(lr_lambda) if isinstance(lr_lambda, (list, tuple)) else [lr_lambda] * groups
        if len(lambdas) != groups:
            raise ValueError(f"Expected {groups} lr_lambdas, but got {len(lambdas)}")
        self.lr_lambdas = lambdas
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """initial · f(n)."""
        return [
            lr * f(self.last_epoch) for f, lr in zip(self.lr_lambdas, self.base_lrs, strict=True)
        ]


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
        return (
            self._scaled(1.0 / self.factor)
            if self.last_epoch == self.total_iters
            else self._current()
        )

    def closed_form(self) -> list[float]:
        """factor · initial before step total_iters, initial from then on."""
        factor = self.factor + (self.last_epoch >= self.total_iters) * (1 - self.factor)
        return [lr * factor for lr in self.base_lrs]


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
        if not 0 <= warmup_steps < total_steps:
            raise ValueError(
                f"warmup_steps must be in [0, total_steps), got {warmup_steps} of {total_steps}"
            )
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


class SequentialLR(LRScheduler):
    """One schedule after another; each begins at its own step 0.

    Args:
        optimizer: whose rates are set.
        schedulers: the schedules, all of this optimizer.
        milestones: the step at which each but the first begins.
        last_epoch: the number of the last step made.

    Raises:
        ValueError: no schedules, a schedule of another optimizer, or not one milestone less than
        schedules.
    """

    _not_saved = ("optimizer", "_schedulers")

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[LRScheduler],
        milestones: Sequence[int],
        last_epoch: int = -1,
    ) -> None:
        if len(schedulers) < 1:
            raise ValueError("SequentialLR expects at least one scheduler, but got no scheduler.")
        for k, scheduler in enumerate(schedulers):
            if scheduler.optimizer is not optimizer:
                raise ValueError(
                    "SequentialLR expects all schedulers to belong to the same optimizer, but "
                    f"{type(scheduler).__name__} at index {k} belongs to another"
                )
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more than "
                "the "
                f"number of milestone points, but got number of schedulers {len(schedulers)} and the "
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
            group["lr"] = group["initial_lr"]
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
        return {**super().state_dict(), "_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over its own state, and those of its schedules."""
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "_schedulers"})
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            scheduler.load_state_dict(state)


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
            for group, top in zip(groups, _per_group("max_lr", groups, max_lr), strict=True):
                group["initial_lr"] = top / div_factor
                group["max_lr"] = top
                group["min_lr"] = group["initial_lr"] / final_div_factor
        if cycle_momentum:
            if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
                raise ValueError(
                    "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
                )
            self.use_beta1 = "betas" in optimizer.defaults
            lowest = _per_group("base_momentum", groups, base_momentum)
            highest = _per_group("max_momentum", groups, max_momentum)
            if last_epoch == -1:
                for group, low, high in zip(groups, lowest, highest, strict=True):
                    group["max_momentum"] = high
                    group["base_momentum"] = low
                    self._set_momentum(group, high)
        super().__init__(optimizer, last_epoch)

    def _set_momentum(self, group: dict[str, Any], momentum: float) -> None:
        if self.use_beta1:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum

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
                f"Tried to step {n} times. The specified number of total steps is {self.total_steps}"
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
                self._set_momentum(group, self._between(group, momenta, share))
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


def _per_group(name: str, groups: list[dict], value: float | Sequence[float]) -> list[float]:
    """One number for each group."""
    if not isinstance(value, (int, float)):
        if len(value) != len(groups):
            raise ValueError(
                f"{name} must have the length of param_groups, {len(groups)}, got {len(value)}"
            )
        return list(value)
    return [value] * len(groups)
