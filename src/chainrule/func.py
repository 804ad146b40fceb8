"""PyTorch's `torch.func`, as names for `transforms`. `value_and_grad` returns (value, gradient),
where PyTorch's `grad_and_value` turns them round.
"""

from .transforms import grad, hessian, jacfwd, jacrev, jvp, value_and_grad, vjp

__all__ = ["grad", "hessian", "jacfwd", "jacrev", "jvp", "value_and_grad", "vjp"]
