"""From unconstrained numbers into a set: which transform leads where.

`biject_to(constraint)` has an inverse and a derivative (for densities); `transform_to(constraint)` need not (for parameters).

>>> import chainrule as cr
>>> transform_to(cr.distributions.constraints.positive)(cr.zeros(2))
tensor([1., 1.])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..tensors import Tensor
from . import constraints, transforms

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]


class ConstraintRegistry:
    """A table from kinds of constraints to what makes a transform for one; call it with a constraint."""

    def __init__(self) -> None:
        self._table: dict[type, Callable] = {}

    def register(self, constraint: Any, factory: Callable | None = None) -> Callable:
        """Say what leads into a constraint: `register(kind, factory)`, or a decorator."""
        if factory is None:
            return lambda f: self.register(constraint, f)
        kind = type(constraint) if isinstance(constraint, constraints.Constraint) else constraint
        if not (isinstance(kind, type) and issubclass(kind, constraints.Constraint)):
            raise TypeError(f"a constraint or a class of them is registered, found {constraint!r}")
        self._table[kind] = factory
        return factory

    def __call__(self, constraint: constraints.Constraint) -> transforms.Transform:
        factory = self._table.get(type(constraint))
        if factory is None:
            raise NotImplementedError(
                f"no transform into {type(constraint).__name__} is registered"
            )
        return factory(constraint)


biject_to, transform_to = ConstraintRegistry(), ConstraintRegistry()


def _into(*kinds: Any, only: ConstraintRegistry | None = None) -> Callable:
    """Decorator: registers a factory, in both tables or in one."""

    def register(factory: Callable) -> Callable:
        for table in [biject_to, transform_to] if only is None else [only]:
            for kind in kinds:
                table.register(kind, factory)
        return factory

    return register


@_into(constraints.real)
def _real(constraint: Any) -> transforms.Transform:
    return transforms.identity_transform


@_into(constraints.positive, constraints.nonnegative)
def _above(constraint: Any) -> transforms.Transform:
    """e^x, moved to the bound."""
    bound = constraint.lower_bound
    if not isinstance(bound, Tensor) and bound == 0:
        return transforms.ExpTransform()
    return transforms.ComposeTransform(
        [transforms.ExpTransform(), transforms.AffineTransform(bound, 1)]
    )


@_into(constraints.less_than)
def _below(constraint: Any) -> transforms.Transform:
    return transforms.ComposeTransform(
        [transforms.ExpTransform(), transforms.AffineTransform(constraint.upper_bound, -1)]
    )


@_into(constraints.interval, constraints.half_open_interval)
def _between(constraint: Any) -> transforms.Transform:
    low, high = constraint.lower_bound, constraint.upper_bound
    numbers = not isinstance(low, Tensor) and not isinstance(high, Tensor)
    if numbers and (low, high) == (0, 1):
        return transforms.SigmoidTransform()
    return transforms.ComposeTransform(
        [transforms.SigmoidTransform(), transforms.AffineTransform(low, high - low)]
    )


@_into(constraints.independent, only=biject_to)
def _biject_independent(constraint: Any) -> transforms.Transform:
    return transforms.IndependentTransform(
        biject_to(constraint.base_constraint), constraint.reinterpreted_batch_ndims
    )


@_into(constraints.independent, only=transform_to)
def _transform_independent(constraint: Any) -> transforms.Transform:
    return transforms.IndependentTransform(
        transform_to(constraint.base_constraint), constraint.reinterpreted_batch_ndims
    )


@_into(constraints.simplex, only=biject_to)
def _simplex_by_stick(constraint: Any) -> transforms.Transform:
    return transforms.StickBreakingTransform()


@_into(constraints.simplex, only=transform_to)
def _simplex_by_softmax(constraint: Any) -> transforms.Transform:
    return transforms.SoftmaxTransform()


@_into(constraints.lower_cholesky, only=transform_to)
def _lower_cholesky(constraint: Any) -> transforms.Transform:
    return transforms.LowerCholeskyTransform()


@_into(constraints.positive_definite, constraints.positive_semidefinite, only=transform_to)
def _positive_definite(constraint: Any) -> transforms.Transform:
    return transforms.PositiveDefiniteTransform()


@_into(constraints.corr_cholesky)
def _corr_cholesky(constraint: Any) -> transforms.Transform:
    return transforms.CorrCholeskyTransform()


@_into(constraints.cat, only=biject_to)
def _biject_cat(constraint: Any) -> transforms.Transform:
    parts = [biject_to(c) for c in constraint.cseq]
    return transforms.CatTransform(parts, constraint.dim, constraint.lengths)


@_into(constraints.cat, only=transform_to)
def _transform_cat(constraint: Any) -> transforms.Transform:
    parts = [transform_to(c) for c in constraint.cseq]
    return transforms.CatTransform(parts, constraint.dim, constraint.lengths)


@_into(constraints.stack, only=biject_to)
def _biject_stack(constraint: Any) -> transforms.Transform:
    return transforms.StackTransform([biject_to(c) for c in constraint.cseq], constraint.dim)


@_into(constraints.stack, only=transform_to)
def _transform_stack(constraint: Any) -> transforms.Transform:
    return transforms.StackTransform([transform_to(c) for c in constraint.cseq], constraint.dim)
