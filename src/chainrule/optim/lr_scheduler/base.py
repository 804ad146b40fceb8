"""What the schedules share.

Step the schedule after the optimizer. Most schedules say how the *current* rate changes from one
step to the next, so several of them on one optimizer multiply; those that know the rate at step n
outright say that too (``closed_form``), which is what restarts them.

Everything here is plain Python on ``group["lr"]``, a number, or a tensor, which is then written
into. Stepped inside a traced function it runs again at every call, before the next program reads
its rate; nothing is traced anew.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

from ...base.errors import StateDictError
from ...tape.modes import effect
from ...tensors import Tensor
from ..hyper import change, is_like, number_of
from ..optimizer import Optimizer

__all__ = ["DEPRECATED_EPOCH", "LRScheduler", "per_group"]


DEPRECATED_EPOCH = (
    "The epoch parameter in `scheduler.step()` was not necessary and is out of use: call "
    "`scheduler.step()`. If it is given, the closed form of the schedule is used, where there is one."
)


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
    _may_be_none: tuple[str, ...] = ()

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.optimizer = optimizer
        for k, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", number_of(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{k}] when resuming a "
                    "schedule with last_epoch >= 0: load the optimizer's state first"
                )
        self.base_lrs = [number_of(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._begin()

    def get_lr(self) -> list[float]:
        """The rate of each group at step ``last_epoch``, from those in force at the step before."""
        raise NotImplementedError(f"{type(self).__name__} must define get_lr")

    def closed_form(self) -> list[float]:
        """The rate of each group at step ``last_epoch``, whatever is in force."""
        return self.get_lr()

    def get_last_lr(self) -> list[Any]:
        """The rates this schedule set last: tensors where the groups have tensors, and numbers elsewhere."""
        groups = self.optimizer.param_groups
        return [
            group["lr"].new_tensor(lr) if isinstance(group["lr"], Tensor) else lr
            for group, lr in zip(groups, self._last_lr, strict=False)
        ]  # a group may have come since

    def step(self, epoch: int | None = None) -> None:
        """Go on to the next step, and set its rates.

        Args:
            epoch: out of use, as in PyTorch: go to this step, with the closed form if there is one.
        """
        if self._step_count == 1 and not self.optimizer._stepped:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`: the first "
                "value of the schedule is skipped",
                stacklevel=2,
            )
        if epoch is not None:
            warnings.warn(DEPRECATED_EPOCH, UserWarning, stacklevel=2)
            effect(lambda: self._jump(epoch))
        else:
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

    def _jump(self, epoch: int) -> None:
        """Set the rates of a given step."""
        self._step_count += 1
        self.last_epoch = epoch
        self._set(self.closed_form())

    def _restart(self) -> None:
        """Set the rates of step 0."""
        self.last_epoch = 0
        self._set(self.closed_form())

    def _set(self, rates: Sequence[float]) -> None:
        for group, lr in zip(self.optimizer.param_groups, rates, strict=True):
            change(group, "lr", lr)
        self._last_lr = self._current()

    def _current(self) -> list[float]:
        return [number_of(group["lr"]) for group in self.optimizer.param_groups]

    def _scaled(self, factor: float) -> list[float]:
        return [lr * factor for lr in self._current()]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer: numbers, lists and dicts."""
        return {name: value for name, value in vars(self).items() if name not in self._not_saved}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what ``state_dict`` returned. The rates themselves are in the optimizer's
        state.

        Raises:
            StateDictError: a value of another type than the schedule's own. Nothing is changed.
        """
        own = vars(self)
        for name, value in state_dict.items():
            if value is None and name in self._may_be_none:
                continue
            if isinstance(own.get(name), (int, float, list)) and not is_like(value, own[name]):
                raise StateDictError(
                    f"loaded state dict has {name!r}: {value!r:.80}, where {type(self).__name__} has "
                    f"{own[name]!r:.80}"
                )
        own.update(state_dict)

    @staticmethod
    def _state_of(function: Callable) -> dict[str, Any] | None:
        """What is saved of a function given by the user: the attributes of an object that can be
        called; nothing of a plain function.
        """
        return None if isinstance(function, FunctionType) else dict(vars(function))


def per_group(name: str, groups: list[dict], value: float | Sequence[float]) -> list[float]:
    """One number for each group."""
    if not isinstance(value, (int, float)):
        if len(value) != len(groups):
            raise ValueError(
                f"{name} must have the length of param_groups, {len(groups)}, got {len(value)}"
            )
        return list(value)
    return [value] * len(groups)
