"""PyTorch's `torch.linalg`: norms, solutions, factors and products of matrices.

>>> A = cr.tensor([[4.0, 1.0], [1.0, 3.0]])
>>> cr.linalg.solve(A, cr.tensor([1.0, 2.0]))
tensor([0.0909, 0.6364])
"""

from .base.left_out import missing_from
from .base.loading import shown
from .tensors.functions.linalg import *  # noqa: F403 - the curated list stands there
from .tensors.functions.linalg import __all__ as __all__

__getattr__ = missing_from("linalg")
__dir__ = shown(__name__)
