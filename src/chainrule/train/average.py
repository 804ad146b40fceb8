"""A slow copy of the weights: the exponential moving average of all that training went through.

Its noise is less than that of the last weights, so it often answers better; it is what is then
evaluated, saved as the best, and used.
"""

from __future__ import annotations

import copy
from typing import Any

from ..nn import Module
from ..tape.modes import cell, effect
from ..tensors import no_grad

__all__ = ["MovingAverage"]


class MovingAverage:
    """The moving average of a model's weights,

        d ← min(decay, (1 + n) / (10 + n)),    average ← d · average + (1 − d) · weights

    after step n. The first steps have a smaller d, so that the random weights of the beginning are
    soon forgotten. Buffers (the statistics of batch norm) are copied, not averaged. Integer
    parameters cannot be averaged and are copied.

    Args:
        model: whose weights are averaged; it is copied once.
        decay: how slowly the average follows, 0 ≤ decay < 1; it looks back about 1 / (1 − decay)
            steps.

    Attributes:
        module: the copy, with the averaged weights.

    Source: Polyak & Juditsky 1992 for the idea; the decay of the first steps as in TensorFlow's
    ExponentialMovingAverage.

    >>> import chainrule as cr
    >>> model = cr.nn.Linear(1, 1, bias=False)
    >>> average = MovingAverage(model, decay=0.9)
    >>> _ = cr.nn.init.ones_(model.weight), cr.nn.init.zeros_(average.module.weight)
    >>> average.update()
    >>> average.module.weight.detach()
    tensor([[0.9000]])
    """

    def __init__(self, model: Module, decay: float):
        if not 0 <= decay < 1:
            raise ValueError(f"MovingAverage(decay): expected 0 ≤ decay < 1, found {decay}")
        self.model, self.decay, self.updates = model, decay, 0
        self.module = copy.deepcopy(model)
        for p in self.module.parameters():
            p.requires_grad_(False)
            p.grad = None

    def update(self) -> None:
        """Follow the weights by one step. May be traced."""
        keep = cell(lambda: min(self.decay, (1 + self.updates) / (10 + self.updates)))
        with no_grad():
            averages = zip(self.module.parameters(), self.model.parameters(), strict=True)
            for average, p in averages:
                if average.dtype.is_floating_point:
                    average.copy_(p + keep * (average - p))
                else:
                    average.copy_(p)
            for mine, theirs in zip(self.module.buffers(), self.model.buffers(), strict=True):
                mine.copy_(theirs)
        effect(self._count)

    def _count(self) -> None:
        self.updates += 1

    def state_dict(self) -> dict[str, Any]:
        """The averaged weights and the number of updates; the tensors are the live ones."""
        return {"updates": self.updates, "module": dict(self.module.state_dict())}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        self.module.load_state_dict(state["module"])
        self.updates = state["updates"]
