"""Functions of functions: derivatives of any order, rematerialisation, custom rules, and the check
of all of them.

Imports tensors and what lies below. Reading order: `function`, `derivatives`, `jacobians`, `remat`, `gradcheck`.
"""

from ..base.loading import shown
from .derivatives import grad, grad_and_value, hvp, jvp, linearize, value_and_grad, vjp
from .function import Function, once_differentiable
from .gradcheck import directional_errors, gradcheck, gradgradcheck
from .jacobians import hessian, jacfwd, jacobian, jacrev
from .remat import checkpoint

__all__ = [
    "Function", "checkpoint", "directional_errors", "grad", "grad_and_value", "gradcheck", "gradgradcheck", "hessian",
    "hvp", "jacfwd", "jacobian", "jacrev", "jvp", "linearize", "once_differentiable", "value_and_grad", "vjp",
]  # fmt: skip

__dir__ = shown(__name__)
