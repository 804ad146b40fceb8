"""Each layer of `nn` in a typical configuration, with the shape of its input; `"i"` in front stands for integers below 7."""

from __future__ import annotations

from collections.abc import Callable

from chainrule import nn

Make = Callable[[], nn.Module]

IMAGE, ROWS, SEQUENCE, VOLUME = (2, 6, 7, 11), (7, 5), (3, 11, 6), (2, 3, 3, 5, 4)

ACTIVATIONS: dict[str, Make] = {
    name: getattr(nn, name)
    for name in (
        "ReLU SELU SiLU Mish Hardsigmoid Hardswish Sigmoid Tanh LogSigmoid Softsign Tanhshrink LeakyReLU ELU CELU Hardtanh ReLU6 "
        "GELU Softplus Softshrink Hardshrink PReLU"
    ).split()
}

LAYERS: dict[str, tuple[Make, tuple]] = {
    **{name: (make, ROWS) for name, make in ACTIVATIONS.items()},
    "GELU of tanh": (lambda: nn.GELU(approximate="tanh"), ROWS),
    "Threshold": (lambda: nn.Threshold(0.1, 20.0), ROWS),
    "PReLU by channel": (lambda: nn.PReLU(6), IMAGE),
    "GLU": (lambda: nn.GLU(1), IMAGE),
    "Softmax": (lambda: nn.Softmax(1), IMAGE),
    "LogSoftmax": (lambda: nn.LogSoftmax(-1), SEQUENCE),
    "Softmin": (lambda: nn.Softmin(0), ROWS),
    "Softmax2d": (nn.Softmax2d, IMAGE),
    "RReLU": (nn.RReLU, ROWS),
    "Linear": (lambda: nn.Linear(5, 3), ROWS),
    "Linear without bias": (lambda: nn.Linear(6, 13, bias=False), SEQUENCE),
    "Linear of many": (lambda: nn.Linear(129, 70), (67, 129)),
    "Conv1d": (lambda: nn.Conv1d(11, 5, 3, padding=1), SEQUENCE),
    "Conv2d": (lambda: nn.Conv2d(6, 5, 3), IMAGE),
    "Conv2d in strides": (lambda: nn.Conv2d(6, 5, (3, 2), stride=2, padding=(1, 0)), IMAGE),
    "Conv2d dilated": (lambda: nn.Conv2d(6, 5, 2, dilation=2, padding="same"), IMAGE),
    "Conv2d in groups": (lambda: nn.Conv2d(6, 4, 3, groups=2, bias=False), IMAGE),
    "Conv2d by channel": (lambda: nn.Conv2d(6, 6, 3, groups=6), IMAGE),
    "Dropout": (lambda: nn.Dropout(0.3), ROWS),
    "Dropout1d": (lambda: nn.Dropout1d(0.3), SEQUENCE),
    "Dropout2d": (lambda: nn.Dropout2d(0.3), IMAGE),
    "Embedding": (lambda: nn.Embedding(7, 5), ("i", 3, 4)),
    "Embedding with padding": (lambda: nn.Embedding(7, 5, padding_idx=2), ("i", 11)),
    "Flatten": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(66, 2)), SEQUENCE),
    "Unflatten": (lambda: nn.Unflatten(2, (2, 3)), SEQUENCE),
    "Identity": (nn.Identity, ROWS),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(5), ROWS),
    "BatchNorm1d, averages": (lambda: nn.BatchNorm1d(5, momentum=None), ROWS),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(6), IMAGE),
    "BatchNorm3d": (lambda: nn.BatchNorm3d(3, affine=False), (2, 3, 2, 5, 7)),
    "LayerNorm": (lambda: nn.LayerNorm(6), SEQUENCE),
    "LayerNorm of images": (lambda: nn.LayerNorm((6, 7, 11)), IMAGE),
    "GroupNorm": (lambda: nn.GroupNorm(3, 6), IMAGE),
    "RMSNorm": (lambda: nn.RMSNorm(6), SEQUENCE),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), IMAGE),
    "MaxPool2d overlapping": (lambda: nn.MaxPool2d(3, stride=2, padding=1), IMAGE),
    "AvgPool2d": (lambda: nn.AvgPool2d(2, padding=1), IMAGE),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d((3, 2)), IMAGE),
    "ConvTranspose2d": (
        lambda: nn.ConvTranspose2d(6, 4, 3, stride=2, padding=1, output_padding=1, groups=2),
        IMAGE,
    ),
    "MaxPool1d": (lambda: nn.MaxPool1d(3, stride=2, ceil_mode=True), SEQUENCE),
    "AvgPool2d overlapping": (
        lambda: nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False),
        IMAGE,
    ),
    "AdaptiveMaxPool2d": (lambda: nn.AdaptiveMaxPool2d((3, 2)), IMAGE),
    "InstanceNorm2d": (
        lambda: nn.InstanceNorm2d(6, affine=True, track_running_stats=True),
        IMAGE,
    ),
    "EmbeddingBag": (lambda: nn.EmbeddingBag(7, 5, padding_idx=2), ("i", 3, 4)),
    "Unfold": (lambda: nn.Unfold(3, padding=1, stride=2), IMAGE),
    "PixelShuffle": (lambda: nn.PixelShuffle(2), (2, 8, 3, 5)),
    "Upsample bilinear": (lambda: nn.Upsample(size=(9, 5), mode="bilinear"), IMAGE),
    "ReflectionPad2d": (lambda: nn.ReflectionPad2d((1, 2, 0, 3)), IMAGE),
    "LSTM": (lambda: nn.LSTM(6, 5, num_layers=2), SEQUENCE),
    "LSTM, both ways": (lambda: nn.LSTM(6, 5, bidirectional=True, batch_first=True), SEQUENCE),
    "LSTM, projected": (lambda: nn.LSTM(6, 5, proj_size=3), SEQUENCE),
    "RNN": (lambda: nn.RNN(6, 5, num_layers=2, bidirectional=True), SEQUENCE),
    "RNN of relu": (lambda: nn.RNN(6, 5, nonlinearity="relu"), SEQUENCE),
    "GRU": (lambda: nn.GRU(6, 5, num_layers=2, bidirectional=True), SEQUENCE),
    "GRU, packed": (lambda: Packed(nn.GRU(6, 5, bidirectional=True), [2, 3, 1]), SEQUENCE),
    "LSTMCell": (lambda: nn.LSTMCell(5, 3), ROWS),
    "RNNCell": (lambda: nn.RNNCell(5, 3), ROWS),
    "GRUCell": (lambda: nn.GRUCell(5, 3), ROWS),
    # without a bias of keys: its derivative is zero, of whose roundings AdamW makes steps
    "attention": (lambda: ToItself(nn.MultiheadAttention(6, 3, 0.1, bias=False)), SEQUENCE),
    "attention, more keys": (
        lambda: ToItself(nn.MultiheadAttention(6, 2, add_bias_kv=True, add_zero_attn=True)),
        SEQUENCE,
    ),
    "encoder layer": (lambda: nn.TransformerEncoderLayer(6, 3, 13, bias=False), SEQUENCE),
    "decoder, norm first": (
        lambda: ToItself(
            nn.TransformerDecoder(
                nn.TransformerDecoderLayer(
                    6, 3, 13, 0.0, "gelu", batch_first=True, norm_first=True, bias=False
                ),
                2,
            ),
            2,
        ),
        SEQUENCE,
    ),
    # views that cut axes of windows after the windows have been laid out over them
    "groups after pooling": (lambda: nn.Sequential(nn.MaxPool2d(2), nn.GroupNorm(3, 6)), IMAGE),
    "groups after a convolution in groups": (
        lambda: nn.Sequential(nn.Conv2d(6, 12, 3, groups=6), nn.GroupNorm(3, 12)),
        IMAGE,
    ),
    "network": (lambda: network(), IMAGE),
}


SELDOM: dict[str, tuple[Make, tuple]] = {
    "Conv3d": (lambda: nn.Conv3d(3, 5, (1, 2, 3), padding=1), VOLUME),
    "ConvTranspose1d": (lambda: nn.ConvTranspose1d(11, 5, 3, stride=2), SEQUENCE),
    "ConvTranspose2d dilated": (
        lambda: nn.ConvTranspose2d(6, 4, 2, dilation=3, output_padding=2),
        IMAGE,
    ),
    "ConvTranspose3d": (lambda: nn.ConvTranspose3d(3, 2, 2), VOLUME),
    "Conv2d reflected": (lambda: nn.Conv2d(6, 5, 3, padding=2, padding_mode="reflect"), IMAGE),
    "MaxPool3d": (lambda: nn.MaxPool3d(2, padding=1), VOLUME),
    "MaxUnpool2d": (lambda: Unpooled(), IMAGE),
    "AvgPool1d": (lambda: nn.AvgPool1d(3, stride=2, padding=1), SEQUENCE),
    "AvgPool3d": (lambda: nn.AvgPool3d(2), VOLUME),
    "LPPool2d": (lambda: nn.LPPool2d(2, 2), IMAGE),
    "AdaptiveAvgPool1d": (lambda: nn.AdaptiveAvgPool1d(4), SEQUENCE),
    "AdaptiveMaxPool3d": (lambda: nn.AdaptiveMaxPool3d(2), VOLUME),
    "FractionalMaxPool2d": (lambda: nn.FractionalMaxPool2d(2, output_ratio=0.6), IMAGE),
    "InstanceNorm1d": (lambda: nn.InstanceNorm1d(11), SEQUENCE),
    "InstanceNorm3d": (lambda: nn.InstanceNorm3d(3, affine=True), VOLUME),
    "LocalResponseNorm": (lambda: nn.LocalResponseNorm(3, alpha=0.5), IMAGE),
    "Dropout3d": (lambda: nn.Dropout3d(0.3), VOLUME),
    "AlphaDropout": (lambda: nn.AlphaDropout(0.3), ROWS),
    "FeatureAlphaDropout": (lambda: nn.FeatureAlphaDropout(0.3), SEQUENCE),
    "EmbeddingBag of maxima": (lambda: nn.EmbeddingBag(7, 5, mode="max"), ("i", 3, 4)),
    "Embedding by frequency": (lambda: nn.Embedding(7, 5, scale_grad_by_freq=True), ("i", 11)),
    "Fold": (lambda: nn.Fold((3, 4), 2), (2, 8, 6)),
    "PixelUnshuffle": (lambda: nn.PixelUnshuffle(2), (2, 3, 6, 4)),
    "ChannelShuffle": (lambda: nn.ChannelShuffle(3), IMAGE),
    "Upsample": (lambda: nn.Upsample(scale_factor=2), IMAGE),
    "Upsample linear": (lambda: nn.Upsample(size=9, mode="linear"), SEQUENCE),
    "Upsample bicubic": (lambda: nn.Upsample(scale_factor=1.5, mode="bicubic"), IMAGE),
    "ZeroPad2d": (lambda: nn.ZeroPad2d((1, 2, 0, 3)), IMAGE),
    "ReplicationPad1d": (lambda: nn.ReplicationPad1d((1, 2)), SEQUENCE),
    "CircularPad3d": (lambda: nn.CircularPad3d(1), VOLUME),
}
"""Layers that are like others, for the full suite."""


class Unpooled(nn.Module):
    """Maxima put back where they were found."""

    def forward(self, x):
        """The image with all but the maxima zero."""
        y, at = nn.functional.max_pool2d(x, 2, return_indices=True)
        return nn.functional.max_unpool2d(y, at, 2, output_size=x.shape[-2:])


def network() -> nn.Module:
    """Layers one after another, as they are used."""
    return nn.Sequential(
        *[nn.Conv2d(6, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True)],
        *[nn.MaxPool2d(2), nn.Dropout(0.2), nn.Flatten(), nn.Linear(120, 17), nn.GELU()],
        *[nn.LayerNorm(17), nn.Linear(17, 3), nn.LogSoftmax(-1)],
    )


class Packed(nn.Module):
    """A recurrent layer given sequences (B, T, …) of these lengths."""

    def __init__(self, layer: nn.Module, lengths: list[int]) -> None:
        super().__init__()
        self.layer, self.lengths = layer, lengths

    def forward(self, x):
        packed = nn.utils.rnn.pack_padded_sequence(x, self.lengths, True, enforce_sorted=False)
        y, h = self.layer(packed)
        return nn.utils.rnn.pad_packed_sequence(y, padding_value=0.5)[0], h


class ToItself(nn.Module):
    """A layer of several inputs, all of them x."""

    def __init__(self, layer: nn.Module, inputs: int = 3) -> None:
        super().__init__()
        self.layer, self.inputs = layer, inputs

    def forward(self, x):
        return self.layer(*[x] * self.inputs)
