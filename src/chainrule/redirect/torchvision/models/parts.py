"""torchvision's `models._utils`: a network cut short, and numbers of channels."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from .... import nn

__all__ = ["IntermediateLayerGetter"]


class IntermediateLayerGetter(nn.ModuleDict):
    """Runs the children of a module one after the other, up to the last that is asked for, and gives what some of them gave.

    Args:
        model: its children must be used in the order in which it has them, each once.
        return_layers: the name of a child → the name of its result.

    Raises:
        ValueError: no child of such a name.
    """

    def __init__(self, model: nn.Module, return_layers: Mapping[str, str]):
        children = dict(model.named_children())
        if not set(return_layers) <= set(children):
            raise ValueError("return_layers are not present in model")
        wanted = {str(name): str(new) for name, new in return_layers.items()}
        last = max(list(children).index(name) for name in wanted)
        super().__init__(OrderedDict(list(children.items())[: last + 1]))
        self.return_layers = wanted

    def forward(self, x: Any) -> OrderedDict[str, Any]:
        """The results that are asked for, by their new names."""
        out = OrderedDict()
        for name, module in self.items():
            x = module(x)
            if name in self.return_layers:
                out[self.return_layers[name]] = x
        return out


def _make_divisible(v: float, divisor: int, min_value: int | None = None) -> int:
    """The nearest multiple of the divisor, not below 0.9 v.

    >>> _make_divisible(37, 8)
    40
    """
    new = max(min_value or divisor, int(v + divisor / 2) // divisor * divisor)
    return new + divisor if new < 0.9 * v else new
