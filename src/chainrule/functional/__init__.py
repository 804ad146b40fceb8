"""Composites: ops written in other ops. Pure functions, no state, no torch-shaped overloads (those
are `nn.functional`).

Imports ops only. A composite may carry its own derivative rule or a faster kernel; the generated
tests prove both equal to the definition.
Reading order: `activation`, `linear`, `normalize`, `loss`, `attention`, `pooling`,
`recurrent`.
"""

from .activation import (
    celu,
    elu,
    gelu,
    glu,
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    logsigmoid,
    mish,
    prelu,
    relu,
    relu6,
    selu,
    silu,
    softplus,
    softshrink,
    softsign,
    tanhshrink,
    threshold,
)  # fmt: skip
from .attention import attention
from .linear import dropout, linear
from .loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    binary_entropy,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
    soft_cross_entropy,
)  # fmt: skip
from .normalize import (
    batch_norm,
    batch_norm_with,
    group_norm,
    layer_norm,
    log_softmax,
    logsumexp,
    normalize,
    rms_norm,
    softmax,
)
from .pooling import adaptive_avg_pool, avg_pool
from .recurrent import gru_step, lstm_step

__all__ = [
    "adaptive_avg_pool", "attention", "avg_pool", "batch_norm", "batch_norm_with",
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "binary_entropy", "celu",
    "cross_entropy", "dropout", "elu", "gelu", "glu", "group_norm", "gru_step", "hardshrink", "hardsigmoid",
    "hardswish", "hardtanh", "huber_loss", "kl_div", "l1_loss", "layer_norm", "leaky_relu",
    "linear", "log_softmax", "logsigmoid", "logsumexp", "lstm_step", "mish", "mse_loss", "nll_loss", "normalize",
    "prelu", "relu", "relu6", "rms_norm", "selu", "silu", "smooth_l1_loss", "soft_cross_entropy",
    "softmax", "softplus", "softshrink", "softsign", "tanhshrink", "threshold",
]  # fmt: skip
