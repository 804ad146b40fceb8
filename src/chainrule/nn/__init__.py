"""Modules: the tree of parameters, and the layers.

May import transforms, tensors and the rooms below; knows nothing of optim and data. Reading order:
`parameter`, `module` (with `walking`, `converting`, `saving`), `containers`, `parameter_containers`, `hooks`,
`functional` (the torch-shaped face of the functions), `init`, then the layers, a family each: `linear`, `conv`,
`lazy` (sizes taken from the first input), `pooling`, `uneven_pooling`, `padding`, `upsampling`,
`folding`, `normalization`, `instance_norm`, `embedding`, `dropout`, `recurrent`, `cells`, `packed`
(sequences of different lengths), `attention`, `transformer`, `activation`, `flatten`, `loss`; what
is done to a module from outside: `utils`, `stateless`; `grad` (convolutions' gradients as
functions); `parallel` and `modules` are PyTorch's names.
"""

from typing import TYPE_CHECKING

from ..base.left_out import missing_from
from ..base.loading import loaded_later, shown
from . import functional, init
from .module import Module
from .parameter import Buffer, Parameter

if TYPE_CHECKING:  # when they are first asked for: see CHAPTERS
    from . import grad, modules, parallel, utils
    from .activation import *  # noqa: F403
    from .attention import *  # noqa: F403
    from .cells import *  # noqa: F403
    from .containers import *  # noqa: F403
    from .conv import *  # noqa: F403
    from .dropout import *  # noqa: F403
    from .embedding import *  # noqa: F403
    from .flatten import *  # noqa: F403
    from .folding import *  # noqa: F403
    from .instance_norm import *  # noqa: F403
    from .lazy import *  # noqa: F403
    from .linear import *  # noqa: F403
    from .loss import *  # noqa: F403
    from .normalization import *  # noqa: F403
    from .padding import *  # noqa: F403
    from .parallel import *  # noqa: F403
    from .parameter_containers import *  # noqa: F403
    from .pooling import *  # noqa: F403
    from .recurrent import *  # noqa: F403
    from .transformer import *  # noqa: F403
    from .uneven_pooling import *  # noqa: F403
    from .upsampling import *  # noqa: F403

CHAPTERS = {
    "activation": """
        CELU ELU GELU GLU SELU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid LogSoftmax
        Mish PReLU ReLU ReLU6 RReLU Sigmoid SiLU Softmax Softmax2d Softmin Softplus Softshrink Softsign Tanh
        Tanhshrink Threshold
    """,
    "attention": "MultiheadAttention",
    "cells": "GRUCell LSTMCell RNNCell RNNCellBase",
    "containers": "ModuleDict ModuleList Sequential",
    "conv": "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d",
    "dropout": "AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout",
    "embedding": "Embedding EmbeddingBag",
    "flatten": "Flatten Unflatten",
    "folding": "Fold Unfold",
    "instance_norm": "InstanceNorm1d InstanceNorm2d InstanceNorm3d LocalResponseNorm",
    "lazy": """
        LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d
        LazyConvTranspose2d LazyConvTranspose3d LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d
        LazyLinear UninitializedParameter
    """,
    "linear": "Bilinear Identity Linear",
    "loss": """
        AdaptiveLogSoftmaxWithLoss BCELoss BCEWithLogitsLoss CosineEmbeddingLoss CosineSimilarity
        CrossEntropyLoss CTCLoss GaussianNLLLoss HingeEmbeddingLoss HuberLoss KLDivLoss L1Loss
        LinearCrossEntropyLoss MarginRankingLoss MSELoss MultiLabelMarginLoss MultiLabelSoftMarginLoss
        MultiMarginLoss NLLLoss PairwiseDistance PoissonNLLLoss SmoothL1Loss SoftMarginLoss
        TripletMarginLoss TripletMarginWithDistanceLoss
    """,
    "normalization": """
        BatchNorm1d BatchNorm2d BatchNorm3d GroupNorm LayerNorm RMSNorm SyncBatchNorm
    """,
    "padding": """
        CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d ReflectionPad1d
        ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d ZeroPad1d
        ZeroPad2d ZeroPad3d
    """,
    "parallel": "DataParallel",
    "parameter_containers": "ParameterDict ParameterList",
    "pooling": """
        AvgPool1d AvgPool2d AvgPool3d LPPool1d LPPool2d LPPool3d MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d
        MaxUnpool2d MaxUnpool3d
    """,
    "recurrent": "GRU LSTM RNN RNNBase",
    "transformer": """
        Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer
    """,
    "uneven_pooling": """
        AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d
        AdaptiveMaxPool3d FractionalMaxPool2d FractionalMaxPool3d
    """,
    "upsampling": """
        ChannelShuffle PixelShuffle PixelUnshuffle Upsample UpsamplingBilinear2d UpsamplingNearest2d
    """,
}  # fmt: skip
"""The layers by chapter. A chapter is loaded when one of its layers is first asked for: a script that has no recurrent layers does not
wait for them.
"""
LAYERS = {name: chapter for chapter, names in CHAPTERS.items() for name in names.split()}

__all__ = [
    "Buffer", "Module", "Parameter", "functional", "grad", "init", "modules", "parallel", "utils", *LAYERS,
]  # fmt: skip

__getattr__ = loaded_later(
    __name__, (*CHAPTERS, "grad", "modules", "utils"), LAYERS, missing_from("nn")
)
__dir__ = shown(__name__)
