"""PyTorch's `torch.nn.modules`, as names for the layers of the room `nn`: its public ones, and the base classes that people
ask about, as in `isinstance(m, nn.modules.batchnorm._BatchNorm)`; and the hooks of all modules, which PyTorch's file `module` has.
"""

import importlib
import sys
from typing import Any

from ..hooks import (
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from . import utils

__all__ = [
    "register_module_backward_hook", "register_module_buffer_registration_hook", "register_module_forward_hook",
    "register_module_forward_pre_hook", "register_module_full_backward_hook", "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook", "register_module_parameter_registration_hook", "utils",
]  # fmt: skip

FILES = (
    "activation", "adaptive", "batchnorm", "container", "conv", "distance", "dropout", "flatten", "fold", "instancenorm", "lazy",
    "linear", "loss", "module", "normalization", "padding", "pixelshuffle", "pooling", "rnn", "sparse", "transformer", "upsampling",
)  # fmt: skip
"""PyTorch's files, each of which stands for all layers."""

PRIVATE = {
    "_EXTRA_STATE_KEY_SUFFIX": "saving.EXTRA",
    "_AdaptiveAvgPoolNd": "uneven_pooling._AdaptiveAvgPool",
    "_AdaptiveMaxPoolNd": "uneven_pooling._AdaptiveMaxPool",
    "_AvgPoolNd": "pooling._AvgPool",
    "_BatchNorm": "normalization._BatchNorm",
    "_ConvNd": "conv._ConvNd",
    "_ConvTransposeNd": "conv._ConvTransposeNd",
    "_DropoutNd": "dropout._Dropout",
    "_InstanceNorm": "instance_norm._InstanceNorm",
    "_Loss": "loss.reduction.Loss",
    "_MaxPoolNd": "pooling._MaxPool",
    "_NormBase": "normalization._ChannelNorm",
    "_WeightedLoss": "loss.reduction.WeightedLoss",
}
"""PyTorch's base classes and the name of extra states, and where ours are in the room `nn`."""


def __getattr__(name: str) -> Any:
    if name in PRIVATE:
        place, _, last = PRIVATE[name].rpartition(".")
        return getattr(importlib.import_module(f"..{place}", __name__), last)
    if name in FILES:
        return sys.modules[__name__]
    room = sys.modules[__name__.rpartition(".")[0]]
    if name in room.__all__ or name in vars(room):
        return getattr(room, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
