"""Does it learn: what the optimizer holds, how far one step goes, and can one batch be learned by heart?"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator

import numpy as np

from ...nn import Module
from ...optim import LBFGS, Adam, Optimizer
from .finding import Finding
from .look import array

__all__ = ["check_optimizer", "check_overfit", "check_update"]

TOO_FAR, TOO_SHORT = 0.5, 1e-6
"""Lengths of a step beside the length of the weight."""

LEARNED, RATES = 0.9, (1e-2, 1e-3)
"""What must be left, at most, of the first loss; the rates that are tried."""


def check_optimizer(model: Module, optimizer: Optimizer) -> Iterator[Finding]:
    """Does it hold the model's parameters?"""
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    wanted = {n: p for n, p in model.named_parameters() if p.requires_grad}
    missing = [n for n, p in wanted.items() if id(p) not in held]
    kind = type(optimizer).__name__
    if missing and len(missing) == len(wanted):
        yield Finding(
            "other model", "the optimizer holds none of the model's parameters",
            f"{len(held)} tensors in {kind}, {len(wanted)} parameters in the model",
            "make the optimizer after the model is made, copied or loaded whole",
        )  # fmt: skip
    elif missing:
        yield Finding(
            "not in optimizer", "parameters that the optimizer does not hold",
            f"{len(missing)} of {len(wanted)}: {', '.join(missing[:4])}",
            f"{kind}(model.parameters()), or requires_grad_(False) if they are meant to stay",
        )  # fmt: skip


def check_update(
    model: Module, optimizer: Optimizer, loss_fn: Callable, batch: tuple
) -> Iterator[Finding]:
    """How far does one step move each weight, beside its length? On a copy."""
    if isinstance(optimizer, LBFGS):
        return
    model, optimizer = copy.deepcopy((model, optimizer))
    rates = []
    for group in optimizer.param_groups:  # a schedule may begin low
        group["lr"] = max(group["lr"], group.get("initial_lr", 0.0))
        rates.append(group["lr"])
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    before = {
        n: array(p).copy() for n, p in model.named_parameters() if id(p) in held and p.ndim > 1
    }
    optimizer.zero_grad()
    loss_fn(model(*batch[:-1]), batch[-1]).backward()
    optimizer.step()
    after, ratios, leaves_zero = dict(model.named_parameters()), {}, False
    for n, w in before.items():
        length, way = float(np.linalg.norm(w)), float(np.linalg.norm(array(after[n]) - w))
        leaves_zero |= length == 0 and way > 0
        if length > 0 and after[n].grad is not None:
            ratios[n] = way / length
    ratios = {n: r for n, r in ratios.items() if math.isfinite(r)}
    if not ratios:
        return
    far = max(ratios, key=lambda n: ratios[n])
    said = f"a step of {ratios[far]:.2g} times the length of {far}, with lr {', '.join(f'{r:.3g}' for r in rates)}"
    if ratios[far] > TOO_FAR:
        yield Finding(
            "step too long", "one step moves a weight about as far as it is long", said,
            f"a smaller learning rate; a thousandth of the length is usual: lr ≈ {_rate(rates, ratios[far]):.1g}",
        )  # fmt: skip
    elif ratios[far] < TOO_SHORT and not leaves_zero:
        yield Finding(
            "step too short", "one step moves no weight noticeably", said,
            "a larger learning rate" if max(rates) > 0 else "a learning rate above 0",
        )  # fmt: skip


def _rate(rates: list[float], ratio: float) -> float:
    return max(rates) * 1e-3 / ratio


def check_overfit(model: Module, loss_fn: Callable, batch: tuple, steps: int) -> Iterator[Finding]:
    """Can the batch be learned by heart? A copy is trained on it alone, by Adam, at two rates."""
    first = best = math.nan
    for lr in RATES:
        learner = copy.deepcopy(model)
        parameters = [p for p in learner.parameters() if p.requires_grad]
        if not parameters:
            return
        optimizer = Adam(parameters, lr=lr)
        for step in range(steps):
            optimizer.zero_grad()
            loss = loss_fn(learner(*batch[:-1]), batch[-1])
            value = float(loss)
            if step == 0:
                first = value
                best = min(best, value) if not math.isnan(best) else value
            if not math.isfinite(value):
                break
            best = min(best, value)
            if best <= first - (1 - LEARNED) * abs(first) or abs(first) < 1e-3:
                return
            loss.backward()
            optimizer.step()
    if math.isfinite(first):
        yield Finding(
            "cannot overfit", "one batch alone cannot be learned by heart",
            f"the loss goes from {first:.4g} to {best:.4g} in {steps} steps of Adam",
            "look at the findings above; do targets belong to the inputs? does the loss depend on the output?",
        )  # fmt: skip
