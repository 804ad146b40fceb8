"""Clipping gradients: by the norm of all of them together, or each element by itself.

Nothing here looks at a value, so all of it works in a traced step; only ``error_if_nonfinite``
must.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable

from ...base.errors import TraceError
from ...tape.modes import modes, no_grad
from ...tensors import Tensor, float32, stack, zeros

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
]


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all tensors' elements as if they were one vector.

    Args:
        tensors: one or several, of any shapes.
        norm_type: the p of the norm; ``inf`` for the largest absolute value.
        error_if_nonfinite: whether a norm that is infinite or not a number is an error.
        foreach: without effect: chooses among PyTorch's implementations.

    Returns:
        A 0-d tensor, float32 or float64.

    Raises:
        RuntimeError: ``error_if_nonfinite``, and so it is.
        TraceError: ``error_if_nonfinite`` in a trace, where there is no value to look at.

    Example:
        >>> get_total_norm([tensor([3.0]), tensor([4.0])])
        tensor(5.)
    """
    tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if error_if_nonfinite and modes.trace is not None:
        raise TraceError(
            "error_if_nonfinite=True must look at the norm, which has no value while a function is "
            "traced; pass False and look at the norm that the traced function returns"
        )
    if not tensors:
        return zeros(())
    with no_grad():
        norms = stack([_norm(t, norm_type) for t in tensors])
        total = norms if len(tensors) > 1 else norms.reshape(())
        total = _norm(norms, norm_type) if len(tensors) > 1 else total
    if error_if_nonfinite and not bool(total.isfinite()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite "
            f"({total.item()}), so it cannot be clipped. To disable this error and scale the gradients "
            "by the non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


def _norm(t: Tensor, p: float) -> Tensor:
    """(Σ |t|ᵖ)^(1/p), in float32 at least: squares of half floats overflow at 256."""
    t = t.detach()
    t = t.to(float32) if t.dtype.itemsize < 4 else t
    if p == float("inf"):
        return t.abs().max()
    if p == 2:
        return t.square().sum().sqrt()
    return t.abs().pow(p).sum().pow(1.0 / p)


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    total_norm: Tensor,
    foreach: bool | None = None,
) -> None:
    """Multiply every gradient by  min(1, max_norm / (total_norm + 10⁻⁶)),  in place.

    Args:
        parameters: one or several.
        max_norm: the norm above which they are scaled down.
        total_norm: the norm, from ``get_total_norm``.
        foreach: without effect: chooses among PyTorch's implementations.
    """
    factor = (max_norm / (total_norm + 1e-6)).clamp(max=1.0)
    with no_grad():
        for grad in _grads(parameters):
            grad.mul_(factor)


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients of all parameters, together, so that their norm is at most ``max_norm``.

    Source: Pascanu, Mikolov & Bengio 2013, algorithm 1.

    Args:
        parameters: one or several; those without a gradient are left out.
        max_norm: the norm above which they are scaled down.
        norm_type: the p of the norm; ``inf`` for the largest absolute value.
        error_if_nonfinite: whether a norm that is infinite or not a number is an error.
        foreach: without effect: chooses among PyTorch's implementations.

    Returns:
        The norm before clipping, a 0-d tensor.

    Raises:
        RuntimeError: ``error_if_nonfinite``, and so it is; nothing is scaled.
        TraceError: ``error_if_nonfinite`` in a trace, where there is no value to look at.

    Example:
        >>> w = nn.Parameter(zeros(2))
        >>> w.grad = tensor([3.0, 4.0])
        >>> clip_grad_norm_([w], max_norm=1.0), w.grad
        (tensor(5.), tensor([0.6000, 0.8000]))
    """
    parameters = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    total_norm = get_total_norm(_grads(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total_norm)
    return total_norm


def clip_grad_norm(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Deprecated name of ``clip_grad_norm_``."""
    warnings.warn(
        "clip_grad_norm is deprecated, write clip_grad_norm_", FutureWarning, stacklevel=2
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Clamp every element of every gradient to [−clip_value, clip_value], in place.

    Args:
        parameters: one or several; those without a gradient are left out.
        clip_value: the largest absolute value.
        foreach: without effect: chooses among PyTorch's implementations.

    Example:
        >>> w = nn.Parameter(zeros(2))
        >>> w.grad = tensor([3.0, -0.5])
        >>> clip_grad_value_([w], 1.0)
        >>> w.grad
        tensor([ 1.0000, -0.5000])
    """
    _clamp_(parameters, float(clip_value))


def _clamp_(parameters: Tensor | Iterable[Tensor], most: float) -> None:
    """What `clip_grad_value_` does, under whichever name it was imported: `inspect.checkup` looks here."""
    with no_grad():
        for grad in _grads(parameters):
            grad.clamp_(min=-most, max=most)


def _grads(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p.grad for p in parameters if p.grad is not None]
