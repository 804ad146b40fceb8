"""How far does the loss go: has it a floor, can the model's answers get there, and does it matter which answer is
whose? Questions put to the loss as a function, with answers that are moved.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...base.errors import ChainruleError
from ...tensors import Tensor, grad, tensor
from ..summary import tensors_in
from .finding import Finding
from .look import Look, array, put
from .loss import ACTIVATIONS
from .ranges import PRODUCTS, range_of

__all__ = ["check_reach"]

FAR, FASTER = (30.0, 300.0), 30.0
"""How far answers are moved down the slope, in numbers of about 1; the factor between what is won at the two, of which a straight
line has 10 and a square 100, above which the loss falls ever faster.
"""

HIGH_FLOOR, HIGH_FLOOR_OF_COSINES = 0.05, 0.3
"""Nats that are left at best, above which logits are called too small; of cosines, which are often divided by 0.5, the share of what
guessing costs.
"""

ROUNDING = 1e-5
"""Of the loss: below it a change is rounding."""


def check_reach(look: Look) -> Iterator[Finding | str]:
    """Is the loss bounded, and do bounded answers, and their order, let it become small?"""
    yield from _check_bounded_logits(look)
    if not look.has_path or not np.isfinite(array(look.loss)).all():
        return
    try:
        yield from _check_floor(look)
        yield from _check_order(look)
    except (ChainruleError, ValueError, TypeError, IndexError):
        return  # a loss that takes nothing but what this model says


def _check_bounded_logits(look: Look) -> Iterator[Finding]:
    """Logits from −1 to 1 cannot say that one of ten classes is sure."""
    for a in look.named("cross_entropy", "binary_cross_entropy_with_logits"):
        low, high, maker = range_of(look, a.args[0])
        if maker is None or a.attrs.get("label_smoothing"):
            continue
        if look.maker(a.args[0]) is maker and maker.op in ACTIVATIONS:
            continue  # which is told as such
        if a.op == "cross_entropy":
            x = a.args[0]
            others = x.shape[1 if x.ndim > 1 else 0] - 1
            floor = math.log1p(others * math.exp(low - high)) if math.isfinite(high - low) else 0.0
        else:
            floor = max(_softplus(-high), _softplus(low))
        if maker.op in (*PRODUCTS, "cosine_similarity"):
            guess = math.log(max(a.args[0].shape[-1], 2))
            if floor > HIGH_FLOOR_OF_COSINES * guess:
                yield Finding(
                    "bounded logits", f"cosines before {a.op} are so small that no answer can be sure",
                    f"they go from {low:.3g} to {high:.3g} at most, and the loss of right answers cannot fall below {floor:.3g}, where "
                    f"guessing costs {guess:.3g}",
                    "divide them by a temperature: 0.07, or multiply by a scale that is learned, exp(t)", maker.place,
                )  # fmt: skip
        elif floor > HIGH_FLOOR:
            yield Finding(
                "bounded logits", f"{maker.op} before {a.op} keeps the logits so small that no answer can be sure",
                f"they go from {low:.3g} to {high:.3g} at most, and the loss of right answers cannot fall below {floor:.3g}",
                f"remove the {maker.op}: logits may be any numbers", maker.place,
            )  # fmt: skip


def _softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _check_floor(look: Look) -> Iterator[Finding]:
    """A loss that falls ever faster, the further some answer is moved, has no floor: a part of it has the wrong sign.

    One that falls in a straight line, as that of a critic or of a normalizing flow, is left alone, and so is one that has a
    floor for some examples, as that of a policy whose rewards are of either sign.
    """
    answers = [x for x in tensors_in(look.output) if x.is_floating_point() and x.numel()]
    free = [x.detach().requires_grad_() for x in answers]
    loss = look.loss_fn(put(look.output, answers, free), look.batch[-1]).sum()
    if not loss.requires_grad or float(loss) != float(look.loss.sum()):
        return  # answers that are not seen, or a loss that draws random numbers
    slopes = grad(loss, free, allow_unused=True)
    for which, slope in enumerate(slopes):
        own, down = array(answers[which]), None if slope is None else -array(slope)
        if down is None or not down.any() or not np.isfinite(down).all():
            continue
        rows = range(min(len(own), 8)) if own.ndim else [...]
        costs = [_moved(look, answers, which, own, down, row) for row in rows]
        if all(_falls_ever_faster(float(loss), near, far) for near, far in costs):
            name = "the output" if len(answers) == 1 else f"output {which}"
            near, far = costs[0]
            yield Finding(
                "no floor", "the loss has no floor: it falls ever faster, the further an output is moved",
                f"{float(loss):.4g} as it is, {near:.4g} with one example of {name} {list(own.shape)} moved down the slope "
                f"by {FAR[0]:.0f}, {far:.4g} by {FAR[1]:.0f}",
                f"look at the sign of the part of the loss that is made of {name}: what should keep it small makes it large",
            )  # fmt: skip
            return


def _moved(
    look: Look, answers: list[Tensor], which: int, own: np.ndarray, down: np.ndarray, row: Any
) -> tuple[float, float]:
    """The loss with one example of one answer moved, near and far."""
    size = float(np.sqrt((down[row] ** 2).mean()))
    costs = []
    for far in FAR:
        moved = own.copy()
        moved[row] += far * down[row] / (size or 1.0)
        others = [
            tensor(moved, dtype=x.dtype) if k == which else x.detach()
            for k, x in enumerate(answers)
        ]
        costs.append(float(look.loss_fn(put(look.output, answers, others), look.batch[-1]).sum()))
    return costs[0], costs[1]


def _falls_ever_faster(first: float, near: float, far: float) -> bool:
    if math.isnan(near) or math.isnan(far) or not near < first - ROUNDING * abs(first):
        return False
    return near == -math.inf or far - first < FASTER * (near - first)


def _check_order(look: Look) -> Iterator[str]:
    """Of answers and targets in pairs it matters which is whose."""
    out, y = look.output, look.batch[-1]
    if not isinstance(out, Tensor) or not isinstance(y, Tensor) or not out.is_floating_point():
        return
    n = len(out) if out.ndim else 0
    if n < 4 or not y.ndim or len(y) != n or out.shape == (n, n):
        return
    said, wanted = array(out), array(y)
    cost = _costs(look)
    first = cost(said, wanted)
    if not math.isfinite(first) or abs(cost(said, wanted) - first) > ROUNDING * abs(first):
        return
    one_for_all = cost(said, np.broadcast_to(wanted[:1], wanted.shape))
    if not abs(one_for_all - first) > 100 * ROUNDING * abs(first):
        return  # the targets are all the same, or not looked at
    by_targets = abs(one_for_all - first)
    for shift in (1, n // 2):
        if np.abs(np.roll(said, shift, 0) - said).max() < 1e-3 * np.abs(said).max():
            return  # the answers are
        if abs(cost(np.roll(said, shift, 0), wanted) - first) > min(
            ROUNDING * abs(first), 0.01 * by_targets
        ):
            return
    yield (
        f"the loss is {first:.4g} whichever answer is given to which of the {n} targets: it compares all with all, as a mean "
        "before the difference does; take the mean of the differences, ((output - target) ** 2).mean(), if answers have "
        "targets of their own"
    )


def _costs(look: Look) -> Callable[[np.ndarray, np.ndarray], float]:
    out, y = look.output, look.batch[-1]

    def cost(said: np.ndarray, wanted: np.ndarray) -> float:
        pair = tensor(said, dtype=out.dtype), tensor(wanted, dtype=y.dtype)
        return float(look.loss_fn(*pair).sum())

    return cost
