"""Functions of functions: derivatives of any order, rematerialisation, custom rules, and the check
of all of them.

Imports tensor and what lies below. Reading order: `function`, `derivatives`, `remat`, `gradcheck`.
"""

from .derivatives import (
    grad,
    grad_and_value,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    value_and_grad,
    vjp,
)
from .function import Function, once_differentiable
from .gradcheck import directional_errors, gradcheck, gradgradcheck
from .remat import checkpoint

__all__ = [
    "Function", "checkpoint", "directional_errors", "grad", "grad_and_value", "gradcheck", "gradgradcheck", "hessian",
    "hvp", "jacfwd", "jacobian", "jacrev", "jvp", "once_differentiable", "value_and_grad", "vjp",
]  # fmt: skip
