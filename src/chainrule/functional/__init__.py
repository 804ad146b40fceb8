"""Composites: ops written in other ops. Pure functions, no state, no torch-shaped overloads (those
are `nn.functional`).

Imports ops only. A composite may carry its own derivative rule or a faster kernel; the generated
tests prove both equal to the definition.
Reading order: `elementwise`, `activation`, `linear`, `dropout`, `distance`, `standardize`, `normalize`, `loss`,
`attention`, `pooling`, `padding`, `pixels`, `resampling`, `grids`, `bags`, `segments`, `rank`, `recurrent`.
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
    rrelu,
    selu,
    silu,
    softplus,
    softshrink,
    softsign,
    tanhshrink,
    threshold,
    with_gumbel,
)  # fmt: skip
from .attention import attention
from .bags import max_bags, reduce_bags, sum_bags
from .distance import cosine_similarity, pairwise_distance
from .dropout import alpha_dropout, dropout
from .elementwise import (
    angle,
    deg2rad,
    deviation,
    entr,
    fmax,
    fmin,
    frac,
    heaviside,
    ldexp,
    logaddexp,
    logaddexp2,
    logit,
    mvlgamma,
    nan_to_num,
    ndtr,
    rad2deg,
    round_to,
    sinc,
    spherical_bessel_j0,
    xlog1py,
    xlogy,
)  # fmt: skip
from .grids import affine_grid, grid_sample
from .linear import linear
from .loss import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    binary_entropy,
    cosine_embedding_loss,
    cross_entropy,
    ctc_reach,
    ctc_reduced,
    gaussian_nll_loss,
    hinge_embedding_loss,
    huber_loss,
    kl_div,
    l1_loss,
    margin_ranking_loss,
    mse_loss,
    multi_margin_loss,
    multilabel_margin_loss,
    multilabel_soft_margin_loss,
    nll_loss,
    poisson_nll_loss,
    smooth_l1_loss,
    soft_cross_entropy,
    soft_margin_loss,
    triplet_hinge,
)  # fmt: skip
from .normalize import (
    batch_norm,
    batch_norm_with,
    group_norm,
    layer_norm,
    local_response_norm,
    log_softmax,
    logsumexp,
    normalize,
    rms_norm,
    softmax,
)
from .padding import extend
from .pixels import channel_shuffle, pixel_shuffle, pixel_unshuffle
from .pooling import (
    adaptive_avg_pool,
    adaptive_max_pool,
    avg_pool,
    fractional_max_pool,
    lp_pool,
    max_unpool,
)
from .rank import kthvalue, median, median_along, quantile
from .recurrent import gru_step, lstm_step
from .resampling import resize, resize_nearest, resize_smoothly
from .segments import segment_reduce

__all__ = [
    "adaptive_avg_pool", "adaptive_max_pool", "affine_grid", "alpha_dropout", "angle",
    "attention", "avg_pool", "batch_norm", "batch_norm_with", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "binary_entropy", "celu", "channel_shuffle",
    "cosine_embedding_loss", "cosine_similarity", "cross_entropy", "ctc_reach", "ctc_reduced",
    "deg2rad", "deviation", "dropout", "elu", "entr", "extend", "fmax", "fmin", "frac",
    "fractional_max_pool", "gaussian_nll_loss", "gelu", "glu", "grid_sample", "group_norm",
    "gru_step", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "heaviside",
    "hinge_embedding_loss", "huber_loss", "kl_div", "kthvalue", "l1_loss", "layer_norm",
    "ldexp", "leaky_relu", "linear", "local_response_norm", "log_softmax", "logaddexp",
    "logaddexp2", "logit", "logsigmoid", "logsumexp", "lp_pool", "lstm_step",
    "margin_ranking_loss", "max_bags", "max_unpool", "median", "median_along", "mish", "mse_loss",
    "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss", "mvlgamma",
    "nan_to_num", "ndtr", "nll_loss", "normalize", "pairwise_distance",
    "pixel_shuffle", "pixel_unshuffle", "poisson_nll_loss", "prelu", "quantile", "rad2deg",
    "reduce_bags", "relu", "relu6", "resize", "resize_nearest", "resize_smoothly", "rms_norm",
    "round_to", "rrelu", "segment_reduce", "selu", "silu", "sinc", "smooth_l1_loss", "soft_cross_entropy",
    "soft_margin_loss", "softmax", "softplus", "softshrink", "softsign", "spherical_bessel_j0",
    "sum_bags",
    "tanhshrink", "threshold", "triplet_hinge", "with_gumbel", "xlog1py", "xlogy",
]  # fmt: skip
