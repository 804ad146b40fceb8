"""Averages of the weights along the way: they generalise better than the last weights do.

`EMA` follows a model as it is trained, inside a compiled step too. The functions are what
`swa_utils.AveragedModel` averages with, as in PyTorch.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..base.errors import StateDictError
from ..tape.modes import effect, no_grad, outside
from ..tensors import Tensor, bfloat16, float16, float32, tensor
from .hyper import checked, number

__all__ = [
    "EMA", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn",
]  # fmt: skip


class EMA:
    """The exponential moving average of a model's weights.   Source: Polyak & Juditsky 1992, with
    weights that fade.

        average ← average + (1 − decay) · (weight − average)      at each ``update``

    It begins at the weights as they are. Averages of half-precision weights are kept in float32:
    in half precision a step of a thousandth would round to nothing.

    Args:
        model: a module, or an iterable of parameters or of (name, parameter) pairs.
        decay: what remains at each update; change the attribute to change it, in a compiled step too.
        warmup: begin with a smaller decay, min(decay, (1 + n) / (10 + n)) at update n, so that the
            first weights are forgotten sooner.
        use_buffers: average the floating-point buffers of a module too, and copy the others. Without
            it ``average`` leaves buffers (those of batch norm, say) as they are.

    Attributes:
        updates: how many updates there were.
        averages: the average of each weight by name.

    Raises:
        ValueError: a decay outside of [0, 1], or nothing to average.

    Example:
        >>> w = nn.Parameter(ones(1))
        >>> ema = optim.EMA([w], decay=0.5)
        >>> with no_grad():
        ...     _ = w.fill_(3.0)
        >>> ema.update()
        >>> with ema.average():
        ...     print(w.item())
        2.0
        >>> w.item()
        3.0
    """

    def __init__(
        self, model: Any, decay: float = 0.999, *, warmup: bool = False, use_buffers: bool = False
    ) -> None:
        self.decay = checked("decay value", decay, high=1.0, inclusive=True)
        self.warmup = warmup
        self.updates = 0
        self._live = _named(model, use_buffers)
        if not self._live:
            raise ValueError("EMA got nothing to average")
        with outside(), no_grad():
            self.averages = {name: _copied(w) for name, w in self._live.items()}
        self._swapped = False

    def update(self) -> None:
        """Move the averages towards the weights; call it after the optimizer's step.

        Raises:
            RuntimeError: within ``average``, where the weights are the averages.
        """
        self._need_unswapped("update")
        effect(self._count)
        share = number(self._share)
        with no_grad():
            for name, w in self._live.items():
                a = self.averages[name]
                if a.is_floating_point():
                    a.add_((w.detach().to(a.dtype) - a) * share)
                else:
                    a.copy_(w)

    def _count(self) -> None:
        self.updates += 1

    def _share(self) -> float:
        n = self.updates
        decay = min(self.decay, (1 + n) / (10 + n)) if self.warmup else self.decay
        return 1 - decay

    @contextlib.contextmanager
    def average(self) -> Iterator[None]:
        """A block in which the model has the averages for weights. At its end it has its own again,
        even if an exception is raised. What the block writes into the weights is lost.

        Raises:
            RuntimeError: within another such block.
        """
        self._need_unswapped("average")
        with no_grad():
            kept = {name: w.detach().clone() for name, w in self._live.items()}
            self._swapped = True
            try:
                self.copy_to_model()
                yield
            finally:
                for name, w in self._live.items():
                    w.copy_(kept[name])
                self._swapped = False

    def copy_to_model(self) -> None:
        """Give the model the averages for good."""
        with no_grad():
            for name, w in self._live.items():
                w.copy_(self.averages[name])

    def state_dict(self) -> dict[str, Any]:
        """The averages by name, and what they are made with. The tensors are those in use."""
        return {
            "decay": self.decay,
            "warmup": self.warmup,
            "updates": self.updates,
            "averages": dict(self.averages),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what ``state_dict`` returned, by value.

        Raises:
            StateDictError: other names or shapes; nothing is changed.
        """
        saved = state_dict["averages"]
        faults = [f"missing {name}" for name in self.averages if name not in saved]
        faults += [f"unexpected {name}" for name in saved if name not in self.averages]
        for name, a in self.averages.items():
            if name in saved and tuple(saved[name].shape) != tuple(a.shape):
                faults.append(
                    f"{name}: shape {tuple(saved[name].shape)}, expected {tuple(a.shape)}"
                )
        if faults:
            raise StateDictError(
                "Error(s) in loading the state of EMA (nothing was changed):\n\t"
                + "\n\t".join(faults)
            )
        self.decay, self.warmup = float(state_dict["decay"]), bool(state_dict["warmup"])
        self.updates = int(state_dict["updates"])
        with no_grad():
            for name, a in self.averages.items():
                value = saved[name]
                a.copy_(value if isinstance(value, Tensor) else tensor(np.asarray(value)))

    def _need_unswapped(self, what: str) -> None:
        if self._swapped:
            raise RuntimeError(f"EMA.{what} within EMA.average: the weights are the averages there")


def _named(model: Any, use_buffers: bool) -> dict[str, Tensor]:
    """The tensors to average, by name."""
    if hasattr(model, "named_parameters"):
        found = dict(model.named_parameters())
        if use_buffers:
            found.update(model.named_buffers())
        return found
    found = {}
    for k, item in enumerate(model):
        name, w = item if isinstance(item, tuple) else (str(k), item)
        found[name] = w
    return found


def _copied(w: Tensor) -> Tensor:
    wide = w.dtype in (float16, bfloat16)
    return w.detach().to(float32) if wide else w.detach().clone()


# ------------------------------------------------------------------------------------- what AveragedModel averages with


def get_ema_avg_fn(decay: float = 0.999) -> Callable[[Tensor, Tensor, Any], Tensor]:
    """The function  (average, weight, n) ↦ decay · average + (1 − decay) · weight.

    Raises:
        ValueError: a decay outside of [0, 1].

    >>> get_ema_avg_fn(0.75)(tensor([4.0]), tensor([8.0]), 3)
    tensor([5.])
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(average: Tensor, weight: Tensor, n: Any) -> Tensor:
        return decay * average + (1 - decay) * weight

    return ema_update


def get_swa_avg_fn() -> Callable[[Tensor, Tensor, Any], Tensor]:
    """The function  (average of n, weight, n) ↦ average of n + 1.   Source: Izmailov et al. 2018,
    algorithm 1.

    >>> get_swa_avg_fn()(tensor([4.0]), tensor([8.0]), 3)
    tensor([5.])
    """

    @no_grad()
    def swa_update(average: Tensor, weight: Tensor, n: Any) -> Tensor:
        return average + (weight - average) / (n + 1)

    return swa_update


def get_ema_multi_avg_fn(
    decay: float = 0.999,
) -> Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]:
    """As ``get_ema_avg_fn``, for lists of tensors, in place.

    Raises:
        ValueError: a decay outside of [0, 1].
    """
    _check_decay(decay)
    return _in_place(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]:
    """As ``get_swa_avg_fn``, for lists of tensors, in place."""
    return _in_place(get_swa_avg_fn())


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )


def _in_place(
    update: Callable[[Tensor, Tensor, Any], Tensor],
) -> Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]:
    @no_grad()
    def update_all(averages: Sequence[Tensor], weights: Sequence[Tensor], n: Any) -> None:
        for average, weight in zip(averages, weights, strict=True):
            new = update(average, weight, n)
            average.copy_(new if average.is_floating_point() else new.to(average.dtype))

    return update_all
