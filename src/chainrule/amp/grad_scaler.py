"""Scaling of the loss, so that small gradients do not vanish in float16.

The loss is multiplied by a scale before the backward pass, and the gradients are divided by it
before the optimizer sees them. A scale too large shows in gradients that are infinite: that step is
left out and the scale falls. After many steps without one it grows.   Source: Micikevicius et al.
2018, section 3.2.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from typing import Any

from ..base import dtypes
from ..base.errors import FormatError
from ..tape.modes import afterwards, cell, effect, modes, no_grad, outside
from ..tensors import Tensor, eq, full, logical_and, logical_or, where, zeros

__all__ = ["GradScaler"]

READY, UNSCALED, STEPPED = "ready", "unscaled", "stepped"


class _State:
    """What of this step is done for one optimizer."""

    def __init__(self) -> None:
        self.stage = READY
        self.found_inf: Tensor | None = None  # whether a gradient was not finite, once looked at


class GradScaler:
    """Scales losses, and steps optimizers where gradients are finite.

        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)              # if gradients are to be clipped
        scaler.step(optimizer)
        scaler.update()

    Args:
        device: "cpu". "cuda", PyTorch's default, is not there: the scaler is disabled with a warning,
            and a training loop runs as without it.
        init_scale: the scale to begin with.
        growth_factor: what the scale is multiplied by after ``growth_interval`` steps with finite
            gradients.
        backoff_factor: what it is multiplied by after a step without.
        growth_interval: how many steps.
        enabled: whether anything is done; if not, ``scale`` is the identity and ``step`` steps.

    Raises:
        ValueError: factors that would not grow or not fall.

    In a traced function too, where one optimizer makes one step: the program chooses by what it
    finds between what the optimizer writes and what was there.

    Example:
        >>> import chainrule as cr
        >>> w = cr.tensor([1.0], requires_grad=True)
        >>> opt, scaler = cr.optim.SGD([w], lr=0.5), GradScaler("cpu", init_scale=4.0)
        >>> scaler.scale(w.sum()).backward()
        >>> w.grad
        tensor([4.])
        >>> scaler.step(opt)
        >>> w
        tensor([0.5000], requires_grad=True)
        >>> scaler.update()
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if enabled and device == "cuda":
            warnings.warn(
                "GradScaler is enabled for cuda, but CUDA is not available. Disabling.\n"
                '  hint: GradScaler("cpu")',
                stacklevel=2,
            )
            enabled = False
        if enabled and growth_factor <= 1.0:
            raise ValueError(f"The growth factor must be > 1.0, got {growth_factor}.")
        if enabled and backoff_factor >= 1.0:
            raise ValueError(f"The backoff factor must be < 1.0, got {backoff_factor}.")
        self._device, self._enabled = device, enabled
        self._scale = full((), init_scale, dtype=dtypes.float32)
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval = growth_interval
        self._growth_tracker = zeros((), dtype=dtypes.int32)
        self._states: dict[int, _State] = {}
        self._found: dict[int, Tensor] = {}  # for each optimizer, what `found_inf` is

    def scale(self, outputs: Any) -> Any:
        """A tensor times the scale, or tensors in lists, tuples and other iterables.

        Raises:
            ValueError: something else.
        """
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * self._scale
        if isinstance(outputs, list | tuple):
            return type(outputs)([self.scale(v) for v in outputs])
        if isinstance(outputs, Iterable):
            return map(self.scale, outputs)
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of an optimizer's parameters by the scale, in place. ``step`` does it
        unless it is done.

        Raises:
            RuntimeError: it was done already in this step.
            ValueError: a gradient in float16, which could not hold what it came to.
        """
        if not self._enabled:
            return
        state = self._states.setdefault(id(optimizer), _State())
        if state.stage == UNSCALED:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        if state.stage == STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        found = self._found.get(id(optimizer))
        if found is None:
            with outside():
                found = self._found[id(optimizer)] = zeros((), dtype=dtypes.bool_)
        with no_grad():
            inverse = self._scale.double().reciprocal().float()
            infinite = zeros((), dtype=dtypes.bool_)
            for group in optimizer.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    if p.grad.dtype is dtypes.float16:
                        raise ValueError("Attempting to unscale FP16 gradients.")
                    infinite = logical_or(infinite, p.grad.isfinite().logical_not().any())
                    p.grad.mul_(inverse)
            found.copy_(infinite)
        self._is(id(optimizer), UNSCALED, found)

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """``optimizer.step(…)`` if all its gradients are finite, whose result it returns; in a traced
        function, None.

        Raises:
            RuntimeError: it was done already since the last ``update``, or is given a closure.
            TraceError: a second step of the optimizer in one traced function.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        state = self._states.setdefault(id(optimizer), _State())
        if state.stage == STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if state.stage == READY:
            self.unscale_(optimizer)
        found = self._found[id(optimizer)]
        result = None
        if modes.trace is not None:
            self._step_traced(optimizer, found, args, kwargs)
        elif not found.item():
            result = optimizer.step(*args, **kwargs)
        self._is(id(optimizer), STEPPED, found)
        return result

    def _step_traced(self, optimizer: Any, found: Tensor, args: tuple, kwargs: dict) -> None:
        """A step whose writes count if all gradients are finite. Numbers of the optimizer's state,
        its counts of steps, change in Python before it is known: where they should not have, they
        are put back at the end of the call.
        """
        stepped = modes.trace.stepped
        if id(optimizer) in stepped:
            modes.trace.refuse(
                "GradScaler.step makes a second step of an optimizer in a traced function, which would "
                "count the first whether it was made or not",
                "compile one step, and call it twice",
            )
        stepped[id(optimizer)] = optimizer
        before: list[tuple[dict, dict]] = []

        def remember() -> None:
            before[:] = [
                (state, {name: x for name, x in state.items() if isinstance(x, int | float)})
                for state in optimizer.state.values()
            ]

        def put_back() -> None:
            if found.item():
                for state, numbers in before:
                    state.update(numbers)

        effect(remember)
        with modes.trace.unless(found):
            optimizer.step(*args, **kwargs)
        afterwards(put_back)

    def _is(self, key: int, stage: str, found: Tensor) -> None:
        """Note how far an optimizer is; in a trace, at each call too."""

        def note() -> None:
            state = self._states.setdefault(key, _State())
            state.stage, state.found_inf = stage, found

        note()
        if modes.trace is not None:
            effect(note)

    def update(self, new_scale: Any = None) -> None:
        """Let the scale grow or fall by what the steps since the last update found, or set it.

        Raises:
            RuntimeError: no gradients were looked at since the last update.
            ValueError: a new scale that is no number.
        """
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale.fill_(_number(new_scale))
        else:
            looked_at = [s.found_inf for s in self._states.values() if s.found_inf is not None]
            if not looked_at:
                raise RuntimeError(
                    "No inf checks were recorded prior to update. scaler.step(optimizer), which makes them, takes the place of "
                    "optimizer.step()"
                )
            found = looked_at[0]
            for other in looked_at[1:]:
                found = logical_or(found, other)
            tracker = self._growth_tracker + 1
            grown = self._scale * cell(lambda: self._growth_factor)
            full_time = eq(tracker, cell(lambda: self._growth_interval))
            scale = where(logical_and(full_time, grown.isfinite()), grown, self._scale)
            self._scale.copy_(where(found, self._scale * cell(lambda: self._backoff_factor), scale))
            self._growth_tracker.copy_(where(logical_or(found, full_time), 0, tracker))
        self._states.clear()
        if modes.trace is not None:
            effect(self._states.clear)

    # ---- settings -------------------------------------------------------------------------------

    def is_enabled(self) -> bool:
        """Whether anything is done."""
        return self._enabled

    def get_scale(self) -> float:
        """The scale; 1 if disabled."""
        return self._scale.item() if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        """What the scale grows by."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set what the scale grows by."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What the scale falls by."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set what the scale falls by."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many steps the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set after how many steps the scale grows."""
        self._growth_interval = new_interval

    def state_dict(self) -> dict[str, Any]:
        """All that a run needs to go on; empty if disabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker.item(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where another left off.

        Raises:
            FormatError: a state that is empty, as a disabled scaler's, or lacks something.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise FormatError(
                "The source state dict is empty, possibly because it was saved from a disabled "
                "instance of GradScaler."
            )
        missing = sorted(set(self.state_dict()) - set(state_dict))
        if missing:
            raise FormatError(f"the state of a GradScaler lacks {', '.join(missing)}")
        self._scale.fill_(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker.fill_(state_dict["_growth_tracker"])


def _number(new_scale: Any) -> float:
    """A new scale as a number."""
    if isinstance(new_scale, Tensor):
        if new_scale.numel() == 1 and not new_scale.requires_grad:
            return float(new_scale.item())
    elif isinstance(new_scale, float | int) and math.isfinite(new_scale):
        return float(new_scale)
    raise ValueError(
        "new_scale should be a float or a 1-element tensor with requires_grad=False, "
        f"found {new_scale!r}"
    )
