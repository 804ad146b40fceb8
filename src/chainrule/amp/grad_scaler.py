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
from ..tape.modes import modes, no_grad
from ..tensors import Tensor, full, logical_or, zeros

__all__ = ["GradScaler"]

READY, UNSCALED, STEPPED = "ready", "unscaled", "stepped"


class _State:
    """What of this step is done for one optimizer."""

    def __init__(self) -> None:
        self.stage = READY
        self.found_inf: bool | None = None  # whether a gradient was not finite, once looked at


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

    In a traced function only ``scale`` may stand: the others look at gradients.

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
        self._growth_interval, self._growth_tracker = growth_interval, 0
        self._states: dict[int, _State] = {}

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
        state = self._state("unscale_", optimizer)
        if state.stage == UNSCALED:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        if state.stage == STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        inverse = 1.0 / self.get_scale()
        infinite = zeros((), dtype=dtypes.bool_)
        with no_grad():
            for group in optimizer.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    if p.grad.dtype is dtypes.float16:
                        raise ValueError("Attempting to unscale FP16 gradients.")
                    infinite = logical_or(infinite, p.grad.isfinite().logical_not().any())
                    p.grad.mul_(inverse)
        state.found_inf = bool(infinite.item())
        state.stage = UNSCALED

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """``optimizer.step(…)`` if all its gradients are finite, whose result it returns.

        Raises:
            RuntimeError: it was done already since the last ``update``, or is given a closure.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        state = self._state("step", optimizer)
        if state.stage == STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if state.stage == READY:
            self.unscale_(optimizer)
        result = None if state.found_inf else optimizer.step(*args, **kwargs)
        state.stage = STEPPED
        return result

    def update(self, new_scale: Any = None) -> None:
        """Let the scale grow or fall by what the steps since the last update found, or set it.

        Raises:
            RuntimeError: no gradients were looked at since the last update.
            ValueError: a new scale that is no number.
        """
        if not self._enabled:
            return
        self._refuse_traced("update")
        if new_scale is not None:
            self._scale.fill_(_number(new_scale))
        else:
            found = [s.found_inf for s in self._states.values() if s.found_inf is not None]
            if not found:
                raise RuntimeError("No inf checks were recorded prior to update.")
            if any(found):
                self._scale.mul_(self._backoff_factor)
                self._growth_tracker = 0
            else:
                self._growth_tracker += 1
                if self._growth_tracker == self._growth_interval:
                    grown = self._scale * self._growth_factor
                    if grown.isfinite().item():
                        self._scale.copy_(grown)
                    self._growth_tracker = 0
        self._states = {}

    def _state(self, what: str, optimizer: Any) -> _State:
        self._refuse_traced(what)
        return self._states.setdefault(id(optimizer), _State())

    def _refuse_traced(self, what: str) -> None:
        if modes.trace is not None:
            modes.trace.refuse(
                f"GradScaler.{what} looks at gradients, which a traced program has only when it runs",
                "compile the forward and backward pass, and step outside of it",
            )

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
            "_growth_tracker": self._growth_tracker,
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
        self._growth_tracker = state_dict["_growth_tracker"]


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
