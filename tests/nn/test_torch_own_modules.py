"""PyTorch's own samples of its layers, as the tests of ours: what `tests/module_samples.py` prints, asserted, in float64."""

import re
import warnings
from functools import cache

import module_samples
import pytest

NAMES = """
    AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d
    AvgPool1d AvgPool2d AvgPool3d BCELoss BCEWithLogitsLoss BatchNorm1d BatchNorm2d BatchNorm3d Bilinear CELU
    CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d Conv1d Conv2d Conv3d
    ConvTranspose1d ConvTranspose2d ConvTranspose3d CosineEmbeddingLoss CrossEntropyLoss ELU Embedding
    FractionalMaxPool2d FractionalMaxPool3d GELU GLU GRU GRUCell GaussianNLLLoss GroupNorm Hardshrink Hardswish Hardtanh
    HingeEmbeddingLoss HuberLoss InstanceNorm1d InstanceNorm2d InstanceNorm3d KLDivLoss L1Loss LPPool1d LPPool2d
    LPPool3d LSTM LSTMCell LayerNorm LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d LazyConvTranspose2d
    LazyConvTranspose3d LeakyReLU Linear LocalResponseNorm LogSigmoid LogSoftmax MSELoss MarginRankingLoss MaxPool1d
    MaxPool2d MaxPool3d Mish MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss NLLLoss PReLU PoissonNLLLoss
    RMSNorm RNN RNNCell ReLU ReLU6 ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d
    ReplicationPad3d SELU SiLU Sigmoid SmoothL1Loss Softmax Softmax2d Softmin Softplus Softshrink
    Softsign Tanh Tanhshrink Threshold ZeroPad1d ZeroPad2d ZeroPad3d
""".split()
"""All but CTCLoss, LinearCrossEntropyLoss, MultiheadAttention and the transformers, whose hundreds of samples take long, and
SoftMarginLoss, by whose target PyTorch has no gradient to compare with: the script runs them too."""

DELIBERATE = {
    r"refused nn.FractionalMaxPool3d.*samples must be": "random samples of two images are not those of one",
    r"differs nn.PoissonNLLLoss.*gradient 1": "PyTorch's logarithm of a target of 0 has a gradient that is no number",
    r"otherwise nn.(RNN|GRU|LSTM|CrossEntropyLoss)\(": "the same is refused, by an error of another type",
}


@cache
def records():
    """PyTorch's records by name."""
    return {info.name.removeprefix("nn."): info for info in module_samples.torch_modules()}


@pytest.mark.parametrize("name", NAMES)
def test_samples_agree(torch, name):
    info = records()[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = list(module_samples.outcomes(torch, info, ("float64",)))
    others = [f"{o.kind} {o.call} {o.words}" for o in found if o.kind != "agrees"]
    assert len(others) < len(found)
    assert [o for o in others if not any([re.search(p, o, re.DOTALL) for p in DELIBERATE])] == []
