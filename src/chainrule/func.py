"""PyTorch's `torch.func`, as names for what stands in `transforms`, `graph` and `nn`."""

from .base.left_out import missing_from
from .base.loading import shown
from .graph.vmap import vmap
from .nn.stateless import (
    functional_call,
    replace_all_batch_norm_modules_,
    stack_module_state,
)
from .transforms import (
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    value_and_grad,
    vjp,
)

__all__ = [
    "functional_call", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "linearize",
    "replace_all_batch_norm_modules_", "stack_module_state", "value_and_grad", "vjp", "vmap",
]  # fmt: skip

__getattr__ = missing_from("func")
__dir__ = shown(__name__)
