"""PyTorch's `torch.autograd`, as names for what stands in `tape`, `tensors` and `transforms`."""

from ..base.left_out import missing_from
from ..base.loading import shown
from ..tape.modes import enable_grad, inference_mode, no_grad, set_grad_enabled
from ..tensors import grad
from ..transforms import Function, gradcheck, gradgradcheck
from ..transforms.function import Context as FunctionCtx
from ..transforms.function import once_differentiable
from . import functional, graph
from .anomaly import detect_anomaly, set_detect_anomaly
from .functional import Variable, backward

__all__ = [
    "Function", "FunctionCtx", "Variable", "backward", "detect_anomaly", "enable_grad", "functional", "grad", "gradcheck", "gradgradcheck",
    "graph",    "inference_mode", "no_grad", "once_differentiable", "set_detect_anomaly", "set_grad_enabled",
]  # fmt: skip

__getattr__ = missing_from("autograd")

__dir__ = shown(__name__)
