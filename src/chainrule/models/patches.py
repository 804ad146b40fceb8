"""Where the patches of an image are: one embedding for each place of a grid, behind those of a class token and its like."""

from __future__ import annotations

from ..nn import functional as F
from ..tensors import Tensor, cat

__all__ = ["resized_grid"]


def resized_grid(positions: Tensor, grid: tuple[int, int], wanted: tuple[int, int]) -> Tensor:
    """The positions' embeddings for images of another size, interpolated (bicubic).

    Args:
        positions: (1, n + rows · columns, C); the first ones, of the class token and its like, stay.
        grid: rows and columns that they are for.
        wanted: rows and columns that there are.

    Returns:
        (1, n + rows · columns, C) of those wanted.

    >>> from chainrule import arange
    >>> resized_grid(arange(5.0).reshape(1, 5, 1), (2, 2), (2, 3)).shape
    chainrule.Size([1, 7, 1])
    """
    n = positions.shape[1] - grid[0] * grid[1]
    first, rest = positions[:, :n], positions[:, n:]
    image = rest.reshape(1, *grid, -1).permute(0, 3, 1, 2)  # (1, C, rows, columns)
    image = F.interpolate(image, size=wanted, mode="bicubic", align_corners=False)
    return cat([first, image.flatten(2).transpose(1, 2)], dim=1)
