"""PyTorch's `torch.masked`: reductions and normalisations in which some elements do not take part.

>>> import chainrule as cr
>>> cr.masked.amax(cr.tensor([1.0, 5.0, 3.0]), mask=cr.tensor([True, False, True]))
tensor(3.)
"""

from .base.left_out import missing_from
from .base.loading import shown
from .tensors.functions.masked import *  # noqa: F403 - the curated list stands there
from .tensors.functions.masked import __all__ as __all__

__getattr__ = missing_from("masked")
__dir__ = shown(__name__)
