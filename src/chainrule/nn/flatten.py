"""Flatten and Unflatten: axes taken together, and taken apart again."""

from __future__ import annotations

from collections.abc import Sequence

from ..tensors import Tensor
from .module import Module

__all__ = ["Flatten", "Unflatten"]


class Flatten(Module):
    """Take the axes from ``start_dim`` to ``end_dim`` together; by default all but the batch.

    Example:
        >>> nn.Flatten()(zeros(5, 3, 7, 2)).shape
        chainrule.Size([5, 42])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        """The flattened input."""
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """The axes."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Divide the axis ``dim`` into axes of the given sizes, one of which may be −1.

    Raises:
        TypeError: the sizes are not integers, or the axis is given by name.

    Example:
        >>> nn.Unflatten(1, (3, -1))(zeros(5, 42)).shape
        chainrule.Size([5, 3, 14])
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        if not isinstance(dim, int):
            raise TypeError(f"Unflatten: dim must be an integer, got {type(dim).__name__}")
        if not isinstance(unflattened_size, (tuple, list)) or not all(
            isinstance(size, int) for size in unflattened_size
        ):
            raise TypeError(
                f"Unflatten: unflattened_size must be a tuple of integers, got {unflattened_size!r}"
            )
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        """The input with the axis divided."""
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """The axis and the sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
