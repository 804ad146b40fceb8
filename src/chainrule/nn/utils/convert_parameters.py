"""All parameters of a model as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from ...base.errors import ShapeError
from ...tape.modes import no_grad
from ...tensors import Tensor, cat

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all parameters one after the other; gradients flow back.

    Example:
        >>> parameters_to_vector([ones(2), zeros(1, 2)])
        tensor([1., 1., 0., 0.])
    """
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Copy the pieces of ``vec`` into the parameters, in order.

    Differs from PyTorch: the values are copied, and the parameters share no memory with ``vec``
    afterwards.

    Raises:
        TypeError: ``vec`` is not a Tensor.
        ShapeError: it has not as many elements as the parameters together.

    Example:
        >>> w = zeros(1, 2)
        >>> vector_to_parameters(tensor([1.0, 2.0]), [w])
        >>> w
        tensor([[1., 2.]])
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected a Tensor, but got: {type(vec).__name__}")
    parameters = list(parameters)
    needed = sum(p.numel() for p in parameters)
    if vec.ndim != 1 or vec.numel() != needed:
        raise ShapeError(
            f"vector_to_parameters: the parameters have {needed} elements together, "
            f"vec has shape {tuple(vec.shape)}"
        )
    start = 0
    with no_grad():
        for p in parameters:
            p.copy_(vec[start : start + p.numel()].reshape(p.shape))
            start += p.numel()
