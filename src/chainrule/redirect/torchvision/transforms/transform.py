"""What all transforms share: how they stand in a model, what they draw, and the sizes of what they are given."""

from __future__ import annotations

import numbers
from typing import Any

import chainrule

from ....nn import Module
from ....tensors import Tensor

__all__ = ["Transform", "draw", "draw_integer", "pair", "size_of"]


class Transform(Module):
    """A transform is a module, so that it may stand in a `Sequential`; it prints as its class and its settings."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        self = super().__new__(cls)
        Module.__init__(self)  # here, because transforms of a program's own do not call it
        return self

    def forward(self, img: Any) -> Any:
        """What calling it gives."""
        return self(img)

    def __repr__(self) -> str:
        own = {k: v for k, v in vars(self).items() if not k.startswith("_") and k != "training"}
        shown = ", ".join([f"{k}={v}" for k, v in own.items()])
        return f"{type(self).__name__}({shown})"


def draw(low: float = 0.0, high: float = 1.0) -> float:
    """A number from low to high, by chainrule's default generator."""
    return low + (high - low) * chainrule.rand(()).item()


def draw_integer(low: int, high: int) -> int:
    """A whole number from low to high, both included."""
    return int(chainrule.randint(low, high + 1, ()).item())


def size_of(image: Any) -> tuple[int, int]:
    """(height, width) of a Pillow image or a tensor."""
    if isinstance(image, Tensor):
        return image.shape[-2], image.shape[-1]
    return image.size[1], image.size[0]


def pair(size: Any) -> tuple[int, int]:
    """(height, width), of one number for both, of a list of one, or of two."""
    if isinstance(size, numbers.Number):
        return int(size), int(size)
    size = tuple(size)
    return (size[0], size[0]) if len(size) == 1 else size
