"""Are all derivatives right? Every op of the table against differences, first and second order, in
float64.

An op's record says which calls to check (`samples`): what to draw for each operand, and attributes.
For each call the derivative by all floating operands along one random direction is compared with a
central difference, see `transforms.gradcheck`; then the same is done with the derivative itself,
which goes through the op's rules a second time. This table is the primary evidence that the
framework
computes right gradients, and reads nothing but the record: a new op is in it by being defined.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .. import functional as _composites  # noqa: F401 - defines the composite ops
from ..ops.record import TABLE, Op
from ..ops.samples import Sample, samples_of, symmetric_call
from ..tensors import Tensor, tensor
from ..transforms import directional_errors

__all__ = ["LIMIT", "OpCheck", "check_op", "check_ops"]

LIMIT = 1e-5
"""The largest relative error that counts as agreement."""


@dataclass(frozen=True)
class OpCheck:
    """What the checks of one op found.

    Attributes:
        name, kind: of the op.
        calls: how many of its sample calls were checked.
        first, second: the largest relative error of the first and of the second derivative; None
            if nothing was checked.
        verdict: "ok"; "WRONG" if an error is above `LIMIT` or NaN; "no derivative" if the op's
            record says so; "NOT CHECKED" if it has a derivative, but no sample call to check.
    """

    name: str
    kind: str
    calls: int
    first: float | None
    second: float | None
    verdict: str

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong, and nothing was left unchecked."""
        return self.verdict in ("ok", "no derivative")


def check_ops(ops: Iterable[Op] | None = None) -> list[OpCheck]:
    """Check some ops, by default all of the table, in the order of their definition."""
    return [check_op(op) for op in (TABLE.values() if ops is None else ops)]


def check_op(op: Op) -> OpCheck:
    """Check one op on all its samples.

    >>> from chainrule.ops import tanh
    >>> check_op(tanh).verdict
    'ok'
    """
    if not op.differentiable and not op.composite:
        return OpCheck(op.name, op.kind.name, 0, None, None, "no derivative")
    errors = []
    for seed, sample in enumerate(samples_of(op)):
        operands = _operands(op, sample, seed)
        if any(isinstance(x, Tensor) and x.requires_grad for x in operands):
            call = functools.partial(_differentiable_outputs, op, **sample.attributes)
            call = symmetric_call(sample, call)
            errors.append(directional_errors(call, operands, seed=seed))
    if not errors:
        return OpCheck(op.name, op.kind.name, 0, None, None, "NOT CHECKED")
    first, second = (_largest(order) for order in zip(*errors, strict=True))
    verdict = "ok" if first <= LIMIT and second <= LIMIT else "WRONG"  # NaN is not ≤
    return OpCheck(op.name, op.kind.name, len(errors), first, second, verdict)


def _operands(op: Op, sample: Sample, seed: int) -> list:
    """The operands of a call: arrays become tensors, and the floating ones that the op has a
    derivative by require a gradient. An op without rules of its own has one by all of them.
    """
    operands = []
    for k, drawn in enumerate(sample.draw(seed)):
        name = op.operands[k] if k < len(op.operands) else op.variadic
        by_this = not op.rules or name in op.rules
        if isinstance(drawn, np.ndarray):
            operands.append(tensor(drawn, requires_grad=by_this and drawn.dtype.kind == "f"))
        else:
            operands.append(drawn)
    return operands


def _differentiable_outputs(op: Op, *operands: object, **attributes: object) -> list[Tensor]:
    """The outputs of a call, without those that the op's record calls constant."""
    out = op(*operands, **attributes)
    outs = out if isinstance(out, (tuple, list)) else [out]
    return [y for name, y in zip(op.outputs, outs, strict=True) if name not in op.constant]


def _largest(errors: Iterable[float]) -> float:
    """The largest error, where NaN is larger than all."""
    return max(errors, key=lambda error: math.inf if math.isnan(error) else error)
