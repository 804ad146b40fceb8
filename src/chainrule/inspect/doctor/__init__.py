"""Why does it not learn? Checks of the data, the model and the optimizer, with evidence and what to
change; silent on a healthy run.

Reading order: `finding`, `look` (one forward pass, watched), `splits`, `data`, `calls` (what a call leaves behind), `ranges`,
`shares` (probabilities), `loss`, `counted` (does each target count), `tokens`,
`reach` (the loss asked as a function), `paths`, `gradients`, `signals`, `axes`, `structure` (the model asked as a function), `learning`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ...nn import Module
from ...optim import Optimizer
from ...tape.modes import enable_grad
from ...tensors import Tensor
from ..watch import unchanged
from .axes import check_axes
from .calls import Before, check_calls, check_evaluation
from .counted import check_counted
from .data import check_batch
from .finding import Finding, Report
from .gradients import check_gradients
from .learning import check_optimizer, check_overfit, check_update
from .look import Look, array
from .loss import check_loss
from .paths import check_hidden, check_paths
from .reach import check_reach
from .shares import check_shares
from .signals import check_mode, check_signals
from .splits import check_splits
from .structure import check_structure
from .tokens import check_tokens

__all__ = ["Finding", "Report", "doctor"]


def doctor(
    model: Module,
    loss_fn: Callable[[Any, Any], Tensor],
    batch: tuple,
    optimizer: Optimizer | None = None,
    *,
    validation: tuple | None = None,
    steps: int = 40,
) -> Report:
    """Look for what keeps a model from learning. Nothing of the model, the optimizer and the generator
    is changed.

    | of | what is looked at |
    |---|---|
    | the batch | finite, scaled and different inputs and targets, one class, contradictions; examples, scale and labels of ``validation`` |
    | the loss | an activation before it that it has itself, its first value against ln C, softmax over the batch, whether it has a floor |
    | signals | dead and saturated units, an output that does not depend on the input, evaluation mode, dropout |
    | gradients | parameters without a path and where it ends, sizes layer by layer, units that are all the same |
    | structure | views for a transpose, examples that meet, the future that is seen, places alike, layers that are one linear map |
    | the optimizer | which parameters it holds, how far and which way one step goes, weight decay |
    | learning | whether a copy can learn this batch by heart |

    Args:
        model: the model, in the mode in which it is trained.
        loss_fn: a function of (what the model returns, target).
        batch: what the model is called with, and the target, the last.
        optimizer: the optimizer, if there is one yet.
        validation: a batch of another split, to look for the same examples.
        steps: of training on the one batch, at each of two rates; a healthy model needs a few.

    Returns:
        The findings; true if there are none.

    Raises:
        ValueError: ``batch`` is not a tuple of inputs and a target.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> model = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 2), nn.Softmax(dim=-1))
        >>> batch = cr.randn(16, 3), cr.arange(16) % 2
        >>> report = doctor(model, nn.functional.cross_entropy, batch)
        >>> report.names
        ['softmax before loss']
        >>> report.findings[0].change
        'remove the softmax (module 3)'
    """
    if not isinstance(batch, (tuple, list)) or len(batch) < 2:
        raise ValueError(
            "doctor: the batch is a tuple of the model's inputs and the target, the last"
        )
    with warnings.catch_warnings(), np.errstate(all="ignore"), enable_grad():
        warnings.filterwarnings("ignore", ".* is a plain ")  # a finding says it: `not registered`
        with unchanged(model):
            return Report.of(_examined(model, loss_fn, tuple(batch), optimizer, validation, steps))


def _examined(
    model: Module,
    loss_fn: Callable[[Any, Any], Tensor],
    batch: tuple,
    optimizer: Optimizer | None,
    validation: tuple | None,
    steps: int,
) -> list[Finding | str]:
    """What all checks find."""
    found: list[Finding | str] = [*check_batch(batch)]
    if validation is not None:
        found += check_splits(batch, tuple(validation))
    found += check_mode(model)
    before = Before(model)
    look = Look(model, loss_fn, batch)
    left = [*check_calls(look, before)]
    found += left
    if look.overwritten:
        return found  # every call would find another batch
    for check in (
        check_loss,
        check_shares,
        check_counted,
        check_tokens,
        check_reach,
        check_paths,
        check_hidden,
        check_signals,
        check_gradients,
        check_axes,
        check_evaluation,
        check_structure,
    ):
        found += check(look)
    if optimizer is not None:
        found += check_optimizer(model, optimizer)
    finite = np.isfinite(array(look.loss)).all()
    if any(f.name == "state carried" for f in left):
        return found  # no second step is possible
    if finite and any(g is not None for g in look.gradients.values()):
        if optimizer is not None and not any(
            f.name == "other model" for f in found if isinstance(f, Finding)
        ):
            found += check_update(model, optimizer, loss_fn, batch)
        found += check_overfit(model, loss_fn, batch, steps)
    return found
